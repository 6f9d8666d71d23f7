/* GTIDs as text. Runs once or twice per transaction, hence no formatted printing. */
#include <stdio.h>
#include <string.h>

#include "agent/capture_state.h"

enum { U64_DIGITS = 20, MARIADB_GTID_LENGTH = 44 }; /* longest texts */

static char *put_u64(char *out, uint64_t v)
{
    char digits[U64_DIGITS];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    while (n)
        *out++ = digits[--n];
    return out;
}

static char *put_mariadb(char *out, uint32_t domain, uint32_t server, uint64_t seq)
{
    out = put_u64(out, domain);
    *out++ = '-';
    out = put_u64(out, server);
    *out++ = '-';
    return put_u64(out, seq);
}

void capture_print_gtid(const struct gtid *gtid, char *out, size_t size)
{
    if (size)
        *out = 0;
    if (gtid->flavour == GTID_MARIADB && size > MARIADB_GTID_LENGTH)
        *put_mariadb(out, gtid->domain, gtid->server, gtid->seq) = 0;
    else if (gtid->flavour != GTID_NONE)
        gtid_print(gtid, out, size);
}

int capture_print_set(const struct gtid_set *set, struct buf *out)
{
    if (set->flavour != GTID_MARIADB)
        return gtid_set_print(set, out);
    if (buf_reserve(out, set->count * (MARIADB_GTID_LENGTH + 1)))
        return DS_ENOMEM;
    char *start = (char *)out->data + out->len, *p = start;
    for (size_t i = 0; i < set->count; i++) {
        if (i)
            *p++ = ',';
        p = put_mariadb(p, set->members[i].domain, set->members[i].server, set->members[i].seq);
    }
    out->len += (size_t)(p - start);
    return 0;
}
