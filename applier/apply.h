/* Inside the applier: what its parts share. Not for others.
 *
 *   apply.c      life: connect, lock, checkpoint, main loop, stop, status
 *   resume.c     what earlier runs have left
 *   gather.c     messages of the spool → transactions of the batch
 *   commit.c     a batch → the destination, in one transaction with the checkpoint (laws 1, 5)
 *   barrier.c    transactions that stand alone: DDL, TRUNCATE, XA (laws 7, 10)
 *   stale.c      tables that cannot roll back (law 9)
 *   copied.c     an import's first copy has come to its end
 *   conflict.c   what does not fit: stop, quarantine, overwrite (law 5)
 *   held.c       rows that wait in quarantine, and what waits behind them
 *   chain.c      writing what waits, once it fits
 *   outbox.c     what hooks are to be told of it all
 *   members.c    entities of which the filter leaves some out
 *   handled.c    handlers and validation in all of these (handlers.h)
 *   mapped.c     tables that are called something else at the destination (map rules)
 *
 * Everything belongs to the applier's thread, except `shared`, which its mutex protects, and the
 * atomics.
 */
#ifndef APPLIER_APPLY_H
#define APPLIER_APPLY_H

#include <pthread.h>
#include <stdatomic.h>
#include <strings.h>

#include "applier/applier.h"
#include "applier/batch.h"
#include "applier/ddl.h"
#include "applier/handlers.h"
#include "applier/import/import.h"
#include "applier/outbox.h"
#include "applier/plan.h"
#include "applier/positions.h"
#include "applier/state.h"
#include "applier/target.h"
#include "applier/write.h"

enum { DEFINITION_BUCKETS = 512 };

enum barrier { BARRIER_NONE, BARRIER_DDL, BARRIER_XA };

struct message_list { /* raw messages of the open transaction, in the batch's arena */
    struct slice *items;
    uint32_t count, cap;
};

struct savepoint {
    char name[260];
    uint32_t change; /* changes of the batch before it */
    uint64_t number; /* parts.c: of the destination's own one, 0 none yet */
};
enum how {                 /* a transaction is tried in this order (law 5) */
           IN_RANGES = -1, /* many of a copy, first */
           NETTED,
           EXACT,
           BY_POLICY,
};

struct entity_pending {          /* of the open destination transaction */
    uint64_t changes;            /* row changes, of which … */
    struct entity_counts counts; /* … these were written; `folded` is not used */
};

struct row_images; /* images.h */
struct mapped;     /* mapped.c */

struct held_row { /* a row whose changes wait in quarantine */
    struct target_table *table;
    struct slice key;      /* bytes as of plan.c's rows, in the applier's quarantine arena */
    struct slice image;    /* full image, for children's references */
    struct slice *weights; /* of its texts, by column, as the server gave them; NULL: none yet */
    bool fence, moves;     /* the change's cascades may do something; it is of a key that moves */
    bool gone;             /* the last change of it that waits is its delete */
    bool ghost;            /* only its cascades matter: it is not here (CHANGE_CASCADE) */
    const char *entity;
    struct slice entity_key; /* as messages have it, empty: unknown */
    uint64_t id;             /* datasync_quarantine.id of the change that began it */
    struct held_row *next;
};

struct stale_table {
    char *name;
    bool copied;              /* else waiting for its copy */
    struct position position; /* of the copy: changes at or before it are in it */
    struct stale_table *next;
};

enum { SERIES_MAX = 128 };
struct series {                            /* statements that may be run as one, see series.c */
    uint32_t count;                        /* the newest transactions of the batch; 0: none */
    struct slice statement, head, session; /* of the first one */
    struct series_item {
        struct slice raw, tail, column, gtid;
    } items[SERIES_MAX];
    bool apart; /* joined they were refused */
};

struct applier {
    struct applier_options options;
    const struct config *config;
    const char *database, *state_database, *name;
    struct db_endpoint endpoint;

