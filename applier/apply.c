/* The applier's life: connect, take the lock, read the checkpoint, then batch after batch until
 * told to stop.
 *
 * A session is one connection. When it breaks, what was read stays in memory; the next session
 * finds out by the checkpoint what had been committed, and goes on. Law 12: one batch is held at a
 * time, and a transaction that is larger than a batch is written in parts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "applier/apply.h"
#include "applier/hooks.h"
#include "applier/import/missed.h"
#include "applier/load.h"
#include "schema/log.h"

static int out_of_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory");
}

int applier_new(struct applier **out, const struct applier_options *options, struct ds_error *err)
{
    struct applier *a = calloc(1, sizeof *a);
    if (!a)
        return out_of_memory(err);
    a->options = *options;
    a->config = options->config;
    a->database = a->config->destination.database;
    a->state_database = a->config->state_database;
    a->name = options->checkpoint ? options->checkpoint : a->config->name;
    a->endpoint = config_endpoint(a->config, false);
    a->endpoint.database = NULL; /* may have to be created */
    a->skipping = true;
    a->limit_left = options->limit_rows;
    pthread_mutex_init(&a->shared.mutex, NULL);
    BUF_AUTO struct buf readable = {0};
    int rc = filter_fingerprint_chosen(options->filter, a->chosen, &readable);
    rc = rc ? rc : filter_fingerprint(options->filter, a->filter, &readable);
    if (rc == 0)
        rc = writer_new(&a->writer, a->database, err);
    if (rc == 0 && outbox_wanted(a->config) && !options->dry_run)
        rc = outbox_new(&a->outbox, a->config, filter_catalogue(options->filter), options->hooks,
                        err);
    if (rc == 0 && a->config->mode == MODE_IMPORT)
        rc = import_new(&a->import,
                        &(struct import_options){.config = a->config,
                                                 .catalogue = filter_catalogue(options->filter),
                                                 .outbox = a->outbox,
                                                 .filter = options->filter,
                                                 .dry_run = options->dry_run,
                                                 .follows = !options->range || options->changed,
                                                 .asks_source = options->asks_source,
                                                 .no_source = options->no_source,
                                                 .completes = options->completes,
                                                 .some = options->some,
                                                 .skip_invalid = options->skip_invalid,
                                                 .stop = &a->stop},
                        err);
    rc = rc ? rc : handlers_new(&a->handlers, a->config, filter_catalogue(options->filter), err);
    rc = rc ? rc : mapped_open(a, err);
    a->filter_text = strdup(buf_cstr(&readable));
    a->source_identity = strdup("");
    if (rc || !a->filter_text || !a->source_identity) {
        applier_free(a);
        return rc ? rc : out_of_memory(err);
    }
    *out = a;
    return 0;
}

/* For who comes next, or for nobody. */
static void leave_schema(struct applier *a)
{
    struct target **left = a->options.dry_run && a->import ? a->options.schema : NULL;
    if (left && !*left)
        *left = a->target;
    else
        target_free(a->target);
}

void applier_free(struct applier *a)
{
    if (!a)
        return;
    if (a->loader)
        loader_free(a->loader);
    writer_free(a->writer);
    handlers_detach(a->handlers);
    leave_schema(a);
    db_close(&a->db);
    gather_free(a);
    conflict_free(a);
    import_free(a->import);
    mapped_free(a);
    handlers_free(a->handlers);
    positions_free(a->positions);
    members_free(a);
    stale_free(a);
    skip_free(a);
    outbox_free(a->outbox);
    checkpoint_free(&a->cp);
    checkpoint_free(&a->pending);
    applier_status_free(&a->shared.status);
    position_free(&a->shared.stop_after);
    position_free(&a->stale_at);
    pthread_mutex_destroy(&a->shared.mutex);
    free(a->entities);
    free(a->pending_entities);
    free(a->filter_text);
    free(a->source_identity);
    free(a);
}

const struct import_counts *applier_import_counts(const struct applier *a, size_t *count)
{
    *count = 0;
    return a->import ? import_counts_get(a->import, count) : NULL;
}

const struct media_counts *applier_import_files(const struct applier *a)
{
    return a->import ? import_files(a->import) : NULL;
}

