/* The PostProcessing step: what no attribute of the destination's shop claims any more, paths that
 * it makes itself, and products in the root of all categories are deleted there; values of
 * multiselect attributes are put in order (migrate_multiselect.c). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/cli/migrate_changes.h"
#include "agent/cli/migrate_leftovers.h"
#include "agent/cli/migrate_sides.h"
#include "schema/log.h"
#include "schema/migration/groups.h"

enum { ROWS_AT_ONCE = 20000 };

static const char step_class[] = "Migration\\Step\\PostProcessing\\Data";
static const char *const gone[] = {"documents_leftover_values", "documents_leftover_values_ee"};
static const char in_no_set[] = "documents_attribute_set_leftover_values";
static const char categories[] = "catalog_category_product",
                  texts[] = "catalog_product_entity_varchar";

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for leftovers");
}

/* --- which documents ------------------------------------------------------------------------- */

int migrate_leftovers_open(struct migrating *g, struct ds_error *err)
{
    BUF_AUTO struct buf path = {0};
    bool wanted = false;
    for (size_t i = 0; i < migration_step_count(g->migration, MIGRATION_DATA); i++) {
        const struct migration_step *s = migration_step_at(g->migration, MIGRATION_DATA, i);
        const char *class = s->classes[STAGE_DATA];
        wanted |= class && strcmp(class + (*class == '\\'), step_class) == 0;
    }
    if (!wanted || g->mode == MIGRATION_SETTINGS)
        return 0;
    int rc = migration_file(g->migration, "eav_document_groups_file", &path, err);
    return rc ? rc : groups_read(&g->leftovers, buf_cstr(&path), err);
}

/* Not where the stream itself brings attributes. */
int migrate_claim(const struct migrating *g, struct map *map, struct ds_error *err)
{
    const bool streamed = !migrate_has_eav(g) && map_document(map, MAP_SOURCE, "eav_attribute") &&
                          !map_ignored(map, MAP_DESTINATION, "eav_attribute");
    int rc = 0;
    for (size_t i = 0; g->leftovers && !streamed && i < 2 && rc == 0; i++) {
        const struct group *x = groups_find(g->leftovers, gone[i]);
        for (size_t k = 0; x && k < x->count && rc == 0; k++)
            rc = map_add_claimed(map, x->items[k].name, err);
    }
    return rc;
}

static bool group_has(const struct migrating *g, const char *group, const char *document)
{
    const struct group *x = groups_find(g->leftovers, group);
    for (size_t i = 0; x && i < x->count; i++)
        if (strcmp(x->items[i].name, document) == 0)
            return true;
    return false;
}

bool leftovers_cleans_sets(const struct migrating *g, const char *document)
{
    return group_has(g, in_no_set, document);
}

bool migrate_leftovers_changes(const struct migrating *g, const char *document)
{
    return g->leftovers && (group_has(g, gone[0], document) || group_has(g, gone[1], document) ||
                            group_has(g, in_no_set, document) ||
                            strcmp(document, categories) == 0 || strcmp(document, texts) == 0);
}

/* --- rows ------------------------------------------------------------------------------------ */

static const char *prefix_of(const struct migrating *g)
{
    return g->in->config.destination.prefix;
}

int leftovers_has_column(struct migrating *g, MYSQL *db, const char *document, const char *column,
                         bool *has, struct ds_error *err)
{
    BUF_AUTO struct buf name = {0}, literal = {0};
    uint64_t count = 0;
    bool found;
    if (buf_printf(&name, "%s%s", prefix_of(g), document) ||
        sql_string(&literal, name.data, name.len))
        return no_memory(err);
    int rc = db_scalar_u64(db, &count, &found, err,
                           "SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = "
                           "DATABASE() AND TABLE_NAME = %s AND COLUMN_NAME = '%s'",
                           buf_cstr(&literal), column);
    *has = count > 0;
    return rc;
}

static int delete_some(struct migrating *g, const char *document, const char *condition,
                       uint64_t *rows, bool *good, struct ds_error *err)
{
    const struct config *c = &g->in->config;
    struct snapshot_source side = {0};
    struct whole_table t = {0};
    struct row_changes changes = {0};
    char name[300];
    snprintf(name, sizeof name, "%s%s", prefix_of(g), document);
    int rc = source_open_destination(&side, c, err);
    rc =
        rc ? rc
           : whole_table_read_where(&t, &side, name, 1, condition, ROWS_AT_ONCE, c->max_event, err);
    const struct wanted_rows none = {.here = &t, .only = true};
    rc = rc ? rc : row_changes_add(&changes, &none, err);
    source_close(&side);
    *rows = t.count;
    rc = rc ? rc : row_changes_write(g, &changes, good, err);
    row_changes_free(&changes);
    whole_table_free(&t);
    return rc;
}

