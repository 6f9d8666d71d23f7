/* Inside of the spool: what spool.c, spool_write.c, spool_read.c and spool_request.c share. Nobody
 * else includes it.
 *
 * LMDB holds two tables. "chunks": chunk number → struct chunk_head and whole messages, or a part
 * of one. "state": the records below by name; each is written by one side only, so neither
 * overwrites what the other has just said:
 *
 *   store    struct store_record     writer
 *   tail     struct tail_record, text of the tail position      writer
 *   source   source id               writer
 *   waits    next_seq at which the writer waits for room        writer
 *   base     text of a position      writer (reset), then consumer (trim)
 *   head     struct head_record      consumer; writer at reset
 *   applied  text of a position, or "" for no checkpoint        consumer
 *   done     number of the newest finished request              agent
 *   r…       number (big-endian, so that they are in order) → text of a request    consumer
 *
 * Beside LMDB's files: writer.lock, consumer.lock; open.lock (held while opening); boot ("durable",
 * or the boot during which it was last written without syncing, in a file of its own because an
 * unsynced LMDB file cannot be trusted, not even to be opened, after the machine went down).
 */
#ifndef SCHEMA_SPOOL_STORE_H
#define SCHEMA_SPOOL_STORE_H

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>

#include "schema/spool.h"

enum {
    SPOOL_FORMAT = 1,
    CHUNK_VALUE = 16 * 4096 - 16, /* fills sixteen pages of LMDB behind its page head */
    COMMIT_CHUNKS = 64,           /* 4 MiB */
    FIRST_CHUNKS = 2, /* … of the first commit; each is twice as large as the one before */
};
#define SPOOL_MAGIC 0x4c505344u /* "DSPL" */

enum chunk_part { CHUNK_WHOLE, CHUNK_FIRST, CHUNK_MORE };
struct chunk_head {
    uint32_t part;  /* enum chunk_part */
    uint32_t parts; /* CHUNK_FIRST: chunks of this one message, itself included */
};
enum { CHUNK_PAYLOAD = CHUNK_VALUE - (int)sizeof(struct chunk_head) };

struct store_record {
    uint32_t magic;
    uint16_t format, message_version;
    uint64_t generation;
};
struct tail_record {
    uint64_t next_seq;
    uint64_t whole_seq, whole_off; /* whole transactions end before this byte of this chunk */
    uint64_t put_bytes;            /* payload since the store began */
    uint64_t known;                /* a position follows */
};
struct head_record {
    uint64_t gone_bytes; /* payload removed since the store began */
    uint64_t torn;       /* removed chunks that belong to an uncommitted destination transaction */
};

/* A chunk in the writer's buffer. */
struct pending_chunk {
    size_t end; /* in data; it starts where the one before ends */
    struct chunk_head head;
};

struct spool_writer {
    int lock; /* -1: not open */
    uint8_t *data;
    size_t len;   /* bytes in data */
    size_t start; /* where the open chunk starts */
    struct pending_chunk chunks[COMMIT_CHUNKS];
    size_t count, limit;     /* closed chunks; commit at this many */
    size_t limit_most;       /* … in the end: the reader gets something to do at once */
    struct tail_record tail; /* as committed */
    /* newest mark, with the place in the buffer that it stands for */
    bool marked; /* since the last commit */
    size_t mark_chunk, mark_off;
    struct buf mark_gtid;
    char mark_file[512];
    uint64_t mark_pos;
    struct buf text;     /* tail record as it is stored */
    bool inside_message; /* parts of a long message are on their way: no wait for room */
    bool broken;         /* … and could not be stored: the store needs a cut */
    int (*waiting)(void *arg);
    void *waiting_arg;
    uint64_t readers_checked; /* ms */
    bool wait_told;           /* the store says that this writer waits */
    uint64_t waited_ms;       /* in this wait, for the callback and the check of readers */
    bool disk_full;           /* … which is for room on the disk */
    uint64_t disk_tell_ms;    /* when it has lasted so long, this is logged (again) */
};

struct spool_consumer {
    int lock; /* -1: not open */
    MDB_txn *txn;
    MDB_cursor *cursor;
    uint64_t next;       /* chunk to read */
    uint64_t generation; /* that it belongs to */
    bool torn;           /* wait for the next generation */
    bool trim_again;     /* a trim found no room on the disk */
    uint64_t trim_seq, trim_retry_at;
    struct buf trim_applied;
    bool trim_open; /* … without checkpoint */
};

struct spool {
    MDB_env *env;
    MDB_dbi chunks, state;
    char *path;
    struct spool_options options;
    struct spool_writer w;   /* writer's thread */
    struct spool_consumer c; /* consumer's thread */
    atomic_bool writer_here, consumer_here;
    atomic_size_t quiet_txn; /* transaction up to which there is no request */
    pthread_mutex_t mutex;   /* protects the three below */
    pthread_cond_t changed;
    uint64_t flushes, trims; /* of this process */
    bool woken;
};

/* Fill err from a code of LMDB or errno; DS_EIO mostly. DS_EFULL for what waiting can cure, without
 * text. */
int spool_fail(const struct spool *s, struct ds_error *err, int rc, const char *doing);
/* A result of ours; DS_EFULL, of what cannot wait, becomes DS_EIO in words. */
int spool_full(const struct spool *s, struct ds_error *err, int rc);
int spool_begin(struct spool *s, bool read_only, MDB_txn **out, struct ds_error *err);
/* A read transaction that sees all that is stored, also by a process that was killed as it
 * committed. *txn: NULL, or one that was reset; NULL again after an error. */
int spool_begin_read(struct spool *s, MDB_txn **txn, struct ds_error *err);
int spool_lock(struct spool *s, const char *name, int *fd, struct ds_error *err);
/* A record of fixed size, zero when it is not there yet. */
int spool_get_record(struct spool *s, MDB_txn *txn, const char *key, void *out, size_t size,
                     struct ds_error *err);
/* The bytes of a record; valid until the transaction ends. *found false: not there. */
int spool_get_bytes(struct spool *s, MDB_txn *txn, const char *key, MDB_val *out, bool *found,
                    struct ds_error *err);
int spool_put_bytes(struct spool *s, MDB_txn *txn, const char *key, const void *data, size_t size,
                    struct ds_error *err);
int spool_put_request(struct spool *s, MDB_txn *txn, const char *text, struct ds_error *err);
/* Those of this text are done. */
int spool_drop_requests(struct spool *s, MDB_txn *txn, const char *text, struct ds_error *err);
/* *found false: the record is not there; an empty one is an empty position. */
int spool_get_position(struct spool *s, MDB_txn *txn, const char *key, size_t skip, bool *found,
                       struct position *out, struct ds_error *err);
/* Was EIO a write that a full disk cut short? */
bool spool_short_write(struct spool *s, uint64_t pending);
int spool_lengthen(struct spool *s); /* an LMDB or system error */
/* The newest commit; a reader that begins now may not see it yet. */
uint64_t spool_last_txn(struct spool *s);
uint64_t spool_now_ms(void);
/* Wait on `changed` with the mutex held, at most ms. */
void spool_wait_locked(struct spool *s, uint64_t ms);

void spool_writer_init(struct spool_writer *w);
void spool_writer_free(struct spool_writer *w);
void spool_consumer_init(struct spool_consumer *c);
void spool_consumer_free(struct spool_consumer *c);

#endif
