/* The state machine: connect, position, stream; again after a lost connection.
 *
 * Crash safety rests on two facts. The spool says where its last whole transaction ends, and is cut
 * back there when its writer comes back; the applier's checkpoint is the truth about what is
 * needed. So nothing here is remembered over a restart. Within one process, a connection
 * that is lost in the middle of a transaction is taken up at that transaction's start, and the
 * capture swallows what it has already handed out.
 */
#include "agent/agent.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "agent/agent_state.h"
#include "agent/tracker.h"
#include "schema/log.h"

enum {
    BACKOFF_FIRST_MS = 200,
    BACKOFF_MOST_MS = 15000,
    STEP_MS = 50,
};

/* --- small things --------------------------------------------------------- */

uint64_t agent_clock_ms(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC_COARSE, &now))
        return 0; /* cannot fail with this clock */
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool agent_stopping(const struct agent *a)
{
    return atomic_load(&a->stop);
}

int agent_sleep(struct agent *a, uint64_t ms)
{
    uint64_t end = agent_clock_ms() + ms;
    for (;;) {
        if (agent_stopping(a))
            return DS_ESTOPPED;
        uint64_t now = agent_clock_ms();
        if (now >= end)
            return 0;
        uint64_t step = end - now < STEP_MS ? end - now : STEP_MS;
        nanosleep(&(struct timespec){.tv_nsec = (long)step * 1000000}, NULL);
    }
}

void agent_set_state(struct agent *a, enum agent_state state, const struct ds_error *why)
{
    pthread_mutex_lock(&a->mutex);
    a->status.state = state;
    if (why)
        a->status.error = *why;
    else
        error_clear(&a->status.error);
    pthread_mutex_unlock(&a->mutex);
}

static int replace(struct position *to, const struct position *from)
{
    struct position copy = {0};
    if (position_copy(&copy, from))
        return DS_ENOMEM;
    position_free(to);
    *to = copy;
    return 0;
}

int agent_publish(struct agent *a, bool at_end, struct ds_error *err)
{
    const struct position *at = capture_position(a->capture);
    struct capture_counts counts = capture_counts(a->capture);
    if (!a->caught_up)
        a->caught_up = position_reached(&a->source_at_connect, at);
    pthread_mutex_lock(&a->mutex);
    struct agent_status *st = &a->status;
    st->transactions = counts.transactions;
    st->rows = counts.rows;
    st->bytes = counts.bytes;
    st->source_time = counts.time;
    st->at_end = at_end && a->caught_up;
    int rc = replace(&st->read, at);
    if (rc == 0)
        rc = replace(&st->source, a->caught_up ? at : &a->source_at_connect);
    pthread_mutex_unlock(&a->mutex);
    return rc ? error_set(err, rc, "out of memory for the status") : 0;
}

/* --- one connection ------------------------------------------------------- */

static void set_socket(struct agent *a, int socket)
{
    pthread_mutex_lock(&a->mutex);
    a->socket = socket;
    pthread_mutex_unlock(&a->mutex);
}

static void disconnect(struct agent *a)
{
    set_socket(a, -1);
    dump_close(&a->dump);
    if (a->capture)
        capture_resume(a->capture);
}

static int publish_stop(struct agent *a, const struct position *stop, struct ds_error *err)
{
    pthread_mutex_lock(&a->mutex);
    int rc = replace(&a->status.stop, stop);
    pthread_mutex_unlock(&a->mutex);
    return rc ? error_set(err, rc, "out of memory for the status") : 0;
}

int agent_move_stop(struct agent *a, const struct position *stop, struct ds_error *err)
{
    return publish_stop(a, stop, err);
}

/* Where the source is now: for the status, and for STOP_AT_SOURCE_NOW. */
static int look_at_source(struct agent *a, struct ds_error *err)
{
    struct position now = {0};
    int rc = source_now(a->dump.db, &a->dump.server, &now, err);
    if (rc)
        return rc;
    position_free(&a->source_at_connect);
    position_free(&a->replay_applied);
    a->source_at_connect = now;
    a->caught_up = false;
    if (a->stop_resolved)
        return 0;
    a->stop_resolved = true;
    const struct agent_stop_at *stop = &a->options.stop_at;
    if (stop->kind == STOP_AT_SOURCE_NOW)
        return publish_stop(a, &now, err);
    return stop->kind == STOP_AT_POSITION ? publish_stop(a, &stop->position, err) : 0;
}

static int arm_stop(struct agent *a, struct ds_error *err)
{
    const struct agent_stop_at *stop = &a->options.stop_at;
    switch (stop->kind) {
    case STOP_AT_SOURCE_NOW:
    case STOP_AT_POSITION: /* the status has the resolved position; only this thread writes it */
        return capture_stop_at(a->capture, &a->status.stop, 0, err);
    case STOP_AT_TIME:
        return a->time_bound ? 0 : capture_stop_at(a->capture, NULL, stop->time, err);
    case STOP_NEVER:
        break;
    }
    return 0;
}

