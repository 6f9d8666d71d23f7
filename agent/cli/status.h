/* What a stream is doing: one struct, as JSON, as text, and read back from JSON.
 *
 * The running process answers each connection to its socket with the JSON; `status` reads it back,
 * so that two halves (agent, apply) can be put together. Owned by the caller: stream_status_free.
 */
#ifndef CLI_STATUS_H
#define CLI_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/agent.h"
#include "applier/applier.h"
#include "applier/hooks.h"
#include "schema/buf.h"
#include "schema/config.h"
#include "schema/error.h"

enum stream_state {
    STREAM_STARTING,
    STREAM_SNAPSHOT,
    STREAM_CATCHING_UP,
    STREAM_STREAMING,
    STREAM_WAITING_SOURCE,
    STREAM_WAITING_DESTINATION,
    STREAM_STOPPED,
    STREAM_FAILED,
};

struct stream_position {
    char *entity, *gtid, *file; /* NULL: unknown */
    uint64_t position;
};

struct stream_status {
    char *name, *mode;
    enum stream_state state;
    char *error;                     /* why it waits or failed; NULL none */
    char *source_gtid, *source_file; /* NULL unknown */
    uint64_t source_position;        /* 0 unknown */
    char *applied_gtid, *applied_file;
    uint64_t applied_position;
    uint64_t applied_time; /* seconds since 1970, 0 unknown */
    int64_t lag_seconds;   /* -1 unknown */
    bool caught_up;
    uint64_t transactions, rows, rows_written, batches, conflicts, quarantined;
    uint64_t entering; /* entities that have come into the filter and wait for their copy */
    char **stale_tables;
    size_t stale_count;
    struct entity_counts *entities;
    size_t entity_count;
    struct stream_position *positions; /* of entities that have been imported by themselves; they
                                          are not told while it runs */
    size_t position_count;
    struct hooks_status hooks;
    /* of a snapshot, for people */
    uint64_t snapshot_rows, snapshot_estimate, snapshot_tables_done, snapshot_tables;
    /* of a copy of entities: the kind in hand, NULL: none goes on; applied, and in all, about */
    char *copying;
    uint64_t copied, copied_estimate;
    bool waits;                  /* as applier_status; not told */
    bool has_agent, has_applier; /* which halves it speaks for */
};

/* From the halves that run in this process; either may be NULL. now: seconds since 1970. */
int stream_status_make(struct stream_status *out, const struct config *c,
                       const struct agent_status *agent, const struct applier_status *applier,
                       uint64_t now);
/* From the checkpoint at the destination: nothing runs. Connects. */
int stream_status_stopped(struct stream_status *out, const struct config *c,
                          const struct filter *filter, struct ds_error *err);
/* Another run follows, of what this one leaves, or no agent runs: nobody is to think that all is
 * there. */
void stream_status_unfinished(struct stream_status *s, uint64_t now);
/* Put what an agent said into what an applier said. */
int stream_status_merge(struct stream_status *applier, const struct stream_status *agent,
                        uint64_t now);
int stream_status_json(const struct stream_status *s, struct buf *out); /* one line */
int stream_status_text(const struct stream_status *s, struct buf *out);
/* DS_EFORMAT: not such a JSON. */
int stream_status_parse(struct stream_status *out, const char *text, size_t len,
                        struct ds_error *err);
const char *stream_state_name(enum stream_state state);
void stream_status_free(struct stream_status *s);

#endif
