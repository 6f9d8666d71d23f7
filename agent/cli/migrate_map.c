/* The Map step: everything that no other step migrates, by the rules of map.xml. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/lock.h"
#include "agent/cli/migrate_sample.h"
#include "agent/cli/progress.h"
#include "agent/cli/runner.h"
#include "agent/cli/status.h"
#include "agent/snapshot_source.h"
#include "applier/load.h"
#include "applier/map/map_integrity.h"
#include "applier/map/map_volume.h"
#include "schema/db.h"
#include "schema/log.h"

/* --- integrity ------------------------------------------------------------------------------- */

static void tell_finding(void *arg, enum map_told told, const char *line)
{
    struct migrating *g = arg;
    const bool passes = told == MAP_TOLD_FAILS && g->in->automatic;
    g->stuck |= told == MAP_TOLD_RULE;
    log_write(told == MAP_TOLD_WARNING || passes ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR, "%s", line);
}

static int look_at_rows(void *arg, const struct map_side_schema sides[2],
                        struct map_findings *findings, struct ds_error *err)
{
    return migrate_sample(arg, sides, findings, err);
}

/* The rules that would settle all of it, for the user to read; `option` names the map that they are
 * for. */
static int write_suggestion(const char *path, const struct buf *xml, const char *option,
                            struct ds_error *err)
{
    FILE *out = fopen(path, "wxe");
    bool written = out && fwrite(xml->data, 1, xml->len, out) == xml->len;
    if (out && fclose(out))
        written = false;
    if (!written)
        return error_set(err, DS_EUSAGE, "--suggest %s: %s", path, strerror(errno));
    log_info("rules that settle what is not mapped are in %s: read them, and put them into the map "
             "that <%s> names",
             path, option);
    return 0;
}

int migrate_suggest_for(const struct migrating *g, const char *step, const char *option,
                        struct buf *xml, struct ds_error *err)
{
    const char *path = g->in->suggest, *last = strrchr(step, '\\'), *dot = strrchr(path, '.');
    const size_t stem = dot && !strchr(dot, '/') ? (size_t)(dot - path) : strlen(path);
    BUF_AUTO struct buf name = {0};
    if (!strstr(buf_cstr(xml), "</ignore>") && !strstr(buf_cstr(xml), "</transform>"))
        return 0;
    if (buf_append(&name, path, stem) ||
        buf_printf(&name, ".%s%s", last ? last + 1 : step, path + stem))
        return error_set(err, DS_ENOMEM, "out of memory for rules");
    return write_suggestion(buf_cstr(&name), xml, option, err);
}

/* step: its documents; NULL: those that no step has. option: of the map with their rules; NULL:
 * there is none. */
static int check_integrity(struct migrating *g, const char *step, const char *option, bool *good,
                           struct ds_error *err)
{
    BUF_AUTO struct buf suggestion = {0};
    const struct config *c = &g->in->config;
    struct db_endpoint from = config_endpoint(c, true), to = config_endpoint(c, false);
    DB_AUTO MYSQL *source = NULL, *destination = NULL;
    unsigned fails = 0;
    to.database = NULL;
    int rc = db_connect(&source, &from, err);
    rc = rc ? rc : db_connect(&destination, &to, err);
    const struct map_integrity o = {.config = c,
                                    .filter = g->in->filter,
                                    .source = source,
                                    .destination = destination,
                                    .tell = tell_finding,
                                    .look = look_at_rows,
                                    .arg = g,
                                    .step = step,
                                    .own = g->own,
                                    .suggest = g->in->suggest && option ? &suggestion : NULL};
    rc = rc ? rc : map_integrity_check(&o, &fails, err);
    *good = !fails;
    if (rc || !o.suggest)
        return rc;
    return step ? migrate_suggest_for(g, step, option, &suggestion, err)
                : write_suggestion(g->in->suggest, &suggestion, option, err);
}

int migrate_map_integrity(struct migrating *g, bool *good, struct ds_error *err)
{
    return check_integrity(g, NULL, "map_file", good, err);
}

int migrate_own_integrity(struct migrating *g, bool *good, struct ds_error *err)
{
    const struct ds_step *step = migrate_own_step(g, g->step->classes[STAGE_INTEGRITY]);
    return check_integrity(g, step->name, step->map, good, err);
}

int migrate_step_integrity(struct migrating *g, const char *step, const char *option, bool *good,
                           struct ds_error *err)
{
    return check_integrity(g, step, option, good, err);
}

/* --- volume ---------------------------------------------------------------------------------- */

