/* The spool's store: opening it safely, its records, state.
 *
 * Commits are not synced unless asked for, so after a power failure LMDB's file may be anything.
 * Killed processes leave it whole (the kernel has the pages). Hence the `boot` file: what was
 * written unsynced in an earlier boot is deleted before LMDB looks at it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "schema/log.h"
#include "schema/message.h"
#include "schema/spool_store.h"

/* Room beyond twice max_size: for one message that is longer than the store. Address space only. */
#define MAP_EXTRA ((uint64_t)1 << 30)

_Static_assert(sizeof(size_t) == sizeof(uint64_t), "chunk numbers are LMDB integer keys");

/* --- errors and small things -------------------------------------------- */

int spool_fail(const struct spool *s, struct ds_error *err, int rc, const char *doing)
{
    switch (rc) {
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return DS_EFULL;
    case ENOMEM:
        return error_set(err, DS_ENOMEM, "out of memory while %s the spool %s", doing, s->path);
    case MDB_MAP_RESIZED:
        return error_set(err, DS_EUSAGE,
                         "another process uses the spool %s with another size; give both the same "
                         "spool.max_size",
                         s->path);
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_PANIC:
    case MDB_VERSION_MISMATCH:
        return error_set(err, DS_EIO,
                         "the spool %s is damaged (%s while %s it); stop datasync and delete the "
                         "folder: what it held is read from the source again",
                         s->path, mdb_strerror(rc), doing);
    default:
        return error_set(err, DS_EIO, "%s while %s the spool %s", mdb_strerror(rc), doing, s->path);
    }
}

int spool_full(const struct spool *s, struct ds_error *err, int rc)
{
    if (rc == DS_EFULL)
        return error_set(err, DS_EIO, "no space left on the disk of the spool %s; free some",
                         s->path);
    return rc;
}

uint64_t spool_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void spool_wait_locked(struct spool *s, uint64_t ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += (time_t)(ms / 1000);
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&s->changed, &s->mutex, &t); /* the caller looks again in any case */
}

uint64_t spool_last_txn(struct spool *s)
{
    MDB_envinfo info;
    return mdb_env_info(s->env, &info) ? 0 : info.me_last_txnid;
}

int spool_begin(struct spool *s, bool read_only, MDB_txn **out, struct ds_error *err)
{
    int rc = mdb_txn_begin(s->env, NULL, read_only ? MDB_RDONLY : 0, out);
    return rc ? spool_fail(s, err, rc, "opening a transaction of") : 0;
}

/* LMDB writes a commit's meta page first and tells readers of it then. In between mdb_env_info
 * shows a commit that no reader sees yet; if its process was killed there, none would see it until
 * someone takes the write lock and with that mends what the dead one has left. So does this. */
int spool_begin_read(struct spool *s, MDB_txn **txn, struct ds_error *err)
{
    MDB_txn *lock;
    uint64_t stored = spool_last_txn(s);
    int rc = *txn ? mdb_txn_renew(*txn) : mdb_txn_begin(s->env, NULL, MDB_RDONLY, txn);
    if (rc == 0 && mdb_txn_id(*txn) < stored && !s->options.read_only) {
        mdb_txn_reset(*txn);
        rc = mdb_txn_begin(s->env, NULL, 0, &lock);
        if (rc == 0) {
            mdb_txn_abort(lock);
            rc = mdb_txn_renew(*txn);
        }
    }
    if (rc == 0)
        return 0;
    if (*txn)
        mdb_txn_abort(*txn);
    *txn = NULL;
    return spool_fail(s, err, rc, "opening a transaction of");
}

/* --- records ------------------------------------------------------------ */

int spool_get_bytes(struct spool *s, MDB_txn *txn, const char *key, MDB_val *out, bool *found,
                    struct ds_error *err)
{
    MDB_val k = {strlen(key), (void *)key};
    int rc = mdb_get(txn, s->state, &k, out);
    *found = rc == 0;
    if (rc)
        *out = (MDB_val){0, NULL};
    return rc && rc != MDB_NOTFOUND ? spool_fail(s, err, rc, "reading") : 0;
}

