/* What is asked for by id or number, and is not there: one warning that names the first of it.
 *
 * Called by what copies entities of a database (entity_absent.c) or a file (csv_copy.c).
 */
#ifndef AGENT_ABSENT_H
#define AGENT_ABSENT_H

#include <stddef.h>

struct absent {
    size_t count;
    char first[700]; /* up to 20 of them, as they are told */
};

void absent_add(struct absent *a, const char *item);
/* Warns, if there are any. option: that named them. */
void absent_tell(const struct absent *a, const char *entity, const char *option);

#endif