/* --- status ------------------------------------------------------------------ */

void applier_status_free(struct applier_status *st)
{
    position_free(&st->applied);
    free(st->entities);
    for (size_t i = 0; i < st->stale_count; i++)
        free(st->stale_tables[i]);
    free(st->stale_tables);
    memset(st, 0, sizeof *st);
}

static void set_state(struct applier *a, enum applier_state state, const struct ds_error *why)
{
    pthread_mutex_lock(&a->shared.mutex);
    a->shared.status.state = state;
    if (why)
        a->shared.status.error = *why;
    else
        error_clear(&a->shared.status.error);
    pthread_mutex_unlock(&a->shared.mutex);
}

static void publish_entities(struct applier *a, struct applier_status *st)
{
    struct entity_counts *counts = realloc(st->entities, (a->entity_count + 1) * sizeof *counts);
    if (!counts)
        return;
    st->entities = counts;
    st->entity_count = 0;
    for (uint32_t i = 0; i < a->entity_count; i++)
        if (entity_counts_any(&a->entities[i]))
            counts[st->entity_count++] = a->entities[i];
}

static void publish_stale(struct applier *a, struct applier_status *st)
{
    for (size_t i = 0; i < st->stale_count; i++)
        free(st->stale_tables[i]);
    st->stale_count = 0;
    size_t n = 0;
    for (const struct stale_table *s = a->stale; s; s = s->next)
        n += !s->copied;
    char **names = n ? realloc(st->stale_tables, n * sizeof *names) : NULL;
    if (!names)
        return;
    st->stale_tables = names;
    for (const struct stale_table *s = a->stale; s; s = s->next)
        if (!s->copied && (names[st->stale_count] = strdup(s->name)))
            st->stale_count++;
}

/* Copy what others may see. `idle`: everything in the spool is applied. */
static void publish(struct applier *a, bool idle)
{
    struct position applied = {0};
    struct ds_error ignored;
    if (a->cp.found)
        checkpoint_position(&a->cp, &applied, &ignored);
    pthread_mutex_lock(&a->shared.mutex);
    struct applier_status *st = &a->shared.status;
    position_free(&st->applied);
    st->applied = applied;
    st->applied_time = a->cp.source_time;
    st->transactions = a->cp.counters.transactions;
    st->rows = a->cp.counters.rows;
    st->rows_written = a->cp.counters.rows_written;
    st->batches = a->cp.counters.batches;
    st->conflicts = a->cp.counters.conflicts;
    st->quarantined = a->held_changes;
    st->passed_over = a->passed_over;
    st->dropped = a->dropped;
    st->entering = members_waiting(a);
    st->waits = a->import && import_waits(a->import);
    st->idle = idle;
    st->oldest_unapplied = !idle && a->batch_done < a->batch.transaction_count
                               ? a->batch.transactions[a->batch_done].timestamp
                               : 0;
    publish_entities(a, st);
    publish_stale(a, st);
    pthread_mutex_unlock(&a->shared.mutex);
}

void applier_status_get(struct applier *a, struct applier_status *out)
{
    pthread_mutex_lock(&a->shared.mutex);
    const struct applier_status *st = &a->shared.status;
    *out = *st;
    memset(&out->applied, 0, sizeof out->applied);
    position_copy(&out->applied, &st->applied);
    out->entities = st->entity_count ? malloc(st->entity_count * sizeof *out->entities) : NULL;
    if (out->entities)
        memcpy(out->entities, st->entities, st->entity_count * sizeof *out->entities);
    else
        out->entity_count = 0;
    out->stale_tables = st->stale_count ? calloc(st->stale_count, sizeof(char *)) : NULL;
    out->stale_count = 0;
    for (size_t i = 0; out->stale_tables && i < st->stale_count; i++)
        if ((out->stale_tables[out->stale_count] = strdup(st->stale_tables[i])))
            out->stale_count++;
    pthread_mutex_unlock(&a->shared.mutex);
}

/* --- stopping ------------------------------------------------------------------ */

int applier_stop_after(struct applier *a, const struct position *p)
{
    pthread_mutex_lock(&a->shared.mutex);
    position_free(&a->shared.stop_after);
    int rc = position_copy(&a->shared.stop_after, p);
    a->shared.has_stop_after = rc == 0;
    pthread_mutex_unlock(&a->shared.mutex);
    spool_wake(a->options.spool);
    return rc;
}

