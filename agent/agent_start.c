/* Where the stream begins.
 *
 * The applier's checkpoint, posted in the spool, decides. What the spool holds is used if it is
 * from the same server and the checkpoint lies within it; else it is thrown away and the stream
 * begins at the checkpoint. Without a checkpoint: snapshot, or what `start` says.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent_state.h"
#include "agent/snapshot.h"
#include "agent/where_check.h"
#include "schema/log.h"

enum {
    XA_PATIENCE = 10,   /* seconds to wait for prepared transactions to end */
    LOOKUP_SECONDS = 2, /* that the stream waits for an answer at most */
};
#define SNAPSHOT_TABLE_IDS 0x20000000u /* ids of a snapshot's tables, apart from the stream's */

int agent_wait_applier(struct agent *a, struct ds_error *err)
{
    enum { LOOK_MS = 20 };
    for (;;) {
        struct spool_state st;
        int rc = spool_state_get(a->options.spool, &st, err);
        bool known = rc == 0 && st.applier_known;
        if (rc == 0)
            spool_state_free(&st);
        if (rc || known)
            return rc;
        agent_set_state(a, AGENT_WAITING_APPLIER, NULL);
        rc = agent_sleep(a, LOOK_MS);
        if (rc)
            return error_set(err, rc, "stopped while waiting for the applier");
    }
}

/* --- the capture ---------------------------------------------------------- */

static int sink_put(void *arg, const void *message, size_t len, struct ds_error *err)
{
    return spool_put(((struct agent *)arg)->options.spool, message, len, err);
}

static int sink_mark(void *arg, const struct position *p, struct slice gtid_set,
                     struct ds_error *err)
{
    struct slice file = {(const uint8_t *)p->file.file, strlen(p->file.file)};
    if (spool_mark_raw(((struct agent *)arg)->options.spool, gtid_set, file, p->file.pos))
        return error_set(err, DS_ENOMEM, "out of memory for a position");
    return 0;
}

static uint64_t sink_place(void *arg, size_t len)
{
    return spool_place(((struct agent *)arg)->options.spool, len);
}

static int open_history(struct agent *a, const struct position *at, struct ds_error *err)
{
    const struct config *c = a->options.config;
    if (a->dump.full_metadata || a->history || a->options.range || a->options.file_count)
        return 0;
    BUF_AUTO struct buf path = {0};
    if (buf_printf(&path, "%s/%s.history", c->state_dir, c->name))
        return error_set(err, DS_ENOMEM, "out of memory");
    return history_open(&a->history, buf_cstr(&path), c->source.database, at, err);
}

/* What one side leaves out the other would take for never changed. */
static int check_filter(struct agent *a, struct ds_error *err)
{
    char own[33];
    BUF_AUTO struct buf readable = {0}, posted = {0};
    int rc = spool_posted(a->options.spool, SPOOL_NOTE_FILTER, &posted, err);
    if (rc || !posted.len)
        return rc;
    if (filter_fingerprint_chosen(a->options.filter, own, &readable))
        return error_set(err, DS_ENOMEM, "out of memory for the filter");
    if (strcmp(own, buf_cstr(&posted)) == 0)
        return 0;
    return error_set(err, DS_EUSAGE,
                     "the filter (\"%s\") is not the one that the applier of this stream has: both "
                     "must have the same; start `datasync apply` first if it was changed there",
                     buf_cstr(&readable));
}

static int keep_parents(void *arg, struct ds_error *err)
{
    struct agent *a = arg;
    BUF_AUTO struct buf known = {0};
    if (parents_print(a->parents, &known))
        return error_set(err, DS_ENOMEM, "out of memory for foreign keys");
    return spool_post(a->options.spool, SPOOL_NOTE_STORED, buf_cstr(&known), err);
}

/* The tables that the filter leaves out and others refer to: as of the checkpoint the applier says,
 * as of what is stored beyond it this agent's earlier runs, since then the stream. Now may be later
 * than where the stream begins, but is all that is known when there is no checkpoint. */