    MYSQL *db;
    struct db_server server;
    struct target *target;
    struct writer *writer;
    struct outbox *outbox;     /* NULL: no hooks */
    struct loader *loader;     /* snapshot in progress, see load.h */
    struct checkpoint cp;      /* as committed */
    struct ddl_connection ddl; /* of this connection */
    bool conditions_due;       /* condition_check has to look */
    bool crossings_due;        /* crossing_settle has to look */
    char filter[33];
    char chosen[33];   /* of the filter with which the source is read (filter_fingerprint_chosen) */
    bool mask_differs; /* from that of the checkpoint, in what had no rule */
    bool mask_recorded, system_recorded,
        databases_recorded;              /* at the destination, with a checkpoint */
    char *filter_text, *source_identity; /* what the next checkpoint says */
    bool in_snapshot;
    bool has_turn;            /* this connection: see import_turn.c */
    bool stateless;           /* a dry run at a destination that has none of our tables */
    bool copy_ended;          /* … and no checkpoint says so yet */
    bool passing_copy;        /* the store gives a copy again that is applied already */
    bool copy_passed;         /* … all of it; what says as of when comes next */
    bool passing_stale;       /* … or a copy of one table that was applied earlier */
    bool opened;              /* the spool knows our checkpoint */
    bool replace_rows;        /* --resnapshot: a copy may replace what is there */
    bool await_restart;       /* the spool holds an earlier stream */
    uint64_t resets;          /* … and had been reset so often */
    uint64_t checked_ms;      /* when the idle connection was last looked at */
    unsigned attempts;        /* to connect, since the last session */
    enum barrier barrier;     /* the last transaction of the batch in hand */
    struct series series;     /* … or the last ones */
    struct position stale_at; /* of the stale copy that is arriving */

    struct batch batch;
    struct arena plan_arena;
    uint32_t batch_done;                /* transactions of the batch that are applied */
    struct source_table *stored_tables; /* definitions that came with stored messages */
    struct source_table *tables[DEFINITION_BUCKETS]; /* by message table id */

    /* gather: the chunk in hand and the open transaction */
    struct buf chunk;
    size_t chunk_at;
    uint64_t chunk_seq; /* 0: none */
    bool spool_at_end;
    struct message_list open_messages;
    bool open;         /* inside a transaction */
    bool open_written; /* parts of it are written, in the destination transaction that is open */
    bool open_applied; /* the checkpoint has it already: passed over */
    bool open_intent;  /* its statements are run (barrier_begin_open), and its rows close the intent
                        */
    bool rest_dropped; /* messages before the first begin were passed over */
    bool spool_full;   /* the agent waits for room: write what is there */
    bool open_position_only; /* the last commit message had no begin */
    uint32_t open_first;     /* its first change */
    struct msg_begin open_begin;
    char open_gtid[GTID_TEXT_SIZE];       /* where its GTID is once a part of it is written … */
    char open_record[MESSAGE_MAX_RECORD]; /* … and its record */
    enum barrier open_barrier;
    struct savepoint *savepoints;
    uint32_t savepoint_count, savepoint_cap;
    bool skipping;                 /* transactions at or before the checkpoint may still come */
    struct counters part_counters; /* of the transaction that is written in parts */
    enum how part_how;             /* … and how */
    uint64_t part_savepoint;       /* … its newest savepoint at the destination */
    bool xa_in_parts;              /* a stored transaction is written in groups */
    uint32_t xa_rows;              /* … its rows of datasync_xa */
    uint64_t batch_started_ms;

    struct import *import;           /* NULL: mode mirror */
    struct mapped *mapped;           /* NULL: tables are called the same at both sides */
    bool source_is_away;             /* it is the one that could not be reached */
    bool in_ranges, never_in_ranges; /* a copy is written so (commit.c), and not after a failure */
    struct positions *positions;     /* of entities; NULL: mode mirror, or a copy of its own */
    struct members *members;         /* NULL: no entity travels in part */
    struct handlers *handlers;       /* NULL: none, and no rule is asked */
    struct handled *handled;         /* the range that they take part in, while it is written */
    uint64_t dropped;                /* entity changes of this run (on_invalid: skip) */

