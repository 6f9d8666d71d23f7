/* What would stop a run at either server, whatever its steps say: asked before the first of them.
 */
#include <string.h>

#include "agent/cli/logging.h"
#include "agent/cli/migrate.h"
#include "agent/cli/migrate_sides.h"
#include "agent/source.h"
#include "applier/load.h"
#include "applier/map/map_takes.h"
#include "applier/target.h"
#include "schema/db.h"
#include "schema/log.h"

struct asking {
    const struct migrating *g;
    bool good;
};

/* Handlers, steps and columns of attributes are made of whole rows, when a delta follows. */
static bool needs_whole_rows(const struct migrating *g)
{
    const struct map *map = filter_map(g->in->filter);
    bool needs = g->own || g->customer;
    for (size_t i = 0; i < map_count(map) && !needs; i++)
        needs = map_at(map, i)->kind == MAP_TRANSFORM;
    return needs && migration_step_count(g->migration, MIGRATION_DELTA);
}

static void found(void *arg, const struct finding *f)
{
    struct asking *a = arg;
    const bool image = f->level == FINDING_WARNING && strcmp(f->what, "binlog_row_image") == 0;
    const bool seen = strcmp(f->what, "privileges") != 0; /* those of a role may be hidden */
    if ((f->level == FINDING_STOP && seen) || (image && needs_whole_rows(a->g))) {
        log_error("source %s: %s%s", f->what, f->detail,
                  image ? ", which handlers and steps need" : "");
        a->good = false;
    } else if (f->level != FINDING_OK) {
        log_warn("source %s: %s", f->what, f->detail);
    }
}

/* Those of a shop that is live fill in, count or log once more what comes with the rows. */
static int check_triggers(struct asking *a, struct ds_error *err)
{
    const struct config *c = &a->g->in->config;
    struct db_endpoint ep = config_endpoint(c, false);
    DB_AUTO MYSQL *db = NULL;
    BUF_AUTO struct buf names = {0};
    if (c->triggers == TRIGGERS_ALLOW)
        return 0;
    ep.database = NULL;
    int rc = db_connect(&db, &ep, err);
    rc = rc ? rc : target_triggers(db, c->destination.database, &names, err);
    if (rc || !names.len)
        return rc;
    log_error("destination triggers: its tables have %s, which would run for rows that are "
              "migrated: drop them there until all is done, or set triggers: allow",
              buf_cstr(&names));
    a->good = false;
    return 0;
}

static int takes(void *arg, const char *table, bool *does, struct ds_error *err)
{
    return map_takes(arg, table, does, err);
}

/* Is there a step whose rows come with the stream? */
static bool copies(const struct migrating *g)
{
    bool does = false;
    for (size_t i = 0; i < migration_step_count(g->migration, MIGRATION_DATA) && !does; i++) {
        const char *class = migration_step_at(g->migration, MIGRATION_DATA, i)->classes[STAGE_DATA];
        migrate_stage *stage = class ? migrate_stage_find(g, class, STAGE_DATA) : NULL;
        does = stage == migrate_map_data || stage == migrate_customer_data;
    }
    return does;
}

/* The first copy would refuse them, behind what other steps have written. */
int migrate_check_empty(struct migrating *g, bool *good, struct ds_error *err)
{
    const struct config *c = &g->in->config;
    struct db_endpoint ep = config_endpoint(c, false);
    struct map_takes rules = {.config = c, .filter = g->in->filter};
    const struct load_options o = {.name = c->name,
                                   .database = c->destination.database,
                                   .state_database = c->state_database,
                                   .takes = takes,
                                   .arg = &rules};
    DB_AUTO MYSQL *db = NULL;
    BUF_AUTO struct buf names = {0};
    struct target *target = NULL;
    bool copied = true;
    int rc = migrate_resets_all(g) || !copies(g) ? 0 : migrate_look_for_copy(g, &copied, err);
    *good = true;
    if (rc || copied)
        return rc;
    rc = map_servers_new(&rules.servers, c, filter_map(rules.filter), g->own, err);
    rc = rc ? rc : db_connect(&db, &ep, err);
    rc = rc ? rc : target_new(&target, db, o.database, err);
    rc = rc ? rc : load_rows_of_others(db, target, &o, &names, err);
    target_free(target);
    map_servers_free(rules.servers);
    if (rc || !names.len)
        return rc;
    log_error("destination tables have rows: the map leads rows to tables that hold some already, "
              "which no earlier run has brought: empty them, use --reset, which does, or ignore "
              "them in the map: %s",
              buf_cstr(&names));
    *good = false;
    return 0;
}

/* What follows would name classes and tables, and not that. */
static int check_exchanged(struct asking *a, struct ds_error *err)
{
    const struct config *c = &a->g->in->config;
    const struct db_endpoint from = config_endpoint(c, true), to = config_endpoint(c, false);
    DB_AUTO MYSQL *source = NULL, *destination = NULL;
    bool newer = false, older = false;
    int rc = db_connect(&source, &from, err);
    rc = rc ? rc : step_has_table(source, c->source.prefix, "setup_module", &newer, err);
    if (rc || !newer)
        return rc;
    rc = db_connect(&destination, &to, err);
    rc = rc ? rc : step_has_table(destination, c->destination.prefix, "core_resource", &older, err);
    if (rc || !older)
        return rc;
    log_error("the source database %s has tables of Magento 2 (setup_module), the destination %s "
              "those of Magento 1 (core_resource): are <source> and <destination> exchanged in %s?",
              c->source.database, c->destination.database, migration_path(a->g->migration));
    a->good = false;
    return 0;
}

int migrate_servers_check(struct migrating *g, bool *good, struct ds_error *err)
{
    struct asking a = {g, true};
    logging_at_stage(&(struct logging_stage){migration_mode_name(g->mode),
                                             migrate_stage_title(STAGE_INTEGRITY), "Servers"});
    int rc = g->mode == MIGRATION_DATA ? source_check_binlog(&g->in->config, found, &a, err) : 0;
    rc = rc ? rc : check_triggers(&a, err);
    rc = rc ? rc : check_exchanged(&a, err);
    *good = a.good;
    return rc;
}
