#include "applier/ddl.h"

#include <mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applier/ddl_internal.h"
#include "applier/leftover.h"
#include "schema/crash.h"
#include "schema/log.h"

enum { KEPT_INTENTS = 100, PRUNE_EVERY = 32, LOCK_SECONDS = 60 };

struct intent {
    bool open;
    uint64_t id;
    struct ddl_print *before;
};
enum verdict { VERDICT_RUN, VERDICT_REPEAT, VERDICT_DONE };

static int at_position(const struct ddl_job *job, struct ds_error *err)
{
    error_at_position(err, job->position);
    return err->code;
}

/* Does the statement move tables as they are, so that definitions may not show whether it ran? */
static bool moves(const struct sql_statement *st)
{
    return st->kind == SQL_RENAME_TABLE || st->exchange_partition || st->alter_renames;
}

/* ---- the intent ---- */

/* The statement of an earlier connection of ours may still be running: judge and run nothing before
 * it has ended. Held until this connection ends. */
static int lock_statement(const struct ddl_job *job, struct ds_error *err)
{
    uint64_t got = 0;
    bool found;
    if (job->c->connection->locked)
        return 0;
    int rc = db_scalar_u64(job->c->db, &got, &found, err,
                           "SELECT GET_LOCK(CONCAT('datasync.ddl.', %s), %d)", job->stream,
                           LOCK_SECONDS);
    job->c->connection->locked = rc == 0 && found && got == 1;
    if (rc || job->c->connection->locked)
        return rc;
    return error_set(err, DS_ERETRY,
                     "an earlier connection of this stream is still running a statement at the "
                     "destination; waiting for its end");
}

static int close_intents(MYSQL *db, const char *state, const char *stream, const char *how,
                         struct ds_error *err)
{
    return db_exec(db, err,
                   "UPDATE %s.datasync_ddl SET state = '%s' WHERE name = %s AND state = 'open'",
                   state, how, stream);
}

/* Old ones go now and then. */
static int prune_intents(const struct ddl_job *job, uint64_t last, struct ds_error *err)
{
    if (last <= KEPT_INTENTS || last % PRUNE_EVERY)
        return 0;
    return db_exec(job->c->db, err,
                   "DELETE FROM %s.datasync_ddl WHERE name = %s AND state <> 'open' AND id <= %lu",
                   job->state, job->stream, last - KEPT_INTENTS);
}

static int write_intent(const struct ddl_job *job, const struct ddl_print *before,
                        struct ds_error *err)
{
    BUF_AUTO struct buf prints = {0};
    if (ddl_prints_write(before, job->name_count, &prints))
        return ddl_no_memory(err);
    struct slice raw = job->message->raw;
    const char *statement = ddl_literal(job->arena, job->sql.p, job->sql.len);
    const char *session = ddl_literal(job->arena, raw.p, raw.len);
    const char *tables = ddl_literal(job->arena, prints.data, prints.len);
    const char *position = ddl_literal(job->arena, job->position, strlen(job->position));
    if (!statement || !session || !tables || !position)
        return ddl_no_memory(err);
    crash_point("ddl.before_intent");
    int rc = job->c->begin_locked(job->c->arg, err);
    if (rc == 0)
        rc = db_exec(job->c->db, err,
                     "INSERT INTO %s.datasync_ddl SET name = %s, position = %s, statement = %s, "
                     "session = %s, tables_before = %s, state = 'open'",
                     job->state, job->stream, position, statement, session, tables);
    if (rc == 0)
        rc = prune_intents(job, mysql_insert_id(job->c->db), err);
    if (rc == 0)
        rc = db_exec(job->c->db, err, "COMMIT");
    if (rc == 0)
        crash_point("ddl.after_intent");
    return rc;
}

