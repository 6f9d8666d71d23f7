/* The preflight of the source: what would stop a stream, found beforehand. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/source.h"

enum { SHORT_RETENTION = 86400 }; /* seconds */

struct check {
    MYSQL *db;
    const struct db_server *server;
    const struct config *config;
    finding_callback found;
    void *arg;
};

static void report(const struct check *c, enum finding_level level, const char *what,
                   const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static void report(const struct check *c, enum finding_level level, const char *what,
                   const char *fmt, ...)
{
    char detail[1600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(detail, sizeof detail, fmt, ap);
    va_end(ap);
    c->found(c->arg, &(struct finding){.level = level, .what = what, .detail = detail});
}

/* A global variable; false: the server has none of that name. */
static bool variable(const struct check *c, const char *name, struct buf *out)
{
    bool found = false;
    buf_clear(out);
    return db_scalar(c->db, out, &found, NULL, "SELECT @@GLOBAL.%s", name) == 0 && found;
}

static bool is(struct buf *value, const char *text)
{
    return strcasecmp(buf_cstr(value), text) == 0;
}

static void check_log(const struct check *c)
{
    BUF_AUTO struct buf v = {0};
    if (variable(c, "log_bin", &v) && !is(&v, "1") && !is(&v, "ON"))
        report(c, FINDING_STOP, "log_bin",
               "the source writes no binary log; set log_bin there and restart it");
    else
        report(c, FINDING_OK, "log_bin", "the source writes a binary log");
    if (!variable(c, "binlog_format", &v) || is(&v, "ROW"))
        report(c, FINDING_OK, "binlog_format",
               "ROW; sessions that set another format themselves cannot be seen beforehand, their "
               "changes stop the stream");
    else
        report(c, FINDING_STOP, "binlog_format",
               "binlog_format is %s; set it to ROW on the source and reconnect all of its clients",
               buf_cstr(&v));
    if (variable(c, "server_id", &v) && is(&v, "0"))
        report(c, FINDING_STOP, "server_id",
               "the source's server_id is 0, it accepts no replicas; set one");
    if (variable(c, "binlog_transaction_compression", &v) && is(&v, "1"))
        report(c, FINDING_OK, "binlog_transaction_compression", "on, supported");
}

static void check_images(const struct check *c)
{
    BUF_AUTO struct buf v = {0};
    bool images = variable(c, "binlog_row_image", &v);
    if (images && is(&v, "MINIMAL") && c->config->mode == MODE_IMPORT)
        report(c, FINDING_STOP, "binlog_row_image",
               "binlog_row_image is MINIMAL: changes do not say which row of another shop they are "
               "of, and stop an import; SET GLOBAL binlog_row_image = FULL at the source, and "
               "reconnect all of its clients");
    else if (images && !is(&v, "FULL") && !is(&v, "FULL_NODUP"))
        report(c, FINDING_WARNING, "binlog_row_image",
               "binlog_row_image is %s: such images do not say everything (MariaDB leaves out what "
               "REPLACE sets to a default: rows differ then, with any replica), and conflicts are "
               "found later; set it to FULL",
               buf_cstr(&v));
    else
        report(c, FINDING_OK, "binlog_row_image", "full row images");
    bool names = variable(c, "binlog_row_metadata", &v) && is(&v, "FULL");
    const bool mapped = c->config->map.count > 0;
    if (!names && (c->config->mode == MODE_IMPORT || mapped))
        report(c, FINDING_STOP, "binlog_row_metadata",
               "the source sends no column names, which %s needs; SET GLOBAL "
               "binlog_row_metadata = FULL there, and in its configuration%s",
               mapped ? "map" : "mode: import", v.len ? "" : ", after an upgrade");
    else if (!names)
        report(c, FINDING_WARNING, "binlog_row_metadata",
               "the source sends no column names; they are read from its schema and known again "
               "some time after each DDL statement; set binlog_row_metadata=FULL%s",
               v.len ? "" : " after an upgrade");
    else
        report(c, FINDING_OK, "binlog_row_metadata", "FULL");
}

static void check_retention(const struct check *c)
{
    BUF_AUTO struct buf v = {0};
    double seconds = 0;
    if (variable(c, "binlog_expire_logs_seconds", &v))
        seconds = strtod(buf_cstr(&v), NULL);
    if (seconds <= 0 && variable(c, "expire_logs_days", &v))
        seconds = strtod(buf_cstr(&v), NULL) * 86400;
    if (seconds > 0 && seconds < SHORT_RETENTION)
        report(c, FINDING_WARNING, "retention",
               "the source keeps binlogs for %.1f hours only; after a longer interruption "
               "everything must be copied again",
               seconds / 3600);
    else
        report(c, FINDING_OK, "retention", "binlogs are kept for %s",
               seconds > 0 ? "a day or more" : "as long as nobody purges them");
}

static bool granted(struct buf *grants, const char *const *names)
{
    for (; *names; names++)
        if (strcasestr(buf_cstr(grants), *names))
            return true;
    return strcasestr(buf_cstr(grants), "GRANT ALL PRIVILEGES ON *.*") != NULL;
}

static int check_privileges(const struct check *c, struct buf *grants, struct ds_error *err)
{
    static const char *const replica[] = {"REPLICATION SLAVE", "REPLICATION REPLICA", NULL};
    static const char *const monitor[] = {"REPLICATION CLIENT", "BINLOG MONITOR", "SUPER", NULL};
    MYSQL_RES *rows = db_select(c->db, err, "SHOW GRANTS");
    if (!rows)
        return err->code;
    for (MYSQL_ROW row; (row = mysql_fetch_row(rows));)
        if (row[0] && (buf_puts(grants, row[0]) || buf_puts(grants, "\n"))) {
            mysql_free_result(rows);
            return error_set(err, DS_ENOMEM, "out of memory");
        }
    mysql_free_result(rows);
    if (granted(grants, replica))
        report(c, FINDING_OK, "privileges", "REPLICATION SLAVE is granted");
    else
        report(c, FINDING_STOP, "privileges",
               "user '%s' may not read the binlog; GRANT REPLICATION SLAVE ON *.* TO it",
               c->config->source.user);
    if (!granted(grants, monitor))
        report(c, FINDING_WARNING, "privileges",
               "user '%s' may not see binlog files and positions, so purged ones are found late; "
               "GRANT %s ON *.* TO it",
               c->config->source.user,
               c->server->mariadb && c->server->version >= 100502 ? "BINLOG MONITOR"
                                                                  : "REPLICATION CLIENT");
    return 0;
}

static int check_database(const struct check *c, struct ds_error *err)
{
    const char *name = c->config->source.database;
    BUF_AUTO struct buf quoted = {0}, list = {0};
    uint64_t count = 0;
    bool found;
    if (sql_string(&quoted, name, strlen(name)))
        return error_set(err, DS_ENOMEM, "out of memory");
    int rc =
        db_scalar_u64(c->db, &count, &found, err,
                      "SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s",
                      buf_cstr(&quoted));
    if (rc == 0 && count == 0)
        report(c, FINDING_STOP, "database",
               "database '%s' does not exist at the source, or user '%s' may not see it", name,
               c->config->source.user);
    if (rc || count == 0)
        return rc;
    rc = db_scalar(c->db, &list, &found, err,
                   "SELECT GROUP_CONCAT(TABLE_NAME ORDER BY TABLE_NAME SEPARATOR ', ') FROM "
                   "information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_TYPE = "
                   "'SYSTEM VERSIONED'",
                   buf_cstr(&quoted));
    if (rc == 0 && list.len)
        report(c, FINDING_STOP, "system_versioning",
               "system-versioned tables cannot be kept equal, their history is written by the "
               "server: %.900s; exclude them, or drop the versioning",
               buf_cstr(&list));
    return rc;
}

/* What the account may not read of the database makes the copy stop, where there is such a thing.
 */
static int check_objects(const struct check *c, struct buf *grants, struct ds_error *err)
{
    static const char *const lock[] = {"LOCK TABLES", "ALL PRIVILEGES ON", NULL};
    const char *name = c->config->source.database;
    BUF_AUTO struct buf quoted = {0}, list = {0};
    bool found;
    if (sql_string(&quoted, name, strlen(name)))
        return error_set(err, DS_ENOMEM, "out of memory");
    MYSQL_RES *rows = db_select(c->db, err,
                                "SELECT TABLE_NAME FROM information_schema.TABLES WHERE "
                                "TABLE_SCHEMA = %s AND TABLE_TYPE = 'VIEW'",
                                buf_cstr(&quoted));
    if (!rows)
        return err->code;
    struct ds_error why = {0};
    for (MYSQL_ROW row; why.code != DS_EACCESS && (row = mysql_fetch_row(rows));) {
        BUF_AUTO struct buf view = {0};
        if (row[0] && sql_table(&view, name, row[0]) == 0)
            mysql_free_result(db_select(c->db, &why, "SHOW CREATE VIEW %s", buf_cstr(&view)));
    }
    mysql_free_result(rows);
    if (why.code == DS_EACCESS)
        report(c, FINDING_STOP, "views", "%s; GRANT SELECT, SHOW VIEW on the database",
               why.message);
    int rc = db_scalar(c->db, &list, &found, err,
                       "SELECT GROUP_CONCAT(TABLE_NAME ORDER BY TABLE_NAME SEPARATOR ', ') FROM "
                       "information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_TYPE = 'BASE "
                       "TABLE' AND ENGINE IN ('MyISAM', 'Aria', 'MEMORY')",
                       buf_cstr(&quoted));
    if (rc == 0 && list.len && !granted(grants, lock))
        report(c, FINDING_STOP, "LOCK TABLES",
               "user '%s' may not lock the tables that have no transactions, for a consistent "
               "copy: %.900s; GRANT LOCK TABLES on the database",
               c->config->source.user, buf_cstr(&list));
    return rc;
}

static int check_ids(const struct check *c, struct ds_error *err)
{
    (void)err;
    uint32_t wanted = c->config->source.server_id;
    if (wanted == 0)
        return 0;
    bool modern = !c->server->mariadb && c->server->version >= 80022;
    MYSQL_RES *rows = db_select(c->db, NULL, modern ? "SHOW REPLICAS" : "SHOW SLAVE HOSTS");
    if (!rows)
        return 0; /* not allowed to ask: the source tells when it happens */
    for (MYSQL_ROW row; (row = mysql_fetch_row(rows));)
        if (row[0] && strtoul(row[0], NULL, 10) == wanted)
            report(c, FINDING_WARNING, "server_id",
                   "a replica with server_id %u is connected now; if that is not this stream, set "
                   "source.server_id to another number, or to 0",
                   wanted);
    mysql_free_result(rows);
    return 0;
}

static int check_position(const struct check *c, const struct position *p, struct ds_error *err)
{
    struct ds_error why = {0};
    if (!p || position_empty(p))
        return 0;
    int rc = source_validate(c->db, c->server, p, &why);
    if (rc == 0)
        report(c, FINDING_OK, "position", "the source can go on from where the stream is");
    else if (rc == DS_EPURGED || rc == DS_EPOSITION)
        report(c, FINDING_STOP, "position", "%s", why.message);
    else
        *err = why;
    return rc == DS_EPURGED || rc == DS_EPOSITION ? 0 : rc;
}

int source_check_binlog(const struct config *config, finding_callback found, void *arg,
                        struct ds_error *err)
{
    struct dump d;
    BUF_AUTO struct buf grants = {0};
    int rc = dump_connect(&d, config, config->source.server_id, err);
    if (rc)
        return rc;
    const struct check c = {
        .db = d.db, .server = &d.server, .config = config, .found = found, .arg = arg};
    check_log(&c);
    check_images(&c);
    check_retention(&c);
    rc = check_privileges(&c, &grants, err);
    dump_close(&d);
    return rc;
}

int source_check(const struct config *config, const struct position *position,
                 finding_callback found, void *arg, struct ds_error *err)
{
    struct dump d;
    int rc = dump_connect(&d, config, config->source.server_id, err);
    if (rc)
        return rc;
    struct check c = {
        .db = d.db, .server = &d.server, .config = config, .found = found, .arg = arg};
    check_log(&c);
    check_images(&c);
    check_retention(&c);
    BUF_AUTO struct buf grants = {0};
    rc = check_privileges(&c, &grants, err);
    if (rc == 0)
        rc = check_database(&c, err);
    if (rc == 0)
        rc = check_objects(&c, &grants, err);
    if (rc == 0)
        rc = check_ids(&c, err);
    if (rc == 0)
        rc = check_position(&c, position, err);
    dump_close(&d);
    return rc;
}