void applier_stop(struct applier *a)
{
    atomic_store(&a->stop, true);
    spool_wake(a->options.spool);
}

static bool finished(struct applier *a)
{
    struct position applied = {0};
    struct ds_error ignored;
    bool done = false;
    if (a->limit_reached)
        return true;
    if (a->copies_awaited)
        return false;
    pthread_mutex_lock(&a->shared.mutex);
    if (a->shared.has_stop_after && a->cp.found &&
        checkpoint_position(&a->cp, &applied, &ignored) == 0)
        done = position_reached(&a->shared.stop_after, &applied);
    pthread_mutex_unlock(&a->shared.mutex);
    position_free(&applied);
    return done;
}

static bool stop_is_known(struct applier *a)
{
    pthread_mutex_lock(&a->shared.mutex);
    bool known = a->shared.has_stop_after;
    pthread_mutex_unlock(&a->shared.mutex);
    return known;
}

/* --- a session ------------------------------------------------------------------ */

static int trim_spool(struct applier *a, struct ds_error *err)
{
    if (a->batch_done == 0 || a->options.dry_run)
        return 0;
    const struct transaction *last = &a->batch.transactions[a->batch_done - 1];
    struct position applied = {0};
    int rc = checkpoint_position(&a->cp, &applied, err);
    if (rc == 0)
        stale_passed(a, &applied);
    if (rc == 0)
        rc = spool_trim(a->options.spool, last->ends_chunk ? last->chunk : last->chunk - 1,
                        &applied, err);
    position_free(&applied);
    return rc;
}

/* Is the first copy of an import still to be made, or made just now? */
static bool is_copying(const struct applier *a)
{
    struct position at = {0};
    struct ds_error ignored;
    if (!a->positions || strcmp(a->config->start, "snapshot") != 0)
        return false;
    bool copying =
        !a->cp.found || (checkpoint_position(&a->cp, &at, &ignored) == 0 && position_of_copy(&at));
    position_free(&at);
    return copying;
}

/* That count for --limit: the next run could not go on within a copy. */
static uint64_t rows_of(const struct transaction *tx)
{
    return transaction_is_of_copy(tx) ? 0 : tx->earlier + tx->count;
}

/* --limit: the last whole transaction before it. */
static uint32_t limited_end(const struct applier *a)
{
    uint32_t end = a->batch.transaction_count, i = a->batch_done;
    uint64_t left = a->limit_left;
    if (!a->options.limit_rows)
        return end;
    for (; i < end && rows_of(&a->batch.transactions[i]) <= left; i++)
        left -= rows_of(&a->batch.transactions[i]);
    return i;
}

/* The next transaction changes more rows than are left of --limit. */
static int end_at_limit(struct applier *a, const struct transaction *next, bool whole,
                        struct ds_error *err)
{
    uint64_t rows = rows_of(next), limit = a->options.limit_rows;
    char place[sizeof err->position];
    if (a->open_written)
        commit_roll_back(a);
    parts_end(a);
    if (rows <= limit || a->limit_left < limit) {
        log_info("--limit reached, the next run goes on here limit=%lu rows=%lu", limit,
                 limit - a->limit_left);
        a->limit_reached = true;
        return 0;
    }
    transaction_place(next, place, sizeof place);
    error_set(err, DS_ELIMIT,
              "the next transaction changes %s%lu rows, and transactions are applied as a whole: "
              "run once with a --limit above that, or without (now --limit %lu)",
              whole ? "" : "more than ", whole ? rows : rows - 1, limit);
    error_at_position(err, place);
    return DS_ELIMIT;
}

/* What the batch holds of a transaction that is too large to wait for its end. */
static int apply_part(struct applier *a, struct ds_error *err)
{
    const struct transaction open = {.earlier = a->open_earlier,
                                     .count = a->batch.change_count - a->open_first,
                                     .gtid = a->open_begin.gtid};
    if (!a->options.limit_rows || is_copying(a) || rows_of(&open) <= a->limit_left)
        return parts_write(a, err);
    return end_at_limit(a, &open, false, err);
}

