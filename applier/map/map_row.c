#include "applier/map/map_row_state.h"

#include <stdlib.h>
#include <string.h>

#include "applier/map/map_own.h"
#include "applier/map/map_value.h"
#include "schema/list.h"
#include "schema/log.h"

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for a map");
}

static char *text_of(struct arena *arena, struct slice s)
{
    char *copy = arena_alloc(arena, s.len + 1);
    if (copy) {
        if (s.len)
            memcpy(copy, s.p, s.len);
        copy[s.len] = 0;
    }
    return copy;
}

/* The document that a table is, without the prefix that all tables have. */
static const char *document_of(const char *table, const char *prefix)
{
    size_t len = strlen(prefix);
    return strncmp(table, prefix, len) == 0 ? table + len : table;
}

static int describe_source(struct map_row *r, const struct map_row_options *o, struct ds_error *err)
{
    const struct msg_table *def = o->source;
    struct map_field *fields = arena_zalloc(&r->kept, (def->column_count + 1) * sizeof *fields);
    char *name = text_of(&r->kept, def->name);
    if (!fields || !name)
        return no_memory(err);
    if (!(def->flags & TABLE_NAMES))
        return error_set(err, DS_EUNSUPPORTED,
                         "table %s: its columns have no names in the binlog, which map rules need: "
                         "SET GLOBAL binlog_row_metadata = FULL at the source",
                         name);
    for (uint32_t i = 0; i < def->column_count; i++) {
        fields[i].name = text_of(&r->kept, def->columns[i].name);
        fields[i].kind = map_value_kind(def->columns[i].type, def->columns[i].collation);
        if (!fields[i].name)
            return no_memory(err);
    }
    r->source_count = def->column_count;
    r->keys = arena_alloc(&r->kept, (def->column_count + 1) * sizeof *r->keys);
    for (uint32_t i = 0; r->keys && i < def->column_count; i++)
        if (def->columns[i].flags & COLUMN_KEY)
            r->keys[r->key_count++] = i;
    if (!r->keys)
        return no_memory(err);
    r->from = (struct map_table){.name = document_of(name, o->prefix),
                                 .fields = fields,
                                 .count = def->column_count,
                                 .keys = r->keys,
                                 .key_count = r->key_count};
    r->sets[MAP_SOURCE] = arena_zalloc(&r->kept, (r->from.count + 1) * sizeof *r->sets[0]);
    r->members[MAP_SOURCE] = arena_zalloc(&r->kept, (r->from.count + 1) * sizeof *r->members[0]);
    int rc = r->sets[MAP_SOURCE] && r->members[MAP_SOURCE] ? 0 : no_memory(err);
    for (uint32_t i = 0; rc == 0 && i < def->column_count; i++)
        rc = fields[i].kind == MAP_FIELD_TEXT
                 ? map_charset_open(&r->sets[MAP_SOURCE][i],
                                    map_charset_name(def->columns[i].collation), err)
                 : map_members_of_source(&def->columns[i], &r->kept, &r->members[MAP_SOURCE][i],
                                         err);
    return rc;
}

int map_row_describe(const struct target_table *t, const struct msg_table *like,
                     struct arena *arena, struct msg_table *out)
{
    struct msg_column *columns = arena_zalloc(arena, (t->column_count + 1) * sizeof *columns);
    if (!columns)
        return DS_ENOMEM;
    for (uint32_t i = 0; i < t->column_count; i++) {
        const struct target_column *c = &t->columns[i];
        columns[i] = (struct msg_column){.name = {(const uint8_t *)c->name, strlen(c->name)},
                                         .type = c->type,
                                         .flags = (uint8_t)((c->is_unsigned ? COLUMN_UNSIGNED : 0) |
                                                            (c->nullable ? COLUMN_NULLABLE : 0) |
                                                            (c->invisible ? COLUMN_INVISIBLE : 0))};
    }
    for (uint32_t i = 0; t->row_key && t->row_key->primary && i < t->row_key->count; i++)
        columns[t->row_key->columns[i]].flags |= COLUMN_KEY;
    *out = *like;
    out->name = (struct slice){(const uint8_t *)t->name, strlen(t->name)};
    out->flags = TABLE_NAMES | TABLE_SIGNEDNESS | TABLE_KEYS;
    out->column_count = t->column_count;
    out->columns = columns;
    return 0;
}

