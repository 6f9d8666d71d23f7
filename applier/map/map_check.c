#include "applier/map/map_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "schema/list.h"

struct check {
    const struct map *map;
    struct map_side_schema sides[2]; /* by enum map_side */
    struct map_findings *out;
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for the check of a map");
}

static enum map_side other_of(enum map_side side)
{
    return side == MAP_SOURCE ? MAP_DESTINATION : MAP_SOURCE;
}

/* What is NULL stays NULL. */
static int keep(struct arena *arena, const char **text)
{
    const char *copy = *text ? arena_strdup(arena, *text) : NULL;
    int rc = *text && !copy ? DS_ENOMEM : 0;
    *text = copy;
    return rc;
}

int map_findings_add(struct map_findings *f, const struct map_finding *found)
{
    if (LIST_ROOM(f->items, f->count, f->capacity))
        return DS_ENOMEM;
    struct map_finding *x = &f->items[f->count++];
    *x = *found;
    return keep(&f->arena, &x->document) | keep(&f->arena, &x->field) |
           keep(&f->arena, &x->other_document) | keep(&f->arena, &x->other_field) |
           keep(&f->arena, &x->type) | keep(&f->arena, &x->other_type) | keep(&f->arena, &x->why) |
           keep(&f->arena, &x->keys);
}

static int add(struct check *c, const struct map_finding *found, struct ds_error *err)
{
    return map_findings_add(c->out, found) ? no_memory(err) : 0;
}

/* --- tables ---------------------------------------------------------------------------------- */

/* Without prefix; NULL: the table has another one, and is none of the shop's. */
static const char *document_of(const struct map_side_schema *side, const char *table)
{
    size_t len = strlen(side->prefix);
    return strncmp(table, side->prefix, len) == 0 && table[len] ? table + len : NULL;
}

static const struct target_table *table_of(const struct map_side_schema *side, const char *document)
{
    char name[256];
    int len = snprintf(name, sizeof name, "%s%s", side->prefix, document);
    const struct target_table *x =
        len > 0 && (size_t)len < sizeof name ? target_find(side->schema, name, (size_t)len) : NULL;
    return x && x->exists ? x : NULL;
}

/* --- columns --------------------------------------------------------------------------------- */

/* "varchar(255)" → "varchar" */
static size_t type_name(const struct target_column *c)
{
    return strcspn(c->type_text, "( ");
}

static bool same_type(const struct target_column *a, const struct target_column *b)
{
    return type_name(a) == type_name(b) && strncmp(a->type_text, b->type_text, type_name(a)) == 0;
}

static bool has_text(const struct target_column *c)
{
    return c->class == TARGET_TEXT || c->class == TARGET_BYTES;
}

/* Are there values that the source's column can hold, and the destination's cannot? */
static bool is_narrower(const struct target_column *from, const struct target_column *to)
{
    if (has_text(from) && has_text(to))
        return to->characters < from->characters;
    if (from->class != to->class)
        return false;
    if (to->class == TARGET_DECIMAL)
        return to->precision - to->scale < from->precision - from->scale || to->scale < from->scale;
    if (to->class == TARGET_INT && from->width && to->width)
        return to->width < from->width || (to->is_unsigned != from->is_unsigned &&
                                           (to->is_unsigned || to->width == from->width));
    return false;
}

static bool has_handler(const struct check *c, const char *from, const char *from_field,
                        const char *to, const char *to_field)
{
    return map_next_handler(c->map, MAP_SOURCE, from, from_field, NULL) ||
           map_next_handler(c->map, MAP_DESTINATION, to, to_field, NULL);
}

/* A column of the source that has a place: does it fit? */
static int compare_columns(struct check *c, const char *document, const char *there,
                           const struct target_column *from, const struct target_column *to,
                           struct ds_error *err)
{
    struct map_finding found = {.side = MAP_SOURCE,
                                .document = document,
                                .field = from->name,
                                .other_document = there,
                                .other_field = to->name,
                                .type = from->type_text,
                                .other_type = to->type_text};
    bool ignored = map_ignores_type(c->map, MAP_SOURCE, document, from->name) ||
                   map_ignores_type(c->map, MAP_DESTINATION, there, to->name);
    bool changed = has_handler(c, document, from->name, there, to->name);
    const struct {
        enum map_problem problem;
        bool is;
    } problems[] = {{MAP_OTHER_TYPE, !ignored && !same_type(from, to)},
                    {MAP_TOO_SHORT, !ignored && !changed && is_narrower(from, to)},
                    {MAP_NULL_REFUSED, !changed && from->nullable && !to->nullable}};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof problems / sizeof *problems; i++) {
        found.problem = problems[i].problem;
        rc = problems[i].is ? add(c, &found, err) : 0;
    }
    return rc;
}

