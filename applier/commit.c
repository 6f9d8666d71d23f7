/* A batch becomes one destination transaction: rows and checkpoint together (law 1).
 *
 * If it cannot be applied it is rolled back and cut in half, down to the transaction that does not
 * fit; that one is applied change by change, in source order (law 5), and if even that fails it is
 * a conflict. Every success commits with its own checkpoint, so a crash at any point leaves a
 * prefix. Many entities of a copy are first tried in ranges, one behind the other in the same
 * destination transaction.
 *
 * A connection that breaks during COMMIT leaves the outcome unknown. The checkpoint row tells: it
 * stands where it stood, or where the COMMIT was to leave it. The old connection may still be about
 * to commit; the row lock of SELECT … FOR UPDATE waits for that.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "applier/apply.h"
#include "applier/import/missed.h"
#include "applier/record.h"
#include "schema/crash.h"
#include "schema/db_later.h"
#include "schema/log.h"

enum { RETRIES = 20, RANGES = 16 /* in a batch of as many rows as may be */ };

static int out_of_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory while applying a batch");
}

int checkpoint_copy(struct checkpoint *to, const struct checkpoint *from)
{
    struct checkpoint fresh = *from;
    fresh.gtid_set = strdup(from->gtid_set ? from->gtid_set : "");
    fresh.file = strdup(from->file ? from->file : "");
    fresh.source_identity = strdup(from->source_identity ? from->source_identity : "");
    fresh.filter_text = strdup(from->filter_text ? from->filter_text : "");
    fresh.stale = strdup(from->stale ? from->stale : "");
    fresh.entities = strdup(from->entities ? from->entities : "");
    fresh.rows = from->rows ? strdup(from->rows) : NULL;
    bool ok = !fresh.rows == !from->rows && fresh.gtid_set && fresh.file && fresh.source_identity &&
              fresh.filter_text && fresh.stale && fresh.entities;
    checkpoint_free(to);
    *to = fresh;
    return ok ? 0 : DS_ENOMEM;
}

static bool same_place(const struct checkpoint *x, const struct checkpoint *y)
{
    return x->found == y->found &&
           (!x->found || (strcmp(x->gtid_set, y->gtid_set) == 0 && strcmp(x->file, y->file) == 0 &&
                          x->pos == y->pos));
}

static int lock_checkpoint(struct applier *a, struct checkpoint *there, struct ds_error *err)
{
    return a->positions
               ? positions_checkpoint(a->positions, a->db, a->state_database, a->name, true, there,
                                      err)
               : checkpoint_read(a->db, a->state_database, a->name, NULL, true, there, err);
}

static int not_ours(const struct applier *a, const struct checkpoint *there, struct ds_error *err)
{
    return error_set(
        err, DS_EPOSITION,
        "the checkpoint of stream %s stands at gtid=%s %s:%lu, not at gtid=%s %s:%lu where "
        "this process left it: another datasync writes to this destination under the same "
        "name, or it was restored from a backup; stop the other one, then start again",
        a->name, there->found ? there->gtid_set : "(none)", there->found ? there->file : "",
        there->pos, a->cp.found ? a->cp.gtid_set : "(none)", a->cp.found ? a->cp.file : "",
        a->cp.pos);
}

int commit_resolve(struct applier *a, struct ds_error *err)
{
    struct checkpoint there = {0};
    bool arrived = false;
    if (a->options.dry_run) /* has committed nothing */
        return 0;
    int rc = db_exec(a->db, err, "START TRANSACTION");
    if (rc == 0)
        rc = lock_checkpoint(a, &there, err);
    if (rc == 0)
        rc = db_exec(a->db, err, "COMMIT");
    if (rc == 0 && !same_place(&there, &a->cp)) {
        arrived = a->pending.found && same_place(&there, &a->pending);
        if (arrived) {
            log_info("the commit that was interrupted had arrived gtid=%s", there.gtid_set);
            if (a->pending_done <=
                a->batch.transaction_count) /* else it is not in memory any more */
                a->batch_done = a->pending_done;
            rc = checkpoint_copy(&a->cp, &a->pending) ? out_of_memory(err) : 0;
            if (rc == 0 && a->positions)
                positions_committed(a->positions, &a->cp);
        } else {
            rc = not_ours(a, &there, err);
        }
    }
    if (rc == 0 && a->import)
        (arrived ? import_committed : import_rolled_back)(a->import);
    checkpoint_free(&there);
    checkpoint_free(&a->pending);
    return rc;
}

