/* DDL at the destination: a barrier, applied once or stopped at (law 7).
 *
 * The main loop commits everything in front of a DDL or TRUNCATE message, then calls ddl_apply on
 * the same thread and connection, outside any transaction. A statement commits by itself, so it
 * cannot be one transaction with the checkpoint. Instead:
 *
 *   1. a transaction that holds the checkpoint row writes an intent to datasync_ddl: position,
 *      statement, session, and a fingerprint of each object that the statement names: its
 *      definition and, where PROCESS is granted, its InnoDB table ids;
 *   2. the statement runs, with the session state of its event;
 *   3. a transaction closes the intent and moves the checkpoint.
 *
 * A start that finds the intent open looks at the objects again. As before: the statement has not
 * run. As a dry run on empty copies (in the database datasync_scratch_STREAM) leaves them: it has.
 * Neither, or both and the ids do not tell: DS_EDDL with the statement and both definitions. What
 * can be repeated without harm (DROP as DROP IF EXISTS, TRUNCATE, views, routines, databases) is
 * repeated. A lock that lives as long as the connection keeps a statement that still runs on a
 * broken connection from being judged or repeated.
 */
#ifndef APPLIER_DDL_H
#define APPLIER_DDL_H

#include <mysql.h>
#include <stdbool.h>
#include <stddef.h>

#include "schema/arena.h"
#include "schema/config.h"
#include "schema/db.h"
#include "schema/error.h"
#include "schema/message.h"

/* What is known of a connection; all false with every new one. */
struct ddl_connection {
    bool settled; /* no intent is open */
    bool locked;  /* it holds the lock that keeps statements of a broken connection apart */
};
struct ddl_context {
    MYSQL *db; /* autocommit on; its own sql_mode without ANSI_QUOTES and NO_BACKSLASH_ESCAPES */
    const struct db_server *server;     /* the destination's */
    const char *name;                   /* of the stream */
    const char *state_database;         /* where our tables are */
    const char *source_database;        /* whose statements count */
    const char *database;               /* where they are applied */
    const char *source_prefix, *prefix; /* of table names; NULL and "" are the same */
    enum config_ddl policy;             /* TRUNCATE is a change of rows: always applied */
    /* Do rows of this table (name at the source) travel? Its structure does anyway. NULL: yes. */
    bool (*keeps)(void *arg, const char *table);
    /* Do rows of both travel by the same rule? NULL: as keeps says. */
    bool (*same)(void *arg, const char *a, const char *b);
    bool filtered; /* rows of some tables do not: foreign keys to them cannot hold */
    /* Put foreign keys of these tables back that were taken out for the filter; NULL: of all. */
    int (*restore)(void *arg, const char *const *names, size_t count, struct ds_error *err);
    bool joined; /* several statements of the source in one: DS_EUNSUPPORTED where that might leave
                    another table than one by one */
    struct ddl_connection *connection;
    /* Is a change of this table (NULL: of any) set aside? Such a table must stay as it is for now.
     * The change's number, 0: none. */
    uint64_t (*waiting)(void *arg, const char *table);
    /* START TRANSACTION, lock the checkpoint row, check that it is where this statement begins. */
    int (*begin_locked)(void *arg, struct ds_error *err);
    /* In that transaction: move the checkpoint behind the statement's group, and COMMIT. */
    int (*commit_position)(void *arg, struct ds_error *err);
    void *arg;
};

enum ddl_result {
    DDL_PASSED, /* nothing to do; the checkpoint was not moved, the caller goes on */
    DDL_DONE,   /* applied or recorded, checkpoint moved and committed */
    DDL_OPEN,   /* applied, but its group goes on with rows (CREATE TABLE … SELECT): the caller
                   writes them and the checkpoint in one transaction, with ddl_finish in it */
};
struct ddl_outcome {
    enum ddl_result result;
    bool everything;       /* any table may have changed: load the whole schema again */
    bool definitions_stay; /* only rows went (TRUNCATE) */
    const char **tables;   /* destination tables that it may have changed, made or dropped */
    size_t table_count;
    struct arena arena; /* owns the names */
};
void ddl_outcome_free(struct ddl_outcome *out);

/* Apply a MSG_DDL or MSG_TRUNCATE message. `position` identifies its group and is the same after
 * every restart: the GTID where there is one, else FILE:POSITION of its end. `continues`: rows
 * follow in the same group. *out is valid, and to be freed, whatever is returned. Errors: DS_EDDL
 * (policy stop, failed, outcome unknown), DS_EUNSUPPORTED (statement format, unknown statement,
 * tables moved into or out of the mirror), DS_ECONN and DS_ERETRY (call again), others of
 * the server. After DS_ECONN the session state is lost with the connection; after all others it is
 * as before. */
int ddl_apply(const struct ddl_context *c, const struct message *m, const char *position,
              bool continues, struct ddl_outcome *out, struct ds_error *err);
/* After DDL_OPEN, in the transaction that holds the group's rows: close the intent. */
int ddl_finish(const struct ddl_context *c, struct ds_error *err);
/* The group at an open intent was passed over (`skip`): close it, in the caller's transaction. */
int ddl_abandon(const struct ddl_context *c, struct ds_error *err);

#endif