    struct held_row *held; /* newest first */
    struct arena held_arena;
    uint64_t passed_over;     /* transactions, on request, in this run */
    uint64_t held_changes;    /* how many changes wait in quarantine */
    uint64_t *touched_chains; /* that have got longer and are to be tried */
    uint32_t touched_count, touched_cap;
    uint64_t long_chains_at; /* not before, but at the end of what there is */
    uint64_t others_after;   /* conflicts behind this id may fit since it was released, 0: none */
    uint64_t others_at; /* … and are tried not before, but when there is nothing more to read */
    bool held_dirty;    /* the open destination transaction has added to them */
    struct skip {       /* a transaction that is to be passed over */
        uint64_t id;
        char *text;
        struct gtid gtid;          /* which it is, or … */
        struct file_position file; /* … where it ends */
        bool done;                 /* passed over */
        bool missed;               /* the stream has passed the place: there is no such one */
        struct skip *next;
    } * skips;
    uint64_t open_skip; /* id of the skip that the open transaction is, 0 none */
    struct stale_table *stale;
    bool stale_known; /* else the checkpoint's list stays as it is */
    bool stale_requested;
    bool stale_loading;                      /* rows of a stale copy are arriving */
    bool unsettled;                          /* some table is, since the last commit */
    bool copies_awaited;                     /* of stale tables: the end is not reached before */
    struct entity_counts *entities;          /* committed */
    struct entity_pending *pending_entities; /* at the same places */
    struct checkpoint pending;               /* what a COMMIT of unknown outcome was to leave */
    uint32_t pending_done;                   /* … and batch_done with it */
    uint32_t entity_count, entity_cap;
    uint64_t limit_left;
    uint64_t open_earlier; /* changes of the open transaction that are written in parts */
    bool limit_reached;
    bool dry_ddl; /* a dry run has passed DDL: definitions are not what they will be */

    _Atomic bool stop;
    struct {
        pthread_mutex_t mutex; /* protects everything in `shared` */
        struct applier_status status;
        struct position stop_after;
        bool has_stop_after;
    } shared;
};

/* connect.c */
/* Connect, take the lock, read checkpoint and schema; without a spool. */
int applier_connect(struct applier *a, struct ds_error *err);
/* … and load what earlier runs have left; the first time, tell the agent where we are. */
int applier_open_session(struct applier *a, struct ds_error *err);

/* resume.c */
/* Our tables. A dry run makes none. */
int resume_open(struct applier *a, struct ds_error *err);
/* The checkpoint, if the filter is the one that it is of. */
int resume_read(struct applier *a, struct ds_error *err);

/* consumer.c */
/* Tell the agent where we are, and begin to read. */
int consumer_open(struct applier *a, struct ds_error *err);
/* The store has a copy of later than the checkpoint: the agent is asked to begin there instead, and
 * nothing is taken until then (DS_EAGAIN). */
int consumer_refuse_copy(struct applier *a, struct ds_error *err);
/* One chunk of what is not ours. DS_EPOSITION: the agent has begun anew. */
int consumer_pass_over(struct applier *a, struct ds_error *err);

/* skip.c */
int skip_load(struct applier *a, struct ds_error *err);
/* Is the transaction with this GTID to be passed over? The request's id, else 0. */
uint64_t skip_at_begin(const struct applier *a, struct slice gtid);
/* Is the open one, which ends here? Then nothing of it counts. Also says which requests name no
 * transaction up to here. */
int skip_at_commit(struct applier *a, const struct msg_commit *m, struct ds_error *err);
/* Record these, in the open destination transaction. */
int skip_record_missed(struct applier *a, struct ds_error *err);
/* Record that it was, in the open destination transaction. */
int skip_record(struct applier *a, const struct transaction *tx, struct ds_error *err);
void skip_free(struct applier *a);

/* gather.c */
/* Read until the batch is full, a barrier or a snapshot message has come, or there is nothing more.
 * *barrier: the last transaction of the batch is one and stands alone. DS_EAGAIN: nothing new. */
int gather(struct applier *a, enum barrier *barrier, struct ds_error *err);
/* Join the tables of the open transaction's changes to ours. `end`: NULL: not yet known. */
int gather_resolve(struct applier *a, const struct msg_commit *end, struct ds_error *err);
/* Is what the batch holds of the open transaction to be written before its end has come? */
bool gather_part_due(const struct applier *a);
/* The spool was started anew: forget everything that was read. */
int gather_restart(struct applier *a, struct ds_error *err);
/* Empty the batch; an open transaction's messages stay in hand. */
int gather_reset(struct applier *a, struct ds_error *err);
/* Forget everything that was read, go back to the spool's first chunk. */
int gather_rewind(struct applier *a, struct ds_error *err);
/* Parse messages that were stored (XA, quarantine) as if they came now: changes of one transaction.
 */
