#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "schema/document.h"
#include "schema/filter_internal.h"
#include "schema/shop_table.h"

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for the filter");
}

static bool everything(const struct config_list *list, const char *word)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i], word) == 0)
            return true;
    return false;
}

bool filter_all_tables(const struct filter *f)
{
    return everything(&f->config->tables_include, "*") && !f->config->tables_exclude.count;
}

static int check_entities(const struct filter *f, struct ds_error *err)
{
    const struct config_list *list = &f->config->entities;
    char where[700];
    config_where(f->config, "entities", where, sizeof where);
    if (!list->count)
        return error_set(err, DS_EUSAGE, "%s: entities: is empty; [all] is everything", where);
    for (size_t i = 0; i < list->count; i++) {
        const char *name = list->items[i];
        const struct catalogue_entity *e = catalogue_find(f->catalogue, name);
        if (e && e->kind == KIND_DERIVED && f->config->mode == MODE_IMPORT)
            return error_set(err, DS_EUSAGE,
                             "%s: entities: %s is never imported: the shop makes it from its other "
                             "rows",
                             where, e->name);
        const bool rest = strcmp(name, "table") == 0;
        if (rest && list->count == 1 && f->config->mode == MODE_IMPORT)
            return error_set(err, DS_EUSAGE,
                             "%s: entities: tables of no entity are not imported, since nothing "
                             "says which of their columns hold ids: describe them in entities_dir",
                             where);
        if (e || rest || strcmp(name, "all") == 0)
            continue;
        return error_set(err, DS_EUSAGE,
                         "%s: entities: there is no entity '%s'; datasync entities --plain lists "
                         "them, and `table` stands for all tables of none",
                         where, name);
    }
    return 0;
}

static int check_patterns(const struct filter *f, const char *key, const struct config_list *list,
                          struct ds_error *err)
{
    char where[700];
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i][0] == '@' && !catalogue_group_find(f->catalogue, list->items[i]))
            return error_set(
                err, DS_EUSAGE, "%s: %s: there is no group '%s'; datasync entities lists them",
                config_where(f->config, key, where, sizeof where), key, list->items[i]);
    return 0;
}

/* A condition on a root holds for its entity; on a table in between it would tear one apart. */
static int check_alone(struct filter *f, const char *table, const char *where, struct ds_error *err)
{
    const struct catalogue_entity *e;
    const struct catalogue_table *entry;
    if (!catalogue_lookup(f->catalogue, table, &e, &entry))
        return 0;
    f->levels |= entry == &e->tables[0];
    for (size_t i = 0; i < e->table_count; i++)
        if (e->tables[i].through && strcmp(e->tables[i].through, table) == 0)
            return error_set(err, DS_EUSAGE,
                             "%s: where: rows of %s hang on those of %s, and both belong to the "
                             "entity %s, which travels as a whole: put the condition on its root, "
                             "%s",
                             where, e->tables[i].table, table, e->name, e->tables[0].table);
    return 0;
}

int filter_by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* `all`: the word that takes everything. */
static int normalise(const struct filter *f, const struct config_list *list, const char *all,
                     bool entities, struct names *out, struct ds_error *err)
{
    out->items = calloc(list->count + 1, sizeof(char *));
    if (!out->items)
        return no_memory(err);
    if (everything(list, all)) {
        out->items[out->count++] = all;
        return 0;
    }
    for (size_t i = 0; i < list->count; i++) {
        const struct catalogue_entity *e =
            entities ? catalogue_find(f->catalogue, list->items[i]) : NULL;
        out->items[i] = e ? e->name : list->items[i];
    }
    qsort((void *)out->items, list->count, sizeof(char *), filter_by_text);
    for (size_t i = 0; i < list->count; i++)
        if (out->count == 0 || strcmp(out->items[out->count - 1], out->items[i]) != 0)
            out->items[out->count++] = out->items[i];
    return 0;
}

static bool has_name(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->items[i], name) == 0)
            return true;
    return false;
}

