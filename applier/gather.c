#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "applier/apply.h"
#include "schema/list.h"
#include "schema/log.h"

static uint64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static int out_of_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory while reading the stream");
}

/* --- the open transaction -------------------------------------------------- */

static int remember_message(struct applier *a, struct slice raw, struct ds_error *err)
{
    struct message_list *l = &a->open_messages;
    if (LIST_ROOM(l->items, l->count, l->cap))
        return out_of_memory(err);
    l->items[l->count++] = raw;
    return 0;
}

static int add_change(struct applier *a, const struct message *m, struct ds_error *err)
{
    struct batch *b = &a->batch;
    struct source_table *t = source_table_find(a, m->change.table_id);
    if (!t)
        return error_set(
            err, DS_EFORMAT,
            "the stream changes table id %u without having defined it: delete the spool in "
            "state_dir, it is fetched again",
            m->change.table_id);
    if (a->open_skip)
        return 0;
    struct ds_error later; /* it may be applied already, when our table was another one, or is to be
                              passed over: known at its commit */
    if (a->open_barrier == BARRIER_NONE)
        source_table_resolve(a, t, &later);
    if (LIST_ROOM(b->changes, b->change_count, b->change_cap))
        return out_of_memory(err);
    b->changes[b->change_count++] = (struct change){.table = t,
                                                    .op = m->change.op,
                                                    .flags = m->change.flags,
                                                    .transaction = b->transaction_count,
                                                    .before = m->change.before,
                                                    .after = m->change.after,
                                                    .raw = m->raw,
                                                    .entity_key = m->change.entity_key};
    b->bytes += m->raw.len + 256 + 16 * (size_t)t->def.column_count;
    return 0;
}

/* What ROLLBACK TO undoes: rows of transactional tables. */
static void undo_to_savepoint(struct applier *a, uint32_t change)
{
    struct batch *b = &a->batch;
    uint32_t keep = change;
    for (uint32_t i = change; i < b->change_count; i++) {
        const struct target_table *t = b->changes[i].table->target;
        if (t && !t->transactional)
            b->changes[keep++] = b->changes[i];
    }
    b->change_count = keep;
}

/* The newest savepoint of that name; savepoint_count: none. */
static uint32_t find_savepoint(const struct applier *a, struct slice name)
{
    uint32_t i = a->savepoint_count;
    while (i > 0 && !(strlen(a->savepoints[i - 1].name) == name.len &&
                      strncasecmp(a->savepoints[i - 1].name, (const char *)name.p, name.len) == 0))
        i--;
    return i ? i - 1 : a->savepoint_count;
}

static int add_savepoint(struct applier *a, struct slice name, struct ds_error *err)
{
    if (LIST_ROOM(a->savepoints, a->savepoint_count, a->savepoint_cap))
        return out_of_memory(err);
    struct savepoint *s = &a->savepoints[a->savepoint_count++];
    *s = (struct savepoint){.change = a->batch.change_count};
    snprintf(s->name, sizeof s->name, "%.*s", (int)name.len, (const char *)name.p);
    return 0;
}

static int on_savepoint(struct applier *a, const struct msg_savepoint *m, struct ds_error *err)
{
    uint32_t i = find_savepoint(a, m->name);
    bool found = i < a->savepoint_count;
    int rc = 0;
    switch (m->kind) {
    case SAVEPOINT_SET: /* takes the name over */
        if (found)
            memmove(&a->savepoints[i], &a->savepoints[i + 1],
                    (--a->savepoint_count - i) * sizeof *a->savepoints);
        return add_savepoint(a, m->name, err);
    case SAVEPOINT_RELEASE:
        a->savepoint_count = i;
        return 0;
    case SAVEPOINT_ROLLBACK_TO:
        if (!found)
            return error_set(err, DS_EFORMAT,
                             "a transaction rolls back to savepoint %.*s, which it has not set",
                             (int)m->name.len, m->name.p);
        if (a->savepoints[i].number)
            rc = parts_roll_back_to(a, &a->savepoints[i], err);
        undo_to_savepoint(a, a->savepoints[i].number ? a->open_first : a->savepoints[i].change);
        a->savepoint_count = i + 1;
        return rc;
    }
    return error_set(err, DS_EFORMAT, "unknown savepoint message %d", (int)m->kind);
}

