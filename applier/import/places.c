#include "applier/import/places.h"
#include "schema/list.h"

#include <stdlib.h>
#include <xxhash.h>

void places_free(struct places *p)
{
    free(p->list);
    *p = (struct places){0};
}

static uint64_t hash_of(const struct import_table *t, const uint8_t *const *values)
{
    XXH64_hash_t hash = (uintptr_t)t->entry;
    for (uint32_t i = 0; i < t->target->row_key->count; i++)
        hash = XXH3_64bits_withSeed(values[i], value_length(values[i]), hash);
    return hash;
}

static int by_hash(const void *x, const void *y)
{
    const struct place *a = x, *b = y;
    return (a->hash > b->hash) - (a->hash < b->hash);
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
    qsort(p->list, p->count, sizeof *p->list, by_hash);
    for (uint32_t i = 0; i < p->count; i++) {
        if (kept && p->list[kept - 1].hash == p->list[i].hash)
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
    struct place key = {.hash = hash_of(t, values)};
    return bsearch(&key, p->list, p->sorted, sizeof key, by_hash);
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
