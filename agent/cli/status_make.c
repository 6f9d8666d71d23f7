#include <mysqld_error.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/status.h"
#include "applier/positions.h"
#include "schema/db.h"

static int keep(char **out, const char *text)
{
    free(*out);
    *out = strdup(text);
    return *out ? 0 : DS_ENOMEM;
}

static int keep_position(const struct position *p, char **gtid, char **file, uint64_t *pos)
{
    BUF_AUTO struct buf text = {0};
    int rc = 0;
    if (p->gtid.flavour != GTID_NONE) {
        rc = gtid_set_print(&p->gtid, &text);
        rc = rc ? rc : keep(gtid, buf_cstr(&text));
    }
    if (rc == 0 && p->file.file[0]) {
        rc = keep(file, p->file.file);
        *pos = p->file.pos;
    }
    return rc;
}

static int keep_error(struct stream_status *s, const struct ds_error *err)
{
    char line[sizeof *err];
    return err->code ? keep(&s->error, error_format(err, line, sizeof line)) : 0;
}

/* What the two halves together are doing. */
static enum stream_state join_states(const struct agent_status *agent,
                                     const struct applier_status *applier)
{
    if (applier) {
        switch (applier->state) {
        case APPLIER_FAILED:
            return STREAM_FAILED;
        case APPLIER_WAITING_DESTINATION:
            return STREAM_WAITING_DESTINATION;
        case APPLIER_STOPPED:
            return STREAM_STOPPED;
        default:
            break;
        }
    }
    if (agent) {
        switch (agent->state) {
        case AGENT_FAILED:
            return STREAM_FAILED;
        case AGENT_WAITING_SOURCE:
            return STREAM_WAITING_SOURCE;
        case AGENT_STARTING:
        case AGENT_WAITING_APPLIER:
            return STREAM_STARTING;
        case AGENT_SNAPSHOT:
            return STREAM_SNAPSHOT;
        case AGENT_STOPPED:
            if (!applier)
                return STREAM_STOPPED;
            break;
        case AGENT_STREAMING:
            break;
        }
    }
    if (!applier)
        return agent && agent->at_end ? STREAM_STREAMING : STREAM_CATCHING_UP;
    return applier->state == APPLIER_STARTING    ? STREAM_STARTING
           : applier->state == APPLIER_SNAPSHOT  ? STREAM_SNAPSHOT
           : applier->state == APPLIER_STREAMING ? STREAM_STREAMING
                                                 : STREAM_CATCHING_UP;
}

static int fill_applier(struct stream_status *s, const struct applier_status *a)
{
    s->has_applier = true;
    s->applied_time = a->applied_time;
    s->transactions = a->transactions;
    s->rows = a->rows;
    s->rows_written = a->rows_written;
    s->batches = a->batches;
    s->conflicts = a->conflicts;
    s->quarantined = a->quarantined;
    s->entering = a->entering;
    s->waits = a->waits;
    s->snapshot_rows = a->snapshot_rows;
    s->stale_tables = calloc(a->stale_count + 1, sizeof *s->stale_tables);
    s->entities = calloc(a->entity_count + 1, sizeof *s->entities);
    int rc = s->stale_tables && s->entities ? 0 : DS_ENOMEM;
    for (size_t i = 0; i < a->stale_count && rc == 0; i++)
        rc = keep(&s->stale_tables[s->stale_count++], a->stale_tables[i]);
    for (size_t i = 0; i < a->entity_count && rc == 0; i++)
        s->entities[s->entity_count++] = a->entities[i];
    return rc ? rc
              : keep_position(&a->applied, &s->applied_gtid, &s->applied_file,
                              &s->applied_position);
}

