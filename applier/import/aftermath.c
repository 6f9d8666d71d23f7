/* What a shop works out from its rows, and must know of rows that came past it: its number
 * sequences (sequences.c), the paths and counters of its category tree, summaries of reviews
 * (reviews.c), and which indexes are due.
 * At the end of a range, so that rows which the live shop needs for each order are held as shortly
 * as can be.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applier/import/import_internal.h"

/* Which indexers are due when rows of an entity have changed. */
static const struct {
    const char *entity, *indexers;
} indexed[] = {
    {"product", "'catalog_product_attribute','catalog_product_price','catalog_url',"
                "'catalog_product_flat','catalog_category_product','catalogsearch_fulltext',"
                "'cataloginventory_stock','tag_summary'"},
    {"category", "'catalog_category_flat','catalog_category_product','catalog_url'"},
    {"stock", "'cataloginventory_stock','catalog_product_price'"},
    {"attribute", "'catalog_product_attribute','catalog_product_flat','catalogsearch_fulltext'"},
    {"tag", "'tag_summary'"},
    {"customer_group", "'catalog_product_price'"},
    {"store",
     "'catalog_product_attribute','catalog_product_flat','catalog_category_flat','catalog_url',"
     "'catalogsearch_fulltext'"},
    {"store_group",
     "'catalog_product_flat','catalog_category_flat','catalog_category_product','catalog_url',"
     "'catalogsearch_fulltext'"},
    {"website", "'catalog_product_price','cataloginventory_stock'"},
};
enum { INDEXED = sizeof indexed / sizeof *indexed };

struct aftermath {
    bool due[INDEXED];
    struct buf tree;  /* categories whose counters may be wrong, "1,2,15" */
    struct buf moved; /* … which others may stand below, and which have a new path */
};

int import_aftermath_new(struct import *im)
{
    im->aftermath = calloc(1, sizeof *im->aftermath);
    return im->aftermath && import_sequences_new(im) == 0 && import_reviews_new(im) == 0
               ? 0
               : DS_ENOMEM;
}

void import_aftermath_clear(struct import *im)
{
    struct aftermath *a = im->aftermath;
    memset(a->due, 0, sizeof a->due);
    buf_clear(&a->tree);
    buf_clear(&a->moved);
    import_sequences_clear(im);
    import_reviews_clear(im);
}

void import_aftermath_free(struct import *im)
{
    import_sequences_free(im);
    import_reviews_free(im);
    if (!im->aftermath)
        return;
    buf_free(&im->aftermath->tree);
    buf_free(&im->aftermath->moved);
    free(im->aftermath);
}

/* --- noted while rows are written ------------------------------------------------------------ */

/* Where a category has its path, -1: its rows are none. */
static int path_column(const struct import_table *t)
{
    bool category = t->root && strcmp(t->entity->name, "category") == 0;
    return category ? target_column_ordinal(t->target, "path") : -1;
}

static int append_id(struct buf *list, const char *id)
{
    return (list->len ? buf_puts(list, ",") : 0) || buf_puts(list, id) ? DS_ENOMEM : 0;
}

/* All that the path leads through: as it was, and as it is. */
static int note_path(struct import *im, const uint8_t *path)
{
    char scratch[32];
    bool null;
    struct slice text = import_text(path, scratch, &null);
    struct buf *tree = &im->aftermath->tree;
    if (null || !text.len)
        return 0;
    int rc = tree->len ? buf_puts(tree, ",") : 0;
    for (size_t i = 0; i < text.len && rc == 0; i++)
        rc = buf_printf(tree, "%c", text.p[i] == '/' ? ',' : text.p[i]);
    return rc;
}

void import_note_entity(struct import *im, const struct catalogue_entity *e)
{
    for (size_t i = 0; i < INDEXED; i++)
        im->aftermath->due[i] |= strcmp(indexed[i].entity, e->name) == 0;
}

