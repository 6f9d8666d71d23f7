/* The applier: takes messages from the spool and keeps the destination equal to the source as of
 * some source position.
 *
 * The laws that it keeps are in applier/LAWS at the head of each file: coalesce.c (laws 2, 3, 6,
 * 8), plan.c (3, 4), write.c (5, 11), apply.c (1, 12), ddl.c (7), xa.c (10), nontransactional.c
 * (9). applier_run blocks on its own thread. Called by agent/cli only.
 */
#ifndef APPLIER_APPLIER_H
#define APPLIER_APPLIER_H

#include <stdbool.h>
#include <stdint.h>

#include "applier/state.h"
#include "schema/config.h"
#include "schema/error.h"
#include "schema/filter.h"
#include "schema/position.h"
#include "schema/spool.h"

enum applier_state {
    APPLIER_STARTING,
    APPLIER_SNAPSHOT,
    APPLIER_CATCHING_UP,
    APPLIER_STREAMING,
    APPLIER_WAITING_DESTINATION,
    APPLIER_STOPPED,
    APPLIER_FAILED
};

struct hooks;
struct target;
struct map_passing;
struct import_counts;
struct media_counts;
struct applier_options {
    const struct config *config;
    const struct filter *filter;
    struct spool *spool;
    bool retry_forever;
    bool dry_run;                      /* plan and count, write nothing */
    uint64_t limit_rows;               /* end at the last whole transaction before it, 0 none */
    bool no_lock;                      /* skip GET_LOCK (incremental --no-lock) */
    bool resnapshot;                   /* drop checkpoint first */
    bool range;                        /* replay: what the spool holds is not of it */
    bool no_source;                    /* … and comes from files alone: no server is asked */
    bool map_in_part;                  /* the map was checked; what it leads nowhere is left out */
    const struct map_passing *passing; /* of rows of documents that the map watches; NULL: none */
    bool until_connected;              /* ends when the destination can be asked: DS_EMET */
    bool ends_at_watched; /* before a change of a document that the map watches: DS_EMET */
    bool asks_source;     /* import: what comes is a copy of a server, which can be asked */
    bool some;            /* import: not all of the kinds that are asked for is to come */
    bool skip_invalid;    /* import: what does not fit is left out, else it stops */
    bool changed;         /* import: what has changed comes, as in a stream, but whole */
    bool completes;       /* … since what it waited for has come */
    /* Is the table to be emptied and copied again behind this? Conflicts of its rows mean nothing
     * then. NULL: none is. */
    bool (*void_next)(void *arg, const char *table);
    void *void_arg;
    const char *checkpoint; /* under which name it is kept; NULL: config's */
    bool follows;        /* the end is where the source is: copies that it takes are waited for */
    struct hooks *hooks; /* they are opened when the stream is, and told of commits; NULL: none */
    /* Its checkpoint is in the spool: the agent reads what is true now. On the applier's thread,
     * also more than once; may be NULL. */
    void (*posted)(void *arg);
    void *posted_arg;
    /* Mode import: the destination's schema as a dry run has left it here, just before: is taken,
     * and not read. A dry run leaves it. May be NULL. */
    struct target **schema;
};

struct applier_status {
    enum applier_state state;
    struct ds_error error;
    struct position applied;
    uint64_t applied_time; /* commit time at the source of the last applied transaction, seconds */
    uint64_t
        oldest_unapplied; /* commit time of the oldest transaction read and not applied, 0 none */
    uint64_t transactions, rows, rows_written, batches, conflicts, quarantined;
    struct entity_counts *entities;
    size_t entity_count;
    char **stale_tables;
    size_t stale_count;
    uint64_t snapshot_rows;
    uint64_t passed_over; /* transactions that `datasync skip` had named, in this run */
    uint64_t dropped;     /* entity changes that were not valid (on_invalid: skip), in this run */
    uint64_t entering;    /* entities that have come into the filter and wait for their copy */
    bool waits;           /* mode import: something may wait for what it names (incomplete.h) */
    bool idle;            /* everything in the spool is applied */
};

struct applier;
int applier_new(struct applier **out, const struct applier_options *options, struct ds_error *err);
/* Connects, takes the lock, reads the checkpoint, posts it to the spool, applies until stopped or
 * until `stop` is reached. */
int applier_run(struct applier *a, struct ds_error *err);
/* End with success once everything up to `p` is applied; the agent tells where when it is done. Any
 * thread. */
int applier_stop_after(struct applier *a, const struct position *p);
/* End now, after rolling back or committing what is open. Any thread. */
void applier_stop(struct applier *a);
void applier_status_get(struct applier *a, struct applier_status *out);
void applier_status_free(struct applier_status *st);
/* Mode import: what became of entities, in the catalogue's order. After applier_run. */
const struct import_counts *applier_import_counts(const struct applier *a, size_t *count);
/* … and of the images that they name; NULL: these are not looked at. */
const struct media_counts *applier_import_files(const struct applier *a);
void applier_free(struct applier *a);

#endif
