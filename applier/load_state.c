/* Which tables a copy may replace: those that are noted here. The note is committed before the
 * first change to a table, and names the database, so that another destination under the same
 * stream name is safe. States: copying, copied; old (of an earlier copy, not yet met by this one).
 * Of the copy as a whole: copying; replacing, where it was allowed to replace rows of others, so
 * that it still is after a crash; done.
 */
#include <string.h>

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

static int was_replacing(struct load_context *c, bool *replacing, struct ds_error *err)
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
    int rc = was_replacing(c, &replacing, err);
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

static int drop_left(struct load_context *c, const char *name, struct ds_error *err)
{
    BUF_AUTO struct buf table = {0};
    if (sql_table(&table, c->options->database, name))
        return load_no_memory(err);
    log_info("table of an unfinished copy is dropped, the source has it no more table=%s", name);
    return db_exec(c->db, err, "DROP TABLE IF EXISTS %s", buf_cstr(&table));
}

static int drop_all_left(struct load_context *c, struct ds_error *err)
{
    BUF_AUTO struct buf from = {0}, where = {0};
    if (state_table(c, &from) || of_stream(c, &where))
        return load_no_memory(err);
    MYSQL_RES *res = db_select(c->db, err, "SELECT table_name FROM %s%s AND state = 'old'",
                               buf_cstr(&from), buf_cstr(&where));
    if (!res)
        return err->code;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));)
        if (*row[0])
            rc = drop_left(c, row[0], err);
    mysql_free_result(res);
    return rc ? rc
              : db_exec(c->db, err, "DELETE FROM %s%s AND state = 'old'", buf_cstr(&from),
                        buf_cstr(&where));
}

int load_state_end(struct load_context *c, uint64_t rows, struct ds_error *err)
{
    int rc = drop_all_left(c, err);
    return rc ? rc : load_state_set(c, (struct slice){0}, "done", rows, err);
}
