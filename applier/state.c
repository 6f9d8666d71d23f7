#include "applier/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/db.h"

#define FORMAT_COMMENT "datasync format 1"

/* Every column that a later feature needs is there from the first version on, so that none of them
 * needs a migration: one checkpoint per entity, origins in the registry, chunks in the snapshot. */
static const struct {
    const char *name, *columns;
} tables[] = {
    {"datasync_checkpoint",
     "name VARCHAR(64) NOT NULL,"
     "entity VARCHAR(64) NOT NULL DEFAULT '',"
     "gtid_set MEDIUMTEXT NOT NULL,"
     "file VARCHAR(512) NOT NULL,"
     "pos BIGINT UNSIGNED NOT NULL,"
     "source_identity VARCHAR(255) NOT NULL,"
     "filter CHAR(32) NOT NULL,"
     "filter_text MEDIUMTEXT NOT NULL,"
     "source_time BIGINT UNSIGNED NOT NULL,"
     "server_started BIGINT UNSIGNED NOT NULL,"
     "dirty TINYINT UNSIGNED NOT NULL,"
     "stale MEDIUMTEXT NOT NULL,"
     "transactions BIGINT UNSIGNED NOT NULL,"
     "row_events BIGINT UNSIGNED NOT NULL,"
     "rows_written BIGINT UNSIGNED NOT NULL,"
     "batches BIGINT UNSIGNED NOT NULL,"
     "conflicts BIGINT UNSIGNED NOT NULL,"
     "entities MEDIUMTEXT NOT NULL,"
     "updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,"
     "PRIMARY KEY (name, entity)"},
    {"datasync_ddl", "id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,"
                     "name VARCHAR(64) NOT NULL,"
                     "position VARCHAR(700) NOT NULL,"
                     "statement LONGBLOB NOT NULL,"
                     "session LONGBLOB NOT NULL,"
                     "tables_before LONGBLOB NOT NULL,"
                     "state VARCHAR(16) NOT NULL,"
                     "created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,"
                     "PRIMARY KEY (id), KEY (name, state)"},
    {"datasync_objects", "id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,"
                         "name VARCHAR(64) NOT NULL,"
                         "kind VARCHAR(16) NOT NULL,"
                         "object VARCHAR(64) NOT NULL,"
                         "object_table VARCHAR(64) NOT NULL DEFAULT '',"
                         "statement LONGBLOB NOT NULL,"
                         "session LONGBLOB NOT NULL,"
                         "position VARCHAR(700) NOT NULL,"
                         "recorded_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,"
                         "PRIMARY KEY (id), UNIQUE KEY (name, kind, object)"},
    {"datasync_xa", "name VARCHAR(64) NOT NULL,"
                    "xid VARBINARY(400) NOT NULL,"
                    "part INT UNSIGNED NOT NULL,"
                    "position VARCHAR(700) NOT NULL,"
                    "messages LONGBLOB NOT NULL,"
                    "created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,"
                    "PRIMARY KEY (name, xid, part)"},
    {"datasync_quarantine", "id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,"
                            "name VARCHAR(64) NOT NULL,"
                            "held_by BIGINT UNSIGNED NULL,"
                            "entity VARCHAR(64) NOT NULL,"
                            "entity_key VARBINARY(512) NOT NULL,"
                            "table_name VARCHAR(64) NOT NULL,"
                            "row_key VARBINARY(3000) NOT NULL,"
                            "row_key_text VARCHAR(512) NOT NULL,"
                            "operation VARCHAR(8) NOT NULL,"
                            "messages LONGBLOB NOT NULL,"
                            "reason_code INT UNSIGNED NOT NULL,"
                            "reason TEXT NOT NULL,"
                            "position VARCHAR(700) NOT NULL,"
                            "source_time BIGINT UNSIGNED NOT NULL,"
                            "created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,"
                            "PRIMARY KEY (id), KEY (name, table_name), KEY (held_by)"},
    {"datasync_outbox", "id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,"
                        "name VARCHAR(64) NOT NULL,"
                        "idempotency_key VARCHAR(255) NOT NULL,"
                        "hook VARCHAR(64) NOT NULL,"
                        "payload LONGBLOB NOT NULL,"
                        "attempts INT UNSIGNED NOT NULL DEFAULT 0,"
                        "next_attempt TIMESTAMP NULL,"
                        "created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,"
                        "PRIMARY KEY (id), UNIQUE KEY (name, idempotency_key), KEY (next_attempt)"},
    {"datasync_snapshot",
     "name VARCHAR(64) NOT NULL,"
     "table_name VARCHAR(64) NOT NULL,"
     "state VARCHAR(16) NOT NULL,"
     "position VARCHAR(700) NOT NULL,"
     "low VARBINARY(3000) NULL,"
     "high VARBINARY(3000) NULL,"
     "row_count BIGINT UNSIGNED NOT NULL DEFAULT 0,"
     "updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,"
     "PRIMARY KEY (name, table_name)"},
    /* Empty after a restart of the server: how one is noticed, whatever the clocks say. */
    {"datasync_alive", "name VARCHAR(64) NOT NULL, PRIMARY KEY (name)"},
    {"datasync_entity_registry",
     "source_system VARCHAR(64) NOT NULL,"
     "entity_type VARCHAR(64) NOT NULL,"
     "source_id VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,"
     "target_id BIGINT UNSIGNED NOT NULL,"
     "origin VARCHAR(8) NOT NULL,"
     "external_ref VARCHAR(255) NULL,"
     "synced_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,"
     "UNIQUE KEY (source_system, entity_type, source_id), KEY (entity_type, target_id)"},
    {"datasync_incomplete", "source_system VARCHAR(64) NOT NULL,"
                            "entity_type VARCHAR(64) NOT NULL,"
                            "source_id VARCHAR(191) NOT NULL,"
                            "missing_type VARCHAR(64) NOT NULL,"
                            "missing_id VARCHAR(191) NOT NULL,"
                            "PRIMARY KEY (source_system, entity_type, source_id, missing_type, "
                            "missing_id)"},
};
enum { TABLE_COUNT = sizeof tables / sizeof *tables };

