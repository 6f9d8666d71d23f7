/* Entities that a `sync` leaves out since what their root cannot be without is not here (an invoice
 * whose order was never imported). It may come later in the same run, and the entity once more: so
 * they are told when all has come. */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "applier/import/import_internal.h"
#include "applier/import/left.h"
#include "schema/log.h"

enum { BUCKETS = 1 << 10, TOLD_MAX = 10000 };

struct orphan {
    uint32_t place; /* of its kind */
    struct slice key;
    const char *why;
    bool came;
    struct orphan *next, *later;
};

struct orphans {
    struct arena arena;
    struct orphan *buckets[BUCKETS];
    struct orphan *first, **end; /* in the order of coming */
};

int import_orphans_new(struct import *im)
{
    im->orphans = calloc(1, sizeof *im->orphans);
    if (im->orphans)
        im->orphans->end = &im->orphans->first;
    return im->orphans ? 0 : DS_ENOMEM;
}

void import_orphans_free(struct import *im)
{
    if (im->orphans)
        arena_free(&im->orphans->arena);
    free(im->orphans);
}

static struct orphan **bucket(struct orphans *all, uint32_t place, struct slice key)
{
    return &all->buckets[XXH3_64bits_withSeed(key.p, key.len, place) % BUCKETS];
}

static struct orphan *find(struct orphans *all, uint32_t place, struct slice key)
{
    struct orphan *o = *bucket(all, place, key);
    while (o && !(o->place == place && o->key.len == key.len &&
                  (!key.len || memcmp(o->key.p, key.p, key.len) == 0)))
        o = o->next;
    return o;
}

int import_orphan(struct import *im, const struct import_row *row, const char *column,
                  struct slice id)
{
    struct orphans *all = im->orphans;
    struct slice key = row->entity->key;
    BUF_AUTO struct buf why = {0};
    if (im->options.follows || row->entity->policy != IMPORT_WRITE || row->op == CHANGE_DELETE)
        return 0;
    struct orphan *o = find(all, row->table->place, key);
    if (o) {
        o->came = false;
        return 0;
    }
    o = arena_zalloc(&all->arena, sizeof *o);
    if (!o || buf_printf(&why, "its %s (%.*s at the source) is not at the destination", column,
                         (int)id.len, (const char *)id.p))
        return DS_ENOMEM;
    struct orphan **head = bucket(all, row->table->place, key);
    *o = (struct orphan){.place = row->table->place,
                         .key = {arena_copy(&all->arena, key.p, key.len), key.len},
                         .why = arena_strdup(&all->arena, buf_cstr(&why)),
                         .next = *head};
    if ((key.len && !o->key.p) || !o->why)
        return DS_ENOMEM;
    *head = *all->end = o;
    all->end = &o->later;
    return 0;
}

void import_orphan_came(struct import *im, const struct import_entity *e)
{
    struct orphan *o = im->orphans->first ? find(im->orphans, e->table->place, e->key) : NULL;
    if (o)
        o->came = true;
}

uint64_t import_tell_orphans(struct import *im)
{
    uint64_t count = 0;
    for (struct orphan *o = im->orphans->first; o; o = o->later) {
        if (o->came)
            continue;
        o->came = true; /* told once */
        im->counts[o->place].invalid++;
        if (++count <= TOLD_MAX)
            log_warn("left out entity=%s key=%.*s reason=\"%s\"",
                     catalogue_at(im->options.catalogue, o->place)->name, (int)o->key.len,
                     o->key.len ? (const char *)o->key.p : "", o->why);
    }
    if (count > TOLD_MAX)
        log_warn("left out, too, for such reasons entities=%lu", count - TOLD_MAX);
    return count;
}
