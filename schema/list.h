/* Lists that grow by doubling: an array on the heap, how many it holds, and for how many there is
 * room. These three are the caller's, and zero at first; so is the array, to be freed.
 */
#ifndef SCHEMA_LIST_H
#define SCHEMA_LIST_H

#include <stddef.h>

#include "schema/error.h"

/* Room for one more: 0, or DS_ENOMEM, and the list is as it was. `cap` may be of any unsigned type:
 * a list that it could not count is out of memory, too. */
#define LIST_ROOM(list, count, cap)                                                                \
    ({                                                                                             \
        int list_rc = 0;                                                                           \
        if ((count) >= (cap)) {                                                                    \
            size_t list_cap = (cap);                                                               \
            void *list_new =                                                                       \
                list_grow((list), sizeof *(list), &list_cap, (size_t)(__typeof__(cap))-1);         \
            if (list_new) {                                                                        \
                (list) = list_new;                                                                 \
                (cap) = (__typeof__(cap))list_cap;                                                 \
            }                                                                                      \
            list_rc = list_new ? 0 : DS_ENOMEM;                                                    \
        }                                                                                          \
        list_rc;                                                                                   \
    })

/* For LIST_ROOM. NULL: out of memory. */
void *list_grow(void *list, size_t size, size_t *cap, size_t most);

#endif
