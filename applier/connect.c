/* The applier's connection: the stream's lock, the destination's database and schema, and what
 * earlier runs have left in our tables. Made anew after each loss. */
#include <mysqld_error.h>
#include <string.h>

#include "applier/apply.h"
#include "applier/hooks.h"
#include "applier/outbox.h"
#include "schema/log.h"

static int out_of_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory while connecting to the destination");
}

static int take_lock(struct applier *a, struct ds_error *err)
{
    if (a->options.no_lock)
        return 0;
    BUF_AUTO struct buf name = {0}, key = {0};
    bool found;
    uint64_t got = 0;
    if (buf_printf(&name, "datasync.%s.%s", a->state_database, a->config->name) ||
        sql_string(&key, name.data, name.len > 64 ? 64 : name.len))
        return out_of_memory(err);
    int rc = db_scalar_u64(a->db, &got, &found, err, "SELECT GET_LOCK(%s, 3)", buf_cstr(&key));
    if (rc == 0 && !(found && got == 1))
        rc = error_set(
            err, DS_EBUSY,
            "another datasync applies stream %s to this destination (lock %s is taken): stop "
            "it first, or use another name",
            a->name, buf_cstr(&name));
    return rc;
}

/* Triggers would run a second time for rows that the source's triggers have written already. */
static int check_triggers(struct applier *a, struct ds_error *err)
{
    if (a->config->triggers == TRIGGERS_ALLOW)
        return 0;
    BUF_AUTO struct buf names = {0};
    int rc = target_triggers(a->db, a->database, &names, err);
    if (rc == 0 && names.len)
        rc = error_set(
            err, DS_EUSAGE,
            "the destination's tables have triggers (%s), which would run a second time for "
            "rows that the source's triggers have written: drop them there, or set triggers: "
            "allow",
            buf_cstr(&names));
    return rc;
}

/* A dry run makes no database, nor does an import, which needs a shop. One on which the account has
 * no privilege is not shown to it. */
static int use_or_create(struct applier *a, const char *name, bool shown, struct ds_error *err)
{
    int rc = 0;
    if (!shown && !a->options.dry_run && !a->import) {
        log_info("creating the destination's database database=%s", a->database);
        rc = db_exec(a->db, err, "CREATE DATABASE IF NOT EXISTS %s", name);
    }
    rc = rc ? rc : db_exec(a->db, err, "USE %s", name);
    if (rc == DS_ESERVER && err->server_errno == ER_BAD_DB_ERROR)
        return error_set(err, a->import ? DS_EUSAGE : DS_ESCHEMA,
                         "the destination has no database %s, and %s", a->database,
                         a->import ? "an import makes no shop: install it there first, or correct "
                                     "destination.database"
                                   : "a dry run makes none");
    if (rc != DS_EACCESS)
        return rc;
    return error_set_server(err, rc, err->server_errno,
                            "the destination's account may not use database %s, or it is not "
                            "there: GRANT it at least SELECT, INSERT, UPDATE, DELETE ON %s.* (%u)",
                            a->database, name, err->server_errno);
}

static int use_database(struct applier *a, struct ds_error *err)
{
    BUF_AUTO struct buf name = {0}, literal = {0}, value = {0};
    bool there = false;
    if (sql_identifier(&name, a->database) ||
        sql_string(&literal, a->database, strlen(a->database)))
        return out_of_memory(err);
    int rc = db_scalar(a->db, &value, &there, err,
                       "SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s",
                       buf_cstr(&literal));
    return rc ? rc : use_or_create(a, buf_cstr(&name), there, err);
}

static int read_schema(struct applier *a, struct ds_error *err)
{
    struct target **left = a->import ? a->options.schema : NULL;
    if (a->target)
        return target_load(a->target, a->db, err);
    if (!left || !*left)
        return target_new(&a->target, a->db, a->database, err);
    a->target = *left;
    *left = NULL;
    target_derive_none(a->target);
    return target_relink(a->target, err);
}

int applier_connect(struct applier *a, struct ds_error *err)
{
    handlers_detach(a->handlers);
    db_close(&a->db);
    a->ddl = (struct ddl_connection){false, false};
    a->has_turn = false;
    int rc = db_connect(&a->db, &a->endpoint, err);
    rc = rc ? rc : db_server_info(a->db, &a->server, err);
    rc = rc ? rc : take_lock(a, err);
    if (rc == 0 && a->options.until_connected)
        rc = error_set(err, DS_EMET, "the destination can be asked");
    rc = rc ? rc : mapped_check(a, err);
    rc = rc ? rc : resume_open(a, err);
    rc = rc ? rc : use_database(a, err);
    rc = rc ? rc : read_schema(a, err);
    rc = rc ? rc : mapped_attach(a, err);
    /* an import leaves the destination's schema as it is, and so does a map */
    a->conditions_due = !a->import && filter_where_table(a->options.filter, 0) != NULL;
    a->crossings_due = !a->import && !a->mapped && !filter_is_all(a->options.filter);
    if (rc == 0)
        rc = writer_attach(a->writer, a->db, &a->server, err);
    if (rc == 0 && a->import)
        rc = import_attach(a->import, a->db, &a->server, a->target, a->writer, err);
    if (rc == 0)
        rc = source_tables_look(a, err);
    if (rc == 0)
        rc = a->opened ? commit_resolve(a, err) : resume_read(a, err);
    return rc;
}

/* What earlier runs have left in our tables. */
static int load_state(struct applier *a, struct ds_error *err)
{
    int rc = stale_at_start(a, err);
    rc = rc ? rc : conflict_load(a, err);
    rc = rc || a->import ? rc : members_open(a, err);
    rc = rc || a->import ? rc : members_after_ddl(a, err);
    rc = rc || a->opened ? rc : skip_load(a, err);
    return rc || a->opened ? rc : outbox_tell_left(a->config, a->db, err);
}

int applier_open_session(struct applier *a, struct ds_error *err)
{
    int rc = applier_connect(a, err);
    if (rc == 0 && !a->import)
        rc = check_triggers(a, err);
    if (rc == 0 && !a->stateless)
        rc = load_state(a, err);
    if (rc == 0 && !a->opened)
        rc = consumer_open(a, err);
    if (rc == 0 && a->options.hooks)
        hooks_open(a->options.hooks);
    if (rc == 0)
        log_info("destination connected host=%s server=%s database=%s checkpoint=%s",
                 a->endpoint.host ? a->endpoint.host : a->endpoint.socket, a->server.text,
                 a->database,
                 a->cp.found ? a->cp.gtid_set[0] ? a->cp.gtid_set : a->cp.file : "none");
    return rc;
}
