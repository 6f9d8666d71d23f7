/* Entities that travel in part: the rows that lead to roots for which the condition is true.
 *
 * The condition is not SQL, so the source cannot join. The keys of the rows that are copied are
 * kept in a file, table by table, and what leads to them is asked for by these keys, some thousand
 * at a time. The same reads single entities, which have come into the condition later: these are
 * handed out as changes of the stream.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/snapshot_internal.h"
#include "schema/key_condition.h"
#include "schema/log.h"

enum { IDS_PER_QUERY = 5000 };

struct picked {
    const struct catalogue_table *entry;
    FILE *file; /* of keys, 8 bytes each */
    struct picked *next;
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for a copy of entities");
}

unsigned snapshot_step(const struct filter *filter, const char *table)
{
    struct filter_level level;
    unsigned step = 0;
    if (!filter_level(filter, table, &level))
        return 0;
    for (; level.entry != &level.entity->tables[0]; step++)
        level.entry = filter_level_parent(&level);
    return step;
}

/* --- keys of what is copied ----------------------------------------------------- */

static int io_error(struct ds_error *err, const char *doing)
{
    return error_set(err, DS_EIO,
                     "cannot %s the temporary file for keys of what is copied: %s; make room in "
                     "state_dir",
                     doing, strerror(errno));
}

static struct picked *find(const struct snapshot *s, const struct catalogue_table *entry)
{
    struct picked *p = s->picked;
    while (p && p->entry != entry)
        p = p->next;
    return p;
}

static int start_picking(struct snapshot *s, const struct catalogue_table *entry,
                         struct picked **out, struct ds_error *err)
{
    struct spill spill;
    struct picked *p = calloc(1, sizeof *p);
    int rc = p ? spill_open(&spill, s->o->config->state_dir, err) : no_memory(err);
    if (rc) {
        free(p);
        return rc;
    }
    *p = (struct picked){.entry = entry, .file = spill.file, .next = s->picked};
    s->picked = *out = p;
    return 0;
}

void snapshot_picked_free(struct snapshot *s)
{
    while (s->picked) {
        struct picked *next = s->picked->next;
        (void)fclose(s->picked->file); /* nothing in it is wanted any more */
        free(s->picked);
        s->picked = next;
    }
}

static int add_id(void *arg, uint64_t id, struct ds_error *err)
{
    return fwrite(&id, sizeof id, 1, ((struct picked *)arg)->file) == 1 ? 0
                                                                        : io_error(err, "write");
}

static int rewind_ids(const struct picked *p, struct ds_error *err)
{
    return fflush(p->file) || fseek(p->file, 0, SEEK_SET) ? io_error(err, "read") : 0;
}

/* *count 0: there are no more. */
static int read_ids(const struct picked *p, uint64_t *ids, size_t *count, struct ds_error *err)
{
    *count = fread(ids, sizeof *ids, IDS_PER_QUERY, p->file);
    return *count == 0 && ferror(p->file) ? io_error(err, "read") : 0;
}

/* --- rows of a table --------------------------------------------------------------- */

static uint32_t column_of(const struct table_plan *plan, const char *name)
{
    return message_column(plan->described, plan->column_count, name);
}

static bool has_members(const struct filter_level *l)
{
    bool has = l->entry == &l->entity->tables[0] && l->entity->table_count > 1;
    for (size_t i = 0; i < l->entity->table_count; i++) {
        const char *through = l->entity->tables[i].through;
        has |= through && strcmp(through, l->entry->table) == 0;
    }
    return has;
}

/* ids get sorted. */
static int rows_of_ids(struct snapshot_source *source, const struct table_plan *plan,
                       const char *column, uint64_t *ids, size_t count, struct row_output *out,
                       uint64_t *rows, struct ds_error *err)
{
    BUF_AUTO struct buf pick = {0}, name = {0};
    uint64_t some = 0;
    uint32_t at = column_of(plan, column);
    if (at == UINT32_MAX)
        return error_set(err, DS_ESCHEMA, "where: table %s has no column %s", plan->name, column);
    qsort(ids, count, sizeof *ids, key_compare);
    if (sql_identifier(&name, column) || buf_puts(&pick, " WHERE ") ||
        key_condition(&pick, buf_cstr(&name),
                      key_type_is_integer((uint8_t)plan->described[at].type), ids, count))
        return no_memory(err);
    out->pick = buf_cstr(&pick);
    int rc = table_rows_copy(plan, source, out, &some, err);
    out->pick = NULL;
    *rows += some;
    return rc;
}

