/* Numbers that both shops have given.
 *
 * Orders and their documents are known by a number of the shop's own sequence. What has that number
 * at the destination may be another order, which was taken there: the two would become one. Where
 * they were created at different times, that is told when one is found by its number, the first
 * ones by name, and how many of each kind at the end of the run.
 */
#include <stdlib.h>
#include <string.h>

#include "applier/bind.h"
#include "applier/import/import_internal.h"
#include "schema/db.h"
#include "schema/log.h"

enum { BUCKETS = 1 << 10, TOLD_BY_NAME = 20 /* of each kind */, ROWS_PER_QUERY = 500 };

struct namesake {
    uint32_t place; /* of its kind */
    uint64_t id;    /* at the destination */
    struct namesake *next;
};

struct namesakes {
    struct arena arena;
    struct namesake *buckets[BUCKETS];
    uint64_t *counts; /* by place */
};

int import_namesakes_new(struct import *im)
{
    im->namesakes = calloc(1, sizeof *im->namesakes);
    if (im->namesakes)
        im->namesakes->counts =
            calloc(catalogue_count(im->options.catalogue) + 1, sizeof *im->namesakes->counts);
    return im->namesakes && im->namesakes->counts ? 0 : DS_ENOMEM;
}

void import_namesakes_free(struct import *im)
{
    struct namesakes *all = im->namesakes;
    for (size_t i = 0; all && all->counts && i < catalogue_count(im->options.catalogue); i++)
        if (all->counts[i])
            log_warn("the destination has their numbers, for what was created at another time: if "
                     "these are two, and not one, then one of each needs another increment_id; so "
                     "that no more come, give the stores of one shop another increment_prefix in "
                     "eav_entity_store entity=%s count=%lu",
                     catalogue_at(im->options.catalogue, i)->name, all->counts[i]);
    if (all) {
        arena_free(&all->arena);
        free(all->counts);
    }
    free(all);
}

/* Not when a transaction is tried again. *first: it is seen for the first time. DS_ENOMEM. */
static int see(struct namesakes *all, uint32_t place, uint64_t id, bool *first)
{
    struct namesake **at = &all->buckets[(id + place) % BUCKETS];
    while (*at && !((*at)->place == place && (*at)->id == id))
        at = &(*at)->next;
    *first = !*at;
    if (*at)
        return 0;
    *at = arena_zalloc(&all->arena, sizeof **at);
    if (!*at)
        return DS_ENOMEM;
    **at = (struct namesake){.place = place, .id = id};
    return 0;
}

static int tell(struct import *im, const struct import_row *row, uint32_t created,
                const char *there)
{
    const struct import_table *t = row->table;
    const struct import_entity *e = row->entity;
    char scratch[32], time[32];
    bool first, null;
    if (see(im->namesakes, t->place, row->target_id, &first))
        return DS_ENOMEM;
    if (!first || ++im->namesakes->counts[t->place] > TOLD_BY_NAME)
        return 0;
    struct slice number = import_text(row->after[t->parts[0].source], scratch, &null),
                 when = import_text(row->values[created], time, &null);
    log_warn("found by its number, but created at another time at the destination: is it the same? "
             "entity=%s key=%.*s number=%.*s created_at=\"%.*s\" there=\"%s\"",
             e->entity->name, (int)e->key.len, e->key.len ? (const char *)e->key.p : "",
             (int)number.len, (const char *)number.p, (int)when.len, (const char *)when.p, there);
    return 0;
}

static bool is_numbered(const struct import_table *t)
{
    return t->root && t->part_count == 1 && t->parts[0].source != NO_COLUMN &&
           strcmp(t->parts[0].rule->column, "increment_id") == 0;
}

/* Now, for the first time, and not by the registry. */
static bool is_recognised(const struct import_row *row)
{
    return row->state == ROW_FOUND && row->op != CHANGE_DELETE && row->entity->matched &&
           !row->entity->here;
}

static int ask(struct import *im, uint32_t *at, uint32_t end, uint32_t created, struct buf *sql,
               struct ds_error *err)
{
    const struct target_table *t = im->rows[*at]->table->target;
    const char *id = t->columns[im->rows[*at]->table->id_target].name;
    uint32_t count = 0;
    int rc = buf_puts(sql, "SELECT ") | sql_identifier(sql, id) |
             buf_puts(sql, ", created_at FROM ") | sql_identifier(sql, t->name);
    for (; *at < end && count < ROWS_PER_QUERY && rc == 0; ++*at) {
        const struct import_row *row = im->rows[*at];
        if (!is_recognised(row) || import_is_null(row->values[created]))
            continue;
        rc = buf_puts(sql, count++ ? " OR (" : " WHERE (") | sql_identifier(sql, id) |
             buf_printf(sql, " = %lu AND created_at <> ", row->target_id);
        if (rc == 0 && bind_literal(sql, &t->columns[created], row->values[created], err))
            return err->code;
        rc |= buf_puts(sql, ")");
    }
    if (!count)
        buf_clear(sql);
    return rc ? import_no_memory(err) : 0;
}

static int tell_all(struct import *im, uint32_t first, uint32_t end, uint32_t created,
                    struct buf *sql, struct ds_error *err)
{
    MYSQL_RES *found = db_select(im->db, err, "%s", buf_cstr(sql));
    int rc = 0;
    if (!found)
        return err->code;
    for (MYSQL_ROW r; rc == 0 && (r = mysql_fetch_row(found));)
        for (uint32_t i = first; i < end && rc == 0; i++)
            if (is_recognised(im->rows[i]) && im->rows[i]->target_id == strtoull(r[0], NULL, 10))
                rc = tell(im, im->rows[i], created, r[1]);
    mysql_free_result(found);
    return rc ? import_no_memory(err) : 0;
}

int import_tell_namesakes(struct import *im, uint32_t first, uint32_t end, struct ds_error *err)
{
    const struct import_table *t = im->rows[first]->table;
    int created = target_column_ordinal(t->target, "created_at"), rc = 0;
    for (uint32_t at = first, from; is_numbered(t) && created >= 0 && at < end && rc == 0;) {
        BUF_AUTO struct buf sql = {0};
        from = at;
        rc = ask(im, &at, end, (uint32_t)created, &sql, err);
        if (rc == 0 && sql.len)
            rc = tell_all(im, from, at, (uint32_t)created, &sql, err);
    }
    return rc;
}
