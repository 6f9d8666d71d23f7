/* The writer's side: buffer, chunks, commits, waiting for room, cutting back.
 *
 * Messages are copied into one buffer of 64 chunks; LMDB's write lock is held only while the
 * buffer is committed, so that the consumer can trim. A commit stores the tail with the chunks: how
 * far whole transactions go. After a crash of the writer everything behind that is cut off, under
 * a new generation, because a consumer in another process may have read it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "schema/crash.h"
#include "schema/log.h"
#include "schema/spool_store.h"

enum {
    DISK_RESERVE = 2 << 20, /* left free, so that the consumer can still trim */
    POLL_MS = 5,            /* for what another process does */
    CALLBACK_MS = 100,
    READER_CHECK_MS = 1000,
    TELL_MS = 1000, /* a disk that is full for longer is told */
    TELL_AGAIN_MS = 60000,
};

void spool_writer_init(struct spool_writer *w)
{
    memset(w, 0, sizeof *w);
    w->lock = -1;
}

void spool_writer_free(struct spool_writer *w)
{
    free(w->data);
    buf_free(&w->mark_gtid);
    buf_free(&w->text);
    if (w->lock >= 0)
        close(w->lock);
    spool_writer_init(w);
}

static void forget_buffer(struct spool_writer *w)
{
    w->len = w->start = w->count = 0;
    w->marked = false;
}

/* --- disk --------------------------------------------------------------- */

/* Bytes by which the file may still grow. */
static uint64_t disk_room(struct spool *s)
{
    struct statvfs fs;
    struct rlimit limit;
    struct stat file;
    int fd;
    uint64_t room = UINT64_MAX;
    if (statvfs(s->path, &fs) == 0)
        room = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        mdb_env_get_fd(s->env, &fd) == 0 && fstat(fd, &file) == 0) {
        uint64_t size = (uint64_t)file.st_size,
                 left = limit.rlim_cur > size ? limit.rlim_cur - size : 0;
        room = left < room ? left : room;
    }
    return room;
}

static uint64_t disk_need(uint64_t pending)
{
    return pending + pending / 8 + DISK_RESERVE;
}

/* May this commit make the file longer, and is there no room for that? LMDB would find out by
 * itself, but only after it took the last free block, and then a trim could not be stored. */
static bool disk_low(struct spool *s, uint64_t stored, uint64_t pending)
{
    MDB_envinfo info;
    MDB_stat st;
    uint64_t need = disk_need(pending);
    if (disk_room(s) >= need || mdb_env_info(s->env, &info) || mdb_env_stat(s->env, &st))
        return false;
    return ((uint64_t)info.me_last_pgno + 1) * st.ms_psize < stored + stored / 8 + need;
}

/* LMDB reports a write that the disk cut short as EIO. */
bool spool_short_write(struct spool *s, uint64_t pending)
{
    return disk_room(s) < pending + DISK_RESERVE;
}

/* A page behind the end of the file kills who reads it. Normally nobody does (the last pages may be
 * free ones that were never written), but of a file that was cut short anything may: as zeros they
 * are found to be damaged. Never shortens: a writer may be at work. */
int spool_lengthen(struct spool *s)
{
    MDB_envinfo info;
    MDB_stat st;
    struct stat file;
    char *path = NULL;
    int fd = -1, rc = mdb_env_info(s->env, &info);
    if (rc == 0)
        rc = mdb_env_stat(s->env, &st);
    if (rc == 0)
        rc = mdb_env_get_fd(s->env, &fd);
    if (rc || fstat(fd, &file))
        return rc ? rc : errno;
    off_t size = (off_t)((info.me_last_pgno + 1) * st.ms_psize);
    if (file.st_size >= size)
        return 0;
    if (asprintf(&path, "%s/data.mdb", s->path) < 0)
        return ENOMEM;
    fd = open(path, O_RDWR | O_CLOEXEC); /* an observer's own is for reading only */
    rc = fd < 0 ? errno : posix_fallocate(fd, size - 1, 1);
    if (fd >= 0)
        close(fd);
    free(path);
    return rc;
}

/* A reader that was killed pins every page that was freed since: clear it each second, and at once
 * when the file is longer than it should be. */
