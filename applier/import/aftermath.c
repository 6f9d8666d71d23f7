/* What a shop works out from its rows, and must know of rows that came past it: its number
 * sequences, the paths and counters of its category tree, and which indexes are due. At the end of
 * a range, so that rows which the live shop needs for each order are held as shortly as can be.
 */
#include <ctype.h>
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

/* The last increment id that came of those which one sequence could have given: of a kind, a store,
 * a length and a beginning. */
struct number {
    const char *type;
    char text[52];
    uint64_t store; /* of the destination; 0: not told */
    bool counted;   /* the destination has a sequence for such */
    struct number *next;
};

struct aftermath {
    struct number *numbers;
    bool due[INDEXED];
    struct buf tree;  /* categories whose counters may be wrong, "1,2,15" */
    struct buf moved; /* … which others may stand below, and which have a new path */
    struct arena arena;
};

int import_aftermath_new(struct import *im)
{
    im->aftermath = calloc(1, sizeof *im->aftermath);
    return im->aftermath ? 0 : DS_ENOMEM;
}

void import_aftermath_clear(struct import *im)
{
    struct aftermath *a = im->aftermath;
    a->numbers = NULL;
    memset(a->due, 0, sizeof a->due);
    buf_clear(&a->tree);
    buf_clear(&a->moved);
    arena_reset(&a->arena, 1 << 16);
}

void import_aftermath_free(struct import *im)
{
    if (!im->aftermath)
        return;
    buf_free(&im->aftermath->tree);
    buf_free(&im->aftermath->moved);
    arena_free(&im->aftermath->arena);
    free(im->aftermath);
}

/* --- noted while rows are written ------------------------------------------------------------ */

static bool has_sequence(const char *entity)
{
    static const char *const names[] = {"order", "invoice", "shipment", "creditmemo", "customer"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], entity) == 0)
            return true;
    return false;
}

/* Sequences count with eight digits behind the number of their store. */
static size_t beginning(size_t len)
{
    return len > 9 ? len - 8 : 1;
}

static struct number *find_number(const struct aftermath *a, const char *type, uint64_t store,
                                  struct slice text)
{
    struct number *n = a->numbers;
    while (n && !(n->store == store && strcmp(n->type, type) == 0 && strlen(n->text) == text.len &&
                  memcmp(n->text, text.p, beginning(text.len)) == 0))
        n = n->next;
    return n;
}

static int note_number(struct import *im, const struct import_row *row)
{
    struct aftermath *a = im->aftermath;
    uint32_t column = import_source_column(row->table, "increment_id");
    char scratch[32];
    bool null;
    if (column == NO_COLUMN)
        return 0;
    struct slice text = import_text(row->after[column], scratch, &null);
    if (null || !text.len || text.len >= sizeof a->numbers->text)
        return 0;
    for (size_t i = beginning(text.len); i < text.len; i++)
        if (!isdigit(text.p[i]))
            return 0;
    const char *type = row->table->entity->name;
    int column_of_store = target_column_ordinal(row->table->target, "store_id");
    const uint8_t *raw = column_of_store >= 0 && row->values ? row->values[column_of_store] : NULL;
    uint64_t store;
    if (!raw || !value_id((struct slice){raw, value_length(raw)}, &store))
        store = 0;
    struct number *n = find_number(a, type, store, text);
    if (!n) {
        n = arena_zalloc(&a->arena, sizeof *n);
        if (!n)
            return DS_ENOMEM;
        *n = (struct number){.type = type, .store = store, .next = a->numbers};
        a->numbers = n;
    } else if (memcmp(n->text, text.p, text.len) >= 0) {
        return 0;
    }
    snprintf(n->text, sizeof n->text, "%.*s", (int)text.len, (const char *)text.p);
    return 0;
}

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

/* Also of one that is there already. */
int import_note_number(struct import *im, const struct import_row *row)
{
    return row->table->root && row->after && has_sequence(row->table->entity->name)
               ? note_number(im, row)
               : 0;
}

void import_note_entity(struct import *im, const struct catalogue_entity *e)
{
    for (size_t i = 0; i < INDEXED; i++)
        im->aftermath->due[i] |= strcmp(indexed[i].entity, e->name) == 0;
}

