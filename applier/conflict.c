/* What does not fit the destination (law 5), and what waits behind it.
 *
 * A transaction that fails even change by change is applied once more, change by change, and each
 * change that is refused is treated as on_conflict says. A quarantined row holds back all later
 * changes of the same row and of rows that refer to it, so that their order is kept; they are
 * stored in the transaction that moves the checkpoint over them.
 */
#include <mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applier/apply.h"
#include "applier/images.h"
#include "applier/key_text.h"
#include "schema/log.h"

static int out_of_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory while handling a conflict");
}

static int hold(struct applier *a, const struct change *c, uint64_t id, struct ds_error *err)
{
    int rc = held_add(a, c, id);
    if (rc != DS_ESCHEMA)
        return rc ? out_of_memory(err) : 0;
    return error_set(err, rc,
                     "a change of table %s cannot wait in quarantine, since no key of it finds its "
                     "rows: add a unique one on columns that come, all of them NOT NULL",
                     c->table->target->name);
}

/* A change that touches rows of several quarantined ones makes one chain of them, behind the first:
 * they can only be applied in the order in which they came. */
static int join_chains(struct applier *a, const struct change *c, uint64_t behind,
                       struct ds_error *err)
{
    BUF_AUTO struct buf table = {0};
    uint64_t id;
    if (sql_table(&table, a->state_database, "datasync_quarantine"))
        return out_of_memory(err);
    int rc = held_touched(a, c, behind, true, &id, err);
    while (id && rc == 0) {
        rc = db_exec(a->db, err, "UPDATE %s SET held_by = %lu WHERE id = %lu OR held_by = %lu",
                     buf_cstr(&table), behind, id, id);
        for (struct held_row *h = a->held; h; h = h->next)
            h->id = h->id == id ? behind : h->id;
        if (rc == 0)
            rc = held_touched(a, c, behind, true, &id, err);
    }
    return rc;
}

static int key_text(struct slice key, struct buf *out)
{
    const uint8_t *p = key.p;
    struct value v;
    if (!key.len || value_read(&p, p + key.len, &v))
        return 0;
    switch (v.kind) {
    case VALUE_INT:
        return buf_signed(out, v.i);
    case VALUE_UINT:
        return buf_unsigned(out, v.u);
    case VALUE_TEXT:
    case VALUE_BYTES:
        return buf_append(out, v.bytes.p, v.bytes.len);
    default:
        return 0;
    }
}

/* How much of a key's text the column holds. */
static size_t listed(const struct buf *text)
{
    return text->len > 512 ? 512 : text->len;
}

/* What waits of an entity is found under the key that it has now. */
static int list_under_new_key(struct applier *a, uint64_t root, const struct change *c,
                              struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0}, from = {0}, to = {0};
    struct row_images im;
    int rc = images_split(c, &im, err);
    struct slice new_key = rc ? (struct slice){0} : held_new_key(c, &im);
    if (rc || !new_key.len || !held_entity_key(c).len)
        return rc;
    rc = key_text(held_entity_key(c), &from) | key_text(new_key, &to) | buf_puts(&sql, "UPDATE ") |
         sql_table(&sql, a->state_database, "datasync_quarantine") |
         buf_puts(&sql, " SET entity_key = ") | sql_string(&sql, to.data, listed(&to)) |
         buf_puts(&sql, " WHERE entity_key = ") | sql_string(&sql, from.data, listed(&from)) |
         buf_puts(&sql, " AND entity = ") |
         sql_string(&sql, c->table->entity, strlen(c->table->entity)) |
         buf_printf(&sql, " AND (id = %lu OR held_by = %lu)", root, root);
    return rc ? out_of_memory(err) : db_exec_len(a->db, (const char *)sql.data, sql.len, err);
}

