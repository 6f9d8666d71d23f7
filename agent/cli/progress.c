#include "agent/cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/cli/logging.h"
#include "schema/log.h"

enum { LINE_EVERY_MS = 5000, WINDOW_MS = 3000, BAR = 30 };

void progress_start(struct progress *p, uint64_t now_ms)
{
    memset(p, 0, sizeof *p);
    p->started_ms = p->sample_ms = p->said_ms = now_ms;
}

void progress_bar(char *out, unsigned width, uint64_t done, uint64_t total)
{
    unsigned full =
        total ? (unsigned)((double)(done < total ? done : total) / (double)total * (double)width)
              : 0;
    char *at = out;
    *at++ = '[';
    for (unsigned i = 0; i < width; i++)
        *at++ = i < full ? '=' : i == full ? '>' : ' ';
    *at++ = ']';
    *at = 0;
}

void progress_duration(char *out, size_t size, uint64_t seconds)
{
    if (seconds < 100)
        snprintf(out, size, "%" PRIu64 " s", seconds);
    else if (seconds < 6000)
        snprintf(out, size, "%" PRIu64 " min", seconds / 60);
    else
        snprintf(out, size, "%" PRIu64 " h %" PRIu64 " min", seconds / 3600, seconds / 60 % 60);
}

/* Rows that the state's progress is counted in. */
static uint64_t rows_of(const struct stream_status *s)
{
    return s->state != STREAM_SNAPSHOT ? s->rows : s->copying ? s->copied : s->snapshot_rows;
}

/* How many it will have been, about; 0: not known. */
static uint64_t estimate_of(const struct stream_status *s)
{
    return s->copying ? s->copied_estimate : s->snapshot_estimate;
}

static void measure(struct progress *p, const struct stream_status *s, uint64_t now_ms)
{
    uint64_t rows = rows_of(s);
    if (s->state != p->state || rows < p->sample_rows) {
        p->state = s->state;
        p->sample_ms = now_ms;
        p->sample_rows = rows;
        p->rate = 0;
        return;
    }
    uint64_t elapsed = now_ms - p->sample_ms;
    if (elapsed < 1000)
        return;
    double rate = (double)(rows - p->sample_rows) * 1000.0 / (double)elapsed;
    p->rate = p->rate > 0 ? 0.7 * p->rate + 0.3 * rate : rate;
    if (elapsed >= WINDOW_MS) {
        p->sample_ms = now_ms;
        p->sample_rows = rows;
    }
}

/* Seconds until a snapshot is through; 0 unknown. */
static uint64_t remaining(const struct progress *p, const struct stream_status *s)
{
    uint64_t done = rows_of(s), all = estimate_of(s);
    if (s->state != STREAM_SNAPSHOT || p->rate < 0.1 || all <= done)
        return 0;
    return (uint64_t)((double)(all - done) / p->rate) + 1;
}

/* It is an estimate: all is what has come to its end. */
static unsigned percent_of(const struct stream_status *s)
{
    uint64_t all = estimate_of(s);
    unsigned percent = all ? (unsigned)((double)rows_of(s) * 100 / (double)all) : 0;
    return percent < 99 ? percent : 99;
}

static void print_copy(const struct progress *p, const struct stream_status *s, char *line,
                       size_t size)
{
    char bar[BAR + 3] = "", eta[40] = "", percent[16] = "", all[40] = "";
    uint64_t left = remaining(p, s);
    if (s->copied_estimate) {
        progress_bar(bar, BAR, s->copied, s->copied_estimate);
        snprintf(percent, sizeof percent, " %u %%, ", percent_of(s));
        snprintf(all, sizeof all, " of about %" PRIu64, s->copied_estimate);
    }
    if (left)
        progress_duration(eta, sizeof eta, left);
    snprintf(line, size, "copying %s%s%s: %" PRIu64 "%s entities, %.0f/s%s%s", bar, percent,
             s->copying, s->copied, all, p->rate, left ? ", about " : "", eta);
}

