/* Transactions that an operator wants passed over (`datasync skip`). The requests are rows of
 * datasync_quarantine with the operation "skip": reason_code 0 while they wait, 1 when done, 2 when
 * the stream has come past the place and there was no such transaction. They stay as the record,
 * with the operator's reason.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applier/apply.h"
#include "applier/ddl.h"
#include "applier/quarantine.h"
#include "schema/log.h"

enum { SKIP_WAITS = 0, SKIP_DONE = 1, SKIP_MISSED = 2 };

static int out_of_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory");
}

static void skip_free_one(struct skip *s)
{
    free(s->text);
    free(s);
}

void skip_free(struct applier *a)
{
    while (a->skips) {
        struct skip *next = a->skips->next;
        skip_free_one(a->skips);
        a->skips = next;
    }
}

static int parse(const char *text, struct gtid *gtid, struct file_position *file)
{
    struct ds_error ignored;
    memset(gtid, 0, sizeof *gtid);
    memset(file, 0, sizeof *file);
    return gtid_parse(gtid, text, &ignored) == 0 ? 0 : file_position_parse(file, text, &ignored);
}

static int add_skip(struct applier *a, MYSQL_ROW row)
{
    struct skip *s = calloc(1, sizeof *s);
    if (!s)
        return DS_ENOMEM;
    s->id = strtoull(row[0], NULL, 10);
    s->text = strdup(row[1]);
    s->next = a->skips;
    a->skips = s;
    if (!s->text)
        return DS_ENOMEM;
    log_info("a transaction is to be passed over when the stream comes to it position=%s", s->text);
    return parse(s->text, &s->gtid, &s->file);
}

int skip_load(struct applier *a, struct ds_error *err)
{
    BUF_AUTO struct buf table = {0}, name = {0};
    skip_free(a);
    if (sql_table(&table, a->state_database, "datasync_quarantine") ||
        sql_string(&name, a->name, strlen(a->name)))
        return out_of_memory(err);
    MYSQL_RES *res =
        db_select(a->db, err,
                  "SELECT id, position FROM %s WHERE name = %s AND operation = 'skip' AND "
                  "reason_code = %d",
                  buf_cstr(&table), buf_cstr(&name), SKIP_WAITS);
    if (!res)
        return err->code;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));)
        rc = add_skip(a, row);
    mysql_free_result(res);
    return rc ? error_set(err, rc, "a position that is to be passed over cannot be read") : 0;
}

static uint64_t find(const struct applier *a, const char *text)
{
    for (const struct skip *s = a->skips; s; s = s->next)
        if (strcmp(s->text, text) == 0)
            return s->id;
    return 0;
}

uint64_t skip_at_begin(const struct applier *a, struct slice gtid)
{
    char text[GTID_TEXT_SIZE];
    snprintf(text, sizeof text, "%.*s", (int)gtid.len, (const char *)gtid.p);
    return find(a, text);
}

/* Is the place at or before `at`? */
static bool reached(const struct gtid *gtid, const struct file_position *file,
                    const struct position *at)
{
    if (!file->file[0])
        return gtid_set_contains(&at->gtid, gtid);
    return at->file.file[0] && file_position_compare(file, &at->file) <= 0;
}

static void note_missed(const struct applier *a, const struct position *at)
{
    for (struct skip *s = a->skips; s; s = s->next) {
        if (s->id == a->open_skip || s->done || s->missed || !reached(&s->gtid, &s->file, at))
            continue;
        s->missed = true;
        log_warn("no transaction is at the position that was to be passed over, nothing was "
                 "position=%s",
                 s->text);
    }
}

static void mark_done(const struct applier *a)
{
    for (struct skip *s = a->skips; s; s = s->next)
        s->done |= s->id == a->open_skip;
}

int skip_at_commit(struct applier *a, const struct msg_commit *m, struct ds_error *err)
{
    struct transaction here = {.gtid_set = m->gtid_set, .file = m->file, .pos = m->pos};
    struct position at;
    char text[700];
    int rc = transaction_position(&here, &at, err);
    if (rc)
        return rc;
    snprintf(text, sizeof text, "%.*s:%" PRIu64, (int)m->file.len, (const char *)m->file.p, m->pos);
    if (!a->open_skip)
        a->open_skip = find(a, text);
    note_missed(a, &at);
    position_free(&at);
    if (!a->open_skip)
        return 0;
    mark_done(a);
    a->batch.change_count = a->open_first;
    a->open_barrier = BARRIER_NONE;
    if (a->open_written) {
        commit_roll_back(a);
        parts_end(a);
    }
    return 0;
}

