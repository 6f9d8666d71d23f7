/* Which class of the destination's shop does what an alias or a class of the source's shop did:
 * class-map.xml as users of the Magento Data Migration Tool have it (grammar: its
 * etc/class-map.xsd).
 *
 * Once read it does not change; any thread may ask it. What it returns lives as long as it.
 */
#ifndef SCHEMA_CLASS_MAP_H
#define SCHEMA_CLASS_MAP_H

#include <stddef.h>

#include "schema/error.h"

struct class_map;

/* DS_EUSAGE names file and line: it cannot be read, is not such a file, or says two things of one
 * class. */
int class_map_read(struct class_map **out, const char *path, struct ds_error *err);
void class_map_free(struct class_map *m);
size_t class_map_count(const struct class_map *m);
/* "": known, and without a successor. NULL: not known. `len` bytes, no NUL needed. */
const char *class_map_find(const struct class_map *m, const char *from, size_t len);

#endif