struct map_field *map_row_fields(const struct target_table *t, struct arena *arena)
{
    struct map_field *fields = arena_zalloc(arena, (t->column_count + 1) * sizeof *fields);
    for (uint32_t i = 0; fields && i < t->column_count; i++)
        fields[i] =
            (struct map_field){t->columns[i].name,
                               map_value_kind(t->columns[i].type,
                                              t->columns[i].class == TARGET_BYTES ? MAP_BINARY : 0),
                               &t->columns[i]};
    return fields;
}

static int describe_target(struct map_row *r, const struct map_row_options *o, struct ds_error *err)
{
    const struct target_table *t = o->target;
    struct map_field *fields = map_row_fields(t, &r->kept);
    if (!fields || map_row_describe(t, o->source, &r->kept, &r->table))
        return no_memory(err);
    r->to = (struct map_table){
        .name = document_of(t->name, o->target_prefix), .fields = fields, .count = t->column_count};
    r->sets[MAP_DESTINATION] = arena_zalloc(&r->kept, (r->to.count + 1) * sizeof *r->sets[0]);
    r->members[MAP_DESTINATION] = arena_zalloc(&r->kept, (r->to.count + 1) * sizeof *r->members[0]);
    int rc = r->sets[MAP_DESTINATION] && r->members[MAP_DESTINATION] ? 0 : no_memory(err);
    for (uint32_t i = 0; rc == 0 && i < t->column_count; i++)
        if (t->columns[i].class == TARGET_TEXT)
            rc = map_charset_open(&r->sets[MAP_DESTINATION][i], t->columns[i].charset, err);
        else if (map_members_of_target(&t->columns[i], &r->kept, &r->members[MAP_DESTINATION][i]))
            rc = no_memory(err);
    return rc;
}

static uint32_t column_of(const struct map_table *x, const char *name)
{
    for (uint32_t i = 0; name && i < x->count; i++)
        if (strcasecmp(x->fields[i].name, name) == 0)
            return i;
    return NOWHERE;
}

/* … but one for a field that the table never had. */
static bool is_left_over(const struct map_row_options *o, enum map_side side,
                         const struct map_rule *r)
{
    return o->leftovers && !(side == MAP_DESTINATION && o->had && o->target &&
                             o->had(o->had_arg, o->target->name, r->field));
}

/* What a rule changes or moves has to be there. */
static int check_rules(const struct map_row_options *o, enum map_side side,
                       const struct map_table *x, struct ds_error *err)
{
    for (size_t i = 0; i < map_count(o->map); i++) {
        const struct map_rule *r = map_at(o->map, i);
        bool needs = r->kind == MAP_MOVE || r->kind == MAP_TRANSFORM;
        if (!needs || r->side != side || strcmp(r->document, x->name) != 0 ||
            column_of(x, r->field) != NOWHERE || is_left_over(o, side, r))
            continue;
        return error_set(err, DS_EUSAGE,
                         "%s:%u: the rule is for %s.%s, which the %s does not have, or not any "
                         "more: correct the rule, and copy again with --resnapshot",
                         r->file, r->line, x->name, r->field,
                         side == MAP_SOURCE ? "source" : "destination");
    }
    return 0;
}

static bool same_charset(const struct map_row *r, const struct map_row_options *o, uint32_t from,
                         uint32_t to)
{
    const char *name = map_charset_name(o->source->columns[from].collation);
    if (r->sets[MAP_SOURCE][from] && r->sets[MAP_DESTINATION][to])
        return strcmp(name, r->target->columns[to].charset) == 0;
    return !r->sets[MAP_SOURCE][from] && !r->sets[MAP_DESTINATION][to];
}