/* An import's copy of entities lasts until the destination has them: the agent reads ahead. */
static int fill_copy(struct stream_status *s, const struct agent_status *agent,
                     const struct applier_status *applier)
{
    bool applies = applier && position_of_copy(&applier->applied);
    bool begins = applier && position_empty(&applier->applied);
    if (!agent->copies || (agent->state != AGENT_SNAPSHOT && !applies && !begins))
        return 0;
    s->copied = applier ? applies ? applier->applied.file.pos : 0 : agent->copied;
    s->copied_estimate = agent->copied_estimate;
    if (s->state == STREAM_STARTING || s->state == STREAM_CATCHING_UP ||
        s->state == STREAM_STREAMING)
        s->state = STREAM_SNAPSHOT;
    return keep(&s->copying, agent->snapshot_table);
}

/* 0 caught up, -1 unknown, else the age of the oldest transaction that is not applied. */
static int64_t lag(const struct stream_status *s, uint64_t oldest, uint64_t newest_read,
                   uint64_t now)
{
    if (s->caught_up)
        return 0;
    /* Nothing read waits, but the source has more: it is younger than what was read last. */
    uint64_t since = oldest                              ? oldest
                     : s->state == STREAM_WAITING_SOURCE ? 0
                     : newest_read                       ? newest_read
                                                         : s->applied_time;
    if (!since)
        return -1;
    return now > since ? (int64_t)(now - since) : 0;
}

int stream_status_make(struct stream_status *out, const struct config *c,
                       const struct agent_status *agent, const struct applier_status *applier,
                       uint64_t now)
{
    memset(out, 0, sizeof *out);
    out->lag_seconds = -1;
    out->state = join_states(agent, applier);
    int rc = keep(&out->name, c->name);
    rc = rc ? rc : keep(&out->mode, c->mode == MODE_MIRROR ? "mirror" : "import");
    if (rc == 0 && agent) {
        out->has_agent = true;
        out->snapshot_estimate = agent->snapshot_rows_estimate;
        out->snapshot_tables = agent->snapshot_tables;
        out->snapshot_tables_done = agent->snapshot_tables_done;
        out->snapshot_rows = agent->snapshot_rows;
        rc = keep_position(&agent->source, &out->source_gtid, &out->source_file,
                           &out->source_position);
        if (rc == 0 && (agent->state == AGENT_WAITING_SOURCE || agent->state == AGENT_FAILED))
            rc = keep_error(out, &agent->error);
    }
    if (rc == 0 && applier) {
        rc = fill_applier(out, applier);
        if (rc == 0 && applier->error.code &&
            (applier->state == APPLIER_WAITING_DESTINATION || applier->state == APPLIER_FAILED))
            rc = keep_error(out, &applier->error);
    }
    if (rc == 0 && agent)
        rc = fill_copy(out, agent, applier);
    if (agent && applier) {
        out->caught_up =
            agent->state == AGENT_STREAMING && agent->at_end && applier->idle &&
            !applier->entering &&
            (position_empty(&agent->read) || position_reached(&agent->read, &applier->applied));
        out->lag_seconds = lag(out, applier->oldest_unapplied, agent->source_time, now);
    } else if (agent) {
        out->transactions = agent->transactions;
        out->rows = agent->rows;
        out->caught_up = agent->state == AGENT_STREAMING && agent->at_end;
    } else if (applier) {
        out->caught_up = applier->state == APPLIER_STREAMING && applier->idle && !applier->entering;
        out->lag_seconds = lag(out, applier->oldest_unapplied, 0, now);
    }
    if (rc)
        stream_status_free(out);
    return rc;
}

void stream_status_unfinished(struct stream_status *s, uint64_t now)
{
    if (s->state == STREAM_STREAMING)
        s->state = STREAM_CATCHING_UP;
    s->caught_up = false;
    if (s->lag_seconds == 0)
        s->lag_seconds = lag(s, 0, 0, now);
}