static bool in_checkpoint(const struct applier *a, struct slice text)
{
    struct gtid_set applied = {0};
    struct gtid gtid;
    struct ds_error ignored;
    char copy[200];
    snprintf(copy, sizeof copy, "%.*s", (int)text.len, (const char *)text.p);
    bool in = a->cp.found && gtid_parse(&gtid, copy, &ignored) == 0 &&
              gtid_set_parse(&applied, a->cp.gtid_set, &ignored) == 0 &&
              gtid_set_contains(&applied, &gtid);
    gtid_set_free(&applied);
    return in;
}

/* The stream has gone on behind the copy that the spool may still have a part of: what its entities
 * refer to may be gone from there. */
static bool is_behind_copy(const struct applier *a)
{
    const struct transaction here = commit_here(a);
    return a->cp.found && !a->options.range && (here.gtid_set.len || here.file.len) &&
           !transaction_is_of_copy(&here);
}

static void begin_transaction(struct applier *a, const struct msg_begin *m)
{
    a->open = true;
    a->open_begin = *m;
    a->open_first = a->batch.change_count;
    a->open_barrier = BARRIER_NONE;
    a->open_messages.count = 0;
    a->savepoint_count = 0;
    a->open_earlier = 0;
    a->open_skip = a->skips ? skip_at_begin(a, m->gtid) : 0;
    bool passed = a->skipping && m->flags & BEGIN_SNAPSHOT && is_behind_copy(a);
    a->copy_passed |= passed;
    a->open_applied = passed || (a->skipping && m->gtid.len && in_checkpoint(a, m->gtid));
    if (a->skipping && m->gtid.len && !a->open_applied)
        a->skipping = false;
}

static int parse_place(struct slice gtid_set, struct slice file, uint64_t pos, struct position *out,
                       struct ds_error *err)
{
    memset(out, 0, sizeof *out);
    char *text = strndup(gtid_set.len ? (const char *)gtid_set.p : "", gtid_set.len);
    if (!text)
        return out_of_memory(err);
    int rc = gtid_set_parse(&out->gtid, text, err);
    free(text);
    snprintf(out->file.file, sizeof out->file.file, "%.*s", (int)file.len, (const char *)file.p);
    out->file.pos = pos;
    return rc;
}

int transaction_position(const struct transaction *tx, struct position *out, struct ds_error *err)
{
    return parse_place(tx->gtid_set, tx->file, tx->pos, out, err);
}

/* Has the checkpoint this transaction already? Only asked until the first one that it has not. */
static int already_applied(struct applier *a, const struct msg_commit *m, bool *yes,
                           struct ds_error *err)
{
    struct position at = {0}, applied = {0};
    *yes = a->open_applied;
    if (!a->skipping || *yes)
        return 0;
    int rc = parse_place(m->gtid_set, m->file, m->pos, &at, err);
    if (rc == 0)
        rc = checkpoint_position(&a->cp, &applied, err);
    /* a copy of entities does not move the position: it may be still to come when that is applied,
     * and changes nothing when it comes twice */
    bool copied = a->open_begin.flags & BEGIN_COPIED;
    bool passed = position_of_copy(&at) && is_behind_copy(a);
    if (rc == 0 && !position_empty(&applied))
        *yes = passed ||
               (position_reached(&at, &applied) && !(copied && position_reached(&applied, &at)));
    if (rc == 0 && !*yes && !copied)
        a->skipping = false;
    bool refused = rc == 0 && a->copy_passed && !*yes;
    if (!position_of_copy(&at))
        a->copy_passed = false;
    position_free(&at);
    position_free(&applied);
    return refused ? consumer_refuse_copy(a, err) : rc;
}

int gather_resolve(struct applier *a, const struct msg_commit *end, struct ds_error *err)
{
    int rc = 0;
    if (a->open_barrier != BARRIER_NONE || (a->options.dry_run && !a->import))
        return 0;
    for (uint32_t i = a->open_first; i < a->batch.change_count && rc == 0; i++)
        rc = source_table_resolve(a, a->batch.changes[i].table, err);
    if (rc) {
        struct transaction open = {.gtid = a->open_begin.gtid, .record = a->open_begin.record};
        char text[sizeof err->position];
        open.file = end ? end->file : open.file;
        open.pos = end ? end->pos : 0;
        transaction_place(&open, text, sizeof text);
        error_at_position(err, text);
    }
    return rc;
}

/* For how many entities is the one that ends here new? */
static int find_front(const struct applier *a, const struct msg_commit *m, uint32_t *front,
                      struct ds_error *err)
{
    struct position at = {0};
    *front = 0;
    if (!a->positions || !positions_apart(a->positions))
        return 0;
    int rc = parse_place(m->gtid_set, m->file, m->pos, &at, err);
    rc = rc ? rc : positions_front(a->positions, &at, a->open_begin.gtid, front, err);
    position_free(&at);
    return rc;
}

