/* Custom options of products that the destination has already, as options_mode says: they become
 * the source's (what it has not goes, drop.c), become it where they have the same title while
 * others stay, or all stay as they are while others are added. Their tables have the role "option"
 * in the catalogue.
 *
 * Where options of both shops come together, or a file has a part of a product, nobody has worked
 * out what the product's row says about them: whether there are any, whether one is required, and
 * where on its page they are shown. That is done at the end of a range.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applier/bind.h"
#include "applier/import/import_internal.h"
#include "applier/import/options.h"
#include "applier/import/resolve.h"

enum { TITLES_PER_QUERY = 200 };

bool import_is_option(const struct import_table *t)
{
    return strcmp(t->entry->role, "option") == 0;
}

enum config_options_mode import_options_mode(const struct import *im, const struct import_entity *e)
{
    const struct config *config = im->options.config;
    if (config->options_mode != OPTIONS_AUTO)
        return config->options_mode;
    /* a file mostly has no more than a part of an entity */
    bool part = !e->whole && !im->options.follows;
    bool merged = import_is_merged(im, e) || (config->on_duplicate == DUPLICATE_MERGE && part);
    return merged ? OPTIONS_MERGE : OPTIONS_REPLACE;
}

bool import_option_may_change_type(const struct import *im, const struct import_row *row)
{
    return row->op != CHANGE_DELETE && !row->table->entry->through &&
           row->entity->policy == IMPORT_WRITE &&
           import_options_mode(im, row->entity) == OPTIONS_MERGE;
}

bool import_option_is_replaced(const struct import *im, const struct import_row *option,
                               const struct import_table *t)
{
    enum config_options_mode mode = import_options_mode(im, option->entity);
    bool keeps = import_is_merged(im, option->entity);
    if (mode != OPTIONS_MERGE)
        return mode == OPTIONS_REPLACE;
    /* of an option that both have, its choices, and, but for what the source may have empty, all */
    return t->entry->through && (t->entry->key || option->retyped || !keeps);
}

/* Is it of an option that this source has added: now, or, where its rows come one by one, earlier?
 */
static bool is_of_added(const struct import *im, const struct import_row *row)
{
    const struct import_table *t = row->table;
    bool below = t->entry->through != NULL;
    bool copied = !im->options.follows || row->origin->flags & CHANGE_COPIED;
    char scratch[32];
    bool null;
    if (below && row->parent && row->parent->fresh)
        return true;
    if ((copied && (row->parent || !below)) || !row->after)
        return false;
    struct slice id = below ? import_text(row->after[t->link_source], scratch, &null) : row->id;
    const struct registered *r = registry_find(im->registry, below ? t->parent_type : t->type, id);
    return r && r->found && r->origin == ORIGIN_CREATED;
}

bool import_option_stays(const struct import *im, const struct import_row *row)
{
    if (!import_is_option(row->table) || row->entity->policy != IMPORT_WRITE ||
        import_options_mode(im, row->entity) != OPTIONS_APPEND || is_of_added(im, row))
        return false;
    return row->state == ROW_FOUND || row->table->entry->through;
}

bool import_option_is_kept(const struct import *im, const struct import_row *row)
{
    enum config_options_mode mode = im->options.config->options_mode;
    return import_is_option(row->table) && (mode == OPTIONS_MERGE || mode == OPTIONS_APPEND);
}

bool import_option_is_told(const struct import *im, const struct import_table *t)
{
    return im->options.follows && import_is_option(t) && t->entry->through &&
           t->type == UINT32_MAX && t->parent_type != UINT32_MAX;
}

/* --- appended, by title ------------------------------------------------------------------------
 */

/* The general title of an option, in the segment. NULL: it has none. */
static const struct import_row *title_of(const struct import_row *option,
                                         const struct catalogue_part *part)
{
    const struct import_row *row = option->entity->rows;
    for (; row; row = row->next_of_entity)
        if (row->parent == option && row->after && row->op != CHANGE_DELETE &&
            strcmp(row->table->entry->table, part->table) == 0 &&
            (row->table->store == NO_COLUMN || import_is_zero(row->after[row->table->store])))
            return row;
    return NULL;
}

static const struct catalogue_part *title_part(const struct import_table *t)
{
    for (uint32_t i = 0; i < t->part_count; i++)
        if (t->parts[i].rule->table)
            return t->parts[i].rule;
    return NULL;
}

bool import_option_has_title(const struct import_table *t)
{
    return import_is_option(t) && title_part(t);
}

