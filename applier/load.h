/* Loading a snapshot: messages of agent/snapshot.h into the destination.
 *
 * Tables are created with the source's own definitions and filled with all checks off, in
 * transactions of their own; the checkpoint is none of its business. A destination table that has
 * rows is replaced only if an unfinished copy of this stream wrote it (datasync_snapshot says so,
 * before the first row) or `resnapshot` allows it. So a crash anywhere leaves either the old table,
 * or one that the next copy may replace. Views, functions and procedures are created; triggers and
 * events are recorded in datasync_objects. With a map (`takes`) tables are emptied instead, by the
 * same rule, and their rows are counted.
 *
 * How the applier uses it: loader_message for every snapshot message, in stream order, with no
 * transaction open; after SNAPSHOT_END (loader_finished) everything is committed, and the `commit`
 * message that follows writes the checkpoint. Without one, the next start copies again. It works on
 * the applier's connection, whose session state it changes: loader_free leaves it as it is
 * (writer_restore_session). Applier's thread only.
 */
#ifndef APPLIER_LOAD_H
#define APPLIER_LOAD_H

#include <mysql.h>
#include <stdbool.h>
#include <stdint.h>

#include "applier/target.h"
#include "schema/buf.h"
#include "schema/db.h"
#include "schema/error.h"
#include "schema/message.h"

struct load_options {
    const char *name;           /* of the stream */
    const char *database;       /* at the destination; created when missing */
    const char *state_database; /* has its tables (state_ensure) */
    bool resnapshot;            /* existing rows may be replaced */
    /* Not NULL: structure is the destination's own, and so are tables that no rows go to, as it
     * says. Then no definition is made, compared or dropped; tables are emptied, and rows of
     * several of the source may go to one. */
    int (*takes)(void *arg, const char *table, bool *takes, struct ds_error *err);
    /* … may rows come twice by a unique key of the table's? The first one stays. NULL: never. */
    bool (*doubles)(void *arg, const char *table);
    void *arg;
};

/* With `takes`: which tables that rows go to have some that no copy of the stream wrote, and that
 * would be refused; "a, b". Asked before a copy. Errors of the servers; DS_ENOMEM. */
int load_rows_of_others(MYSQL *db, const struct target *target, const struct load_options *options,
                        struct buf *names, struct ds_error *err);

/* Tables that rows were copied into with `takes`, and columns that these had then. */
struct load_noted;
/* As the last whole copy left it. To be freed in any case. Errors of the server; DS_ENOMEM. */
int load_noted_read(struct load_noted **out, MYSQL *db, const struct load_options *options,
                    struct ds_error *err);
/* column NULL: the table alone. */
bool load_noted_has(const struct load_noted *n, const char *table, const char *column);
void load_noted_free(struct load_noted *n);

struct loader;
/* Strings and target must outlive it. */
int loader_new(struct loader **out, MYSQL *db, const struct db_server *server,
               struct target *target, const struct load_options *options, struct ds_error *err);
/* Apply one message. `table`: what the stream has defined as m->table_id, NULL for messages without
 * a table. Nothing of m is kept. Errors: DS_EUSAGE: a table with rows that are not ours, the
 * message names it and --resnapshot; DS_ESCHEMA; DS_ECONFLICT: a value or a count did not arrive
 * as it was sent; DS_EDDL; those of the server. After an error only loader_free. */
int loader_message(struct loader *l, const struct msg_snapshot *m, const struct msg_table *table,
                   struct ds_error *err);
/* SNAPSHOT_END has been applied and committed. */
bool loader_finished(const struct loader *l);
/* Between SNAPSHOT_BEGIN and SNAPSHOT_END. */
bool loader_copying(const struct loader *l);
/* After SNAPSHOT_STALE_END: is the copy in place? false: the table's definition at the source is
 * another one than ours (an ALTER TABLE that the stream has not brought yet): it stays stale. */
bool loader_stale_applied(const struct loader *l);
uint64_t loader_rows(const struct loader *l); /* written so far */
void loader_free(struct loader *l);

#endif
