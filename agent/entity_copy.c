#include "agent/entity_copy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/snapshot_rows.h"
#include "agent/snapshot_source.h"
#include "schema/document.h"
#include "schema/log.h"
#include "schema/message.h"

#define COPY_FILE "copy."
enum { ROOTS_PER_CHUNK = 500, FIRST_TABLE_ID = 1, BUCKETS = 1 << 14 };

enum pass {
    FIRST,     /* everything */
    REFERRING, /* rows that refer to entities of the same kind, which may come behind them */
    TEXTS,     /* everything of kinds whose texts name entities of later kinds */
};

struct row { /* of the chunk in hand */
    struct slice image;
    uint32_t table;
    struct row *next; /* of the same entity */
};

struct id { /* of a row that others lead to → its entity in the chunk */
    struct slice value;
    uint32_t root;
    struct id *next;
};

struct table {
    const struct catalogue_table *entry;
    const struct table *through; /* NULL: its link leads to the root */
    char name[300];
    struct table_plan plan;
    uint32_t link, key; /* ordinals, UINT32_MAX: none */
    bool has_members;
    bool again; /* its rows refer to entities of the same kind, or lead through such a table */
    struct id **ids;
};

struct copy {
    const struct entity_copy_options *o;
    struct snapshot_source source;
    uint32_t next_table_id;
    uint64_t number; /* entities handed out */
    struct buf message;

    /* the kind in hand */
    const struct catalogue_entity *entity;
    struct table *tables;
    uint32_t table_count;
    char **keys; /* of its roots, as text */
    size_t key_count;

    /* the chunk in hand */
    struct arena arena;
    size_t first, end; /* in keys */
    struct row *heads[ROOTS_PER_CHUNK], *tails[ROOTS_PER_CHUNK];
    struct slice root_keys[ROOTS_PER_CHUNK]; /* raw */
    uint32_t current;                        /* table that is being read */
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for a copy of entities");
}

static const char *prefix_of(const struct copy *c)
{
    return c->o->config->source.prefix ? c->o->config->source.prefix : "";
}

static uint32_t column_of(const struct table_plan *plan, const char *name)
{
    for (uint32_t i = 0; name && i < plan->column_count; i++)
        if (plan->described[i].name.len == strlen(name) &&
            strncasecmp((const char *)plan->described[i].name.p, name, strlen(name)) == 0)
            return i;
    return UINT32_MAX;
}

/* --- tables of a kind ----------------------------------------------------------------------------
 */

static struct table *table_by_name(struct copy *c, const char *name)
{
    for (uint32_t i = 0; i < c->table_count; i++)
        if (strcmp(c->tables[i].entry->table, name) == 0)
            return &c->tables[i];
    return NULL;
}

static bool refers_to_own_kind(const struct copy *c, const struct catalogue_table *entry)
{
    const struct catalogue *all = c->o->catalogue;
    for (size_t i = 0; i < c->entity->reference_count; i++) {
        const struct catalogue_reference *r = &c->entity->references[i];
        if (r->required && !r->to && strcmp(r->table, entry->table) == 0 &&
            catalogue_find(all, r->entity) == c->entity)
            return true;
    }
    return false;
}

static int table_exists(struct copy *c, const char *name, bool *exists, struct ds_error *err)
{
    BUF_AUTO struct buf literal = {0};
    uint64_t n = 0;
    bool found;
    if (sql_string(&literal, name, strlen(name)))
        return no_memory(err);
    int rc = db_scalar_u64(c->source.db, &n, &found, err,
                           "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = "
                           "DATABASE() AND TABLE_NAME = %s",
                           buf_cstr(&literal));
    *exists = n > 0;
    return rc;
}

static int put_table(struct copy *c, const struct table *t, struct ds_error *err)
{
    const char *role = t->entry->role ? t->entry->role : "";
    const struct msg_table m = {
        .id = t->plan.id,
        .database = {(const uint8_t *)c->source.database, strlen(c->source.database)},
        .name = {(const uint8_t *)t->name, strlen(t->name)},
        .entity = {(const uint8_t *)c->entity->name, strlen(c->entity->name)},
        .role = {(const uint8_t *)role, strlen(role)},
        .flags = TABLE_NAMES | TABLE_SIGNEDNESS | TABLE_KEYS,
        .column_count = t->plan.column_count,
        .columns = t->plan.described,
    };
    buf_clear(&c->message);
    if (message_write_table(&c->message, &m))
        return no_memory(err);
    return c->o->put(c->o->arg, c->message.data, c->message.len, err);
}

