#include "agent/cli/message_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/known_tables.h"
#include "schema/json.h"

enum { COLLATION_BINARY = 63 };

struct message_printer {
    struct known_tables tables; /* own: struct column_key per column */
    struct arena arena;         /* of one message */
};
/* A column's name as JSON prints it before each of its values. */
struct column_key {
    const void *quoted;
    size_t len;
};

int message_printer_new(struct message_printer **out, const struct filter *filter,
                        struct ds_error *err)
{
    *out = calloc(1, sizeof **out);
    if (!*out)
        return error_set(err, DS_ENOMEM, "out of memory");
    (*out)->tables.filter = filter;
    return 0;
}

void message_printer_free(struct message_printer *p)
{
    if (!p)
        return;
    known_tables_free(&p->tables);
    arena_free(&p->arena);
    free(p);
}

static int quote_column(const struct msg_table *t, uint32_t i, struct buf *out)
{
    char number[16];
    struct slice name = t->columns[i].name;
    if (name.p)
        return json_quote_key(out, name.p, name.len);
    snprintf(number, sizeof number, "@%" PRIu32, i + 1);
    return json_quote_key(out, number, strlen(number));
}

static int quote_columns(struct known_table *t)
{
    BUF_AUTO struct buf text = {0};
    uint32_t n = t->table.column_count;
    struct column_key *keys = arena_alloc(&t->arena, (n + 1) * sizeof *keys);
    if (!keys)
        return DS_ENOMEM;
    for (uint32_t i = 0; i < n; i++) {
        buf_clear(&text);
        if (quote_column(&t->table, i, &text))
            return DS_ENOMEM;
        keys[i] = (struct column_key){arena_copy(&t->arena, text.data, text.len), text.len};
        if (!keys[i].quoted)
            return DS_ENOMEM;
    }
    t->own = keys;
    return 0;
}

static int remember(struct message_printer *p, const struct message *m, struct ds_error *err)
{
    struct known_table *t;
    int rc = known_tables_add(&p->tables, m, &t, err);
    return rc ? rc : quote_columns(t) ? error_set(err, DS_ENOMEM, "out of memory") : 0;
}

/* --- parts ---------------------------------------------------------------- */

static void slice_text(struct json *j, const char *key, struct slice s)
{
    if (s.len)
        json_text_len(j, key, s.p, s.len);
}

static void slice_bytes(struct json *j, const char *key, struct slice s)
{
    json_bytes(j, key, s.p, s.len);
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

/* before: columns of the before image, for what the after image calls the same; NULL none.
 * columns_out: where this image's are told; NULL nowhere. */
static int print_image(struct message_printer *p, struct json *j, const char *key,
                       const struct known_table *t, struct slice image, const uint8_t **before,
                       const uint8_t ***columns_out)
{
    const uint8_t *at = image.p, *end = image.p + image.len;
    const struct column_key *keys = t->own;
    uint32_t n, count = t->table.column_count;
    const uint8_t **columns = arena_alloc(&p->arena, (count + 1) * sizeof *columns);
    if (!columns)
        return DS_ENOMEM;
    if (array_read_head(&at, end, &n) || n != count)
        return DS_EFORMAT;
    json_object(j, key);
    for (uint32_t i = 0; i < n; i++) {
        struct value v;
        columns[i] = at;
        if (value_read(&at, end, &v))
            return DS_EFORMAT;
        if (v.kind == VALUE_SAME && before) {
            const uint8_t *same = before[i];
            if (value_read(&same, same + value_length(same), &v))
                return DS_EFORMAT;
        }
        if (v.kind == VALUE_ABSENT)
            continue;
        json_quoted_key(j, keys[i].quoted, keys[i].len);
        print_value(j, NULL, &v, &t->table.columns[i]);
    }
    json_end(j);
    if (columns_out)
        *columns_out = columns;
    return at == end ? 0 : DS_EFORMAT;
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
                 {CHANGE_CASCADE, "cascade"},
                 {CHANGE_ENTERS, "enters"},
                 {CHANGE_COPIED, "copied"},
                 {CHANGE_NAMED, "named"}};
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
    const struct known_table *known;
    const uint8_t **before = NULL;
    int rc = known_tables_need(&p->tables, c->table_id, &known, err);
    if (rc)
        return rc;
    const struct msg_table *t = &known->table;
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
    if (c->before.len)
        rc = print_image(p, j, "before", known, c->before, NULL, &before);
    if (rc == 0 && c->after.len)
        rc = print_image(p, j, "after", known, c->after, before, NULL);
    return rc ? known_table_bad_row(known, rc, err) : 0;
}

static int print_rows(struct message_printer *p, struct json *j, const struct msg_snapshot *m)
{
    const struct known_table *t = known_tables_find(&p->tables, m->table_id);
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
    static const char *const kinds[] = {"?",           "begin",     "ddl",   "table_begin",
                                        "rows",        "table_end", "end",   "abort",
                                        "stale_begin", "stale_end", "values"};
    json_text(j, "kind", kinds[m->kind <= SNAPSHOT_VALUES ? m->kind : 0]);
    if (m->kind == SNAPSHOT_DDL) {
        slice_bytes(j, "object", m->low);
        slice_bytes(j, "session", m->high);
        slice_bytes(j, "statement", m->text);
        return 0;
    }
    const struct known_table *t = known_tables_find(&p->tables, m->table_id);
    bool of_table = m->kind == SNAPSHOT_TABLE_BEGIN || m->kind == SNAPSHOT_ROWS ||
                    m->kind == SNAPSHOT_VALUES || m->kind == SNAPSHOT_TABLE_END ||
                    m->kind == SNAPSHOT_STALE_BEGIN || m->kind == SNAPSHOT_STALE_END;
    if (of_table && t)
        table_name(j, &t->table);
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
        if (m->begin.record.len)
            slice_text(j, "record", m->begin.record);
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
        const struct known_table *t = known_tables_find(&p->tables, m->hint_table_id);
        json_text(j, "type", "table_hint");
        if (t)
            table_name(j, &t->table);
        return 0;
    }
    case MSG_GAP:
        json_text(j, "type", "gap");
        slice_bytes(j, "reason", m->gap_reason);
        return 0;
    }
    return error_set(err, DS_EFORMAT, "a message of unknown type %d", (int)m->type);
}

static bool is_left_out(const struct message_printer *p, const struct message *m)
{
    bool copied = m->type == MSG_SNAPSHOT && m->snapshot.kind == SNAPSHOT_ROWS;
    bool change = m->type == MSG_CHANGE && !(m->change.flags & CHANGE_CASCADE);
    const struct known_table *t = copied   ? known_tables_find(&p->tables, m->snapshot.table_id)
                                  : change ? known_tables_find(&p->tables, m->change.table_id)
                                           : NULL;
    return t && t->left_out;
}

int message_print(struct message_printer *p, struct slice messages, struct buf *out,
                  struct ds_error *err)
{
    const uint8_t *at = messages.p, *end = at + messages.len;
    while (at < end) {
        struct message m;
        struct json j = {.out = out};
        size_t line = out->len;
        int rc = message_read(&at, end, &p->arena, &m, err);
        if (rc == 0 && !is_left_out(p, &m)) {
            json_object(&j, NULL);
            rc = print_one(p, &j, &m, err);
            json_end(&j);
            if (rc == 0 && (j.failed || buf_puts(out, "\n")))
                rc = error_set(err, DS_ENOMEM, "out of memory");
        }
        arena_reset(&p->arena, 1 << 20);
        if (rc) {
            out->len = line; /* no half a line */
            return rc;
        }
    }
    return 0;
}
