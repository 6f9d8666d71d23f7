/* A range of transactions that handlers take part in.
 *
 * Everything that they do, and what is set aside because of them, stands behind a savepoint. When
 * an entity turns out to be invalid, or a handler fails on it, all goes back to that savepoint, and
 * the range is done again without that entity: its changes are stored in quarantine in the order in
 * which they came, and what depends on them waits behind. So handlers have seen exactly what is
 * written, and what they have written is for that alone. Each round leaves out one entity more, so
 * it ends.
 *
 * An import writes rows that the destination has under other ids: there handlers see a view of the
 * range, with the source's (import/view.c), and what is not valid is left out.
 *
 * Written change by change (conflict.c), only writing tells which changes are set aside. There a
 * round counts if it has set aside what the one before it has; else it is done again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applier/apply.h"
#include "applier/handlers.h"
#include "schema/log.h"

enum { AGAIN = 1, ROUNDS_MAX = 12 };

struct failure {
    const struct ds_change *of;
    uint32_t number; /* of which its changes are marked; batches move in memory, marks stay */
    bool drop;
    struct ds_error why;
    struct failure *next;
};

struct handled {
    struct applier *a;
    const struct batch *batch;
    uint32_t first, count;    /* transactions */
    bool strict;              /* what fails is not set aside: it is set aside already */
    struct import_view *view; /* what `batch` is, of an import; NULL: a mirror */
    struct entity_changes set;
    struct failure *failures;
    uint32_t failure_count, dropped;
    struct arena arena;   /* of the range */
    struct arena scratch; /* of one call */
    struct ds_call call;
    struct counters extra; /* as they were before the range */
    struct entity_pending *pending;
    uint32_t pending_count, touched_count;
    bool held_dirty;
};

static int out_of_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for handlers");
}

static bool wanted(void *arg, const char *entity)
{
    return handlers_want(arg, entity);
}

static uint32_t rank(void *arg, const char *entity)
{
    return handlers_rank(arg, entity);
}

static int group(struct handled *h, struct ds_error *err)
{
    const struct entity_choice choice = {wanted, rank, h->a->handlers};
    return entity_changes_build(&h->set, h->batch, h->first, h->count, &choice, &h->arena, err);
}

static bool any_wanted(const struct handled *h)
{
    for (uint32_t t = h->first; t < h->first + h->count; t++) {
        const struct transaction *tx = &h->batch->transactions[t];
        for (uint32_t i = tx->first; i < tx->first + tx->count; i++)
            if (handlers_want(h->a->handlers, h->batch->changes[i].table->entity))
                return true;
    }
    return false;
}

/* --- what fails ------------------------------------------------------------------- */

bool handled_failed(const struct handled *h, const struct change *c, bool *drop,
                    const struct ds_error **why)
{
    for (const struct failure *f = h ? h->failures : NULL; f; f = f->next)
        if (c->failure == f->number || entity_change_has(f->of, c)) {
            *drop = f->drop;
            *why = &f->why;
            return true;
        }
    return false;
}

/* The change of the batch that is shown as this one. */
static struct change *written_as(const struct handled *h, const struct change *seen)
{
    return &h->a->batch.changes[h->view->base + (seen - h->batch->changes)];
}

static int remember_failure(struct handled *h, const struct ds_change *e, bool drop,
                            const struct ds_error *why, struct ds_error *err)
{
    struct failure *f = arena_zalloc(&h->arena, sizeof *f);
    if (!f)
        return out_of_memory(err);
    *f = (struct failure){
        .of = e, .number = ++h->failure_count, .drop = drop, .why = *why, .next = h->failures};
    h->failures = f;
    const struct transaction *tx = &h->batch->transactions[e->changes[0]->transaction];
    if (h->view && tx->record.len)
        error_set(&f->why, why->code, "%.*s: %s", (int)tx->record.len, (const char *)tx->record.p,
                  why->message);
    for (uint32_t i = 0; i < e->change_count; i++) {
        e->changes[i]->failure = f->number;
        if (h->view)
            written_as(h, e->changes[i])->failure = f->number;
    }
    h->dropped += drop;
    if (h->view) /* told when it is certain */
        return AGAIN;
    char place[sizeof h->call.position];
    transaction_place(tx, place, sizeof place);
    log_warn("conflict entity=\"%s\" position=\"%s\" action=%s message=\"%s\"", why->key, place,
             drop ? "skip" : "quarantine", why->message);
    return AGAIN;
}

