/* What the catalogue says of a table, compiled for the source's columns and the destination's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "applier/import/documents.h"
#include "applier/import/import_internal.h"
#include "applier/import/when.h"
#include "schema/log.h"
#include "schema/shop_table.h"

static uint32_t source_column(const struct msg_table *def, const char *name)
{
    for (uint32_t i = 0; name && i < def->column_count; i++) {
        const struct slice *n = &def->columns[i].name;
        if (n->p && n->len == strlen(name) && strncasecmp((const char *)n->p, name, n->len) == 0)
            return i;
    }
    return NO_COLUMN;
}

uint32_t import_source_column(const struct import_table *t, const char *name)
{
    for (uint32_t i = 0; name && i < t->source_count; i++)
        if (strcasecmp(t->names[i], name) == 0)
            return i;
    return NO_COLUMN;
}

static uint32_t target_column(const struct target_table *t, const char *name)
{
    int ordinal = name ? target_column_ordinal(t, name) : -1;
    return ordinal < 0 ? NO_COLUMN : (uint32_t)ordinal;
}

const struct catalogue_table *import_parent(const struct catalogue_entity *e,
                                            const struct catalogue_table *entry)
{
    return entry->through ? import_catalogue_table(e, entry->through) : &e->tables[0];
}

/* Ids of that table are in the registry: under which name? NULL: they are the same at both sides.
 */
const char *import_type_name(const struct catalogue_entity *e, const struct catalogue_table *t)
{
    if (catalogue_same_key(e, t))
        return NULL;
    if (t == &e->tables[0])
        return e->name;
    return t->key ? t->table : NULL;
}

const struct target_table *import_shop_table(const struct import *im, const char *name)
{
    char full[200];
    const char *prefix = im->options.config->destination.prefix;
    int n = snprintf(full, sizeof full, "%s%s", prefix ? prefix : "", name);
    const struct target_table *t = target_find(im->target, full, (size_t)n);
    return t && t->exists ? t : NULL;
}

const struct catalogue_table *import_catalogue_table(const struct catalogue_entity *e,
                                                     const char *name)
{
    for (size_t i = 0; i < e->table_count; i++)
        if (strcmp(e->tables[i].table, name) == 0)
            return &e->tables[i];
    return NULL;
}

static int add_reference(struct import_table *t, struct import_reference r, const char *type,
                         struct ds_error *err)
{
    if (!type || r.source == NO_COLUMN || r.target == NO_COLUMN)
        return 0;
    r.type = registry_type(t->im->registry, type);
    if (r.type == UINT32_MAX)
        return import_no_memory(err);
    r.own = t->type != UINT32_MAX && r.type == t->type && r.source != t->id_source;
    t->references[t->reference_count++] = r;
    return 0;
}

/* The column that leads to the parent. A root's is the entity's key: an id of its own, or another
 * entity's, which a reference says. */
static int add_link(struct import_table *t, const struct msg_table *def, struct ds_error *err)
{
    const struct catalogue_table *entry = t->entry;
    const struct catalogue_table *parent = import_parent(t->entity, entry);
    t->link_source = t->link_target = NO_COLUMN;
    if (t->root)
        return 0;
    const char *type = import_type_name(t->entity, parent);
    t->link_source = source_column(def, entry->link);
    t->link_target = target_column(t->target, entry->link);
    if (t->link_source == NO_COLUMN || t->link_target == NO_COLUMN)
        return error_set(err, DS_ESCHEMA, "table %s has no column %s, by which its rows are found",
                         entry->table, entry->link);
    t->parent_type = type ? registry_type(t->im->registry, type) : UINT32_MAX;
    /* a root whose key is another entity's (stock): its members hold that id, too */
    return add_reference(t,
                         (struct import_reference){.source = t->link_source,
                                                   .target = t->link_target,
                                                   .form = REFERENCE_ONE,
                                                   .required = true,
                                                   .parent = true,
                                                   .when = NO_COLUMN},
                         type, err);
}

