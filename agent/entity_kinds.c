/* What the source has of each kind, looked at before anything is copied: is it there at all, about
 * how many are there, and can the selection be asked of it? */
#include "agent/entity_copy_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static size_t place_of(const struct copy *c, const struct catalogue_entity *e)
{
    size_t i = 0;
    while (catalogue_at(c->o->catalogue, i) != e)
        i++;
    return i;
}

bool entity_is_passed_over(const struct copy *c, const struct catalogue_entity *e)
{
    return c->shared->kinds && c->shared->kinds[place_of(c, e)].passed_over;
}

void entity_root_name(const struct copy *c, const struct catalogue_entity *e, char *out,
                      size_t size)
{
    const char *prefix = c->o->config->source.prefix;
    snprintf(out, size, "%s%s", prefix ? prefix : "", e->tables[0].there);
}

static struct copied_kind *kind_of_root(const struct copy *c, const char *table)
{
    char name[300];
    for (size_t i = 0; i < catalogue_count(c->o->catalogue); i++) {
        entity_root_name(c, catalogue_at(c->o->catalogue, i), name, sizeof name);
        if (strcasecmp(name, table) == 0)
            return &c->shared->kinds[i];
    }
    return NULL;
}

static int find_roots(struct copy *c, MYSQL *source, struct ds_error *err)
{
    MYSQL_RES *rows = db_select(source, err,
                                "SELECT TABLE_NAME, TABLE_ROWS FROM information_schema.TABLES "
                                "WHERE TABLE_SCHEMA = DATABASE()");
    if (!rows)
        return err->code;
    for (MYSQL_ROW row; (row = mysql_fetch_row(rows));) {
        struct copied_kind *k = kind_of_root(c, row[0]);
        if (k)
            *k = (struct copied_kind){.there = true,
                                      .count = row[1] ? strtoull(row[1], NULL, 10) : 0};
    }
    mysql_free_result(rows);
    return 0;
}

/* Of all kinds, those without numbers are not what is chosen by numbers. */
static int pass_over(struct copy *c, MYSQL *source, struct ds_error *err)
{
    MYSQL_RES *rows = db_select(source, err,
                                "SELECT TABLE_NAME FROM information_schema.COLUMNS WHERE "
                                "TABLE_SCHEMA = DATABASE() AND COLUMN_NAME = 'increment_id'");
    if (!rows)
        return err->code;
    struct copied_kind *kinds = c->shared->kinds;
    for (size_t i = 0; kinds && i < catalogue_count(c->o->catalogue); i++)
        kinds[i].passed_over = true;
    for (MYSQL_ROW row; (row = mysql_fetch_row(rows));) {
        struct copied_kind *k = kind_of_root(c, row[0]);
        if (k)
            k->passed_over = false;
    }
    mysql_free_result(rows);
    return 0;
}

bool entity_asks_for_all(const struct copy *c)
{
    const struct config_list *asked = &c->o->config->entities;
    for (size_t i = 0; i < asked->count; i++)
        if (strcmp(asked->items[i], CONFIG_ALL) == 0)
            return true;
    return false;
}

static int not_there(const struct copy *c, MYSQL *source, const struct catalogue_entity *e,
                     bool all, struct ds_error *err)
{
    const struct config_server *s = &c->o->config->source;
    char name[300];
    entity_root_name(c, e, name, sizeof name);
    int rc = entity_ask_hidden(c, source, e, name, err);
    if (rc)
        return rc;
    return error_set(err, DS_EUSAGE,
                     "the source has no table %s%s, in which entity %s is: look at "
                     "source.database (--db-name), which is '%s', and source.prefix "
                     "(--db-prefix), which is '%s'",
                     name, all ? ", nor any other of those" : "", e->name, s->database,
                     s->prefix ? s->prefix : "");
}

/* What is asked for by name has to be there; of all kinds, one. */
static int check_there(const struct copy *c, MYSQL *source, struct ds_error *err)
{
    const struct config_list *asked = &c->o->config->entities;
    const struct catalogue *all = c->o->catalogue;
    const struct catalogue_entity *missing = NULL;
    const struct copied_kind *kinds = c->shared->kinds;
    bool any = false;
    const struct catalogue_entity *named =
        !asked->count || c->o->follows ? NULL : catalogue_find(all, asked->items[0]);
    if (!kinds)
        return 0;
    if (named && filter_imports(c->o->filter, named) && !kinds[place_of(c, named)].there)
        return not_there(c, source, named, false, err);
    for (size_t i = 0; i < catalogue_count(all); i++) {
        const struct catalogue_entity *e = catalogue_at(all, i);
        if (!filter_imports(c->o->filter, e))
            continue;
        any |= kinds[i].there;
        missing = missing ? missing : e;
    }
    return any || !missing ? 0 : not_there(c, source, missing, true, err);
}

int entity_look_at_kinds(struct copy *c, MYSQL *source, struct ds_error *err)
{
    const struct entity_selection *s = &c->o->selection;
    c->shared->kinds = calloc(catalogue_count(c->o->catalogue) + 1, sizeof *c->shared->kinds);
    int rc = c->shared->kinds ? find_roots(c, source, err) : entity_no_memory(err);
    rc = rc || s->listed ? rc : check_there(c, source, err);
    if (rc == 0 && s->increment_id_count && entity_asks_for_all(c))
        rc = pass_over(c, source, err);
    return rc;
}

uint64_t entity_to_come(const struct copy *c, const bool *needed, size_t place)
{
    const struct entity_selection *s = &c->o->selection;
    uint64_t sum = 0;
    for (size_t i = place + 1; i < catalogue_count(c->o->catalogue); i++) {
        const struct catalogue_entity *e = catalogue_at(c->o->catalogue, i);
        bool asked = entity_is_asked_for(c, e);
        const struct entity_ids *listed = asked ? entity_listed(c, e) : NULL;
        uint64_t count = c->shared->kinds[i].count;
        if (!needed[i] || (asked ? s->references : !filter_maps(e)))
            continue;
        if (asked && (s->date_from || s->date_to || s->increment_id_count)) /* not to be guessed */
            count = 0;
        if (asked && s->id_count && s->id_count < count)
            count = s->id_count;
        if (asked && s->limit && s->limit < count)
            count = s->limit;
        sum += listed && listed->count < count ? listed->count : count;
    }
    return sum;
}
