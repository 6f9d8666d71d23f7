/* Transactions that an operator wants passed over (`datasync skip`). The requests are rows of
 * datasync_quarantine with the operation "skip": reason_code 0 while they wait, 1 when done. They
 * stay as the record.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applier/apply.h"
#include "applier/ddl.h"
#include "schema/log.h"

void skip_free(struct applier *a)
{
    while (a->skips) {
        struct skip *next = a->skips->next;
        free(a->skips->position);
        free(a->skips);
        a->skips = next;
    }
}

static int add_skip(struct applier *a, MYSQL_ROW row)
{
    struct skip *s = calloc(1, sizeof *s);
    if (!s)
        return DS_ENOMEM;
    s->id = strtoull(row[0], NULL, 10);
    s->position = strdup(row[1]);
    s->next = a->skips;
    a->skips = s;
    return s->position ? 0 : DS_ENOMEM;
}

int skip_load(struct applier *a, struct ds_error *err)
{
    BUF_AUTO struct buf table = {0}, name = {0};
    skip_free(a);
    if (sql_table(&table, a->state_database, "datasync_quarantine") ||
        sql_string(&name, a->name, strlen(a->name)))
        return error_set(err, DS_ENOMEM, "out of memory");
    MYSQL_RES *res =
        db_select(a->db, err,
                  "SELECT id, position FROM %s WHERE name = %s AND operation = 'skip' AND "
                  "reason_code = 0",
                  buf_cstr(&table), buf_cstr(&name));
    if (!res)
        return err->code;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));)
        rc = add_skip(a, row);
    mysql_free_result(res);
    return rc ? error_set(err, rc, "out of memory") : 0;
}

uint64_t skip_find(const struct applier *a, struct slice gtid, struct slice file, uint64_t pos)
{
    char text[700];
    if (gtid.len)
        snprintf(text, sizeof text, "%.*s", (int)gtid.len, (const char *)gtid.p);
    else
        snprintf(text, sizeof text, "%.*s:%lu", (int)file.len, (const char *)file.p, pos);
    for (const struct skip *s = a->skips; s; s = s->next)
        if (strcmp(s->position, text) == 0)
            return s->id;
    return 0;
}

int skip_record(struct applier *a, const struct transaction *tx, struct ds_error *err)
{
    BUF_AUTO struct buf table = {0};
    if (sql_table(&table, a->state_database, "datasync_quarantine"))
        return error_set(err, DS_ENOMEM, "out of memory");
    struct ddl_context c = {.db = a->db, .name = a->name, .state_database = a->state_database};
    int rc = ddl_abandon(&c, err);
    if (rc == 0)
        rc = db_exec(
            a->db, err,
            "UPDATE %s SET reason_code = 1, reason = 'passed over on request', source_time = "
            "%lu WHERE id = %lu",
            buf_cstr(&table), tx->timestamp, tx->skip);
    log_warn("transaction passed over on request position=%.*s:%lu gtid=%.*s", (int)tx->file.len,
             (const char *)tx->file.p, tx->pos, (int)tx->gtid_set.len,
             (const char *)tx->gtid_set.p);
    return rc;
}