bool state_is_own_table(const char *name, size_t len)
{
    for (int i = 0; i < TABLE_COUNT; i++)
        if (strlen(tables[i].name) == len && memcmp(tables[i].name, name, len) == 0)
            return true;
    return false;
}

static int check_format(MYSQL *db, const char *state_database, bool *complete, struct ds_error *err)
{
    BUF_AUTO struct buf name = {0};
    if (sql_string(&name, state_database, strlen(state_database)))
        return error_set(err, DS_ENOMEM, "out of memory");
    MYSQL_RES *res = db_select(db, err,
                               "SELECT TABLE_NAME, TABLE_COMMENT FROM information_schema.TABLES "
                               "WHERE TABLE_SCHEMA = %s AND TABLE_NAME LIKE 'datasync\\_%%'",
                               buf_cstr(&name));
    if (!res)
        return err->code;
    int rc = 0, found = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));) {
        if (!state_is_own_table(row[0], strlen(row[0])))
            continue;
        found++;
        if (strcmp(row[1], FORMAT_COMMENT) != 0)
            rc = error_set(
                err, DS_EUNSUPPORTED,
                "table %s.%s is not of the format that this version writes (its comment is "
                "\"%s\", expected \"" FORMAT_COMMENT
                "\"): use the version of datasync that created it, or another state_database",
                state_database, row[0], row[1]);
    }
    mysql_free_result(res);
    *complete = found == TABLE_COUNT;
    return rc;
}

int state_ensure(MYSQL *db, const char *state_database, struct ds_error *err)
{
    bool complete = false;
    int rc = check_format(db, state_database, &complete, err);
    if (rc || complete)
        return rc;
    BUF_AUTO struct buf name = {0};
    if (sql_identifier(&name, state_database))
        return error_set(err, DS_ENOMEM, "out of memory");
    bool have = false;
    BUF_AUTO struct buf value = {0}, literal = {0};
    if (sql_string(&literal, state_database, strlen(state_database)))
        return error_set(err, DS_ENOMEM, "out of memory");
    rc = db_scalar(db, &value, &have, err,
                   "SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s",
                   buf_cstr(&literal));
    if (rc == 0 && !have)
        rc = db_exec(db, err, "CREATE DATABASE IF NOT EXISTS %s DEFAULT CHARACTER SET utf8mb4",
                     buf_cstr(&name));
    for (int i = 0; i < TABLE_COUNT && rc == 0; i++) {
        bool alive = strcmp(tables[i].name, "datasync_alive") == 0;
        rc = db_exec(
            db, err,
            "CREATE TABLE IF NOT EXISTS %s.%s (%s) ENGINE=%s DEFAULT CHARACTER SET utf8mb4 "
            "COLLATE utf8mb4_bin COMMENT='" FORMAT_COMMENT "'",
            buf_cstr(&name), tables[i].name, tables[i].columns, alive ? "MEMORY" : "InnoDB");
    }
    return rc;
}