static int add_references(struct import_table *t, const struct msg_table *def, struct ds_error *err)
{
    const struct catalogue *c = t->im->options.catalogue;
    int rc = 0;
    for (size_t i = 0; i < t->entity->reference_count && rc == 0; i++) {
        const struct catalogue_reference *rule = &t->entity->references[i];
        const struct catalogue_entity *e = catalogue_find(c, rule->entity);
        if (strcmp(rule->table, t->entry->table) != 0 || !e || rule->by)
            continue;
        const struct catalogue_table *to =
            rule->to ? import_catalogue_table(e, rule->to) : &e->tables[0];
        struct import_reference r = {.rule = rule,
                                     .source = source_column(def, rule->column),
                                     .target = target_column(t->target, rule->column),
                                     .form =
                                         rule->form == REFERENCE_WORD ? REFERENCE_ONE : rule->form,
                                     .word = rule->form == REFERENCE_WORD,
                                     .required = rule->required,
                                     .when = source_column(def, rule->when.column)};
        if (import_bind_when(t, &r))
            return import_no_memory(err);
        if (r.source == t->link_source && r.source != NO_COLUMN)
            continue; /* the link says it already */
        if (to)
            rc = add_reference(t, r, import_type_name(e, to), err);
    }
    return rc;
}

/* What does as well as the last part, if the destination has it. Rows need not have it. */
static int add_second_part(struct import_table *t, const struct catalogue_part *first)
{
    struct catalogue_part *rule = arena_zalloc(&t->arena, sizeof *rule);
    uint32_t target = target_column(t->target, first->either);
    if (!rule)
        return DS_ENOMEM;
    if (target == NO_COLUMN)
        return 0;
    rule->column = first->either;
    t->parts[t->part_count - 1].place = PART_FIRST;
    t->parts[t->part_count++] = (struct import_part){
        .rule = rule, .source = NO_COLUMN, .target = target, .place = PART_SECOND};
    return 0;
}

static int add_parts(struct import_table *t, const struct msg_table *def)
{
    const struct catalogue_part *parts = t->entry->parts;
    size_t count = t->entry->identity == IDENTITY_COLUMNS ? t->entry->part_count : 0;
    if (t->root && !count && t->entity->natural_key_count) {
        parts = t->entity->natural_key;
        count = t->entity->natural_key_count;
    }
    const struct target_key *same = t->entry->identity == IDENTITY_SAME ? t->target->row_key : NULL;
    struct catalogue_part *keys =
        arena_zalloc(&t->arena, (same ? same->count + 1 : 1) * sizeof *keys);
    for (uint32_t i = 0; keys && same && i < same->count; i++)
        keys[i].column = t->target->columns[same->columns[i]].name;
    if (same) {
        parts = keys;
        count = same->count;
    }
    t->parts = arena_zalloc(&t->arena, (2 * count + 1) * sizeof *t->parts);
    if (!t->parts || !keys)
        return DS_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const char *own = parts[i].table ? NULL : parts[i].column;
        t->parts[t->part_count++] = (struct import_part){.rule = &parts[i],
                                                         .source = source_column(def, own),
                                                         .target = target_column(t->target, own)};
        if (own && parts[i].either && add_second_part(t, &parts[i]))
            return DS_ENOMEM;
    }
    return 0;
}

