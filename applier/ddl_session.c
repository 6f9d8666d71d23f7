/* Session state of a statement's event, on the destination's connection, and back. */
#include <mysqld_error.h>
#include <stdio.h>
#include <string.h>

#include "applier/ddl_internal.h"
#include "schema/log.h"
#include "schema/sql_collation.h"

enum {
    UTF8MB3_GENERAL_CI = 33,
    UTF8MB4_GENERAL_CI = 45,
    UTF8MB3_UCA1400 = 2048, /* MariaDB's collations of UCA 14: 256 ids for each character set */
    UTF8MB4_UCA1400 = 2304,
};
/* Bits of flags2, as both servers log them; the last two are MariaDB's. */
enum {
    FLAG_AUTO_IS_NULL = 1 << 14,
    FLAG_NO_CHECK_CONSTRAINTS = 1 << 15,
    FLAG_NO_FK_CHECKS = 1 << 26,
    FLAG_NO_UNIQUE_CHECKS = 1 << 27,
    FLAG_IF_EXISTS = 1 << 28,
};
/* sql_mode: what MySQL 8 knows, and the bits that mean the same in both servers. */
#define MODES_OF_MYSQL UINT64_C(0x1effc00ef)
#define MODES_COMMON   UINT64_C(0xffffffff)

static const struct variable {
    const char *name;
    bool text;
    bool mariadb; /* MariaDB only */
} variables[] = {
    {"sql_mode", true, false},
    {"character_set_client", true, false},
    {"collation_connection", true, false},
    {"collation_server", true, false},
    {"time_zone", true, false},
    {"lc_time_names", true, false},
    {"foreign_key_checks", false, false},
    {"unique_checks", false, false},
    {"sql_auto_is_null", false, false},
    {"auto_increment_increment", false, false},
    {"auto_increment_offset", false, false},
    {"default_storage_engine", true, false},
    {"explicit_defaults_for_timestamp", false, false},
    {"check_constraint_checks", false, true},
};
enum { VARIABLES = sizeof variables / sizeof *variables, EXPLICIT_DEFAULTS = 12 };

/* Read what there is; *explicit_defaults as the server has it now. */
static int save(const struct ddl_context *c, struct ddl_saved *saved, bool *explicit_defaults,
                struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    int rc = buf_puts(&sql, "SELECT DATABASE()");
    for (size_t i = 0; i < VARIABLES; i++)
        if (c->server->mariadb || !variables[i].mariadb)
            rc |= buf_printf(&sql, ", @@%s", variables[i].name);
    MYSQL_RES *result = rc ? NULL : db_select(c->db, err, "%s", buf_cstr(&sql));
    if (!result)
        return rc ? ddl_no_memory(err) : err->code;
    MYSQL_ROW row = mysql_fetch_row(result);
    if (!row) {
        mysql_free_result(result);
        return error_set(err, DS_ESERVER, "the destination does not tell its session variables");
    }
    snprintf(saved->database, sizeof saved->database, "%s", row[0] ? row[0] : "");
    rc = buf_puts(&saved->restore, "SET timestamp = DEFAULT");
    for (size_t i = 0, column = 0; i < VARIABLES && rc == 0; i++) {
        if (variables[i].mariadb && !c->server->mariadb)
            continue;
        const char *value = row[++column];
        if (i == EXPLICIT_DEFAULTS) { /* read-only in some versions: only when it was changed */
            *explicit_defaults = value && *value == '1';
            continue;
        }
        rc = buf_printf(&saved->restore, ", %s = ", variables[i].name);
        if (rc == 0)
            rc = variables[i].text && value ? sql_string(&saved->restore, value, strlen(value))
                                            : buf_puts(&saved->restore, value ? value : "NULL");
    }
    mysql_free_result(result);
    return rc ? ddl_no_memory(err) : 0;
}

/* Of a source that tells nothing of check constraints, which is MySQL: the upper bits mean
 * something else at MariaDB. */
static uint64_t mode_here(const struct ddl_context *c, const struct msg_session *s)
{
    if (c->server->mariadb)
        return s->check_constraint_checks < 0 ? s->sql_mode & MODES_COMMON : s->sql_mode;
    return s->sql_mode & MODES_OF_MYSQL & MODES_COMMON;
}

/* A collation that this server may not have: MySQL's newer ones are all of utf8mb4. Of a client
 * only the character set counts, and MariaDB takes no number above 255 for it. */
static int put_collation(struct buf *sql, const struct ddl_context *c, const char *variable,
                         unsigned id, bool substitute)
{
    const struct collation_target to = {c->server->mariadb, c->server->version};
    const char *source = collation_of_utf8mb4(to, id);
    char name[COLLATION_NAME_SIZE];
    if (id >= 255 && strcmp(variable, "character_set_client") == 0)
        id =
            id >= UTF8MB3_UCA1400 && id < UTF8MB4_UCA1400 ? UTF8MB3_GENERAL_CI : UTF8MB4_GENERAL_CI;
    if (!substitute || id < 255)
        return buf_printf(sql, ", %s = %u", variable, id);
    if (!source)
        return buf_printf(sql, ", %s = %u", variable, UTF8MB4_GENERAL_CI);
    collation_translate(to, (struct slice){(const uint8_t *)source, strlen(source)}, name);
    return buf_printf(sql, ", %s = %s", variable, name);
}

