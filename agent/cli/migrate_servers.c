/* What would stop a run at either server, whatever its steps say: asked before the first of them.
 */
#include <string.h>

#include "agent/cli/logging.h"
#include "agent/cli/migrate.h"
#include "agent/source.h"
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

int migrate_servers_check(struct migrating *g, bool *good, struct ds_error *err)
{
    struct asking a = {g, true};
    logging_at_stage(&(struct logging_stage){migration_mode_name(g->mode),
                                             migrate_stage_title(STAGE_INTEGRITY), "Servers"});
    int rc = g->mode == MIGRATION_DATA ? source_check_binlog(&g->in->config, found, &a, err) : 0;
    rc = rc ? rc : check_triggers(&a, err);
    *good = a.good;
    return rc;
}