/* The remedy, for a person who has to do something now. */
static int stops(const struct handled *h, bool invalid, struct ds_error *err)
{
    struct ds_error why = *err;
    const char *remedy =
        invalid && h->view
            ? "put it right where it comes from, or leave it out with on_invalid: skip "
              "(sync: --skip-invalid)"
        : invalid ? "put it right at the source, or set on_invalid to quarantine or skip"
        : h->view ? "repair what it says"
                  : "repair what it says, or set on_conflict to quarantine";
    if (h->strict)
        return DS_ECONFLICT;
    error_set(err, DS_ECONFLICT, "%.1100s: %s", why.message, remedy);
    error_at_key(err, why.key);
    return DS_ECONFLICT;
}

static int fail(struct handled *h, const struct ds_change *e, const char *hook, bool invalid,
                struct ds_error *err)
{
    const struct config *c = h->a->config;
    const struct ds_call *call = &h->call;
    BUF_AUTO struct buf name = {0};
    if (entity_change_text(e, &name))
        return out_of_memory(err);
    const char *reason = call->has_reason ? call->reason : "no reason given";
    if (h->view && invalid && !*call->handler->path)
        error_set(err, DS_ECONFLICT, "%s is not valid: %s", buf_cstr(&name), reason);
    else
        error_set(err, DS_ECONFLICT, "handler %s, %s of %s: %s", call->handler->h.name, hook,
                  buf_cstr(&name), reason);
    error_at_key(err, buf_cstr(&name));
    bool stop = invalid ? c->on_invalid == INVALID_ERROR || c->on_invalid == INVALID_IGNORE
                        : h->view || c->on_conflict == CONFLICT_STOP;
    if (stop || h->strict)
        return stops(h, invalid, err);
    return remember_failure(h, e, invalid && c->on_invalid == INVALID_SKIP, err, err);
}

/* --- calls ------------------------------------------------------------------------ */

enum hook { BATCH_BEFORE, VALIDATE, BEFORE_APPLY, REPLACE, AFTER_APPLY, BATCH_AFTER };
static const char *const hook_names[] = {"batch_before", "validate",    "before_apply",
                                         "replace",      "after_apply", "batch_after"};

static bool has_hook(const struct handler *x, enum hook hook)
{
    switch (hook) {
    case BATCH_BEFORE:
        return x->h.batch_before;
    case VALIDATE:
        return x->h.validate;
    case BEFORE_APPLY:
        return x->h.before_apply;
    case REPLACE:
        return x->h.replace;
    case AFTER_APPLY:
        return x->h.after_apply;
    case BATCH_AFTER:
        return x->h.batch_after;
    }
    return false;
}

static int dispatch(const struct handler *x, enum hook hook, struct ds_call *call,
                    const struct ds_change *e)
{
    switch (hook) {
    case BATCH_BEFORE:
        return x->h.batch_before(x->state, call);
    case VALIDATE:
        return x->h.validate(x->state, call, e);
    case BEFORE_APPLY:
        return x->h.before_apply(x->state, call, e);
    case REPLACE:
        return x->h.replace(x->state, call, e);
    case AFTER_APPLY:
        return x->h.after_apply(x->state, call, e);
    case BATCH_AFTER:
        return x->h.batch_after(x->state, call);
    }
    return DS_HANDLER_ERROR;
}

/* A dry run asks the rules alone. */
static bool takes_part(const struct handled *h, const struct handler *x, enum hook hook)
{
    return has_hook(x, hook) && !(h->a->options.dry_run && *x->path);
}

/* *result: what the hook says. Not 0: the range cannot go on, whatever it says. */
static int call_hook(struct handled *h, const struct handler *x, enum hook hook,
                     const struct ds_change *e, int *result, struct ds_error *err)
{
    struct ds_call *call = &h->call;
    arena_reset(&h->scratch, 1 << 20);
    call->a = h->a;
    call->handler = x;
    call->arena = &h->scratch;
    call->has_reason = false;
    error_clear(&call->statement);
    error_clear(&call->broken);
    *result = dispatch(x, hook, call, e);
    if (call->broken.code && call->broken.code != DS_ECONFLICT) {
        *err = call->broken;
        return err->code;
    }
    if (call->broken.code) { /* it has ended the transaction: nothing of it may be kept */
        return error_set(err, DS_ESERVER, "handler %s, %s: %s", x->h.name, hook_names[hook],
                         call->broken.message);
    }
    return 0;
}

static void take_over(const struct handled *h, const struct ds_change *e)
{
    for (uint32_t i = 0; i < e->change_count; i++) {
        e->changes[i]->skip = e->changes[i]->replaced = true;
        if (h->view)
            written_as(h, e->changes[i])->skip = true;
    }
}

