/* An entity that is larger than a batch comes whole, but in parts, all in one transaction. What the
 * destination has of it is listed when its root has come; what no part has is deleted behind the
 * last one. */
#include <stdlib.h>
#include <string.h>

#include "applier/import/drop.h"
#include "applier/import/places.h"
#include "schema/log.h"

enum { LISTED_MAX = 500000 };

/* An entity whose root came in an earlier part, and is not written. */
struct decided {
    const struct catalogue_entity *entity;
    struct slice key;
    enum import_policy policy;
    struct decided *next;
};

struct large {
    struct arena arena;
    struct places rows;
    struct decided *decided;
};

int import_large_new(struct import *im)
{
    im->large = calloc(1, sizeof *im->large);
    return im->large ? 0 : DS_ENOMEM;
}

void import_large_forget(struct import *im)
{
    places_free(&im->large->rows);
    arena_free(&im->large->arena);
    im->large->decided = NULL;
}

void import_large_free(struct import *im)
{
    if (im->large)
        import_large_forget(im);
    free(im->large);
}

/* --- where it is parted ---------------------------------------------------------------------- */

static size_t index_of(const struct catalogue_entity *e, const struct catalogue_table *entry)
{
    return (size_t)(entry - e->tables);
}

static bool has_values_of(const struct catalogue_entity *e, const struct catalogue_table *values,
                          const struct catalogue_table *entry)
{
    size_t len = strlen(entry->table);
    return strncmp(values->table, entry->table, len) == 0 && values->table[len] == '_' &&
           import_parent(e, values) == entry;
}

static bool tells(const struct catalogue_entity *e, const struct catalogue_table *by,
                  const struct catalogue_table *entry)
{
    bool root = entry == &e->tables[0];
    const struct catalogue_part *parts = root ? e->natural_key : entry->parts;
    size_t count = root ? e->natural_key_count : entry->part_count;
    for (size_t i = 0; i < count; i++)
        if (parts[i].attribute ? has_values_of(e, by, entry)
                               : parts[i].table && strcmp(parts[i].table, by->table) == 0)
            return true;
    return false;
}

bool import_holds_part(const struct import_table *t)
{
    const struct catalogue_entity *e = t->entity;
    for (size_t told = 0; told <= index_of(e, t->entry); told++)
        for (size_t by = index_of(e, t->entry); by < e->table_count; by++)
            if (by != told && tells(e, &e->tables[by], &e->tables[told]))
                return true;
    return false;
}

/* --- what is there ------------------------------------------------------------------------- */

/* Ids at the destination of what the entity's rows of `entry` are, "1" or a SELECT of them. */
static int print_ids(const struct import *im, const struct catalogue_entity *e,
                     const struct catalogue_table *entry, uint64_t root, struct buf *sql)
{
    const char *prefix = im->options.config->destination.prefix;
    BUF_AUTO struct buf name = {0};
    if (entry == &e->tables[0])
        return buf_unsigned(sql, root);
    return buf_printf(&name, "%s%s", prefix ? prefix : "", entry->table) |
           buf_puts(sql, "SELECT ") | sql_identifier(sql, entry->key) | buf_puts(sql, " FROM ") |
           sql_identifier(sql, buf_cstr(&name)) | buf_puts(sql, " WHERE ") |
           sql_identifier(sql, entry->link) | buf_puts(sql, " IN (") |
           print_ids(im, e, import_parent(e, entry), root, sql) | buf_puts(sql, ")");
}

static int list_table(struct import *im, const struct import_table *t, uint64_t root, bool *all,
                      struct ds_error *err)
{
    struct large *l = im->large;
    BUF_AUTO struct buf ids = {0};
    if (print_ids(im, t->entity, import_parent(t->entity, t->entry), root, &ids))
        return import_no_memory(err);
    MYSQL_RES *rows =
        import_rows_under(im, t, false, buf_cstr(&ids), "", LISTED_MAX - l->rows.count + 1, err);
    if (!rows)
        return err->code;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(rows));) {
        if (!import_is_known(t, row))
            continue;
        const uint8_t **place = import_read_place(&l->arena, t, row, mysql_fetch_lengths(rows));
        rc = place ? places_add(&l->rows, t, place) : DS_ENOMEM;
    }
    mysql_free_result(rows);
    *all = l->rows.count <= LISTED_MAX;
    return rc ? import_no_memory(err) : 0;
}

