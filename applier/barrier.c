/* Transactions that stand alone: DDL and TRUNCATE (law 7); those of XA are in xa.c.
 *
 * The main loop has committed everything before. ddl.c does the statement; here are the checkpoint
 * around it and the rows that may follow in its group (CREATE TABLE … SELECT).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applier/apply.h"
#include "applier/ddl.h"
#include "schema/log.h"

void barrier_name(const struct transaction *tx, struct slice gtid, uint32_t statement, char *out,
                  size_t size)
{
    char number[16] = "";
    if (statement)
        snprintf(number, sizeof number, "#%u", statement);
    if (gtid.len)
        snprintf(out, size, "%.*s%s", (int)gtid.len, (const char *)gtid.p, number);
    else
        snprintf(out, size, "%.*s:%lu%s", (int)tx->file.len, (const char *)tx->file.p, tx->pos,
                 number);
}

/* --- DDL ------------------------------------------------------------------------ */

struct ddl_run {
    struct applier *a;
    const struct transaction *tx;
    uint32_t index;        /* its place in the batch */
    uint32_t transactions; /* that this is */
    bool last;             /* nothing of the group follows this statement */
    const char *position;  /* of this statement */
    const struct ddl_outcome *outcome;
};

static int ddl_begin(void *arg, struct ds_error *err)
{
    struct ddl_run *run = arg;
    int rc = commit_begin(run->a, err);
    if (run->a->outbox)
        outbox_begin(run->a->outbox, &run->a->cp, run->position);
    return rc;
}

/* With the checkpoint: copies of tables that cannot roll back, of which the statement has changed
 * the definition. */
static int mark_stale(struct applier *a, const struct transaction *tx,
                      const struct ddl_outcome *out, struct ds_error *err)
{
    struct position at = {0};
    if (!a->stale)
        return 0;
    int rc = transaction_position(tx, &at, err);
    for (size_t i = 0; i < out->table_count && rc == 0; i++)
        stale_after_ddl(a, out->tables[i], &at);
    position_free(&at);
    return rc;
}

static int ddl_commit(void *arg, struct ds_error *err)
{
    struct ddl_run *run = arg;
    struct applier *a = run->a;
    const struct ddl_outcome *out = run->outcome;
    struct counters extra = {.transactions = run->transactions};
    if (a->outbox)
        outbox_note_tables(a->outbox, out->definitions_stay ? OUTBOX_TRUNCATE : OUTBOX_DDL,
                           out->tables, out->table_count, out->everything);
    int rc = mark_stale(a, run->tx, out, err);
    if (rc == 0 && run->last) {
        rc = commit_finish(a, run->tx, &extra, err);
        if (rc == 0) /* whatever fails from here on, it is not run again */
            a->batch_done = run->index + 1;
        return rc;
    }
    rc = rc ? rc : commit_tell(a, run->tx, err);
    rc = rc ? rc : db_exec(a->db, err, "COMMIT");
    if (rc == 0 && a->outbox)
        outbox_committed(a->outbox);
    return rc;
}

static bool ddl_keeps(void *arg, const char *table)
{
    return filter_keeps(((struct ddl_run *)arg)->a->options.filter, table);
}

static bool ddl_same(void *arg, const char *a, const char *b)
{
    return filter_same(((struct ddl_run *)arg)->a->options.filter, a, b);
}

static int ddl_restore(void *arg, const char *const *names, size_t count, struct ds_error *err)
{
    return crossing_restore(((struct ddl_run *)arg)->a, names, count, err);
}

static uint64_t ddl_waiting(void *arg, const char *table)
{
    return held_first(((struct ddl_run *)arg)->a, table);
}

/* What the statement changed is read again when rows need it: often the next one changes it again.
 */
