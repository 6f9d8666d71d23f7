/* What a MariaDB server that dies in CREATE TABLE … PARTITION leaves behind: partitions that InnoDB
 * knows, of a table that the server does not know. Nobody can read or drop them but by their file
 * names, and the same CREATE TABLE fails on them ever after (1050).
 */
#include "applier/leftover.h"

#include <mysqld_error.h>
#include <string.h>

#include "applier/ddl_internal.h"
#include "schema/log.h"

static int is_known(MYSQL *db, const char *database, const char *table, bool *known,
                    struct ds_error *err)
{
    BUF_AUTO struct buf name = {0};
    if (sql_table(&name, database, table))
        return ddl_no_memory(err);
    MYSQL_RES *result = db_select(db, err, "SHOW CREATE TABLE %s", buf_cstr(&name));
    *known = result != NULL;
    if (result)
        mysql_free_result(result);
    if (result || err->server_errno != ER_NO_SUCH_TABLE)
        return result ? 0 : err->code;
    error_clear(err);
    return 0;
}

static int drop_partition(MYSQL *db, const char *database, const char *file, struct ds_error *err)
{
    BUF_AUTO struct buf raw = {0}, name = {0};
    if (buf_printf(&raw, "#mysql50#%s", file) || sql_table(&name, database, buf_cstr(&raw)))
        return ddl_no_memory(err);
    log_warn("dropping a partition that an interrupted CREATE TABLE has left database=%s file=%s",
             database, file);
    return db_exec(db, err, "DROP TABLE IF EXISTS %s", buf_cstr(&name));
}

int leftover_drop(MYSQL *db, const struct db_server *server, const char *database,
                  const char *table, bool *dropped, struct ds_error *err)
{
    bool known = false;
    BUF_AUTO struct buf name = {0};
    *dropped = false;
    if (!server->mariadb)
        return 0;
    int rc = is_known(db, database, table, &known, err);
    if (rc || known)
        return rc;
    if (sql_innodb_name(&name, server, database, table))
        return ddl_no_memory(err);
    MYSQL_RES *result = db_select(
        db, err,
        "SELECT SUBSTRING(i.n, LOCATE('/', i.n) + 1) FROM (SELECT CAST(NAME AS BINARY) n FROM "
        "information_schema.%s) i JOIN (SELECT %s n) f ON LEFT(i.n, LENGTH(f.n) + 3) IN "
        "(CONCAT(f.n, '#P#'), CONCAT(f.n, '#p#'))",
        sql_innodb_view(server), buf_cstr(&name));
    if (!result)
        return err->code;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(result));) {
        rc = drop_partition(db, database, row[0], err);
        *dropped = rc == 0;
    }
    mysql_free_result(result);
    return rc;
}
