/* Whole entities instead of the binlog, for `sync` and `incremental --tracker`, or what a producer
 * makes. */
#include <stdio.h>
#include <string.h>

#include "agent/agent_state.h"
#include "agent/producer.h"
#include "agent/tracker.h"
#include "agent/where_check.h"
#include "schema/db.h"

enum {
    APPLIER_STEP_MS = 10,
    FLUSH_MS = 5, /* the applier need not wait until much has come together */
};

static int put(void *arg, const void *message, size_t len, struct ds_error *err)
{
    return spool_put(((struct agent *)arg)->options.spool, message, len, err);
}

static int mark(void *arg, const struct position *at, struct ds_error *err)
{
    struct agent *a = arg;
    uint64_t now = agent_clock_ms();
    int rc = spool_mark(a->options.spool, at, err);
    if (rc || now - a->last_flush_ms < FLUSH_MS)
        return rc;
    a->last_flush_ms = now;
    return spool_flush(a->options.spool, err);
}

static bool stop_requested(void *arg)
{
    return agent_stopping(arg);
}

static void progress(void *arg, const char *entity, uint64_t done, uint64_t count)
{
    struct agent *a = arg;
    pthread_mutex_lock(&a->mutex);
    snprintf(a->status.snapshot_table, sizeof a->status.snapshot_table, "%s", entity);
    a->status.copies = true;
    a->status.copied = done;
    a->status.copied_estimate = count;
    pthread_mutex_unlock(&a->mutex);
}

static struct entity_copy_options options(struct agent *a)
{
    return (struct entity_copy_options){.config = a->options.config,
                                        .catalogue = a->options.catalogue,
                                        .filter = a->options.filter,
                                        .masker = a->masker,
                                        .number = 1,
                                        .arg = a,
                                        .put = put,
                                        .mark = mark,
                                        .stop_requested = stop_requested,
                                        .progress = progress};
}

int copy_before_stream(struct agent *a, uint32_t number, struct position *end, struct ds_error *err)
{
    struct entity_copy_options o = options(a);
    o.number = number;
    o.follows = true;
    int rc = entity_copy(&o, end, err);
    return rc ? rc : spool_flush(a->options.spool, err);
}

#ifdef HAVE_CSV
static int copy_file(struct agent *a, const struct entity_copy_options *o, struct position *end,
                     struct ds_error *err)
{
    uint64_t invalid = 0;
    int rc = csv_copy(a->options.csv, o, &invalid, end, err);
    pthread_mutex_lock(&a->mutex);
    a->status.invalid = invalid;
    pthread_mutex_unlock(&a->mutex);
    return rc;
}
#else
static int copy_file(struct agent *a, const struct entity_copy_options *o, struct position *end,
                     struct ds_error *err)
{
    (void)a, (void)o, (void)end;
    return error_set(err, DS_EUSAGE, "this datasync was built without CSV files (-Dcsv)");
}
#endif

/* Wait until the destination has committed everything up to here. */
static int wait_committed(struct agent *a, const struct position *at, struct ds_error *err)
{
    bool there = at->file.pos == 0; /* nothing has been handed out */
    int rc = there ? 0 : spool_flush(a->options.spool, err);
    while (rc == 0 && !there) {
        struct spool_state st;
        rc = spool_state_get(a->options.spool, &st, err);
        if (rc)
            break;
        there = st.applier_known && !st.applied_none && position_reached(at, &st.applied);
        spool_state_free(&st);
        if (!there)
            rc = agent_sleep(a, APPLIER_STEP_MS);
    }
    return rc == DS_ESTOPPED ? error_set(err, rc, "asked to stop during the copy") : rc;
}

static int kind_done(void *arg, const struct catalogue_entity *e, const struct position *at,
                     struct ds_error *err)
{
    struct agent *a = arg;
    int rc = wait_committed(a, at, err);
    return rc ? rc : tracker_mark(a->tracker, e, err);
}

/* What the tracker at the source names. */
static int copy_tracked(struct agent *a, struct entity_copy_options *o, struct position *end,
                        struct ds_error *err)
{
    const struct agent_options *options = &a->options;
    struct entity_selection *s = &o->selection;
    int rc = tracker_open(&a->tracker, options->config, options->catalogue, options->filter,
                          options->tracker, err);
    rc = rc ? rc : tracker_read(a->tracker, err);
    if (rc)
        return rc;
    s->listed = true;
    s->kinds = tracker_kinds(a->tracker, &s->kind_count);
    o->kind_done = options->tracker->mark ? kind_done : NULL;
    return entity_copy(o, end, err);
}

static int copy_what(struct agent *a, struct position *end, struct ds_error *err)
{
    struct entity_copy_options o = options(a);
    const struct producer *p = a->options.producer;
    o.selection = *a->options.copy;
    o.known = a->options.known;
    if (p)
        return p->produce(p->arg, &o, end, err);
    return a->options.tracker ? copy_tracked(a, &o, end, err)
           : a->options.csv   ? copy_file(a, &o, end, err)
                              : entity_copy(&o, end, err);
}

/* Masks and conditions fit the source. */
static int open_rules(struct agent *a, struct ds_error *err)
{
    const struct db_endpoint endpoint = config_endpoint(a->options.config, true);
    DB_AUTO MYSQL *source = NULL;
    int rc = agent_masker_open(a, true, err);
    if (rc || !filter_where_table(a->options.filter, 0))
        return rc;
    rc = db_connect(&source, &endpoint, err);
    return rc ? rc : where_check(a->options.filter, a->options.config, source, true, err);
}

/* Before anything is copied. A copy that has begun cannot go on where it was lost. */
static int wait_for_source(struct agent *a, struct ds_error *err)
{
    const struct db_endpoint endpoint = config_endpoint(a->options.config, true);
    int rc = 0;
    a->last_good_ms = agent_clock_ms();
    while (rc == 0) {
        DB_AUTO MYSQL *source = NULL;
        rc = db_connect(&source, &endpoint, err);
        if (rc == 0)
            break;
        rc = rc == DS_ECONN ? agent_back_off(a, rc, err) : rc;
    }
    if (rc == 0)
        error_clear(err);
    return rc;
}

int copy_entities(struct agent *a, struct ds_error *err)
{
    const bool asks_source = !a->options.csv && !a->options.producer;
    struct position end = {0};
    int rc = agent_wait_applier(a, err);
    if (rc == 0 && asks_source)
        rc = wait_for_source(a, err);
    agent_set_state(a, AGENT_SNAPSHOT, NULL);
    if (rc == 0 && asks_source)
        rc = open_rules(a, err);
    if (rc == 0)
        rc = spool_writer_reset(a->options.spool, NULL, "copy", NULL, err);
    if (rc == 0)
        rc = copy_what(a, &end, err);
    if (rc == 0)
        rc = spool_flush(a->options.spool, err);
    pthread_mutex_lock(&a->mutex);
    position_free(&a->status.read);
    if (rc == 0 && position_copy(&a->status.read, &end))
        rc = error_set(err, DS_ENOMEM, "out of memory");
    a->status.at_end = true;
    pthread_mutex_unlock(&a->mutex);
    position_free(&end);
    return rc;
}