static int add_columns(struct import_table *t, const struct msg_table *def)
{
    t->from = arena_alloc(&t->arena, (t->target->column_count + 1) * sizeof *t->from);
    t->key = arena_alloc(&t->arena, (def->column_count + 1) * sizeof *t->key);
    t->names = arena_zalloc(&t->arena, (def->column_count + 1) * sizeof *t->names);
    t->flags = arena_alloc(&t->arena, (def->column_count + 1) * sizeof *t->flags);
    if (!t->from || !t->key || !t->names || !t->flags)
        return DS_ENOMEM;
    for (uint32_t i = 0; i < def->column_count; i++) {
        t->names[i] = arena_zalloc(&t->arena, def->columns[i].name.len + 1);
        if (!t->names[i])
            return DS_ENOMEM;
        memcpy(t->names[i], def->columns[i].name.p, def->columns[i].name.len);
        t->flags[i] = def->columns[i].flags;
    }
    for (uint32_t i = 0; i < t->target->column_count; i++)
        t->from[i] = t->target->columns[i].generated
                         ? NO_COLUMN
                         : source_column(def, t->target->columns[i].name);
    t->unsigned_here = arena_alloc(&t->arena, (t->target->column_count + 1) * sizeof(uint32_t));
    if (!t->unsigned_here)
        return DS_ENOMEM;
    for (uint32_t i = 0; i < t->target->column_count; i++) {
        const struct target_column *c = &t->target->columns[i];
        if (t->from[i] != NO_COLUMN && c->class == TARGET_INT && c->is_unsigned &&
            !(t->flags[t->from[i]] & COLUMN_UNSIGNED))
            t->unsigned_here[t->unsigned_count++] = i;
    }
    for (uint32_t i = 0; i < def->column_count; i++)
        if (def->columns[i].flags & COLUMN_KEY)
            t->key[t->key_count++] = i;
    t->has_key = t->key_count > 0;
    return 0;
}

static bool is_number(const struct target_column *c)
{
    return (c->class == TARGET_INT && !c->is_enum) || (c->class == TARGET_DECIMAL && !c->scale);
}

/* Its own id. A root's is the entity's key; where that is another entity's, it has none to give. */
static int add_id(struct import_table *t, const struct msg_table *def, struct ds_error *err)
{
    const char *type = import_type_name(t->entity, t->entry);
    const char *root_type = import_type_name(t->entity, &t->entity->tables[0]);
    const char *column = t->root ? t->entry->link : t->entry->key;
    t->id_source = source_column(def, column);
    t->id_target = target_column(t->target, column);
    t->type = type && t->id_source != NO_COLUMN ? registry_type(t->im->registry, type) : UINT32_MAX;
    t->root_type = root_type ? registry_type(t->im->registry, root_type) : UINT32_MAX;
    if (type && (t->id_source == NO_COLUMN || t->id_target == NO_COLUMN))
        return error_set(err, DS_ESCHEMA, "table %s has no column %s, which is its key",
                         t->entry->table, column);
    if (type && !is_number(&t->target->columns[t->id_target]))
        return error_set(err, DS_ESCHEMA,
                         "table %s: its key %s is no whole number at the destination, and the "
                         "registry remembers nothing else: in the file of entity %s say identity: "
                         "same, or make the key its natural_key, both for keys that are the same "
                         "at both sides",
                         t->entry->table, column, t->entity->name);
    t->new_ids = t->type != UINT32_MAX && t->target->auto_increment >= 0 &&
                 (uint32_t)t->target->auto_increment == t->id_target;
    return 0;
}

static void find_place(struct import_table *t)
{
    const struct catalogue *c = t->im->options.catalogue;
    for (; catalogue_at(c, t->place) != t->entity; t->place++)
        t->order += (uint32_t)catalogue_at(c, t->place)->table_count;
    t->order += (uint32_t)(t->entry - t->entity->tables);
}

/* Is somebody told of what is wrong with a table, instead of the run? */
static bool tells(const struct import *im, enum import_fit fit, const char *table,
                  const struct ds_error *what)
{
    const struct import_options *o = &im->options;
    if (o->found)
        o->found(o->found_arg, fit, table, what->message);
    return o->found != NULL;
}

/* Before the map was asked: it leads elsewhere, or nowhere. */
static bool is_mapped(const struct import_table *t, const struct slice *name)
{
    const struct map *map = filter_map(t->im->options.filter);
    char column[256];
    snprintf(column, sizeof column, "%.*s", (int)name->len, (const char *)name->p);
    const char *there = map ? map_field(map, MAP_SOURCE, t->entry->table, column) : column;
    return !there || strcmp(there, column) != 0;
}

