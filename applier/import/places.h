/* Rows of the destination, of any of its tables, by where they are: to be found again by hash, and
 * noted to stay. For large.c, unsure.c and drop.c, which delete what does not. What the places
 * point to is the caller's.
 */
#ifndef APPLIER_IMPORT_PLACES_H
#define APPLIER_IMPORT_PLACES_H

#include "applier/import/import_internal.h"

struct place {
    const struct import_table *table;
    const uint8_t **values; /* of the target's row_key */
    uint64_t hash;
    bool stays;
};

struct places {
    struct place *list;
    uint32_t count, cap;
    uint32_t sorted; /* of them, as of places_sort, from the first on */
};

void places_free(struct places *p);
int places_add(struct places *p, const struct import_table *t, const uint8_t **values);
/* The same row may have been added twice: afterwards it is there once. */
void places_sort(struct places *p);
/* Among those that are sorted. NULL: none. */
struct place *places_find(const struct places *p, const struct import_table *t,
                          const uint8_t *const *values);
/* [first, end): rows of the segment that were looked for. What they are stays. */
void places_stay(struct places *p, const struct import *im, uint32_t first, uint32_t end);

#endif