int commit_begin(struct applier *a, struct ds_error *err)
{
    struct checkpoint there = {0};
    if (a->entity_count)
        memset(a->pending_entities, 0, a->entity_count * sizeof *a->pending_entities);
    if (a->outbox)
        outbox_begin(a->outbox, &a->cp, "");
    crash_point("commit.begin");
    int rc = db_exec(a->db, err, "START TRANSACTION");
    if (rc == 0)
        rc = lock_checkpoint(a, &there, err);
    if (rc == 0 && !same_place(&there, &a->cp))
        rc = not_ours(a, &there, err);
    checkpoint_free(&there);
    return rc ? rc : import_turn_take(a, err);
}

static int set_text(char **to, const void *p, size_t len)
{
    char *copy = strndup(p ? p : "", len);
    if (!copy)
        return DS_ENOMEM;
    free(*to);
    *to = copy;
    return 0;
}

/* A key that moves, and an update of a row without one, may be two writes. */
static uint64_t folded(const struct entity_pending *p)
{
    uint64_t written = p->counts.inserted + p->counts.updated + p->counts.deleted;
    return p->changes > written ? p->changes - written : 0;
}

static void add_pending(struct entity_counts *to, const struct entity_pending *p)
{
    to->inserted += p->counts.inserted;
    to->updated += p->counts.updated;
    to->deleted += p->counts.deleted;
    to->folded += folded(p);
    to->time = p->counts.time > to->time ? p->counts.time : to->time;
}

/* For -vv: what the batch was, entity by entity. */
static void log_entity(const char *name, const struct entity_pending *p)
{
    uint64_t now = (uint64_t)time(NULL), then = p->counts.time;
    log_debug("applied entity=%s inserted=%lu updated=%lu deleted=%lu folded=%lu lag=%lu", name,
              p->counts.inserted, p->counts.updated, p->counts.deleted, folded(p),
              then && now > then ? now - then : 0);
}

static int print_entities(const struct applier *a, char **to)
{
    BUF_AUTO struct buf text = {0};
    int rc = 0;
    for (uint32_t i = 0; i < a->entity_count; i++) {
        struct entity_counts sum = a->entities[i];
        add_pending(&sum, &a->pending_entities[i]);
        if (entity_counts_any(&sum))
            rc |= entity_counts_print(&sum, &text);
    }
    return rc ? rc : set_text(to, text.data, text.len);
}

/* An import's, which plans by itself. */
static int count_import(struct applier *a, uint64_t then)
{
    const char *name;
    const uint64_t *rows;
    for (size_t place = 0; a->import && (rows = import_rows_written(a->import, &place, &name));) {
        uint32_t i = gather_entity(a, name);
        if (i == UINT32_MAX)
            return DS_ENOMEM;
        struct entity_pending *p = &a->pending_entities[i];
        p->counts.inserted += rows[0];
        p->counts.updated += rows[1];
        p->counts.deleted += rows[2];
        p->changes += rows[0] + rows[1] + rows[2];
        p->counts.time = then > p->counts.time ? then : p->counts.time;
    }
    return 0;
}

int commit_tell(struct applier *a, const struct transaction *tx, struct ds_error *err)
{
    const struct outbox_place place = {
        .gtid_set = tx->gtid_set, .file = tx->file, .pos = tx->pos, .time = tx->timestamp};
    if (!a->outbox)
        return 0;
    if (a->copy_ended && !a->import) /* it has told what it wrote */
        outbox_note_tables(a->outbox, OUTBOX_SNAPSHOT, NULL, 0, true);
    return outbox_write(a->outbox, a->db, &place, err);
}

