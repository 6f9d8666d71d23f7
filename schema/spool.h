/* The spool: messages on their way from agent to applier, in LMDB.
 *
 * A bounded cache of the source's binlog, in the folder state_dir/NAME.spool. One writer (the
 * agent) and one consumer (the applier), in one process or in two; any number of
 * read-only observers (`dump`, `status`). One environment per process: open it once and share the
 * handle between threads; writer calls come from one thread, consumer calls from another one.
 *
 * Records are chunks of whole messages, up to 64 KiB each; a longer message is cut into several
 * values and put together again by the reader. A chunk never spans a flush. Each LMDB commit stores
 * with the chunks where the last whole transaction ends, so that a writer that died inside
 * a transaction is cut back there. Commits are not synced unless `durable`; a spool
 * written before the machine's last boot without `durable` is thrown away when it is opened for
 * writing.
 *
 * Bounded: stored bytes stay under max_size; spool_flush waits (backpressure) until the
 * consumer has trimmed enough. MDB_MAP_FULL and ENOSPC are backpressure, too. Dead readers are
 * cleared at open, each second while waiting. Local file systems only. A single message may be
 * longer than the store: it waits until the store is half empty and then goes beyond max_size.
 *
 * Chunk numbers only grow, also over resets. What was not flushed when the spool is closed is
 * dropped.
 */
#ifndef SCHEMA_SPOOL_H
#define SCHEMA_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"
#include "position.h"

struct spool;

struct spool_options {
    const char *path;  /* folder; created with mode 0700 */
    uint64_t max_size; /* bytes of messages */
    bool durable;      /* sync each commit */
    bool read_only;    /* observers: no lock taken, no recovery; max_size is not used */
};
/* DS_EAGAIN: read_only, and there is no spool (or it is from before the last boot). DS_EUSAGE: not
 * a local file system. DS_EFORMAT: of another version. DS_EIO. */
int spool_open(struct spool **out, const struct spool_options *options, struct ds_error *err);
void spool_close(struct spool *s);

/* What the applier has said, and what the store holds. */
struct spool_state {
    bool applier_known;           /* the applier has posted its checkpoint in this store */
    bool applied_none;            /* … and there is none: a snapshot (or `start`) is wanted */
    struct position applied;      /* its checkpoint */
    bool tail_known;              /* every message after base, up to tail, is here or was applied */
    struct position base;         /* moves with spool_trim; empty after a reset without one */
    struct position tail;         /* end of the last whole transaction */
    uint64_t first_seq, next_seq; /* chunk numbers; first == next: empty */
    uint64_t bytes;               /* stored */
    bool writer_waits;            /* for room: nothing more comes until something is trimmed */
    uint64_t generation;          /* changes when the writer resets the store, or cuts it back */
    uint64_t resets;              /* how often it was reset */
    uint64_t request;             /* number of the newest request of the applier, 0 none */
    uint64_t request_done;        /* newest request that the agent has finished */
    char source_id[80];           /* server_uuid or server_id@host of the source that filled it */
};
/* A snapshot of its own: a writer may have added to what spool_read has just found. A read_only
 * handle may not see the last commit of a killed process until somebody writes. */
int spool_state_get(struct spool *s, struct spool_state *out,
                    struct ds_error *err); /* free with spool_state_free */
void spool_state_free(struct spool_state *st);

/* --- writer ------------------------------------------------------------ */
/* Take the writer's lock (flock; DS_EBUSY), cut back to the last whole transaction. */
int spool_writer_open(struct spool *s, struct ds_error *err);
/* Throw everything away and start at `base` (NULL: unknown yet, a snapshot follows); requests for
 * "refetch" are done with that. `decided`: what the applier had said when this was decided, NULL if
 * that does not matter. DS_EAGAIN, and nothing is thrown away: it has said something else
 * meanwhile than that it has gone on from there. */
int spool_writer_reset(struct spool *s, const struct position *base, const char *source_id,
                       const struct spool_state *decided, struct ds_error *err);
/* Add one whole message. Buffers; commits by itself every 4 MiB. May wait for room: then `waiting`
 * (may be NULL) is called about every 100 ms with its argument, and returns non-zero to give up
 * (DS_ESTOPPED). */
int spool_put(struct spool *s, const void *message, size_t len, struct ds_error *err);
/* The number of the chunk in which a message of `len` bytes would begin if it were put now. A
 * reader may begin at the chunk in which a transaction that is not applied begins: what it needs to
 * know must be in that chunk or behind it. */
uint64_t spool_place(const struct spool *s, size_t len);
/* All messages so far end a whole transaction at `p`. Does not commit. Call it right after the last
 * message of the transaction, which must fit a chunk (a long one is committed at once). */
