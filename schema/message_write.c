/* Writing of whole messages, through msgpack-c's packer into a buf.
 *
 * Each write_* here mirrors a read_* of message_read.c. A failed write leaves the buffer as it was,
 * so that a stream never holds half a message.
 */
#include <msgpack/pack.h>
#include <string.h>

#include "schema/message.h"
#include "schema/message_session.h"

/* The packer knows only "failed"; start is where to cut back to. */
struct writer {
    msgpack_packer pk;
    struct buf *out;
    size_t start;
    bool failed, too_long;
};

static int writer_append(void *data, const char *bytes, size_t len)
{
    return buf_append(data, bytes, len) ? -1 : 0;
}

static void writer_begin(struct writer *w, struct buf *out, size_t elements, enum message_type type)
{
    *w = (struct writer){.out = out, .start = out->len};
    msgpack_packer_init(&w->pk, out, writer_append);
    w->failed = msgpack_pack_array(&w->pk, elements) || msgpack_pack_uint8(&w->pk, (uint8_t)type);
}

static int writer_end(struct writer *w)
{
    if (!w->failed)
        return 0;
    w->out->len = w->start;
    return w->too_long ? DS_ELIMIT : DS_ENOMEM;
}

static void put_array(struct writer *w, size_t n)
{
    w->failed = w->failed || msgpack_pack_array(&w->pk, n);
}

static void put_uint(struct writer *w, uint64_t v)
{
    w->failed = w->failed || msgpack_pack_uint64(&w->pk, v);
}

static void put_nil(struct writer *w)
{
    w->failed = w->failed || msgpack_pack_nil(&w->pk);
}

static void put_text(struct writer *w, struct slice s)
{
    if (s.len > UINT32_MAX)
        w->failed = w->too_long = true;
    w->failed = w->failed || msgpack_pack_str(&w->pk, s.len) ||
                (s.len && msgpack_pack_str_body(&w->pk, s.p, s.len));
}

/* Bytes in some character set, or none at all. */
static void put_bytes(struct writer *w, struct slice s)
{
    if (s.len > UINT32_MAX)
        w->failed = w->too_long = true;
    w->failed = w->failed || msgpack_pack_bin(&w->pk, s.len) ||
                (s.len && msgpack_pack_bin_body(&w->pk, s.p, s.len));
}

/* An object that is msgpack already; nothing becomes nil. */
static void put_raw(struct writer *w, struct slice s)
{
    if (s.len == 0)
        put_nil(w);
    else
        w->failed = w->failed || buf_append(w->out, s.p, s.len);
}

int message_write_table(struct buf *out, const struct msg_table *m)
{
    struct writer w;
    writer_begin(&w, out, 8, MSG_TABLE);
    put_uint(&w, m->id);
    put_text(&w, m->database);
    put_text(&w, m->name);
    put_text(&w, m->entity);
    put_text(&w, m->role);
    put_uint(&w, m->flags);
    put_array(&w, m->column_count);
    for (uint32_t i = 0; i < m->column_count; i++) {
        const struct msg_column *c = &m->columns[i];
        put_array(&w, c->members.len ? 6 : 5);
        if (c->name.p)
            put_text(&w, c->name);
        else
            put_nil(&w);
        put_uint(&w, c->type);
        put_uint(&w, c->metadata);
        put_uint(&w, c->flags);
        put_uint(&w, c->collation);
        if (c->members.len && c->members_utf8)
            put_text(&w, c->members);
        else if (c->members.len)
            put_bytes(&w, c->members);
    }
    return writer_end(&w);
}

int message_write_begin(struct buf *out, const struct msg_begin *m)
{
    struct writer w;
    writer_begin(&w, out, m->record.len ? 6 : 5, MSG_BEGIN);
    put_text(&w, m->gtid);
    put_uint(&w, m->timestamp);
    put_uint(&w, m->server_id);
    put_uint(&w, m->flags);
    if (m->record.len)
        put_text(&w, m->record);
    return writer_end(&w);
}

int message_write_commit(struct buf *out, const struct msg_commit *m)
{
    struct writer w;
    writer_begin(&w, out, 7, MSG_COMMIT);
    put_uint(&w, m->flags);
    put_uint(&w, m->timestamp);
    put_uint(&w, m->server_id);
    put_text(&w, m->gtid_set);
    put_text(&w, m->file);
    put_uint(&w, m->pos);
    return writer_end(&w);
}

static uint64_t session_number(const struct session_field *f, const void *p)
{
    uint16_t v16;
    uint32_t v32;
    uint64_t v64;
    switch (f->kind) {
    case SESSION_U16:
        memcpy(&v16, p, sizeof v16);
        return v16;
    case SESSION_U32:
        memcpy(&v32, p, sizeof v32);
        return v32;
    case SESSION_U64:
        memcpy(&v64, p, sizeof v64);
        return v64;
    case SESSION_FLAG:
        return *(const int8_t *)p != 0;
    case SESSION_TEXT:
        break;
    }
    return 0;
}