int import_note(struct import *im, const struct import_row *row)
{
    const struct import_table *t = row->table;
    int rc = import_note_review(im, row);
    import_note_entity(im, t->entity);
    int path = path_column(t);
    if (rc == 0 && path >= 0 && row->was)
        rc = note_path(im, row->was[path]);
    if (rc == 0 && path >= 0 && row->values)
        rc = note_path(im, row->values[path]);
    return rc;
}

/* Rows that are there and come with a path: their ids, and what they are to be, '15 1/2/15'. One
 * that is not known yet is another one. */
static int list_paths(struct import_row *const *rows, uint32_t count, int path, struct buf *ids,
                      struct buf *paths)
{
    char scratch[32], number[24];
    bool null;
    int rc = 0;
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        if (rows[i]->table != rows[0]->table || !rows[i]->values || !rows[i]->values[path])
            continue;
        BUF_AUTO struct buf text = {0};
        struct slice value = import_text(rows[i]->values[path], scratch, &null);
        snprintf(number, sizeof number, "%lu", rows[i]->target_id);
        rc = append_id(ids, number) || buf_printf(&text, "%s ", number) ||
             buf_append(&text, value.p, value.len) || (paths->len && buf_puts(paths, ",")) ||
             sql_string(paths, buf_cstr(&text), text.len);
    }
    return rc;
}

int import_note_placed(struct import *im, const struct import_row *row)
{
    char number[24];
    if (path_column(row->table) < 0)
        return 0;
    snprintf(number, sizeof number, "%lu", row->target_id);
    return append_id(&im->aftermath->moved, number);
}

int import_note_moves(struct import *im, struct import_row *const *rows, uint32_t count,
                      struct ds_error *err)
{
    const struct import_table *t = count ? rows[0]->table : NULL;
    BUF_AUTO struct buf ids = {0}, paths = {0};
    int path = t ? path_column(t) : -1;
    int rc = 0;
    if (path < 0)
        return 0;
    if (list_paths(rows, count, path, &ids, &paths))
        return import_no_memory(err);
    MYSQL_RES *moved = ids.len ? db_select(im->db, err,
                                           "SELECT entity_id, REPLACE(path, '/', ',') FROM `%s` "
                                           "WHERE entity_id IN (%s) AND CONCAT(entity_id, ' ', "
                                           "path) NOT IN (%s)",
                                           t->target->name, buf_cstr(&ids), buf_cstr(&paths))
                               : NULL;
    if (!moved)
        return ids.len ? err->code : 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(moved));)
        rc = append_id(&im->aftermath->moved, row[0]) ||
             (*row[1] && append_id(&im->aftermath->tree, row[1]));
    mysql_free_result(moved);
    return rc ? import_no_memory(err) : 0;
}

int import_note_gone(struct import *im, const struct import_row *row, struct ds_error *err)
{
    const struct import_table *t = row->table;
    int path = path_column(t);
    if (path < 0 || (row->was && row->was[path]))
        return import_note_review_gone(im, row, err);
    BUF_AUTO struct buf text = {0};
    bool found;
    int rc = db_scalar(im->db, &text, &found, err,
                       "SELECT REPLACE(path, '/', ',') FROM `%s` WHERE entity_id = %lu",
                       t->target->name, row->target_id);
    struct buf *tree = &im->aftermath->tree;
    if (rc == 0 && text.len &&
        ((tree->len && buf_puts(tree, ",")) || buf_append(tree, text.data, text.len)))
        rc = import_no_memory(err);
    return rc;
}

/* --- done at the end ----------------------------------------------------------------------------
 */

/* Of those in `ids` and right below them, the ones whose path is not their parent's and their own
 * id. None stands below itself: such a path would have no end. */
