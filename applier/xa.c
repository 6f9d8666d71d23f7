/* XA transactions (law 10).
 *
 * Rows that end in XA PREPARE are kept as messages in datasync_xa, stored in the destination
 * transaction that moves the checkpoint over the PREPARE, and written in the one that moves it over
 * the XA COMMIT. They are stored in pieces, under a name of their own until the PREPARE tells the
 * xid, so that neither side holds a large transaction in memory (law 12). Each piece is complete: a
 * version, definitions, changes; one that is longer than a row of datasync_xa should be goes on in
 * the next row, which begins with 0 instead of a version.
 */
#include <stdlib.h>
#include <string.h>

#include "applier/apply.h"
#include "schema/crash.h"
#include "schema/log.h"

enum { PIECE = 1 << 20, GOES_ON = 0 };
#define OPEN ((struct slice){(const uint8_t *)"open", 4})

static int out_of_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory");
}

static int filter(const struct applier *a, struct slice xid, struct buf *sql)
{
    return buf_puts(sql, " WHERE name = ") | sql_string(sql, a->name, strlen(a->name)) |
           buf_puts(sql, " AND xid = ") | sql_string(sql, xid.p, xid.len);
}

static int run(struct applier *a, int built, const struct buf *sql, struct ds_error *err)
{
    return built ? out_of_memory(err) : db_exec_len(a->db, (const char *)sql->data, sql->len, err);
}

/* --- storing ------------------------------------------------------------------ */

static int store_row(struct applier *a, const char *position, const void *p, size_t len,
                     struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    int rc = buf_puts(&sql, "INSERT INTO ") | sql_table(&sql, a->state_database, "datasync_xa") |
             buf_puts(&sql, " SET name = ") | sql_string(&sql, a->name, strlen(a->name)) |
             buf_puts(&sql, ", xid = ") | sql_string(&sql, OPEN.p, OPEN.len) |
             buf_printf(&sql, ", part = %u, position = ", a->xa_rows++) |
             sql_string(&sql, position, strlen(position)) | buf_puts(&sql, ", messages = ") |
             sql_string(&sql, p, len);
    return run(a, rc, &sql, err);
}

static int store_piece(struct applier *a, const char *position, const struct buf *piece,
                       struct ds_error *err)
{
    int rc = 0;
    for (size_t at = 0; at < piece->len && rc == 0; at += PIECE) {
        size_t n = piece->len - at < PIECE ? piece->len - at : PIECE;
        BUF_AUTO struct buf row = {0};
        uint8_t goes_on = GOES_ON;
        if (at && (buf_append(&row, &goes_on, 1) | buf_append(&row, piece->data + at, n)))
            return out_of_memory(err);
        rc = at ? store_row(a, position, row.data, row.len, err)
                : store_row(a, position, piece->data, n, err);
    }
    return rc;
}

static int begin_piece(struct buf *piece)
{
    uint8_t version = MESSAGE_VERSION;
    buf_clear(piece);
    return buf_append(piece, &version, 1);
}

int xa_store(struct applier *a, const struct transaction *tx, struct ds_error *err)
{
    const struct source_table *defined[64];
    uint32_t count = 0;
    BUF_AUTO struct buf piece = {0};
    char position[700];
    barrier_name(tx, a->open_begin.gtid, 0, position, sizeof position);
    int rc = begin_piece(&piece) ? out_of_memory(err) : 0;
    for (uint32_t i = tx->first; i < tx->first + tx->count && rc == 0; i++) {
        const struct change *c = &a->batch.changes[i];
        uint32_t k = 0;
        while (k < count && defined[k] != c->table)
            k++;
        if (k == count) { /* more than 64 tables: some are defined twice, which does no harm */
            count = count == 64 ? 0 : count;
            defined[count++] = c->table;
            rc |= source_table_raw(c->table, &piece);
        }
        rc |= buf_append(&piece, c->raw.p, c->raw.len);
        if (rc)
            return out_of_memory(err);
        if (piece.len < PIECE)
            continue;
        rc = store_piece(a, position, &piece, err);
        count = 0;
        if (rc == 0 && begin_piece(&piece))
            rc = out_of_memory(err);
    }
    return rc || piece.len <= 1 ? rc : store_piece(a, position, &piece, err);
}

/* Of an import, a run for other entities may have come as far before. */
static int none_of_others(struct applier *a, struct slice xid, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    uint64_t one = 0;
    bool found = false;
    if (!a->import)
        return 0;
    if (buf_puts(&sql, "SELECT 1 FROM ") | sql_table(&sql, a->state_database, "datasync_xa") |
        filter(a, xid, &sql) | buf_puts(&sql, " LIMIT 1"))
        return out_of_memory(err);
    int rc = db_scalar_u64(a->db, &one, &found, err, "%s", buf_cstr(&sql));
    return rc || !found
               ? rc
               : error_set(err, DS_EUNSUPPORTED,
                           "a run for other entities has stored its part of XA transaction %.*s, "
                           "and has not come to its end: run that one first (incremental --entity)",
                           (int)xid.len, (const char *)xid.p);
}

