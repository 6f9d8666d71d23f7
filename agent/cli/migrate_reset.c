/* data --reset --document NAME, --step TITLE: documents that are copied again by themselves, while
 * all others stay where they are and go on.
 *
 * The rows are read as of one position of the source, the stream is brought there, and then the
 * tables that they go to are emptied and filled (applier/load.h). Before that the documents are
 * noted at the destination (applier/load_again.h): killed, the next `data` begins with them, and
 * `delta` refuses to go on. What other documents have in the same tables would be lost: those have
 * to be named, too.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/migrate.h"
#include "agent/cli/status.h"
#include "agent/producer.h"
#include "applier/load_again.h"
#include "applier/map/map_handler.h"
#include "applier/state.h"
#include "schema/crash.h"
#include "schema/db.h"
#include "schema/log.h"
#include "schema/message.h"

#define MAP_STEP "Migration\\Step\\Map"

struct document {
    const char *name;    /* at the source */
    const char **places; /* documents of the destination that its rows go to */
    size_t count;
    bool transactional;
    bool named;  /* it is copied again */
    bool needed; /* … and this would have to be, too */
};

struct resetting {
    struct migrating *g;
    struct target *source;
    struct document *documents; /* all whose rows go somewhere */
    size_t count, named;
    const char **noted; /* by an earlier run that did not end; NULL ends them */
    size_t noted_count;
    MYSQL *state;
    struct arena arena;
    struct snapshot *snapshot;
    struct position at;                  /* as of which rows are read */
    const struct entity_copy_options *o; /* of the copy in hand; NULL: it has not begun */
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for documents that are copied again");
}

static const struct map *map_of(const struct resetting *r)
{
    return filter_map(r->g->in->filter);
}

bool migrate_resets_some(const struct migrating *g)
{
    return g->in->documents.count || g->in->steps.count;
}

bool migrate_resets_all(const struct migrating *g)
{
    return g->in->resnapshot && !migrate_resets_some(g);
}

/* --- where rows of documents go -------------------------------------------------------------- */

static bool has_place(const struct document *d, const char *place)
{
    size_t i = 0;
    while (i < d->count && strcmp(d->places[i], place) != 0)
        i++;
    return i < d->count;
}

static void add_place(struct document *d, const char *place)
{
    if (place && !has_place(d, place))
        d->places[d->count++] = place;
}

/* Of the step that gives rows of others for its own; NULL: there is none. */
static const struct ds_step *giving_step(const struct resetting *r, const char *document)
{
    const struct handler *whose;
    const char *step = map_step_gives(map_of(r), document);
    return step ? handlers_step(r->g->own, step, &whose) : NULL;
}

static int find_places(struct resetting *r, struct document *d, struct ds_error *err)
{
    const struct map *map = map_of(r);
    const char *there = map_document(map, MAP_SOURCE, d->name);
    const struct ds_step *step = giving_step(r, d->name);
    const struct map_columns *columns = map_columns_of(map, d->name, true);
    size_t most = 2 + map_count(map), given = 0;
    while (step && step->destination[given])
        given++;
    d->places = arena_zalloc(&r->arena, (most + given) * sizeof *d->places);
    if (!d->places)
        return no_memory(err);
    add_place(d, there);
    for (size_t i = 0; i < given; i++)
        add_place(d, step->destination[i]);
    if (columns)
        add_place(d, map_document(map, MAP_SOURCE, columns->document));
    for (size_t i = 0; i < map_count(map); i++) {
        const struct map_rule *rule = map_at(map, i);
        const char *own = rule->side == MAP_SOURCE ? d->name : there;
        if (rule->kind == MAP_TRANSFORM && own && strcmp(rule->document, own) == 0)
            add_place(d, map_handler_writes(rule));
    }
    return 0;
}

