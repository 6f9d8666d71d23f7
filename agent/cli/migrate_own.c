/* Steps of the user's own (ds_handler.h): found by their classes, with the rules for their
 * documents. Their rows come with all others, in one stream. */
#include <string.h>

#include "agent/cli/migrate.h"
#include "schema/log.h"

#define MAP_DATA "Migration\\Step\\Map\\Data"

const struct ds_step *migrate_own_step(const struct migrating *g, const char *class)
{
    const struct handler *whose;
    char name[300];
    class += *class == '\\';
    const char *last = strrchr(class, '\\');
    size_t len = last ? (size_t)(last - class) : 0;
    if (!len || len >= sizeof name)
        return NULL;
    memcpy(name, class, len);
    name[len] = 0;
    return handlers_step(g->own, name, &whose);
}

int migrate_open_own(struct migrating *g, struct ds_error *err)
{
    return handlers_new(&g->own, &g->in->config, g->in->catalogue, err);
}

static int add_step(struct migrating *g, struct map *map, const struct ds_step *step,
                    struct buf *text, struct ds_error *err)
{
    BUF_AUTO struct buf path = {0}, bytes = {0};
    struct map *rules;
    const char *const *const documents[2] = {step->source, step->destination};
    const char *option = step->map ? migration_option(g->migration, step->map) : NULL;
    int rc = map_new(&rules, err);
    if (rc == 0 && step->map && !(option && *option))
        rc = error_set(err, DS_EUSAGE, "%s: step %s needs the option <%s>, which names its map",
                       migration_path(g->migration), step->name, step->map);
    if (rc == 0 && step->map)
        rc = migration_file(g->migration, step->map, &path, err);
    if (rc == 0 && step->map)
        rc = filter_read_file(buf_cstr(&path), &bytes, err);
    if (rc == 0 && step->map)
        rc = map_read(rules, buf_cstr(&path), err);
    rc = rc ? rc : map_check(rules, err);
    if (rc) {
        map_free(rules);
        return rc;
    }
    if (buf_printf(text, "step %s %zu\n", step->name, bytes.len) ||
        buf_append(text, bytes.data, bytes.len)) {
        map_free(rules);
        return error_set(err, DS_ENOMEM, "out of memory for a map");
    }
    return map_add_step(map, step->name, documents, rules, err);
}

/* The step stands there for the first time. */
static bool is_new(const struct map *map, const struct ds_step *step)
{
    const char *had = map_step(map, MAP_SOURCE, step->source[0]);
    return !had || strcmp(had, step->name) != 0;
}

static int add_steps(struct migrating *g, enum migration_mode mode, struct map *map,
                     struct buf *text, struct ds_error *err)
{
    int rc = 0;
    for (size_t i = 0; i < migration_step_count(g->migration, mode); i++)
        for (unsigned k = 0; rc == 0 && k < STAGES; k++) {
            const char *class = migration_step_at(g->migration, mode, i)->classes[k];
            const struct ds_step *step = class ? migrate_own_step(g, class) : NULL;
            rc = step && is_new(map, step) ? add_step(g, map, step, text, err) : 0;
        }
    return rc;
}

bool migrate_has_step(const struct migrating *g, const char *classes)
{
    const size_t len = strlen(classes);
    for (int mode = MIGRATION_DATA; mode <= MIGRATION_DELTA; mode++)
        for (size_t i = 0; i < migration_step_count(g->migration, (enum migration_mode)mode); i++)
            for (unsigned k = 0; k < STAGES; k++) {
                const char *class =
                    migration_step_at(g->migration, (enum migration_mode)mode, i)->classes[k];
                if (class && strncmp(class + (*class == '\\'), classes, len) == 0)
                    return true;
            }
    return false;
}

static bool has_map(const struct migrating *g)
{
    for (size_t i = 0; i < migration_step_count(g->migration, MIGRATION_DATA); i++) {
        const char *class = migration_step_at(g->migration, MIGRATION_DATA, i)->classes[STAGE_DATA];
        if (class && strcmp(class + (*class == '\\'), MAP_DATA) == 0)
            return true;
    }
    return false;
}

/* --- steps of ours that have documents of their own ------------------------------------------- */

