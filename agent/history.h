/* Schema history: what the columns of a table are called, for sources that send no FULL metadata.
 *
 * information_schema tells of now, the binlog of some time ago: count and types may agree and names
 * be swapped (RENAME COLUMN a TO b, b TO a). So a definition that was read from the source counts
 * only from the moment on at which the stream has passed the position that the source had after
 * the reading, without a DDL statement on that table in between. Until then, names are unknown.
 *
 * Kept in a file (appended, written anew when it is opened) beside the spool, so that a restart
 * knows the names at once. The file notes how far the stream was followed: if it was
 * followed further by somebody else, nothing in it counts. Used by the agent's thread.
 */
#ifndef AGENT_HISTORY_H
#define AGENT_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "schema/db.h"
#include "schema/error.h"
#include "schema/message.h"
#include "schema/position.h"
#include "schema/sql.h"

struct history;

/* `path` NULL: in memory only. `at`: where the stream goes on; what the file says of a stream that
 * is elsewhere is dropped. A damaged file is as good as none. DS_EIO, DS_ENOMEM. */
int history_open(struct history **out, const char *path, const char *database,
                 const struct position *at, struct ds_error *err);
void history_close(struct history *h);
/* Forget everything: a new stream begins. */
int history_clear(struct history *h, struct ds_error *err);
/* Grows when an answer of history_get may have changed. */
uint64_t history_version(const struct history *h);
/* The columns as of `at`, NULL unknown. Valid until the next call that changes the history. */
const struct msg_table *history_get(struct history *h, struct slice table,
                                    const struct position *at);
/* The stream meets a DDL statement: the tables that it names are unknown from `at` on. */
int history_ddl(struct history *h, const struct sql_statement *st, struct slice default_database,
                const struct position *at, struct ds_error *err);
/* Should history_load be called now: names were asked for that are neither known nor on their way,
 * and it was not called a moment ago? */
bool history_wants_load(struct history *h);
/* Read the definitions of all tables from the source. The source's position after that is given by
 * history_loaded, with where the stream is: names count when the stream has got there. */
int history_load(struct history *h, MYSQL *source, struct ds_error *err);
int history_loaded(struct history *h, const struct position *now, const struct position *at,
                   struct ds_error *err);
/* A copy as of `at` has come with these definitions: `table` messages, one behind the other. */
int history_define(struct history *h, struct slice messages, const struct position *at,
                   struct ds_error *err);
/* The stream is at `at`: confirm what was read, note how far we are (at most every 10 s unless
 * `force`). */
int history_advance(struct history *h, const struct position *at, bool force, struct ds_error *err);

#endif
