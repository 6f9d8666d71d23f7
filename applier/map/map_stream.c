#include "applier/map/map_stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applier/map/map_stream_state.h"
#include "schema/list.h"
#include "schema/log.h"

int map_stream_no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for a map");
}

int map_stream_new(struct map_stream **out, const struct map_stream_options *o,
                   struct ds_error *err)
{
    *out = calloc(1, sizeof **out);
    if (!*out)
        return map_stream_no_memory(err);
    (*out)->options = *o;
    return 0;
}

static void forget(struct mapped *t)
{
    map_row_free(t->row);
    map_split_free(t->split);
    map_flat_free(t->flat);
    t->row = NULL;
    t->split = NULL;
    t->flat = NULL;
    t->told = t->plain = false;
}

static void mapped_free(struct mapped *t)
{
    forget(t);
    arena_free(&t->arena);
    free(t);
}

void map_stream_free(struct map_stream *s)
{
    if (!s)
        return;
    for (uint32_t i = 0; i < s->count; i++)
        mapped_free(s->tables[i]);
    free(s->tables);
    buf_free(&s->made);
    free(s);
}

void map_stream_attach(struct map_stream *s, const struct target *target)
{
    s->target = target;
    s->next = s->end = NULL;
    for (uint32_t i = 0; i < s->count; i++)
        forget(s->tables[i]);
}

/* --- tables ---------------------------------------------------------------------------------- */

static struct mapped *find(struct map_stream *s, uint32_t id)
{
    if (s->last && s->last->id == id)
        return s->last;
    for (uint32_t i = 0; i < s->count; i++)
        if (s->tables[i]->id == id)
            return s->last = s->tables[i];
    return NULL;
}

static int copy_slice(struct arena *arena, struct slice *text)
{
    const uint8_t *copy = text->p ? arena_copy(arena, text->p, text->len) : NULL;
    int rc = text->p && text->len && !copy ? DS_ENOMEM : 0;
    if (text->len)
        text->p = copy;
    return rc;
}

static int keep_source(struct mapped *t, const struct msg_table *def)
{
    t->source = *def;
    t->source.columns =
        arena_copy(&t->arena, def->columns, def->column_count * sizeof *def->columns);
    if (!t->source.columns)
        return DS_ENOMEM;
    int rc = copy_slice(&t->arena, &t->source.database) | copy_slice(&t->arena, &t->source.name) |
             copy_slice(&t->arena, &t->source.entity) | copy_slice(&t->arena, &t->source.role);
    for (uint32_t i = 0; i < def->column_count; i++)
        rc |= copy_slice(&t->arena, &t->source.columns[i].name) |
              copy_slice(&t->arena, &t->source.columns[i].members);
    return rc;
}

static const char *document_of(const struct map_stream *s, struct slice table, char *name,
                               size_t size)
{
    size_t prefix = strlen(s->options.prefix);
    snprintf(name, size, "%.*s", (int)table.len, (const char *)table.p);
    return strncmp(name, s->options.prefix, prefix) == 0 ? name + prefix : NULL;
}

/* "document" of the table, then what the map calls it at the destination, with its prefix there.
 * False: it is ignored. */
static bool name_there(const struct map_stream *s, struct slice table, char *out, size_t size)
{
    char name[256];
    const char *document = document_of(s, table, name, sizeof name);
    const char *there = document ? map_document(s->options.map, MAP_SOURCE, document) : NULL;
    snprintf(out, size, "%s%s", s->options.target_prefix, there ? there : "");
    return there != NULL;
}

static bool follows(const struct map_stream *s, struct slice table)
{
    char name[256];
    const char *document = document_of(s, table, name, sizeof name);
    return document && map_follows(s->options.map, document);
}

static const struct map_watched *watches(const struct map_stream *s, struct slice table)
{
    char name[256];
    const char *document = document_of(s, table, name, sizeof name);
    return document ? map_watches(s->options.map, document) : NULL;
}

static bool is_current(const struct mapped *t)
{
    if (t->plain)
        return true;
    bool target = !t->target || (t->target->exists && t->target->version == t->version);
    return t->row && target && (!t->split || map_split_is_current(t->split)) &&
           (!t->flat || map_flat_is_current(t->flat));
}

