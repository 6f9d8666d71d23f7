#include <stdlib.h>
#include <string.h>

#include "applier/map/map_row_state.h"
#include "applier/map/map_value.h"

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for a map");
}

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
    if (rc == 0 && map_value_write(&held, c, out, &why)) {
        why = r->note ? map_value_loses(&held, c) : NULL;
        return why ? r->note(r->note_arg, (int32_t)i, why, err) : 0;
    }
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
        const bool looked_at = r->note && r->target->columns[i].class == TARGET_TEMPORAL;
        if ((p->from != NOWHERE && p->passes && !looked_at) || (p->from == NOWHERE && r->there)) {
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
    if (r->same && !r->note)
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