struct transaction commit_here(const struct applier *a)
{
    const struct checkpoint *cp = &a->cp;
    return (struct transaction){
        .gtid_set = {(const uint8_t *)cp->gtid_set, cp->found ? strlen(cp->gtid_set) : 0},
        .file = {(const uint8_t *)cp->file, cp->found ? strlen(cp->file) : 0},
        .pos = cp->pos,
        .timestamp = cp->source_time};
}

int commit_finish(struct applier *a, const struct transaction *tx, const struct counters *more,
                  struct ds_error *err)
{
    bool first = !a->cp.row;
    struct counters sum = *more, *extra = &sum;
    int released = chain_has_rest(a) ? chain_release(a, false, extra, err) : 0;
    if (released)
        return released;
    if (checkpoint_copy(&a->pending, &a->cp) || count_import(a, tx->timestamp))
        return out_of_memory(err);
    struct checkpoint *cp = &a->pending;
    BUF_AUTO struct buf stale = {0};
    cp->found = cp->row = true;
    cp->pos = tx->pos;
    cp->source_time = tx->timestamp ? tx->timestamp : cp->source_time;
    cp->counters.transactions += extra->transactions;
    cp->counters.rows += extra->rows;
    cp->counters.rows_written += extra->rows_written;
    cp->counters.batches += 1;
    cp->counters.conflicts += extra->conflicts;
    snprintf(cp->filter, sizeof cp->filter, "%s", a->filter);
    int rc = set_text(&cp->gtid_set, tx->gtid_set.p, tx->gtid_set.len) |
             set_text(&cp->file, tx->file.p, tx->file.len) |
             set_text(&cp->filter_text, a->filter_text, strlen(a->filter_text)) |
             set_text(&cp->source_identity, a->source_identity, strlen(a->source_identity)) |
             print_entities(a, &cp->entities) | stale_print(a, &stale);
    if (rc == 0 && a->stale_known)
        rc = set_text(&cp->stale, stale.data, stale.len);
    if (rc == 0 && a->positions)
        rc = positions_assign(a->positions, tx->front, cp);
    if (rc)
        return out_of_memory(err);
    crash_point("commit.after_write");
    rc = a->skips ? skip_record_missed(a, err) : 0;
    if (rc == 0 && !a->mask_recorded && filter_mask(a->options.filter))
        rc = mask_record_store(a, err);
    if (rc == 0 && a->positions && !a->system_recorded)
        rc = record_system_store(a->db, a->config, err);
    if (rc == 0 && !a->options.checkpoint && !a->databases_recorded)
        rc = record_databases_store(a->db, a->config, err);
    if (rc == 0)
        rc = commit_tell(a, tx, err);
    if (rc)
        return rc;
    rc = first ? checkpoint_insert(a->db, a->state_database, a->name, cp, err)
               : checkpoint_update(a->db, a->state_database, a->name, cp, err);
    if (rc == 0 && a->positions && a->cp.rows && !cp->rows)
        rc = checkpoint_settle(a->db, a->state_database, a->name, err);
    crash_point("commit.before_commit");
    if (rc == 0)
        rc = db_exec(a->db, err, "COMMIT");
    if (rc)
        return rc;
    crash_point("commit.after_commit");
    import_turn_end(a);
    if (a->outbox)
        outbox_committed(a->outbox);
    checkpoint_free(&a->cp);
    a->cp = a->pending;
    memset(&a->pending, 0, sizeof a->pending);
    a->held_dirty = a->copy_ended = false;
    a->mask_recorded = a->system_recorded = a->databases_recorded = true;
    members_committed(a);
    if (a->import)
        import_committed(a->import);
    if (a->positions)
        positions_committed(a->positions, &a->cp);
    if (a->unsettled)
        stale_committed(a);
    for (uint32_t i = 0; i < a->entity_count; i++) {
        add_pending(&a->entities[i], &a->pending_entities[i]);
        if (a->pending_entities[i].changes)
            log_entity(a->entities[i].name, &a->pending_entities[i]);
    }
    return 0;
}

