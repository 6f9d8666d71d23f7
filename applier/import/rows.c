/* Changes of a range → net rows, and the entities that they are of.
 *
 * A segment is a run of changes that may be netted row by row: of each row what it was before all
 * of them, and what it is after. A deletion of a row that others lead to takes rows along without
 * telling, so it is the first change of a segment of its own kind: only such deletions follow it,
 * and what comes behind them begins the next one. The marks of whole entities (CHANGE_COPIED
 * deletes) are none.
 */
#include <string.h>
#include <xxhash.h>

#include "applier/apply.h"
#include "applier/import/import_internal.h"
#include "applier/import/seen.h"
#include "schema/list.h"
#include "schema/log.h"

enum { BUCKETS = 1 << 15, ENTITY_BUCKETS = 1 << 12, ROWS_PER_SEGMENT = 50000 };

int import_rows_begin(struct import *im, struct ds_error *err)
{
    arena_reset(&im->arena, 8 << 20);
    im->row_count = im->entity_count = 0;
    im->deferred = NULL;
    im->buckets = arena_zalloc(&im->arena, BUCKETS * sizeof(struct import_row *));
    im->entities = arena_zalloc(&im->arena, ENTITY_BUCKETS * sizeof(struct import_entity *));
    return im->buckets && im->entities ? 0 : import_no_memory(err);
}

/* --- entities ------------------------------------------------------------------------ */

static struct import_entity *entity_of(struct import *im, const struct import_table *table,
                                       const uint8_t *raw_key)
{
    const struct catalogue_entity *entity = table->entity;
    char scratch[32];
    bool null;
    struct slice key = import_text(raw_key, scratch, &null);
    uint64_t hash = XXH3_64bits_withSeed(key.p, key.len, (uintptr_t)entity);
    struct import_entity **head = &im->entities[hash % ENTITY_BUCKETS];
    for (struct import_entity *e = *head; e; e = e->next)
        if (e->hash == hash && e->entity == entity && e->key.len == key.len &&
            (!key.len || memcmp(e->key.p, key.p, key.len) == 0))
            return e;
    struct import_entity *e = arena_zalloc(&im->arena, sizeof *e);
    uint8_t *copy = arena_copy(&im->arena, key.p, key.len);
    if (LIST_ROOM(im->entity_list, im->entity_count, im->entity_cap))
        return NULL;
    if (!e || (key.len && !copy))
        return NULL;
    *e = (struct import_entity){
        .entity = entity, .table = table, .key = {copy, key.len}, .hash = hash, .next = *head};
    *head = e;
    im->entity_list[im->entity_count++] = e;
    return e;
}

/* --- rows ------------------------------------------------------------------------------ */

static uint64_t key_hash(const struct import_table *t, const uint8_t *const *values)
{
    XXH64_hash_t hash = t->order;
    for (uint32_t i = 0; i < t->key_count; i++) {
        const uint8_t *raw = values[t->key[i]];
        hash = XXH3_64bits_withSeed(raw, value_length(raw), hash);
    }
    return hash;
}

static bool same_key(const struct import_row *r, const struct import_table *t,
                     const uint8_t *const *values)
{
    const uint8_t *const *own = r->op == CHANGE_DELETE ? r->before : r->after;
    for (uint32_t i = 0; r->table == t && i < t->key_count; i++) {
        const uint8_t *x = own[t->key[i]], *y = values[t->key[i]];
        size_t n = value_length(x);
        if (n != value_length(y) || memcmp(x, y, n) != 0)
            return false;
    }
    return r->table == t;
}

static struct import_row *find_row(const struct import *im, const struct import_table *t,
                                   const uint8_t *const *values, uint64_t hash)
{
    struct import_row *r = im->buckets[hash % BUCKETS];
    while (r && !(r->hash == hash && same_key(r, t, values)))
        r = r->next;
    return r;
}

static void link_row(struct import *im, struct import_row *r, uint64_t hash)
{
    struct import_row **head = &im->buckets[hash % BUCKETS];
    r->hash = hash;
    r->next = *head;
    *head = r;
}

static void unlink_row(struct import *im, struct import_row *r)
{
    struct import_row **at = &im->buckets[r->hash % BUCKETS];
    while (*at && *at != r)
        at = &(*at)->next;
    if (*at)
        *at = r->next;
}