static int rows_of_picked(const struct snapshot *s, struct snapshot_source *source,
                          const struct table_plan *plan, const struct picked *p, const char *column,
                          struct row_output *out, uint64_t *rows, struct ds_error *err)
{
    uint64_t *ids = calloc(IDS_PER_QUERY, sizeof *ids);
    size_t count = 1;
    int rc = ids ? rewind_ids(p, err) : no_memory(err);
    while (rc == 0 && count) {
        rc = read_ids(p, ids, &count, err);
        if (rc == 0 && count)
            rc = rows_of_ids(source, plan, column, ids, count, out, rows, err);
        if (rc == 0 && s->o->stop_requested && s->o->stop_requested(s->o->arg))
            rc = error_set(err, DS_ESTOPPED, "asked to stop during the snapshot");
    }
    free(ids);
    return rc;
}

static int pick_keys(struct snapshot *s, const struct table_plan *plan,
                     const struct filter_level *level, struct row_output *out, struct ds_error *err)
{
    struct picked *keys;
    if (level->shadow || !has_members(level))
        return 0;
    int rc = start_picking(s, level->entry, &keys, err);
    if (rc)
        return rc;
    out->key = add_id;
    out->key_arg = keys;
    out->key_column = column_of(plan, filter_level_key(level->entry));
    return out->key_column != UINT32_MAX
               ? 0
               : error_set(err, DS_ESCHEMA, "where: table %s has no column %s", plan->name,
                           filter_level_key(level->entry));
}

int snapshot_members_rows(struct snapshot *s, struct snapshot_source *source,
                          const struct table_plan *plan, const struct filter_level *level,
                          struct row_output *out, uint64_t *rows, struct ds_error *err)
{
    bool root = level->entry == &level->entity->tables[0];
    const struct picked *parent = root ? NULL : find(s, filter_level_parent(level));
    int rc = pick_keys(s, plan, level, out, err);
    *rows = 0;
    if (rc == 0 && root && s->only)
        rc = rows_of_ids(source, plan, filter_level_key(level->entry), s->only, s->only_count, out,
                         rows, err);
    else if (rc == 0 && root)
        rc = table_rows_copy(plan, source, out, rows, err);
    else if (rc == 0 && parent)
        rc = rows_of_picked(s, source, plan, parent, level->entry->link, out, rows, err);
    return rc;
}

/* --- single entities ---------------------------------------------------------------- */

struct entities {
    struct snapshot *s;
    const struct filter_level *level; /* of the table in hand */
    const struct table_plan *plan;
    uint32_t link, key; /* ordinals, UINT32_MAX: none */
    struct buf entity_key;
};

static bool number(const uint8_t *raw, uint64_t *out)
{
    return value_id((struct slice){raw, value_length(raw)}, out);
}

/* The entity's key as a value of messages. */
static int key_of_row(struct entities *e, const uint8_t *const *row, struct slice *out,
                      struct ds_error *err)
{
    struct roots *roots = e->s->o->roots;
    const struct catalogue_table *entry = e->level->entry;
    uint64_t link, id;
    *out = (struct slice){row[e->link], value_length(row[e->link])};
    if (!number(row[e->link], &link))
        return 0;
    const struct level *own =
        e->key != UINT32_MAX && roots ? roots_level(roots, entry->table) : NULL;
    if (own && number(row[e->key], &id))
        roots_learn(roots, own, id, link);
    if (!entry->through)
        return 0;
    buf_clear(&e->entity_key);
    const struct level *through = roots ? roots_level(roots, entry->through) : NULL;
    if (through && roots_key(roots, through, link, &e->entity_key))
        return no_memory(err);
    *out = (struct slice){e->entity_key.data, e->entity_key.len};
    return 0;
}

static int put_change(struct entities *e, enum change_op op, struct slice key, struct slice image,
                      struct ds_error *err)
{
    struct snapshot *s = e->s;
    uint32_t flags = CHANGE_COPIED | (e->level->entry->stock ? CHANGE_STOCK : 0u);
    struct msg_change m = {.table_id = e->plan->id, .op = op, .flags = flags, .entity_key = key};
    *(op == CHANGE_INSERT ? &m.after : &m.before) = image;
    buf_clear(&s->message);
    if (message_write_change(&s->message, &m))
        return no_memory(err);
    return s->o->put(s->o->arg, s->message.data, s->message.len, err);
}

