/* What the program prints to stderr: log lines, and on a terminal one progress line below them.
 * Those of a migration go to stdout.
 *
 * Any thread may log; the progress line is drawn by the main thread. One mutex keeps them apart.
 */
#ifndef CLI_LOGGING_H
#define CLI_LOGGING_H

#include <stdbool.h>

#include "schema/buf.h"
#include "schema/error.h"

/* format: "text" or "json". Replaces what was set before. */
void logging_start(const char *format, unsigned verbosity);
bool logging_terminal(void); /* stderr is one, and the format is text */
/* Replace the progress line; "" removes it. Nothing when stderr is no terminal. */
void logging_progress(const char *line);
/* Leave it where it is, and go on below it. */
void logging_progress_keep(void);
/* From now on lines look as those of the Magento Data Migration Tool, and go to stdout; also behind
 * what is in `file` (NULL: none), which is kept open. A format "json" stays as it is. DS_EIO. */
int logging_migration(const char *file, struct ds_error *err);
/* What such lines are about; the texts are kept as pointers. Main thread. */
struct logging_stage {
    const char *mode, *stage, *step;
};
void logging_at_stage(const struct logging_stage *at);
/* False: lines are not those of a migration, or no stage has begun. */
bool logging_stage_now(struct logging_stage *out);
/* A line that is neither information nor warning: "[NOTICE]: …". */
void logging_notice(const char *line);
/* "[2026-05-31T22:00:00.123456+00:00][INFO][mode: data][stage: volume check][step: Map Step]: …",
 * without newline. For tests. */
int logging_format_migration(struct buf *out, const struct logging_stage *at, long long now,
                             int level, const char *line);
/* One log line in the given format, without newline. For tests. `now`: microseconds since 1970. */
int logging_format(struct buf *out, bool json, long long now, int level, const char *line);

#endif
