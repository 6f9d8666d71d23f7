/* A request that a thread of the connection's own runs while the caller goes on.
 *
 * One at a time. Who uses the connection next waits for it first, and after one that failed gets
 * its error, again and again until db_recover: the functions of db.h that run statements, and
 * db_later, do so by themselves; before anything else (libmariadb's own functions, the end of what
 * the request reads) call db_settle. All calls come from the thread that the connection belongs to;
 * the request may use the connection as its own.
 */
#ifndef SCHEMA_DB_LATER_H
#define SCHEMA_DB_LATER_H

#include <mysql.h>

#include "error.h"

/* Run it when the one before is done. What `arg` leads to belongs to the request until then. Where
 * no thread can be had it is run at once. Errors: of the one before, which has failed, and then
 * this one is not run; of itself, where it is run at once. */
int db_later(MYSQL *db, int (*run)(void *arg, struct ds_error *err), void *arg,
             struct ds_error *err);
/* Wait for the request in hand. The error of one that failed, which stays. */
int db_settle(MYSQL *db, struct ds_error *err);
/* … and forget it: what has been begun is given up, or its error has been returned. */
void db_recover(MYSQL *db);
/* Before the connection is closed. What fails is forgotten. */
void db_later_end(MYSQL *db);

#endif
