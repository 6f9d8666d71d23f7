#include "applier/load_again.h"

#include <stdio.h>
#include <string.h>

#include "applier/state.h"
#include "schema/buf.h"
#include "schema/db.h"

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for what is to come to its end");
}

int load_again_note(MYSQL *db, const char *state_database, const char *name, const char *what,
                    struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    if (buf_puts(&sql, "REPLACE INTO ") | sql_table(&sql, state_database, "datasync_snapshot") |
        buf_puts(&sql, " SET state = 'waiting', position = '', name = ") |
        sql_string(&sql, name, strlen(name)) | buf_puts(&sql, ", table_name = ") |
        sql_string(&sql, what, strlen(what)))
        return no_memory(err);
    return db_exec_len(db, (const char *)sql.data, sql.len, err);
}

int load_again_read(MYSQL *db, const char *state_database, const char *name, void *arg,
                    int (*take)(void *arg, const char *what, struct ds_error *err),
                    struct ds_error *err)
{
    BUF_AUTO struct buf from = {0}, own = {0};
    bool exists = false;
    if (sql_table(&from, state_database, "datasync_snapshot") |
        sql_string(&own, name, strlen(name)))
        return no_memory(err);
    int rc = state_exists(db, state_database, &exists, err);
    if (rc || !exists)
        return rc;
    MYSQL_RES *rows =
        db_select(db, err, "SELECT table_name FROM %s WHERE name = %s ORDER BY table_name",
                  buf_cstr(&from), buf_cstr(&own));
    if (!rows)
        return err->code;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(rows));)
        rc = take(arg, row[0], err);
    mysql_free_result(rows);
    return rc;
}

int load_again_done(MYSQL *db, const char *state_database, const char *name, const char *copy,
                    struct ds_error *err)
{
    BUF_AUTO struct buf from = {0}, own = {0}, quoted = {0};
    if (sql_table(&from, state_database, "datasync_snapshot") |
        sql_string(&own, name, strlen(name)) |
        sql_string(&quoted, copy ? copy : name, strlen(copy ? copy : name)))
        return no_memory(err);
    return db_exec(db, err, "DELETE FROM %s WHERE name IN (%s, %s)", buf_cstr(&from),
                   buf_cstr(&own), buf_cstr(&quoted));
}