int stream_status_merge(struct stream_status *applier, const struct stream_status *agent,
                        uint64_t now)
{
    int rc = 0;
    if (agent->source_gtid)
        rc = keep(&applier->source_gtid, agent->source_gtid);
    if (rc == 0 && agent->source_file)
        rc = keep(&applier->source_file, agent->source_file);
    applier->source_position = agent->source_position;
    applier->has_agent = true;
    bool agent_decides = agent->state == STREAM_FAILED || agent->state == STREAM_WAITING_SOURCE ||
                         agent->state == STREAM_STARTING || agent->state == STREAM_SNAPSHOT;
    if (agent_decides && applier->state != STREAM_FAILED &&
        applier->state != STREAM_WAITING_DESTINATION) {
        applier->state = agent->state;
        if (rc == 0 && agent->error)
            rc = keep(&applier->error, agent->error);
    }
    /* The applier has nothing left of what the agent has read: is there more at the source? */
    struct gtid_set source = {0}, applied = {0};
    bool known = agent->source_gtid && applier->applied_gtid &&
                 gtid_set_parse(&source, agent->source_gtid, NULL) == 0 &&
                 gtid_set_parse(&applied, applier->applied_gtid, NULL) == 0;
    applier->caught_up =
        applier->caught_up && agent->caught_up && (!known || gtid_set_subset(&source, &applied));
    gtid_set_free(&source);
    gtid_set_free(&applied);
    if (applier->lag_seconds == 0 && !applier->caught_up)
        applier->lag_seconds = lag(applier, 0, 0, now);
    return rc;
}

/* --- from the checkpoint -------------------------------------------------- */

static int parse_entities(struct stream_status *s, const char *text)
{
    struct entity_counts counts;
    while ((text = entity_counts_read(text, &counts))) {
        struct entity_counts *more =
            realloc(s->entities, (s->entity_count + 1) * sizeof *s->entities);
        if (!more)
            return DS_ENOMEM;
        s->entities = more;
        more[s->entity_count++] = counts;
    }
    return 0;
}

/* Lines "TABLE" (waiting for its copy) or "TABLE<TAB>POSITION" (copied). */
static int parse_stale(struct stream_status *s, const char *text)
{
    while (text && *text) {
        size_t line = strcspn(text, "\n"), name = strcspn(text, "\t\n");
        if (name && name == line) {
            char **more = realloc(s->stale_tables, (s->stale_count + 1) * sizeof *more);
            if (!more)
                return DS_ENOMEM;
            s->stale_tables = more;
            if (!(more[s->stale_count] = strndup(text, name)))
                return DS_ENOMEM;
            s->stale_count++;
        }
        text += line;
        text += *text == '\n';
    }
    return 0;
}

static int fill_checkpoint(struct stream_status *s, const struct checkpoint *cp)
{
    int rc = 0;
    if (cp->gtid_set && *cp->gtid_set)
        rc = keep(&s->applied_gtid, cp->gtid_set);
    if (rc == 0 && cp->file && *cp->file) {
        rc = keep(&s->applied_file, cp->file);
        s->applied_position = cp->pos;
    }
    s->applied_time = cp->source_time;
    s->transactions = cp->counters.transactions;
    s->rows = cp->counters.rows;
    s->rows_written = cp->counters.rows_written;
    s->batches = cp->counters.batches;
    s->conflicts = cp->counters.conflicts;
    rc = rc ? rc : parse_entities(s, cp->entities);
    return rc ? rc : parse_stale(s, cp->stale);
}

static int take_position(struct stream_position *p, MYSQL_ROW row)
{
    *p = (struct stream_position){.position = strtoull(row[3], NULL, 10)};
    int rc = keep(&p->entity, row[0]);
    rc = rc || !row[1] || !*row[1] ? rc : keep(&p->gtid, row[1]);
    return rc || !row[2] || !*row[2] ? rc : keep(&p->file, row[2]);
}

