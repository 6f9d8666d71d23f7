/* Groups and positions; rows are in capture_rows.c, statements in capture_query.c. */
#include "agent/capture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "agent/capture_state.h"
#include "schema/log.h"

enum { EVENT_ARTIFICIAL = 0x20 };
enum { /* flags of MariaDB's GTID event */
       GTID_STANDALONE = 1,
       GTID_TRANSACTIONAL = 4,
       GTID_DDL = 32,
       GTID_PREPARED_XA = 64,
       GTID_COMPLETED_XA = 128,
};
enum { GTID_START_ALTER = 2, GTID_ROLLBACK_ALTER = 8 }; /* extra flags, from 10.8 */
#define DEFINITIONS_AGAIN_AFTER (64ull << 20)           /* bytes of messages */

static struct slice text_slice(const char *text)
{
    return (struct slice){(const uint8_t *)text, strlen(text)};
}

int capture_no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for the capture of changes");
}

/* --- handing out ---------------------------------------------------------- */

int capture_put(struct capture *c, const struct buf *message, struct ds_error *err)
{
    c->epoch_bytes += message->len;
    return c->options.sink.put(c->options.sink.arg, message->data, message->len, err);
}

/* Messages of a group, once each: those that were handed out before the connection was lost are
 * swallowed, but must be the same; but for keys that were looked up, which may be told better by
 * then. */
static int put_counted(struct capture *c, const struct buf *message, struct ds_error *err)
{
    struct group *g = &c->group;
    g->handed_out++;
    size_t head = message == &c->message ? c->looked_up_at : 0, key = head ? c->key.len : 0;
    g->hash = XXH3_64bits_withSeed(message->data, head, g->hash);
    g->hash = XXH3_64bits_withSeed(message->data + head + key, message->len - head - key, g->hash);
    c->looked_up_at = 0;
    if (c->resume_left == 0)
        return capture_put(c, message, err);
    if (--c->resume_left > 0 || g->hash == c->resume_hash)
        return 0;
    c->diverged = true;
    return error_set(err, DS_EPOSITION,
                     "the source sends other changes for a transaction that was half read before "
                     "the connection was lost");
}

/* Definitions must not be further back than the begin of the transaction that uses them: what is
 * before it may be gone when a reader comes. `len`: of the begin message, about to be put. */
static void new_epoch(struct capture *c, size_t len)
{
    const struct capture_sink *sink = &c->options.sink;
    uint64_t place = sink->place ? sink->place(sink->arg, len) : 0;
    if (place != c->epoch_place || c->epoch_bytes >= DEFINITIONS_AGAIN_AFTER)
        capture_resend_tables(c);
    c->epoch_place = place;
}

int capture_begin(struct capture *c, struct ds_error *err)
{
    struct group *g = &c->group;
    if (g->begun || g->skip)
        return 0;
    char gtid[128];
    capture_print_gtid(&g->gtid, gtid, sizeof gtid);
    g->begun = true;
    c->pending = false; /* this group's commit tells a later position */
    c->last_gtid[0] = 0;
    buf_clear(&c->begin);
    struct msg_begin m = {.gtid = text_slice(gtid),
                          .timestamp = g->time,
                          .server_id = g->server_id,
                          .flags = g->flags};
    if (message_write_begin(&c->begin, &m))
        return capture_no_memory(err);
    new_epoch(c, c->begin.len);
    return put_counted(c, &c->begin, err);
}

int capture_emit(struct capture *c, struct ds_error *err)
{
    if (c->group.skip)
        return 0;
    int rc = capture_begin(c, err);
    return rc ? rc : put_counted(c, &c->message, err);
}

void capture_resend_tables(struct capture *c)
{
    c->epoch++;
    c->epoch_bytes = 0;
}

/* --- groups --------------------------------------------------------------- */

