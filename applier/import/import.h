/* Import: the source's rows become rows of a destination that has ids of its own.
 *
 * Stands between coalescing and writing. A range of source transactions is cut into segments
 * (rows.c); a segment's net row changes are translated and written table by table, what others
 * refer to first:
 *
 * - table.c: what the catalogue says of a table, compiled once for both sides' columns
 * - view.c: what rules and handlers see of a range
 * - left.c: entities that are left out
 * - rows.c: changes → net rows, and the entities that they are of
 * - registry.c: which destination row a source id became
 * - resolve.c: ids in a row → the destination's ids
 * - missed.c: what the source has deleted between two first copies
 * - missing.c: what others refer to, and is not there
 * - match.c: rows → rows that the destination has already
 * - namesakes.c: … and which may be others, of the same number
 * - renamed.c: … of which the source has made something else, that is passed over
 * - tell.c: what hooks are told of
 * - given_again.c: ids that the source deletes and gives again
 * - unchecked.c: rows that the source deletes with foreign key checks off
 * - counted.c: entities of which only members change
 * - became.c: what is logged of each entity
 * - used.c: what the destination's own rows use (lineage.c: whose rows are they?)
 * - restricted.c: … by foreign keys that would not let it go
 * - cascaded.c: what the source's foreign keys have deleted
 * - foreign_keys.c: … where the destination has no such key
 * - write.c: inserts with new ids, updates, deletes
 * - exchange.c: unique values that rows give each other
 * - postponed.c: … and rows of a copy that come apart
 * - options.c: custom options of products: replaced, merged or appended
 * - encrypted.c: values under the source's key → under the destination's (crypt.c)
 * - single.c: defaults of which there is one
 * - files.c: images that rows name
 * - aftermath.c: what a shop works out from its rows (sequences.c: its numbers; reviews.c: what
 *   reviews come to)
 * - incomplete.c: what could not be translated yet
 * - unfilled.c: columns that only the destination has, and that no row could fill
 * - unfinished.c: kinds of which a copy did not come to its end
 * - import.c: life, and the order of it all
 *
 * Everything happens in the caller's open destination transaction. One owner, the applier's thread.
 */
#ifndef APPLIER_IMPORT_IMPORT_H
#define APPLIER_IMPORT_IMPORT_H

#include <mysql.h>

#include "applier/batch.h"
#include "applier/positions.h"
#include "applier/state.h"
#include "applier/target.h"
#include "applier/write.h"
#include "schema/catalogue.h"
#include "schema/config.h"
#include "schema/filter.h"

struct outbox;
/* How a table of the source fits the destination's: what is wrong ends a run, or is left out. */
enum import_fit { FIT_NOT, FIT_IN_PART };
struct import_options {
    const struct config *config;
    const struct catalogue *catalogue;
    struct outbox *outbox;       /* what hooks are told of; NULL: nothing */
    const struct filter *filter; /* which entities are asked for: others are only referred to */
    bool dry_run;                /* look and count, write nothing */
    bool follows;      /* a stream, or what it would tell: what comes whole may have come before */
    bool asks_source;  /* a copy of a server, which can tell what it has no more */
    bool no_source;    /* what comes is from files: no server is there to be asked */
    bool completes;    /* what waited for others comes whole, and may still wait for some */
    bool some;         /* not all of the kinds that are asked for is to come */
    bool skip_invalid; /* an entity that does not fit is left out, else it stops */
    const _Atomic bool *stop; /* ends a fetch of files; NULL: nothing does */
    /* Tables are only looked at, and what is wrong with one is told; NULL: it is an error, or
     * logged. */
    void (*found)(void *arg, enum import_fit fit, const char *table, const char *what);
    void *found_arg;
};

/* What became of an entity, root by root; also what a dry run would do. */
struct import_counts {
    char entity[64];
    uint64_t first_ms, last_ms; /* when it was written, for its rate; of no particular clock */
    uint64_t created, updated, merged, skipped, invalid, deleted;
    uint64_t errors; /* of those that ended the run */
    /* a dry run: others refer to them, and they are not to be created; and rows of such that are
     * there (options, groups), which are */
    uint64_t missing, members;
    uint64_t rows[3]; /* inserted, updated, deleted, of all its tables: see import_rows_written */
};

struct import;
int import_new(struct import **out, const struct import_options *options, struct ds_error *err);
void import_free(struct import *im);
/* A new connection, with what is known of its schema, and what writes to it. */
int import_attach(struct import *im, MYSQL *db, const struct db_server *server,
                  struct target *target, struct writer *writer, struct ds_error *err);
/* Instead of import_attach: tables of such a destination are only looked at. */
void import_look_at(struct import *im, struct target *target);
/* Is the source's table of that name one of an entity that is asked for, or referred to? */
bool import_takes(const struct import *im, const char *table);
/* The destination's table for one of the stream. Gives it a target, or NULL: its rows are not
 * imported, or it is not there and none have come (has_rows). DS_ESCHEMA, DS_EUNSUPPORTED: it
 * cannot take them. */
int import_resolve_table(struct import *im, struct source_table *t, bool has_rows,
                         struct ds_error *err);
