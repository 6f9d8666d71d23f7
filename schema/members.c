#include "schema/members.h"

#include <stdbool.h>
#include <string.h>

enum { MEMBERS_MAX = 65535, NUMBER_ROOM = 3, TWO_BYTES = 0xfc };

/* --- numbers --------------------------------------------------------------------------------- */

/* Neither a list nor a name is longer than two bytes can say. */
static bool take_number(const uint8_t **p, const uint8_t *end, uint32_t *out)
{
    if (*p == end || **p > TWO_BYTES || (**p == TWO_BYTES && end - *p < NUMBER_ROOM))
        return false;
    bool two = **p == TWO_BYTES;
    *out = two ? (uint32_t)((*p)[1] | (*p)[2] << 8) : **p;
    *p += two ? NUMBER_ROOM : 1;
    return true;
}

static int put_number(struct buf *out, size_t n)
{
    const uint8_t two[NUMBER_ROOM] = {TWO_BYTES, (uint8_t)n, (uint8_t)(n >> 8)};
    const uint8_t one = (uint8_t)n;
    return n < 251 ? buf_append(out, &one, 1) : buf_append(out, two, sizeof two);
}

/* --- "enum('a','b')" ------------------------------------------------------------------------- */

/* What stands for a byte behind a backslash. */
static char escaped(char c)
{
    return c == 'n' ? '\n' : c == 'r' ? '\r' : c == '0' ? 0 : c;
}

/* The next name behind *p, as it is; name NULL: nobody asks. False: no more. */
static bool next_quoted(const char **p, struct buf *name, int *rc)
{
    const char *at = strchr(*p, '\'');
    if (name)
        buf_clear(name);
    if (!at)
        return false;
    for (at++; *at && (*at != '\'' || at[1] == '\''); at++) {
        bool escapes = *at == '\\' && at[1];
        at += escapes || *at == '\'';
        const char c = escapes ? escaped(*at) : *at;
        if (name)
            *rc |= buf_append(name, &c, 1);
    }
    *p = at + (*at == '\'');
    return true;
}

uint32_t members_count(const char *column_type)
{
    uint32_t count = 0;
    int rc = 0;
    while (next_quoted(&column_type, NULL, &rc))
        count++;
    return count;
}

int members_of_type(struct buf *out, const char *column_type)
{
    BUF_AUTO struct buf name = {0}, names = {0};
    size_t count = 0;
    int rc = 0;
    while (rc == 0 && next_quoted(&column_type, &name, &rc)) {
        rc |= put_number(&names, name.len) | buf_append(&names, name.data, name.len);
        count++;
    }
    return rc | put_number(out, count) | buf_append(out, names.data, names.len) ? DS_ENOMEM : 0;
}

/* --- lists ----------------------------------------------------------------------------------- */

int members_read(struct slice list, struct arena *arena, struct slice **names, uint32_t *count)
{
    const uint8_t *p = list.p, *end = list.p + list.len;
    uint32_t n = 0, length;
    *count = 0;
    *names = NULL;
    if (!list.len || !take_number(&p, end, &n) || n > MEMBERS_MAX || n > (size_t)(end - p))
        return 0;
    *names = arena_zalloc(arena, (n + 1) * sizeof **names);
    if (!*names)
        return DS_ENOMEM;
    for (uint32_t i = 0; i < n; i++) {
        if (!take_number(&p, end, &length) || length > (size_t)(end - p))
            return 0;
        (*names)[i] = (struct slice){p, length};
        p += length;
    }
    *count = n;
    return 0;
}
