#include "applier/row_set.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "schema/error.h"

enum { KEPT_MOST = 65536 };

static size_t place_of(const struct row_set *t, uint32_t table, uint64_t id)
{
    const uint64_t key[2] = {id, table};
    size_t i = XXH3_64bits(key, sizeof key) & (t->cap - 1);
    while (t->slots[i].table && (t->slots[i].table != table + 1 || t->slots[i].id != id))
        i = (i + 1) & (t->cap - 1);
    return i;
}

struct row_slot *row_set_find(const struct row_set *t, uint32_t table, uint64_t id)
{
    struct row_slot *s = t->cap ? &t->slots[place_of(t, table, id)] : NULL;
    return s && s->table ? s : NULL;
}

enum row_state row_set_state(const struct row_set *t, uint32_t table, uint64_t id)
{
    const struct row_slot *s = row_set_find(t, table, id);
    return s ? s->state : ROW_UNKNOWN;
}

static bool stays(const struct row_set *t, const struct row_slot *s)
{
    return s->table && !(t->forgets && s->state == ROW_ABSENT);
}

/* To twice the room, unless enough of it can be forgotten. */
static int grow(struct row_set *t)
{
    struct row_set more = {.cap = t->cap ? t->cap : 256, .forgets = t->forgets};
    size_t kept = 0;
    for (size_t i = 0; i < t->cap; i++)
        kept += stays(t, &t->slots[i]);
    if (t->cap && kept > t->cap / 4)
        more.cap *= 2;
    more.slots = calloc(more.cap, sizeof *more.slots);
    if (!more.slots)
        return DS_ENOMEM;
    for (size_t i = 0; i < t->cap; i++) {
        const struct row_slot *s = &t->slots[i];
        if (!stays(t, s))
            continue;
        more.slots[place_of(&more, s->table - 1, s->id)] = *s;
        more.used++;
    }
    free(t->slots);
    *t = more;
    return 0;
}

int row_set_put(struct row_set *t, uint32_t table, uint64_t id, enum row_state state)
{
    if ((t->used + 1) * 2 > t->cap && !row_set_find(t, table, id) && grow(t))
        return DS_ENOMEM;
    struct row_slot *s = &t->slots[place_of(t, table, id)];
    t->used += !s->table;
    *s = (struct row_slot){.id = id, .table = table + 1, .state = state};
    return 0;
}

int row_set_put_here(struct row_set *t, uint32_t table, uint64_t id, uint64_t link, uint64_t since)
{
    int rc = row_set_put(t, table, id, ROW_PRESENT);
    if (rc == 0) {
        struct row_slot *s = row_set_find(t, table, id);
        s->link = link;
        s->since = s->linked = since;
    }
    return rc;
}

void row_set_clear(struct row_set *t)
{
    if (t->cap > KEPT_MOST)
        row_set_free(t);
    if (t->used)
        memset(t->slots, 0, t->cap * sizeof *t->slots);
    t->used = 0;
}

void row_set_free(struct row_set *t)
{
    free(t->slots);
    *t = (struct row_set){.forgets = t->forgets};
}
