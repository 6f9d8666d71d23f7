/* Which documents a delta follows: those that the groups of its steps name in deltalog.xml. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/migrate.h"
#include "applier/target.h"
#include "schema/db.h"
#include "schema/log.h"

#define OPTION "delta_document_groups_file"

/* A step of mode delta, and its group in the file. */
typedef int group_user(struct migrating *g, const char *step, const struct group *group, void *arg,
                       struct ds_error *err);

static group_user check_group;

static int each_group(struct migrating *g, group_user *use, void *arg, struct ds_error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < migration_step_count(g->migration, MIGRATION_DELTA); i++) {
        const struct migration_step *s = migration_step_at(g->migration, MIGRATION_DELTA, i);
        const char *step = NULL, *name = NULL;
        if (!s->classes[STAGE_DELTA] || !migrate_group(g, s->classes[STAGE_DELTA], &step, &name))
            continue;
        const struct group *group = groups_find(g->deltalog, name);
        if (group)
            rc = use(g, step, group, arg, err);
        else if (use == check_group) /* told once */
            log_warn("%s: there is no group %s: all documents of step \"%s\" are followed",
                     buf_cstr(&g->deltalog_path), name, s->title);
    }
    return rc;
}

/* --- into the map ---------------------------------------------------------------------------- */

struct following {
    struct map *map;
    struct buf *text;
};

static int follow_group(struct migrating *g, const char *step, const struct group *group, void *arg,
                        struct ds_error *err)
{
    struct following *f = arg;
    int rc = 0;
    (void)g;
    map_follow_some(f->map, step);
    for (size_t i = 0; rc == 0 && i < group->count; i++) {
        rc = map_follow(f->map, group->items[i].name, err);
        if (rc == 0 && buf_printf(f->text, "follow %s\n", group->items[i].name))
            rc = error_set(err, DS_ENOMEM, "out of memory for groups of tables");
    }
    return rc;
}

int migrate_follow(struct migrating *g, struct map *map, struct buf *text, struct ds_error *err)
{
    const char *file = migration_option(g->migration, OPTION);
    if (!file || !*file)
        return 0;
    int rc = migration_file(g->migration, OPTION, &g->deltalog_path, err);
    rc = rc ? rc : groups_read(&g->deltalog, buf_cstr(&g->deltalog_path), err);
    return rc ? rc : each_group(g, follow_group, &(struct following){map, text}, err);
}

/* --- looked at, with the source -------------------------------------------------------------- */

static int wrong_key(struct migrating *g, const struct group *group, const struct group_item *d,
                     const char *why, const char *column, struct ds_error *err)
{
    return error_set(err, DS_EUSAGE, "%s:%u: group %s: document %s: %s%s: correct key=\"…\"",
                     buf_cstr(&g->deltalog_path), d->line, group->name, d->name, why, column);
}

/* "a,b": columns that the source's table has. */
static int check_key(struct migrating *g, const struct group *group, const struct group_item *d,
                     const struct target_table *t, struct ds_error *err)
{
    BUF_AUTO struct buf column = {0};
    if (!d->key || !*d->key)
        return wrong_key(g, group, d, "it has no key", "", err);
    for (const char *p = d->key; *p; p += *p == ',') {
        size_t len = strcspn(p, ",");
        buf_clear(&column);
        if (buf_append(&column, p, len))
            return error_set(err, DS_ENOMEM, "out of memory for groups of tables");
        p += len;
        if (target_column_ordinal(t, buf_cstr(&column)) < 0)
            return wrong_key(g, group, d, "the source's table has no column ", buf_cstr(&column),
                             err);
    }
    return 0;
}

static int check_group(struct migrating *g, const char *step, const struct group *group, void *arg,
                       struct ds_error *err)
{
    struct target *source = arg;
    int rc = 0;
    (void)step;
    for (size_t i = 0; rc == 0 && i < group->count; i++) {
        const struct group_item *d = &group->items[i];
        char name[300];
        int len = snprintf(name, sizeof name, "%s%s", g->in->config.source.prefix, d->name);
        const struct target_table *t = target_find(source, name, (size_t)len);
        if (t && t->exists)
            rc = check_key(g, group, d, t, err);
        else
            log_warn("%s:%u: group %s: the source has no document %s", buf_cstr(&g->deltalog_path),
                     d->line, group->name, d->name);
    }
    return rc;
}

