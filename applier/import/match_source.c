/* Whose is a row that the registry has under another id?
 *
 * A copy is not told what the source has deleted since, and made again under another id: that takes
 * over the row of the one that is gone. Where the source has both, one has got what the other was
 * called, and they stay two, in whatever order they come, and if one comes alone. So the source is
 * asked. A stream asks of kinds that are only mapped: what becomes of them is not followed here.
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

int import_connect_source(struct import *im, struct ds_error *err)
{
    if (im->source)
        return 0;
    struct db_endpoint ep = config_endpoint(im->options.config, true);
    ep.read_timeout = PATIENCE;
    return db_connect(&im->source, &ep, err);
}

/* SELECT the first of these ids that the source has. */
static int put_question(const struct matching *m, MYSQL_RES *ids, struct buf *sql)
{
    BUF_AUTO struct buf table = {0};
    const char *prefix = m->im->options.config->source.prefix;
    const char *key = m->t->names[m->t->id_source], *between = " IN (";
    int rc = buf_printf(&table, "%s%s", prefix ? prefix : "", m->t->entry->table) |
             buf_puts(sql, "SELECT MIN(") | sql_identifier(sql, key) | buf_puts(sql, ") FROM ") |
             sql_identifier(sql, buf_cstr(&table)) | buf_puts(sql, " WHERE ") |
             sql_identifier(sql, key);
    for (MYSQL_ROW r; rc == 0 && (r = mysql_fetch_row(ids)); between = ",")
        rc = buf_puts(sql, between) | sql_string(sql, r[0], mysql_fetch_lengths(ids)[0]);
    return rc | buf_puts(sql, ")");
}

int match_ask_source(struct matching *m, struct candidate *c, struct import_row *row,
                     struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0}, id = {0};
    char target[24];
    bool found = false;
    snprintf(target, sizeof target, "%llu", (unsigned long long)c->id);
    MYSQL_RES *ids = registry_of_targets(m->im->registry, m->t->type, target, err);
    if (!ids)
        return err->code;
    bool any = mysql_num_rows(ids) > 0;
    int rc = any && put_question(m, ids, &sql) ? import_no_memory(err) : 0;
    mysql_free_result(ids);
    rc = rc || !any ? rc : import_connect_source(m->im, err);
    rc = rc || !any ? rc : db_scalar(m->im->source, &id, &found, err, "%s", buf_cstr(&sql));
    if (rc == DS_ECONN)
        db_close(&m->im->source);
    if (rc)
        return rc;
    c->kept = found && id.len > 0;
    if (c->kept && !(row->namesake = arena_strdup(&m->im->arena, buf_cstr(&id))))
        return import_no_memory(err);
    return 0;
}