static int clear_dead_readers(struct spool *s, struct ds_error *err)
{
    struct spool_writer *w = &s->w;
    MDB_envinfo info;
    MDB_stat st;
    int dead;
    uint64_t now = spool_now_ms();
    int rc = mdb_env_info(s->env, &info);
    if (rc == 0)
        rc = mdb_env_stat(s->env, &st);
    if (rc == 0 && (now - w->readers_checked >= READER_CHECK_MS ||
                    (uint64_t)info.me_last_pgno * st.ms_psize > 2 * s->options.max_size)) {
        w->readers_checked = now;
        rc = mdb_reader_check(s->env, &dead);
    }
    return rc ? spool_fail(s, err, rc, "clearing dead readers of") : 0;
}

/* --- committing --------------------------------------------------------- */

static int build_tail(struct spool *s, struct tail_record *next, struct ds_error *err)
{
    struct spool_writer *w = &s->w;
    size_t chunks = w->count + (w->len > w->start);
    for (size_t i = 0; i < chunks; i++)
        next->put_bytes +=
            (i < w->count ? w->chunks[i].end : w->len) - (i ? w->chunks[i - 1].end : 0);
    if (w->marked) {
        next->whole_seq = w->tail.next_seq + w->mark_chunk;
        next->whole_off = w->mark_off;
        next->known = 1;
        buf_clear(&w->text);
        int rc = buf_append(&w->text, next, sizeof *next);
        if (rc == 0 && w->mark_gtid.len) {
            rc = buf_puts(&w->text, "gtid=");
            if (rc == 0)
                rc = buf_append(&w->text, w->mark_gtid.data, w->mark_gtid.len);
        }
        if (rc == 0 && w->mark_file[0])
            rc = buf_printf(&w->text, "%sfile=%s:%" PRIu64, w->mark_gtid.len ? " " : "",
                            w->mark_file, w->mark_pos);
        if (rc)
            return error_set(err, DS_ENOMEM, "out of memory for the spool");
    }
    next->next_seq += chunks;
    memcpy(w->text.data, next, sizeof *next);
    return 0;
}

static int put_chunk(struct spool *s, MDB_txn *txn, uint64_t seq, const struct chunk_head *head,
                     const uint8_t *data, size_t len)
{
    MDB_val k = {sizeof seq, &seq}, v = {sizeof *head + len, NULL};
    int rc = mdb_put(txn, s->chunks, &k, &v, MDB_RESERVE | MDB_APPEND);
    if (rc)
        return rc;
    memcpy(v.mv_data, head, sizeof *head);
    memcpy((uint8_t *)v.mv_data + sizeof *head, data, len);
    return 0;
}

static int put_pending(struct spool *s, MDB_txn *txn, struct ds_error *err)
{
    static const struct chunk_head plain = {CHUNK_WHOLE, 1};
    struct spool_writer *w = &s->w;
    size_t from = 0;
    uint64_t seq = w->tail.next_seq;
    int rc = 0;
    for (size_t i = 0; i < w->count && rc == 0; i++) {
        rc = put_chunk(s, txn, seq++, &w->chunks[i].head, w->data + from, w->chunks[i].end - from);
        from = w->chunks[i].end;
    }
    if (rc == 0 && w->len > from)
        rc = put_chunk(s, txn, seq++, &plain, w->data + from, w->len - from);
    if (rc)
        return spool_fail(s, err, rc, "writing");
    return spool_put_bytes(s, txn, "tail", w->text.data, w->text.len, err);
}

/* A long message waits for less: it may be longer than the whole store, and a consumer that makes
 * room for it sees only what is stored. */
static bool has_room(const struct spool *s, uint64_t stored, uint64_t ahead)
{
    uint64_t max = s->options.max_size, wanted = stored + s->w.len + ahead;
    if (s->w.len + ahead == 0) /* a position alone */
        return true;
    return s->w.inside_message || stored == 0 || wanted <= max || (ahead && stored <= max / 2);
}