int gather_stored(struct applier *a, struct slice messages, struct ds_error *err);
/* Its own GTID, and where it ends, for messages: as far as known. */
void transaction_place(const struct transaction *tx, char *out, size_t size);
/* Is it an entity of an import's copy? */
bool transaction_is_of_copy(const struct transaction *tx);
/* Source position after a transaction; position_free. */
int transaction_position(const struct transaction *tx, struct position *out, struct ds_error *err);
void gather_free(struct applier *a);

/* commit.c */
/* Apply the transactions from batch_done up to `end`, in as few destination transactions as
 * possible. */
int commit_batch(struct applier *a, uint32_t end, struct ds_error *err);
/* START TRANSACTION and lock the checkpoint row, which must stand where we believe (law 1). An
 * import has its turn from then on, until the transaction has ended. */
int commit_begin(struct applier *a, struct ds_error *err);
/* What hooks are told of the open destination transaction; after it, tx is where the stream stands.
 * The last thing before COMMIT. */
int commit_tell(struct applier *a, const struct transaction *tx, struct ds_error *err);
/* Move the checkpoint over `tx` and COMMIT. `extra`: counters to add. */
int commit_finish(struct applier *a, const struct transaction *tx, const struct counters *extra,
                  struct ds_error *err);
/* For commit_finish: where the checkpoint is already. Valid until then. */
struct transaction commit_here(const struct applier *a);
void commit_roll_back(struct applier *a);
/* Write a step of a table that cannot roll back, and remember it until the commit. */
int commit_write_late(struct applier *a, const struct step *s, uint64_t *rows,
                      struct ds_error *err);
/* Is this the error of data that does not fit the destination (law 5), or cannot be ordered? */
bool commit_does_not_fit(int rc, const struct ds_error *err);
/* A row change that was committed at `then` at the source (0: before) is part of the open
 * destination transaction; written: as it came. */
void commit_count(struct applier *a, const struct change *c, uint64_t then, bool written);
/* Plan and write transactions [first, first+count) into the open destination transaction. */
int commit_write(struct applier *a, uint32_t first, uint32_t count, bool exact,
                 struct counters *extra, struct ds_error *err);
/* Its two halves: mark what is not to be written now, store what waits or has failed; write the
 * rest. Not negative and not 0: as handled_after. */
int commit_set_aside(struct applier *a, uint32_t first, uint32_t count, struct ds_error *err);
int commit_planned(struct applier *a, uint32_t first, uint32_t count, bool exact,
                   struct counters *extra, struct ds_error *err);
/* After a reconnect: did the COMMIT of unknown outcome arrive? Takes over what the checkpoint row
 * says; DS_EPOSITION when it is neither the old nor the new one. */
int commit_resolve(struct applier *a, struct ds_error *err);
int checkpoint_copy(struct checkpoint *to, const struct checkpoint *from);

/* import_turn.c */
/* Of an import; waits for others. DS_ERETRY: they do not end; DS_ESTOPPED: we are to. */
int import_turn_take(struct applier *a, struct ds_error *err);
void import_turn_end(struct applier *a);

/* condition.c: DS_EUNSUPPORTED when the schema is such that a condition cannot be kept. */
int condition_check(struct applier *a, struct ds_error *err);

/* members.c */
/* With each connection: what is noted. */
int members_open(struct applier *a, struct ds_error *err);
void members_free(struct applier *a);
/* Which changes of transactions [first, first + count) are of entities that are not here: marked
 * left_out. Changes that lead from one entity to another become what they are from here. In the
 * open destination transaction, before anything of the range is written. */
int members_sort_out(struct applier *a, uint32_t first, uint32_t count, struct ds_error *err);
/* The destination transaction was rolled back, maybe to a savepoint; or has committed. */
void members_rolled_back(struct applier *a);
void members_committed(struct applier *a);
/* Ask the agent for copies of what has come in. */
int members_request(struct applier *a, struct ds_error *err);
/* What leads to rows of a table that is about to be emptied goes first. */
int members_before_truncate(struct applier *a, const struct msg_truncate *m, struct ds_error *err);
/* Behind a statement, outside of a destination transaction: what waits for a copy and was of a
 * table that is gone does so no more. */