static int open_parents(struct agent *a, struct ds_error *err)
{
    BUF_AUTO struct buf posted = {0};
    if (filter_is_all(a->options.filter))
        return 0;
    int rc = a->parents ? 0 : parents_new(&a->parents, a->options.filter, err);
    if (rc == 0)
        rc = spool_posted(a->options.spool, SPOOL_NOTE_APPLIED, &posted, err);
    if (rc == 0)
        rc = parents_parse(a->parents, buf_cstr(&posted), err);
    if (rc == 0)
        rc = spool_posted(a->options.spool, SPOOL_NOTE_STORED, &posted, err);
    if (rc == 0)
        rc = parents_parse(a->parents, buf_cstr(&posted), err);
    if (rc == 0 && a->dump.db)
        rc = parents_read(a->parents, a->dump.db, a->options.config->source.database, err);
    return rc ? rc : keep_parents(a, err);
}

int agent_masker_open(struct agent *a, bool copies, struct ds_error *err)
{
    if (a->masker || !filter_mask(a->options.filter))
        return 0;
    int rc = masker_new(&a->masker, a->options.filter, a->options.config, err);
    if (rc == 0)
        rc = masker_check(a->masker, copies, err);
    if (rc) {
        masker_free(a->masker);
        a->masker = NULL;
    }
    return rc;
}

int agent_capture_open(struct agent *a, const struct position *at, struct ds_error *err)
{
    const struct config *c = a->options.config;
    if (a->capture)
        return 0;
    int rc = open_history(a, at, err);
    if (rc == 0)
        rc = agent_masker_open(a, false, err);
    if (rc == 0)
        rc = open_parents(a, err);
    a->lookup = config_endpoint(c, true);
    a->lookup.connect_timeout = a->lookup.read_timeout = LOOKUP_SECONDS;
    if (rc == 0 && !a->roots)
        rc = roots_new(&a->roots, a->options.catalogue, c->source.prefix,
                       a->options.file_count ? NULL : &a->lookup, err);
    struct capture_options o = {
        .catalogue = a->options.catalogue,
        .filter = a->options.filter,
        .database = c->source.database,
        .prefix = c->source.prefix,
        .fold_case = a->dump.fold_case,
        .max_event = c->max_event,
        .default_engine = a->dump.default_engine,
        .whole_files = a->options.file_count > 0,
        .history = a->history,
        .parents = a->parents,
        .roots = a->roots,
        .masker = a->masker,
        .sink = {.arg = a,
                 .put = sink_put,
                 .place = sink_place,
                 .mark = sink_mark,
                 .keep = keep_parents},
    };
    return rc ? rc : capture_new(&a->capture, &o, err);
}

/* The stream goes on at `at`; reset: the spool starts anew there, if what the applier has said is
 * still so. */
static int begin_at(struct agent *a, const struct position *at, bool gtid_complete,
                    const struct spool_state *reset, struct ds_error *err)
{
    char text[600];
    int rc = reset ? spool_writer_reset(a->options.spool, at, a->source_id, reset, err) : 0;
    if (rc == 0)
        rc = agent_capture_open(a, at, err);
    if (rc == 0)
        rc = capture_start(a->capture, at, gtid_complete, err);
    if (rc == 0 && a->fresh && a->history)
        rc = history_clear(a->history, err);
    if (rc == 0 && a->history && a->copied.len)
        rc = history_define(a->history, (struct slice){a->copied.data, a->copied.len}, at, err);
    buf_free(&a->copied);
    if (rc == 0)
        log_info("stream begins at=\"%s\" store=%s", position_format(at, text, sizeof text),
                 reset ? "reset" : "kept");
    return rc;
}

/* --- without a checkpoint ------------------------------------------------- */

static bool snapshot_stop(void *arg)
{
    return agent_stopping(arg);
}

static int snapshot_defined(void *arg, const void *message, size_t len, struct ds_error *err)
{
    struct agent *a = arg;
    return buf_append(&a->copied, message, len) ? error_set(err, DS_ENOMEM, "out of memory") : 0;
}

static int snapshot_flush(void *arg, struct ds_error *err)
{
    return spool_flush(((struct agent *)arg)->options.spool, err);
}

static void snapshot_report(void *arg, const struct snapshot_progress *p)
{
    struct agent *a = arg;
    pthread_mutex_lock(&a->mutex);
    a->status.snapshot_tables_done = p->tables_done;
    a->status.snapshot_tables = p->tables;
    a->status.snapshot_rows = p->rows;
    a->status.snapshot_rows_estimate = p->rows_estimate;
    a->status.snapshot_bytes = p->bytes;
    snprintf(a->status.snapshot_table, sizeof a->status.snapshot_table, "%s",
             p->table ? p->table : "");
    pthread_mutex_unlock(&a->mutex);
}

