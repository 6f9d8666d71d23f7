#include <mysqld_error.h>
#include <stdio.h>
#include <string.h>

#include "applier/leftover.h"
#include "applier/load_parts.h"
#include "schema/log.h"
#include "schema/sql.h"
#include "schema/sql_collation.h"

#define ROW_SQL_MODE "NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES"

enum { MODE_ANSI_QUOTES = 1 << 2, MODE_NO_BACKSLASH_ESCAPES = 1 << 20 };

int load_no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory while a snapshot is loaded");
}

static bool slice_is(struct slice s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.p, text, s.len) == 0;
}

bool load_session_value(struct slice session, const char *key, struct slice *value)
{
    size_t key_len = strlen(key);
    const uint8_t *p = session.p, *end = session.p + session.len;
    while (p < end) {
        const uint8_t *line_end = memchr(p, '\n', (size_t)(end - p));
        if (!line_end)
            line_end = end;
        if ((size_t)(line_end - p) > key_len && memcmp(p, key, key_len) == 0 && p[key_len] == '=') {
            *value = (struct slice){p + key_len + 1, (size_t)(line_end - p) - key_len - 1};
            return true;
        }
        p = line_end + 1;
    }
    return false;
}

int load_table_name(const struct load_context *c, struct slice name, struct buf *out)
{
    int rc = sql_identifier(out, c->options->database);
    rc |= buf_puts(out, ".");
    return rc | sql_identifier_len(out, (const char *)name.p, name.len);
}

/* --- session ------------------------------------------------------------- */

int load_session_rows(struct load_context *c, struct ds_error *err)
{
    int rc = db_exec(c->db, err,
                     "SET SESSION sql_mode='" ROW_SQL_MODE "', foreign_key_checks=0, "
                     "unique_checks=1, time_zone='+00:00', max_error_count=65535");
    if (rc == 0 && c->server->mariadb && c->server->version >= 100201)
        rc = db_exec(c->db, err, "SET SESSION check_constraint_checks=%d",
                     c->options->takes != NULL); /* of a schema of its own, as in the stream */
    if (rc == 0 && c->server->mariadb && c->server->version >= 100800)
        rc = db_exec(c->db, err, "SET SESSION explicit_defaults_for_timestamp=1");
    if (rc == 0 && c->server->mariadb) /* the source took it, strict or not */
        rc = db_exec(c->db, err, "SET SESSION innodb_strict_mode=0");
    return rc ? rc : db_exec(c->db, err, "SET NAMES binary");
}

static struct collation_target here(const struct load_context *c)
{
    return (struct collation_target){c->server->mariadb, c->server->version};
}

static struct slice collation_here(const struct load_context *c, struct slice name,
                                   char text[COLLATION_NAME_SIZE])
{
    collation_translate(here(c), name, text);
    return (struct slice){(const uint8_t *)text, strlen(text)};
}

/* The modes that this server knows: what the others change is how statements are read that it does
 * not take, or, for one of MySQL's, how rows are written that come ready to us. */
static int put_modes(struct buf *sql, const struct load_context *c, struct slice modes)
{
    static const char *const of_mariadb[] = {"MSSQL",
                                             "DB2",
                                             "MAXDB",
                                             "NO_KEY_OPTIONS",
                                             "NO_TABLE_OPTIONS",
                                             "NO_FIELD_OPTIONS",
                                             "MYSQL323",
                                             "MYSQL40",
                                             "NO_AUTO_CREATE_USER",
                                             "POSTGRESQL",
                                             "ORACLE",
                                             "EMPTY_STRING_IS_NULL",
                                             "SIMULTANEOUS_ASSIGNMENT",
                                             "TIME_ROUND_FRACTIONAL",
                                             NULL};
    static const char *const of_mysql[] = {"TIME_TRUNCATE_FRACTIONAL", NULL};
    const char *const *unknown = c->server->mariadb            ? of_mysql
                                 : c->server->version >= 80000 ? of_mariadb
                                                               : NULL;
    const uint8_t *p = modes.p, *end = modes.p + modes.len;
    const char *comma = "";
    int rc = buf_puts(sql, "'");
    while (p < end && rc == 0) {
        const uint8_t *stop = memchr(p, ',', (size_t)(end - p));
        size_t len = (size_t)((stop ? stop : end) - p);
        bool keep = true;
        for (const char *const *name = unknown; name && *name && keep; name++)
            keep = !slice_is((struct slice){p, len}, *name);
        for (size_t i = 0; i < len; i++)
            keep &= p[i] == '_' || (p[i] >= 'A' && p[i] <= 'Z') || (p[i] >= '0' && p[i] <= '9');
        if (keep) {
            rc = buf_puts(sql, comma) | buf_append(sql, p, len);
            comma = ",";
        }
        p += len + 1;
    }
    return rc | buf_puts(sql, "'");
}

