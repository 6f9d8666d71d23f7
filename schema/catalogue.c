#include "schema/catalogue.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/catalogue_read.h"
#include "schema/list.h"

struct claim {
    const char *table;
    const struct catalogue_entity *entity;
    const struct catalogue_table *entry;
};
struct catalogue {
    struct arena arena; /* all that entities and groups point to */
    struct catalogue_entity *entities;
    size_t count, capacity;
    struct catalogue_group *groups;
    size_t group_count, group_capacity;
    struct claim *claims; /* sorted by table */
    size_t claim_count;
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for the entity catalogue");
}

/* --- files --------------------------------------------------------------- */

/* A user's file may take the place of a built-in one, not of another user's. */
static int check_override(const char *what, const char *name, const char *file, unsigned line,
                          const char *before, unsigned before_line, struct ds_error *err)
{
    return catalogue_is_builtin(before)
               ? 0
               : error_set(err, DS_EUSAGE, "%s:%u: %s '%s' is in %s:%u already", file, line, what,
                           name, before, before_line);
}

static int add_entity(struct catalogue *c, const struct catalogue_entity *e, struct ds_error *err)
{
    for (size_t i = 0; i < c->count; i++) {
        struct catalogue_entity *before = &c->entities[i];
        if (strcmp(before->name, e->name) != 0)
            continue;
        int rc =
            check_override("entity", e->name, e->file, e->line, before->file, before->line, err);
        if (rc == 0)
            *before = *e;
        return rc;
    }
    if (LIST_ROOM(c->entities, c->count, c->capacity))
        return no_memory(err);
    c->entities[c->count++] = *e;
    return 0;
}

static int add_group(struct catalogue *c, const struct catalogue_group *g, struct ds_error *err)
{
    for (size_t i = 0; i < c->group_count; i++) {
        struct catalogue_group *before = &c->groups[i];
        if (strcmp(before->name, g->name) != 0)
            continue;
        int rc =
            check_override("group", g->name, g->file, g->line, before->file, before->line, err);
        if (rc == 0)
            *before = *g;
        return rc;
    }
    if (LIST_ROOM(c->groups, c->group_count, c->group_capacity))
        return no_memory(err);
    c->groups[c->group_count++] = *g;
    return 0;
}

static int add_file(struct catalogue *c, const char *file, const char *text, size_t len,
                    struct ds_error *err)
{
    struct catalogue_item item;
    int rc = catalogue_read(&item, &c->arena, file, text, len, err);
    if (rc)
        return rc;
    return item.is_group ? add_group(c, &item.group, err) : add_entity(c, &item.entity, err);
}

static int add_user_file(struct catalogue *c, const char *path, struct ds_error *err)
{
    BUF_AUTO struct buf text = {0};
    FILE *file = fopen(path, "re");
    if (!file)
        return error_set(err, DS_EUSAGE, "%s: %s", path, strerror(errno));
    int rc = 0;
    for (size_t n = 1; n && rc == 0;) {
        rc = buf_reserve(&text, 16384) ? no_memory(err) : 0;
        n = rc ? 0 : fread(text.data + text.len, 1, 16384, file);
        text.len += n;
    }
    if (rc == 0 && ferror(file))
        rc = error_set(err, DS_EUSAGE, "%s: cannot be read", path);
    (void)fclose(file); /* only read */
    return rc ? rc : add_file(c, path, buf_cstr(&text), text.len, err);
}

static int wanted(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".yaml") == 0;
}

static int add_user_dir(struct catalogue *c, const char *dir, struct ds_error *err)
{
    struct dirent **entries;
    int n = scandir(dir, &entries, wanted, alphasort);
    if (n < 0)
        return error_set(err, DS_EUSAGE, "entities_dir %s: %s", dir, strerror(errno));
    int rc = 0;
    for (int i = 0; i < n; i++) {
        char *path = NULL;
        if (rc == 0 && asprintf(&path, "%s/%s", dir, entries[i]->d_name) < 0) {
            path = NULL;
            rc = no_memory(err);
        }
        if (rc == 0)
            rc = add_user_file(c, path, err);
        free(path);
        free(entries[i]);
    }
    free(entries);
    return rc;
}

