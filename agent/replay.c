/* A range of the binlog, from the server or from files, instead of following. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/agent_state.h"
#include "schema/log.h"

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* --- from the server ------------------------------------------------------ */

/* When a file of the source was begun: the time in its first event. */
static int file_time(struct agent *a, const char *file, uint64_t *time, struct ds_error *err)
{
    struct dump probe;
    struct position at = {.file.pos = 4};
    snprintf(at.file.file, sizeof at.file.file, "%s", file);
    struct dump_start start = {.from = &at, .non_block = true, .from_file_head = true};
    int rc = dump_connect(&probe, a->options.config, 0, err);
    if (rc == 0)
        rc = dump_open(&probe, &start, a->uuid, err);
    *time = 0;
    while (rc == 0 && *time == 0) {
        struct slice bytes;
        struct event_header h;
        rc = dump_read(&probe, &bytes, err);
        if (rc == 0)
            rc = decoder_header(bytes, &h, err);
        if (rc == 0 && h.type == EV_FORMAT_DESCRIPTION)
            *time = h.timestamp ? h.timestamp : 1;
    }
    dump_close(&probe);
    return rc == DUMP_EOF ? error_set(err, DS_EFORMAT, "binlog %s has no first event", file) : rc;
}

static int list_files(MYSQL *db, char ***names, size_t *count, struct ds_error *err)
{
    MYSQL_RES *rows = db_select(db, err, "SHOW BINARY LOGS");
    if (!rows)
        return err->code;
    int rc = 0;
    *count = 0;
    *names = calloc((size_t)mysql_num_rows(rows) + 1, sizeof **names);
    for (MYSQL_ROW row; *names && rc == 0 && (row = mysql_fetch_row(rows));) {
        (*names)[*count] = strdup(row[0] ? row[0] : "");
        rc = (*names)[*count] ? 0 : DS_ENOMEM;
        *count += rc == 0;
    }
    if (!*names)
        rc = DS_ENOMEM;
    mysql_free_result(rows);
    return rc ? error_set(err, rc, "out of memory") : 0;
}

