/* The agent: reads a source, fills the spool.
 *
 * agent_run drives everything on its own thread until the stop position or agent_stop: wait for the
 * applier's checkpoint in the spool, snapshot if it is wanted, then follow the binlog, reconnecting
 * at transaction boundaries. Called by agent/cli only.
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/csv/csv_copy.h"
#include "agent/producer.h"
#include "agent/tracker.h"
#include "schema/catalogue.h"
#include "schema/config.h"
#include "schema/error.h"
#include "schema/filter.h"
#include "schema/position.h"
#include "schema/spool.h"

enum agent_state {
    AGENT_STARTING,
    AGENT_WAITING_APPLIER,
    AGENT_SNAPSHOT,
    AGENT_STREAMING,
    AGENT_WAITING_SOURCE,
    AGENT_STOPPED,
    AGENT_FAILED
};

/* Where to end, and how. */
struct agent_stop_at {
    enum { STOP_NEVER, STOP_AT_SOURCE_NOW, STOP_AT_POSITION, STOP_AT_TIME } kind;
    struct position position; /* STOP_AT_POSITION; filled by the agent for STOP_AT_SOURCE_NOW */
    uint64_t time; /* STOP_AT_TIME: seconds; the first transaction committed later is not read */
};

struct agent_options {
    const struct config *config;
    const struct catalogue *catalogue;
    const struct filter *filter; /* NULL: everything travels */
    struct spool *spool;
    struct agent_stop_at stop_at;
    bool retry_forever; /* run, agent; else give up after connect_timeout */
    bool snapshot_allowed;
    /* replay: read this range instead of following; files: from disk instead of from the server */
    const char *const *files;
    size_t file_count;
    bool range;
    struct position from;                /* empty: from the start of the files, or the checkpoint */
    uint64_t from_time;                  /* 0 none */
    const struct entity_selection *copy; /* sync: copy whole entities, then end; NULL: no */
    const struct csv_options *csv;       /* … from this file; NULL: from the source */
    const struct producer *producer;     /* … what this makes instead; NULL: none */
    const struct tracker_options
        *tracker;                     /* … those that its tracker names; NULL: those of `copy` */
    const struct entity_known *known; /* of `copy`; may be NULL */
};

/* Numbers for status; a consistent copy. */
struct agent_status {
    enum agent_state state;
    struct ds_error error;  /* why waiting or failed */
    struct position source; /* newest position that the source is known to have */
    struct position read;   /* end of the last transaction put into the spool */
    bool at_end;            /* nothing more to read at the moment */
    uint64_t source_time;   /* commit time of the last transaction read, seconds */
    uint64_t transactions, rows, bytes;
    uint64_t invalid; /* records of a file that were passed over */
    uint64_t snapshot_tables_done, snapshot_tables, snapshot_rows, snapshot_rows_estimate,
        snapshot_bytes;
    char snapshot_table[200];
    /* of a copy of entities, whose kind in hand is in snapshot_table: handed out, and in all,
     * about; the latter 0: not known */
    bool copies;
    uint64_t copied, copied_estimate;
    struct position stop; /* resolved stop position, empty when none */
};

struct agent;
int agent_new(struct agent **out, const struct agent_options *options, struct ds_error *err);
int agent_run(
    struct agent *a,
    struct ds_error *err); /* blocks; 0: reached its stop position; DS_ESTOPPED after agent_stop */
/* After agent_run has come to its stop position: copy the tables and entities that the applier
 * still asks for, until agent_stop (DS_ESTOPPED). The same thread rules. */
int agent_serve(struct agent *a, struct ds_error *err);
void agent_stop(struct agent *a); /* any thread, also a signal watcher */
void agent_status_get(struct agent *a,
                      struct agent_status *out); /* any thread; free with agent_status_free */
void agent_status_free(struct agent_status *st);
void agent_free(struct agent *a);

#endif