static int open_table(struct copy *c, const struct catalogue_table *entry, struct ds_error *err)
{
    struct table *t = &c->tables[c->table_count];
    bool exists = false;
    *t = (struct table){.entry = entry};
    snprintf(t->name, sizeof t->name, "%s%s", prefix_of(c), entry->table);
    int rc = table_exists(c, t->name, &exists, err);
    if (rc || !exists ||
        (filter_imports(c->o->filter, c->entity) && !filter_keeps(c->o->filter, t->name)))
        return rc;
    if (entry->through && !(t->through = table_by_name(c, entry->through)))
        return 0;
    rc = table_plan_read(&t->plan, &c->source, t->name, c->next_table_id++, err);
    if (rc)
        return rc;
    c->table_count++;
    t->link = column_of(&t->plan, entry->link);
    t->key = column_of(&t->plan, entry == &c->entity->tables[0] ? entry->link : entry->key);
    if (t->link == UINT32_MAX)
        return error_set(err, DS_ESCHEMA, "table %s has no column %s", t->name, entry->link);
    t->again = entry != &c->entity->tables[0] &&
               (refers_to_own_kind(c, entry) || (t->through && t->through->again));
    for (size_t i = 0; i < c->entity->table_count; i++) {
        const char *through = c->entity->tables[i].through;
        t->has_members |= through && strcmp(through, entry->table) == 0;
    }
    return put_table(c, t, err);
}

static void close_kind(struct copy *c)
{
    for (uint32_t i = 0; i < c->table_count; i++)
        table_plan_free(&c->tables[i].plan);
    for (size_t i = 0; i < c->key_count; i++)
        free(c->keys[i]);
    free(c->tables);
    free(c->keys);
    c->tables = NULL;
    c->keys = NULL;
    c->table_count = 0;
    c->key_count = 0;
}

/* --- its roots
 * ------------------------------------------------------------------------------------- */

static int add_list(struct buf *sql, const char *column, const char *const *values, size_t count)
{
    int rc = buf_puts(sql, " AND ") | sql_identifier(sql, column) | buf_puts(sql, " IN (");
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = (i ? buf_puts(sql, ",") : 0) | sql_string(sql, values[i], strlen(values[i]));
    return rc | buf_puts(sql, ")");
}

static int not_there(const struct copy *c, const char *option, struct ds_error *err)
{
    return error_set(err, DS_EUSAGE, "--%s: entity %s has no column for it", option,
                     c->entity->name);
}

static int add_dates(const struct copy *c, const struct entity_selection *s, struct buf *sql,
                     struct ds_error *err)
{
    static const char *const columns[] = {"updated_at", "update_time", "change_status_at",
                                          "created_at"};
    const char *column = NULL;
    for (size_t i = 0; i < sizeof columns / sizeof *columns && !column; i++)
        if (column_of(&c->tables[0].plan, columns[i]) != UINT32_MAX)
            column = columns[i];
    if (!column)
        return not_there(c, s->date_from ? "date-from" : "date-to", err);
    int rc = 0;
    if (s->date_from)
        rc = buf_puts(sql, " AND ") | sql_identifier(sql, column) | buf_puts(sql, " >= ") |
             sql_string(sql, s->date_from, strlen(s->date_from));
    if (s->date_to)
        rc |= buf_puts(sql, " AND ") | sql_identifier(sql, column) | buf_puts(sql, " < ") |
              sql_string(sql, s->date_to, strlen(s->date_to)) | buf_puts(sql, " + INTERVAL 1 DAY");
    return rc ? no_memory(err) : 0;
}

/* A tree's roots come by their depth. */
static int add_order(const struct copy *c, struct buf *sql)
{
    const char *link = c->entity->tables[0].link;
    int rc = buf_puts(sql, " ORDER BY ");
    for (size_t i = 0; i < c->entity->reference_count; i++) {
        const struct catalogue_reference *r = &c->entity->references[i];
        if (r->form == REFERENCE_PATH && strcmp(r->table, c->entity->tables[0].table) == 0)
            rc |= buf_puts(sql, "LENGTH(") | sql_identifier(sql, r->column) |
                  buf_puts(sql, ") - LENGTH(REPLACE(") | sql_identifier(sql, r->column) |
                  buf_puts(sql, ", '/', '')), ");
    }
    return rc | sql_identifier(sql, link);
}