/* What a definition is run under. Names in it are told by the source; they are quoted. */
static int session_enter(struct load_context *c, struct slice session, struct ds_error *err)
{
    static const struct {
        const char *key, *variable;
    } settings[] = {
        {"sql_mode", "sql_mode"},
        {"client", "character_set_client"},
        {"connection", "collation_connection"},
        {"time_zone", "time_zone"},
    };
    BUF_AUTO struct buf sql = {0};
    struct slice value;
    int rc = buf_puts(&sql, "SET SESSION character_set_connection=utf8mb4");
    char collation[COLLATION_NAME_SIZE];
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        if (!load_session_value(session, settings[i].key, &value))
            continue;
        if (strcmp(settings[i].key, "connection") == 0)
            value = collation_here(c, value, collation);
        rc |= buf_printf(&sql, ", %s=", settings[i].variable);
        rc |= strcmp(settings[i].key, "sql_mode") == 0 ? put_modes(&sql, c, value)
                                                       : sql_string(&sql, value.p, value.len);
    }
    return rc ? load_no_memory(err) : db_exec(c->db, err, "%s", buf_cstr(&sql));
}

uint64_t load_session_mode(struct slice session)
{
    struct slice mode;
    uint64_t bits = 0;
    if (load_session_value(session, "sql_mode", &mode)) {
        if (memmem(mode.p, mode.len, "ANSI_QUOTES", 11))
            bits |= MODE_ANSI_QUOTES;
        if (memmem(mode.p, mode.len, "NO_BACKSLASH_ESCAPES", 20))
            bits |= MODE_NO_BACKSLASH_ESCAPES;
    }
    return bits;
}

/* The text with the destination's database in place of the source's, and its collations. */
static int text_here(const struct load_context *c, const struct definition *d, struct buf *out)
{
    BUF_AUTO struct buf renamed = {0};
    struct slice text = d->text;
    uint64_t mode = load_session_mode(d->session);
    if (c->source_database && strcmp(c->source_database, c->options->database) != 0) {
        if (sql_rename_database(text, mode, c->source_database, c->options->database, &renamed))
            return DS_ENOMEM;
        text = (struct slice){renamed.data, renamed.len};
    }
    return sql_translate_collations(text, mode, here(c), NULL, out);
}

static int definition_failed(const struct definition *d, int code, struct ds_error *err)
{
    char server[900];
    if (code == DS_ECONN || code == DS_ENOMEM || code == DS_ERETRY)
        return code;
    (void)snprintf(server, sizeof server, "%.800s", err->message);
    return error_set_server(err, code == DS_EACCESS ? DS_EACCESS : DS_EDDL, err->server_errno,
                            "cannot create %.*s %.*s with the source's definition: %s",
                            (int)d->kind.len, d->kind.p, (int)d->name.len, d->name.p, server);
}