/* Of each change; in `validate` all of them are asked, so that one round leaves out all. */
static int call_each(struct handled *h, enum hook hook, struct ds_error *err)
{
    const struct handlers *all = h->a->handlers;
    int rc = 0;
    uint32_t first = 0; /* that takes part: mostly none does */
    while (first < all->count && !takes_part(h, &all->items[first], hook))
        first++;
    for (uint32_t i = 0; i < h->set.count && first < all->count; i++) {
        struct ds_change *e = h->set.items[i];
        for (uint32_t k = first; k < all->count; k++) {
            const struct handler *x = &all->items[k];
            int result = 0;
            if (!takes_part(h, x, hook) || !handler_wants(x, e->entity))
                continue;
            int broken = call_hook(h, x, hook, e, &result, err);
            if (broken)
                return broken;
            if (hook == REPLACE && result == DS_HANDLER_REPLACED) {
                take_over(h, e);
                break;
            }
            if (result == DS_HANDLER_OK)
                continue;
            rc =
                fail(h, e, hook_names[hook], hook == VALIDATE && result == DS_HANDLER_INVALID, err);
            if (rc != AGAIN || hook != VALIDATE)
                return rc;
            break; /* one reason is enough */
        }
    }
    return rc;
}

static bool sees_any(const struct handled *h, const struct handler *x)
{
    for (uint32_t i = 0; i < h->set.count; i++)
        if (handler_wants(x, h->set.items[i]->entity))
            return true;
    return false;
}

/* It is about no entity: of one transaction, all that the handler sees of it go. */
static int batch_failed(struct handled *h, const struct handler *x, enum hook hook,
                        struct ds_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; i < h->set.count && (rc == 0 || rc == AGAIN); i++) {
        bool strict = h->strict;
        if (!handler_wants(x, h->set.items[i]->entity))
            continue;
        h->strict |= h->count > 1; /* which transaction it is remains to be found */
        rc = fail(h, h->set.items[i], hook_names[hook], false, err);
        h->strict = strict;
    }
    return rc;
}

static int call_batch(struct handled *h, enum hook hook, struct ds_error *err)
{
    const struct handlers *all = h->a->handlers;
    for (uint32_t k = 0; k < all->count; k++) {
        const struct handler *x = &all->items[k];
        int result = 0;
        if (!takes_part(h, x, hook) || !sees_any(h, x))
            continue;
        int rc = call_hook(h, x, hook, NULL, &result, err);
        if (rc == 0 && result != DS_HANDLER_OK)
            rc = batch_failed(h, x, hook, err);
        if (rc)
            return rc;
    }
    return 0;
}

/* The session is the applier's again. */
static int finish_calls(struct handled *h, int rc, struct ds_error *err)
{
    struct ds_error failed;
    if (rc == DS_ECONN || writer_end_foreign(h->a->writer, &failed) == 0)
        return rc;
    *err = failed;
    return failed.code;
}

static int before(struct handled *h, struct ds_error *err)
{
    int rc = call_batch(h, BATCH_BEFORE, err);
    rc = rc ? rc : call_each(h, VALIDATE, err);
    rc = rc ? rc : call_each(h, BEFORE_APPLY, err);
    rc = rc ? rc : call_each(h, REPLACE, err);
    return finish_calls(h, rc, err);
}

int handled_after(struct handled *h, struct ds_error *err)
{
    int rc = call_each(h, AFTER_APPLY, err);
    rc = rc ? rc : call_batch(h, BATCH_AFTER, err);
    return finish_calls(h, rc, err);
}

/* --- a range ----------------------------------------------------------------------- */

/* Of a transaction, so that what belongs together may come in several. */
static bool is_part(const struct applier *a)
{
    return a->open_written || a->xa_in_parts;
}

static int start(struct handled *h, const struct counters *extra, struct ds_error *err)
{
    struct applier *a = h->a;
    const struct transaction *last = &h->batch->transactions[h->first + h->count - 1];
    uint32_t base = h->view ? h->view->base : 0;
    for (uint32_t i = h->batch->transactions[h->first].first; i < last->first + last->count; i++)
        a->batch.changes[base + i].failure = 0;
    if (!h->strict) {
        transaction_place(last, h->call.position, sizeof h->call.position);
        h->call.commit_time = last->timestamp;
        h->call.partial = is_part(a) || (h->view && h->view->records);
    }
    h->extra = *extra;
    h->held_dirty = a->held_dirty;
    h->touched_count = a->touched_count;
    h->pending_count = a->entity_count;
    h->pending =
        arena_copy(&h->arena, a->pending_entities, a->entity_count * sizeof *a->pending_entities);
    if (!h->pending)
        return out_of_memory(err);
    if (h->view)
        import_mark(a->import);
    int rc = a->outbox ? outbox_flush(a->outbox, a->db, true, err) : 0;
    bool goes_back = !a->options.dry_run && !a->in_ranges;
    return rc || !goes_back ? rc : db_exec(a->db, err, "SAVEPOINT datasync_handlers");
}

