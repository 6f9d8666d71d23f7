/* Reading one connection: packets to the capture, the capture's messages to the spool.
 *
 * The applier gets work as soon as there is nothing more to read, and every few milliseconds while
 * there is.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/agent_state.h"
#include "agent/snapshot.h"
#include "schema/log.h"

enum {
    FLUSH_MS = 5,                 /* at most so old do messages get under load */
    REQUEST_MS = 100,             /* between two looks for requests under load */
    GOOD_MS = 10000,              /* a connection that lasts so long was a good one */
    IDLE_MS = 50,                 /* between two looks for requests while waiting */
    EVENTS_PER_LOOK = 64,         /* between two looks at the clock */
    STALE_TABLE_IDS = 0x40000000, /* ids of tables in copies, apart from those of the stream */
};

int agent_flush(struct agent *a, struct ds_error *err)
{
    int rc = capture_flush(a->capture, err);
    if (rc == 0)
        rc = spool_flush(a->options.spool, err);
    a->last_flush_ms = agent_clock_ms();
    return rc;
}

/* --- requests of the applier ---------------------------------------------- */

static int stale_put(void *arg, const void *message, size_t len, struct ds_error *err)
{
    return spool_put(((struct agent *)arg)->options.spool, message, len, err);
}

static int stale_flush(void *arg, struct ds_error *err)
{
    return spool_flush(((struct agent *)arg)->options.spool, err);
}

static bool stale_stop(void *arg)
{
    return agent_stopping(arg);
}

/* "A,B" to an array of pointers into `list`, which is cut up. Caller frees the array. */
static const char **split_names(char *list, size_t *count)
{
    size_t n = 1;
    for (const char *p = list; *p; p++)
        n += *p == ',';
    const char **names = calloc(n, sizeof *names);
    *count = 0;
    for (char *p = list; names && p;) {
        char *comma = strchr(p, ',');
        if (comma)
            *comma++ = 0;
        if (*p)
            names[(*count)++] = p;
        p = comma;
    }
    return names;
}

static int copy_stale(struct agent *a, char *list, struct ds_error *err)
{
    size_t count;
    const char **names = split_names(list, &count);
    if (!names)
        return error_set(err, DS_ENOMEM, "out of memory");
    struct snapshot_options o = {
        .config = a->options.config,
        .catalogue = a->options.catalogue,
        .filter = a->options.filter,
        .masker = a->masker,
        .first_table_id = STALE_TABLE_IDS,
        .arg = a,
        .put = stale_put,
        .flush = stale_flush,
        .stop_requested = stale_stop,
    };
    log_info("copying tables again that cannot be rolled back tables=%zu", count);
    int rc = agent_flush(a, err);
    if (rc == 0)
        rc = snapshot_copy_stale(&o, names, count, err);
    /* a whole piece of the stream, at the position where the stream is */
    if (rc == 0)
        rc = spool_mark(a->options.spool, capture_position(a->capture), err);
    if (rc == 0)
        rc = spool_flush(a->options.spool, err);
    free(names);
    return rc;
}

static int serve(struct agent *a, struct buf *text, uint64_t number, struct ds_error *err)
{
    static const char stale[] = "stale ", enter[] = "enter ";
    char *request = (char *)buf_cstr(text);
    if (strcmp(request, "refetch") == 0) {
        log_info("filling the store again from the applied position");
        a->refill = true;
        a->positioned = false;
        return AGENT_AGAIN;
    }
    if (strncmp(request, enter, sizeof enter - 1) == 0) {
        if (a->options.range) /* what was asked for is not lost: the applier has it noted */
            return spool_request_finish(a->options.spool, number, err);
        return capture_in_group(a->capture) || a->entering.pending
                   ? 0
                   : enter_read(a, request + sizeof enter - 1, number, err);
    }
    if (strncmp(request, stale, sizeof stale - 1) != 0) {
        log_warn("unknown request of the applier passed over request=\"%.80s\"", request);
        return spool_request_finish(a->options.spool, number, err);
    }
    if (capture_in_group(a->capture))
        return 0; /* at the next look */
    int rc = copy_stale(a, request + sizeof stale - 1, err);
    return rc ? rc : spool_request_finish(a->options.spool, number, err);
}

