/* What the program prints to stderr: log lines, and on a terminal one progress line below them.
 *
 * Any thread may log; the progress line is drawn by the main thread. One mutex keeps them apart.
 */
#ifndef CLI_LOGGING_H
#define CLI_LOGGING_H

#include <stdbool.h>

#include "schema/buf.h"

/* format: "text" or "json". Replaces what was set before. */
void logging_start(const char *format, unsigned verbosity);
bool logging_terminal(void); /* stderr is one, and the format is text */
/* Replace the progress line; "" removes it. Nothing when stderr is no terminal. */
void logging_progress(const char *line);
/* One log line in the given format, without newline. For tests. `now`: microseconds since 1970. */
int logging_format(struct buf *out, bool json, long long now, int level, const char *line);

#endif