int members_after_ddl(struct applier *a, struct ds_error *err);
/* The agent may have forgotten what it was asked for. */
void members_ask_again(struct applier *a);
/* Entities that wait for their copy. */
size_t members_waiting(const struct applier *a);

/* mask_record.c */
/* In the open destination transaction: these are the masks of its rows. */
int mask_record_store(struct applier *a, struct ds_error *err);
/* The filter is not that of the checkpoint. *same: only its mask differs, and no value that came is
 * concerned. DS_EUSAGE names one that is. */
int mask_record_compare(struct applier *a, bool *same, struct ds_error *err);

/* copied.c */
/* commit_batch; where the end of a first copy is among these, what the source has deleted since an
 * earlier one goes before it. */
int copied_commit(struct applier *a, uint32_t end, struct ds_error *err);

/* parts.c: a transaction that is too large to hold */
/* Write what the batch holds of it, and empty the batch. */
int parts_write(struct applier *a, struct ds_error *err);
/* Write its last part and commit: batch_done is 1 then, or 0 when it is read again from the spool.
 */
int parts_finish(struct applier *a, struct ds_error *err);
/* It could not be written, or what ends it: roll back, and read it again where that may help. 0: it
 * is read again. */
int parts_failed(struct applier *a, int rc, struct ds_error *err);
void parts_end(struct applier *a);
/* It rolls back to a savepoint that is in a part that is written. */
int parts_roll_back_to(struct applier *a, const struct savepoint *s, struct ds_error *err);

/* xa.c: all but xa_apply inside the open destination transaction */
/* The XA transaction at batch_done; 0 with batch_done 0: it is read again. */
int xa_apply(struct applier *a, struct ds_error *err);
/* Store changes of a transaction that may end in XA PREPARE. */
int xa_store(struct applier *a, const struct transaction *tx, struct ds_error *err);
/* Write what is stored under an xid as transaction `index`, and forget it; `open`: what was stored
 * of the transaction in hand, as transaction 0. */
int xa_write_stored(struct applier *a, uint32_t index, struct slice xid, enum how how,
                    struct counters *extra, struct ds_error *err);
int xa_write_open(struct applier *a, enum how how, struct counters *extra, struct ds_error *err);

/* source_table.c */
/* Index of an entity's counters, made when it is new; UINT32_MAX: out of memory. */
uint32_t gather_entity(struct applier *a, const char *name);
/* A `table` message has come. */
int source_table_define(struct applier *a, const struct message *message, struct ds_error *err);
struct source_table *source_table_find(const struct applier *a, uint32_t id);
/* Join it to ours; DS_ESCHEMA when they differ. */
int source_table_resolve(struct applier *a, struct source_table *t, struct ds_error *err);
/* Under a map, of a change that was stored: columns of the destination that nothing of the source
 * goes to are in no key that finds a row. The map tells when rows of the table come; until then
 * this does, by the image. */
void source_table_choose_key(const struct change *c);
/* To an import it is defined, with or without rows: the destination may lack it so far. */
int source_table_look(struct applier *a, struct source_table *t, struct ds_error *err);
/* … all that the stream has defined: the destination's tables were read again, and what an import
 * knows of them is of before. */
int source_tables_look(struct applier *a, struct ds_error *err);
/* Its raw `table` message, to store it with changes. */
int source_table_raw(const struct source_table *t, struct buf *out);
/* The batch is empty: definitions that newer ones have replaced go. */
void source_tables_forget_old(struct applier *a);
void source_tables_free(struct source_table *first); /* and all behind it */

/* series.c: called by gather.c with a DDL transaction just read */
void series_start(struct applier *a);
/* Does the transaction that comes next in the chunk belong to it? It is counted then, and must be
 * taken. */
bool series_goes_on(struct applier *a);
/* The message with all its statements as one. */
int series_join(struct applier *a, struct slice *raw, struct ds_error *err);

/* barrier.c */
/* A group's own name, the same after every restart. */
void barrier_name(const struct transaction *tx, struct slice gtid, uint32_t statement, char *out,
                  size_t size);
/* The transaction at batch_done, or what is left of the series. */
int barrier_apply(struct applier *a, enum barrier barrier, struct ds_error *err);
/* The open transaction is DDL with more rows than a batch holds (CREATE TABLE … SELECT): run its
 * statements; its rows are written in parts like those of any other. Last, in the destination
 * transaction that holds them: close the intent. */