/* An intent that is open is about this statement, unless its group was passed over since. */
static int read_intent(const struct ddl_job *job, struct intent *out, struct ds_error *err)
{
    MYSQL_RES *result =
        db_select(job->c->db, err,
                  "SELECT id, position, statement, tables_before FROM %s.datasync_ddl WHERE name = "
                  "%s AND state = 'open' ORDER BY id DESC LIMIT 1",
                  job->state, job->stream);
    if (!result)
        return err->code;
    int rc = 0;
    MYSQL_ROW row = mysql_fetch_row(result);
    if (row) {
        unsigned long *lengths = mysql_fetch_lengths(result);
        bool same = lengths[2] == job->sql.len && memcmp(row[2], job->sql.p, lengths[2]) == 0;
        if (strcmp(row[1], job->position) == 0 || same) {
            struct slice stored = {arena_copy(job->arena, row[3], lengths[3]), lengths[3]};
            size_t count = 0;
            out->open = true;
            out->id = strtoull(row[0], NULL, 10);
            rc = stored.p ? ddl_prints_parse(stored, job->arena, &out->before, &count, err)
                          : ddl_no_memory(err);
            if (rc == 0 && count != job->name_count)
                rc = error_set(err, DS_EDDL,
                               "the open intent in datasync_ddl is about %zu objects, the "
                               "statement about %zu: %s",
                               count, job->name_count, ddl_shown(job));
        } else {
            log_warn("open DDL intent given up, its group was passed over position=%s", row[1]);
        }
    }
    mysql_free_result(result);
    return rc;
}

/* ---- was it run? ---- */

static bool same_bytes(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static bool same_definitions(const struct ddl_print *a, const struct ddl_print *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!same_bytes(a[i].definition, b[i].definition))
            return false;
    return true;
}

static bool same_ids(const struct ddl_print *a, const struct ddl_print *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!same_bytes(a[i].ids, b[i].ids))
            return false;
    return true;
}

/* Every object that is there has ids. */
static bool ids_known(const struct ddl_print *a, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (a[i].definition.len && a[i].ids.len == 0)
            return false;
    return true;
}

static void log_definitions(const struct ddl_job *job, const char *when, const struct ddl_print *p)
{
    for (size_t i = 0; i < job->name_count; i++) {
        char *text = ddl_text(job->arena, p[i].definition);
        for (char *c = text; c && *c; c++)
            *c = *c == '\n' ? ' ' : *c; /* one line */
        log_error("object %s the statement name=%s ids=\"%.*s\" definition=%s", when, p[i].name,
                  (int)p[i].ids.len, p[i].ids.len ? (const char *)p[i].ids.p : "",
                  text && *text ? text : "none");
    }
}

static int cannot_tell(const struct ddl_job *job, const struct ddl_print *before,
                       const struct ddl_print *now, const char *why, struct ds_error *err)
{
    size_t i = 0, n = job->name_count;
    log_definitions(job, "before", before);
    log_definitions(job, "now, perhaps after", now);
    while (i + 1 < n && same_bytes(before[i].definition, now[i].definition))
        i++;
    struct slice a = before[i].definition, b = now[i].definition;
    error_set(err, DS_EDDL,
              "cannot tell whether this statement ran before the last crash: %s. Bring the objects "
              "to the state before it (it is run then), or pass over it with `datasync skip`. "
              "Statement: %.300s | before, %s: %.*s | now: %.*s",
              why, ddl_shown(job), before[i].name, a.len > 300 ? 300 : (int)a.len,
              a.len ? (const char *)a.p : "", b.len > 300 ? 300 : (int)b.len,
              b.len ? (const char *)b.p : "");
    return at_position(job, err);
}

static int judge(const struct ddl_job *job, const struct ddl_print *before, enum verdict *verdict,
                 struct ds_error *err)
{
    size_t n = job->name_count;
    struct ddl_print *now, *after = NULL;
    bool possible;
    int rc = ddl_prints_read(job, job->c->database, &now, err);
    if (rc)
        return rc;
    bool as_before = same_definitions(before, now, n);
    bool certain = ids_known(before, n) && ids_known(now, n);
    *verdict = VERDICT_RUN;
    if (as_before && same_ids(before, now, n) && (certain || !moves(&job->st)))
        return 0;
    if (job->session.error_code)
        return cannot_tell(job, before, now,
                           "it ended with an error at the source, perhaps half done", err);
    rc = ddl_dry_run(job, before, &possible, &after, err);
    if (rc)
        return rc;
    if (!possible)
        return cannot_tell(job, before, now, "it is not as before, and cannot be tried on copies",
                           err);
    bool as_after = same_definitions(after, now, n);
    if (as_before && !as_after)
        return 0; /* it would show */
    if (as_before && !certain)
        return cannot_tell(job, before, now,
                           "it leaves the same definitions, and without PROCESS, or on tables "
                           "that are not InnoDB's, nothing tells the tables apart",
                           err);
    if (!as_after)
        return cannot_tell(job, before, now, "the objects are neither as before nor as after it",
                           err);
    *verdict = VERDICT_DONE;
    return 0;
}