/* What the listed ones bring along, and what these bring. */
static int add_along(struct filter *f, struct ds_error *err)
{
    struct names *all = &f->entities;
    size_t room = all->count + catalogue_count(f->catalogue) + 1;
    const char **items = realloc(all->items, room * sizeof *items);
    if (items)
        all->items = items;
    f->along.items = calloc(room, sizeof *items);
    if (!items || !f->along.items)
        return no_memory(err);
    for (size_t i = 0; i < all->count && !has_name(all, "all"); i++) {
        const struct catalogue_entity *e = catalogue_find(f->catalogue, items[i]);
        for (size_t k = 0; e && k < e->reference_count; k++) {
            const struct catalogue_entity *to =
                e->references[k].brings ? catalogue_find(f->catalogue, e->references[k].entity)
                                        : NULL;
            if (to && !has_name(all, to->name))
                items[all->count++] = f->along.items[f->along.count++] = to->name;
        }
    }
    qsort((void *)items, all->count, sizeof *items, filter_by_text);
    return 0;
}

static int read_conditions(struct filter *f, struct ds_error *err)
{
    const struct config_list *list = &f->config->where;
    char where[700];
    config_where(f->config, "where", where, sizeof where);
    f->where = calloc(list->count / 2 + 1, sizeof *f->where);
    if (!f->where)
        return no_memory(err);
    for (size_t i = 0; i < list->count; i += 2) {
        BUF_AUTO struct buf place = {0};
        if (buf_printf(&place, "%s: where.%s", where, list->items[i]))
            return no_memory(err);
        if (strpbrk(list->items[i], "*?@"))
            return error_set(err, DS_EUSAGE,
                             "%s: where: '%s' is a pattern; a condition is for one table, by its "
                             "name without prefix",
                             where, list->items[i]);
        int rc = check_alone(f, list->items[i], where, err);
        if (rc == 0)
            rc = where_parse(&f->where[i / 2], list->items[i + 1], buf_cstr(&place), err);
        if (rc)
            return rc;
    }
    return 0;
}

static bool keeps_entry(const struct filter *f, const char *table)
{
    BUF_AUTO struct buf name = {0};
    return buf_printf(&name, "%s%s", f->config->source.prefix, table) == 0 &&
           filter_keeps(f, buf_cstr(&name));
}

/* Nor could it of rows that lead there through a table that is left out. */
static int check_through(const struct filter *f, const struct catalogue_entity *e,
                         struct ds_error *err)
{
    char where[700];
    for (size_t i = 0; i < e->table_count; i++) {
        const struct catalogue_table *t = &e->tables[i];
        if (t->through && keeps_entry(f, t->table) && !keeps_entry(f, t->through))
            return error_set(err, DS_EUSAGE,
                             "%s: where: rows of %s belong to the entity %s through %s, which is "
                             "left out: leave out both, or none",
                             config_where(f->config, "where", where, sizeof where), t->table,
                             e->name, t->through);
    }
    return 0;
}

/* Of a root that is left out nobody could tell which of the entity's rows travel. */
static int check_kept(const struct filter *f, struct ds_error *err)
{
    const char *name;
    char where[700];
    for (size_t i = 0; (name = filter_where_table(f, i)); i++) {
        BUF_AUTO struct buf table = {0};
        struct filter_level level = {0};
        if (buf_printf(&table, "%s%s", f->config->source.prefix, name))
            return no_memory(err);
        if (filter_level(f, buf_cstr(&table), &level) && !filter_keeps(f, buf_cstr(&table)))
            return error_set(err, DS_EUSAGE,
                             "%s: where: there is a condition for %s, and the table is left out "
                             "by entities, stock, tables or mask.unknown: take one of them away",
                             config_where(f->config, "where", where, sizeof where), name);
        int rc = level.entity ? check_through(f, level.entity, err) : 0;
        if (rc)
            return rc;
    }
    return 0;
}

static int make_filter(struct filter **out, const struct config *c,
                       const struct catalogue *catalogue, bool along, struct ds_error *err)
{
    struct filter *f = calloc(1, sizeof *f);
    if (!f)
        return no_memory(err);
    *f = (struct filter){.config = c, .catalogue = catalogue};
    char where[700];
    f->all = everything(&c->entities, "all") && c->stock == STOCK_INCLUDE && filter_all_tables(f);
    int rc = check_entities(f, err);
    if (rc == 0 && !c->tables_include.count)
        rc = error_set(err, DS_EUSAGE, "%s: tables.include: is empty; [\"*\"] is everything",
                       config_where(c, "tables.include", where, sizeof where));
    if (rc == 0)
        rc = check_patterns(f, "tables.include", &c->tables_include, err);
    if (rc == 0)
        rc = check_patterns(f, "tables.exclude", &c->tables_exclude, err);
    if (rc == 0)
        rc = normalise(f, &c->entities, "all", true, &f->entities, err);
    if (rc == 0)
        rc = along ? add_along(f, err) : 0;
    if (rc == 0)
        rc = normalise(f, &c->tables_include, "*", false, &f->include, err);
    if (rc == 0)
        rc = normalise(f, &c->tables_exclude, "*", false, &f->exclude, err);
    if (rc == 0)
        rc = read_conditions(f, err);
    if (rc == 0)
        rc = mask_new(&f->mask, c, err);
    if (rc == 0)
        rc = filter_map_read(f, err);
    if (rc == 0)
        rc = check_kept(f, err);
    if (rc)
        filter_free(f);
    else
        *out = f;
    return rc;
}

