#include "agent/cli/message_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/json.h"

enum { COLLATION_BINARY = 63 };

struct known_table {
    uint32_t id;
    uint8_t *raw; /* of its message: what `table` points into */
    struct arena arena;
    struct msg_table table;
};
struct message_printer {
    struct known_table *tables; /* sorted by id */
    size_t count, capacity;
    struct arena arena; /* of one message */
};

int message_printer_new(struct message_printer **out, struct ds_error *err)
{
    *out = calloc(1, sizeof **out);
    return *out ? 0 : error_set(err, DS_ENOMEM, "out of memory");
}

static void known_free(struct known_table *t)
{
    free(t->raw);
    arena_free(&t->arena);
}

void message_printer_free(struct message_printer *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->count; i++)
        known_free(&p->tables[i]);
    free(p->tables);
    arena_free(&p->arena);
    free(p);
}

/* Place of the first table whose id is not less. */
static size_t lower_bound(const struct message_printer *p, uint32_t id)
{
    size_t low = 0, high = p->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (p->tables[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const struct msg_table *find_table(const struct message_printer *p, uint32_t id)
{
    size_t i = lower_bound(p, id);
    return i < p->count && p->tables[i].id == id ? &p->tables[i].table : NULL;
}

static int remember(struct message_printer *p, const struct message *m, struct ds_error *err)
{
    struct known_table t = {.id = m->table.id};
    struct message copy;
    uint8_t *raw = malloc(m->raw.len);
    if (!raw)
        return error_set(err, DS_ENOMEM, "out of memory");
    memcpy(raw, m->raw.p, m->raw.len);
    const uint8_t *at = raw;
    int rc = message_read(&at, raw + m->raw.len, &t.arena, &copy, err);
    t.raw = raw;
    size_t i = lower_bound(p, t.id);
    bool known = i < p->count && p->tables[i].id == t.id;
    if (rc == 0 && !known && p->count == p->capacity) {
        size_t capacity = p->capacity ? 2 * p->capacity : 64;
        struct known_table *more = realloc(p->tables, capacity * sizeof *more);
        if (more) {
            p->tables = more;
            p->capacity = capacity;
        } else {
            rc = error_set(err, DS_ENOMEM, "out of memory");
        }
    }
    if (rc) {
        known_free(&t);
        return rc;
    }
    t.table = copy.table;
    if (known) {
        known_free(&p->tables[i]);
    } else {
        memmove(&p->tables[i + 1], &p->tables[i], (p->count - i) * sizeof *p->tables);
        p->count++;
    }
    p->tables[i] = t;
    return 0;
}

/* --- parts ---------------------------------------------------------------- */

static void slice_text(struct json *j, const char *key, struct slice s)
{
    if (s.len)
        json_text_len(j, key, s.p, s.len);
}

static void slice_bytes(struct json *j, const char *key, struct slice s)
{
    if (utf8_valid(s.p, s.len))
        json_text_len(j, key, s.p, s.len);
    else
        json_base64(j, key, s.p, s.len);
}

static void print_float(struct json *j, const char *key, float value)
{
    char text[40];
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
    json_double(j, key, strtod(text, NULL));
}

static void print_value(struct json *j, const char *key, const struct value *v,
                        const struct msg_column *c)
{
    switch (v->kind) {
    case VALUE_INT:
        json_int(j, key, v->i);
        break;
    case VALUE_UINT:
        json_uint(j, key, v->u);
        break;
    case VALUE_FLOAT:
        print_float(j, key, v->f);
        break;
    case VALUE_DOUBLE:
        json_double(j, key, v->d);
        break;
    case VALUE_TEXT:
        slice_bytes(j, key, v->bytes);
        break;
    case VALUE_BYTES:
        if (c && c->collation == COLLATION_BINARY)
            json_base64(j, key, v->bytes.p, v->bytes.len);
        else
            slice_bytes(j, key, v->bytes);
        break;
    default:
        json_null(j, key);
        break;
    }
}

/* before: columns of the before image, for what the after image calls the same; NULL none. */
static int print_image(struct message_printer *p, struct json *j, const char *key,
                       const struct msg_table *t, struct slice image, const uint8_t **before,
                       const uint8_t ***columns_out)
{
    const uint8_t *end = image.p + image.len;
    uint32_t n = t->column_count;
    const uint8_t **columns = arena_alloc(&p->arena, (n + 1) * sizeof *columns);
    if (!columns)
        return DS_ENOMEM;
    if (image_split(image, n, columns))
        return DS_EFORMAT;
    json_object(j, key);
    for (uint32_t i = 0; i < n; i++) {
        struct value v;
        char name[300];
        const uint8_t *at = columns[i];
        const uint8_t *stop = end;
        if (value_read(&at, stop, &v))
            return DS_EFORMAT;
        if (v.kind == VALUE_SAME && before) {
            at = before[i];
            if (value_read(&at, at + value_length(at), &v))
                return DS_EFORMAT;
        }
        if (v.kind == VALUE_ABSENT)
            continue;
        if (t->columns[i].name.p)
            snprintf(name, sizeof name, "%.*s", (int)t->columns[i].name.len,
                     (const char *)t->columns[i].name.p);
        else
            snprintf(name, sizeof name, "@%" PRIu32, i + 1);
        print_value(j, name, &v, &t->columns[i]);
    }
    json_end(j);
    if (columns_out)
        *columns_out = columns;
    return 0;
}

static void table_name(struct json *j, const struct msg_table *t)
{
    slice_text(j, "database", t->database);
    slice_text(j, "table", t->name);
}

static void session(struct json *j, const struct msg_session *s)
{
    json_object(j, "session");
    slice_text(j, "database", s->database);
    json_uint(j, "sql_mode", s->sql_mode);
    json_uint(j, "timestamp", s->timestamp);
    slice_text(j, "time_zone", s->time_zone);
    if (s->error_code)
        json_uint(j, "error_code", s->error_code);
    json_end(j);
}

static void position(struct json *j, struct slice gtid_set, struct slice file, uint64_t pos)
{
    slice_text(j, "gtid_set", gtid_set);
    if (file.len) {
        slice_text(j, "file", file);
        json_uint(j, "position", pos);
    }
}

/* --- messages ------------------------------------------------------------- */

static void print_table(struct json *j, const struct msg_table *t)
{
    json_uint(j, "id", t->id);
    table_name(j, t);
    slice_text(j, "entity", t->entity);
    slice_text(j, "role", t->role);
    json_array(j, "columns");
    for (uint32_t i = 0; i < t->column_count; i++) {
        const struct msg_column *c = &t->columns[i];
        json_object(j, NULL);
        if (c->name.p)
            json_text_len(j, "name", c->name.p, c->name.len);
        json_uint(j, "type", c->type);
        json_uint(j, "metadata", c->metadata);
        json_uint(j, "collation", c->collation);
        json_bool(j, "nullable", c->flags & COLUMN_NULLABLE);
        if (t->flags & TABLE_SIGNEDNESS)
            json_bool(j, "unsigned", c->flags & COLUMN_UNSIGNED);
        if (t->flags & TABLE_KEYS)
            json_bool(j, "key", c->flags & COLUMN_KEY);
        json_end(j);
    }
    json_end(j);
}

static void print_change_flags(struct json *j, uint32_t flags)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } names[] = {{CHANGE_NO_FK_CHECKS, "no_foreign_key_checks"},
                 {CHANGE_NO_UNIQUE_CHECKS, "no_unique_checks"},
                 {CHANGE_NO_CHECK_CONSTRAINTS, "no_check_constraints"},
                 {CHANGE_STOCK, "stock"},
                 {CHANGE_CASCADE, "cascade"}};
    if (!flags)
        return;
    json_array(j, "flags");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (flags & names[i].bit)
            json_text(j, NULL, names[i].name);
    json_end(j);
}

static int print_change(struct message_printer *p, struct json *j, const struct msg_change *c,
                        struct ds_error *err)
{
    static const char *const operations[] = {"?", "insert", "update", "delete"};
    const struct msg_table *t = find_table(p, c->table_id);
    const uint8_t **before = NULL;
    if (!t)
        return error_set(err, DS_EFORMAT, "a change of table %" PRIu32 ", which was not described",
                         c->table_id);
    table_name(j, t);
    slice_text(j, "entity", t->entity);
    if (c->entity_key.len) {
        const uint8_t *at = c->entity_key.p;
        struct value v;
        if (value_read(&at, at + c->entity_key.len, &v) == 0)
            print_value(j, "key", &v, NULL);
    }
    json_text(j, "operation", operations[c->op <= CHANGE_DELETE ? c->op : 0]);
    print_change_flags(j, c->flags);
    int rc = 0;
    if (c->before.len)
        rc = print_image(p, j, "before", t, c->before, NULL, &before);
    if (rc == 0 && c->after.len)
        rc = print_image(p, j, "after", t, c->after, before, NULL);
    return rc ? error_set(err, rc, "a row of %.*s.%.*s cannot be read", (int)t->database.len,
                          (const char *)t->database.p, (int)t->name.len, (const char *)t->name.p)
              : 0;
}

static int print_rows(struct message_printer *p, struct json *j, const struct msg_snapshot *m)
{
    const struct msg_table *t = find_table(p, m->table_id);
    const uint8_t *at = m->rows.p, *end = at + m->rows.len;
    uint32_t n;
    if (!t || array_read_head(&at, end, &n))
        return DS_EFORMAT;
    json_array(j, "rows");
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *start = at;
        if (value_skip(&at, end))
            return DS_EFORMAT;
        int rc =
            print_image(p, j, NULL, t, (struct slice){start, (size_t)(at - start)}, NULL, NULL);
        if (rc)
            return rc;
    }
    json_end(j);
    return 0;
}