/* The source as it was at one position, and the destination when it has got there. */
struct sides {
    struct snapshot_source source;
    MYSQL *destination;
    struct target *schema[2]; /* source, destination */
    struct position at;
};

static void close_sides(struct sides *s)
{
    source_close(&s->source);
    db_close(&s->destination);
    for (size_t i = 0; i < 2; i++)
        target_free(s->schema[i]);
    position_free(&s->at);
}

static int open_source(struct migrating *g, struct sides *s, struct ds_error *err)
{
    const struct config *c = &g->in->config;
    const struct snapshot_options o = {.config = c};
    int rc = source_open(&s->source, c, err);
    if (rc == 0)
        rc = g->in->changelog ? source_begin_alone(&s->source, err)
                              : source_begin(&s->source, &o, &s->at, err);
    return rc ? rc : target_new(&s->schema[0], s->source.db, c->source.database, err);
}

static int open_destination(struct migrating *g, struct sides *s, struct ds_error *err)
{
    struct db_endpoint ep = config_endpoint(&g->in->config, false);
    int rc = db_connect(&s->destination, &ep, err);
    rc = rc ? rc : db_exec(s->destination, err, "SET SESSION sql_mode = '', time_zone = '+00:00'");
    return rc ? rc : target_new(&s->schema[1], s->destination, ep.database, err);
}

struct runner_options migrate_run_options(void)
{
    return (struct runner_options){.command = "migrate",
                                   .agent = true,
                                   .applier = true,
                                   .ends_by_itself = true,
                                   .map_in_part = true,
                                   .stop_at = {.kind = STOP_NEVER}};
}

int migrate_run(struct migrating *g, const struct runner_options *o)
{
    g->code = runner_once(g->in, o, &g->stopped);
    g->incomplete |= g->code == EXIT_INCOMPLETE;
    if (g->code == EXIT_INCOMPLETE)
        g->code = EXIT_DONE;
    return g->code;
}

int migrate_follow_to(struct migrating *g, const struct position *at)
{
    struct runner_options o = migrate_run_options();
    o.stop_at = (struct agent_stop_at){.kind = STOP_AT_POSITION, .position = *at};
    return migrate_run(g, &o);
}

/* Is the destination where the snapshot of the source is? */
static int reach_source(struct migrating *g, const struct sides *s, bool *reached,
                        struct ds_error *err)
{
    uint64_t rows = 0;
    if (!g->in->changelog) {
        *reached = migrate_follow_to(g, &s->at) == EXIT_DONE && !g->stopped;
        return 0;
    }
    int rc = migrate_changelog_pending(g, s->source.db, s->schema[0], &rows, err);
    *reached = rc == 0 && !rows;
    if (rc == 0 && rows)
        log_warn("not compared: the source goes on changing, and its change logs have %" PRIu64
                 " rows since: run it again when the shop is closed",
                 rows);
    return rc;
}

struct counting {
    const struct migrating *g;
    size_t different;
    struct load_noted *noted; /* what the copy has filled */
    struct buf others; /* condition: not of attributes that the PostProcessing step puts in order */
};

/* What the configuration's filter leaves out has not been copied, and what a delta does not follow
 * stays behind. */
static bool is_copied(void *arg, const char *document)
{
    const struct counting *c = arg;
    char table[300];
    if (c->g->mode == MIGRATION_DELTA && !map_follows(filter_map(c->g->in->filter), document))
        return false;
    snprintf(table, sizeof table, "%s%s", c->g->in->config.source.prefix, document);
    return filter_keeps(c->g->in->filter, table);
}

/* Rows are missing, and those that are there are as they should be. */
static bool is_cleaned(const struct migrating *g, const struct map_volume_difference *d)
{
    return (g->cleaned || g->mode == MIGRATION_DELTA) &&
           migrate_leftovers_changes(g, d->document) && d->source > d->destination && !*d->more &&
           !d->values;
}

/* Which rows are as the source has them; NULL: all. */
static const char *compared_rows(void *arg, const char *document)
{
    struct counting *c = arg;
    return c->others.len && migrate_multiselect_has(document) ? buf_cstr(&c->others) : NULL;
}

/* Rows are missing that the source may have twice. */
static bool is_double(const struct migrating *g, const struct map_volume_difference *d)
{
    return map_is_double(filter_map(g->in->filter), d->document) && d->source > d->destination &&
           !*d->more && !d->values;
}

