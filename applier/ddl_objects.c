/* What is recorded instead of created (triggers, events), and statements about the whole database.
 *
 * Rows of datasync_objects, by `kind`:
 *   trigger      object, object_table, statement
 *   event        object
 *   alter_event  object "NAME #N", object_table the event: to be run behind the event's, by id
 *   mask         the masks of the rows, see mask_record.c
 *   source_system  that of an import, see record.c
 *   database     the mirrored database was dropped at the source and not created again
 * Statements are as they read at the destination; `session` is the whole message.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applier/ddl_internal.h"
#include "applier/load_parts.h"
#include "applier/state.h"
#include "schema/log.h"

static const char *name_literal(const struct ddl_job *job, size_t i)
{
    return ddl_literal(job->arena, job->names[i], strlen(job->names[i]));
}

static int insert_object(const struct ddl_job *job, const char *kind, const char *object,
                         const char *object_table, struct ds_error *err)
{
    const struct slice raw = job->message->raw;
    const char *statement = ddl_literal(job->arena, job->sql.p, job->sql.len);
    const char *session = ddl_literal(job->arena, raw.p, raw.len);
    const char *position = ddl_literal(job->arena, job->position, strlen(job->position));
    if (!statement || !session || !position)
        return ddl_no_memory(err);
    return db_exec(job->c->db, err,
                   "REPLACE INTO %s.datasync_objects SET name = %s, kind = '%s', object = %s, "
                   "object_table = %s, statement = %s, session = %s, position = %s",
                   job->state, job->stream, kind, object, object_table, statement, session,
                   position);
}

static int count_objects(const struct ddl_job *job, const char *kind, const char *object,
                         uint64_t *count, struct ds_error *err)
{
    bool found;
    return db_scalar_u64(job->c->db, count, &found, err,
                         "SELECT COUNT(*) FROM %s.datasync_objects WHERE name = %s AND kind = "
                         "'%s' AND object = %s",
                         job->state, job->stream, kind, object);
}

static int record_create(const struct ddl_job *job, const char *kind, const char *table,
                         struct ds_error *err)
{
    const char *object = name_literal(job, 0);
    if (!object)
        return ddl_no_memory(err);
    uint64_t there = 0;
    if (job->st.if_not_exists) {
        int rc = count_objects(job, kind, object, &there, err);
        if (rc)
            return rc;
    }
    if (there)
        return 0;
    log_info("%s recorded, not created: it is for fail-over name=%s position=%s", kind,
             job->names[0], job->position);
    return insert_object(job, kind, object, table, err);
}

static int drop_event(const struct ddl_job *job, struct ds_error *err)
{
    const char *object = name_literal(job, 0);
    if (!object)
        return ddl_no_memory(err);
    return db_exec(job->c->db, err,
                   "DELETE FROM %s.datasync_objects WHERE name = %s AND ((kind = 'event' AND "
                   "object = %s) OR (kind = 'alter_event' AND object_table = %s))",
                   job->state, job->stream, object, object);
}

static int alter_event(const struct ddl_job *job, struct ds_error *err)
{
    const char *event = name_literal(job, 0);
    const char *new = job->st.alter_renames ? name_literal(job, 1) : event;
    if (!event || !new)
        return ddl_no_memory(err);
    uint64_t number = 0;
    bool found;
    int rc = db_scalar_u64(job->c->db, &number, &found, err,
                           "SELECT COALESCE(MAX(id), 0) + 1 FROM %s.datasync_objects", job->state);
    if (rc)
        return rc;
    char object[64];
    snprintf(object, sizeof object, "event #%lu", number);
    const char *literal = ddl_literal(job->arena, object, strlen(object));
    if (!literal)
        return ddl_no_memory(err);
    rc = insert_object(job, "alter_event", literal, event, err);
    if (rc || !job->st.alter_renames)
        return rc;
    rc =
        db_exec(job->c->db, err,
                "UPDATE %s.datasync_objects SET object = %s WHERE name = %s AND kind = 'event' AND "
                "object = %s",
                job->state, new, job->stream, event);
    if (rc)
        return rc;
    return db_exec(job->c->db, err,
                   "UPDATE %s.datasync_objects SET object_table = %s WHERE name = %s AND kind = "
                   "'alter_event' AND object_table = %s",
                   job->state, new, job->stream, event);
}

int ddl_record(const struct ddl_job *job, struct ds_error *err)
{
    const char *object = name_literal(job, 0);
    const char *table = job->name_count > 1 ? name_literal(job, 1) : "''";
    if (!object || !table)
        return ddl_no_memory(err);
    switch (job->st.kind) {
    case SQL_CREATE_TRIGGER:
        return record_create(job, "trigger", table, err);
    case SQL_CREATE_EVENT:
        return record_create(job, "event", "''", err);
    case SQL_ALTER_EVENT:
        return alter_event(job, err);
    case SQL_DROP_EVENT:
        return drop_event(job, err);
    default:
        return db_exec(job->c->db, err,
                       "DELETE FROM %s.datasync_objects WHERE name = %s AND kind = 'trigger' AND "
                       "object = %s",
                       job->state, job->stream, object);
    }
}

/* ---- triggers follow their tables ---- */

