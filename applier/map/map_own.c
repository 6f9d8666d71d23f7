#include "applier/map/map_own.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "applier/map/handler.h"

struct own {
    const struct handler *whose;
    const struct ds_map_handler *is;
    const char **params; /* as ds_field has them */
};

/* --- values ---------------------------------------------------------------------------------- */

/* A whole number that has no other form. */
static bool number_of(struct slice s, struct ds_value *out)
{
    char text[32], *end;
    if (s.len == 0 || s.len >= sizeof text)
        return false;
    memcpy(text, s.p, s.len);
    text[s.len] = 0;
    if (strspn(text + (*text == '-'), "0123456789") != s.len - (*text == '-'))
        return false;
    errno = 0;
    *out = (struct ds_value){.kind = *text == '-' ? DS_INT : DS_UINT};
    if (*text == '-')
        out->i = strtoll(text, &end, 10);
    else
        out->u = strtoull(text, &end, 10);
    return !errno && !*end;
}

static struct ds_value value_of(const struct map_value *v, enum map_field_kind kind)
{
    struct ds_value out = {.kind = DS_NULL};
    if (value_is_null(v) || (kind == MAP_FIELD_NUMBER && number_of(v->text, &out)))
        return out;
    out.kind = kind == MAP_FIELD_BYTES ? DS_BYTES : DS_TEXT;
    out.text = (const char *)v->text.p;
    out.length = v->text.len;
    return out;
}

int map_own_value(const struct ds_value *v, struct arena *arena, struct map_value *out)
{
    char room[HANDLER_NUMBER_ROOM];
    struct ds_value text = *v;
    *out = (struct map_value){.set = true, .null = v->kind == DS_NULL};
    if (v->kind == DS_NULL)
        return 0;
    handler_number_text(&text, room);
    uint8_t *copy = arena_alloc(arena, text.length + 1);
    if (copy && text.length)
        memcpy(copy, text.text, text.length);
    out->text = (struct slice){copy, text.length};
    return copy ? 0 : DS_ENOMEM;
}

size_t handler_record_fields(const struct ds_record *record)
{
    return record->is.table->count;
}

const char *handler_record_field(const struct ds_record *record, size_t i)
{
    return i < record->is.table->count ? record->is.table->fields[i].name : NULL;
}

int handler_record_find(const struct ds_record *record, const char *field)
{
    for (size_t i = 0; i < record->is.table->count; i++)
        if (strcasecmp(record->is.table->fields[i].name, field) == 0)
            return (int)i;
    return -1;
}

struct ds_value handler_record_value(const struct ds_record *record, size_t i)
{
    return i < record->is.table->count
               ? value_of(&record->is.values[i], record->is.table->fields[i].kind)
               : (struct ds_value){.kind = DS_NULL};
}

/* --- a handler ------------------------------------------------------------------------------- */

static int call_own(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    const struct own *own = h->state;
    struct ds_call call = {.handler = own->whose, .arena = c->arena};
    const struct ds_record record = {*c->record};
    const struct ds_record opposite = {c->opposite ? *c->opposite : *c->record};
    const struct map_field *of = &c->record->table->fields[c->field];
    const struct ds_field field = {.document = h->table->name,
                                   .name = of->name,
                                   .record = &record,
                                   .opposite = c->opposite ? &opposite : NULL,
                                   .params = own->params};
    struct ds_value v = value_of(handler_value(c), of->kind);
    if (own->is->handle(own->whose->state, &call, own->is, &field, &v) != DS_HANDLER_OK)
        return handler_refuse(h, err, "%s",
                              call.has_reason ? call.reason : "it fails without a reason");
    return map_own_value(&v, c->arena, handler_value(c)) ? handler_no_memory(err) : 0;
}

static const struct map_class own_class = {.name = "", .any_params = true, .call = call_own};

int map_own_open(struct map_handler **out, const struct handlers *own, const struct map_rule *rule,
                 const struct map_table *table, struct ds_error *err)
{
    const struct handler *whose = NULL;
    const struct ds_map_handler *is = handlers_map(own, rule->handler, &whose);
    *out = NULL;
    if (!is)
        return 0;
    int rc = map_handler_open_class(out, &own_class, rule, table, err);
    struct own *state = rc ? NULL : handler_state(*out, sizeof *state, err);
    const char **params =
        state ? arena_zalloc(&(*out)->arena, (2 * rule->param_count + 1) * sizeof *params) : NULL;
    if (rc == 0 && !params) {
        map_handler_close(*out);
        *out = NULL;
        return handler_no_memory(err);
    }
    for (size_t i = 0; rc == 0 && i < rule->param_count; i++) {
        params[2 * i] = rule->params[i].name;
        params[2 * i + 1] = rule->params[i].value;
    }
    if (rc == 0)
        *state = (struct own){whose, is, params};
    return rc;
}
