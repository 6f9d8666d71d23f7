/* Warnings of what is asked for by id or number, and is not at the source. */
#include <string.h>

#include "agent/absent.h"
#include "agent/entity_copy_internal.h"

/* Has the table a row of which the column is this? */
static int is_there(const struct copy *c, const char *table, const char *column, const char *value,
                    bool *there, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    if (buf_puts(&sql, "SELECT 1 FROM ") | sql_identifier(&sql, table) | buf_puts(&sql, " WHERE ") |
        sql_identifier(&sql, column) | buf_puts(&sql, " = ") |
        sql_string(&sql, value, strlen(value)) | buf_puts(&sql, " LIMIT 1"))
        return entity_no_memory(err);
    MYSQL_RES *rows = db_select(c->shared->source.db, err, "%s", buf_cstr(&sql));
    if (!rows)
        return err->code;
    *there = mysql_num_rows(rows) > 0;
    mysql_free_result(rows);
    return 0;
}

static int tell_of_kind(const struct copy *c, const char *option, const char *column,
                        const char *const *asked, size_t count, struct ds_error *err)
{
    struct absent absent = {0};
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        bool there = false;
        rc = is_there(c, c->tables[0].name, column, asked[i], &there, err);
        if (rc == 0 && !there)
            absent_add(&absent, asked[i]);
    }
    if (rc == 0)
        absent_tell(&absent, c->entity->name, option);
    return rc;
}

int entity_tell_absent(const struct copy *c, struct ds_error *err)
{
    const struct entity_selection *s = &c->o->selection;
    const struct config_list *asked = &c->o->config->entities;
    bool named = asked->count && catalogue_find(c->o->catalogue, asked->items[0]) == c->entity;
    if (!named || s->listed || s->references || c->pass == DEFERRED)
        return 0;
    int rc = c->key_count < s->id_count ? tell_of_kind(c, "entity-ids", c->entity->tables[0].link,
                                                       s->ids, s->id_count, err)
                                        : 0;
    return rc || c->key_count >= s->increment_id_count
               ? rc
               : tell_of_kind(c, "increment-ids", "increment_id", s->increment_ids,
                              s->increment_id_count, err);
}

static int has_any_kind(const struct copy *c, const char *number, bool *there, struct ds_error *err)
{
    const struct catalogue *all = c->o->catalogue;
    int rc = 0;
    for (size_t i = 0; i < catalogue_count(all) && !*there && rc == 0; i++) {
        const struct catalogue_entity *e = catalogue_at(all, i);
        char table[300];
        if (!c->shared->kinds[i].there || !entity_is_asked_for(c, e))
            continue;
        entity_root_name(c, e, table, sizeof table);
        rc = is_there(c, table, "increment_id", number, there, err);
    }
    return rc;
}

int entity_tell_absent_numbers(const struct copy *c, struct ds_error *err)
{
    const struct entity_selection *s = &c->o->selection;
    struct absent absent = {0};
    int rc = 0;
    if (!entity_asks_for_all(c) || s->references)
        return 0;
    for (size_t i = 0; i < s->increment_id_count && rc == 0; i++) {
        bool there = false;
        rc = has_any_kind(c, s->increment_ids[i], &there, err);
        if (rc == 0 && !there)
            absent_add(&absent, s->increment_ids[i]);
    }
    if (rc == 0)
        absent_tell(&absent, CONFIG_ALL, "increment-ids");
    return rc;
}