static int print_snapshot(struct message_printer *p, struct json *j, const struct msg_snapshot *m,
                          struct ds_error *err)
{
    static const char *const kinds[] = {"?",         "begin", "ddl",   "table_begin", "rows",
                                        "table_end", "end",   "abort", "stale_begin", "stale_end"};
    json_text(j, "kind", kinds[m->kind <= SNAPSHOT_STALE_END ? m->kind : 0]);
    if (m->kind == SNAPSHOT_DDL) {
        slice_bytes(j, "object", m->low);
        slice_bytes(j, "session", m->high);
        slice_bytes(j, "statement", m->text);
        return 0;
    }
    const struct msg_table *t = find_table(p, m->table_id);
    bool of_table = m->kind == SNAPSHOT_TABLE_BEGIN || m->kind == SNAPSHOT_ROWS ||
                    m->kind == SNAPSHOT_TABLE_END || m->kind == SNAPSHOT_STALE_BEGIN ||
                    m->kind == SNAPSHOT_STALE_END;
    if (of_table && t)
        table_name(j, t);
    if (m->text.len)
        slice_bytes(j, "text", m->text);
    if (m->rows.len && print_rows(p, j, m))
        return error_set(err, DS_EFORMAT, "the rows of a snapshot message cannot be read");
    return 0;
}

