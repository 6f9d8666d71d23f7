#include "applier/import/keys.h"

#include <mysqld_error.h>
#include <stdio.h>
#include <string.h>

#include "applier/import/crypt.h"
#include "schema/buf.h"
#include "schema/db.h"

/* Of each column: rows that are looked at, and values of them. */
enum { ROWS = 10000, VALUES = 100 };

struct checking {
    MYSQL *db;
    const struct config_server *side;
    const char *setting;
    struct crypt *key, *other; /* of the side, and of the other one (NULL: not given) */
    uint64_t readable, unreadable;
    const char *table; /* one that has unreadable ones */
};

static int is_readable(const struct crypt *key, struct slice value, bool *readable)
{
    BUF_AUTO struct buf plain = {0};
    *readable = false;
    int rc = key ? crypt_decrypt(key, value, &plain, readable) : 0;
    if (plain.data)
        explicit_bzero(plain.data, plain.len);
    return rc;
}

static int count_value(struct checking *c, const char *table, struct slice value)
{
    bool own = false, others = false;
    if (!crypt_is_form(c->key, value))
        return 0;
    int rc = is_readable(c->key, value, &own);
    rc = rc || own ? rc : is_readable(c->other, value, &others);
    c->readable += own;
    if (!own && !others) {
        c->unreadable++;
        c->table = table;
    }
    return rc;
}

static int print_query(const struct checking *c, const struct catalogue_entity *e,
                       const struct catalogue_encrypted *x, struct buf *sql)
{
    char name[200];
    const char *link = NULL;
    for (size_t i = 0; i < e->table_count; i++)
        if (strcmp(e->tables[i].table, x->table) == 0)
            link = e->tables[i].link;
    snprintf(name, sizeof name, "%s%s", c->side->prefix, x->table);
    int rc = buf_puts(sql, "SELECT value FROM (SELECT ") | sql_identifier(sql, x->column) |
             buf_puts(sql, " AS value FROM ") | sql_table(sql, c->side->database, name);
    if (x->when.column) {
        rc |= buf_puts(sql, " WHERE ") | sql_identifier(sql, x->when.column) |
              buf_puts(sql, " IN (''");
        for (size_t i = 0; x->when.values[i]; i++)
            rc |=
                buf_puts(sql, ", ") | sql_string(sql, x->when.values[i], strlen(x->when.values[i]));
        rc |= buf_puts(sql, ")");
    }
    if (link)
        rc |= buf_puts(sql, " ORDER BY ") | sql_identifier(sql, link) | buf_puts(sql, " DESC");
    return rc | buf_printf(sql, " LIMIT %d) newest WHERE value <> '' LIMIT %d", ROWS, VALUES);
}

/* A shop need not have the table, nor the column. */
static bool may_be_missing(unsigned number)
{
    return number == ER_NO_SUCH_TABLE || number == ER_BAD_FIELD_ERROR ||
           number == ER_TABLEACCESS_DENIED_ERROR || number == ER_COLUMNACCESS_DENIED_ERROR;
}

static int check_column(struct checking *c, const struct catalogue_entity *e,
                        const struct catalogue_encrypted *x, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    if (print_query(c, e, x, &sql))
        return error_set(err, DS_ENOMEM, "out of memory for %s", c->setting);
    MYSQL_RES *rows = db_select(c->db, err, "%s", buf_cstr(&sql));
    if (!rows)
        return may_be_missing(mysql_errno(c->db)) ? 0 : err->code;
    int rc = 0;
    for (MYSQL_ROW r; rc == 0 && (r = mysql_fetch_row(rows));) {
        const unsigned long *lengths = mysql_fetch_lengths(rows);
        rc = count_value(c, x->table, (struct slice){(const uint8_t *)r[0], lengths[0]});
    }
    mysql_free_result(rows);
    return rc ? error_set(err, DS_ENOMEM, "out of memory for %s", c->setting) : 0;
}

static int check_columns(struct checking *c, const struct catalogue *catalogue,
                         struct ds_error *err)
{
    int rc = 0;
    for (size_t i = 0; i < catalogue_count(catalogue) && rc == 0; i++) {
        const struct catalogue_entity *e = catalogue_at(catalogue, i);
        for (size_t n = 0; n < e->encrypted_count && rc == 0 && !c->readable; n++)
            rc = check_column(c, e, &e->encrypted[n], err);
    }
    if (rc || c->readable || !c->unreadable)
        return rc;
    return error_set(err, DS_EUSAGE,
                     "%s: is not the key of this shop: none of %lu values can be decrypted with it "
                     "(table %s); take global/crypt/key of the shop's app/etc/local.xml, or leave "
                     "it out, then they are left empty",
                     c->setting, c->unreadable, c->table);
}

int keys_check(MYSQL *db, const struct config *config, const struct catalogue *catalogue,
               bool source, struct ds_error *err)
{
    struct checking c = {.db = db,
                         .side = source ? &config->source : &config->destination,
                         .setting = source ? "source.crypt_key" : "destination.crypt_key"};
    if (!*c.side->crypt_key)
        return 0;
    int rc = crypt_open(&c.key, c.side->crypt_key, c.setting, err);
    if (rc == 0 && !source && *config->source.crypt_key)
        rc = crypt_open(&c.other, config->source.crypt_key, "source.crypt_key", err);
    rc = rc ? rc : check_columns(&c, catalogue, err);
    crypt_close(c.key);
    crypt_close(c.other);
    return rc;
}
