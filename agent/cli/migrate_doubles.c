/* map-document-groups.xml: documents of the destination with a unique key that the source's have
 * not. Of rows that are the same by it the destination has one. */
#include <stdio.h>
#include <string.h>

#include "agent/cli/migrate.h"
#include "applier/target.h"
#include "schema/db.h"

#define OPTION "map_document_groups"
#define GROUP  "destination_documents_update_on_duplicate"

/* NULL: there is no such file, or group. */
static int read_group(struct migrating *g, struct groups **groups, const struct group **group,
                      struct buf *path, struct ds_error *err)
{
    const char *file = migration_option(g->migration, OPTION);
    *group = NULL;
    if (!file || !*file)
        return 0;
    int rc = migration_file(g->migration, OPTION, path, err);
    rc = rc ? rc : groups_read(groups, buf_cstr(path), err);
    *group = rc ? NULL : groups_find(*groups, GROUP);
    return rc;
}

int migrate_add_doubles(struct migrating *g, struct map *map, struct buf *text,
                        struct ds_error *err)
{
    BUF_AUTO struct buf path = {0};
    struct groups *groups = NULL;
    const struct group *group;
    int rc = read_group(g, &groups, &group, &path, err);
    for (size_t i = 0; rc == 0 && group && i < group->count; i++) {
        rc = map_add_double(map, group->items[i].name, err);
        if (rc == 0 && buf_printf(text, "once %s\n", group->items[i].name))
            rc = error_set(err, DS_ENOMEM, "out of memory for groups of tables");
    }
    groups_free(groups);
    return rc;
}

static bool names(const char *list, const char *name)
{
    const size_t len = strlen(name);
    for (const char *p = list; *p; p += strcspn(p, ",") + (p[strcspn(p, ",")] == ','))
        if (strcspn(p, ",") == len && strncmp(p, name, len) == 0)
            return true;
    return false;
}

/* "a,b": a unique key, and nothing beside it. */
static bool has_key(const struct target_table *t, const char *columns)
{
    uint32_t count = 1;
    for (const char *p = columns; *p; p++)
        count += *p == ',';
    for (uint32_t i = 0; i < t->key_count; i++) {
        const struct target_key *k = &t->keys[i];
        uint32_t n = 0;
        while (n < k->count && names(columns, t->columns[k->columns[n]].name))
            n++;
        if (k->unique && !k->primary && n == k->count && n == count)
            return true;
    }
    return false;
}

static int check(const struct target *schema, const struct migrating *g, const struct buf *path,
                 const struct group_item *d, struct ds_error *err)
{
    char name[300];
    int len = snprintf(name, sizeof name, "%s%s", g->in->config.destination.prefix, d->name);
    const struct target_table *t = target_find(schema, name, (size_t)len);
    if (!t || !t->exists || (d->key && has_key(t, d->key)))
        return 0;
    return error_set(err, DS_EUSAGE,
                     "%.*s:%u: document %s: key=\"%s\" are not the columns of a unique key of the "
                     "destination's table, by which rows would be there once: name those, and no "
                     "others: a row that is there is not changed by another one",
                     (int)path->len, (const char *)path->data, d->line, d->name,
                     d->key ? d->key : "");
}

int migrate_check_doubles(struct migrating *g, struct ds_error *err)
{
    struct db_endpoint ep = config_endpoint(&g->in->config, false);
    BUF_AUTO struct buf path = {0};
    DB_AUTO MYSQL *db = NULL;
    struct groups *groups = NULL;
    struct target *schema = NULL;
    const struct group *group;
    int rc = read_group(g, &groups, &group, &path, err);
    if (rc == 0 && group)
        rc = db_connect(&db, &ep, err);
    if (rc == 0 && group)
        rc = target_new(&schema, db, ep.database, err);
    for (size_t i = 0; rc == 0 && group && i < group->count; i++)
        rc = check(schema, g, &path, &group->items[i], err);
    target_free(schema);
    groups_free(groups);
    return rc;
}