static void tell_lost_columns(const struct import_table *t, const struct msg_table *def)
{
    for (uint32_t i = 0; i < def->column_count; i++) {
        const struct slice *name = &def->columns[i].name;
        bool found = false;
        for (uint32_t k = 0; k < t->target->column_count; k++)
            found |= t->from[k] == i;
        if (found || is_mapped(t, name))
            continue;
        struct ds_error lost;
        error_set(&lost, DS_ESCHEMA, "the destination has no column %.*s, it is left out",
                  (int)name->len, (const char *)name->p);
        if (!tells(t->im, FIT_IN_PART, t->target->name, &lost))
            log_warn("the destination's table has no such column, it is left out table=%s "
                     "column=%.*s",
                     t->target->name, (int)name->len, (const char *)name->p);
    }
}

/* Most values have no more of them than the destination's column: what does not fit stops a run. */
static void tell_fewer_decimals(struct import_table *t, const struct msg_table *def)
{
    for (uint32_t i = 0; i < t->target->column_count; i++) {
        const struct target_column *to = &t->target->columns[i];
        const struct msg_column *from = t->from[i] != NO_COLUMN ? &def->columns[t->from[i]] : NULL;
        bool both = from && from->type == MYSQL_TYPE_NEWDECIMAL && to->class == TARGET_DECIMAL;
        unsigned scale = both ? from->metadata & 255 : 0;
        struct ds_error fewer;
        t->may_round |= from && to->class == TARGET_DECIMAL && (!both || scale > to->scale);
        if (scale <= to->scale)
            continue;
        error_set(&fewer, DS_ESCHEMA,
                  "column %s has %u decimals at the source and %u at the destination, where a "
                  "value that has more than these does not fit",
                  to->name, scale, (unsigned)to->scale);
        tells(t->im, FIT_IN_PART, t->target->name, &fewer);
    }
}

/* Text arrives as bytes: both sides must read them alike. */
static int check_charset(const struct import_table *t, const struct msg_column *from,
                         const struct target_column *to, struct ds_error *err)
{
    const MARIADB_CHARSET_INFO *known = from->collation && to->class == TARGET_TEXT
                                            ? mariadb_get_charset_by_nr(from->collation)
                                            : NULL;
    const char *set = known ? known->csname : NULL;
    bool alike = !set || strcmp(set, to->charset) == 0 || strcmp(set, "ascii") == 0 ||
                 strcmp(set, "binary") == 0 ||
                 (strncmp(set, "utf8", 4) == 0 && strncmp(to->charset, "utf8", 4) == 0);
    if (alike)
        return 0;
    error_set(err, DS_ESCHEMA,
              "column %s is %s at the source and %s at the destination: give both the same "
              "character set",
              to->name, set, to->charset);
    error_at_table(err, NULL, t->target->name);
    return DS_ESCHEMA;
}

static int check_charsets(const struct import_table *t, const struct msg_table *def,
                          struct ds_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; i < t->target->column_count && rc == 0; i++) {
        if (t->from[i] != NO_COLUMN)
            rc = check_charset(t, &def->columns[t->from[i]], &t->target->columns[i], err);
        if (rc && tells(t->im, FIT_NOT, t->target->name, err))
            rc = 0;
    }
    return rc;
}

