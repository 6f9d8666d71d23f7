#include "applier/quarantine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applier/apply.h"
#include "schema/log.h"

static int out_of_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory");
}

static int quarantine_table(const char *state_database, struct buf *out)
{
    return sql_table(out, state_database, "datasync_quarantine");
}

/* --- list ------------------------------------------------------------------------ */

static int each_row(MYSQL_RES *res, int (*each)(void *arg, const struct quarantine_row *row),
                    void *arg, uint64_t *count)
{
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res)); (*count)++) {
        struct quarantine_row r = {.id = strtoull(row[0], NULL, 10),
                                   .held_by = row[1] ? strtoull(row[1], NULL, 10) : 0,
                                   .entity = row[2],
                                   .table = row[3],
                                   .key = row[4],
                                   .operation = row[5],
                                   .reason_code = (unsigned)strtoul(row[6], NULL, 10),
                                   .reason = row[7],
                                   .position = row[8],
                                   .created_at = row[9],
                                   .age = strtoull(row[10], NULL, 10),
                                   .messages = (const uint8_t *)row[11],
                                   .messages_len = mysql_fetch_lengths(res)[11],
                                   .entity_key = row[12]};
        rc = each ? each(arg, &r) : 0;
    }
    return rc;
}

int quarantine_list(const struct config *config, uint64_t id,
                    int (*each)(void *arg, const struct quarantine_row *row), void *arg,
                    uint64_t *count, struct ds_error *err)
{
    struct db_endpoint ep = config_endpoint(config, false);
    ep.database = NULL;
    DB_AUTO MYSQL *db = NULL;
    bool exists;
    *count = 0;
    int rc = db_connect(&db, &ep, err);
    if (rc == 0)
        rc = state_exists(db, config->state_database, &exists, err);
    if (rc || !exists)
        return rc;
    BUF_AUTO struct buf table = {0}, name = {0}, one = {0};
    if (quarantine_table(config->state_database, &table) ||
        sql_string(&name, config->name, strlen(config->name)) ||
        (id && buf_printf(&one, " AND id = %lu", id)))
        return out_of_memory(err);
    MYSQL_RES *res = db_select(
        db, err,
        "SELECT id, held_by, entity, table_name, row_key_text, operation, reason_code, reason, "
        "position, created_at, TIMESTAMPDIFF(SECOND, created_at, CURRENT_TIMESTAMP), %s, "
        "entity_key FROM %s "
        "WHERE name = %s AND operation <> 'skip'%s ORDER BY id",
        id ? "messages" : "''", buf_cstr(&table), buf_cstr(&name), buf_cstr(&one));
    if (!res)
        return err->code;
    rc = each_row(res, each, arg, count);
    mysql_free_result(res);
    return rc;
}

/* --- retry, drop ------------------------------------------------------------------- */

/* An applier without a stream: connected, locked, with its schema and writer. */
static int open_applier(const struct applier_options *options, struct applier **out,
                        struct ds_error *err)
{
    int rc = applier_new(out, options, err);
    if (rc == 0)
        rc = applier_connect(*out, err);
    return rc ? rc : crossing_post(*out, err);
}

/* *id becomes 0 when it is done. */
static int retry_one(struct applier *a, uint64_t *id, uint64_t *done, uint64_t *left,
                     struct ds_error *err)
{
    uint64_t applied = 0, root = *id;
    BUF_AUTO struct buf table = {0};
    if (quarantine_table(a->state_database, &table))
        return out_of_memory(err);
    char what[48];
    snprintf(what, sizeof what, "quarantine %lu", root);
    struct counters extra = {0};
    struct transaction here = commit_here(a);
    int rc = commit_begin(a, err);
    if (rc == 0 && a->outbox) /* hooks are told by the process that follows the stream */
        outbox_begin(a->outbox, &a->cp, what);
    if (rc == 0)
        rc = chain_apply(a, root, false, &extra, &applied, err);
    if (rc == 0)
        rc = commit_finish(a, &here, &extra, err);
    if (rc == 0) {
        *done += applied;
        *id = 0;
        return 0;
    }
    struct ds_error ignored;
    db_exec(a->db, &ignored, "ROLLBACK");
    if (!commit_does_not_fit(rc, err))
        return rc;
    log_warn("quarantined change still does not fit id=%lu message=\"%s\"", root, err->message);
    bool found;
    uint64_t waiting = 0;
    rc = db_scalar_u64(a->db, &waiting, &found, err,
                       "SELECT COUNT(*) FROM %s WHERE id = %lu OR held_by = %lu", buf_cstr(&table),
                       root, root);
    *left += waiting;
    return rc;
}

