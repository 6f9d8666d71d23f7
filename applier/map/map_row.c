#include "applier/map/map_row.h"

#include <stdlib.h>
#include <string.h>

#include "applier/map/map_charset.h"
#include "applier/map/map_members.h"
#include "applier/map/map_own.h"
#include "applier/map/map_value.h"
#include "schema/list.h"
#include "schema/log.h"

enum { NOWHERE = UINT32_MAX };

struct step { /* a handler, and the field that it is for */
    struct map_handler *handler;
    uint32_t field;
    const char *writes; /* another document; NULL: none, or one that a step before writes, too */
};

struct steps {
    struct step *items;
    uint32_t count, capacity;
};

/* A column of the destination. */
struct place {
    uint32_t from; /* column of the source; NOWHERE: its default, or a handler's */
    bool passes;   /* values need no other form */
    bool empties;  /* of a new row it is empty: a value of an attribute may come behind it */
};

struct map_row {
    const struct map_facts *facts;
    int (*emit)(void *arg, const struct map_output *output, struct ds_error *err);
    void *emit_arg;
    const struct target_table *target;
    uint32_t source_count;
    uint32_t *keys, key_count;       /* columns of the source's key */
    struct map_table from, to;       /* as handlers see them */
    struct map_charset **sets[2];    /* by enum map_side, by column; NULL: UTF-8, or no text */
    struct map_members **members[2]; /* of columns that are an ENUM or a SET, the same way */
    struct place *places;            /* by column of the destination */
    struct steps steps[2];           /* by enum map_side */
    struct msg_table table;          /* as the destination has it */
    bool same;
    map_row_note *note; /* NULL: what does not fit is an error */
    void *note_arg;
    /* of the image in hand */
    const uint8_t **values, **earlier;
    const uint8_t **there; /* of the destination's row; NULL: it has none */
    bool is_new, in_part;
    struct map_value *from_values, *to_values;
    struct arena kept, arena;
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for a map");
}

/* --- compiled -------------------------------------------------------------------------------- */

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

