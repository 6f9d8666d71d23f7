#include "agent/cli/runner.h"

#include <errno.h>
#include <mysql.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "agent/cli/lock.h"
#include "agent/cli/logging.h"
#include "agent/cli/progress.h"
#include "agent/cli/signals.h"
#include "agent/cli/socket.h"
#include "agent/cli/status.h"
#include "agent/cli/summary.h"
#include "applier/hooks.h"
#include "applier/import/import.h"
#include "applier/import/keys.h"
#include "applier/import/known.h"
#include "applier/media/media.h"
#include "applier/outbox.h"
#include "applier/target.h"
#include "schema/db.h"
#include "schema/db_open.h"
#include "schema/log.h"

enum { SIGNALS = 3 };

/* One half. `rc` and `err` are written by its thread before it sends `ended`. */
struct half {
    bool started, done;
    uv_thread_t thread;
    int rc;
    struct ds_error err;
};

struct runner {
    struct invocation *in;
    const struct runner_options *o;
    struct spool *spool;
    struct agent *agent;
    struct applier *applier;
    struct hooks *hooks;       /* NULL: none are configured */
    struct entity_known known; /* of a copy for this process's applier; without arg: none */
    bool hooks_told;           /* to end */
    struct half agent_half, applier_half;
    _Atomic bool agent_ended, applier_ended; /* by the threads, for the main one */
    char checkpoint[64];                     /* of a copy of entities */
    uv_loop_t loop;
    uv_async_t ended;
    uv_timer_t timer;
    uv_async_t gate;     /* the agent may start */
    uv_timer_t patience; /* with servers, after a signal */
    uv_signal_t signals[SIGNALS];
    struct status_server *server;
    struct progress progress;
    bool stopping;       /* by a signal */
    int rc;              /* the first failure */
    struct ds_error err; /* its reason */
};

static uint64_t now_seconds(void)
{
    return (uint64_t)time(NULL);
}

/* --- threads -------------------------------------------------------------- */

static void agent_thread(void *arg)
{
    struct runner *r = arg;
    r->agent_half.rc = agent_run(r->agent, &r->agent_half.err);
    mysql_thread_end();
    r->agent_ended = true;
    uv_async_send(&r->ended);
}

static void serve_thread(void *arg)
{
    struct runner *r = arg;
    r->agent_half.rc = agent_serve(r->agent, &r->agent_half.err);
    mysql_thread_end();
    r->agent_ended = true;
    uv_async_send(&r->ended);
}

static void applier_thread(void *arg)
{
    struct runner *r = arg;
    r->applier_half.rc = applier_run(r->applier, &r->applier_half.err);
    mysql_thread_end();
    r->applier_ended = true;
    uv_async_send(&r->ended);
}

static void stop_all(struct runner *r)
{
    if (r->agent)
        agent_stop(r->agent);
    if (r->applier)
        applier_stop(r->applier);
}

/* Join a half that has ended. True if it has failed. */
static bool join(struct runner *r, struct half *h)
{
    uv_thread_join(&h->thread);
    h->done = true;
    if (h->rc == 0 || h->rc == DS_ESTOPPED)
        return false;
    if (!r->rc) {
        r->rc = h->rc;
        r->err = h->err;
        if (!r->err.code)
            error_set(&r->err, h->rc, "failed without a reason (%s)", error_name(h->rc));
    }
    return true;
}

/* The agent has come to its end: the applier ends where it has read to. */
static void finish_applier(struct runner *r)
{
    struct agent_status st;
    agent_status_get(r->agent, &st);
    const struct position *p = position_empty(&st.read) ? &st.stop : &st.read;
    if (r->applier && !r->applier_half.done) {
        if (applier_stop_after(r->applier, p)) {
            r->rc = error_set(&r->err, DS_ENOMEM, "out of memory");
            applier_stop(r->applier);
        }
    }
    agent_status_free(&st);
}

static int thread_start(struct half *h, uv_thread_cb body, struct runner *r, struct ds_error *err)
{
    int rc = uv_thread_create(&h->thread, body, r);
    if (rc)
        return error_set(err, DS_EIO, "cannot start a thread: %s", uv_strerror(rc));
    h->started = true;
    return 0;
}

/* Tables that cannot roll back may still have to be copied again before the applier's end. */
static void serve_applier(struct runner *r)
{
    if (!r->applier || r->applier_half.done || r->o->range || r->rc)
        return;
    r->agent_ended = false;
    r->agent_half.done = false;
    r->rc = thread_start(&r->agent_half, serve_thread, r, &r->err);
    if (!r->rc)
        return;
    r->agent_half.done = true;
    stop_all(r);
}