static void tell_difference(void *arg, const struct map_volume_difference *d)
{
    struct counting *c = arg;
    if (is_cleaned(c->g, d)) {
        log_info("document=%s lacks rows that the PostProcessing step deletes: %" PRIu64,
                 d->document, d->source - d->destination);
        return;
    }
    if (is_double(c->g, d)) {
        log_info("document=%s lacks rows that the source has twice, by a unique key of the "
                 "destination's: %" PRIu64,
                 d->document, d->source - d->destination);
        return;
    }
    c->different++;
    if (d->source != d->destination || *d->missing || *d->more)
        log_error("Mismatch of entities in the document: %s Source: %" PRIu64
                  " Destination: %" PRIu64 "%s%s%s%s",
                  d->document, d->source, d->destination, *d->missing ? " Missing keys: " : "",
                  d->missing, *d->more ? " Keys that the source has not: " : "", d->more);
    if (d->values)
        log_error("Mismatch of values in the document: %s%s%s%s%s", d->document,
                  *d->columns ? " Fields: " : "", d->columns, *d->changed ? " Keys: " : "",
                  d->changed);
}

static bool was_filled(void *arg, const char *table)
{
    const struct counting *c = arg;
    return load_noted_has(c->noted, table, NULL);
}

static void show_progress(void *arg, uint64_t done, uint64_t all)
{
    (void)arg;
    progress_count(done, all);
}

/* step: its documents; NULL: those that no step has. */
static int compare_sides(struct counting *counted, struct sides *s, const char *step,
                         struct ds_error *err)
{
    size_t documents = 0;
    const struct invocation *in = counted->g->in;
    const struct config *c = &in->config;
    const struct map_volume_options o = {
        .map = filter_map(in->filter),
        .mask = filter_mask(in->filter),
        .source = {s->source.db, c->source.database, {s->schema[0], c->source.prefix}},
        .destination = {s->destination,
                        c->destination.database,
                        {s->schema[1], c->destination.prefix}},
        .arg = counted,
        .wanted = is_copied,
        .rows = compared_rows,
        .had = was_filled,
        .found = tell_difference,
        .progress = show_progress,
        .step = step,
        .own = counted->g->own};
    const struct load_options copied = {
        .name = c->name, .database = c->destination.database, .state_database = c->state_database};
    int rc = load_noted_read(&counted->noted, s->destination, &copied, err);
    rc = rc ? rc : map_volume(&o, &documents, err);
    load_noted_free(counted->noted);
    const struct map_columns *columns;
    for (size_t i = 0; rc == 0 && (columns = migrate_customer_columns(counted->g, i)); i++)
        if (step && strcmp(step, CUSTOMER_STEP) == 0)
            rc = map_flat_volume(&o, columns, err);
    if (rc == 0)
        log_info("documents that were compared: %zu", documents);
    return rc;
}

/* The source goes on meanwhile: it is asked in a snapshot, and the stream brought to that. */
static int check_volume(struct migrating *g, const char *step, bool *good, struct ds_error *err)
{
    struct sides s = {0};
    struct counting counted = {.g = g};
    bool reached = false;
    if (!migrate_asks_source(g)) {
        log_info("not compared: with --file the source is not asked; `datasync migrate delta "
                 "--once` without it compares");
        return 0;
    }
    int rc = open_source(g, &s, err);
    rc = rc ? rc : reach_source(g, &s, &reached, err);
    if (rc == 0 && reached) {
        rc = open_destination(g, &s, err);
        if (rc == 0 && (g->cleaned || g->mode == MIGRATION_DELTA))
            rc = migrate_multiselect_others(g, s.destination, &counted.others, err);
        rc = rc ? rc : compare_sides(&counted, &s, step, err);
    }
    *good = g->code == EXIT_DONE && !counted.different;
    buf_free(&counted.others);
    close_sides(&s);
    return rc;
}

int migrate_map_volume(struct migrating *g, bool *good, struct ds_error *err)
{
    return check_volume(g, NULL, good, err);
}

int migrate_own_volume(struct migrating *g, bool *good, struct ds_error *err)
{
    const struct ds_step *step = migrate_own_step(g, g->step->classes[STAGE_VOLUME]);
    return check_volume(g, step->name, good, err);
}

int migrate_step_volume(struct migrating *g, const char *step, bool *good, struct ds_error *err)
{
    return check_volume(g, step, good, err);
}

/* --- data, delta ----------------------------------------------------------------------------- */

/* Integrity has told what leads nowhere: it is settled, or to be left out. The rows of all steps
 * come in one stream, as of one position. */