int conflict_store(struct applier *a, const struct change *c, uint64_t behind,
                   const struct ds_error *reason, struct ds_error *err)
{
    static const char *const ops[] = {"", "insert", "update", "delete"};
    const struct target_table *t = c->table->target;
    const struct transaction *tx = &a->batch.transactions[c->transaction];
    const struct msg_change as_it_is = {.table_id = c->table->def.id, /* members.c may alter it */
                                        .op = c->op,
                                        .flags = c->flags,
                                        .entity_key = held_entity_key(c),
                                        .before = c->before,
                                        .after = c->after};
    struct arena scratch = {0};
    struct slice key = {0};
    BUF_AUTO struct buf sql = {0}, messages = {0}, text = {0}, entity_key = {0};
    char position[700];
    uint8_t version = MESSAGE_VERSION;
    held_row_key(&scratch, t, c->op == CHANGE_INSERT ? c->after : c->before, &key);
    transaction_place(tx, position, sizeof position);
    int rc = buf_append(&messages, &version, 1) | source_table_raw(c->table, &messages) |
             message_write_change(&messages, &as_it_is) | change_key_text(c, &text) |
             key_text(held_entity_key(c), &entity_key);
    rc |=
        buf_puts(&sql, "INSERT INTO ") | sql_table(&sql, a->state_database, "datasync_quarantine") |
        buf_puts(&sql, " SET entity_key = ") |
        sql_string(&sql, entity_key.data, listed(&entity_key)) | buf_puts(&sql, ", name = ") |
        sql_string(&sql, a->name, strlen(a->name)) |
        (behind ? buf_printf(&sql, ", held_by = %lu", behind) : 0) | buf_puts(&sql, ", entity = ") |
        sql_string(&sql, c->table->entity, strlen(c->table->entity)) |
        buf_puts(&sql, ", table_name = ") | sql_string(&sql, t->name, strlen(t->name)) |
        buf_puts(&sql, ", row_key = ") | sql_string(&sql, key.p, key.len > 3000 ? 3000 : key.len) |
        buf_puts(&sql, ", row_key_text = ") |
        sql_string(&sql, text.data, text.len > 500 ? 500 : text.len) |
        buf_printf(&sql, ", operation = '%s', reason_code = %u, reason = ", ops[c->op],
                   reason ? reason->server_errno : 0);
    const char *why = reason ? reason->message : "waits behind a quarantined change";
    rc |= sql_string(&sql, why, strlen(why)) | buf_puts(&sql, ", position = ") |
          sql_string(&sql, position, strlen(position)) |
          buf_printf(&sql, ", source_time = %lu, messages = ", tx->timestamp) |
          sql_string(&sql, messages.data, messages.len);
    arena_free(&scratch);
    if (rc)
        return out_of_memory(err);
    a->held_dirty = true;
    rc = behind ? join_chains(a, c, behind, err) : 0;
    if (rc == 0)
        rc = db_exec_len(a->db, (const char *)sql.data, sql.len, err);
    if (rc)
        return rc;
    a->held_changes++;
    uint64_t id = behind ? behind : mysql_insert_id(a->db);
    if (behind && chain_touch(a, behind))
        return out_of_memory(err);
    rc = hold(a, c, id, err);
    return rc ? rc : list_under_new_key(a, id, c, err);
}

/* --- what waits already ----------------------------------------------------- */

static int load_one(struct applier *a, MYSQL_ROW row, const unsigned long *lengths,
                    struct ds_error *err)
{
    struct slice messages = {(const uint8_t *)row[2], lengths[2]};
    if (!messages.len || messages.p[0] != MESSAGE_VERSION)
        return error_set(err, DS_EUNSUPPORTED,
                         "quarantined change %s is of message format %d, this version reads %d",
                         row[0], messages.len ? messages.p[0] : 0, MESSAGE_VERSION);
    uint32_t before = a->batch.change_count;
    messages.p++;
    messages.len--;
    int rc = gather_stored(a, messages, err);
    uint64_t id = strtoull(row[1] ? row[1] : row[0], NULL, 10);
    for (uint32_t i = before; i < a->batch.change_count && rc == 0; i++)
        rc = hold(a, &a->batch.changes[i], id, err);
    a->batch.change_count = before;
    a->held_changes++;
    if (rc == DS_ESCHEMA) {
        char why[sizeof err->message / 2];
        snprintf(why, sizeof why, "%.*s", (int)sizeof why - 1, err->message);
        rc = error_set(err, rc,
                       "the quarantined change %s does not fit its table any more (%s): make the "
                       "table what it was, or `datasync quarantine drop %s`",
                       row[0], why, row[1] ? row[1] : row[0]);
    }
    return rc;
}