static int select_roots(struct copy *c, bool selected, struct buf *sql, struct ds_error *err)
{
    const struct entity_selection *s = &c->o->selection;
    const char *link = c->entity->tables[0].link;
    int rc = buf_puts(sql, "SELECT ") | sql_identifier(sql, link) | buf_puts(sql, " FROM ") |
             sql_identifier(sql, c->tables[0].name) | buf_puts(sql, " WHERE 1");
    if (rc == 0 && selected && s->id_count)
        rc = add_list(sql, link, s->ids, s->id_count);
    if (rc == 0 && selected && s->increment_id_count) {
        if (column_of(&c->tables[0].plan, "increment_id") == UINT32_MAX)
            return not_there(c, "increment-ids", err);
        rc = add_list(sql, "increment_id", s->increment_ids, s->increment_id_count);
    }
    if (rc == 0 && selected && (s->date_from || s->date_to)) {
        int failed = add_dates(c, s, sql, err);
        if (failed)
            return failed;
    }
    rc |= add_order(c, sql);
    if (selected && s->limit)
        rc |= buf_printf(sql, " LIMIT %lu", s->limit);
    return rc ? no_memory(err) : 0;
}

static int read_roots(struct copy *c, bool selected, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    int rc = select_roots(c, selected, &sql, err);
    if (rc)
        return rc;
    MYSQL_RES *rows = db_select(c->source.db, err, "%s", buf_cstr(&sql));
    if (!rows)
        return err->code;
    c->keys = calloc(mysql_num_rows(rows) + 1, sizeof *c->keys);
    for (MYSQL_ROW row; c->keys && rc == 0 && (row = mysql_fetch_row(rows));) {
        unsigned long *lengths = mysql_fetch_lengths(rows);
        c->keys[c->key_count] = row[0] ? strndup(row[0], lengths[0]) : strdup("");
        rc = c->keys[c->key_count] ? 0 : DS_ENOMEM;
        c->key_count += rc == 0;
    }
    mysql_free_result(rows);
    return c->keys && rc == 0 ? 0 : no_memory(err);
}

/* --- a chunk: rows by entity
 * -------------------------------------------------------------------------- */

static struct id **bucket(const struct table *t, struct slice value)
{
    uint64_t hash = 1469598103934665603ull;
    for (size_t i = 0; i < value.len; i++)
        hash = (hash ^ value.p[i]) * 1099511628211ull;
    return &t->ids[hash % BUCKETS];
}

static struct id *find_id(const struct table *t, struct slice value)
{
    struct id *i = *bucket(t, value);
    while (i && (i->value.len != value.len || memcmp(i->value.p, value.p, value.len) != 0))
        i = i->next;
    return i;
}

static int keep_id(struct copy *c, struct table *t, struct slice value, uint32_t root)
{
    struct id *i = arena_alloc(&c->arena, sizeof *i);
    struct id **head = bucket(t, value);
    if (!i)
        return DS_ENOMEM;
    *i = (struct id){.value = value, .root = root, .next = *head};
    *head = i;
    return 0;
}

static struct slice raw_value(const uint8_t *raw)
{
    return (struct slice){raw, value_length(raw)};
}

static int take_row(struct copy *c, struct table *t, struct slice image, const uint8_t **columns,
                    struct ds_error *err)
{
    uint8_t *kept = arena_copy(&c->arena, image.p, image.len);
    struct row *row = arena_alloc(&c->arena, sizeof *row);
    if (!kept || !row ||
        image_split((struct slice){kept, image.len}, t->plan.column_count, columns))
        return no_memory(err);
    bool root = t == &c->tables[0];
    struct slice link = raw_value(columns[t->link]);
    uint32_t at = 0;
    if (root) { /* in the order of the query, which need not be that of the keys */
        struct id *known = find_id(t, link);
        if (known)
            return 0;
        at = c->current++;
        if (at >= ROOTS_PER_CHUNK)
            return error_set(err, DS_EFORMAT, "more roots than keys in table %s", t->name);
        c->root_keys[at] = link;
    } else {
        const struct id *parent = find_id(t->through ? t->through : &c->tables[0], link);
        if (!parent)
            return 0;
        at = parent->root;
    }
    if ((root || t->has_members) && t->key != UINT32_MAX &&
        keep_id(c, t, raw_value(columns[t->key]), at))
        return no_memory(err);
    *row = (struct row){.image = {kept, image.len}, .table = (uint32_t)(t - c->tables)};
    if (c->tails[at])
        c->tails[at]->next = row;
    else
        c->heads[at] = row;
    c->tails[at] = row;
    return 0;
}

