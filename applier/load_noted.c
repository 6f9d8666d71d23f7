/* Of which tables and columns a copy into tables that stay as they are knew: in datasync_snapshot,
 * `high` of a table's row, eight hexadecimal digits for each column that it had. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "applier/load_parts.h"
#include "applier/state.h"

enum {
    DIGITS = 8,
    MOST = 3000 / DIGITS /* as many as `high` holds; of the rest nothing is known */
};

struct noted {
    char *table, *columns;
};

struct load_noted {
    struct noted *items; /* by table */
    size_t count;
};

/* Names of columns are the same in either case. */
static void digest(const char *name, char out[DIGITS + 1])
{
    char lower[256];
    size_t n = 0;
    for (; name[n] && n < sizeof lower; n++)
        lower[n] = (char)(name[n] >= 'A' && name[n] <= 'Z' ? name[n] + ('a' - 'A') : name[n]);
    (void)snprintf(out, DIGITS + 1, "%08x", (unsigned)XXH32(lower, n, 0));
}

int load_mapped_copied(struct load_context *c, const struct target_table *t, struct ds_error *err)
{
    const struct slice table = {(const uint8_t *)t->name, strlen(t->name)};
    BUF_AUTO struct buf columns = {0};
    char digits[DIGITS + 1];
    for (uint32_t i = 0; i < t->column_count && i < MOST; i++) {
        digest(t->columns[i].name, digits);
        if (buf_puts(&columns, digits))
            return load_no_memory(err);
    }
    return load_state_high(c, table, &columns, err);
}

static int by_table(const void *a, const void *b)
{
    return strcmp(((const struct noted *)a)->table, ((const struct noted *)b)->table);
}

static int take_rows(struct load_noted *n, MYSQL_RES *res, struct ds_error *err)
{
    n->items = calloc((size_t)mysql_num_rows(res) + 1, sizeof *n->items);
    if (!n->items)
        return load_no_memory(err);
    for (MYSQL_ROW row; (row = mysql_fetch_row(res));) {
        struct noted *x = &n->items[n->count++];
        x->table = strdup(row[0]);
        x->columns = strdup(row[1] ? row[1] : "");
        if (!x->table || !x->columns)
            return load_no_memory(err);
    }
    return 0;
}

int load_noted_read(struct load_noted **out, MYSQL *db, const struct load_options *o,
                    struct ds_error *err)
{
    BUF_AUTO struct buf from = {0}, name = {0}, database = {0};
    struct load_noted *n = *out = calloc(1, sizeof *n);
    bool exists = false;
    if (!n || sql_table(&from, o->state_database, "datasync_snapshot") ||
        sql_string(&name, o->name, strlen(o->name)) ||
        sql_string(&database, o->database, strlen(o->database)))
        return load_no_memory(err);
    int rc = state_exists(db, o->state_database, &exists, err);
    if (rc || !exists)
        return rc;
    MYSQL_RES *res = db_select(db, err,
                               "SELECT table_name, high FROM %s WHERE name = %s AND low = %s AND "
                               "state = 'copied' AND table_name NOT IN ('') AND table_name NOT "
                               "LIKE '#%%' ORDER BY BINARY table_name",
                               buf_cstr(&from), buf_cstr(&name), buf_cstr(&database));
    rc = res ? take_rows(n, res, err) : err->code;
    mysql_free_result(res);
    return rc;
}

bool load_noted_has(const struct load_noted *n, const char *table, const char *column)
{
    const struct noted key = {.table = (char *)table};
    const struct noted *x =
        n && n->count ? bsearch(&key, n->items, n->count, sizeof key, by_table) : NULL;
    char digits[DIGITS + 1];
    if (!x || !column)
        return x != NULL;
    digest(column, digits);
    for (const char *at = x->columns; strlen(at) >= DIGITS; at += DIGITS)
        if (memcmp(at, digits, DIGITS) == 0)
            return true;
    return false;
}

void load_noted_free(struct load_noted *n)
{
    for (size_t i = 0; n && i < n->count; i++) {
        free(n->items[i].table);
        free(n->items[i].columns);
    }
    if (n)
        free(n->items);
    free(n);
}