/* Its messages become several. */
static bool is_several(const struct mapped *t)
{
    return t->split || t->flat;
}

/* Of the step that has the document for its own, or of the row's handlers. */
static int open_split(struct map_stream *s, struct mapped *t, const char *step,
                      struct ds_error *err)
{
    const struct map_split_options o = {.own = s->options.facts->own,
                                        .step = step,
                                        .row = t->row,
                                        .target = s->target,
                                        .target_prefix = s->options.target_prefix,
                                        .like = &t->source,
                                        .leads_to = t->target,
                                        .first_id = OWN_IDS + s->own_ids};
    int rc = map_split_new(&t->split, &o, err);
    s->own_ids += rc ? 0 : map_split_count(t->split);
    return rc;
}

static int open_flat(struct map_stream *s, struct mapped *t, const char *document,
                     const struct map_columns *columns, struct ds_error *err)
{
    const struct map_flat_options o = {.map = s->options.map,
                                       .columns = columns,
                                       .facts = s->options.facts,
                                       .target = s->target,
                                       .target_prefix = s->options.target_prefix,
                                       .document = document,
                                       .like = &t->source,
                                       .id = OWN_IDS + s->own_ids};
    int rc = map_flat_new(&t->flat, &o, err);
    s->own_ids += rc == 0;
    return rc;
}

/* *out NULL: the destination has it not. */
static int find_target(struct map_stream *s, const struct mapped *t, const char *name,
                       struct target_table **out, struct ds_error *err)
{
    *out = target_find(s->target, name, strlen(name));
    if (*out && (*out)->exists)
        return 0;
    *out = NULL;
    if (s->options.had && s->options.had(s->options.had_arg, name, NULL))
        return error_set(err, DS_ESCHEMA,
                         "the destination has no table %s any more, into which rows of %.*s were "
                         "copied: make it again, and copy the document again",
                         name, (int)t->source.name.len, (const char *)t->source.name.p);
    return s->options.skip_unmapped
               ? 0
               : error_set(err, DS_EUSAGE,
                           "the map leads table %.*s to %s, which the destination does "
                           "not have: make it there, or ignore the document",
                           (int)t->source.name.len, (const char *)t->source.name.p, name);
}

/* Numbers that the destination gives its rows itself are in no row that comes. */
static void choose_key(struct mapped *t)
{
    for (uint32_t i = 0; t->target && i < t->target->column_count; i++)
        if (!map_row_gives(t->row, i))
            t->target->columns[i].unsent = true;
    if (t->target)
        target_choose_key(t->target);
}

static int take_output(void *arg, const struct map_output *output, struct ds_error *err)
{
    const struct mapped *t = arg;
    return map_split_emit(t->split, output, err);
}

/* A step gives all rows of others itself, and an import has no entity for them. */
static int check_writes(const struct mapped *t, const char *step, bool imports,
                        struct ds_error *err)
{
    const char *document = step || imports ? map_row_writes(t->row, 0) : NULL;
    if (document && imports)
        return error_set(err, DS_EUSAGE,
                         "a handler of %.*s writes rows of %s, which does not go with mode: "
                         "import: take it out of the map",
                         (int)t->source.name.len, (const char *)t->source.name.p, document);
    return document
               ? error_set(err, DS_EUSAGE,
                           "a handler of %.*s writes rows of %s, and the document is step "
                           "%s's own: let the step give these rows",
                           (int)t->source.name.len, (const char *)t->source.name.p, document, step)
               : 0;
}

/* Columns that may not stay behind. */
static int check_all_taken(const struct map_stream *s, const struct mapped *t, const char *document,
                           struct ds_error *err)
{
    char column[256];
    if (!t->target || !document || !map_takes_all(s->options.map, document))
        return 0;
    for (uint32_t i = 0; i < t->source.column_count; i++) {
        const struct slice name = t->source.columns[i].name;
        snprintf(column, sizeof column, "%.*s", (int)name.len, (const char *)name.p);
        const char *there = map_field(s->options.map, MAP_SOURCE, document, column);
        if (there && target_column_ordinal(t->target, there) < 0)
            return error_set(err, DS_ESCHEMA,
                             "column %s.%s is new: start again, which adds it to table %s, or add "
                             "it there",
                             document, column, t->target->name);
    }
    return 0;
}