int agent_serve_requests(struct agent *a, struct ds_error *err)
{
    BUF_AUTO struct buf text = {0};
    uint64_t number = 0;
    a->last_request_ms = agent_clock_ms();
    uint64_t after = a->entering.pending ? a->entering.request : 0;
    int rc = spool_request_next(a->options.spool, after, &text, &number, err);
    if (rc || number == 0 || text.len == 0)
        return rc;
    rc = serve(a, &text, number, err);
    return rc ? rc : enter_put(a, err);
}

/* --- names ---------------------------------------------------------------- */

static int load_names(struct agent *a, struct ds_error *err)
{
    DB_AUTO MYSQL *db = NULL;
    struct db_endpoint ep = config_endpoint(a->options.config, true);
    struct position now = {0};
    struct ds_error why;
    int rc = db_connect(&db, &ep, &why);
    if (rc == 0)
        rc = history_load(a->history, db, &why);
    if (rc == 0)
        rc = source_now(db, &a->dump.server, &now, &why);
    if (rc == 0)
        rc = history_loaded(a->history, &now, capture_position(a->capture), &why);
    position_free(&now);
    if (rc == DS_ENOMEM || rc == DS_EIO) {
        *err = why;
        return rc;
    }
    if (rc)
        log_warn("cannot read column names from the source reason=\"%s\"", why.message);
    return 0;
}

static int keep_names(struct agent *a, struct ds_error *err)
{
    if (!a->history)
        return 0;
    int rc = history_advance(a->history, capture_position(a->capture), false, err);
    if (rc == 0 && history_wants_load(a->history))
        rc = load_names(a, err);
    return rc;
}

/* --- stop at a time ------------------------------------------------------- */

/* Transactions up to the stop time are all in the binlog once the source's own clock is past it:
 * then its position then stands for the time. Without this, a quiet source would never end. */
static int bound_time(struct agent *a, struct ds_error *err)
{
    uint64_t stop = a->options.stop_at.time, clock = 0;
    if (a->options.stop_at.kind != STOP_AT_TIME || a->time_bound || (uint64_t)time(NULL) <= stop)
        return 0;
    DB_AUTO MYSQL *db = NULL;
    struct db_endpoint ep = config_endpoint(a->options.config, true);
    struct position now = {0};
    bool found;
    ep.database = NULL;
    int rc = db_connect(&db, &ep, err);
    if (rc == 0)
        rc = db_scalar_u64(db, &clock, &found, err, "SELECT UNIX_TIMESTAMP()");
    if (rc || clock <= stop)
        return rc;
    rc = source_now(db, &a->dump.server, &now, err);
    if (rc == 0)
        rc = capture_stop_at(a->capture, &now, stop, err);
    a->time_bound = rc == 0;
    position_free(&now);
    return rc;
}

/* --- reading -------------------------------------------------------------- */

/* Nothing more to read: hand over, then wait for data, serving requests. */
static int idle(struct agent *a, struct ds_error *err)
{
    int rc = agent_flush(a, err);
    bool first = true;
    for (uint64_t since = agent_clock_ms(); rc == 0;) {
        if (agent_stopping(a))
            return DS_ESTOPPED;
        rc = agent_publish(a, !first, err);
        if (rc == 0)
            rc = agent_serve_requests(a, err);
        if (rc == 0 && !capture_in_group(a->capture))
            rc = keep_names(a, err);
        if (rc == 0)
            rc = bound_time(a, err);
        if (rc == 0)
            rc = agent_log_ask(a, err);
        if (rc || capture_stopped(a->capture) || dump_wait(&a->dump, IDLE_MS))
            return rc;
        first = false;
        if (agent_clock_ms() - since > DUMP_SILENCE_SECONDS * 1000ull)
            return error_set(err, DS_ECONN,
                             "the source has sent neither events nor heartbeats for %d seconds",
                             DUMP_SILENCE_SECONDS);
    }
    return rc;
}