/* Store the buffer and the tail. DS_EFULL: no room now. */
static int commit_once(struct spool *s, uint64_t ahead, struct ds_error *err)
{
    struct spool_writer *w = &s->w;
    struct tail_record next = w->tail;
    struct head_record head;
    MDB_txn *txn;
    int rc = build_tail(s, &next, err);
    if (rc == 0)
        rc = clear_dead_readers(s, err);
    if (rc == 0)
        rc = spool_begin(s, false, &txn, err);
    if (rc)
        return rc;
    rc = spool_get_record(s, txn, "head", &head, sizeof head, err);
    if (rc == 0) {
        uint64_t stored = w->tail.put_bytes - head.gone_bytes;
        w->disk_full = w->len && disk_low(s, stored, w->len);
        if (w->disk_full || !has_room(s, stored, ahead))
            rc = DS_EFULL;
    }
    if (rc == 0)
        rc = put_pending(s, txn, err);
    if (rc) {
        mdb_txn_abort(txn);
        return rc;
    }
    crash_point("spool.commit");
    rc = mdb_txn_commit(txn);
    if (rc == EIO && spool_short_write(s, w->len))
        rc = ENOSPC;
    if (rc)
        return spool_fail(s, err, rc, "committing to");
    crash_point("spool.committed");
    w->tail = next;
    if (w->count) /* not a position alone, or what had to go early */
        w->limit = w->limit * 2 < w->limit_most ? w->limit * 2 : w->limit_most;
    forget_buffer(w);
    pthread_mutex_lock(&s->mutex);
    s->flushes++;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->mutex);
    return 0;
}

/* Until something was trimmed (anything was committed, by anyone), or a while has passed. */
static int wait_for_room(struct spool *s, uint64_t trims, uint64_t txn, struct ds_error *err)
{
    struct spool_writer *w = &s->w;
    uint64_t start = spool_now_ms(), now = start;
    if (w->waited_ms == 0)
        w->readers_checked = 0; /* before the first wait, whenever the last check was */
    int rc = clear_dead_readers(s, err);
    if (rc)
        return rc;
    while (now - start < CALLBACK_MS && spool_last_txn(s) == txn) {
        pthread_mutex_lock(&s->mutex);
        if (s->trims == trims)
            spool_wait_locked(s, atomic_load(&s->consumer_here) ? CALLBACK_MS : POLL_MS);
        bool trimmed = s->trims != trims;
        pthread_mutex_unlock(&s->mutex);
        now = spool_now_ms();
        if (trimmed)
            break;
    }
    uint64_t before = w->waited_ms;
    w->waited_ms += now > start ? now - start : 1;
    if (before / CALLBACK_MS != w->waited_ms / CALLBACK_MS && w->waiting &&
        w->waiting(w->waiting_arg))
        return error_set(err, DS_ESTOPPED, "stopped while waiting for room in the spool");
    return 0;
}

/* A consumer that has an open transaction must know that its end cannot come. */
static void tell_waiting(struct spool *s)
{
    struct spool_writer *w = &s->w;
    MDB_txn *txn;
    w->wait_told = true;
    if (spool_begin(s, false, &txn, NULL))
        return;
    if (spool_put_bytes(s, txn, "waits", &w->tail.next_seq, sizeof w->tail.next_seq, NULL))
        mdb_txn_abort(txn);
    else if (mdb_txn_commit(txn))
        log_debug("spool cannot say that it waits path=%s", s->path); /* said again at next wait */
}

/* What is trimmed makes room, but what others have written there may be all of it. */
static void tell_disk_full(struct spool *s)
{
    struct spool_writer *w = &s->w;
    if (!w->disk_full || w->waited_ms < w->disk_tell_ms)
        return;
    log_warn("the disk of the spool is full, waiting for room: free some there, or give state_dir "
             "another place path=%s free=%" PRIu64 " needed=%" PRIu64,
             s->path, disk_room(s), disk_need(w->len));
    w->disk_tell_ms = w->waited_ms + TELL_AGAIN_MS;
}

/* Store the buffer, with room for `ahead` more bytes, as soon as that is possible. */
static int commit(struct spool *s, uint64_t ahead, struct ds_error *err)
{
    struct spool_writer *w = &s->w;
    w->waited_ms = 0;
    w->wait_told = false;
    w->disk_tell_ms = TELL_MS;
    for (;;) {
        pthread_mutex_lock(&s->mutex);
        uint64_t trims = s->trims;
        pthread_mutex_unlock(&s->mutex);
        uint64_t txn = spool_last_txn(s);
        int rc = commit_once(s, ahead, err);
        if (rc == 0 && w->disk_tell_ms > TELL_MS)
            log_info("the disk of the spool has room again path=%s", s->path);
        if (rc != DS_EFULL)
            return rc;
        tell_disk_full(s);
        if (!w->wait_told)
            tell_waiting(s);
        else if ((rc = wait_for_room(s, trims, txn, err)) != 0)
            return rc;
    }
}

int spool_flush(struct spool *s, struct ds_error *err)
{
    if (s->w.broken)
        return error_set(err, DS_EIO, "an earlier write to the spool %s failed; start again",
                         s->path);
    if (s->w.len == 0 && !s->w.marked)
        return 0;
    return commit(s, 0, err);
}