int barrier_begin_open(struct applier *a, struct ds_error *err);
int barrier_finish_open(struct applier *a, struct ds_error *err);

/* crossing.c */
/* The schema as it is now, for rows: read again where statements have changed it, and without
 * foreign keys that cannot hold. No destination transaction may be open if anything was changed. */
int crossing_settle(struct applier *a, struct ds_error *err);
/* At the start: tell the agent which filter it is, and of which tables that are left out it must
 * decode keys. */
int crossing_post(struct applier *a, struct ds_error *err);
/* Is there a foreign key at the destination that deletes the child's row with the parent's?
 * *follows: one by which it follows when the parent's key changes. */
bool crossing_takes_along(const struct target_table *child, const char *column, const char *parent,
                          bool *follows);
/* Before a statement about these tables (NULL: any): its foreign keys are in place again. */
int crossing_restore(struct applier *a, const char *const *names, size_t count,
                     struct ds_error *err);

/* stale.c */
int stale_at_start(struct applier *a, struct ds_error *err);
/* Is the change of a table that cannot roll back, and in a copy that came or will come? Also says
 * so, and asks for a copy, where it cannot be followed. */
bool stale_skips(struct applier *a, const struct change *c, const struct transaction *tx);
/* Remember which source fills the spool, for the next checkpoint. */
int take_source_identity(struct applier *a, struct ds_error *err);
/* A message of a snapshot or of a stale copy. 0, or why it could not be applied. */
int snapshot_message(struct applier *a, const struct message *m, struct ds_error *err);
/* Remember in the checkpoint that unrepeatable rows are about to be written. */
int stale_mark_dirty(struct applier *a, struct ds_error *err);
int stale_clean_stop(struct applier *a, struct ds_error *err);
int stale_mark(struct applier *a, const struct target_table *t);
/* A destination transaction was rolled back, or has committed: what it wrote of tables that cannot
 * roll back must not be written again, or is settled. */
void stale_rolled_back(struct applier *a);
void stale_committed(struct applier *a);
/* Forget copies that the checkpoint has passed. */
void stale_passed(struct applier *a, const struct position *applied);
/* A DDL statement that ends at `applied` has changed table `name`: before its commit. */
void stale_after_ddl(struct applier *a, const char *name, const struct position *applied);
/* … and when the schema is known that it has left. */
void stale_drop_gone(struct applier *a);
/* Ask the agent for copies of what is stale. */
int stale_request(struct applier *a, struct ds_error *err);
/* Is there a table that waits for its copy? */
bool stale_waiting(const struct applier *a);
int stale_print(const struct applier *a, struct buf *out);
void stale_free(struct applier *a);

/* held.c */
/* The lowest id above `above` of a quarantined change behind which this one has to wait; *id 0:
 * none. before_it: the destination is as the change finds it; if it is not, and would have to be
 * asked: DS_ECONFLICT. */
int held_touched(struct applier *a, const struct change *c, uint64_t above, bool before_it,
                 uint64_t *id, struct ds_error *err);
/* Is there a change in quarantine whose cascades may alter rows of this table? */
bool held_reaches(const struct applier *a, const struct target_table *t);
/* The id of the first change in quarantine that may alter rows of that table, NULL: of any, or is
 * of it; 0: none. */
uint64_t held_first(const struct applier *a, const char *table);
/* The rows of this change wait from now on, as part of `id`. DS_ENOMEM. */
int held_add(struct applier *a, const struct change *c, uint64_t id);
/* The key of the entity that the change is of, as in its message, or, where the agent does not know
 * the columns' names, as its row says; empty: unknown. */
struct slice held_entity_key(const struct change *c);
/* The key that a change with these images gives its entity; empty: the same. */
struct slice held_new_key(const struct change *c, const struct row_images *im);
/* Bytes that identify the row of an image. DS_EFORMAT: it has not got them. */
int held_row_key(struct arena *arena, const struct target_table *t, struct slice image,
                 struct slice *out);

/* chain.c */
/* Write, in the open destination transaction, the quarantined change `root` and what waits behind
 * it: what they come to, else, unless net_only, one by one. *count of them leave quarantine; if
 * they do not fit nothing is done (DS_ECONFLICT, or DS_ERETRY without a server's error). */