static int keep_in_batch(struct batch *b, struct slice *text)
{
    text->p = text->len ? arena_copy(&b->arena, text->p, text->len) : NULL;
    return text->len && !text->p ? DS_ENOMEM : 0;
}

static int end_transaction(struct applier *a, const struct message *m, bool *skipped,
                           struct ds_error *err)
{
    struct batch *b = &a->batch;
    int rc = already_applied(a, &m->commit, skipped, err);
    if (rc)
        return rc;
    a->open = false;
    if (*skipped) {
        b->change_count = a->open_first;
        a->rest_dropped = false;
        return 0;
    }
    if (a->rest_dropped)
        return error_set(
            err, DS_EFORMAT,
            "the spool begins in the middle of a transaction that is not applied: delete it "
            "in state_dir, it is fetched again");
    if (a->skips)
        rc = skip_at_commit(a, &m->commit, err);
    uint32_t front = 0;
    if (rc == 0)
        rc = gather_resolve(a, &m->commit, err);
    if (rc == 0)
        rc = find_front(a, &m->commit, &front, err);
    if (rc)
        return rc;
    if (LIST_ROOM(b->transactions, b->transaction_count, b->transaction_cap))
        return out_of_memory(err);
    struct slice gtid = a->open_begin.gtid, record = a->open_begin.record;
    if (a->open_written && (keep_in_batch(b, &gtid) || keep_in_batch(b, &record)))
        return out_of_memory(err);
    b->transactions[b->transaction_count++] =
        (struct transaction){.first = a->open_first,
                             .count = b->change_count - a->open_first,
                             .earlier = a->open_written ? a->open_earlier : 0,
                             .gtid = gtid,
                             .record = record,
                             .gtid_set = m->commit.gtid_set,
                             .file = m->commit.file,
                             .pos = m->commit.pos,
                             .timestamp = m->commit.timestamp,
                             .server_id = m->commit.server_id,
                             .begin_flags = a->open_begin.flags,
                             .rolled_back = m->commit.flags & COMMIT_ROLLBACK,
                             .position_only = a->open_position_only,
                             .front = front,
                             .skip = a->open_skip,
                             .chunk = a->chunk_seq};
    b->bytes += sizeof(struct transaction) + m->raw.len;
    return 0;
}

/* --- messages --------------------------------------------------------------- */

enum taken { TAKE_MORE, TAKE_DONE, TAKE_SNAPSHOT };

/* The store is trimmed by chunks: it may begin in the middle of a transaction that is applied, and
 * the definitions that its rest refers to are gone. */
static bool rest_of_applied(const struct applier *a, enum message_type type)
{
    return !a->open && a->skipping &&
           (type == MSG_CHANGE || type == MSG_TRUNCATE || type == MSG_DDL || type == MSG_XA ||
            type == MSG_SAVEPOINT || type == MSG_TABLE_HINT);
}

static int take(struct applier *a, struct message *m, enum taken *taken, struct ds_error *err);

static int on_message(struct applier *a, struct message *m, enum taken *taken, struct ds_error *err)
{
    bool ours = true;
    int rc = 0;
    *taken = TAKE_MORE;
    if (rest_of_applied(a, m->type)) {
        a->rest_dropped = true;
        return 0;
    }
    if (a->open && a->open_applied && m->type != MSG_COMMIT && m->type != MSG_TABLE)
        return 0;
    if (a->open && m->type != MSG_COMMIT)
        rc = remember_message(a, m->raw, err); /* as it came: it may be read again */
    if (rc == 0 && a->mapped && !(a->open_skip && m->type == MSG_CHANGE))
        rc = mapped_message(a, m, &ours, err);
    return rc || !ours ? rc : take(a, m, taken, err);
}