struct reading {
    struct copy *c;
    struct table *t;
    const uint8_t **columns;
};

static int take_rows(void *arg, const void *message, size_t len, struct ds_error *err)
{
    struct reading *r = arg;
    const uint8_t *p = message, *end = p + len;
    struct arena arena = {0};
    struct message m;
    uint32_t count = 0;
    int rc = message_read(&p, end, &arena, &m, err);
    if (rc == 0 && m.type == MSG_SNAPSHOT) {
        p = m.snapshot.rows.p;
        end = p + m.snapshot.rows.len;
        rc = array_read_head(&p, end, &count)
                 ? error_set(err, DS_EFORMAT, "rows of a copy cannot be read")
                 : 0;
    }
    while (count-- && rc == 0) {
        const uint8_t *start = p;
        rc = value_skip(&p, end) ? error_set(err, DS_EFORMAT, "rows of a copy cannot be read") : 0;
        if (rc == 0)
            rc = take_row(r->c, r->t, (struct slice){start, (size_t)(p - start)}, r->columns, err);
    }
    arena_free(&arena);
    return rc;
}

static int no_chunk(void *arg, uint64_t rows, struct ds_error *err)
{
    const struct reading *r = arg;
    (void)rows;
    if (r->c->o->stop_requested && r->c->o->stop_requested(r->c->o->arg))
        return error_set(err, DS_ESTOPPED, "asked to stop during the copy");
    return 0;
}

/* WHERE link IN (the chunk's keys), through the tables in between. */
static int add_chain(const struct copy *c, const struct table *t, struct buf *sql)
{
    int rc = sql_identifier(sql, t->entry->link) | buf_puts(sql, " IN (");
    if (t->through) {
        rc |= buf_puts(sql, "SELECT ") | sql_identifier(sql, t->through->entry->key) |
              buf_puts(sql, " FROM ") | sql_identifier(sql, t->through->name) |
              buf_puts(sql, " WHERE ") | add_chain(c, t->through, sql);
        return rc | buf_puts(sql, ")");
    }
    for (size_t i = c->first; i < c->end && rc == 0; i++)
        rc = (i > c->first ? buf_puts(sql, ",") : 0) |
             sql_string(sql, c->keys[i], strlen(c->keys[i]));
    return rc | buf_puts(sql, ")");
}

static int read_table(struct copy *c, struct table *t, struct ds_error *err)
{
    BUF_AUTO struct buf pick = {0};
    uint64_t rows = 0;
    const uint8_t **columns = arena_alloc(&c->arena, (t->plan.column_count + 1) * sizeof *columns);
    t->ids = arena_zalloc(&c->arena, BUCKETS * sizeof(struct id *));
    if (!columns || !t->ids || buf_puts(&pick, " WHERE ") || add_chain(c, t, &pick))
        return no_memory(err);
    if (t == &c->tables[0] && add_order(c, &pick))
        return no_memory(err);
    struct reading r = {c, t, columns};
    const struct row_output out = {.arg = &r,
                                   .put = take_rows,
                                   .chunk = no_chunk,
                                   .max_row = c->o->config->max_event,
                                   .pick = buf_cstr(&pick)};
    return table_rows_copy(&t->plan, &c->source, &out, &rows, err);
}

/* --- messages
 * ----------------------------------------------------------------------------------------- */

static int put(struct copy *c, struct ds_error *err)
{
    return c->o->put(c->o->arg, c->message.data, c->message.len, err);
}

static int put_begin(struct copy *c, struct ds_error *err)
{
    const struct msg_begin m = {.server_id = c->source.server.server_id, .flags = BEGIN_SNAPSHOT};
    buf_clear(&c->message);
    return message_write_begin(&c->message, &m) ? no_memory(err) : put(c, err);
}