int spool_get_record(struct spool *s, MDB_txn *txn, const char *key, void *out, size_t size,
                     struct ds_error *err)
{
    MDB_val v;
    bool found;
    memset(out, 0, size);
    int rc = spool_get_bytes(s, txn, key, &v, &found, err);
    if (rc || !found)
        return rc;
    if (v.mv_size < size)
        return spool_fail(s, err, MDB_CORRUPTED, "reading");
    memcpy(out, v.mv_data, size);
    return 0;
}

int spool_put_bytes(struct spool *s, MDB_txn *txn, const char *key, const void *data, size_t size,
                    struct ds_error *err)
{
    MDB_val k = {strlen(key), (void *)key};
    MDB_val v = {size, (void *)data};
    int rc = mdb_put(txn, s->state, &k, &v, 0);
    return rc ? spool_fail(s, err, rc, "writing") : 0;
}

/* --- opening ------------------------------------------------------------ */

static int make_folder(const char *path, struct ds_error *err)
{
    char *copy = strdup(path);
    if (!copy)
        return error_set(err, DS_ENOMEM, "out of memory");
    int rc = 0;
    for (char *p = copy + 1;; p++) {
        if (*p && *p != '/')
            continue;
        char was = *p;
        *p = 0;
        if (mkdir(copy, 0700) && errno != EEXIST) {
            rc = error_set(err, DS_EIO, "cannot create the folder %s: %s; set state_dir", copy,
                           strerror(errno));
            break;
        }
        *p = was;
        if (!was)
            break;
    }
    free(copy);
    return rc;
}

static int check_file_system(const char *path, struct ds_error *err)
{
    static const struct {
        uint32_t type;
        const char *name;
    } remote[] = {{0x6969, "NFS"},      {0xff534d42, "CIFS"}, {0xfe534d42, "SMB"},
                  {0x517b, "SMB"},      {0x01021997, "9p"},   {0x65735546, "FUSE"},
                  {0x00c36400, "Ceph"}, {0x5346414f, "AFS"},  {0x0bd00bd0, "Lustre"},
                  {0x01161970, "GFS2"}, {0x7461636f, "OCFS2"}};
    const uint32_t overlay = 0x794c7630;
    struct statfs fs;
    if (statfs(path, &fs))
        return error_set(err, DS_EIO, "cannot look at the file system of %s: %s", path,
                         strerror(errno));
    uint32_t type = (uint32_t)fs.f_type;
    for (size_t i = 0; i < sizeof remote / sizeof *remote; i++)
        if (remote[i].type == type)
            return error_set(err, DS_EUSAGE,
                             "the spool %s is on %s; memory mapping and locks need a local file "
                             "system: set state_dir to one",
                             path, remote[i].name);
    if (type == overlay)
        log_warn("spool on a container's overlay path=%s advice=\"mount a volume at state_dir\"",
                 path);
    return 0;
}

static char *file_in(const struct spool *s, const char *name)
{
    char *out;
    return asprintf(&out, "%s/%s", s->path, name) < 0 ? NULL : out;
}

static int read_line(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = read(fd, out, size - 1);
    close(fd);
    if (n < 0)
        return -1;
    out[n] = 0;
    out[strcspn(out, "\n")] = 0;
    return 0;
}

