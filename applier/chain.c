/* A chain: a quarantined change and all that waits behind it (law 5). */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "applier/apply.h"
#include "schema/list.h"
#include "schema/log.h"

enum {
    SHORT_CHANGES = 1000,     /* of a chain that is tried whenever it gets longer */
    RELEASE_BYTES = 16 << 20, /* of a chain that is tried by itself at all */
    PAUSE_FACTOR = 20,        /* a longer one is left alone so many times as long as it took */
    OTHERS_AT_ONCE = 100,     /* conflicts that are tried again in one destination transaction */
    NO_SAVEPOINT = 1178,      /* the transaction has written a table of an engine without */
};

static int out_of_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for what waits in quarantine");
}

/* Behind the changes of the batch, in the order in which they came. */
static int load(struct applier *a, const char *table, uint64_t root, uint64_t *newest,
                struct ds_error *err)
{
    MYSQL_RES *res = db_select(a->db, err,
                               "SELECT messages, source_time FROM %s WHERE id = %lu OR held_by = "
                               "%lu ORDER BY id",
                               table, root, root);
    *newest = 0;
    if (!res)
        return err->code;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));) {
        size_t len = mysql_fetch_lengths(res)[0];
        const uint8_t *bytes = arena_copy(&a->batch.arena, row[0], len);
        uint64_t then = row[1] ? strtoull(row[1], NULL, 10) : 0;
        *newest = then > *newest ? then : *newest;
        if (!bytes)
            rc = out_of_memory(err);
        else if (len == 0 || bytes[0] != MESSAGE_VERSION)
            rc = error_set(err, DS_EUNSUPPORTED, "quarantined change is of another message format");
        if (rc == 0)
            rc = gather_stored(a, (struct slice){bytes + 1, len - 1}, err);
    }
    mysql_free_result(res);
    return rc;
}

/* What the changes come to. */
static int write_net(struct applier *a, uint32_t first, uint32_t count, uint64_t *rows,
                     struct ds_error *err)
{
    struct transaction tx = {.first = first, .count = count};
    struct batch chain = a->batch;
    struct plan plan;
    chain.transactions = &tx;
    chain.transaction_count = 1;
    arena_reset(&a->plan_arena, 8 << 20);
    int rc = plan_build(&plan, &chain, 0, 1, false, a->target, &a->plan_arena, err);
    if (rc == 0 && plan.late_count)
        rc = error_set(err, DS_ECONFLICT, "its table cannot be rolled back");
    for (uint32_t i = 0; i < plan.step_count && rc == 0; i++)
        rc = writer_step(a->writer, &plan.steps[i], rows, err);
    return rc ? rc : writer_ghosts(a->writer, plan.ghosts, plan.ghost_count, err);
}

static int write_each(struct applier *a, uint32_t first, uint32_t count, uint64_t *rows,
                      struct ds_error *err)
{
    int rc = 0;
    for (uint32_t i = first; i < first + count && rc == 0; i++) {
        if (a->batch.changes[i].skip)
            continue;
        rc = conflict_write(a, &a->batch.changes[i], err);
        *rows += rc == 0;
    }
    return rc;
}

/* One way or the other, or nothing is done. */
static int attempt(struct applier *a, uint32_t first, uint32_t count, chain_write *write,
                   uint64_t *rows, struct ds_error *err)
{
    struct ds_error back;
    *rows = 0;
    int rc = db_exec(a->db, err, "SAVEPOINT datasync_chain");
    if (rc && err->server_errno == NO_SAVEPOINT)
        err->code = DS_ECONFLICT;
    if (rc)
        return err->code;
    rc = a->handlers ? handled_chain(a, first, count, write, rows, err)
                     : write(a, first, count, rows, err);
    if ((rc == DS_ESCHEMA || commit_does_not_fit(rc, err)) &&
        db_exec(a->db, &back, "ROLLBACK TO SAVEPOINT datasync_chain")) {
        *err = back;
        return back.code;
    }
    return rc;
}