/* All of the source's that are copied at all. */
static int find_documents(struct resetting *r, struct ds_error *err)
{
    const char *prefix = r->g->in->config.source.prefix;
    const size_t skip = strlen(prefix);
    int rc = 0;
    r->documents = arena_zalloc(&r->arena, (target_count(r->source) + 1) * sizeof *r->documents);
    if (!r->documents)
        return no_memory(err);
    for (uint32_t i = 0; i < target_count(r->source) && rc == 0; i++) {
        const struct target_table *t = target_at(r->source, i);
        struct document *d = &r->documents[r->count];
        if (!t->exists || t->view || strncmp(t->name, prefix, skip) != 0 ||
            !filter_keeps(r->g->in->filter, t->name) || map_watches(map_of(r), t->name + skip))
            continue;
        d->name = t->name + skip;
        d->transactional = t->transactional;
        rc = find_places(r, d, err);
        r->count += d->count > 0;
        if (!d->count)
            *d = (struct document){0};
    }
    return rc;
}

/* --- which are named ------------------------------------------------------------------------- */

static void name_one(struct resetting *r, struct document *d)
{
    r->named += !d->named;
    d->named = true;
}

static int why_not(const struct resetting *r, const char *name, struct ds_error *err)
{
    const struct map_rule *rule = map_ignored(map_of(r), MAP_SOURCE, name);
    if (map_watches(map_of(r), name))
        return error_set(err, DS_EUSAGE,
                         "--document %s: the EAV step compares it at each run, there is nothing to "
                         "reset",
                         name);
    if (rule && rule->line)
        return error_set(err, DS_EUSAGE, "--document %s: the map ignores it (%s:%u)", name,
                         rule->file, rule->line);
    return error_set(err, DS_EUSAGE,
                     "--document %s: the source has no such document that is migrated; name it as "
                     "in map.xml, without its prefix",
                     name);
}

static int name_document(struct resetting *r, const char *name, struct ds_error *err)
{
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->documents[i].name, name) == 0) {
            name_one(r, &r->documents[i]);
            return 0;
        }
    return why_not(r, name, err);
}

/* By the namespace of its classes. */
static bool is_of_step(const struct resetting *r, const struct document *d, const char *class)
{
    const char *own = map_step(map_of(r), MAP_SOURCE, d->name), *last = strrchr(class, '\\');
    class += *class == '\\';
    const size_t len = last > class ? (size_t)(last - class) : 0;
    if (!own)
        return len == strlen(MAP_STEP) && memcmp(class, MAP_STEP, len) == 0;
    return strlen(own) == len && memcmp(own, class, len) == 0;
}

static int no_such_step(const struct migrating *g, const char *title, struct ds_error *err)
{
    BUF_AUTO struct buf titles = {0};
    for (size_t i = 0; i < migration_step_count(g->migration, g->mode); i++)
        if (buf_printf(&titles, "%s\"%s\"", i ? ", " : "",
                       migration_step_at(g->migration, g->mode, i)->title))
            return no_memory(err);
    return error_set(err, DS_EUSAGE, "--step: %s has no step \"%s\" of mode %s, but %s",
                     migration_path(g->migration), title, migration_mode_name(g->mode),
                     buf_cstr(&titles));
}

static int name_step(struct resetting *r, const char *title, struct ds_error *err)
{
    const struct migrating *g = r->g;
    const struct migration_step *s = NULL;
    bool any = false;
    for (size_t i = 0; i < migration_step_count(g->migration, g->mode) && !s; i++)
        if (strcmp(migration_step_at(g->migration, g->mode, i)->title, title) == 0)
            s = migration_step_at(g->migration, g->mode, i);
    if (!s)
        return no_such_step(g, title, err);
    for (size_t i = 0; i < r->count && s->classes[STAGE_DATA]; i++)
        if (is_of_step(r, &r->documents[i], s->classes[STAGE_DATA])) {
            name_one(r, &r->documents[i]);
            any = true;
        }
    if (!any)
        log_info("step \"%s\" has no documents of its own: it does its work anew at each run",
                 title);
    return 0;
}

/* Do rows of two documents go to one table? NULL: no. */
static const char *shared_place(const struct document *a, const struct document *b)
{
    for (size_t i = 0; i < a->count; i++)
        if (has_place(b, a->places[i]))
            return a->places[i];
    return NULL;
}

static int check_engine(const struct document *d, struct ds_error *err)
{
    return !d->named || d->transactional
               ? 0
               : error_set(err, DS_EUNSUPPORTED,
                           "--reset: table %s of the source is not transactional, and cannot be "
                           "copied as of the position of others: ALTER TABLE … ENGINE = InnoDB "
                           "there",
                           d->name);
}