int filter_new(struct filter **out, const struct config *c, const struct catalogue *catalogue,
               struct ds_error *err)
{
    return make_filter(out, c, catalogue, c->mode == MODE_IMPORT, err);
}

int filter_new_exactly(struct filter **out, const struct config *c,
                       const struct catalogue *catalogue, struct ds_error *err)
{
    return make_filter(out, c, catalogue, false, err);
}

void filter_free(struct filter *f)
{
    if (!f)
        return;
    mask_free(f->mask);
    map_free(f->map);
    for (size_t i = 0; f->where && f->where[i]; i++)
        where_free(f->where[i]);
    free(f->where);
    free((void *)f->entities.items);
    free((void *)f->along.items);
    free((void *)f->include.items);
    free((void *)f->exclude.items);
    free(f);
}

bool filter_is_all(const struct filter *f)
{
    return !f || (f->all && !f->levels && !mask_unknown_null(f->mask));
}

const char *filter_where_table(const struct filter *f, size_t i)
{
    return f && i < f->config->where.count / 2 ? f->config->where.items[2 * i] : NULL;
}

const struct where *filter_condition(const struct filter *f, const char *table)
{
    for (size_t i = 0; filter_where_table(f, i); i++)
        if (strcmp(filter_where_table(f, i), table) == 0)
            return f->where[i];
    return NULL;
}

const struct where *filter_where(const struct filter *f, const char *table)
{
    char scratch[SHOP_TABLE_SIZE];
    bool shops;
    if (!filter_where_table(f, 0))
        return NULL;
    table = shop_table(f->config->source.prefix, table, scratch, &shops);
    return shops ? filter_condition(f, table) : NULL;
}

bool filter_has_levels(const struct filter *f)
{
    return f && f->levels;
}

bool filter_level(const struct filter *f, const char *table, struct filter_level *out)
{
    char scratch[SHOP_TABLE_SIZE];
    bool shops;
    if (!filter_has_levels(f))
        return false;
    const char *name = shop_table(f->config->source.prefix, table, scratch, &shops);
    if (!shops || !catalogue_lookup(f->catalogue, name, &out->entity, &out->entry) ||
        !filter_condition(f, out->entity->tables[0].table))
        return false;
    size_t prefix = strlen(f->config->source.prefix ? f->config->source.prefix : "");
    out->shadow = strlen(table) < prefix || strcmp(table + prefix, name) != 0;
    return true;
}

const struct catalogue_table *filter_level_parent(const struct filter_level *l)
{
    const struct catalogue_entity *e = l->entity;
    for (size_t i = 0; l->entry->through && i < e->table_count; i++)
        if (strcmp(e->tables[i].table, l->entry->through) == 0)
            return &e->tables[i];
    return &e->tables[0];
}

const char *filter_level_key(const struct catalogue_table *parent)
{
    return parent->key ? parent->key : parent->link;
}

bool filter_crosses(const struct filter *f, const char *child, const char *column,
                    const char *parent)
{
    struct filter_level x = {0}, y = {0};
    if (!filter_keeps(f, child))
        return false;
    if (!filter_keeps(f, parent))
        return true;
    if (!filter_level(f, parent, &y))
        return false;
    if (!filter_level(f, child, &x) || x.entity != y.entity)
        return true;
    bool to_root = y.entry == &y.entity->tables[0], from_root = x.entry == y.entry;
    bool leads =
        !from_root && !x.entry->through && column && strcasecmp(column, x.entry->link) == 0;
    return to_root && !leads;
}

static bool same_level(const struct filter *f, const char *a, const char *b)
{
    struct filter_level x = {0}, y = {0};
    bool one = filter_level(f, a, &x), other = filter_level(f, b, &y);
    return one == other && (!one || x.entry == y.entry);
}

