/* Ids that the source gives again.
 *
 * REPLACE INTO deletes a row and makes it again under the same id. Its row here goes, and with it
 * what hangs on it, as there; the new one gets the id that the old one had here: columns that hold
 * it and have no foreign key name it still. Within one transaction, so that it does not matter
 * where batches end.
 */
#include <stdlib.h>
#include <xxhash.h>

#include "applier/import/import_internal.h"
#include "schema/list.h"

struct freed_id {
    uint64_t hash; /* of the source's id */
    uint64_t target;
    uint32_t transaction; /* of the batch */
};

struct freed_ids {
    struct freed_id *list; /* the first `sorted` of them are */
    uint32_t count, cap, sorted;
};

int import_freed_new(struct import *im)
{
    im->freed = calloc(1, sizeof *im->freed);
    return im->freed ? 0 : DS_ENOMEM;
}

void import_freed_free(struct import *im)
{
    if (im->freed)
        free(im->freed->list);
    free(im->freed);
}

void import_freed_clear(struct import *im)
{
    im->freed->count = im->freed->sorted = 0;
}

static uint64_t hash_of(const struct import_row *row)
{
    return XXH3_64bits_withSeed(row->id.p, row->id.len, row->table->type);
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
