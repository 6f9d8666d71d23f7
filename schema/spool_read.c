/* The consumer's side and the observers'.
 *
 * A read transaction lasts one copy: a reader that stays pins every page that is freed after it
 * began. Trimming deletes chunks and moves the checkpoint and the base in one commit.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "schema/crash.h"
#include "schema/log.h"
#include "schema/spool_store.h"

enum { POLL_MS = 5, TRIM_RETRY_MS = 100 };

void spool_consumer_init(struct spool_consumer *c)
{
    memset(c, 0, sizeof *c);
    c->lock = -1;
}

void spool_consumer_free(struct spool_consumer *c)
{
    if (c->cursor)
        mdb_cursor_close(c->cursor);
    if (c->txn)
        mdb_txn_abort(c->txn);
    buf_free(&c->trim_applied);
    if (c->lock >= 0)
        close(c->lock);
    spool_consumer_init(c);
}

/* --- reading ------------------------------------------------------------ */

/* Where reading of a unit stands. */
struct unit {
    MDB_cursor *cursor;
    uint64_t seq;      /* chunk asked for, then the last one read */
    uint64_t next_seq; /* of the store */
    bool skip_parts;   /* an observer may land inside a long message */
};

static int chunk_get(MDB_cursor *cursor, MDB_cursor_op op, uint64_t *seq, struct chunk_head *head,
                     struct slice *payload)
{
    MDB_val k = {sizeof *seq, seq}, v;
    int rc = mdb_cursor_get(cursor, &k, &v, op);
    if (rc)
        return rc;
    if (k.mv_size != sizeof *seq || v.mv_size < sizeof *head)
        return MDB_CORRUPTED;
    memcpy(seq, k.mv_data, sizeof *seq);
    memcpy(head, v.mv_data, sizeof *head);
    *payload = (struct slice){(const uint8_t *)v.mv_data + sizeof *head, v.mv_size - sizeof *head};
    return 0;
}

/* A chunk, or all of those that one long message was cut into; MDB_NOTFOUND: not (all) there. */
static int read_unit(struct unit *u, struct buf *out)
{
    struct chunk_head head;
    struct slice payload;
    uint64_t seq = u->seq;
    int rc = chunk_get(u->cursor, MDB_SET_RANGE, &seq, &head, &payload);
    while (rc == 0 && head.part == CHUNK_MORE && u->skip_parts)
        rc = chunk_get(u->cursor, MDB_NEXT, &seq, &head, &payload);
    if (rc)
        return rc;
    if (head.part == CHUNK_MORE || head.parts == 0)
        return MDB_CORRUPTED;
    if (head.parts > u->next_seq - seq)
        return MDB_NOTFOUND; /* the writer is still at it */
    if (head.parts > 1 && buf_reserve(out, (size_t)head.parts * CHUNK_PAYLOAD))
        return ENOMEM;
    uint64_t last = seq + head.parts - 1;
    for (;;) {
        if (buf_append(out, payload.p, payload.len))
            return ENOMEM;
        if (seq == last)
            break;
        uint64_t expected = seq + 1;
        rc = chunk_get(u->cursor, MDB_NEXT, &seq, &head, &payload);
        if (rc || seq != expected || head.part != CHUNK_MORE)
            return rc && rc != MDB_NOTFOUND ? rc : MDB_CORRUPTED;
    }
    u->seq = last;
    return 0;
}

static int consumer_begin(struct spool *s, struct ds_error *err)
{
    struct spool_consumer *c = &s->c;
    int rc = spool_begin_read(s, &c->txn, err);
    if (rc)
        return rc;
    rc = c->cursor ? mdb_cursor_renew(c->txn, c->cursor)
                   : mdb_cursor_open(c->txn, s->chunks, &c->cursor);
    return rc ? spool_fail(s, err, rc, "reading") : 0;
}

