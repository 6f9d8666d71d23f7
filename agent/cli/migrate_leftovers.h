/* What migrate_leftovers.c and migrate_multiselect.c share: the PostProcessing step. Main thread.
 */
#ifndef CLI_MIGRATE_LEFTOVERS_H
#define CLI_MIGRATE_LEFTOVERS_H

#include "agent/cli/migrate.h"

/* Of a document of the destination. */
int leftovers_has_column(struct migrating *g, MYSQL *db, const char *document, const char *column,
                         bool *has, struct ds_error *err);
/* Do values of attributes go there that are not in the product's set? */
bool leftovers_cleans_sets(const struct migrating *g, const char *document);

/* Values of multiselect attributes become what they are to be, of source and destination as of one
 * position. */
int migrate_multiselect(struct migrating *g, bool *good, struct ds_error *err);

#endif