static int write_line(const struct spool *s, const char *name, const char *text,
                      struct ds_error *err)
{
    char *path = file_in(s, name), *temporary = file_in(s, "boot.new");
    int rc = 0, fd = -1;
    if (!path || !temporary)
        rc = error_set(err, DS_ENOMEM, "out of memory");
    else
        fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t len = strlen(text);
    if (rc == 0 &&
        (fd < 0 || write(fd, text, len) != (ssize_t)len || fsync(fd) || rename(temporary, path)))
        rc = error_set(err, DS_EIO, "cannot write %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    free(path);
    free(temporary);
    return rc;
}

/* Was the store written before the last boot, and never synced? */
static bool from_another_boot(const struct spool *s, const char *boot)
{
    char text[100];
    char *path = file_in(s, "boot");
    bool lost = !path || read_line(path, text, sizeof text) ||
                (strcmp(text, "durable") != 0 && (!*boot || strcmp(text, boot) != 0));
    free(path);
    return lost;
}

static int remove_file(const struct spool *s, const char *name, struct ds_error *err)
{
    char *path = file_in(s, name);
    int rc = 0;
    if (!path)
        return error_set(err, DS_ENOMEM, "out of memory");
    if (unlink(path) && errno != ENOENT)
        rc = error_set(err, DS_EIO, "cannot remove %s: %s", path, strerror(errno));
    free(path);
    return rc;
}

static int open_env(struct spool *s, struct ds_error *err)
{
    unsigned flags = MDB_NOTLS;
    if (s->options.read_only)
        flags |= MDB_RDONLY;
    else if (!s->options.durable)
        flags |= MDB_NOSYNC;
    int rc = mdb_env_create(&s->env);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(s->env, 2);
    if (rc == 0 && !s->options.read_only) {
        uint64_t map = 2 * s->options.max_size + MAP_EXTRA;
        rc = mdb_env_set_mapsize(s->env, map & ~(uint64_t)4095);
    }
    if (rc == 0)
        rc = mdb_env_open(s->env, s->path, flags, 0600);
    if ((rc == ENOENT || rc == EBADF) && s->options.read_only) /* no file, or an empty one */
        return error_set(err, DS_EAGAIN, "there is no spool in %s", s->path);
    if (rc)
        return spool_full(s, err, spool_fail(s, err, rc, "opening"));
    rc = spool_lengthen(s);
    if (rc)
        return spool_full(s, err, spool_fail(s, err, rc, "opening"));
    int dead;
    rc = mdb_reader_check(s->env, &dead);
    return rc ? spool_fail(s, err, rc, "clearing dead readers of") : 0;
}

/* Open both tables; a new store is given its first records. */
static int open_tables(struct spool *s, struct ds_error *err)
{
    MDB_txn *txn;
    bool ro = s->options.read_only;
    int rc = spool_begin(s, ro, &txn, err);
    if (rc)
        return spool_full(s, err, rc);
    rc = mdb_dbi_open(txn, "chunks", MDB_INTEGERKEY | (ro ? 0 : MDB_CREATE), &s->chunks);
    if (rc == 0)
        rc = mdb_dbi_open(txn, "state", ro ? 0 : MDB_CREATE, &s->state);
    if (rc) {
        mdb_txn_abort(txn);
        if (rc == MDB_NOTFOUND)
            return error_set(err, DS_EAGAIN, "there is nothing in the spool %s yet", s->path);
        return spool_full(s, err, spool_fail(s, err, rc, "opening"));
    }
    struct store_record store;
    rc = spool_get_record(s, txn, "store", &store, sizeof store, err);
    if (rc == 0 && store.magic == 0 && !ro) {
        store = (struct store_record){SPOOL_MAGIC, SPOOL_FORMAT, MESSAGE_VERSION, 1};
        struct tail_record tail = {.next_seq = 1, .whole_seq = 1};
        rc = spool_put_bytes(s, txn, "store", &store, sizeof store, err);
        if (rc == 0)
            rc = spool_put_bytes(s, txn, "tail", &tail, sizeof tail, err);
    }
    if (rc == 0 && (store.magic != SPOOL_MAGIC || store.format != SPOOL_FORMAT ||
                    store.message_version != MESSAGE_VERSION))
        rc = error_set(err, DS_EFORMAT,
                       "the spool %s is of another version of datasync (format %u, messages %u); "
                       "let that version finish, or delete the folder: what it held is read "
                       "from the source again",
                       s->path, store.format, store.message_version);
    if (rc) {
        mdb_txn_abort(txn);
        return spool_full(s, err, rc);
    }
    rc = mdb_txn_commit(txn); /* also keeps the table handles */
    return rc ? spool_full(s, err, spool_fail(s, err, rc, "opening")) : 0;
}

static int open_for_writing(struct spool *s, const char *boot, struct ds_error *err)
{
    int lock, rc = 0;
    char text[100];
    char *path = file_in(s, "open.lock");
    if (!path)
        return error_set(err, DS_ENOMEM, "out of memory");
    lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0 || flock(lock, LOCK_EX))
        rc = error_set(err, DS_EIO, "cannot lock %s: %s", path, strerror(errno));
    free(path);
    if (rc == 0 && from_another_boot(s, boot)) {
        rc = remove_file(s, "data.mdb", err);
        if (rc == 0)
            rc = remove_file(s, "lock.mdb", err);
    }
    if (rc == 0 && !s->options.durable) {
        /* first, so that a crash from here on finds it unsynced */
        snprintf(text, sizeof text, "%s\n", boot);
        rc = write_line(s, "boot", text, err);
    }
    if (rc == 0)
        rc = open_env(s, err);
    if (rc == 0)
        rc = open_tables(s, err);
    if (rc == 0 && s->options.durable) {
        rc = mdb_env_sync(s->env, 1);
        rc = rc ? spool_fail(s, err, rc, "syncing") : write_line(s, "boot", "durable\n", err);
    }
    if (lock >= 0)
        close(lock);
    return rc;
}