static int consumer_read(struct spool *s, struct buf *out, uint64_t *seq, bool *at_end,
                         struct ds_error *err)
{
    struct spool_consumer *c = &s->c;
    struct store_record store;
    struct tail_record tail;
    int rc = spool_get_record(s, c->txn, "store", &store, sizeof store, err);
    if (rc == 0)
        rc = spool_get_record(s, c->txn, "tail", &tail, sizeof tail, err);
    if (rc)
        return rc;
    if (store.generation != c->generation) {
        c->generation = store.generation;
        c->next = 0;
        c->torn = false;
        return error_set(err, DS_EPOSITION, "the spool was started again by the agent");
    }
    if (c->torn)
        return error_set(err, DS_EAGAIN, "the spool waits for the agent to start it again");
    struct unit u = {.cursor = c->cursor, .seq = c->next, .next_seq = tail.next_seq};
    rc = read_unit(&u, out);
    if (rc == MDB_NOTFOUND)
        return error_set(err, DS_EAGAIN, "nothing more in the spool");
    if (rc)
        return spool_fail(s, err, rc, "reading");
    *seq = u.seq;
    *at_end = u.seq + 1 >= tail.next_seq;
    c->next = u.seq + 1;
    return 0;
}

static void trim_retry(struct spool *s);

int spool_read(struct spool *s, struct buf *out, uint64_t *seq, bool *at_end, struct ds_error *err)
{
    buf_clear(out);
    *at_end = true;
    if (s->c.lock < 0)
        return error_set(err, DS_EIO, "the spool %s is not open for reading", s->path);
    trim_retry(s);
    int rc = consumer_begin(s, err);
    if (rc == 0)
        rc = consumer_read(s, out, seq, at_end, err);
    if (s->c.txn)
        mdb_txn_reset(s->c.txn);
    if (rc)
        buf_clear(out);
    return rc;
}

/* Would spool_read have something to say? *looked_at: the commit up to which there was nothing. */
static bool consumer_ready(struct spool *s, uint64_t *looked_at)
{
    struct spool_consumer *c = &s->c;
    struct store_record store;
    struct tail_record tail;
    if (consumer_begin(s, NULL)) {
        if (c->txn)
            mdb_txn_reset(c->txn);
        return true; /* the error shows when it is read */
    }
    *looked_at = mdb_txn_id(c->txn);
    int rc = spool_get_record(s, c->txn, "store", &store, sizeof store, NULL);
    if (rc == 0)
        rc = spool_get_record(s, c->txn, "tail", &tail, sizeof tail, NULL);
    bool ready = rc != 0 || store.generation != c->generation;
    if (!ready && !c->torn && tail.next_seq > c->next) {
        struct chunk_head head;
        struct slice payload;
        uint64_t seq = c->next;
        rc = chunk_get(c->cursor, MDB_SET_RANGE, &seq, &head, &payload);
        ready = rc == 0 ? head.parts <= tail.next_seq - seq : rc != MDB_NOTFOUND;
    }
    mdb_txn_reset(c->txn);
    return ready;
}

int spool_wait(struct spool *s, int timeout_ms)
{
    uint64_t end = timeout_ms < 0 ? UINT64_MAX : spool_now_ms() + (uint64_t)timeout_ms;
    uint64_t looked_at = UINT64_MAX; /* transaction that had nothing */
    for (;;) {
        pthread_mutex_lock(&s->mutex);
        uint64_t flushes = s->flushes;
        bool woken = s->woken;
        s->woken = false;
        pthread_mutex_unlock(&s->mutex);
        uint64_t txn = spool_last_txn(s);
        if (txn != looked_at && consumer_ready(s, &looked_at))
            return 0;
        trim_retry(s);
        uint64_t now = spool_now_ms();
        if (woken || now >= end)
            return DS_EAGAIN;
        uint64_t ms = end - now, slice = atomic_load(&s->writer_here) ? 1000 : POLL_MS;
        if (s->c.trim_again)
            slice = TRIM_RETRY_MS;
        pthread_mutex_lock(&s->mutex);
        if (s->flushes == flushes && !s->woken)
            spool_wait_locked(s, ms < slice ? ms : slice);
        pthread_mutex_unlock(&s->mutex);
    }
}

/* --- opening, going back ------------------------------------------------ */

/* Start at the first chunk; if some are gone that were not applied, ask for them. Inside txn. */
static int consumer_start(struct spool *s, MDB_txn *txn, struct ds_error *err)
{
    struct store_record store;
    struct head_record head;
    int rc = spool_get_record(s, txn, "store", &store, sizeof store, err);
    if (rc == 0)
        rc = spool_get_record(s, txn, "head", &head, sizeof head, err);
    if (rc)
        return rc;
    s->c.next = 0;
    s->c.generation = store.generation;
    if (head.torn && !s->c.torn) {
        rc = spool_put_request(s, txn, "refetch", err);
        s->c.torn = rc == 0;
    }
    return rc;
}

