/* delta --changelog: documents of the destination whose rows no key of a log tells.
 *
 * Where several documents of the source go to one table, a step or handler gives rows of it for
 * rows of others, values of attributes are columns of it, or a handler changes the key, the log
 * says that something has changed, and not what was there because of it. The copy has made all of
 * such a table, so it is compared as a whole: with all rows that the source's documents come to
 * now, in the snapshot in which the log's keys are read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/migrate_changelog.h"
#include "applier/map/map_flat.h"
#include "applier/map/map_split.h"
#include "schema/list.h"
#include "schema/log.h"

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for change logs");
}

static const struct map *map_of(const struct draining *d)
{
    return filter_map(d->g->in->filter);
}

/* --- which there are ------------------------------------------------------------------------- */

static const struct ds_step *giving_step(const struct draining *d, const char *document)
{
    const struct handler *whose;
    const char *step = map_step_gives(map_of(d), document);
    return step ? handlers_step(d->g->own, step, &whose) : NULL;
}

/* The i-th document of the destination that rows come to beside the one that the map leads to;
 * NULL: no more. */
static const char *output_of(const struct draining *d, const char *document, size_t i)
{
    const struct map *map = map_of(d);
    const struct ds_step *step = giving_step(d, document);
    const char *there = map_document(map, MAP_SOURCE, document);
    if (step)
        return step->destination[i];
    for (size_t k = 0; there && k < map_count(map); k++) {
        const struct map_rule *r = map_at(map, k);
        const char *own = r->side == MAP_SOURCE ? document : there;
        if (r->kind == MAP_TRANSFORM && strcmp(r->document, own) == 0 && map_handler_writes(r) &&
            i-- == 0)
            return map_handler_writes(r);
    }
    return NULL;
}

/* Of a document with values that are columns there: where the rows are that have them. */
static const char *entity_of(const struct draining *d, const char *document)
{
    const struct map_columns *c = map_columns_of(map_of(d), document, true);
    return c ? map_document(map_of(d), MAP_SOURCE, c->document) : NULL;
}

static bool leads_to(const struct draining *d, const char *document, const char *place)
{
    const char *entity = entity_of(d, document);
    if (entity && strcmp(entity, place) == 0)
        return true;
    const char *there = map_document(map_of(d), MAP_SOURCE, document), *output;
    bool leads = there && strcmp(there, place) == 0;
    for (size_t i = 0; !leads && (output = output_of(d, document, i)); i++)
        leads = strcmp(output, place) == 0;
    return leads;
}

bool changelog_place(const struct draining *d, const char *document)
{
    size_t i = 0;
    while (i < d->place_count && strcmp(d->places[i].document, document) != 0)
        i++;
    return i < d->place_count;
}

bool changelog_leads_to_place(const struct draining *d, const char *document)
{
    size_t i = 0;
    while (i < d->place_count && !leads_to(d, document, d->places[i].document))
        i++;
    return i < d->place_count;
}

void changelog_touch(struct draining *d, const char *document)
{
    for (size_t i = 0; i < d->place_count; i++)
        d->places[i].due |= leads_to(d, document, d->places[i].document);
}

/* A document that the source has, and that is copied; NULL: none. */
static const char *document_at(const struct draining *d, uint32_t i)
{
    const struct target_table *t = target_at(d->schema[MAP_SOURCE], i);
    const char *prefix = d->g->in->config.source.prefix;
    const size_t skip = strlen(prefix);
    return t->exists && !t->view && strncmp(t->name, prefix, skip) == 0 &&
                   filter_keeps(d->g->in->filter, t->name)
               ? t->name + skip
               : NULL;
}

/* Another document of the source that goes to the same table; NULL: none. */
static const char *other_source(const struct draining *d, const char *document, const char *place)
{
    for (uint32_t i = 0; i < target_count(d->schema[MAP_SOURCE]); i++) {
        const char *other = document_at(d, i);
        if (other && strcmp(other, document) != 0 && leads_to(d, other, place))
            return other;
    }
    return NULL;
}