static int drop_triggers_of(const struct ddl_job *job, size_t i, struct ds_error *err)
{
    const char *table = name_literal(job, i);
    if (!table)
        return ddl_no_memory(err);
    return db_exec(job->c->db, err,
                   "DELETE FROM %s.datasync_objects WHERE name = %s AND kind = 'trigger' AND "
                   "object_table = %s",
                   job->state, job->stream, table);
}

/* What is kept with an object: the message that made it, or the copy's session lines. */
static int stored_mode(const struct ddl_job *job, struct slice session, uint64_t *mode,
                       struct ds_error *err)
{
    struct message m;
    const uint8_t *p = session.p;
    *mode = load_session_mode(session);
    if (session.len == 0 || session.p[0] < 0x80) /* no array of msgpack's: text */
        return 0;
    int rc = message_read(&p, p + session.len, job->arena, &m, err);
    *mode = rc == 0 && m.type == MSG_DDL ? m.ddl.session.sql_mode : 0;
    return rc;
}

/* The trigger's statement, on another table. */
static int retarget(const struct ddl_job *job, MYSQL_ROW row, const unsigned long *lengths,
                    const char *table, struct ds_error *err)
{
    struct slice sql = {(const uint8_t *)row[1], lengths[1]};
    uint64_t mode;
    struct sql_statement st;
    int rc = stored_mode(job, (struct slice){(const uint8_t *)row[2], lengths[2]}, &mode, err);
    if (rc)
        return rc;
    if (sql_classify(sql, mode, job->arena, &st))
        return ddl_no_memory(err);
    if (st.kind != SQL_CREATE_TRIGGER)
        return error_set(err, DS_EFORMAT, "row %s of %s.datasync_objects holds no CREATE TRIGGER",
                         row[0], job->state);
    const struct sql_name names[] = {
        {.name = {NULL, 0}},
        {.database = st.names[1].database, .name = {(const uint8_t *)table, strlen(table)}},
    };
    BUF_AUTO struct buf moved = {0};
    const char *statement = NULL, *name = ddl_literal(job->arena, table, strlen(table));
    if (sql_replace_names(sql, &st, names, &moved) == 0)
        statement = ddl_literal(job->arena, moved.data, moved.len);
    if (!statement || !name)
        return ddl_no_memory(err);
    return db_exec(job->c->db, err,
                   "UPDATE %s.datasync_objects SET object_table = %s, statement = %s WHERE id = %s",
                   job->state, name, statement, row[0]);
}

static int move_triggers(const struct ddl_job *job, size_t from, size_t to, struct ds_error *err)
{
    const char *table = name_literal(job, from);
    if (!table)
        return ddl_no_memory(err);
    MYSQL_RES *result = db_select(job->c->db, err,
                                  "SELECT id, statement, session FROM %s.datasync_objects WHERE "
                                  "name = %s AND kind = 'trigger' AND object_table = %s",
                                  job->state, job->stream, table);
    if (!result)
        return err->code;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(result));)
        rc = retarget(job, row, mysql_fetch_lengths(result), job->names[to], err);
    mysql_free_result(result);
    return rc;
}

int ddl_record_followups(const struct ddl_job *job, struct ds_error *err)
{
    const struct sql_statement *st = &job->st;
    int rc = 0;
    if (st->kind == SQL_DROP_TABLE || (st->kind == SQL_CREATE_TABLE && st->or_replace))
        for (size_t i = 0; i < job->name_count && rc == 0; i++)
            rc = drop_triggers_of(job, i, err);
    if (st->kind == SQL_RENAME_TABLE)
        for (size_t i = 0; i + 1 < job->name_count && rc == 0; i += 2)
            rc = move_triggers(job, i, i + 1, err);
    if (st->kind == SQL_ALTER_TABLE && st->alter_renames)
        rc = move_triggers(job, 0, 1, err);
    return rc;
}

/* ---- the whole database ---- */