/* What the intent's statement needs: nothing more, to be run, or to be repeated. */
static int recover(const struct ddl_job *job, const struct intent *intent, enum verdict *verdict,
                   struct ds_error *err)
{
    log_info("a statement was begun before the last stop: looking whether it ran position=%s",
             job->position);
    switch (job->st.kind) {
    case SQL_DROP_TABLE:
    case SQL_DROP_VIEW:
    case SQL_DROP_SEQUENCE:
    case SQL_DROP_ROUTINE:
    case SQL_CREATE_VIEW:
    case SQL_ALTER_VIEW:
    case SQL_CREATE_ROUTINE:
    case SQL_ALTER_ROUTINE:
        *verdict = VERDICT_REPEAT;
        return 0;
    default:
        return judge(job, intent->before, verdict, err);
    }
}

/* ---- running ---- */

/* The server has said that it did nothing: the next start begins anew, on objects that somebody may
 * have corrected. */
static int give_up_intent(const struct ddl_job *job)
{
    struct ds_error ignored;
    return db_exec(job->c->db, &ignored,
                   "UPDATE %s.datasync_ddl SET state = 'failed' WHERE name = %s AND state = 'open'",
                   job->state, job->stream);
}

static int failed(const struct ddl_job *job, struct ds_error *err)
{
    char reason[600];
    unsigned number = err->server_errno;
    if (err->code == DS_ECONN || err->code == DS_ERETRY || err->code == DS_EUNSUPPORTED ||
        err->code == DS_ENOMEM)
        return err->code;
    snprintf(reason, sizeof reason, "%s", mysql_error(job->c->db));
    error_set_server(err, err->code == DS_EACCESS ? DS_EACCESS : DS_EDDL, number,
                     "a DDL statement of the source fails at the destination: %s (%u); correct the "
                     "destination and start again, or pass over it with `datasync skip`: %s",
                     reason, number, ddl_shown(job));
    if (job->name_count)
        error_at_table(err, job->c->database, job->names[0]);
    if (give_up_intent(job))
        log_warn("the intent of a failed statement stays open position=%s", job->position);
    return at_position(job, err);
}

/* A server logs DROP of several tables when some of them were missing: what is gone is gone on both
 * sides. */
static bool only_missing(const struct ddl_job *job, const struct ds_error *err)
{
    return job->st.name_count > 1 &&
           (job->st.kind == SQL_DROP_TABLE || job->st.kind == SQL_DROP_VIEW ||
            job->st.kind == SQL_DROP_SEQUENCE) &&
           (err->server_errno == 1051 || err->server_errno == 4091 || err->server_errno == 4092);
}

static int expected_failure(const struct ddl_job *job, int rc, struct ds_error *err)
{
    unsigned expected = job->session.error_code;
    if (rc && err->server_errno == expected) {
        error_clear(err);
        return 0;
    }
    if (rc)
        return failed(job, err);
    error_set(err, DS_EDDL,
              "a statement that ended with error %u at the source, perhaps half done, succeeds at "
              "the destination; compare the tables and pass over it with `datasync skip`: %s",
              expected, ddl_shown(job));
    return at_position(job, err);
}