static const struct target_table *table_of(const struct draining *d, const char *place)
{
    char name[300];
    snprintf(name, sizeof name, "%s%s", d->g->in->config.destination.prefix, place);
    return changelog_table(d, MAP_DESTINATION, name);
}

/* Do keys of the log tell the rows there? A handler may change them. */
static bool is_told(const struct draining *d, const struct log_table *log, const char *there)
{
    const struct target_table *to = table_of(d, there);
    return !to || changelog_tells_rows(d, log, to);
}

static int check_place(const struct draining *d, const char *document, const char *place,
                       const struct target_table *target, struct ds_error *err)
{
    if (!target->row_key || !target->row_key->primary)
        return error_set(err, DS_EUNSUPPORTED,
                         "--changelog: rows of document %s cannot be told apart, since table %s of "
                         "the destination has no primary key: follow the binlog",
                         document, target->name);
    for (uint32_t i = 0; i < target_count(d->schema[MAP_SOURCE]); i++) {
        const char *other = document_at(d, i);
        if (other && leads_to(d, other, place) && !map_follows(map_of(d), other))
            return error_set(err, DS_EUNSUPPORTED,
                             "--changelog: documents %s and %s go to one table, %s, and delta "
                             "follows only the first: follow the other, too, or the binlog",
                             document, other, target->name);
    }
    return 0;
}

static int add_place(struct draining *d, const char *document, const char *place,
                     struct ds_error *err)
{
    const struct target_table *target = table_of(d, place);
    if (!target || changelog_place(d, place))
        return 0;
    int rc = check_place(d, document, place, target, err);
    if (rc == 0 && LIST_ROOM(d->places, d->place_count, d->place_capacity))
        rc = no_memory(err);
    if (rc == 0)
        d->places[d->place_count++] =
            (struct log_place){place, target, d->ranks[target->index], false};
    return rc;
}

/* Longest ways of foreign keys; of tables in a circle they say nothing. */
static int find_ranks(struct draining *d, struct ds_error *err)
{
    const struct target *schema = d->schema[MAP_DESTINATION];
    bool more = true;
    d->ranks = calloc(target_count(schema) + 1, sizeof *d->ranks);
    for (uint32_t round = 0; d->ranks && more && round < target_count(schema); round++) {
        more = false;
        for (uint32_t i = 0; i < target_count(schema); i++) {
            const struct target_table *x = target_at(schema, i);
            for (uint32_t k = 0; k < x->fk_count; k++) {
                const struct target_table *up = x->fks[k].parent;
                if (!up || up == x || d->ranks[i] > d->ranks[up->index])
                    continue;
                d->ranks[i] = d->ranks[up->index] + 1;
                more = true;
            }
        }
    }
    return d->ranks ? 0 : no_memory(err);
}

static bool is_below(const struct target_table *x, const struct target_table *up)
{
    uint32_t i = 0;
    while (i < up->reach_count && up->reach[i] != x)
        i++;
    return x != up && i < up->reach_count;
}

/* Below one of them deletes have to come before its own, so rows are compared with it. */
static int add_below(struct draining *d, struct ds_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; i < target_count(d->schema[MAP_SOURCE]) && rc == 0; i++) {
        struct log_table log;
        const char *there = NULL;
        if (changelog_name(d->g, target_at(d->schema[MAP_SOURCE], i), &log))
            there = map_document(map_of(d), MAP_SOURCE, log.document);
        const struct target_table *to = there ? table_of(d, there) : NULL;
        size_t k = 0;
        while (to && k < d->place_count && !is_below(to, d->places[k].target))
            k++;
        if (to && k < d->place_count)
            rc = add_place(d, log.document, there, err);
    }
    return rc;
}

static int by_rank(const void *a, const void *b)
{
    const struct log_place *x = a, *y = b;
    int order = (x->rank > y->rank) - (x->rank < y->rank);
    return order ? order : strcmp(x->document, y->document);
}