int conflict_load(struct applier *a, struct ds_error *err)
{
    BUF_AUTO struct buf table = {0}, name = {0};
    arena_reset(&a->held_arena, 0);
    a->held = NULL;
    a->held_changes = 0;
    a->held_dirty = false;
    if (sql_table(&table, a->state_database, "datasync_quarantine") ||
        sql_string(&name, a->name, strlen(a->name)))
        return out_of_memory(err);
    MYSQL_RES *res = db_select(a->db, err,
                               "SELECT id, held_by, messages FROM %s WHERE name = %s AND operation "
                               "<> 'skip' ORDER BY id",
                               buf_cstr(&table), buf_cstr(&name));
    if (!res)
        return err->code;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));)
        rc = load_one(a, row, mysql_fetch_lengths(res), err);
    mysql_free_result(res);
    return rc;
}

/* --- policy ------------------------------------------------------------------ */

static int write_one(struct applier *a, const struct change *c, enum net_op op,
                     struct ds_error *err)
{
    struct batch one = {.changes = (struct change *)c, .change_count = 1};
    struct change copy = *c;
    struct transaction tx = {.first = 0, .count = 1};
    one.changes = &copy;
    one.transactions = &tx;
    one.transaction_count = 1;
    struct plan plan;
    copy.skip = false;
    int rc = plan_build(&plan, &one, 0, 1, true, a->target, &a->plan_arena, err);
    uint64_t rows = 0;
    for (uint32_t i = 0; i < plan.step_count && rc == 0; i++) {
        if (!plan.steps[i].keyless) /* an update there is a delete and an insert */
            plan.steps[i].op = op;
        rc = writer_step(a->writer, &plan.steps[i], &rows, err);
    }
    for (uint32_t i = 0; i < plan.late_count && rc == 0; i++)
        rc = commit_write_late(a, &plan.late[i], &rows, err);
    return rc;
}

static enum net_op op_of(const struct change *c)
{
    return c->op == CHANGE_INSERT ? NET_INSERT : c->op == CHANGE_UPDATE ? NET_UPDATE : NET_DELETE;
}

/* Whole or not at all: a value that does not fit has been written otherwise when the server warns
 * of it, and an update of a row without a key is two statements. */
static int write_whole(struct applier *a, const struct change *c, enum net_op op,
                       struct ds_error *err)
{
    int rc = db_exec(a->db, err, "SAVEPOINT datasync_change");
    rc = rc ? rc : write_one(a, c, op, err);
    if (rc != DS_ECONFLICT)
        return rc;
    struct ds_error failed;
    int back = db_exec(a->db, &failed, "ROLLBACK TO SAVEPOINT datasync_change");
    if (back)
        *err = failed;
    return back ? back : rc;
}

int conflict_write(struct applier *a, const struct change *c, struct ds_error *err)
{
    arena_reset(&a->plan_arena, 8 << 20);
    return write_whole(a, c, op_of(c), err);
}

/* The change written as if the row had been in the other state: an update of what was to be
 * inserted, an insert of what was to be updated. */
static int write_turned(struct applier *a, const struct change *c, struct ds_error *err)
{
    struct arena scratch = {0};
    struct change turned = *c;
    int rc = images_full_after(&scratch, c, &turned.after);
    if (rc == 0 && c->op == CHANGE_INSERT) { /* its own key finds the row; all columns are set */
        turned.op = CHANGE_UPDATE;
        turned.before = turned.after;
    } else {
        turned.op = CHANGE_INSERT;
        turned.before = (struct slice){0};
    }
    rc = rc ? out_of_memory(err) : write_whole(a, &turned, op_of(&turned), err);
    arena_free(&scratch);
    return rc;
}