static bool is_replaced(const struct import *im, const struct import_row *root,
                        const struct import_table *t)
{
    return t->entity == root->table->entity && !t->root &&
           t->target_version == t->target->version && import_is_replaced(im, root, t);
}

static int list(struct import *im, const struct import_row *root, struct ds_error *err)
{
    bool all = true;
    int rc = 0;
    for (const struct import_table *t = im->tables; t && rc == 0 && all; t = t->next)
        if (is_replaced(im, root, t))
            rc = list_table(im, t, root->target_id, &all, err);
    if (all)
        return rc;
    log_warn("an entity is larger than a batch, and has more than %d rows here: what the source "
             "has no more of it stays; raise batch.max_bytes entity=%s key=%.*s",
             LISTED_MAX, root->entity->entity->name, (int)root->entity->key.len,
             (const char *)root->entity->key.p);
    places_free(&im->large->rows);
    return rc;
}

/* --- what on_duplicate has said of it ------------------------------------------------------ */

static int keep_decision(struct large *l, const struct import_entity *e)
{
    struct decided *d = arena_alloc(&l->arena, sizeof *d);
    const uint8_t *key = arena_copy(&l->arena, e->key.p, e->key.len);
    if (!d || (e->key.len && !key))
        return DS_ENOMEM;
    *d = (struct decided){e->entity, {key, e->key.len}, e->policy, l->decided};
    l->decided = d;
    return 0;
}

void import_large_decided(const struct import *im, struct import_entity *e)
{
    for (const struct decided *d = im->large->decided; d; d = d->next)
        if (d->entity == e->entity && d->key.len == e->key.len &&
            (!e->key.len || memcmp(d->key.p, e->key.p, e->key.len) == 0))
            e->policy = d->policy;
}

/* --- all of that, of its root -------------------------------------------------------------- */

int import_large_begin(struct import *im, uint32_t first, uint32_t end, struct ds_error *err)
{
    int rc = 0;
    for (uint32_t i = first; i < end && rc == 0; i++) {
        const struct import_row *row = im->rows[i];
        if (!im->part || !row->table->root || !row->entity->whole || row->state != ROW_FOUND)
            continue;
        rc = list(im, row, err);
        if (rc == 0 && row->entity->policy != IMPORT_WRITE && keep_decision(im->large, row->entity))
            rc = import_no_memory(err);
    }
    places_sort(&im->large->rows); /* a part may be written again: what is listed stays so */
    return rc;
}

/* --- what of it stays ---------------------------------------------------------------------- */

void import_large_stays(struct import *im, uint32_t first, uint32_t end)
{
    places_stay(&im->large->rows, im, first, end);
}

static int drop_table(struct import *im, const struct import_table *t, struct ds_error *err)
{
    const struct places *rows = &im->large->rows;
    const uint8_t ***places = arena_alloc(&im->arena, (rows->count + 1) * sizeof *places);
    uint32_t count = 0;
    for (uint32_t i = 0; places && i < rows->count; i++)
        if (rows->list[i].table->entry == t->entry && !rows->list[i].stays)
            places[count++] = rows->list[i].values;
    if (!places)
        return import_no_memory(err);
    int rc = import_keep_used(im, t, places, &count, err);
    return rc ? rc : import_delete_places(im, t, places, count, err);
}

static int last_first(const void *x, const void *y)
{
    const struct import_table *a = *(const struct import_table *const *)x,
                              *b = *(const struct import_table *const *)y;
    return (a->order < b->order) - (a->order > b->order);
}

/* Rows that hang on others go before these. */
int import_large_drop(struct import *im, struct ds_error *err)
{
    uint32_t count = 0;
    for (const struct import_table *t = im->tables; t; t = t->next)
        count += t->target_version == t->target->version;
    const struct import_table **tables = arena_alloc(&im->arena, (count + 1) * sizeof *tables);
    if (!tables)
        return import_no_memory(err);
    count = 0;
    for (const struct import_table *t = im->tables; t; t = t->next)
        if (t->target_version == t->target->version)
            tables[count++] = t;
    qsort(tables, count, sizeof *tables, last_first);
    int rc = 0;
    for (uint32_t i = 0; i < count && rc == 0; i++)
        if (!i || tables[i]->entry != tables[i - 1]->entry)
            rc = drop_table(im, tables[i], err);
    import_large_forget(im);
    return rc;
}