int changelog_find_places(struct draining *d, struct ds_error *err)
{
    int rc = find_ranks(d, err);
    for (uint32_t i = 0; i < target_count(d->schema[MAP_SOURCE]) && rc == 0; i++) {
        struct log_table log;
        const char *output;
        if (!changelog_name(d->g, target_at(d->schema[MAP_SOURCE], i), &log))
            continue;
        const char *there = map_document(map_of(d), MAP_SOURCE, log.document);
        const bool columns = map_columns_of(map_of(d), log.document, false) ||
                             map_columns_of(map_of(d), log.document, true);
        if (there && (columns || other_source(d, log.document, there) || !is_told(d, &log, there)))
            rc = add_place(d, log.document, there, err);
        for (size_t k = 0; rc == 0 && (output = output_of(d, log.document, k)); k++)
            rc = add_place(d, log.document, output, err);
    }
    for (size_t before = 0; rc == 0 && before < d->place_count;) {
        before = d->place_count;
        rc = add_below(d, err);
    }
    if (rc == 0 && d->place_count)
        qsort(d->places, d->place_count, sizeof *d->places, by_rank);
    return rc;
}

/* --- all rows of one ------------------------------------------------------------------------- */

/* A value that is a column of a row. */
struct patch {
    uint64_t id; /* of the row */
    uint32_t column;
    struct slice raw;
};

struct filling {
    struct draining *d;
    const struct log_place *place;
    struct slice *rows; /* images */
    size_t count, capacity;
    struct arena arena;
    /* of the document in hand */
    const char *document;
    struct map_row *row;
    struct map_split *split; /* NULL: it gives no rows of others */
    struct map_flat *flat;   /* NULL: none of its values are columns */
    bool leads;              /* its own rows go there */
    struct patch *patches;
    size_t patch_count, patch_capacity;
};

static int take_row(struct filling *f, const uint8_t *image, size_t len, struct ds_error *err)
{
    if (LIST_ROOM(f->rows, f->count, f->capacity))
        return no_memory(err);
    f->rows[f->count] = (struct slice){arena_copy(&f->arena, image, len), len};
    return f->rows[f->count++].p ? 0 : no_memory(err);
}

static int take_output(void *arg, const struct map_output *output, struct ds_error *err)
{
    const struct filling *f = arg;
    return map_split_emit(f->split, output, err);
}

/* What the row gives of the place. */
static int take_given(struct filling *f, struct ds_error *err)
{
    for (uint32_t i = 0; i < map_split_count(f->split); i++) {
        BUF_AUTO struct buf images = {0};
        const char *document = giving_step(f->d, f->document) ? output_of(f->d, f->document, i)
                                                              : map_row_writes(f->row, i);
        uint32_t count = 0;
        if (strcmp(document, f->place->document) != 0)
            continue;
        if (map_split_images(f->split, i, &images, &count))
            return no_memory(err);
        const uint8_t *p = images.data, *end = p + images.len;
        int rc = array_read_head(&p, end, &count) ? DS_EFORMAT : 0;
        for (uint32_t k = 0; k < count && rc == 0; k++) {
            const uint8_t *image = p;
            rc = value_skip(&p, end) ? DS_EFORMAT : take_row(f, image, (size_t)(p - image), err);
        }
        if (rc)
            return rc == DS_EFORMAT ? error_set(err, rc, "rows of a step are malformed") : rc;
    }
    return 0;
}

/* The one column of the key, a number: of an entity's table, else nobody asks. */
static uint64_t id_of(const struct filling *f, const uint8_t *const *columns)
{
    const uint8_t *raw = columns[f->place->target->row_key->columns[0]];
    uint64_t id;
    return value_id((struct slice){raw, value_length(raw)}, &id) ? id : 0;
}