static int no_such(uint64_t id, struct ds_error *err)
{
    return error_set(err, DS_EUSAGE,
                     "there is no quarantined change with id %lu: see `datasync quarantine list`",
                     id);
}

static int no_such_root(struct applier *a, uint64_t id, struct ds_error *err)
{
    BUF_AUTO struct buf table = {0}, name = {0};
    uint64_t behind = 0;
    bool found;
    if (quarantine_table(a->state_database, &table) || sql_string(&name, a->name, strlen(a->name)))
        return out_of_memory(err);
    int rc = db_scalar_u64(a->db, &behind, &found, err,
                           "SELECT held_by FROM %s WHERE name = %s AND id = %lu AND operation <> "
                           "'skip'",
                           buf_cstr(&table), buf_cstr(&name), id);
    if (rc)
        return rc;
    if (!found || !behind)
        return no_such(id, err);
    return error_set(err, DS_EUSAGE,
                     "change %lu waits behind %lu and is applied with it: `datasync quarantine "
                     "retry %lu`",
                     id, behind, behind);
}

static int find_roots(struct applier *a, uint64_t id, uint64_t **roots, size_t *count,
                      struct ds_error *err)
{
    BUF_AUTO struct buf table = {0}, name = {0}, one = {0};
    if (quarantine_table(a->state_database, &table) ||
        sql_string(&name, a->name, strlen(a->name)) ||
        (id && buf_printf(&one, " AND id = %lu", id)))
        return out_of_memory(err);
    MYSQL_RES *res =
        db_select(a->db, err,
                  "SELECT id FROM %s WHERE name = %s AND held_by IS NULL AND operation "
                  "<> 'skip'%s ORDER BY id",
                  buf_cstr(&table), buf_cstr(&name), buf_cstr(&one));
    if (!res)
        return err->code;
    size_t n = mysql_num_rows(res);
    *roots = calloc(n + 1, sizeof **roots);
    *count = 0;
    for (MYSQL_ROW row; *roots && (row = mysql_fetch_row(res));)
        (*roots)[(*count)++] = strtoull(row[0], NULL, 10);
    mysql_free_result(res);
    if (!*roots)
        return out_of_memory(err);
    return id && n == 0 ? no_such_root(a, id, err) : 0;
}

int quarantine_retry(const struct applier_options *options, uint64_t id, uint64_t *done,
                     uint64_t *left, struct ds_error *err)
{
    struct applier *a = NULL;
    uint64_t *roots = NULL;
    size_t count = 0;
    *done = *left = 0;
    int rc = open_applier(options, &a, err);
    if (rc == 0)
        rc = find_roots(a, id, &roots, &count, err);
    for (uint64_t before = UINT64_MAX;
         before != *done && rc == 0;) { /* one may have waited for another */
        before = *done;
        *left = 0;
        for (size_t i = 0; i < count && rc == 0; i++)
            if (roots[i])
                rc = retry_one(a, &roots[i], done, left, err);
        if (!*left)
            break;
    }
    free(roots);
    applier_free(a);
    return rc;
}

int quarantine_drop(const struct applier_options *options, uint64_t id, uint64_t *dropped,
                    struct ds_error *err)
{
    const struct config *config = options->config;
    struct applier *a = NULL;
    BUF_AUTO struct buf table = {0}, name = {0};
    *dropped = 0;
    if (quarantine_table(config->state_database, &table) ||
        sql_string(&name, config->name, strlen(config->name)))
        return out_of_memory(err);
    int rc = open_applier(options, &a, err);
    if (rc == 0)
        rc = db_exec(
            a->db, err,
            "DELETE FROM %s WHERE name = %s AND operation <> 'skip' AND (id = %lu OR held_by = "
            "%lu)",
            buf_cstr(&table), buf_cstr(&name), id, id);
    if (rc == 0)
        *dropped = mysql_affected_rows(a->db);
    if (rc == 0 && *dropped == 0)
        rc = no_such(id, err);
    applier_free(a);
    return rc;
}
