/* The Stores step: websites, groups and stores, under their own ids, by the rules of
 * stores_map_file. Rows that the source has come, or get its values. Those that the destination
 * alone has go with --reset, stay with --auto, and without either nothing is done. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/migrate_changes.h"
#include "agent/cli/migrate_fit.h"
#include "agent/cli/migrate_sides.h"
#include "applier/map/map_facts.h"
#include "applier/map/map_row.h"
#include "schema/log.h"

/* What others refer to first. */
static const char *const documents[] = {"core_website", "core_store_group", "core_store", NULL};
enum { DOCUMENTS = sizeof documents / sizeof *documents - 1, KEYS_TOLD = 20 };

struct stores_step {
    struct migrating *g;
    struct step_sides sides;
    struct target *schema[2]; /* by enum map_side */
    struct map *map;
    struct map_servers *servers;
    struct row_changes changes;
};

struct stores_table {
    struct step_table both;
    struct step_images images;
    struct row_list all; /* that there will be, if somebody asks */
    struct arena arena;
    struct buf missing, differing, more; /* keys, up to KEYS_TOLD */
    uint64_t missings, differings, mores;
};

static void close_step(struct stores_step *s)
{
    step_sides_close(&s->sides);
    row_changes_free(&s->changes);
    map_servers_free(s->servers);
    target_free(s->schema[MAP_SOURCE]);
    target_free(s->schema[MAP_DESTINATION]);
    map_free(s->map);
}

static int open_step(struct stores_step *s, struct migrating *g, struct ds_error *err)
{
    const struct config *c = &g->in->config;
    BUF_AUTO struct buf path = {0};
    *s = (struct stores_step){.g = g};
    int rc = migration_file(g->migration, "stores_map_file", &path, err);
    rc = rc ? rc : map_new(&s->map, err);
    rc = rc ? rc : map_read(s->map, buf_cstr(&path), err);
    rc = rc ? rc : map_check(s->map, err);
    rc = rc ? rc : map_servers_new(&s->servers, c, s->map, g->own, err);
    rc = rc ? rc : step_sides_open(&s->sides, c, err);
    rc = rc ? rc : target_new(&s->schema[MAP_SOURCE], s->sides.source.db, c->source.database, err);
    rc = rc ? rc
            : target_new(&s->schema[MAP_DESTINATION], s->sides.destination.db,
                         c->destination.database, err);
    if (rc == 0)
        map_servers_attach(s->servers, s->schema[MAP_DESTINATION]);
    return rc;
}

static const char *prefix_of(const struct stores_step *s, enum map_side side)
{
    const struct config *c = &s->g->in->config;
    return side == MAP_SOURCE ? c->source.prefix : c->destination.prefix;
}

/* What the i-th document is called at that side; NULL: the map leaves it out. */
static const char *document_at(const struct stores_step *s, enum map_side side, size_t i)
{
    return side == MAP_SOURCE
               ? (map_ignored(s->map, MAP_SOURCE, documents[i]) ? NULL : documents[i])
               : map_document(s->map, MAP_SOURCE, documents[i]);
}

/* Do rows go that the destination alone has? */
static bool deletes(const struct stores_step *s)
{
    return !s->g->in->automatic || s->g->in->resnapshot;
}

/* --- rows ------------------------------------------------------------------------------------ */

static void close_table(struct stores_table *t)
{
    step_table_free(&t->both);
    buf_free(&t->missing);
    buf_free(&t->differing);
    buf_free(&t->more);
    row_list_free(&t->all);
    arena_free(&t->arena);
}

static void tell_row(void *arg, enum change_op op, struct slice image)
{
    struct stores_table *t = arg;
    struct buf *keys = op == CHANGE_INSERT   ? &t->missing
                       : op == CHANGE_UPDATE ? &t->differing
                                             : &t->more;
    uint64_t *count = op == CHANGE_INSERT   ? &t->missings
                      : op == CHANGE_UPDATE ? &t->differings
                                            : &t->mores;
    const uint8_t *p = image.p, *end = p + image.len;
    uint32_t columns;
    struct value v;
    if (++*count > KEYS_TOLD || array_read_head(&p, end, &columns))
        return;
    for (uint32_t i = 0; i < columns && value_read(&p, end, &v) == 0; i++)
        if (t->both.here.plan.described[i].flags & COLUMN_KEY && v.kind == VALUE_UINT)
            (void)buf_printf(keys, "%s%" PRIu64, keys->len ? "," : "", v.u);
}