static bool left_out(const struct migrating *g, const struct target_table *t)
{
    const struct map *map = filter_map(g->in->filter);
    const char *prefix = g->in->config.source.prefix;
    size_t n = strlen(prefix);
    return t->exists && !t->view && strncmp(t->name, prefix, n) == 0 &&
           map_document(map, MAP_SOURCE, t->name + n) && filter_keeps(g->in->filter, t->name) &&
           !map_follows(map, t->name + n);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int tell_left_out(struct migrating *g, const struct target *source, struct ds_error *err)
{
    size_t prefix = strlen(g->in->config.source.prefix), count = 0;
    const char **names = calloc(target_count(source) + 1, sizeof *names);
    BUF_AUTO struct buf list = {0};
    int rc = names ? 0 : DS_ENOMEM;
    for (uint32_t i = 0; rc == 0 && i < target_count(source); i++)
        if (left_out(g, target_at(source, i)))
            names[count++] = target_at(source, i)->name + prefix;
    if (rc == 0)
        qsort(names, count, sizeof *names, by_text);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = (i ? buf_puts(&list, ",") : 0) | buf_puts(&list, names[i]);
    if (rc == 0 && count)
        log_warn("Documents that delta does not follow, since no group of its steps in %s names "
                 "them: %s",
                 buf_cstr(&g->deltalog_path), buf_cstr(&list));
    free(names);
    return rc ? error_set(err, DS_ENOMEM, "out of memory for groups of tables") : 0;
}

/* What of the source comes to the table, under its whole name there; NULL: nothing. */
static const struct target_table *comes_to(const struct migrating *g, const struct target *source,
                                           const struct target_table *t, const char **document)
{
    const struct config *c = &g->in->config;
    const size_t n = strlen(c->destination.prefix);
    char name[300];
    *document = t && strncmp(t->name, c->destination.prefix, n) == 0
                    ? map_document(filter_map(g->in->filter), MAP_DESTINATION, t->name + n)
                    : NULL;
    if (!*document)
        return NULL;
    int len = snprintf(name, sizeof name, "%s%s", c->source.prefix, *document);
    const struct target_table *x = target_find(source, name, (size_t)len);
    return x && x->exists && filter_keeps(g->in->filter, x->name) ? x : NULL;
}

/* A new row would find nothing that it may refer to. */
static int tell_parents_left(struct migrating *g, const struct target *source,
                             const struct target_table *t, struct buf *list, struct ds_error *err)
{
    const struct map *map = filter_map(g->in->filter);
    const char *child, *up;
    if (!t->exists || !comes_to(g, source, t, &child) || !map_follows(map, child))
        return 0;
    for (uint32_t i = 0; i < t->fk_count; i++) {
        const struct target_table *parent = comes_to(g, source, t->fks[i].parent, &up);
        if (parent && left_out(g, parent) &&
            buf_printf(list, "%s%s (to %s)", list->len ? ", " : "", child, up))
            return error_set(err, DS_ENOMEM, "out of memory for groups of tables");
    }
    return 0;
}

static int check_parents(struct migrating *g, const struct target *source, struct ds_error *err)
{
    struct db_endpoint ep = config_endpoint(&g->in->config, false);
    DB_AUTO MYSQL *db = NULL;
    struct target *destination = NULL;
    BUF_AUTO struct buf list = {0};
    int rc = db_connect(&db, &ep, err);
    rc = rc ? rc : target_new(&destination, db, ep.database, err);
    for (uint32_t i = 0; rc == 0 && i < target_count(destination); i++)
        rc = tell_parents_left(g, source, target_at(destination, i), &list, err);
    if (rc == 0 && list.len)
        log_warn("%s: delta does not follow what documents refer to that it follows, by foreign "
                 "keys of the destination: add the other ones, or a new row ends it: %s",
                 buf_cstr(&g->deltalog_path), buf_cstr(&list));
    target_free(destination);
    return rc;
}

int migrate_check_followed(struct migrating *g, struct ds_error *err)
{
    struct db_endpoint ep = config_endpoint(&g->in->config, true);
    DB_AUTO MYSQL *db = NULL;
    struct target *source = NULL;
    if (!g->deltalog)
        return 0;
    int rc = db_connect(&db, &ep, err);
    rc = rc ? rc : target_new(&source, db, ep.database, err);
    rc = rc ? rc : each_group(g, check_group, source, err);
    rc = rc ? rc : tell_left_out(g, source, err);
    rc = rc ? rc : check_parents(g, source, err);
    target_free(source);
    return rc;
}
