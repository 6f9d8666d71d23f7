#include "applier/map/map_settings.h"

#include <stdlib.h>
#include <string.h>

#include "applier/map/handler.h"
#include "applier/map/map_own.h"
#include "schema/list.h"

const char *const map_setting_fields[SETTING_FIELDS] = {"scope", "scope_id", "path", "value"};
static const struct map_field fields[SETTING_FIELDS] = {
    {.name = "scope", .kind = MAP_FIELD_TEXT},
    {.name = "scope_id", .kind = MAP_FIELD_NUMBER},
    {.name = "path", .kind = MAP_FIELD_TEXT},
    {.name = "value", .kind = MAP_FIELD_TEXT}};
/* Of what the catalogue says, without a rule. */
static const struct map_rule encrypt = {.kind = MAP_TRANSFORM,
                                        .side = MAP_SOURCE,
                                        .document = "core_config_data",
                                        .field = "value",
                                        .handler = "\\Migration\\Handler\\Encrypt",
                                        .file = "encrypted (datasync entities config)"};
static const struct map_table table = {
    .name = "core_config_data", .fields = fields, .count = SETTING_FIELDS};

struct setting_handler {
    const struct map_rule *rule; /* of settings.xml, by its path … */
    struct map_rule of_value;    /* … and for the column */
    struct map_handler *handler;
    bool encrypts;
};

struct map_settings {
    const struct settings_map *rules;
    const struct catalogue *catalogue;
    const struct map_facts *facts;
    struct setting_handler **items;
    size_t count, capacity;
};

static bool is_encrypt(const char *class)
{
    const char *last = strrchr(class, '\\');
    return strcmp(last ? last + 1 : class, "Encrypt") == 0;
}

static int add(struct map_settings *m, const struct map_rule *rule, struct ds_error *err)
{
    struct setting_handler *h = calloc(1, sizeof *h);
    if (!h || LIST_ROOM(m->items, m->count, m->capacity)) {
        free(h);
        return handler_no_memory(err);
    }
    m->items[m->count++] = h;
    h->rule = rule;
    h->of_value = *rule;
    h->of_value.field = fields[SETTING_VALUE].name;
    h->encrypts = is_encrypt(rule->handler);
    int rc = map_own_open(&h->handler, m->facts->own, &h->of_value, &table, err);
    return rc || h->handler ? rc : map_handler_open(&h->handler, &h->of_value, &table, err);
}

int map_settings_new(struct map_settings **out, const struct settings_map *rules,
                     const struct catalogue *catalogue, const struct map_facts *facts,
                     struct ds_error *err)
{
    struct map_settings *m = calloc(1, sizeof *m);
    *out = NULL;
    if (!m)
        return handler_no_memory(err);
    *m = (struct map_settings){.rules = rules, .catalogue = catalogue, .facts = facts};
    int rc = add(m, &encrypt, err);
    const struct map_rule *r;
    for (size_t i = 0; rc == 0 && (r = settings_map_at(rules, i)); i++)
        if (r->kind == MAP_TRANSFORM)
            rc = add(m, r, err);
    if (rc)
        map_settings_free(m);
    else
        *out = m;
    return rc;
}

void map_settings_free(struct map_settings *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->count; i++) {
        map_handler_close(m->items[i]->handler);
        free(m->items[i]);
    }
    free(m->items);
    free(m);
}

/* --- a value --------------------------------------------------------------------------------- */

static const struct setting_handler *handler_of(const struct map_settings *m,
                                                const struct map_rule *rule)
{
    size_t i = 0;
    while (m->items[i]->rule != rule)
        i++;
    return m->items[i];
}

static bool names(const struct catalogue_encrypted *x, const char *path)
{
    if (strcmp(x->table, table.name) != 0 || !x->when.column || strcmp(x->when.column, "path") != 0)
        return false;
    for (size_t i = 0; x->when.values[i]; i++)
        if (strcmp(x->when.values[i], path) == 0)
            return true;
    return false;
}

static bool catalogue_encrypts(const struct catalogue *catalogue, const char *path)
{
    const struct catalogue_entity *e;
    const struct catalogue_table *entry;
    if (!catalogue_lookup(catalogue, table.name, &e, &entry))
        return false;
    for (size_t i = 0; i < e->encrypted_count; i++)
        if (names(&e->encrypted[i], path))
            return true;
    return false;
}

static bool key_is_given(const char *key)
{
    return key && *key;
}

struct setting {
    struct map_settings *map;
    const char *path;
    struct map_call call;
    enum map_setting_fate fate;
};

static int handle(struct setting *s, const struct setting_handler *h, struct ds_error *err)
{
    const struct map_facts *facts = s->map->facts;
    const struct map_value *value = &s->call.record->values[SETTING_VALUE];
    if (!h->encrypts)
        return map_handler_call(h->handler, &s->call, err);
    if (value_is_empty(value))
        return 0;
    if (!key_is_given(facts->source_key) || !key_is_given(facts->destination_key)) {
        s->fate = SETTING_NO_KEY;
        handler_set_null(&s->call);
        return 0;
    }
    int rc = map_handler_call(h->handler, &s->call, err);
    if (rc == 0 && value_is_null(value))
        s->fate = SETTING_UNREADABLE;
    return rc;
}

static int handle_all(struct setting *s, struct ds_error *err)
{
    const struct map_rule *r = NULL;
    bool encrypted = false;
    int rc = 0;
    while (rc == 0 && s->fate == SETTING_TAKEN &&
           (r = settings_map_next_handler(s->map->rules, s->path, r))) {
        const struct setting_handler *h = handler_of(s->map, r);
        encrypted |= h->encrypts;
        rc = handle(s, h, err);
    }
    if (rc == 0 && s->fate == SETTING_TAKEN && !encrypted &&
        catalogue_encrypts(s->map->catalogue, s->path))
        rc = handle(s, handler_of(s->map, &encrypt), err);
    return rc;
}

static int failed(const struct setting *s, int rc, struct ds_error *err)
{
    char why[sizeof err->message];
    const struct map_value *v = s->call.record->values;
    memcpy(why, err->message, sizeof why);
    return error_set(
        err, rc, "setting %.200s (%.*s %.*s): %s", s->path, (int)value_text(&v[SETTING_SCOPE]).len,
        (const char *)value_text(&v[SETTING_SCOPE]).p, (int)value_text(&v[SETTING_SCOPE_ID]).len,
        (const char *)value_text(&v[SETTING_SCOPE_ID]).p, why);
}

int map_settings_value(struct map_settings *m, struct map_value values[SETTING_FIELDS],
                       struct map_value *was, struct arena *arena, struct map_value *out,
                       enum map_setting_fate *fate, struct ds_error *err)
{
    struct map_value here[SETTING_FIELDS], there[SETTING_FIELDS];
    struct map_record record = {&table, here}, opposite = {&table, there};
    struct slice path = value_text(&values[SETTING_PATH]);
    memcpy(here, values, sizeof here);
    memcpy(there, values, sizeof there);
    there[SETTING_VALUE] = was ? *was : (struct map_value){0};
    struct setting s = {.map = m,
                        .call = {.record = &record,
                                 .field = SETTING_VALUE,
                                 .opposite = &opposite,
                                 .facts = m->facts,
                                 .arena = arena}};
    char *text = arena_alloc(arena, path.len + 1);
    if (!text)
        return handler_no_memory(err);
    memcpy(text, path.p, path.len);
    text[path.len] = '\0';
    s.path = text;
    int rc = handle_all(&s, err);
    *out = here[SETTING_VALUE];
    *fate = s.fate;
    return rc ? failed(&s, rc, err) : 0;
}