static bool may_be_there(const struct import *im, const struct import_row *row)
{
    return row->state == ROW_NEW && row->entity->policy == IMPORT_WRITE &&
           import_options_mode(im, row->entity) == OPTIONS_APPEND &&
           !(row->parent && row->parent->fresh);
}

/* One of the titles that are asked for: SELECT n AS n, product AS p, title AS v. */
static int ask_title(struct import *im, uint32_t at, const struct import_row *title,
                     const struct catalogue_part *part, struct buf *sql, struct ds_error *err)
{
    const struct import_row *row = im->rows[at];
    const struct target_table *names = title->table->target;
    int column = target_column_ordinal(names, part->column);
    uint32_t source = import_source_column(title->table, part->column);
    if (column < 0 || source == NO_COLUMN || import_is_null(title->after[source]))
        return 0;
    int rc = buf_printf(sql, "%sSELECT %u AS n, ", sql->len ? " UNION ALL " : "", at)
                 ? import_no_memory(err)
                 : bind_literal(sql, &row->table->target->columns[row->table->link_target],
                                row->values[row->table->link_target], err);
    rc = rc || !buf_puts(sql, " AS p, ") ? rc : import_no_memory(err);
    rc = rc ? rc : import_sql_value(sql, &names->columns[column], title->after[source], err);
    return rc || !buf_puts(sql, " AS v") ? rc : import_no_memory(err);
}

/* Options that are there under the same title, whatever their type, are not added. */
static int leave_known(struct import *im, const struct import_table *t,
                       const struct import_table *names, const char *asked, struct ds_error *err)
{
    const struct catalogue_part *part = title_part(t);
    BUF_AUTO struct buf sql = {0};
    int rc = buf_printf(&sql, "SELECT DISTINCT i.n FROM (%s) i JOIN ", asked) |
             sql_identifier(&sql, t->target->name) | buf_puts(&sql, " t ON t.") |
             sql_identifier(&sql, t->entry->link) | buf_puts(&sql, " = i.p JOIN ") |
             sql_identifier(&sql, names->target->name) | buf_puts(&sql, " o ON o.") |
             sql_identifier(&sql, names->entry->link) | buf_puts(&sql, " = t.") |
             sql_identifier(&sql, t->entry->key) | buf_puts(&sql, " AND o.") |
             sql_identifier(&sql, part->column) | buf_puts(&sql, " = i.v");
    if (names->store != NO_COLUMN)
        rc |= buf_puts(&sql, " AND o.store_id = 0");
    if (rc)
        return import_no_memory(err);
    MYSQL_RES *rows = db_select(im->db, err, "%s", buf_cstr(&sql));
    if (!rows)
        return err->code;
    for (MYSQL_ROW r; (r = mysql_fetch_row(rows));)
        im->rows[strtoul(r[0], NULL, 10)]->state = ROW_LEFT;
    mysql_free_result(rows);
    return 0;
}

int import_leave_known_options(struct import *im, uint32_t first, uint32_t end,
                               struct ds_error *err)
{
    const struct import_table *t = im->rows[first]->table, *names = NULL;
    const struct catalogue_part *part = title_part(t);
    BUF_AUTO struct buf asked = {0};
    uint32_t count = 0;
    int rc = 0;
    if (!import_is_option(t) || t->entry->through || !part)
        return 0;
    for (uint32_t i = first; i < end && rc == 0; i++) {
        const struct import_row *row = im->rows[i];
        const struct import_row *title = may_be_there(im, row) ? title_of(row, part) : NULL;
        if (!title)
            continue;
        names = title->table;
        rc = ask_title(im, i, title, part, &asked, err);
        if (rc == 0 && ++count % TITLES_PER_QUERY == 0 && asked.len) {
            rc = leave_known(im, t, names, buf_cstr(&asked), err);
            buf_clear(&asked);
        }
    }
    return rc || !asked.len ? rc : leave_known(im, t, names, buf_cstr(&asked), err);
}

/* --- what the product's row says of them ---------------------------------------------------------
 */

/* Some of its tables are the file's, others are not there. */
static bool is_told(const struct import_entity *e)
{
    for (const struct import_whole_table *w = e->whole_tables; w; w = w->next)
        if (strcmp(w->entry->role, "option") == 0)
            return true;
    return false;
}

static bool gets_options(const struct import_entity *e)
{
    for (const struct import_row *row = e->rows; row; row = row->next_of_entity)
        if (import_is_option(row->table) && row->op != CHANGE_DELETE && row->written)
            return true;
    return false;
}

