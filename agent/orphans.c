#include "agent/orphans.h"

#include <stdlib.h>
#include <string.h>

#include "schema/db.h"
#include "schema/json.h"
#include "schema/sql.h"

struct key {
    char *child, *parent;
    struct buf columns, ids, named, joined, there;
    /* `a`,`b`; c.`a`, …; c.`a` IS NOT NULL AND …; p.`x` = c.`a` AND …;
     * p.`x` IS NULL */
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for foreign keys");
}

static void key_free(struct key *k)
{
    free(k->child);
    free(k->parent);
    buf_free(&k->columns);
    buf_free(&k->ids);
    buf_free(&k->named);
    buf_free(&k->joined);
    buf_free(&k->there);
    *k = (struct key){0};
}

static int add_column(struct key *k, const char *child, const char *parent)
{
    bool first = !k->columns.len;
    int rc = (first ? 0
                    : buf_puts(&k->columns, ",") | buf_puts(&k->named, " AND ") |
                          buf_puts(&k->joined, " AND ")) |
             sql_identifier(&k->columns, child);
    rc |= buf_puts(&k->ids, first ? "c." : ", c.") | sql_identifier(&k->ids, child);
    rc |= buf_puts(&k->named, "c.") | sql_identifier(&k->named, child) |
          buf_puts(&k->named, " IS NOT NULL");
    rc |= buf_puts(&k->joined, "p.") | sql_identifier(&k->joined, parent) |
          buf_puts(&k->joined, " = c.") | sql_identifier(&k->joined, child);
    if (first)
        rc |= buf_puts(&k->there, "p.") | sql_identifier(&k->there, parent);
    return rc;
}

/* One row for each id that is missing, with how many rows name it. */
static int select_orphans(const struct key *k, struct buf *sql)
{
    int rc = buf_puts(sql, "SELECT CONCAT_WS('/', ") | buf_append(sql, k->ids.data, k->ids.len) |
             buf_puts(sql, ") AS ids, COUNT(*) AS n FROM ") | sql_identifier(sql, k->child) |
             buf_puts(sql, " c LEFT JOIN ") | sql_identifier(sql, k->parent) |
             buf_puts(sql, " p ON ") | buf_append(sql, k->joined.data, k->joined.len);
    rc |= buf_puts(sql, " WHERE ") | buf_append(sql, k->named.data, k->named.len) |
          buf_puts(sql, " AND ") | buf_append(sql, k->there.data, k->there.len) |
          buf_puts(sql, " IS NULL GROUP BY ") | buf_append(sql, k->ids.data, k->ids.len) |
          buf_puts(sql, " ORDER BY ") | buf_append(sql, k->ids.data, k->ids.len);
    return rc;
}

/* A text as it is; other bytes as SQL has them. */
static int put_id(MYSQL_RES *rows, const char *id, struct buf *ids)
{
    const size_t len = mysql_fetch_lengths(rows)[0];
    return utf8_valid(id, len) && strlen(id) == len ? buf_append(ids, id, len)
                                                    : sql_string(ids, id, len);
}

/* All of them, where there are more than are told. */
static int count_orphans(const struct orphans_options *o, struct buf *select, struct orphans *found,
                         struct ds_error *err)
{
    MYSQL_RES *rows =
        db_select(o->db, err, "SELECT COUNT(*), SUM(n) FROM (%s) x", buf_cstr(select));
    MYSQL_ROW row = rows ? mysql_fetch_row(rows) : NULL;
    if (row) {
        found->missing = strtoull(row[0], NULL, 10);
        found->rows = row[1] ? strtoull(row[1], NULL, 10) : 0;
    }
    mysql_free_result(rows);
    return rows ? 0 : err->code;
}

static int look(const struct orphans_options *o, struct key *k, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0}, ids = {0};
    struct orphans found = {.child = k->child, .parent = k->parent};
    int rc = 0;
    if (!k->child)
        return 0;
    if (select_orphans(k, &sql))
        return no_memory(err);
    MYSQL_RES *rows = db_select(o->db, err, "%s LIMIT %d", buf_cstr(&sql), ORPHANS_TOLD + 1);
    if (!rows)
        return err->code;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(rows)); found.missing++) {
        found.rows += strtoull(row[1], NULL, 10);
        if (found.missing < ORPHANS_TOLD)
            rc = (found.missing ? buf_puts(&ids, ",") : 0) | put_id(rows, row[0], &ids);
    }
    mysql_free_result(rows);
    if (rc)
        return no_memory(err);
    if (found.missing > ORPHANS_TOLD && count_orphans(o, &sql, &found, err))
        return err->code;
    found.columns = buf_cstr(&k->columns);
    found.ids = buf_cstr(&ids);
    if (found.missing)
        o->found(o->arg, &found);
    return 0;
}

/* Rows: name, child, parent, column, referenced column; those of a key one after the other. */
static int look_at_all(const struct orphans_options *o, MYSQL_RES *rows, struct ds_error *err)
{
    struct key k = {0};
    const char *name = NULL;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(rows));) {
        if (!name || strcmp(name, row[0]) != 0 || strcmp(k.child, row[1]) != 0) {
            rc = look(o, &k, err);
            key_free(&k);
            name = row[0]; /* as long as the result */
            k.child = strdup(row[1]);
            k.parent = strdup(row[2]);
        }
        if (rc == 0 && (!k.child || !k.parent || add_column(&k, row[3], row[4])))
            rc = no_memory(err);
    }
    rc = rc ? rc : look(o, &k, err);
    key_free(&k);
    return rc;
}

int orphans_find(const struct orphans_options *o, struct ds_error *err)
{
    MYSQL_RES *rows = db_select(
        o->db, err,
        "SELECT CONSTRAINT_NAME, TABLE_NAME, REFERENCED_TABLE_NAME, COLUMN_NAME, "
        "REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = "
        "DATABASE() AND REFERENCED_TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME, "
        "CONSTRAINT_NAME, ORDINAL_POSITION");
    if (!rows)
        return err->code;
    int rc = look_at_all(o, rows, err);
    mysql_free_result(rows);
    return rc;
}