int chain_apply(struct applier *a, uint64_t root, bool net_only, struct counters *extra,
                uint64_t *count, struct ds_error *err)
{
    BUF_AUTO struct buf table = {0};
    uint64_t rows = 0, newest;
    uint32_t first = a->batch.change_count;
    if (sql_table(&table, a->state_database, "datasync_quarantine"))
        return out_of_memory(err);
    int rc = load(a, buf_cstr(&table), root, &newest, err);
    uint32_t n = a->batch.change_count - first;
    if (rc == 0)
        rc = attempt(a, first, n, write_net, &rows, err);
    if (commit_does_not_fit(rc, err) && !net_only) /* says which of them it is */
        rc = attempt(a, first, n, write_each, &rows, err);
    for (uint32_t i = first; i < first + n && rc == 0; i++)
        commit_count(a, &a->batch.changes[i], newest, !a->batch.changes[i].replaced);
    a->batch.change_count = first;
    extra->rows_written += rc == 0 ? rows : 0;
    if (rc == 0)
        rc = db_exec(a->db, err, "DELETE FROM %s WHERE id = %lu OR held_by = %lu", buf_cstr(&table),
                     root, root);
    *count = rc == 0 ? n : 0;
    return rc;
}

int chain_touch(struct applier *a, uint64_t root)
{
    if (a->touched_count && a->touched_chains[a->touched_count - 1] == root)
        return 0;
    if (LIST_ROOM(a->touched_chains, a->touched_count, a->touched_cap))
        return DS_ENOMEM;
    a->touched_chains[a->touched_count++] = root;
    return 0;
}

/* How long it is; 0: too large to be tried by itself, or not there any more. */
static int length_of(struct applier *a, uint64_t root, uint64_t *length, struct ds_error *err)
{
    BUF_AUTO struct buf table = {0};
    bool found;
    *length = 0;
    if (sql_table(&table, a->state_database, "datasync_quarantine"))
        return out_of_memory(err);
    return db_scalar_u64(a->db, length, &found, err,
                         "SELECT IF(SUM(LENGTH(messages)) <= %d, COUNT(*), 0) FROM %s WHERE id = "
                         "%lu OR held_by = %lu",
                         RELEASE_BYTES, buf_cstr(&table), root, root);
}

/* *later: it cannot be tried in this transaction. */
static int try_chain(struct applier *a, uint64_t root, struct counters *extra, bool *released,
                     bool *later, struct ds_error *err)
{
    struct ds_error why = {0};
    uint64_t count = 0;
    int rc = chain_apply(a, root, true, extra, &count, &why);
    if (rc == 0) {
        log_info("quarantined changes fit again, with those that came later id=%lu changes=%lu",
                 root, count);
        *released = true;
    } else if (commit_does_not_fit(rc, &why) || rc == DS_ESCHEMA) {
        log_debug("quarantined changes still do not fit id=%lu reason=\"%s\"", root, why.message);
        *later = why.server_errno == NO_SAVEPOINT;
        rc = 0;
    } else {
        *err = why;
    }
    return rc;
}

static uint64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* To try a long chain each time that it gets longer would take ever more of the time. */
static int try_long(struct applier *a, uint64_t root, struct counters *extra, bool *released,
                    bool *later, struct ds_error *err)
{
    uint64_t began = now_ms();
    int rc = try_chain(a, root, extra, released, later, err);
    a->long_chains_at = now_ms() + (now_ms() - began) * PAUSE_FACTOR;
    return rc;
}

/* Conflicts behind others_after, in order. */
static int next_conflicts(struct applier *a, uint64_t *ids, uint32_t *count, struct ds_error *err)
{
    BUF_AUTO struct buf table = {0}, name = {0};
    if (sql_table(&table, a->state_database, "datasync_quarantine") ||
        sql_string(&name, a->name, strlen(a->name)))
        return out_of_memory(err);
    MYSQL_RES *res = db_select(a->db, err,
                               "SELECT id FROM %s WHERE id > %lu AND name = %s AND held_by IS NULL "
                               "AND reason_code <> 0 AND operation <> 'skip' ORDER BY id LIMIT %d",
                               buf_cstr(&table), a->others_after, buf_cstr(&name), OTHERS_AT_ONCE);
    if (!res)
        return err->code;
    for (MYSQL_ROW row; *count < OTHERS_AT_ONCE && (row = mysql_fetch_row(res));)
        ids[(*count)++] = strtoull(row[0], NULL, 10);
    mysql_free_result(res);
    return 0;
}