static int print_one(struct message_printer *p, struct json *j, const struct message *m,
                     struct ds_error *err)
{
    static const char *const savepoints[] = {"?", "set", "rollback_to", "release"};
    static const char *const xas[] = {"?", "prepare", "commit", "rollback"};
    switch (m->type) {
    case MSG_TABLE:
        json_text(j, "type", "table");
        print_table(j, &m->table);
        return remember(p, m, err);
    case MSG_BEGIN:
        json_text(j, "type", "begin");
        slice_text(j, "gtid", m->begin.gtid);
        json_uint(j, "timestamp", m->begin.timestamp);
        json_uint(j, "server_id", m->begin.server_id);
        json_uint(j, "flags", m->begin.flags);
        return 0;
    case MSG_COMMIT:
        json_text(j, "type", "commit");
        position(j, m->commit.gtid_set, m->commit.file, m->commit.pos);
        json_uint(j, "timestamp", m->commit.timestamp);
        json_uint(j, "server_id", m->commit.server_id);
        json_bool(j, "rollback", m->commit.flags & COMMIT_ROLLBACK);
        return 0;
    case MSG_CHANGE:
        json_text(j, "type", "change");
        return print_change(p, j, &m->change, err);
    case MSG_TRUNCATE:
        json_text(j, "type", "truncate");
        slice_text(j, "database", m->truncate.database);
        slice_text(j, "table", m->truncate.table);
        slice_bytes(j, "statement", m->truncate.statement);
        session(j, &m->truncate.session);
        return 0;
    case MSG_DDL:
        json_text(j, "type", "ddl");
        slice_bytes(j, "statement", m->ddl.statement);
        session(j, &m->ddl.session);
        return 0;
    case MSG_SNAPSHOT:
        json_text(j, "type", "snapshot");
        return print_snapshot(p, j, &m->snapshot, err);
    case MSG_HEARTBEAT:
        json_text(j, "type", "heartbeat");
        json_uint(j, "timestamp", m->heartbeat.timestamp);
        position(j, m->heartbeat.gtid_set, m->heartbeat.file, m->heartbeat.pos);
        return 0;
    case MSG_SAVEPOINT:
        json_text(j, "type", "savepoint");
        json_text(j, "kind",
                  savepoints[m->savepoint.kind <= SAVEPOINT_RELEASE ? m->savepoint.kind : 0]);
        slice_bytes(j, "name", m->savepoint.name);
        return 0;
    case MSG_XA:
        json_text(j, "type", "xa");
        json_text(j, "kind", xas[m->xa.kind <= XA_ROLLBACK ? m->xa.kind : 0]);
        slice_bytes(j, "xid", m->xa.xid);
        return 0;
    case MSG_TABLE_HINT: {
        const struct msg_table *t = find_table(p, m->hint_table_id);
        json_text(j, "type", "table_hint");
        if (t)
            table_name(j, t);
        return 0;
    }
    case MSG_GAP:
        json_text(j, "type", "gap");
        slice_bytes(j, "reason", m->gap_reason);
        return 0;
    }
    return error_set(err, DS_EFORMAT, "a message of unknown type %d", (int)m->type);
}

int message_print(struct message_printer *p, struct slice messages, struct buf *out,
                  struct ds_error *err)
{
    const uint8_t *at = messages.p, *end = at + messages.len;
    while (at < end) {
        struct message m;
        struct json j = {.out = out};
        int rc = message_read(&at, end, &p->arena, &m, err);
        if (rc == 0) {
            json_object(&j, NULL);
            rc = print_one(p, &j, &m, err);
        }
        if (rc == 0) {
            json_end(&j);
            if (j.failed || buf_puts(out, "\n"))
                rc = error_set(err, DS_ENOMEM, "out of memory");
        }
        arena_reset(&p->arena, 1 << 20);
        if (rc)
            return rc;
    }
    return 0;
}
