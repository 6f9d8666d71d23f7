/* Signals outside of runs, which have an event loop for them. Main thread. */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include <stdbool.h>

/* SIGTERM and SIGINT end the process at once with exit 0. In force from the program's start, before
 * and between runs: nothing is half done then, so ending is being done. */
void signals_end_at_once(void);
/* SIGTERM, SIGINT and SIGHUP wait: one that comes before its watcher stands would end the process
 * with another code than 0. */
void signals_hold(bool hold);

#endif