static int build(const struct ddl_job *job, bool checks, bool substitute, struct buf *sql)
{
    const struct ddl_context *c = job->c;
    const struct msg_session *s = &job->session;
    struct slice engine = s->engine.len ? s->engine : (struct slice){(const uint8_t *)"InnoDB", 6};
    const struct {
        const char *name;
        unsigned id;
    } charsets[] = {{"character_set_client", s->client_charset},
                    {"collation_connection", s->connection_collation},
                    {"collation_server", s->server_collation},
                    {"collation_database", s->database_collation}};
    int rc = buf_printf(sql, "SET sql_mode = %lu", mode_here(c, s));
    for (size_t i = 0; i < sizeof charsets / sizeof *charsets; i++)
        if (charsets[i].id)
            rc |= put_collation(sql, c, charsets[i].name, charsets[i].id, substitute);
    rc |= buf_printf(sql, ", foreign_key_checks = %d, unique_checks = %d, sql_auto_is_null = %d",
                     checks && !(s->flags2 & FLAG_NO_FK_CHECKS),
                     !(s->flags2 & FLAG_NO_UNIQUE_CHECKS), !!(s->flags2 & FLAG_AUTO_IS_NULL));
    rc |= buf_printf(sql, ", timestamp = %lu.%06u", s->timestamp, s->microseconds);
    rc |= buf_puts(sql, ", default_storage_engine = ");
    rc |= sql_string(sql, engine.p, engine.len);
    if (s->time_zone.len) {
        rc |= buf_puts(sql, ", time_zone = ");
        rc |= sql_string(sql, s->time_zone.p, s->time_zone.len);
    }
    rc |= buf_printf(sql, ", lc_time_names = %u", s->lc_time_names);
    if (s->auto_increment_increment)
        rc |= buf_printf(sql, ", auto_increment_increment = %u, auto_increment_offset = %u",
                         s->auto_increment_increment, s->auto_increment_offset);
    if (c->server->mariadb && s->check_constraint_checks >= 0)
        rc |= buf_printf(sql, ", check_constraint_checks = %d", s->check_constraint_checks);
    return rc;
}

/* Only where it is not so already: it is read-only, or needs privileges, in some versions. */
static int set_explicit_defaults(const struct ddl_job *job, bool now, struct ddl_saved *saved,
                                 struct ds_error *err)
{
    if (job->session.explicit_defaults_for_timestamp < 0)
        return 0; /* unknown */
    bool wanted = job->session.explicit_defaults_for_timestamp;
    if (wanted == now)
        return 0;
    int rc = db_exec(job->c->db, err, "SET explicit_defaults_for_timestamp = %d", wanted);
    if (rc == 0)
        return buf_printf(&saved->restore, ", explicit_defaults_for_timestamp = %d", now)
                   ? ddl_no_memory(err)
                   : 0;
    bool table = job->st.kind == SQL_CREATE_TABLE || job->st.kind == SQL_ALTER_TABLE;
    if (db_error_class(err->server_errno) != DS_ESERVER &&
        db_error_class(err->server_errno) != DS_EACCESS)
        return rc;
    if (!table) {
        error_clear(err);
        return 0;
    }
    return error_set(err, DS_EUNSUPPORTED,
                     "the source ran a statement with explicit_defaults_for_timestamp=%d, which "
                     "cannot be set in a session of the destination: set it in its configuration",
                     wanted);
}

static int set_all(const struct ddl_job *job, bool checks, struct ddl_saved *saved,
                   bool explicit_defaults, struct ds_error *err)
{
    MYSQL *db = job->c->db;
    int rc = 0;
    for (int substitute = 0; substitute < 2; substitute++) {
        BUF_AUTO struct buf sql = {0};
        if (build(job, checks, substitute, &sql))
            return ddl_no_memory(err);
        rc = db_exec_len(db, (const char *)sql.data, sql.len, err);
        unsigned number = rc ? err->server_errno : 0;
        if (number != ER_UNKNOWN_CHARACTER_SET && number != ER_UNKNOWN_COLLATION)
            break;
        log_debug("collation of the source is not known here position=%s", job->position);
    }
    if (rc == 0 && job->session.flags2 & FLAG_IF_EXISTS && job->c->server->mariadb) {
        rc = db_exec(db, err, "SET sql_if_exists = 1");
        if (rc == 0 && buf_puts(&saved->restore, ", sql_if_exists = 0"))
            rc = ddl_no_memory(err);
    }
    if (rc && err->server_errno == ER_UNKNOWN_TIME_ZONE)
        return error_set_server(err, DS_EUNSUPPORTED, err->server_errno,
                                "the destination does not know the time zone %.*s of a statement: "
                                "load its time zone tables (mariadb-tzinfo-to-sql)",
                                (int)job->session.time_zone.len,
                                (const char *)job->session.time_zone.p);
    return rc ? rc : set_explicit_defaults(job, explicit_defaults, saved, err);
}

static int use(MYSQL *db, const char *database, struct ds_error *err)
{
    BUF_AUTO struct buf name = {0};
    if (sql_identifier(&name, database))
        return ddl_no_memory(err);
    return db_exec(db, err, "USE %s", buf_cstr(&name));
}

int ddl_session_enter(const struct ddl_job *job, const char *database, bool checks,
                      struct ddl_saved *saved, struct ds_error *err)
{
    bool explicit_defaults = false;
    memset(saved, 0, sizeof *saved);
    int rc = save(job->c, saved, &explicit_defaults, err);
    if (rc == 0)
        rc = use(job->c->db, database, err);
    return rc ? rc : set_all(job, checks, saved, explicit_defaults, err);
}

int ddl_session_leave(const struct ddl_context *c, struct ddl_saved *saved, struct ds_error *err)
{
    int rc = 0;
    if (saved->restore.len)
        rc = db_exec_len(c->db, (const char *)saved->restore.data, saved->restore.len, err);
    if (rc == 0 && saved->restore.len)
        rc = use(c->db, saved->database[0] ? saved->database : c->database, err);
    buf_free(&saved->restore);
    return rc;
}
