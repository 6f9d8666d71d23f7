/* Rows of a table by a list of numbers, as SQL. */
#ifndef SCHEMA_KEY_CONDITION_H
#define SCHEMA_KEY_CONDITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/buf.h"

/* "(`id` BETWEEN 1 AND 500 OR `id` IN (503,507))", behind `sql`. Keys that follow one another are
 * a range, which the server reads from one end to the other; each key of a list it looks for from
 * the top of the index. `column` is SQL. ranges: it is of an integer type; others get a list alone.
 * `ids` are sorted, and may be there twice; none: "(FALSE)". DS_ENOMEM. */
int key_condition(struct buf *sql, const char *column, bool ranges, const uint64_t *ids,
                  size_t count);

/* How many times one begins that does not follow another. */
size_t key_runs(const uint64_t *ids, size_t count);

/* Of enum_field_types: its values are all of the numbers between two. */
bool key_type_is_integer(uint8_t type);

/* For qsort. */
int key_compare(const void *x, const void *y);

#endif
