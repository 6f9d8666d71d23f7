#include "applier/entity_change.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "applier/apply.h"
#include "applier/images.h"

struct builder {
    const struct batch *batch;
    struct arena *arena;
    const struct entity_choice *choice;
    struct entity_changes *out;
    struct ds_change **changes; /* buckets by entity and key */
    struct ds_row **rows;       /* buckets by entity change, table and key */
    uint64_t mask;
    struct row_images im; /* of the change in hand */
    struct ds_error *err;
};

static int out_of_memory(struct builder *b)
{
    return error_set(b->err, DS_ENOMEM, "out of memory for the changes of an entity");
}

/* Make room for one more pointer in an array of the arena. */
static bool grow(struct arena *arena, void *array, uint32_t count, uint32_t *cap)
{
    void **old, **bigger;
    if (count < *cap)
        return true;
    uint32_t more = *cap ? *cap * 2 : 8;
    bigger = arena_alloc(arena, more * sizeof *bigger);
    if (!bigger)
        return false;
    memcpy(&old, array, sizeof old);
    if (count)
        memcpy(bigger, old, count * sizeof *bigger);
    memcpy(array, &bigger, sizeof bigger);
    *cap = more;
    return true;
}

static bool same_slice(struct slice x, struct slice y)
{
    return x.len == y.len && (x.len == 0 || memcmp(x.p, y.p, x.len) == 0);
}

static bool is_of(const struct ds_change *e, const struct change *c, struct slice key)
{
    return strcmp(e->entity, c->table->entity) == 0 && same_slice(e->now, key) &&
           (key.len || strcmp(e->table, c->table->target->name) == 0);
}

bool entity_change_has(const struct ds_change *e, const struct change *c)
{
    struct slice key = held_entity_key(c);
    return strcmp(e->entity, c->table->entity) == 0 && same_slice(e->key, key) &&
           (key.len || strcmp(e->table, c->table->target->name) == 0);
}

static struct ds_change **change_bucket(const struct builder *b, const char *entity,
                                        const char *table, struct slice key)
{
    uint64_t hash = XXH3_64bits(entity, strlen(entity));
    hash ^= key.len ? XXH3_64bits(key.p, key.len) : XXH3_64bits(table, strlen(table));
    return &b->changes[hash & b->mask];
}

static int find_change(struct builder *b, struct change *c, struct ds_change **out)
{
    struct slice key = held_entity_key(c);
    const char *entity = c->table->entity, *table = c->table->target->name;
    struct ds_change **bucket = change_bucket(b, entity, table, key), *e = *bucket;
    while (e && !is_of(e, c, key))
        e = e->next;
    if (!e) {
        e = arena_zalloc(b->arena, sizeof *e);
        if (!e || !grow(b->arena, &b->out->items, b->out->count, &b->out->cap))
            return out_of_memory(b);
        e->entity = entity;
        e->key = e->now = key;
        e->table = table;
        e->rank = b->choice->rank(b->choice->arg, entity);
        e->next = *bucket;
        *bucket = e;
        b->out->items[b->out->count++] = e;
    }
    if (!grow(b->arena, &e->changes, e->change_count, &e->change_cap))
        return out_of_memory(b);
    e->changes[e->change_count++] = c;
    *out = e;
    return 0;
}

/* The update of its root gives the entity another key: from here on that one names it, ahead of one
 * that had it before and is gone, and its own is free for another entity. */
static void change_key(struct builder *b, struct ds_change *e, struct slice key, bool is_new)
{
    struct ds_change **at = change_bucket(b, e->entity, e->table, e->now);
    while (*at && *at != e)
        at = &(*at)->next;
    if (*at)
        *at = e->next;
    at = change_bucket(b, e->entity, e->table, key);
    e->next = *at;
    *at = e;
    e->now = key;
    e->key = is_new ? key : e->key;
}

/* --- rows --------------------------------------------------------------------- */