static void count_step(struct applier *a, const struct step *s)
{
    if (s->flags & CHANGE_CASCADE) /* not its rows */
        return;
    for (uint32_t i = 0; i < s->count && !s->ghost; i++) {
        struct entity_counts *e = &a->pending_entities[s->nets[i]->table->entity_index].counts;
        uint64_t n = s->keyless && s->nets[i]->count ? (uint64_t)labs(s->nets[i]->count) : 1;
        *(s->op == NET_INSERT   ? &e->inserted
          : s->op == NET_UPDATE ? &e->updated
                                : &e->deleted) += n;
    }
}

void commit_count(struct applier *a, const struct change *c, uint64_t then, bool written)
{
    struct entity_pending *p = &a->pending_entities[c->table->entity_index];
    if (c->flags & CHANGE_CASCADE) /* not its rows */
        return;
    if (a->outbox)
        outbox_note(a->outbox, c, held_entity_key(c));
    p->changes++;
    p->counts.time = then > p->counts.time ? then : p->counts.time;
    if (written)
        *(c->op == CHANGE_INSERT   ? &p->counts.inserted
          : c->op == CHANGE_UPDATE ? &p->counts.updated
                                   : &p->counts.deleted) += 1;
}

/* A handler has failed on the change's entity. */
static int set_failed_aside(struct applier *a, struct change *c, struct ds_error *err)
{
    const struct ds_error *why;
    bool drop;
    if (!handled_failed(a->handled, c, &drop, &why))
        return 0;
    c->skip = true;
    return drop ? 0 : conflict_store(a, c, 0, why, err);
}

/* Changes that are not to be written now: held in quarantine, already in a copy of their table, or,
 * in a dry run, of a table that an earlier statement would have made. */
int commit_set_aside(struct applier *a, uint32_t first, uint32_t count, struct ds_error *err)
{
    for (uint32_t t = first; t < first + count; t++) {
        const struct transaction *tx = &a->batch.transactions[t];
        for (uint32_t i = tx->first; i < tx->first + tx->count; i++) {
            struct change *c = &a->batch.changes[i];
            c->skip = !c->table->target || c->left_out ||
                      (tx->rolled_back && c->table->target->transactional) || stale_skips(a, c, tx);
            c->replaced = false;
            uint64_t behind = 0;
            int rc = 0;
            if (!c->skip && a->held)
                rc = held_touched(a, c, 0, a->options.dry_run, &behind, err);
            if (rc == 0 && behind && !a->options.dry_run)
                rc = conflict_store(a, c, behind, NULL, err);
            c->skip |= behind != 0;
            if (rc == 0 && !c->skip && a->handled)
                rc = set_failed_aside(a, c, err);
            if (rc)
                return rc;
            if (!c->skip)
                commit_count(a, c, tx->timestamp, false);
        }
    }
    return 0;
}

static int count_only(const struct applier *a, uint32_t first, uint32_t count,
                      struct counters *extra)
{
    for (uint32_t i = first; i < first + count; i++)
        extra->rows += a->batch.transactions[i].count;
    return 0;
}

int commit_write_late(struct applier *a, const struct step *s, uint64_t *rows, struct ds_error *err)
{
    struct target_table *t = s->target;
    bool before = t->unsettled;
    if (s->keyless)
        t->unsettled = a->unsettled = true;
    int rc = writer_step(a->writer, s, rows, err);
    if (rc && rc != DS_ECONN && s->count == 1 && labs(s->nets[0]->count) <= 1)
        t->unsettled = before; /* its only row was refused */
    return rc;
}

static int write_import(struct applier *a, uint32_t first, uint32_t count, struct counters *extra,
                        struct ds_error *err)
{
    if (import_note_come(a->import, &a->batch, first, count))
        return out_of_memory(err);
    int rc = a->handlers ? handled_import(a, first, count, extra, err)
                         : import_write(a->import, &a->batch, a->positions, first, count,
                                        a->open_written, extra, err);
    return rc || !a->outbox ? rc : outbox_flush(a->outbox, a->db, false, err);
}

