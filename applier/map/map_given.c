#include "applier/map/map_given.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applier/bind.h"
#include "applier/map/map_volume.h"
#include "schema/db.h"
#include "schema/log.h"
#include "schema/message.h"
#include "schema/table_sum.h"

enum { STATEMENT_BYTES = 256 << 10 };

struct map_given {
    MYSQL *db;
    const struct target_table *table;
    char name[40];
    bool *absent; /* by column: of a row, at least */
    const uint8_t **values;
    struct buf sql; /* rows that are not written yet */
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for a volume check");
}

/* --- written --------------------------------------------------------------------------------- */

static int put_columns(const struct map_given *g, struct buf *sql)
{
    const char *before = "";
    int rc = 0;
    for (uint32_t i = 0; i < g->table->column_count; i++)
        if (!g->table->columns[i].generated) {
            rc |= buf_puts(sql, before) | sql_identifier(sql, g->table->columns[i].name);
            before = ", ";
        }
    return rc;
}

static int make_table(struct map_given *g, struct ds_error *err)
{
    BUF_AUTO struct buf columns = {0}, from = {0};
    if (put_columns(g, &columns) || sql_identifier(&from, g->table->name))
        return no_memory(err);
    return db_exec(g->db, err, "CREATE TEMPORARY TABLE %s ENGINE=InnoDB SELECT %s FROM %s LIMIT 0",
                   g->name, buf_cstr(&columns), buf_cstr(&from));
}

int map_given_new(struct map_given **out, MYSQL *db, const struct target_table *table,
                  struct ds_error *err)
{
    struct map_given *g = calloc(1, sizeof *g);
    *out = NULL;
    if (!g)
        return no_memory(err);
    *g = (struct map_given){.db = db, .table = table};
    snprintf(g->name, sizeof g->name, "`datasync_given_%u`", table->index);
    g->absent = calloc(table->column_count + 1, sizeof *g->absent);
    g->values = calloc(table->column_count + 1, sizeof *g->values);
    int rc = g->absent && g->values ? make_table(g, err) : no_memory(err);
    if (rc == DS_ESERVER || rc == DS_EACCESS) {
        log_warn("rows of table %s are only counted, since the destination makes no temporary "
                 "table: %s",
                 table->name, err->message);
        error_clear(err);
        map_given_free(g);
        return 0;
    }
    *out = rc ? NULL : g;
    if (rc)
        map_given_free(g);
    return rc;
}

void map_given_free(struct map_given *g)
{
    struct ds_error ignored;
    if (!g)
        return;
    if (g->absent && g->values)
        (void)db_exec(g->db, &ignored, "DROP TEMPORARY TABLE IF EXISTS %s", g->name);
    buf_free(&g->sql);
    free(g->absent);
    free(g->values);
    free(g);
}

static int flush(struct map_given *g, struct ds_error *err)
{
    int rc = g->sql.len ? db_exec_len(g->db, (const char *)g->sql.data, g->sql.len, err) : 0;
    buf_clear(&g->sql);
    return rc;
}

static int put_row(struct map_given *g, struct slice image, struct ds_error *err)
{
    const char *before = "(";
    if (image_split(image, g->table->column_count, g->values))
        return error_set(err, DS_EFORMAT, "a row for table %s is malformed", g->table->name);
    int rc = g->sql.len ? buf_puts(&g->sql, ", ")
                        : buf_printf(&g->sql, "INSERT INTO %s (", g->name) |
                              put_columns(g, &g->sql) | buf_puts(&g->sql, ") VALUES ");
    for (uint32_t i = 0; rc == 0 && i < g->table->column_count; i++) {
        const bool absent = *g->values[i] == VALUE_BYTE_ABSENT;
        if (g->table->columns[i].generated)
            continue;
        g->absent[i] |= absent;
        rc = buf_puts(&g->sql, before);
        before = ", ";
        if (rc == 0 && absent)
            rc = buf_puts(&g->sql, "DEFAULT");
        else if (rc == 0 && bind_literal(&g->sql, &g->table->columns[i], g->values[i], err))
            return err->code;
    }
    return rc || buf_puts(&g->sql, ")") ? no_memory(err) : 0;
}

int map_given_add(struct map_given *g, const struct buf *images, struct ds_error *err)
{
    const uint8_t *p = images->data, *end = p + images->len;
    uint32_t count = 0;
    int rc = array_read_head(&p, end, &count) ? DS_EFORMAT : 0;
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        const uint8_t *image = p;
        if (value_skip(&p, end))
            return error_set(err, DS_EFORMAT, "rows for table %s are malformed", g->table->name);
        rc = put_row(g, (struct slice){image, (size_t)(p - image)}, err);
        if (rc == 0 && g->sql.len >= STATEMENT_BYTES)
            rc = flush(g, err);
    }
    return rc;
}