/* What is not in the image becomes NULL; what an update leaves as it was is as before. */
static int split(struct import *im, const struct import_table *t, struct slice image,
                 const uint8_t *const *before, const uint8_t ***out, struct ds_error *err)
{
    const uint8_t **values = arena_alloc(&im->arena, (t->source_count + 1) * sizeof *values);
    if (!values)
        return import_no_memory(err);
    if (image_split(image, t->source_count, values))
        return error_set(err, DS_EFORMAT, "a row image of table %s has not its %u columns",
                         t->entry->table, t->source_count);
    for (uint32_t i = 0; i < t->source_count; i++) {
        if (*values[i] == VALUE_BYTE_ABSENT || *values[i] == VALUE_BYTE_SAME)
            values[i] = before ? before[i] : NULL;
    }
    *out = values;
    return 0;
}

/* Is all there by which the row is found at both sides? A record of a file may have an id instead
 * of a natural key, and what is not asked for comes with its keys alone where it may take rows
 * along that are. */
static int need_key(const struct import *im, const struct import_table *t,
                    const uint8_t *const *values, struct ds_error *err)
{
    bool by_id = (!im->options.follows || !t->selected) && t->type != UINT32_MAX;
    bool all = (t->link_source == NO_COLUMN || values[t->link_source]) &&
               (t->id_source == NO_COLUMN || values[t->id_source]) &&
               (t->attribute == NO_COLUMN || values[t->attribute]);
    for (uint32_t i = 0; i < t->key_count; i++)
        all = all && values[t->key[i]];
    for (uint32_t i = 0; i < t->part_count && !by_id; i++)
        all = all && (t->parts[i].source == NO_COLUMN || values[t->parts[i].source]);
    return all ? 0
               : error_set(err, DS_ESCHEMA,
                           "a change of table %s does not say which row it is of: set "
                           "binlog_row_image = FULL at the source, then copy again with "
                           "--resnapshot",
                           t->entry->table);
}

static int push_row(struct import *im, struct import_row *row, struct ds_error *err)
{
    if (LIST_ROOM(im->rows, im->row_count, im->row_cap))
        return import_no_memory(err);
    im->rows[im->row_count++] = row;
    return 0;
}

/* The row was known in this segment, and changes again. */
static void fold(struct import *im, struct import_row *r, const struct change *c,
                 const uint8_t **after)
{
    r->origin = c;
    if (c->op == CHANGE_DELETE) {
        unlink_row(im, r);
        if (r->op == CHANGE_INSERT) /* never was */
            r->state = ROW_WRITTEN;
        r->op = CHANGE_DELETE;
        return;
    }
    if (r->op != CHANGE_INSERT)
        r->op = CHANGE_UPDATE;
    r->after = after;
}

static const uint8_t *entity_key_of(const struct change *c, const struct import_table *t,
                                    const uint8_t *const *values)
{
    struct slice key = held_entity_key(c);
    return key.len ? key.p : t->root && values ? values[t->id_source] : NULL;
}

int import_change_key(struct import *im, const struct change *c, struct slice *key,
                      char scratch[32], bool *null, struct ds_error *err)
{
    const uint8_t **values = NULL;
    struct slice image = c->before.len ? c->before : c->after;
    int rc = split(im, c->table->import, image, NULL, &values, err);
    if (rc == 0)
        *key = import_text(entity_key_of(c, c->table->import, values), scratch, null);
    return rc;
}

int import_change_id(struct import *im, const struct change *c, struct slice *id, char scratch[32],
                     bool *null, struct ds_error *err)
{
    const struct import_table *t = c->table->import;
    const uint8_t **values = NULL;
    struct slice image = c->before.len ? c->before : c->after;
    int rc = split(im, t, image, NULL, &values, err);
    *null = rc || t->id_source == NO_COLUMN || !values[t->id_source];
    if (!*null)
        *id = import_text(values[t->id_source], scratch, null);
    return rc;
}

static int put_image(struct import *im, const struct import_table *t, const uint8_t *const *values,
                     struct slice *out)
{
    BUF_AUTO struct buf image = {0};
    int rc = image_write_head(&image, t->source_count);
    for (uint32_t i = 0; i < t->source_count && rc == 0; i++)
        rc = values[i] ? buf_append(&image, values[i], value_length(values[i]))
                       : value_write_absent(&image);
    *out = (struct slice){arena_copy(&im->rekeyed, image.data, image.len), image.len};
    return rc || !out->p ? DS_ENOMEM : 0;
}