int migrate_add_text(struct buf *text, const char *what, const char *path, struct ds_error *err)
{
    BUF_AUTO struct buf bytes = {0};
    int rc = filter_read_file(path, &bytes, err);
    if (rc == 0 &&
        (buf_printf(text, "%s %zu\n", what, bytes.len) || buf_append(text, bytes.data, bytes.len)))
        rc = error_set(err, DS_ENOMEM, "out of memory for a map");
    return rc;
}

/* What the documents of a step become. */
static const char **documents_there(const struct map *rules, const char *const *source,
                                    struct arena *arena)
{
    size_t count = 0, kept = 0;
    while (source[count])
        count++;
    const char **there = arena_zalloc(arena, (count + 1) * sizeof *there);
    for (size_t i = 0; there && i < count; i++) {
        const char *name = map_document(rules, MAP_SOURCE, source[i]);
        if (name && !(there[kept++] = arena_strdup(arena, name)))
            return NULL;
    }
    return there;
}

int migrate_add_step(struct migrating *g, struct map *map, const char *step, const char *option,
                     const char *const *source, struct arena *arena, struct buf *text,
                     struct ds_error *err)
{
    BUF_AUTO struct buf path = {0};
    const char *const *documents[2] = {source, NULL};
    struct map *rules = NULL;
    int rc = migration_file(g->migration, option, &path, err);
    rc = rc ? rc : migrate_add_text(text, step, buf_cstr(&path), err);
    rc = rc ? rc : map_new(&rules, err);
    rc = rc ? rc : map_read(rules, buf_cstr(&path), err);
    rc = rc ? rc : map_check(rules, err);
    documents[MAP_DESTINATION] =
        rc ? NULL : (const char *const *)documents_there(rules, source, arena);
    if (rc == 0 && !documents[MAP_DESTINATION])
        rc = error_set(err, DS_ENOMEM, "out of memory for a map");
    if (rc) {
        map_free(rules);
        return rc;
    }
    return map_add_documents(map, step, documents, rules, err);
}

/* --- their code ------------------------------------------------------------------------------ */

static bool has_step(const struct migrating *g, enum migration_mode mode, const struct handler *x)
{
    const struct handler *whose;
    for (size_t i = 0; i < migration_step_count(g->migration, mode); i++)
        for (unsigned k = 0; k < STAGES; k++) {
            const char *class = migration_step_at(g->migration, mode, i)->classes[k];
            const struct ds_step *step = class ? migrate_own_step(g, class) : NULL;
            if (step && handlers_step(g->own, step->name, &whose) && whose == x)
                return true;
        }
    return false;
}

/* Is a step of the file's, or a handler? */
static bool is_used(const struct migrating *g, const struct map *map, const struct handler *x)
{
    const struct handler *whose;
    for (size_t i = 0; i < map_count(map); i++) {
        const struct map_rule *r = map_at(map, i);
        if (r->kind == MAP_TRANSFORM && handlers_map(g->own, r->handler, &whose) && whose == x)
            return true;
    }
    return has_step(g, MIGRATION_DATA, x) || has_step(g, MIGRATION_DELTA, x);
}

/* With other code, or options of it, what was copied is not what would be copied now, as with
 * another map. */
static int add_code(const struct migrating *g, const struct map *map, struct buf *text,
                    struct ds_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; g->own && i < g->own->count && rc == 0; i++) {
        const struct handler *x = &g->own->items[i];
        if (!is_used(g, map, x))
            continue;
        rc = migrate_add_text(text, "code", x->path, err);
        if (rc == 0 && *x->options && buf_printf(text, "options %s\n", x->options))
            rc = error_set(err, DS_ENOMEM, "out of memory for a map");
    }
    return rc;
}

/* --------------------------------------------------------------------------------------------- */

int migrate_add_own(struct migrating *g, struct map *map, struct buf *text, struct ds_error *err)
{
    size_t before = text->len;
    int rc = add_steps(g, MIGRATION_DATA, map, text, err);
    rc = rc ? rc : add_steps(g, MIGRATION_DELTA, map, text, err);
    rc = rc ? rc : migrate_add_customer(g, map, text, err);
    rc = rc ? rc : migrate_add_custom(g, map, text, err);
    const bool any = text->len > before;
    rc = rc ? rc : add_code(g, map, text, err);
    if (rc || !any || has_map(g))
        return rc;
    if (buf_puts(text, "no map step\n"))
        return error_set(err, DS_ENOMEM, "out of memory for a map");
    return map_leave_rest(map, migration_path(g->migration), err);
}