/* Names without a database, in the body of a view or routine, belong to the default one. */
static const char *default_database(const struct ddl_job *job)
{
    struct slice at_source = job->session.database;
    const char *source = job->c->source_database;
    bool body = job->st.kind == SQL_CREATE_VIEW || job->st.kind == SQL_ALTER_VIEW;
    bool mirrored =
        at_source.len == strlen(source) && memcmp(at_source.p, source, at_source.len) == 0;
    return mirrored || !body || at_source.len == 0 ? job->c->database
                                                   : ddl_text(job->arena, at_source);
}

/* Run `sql` as the job's statement. */
static int execute(const struct ddl_job *job, struct slice sql, struct ds_error *err)
{
    struct ddl_saved saved;
    struct ds_error ignored;
    const char *database = default_database(job);
    if (!database)
        return ddl_no_memory(err);
    int rc = ddl_session_enter(job, database, !job->c->filtered, &saved, err);
    bool entered = rc == 0;
    if (entered)
        rc = db_exec_len(job->c->db, (const char *)sql.p, sql.len, err);
    else if (err->server_errno == ER_BAD_DB_ERROR)
        rc = failed(job, err);
    if (entered && rc && only_missing(job, err)) {
        log_warn("a table to be dropped is not there position=%s message=\"%s\"", job->position,
                 err->message);
        error_clear(err);
        rc = 0;
        entered = false;
    }
    if (entered && (job->session.error_code || rc))
        rc = job->session.error_code ? expected_failure(job, rc, err) : failed(job, err);
    int left = ddl_session_leave(job->c, &saved, rc ? &ignored : err);
    return rc ? rc : left;
}

/* IF EXISTS put into a DROP: what a repetition finds done is no error. */
static int repeat_drop(struct ddl_job *job, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    int rc = buf_printf(&sql, "DROP %s IF EXISTS ", job->st.object);
    for (size_t i = 0; i < job->name_count && rc == 0; i++) {
        rc = i ? buf_puts(&sql, ", ") : 0;
        rc |= sql_table(&sql, job->c->database, job->names[i]);
    }
    job->session.error_code = 0;
    return rc ? ddl_no_memory(err) : execute(job, (struct slice){sql.data, sql.len}, err);
}

/* Views and routines have no content: what the first run made is dropped, if there was none before,
 * and made again. */
static int repeat(struct ddl_job *job, const struct intent *intent, struct ds_error *err)
{
    enum sql_kind kind = job->st.kind;
    if (kind == SQL_DROP_TABLE || kind == SQL_DROP_VIEW || kind == SQL_DROP_SEQUENCE ||
        kind == SQL_DROP_ROUTINE)
        return repeat_drop(job, err);
    bool was_absent = intent->before && intent->before[0].definition.len == 0;
    if (was_absent && job->session.error_code == 0) {
        BUF_AUTO struct buf name = {0};
        if (sql_table(&name, job->c->database, job->names[0]))
            return ddl_no_memory(err);
        int rc = db_exec(job->c->db, err, "DROP %s IF EXISTS %s", job->st.object, buf_cstr(&name));
        if (rc)
            return rc;
    }
    return execute(job, job->sql, err);
}

/* Rows that a first run of the group left in a table that cannot roll back. */
static int empty_again(const struct ddl_job *job, struct ds_error *err)
{
    BUF_AUTO struct buf name = {0};
    if (!job->continues || job->st.kind != SQL_CREATE_TABLE)
        return 0;
    if (sql_table(&name, job->c->database, job->names[0]))
        return ddl_no_memory(err);
    return db_exec(job->c->db, err, "TRUNCATE TABLE %s", buf_cstr(&name));
}

static int finish(const struct ddl_job *job, struct ddl_outcome *out, struct ds_error *err)
{
    crash_point("ddl.after_statement");
    if (job->continues) {
        out->result = DDL_OPEN;
        return ddl_record_followups(job, err);
    }
    int rc = job->c->begin_locked(job->c->arg, err);
    if (rc == 0)
        rc = close_intents(job->c->db, job->state, job->stream, "done", err);
    if (rc == 0 && job->action == ACTION_RECORD)
        rc = ddl_record(job, err);
    if (rc == 0 && job->action == ACTION_EMPTY)
        rc = ddl_record_emptied(job, err);
    if (rc == 0 && job->action == ACTION_DATABASE)
        rc = db_exec(
            job->c->db, err,
            "DELETE FROM %s.datasync_objects WHERE name = %s AND kind <> 'mask' AND (kind = "
            "'database' OR %d)",
            job->state, job->stream, job->st.or_replace);
    if (rc == 0)
        rc = ddl_record_followups(job, err);
    crash_point("ddl.before_done");
    if (rc == 0)
        rc = job->c->commit_position(job->c->arg, err);
    if (rc == 0)
        crash_point("ddl.after_done");
    if (rc == 0) {
        out->result = DDL_DONE;
        job->c->connection->settled = true;
    }
    return rc;
}

