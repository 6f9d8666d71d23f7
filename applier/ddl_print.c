/* Fingerprints of objects, and what a statement would make of empty copies of them. */
#include <mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applier/ddl_internal.h"
#include "schema/log.h"
#include "schema/sql_collation.h"

static bool is_routine(enum sql_kind kind)
{
    return kind == SQL_CREATE_ROUTINE || kind == SQL_ALTER_ROUTINE || kind == SQL_DROP_ROUTINE;
}

static bool is_missing(unsigned number)
{
    return number == ER_NO_SUCH_TABLE || number == ER_SP_DOES_NOT_EXIST ||
           number == ER_UNKNOWN_TABLE || number == ER_BAD_DB_ERROR || number == ER_UNKNOWN_VIEW;
}

/* The counter of the table options; a comment that looks like it stands in front of them. */
static size_t cut_counter(char *text, size_t len)
{
    char *options = strstr(text, "\n)");
    char *counter = options ? strstr(options, " AUTO_INCREMENT=") : NULL;
    char *comment = options ? strstr(options, " COMMENT='") : NULL;
    if (!counter || (comment && comment < counter))
        return len;
    char *end = counter + strlen(" AUTO_INCREMENT=");
    end += strspn(end, "0123456789");
    memmove(counter, end, len - (size_t)(end - text) + 1);
    return len - (size_t)(end - counter);
}

static int read_definition(const struct ddl_job *job, const char *database, struct ddl_print *p,
                           struct ds_error *err)
{
    bool routine = is_routine(job->st.kind);
    BUF_AUTO struct buf name = {0};
    if (sql_table(&name, database, p->name))
        return ddl_no_memory(err);
    MYSQL_RES *result = db_select(job->c->db, err, "SHOW CREATE %s %s",
                                  routine ? job->st.object : "TABLE", buf_cstr(&name));
    if (!result) {
        if (!is_missing(err->server_errno))
            return err->code;
        error_clear(err);
        return 0;
    }
    MYSQL_ROW row = mysql_fetch_row(result);
    unsigned column = routine ? 2 : 1;
    unsigned long *lengths = row ? mysql_fetch_lengths(result) : NULL;
    const char *text = row && mysql_num_fields(result) > column ? row[column] : NULL;
    char *copy = NULL;
    size_t len = 0;
    if (text) {
        len = lengths[column];
        copy = ddl_text(job->arena, (struct slice){(const uint8_t *)text, len});
        if (copy && !routine)
            len = cut_counter(copy, len);
    }
    mysql_free_result(result);
    if (!text)
        return error_set(err, DS_EACCESS,
                         "the destination does not show the definition of %s.%s; grant SELECT and "
                         "SHOW VIEW (for routines: SHOW CREATE ROUTINE, SHOW_ROUTINE on "
                         "MySQL, or SELECT on mysql.proc)",
                         database, p->name);
    p->definition = (struct slice){(const uint8_t *)copy, len};
    if (copy && !routine && !job->c->server->mariadb) {
        BUF_AUTO struct buf plain = {0};
        if (sql_drop_implied_charsets(p->definition, &plain))
            return ddl_no_memory(err);
        p->definition = (struct slice){arena_copy(job->arena, plain.data, plain.len), plain.len};
    }
    return copy && p->definition.p ? 0 : ddl_no_memory(err);
}

/* Table ids of InnoDB, partitions included, as "name=id …" relative to the table. A missing PROCESS
 * privilege leaves them unknown. */
static int read_ids(const struct ddl_job *job, const char *database, struct ddl_print *p,
                    struct ds_error *err)
{
    const struct ddl_context *c = job->c;
    BUF_AUTO struct buf name = {0}, ids = {0};
    if (sql_innodb_name(&name, c->server, database, p->name))
        return ddl_no_memory(err);
    bool found;
    int rc = db_scalar(
        c->db, &ids, &found, err,
        "SELECT GROUP_CONCAT(CONCAT(SUBSTRING(i.n, LENGTH(f.n) + 1), '=', i.id) ORDER BY i.n "
        "SEPARATOR ' ') FROM (SELECT CAST(NAME AS BINARY) n, TABLE_ID id FROM "
        "information_schema.%s) i JOIN (SELECT %s n) f ON i.n = f.n OR LEFT(i.n, LENGTH(f.n) + 3) "
        "IN (CONCAT(f.n, '#P#'), CONCAT(f.n, '#p#'))",
        sql_innodb_view(c->server), buf_cstr(&name));
    if (rc && (err->code == DS_EACCESS || err->code == DS_ESERVER)) {
        log_debug("InnoDB table ids cannot be read, grant PROCESS to judge more DDL after a crash "
                  "errno=%u",
                  err->server_errno);
        error_clear(err);
        return 0;
    }
    if (rc == 0 && found) {
        p->ids.p = arena_copy(job->arena, ids.data, ids.len);
        p->ids.len = ids.len;
        if (!p->ids.p)
            return ddl_no_memory(err);
    }
    return rc;
}