static bool finished(const struct half *h)
{
    return !h->started || h->done;
}

/* Both halves have ended. What waits for hooks is tried once more by commands that do not come back
 * to it by themselves. */
static void end_hooks(struct runner *r)
{
    if (!r->hooks_told && r->o->ends_by_itself && !r->stopping)
        hooks_finish(r->hooks);
    else if (!r->hooks_told)
        hooks_stop(r->hooks);
    r->hooks_told = true;
}

static void half_ended(uv_async_t *async)
{
    struct runner *r = async->data;
    if (r->agent_ended && !r->agent_half.done) {
        bool failed = join(r, &r->agent_half);
        if (failed || r->agent_half.rc == DS_ESTOPPED)
            stop_all(r);
        else
            finish_applier(r);
        if (!failed && r->agent_half.rc == 0)
            serve_applier(r);
    }
    if (r->applier_ended && !r->applier_half.done) {
        join(r, &r->applier_half);
        stop_all(r);
    }
    if (!finished(&r->agent_half) || !finished(&r->applier_half))
        return;
    if (r->hooks)
        end_hooks(r);
    if (!r->hooks || hooks_ended(r->hooks))
        uv_stop(&r->loop);
}

static void agent_start(struct runner *r)
{
    int rc = thread_start(&r->agent_half, agent_thread, r, &r->err);
    if (rc) {
        r->rc = rc;
        stop_all(r);
    }
}

/* What the spool says about the checkpoint may be of an earlier process, and the destination
 * another one by now: the agent starts when the applier of this process has looked. */
static void has_posted(void *arg)
{
    uv_async_send(&((struct runner *)arg)->gate);
}

static void at_gate(uv_async_t *async)
{
    struct runner *r = async->data;
    bool over = r->stopping || r->applier_half.done; /* it has failed behind that */
    if (r->agent && !r->agent_half.started && !over)
        agent_start(r);
}

static void hooks_have_ended(void *arg)
{
    uv_async_send(&((struct runner *)arg)->ended);
}

/* --- main thread's loop --------------------------------------------------- */

/* A statement that a thread waits for may never get an answer. What is under way is given up as by
 * a crash: the next start goes on at the checkpoint. */
static void end_waiting(uv_timer_t *timer)
{
    const struct runner *r = timer->data;
    log_warn("a server has not answered since the signal: its connection is given up seconds=%u",
             r->in->config.connect_timeout);
    db_interrupt_all();
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct runner *r = handle->data;
    if (r->stopping) {
        logging_progress("");
        log_warn("second signal: ended at once signal=%d", number);
        _exit(EXIT_DONE); /* as after a crash: the next start goes on at the checkpoint */
    }
    r->stopping = true;
    log_info("stopping signal=%d", number);
    stop_all(r);
    if (r->hooks)
        hooks_stop(r->hooks);
    if (r->o->ends_by_itself)
        (void)uv_timer_start(&r->patience, end_waiting, r->in->config.connect_timeout * 1000ull, 0);
}

static int make_status(struct runner *r, struct stream_status *out)
{
    struct agent_status agent = {0};
    struct applier_status applier = {0};
    if (r->agent)
        agent_status_get(r->agent, &agent);
    if (r->applier)
        applier_status_get(r->applier, &applier);
    int rc = stream_status_make(out, &r->in->config, r->agent ? &agent : NULL,
                                r->applier ? &applier : NULL, now_seconds());
    if (rc == 0 && r->hooks)
        hooks_status_get(r->hooks, &out->hooks);
    if (rc == 0 && r->o->unfinished)
        stream_status_unfinished(out, now_seconds());
    if (r->agent)
        agent_status_free(&agent);
    if (r->applier)
        applier_status_free(&applier);
    return rc;
}

static int answer_status(void *arg, struct buf *out)
{
    struct stream_status s;
    int rc = make_status(arg, &s);
    if (rc)
        return rc;
    rc = stream_status_json(&s, out);
    stream_status_free(&s);
    return rc;
}