static int apply_gathered(struct applier *a, enum barrier barrier, struct ds_error *err)
{
    uint32_t first = a->batch_done, end = limited_end(a), whole = end;
    if (barrier != BARRIER_NONE && whole == a->batch.transaction_count && whole)
        whole -= a->series.count ? a->series.count : 1;
    int rc = copied_commit(a, whole, err);
    if (rc == 0 && whole < end && a->batch_done >= whole && a->batch_done < end)
        rc = barrier_apply(a, barrier, err);
    for (uint32_t i = first; i < a->batch_done && a->options.limit_rows; i++)
        a->limit_left -= rows_of(&a->batch.transactions[i]);
    if (rc == 0 && a->batch_done == end && end < a->batch.transaction_count)
        return end_at_limit(a, &a->batch.transactions[end], true, err);
    if (rc == 0 && end == a->batch.transaction_count && a->batch_done == end && gather_part_due(a))
        rc = end ? 0 : apply_part(a, err);
    return rc;
}

/* One turn of the main loop. DS_EAGAIN: nothing to do. */
static int turn(struct applier *a, struct ds_error *err)
{
    int rc = 0;
    if (a->batch_done == a->batch.transaction_count) {
        a->barrier = BARRIER_NONE;
        rc = stale_request(a, err);
        if (rc == 0)
            rc = members_request(a, err);
        if (rc == 0)
            rc = a->await_restart ? consumer_pass_over(a, err) : gather(a, &a->barrier, err);
        if (rc == 0 && a->await_restart)
            return 0;
        if (rc == DS_EPOSITION) { /* the agent has started the spool anew */
            log_info("the stream starts anew, reading from its beginning");
            if (a->import)
                import_copy_begins(a->import);
            rc = take_source_identity(a, err);
            return rc ? rc : gather_restart(a, err);
        }
        if (rc)
            return rc;
    }
    rc = apply_gathered(a, a->barrier, err);
    if (rc == 0)
        rc = trim_spool(a, err);
    if (rc == 0 && !a->limit_reached && a->batch_done == a->batch.transaction_count &&
        a->batch.transaction_count)
        rc = gather_reset(a, err);
    publish(a, false);
    return rc;
}

/* The end is not reached while tables are stale, nor, if it is the source's own, while an entity
 * that has come into the filter waits. A range is read from what may be only files. */
static bool needs_copies(const struct applier *a)
{
    return !a->options.range && !a->options.dry_run &&
           (stale_waiting(a) || (a->options.follows && members_waiting(a)));
}

/* Has the agent not yet done what it is to be asked? What comes of it may be nothing: a table is
 * gone at the source, or its copy is of a later definition. */
static bool copies_asked_for(struct applier *a)
{
    BUF_AUTO struct buf text = {0};
    struct ds_error ignored;
    uint64_t number = 0;
    if (!needs_copies(a))
        return false;
    return (a->options.follows && members_waiting(a)) || !a->stale_requested ||
           spool_request_get(a->options.spool, &text, &number, &ignored) || number;
}

/* An idle connection is looked at each second: a destination that has restarted has lost its MEMORY
 * tables. */
static int check_idle_connection(struct applier *a, struct ds_error *err)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    uint64_t now = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
    if (now - a->checked_ms < 1000)
        return 0;
    a->checked_ms = now;
    return mysql_ping(a->db) ? db_fail(err, a->db, "looking at the idle connection") : 0;
}

/* All has come. */
static int settle(struct applier *a, struct ds_error *err)
{
    uint64_t left = 0;
    int rc = a->import ? import_settle(a->import, &left, err) : 0;
    a->dropped += left;
    return rc;
}

