/* Values that would get lost, by a sample: rows of each document go through the map as if they were
 * copied, into a temporary table of the destination that has the columns of the real one. What the
 * server changes or refuses there it would in the copy, too: it knows lengths, ranges, character
 * sets, the values of an ENUM and all else. Nothing else is written.
 *
 * Of a table whose key is one whole number rows are taken from all of its range, of others the
 * first ones. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/migrate_eav.h"
#include "agent/cli/migrate_fit.h"
#include "agent/cli/migrate_sample.h"
#include "agent/cli/progress.h"
#include "agent/whole_table.h"
#include "applier/map/map_facts.h"
#include "applier/map/map_flat.h"
#include "applier/map/map_row.h"
#include "applier/map/map_split.h"
#include "applier/map/map_takes.h"
#include "schema/list.h"
#include "schema/log.h"

enum { PIECES = 10, ROWS_OF_PIECE = 100 };

/* Rows of a further document that there are because of the document's. */
struct given {
    const char *document;
    const struct target_table *target;
    struct fit_row *rows; /* from: the key of the row that has given it, as a text */
    size_t count, capacity;
};

struct note {
    int32_t column;
    char why[sizeof((struct ds_error *)0)->message];
};

struct sampling {
    struct migrating *g;
    struct map_findings *findings;
    struct snapshot_source source;
    struct fit fit;
    const struct target *here; /* the destination's schema */
    struct map_servers *servers;
    /* of the document in hand */
    const char *document, *there, *step;  /* step: whose own it is, if that gives rows of others */
    const struct target_table *from, *to; /* to NULL: its rows go nowhere themselves */
    struct given *given;
    size_t given_count, given_capacity;
    struct arena kept; /* what was given */
    /* of the piece in hand */
    struct map_row *row;
    struct map_split *split; /* NULL: it gives no rows of others */
    struct map_flat *flat;   /* NULL: none of its values are columns */
    struct note *notes;      /* of the row in hand */
    size_t note_count, note_capacity;
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for a sample of rows");
}

static const struct map *map_of(const struct sampling *s)
{
    return filter_map(s->g->in->filter);
}

static int add_key(void *arg, struct slice from, struct buf *out, struct ds_error *err)
{
    const struct sampling *s = arg;
    struct map_record record;
    struct ds_error at = {0};
    int rc = map_row_record(s->row, from, (struct slice){0}, &record, err);
    if (rc)
        return rc;
    map_row_at_key(s->row, &at);
    return buf_puts(out, at.key) ? no_memory(err) : 0;
}

static int add_text(void *arg, struct slice from, struct buf *out, struct ds_error *err)
{
    (void)arg;
    return buf_append(out, from.p, from.len) ? no_memory(err) : 0;
}

/* --- rows of further documents --------------------------------------------------------------- */

static struct given *given_of(struct sampling *s, const char *document)
{
    char name[300];
    for (size_t i = 0; i < s->given_count; i++)
        if (strcmp(s->given[i].document, document) == 0)
            return &s->given[i];
    if (LIST_ROOM(s->given, s->given_count, s->given_capacity))
        return NULL;
    snprintf(name, sizeof name, "%s%s", s->g->in->config.destination.prefix, document);
    s->given[s->given_count] =
        (struct given){.document = document, .target = target_find(s->here, name, strlen(name))};
    return &s->given[s->given_count++];
}

static int keep_given(struct sampling *s, struct given *x, struct slice from, const uint8_t *image,
                      size_t len, struct ds_error *err)
{
    BUF_AUTO struct buf key = {0};
    int rc = add_key(s, from, &key, err);
    if (rc)
        return rc;
    if (LIST_ROOM(x->rows, x->count, x->capacity))
        return no_memory(err);
    struct fit_row *row = &x->rows[x->count++];
    *row = (struct fit_row){{arena_copy(&s->kept, key.data, key.len), key.len},
                            {arena_copy(&s->kept, image, len), len}};
    return row->image.p ? 0 : no_memory(err);
}

static const char *output_at(const struct sampling *s, uint32_t i)
{
    const struct handler *whose;
    const struct ds_step *step = s->step ? handlers_step(s->g->own, s->step, &whose) : NULL;
    return step ? step->destination[i] : map_row_writes(s->row, i);
}