/* Under the destination's names. */
static int take(struct applier *a, struct message *m, enum taken *taken, struct ds_error *err)
{
    bool skipped;
    int rc;
    *taken = TAKE_MORE;
    switch (m->type) {
    case MSG_TABLE:
        rc = source_table_define(a, m, err);
        /* of a table without rows counts, too, that the source has it */
        return rc ? rc : source_table_look(a, source_table_find(a, m->table.id), err);
    case MSG_BEGIN:
        begin_transaction(a, &m->begin);
        return remember_message(a, m->raw, err);
    case MSG_COMMIT:
        a->open_position_only =
            !a->open; /* only other databases have moved it, or a copy has ended */
        if (!a->open)
            begin_transaction(a, &(struct msg_begin){0});
        rc = end_transaction(a, m, &skipped, err);
        if (rc == 0 && !skipped)
            *taken = TAKE_DONE;
        return rc;
    case MSG_CHANGE:
        return add_change(a, m, err);
    case MSG_TRUNCATE:
    case MSG_DDL:
        if (a->open_written && !a->batch.transaction_count) /* it is not the next one's */
            return error_set(err, DS_EUNSUPPORTED,
                             "a statement comes behind rows of a transaction that is written in "
                             "parts: raise batch.max_bytes above its size");
        a->open_barrier = BARRIER_DDL;
        return 0;
    case MSG_XA:
        a->open_barrier = BARRIER_XA;
        return 0;
    case MSG_SAVEPOINT:
        return on_savepoint(a, &m->savepoint, err);
    case MSG_SNAPSHOT:
        *taken = TAKE_SNAPSHOT;
        return 0;
    case MSG_HEARTBEAT:
    case MSG_TABLE_HINT:
        return 0;
    case MSG_GAP:
        log_info("stream passes over a transaction reason=\"%.*s\"", (int)m->gap_reason.len,
                 m->gap_reason.p);
        return 0;
    }
    return error_set(err, DS_EFORMAT, "unknown message type %d in the stream", (int)m->type);
}

/* A copy, or a transaction that is larger than the spool, can only go on if what is written already
 * makes room. If it fails later the agent has to fetch it again. */
static int make_room(struct applier *a, struct ds_error *err)
{
    struct spool_state st;
    bool copy = a->in_snapshot || a->loader || a->passing_copy || a->passing_stale;
    if (!a->chunk_seq || !(copy || a->open_written))
        return 0;
    int rc = spool_state_get(a->options.spool, &st, err);
    if (rc)
        return rc;
    if (st.writer_waits || st.bytes > a->config->spool_max_size / 2)
        rc = spool_trim(a->options.spool, a->chunk_seq, NULL, err);
    spool_state_free(&st);
    return rc;
}

/* Bring the next chunk's bytes into the batch's memory. */
static int next_chunk(struct applier *a, struct ds_error *err)
{
    int rc = make_room(a, err);
    if (rc)
        return rc;
    if (a->in_snapshot && !a->open && !a->batch.transaction_count)
        arena_reset(&a->batch.arena, 1 << 20); /* its messages are applied as they come */
    BUF_AUTO struct buf read = {0};
    uint64_t seq;
    rc = spool_read(a->options.spool, &read, &seq, &a->spool_at_end, err);
    if (rc)
        return rc;
    uint8_t *copy = arena_copy(&a->batch.arena, read.data, read.len);
    if (!copy && read.len)
        return out_of_memory(err);
    a->chunk = (struct buf){.data = copy, .len = read.len};
    a->chunk_at = 0;
    a->chunk_seq = seq;
    return 0;
}

/* Rows only end a batch between transactions; what one transaction may take in memory is a matter
 * of bytes. */
static bool is_large(const struct applier *a)
{
    return a->batch.bytes >= a->config->batch_max_bytes || a->spool_full;
}

/* A part does not end between a row and those that tell an import which one it is. */
bool gather_part_due(const struct applier *a)
{
    const struct batch *b = &a->batch;
    const struct change *last =
        b->change_count > a->open_first ? &b->changes[b->change_count - 1] : NULL;
    if (!a->open || !last || !is_large(a))
        return false;
    return a->spool_full || b->bytes >= a->config->max_event || !last->table->import ||
           last->op != CHANGE_INSERT || !import_holds_part(last->table->import);
}

static bool batch_full(const struct applier *a)
{
    return a->batch.change_count >= a->config->batch_max_rows || is_large(a) ||
           now_ms() - a->batch_started_ms >= a->config->batch_max_age_ms;
}

/* A snapshot's messages are applied as they come; nothing else is in the batch then. */
static int take_snapshot_message(struct applier *a, const struct message *m, const uint8_t *before,
                                 struct ds_error *err)
{
    if (a->batch.transaction_count) { /* first what was there before; this message comes again */
        a->chunk_at = (size_t)(before - a->chunk.data);
        return DS_EAGAIN;
    }
    return snapshot_message(a, m, err);
}

