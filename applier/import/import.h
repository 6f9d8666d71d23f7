/* Import: the source's rows become rows of a destination that has ids of its own.
 *
 * Stands between coalescing and writing. A range of source transactions is cut into segments
 * (rows.c); a segment's net row changes are translated and written table by table, what others
 * refer to first:
 *
 * - table.c: what the catalogue says of a source table, for the destination's table (compiled once)
 * - rows.c: changes → net rows, and the entities that they are of
 * - registry.c: which destination row a source id became
 * - resolve.c: ids in a row → the destination's ids
 * - match.c: rows → rows that the destination has already
 * - write.c: inserts with new ids, updates, deletes
 * - incomplete.c: what could not be translated yet
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

struct import_options {
    const struct config *config;
    const struct catalogue *catalogue;
    const struct filter *filter; /* which entities are asked for: others are only referred to */
    bool dry_run;                /* look and count, write nothing */
    bool follows;      /* a stream, or what it would tell: what comes whole may have come before */
    bool skip_invalid; /* an entity that does not fit is left out, else it stops */
};

/* What became of an entity, root by root; also what a dry run would do. */
struct import_counts {
    char entity[64];
    uint64_t first_ms, last_ms; /* when it was written, for its rate; of no particular clock */
    uint64_t created, updated, merged, skipped, invalid, deleted;
};

struct import;
int import_new(struct import **out, const struct import_options *options, struct ds_error *err);
void import_free(struct import *im);
/* A new connection, with what is known of its schema, and what writes to it. */
int import_attach(struct import *im, MYSQL *db, const struct db_server *server,
                  struct target *target, struct writer *writer, struct ds_error *err);
/* The destination's table for one of the stream. Gives it a target, or NULL: its rows are not
 * imported. DS_ESCHEMA: it cannot take them. */
int import_resolve_table(struct import *im, struct source_table *t, struct ds_error *err);
/* Write transactions [first, first + count) of the batch. `part`: of one that comes in parts, which
 * are not all there is of a copied entity: nothing that is missing in it goes. Changes that an
 * entity has already by its position are passed over; NULL: none has. Errors as of
 * writer_step. */
int import_write(struct import *im, const struct batch *batch, const struct positions *positions,
                 uint32_t first, uint32_t count, bool part, struct counters *extra,
                 struct ds_error *err);
/* After a transaction did not fit, with this error, and was rolled back: is it to be tried again,
 * since the registry may name what the destination has deleted? */
int import_doubt(struct import *im, const struct ds_error *why, bool *again, struct ds_error *err);
/* After transaction `index` did not fit, with this error, and was rolled back: is it to be left
 * out? Then import_leave counts it. */
bool import_may_leave(const struct import *im);
void import_leave(struct import *im, const struct batch *batch, uint32_t index,
                  const struct ds_error *why);
void import_rolled_back(struct import *im);
void import_committed(struct import *im);
/* Of this run, committed. */
const struct import_counts *import_counts_get(const struct import *im, size_t *count);

#endif
