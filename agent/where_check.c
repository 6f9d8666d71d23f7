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

/* --- entities that travel in part ------------------------------------------------- */

struct source_schema {
    const struct config *config;
    MYSQL *db;
    const char *schema; /* its name, as a literal */
};

/* The first value of a query in which question marks stand for the schema, a table of the entity
 * and another name; empty: there is none. */
static int ask(const struct source_schema *s, const char *query, const char *table,
               const char *other, struct buf *out, struct ds_error *err)
{
    BUF_AUTO struct buf name = {0}, quoted = {0}, literal = {0}, sql = {0};
    bool found;
    buf_clear(out);
    if (buf_printf(&name, "%s%s", s->config->source.prefix, table) ||
        sql_string(&quoted, name.data, name.len) || sql_string(&literal, other, strlen(other)))
        return no_memory(err);
    const char *const values[] = {s->schema, buf_cstr(&quoted), buf_cstr(&literal)};
    int rc = 0;
    for (size_t i = 0; *query && rc == 0; query++)
        rc = *query == '?' ? buf_puts(&sql, values[i++]) : buf_append(&sql, query, 1);
    rc = rc ? no_memory(err) : db_scalar(s->db, out, &found, err, "%s", buf_cstr(&sql));
    if (rc == 0 && !found)
        buf_clear(out);
    return rc;
}

static int refuse(const struct filter_level *l, const char *what, struct ds_error *err)
{
    return error_set(err, DS_EUSAGE,
                     "where.%s: rows of %s come and go with those of the entity %s, and cannot: "
                     "%s; leave tables out whole",
                     l->entity->tables[0].table, l->entry->table, l->entity->name, what);
}

static int check_number(const struct source_schema *s, const struct filter_level *l,
                        const char *column, struct ds_error *err)
{
    static const char query[] = "SELECT 1 FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? "
                                "AND TABLE_NAME = ? AND COLUMN_NAME = ? AND DATA_TYPE IN ('int', "
                                "'bigint', 'mediumint', 'smallint', 'tinyint')";
    BUF_AUTO struct buf is = {0}, what = {0};
    int rc = ask(s, query, l->entry->table, column, &is, err);
    if (rc == 0 && !is.len)
        rc = buf_printf(&what, "its column %s holds no whole numbers", column)
                 ? no_memory(err)
                 : refuse(l, buf_cstr(&what), err);
    return rc;
}

/* Other tables that refer to it by keys that act, comma by comma. */
static int referrers(const struct source_schema *s, const struct filter *filter,
                     const struct filter_level *l, struct buf *out, struct ds_error *err)
{
    BUF_AUTO struct buf name = {0}, quoted = {0};
    if (buf_printf(&name, "%s%s", s->config->source.prefix, l->entry->table) ||
        sql_string(&quoted, name.data, name.len))
        return no_memory(err);
    MYSQL_RES *res = db_select(s->db, err,
                               "SELECT TABLE_NAME FROM "
                               "information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA "
                               "= %s AND REFERENCED_TABLE_NAME = %s AND (DELETE_RULE IN "
                               "('CASCADE', 'SET NULL') OR UPDATE_RULE IN ('CASCADE', 'SET NULL'))",
                               s->schema, buf_cstr(&quoted));
    if (!res)
        return err->code;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));)
        if (filter_crosses(filter, row[0], NULL, buf_cstr(&name)))
            rc = buf_printf(out, "%s%s", out->len ? ", " : "", row[0]);
    mysql_free_result(res);
    return rc ? no_memory(err) : 0;
}