static int run(struct migrating *g, const struct runner_options *o, bool *good,
               struct ds_error *err)
{
    if (g->streamed) {
        log_info("its rows have come with those of the steps before");
        return 0;
    }
    const bool asks = migrate_asks_source(g);
    int rc = asks ? migrate_custom_prepare(g, good, err) : 0;
    if (rc || !*good || g->stopped)
        return rc;
    if (!asks && migrate_has_eav(g))
        log_warn("attributes, sets and groups are left out: with --file the source is not asked "
                 "for them; `datasync migrate delta --once` without it brings them");
    if (g->mode == MIGRATION_DELTA && migrate_has_eav(g) && asks) {
        rc = migrate_eav_delta(g, o, good, err);
    } else {
        *good = migrate_run(g, o) == EXIT_DONE;
    }
    g->streamed = rc == 0 && *good;
    return rc;
}

int migrate_look_for_copy(struct migrating *g, bool *there, struct ds_error *err)
{
    struct stream_status s;
    int rc = stream_status_stopped(&s, &g->in->config, g->in->filter, err);
    if (rc)
        return rc;
    *there = s.applied_gtid || s.applied_file;
    stream_status_free(&s);
    return 0;
}

/* Delta goes on where data mode has come to, which has checked, copied and compared. A server that
 * cannot be reached is waited for. */
static int need_copy(struct migrating *g, struct ds_error *err)
{
    bool copied = false;
    int rc = migrate_look_for_copy(g, &copied, err);
    if (rc == DS_ECONN && !migrate_ends(g)) {
        error_clear(err);
        return 0;
    }
    return rc || copied ? rc
                        : error_set(err, DS_EUSAGE,
                                    "the destination holds no migration that delta could go on "
                                    "from: run `datasync migrate data` first, with the same name");
}

/* Before it is noted that a copy begins: a delta that runs shall go on as if nobody had tried. */
static int check_alone(const struct migrating *g, struct ds_error *err)
{
    struct stream_lock lock = STREAM_LOCK_NONE;
    int rc = state_dir_create(&g->in->config, err);
    rc = rc ? rc : stream_lock_take(&lock, &g->in->config, true, true, "migrate", err);
    stream_lock_release(&lock);
    return rc;
}

/* What is named, or all, is copied anew; what has been copied goes on. */
static int copy_or_follow(struct migrating *g, bool copied, bool *good, struct ds_error *err)
{
    const bool all = migrate_resets_all(g);
    struct runner_options o = migrate_run_options();
    o.resnapshot = all;
    o.stop_at.kind = STOP_AT_SOURCE_NOW;
    int rc = !copied || g->in->resnapshot ? check_alone(g, err) : 0;
    rc = rc ? rc : migrate_reset(g, copied && !all, err);
    *good = g->code == EXIT_DONE;
    if (rc || !*good || g->stopped)
        return rc;
    if (!copied && migrate_resets_some(g))
        log_info("nothing has been copied yet: all documents come");
    if (!copied || all)
        rc = migrate_data_begins(g, err);
    rc = rc ? rc : run(g, &o, good, err);
    return rc || !*good || g->stopped ? rc : migrate_reset_done(g, err);
}

int migrate_map_data(struct migrating *g, bool *good, struct ds_error *err)
{
    bool copied = false;
    if (g->streamed)
        return run(g, NULL, good, err);
    int rc = migrate_look_for_copy(g, &copied, err);
    g->cleaned |= copied && !migrate_resets_all(g);
    return rc ? rc : copy_or_follow(g, copied, good, err);
}

static int drain(struct migrating *g, bool *good, struct ds_error *err)
{
    if (g->streamed) {
        log_info("its rows have come with those of the steps before");
        return 0;
    }
    int rc = migrate_custom_prepare(g, good, err);
    if (rc || !*good || g->stopped)
        return rc;
    rc = migrate_changelog(g, good, err);
    g->streamed = rc == 0 && *good;
    return rc;
}

/* The position that the files go on from is the destination's. */
static int follow_files(struct migrating *g, bool *good, struct ds_error *err)
{
    struct runner_options o = migrate_run_options();
    o.range = true;
    o.files = g->in->files.items;
    o.file_count = g->in->files.count;
    return run(g, &o, good, err);
}

int migrate_map_delta(struct migrating *g, bool *good, struct ds_error *err)
{
    const bool once = g->in->once;
    struct runner_options o = migrate_run_options();
    o.ends_by_itself = once;
    o.retry_forever = !once;
    o.alongside = !once && migrate_increments_follow(g) ? migrate_increments_alongside : NULL;
    o.alongside_arg = g;
    o.stop_at.kind = once ? STOP_AT_SOURCE_NOW : STOP_NEVER;
    if (g->in->changelog)
        return drain(g, good, err);
    int rc = g->streamed ? 0 : need_copy(g, err);
    return rc ? rc : g->in->files.count ? follow_files(g, good, err) : run(g, &o, good, err);
}
