/* Columns that only the destination has, and that have to be told a value: no row comes with one.
 *
 * Asked before an import writes anything, and by `check`. Any thread.
 */
#ifndef APPLIER_IMPORT_UNFILLED_H
#define APPLIER_IMPORT_UNFILLED_H

#include <mysql.h>
#include <stdbool.h>

#include "schema/config.h"
#include "schema/error.h"
#include "schema/filter.h"

/* `stops`: rows are to come to the table, which is the destination's. Else there are none yet, or
 * only what is missing here is made. `text` says the rest. */
typedef void (*unfilled_callback)(void *arg, bool stops, const char *table, const char *text);

/* Of tables that rows come to. Connections to both sides. Errors: they cannot be asked. */
int unfilled_find(MYSQL *source, MYSQL *destination, const struct config *config,
                  const struct filter *filter, unfilled_callback found, void *arg,
                  struct ds_error *err);
/* Connects to both. DS_EUSAGE: what would stop a run, all of it, as far as it goes into a message.
 * DS_ECONN: one cannot be reached. */
int unfilled_check(const struct config *config, const struct filter *filter, struct ds_error *err);

#endif
