#include "applier/hooks.h"

#include <errno.h>
#include <mysqld_error.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "schema/crash.h"
#include "schema/db.h"
#include "schema/log.h"

enum {
    HOOKS = 2,
    IDLE_MS = 5000, /* between looks at the table that nobody asks for */
    LONGEST_SHIFT = 16,
};

struct worker { /* one hook */
    struct hooks *hooks;
    const char *hook;
    int (*deliver)(const struct config *c, const struct hook_message *m, int stop,
                   struct ds_error *err);
    bool started;
    pthread_t thread;
    MYSQL *db; /* the thread's own */
    unsigned connect_failures;
    /* the rest under the mutex of hooks */
    uint64_t pending, added; /* rows that wait; rows committed, ever */
    uint64_t seen;           /* `added` when the table was last looked at */
    time_t oldest;           /* when the first of them was written; 0 unknown */
    uint64_t attempts;       /* of the first of them */
    char last_error[500];
};

struct hooks {
    const struct config *config;
    struct db_endpoint endpoint;
    void (*ended)(void *arg);
    void *arg;
    int stop_fd; /* readable when all is to end */
    _Atomic bool stopping, finishing;
    pthread_mutex_t mutex; /* protects `running`, `open` and what the workers say */
    pthread_cond_t changed;
    struct worker workers[HOOKS];
    size_t count, running;
    bool open;
};

static int out_of_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for hooks");
}

/* --- a row -------------------------------------------------------------------- */

struct row {
    uint64_t id, wait, age; /* seconds until it may be tried, since it was written */
    unsigned attempts;
    struct buf key, payload;
};

static void row_free(struct row *r)
{
    buf_free(&r->key);
    buf_free(&r->payload);
}

static int outbox_table_name(const struct worker *w, struct buf *out, struct ds_error *err)
{
    return sql_table(out, w->hooks->config->state_database, "datasync_outbox") ? out_of_memory(err)
                                                                               : 0;
}

/* DS_EAGAIN: none waits. */
static int read_first(struct worker *w, struct row *out, struct ds_error *err)
{
    const char *stream = w->hooks->config->name;
    BUF_AUTO struct buf table = {0}, name = {0};
    int rc = outbox_table_name(w, &table, err);
    if (rc == 0 && sql_string(&name, stream, strlen(stream)))
        rc = out_of_memory(err);
    if (rc)
        return rc;
    MYSQL_RES *res = db_select(
        w->db, err,
        "SELECT id, attempts, GREATEST(0, COALESCE(TIMESTAMPDIFF(SECOND, CURRENT_TIMESTAMP, "
        "next_attempt), 0)), GREATEST(0, TIMESTAMPDIFF(SECOND, created_at, CURRENT_TIMESTAMP)), "
        "idempotency_key, payload FROM %s WHERE name = %s AND hook = '%s' ORDER BY id LIMIT 1",
        buf_cstr(&table), buf_cstr(&name), w->hook);
    if (!res)
        return err->code;
    MYSQL_ROW row = mysql_fetch_row(res);
    if (row) {
        out->id = strtoull(row[0], NULL, 10);
        out->attempts = (unsigned)strtoul(row[1], NULL, 10);
        out->wait = strtoull(row[2], NULL, 10);
        out->age = strtoull(row[3], NULL, 10);
        if (buf_puts(&out->key, row[4]) ||
            buf_append(&out->payload, row[5], mysql_fetch_lengths(res)[5]))
            rc = out_of_memory(err);
    } else {
        rc = DS_EAGAIN;
    }
    mysql_free_result(res);
    return rc;
}

static int delete_row(struct worker *w, const struct row *r, struct ds_error *err)
{
    BUF_AUTO struct buf table = {0};
    int rc = outbox_table_name(w, &table, err);
    return rc ? rc : db_exec(w->db, err, "DELETE FROM %s WHERE id = %lu", buf_cstr(&table), r->id);
}

static int note_failure(struct worker *w, const struct row *r, unsigned pause, struct ds_error *err)
{
    BUF_AUTO struct buf table = {0};
    int rc = outbox_table_name(w, &table, err);
    return rc ? rc
              : db_exec(w->db, err,
                        "UPDATE %s SET attempts = attempts + 1, next_attempt = CURRENT_TIMESTAMP + "
                        "INTERVAL %u SECOND WHERE id = %lu",
                        buf_cstr(&table), pause, r->id);
}