static int open_document(struct stores_step *s, size_t i, struct step_table *t,
                         struct ds_error *err)
{
    const struct step_table_options o = {.sides = &s->sides,
                                         .schema = s->schema[MAP_DESTINATION],
                                         .config = &s->g->in->config,
                                         .map = s->map,
                                         .facts = map_servers_facts(s->servers),
                                         .document = documents[i],
                                         .number = (uint32_t)i + 1};
    return step_table_open(t, &o, err);
}

/* What is to be done to one document, in *t and s->changes. */
static int compare(struct stores_step *s, size_t i, bool only, struct stores_table *t,
                   struct map_findings *refused, struct ds_error *err)
{
    int rc = open_document(s, i, &t->both, err);
    rc = rc ? rc : step_table_images(&t->both, &t->arena, refused, &t->images, err);
    const struct wanted_rows wanted = {.here = &t->both.here,
                                       .rows = t->images.rows,
                                       .count = t->images.count,
                                       .only = only,
                                       .target = t->both.target,
                                       .arg = t,
                                       .tell = tell_row,
                                       .all = refused ? &t->all : NULL};
    return rc ? rc : row_changes_add(&s->changes, &wanted, err);
}

/* --- integrity ------------------------------------------------------------------------------- */

static const char *missing_table(const struct stores_step *s, enum map_side side, size_t i)
{
    char name[300];
    const char *document = document_at(s, side, i);
    int len = document ? snprintf(name, sizeof name, "%s%s", prefix_of(s, side), document) : 0;
    const struct target_table *x =
        document ? target_find(s->schema[side], name, (size_t)len) : NULL;
    return document && !(x && x->exists) ? document : NULL;
}

static void check_tables(const struct stores_step *s, bool *good)
{
    static const char *const sides[] = {"Source", "Destination"};
    for (int side = MAP_SOURCE; side <= MAP_DESTINATION; side++)
        for (size_t i = 0; i < DOCUMENTS; i++) {
            const char *missing = missing_table(s, (enum map_side)side, i);
            if (!missing)
                continue;
            log_error("%s documents are missing: %s", sides[side], missing);
            *good = false;
        }
}

/* Websites and stores that would go take along what hangs on them. */
static int check_rows(struct stores_step *s, bool *good, struct ds_error *err)
{
    const struct invocation *in = s->g->in;
    int rc = 0;
    for (size_t i = 0; i < DOCUMENTS && rc == 0; i++) {
        struct stores_table t = {0};
        struct map_findings told = {0}; /* before */
        if (!document_at(s, MAP_DESTINATION, i))
            continue;
        rc = compare(s, i, true, &t, &told, err);
        if (rc == 0 && t.mores && !in->resnapshot) {
            log_write(in->automatic ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR,
                      "Destination document has rows that the source has not: %s Keys: %s%s: "
                      "--reset deletes them, --auto leaves them",
                      document_at(s, MAP_DESTINATION, i), buf_cstr(&t.more),
                      t.mores > KEYS_TOLD ? ",…" : "");
            *good = false;
        }
        map_findings_free(&told);
        close_table(&t);
    }
    return rc;
}

static int look_at(struct stores_step *s, struct fit *f, size_t i, struct map_findings *findings,
                   struct ds_error *err)
{
    struct stores_table t = {0};
    char name[300];
    int len = snprintf(name, sizeof name, "%s%s", prefix_of(s, MAP_SOURCE), documents[i]);
    const struct fit_document d = {.map = s->map,
                                   .document = documents[i],
                                   .from = target_find(s->schema[MAP_SOURCE], name, (size_t)len),
                                   .there = document_at(s, MAP_DESTINATION, i),
                                   .out = findings};
    int rc = compare(s, i, deletes(s), &t, findings, err);
    rc = rc ? rc : fit_whole(f, t.both.target, &t.all, &d, err);
    close_table(&t);
    return rc;
}

