/* A transaction that is larger than a batch is written in parts, in one destination transaction
 * that stays open until its end has come (law 12).
 *
 * Savepoints that are alive when a part is written become savepoints of the destination, so that
 * the source can roll back to them later. A part that does not fit rolls everything back; the
 * transaction is read again from the spool and written change by change, and if that fails too as
 * on_conflict says (law 5); an import stops at it, or leaves it out. One that may end in XA PREPARE
 * is stored instead (xa.c).
 */
#include <stdlib.h>
#include <string.h>

#include "applier/apply.h"
#include "schema/log.h"

static int begin(struct applier *a, struct ds_error *err)
{
    memset(&a->part_counters, 0, sizeof a->part_counters);
    a->part_savepoint = 0;
    a->xa_rows = 0;
    int rc = 0;
    if (!a->options.dry_run && !a->cp.dirty)
        rc = stale_mark_dirty(a, err);
    if (rc == 0 && !a->options.dry_run)
        rc = commit_begin(a, err);
    a->open_written = rc == 0;
    return rc;
}

/* Transaction 0 of the batch. */
static int write_changes(struct applier *a, struct ds_error *err)
{
    if (a->open_begin.flags & BEGIN_XA_PREPARE && !a->options.dry_run)
        return xa_store(a, &a->batch.transactions[0], err);
    if (a->part_how == BY_POLICY && a->import) { /* it is left out */
        a->part_counters.conflicts = 1;
        return 0;
    }
    if (a->part_how == BY_POLICY && !a->options.dry_run)
        return conflict_transaction(a, 0, &a->part_counters, err);
    return commit_write(a, 0, 1, a->part_how != NETTED, &a->part_counters, err);
}

/* May it fit, or be treated otherwise, when it is written once more? */
static bool may_try_again(const struct applier *a, int rc)
{
    if (rc != DS_ECONFLICT || a->part_how == BY_POLICY)
        return rc == DS_ERETRY;
    return !a->import || import_may_leave(a->import);
}

/* Of an import it is left out as a whole, else it is written change by change. */
static int treat_otherwise(struct applier *a, struct ds_error *err)
{
    a->part_how = a->import ? BY_POLICY : a->part_how + 1;
    if (!a->import)
        return 0;
    a->dropped++;
    return import_leave(a->import, &a->batch, 0, err)
               ? error_set(err, DS_ENOMEM, "out of memory for what is left out")
               : 0;
}

int parts_failed(struct applier *a, int rc, struct ds_error *err)
{
    if (rc == DS_ECONN)
        return rc;
    commit_roll_back(a);
    a->open_written = a->open_intent = false;
    if (!may_try_again(a, rc)) {
        const struct transaction open = {.gtid = a->open_begin.gtid,
                                         .record = a->open_begin.record};
        char text[sizeof err->position];
        transaction_place(a->open ? &open : &a->batch.transactions[0], text, sizeof text);
        error_at_position(err, text);
        if (rc == DS_ECONFLICT && a->import && !a->open)
            import_failed(a->import, &a->batch, 0, err);
        return rc;
    }
    log_warn("a large transaction is read again reason=\"%s\"", err->message);
    rc = rc == DS_ECONFLICT ? treat_otherwise(a, err) : 0;
    return rc ? rc : gather_rewind(a, err);
}

static int set_savepoint(struct applier *a, struct savepoint *s, struct ds_error *err)
{
    s->number = ++a->part_savepoint;
    if (a->options.dry_run)
        return 0;
    int rc = a->outbox ? outbox_flush(a->outbox, a->db, true, err) : 0;
    return rc ? rc : db_exec(a->db, err, "SAVEPOINT datasync_%lu", s->number);
}

int parts_roll_back_to(struct applier *a, const struct savepoint *s, struct ds_error *err)
{
    if (a->options.dry_run)
        return 0;
    if (a->outbox)
        outbox_drop(a->outbox);
    int rc = db_exec(a->db, err, "ROLLBACK TO SAVEPOINT datasync_%lu", s->number);
    if (rc == 0 && a->held_dirty)
        conflict_forget(a);
    members_rolled_back(a);
    if (a->import)
        import_rolled_back(a->import);
    return rc;
}