static int position_stream(struct agent *a, struct ds_error *err)
{
    if (a->positioned)
        return agent_continue_stream(a, err);
    agent_set_state(a, AGENT_STARTING, NULL);
    int rc = a->options.range ? replay_start(a, err) : agent_start_stream(a, err);
    a->positioned = rc >= 0;
    return rc;
}

static int connect_and_stream(struct agent *a, struct ds_error *err)
{
    int rc = dump_connect(&a->dump, a->options.config, a->server_id, err);
    if (rc)
        return rc;
    a->server_id = a->dump.server_id;
    set_socket(a, mysql_get_socket(a->dump.db));
    if (agent_stopping(a))
        return DS_ESTOPPED;
    log_info("source connected server=%s id=%s as_server_id=%u", a->dump.server.text,
             a->dump.server.identity, a->server_id);
    /* First: a stop at "now" must not be moved by the time that a snapshot takes. */
    if (!a->stop_resolved)
        rc = look_at_source(a, err);
    if (rc == 0)
        rc = position_stream(a, err);
    if (rc == 0)
        rc = source_validate(a->dump.db, &a->dump.server, capture_position(a->capture), err);
    if (rc == 0)
        rc = agent_log_check(a, err);
    if (rc == 0)
        rc = look_at_source(a, err);
    if (rc == 0)
        rc = arm_stop(a, err);
    return rc ? rc : agent_stream(a, err);
}

/* --- again and again ------------------------------------------------------ */

static bool worth_retrying(struct agent *a, int rc, const struct ds_error *err)
{
    if (rc == DS_ECONN || rc == DS_ERETRY)
        return true;
    if (a->dump.chosen_id && dump_is_duplicate(rc, err)) {
        log_warn("another replica uses the server_id chosen here, choosing another one "
                 "server_id=%u",
                 a->server_id);
        a->server_id = 0;
        return true;
    }
    return false;
}

/* Longer each time, each time a little differently: a source that comes back must not meet
 * everybody at once. */
int agent_back_off(struct agent *a, int rc, const struct ds_error *why)
{
    uint64_t ms = BACKOFF_FIRST_MS;
    for (unsigned i = 0; i < a->failures && ms < BACKOFF_MOST_MS; i++)
        ms *= 2;
    if (ms > BACKOFF_MOST_MS)
        ms = BACKOFF_MOST_MS;
    uint32_t random = 0;
    if (getrandom(&random, sizeof random, 0) == sizeof random)
        ms = ms * 3 / 4 + ms / 2 * random / UINT32_MAX;
    a->failures++;
    uint64_t limit = (uint64_t)a->options.config->connect_timeout * 1000;
    if (!a->options.retry_forever && agent_clock_ms() - a->last_good_ms + ms > limit)
        return rc;
    log_warn("source lost, trying again in_ms=%llu reason=\"%s\"", (unsigned long long)ms,
             why->message);
    agent_set_state(a, AGENT_WAITING_SOURCE, why);
    return agent_sleep(a, ms);
}

/* The half transaction in the store does not fit what the source says now. */
static bool refill_after(struct agent *a, const struct ds_error *err)
{
    if (!a->capture || !capture_diverged(a->capture))
        return false;
    log_warn("store is filled again from the applied position reason=\"%s\"", err->message);
    a->refill = true;
    a->positioned = false;
    return true;
}

/* Waiting for room, which will never come: the applier wants the store filled anew. */
static int refill_on_request(struct agent *a, struct ds_error *err)
{
    int rc = agent_serve_requests(a, err);
    a->refill = true;
    a->positioned = false;
    return rc < 0 ? rc : AGENT_AGAIN;
}

static int run_connections(struct agent *a, struct ds_error *err)
{
    a->last_good_ms = agent_clock_ms();
    for (;;) {
        error_clear(err);
        int rc = connect_and_stream(a, err);
        if (rc == DS_ESTOPPED && !agent_stopping(a))
            rc = refill_on_request(a, err);
        bool again = rc == AGENT_AGAIN || (rc < 0 && refill_after(a, err));
        if (a->refill)
            enter_forget(a);
        bool retry = rc < 0 && !again && worth_retrying(a, rc, err);
        disconnect(a);
        if (agent_stopping(a))
            return DS_ESTOPPED;
        if (rc == 0)
            return 0;
        if (again)
            continue;
        if (!retry)
            return rc;
        rc = agent_back_off(a, rc, err);
        if (rc)
            return rc;
    }
}

static int waiting_for_room(void *arg)
{
    struct agent *a = arg;
    BUF_AUTO struct buf text = {0};
    uint64_t number;
    if (agent_stopping(a))
        return 1;
    /* the applier may want other messages than those that there is no room for */
    if (spool_request_next(a->options.spool, a->entering.pending ? a->entering.request : 0, &text,
                           &number, NULL) == 0 &&
        strcmp(buf_cstr(&text), "refetch") == 0)
        return 1;
    return 0;
}

