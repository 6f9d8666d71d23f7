/* The snapshot: a copy of the source database as of one position, as messages.
 *
 * snapshot_run writes to a sink, in this order: SNAPSHOT_BEGIN (position P); SNAPSHOT_DDL of the
 * database, of all tables and sequences; per InnoDB table a `table` message, TABLE_BEGIN, ROWS …,
 * TABLE_END; per table that no consistent snapshot covers (MyISAM, Aria, MEMORY …) a `table`
 * message, STALE_BEGIN (its own position C ≥ P, taken under a read lock of this table alone),
 * ROWS …, STALE_END; SNAPSHOT_DDL of routines, views, triggers and events; SNAPSHOT_END; then a
 * `commit` message whose position is P. The caller marks the spool at P when 0 is returned.
 *
 * When the copy cannot stand (a table altered meanwhile, the connection lost), SNAPSHOT_ABORT is
 * written: everything since SNAPSHOT_BEGIN is void. An alteration starts again by itself, a bounded
 * number of times; every other error is returned.
 *
 * The source is read over connections of the snapshot's own. Blocks on the caller's thread; the
 * callbacks are called on it. Backpressure is the sink's put. Nothing is kept between calls.
 *
 * In SNAPSHOT_DDL `low` is "kind:name", with kind one of database, table, sequence, function,
 * procedure, package, package body, view, trigger, event; `high` is the session under which the
 * text is to be run, as lines "key=value" of sql_mode, client, connection (character set and
 * collation names), database (collation of the database), time_zone. `text` has the bytes that the
 * server sent, in the character set `client`.
 */
#ifndef AGENT_SNAPSHOT_H
#define AGENT_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/masker.h"
#include "agent/roots.h"
#include "schema/catalogue.h"
#include "schema/config.h"
#include "schema/error.h"
#include "schema/position.h"

struct snapshot_progress {
    uint64_t tables_done, tables;
    uint64_t rows, rows_estimate; /* estimate of the server's statistics */
    uint64_t bytes;               /* of messages */
    const char *table;            /* being copied, "" between tables; valid during the call */
};

struct snapshot_options {
    const struct config *config;       /* source, max_event, connect_timeout, state_dir */
    const struct catalogue *catalogue; /* entity and role of a table; may be NULL */
    const struct filter *filter;       /* its conditions on rows; NULL: none */
    struct masker *masker;             /* NULL: values travel as they are */
    struct roots *roots;               /* for snapshot_copy_entities; may be NULL */
    uint32_t first_table_id;           /* ids from here on are used in `table` messages */

    void *arg; /* first argument of every callback */
    /* Take one whole message; may wait for room. Required. */
    int (*put)(void *arg, const void *message, size_t len, struct ds_error *err);
    /* A copied table's `table` message: its definition as of the snapshot's position. May be NULL.
     */
    int (*defined)(void *arg, const void *message, size_t len, struct ds_error *err);
    /* Make what was put visible to the reader. May be NULL. */
    int (*flush)(void *arg, struct ds_error *err);
    /* True: give up with DS_ESTOPPED. Asked between chunks and while waiting. May be NULL. */
    bool (*stop_requested)(void *arg);
    /* Are rows of this table copied? The definition always is. NULL: all of them. */
    bool (*wanted)(void *arg, const char *table);
    void (*progress)(void *arg, const struct snapshot_progress *p); /* may be NULL */
};

/* Copy the whole database. *at becomes P (caller: position_free). Errors: DS_ECONN, DS_EACCESS,
 * DS_ESERVER of the source; DS_EUNSUPPORTED: a table or a prepared XA transaction that cannot be
 * copied, with the remedy; DS_EUSAGE: binary log off, no such database; DS_ESCHEMA: tables were
 * altered during every attempt; DS_ELIMIT: a row is longer than max_event; what put returns. */
int snapshot_run(const struct snapshot_options *o, struct position *at, struct ds_error *err);

/* Copy single non-transactional tables again: per table a `table` message, STALE_BEGIN (position
 * of the copy), ROWS …, STALE_END. The stream's position does not move. A table that no longer
 * exists is passed over with a log line: the stream drops it. Errors as above. */
int snapshot_copy_stale(const struct snapshot_options *o, const char *const *tables, size_t count,
                        struct ds_error *err);

/* Copy some tables, those that `wanted` says, as of a position that is known before: the caller
 * brings the destination there in between. snapshot_some_copy writes SNAPSHOT_BEGIN, the tables as
 * above, and SNAPSHOT_END; no definitions and no commit. The callbacks may be other ones by then.
 * *out: to be freed in any case; it lives no longer than o. DS_ERETRY: a table was altered
 * meanwhile, what was put is void; errors as above. No table may be wanted that no snapshot
 * covers. */
struct snapshot;
int snapshot_some_open(struct snapshot **out, const struct snapshot_options *o, struct position *at,
                       struct ds_error *err);
int snapshot_some_copy(struct snapshot *s, struct ds_error *err);
void snapshot_some_free(struct snapshot *s);

/* Copy entities of which the filter leaves some out: `ids` are keys of rows of `table`, the root,
 * and get sorted.
 * Per table of the entity a `table` message, then changes, flagged CHANGE_COPIED: of the root a
 * delete for each of the keys, then inserts of the rows that are there and in the filter. *at is
 * the position as of which they are (caller: position_free): `not_before` or later. DS_ERETRY: that
 * was not to be had, or a table was altered: forget what was put, and try again. Errors as above.
 */
int snapshot_copy_entities(const struct snapshot_options *o, const char *table, uint64_t *ids,
                           size_t count, const struct position *not_before, struct position *at,
                           struct ds_error *err);

#endif
