/* The tables of a kind of entity that is copied, and to what its rows refer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/entity_copy_internal.h"
#include "schema/document.h"
#include "schema/log.h"

int entity_no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for a copy of entities");
}

const struct entity_ids *entity_listed(const struct copy *c, const struct catalogue_entity *e)
{
    const struct entity_selection *s = &c->o->selection;
    for (size_t i = 0; s->listed && i < s->kind_count; i++)
        if (s->kinds[i].entity == e)
            return &s->kinds[i];
    return NULL;
}

bool entity_is_asked_for(const struct copy *c, const struct catalogue_entity *e)
{
    if (e == c->naming)
        return false;
    if (c->along && e == c->entity)
        return true;
    if (!filter_imports(c->o->filter, e) || entity_is_passed_over(c, e))
        return false;
    return c->o->selection.listed ? entity_listed(c, e) != NULL
                                  : c->o->follows || !filter_comes_along(c->o->filter, e);
}

static int by_id(const void *x, const void *y)
{
    return strcmp(((const struct changed_id *)x)->id, ((const struct changed_id *)y)->id);
}

bool entity_is_listed(const struct entity_ids *ids, const char *id)
{
    const struct changed_id wanted = {.id = id};
    return ids && ids->count && bsearch(&wanted, ids->items, ids->count, sizeof wanted, by_id);
}

const char *entity_prefix(const struct copy *c)
{
    return c->o->config->source.prefix ? c->o->config->source.prefix : "";
}

uint32_t entity_column(const struct table_plan *plan, const char *name)
{
    return message_column(plan->described, plan->column_count, name);
}

/* --- tables of a kind ----------------------------------------------------------------------------
 */

static struct copied_table *table_by_name(struct copy *c, const char *name)
{
    for (uint32_t i = 0; i < c->table_count; i++)
        if (strcmp(c->tables[i].entry->table, name) == 0)
            return &c->tables[i];
    return NULL;
}

static bool refers_to_own_kind(const struct copy *c, const struct catalogue_table *entry)
{
    const struct catalogue *all = c->o->catalogue;
    for (size_t i = 0; i < c->entity->reference_count; i++) {
        const struct catalogue_reference *r = &c->entity->references[i];
        if (r->required && !r->to && strcmp(r->table, entry->table) == 0 &&
            catalogue_find(all, r->entity) == c->entity)
            return true;
    }
    return false;
}

bool entity_is_later(const struct copy *c, const struct catalogue_entity *e,
                     const struct catalogue_entity *than)
{
    const struct catalogue *all = c->o->catalogue;
    bool met = false;
    for (size_t i = 0; i < catalogue_count(all); i++) {
        if (catalogue_at(all, i) == e)
            return met;
        met |= catalogue_at(all, i) == than;
    }
    return false;
}

/* Is it the path by which a tree's roots stand below each other? They come by their depth. */
bool entity_is_path(const struct catalogue_entity *e, const struct catalogue_reference *r)
{
    return r->form == REFERENCE_PATH && strcmp(r->table, e->tables[0].table) == 0;
}

static bool is_tree(const struct catalogue_entity *e)
{
    for (size_t i = 0; i < e->reference_count; i++)
        if (entity_is_path(e, &e->references[i]))
            return true;
    return false;
}

/* The kind that a reference is to, if what it names may come behind the row; NULL: that it may not.
 */
const struct catalogue_entity *entity_later_kind(const struct copy *c,
                                                 const struct catalogue_entity *e,
                                                 const struct catalogue_reference *r)
{
    const struct catalogue_entity *to = catalogue_find(c->o->catalogue, r->entity);
    const char *roots = e->tables[0].table;
    bool own = to == e && !r->to && !r->required && r->form == REFERENCE_ONE && roots &&
               strcmp(r->table, roots) == 0 && !is_tree(e);
    bool later = to && r->deferred && entity_is_asked_for(c, to) && entity_is_later(c, to, e);
    return own || later ? to : NULL;
}