int state_exists(MYSQL *db, const char *state_database, bool *exists, struct ds_error *err)
{
    BUF_AUTO struct buf literal = {0}, value = {0};
    if (sql_string(&literal, state_database, strlen(state_database)))
        return error_set(err, DS_ENOMEM, "out of memory");
    return db_scalar(
        db, &value, exists, err,
        "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_NAME "
        "= 'datasync_checkpoint'",
        buf_cstr(&literal));
}

int state_restarted(MYSQL *db, const char *state_database, const char *name, bool *restarted,
                    struct ds_error *err)
{
    BUF_AUTO struct buf table = {0}, key = {0}, value = {0};
    bool there = false;
    if (sql_table(&table, state_database, "datasync_alive") || sql_string(&key, name, strlen(name)))
        return error_set(err, DS_ENOMEM, "out of memory");
    int rc = db_scalar(db, &value, &there, err, "SELECT 1 FROM %s WHERE name = %s",
                       buf_cstr(&table), buf_cstr(&key));
    *restarted = !there;
    return rc;
}

int state_mark_alive(MYSQL *db, const char *state_database, const char *name, struct ds_error *err)
{
    BUF_AUTO struct buf table = {0}, key = {0};
    if (sql_table(&table, state_database, "datasync_alive") || sql_string(&key, name, strlen(name)))
        return error_set(err, DS_ENOMEM, "out of memory");
    return db_exec(db, err, "INSERT IGNORE INTO %s SET name = %s", buf_cstr(&table),
                   buf_cstr(&key));
}

void checkpoint_free(struct checkpoint *cp)
{
    free(cp->gtid_set);
    free(cp->file);
    free(cp->source_identity);
    free(cp->filter_text);
    free(cp->stale);
    free(cp->entities);
    free(cp->rows);
    memset(cp, 0, sizeof *cp);
}

static char *text_or_empty(const char *text)
{
    return strdup(text ? text : "");
}

int checkpoint_read(MYSQL *db, const char *state_database, const char *name, const char *entity,
                    bool for_update, struct checkpoint *out, struct ds_error *err)
{
    memset(out, 0, sizeof *out);
    BUF_AUTO struct buf table = {0}, key = {0}, own = {0};
    if (sql_table(&table, state_database, "datasync_checkpoint") ||
        sql_string(&key, name, strlen(name)) ||
        sql_string(&own, entity ? entity : "", entity ? strlen(entity) : 0))
        return error_set(err, DS_ENOMEM, "out of memory");
    MYSQL_RES *res = db_select(
        db, err,
        "SELECT e.gtid_set, e.file, e.pos, e.source_identity, s.filter, s.filter_text, "
        "e.source_time, s.server_started, s.dirty, s.stale, s.transactions, s.row_events, "
        "s.rows_written, s.batches, s.conflicts, s.entities FROM %s s JOIN %s e ON e.name = s.name "
        "AND e.entity IN ('', %s) WHERE s.name = %s AND s.entity = '' ORDER BY e.entity DESC "
        "LIMIT 1%s",
        buf_cstr(&table), buf_cstr(&table), buf_cstr(&own), buf_cstr(&key),
        for_update ? " FOR UPDATE" : "");
    if (!res)
        return err->code;
    MYSQL_ROW row = mysql_fetch_row(res);
    int rc = 0;
    if (row) {
        out->row = true;
        out->gtid_set = text_or_empty(row[0]);
        out->file = text_or_empty(row[1]);
        out->pos = strtoull(row[2], NULL, 10);
        out->source_identity = text_or_empty(row[3]);
        snprintf(out->filter, sizeof out->filter, "%s", row[4]);
        out->filter_text = text_or_empty(row[5]);
        out->source_time = strtoull(row[6], NULL, 10);
        out->server_started = strtoull(row[7], NULL, 10);
        out->dirty = row[8][0] != '0';
        out->stale = text_or_empty(row[9]);
        out->counters.transactions = strtoull(row[10], NULL, 10);
        out->counters.rows = strtoull(row[11], NULL, 10);
        out->counters.rows_written = strtoull(row[12], NULL, 10);
        out->counters.batches = strtoull(row[13], NULL, 10);
        out->counters.conflicts = strtoull(row[14], NULL, 10);
        out->entities = text_or_empty(row[15]);
        out->found = !entity || row[0][0] || row[1][0];
        if (!out->gtid_set || !out->file || !out->source_identity || !out->filter_text ||
            !out->stale || !out->entities)
            rc = error_set(err, DS_ENOMEM, "out of memory");
    }
    mysql_free_result(res);
    return rc;
}