/* What a message of a step's document has become. */
static int take_next(struct applier *a, const uint8_t *before, struct ds_error *err)
{
    struct message m;
    enum taken taken;
    int rc = 0;
    while (rc == 0 && mapped_next(a, &m, &rc, err)) {
        rc = rc ? rc : take(a, &m, &taken, err);
        if (rc == 0 && taken == TAKE_SNAPSHOT)
            rc = take_snapshot_message(a, &m, before, err);
    }
    return rc;
}

/* Take messages of the chunk in hand until the batch has one more transaction. */
static int take_messages(struct applier *a, bool *one_more, struct ds_error *err)
{
    *one_more = false;
    while (a->chunk_at < a->chunk.len && !*one_more) {
        struct message m;
        enum taken taken;
        const uint8_t *p = a->chunk.data + a->chunk_at, *before = p;
        int rc = message_read(&p, a->chunk.data + a->chunk.len, &a->batch.arena, &m, err);
        if (rc == 0 && m.type == MSG_CHANGE) /* if it fails the message comes again */
            rc = crossing_settle(a, err);
        if (rc)
            return rc;
        a->chunk_at = (size_t)(p - a->chunk.data);
        rc = on_message(a, &m, &taken, err);
        if (rc == 0 && taken == TAKE_SNAPSHOT)
            rc = take_snapshot_message(a, &m, before, err);
        rc = rc ? rc : take_next(a, before, err);
        if (rc)
            return rc;
        if (atomic_load(&a->stop))
            return error_set(err, DS_ESTOPPED, "asked to stop");
        if (taken == TAKE_DONE) {
            *one_more = true;
            a->batch.transactions[a->batch.transaction_count - 1].ends_chunk =
                a->chunk_at == a->chunk.len;
        }
    }
    return 0;
}

/* Nothing more to read inside a transaction: does the agent wait for room? Then its parts must go.
 * 0: there is more by now, which comes first: the agent may have added it before it began to wait.
 */
static int note_full_spool(struct applier *a, struct ds_error *err)
{
    struct spool_state st;
    if (!a->open || a->batch.change_count == a->open_first)
        return DS_EAGAIN;
    int rc = spool_state_get(a->options.spool, &st, err);
    if (rc)
        return rc;
    bool waits = st.writer_waits;
    spool_state_free(&st);
    if (waits && spool_wait(a->options.spool, 0) == 0)
        return 0;
    a->spool_full = waits;
    return DS_EAGAIN;
}

static int take_series(struct applier *a, struct ds_error *err)
{
    int rc = 0;
    series_start(a);
    while (rc == 0 && series_goes_on(a)) {
        bool one_more;
        rc = take_messages(a, &one_more, err);
    }
    return rc;
}

int gather(struct applier *a, enum barrier *barrier, struct ds_error *err)
{
    *barrier = BARRIER_NONE;
    if (!a->batch.transaction_count)
        a->batch_started_ms = now_ms();
    while (!atomic_load(&a->stop)) {
        if (a->chunk_at >= a->chunk.len) {
            int rc = next_chunk(a, err);
            if (rc == DS_EAGAIN) {
                rc = note_full_spool(a, err);
                if (rc == 0)
                    continue;
            }
            if (rc == DS_EAGAIN)
                return a->batch.transaction_count || a->spool_full ? 0 : DS_EAGAIN;
            if (rc)
                return rc;
        }
        bool one_more;
        int rc = take_messages(a, &one_more, err);
        if (rc)
            return rc == DS_EAGAIN && a->batch.transaction_count ? 0 : rc;
        if (one_more && a->open_barrier != BARRIER_NONE) {
            *barrier = a->open_barrier;
            return *barrier == BARRIER_DDL ? take_series(a, err) : 0;
        }
        if (one_more && batch_full(a))
            return 0;
        if (!one_more && a->open && is_large(a) &&
            (a->batch.transaction_count || gather_part_due(a)))
            return 0; /* what is whole, or of a transaction that is too large to hold */
    }
    return error_set(err, DS_ESTOPPED, "asked to stop");
}

static void keep_open(struct slice *text, char *to, size_t size)
{
    text->len = text->len < size ? text->len : size;
    if (text->len)
        memmove(to, text->p, text->len);
    text->p = (const uint8_t *)to;
}

/* Start over with empty memory. What was read and not applied is parsed again: the open
 * transaction's messages, then the rest of the chunk in hand. */