/* One more document whose rows are where those of a named one go; NULL: none. */
static struct document *find_needed(const struct resetting *r, const struct document **beside,
                                    const char **place)
{
    for (size_t i = 0; i < r->count; i++)
        for (size_t k = 0; k < r->count && (r->documents[i].named || r->documents[i].needed); k++) {
            struct document *b = &r->documents[k];
            *beside = &r->documents[i];
            *place = b->named || b->needed ? NULL : shared_place(*beside, b);
            if (*place)
                return b;
        }
    return NULL;
}

/* And what is needed for those that are, so that one more try does. */
static int check_alone(struct resetting *r, struct ds_error *err)
{
    const char *place;
    const struct document *beside;
    struct document *needed = find_needed(r, &beside, &place);
    BUF_AUTO struct buf why = {0};
    if (!needed)
        return 0;
    int rc = buf_printf(&why,
                        "rows of %s go to %s, where those of %s are, too, which would be lost: "
                        "name all,",
                        beside->name, place, needed->name);
    for (; needed; needed = find_needed(r, &beside, &place))
        needed->needed = true;
    for (size_t i = 0; i < r->count; i++)
        if (r->documents[i].named || r->documents[i].needed)
            rc |= buf_printf(&why, " --document %s", r->documents[i].name);
    return rc ? no_memory(err) : error_set(err, DS_EUSAGE, "--reset: %s", buf_cstr(&why));
}

static int check_whole(struct resetting *r, struct ds_error *err)
{
    int rc = 0;
    for (size_t i = 0; i < r->count && rc == 0; i++)
        rc = check_engine(&r->documents[i], err);
    return rc ? rc : check_alone(r, err);
}

static int name_all(struct resetting *r, struct ds_error *err)
{
    const struct invocation *in = r->g->in;
    int rc = find_documents(r, err);
    for (size_t i = 0; i < in->documents.count && rc == 0; i++)
        rc = name_document(r, in->documents.items[i], err);
    for (size_t i = 0; i < in->steps.count && rc == 0; i++)
        rc = name_step(r, in->steps.items[i], err);
    for (size_t i = 0; i < r->noted_count && rc == 0; i++)
        rc = name_document(r, r->noted[i], err);
    return rc ? rc : check_whole(r, err);
}

/* --- the copy -------------------------------------------------------------------------------- */

static struct document *find_table(const struct resetting *r, const char *table)
{
    const char *prefix = r->g->in->config.source.prefix;
    const size_t skip = strlen(prefix);
    for (size_t i = 0; i < r->count; i++)
        if (strncmp(table, prefix, skip) == 0 && strcmp(r->documents[i].name, table + skip) == 0)
            return &r->documents[i];
    return NULL;
}

static bool is_wanted(void *arg, const char *table)
{
    const struct document *d = find_table(arg, table);
    return d && d->named;
}

static int put(void *arg, const void *message, size_t len, struct ds_error *err)
{
    const struct resetting *r = arg;
    return r->o->put(r->o->arg, message, len, err);
}

static bool stop_requested(void *arg)
{
    const struct resetting *r = arg;
    return r->o && r->o->stop_requested(r->o->arg);
}

static void progress(void *arg, const struct snapshot_progress *p)
{
    const struct resetting *r = arg;
    if (r->o && r->o->progress)
        r->o->progress(r->o->arg, p->table, p->rows, p->rows_estimate);
}

static int produce(void *arg, const struct entity_copy_options *o, struct position *end,
                   struct ds_error *err)
{
    struct resetting *r = arg;
    BUF_AUTO struct buf message = {0};
    struct position at = {.file.pos = 1};
    snprintf(at.file.file, sizeof at.file.file, POSITION_COPY_FILE "%06u", o->number);
    const struct msg_commit m = {.file = {(const uint8_t *)at.file.file, strlen(at.file.file)},
                                 .pos = at.file.pos};
    r->o = o;
    int rc = snapshot_some_copy(r->snapshot, err);
    if (rc == 0 && message_write_commit(&message, &m))
        rc = no_memory(err);
    rc = rc ? rc : o->put(o->arg, message.data, message.len, err);
    rc = rc ? rc : o->mark(o->arg, &at, err);
    return rc || position_copy(end, &at) == 0 ? rc : no_memory(err);
}