static int open_store(struct spool *s, struct ds_error *err)
{
    char boot[100] = "";
    if (read_line("/proc/sys/kernel/random/boot_id", boot, sizeof boot))
        boot[0] = 0; /* unknown: unsynced stores are never trusted */
    if (s->options.read_only) {
        if (access(s->path, F_OK) || from_another_boot(s, boot))
            return error_set(err, DS_EAGAIN, "there is no spool in %s", s->path);
    } else {
        int rc = make_folder(s->path, err);
        if (rc)
            return rc;
    }
    int rc = check_file_system(s->path, err);
    if (rc)
        return rc;
    if (!s->options.read_only)
        return open_for_writing(s, boot, err);
    rc = open_env(s, err);
    return rc ? rc : open_tables(s, err);
}

int spool_open(struct spool **out, const struct spool_options *options, struct ds_error *err)
{
    *out = NULL;
    if (!options->read_only && (options->max_size == 0 || options->max_size > (uint64_t)1 << 44))
        return error_set(err, DS_EUSAGE, "spool.max_size must be between 1 B and 16 TiB");
    struct spool *s = calloc(1, sizeof *s);
    if (!s)
        return error_set(err, DS_ENOMEM, "out of memory");
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&s->mutex, NULL);
    pthread_cond_init(&s->changed, &attr);
    pthread_condattr_destroy(&attr);
    s->options = *options;
    s->path = strdup(options->path);
    s->options.path = s->path;
    spool_writer_init(&s->w);
    spool_consumer_init(&s->c);
    int rc = s->path ? open_store(s, err) : error_set(err, DS_ENOMEM, "out of memory");
    if (rc) {
        spool_close(s);
        return rc;
    }
    *out = s;
    return 0;
}

void spool_close(struct spool *s)
{
    if (!s)
        return;
    spool_consumer_free(&s->c);
    spool_writer_free(&s->w);
    if (s->env)
        mdb_env_close(s->env);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->mutex);
    free(s->path);
    free(s);
}

int spool_lock(struct spool *s, const char *name, int *fd, struct ds_error *err)
{
    if (*fd >= 0)
        return 0;
    char *path = file_in(s, name), text[32] = "";
    if (!path)
        return error_set(err, DS_ENOMEM, "out of memory");
    int rc = 0, f = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (f < 0) {
        rc = error_set(err, DS_EIO, "cannot open %s: %s", path, strerror(errno));
    } else if (flock(f, LOCK_EX | LOCK_NB)) {
        if (errno != EWOULDBLOCK) {
            rc = error_set(err, DS_EIO, "cannot lock %s: %s", path, strerror(errno));
        } else {
            if (read_line(path, text, sizeof text))
                text[0] = 0;
            rc = error_set(err, DS_EBUSY,
                           "another datasync (process %s) holds %s; stop it, or give this one "
                           "another name",
                           *text ? text : "unknown", path);
        }
    } else {
        int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
        if (ftruncate(f, 0) || pwrite(f, text, (size_t)n, 0) != n)
            log_warn("cannot write the process id path=%s", path); /* it is for people only */
        *fd = f;
    }
    if (rc && f >= 0)
        close(f);
    free(path);
    return rc;
}

