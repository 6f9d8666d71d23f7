/* Do keys of the destination let rows be that were tried? */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/migrate_fit.h"
#include "schema/db.h"
#include "schema/list.h"

enum { TOLD = 20 };

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for keys of rows");
}

/* "`a`,`b`" behind an alias; between: what stands between them. */
static int put_columns(struct buf *sql, const struct target_table *t, const uint32_t *columns,
                       uint32_t count, const char *alias, const char *between)
{
    int rc = 0;
    for (uint32_t i = 0; i < count; i++)
        rc |= buf_puts(sql, i ? between : "") | buf_puts(sql, alias) |
              sql_identifier(sql, t->columns[columns[i]].name);
    return rc;
}

/* How people know a row. */
static int put_row_key(struct buf *sql, const struct target_table *t, const char *alias)
{
    if (!t->row_key)
        return buf_puts(sql, "'?'");
    return buf_puts(sql, "CONCAT_WS('/', ") |
           put_columns(sql, t, t->row_key->columns, t->row_key->count, alias, ",") |
           buf_puts(sql, ")");
}

/* Rows whose numbers the server gives have none yet. */
static int put_told(struct buf *sql, const struct target_table *t, const uint32_t *columns,
                    uint32_t count, const char *alias)
{
    int rc = put_columns(sql, t, columns, count, alias, " IS NOT NULL AND ") |
             buf_puts(sql, " IS NOT NULL");
    for (uint32_t i = 0; i < count; i++)
        if (t->columns[columns[i]].auto_increment)
            rc |= buf_printf(sql, " AND %s", alias) |
                  sql_identifier(sql, t->columns[columns[i]].name) | buf_puts(sql, " <> 0");
    return rc;
}

static bool is_made(const struct target_table *t, const uint32_t *columns, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (t->columns[columns[i]].generated)
            return true;
    return false;
}

/* "a,b" */
static int put_names(struct buf *names, const struct target_table *t, const uint32_t *columns,
                     uint32_t count)
{
    int rc = 0;
    for (uint32_t i = 0; i < count; i++)
        rc |= buf_printf(names, "%s%s", i ? ", " : "", t->columns[columns[i]].name);
    return rc;
}

/* --- unique keys ------------------------------------------------------------------------------ */

static int select_doubles(const struct fit *f, const struct target_key *k, struct buf *sql)
{
    int rc = buf_puts(sql, "SELECT GROUP_CONCAT(CONCAT(") | put_row_key(sql, f->to, "") |
             buf_puts(sql, ", ' (', CONCAT_WS('/', ") |
             put_columns(sql, f->to, k->columns, k->count, "", ",") |
             buf_printf(sql, "), ')') ORDER BY 1 SEPARATOR ', ') FROM %s WHERE ", f->sample) |
             put_told(sql, f->to, k->columns, k->count, "") | buf_puts(sql, " GROUP BY ") |
             put_columns(sql, f->to, k->columns, k->count, "", ",");
    return rc | buf_printf(sql, " HAVING COUNT(*) > 1 LIMIT %d", TOLD);
}

static int find_doubles(struct fit *f, const struct fit_document *d, const struct target_key *k,
                        struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0}, names = {0};
    if (select_doubles(f, k, &sql) || put_names(&names, f->to, k->columns, k->count))
        return no_memory(err);
    MYSQL_RES *rows = db_select(f->db, err, "%s", buf_cstr(&sql));
    int rc = rows ? 0 : err->code;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(rows));)
        if (map_findings_add(d->out, &(struct map_finding){.problem = MAP_KEY_TWICE,
                                                           .side = MAP_DESTINATION,
                                                           .document = d->there,
                                                           .field = buf_cstr(&names),
                                                           .type = k->name,
                                                           .keys = row[0]}))
            rc = no_memory(err);
    mysql_free_result(rows);
    return rc;
}

/* --- foreign keys ----------------------------------------------------------------------------- */

static const struct fit_tried *tried(const struct fit *f, const struct target_table *t)
{
    for (size_t i = 0; i < f->tried_count; i++)
        if (f->tried[i].table == t)
            return &f->tried[i];
    return NULL;
}

/* NULL: none whose rows could be asked for. */
static const struct target_table *parent_of(const struct fit *f, const struct target_fk *k)
{
    const bool known = !k->derived && k->parent && k->parent != f->to && k->parent->exists &&
                       !is_made(f->to, k->columns, k->count);
    return known ? k->parent : NULL;
}