/* --- messages ----------------------------------------------------------- */

static int close_chunk(struct spool *s, struct chunk_head head, struct ds_error *err)
{
    struct spool_writer *w = &s->w;
    if (w->len == w->start)
        return 0;
    w->chunks[w->count++] = (struct pending_chunk){w->len, head};
    w->start = w->len;
    return w->count == w->limit ? commit(s, 0, err) : 0;
}

/* A message of more than one chunk: each part is a chunk of its own. */
static int put_long(struct spool *s, const uint8_t *message, size_t len, struct ds_error *err)
{
    struct spool_writer *w = &s->w;
    struct chunk_head head = {CHUNK_FIRST, (uint32_t)((len + CHUNK_PAYLOAD - 1) / CHUNK_PAYLOAD)};
    int rc = commit(s, len, err); /* wait for room before, not in the middle: it must end */
    w->inside_message = true;
    while (rc == 0 && len > 0) {
        size_t n = len < CHUNK_PAYLOAD ? len : CHUNK_PAYLOAD;
        memcpy(w->data + w->len, message, n);
        w->len += n;
        message += n;
        len -= n;
        rc = close_chunk(s, head, err);
        w->broken = rc != 0;
        head.part = CHUNK_MORE;
    }
    if (rc == 0 && w->len) { /* its end may not wait for room behind its beginning */
        rc = commit(s, 0, err);
        w->broken = rc != 0;
    }
    w->inside_message = false;
    return rc;
}

int spool_put(struct spool *s, const void *message, size_t len, struct ds_error *err)
{
    struct spool_writer *w = &s->w;
    if (w->lock < 0 || w->broken)
        return error_set(err, DS_EIO, "the spool %s is not open for writing%s", s->path,
                         w->broken ? " any more: an earlier write failed; start again" : "");
    if (w->count == w->limit) { /* an earlier call gave up waiting */
        int rc = commit(s, 0, err);
        if (rc)
            return rc;
    }
    if (len > CHUNK_PAYLOAD) {
        if (len / CHUNK_PAYLOAD >= UINT32_MAX || len > s->options.max_size + ((uint64_t)1 << 29))
            return error_set(err, DS_ELIMIT,
                             "a message of %zu bytes is too long for the spool; raise "
                             "spool.max_size",
                             len);
        return put_long(s, message, len, err);
    }
    if (w->len - w->start + len > CHUNK_PAYLOAD) {
        int rc = close_chunk(s, (struct chunk_head){CHUNK_WHOLE, 1}, err);
        if (rc)
            return rc;
    }
    memcpy(w->data + w->len, message, len);
    w->len += len;
    return 0;
}

uint64_t spool_place(const struct spool *s, size_t len)
{
    const struct spool_writer *w = &s->w;
    bool next = w->len > w->start && w->len - w->start + len > CHUNK_PAYLOAD;
    return w->tail.next_seq + w->count + (next ? 1 : 0);
}

static void mark_here(struct spool_writer *w)
{
    w->marked = true;
    w->mark_chunk = w->count;
    w->mark_off = w->len - w->start;
}

int spool_mark_raw(struct spool *s, struct slice gtid_set, struct slice file, uint64_t pos)
{
    struct spool_writer *w = &s->w;
    if (file.len >= sizeof w->mark_file)
        return DS_ELIMIT;
    buf_clear(&w->mark_gtid);
    if (buf_append(&w->mark_gtid, gtid_set.p, gtid_set.len))
        return DS_ENOMEM;
    if (file.len)
        memcpy(w->mark_file, file.p, file.len);
    w->mark_file[file.len] = 0;
    w->mark_pos = pos;
    mark_here(w);
    return 0;
}

int spool_mark(struct spool *s, const struct position *p, struct ds_error *err)
{
    struct spool_writer *w = &s->w;
    buf_clear(&w->mark_gtid);
    if (gtid_set_print(&p->gtid, &w->mark_gtid))
        return error_set(err, DS_ENOMEM, "out of memory for a position");
    memcpy(w->mark_file, p->file.file, sizeof w->mark_file);
    w->mark_pos = p->file.pos;
    mark_here(w);
    return 0;
}

void spool_on_wait(struct spool *s, int (*waiting)(void *arg), void *arg)
{
    s->w.waiting = waiting;
    s->w.waiting_arg = arg;
}

