#include "schema/table_sum.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "schema/db.h"

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for a checksum");
}

static bool is_generated(const char *extra)
{
    return extra &&
           (strcasestr(extra, "VIRTUAL GENERATED") || strcasestr(extra, "STORED GENERATED"));
}

/* How a value of each type becomes text that tells it from every other one. */
static const char *rendering(const char *data_type)
{
    static const struct {
        const char *type, *format; /* %s: the quoted column */
    } forms[] = {
        {"float", "%s + 0e0"},  {"double", "%s + 0e0"}, {"enum", "%s | 0"},
        {"set", "%s | 0"},      {"bit", "HEX(%s)"},     {"char", "HEX(%s)"},
        {"varchar", "HEX(%s)"}, {"binary", "HEX(%s)"},  {"varbinary", "HEX(%s)"},
        {"tinyint", "%s"},      {"smallint", "%s"},     {"mediumint", "%s"},
        {"int", "%s"},          {"bigint", "%s"},       {"decimal", "%s"},
        {"year", "%s"},         {"date", "%s"},         {"time", "%s"},
        {"datetime", "%s"},     {"timestamp", "%s"},    {"uuid", "%s"},
        {"inet4", "%s"},        {"inet6", "%s"},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (strcasecmp(forms[i].type, data_type) == 0)
            return forms[i].format;
    return "SHA2(%s, 256)"; /* text, blobs, geometry, JSON: too long for one CONCAT */
}

int table_sum_begin(struct buf *sql)
{
    return buf_puts(sql, "SELECT COUNT(*), COALESCE(BIT_XOR(CAST(CONV(LEFT(h, 16), 16, 10) AS "
                         "UNSIGNED)), 0), COALESCE(CAST(SUM(CAST(CONV(SUBSTR(h, 17, 8), 16, 10) AS "
                         "UNSIGNED)) AS UNSIGNED), 0) FROM (SELECT SHA2(CONCAT_WS('|'");
}

int table_sum_column(struct buf *sql, const char *column, const char *format)
{
    BUF_AUTO struct buf quoted = {0};
    const char *at = strstr(format, "%s");
    int rc = sql_identifier(&quoted, column);
    rc |= buf_puts(sql, ", IFNULL("); /* no rendering contains an N or the separator */
    rc |= buf_append(sql, format, (size_t)(at - format));
    rc |= buf_append(sql, quoted.data, quoted.len);
    rc |= buf_puts(sql, at + 2);
    return rc | buf_puts(sql, ", 'N')");
}

int table_sum_end(struct buf *sql)
{
    return buf_puts(sql, "), 256) AS h FROM ");
}

int table_sum_statement(MYSQL *db, const char *database, const char *table, bool generated,
                        struct buf *sql, struct ds_error *err)
{
    BUF_AUTO struct buf schema = {0}, name = {0};
    if (sql_string(&schema, database, strlen(database)) || sql_string(&name, table, strlen(table)))
        return no_memory(err);
    MYSQL_RES *res = db_select(db, err,
                               "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, EXTRA FROM "
                               "information_schema.COLUMNS WHERE TABLE_SCHEMA = %s AND TABLE_NAME "
                               "= %s ORDER BY ORDINAL_POSITION",
                               buf_cstr(&schema), buf_cstr(&name));
    if (!res)
        return err->code;
    int rc = table_sum_begin(sql);
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));)
        if (strcmp(row[0], table) == 0 && (generated || !is_generated(row[3])))
            rc = table_sum_column(sql, row[1], rendering(row[2]));
    mysql_free_result(res);
    return rc || table_sum_end(sql) ? no_memory(err) : 0;
}

int table_sum_read(MYSQL *db, const struct buf *head, const char *database, const char *table,
                   struct table_sum *out, struct ds_error *err)
{
    return table_sum_read_where(db, head, database, table, NULL, out, err);
}

int table_sum_read_where(MYSQL *db, const struct buf *head, const char *database, const char *table,
                         const char *condition, struct table_sum *out, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    int rc = head ? buf_append(&sql, head->data, head->len)
                  : buf_puts(&sql, "SELECT COUNT(*), 0, 0 FROM (SELECT 1 FROM ");
    rc |= sql_table(&sql, database, table);
    rc |= condition ? buf_puts(&sql, " WHERE ") | buf_puts(&sql, condition) : 0;
    rc |= buf_puts(&sql, ") AS hashed");
    if (rc)
        return no_memory(err);
    MYSQL_RES *res = db_select(db, err, "%s", buf_cstr(&sql));
    MYSQL_ROW row = res ? mysql_fetch_row(res) : NULL;
    if (row) {
        out->rows = strtoull(row[0], NULL, 10);
        out->hash = strtoull(row[1], NULL, 10);
        out->sum = strtoull(row[2], NULL, 10);
    } else {
        rc = res ? error_set(err, DS_ESERVER, "no answer to a checksum of %s", table) : err->code;
        error_at_table(err, database, table);
    }
    mysql_free_result(res);
    return rc;
}

void table_sum_print(const struct table_sum *sum, bool checksum, bool mariadb,
                     char text[TABLE_SUM_TEXT_SIZE])
{
    if (checksum)
        (void)snprintf(text, TABLE_SUM_TEXT_SIZE, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %s",
                       sum->rows, sum->hash, sum->sum, mariadb ? "mariadb" : "mysql");
    else
        (void)snprintf(text, TABLE_SUM_TEXT_SIZE, "%" PRIu64, sum->rows);
}

int table_sum_parse(const char *text, bool mariadb, struct table_sum *out, bool *checksum,
                    struct ds_error *err)
{
    char *at;
    *out = (struct table_sum){.rows = strtoull(text, &at, 10)};
    *checksum = false;
    if (at != text && *at == '\0')
        return 0;
    const char *hash = at;
    out->hash = strtoull(hash, &at, 10);
    const char *sum = at;
    out->sum = strtoull(sum, &at, 10);
    if (hash == text || sum == hash || at == sum || *at != ' ')
        return error_set(err, DS_EFORMAT, "a copied table ends with \"%.60s\" for its row count",
                         text);
    *checksum = strcmp(at + 1, mariadb ? "mariadb" : "mysql") == 0;
    return 0;
}
