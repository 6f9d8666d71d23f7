/* Which class of the Magento Data Migration Tool is what here. */
#include <inttypes.h>
#include <string.h>

#include "agent/cli/migrate.h"
#include "agent/orphans.h"
#include "schema/db.h"
#include "schema/log.h"

/* --- Data Integrity: orphans of the source --------------------------------------------------- */

struct looking {
    struct migrating *g;
    bool good;
};

static void tell_orphans(void *arg, const struct orphans *o)
{
    struct looking *l = arg;
    enum log_level level = l->g->in->automatic ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR;
    log_write(level,
              "Foreign key (fk) constraint fails on source database. Orphan records id: %s%s from "
              "`%s`.%s has no referenced records in `%s` (%" PRIu64 " rows, %" PRIu64
              " ids): delete them, or give them something to refer to",
              o->ids, o->missing > ORPHANS_TOLD ? ",…" : "", o->child, o->columns, o->parent,
              o->rows, o->missing);
    l->good = false;
}

static int data_integrity(struct migrating *g, bool *good, struct ds_error *err)
{
    struct looking l = {g, true};
    struct db_endpoint source = config_endpoint(&g->in->config, true);
    DB_AUTO MYSQL *db = NULL;
    int rc = db_connect(&db, &source, err);
    rc = rc ? rc
            : orphans_find(&(struct orphans_options){.db = db, .arg = &l, .found = tell_orphans},
                           err);
    *good = l.good;
    return rc;
}

/* --------------------------------------------------------------------------------------------- */

static const struct {
    const char *class;
    enum migration_stage stage;
    migrate_stage *perform;
    const char *group; /* of deltalog.xml; NULL: none */
    const char *step;  /* whose own its documents are; NULL: nobody's */
} stages[] = {
    {"Migration\\Step\\CustomCustomerAttributes\\Integrity", STAGE_INTEGRITY,
     migrate_custom_integrity, NULL, NULL},
    {"Migration\\Step\\CustomCustomerAttributes\\Data", STAGE_DATA, migrate_map_data, NULL, NULL},
    {"Migration\\Step\\CustomCustomerAttributes\\Volume", STAGE_VOLUME, migrate_custom_volume, NULL,
     NULL},
    {"Migration\\Step\\CustomCustomerAttributes\\Delta", STAGE_DELTA, migrate_map_delta,
     "delta_customer_custom_attributes", CUSTOM_STEP},
    {"Migration\\Step\\Customer\\Integrity", STAGE_INTEGRITY, migrate_customer_integrity, NULL,
     NULL},
    {"Migration\\Step\\Customer\\Data", STAGE_DATA, migrate_customer_data, NULL, NULL},
    {"Migration\\Step\\Customer\\Volume", STAGE_VOLUME, migrate_customer_volume, NULL, NULL},
    {"Migration\\Step\\Customer\\Delta", STAGE_DELTA, migrate_map_delta, "delta_customer",
     CUSTOMER_STEP},
    {"Migration\\Step\\DataIntegrity\\Integrity", STAGE_INTEGRITY, data_integrity, NULL, NULL},
    {"Migration\\Step\\Eav\\Integrity", STAGE_INTEGRITY, migrate_eav_integrity, NULL, NULL},
    {"Migration\\Step\\Eav\\Data", STAGE_DATA, migrate_eav_data, NULL, NULL},
    {"Migration\\Step\\Eav\\Volume", STAGE_VOLUME, migrate_eav_volume, NULL, NULL},
    {"Migration\\Step\\Map\\Integrity", STAGE_INTEGRITY, migrate_map_integrity, NULL, NULL},
    {"Migration\\Step\\Map\\Data", STAGE_DATA, migrate_map_data, NULL, NULL},
    {"Migration\\Step\\Map\\Volume", STAGE_VOLUME, migrate_map_volume, NULL, NULL},
    {"Migration\\Step\\Map\\Delta", STAGE_DELTA, migrate_map_delta, "delta_map", NULL},
    {"Migration\\Step\\Settings\\Integrity", STAGE_INTEGRITY, migrate_settings_integrity, NULL,
     NULL},
    {"Migration\\Step\\Settings\\Data", STAGE_DATA, migrate_settings_data, NULL, NULL},
    {"Migration\\Step\\Settings\\Volume", STAGE_VOLUME, migrate_settings_volume, NULL, NULL},
    {"Migration\\Step\\PostProcessing\\Data", STAGE_DATA, migrate_leftovers_data, NULL, NULL},
    {"Migration\\Step\\SalesIncrement\\Integrity", STAGE_INTEGRITY, migrate_increments_integrity,
     NULL, NULL},
    {"Migration\\Step\\SalesIncrement\\Data", STAGE_DATA, migrate_increments_data, NULL, NULL},
    {"Migration\\Step\\SalesIncrement\\Volume", STAGE_VOLUME, migrate_increments_volume, NULL,
     NULL},
    {"Migration\\Step\\SalesIncrement\\Delta", STAGE_DELTA, migrate_increments_data, NULL, NULL},
    {"Migration\\Step\\Stores\\Integrity", STAGE_INTEGRITY, migrate_stores_integrity, NULL, NULL},
    {"Migration\\Step\\Stores\\Data", STAGE_DATA, migrate_stores_data, NULL, NULL},
    {"Migration\\Step\\Stores\\Volume", STAGE_VOLUME, migrate_stores_volume, NULL, NULL},
};

migrate_stage *migrate_stage_find(const struct migrating *g, const char *class,
                                  enum migration_stage stage)
{
    static migrate_stage *const own[STAGES] = {[STAGE_INTEGRITY] = migrate_own_integrity,
                                               [STAGE_DATA] = migrate_map_data,
                                               [STAGE_VOLUME] = migrate_own_volume,
                                               [STAGE_DELTA] = migrate_map_delta};
    if (g->mode != MIGRATION_SETTINGS && migrate_own_step(g, class))
        return own[stage];
    class += *class == '\\';
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++)
        if (stages[i].stage == stage && strcmp(stages[i].class, class) == 0)
            return stages[i].perform;
    return NULL;
}

bool migrate_group(const struct migrating *g, const char *class, const char **step,
                   const char **group)
{
    const struct ds_step *own = migrate_own_step(g, class);
    *step = own ? own->name : NULL;
    *group = own ? own->group : NULL;
    if (own)
        return *group != NULL;
    class += *class == '\\';
    for (size_t i = 0; i < sizeof stages / sizeof *stages && !*group; i++)
        if (stages[i].stage == STAGE_DELTA && strcmp(stages[i].class, class) == 0) {
            *group = stages[i].group;
            *step = stages[i].step;
        }
    return *group != NULL;
}

/* All classes of a step, by the beginning of their names. */
const char *migrate_stage_left_out(const char *class)
{
    static const struct {
        const char *classes, *why;
    } steps[] = {
        {"Migration\\Step\\UrlRewrite\\",
         "the destination's shop makes addresses of products, categories and pages itself; "
         "redirects that were made by hand are not brought over"}};
    class += *class == '\\';
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (strncmp(class, steps[i].classes, strlen(steps[i].classes)) == 0)
            return steps[i].why;
    return NULL;
}