static int set_state(struct applier *a, uint64_t id, int state, uint64_t time, struct ds_error *err)
{
    BUF_AUTO struct buf table = {0};
    if (sql_table(&table, a->state_database, "datasync_quarantine"))
        return out_of_memory(err);
    return db_exec(a->db, err,
                   "UPDATE %s SET reason_code = %d, source_time = %" PRIu64 " WHERE id = %" PRIu64
                   " AND reason_code = %d",
                   buf_cstr(&table), state, time, id, SKIP_WAITS);
}

int skip_record_missed(struct applier *a, struct ds_error *err)
{
    int rc = 0;
    for (struct skip *s = a->skips; s && rc == 0; s = s->next)
        if (s->missed)
            rc = set_state(a, s->id, SKIP_MISSED, 0, err);
    return rc;
}

int skip_record(struct applier *a, const struct transaction *tx, struct ds_error *err)
{
    struct ddl_context c = {.db = a->db, .name = a->name, .state_database = a->state_database};
    int rc = ddl_abandon(&c, err);
    if (rc == 0)
        rc = set_state(a, tx->skip, SKIP_DONE, tx->timestamp, err);
    log_warn("transaction passed over on request position=%.*s:%" PRIu64 " gtid=%.*s",
             (int)tx->file.len, (const char *)tx->file.p, tx->pos, (int)tx->gtid.len,
             (const char *)tx->gtid.p);
    return rc;
}

/* --- for the command -------------------------------------------------------------- */

/* The place as the stream's own messages write it. */
static int canonical(const char *position, struct gtid *gtid, struct file_position *file, char *out,
                     size_t size, struct ds_error *err)
{
    if (parse(position, gtid, file))
        return error_set(
            err, DS_EUSAGE,
            "\"%.200s\" is neither a GTID nor FILE:POSITION: give the position that the error "
            "message shows",
            position);
    if (!file->file[0])
        return gtid_print(gtid, out, size) ? error_set(err, DS_EUSAGE, "the GTID is too long") : 0;
    snprintf(out, size, "%s:%" PRIu64, file->file, file->pos);
    return 0;
}

/* Only what is still to come can be passed over. */
static int check_ahead(const struct applier *a, const struct gtid *gtid,
                       const struct file_position *file, const char *text, struct ds_error *err)
{
    struct position applied = {0};
    if (!a->cp.found)
        return error_set(err, DS_EUSAGE,
                         "stream %s has no checkpoint yet: there is nothing to skip", a->name);
    int rc = checkpoint_position(&a->cp, &applied, err);
    if (rc == 0 && reached(gtid, file, &applied))
        rc = error_set(err, DS_EUSAGE,
                       "%s is applied already, the checkpoint stands at %s%s%s:%" PRIu64
                       ": give the position that the error message shows",
                       text, a->cp.gtid_set, a->cp.gtid_set[0] ? " " : "", a->cp.file, a->cp.pos);
    position_free(&applied);
    return rc;
}

int skip_add(const struct applier_options *options, const char *position, const char *reason,
             struct ds_error *err)
{
    const struct config *config = options->config;
    struct gtid gtid;
    struct file_position file;
    char text[700];
    int rc = canonical(position, &gtid, &file, text, sizeof text, err);
    if (rc)
        return rc;
    if (!reason)
        reason = "no reason given";
    BUF_AUTO struct buf sql = {0};
    if (buf_puts(&sql, "INSERT INTO ") |
        sql_table(&sql, config->state_database, "datasync_quarantine") |
        buf_puts(&sql, " SET entity = '', entity_key = '', table_name = '', row_key = '', "
                       "row_key_text = '', operation = 'skip', messages = '', reason_code = 0, "
                       "source_time = 0, name = ") |
        sql_string(&sql, config->name, strlen(config->name)) | buf_puts(&sql, ", position = ") |
        sql_string(&sql, text, strlen(text)) | buf_puts(&sql, ", reason = ") |
        sql_string(&sql, reason, strlen(reason)))
        return out_of_memory(err);
    struct applier *a = NULL;
    rc = applier_new(&a, options, err);
    if (rc == 0)
        rc = applier_connect(a, err);
    if (rc == 0)
        rc = check_ahead(a, &gtid, &file, text, err);
    if (rc == 0)
        rc = db_exec_len(a->db, (const char *)sql.data, sql.len, err);
    applier_free(a);
    return rc;
}