/* Of an import: another table of the source becomes what this one is called. */
static bool is_displaced(const struct map_stream *s, const char *document)
{
    const char *there = document ? map_document(s->options.map, MAP_SOURCE, document) : NULL;
    const char *own = there ? map_document(s->options.map, MAP_DESTINATION, there) : NULL;
    return s->options.imports && own && strcmp(own, document) != 0;
}

/* Of an import: who knows what is wrong with the table tells. */
static bool passes(const struct map_stream *s, const struct mapped *t, const char *document,
                   bool leads)
{
    const char *there = leads ? map_document(s->options.map, MAP_SOURCE, document) : NULL;
    return !document ||
           (there && !(t->target && import_has_rules(s->options.map, document, there)));
}

/* It knows the destination's tables by the prefix that the source has. Lives as long as t. */
static const char *name_of_import(const struct map_stream *s, struct mapped *t,
                                  const char *document)
{
    char name[300];
    snprintf(name, sizeof name, "%s%s", s->options.prefix,
             map_document(s->options.map, MAP_SOURCE, document));
    return arena_strdup(&t->arena, name);
}

static int compile(struct map_stream *s, struct mapped *t, struct ds_error *err)
{
    char name[300], own[256];
    if (t->ignored || is_current(t))
        return 0;
    forget(t);
    const char *document = document_of(s, t->source.name, own, sizeof own);
    const char *step = document ? map_step_gives(s->options.map, document) : NULL;
    const struct map_columns *columns =
        document ? map_columns_of(s->options.map, document, true) : NULL;
    bool leads = name_there(s, t->source.name, name, sizeof name) && !is_displaced(s, document);
    t->target = NULL;
    int rc = leads ? find_target(s, t, name, &t->target, err) : 0;
    t->plain = rc == 0 && s->options.imports && passes(s, t, document, leads);
    t->ignored = rc == 0 && !t->plain && !t->target && !step && !columns;
    if (rc || t->ignored || t->plain)
        return rc;
    const char *import_name = NULL;
    if (s->options.imports && !(import_name = name_of_import(s, t, document)))
        return map_stream_no_memory(err);
    const struct map_row_options o = {.map = s->options.map,
                                      .facts = s->options.facts,
                                      .emit = take_output,
                                      .emit_arg = t,
                                      .had = s->options.had,
                                      .had_arg = s->options.had_arg,
                                      .leftovers = s->options.leftovers,
                                      .prefix = s->options.prefix,
                                      .target_prefix = s->options.target_prefix,
                                      .source = &t->source,
                                      .target = t->target,
                                      .import_name = import_name};
    const struct map_facts *facts = s->options.facts;
    t->claimed = leads && s->options.has_attribute &&
                 map_is_claimed(s->options.map, map_document(s->options.map, MAP_SOURCE, document));
    t->version = t->target ? t->target->version : 0;
    t->watched = document && facts->watches && facts->watches(facts->arg, document);
    rc = map_row_new(&t->row, &o, err);
    rc = rc ? rc : check_writes(t, step, s->options.imports, err);
    rc = rc ? rc : check_all_taken(s, t, document, err);
    if (rc == 0 && !s->options.imports)
        choose_key(t);
    if (rc == 0 && (step || map_row_writes(t->row, 0)))
        rc = open_split(s, t, step, err);
    if (rc == 0 && columns)
        rc = open_flat(s, t, document, columns, err);
    if (rc)
        forget(t);
    return rc;
}

static bool has_column(const struct msg_table *t, const char *field)
{
    return t && message_column(t->columns, t->column_count, field) != UINT32_MAX;
}

/* The table as it was before, by its name: when it is altered it gets another number. NULL: it has
 * not come yet. */
static const struct msg_table *find_before(const struct map_stream *s, struct slice name)
{
    for (uint32_t i = s->count; i-- > 0;) {
        const struct slice other = s->tables[i]->source.name;
        if (other.len == name.len && memcmp(other.p, name.p, name.len) == 0)
            return &s->tables[i]->source;
    }
    return NULL;
}