static struct ds_row **row_bucket(const struct builder *b, const struct ds_change *e,
                                  const struct target_table *t, struct slice key)
{
    uint64_t hash = XXH3_64bits_withSeed(key.p, key.len, (uint64_t)(uintptr_t)e);
    return &b->rows[(hash ^ (uint64_t)t->index * 0x9e3779b97f4a7c15U) & b->mask];
}

/* The row that has that key now. */
static struct ds_row *find_row(struct builder *b, const struct ds_change *e, const struct change *c,
                               struct slice key)
{
    struct ds_row *r = *row_bucket(b, e, c->table->target, key);
    while (r && !(r->table->target == c->table->target && same_slice(r->key, key)))
        r = r->next;
    return r;
}

static void leave_bucket(struct builder *b, const struct ds_change *e, const struct ds_row *row)
{
    struct ds_row **at = row_bucket(b, e, row->table->target, row->key);
    while (*at && *at != row)
        at = &(*at)->next;
    if (*at)
        *at = row->next;
}

static void enter_bucket(struct builder *b, const struct ds_change *e, struct ds_row *row)
{
    struct ds_row **at = row_bucket(b, e, row->table->target, row->key);
    row->next = *at;
    *at = row;
}

static const uint8_t **copy_image(struct builder *b, const struct change *c,
                                  const uint8_t *const *values)
{
    return arena_copy(b->arena, values, c->table->target->column_count * sizeof *values);
}

static int add_row(struct builder *b, struct ds_change *e, const struct change *c,
                   struct ds_row **out)
{
    const struct slice *role = &c->table->def.role;
    struct ds_row *r = arena_zalloc(b->arena, sizeof *r);
    char *name = arena_alloc(b->arena, role->len + 1);
    if (!r || !name || !grow(b->arena, &e->rows, e->row_count, &e->row_cap))
        return out_of_memory(b);
    if (role->len)
        memcpy(name, role->p, role->len);
    name[role->len] = 0;
    r->table = c->table;
    r->role = name;
    r->last = (uint32_t)(c - b->batch->changes);
    e->rows[e->row_count++] = r;
    *out = r;
    return 0;
}

/* Without a key equal rows cannot be told apart: each change stands for itself. */
static int keyless(struct builder *b, struct ds_change *e, const struct change *c)
{
    struct ds_row *r;
    int rc = add_row(b, e, c, &r);
    if (rc)
        return rc;
    if (c->op != CHANGE_INSERT && !(r->before = copy_image(b, c, b->im.before)))
        return out_of_memory(b);
    if (c->op != CHANGE_DELETE && !(r->after = copy_image(b, c, b->im.after)))
        return out_of_memory(b);
    return 0;
}

/* What an image leaves out is as it was in the one before it. */
static void complete(const struct ds_row *r, uint32_t columns, const uint8_t **image)
{
    for (uint32_t i = 0; i < columns && r->after; i++)
        if (!image[i])
            image[i] = r->after[i];
}

/* *row: NULL without a key. */
static int follow(struct builder *b, struct ds_change *e, const struct change *c,
                  struct ds_row **row)
{
    const struct target_table *t = c->table->target;
    const uint8_t *const *now = c->op == CHANGE_INSERT ? b->im.after : b->im.before;
    struct slice key, new_key;
    struct ds_row *r;
    if (!t->row_key)
        return keyless(b, e, c);
    int rc = images_key(t, now, b->arena, &key, b->err);
    new_key = key;
    if (rc == 0 && c->op == CHANGE_UPDATE)
        rc = images_key(t, b->im.after, b->arena, &new_key, b->err);
    if (rc)
        return rc;
    r = find_row(b, e, c, key);
    if (!r) {
        rc = add_row(b, e, c, &r);
        if (rc)
            return rc;
        r->key = key;
        enter_bucket(b, e, r);
        if (c->op != CHANGE_INSERT && !(r->before = copy_image(b, c, b->im.before)))
            return out_of_memory(b);
    }
    *row = r;
    r->last = (uint32_t)(c - b->batch->changes);
    if (!same_slice(key, new_key)) {
        leave_bucket(b, e, r);
        r->key = new_key;
        enter_bucket(b, e, r);
    }
    if (c->op == CHANGE_DELETE) {
        r->after = NULL;
        return 0;
    }
    const uint8_t **after = copy_image(b, c, b->im.after);
    if (!after)
        return out_of_memory(b);
    if (c->op == CHANGE_UPDATE)
        complete(r, t->column_count, after);
    r->after = after;
    return 0;
}

