#include "schema/list.h"

#include <stdlib.h>

enum { FIRST = 32 };

void *list_grow(void *list, size_t size, size_t *cap, size_t most)
{
    size_t more, bytes;
    if (__builtin_mul_overflow(*cap ? *cap : FIRST / 2, (size_t)2, &more) || more > most ||
        __builtin_mul_overflow(more, size, &bytes))
        return NULL;
    void *bigger = realloc(list, bytes);
    if (bigger)
        *cap = more;
    return bigger;
}