static int put_change(struct copy *c, const struct table *t, enum change_op op, struct slice key,
                      struct slice image, struct ds_error *err)
{
    struct msg_change m = {.table_id = t->plan.id,
                           .op = op,
                           .flags = CHANGE_COPIED | (t->entry->stock ? CHANGE_STOCK : 0u),
                           .entity_key = key};
    *(op == CHANGE_INSERT ? &m.after : &m.before) = image;
    buf_clear(&c->message);
    return message_write_change(&c->message, &m) ? no_memory(err) : put(c, err);
}

static int put_mark(struct copy *c, struct slice key, struct ds_error *err)
{
    BUF_AUTO struct buf image = {0};
    const struct table *t = &c->tables[0];
    int rc = image_write_head(&image, t->plan.column_count);
    for (uint32_t i = 0; i < t->plan.column_count && rc == 0; i++)
        rc = i == t->link ? buf_append(&image, key.p, key.len) : value_write_absent(&image);
    return rc ? no_memory(err)
              : put_change(c, t, CHANGE_DELETE, key, (struct slice){image.data, image.len}, err);
}

static int put_commit_at(struct copy *c, const struct position *at, struct ds_error *err)
{
    BUF_AUTO struct buf gtids = {0};
    if (gtid_set_print(&at->gtid, &gtids))
        return no_memory(err);
    const struct msg_commit m = {
        .server_id = c->source.server.server_id,
        .gtid_set = {gtids.data, gtids.len},
        .file = {(const uint8_t *)at->file.file, strlen(at->file.file)},
        .pos = at->file.pos,
    };
    buf_clear(&c->message);
    if (message_write_commit(&c->message, &m))
        return no_memory(err);
    int rc = put(c, err);
    return rc ? rc : c->o->mark(c->o->arg, at, err);
}

static struct position copy_position(const struct copy *c)
{
    struct position at = {.file.pos = c->number};
    snprintf(at.file.file, sizeof at.file.file, COPY_FILE "%06u", c->o->number);
    return at;
}

static int put_commit(struct copy *c, struct ds_error *err)
{
    c->number++;
    const struct position at = copy_position(c);
    return put_commit_at(c, &at, err);
}

/* One entity of the chunk. What has come once is not all that the entity has when it comes again.
 */
static int put_entity(struct copy *c, uint32_t at, enum pass pass, struct ds_error *err)
{
    const struct row *row = c->heads[at];
    struct slice key = c->root_keys[at];
    while (pass == REFERRING && row && !c->tables[row->table].again)
        row = row->next;
    if (!row)
        return 0;
    int rc = put_begin(c, err);
    if (rc == 0 && pass == FIRST)
        rc = put_mark(c, key, err);
    for (; row && rc == 0; row = row->next) {
        const struct table *t = &c->tables[row->table];
        if (pass != REFERRING || t->again)
            rc = put_change(c, t, CHANGE_INSERT, key, row->image, err);
    }
    return rc ? rc : put_commit(c, err);
}

static int copy_chunk(struct copy *c, enum pass pass, struct ds_error *err)
{
    arena_reset(&c->arena, 8 << 20);
    memset(c->heads, 0, sizeof c->heads);
    memset(c->tails, 0, sizeof c->tails);
    c->current = 0;
    int rc = 0;
    for (uint32_t i = 0; i < c->table_count && rc == 0; i++) {
        struct table *t = &c->tables[i];
        bool wanted = pass != REFERRING || i == 0 || t->again;
        for (uint32_t k = i + 1; k < c->table_count; k++) /* others are reached through it */
            wanted |= c->tables[k].again && c->tables[k].through == t;
        if (wanted)
            rc = read_table(c, t, err);
    }
    uint32_t count = c->current;
    for (uint32_t i = 0; i < count && rc == 0; i++)
        rc = put_entity(c, i, pass, err);
    return rc;
}

static int copy_rows(struct copy *c, enum pass pass, struct ds_error *err)
{
    int rc = 0;
    for (c->first = 0; c->first < c->key_count && rc == 0; c->first = c->end) {
        c->end = c->first + ROOTS_PER_CHUNK;
        c->end = c->end < c->key_count ? c->end : c->key_count;
        rc = copy_chunk(c, pass, err);
        if (pass == FIRST && c->o->progress)
            c->o->progress(c->o->arg, c->entity->name, c->end, c->key_count);
    }
    return rc;
}