static bool group_skipped(struct capture *c)
{
    struct group *g = &c->group;
    if (!c->skip_on)
        return false;
    if (c->skip_time && g->time < c->skip_time)
        return true;
    c->skip_time = 0; /* later groups are wanted, whatever their time says */
    if (c->skip_to.gtid.count)
        return g->gtid.flavour && gtid_set_contains(&c->skip_to.gtid, &g->gtid);
    if (!c->skip_to.file.file[0])
        return c->skip_on = false;
    struct file_position start = {.pos = c->event_start};
    memcpy(start.file, c->file, sizeof start.file);
    c->skip_on = file_position_compare(&start, &c->skip_to.file) < 0;
    return c->skip_on;
}

/* Field by field: what lies between them is not always the same. */
static bool same_gtid(const struct gtid *a, const struct gtid *b)
{
    return a->flavour == b->flavour && a->domain == b->domain && a->server == b->server &&
           a->seq == b->seq && memcmp(a->uuid, b->uuid, sizeof a->uuid) == 0 &&
           strcmp(a->tag, b->tag) == 0;
}

static int open_group(struct capture *c, const struct gtid *gtid, uint64_t time,
                      const struct event_header *header, struct ds_error *err)
{
    struct group *g = &c->group;
    memset(g, 0, sizeof *g);
    if (c->stop_time && time > c->stop_time) {
        c->stopped = true;
        return 0;
    }
    g->open = true;
    g->server_id = header->server_id;
    g->time = time;
    if (gtid)
        g->gtid = *gtid;
    if (g->gtid.flavour == GTID_NONE && c->gtid_complete) {
        c->gtid_complete = false; /* not every transaction is numbered: a set says nothing */
        gtid_set_free(&c->at.gtid);
    }
    g->skip = group_skipped(c);
    if (c->resuming) {
        c->resuming = false;
        if (!same_gtid(&g->gtid, &c->resume_gtid)) {
            c->diverged = true;
            return error_set(err, DS_EPOSITION,
                             "the source does not go on with the transaction that was half read "
                             "before the connection was lost");
        }
    }
    return 0;
}

int capture_open_group(struct capture *c, const struct event_header *header, struct ds_error *err)
{
    if (c->group.open || c->stopped)
        return 0;
    return open_group(c, NULL, header->timestamp, header, err);
}

static int on_gtid(struct capture *c, const struct event *ev, struct ds_error *err)
{
    const struct gtid_event *g = &ev->gtid;
    if (c->group.open)
        return error_set(err, DS_EFORMAT, "a transaction begins before the one before it ended");
    uint64_t time =
        g->immediate_commit_time ? g->immediate_commit_time / 1000000 : ev->header.timestamp;
    int rc = open_group(c, &g->gtid, time, &ev->header, err);
    if (rc || c->stopped)
        return rc;
    if (g->gtid.flavour != GTID_MARIADB)
        return 0;
    c->group.mariadb = true;
    c->group.standalone = g->flags & GTID_STANDALONE;
    c->group.flags = (g->flags & GTID_STANDALONE ? BEGIN_STANDALONE : 0u) |
                     (g->flags & GTID_DDL ? BEGIN_DDL : 0u) |
                     (g->flags & GTID_TRANSACTIONAL ? 0u : BEGIN_NONTRANSACTIONAL) |
                     (g->flags & GTID_PREPARED_XA ? BEGIN_XA_PREPARE : 0u) |
                     (g->flags & GTID_COMPLETED_XA ? BEGIN_XA_COMPLETE : 0u);
    c->group.alter_announced = g->extra_flags & (GTID_START_ALTER | GTID_ROLLBACK_ALTER);
    return 0;
}

/* Is the place in the file past the position? A dump may begin with the head of a file. */
static bool ahead(const struct capture *c)
{
    if (!c->at.file.file[0])
        return true;
    struct file_position now = {.pos = c->offset};
    memcpy(now.file, c->file, sizeof now.file);
    return file_position_compare(&now, &c->at.file) > 0;
}

static void file_moved(struct capture *c)
{
    if (!c->file[0])
        return;
    if (!c->file_current) {
        memcpy(c->at.file.file, c->file, sizeof c->at.file.file);
        c->file_current = true;
    }
    c->at.file.pos = c->offset;
}

static void check_stop(struct capture *c)
{
    if (c->stop_on && !c->stopped && position_reached(&c->stop_at, &c->at))
        c->stopped = true;
}