/* Rules for fields that the table has not, or not any more. */
static int check_leftovers(const struct map_stream *s, const struct msg_table *def,
                           struct ds_error *err)
{
    char name[256];
    const struct msg_table *before = find_before(s, def->name);
    const char *document = document_of(s, def->name, name, sizeof name);
    if (!s->options.leftovers || !document || map_ignored(s->options.map, MAP_SOURCE, document))
        return 0;
    for (size_t i = 0; i < map_count(s->options.map); i++) {
        const struct map_rule *r = map_at(s->options.map, i);
        if ((r->kind != MAP_MOVE && r->kind != MAP_TRANSFORM) || r->side != MAP_SOURCE ||
            strcmp(r->document, document) != 0 || has_column(def, r->field))
            continue;
        if (has_column(before, r->field))
            return error_set(err, DS_EUSAGE,
                             "%s:%u: the rule is for %s.%s, which the source does not have any "
                             "more: correct the rule, and copy again",
                             r->file, r->line, document, r->field);
        if (!before)
            log_warn(
                "%s:%u: the rule is for %s.%s, which the source does not have: it is passed over",
                r->file, r->line, document, r->field);
    }
    return 0;
}

/* A table is defined anew when it has changed, and else again and again. */
static int define(struct map_stream *s, const struct message *m, struct mapped **out,
                  struct ds_error *err)
{
    const struct msg_table *def = &m->table;
    struct mapped *t = find(s, def->id);
    *out = t;
    if (t && t->raw.len == m->raw.len && memcmp(t->raw.p, m->raw.p, m->raw.len) == 0)
        return compile(s, t, err);
    int rc = check_leftovers(s, def, err);
    if (rc)
        return rc;
    if (t) {
        forget(t);
        arena_free(&t->arena);
    } else {
        if (LIST_ROOM(s->tables, s->count, s->capacity) || !(t = calloc(1, sizeof *t)))
            return map_stream_no_memory(err);
        s->tables[s->count++] = t;
    }
    *t = (struct mapped){.id = def->id,
                         .raw = m->raw,
                         .whole = watches(s, def->name),
                         .follows = follows(s, def->name)};
    *out = t;
    return keep_source(t, def) | copy_slice(&t->arena, &t->raw) ? map_stream_no_memory(err)
                                                                : compile(s, t, err);
}

/* What rows are of; NULL: not ours. */
static int table_of(struct map_stream *s, uint32_t id, struct mapped **out, struct ds_error *err)
{
    struct mapped *t = find(s, id);
    *out = NULL;
    if (!t)
        return error_set(err, DS_EFORMAT, "a row is of table number %u, which was not defined", id);
    int rc = compile(s, t, err);
    *out = rc || t->ignored ? NULL : t;
    return rc;
}

const struct msg_table *map_stream_redefined(struct map_stream *s, uint32_t id)
{
    struct mapped *t = find(s, id);
    if (!t || !t->row || t->plain || is_several(t) || t->told)
        return NULL;
    t->told = true;
    return map_row_table(t->row);
}

/* --- messages -------------------------------------------------------------------------------- */

/* The message that was made, read as if it had come so. */
static int take(struct map_stream *s, struct message *m, struct arena *arena, struct ds_error *err)
{
    const uint8_t *p = arena_copy(arena, s->made.data, s->made.len);
    return p ? message_read(&p, p + s->made.len, arena, m, err) : map_stream_no_memory(err);
}

bool map_stream_next(struct map_stream *s, struct message *m, struct arena *arena, int *rc,
                     struct ds_error *err)
{
    bool more = s->next < s->end;
    *rc = more ? message_read(&s->next, s->end, arena, m, err) : 0;
    return more;
}

/* Others may name it. */
int map_stream_saw(struct map_stream *s, struct mapped *t, struct slice image, struct slice before,
                   struct ds_error *err)
{
    const struct map_facts *facts = s->options.facts;
    struct map_record record;
    int rc = t->watched ? map_row_record(t->row, image, before, &record, err) : 0;
    return rc || !t->watched ? rc : facts->saw(facts->arg, &record, err);
}

