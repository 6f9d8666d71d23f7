#include "applier/import/places.h"
#include "applier/import/import_internal.h"
#include "schema/list.h"

#include <stdlib.h>
#include <xxhash.h>

uint64_t import_hash(uint64_t kind, struct slice id)
{
    return XXH3_64bits_withSeed(id.p, id.len, XXH3_64bits(&kind, sizeof kind));
}

void places_free(struct places *p)
{
    free(p->list);
    *p = (struct places){0};
}

static uint64_t hash_of(const struct import_table *t, const uint8_t *const *values)
{
    XXH64_hash_t hash = 0;
    for (uint32_t i = 0; i < t->target->row_key->count; i++)
        hash = XXH3_64bits_withSeed(values[i], value_length(values[i]), hash);
    return hash;
}

/* Values of one length hash to different numbers; with the table in it, those of two might not. */
static int by_table_and_hash(const void *x, const void *y)
{
    const struct place *a = x, *b = y;
    uintptr_t of_a = (uintptr_t)a->table->entry, of_b = (uintptr_t)b->table->entry;
    return of_a != of_b ? (of_a > of_b) - (of_a < of_b) : (a->hash > b->hash) - (a->hash < b->hash);
}

int places_add(struct places *p, const struct import_table *t, const uint8_t **values)
{
    if (LIST_ROOM(p->list, p->count, p->cap))
        return DS_ENOMEM;
    p->list[p->count++] = (struct place){.table = t, .values = values, .hash = hash_of(t, values)};
    return 0;
}

void places_sort(struct places *p)
{
    uint32_t kept = 0;
    if (p->count == p->sorted)
        return;
    qsort(p->list, p->count, sizeof *p->list, by_table_and_hash);
    for (uint32_t i = 0; i < p->count; i++) {
        if (kept && by_table_and_hash(&p->list[kept - 1], &p->list[i]) == 0)
            p->list[kept - 1].stays |= p->list[i].stays;
        else
            p->list[kept++] = p->list[i];
    }
    p->count = p->sorted = kept;
}

struct place *places_find(const struct places *p, const struct import_table *t,
                          const uint8_t *const *values)
{
    if (!p->sorted)
        return NULL;
    struct place key = {.table = t, .hash = hash_of(t, values)};
    return bsearch(&key, p->list, p->sorted, sizeof key, by_table_and_hash);
}

void places_stay(struct places *p, const struct import *im, uint32_t first, uint32_t end)
{
    for (uint32_t i = first; i < end && p->sorted; i++) {
        const struct import_row *row = im->rows[i];
        struct place *found = row->place ? places_find(p, row->table, row->place) : NULL;
        if (found)
            found->stays = true;
    }
}