/* As it was before the range. */
static int go_back(struct handled *h, struct counters *extra, struct ds_error *err)
{
    struct applier *a = h->a;
    if (a->outbox)
        outbox_drop(a->outbox);
    if (h->view)
        import_go_back(a->import);
    int rc =
        a->options.dry_run ? 0 : db_exec(a->db, err, "ROLLBACK TO SAVEPOINT datasync_handlers");
    if (rc == 0 && a->held_dirty)
        rc = conflict_load(a, err);
    a->held_dirty = h->held_dirty;
    a->touched_count = h->touched_count;
    *extra = h->extra;
    if (h->pending)
        memcpy(a->pending_entities, h->pending, h->pending_count * sizeof *h->pending);
    return rc;
}

static void end(struct handled *h, int rc, struct counters *extra)
{
    if (rc == 0) {
        extra->conflicts += h->failure_count;
        h->a->dropped += h->dropped;
    }
    arena_free(&h->arena);
    arena_free(&h->scratch);
}

int handled_write(struct applier *a, uint32_t first, uint32_t count, bool exact,
                  struct counters *extra, struct ds_error *err)
{
    struct handled h = {.a = a, .batch = &a->batch, .first = first, .count = count};
    bool asks = any_wanted(&h);
    int rc = asks ? start(&h, extra, err) : 0;
    for (int again = rc == 0; again && rc == 0;) {
        a->handled = asks ? &h : NULL;
        rc = commit_set_aside(a, first, count, err);
        rc = rc || !asks ? rc : group(&h, err);
        rc = rc || !asks ? rc : before(&h, err);
        rc = rc ? rc : commit_planned(a, first, count, exact, extra, err);
        a->handled = NULL;
        again = rc == AGAIN;
        if (again)
            rc = go_back(&h, extra, err);
    }
    end(&h, rc, extra);
    return rc;
}

/* --- an import -------------------------------------------------------------------- */

/* What is left out so far. */
static void mark_left(struct handled *h)
{
    for (uint32_t i = 0; i < h->view->batch.change_count; i++) {
        struct change *c = &h->a->batch.changes[h->view->base + i];
        struct change *seen = &h->view->batch.changes[i];
        const struct ds_error *why;
        bool drop;
        c->skip = c->table->import && handled_failed(h, c, &drop, &why);
        seen->skip = seen->left_out || c->skip;
        seen->replaced = false;
    }
}

static bool is_copied(const struct handled *h, const struct ds_change *e)
{
    return h->view->records || e->changes[0]->flags & CHANGE_COPIED;
}

/* What is left out of a part was perhaps written in those before it: all of them come again. */
static int hold_left(const struct handled *h, struct ds_error *err)
{
    const struct applier *a = h->a;
    if (!h->failures || !is_part(a))
        return 0;
    for (const struct failure *f = h->failures; f; f = f->next)
        if (import_hold_left(a->import, f->of->entity, f->of->key, is_copied(h, f->of),
                             f->why.message))
            return out_of_memory(err);
    if (a->options.dry_run) /* nothing was written */
        return 0;
    return error_set(err, DS_ERETRY, "what is not valid has to be left out of all of it: %.900s",
                     h->failures->why.message);
}

static int tell_left(struct handled *h, struct ds_error *err)
{
    uint32_t held = 0;
    if (is_part(h->a)) /* those are held */
        h->failure_count = h->dropped = 0;
    for (const struct failure *f = is_part(h->a) ? NULL : h->failures; f; f = f->next)
        if (import_leave_entity(h->a->import, f->of->entity, f->of->key, is_copied(h, f->of),
                                f->why.message))
            return out_of_memory(err);
    import_tell_held(h->a->import, &held);
    h->failure_count += held;
    h->dropped += held;
    return 0;
}

static int import_rounds(struct handled *h, uint32_t first, struct counters *extra,
                         struct ds_error *err)
{
    struct applier *a = h->a;
    int rc = start(h, extra, err);
    for (bool again = rc == 0; again;) {
        mark_left(h);
        rc = group(h, err);
        rc = rc ? rc : before(h, err);
        rc = rc ? rc : hold_left(h, err);
        rc = rc ? rc
                : import_write(a->import, &a->batch, a->positions, first, h->count, a->open_written,
                               extra, err);
        rc = rc ? rc : handled_after(h, err);
        again = rc == AGAIN && !a->in_ranges;
        if (rc == AGAIN && !again)
            rc = error_set(err, DS_ERETRY, "what is not valid has to be left out of it: %.900s",
                           h->failures ? h->failures->why.message : "a handler failed");
        rc = again ? go_back(h, extra, err) : rc;
        again &= rc == 0;
    }
    return rc ? rc : tell_left(h, err);
}

