/* Ids that the source gives again.
 *
 * REPLACE INTO deletes a row and makes it again under the same id. Its row here goes, and with it
 * what hangs on it, as there; the new one gets the id that the old one had here: columns that hold
 * it and have no foreign key name it still. Within one transaction, so that it does not matter
 * where batches end.
 *
 * With foreign key checks off nothing goes with the row there: then it is not deleted here, and
 * what is made again is a change of it.
 */
#include <stdlib.h>

#include "applier/import/import_internal.h"
#include "schema/list.h"

struct freed_id {
    uint64_t hash; /* of the source's id */
    uint64_t target;
    uint32_t transaction; /* of the batch */
};

/* A row that the transaction in hand makes. */
struct made_id {
    uint64_t hash;
    uint32_t place; /* of the change */
};

struct freed_ids {
    struct freed_id *list; /* the first `sorted` of them are */
    uint32_t count, cap, sorted;
    struct made_id *made; /* for a moment */
    uint32_t made_count, made_cap;
    const struct change **remade; /* deletions that are none, as they came */
    uint32_t remade_count, remade_cap;
};

int import_freed_new(struct import *im)
{
    im->freed = calloc(1, sizeof *im->freed);
    return im->freed ? 0 : DS_ENOMEM;
}

void import_freed_free(struct import *im)
{
    if (im->freed) {
        free(im->freed->list);
        free(im->freed->made);
        free(im->freed->remade);
    }
    free(im->freed);
}

void import_freed_clear(struct import *im)
{
    im->freed->count = im->freed->sorted = 0;
}

static uint64_t hash_of(const struct import_row *row)
{
    return import_hash(row->table->type, row->id);
}

int import_note_freed(struct import *im, const struct import_row *row)
{
    struct freed_ids *f = im->freed;
    if (!row->table->new_ids || !row->id.p || im->options.dry_run)
        return 0;
    if (LIST_ROOM(f->list, f->count, f->cap))
        return DS_ENOMEM;
    f->list[f->count++] = (struct freed_id){
        .hash = hash_of(row), .target = row->target_id, .transaction = row->origin->transaction};
    return 0;
}

static int by_hash(const void *x, const void *y)
{
    const struct freed_id *a = x, *b = y;
    int of_one = (a->transaction > b->transaction) - (a->transaction < b->transaction);
    return of_one ? of_one : (a->hash > b->hash) - (a->hash < b->hash);
}

uint64_t import_freed_id(struct import *im, const struct import_row *row)
{
    struct freed_ids *f = im->freed;
    if (!f->count || row->op != CHANGE_INSERT || !row->table->new_ids || !row->id.p)
        return 0;
    if (f->sorted < f->count)
        qsort(f->list, f->count, sizeof *f->list, by_hash);
    f->sorted = f->count;
    struct freed_id key = {.hash = hash_of(row), .transaction = row->origin->transaction};
    const struct freed_id *found = bsearch(&key, f->list, f->count, sizeof key, by_hash);
    return found ? found->target : 0;
}

/* --- with foreign key checks off ----------------------------------------------------------------
 */

static bool is_unchecked_deletion(const struct change *c)
{
    return c->op == CHANGE_DELETE && c->flags & CHANGE_NO_FK_CHECKS &&
           !(c->flags & CHANGE_COPIED) && c->table->import && c->table->import->type != UINT32_MAX;
}

static int hash_change(struct import *im, const struct change *c, uint64_t *hash, bool *null,
                       struct ds_error *err)
{
    char scratch[32];
    struct slice id;
    int rc = import_change_id(im, c, &id, scratch, null, err);
    *hash = rc || *null ? 0 : import_hash(c->table->import->type, id);
    return rc;
}

static int by_id_and_place(const void *x, const void *y)
{
    const struct made_id *a = x, *b = y;
    int of_one = (a->hash > b->hash) - (a->hash < b->hash);
    return of_one ? of_one : (a->place > b->place) - (a->place < b->place);
}

static int list_made(struct import *im, const struct change *changes, uint32_t count,
                     struct ds_error *err)
{
    struct freed_ids *f = im->freed;
    int rc = 0;
    f->made_count = 0;
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        const struct change *c = &changes[i];
        struct made_id made = {.place = i};
        bool null;
        if (c->op != CHANGE_INSERT || !c->table->import || c->table->import->type == UINT32_MAX)
            continue;
        rc = hash_change(im, c, &made.hash, &null, err);
        if (rc || null)
            continue;
        if (LIST_ROOM(f->made, f->made_count, f->made_cap))
            return import_no_memory(err);
        f->made[f->made_count++] = made;
    }
    if (f->made_count)
        qsort(f->made, f->made_count, sizeof *f->made, by_id_and_place);
    return rc;
}

/* Is the row made behind this place? */
static bool is_made_behind(const struct freed_ids *f, uint64_t hash, uint32_t place)
{
    const struct made_id wanted = {.hash = hash, .place = place};
    uint32_t from = 0, to = f->made_count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (by_id_and_place(&f->made[middle], &wanted) <= 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from < f->made_count && f->made[from].hash == hash;
}

int import_remade_begin(struct import *im, const struct change *changes, uint32_t count,
                        struct ds_error *err)
{
    struct freed_ids *f = im->freed;
    bool any = false;
    int rc = 0;
    f->remade_count = 0;
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        const struct change *c = &changes[i];
        uint64_t hash;
        bool null;
        if (!is_unchecked_deletion(c))
            continue;
        rc = any ? 0 : list_made(im, changes, count, err);
        any = true;
        rc = rc ? rc : hash_change(im, c, &hash, &null, err);
        if (rc || null || !is_made_behind(f, hash, i))
            continue;
        if (LIST_ROOM(f->remade, f->remade_count, f->remade_cap))
            return import_no_memory(err);
        f->remade[f->remade_count++] = c;
    }
    return rc;
}

static int by_address(const void *x, const void *y)
{
    const struct change *const *a = x, *const *b = y;
    return (*a > *b) - (*a < *b);
}

bool import_is_remade(const struct import *im, const struct change *c)
{
    const struct freed_ids *f = im->freed;
    return f->remade_count &&
           bsearch(&c, f->remade, f->remade_count, sizeof *f->remade, by_address) != NULL;
}
