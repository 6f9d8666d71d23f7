/* Attributes, sets and groups that the source makes, changes and deletes while `delta` follows it.
 *
 * They are compared as a whole, as of one position of the source. What is new or other is written
 * before the stream comes to that position: what follows may refer to it. What is gone is deleted
 * when the stream has got there: what came before may refer to it. Then the stream goes on, until
 * a change of these tables comes (runner_options.met), before which it ends; and all begins again.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/migrate_eav.h"
#include "agent/cli/runner.h"
#include "applier/map/map_stream.h"
#include "schema/list.h"
#include "schema/log.h"

enum { IDS_AT_ONCE = 500 };

struct ids { /* by table */
    uint64_t *items[EAV_TABLES];
    size_t count[EAV_TABLES], capacity[EAV_TABLES];
};

struct state {        /* as of the position */
    struct ids gone;  /* what the destination has and the source no more */
    struct ids known; /* what either has, in order */
};

bool migrate_has_eav(const struct migrating *g)
{
    for (size_t i = 0; i < migration_step_count(g->migration, MIGRATION_DATA); i++) {
        const char *class = migration_step_at(g->migration, MIGRATION_DATA, i)->classes[STAGE_DATA];
        if (class && migrate_stage_find(g, class, STAGE_DATA) == migrate_eav_data)
            return true;
    }
    return false;
}

int migrate_watch_eav(const struct migrating *g, struct map *map, struct ds_error *err)
{
    int rc = 0;
    for (int i = 0; i < EAV_TABLES && rc == 0 && migrate_has_eav(g); i++)
        rc = map_watch(map,
                       &(struct map_watched){eav_documents[i].name, eav_documents[i].id,
                                             i == EAV_ATTRIBUTES ? "attribute_code"
                                             : i == EAV_SETS     ? "attribute_set_name"
                                                                 : NULL},
                       err);
    return rc;
}

static int add_id(struct ids *to, int table, uint64_t id, struct ds_error *err)
{
    if (LIST_ROOM(to->items[table], to->count[table], to->capacity[table]))
        return eav_no_memory(err);
    to->items[table][to->count[table]++] = id;
    return 0;
}

static void ids_free(struct ids *x)
{
    for (int t = 0; t < EAV_TABLES; t++)
        free(x->items[t]);
}