/* --- the whole ----------------------------------------------------------- */

static struct catalogue_view view(const struct catalogue *c)
{
    return (struct catalogue_view){c->entities, c->count, c->groups, c->group_count};
}

static int sort_by_dependency(struct catalogue *c, struct ds_error *err)
{
    const struct catalogue_view v = view(c);
    size_t *order = calloc(c->count + 1, sizeof *order);
    struct catalogue_entity *sorted = calloc(c->count + 1, sizeof *sorted);
    int rc = order && sorted ? catalogue_order(&v, order, err) : no_memory(err);
    if (rc == 0) {
        for (size_t i = 0; i < c->count; i++)
            sorted[i] = c->entities[order[i]];
        struct catalogue_entity *before = c->entities;
        c->entities = sorted;
        sorted = before;
    }
    free(order);
    free(sorted);
    return rc;
}

static int by_table(const void *a, const void *b)
{
    return strcmp(((const struct claim *)a)->table, ((const struct claim *)b)->table);
}

static int make_claims(struct catalogue *c, struct ds_error *err)
{
    size_t total = 0;
    for (size_t i = 0; i < c->count; i++)
        total += c->entities[i].table_count;
    c->claims = calloc(total + 1, sizeof *c->claims);
    if (!c->claims)
        return no_memory(err);
    for (size_t i = 0; i < c->count; i++)
        for (size_t k = 0; k < c->entities[i].table_count; k++)
            c->claims[c->claim_count++] = (struct claim){.table = c->entities[i].tables[k].table,
                                                         .entity = &c->entities[i],
                                                         .entry = &c->entities[i].tables[k]};
    qsort(c->claims, c->claim_count, sizeof *c->claims, by_table);
    for (size_t i = 1; i < c->claim_count; i++) {
        const struct claim *a = &c->claims[i - 1], *b = &c->claims[i];
        if (strcmp(a->table, b->table) != 0)
            continue;
        bool second = catalogue_is_builtin(a->entity->file); /* a user's own is to blame */
        const struct claim *at = second ? b : a, *other = second ? a : b;
        return error_set(err, DS_EUSAGE,
                         "%s:%u: table '%s' belongs to entity '%s' and to '%s' (%s:%u): leave it "
                         "to one of them",
                         at->entity->file, at->entry->line, at->table, at->entity->name,
                         other->entity->name, other->entity->file, other->entry->line);
    }
    return 0;
}

int catalogue_load(struct catalogue **out, const char *user_dir, struct ds_error *err)
{
    *out = NULL;
    struct catalogue *c = calloc(1, sizeof *c);
    if (!c)
        return no_memory(err);
    int rc = 0;
    for (size_t i = 0; i < catalogue_builtin_count && rc == 0; i++)
        rc = add_file(c, catalogue_builtin[i].name, catalogue_builtin[i].text,
                      strlen(catalogue_builtin[i].text), err);
    if (rc == 0 && user_dir && *user_dir)
        rc = add_user_dir(c, user_dir, err);
    const struct catalogue_view v = view(c);
    rc = rc ? rc : catalogue_check(&v, err);
    rc = rc ? rc : sort_by_dependency(c, err);
    rc = rc ? rc : make_claims(c, err);
    if (rc) {
        catalogue_free(c);
        return rc;
    }
    *out = c;
    return 0;
}

void catalogue_free(struct catalogue *c)
{
    if (!c)
        return;
    arena_free(&c->arena);
    free(c->entities);
    free(c->groups);
    free(c->claims);
    free(c);
}

size_t catalogue_count(const struct catalogue *c)
{
    return c->count;
}

const struct catalogue_entity *catalogue_at(const struct catalogue *c, size_t i)
{
    return &c->entities[i];
}

