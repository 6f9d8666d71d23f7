/* Tables as the stream defines them, joined to the destination's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applier/apply.h"
#include "applier/images.h"

static int out_of_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for a table of the stream");
}

struct source_table *source_table_find(const struct applier *a, uint32_t id)
{
    struct source_table *t = a->tables[id % DEFINITION_BUCKETS];
    while (t && t->def.id != id)
        t = t->next;
    return t;
}

void source_tables_free(struct source_table *t)
{
    while (t) {
        struct source_table *next = t->next;
        arena_free(&t->arena);
        free(t);
        t = next;
    }
}

static int copy_slice(struct arena *arena, struct slice *s)
{
    if (!s->p)
        return 0;
    s->p = arena_copy(arena, s->p, s->len);
    return s->p ? 0 : DS_ENOMEM;
}

uint32_t gather_entity(struct applier *a, const char *name)
{
    for (uint32_t i = 0; i < a->entity_count; i++)
        if (strcmp(a->entities[i].name, name) == 0)
            return i;
    if (a->entity_count == a->entity_cap) {
        uint32_t cap = a->entity_cap ? a->entity_cap * 2 : 64;
        struct entity_counts *bigger = realloc(a->entities, cap * sizeof *bigger);
        if (bigger)
            a->entities = bigger;
        struct entity_pending *pending =
            bigger ? realloc(a->pending_entities, cap * sizeof *pending) : NULL;
        if (!pending)
            return UINT32_MAX;
        memset(pending + a->entity_count, 0, (cap - a->entity_count) * sizeof *pending);
        a->pending_entities = pending;
        a->entity_cap = cap;
    }
    struct entity_counts *e = &a->entities[a->entity_count];
    memset(e, 0, sizeof *e);
    snprintf(e->name, sizeof e->name, "%s", name);
    return a->entity_count++;
}

/* Changes of the batch point to the old definition, so it stays until the batch is emptied: the
 * newest of an id stands first in its bucket. The stream repeats itself: mostly nothing is new. */
int source_table_define(struct applier *a, const struct message *message, struct ds_error *err)
{
    const struct msg_table *m = &message->table;
    struct source_table *t = source_table_find(a, m->id);
    if (t && t->raw.len == message->raw.len &&
        memcmp(t->raw.p, message->raw.p, message->raw.len) == 0)
        return 0;
    t = calloc(1, sizeof *t);
    if (!t)
        return out_of_memory(err);
    t->def = *m;
    t->raw = message->raw;
    int rc = copy_slice(&t->arena, &t->raw) | copy_slice(&t->arena, &t->def.database) |
             copy_slice(&t->arena, &t->def.name) | copy_slice(&t->arena, &t->def.entity) |
             copy_slice(&t->arena, &t->def.role);
    t->def.columns = arena_copy(&t->arena, m->columns, m->column_count * sizeof *m->columns);
    t->entity = arena_alloc(&t->arena, m->entity.len + 1);
    for (uint32_t i = 0; i < m->column_count && t->def.columns && rc == 0; i++)
        rc = copy_slice(&t->arena, &t->def.columns[i].name) |
             copy_slice(&t->arena, &t->def.columns[i].members);
    if (rc || !t->def.columns || !t->entity) {
        source_tables_free(t);
        return out_of_memory(err);
    }
    snprintf(t->entity, m->entity.len + 1, "%.*s", (int)m->entity.len, (const char *)m->entity.p);
    t->entity_index = gather_entity(a, t->entity);
    if (t->entity_index == UINT32_MAX) {
        source_tables_free(t);
        return out_of_memory(err);
    }
    t->next = a->tables[m->id % DEFINITION_BUCKETS];
    a->tables[m->id % DEFINITION_BUCKETS] = t;
    return 0;
}

void source_tables_forget_old(struct applier *a)
{
    for (uint32_t i = 0; i < DEFINITION_BUCKETS; i++)
        for (struct source_table **at = &a->tables[i]; *at;) {
            struct source_table *t = *at;
            if (source_table_find(a, t->def.id) == t) {
                at = &t->next;
                continue;
            }
            *at = t->next;
            t->next = NULL;
            source_tables_free(t);
        }
}

int source_table_raw(const struct source_table *t, struct buf *out)
{
    return buf_append(out, t->raw.p, t->raw.len);
}

/* How its rows name the root of their entity. Those that lead to it through others do not. */
static void find_link(const struct applier *a, struct source_table *t)
{
    const struct catalogue_entity *entity;
    const struct catalogue_table *entry;
    const char *prefix = a->config->source.prefix ? a->config->source.prefix : "";
    const char *name = t->target->name;
    size_t n = strlen(prefix);
    const struct catalogue *catalogue = filter_catalogue(a->options.filter);
    t->has_link = t->is_root = false;
    if (!catalogue || strncmp(name, prefix, n) != 0 ||
        !catalogue_lookup(catalogue, name + n, &entity, &entry) || entry->through || !entry->link ||
        strcmp(entity->name, t->entity) != 0)
        return;
    int column = target_column_ordinal(t->target, entry->link);
    t->has_link = column >= 0;
    t->link = t->has_link ? (uint32_t)column : 0;
    t->is_root = t->has_link && entry == &entity->tables[0];
}

int source_table_resolve(struct applier *a, struct source_table *t, struct ds_error *err)
{
    if (a->import)
        return import_resolve_table(a->import, t, true, err);
    if (t->target && t->target->exists && t->target_version == t->target->version)
        return 0;
    t->target = target_find(a->target, (const char *)t->def.name.p, t->def.name.len);
    int rc;
    if (!t->target) {
        rc = error_set(
            err, DS_ESCHEMA,
            "the source changes table %.*s, which the destination does not have: create it "
            "with the source's definition, or copy the database again with --resnapshot",
            (int)t->def.name.len, t->def.name.p);
    } else if (t->target->versioned) {
        rc = error_set(
            err, DS_EUNSUPPORTED,
            "table %s is system-versioned: its history cannot be written from outside; drop "
            "its versioning at both sides",
            t->target->name);
    } else {
        rc = target_match(t->target, &t->def, err);
    }
    if (rc) {
        t->target = NULL;
        return rc;
    }
    t->target_version = t->target->version;
    find_link(a, t);
    return 0;
}

int source_table_look(struct applier *a, struct source_table *t, struct ds_error *err)
{
    bool may_have_rows = t->import != NULL; /* in hand */
    return a->import ? import_resolve_table(a->import, t, may_have_rows, err) : 0;
}

int source_tables_look(struct applier *a, struct ds_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; i < DEFINITION_BUCKETS; i++)
        for (struct source_table *t = a->tables[i]; t && rc == 0; t = t->next)
            rc = source_table_look(a, t, err);
    return rc;
}

void source_table_choose_key(const struct change *c)
{
    struct target_table *t = c->table->target;
    const uint8_t *values[MESSAGE_MAX_COLUMNS];
    const struct target_key *last = NULL;
    if (!t || images_values(t, c->op == CHANGE_INSERT ? c->after : c->before, values))
        return;
    while (t->row_key && t->row_key != last) {
        last = t->row_key;
        for (uint32_t i = 0; i < last->count; i++)
            if (*values[last->columns[i]] == VALUE_BYTE_ABSENT)
                t->columns[last->columns[i]].unsent = true;
        target_choose_key(t);
    }
}
