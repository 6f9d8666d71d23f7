/* What holds between the catalogue's files: names, references, order of dependency. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/catalogue_read.h"

static bool answers_to(const struct catalogue_entity *e, const char *name)
{
    if (strcmp(e->name, name) == 0)
        return true;
    for (const char *const *a = e->aliases; *a; a++)
        if (strcmp(*a, name) == 0)
            return true;
    return false;
}

const struct catalogue_entity *catalogue_view_find(const struct catalogue_view *v, const char *name)
{
    for (size_t i = 0; i < v->entity_count; i++)
        if (answers_to(&v->entities[i], name))
            return &v->entities[i];
    return NULL;
}

bool catalogue_is_builtin(const char *file)
{
    return !strchr(file, '/');
}

/* --- names and references ------------------------------------------------ */

/* `i`'s name and aliases mean no entity before it. The later one is to blame: a user's own. */
static int check_names(const struct catalogue_view *v, size_t i, struct ds_error *err)
{
    const struct catalogue_entity *e = &v->entities[i];
    for (size_t k = 0; k < i; k++) {
        const struct catalogue_entity *other = &v->entities[k];
        if (answers_to(other, e->name))
            return error_set(err, DS_EUSAGE,
                             "%s:%u: '%s' is an alias of entity '%s' (%s:%u): give that name to "
                             "replace it, or choose another",
                             e->file, e->line, e->name, other->name, other->file,
                             other->aliases_line);
        for (const char *const *a = e->aliases; *a; a++)
            if (answers_to(other, *a))
                return error_set(err, DS_EUSAGE,
                                 "%s:%u: alias '%s' already means entity '%s' (%s:%u)", e->file,
                                 e->aliases_line, *a, other->name, other->file, other->line);
    }
    return 0;
}

/* What it names is to be copied by the keys that the column holds. */
static int check_brought(const struct catalogue_entity *e, const struct catalogue_reference *r,
                         const struct catalogue_entity *target, struct ds_error *err)
{
    const struct catalogue_table *root = &target->tables[0];
    if (target != e && target->kind == KIND_DATA && root->key && strcmp(root->key, root->link) == 0)
        return 0;
    return error_set(err, DS_EUSAGE,
                     "%s:%u: column '%s' cannot bring '%s' along: that must be another entity, of "
                     "kind 'data', whose root has its link for its key",
                     e->file, r->line, r->column, target->name);
}

static int check_reference(const struct catalogue_view *v, const struct catalogue_entity *e,
                           const struct catalogue_reference *r, struct ds_error *err)
{
    const struct catalogue_entity *target = catalogue_view_find(v, r->entity);
    if (!target)
        return error_set(err, DS_EUSAGE,
                         "%s:%u: column '%s' refers to entity '%s', which does not exist", e->file,
                         r->line, r->column, r->entity);
    const struct catalogue_table *to =
        r->to ? catalogue_find_table(target, r->to) : &target->tables[0];
    if (!to)
        return error_set(err, DS_EUSAGE, "%s:%u: '%s' is no table of entity '%s' (%s)", e->file,
                         r->line, r->to, target->name, target->file);
    if (r->input && strcmp(to->table, "eav_attribute_option") != 0)
        return error_set(err, DS_EUSAGE,
                         "%s:%u: the values of a %s are options: 'entity: attribute, to: "
                         "eav_attribute_option'",
                         e->file, r->line, r->input);
    if (!to->key && !r->by)
        return error_set(err, DS_EUSAGE,
                         "%s:%u: column '%s' refers to table '%s' (%s), which has no 'key'; say "
                         "'by' which column",
                         e->file, r->line, r->column, to->table, target->file);
    return r->brings ? check_brought(e, r, target, err) : 0;
}

static bool has_role(const struct catalogue_view *v, const char *role)
{
    for (size_t i = 0; i < v->entity_count; i++)
        for (size_t t = 0; t < v->entities[i].table_count; t++)
            if (strcmp(v->entities[i].tables[t].role, role) == 0)
                return true;
    return false;
}