/* Write begin (if there was no content) and commit at c->at, and tell the sink. */
static int put_commit(struct capture *c, uint64_t time, uint32_t server, uint32_t flags,
                      struct ds_error *err)
{
    buf_clear(&c->set_text);
    buf_clear(&c->message);
    if (c->gtid_complete && capture_print_set(&c->at.gtid, &c->set_text))
        return capture_no_memory(err);
    struct msg_commit m = {.flags = flags,
                           .timestamp = time,
                           .server_id = server,
                           .gtid_set = {c->set_text.data, c->set_text.len},
                           .file = text_slice(c->at.file.file),
                           .pos = c->at.file.pos};
    if (message_write_commit(&c->message, &m))
        return capture_no_memory(err);
    int rc = capture_put(c, &c->message, err);
    if (rc == 0 && c->options.sink.mark)
        rc = c->options.sink.mark(c->options.sink.arg, &c->at, m.gtid_set, err);
    return rc;
}

/* Close the group. `known`: it is part of the source's history now. */
static int close_group(struct capture *c, uint64_t time, bool rollback, bool known,
                       struct ds_error *err)
{
    struct group *g = &c->group;
    int rc = c->mapped_count ? capture_end_statement(c, err) : 0;
    if (rc)
        return rc;
    if (c->resume_left > 0) {
        c->diverged = true;
        return error_set(err, DS_EPOSITION,
                         "a transaction that was half read before the connection was lost is "
                         "shorter now");
    }
    if (known && c->gtid_complete && g->gtid.flavour && gtid_set_add(&c->at.gtid, &g->gtid))
        return error_set(err, DS_EPOSITION,
                         "the source sends GTIDs of another kind than the position has");
    if (!g->skip || ahead(c))
        file_moved(c);
    c->counts.transactions++;
    c->counts.time = time;
    if (g->begun) {
        rc = put_commit(c, time, g->server_id, rollback ? COMMIT_ROLLBACK : 0, err);
    } else if (!g->skip) {
        c->pending = true;
        c->last_server = g->server_id;
        capture_print_gtid(&g->gtid, c->last_gtid, sizeof c->last_gtid);
    }
    memset(g, 0, sizeof *g);
    check_stop(c);
    return rc;
}

int capture_end_group(struct capture *c, const struct event_header *header, bool rollback,
                      struct ds_error *err)
{
    if (c->stopped)
        return 0;
    if (!c->group.open)
        return error_set(err, DS_EFORMAT, "a transaction ends that did not begin");
    return close_group(c, header->timestamp, rollback, true, err);
}

int capture_flush(struct capture *c, struct ds_error *err)
{
    if (!c->pending || c->group.begun || c->resuming)
        return 0;
    buf_clear(&c->message);
    c->pending = false;
    if (message_write_begin(&c->message, &(struct msg_begin){.gtid = text_slice(c->last_gtid),
                                                             .timestamp = c->counts.time,
                                                             .server_id = c->last_server}))
        return capture_no_memory(err);
    int rc = capture_put(c, &c->message, err);
    return rc ? rc : put_commit(c, c->counts.time, c->last_server, 0, err);
}

void capture_announce(struct capture *c)
{
    c->pending = true;
}

/* --- positions ------------------------------------------------------------ */

/* Advance over an event of the file. */
static void track(struct capture *c, const struct event_header *h)
{
    c->event_start = c->offset;
    if (h->flags & EVENT_ARTIFICIAL || h->type == EV_HEARTBEAT || h->type == EV_HEARTBEAT_V2)
        return;
    if (h->next_pos) {
        uint64_t next = (c->offset & ~(uint64_t)UINT32_MAX) | h->next_pos;
        if (next < c->offset) /* the 32 bits wrapped */
            next += (uint64_t)UINT32_MAX + 1;
        c->offset = next;
        c->event_start = next >= h->length ? next - h->length : 0;
    } else if (h->type != EV_FORMAT_DESCRIPTION) { /* 0 there: sent again, is not at this place */
        c->offset += h->length;
    }
}

/* An event between groups moves the position within the file, too: a stop position may be behind
 * it. */
