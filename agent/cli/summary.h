/* What became of the entities that a command has imported, added up over its runs and printed at
 * its end: a table, or with --json lines. Main thread.
 */
#ifndef CLI_SUMMARY_H
#define CLI_SUMMARY_H

#include "agent/cli/runner.h"
#include "applier/import/import.h"
#include "applier/media/media.h"

struct summary {
    struct import_counts *entities; /* in the catalogue's order */
    size_t count;                   /* 0: no run has come to its end */
    struct import_counts other;     /* errors that are of none of them */
    struct media_counts images;
    bool dry_run;
};

/* runner_run, and then the summary to stdout; the exit code is the run's. */
int summary_of_run(struct invocation *in, const struct runner_options *o);
/* A run has ended, with this error if it failed. applier NULL: it has none; looked: of what others
 * refer to, before the copy. */
int summary_add(struct summary *s, const struct invocation *in, const struct applier *applier,
                struct agent *agent, bool looked, int rc);
/* A server was lost in the middle of a copy: adds to the message how it goes on, if something has
 * been written. */
void summary_explain_lost(const struct summary *s, const struct invocation *in,
                          struct ds_error *err);

#endif