/* What the row has given. */
static int take_given(struct sampling *s, struct slice from, struct ds_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; i < map_split_count(s->split) && rc == 0; i++) {
        BUF_AUTO struct buf images = {0};
        uint32_t count = 0;
        struct given *x = given_of(s, output_at(s, i));
        if (!x || map_split_images(s->split, i, &images, &count))
            return no_memory(err);
        const uint8_t *p = images.data, *end = p + images.len;
        rc = array_read_head(&p, end, &count) ? DS_EFORMAT : 0;
        for (uint32_t k = 0; k < count && rc == 0; k++) {
            const uint8_t *image = p;
            rc = value_skip(&p, end) ? DS_EFORMAT
                                     : keep_given(s, x, from, image, (size_t)(p - image), err);
        }
    }
    return rc == DS_EFORMAT ? error_set(err, rc, "rows of a step are malformed") : rc;
}

static int take_output(void *arg, const struct map_output *output, struct ds_error *err)
{
    const struct sampling *s = arg;
    return s->split && !map_split_is_step(s->split) ? map_split_emit(s->split, output, err) : 0;
}

/* No rule changes what is given: fields are named in what is wrong with them. */
static int look_at_given(struct sampling *s, struct ds_error *err)
{
    int rc = 0;
    s->fit.key = add_text;
    for (size_t i = 0; i < s->given_count && rc == 0; i++) {
        const struct given *x = &s->given[i];
        if (!x->count || !x->target)
            continue;
        rc = fit_table(&s->fit, x->target, err);
        rc = rc ? rc : fit_rows(&s->fit, x->rows, x->count, err);
        rc =
            rc ? rc
               : fit_findings(&s->fit, map_of(s), s->document, NULL, x->document, s->findings, err);
    }
    return rc;
}

static void forget_given(struct sampling *s)
{
    for (size_t i = 0; i < s->given_count; i++)
        free(s->given[i].rows);
    s->given_count = 0;
    arena_reset(&s->kept, 1 << 20);
}

/* --- rows of the source ---------------------------------------------------------------------- */

/* What is wrong with a field of the row, which is being made. */
static int keep_note(void *arg, int32_t column, const char *why, struct ds_error *err)
{
    struct sampling *s = arg;
    if (LIST_ROOM(s->notes, s->note_count, s->note_capacity))
        return no_memory(err);
    struct note *n = &s->notes[s->note_count++];
    n->column = column < 0 ? FIT_REFUSED_BY + 1 + column : column;
    snprintf(n->why, sizeof n->why, "%s%s", column < 0 ? "" : "the column needs ", why);
    return 0;
}

static int take_notes(struct sampling *s, struct slice from, struct ds_error *err)
{
    int rc = 0;
    for (size_t i = 0; i < s->note_count && rc == 0; i++)
        rc = fit_note(&s->fit, s->notes[i].column, s->notes[i].why, from, err);
    s->note_count = 0;
    return rc;
}

/* There is no row to be made of it. */
static int note_refused(struct sampling *s, struct slice from, struct ds_error *err)
{
    const struct ds_error refused = *err;
    error_clear(err);
    return fit_note(&s->fit, FIT_REFUSED, refused.message, from, err);
}

/* A value that is a column there; *stays: its row is one there, too. */
static int look_at_value(struct sampling *s, struct slice from, bool *stays, struct ds_error *err)
{
    BUF_AUTO struct buf image = {0};
    struct map_record record;
    struct map_flat_row row;
    map_flat_clear(s->flat);
    int rc = map_row_record(s->row, from, (struct slice){0}, &record, err);
    rc = rc ? rc : map_flat_look(s->flat, &record, &row, err);
    *stays = rc || row.stays;
    if (rc || row.column == MAP_FLAT_NONE)
        return rc;
    rc = map_flat_image(s->flat, &row, &image, err);
    if (rc != DS_ECONFLICT)
        return rc;
    const struct ds_error why = *err;
    error_clear(err);
    return fit_note(&s->fit, FIT_ELSEWHERE, why.message, from, err);
}

