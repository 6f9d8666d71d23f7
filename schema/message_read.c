/* Reading of whole messages. Every length and count is checked against the input before it is used;
 * elements behind those that we know are passed over, so that fields can be added at the end.
 */
#include <string.h>
#include <strings.h>

#include "schema/message.h"
#include "schema/message_session.h"

enum { MP_NIL = 0xc0, MP_FIXMAP = 0x80, MP_MAP16 = 0xde, MP_MAP32 = 0xdf };

/* Inside one message: what is left of its array. A reader that failed stays failed. */
struct reader {
    const uint8_t *p, *end;
    uint32_t left;      /* elements */
    const char *bad;    /* name of the first field that is missing or wrong */
    bool out_of_memory; /* … because of us */
    struct arena *arena;
};

static bool take(struct reader *r, const char *field)
{
    if (r->bad)
        return false;
    if (r->left == 0) {
        r->bad = field;
        return false;
    }
    r->left--;
    return true;
}

static uint64_t get_uint(struct reader *r, const char *field, uint64_t max)
{
    struct value v;
    if (!take(r, field))
        return 0;
    if (value_read(&r->p, r->end, &v) || v.kind != VALUE_UINT || v.u > max) {
        r->bad = field;
        return 0;
    }
    return v.u;
}

static uint32_t get_kind(struct reader *r, const char *field, uint32_t max)
{
    uint32_t v = (uint32_t)get_uint(r, field, max);
    if (v == 0 && !r->bad)
        r->bad = field;
    return v;
}

/* Text or bytes; nil gives a slice without address. */
static struct slice get_text(struct reader *r, const char *field, bool or_nil)
{
    struct value v;
    if (!take(r, field))
        return (struct slice){0};
    if (value_read(&r->p, r->end, &v) == 0) {
        if (v.kind == VALUE_TEXT || v.kind == VALUE_BYTES)
            return v.bytes;
        if (v.kind == VALUE_NULL && or_nil)
            return (struct slice){0};
    }
    r->bad = field;
    return (struct slice){0};
}

/* One object as it stands; nil gives len 0. */
static struct slice get_raw(struct reader *r, const char *field)
{
    const uint8_t *from = r->p;
    if (!take(r, field))
        return (struct slice){0};
    if (value_skip(&r->p, r->end)) {
        r->bad = field;
        return (struct slice){0};
    }
    if (*from == MP_NIL)
        return (struct slice){0};
    return (struct slice){from, (size_t)(r->p - from)};
}

/* An array as it stands, and its number of elements. */
static struct slice get_raw_array(struct reader *r, const char *field, uint32_t *count)
{
    struct slice raw = get_raw(r, field);
    const uint8_t *p = raw.p;
    *count = 0;
    if (raw.len && array_read_head(&p, raw.p + raw.len, count))
        r->bad = field;
    return raw;
}

static void read_members(struct reader *r, struct msg_column *c)
{
    const uint8_t *from = r->p;
    struct value v;
    c->members = get_text(r, "column members", true);
    c->members_utf8 = !r->bad && value_read(&from, r->end, &v) == 0 && v.kind == VALUE_TEXT;
}

static void read_column(struct reader *r, struct msg_column *c)
{
    struct reader in = {.p = r->p, .end = r->end};
    if (array_read_head(&in.p, in.end, &in.left)) {
        r->bad = "column";
        return;
    }
    c->name = get_text(&in, "column name", true);
    c->type = (uint8_t)get_uint(&in, "column type", UINT8_MAX);
    c->metadata = (uint16_t)get_uint(&in, "column metadata", UINT16_MAX);
    c->flags = (uint8_t)get_uint(&in, "column flags", UINT8_MAX);
    c->collation = (uint16_t)get_uint(&in, "column collation", UINT16_MAX);
    if (in.left && !in.bad)
        read_members(&in, c);
    for (; in.left && !in.bad; in.left--)
        if (value_skip(&in.p, in.end))
            in.bad = "column";
    r->p = in.p;
    r->bad = in.bad;
}

static void read_table(struct reader *r, struct msg_table *m)
{
    m->id = (uint32_t)get_uint(r, "table id", UINT32_MAX);
    m->database = get_text(r, "database", false);
    m->name = get_text(r, "table name", false);
    m->entity = get_text(r, "entity", true);
    m->role = get_text(r, "role", true);
    m->flags = (uint32_t)get_uint(r, "table flags", UINT32_MAX);
    m->column_count = 0;
    m->columns = NULL;
    uint32_t n;
    if (!take(r, "columns"))
        return;
    if (array_read_head(&r->p, r->end, &n) || n > MESSAGE_MAX_COLUMNS) {
        r->bad = "columns";
        return;
    }
    m->columns = arena_zalloc(r->arena, n * sizeof *m->columns);
    if (!m->columns) {
        r->bad = "columns";
        r->out_of_memory = true;
        return;
    }
    m->column_count = n;
    for (uint32_t i = 0; i < n && !r->bad; i++)
        read_column(r, &m->columns[i]);
}

