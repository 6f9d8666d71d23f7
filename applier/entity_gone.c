/* Rows that handlers would be shown as they were last written, and that a deletion behind that has
 * taken along by foreign key: they are gone, which no event tells. */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "applier/entity_change.h"
#include "applier/images.h"

struct child { /* a row by one of its foreign keys */
    uint64_t hash;
    const struct target_fk *fk;
    struct ds_row *row;
};
struct search {
    struct child *children; /* by hash */
    size_t count, cap;
    struct arena *arena;
    struct ds_error *err;
};

static int no_memory(struct search *s)
{
    return error_set(s->err, DS_ENOMEM, "out of memory for the changes of an entity");
}

/* *known false: a part of it is NULL, or not in the image. */
static uint64_t hash_of(const struct target_fk *fk, const uint32_t *columns,
                        const uint8_t *const *values, bool *known)
{
    uint64_t hash = (uint64_t)(uintptr_t)fk;
    *known = true;
    for (uint32_t i = 0; i < fk->count && *known; i++) {
        const uint8_t *v = values[columns[i]];
        *known = v && *v != VALUE_BYTE_NULL && *v != VALUE_BYTE_ABSENT;
        hash = *known ? XXH3_64bits_withSeed(v, value_length(v), hash) : 0;
    }
    return hash;
}

static bool same_key(const struct target_fk *fk, const uint8_t *const *child,
                     const uint8_t *const *parent)
{
    bool same = true;
    for (uint32_t i = 0; i < fk->count && same; i++) {
        const uint8_t *x = child[fk->columns[i]], *y = parent[fk->parent_columns[i]];
        size_t n = value_length(x);
        same = n == value_length(y) && memcmp(x, y, n) == 0;
    }
    return same;
}

static int by_hash(const void *x, const void *y)
{
    uint64_t a = ((const struct child *)x)->hash, b = ((const struct child *)y)->hash;
    return (a > b) - (a < b);
}

static int add_child(struct search *s, struct ds_row *row, const struct target_fk *fk)
{
    bool known;
    uint64_t hash = hash_of(fk, fk->columns, row->after, &known);
    if (!known)
        return 0;
    if (s->count == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 256;
        struct child *grown = arena_alloc(s->arena, cap * sizeof *grown);
        if (!grown)
            return no_memory(s);
        if (s->count)
            memcpy(grown, s->children, s->count * sizeof *grown);
        s->children = grown;
        s->cap = cap;
    }
    s->children[s->count++] = (struct child){hash, fk, row};
    return 0;
}

static int collect(struct search *s, const struct entity_changes *set)
{
    int rc = 0;
    for (uint32_t i = 0; i < set->count; i++)
        for (uint32_t k = 0; k < set->items[i]->row_count; k++) {
            struct ds_row *row = set->items[i]->rows[k];
            const struct target_table *t = row->table->target;
            for (uint32_t f = 0; row->after && f < t->fk_count && rc == 0; f++)
                if (t->fks[f].on_delete == FK_CASCADE && t->fks[f].parent)
                    rc = add_child(s, row, &t->fks[f]);
        }
    if (s->count)
        qsort(s->children, s->count, sizeof *s->children, by_hash);
    return rc;
}

static size_t lower_bound(const struct search *s, uint64_t hash)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (s->children[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A row of `t` with these values goes at change `when`, and with it what was written before. */
static void take_along(struct search *s, const struct target_table *t, const uint8_t *const *values,
                       uint32_t when)
{
    for (uint32_t r = 0; r < t->referrer_count; r++) {
        const struct target_fk *fk = t->referrers[r];
        bool known;
        uint64_t hash = hash_of(fk, fk->parent_columns, values, &known);
        for (size_t i = known ? lower_bound(s, hash) : s->count;
             i < s->count && s->children[i].hash == hash; i++) {
            const struct child *c = &s->children[i];
            const uint8_t **was = c->row->after;
            if (c->fk != fk || !was || c->row->last > when || !same_key(fk, was, values))
                continue;
            c->row->after = NULL;
            take_along(s, c->row->table->target, was, when); /* as deep as foreign keys lead */
        }
    }
}

int entity_rows_gone(struct entity_changes *set, const struct batch *batch, uint32_t first,
                     uint32_t count, struct arena *arena, struct ds_error *err)
{
    struct search s = {.arena = arena, .err = err};
    struct row_images *im = NULL;
    int rc = 0;
    for (uint32_t t = first; t < first + count && rc == 0; t++) {
        const struct transaction *tx = &batch->transactions[t];
        for (uint32_t i = tx->first; i < tx->first + tx->count && rc == 0; i++) {
            const struct change *c = &batch->changes[i];
            if (c->op != CHANGE_DELETE || (c->skip && !c->replaced) || tx->rolled_back ||
                c->flags & CHANGE_NO_FK_CHECKS || !c->table->target->delete_fence)
                continue;
            if (!im) { /* the first one */
                im = arena_alloc(arena, sizeof *im);
                rc = im ? collect(&s, set) : no_memory(&s);
            }
            if (rc == 0)
                rc = images_split(c, im, err);
            if (rc == 0)
                take_along(&s, c->table->target, im->before, i);
        }
    }
    return rc;
}
