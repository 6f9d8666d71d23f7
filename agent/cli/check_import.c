#include "agent/cli/check_import.h"

#include <stdio.h>
#include <string.h>

#include "agent/collations.h"
#include "agent/snapshot_rows.h"
#include "applier/import/foreign_keys.h"
#include "applier/import/import.h"
#include "applier/import/unfilled.h"
#include "schema/sql.h"

struct check {
    const struct config *config;
    struct import *import;
    struct snapshot_source source;
    finding_callback found;
    void *arg;
    unsigned tables, findings;
};

static void tell(struct check *k, enum finding_level level, const char *table, const char *text)
{
    char what[120];
    snprintf(what, sizeof what, "table %.100s", table);
    k->findings++;
    k->found(k->arg, &(struct finding){.level = level, .what = what, .detail = text});
}

static void on_found(void *arg, enum import_fit fit, const char *table, const char *text)
{
    tell(arg, fit == FIT_NOT ? FINDING_STOP : FINDING_WARNING, table, text);
}

static void on_unfilled(void *arg, bool stops, const char *table, const char *text)
{
    tell(arg, stops ? FINDING_STOP : FINDING_WARNING, table, text);
}

static void on_key(void *arg, const char *table, const char *text)
{
    tell(arg, FINDING_WARNING, table, text);
}

static int look_at_keys(struct check *k, const struct target *target, const struct filter *filter,
                        struct ds_error *err)
{
    struct foreign_keys *keys = NULL;
    int rc = foreign_keys_find(&keys, k->source.db, target, k->config, filter, err);
    rc = rc ? rc : foreign_keys_tell(keys, on_key, k, err);
    foreign_keys_free(keys);
    return rc;
}

static int has_rows(struct check *k, const char *table, bool *has, struct ds_error *err)
{
    BUF_AUTO struct buf quoted = {0};
    uint64_t n = 0;
    bool known;
    if (sql_table(&quoted, k->config->source.database, table))
        return error_set(err, DS_ENOMEM, "out of memory");
    int rc = db_scalar_u64(k->source.db, &n, &known, err, "SELECT EXISTS (SELECT 1 FROM %s)",
                           buf_cstr(&quoted));
    *has = n > 0;
    return rc;
}

static int look(struct check *k, const char *name, struct ds_error *err)
{
    struct table_plan plan = {0};
    struct ds_error why;
    bool rows = false;
    int rc = has_rows(k, name, &rows, err);
    if (rc)
        return rc;
    k->tables++;
    rc = table_plan_read(&plan, &k->source, name, k->tables, &why);
    struct source_table t = {.def = {.name = {(const uint8_t *)name, strlen(name)},
                                     .flags = TABLE_NAMES | TABLE_SIGNEDNESS | TABLE_KEYS,
                                     .column_count = plan.column_count,
                                     .columns = plan.described}};
    if (rc == 0) {
        rc = import_resolve_table(k->import, &t, rows, &why);
        table_plan_free(&plan);
    }
    if (rc == DS_ESCHEMA || rc == DS_EUNSUPPORTED)
        tell(k, FINDING_STOP, name, why.message);
    else if (rc && rc != DS_ERETRY) /* it is gone meanwhile */
        return (*err = why).code;
    return 0;
}

static int look_at_all(struct check *k, struct ds_error *err)
{
    BUF_AUTO struct buf schema = {0};
    if (sql_string(&schema, k->config->source.database, strlen(k->config->source.database)))
        return error_set(err, DS_ENOMEM, "out of memory");
    MYSQL_RES *names = db_select(k->source.db, err,
                                 "SELECT TABLE_NAME FROM information_schema.TABLES WHERE "
                                 "TABLE_SCHEMA = %s AND TABLE_TYPE = 'BASE TABLE' ORDER BY 1",
                                 buf_cstr(&schema));
    if (!names)
        return err->code;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(names));)
        rc = row[0] && import_takes(k->import, row[0]) ? look(k, row[0], err) : 0;
    mysql_free_result(names);
    if (rc == 0 && !k->findings) {
        char text[100];
        snprintf(text, sizeof text, "%u are imported, and fit the destination's", k->tables);
        k->found(k->arg, &(struct finding){.what = "tables", .detail = text});
    }
    return rc;
}

/* NULL in *out: there are no tables, which is told. */
static int read_destination(const struct check *k, MYSQL *db, struct target **out,
                            struct ds_error *err)
{
    const char *database = k->config->destination.database;
    BUF_AUTO struct buf name = {0}, text = {0};
    uint64_t tables = 0;
    bool known;
    if (sql_identifier(&name, database) || sql_string(&text, database, strlen(database)))
        return error_set(err, DS_ENOMEM, "out of memory");
    int rc = db_scalar_u64(db, &tables, &known, err,
                           "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s",
                           buf_cstr(&text));
    if (rc == 0 && !tables)
        k->found(k->arg, &(struct finding){.level = FINDING_STOP,
                                           .what = "tables",
                                           .detail = "the destination has none: install the shop "
                                                     "there first"});
    if (rc || !tables)
        return rc;
    rc = db_exec(db, err, "USE %s", buf_cstr(&name));
    return rc ? rc : target_new(out, db, database, err);
}

int check_import(const struct config *config, const struct catalogue *catalogue,
                 const struct filter *filter, MYSQL *source, const struct db_server *server,
                 finding_callback found, void *arg, struct ds_error *err)
{
    DB_AUTO MYSQL *db = NULL;
    struct target *target = NULL;
    struct config plain = *config; /* keys and images are checked for themselves */
    plain.source.crypt_key = plain.destination.crypt_key = plain.images_media_dir = "";
    struct check k = {
        .config = config,
        .source = {.db = source, .server = *server, .database = config->source.database},
        .found = found,
        .arg = arg};
    const struct import_options o = {.config = &plain,
                                     .catalogue = catalogue,
                                     .filter = filter,
                                     .dry_run = true,
                                     .follows = true,
                                     .found = on_found,
                                     .found_arg = &k};
    struct db_endpoint ep = config_endpoint(config, false);
    ep.database = NULL; /* it may be missing */
    ep.read_timeout = 60;
    int rc = db_connect(&db, &ep, err);
    rc = rc ? rc : read_destination(&k, db, &target, err);
    if (rc == 0 && target)
        rc = import_new(&k.import, &o, err);
    if (rc == 0 && target)
        rc = unfilled_find(source, db, config, filter, on_unfilled, &k, err);
    if (rc == 0 && target)
        rc = look_at_keys(&k, target, filter, err);
    if (rc == 0 && target) {
        import_look_at(k.import, target);
        rc = look_at_all(&k, err);
    }
    import_free(k.import);
    target_free(target);
    collations_free(k.source.collations);
    return rc;
}