static int copy_kind(struct copy *c, const struct catalogue_entity *e, enum pass pass,
                     struct ds_error *err)
{
    bool again = false;
    int rc = 0;
    c->entity = e;
    c->tables = calloc(e->table_count + 1, sizeof *c->tables);
    if (!c->tables)
        return no_memory(err);
    for (size_t i = 0; i < e->table_count && rc == 0; i++)
        if (i == 0 || c->table_count)
            rc = open_table(c, &e->tables[i], err);
    if (rc == 0 && !c->table_count && filter_imports(c->o->filter, e))
        log_debug("the source has no table %s: nothing to copy of entity %s", e->tables[0].table,
                  e->name);
    if (rc == 0 && c->table_count)
        rc = read_roots(c, filter_imports(c->o->filter, e), err);
    if (rc == 0)
        rc = copy_rows(c, pass, err);
    for (uint32_t i = 0; i < c->table_count; i++)
        again |= c->tables[i].again && pass == FIRST;
    if (rc == 0 && again)
        rc = copy_rows(c, REFERRING, err);
    close_kind(c);
    return rc;
}

/* Do its texts name products, categories …, which come later? */
static bool has_texts(const struct catalogue_entity *e)
{
    for (size_t i = 0; i < document_format_count(); i++) {
        const struct document_format *f = document_format_at(i);
        for (size_t k = 0; k < e->table_count; k++)
            if ((f->form == DOCUMENT_TEXT || f->form == DOCUMENT_LAYOUT) &&
                strcmp(f->table, e->tables[k].table) == 0)
                return true;
    }
    return false;
}

static int copy_kinds(struct copy *c, const bool *needed, struct ds_error *err)
{
    const struct catalogue *all = c->o->catalogue;
    size_t count = catalogue_count(all), kinds = 0;
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        if (needed[i]) {
            rc = copy_kind(c, catalogue_at(all, i), FIRST, err);
            kinds += filter_imports(c->o->filter, catalogue_at(all, i));
        }
    for (size_t i = 0; i < count && rc == 0 && kinds > 1; i++)
        if (needed[i] && filter_imports(c->o->filter, catalogue_at(all, i)) &&
            has_texts(catalogue_at(all, i)))
            rc = copy_kind(c, catalogue_at(all, i), TEXTS, err);
    return rc;
}

uint32_t entity_copy_number(const struct position *p)
{
    size_t head = sizeof COPY_FILE - 1;
    return p->gtid.count == 0 && strncmp(p->file.file, COPY_FILE, head) == 0
               ? (uint32_t)strtoul(p->file.file + head, NULL, 10)
               : 0;
}

int entity_copy(const struct entity_copy_options *o, struct position *end, struct ds_error *err)
{
    struct copy *c = calloc(1, sizeof *c);
    const struct snapshot_options snapshot = {
        .config = o->config, .arg = o->arg, .stop_requested = o->stop_requested};
    struct position at = {0};
    size_t count = catalogue_count(o->catalogue);
    bool *needed = calloc(count + 1, sizeof *needed);
    memset(end, 0, sizeof *end);
    int rc = c && needed ? 0 : no_memory(err);
    if (rc == 0) {
        c->o = o;
        c->next_table_id = FIRST_TABLE_ID;
        rc = source_open(&c->source, o->config, err);
    }
    if (rc == 0)
        filter_import_scope(o->filter, needed);
    if (rc == 0)
        rc = source_begin(&c->source, &snapshot, &at, err);
    if (rc == 0)
        rc = copy_kinds(c, needed, err);
    if (rc == 0) /* moves the position even if there is nothing */
        rc = o->follows ? put_commit_at(c, &at, err) : put_commit(c, err);
    struct position last = {0};
    if (rc == 0)
        last = copy_position(c);
    if (rc == 0 && position_copy(end, o->follows ? &at : &last))
        rc = no_memory(err);
    position_free(&at);
    free(needed);
    if (c) {
        source_close(&c->source);
        arena_free(&c->arena);
        buf_free(&c->message);
        free(c);
    }
    return rc;
}