static int note_changed(struct applier *a, const struct ddl_outcome *out, struct ds_error *err)
{
    a->conditions_due = filter_where_table(a->options.filter, 0) != NULL;
    handlers_detach(a->handlers); /* their statements were prepared for the tables as they were */
    if (out->everything) {
        writer_forget(a->writer, NULL);
        target_touch_all(a->target);
    }
    for (size_t i = 0; i < out->table_count && !out->definitions_stay; i++) {
        writer_forget(a->writer, out->tables[i]);
        target_touch(a->target, out->tables[i]);
    }
    int rc = members_after_ddl(a, err);
    if (rc == 0 && a->stale)
        rc = target_refresh(a->target, a->db, err);
    if (rc == 0 && a->stale)
        stale_drop_gone(a);
    return rc;
}

/* The rows of the group, the closing of its intent, and the checkpoint. */
static int rows_after_ddl(struct applier *a, const struct ddl_context *c, uint32_t index, bool open,
                          uint32_t transactions, struct ds_error *err)
{
    struct counters extra = {.transactions = transactions - 1}; /* commit_write counts one */
    const struct transaction *tx = &a->batch.transactions[index];
    int rc = crossing_settle(a, err);
    for (uint32_t i = tx->first; i < tx->first + tx->count && rc == 0; i++)
        rc = source_table_resolve(a, a->batch.changes[i].table, err);
    if (rc == 0)
        rc = commit_begin(a, err);
    if (rc == 0)
        rc = commit_write(a, index, 1, false, &extra, err);
    if (rc == 0 && open)
        rc = ddl_finish(c, err);
    if (rc == 0)
        rc = commit_finish(a, tx, &extra, err);
    if (rc == 0)
        a->batch_done = index + 1;
    else if (rc != DS_ECONN)
        commit_roll_back(a);
    return rc;
}

/* What a TRUNCATE at the source comes to where tables are called something else. Done twice it does
 * no harm. */
static int truncate_mapped(struct ddl_run *run, const struct msg_truncate *m,
                           struct ddl_outcome *out, struct ds_error *err)
{
    struct applier *a = run->a;
    *out = (struct ddl_outcome){.result = DDL_PASSED, .definitions_stay = true};
    out->tables = arena_zalloc(&out->arena, sizeof *out->tables);
    int rc = out->tables ? ddl_begin(run, err) : error_set(err, DS_ENOMEM, "out of memory");
    rc = rc ? rc : mapped_truncate(a, m->table, &out->tables[0], &out->arena, err);
    out->table_count = rc == 0 && out->tables[0];
    rc = rc ? rc : ddl_commit(run, err);
    if (rc && rc != DS_ECONN)
        commit_roll_back(a);
    if (rc == 0 && run->last)
        out->result = DDL_DONE;
    return rc;
}

static bool is_statement(const struct message *m)
{
    return m->type == MSG_DDL || m->type == MSG_TRUNCATE;
}

static int read_message(struct applier *a, struct slice raw, struct message *m,
                        struct ds_error *err)
{
    const uint8_t *p = raw.p;
    return message_read(&p, raw.p + raw.len, &a->batch.arena, m, err);
}

static struct ddl_context context(struct applier *a, struct ddl_run *run)
{
    return (struct ddl_context){.db = a->db,
                                .server = &a->server,
                                .name = a->name,
                                .state_database = a->state_database,
                                .source_database = a->config->source.database,
                                .database = a->database,
                                .source_prefix = a->config->source.prefix,
                                .prefix = a->config->destination.prefix,
                                .policy = a->config->ddl,
                                .joined = run->transactions > 1,
                                .connection = &a->ddl,
                                .keeps = ddl_keeps,
                                .same = ddl_same,
                                .filtered = !filter_is_all(a->options.filter),
                                .restore = ddl_restore,
                                .waiting = ddl_waiting,
                                .begin_locked = ddl_begin,
                                .commit_position = ddl_commit,
                                .arg = run};
}

/* The statements of transaction `index`, or several transactions in one statement, up to it;
 * batch_done is behind it then. */
