/* A stream changes an entity as often as the shop does, its root's row or only others (a price, an
 * address, an item): it counts once in a run, in however many batches that comes. What a copy
 * brings counts by itself.
 */
#include "applier/import/import_internal.h"
#include "applier/import/seen.h"

static bool changes(const struct import_row *row)
{
    return !row->table->root && (row->written || row->removed) &&
           !(row->origin->flags & CHANGE_COPIED);
}

static bool any_changes(const struct import_entity *e)
{
    const struct import_row *row = e->rows;
    while (row && !changes(row))
        row = row->next_of_entity;
    return row;
}

/* Its root's row comes, too, or goes. */
static bool has_root(const struct import_entity *e, bool *copied)
{
    const struct import_row *row = e->rows;
    while (row && !row->table->root)
        row = row->next_of_entity;
    *copied = row && row->origin->flags & CHANGE_COPIED;
    return row;
}

int import_count_root(struct import *im, const struct import_row *row, struct import_counts *counts,
                      const struct import_counts *before)
{
    bool first = true;
    if (im->options.follows && row->state == ROW_FOUND && row->target_id &&
        !(row->origin->flags & CHANGE_COPIED) &&
        import_count_once(im, row->entity->type, row->target_id, &first))
        return DS_ENOMEM;
    if (!first) {
        counts->updated = before->updated;
        counts->merged = before->merged;
        counts->skipped = before->skipped;
    }
    return 0;
}

/* A root that is new has its id by now. Ids that are the same at both sides are not known here. */
static int count(struct import *im, struct import_entity *e)
{
    bool copied, root = has_root(e, &copied), first = true;
    uint64_t id = e->root && e->root->target_id ? e->root->target_id : e->target;
    if (copied || e->left || e->policy != IMPORT_WRITE || !(root || any_changes(e)))
        return 0;
    if (!root && import_is_dying(im, e)) /* it goes behind them */
        return 0;
    if (id && import_count_once(im, e->type, id, &first))
        return DS_ENOMEM;
    if (root || !first)
        return 0;
    im->pending[e->table->place].updated++;
    e->became = "updated";
    return 0;
}

int import_count_members(struct import *im)
{
    int rc = 0;
    for (uint32_t i = 0; i < im->entity_count && im->options.follows && rc == 0; i++)
        rc = count(im, im->entity_list[i]);
    return rc;
}