int commit_write(struct applier *a, uint32_t first, uint32_t count, bool exact,
                 struct counters *extra, struct ds_error *err)
{
    if (a->import)
        return write_import(a, first, count, extra, err);
    int rc = members_sort_out(a, first, count, err);
    if (rc)
        return rc;
    if (a->handlers && !a->options.dry_run)
        return handled_write(a, first, count, exact, extra, err);
    rc = commit_set_aside(a, first, count, err);
    if (rc && a->dry_ddl)
        return count_only(a, first, count, extra);
    return rc ? rc : commit_planned(a, first, count, exact, extra, err);
}

int commit_planned(struct applier *a, uint32_t first, uint32_t count, bool exact,
                   struct counters *extra, struct ds_error *err)
{
    struct plan plan;
    arena_reset(&a->plan_arena, 8 << 20);
    int rc = plan_build(&plan, &a->batch, first, count, exact, a->target, &a->plan_arena, err);
    if (rc && a->dry_ddl) /* cannot be planned yet: counted */
        return count_only(a, first, count, extra);
    if (rc)
        return rc;
    if (a->options.dry_run) {
        for (uint32_t i = 0; i < plan.step_count; i++)
            extra->rows_written += plan.steps[i].count;
        extra->rows += plan.rows;
        return 0;
    }
    log_debug("planned transactions=%u changes=%lu steps=%u late_steps=%u", count, plan.rows,
              plan.step_count, plan.late_count);
    for (uint32_t i = 0; i < plan.step_count && rc == 0; i++) {
        rc = writer_step(a->writer, &plan.steps[i], &extra->rows_written, err);
        crash_point("commit.step");
        count_step(a, &plan.steps[i]);
    }
    if (rc == 0)
        rc = writer_ghosts(a->writer, plan.ghosts, plan.ghost_count, err);
    if (rc == 0 && a->handled)
        rc = handled_after(a->handled, err);
    for (uint32_t i = 0; i < plan.late_count && rc == 0; i++) {
        rc = commit_write_late(a, &plan.late[i], &extra->rows_written, err);
        crash_point("commit.late_step");
        count_step(a, &plan.late[i]);
    }
    extra->rows += plan.rows;
    for (uint32_t i = first; i < first + count; i++)
        extra->transactions += !a->batch.transactions[i].position_only;
    return rc || !a->outbox ? rc : outbox_flush(a->outbox, a->db, false, err);
}

/* Will writing this range touch rows that must not be written twice? Known only from the plan's
 * input: cheap enough to ask first. */
static bool has_unrepeatable(const struct applier *a, uint32_t first, uint32_t count)
{
    for (uint32_t t = first; t < first + count; t++) {
        const struct transaction *tx = &a->batch.transactions[t];
        for (uint32_t i = tx->first; i < tx->first + tx->count; i++) {
            const struct target_table *x = a->batch.changes[i].table->target;
            if (x && !x->transactional && !x->row_key && !x->sequence)
                return true;
        }
    }
    return false;
}

static uint64_t rows_of_range(const struct applier *a)
{
    uint64_t rows = a->config->batch_max_rows / RANGES;
    return rows ? rows : 1;
}

/* Transactions [first, first + count) of a copy, range by range: while the server is busy with the
 * end of one, the next one is prepared. */
static int write_in_ranges(struct applier *a, uint32_t first, uint32_t count,
                           struct counters *extra, struct ds_error *err)
{
    const uint32_t end = first + count;
    uint32_t ranges = 0;
    int rc = 0;
    a->in_ranges = true;
    for (uint32_t at = first, next = first; at < end && rc == 0; at = next) {
        for (uint64_t rows = 0; next < end && rows < rows_of_range(a); next++)
            rows += a->batch.transactions[next].count;
        import_goes_on(a->import, next < end);
        rc = commit_write(a, at, next - at, false, extra, err);
        ranges++;
    }
    import_goes_on(a->import, false);
    a->in_ranges = false;
    if (rc) /* what was still on its way */
        db_recover(a->db);
    else
        log_debug("written in ranges transactions=%u ranges=%u", count, ranges);
    return rc;
}