static void read_begin(struct reader *r, struct msg_begin *m)
{
    m->gtid = get_text(r, "gtid", true);
    m->timestamp = get_uint(r, "timestamp", UINT64_MAX);
    m->server_id = (uint32_t)get_uint(r, "server id", UINT32_MAX);
    m->flags = (uint32_t)get_uint(r, "flags", UINT32_MAX);
    m->record = r->left && !r->bad ? get_text(r, "record", true) : (struct slice){0};
}

static void read_commit(struct reader *r, struct msg_commit *m)
{
    m->flags = (uint32_t)get_uint(r, "flags", UINT32_MAX);
    m->timestamp = get_uint(r, "timestamp", UINT64_MAX);
    m->server_id = (uint32_t)get_uint(r, "server id", UINT32_MAX);
    m->gtid_set = get_text(r, "gtid set", true);
    m->file = get_text(r, "file", true);
    m->pos = get_uint(r, "position", UINT64_MAX);
}

static void read_change(struct reader *r, struct msg_change *m)
{
    uint32_t count;
    m->table_id = (uint32_t)get_uint(r, "table id", UINT32_MAX);
    m->op = get_kind(r, "operation", CHANGE_DELETE);
    m->flags = (uint32_t)get_uint(r, "flags", UINT32_MAX);
    m->entity_key = get_raw(r, "entity key");
    m->before = get_raw_array(r, "before image", &count);
    m->after = get_raw_array(r, "after image", &count);
}

static void session_store(struct reader *r, const struct session_field *f, void *p)
{
    uint64_t v;
    if (f->kind == SESSION_TEXT) {
        *(struct slice *)p = get_text(r, "session text", false);
    } else if (f->kind == SESSION_U16) {
        uint16_t v16 = (uint16_t)(v = get_uint(r, "session number", UINT16_MAX));
        memcpy(p, &v16, sizeof v16);
    } else if (f->kind == SESSION_U32) {
        uint32_t v32 = (uint32_t)(v = get_uint(r, "session number", UINT32_MAX));
        memcpy(p, &v32, sizeof v32);
    } else if (f->kind == SESSION_U64) {
        v = get_uint(r, "session number", UINT64_MAX);
        memcpy(p, &v, sizeof v);
    } else {
        *(int8_t *)p = (int8_t)get_uint(r, "session flag", 1);
    }
}

static int map_read_head(const uint8_t **p, const uint8_t *end, uint32_t *pairs)
{
    const uint8_t *at = *p;
    size_t room = (size_t)(end - at);
    if (room && (*at & 0xf0) == MP_FIXMAP) {
        *pairs = *at & 15u;
        *p = at + 1;
        return 0;
    }
    size_t width = room && *at == MP_MAP16 ? 2 : room && *at == MP_MAP32 ? 4 : 0;
    if (!width || room < 1 + width)
        return DS_EFORMAT;
    *pairs = 0;
    for (size_t i = 1; i <= width; i++)
        *pairs = *pairs << 8 | at[i];
    *p = at + 1 + width;
    return *pairs <= (size_t)(end - *p) / 2 ? 0 : DS_EFORMAT;
}

static void read_session(struct reader *r, struct msg_session *s)
{
    uint32_t pairs;
    *s = (struct msg_session){.explicit_defaults_for_timestamp = -1, .check_constraint_checks = -1};
    if (!take(r, "session"))
        return;
    struct reader in = {.p = r->p, .end = r->end};
    if (map_read_head(&in.p, in.end, &pairs)) {
        r->bad = "session";
        return;
    }
    for (; pairs; pairs--) {
        const struct session_field *f = NULL;
        in.left = 2;
        struct slice key = get_text(&in, "session key", false);
        if (in.bad)
            break;
        for (size_t i = 0; i < SESSION_FIELDS && !f; i++)
            if (key.len == strlen(session_fields[i].key) &&
                memcmp(key.p, session_fields[i].key, key.len) == 0)
                f = &session_fields[i];
        if (f)
            session_store(&in, f, (uint8_t *)s + f->offset);
        else
            get_raw(&in, "session value");
    }
    r->p = in.p;
    r->bad = in.bad;
}

