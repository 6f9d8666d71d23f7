/* Which tables a copy may replace: those that are noted here. The note is committed before the
 * first change to a table, and names the database, so that another destination under the same
 * stream name is safe. States: copying, copied; old (of an earlier copy, not yet met by this one).
 * Views and routines, which may have a table's name, are noted under a digest; `high` has kind and
 * name, in lines.
 * Of the copy as a whole: copying; replacing, where it was allowed to replace rows of others, so
 * that it still is after a crash; done.
 */
#include <string.h>
#include <xxhash.h>

#include "applier/load_parts.h"
#include "schema/log.h"

enum { POSITION_SHOWN = 690 }; /* the column holds 700 characters */

static int state_table(const struct load_context *c, struct buf *sql)
{
    return sql_table(sql, c->options->state_database, "datasync_snapshot");
}

/* WHERE name = … AND low = … */
static int of_stream(const struct load_context *c, struct buf *sql)
{
    int rc = buf_puts(sql, " WHERE name = ");
    rc |= sql_string(sql, c->options->name, strlen(c->options->name));
    rc |= buf_puts(sql, " AND low = ");
    return rc | sql_string(sql, c->options->database, strlen(c->options->database));
}

static int run(struct load_context *c, struct buf *sql, int built, struct ds_error *err)
{
    return built ? load_no_memory(err) : db_exec_len(c->db, (const char *)sql->data, sql->len, err);
}

int load_state_set(struct load_context *c, struct slice table, const char *state, uint64_t rows,
                   struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    size_t shown = c->position.len < POSITION_SHOWN ? c->position.len : POSITION_SHOWN;
    int rc = buf_puts(&sql, "REPLACE INTO ");
    rc |= state_table(c, &sql);
    rc |= buf_puts(&sql, " SET name = ");
    rc |= sql_string(&sql, c->options->name, strlen(c->options->name));
    rc |= buf_puts(&sql, ", table_name = ");
    rc |= sql_string(&sql, table.p ? (const void *)table.p : "", table.len);
    rc |= buf_puts(&sql, ", low = ");
    rc |= sql_string(&sql, c->options->database, strlen(c->options->database));
    rc |= buf_printf(&sql, ", state = '%s', row_count = %lu, position = ", state, rows);
    rc |= sql_string(&sql, c->position.data ? (const void *)c->position.data : "", shown);
    return run(c, &sql, rc, err);
}

int load_state_replacing(struct load_context *c, bool *replacing, struct ds_error *err)
{
    BUF_AUTO struct buf from = {0}, where = {0}, value = {0};
    if (state_table(c, &from) || of_stream(c, &where))
        return load_no_memory(err);
    return db_scalar(c->db, &value, replacing, err,
                     "SELECT 1 FROM %s%s AND table_name = '' AND state = 'replacing'",
                     buf_cstr(&from), buf_cstr(&where));
}

int load_state_begin(struct load_context *c, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0}, objects = {0};
    bool replacing = false;
    int rc = load_state_replacing(c, &replacing, err);
    if (rc)
        return rc;
    c->replace = c->options->resnapshot || replacing;
    rc = buf_puts(&sql, "UPDATE ");
    rc |= state_table(c, &sql);
    rc |= buf_puts(&sql, " SET state = 'old'");
    rc |= of_stream(c, &sql);
    rc |= buf_puts(&objects, "DELETE FROM ");
    rc |= sql_table(&objects, c->options->state_database, "datasync_objects");
    rc |= buf_puts(&objects, " WHERE name = ");
    rc |= sql_string(&objects, c->options->name, strlen(c->options->name));
    rc = run(c, &sql, rc, err);
    if (rc == 0)
        rc = run(c, &objects, 0, err);
    return rc ? rc
              : load_state_set(c, (struct slice){0}, c->replace ? "replacing" : "copying", 0, err);
}

int load_state_has(struct load_context *c, struct slice table, bool *ours, struct ds_error *err)
{
    BUF_AUTO struct buf where = {0}, from = {0}, value = {0};
    int rc = state_table(c, &from);
    rc |= of_stream(c, &where);
    rc |= buf_puts(&where, " AND table_name = ");
    rc |= sql_string(&where, table.p, table.len);
    if (rc)
        return load_no_memory(err);
    return db_scalar(c->db, &value, ours, err, "SELECT 1 FROM %s%s", buf_cstr(&from),
                     buf_cstr(&where));
}

int load_state_high(struct load_context *c, struct slice table, const struct buf *high,
                    struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    int rc = buf_puts(&sql, "UPDATE ") | state_table(c, &sql) | buf_puts(&sql, " SET high = ") |
             sql_string(&sql, high->data, high->len) | of_stream(c, &sql) |
             buf_puts(&sql, " AND table_name = ") | sql_string(&sql, table.p, table.len);
    return run(c, &sql, rc, err);
}

