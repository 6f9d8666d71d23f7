#include "applier/import/known.h"

#include <stdlib.h>
#include <string.h>

#include "schema/db.h"
#include "schema/log.h"
#include "schema/registry_key.h"

enum { BETWEEN_MAX = 1000 };

struct import_known {
    const struct config *config;
    MYSQL *db;
    bool silent; /* it could not be asked */
};

struct import_known *import_known_new(const struct config *config)
{
    struct import_known *k = calloc(1, sizeof *k);
    if (k)
        k->config = config;
    return k;
}

void import_known_free(struct import_known *k)
{
    if (!k)
        return;
    db_close(&k->db);
    free(k);
}

static int add_id(struct buf *sql, struct slice id)
{
    return sql_string(sql, id.p, id.len);
}

static int by_text(const void *x, const void *y)
{
    const struct slice *a = x, *b = y;
    int order = memcmp(a->p, b->p, a->len < b->len ? a->len : b->len);
    return order ? order : (a->len > b->len) - (a->len < b->len);
}

/* All that are asked for; or, as the keys of a chunk mostly stand close to each other, and a server
 * takes ten times as long for a list, what is between the first and the last. */
static int add_ids(struct buf *sql, const struct slice *keys, size_t count, bool between)
{
    const struct slice *first = keys, *last = keys;
    int rc = 0;
    if (!between) {
        rc = buf_puts(sql, " IN (");
        for (size_t i = 0; i < count && rc == 0; i++)
            rc = (i ? buf_puts(sql, ",") : 0) | add_id(sql, keys[i]);
        return rc | buf_puts(sql, ")");
    }
    for (size_t i = 1; i < count; i++) {
        first = by_text(&keys[i], first) < 0 ? &keys[i] : first;
        last = by_text(&keys[i], last) > 0 ? &keys[i] : last;
    }
    return rc | buf_puts(sql, " BETWEEN ") | add_id(sql, *first) | buf_puts(sql, " AND ") |
           add_id(sql, *last) | buf_printf(sql, " LIMIT %d", BETWEEN_MAX);
}

static int print_query(const struct config *c, const struct catalogue_entity *e,
                       const struct slice *keys, size_t count, bool between, struct buf *sql)
{
    const struct catalogue_table *root = &e->tables[0];
    const char *prefix = c->destination.prefix ? c->destination.prefix : "";
    BUF_AUTO struct buf table = {0};
    return buf_printf(&table, "%s%s", prefix, root->table) |
           buf_puts(sql, "SELECT r.source_id FROM ") |
           sql_table(sql, c->state_database, "datasync_entity_registry") |
           buf_puts(sql, " r STRAIGHT_JOIN ") |
           sql_table(sql, c->destination.database, buf_cstr(&table)) | buf_puts(sql, " t ON t.") |
           sql_identifier(sql, root->link) |
           buf_puts(sql, " = r.target_id WHERE r.source_system = ") |
           sql_string(sql, c->source_system, strlen(c->source_system)) |
           buf_puts(sql, " AND r.entity_type = ") | sql_string(sql, e->name, strlen(e->name)) |
           buf_puts(sql, " AND r.source_id") | add_ids(sql, keys, count, between);
}

/* Which of the keys are in the answer? */
static int take(MYSQL_RES *rows, const struct slice *keys, bool *is, size_t count)
{
    size_t n = 0;
    struct slice *found = calloc(mysql_num_rows(rows) + 1, sizeof *found);
    for (MYSQL_ROW row; found && (row = mysql_fetch_row(rows));)
        found[n++] = (struct slice){(const uint8_t *)row[0], mysql_fetch_lengths(rows)[0]};
    if (found)
        qsort(found, n, sizeof *found, by_text);
    for (size_t i = 0; found && i < count; i++)
        is[i] = bsearch(&keys[i], found, n, sizeof *found, by_text) != NULL;
    free(found);
    return found ? 0 : DS_ENOMEM;
}

static int ask(struct import_known *k, const struct catalogue_entity *e, const struct slice *keys,
               bool between, bool *is, size_t count, struct ds_error *err)
{
    const struct db_endpoint endpoint = config_endpoint(k->config, false);
    BUF_AUTO struct buf sql = {0};
    int rc = k->db ? 0 : db_connect(&k->db, &endpoint, err);
    if (rc)
        return rc;
    if (print_query(k->config, e, keys, count, between, &sql))
        return error_set(err, DS_ENOMEM, "out of memory");
    MYSQL_RES *rows = db_select(k->db, err, "%s", buf_cstr(&sql));
    if (!rows)
        return err->code;
    bool all = !between || mysql_num_rows(rows) < BETWEEN_MAX;
    rc = all && take(rows, keys, is, count) ? error_set(err, DS_ENOMEM, "out of memory") : 0;
    mysql_free_result(rows);
    return all ? rc : ask(k, e, keys, false, is, count, err);
}

void import_known_ask(void *arg, const struct catalogue_entity *e, const struct slice *ids,
                      bool *is, size_t count)
{
    struct import_known *k = arg;
    struct ds_error err = {0};
    struct slice *keys = calloc(count, sizeof *keys);
    char(*scratch)[REGISTRY_KEY_MAX + 1] = calloc(count, sizeof *scratch);
    memset(is, 0, count * sizeof *is);
    for (size_t i = 0; keys && scratch && i < count; i++)
        keys[i] = registry_key(ids[i], scratch[i]);
    if (keys && scratch && count && !k->silent && ask(k, e, keys, true, is, count, &err)) {
        k->silent = true;
        log_debug("all that is referred to is read, as the registry cannot be asked error=\"%s\"",
                  err.message);
    }
    free(keys);
    free(scratch);
}