static void read_truncate(struct reader *r, struct msg_truncate *m)
{
    m->database = get_text(r, "database", false);
    m->table = get_text(r, "table", false);
    m->statement = get_text(r, "statement", false);
    read_session(r, &m->session);
}

static void read_ddl(struct reader *r, struct msg_ddl *m)
{
    m->statement = get_text(r, "statement", false);
    read_session(r, &m->session);
}

static void read_snapshot(struct reader *r, struct msg_snapshot *m)
{
    m->kind = get_kind(r, "snapshot kind", SNAPSHOT_VALUES);
    m->table_id = (uint32_t)get_uint(r, "table id", UINT32_MAX);
    m->low = get_text(r, "low", true);
    m->high = get_text(r, "high", true);
    m->text = get_text(r, "text", true);
    m->rows = get_raw_array(r, "rows", &m->row_count);
}

static void read_heartbeat(struct reader *r, struct msg_heartbeat *m)
{
    m->timestamp = get_uint(r, "timestamp", UINT64_MAX);
    m->gtid_set = get_text(r, "gtid set", true);
    m->file = get_text(r, "file", true);
    m->pos = get_uint(r, "position", UINT64_MAX);
}

static void read_savepoint(struct reader *r, struct msg_savepoint *m)
{
    m->kind = get_kind(r, "savepoint kind", SAVEPOINT_RELEASE);
    m->name = get_text(r, "savepoint name", false);
}

static void read_xa(struct reader *r, struct msg_xa *m)
{
    m->kind = get_kind(r, "XA kind", XA_ROLLBACK);
    m->xid = get_text(r, "xid", false);
}

/* false: no such type. */
static bool read_body(struct reader *r, struct message *out)
{
    switch (out->type) {
    case MSG_TABLE:
        read_table(r, &out->table);
        return true;
    case MSG_BEGIN:
        read_begin(r, &out->begin);
        return true;
    case MSG_COMMIT:
        read_commit(r, &out->commit);
        return true;
    case MSG_CHANGE:
        read_change(r, &out->change);
        return true;
    case MSG_TRUNCATE:
        read_truncate(r, &out->truncate);
        return true;
    case MSG_DDL:
        read_ddl(r, &out->ddl);
        return true;
    case MSG_SNAPSHOT:
        read_snapshot(r, &out->snapshot);
        return true;
    case MSG_HEARTBEAT:
        read_heartbeat(r, &out->heartbeat);
        return true;
    case MSG_SAVEPOINT:
        read_savepoint(r, &out->savepoint);
        return true;
    case MSG_XA:
        read_xa(r, &out->xa);
        return true;
    case MSG_TABLE_HINT:
        out->hint_table_id = (uint32_t)get_uint(r, "table id", UINT32_MAX);
        return true;
    case MSG_GAP:
        out->gap_reason = get_text(r, "reason", false);
        return true;
    }
    return false;
}

int message_read(const uint8_t **p, const uint8_t *end, struct arena *arena, struct message *out,
                 struct ds_error *err)
{
    struct reader r = {.p = *p, .end = end, .arena = arena};
    if (array_read_head(&r.p, end, &r.left))
        return error_set(err, DS_EFORMAT,
                         "malformed message in the stream: no array at its start; the spool is "
                         "damaged or was not written by datasync");
    uint32_t type = (uint32_t)get_uint(&r, "type", UINT32_MAX);
    out->type = type;
    if (!r.bad && !read_body(&r, out))
        return error_set(err, DS_EFORMAT,
                         "message of unknown type %u in the stream: a newer datasync wrote it; run "
                         "the same version on both sides",
                         type);
    for (; r.left && !r.bad; r.left--)
        if (value_skip(&r.p, end))
            r.bad = "additional element";
    if (r.out_of_memory)
        return error_set(err, DS_ENOMEM, "out of memory for the columns of a table message");
    if (r.bad)
        return error_set(err, DS_EFORMAT,
                         "malformed message of type %u in the stream: %s is missing, truncated or "
                         "out of range",
                         type, r.bad);
    out->raw = (struct slice){*p, (size_t)(r.p - *p)};
    *p = r.p;
    return 0;
}

uint32_t message_column(const struct msg_column *columns, uint32_t count, const char *name)
{
    for (uint32_t i = 0; name && i < count; i++)
        if (columns[i].name.len == strlen(name) &&
            strncasecmp((const char *)columns[i].name.p, name, columns[i].name.len) == 0)
            return i;
    return UINT32_MAX;
}