static int saw_change(struct map_stream *s, struct mapped *t, const struct msg_change *c,
                      struct ds_error *err)
{
    return c->after.len ? map_stream_saw(s, t, c->after, c->before, err)
                        : map_stream_saw(s, t, c->before, (struct slice){0}, err);
}

/* --- messages -------------------------------------------------------------------------------- */

static int on_table(struct map_stream *s, struct message *m, struct arena *arena, bool *ours,
                    struct ds_error *err)
{
    struct mapped *t = NULL;
    int rc = define(s, m, &t, err);
    *ours = rc == 0 && t && !t->ignored;
    if (!*ours || t->plain)
        return rc;
    buf_clear(&s->made);
    if (is_several(t)) {
        *ours = t->told = false;
        return several_define(s, t, arena, err);
    }
    t->told = true;
    return message_write_table(&s->made, map_row_table(t->row)) ? map_stream_no_memory(err)
                                                                : take(s, m, arena, err);
}

/* Where the image says it. */
static bool read_attribute(const struct mapped *t, struct slice image, uint64_t *id)
{
    const uint8_t *raw = image.len ? map_stream_value(t, image, "attribute_id") : NULL;
    return raw && value_id((struct slice){raw, value_length(raw)}, id);
}

/* Nothing at the destination refers to such a row: it has none. */
static bool is_unclaimed(const struct map_stream *s, const struct mapped *t,
                         const struct msg_change *c)
{
    uint64_t id;
    return t->claimed && (read_attribute(t, c->after, &id) || read_attribute(t, c->before, &id)) &&
           !s->options.has_attribute(s->options.attributes, id);
}

static int on_change(struct map_stream *s, struct message *m, struct arena *arena, bool *ours,
                     struct ds_error *err)
{
    const struct msg_change *c = &m->change;
    struct mapped *t;
    t = find(s, c->table_id);
    if (t && t->whole) {
        *ours = false;
        return watched_change(s, t, c, arena, err);
    }
    int rc = table_of(s, c->table_id, &t, err);
    *ours = t && t->follows && !is_unclaimed(s, t, c);
    if (*ours && t->plain)
        return rc;
    if (*ours)
        rc = saw_change(s, t, c, err);
    if (rc)
        return rc;
    /* no entity of the catalogue claims what comes of it, so it has no key of one */
    if (*ours && is_several(t)) {
        *ours = false;
        return several_change(s, t, c, arena, err);
    }
    if (!*ours || (map_row_is_same(t->row) && (s->options.imports || !c->entity_key.len)))
        return rc;
    buf_clear(&s->made);
    rc = s->options.imports ? import_change(t, c, &s->made, err)
                            : map_stream_own_change(t, c, &s->made, err);
    return rc ? rc : take(s, m, arena, err);
}

static int malformed(struct ds_error *err)
{
    return error_set(err, DS_EFORMAT, "rows of a copy are malformed");
}

int piece_open(struct piece *p, const struct msg_snapshot *m, struct ds_error *err)
{
    *p = (struct piece){.next = m->rows.p, .end = m->rows.p + m->rows.len};
    return array_read_head(&p->next, p->end, &p->count) ? malformed(err) : 0;
}

int piece_row(struct piece *p, struct slice *row, struct ds_error *err)
{
    const uint8_t *image = p->next;
    if (value_skip(&p->next, p->end))
        return malformed(err);
    *row = (struct slice){image, (size_t)(p->next - image)};
    return 0;
}

static int make_rows(struct map_stream *s, struct mapped *t, const struct msg_snapshot *m,
                     struct buf *out, struct ds_error *err)
{
    struct piece piece;
    int rc = piece_open(&piece, m, err);
    if (rc == 0 && image_write_head(out, piece.count))
        return map_stream_no_memory(err);
    for (uint32_t i = 0; rc == 0 && i < piece.count; i++) {
        struct slice row;
        rc = piece_row(&piece, &row, err);
        rc = rc ? rc : map_stream_saw(s, t, row, (struct slice){0}, err);
        rc = rc ? rc : map_row_new_image(t->row, row, (struct slice){0}, out, err);
    }
    return rc;
}