/* The image at *p, which moves behind it; `row` has room for its columns. */
static int put_row_as_change(struct entities *e, const uint8_t **p, const uint8_t *end,
                             const uint8_t **row, struct ds_error *err)
{
    const uint8_t *start = *p;
    struct slice key;
    if (value_skip(p, end) ||
        image_split((struct slice){start, (size_t)(*p - start)}, e->plan->column_count, row))
        return error_set(err, DS_EFORMAT, "rows of a copy cannot be read");
    int rc = key_of_row(e, row, &key, err);
    return rc ? rc
              : put_change(e, CHANGE_INSERT, key, (struct slice){start, (size_t)(*p - start)}, err);
}

/* A ROWS message becomes changes, everything else passes. */
static int put_as_changes(void *arg, const void *message, size_t len, struct ds_error *err)
{
    struct snapshot *s = arg;
    struct entities *e = s->entities;
    const uint8_t *p = message, *end = p + len;
    struct arena arena = {0};
    struct message m;
    uint32_t count = 0;
    const uint8_t **row = calloc(e->plan->column_count + 1, sizeof *row);
    int rc = row ? message_read(&p, end, &arena, &m, err) : no_memory(err);
    if (rc == 0 && m.type != MSG_SNAPSHOT) {
        rc = s->o->put(s->o->arg, message, len, err);
    } else if (rc == 0) {
        p = m.snapshot.rows.p;
        end = p + m.snapshot.rows.len;
        rc = array_read_head(&p, end, &count)
                 ? error_set(err, DS_EFORMAT, "rows of a copy cannot be read")
                 : 0;
    }
    while (count-- && rc == 0)
        rc = put_row_as_change(e, &p, end, row, err);
    free(row);
    arena_free(&arena);
    return rc;
}

/* Whatever the destination has of these roots goes, whether or not they come again. */
static int put_deletes(struct entities *e, struct ds_error *err)
{
    uint32_t column = e->key != UINT32_MAX ? e->key : e->link;
    int rc = 0;
    for (size_t i = 0; i < e->s->only_count && rc == 0; i++) {
        uint64_t id = e->s->only[i];
        BUF_AUTO struct buf image = {0}, key = {0};
        rc = image_write_head(&image, e->plan->column_count) | value_write_uint(&key, id);
        for (uint32_t c = 0; c < e->plan->column_count && rc == 0; c++)
            rc = c == column ? value_write_uint(&image, id) : value_write_absent(&image);
        rc = rc ? no_memory(err)
                : put_change(e, CHANGE_DELETE, (struct slice){key.data, key.len},
                             (struct slice){image.data, image.len}, err);
    }
    return rc;
}

static int copy_entity_table(struct entities *e, const struct object *x, struct ds_error *err)
{
    struct snapshot *s = e->s;
    struct table_plan plan = {0};
    uint64_t rows;
    bool whole, root = e->level->entry == &e->level->entity->tables[0];
    int rc = table_plan_read(&plan, &s->source, x->name, s->next_id++, err);
    e->plan = &plan;
    e->link = column_of(&plan, e->level->entry->link);
    e->key = column_of(&plan, e->level->entry->key);
    if (rc == 0 && e->link == UINT32_MAX)
        rc = error_set(err, DS_ESCHEMA, "where: table %s has no column %s", x->name,
                       e->level->entry->link);
    if (rc == 0)
        rc = snapshot_check_unaltered(s, &s->source, x, err);
    if (rc == 0)
        rc = snapshot_put_table(s, put_as_changes, &plan, false, err);
    if (rc == 0 && root)
        rc = put_deletes(e, err);
    if (rc == 0)
        rc = snapshot_put_rows(s, &s->source, put_as_changes, &plan, true, &rows, &whole, err);
    if (rc == 0)
        rc = snapshot_check_unaltered(s, &s->source, x, err);
    e->plan = NULL;
    table_plan_free(&plan);
    return rc;
}

/* A table of the entity, or one that a tool for online changes makes beside it and puts in its
 * place later. */
struct entity_table {
    struct object object;
    struct filter_level level;
};
struct entity_tables {
    struct entity_table *items;
    size_t count;
    struct arena arena;
};

/* What others lead to comes first. */
static int by_place(const void *x, const void *y)
{
    const struct filter_level *a = &((const struct entity_table *)x)->level;
    const struct filter_level *b = &((const struct entity_table *)y)->level;
    return a->entry != b->entry ? (a->entry > b->entry) - (a->entry < b->entry)
                                : a->shadow - b->shadow;
}