static void track_outside(struct capture *c, const struct event_header *h)
{
    if (c->group.open || h->flags & EVENT_ARTIFICIAL || !c->file[0] || c->stopped)
        return;
    if (!ahead(c))
        return;
    file_moved(c);
    c->pending = true;
    check_stop(c);
}

static int on_rotate(struct capture *c, const struct event *ev, struct ds_error *err)
{
    struct slice name = ev->rotate.file;
    if (name.len == 0 || name.len >= sizeof c->file)
        return error_set(err, DS_EFORMAT, "a ROTATE event names a file of %zu bytes", name.len);
    memset(c->file, 0, sizeof c->file);
    memcpy(c->file, name.p, name.len);
    c->file_current = strcmp(c->file, c->at.file.file) == 0;
    c->offset = ev->rotate.pos;
    c->mapped_count = 0;
    decoder_drop_maps(c->decoder);
    track_outside(c, &ev->header);
    return 0;
}

/* A new file. An open group was cut short by a crash of the source: what can be rolled back, was.
 */
static int on_format(struct capture *c, const struct event *ev, struct ds_error *err)
{
    c->mapped_count = 0;
    if (!c->group.open)
        return 0;
    log_warn("transaction was cut short at the source, rolled back file=%s", c->file);
    return close_group(c, ev->header.timestamp, true, false, err);
}

/* Has everything been read that the server had written before this file? */
static int check_follows(const struct capture *c, const struct gtid_set *before,
                         struct ds_error *err)
{
    BUF_AUTO struct buf head = {0}, end = {0};
    if (!c->options.whole_files || gtid_set_subset(before, &c->at.gtid))
        return 0;
    if (gtid_set_print(before, &head) || gtid_set_print(&c->at.gtid, &end))
        return capture_no_memory(err);
    return error_set(
        err, DS_EPOSITION,
        "binlog %s begins after %.300s, but what was read before it ends at %.300s: a "
        "file is missing, or was cut short when it was copied; give all of them, whole",
        c->file, buf_cstr(&head), buf_cstr(&end));
}

/* The state at the head of a file. MariaDB also sends artificial lists while it looks for
 * the start. */
static int on_gtid_list(struct capture *c, const struct event *ev, struct ds_error *err)
{
    if (ev->header.flags & EVENT_ARTIFICIAL || c->group.open)
        return 0;
    if (c->gtid_complete)
        return check_follows(c, ev->previous_gtids, err);
    gtid_set_free(&c->at.gtid);
    if (gtid_set_copy(&c->at.gtid, ev->previous_gtids))
        return capture_no_memory(err);
    c->gtid_complete = true;
    return 0;
}

/* --- events --------------------------------------------------------------- */

static int on_payload(struct capture *c, const struct event *ev, struct ds_error *err)
{
    struct slice left = ev->payload.events;
    while (left.len > 0 && !c->stopped) {
        struct event_header header;
        struct event inner;
        int rc = decoder_header(left, &header, err);
        if (rc)
            return rc;
        if (header.length > left.len)
            return error_set(err, DS_EFORMAT, "an event of a transaction payload is cut short");
        rc = decoder_event(c->decoder, (struct slice){left.p, header.length}, true, &inner, err);
        if (rc == 0 && inner.header.type == EV_TRANSACTION_PAYLOAD)
            rc = error_set(err, DS_EFORMAT, "a transaction payload within another");
        if (rc)
            return rc;
        inner.header.flags |= EVENT_ARTIFICIAL; /* has no place of its own in the file */
        rc = capture_event(c, &inner, err);
        if (rc)
            return rc;
        left.p += header.length;
        left.len -= header.length;
    }
    return 0;
}