static int prepare(struct applier *a, const struct transaction *tx, struct slice xid,
                   struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    BUF_AUTO struct buf nothing = {0};
    int rc = none_of_others(a, xid, err);
    rc = rc ? rc : xa_store(a, tx, err);
    if (rc == 0 &&
        a->xa_rows == 0) { /* without any change; its XA COMMIT looks for it all the same */
        char position[700];
        barrier_name(tx, a->open_begin.gtid, 0, position, sizeof position);
        rc = begin_piece(&nothing) ? out_of_memory(err) : store_piece(a, position, &nothing, err);
    }
    if (rc == 0)
        rc = buf_puts(&sql, "UPDATE ") | sql_table(&sql, a->state_database, "datasync_xa") |
             buf_puts(&sql, " SET xid = ") | sql_string(&sql, xid.p, xid.len) |
             filter(a, OPEN, &sql);
    else
        return rc;
    rc = run(a, rc, &sql, err);
    crash_point("xa.prepared");
    return rc;
}

/* --- applying ----------------------------------------------------------------- */

static int forget(struct applier *a, struct slice xid, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    int rc = buf_puts(&sql, "DELETE FROM ") | sql_table(&sql, a->state_database, "datasync_xa") |
             filter(a, xid, &sql);
    return run(a, rc, &sql, err);
}

/* Append the row behind *part, and move it there; *version: how it begins; *there: there is one. */
static int read_row(struct applier *a, struct slice xid, int64_t *part, struct buf *out,
                    uint8_t *version, bool *there, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    if (buf_puts(&sql, "SELECT part, messages FROM ") |
        sql_table(&sql, a->state_database, "datasync_xa") | filter(a, xid, &sql) |
        buf_printf(&sql, " AND part > %ld ORDER BY part LIMIT 1", *part))
        return out_of_memory(err);
    MYSQL_RES *res = db_select(a->db, err, "%s", buf_cstr(&sql));
    if (!res)
        return err->code;
    int rc = 0;
    MYSQL_ROW row = mysql_fetch_row(res);
    *there = row != NULL;
    if (row) {
        size_t len = mysql_fetch_lengths(res)[1];
        *part = strtol(row[0], NULL, 10);
        *version = len ? (uint8_t)row[1][0] : 0xff;
        rc = len ? buf_append(out, row[1] + 1, len - 1) : 0;
    }
    mysql_free_result(res);
    return rc ? out_of_memory(err) : 0;
}

/* Whole pieces, up to some size, as pieces say where they begin: the row behind the last one is
 * read ahead into *next. */
struct reading {
    struct slice xid;
    int64_t part; /* last row read; -1 none */
    struct buf next;
    uint8_t version;
    bool more;
};

static int read_group(struct applier *a, struct reading *r, struct buf *out, struct ds_error *err)
{
    buf_clear(out);
    int rc = 0;
    while (rc == 0 && r->more) {
        bool begins = r->version == MESSAGE_VERSION;
        if (!begins && (r->version != GOES_ON || out->len == 0))
            return error_set(err, DS_EUNSUPPORTED,
                             "stored XA transaction is of message format %d, this version reads %d",
                             r->version, MESSAGE_VERSION);
        if (begins && out->len >= a->config->batch_max_bytes / 4)
            return 0;
        if (buf_append(out, r->next.data, r->next.len))
            return out_of_memory(err);
        buf_clear(&r->next);
        rc = read_row(a, r->xid, &r->part, &r->next, &r->version, &r->more, err);
    }
    return rc;
}

/* Write the messages as changes of transaction `index`. */
static int write_group(struct applier *a, uint32_t index, struct slice messages, enum how how,
                       struct counters *extra, struct ds_error *err)
{
    struct transaction *tx = &a->batch.transactions[index];
    uint32_t first = a->batch.change_count, open = a->open_first;
    a->open_barrier = BARRIER_NONE;
    int rc = gather_stored(a, messages, err);
    a->open_barrier = BARRIER_XA;
    a->open_first = open;
    for (uint32_t i = first; i < a->batch.change_count; i++)
        a->batch.changes[i].transaction = index;
    tx->first = first;
    tx->count = a->batch.change_count - first;
    if (rc == 0)
        rc = how == BY_POLICY ? conflict_transaction(a, index, extra, err)
                              : commit_write(a, index, 1, how == EXACT, extra, err);
    tx->count = 0;
    a->batch.change_count = first;
    return rc;
}