static int select_strays(struct import *im, const char *table, struct buf *ids, struct buf *strays,
                         struct ds_error *err)
{
    int rc = 0;
    MYSQL_RES *rows = db_select(
        im->db, err,
        "SELECT c.entity_id, REPLACE(CONCAT_WS(',', NULLIF(c.path, ''), p.path), '/', ',') FROM "
        "`%s` c JOIN `%s` p ON p.entity_id = c.parent_id WHERE "
        "(c.entity_id "
        "IN (%s) OR c.parent_id IN (%s)) AND c.path <> CONCAT(p.path, '/', c.entity_id) AND "
        "CONCAT('/', p.path, '/') NOT LIKE CONCAT('%%/', c.entity_id, '/%%')",
        table, table, buf_cstr(ids), buf_cstr(ids));
    if (!rows)
        return err->code;
    buf_clear(strays);
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(rows));)
        rc = append_id(strays, row[0]) || append_id(&im->aftermath->tree, row[1])
                 ? import_no_memory(err)
                 : 0;
    mysql_free_result(rows);
    return rc;
}

/* What stands below a category that was moved follows it: rows of the batch have their new path,
 * the others, the destination's own among them, have not. */
static int follow_moves(struct import *im, struct ds_error *err)
{
    const struct target_table *t = import_shop_table(im, "catalog_category_entity");
    struct buf *ids = &im->aftermath->moved;
    BUF_AUTO struct buf strays = {0};
    if (!ids->len || !t)
        return 0;
    const char *table = t->name;
    int rc = select_strays(im, table, ids, &strays, err);
    while (rc == 0 && strays.len) {
        rc = db_exec(im->db, err,
                     "UPDATE `%s` c JOIN `%s` p ON p.entity_id = c.parent_id SET c.path = "
                     "CONCAT(p.path, '/', c.entity_id), c.level = LENGTH(p.path) - "
                     "LENGTH(REPLACE(p.path, '/', '')) + 1 WHERE c.entity_id IN (%s)",
                     table, table, buf_cstr(&strays));
        buf_clear(ids);
        if (rc == 0 && buf_append(ids, strays.data, strays.len))
            rc = import_no_memory(err);
        rc = rc ? rc : select_strays(im, table, ids, &strays, err);
    }
    return rc;
}

static int count_children(struct import *im, struct ds_error *err)
{
    const struct target_table *t = import_shop_table(im, "catalog_category_entity");
    struct buf *tree = &im->aftermath->tree;
    if (!tree->len || !t)
        return 0;
    return db_exec(
        im->db, err,
        "UPDATE `%s` c JOIN (SELECT a.entity_id, COUNT(x.entity_id) AS n FROM `%s` a LEFT "
        "JOIN `%s` x ON x.path LIKE CONCAT(a.path, '/%%') WHERE a.entity_id IN (%s) GROUP "
        "BY a.entity_id) k USING (entity_id) SET c.children_count = k.n WHERE "
        "c.children_count <> k.n",
        t->name, t->name, t->name, buf_cstr(tree));
}

static int tell_indexes(struct import *im, struct ds_error *err)
{
    const struct target_table *t = import_shop_table(im, "index_process");
    int rc = 0;
    for (size_t i = 0; t && i < INDEXED && rc == 0; i++)
        if (im->aftermath->due[i])
            rc =
                db_exec(im->db, err,
                        "UPDATE `%s` SET status = 'require_reindex' WHERE indexer_code IN (%s) AND "
                        "status <> 'require_reindex'",
                        t->name, indexed[i].indexers);
    return rc;
}

int import_aftermath(struct import *im, struct ds_error *err)
{
    int rc = im->options.dry_run ? 0 : follow_moves(im, err);
    rc = rc || im->options.dry_run ? rc : count_children(im, err);
    rc = rc || im->options.dry_run ? rc : import_reviews(im, err);
    rc = rc || im->options.dry_run ? rc : tell_indexes(im, err);
    rc = rc || im->options.dry_run ? rc : import_sequences(im, err);
    import_aftermath_clear(im);
    return rc;
}
