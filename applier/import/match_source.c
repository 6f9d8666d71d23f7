/* Whose is a row that the registry has under another id?
 *
 * A copy is not told what the source has deleted since, and made again under another id: that takes
 * over the row of the one that is gone. Where the source has both, one has got what the other was
 * called, and they stay two, in whatever order they come, and if one comes alone. So the source is
 * asked. A stream asks of what it copies, and of kinds that are only mapped: what becomes of them
 * is not followed here.
 */
#include <stdio.h>

#include "applier/import/match.h"

enum { PATIENCE = 60 /* seconds */ };

bool match_asks_source(const struct matching *m)
{
    const struct import_options *o = &m->im->options;
    bool mapped = filter_maps(m->t->entity) && !m->t->selected;
    return m->t->root && m->claims.rows &&
           (o->asks_source || (o->follows && mapped && !o->no_source));
}

bool match_asks_source_of(const struct matching *m, const struct import_row *row)
{
    return match_asks_source(m) ||
           (m->t->root && match_asks_registry(m) && !m->im->options.no_source &&
            row->origin->flags & CHANGE_COPIED);
}

int import_connect_source(struct import *im, struct ds_error *err)
{
    if (im->source)
        return 0;
    struct db_endpoint ep = config_endpoint(im->options.config, true);
    ep.read_timeout = PATIENCE;
    return db_connect(&im->source, &ep, err);
}

/* "SELECT the first … FROM the source's table WHERE its id" */
static int put_question(const struct import *im, const struct import_table *t, struct buf *sql)
{
    BUF_AUTO struct buf table = {0};
    const char *prefix = im->options.config->source.prefix;
    const char *key = t->names[t->id_source];
    return buf_printf(&table, "%s%s", prefix ? prefix : "", t->entry->there) |
           buf_puts(sql, "SELECT MIN(") | sql_identifier(sql, key) | buf_puts(sql, ") FROM ") |
           sql_identifier(sql, buf_cstr(&table)) | buf_puts(sql, " WHERE ") |
           sql_identifier(sql, key);
}

/* SELECT the first of these ids that the source has. */
static int put_ids(const struct matching *m, MYSQL_RES *ids, struct buf *sql)
{
    const char *between = " IN (";
    int rc = put_question(m->im, m->t, sql);
    for (MYSQL_ROW r; rc == 0 && (r = mysql_fetch_row(ids)); between = ",")
        rc = buf_puts(sql, between) | sql_string(sql, r[0], mysql_fetch_lengths(ids)[0]);
    return rc | buf_puts(sql, ")");
}

static int ask(struct import *im, struct buf *sql, struct buf *id, struct ds_error *err)
{
    bool found = false;
    int rc = import_connect_source(im, err);
    rc = rc ? rc : db_scalar(im->source, id, &found, err, "%s", buf_cstr(sql));
    if (rc == DS_ECONN)
        db_close(&im->source);
    if (!found)
        buf_clear(id);
    return rc;
}

int match_source_has(struct import *im, const struct import_table *t, struct slice id, bool *has,
                     struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0}, found = {0};
    if (put_question(im, t, &sql) || buf_puts(&sql, " = ") || sql_string(&sql, id.p, id.len))
        return import_no_memory(err);
    int rc = ask(im, &sql, &found, err);
    *has = rc == 0 && found.len > 0;
    return rc;
}

int match_ask_source(struct matching *m, struct candidate *c, struct import_row *row,
                     struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0}, id = {0};
    char target[24];
    snprintf(target, sizeof target, "%llu", (unsigned long long)c->id);
    MYSQL_RES *ids = registry_of_targets(m->im->registry, m->t->type, target, err);
    if (!ids)
        return err->code;
    bool any = mysql_num_rows(ids) > 0;
    int rc = any && put_ids(m, ids, &sql) ? import_no_memory(err) : 0;
    mysql_free_result(ids);
    rc = rc || !any ? rc : ask(m->im, &sql, &id, err);
    if (rc)
        return rc;
    c->kept = id.len > 0;
    if (c->kept && !(row->namesake = arena_strdup(&m->im->arena, buf_cstr(&id))))
        return import_no_memory(err);
    return 0;
}