size_t spool_unflushed(const struct spool *s)
{
    return s->w.len;
}

/* --- opening, cutting back, starting anew ------------------------------- */

static int load_tail(struct spool *s, MDB_txn *txn, struct ds_error *err)
{
    struct spool_writer *w = &s->w;
    MDB_val v;
    bool found;
    int rc = spool_get_bytes(s, txn, "tail", &v, &found, err);
    if (rc == 0 && v.mv_size < sizeof w->tail)
        return spool_fail(s, err, MDB_CORRUPTED, "reading");
    if (rc)
        return rc;
    memcpy(&w->tail, v.mv_data, sizeof w->tail);
    buf_clear(&w->text);
    if (buf_append(&w->text, v.mv_data, v.mv_size))
        return error_set(err, DS_ENOMEM, "out of memory for the spool");
    return 0;
}

static int next_generation(struct spool *s, MDB_txn *txn, struct ds_error *err)
{
    struct store_record store;
    int rc = spool_get_record(s, txn, "store", &store, sizeof store, err);
    store.generation++;
    return rc ? rc : spool_put_bytes(s, txn, "store", &store, sizeof store, err);
}

/* Remove chunks from whole_seq on; what is whole of the first of them is put in again. */
static int cut_chunks(struct spool *s, MDB_txn *txn, bool *cut, struct ds_error *err)
{
    static const struct chunk_head plain = {CHUNK_WHOLE, 1};
    struct tail_record *tail = &s->w.tail;
    uint8_t *rest = NULL;
    size_t rest_len = 0;
    MDB_cursor *cursor;
    uint64_t seq = tail->whole_seq;
    int rc = mdb_cursor_open(txn, s->chunks, &cursor);
    if (rc)
        return spool_fail(s, err, rc, "cutting back");
    MDB_val k = {sizeof seq, &seq}, v;
    rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    while (rc == 0) {
        size_t len = v.mv_size - sizeof plain;
        memcpy(&seq, k.mv_data, sizeof seq);
        if (seq == tail->whole_seq && tail->whole_off >= len)
            goto next; /* ends with the chunk */
        *cut = true;
        if (seq == tail->whole_seq && tail->whole_off && !rest) {
            rest_len = tail->whole_off;
            rest = malloc(rest_len);
            if (!rest) {
                rc = ENOMEM;
                break;
            }
            memcpy(rest, (const uint8_t *)v.mv_data + sizeof plain, rest_len);
        }
        tail->put_bytes -= len;
        rc = mdb_cursor_del(cursor, 0);
        if (rc)
            break;
    next:
        rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    if (rc == MDB_NOTFOUND)
        rc = 0;
    if (rc == 0 && rest) {
        rc = put_chunk(s, txn, tail->next_seq++, &plain, rest, rest_len);
        tail->put_bytes += rest_len;
    }
    free(rest);
    return rc ? spool_fail(s, err, rc, "cutting back") : 0;
}

static int cut_back(struct spool *s, MDB_txn *txn, struct ds_error *err)
{
    struct tail_record *tail = &s->w.tail;
    bool cut = false;
    int rc = cut_chunks(s, txn, &cut, err);
    if (rc || !cut)
        return rc;
    log_info("spool cut back to its last whole transaction path=%s", s->path);
    tail->whole_seq = tail->next_seq; /* everything that is left is whole */
    tail->whole_off = 0;
    memcpy(s->w.text.data, tail, sizeof *tail);
    rc = spool_put_bytes(s, txn, "tail", s->w.text.data, s->w.text.len, err);
    return rc ? rc : next_generation(s, txn, err);
}

/* End a transaction that is not the hot path; the disk's state is said in words. */
static int finish(struct spool *s, MDB_txn *txn, int rc, const char *doing, struct ds_error *err)
{
    if (rc)
        mdb_txn_abort(txn);
    else if ((rc = mdb_txn_commit(txn)) != 0)
        rc = spool_fail(s, err, rc, doing);
    if (rc == DS_EFULL)
        rc = error_set(err, DS_EIO, "no space left on the disk while %s the spool %s; free some",
                       doing, s->path);
    pthread_mutex_lock(&s->mutex);
    s->flushes++;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->mutex);
    return rc;
}

