#include "applier/record.h"

#include <string.h>

#include "schema/db.h"

static const char system_kind[] = "source_system";

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