static int take_patch(struct filling *f, const struct map_flat_row *row, struct ds_error *err)
{
    const uint32_t count = f->place->target->column_count;
    BUF_AUTO struct buf image = {0};
    const uint8_t **columns = calloc(count + 1, sizeof *columns);
    int rc = columns ? map_flat_image(f->flat, row, &image, err) : no_memory(err);
    if (rc == 0 && (image_split((struct slice){image.data, image.len}, count, columns) ||
                    LIST_ROOM(f->patches, f->patch_count, f->patch_capacity)))
        rc = no_memory(err);
    if (rc == 0) {
        const uint8_t *raw = columns[row->column];
        const size_t len = value_length(raw);
        f->patches[f->patch_count] =
            (struct patch){id_of(f, columns), row->column, {arena_copy(&f->arena, raw, len), len}};
        rc = f->patches[f->patch_count++].raw.p ? 0 : no_memory(err);
    }
    free(columns);
    return rc;
}

/* A row with a value: *stays, if it is one at the destination, too. */
static int fill_value(struct filling *f, struct slice from, bool *stays, struct ds_error *err)
{
    const char *entity = entity_of(f->d, f->document);
    struct map_record record;
    struct map_flat_row row;
    map_flat_clear(f->flat);
    int rc = map_row_record(f->row, from, (struct slice){0}, &record, err);
    rc = rc ? rc : map_flat_look(f->flat, &record, &row, err);
    *stays = rc || row.stays;
    if (rc || row.column == MAP_FLAT_NONE || strcmp(entity, f->place->document) != 0)
        return rc;
    return take_patch(f, &row, err);
}

