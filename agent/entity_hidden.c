/* What the source's account may not read of that which is to be copied, before anything is written.
 * A table that it may not read at all looks as if it were not there; one of which it may read some
 * columns as if it had no others: information_schema shows neither. */
#include <mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/entity_copy_internal.h"
#include "schema/list.h"

int entity_ask_hidden(const struct copy *c, MYSQL *source, const struct catalogue_entity *e,
                      const char *name, struct ds_error *err)
{
    BUF_AUTO struct buf table = {0};
    if (sql_table(&table, c->o->config->source.database, name))
        return entity_no_memory(err);
    int rc = db_exec(source, err, "SELECT 1 FROM %s LIMIT 0", buf_cstr(&table));
    if (rc == DS_ESERVER && err->server_errno == ER_NO_SUCH_TABLE) {
        error_clear(err);
        return 0;
    }
    if (rc != DS_EACCESS)
        return rc;
    return error_set_server(err, rc, err->server_errno,
                            "the source's account may not read table %s, of which entity %s has "
                            "rows: GRANT SELECT ON %s to it. If there is no such table, GRANT "
                            "SELECT on the whole database: of single tables the server does not "
                            "tell (%u)",
                            name, e->name, buf_cstr(&table), err->server_errno);
}

/* --- columns ------------------------------------------------------------------------------- */

/* SELECT * asks for all columns, in a derived table without reading any. */
static int add_columns(struct buf *sql, const char *table)
{
    return (sql->len ? buf_puts(sql, " UNION ALL ") : 0) |
           buf_puts(sql, "SELECT 1 FROM (SELECT * FROM ") | buf_puts(sql, table) |
           buf_puts(sql, " LIMIT 0) t");
}

/* Of no entity: NULL. */
static int ask_columns(MYSQL *source, const struct catalogue_entity *e, const char *name,
                       const char *table, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    if (add_columns(&sql, table))
        return entity_no_memory(err);
    int rc = db_exec(source, err, "%s", buf_cstr(&sql));
    if (rc != DS_EACCESS)
        return rc;
    return error_set_server(err, rc, err->server_errno,
                            "the source's account may read only some columns of table %s, and a "
                            "copy%s%s would lack the others: GRANT SELECT ON %s to it (%u)",
                            name, e ? " of entity " : "", e ? e->name : "", table,
                            err->server_errno);
}

/* --- what is needed ------------------------------------------------------------------------ */

struct asking {
    const struct copy *c;
    MYSQL_RES *shown; /* tables of the database */
    bool each;        /* each table on its own, to name it; else `all` asks for them */
    struct buf all;
    const struct catalogue_table **asked; /* each once */
    size_t count, cap;
    finding_callback found; /* is told, and the next one is asked; NULL: the first ends it */
    void *arg;
};

static int tell(const struct asking *a, const char *name, int rc, struct ds_error *err)
{
    char what[120];
    if (rc != DS_EACCESS || !a->found)
        return rc;
    snprintf(what, sizeof what, "table %.100s", name);
    a->found(a->arg, &(struct finding){FINDING_STOP, what, err->message});
    error_clear(err);
    return 0;
}

static bool is_shown(MYSQL_RES *rows, const char *name)
{
    mysql_data_seek(rows, 0);
    for (MYSQL_ROW row; (row = mysql_fetch_row(rows));)
        if (strcasecmp(row[0], name) == 0)
            return true;
    return false;
}

static void name_of(const struct copy *c, const struct catalogue_table *entry, char *out,
                    size_t size)
{
    snprintf(out, size, "%s%s", entity_prefix(c), entry->there);
}

static bool was_asked(const struct asking *a, const struct catalogue_table *entry)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->asked[i] == entry)
            return true;
    return false;
}

static int ask_table(struct asking *a, const struct catalogue_entity *e,
                     const struct catalogue_table *entry, bool columns, struct ds_error *err)
{
    BUF_AUTO struct buf table = {0};
    const struct copy *c = a->c;
    char name[300];
    name_of(c, entry, name, sizeof name);
    if (was_asked(a, entry))
        return 0;
    if (LIST_ROOM(a->asked, a->count, a->cap))
        return entity_no_memory(err);
    a->asked[a->count++] = entry;
    bool shown = is_shown(a->shown, name);
    int rc = a->each || !shown ? entity_ask_hidden(c, c->shared->source.db, e, name, err) : 0;
    if (rc || !shown || !columns)
        return tell(a, name, rc, err);
    if (sql_table(&table, c->o->config->source.database, name) ||
        (!a->each && add_columns(&a->all, buf_cstr(&table))))
        return entity_no_memory(err);
    rc = a->each ? ask_columns(c->shared->source.db, e, name, buf_cstr(&table), err) : 0;
    return tell(a, name, rc, err);
}