static int by_number(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* A row that came and went before the position. */
static bool is_passing(void *arg, const char *document, uint64_t id)
{
    const struct state *state = arg;
    int t = 0;
    while (t < EAV_TABLES && strcmp(eav_documents[t].name, document) != 0)
        t++;
    return t < EAV_TABLES &&
           !(state->known.count[t] &&
             bsearch(&id, state->known.items[t], state->known.count[t], sizeof id, by_number));
}

/* --- as of one position ---------------------------------------------------------------------- */

static int take_ids(const struct eav_step *s, struct state *state, struct ds_error *err)
{
    int rc = 0;
    for (int t = 0; t < EAV_TABLES && rc == 0; t++) {
        const struct eav_merge *m = &s->tables[t];
        for (size_t i = 0; i < m->ours.count && rc == 0; i++)
            rc = add_id(&state->known, t, m->ours.items[i].id, err);
        for (size_t i = 0; i < m->theirs.count && rc == 0; i++) {
            const struct eav_row *row = &m->theirs.items[i];
            if (!eav_is_standing(row)) /* else the stream was killed before it went */
                rc = add_id(&state->known, t, row->final, err);
            if (rc == 0 && row->gone && row->id && eav_documents[t].id)
                rc = add_id(&state->gone, t, row->final, err);
        }
        if (rc == 0 && state->known.count[t])
            qsort(state->known.items[t], state->known.count[t], sizeof *state->known.items[t],
                  by_number);
    }
    return rc;
}

static int bring(struct migrating *g, struct position *at, struct state *state, bool *good,
                 struct ds_error *err)
{
    struct eav_step *s;
    int rc = eav_step_open(&s, g, at, err);
    rc = rc ? rc : eav_compute(s, err);
    rc = rc ? rc : take_ids(s, state, err);
    rc = rc ? rc : eav_memory_write(s, err);
    if (rc == 0) {
        const struct row_changes *c = &s->changes;
        if (c->inserted + c->updated + c->deleted)
            log_info("attributes, sets and groups of the source: new=%" PRIu64 " changed=%" PRIu64
                     " called_otherwise=%" PRIu64,
                     c->inserted, c->updated, c->deleted);
        step_sides_close(&s->sides);
        rc = row_changes_write(g, c, good, err);
    }
    if (s)
        eav_step_close(s);
    return rc;
}

/* --- what is gone ---------------------------------------------------------------------------- */

static int delete_rows(struct migrating *g, struct row_changes *changes, int table,
                       const char *column, const struct ids *gone, int of, size_t first,
                       struct ds_error *err)
{
    const struct config *c = &g->in->config;
    struct snapshot_source side = {0};
    struct whole_table t = {0};
    BUF_AUTO struct buf where = {0}, name = {0};
    int rc = buf_printf(&name, "%s%s", c->destination.prefix, eav_documents[table].name) |
             buf_printf(&where, "%s IN (", column);
    for (size_t i = first; i < gone->count[of] && i < first + IDS_AT_ONCE; i++)
        rc |= buf_printf(&where, "%s%" PRIu64, i > first ? "," : "", gone->items[of][i]);
    if (rc | buf_puts(&where, ")"))
        return eav_no_memory(err);
    rc = source_open_destination(&side, c, err);
    rc = rc ? rc
            : whole_table_read_where(&t, &side, buf_cstr(&name), 0, buf_cstr(&where), 0,
                                     c->max_event, err);
    t.plan.id = (uint32_t)table + 1;
    const struct wanted_rows none = {.here = &t, .only = true};
    rc = rc ? rc : row_changes_add(changes, &none, err);
    source_close(&side);
    whole_table_free(&t);
    return rc;
}

/* With what hangs on them: the destination's foreign keys take their values. */
static int delete_gone(struct migrating *g, const struct ids *gone, bool *good,
                       struct ds_error *err)
{
    struct row_changes changes = {0};
    int rc = 0;
    for (int t = 0; t < EAV_TABLES && rc == 0; t++) {
        const int of = eav_documents[t].id ? t : EAV_ATTRIBUTES;
        const char *column = eav_documents[t].id ? eav_documents[t].id : "attribute_id";
        for (size_t i = 0; i < gone->count[of] && rc == 0; i += IDS_AT_ONCE)
            rc = delete_rows(g, &changes, t, column, gone, of, i, err);
    }
    if (rc == 0 && changes.deleted)
        log_info("attributes, sets and groups that the source has no more: rows=%" PRIu64,
                 changes.deleted);
    rc = rc ? rc : row_changes_write(g, &changes, good, err);
    row_changes_free(&changes);
    return rc;
}

/* --------------------------------------------------------------------------------------------- */

static int cycle(struct migrating *g, const struct runner_options *o, bool *good,
                 struct ds_error *err)
{
    struct position at = {0};
    struct state state = {0};
    const struct map_passing passing = {&state, is_passing};
    int rc = bring(g, &at, &state, good, err);
    if (rc == 0 && *good && !g->stopped) {
        struct runner_options there = *o;
        there.stop_at = (struct agent_stop_at){.kind = STOP_AT_POSITION, .position = at};
        there.ends_by_itself = true;
        there.passing = &passing;
        *good = migrate_run(g, &there) == EXIT_DONE;
    }
    if (rc == 0 && *good && !g->stopped)
        rc = delete_gone(g, &state.gone, good, err);
    ids_free(&state.gone);
    ids_free(&state.known);
    position_free(&at);
    return rc;
}

/* In one of its own runs that do not wait for a server; the others have said why. */
static int end_of_cycle(const struct migrating *g, int rc, bool good, struct ds_error *err)
{
    return rc == 0 && !good && g->code == EXIT_UNREACHABLE
               ? error_set(err, DS_ECONN, "a server could not be reached")
               : rc;
}

int migrate_eav_delta(struct migrating *g, const struct runner_options *o, bool *good,
                      struct ds_error *err)
{
    bool met = true;
    unsigned seconds = 0;
    int rc = 0;
    *good = true;
    while (met && rc == 0 && *good && !g->stopped) {
        struct runner_options on = *o;
        rc = cycle(g, o, good, err);
        rc = end_of_cycle(g, rc, *good, err);
        if (rc && migrate_waits(g, &seconds, err)) { /* it begins anew */
            rc = 0;
            g->code = EXIT_DONE;
            *good = true;
            continue;
        }
        if (rc || !*good || g->stopped || g->in->once)
            break;
        seconds = 0;
        met = false;
        on.met = &met;
        *good = migrate_run(g, &on) == EXIT_DONE;
    }
    return rc;
}
