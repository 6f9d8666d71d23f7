#include "agent/cli/migrate_sides.h"

#include <string.h>

#include "agent/cli/migrate_fit.h"
#include "applier/map/map_check.h"
#include "schema/log.h"

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for tables of a step");
}

int step_sides_open(struct step_sides *s, const struct config *config, struct ds_error *err)
{
    return step_sides_open_at(s, config, NULL, err);
}

int step_sides_open_at(struct step_sides *s, const struct config *config, struct position *at,
                       struct ds_error *err)
{
    const struct snapshot_options o = {.config = config};
    *s = (struct step_sides){0};
    int rc = source_open(&s->source, config, err);
    rc = rc ? rc : source_open_destination(&s->destination, config, err);
    rc = rc ? rc : at ? source_begin(&s->source, &o, at, err) : source_begin_alone(&s->source, err);
    return rc ? rc : source_begin_alone(&s->destination, err);
}

void step_sides_close(struct step_sides *s)
{
    source_close(&s->source);
    source_close(&s->destination);
}

int step_has_table(MYSQL *db, const char *prefix, const char *document, bool *has,
                   struct ds_error *err)
{
    BUF_AUTO struct buf name = {0}, literal = {0};
    uint64_t count = 0;
    bool found;
    if (buf_printf(&name, "%s%s", prefix, document) || sql_string(&literal, name.data, name.len))
        return no_memory(err);
    int rc = db_scalar_u64(db, &count, &found, err,
                           "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = "
                           "DATABASE() AND TABLE_NAME = %s",
                           buf_cstr(&literal));
    *has = count > 0;
    return rc;
}

int step_side_check(struct snapshot_source *side, bool source, const char *prefix,
                    const char *const *documents, bool *good, struct ds_error *err)
{
    BUF_AUTO struct buf missing = {0};
    int rc = 0;
    for (; *documents && rc == 0; documents++) {
        bool has = false;
        rc = step_has_table(side->db, prefix, *documents, &has, err);
        if (rc == 0 && !has && buf_printf(&missing, "%s%s", missing.len ? "," : "", *documents))
            rc = no_memory(err);
    }
    if (rc == 0 && missing.len)
        log_error("%s documents are missing: %s", source ? "Source" : "Destination",
                  buf_cstr(&missing));
    *good &= !missing.len;
    return rc;
}

/* --- structures ------------------------------------------------------------------------------ */

static bool is_listed(const struct map *map, enum map_side side, const char *const *documents,
                      const char *name)
{
    for (; *documents; documents++) {
        const char *document = map_document(map, MAP_SOURCE, *documents);
        if (document && strcmp(name, side == MAP_SOURCE ? *documents : document) == 0)
            return true;
    }
    return false;
}

static void leave_only(const struct map *map, enum map_side side, struct target *schema,
                       const char *prefix, const char *const *documents)
{
    const size_t len = strlen(prefix);
    for (uint32_t i = 0; i < target_count(schema); i++) {
        struct target_table *x = target_at(schema, i);
        x->exists &=
            strncmp(x->name, prefix, len) == 0 && is_listed(map, side, documents, x->name + len);
    }
}

int step_tell_findings(struct migrating *g, struct map_findings *findings, bool *good,
                       struct ds_error *err)
{
    BUF_AUTO struct buf line = {0};
    bool fails;
    map_findings_sort(findings);
    for (size_t at = 0, i = 0; map_findings_line(findings, &at, &line, &fails); i = at) {
        const bool stops = map_problem_stops(findings->items[i].problem);
        if (!line.len)
            return no_memory(err);
        log_write(stops || (fails && !g->in->automatic) ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, "%s",
                  buf_cstr(&line));
        *good &= !fails;
        g->stuck |= stops;
    }
    return 0;
}

static int suggest(const struct migrating *g, const struct step_rules *r,
                   const struct map_side_schema *destination, struct map_findings *findings,
                   struct ds_error *err)
{
    BUF_AUTO struct buf xml = {0};
    if (!g->in->suggest)
        return 0;
    map_findings_mark_keys(findings, destination);
    return map_findings_suggest(findings, &xml)
               ? no_memory(err)
               : migrate_suggest_for(g, r->step, r->option, &xml, err);
}