int spool_writer_open(struct spool *s, struct ds_error *err)
{
    struct spool_writer *w = &s->w;
    MDB_txn *txn;
    int rc = spool_lock(s, "writer.lock", &w->lock, err);
    if (rc)
        return rc;
    if (!w->data)
        w->data = malloc((size_t)COMMIT_CHUNKS * CHUNK_PAYLOAD);
    if (!w->data)
        return error_set(err, DS_ENOMEM, "out of memory for the spool's buffer");
    uint64_t limit = s->options.max_size / 4 / CHUNK_PAYLOAD;
    w->limit_most = limit < 1 ? 1 : limit > COMMIT_CHUNKS ? COMMIT_CHUNKS : (size_t)limit;
    w->limit = w->limit_most < FIRST_CHUNKS ? w->limit_most : FIRST_CHUNKS;
    w->broken = false;
    forget_buffer(w);
    rc = spool_begin(s, false, &txn, err);
    if (rc)
        return rc;
    const uint64_t nothing = 0; /* what a writer that died may have said */
    rc = load_tail(s, txn, err);
    if (rc == 0)
        rc = cut_back(s, txn, err);
    if (rc == 0)
        rc = spool_put_bytes(s, txn, "waits", &nothing, sizeof nothing, err);
    rc = finish(s, txn, rc, "cutting back", err);
    if (rc == 0)
        atomic_store(&s->writer_here, true);
    return rc;
}

static int write_reset(struct spool *s, MDB_txn *txn, const struct position *base,
                       const char *source_id, struct ds_error *err)
{
    struct spool_writer *w = &s->w;
    struct head_record head = {0};
    uint64_t resets = 0;
    BUF_AUTO struct buf text = {0};
    int rc = mdb_drop(txn, s->chunks, 0);
    if (rc)
        return spool_fail(s, err, rc, "emptying");
    w->tail = (struct tail_record){
        .next_seq = w->tail.next_seq, .whole_seq = w->tail.next_seq, .known = base != NULL};
    buf_clear(&w->text);
    if ((base && position_print(base, &text)) || buf_append(&w->text, &w->tail, sizeof w->tail) ||
        buf_append(&w->text, text.data, text.len))
        return error_set(err, DS_ENOMEM, "out of memory for the spool");
    rc = spool_put_bytes(s, txn, "tail", w->text.data, w->text.len, err);
    if (rc == 0)
        rc =
            spool_put_bytes(s, txn, "base", text.len ? (const char *)text.data : "", text.len, err);
    if (rc == 0)
        rc = spool_put_bytes(s, txn, "head", &head, sizeof head, err);
    if (rc == 0)
        rc = spool_put_bytes(s, txn, "source", source_id, strlen(source_id), err);
    if (rc == 0)
        rc = spool_get_record(s, txn, "resets", &resets, sizeof resets, err);
    resets++;
    if (rc == 0)
        rc = spool_put_bytes(s, txn, "resets", &resets, sizeof resets, err);
    rc = rc ? rc : spool_drop_requests(s, txn, "refetch", err);
    return rc ? rc : next_generation(s, txn, err);
}

/* Has the applier not gone on from there, but is somewhere else? */
static int decided_for_another(struct spool *s, MDB_txn *txn, const struct spool_state *decided,
                               struct ds_error *err)
{
    struct position applied = {0};
    bool known;
    int rc = spool_get_position(s, txn, "applied", 0, &known, &applied, err);
    if (rc == 0 && (known != decided->applier_known ||
                    position_empty(&applied) != position_empty(&decided->applied) ||
                    !position_reached(&decided->applied, &applied)))
        rc = error_set(err, DS_EAGAIN, "the applier stands somewhere else now");
    position_free(&applied);
    return rc;
}

int spool_writer_reset(struct spool *s, const struct position *base, const char *source_id,
                       const struct spool_state *decided, struct ds_error *err)
{
    MDB_txn *txn;
    struct tail_record before = s->w.tail;
    if (s->w.lock < 0)
        return error_set(err, DS_EIO, "the spool %s is not open for writing", s->path);
    int rc = spool_begin(s, false, &txn, err);
    if (rc == 0 && decided && (rc = decided_for_another(s, txn, decided, err)) != 0) {
        mdb_txn_abort(txn);
        return rc;
    }
    forget_buffer(&s->w);
    s->w.broken = false;
    if (rc == 0) {
        rc = write_reset(s, txn, base, source_id ? source_id : "", err);
        rc = finish(s, txn, rc, "emptying", err);
    }
    if (rc) {
        s->w.tail = before;
        s->w.broken = true; /* the tail's text is gone: load it again */
    }
    return rc;
}