/* Values that would get lost, and keys that would refuse rows. */
static int look_at_all(struct stores_step *s, struct map_findings *findings, struct ds_error *err)
{
    struct fit f = {.key = fit_own_key, .arg = &f};
    int rc = fit_open(&f, &s->g->in->config, err);
    for (size_t i = 0; i < DOCUMENTS && rc == 0; i++)
        if (document_at(s, MAP_DESTINATION, i))
            rc = look_at(s, &f, i, findings, err);
    fit_close(&f);
    return rc;
}

int migrate_stores_integrity(struct migrating *g, bool *good, struct ds_error *err)
{
    struct stores_step s;
    struct map_findings findings = {0};
    int rc = open_step(&s, g, err);
    if (rc == 0)
        check_tables(&s, good);
    if (rc == 0 && *good)
        rc = look_at_all(&s, &findings, err);
    if (rc == 0 && *good)
        rc = check_rows(&s, good, err);
    const struct step_rules rules = {"Stores", "stores_map_file", s.map, s.schema, documents};
    rc = rc ? rc : step_compare_structure(g, &rules, &findings, good, err);
    map_findings_free(&findings);
    close_step(&s);
    return rc;
}

/* --- data, volume ---------------------------------------------------------------------------- */

static int compare_all(struct stores_step *s,
                       void (*tell)(const struct stores_step *s, size_t i, struct stores_table *t),
                       struct ds_error *err)
{
    int rc = 0;
    for (size_t i = 0; i < DOCUMENTS && rc == 0; i++) {
        struct stores_table t = {0};
        if (!document_at(s, MAP_DESTINATION, i))
            continue;
        rc = compare(s, i, deletes(s), &t, NULL, err);
        if (rc == 0)
            tell(s, i, &t);
        close_table(&t);
    }
    return rc;
}

static void tell_made(const struct stores_step *s, size_t i, struct stores_table *t)
{
    log_info("%s %s read=%zu new=%" PRIu64 " changed=%" PRIu64 " gone=%" PRIu64 "%s%s%s%s%s%s",
             s->g->in->dry_run ? "what would become of" : "what becomes of",
             document_at(s, MAP_DESTINATION, i), t->both.from.count, t->missings, t->differings,
             t->mores, t->missings ? " new_keys=" : "", buf_cstr(&t->missing),
             t->differings ? " changed_keys=" : "", buf_cstr(&t->differing),
             t->mores ? " gone_keys=" : "", buf_cstr(&t->more));
}

static void tell_left(const struct stores_step *s, size_t i, struct stores_table *t)
{
    if (t->missings + t->differings + t->mores == 0)
        return;
    log_error("Mismatch of entities in the document: %s Source: %zu Destination: %zu%s%s%s%s%s%s",
              document_at(s, MAP_DESTINATION, i), t->both.from.count, t->both.here.count,
              t->missings ? " Missing keys: " : "", buf_cstr(&t->missing),
              t->differings ? " Other values at keys: " : "", buf_cstr(&t->differing),
              t->mores ? " Keys that the source has not: " : "", buf_cstr(&t->more));
}

int migrate_stores_data(struct migrating *g, bool *good, struct ds_error *err)
{
    struct stores_step s;
    int rc = open_step(&s, g, err);
    rc = rc ? rc : compare_all(&s, tell_made, err);
    step_sides_close(&s.sides);
    if (rc == 0 && !g->in->dry_run)
        rc = row_changes_write(g, &s.changes, good, err);
    close_step(&s);
    return rc;
}

int migrate_stores_volume(struct migrating *g, bool *good, struct ds_error *err)
{
    struct stores_step s;
    int rc = open_step(&s, g, err);
    rc = rc ? rc : compare_all(&s, tell_left, err);
    *good = s.changes.inserted + s.changes.updated + s.changes.deleted == 0;
    close_step(&s);
    return rc;
}
