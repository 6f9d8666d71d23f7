/* Columns of rows that the copy has written already (SNAPSHOT_VALUES). A row that is not there is
 * passed over: it was an orphan at the source. */
#include <stdlib.h>

#include "applier/bind.h"
#include "applier/load_parts.h"
#include "applier/load_rows.h"
#include "schema/crash.h"

struct values {
    struct load_context *c;
    const struct target_table *table;
    const uint8_t **images; /* row by row, each of the table's columns */
    uint32_t count;
    const struct target_column **set; /* a column, then the key's */
    const uint8_t **row;              /* values of as many */
    uint32_t rows;
};

static bool is_key(const struct target_table *t, uint32_t column)
{
    for (uint32_t i = 0; i < t->row_key->count; i++)
        if (t->row_key->columns[i] == column)
            return true;
    return false;
}

/* Which rows say the column? */
static void take_column(struct values *v, uint32_t column)
{
    const struct target_key *key = v->table->row_key;
    const uint8_t **to = v->row;
    v->rows = 0;
    v->set[0] = &v->table->columns[column];
    for (uint32_t k = 0; k < key->count; k++)
        v->set[k + 1] = &v->table->columns[key->columns[k]];
    for (uint32_t i = 0; i < v->count; i++) {
        const uint8_t **image = v->images + (size_t)i * v->table->column_count;
        if (*image[column] == VALUE_BYTE_ABSENT)
            continue;
        *to++ = image[column];
        for (uint32_t k = 0; k < key->count; k++)
            *to++ = image[key->columns[k]];
        v->rows++;
    }
}

/* "UPDATE t SET column = ", then " WHERE key = " and so on; law 11: what would change by itself is
 * named. */
static int put_set(const struct values *v, struct buf *sql)
{
    return buf_puts(sql, "UPDATE ") | sql_table(sql, v->c->options->database, v->table->name) |
           buf_puts(sql, " SET ") | sql_identifier(sql, v->set[0]->name) | buf_puts(sql, " = ");
}

static int put_untouched(const struct values *v, struct buf *sql)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < v->table->column_count; i++) {
        const struct target_column *c = &v->table->columns[i];
        if (c->on_update && !c->generated && c != v->set[0])
            rc = buf_puts(sql, ", ") | sql_identifier(sql, c->name) | buf_puts(sql, " = ") |
                 sql_identifier(sql, c->name);
    }
    return rc;
}

static int put_key(const struct values *v, uint32_t k, struct buf *sql)
{
    return buf_puts(sql, k ? " AND " : " WHERE ") | sql_identifier(sql, v->set[k + 1]->name) |
           buf_puts(sql, " = ");
}

static int write_bulk(struct values *v, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    struct bind_set binds = {0};
    const uint32_t keys = v->table->row_key->count;
    int rc = put_set(v, &sql) | buf_puts(&sql, "?") | put_untouched(v, &sql);
    for (uint32_t k = 0; rc == 0 && k < keys; k++)
        rc = put_key(v, k, &sql) | buf_puts(&sql, "?");
    MYSQL_STMT *stmt = rc ? NULL : mysql_stmt_init(v->c->db);
    if (!stmt)
        return load_no_memory(err);
    if (mysql_stmt_prepare(stmt, (const char *)sql.data, sql.len))
        rc = db_fail_stmt(err, stmt, "preparing the UPDATE of a copied table");
    rc = rc ? rc : bind_fill(&binds, v->set, keys + 1, v->row, v->rows, 0, err);
    rc = rc ? rc : bind_execute(&binds, stmt, "loading values", err);
    rc = rc ? rc : row_loader_warnings(v->c->db, v->set, 1, err);
    bind_free(&binds);
    mysql_stmt_close(stmt);
    return rc;
}

static int write_one(struct values *v, uint32_t row, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    const uint32_t keys = v->table->row_key->count;
    const uint8_t **values = v->row + (size_t)row * (keys + 1);
    if (put_set(v, &sql))
        return load_no_memory(err);
    int rc = bind_literal(&sql, v->set[0], values[0], err);
    if (rc == 0 && put_untouched(v, &sql))
        rc = load_no_memory(err);
    for (uint32_t k = 0; rc == 0 && k < keys; k++)
        rc = put_key(v, k, &sql) ? load_no_memory(err)
                                 : bind_literal(&sql, v->set[k + 1], values[k + 1], err);
    rc = rc ? rc : db_exec_len(v->c->db, (const char *)sql.data, sql.len, err);
    return rc ? rc : row_loader_warnings(v->c->db, v->set, 1, err);
}

static int write_column(struct values *v, uint32_t column, struct ds_error *err)
{
    int rc = 0;
    take_column(v, column);
    if (v->rows && v->c->server->mariadb)
        return write_bulk(v, err);
    for (uint32_t i = 0; rc == 0 && i < v->rows; i++)
        rc = write_one(v, i, err);
    return rc;
}

static int split(struct values *v, struct slice rows, struct ds_error *err)
{
    const struct target_table *t = v->table;
    const uint8_t *p = rows.p, *end = rows.p + rows.len;
    int rc = array_read_head(&p, end, &v->count);
    if (rc == 0) {
        v->images = calloc((size_t)v->count * t->column_count + 1, sizeof *v->images);
        v->set = calloc(t->row_key->count + 1, sizeof *v->set);
        v->row = calloc((size_t)v->count * (t->row_key->count + 1) + 1, sizeof *v->row);
        if (!v->images || !v->set || !v->row) {
            load_no_memory(err);
            return DS_ENOMEM; /* which clang-tidy does not see in it */
        }
    }
    for (uint32_t i = 0; rc == 0 && i < v->count; i++) {
        const uint8_t *image = p;
        rc = value_skip(&p, end);
        if (rc == 0)
            rc = image_split((struct slice){image, (size_t)(p - image)}, t->column_count,
                             v->images + (size_t)i * t->column_count);
    }
    return rc ? error_set(err, DS_EFORMAT, "values of the snapshot do not have the table's columns")
              : 0;
}

int load_values(struct load_context *c, const struct target_table *table, struct slice rows,
                struct ds_error *err)
{
    struct values v = {.c = c, .table = table};
    int rc = split(&v, rows, err);
    rc = rc ? rc : db_exec(c->db, err, "START TRANSACTION");
    for (uint32_t i = 0; rc == 0 && i < table->column_count; i++)
        if (!table->columns[i].generated && !is_key(table, i))
            rc = write_column(&v, i, err);
    rc = rc ? rc : db_exec(c->db, err, "COMMIT");
    crash_point("load.values");
    free(v.images);
    free(v.set);
    free(v.row);
    return rc;
}