/* Does the table have values that may name what comes behind its rows, told by a word in them? */
const struct document_format *
entity_later_format(const struct copy *c, const struct catalogue_entity *e, const char *table)
{
    for (size_t i = 0; i < document_format_count(); i++) {
        const struct document_format *f = document_format_at(i);
        const struct document_target *target = document_names(f, 0);
        bool told = f->marker && target && table && strcmp(f->table, table) == 0;
        const struct catalogue_entity *to =
            told ? catalogue_find(c->o->catalogue, target->entity) : NULL;
        if (to && entity_is_asked_for(c, to) && entity_is_later(c, to, e))
            return f;
    }
    return NULL;
}

bool entity_refers_later(const struct copy *c, const struct catalogue_entity *e, const char *table)
{
    for (size_t i = 0; i < e->table_count; i++)
        if ((!table || strcmp(e->tables[i].table, table) == 0) &&
            entity_later_format(c, e, e->tables[i].table))
            return true;
    for (size_t i = 0; i < e->reference_count; i++)
        if (entity_later_kind(c, e, &e->references[i]) &&
            (!table || strcmp(e->references[i].table, table) == 0))
            return true;
    return false;
}

static int put_table(struct copy *c, const struct copied_table *t, struct ds_error *err)
{
    const char *role = t->entry->role ? t->entry->role : "";
    const struct msg_table m = {
        .id = t->plan.id,
        .database = {(const uint8_t *)c->shared->source.database,
                     strlen(c->shared->source.database)},
        .name = {(const uint8_t *)t->name, strlen(t->name)},
        .entity = {(const uint8_t *)t->entity->name, strlen(t->entity->name)},
        .role = {(const uint8_t *)role, strlen(role)},
        .flags = TABLE_NAMES | TABLE_SIGNEDNESS | TABLE_KEYS,
        .column_count = t->plan.column_count,
        .columns = t->plan.described,
    };
    buf_clear(&c->shared->message);
    if (message_write_table(&c->shared->message, &m))
        return entity_no_memory(err);
    return c->o->put(c->o->arg, c->shared->message.data, c->shared->message.len, err);
}

/* How its rows travel. Those of a kind that is only referred to are not chosen. */
static int open_rules(struct copy *c, struct copied_table *t, struct ds_error *err)
{
    const bool imported = filter_imports(c->o->filter, t->entity);
    const struct where *where = imported ? filter_where(c->o->filter, t->name) : NULL;
    t->flags = CHANGE_COPIED;
    if (imported && (t->entity != c->entity || !entity_is_asked_for(c, t->entity)))
        t->flags |= CHANGE_NAMED; /* of what is only referred to, though the filter asks for it */
    int rc = c->o->masker ? masker_plan(c->o->masker, t->name, t->plan.described,
                                        t->plan.column_count, TABLE_NAMES, NULL, &t->mask, err)
                          : 0;
    if (rc == 0 && where)
        rc =
            where_bind(&t->where, where, t->plan.described, t->plan.column_count, TABLE_NAMES, err);
    if (rc == 0 && mask_plan_masks(t->mask, t->link))
        rc = masker_refuse_link(t->plan.described[t->link].name, err);
    if (rc == 0 && t->key != UINT32_MAX && mask_plan_masks(t->mask, t->key))
        rc = masker_refuse_link(t->plan.described[t->key].name, err);
    return rc;
}

struct row_output entity_output(const struct copy *c, const struct copied_table *t)
{
    return (struct row_output){.max_row = c->o->config->max_event,
                               .masker = c->o->masker,
                               .mask = t->mask,
                               .where = t->where};
}

static void close_table(struct copied_table *t)
{
    free(t->referring);
    free(t->documents);
    table_plan_free(&t->plan);
    mask_plan_free(t->mask);
    where_bound_free(t->where);
}

