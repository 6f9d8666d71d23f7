#include "schema/catalogue.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/catalogue_read.h"

struct claim {
    const char *table;
    const struct catalogue_entity *entity;
    const struct catalogue_table *entry;
};
struct catalogue {
    struct arena arena; /* all that the entities point to */
    struct catalogue_entity *entities;
    size_t count, capacity;
    struct claim *claims; /* sorted by table */
    size_t claim_count;
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for the entity catalogue");
}

/* --- files --------------------------------------------------------------- */

static int add_file(struct catalogue *c, const char *file, const char *text, size_t len,
                    struct ds_error *err)
{
    struct catalogue_entity e;
    int rc = catalogue_read(&e, &c->arena, file, text, len, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->entities[i].name, e.name) == 0) {
            c->entities[i] = e;
            return 0;
        }
    if (c->count == c->capacity) {
        size_t capacity = c->capacity ? 2 * c->capacity : 64;
        struct catalogue_entity *more = realloc(c->entities, capacity * sizeof *more);
        if (!more)
            return no_memory(err);
        c->entities = more;
        c->capacity = capacity;
    }
    c->entities[c->count++] = e;
    return 0;
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

static struct catalogue_entity *find(const struct catalogue *c, const char *name)
{
    for (size_t i = 0; i < c->count; i++) {
        if (strcmp(c->entities[i].name, name) == 0)
            return &c->entities[i];
        for (const char *const *a = c->entities[i].aliases; *a; a++)
            if (strcmp(*a, name) == 0)
                return &c->entities[i];
    }
    return NULL;
}

/* Does `name` mean another entity than `e`, by name or alias? */
static const struct catalogue_entity *taken(const struct catalogue *c, const char *name,
                                            const struct catalogue_entity *e)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct catalogue_entity *other = &c->entities[i];
        if (other == e)
            continue;
        if (strcmp(other->name, name) == 0)
            return other;
        for (const char *const *a = other->aliases; *a; a++)
            if (strcmp(*a, name) == 0)
                return other;
    }
    return NULL;
}

static int check_names(const struct catalogue *c, struct ds_error *err)
{
    for (size_t i = c->count; i-- > 0;) { /* the user's own first: they are to blame */
        const struct catalogue_entity *e = &c->entities[i];
        for (const char *const *a = e->aliases; *a; a++) {
            const struct catalogue_entity *other = taken(c, *a, e);
            if (other)
                return error_set(err, DS_EUSAGE, "%s: alias '%s' already means entity '%s' (%s)",
                                 e->file, *a, other->name, other->file);
        }
        for (size_t k = 0; k < e->reference_count; k++)
            if (!find(c, e->references[k].entity))
                return error_set(err, DS_EUSAGE,
                                 "%s: column '%s' refers to entity '%s', which does not exist",
                                 e->file, e->references[k].column, e->references[k].entity);
    }
    return 0;
}

enum mark { UNSEEN, OPEN, DONE };

/* Depth first: an entity follows all that it refers to. */
static int visit(const struct catalogue *c, size_t i, enum mark *marks, size_t *order, size_t *n,
                 struct ds_error *err)
{
    const struct catalogue_entity *e = &c->entities[i];
    marks[i] = OPEN;
    for (size_t k = 0; k < e->reference_count; k++) {
        size_t to = (size_t)(find(c, e->references[k].entity) - c->entities);
        if (to == i || marks[to] == DONE)
            continue;
        if (marks[to] == OPEN)
            return error_set(err, DS_EUSAGE,
                             "%s: entities '%s' and '%s' refer to each other in a circle", e->file,
                             e->name, c->entities[to].name);
        int rc = visit(c, to, marks, order, n, err);
        if (rc)
            return rc;
    }
    marks[i] = DONE;
    order[(*n)++] = i;
    return 0;
}

static int sort_by_dependency(struct catalogue *c, struct ds_error *err)
{
    size_t count = c->count ? c->count : 1, n = 0;
    enum mark *marks = calloc(count, sizeof *marks);
    size_t *order = calloc(count, sizeof *order);
    struct catalogue_entity *sorted = calloc(count, sizeof *sorted);
    int rc = marks && order && sorted ? 0 : no_memory(err);
    for (size_t i = 0; i < c->count && rc == 0; i++)
        if (marks[i] == UNSEEN)
            rc = visit(c, i, marks, order, &n, err);
    for (size_t i = 0; i < n && rc == 0; i++)
        sorted[i] = c->entities[order[i]];
    if (rc == 0) {
        struct catalogue_entity *before = c->entities;
        c->entities = sorted;
        sorted = before;
    }
    free(marks);
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
    for (size_t i = 1; i < c->claim_count; i++)
        if (strcmp(c->claims[i].table, c->claims[i - 1].table) == 0)
            return error_set(err, DS_EUSAGE,
                             "table '%s' belongs to entity '%s' (%s) and to '%s' (%s): leave it to "
                             "one of them",
                             c->claims[i].table, c->claims[i - 1].entity->name,
                             c->claims[i - 1].entity->file, c->claims[i].entity->name,
                             c->claims[i].entity->file);
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
    rc = rc ? rc : check_names(c, err);
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
    return find(c, name);
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
