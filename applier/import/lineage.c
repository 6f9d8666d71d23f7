/* How rows of a table at the destination hang on their entity's root, in SQL: t0 is the table, t1
 * what its rows are of, and so on. */
#include <string.h>

#include "applier/import/import_internal.h"
#include "applier/import/lineage.h"
#include "schema/shop_table.h"

static const char *key_of(const struct import_lineage *l, unsigned level)
{
    const struct catalogue_table *t = l->levels[level];
    return level + 1 == l->count ? t->link : t->key;
}

static const char *type_of(const struct import_lineage *l, unsigned level)
{
    return key_of(l, level) ? import_type_name(l->entity, l->levels[level]) : NULL;
}

bool import_lineage(const struct import *im, const char *table, struct import_lineage *out)
{
    const struct catalogue_table *entry;
    char scratch[SHOP_TABLE_SIZE];
    bool shops;
    const char *plain = shop_table(im->options.config->destination.prefix, table, scratch, &shops);
    out->count = 0;
    if (!shops || !catalogue_lookup(im->options.catalogue, plain, &out->entity, &entry) ||
        out->entity->kind == KIND_DERIVED)
        return false;
    for (;; entry = import_parent(out->entity, entry)) {
        const struct target_table *t = import_shop_table(im, entry->table);
        if (!t || out->count == IMPORT_LINEAGE_MAX)
            return false;
        out->levels[out->count++] = entry;
        if (entry == &out->entity->tables[0])
            break;
    }
    for (unsigned i = 0; i < out->count; i++)
        if (type_of(out, i))
            return true;
    return false;
}

const char *import_lineage_root_key(const struct import_lineage *l)
{
    return key_of(l, l->count - 1);
}

int import_lineage_from(const struct import *im, const struct import_lineage *l, struct buf *sql)
{
    int rc = 0;
    for (unsigned i = 0; i < l->count; i++) {
        rc |= buf_puts(sql, i ? " JOIN " : "") |
              sql_identifier(sql, import_shop_table(im, l->levels[i]->table)->name) |
              buf_printf(sql, " t%u", i);
        if (i)
            rc |= buf_printf(sql, " ON t%u.", i) | sql_identifier(sql, key_of(l, i)) |
                  buf_printf(sql, " = t%u.", i - 1) | sql_identifier(sql, l->levels[i - 1]->link);
    }
    return rc;
}

static int its_key(const struct import_lineage *l, unsigned level, struct buf *sql)
{
    return buf_printf(sql, "t%u.", level) | sql_identifier(sql, key_of(l, level)) |
           buf_puts(sql, ")");
}

static int has_origin(const struct import *im, const struct import_lineage *l, unsigned level,
                      enum origin origin, struct buf *sql)
{
    uint32_t type = registry_type(im->registry, type_of(l, level));
    return registry_condition_origin(im->registry, type, origin, sql) | its_key(l, level, sql);
}

static int is_registered(const struct import *im, const struct import_lineage *l, unsigned level,
                         struct buf *sql)
{
    uint32_t type = registry_type(im->registry, type_of(l, level));
    return registry_condition(im->registry, type, sql) | its_key(l, level, sql);
}

int import_lineage_is_own(const struct import *im, const struct import_lineage *l, struct buf *sql)
{
    /* what the destination had before stays as its owner makes it */
    bool skips = im->options.config->on_duplicate == DUPLICATE_SKIP && !filter_maps(l->entity);
    const char *between = "(NOT ";
    int rc = 0;
    for (unsigned i = 0; i < l->count; i++) {
        if (!type_of(l, i))
            continue;
        rc |= buf_puts(sql, between) |
              (skips ? has_origin(im, l, i, ORIGIN_CREATED, sql) : is_registered(im, l, i, sql));
        between = " OR NOT ";
    }
    return rc | buf_puts(sql, ")");
}

static unsigned registered_level(const struct import_lineage *l)
{
    unsigned level = 0;
    while (!type_of(l, level))
        level++;
    return level;
}

int import_lineage_has_origin(const struct import *im, const struct import_lineage *l,
                              enum origin origin, struct buf *sql)
{
    return has_origin(im, l, registered_level(l), origin, sql);
}

int import_lineage_is_sources(const struct import *im, const struct import_lineage *l,
                              struct buf *sql)
{
    const struct config *c = im->options.config;
    unsigned level = registered_level(l);
    /* a part of what is set up at each side (an option of an attribute) */
    bool of_both =
        level == 0 && l->count > 1 && filter_maps(l->entity) && c->delete_matched != DELETE_HARD;
    bool updates = c->on_duplicate == DUPLICATE_UPDATE &&
                   filter_imports(im->options.filter, l->entity) && !of_both;
    return updates ? is_registered(im, l, level, sql)
                   : has_origin(im, l, level, ORIGIN_CREATED, sql);
}