/* --- the thread --------------------------------------------------------------- */

static bool ending(const struct worker *w)
{
    return atomic_load(&w->hooks->stopping) || atomic_load(&w->hooks->finishing);
}

/* Until the time is over, all is to end or, with for_rows, rows are added. */
static void wait_for(struct worker *w, uint64_t ms, bool for_rows)
{
    struct hooks *h = w->hooks;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&h->mutex);
    int rc = 0;
    while (rc == 0 && !ending(w) && !(for_rows && w->added != w->seen))
        rc = pthread_cond_timedwait(&h->changed, &h->mutex, &until);
    pthread_mutex_unlock(&h->mutex);
}

static void say(struct worker *w, const char *error)
{
    pthread_mutex_lock(&w->hooks->mutex);
    snprintf(w->last_error, sizeof w->last_error, "%.*s", (int)sizeof w->last_error - 1, error);
    pthread_mutex_unlock(&w->hooks->mutex);
}

static void say_row(struct worker *w, const struct row *r, uint64_t attempts)
{
    pthread_mutex_lock(&w->hooks->mutex);
    w->oldest = time(NULL) - (time_t)r->age;
    w->attempts = attempts;
    w->pending += w->pending == 0;
    pthread_mutex_unlock(&w->hooks->mutex);
}

static void say_delivered(struct worker *w)
{
    pthread_mutex_lock(&w->hooks->mutex);
    w->pending -= w->pending > 0;
    w->oldest = 0;
    w->attempts = 0;
    w->last_error[0] = 0;
    pthread_mutex_unlock(&w->hooks->mutex);
}

static int count_rows(struct worker *w, struct ds_error *err)
{
    const char *stream = w->hooks->config->name;
    BUF_AUTO struct buf table = {0}, name = {0};
    uint64_t count = 0;
    bool found;
    int rc = outbox_table_name(w, &table, err);
    if (rc == 0 && sql_string(&name, stream, strlen(stream)))
        rc = out_of_memory(err);
    rc = rc ? rc
            : db_scalar_u64(w->db, &count, &found, err,
                            "SELECT COUNT(*) FROM %s WHERE name = %s AND hook = '%s'",
                            buf_cstr(&table), buf_cstr(&name), w->hook);
    pthread_mutex_lock(&w->hooks->mutex);
    w->pending = count;
    pthread_mutex_unlock(&w->hooks->mutex);
    return rc;
}

static int connect_worker(struct worker *w, struct ds_error *err)
{
    if (w->db)
        return 0;
    int rc = db_connect(&w->db, &w->hooks->endpoint, err);
    return rc ? rc : count_rows(w, err);
}

/* 1, 2, 4 … seconds. */
static unsigned pause_after(const struct config *c, unsigned attempts)
{
    uint64_t pause = 1ULL << (attempts < LONGEST_SHIFT ? attempts : LONGEST_SHIFT);
    return pause < c->hooks_max_pause ? (unsigned)pause : c->hooks_max_pause;
}

static int failed(struct worker *w, const struct row *r, const struct ds_error *why,
                  struct ds_error *err)
{
    unsigned pause = pause_after(w->hooks->config, r->attempts);
    log_warn("hook failed, it is tried again hook=%s key=%s attempts=%u next_in=%us message=\"%s\"",
             w->hook, buf_cstr((struct buf *)&r->key), r->attempts + 1, pause, why->message);
    say(w, why->message);
    say_row(w, r, r->attempts + 1);
    return note_failure(w, r, pause, err);
}

static int deliver(struct worker *w, struct row *r, struct ds_error *err)
{
    struct ds_error why = {0};
    const struct hook_message m = {.key = buf_cstr(&r->key),
                                   .payload = r->payload.data,
                                   .len = r->payload.len,
                                   .attempt = r->attempts + 1};
    int rc = w->deliver(w->hooks->config, &m, w->hooks->stop_fd, &why);
    crash_point("hooks.delivered");
    if (rc == DS_ESTOPPED)
        return error_set(err, rc, "asked to stop");
    if (rc) {
        rc = failed(w, r, &why, err);
        return rc ? rc : DS_EIO;
    }
    rc = delete_row(w, r, err);
    if (rc)
        return rc;
    if (r->attempts)
        log_info("hook succeeds again hook=%s attempts=%u", w->hook, r->attempts + 1);
    else
        log_debug("hook told hook=%s key=%s", w->hook, m.key);
    say_delivered(w);
    return 0;
}