/* Each row: kind of object, name. */
static int drop_rows(const struct ddl_job *job, MYSQL_RES *result, struct ds_error *err)
{
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(result));) {
        bool view = strcmp(row[0], "VIEW") == 0, routine = row[2][0] == '1';
        const char *kind = view ? "VIEW" : routine ? row[0] : "TABLE"; /* sequences are tables */
        if (!routine && state_is_own_table(row[1], strlen(row[1])))
            continue;
        BUF_AUTO struct buf name = {0};
        if (sql_table(&name, job->c->database, row[1]))
            return ddl_no_memory(err);
        rc = db_exec(job->c->db, err, "DROP %s IF EXISTS %s", kind, buf_cstr(&name));
    }
    return rc;
}

/* Package bodies and views first: they name the others. */
int ddl_empty(const struct ddl_job *job, struct ds_error *err)
{
    const char *database = ddl_literal(job->arena, job->c->database, strlen(job->c->database));
    if (!database)
        return ddl_no_memory(err);
    MYSQL_RES *result = db_select(
        job->c->db, err,
        "SELECT k, n, r FROM (SELECT CAST(TABLE_TYPE AS CHAR) k, TABLE_NAME n, 0 r FROM "
        "information_schema.TABLES WHERE TABLE_SCHEMA = %s UNION ALL SELECT CAST(ROUTINE_TYPE AS "
        "CHAR), ROUTINE_NAME, 1 FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = %s) o "
        "ORDER BY k = 'PACKAGE BODY' DESC, k = 'VIEW' DESC, n",
        database, database);
    if (!result)
        return err->code;
    uint64_t checks = 1;
    bool found;
    int rc = db_scalar_u64(job->c->db, &checks, &found, err, "SELECT @@foreign_key_checks");
    if (rc == 0)
        rc = db_exec(job->c->db, err, "SET foreign_key_checks = 0");
    if (rc == 0)
        rc = drop_rows(job, result, err);
    mysql_free_result(result);
    struct ds_error ignored;
    int restored = db_exec(job->c->db, rc ? &ignored : err, "SET foreign_key_checks = %lu", checks);
    return rc ? rc : restored;
}

int ddl_record_emptied(const struct ddl_job *job, struct ds_error *err)
{
    int rc = db_exec(job->c->db, err,
                     "DELETE FROM %s.datasync_objects WHERE name = %s AND kind <> 'mask'",
                     job->state, job->stream);
    return rc ? rc : insert_object(job, "database", "''", "''", err);
}

/* Run CREATE DATABASE for another name, and read which default character set came of it. */
static int try_database(const struct ddl_job *job, struct buf *collation, struct ds_error *err)
{
    MYSQL *db = job->c->db;
    char scratch[80];
    snprintf(scratch, sizeof scratch, "datasync_scratch_%.47s", job->c->name);
    BUF_AUTO struct buf name = {0}, sql = {0};
    const char *literal = ddl_literal(job->arena, scratch, strlen(scratch));
    if (!literal || sql_identifier(&name, scratch) ||
        sql_rename_database(job->sql, job->session.sql_mode, job->c->database, scratch, &sql))
        return ddl_no_memory(err);
    struct ddl_saved saved;
    bool found = false;
    int rc = db_exec(db, err, "DROP DATABASE IF EXISTS %s", buf_cstr(&name));
    if (rc)
        return rc;
    rc = ddl_session_enter(job, job->c->database, true, &saved, err);
    if (rc == 0)
        rc = db_exec_len(db, (const char *)sql.data, sql.len, err);
    struct ds_error ignored;
    int left = ddl_session_leave(job->c, &saved, rc ? &ignored : err);
    if (rc == 0 && left == 0)
        rc = db_scalar(db, collation, &found, err,
                       "SELECT DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE "
                       "SCHEMA_NAME = %s",
                       literal);
    int dropped =
        db_exec(db, rc || left ? &ignored : err, "DROP DATABASE IF EXISTS %s", buf_cstr(&name));
    return rc ? rc : left ? left : dropped;
}

/* The destination's database stays where it is: what CREATE DATABASE says about its default
 * character set is done by ALTER DATABASE. */
int ddl_take_database(const struct ddl_job *job, struct ds_error *err)
{
    uint64_t dropped = 0;
    int rc = count_objects(job, "database", "''", &dropped, err);
    if (rc || (job->st.if_not_exists && !dropped))
        return rc; /* it was there at the source, too: nothing happened */
    if (job->st.or_replace)
        rc = ddl_empty(job, err);
    BUF_AUTO struct buf collation = {0}, name = {0};
    if (rc == 0)
        rc = try_database(job, &collation, err);
    if (rc)
        return rc;
    if (sql_identifier(&name, job->c->database))
        return ddl_no_memory(err);
    return db_exec(job->c->db, err, "ALTER DATABASE %s COLLATE %s", buf_cstr(&name),
                   buf_cstr(&collation));
}
