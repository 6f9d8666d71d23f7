#include "applier/record.h"

#include <stdio.h>
#include <string.h>

#include "applier/state.h"
#include "schema/db.h"

static const char system_kind[] = "source_system", databases_kind[] = "databases";

static int out_of_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for a record of the stream");
}

int record_store(MYSQL *db, const char *state_database, const char *name, const char *kind,
                 struct slice text, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    int rc = buf_puts(&sql, "REPLACE INTO ");
    rc |= sql_table(&sql, state_database, "datasync_objects");
    rc |= buf_printf(
        &sql, " SET kind = '%s', object = 'rules', session = '', position = '', name = ", kind);
    rc |= sql_string(&sql, name, strlen(name));
    rc |= buf_puts(&sql, ", statement = ");
    rc |= sql_string(&sql, text.p, text.len);
    return rc ? out_of_memory(err) : db_exec_len(db, (const char *)sql.data, sql.len, err);
}

int record_read(MYSQL *db, const char *state_database, const char *name, const char *kind,
                struct buf *text, bool *found, struct ds_error *err)
{
    BUF_AUTO struct buf table = {0}, key = {0};
    if (sql_table(&table, state_database, "datasync_objects") ||
        sql_string(&key, name, strlen(name)))
        return out_of_memory(err);
    return db_scalar(db, text, found, err,
                     "SELECT statement FROM %s WHERE kind = '%s' AND name = %s", buf_cstr(&table),
                     kind, buf_cstr(&key));
}

int record_system_store(MYSQL *db, const struct config *c, struct ds_error *err)
{
    const struct slice system = {(const uint8_t *)c->source_system, strlen(c->source_system)};
    return record_store(db, c->state_database, c->name, system_kind, system, err);
}

int record_system_compare(MYSQL *db, const struct config *c, bool *found, struct ds_error *err)
{
    BUF_AUTO struct buf was = {0};
    int rc = record_read(db, c->state_database, c->name, system_kind, &was, found, err);
    if (rc || !*found || strcmp(buf_cstr(&was), c->source_system) == 0)
        return rc;
    return error_set(err, DS_EUSAGE,
                     "source_system is \"%s\", and what stream %s has imported is known as that of "
                     "\"%s\": set it back, give the stream of another source another name, or copy "
                     "again with --resnapshot",
                     c->source_system, c->name, buf_cstr(&was));
}

/* "`old` into `new`" */
static int put_databases(const struct config *c, struct buf *out)
{
    return sql_identifier(out, c->source.database) | buf_puts(out, " into ") |
           sql_identifier(out, c->destination.database);
}

int record_databases_store(MYSQL *db, const struct config *c, struct ds_error *err)
{
    BUF_AUTO struct buf text = {0};
    return put_databases(c, &text) ? out_of_memory(err)
                                   : record_store(db, c->state_database, c->name, databases_kind,
                                                  (struct slice){text.data, text.len}, err);
}

int record_databases_compare(MYSQL *db, const struct config *c, bool *found, struct ds_error *err)
{
    BUF_AUTO struct buf was = {0}, is = {0};
    int rc = record_read(db, c->state_database, c->name, databases_kind, &was, found, err);
    if (rc == 0 && put_databases(c, &is))
        return out_of_memory(err);
    if (rc || !*found || strcmp(buf_cstr(&was), buf_cstr(&is)) == 0)
        return rc;
    return error_set(err, DS_EUSAGE,
                     "stream %s brings database %s, and the configuration says %s: give another "
                     "stream another name (name: in datasync.yaml, --set name=NAME), set it back, "
                     "or copy anew with --resnapshot; where a database was renamed with all that "
                     "it holds, DELETE FROM `%s`.datasync_objects WHERE kind = '%s' AND name = "
                     "'%s' at the destination",
                     c->name, buf_cstr(&was), buf_cstr(&is), c->state_database, databases_kind,
                     c->name);
}

/* A copy of entities is kept beside the stream itself. */
static int has_imported(MYSQL *db, const struct config *c, const char *name, bool *yes,
                        struct ds_error *err)
{
    BUF_AUTO struct buf table = {0}, key = {0};
    uint64_t import = 0;
    bool found;
    if (sql_table(&table, c->state_database, "datasync_checkpoint") ||
        sql_string(&key, name, strlen(name)))
        return out_of_memory(err);
    int rc = db_scalar_u64(db, &import, &found, err,
                           "SELECT filter_text LIKE 'mode=import%%' FROM %s WHERE entity = '' AND "
                           "name IN (%s, CONCAT(%s, '.sync')) ORDER BY name LIMIT 1",
                           buf_cstr(&table), buf_cstr(&key), buf_cstr(&key));
    *yes = rc == 0 && found && import;
    return rc;
}

int record_mode_check(MYSQL *db, const struct config *c, const char *name, struct ds_error *err)
{
    bool imported = false;
    int rc = c->mode == MODE_MIRROR ? has_imported(db, c, name, &imported, err) : 0;
    if (rc || !imported)
        return rc;
    return error_set(err, DS_EUSAGE,
                     "stream %s has imported into this destination, but the configuration is that "
                     "of a mirror: set `mode: import`. Only where a mirror is to take the place of "
                     "all that is there, copy again with --resnapshot",
                     name);
}

int record_mode_forget(MYSQL *db, const struct config *c, const char *name, struct ds_error *err)
{
    char copied[70];
    bool imported = false;
    snprintf(copied, sizeof copied, "%s.sync", name);
    int rc = c->mode == MODE_MIRROR ? has_imported(db, c, copied, &imported, err) : 0;
    return rc || !imported ? rc : checkpoint_delete(db, c->state_database, copied, err);
}

int record_registry_check(MYSQL *db, const struct config *c, struct ds_error *err)
{
    BUF_AUTO struct buf table = {0}, system = {0};
    uint64_t any = 0;
    bool found;
    if (sql_table(&table, c->state_database, "datasync_entity_registry") ||
        sql_string(&system, c->source_system, strlen(c->source_system)))
        return out_of_memory(err);
    int rc = db_scalar_u64(db, &any, &found, err,
                           "SELECT EXISTS (SELECT 1 FROM %s WHERE source_system = %s)",
                           buf_cstr(&table), buf_cstr(&system));
    if (rc || any)
        return rc;
    return error_set(
        err, DS_EUSAGE,
        "%s has nothing of source_system \"%s\", though stream %s has copied it: it "
        "was lost, and changes of what has come would find nothing; put it back from "
        "a backup, or copy again with --resnapshot, which finds what has a natural key",
        buf_cstr(&table), c->source_system, c->name);
}
