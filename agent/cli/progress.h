/* Progress of long work on stderr: a bar on a terminal, elsewhere a log line every few seconds.
 * Main thread.
 *
 * That of a migration looks as in the Magento Data Migration Tool, with its placeholders: those of
 * Symfony's ProgressBar. It counts rows of a copy, documents of a check.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

#include "agent/cli/status.h"

struct progress {
    uint64_t started_ms; /* of the program */
    uint64_t said_ms;    /* last log line */
    uint64_t sample_ms;  /* beginning of the window that rates are measured over */
    uint64_t sample_rows;
    double rate; /* rows a second, smoothed; 0 unknown */
    enum stream_state state;
};

/* Times are of the loop, in milliseconds. */
void progress_start(struct progress *p, uint64_t now_ms);
void progress_show(struct progress *p, const struct stream_status *s, uint64_t now_ms);
/* The last line: counts since the stream began (of an agent alone: since it started). */
void progress_summary(const struct progress *p, const struct stream_status *s, uint64_t now_ms,
                      bool dry_run);
/* From now on bars are those of a migration. `format` (NULL, "": that tool's own) lives on. */
void progress_migration(const char *format);
/* So many of all; the first time with 0, and at the end with all. Nothing without a terminal. */
void progress_count(uint64_t done, uint64_t all);
/* For tests. */
struct progress_numbers {
    uint64_t done, all;
    double elapsed, remaining; /* seconds; the latter below 0: not known */
};
void progress_print(const char *format, const struct progress_numbers *n, char *out, size_t size);
/* "[=====>    ] 50 %" */
void progress_bar(char *out, unsigned width, uint64_t done, uint64_t total);
/* "3 s", "5 min", "2 h 10 min" */
void progress_duration(char *out, size_t size, uint64_t seconds);

#endif