int ddl_prints_read(const struct ddl_job *job, const char *database, struct ddl_print **out,
                    struct ds_error *err)
{
    struct ddl_print *prints = arena_zalloc(job->arena, (job->name_count + 1) * sizeof *prints);
    int rc = 0;
    *out = prints;
    if (!prints)
        return ddl_no_memory(err);
    for (size_t i = 0; i < job->name_count && rc == 0; i++) {
        prints[i].name = job->names[i];
        rc = read_definition(job, database, prints + i, err);
        if (rc == 0 && prints[i].definition.len && !is_routine(job->st.kind))
            rc = read_ids(job, database, prints + i, err);
    }
    return rc;
}

int ddl_has_expressions(const struct ddl_job *job, bool *has, struct ds_error *err)
{
    struct ddl_print p = {.name = job->names[0]};
    int rc = read_definition(job, job->c->database, &p, err);
    *has = rc == 0 && p.definition.len && sql_has_expressions(p.definition);
    return rc;
}

/* Each print is an image of three values, one behind the other. */
int ddl_prints_write(const struct ddl_print *prints, size_t count, struct buf *out)
{
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        const struct ddl_print *p = prints + i;
        rc = image_write_head(out, 3) | value_write_text(out, p->name, strlen(p->name));
        rc |= p->definition.len ? value_write_bytes(out, p->definition.p, p->definition.len)
                                : value_write_null(out);
        rc |= p->ids.len ? value_write_bytes(out, p->ids.p, p->ids.len) : value_write_null(out);
    }
    return rc;
}

static int parse_one(const uint8_t **p, const uint8_t *end, struct arena *arena,
                     struct ddl_print *out)
{
    const uint8_t *from = *p, *columns[3];
    if (value_skip(p, end) || image_split((struct slice){from, (size_t)(*p - from)}, 3, columns))
        return DS_EFORMAT;
    struct value v[3];
    for (int i = 0; i < 3; i++) {
        const uint8_t *at = columns[i];
        if (value_read(&at, *p, v + i) ||
            (v[i].kind != VALUE_TEXT && v[i].kind != VALUE_BYTES && (i == 0 || v[i].kind)))
            return DS_EFORMAT;
    }
    out->name = ddl_text(arena, v[0].bytes);
    out->definition = v[1].kind == VALUE_NULL ? (struct slice){NULL, 0} : v[1].bytes;
    out->ids = v[2].kind == VALUE_NULL ? (struct slice){NULL, 0} : v[2].bytes;
    return out->name ? 0 : DS_ENOMEM;
}

int ddl_prints_parse(struct slice stored, struct arena *arena, struct ddl_print **out,
                     size_t *count, struct ds_error *err)
{
    const uint8_t *p = stored.p, *end = stored.len ? p + stored.len : p;
    size_t n = 0;
    while (p < end && value_skip(&p, end) == 0)
        n++;
    *out = arena_zalloc(arena, (n + 1) * sizeof **out);
    *count = n;
    if (!*out)
        return ddl_no_memory(err);
    p = stored.p;
    for (size_t i = 0; i < n; i++) {
        int rc = parse_one(&p, end, arena, *out + i);
        if (rc == DS_ENOMEM)
            return ddl_no_memory(err);
        if (rc)
            break;
    }
    if (p == end)
        return 0;
    return error_set(err, DS_EFORMAT,
                     "the fingerprint of an open DDL intent in datasync_ddl is damaged; compare "
                     "the tables by hand, then pass over the statement with `datasync skip`");
}

/* ---- dry run ---- */

static int scratch_exec(const struct ddl_job *job, struct slice sql, struct ds_error *err)
{
    return db_exec_len(job->c->db, (const char *)sql.p, sql.len, err);
}

/* A RENAME may name an object more than once. */
static bool named_before(const struct ddl_job *job, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (strcmp(job->names[j], job->names[i]) == 0)
            return true;
    return false;
}