static void show_bar(const struct progress *p, const struct stream_status *s)
{
    char bar[BAR + 3], eta[40] = "", line[400];
    uint64_t left = remaining(p, s);
    if (s->state == STREAM_SNAPSHOT && s->copying) {
        print_copy(p, s, line, sizeof line);
    } else if (s->state == STREAM_SNAPSHOT) {
        progress_bar(bar, BAR, s->snapshot_rows, s->snapshot_estimate);
        if (left)
            progress_duration(eta, sizeof eta, left);
        snprintf(line, sizeof line,
                 "copying %s %" PRIu64 "/%" PRIu64 " tables, %" PRIu64 " rows, %.0f rows/s%s%s",
                 bar, s->snapshot_tables_done, s->snapshot_tables, s->snapshot_rows, p->rate,
                 left ? ", about " : "", left ? eta : "");
    } else if (s->lag_seconds > 0 && !s->caught_up) {
        progress_duration(eta, sizeof eta, (uint64_t)s->lag_seconds);
        snprintf(line, sizeof line, "%s: %" PRIu64 " rows, %.0f rows/s, %s behind",
                 stream_state_name(s->state), s->rows, p->rate, eta);
    } else {
        snprintf(line, sizeof line, "%s: %" PRIu64 " transactions, %" PRIu64 " rows, %.0f rows/s",
                 stream_state_name(s->state), s->transactions, s->rows, p->rate);
    }
    logging_progress(line);
}

static void say(const struct progress *p, const struct stream_status *s)
{
    if (s->state == STREAM_SNAPSHOT && s->copying)
        log_info("copying entity=%s entities=%" PRIu64 " entities_estimate=%" PRIu64
                 " percent=%u entities_per_second=%.0f seconds_left=%" PRIu64,
                 s->copying, s->copied, s->copied_estimate, percent_of(s), p->rate,
                 remaining(p, s));
    else if (s->state == STREAM_SNAPSHOT)
        log_info("copying tables=%" PRIu64 "/%" PRIu64 " rows=%" PRIu64 " rows_estimate=%" PRIu64
                 " rows_per_second=%.0f seconds_left=%" PRIu64,
                 s->snapshot_tables_done, s->snapshot_tables, s->snapshot_rows,
                 s->snapshot_estimate, p->rate, remaining(p, s));
    else
        log_info("catching up transactions=%" PRIu64 " rows=%" PRIu64
                 " rows_per_second=%.0f lag_seconds=%" PRId64 " applied=%s",
                 s->transactions, s->rows, p->rate, s->lag_seconds,
                 s->applied_gtid   ? s->applied_gtid
                 : s->applied_file ? s->applied_file
                                   : "none");
}

void progress_show(struct progress *p, const struct stream_status *s, uint64_t now_ms)
{
    enum stream_state before = p->state;
    measure(p, s, now_ms);
    if (s->state != before)
        log_debug("state from=%s to=%s", stream_state_name(before), stream_state_name(s->state));
    if (logging_terminal())
        show_bar(p, s);
    else if (now_ms - p->said_ms >= LINE_EVERY_MS) {
        p->said_ms = now_ms;
        if (s->state == STREAM_SNAPSHOT || s->state == STREAM_CATCHING_UP)
            say(p, s);
    }
}

void progress_summary(const struct progress *p, const struct stream_status *s, uint64_t now_ms,
                      bool dry_run)
{
    log_info("%s transactions=%" PRIu64 " rows=%" PRIu64 " rows_written=%" PRIu64
             " conflicts=%" PRIu64 " quarantined=%" PRIu64 " seconds=%.1f applied=%s",
             dry_run ? "ended, nothing was written" : "ended", s->transactions, s->rows,
             s->rows_written, s->conflicts, s->quarantined,
             (double)(now_ms - p->started_ms) / 1000.0,
             s->applied_gtid   ? s->applied_gtid
             : s->applied_file ? s->applied_file
                               : "none");
}