static int check_member(const struct source_schema *s, const struct filter *filter,
                        const struct filter_level *l, struct ds_error *err)
{
    static const char cascades[] =
        "SELECT 1 FROM information_schema.KEY_COLUMN_USAGE k JOIN "
        "information_schema.REFERENTIAL_CONSTRAINTS r ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA "
        "AND r.TABLE_NAME = k.TABLE_NAME AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME WHERE "
        "k.CONSTRAINT_SCHEMA = ? AND k.TABLE_NAME = ? AND k.COLUMN_NAME = ? AND r.DELETE_RULE = "
        "'CASCADE' LIMIT 1";
    BUF_AUTO struct buf text = {0}, others = {0};
    int rc = check_number(s, l, l->entry->link, err);
    if (rc == 0 && l->entry->through)
        rc = ask(s, cascades, l->entry->table, l->entry->link, &text, err);
    if (rc == 0 && l->entry->through && !text.len)
        rc = refuse(l, "no foreign key deletes them with the rows that they lead through", err);
    if (rc == 0)
        rc = referrers(s, filter, l, &others, err);
    buf_clear(&text);
    if (rc == 0 && others.len)
        rc = buf_printf(&text, "rows of %.600s refer to them by foreign keys", buf_cstr(&others))
                 ? no_memory(err)
                 : refuse(l, buf_cstr(&text), err);
    return rc;
}

static int check_level(const struct source_schema *s, const struct filter *filter,
                       const struct filter_level *l, struct ds_error *err)
{
    static const char engine[] = "SELECT ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA "
                                 "= ? AND TABLE_NAME = ? AND ENGINE <> 'InnoDB'";
    static const char primary[] =
        "SELECT GROUP_CONCAT(COLUMN_NAME) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = "
        "? AND TABLE_NAME = ? AND INDEX_NAME = 'PRIMARY' HAVING GROUP_CONCAT(COLUMN_NAME) <> ?";
    const char *key = filter_level_key(l->entry);
    bool root = l->entry == &l->entity->tables[0];
    BUF_AUTO struct buf text = {0};
    int rc = ask(s, engine, l->entry->table, "", &text, err);
    if (rc == 0 && text.len)
        rc = refuse(l, "the table is not of the engine InnoDB", err);
    if (rc == 0 && (root || l->entry->key))
        rc = check_number(s, l, key, err);
    if (rc == 0 && root)
        rc = ask(s, primary, l->entry->table, key, &text, err);
    if (rc == 0 && root && text.len)
        rc = refuse(l, "its primary key is not the column by which the catalogue knows it", err);
    return rc || root ? rc : check_member(s, filter, l, err);
}

/* Tables that are not there yet are looked at by the applier when they are. */
static int check_entity(const struct source_schema *s, const struct filter *filter,
                        const struct filter_level *root, struct ds_error *err)
{
    static const char is_there[] = "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = "
                                   "? AND TABLE_NAME = ?";
    BUF_AUTO struct buf image = {0};
    bool found;
    int rc = db_scalar(s->db, &image, &found, err, "SELECT @@GLOBAL.binlog_row_image");
    if (rc == 0 && strcmp(buf_cstr(&image), "FULL") != 0 && root->entity->table_count > 1)
        rc = error_set(err, DS_EUSAGE,
                       "where.%s: which rows belong to which entity is told by whole rows only: "
                       "SET GLOBAL binlog_row_image = FULL at the source",
                       root->entry->table);
    for (size_t i = 0; i < root->entity->table_count && rc == 0; i++) {
        struct filter_level l = {.entity = root->entity, .entry = &root->entity->tables[i]};
        BUF_AUTO struct buf name = {0}, there = {0};
        if (buf_printf(&name, "%s%s", s->config->source.prefix, l.entry->table))
            return no_memory(err);
        if (!filter_keeps(filter, buf_cstr(&name)))
            continue;
        rc = ask(s, is_there, l.entry->table, "", &there, err);
        if (rc == 0 && there.len)
            rc = check_level(s, filter, &l, err);
    }
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
        struct filter_level level;
        bool whole = filter_level(filter, buf_cstr(&table), &level) &&
                     level.entry == &level.entity->tables[0];
        const struct source_schema s = {config, source, buf_cstr(&schema)};
        if (rc == 0)
            rc = whole ? check_entity(&s, filter, &level, err)
                       : check_referrers(source, buf_cstr(&schema), buf_cstr(&quoted), name, err);
        if (rc == 0)
            rc = check_own_keys(w, source, buf_cstr(&schema), buf_cstr(&quoted), name, err);
    }
    return rc;
}