/* A column that is moved needs its place; one that is called so at one side alone stays behind, as
 * the integrity check has said. */
static int find_places(struct map_row *r, const struct map_row_options *o, struct ds_error *err)
{
    r->places = arena_alloc(&r->kept, (r->to.count + 1) * sizeof *r->places);
    if (!r->places)
        return no_memory(err);
    for (uint32_t i = 0; i < r->to.count; i++)
        r->places[i] = (struct place){.from = NOWHERE};
    r->same = r->from.count == r->to.count;
    for (uint32_t i = 0; i < r->from.count; i++) {
        const char *field = r->from.fields[i].name;
        const char *name = map_field(o->map, MAP_SOURCE, r->from.name, field);
        uint32_t to = column_of(&r->to, name);
        if (to == NOWHERE && name && strcasecmp(name, field) != 0)
            return error_set(err, DS_EUSAGE,
                             "the map moves %s.%s to %s.%s, which the destination does not have",
                             r->from.name, field, r->to.name, name);
        if (to == NOWHERE && name && o->had && o->had(o->had_arg, o->target->name, name))
            return error_set(err, DS_ESCHEMA,
                             "the destination's table %s has no column %s any more, into which "
                             "values of %s.%s were copied: add it again, and copy the document "
                             "again, or nothing of it would come",
                             o->target->name, name, r->from.name, field);
        if (to == NOWHERE && name &&
            !map_takes_all(o->map, r->from.name)) /* new since the stream was started */
            log_warn("column %s.%s leads nowhere, its values stay behind: add it to table %s, or a "
                     "rule",
                     r->from.name, field, r->to.name);
        if (to == NOWHERE || r->target->columns[to].generated) {
            r->same = false;
            continue;
        }
        r->places[to] = (struct place){
            .from = i,
            .passes = same_charset(r, o, i, to) &&
                      map_value_passes(&o->source->columns[i], &r->target->columns[to])};
        r->same &= to == i && r->places[to].passes;
        /* not known: those of a column into which its numbers pass */
        if (r->places[to].passes && !r->members[MAP_SOURCE][i])
            r->members[MAP_SOURCE][i] = r->members[MAP_DESTINATION][to];
    }
    return 0;
}

static void find_attributes(struct map_row *r, const struct map_row_options *o)
{
    const struct map_columns *c = map_columns_of(o->map, r->from.name, false);
    for (const char *const *code = c ? c->codes : NULL; code && *code; code++) {
        uint32_t to = column_of(&r->to, *code);
        if (to == NOWHERE || r->places[to].from != NOWHERE || r->target->columns[to].generated)
            continue;
        r->places[to].empties = true;
        r->same = false;
    }
}

bool map_row_gives(const struct map_row *r, uint32_t column)
{
    bool gives = r->places[column].from != NOWHERE || r->places[column].empties;
    for (uint32_t i = 0; i < r->steps[MAP_DESTINATION].count; i++)
        gives |= r->steps[MAP_DESTINATION].items[i].field == column;
    return gives;
}

const char *map_row_writes(const struct map_row *r, size_t i)
{
    for (int side = 0; side < 2; side++)
        for (uint32_t k = 0; k < r->steps[side].count; k++)
            if (r->steps[side].items[k].writes && i-- == 0)
                return r->steps[side].items[k].writes;
    return NULL;
}

/* Each document once. */
static const char *writes_also(const struct map_row *r, const struct map_rule *rule)
{
    const char *document = map_handler_writes(rule), *other;
    for (size_t i = 0; document && (other = map_row_writes(r, i)); i++)
        if (strcmp(other, document) == 0)
            return NULL;
    return document;
}