int gather_reset(struct applier *a, struct ds_error *err)
{
    BUF_AUTO struct buf carry = {0};
    int rc = 0;
    if (a->open && !a->open_written)
        for (uint32_t i = 0; i < a->open_messages.count && rc == 0; i++)
            rc = buf_append(&carry, a->open_messages.items[i].p, a->open_messages.items[i].len);
    if (rc == 0 && a->chunk.len > a->chunk_at)
        rc = buf_append(&carry, a->chunk.data + a->chunk_at, a->chunk.len - a->chunk_at);
    if (rc)
        return out_of_memory(err);
    if (a->open_written) { /* its begin is not parsed again */
        keep_open(&a->open_begin.gtid, a->open_gtid, sizeof a->open_gtid);
        keep_open(&a->open_begin.record, a->open_record, sizeof a->open_record);
    }
    arena_reset(&a->batch.arena, 8 << 20);
    arena_reset(&a->plan_arena, 8 << 20);
    a->batch.change_count = a->batch.transaction_count = 0;
    a->batch.bytes = 0;
    a->batch_done = 0;
    a->spool_full = false;
    a->series.count = 0;
    a->open_messages.count = 0;
    a->open_first = 0;
    if (!a->open_written) {
        a->open = false;
        a->savepoint_count = 0;
    }
    source_tables_forget_old(a);
    source_tables_free(a->stored_tables);
    a->stored_tables = NULL;
    uint8_t *copy = carry.len ? arena_copy(&a->batch.arena, carry.data, carry.len) : NULL;
    if (carry.len && !copy)
        return out_of_memory(err);
    a->chunk = (struct buf){.data = copy, .len = carry.len};
    a->chunk_at = 0;
    return 0;
}

int gather_restart(struct applier *a, struct ds_error *err)
{
    if (a->open_written) /* its parts come again; the next START TRANSACTION would commit these */
        commit_roll_back(a);
    a->open = a->open_written = a->open_applied = a->open_intent = a->rest_dropped = false;
    a->passing_copy = a->copy_passed = a->passing_stale = a->copy_ended = false;
    a->chunk = (struct buf){0};
    a->chunk_at = 0;
    a->chunk_seq = 0;
    a->skipping = true;
    if (a->import)
        import_begins_anew(a->import);
    members_ask_again(a);
    return gather_reset(a, err);
}

/* The spool asks the agent to fetch again what is gone from it (DS_EPOSITION tells when it has
 * begun). */
int gather_rewind(struct applier *a, struct ds_error *err)
{
    int rc = gather_restart(a, err);
    return rc ? rc : spool_rewind(a->options.spool, err);
}

/* Stored messages have table ids of their own time: they get definitions of their own. */
int gather_stored(struct applier *a, struct slice messages, struct ds_error *err)
{
    struct source_table *tables[DEFINITION_BUCKETS];
    memcpy(tables, a->tables, sizeof tables);
    memset(a->tables, 0, sizeof a->tables);
    uint64_t skip = a->open_skip; /* of the transaction that is being read, not of these */
    a->open_skip = 0;
    const uint8_t *p = messages.p, *end = messages.p + messages.len;
    int rc = 0;
    while (p < end && rc == 0) {
        struct message m;
        rc = message_read(&p, end, &a->batch.arena, &m, err);
        if (rc == 0 && m.type == MSG_TABLE)
            rc = source_table_define(a, &m, err);
        else if (rc == 0 && m.type == MSG_CHANGE)
            rc = add_change(a, &m, err);
        if (rc == 0 && m.type == MSG_CHANGE)
            rc = source_table_resolve(a, a->batch.changes[a->batch.change_count - 1].table, err);
        if (rc == 0 && m.type == MSG_CHANGE && a->mapped)
            source_table_choose_key(&a->batch.changes[a->batch.change_count - 1]);
    }
    for (uint32_t i = 0; i < DEFINITION_BUCKETS; i++) {
        struct source_table *last = a->tables[i];
        while (last && last->next)
            last = last->next;
        if (last) {
            last->next = a->stored_tables;
            a->stored_tables = a->tables[i];
        }
    }
    memcpy(a->tables, tables, sizeof tables);
    a->open_skip = skip;
    return rc;
}

void gather_free(struct applier *a)
{
    for (uint32_t i = 0; i < DEFINITION_BUCKETS; i++)
        source_tables_free(a->tables[i]);
    source_tables_free(a->stored_tables);
    free(a->open_messages.items);
    free(a->savepoints);
    free(a->batch.changes);
    free(a->batch.transactions);
    arena_free(&a->batch.arena);
    arena_free(&a->plan_arena);
}