static int by_id(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
    return (a > b) - (a < b);
}

/* A conflict may have been one only because a row that waits was in its way, or missing: rows that
 * a cascade would have taken are not among those that wait, so only trying tells. What was in its
 * way waited already when it came, and has the lower id: once through, from the lowest one
 * released, is enough, however many are released on the way. */
static int try_others(struct applier *a, bool all, struct counters *extra, bool *released,
                      struct ds_error *err)
{
    uint64_t ids[OTHERS_AT_ONCE], began = now_ms(), length;
    uint32_t count = 0;
    bool later = false;
    if (!a->others_after || (!all && began < a->others_at))
        return 0;
    int rc = next_conflicts(a, ids, &count, err);
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        rc = length_of(a, ids[i], &length, err);
        if (rc == 0 && length && (all || length <= SHORT_CHANGES))
            rc = try_chain(a, ids[i], extra, released, &later, err);
        else if (rc == 0 && length && chain_touch(a, ids[i]))
            rc = out_of_memory(err);
        if (later) /* none can be tried here */
            break;
        a->others_after = ids[i];
    }
    if (count < OTHERS_AT_ONCE && !later)
        a->others_after = 0;
    a->others_at = now_ms() + (now_ms() - began) * PAUSE_FACTOR;
    return rc;
}

int chain_release(struct applier *a, bool all, struct counters *extra, struct ds_error *err)
{
    bool released = false;
    uint32_t count = a->touched_count, left = 0;
    int rc = 0;
    if (count)
        qsort(a->touched_chains, count, sizeof *a->touched_chains, by_id);
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        uint64_t root = a->touched_chains[i], length;
        bool later = false, fits = false;
        if (i + 1 < count && a->touched_chains[i + 1] == root)
            continue;
        rc = length_of(a, root, &length, err);
        if (rc || !length)
            continue;
        if (length <= SHORT_CHANGES)
            rc = try_chain(a, root, extra, &fits, &later, err);
        else if (all || now_ms() >= a->long_chains_at)
            rc = try_long(a, root, extra, &fits, &later, err);
        else
            later = true;
        if (later)
            a->touched_chains[left++] = root;
        if (fits && (!a->others_after || root < a->others_after))
            a->others_after = root;
        released |= fits;
    }
    a->touched_count = left;
    if (rc == 0)
        rc = try_others(a, all, extra, &released, err);
    if (rc == 0 && released) {
        rc = conflict_load(a, err);
        a->held_dirty = true;
    }
    return rc;
}

bool chain_has_rest(const struct applier *a)
{
    return a->touched_count || a->others_after;
}

/* Some of them. */
static int release_some(struct applier *a, struct ds_error *err)
{
    struct counters extra = {0};
    struct transaction here = commit_here(a);
    uint64_t after = a->others_after;
    int rc = commit_begin(a, err);
    rc = rc ? rc : chain_release(a, true, &extra, err);
    rc = rc ? rc : commit_finish(a, &here, &extra, err);
    if (rc)
        a->others_after = after;
    if (rc && rc != DS_ECONN)
        commit_roll_back(a);
    return rc;
}

int chain_release_rest(struct applier *a, bool end, struct ds_error *err)
{
    uint64_t before;
    int rc;
    if (!chain_has_rest(a) || a->open_written || a->options.dry_run || !a->cp.found)
        return 0;
    do {
        before = a->others_after;
        rc = release_some(a, err);
    } while (rc == 0 && end && a->others_after && a->others_after != before);
    return rc;
}
