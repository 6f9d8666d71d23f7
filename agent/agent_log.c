/* Is it still the binlog that was followed?
 *
 * After RESET MASTER, or on a server restored from a backup, the names of its files, and its GTIDs,
 * come again and mean something else. What tells files of one name apart is when they were begun,
 * which the format description at their head says. It is remembered of the file last read, in the
 * store. A server that was reset may also leave the dump waiting in a file that is gone, without a
 * word, until the new one is longer: so a source that sends nothing is asked where it is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent_state.h"
#include "schema/log.h"

enum {
    ASK_MS = DUMP_HEARTBEAT_SECONDS * 1000,
    ASK_PATIENCE = 2, /* seconds */
};

/* The note is "SOURCE\nFILE\nBEGUN". */
static int keep(struct agent *a, const char *file, uint32_t begun, struct ds_error *err)
{
    BUF_AUTO struct buf note = {0};
    if (buf_printf(&note, "%s\n%s\n%u", a->source_id, file, begun))
        return error_set(err, DS_ENOMEM, "out of memory for a file's name");
    snprintf(a->log_file, sizeof a->log_file, "%s", file);
    a->log_begun = begun;
    return spool_post(a->options.spool, SPOOL_NOTE_LOG, buf_cstr(&note), err);
}

int agent_log_forget(struct agent *a, struct ds_error *err)
{
    a->log_file[0] = 0;
    return spool_post(a->options.spool, SPOOL_NOTE_LOG, "", err);
}

int agent_log_recall(struct agent *a, struct ds_error *err)
{
    BUF_AUTO struct buf note = {0};
    a->log_file[0] = 0;
    int rc = spool_posted(a->options.spool, SPOOL_NOTE_LOG, &note, err);
    size_t n = strlen(a->source_id);
    const char *text = rc ? "" : buf_cstr(&note);
    if (rc || strncmp(text, a->source_id, n) != 0 || text[n] != '\n')
        return rc;
    const char *file = text + n + 1, *end = strchr(file, '\n');
    if (end && (size_t)(end - file) < sizeof a->log_file) {
        snprintf(a->log_file, sizeof a->log_file, "%.*s", (int)(end - file), file);
        a->log_begun = (uint32_t)strtoul(end + 1, NULL, 10);
    }
    return 0;
}

static bool is_heartbeat(uint8_t type)
{
    return type == EV_HEARTBEAT || type == EV_HEARTBEAT_V2;
}

/* The file being read was begun at `begun`. */
static int compare(struct agent *a, const char *file, uint32_t begun, struct ds_error *err)
{
    const struct position *at = capture_position(a->capture);
    struct file_position here = {.pos = UINT64_MAX};
    char what[640];
    snprintf(here.file, sizeof here.file, "%s", file);
    if (strcmp(file, a->log_file) == 0) {
        if (begun == a->log_begun)
            return 0;
        snprintf(what, sizeof what, "%s was begun anew", file);
        return source_another_log(at, what, err);
    }
    /* MySQL begins in the newest file whose head our GTID set includes: never before ours */
    if (!a->dump.server.mariadb && capture_gtid_complete(a->capture) &&
        file_position_same_series(&here, &at->file) &&
        file_position_compare(&here, &at->file) < 0) {
        snprintf(what, sizeof what, "what follows our GTID set is in %s", file);
        return source_another_log(at, what, err);
    }
    return keep(a, file, begun, err);
}

/* When the file was begun, by its head; *begun 0: it is not there any more, or cannot be asked for.
 */
static void read_head(struct agent *a, const char *file, uint32_t *begun)
{
    struct ds_error why, *err = &why;
    struct dump d = {0};
    struct position head = {.file.pos = 4};
    struct slice event;
    struct event_header h;
    *begun = 0;
    snprintf(head.file.file, sizeof head.file.file, "%s", file);
    int rc = dump_connect(&d, a->options.config, a->server_id, err);
    if (rc == 0)
        rc = dump_open(&d, &(struct dump_start){.from = &head, .non_block = true}, a->uuid, err);
    while (rc == 0 && !*begun) {
        rc = dump_read(&d, &event, err);
        if (rc == 0)
            rc = decoder_header(event, &h, err);
        if (rc == 0 && h.type == EV_FORMAT_DESCRIPTION)
            *begun = h.timestamp;
    }
    dump_close(&d);
    if (rc < 0)
        log_debug("the head of the last file cannot be read file=%s reason=\"%s\"", file,
                  err->message);
}

int agent_log_check(struct agent *a, struct ds_error *err)
{
    const char *at = capture_position(a->capture)->file.file;
    char file[sizeof a->log_file];
    uint32_t begun;
    snprintf(file, sizeof file, "%s", a->log_file[0] ? a->log_file : at);
    if (a->dump.server.mariadb || a->options.range || !file[0])
        return 0; /* MariaDB is asked for the GTIDs at our place */
    read_head(a, file, &begun);
    return begun ? compare(a, file, begun, err) : 0;
}

int agent_log_read(struct agent *a, struct slice event, struct ds_error *err)
{
    struct event_header h;
    int rc = decoder_header(event, &h, err);
    if (rc)
        return rc;
    a->heard |= !is_heartbeat(h.type);
    const char *file = capture_file_read(a->capture);
    if (h.type != EV_FORMAT_DESCRIPTION || !h.timestamp || !file[0] || a->options.range)
        return 0;
    return compare(a, file, h.timestamp, err);
}

/* Errors of asking are none of the stream: the dump itself shows when the source is gone. */
static int ask(struct agent *a, struct ds_error *err)
{
    DB_AUTO MYSQL *db = NULL;
    struct db_endpoint ep = config_endpoint(a->options.config, true);
    ep.database = NULL;
    ep.connect_timeout = ep.read_timeout = ASK_PATIENCE;
    struct db_server server;
    int rc = db_connect(&db, &ep, err);
    if (rc == 0)
        rc = db_server_info(db, &server, err);
    if (rc == 0 && strcmp(server.identity, a->source_id) != 0)
        return 0; /* another one has the address now; the dump's connection shows what that means */
    if (rc == 0)
        rc = source_reaches(db, capture_position(a->capture), err);
    if (rc == 0)
        log_debug("a quiet source still has the binlog that was followed");
    if (rc == DS_EPOSITION || rc == 0)
        return rc;
    log_debug("the source could not be asked where it is reason=\"%s\"", err->message);
    return 0;
}

int agent_log_ask(struct agent *a, struct ds_error *err)
{
    uint64_t now = agent_clock_ms();
    if (a->heard)
        a->quiet_since_ms = now;
    a->heard = false;
    if (a->options.range || capture_in_group(a->capture) || now - a->quiet_since_ms < ASK_MS)
        return 0;
    a->quiet_since_ms = now; /* asked again after as long */
    return ask(a, err);
}