static int make_room(struct applier *a, struct ds_error *err)
{
    if (a->batch.transaction_cap)
        return 0;
    a->batch.transactions = calloc(16, sizeof *a->batch.transactions);
    if (!a->batch.transactions)
        return error_set(err, DS_ENOMEM, "out of memory");
    a->batch.transaction_cap = 16;
    return 0;
}

/* Changes up to `end`, as transaction 0. */
static int write_up_to(struct applier *a, uint32_t *done, uint32_t end, struct ds_error *err)
{
    uint32_t front = 0;
    if (a->positions && positions_front(a->positions, NULL, a->open_begin.gtid, &front, err))
        return err->code;
    a->batch.transactions[0] = (struct transaction){.first = *done,
                                                    .count = end - *done,
                                                    .earlier = a->open_earlier,
                                                    .gtid = a->open_begin.gtid,
                                                    .record = a->open_begin.record,
                                                    .front = front,
                                                    .timestamp = a->open_begin.timestamp};
    *done = end;
    return a->batch.transactions[0].count ? write_changes(a, err) : 0;
}

int parts_write(struct applier *a, struct ds_error *err)
{
    uint32_t done = 0;
    int rc = a->open_barrier == BARRIER_DDL ? barrier_begin_open(a, err) : 0;
    if (rc == 0)
        rc = gather_resolve(a, NULL, err);
    if (rc == 0)
        rc = make_room(a, err);
    if (rc == 0 && !a->open_written)
        rc = begin(a, err);
    if (rc)
        return rc;
    for (uint32_t i = 0; i < a->savepoint_count && rc == 0; i++) {
        struct savepoint *s = &a->savepoints[i];
        if (s->number)
            continue;
        rc = write_up_to(a, &done, s->change, err);
        if (rc == 0)
            rc = set_savepoint(a, s, err);
    }
    if (rc == 0)
        rc = write_up_to(a, &done, a->batch.change_count, err);
    a->part_counters.transactions = 0;
    a->open_earlier += a->batch.change_count;
    return rc ? parts_failed(a, rc, err) : gather_reset(a, err);
}

int parts_finish(struct applier *a, struct ds_error *err)
{
    const struct transaction *tx = &a->batch.transactions[0];
    int rc = 0;
    if (tx->rolled_back && !a->options.dry_run) { /* what was written of transactional tables goes;
                                                     the others have kept theirs */
        rc = db_exec(a->db, err, "ROLLBACK");
        if (rc == 0)
            rc = commit_begin(a, err);
        if (rc == 0 && a->held_dirty)
            conflict_forget(a);
        members_rolled_back(a);
        if (a->import)
            import_rolled_back(a->import);
    }
    a->pending_done = 1;
    if (rc == 0)
        rc = write_changes(a, err);
    if (rc == 0 && a->import)
        rc = import_end_parts(a->import, &a->part_counters, err);
    if (rc == 0 && a->open_begin.flags & BEGIN_XA_PREPARE && !a->options.dry_run)
        rc = xa_write_open(a, a->part_how, &a->part_counters, err); /* committed in one phase */
    if (rc == 0 && !a->options.dry_run)
        rc = barrier_finish_open(a, err);
    if (rc == 0 && !a->options.dry_run)
        rc = commit_finish(a, tx, &a->part_counters, err);
    if (rc)
        return parts_failed(a, rc, err);
    if (a->options.dry_run) {
        a->cp.counters.rows += a->part_counters.rows;
        a->cp.counters.rows_written += a->part_counters.rows_written;
        a->cp.counters.transactions += 1;
        if (a->import)
            import_committed(a->import);
    }
    a->batch_done = 1;
    parts_end(a);
    return 0;
}

void parts_end(struct applier *a)
{
    a->part_how = NETTED;
    a->open_written = a->open_intent = false;
}