static int dispatch(struct capture *c, struct event *ev, struct ds_error *err)
{
    switch (ev->header.type) {
    case EV_GTID:
    case EV_GTID_LOG:
    case EV_GTID_TAGGED:
    case EV_ANONYMOUS_GTID:
        return on_gtid(c, ev, err);
    case EV_TABLE_MAP:
        return capture_table_map(c, ev, err);
    case EV_WRITE_ROWS_V1:
    case EV_UPDATE_ROWS_V1:
    case EV_DELETE_ROWS_V1:
    case EV_WRITE_ROWS:
    case EV_UPDATE_ROWS:
    case EV_DELETE_ROWS:
    case EV_PARTIAL_UPDATE_ROWS:
    case EV_WRITE_ROWS_COMPRESSED_V1:
    case EV_UPDATE_ROWS_COMPRESSED_V1:
    case EV_DELETE_ROWS_COMPRESSED_V1:
    case EV_WRITE_ROWS_COMPRESSED:
    case EV_UPDATE_ROWS_COMPRESSED:
    case EV_DELETE_ROWS_COMPRESSED:
        return capture_rows(c, ev, err);
    case EV_XID:
        return capture_end_group(c, &ev->header, false, err);
    case EV_QUERY:
    case EV_QUERY_COMPRESSED:
        return capture_query(c, ev, err);
    case EV_XA_PREPARE:
        return capture_xa_prepare(c, ev, err);
    case EV_TRANSACTION_PAYLOAD:
        return on_payload(c, ev, err);
    case EV_ROTATE:
        return on_rotate(c, ev, err);
    case EV_FORMAT_DESCRIPTION:
        return on_format(c, ev, err);
    case EV_GTID_LIST:
    case EV_PREVIOUS_GTIDS:
        return on_gtid_list(c, ev, err);
    case EV_BEGIN_LOAD_QUERY:
    case EV_APPEND_BLOCK:
    case EV_EXECUTE_LOAD_QUERY:
    case EV_DELETE_FILE:
    case EV_LOAD:
    case EV_NEW_LOAD:
    case EV_CREATE_FILE:
    case EV_EXEC_LOAD:
        return c->group.skip ? 0
                             : error_set(err, DS_EUNSUPPORTED,
                                         "the binlog holds a LOAD DATA in statement format; set "
                                         "binlog_format=ROW on the source, globally and in every "
                                         "session, then copy again with --resnapshot");
    default: /* the decoder has refused what must not be passed over */
        return 0;
    }
}

int capture_event(struct capture *c, struct event *ev, struct ds_error *err)
{
    if (c->stopped)
        return 0;
    track(c, &ev->header);
    int rc = dispatch(c, ev, err);
    if (rc == 0 && !c->group.open)
        track_outside(c, &ev->header);
    return rc;
}

int capture_bytes(struct capture *c, struct slice bytes, struct ds_error *err)
{
    struct event ev;
    c->counts.bytes += bytes.len;
    int rc = decoder_event(c->decoder, bytes, false, &ev, err);
    if (rc) /* so that the position names this event */
        c->event_start = c->offset;
    else
        rc = capture_event(c, &ev, err);
    if (rc && err && !err->position[0]) {
        char gtid[128];
        capture_print_gtid(&c->group.gtid, gtid, sizeof gtid);
        snprintf(err->position, sizeof err->position, "%s%s%sfile=%.120s:%llu",
                 gtid[0] ? "gtid=" : "", gtid, gtid[0] ? " " : "", c->file,
                 (unsigned long long)c->event_start);
    }
    return rc;
}

/* --- life ----------------------------------------------------------------- */

int capture_new(struct capture **out, const struct capture_options *options, struct ds_error *err)
{
    *out = NULL;
    struct capture *c = calloc(1, sizeof *c);
    if (!c)
        return capture_no_memory(err);
    c->options = *options;
    c->epoch = 1;
    c->tables = (struct tables){.catalogue = options->catalogue,
                                .roots = options->roots,
                                .masker = options->masker,
                                .filter = options->filter,
                                .parents = options->parents,
                                .database = options->database,
                                .prefix = options->prefix,
                                .fold_case = options->fold_case,
                                .history = options->history,
                                .next_id = 1};
    int rc = decoder_new(&c->decoder, options->max_event, err);
    if (rc) {
        free(c);
        return rc;
    }
    decoder_verify_checksum(c->decoder, !options->no_checksums);
    *out = c;
    return 0;
}

