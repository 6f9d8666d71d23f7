/* Which of a segment's rows is a row of the destination's?
 *
 * What the registry has given to rows that are to be written is theirs, whatever its natural key is
 * at the destination now: the source may have given that to another row since. Of two rows that the
 * registry calls the same, one has taken the other's id: the first of them is it.
 */
#include <xxhash.h>

#include "applier/import/claims.h"
#include "applier/import/import_internal.h"

struct claim {
    uint64_t id;
    const struct import_row *row; /* NULL: free */
};

const struct import_row *import_claim(struct claims *claims, uint64_t id,
                                      const struct import_row *row)
{
    uint64_t at = XXH3_64bits(&id, sizeof id);
    if (!claims->rows)
        return row;
    while (claims->rows[at & claims->mask].row && claims->rows[at & claims->mask].id != id)
        at++;
    struct claim *c = &claims->rows[at & claims->mask];
    if (!c->row)
        *c = (struct claim){id, row};
    return c->row;
}

int import_claim_registered(struct import *im, uint32_t first, uint32_t end, struct claims *out,
                            struct ds_error *err)
{
    uint32_t type = im->rows[first]->table->type, size = 16;
    while (size < 4 * (end - first))
        size *= 2;
    out->rows = arena_zalloc(&im->arena, size * sizeof *out->rows);
    out->mask = size - 1;
    if (!out->rows)
        return import_no_memory(err);
    for (uint32_t i = first; i < end; i++) {
        const struct import_row *row = im->rows[i];
        const struct registered *r = row->id.p ? registry_find(im->registry, type, row->id) : NULL;
        if (r && r->found && row->op != CHANGE_DELETE && row->state != ROW_LEFT &&
            row->entity->policy == IMPORT_WRITE)
            import_claim(out, r->target, row);
    }
    return 0;
}

bool import_goes_by_name(const struct import_row *row)
{
    return row->op == CHANGE_DELETE && row->origin->flags & CHANGE_NAMED;
}