int import_rekeyed(struct import *im, const struct change *c, struct change **gone,
                   struct change **made, struct ds_error *err)
{
    const struct import_table *t = c->table->import;
    const uint8_t **before = NULL, **after = NULL;
    *gone = *made = NULL;
    if (c->op != CHANGE_UPDATE || !(c->flags & CHANGE_NO_FK_CHECKS) || t->type == UINT32_MAX ||
        t->id_source == NO_COLUMN)
        return 0;
    int rc = split(im, t, c->before, NULL, &before, err);
    rc = rc ? rc : split(im, t, c->after, before, &after, err);
    if (rc || !before[t->id_source] || import_same(before[t->id_source], after[t->id_source]))
        return rc;
    struct change *two = arena_alloc(&im->rekeyed, 2 * sizeof *two);
    if (!two)
        return import_no_memory(err);
    two[0] = two[1] = *c;
    two[0].op = CHANGE_DELETE;
    two[1].op = CHANGE_INSERT;
    two[0].after = two[1].before = (struct slice){NULL, 0};
    if (t->root) /* each is of an entity of its own */
        two[0].entity_key = two[1].entity_key = (struct slice){NULL, 0};
    if (put_image(im, t, before, &two[0].before) || put_image(im, t, after, &two[1].after))
        return import_no_memory(err);
    *gone = &two[0];
    *made = &two[1];
    return 0;
}

static bool is_mark(const struct change *c)
{
    return c->op == CHANGE_DELETE && c->flags & CHANGE_COPIED;
}

/* Goes a row that others lead to? */
static bool takes_along(const struct import_table *t, const struct change *c)
{
    return c->op == CHANGE_DELETE && t->type != UINT32_MAX && !is_mark(c);
}

static bool begins_another(const struct import *im, const struct import_table *t,
                           const struct change *c)
{
    if (!im->row_count)
        return false;
    const struct import_row *last = im->rows[im->row_count - 1];
    bool deleting = last->op == CHANGE_DELETE && last->table->type != UINT32_MAX;
    return deleting != takes_along(t, c);
}

static int add_new(struct import *im, const struct import_table *t, const struct change *c,
                   const uint8_t **before, const uint8_t **after, struct ds_error *err)
{
    const uint8_t *const *values = before ? before : after; /* by which it is found: not NULL */
    char scratch[32];
    bool null;
    struct import_row *r = arena_zalloc(&im->arena, sizeof *r);
    if (!r)
        return import_no_memory(err);
    *r = (struct import_row){.table = (struct import_table *)t,
                             .origin = c,
                             .op = c->op,
                             .state = ROW_WAITS,
                             .before = before,
                             .after = after};
    if (t->id_source != NO_COLUMN && values[t->id_source]) {
        struct slice id = import_text(values[t->id_source], scratch, &null);
        r->id = (struct slice){arena_copy(&im->arena, id.p, id.len), id.len};
        if (!r->id.p && id.len)
            return import_no_memory(err);
    }
    r->entity = entity_of(im, t, entity_key_of(c, t, values));
    if (!r->entity)
        return import_no_memory(err);
    if (t->root && c->op != CHANGE_DELETE)
        r->entity->root = r;
    r->dying = c->op == CHANGE_DELETE && import_is_dying(im, r->entity);
    r->old_id = import_freed_id(im, r);
    link_row(im, r, key_hash(t, after ? after : before));
    return push_row(im, r, err);
}

/* Rows of a copied entity stay together: what it has at the destination and not in them, goes. Only
 * a stream has transactions of more than one. */
static bool may_begin(const struct import *im, const struct change *c)
{
    return im->options.follows ? is_mark(c) || !(c->flags & CHANGE_COPIED) : im->begins;
}

/* Of an entity that is not whole: all that it has in this table, with these values, follows. */
static int add_whole_table(struct import *im, struct import_entity *e, const struct import_table *t,
                           const uint8_t **values, struct ds_error *err)
{
    struct import_whole_table *w = arena_zalloc(&im->arena, sizeof *w);
    if (!w)
        return import_no_memory(err);
    *w = (struct import_whole_table){.entry = t->entry, .values = values, .next = e->whole_tables};
    if (!im->part)
        e->whole_tables = w;
    return 0;
}

/* A key that changes ends one row's history and begins another's: the id stays the destination's.
 */
static int rekey(struct import *im, const struct import_table *t, struct import_row *r,
                 const uint8_t *const *after)
{
    unlink_row(im, r);
    link_row(im, r, key_hash(t, after));
    return 0;
}