static int check_group(const struct catalogue_view *v, const struct catalogue_group *g,
                       struct ds_error *err)
{
    for (const char *const *name = g->entities; *name; name++)
        if (!catalogue_view_find(v, *name))
            return error_set(err, DS_EUSAGE, "%s:%u: entity '%s' does not exist", g->file,
                             g->entities_line, *name);
    /* a user may have replaced those that a built-in group is for */
    for (const char *const *role = g->roles; *role && !catalogue_is_builtin(g->file); role++)
        if (!has_role(v, *role))
            return error_set(err, DS_EUSAGE, "%s:%u: no table of an entity has the role '%s'",
                             g->file, g->roles_line, *role);
    return 0;
}

int catalogue_check(const struct catalogue_view *v, struct ds_error *err)
{
    int rc = 0;
    for (size_t i = 0; i < v->entity_count && rc == 0; i++) {
        const struct catalogue_entity *e = &v->entities[i];
        rc = check_names(v, i, err);
        for (size_t k = 0; k < e->reference_count && rc == 0; k++)
            rc = check_reference(v, e, &e->references[k], err);
    }
    for (size_t i = 0; i < v->group_count && rc == 0; i++)
        rc = check_group(v, &v->groups[i], err);
    return rc;
}

/* --- order --------------------------------------------------------------- */

enum mark { UNSEEN, OPEN, DONE };

struct walk {
    const struct catalogue_view *view;
    enum mark *marks;
    const struct catalogue_reference **open; /* by which reference each of the path was reached */
    size_t *path;                            /* entities on the way here */
    size_t depth, done;
    size_t *order;
    struct ds_error *err;
};

/* "a -> b -> a", with the place of each reference. */
static int circle(const struct walk *w, size_t back_to, const struct catalogue_reference *last)
{
    char text[600] = "", places[600] = "";
    size_t from = 0;
    while (w->path[from] != back_to)
        from++;
    for (size_t i = from; i < w->depth; i++) {
        const struct catalogue_entity *e = &w->view->entities[w->path[i]];
        const struct catalogue_reference *by = i + 1 < w->depth ? w->open[i + 1] : last;
        size_t len = strlen(text), places_len = strlen(places);
        snprintf(text + len, sizeof text - len, "%s -> ", e->name);
        snprintf(places + places_len, sizeof places - places_len, "%s%s:%u %s.%s",
                 i == from ? "" : ", ", e->file, by->line, by->table, by->column);
    }
    return error_set(w->err, DS_EUSAGE,
                     "%s:%u: entities refer to each other in a circle: %s%s; let one of these "
                     "references be 'deferred': %s",
                     w->view->entities[w->path[w->depth - 1]].file, last->line, text,
                     w->view->entities[back_to].name, places);
}

/* Depth first: an entity follows all that it refers to. */
static int visit(struct walk *w, size_t i, const struct catalogue_reference *by)
{
    const struct catalogue_entity *e = &w->view->entities[i];
    int rc = 0;
    w->marks[i] = OPEN;
    w->path[w->depth] = i;
    w->open[w->depth++] = by;
    for (size_t k = 0; k < e->reference_count && rc == 0; k++) {
        const struct catalogue_reference *r = &e->references[k];
        size_t to = (size_t)(catalogue_view_find(w->view, r->entity) - w->view->entities);
        if (to == i || r->deferred || w->marks[to] == DONE)
            continue;
        rc = w->marks[to] == OPEN ? circle(w, to, r) : visit(w, to, r);
    }
    w->depth--;
    w->marks[i] = DONE;
    w->order[w->done++] = i;
    return rc;
}

int catalogue_order(const struct catalogue_view *v, size_t *order, struct ds_error *err)
{
    size_t count = v->entity_count + 1;
    struct walk w = {.view = v,
                     .marks = calloc(count, sizeof *w.marks),
                     .open = calloc(count, sizeof(struct catalogue_reference *)),
                     .path = calloc(count, sizeof *w.path),
                     .order = order,
                     .err = err};
    int rc = w.marks && w.open && w.path
                 ? 0
                 : error_set(err, DS_ENOMEM, "out of memory for the entity catalogue");
    for (size_t i = 0; i < v->entity_count && rc == 0; i++)
        if (w.marks[i] == UNSEEN)
            rc = visit(&w, i, NULL);
    free(w.marks);
    free((void *)w.open);
    free(w.path);
    return rc;
}
