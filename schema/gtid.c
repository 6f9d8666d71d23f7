/* GTIDs and sets of them, of both flavours.
 *
 * MySQL's text names a UUID once, then its tags, each followed by its intervals; white space may
 * stand around every piece. A set is kept sorted and its intervals merged, so that equality is
 * comparison and the text is unique.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "schema/position.h"

#define GNO_MAX ((uint64_t)INT64_MAX - 1) /* 2^63-2, MySQL's own limit */

/* --- text --------------------------------------------------------------- */

struct cursor {
    const char *p, *end;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_space(struct cursor *c)
{
    while (c->p < c->end && is_space(*c->p))
        c->p++;
}

static bool take_char(struct cursor *c, char wanted)
{
    if (c->p == c->end || *c->p != wanted)
        return false;
    c->p++;
    return true;
}

static bool take_number(struct cursor *c, uint64_t max, uint64_t *out)
{
    const char *from = c->p;
    uint64_t v = 0;
    for (; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++)
        if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*c->p - '0'), &v))
            return false;
    *out = v;
    return c->p != from && v <= max;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_uuid(struct cursor *c, uint8_t uuid[16])
{
    enum { UUID_TEXT = 36 };
    if (c->end - c->p < UUID_TEXT)
        return false;
    const char *p = c->p;
    for (int i = 0; i < 16; i++) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && *p++ != '-')
            return false;
        int high = hex_digit(p[0]), low = hex_digit(p[1]);
        if (high < 0 || low < 0)
            return false;
        uuid[i] = (uint8_t)(high << 4 | low);
        p += 2;
    }
    c->p = p;
    return true;
}

static bool is_tag_char(char c, bool first)
{
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (!first && c >= '0' && c <= '9');
}

/* A tag, if one stands here; the server folds it to lower case. */
static bool take_tag(struct cursor *c, char tag[33])
{
    size_t n = 0;
    const char *p = c->p;
    while (p < c->end && is_tag_char(*p, n == 0)) {
        if (n == 32)
            return false;
        tag[n++] = (char)(*p >= 'A' && *p <= 'Z' ? *p | 0x20 : *p);
        p++;
    }
    if (n == 0)
        return false;
    memset(tag + n, 0, 33 - n);
    c->p = p;
    return true;
}

static bool take_mariadb(struct cursor *c, struct gtid *g)
{
    uint64_t domain, server, seq;
    if (!take_number(c, UINT32_MAX, &domain) || !take_char(c, '-') ||
        !take_number(c, UINT32_MAX, &server) || !take_char(c, '-') ||
        !take_number(c, UINT64_MAX, &seq))
        return false;
    *g = (struct gtid){.flavour = GTID_MARIADB,
                       .domain = (uint32_t)domain,
                       .server = (uint32_t)server,
                       .seq = seq};
    return true;
}

static int bad_text(struct ds_error *err, const char *what, struct cursor piece)
{
    skip_space(&piece);
    while (piece.end > piece.p && is_space(piece.end[-1]))
        piece.end--;
    return error_set(err, DS_EUSAGE,
                     "%s: \"%.*s\"; write MariaDB's as DOMAIN-SERVER-SEQUENCE, MySQL's as "
                     "UUID:[TAG:]NUMBER[-NUMBER]",
                     what, (int)(piece.end - piece.p > 200 ? 200 : piece.end - piece.p), piece.p);
}

int gtid_parse(struct gtid *gtid, const char *text, struct ds_error *err)
{
    struct cursor c = {text, text + strlen(text)}, whole = c;
    memset(gtid, 0, sizeof *gtid);
    skip_space(&c);
    if (take_uuid(&c, gtid->uuid)) {
        gtid->flavour = GTID_MYSQL;
        bool ok = take_char(&c, ':');
        if (ok && take_tag(&c, gtid->tag))
            ok = take_char(&c, ':');
        if (!ok || !take_number(&c, GNO_MAX, &gtid->seq) || gtid->seq == 0)
            return bad_text(err, "not a GTID", whole);
    } else if (!take_mariadb(&c, gtid)) {
        return bad_text(err, "not a GTID", whole);
    }
    skip_space(&c);
    return c.p == c.end ? 0 : bad_text(err, "not a GTID", whole);
}