/* Under load: hand over now and then. */
static int look_up(struct agent *a, struct ds_error *err)
{
    uint64_t now = agent_clock_ms();
    int rc = 0;
    if (now - a->last_flush_ms >= FLUSH_MS) {
        rc = agent_flush(a, err);
        if (rc == 0)
            rc = agent_publish(a, false, err);
    }
    if (rc == 0 && now - a->last_request_ms >= REQUEST_MS) {
        rc = agent_serve_requests(a, err);
        if (rc == 0 && !capture_in_group(a->capture))
            rc = keep_names(a, err);
    }
    return rc;
}

/* The end, unless the applier wants the store filled anew, or what has come into the filter belongs
 * behind it. */
static int finish(struct agent *a, struct ds_error *err)
{
    int rc = agent_flush(a, err);
    if (rc == 0)
        rc = enter_put(a, err);
    if (rc == 0)
        rc = agent_serve_requests(a, err);
    if (rc == 0 && a->entering.pending && a->options.stop_at.kind == STOP_AT_SOURCE_NOW) {
        rc = agent_move_stop(a, &a->entering.at, err);
        return rc ? rc : AGENT_AGAIN;
    }
    return rc ? rc : agent_publish(a, true, err);
}

static bool ends_at_eof(const struct agent *a)
{
    return a->options.range || a->options.stop_at.kind == STOP_AT_SOURCE_NOW;
}

/* The source says that there is no more. It says so at the end of its binlog, if asked to, but also
 * when it shuts down. */
static int at_eof(struct agent *a, struct ds_error *err)
{
    DB_AUTO MYSQL *db = NULL;
    struct db_endpoint ep = config_endpoint(a->options.config, true);
    ep.database = NULL;
    if (!ends_at_eof(a))
        return error_set(err, DS_ECONN, "the source has ended the binlog dump");
    int rc = db_connect(&db, &ep, err);
    return rc ? rc : finish(a, err);
}

static int read_events(struct agent *a, struct ds_error *err)
{
    struct slice event;
    for (unsigned n = 1;; n++) {
        if (!dump_buffered(&a->dump) && !dump_wait(&a->dump, 0)) {
            int rc = idle(a, err);
            if (rc || capture_stopped(a->capture))
                return rc ? rc : finish(a, err);
        }
        int rc = dump_read(&a->dump, &event, err);
        if (rc == DUMP_EOF)
            return at_eof(a, err);
        if (rc)
            return agent_stopping(a) ? DS_ESTOPPED : rc;
        rc = capture_bytes(a->capture, event, err);
        if (rc == 0)
            rc = agent_log_read(a, event, err);
        if (rc == 0 && a->entering.pending)
            rc = enter_put(a, err);
        if (rc == 0 && n % EVENTS_PER_LOOK == 0)
            rc = look_up(a, err);
        if (rc)
            return rc;
        if (capture_stopped(a->capture))
            return finish(a, err);
    }
}

int agent_stream(struct agent *a, struct ds_error *err)
{
    const struct position *at = capture_position(a->capture);
    if (capture_stopped(a->capture))
        return finish(a, err);
    struct dump_start start = {
        .from = at, .by_gtid = capture_gtid_complete(a->capture), .non_block = ends_at_eof(a)};
    start.from_file_head = dump_needs_head(&a->dump, &start);
    int rc = 0;
    if (start.from_file_head) /* on the way, the GTID set is learned */
        rc = capture_skip(
            a->capture, at,
            a->options.range && position_empty(&a->replay_applied) ? a->options.from_time : 0, err);
    if (rc == 0)
        rc = dump_open(&a->dump, &start, a->uuid, err);
    if (rc)
        return rc;
    char text[600];
    log_info("binlog dump opened from=\"%s\"", position_format(at, text, sizeof text));
    agent_set_state(a, AGENT_STREAMING, NULL);
    uint64_t begun = agent_clock_ms(), transactions = capture_counts(a->capture).transactions;
    a->last_flush_ms = a->quiet_since_ms = begun;
    rc = read_events(a, err);
    /* a connection that gets nowhere, again and again, is no better than none */
    if (capture_counts(a->capture).transactions > transactions ||
        agent_clock_ms() - begun > GOOD_MS) {
        a->failures = 0;
        a->last_good_ms = agent_clock_ms();
    }
    return rc;
}