/* Run the text under its session, then go back to that of rows. */
static int run_text(struct load_context *c, const struct definition *d, const struct buf *text,
                    struct ds_error *err)
{
    struct ds_error restoring = {0};
    int rc = session_enter(c, d->session, err);
    if (rc == 0)
        rc = db_exec_len(c->db, (const char *)text->data, text->len, err);
    int restored = rc == DS_ECONN ? 0 : load_session_rows(c, &restoring);
    if (rc == 0 && restored)
        *err = restoring;
    return rc ? rc : restored;
}

/* Did a server that died while it created this table leave parts of it, which are gone now? */
static bool cleared(struct load_context *c, const struct definition *d)
{
    BUF_AUTO struct buf name = {0};
    struct ds_error ignored;
    bool dropped = false;
    if (!slice_is(d->kind, "table") || buf_append(&name, d->name.p, d->name.len))
        return false;
    return leftover_drop(c->db, c->server, c->options->database, buf_cstr(&name), &dropped,
                         &ignored) == 0 &&
           dropped;
}

static int run_definition(struct load_context *c, const struct definition *d, struct ds_error *err)
{
    BUF_AUTO struct buf text = {0};
    if (text_here(c, d, &text))
        return load_no_memory(err);
    int rc = run_text(c, d, &text, err);
    if (rc && err->server_errno == ER_TABLE_EXISTS_ERROR && cleared(c, d))
        rc = run_text(c, d, &text, err);
    return rc ? definition_failed(d, rc, err) : 0;
}

/* --- what is there ------------------------------------------------------- */

enum there { THERE_NOTHING, THERE_TABLE, THERE_VIEW, THERE_SEQUENCE };

static int look(struct load_context *c, struct slice name, enum there *there, struct ds_error *err)
{
    BUF_AUTO struct buf database = {0}, quoted = {0};
    *there = THERE_NOTHING;
    if (sql_string(&database, c->options->database, strlen(c->options->database)) ||
        sql_string(&quoted, name.p, name.len))
        return load_no_memory(err);
    MYSQL_RES *res = db_select(c->db, err,
                               "SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE "
                               "TABLE_SCHEMA = %s AND TABLE_NAME = %s",
                               buf_cstr(&database), buf_cstr(&quoted));
    if (!res)
        return err->code;
    for (MYSQL_ROW row; (row = mysql_fetch_row(res));)
        if (slice_is(name, row[0]))
            *there = strcmp(row[1], "VIEW") == 0       ? THERE_VIEW
                     : strcmp(row[1], "SEQUENCE") == 0 ? THERE_SEQUENCE
                                                       : THERE_TABLE;
    mysql_free_result(res);
    return 0;
}

static int has_rows(struct load_context *c, const char *table, bool *rows, struct ds_error *err)
{
    BUF_AUTO struct buf value = {0};
    return db_scalar(c->db, &value, rows, err, "SELECT 1 FROM %s LIMIT 1", table);
}

static int drop(struct load_context *c, enum there there, const char *table, struct ds_error *err)
{
    const char *kind = there == THERE_VIEW       ? "VIEW"
                       : there == THERE_SEQUENCE ? "SEQUENCE"
                                                 : "TABLE";
    return there == THERE_NOTHING ? 0 : db_exec(c->db, err, "DROP %s %s", kind, table);
}

/* May what is there be replaced? Only what has no rows, or rows of ours. */
static int may_replace(struct load_context *c, struct slice name, const char *table,
                       enum there there, struct ds_error *err)
{
    bool rows = false, ours = false;
    if (there != THERE_TABLE || c->replace)
        return 0;
    int rc = has_rows(c, table, &rows, err);
    if (rc == 0 && rows)
        rc = load_state_has(c, name, &ours, err);
    if (rc == 0 && rows && !ours) {
        rc = error_set(err, DS_EUSAGE,
                       "the destination's table %s has rows that no copy of stream %s wrote: empty "
                       "or drop it, or use --resnapshot, which replaces it",
                       table, c->options->name);
    }
    return rc;
}

/* --- kinds --------------------------------------------------------------- */

