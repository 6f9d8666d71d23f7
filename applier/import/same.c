/* Rows that come whole and are at the destination already: what of them is as it is there?
 *
 * Most of what a shop's next import brings has not changed: a read costs a tenth of a write, and
 * takes no lock of a live shop. In doubt a value is another one, and is written: only such are
 * compared whose text by the server is the message's, byte by byte.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "applier/import/import_internal.h"
#include "schema/db.h"

/* What these have at the destination is in memory at once. */
enum { ROWS_PER_QUERY = 1000, ROWS_WITH_TEXTS = 250, LONG_VALUE = 252 /* type: TEXT, BLOB */ };

struct comparing {
    struct import *im;
    const struct import_table *t;
    struct import_row **rows; /* by their number */
    uint32_t *columns;        /* that are asked for, behind the key */
    uint32_t column_count;
};

/* A single number tells its rows apart. */
static bool has_number(const struct target_table *t)
{
    return t->row_key && t->row_key->count == 1 &&
           t->columns[t->row_key->columns[0]].class == TARGET_INT &&
           t->columns[t->row_key->columns[0]].width > 0;
}

static bool number_of(const struct import_row *row, uint64_t *number)
{
    const uint8_t *raw = row->place ? row->place[0] : NULL;
    return raw && value_id((struct slice){raw, value_length(raw)}, number);
}

/* The names of ENUM and SET, and bits, are not what messages have; FLOAT and DOUBLE lose digits. */
static bool is_comparable(const struct target_column *c)
{
    if (strncasecmp(c->type_text, "medium", 6) == 0 || strncasecmp(c->type_text, "long", 4) == 0)
        return c->class == TARGET_INT; /* texts of any length */
    switch (c->class) {
    case TARGET_INT:
        return c->width > 0;
    case TARGET_DECIMAL:
    case TARGET_TEMPORAL:
    case TARGET_TEXT:
    case TARGET_BYTES:
        return true;
    default:
        return false;
    }
}

static bool is_same(const uint8_t *raw, const char *text, size_t len)
{
    char scratch[32];
    bool null;
    struct slice value = import_text(raw, scratch, &null);
    if (null || !text)
        return null && !text;
    return value.len == len && memcmp(value.p, text, len) == 0;
}

static int by_number(const void *x, const void *y)
{
    uint64_t a = 0, b = 0;
    (void)number_of(*(struct import_row *const *)x, &a);
    (void)number_of(*(struct import_row *const *)y, &b);
    return (a > b) - (a < b);
}

static int select_rows(const struct comparing *c, uint32_t first, uint32_t end, struct buf *sql)
{
    const struct target_table *t = c->t->target;
    const char *key = t->columns[t->row_key->columns[0]].name;
    uint64_t number = 0;
    int rc = buf_puts(sql, "SELECT ") | sql_identifier(sql, key);
    for (uint32_t i = 0; i < c->column_count; i++)
        rc |= buf_puts(sql, ",") | sql_identifier(sql, t->columns[c->columns[i]].name);
    rc |= buf_puts(sql, " FROM ") | sql_identifier(sql, t->name) | buf_puts(sql, " WHERE ") |
          sql_identifier(sql, key) | buf_puts(sql, " IN (");
    for (uint32_t i = first; i < end && rc == 0; i++) {
        (void)number_of(c->rows[i], &number);
        rc = (i > first ? buf_puts(sql, ",") : 0) | buf_unsigned(sql, number);
    }
    return rc | buf_puts(sql, ") ORDER BY 1");
}

static int compare_row(const struct comparing *c, struct import_row *row, MYSQL_ROW text,
                       const unsigned long *lengths)
{
    row->same = arena_zalloc(&c->im->arena, (c->t->target->column_count + 63) / 64 * 8);
    if (!row->same)
        return DS_ENOMEM;
    for (uint32_t i = 0; i < c->column_count; i++) {
        uint32_t column = c->columns[i];
        if (row->values[column] && is_same(row->values[column], text[i + 1], lengths[i + 1]))
            row->same[column / 64] |= 1ull << (column % 64);
    }
    return 0;
}

/* Both are in the order of their numbers; several rows may be the same one there. */
static int compare(const struct comparing *c, uint32_t first, uint32_t end, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    if (select_rows(c, first, end, &sql))
        return import_no_memory(err);
    MYSQL_RES *rows = db_select(c->im->db, err, "%s", buf_cstr(&sql));
    if (!rows)
        return err->code;
    int rc = 0;
    uint32_t at = first;
    for (MYSQL_ROW r; rc == 0 && (r = mysql_fetch_row(rows));) {
        uint64_t number = strtoull(r[0], NULL, 10), own;
        for (; at < end && rc == 0 && number_of(c->rows[at], &own) && own <= number; at++)
            if (own == number)
                rc = compare_row(c, c->rows[at], r, mysql_fetch_lengths(rows));
    }
    mysql_free_result(rows);
    return rc ? import_no_memory(err) : 0;
}

int import_compare(struct import *im, struct import_row *const *rows, uint32_t count,
                   struct ds_error *err)
{
    const struct import_table *t = count ? rows[0]->table : NULL;
    struct comparing c = {.im = im, .t = t};
    uint32_t found = 0;
    uint64_t number;
    if (!t || !has_number(t->target))
        return 0;
    c.rows = arena_alloc(&im->arena, count * sizeof(struct import_row *));
    c.columns = arena_alloc(&im->arena, t->target->column_count * sizeof *c.columns);
    if (!c.rows || !c.columns)
        return import_no_memory(err);
    for (uint32_t i = 0; i < count; i++)
        if (rows[i]->op == CHANGE_INSERT && number_of(rows[i], &number))
            c.rows[found++] = rows[i];
    if (!found)
        return 0;
    for (uint32_t i = 0; i < t->target->column_count; i++)
        if (c.rows[0]->values[i] && is_comparable(&t->target->columns[i]) &&
            !t->target->columns[i].generated)
            c.columns[c.column_count++] = i;
    qsort(c.rows, found, sizeof(struct import_row *), by_number);
    uint32_t most = ROWS_PER_QUERY;
    for (uint32_t i = 0; i < c.column_count; i++)
        if (t->target->columns[c.columns[i]].type == LONG_VALUE)
            most = ROWS_WITH_TEXTS;
    int rc = 0;
    for (uint32_t first = 0; first < found && rc == 0; first += most) {
        uint32_t end = found - first > most ? first + most : found;
        rc = compare(&c, first, end, err);
    }
    return rc;
}