static int read_positions(struct stream_status *s, const struct config *c, MYSQL *db,
                          struct ds_error *err)
{
    BUF_AUTO struct buf table = {0}, name = {0};
    if (sql_table(&table, c->state_database, "datasync_checkpoint") ||
        sql_string(&name, c->name, strlen(c->name)))
        return error_set(err, DS_ENOMEM, "out of memory for the status");
    MYSQL_RES *rows = db_select(db, err,
                                "SELECT entity, gtid_set, file, pos FROM %s WHERE name = %s AND "
                                "entity <> '' ORDER BY entity",
                                buf_cstr(&table), buf_cstr(&name));
    if (!rows)
        return err->code;
    s->positions = calloc(mysql_num_rows(rows) + 1, sizeof *s->positions);
    int rc = s->positions ? 0 : DS_ENOMEM;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(rows));)
        rc = take_position(&s->positions[s->position_count++], row);
    mysql_free_result(rows);
    return rc ? error_set(err, DS_ENOMEM, "out of memory for the status") : 0;
}

static int read_stopped(struct stream_status *s, const struct config *c,
                        const struct filter *filter, MYSQL *db, struct ds_error *err)
{
    bool exists, found;
    int rc = state_exists(db, c->state_database, &exists, err);
    if (rc || !exists)
        return rc;
    struct checkpoint cp = {0};
    rc = positions_look(db, c, filter, &cp, NULL, err);
    if (rc == 0 && cp.found && fill_checkpoint(s, &cp))
        rc = error_set(err, DS_ENOMEM, "out of memory for the status");
    checkpoint_free(&cp);
    rc = rc ? rc : read_positions(s, c, db, err);
    BUF_AUTO struct buf table = {0}, objects = {0};
    if (rc == 0 && (sql_table(&table, c->state_database, "datasync_quarantine") ||
                    sql_table(&objects, c->state_database, "datasync_objects")))
        rc = error_set(err, DS_ENOMEM, "out of memory for the status");
    rc = rc ? rc
            : db_scalar_u64(db, &s->quarantined, &found, err,
                            "SELECT COUNT(*) FROM %s WHERE name = '%s' AND operation <> 'skip'",
                            buf_cstr(&table), c->name);
    rc = rc ? rc
            : db_scalar_u64(db, &s->entering, &found, err,
                            "SELECT COUNT(*) FROM %s WHERE name = '%s' AND kind = 'entering'",
                            buf_cstr(&objects), c->name);
    rc = rc ? rc : hooks_status_read(c, db, &s->hooks, err);
    if (rc && err->server_errno == ER_NO_SUCH_TABLE) { /* they are being created */
        error_clear(err);
        rc = 0;
    }
    return rc;
}

int stream_status_stopped(struct stream_status *out, const struct config *c,
                          const struct filter *filter, struct ds_error *err)
{
    DB_AUTO MYSQL *db = NULL;
    memset(out, 0, sizeof *out);
    out->lag_seconds = -1;
    out->state = STREAM_STOPPED;
    struct db_endpoint ep = config_endpoint(c, false);
    ep.database = NULL;
    ep.read_timeout = c->connect_timeout;
    int rc = keep(&out->name, c->name);
    rc = rc ? rc : keep(&out->mode, c->mode == MODE_MIRROR ? "mirror" : "import");
    if (rc)
        rc = error_set(err, DS_ENOMEM, "out of memory for the status");
    rc = rc ? rc : db_connect(&db, &ep, err);
    rc = rc ? rc : read_stopped(out, c, filter, db, err);
    if (rc)
        stream_status_free(out);
    return rc;
}

void stream_status_free(struct stream_status *s)
{
    char *texts[] = {s->name,        s->mode,         s->error,        s->source_gtid,
                     s->source_file, s->applied_gtid, s->applied_file, s->copying};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    for (size_t i = 0; i < s->stale_count; i++)
        free(s->stale_tables[i]);
    for (size_t i = 0; i < s->position_count; i++) {
        free(s->positions[i].entity);
        free(s->positions[i].gtid);
        free(s->positions[i].file);
    }
    free(s->positions);
    free(s->stale_tables);
    free(s->entities);
    memset(s, 0, sizeof *s);
}