static int run(struct agent *a, struct ds_error *err)
{
    int rc = spool_writer_open(a->options.spool, err);
    if (rc)
        return rc;
    spool_on_wait(a->options.spool, waiting_for_room, a);
    if (a->options.file_count)
        return replay_files(a, err);
    if (a->options.copy)
        return copy_entities(a, err);
    return run_connections(a, err);
}

int agent_run(struct agent *a, struct ds_error *err)
{
    struct ds_error local = {0};
    int rc = run(a, &local);
    if (agent_stopping(a) && rc)
        rc = error_set(&local, DS_ESTOPPED, "stopped");
    if (a->history && a->capture) {
        struct ds_error why;
        if (history_advance(a->history, capture_position(a->capture), true, &why))
            log_warn("schema history not saved reason=\"%s\"", why.message);
    }
    bool fine = rc == 0 || rc == DS_ESTOPPED;
    agent_set_state(a, fine ? AGENT_STOPPED : AGENT_FAILED, fine ? NULL : &local);
    if (err)
        *err = local;
    mysql_thread_end();
    return rc;
}

/* What has come into the filter belongs behind the end: read on to there. So does who has lost the
 * source in the middle of a copy, of which the store then holds a part. */
int agent_serve(struct agent *a, struct ds_error *err)
{
    bool follows = a->options.stop_at.kind == STOP_AT_SOURCE_NOW;
    int rc = 0;
    while (rc >= 0 && !agent_stopping(a)) {
        struct timespec pause = {.tv_nsec = STEP_MS * 1000000L};
        a->last_good_ms = agent_clock_ms();
        rc = agent_serve_requests(a, err);
        bool lost = rc < 0 && worth_retrying(a, rc, err);
        if (lost)
            rc = agent_back_off(a, rc, err);
        if (rc == 0 && follows && a->entering.pending)
            rc = agent_move_stop(a, &a->entering.at, err);
        if (rc == 0 && (lost || (follows && a->entering.pending)))
            rc = run_connections(a, err);
        nanosleep(&pause, NULL);
    }
    return agent_stopping(a) ? error_set(err, DS_ESTOPPED, "stopped") : rc;
}

/* --- from outside --------------------------------------------------------- */

static int make_uuid(char out[37], struct ds_error *err)
{
    uint8_t r[16];
    if (getrandom(r, sizeof r, 0) != sizeof r)
        return error_set(err, DS_EIO, "cannot get random numbers: %s", strerror(errno));
    r[6] = (uint8_t)((r[6] & 0x0f) | 0x40); /* version 4, variant 1 */
    r[8] = (uint8_t)((r[8] & 0x3f) | 0x80);
    char *p = out;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        p += snprintf(p, 3, "%02x", r[i]);
    }
    return 0;
}

int agent_new(struct agent **out, const struct agent_options *options, struct ds_error *err)
{
    *out = NULL;
    struct agent *a = calloc(1, sizeof *a);
    if (!a)
        return error_set(err, DS_ENOMEM, "out of memory for the agent");
    a->options = *options;
    a->socket = -1;
    atomic_init(&a->stop, false);
    int rc = make_uuid(a->uuid, err);
    if (rc == 0 && pthread_mutex_init(&a->mutex, NULL))
        rc = error_set(err, DS_ENOMEM, "cannot create a mutex");
    if (rc) {
        free(a);
        return rc;
    }
    *out = a;
    return 0;
}

void agent_stop(struct agent *a)
{
    atomic_store(&a->stop, true);
    pthread_mutex_lock(&a->mutex);
    if (a->socket >= 0)
        dump_interrupt(a->socket);
    pthread_mutex_unlock(&a->mutex);
}

void agent_status_get(struct agent *a, struct agent_status *out)
{
    pthread_mutex_lock(&a->mutex);
    *out = a->status;
    /* without memory for them, positions are shown as unknown */
    memset(&out->source, 0, sizeof out->source);
    memset(&out->read, 0, sizeof out->read);
    memset(&out->stop, 0, sizeof out->stop);
    bool copied = position_copy(&out->source, &a->status.source) == 0 &&
                  position_copy(&out->read, &a->status.read) == 0 &&
                  position_copy(&out->stop, &a->status.stop) == 0;
    pthread_mutex_unlock(&a->mutex);
    if (!copied)
        log_warn("out of memory for the status");
}

void agent_status_free(struct agent_status *st)
{
    position_free(&st->source);
    position_free(&st->read);
    position_free(&st->stop);
}

void agent_free(struct agent *a)
{
    if (!a)
        return;
    dump_close(&a->dump);
    enter_forget(a);
    capture_free(a->capture);
    history_close(a->history);
    parents_free(a->parents);
    roots_free(a->roots);
    masker_free(a->masker);
    tracker_free(a->tracker);
    buf_free(&a->copied);
    agent_status_free(&a->status);
    position_free(&a->source_at_connect);
    position_free(&a->replay_applied);
    pthread_mutex_destroy(&a->mutex);
    free(a);
}
