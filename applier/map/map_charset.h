/* Texts of columns that are not UTF-8, which is what handlers see and most columns hold.
 *
 * Messages hold texts as the source's column does, statements as the destination's does. No
 * conversion is needed for UTF-8 of three and four bytes, ASCII and bytes. One thread.
 */
#ifndef APPLIER_MAP_MAP_CHARSET_H
#define APPLIER_MAP_MAP_CHARSET_H

#include <stdbool.h>

#include "schema/arena.h"
#include "schema/buf.h"
#include "schema/error.h"

struct map_charset;

/* The set's name at the server; by a column's collation id NULL where it is not known. */
const char *map_charset_name(uint16_t collation);
/* *out NULL: texts pass as they are. DS_EUNSUPPORTED: iconv does not know it. */
int map_charset_open(struct map_charset **out, const char *name, struct ds_error *err);
void map_charset_close(struct map_charset *c);
/* To UTF-8, or from it, in the arena. DS_ECONFLICT: it cannot be; DS_ENOMEM. */
int map_charset_read(const struct map_charset *c, struct slice *text, struct arena *arena);
int map_charset_write(const struct map_charset *c, struct slice *text, struct arena *arena);

#endif