static void tick(uv_timer_t *timer)
{
    struct runner *r = timer->data;
    struct stream_status s;
    if (make_status(r, &s))
        return;
    progress_show(&r->progress, &s, uv_now(&r->loop));
    const bool goes = (s.state == STREAM_CATCHING_UP || s.state == STREAM_STREAMING) &&
                      (s.waits || !r->o->when_waits);
    stream_status_free(&s);
    if (r->o->alongside && goes && !r->stopping && r->o->alongside(r->o->alongside_arg))
        stop_all(r);
}

static const char *socket_suffix(const struct runner_options *o)
{
    return o->agent && o->applier ? ".sock" : o->agent ? ".agent.sock" : ".apply.sock";
}

static int loop_open(struct runner *r, struct ds_error *err)
{
    static const int numbers[SIGNALS] = {SIGTERM, SIGINT, SIGHUP};
    int rc = uv_loop_init(&r->loop);
    if (rc)
        return error_set(err, DS_ENOMEM, "cannot create the event loop: %s", uv_strerror(rc));
    rc = uv_async_init(&r->loop, &r->ended, half_ended);
    r->ended.data = r;
    if (rc == 0)
        rc = uv_timer_init(&r->loop, &r->timer);
    r->timer.data = r;
    if (rc == 0)
        rc = uv_async_init(&r->loop, &r->gate, at_gate);
    r->gate.data = r;
    if (rc == 0)
        rc = uv_timer_init(&r->loop, &r->patience);
    r->patience.data = r;
    for (int i = 0; i < SIGNALS && rc == 0; i++) {
        rc = uv_signal_init(&r->loop, &r->signals[i]);
        r->signals[i].data = r;
        if (rc == 0)
            rc = uv_signal_start(&r->signals[i], on_signal, numbers[i]);
    }
    if (rc == 0)
        rc = uv_timer_start(&r->timer, tick, 1000, 1000);
    if (rc)
        return error_set(err, DS_EIO, "cannot prepare the event loop: %s", uv_strerror(rc));
    return status_server_start(&r->server, &r->loop, &r->in->config, socket_suffix(r->o),
                               answer_status, r, err);
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* The loop takes its handlers away, and what comes after it (another loop, a step) is interrupted
 * as before it, also by a signal that has come since the loop ended. */
static void loop_close(struct runner *r)
{
    status_server_stop(r->server);
    signals_hold(true);
    uv_walk(&r->loop, close_handle, NULL);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    uv_loop_close(&r->loop);
    signals_end_at_once();
    signals_hold(false);
}

/* --- life ----------------------------------------------------------------- */

static int spool_prepare(struct runner *r, struct ds_error *err)
{
    const struct config *c = &r->in->config;
    BUF_AUTO struct buf path = {0};
    int rc = state_path(c, r->o->copy ? ".sync.spool" : ".spool", &path, err);
    if (rc)
        return rc;
    struct spool_options options = {
        .path = buf_cstr(&path), .max_size = c->spool_max_size, .durable = c->spool_durable};
    return spool_open(&r->spool, &options, err);
}

static int halves_create(struct runner *r, struct ds_error *err)
{
    const struct runner_options *o = r->o;
    struct agent_options agent = {
        .config = &r->in->config,
        .catalogue = r->in->catalogue,
        .filter = r->in->filter,
        .spool = r->spool,
        .stop_at = o->stop_at,
        .retry_forever = o->retry_forever,
        .snapshot_allowed = !o->range,
        .files = o->files,
        .file_count = o->file_count,
        .range = o->range,
        .from = o->from,
        .from_time = o->from_time,
        .copy = o->copy,
        .csv = o->csv,
        .producer = o->producer,
        .tracker = o->tracker,
        .known = o->copy && o->applier && !o->csv && !o->dry_run ? &r->known : NULL,
    };
    struct applier_options applier = {
        .config = &r->in->config,
        .filter = r->in->filter,
        .spool = r->spool,
        .retry_forever = o->retry_forever,
        .dry_run = o->dry_run,
        .asks_source = o->copy && !o->csv,
        .some = o->copy && entity_selection_takes_some(o->copy),
        .skip_invalid = o->skip_invalid,
        .map_in_part = o->map_in_part,
        .until_connected = o->until_connected,
        .ends_at_watched = o->met && !o->until_connected,
        .passing = o->passing,
        .void_next = o->void_next,
        .void_arg = o->void_arg,
        .limit_rows = o->limit_rows,
        .no_lock = o->no_lock,
        .resnapshot = o->resnapshot || o->copy,
        .range = o->range,
        .no_source = o->file_count > 0 || o->csv,
        .checkpoint = o->copy ? r->checkpoint : NULL,
        .follows = o->stop_at.kind == STOP_AT_SOURCE_NOW,
        .changed = o->tracker || o->again,
        .completes = o->again,
        .posted = has_posted,
        .posted_arg = r,
        .schema = &r->in->looked_at,
    };
    int rc = 0;
    if (o->applier && !o->dry_run && outbox_wanted(&r->in->config))
        rc = hooks_new(&r->hooks, &r->in->config, hooks_have_ended, r, err);
    applier.hooks = r->hooks;
    r->known = (struct entity_known){import_known_new(&r->in->config), import_known_ask};
    if (rc == 0 && !r->known.arg)
        rc = error_set(err, DS_ENOMEM, "out of memory");
    if (rc == 0 && o->agent)
        rc = agent_new(&r->agent, &agent, err);
    if (rc == 0 && o->applier)
        rc = applier_new(&r->applier, &applier, err);
    return rc;
}

static void run_loop(struct runner *r)
{
    if (r->applier) {
        r->rc = thread_start(&r->applier_half, applier_thread, r, &r->err);
    } else {
        agent_start(r);
    }
    if (r->rc)
        stop_all(r);
    if (r->applier_half.started || r->agent_half.started)
        uv_run(&r->loop, UV_RUN_DEFAULT);
    logging_progress("");
}

/* Records of a file that were passed over. */
static bool any_invalid(const struct runner *r)
{
    struct agent_status st;
    if (!r->agent)
        return false;
    agent_status_get(r->agent, &st);
    uint64_t invalid = st.invalid;
    agent_status_free(&st);
    if (invalid)
        log_warn("records of the file were left out, see above records=%lu", invalid);
    return invalid > 0;
}

/* Images that could not be had. */
static bool any_missing(const struct runner *r)
{
    const struct media_counts *c = r->applier ? applier_import_files(r->applier) : NULL;
    if (!c || !c->missing)
        return false;
    log_warn("images are missing in images.media_dir, see above; what names them was imported, and "
             "the next sync of it looks for them again images=%lu",
             c->missing);
    return true;
}

static bool left_out(struct runner *r)
{
    struct applier_status st;
    if (!r->applier)
        return false;
    applier_status_get(r->applier, &st);
    bool any = st.passed_over > 0 || st.dropped > 0 || st.entering > 0;
    if (st.entering > 0)
        log_warn("entities have come into the filter, and their rows have to be copied from the "
                 "source as it is later: the next run does that entities=%lu",
                 st.entering);
    applier_status_free(&st);
    return any;
}

/* A look before has found what others refer to, and what is not to be created. Of what is to be it
 * tells how much. */
static bool references_missing(const struct runner *r)
{
    struct ds_error err = {0};
    uint64_t missing = 0;
    size_t count;
    const struct import_counts *counts = applier_import_counts(r->applier, &count);
    for (size_t i = 0; i < count; i++) {
        missing += counts[i].missing;
        if (r->o->references && counts[i].created)
            log_info("will be created, since others may refer to it entity=%s count=%lu",
                     counts[i].entity, counts[i].created);
        if (r->o->references && counts[i].members)
            log_info(
                "will be added to what is there, since others may refer to it entity=%s count=%lu",
                counts[i].entity, counts[i].members);
    }
    if (!missing)
        return false;
    error_set(
        &err, DS_ECONFLICT,
        "%lu that others may refer to are not at the destination, see above; nothing was written: "
        "make them there, or set reference_missing: create",
        missing);
    (void)cli_fail(&err);
    return true;
}

/* Copies of what has been counted before are none of it. */
static void add_to_summary(const struct runner *r)
{
    bool usage = r->rc == DS_EUSAGE || r->rc == DS_EACCESS;
    if (r->in->imported && !r->o->again && !usage &&
        summary_add(r->in->imported, r->in, r->applier, r->agent, r->o->references, r->rc))
        log_warn("out of memory for the summary");
}

static int finish(struct runner *r)
{
    struct stream_status s;
    add_to_summary(r);
    if (r->rc == DS_ECONN && r->o->copy && r->in->imported)
        summary_explain_lost(r->in->imported, r->in, &r->err);
    if (r->rc == DS_EMET) {
        *r->o->met = true;
        return EXIT_DONE;
    }
    if (r->rc) {
        int code = cli_fail(&r->err);
        return code == EXIT_DONE ? EXIT_FAILED : code;
    }
    if (make_status(r, &s))
        return EXIT_FAILED;
    progress_summary(&r->progress, &s, uv_now(&r->loop), r->o->dry_run);
    if (r->o->copy && r->o->dry_run && references_missing(r)) {
        stream_status_free(&s);
        return EXIT_FAILED;
    }
    bool left = any_invalid(r) | any_missing(r) | (s.quarantined || left_out(r));
    stream_status_free(&s);
    bool incomplete = r->o->ends_by_itself && !r->stopping && !r->o->references && left;
    return incomplete ? EXIT_INCOMPLETE : EXIT_DONE;
}

/* A server that cannot be reached is left to those who go on trying. */
static int check_key(const struct runner *r, bool source, struct ds_error *err)
{
    const struct config *config = &r->in->config;
    struct ds_error away;
    DB_AUTO MYSQL *db = NULL;
    struct db_endpoint ep = config_endpoint(config, source);
    ep.database = NULL;
    ep.read_timeout = config->connect_timeout; /* no signal ends this */
    if (!*(source ? &config->source : &config->destination)->crypt_key)
        return 0;
    int rc =
        db_connect(&db, &ep, &away) ? 0 : keys_check(db, config, r->in->catalogue, source, err);
    return rc == DS_ECONN ? 0 : rc;
}

/* Of the sides that this process speaks to. */
static int check_keys(const struct runner *r, struct ds_error *err)
{
    const struct runner_options *o = r->o;
    bool import = r->in->config.mode == MODE_IMPORT && !o->csv;
    int rc = import && o->agent && !o->file_count ? check_key(r, true, err) : 0;
    return rc || !import || !o->applier ? rc : check_key(r, false, err);
}

static int run_locked(struct runner *r)
{
    struct ds_error err = {0};
    int rc = check_keys(r, &err);
    rc = rc ? rc : spool_prepare(r, &err);
    rc = rc ? rc : halves_create(r, &err);
    if (rc)
        return cli_fail(&err);
    rc = loop_open(r, &err);
    signals_hold(false);
    if (rc == 0) {
        progress_start(&r->progress, uv_now(&r->loop));
        run_loop(r);
        signals_hold(true);
        uv_close((uv_handle_t *)&r->gate, NULL); /* nothing begins any more */
        uv_timer_stop(&r->timer);
        uv_run(&r->loop, UV_RUN_NOWAIT); /* a signal that came as the loop ended is not lost */
    }
    int code = rc ? cli_fail(&err) : finish(r);
    hooks_free(r->hooks); /* its threads wake the loop */
    r->hooks = NULL;
    loop_close(r);
    return code;
}

/* A dry run compares with what is there; without a checkpoint that would be the whole copy. */
static int check_dry_run(struct invocation *in, bool *nothing, struct ds_error *err)
{
    struct stream_status s;
    int rc = stream_status_stopped(&s, &in->config, in->filter, err);
    if (rc)
        return rc;
    *nothing = !s.applied_gtid && !s.applied_file;
    stream_status_free(&s);
    return 0;
}

int runner_once(struct invocation *in, const struct runner_options *o, bool *stopped)
{
    struct runner r = {.in = in, .o = o};
    struct stream_lock lock = STREAM_LOCK_NONE;
    struct ds_error err = {0};
    bool nothing = false;
    snprintf(r.checkpoint, sizeof r.checkpoint, "%s.sync", in->config.name);
    int rc = o->dry_run && !o->copy ? check_dry_run(in, &nothing, &err) : 0;
    if (rc)
        return cli_fail(&err);
    if (nothing) {
        runner_tell_unseen(in, "there is no checkpoint yet, so everything would be copied");
        return EXIT_DONE;
    }
    signals_hold(true);
    rc = state_dir_create(&in->config, &err);
    if (rc == 0 && !o->no_lock)
        rc = stream_lock_take(&lock, &in->config, o->agent, o->applier, o->command, &err);
    int code = rc ? cli_fail(&err) : run_locked(&r);
    hooks_free(r.hooks); /* where the loop was not begun */
    if (r.agent)
        agent_free(r.agent);
    if (r.applier)
        applier_free(r.applier);
    import_known_free(r.known.arg);
    if (!o->dry_run) { /* it was for this one */
        target_free(in->looked_at);
        in->looked_at = NULL;
    }
    if (r.spool)
        spool_close(r.spool);
    stream_lock_release(&lock);
    *stopped = r.stopping;
    return code;
}