/* --- members ------------------------------------------------------------ */

static int member_compare(enum gtid_flavour flavour, const struct gtid_member *m,
                          const struct gtid_member *key)
{
    if (flavour == GTID_MARIADB)
        return m->domain < key->domain ? -1 : m->domain > key->domain;
    int d = memcmp(m->uuid, key->uuid, sizeof m->uuid);
    return d ? d : strcmp(m->tag, key->tag);
}

/* Where the member is, or where it belongs. */
static size_t member_find(const struct gtid_set *set, const struct gtid_member *key, bool *found)
{
    size_t low = 0, high = set->count;
    *found = false;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int d = member_compare(set->flavour, &set->members[mid], key);
        if (d == 0) {
            *found = true;
            return mid;
        }
        if (d < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* The member with this domain, or UUID and tag, put in if it is not there; NULL: out of memory. */
static struct gtid_member *member_get(struct gtid_set *set, const struct gtid_member *key,
                                      bool *found)
{
    size_t at = member_find(set, key, found);
    if (*found)
        return &set->members[at];
    struct gtid_member *members = reallocarray(set->members, set->count + 1, sizeof *set->members);
    if (!members)
        return NULL;
    set->members = members;
    memmove(&members[at + 1], &members[at], (set->count - at) * sizeof *members);
    members[at] = *key;
    members[at].intervals = NULL;
    members[at].count = 0;
    set->count++;
    return &members[at];
}

static void member_remove(struct gtid_set *set, struct gtid_member *m)
{
    size_t at = (size_t)(m - set->members);
    free(m->intervals);
    set->count--;
    memmove(m, m + 1, (set->count - at) * sizeof *m);
}

/* The first interval that ends at or after `value`. */
static size_t interval_find(const struct gtid_member *m, uint64_t value)
{
    size_t low = 0, high = m->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (m->intervals[mid].last < value)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static int interval_insert(struct gtid_member *m, size_t at, uint64_t first, uint64_t last)
{
    struct gtid_interval *fresh = reallocarray(m->intervals, m->count + 1, sizeof *m->intervals);
    if (!fresh)
        return DS_ENOMEM;
    m->intervals = fresh;
    memmove(&fresh[at + 1], &fresh[at], (m->count - at) * sizeof *fresh);
    fresh[at] = (struct gtid_interval){first, last};
    m->count++;
    return 0;
}

static int interval_add(struct gtid_member *m, uint64_t first, uint64_t last)
{
    if (m->count && m->intervals[m->count - 1].last + 1 == first) { /* the usual one */
        m->intervals[m->count - 1].last = last;
        return 0;
    }
    size_t from = interval_find(m, first - 1), to = from; /* first ≥ 1: adjacent ones merge */
    while (to < m->count && m->intervals[to].first <= last + 1)
        to++;
    if (from == to)
        return interval_insert(m, from, first, last);
    struct gtid_interval *v = m->intervals;
    if (v[from].first < first)
        first = v[from].first;
    if (v[to - 1].last > last)
        last = v[to - 1].last;
    v[from] = (struct gtid_interval){first, last};
    memmove(&v[from + 1], &v[to], (m->count - to) * sizeof *v);
    m->count -= to - from - 1;
    return 0;
}

static int interval_remove(struct gtid_member *m, uint64_t first, uint64_t last)
{
    size_t i = interval_find(m, first);
    while (i < m->count && m->intervals[i].first <= last) {
        struct gtid_interval *v = &m->intervals[i];
        if (v->first < first && v->last > last) {
            uint64_t end = v->last;
            if (interval_insert(m, i + 1, last + 1, end))
                return DS_ENOMEM;
            m->intervals[i].last = first - 1;
            return 0;
        }
        if (v->first < first) {
            v->last = first - 1;
            i++;
        } else if (v->last > last) {
            v->first = last + 1;
            return 0;
        } else {
            m->count--;
            memmove(v, v + 1, (m->count - i) * sizeof *v);
        }
    }
    return 0;
}

/* --- sets --------------------------------------------------------------- */

void gtid_set_free(struct gtid_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        free(set->members[i].intervals);
    free(set->members);
    memset(set, 0, sizeof *set);
}

int gtid_set_copy(struct gtid_set *to, const struct gtid_set *from)
{
    memset(to, 0, sizeof *to);
    if (from->count == 0)
        return 0;
    to->members = calloc(from->count, sizeof *to->members);
    if (!to->members)
        return DS_ENOMEM;
    to->flavour = from->flavour;
    for (; to->count < from->count; to->count++) {
        struct gtid_member *m = &to->members[to->count];
        *m = from->members[to->count];
        if (!m->count)
            continue;
        m->intervals = calloc(m->count, sizeof *m->intervals);
        if (!m->intervals) {
            gtid_set_free(to);
            return DS_ENOMEM;
        }
        memcpy(m->intervals, from->members[to->count].intervals, m->count * sizeof *m->intervals);
    }
    return 0;
}

int gtid_set_add(struct gtid_set *set, const struct gtid *gtid)
{
    if (gtid->flavour == GTID_NONE || (set->count && set->flavour != gtid->flavour))
        return DS_EUSAGE;
    if (gtid->flavour == GTID_MYSQL && (gtid->seq == 0 || gtid->seq > GNO_MAX))
        return DS_EUSAGE;
    struct gtid_member key = {.domain = gtid->domain};
    memcpy(key.uuid, gtid->uuid, sizeof key.uuid);
    memcpy(key.tag, gtid->tag, sizeof key.tag);
    bool found;
    set->flavour = gtid->flavour;
    struct gtid_member *m = member_get(set, &key, &found);
    int rc = m ? 0 : DS_ENOMEM;
    if (m && gtid->flavour == GTID_MARIADB) {
        m->server = gtid->server;
        m->seq = gtid->seq;
    } else if (m) {
        rc = interval_add(m, gtid->seq, gtid->seq);
        if (rc && !found)
            member_remove(set, m);
    }
    if (set->count == 0)
        set->flavour = GTID_NONE;
    return rc;
}

static bool member_covers(const struct gtid_member *m, uint64_t first, uint64_t last)
{
    size_t i = interval_find(m, first);
    return i < m->count && m->intervals[i].first <= first && m->intervals[i].last >= last;
}

bool gtid_set_contains(const struct gtid_set *set, const struct gtid *gtid)
{
    if (set->count == 0 || set->flavour != gtid->flavour)
        return false;
    struct gtid_member key = {.domain = gtid->domain};
    memcpy(key.uuid, gtid->uuid, sizeof key.uuid);
    memcpy(key.tag, gtid->tag, sizeof key.tag);
    bool found;
    size_t at = member_find(set, &key, &found);
    if (!found)
        return false;
    if (set->flavour == GTID_MARIADB)
        return gtid->seq <= set->members[at].seq;
    return member_covers(&set->members[at], gtid->seq, gtid->seq);
}

bool gtid_set_subset(const struct gtid_set *sub, const struct gtid_set *super)
{
    if (sub->count && sub->flavour != super->flavour)
        return false;
    for (size_t i = 0; i < sub->count; i++) {
        const struct gtid_member *m = &sub->members[i];
        bool found;
        size_t at = member_find(super, m, &found);
        if (!found || (sub->flavour == GTID_MARIADB && m->seq > super->members[at].seq))
            return false;
        for (size_t v = 0; v < m->count; v++)
            if (!member_covers(&super->members[at], m->intervals[v].first, m->intervals[v].last))
                return false;
    }
    return true;
}

bool gtid_set_equal(const struct gtid_set *a, const struct gtid_set *b)
{
    if (a->count != b->count || (a->count && a->flavour != b->flavour))
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct gtid_member *x = &a->members[i], *y = &b->members[i];
        if (member_compare(a->flavour, x, y) || x->count != y->count || x->seq != y->seq ||
            x->server != y->server)
            return false;
        for (size_t v = 0; v < x->count; v++)
            if (x->intervals[v].first != y->intervals[v].first ||
                x->intervals[v].last != y->intervals[v].last)
                return false;
    }
    return true;
}

int gtid_set_subtract(struct gtid_set *out, const struct gtid_set *a, const struct gtid_set *b)
{
    if (gtid_set_copy(out, a))
        return DS_ENOMEM;
    if (out->count && out->flavour != b->flavour)
        return 0;
    for (size_t i = out->count; i-- > 0;) {
        struct gtid_member *m = &out->members[i];
        bool found;
        size_t at = member_find(b, m, &found);
        if (!found)
            continue;
        const struct gtid_member *minus = &b->members[at];
        for (size_t v = 0; v < minus->count; v++)
            if (interval_remove(m, minus->intervals[v].first, minus->intervals[v].last)) {
                gtid_set_free(out);
                return DS_ENOMEM;
            }
        if (out->flavour == GTID_MARIADB ? m->seq <= minus->seq : m->count == 0)
            member_remove(out, m);
    }
    if (out->count == 0)
        gtid_set_free(out);
    return 0;
}

/* --- parsing of sets ---------------------------------------------------- */

static int parse_interval(struct cursor *c, struct gtid_member *m, bool *ok)
{
    uint64_t first = 0, last = 0;
    *ok = take_number(c, GNO_MAX, &first) && first > 0;
    last = first;
    skip_space(c);
    if (*ok && take_char(c, '-')) {
        skip_space(c);
        *ok = take_number(c, GNO_MAX, &last) && last >= first;
    }
    return *ok ? interval_add(m, first, last) : 0;
}

/* Behind a UUID: ":[tag:]interval" again and again. A tag counts until the next one. */
static int parse_mysql_piece(struct gtid_set *set, struct cursor *c, struct gtid_member *key,
                             bool *ok)
{
    bool found, tag_open = false;
    *ok = false;
    skip_space(c);
    while (take_char(c, ':')) {
        skip_space(c);
        if (take_tag(c, key->tag)) {
            if (tag_open) /* two tags, no interval between them */
                break;
            tag_open = true;
            *ok = false;
        } else {
            struct gtid_member *m = member_get(set, key, &found);
            if (!m || parse_interval(c, m, ok))
                return DS_ENOMEM;
            if (!*ok)
                return 0;
            tag_open = false;
        }
        skip_space(c);
    }
    *ok = *ok && !tag_open && c->p == c->end;
    return 0;
}

/* One comma-separated piece. */
static int parse_piece(struct gtid_set *set, struct cursor piece, struct ds_error *err)
{
    struct cursor c = piece;
    struct gtid_member key = {0};
    struct gtid g;
    bool ok, found;
    skip_space(&c);
    struct cursor start = c;
    bool mysql = take_uuid(&c, key.uuid);
    enum gtid_flavour flavour = mysql ? GTID_MYSQL : GTID_MARIADB;
    if (!mysql) {
        c = start;
        ok = take_mariadb(&c, &g);
        skip_space(&c);
        if (!ok || c.p != c.end)
            return bad_text(err, "not a GTID", piece);
    }
    if (set->count && set->flavour != flavour)
        return bad_text(err, "GTIDs of MariaDB and MySQL in one set", piece);
    set->flavour = flavour;
    if (mysql) {
        if (parse_mysql_piece(set, &c, &key, &ok))
            return error_set(err, DS_ENOMEM, "out of memory for a GTID set");
        return ok ? 0 : bad_text(err, "not a set of GTIDs of one UUID", piece);
    }
    key.domain = g.domain;
    struct gtid_member *m = member_get(set, &key, &found);
    if (!m)
        return error_set(err, DS_ENOMEM, "out of memory for a GTID set");
    if (found)
        return bad_text(err, "two GTIDs of one domain in a set", piece);
    m->server = g.server;
    m->seq = g.seq;
    return 0;
}

int gtid_set_parse(struct gtid_set *set, const char *text, struct ds_error *err)
{
    struct cursor c = {text, text + strlen(text)};
    memset(set, 0, sizeof *set);
    skip_space(&c);
    if (c.p == c.end)
        return 0;
    for (;;) {
        const char *comma = memchr(c.p, ',', (size_t)(c.end - c.p));
        struct cursor piece = {c.p, comma ? comma : c.end};
        int rc = parse_piece(set, piece, err);
        if (rc) {
            gtid_set_free(set);
            return rc;
        }
        if (!comma)
            return 0;
        c.p = comma + 1;
    }
}

/* --- printing: each transaction's position passes here, so no printf ----- */

static char *print_number(char *p, uint64_t v)
{
    char digits[20];
    int n = 0;
    do
        digits[n++] = (char)('0' + v % 10);
    while (v /= 10);
    while (n)
        *p++ = digits[--n];
    return p;
}

static char *print_uuid(char *p, const uint8_t uuid[16])
{
    static const char hex[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = hex[uuid[i] >> 4];
        *p++ = hex[uuid[i] & 15];
    }
    return p;
}

static char *print_mariadb(char *p, uint32_t domain, uint32_t server, uint64_t seq)
{
    p = print_number(p, domain);
    *p++ = '-';
    p = print_number(p, server);
    *p++ = '-';
    return print_number(p, seq);
}

static char *print_tag(char *p, const char tag[33])
{
    size_t n = strnlen(tag, 32);
    memcpy(p, tag, n);
    return p + n;
}

int gtid_print(const struct gtid *gtid, char *out, size_t size)
{
    char text[GTID_TEXT_SIZE], *p = text;
    if (gtid->flavour == GTID_MARIADB) {
        p = print_mariadb(p, gtid->domain, gtid->server, gtid->seq);
    } else if (gtid->flavour == GTID_MYSQL) {
        p = print_uuid(p, gtid->uuid);
        *p++ = ':';
        if (gtid->tag[0]) {
            p = print_tag(p, gtid->tag);
            *p++ = ':';
        }
        p = print_number(p, gtid->seq);
    }
    size_t n = (size_t)(p - text);
    if (size)
        out[0] = 0;
    if (n >= size)
        return DS_ELIMIT;
    memcpy(out, text, n);
    out[n] = 0;
    return 0;
}

static int print_member(const struct gtid_set *set, size_t i, struct buf *out)
{
    const struct gtid_member *m = &set->members[i];
    enum { INTERVAL_TEXT = 42 }; /* ":" and two numbers */
    size_t room = GTID_TEXT_SIZE + m->count * INTERVAL_TEXT;
    if (buf_reserve(out, room))
        return DS_ENOMEM;
    char *start = (char *)out->data + out->len, *p = start;
    if (set->flavour == GTID_MARIADB) {
        if (i)
            *p++ = ',';
        p = print_mariadb(p, m->domain, m->server, m->seq);
    } else {
        if (i == 0 || memcmp(set->members[i - 1].uuid, m->uuid, sizeof m->uuid) != 0) {
            if (i)
                *p++ = ',';
            p = print_uuid(p, m->uuid);
        }
        if (m->tag[0]) {
            *p++ = ':';
            p = print_tag(p, m->tag);
        }
        for (size_t v = 0; v < m->count; v++) {
            *p++ = ':';
            p = print_number(p, m->intervals[v].first);
            if (m->intervals[v].last == m->intervals[v].first)
                continue;
            *p++ = '-';
            p = print_number(p, m->intervals[v].last);
        }
    }
    out->len += (size_t)(p - start);
    return 0;
}

int gtid_set_print(const struct gtid_set *set, struct buf *out)
{
    size_t start = out->len;
    for (size_t i = 0; i < set->count; i++)
        if (print_member(set, i, out)) {
            out->len = start;
            return DS_ENOMEM;
        }
    return 0;
}