void capture_free(struct capture *c)
{
    if (!c)
        return;
    decoder_free(c->decoder);
    tables_free(&c->tables);
    position_free(&c->at);
    position_free(&c->skip_to);
    position_free(&c->stop_at);
    buf_free(&c->set_text);
    buf_free(&c->message);
    buf_free(&c->begin);
    buf_free(&c->before);
    buf_free(&c->key);
    free(c->links);
    buf_free(&c->after);
    buf_free(&c->masked);
    arena_free(&c->arena);
    free(c->mapped);
    free(c->columns);
    free(c->columns_after);
    free(c);
}

/* Nothing is known of the connection's place in a file until it says so. */
static void forget_stream(struct capture *c)
{
    memset(c->file, 0, sizeof c->file);
    c->file_current = false;
    c->offset = c->event_start = 0;
    c->mapped_count = 0;
    decoder_drop_maps(c->decoder);
}

int capture_start(struct capture *c, const struct position *p, bool gtid_complete,
                  struct ds_error *err)
{
    struct position copy = {0};
    if (p && position_copy(&copy, p))
        return capture_no_memory(err);
    position_free(&c->at);
    c->at = copy;
    c->gtid_complete = gtid_complete || copy.gtid.count > 0;
    memset(&c->group, 0, sizeof c->group);
    c->pending = c->resuming = c->diverged = c->stopped = false;
    c->resume_left = 0;
    forget_stream(c);
    capture_resend_tables(c);
    check_stop(c);
    return 0;
}

void capture_resume(struct capture *c)
{
    struct group *g = &c->group;
    if (g->open && g->handed_out) {
        c->resuming = true;
        c->resume_gtid = g->gtid;
        /* lost again before the old place was reached: what was to be swallowed still is */
        if (c->resume_left == 0) {
            c->resume_hash = g->hash;
            c->resume_left = g->handed_out;
        } else {
            c->resume_left += g->handed_out;
        }
    } else if (c->resume_left) {
        c->resuming = true;
    }
    memset(g, 0, sizeof *g);
    forget_stream(c);
    /* a set that was being learned on the way to a place in a file is not that of the place */
    if (c->skip_on && c->skip_to.file.file[0] && !c->skip_to.gtid.count) {
        gtid_set_free(&c->at.gtid);
        c->gtid_complete = false;
        c->at.file = c->skip_to.file;
    }
}

bool capture_diverged(const struct capture *c)
{
    return c->diverged;
}

int capture_skip(struct capture *c, const struct position *p, uint64_t time, struct ds_error *err)
{
    position_free(&c->skip_to);
    if (p && position_copy(&c->skip_to, p))
        return capture_no_memory(err);
    c->skip_time = time;
    c->skip_on = time || (p && !position_empty(p));
    return 0;
}

int capture_stop_at(struct capture *c, const struct position *p, uint64_t time,
                    struct ds_error *err)
{
    position_free(&c->stop_at);
    if (p && position_copy(&c->stop_at, p))
        return capture_no_memory(err);
    c->stop_on = p != NULL;
    c->stop_time = time;
    c->stopped = false;
    if (!c->group.open)
        check_stop(c);
    return 0;
}

bool capture_stopped(const struct capture *c)
{
    return c->stopped;
}

int capture_file(struct capture *c, const char *file, uint64_t offset, struct ds_error *err)
{
    size_t len = strlen(file);
    if (len >= sizeof c->file)
        return error_set(err, DS_EUSAGE, "the binlog file name is too long: %.100s…", file);
    if (strcmp(c->file, file) != 0) {
        memset(c->file, 0, sizeof c->file);
        memcpy(c->file, file, len);
        c->file_current = strcmp(c->file, c->at.file.file) == 0;
    }
    c->offset = offset;
    return 0;
}

const struct position *capture_position(const struct capture *c)
{
    return &c->at;
}

bool capture_gtid_complete(const struct capture *c)
{
    return c->gtid_complete;
}

const char *capture_file_read(const struct capture *c)
{
    return c->file;
}

bool capture_in_group(const struct capture *c)
{
    return c->group.open;
}

struct capture_counts capture_counts(const struct capture *c)
{
    return c->counts;
}

uint64_t capture_missing_names(const struct capture *c)
{
    return c->tables.missing_names;
}