static int out_of_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for the checkpoint");
}

/* Is it the position of those that have none of their own? */
static bool of_stream(const struct checkpoint *cp)
{
    return !cp->rows || cp->rows[0] == '\n' || strstr(cp->rows, "\n\n");
}

static int write_text(struct buf *sql, const char *column, const char *value)
{
    value = value ? value : "";
    return buf_printf(sql, "%s = ", column) | sql_string(sql, value, strlen(value)) |
           buf_puts(sql, ", ");
}

static int write_position(struct buf *sql, const struct checkpoint *cp)
{
    int rc = write_text(sql, "gtid_set", cp->gtid_set);
    rc |= write_text(sql, "file", cp->file);
    rc |= write_text(sql, "source_identity", cp->source_identity);
    return rc | buf_printf(sql, "pos = %lu, source_time = %lu, ", cp->pos, cp->source_time);
}

/* The assignments of every column but the key, for INSERT … SET and UPDATE … SET alike. */
static int write_assignments(struct buf *sql, const struct checkpoint *cp, bool position)
{
    int rc = position ? write_position(sql, cp) : 0;
    rc |= write_text(sql, "filter", cp->filter);
    rc |= write_text(sql, "stale", cp->stale);
    rc |= write_text(sql, "entities", cp->entities);
    rc |= write_text(sql, "filter_text", cp->filter_text);
    return rc |
           buf_printf(sql,
                      "server_started = %lu, dirty = %d, transactions = %lu, row_events = %lu, "
                      "rows_written = %lu, batches = %lu, conflicts = %lu",
                      cp->server_started, cp->dirty, cp->counters.transactions, cp->counters.rows,
                      cp->counters.rows_written, cp->counters.batches, cp->counters.conflicts);
}

/* Row by row: they are few, and each of them is there from the second time on. */
static int write_entity(MYSQL *db, const char *state_database, const char *name, const char *entity,
                        size_t len, const struct checkpoint *cp, struct ds_error *err)
{
    static const struct checkpoint none = {.filter = ""};
    BUF_AUTO struct buf sql = {0}, position = {0};
    int rc = write_position(&position, cp);
    position.len -= rc ? 0 : strlen(", ");
    rc |= buf_puts(&sql, "INSERT INTO ") | sql_table(&sql, state_database, "datasync_checkpoint");
    rc |= buf_puts(&sql, " SET name = ") | sql_string(&sql, name, strlen(name));
    rc |= buf_puts(&sql, ", entity = ") | sql_string(&sql, entity, len);
    rc |= buf_puts(&sql, ", ") | buf_append(&sql, position.data, position.len);
    rc |= buf_puts(&sql, ", ") | write_assignments(&sql, &none, false);
    rc |= buf_puts(&sql, " ON DUPLICATE KEY UPDATE ");
    rc |= buf_append(&sql, position.data, position.len);
    return rc ? out_of_memory(err) : db_exec_len(db, (const char *)sql.data, sql.len, err);
}

static int write_entities(MYSQL *db, const char *state_database, const char *name,
                          const struct checkpoint *cp, struct ds_error *err)
{
    int rc = 0;
    for (const char *line = cp->rows; line && *line && rc == 0; line = strchr(line, '\n') + 1) {
        size_t len = strcspn(line, "\n");
        rc = len ? write_entity(db, state_database, name, line, len, cp, err) : 0;
    }
    return rc;
}

int checkpoint_insert(MYSQL *db, const char *state_database, const char *name,
                      const struct checkpoint *cp, struct ds_error *err)
{
    static const struct checkpoint nowhere = {.filter = ""};
    BUF_AUTO struct buf sql = {0};
    bool position = of_stream(cp);
    int rc = buf_puts(&sql, "INSERT INTO ");
    rc |= sql_table(&sql, state_database, "datasync_checkpoint");
    rc |= buf_puts(&sql, " SET name = ");
    rc |= sql_string(&sql, name, strlen(name));
    rc |= buf_puts(&sql, ", ");
    rc |= write_position(&sql, position ? cp : &nowhere);
    rc |= write_assignments(&sql, cp, false);
    if (rc)
        return out_of_memory(err);
    rc = db_exec_len(db, (const char *)sql.data, sql.len, err);
    return rc ? rc : write_entities(db, state_database, name, cp, err);
}