static int add(struct builder *b, struct change *c)
{
    struct ds_change *e = NULL;
    struct ds_row *row = NULL;
    int rc = images_split(c, &b->im, b->err);
    if (rc == 0)
        rc = find_change(b, c, &e);
    if (rc == 0)
        rc = follow(b, e, c, &row);
    struct slice key = rc ? (struct slice){0} : held_new_key(c, &b->im);
    if (key.len && e->now.len)
        change_key(b, e, key, row && !row->before);
    return rc;
}

/* --- order -------------------------------------------------------------------- */

bool entity_key_value(struct slice key, struct ds_value *out)
{
    const uint8_t *p = key.p;
    struct value v;
    *out = (struct ds_value){.kind = DS_NULL};
    if (!key.len || value_read(&p, p + key.len, &v))
        return false;
    switch (v.kind) {
    case VALUE_INT:
        *out = (struct ds_value){.kind = DS_INT, .i = v.i};
        return true;
    case VALUE_UINT:
        *out = (struct ds_value){.kind = DS_UINT, .u = v.u};
        return true;
    case VALUE_TEXT:
    case VALUE_BYTES:
        *out = (struct ds_value){
            .kind = DS_TEXT, .text = (const char *)v.bytes.p, .length = v.bytes.len};
        return true;
    default:
        return false;
    }
}

static int compare_keys(struct slice x, struct slice y)
{
    struct ds_value a, b;
    bool one = entity_key_value(x, &a), other = entity_key_value(y, &b);
    if (!one || !other || a.kind != b.kind)
        return one != other ? other - one : (int)a.kind - (int)b.kind;
    if (a.kind == DS_INT)
        return (a.i > b.i) - (a.i < b.i);
    if (a.kind == DS_UINT)
        return (a.u > b.u) - (a.u < b.u);
    size_t n = a.length < b.length ? a.length : b.length;
    int order = n ? memcmp(a.text, b.text, n) : 0;
    return order ? order : (a.length > b.length) - (a.length < b.length);
}

static int compare(const void *x, const void *y)
{
    const struct ds_change *a = *(struct ds_change *const *)x, *b = *(struct ds_change *const *)y;
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    int order = strcmp(a->entity, b->entity);
    order = order ? order : compare_keys(a->key, b->key);
    order = order ? order : strcmp(a->table, b->table);
    return order ? order : (a->changes[0] > b->changes[0]) - (a->changes[0] < b->changes[0]);
}

/* Rows that were not there and are not there, and changes of which nothing is left. */
static void drop_nothing(struct entity_changes *set)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        struct ds_change *e = set->items[i];
        uint32_t rows = 0;
        for (uint32_t k = 0; k < e->row_count; k++)
            if (e->rows[k]->before || e->rows[k]->after)
                e->rows[rows++] = e->rows[k];
        e->row_count = rows;
        if (rows)
            set->items[kept++] = e;
    }
    set->count = kept;
}