bool filter_same(const struct filter *f, const char *a, const char *b)
{
    const struct where *x = filter_where(f, a), *y = filter_where(f, b);
    return filter_keeps(f, a) == filter_keeps(f, b) && !x == !y &&
           (!x || strcmp(where_text(x), where_text(y)) == 0) && same_level(f, a, b);
}

const struct catalogue *filter_catalogue(const struct filter *f)
{
    return f ? f->catalogue : NULL;
}

const struct mask *filter_mask(const struct filter *f)
{
    return f ? f->mask : NULL;
}

/* `shops`: the table has the shop's prefix, groups are about it. */
static bool matches(const struct filter *f, const struct names *patterns, const char *table,
                    bool shops)
{
    for (size_t i = 0; i < patterns->count; i++) {
        const char *pattern = patterns->items[i];
        bool match =
            pattern[0] == '@'
                ? shops && catalogue_group_has(f->catalogue,
                                               catalogue_group_find(f->catalogue, pattern), table)
                : fnmatch(pattern, table, FNM_NOESCAPE) == 0;
        if (match)
            return true;
    }
    return false;
}

static bool entity_listed(const struct filter *f, const struct catalogue_entity *entity)
{
    return has_name(&f->entities, entity ? entity->name : "table") || has_name(&f->entities, "all");
}

bool filter_keeps(const struct filter *f, const char *table)
{
    if (mask_unknown_null(filter_mask(f)) && !mask_knows_table(f->mask, table))
        return false;
    if (!f || f->all)
        return true;
    char scratch[SHOP_TABLE_SIZE];
    bool shops;
    const struct catalogue_entity *entity = NULL;
    const struct catalogue_table *entry = NULL;
    table = shop_table(f->config->source.prefix, table, scratch, &shops);
    if (!shops || !catalogue_lookup(f->catalogue, table, &entity, &entry))
        entity = NULL;
    bool stock = entity && entry->stock;
    return entity_listed(f, entity) && matches(f, &f->include, table, shops) &&
           !matches(f, &f->exclude, table, shops) &&
           (f->config->stock == STOCK_INCLUDE || stock == (f->config->stock == STOCK_ONLY));
}

bool filter_leads(const struct filter *f, const char *table)
{
    const struct map *map = filter_map(f);
    const char *prefix = map ? f->config->source.prefix : "";
    size_t len = strlen(prefix);
    if (!map)
        return true;
    return strncmp(table, prefix, len) == 0 &&
           (map_document(map, MAP_SOURCE, table + len) || map_step(map, MAP_SOURCE, table + len) ||
            map_watches(map, table + len));
}

/* --- what an import takes -------------------------------------------------------------------- */

static bool is_named(const struct filter *f, const struct catalogue_entity *e)
{
    const struct config_list *list = &f->config->entities;
    for (size_t i = 0; i < list->count; i++)
        if (catalogue_find(f->catalogue, list->items[i]) == e)
            return true;
    return false;
}

bool filter_imports(const struct filter *f, const struct catalogue_entity *e)
{
    char root[SHOP_TABLE_SIZE];
    const char *prefix = f->config->source.prefix;
    snprintf(root, sizeof root, "%s%s", prefix ? prefix : "", e->tables[0].table);
    return e->kind != KIND_DERIVED && filter_keeps(f, root) &&
           (e->kind == KIND_DATA || is_named(f, e));
}

bool filter_comes_along(const struct filter *f, const struct catalogue_entity *e)
{
    return has_name(&f->along, e->name);
}

bool filter_imports_all(const struct filter *f)
{
    return everything(&f->config->entities, "all") && f->config->stock == STOCK_INCLUDE;
}

/* Is part of what identifies the root a word of its own, not only whose it is? */
static bool has_own_name(const struct catalogue_entity *e)
{
    const struct catalogue_table *root = &e->tables[0];
    for (size_t i = 0; i < root->part_count; i++) {
        bool refers = false;
        for (size_t k = 0; k < e->reference_count && root->parts[i].column; k++)
            refers |= strcmp(e->references[k].table, root->table) == 0 &&
                      strcmp(e->references[k].column, root->parts[i].column) == 0;
        if (!refers)
            return true;
    }
    return false;
}

