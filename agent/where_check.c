#include "agent/where_check.h"

#include <string.h>

#include "schema/db.h"
#include "schema/log.h"

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory");
}

static int check_referrers(MYSQL *source, const char *schema, const char *table, const char *name,
                           struct ds_error *err)
{
    BUF_AUTO struct buf list = {0};
    bool found;
    int rc = db_scalar(source, &list, &found, err,
                       "SELECT GROUP_CONCAT(DISTINCT TABLE_NAME ORDER BY 1 SEPARATOR ', ') FROM "
                       "information_schema.KEY_COLUMN_USAGE WHERE REFERENCED_TABLE_SCHEMA = %s AND "
                       "REFERENCED_TABLE_NAME = %s",
                       schema, table);
    if (rc == 0 && found)
        rc = error_set(err, DS_EUSAGE,
                       "where.%s: rows of %.600s refer to rows of this table by foreign keys, and "
                       "would have to come and go with them: this version cannot do that; leave "
                       "tables out whole",
                       name, buf_cstr(&list));
    return rc;
}

static int check_own_keys(const struct where *w, MYSQL *source, const char *schema,
                          const char *table, const char *name, struct ds_error *err)
{
    MYSQL_RES *res = db_select(
        source, err,
        "SELECT k.COLUMN_NAME, r.CONSTRAINT_NAME FROM "
        "information_schema.REFERENTIAL_CONSTRAINTS r JOIN "
        "information_schema.KEY_COLUMN_USAGE k ON k.CONSTRAINT_SCHEMA = "
        "r.CONSTRAINT_SCHEMA AND k.CONSTRAINT_NAME = r.CONSTRAINT_NAME AND k.TABLE_NAME = "
        "r.TABLE_NAME WHERE r.CONSTRAINT_SCHEMA = %s AND r.TABLE_NAME = %s AND 'SET NULL' "
        "IN (r.DELETE_RULE, r.UPDATE_RULE)",
        schema, table);
    if (!res)
        return err->code;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));)
        if (where_names(w, row[0]))
            rc = error_set(err, DS_EUSAGE,
                           "where.%s: foreign key %s sets column %s to NULL inside the storage "
                           "engine, and no event would tell that a row is in or out: use another "
                           "column",
                           name, row[1], row[0]);
    mysql_free_result(res);
    return rc;
}

/* Letters that compare as they are written. *there: the table is. */
static int check_columns(const struct where *w, MYSQL *source, const char *schema,
                         const char *table, const char *name, bool *there, struct ds_error *err)
{
    MYSQL_RES *res =
        db_select(source, err,
                  "SELECT COLUMN_NAME, COALESCE(CHARACTER_SET_NAME, ''), COLUMN_TYPE, "
                  "COALESCE(GENERATION_EXPRESSION, '') FROM information_schema.COLUMNS "
                  "WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s",
                  schema, table);
    if (!res)
        return err->code;
    int rc = 0;
    *there = mysql_num_rows(res) > 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));) {
        if (!where_names(w, row[0]))
            continue;
        if (!where_compares(row[1], row[2]))
            rc = error_set(
                err, DS_EUSAGE,
                "where.%s: column %s is %s%s%s, and conditions compare UTF-8: use another "
                "column",
                name, row[0], row[2], *row[1] ? " in " : "", row[1]);
        else if (*row[3])
            rc = error_set(err, DS_EUSAGE,
                           "where.%s: column %s is generated: use the columns that it is made from",
                           name, row[0]);
    }
    mysql_free_result(res);
    return rc;
}

int where_check(const struct filter *filter, const struct config *config, MYSQL *source,
                bool copies, struct ds_error *err)
{
    BUF_AUTO struct buf schema = {0};
    const char *name;
    if (sql_string(&schema, config->source.database, strlen(config->source.database)))
        return no_memory(err);
    int rc = 0;
    for (size_t i = 0; rc == 0 && (name = filter_where_table(filter, i)); i++) {
        BUF_AUTO struct buf table = {0}, quoted = {0};
        if (buf_printf(&table, "%s%s", config->source.prefix, name) ||
            sql_string(&quoted, table.data, table.len))
            return no_memory(err);
        bool there = false;
        const struct where *w = filter_where(filter, buf_cstr(&table));
        rc = check_columns(w, source, buf_cstr(&schema), buf_cstr(&quoted), name, &there, err);
        if (rc == 0 && !there && copies)
            rc = error_set(
                err, DS_EUSAGE,
                "where.%s: there is no table %s; names are as the server has them, without "
                "the shop's prefix",
                name, buf_cstr(&table));
        else if (rc == 0 && !there)
            log_warn("a condition is for a table that is not there table=%s", buf_cstr(&table));
        if (rc == 0)
            rc = check_referrers(source, buf_cstr(&schema), buf_cstr(&quoted), name, err);
        if (rc == 0)
            rc = check_own_keys(w, source, buf_cstr(&schema), buf_cstr(&quoted), name, err);
    }
    return rc;
}
