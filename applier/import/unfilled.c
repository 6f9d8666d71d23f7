#include "applier/import/unfilled.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "applier/import/import_internal.h"
#include "schema/buf.h"
#include "schema/catalogue.h"
#include "schema/db.h"
#include "schema/shop_table.h"

struct looking {
    MYSQL *source;
    const struct config *config;
    const struct filter *filter;
    const bool *makes; /* by place of the entity: are rows of it written? */
    MYSQL_RES *theirs; /* tables and columns of the source, in order */
    MYSQL_ROW *sorted;
    size_t count;
    unfilled_callback found;
    void *arg;
};

struct coming {
    char table[SHOP_TABLE_SIZE];
    const char *document; /* … without prefix */
    bool asked_for;       /* else only what is missing of it is made */
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for the columns of both sides");
}

/* --- tables ---------------------------------------------------------------------------------- */

/* Of all tables of a shop, information_schema takes a tenth of a second: of those which rows are
 * made of, as a list of literals. */
static int list_tables(const struct looking *l, bool source, struct buf *list)
{
    const struct catalogue *c = filter_catalogue(l->filter);
    const char *prefix = source ? l->config->source.prefix : l->config->destination.prefix;
    int rc = buf_puts(list, "''");
    for (size_t i = 0; i < catalogue_count(c) && rc == 0; i++) {
        const struct catalogue_entity *e = catalogue_at(c, i);
        for (size_t k = 0; l->makes[i] && k < e->table_count && rc == 0; k++) {
            const struct catalogue_table *t = &e->tables[k];
            BUF_AUTO struct buf name = {0};
            rc = buf_printf(&name, "%s%s", prefix ? prefix : "", source ? t->there : t->table) ||
                 buf_puts(list, ", ") || sql_string(list, name.data, name.len);
        }
    }
    return rc;
}

/* --- the source's columns -------------------------------------------------------------------- */

static int compare(const char *table, const char *column, MYSQL_ROW with)
{
    int order = strcmp(table, with[0]);
    return order ? order : strcasecmp(column, with[1]);
}

static int compare_rows(const void *x, const void *y)
{
    MYSQL_ROW a = *(const MYSQL_ROW *)x, b = *(const MYSQL_ROW *)y;
    return compare(a[0], a[1], b);
}

static int read_theirs(struct looking *l, struct ds_error *err)
{
    BUF_AUTO struct buf schema = {0}, tables = {0};
    const char *database = l->config->source.database;
    if (sql_string(&schema, database, strlen(database)) || list_tables(l, true, &tables))
        return no_memory(err);
    l->theirs = db_select(l->source, err,
                          "SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS WHERE "
                          "TABLE_SCHEMA = %s AND TABLE_NAME IN (%s)",
                          buf_cstr(&schema), buf_cstr(&tables));
    if (!l->theirs)
        return err->code;
    l->sorted = malloc((mysql_num_rows(l->theirs) + 1) * sizeof(MYSQL_ROW));
    if (!l->sorted)
        return no_memory(err);
    for (MYSQL_ROW row; (row = mysql_fetch_row(l->theirs));)
        l->sorted[l->count++] = row;
    qsort(l->sorted, l->count, sizeof(MYSQL_ROW), compare_rows);
    return 0;
}

/* *table: the source has it at all. */
static bool has_column(const struct looking *l, const char *name, const char *column, bool *table)
{
    size_t low = 0, high = l->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (compare(name, column, l->sorted[middle]) > 0)
            low = middle + 1;
        else
            high = middle;
    }
    *table = (low < l->count && strcmp(l->sorted[low][0], name) == 0) ||
             (low && strcmp(l->sorted[low - 1][0], name) == 0);
    return low < l->count && compare(name, column, l->sorted[low]) == 0;
}

/* --- the destination's ----------------------------------------------------------------------- */

/* Where rows of the destination's table come from; false: none do. */
static bool comes_from(const struct looking *l, const char *here, struct coming *out)
{
    const struct catalogue *c = filter_catalogue(l->filter);
    const struct catalogue_entity *e;
    const struct catalogue_table *entry;
    const char *prefix = l->config->destination.prefix;
    size_t place = 0, len = prefix ? strlen(prefix) : 0;
    if (strncmp(here, prefix ? prefix : "", len) != 0 ||
        !catalogue_lookup(c, here + len, &e, &entry) || !catalogue_is_imported(entry))
        return false;
    while (catalogue_at(c, place) != e)
        place++;
    prefix = l->config->source.prefix;
    snprintf(out->table, sizeof out->table, "%s%s", prefix ? prefix : "", entry->there);
    out->document = entry->there;
    out->asked_for = filter_imports(l->filter, e);
    return l->makes[place] && (!out->asked_for || filter_keeps(l->filter, out->table));
}

/* Those who tell what the account may not read do that better. */
static int has_rows(const struct looking *l, const char *name, bool *rows, bool *hidden,
                    struct ds_error *err)
{
    BUF_AUTO struct buf table = {0};
    uint64_t n = 0;
    bool known;
    if (sql_table(&table, l->config->source.database, name))
        return no_memory(err);
    int rc = db_scalar_u64(l->source, &n, &known, err,
                           "SELECT EXISTS (SELECT 1 FROM (SELECT * FROM %s LIMIT 1) t)",
                           buf_cstr(&table));
    *rows = n > 0;
    *hidden = rc == DS_EACCESS;
    if (*hidden)
        error_clear(err);
    return *hidden ? 0 : rc;
}