/* What a rule changes or moves has to be there. */
static int check_rules(const struct map_row_options *o, enum map_side side,
                       const struct map_table *x, struct ds_error *err)
{
    for (size_t i = 0; i < map_count(o->map); i++) {
        const struct map_rule *r = map_at(o->map, i);
        bool needs = r->kind == MAP_MOVE || r->kind == MAP_TRANSFORM;
        if (!needs || r->side != side || strcmp(r->document, x->name) != 0 ||
            column_of(x, r->field) != NOWHERE)
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

/* --- an image -------------------------------------------------------------------------------- */

static int malformed(const struct map_row *r, struct ds_error *err)
{
    return error_set(err, DS_EFORMAT, "a row of table %s is malformed", r->from.name);
}

/* Each value where it stands: of an update that does not say it again, in the image before. */
static int split(struct map_row *r, struct slice image, struct slice before, struct ds_error *err)
{
    if (image_split(image, r->source_count, r->values) ||
        (before.len && image_split(before, r->source_count, r->earlier)))
        return malformed(r, err);
    for (uint32_t i = 0; i < r->source_count; i++)
        if (*r->values[i] == VALUE_BYTE_SAME) {
            if (!before.len)
                return malformed(r, err);
            r->values[i] = r->earlier[i];
        }
    return 0;
}

static int read_value(const struct map_row *r, const uint8_t *raw, struct value *v,
                      struct ds_error *err)
{
    const uint8_t *p = raw;
    return value_read(&p, raw + value_length(raw), v) ? malformed(r, err) : 0;
}

/* As handlers see it. */
static int read_column(struct map_row *r, uint32_t i, const struct value *v, struct map_value *out,
                       struct ds_error *err)
{
    int rc = map_value_read(v, &r->arena, out);
    rc = rc ? rc : map_charset_read(r->sets[MAP_SOURCE][i], &out->text, &r->arena);
    if (rc == 0 && r->members[MAP_SOURCE][i])
        rc = map_members_name(r->members[MAP_SOURCE][i], &r->arena, out);
    if (rc == DS_ECONFLICT)
        return error_set(err, rc,
                         "a text of %s.%s cannot be converted from the source's character set: "
                         "correct it there, or ignore the field",
                         r->from.name, r->from.fields[i].name);
    return rc ? no_memory(err) : 0;
}

static int read_all(struct map_row *r, struct ds_error *err)
{
    for (uint32_t i = 0; i < r->source_count; i++) {
        struct value v;
        int rc = read_value(r, r->values[i], &v, err);
        if (rc)
            return rc;
        if (v.kind == VALUE_ABSENT && !r->in_part)
            return error_set(err, DS_EUNSUPPORTED,
                             "a row of table %s comes without its column %s, and a handler of the "
                             "map needs whole rows: SET GLOBAL binlog_row_image = FULL at the "
                             "source",
                             r->from.name, r->from.fields[i].name);
        rc = read_column(r, i, &v, &r->from_values[i], err);
        if (rc)
            return rc;
    }
    return 0;
}

/* For a column of the source: what its column at the destination can have. */
static struct map_value empty_of(const struct map_row *r, uint32_t field)
{
    for (uint32_t i = 0; i < r->to.count; i++)
        if (r->places[i].from == field)
            return map_value_empty(&r->target->columns[i]);
    return (struct map_value){.set = true, .null = true};
}

/* The handler has refused the row. */
static int go_without(struct map_row *r, enum map_side side, uint32_t step, struct ds_error *err)
{
    const uint32_t field = r->steps[side].items[step].field;
    const struct ds_error refused = *err;
    const uint32_t number = step + (side == MAP_SOURCE ? 0 : r->steps[MAP_SOURCE].count);
    if (side == MAP_SOURCE)
        r->from_values[field] = empty_of(r, field);
    else
        r->to_values[field] = map_value_empty(&r->target->columns[field]);
    error_clear(err);
    return r->note(r->note_arg, -1 - (int32_t)number, refused.message, err);
}

static int call_handlers(struct map_row *r, enum map_side side, struct ds_error *err)
{
    struct map_record from = {&r->from, r->from_values}, to = {&r->to, r->to_values};
    struct map_call call = {.record = side == MAP_SOURCE ? &from : &to,
                            .opposite = &to, /* as for the other tool: on its side, itself */
                            .facts = r->facts,
                            .arena = &r->arena,
                            .emit = r->emit,
                            .emit_arg = r->emit_arg};
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < r->steps[side].count; i++) {
        call.field = r->steps[side].items[i].field;
        if (r->in_part && !call.record->values[call.field].set)
            continue;
        rc = map_handler_call(r->steps[side].items[i].handler, &call, err);
        if (rc == DS_ECONFLICT && r->note)
            rc = go_without(r, side, i, err);
    }
    return rc;
}

/* The value is no log's: it may be a customer's. */
static int does_not_fit(struct map_row *r, uint32_t i, const char *why, struct ds_error *err)
{
    const struct target_column *c = &r->target->columns[i];
    uint32_t from = r->places[i].from;
    return error_set(err, DS_ECONFLICT,
                     "a value of %s%s%s does not fit into %s.%s, which needs %s (%s): change it by "
                     "a handler of the map, or ignore the field",
                     r->from.name, from == NOWHERE ? "" : ".",
                     from == NOWHERE ? "" : r->from.fields[from].name, r->to.name, c->name, why,
                     c->type_text);
}

static int put_nothing(const struct target_column *c, struct buf *out, struct ds_error *err)
{
    const struct map_value empty = map_value_empty(c), none = {0};
    const size_t before = out->len;
    const char *why = NULL;
    if (map_value_write(&empty, c, out, &why))
        return 0;
    out->len = before;
    return map_value_write(&none, c, out, &why) ? 0 : no_memory(err);
}

static int put_value(struct map_row *r, uint32_t i, const struct map_value *v, struct buf *out,
                     struct ds_error *err)
{
    const struct target_column *c = &r->target->columns[i];
    struct map_value held = *v;
    const size_t before = out->len;
    const char *why = "characters that its character set has";
    int rc = v->set && !v->null
                 ? map_charset_write(r->sets[MAP_DESTINATION][i], &held.text, &r->arena)
                 : 0;
    if (rc && rc != DS_ECONFLICT)
        return no_memory(err);
    if (rc == 0 && map_value_write(&held, c, out, &why))
        return 0;
    if (!why)
        return no_memory(err);
    if (!r->note)
        return does_not_fit(r, i, why, err);
    out->len = before;
    rc = r->note(r->note_arg, (int32_t)i, why, err);
    return rc ? rc : put_nothing(c, out, err);
}

/* Without handlers: what passes is copied, in the form that it has. */
static int copy_image(struct map_row *r, struct buf *out, struct ds_error *err)
{
    for (uint32_t i = 0; i < r->to.count; i++) {
        const struct place *p = &r->places[i];
        struct map_value text = {0};
        struct value v;
        int rc = 0;
        if ((p->from != NOWHERE && p->passes) || (p->from == NOWHERE && r->there)) {
            const uint8_t *raw = p->from != NOWHERE ? r->values[p->from] : r->there[i];
            if (buf_append(out, raw, value_length(raw)))
                return no_memory(err);
            continue;
        }
        if (p->from != NOWHERE) {
            rc = read_value(r, r->values[p->from], &v, err);
            rc = rc ? rc : read_column(r, p->from, &v, &text, err);
        }
        if (r->is_new && p->empties)
            text = map_value_empty(&r->target->columns[i]);
        rc = rc ? rc : put_value(r, i, &text, out, err);
        if (rc)
            return rc;
    }
    return 0;
}

static int fill_opposite(struct map_row *r, struct ds_error *err)
{
    int rc = 0;
    memset(r->to_values, 0, r->to.count * sizeof *r->to_values);
    for (uint32_t i = 0; r->there && i < r->to.count && rc == 0; i++) {
        struct value v;
        struct map_members *m = r->members[MAP_DESTINATION][i];
        struct map_value *x = &r->to_values[i];
        rc = read_value(r, r->there[i], &v, err);
        if (rc == 0 && (map_value_read(&v, &r->arena, x) ||
                        map_charset_read(r->sets[MAP_DESTINATION][i], &x->text, &r->arena) ||
                        (m && map_members_name(m, &r->arena, x))))
            rc = no_memory(err);
    }
    return rc;
}

static int handle_image(struct map_row *r, struct buf *out, struct ds_error *err)
{
    int rc = read_all(r, err);
    rc = rc ? rc : fill_opposite(r, err);
    rc = rc ? rc : call_handlers(r, MAP_SOURCE, err);
    for (uint32_t i = 0; rc == 0 && i < r->to.count; i++)
        if (r->places[i].from != NOWHERE)
            r->to_values[i] = r->from_values[r->places[i].from];
        else if (r->is_new && r->places[i].empties)
            r->to_values[i] = map_value_empty(&r->target->columns[i]);
    rc = rc ? rc : call_handlers(r, MAP_DESTINATION, err);
    for (uint32_t i = 0; rc == 0 && i < r->to.count; i++)
        rc = put_value(r, i, &r->to_values[i], out, err);
    return rc;
}

/* "5" or "5,7" */
void map_row_at_key(const struct map_row *r, struct ds_error *err)
{
    BUF_AUTO struct buf text = {0};
    struct arena arena = {0};
    for (uint32_t i = 0; i < r->key_count; i++) {
        const uint8_t *p = r->values[r->keys[i]];
        struct map_value v = {0};
        struct value raw;
        if (value_read(&p, p + value_length(p), &raw) == 0 &&
            map_value_read(&raw, &arena, &v) == 0 && v.text.len < sizeof err->key)
            (void)buf_printf(&text, "%s%.*s", i ? "," : "", (int)v.text.len,
                             (const char *)v.text.p);
    }
    arena_free(&arena);
    if (text.len)
        error_at_key(err, buf_cstr(&text));
}

int map_row_record(struct map_row *r, struct slice image, struct slice before,
                   struct map_record *out, struct ds_error *err)
{
    int rc = split(r, image, before, err);
    arena_reset(&r->arena, 1 << 16);
    *out = (struct map_record){&r->from, r->from_values};
    return rc ? rc : read_all(r, err);
}

int map_row_image(struct map_row *r, struct slice image, struct slice before, struct buf *out,
                  struct ds_error *err)
{
    if (r->same)
        return buf_append(out, image.p, image.len) ? no_memory(err) : 0;
    int rc = split(r, image, before, err);
    if (rc)
        return rc;
    arena_reset(&r->arena, 1 << 16);
    if (image_write_head(out, (uint32_t)r->to.count))
        return no_memory(err);
    rc = r->steps[MAP_SOURCE].count || r->steps[MAP_DESTINATION].count ? handle_image(r, out, err)
                                                                       : copy_image(r, out, err);
    if (rc == DS_ECONFLICT)
        map_row_at_key(r, err);
    return rc;
}

void map_row_note_misfits(struct map_row *r, map_row_note *note, void *arg)
{
    r->note = note;
    r->note_arg = arg;
}

int map_row_new_image(struct map_row *r, struct slice image, struct slice before, struct buf *out,
                      struct ds_error *err)
{
    r->is_new = true;
    int rc = map_row_image(r, image, before, out, err);
    r->is_new = false;
    return rc;
}

int map_row_image_onto(struct map_row *r, struct slice image, struct slice there, struct buf *out,
                       struct ds_error *err)
{
    const uint8_t **columns = calloc(r->to.count + 1, sizeof *columns);
    if (!columns)
        return no_memory(err);
    int rc = image_split(there, (uint32_t)r->to.count, columns) ? malformed(r, err) : 0;
    r->there = columns;
    rc = rc ? rc : map_row_image(r, image, (struct slice){0}, out, err);
    r->there = NULL;
    free(columns);
    return rc;
}
