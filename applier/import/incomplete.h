/* Entities of which something was left out since what it refers to had not come yet.
 *
 * While entities stand at different positions, one may refer to another that its own run has not
 * brought yet (an order to a customer, a stock item to a product). The column is left empty then,
 * or the row out, as where there is no such thing; but datasync_incomplete remembers it, in the
 * transaction that leaves it out, and when the missing one is in the registry the entity is copied
 * again, whole. A run for all entities leaves nothing to remember, but what is named with foreign
 * key checks off (a script that fills tables one by one), which may come later, and what texts name
 * (a page, a widget): somebody may have written them before that was there. A copy without a stream
 * (`sync`) remembers the latter, too. What the source deletes, of either, and what comes again
 * whole, is forgotten.
 *
 * import_incomplete… are the import's, on the applier's thread; incomplete_… are for commands.
 */
#ifndef APPLIER_IMPORT_INCOMPLETE_H
#define APPLIER_IMPORT_INCOMPLETE_H

#include <mysql.h>
#include <stdbool.h>

#include "schema/catalogue.h"
#include "schema/config.h"
#include "schema/error.h"
#include "schema/filter.h"

/* Does the destination remember any of the configured source system, of a kind that the filter asks
 * for? */
int incomplete_any(MYSQL *db, const struct config *c, const struct filter *f, bool *any,
                   struct ds_error *err);
/* Those of which something that was missing has come, of kinds that the filter asks for, or of all
 * that have texts: columns entity_type, source_id, missing_type, missing_id, in order of the first
 * two. NULL: an error. Free with mysql_free_result. */
enum incomplete_kinds { INCOMPLETE_ASKED_FOR, INCOMPLETE_WITH_TEXTS };
MYSQL_RES *incomplete_ready(MYSQL *db, const struct config *c, const struct filter *f,
                            enum incomplete_kinds kinds, struct ds_error *err);
/* A run has ended. If it was for all entities, and they all stand at one position, what is missing
 * is not at the source: it does not come any more. What a text names may. */
int incomplete_clear(MYSQL *db, const struct config *c, const struct filter *f,
                     struct ds_error *err);
/* They have been copied again. */
int incomplete_forget(MYSQL *db, const struct config *c, MYSQL_RES *ready, struct ds_error *err);

#endif
