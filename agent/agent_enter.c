/* Entities that have come into the filter, on request of the applier ("enter TABLE KEY,KEY…").
 *
 * They are read as of a position that is later than where the stream is, put aside, and handed out
 * as one transaction when the stream gets there: the destination has none of their rows until then,
 * and follows them from there on. The request is finished with that; if the agent ends before, or
 * the store is filled again, it is served anew.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/agent_state.h"
#include "agent/snapshot.h"
#include "schema/log.h"

enum {
    ENTER_TABLE_IDS = 0x50000000, /* ids of tables in such copies, apart from all others */
    TRIES_MAX = 50,
    PAUSE_MS = 20,
    AGAIN_MS = 2000,
};

static int put_aside(void *arg, const void *message, size_t len, struct ds_error *err)
{
    struct agent *a = arg;
    if (agent_stopping(a))
        return error_set(err, DS_ESTOPPED, "asked to stop");
    return spill_put(&a->entering.spill, message, len, err);
}

static bool wanted(void *arg, const char *table)
{
    return filter_keeps(((struct agent *)arg)->options.filter, table);
}

static bool stop_requested(void *arg)
{
    return agent_stopping(arg);
}

void enter_forget(struct agent *a)
{
    spill_close(&a->entering.spill);
    position_free(&a->entering.at);
    memset(&a->entering, 0, sizeof a->entering);
}

/* "TABLE KEY,KEY…", which is cut up. The caller frees *ids. */
static int parse(char *text, const char **table, uint64_t **ids, size_t *count,
                 struct ds_error *err)
{
    char *keys = strchr(text, ' ');
    size_t room = 1;
    *table = text;
    *count = 0;
    for (const char *p = text; *p; p++)
        room += *p == ',';
    *ids = calloc(room, sizeof **ids);
    if (!*ids)
        return error_set(err, DS_ENOMEM, "out of memory");
    if (!keys)
        return error_set(err, DS_EFORMAT, "the applier's request names no keys");
    *keys++ = 0;
    for (char *end; *keys; keys = *end == ',' ? end + 1 : end) {
        (*ids)[(*count)++] = strtoull(keys, &end, 10);
        if (end == keys || (*end && *end != ','))
            return error_set(err, DS_EFORMAT, "the applier's request names the key \"%.30s\"",
                             keys);
    }
    return 0;
}

static int copy(struct agent *a, const char *table, uint64_t *ids, size_t count,
                struct ds_error *err)
{
    struct snapshot_options o = {
        .config = a->options.config,
        .catalogue = a->options.catalogue,
        .filter = a->options.filter,
        .masker = a->masker,
        .roots = a->roots,
        .first_table_id = ENTER_TABLE_IDS,
        .arg = a,
        .put = put_aside,
        .stop_requested = stop_requested,
        .wanted = wanted,
    };
    int rc = DS_ERETRY;
    for (int tries = 0; rc == DS_ERETRY && tries < TRIES_MAX; tries++) {
        enter_forget(a);
        rc = tries ? agent_sleep(a, PAUSE_MS) : 0;
        if (rc == 0)
            rc = spill_open(&a->entering.spill, a->options.config->state_dir, err);
        if (rc == 0)
            rc = snapshot_copy_entities(&o, table, ids, count, capture_position(a->capture),
                                        &a->entering.at, err);
    }
    return rc;
}

/* What can be read later is left for then. Of a table that is gone nothing is to come: the stream
 * drops it. */
static int not_read(struct agent *a, const char *table, int rc, uint64_t number,
                    struct ds_error *err)
{
    if (rc == DS_ESCHEMA) {
        log_info("entities do not come into the filter table=%s reason=\"%s\"", table,
                 err->message);
        return spool_request_finish(a->options.spool, number, err);
    }
    if (rc != DS_ERETRY && rc != DS_EUNSUPPORTED)
        return rc;
    a->entering.again_ms = agent_clock_ms() + AGAIN_MS;
    log_warn("entities that come into the filter cannot be copied now, it is tried again table=%s "
             "reason=\"%s\"",
             table, err->message);
    return 0;
}

int enter_read(struct agent *a, char *request, uint64_t number, struct ds_error *err)
{
    char text[300];
    const char *table;
    uint64_t *ids = NULL;
    size_t count;
    if (agent_clock_ms() < a->entering.again_ms)
        return 0;
    int rc = parse(request, &table, &ids, &count, err);
    if (rc == 0)
        rc = copy(a, table, ids, count, err);
    free(ids);
    if (rc) {
        enter_forget(a);
        return not_read(a, table, rc, number, err);
    }
    a->entering.pending = true;
    a->entering.request = number;
    log_info("entities come into the filter table=%s asked=%zu position=%s", table, count,
             position_format(&a->entering.at, text, sizeof text));
    return 0;
}

static int put_begin(struct agent *a, uint64_t time, struct ds_error *err)
{
    BUF_AUTO struct buf m = {0};
    const struct msg_begin begin = {.timestamp = time, .flags = BEGIN_COPIED};
    return message_write_begin(&m, &begin) ? error_set(err, DS_ENOMEM, "out of memory")
                                           : spool_put(a->options.spool, m.data, m.len, err);
}

/* The stream stands where it stood before the copy. */
static int put_commit(struct agent *a, uint64_t time, struct ds_error *err)
{
    const struct position *at = capture_position(a->capture);
    BUF_AUTO struct buf m = {0}, set = {0};
    int rc = capture_gtid_complete(a->capture) ? gtid_set_print(&at->gtid, &set) : 0;
    const struct msg_commit commit = {
        .timestamp = time,
        .gtid_set = {set.data, set.len},
        .file = {(const uint8_t *)at->file.file, strlen(at->file.file)},
        .pos = at->file.pos,
    };
    if (rc || message_write_commit(&m, &commit))
        return error_set(err, DS_ENOMEM, "out of memory");
    return spool_put(a->options.spool, m.data, m.len, err);
}

static int spool_message(void *arg, const void *message, size_t len, struct ds_error *err)
{
    return spool_put(arg, message, len, err);
}

int enter_put(struct agent *a, struct ds_error *err)
{
    uint64_t time = capture_counts(a->capture).time, request = a->entering.request;
    if (!a->entering.pending || capture_in_group(a->capture) ||
        !position_reached(&a->entering.at, capture_position(a->capture)))
        return 0;
    int rc = agent_flush(a, err);
    if (rc == 0)
        rc = put_begin(a, time, err);
    if (rc == 0)
        rc = spill_drain(&a->entering.spill, a->options.spool, spool_message, err);
    if (rc == 0)
        rc = put_commit(a, time, err);
    if (rc == 0)
        rc = spool_mark(a->options.spool, capture_position(a->capture), err);
    if (rc == 0)
        rc = spool_flush(a->options.spool, err);
    if (rc == 0)
        rc = spool_request_finish(a->options.spool, request, err);
    if (rc == 0)
        enter_forget(a);
    return rc;
}