static bool snapshot_wants(void *arg, const char *table)
{
    const struct filter *filter = ((struct agent *)arg)->options.filter;
    return filter_keeps(filter, table) && filter_leads(filter, table);
}

/* An import and the rules of a map read columns by their names; an import knows what a change does
 * not say. */
static int check_names(const struct agent *a, struct ds_error *err)
{
    bool mapped = filter_map(a->options.filter) != NULL;
    if ((a->options.config->mode != MODE_IMPORT && !mapped) || a->dump.full_metadata)
        return 0;
    return error_set(err, DS_EUSAGE,
                     "the source's binlog names no columns, which %s needs: SET GLOBAL "
                     "binlog_row_metadata = FULL there, and in its configuration",
                     mapped ? "map" : "mode: import");
}

static int copy_or_snapshot(struct agent *a, const struct snapshot_options *o,
                            const struct position *applied, struct position *at,
                            struct ds_error *err)
{
    return a->options.config->mode == MODE_IMPORT
               ? copy_before_stream(a, entity_copy_number(applied) + 1, at, err)
               : snapshot_run(o, at, err);
}

static int take_snapshot(struct agent *a, const struct spool_state *st, struct ds_error *err)
{
    struct position at = {0};
    struct snapshot_options o = {
        .config = a->options.config,
        .catalogue = a->options.catalogue,
        .filter = a->options.filter,
        .masker = a->masker,
        .first_table_id = SNAPSHOT_TABLE_IDS,
        .arg = a,
        .put = sink_put,
        .defined = snapshot_defined,
        .flush = snapshot_flush,
        .stop_requested = snapshot_stop,
        .progress = snapshot_report,
        .wanted = snapshot_wants,
    };
    int known = open_parents(a, err); /* a key may be dropped while the copy is made */
    if (known)
        return known;
    if (!a->options.snapshot_allowed)
        return error_set(err, DS_EUSAGE,
                         "there is no checkpoint at the destination, and this command takes no "
                         "snapshot; begin with `datasync run` or `datasync incremental`");
    agent_set_state(a, AGENT_SNAPSHOT, NULL);
    a->fresh = true;
    int rc = spool_writer_reset(a->options.spool, NULL, a->source_id, st, err);
    if (rc == 0)
        rc = agent_log_forget(a, err);
    buf_clear(&a->copied); /* of a copy that did not end */
    if (rc == 0)
        rc = copy_or_snapshot(a, &o, &st->applied, &at, err);
    if (rc == 0)
        rc = spool_mark(a->options.spool, &at, err);
    if (rc == 0)
        rc = spool_flush(a->options.spool, err);
    if (rc == 0)
        rc = begin_at(a, &at, a->dump.gtid_mode, NULL, err);
    position_free(&at);
    if (rc)
        return rc;
    return AGENT_AGAIN; /* the connection has been idle for as long as the copy took */
}

/* Where `start` says. *complete: the GTID set is, though it may be empty. */
static int configured_start(struct agent *a, struct position *at, bool *complete,
                            struct ds_error *err)
{
    const char *start = a->options.config->start;
    struct ds_error why;
    *complete = false;
    if (strcmp(start, "current") == 0) {
        int rc = source_check_xa(a->dump.db, XA_PATIENCE, err);
        *complete = a->dump.gtid_mode;
        return rc ? rc : source_now(a->dump.db, &a->dump.server, at, err);
    }
    if (gtid_set_parse(&at->gtid, start, &why) == 0)
        return 0;
    if (file_position_parse(&at->file, start, err))
        return error_set(err, DS_EUSAGE,
                         "start: '%s' is neither snapshot nor current, nor a GTID set, nor "
                         "FILE:POSITION",
                         start);
    bool found;
    int rc = source_resolve_file(a->dump.db, &a->dump.server, at, &found, err);
    *complete = rc == 0 && found;
    return rc;
}

static bool same_source(const struct agent *a, const struct spool_state *st)
{
    return strcmp(st->source_id, a->source_id) == 0;
}