/* What becomes of one row; *image: nothing, if it is none there. */
static int make_row(struct sampling *s, struct slice from, struct buf *image, struct ds_error *err)
{
    struct map_record record;
    bool stays = true;
    int rc = s->flat ? look_at_value(s, from, &stays, err) : 0;
    if (s->split) {
        map_split_clear(s->split);
        map_split_begin(s->split, SPLIT_AFTER);
    }
    if (rc == 0 && stays && s->to)
        rc = map_row_new_image(s->row, from, (struct slice){0}, image, err);
    if (rc == 0 && s->split && map_split_is_step(s->split)) {
        rc = map_row_record(s->row, from, (struct slice){0}, &record, err);
        rc = rc ? rc : map_split_add(s->split, SPLIT_AFTER, &record, err);
    }
    return rc || !s->split ? rc : take_given(s, from, err);
}

static int make_rows(struct sampling *s, const struct whole_table *t, struct arena *arena,
                     struct ds_error *err)
{
    struct fit_row *made = arena_alloc(arena, (t->count + 1) * sizeof *made);
    size_t count = 0, refused = 0;
    int rc = made ? 0 : no_memory(err);
    for (size_t i = 0; i < t->count && rc == 0; i++) {
        BUF_AUTO struct buf image = {0};
        rc = make_row(s, t->rows[i], &image, err);
        if (rc == DS_ECONFLICT || rc == DS_EUSAGE) { /* also for want of a key to read it with */
            rc = note_refused(s, t->rows[i], err);
            image.len = 0;
        }
        rc = rc ? rc : take_notes(s, t->rows[i], err);
        if (rc || !image.len) {
            refused++;
            continue;
        }
        made[count++] =
            (struct fit_row){t->rows[i], {arena_copy(arena, image.data, image.len), image.len}};
        if (!made[count - 1].image.p)
            rc = no_memory(err);
    }
    s->fit.looked_at += refused;
    return rc || !s->to ? rc : fit_rows(&s->fit, made, count, err);
}

/* Of its handlers or its step, and of values that are columns. */
static int open_parts(struct sampling *s, const struct msg_table *source, struct ds_error *err)
{
    const struct config *c = &s->g->in->config;
    const struct map_columns *columns = map_columns_of(map_of(s), s->document, true);
    const struct map_split_options split = {.own = s->g->own,
                                            .step = s->step,
                                            .row = s->row,
                                            .target = s->here,
                                            .target_prefix = c->destination.prefix,
                                            .like = source,
                                            .leads_to = s->to};
    const struct map_flat_options flat = {.map = map_of(s),
                                          .columns = columns,
                                          .facts = map_servers_facts(s->servers),
                                          .target = s->here,
                                          .target_prefix = c->destination.prefix,
                                          .document = s->document,
                                          .like = source};
    int rc = s->step || map_row_writes(s->row, 0) ? map_split_new(&s->split, &split, err) : 0;
    return rc || !columns ? rc : map_flat_new(&s->flat, &flat, err);
}

static int take_piece(struct sampling *s, const struct whole_table *t, struct ds_error *err)
{
    const struct config *c = &s->g->in->config;
    const struct msg_table source = whole_table_definition(t);
    const struct map_row_options o = {.map = map_of(s),
                                      .facts = map_servers_facts(s->servers),
                                      .emit = take_output,
                                      .emit_arg = s,
                                      .prefix = c->source.prefix,
                                      .target_prefix = c->destination.prefix,
                                      .leftovers = true,
                                      .source = &source,
                                      .target = s->to};
    struct arena arena = {0};
    int rc = map_row_new(&s->row, &o, err);
    if (rc == 0)
        map_row_note_misfits(s->row, keep_note, s);
    rc = rc ? rc : open_parts(s, &source, err);
    if (rc == 0)
        rc = make_rows(s, t, &arena, err);
    map_flat_free(s->flat);
    map_split_free(s->split);
    map_row_free(s->row);
    s->flat = NULL;
    s->split = NULL;
    s->row = NULL;
    arena_free(&arena);
    return rc;
}

/* The only column of the key, a whole number; NULL: another key. */
static const struct target_column *number_key(const struct target_table *t)
{
    const struct target_column *c =
        t->row_key && t->row_key->count == 1 ? &t->columns[t->row_key->columns[0]] : NULL;
    return c && c->class == TARGET_INT && c->width ? c : NULL;
}