static void free_files(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

/* The last file that was begun before the time; transactions of the time may be in it. */
static int find_file(struct agent *a, uint64_t time, struct position *at, struct ds_error *err)
{
    char **names = NULL;
    size_t count = 0, low = 0, high;
    int rc = list_files(a->dump.db, &names, &count, err);
    if (rc == 0 && count == 0)
        rc = error_set(err, DS_EPURGED, "the source has no binlogs");
    for (high = count; rc == 0 && high - low > 1;) {
        size_t middle = low + (high - low) / 2;
        uint64_t begun;
        rc = file_time(a, names[middle], &begun, err);
        if (rc == 0 && begun < time)
            low = middle;
        else
            high = middle;
    }
    if (rc == 0) {
        at->file.pos = 4;
        snprintf(at->file.file, sizeof at->file.file, "%s", names[low]);
        log_info("replay begins in file=%s", names[low]);
    }
    free_files(names, count);
    return rc;
}

/* What lies between the checkpoint and a later beginning would never be applied, and the checkpoint
 * moves past it. */
static int refuse_gap(const struct position *from, const struct position *applied,
                      struct ds_error *err)
{
    char begin[300], at[300];
    if (position_empty(applied) || position_empty(from) || position_reached(from, applied))
        return 0;
    return error_set(
        err, DS_EUSAGE,
        "the range begins after the checkpoint (%s, the destination is at %s): what lies "
        "between would be lost; begin at the checkpoint or before it",
        position_format(from, begin, sizeof begin), position_format(applied, at, sizeof at));
}

/* The destination's checkpoint, empty without one. */
static int read_applied(struct agent *a, struct position *applied, struct ds_error *err)
{
    struct spool_state st;
    int rc = agent_wait_applier(a, err);
    if (rc == 0)
        rc = spool_state_get(a->options.spool, &st, err);
    if (rc)
        return rc;
    if (!st.applied_none && position_copy(applied, &st.applied))
        rc = error_set(err, DS_ENOMEM, "out of memory");
    spool_state_free(&st);
    return rc;
}

/* Where the range begins: from, from_time, or the checkpoint. */
static int range_start(struct agent *a, struct position *at, bool *complete, struct ds_error *err)
{
    const struct agent_options *o = &a->options;
    *complete = false;
    if (!position_empty(&o->from)) {
        bool found = false;
        if (position_copy(at, &o->from))
            return error_set(err, DS_ENOMEM, "out of memory");
        int rc =
            at->gtid.count ? 0 : source_resolve_file(a->dump.db, &a->dump.server, at, &found, err);
        *complete = found;
        return rc;
    }
    if (o->from_time)
        return find_file(a, o->from_time, at, err);
    int rc = read_applied(a, at, err);
    if (rc == 0 && position_empty(at))
        rc = error_set(err, DS_EUSAGE,
                       "there is no checkpoint to replay from; say where to begin with --from");
    return rc;
}

int replay_start(struct agent *a, struct ds_error *err)
{
    struct position at = {0};
    bool complete;
    if (a->options.from_time > (uint64_t)time(NULL))
        return error_set(err, DS_EUSAGE, "--from is a time in the future");
    position_free(&a->replay_applied);
    memset(&a->replay_applied, 0, sizeof a->replay_applied);
    snprintf(a->source_id, sizeof a->source_id, "%s", a->dump.server.identity);
    int rc = range_start(a, &at, &complete, err);
    if (rc == 0)
        rc = read_applied(a, &a->replay_applied, err);
    if (rc == 0)
        rc = refuse_gap(&at, &a->replay_applied, err);
    if (rc == 0)
        rc = source_validate(a->dump.db, &a->dump.server, &at, err);
    if (rc == 0)
        rc = spool_writer_reset(a->options.spool, &at, a->source_id, NULL, err);
    if (rc == 0)
        rc = agent_capture_open(a, &at, err);
    if (rc == 0)
        rc = capture_start(a->capture, &at, complete, err);
    /* a time only chooses the file: what is older and not applied yet is needed, too */
    if (rc == 0 && a->options.from_time && position_empty(&a->replay_applied))
        rc = capture_skip(a->capture, NULL, a->options.from_time, err);
    position_free(&at);
    return rc;
}

/* --- from files ----------------------------------------------------------- */

static int by_number(const void *x, const void *y)
{
    struct file_position a = {0}, b = {0};
    snprintf(a.file, sizeof a.file, "%s", base_name(*(const char *const *)x));
    snprintf(b.file, sizeof b.file, "%s", base_name(*(const char *const *)y));
    return file_position_compare(&a, &b);
}

/* Is everything that came before the first file, as its head says, in `known`? */
static int check_gap_to(const struct agent *a, const char *file, const struct position *known,
                        const char *what, struct ds_error *err)
{
    const struct position *at = capture_position(a->capture);
    bool told = at->gtid.count || capture_gtid_complete(a->capture);
    struct position begin = {.file.pos = 4};
    char before[400], end[400];
    snprintf(begin.file.file, sizeof begin.file.file, "%s", base_name(file));
    bool follows = position_empty(known) ||
                   (known->gtid.count && told ? gtid_set_subset(&at->gtid, &known->gtid)
                                              : position_reached(&begin, known));
    if (follows)
        return 0;
    return error_set(err, DS_EPURGED,
                     "binlog %s begins after %s, %s %s; give the files before it, too", file,
                     position_format(at->gtid.count ? at : &begin, before, sizeof before), what,
                     position_format(known, end, sizeof end));
}

/* The range must begin in the files, and nothing may lie between the checkpoint and the first of
 * them: the checkpoint moves past it. */
static int check_gap(const struct agent *a, const char *file, struct ds_error *err)
{
    int rc = check_gap_to(a, file, &a->options.from, "the replay is to begin after", err);
    return rc ? rc
              : check_gap_to(a, file, &a->replay_applied, "the destination's checkpoint is", err);
}

struct reading {
    struct binlog_file *file;
    const char *path;
    bool gap_checked;
    char next[512]; /* the file that the last one says is next, "" unknown */
};

static void note_rotate(struct reading *r, struct slice event)
{
    enum { HEAD = 19 + 8, CHECKSUM = 4 };
    struct event_header h;
    if (decoder_header(event, &h, NULL) || h.type != EV_ROTATE || event.len <= HEAD)
        return;
    /* with or without a checksum: the name is checked by its beginning */
    size_t len = event.len - HEAD;
    snprintf(r->next, sizeof r->next, "%.*s", (int)(len < 500 ? len : 500), event.p + HEAD);
}

/* A source that is shut down, or crashes, names no next file: it opens the one of the next number.
 */
static void guess_next(struct reading *r, const char *name)
{
    const char *dot = strrchr(name, '.');
    if (r->next[0] || !dot || !dot[1] || dot[1 + strspn(dot + 1, "0123456789")])
        return;
    snprintf(r->next, sizeof r->next, "%.*s.%0*llu", (int)(dot - name), name, (int)strlen(dot + 1),
             strtoull(dot + 1, NULL, 10) + 1);
}

static int feed(struct agent *a, struct reading *r, struct ds_error *err)
{
    struct slice event;
    uint64_t offset;
    unsigned n = 0;
    int rc = 0;
    while (rc == 0 && !capture_stopped(a->capture)) {
        rc = binlog_file_next(r->file, &event, &offset, err);
        if (rc == DS_EAGAIN)
            return 0;
        if (rc == 0)
            rc = capture_file(a->capture, base_name(r->path), offset, err);
        if (rc == 0)
            rc = capture_bytes(a->capture, event, err);
        if (rc == 0)
            note_rotate(r, event);
        if (rc == 0 && !r->gap_checked && capture_in_group(a->capture)) {
            r->gap_checked = true;
            rc = check_gap(a, r->path, err);
        }
        if (rc == 0 && ++n % 1024 == 0)
            rc = agent_publish(a, false, err);
        if (rc == 0 && agent_stopping(a))
            rc = DS_ESTOPPED;
    }
    return rc;
}

static int read_file(struct agent *a, struct reading *r, struct ds_error *err)
{
    const char *name = base_name(r->path);
    if (r->next[0] && strncmp(r->next, name, strlen(name)) != 0)
        return error_set(err, DS_EPOSITION,
                         "binlog %s does not follow the one before it; give all files of the range",
                         r->path);
    r->next[0] = 0;
    int rc = binlog_file_open(&r->file, r->path, a->options.config->max_event, err);
    if (rc)
        return rc;
    log_info("reading binlog file=%s", r->path);
    rc = feed(a, r, err);
    binlog_file_close(r->file);
    r->file = NULL;
    guess_next(r, name);
    return rc;
}

static int begin_files(struct agent *a, struct ds_error *err)
{
    const struct agent_options *o = &a->options;
    const struct agent_stop_at *stop = &o->stop_at;
    bool from = !position_empty(&o->from);
    int rc = read_applied(a, &a->replay_applied, err);
    if (rc == 0)
        rc = refuse_gap(&o->from, &a->replay_applied, err);
    bool fresh = position_empty(&a->replay_applied);
    if (rc == 0)
        rc = spool_writer_reset(o->spool, from ? &o->from : NULL, "files", NULL, err);
    if (rc == 0)
        rc = agent_capture_open(a, &o->from, err);
    if (rc == 0)
        rc = capture_start(a->capture, NULL, false, err);
    if (rc == 0)
        rc = capture_skip(a->capture, from ? &o->from : NULL, fresh ? o->from_time : 0, err);
    if (rc == 0 && stop->kind == STOP_AT_POSITION)
        rc = capture_stop_at(a->capture, &stop->position, 0, err);
    if (rc == 0 && stop->kind == STOP_AT_TIME)
        rc = capture_stop_at(a->capture, NULL, stop->time, err);
    return rc;
}

int replay_files(struct agent *a, struct ds_error *err)
{
    size_t count = a->options.file_count;
    const char **paths = calloc(count, sizeof *paths);
    if (!paths)
        return error_set(err, DS_ENOMEM, "out of memory");
    memcpy(paths, a->options.files, count * sizeof *paths);
    qsort(paths, count, sizeof *paths, by_number);
    agent_set_state(a, AGENT_STREAMING, NULL);
    struct reading r = {0};
    int rc = begin_files(a, err);
    for (size_t i = 0; i < count && rc == 0 && !capture_stopped(a->capture); i++) {
        r.path = paths[i];
        rc = read_file(a, &r, err);
    }
    if (rc == 0 && !r.gap_checked) /* not one transaction in them */
        rc = check_gap(a, paths[0], err);
    if (rc == 0 && capture_in_group(a->capture) && !capture_stopped(a->capture))
        rc = error_set(err, DS_EFORMAT,
                       "the last binlog ends in the middle of a transaction; give the file that "
                       "follows, or --to the transaction before it");
    if (rc == 0)
        rc = agent_flush(a, err);
    if (rc == 0)
        rc = agent_publish(a, true, err);
    free(paths);
    return rc;
}