static int session(struct applier *a, struct ds_error *err)
{
    int rc = applier_open_session(a, err);
    if (rc)
        return rc;
    publish(a, false);
    set_state(a, a->cp.found ? APPLIER_CATCHING_UP : APPLIER_STARTING, NULL);
    a->attempts = 0;
    if (a->options.limit_rows && is_copying(a))
        log_info("the first copy is made whole, --limit holds for the stream from then on "
                 "limit=%lu",
                 a->options.limit_rows);
    a->copies_awaited = needs_copies(a);
    while (!atomic_load(&a->stop)) {
        if (finished(a))
            return settle(a, err) ? err->code : chain_release_rest(a, true, err);
        bool ending = a->options.dry_run && stop_is_known(a), asked = copies_asked_for(a);
        rc = turn(a, err);
        a->copies_awaited = asked || (rc == 0 && needs_copies(a));
        if (rc == DS_EAGAIN && chain_has_rest(a)) {
            rc = chain_release_rest(a, false, err);
            rc = rc ? rc : DS_EAGAIN;
        }
        if (rc == DS_EAGAIN) {
            bool idle = !a->open;
            publish(a, idle);
            if (idle && a->cp.found)
                set_state(a, APPLIER_STREAMING, NULL);
            if (idle && ending)
                return settle(a, err); /* the checkpoint does not move: what was read is all */
            rc = a->open_written ? 0 : check_idle_connection(a, err);
            if (rc)
                return rc;
            if (!finished(a))
                spool_wait(a->options.spool, 200);
            continue;
        }
        if (rc)
            return rc;
    }
    return error_set(err, DS_ESTOPPED, "asked to stop");
}

/* Wait with growing pauses, ended by a stop, and not beyond `give_up`. */
static void pause_before_reconnect(struct applier *a, time_t give_up)
{
    unsigned ms = 250u << (a->attempts < 6 ? a->attempts : 6);
    time_t now = time(NULL);
    uint64_t left = give_up > now ? (uint64_t)(give_up - now) * 1000 : 0;
    if (ms > 10000)
        ms = 10000;
    if (!a->options.retry_forever && ms > left)
        ms = (unsigned)left;
    a->attempts++;
    for (unsigned waited = 0; waited < ms && !atomic_load(&a->stop); waited += 50) {
        struct timespec ts = {.tv_nsec = 50 * 1000000};
        nanosleep(&ts, NULL);
    }
}

static int end_cleanly(struct applier *a)
{
    struct ds_error ignored;
    if (a->db && a->opened && !a->open_written)
        stale_clean_stop(
            a, &ignored); /* if this fails the tables are copied again: correct, only slower */
    return 0;
}

int applier_run(struct applier *a, struct ds_error *err)
{
    time_t give_up = time(NULL) + (time_t)a->config->connect_timeout;
    for (;;) {
        int rc = session(a, err);
        if (atomic_load(&a->stop) && rc != 0)
            rc = error_set(err, DS_ESTOPPED, "asked to stop");
        if (rc == 0 || rc == DS_ESTOPPED) {
            end_cleanly(a);
            publish(a, rc == 0);
            set_state(a, APPLIER_STOPPED, NULL);
            return rc;
        }
        if (rc == DS_ECONFLICT) {
            conflict_count(a);
            publish(a, false);
        }
        bool lost = rc == DS_ECONN || rc == DS_ERETRY;
        if (lost && a->attempts == 0) /* it was reached, or this is the first try */
            give_up = time(NULL) + (time_t)a->config->connect_timeout;
        if (!lost || (!a->options.retry_forever && time(NULL) >= give_up)) {
            set_state(a, APPLIER_FAILED, err);
            return rc;
        }
        log_warn("%s, trying again message=\"%s\"",
                 rc != DS_ECONN      ? "destination is busy"
                 : a->source_is_away ? "source lost"
                                     : "destination lost",
                 err->message);
        a->source_is_away = false;
        set_state(a, APPLIER_WAITING_DESTINATION, err);
        loader_free(a->loader);
        a->loader = NULL;
        /* What was written in parts is rolled back, a copy is none before its end has a
         * checkpoint (the destination may come back without the rows of its MEMORY tables), and a
         * mirror's map may lead to tables that are altered meanwhile: read it again. */
        bool altered = a->mapped && !a->import;
        if (a->opened && (a->open_written || a->in_snapshot || a->copy_ended || altered)) {
            struct ds_error again = {0};
            int failed = gather_rewind(a, &again);
            if (failed &&
                failed != DS_EAGAIN) { /* DS_EAGAIN: the agent is starting the spool anew */
                *err = again;
                set_state(a, APPLIER_FAILED, err);
                return failed;
            }
        }
        pause_before_reconnect(a, give_up);
    }
}
