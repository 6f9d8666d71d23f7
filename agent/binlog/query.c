/* QUERY events: the statement and the session state that its meaning depends on.
 *
 * Status variables stand in ascending order of their codes without a common length, so a reader
 * that meets a code it does not know can read none behind it. The servers stop there silently, and
 * add only variables that older replicas may do without; so does this.
 */
#include "decoder.h"

#include <stdio.h>

enum status_variable {
    STATUS_FLAGS2 = 0,
    STATUS_SQL_MODE = 1,
    STATUS_CATALOG = 2,
    STATUS_AUTO_INCREMENT = 3,
    STATUS_CHARSET = 4,
    STATUS_TIME_ZONE = 5,
    STATUS_CATALOG_NZ = 6,
    STATUS_LC_TIME_NAMES = 7,
    STATUS_CHARSET_DATABASE = 8,
    STATUS_TABLE_MAP_FOR_UPDATE = 9,
    STATUS_MASTER_DATA_WRITTEN = 10,
    STATUS_INVOKER = 11,
    STATUS_UPDATED_DATABASES = 12,
    STATUS_MICROSECONDS = 13,
    STATUS_EXPLICIT_DEFAULTS = 16,
    STATUS_DDL_XID = 17,
    STATUS_DEFAULT_UTF8MB4 = 18,
    STATUS_REQUIRE_PRIMARY_KEY = 19,
    STATUS_TABLE_ENCRYPTION = 20,
    STATUS_MARIADB_HRNOW = 128,
    STATUS_MARIADB_XID = 129,
    STATUS_MARIADB_GTID_FLAGS3 = 130,
    STATUS_MARIADB_COLLATIONS = 131,
    STATUS_MARIADB_DUMMY = 255,
};
enum { /* bits of FLAGS2 that only MariaDB writes */
       FLAGS2_NO_CHECK_CONSTRAINTS = 1u << 15,
       FLAGS2_EXPLICIT_DEFAULTS = 1u << 24,
};

static bool skip_counted(struct cursor *c, size_t extra)
{
    uint64_t length;
    const uint8_t *p;
    return cursor_uint(c, 1, &length) && cursor_take(c, length + extra, &p);
}

static bool skip_databases(struct cursor *c)
{
    enum { TOO_MANY = 254 };
    uint64_t count;
    if (!cursor_uint(c, 1, &count))
        return false;
    if (count == TOO_MANY)
        return true;
    for (uint64_t i = 0; i < count; i++) {
        const uint8_t *nul = memchr(c->p, 0, cursor_left(c));
        if (!nul)
            return false;
        c->p = nul + 1;
    }
    return true;
}

static bool read_time_zone(struct cursor *c, struct msg_session *s)
{
    uint64_t length;
    return cursor_uint(c, 1, &length) && cursor_slice(c, length, &s->time_zone);
}

static bool skip_alter_flags(struct cursor *c)
{
    enum { COMMIT_OR_ROLLBACK_ALTER = 12 };
    uint64_t flags;
    const uint8_t *p;
    return cursor_uint(c, 1, &flags) &&
           (!(flags & COMMIT_OR_ROLLBACK_ALTER) || cursor_take(c, 8, &p));
}

static bool read_charsets(struct cursor *c, struct msg_session *s)
{
    const uint8_t *p;
    if (!cursor_take(c, 6, &p))
        return false;
    s->client_charset = le16(p);
    s->connection_collation = le16(p + 2);
    s->server_collation = le16(p + 4);
    return true;
}

static bool read_auto_increment(struct cursor *c, struct msg_session *s)
{
    const uint8_t *p;
    if (!cursor_take(c, 4, &p))
        return false;
    s->auto_increment_increment = le16(p);
    s->auto_increment_offset = le16(p + 2);
    return true;
}

static bool read_flags2(struct cursor *c, const struct decoder *d, struct msg_session *s)
{
    uint64_t v;
    if (!cursor_uint(c, 4, &v))
        return false;
    s->flags2 = (uint32_t)v;
    if (!d->mariadb)
        return true;
    s->check_constraint_checks = v & FLAGS2_NO_CHECK_CONSTRAINTS ? 0 : 1;
    if (v & FLAGS2_EXPLICIT_DEFAULTS)
        s->explicit_defaults_for_timestamp = 1;
    else if (d->has_explicit_defaults) /* else it may be on, and not be told */
        s->explicit_defaults_for_timestamp = 0;
    return true;
}

static bool read_u16(struct cursor *c, uint16_t *out)
{
    uint64_t v;
    if (!cursor_uint(c, 2, &v))
        return false;
    *out = (uint16_t)v;
    return true;
}

