/* The capture: binlog events in, messages out.
 *
 * Fed with whole events, from a server or a file, it follows event groups (transactions), keeps the
 * source position, picks out what concerns one database and hands messages to a sink. No I/O
 * of its own (but look-ups of `roots` and `masker`), one thread. Used by the agent, by replay and
 * by `dump
 * --file`.
 *
 * Position. A group counts once it has ended. The GTID set is kept by adding each group's GTID to a
 * set that was complete when the stream started (or that the head of a binlog file says); as long
 * as no complete set is known, only file and offset are told. Offsets are counted in 64 bits:
 * next_pos of an event has 32, and is 0 inside transactions on MariaDB 11.8.
 *
 * Groups without anything of ours write nothing; capture_flush then tells the position that they
 * moved to in one empty transaction.
 *
 * A lost connection. Events come again from the start of the group that was being read; what was
 * already handed out of it is not handed out again (capture_resume). Table definitions may be.
 */
#ifndef AGENT_CAPTURE_H
#define AGENT_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/binlog/binlog.h"
#include "agent/history.h"
#include "agent/masker.h"
#include "agent/parents.h"
#include "agent/roots.h"
#include "schema/catalogue.h"
#include "schema/error.h"
#include "schema/filter.h"
#include "schema/position.h"

struct capture_sink {
    void *arg;
    /* Take one whole message. */
    int (*put)(void *arg, const void *message, size_t len, struct ds_error *err);
    /* The piece of the store in which a message of `len` bytes would begin. A reader may begin at
     * any piece in which a transaction begins, so definitions are written again when it has
     * changed. May be NULL. */
    uint64_t (*place)(void *arg, size_t len);
    /* All messages so far end a whole transaction at `p`. gtid_set: its text, as in the commit
     * message. Both are valid during the call. May be NULL. */
    int (*mark)(void *arg, const struct position *p, struct slice gtid_set, struct ds_error *err);
    /* More is known of `parents`, by a statement whose message follows: keep it for the next start.
     * May be NULL. */
    int (*keep)(void *arg, struct ds_error *err);
};

struct capture_options {
    const struct catalogue *catalogue; /* may be NULL: everything is entity `table` */
    const struct filter *filter;       /* whose rows travel; NULL: those of all tables */
    const char *database;              /* NULL: all databases travel */
    const char *prefix;                /* of the shop's tables; may be NULL */
    bool fold_case;                    /* compare the database's name without case */
    uint64_t max_event;                /* bytes */
    bool no_checksums;                 /* do not verify CRC32 */
    bool whole_files;                  /* each file goes on where the one before it ended */
    const char *default_engine;        /* the source's default_storage_engine, for CREATE TABLE that
                                          names none; NULL or "": unknown. May change between calls */
    struct history *history;           /* may be NULL */
    struct parents *parents;           /* of the filter; may be NULL */
    struct roots *roots;               /* may be NULL: only keys that rows have are told */
    struct masker *masker;             /* NULL: values travel as they are */
    struct capture_sink sink;
};

struct capture_counts {
    uint64_t transactions; /* event groups that ended, empty ones too */
    uint64_t rows;         /* row events of ours: one per changed row */
    uint64_t bytes;        /* of events */
    uint64_t time;         /* commit time of the last group that ended, seconds */
};

struct capture;
int capture_new(struct capture **out, const struct capture_options *options, struct ds_error *err);
void capture_free(struct capture *c);
/* The stream goes on at `p` (NULL: nothing known yet) after a complete transaction. A GTID set in
 * it is complete; an empty one only if `gtid_complete`. Nothing is left of a group that was open;
 * definitions are written again. */
int capture_start(struct capture *c, const struct position *p, bool gtid_complete,
                  struct ds_error *err);
/* Groups up to `p`, and those that began before `time` (seconds, 0: none), only move the position.
 * `p` may have a GTID set or a file position, or be NULL. */
int capture_skip(struct capture *c, const struct position *p, uint64_t time, struct ds_error *err);
/* Where to end: at a position (NULL: nowhere), before the first group that is later than `time`
 * (0: none). */
int capture_stop_at(struct capture *c, const struct position *p, uint64_t time,
                    struct ds_error *err);
bool capture_stopped(const struct capture *c);
/* The connection was lost: events come again from capture_position. */
void capture_resume(struct capture *c);
/* The events that came after capture_resume are not those that were read before. */
bool capture_diverged(const struct capture *c);
/* The next events are of this file, from this offset on (reading files). */
int capture_file(struct capture *c, const char *file, uint64_t offset, struct ds_error *err);
/* One whole event. Errors name the position: DS_EFORMAT, DS_EUNSUPPORTED (statement format, an
 * unknown event, an incident), DS_ELIMIT, what the sink returns. After an error, only
 * capture_start, capture_resume or capture_free may follow. */
int capture_bytes(struct capture *c, struct slice event, struct ds_error *err);
/* The same, decoded by the caller (payload events: outer event only). For tests. */
int capture_event(struct capture *c, struct event *ev, struct ds_error *err);
/* Tell the position with the next capture_flush, even if no group has moved it. */
void capture_announce(struct capture *c);
/* Tell the position that empty groups have moved to, if any have. */
int capture_flush(struct capture *c, struct ds_error *err);
/* End of the last whole group. Valid until the next call. */
const struct position *capture_position(const struct capture *c);
/* The binlog file being read, "" unknown. */
const char *capture_file_read(const struct capture *c);
/* Does the position's GTID set hold everything before it (though it may be empty)? */
bool capture_gtid_complete(const struct capture *c);
/* Inside a group? Then the sink may have a part of it. */
bool capture_in_group(const struct capture *c);
/* Write every definition again before its next use (the store was reset). */
void capture_resend_tables(struct capture *c);
struct capture_counts capture_counts(const struct capture *c);
/* Tables of ours for which the source sent no column names and the history has none. */
uint64_t capture_missing_names(const struct capture *c);

#endif