static int key_range(struct sampling *s, const struct target_column *key, int64_t range[2],
                     struct ds_error *err)
{
    BUF_AUTO struct buf name = {0}, column = {0};
    if (sql_identifier(&name, s->from->name) || sql_identifier(&column, key->name))
        return no_memory(err);
    MYSQL_RES *rows = db_select(s->source.db, err, "SELECT MIN(%s), MAX(%s) FROM %s",
                                buf_cstr(&column), buf_cstr(&column), buf_cstr(&name));
    if (!rows)
        return err->code;
    MYSQL_ROW row = mysql_fetch_row(rows);
    for (int i = 0; i < 2; i++)
        range[i] = row && row[i] ? strtoll(row[i], NULL, 10) : 0;
    mysql_free_result(rows);
    return 0;
}

static int64_t last_key(const struct whole_table *t, const char *key)
{
    const uint8_t **columns = calloc(t->plan.column_count + 1, sizeof *columns);
    const uint32_t at = whole_table_column(t, key);
    struct value v = {0};
    if (columns && t->count && at != UINT32_MAX &&
        image_split(t->rows[t->count - 1], t->plan.column_count, columns) == 0) {
        const uint8_t *p = columns[at];
        if (value_read(&p, p + value_length(p), &v))
            v = (struct value){0};
    }
    free(columns);
    return v.kind == VALUE_INT ? v.i : v.kind == VALUE_UINT ? (int64_t)v.u : INT64_MAX;
}

static int take_pieces(struct sampling *s, const struct target_column *key, struct ds_error *err)
{
    const uint64_t most = s->g->in->config.max_event;
    int64_t range[2] = {0, 0}, next = INT64_MIN;
    int rc = key_range(s, key, range, err);
    bool more = rc == 0;
    for (int64_t i = 0; i < PIECES && more && rc == 0; i++) {
        const uint64_t whole = (uint64_t)range[1] - (uint64_t)range[0];
        const int64_t spread = (int64_t)((uint64_t)range[0] + whole / PIECES * (uint64_t)i);
        struct whole_table t = {0};
        BUF_AUTO struct buf where = {0};
        if (sql_identifier(&where, key->name) ||
            buf_printf(&where, " >= %" PRId64, spread > next ? spread : next))
            return no_memory(err);
        rc = whole_table_read_where(&t, &s->source, s->from->name, 0, buf_cstr(&where),
                                    ROWS_OF_PIECE, most, err);
        rc = rc || !t.count ? rc : take_piece(s, &t, err);
        more = t.count == ROWS_OF_PIECE;
        next = last_key(&t, key->name);
        next += next < INT64_MAX;
        whole_table_free(&t);
    }
    return rc;
}

static int take_first(struct sampling *s, struct ds_error *err)
{
    struct whole_table t = {0};
    int rc = whole_table_read_where(&t, &s->source, s->from->name, 0, NULL,
                                    PIECES * ROWS_OF_PIECE / 2, s->g->in->config.max_event, err);
    rc = rc || !t.count ? rc : take_piece(s, &t, err);
    whole_table_free(&t);
    return rc;
}

/* --- keys and checks -------------------------------------------------------------------------- */

static bool is_of_eav(const struct sampling *s, const struct target_table *t)
{
    const size_t prefix = strlen(s->g->in->config.destination.prefix);
    const bool gone = map_is_claimed(map_of(s), s->there); /* such rows are left out, or go */
    for (size_t i = 0; i < EAV_TABLES; i++)
        if ((migrate_has_eav(s->g) || (gone && i == EAV_ATTRIBUTES)) && strlen(t->name) > prefix &&
            strcmp(t->name + prefix, eav_documents[i].name) == 0)
            return true;
    return false;
}

/* Nobody here fills it: what it has not now, it will not have. */
static int is_elsewhere(void *arg, const struct target_table *parent, bool *is,
                        struct ds_error *err)
{
    const struct sampling *s = arg;
    const struct map_takes o = {
        .config = &s->g->in->config, .filter = s->g->in->filter, .servers = s->servers};
    bool takes = is_of_eav(s, parent);
    int rc = takes ? 0 : map_takes(&o, parent->name, &takes, err);
    *is = rc == 0 && !takes;
    return rc;
}