static int put_pairs(struct buf *sql, const struct target_fk *k, const char *child)
{
    int rc = 0;
    for (uint32_t i = 0; i < k->count; i++)
        rc |= buf_puts(sql, i ? " AND p." : "p.") |
              sql_identifier(sql, k->parent->columns[k->parent_columns[i]].name) |
              buf_printf(sql, " = %s.", child) |
              sql_identifier(sql, k->child->columns[k->columns[i]].name);
    return rc;
}

/* Those that refer to nothing today, too, are left alone. */
static int select_orphans(const struct fit *f, const struct target_fk *k, const char *parent,
                          struct buf *sql)
{
    const struct target_table *t = f->to;
    int rc = buf_puts(sql, "SELECT ") | put_row_key(sql, t, "c.") |
             buf_printf(sql, " FROM %s c LEFT JOIN %s p ON ", f->sample, parent) |
             put_pairs(sql, k, "c") | buf_puts(sql, " WHERE ") |
             put_columns(sql, t, k->columns, k->count, "c.", " IS NOT NULL AND ") |
             buf_puts(sql, " IS NOT NULL AND p.") |
             sql_identifier(sql, k->parent->columns[k->parent_columns[0]].name) |
             buf_puts(sql, " IS NULL AND NOT EXISTS (SELECT 1 FROM ") |
             sql_identifier(sql, t->name) | buf_puts(sql, " r WHERE ");
    for (uint32_t i = 0; t->row_key && i < t->row_key->count; i++)
        rc |= buf_puts(sql, "r.") | sql_identifier(sql, t->columns[t->row_key->columns[i]].name) |
              buf_puts(sql, " = c.") |
              sql_identifier(sql, t->columns[t->row_key->columns[i]].name) | buf_puts(sql, " AND ");
    for (uint32_t i = 0; i < k->count; i++)
        rc |= buf_puts(sql, i ? " AND r." : "r.") |
              sql_identifier(sql, t->columns[k->columns[i]].name) | buf_puts(sql, " = c.") |
              sql_identifier(sql, t->columns[k->columns[i]].name);
    return rc | buf_printf(sql, ") ORDER BY 1 LIMIT %d", TOLD);
}

/* parent: quoted, and what people call it. */
static int find_orphans(struct fit *f, const struct fit_document *d, const struct target_fk *k,
                        const char *parent, const char *called, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0}, names = {0}, keys = {0};
    if (select_orphans(f, k, parent, &sql) || put_names(&names, f->to, k->columns, k->count))
        return no_memory(err);
    MYSQL_RES *rows = db_select(f->db, err, "%s", buf_cstr(&sql));
    int rc = rows ? 0 : err->code;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(rows));)
        if (buf_printf(&keys, "%s%s", keys.len ? "," : "", row[0]))
            rc = no_memory(err);
    mysql_free_result(rows);
    if (rc || !keys.len)
        return rc;
    return map_findings_add(d->out, &(struct map_finding){.problem = MAP_NO_PARENT,
                                                          .side = MAP_DESTINATION,
                                                          .document = d->there,
                                                          .field = buf_cstr(&names),
                                                          .other_document = called,
                                                          .keys = buf_cstr(&keys)})
               ? no_memory(err)
               : 0;
}

/* --- checks ----------------------------------------------------------------------------------- */

static int add_refused(struct fit *f, const struct fit_document *d, const char *name,
                       const char *clause, MYSQL_RES *rows, struct ds_error *err)
{
    BUF_AUTO struct buf why = {0}, keys = {0};
    uint64_t count = mysql_num_rows(rows);
    MYSQL_ROW row;
    int rc = buf_printf(&why, "the destination's check %s refuses it: %s", name, clause);
    for (int i = 0; i < TOLD && (row = mysql_fetch_row(rows)); i++)
        rc |= buf_printf(&keys, "%s%s", i ? "," : "", row[0]);
    rc |= count > TOLD ? buf_puts(&keys, ",…") : 0;
    const struct map_finding found = {.problem = MAP_VALUE_LOST,
                                      .side = MAP_SOURCE,
                                      .document = d->document,
                                      .why = buf_cstr(&why),
                                      .keys = buf_cstr(&keys),
                                      .rows = count,
                                      .looked_at = f->looked_at};
    return rc || (count && map_findings_add(d->out, &found)) ? no_memory(err) : 0;
}

