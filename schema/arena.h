/* Memory by lifetime: allocate many small pieces, free them all at once.
 *
 * For a batch or a message: nothing is freed one by one. arena_reset keeps up
 * to `keep` bytes of blocks for the next round. Not thread-safe: one owner.
 */
#ifndef SCHEMA_ARENA_H
#define SCHEMA_ARENA_H

#include <stddef.h>

struct arena_block;
struct arena {
    struct arena_block *head; /* block being filled */
    size_t used;              /* bytes handed out since the last reset */
    size_t held;              /* bytes of blocks held */
};

void *arena_alloc(struct arena *a,
                  size_t size); /* 8-byte aligned, not zeroed; NULL: out of memory */
void *arena_zalloc(struct arena *a, size_t size);
void *arena_copy(struct arena *a, const void *data, size_t size);
char *arena_strdup(struct arena *a, const char *text);
void arena_reset(struct arena *a, size_t keep);
void arena_free(struct arena *a);

#endif
