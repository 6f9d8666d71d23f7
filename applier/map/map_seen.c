#include "applier/map/map_seen.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "applier/map/handler.h"
#include "schema/list.h"

enum { BUCKETS = 1 << 14, MOST = 1 << 18 /* entries */ };

struct entry {
    struct entry *next;
    uint32_t lookup;
    bool null;
    struct slice id, value;
    size_t room; /* of the value */
};

struct map_seen {
    struct map_lookup *lookups;
    uint32_t count, capacity;
    struct entry *buckets[BUCKETS];
    uint32_t entries;
    struct arena arena;
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for what handlers look up");
}

static bool same_lookup(const struct map_lookup *a, const struct map_lookup *b)
{
    return strcmp(a->table, b->table) == 0 && strcmp(a->value, b->value) == 0 &&
           strcmp(a->key, b->key) == 0;
}

static bool find_lookup(const struct map_seen *s, const struct map_lookup *l, uint32_t *at)
{
    for (*at = 0; *at < s->count; ++*at)
        if (same_lookup(&s->lookups[*at], l))
            return true;
    return false;
}

int map_seen_new(struct map_seen **out, const struct map *map, struct ds_error *err)
{
    struct map_seen *s = calloc(1, sizeof *s);
    *out = s;
    if (!s)
        return no_memory(err);
    for (size_t i = 0; i < map_count(map); i++) {
        struct map_lookup l;
        uint32_t at;
        if (!map_handler_looks_up(map_at(map, i), &l) || find_lookup(s, &l, &at))
            continue;
        if (LIST_ROOM(s->lookups, s->count, s->capacity))
            return no_memory(err);
        s->lookups[s->count++] = l;
    }
    return 0;
}

void map_seen_free(struct map_seen *s)
{
    if (!s)
        return;
    arena_free(&s->arena);
    free(s->lookups);
    free(s);
}

void map_seen_forget(struct map_seen *s)
{
    memset(s->buckets, 0, sizeof s->buckets);
    s->entries = 0;
    arena_reset(&s->arena, 1 << 16);
}

bool map_seen_watches(const struct map_seen *s, const char *document)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (strcmp(s->lookups[i].table, document) == 0)
            return true;
    return false;
}

static struct entry *find(const struct map_seen *s, uint32_t lookup, struct slice id, uint32_t *at)
{
    *at = (uint32_t)XXH3_64bits_withSeed(id.p, id.len, lookup) % BUCKETS;
    struct entry *e = s->buckets[*at];
    while (e && (e->lookup != lookup || e->id.len != id.len || memcmp(e->id.p, id.p, id.len) != 0))
        e = e->next;
    return e;
}

static struct entry *add(struct map_seen *s, uint32_t lookup, struct slice id)
{
    uint32_t at;
    struct entry *e = find(s, lookup, id, &at);
    if (e)
        return e;
    e = arena_zalloc(&s->arena, sizeof *e);
    const uint8_t *copy = e ? arena_copy(&s->arena, id.p, id.len) : NULL;
    if (!copy)
        return NULL;
    *e = (struct entry){.next = s->buckets[at], .lookup = lookup, .id = {copy, id.len}};
    s->buckets[at] = e;
    s->entries++;
    return e;
}

static int set_value(struct map_seen *s, struct entry *e, const struct map_value *v)
{
    e->null = v->null;
    if (v->text.len > e->room || !e->value.p) {
        e->value.p = arena_alloc(&s->arena, v->text.len + 1);
        e->room = v->text.len;
    }
    if (!e->value.p)
        return DS_ENOMEM;
    memcpy((uint8_t *)e->value.p, v->text.p ? (const void *)v->text.p : "", v->text.len);
    e->value.len = v->text.len;
    return 0;
}

int map_seen_note(struct map_seen *s, const struct map_record *row, struct ds_error *err)
{
    for (uint32_t i = 0; i < s->count; i++) {
        const struct map_lookup *l = &s->lookups[i];
        bool watched = strcmp(l->table, row->table->name) == 0;
        const struct map_value *key = watched ? handler_find(row, l->key) : NULL,
                               *value = watched ? handler_find(row, l->value) : NULL;
        if (!key || !value || !key->set || key->null || !key->text.len || !value->set)
            continue;
        if (s->entries >= MOST)
            map_seen_forget(s);
        struct entry *e = add(s, i, key->text);
        if (!e || set_value(s, e, value))
            return no_memory(err);
    }
    return 0;
}

bool map_seen_find(const struct map_seen *s, const struct map_lookup *l, struct slice id,
                   struct map_value *out)
{
    uint32_t lookup, at;
    const struct entry *e = find_lookup(s, l, &lookup) ? find(s, lookup, id, &at) : NULL;
    if (e)
        *out = (struct map_value){.set = true, .null = e->null, .text = e->value};
    return e != NULL;
}