/* Empty copies of what there was, in the scratch database, from the stored definitions. */
static int copy_objects(const struct ddl_job *job, const struct ddl_print *before,
                        struct ds_error *err)
{
    struct ddl_saved saved;
    struct ddl_job neutral = *job;
    neutral.session = (struct msg_session){.client_charset = 45,
                                           .connection_collation = 45,
                                           .timestamp = job->session.timestamp,
                                           .explicit_defaults_for_timestamp = -1,
                                           .check_constraint_checks = -1};
    char scratch[80];
    snprintf(scratch, sizeof scratch, "datasync_scratch_%.47s", job->c->name);
    int rc = ddl_session_enter(&neutral, scratch, false, &saved, err);
    for (size_t i = 0; i < job->name_count && rc == 0; i++)
        if (before[i].definition.len && !named_before(job, i))
            rc = scratch_exec(job, before[i].definition, err);
    struct ds_error ignored;
    int left = ddl_session_leave(job->c, &saved, rc ? &ignored : err);
    return rc ? rc : left;
}

/* Definitions in the scratch database name it where they mean the real one. */
static int name_back(const struct ddl_job *job, const char *scratch, struct ddl_print *after,
                     struct ds_error *err)
{
    for (size_t i = 0; after && i < job->name_count; i++) {
        if (after[i].definition.len == 0)
            continue;
        BUF_AUTO struct buf text = {0};
        if (sql_rename_database(after[i].definition, 0, scratch, job->c->database, &text))
            return ddl_no_memory(err);
        after[i].definition.p = arena_copy(job->arena, text.data, text.len);
        after[i].definition.len = text.len;
        if (!after[i].definition.p)
            return ddl_no_memory(err);
    }
    return 0;
}

static int run_in_scratch(const struct ddl_job *job, const char *scratch, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    if (sql_rename_database(job->sql, job->session.sql_mode, job->c->database, scratch, &sql))
        return ddl_no_memory(err);
    struct ddl_saved saved;
    int rc = ddl_session_enter(job, scratch, false, &saved, err);
    if (rc == 0)
        rc = scratch_exec(job, (struct slice){sql.data, sql.len}, err);
    if (rc && err->server_errno && err->server_errno == job->session.error_code) {
        error_clear(err);
        rc = 0;
    }
    struct ds_error ignored;
    int left = ddl_session_leave(job->c, &saved, rc ? &ignored : err);
    return rc ? rc : left;
}

int ddl_dry_run(const struct ddl_job *job, const struct ddl_print *before, bool *possible,
                struct ddl_print **after, struct ds_error *err)
{
    MYSQL *db = job->c->db;
    char scratch[80];
    snprintf(scratch, sizeof scratch, "datasync_scratch_%.47s", job->c->name);
    *possible = false;
    BUF_AUTO struct buf name = {0};
    BUF_AUTO struct buf literal = {0};
    BUF_AUTO struct buf collation = {0};
    bool found;
    if (sql_identifier(&name, scratch) ||
        sql_string(&literal, job->c->database, strlen(job->c->database)))
        return ddl_no_memory(err);
    int rc = db_scalar(db, &collation, &found, err,
                       "SELECT DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE "
                       "SCHEMA_NAME = %s",
                       buf_cstr(&literal));
    if (rc == 0)
        rc = db_exec(db, err, "DROP DATABASE IF EXISTS %s", buf_cstr(&name));
    if (rc == 0)
        rc = db_exec(db, err, "CREATE DATABASE %s %s%s", buf_cstr(&name), found ? "COLLATE " : "",
                     buf_cstr(&collation));
    if (rc)
        return rc;
    rc = copy_objects(job, before, err);
    if (rc == 0)
        rc = run_in_scratch(job, scratch, err);
    *possible = rc == 0;
    if (rc == 0)
        rc = ddl_prints_read(job, scratch, after, err);
    if (rc == 0)
        rc = name_back(job, scratch, *after, err);
    if (rc == DS_ESERVER || rc == DS_EUNSUPPORTED) { /* it cannot be told this way */
        log_warn("dry run of a statement failed: %s", err->message);
        error_clear(err);
        rc = 0;
    }
    struct ds_error ignored;
    int dropped = db_exec(db, rc ? &ignored : err, "DROP DATABASE IF EXISTS %s", buf_cstr(&name));
    return rc ? rc : dropped;
}
