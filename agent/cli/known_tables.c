#include "agent/cli/known_tables.h"
#include "schema/list.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void known_tables_free(struct known_tables *k)
{
    for (size_t i = 0; i < k->count; i++)
        arena_free(&k->list[i].arena);
    free(k->list);
    *k = (struct known_tables){0};
}

/* Place of the first table whose id is not less. */
static size_t lower_bound(const struct known_tables *k, uint32_t id)
{
    size_t low = 0, high = k->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (k->list[middle].table.id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct known_table *known_tables_find(const struct known_tables *k, uint32_t id)
{
    size_t i = lower_bound(k, id);
    return i < k->count && k->list[i].table.id == id ? &k->list[i] : NULL;
}

int known_tables_need(const struct known_tables *k, uint32_t id, const struct known_table **out,
                      struct ds_error *err)
{
    *out = known_tables_find(k, id);
    return *out ? 0
                : error_set(err, DS_EFORMAT,
                            "a change of table %" PRIu32 ", which was not described", id);
}

static int copy_definition(const struct message *m, struct known_table *out, struct ds_error *err)
{
    struct message copy;
    const uint8_t *raw = arena_copy(&out->arena, m->raw.p, m->raw.len);
    if (!raw)
        return error_set(err, DS_ENOMEM, "out of memory");
    int rc = message_read(&raw, raw + m->raw.len, &out->arena, &copy, err);
    if (rc == 0)
        out->table = copy.table;
    return rc;
}

static bool is_left_out(const struct known_tables *k, const struct known_table *t)
{
    char name[300];
    const struct slice text = t->table.name;
    if (!k->filter || text.len >= sizeof name)
        return false;
    snprintf(name, sizeof name, "%.*s", (int)text.len, (const char *)text.p);
    return !filter_keeps(k->filter, name);
}

int known_tables_add(struct known_tables *k, const struct message *m, struct known_table **out,
                     struct ds_error *err)
{
    struct known_table t = {0};
    int rc =
        LIST_ROOM(k->list, k->count, k->capacity) ? error_set(err, DS_ENOMEM, "out of memory") : 0;
    rc = rc ? rc : copy_definition(m, &t, err);
    if (rc) {
        arena_free(&t.arena);
        return rc;
    }
    t.left_out = is_left_out(k, &t);
    size_t i = lower_bound(k, t.table.id);
    if (i < k->count && k->list[i].table.id == t.table.id) {
        arena_free(&k->list[i].arena);
    } else {
        memmove(&k->list[i + 1], &k->list[i], (k->count - i) * sizeof *k->list);
        k->count++;
    }
    k->list[i] = t;
    *out = &k->list[i];
    return 0;
}

int known_table_bad_row(const struct known_table *t, int rc, struct ds_error *err)
{
    const struct msg_table *m = &t->table;
    return error_set(err, rc, "a row of %.*s.%.*s cannot be read", (int)m->database.len,
                     (const char *)m->database.p, (int)m->name.len, (const char *)m->name.p);
}
