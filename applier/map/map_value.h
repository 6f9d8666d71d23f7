/* Values between the forms that columns have in messages: a text of what is in one, and what a
 * column of another type needs. */
#ifndef APPLIER_MAP_MAP_VALUE_H
#define APPLIER_MAP_MAP_VALUE_H

#include "applier/map/map_handler.h"
#include "applier/target.h"
#include "schema/message.h"

enum { MAP_BINARY = 63 /* the collation of bytes */ };

/* As the server prints it, and PHP saw it: numbers in decimal, floats in as few digits as tell
 * them; NULL, and what is absent. Texts stay where they are. DS_ENOMEM. */
int map_value_read(const struct value *v, struct arena *arena, struct map_value *out);
/* Append what a column of the destination holds of it. False: it cannot be such a value; *why says
 * what is expected. Out of memory: false, and why NULL. */
bool map_value_write(const struct map_value *v, const struct target_column *to, struct buf *out,
                     const char **why);
/* What a column would have to take so that nothing of a value gets lost which it can hold in part:
 * "a date without a time of day". NULL: nothing gets lost. */
const char *map_value_loses(const struct map_value *v, const struct target_column *to);
/* What stands in a column of which there is no value: NULL, or what is empty where it takes none.
 */
struct map_value map_value_empty(const struct target_column *to);
/* Does a value of such a column of a message pass into that of the destination as it is? */
bool map_value_passes(const struct msg_column *from, const struct target_column *to);
/* What handlers are told of a column. */
enum map_field_kind map_value_kind(uint8_t type, uint16_t collation);

#endif