int spool_mark(struct spool *s, const struct position *p, struct ds_error *err);
/* The same from text, for each of many transactions: a GTID set as gtid_set_print gives it, a file
 * name and offset; either may be empty. Copied. */
int spool_mark_raw(struct spool *s, struct slice gtid_set, struct slice file, uint64_t pos);
/* Commit what is buffered, wake the consumer. Call when there is nothing more to read. */
int spool_flush(struct spool *s, struct ds_error *err);
void spool_on_wait(struct spool *s, int (*waiting)(void *arg), void *arg);
size_t spool_unflushed(const struct spool *s); /* bytes buffered */

/* --- consumer ---------------------------------------------------------- */
/* Post the checkpoint (NULL: there is none) so that the agent knows where to start; start reading
 * at the first chunk. Takes the consumer's lock (DS_EBUSY). */
int spool_consumer_open(struct spool *s, const struct position *applied, struct ds_error *err);
/* The same, and requests "refetch" in the same commit. *resets: how often the store was reset
 * before that; a later reset goes by this checkpoint. */
int spool_consumer_open_anew(struct spool *s, const struct position *applied, uint64_t *resets,
                             struct ds_error *err);
/* Copy the next chunk (whole messages) to `out` (cleared first). *seq: its number, for spool_trim.
 * *at_end: nothing more was stored when it was read. DS_EAGAIN: nothing there, with a writer that
 * was killed as much as with a living one: all that it had committed has been read (but a message
 * of which it had stored a part only, which the next writer cuts off). A generation change
 * is reported once as DS_EPOSITION; reading then goes on at the new first chunk. */
int spool_read(struct spool *s, struct buf *out, uint64_t *seq, bool *at_end, struct ds_error *err);
/* Wait until there is more to read, at most timeout_ms (-1: no limit); returns at once when
 * something is there. 0, or DS_EAGAIN after the time or spool_wake. Woken by the writer of the same
 * process at once, of another process within 5 ms. */
int spool_wait(struct spool *s, int timeout_ms);
/* Go back to the first stored chunk (after a rollback that must be read again). If chunks were
 * trimmed that are not applied, "refetch" is requested, and nothing is read until the agent has
 * reset the store (the same at spool_consumer_open). */
int spool_rewind(struct spool *s, struct ds_error *err);
/* All chunks up to and with seq are applied; `applied` is the new checkpoint. NULL: they are
 * in a destination transaction that is still open (one that does not fit the spool), or of a
 * snapshot that has not ended. */
int spool_trim(struct spool *s, uint64_t seq, const struct position *applied, struct ds_error *err);
/* Say what the agent needs to know beside the checkpoint, before or after spool_consumer_open, or
 * what it will when it starts again: a text of the caller's, which stays until the next one. */
enum spool_note {
    SPOOL_NOTE_APPLIED, /* by the applier: keys as of what it has applied */
    SPOOL_NOTE_FILTER,  /* by the applier: the fingerprint of its filter */
    SPOOL_NOTE_STORED,  /* by the agent: keys as of what it has stored */
    SPOOL_NOTE_LOG,     /* by the agent: the source's binlog file last read */
};
int spool_post(struct spool *s, enum spool_note note, const char *text, struct ds_error *err);
/* Ask the agent for something: text is "refetch" (reset the store at the applied position), "stale
 * TABLE[,TABLE]" or "enter TABLE KEY[,KEY]". */
int spool_request(struct spool *s, const char *text, struct ds_error *err);
/* Wake a consumer blocked in spool_wait (stop). Any thread. */
void spool_wake(struct spool *s);

/* --- agent's side of requests ------------------------------------------ */
/* The oldest unfinished request, "" and 0 when none: requests are served in order. Cheap when
 * nothing has changed. */
int spool_request_get(struct spool *s, struct buf *text, uint64_t *number, struct ds_error *err);
/* The same, of those behind request `after`. */
int spool_request_next(struct spool *s, uint64_t after, struct buf *text, uint64_t *number,
                       struct ds_error *err);
/* What was posted last; empty: nothing. */
int spool_posted(struct spool *s, enum spool_note note, struct buf *out, struct ds_error *err);
int spool_request_finish(struct spool *s, uint64_t number, struct ds_error *err);

/* --- observers --------------------------------------------------------- */
/* Read chunk `*seq` or the first one after it; sets *seq to what was read (the last one of a long
 * message). DS_EAGAIN at the end. Any thread. */
int spool_peek(struct spool *s, uint64_t *seq, struct buf *out, struct ds_error *err);

#endif