static void copy(struct resetting *r)
{
    static const struct entity_selection none = {0};
    const struct producer producer = {r, produce};
    struct runner_options o = migrate_run_options();
    o.range = true;
    o.copy = &none;
    o.producer = &producer;
    (void)migrate_run(r->g, &o);
}

/* Another process may have taken the stream on meanwhile: then older rows stand there now. */
static int check_unmoved(const struct resetting *r, struct ds_error *err)
{
    struct stream_status s;
    struct position now = {0};
    int rc = stream_status_stopped(&s, &r->g->in->config, r->g->in->filter, err);
    if (rc)
        return rc;
    rc = s.applied_gtid ? gtid_set_parse(&now.gtid, s.applied_gtid, err) : 0;
    snprintf(now.file.file, sizeof now.file.file, "%s", s.applied_file ? s.applied_file : "");
    now.file.pos = s.applied_position;
    if (rc == 0 && !position_reached(&now, &r->at))
        rc = error_set(err, DS_EPOSITION,
                       "another process has followed the source while documents were copied again: "
                       "run `datasync migrate data` once more, which copies them");
    position_free(&now);
    stream_status_free(&s);
    return rc;
}

/* What has happened to rows that go now is no conflict: often it is why they are copied again. */
static bool goes(void *arg, const char *table)
{
    const struct resetting *r = arg;
    const char *prefix = r->g->in->config.destination.prefix;
    const size_t skip = strlen(prefix);
    size_t i = strncmp(table, prefix, skip) == 0 ? 0 : r->count;
    while (i < r->count && !(r->documents[i].named && has_place(&r->documents[i], table + skip)))
        i++;
    return i < r->count;
}

static void follow(struct resetting *r)
{
    struct runner_options o = migrate_run_options();
    o.void_next = goes;
    o.void_arg = r;
    o.stop_at = (struct agent_stop_at){.kind = STOP_AT_POSITION, .position = r->at};
    (void)migrate_run(r->g, &o);
}

/* Under which notes are kept. */
struct note_name {
    char text[64];
};

static struct note_name note_name(const struct migrating *g, const char *of)
{
    struct note_name name;
    snprintf(name.text, sizeof name.text, "%s.%s", g->in->config.name, of);
    return name;
}

static int note_all(struct resetting *r, struct ds_error *err)
{
    const struct config *c = &r->g->in->config;
    const struct note_name name = note_name(r->g, "reset");
    int rc = state_ensure(r->state, c->state_database, err);
    for (size_t i = 0; i < r->count && rc == 0; i++)
        if (r->documents[i].named)
            rc = load_again_note(r->state, c->state_database, name.text, r->documents[i].name, err);
    return rc;
}

static int forget_notes(struct resetting *r, struct ds_error *err)
{
    const struct config *c = &r->g->in->config;
    const struct note_name name = note_name(r->g, "reset"), copied = note_name(r->g, "sync");
    return load_again_done(r->state, c->state_database, name.text, copied.text, err);
}

static int copy_again(struct resetting *r, struct ds_error *err)
{
    struct migrating *g = r->g;
    const struct snapshot_options o = {.config = &g->in->config,
                                       .filter = g->in->filter,
                                       .first_table_id = 1,
                                       .arg = r,
                                       .put = put,
                                       .stop_requested = stop_requested,
                                       .wanted = is_wanted,
                                       .progress = progress};
    int rc = note_all(r, err);
    crash_point("reset.noted");
    rc = rc ? rc : snapshot_some_open(&r->snapshot, &o, &r->at, err);
    if (rc == 0)
        follow(r);
    if (rc == 0 && g->code == EXIT_DONE && !g->stopped) {
        log_info("documents that are copied again: %zu", r->named);
        copy(r);
    }
    snapshot_some_free(r->snapshot);
    crash_point("reset.copied");
    if (rc || g->code != EXIT_DONE || g->stopped)
        return rc;
    rc = check_unmoved(r, err);
    return rc ? rc : forget_notes(r, err);
}