static int add_product(struct buf *list, uint64_t id)
{
    return buf_printf(list, "%s%lu", list->len ? "," : "", id);
}

int import_note_options(struct import *im)
{
    for (uint32_t i = 0; i < im->entity_count; i++) {
        const struct import_entity *e = im->entity_list[i];
        bool replaced = import_options_mode(im, e) == OPTIONS_REPLACE;
        bool own = strcmp(e->entity->tables[0].table, "catalog_product_entity") == 0;
        if (!own || !e->root || e->policy != IMPORT_WRITE || e->root->state != ROW_WRITTEN ||
            !e->root->target_id || (replaced && !is_told(e)))
            continue;
        uint64_t id = e->root->target_id;
        if (add_product(&im->told_options, id) ||
            (gets_options(e) && add_product(&im->shown_options, id)))
            return DS_ENOMEM;
    }
    return 0;
}

static const char *table_name(const struct import *im, const char *name, char out[200])
{
    const char *prefix = im->options.config->destination.prefix;
    int n = snprintf(out, 200, "%s%s", prefix ? prefix : "", name);
    const struct target_table *t = target_find(im->target, out, (size_t)n);
    return t && t->exists ? out : NULL;
}

#define NOTHING_ELSE "p.type_id IN ('simple', 'virtual')"

/* Of simple products nothing else makes these flags; what a configurable one has beside its options
 * is for its own row to say. */
static int set_flags(struct import *im, const char *products, const char *options,
                     struct ds_error *err)
{
    const char *list = buf_cstr(&im->told_options);
    return db_exec(im->db, err,
                   "UPDATE `%s` p LEFT JOIN (SELECT product_id, MAX(is_require) AS required FROM "
                   "`%s` WHERE product_id IN (%s) GROUP BY product_id) o ON o.product_id = "
                   "p.entity_id SET p.has_options = GREATEST(IF(" NOTHING_ELSE
                   ", 0, p.has_options), o.product_id IS NOT NULL), p.required_options = "
                   "GREATEST(IF(" NOTHING_ELSE
                   ", 0, p.required_options), COALESCE(o.required, 0)) WHERE p.entity_id IN (%s)",
                   products, options, list, list);
}

#define CONTAINER                                                                                  \
    "IF(a.default_value IN ('container1', 'container2'), a.default_value, 'container2')"

/* A product that says nowhere where its options are to be shown shows none. */
static int set_container(struct import *im, const char *products, const char *options,
                         struct buf *list, struct ds_error *err)
{
    char values[200], attributes[200];
    if (!table_name(im, "catalog_product_entity_varchar", values) ||
        !table_name(im, "eav_attribute", attributes))
        return 0;
    int rc = db_exec(im->db, err,
                     "UPDATE `%s` v JOIN `%s` a USING (attribute_id) JOIN `%s` o ON o.product_id = "
                     "v.entity_id SET v.value = " CONTAINER " WHERE a.attribute_code = "
                     "'options_container' AND v.store_id = 0 AND COALESCE(v.value, '') NOT IN "
                     "('container1', 'container2') AND v.entity_id IN (%s)",
                     values, attributes, options, buf_cstr(list));
    return rc ? rc
              : db_exec(im->db, err,
                        "INSERT INTO `%s` (entity_type_id, attribute_id, store_id, entity_id, "
                        "value) SELECT a.entity_type_id, a.attribute_id, 0, p.entity_id, " CONTAINER
                        " FROM `%s` p JOIN `%s` a ON a.entity_type_id = "
                        "p.entity_type_id AND a.attribute_code = 'options_container' LEFT JOIN "
                        "`%s` v ON v.entity_id = p.entity_id AND v.attribute_id = a.attribute_id "
                        "AND v.store_id = 0 WHERE p.entity_id IN (%s) AND v.entity_id IS NULL AND "
                        "EXISTS (SELECT 1 FROM `%s` o WHERE o.product_id = p.entity_id)",
                        values, products, attributes, values, buf_cstr(list), options);
}

void import_options_clear(struct import *im)
{
    buf_clear(&im->told_options);
    buf_clear(&im->shown_options);
}

int import_finish_options(struct import *im, struct ds_error *err)
{
    char products[200], options[200];
    bool there = im->told_options.len && !im->options.dry_run &&
                 table_name(im, "catalog_product_entity", products) &&
                 table_name(im, "catalog_product_option", options);
    int rc = there ? set_flags(im, products, options, err) : 0;
    if (rc == 0 && there && im->shown_options.len)
        rc = set_container(im, products, options, &im->shown_options, err);
    import_options_clear(im);
    return rc;
}