/* Is the field known, and not what the reader starts from? */
static bool session_wanted(const struct session_field *f, const void *p)
{
    if (f->kind == SESSION_TEXT)
        return ((const struct slice *)p)->len != 0;
    if (f->kind == SESSION_FLAG)
        return *(const int8_t *)p >= 0;
    return session_number(f, p) != 0;
}

static void put_session(struct writer *w, const struct msg_session *s)
{
    const uint8_t *base = (const uint8_t *)s;
    size_t n = 0;
    for (size_t i = 0; i < SESSION_FIELDS; i++)
        n += session_wanted(&session_fields[i], base + session_fields[i].offset);
    w->failed = w->failed || msgpack_pack_map(&w->pk, n);
    for (size_t i = 0; i < SESSION_FIELDS; i++) {
        const struct session_field *f = &session_fields[i];
        const void *p = base + f->offset;
        if (!session_wanted(f, p))
            continue;
        put_text(w, (struct slice){(const uint8_t *)f->key, strlen(f->key)});
        if (f->kind == SESSION_TEXT)
            put_text(w, *(const struct slice *)p);
        else
            put_uint(w, session_number(f, p));
    }
}

int message_write_truncate(struct buf *out, const struct msg_truncate *m)
{
    struct writer w;
    writer_begin(&w, out, 5, MSG_TRUNCATE);
    put_text(&w, m->database);
    put_text(&w, m->table);
    put_bytes(&w, m->statement);
    put_session(&w, &m->session);
    return writer_end(&w);
}

int message_write_ddl(struct buf *out, const struct msg_ddl *m)
{
    struct writer w;
    writer_begin(&w, out, 3, MSG_DDL);
    put_bytes(&w, m->statement);
    put_session(&w, &m->session);
    return writer_end(&w);
}

int message_write_snapshot(struct buf *out, const struct msg_snapshot *m)
{
    struct writer w;
    writer_begin(&w, out, 7, MSG_SNAPSHOT);
    put_uint(&w, m->kind);
    put_uint(&w, m->table_id);
    if (m->low.len)
        put_bytes(&w, m->low);
    else
        put_nil(&w);
    if (m->high.len)
        put_bytes(&w, m->high);
    else
        put_nil(&w);
    put_bytes(&w, m->text);
    put_raw(&w, m->rows);
    return writer_end(&w);
}

int message_write_heartbeat(struct buf *out, const struct msg_heartbeat *m)
{
    struct writer w;
    writer_begin(&w, out, 5, MSG_HEARTBEAT);
    put_uint(&w, m->timestamp);
    put_text(&w, m->gtid_set);
    put_text(&w, m->file);
    put_uint(&w, m->pos);
    return writer_end(&w);
}

int message_write_savepoint(struct buf *out, const struct msg_savepoint *m)
{
    struct writer w;
    writer_begin(&w, out, 3, MSG_SAVEPOINT);
    put_uint(&w, m->kind);
    put_text(&w, m->name);
    return writer_end(&w);
}

int message_write_xa(struct buf *out, const struct msg_xa *m)
{
    struct writer w;
    writer_begin(&w, out, 3, MSG_XA);
    put_uint(&w, m->kind);
    put_text(&w, m->xid);
    return writer_end(&w);
}

int message_write_table_hint(struct buf *out, uint32_t table_id)
{
    struct writer w;
    writer_begin(&w, out, 2, MSG_TABLE_HINT);
    put_uint(&w, table_id);
    return writer_end(&w);
}

int message_write_gap(struct buf *out, struct slice reason)
{
    struct writer w;
    writer_begin(&w, out, 2, MSG_GAP);
    put_text(&w, reason);
    return writer_end(&w);
}

/* The row path: the same bytes as the packer's, without its calls. */
int message_write_change_head(struct buf *out, uint32_t table_id, enum change_op op, uint32_t flags,
                              struct slice entity_key)
{
    size_t start = out->len, room;
    if (__builtin_add_overflow(entity_key.len, (size_t)32, &room) || buf_reserve(out, room))
        return DS_ENOMEM;
    int rc = image_write_head(out, 7) | value_write_uint(out, MSG_CHANGE) |
             value_write_uint(out, table_id) | value_write_uint(out, op) |
             value_write_uint(out, flags);
    if (rc == 0)
        rc = entity_key.len ? buf_append(out, entity_key.p, entity_key.len) : value_write_null(out);
    if (rc) {
        out->len = start;
        return DS_ENOMEM;
    }
    return 0;
}

int message_write_change(struct buf *out, const struct msg_change *m)
{
    size_t start = out->len, room;
    if (__builtin_add_overflow(m->before.len, m->after.len, &room) ||
        __builtin_add_overflow(room, (size_t)64, &room) || buf_reserve(out, room))
        return DS_ENOMEM;
    int rc = message_write_change_head(out, m->table_id, m->op, m->flags, m->entity_key);
    if (rc == 0)
        rc = m->before.len ? buf_append(out, m->before.p, m->before.len) : image_write_none(out);
    if (rc == 0)
        rc = m->after.len ? buf_append(out, m->after.p, m->after.len) : image_write_none(out);
    if (rc)
        out->len = start;
    return rc;
}