static int compile(struct import_table *t, const struct source_table *source, struct ds_error *err)
{
    const struct msg_table *def = &source->def;
    if (!(def->flags & TABLE_NAMES) || !(def->flags & TABLE_KEYS))
        return error_set(err, DS_EUNSUPPORTED,
                         "the stream has no column names or keys of table %s: set "
                         "binlog_row_metadata = FULL at the source",
                         t->entry->table);
    t->source_count = def->column_count;
    t->attribute = source_column(def, "attribute_id");
    t->store = source_column(def, "store_id");
    t->own_attribute.code = source_column(def, "attribute_code");
    t->own_attribute.input = source_column(def, "frontend_input");
    t->own_attribute.model = source_column(def, "source_model");
    if (!t->root || t->own_attribute.input == NO_COLUMN || t->own_attribute.model == NO_COLUMN)
        t->own_attribute.code = NO_COLUMN;
    t->references =
        arena_zalloc(&t->arena, (t->entity->reference_count + 2) * sizeof *t->references);
    if (!t->references || add_columns(t, def) || import_add_documents(t) || import_add_encrypted(t))
        return import_no_memory(err);
    t->value = source_column(def, "value");
    bool tree = t->root && target_column_ordinal(t->target, "path") >= 0;
    bool product = strcmp(t->entry->table, "catalog_product_entity") == 0;
    t->children = target_column(t->target, tree ? "children_count" : NULL);
    t->has_options = target_column(t->target, product ? "has_options" : NULL);
    t->required_options = target_column(t->target, product ? "required_options" : NULL);
    int rc = add_id(t, def, err);
    if (rc == 0 && t->type != UINT32_MAX && t->selected && !t->im->options.follows)
        registry_own(t->im->registry, t->type); /* another stream may run beside for weeks */
    rc = rc ? rc : add_link(t, def, err);
    rc = rc ? rc : add_references(t, def, err);
    if (rc == 0 && add_parts(t, def))
        rc = import_no_memory(err);
    for (uint32_t i = 0; i < t->part_count && rc == 0 && !t->has_key; i++)
        if (t->parts[i].source != NO_COLUMN)
            t->key[t->key_count++] = t->parts[i].source;
    if (rc == 0 && !t->key_count)
        rc = error_set(err, DS_EUNSUPPORTED,
                       "table %s has no primary key at the source: its rows cannot be told apart",
                       t->entry->table);
    rc = rc ? rc : check_charsets(t, def, err);
    if (rc == 0) {
        tell_lost_columns(t, def);
        tell_fewer_decimals(t, def);
    }
    return rc;
}

bool import_has_members(const struct catalogue_entity *e)
{
    for (size_t i = 1; i < e->table_count; i++)
        if (catalogue_is_imported(&e->tables[i]))
            return true;
    return false;
}

static bool is_in_scope(const struct import *im, const struct catalogue_entity *e)
{
    size_t place = 0;
    while (catalogue_at(im->options.catalogue, place) != e)
        place++;
    return im->scope[place];
}

static bool is_imported(const struct import *im, const struct catalogue_entity *e,
                        const struct catalogue_table *entry)
{
    /* roots that are not asked for come with what they are known by, to be found */
    bool named = e->kind == KIND_DATA && entry == &e->tables[0];
    return (is_in_scope(im, e) || named) && catalogue_is_imported(entry);
}

static void forget_table(struct import *im, struct import_table *t)
{
    struct import_table **at = &im->tables;
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    arena_free(&t->arena);
    free(t);
}

void import_tables_free(struct import *im)
{
    while (im->tables)
        forget_table(im, im->tables);
}

static int make_table(struct import *im, const struct source_table *source,
                      const struct catalogue_entity *e, const struct catalogue_table *entry,
                      struct target_table *target, struct import_table **out, struct ds_error *err)
{
    struct import_table *t = calloc(1, sizeof *t);
    if (!t)
        return import_no_memory(err);
    *t = (struct import_table){.im = im,
                               .entity = e,
                               .entry = entry,
                               .target = target,
                               .target_version = target->version,
                               .root = entry == &e->tables[0],
                               .next = im->tables};
    t->selected = filter_imports(im->options.filter, e);
    im->tables = t;
    find_place(t);
    int rc = compile(t, source, err);
    if (rc)
        forget_table(im, t);
    else
        *out = t;
    return rc;
}

/* The stream tells a table again under another number, or each time that it begins. */
static bool same_columns(const struct import_table *t, const struct msg_table *def)
{
    if (t->source_count != def->column_count || !(def->flags & TABLE_NAMES))
        return false;
    for (uint32_t i = 0; i < def->column_count; i++) {
        const struct slice *name = &def->columns[i].name;
        if (strlen(t->names[i]) != name->len || memcmp(t->names[i], name->p, name->len) != 0 ||
            t->flags[i] != def->columns[i].flags)
            return false;
    }
    return true;
}