/* The statement belongs behind what the checkpoint says. */
static int check_position(const struct ddl_job *job, struct ds_error *err)
{
    int rc = job->c->begin_locked(job->c->arg, err);
    return rc ? rc : db_exec(job->c->db, err, "ROLLBACK");
}

/* The table was not there before, and is not there now; parts of it may be. */
static int create_again(struct ddl_job *job, struct ds_error *err)
{
    bool ignored;
    struct ds_error none;
    if (leftover_drop(job->c->db, job->c->server, job->c->database, job->names[0], &ignored, &none))
        log_debug("what the first run may have left cannot be looked for message=\"%s\"",
                  none.message);
    return execute(job, job->sql, err);
}

static int run_with_intent(struct ddl_job *job, struct ddl_outcome *out, struct ds_error *err)
{
    struct intent intent = {0};
    enum verdict verdict = VERDICT_RUN;
    int rc = job->c->connection->settled ? 0 : read_intent(job, &intent, err);
    job->c->connection->settled = false; /* until this one is closed */
    if (rc == 0 && intent.open)
        rc = check_position(job, err);
    if (rc == 0 && intent.open)
        rc = recover(job, &intent, &verdict, err);
    if (rc == 0 && !intent.open) {
        rc = ddl_prints_read(job, job->c->database, &intent.before, err);
        if (rc == 0)
            rc = write_intent(job, intent.before, err);
    }
    if (rc)
        return rc;
    if (verdict == VERDICT_RUN && intent.open && job->st.kind == SQL_CREATE_TABLE)
        rc = create_again(job, err);
    else if (verdict == VERDICT_RUN)
        rc = execute(job, job->sql, err);
    else if (verdict == VERDICT_REPEAT)
        rc = repeat(job, &intent, err);
    else
        rc = empty_again(job, err);
    log_info("DDL %s kind=\"%s\" position=%s",
             rc                        ? "failed"
             : verdict == VERDICT_DONE ? "found done"
                                       : "applied",
             sql_kind_name(job->st.kind), job->position);
    return rc ? rc : finish(job, out, err);
}

/* Harmless when it runs twice; but only from where the checkpoint is. */
static int run_repeatable(struct ddl_job *job, struct ddl_outcome *out, struct ds_error *err)
{
    bool expressions = false;
    int rc = job->c->joined ? ddl_has_expressions(job, &expressions, err) : 0;
    if (rc == 0 && expressions)
        rc = error_set(err, DS_EUNSUPPORTED, "the table's definition holds expressions");
    if (rc == 0)
        rc = check_position(job, err);
    if (rc)
        return rc;
    if (job->action == ACTION_REPEAT)
        rc = execute(job, job->sql, err);
    else if (job->action == ACTION_EMPTY)
        rc = ddl_empty(job, err);
    else if (job->action == ACTION_DATABASE)
        rc = ddl_take_database(job, err);
    if (rc)
        return rc;
    log_info("DDL applied kind=\"%s\" position=%s", sql_kind_name(job->st.kind), job->position);
    return finish(job, out, err);
}

