/* Lists within one cell: JSON, or text with delimiters.
 *
 * A cell is a list of items, and an item has named values. JSON: an array of objects (or one
 * object); scalars in the array are items with one value, under the first of the names. Delimited:
 * items with '|' between them, or ',' where the cell has no '|' and items have one value; values
 * with ':', under the names in their order. Everything lives in the shop's arena, until the
 * record's end; errors stick in the shop and name the column.
 */
#ifndef AGENT_CSV_NESTED_H
#define AGENT_CSV_NESTED_H

#include "agent/csv/shop.h"

struct nested_value {
    struct slice name, value; /* objects and arrays within: as JSON; null: empty */
};
struct nested_item {
    const struct nested_value *values;
    uint32_t count;
};
struct nested {
    const struct nested_item *items;
    uint32_t count;
};

/* `names` ends with NULL. */
struct nested nested_read(struct shop *s, struct slice cell, const char *const *names,
                          const char *what);
bool nested_is_json(struct slice cell);
/* The value under one of up to three names (NULL: no more); false, and "": there is none. */
bool nested_get(const struct nested_item *item, struct slice *out, const char *name,
                const char *other, const char *third);
/* The next part of [*rest] up to `separator`, without blanks around it. False: no more. */
bool nested_next(struct slice *rest, char separator, struct slice *part);

#endif
