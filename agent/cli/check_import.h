/* What an import's tables are like at both sides: for `check`. */
#ifndef CLI_CHECK_IMPORT_H
#define CLI_CHECK_IMPORT_H

#include <mysql.h>

#include "agent/source.h"
#include "schema/catalogue.h"
#include "schema/config.h"
#include "schema/db.h"
#include "schema/filter.h"

/* Tables of the entities that are asked for, and of those that they refer to, by the rules of a
 * run.
 */
int check_import(const struct config *config, const struct catalogue *catalogue,
                 const struct filter *filter, MYSQL *source, const struct db_server *server,
                 finding_callback found, void *arg, struct ds_error *err);

#endif