/* The root's shadow is told by the stream: which of its rows are in says the condition. */
static bool is_copied(const struct snapshot *s, const char *name, const struct catalogue_entity *e,
                      struct filter_level *level)
{
    return (!s->o->wanted || s->o->wanted(s->o->arg, name)) &&
           filter_level(s->o->filter, name, level) && level->entity == e &&
           !(level->shadow && level->entry == &e->tables[0]);
}

static int find_tables(struct snapshot *s, const struct catalogue_entity *e,
                       struct entity_tables *out, struct ds_error *err)
{
    MYSQL_RES *res = db_select(s->source.db, err,
                               "SELECT TABLE_NAME FROM information_schema.TABLES WHERE "
                               "TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE'");
    if (!res)
        return err->code;
    int rc = 0;
    out->items = calloc(mysql_num_rows(res) + 1, sizeof *out->items);
    for (MYSQL_ROW row; rc == 0 && out->items && (row = mysql_fetch_row(res));) {
        struct entity_table *t = &out->items[out->count];
        if (!is_copied(s, row[0], e, &t->level))
            continue;
        t->object = (struct object){
            .kind = OBJECT_TABLE, .rows = ROWS_SNAPSHOT, .name = arena_strdup(&out->arena, row[0])};
        rc = t->object.name ? 0 : no_memory(err);
        out->count++;
    }
    mysql_free_result(res);
    if (!out->items)
        return no_memory(err);
    if (out->count)
        qsort(out->items, out->count, sizeof *out->items, by_place);
    return rc;
}

/* The tables that there are, defined as before the snapshot. */
static int read_tables(struct snapshot *s, const struct filter_level *root,
                       struct entity_tables *out, struct ds_error *err)
{
    int rc = source_counter(&s->source, "Com\\_rename\\_table", &s->renames, err);
    if (rc == 0)
        rc = find_tables(s, root->entity, out, err);
    if (rc == 0 && (!out->count || out->items[0].level.entry != root->entry))
        rc = error_set(err, DS_ESCHEMA, "table %s is gone at the source", root->entry->table);
    for (size_t i = 0; i < out->count && rc == 0; i++) {
        struct object *x = &out->items[i].object;
        BUF_AUTO struct buf text = {0};
        rc = object_table_text(&s->source, OBJECT_TABLE, x->name, &text, err);
        x->text = (struct slice){arena_copy(&out->arena, text.data, text.len), text.len};
        if (rc == 0 && !x->text.p)
            rc = no_memory(err);
    }
    return rc;
}

static int copy_entities(struct entities *e, const struct entity_tables *tables,
                         const struct position *not_before, struct ds_error *err)
{
    struct snapshot *s = e->s;
    int rc = source_begin(&s->source, s->o, &s->at, err);
    /* what was read of the binlog may not be visible yet */
    if (rc == 0 && !position_reached(not_before, &s->at))
        rc = error_set(err, DS_ERETRY, "the source's snapshot is older than what was read");
    for (size_t i = 0; i < tables->count && rc == 0; i++) {
        e->level = &tables->items[i].level;
        rc = copy_entity_table(e, &tables->items[i].object, err);
    }
    return rc;
}

int snapshot_copy_entities(const struct snapshot_options *o, const char *table, uint64_t *ids,
                           size_t count, const struct position *not_before, struct position *at,
                           struct ds_error *err)
{
    struct snapshot s = {.o = o, .next_id = o->first_table_id, .only = ids, .only_count = count};
    struct filter_level root = {0};
    struct entity_tables tables = {0};
    struct entities e = {.s = &s};
    memset(at, 0, sizeof *at);
    if (!filter_level(o->filter, table, &root) || root.entry != &root.entity->tables[0])
        return error_set(err, DS_EFORMAT, "no entity with a condition has the root %s", table);
    s.entities = &e;
    int rc = source_open(&s.source, o->config, err);
    if (rc == 0)
        rc = read_tables(&s, &root, &tables, err);
    if (rc == 0)
        rc = copy_entities(&e, &tables, not_before, err);
    if (rc == 0 && position_copy(at, &s.at))
        rc = no_memory(err);
    free(tables.items);
    arena_free(&tables.arena);
    buf_free(&e.entity_key);
    buf_free(&s.message);
    snapshot_clean(&s);
    return rc;
}