static int look_at_keys(struct sampling *s, struct ds_error *err)
{
    const struct fit_document d = {.document = s->document, .there = s->there, .out = s->findings};
    int rc = s->to ? fit_checks(&s->fit, &d, err) : 0;
    return rc || !s->to || s->fit.count ? rc : fit_parents(&s->fit, &d, is_elsewhere, s, err);
}

/* --- documents ------------------------------------------------------------------------------- */

/* What is wrong with a rule itself is told elsewhere; columns that a step adds are not there yet.
 */
static int look_at(struct sampling *s, struct ds_error *err)
{
    const struct target_column *key = number_key(s->from);
    s->fit.key = add_key;
    s->fit.arg = s;
    int rc = fit_table(&s->fit, s->to, err);
    if (rc || s->fit.refused)
        return rc;
    rc = source_begin_alone(&s->source, err);
    rc = rc ? rc : key ? take_pieces(s, key, err) : take_first(s, err);
    if (rc == DS_EUSAGE || rc == DS_EUNSUPPORTED || rc == DS_ESCHEMA) {
        log_debug("rows are not looked at document=%s reason=\"%s\"", s->document, err->message);
        error_clear(err);
        rc = 0;
    }
    rc = rc ? rc : source_rollback(&s->source, err); /* the shop may alter it again */
    rc = rc ? rc : look_at_keys(s, err);
    rc = rc ? rc
            : fit_findings(&s->fit, map_of(s), s->document, s->from, s->there ? s->there : "",
                           s->findings, err);
    rc = rc ? rc : look_at_given(s, err);
    forget_given(s);
    return rc;
}

static int look_at_all(struct sampling *s, const struct map_side_schema sides[2],
                       struct ds_error *err)
{
    const struct map *map = filter_map(s->g->in->filter);
    const struct map_side_schema *source = &sides[MAP_SOURCE], *here = &sides[MAP_DESTINATION];
    const size_t prefix = strlen(source->prefix);
    int rc = 0;
    for (uint32_t i = 0; i < target_count(source->schema) && rc == 0 && !s->fit.refused; i++) {
        char name[300];
        s->from = target_at(source->schema, i);
        progress_count(i, target_count(source->schema));
        if (!s->from->exists || strncmp(s->from->name, source->prefix, prefix) != 0 ||
            !s->from->row_key || !s->from->row_key->primary)
            continue;
        s->document = s->from->name + prefix;
        s->there = map_document(map, MAP_SOURCE, s->document);
        s->step = map_step_gives(map, s->document);
        snprintf(name, sizeof name, "%s%s", here->prefix, s->there ? s->there : "");
        s->to = s->there ? target_find(here->schema, name, strlen(name)) : NULL;
        if (s->to && !s->to->exists)
            s->to = NULL;
        rc = s->to || s->step ? look_at(s, err) : 0;
    }
    if (rc == 0)
        progress_count(target_count(source->schema), target_count(source->schema));
    return rc;
}

static int open_all(struct sampling *s, const struct target *here, struct ds_error *err)
{
    const struct config *c = &s->g->in->config;
    s->here = here;
    int rc = source_open(&s->source, c, err);
    rc = rc ? rc : fit_open(&s->fit, c, err);
    rc = rc ? rc : map_servers_new(&s->servers, c, map_of(s), s->g->own, err);
    if (rc == 0)
        map_servers_attach(s->servers, here);
    return rc;
}

int migrate_sample(struct migrating *g, const struct map_side_schema sides[2],
                   struct map_findings *findings, struct ds_error *err)
{
    struct sampling s = {.g = g, .findings = findings};
    if (filter_mask(g->in->filter)) /* what would be written is known to the masks alone */
        return 0;
    int rc = open_all(&s, sides[MAP_DESTINATION].schema, err);
    rc = rc ? rc : look_at_all(&s, sides, err);
    forget_given(&s);
    free(s.given);
    free(s.notes);
    arena_free(&s.kept);
    fit_close(&s.fit);
    map_servers_free(s.servers);
    source_close(&s.source);
    return rc;
}