bool import_takes(const struct import *im, const char *table)
{
    char scratch[SHOP_TABLE_SIZE];
    const struct catalogue_entity *e;
    const struct catalogue_table *entry;
    bool shops;
    const char *plain = shop_table(im->options.config->source.prefix, table, scratch, &shops);
    return shops && catalogue_lookup(im->options.catalogue, plain, &e, &entry) &&
           is_in_scope(im, e) && catalogue_is_imported(entry);
}

/* A shop of another version may lack a table that the other one has, and does not use. */
static int no_table(const struct import *im, const char *name, const struct catalogue_entity *e,
                    bool has_rows, struct ds_error *err)
{
    if (has_rows)
        return error_set(err, DS_ESCHEMA,
                         "the destination has no table %s, which entity %s needs: install the "
                         "shop there first, or leave the entity out",
                         name, e->name);
    struct ds_error lacks;
    error_set(&lacks, DS_ESCHEMA,
              "the destination has no such table, which entity %s needs, and the source has no "
              "rows in it: make it there before it has",
              e->name);
    tells(im, FIT_IN_PART, name, &lacks);
    return 0;
}

int import_table_find(struct import *im, const struct source_table *source, bool has_rows,
                      struct import_table **out, struct ds_error *err)
{
    const struct config *config = im->options.config;
    const struct catalogue_entity *e;
    const struct catalogue_table *entry;
    char scratch[SHOP_TABLE_SIZE], raw[SHOP_TABLE_SIZE], name[SHOP_TABLE_SIZE];
    bool shops;
    *out = NULL;
    snprintf(raw, sizeof raw, "%.*s", (int)source->def.name.len, (const char *)source->def.name.p);
    const char *plain = shop_table(config->source.prefix, raw, scratch, &shops);
    if (!shops || !catalogue_lookup(im->options.catalogue, plain, &e, &entry) ||
        !is_imported(im, e, entry))
        return 0;
    snprintf(name, sizeof name, "%s%s",
             config->destination.prefix ? config->destination.prefix : "", entry->table);
    struct target_table *target = target_find(im->target, name, strlen(name));
    if (!target || !target->exists)
        return no_table(im, name, e, has_rows, err);
    if (!target->row_key && !has_rows)
        return 0;
    if (!target->row_key) {
        struct ds_error keyless;
        error_set(&keyless, DS_ESCHEMA,
                  "the destination's table has no primary key, its rows are not imported");
        if (!tells(im, FIT_IN_PART, name, &keyless))
            log_warn("%s table=%s", keyless.message, name);
        return 0;
    }
    for (struct import_table *t = im->tables; t; t = t->next) {
        if (t->entry != entry)
            continue;
        if (t->target == target && t->target_version == target->version &&
            same_columns(t, &source->def)) {
            *out = t;
            return 0;
        }
    }
    return make_table(im, source, e, entry, target, out, err);
}

/* --- attributes ------------------------------------------------------------------- */