/* The first row. DS_EAGAIN: none waits; DS_EIO: its delivery failed. *wait: seconds until it may be
 * tried. */
static int turn(struct worker *w, uint64_t *wait, struct ds_error *err)
{
    struct row r = {0};
    *wait = 0;
    pthread_mutex_lock(&w->hooks->mutex);
    w->seen = w->added;
    pthread_mutex_unlock(&w->hooks->mutex);
    int rc = connect_worker(w, err);
    rc = rc ? rc : read_first(w, &r, err);
    if (rc == 0 || rc == DS_EAGAIN)
        w->connect_failures = 0;
    if (rc == 0) {
        say_row(w, &r, r.attempts);
        if (r.wait && !atomic_load(&w->hooks->finishing))
            *wait = r.wait;
        else
            rc = deliver(w, &r, err);
    }
    row_free(&r);
    return rc;
}

static void nothing_waits(struct worker *w)
{
    pthread_mutex_lock(&w->hooks->mutex);
    if (w->added == w->seen) {
        w->pending = 0;
        w->last_error[0] = 0;
    }
    pthread_mutex_unlock(&w->hooks->mutex);
}

/* The destination, not the hook. */
static void lost(struct worker *w, const struct ds_error *err)
{
    if (w->connect_failures++ == 0)
        log_warn("hooks cannot read what waits, trying again hook=%s message=\"%s\"", w->hook,
                 err->message);
    say(w, err->message);
    db_close(&w->db);
    wait_for(w, w->connect_failures < 10 ? w->connect_failures * 500 : 5000, false);
}

static void work(struct worker *w)
{
    while (!atomic_load(&w->hooks->stopping)) {
        struct ds_error err = {0};
        uint64_t wait;
        bool last = atomic_load(&w->hooks->finishing);
        int rc = turn(w, &wait, &err);
        if (rc == DS_ESTOPPED)
            return;
        if (rc == DS_EAGAIN)
            nothing_waits(w);
        if (last && rc)
            return;
        if (rc == DS_EAGAIN)
            wait_for(w, IDLE_MS, true);
        else if (rc && rc != DS_EIO)
            lost(w, &err);
        else if (wait)
            wait_for(w, wait * 1000, false);
    }
}

static void *worker_thread(void *arg)
{
    struct worker *w = arg;
    struct hooks *h = w->hooks;
    work(w);
    db_close(&w->db);
    mysql_thread_end();
    pthread_mutex_lock(&h->mutex);
    if (w->pending && !atomic_load(&h->stopping))
        log_warn("messages to a hook wait for the next run hook=%s messages=%lu", w->hook,
                 w->pending);
    bool last = --h->running == 0;
    pthread_mutex_unlock(&h->mutex);
    if (last && h->ended)
        h->ended(h->arg);
    return NULL;
}

/* --- life --------------------------------------------------------------------- */

int hooks_new(struct hooks **out, const struct config *c, void (*ended)(void *arg), void *arg,
              struct ds_error *err)
{
    struct hooks *h = calloc(1, sizeof *h);
    pthread_condattr_t monotonic;
    if (!h)
        return out_of_memory(err);
    h->config = c;
    h->ended = ended;
    h->arg = arg;
    h->endpoint = config_endpoint(c, false);
    h->endpoint.database = NULL;
    h->endpoint.read_timeout = c->connect_timeout;
    pthread_mutex_init(&h->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&h->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    h->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int rc = h->stop_fd < 0 ? error_set(err, DS_EIO, "cannot prepare hooks: %s", strerror(errno))
                            : hook_send_init(err);
    if (c->hooks_command.count)
        h->workers[h->count++] =
            (struct worker){.hooks = h, .hook = HOOK_COMMAND, .deliver = hook_run_command};
    if (*c->hooks_url)
        h->workers[h->count++] =
            (struct worker){.hooks = h, .hook = HOOK_URL, .deliver = hook_send};
    if (rc)
        hooks_free(h);
    else
        *out = h;
    return rc;
}

void hooks_open(struct hooks *h)
{
    pthread_mutex_lock(&h->mutex);
    for (size_t i = 0; i < h->count && !h->open && !atomic_load(&h->stopping); i++) {
        struct worker *w = &h->workers[i];
        int rc = pthread_create(&w->thread, NULL, worker_thread, w);
        w->started = rc == 0;
        h->running += w->started;
        if (rc)
            log_error("cannot start a thread, the hook is not told of anything hook=%s "
                      "message=\"%s\"",
                      w->hook, strerror(rc));
    }
    h->open = true;
    pthread_mutex_unlock(&h->mutex);
}

void hooks_added(struct hooks *h, uint64_t rows)
{
    pthread_mutex_lock(&h->mutex);
    for (size_t i = 0; i < h->count; i++) {
        struct worker *w = &h->workers[i];
        w->added += rows / h->count;
        if (w->pending == 0)
            w->oldest = time(NULL);
        w->pending += rows / h->count;
    }
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->mutex);
}