static int tell_outcome(const struct ddl_job *job, struct ddl_outcome *out, struct ds_error *err)
{
    out->everything = job->action == ACTION_EMPTY || job->action == ACTION_DATABASE;
    out->definitions_stay = job->st.kind == SQL_TRUNCATE;
    if (job->action != ACTION_RUN && job->action != ACTION_REPEAT)
        return 0;
    out->tables = arena_zalloc(&out->arena, (job->name_count + 1) * sizeof *out->tables);
    for (size_t i = 0; out->tables && i < job->name_count; i++) {
        size_t known = 0;
        while (known < out->table_count && strcmp(out->tables[known], job->names[i]) != 0)
            known++;
        if (known < out->table_count || !job->names[i][0])
            continue;
        if (!(out->tables[out->table_count++] = arena_strdup(&out->arena, job->names[i])))
            return ddl_no_memory(err);
    }
    return out->tables ? 0 : ddl_no_memory(err);
}

/* A change that was set aside can only be applied to the table that it was made for. */
static int check_waiting(const struct ddl_job *job, const struct ddl_outcome *out,
                         struct ds_error *err)
{
    uint64_t id = out->everything ? job->c->waiting(job->c->arg, NULL) : 0;
    for (size_t i = 0; i < out->table_count && !id; i++)
        id = job->c->waiting(job->c->arg, out->tables[i]);
    if (!id)
        return 0;
    error_set(
        err, DS_EDDL,
        "a change of a table that this statement is about waits in quarantine: apply it first "
        "(`datasync quarantine retry %lu`), or forget it (`datasync quarantine drop %lu`), "
        "then start again: %s",
        id, id, ddl_shown(job));
    return at_position(job, err);
}

static int apply(struct ddl_job *job, struct ddl_outcome *out, struct ds_error *err)
{
    int rc = ddl_route(job, err);
    if (rc || job->action == ACTION_PASS)
        return rc;
    rc = tell_outcome(job, out, err);
    if (rc == 0 && job->c->waiting)
        rc = check_waiting(job, out, err);
    if (rc == 0)
        rc = ddl_check_certain(job, err);
    if (rc == 0 && job->c->restore)
        rc =
            job->c->restore(job->c->arg, out->everything ? NULL : job->names, job->name_count, err);
    if (rc == 0)
        rc = lock_statement(job, err);
    if (rc)
        return rc;
    rc = job->action == ACTION_RUN ? run_with_intent(job, out, err) : run_repeatable(job, out, err);
    struct ds_error ignored;
    if (rc && rc != DS_ECONN && db_exec(job->c->db, &ignored, "ROLLBACK"))
        log_debug("rollback after a failed statement: %s", ignored.message);
    return rc;
}

static int quote_state(const struct ddl_context *c, struct arena *arena, const char **state,
                       const char **stream, struct ds_error *err)
{
    BUF_AUTO struct buf name = {0};
    if (sql_identifier(&name, c->state_database))
        return ddl_no_memory(err);
    *state = ddl_text(arena, (struct slice){name.data, name.len});
    *stream = ddl_literal(arena, c->name, strlen(c->name));
    return *state && *stream ? 0 : ddl_no_memory(err);
}

int ddl_apply(const struct ddl_context *c, const struct message *m, const char *position,
              bool continues, struct ddl_outcome *out, struct ds_error *err)
{
    memset(out, 0, sizeof *out);
    struct arena arena = {0};
    struct ddl_job job = {
        .c = c, .message = m, .position = position, .continues = continues, .arena = &arena};
    int rc = quote_state(c, &arena, &job.state, &job.stream, err);
    if (rc == 0)
        rc = apply(&job, out, err);
    arena_free(&arena);
    return rc;
}

static int close_all(const struct ddl_context *c, const char *how, struct ds_error *err)
{
    struct arena arena = {0};
    const char *state = NULL, *stream = NULL;
    int rc = quote_state(c, &arena, &state, &stream, err);
    if (rc == 0)
        rc = close_intents(c->db, state, stream, how, err);
    arena_free(&arena);
    return rc;
}

int ddl_finish(const struct ddl_context *c, struct ds_error *err)
{
    return close_all(c, "done", err);
}

int ddl_abandon(const struct ddl_context *c, struct ds_error *err)
{
    return close_all(c, "skipped", err);
}

void ddl_outcome_free(struct ddl_outcome *out)
{
    arena_free(&out->arena);
    memset(out, 0, sizeof *out);
}
