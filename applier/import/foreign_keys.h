/* Foreign keys that the source has and the destination lacks.
 *
 * What the source's keys delete, or set NULL, is in no binlog; the destination's own do the same.
 * Where it lacks one (a dump without constraints, a table of MyISAM), the import does what the key
 * would (cascade.h): it is found here, at the start, and told. Any thread.
 */
#ifndef APPLIER_IMPORT_FOREIGN_KEYS_H
#define APPLIER_IMPORT_FOREIGN_KEYS_H

#include <mysql.h>

#include "applier/target.h"
#include "schema/config.h"
#include "schema/filter.h"

struct foreign_keys;
/* Those of tables that are imported. `source`: a connection to it. *out is the caller's, to be
 * freed also after an error. DS_ENOMEM, or why the source cannot be asked. */
int foreign_keys_find(struct foreign_keys **out, MYSQL *source, const struct target *destination,
                      const struct config *config, const struct filter *filter,
                      struct ds_error *err);
void foreign_keys_free(struct foreign_keys *k);
/* The destination's tables act as if they had them, from target_relink on. DS_ENOMEM. */
int foreign_keys_derive(const struct foreign_keys *k, struct target *destination);
/* A table of the destination, and the keys that it lacks, and what becomes of that. */
typedef void foreign_keys_tell_callback(void *arg, const char *table, const char *text);
int foreign_keys_tell(const struct foreign_keys *k, foreign_keys_tell_callback *tell, void *arg,
                      struct ds_error *err);

#endif