void commit_roll_back(struct applier *a)
{
    struct ds_error ignored;
    db_exec(a->db, &ignored, "ROLLBACK"); /* a broken connection has rolled back by itself */
    import_turn_end(a);
    if (a->held_dirty)
        conflict_forget(a);
    members_rolled_back(a);
    if (a->import)
        import_rolled_back(a->import);
    if (a->unsettled)
        stale_rolled_back(a);
}

static int by_policy(struct applier *a, uint32_t index, struct counters *extra,
                     struct ds_error *err)
{
    if (!a->import)
        return conflict_transaction(a, index, extra, err);
    if (import_leave(a->import, &a->batch, index, err))
        return out_of_memory(err);
    extra->transactions++;
    extra->conflicts++;
    a->dropped++;
    return 0;
}

/* One destination transaction for transactions [first, first+count). */
static int try_range(struct applier *a, uint32_t first, uint32_t count, enum how how,
                     struct ds_error *err)
{
    struct counters extra = {0};
    uint64_t passed_over = 0;
    int rc = 0;
    if (a->options.dry_run) {
        rc = how == BY_POLICY && a->import ? by_policy(a, first, &extra, err)
                                           : commit_write(a, first, count, false, &extra, err);
        a->cp.counters.rows += extra.rows;
        a->cp.counters.rows_written += extra.rows_written;
        a->cp.counters.transactions += count;
        if (a->import)
            (rc ? import_rolled_back : import_committed)(a->import);
        return rc;
    }
    if (!a->cp.dirty && has_unrepeatable(a, first, count))
        rc = stale_mark_dirty(a, err);
    a->pending_done = first + count;
    if (rc == 0)
        rc = commit_begin(a, err);
    if (rc == 0)
        rc = how == BY_POLICY   ? by_policy(a, first, &extra, err)
             : how == IN_RANGES ? write_in_ranges(a, first, count, &extra, err)
                                : commit_write(a, first, count, how == EXACT, &extra, err);
    for (uint32_t i = first; i < first + count && rc == 0; i++)
        if (a->batch.transactions[i].skip) {
            rc = skip_record(a, &a->batch.transactions[i], err);
            passed_over++;
        }
    if (rc == 0)
        rc = commit_finish(a, &a->batch.transactions[first + count - 1], &extra, err);
    if (rc == 0)
        a->passed_over += passed_over;
    if (rc && rc != DS_ECONN)
        commit_roll_back(a);
    return rc;
}

static void wait_before_retry(const struct applier *a, int attempt)
{
    struct timespec pause = {.tv_nsec = (long)(attempt < 8 ? attempt + 1 : 8) * 25 * 1000000};
    if (!atomic_load(&a->stop))
        nanosleep(&pause, NULL);
}

/* Lock waits and deadlocks with somebody else at the destination are tried again, not conflicts. */
static int try_with_retries(struct applier *a, uint32_t first, uint32_t count, enum how how,
                            struct ds_error *err)
{
    int rc = 0;
    for (int attempt = 0; attempt < RETRIES; attempt++) {
        rc = try_range(a, first, count, how, err);
        while (rc == DS_ERETRY && a->import && import_wants_files(a->import)) {
            rc = import_fetch_files(a->import, err); /* no transaction is open meanwhile */
            if (rc == 0)
                rc = try_range(a, first, count, how, err);
        }
        if (rc != DS_ERETRY || !err->server_errno || atomic_load(&a->stop))
            return rc;
        log_warn("destination is busy, trying the batch again error=%u message=\"%s\"",
                 err->server_errno, err->message);
        wait_before_retry(a, attempt);
    }
    return rc;
}