/* character_set_collations: pairs of a character set, by its first collation, and a collation. */
static bool read_collations(struct cursor *c, struct msg_session *s)
{
    enum { UTF8MB4 = 45 };
    uint64_t count;
    const uint8_t *p;
    if (!cursor_uint(c, 1, &count) || !cursor_take(c, count * 4, &p))
        return false;
    for (uint64_t i = 0; i < count; i++)
        if (le16(p + 4 * i) == UTF8MB4)
            s->utf8mb4_collation = le16(p + 4 * i + 2);
    return true;
}

/* One variable behind its code. *known is false for a code that ends the reading. */
static bool status_variable(struct cursor *c, uint8_t code, const struct decoder *d,
                            struct msg_session *s, bool *known)
{
    uint64_t v;
    const uint8_t *p;
    switch (code) {
    case STATUS_FLAGS2:
        return read_flags2(c, d, s);
    case STATUS_SQL_MODE:
        return cursor_uint(c, 8, &s->sql_mode);
    case STATUS_CATALOG:
        return skip_counted(c, 1);
    case STATUS_AUTO_INCREMENT:
        return read_auto_increment(c, s);
    case STATUS_CHARSET:
        return read_charsets(c, s);
    case STATUS_TIME_ZONE:
        return read_time_zone(c, s);
    case STATUS_CATALOG_NZ:
        return skip_counted(c, 0);
    case STATUS_LC_TIME_NAMES:
        return read_u16(c, &s->lc_time_names);
    case STATUS_CHARSET_DATABASE:
        return read_u16(c, &s->database_collation);
    case STATUS_TABLE_MAP_FOR_UPDATE:
    case STATUS_DDL_XID:
    case STATUS_MARIADB_XID:
        return cursor_take(c, 8, &p);
    case STATUS_MASTER_DATA_WRITTEN:
        return cursor_take(c, 4, &p);
    case STATUS_INVOKER: /* user, host */
        if (!skip_counted(c, 0))
            return false;
        return skip_counted(c, 0);
    case STATUS_UPDATED_DATABASES:
        return skip_databases(c);
    case STATUS_MICROSECONDS:
    case STATUS_MARIADB_HRNOW:
        if (!cursor_uint(c, 3, &v))
            return false;
        s->microseconds = (uint32_t)v;
        return true;
    case STATUS_EXPLICIT_DEFAULTS:
        if (!cursor_uint(c, 1, &v))
            return false;
        s->explicit_defaults_for_timestamp = v != 0;
        return true;
    case STATUS_DEFAULT_UTF8MB4:
        return read_u16(c, &s->utf8mb4_collation);
    case STATUS_REQUIRE_PRIMARY_KEY:
    case STATUS_TABLE_ENCRYPTION:
        return cursor_take(c, 1, &p);
    case STATUS_MARIADB_GTID_FLAGS3:
        return skip_alter_flags(c);
    case STATUS_MARIADB_COLLATIONS:
        return read_collations(c, s);
    case STATUS_MARIADB_DUMMY:
    default:
        *known = false;
        return true;
    }
}

/* thread(4) seconds(4) database length(1) error(2) status length(2), status variables, database,
 * 0, statement */
int query_decode(struct decoder *d, struct cursor body, const struct event_header *h,
                 struct query_event *out, struct ds_error *err)
{
    const uint8_t *p, *nul;
    size_t head = d->post_header[EV_QUERY] > 13 ? d->post_header[EV_QUERY] : 13;
    struct slice status;
    struct msg_session *s = &out->session;
    *s = (struct msg_session){.explicit_defaults_for_timestamp = -1, .check_constraint_checks = -1};
    if (!cursor_take(&body, head, &p) || !cursor_slice(&body, le16(p + 11), &status) ||
        !cursor_slice(&body, p[8], &s->database) || !cursor_take(&body, 1, &nul) || *nul != 0)
        return event_malformed(err, "Query", "status variables or database pass its end");
    out->thread_id = s->thread_id = le32(p);
    out->exec_time = le32(p + 4);
    s->error_code = le16(p + 9);
    s->timestamp = h->timestamp;
    struct cursor c = {status.p, status.p + status.len};
    bool known = true;
    while (known && cursor_left(&c)) {
        uint8_t code = *c.p++;
        if (!status_variable(&c, code, d, s, &known)) {
            char what[64];
            snprintf(what, sizeof what, "status variable %u is cut short", code);
            return event_malformed(err, "Query", what);
        }
    }
    out->statement = (struct slice){body.p, cursor_left(&body)};
    if (h->type != EV_QUERY_COMPRESSED)
        return 0;
    buf_clear(&d->inflated);
    int rc = block_inflate(body, d->max_event, "Query_compressed", &d->inflated, err);
    out->statement = (struct slice){d->inflated.data, d->inflated.len};
    return rc;
}
