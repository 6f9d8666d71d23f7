#include "schema/key_condition.h"

#include <mysql.h>

#include "schema/error.h"

enum { RANGE_MIN = 3 }; /* fewer are as short in a list */

struct condition {
    const char *column;
    uint64_t least; /* keys of a range */
    const uint64_t *ids;
    size_t count;
    bool any; /* something is there already */
};

int key_compare(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
    return a < b ? -1 : a > b;
}

bool key_type_is_integer(uint8_t type)
{
    return type == MYSQL_TYPE_TINY || type == MYSQL_TYPE_SHORT || type == MYSQL_TYPE_INT24 ||
           type == MYSQL_TYPE_LONG || type == MYSQL_TYPE_LONGLONG;
}

/* Where the run that begins at `i` ends; *length: keys in it. */
static size_t run_end(const struct condition *c, size_t i, uint64_t *length)
{
    size_t end = i + 1;
    while (end < c->count && c->ids[end] - c->ids[end - 1] <= 1)
        end++;
    *length = c->ids[end - 1] - c->ids[i] + 1;
    return end;
}

static int add_ranges(struct condition *c, struct buf *sql)
{
    int rc = 0;
    uint64_t length;
    for (size_t i = 0, end; i < c->count && rc == 0; i = end) {
        end = run_end(c, i, &length);
        if (length < c->least)
            continue;
        rc = buf_printf(sql, "%s%s BETWEEN %lu AND %lu", c->any ? " OR " : "", c->column, c->ids[i],
                        c->ids[end - 1]);
        c->any = true;
    }
    return rc;
}

static int add_list(struct condition *c, struct buf *sql)
{
    int rc = 0;
    uint64_t length;
    bool open = false;
    for (size_t i = 0, end; i < c->count && rc == 0; i = end) {
        end = run_end(c, i, &length);
        for (uint64_t k = 0; k < length && length < c->least && rc == 0; k++) {
            rc = open ? buf_puts(sql, ",")
                      : buf_printf(sql, "%s%s IN (", c->any ? " OR " : "", c->column);
            rc |= buf_unsigned(sql, c->ids[i] + k);
            open = c->any = true;
        }
    }
    return rc ? rc : open ? buf_puts(sql, ")") : 0;
}

int key_condition(struct buf *sql, const char *column, bool ranges, const uint64_t *ids,
                  size_t count)
{
    struct condition c = {column, ranges ? RANGE_MIN : UINT64_MAX, ids, count, false};
    int rc = buf_puts(sql, "(") | add_ranges(&c, sql) | add_list(&c, sql);
    return rc | buf_puts(sql, c.any ? ")" : "FALSE)") ? DS_ENOMEM : 0;
}

size_t key_runs(const uint64_t *ids, size_t count)
{
    const struct condition c = {.ids = ids, .count = count};
    size_t runs = 0;
    uint64_t length;
    for (size_t i = 0; i < count; i = run_end(&c, i, &length), runs++)
        ;
    return runs;
}
