/* Writing planned steps to the destination (laws 4, 5, 8, 11).
 *
 * One statement per step and shape of its rows, array-bound on MariaDB, literals on MySQL. Rows of
 * updates and deletes are counted. The session's state is set here and nowhere else: charset
 * binary, UTC, the sql_mode, checks as the step's flags say. A writer belongs to one connection at
 * a time, used by the applier's thread.
 *
 * Errors: DS_ECONFLICT (the data does not fit: duplicate, foreign key, wrong count, value), with
 * table and, for a step of one row, key; DS_ERETRY; DS_ECONN; else as the server said.
 */
#ifndef APPLIER_WRITE_H
#define APPLIER_WRITE_H

#include <mysql.h>

#include "applier/plan.h"
#include "schema/db.h"

struct writer;
int writer_new(struct writer **out, const char *database, struct ds_error *err);
void writer_free(struct writer *w);
/* A new connection, already in the right database: sets its session state, forgets everything about
 * the old one. */
int writer_attach(struct writer *w, MYSQL *db, const struct db_server *server,
                  struct ds_error *err);
/* May statements of steps still run (db_later.h) when writer_step returns? What nets and values
 * lead to must stay until db_settle then. MariaDB only: elsewhere they are run at once. */
void writer_later(struct writer *w, bool later);
/* Forget prepared statements about a table that DDL has changed; NULL: all. */
void writer_forget(struct writer *w, const char *table);
/* After a statement of one's own that inserted rows into the table: did their values arrive as they
 * are (law 11)? DS_ECONFLICT. */
int writer_check(struct writer *w, const struct target_table *t, struct ds_error *err);
/* *rows grows by the number of rows written. */
int writer_step(struct writer *w, const struct step *s, uint64_t *rows, struct ds_error *err);
/* Insert and delete these rows, so that the auto-increment counter knows them. */
int writer_ghosts(struct writer *w, struct net *const *ghosts, uint32_t count,
                  struct ds_error *err);
/* Session back to what rows need, after something else (DDL, snapshot) has used the connection. */
int writer_restore_session(struct writer *w, struct ds_error *err);
/* Before statements of handlers: foreign keys and check constraints are checked, whatever the last
 * step has left, and a value that does not fit is an error. Back, before anything else is run. */
int writer_begin_foreign(struct writer *w, struct ds_error *err);
int writer_end_foreign(struct writer *w, struct ds_error *err);

#endif