static int delete_all(struct migrating *g, const char *document, const char *condition,
                      const char *why, bool *good, struct ds_error *err)
{
    uint64_t rows = ROWS_AT_ONCE, all = 0;
    int rc = 0;
    while (rc == 0 && *good && !g->stopped && rows == ROWS_AT_ONCE) {
        rc = delete_some(g, document, condition, &rows, good, err);
        all += rows;
    }
    if (rc == 0 && *good && all)
        log_info("%s document=%s rows=%" PRIu64, why, document, all);
    return rc;
}

/* Rows of attributes that are not there. */
static int clean_gone(struct migrating *g, MYSQL *db, const char *document, bool *good,
                      struct ds_error *err)
{
    BUF_AUTO struct buf condition = {0};
    bool has;
    int rc = leftovers_has_column(g, db, document, "attribute_id", &has, err);
    if (rc || !has || strcmp(document, "eav_attribute") == 0)
        return rc;
    if (buf_printf(&condition, "attribute_id NOT IN (SELECT attribute_id FROM `%seav_attribute`)",
                   prefix_of(g)))
        return no_memory(err);
    return delete_all(g, document, buf_cstr(&condition),
                      "rows of attributes that are gone: deleted", good, err);
}

/* Values of products whose attribute set has not the attribute. */
static int clean_sets(struct migrating *g, MYSQL *db, const char *document, bool *good,
                      struct ds_error *err)
{
    BUF_AUTO struct buf condition = {0};
    const char *p = prefix_of(g);
    bool has, staged;
    int rc = leftovers_has_column(g, db, document, "attribute_id", &has, err);
    rc = rc ? rc : leftovers_has_column(g, db, document, "row_id", &staged, err);
    if (rc || !has)
        return rc;
    const char *link = staged ? "row_id" : "entity_id";
    if (buf_printf(&condition,
                   "EXISTS (SELECT 1 FROM `%scatalog_product_entity` p WHERE p.%s = `%s%s`.%s AND "
                   "NOT EXISTS (SELECT 1 FROM `%seav_entity_attribute` a WHERE a.attribute_set_id "
                   "= p.attribute_set_id AND a.attribute_id = `%s%s`.attribute_id))",
                   p, link, p, document, link, p, p, document))
        return no_memory(err);
    return delete_all(g, document, buf_cstr(&condition),
                      "values of attributes that are not in the product's set: deleted", good, err);
}

static int clean_group(struct migrating *g, MYSQL *db, const char *name, bool *good,
                       int (*clean)(struct migrating *g, MYSQL *db, const char *document,
                                    bool *good, struct ds_error *err),
                       struct ds_error *err)
{
    const struct group *x = groups_find(g->leftovers, name);
    int rc = 0;
    for (size_t i = 0; x && i < x->count && rc == 0 && *good && !g->stopped; i++)
        rc = clean(g, db, x->items[i].name, good, err);
    return rc;
}

static int clean_products(struct migrating *g, MYSQL *db, bool *good, struct ds_error *err)
{
    BUF_AUTO struct buf condition = {0};
    const char *p = prefix_of(g);
    bool has;
    int rc = leftovers_has_column(g, db, categories, "category_id", &has, err);
    if (rc == 0 && has)
        rc = delete_all(g, categories, "category_id = 1",
                        "products in the root of all categories: taken out", good, err);
    rc = rc ? rc : leftovers_has_column(g, db, texts, "attribute_id", &has, err);
    if (rc || !has)
        return rc;
    if (buf_printf(&condition,
                   "attribute_id IN (SELECT a.attribute_id FROM `%seav_attribute` a JOIN "
                   "`%seav_entity_type` t ON t.entity_type_id = a.entity_type_id WHERE "
                   "t.entity_type_code = 'catalog_product' AND a.attribute_code = 'url_path')",
                   p, p))
        return no_memory(err);
    return delete_all(g, texts, buf_cstr(&condition),
                      "paths of products, which the shop makes itself: deleted", good, err);
}

int migrate_leftovers_data(struct migrating *g, bool *good, struct ds_error *err)
{
    static const char *const needed[] = {"eav_attribute", "eav_entity_type", NULL};
    struct snapshot_source side = {0};
    int rc = source_open_destination(&side, &g->in->config, err);
    rc = rc ? rc : step_side_check(&side, false, prefix_of(g), needed, good, err);
    for (size_t i = 0; i < 2 && rc == 0; i++)
        rc = clean_group(g, side.db, gone[i], good, clean_gone, err);
    rc = rc ? rc : clean_group(g, side.db, in_no_set, good, clean_sets, err);
    if (rc == 0 && *good && !g->stopped)
        rc = clean_products(g, side.db, good, err);
    source_close(&side);
    return rc || !*good || g->stopped ? rc : migrate_multiselect(g, good, err);
}