/* Commit or abort; a full disk is said in words. */
static int finish(struct spool *s, MDB_txn *txn, int rc, struct ds_error *err)
{
    if (rc)
        mdb_txn_abort(txn);
    else if ((rc = mdb_txn_commit(txn)) != 0)
        rc = spool_fail(s, err, rc, "writing");
    if (rc == DS_EFULL)
        rc =
            error_set(err, DS_EIO, "no space left on the disk of the spool %s; free some", s->path);
    return rc;
}

static int consumer_open(struct spool *s, const struct position *applied, uint64_t *resets,
                         struct ds_error *err)
{
    BUF_AUTO struct buf text = {0};
    MDB_txn *txn;
    int rc = spool_lock(s, "consumer.lock", &s->c.lock, err);
    if (rc)
        return rc;
    if (!position_empty(applied) && position_print(applied, &text))
        return error_set(err, DS_ENOMEM, "out of memory for a position");
    rc = spool_begin(s, false, &txn, err);
    if (rc)
        return rc;
    s->c.torn = false;
    rc = spool_put_bytes(s, txn, "applied", text.len ? (const char *)text.data : "", text.len, err);
    if (rc == 0)
        rc = consumer_start(s, txn, err);
    if (rc == 0 && resets)
        rc = spool_get_record(s, txn, "resets", resets, sizeof *resets, err);
    if (rc == 0 && resets)
        rc = spool_put_request(s, txn, "refetch", err);
    rc = finish(s, txn, rc, err);
    if (rc == 0)
        atomic_store(&s->consumer_here, true);
    return rc;
}

int spool_consumer_open(struct spool *s, const struct position *applied, struct ds_error *err)
{
    return consumer_open(s, applied, NULL, err);
}

int spool_consumer_open_anew(struct spool *s, const struct position *applied, uint64_t *resets,
                             struct ds_error *err)
{
    return consumer_open(s, applied, resets, err);
}

static const char *note_key(enum spool_note note)
{
    static const char *const keys[] = {"posted", "filter", "parents", "log"};
    return keys[note];
}

int spool_post(struct spool *s, enum spool_note note, const char *text, struct ds_error *err)
{
    MDB_txn *txn;
    int rc = spool_begin(s, false, &txn, err);
    if (rc)
        return rc;
    rc = spool_put_bytes(s, txn, note_key(note), text, strlen(text), err);
    rc = finish(s, txn, rc, err);
    crash_point("spool.posted");
    return rc;
}

int spool_posted(struct spool *s, enum spool_note note, struct buf *out, struct ds_error *err)
{
    MDB_txn *txn = NULL;
    MDB_val v;
    bool found;
    buf_clear(out);
    int rc = spool_begin_read(s, &txn, err);
    if (rc)
        return rc;
    rc = spool_get_bytes(s, txn, note_key(note), &v, &found, err);
    if (rc == 0 && found && buf_append(out, v.mv_data, v.mv_size))
        rc = error_set(err, DS_ENOMEM, "out of memory");
    mdb_txn_abort(txn);
    return rc;
}

int spool_rewind(struct spool *s, struct ds_error *err)
{
    MDB_txn *txn = NULL;
    struct head_record head;
    uint64_t generation = s->c.generation;
    if (s->c.lock < 0)
        return error_set(err, DS_EIO, "the spool %s is not open for reading", s->path);
    int rc = spool_begin_read(s, &txn, err);
    if (rc)
        return rc;
    rc = spool_get_record(s, txn, "head", &head, sizeof head, err);
    mdb_txn_abort(txn);
    if (rc || !head.torn) {
        s->c.next = 0;
        return rc;
    }
    rc = spool_begin(s, false, &txn, err);
    if (rc)
        return rc;
    rc = consumer_start(s, txn, err);
    s->c.generation = generation; /* a change since then is still to be told */
    return finish(s, txn, rc, err);
}

/* --- trimming ----------------------------------------------------------- */