static int load_database(struct load_context *c, const struct definition *d, struct ds_error *err)
{
    BUF_AUTO struct buf name = {0}, collation = {0};
    struct slice value = {0};
    char translated[COLLATION_NAME_SIZE];
    if (!c->source_database)
        c->source_database = strndup((const char *)d->name.p, d->name.len);
    if (!c->source_database || sql_identifier(&name, c->options->database))
        return load_no_memory(err);
    int rc = db_exec(c->db, err, "CREATE DATABASE IF NOT EXISTS %s", buf_cstr(&name));
    if (rc == 0 && load_session_value(d->session, "database", &value)) {
        value = collation_here(c, value, translated);
        if (sql_identifier_len(&collation, (const char *)value.p, value.len))
            return load_no_memory(err);
        rc = db_exec(c->db, err, "ALTER DATABASE %s DEFAULT COLLATE %s", buf_cstr(&name),
                     buf_cstr(&collation));
    }
    if (rc)
        return definition_failed(d, rc, err);
    if (mysql_select_db(c->db, c->options->database))
        return db_fail(err, c->db, "choosing the destination database");
    return 0;
}

static int load_table(struct load_context *c, const struct definition *d, struct ds_error *err)
{
    BUF_AUTO struct buf table = {0};
    enum there there;
    if (load_table_name(c, d->name, &table))
        return load_no_memory(err);
    int rc = look(c, d->name, &there, err);
    if (rc == 0)
        rc = may_replace(c, d->name, buf_cstr(&table), there, err);
    if (rc == 0)
        rc = load_state_set(c, d->name, "copying", 0, err);
    if (rc == 0)
        rc = drop(c, there, buf_cstr(&table), err);
    return rc ? rc : run_definition(c, d, err);
}

/* Is it only that something named in a view is not there yet? */
static bool names_missing(unsigned server_errno)
{
    return server_errno == ER_NO_SUCH_TABLE || server_errno == ER_VIEW_INVALID ||
           server_errno == ER_BAD_FIELD_ERROR || server_errno == ER_SP_DOES_NOT_EXIST;
}

static int load_view(struct load_context *c, const struct definition *d, bool *later,
                     struct ds_error *err)
{
    BUF_AUTO struct buf table = {0};
    enum there there;
    if (load_table_name(c, d->name, &table))
        return load_no_memory(err);
    int rc = look(c, d->name, &there, err);
    if (rc == 0)
        rc = may_replace(c, d->name, buf_cstr(&table), there, err);
    if (rc == 0)
        rc = load_state_object(c, "VIEW", d->name, err);
    if (rc == 0)
        rc = drop(c, there, buf_cstr(&table), err);
    if (rc)
        return rc;
    rc = run_definition(c, d, err);
    *later = rc == DS_EDDL && names_missing(err->server_errno);
    if (*later) {
        error_clear(err);
        rc = 0;
    }
    return rc;
}

/* A routine takes the character set of its parameters from the database as it was then. */
static int set_database_collation(struct load_context *c, struct slice session, struct buf *before,
                                  struct ds_error *err)
{
    struct slice wanted;
    bool found;
    BUF_AUTO struct buf now = {0}, name = {0}, collation = {0};
    char translated[COLLATION_NAME_SIZE];
    if (!load_session_value(session, "database", &wanted))
        return 0;
    wanted = collation_here(c, wanted, translated);
    int rc = db_scalar(c->db, &now, &found, err, "SELECT @@collation_database");
    if (rc || (found && now.len == wanted.len && memcmp(now.data, wanted.p, now.len) == 0))
        return rc;
    if (sql_identifier(&name, c->options->database) ||
        sql_identifier_len(&collation, (const char *)wanted.p, wanted.len) ||
        buf_puts(before, buf_cstr(&now)))
        return load_no_memory(err);
    return db_exec(c->db, err, "ALTER DATABASE %s DEFAULT COLLATE %s", buf_cstr(&name),
                   buf_cstr(&collation));
}

