/* Partitions of a table that there is not, see leftover.c. Applier's thread, outside transactions.
 */
#ifndef APPLIER_LEFTOVER_H
#define APPLIER_LEFTOVER_H

#include <mysql.h>
#include <stdbool.h>

#include "schema/db.h"
#include "schema/error.h"

/* After CREATE TABLE has said that `table` exists (1050): if the server knows no such table, drop
 * the partitions that an interrupted CREATE TABLE has left of it. *dropped: there were some, it is
 * worth another try. Errors: those of the server, DS_EACCESS without PROCESS. */
int leftover_drop(MYSQL *db, const struct db_server *server, const char *database,
                  const char *table, bool *dropped, struct ds_error *err);

#endif