void spool_wake(struct spool *s)
{
    pthread_mutex_lock(&s->mutex);
    s->woken = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->mutex);
}

/* --- state -------------------------------------------------------------- */

int spool_get_position(struct spool *s, MDB_txn *txn, const char *key, size_t skip, bool *found,
                       struct position *out, struct ds_error *err)
{
    MDB_val v;
    int rc = spool_get_bytes(s, txn, key, &v, found, err);
    if (rc || v.mv_size <= skip)
        return rc;
    char *text = strndup((const char *)v.mv_data + skip, v.mv_size - skip);
    if (!text)
        return error_set(err, DS_ENOMEM, "out of memory");
    rc = position_parse(out, text, err);
    free(text);
    return rc;
}

static int number_of(struct spool *s, MDB_txn *txn, const char *key, uint64_t *out,
                     struct ds_error *err)
{
    return spool_get_record(s, txn, key, out, sizeof *out, err);
}

static int state_fill(struct spool *s, MDB_txn *txn, struct spool_state *out, struct ds_error *err)
{
    struct store_record store;
    struct tail_record tail;
    struct head_record head;
    MDB_val v, k;
    uint64_t waits;
    bool found;
    int rc = spool_get_record(s, txn, "store", &store, sizeof store, err);
    if (rc == 0)
        rc = spool_get_record(s, txn, "tail", &tail, sizeof tail, err);
    if (rc == 0)
        rc = spool_get_record(s, txn, "head", &head, sizeof head, err);
    if (rc == 0)
        rc = spool_get_position(s, txn, "applied", 0, &out->applier_known, &out->applied, err);
    if (rc == 0)
        rc = spool_get_position(s, txn, "base", 0, &found, &out->base, err);
    if (rc == 0)
        rc = spool_get_position(s, txn, "tail", sizeof tail, &found, &out->tail, err);
    if (rc == 0)
        rc = number_of(s, txn, "request", &out->request, err);
    if (rc == 0)
        rc = number_of(s, txn, "done", &out->request_done, err);
    if (rc == 0)
        rc = number_of(s, txn, "waits", &waits, err);
    if (rc == 0)
        rc = number_of(s, txn, "resets", &out->resets, err);
    if (rc == 0)
        rc = spool_get_bytes(s, txn, "source", &v, &found, err);
    if (rc)
        return rc;
    snprintf(out->source_id, sizeof out->source_id, "%.*s", (int)v.mv_size,
             found ? (const char *)v.mv_data : "");
    out->applied_none = out->applier_known && position_empty(&out->applied);
    out->tail_known = tail.known && !head.torn;
    out->generation = store.generation;
    out->writer_waits = waits == tail.next_seq;
    out->bytes = tail.put_bytes - head.gone_bytes;
    out->first_seq = out->next_seq = tail.next_seq;
    MDB_cursor *cursor;
    rc = mdb_cursor_open(txn, s->chunks, &cursor);
    if (rc)
        return spool_fail(s, err, rc, "reading");
    rc = mdb_cursor_get(cursor, &k, &v, MDB_FIRST);
    if (rc == 0)
        memcpy(&out->first_seq, k.mv_data, sizeof out->first_seq);
    mdb_cursor_close(cursor);
    return rc && rc != MDB_NOTFOUND ? spool_fail(s, err, rc, "reading") : 0;
}

int spool_state_get(struct spool *s, struct spool_state *out, struct ds_error *err)
{
    MDB_txn *txn = NULL;
    memset(out, 0, sizeof *out);
    int rc = spool_begin_read(s, &txn, err);
    if (rc)
        return rc;
    rc = state_fill(s, txn, out, err);
    mdb_txn_abort(txn);
    if (rc)
        spool_state_free(out);
    return rc;
}

void spool_state_free(struct spool_state *st)
{
    position_free(&st->applied);
    position_free(&st->base);
    position_free(&st->tail);
    memset(st, 0, sizeof *st);
}
