/* Listed entities that the source has no more: a deletion of each one's root.
 *
 * It says no more than the key, and, flagged CHANGE_NAMED, by what else an import may know it: the
 * name that somebody noted when it went, if nothing at the source is called so by now.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/entity_copy_internal.h"
#include "schema/log.h"

static int by_text(const void *x, const void *y)
{
    return strcmp(*(char *const *)x, *(char *const *)y);
}

/* The column that alone is the natural key; NULL: there is none. */
static const char *name_column(const struct catalogue_entity *e)
{
    const struct catalogue_part *part = e->natural_key;
    return e->natural_key_count == 1 && !part->table ? part->column : NULL;
}

/* *alone: nothing at the source has this name. */
static int is_free_name(struct copy *c, const char *name, bool *alone, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    const char *column = name_column(c->entity);
    uint64_t count = 0;
    bool found;
    *alone = false;
    if (!name || !*name || !column || entity_column(&c->tables[0].plan, column) == UINT32_MAX)
        return 0;
    int rc = buf_puts(&sql, "SELECT COUNT(*) FROM ") | sql_identifier(&sql, c->tables[0].name) |
             buf_puts(&sql, " WHERE ") | sql_identifier(&sql, column) | buf_puts(&sql, " = ") |
             sql_string(&sql, name, strlen(name));
    rc = rc ? entity_no_memory(err)
            : db_scalar_u64(c->shared->source.db, &count, &found, err, "%s", buf_cstr(&sql));
    *alone = rc == 0 && count == 0;
    return rc;
}

/* Is the column part of what an import asks of each change? It is told as NULL then. */
static bool identifies(const struct copied_table *t, uint32_t column)
{
    const struct catalogue_entity *e = t->entity;
    if (t->plan.described[column].flags & COLUMN_KEY)
        return true;
    for (size_t i = 0; i < e->natural_key_count; i++)
        if (!e->natural_key[i].table && entity_column(&t->plan, e->natural_key[i].column) == column)
            return true;
    for (size_t i = 0; i < t->entry->part_count; i++)
        if (!t->entry->parts[i].table &&
            entity_column(&t->plan, t->entry->parts[i].column) == column)
            return true;
    return false;
}

static int put_gone(struct copy *c, const struct changed_id *x, struct ds_error *err)
{
    BUF_AUTO struct buf image = {0}, key = {0};
    const struct copied_table *t = &c->tables[0];
    const char *name = name_column(c->entity);
    uint32_t named = name ? entity_column(&t->plan, name) : UINT32_MAX;
    bool alone;
    int rc = is_free_name(c, x->name, &alone, err);
    if (rc)
        return rc;
    rc = entity_key_is_number(t) ? value_write_uint(&key, strtoull(x->id, NULL, 10))
                                 : value_write_text(&key, x->id, strlen(x->id));
    rc |= image_write_head(&image, t->plan.column_count);
    for (uint32_t i = 0; i < t->plan.column_count && rc == 0; i++)
        rc = i == t->link          ? buf_append(&image, key.data, key.len)
             : alone && i == named ? value_write_text(&image, x->name, strlen(x->name))
             : identifies(t, i)    ? value_write_null(&image)
                                   : value_write_absent(&image);
    if (rc)
        return entity_no_memory(err);
    rc = entity_put_begin(c, err);
    rc = rc ? rc
            : entity_put_change(c, t, CHANGE_DELETE, alone ? CHANGE_NAMED : 0,
                                (struct slice){key.data, key.len},
                                (struct slice){image.data, image.len}, err);
    return rc ? rc : entity_put_commit(c, err);
}

/* Can an import tell from the root's key which row it became? */
static bool is_known_by_key(const struct catalogue_entity *e)
{
    const struct catalogue_table *root = &e->tables[0];
    return !catalogue_same_key(e, root) && (!root->key || strcmp(root->key, root->link) == 0);
}

static int put_gone_of_kind(struct copy *c, const struct catalogue_entity *e,
                            const struct entity_ids *listed, struct ds_error *err)
{
    c->entity = e;
    c->tables = calloc(1, sizeof *c->tables);
    int rc = c->tables ? entity_open_table(c, &e->tables[0], err) : entity_no_memory(err);
    bool open = rc == 0 && c->table_count;
    if (open)
        rc = entity_read_roots(c, true, err);
    if (open && rc == 0 && c->key_count)
        qsort(c->keys, c->key_count, sizeof *c->keys, by_text);
    for (size_t i = 0; i < listed->count && open && rc == 0; i++) {
        const struct changed_id *x = &listed->items[i];
        if (c->key_count && bsearch(&x->id, c->keys, c->key_count, sizeof *c->keys, by_text))
            continue;
        log_debug("the source has it no more entity=%s id=%s", e->name, x->id);
        rc = put_gone(c, x, err);
    }
    entity_close_kind(c);
    return rc;
}

int entity_put_gone(struct copy *c, struct ds_error *err)
{
    const struct catalogue *all = c->o->catalogue;
    int rc = 0;
    for (size_t i = catalogue_count(all); i-- > 0 && rc == 0;) {
        const struct catalogue_entity *e = catalogue_at(all, i);
        const struct entity_ids *listed = entity_listed(c, e);
        if (listed && listed->count && entity_is_asked_for(c, e) && is_known_by_key(e))
            rc = put_gone_of_kind(c, e, listed, err);
    }
    return rc;
}