/* Write transactions [first, first + count) of the batch. `part`: of one that comes in parts;
 * behind the last one comes import_end_parts. Changes that an entity has already by its position
 * are passed over; NULL: none has. Errors as of writer_step. */
int import_write(struct import *im, const struct batch *batch, const struct positions *positions,
                 uint32_t first, uint32_t count, bool part, struct counters *extra,
                 struct ds_error *err);
/* `more`: what is written next goes into the same destination transaction, and is behind all that
 * import_write has written, so that this may still be on its way when it returns (db_later.h); and
 * what a shop works out from its rows waits. Until the next call. */
void import_goes_on(struct import *im, bool more);
/* The table of the last change of a transaction that is to be parted, an insert: may rows of an
 * entity, which come in the order of its tables, still be told by those that follow it? */
struct import_table;
bool import_holds_part(const struct import_table *t);
/* All parts of the transaction are written: what entities that came whole have no more goes. */
int import_end_parts(struct import *im, struct counters *extra, struct ds_error *err);
/* A copy has come to its end, and nothing is open: unique values that rows were to get from others
 * are theirs now, in a transaction of its own. DS_ECONFLICT: some have not let go. */
int import_settle_postponed(struct import *im, struct ds_error *err);
/* All has come, and nothing is open: what could not be settled before is, in a transaction of its
 * own. *left: entities that were left out, and are told by now. */
int import_settle(struct import *im, uint64_t *left, struct ds_error *err);
/* After a transaction did not fit, with this error, and was rolled back: is it to be tried again,
 * since the registry may name what the destination has deleted, or the destination has made the
 * same meanwhile? */
int import_doubt(struct import *im, const struct ds_error *why, bool *again, struct ds_error *err);
/* Transaction `index` has ended the run with this error: counts that, and adds to the message which
 * entity it was, as the source knows it, and what to do. */
void import_failed(struct import *im, const struct batch *batch, uint32_t index,
                   struct ds_error *err);
/* After transaction `index` did not fit, with this error, and was rolled back: is it to be left
 * out? Then import_leave tells and counts it. DS_ENOMEM. */
bool import_may_leave(const struct import *im);
int import_leave(struct import *im, const struct batch *batch, uint32_t index,
                 const struct ds_error *why);
/* The same of one entity of the range that is being written. key: as in messages; copied: more of
 * it may come, which is left out as well. */
int import_leave_entity(struct import *im, const char *entity, struct slice key, bool copied,
                        const char *why);
/* The same where the range is a part of a transaction, and what came before may have been written:
 * the caller rolls back, and when it comes again the entity is left out of all parts. A dry run
 * goes on with the next one. DS_ENOMEM. */
int import_hold_left(struct import *im, const char *entity, struct slice key, bool copied,
                     const char *why);
/* How many are held? */
uint32_t import_held(const struct import *im);
/* Tells and counts those that are left out of this part for the first time, and adds to *count. */
void import_tell_held(struct import *im, uint32_t *count);
/* All goes back to where the transaction stood at the mark; it is not rolled back as a whole. */
void import_mark(struct import *im);
void import_go_back(struct import *im);
/* import_write has failed only because images have to be fetched first: roll back, have them
 * fetched, and write the range again. Errors as of media_fetch. */
bool import_wants_files(const struct import *im);
int import_fetch_files(struct import *im, struct ds_error *err);
/* Of this run; NULL: files are not looked at. */
struct media_counts;
const struct media_counts *import_files(const struct import *im);
void import_rolled_back(struct import *im);
/* What has been read of the stream comes once more from its beginning. */
void import_begins_anew(struct import *im);
void import_committed(struct import *im);
/* --- view.c: what rules and handlers see of a range (handled.c) --- */
struct import_view {
    struct batch batch; /* its transactions; changes and their tables as the source has them.
                           left_out: nothing to be asked of it */
    uint32_t base;      /* where its first change stands in the batch that it shows */
    bool records;       /* of a file: not all that an entity has */
    struct import_code **codes;
};
/* positions: as of import_write. Marks changes of `batch`, too: left_out, what was left out before
 * and comes once more. Everything is in `arena`; both last until import_view_end. */
int import_view_begin(struct import *im, const struct batch *batch,
                      const struct positions *positions, uint32_t first, uint32_t count,
                      struct arena *arena, struct import_view *out, struct ds_error *err);
void import_view_end(struct import *im);
/* The code of the attribute that has that id at the source; NULL: unknown. */
const char *import_attribute_code(const struct import *im, struct slice id);
/* Are its values ids of options of its own? */
bool import_attribute_is_choice(const struct import *im, struct slice id);
/* The destination's id for the source's `id` in a table of the entity, by the name that it has
 * there, NULL the root's. *found false: it is not there. */
int import_target_id(struct import *im, const char *entity, const char *table, struct slice id,
                     bool *found, uint64_t *target, struct ds_error *err);

/* Of what is remembered (incomplete.h): may there be any? */
bool import_waits(const struct import *im);
/* Of this run, committed. */
const struct import_counts *import_counts_get(const struct import *im, size_t *count);
/* Rows that the open transaction has written: those of the next entity that has any, from *place
 * (first 0) on; NULL: no more. */
const uint64_t *import_rows_written(const struct import *im, size_t *place, const char **entity);

#endif
