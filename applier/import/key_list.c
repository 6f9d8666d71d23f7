/* Rows of the destination by a list of values of one column. */
#include "applier/import/key_list.h"

#include <stdlib.h>

#include "applier/import/import_internal.h"
#include "schema/db.h"
#include "schema/key_condition.h"

enum { KEYS_PER_RUN = 4 }; /* on average: from here on ranges are read, and not keys looked up */

/* Many a server would rather read all of a table, or of a key, than look up some of what it
 * believes to be few rows: after many inserts its statistics are old. MariaDB is sure to look up
 * what a list is joined to. Of keys that follow one another it reads the range. */
void key_list_begin(struct key_list *l, const struct import *im, const struct target_table *t,
                    uint32_t column)
{
    l->table = t;
    l->column = &t->columns[column];
    l->key = target_key_of(t, column);
    l->joined = im->server->mariadb && l->column->class == TARGET_INT && l->key;
    l->count = 0;
    buf_clear(&l->text);
    buf_clear(&l->numbers);
}

void key_list_free(struct key_list *l)
{
    buf_free(&l->text);
    buf_free(&l->numbers);
}

/* The value that was appended last, if all were numbers until here. */
static int note_number(struct key_list *l)
{
    const char *text = buf_cstr(&l->text) + l->last;
    char *end;
    if (!l->count || l->column->class != TARGET_INT || *text < '0' || *text > '9' ||
        l->numbers.len != (l->count - 1) * sizeof(uint64_t))
        return 0;
    uint64_t number = strtoull(text, &end, 10);
    return *end ? 0 : buf_append(&l->numbers, &number, sizeof number);
}

int key_list_next(struct key_list *l)
{
    int rc = note_number(l);
    uint32_t n = l->count++;
    if (!l->joined)
        rc |= n ? buf_puts(&l->text, ",") : 0;
    else
        rc |= buf_puts(&l->text, n == 0 ? "SELECT " : n == 1 ? " AS k UNION VALUES (" : "),(");
    l->last = l->text.len;
    return rc;
}

static int named(const struct key_list *l, struct buf *sql)
{
    return buf_puts(sql, "t.") | sql_identifier(sql, l->column->name);
}

/* Sorts the numbers. */
static bool has_ranges(struct key_list *l)
{
    uint64_t *numbers = (uint64_t *)(void *)l->numbers.data;
    size_t count = l->numbers.len / sizeof *numbers;
    if (!l->key || !count || count != l->count)
        return false;
    qsort(numbers, count, sizeof *numbers, key_compare);
    return key_runs(numbers, count) <= count / KEYS_PER_RUN;
}

/* " WHERE t.column …" */
static int where(const struct key_list *l, bool ranges, struct buf *sql)
{
    BUF_AUTO struct buf name = {0};
    if (!ranges)
        return buf_puts(sql, " WHERE ") | named(l, sql) | buf_puts(sql, " IN (") |
               buf_append(sql, l->text.data, l->text.len) | buf_puts(sql, ")");
    return buf_puts(sql, " WHERE ") | named(l, &name) |
           key_condition(sql, buf_cstr(&name), true, (const uint64_t *)(void *)l->numbers.data,
                         l->numbers.len / sizeof(uint64_t));
}

int key_list_from(struct key_list *l, struct buf *sql, const struct buf *joins)
{
    int rc = note_number(l);
    const bool ranges = has_ranges(l), joined = l->joined && !ranges;
    rc |= buf_puts(sql, " FROM ");
    if (joined)
        rc |= buf_puts(sql, "(") | buf_append(sql, l->text.data, l->text.len) |
              buf_puts(sql, l->count > 1 ? ")) i STRAIGHT_JOIN " : " AS k) i STRAIGHT_JOIN ");
    rc |= sql_identifier(sql, l->table->name) | buf_puts(sql, " t");
    if (l->key)
        rc |= buf_puts(sql, " FORCE INDEX (") | sql_identifier(sql, l->key->name) |
              buf_puts(sql, ")");
    if (joined)
        rc |= buf_puts(sql, " ON ") | named(l, sql) | buf_puts(sql, " = i.k");
    rc |= joins ? buf_append(sql, joins->data, joins->len) : 0;
    return joined ? rc : rc | where(l, ranges, sql);
}