int step_compare_structure(struct migrating *g, const struct step_rules *r,
                           const struct map_findings *rows, bool *good, struct ds_error *err)
{
    const struct config *c = &g->in->config;
    const struct map_side_schema sides[] = {{r->schema[MAP_SOURCE], c->source.prefix},
                                            {r->schema[MAP_DESTINATION], c->destination.prefix}};
    struct map_findings findings;
    for (int side = MAP_SOURCE; side <= MAP_DESTINATION; side++)
        leave_only(r->map, (enum map_side)side, r->schema[side], sides[side].prefix, r->documents);
    int rc = map_compare(r->map, &sides[MAP_SOURCE], &sides[MAP_DESTINATION], &findings, err);
    for (size_t i = 0; i < rows->count && rc == 0; i++)
        rc = map_findings_add(&findings, &rows->items[i]) ? no_memory(err) : 0;
    rc = rc ? rc : step_tell_findings(g, &findings, good, err);
    rc = rc ? rc : suggest(g, r, &sides[MAP_DESTINATION], &findings, err);
    map_findings_free(&findings);
    return rc;
}

/* --- tables ---------------------------------------------------------------------------------- */

static int leave_output(void *arg, const struct map_output *output, struct ds_error *err)
{
    (void)arg, (void)output, (void)err;
    return 0;
}

int step_table_open(struct step_table *t, const struct step_table_options *o, struct ds_error *err)
{
    const char *there = map_document(o->map, MAP_SOURCE, o->document);
    const struct config *c = o->config;
    BUF_AUTO struct buf from = {0}, to = {0};
    if (buf_printf(&from, "%s%s", c->source.prefix, o->document) ||
        buf_printf(&to, "%s%s", c->destination.prefix, there ? there : o->document))
        return no_memory(err);
    t->document = o->document;
    int rc = whole_table_read_where(&t->from, &o->sides->source, buf_cstr(&from), 0,
                                    o->where[MAP_SOURCE], 0, c->max_event, err);
    rc = rc ? rc
            : whole_table_read_where(&t->here, &o->sides->destination, buf_cstr(&to), o->number,
                                     o->where[MAP_DESTINATION], 0, c->max_event, err);
    if (rc)
        return rc;
    t->target = target_find(o->schema, buf_cstr(&to), to.len);
    if (!t->target)
        return error_set(err, DS_ERETRY, "table %s was dropped meanwhile", buf_cstr(&to));
    const struct msg_table source = whole_table_definition(&t->from);
    const struct map_row_options row = {.map = o->map,
                                        .facts = o->facts,
                                        .emit = o->alone ? leave_output : NULL,
                                        .prefix = c->source.prefix,
                                        .target_prefix = c->destination.prefix,
                                        .leftovers = true,
                                        .source = &source,
                                        .target = t->target};
    return map_row_new(&t->row, &row, err);
}

int step_table_images(struct step_table *t, struct arena *arena, struct map_findings *refused,
                      struct step_images *out, struct ds_error *err)
{
    *out = (struct step_images){arena_alloc(arena, (t->from.count + 1) * sizeof *out->rows), 0};
    int rc = out->rows ? 0 : no_memory(err);
    for (size_t i = 0; i < t->from.count && rc == 0; i++) {
        BUF_AUTO struct buf made = {0};
        rc = map_row_image(t->row, t->from.rows[i], (struct slice){0}, &made, err);
        if (rc == DS_ECONFLICT && refused) {
            rc = fit_refused(refused, t->document, t->from.count, err);
            continue;
        }
        uint8_t *kept = arena_copy(arena, made.data, made.len);
        out->rows[out->count++] = (struct slice){kept, made.len};
        if (rc == 0 && !kept)
            rc = no_memory(err);
    }
    return rc;
}

void step_table_free(struct step_table *t)
{
    whole_table_free(&t->from);
    whole_table_free(&t->here);
    map_row_free(t->row);
}