/* One that asks for what the temporary table has not (a generated column) is left to the copy. */
static int try_check(struct fit *f, const struct fit_document *d, const char *name,
                     const char *clause, struct ds_error *err)
{
    BUF_AUTO struct buf key = {0};
    if (put_row_key(&key, f->to, ""))
        return no_memory(err);
    MYSQL_RES *rows = db_select(f->db, err, "SELECT %s FROM %s WHERE NOT (%s) ORDER BY 1",
                                buf_cstr(&key), f->sample, clause);
    int rc = rows ? add_refused(f, d, name, clause, rows, err) : err->code;
    mysql_free_result(rows);
    if (rc != DS_ESERVER)
        return rc;
    error_clear(err);
    return 0;
}

/* MariaDB tells whose they are; a server that does not is asked by the copy. */
int fit_checks(struct fit *f, const struct fit_document *d, struct ds_error *err)
{
    BUF_AUTO struct buf name = {0};
    if (sql_string(&name, f->to->name, strlen(f->to->name)))
        return no_memory(err);
    MYSQL_RES *checks =
        db_select(f->db, err,
                  "SELECT CONSTRAINT_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS "
                  "WHERE CONSTRAINT_SCHEMA = DATABASE() AND TABLE_NAME = %s",
                  buf_cstr(&name));
    int rc = checks ? 0 : err->code;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(checks));)
        rc = try_check(f, d, row[0], row[1], err);
    mysql_free_result(checks);
    if (rc != DS_ESERVER)
        return rc;
    error_clear(err);
    return 0;
}

/* --- all of it -------------------------------------------------------------------------------- */

static int find_in_keys(struct fit *f, const struct fit_document *d, struct ds_error *err)
{
    const struct target_table *t = f->to;
    int rc = 0;
    for (uint32_t i = 0; i < t->key_count && rc == 0; i++) {
        const struct target_key *k = &t->keys[i];
        if (k->unique && !k->has_prefix && !is_made(t, k->columns, k->count))
            rc = find_doubles(f, d, k, err);
    }
    for (uint32_t i = 0; i < t->fk_count && rc == 0 && !d->without_keys; i++) {
        const struct fit_tried *x = parent_of(f, &t->fks[i]) ? tried(f, t->fks[i].parent) : NULL;
        if (x)
            rc = find_orphans(f, d, &t->fks[i], x->sample, x->document, err);
    }
    return rc;
}

int fit_parents(struct fit *f, const struct fit_document *d, fit_elsewhere *elsewhere, void *arg,
                struct ds_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; i < f->to->fk_count && rc == 0; i++) {
        const struct target_table *parent = parent_of(f, &f->to->fks[i]);
        BUF_AUTO struct buf name = {0};
        bool is = false;
        rc = parent ? elsewhere(arg, parent, &is, err) : 0;
        if (rc || !is)
            continue;
        rc = sql_identifier(&name, parent->name)
                 ? no_memory(err)
                 : find_orphans(f, d, &f->to->fks[i], buf_cstr(&name), parent->name, err);
    }
    return rc;
}

static int try_rows(struct fit *f, const struct row_list *rows, struct ds_error *err)
{
    struct fit_row *list = calloc(rows->count + 1, sizeof *list);
    for (size_t i = 0; list && i < rows->count; i++)
        list[i] = (struct fit_row){rows->items[i], rows->items[i]};
    int rc = list ? fit_rows(f, list, rows->count, err) : no_memory(err);
    free(list);
    return rc;
}

/* Values that do not fit come shortened, and may be the same for that alone. */
int fit_whole(struct fit *f, const struct target_table *to, const struct row_list *rows,
              const struct fit_document *d, struct ds_error *err)
{
    if (LIST_ROOM(f->tried, f->tried_count, f->tried_capacity))
        return no_memory(err);
    snprintf(f->sample, sizeof f->sample, "`datasync_sample_%zu`", f->tried_count);
    int rc = fit_table(f, to, err);
    rc = rc ? rc : try_rows(f, rows, err);
    rc = rc || f->refused ? rc : fit_checks(f, d, err);
    if (rc == 0 && !f->refused && !f->count) {
        struct fit_tried *x = &f->tried[f->tried_count++];
        *x = (struct fit_tried){.table = to, .document = d->there};
        memcpy(x->sample, f->sample, sizeof x->sample);
        rc = find_in_keys(f, d, err);
    }
    return rc ? rc : fit_findings(f, d->map, d->document, d->from, d->there, d->out, err);
}