bool filter_maps(const struct catalogue_entity *e)
{
    return e->kind == KIND_REFERENCE ||
           (e->kind == KIND_DATA && e->tables[0].identity == IDENTITY_COLUMNS && has_own_name(e));
}

static void add_referred(const struct filter *f, const struct catalogue_entity *e, bool *set)
{
    for (size_t i = 0; i < e->reference_count; i++) {
        const struct catalogue_entity *to = catalogue_find(f->catalogue, e->references[i].entity);
        for (size_t k = 0; to && k < catalogue_count(f->catalogue); k++)
            if (catalogue_at(f->catalogue, k) == to && !set[k] && filter_maps(to)) {
                set[k] = true;
                add_referred(f, to, set);
            }
    }
}

void filter_add_scope(const struct filter *f, const struct catalogue_entity *e, bool *set)
{
    for (size_t i = 0; i < catalogue_count(f->catalogue); i++)
        set[i] |= catalogue_at(f->catalogue, i) == e;
    add_referred(f, e, set);
}

void filter_import_scope(const struct filter *f, bool *set)
{
    for (size_t i = 0; i < catalogue_count(f->catalogue); i++) {
        const struct catalogue_entity *e = catalogue_at(f->catalogue, i);
        if (filter_imports(f, e))
            filter_add_scope(f, e, set);
    }
}

bool filter_names(const struct catalogue_entity *e, const struct catalogue_entity *to)
{
    for (size_t i = 0; i < document_format_count(); i++) {
        const struct document_format *format = document_format_at(i);
        const struct document_target *t;
        bool own = false;
        for (size_t k = 0; k < e->table_count; k++)
            own |= strcmp(e->tables[k].table, format->table) == 0;
        for (size_t k = 0; own && (t = document_names(format, k)); k++)
            if (strcmp(t->entity, to->name) == 0)
                return true;
    }
    return false;
}

static bool is_part_of_name(const struct catalogue_entity *e, const struct catalogue_reference *r)
{
    bool part = false;
    for (size_t i = 0; i < e->natural_key_count; i++)
        part |= e->natural_key[i].column && strcmp(e->natural_key[i].column, r->column) == 0;
    return part && strcmp(r->table, e->tables[0].table) == 0;
}

/* Kind `at`, and those that its roots are told by. */
static void add_recognised(const struct filter *f, size_t at, bool *set)
{
    const struct catalogue_entity *e = catalogue_at(f->catalogue, at);
    set[at] = true;
    for (size_t i = 0; i < e->reference_count; i++) {
        const struct catalogue_entity *to = catalogue_find(f->catalogue, e->references[i].entity);
        for (size_t k = 0;
             is_part_of_name(e, &e->references[i]) && k < catalogue_count(f->catalogue); k++)
            if (catalogue_at(f->catalogue, k) == to && !set[k] && filter_maps(to))
                add_recognised(f, k, set);
    }
}

void filter_add_recognised(const struct filter *f, const struct catalogue_entity *e, bool *set)
{
    for (size_t i = 0; i < catalogue_count(f->catalogue); i++) {
        const struct catalogue_entity *to = catalogue_at(f->catalogue, i);
        if (!set[i] && filter_maps(to) && filter_names(e, to))
            add_recognised(f, i, set);
    }
}

bool filter_travels(const struct filter *f, const char *table)
{
    const struct catalogue_entity *entity;
    const struct catalogue_table *entry;
    char scratch[SHOP_TABLE_SIZE];
    bool shops, refers = false;
    if (filter_keeps(f, table) || f->config->mode != MODE_IMPORT)
        return filter_keeps(f, table) && filter_leads(f, table);
    table = shop_table(f->config->source.prefix, table, scratch, &shops);
    if (!shops || !catalogue_lookup(f->catalogue, table, &entity, &entry) || !filter_maps(entity))
        return false;
    bool *scope = calloc(catalogue_count(f->catalogue) + 1, sizeof *scope);
    if (!scope)
        return true; /* what is not needed is left out where it is written */
    filter_import_scope(f, scope);
    for (size_t i = 0; i < catalogue_count(f->catalogue); i++)
        if (filter_imports(f, catalogue_at(f->catalogue, i)))
            filter_add_recognised(f, catalogue_at(f->catalogue, i), scope);
    for (size_t i = 0; i < catalogue_count(f->catalogue); i++)
        refers |= scope[i] && catalogue_at(f->catalogue, i) == entity;
    free(scope);
    return refers;
}