static int start_without(struct agent *a, const struct spool_state *st, struct ds_error *err)
{
    if (strcmp(a->options.config->start, "snapshot") == 0)
        return take_snapshot(a, st, err);
    /* an earlier run has begun, and the applier has had nothing to write yet */
    if (!a->refill && st->tail_known && !position_empty(&st->base) && same_source(a, st))
        return begin_at(a, &st->tail, false, NULL, err);
    struct position at = {0};
    bool complete;
    a->fresh = true;
    int rc = agent_log_forget(a, err);
    if (rc == 0)
        rc = configured_start(a, &at, &complete, err);
    if (rc == 0)
        rc = source_validate(a->dump.db, &a->dump.server, &at, err);
    if (rc == 0)
        rc = begin_at(a, &at, complete, st, err);
    if (rc == 0)
        capture_announce(a->capture); /* so that there is a checkpoint from now on */
    position_free(&at);
    return rc;
}

/* --- with a checkpoint ---------------------------------------------------- */

/* A server's file names mean nothing to another one. */
static int without_file(struct agent *a, const struct spool_state *st, struct position *at,
                        struct ds_error *err)
{
    if (position_copy(at, &st->applied))
        return error_set(err, DS_ENOMEM, "out of memory");
    if (!st->source_id[0] || same_source(a, st))
        return 0;
    if (at->gtid.count == 0)
        return error_set(err, DS_EPOSITION,
                         "the source is another server than before (%s, was %s), and file "
                         "position %s:%llu means nothing to it; copy again with --resnapshot, and "
                         "turn GTIDs on for the next time",
                         a->source_id, st->source_id, at->file.file,
                         (unsigned long long)at->file.pos);
    log_warn("the source is another server than before, what is not applied is read again "
             "source=%s before=%s",
             a->source_id, st->source_id);
    memset(&at->file, 0, sizeof at->file);
    return 0;
}

static int start_with(struct agent *a, const struct spool_state *st, struct ds_error *err)
{
    bool keep = !a->refill && st->tail_known && same_source(a, st) &&
                position_reached(&st->base, &st->applied) &&
                position_reached(&st->applied, &st->tail);
    struct position at = {0};
    int rc = without_file(a, st, &at, err);
    /* Is it the right server at all? What is in the store may be purged there. */
    if (rc == 0)
        rc = source_validate(a->dump.db, &a->dump.server, &at, err);
    if (rc == 0 && same_source(a, st))
        rc = source_same_log(a->dump.db, &a->dump.server, &at, err);
    if (rc == 0 || (rc == DS_EPURGED && keep))
        rc = keep ? begin_at(a, &st->tail, false, NULL, err) : begin_at(a, &at, false, st, err);
    position_free(&at);
    return rc;
}

/* From where the applier stands. DS_EAGAIN: it has said meanwhile that it stands somewhere else. */
static int start_from_applied(struct agent *a, struct ds_error *err)
{
    struct spool_state st;
    int rc = spool_state_get(a->options.spool, &st, err);
    if (rc)
        return rc;
    a->fresh = false;
    rc = where_check(a->options.filter, a->options.config, a->dump.db, st.applied_none, err);
    if (rc == 0)
        rc = agent_masker_open(a, st.applied_none, err);
    if (rc == 0)
        rc = check_names(a, err);
    if (rc == 0)
        rc = st.applied_none || entity_copy_number(&st.applied) ? start_without(a, &st, err)
                                                                : start_with(a, &st, err);
    spool_state_free(&st);
    return rc;
}

int agent_start_stream(struct agent *a, struct ds_error *err)
{
    int rc = agent_wait_applier(a, err);
    if (rc == 0)
        rc = check_filter(a, err);
    if (rc)
        return rc;
    snprintf(a->source_id, sizeof a->source_id, "%s", a->dump.server.identity);
    rc = agent_log_recall(a, err);
    if (rc)
        return rc;
    do
        rc = start_from_applied(a, err);
    while (rc == DS_EAGAIN);
    if (rc >= 0)
        a->refill = false;
    return rc;
}

/* --- the connection came back --------------------------------------------- */

int agent_continue_stream(struct agent *a, struct ds_error *err)
{
    if (strcmp(a->source_id, a->dump.server.identity) == 0)
        return source_same_log(a->dump.db, &a->dump.server, capture_position(a->capture), err);
    if (a->options.range)
        return error_set(err, DS_EPOSITION,
                         "the source became another server during the replay (%s, was %s); start "
                         "it again",
                         a->dump.server.identity, a->source_id);
    a->refill = true; /* what is not applied may never have come to the new one */
    return agent_start_stream(a, err);
}