int load_state_object(struct load_context *c, const char *kind, struct slice name,
                      struct ds_error *err)
{
    BUF_AUTO struct buf full = {0}, key = {0};
    int rc = buf_printf(&full, "%s\n", kind) | buf_append(&full, name.p, name.len);
    rc |= buf_printf(&key, "#%016llx", (unsigned long long)XXH3_64bits(full.data, full.len));
    const struct slice noted = {key.data, key.len};
    rc = rc ? load_no_memory(err) : load_state_set(c, noted, "copying", 0, err);
    return rc ? rc : load_state_high(c, noted, &full, err);
}

static int is_view(struct load_context *c, const char *name, bool *is, struct ds_error *err)
{
    BUF_AUTO struct buf database = {0}, quoted = {0}, value = {0};
    if (sql_string(&database, c->options->database, strlen(c->options->database)) ||
        sql_string(&quoted, name, strlen(name)))
        return load_no_memory(err);
    return db_scalar(c->db, &value, is, err,
                     "SELECT 1 FROM information_schema.VIEWS WHERE TABLE_SCHEMA = %s AND "
                     "TABLE_NAME = %s",
                     buf_cstr(&database), buf_cstr(&quoted));
}

/* kind: NULL for a table. */
static int drop_left(struct load_context *c, const char *kind, const char *name,
                     struct ds_error *err)
{
    BUF_AUTO struct buf object = {0};
    bool there = true;
    if (sql_table(&object, c->options->database, name))
        return load_no_memory(err);
    int rc = kind && strcmp(kind, "VIEW") == 0 ? is_view(c, name, &there, err) : 0;
    if (rc || !there) /* a table may have taken its place */
        return rc;
    log_info("%s of an earlier copy is dropped, the source has it no more name=%s",
             kind ? kind : "TABLE", name);
    return db_exec(c->db, err, "DROP %s IF EXISTS %s", kind ? kind : "TABLE", buf_cstr(&object));
}

/* full: as load_state_object has noted it. */
static int drop_object_left(struct load_context *c, const char *full, struct ds_error *err)
{
    static const char *const kinds[] = {"VIEW", "FUNCTION", "PROCEDURE", "PACKAGE", "PACKAGE BODY"};
    int rc = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && rc == 0; i++) {
        size_t n = strlen(kinds[i]);
        if (strncmp(full, kinds[i], n) == 0 && full[n] == '\n')
            rc = drop_left(c, kinds[i], full + n + 1, err);
    }
    return rc;
}

static int drop_all_left(struct load_context *c, struct ds_error *err)
{
    BUF_AUTO struct buf from = {0}, where = {0};
    if (state_table(c, &from) || of_stream(c, &where))
        return load_no_memory(err);
    MYSQL_RES *res = db_select(c->db, err, "SELECT table_name, high FROM %s%s AND state = 'old'",
                               buf_cstr(&from), buf_cstr(&where));
    if (!res)
        return err->code;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));)
        if (row[1])
            rc = drop_object_left(c, row[1], err);
        else if (*row[0])
            rc = drop_left(c, NULL, row[0], err);
    mysql_free_result(res);
    return rc ? rc
              : db_exec(c->db, err, "DELETE FROM %s%s AND state = 'old'", buf_cstr(&from),
                        buf_cstr(&where));
}

/* Of another map: the tables are not ours to drop. */
static int tell_all_left(struct load_context *c, struct ds_error *err)
{
    BUF_AUTO struct buf from = {0}, where = {0};
    if (state_table(c, &from) || of_stream(c, &where) || buf_puts(&where, " AND state = 'old'"))
        return load_no_memory(err);
    MYSQL_RES *res =
        db_select(c->db, err, "SELECT table_name FROM %s%s", buf_cstr(&from), buf_cstr(&where));
    if (!res)
        return err->code;
    for (MYSQL_ROW row; (row = mysql_fetch_row(res));)
        if (*row[0])
            log_warn("rows of an earlier copy stay, the map leads nothing there now table=%s",
                     row[0]);
    mysql_free_result(res);
    return db_exec(c->db, err, "DELETE FROM %s%s", buf_cstr(&from), buf_cstr(&where));
}

int load_state_end(struct load_context *c, uint64_t rows, struct ds_error *err)
{
    int rc = c->options->takes ? tell_all_left(c, err) : drop_all_left(c, err);
    return rc ? rc : load_state_set(c, (struct slice){0}, "done", rows, err);
}