int chain_apply(struct applier *a, uint64_t root, bool net_only, struct counters *extra,
                uint64_t *count, struct ds_error *err);
/* The chain has got longer: it is to be tried. DS_ENOMEM. */
int chain_touch(struct applier *a, uint64_t root);
/* At the end of a destination transaction: a change that came may have made its chain fit, and what
 * leaves quarantine others that stand behind it. Long chains, and many, only now and then, unless
 * `all`; those that are left are tried later. */
int chain_release(struct applier *a, bool all, struct counters *extra, struct ds_error *err);
bool chain_has_rest(const struct applier *a);
/* Nothing more to read: try those, in destination transactions that do not move the position. Some
 * of them, or at the `end` of the run all. */
int chain_release_rest(struct applier *a, bool end, struct ds_error *err);

/* conflict.c */
int conflict_load(struct applier *a, struct ds_error *err);
/* Transaction `index` of the batch fails even change by change: do what on_conflict says, in the
 * open destination transaction. */
int conflict_transaction(struct applier *a, uint32_t index, struct counters *extra,
                         struct ds_error *err);
/* … without handlers: all of its changes, or those of tables that can or cannot be rolled back. */
enum conflict_part { CONFLICT_ALL, CONFLICT_TRANSACTIONAL, CONFLICT_LATE };
int conflict_changes(struct applier *a, uint32_t index, enum conflict_part part,
                     struct counters *extra, struct ds_error *err);
/* Write one change as it came, counted. */
int conflict_write(struct applier *a, const struct change *c, struct ds_error *err);
/* A conflict stops the stream: what it was in is rolled back, but it counts. */
void conflict_count(struct applier *a);
/* Store a change in quarantine, in the open destination transaction. */
int conflict_store(struct applier *a, const struct change *c, uint64_t behind,
                   const struct ds_error *reason, struct ds_error *err);
/* What was stored in the open transaction was rolled back: know only what is in quarantine. */
void conflict_forget(struct applier *a);
void conflict_free(struct applier *a);

/* handled.c: the same as commit_write, conflict_transaction, and writing changes [first, first +
 * count) of a chain, with handlers. In a chain nothing is set aside: DS_ECONFLICT. */
typedef int chain_write(struct applier *a, uint32_t first, uint32_t count, uint64_t *rows,
                        struct ds_error *err);
int handled_write(struct applier *a, uint32_t first, uint32_t count, bool exact,
                  struct counters *extra, struct ds_error *err);
/* … import_write; what is not valid is left out there, a handler's error stops. */
int handled_import(struct applier *a, uint32_t first, uint32_t count, struct counters *extra,
                   struct ds_error *err);
int handled_by_policy(struct applier *a, uint32_t index, struct counters *extra,
                      struct ds_error *err);
int handled_chain(struct applier *a, uint32_t first, uint32_t count, chain_write *write,
                  uint64_t *rows, struct ds_error *err);

/* mapped.c */
/* With a map: what rewrites messages. */
int mapped_open(struct applier *a, struct ds_error *err);
void mapped_free(struct applier *a);
/* Once: does the map fit both servers? What does not is told in the log, all of it, then DS_EUSAGE.
 */
int mapped_check(struct applier *a, struct ds_error *err);
/* The destination's schema has been read. */
int mapped_attach(struct applier *a, struct ds_error *err);
/* A message as of the destination's tables. *ours: false, it is to be passed over. */
int mapped_message(struct applier *a, struct message *m, bool *ours, struct ds_error *err);
/* One more message that the last one has become; false: no more. */
bool mapped_next(struct applier *a, struct message *m, int *rc, struct ds_error *err);
/* In the open destination transaction: rows that came from a table of the source go. *name: the
 * table that had them, NULL: none. DS_EUNSUPPORTED: it has rows of others, too. */
int mapped_truncate(struct applier *a, struct slice table, const char **name, struct arena *arena,
                    struct ds_error *err);
/* Do rows of the source go to this table of the destination? arg: the applier. */
int mapped_takes(void *arg, const char *table, bool *takes, struct ds_error *err);
/* Does of rows with one unique key the first stay? */
bool mapped_doubles(void *arg, const char *table);

#endif