int import_rows_add(struct import *im, const struct change *c, bool *full, struct ds_error *err)
{
    struct import_table *t = c->table->import;
    const uint8_t **before = NULL, **after = NULL;
    int rc = 0;
    *full = begins_another(im, t, c) || (im->row_count >= ROWS_PER_SEGMENT && may_begin(im, c));
    if (*full)
        return 0;
    if (c->before.len)
        rc = split(im, t, c->before, NULL, &before, err);
    if (rc == 0 && c->after.len)
        rc = split(im, t, c->after, before, &after, err);
    if (rc == 0 && is_mark(c)) {
        struct import_entity *e = entity_of(im, t, entity_key_of(c, t, before));
        if (!e)
            return import_no_memory(err);
        if (!t->root)
            return add_whole_table(im, e, t, before, err);
        e->whole = true;
        return 0;
    }
    const uint8_t *const *known = before ? before : after;
    if (rc == 0 && !known)
        rc = error_set(err, DS_EFORMAT, "a change of table %s has no row image", t->entry->table);
    rc = rc ? rc : need_key(im, t, known, err);
    rc = rc || !after ? rc : need_key(im, t, after, err);
    if (rc)
        return rc;
    struct import_row *r = find_row(im, t, known, key_hash(t, known));
    if (!r)
        return add_new(im, t, c, before, after, err);
    if (c->flags & CHANGE_NAMED && !(r->origin->flags & CHANGE_NAMED))
        return 0; /* what is referred to was chosen, too, and is here */
    fold(im, r, c, after);
    r->dying = r->op == CHANGE_DELETE && import_is_dying(im, r->entity);
    return after && before && !same_key(r, t, before) ? rekey(im, t, r, after) : 0;
}

/* By their tables' order; those of one table stay as they came. */
static int sort_by_table(struct import *im)
{
    uint32_t most = 0, at = 0;
    for (uint32_t i = 0; i < im->row_count; i++)
        most = im->rows[i]->table->order > most ? im->rows[i]->table->order : most;
    uint32_t *first = arena_zalloc(&im->arena, ((size_t)most + 2) * sizeof *first);
    struct import_row **rows = arena_copy(&im->arena, im->rows, im->row_count * sizeof *rows);
    if (!first || !rows)
        return DS_ENOMEM;
    for (uint32_t i = 0; i < im->row_count; i++)
        first[rows[i]->table->order]++;
    for (uint32_t t = 0; t <= most; t++) {
        uint32_t count = first[t];
        first[t] = at;
        at += count;
    }
    for (uint32_t i = 0; i < im->row_count; i++)
        im->rows[first[rows[i]->table->order]++] = rows[i];
    return 0;
}

struct import_row *import_row_by_id(const struct import *im, uint32_t type, struct slice id)
{
    struct import_row *r = im->by_id[XXH3_64bits_withSeed(id.p, id.len, type) % BUCKETS];
    while (r && !(r->table->type == type && r->id.len == id.len &&
                  (!id.len || memcmp(r->id.p, id.p, id.len) == 0)))
        r = r->next_id;
    return r;
}

int import_rows_end(struct import *im, struct ds_error *err)
{
    if (im->row_count && sort_by_table(im))
        return import_no_memory(err);
    im->by_id = arena_zalloc(&im->arena, BUCKETS * sizeof(struct import_row *));
    if (!im->by_id)
        return import_no_memory(err);
    for (uint32_t i = 0; i < im->row_count; i++) {
        struct import_row *r = im->rows[i];
        r->next_of_entity = r->entity->rows;
        r->entity->rows = r;
        if (r->table->type == UINT32_MAX || r->op == CHANGE_DELETE || !r->id.p)
            continue;
        struct import_row **head =
            &im->by_id[XXH3_64bits_withSeed(r->id.p, r->id.len, r->table->type) % BUCKETS];
        r->next_id = *head;
        *head = r;
    }
    for (uint32_t i = 0; i < im->row_count; i++) {
        struct import_row *r = im->rows[i];
        char scratch[32];
        bool null;
        if (r->table->root || r->table->parent_type == UINT32_MAX)
            continue;
        const uint8_t *raw = (r->after ? r->after : r->before)[r->table->link_source];
        struct slice id = import_text(raw, scratch, &null);
        r->parent = raw && !null ? import_row_by_id(im, r->table->parent_type, id) : NULL;
    }
    return 0;
}