/* What is mapped is mostly there, and only found. */
static int tell(const struct looking *l, const char *here, const struct coming *from,
                const char *column, struct ds_error *err)
{
    BUF_AUTO struct buf text = {0}, altered = {0};
    bool rows = false, hidden = false;
    int rc = has_rows(l, from->table, &rows, &hidden, err);
    if (rc || hidden)
        return rc;
    if (sql_identifier(&altered, here) | buf_puts(&altered, " ALTER COLUMN ") |
        sql_identifier(&altered, column) |
        buf_printf(&text,
                   "column %s has to have a value, has no default, and the source has no such "
                   "column%s: give it a default at the destination (ALTER TABLE %s SET DEFAULT "
                   "...), or let it be NULL",
                   column, rows ? "" : ", and no rows in the table yet", buf_cstr(&altered)))
        return no_memory(err);
    l->found(l->arg, rows && from->asked_for, here, buf_cstr(&text));
    return 0;
}

/* An ENUM has its first word, and what a trigger makes of a row is its own business. */
static MYSQL_RES *read_ours(const struct looking *l, MYSQL *db, struct ds_error *err)
{
    BUF_AUTO struct buf schema = {0}, tables = {0};
    const char *database = l->config->destination.database;
    if (sql_string(&schema, database, strlen(database)) || list_tables(l, false, &tables)) {
        (void)no_memory(err);
        return NULL;
    }
    return db_select(
        db, err,
        "SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS c WHERE TABLE_SCHEMA = %s "
        "AND TABLE_NAME IN (%s) AND IS_NULLABLE = 'NO' AND COLUMN_DEFAULT IS NULL AND DATA_TYPE <> "
        "'enum' AND EXTRA NOT "
        "LIKE '%%auto_increment%%' AND EXTRA NOT LIKE '%%GENERATED%%' AND TABLE_NAME NOT IN "
        "(SELECT EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = "
        "%s AND EVENT_MANIPULATION = 'INSERT' AND ACTION_TIMING = 'BEFORE') ORDER BY TABLE_NAME, "
        "ORDINAL_POSITION",
        buf_cstr(&schema), buf_cstr(&tables), buf_cstr(&schema));
}

/* Does a column of the destination get its values from the source's table, by the map if there is
 * one? *table: that is there at all. */
static bool is_filled(const struct looking *l, const char *here, const struct coming *from,
                      const char *column, bool *table)
{
    const struct map *map = filter_map(l->filter);
    const char *prefix = l->config->destination.prefix;
    const char *document = here + (prefix ? strlen(prefix) : 0);
    const char *name = map ? map_field(map, MAP_DESTINATION, document, column) : column;
    if (map && map_next_handler(map, MAP_DESTINATION, document, column, NULL))
        return true;
    bool ignored = !name || (map && map_ignored_field(map, MAP_SOURCE, from->document, name));
    return has_column(l, from->table, name ? name : column, table) && !ignored;
}

static int look(struct looking *l, MYSQL *destination, struct ds_error *err)
{
    MYSQL_RES *ours = read_ours(l, destination, err);
    struct coming from;
    if (!ours)
        return err->code;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(ours));) {
        bool table;
        if (comes_from(l, row[0], &from) && !is_filled(l, row[0], &from, row[1], &table) && table)
            rc = tell(l, row[0], &from, row[1], err);
    }
    mysql_free_result(ours);
    return rc;
}

int unfilled_find(MYSQL *source, MYSQL *destination, const struct config *config,
                  const struct filter *filter, unfilled_callback found, void *arg,
                  struct ds_error *err)
{
    bool *makes = calloc(catalogue_count(filter_catalogue(filter)) + 1, sizeof *makes);
    struct looking l = {.source = source,
                        .config = config,
                        .filter = filter,
                        .makes = makes,
                        .found = found,
                        .arg = arg};
    if (!makes)
        return no_memory(err);
    filter_import_scope(filter, makes);
    int rc = read_theirs(&l, err);
    rc = rc ? rc : look(&l, destination, err);
    mysql_free_result(l.theirs);
    free(l.sorted);
    free(makes);
    return rc;
}

/* --- at a start ------------------------------------------------------------------------------ */

struct starting {
    struct buf text;
    bool failed;
};

static void on_found(void *arg, bool stops, const char *table, const char *text)
{
    struct starting *s = arg;
    if (stops)
        s->failed |= buf_printf(&s->text, "%stable %s: %s", s->text.len ? "; " : "", table, text);
}

static int connect_side(MYSQL **db, const struct config *config, bool source, struct ds_error *err)
{
    struct db_endpoint ep = config_endpoint(config, source);
    ep.database = NULL;
    ep.read_timeout = config->connect_timeout; /* no signal ends this */
    return db_connect(db, &ep, err);
}

int unfilled_check(const struct config *config, const struct filter *filter, struct ds_error *err)
{
    DB_AUTO MYSQL *source = NULL, *destination = NULL;
    struct starting s = {{0}, false};
    int rc = connect_side(&source, config, true, err);
    rc = rc ? rc : connect_side(&destination, config, false, err);
    rc = rc ? rc : unfilled_find(source, destination, config, filter, on_found, &s, err);
    if (rc == 0 && s.failed)
        rc = no_memory(err);
    if (rc == 0 && s.text.len)
        rc = error_set(err, DS_EUSAGE, "nothing is written: %s", buf_cstr(&s.text));
    buf_free(&s.text);
    return rc;
}
