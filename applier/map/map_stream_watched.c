#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "applier/map/map_stream_state.h"
#include "applier/map/map_value.h"

/* A row that stands for one that was there for a while: its key, the type that it belongs to, and a
 * name that nobody else has. */
struct standing {
    const struct target_table *target;
    struct map_value id, type, name;
};

const uint8_t *map_stream_value(const struct mapped *t, struct slice image, const char *column)
{
    const uint8_t *values[MESSAGE_MAX_COLUMNS];
    const uint32_t i = message_column(t->source.columns, t->source.column_count, column);
    return i == UINT32_MAX || image_split(image, t->source.column_count, values) ? NULL : values[i];
}

static int read_number(const struct mapped *t, struct slice image, const char *column,
                       struct arena *arena, struct map_value *out)
{
    const uint8_t *p = map_stream_value(t, image, column);
    struct value v;
    *out = (struct map_value){0};
    return !p                                        ? 0
           : value_read(&p, p + value_length(p), &v) ? DS_EFORMAT
                                                     : map_value_read(&v, arena, out);
}

static int put_image(const struct standing *x, const struct map_watched *w, struct buf *out)
{
    const struct map_value none = {0};
    int rc = image_write_head(out, x->target->column_count);
    for (uint32_t i = 0; rc == 0 && i < x->target->column_count; i++) {
        const struct target_column *c = &x->target->columns[i];
        const struct map_value *v = strcasecmp(c->name, w->id) == 0              ? &x->id
                                    : strcasecmp(c->name, "entity_type_id") == 0 ? &x->type
                                    : strcasecmp(c->name, w->name) == 0          ? &x->name
                                                                                 : &none;
        const char *why;
        rc = map_value_write(v, c, out, &why) ? 0 : why ? DS_EFORMAT : DS_ENOMEM;
    }
    return rc;
}

static int put_change(struct map_stream *s, struct mapped *t, const struct msg_change *c,
                      const struct standing *x, struct arena *arena)
{
    const bool is = c->op == CHANGE_INSERT;
    struct msg_table table;
    buf_clear(&s->made);
    int rc = map_row_describe(x->target, &t->source, arena, &table);
    rc = rc ? rc : message_write_table(&s->made, &table);
    rc = rc ? rc
            : message_write_change_head(&s->made, t->id, c->op, c->flags & ROW_FLAGS,
                                        (struct slice){0});
    if (rc == 0)
        rc = is ? image_write_none(&s->made) : put_image(x, t->whole, &s->made);
    if (rc == 0)
        rc = is ? put_image(x, t->whole, &s->made) : image_write_none(&s->made);
    return rc;
}

/* What others referred to comes and goes; what it holds does not matter. */
int watched_change(struct map_stream *s, struct mapped *t, const struct msg_change *c,
                   struct arena *arena, struct ds_error *err)
{
    const struct map_passing *passing = s->options.passing;
    const struct map_watched *w = t->whole;
    const struct slice image = c->op == CHANGE_INSERT ? c->after : c->before;
    struct standing x = {0};
    char name[300], text[40];
    uint64_t id;
    if (s->options.ends_at_watched)
        return error_set(err, DS_EMET, "a change of %s has come", w->document);
    const uint8_t *raw =
        passing && w->name && c->op != CHANGE_UPDATE ? map_stream_value(t, image, w->id) : NULL;
    if (!raw || !value_id((struct slice){raw, value_length(raw)}, &id) ||
        !passing->is(passing->arg, w->document, id))
        return 0;
    int len = snprintf(name, sizeof name, "%s%s", s->options.target_prefix, w->document);
    x.target = target_find(s->target, name, (size_t)len);
    if (!x.target || !x.target->exists)
        return 0;
    len = snprintf(text, sizeof text, "~%lu~", id);
    x.name = (struct map_value){.set = true, .text = {(const uint8_t *)text, (size_t)len}};
    int rc = read_number(t, image, w->id, arena, &x.id);
    rc = rc ? rc : read_number(t, image, "entity_type_id", arena, &x.type);
    rc = rc ? rc : put_change(s, t, c, &x, arena);
    if (rc == DS_EFORMAT)
        return error_set(err, rc, "a row of table %s is malformed", w->document);
    return rc ? map_stream_no_memory(err) : map_stream_queue(s, arena, err);
}