/* overwrite: a missing row is inserted, a present one overwritten, a row that is gone already need
 * not be deleted. Anything else (another row holds a unique value, a parent is missing) is left to
 * quarantine: DS_ECONFLICT. */
static int overwrite(struct applier *a, const struct change *c, const struct ds_error *why,
                     struct ds_error *err)
{
    bool missing = why->server_errno == 1032, duplicate = why->server_errno == 1062;
    if (c->op == CHANGE_DELETE && missing)
        return 0;
    bool other = held_reaches(a, c->table->target); /* it may be there because others wait */
    if (!other && ((c->op == CHANGE_INSERT && duplicate) || (c->op == CHANGE_UPDATE && missing)))
        return write_turned(a, c, err);
    *err = *why;
    return DS_ECONFLICT;
}

static bool is_taken(const struct ds_error *why)
{
    return why->server_errno == 1062 && !strstr(why->message, "PRIMARY'");
}

/* Of rows that the source has twice by a unique key of the destination's (map_is_double): the first
 * stays, another is left out. One that is changed into another one's goes, one that is changed out
 * of it comes. *is: it was such a row. */
static int leave_double(struct applier *a, const struct change *c, const struct ds_error *why,
                        bool *is, struct ds_error *err)
{
    struct change gone = *c;
    const bool missing = why->server_errno == 1032;
    *is = mapped_doubles(a, c->table->target->name) &&
          (c->op == CHANGE_INSERT   ? is_taken(why)
           : c->op == CHANGE_DELETE ? missing
                                    : missing || is_taken(why));
    if (!*is || c->op != CHANGE_UPDATE)
        return 0;
    gone.op = CHANGE_DELETE;
    gone.after = (struct slice){0};
    int rc = missing ? write_turned(a, c, err) : write_one(a, &gone, NET_DELETE, err);
    return rc == DS_ECONFLICT && missing && is_taken(err) ? 0 : rc;
}

/* All rows of the table are read again behind this. */
static bool is_void_next(const struct applier *a, const struct change *c)
{
    return a->options.void_next &&
           a->options.void_next(a->options.void_arg, c->table->target->name);
}

/* A value that its column does not take. Under a map that is the map's, not the row's. */
static bool is_refused(const struct applier *a, const struct ds_error *why)
{
    static const unsigned codes[] = {
        ER_BAD_NULL_ERROR,        ER_WARN_DATA_OUT_OF_RANGE,          WARN_DATA_TRUNCATED,
        ER_TRUNCATED_WRONG_VALUE, ER_TRUNCATED_WRONG_VALUE_FOR_FIELD, ER_DATA_TOO_LONG};
    size_t i = 0;
    while (i < sizeof codes / sizeof *codes && codes[i] != why->server_errno)
        i++;
    return a->mapped && i < sizeof codes / sizeof *codes;
}

/* *waits: it went into quarantine. */
static int by_policy(struct applier *a, const struct change *c, struct counters *extra, bool *waits,
                     struct ds_error *err)
{
    struct ds_error why = *err;
    BUF_AUTO struct buf key = {0};
    bool twice;
    if (is_void_next(a, c))
        return 0;
    int left = leave_double(a, c, &why, &twice, err);
    if (twice)
        return left;
    change_key_text(c, &key);
    error_at_table(&why, a->database, c->table->target->name);
    error_at_key(&why, buf_cstr(&key));
    const bool refused = is_refused(a, &why);
    if (a->config->on_conflict == CONFLICT_STOP || refused) {
        *err = why;
        return error_set_server(err, DS_ECONFLICT, why.server_errno, "%s (table %s key %s): %s",
                                why.message, why.table, why.key,
                                refused ? "change it by a handler of the map, or at the source, or "
                                          "have the column take it"
                                        : "repair the row at the destination, or set on_conflict "
                                          "to quarantine or overwrite");
    }
    extra->conflicts++;
    int rc = DS_ECONFLICT;
    if (a->config->on_conflict == CONFLICT_OVERWRITE)
        rc = overwrite(a, c, &why, err);
    log_warn("conflict table=%s key=\"%s\" error=%u action=%s message=\"%s\"", why.table, why.key,
             why.server_errno, rc == DS_ECONFLICT ? "quarantine" : "overwrite", why.message);
    *waits = rc == DS_ECONFLICT;
    return *waits ? conflict_store(a, c, 0, &why, err) : rc;
}

