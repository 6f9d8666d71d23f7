/* Inside the import: foreign keys of the destination that would not let a row go. Not for others.
 */
#ifndef APPLIER_IMPORT_RESTRICTED_H
#define APPLIER_IMPORT_RESTRICTED_H

#include "applier/import/drop.h"

/* Which of these rows ("1,2,3" of column `key`) cannot go, since rows of the destination's own name
 * them, or what would go with them, by a foreign key that forbids it? They are added to `used`. */
int import_find_restricted(struct import *im, const struct target_table *table, const char *key,
                           const char *ids, struct import_used *used, struct ds_error *err);

#endif