static const char *find_lookup(const struct copied_table *t)
{
    for (uint32_t i = 0; i < t->plan.lookup_count; i++)
        if (strcasecmp(t->plan.lookups[i].column, t->entry->link) == 0)
            return t->plan.lookups[i].index;
    return NULL;
}

/* Not *exists: the source has none of that name. */
static int open_columns(struct copy *c, struct copied_table *t, bool *exists, struct ds_error *err)
{
    int rc = table_plan_read(&t->plan, &c->shared->source, t->name, c->shared->next_table_id, err);
    *exists = rc == 0;
    if (rc == DS_ERETRY && !err->server_errno) {
        error_clear(err);
        return entity_ask_hidden(c, c->shared->source.db, t->entity, t->name, err);
    }
    if (rc)
        return rc;
    c->shared->next_table_id++;
    t->index = find_lookup(t);
    return 0;
}

int entity_open_table(struct copy *c, const struct catalogue_table *entry, struct ds_error *err)
{
    struct copied_table *t = &c->tables[c->table_count];
    bool exists = false;
    *t = (struct copied_table){.entity = c->entity, .entry = entry};
    snprintf(t->name, sizeof t->name, "%s%s", entity_prefix(c), entry->there);
    if (entity_is_asked_for(c, c->entity) && !filter_keeps(c->o->filter, t->name))
        return 0;
    if (!catalogue_is_imported(entry))
        return 0;
    if (entry->through && !(t->through = table_by_name(c, entry->through)))
        return 0;
    int rc = open_columns(c, t, &exists, err);
    if (rc || !exists)
        return rc;
    c->table_count++;
    t->link = entity_column(&t->plan, entry->link);
    t->key = entity_column(&t->plan, entry == &c->entity->tables[0] ? entry->link : entry->key);
    if (t->link == UINT32_MAX)
        return error_set(err, DS_ESCHEMA, "table %s has no column %s", t->name, entry->link);
    t->again = c->pass == DEFERRED
                   ? entity_refers_later(c, c->entity, c->entity->tables[0].table) ||
                         entity_refers_later(c, c->entity, entry->table)
                   : entry != &c->entity->tables[0] &&
                         (refers_to_own_kind(c, entry) || (t->through && t->through->again));
    for (struct copied_table *x = t->again ? t->through : NULL; x; x = x->through)
        x->leads = true;
    for (size_t i = 0; i < c->entity->table_count; i++) {
        const char *through = c->entity->tables[i].through;
        t->has_members |= through && strcmp(through, entry->table) == 0;
    }
    rc = open_rules(c, t, err);
    return rc ? rc : put_table(c, t, err);
}

int entity_open_referred_table(struct copy *c, struct copied_table *t, bool *exists,
                               struct ds_error *err)
{
    snprintf(t->name, sizeof t->name, "%s%s", entity_prefix(c), t->entry->there);
    int rc = open_columns(c, t, exists, err);
    if (rc || !*exists)
        return rc;
    t->link = entity_column(&t->plan, t->entry->link);
    t->key = entity_column(&t->plan, t->through ? t->entry->key : t->entry->link);
    *exists = t->link != UINT32_MAX;
    rc = *exists ? open_rules(c, t, err) : 0;
    rc = rc || !*exists ? rc : put_table(c, t, err);
    if (rc || !*exists)
        close_table(t);
    return rc;
}

void entity_forget_keys(struct copy *c)
{
    for (size_t i = 0; i < c->key_count; i++)
        free(c->keys[i]);
    free(c->keys);
    c->keys = NULL;
    c->key_count = 0;
}

void entity_close_kind(struct copy *c)
{
    entity_close_brought(c);
    entity_forget_keys(c);
    for (uint32_t i = 0; i < c->table_count; i++)
        close_table(&c->tables[i]);
    for (uint32_t i = 0; i < c->referred_count; i++)
        close_table(&c->referred[i]);
    free(c->referred);
    c->referred = NULL;
    c->referred_count = 0;
    free(c->tables);
    c->tables = NULL;
    c->table_count = 0;
}