int checkpoint_update(MYSQL *db, const char *state_database, const char *name,
                      const struct checkpoint *cp, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    int rc = buf_puts(&sql, "UPDATE ");
    rc |= sql_table(&sql, state_database, "datasync_checkpoint");
    rc |= buf_puts(&sql, " SET ");
    rc |= write_assignments(&sql, cp, of_stream(cp));
    rc |= buf_puts(&sql, " WHERE entity = '' AND name = ");
    rc |= sql_string(&sql, name, strlen(name));
    if (rc)
        return out_of_memory(err);
    rc = db_exec_len(db, (const char *)sql.data, sql.len, err);
    if (rc)
        return rc;
    if (mysql_affected_rows(db) != 1)
        return error_set(err, DS_EPOSITION,
                         "the checkpoint of stream %s is gone from %s: somebody deleted it while "
                         "datasync was running; start again with --resnapshot",
                         name, state_database);
    return cp->rows ? write_entities(db, state_database, name, cp, err) : 0;
}

int checkpoint_settle(MYSQL *db, const char *state_database, const char *name, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    if (buf_puts(&sql, "DELETE FROM ") | sql_table(&sql, state_database, "datasync_checkpoint") |
        buf_puts(&sql, " WHERE entity <> '' AND name = ") | sql_string(&sql, name, strlen(name)))
        return out_of_memory(err);
    return db_exec_len(db, (const char *)sql.data, sql.len, err);
}

int checkpoint_delete(MYSQL *db, const char *state_database, const char *name, struct ds_error *err)
{
    static const char *const of_stream[] = {"datasync_checkpoint", "datasync_ddl",
                                            "datasync_xa",         "datasync_quarantine",
                                            "datasync_snapshot",   "datasync_objects"};
    int rc = db_exec(db, err, "START TRANSACTION");
    for (size_t i = 0; i < sizeof of_stream / sizeof *of_stream && rc == 0; i++) {
        BUF_AUTO struct buf sql = {0};
        rc = buf_puts(&sql, "DELETE FROM ");
        rc |= sql_table(&sql, state_database, of_stream[i]);
        rc |= buf_puts(&sql, " WHERE name = ");
        rc |= sql_string(&sql, name, strlen(name));
        if (rc)
            return error_set(err, DS_ENOMEM, "out of memory");
        rc = db_exec_len(db, (const char *)sql.data, sql.len, err);
    }
    return rc ? rc : db_exec(db, err, "COMMIT");
}

int checkpoint_position(const struct checkpoint *cp, struct position *out, struct ds_error *err)
{
    memset(out, 0, sizeof *out);
    int rc = gtid_set_parse(&out->gtid, cp->gtid_set ? cp->gtid_set : "", err);
    if (rc)
        return rc;
    snprintf(out->file.file, sizeof out->file.file, "%s", cp->file ? cp->file : "");
    out->file.pos = cp->pos;
    return 0;
}

bool entity_counts_any(const struct entity_counts *c)
{
    return c->inserted + c->updated + c->deleted + c->folded > 0;
}

const char *entity_counts_read(const char *line, struct entity_counts *out)
{
    memset(out, 0, sizeof *out);
    if (!line || !*line)
        return NULL;
    uint64_t *const numbers[] = {&out->inserted, &out->updated, &out->deleted, &out->folded,
                                 &out->time};
    size_t name = strcspn(line, " \n"), length = strcspn(line, "\n");
    snprintf(out->name, sizeof out->name, "%.*s", (int)name, line);
    const char *at = line + name;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers && *at == ' '; i++) {
        char *end;
        *numbers[i] = strtoull(at, &end, 10);
        at = end;
    }
    return line + length + (line[length] == '\n');
}

int entity_counts_print(const struct entity_counts *c, struct buf *out)
{
    return buf_printf(out, "%s %lu %lu %lu %lu %lu\n", c->name, c->inserted, c->updated, c->deleted,
                      c->folded, c->time);
}
