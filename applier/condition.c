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
                       struct ds_error *err)
{
    int rc = t->referrer_count ? cannot(a, t, "rows of another table hang on it by foreign key",
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

int condition_check(struct applier *a, struct ds_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; i < target_count(a->target) && rc == 0; i++) {
        const struct target_table *t = target_at(a->target, i);
        const struct where *w = t && t->exists ? filter_where(a->options.filter, t->name) : NULL;
        if (w)
            rc = check_table(a, t, w, err);
    }
    a->conditions_due = rc != 0;
    return rc;
}