/* A table that cannot roll back is copied again, alone, and its place is emptied for that. */
static int check_alone(const struct map_stream *s, const struct mapped *t, struct ds_error *err)
{
    const struct mapped *other = NULL;
    for (uint32_t i = 0; i < s->count && !other; i++)
        if (s->tables[i] != t && s->tables[i]->target && s->tables[i]->target == t->target)
            other = s->tables[i];
    if (!other && !is_several(t))
        return 0;
    return error_set(err, DS_EUNSUPPORTED,
                     "table %.*s of the source is not transactional, and its rows come together "
                     "with others %s: ALTER TABLE … ENGINE = InnoDB there",
                     (int)t->source.name.len, (const char *)t->source.name.p,
                     other ? "to one table of the destination" : "of a step or handler");
}

/* Of a copy, tables are the destination's own: no definition is ours. */
static int on_snapshot(struct map_stream *s, struct message *m, struct arena *arena, bool *ours,
                       struct ds_error *err)
{
    struct msg_snapshot made = m->snapshot;
    struct mapped *t;
    BUF_AUTO struct buf rows = {0};
    switch (m->snapshot.kind) {
    case SNAPSHOT_DDL:
        *ours = false;
        return 0;
    case SNAPSHOT_TABLE_BEGIN:
    case SNAPSHOT_TABLE_END:
    case SNAPSHOT_STALE_BEGIN:
    case SNAPSHOT_STALE_END:
    case SNAPSHOT_ROWS:
        break;
    case SNAPSHOT_BEGIN:
    case SNAPSHOT_END:
    case SNAPSHOT_ABORT:
    case SNAPSHOT_VALUES:
        *ours = true;
        return 0;
    }
    int rc = table_of(s, m->snapshot.table_id, &t, err);
    if (rc == 0 && t && t->whole)
        t = NULL;
    *ours = t && !is_several(t);
    if (t && m->snapshot.kind == SNAPSHOT_STALE_BEGIN)
        rc = check_alone(s, t, err);
    if (rc)
        return rc;
    if (t && is_several(t))
        return several_snapshot(s, t, &m->snapshot, arena, err);
    if (!t || m->snapshot.kind != SNAPSHOT_ROWS || (map_row_is_same(t->row) && !t->watched))
        return rc;
    rc = make_rows(s, t, &m->snapshot, &rows, err);
    made.rows = (struct slice){rows.data, rows.len};
    buf_clear(&s->made);
    if (rc == 0 && message_write_snapshot(&s->made, &made))
        rc = map_stream_no_memory(err);
    return rc ? rc : take(s, m, arena, err);
}

static int on_truncate(struct map_stream *s, struct message *m, struct arena *arena, bool *ours,
                       struct ds_error *err)
{
    char name[300], own[256];
    const char *document = document_of(s, m->truncate.table, own, sizeof own);
    bool leads = name_there(s, m->truncate.table, name, sizeof name);
    *ours = follows(s, m->truncate.table) && (leads || map_step_gives(s->options.map, document));
    if (!*ours || !leads || s->options.imports)
        return 0;
    size_t len = strlen(name);
    const uint8_t *copy = arena_copy(arena, name, len);
    m->truncate.table = (struct slice){copy, len};
    return copy ? 0 : map_stream_no_memory(err);
}

static int on_hint(struct map_stream *s, const struct message *m, bool *ours, struct ds_error *err)
{
    struct mapped *t;
    int rc = table_of(s, m->hint_table_id, &t, err);
    *ours = t && t->follows && (t->target || t->plain);
    return rc;
}

int map_stream_message(struct map_stream *s, struct message *m, struct arena *arena, bool *ours,
                       struct ds_error *err)
{
    s->next = s->end = NULL;
    switch (m->type) {
    case MSG_TABLE:
        return on_table(s, m, arena, ours, err);
    case MSG_CHANGE:
        return on_change(s, m, arena, ours, err);
    case MSG_SNAPSHOT:
        return on_snapshot(s, m, arena, ours, err);
    case MSG_TRUNCATE:
        return on_truncate(s, m, arena, ours, err);
    case MSG_TABLE_HINT:
        return on_hint(s, m, ours, err);
    default:
        *ours = true;
        return 0;
    }
}