static int by_id(const void *a, const void *b)
{
    const struct patch *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static const struct patch *first_patch(const struct filling *f, uint64_t id)
{
    size_t low = 0, high = f->patch_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (f->patches[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return f->patches + low;
}

static int patch_row(struct filling *f, struct slice *row, const uint8_t **columns,
                     struct ds_error *err)
{
    const uint32_t count = f->place->target->column_count;
    BUF_AUTO struct buf made = {0};
    if (image_split(*row, count, columns))
        return error_set(err, DS_EFORMAT, "a row of table %s is malformed", f->place->target->name);
    const uint64_t id = id_of(f, columns);
    const struct patch *p = first_patch(f, id), *end = f->patches + f->patch_count;
    if (p == end || p->id != id)
        return 0;
    for (; p < end && p->id == id; p++)
        columns[p->column] = p->raw.p;
    int rc = image_write_head(&made, count);
    for (uint32_t i = 0; i < count && rc == 0; i++)
        rc = buf_append(&made, columns[i], value_length(columns[i]));
    *row = (struct slice){arena_copy(&f->arena, made.data, made.len), made.len};
    return rc || !row->p ? no_memory(err) : 0;
}

/* Rows get the values that are columns of theirs. */
static int patch_rows(struct filling *f, struct ds_error *err)
{
    const uint8_t **columns = calloc(f->place->target->column_count + 1, sizeof *columns);
    int rc = columns ? 0 : no_memory(err);
    if (f->patch_count)
        qsort(f->patches, f->patch_count, sizeof *f->patches, by_id);
    for (size_t i = 0; i < f->count && f->patch_count && rc == 0; i++)
        rc = patch_row(f, &f->rows[i], columns, err);
    free(columns);
    return rc;
}

static int fill_row(struct filling *f, struct slice from, bool mapped, struct ds_error *err)
{
    BUF_AUTO struct buf made = {0};
    struct map_record record;
    bool stays = true;
    int rc = f->flat ? fill_value(f, from, &stays, err) : 0;
    if (f->split) {
        map_split_clear(f->split);
        map_split_begin(f->split, SPLIT_AFTER);
    }
    if (rc == 0 && mapped && stays)
        rc = map_row_new_image(f->row, from, (struct slice){0}, &made, err);
    if (rc == 0 && f->leads && stays)
        rc = take_row(f, made.data, made.len, err);
    if (rc == 0 && f->split && map_split_is_step(f->split)) {
        rc = map_row_record(f->row, from, (struct slice){0}, &record, err);
        rc = rc ? rc : map_split_add(f->split, SPLIT_AFTER, &record, err);
    }
    return rc || !f->split ? rc : take_given(f, err);
}

static int fill_rows(struct filling *f, const struct whole_table *t, struct ds_error *err)
{
    const struct draining *d = f->d;
    const struct config *c = &d->g->in->config;
    const struct msg_table source = whole_table_definition(t);
    const char *there = map_document(map_of(d), MAP_SOURCE, f->document);
    const char *step = map_step_gives(map_of(d), f->document);
    const struct map_row_options o = {.map = map_of(d),
                                      .facts = map_servers_facts(d->servers),
                                      .emit = take_output,
                                      .emit_arg = f,
                                      .prefix = c->source.prefix,
                                      .target_prefix = c->destination.prefix,
                                      .leftovers = true,
                                      .source = &source,
                                      .target = there ? table_of(d, there) : NULL};
    f->leads = there && strcmp(there, f->place->document) == 0;
    int rc = map_row_new(&f->row, &o, err);
    const struct map_split_options split = {.own = d->g->own,
                                            .step = step,
                                            .row = f->row,
                                            .target = d->schema[MAP_DESTINATION],
                                            .target_prefix = c->destination.prefix,
                                            .like = &source};
    const struct map_flat_options flat = {.map = map_of(d),
                                          .columns = map_columns_of(map_of(d), f->document, true),
                                          .facts = o.facts,
                                          .target = d->schema[MAP_DESTINATION],
                                          .target_prefix = c->destination.prefix,
                                          .document = f->document,
                                          .like = &source};
    if (rc == 0 && (step || map_row_writes(f->row, 0)))
        rc = map_split_new(&f->split, &split, err);
    if (rc == 0 && flat.columns)
        rc = map_flat_new(&f->flat, &flat, err);
    for (size_t i = 0; i < t->count && rc == 0; i++)
        rc = fill_row(f, t->rows[i], o.target != NULL, err);
    map_flat_free(f->flat);
    map_split_free(f->split);
    map_row_free(f->row);
    f->flat = NULL;
    f->split = NULL;
    f->row = NULL;
    return rc;
}

static int fill(struct filling *f, struct ds_error *err)
{
    struct draining *d = f->d;
    int rc = 0;
    for (uint32_t i = 0; i < target_count(d->schema[MAP_SOURCE]) && rc == 0; i++) {
        struct whole_table t = {0};
        f->document = document_at(d, i);
        if (!f->document || !leads_to(d, f->document, f->place->document))
            continue;
        rc = whole_table_read(&t, &d->sides.source, target_at(d->schema[MAP_SOURCE], i)->name, 0,
                              d->g->in->config.max_event, err);
        rc = rc ? rc : fill_rows(f, &t, err);
        whole_table_free(&t);
    }
    return rc ? rc : patch_rows(f, err);
}

static int add_one(struct draining *d, const struct log_place *place, uint32_t number,
                   struct ds_error *err)
{
    struct filling f = {.d = d, .place = place};
    struct whole_table here = {0};
    int rc = whole_table_read(&here, &d->sides.destination, place->target->name, number,
                              d->g->in->config.max_event, err);
    rc = rc ? rc : fill(&f, err);
    if (rc == 0) {
        const struct wanted_rows wanted = {.here = &here,
                                           .rows = f.rows,
                                           .count = f.count,
                                           .only = true,
                                           .without_keys = true,
                                           .deletes_cascade = true,
                                           .target = place->target};
        log_debug("%s is compared as a whole", place->document);
        rc = row_changes_add(&d->changes, &wanted, err);
    }
    whole_table_free(&here);
    free(f.rows);
    free(f.patches);
    arena_free(&f.arena);
    return rc;
}

int changelog_add_places(struct draining *d, struct ds_error *err)
{
    int rc = 0;
    for (size_t i = 0; i < d->place_count && rc == 0; i++) {
        if (d->places[i].due)
            rc = add_one(d, &d->places[i], (uint32_t)(d->log_count + i) + 1, err);
        d->places[i].due = false;
    }
    return rc;
}