static void tell(struct hooks *h, _Atomic bool *flag)
{
    pthread_mutex_lock(&h->mutex);
    atomic_store(flag, true);
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->mutex);
}

void hooks_finish(struct hooks *h)
{
    tell(h, &h->finishing);
}

void hooks_stop(struct hooks *h)
{
    tell(h, &h->stopping);
    (void)eventfd_write(h->stop_fd, 1); /* its only failure is that it is set already */
}

bool hooks_ended(struct hooks *h)
{
    pthread_mutex_lock(&h->mutex);
    bool ended = h->running == 0;
    pthread_mutex_unlock(&h->mutex);
    return ended;
}

void hooks_free(struct hooks *h)
{
    if (!h)
        return;
    if (h->stop_fd >= 0)
        hooks_stop(h);
    for (size_t i = 0; i < h->count; i++)
        if (h->workers[i].started)
            pthread_join(h->workers[i].thread, NULL);
    if (h->stop_fd >= 0)
        close(h->stop_fd);
    hook_send_end();
    pthread_cond_destroy(&h->changed);
    pthread_mutex_destroy(&h->mutex);
    free(h);
}

/* --- status ------------------------------------------------------------------- */

void hooks_status_get(struct hooks *h, struct hooks_status *out)
{
    time_t now = time(NULL);
    memset(out, 0, sizeof *out);
    pthread_mutex_lock(&h->mutex);
    for (size_t i = 0; i < h->count; i++) {
        const struct worker *w = &h->workers[i];
        uint64_t age = w->pending && w->oldest && now > w->oldest ? (uint64_t)(now - w->oldest) : 0;
        out->pending += w->pending;
        out->oldest = age > out->oldest ? age : out->oldest;
        out->attempts = w->attempts > out->attempts ? w->attempts : out->attempts;
        if (w->last_error[0])
            snprintf(out->last_error, sizeof out->last_error, "%s: %.480s", w->hook, w->last_error);
    }
    pthread_mutex_unlock(&h->mutex);
}

int hooks_status_read(const struct config *c, MYSQL *db, struct hooks_status *out,
                      struct ds_error *err)
{
    BUF_AUTO struct buf table = {0}, name = {0};
    bool command = c->hooks_command.count, url = *c->hooks_url;
    memset(out, 0, sizeof *out);
    if (!command && !url)
        return 0;
    if (sql_table(&table, c->state_database, "datasync_outbox") ||
        sql_string(&name, c->name, strlen(c->name)))
        return out_of_memory(err);
    MYSQL_RES *res = db_select(
        db, err,
        "SELECT COUNT(*), COALESCE(GREATEST(0, TIMESTAMPDIFF(SECOND, MIN(created_at), "
        "CURRENT_TIMESTAMP)), 0), COALESCE(MAX(attempts), 0) FROM %s WHERE name = %s AND hook IN "
        "('%s', '%s')",
        buf_cstr(&table), buf_cstr(&name), command ? HOOK_COMMAND : HOOK_URL,
        url ? HOOK_URL : HOOK_COMMAND);
    if (!res)
        return err->code;
    MYSQL_ROW row = mysql_fetch_row(res);
    if (row) {
        out->pending = strtoull(row[0], NULL, 10);
        out->oldest = strtoull(row[1], NULL, 10);
        out->attempts = strtoull(row[2], NULL, 10);
    }
    mysql_free_result(res);
    return 0;
}
