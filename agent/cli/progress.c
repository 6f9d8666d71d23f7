#include "agent/cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/cli/logging.h"
#include "schema/log.h"

enum { LINE_EVERY_MS = 5000, WINDOW_MS = 3000, BAR = 30, MIGRATION_BAR = 28 };

static const char *migration; /* format of its bars; NULL: there is none */

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

/* --- a migration's --------------------------------------------------------------------------- */

void progress_migration(const char *format)
{
    migration = format && *format ? format : "%percent%% [%bar%] Remaining Time: %remaining%";
}

/* As Symfony says it: "< 1 sec", "5 secs", "1 min", "2 hrs". */
static void print_time(double seconds, char *out, size_t size)
{
    static const struct {
        double seconds;
        const char *one, *many;
    } units[] = {{86400, "1 day", "days"},
                 {3600, "1 hr", "hrs"},
                 {60, "1 min", "mins"},
                 {1, "1 sec", "secs"}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        const double count = (double)(uint64_t)(seconds / units[i].seconds);
        if (count >= 2)
            snprintf(out, size, "%.0f %s", count, units[i].many);
        else if (count >= 1)
            snprintf(out, size, "%s", units[i].one);
        if (count >= 1)
            return;
    }
    snprintf(out, size, "< 1 sec");
}

/* False: it is none of the placeholders. */
static bool print_placeholder(const char *name, size_t len, const struct progress_numbers *n,
                              char *out, size_t size)
{
    const double part = n->all ? (double)(n->done < n->all ? n->done : n->all) / (double)n->all : 0;
    const unsigned full = (unsigned)(part * MIGRATION_BAR);
    const char *const names[] = {"percent",   "bar",     "remaining", "elapsed",
                                 "estimated", "current", "max"};
    size_t which = 0, count = sizeof names / sizeof *names;
    while (which < count && (strlen(names[which]) != len || strncmp(names[which], name, len) != 0))
        which++;
    switch (which) {
    case 0:
        snprintf(out, size, "%u", (unsigned)(part * 100));
        break;
    case 1:
        for (unsigned i = 0; i < MIGRATION_BAR; i++)
            out[i] = i < full ? '=' : i == full ? '>' : '-';
        out[MIGRATION_BAR] = 0;
        break;
    case 2:
        print_time(n->remaining, out, size);
        break;
    case 3:
        print_time(n->elapsed, out, size);
        break;
    case 4:
        print_time(n->elapsed + (n->remaining > 0 ? n->remaining : 0), out, size);
        break;
    case 5:
        snprintf(out, size, "%" PRIu64, n->done);
        break;
    case 6:
        snprintf(out, size, "%" PRIu64, n->all);
        break;
    default:
        return false;
    }
    return true;
}

/* %name% and %name:3s%, of which the width counts; what is no placeholder stays as it is. */
void progress_print(const char *format, const struct progress_numbers *n, char *out, size_t size)
{
    size_t at = 0;
    out[0] = 0;
    for (const char *p = format; *p && at + 1 < size;) {
        const char *name = p + 1;
        const size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz-_");
        const char *colon = name + len, *end = *colon == ':' ? strchr(colon, '%') : colon;
        char text[80];
        int width = *colon == ':' ? (int)strtol(colon + 1, NULL, 10) : 0;
        if (*p != '%' || !len || !end || *end != '%' ||
            !print_placeholder(name, len, n, text, sizeof text)) {
            out[at++] = *p++;
            out[at] = 0;
            continue;
        }
        int wrote = snprintf(out + at, size - at, "%*s", width, text);
        at += wrote > 0 ? (size_t)wrote : 0;
        at = at < size ? at : size - 1;
        p = end + 1;
    }
}

static uint64_t clock_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void progress_count(uint64_t done, uint64_t all)
{
    static uint64_t started, shown;
    char line[400];
    if (!migration || !logging_terminal())
        return;
    const uint64_t now = clock_ms();
    started = done ? started : now;
    if (done && done < all && now - shown < 100)
        return;
    shown = now;
    const double elapsed = (double)(now - started) / 1000;
    const struct progress_numbers n = {done, all, elapsed,
                                       done ? elapsed / (double)done * (double)(all - done) : 0};
    progress_print(migration, &n, line, sizeof line);
    logging_progress(line);
    if (done >= all)
        logging_progress_keep();
}

static void show_copy(const struct progress *p, const struct stream_status *s, uint64_t now)
{
    char line[400];
    const struct progress_numbers n = {
        rows_of(s), estimate_of(s), (double)(now - p->started_ms) / 1000, (double)remaining(p, s)};
    progress_print(migration, &n, line, sizeof line);
    logging_progress(line);
}

/* All of it has come: the bar is full, and stays. */
static void keep_copy(const struct progress *p, const struct stream_status *s, uint64_t now)
{
    char line[400];
    const struct progress_numbers n = {s->snapshot_rows, s->snapshot_rows,
                                       (double)(now - p->started_ms) / 1000, 0};
    if (!migration || !logging_terminal() || !s->snapshot_rows)
        return;
    progress_print(migration, &n, line, sizeof line);
    logging_progress(line);
    logging_progress_keep();
}

/* --------------------------------------------------------------------------------------------- */

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
    if (logging_terminal() && migration && s->state == STREAM_SNAPSHOT)
        show_copy(p, s, now_ms);
    else if (logging_terminal())
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
    keep_copy(p, s, now_ms);
    log_info("%s transactions=%" PRIu64 " rows=%" PRIu64 " rows_written=%" PRIu64
             " conflicts=%" PRIu64 " quarantined=%" PRIu64 " seconds=%.1f applied=%s",
             dry_run ? "ended, nothing was written" : "ended", s->transactions, s->rows,
             s->rows_written, s->conflicts, s->quarantined,
             (double)(now_ms - p->started_ms) / 1000.0,
             s->applied_gtid   ? s->applied_gtid
             : s->applied_file ? s->applied_file
                               : "none");
}
