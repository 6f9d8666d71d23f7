#include "schema/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BLOCK = 2 * 1024, BLOCK_SIZE = 64 * 1024 }; /* each twice the one before */

struct arena_block {
    struct arena_block *next;
    size_t size, used; /* bytes of data[] */
    _Alignas(16) unsigned char data[];
};

void *arena_alloc(struct arena *a, size_t size)
{
    if (size > SIZE_MAX - sizeof(struct arena_block) - 8)
        return NULL;
    size = (size + 7) & ~(size_t)7;
    struct arena_block *b = a->head;
    if (!b || b->size - b->used < size) {
        size_t usual = a->held < FIRST_BLOCK ? FIRST_BLOCK : a->held;
        usual = usual < BLOCK_SIZE ? usual : BLOCK_SIZE;
        size_t room = size > usual ? size : usual;
        struct arena_block *fresh = malloc(sizeof *fresh + room);
        if (!fresh)
            return NULL;
        fresh->size = room;
        fresh->used = 0;
        a->held += room;
        if (b && size > BLOCK_SIZE / 4) { /* keep filling the block that has room */
            fresh->next = b->next;
            b->next = fresh;
        } else {
            fresh->next = b;
            a->head = fresh;
        }
        b = fresh;
    }
    void *p = b->data + b->used;
    b->used += size;
    a->used += size;
    return p;
}

void *arena_zalloc(struct arena *a, size_t size)
{
    void *p = arena_alloc(a, size);
    if (p)
        memset(p, 0, size);
    return p;
}

void *arena_copy(struct arena *a, const void *data, size_t size)
{
    void *p = arena_alloc(a, size);
    if (p && size)
        memcpy(p, data, size);
    return p;
}

char *arena_strdup(struct arena *a, const char *text)
{
    return arena_copy(a, text, strlen(text) + 1);
}

void arena_reset(struct arena *a, size_t keep)
{
    struct arena_block *b = a->head, *kept = NULL;
    size_t held = 0;
    while (b) {
        struct arena_block *next = b->next;
        if (b->size == BLOCK_SIZE && held + b->size <= keep) {
            b->used = 0;
            b->next = kept;
            kept = b;
            held += b->size;
        } else {
            free(b);
        }
        b = next;
    }
    a->head = kept;
    a->held = held;
    a->used = 0;
}

void arena_free(struct arena *a)
{
    arena_reset(a, 0);
}