/* --- compared -------------------------------------------------------------------------------- */

static bool is_compared(const struct map_given *g, uint32_t column)
{
    return !g->absent[column] && !g->table->columns[column].generated;
}

/* Both tables have the same columns, so that one server shows a value alike. */
static const char *form_of(const struct target_column *c)
{
    switch (c->class) {
    case TARGET_INT:
        return c->width ? "%s" : "SHA2(%s, 256)";
    case TARGET_DECIMAL:
    case TARGET_TEMPORAL:
        return "%s";
    case TARGET_FLOAT:
    case TARGET_DOUBLE:
        return "%s + 0e0";
    default:
        return "SHA2(%s, 256)";
    }
}

static bool has_key(const struct map_given *g)
{
    const struct target_key *k = g->table->row_key;
    uint32_t i = 0;
    while (k && i < k->count && is_compared(g, k->columns[i]))
        i++;
    return k && i == k->count;
}

/* "5/7" */
static int put_key(const struct map_given *g, struct buf *sql)
{
    const struct target_key *k = g->table->row_key;
    int rc = buf_puts(sql, "CONCAT_WS('/'");
    for (uint32_t i = 0; i < k->count; i++) {
        const struct target_column *c = &g->table->columns[k->columns[i]];
        rc |= buf_puts(sql, c->class == TARGET_TEXT    ? ", CONVERT("
                            : c->class == TARGET_BYTES ? ", HEX("
                                                       : ", (");
        rc |= sql_identifier(sql, c->name) |
              buf_puts(sql, c->class == TARGET_TEXT ? " USING utf8mb4)" : ")");
    }
    return rc | buf_puts(sql, ")");
}

static int put_digest(const struct map_given *g, struct buf *sql)
{
    int rc = buf_puts(sql, "SHA2(CONCAT_WS('|'");
    for (uint32_t i = 0; i < g->table->column_count; i++)
        if (is_compared(g, i))
            rc |= table_sum_column(sql, g->table->columns[i].name, form_of(&g->table->columns[i]));
    return rc | buf_puts(sql, "), 256)");
}

/* Without a key a row is what it holds. */
static int put_side(const struct map_given *g, bool given, struct buf *sql)
{
    int rc = buf_puts(sql, "SELECT CAST(");
    rc |= has_key(g) ? put_key(g, sql) : put_digest(g, sql);
    rc |= buf_puts(sql, " AS BINARY) AS k, ") | put_digest(g, sql);
    rc |= buf_printf(sql, " AS h, %d AS n FROM ", given ? 1 : -1);
    return rc | (given ? buf_puts(sql, g->name) : sql_identifier(sql, g->table->name));
}

static int put_query(const struct map_given *g, struct buf *sql)
{
    return buf_puts(sql, "SELECT k, SUM(n > 0), SUM(n < 0) FROM (") | put_side(g, true, sql) |
           buf_puts(sql, " UNION ALL ") | put_side(g, false, sql) |
           buf_puts(sql, ") AS every_row GROUP BY k HAVING SUM(n) <> 0 OR COUNT(DISTINCT h) > 1 "
                         "ORDER BY k");
}

int map_given_compare(struct map_given *g, struct map_given_difference *out, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    MYSQL_RES *rows = NULL;
    uint32_t missing = 0, more = 0, changed = 0;
    int rc = flush(g, err);
    if (rc == 0 && put_query(g, &sql))
        rc = no_memory(err);
    if (rc)
        return rc;
    if (mysql_real_query(g->db, buf_cstr(&sql), sql.len) || !(rows = mysql_use_result(g->db)))
        return db_fail(err, g->db, "comparing rows of a step");
    const bool shows = has_key(g);
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(rows));) {
        const bool given = strcmp(row[1], "0") != 0, there = strcmp(row[2], "0") != 0;
        out->any = true;
        out->values |= given && there;
        if (shows)
            rc = !there  ? map_volume_add_key(&out->missing, &missing, row[0])
                 : given ? map_volume_add_key(&out->changed, &changed, row[0])
                         : map_volume_add_key(&out->more, &more, row[0]);
    }
    if (rc)
        rc = no_memory(err);
    if (rc == 0 && mysql_errno(g->db))
        rc = db_fail(err, g->db, "comparing rows of a step");
    mysql_free_result(rows);
    return rc;
}

void map_given_difference_free(struct map_given_difference *d)
{
    buf_free(&d->missing);
    buf_free(&d->more);
    buf_free(&d->changed);
}
