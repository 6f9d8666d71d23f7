/* How the registry writes the source's id of a row (datasync_entity_registry.source_id): as it is,
 * if the column holds it as it is. One that is too long, no UTF-8 or ends in a space (which the
 * column's collation does not see) is its beginning, `#` and its XXH3 in 16 hexadecimal digits.
 */
#ifndef SCHEMA_REGISTRY_KEY_H
#define SCHEMA_REGISTRY_KEY_H

#include "schema/buf.h"

enum { REGISTRY_KEY_MAX = 191 }; /* bytes; the column has as many characters */

/* `id`, or what stands for it, in `scratch`. Of what this returned it returns the same. */
struct slice registry_key(struct slice id, char scratch[REGISTRY_KEY_MAX + 1]);

#endif