static int apply_ddl(struct applier *a, uint32_t index, const struct message_list *messages,
                     struct slice gtid, uint32_t transactions, struct ds_error *err)
{
    const struct transaction *tx = &a->batch.transactions[index];
    struct ddl_run run = {.a = a, .tx = tx, .index = index, .transactions = transactions};
    const struct ddl_context c = context(a, &run);
    uint32_t statements = 0, seen = 0;
    int rc = 0;
    bool open = false, done = false;
    for (uint32_t i = 0; i < messages->count && rc == 0; i++) {
        struct message m;
        rc = read_message(a, messages->items[i], &m, err);
        statements += rc == 0 && is_statement(&m);
    }
    a->pending_done = index + 1;
    for (uint32_t i = 0; i < messages->count && rc == 0; i++) {
        struct message m;
        rc = read_message(a, messages->items[i], &m, err);
        if (rc || !is_statement(&m))
            continue;
        char position[700];
        barrier_name(tx, gtid, seen++, position, sizeof position);
        run.last = seen == statements && tx->count == 0;
        struct ddl_outcome out = {0};
        run.position = position;
        run.outcome = &out;
        if (m.type == MSG_TRUNCATE)
            rc = members_before_truncate(a, &m.truncate, err);
        if (rc == 0 && a->mapped && !a->import && m.type == MSG_TRUNCATE)
            rc = truncate_mapped(&run, &m.truncate, &out, err);
        else
            rc = rc ? rc : ddl_apply(&c, &m, position, tx->count > 0, &out, err);
        if (rc == 0) {
            open |= out.result == DDL_OPEN;
            done = run.last && out.result == DDL_DONE;
            rc = note_changed(a, &out, err);
        }
        ddl_outcome_free(&out);
    }
    if (rc == 0 && !done)
        rc = rows_after_ddl(a, &c, index, open, transactions, err);
    return rc;
}

/* --- CREATE TABLE … SELECT that is larger than a batch -------------------------------- */

int barrier_begin_open(struct applier *a, struct ds_error *err)
{
    struct slice gtid = a->open_begin.gtid;
    const struct transaction open = {.gtid = gtid, .timestamp = a->open_begin.timestamp};
    struct ddl_run run = {.a = a, .tx = &open, .transactions = 1};
    const struct ddl_context c = context(a, &run);
    uint32_t seen = 0;
    int rc = 0;
    a->dry_ddl |= a->options.dry_run;
    if (!gtid.len && !a->options.dry_run)
        return error_set(err, DS_ELIMIT,
                         "a table is made with rows of more than batch.max_bytes (now %lu), and "
                         "the source has no GTIDs, by which it could be written in parts: raise "
                         "batch.max_bytes",
                         a->config->batch_max_bytes);
    for (uint32_t i = 0; i < a->open_messages.count && rc == 0 && !a->options.dry_run; i++) {
        struct message m;
        rc = read_message(a, a->open_messages.items[i], &m, err);
        if (rc || !is_statement(&m))
            continue;
        char position[700];
        struct ddl_outcome out;
        barrier_name(&open, gtid, seen++, position, sizeof position);
        run.position = position;
        run.outcome = &out;
        rc = ddl_apply(&c, &m, position, true, &out, err);
        a->open_intent |= rc == 0 && out.result == DDL_OPEN;
        if (rc == 0)
            rc = note_changed(a, &out, err);
        ddl_outcome_free(&out);
    }
    if (rc == 0 && !a->options.dry_run)
        rc = crossing_settle(a, err);
    if (rc == 0)
        a->open_barrier = BARRIER_NONE; /* rows, from here on */
    return rc;
}

int barrier_finish_open(struct applier *a, struct ds_error *err)
{
    struct ddl_run run = {.a = a, .transactions = 1};
    const struct ddl_context c = context(a, &run);
    return a->open_intent ? ddl_finish(&c, err) : 0;
}

