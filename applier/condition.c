/* Conditions on rows (`where`) and the destination's schema, which is the source's at this
 * position: what a DDL statement has changed may make of a condition what cannot be kept. Asked at
 * each start and behind each DDL statement, before the next rows. */
#include <string.h>
#include <strings.h>

#include "applier/apply.h"

static int cannot(const struct applier *a, const struct target_table *t, const char *what,
                  const char *name, struct ds_error *err)
{
    error_set(
        err, DS_EUNSUPPORTED,
        "where: the condition on rows of this table cannot be kept any more: %s %s; take that "
        "back at both sides, or take the condition out of the configuration and copy again with "
        "--resnapshot",
        what, name);
    error_at_table(err, a->database, t->name);
    return DS_EUNSUPPORTED;
}

static int check_column(const struct applier *a, const struct target_table *t,
                        const struct target_column *c, struct ds_error *err)
{
    if (!where_compares(c->charset, c->type_text))
        return cannot(a, t, "it compares UTF-8, and not column", c->name, err);
    return c->generated ? cannot(a, t, "it asks for a generated column,", c->name, err) : 0;
}

static int check_table(const struct applier *a, const struct target_table *t, const struct where *w,
                       bool root, struct ds_error *err)
{
    int rc = t->referrer_count && !root
                 ? cannot(a, t, "rows of another table hang on it by foreign key",
                          t->referrers[0]->name, err)
                 : 0;
    for (uint32_t i = 0; i < t->column_count && rc == 0; i++)
        if (where_names(w, t->columns[i].name))
            rc = check_column(a, t, &t->columns[i], err);
    for (uint32_t f = 0; f < t->fk_count && rc == 0; f++) {
        const struct target_fk *fk = &t->fks[f];
        bool nulls = fk->on_delete == FK_SET_NULL || fk->on_update == FK_SET_NULL;
        for (uint32_t i = 0; i < fk->count && nulls && rc == 0; i++)
            if (where_names(w, t->columns[fk->columns[i]].name))
                rc = cannot(a, t, "a column of it is set to NULL without an event by foreign key",
                            fk->name, err);
    }
    return rc;
}

/* --- entities that travel in part ------------------------------------------------- */

static int check_number(const struct applier *a, const struct target_table *t, const char *name,
                        struct ds_error *err)
{
    int i = target_column_ordinal(t, name);
    if (i >= 0 && t->columns[i].class == TARGET_INT && t->columns[i].width)
        return 0;
    return cannot(a, t, "its rows are found by whole numbers, and there are none in column", name,
                  err);
}

static bool acts(const struct target_fk *fk)
{
    return fk->on_delete != FK_RESTRICT || fk->on_update != FK_RESTRICT;
}

static int check_through(const struct applier *a, const struct target_table *t,
                         const struct filter_level *l, struct ds_error *err)
{
    BUF_AUTO struct buf parent = {0};
    bool follows;
    if (buf_printf(&parent, "%s%s", a->config->source.prefix, l->entry->through))
        return error_set(err, DS_ENOMEM, "out of memory");
    return crossing_takes_along(t, l->entry->link, buf_cstr(&parent), &follows)
               ? 0
               : cannot(a, t, "no foreign key deletes its rows with those of", buf_cstr(&parent),
                        err);
}

/* What the table's place in its entity asks for. Other entities may refer to the root only: of
 * rows that the engine deletes with it nobody tells. */
static int check_level(const struct applier *a, const struct target_table *t,
                       const struct filter_level *l, struct ds_error *err)
{
    bool root = l->entry == &l->entity->tables[0];
    const char *key = filter_level_key(l->entry);
    int rc = t->transactional ? 0
                              : cannot(a, t,
                                       "it belongs to an entity that travels as a whole, and "
                                       "is of an engine that cannot roll back:",
                                       t->engine, err);
    if (rc == 0 && !root)
        rc = check_number(a, t, l->entry->link, err);
    if (rc == 0 && (root || l->entry->key))
        rc = check_number(a, t, key, err);
    bool by_key = t->row_key && t->row_key->count == 1 &&
                  target_column_ordinal(t, key) == (int)t->row_key->columns[0];
    if (rc == 0 && root && !by_key)
        rc = cannot(a, t, "the primary key of an entity's root is one column, and that is not", key,
                    err);
    if (rc == 0 && l->entry->through)
        rc = check_through(a, t, l, err);
    for (uint32_t r = 0; r < t->referrer_count && rc == 0 && !root; r++)
        if (acts(t->referrers[r]) &&
            filter_crosses(a->options.filter, t->referrers[r]->child->name, NULL, t->name))
            rc = cannot(a, t, "another entity refers to it by foreign key", t->referrers[r]->name,
                        err);
    return rc;
}

int condition_check(struct applier *a, struct ds_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; i < target_count(a->target) && rc == 0; i++) {
        const struct target_table *t = target_at(a->target, i);
        const struct where *w = t && t->exists ? filter_where(a->options.filter, t->name) : NULL;
        struct filter_level level;
        bool part = t && t->exists && filter_keeps(a->options.filter, t->name) &&
                    filter_level(a->options.filter, t->name, &level);
        if (w)
            rc = check_table(a, t, w, part && level.entry == &level.entity->tables[0], err);
        if (rc == 0 && part && !level.shadow)
            rc = check_level(a, t, &level, err);
    }
    a->conditions_due = rc != 0;
    return rc;
}