static int none_stored(struct slice xid, struct ds_error *err)
{
    return error_set(
        err, DS_EPOSITION,
        "the source commits XA transaction %.*s, whose rows were prepared before this stream "
        "began, or went with a run for other entities: they are not at the destination; copy again "
        "with --resnapshot",
        (int)xid.len, (const char *)xid.p);
}

int xa_write_stored(struct applier *a, uint32_t index, struct slice xid, enum how how,
                    struct counters *extra, struct ds_error *err)
{
    struct reading r = {.xid = xid, .part = -1};
    BUF_AUTO struct buf group = {0};
    int rc = target_refresh(a->target, a->db, err);
    if (rc == 0)
        rc = read_row(a, xid, &r.part, &r.next, &r.version, &r.more, err);
    /* of the one in hand nothing may be left: it was rolled back, or changes nothing of ours */
    bool open = xid.len == OPEN.len && memcmp(xid.p, OPEN.p, xid.len) == 0;
    if (rc == 0 && !r.more && !open)
        rc = none_stored(xid, err);
    while (rc == 0 && r.more) {
        rc = read_group(a, &r, &group, err);
        a->xa_in_parts |= r.more;
        if (rc == 0)
            rc = write_group(a, index, (struct slice){group.data, group.len}, how, extra, err);
    }
    buf_free(&r.next);
    a->xa_in_parts = false;
    extra->transactions = 1;
    return rc ? rc : forget(a, xid, err);
}

int xa_write_open(struct applier *a, enum how how, struct counters *extra, struct ds_error *err)
{
    return xa_write_stored(a, 0, OPEN, how, extra, err);
}

/* Once more from its beginning while there is more to be left out of it. */
static int commit_import(struct applier *a, uint32_t index, struct slice xid,
                         struct counters *extra, struct ds_error *err)
{
    for (;;) {
        uint32_t held = import_held(a->import);
        int rc = xa_write_stored(a, index, xid, NETTED, extra, err);
        if (rc != DS_ERETRY || import_held(a->import) == held)
            return rc;
        commit_roll_back(a);
        memset(extra, 0, sizeof *extra);
        rc = commit_begin(a, err);
        if (rc)
            return rc;
    }
}

/* Netted, else change by change as on_conflict says; each try in a transaction of its own. What
 * does not fit stops an import. */
static int commit(struct applier *a, uint32_t index, struct slice xid, struct counters *extra,
                  struct ds_error *err)
{
    int rc = a->import ? commit_import(a, index, xid, extra, err)
                       : xa_write_stored(a, index, xid, NETTED, extra, err);
    if (!a->import && (rc == DS_ECONFLICT || (rc == DS_ERETRY && !err->server_errno))) {
        commit_roll_back(a);
        memset(extra, 0, sizeof *extra);
        rc = commit_begin(a, err);
        if (rc == 0)
            rc = xa_write_stored(a, index, xid, BY_POLICY, extra, err);
        if (rc && rc != DS_ECONN) {
            commit_roll_back(a);
            conflict_forget(a);
        }
    }
    crash_point("xa.committed");
    return rc;
}

static int find_message(struct applier *a, struct message *m, struct ds_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; i < a->open_messages.count && rc == 0; i++) {
        struct slice raw = a->open_messages.items[i];
        const uint8_t *p = raw.p;
        rc = message_read(&p, raw.p + raw.len, &a->batch.arena, m, err);
        if (rc == 0 && m->type == MSG_XA)
            return 0;
    }
    return rc ? rc : error_set(err, DS_EFORMAT, "an XA transaction without its XA message");
}

int xa_apply(struct applier *a, struct ds_error *err)
{
    struct message m = {0};
    uint32_t index = a->batch_done;
    const struct transaction *tx = &a->batch.transactions[index];
    struct counters extra = {.transactions = 1};
    int rc = find_message(a, &m, err);
    a->pending_done = index + 1;
    if (rc == 0 && !a->open_written) {
        a->xa_rows = 0;
        rc = crossing_settle(a, err);
        rc = rc ? rc : commit_begin(a, err);
    }
    if (rc)
        return rc;
    switch (m.xa.kind) {
    case XA_PREPARE:
        rc = prepare(a, tx, m.xa.xid, err);
        break;
    case XA_COMMIT:
        rc = commit(a, index, m.xa.xid, &extra, err);
        break;
    case XA_ROLLBACK:
        rc = forget(a, m.xa.xid, err);
        break;
    }
    if (rc == 0)
        rc = commit_finish(a, tx, &extra, err);
    if (rc && a->open_written)
        return parts_failed(a, rc, err);
    if (rc && rc != DS_ECONN)
        commit_roll_back(a);
    if (rc)
        return rc;
    parts_end(a);
    a->batch_done++;
    return 0;
}