/* A refusal that may be due to the statements being joined. */
static bool try_apart(int rc)
{
    return rc == DS_EDDL || rc == DS_ESERVER || rc == DS_EUNSUPPORTED;
}

static int apply_joined(struct applier *a, struct ds_error *err)
{
    const struct series *s = &a->series;
    uint32_t end = a->batch.transaction_count;
    struct slice raw;
    log_info("statements that follow each other are run as one count=%u", s->count);
    int rc = series_join(a, &raw, err);
    if (rc == 0)
        rc = apply_ddl(a, end - 1, &(struct message_list){.items = &raw, .count = 1},
                       s->items[s->count - 1].gtid, s->count, err);
    return rc;
}

static int apply_series(struct applier *a, struct ds_error *err)
{
    struct series *s = &a->series;
    uint32_t end = a->batch.transaction_count, first = end - s->count;
    int rc = 0;
    if (s->count > 1 && !s->apart && a->batch_done == first) {
        rc = apply_joined(a, err);
        if (!try_apart(rc))
            return rc;
        log_debug("statements are refused when they are joined, one by one now reason=\"%s\"",
                  err->message);
        error_clear(err);
        s->apart = true;
        rc = 0;
    }
    while (a->batch_done < end && rc == 0) {
        struct series_item *item = &s->items[a->batch_done - first];
        rc = apply_ddl(a, a->batch_done, &(struct message_list){.items = &item->raw, .count = 1},
                       item->gtid, 1, err);
    }
    return rc;
}

/* An import takes rows, not structure: the destination's is its own. What a TRUNCATE has emptied
 * stays. */
static int pass_statements(struct applier *a, struct ds_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; i < a->open_messages.count && rc == 0; i++) {
        struct message m;
        rc = read_message(a, a->open_messages.items[i], &m, err);
        if (rc == 0 && m.type == MSG_TRUNCATE)
            log_warn("TRUNCATE is not carried over by an import table=%.*s",
                     (int)m.truncate.table.len, (const char *)m.truncate.table.p);
        else if (rc == 0 && m.type == MSG_DDL)
            log_debug("a statement is not carried over by an import");
    }
    const struct counters extra = {.transactions = 1};
    for (uint32_t end = a->batch.transaction_count; a->batch_done < end && rc == 0;) {
        a->pending_done = a->batch_done + 1;
        rc = commit_begin(a, err);
        rc = rc ? rc : commit_finish(a, &a->batch.transactions[a->batch_done], &extra, err);
        if (rc && rc != DS_ECONN)
            commit_roll_back(a);
        a->batch_done += rc == 0;
    }
    return rc;
}

static int apply_one(struct applier *a, enum barrier barrier, struct ds_error *err)
{
    if (barrier == BARRIER_XA && !a->options.dry_run)
        return xa_apply(a, err);
    int rc = 0;
    if (a->options.dry_run) {
        const struct transaction *tx = &a->batch.transactions[a->batch_done];
        a->cp.counters.transactions++;
        a->cp.counters.rows += tx->earlier + tx->count;
        a->dry_ddl |= barrier == BARRIER_DDL;
        parts_end(a);
        a->batch_done++;
    } else {
        rc = apply_ddl(a, a->batch_done, &a->open_messages, a->open_begin.gtid, 1, err);
    }
    return rc;
}

int barrier_apply(struct applier *a, enum barrier barrier, struct ds_error *err)
{
    int rc = a->import && barrier == BARRIER_DDL ? pass_statements(a, err)
             : a->series.count                   ? apply_series(a, err)
                                                 : apply_one(a, barrier, err);
    if (rc == 0 || a->batch_done >= a->batch.transaction_count)
        return rc;
    const struct transaction *tx = &a->batch.transactions[a->batch_done];
    char text[sizeof err->position];
    transaction_place(tx, text, sizeof text);
    error_at_position(err, text);
    return rc;
}