/* --- keys ------------------------------------------------------------------------------------ */

/* Is what is unique in `to` unique in the source, too: has it a unique key on some of these? */
static bool is_unique_there(const struct check *c, const struct target_table *from,
                            const struct target_table *to, const struct target_key *key,
                            const char *there)
{
    for (uint32_t i = 0; i < from->key_count; i++) {
        const struct target_key *k = &from->keys[i];
        uint32_t within = 0;
        for (uint32_t j = 0; (k->unique || k->primary) && j < k->count; j++)
            for (uint32_t n = 0; n < key->count; n++) {
                const char *name =
                    map_field(c->map, MAP_DESTINATION, there, to->columns[key->columns[n]].name);
                if (name && strcasecmp(name, from->columns[k->columns[j]].name) == 0) {
                    within++;
                    break;
                }
            }
        if ((k->unique || k->primary) && within == k->count)
            return true;
    }
    return false;
}

static int compare_keys(struct check *c, const char *there, const struct target_table *from,
                        const struct target_table *to, struct ds_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < to->key_count; i++) {
        const struct target_key *k = &to->keys[i];
        BUF_AUTO struct buf columns = {0};
        bool counted = k->count == 1 && to->columns[k->columns[0]].auto_increment;
        if (!(k->unique || k->primary) || counted || is_unique_there(c, from, to, k, there))
            continue;
        for (uint32_t n = 0; n < k->count; n++)
            if (buf_printf(&columns, "%s%s", n ? "," : "", to->columns[k->columns[n]].name))
                return no_memory(err);
        rc = add(c,
                 &(struct map_finding){.problem = MAP_UNIQUE_IS_NEW,
                                       .side = MAP_DESTINATION,
                                       .document = there,
                                       .field = buf_cstr(&columns),
                                       .type = k->name},
                 err);
    }
    return rc;
}

/* --- a table and what it becomes -------------------------------------------------------------- */

/* A column of the destination that nothing of the source goes to. */
static int check_filled(struct check *c, const char *document, const struct target_column *column,
                        struct ds_error *err)
{
    if (column->has_default || column->generated ||
        map_next_handler(c->map, MAP_DESTINATION, document, column->name, NULL))
        return 0;
    return add(c,
               &(struct map_finding){.problem = MAP_NEEDS_VALUE,
                                     .side = MAP_DESTINATION,
                                     .document = document,
                                     .field = column->name,
                                     .type = column->type_text},
               err);
}

/* Has an earlier column of the source gone there? */
static int check_taken(struct check *c, const char *document, const char *there,
                       const struct target_table *x, uint32_t i, const struct target_column *to,
                       struct ds_error *err)
{
    for (uint32_t k = 0; k < i; k++) {
        const char *name = map_field(c->map, MAP_SOURCE, document, x->columns[k].name);
        if (name && strcasecmp(name, to->name) == 0)
            return add(c,
                       &(struct map_finding){.problem = MAP_FIELDS_COLLIDE,
                                             .side = MAP_SOURCE,
                                             .document = document,
                                             .field = x->columns[i].name,
                                             .other_document = there,
                                             .other_field = to->name,
                                             .type = x->columns[k].name},
                       err);
    }
    return 0;
}

/* What goes to a field of the destination: of several documents' it is that of `from`. */
static const char *field_from(const struct check *c, const char *document, const char *field,
                              const char *from, const struct target_table *x)
{
    const char *name = map_field(c->map, MAP_DESTINATION, document, field);
    for (uint32_t i = 0; name && target_column_ordinal(x, name) < 0 && i < x->column_count; i++) {
        const char *to = map_field(c->map, MAP_SOURCE, from, x->columns[i].name);
        if (to && strcmp(to, field) == 0)
            return x->columns[i].name;
    }
    return name;
}

/* Is it a column of the destination that values of an attribute go to? */
static bool is_attribute(const struct check *c, const char *from, const char *field)
{
    const struct map_columns *columns = map_columns_of(c->map, from, false);
    const char *const *code = columns ? columns->codes : NULL;
    while (code && *code && strcmp(*code, field) != 0)
        code++;
    return code && *code;
}