const struct import_attribute *import_attribute_by_id(const struct import *im, uint64_t id)
{
    uint32_t low = 0, high = im->attribute_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (im->attributes[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < im->attribute_count && im->attributes[low].id == id ? &im->attributes[low] : NULL;
}

const struct import_attribute *
import_attribute_by_code(const struct import *im, const struct import_table *t, const char *code)
{
    const char *table = t->entry->table;
    size_t len = strlen(table);
    len -= len > 7 && strcmp(table + len - 7, "_entity") == 0 ? 7 : 0;
    for (uint32_t i = 0; i < im->attribute_count; i++) {
        const struct import_attribute *a = &im->attributes[i];
        if (strcmp(a->code, code) == 0 && strlen(a->type) == len &&
            memcmp(a->type, table, len) == 0)
            return a;
    }
    return NULL;
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

int import_attributes_load(struct import *im, struct ds_error *err)
{
    BUF_AUTO struct buf table = {0};
    const char *prefix = im->options.config->destination.prefix;
    prefix = prefix ? prefix : "";
    if (im->attributes_known)
        return 0;
    if (buf_printf(&table, "%seav_attribute", prefix))
        return import_no_memory(err);
    im->attribute_count = 0;
    if (!target_find(im->target, (const char *)table.data, table.len))
        return 0; /* not a shop's database */
    MYSQL_RES *rows = db_select(im->db, err,
                                "SELECT a.attribute_id, a.attribute_code, a.frontend_input, "
                                "a.backend_type, a.source_model, t.entity_type_code FROM `%s` a "
                                "JOIN `%seav_entity_type` t USING (entity_type_id) ORDER BY 1",
                                buf_cstr(&table), prefix);
    if (!rows)
        return err->code;
    struct import_attribute *bigger =
        realloc(im->attributes, (mysql_num_rows(rows) + 1) * sizeof *bigger);
    if (!bigger) {
        mysql_free_result(rows);
        return import_no_memory(err);
    }
    im->attributes = bigger;
    for (MYSQL_ROW row; (row = mysql_fetch_row(rows));) {
        struct import_attribute *a = &bigger[im->attribute_count++];
        *a = (struct import_attribute){.id = strtoull(row[0], NULL, 10)};
        snprintf(a->code, sizeof a->code, "%s", or_empty(row[1]));
        snprintf(a->input, sizeof a->input, "%s", or_empty(row[2]));
        snprintf(a->type, sizeof a->type, "%s", or_empty(row[5]));
        snprintf(a->backend, sizeof a->backend, "%s", or_empty(row[3]));
        snprintf(a->model, sizeof a->model, "%s", or_empty(row[4]));
        a->options = !row[4] || !*row[4] || strcmp(row[4], IMPORT_OPTIONS_MODEL) == 0;
    }
    mysql_free_result(rows);
    im->attributes_known = true;
    return 0;
}

/* What its values are: options' ids, lists of these, or neither. */
static const char *kind_of_values(const struct import_attribute *a)
{
    bool list = strcmp(a->input, "multiselect") == 0;
    return a->options && (list || strcmp(a->input, "select") == 0) ? a->input : "";
}

/* The source's are translated by what the attribute is here. */
static int check_input(const struct import_row *row, const struct import_attribute *here,
                       struct ds_error *err)
{
    const struct import_table *t = row->table;
    if (!row->after[t->own_attribute.input] || !row->after[t->own_attribute.model])
        return 0;
    const struct import_attribute *there = import_own_attribute(t, row->after);
    /* what came from this source goes on as it is there */
    bool follows =
        row->entity->policy == IMPORT_WRITE && row->entity->here && !row->entity->matched;
    if (follows || strcmp(kind_of_values(there), kind_of_values(here)) == 0)
        return 0;
    error_set(err, DS_ECONFLICT,
              "attribute %s of %s has values of another kind: its frontend_input is %s%s at the "
              "source, and %s%s at the destination; convert it at one side",
              here->code, here->type, there->input, there->options ? " with options" : "",
              here->input, here->options ? " with options" : "");
    error_at_table(err, NULL, t->target->name);
    return DS_ECONFLICT;
}

/* Its values stand in the table of its type. */
int import_check_attribute(struct import *im, const struct import_row *row, struct ds_error *err)
{
    const struct import_table *t = row->table;
    uint32_t column =
        t->own_attribute.code == NO_COLUMN ? NO_COLUMN : import_source_column(t, "backend_type");
    char scratch[32];
    bool null;
    if (column == NO_COLUMN || !row->after || !row->after[column])
        return 0;
    int rc = import_attributes_load(im, err);
    const struct import_attribute *a = rc ? NULL : import_attribute_by_id(im, row->target_id);
    struct slice type = import_text(row->after[column], scratch, &null);
    if (!a)
        return rc;
    if (strlen(a->backend) == type.len && memcmp(a->backend, type.p, type.len) == 0)
        return check_input(row, a, err);
    error_set(err, DS_ECONFLICT,
              "attribute %s of %s has its values in another table: its backend_type is %.*s at the "
              "source, and %s at the destination; convert it at one side",
              a->code, a->type, (int)type.len, (const char *)type.p, a->backend);
    error_at_table(err, NULL, t->target->name);
    return DS_ECONFLICT;
}
