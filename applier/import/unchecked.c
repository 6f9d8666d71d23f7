/* Rows that the source deletes with foreign key checks off.
 *
 * Nothing goes with them there, nor here: what hangs on them stays, as it does there, and hangs on
 * them again if the source makes them again, in whatever transaction. So they stay registered, by
 * which they get the id that they had, and what changes below them meanwhile is found. A type of
 * the registry's own remembers which they are: their row as target if it stays here (it is the
 * destination's own, used there, or not to be deleted), else 0.
 *
 * (Within one transaction such a deletion is none at all: given_again.c.)
 */
#include <stdio.h>

#include "applier/import/import_internal.h"

bool import_is_unchecked(const struct import_row *row)
{
    return row->origin->flags & CHANGE_NO_FK_CHECKS && !(row->origin->flags & CHANGE_COPIED);
}

static uint32_t type_unchecked(const struct import *im, uint32_t type)
{
    char name[80];
    snprintf(name, sizeof name, "%.50s" REGISTRY_UNCHECKED, registry_type_name(im->registry, type));
    uint32_t out = registry_type(im->registry, name);
    if (out != UINT32_MAX)
        registry_own(im->registry, out);
    return out;
}

int import_note_unchecked(struct import *im, const struct import_row *row, bool stays)
{
    const struct slice no_ref = {NULL, 0};
    if (row->table->type == UINT32_MAX || !row->id.p)
        return 0;
    uint32_t type = type_unchecked(im, row->table->type);
    return type == UINT32_MAX ? DS_ENOMEM
                              : registry_add(im->registry, type, row->id,
                                             stays ? row->target_id : 0, ORIGIN_CREATED, no_ref);
}

int import_await_unchecked(struct import *im, uint32_t type, struct slice id)
{
    const struct slice no_ref = {NULL, 0};
    uint32_t unchecked = type_unchecked(im, type);
    return unchecked == UINT32_MAX
               ? DS_ENOMEM
               : registry_add(im->registry, unchecked, id, 0, ORIGIN_CREATED, no_ref);
}

/* Only roots of what is copied: it is much. */
static bool may_be_made_again(const struct import_row *row)
{
    bool asks = row->table->root || !(row->origin->flags & CHANGE_COPIED);
    return row->op == CHANGE_INSERT && asks && row->table->type != UINT32_MAX && row->id.p;
}

static int want(struct import *im, uint32_t type, struct slice id)
{
    uint32_t unchecked = type_unchecked(im, type);
    return unchecked == UINT32_MAX ? DS_ENOMEM : registry_want(im->registry, unchecked, id);
}

int import_want_unchecked(struct import *im)
{
    int rc = 0;
    for (uint32_t i = 0; i < im->row_count && im->options.follows && rc == 0; i++) {
        const struct import_row *row = im->rows[i];
        if (row->op == CHANGE_DELETE && !row->table->root && row->entity->key.len)
            rc = want(im, row->entity->type, row->entity->key);
        else if (may_be_made_again(row))
            rc = want(im, row->table->type, row->id);
    }
    return rc;
}

static const struct registered *find(const struct import *im, uint32_t type, struct slice id)
{
    uint32_t unchecked = type_unchecked(im, type);
    const struct registered *r =
        unchecked == UINT32_MAX ? NULL : registry_find(im->registry, unchecked, id);
    return r && r->found ? r : NULL;
}

bool import_stays_unchecked(const struct import *im, const struct import_entity *e)
{
    const struct registered *r = e->key.len ? find(im, e->type, e->key) : NULL;
    return r && r->target;
}

int import_forget_unchecked(struct import *im, const struct import_row *row)
{
    return find(im, row->table->type, row->id)
               ? registry_remove(im->registry, type_unchecked(im, row->table->type), row->id)
               : 0;
}

/* What was switched off is on again: by rows which the source has not touched. */
static int switch_on(struct import *im, const struct import_row *row)
{
    bool off = row->table->root && im->deletions[row->table->place] == DELETE_SOFT &&
               import_stays_unchecked(im, row->entity);
    return off ? import_copy_again(im, row) : 0;
}

int import_made_again(struct import *im, uint32_t first, uint32_t end)
{
    int rc = 0;
    for (uint32_t i = first; i < end && im->options.follows && rc == 0; i++)
        if (may_be_made_again(im->rows[i]))
            rc = switch_on(im, im->rows[i]) | import_forget_unchecked(im, im->rows[i]);
    return rc;
}

int import_check_keys(struct import *im, bool check, struct ds_error *err)
{
    const struct step none = {.op = NET_INSERT, .flags = check ? 0 : CHANGE_NO_FK_CHECKS};
    uint64_t rows = 0;
    im->keys_unchecked = !check;
    return im->options.dry_run ? 0 : writer_step(im->writer, &none, &rows, err);
}