void transaction_place(const struct transaction *tx, char *out, size_t size)
{
    size_t n = 0;
    *out = 0;
    if (tx->record.len) {
        snprintf(out, size, "%.*s", (int)tx->record.len, (const char *)tx->record.p);
        return;
    }
    if (tx->gtid.len)
        n = (size_t)snprintf(out, size, "gtid=%.*s", (int)tx->gtid.len, (const char *)tx->gtid.p);
    if (tx->file.len && n < size)
        snprintf(out + n, size - n, "%sfile=%.*s:%lu", n ? " " : "", (int)tx->file.len,
                 (const char *)tx->file.p, tx->pos);
}

bool transaction_is_of_copy(const struct transaction *tx)
{
    return !tx->gtid_set.len && tx->file.len >= sizeof POSITION_COPY_FILE - 1 &&
           memcmp(tx->file.p, POSITION_COPY_FILE, sizeof POSITION_COPY_FILE - 1) == 0;
}

static void place_error(const struct applier *a, uint32_t transaction, struct ds_error *err)
{
    const struct transaction *tx = &a->batch.transactions[transaction];
    char text[sizeof err->position];
    transaction_place(tx, text, sizeof text);
    error_at_position(err, text);
}

bool commit_does_not_fit(int rc, const struct ds_error *err)
{
    return rc == DS_ECONFLICT || (rc == DS_ERETRY && !err->server_errno);
}

/* An import has not looked whether all that it refers to is still there. */
static int once_more(struct applier *a, uint32_t first, struct ds_error *err)
{
    const struct ds_error why = *err;
    bool again;
    int rc = import_doubt(a->import, &why, &again, err);
    if (rc || !again)
        return rc ? rc : why.code;
    return try_with_retries(a, first, 1, NETTED, err);
}

/* What can only be left out of all that is written with it, or does not fit, is looked for as ever.
 */
static bool comes_in_ranges(const struct applier *a, uint32_t first, uint32_t count)
{
    uint64_t rows = 0;
    if (!a->import || !a->options.asks_source || a->options.dry_run || a->outbox ||
        a->never_in_ranges)
        return false;
    for (uint32_t i = first; i < first + count; i++) {
        const struct transaction *tx = &a->batch.transactions[i];
        if (!transaction_is_of_copy(tx) || tx->skip)
            return false;
        rows += tx->count;
    }
    return count > 1 && rows >= 2 * rows_of_range(a);
}

int commit_batch(struct applier *a, uint32_t end, struct ds_error *err)
{
    if (a->open_written && end > a->batch_done) {
        int rc = parts_finish(a, err);
        if (rc || a->batch_done == 0)
            return rc;
    }
    uint32_t window = end > a->batch_done ? end - a->batch_done : 0;
    while (a->batch_done < end) {
        uint32_t first = a->batch_done, done;
        if (window > end - first)
            window = end - first;
        done = window;
        bool ranges = comes_in_ranges(a, first, window);
        int rc = try_with_retries(a, first, window, ranges ? IN_RANGES : NETTED, err);
        if (ranges && commit_does_not_fit(rc, err)) {
            log_debug("a copy is not written in ranges any more reason=\"%s\"", err->message);
            a->never_in_ranges = true;
            continue;
        }
        if (commit_does_not_fit(rc, err) && window > 1) {
            log_debug("batch of %u transactions does not fit, halving reason=\"%s\"", window,
                      err->message);
            window /= 2;
            continue;
        }
        if (commit_does_not_fit(rc, err)) {
            rc = a->import ? once_more(a, first, err) : try_with_retries(a, first, 1, EXACT, err);
            if (commit_does_not_fit(rc, err) && (!a->import || import_may_leave(a->import))) {
                place_error(a, first, err);
                rc = try_with_retries(a, first, 1, BY_POLICY, err);
            }
            done = 1;
            window = end - first;
        }
        if (rc) {
            if (rc != DS_ECONN)
                place_error(a, first, err);
            if (commit_does_not_fit(rc, err) && a->import)
                import_failed(a->import, &a->batch, first, err);
            return rc;
        }
        a->batch_done = first + done;
    }
    return 0;
}
