/* Rows of the destination by a list of values of one column. */
#include "applier/import/key_list.h"
#include "applier/import/import_internal.h"
#include "schema/db.h"

/* Many a server would rather read all of a table, or of a key, than look up some of what it
 * believes to be few rows: after many inserts its statistics are old. MariaDB is sure to look up
 * what a list is joined to. */
void key_list_begin(struct key_list *l, const struct import *im, const struct target_table *t,
                    uint32_t column)
{
    l->table = t;
    l->column = &t->columns[column];
    l->key = target_key_of(t, column);
    l->joined = im->server->mariadb && l->column->class == TARGET_INT && l->key;
    l->count = 0;
    buf_clear(&l->text);
}

int key_list_next(struct key_list *l)
{
    uint32_t n = l->count++;
    if (!l->joined)
        return n ? buf_puts(&l->text, ",") : 0;
    return buf_puts(&l->text, n == 0 ? "SELECT " : n == 1 ? " AS k UNION VALUES (" : "),(");
}

static int named(const struct key_list *l, struct buf *sql)
{
    return buf_puts(sql, "t.") | sql_identifier(sql, l->column->name);
}

int key_list_from(const struct key_list *l, struct buf *sql, const struct buf *joins)
{
    int rc = buf_puts(sql, " FROM ");
    if (l->joined)
        rc |= buf_puts(sql, "(") | buf_append(sql, l->text.data, l->text.len) |
              buf_puts(sql, l->count > 1 ? ")) i STRAIGHT_JOIN " : " AS k) i STRAIGHT_JOIN ");
    rc |= sql_identifier(sql, l->table->name) | buf_puts(sql, " t");
    if (l->key)
        rc |= buf_puts(sql, " FORCE INDEX (") | sql_identifier(sql, l->key->name) |
              buf_puts(sql, ")");
    if (l->joined)
        rc |= buf_puts(sql, " ON ") | named(l, sql) | buf_puts(sql, " = i.k");
    rc |= joins ? buf_append(sql, joins->data, joins->len) : 0;
    if (!l->joined)
        rc |= buf_puts(sql, " WHERE ") | named(l, sql) | buf_puts(sql, " IN (") |
              buf_append(sql, l->text.data, l->text.len) | buf_puts(sql, ")");
    return rc;
}
