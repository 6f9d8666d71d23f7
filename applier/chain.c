/* A chain: a quarantined change and all that waits behind it (law 5). */
#include <stdlib.h>
#include <string.h>

#include "applier/apply.h"
#include "schema/log.h"

enum { /* of a chain that is tried by itself */
       RELEASE_CHANGES = 1000,
       RELEASE_BYTES = 16 << 20,
};

static int out_of_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for what waits in quarantine");
}

/* Behind the changes of the batch, in the order in which they came. */
static int load(struct applier *a, const char *table, uint64_t root, struct ds_error *err)
{
    MYSQL_RES *res =
        db_select(a->db, err, "SELECT messages FROM %s WHERE id = %lu OR held_by = %lu ORDER BY id",
                  table, root, root);
    if (!res)
        return err->code;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));) {
        size_t len = mysql_fetch_lengths(res)[0];
        const uint8_t *bytes = arena_copy(&a->batch.arena, row[0], len);
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
static int write_net(struct applier *a, uint32_t first, uint32_t count, struct ds_error *err)
{
    struct transaction tx = {.first = first, .count = count};
    struct batch chain = a->batch;
    struct plan plan;
    uint64_t rows = 0;
    chain.transactions = &tx;
    chain.transaction_count = 1;
    arena_reset(&a->plan_arena, 8 << 20);
    int rc = plan_build(&plan, &chain, 0, 1, false, a->target, &a->plan_arena, err);
    if (rc == 0 && plan.late_count)
        rc = error_set(err, DS_ECONFLICT, "its table cannot be rolled back");
    for (uint32_t i = 0; i < plan.step_count && rc == 0; i++)
        rc = writer_step(a->writer, &plan.steps[i], &rows, err);
    return rc ? rc : writer_ghosts(a->writer, plan.ghosts, plan.ghost_count, err);
}

static int write_each(struct applier *a, uint32_t first, uint32_t count, struct ds_error *err)
{
    int rc = 0;
    for (uint32_t i = first; i < first + count && rc == 0; i++)
        rc = a->batch.changes[i].skip ? 0 : conflict_write(a, &a->batch.changes[i], err);
    return rc;
}

/* One way or the other, or nothing is done. */
static int attempt(struct applier *a, uint32_t first, uint32_t count, chain_write *write,
                   struct ds_error *err)
{
    struct ds_error back;
    int rc = db_exec(a->db, err, "SAVEPOINT datasync_chain");
    if (rc)
        return rc;
    rc = a->handlers ? handled_chain(a, first, count, write, err) : write(a, first, count, err);
    if ((rc == DS_ESCHEMA || commit_does_not_fit(rc, err)) &&
        db_exec(a->db, &back, "ROLLBACK TO SAVEPOINT datasync_chain")) {
        *err = back;
        return back.code;
    }
    return rc;
}

int chain_apply(struct applier *a, uint64_t root, bool net_only, uint64_t *count,
                struct ds_error *err)
{
    BUF_AUTO struct buf table = {0};
    uint32_t first = a->batch.change_count;
    if (sql_table(&table, a->state_database, "datasync_quarantine"))
        return out_of_memory(err);
    int rc = load(a, buf_cstr(&table), root, err);
    uint32_t n = a->batch.change_count - first;
    if (rc == 0)
        rc = attempt(a, first, n, write_net, err);
    if (commit_does_not_fit(rc, err) && !net_only) /* says which of them it is */
        rc = attempt(a, first, n, write_each, err);
    for (uint32_t i = first; i < first + n && rc == 0; i++)
        commit_count(a, &a->batch.changes[i], 0, !a->batch.changes[i].replaced);
    a->batch.change_count = first;
    if (rc == 0)
        rc = db_exec(a->db, err, "DELETE FROM %s WHERE id = %lu OR held_by = %lu", buf_cstr(&table),
                     root, root);
    *count = rc == 0 ? n : 0;
    return rc;
}

/* Chains for which there is no room are tried with their next change. */
void chain_touch(struct applier *a, uint64_t root)
{
    for (uint32_t i = 0; i < a->touched_count; i++)
        if (a->touched_chains[i] == root)
            return;
    if (a->touched_count < sizeof a->touched_chains / sizeof *a->touched_chains)
        a->touched_chains[a->touched_count++] = root;
}

/* Short enough to be tried with every batch that adds to it? */
static int is_short(struct applier *a, uint64_t root, bool *is, struct ds_error *err)
{
    BUF_AUTO struct buf table = {0};
    bool found;
    uint64_t fits = 0;
    if (sql_table(&table, a->state_database, "datasync_quarantine"))
        return out_of_memory(err);
    int rc = db_scalar_u64(a->db, &fits, &found, err,
                           "SELECT COUNT(*) BETWEEN 1 AND %d AND SUM(LENGTH(messages)) <= %d FROM "
                           "%s WHERE id = %lu OR held_by = %lu",
                           RELEASE_CHANGES, RELEASE_BYTES, buf_cstr(&table), root, root);
    *is = rc == 0 && found && fits;
    return rc;
}

int chain_release(struct applier *a, struct ds_error *err)
{
    bool released = false;
    int rc = 0;
    for (uint32_t i = 0; i < a->touched_count && rc == 0; i++) {
        struct ds_error why;
        uint64_t count = 0;
        bool try;
        rc = is_short(a, a->touched_chains[i], &try, err);
        if (rc || !try)
            continue;
        rc = chain_apply(a, a->touched_chains[i], true, &count, &why);
        if (rc == 0) {
            log_info("quarantined changes fit again, with those that came later id=%lu changes=%lu",
                     a->touched_chains[i], count);
            released = true;
        } else if (commit_does_not_fit(rc, &why) || rc == DS_ESCHEMA) {
            log_debug("quarantined changes still do not fit id=%lu reason=\"%s\"",
                      a->touched_chains[i], why.message);
            rc = 0;
        } else {
            *err = why;
        }
    }
    a->touched_count = 0;
    if (rc == 0 && released) {
        rc = conflict_load(a, err);
        a->held_dirty = true;
    }
    return rc;
}