static int check_fields(struct check *c, enum map_side side, const char *document,
                        const char *there, const struct target_table *x,
                        const struct target_table *y, struct ds_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < x->column_count; i++) {
        const struct target_column *column = &x->columns[i];
        const char *name = side == MAP_SOURCE ? map_field(c->map, side, document, column->name)
                                              : field_from(c, document, column->name, there, y);
        int32_t ordinal = name ? target_column_ordinal(y, name) : -1;
        if (side == MAP_DESTINATION && ordinal < 0 && is_attribute(c, there, column->name))
            continue;
        if (name && ordinal < 0 && map_takes_all(c->map, side == MAP_SOURCE ? document : there)) {
            rc = side == MAP_SOURCE ? 0 : check_filled(c, document, column, err);
            continue;
        }
        if (!name && side == MAP_DESTINATION)
            rc = check_filled(c, document, column, err);
        else if (name && ordinal < 0)
            rc = add(c,
                     &(struct map_finding){.problem = MAP_UNMAPPED_FIELD,
                                           .side = side,
                                           .document = document,
                                           .field = column->name,
                                           .other_document = there,
                                           .other_field = name},
                     err);
        else if (name && side == MAP_SOURCE) {
            rc = compare_columns(c, document, there, column, &y->columns[ordinal], err);
            rc = rc ? rc : check_taken(c, document, there, x, i, &y->columns[ordinal], err);
        }
    }
    if (rc == 0 && side == MAP_DESTINATION)
        rc = compare_keys(c, document, y, x, err);
    return rc;
}

/* Of several that go to a document of the destination: one that the source has. */
static const char *other_source(const struct check *c, const char *document)
{
    for (size_t i = 0; i < map_count(c->map); i++) {
        const struct map_rule *r = map_at(c->map, i);
        const char *to =
            r->kind == MAP_RENAME ? map_document(c->map, MAP_SOURCE, r->document) : NULL;
        if (to && strcmp(to, document) == 0 && table_of(&c->sides[MAP_SOURCE], r->document))
            return r->document;
    }
    return NULL;
}

static int check_side(struct check *c, enum map_side side, struct ds_error *err)
{
    const struct map_side_schema *here = &c->sides[side], *there = &c->sides[other_of(side)];
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < target_count(here->schema); i++) {
        const struct target_table *x = target_at(here->schema, i), *y;
        const char *document = x && x->exists ? document_of(here, x->name) : NULL;
        const char *name = document ? map_document(c->map, side, document) : NULL;
        if (!name)
            continue;
        y = table_of(there, name);
        const char *other = y || side == MAP_SOURCE ? NULL : other_source(c, document);
        if (other)
            y = table_of(there, name = other);
        rc = y ? check_fields(c, side, document, name, x, y, err)
               : add(c,
                     &(struct map_finding){.problem = MAP_UNMAPPED_DOCUMENT,
                                           .side = side,
                                           .document = document,
                                           .other_document = name},
                     err);
    }
    return rc;
}

static int by_place(const void *a, const void *b)
{
    const struct map_finding *x = a, *y = b;
    int order = (int)x->problem - (int)y->problem;
    order = order ? order : (int)x->side - (int)y->side;
    order = order ? order : strcmp(x->document, y->document);
    return order ? order : strcmp(x->field ? x->field : "", y->field ? y->field : "");
}

void map_findings_mark_keys(struct map_findings *f, const struct map_side_schema *destination)
{
    for (size_t i = 0; i < f->count; i++) {
        struct map_finding *x = &f->items[i];
        const struct target_table *t = x->problem == MAP_VALUE_LOST && x->other_field
                                           ? table_of(destination, x->other_document)
                                           : NULL;
        const int column = t ? target_column_ordinal(t, x->other_field) : -1;
        if (column >= 0)
            x->of_key = t->columns[column].in_unique || t->columns[column].in_fk ||
                        t->columns[column].in_referenced;
    }
}

void map_findings_sort(struct map_findings *f)
{
    if (f->count)
        qsort(f->items, f->count, sizeof *f->items, by_place);
}

int map_compare(const struct map *m, const struct map_side_schema *source,
                const struct map_side_schema *destination, struct map_findings *out,
                struct ds_error *err)
{
    struct check c = {.map = m, .sides = {*source, *destination}, .out = out};
    *out = (struct map_findings){0};
    int rc = check_side(&c, MAP_SOURCE, err);
    rc = rc ? rc : check_side(&c, MAP_DESTINATION, err);
    if (rc == 0)
        map_findings_sort(out);
    return rc;
}

void map_findings_free(struct map_findings *f)
{
    free(f->items);
    arena_free(&f->arena);
    *f = (struct map_findings){0};
}
