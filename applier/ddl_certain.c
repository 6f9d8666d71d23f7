/* ALTER TABLE statements that leave other rows at each server that runs them: a default of UUID(),
 * numbers in the order in which rows happen to be stored. A native replica runs them and differs
 * from then on; here they stop (law 7), unless there is no row yet.
 */
#include <string.h>

#include "applier/ddl_internal.h"

static int refuse(const struct ddl_job *job, const char *why, struct ds_error *err)
{
    error_set(err, DS_EDDL,
              "this statement gives the rows of a table values that are not the same at the source "
              "and here, because %s: copy again with --resnapshot; or, while nobody writes to the "
              "table at the source, copy it by hand, then pass over the statement with `datasync "
              "skip`: %s",
              why, ddl_shown(job));
    error_at_table(err, job->c->database, job->names[0]);
    error_at_position(err, job->position);
    return err->code;
}

/* Does the table keep its rows in the order of a key? InnoDB does, of the first that can tell them
 * apart. */
static int keeps_order(const struct ddl_job *job, const char *table, bool *yes,
                       struct ds_error *err)
{
    BUF_AUTO struct buf ignored = {0};
    return db_scalar(job->c->db, &ignored, yes, err,
                     "SELECT 1 FROM information_schema.TABLES t JOIN "
                     "information_schema.STATISTICS s USING (TABLE_SCHEMA, TABLE_NAME) WHERE "
                     "t.TABLE_SCHEMA = DATABASE() AND t.TABLE_NAME = %s AND t.ENGINE = 'InnoDB' "
                     "AND s.NON_UNIQUE = 0 AND s.INDEX_TYPE = 'BTREE' GROUP BY s.INDEX_NAME HAVING "
                     "SUM(s.NULLABLE = 'YES' OR "
                     "s.SUB_PART IS NOT NULL) = 0 LIMIT 1",
                     table);
}

static int has_rows(const struct ddl_job *job, const char *table, bool *yes, struct ds_error *err)
{
    BUF_AUTO struct buf name = {0}, ignored = {0};
    bool there = false;
    *yes = false;
    int rc = db_scalar(job->c->db, &ignored, &there, err,
                       "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() "
                       "AND TABLE_NAME = %s",
                       table);
    if (rc || !there) /* the statement itself says what it thinks of that */
        return rc;
    if (sql_table(&name, job->c->database, job->names[0]))
        return ddl_no_memory(err);
    return db_scalar(job->c->db, &ignored, yes, err, "SELECT 1 FROM %s LIMIT 1", buf_cstr(&name));
}

int ddl_check_certain(const struct ddl_job *job, struct ds_error *err)
{
    if (job->st.kind != SQL_ALTER_TABLE || job->session.error_code)
        return 0;
    struct sql_uncertain u = sql_alter_uncertain(job->sql, job->session.sql_mode);
    if (!u.by_order && !u.by_chance)
        return 0;
    const char *table = ddl_literal(job->arena, job->names[0], strlen(job->names[0]));
    bool rows = false, ordered = false;
    int rc = table ? has_rows(job, table, &rows, err) : ddl_no_memory(err);
    if (rc || !rows)
        return rc;
    if (u.by_chance)
        return refuse(job, "a column's default depends on more than the row", err);
    rc = keeps_order(job, table, &ordered, err);
    return rc || ordered ? rc
                         : refuse(job,
                                  "the table has no key, and its rows have another order at each "
                                  "server",
                                  err);
}