int import_note(struct import *im, const struct import_row *row)
{
    const struct import_table *t = row->table;
    int rc = 0;
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
    snprintf(number, sizeof number, "%lu", row->target_id);
    return path_column(row->table) >= 0 ? append_id(&im->aftermath->moved, number) : 0;
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
        return 0;
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

static const char *shop_table_name(const struct import *im, const char *name, char out[200])
{
    const char *prefix = im->options.config->destination.prefix;
    int n = snprintf(out, 200, "%s%s", prefix ? prefix : "", name);
    const struct target_table *t = target_find(im->target, out, (size_t)n);
    return t && t->exists ? out : NULL;
}

/* Would a sequence with this prefix come to the number, later than where it stands? */
static bool is_ahead(const char *number, const char *prefix, const char *last)
{
    size_t head = strlen(prefix), len = strlen(number);
    if (len != strlen(last) || strncmp(number, prefix, head) != 0 || strcmp(number, last) <= 0)
        return false;
    for (size_t i = head; i < len; i++)
        if (!isdigit((unsigned char)number[i]))
            return false;
    return true;
}

static int raise_sequence(struct import *im, const char *table, MYSQL_ROW row, struct ds_error *err)
{
    const char *best = row[3];
    uint64_t store = strtoull(row[4], NULL, 10);
    BUF_AUTO struct buf value = {0};
    for (struct number *n = im->aftermath->numbers; n; n = n->next) {
        if (strcmp(n->type, row[0]) != 0)
            continue;
        n->counted |= n->store == store;
        if (is_ahead(n->text, row[2], best))
            best = n->text;
    }
    if (best == row[3])
        return 0;
    if (sql_string(&value, best, strlen(best)))
        return import_no_memory(err);
    return db_exec(im->db, err,
                   "UPDATE `%s` SET increment_last_id = %s WHERE entity_store_id = %s AND "
                   "increment_last_id < %s",
                   table, buf_cstr(&value), row[1], buf_cstr(&value));
}

static bool is_digits(const char *text)
{
    size_t len = strspn(text, "0123456789");
    return len && !text[len];
}

/* "SELECT '100000007' AS n UNION ALL …": the last of each length that the store's sequence may have
 * come to. */
static int print_last(struct import *im, const struct number *first, const char *prefix,
                      struct buf *sql)
{
    const char *last[sizeof first->text] = {NULL};
    int rc = 0;
    for (struct number *n = im->aftermath->numbers; n; n = n->next) {
        const char **best = &last[strlen(n->text)];
        if (n->store != first->store || strcmp(n->type, first->type) != 0)
            continue;
        n->counted = true;
        if (is_digits(n->text) && strncmp(n->text, prefix, strlen(prefix)) == 0 &&
            (!*best || strcmp(n->text, *best) > 0))
            *best = n->text;
    }
    for (size_t i = 0; i < sizeof first->text; i++)
        if (last[i])
            rc |= buf_printf(sql, "%sSELECT '%s' AS n", sql->len ? " UNION ALL " : "", last[i]);
    return rc;
}

/* A shop makes the row of a sequence with its first number, which begins with the number of the
 * store: one that has taken no order yet has none. */
static int begin_sequence(struct import *im, const char *table, const char *types,
                          const struct number *first, struct ds_error *err)
{
    char prefix[24];
    BUF_AUTO struct buf last = {0};
    snprintf(prefix, sizeof prefix, "%lu", first->store);
    if (print_last(im, first, prefix, &last))
        return import_no_memory(err);
    return !last.len
               ? 0
               : db_exec(im->db, err,
                         "INSERT INTO `%s` (entity_type_id, store_id, increment_prefix, "
                         "increment_last_id) SELECT t.entity_type_id, %s, '%s', n FROM `%s` t JOIN "
                         "(%s) l ON LENGTH(n) = increment_pad_length + %zu WHERE entity_type_code "
                         "= '%s' AND increment_per_store = 1 AND NOT EXISTS (SELECT 1 FROM `%s` s "
                         "WHERE s.entity_type_id = t.entity_type_id AND s.store_id = %s)",
                         table, prefix, prefix, types, buf_cstr(&last), strlen(prefix), first->type,
                         table, prefix);
}

static int raise_sequences(struct import *im, struct ds_error *err)
{
    char table[200], types[200];
    if (!im->aftermath->numbers || !shop_table_name(im, "eav_entity_store", table) ||
        !shop_table_name(im, "eav_entity_type", types))
        return 0;
    MYSQL_RES *rows =
        db_select(im->db, err,
                  "SELECT t.entity_type_code, s.entity_store_id, "
                  "COALESCE(s.increment_prefix, ''), COALESCE(s.increment_last_id, ''), s.store_id "
                  "FROM `%s` s JOIN `%s` t USING (entity_type_id) ORDER BY 2",
                  table, types);
    if (!rows)
        return err->code;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(rows));)
        rc = raise_sequence(im, table, row, err);
    mysql_free_result(rows);
    for (const struct number *n = im->aftermath->numbers; n && rc == 0; n = n->next)
        if (n->store && !n->counted)
            rc = begin_sequence(im, table, types, n, err);
    return rc;
}

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
    char table[200];
    struct buf *ids = &im->aftermath->moved;
    BUF_AUTO struct buf strays = {0};
    if (!ids->len || !shop_table_name(im, "catalog_category_entity", table))
        return 0;
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
    char table[200];
    struct buf *tree = &im->aftermath->tree;
    if (!tree->len || !shop_table_name(im, "catalog_category_entity", table))
        return 0;
    return db_exec(
        im->db, err,
        "UPDATE `%s` c JOIN (SELECT a.entity_id, COUNT(x.entity_id) AS n FROM `%s` a LEFT "
        "JOIN `%s` x ON x.path LIKE CONCAT(a.path, '/%%') WHERE a.entity_id IN (%s) GROUP "
        "BY a.entity_id) k USING (entity_id) SET c.children_count = k.n WHERE "
        "c.children_count <> k.n",
        table, table, table, buf_cstr(tree));
}

static int tell_indexes(struct import *im, struct ds_error *err)
{
    char table[200];
    int rc = 0;
    for (size_t i = 0; i < INDEXED && rc == 0; i++)
        if (im->aftermath->due[i] && shop_table_name(im, "index_process", table))
            rc =
                db_exec(im->db, err,
                        "UPDATE `%s` SET status = 'require_reindex' WHERE indexer_code IN (%s) AND "
                        "status <> 'require_reindex'",
                        table, indexed[i].indexers);
    return rc;
}

int import_aftermath(struct import *im, struct ds_error *err)
{
    int rc = im->options.dry_run ? 0 : follow_moves(im, err);
    rc = rc || im->options.dry_run ? rc : count_children(im, err);
    rc = rc || im->options.dry_run ? rc : tell_indexes(im, err);
    rc = rc || im->options.dry_run ? rc : raise_sequences(im, err);
    import_aftermath_clear(im);
    return rc;
}