int entity_changes_build(struct entity_changes *out, const struct batch *batch, uint32_t first,
                         uint32_t count, const struct entity_choice *choice, struct arena *arena,
                         struct ds_error *err)
{
    memset(out, 0, sizeof *out);
    struct builder *b = arena_alloc(arena, sizeof *b);
    uint64_t changes = 0, buckets = 64;
    for (uint32_t i = first; i < first + count; i++)
        changes += batch->transactions[i].count;
    while (buckets < changes * 2)
        buckets *= 2;
    if (!b)
        return error_set(err, DS_ENOMEM, "out of memory for the changes of an entity");
    b->arena = arena;
    b->batch = batch;
    b->choice = choice;
    b->out = out;
    b->err = err;
    b->mask = buckets - 1;
    b->changes = arena_zalloc(arena, buckets * sizeof *b->changes);
    b->rows = arena_zalloc(arena, buckets * sizeof *b->rows);
    if (!b->changes || !b->rows)
        return out_of_memory(b);
    for (uint32_t i = first; i < first + count; i++) {
        const struct transaction *tx = &batch->transactions[i];
        for (uint32_t k = tx->first; k < tx->first + tx->count; k++) {
            struct change *c = &batch->changes[k];
            if ((c->skip && !c->replaced) || c->flags & CHANGE_CASCADE ||
                (tx->rolled_back && c->table->target->transactional) ||
                !choice->wanted(choice->arg, c->table->entity))
                continue;
            int rc = add(b, c);
            if (rc)
                return rc;
        }
    }
    int rc = entity_rows_gone(out, batch, first, count, arena, err);
    if (rc)
        return rc;
    drop_nothing(out);
    if (out->count)
        qsort(out->items, out->count, sizeof(struct ds_change *), compare);
    return 0;
}

int entity_change_text(const struct ds_change *e, struct buf *out)
{
    struct ds_value key;
    if (!entity_key_value(e->key, &key))
        return buf_printf(out, "%s %s", e->entity, e->table);
    if (key.kind == DS_INT)
        return buf_printf(out, "%s %ld", e->entity, key.i);
    if (key.kind == DS_UINT)
        return buf_printf(out, "%s %lu", e->entity, key.u);
    return buf_printf(out, "%s %.*s", e->entity, (int)(key.length < 150 ? key.length : 150),
                      key.text);
}

/* --- values ------------------------------------------------------------------- */

/* A source without signedness metadata sends 255 of a TINYINT UNSIGNED as -1. */
static struct ds_value integer(const struct target_column *column, const struct value *v)
{
    bool is_unsigned = column->is_unsigned || column->width == 0;
    uint64_t bits = v->u;
    if (!is_unsigned)
        return (struct ds_value){.kind = DS_INT, .i = (int64_t)bits};
    if (v->kind == VALUE_INT && column->width && column->width < 8)
        bits &= (UINT64_C(1) << (column->width * 8)) - 1;
    return (struct ds_value){.kind = DS_UINT, .u = bits};
}

static int padded(const struct target_column *column, struct arena *arena, struct ds_value *v)
{
    if (v->length >= column->pad_to)
        return 0;
    char *full = arena_zalloc(arena, column->pad_to);
    if (!full)
        return DS_ENOMEM;
    if (v->length)
        memcpy(full, v->text, v->length);
    v->text = full;
    v->length = column->pad_to;
    return 0;
}

int entity_value(const struct target_column *column, const uint8_t *raw, struct arena *arena,
                 struct ds_value *out)
{
    const uint8_t *p = raw;
    struct value v;
    *out = (struct ds_value){.kind = DS_NULL};
    if (value_read(&p, raw + value_length(raw), &v))
        return DS_EFORMAT;
    switch (v.kind) {
    case VALUE_NULL:
        return 0;
    case VALUE_INT:
    case VALUE_UINT:
        *out = integer(column, &v);
        return 0;
    case VALUE_FLOAT:
        *out = (struct ds_value){.kind = DS_DOUBLE, .d = (double)v.f};
        return 0;
    case VALUE_DOUBLE:
        *out = (struct ds_value){.kind = DS_DOUBLE, .d = v.d};
        return 0;
    case VALUE_TEXT:
    case VALUE_BYTES:
        *out = (struct ds_value){.kind = column->class == TARGET_BYTES ? DS_BYTES : DS_TEXT,
                                 .text = (const char *)v.bytes.p,
                                 .length = v.bytes.len};
        return column->class == TARGET_BYTES ? padded(column, arena, out) : 0;
    case VALUE_ABSENT:
    case VALUE_SAME:
        break;
    }
    return DS_EFORMAT;
}