int handled_import(struct applier *a, uint32_t first, uint32_t count, struct counters *extra,
                   struct ds_error *err)
{
    struct import_view view;
    struct handled h = {.a = a, .batch = &view.batch, .count = count, .view = &view};
    int rc =
        import_view_begin(a->import, &a->batch, a->positions, first, count, &h.arena, &view, err);
    rc = rc ? rc : import_rounds(&h, first, extra, err);
    import_view_end(a->import);
    end(&h, rc, extra);
    return rc;
}

/* --- change by change ------------------------------------------------------------- */

static bool is_aside(const struct change *c)
{
    return c->skip && !c->replaced;
}

/* What takes part, as far as it is known beforehand. */
static void leave_out_failed(struct handled *h, const struct transaction *tx)
{
    for (uint32_t i = tx->first; i < tx->first + tx->count; i++) {
        struct change *c = &h->a->batch.changes[i];
        const struct ds_error *why;
        bool drop;
        if (c->replaced) /* by the round before */
            c->skip = c->replaced = false;
        c->skip |= handled_failed(h, c, &drop, &why);
    }
}

static int round_by_policy(struct handled *h, bool *aside, struct counters *extra,
                           struct ds_error *err)
{
    struct applier *a = h->a;
    const struct transaction *tx = &a->batch.transactions[h->first];
    leave_out_failed(h, tx);
    int rc = group(h, err);
    rc = rc ? rc : before(h, err);
    for (uint32_t i = 0; i < tx->count; i++)
        aside[i] = is_aside(&a->batch.changes[tx->first + i]);
    rc = rc ? rc : conflict_changes(a, h->first, CONFLICT_TRANSACTIONAL, extra, err);
    for (uint32_t i = 0; i < tx->count && rc == 0; i++)
        rc = aside[i] != is_aside(&a->batch.changes[tx->first + i]) ? AGAIN : 0;
    return rc ? rc : handled_after(h, err);
}

int handled_by_policy(struct applier *a, uint32_t index, struct counters *extra,
                      struct ds_error *err)
{
    const struct transaction *tx = &a->batch.transactions[index];
    struct handled h = {.a = a, .batch = &a->batch, .first = index, .count = 1};
    bool *aside = arena_alloc(&h.arena, tx->count + 1);
    for (uint32_t i = tx->first; i < tx->first + tx->count; i++) {
        struct change *c = &a->batch.changes[i];
        c->replaced = false;
        c->skip = c->left_out || (tx->rolled_back && c->table->target->transactional) ||
                  stale_skips(a, c, tx);
    }
    int rc = aside ? start(&h, extra, err) : out_of_memory(err);
    for (uint32_t round = 0; rc == 0;) {
        a->handled = &h;
        rc = round_by_policy(&h, aside, extra, err);
        a->handled = NULL;
        if (rc != AGAIN)
            break;
        if (++round == ROUNDS_MAX + h.failure_count)
            rc = error_set(err, DS_ECONFLICT,
                           "what handlers write, and what is set aside, depend on each other");
        else
            rc = go_back(&h, extra, err);
    }
    a->handled = &h;
    rc = rc ? rc : conflict_changes(a, index, CONFLICT_LATE, extra, err);
    a->handled = NULL;
    end(&h, rc, extra);
    return rc;
}

/* --- what leaves quarantine ------------------------------------------------------- */

int handled_chain(struct applier *a, uint32_t first, uint32_t count, chain_write *write,
                  uint64_t *rows, struct ds_error *err)
{
    struct transaction tx = {.first = first, .count = count};
    struct batch chain = a->batch;
    struct handled h = {.a = a, .batch = &chain, .count = 1, .strict = true};
    chain.transactions = &tx;
    chain.transaction_count = 1;
    for (uint32_t i = first; i < first + count; i++)
        a->batch.changes[i].skip = a->batch.changes[i].replaced = false;
    int rc = group(&h, err);
    rc = rc ? rc : before(&h, err);
    rc = rc ? rc : write(a, first, count, rows, err);
    rc = rc ? rc : handled_after(&h, err);
    end(&h, rc, &(struct counters){0});
    return rc;
}