const struct catalogue_entity *catalogue_find(const struct catalogue *c, const char *name)
{
    const struct catalogue_view v = view(c);
    return catalogue_view_find(&v, name);
}

bool catalogue_lookup(const struct catalogue *c, const char *table,
                      const struct catalogue_entity **entity, const struct catalogue_table **entry)
{
    struct claim key = {.table = table};
    const struct claim *found =
        c->claim_count ? bsearch(&key, c->claims, c->claim_count, sizeof key, by_table) : NULL;
    *entity = found ? found->entity : NULL;
    *entry = found ? found->entry : NULL;
    return found != NULL;
}

int catalogue_call(struct catalogue *c, const char *table, const char *there, struct ds_error *err)
{
    const struct catalogue_entity *entity, *other;
    const struct catalogue_table *entry, *taken;
    if (!catalogue_lookup(c, table, &entity, &entry))
        return 0;
    if (entry->there != entry->table || catalogue_lookup(c, there, &other, &taken))
        return error_set(err, DS_EUSAGE,
                         "table %s of entity %s cannot be called %s at the source: %s", table,
                         entity->name, there,
                         entry->there != entry->table ? "it has another name there already"
                                                      : "the catalogue has a table of that name");
    struct claim *more = realloc(c->claims, (c->claim_count + 1) * sizeof *more);
    char *name = arena_strdup(&c->arena, there);
    if (more)
        c->claims = more;
    if (!more || !name)
        return no_memory(err);
    ((struct catalogue_table *)entry)->there = name; /* of our arena */
    more[c->claim_count++] = (struct claim){.table = name, .entity = entity, .entry = entry};
    qsort(more, c->claim_count, sizeof *more, by_table);
    return 0;
}

size_t catalogue_group_count(const struct catalogue *c)
{
    return c->group_count;
}

const struct catalogue_group *catalogue_group_at(const struct catalogue *c, size_t i)
{
    return &c->groups[i];
}

const struct catalogue_group *catalogue_group_find(const struct catalogue *c, const char *name)
{
    for (size_t i = 0; i < c->group_count; i++)
        if (strcmp(c->groups[i].name + (*name != '@'), name) == 0)
            return &c->groups[i];
    return NULL;
}

bool catalogue_group_has(const struct catalogue *c, const struct catalogue_group *group,
                         const char *table)
{
    const struct catalogue_entity *entity;
    const struct catalogue_table *entry;
    for (const char *const *pattern = group->tables; *pattern; pattern++)
        if (fnmatch(*pattern, table, FNM_NOESCAPE) == 0)
            return true;
    if (!catalogue_lookup(c, table, &entity, &entry))
        return false;
    for (const char *const *role = group->roles; *role; role++)
        if (strcmp(*role, entry->role) == 0)
            return true;
    for (const char *const *name = group->entities; *name; name++)
        if (catalogue_find(c, *name) == entity)
            return true;
    return false;
}

static bool is_own_name(const struct catalogue_entity *e, const struct catalogue_table *root)
{
    const struct catalogue_part *part = root->parts;
    if (root->identity != IDENTITY_COLUMNS || root->part_count != 1 || !part->column ||
        part->table || part->either || strcmp(part->column, root->link) != 0)
        return false;
    for (size_t i = 0; i < e->reference_count; i++) /* else it is another entity's key */
        if (strcmp(e->references[i].table, root->table) == 0 &&
            strcmp(e->references[i].column, root->link) == 0)
            return false;
    return true;
}

bool catalogue_asks_attribute(const struct catalogue_reference *r)
{
    return r->attribute || r->input || r->source_model;
}

bool catalogue_same_key(const struct catalogue_entity *e, const struct catalogue_table *t)
{
    return t->identity == IDENTITY_SAME || (t == &e->tables[0] && is_own_name(e, t));
}

bool catalogue_is_imported(const struct catalogue_table *t)
{
    return t->identity != IDENTITY_NONE && strcmp(t->role, "index") != 0 &&
           strcmp(t->role, "summary") != 0;
}