static int open_handlers(struct map_row *r, const struct map_row_options *o, enum map_side side,
                         struct ds_error *err)
{
    const struct map_table *x = side == MAP_SOURCE ? &r->from : &r->to;
    struct steps *s = &r->steps[side];
    for (uint32_t i = 0; i < x->count; i++)
        for (const struct map_rule *rule = NULL;
             (rule = map_next_handler(o->map, side, x->name, x->fields[i].name, rule));) {
            if (LIST_ROOM(s->items, s->count, s->capacity))
                return no_memory(err);
            struct step *step = &s->items[s->count];
            *step = (struct step){.field = i};
            int rc = map_own_open(&step->handler, o->facts->own, rule, x, err);
            bool own = rc == 0 && step->handler;
            if (rc == 0 && !own)
                rc = map_handler_open(&step->handler, rule, x, err);
            if (rc)
                return rc;
            step->writes = own ? NULL : writes_also(r, rule);
            s->count++;
            r->same = false;
        }
    return 0;
}

static void describe_import(struct map_row *r, const struct map_row_options *o)
{
    const struct msg_table *def = o->source;
    r->table.name = (struct slice){(const uint8_t *)o->import_name, strlen(o->import_name)};
    for (uint32_t i = 0; i < r->to.count; i++) {
        const struct place *p = &r->places[i];
        struct msg_column *to = &r->table.columns[i];
        const struct msg_column *from = p->from != NOWHERE ? &def->columns[p->from] : NULL;
        const struct slice name = to->name;
        if (from && p->passes)
            *to = *from;
        to->name = name;
        to->flags &= (uint8_t)~COLUMN_KEY;
        if (from)
            to->flags |= from->flags & COLUMN_KEY;
    }
}

static int compile(struct map_row *r, const struct map_row_options *o, struct ds_error *err)
{
    int rc = describe_target(r, o, err);
    rc = rc ? rc : check_rules(o, MAP_SOURCE, &r->from, err);
    rc = rc ? rc : check_rules(o, MAP_DESTINATION, &r->to, err);
    rc = rc ? rc : find_places(r, o, err);
    if (rc == 0)
        find_attributes(r, o);
    if (rc == 0 && o->import_name)
        describe_import(r, o);
    rc = rc ? rc : open_handlers(r, o, MAP_SOURCE, err);
    return rc ? rc : open_handlers(r, o, MAP_DESTINATION, err);
}

int map_row_new(struct map_row **out, const struct map_row_options *o, struct ds_error *err)
{
    struct map_row *r = calloc(1, sizeof *r);
    *out = NULL;
    if (!r)
        return no_memory(err);
    r->facts = o->facts;
    r->emit = o->emit;
    r->emit_arg = o->emit_arg;
    r->target = o->target;
    int rc = describe_source(r, o, err);
    rc = rc || !o->target ? rc : compile(r, o, err);
    if (rc == 0) {
        r->values = arena_zalloc(&r->kept, (r->from.count + 1) * sizeof *r->values);
        r->earlier = arena_zalloc(&r->kept, (r->from.count + 1) * sizeof *r->earlier);
        r->from_values = arena_zalloc(&r->kept, (r->from.count + 1) * sizeof *r->from_values);
        r->to_values = arena_zalloc(&r->kept, (r->to.count + 1) * sizeof *r->to_values);
        if (!r->values || !r->earlier || !r->from_values || !r->to_values)
            rc = no_memory(err);
    }
    if (rc)
        map_row_free(r);
    else
        *out = r;
    return rc;
}

void map_row_free(struct map_row *r)
{
    if (!r)
        return;
    for (size_t side = 0; side < 2; side++) {
        for (uint32_t i = 0; i < r->steps[side].count; i++)
            map_handler_close(r->steps[side].items[i].handler);
        free(r->steps[side].items);
        for (size_t i = 0; r->sets[side] && i < (side == MAP_SOURCE ? r->from : r->to).count; i++)
            map_charset_close(r->sets[side][i]);
    }
    arena_free(&r->kept);
    arena_free(&r->arena);
    free(r);
}

void map_row_in_part(struct map_row *r, bool in_part)
{
    r->in_part = in_part;
}

bool map_row_is_same(const struct map_row *r)
{
    return r->same;
}

const struct msg_table *map_row_table(const struct map_row *r)
{
    return &r->table;
}