static int restore_database_collation(struct load_context *c, struct buf *before,
                                      struct ds_error *err)
{
    BUF_AUTO struct buf name = {0};
    if (!before->len)
        return 0;
    if (sql_identifier(&name, c->options->database))
        return load_no_memory(err);
    return db_exec(c->db, err, "ALTER DATABASE %s DEFAULT COLLATE %s", buf_cstr(&name),
                   buf_cstr(before));
}

static int load_routine(struct load_context *c, const struct definition *d, const char *kind,
                        struct ds_error *err)
{
    BUF_AUTO struct buf name = {0}, collation = {0};
    struct ds_error restoring = {0};
    if (load_table_name(c, d->name, &name))
        return load_no_memory(err);
    int rc = load_state_object(c, kind, d->name, err);
    if (rc == 0)
        rc = db_exec(c->db, err, "DROP %s IF EXISTS %s", kind, buf_cstr(&name));
    if (rc == 0)
        rc = set_database_collation(c, d->session, &collation, err);
    if (rc == 0)
        rc = run_definition(c, d, err);
    int restored = rc == DS_ECONN ? 0 : restore_database_collation(c, &collation, &restoring);
    if (rc == 0 && restored) {
        *err = restoring;
        rc = restored;
    }
    return rc;
}

int load_record(struct load_context *c, const struct definition *d, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    struct slice table = {0}, client = {(const uint8_t *)"utf8mb4", 7};
    load_session_value(d->session, "table", &table);
    load_session_value(d->session, "client", &client);
    int rc = buf_puts(&sql, "REPLACE INTO ");
    rc |= sql_table(&sql, c->options->state_database, "datasync_objects");
    rc |= buf_puts(&sql, " SET name = ");
    rc |= sql_string(&sql, c->options->name, strlen(c->options->name));
    rc |= buf_puts(&sql, ", kind = ");
    rc |= sql_string(&sql, d->kind.p, d->kind.len);
    rc |= buf_puts(&sql, ", object = ");
    rc |= sql_string(&sql, d->name.p, d->name.len);
    rc |= buf_puts(&sql, ", object_table = ");
    rc |= sql_string(&sql, table.len ? (const void *)table.p : "", table.len);
    rc |= buf_puts(&sql, ", statement = CONVERT(CONVERT(");
    rc |= sql_string(&sql, d->text.p, d->text.len);
    rc |= buf_puts(&sql, " USING ");
    rc |= sql_identifier_len(&sql, (const char *)client.p, client.len);
    rc |= buf_puts(&sql, ") USING utf8mb4), session = ");
    rc |= sql_string(&sql, d->session.len ? (const void *)d->session.p : "", d->session.len);
    rc |= buf_puts(&sql, ", position = LEFT(");
    rc |= sql_string(&sql, c->position.data ? (const void *)c->position.data : "", c->position.len);
    rc |= buf_puts(&sql, ", 690)");
    return rc ? load_no_memory(err) : db_exec_len(c->db, (const char *)sql.data, sql.len, err);
}

int load_definition(struct load_context *c, const struct definition *d, bool *later,
                    struct ds_error *err)
{
    static const struct {
        const char *kind, *sql;
    } routines[] = {
        {"function", "FUNCTION"},
        {"procedure", "PROCEDURE"},
        {"package", "PACKAGE"},
        {"package body", "PACKAGE BODY"},
    };
    *later = false;
    if (slice_is(d->kind, "database"))
        return load_database(c, d, err);
    if (slice_is(d->kind, "table") || slice_is(d->kind, "sequence"))
        return load_table(c, d, err);
    if (slice_is(d->kind, "view"))
        return load_view(c, d, later, err);
    if (slice_is(d->kind, "trigger") || slice_is(d->kind, "event"))
        return load_record(c, d, err);
    for (size_t i = 0; i < sizeof routines / sizeof *routines; i++)
        if (slice_is(d->kind, routines[i].kind))
            return load_routine(c, d, routines[i].sql, err);
    return error_set(err, DS_EFORMAT,
                     "the snapshot defines a %.*s, which this version does not know",
                     (int)d->kind.len, d->kind.p);
}