/* It is enough to read there by what its rows are recognised. */
static int ask_referred(void *arg, const struct catalogue_entity *e,
                        const struct catalogue_table *entry, struct ds_error *err)
{
    return ask_table(arg, e, entry, false, err);
}

/* Of a kind that is only referred to, the root's table is what has to be read. */
static int ask_tables(struct asking *a, const struct catalogue_entity *e, struct ds_error *err)
{
    bool asked = entity_is_asked_for(a->c, e);
    char name[300];
    int rc = 0;
    for (size_t i = 0; i < (asked ? e->table_count : 1) && rc == 0; i++) {
        name_of(a->c, &e->tables[i], name, sizeof name);
        if (asked && !filter_keeps(a->c->o->filter, name))
            continue;
        rc = ask_table(a, e, &e->tables[i], true, err);
        if (i == 0 && !is_shown(a->shown, name)) /* without it, there is nothing of the kind */
            break;
    }
    return rc;
}

static int ask_kinds(struct asking *a, const bool *needed, struct ds_error *err)
{
    const struct catalogue *all = a->c->o->catalogue;
    int rc = 0;
    a->count = 0;
    for (size_t i = 0; i < catalogue_count(all) && rc == 0; i++)
        rc = needed[i] ? ask_tables(a, catalogue_at(all, i), err) : 0;
    for (size_t i = 0; i < catalogue_count(all) && rc == 0; i++)
        if (entity_is_asked_for(a->c, catalogue_at(all, i)))
            rc = entity_each_referred(a->c, catalogue_at(all, i), ask_referred, a, err);
    return rc;
}

static int ask_all(struct asking *a, const bool *needed, struct ds_error *err)
{
    int rc = db_exec(a->c->shared->source.db, err, "%s", buf_cstr(&a->all));
    if (rc != DS_EACCESS)
        return rc;
    error_clear(err);
    a->each = true;
    return ask_kinds(a, needed, err);
}

static int read_shown(struct asking *a, struct ds_error *err)
{
    a->shown = db_select(a->c->shared->source.db, err,
                         "SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE "
                         "TABLE_SCHEMA = DATABASE()");
    return a->shown ? 0 : err->code;
}

int entity_ask_needed(const struct copy *c, const bool *needed, struct ds_error *err)
{
    struct asking a = {.c = c};
    if (read_shown(&a, err))
        return err->code;
    int rc = ask_kinds(&a, needed, err);
    rc = rc || !a.all.len ? rc : ask_all(&a, needed, err);
    mysql_free_result(a.shown);
    buf_free(&a.all);
    free(a.asked);
    return rc;
}

/* --- beforehand ---------------------------------------------------------------------------- */

/* A mirror takes all tables that it is shown, of whatever entity. */
static int ask_shown(struct asking *a, struct ds_error *err)
{
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(a->shown));) {
        BUF_AUTO struct buf table = {0};
        if (strstr(row[1], "VIEW") || !filter_keeps(a->c->o->filter, row[0]))
            continue;
        if (sql_table(&table, a->c->o->config->source.database, row[0]))
            return entity_no_memory(err);
        rc = ask_columns(a->c->shared->source.db, NULL, row[0], buf_cstr(&table), err);
        rc = tell(a, row[0], rc, err);
    }
    return rc;
}

int entity_check_hidden(const struct config *config, const struct catalogue *catalogue,
                        const struct filter *filter, MYSQL *source, finding_callback found,
                        void *arg, struct ds_error *err)
{
    const struct entity_copy_options o = {
        .config = config, .catalogue = catalogue, .filter = filter, .follows = true};
    struct copy_shared shared = {.source.db = source};
    struct copy *c = calloc(1, sizeof *c);
    bool *needed = calloc(catalogue_count(catalogue) + 1, sizeof *needed);
    struct asking a = {.c = c, .each = true, .found = found, .arg = arg};
    if (!c || !needed) {
        free(c);
        free(needed);
        return entity_no_memory(err);
    }
    c->o = &o;
    c->shared = &shared;
    entity_set_needed(c, needed);
    int rc = read_shown(&a, err);
    if (rc == 0)
        rc = config->mode == MODE_IMPORT ? ask_kinds(&a, needed, err) : ask_shown(&a, err);
    mysql_free_result(a.shown);
    free(a.asked);
    free(needed);
    free(c);
    return rc;
}