static int delete_chunks(struct spool *s, MDB_txn *txn, uint64_t last, uint64_t *bytes, bool *any)
{
    MDB_cursor *cursor;
    struct chunk_head head;
    struct slice payload;
    uint64_t seq = 0;
    int rc = mdb_cursor_open(txn, s->chunks, &cursor);
    if (rc)
        return rc;
    while ((rc = chunk_get(cursor, MDB_FIRST, &seq, &head, &payload)) == 0 && seq <= last) {
        *bytes += payload.len;
        *any = true;
        rc = mdb_cursor_del(cursor, 0);
        if (rc)
            break;
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int trim_once(struct spool *s, struct ds_error *err)
{
    struct spool_consumer *c = &s->c;
    struct head_record head;
    MDB_txn *txn;
    bool any = false;
    int rc = spool_begin(s, false, &txn, err);
    if (rc)
        return rc;
    rc = spool_get_record(s, txn, "head", &head, sizeof head, err);
    if (rc == 0) {
        rc = delete_chunks(s, txn, c->trim_seq, &head.gone_bytes, &any);
        rc = rc ? spool_fail(s, err, rc, "trimming") : 0;
    }
    head.torn = c->trim_open ? head.torn || any : 0;
    if (rc == 0)
        rc = spool_put_bytes(s, txn, "head", &head, sizeof head, err);
    if (rc == 0 && !c->trim_open) {
        const void *text = c->trim_applied.len ? (const void *)c->trim_applied.data : "";
        rc = spool_put_bytes(s, txn, "applied", text, c->trim_applied.len, err);
        if (rc == 0 && any)
            rc = spool_put_bytes(s, txn, "base", text, c->trim_applied.len, err);
    }
    if (rc) {
        mdb_txn_abort(txn);
        return rc;
    }
    crash_point("spool.trim");
    rc = mdb_txn_commit(txn);
    if (rc)
        return rc == EIO && spool_short_write(s, 0) ? DS_EFULL : spool_fail(s, err, rc, "trimming");
    pthread_mutex_lock(&s->mutex);
    s->trims++;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->mutex);
    return 0;
}

/* The destination has committed already, so a disk that is full for the moment is no reason to
 * fail: it is done later. */
static int trim(struct spool *s, struct ds_error *err)
{
    int rc = trim_once(s, err);
    if (rc == DS_EFULL) {
        if (!s->c.trim_again)
            log_warn("spool cannot be trimmed, the disk is full path=%s", s->path);
        s->c.trim_again = true;
        s->c.trim_retry_at = spool_now_ms() + TRIM_RETRY_MS;
        return 0;
    }
    if (rc == 0)
        s->c.trim_again = false;
    return rc;
}

static void trim_retry(struct spool *s)
{
    struct ds_error err;
    if (s->c.trim_again && spool_now_ms() >= s->c.trim_retry_at && trim(s, &err))
        log_warn("spool cannot be trimmed error=\"%s\"", err.message);
}

int spool_trim(struct spool *s, uint64_t seq, const struct position *applied, struct ds_error *err)
{
    struct spool_consumer *c = &s->c;
    if (c->lock < 0)
        return error_set(err, DS_EIO, "the spool %s is not open for reading", s->path);
    c->trim_seq = seq;
    c->trim_open = applied == NULL;
    buf_clear(&c->trim_applied);
    if (!position_empty(applied) && position_print(applied, &c->trim_applied))
        return error_set(err, DS_ENOMEM, "out of memory for a position");
    return trim(s, err);
}

/* --- observers ---------------------------------------------------------- */

int spool_peek(struct spool *s, uint64_t *seq, struct buf *out, struct ds_error *err)
{
    MDB_txn *txn = NULL;
    struct tail_record tail;
    struct unit u = {.seq = *seq, .skip_parts = true};
    buf_clear(out);
    int rc = spool_begin_read(s, &txn, err);
    if (rc)
        return rc;
    rc = spool_get_record(s, txn, "tail", &tail, sizeof tail, err);
    if (rc == 0) {
        u.next_seq = tail.next_seq;
        rc = mdb_cursor_open(txn, s->chunks, &u.cursor);
        if (rc == 0) {
            rc = read_unit(&u, out);
            mdb_cursor_close(u.cursor);
        }
        if (rc == MDB_NOTFOUND)
            rc = error_set(err, DS_EAGAIN, "nothing more in the spool");
        else if (rc)
            rc = spool_fail(s, err, rc, "reading");
    }
    mdb_txn_abort(txn);
    if (rc)
        buf_clear(out);
    else
        *seq = u.seq;
    return rc;
}
