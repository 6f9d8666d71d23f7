/* Agent and applier as threads, and the main thread that looks after them.
 *
 * The main thread runs a libuv loop: SIGTERM, SIGINT and SIGHUP stop in order (a second one ends
 * the process at once), a timer each second shows progress, a socket answers `status`. When one
 * half ends, the other one is told: after the agent's end the applier applies what is left.
 */
#ifndef CLI_RUNNER_H
#define CLI_RUNNER_H

#include "agent/agent.h"
#include "agent/cli/cli.h"
#include "applier/applier.h"

struct runner_options {
    const char *command; /* for the lock */
    bool agent, applier;
    bool retry_forever;
    bool no_lock, resnapshot, dry_run;
    bool skip_invalid;    /* sync */
    bool map_in_part;     /* migrate: the map was checked, what it leads nowhere is left out */
    bool until_connected; /* the run ends when the destination can be asked; *met */
    bool *met; /* else, not NULL: before a change of a document that the map watches; *met */
    const struct map_passing *passing;               /* of rows of such documents; NULL: none */
    bool (*void_next)(void *arg, const char *table); /* as of struct applier_options */
    void *void_arg;
    bool unfinished;     /* another run follows, for what this one leaves */
    bool ends_by_itself; /* exit 3 when changes wait in quarantine */
    /* Called about each second while the stream goes on, on the main thread, which waits for it;
     * NULL: nothing is. True: the run ends, in order. */
    bool (*alongside)(void *arg);
    void *alongside_arg;
    bool when_waits; /* … only while the applier says that something waits */
    uint64_t limit_rows;
    struct agent_stop_at stop_at;
    const char *const *files;
    size_t file_count;
    bool range;
    struct position from;
    uint64_t from_time;
    const struct entity_selection *copy;   /* sync; NULL: follow the stream, or a range of it */
    bool again;                            /* … of what the stream could not write whole */
    bool references;                       /* … a look at what is referred to, before it */
    const struct csv_options *csv;         /* … from a file; NULL: from the source */
    const struct producer *producer;       /* … that a step of a migration makes; NULL: no */
    const struct tracker_options *tracker; /* … what has changed there; NULL: what `copy` says */
};

/* Configuration must be loaded (cli_open). Gives the exit code; has logged the error. */
int runner_run(struct invocation *in, const struct runner_options *o);
/* One run of those that runner_run (runs.c) consists of. *stopped: by a signal. */
int runner_once(struct invocation *in, const struct runner_options *o, bool *stopped);
/* A dry run ends before it begins: says so, and why, and what looks at a copy. */
void runner_tell_unseen(const struct invocation *in, const char *why);

/* --stop-at, --from, --to: a time, a GTID set or FILE:POSITION. Free the position. */
int runner_parse_where(const char *option, const char *text, struct agent_stop_at *out,
                       struct ds_error *err);

#endif
