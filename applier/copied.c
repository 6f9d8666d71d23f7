/* The end of an import's first copy: what the source has deleted since an earlier one goes, before
 * the position at which the stream goes on is committed.
 *
 * Deletions are written as transactions of the stream are, in batches that leave the checkpoint
 * where it stands, so that they pass handlers, hooks, and whatever is done with what does not fit.
 * Killed before the end, the next run copies again, and finds what is left.
 */
#include <stdlib.h>
#include <string.h>

#include "applier/apply.h"
#include "applier/import/missed.h"
#include "schema/log.h"

static int out_of_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for what the source has no more");
}

/* As the stream has defined it, in the copy. NULL: the source has no such table. */
static struct source_table *root_of(const struct applier *a, const struct catalogue_entity *e)
{
    for (uint32_t i = 0; i < DEFINITION_BUCKETS; i++)
        for (struct source_table *t = a->tables[i]; t; t = t->next)
            if (source_table_find(a, t->def.id) == t && import_has_come_whole(a->import, t, e))
                return t;
    return NULL;
}

/* One transaction for each, where the checkpoint stands. */
static int fill(const struct applier *a, const struct source_table *root,
                const struct catalogue_entity *e, const struct missed *m, uint32_t front,
                struct batch *b)
{
    struct transaction here = commit_here(a); /* of which a commit frees the texts */
    here.file.p = arena_copy(&b->arena, here.file.p, here.file.len);
    here.gtid_set = (struct slice){NULL, 0}; /* a copy has none */
    b->transactions = arena_zalloc(&b->arena, (m->count + 1) * sizeof *b->transactions);
    b->changes = arena_zalloc(&b->arena, (m->count + 1) * sizeof *b->changes);
    if (!here.file.p || !b->transactions || !b->changes)
        return DS_ENOMEM;
    for (uint32_t i = 0; i < m->count; i++) {
        BUF_AUTO struct buf name = {0};
        if (import_missed_change(root, m->ids[i], &b->arena, &b->changes[i]) ||
            buf_printf(&name, "%s %s, which the source has no more", e->name, m->ids[i]))
            return DS_ENOMEM;
        b->changes[i].transaction = i;
        b->transactions[i] = here;
        b->transactions[i].first = i;
        b->transactions[i].count = 1;
        b->transactions[i].front = front;
        b->transactions[i].position_only = true;
        b->transactions[i].record =
            (struct slice){arena_copy(&b->arena, name.data, name.len), name.len};
        if (!b->transactions[i].record.p)
            return DS_ENOMEM;
    }
    b->transaction_count = b->change_count = m->count;
    return 0;
}

/* In place of the batch in hand. */
static int delete_some(struct applier *a, const struct source_table *root,
                       const struct catalogue_entity *e, const struct missed *m,
                       struct ds_error *err)
{
    const struct batch in_hand = a->batch;
    const uint32_t done = a->batch_done;
    struct position at = {0};
    uint32_t front = 0;
    struct batch b = {0};
    int rc = checkpoint_position(&a->cp, &at, err);
    rc = rc ? rc : positions_front(a->positions, &at, (struct slice){NULL, 0}, &front, err);
    if (rc == 0 && fill(a, root, e, m, front, &b))
        rc = out_of_memory(err);
    if (rc == 0) {
        a->batch = b;
        a->batch_done = 0;
        rc = commit_batch(a, b.transaction_count, err);
        b = a->batch;
        a->batch = in_hand;
        a->batch_done = done;
    }
    arena_free(&b.arena);
    position_free(&at);
    return rc;
}

static int delete_kind(struct applier *a, const struct catalogue_entity *e, struct missed *m,
                       struct ds_error *err)
{
    const struct source_table *root = root_of(a, e);
    uint64_t count = 0;
    int rc = 0;
    memset(m, 0, sizeof *m);
    m->more = root != NULL;
    while (m->more && rc == 0) {
        if (atomic_load(&a->stop))
            return error_set(err, DS_ESTOPPED, "asked to stop");
        rc = import_missed(a->import, root, m, err);
        rc = rc || !m->count ? rc : delete_some(a, root, e, m, err);
        count += m->count;
    }
    if (rc == 0 && count)
        log_info("deleted at the source since it was last followed, and treated as delete and "
                 "delete_matched say entity=%s entities=%lu",
                 e->name, count);
    return rc;
}

/* What hangs on others goes before these. */
static int delete_missed(struct applier *a, struct ds_error *err)
{
    const struct catalogue *c = filter_catalogue(a->options.filter);
    struct missed *m = malloc(sizeof *m);
    int rc = m ? 0 : out_of_memory(err);
    for (size_t i = catalogue_count(c); i-- > 0 && rc == 0;)
        rc = delete_kind(a, catalogue_at(c, i), m, err);
    free(m);
    return rc;
}

/* The transaction that has nothing but the position at which the stream goes on; `end`: it is not
 * among these. */
static uint32_t find_end(const struct applier *a, uint32_t end)
{
    uint32_t i = a->batch_done;
    struct transaction before = commit_here(a);
    for (; i < end; i++) {
        const struct transaction *tx = &a->batch.transactions[i];
        if (tx->position_only && !transaction_is_of_copy(tx) && transaction_is_of_copy(&before))
            break;
        before = *tx;
    }
    return i;
}

int copied_commit(struct applier *a, uint32_t end, struct ds_error *err)
{
    bool copies = a->import && a->positions && !a->options.dry_run && !a->options.range;
    uint32_t at = copies ? find_end(a, end) : end;
    int rc = commit_batch(a, at, err);
    if (rc || at == end || a->batch_done != at)
        return rc;
    rc = delete_missed(a, err);
    rc = rc ? rc : import_settle_postponed(a->import, err);
    rc = rc ? rc : commit_batch(a, end, err);
    if (rc == 0) /* else it may be asked once more */
        import_copy_begins(a->import);
    return rc;
}