/* --------------------------------------------------------------------------------------------- */

static int take_noted(void *arg, const char *document, struct ds_error *err)
{
    struct resetting *r = arg;
    const char **more = arena_zalloc(&r->arena, (r->noted_count + 1) * sizeof *more);
    const char *name = arena_strdup(&r->arena, document);
    if (!more || !name)
        return no_memory(err);
    if (r->noted_count)
        memcpy(more, r->noted, r->noted_count * sizeof *more);
    r->noted = more;
    r->noted[r->noted_count++] = name;
    return 0;
}

static int connect_state(const struct migrating *g, MYSQL **state, struct ds_error *err)
{
    struct db_endpoint ep = config_endpoint(&g->in->config, false);
    ep.database = NULL;
    return db_connect(state, &ep, err);
}

static int open_state(struct resetting *r, struct ds_error *err)
{
    const char *database = r->g->in->config.state_database;
    const struct note_name name = note_name(r->g, "reset");
    int rc = connect_state(r->g, &r->state, err);
    return rc ? rc : load_again_read(r->state, database, name.text, r, take_noted, err);
}

/* --- data mode, from its copy to its last step ----------------------------------------------- */

int migrate_data_begins(struct migrating *g, struct ds_error *err)
{
    const char *database = g->in->config.state_database;
    const struct note_name name = note_name(g, "data");
    DB_AUTO MYSQL *state = NULL;
    int rc = connect_state(g, &state, err);
    rc = rc ? rc : state_ensure(state, database, err);
    return rc ? rc : load_again_note(state, database, name.text, "data", err);
}

int migrate_data_ends(struct migrating *g, struct ds_error *err)
{
    const char *database = g->in->config.state_database;
    const struct note_name name = note_name(g, "data");
    DB_AUTO MYSQL *state = NULL;
    bool exists = false;
    int rc = connect_state(g, &state, err);
    rc = rc ? rc : state_exists(state, database, &exists, err);
    return rc || !exists ? rc : load_again_done(state, database, name.text, NULL, err);
}

static int take_begun(void *arg, const char *what, struct ds_error *err)
{
    (void)arg, (void)what;
    return error_set(err, DS_EUSAGE,
                     "data mode has not come to its end, and what its last steps do is not done: "
                     "run `datasync migrate data` first, which goes on from where it was");
}

/* --------------------------------------------------------------------------------------------- */

static void close_all(struct resetting *r)
{
    position_free(&r->at);
    db_close(&r->state);
    target_free(r->source);
    arena_free(&r->arena);
}

int migrate_reset_check(struct migrating *g, struct ds_error *err)
{
    struct resetting r = {.g = g};
    int rc = open_state(&r, err);
    if (rc == 0 && r.noted_count)
        rc = error_set(err, DS_EUSAGE,
                       "document %s is being copied again by a `migrate data --reset` that did not "
                       "come to its end: run `datasync migrate data` first, which goes on with it",
                       r.noted[0]);
    if (rc == 0)
        rc = load_again_read(r.state, g->in->config.state_database, note_name(g, "data").text, g,
                             take_begun, err);
    close_all(&r);
    return rc;
}

int migrate_reset(struct migrating *g, bool copied, struct ds_error *err)
{
    struct resetting r = {.g = g};
    int rc = open_state(&r, err);
    if (rc == 0 && copied && (r.noted_count || migrate_resets_some(g))) {
        struct db_endpoint ep = config_endpoint(&g->in->config, true);
        DB_AUTO MYSQL *source = NULL;
        rc = db_connect(&source, &ep, err);
        rc = rc ? rc : target_new(&r.source, source, ep.database, err);
        rc = rc ? rc : name_all(&r, err);
        if (rc == 0 && r.named)
            rc = copy_again(&r, err);
    }
    close_all(&r);
    return rc;
}

int migrate_reset_done(struct migrating *g, struct ds_error *err)
{
    struct resetting r = {.g = g};
    int rc = open_state(&r, err);
    if (rc == 0 && r.noted_count)
        rc = forget_notes(&r, err);
    close_all(&r);
    return rc;
}