/* c->skip afterwards: it was not written. */
static int change_by_policy(struct applier *a, struct change *c, const struct transaction *tx,
                            struct counters *extra, struct ds_error *err)
{
    const struct ds_error *why;
    uint64_t behind = 0;
    bool waits = false, drop, taken = c->replaced;
    extra->rows++;
    c->skip = c->left_out || (tx->rolled_back && c->table->target->transactional) ||
              stale_skips(a, c, tx);
    if (c->skip)
        return 0;
    int rc = a->held ? held_touched(a, c, 0, true, &behind, err) : 0;
    c->skip = true;
    c->replaced = taken && !behind;
    if (rc || behind)
        return rc ? rc : conflict_store(a, c, behind, NULL, err);
    if (handled_failed(a->handled, c, &drop, &why))
        return drop ? 0 : conflict_store(a, c, 0, why, err);
    if (!taken) {
        rc = conflict_write(a, c, err);
        if (rc == DS_ECONFLICT)
            rc = by_policy(a, c, extra, &waits, err);
        else
            extra->rows_written++;
        c->skip = waits;
    }
    if (!waits)
        commit_count(a, c, tx->timestamp, !taken);
    return rc;
}

int conflict_changes(struct applier *a, uint32_t index, enum conflict_part part,
                     struct counters *extra, struct ds_error *err)
{
    const struct transaction *tx = &a->batch.transactions[index];
    int rc = 0;
    for (uint32_t i = tx->first; i < tx->first + tx->count && rc == 0; i++) {
        struct change *c = &a->batch.changes[i];
        bool late = !c->table->target->transactional;
        if (part == CONFLICT_ALL || (part == CONFLICT_LATE) == late)
            rc = change_by_policy(a, c, tx, extra, err);
    }
    return rc;
}

int conflict_transaction(struct applier *a, uint32_t index, struct counters *extra,
                         struct ds_error *err)
{
    const struct transaction *tx = &a->batch.transactions[index];
    int rc = members_sort_out(a, index, 1, err);
    if (rc)
        return rc;
    for (uint32_t i = tx->first; i < tx->first + tx->count; i++)
        a->batch.changes[i].replaced = false;
    rc = a->handlers ? handled_by_policy(a, index, extra, err)
                     : conflict_changes(a, index, CONFLICT_ALL, extra, err);
    extra->transactions++;
    return rc || !a->outbox ? rc : outbox_flush(a->outbox, a->db, false, err);
}

void conflict_count(struct applier *a)
{
    struct ds_error ignored;
    if (!a->cp.found || a->options.dry_run)
        return;
    commit_roll_back(a);
    a->cp.counters.conflicts++;
    if (db_exec(a->db, &ignored, "START TRANSACTION") ||
        checkpoint_update(a->db, a->state_database, a->name, &a->cp, &ignored) ||
        db_exec(a->db, &ignored, "COMMIT"))
        log_debug("a conflict could not be counted message=\"%s\"", ignored.message);
}

void conflict_forget(struct applier *a)
{
    struct ds_error err;
    if (conflict_load(a, &err)) /* the connection is broken: the next one loads it */
        log_debug("quarantine cannot be read message=\"%s\"", err.message);
}

void conflict_free(struct applier *a)
{
    arena_free(&a->held_arena);
    free(a->touched_chains);
    a->held = NULL;
}
