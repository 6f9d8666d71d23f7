#include "applier/map/handler.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct map_class *const lists[] = {
    handlers_of_values, handlers_of_attributes, handlers_of_lookups, handlers_of_outputs,
    handlers_of_json,   handlers_of_texts,      handlers_of_keys,
};
enum { LISTS = sizeof lists / sizeof *lists };

/* --- classes and their parameters ------------------------------------------------------------ */

static const struct map_class *class_at(size_t i)
{
    for (size_t list = 0; list < LISTS; list++)
        for (const struct map_class *at = lists[list]; at->name; at++)
            if (i-- == 0)
                return at;
    return NULL;
}

const char *map_handler_class(size_t i)
{
    const struct map_class *class = class_at(i);
    return class ? class->name : NULL;
}

/* What is behind the namespace; NULL: it is in another one. */
static const char *behind(const char *space, const char *name)
{
    size_t len = strlen(space);
    return strncmp(name, space, len) == 0 ? name + len : NULL;
}

static const struct map_class *find_class(const char *name)
{
    name += *name == '\\';
    const char *own = behind("Datasync\\Handler\\", name);
    const char *its = behind("Migration\\Handler\\", name);
    const struct map_class *class = NULL;
    for (size_t i = 0; its && (class = class_at(i)); i++)
        if (strcmp(class->name, its) == 0)
            break;
    for (const struct map_class *at = handlers_of_ours; own && !class && at->name; at++)
        class = strcmp(at->name, own) == 0 ? at : NULL;
    return class;
}

int handler_wrong(const struct map_handler *h, struct ds_error *err, const char *fmt, ...)
{
    char text[sizeof err->message];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return error_set(err, DS_EUSAGE, "%s:%u: handler %s %s", h->rule->file, h->rule->line,
                     h->rule->handler, text);
}

/* The next word of a list between spaces; false: no more. */
static bool next_word(const char **list, char *word, size_t size)
{
    if (!*list)
        return false;
    const char *at = *list + strspn(*list, " ");
    size_t len = strcspn(at, " ");
    if (len == 0 || len >= size)
        return false;
    memcpy(word, at, len);
    word[len] = '\0';
    *list = at + len;
    return true;
}

static bool in_words(const char *list, const char *name)
{
    char word[64];
    while (next_word(&list, word, sizeof word))
        if (strcmp(word, name) == 0)
            return true;
    return false;
}

const char *handler_param(const struct map_handler *h, const char *name)
{
    for (size_t i = 0; i < h->rule->param_count; i++)
        if (strcmp(h->rule->params[i].name, name) == 0)
            return h->rule->params[i].value;
    return NULL;
}

static int check_params(const struct map_handler *h, struct ds_error *err)
{
    const struct map_class *class = h->class;
    const char *required = class->required, *optional = class->optional;
    char word[64];
    for (size_t i = 0; i < h->rule->param_count; i++) {
        const char *name = h->rule->params[i].name;
        if (in_words(required, name) || in_words(optional, name))
            continue;
        if (!required && !optional)
            return handler_wrong(h, err, "takes no parameters, and %s is one", name);
        return handler_wrong(h, err, "has no parameter %s; there are: %s%s%s", name,
                             required ? required : "", required && optional ? " " : "",
                             optional ? optional : "");
    }
    while (next_word(&required, word, sizeof word)) {
        const char *value = handler_param(h, word);
        if (!value)
            return handler_wrong(h, err, "needs the parameter %s; there are: %s%s%s", word,
                                 class->required, optional ? " " : "", optional ? optional : "");
    }
    return 0;
}

int handler_flag(const struct map_handler *h, const char *name, bool otherwise, bool *out,
                 struct ds_error *err)
{
    const char *value = handler_param(h, name);
    *out = value ? strcmp(value, "true") == 0 || strcmp(value, "1") == 0 : otherwise;
    /* in the other tool any text but "0" and "" was true, "false" as well */
    if (value && !*out && *value && strcmp(value, "false") != 0 && strcmp(value, "0") != 0)
        return handler_wrong(h, err, "takes true or false as %s, not \"%s\"", name, value);
    return 0;
}

/* --- columns --------------------------------------------------------------------------------- */

static bool find_field(const struct map_table *table, const char *name, size_t *at)
{
    for (*at = 0; *at < table->count; ++*at)
        if (strcmp(table->fields[*at].name, name) == 0)
            return true;
    return false;
}

static int find_columns(struct map_handler *h, struct ds_error *err)
{
    const char *list = h->class->columns;
    char word[64];
    for (size_t i = 0; i < HANDLER_COLUMNS && next_word(&list, word, sizeof word); i++) {
        const char *name = *word == '$' ? handler_param(h, word + 1) : word;
        if (!find_field(h->table, name, &h->columns[i]))
            return handler_wrong(h, err, "needs the column %s, which table %s lacks", name,
                                 h->table->name);
    }
    return 0;
}

/* A rule for a setting names its path; it is for the column of values. */
static int find_own(struct map_handler *h, struct ds_error *err)
{
    if (find_field(h->table, h->rule->field, &h->field) ||
        (strcmp(h->rule->document, "core_config_data") == 0 &&
         find_field(h->table, "value", &h->field)))
        return 0;
    return handler_wrong(h, err, "is for the column %s, which table %s lacks", h->rule->field,
                         h->table->name);
}

/* --- opening, calling ------------------------------------------------------------------------ */

int map_handler_open_class(struct map_handler **out, const struct map_class *class,
                           const struct map_rule *rule, const struct map_table *table,
                           struct ds_error *err)
{
    struct map_handler *h = calloc(1, sizeof *h);
    *out = NULL;
    if (!h)
        return handler_no_memory(err);
    *h = (struct map_handler){.class = class, .rule = rule, .table = table};
    int rc = class->any_params ? 0 : check_params(h, err);
    if (rc == 0)
        rc = find_own(h, err);
    if (rc == 0)
        rc = find_columns(h, err);
    if (rc == 0 && class->open)
        rc = class->open(h, err);
    if (rc)
        map_handler_close(h);
    else
        *out = h;
    return rc;
}

int map_handler_unknown(const struct map_rule *rule, struct ds_error *err)
{
    return error_set(err, DS_EUSAGE,
                     "%s:%u: there is no handler %s (for %s.%s) here: supply it in a file of yours "
                     "that `handlers:` of datasync.yaml names, in Lua as map_handlers[\"%s\"], or "
                     "in C (see README, Handlers)",
                     rule->file, rule->line, rule->handler, rule->document, rule->field,
                     rule->handler + (*rule->handler == '\\'));
}

bool map_handler_is_known(const struct map_rule *rule)
{
    return find_class(rule->handler) != NULL;
}

/* A name, or $ and the parameter that has it. */
static const char *named(const struct map_rule *rule, const char *name)
{
    const struct map_handler h = {.rule = rule};
    return name && *name == '$' ? handler_param(&h, name + 1) : name;
}

const char *map_handler_writes(const struct map_rule *rule)
{
    const struct map_class *class = rule->kind == MAP_TRANSFORM ? find_class(rule->handler) : NULL;
    return class ? named(rule, class->writes) : NULL;
}

bool map_handler_looks_up(const struct map_rule *rule, struct map_lookup *out)
{
    const struct map_class *class = rule->kind == MAP_TRANSFORM ? find_class(rule->handler) : NULL;
    *out = class ? (struct map_lookup){named(rule, class->looks_up[0]),
                                       named(rule, class->looks_up[1]),
                                       named(rule, class->looks_up[2])}
                 : (struct map_lookup){0};
    return out->table && out->value && out->key;
}

const struct map_rule *map_handler_writing(const struct map *m, const char *document,
                                           const struct map_rule *last)
{
    bool behind = !last;
    for (size_t i = 0; i < map_count(m); i++) {
        const struct map_rule *r = map_at(m, i);
        const char *writes = behind ? map_handler_writes(r) : NULL;
        if (writes && strcmp(writes, document) == 0)
            return r;
        behind |= r == last;
    }
    return NULL;
}

int map_handler_open(struct map_handler **out, const struct map_rule *rule,
                     const struct map_table *table, struct ds_error *err)
{
    const struct map_class *class = find_class(rule->handler);
    *out = NULL;
    return class ? map_handler_open_class(out, class, rule, table, err)
                 : map_handler_unknown(rule, err);
}

void map_handler_close(struct map_handler *h)
{
    if (!h)
        return;
    if (h->class->close && h->state)
        h->class->close(h);
    arena_free(&h->arena);
    free(h);
}

const char *handler_record_id(const struct map_call *c, char out[RECORD_ID_SIZE])
{
    const struct map_table *t = c->record->table;
    size_t len = 0;
    *out = 0;
    for (uint32_t i = 0; i < t->key_count && len < RECORD_ID_SIZE; i++) {
        struct slice id = value_text(&c->record->values[t->keys[i]]);
        len += (size_t)snprintf(out + len, RECORD_ID_SIZE - len, "%s%.*s",
                                i ? "," : " with record id ", (int)(id.len < 64 ? id.len : 64),
                                (const char *)id.p);
    }
    return out;
}

int map_handler_call(const struct map_handler *h, struct map_call *call, struct ds_error *err)
{
    return h->class->call(h, call, err);
}

/* --- what handlers use ------------------------------------------------------------------------ */

int handler_no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for a handler of map rules");
}

void *handler_state(struct map_handler *h, size_t size, struct ds_error *err)
{
    h->state = arena_zalloc(&h->arena, size);
    if (!h->state)
        handler_no_memory(err);
    return h->state;
}

bool text_is(struct slice s, const char *text)
{
    return slice_same(s, slice_of(text));
}

bool slice_same(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

struct slice text_trim(struct slice s)
{
    while (s.len && isspace(*s.p))
        s = (struct slice){s.p + 1, s.len - 1};
    while (s.len && isspace(s.p[s.len - 1]))
        s.len--;
    return s;
}

int handler_list(struct map_handler *h, const char *text, char separator, struct slice **out,
                 size_t *count, struct ds_error *err)
{
    struct slice all = text_trim(slice_of(text));
    size_t most = 1;
    if (all.len && *all.p == '[')
        all = (struct slice){all.p + 1, all.len - 1};
    if (all.len && all.p[all.len - 1] == ']')
        all.len--;
    for (size_t i = 0; i < all.len; i++)
        most += all.p[i] == (uint8_t)separator;
    *out = arena_alloc(&h->arena, most * sizeof **out);
    *count = 0;
    if (!*out)
        return handler_no_memory(err);
    for (size_t i = 0, start = 0; i <= all.len; i++)
        if (i == all.len || all.p[i] == (uint8_t)separator) {
            struct slice item = text_trim((struct slice){all.p + start, i - start});
            if (item.len)
                (*out)[(*count)++] = item;
            start = i + 1;
        }
    return 0;
}

bool value_is_empty(const struct map_value *v)
{
    struct slice text = value_text(v);
    return text.len == 0 || text_is(text, "0");
}

struct map_value *handler_find(const struct map_record *r, const char *field)
{
    size_t at;
    return r && find_field(r->table, field, &at) ? &r->values[at] : NULL;
}

struct map_value *handler_opposite(const struct map_call *c)
{
    return handler_find(c->opposite, c->record->table->fields[c->field].name);
}

void handler_set(struct map_call *c, struct slice text)
{
    *handler_value(c) = (struct map_value){.set = true, .text = text};
}

void handler_set_null(struct map_call *c)
{
    *handler_value(c) = (struct map_value){.set = true, .null = true};
}

int handler_set_copy(struct map_call *c, const void *p, size_t len, struct ds_error *err)
{
    return handler_set_joined(c, &(struct slice){p, len}, 1, err);
}

int handler_join(const struct map_call *c, const struct slice *parts, size_t count,
                 struct slice *out, struct ds_error *err)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    uint8_t *p = arena_alloc(c->arena, len + 1);
    if (!p)
        return handler_no_memory(err);
    *out = (struct slice){p, len};
    for (size_t i = 0; i < count; p += parts[i++].len)
        if (parts[i].len)
            memcpy(p, parts[i].p, parts[i].len);
    return 0;
}

int handler_set_joined(struct map_call *c, const struct slice *parts, size_t count,
                       struct ds_error *err)
{
    struct slice text;
    int rc = handler_join(c, parts, count, &text, err);
    if (rc == 0)
        handler_set(c, text);
    return rc;
}

int handler_set_number(struct map_call *c, int64_t number, struct ds_error *err)
{
    char text[DECIMAL_ROOM];
    return handler_set_copy(c, text, decimal_signed(text, number), err);
}

int handler_refuse(const struct map_handler *h, struct ds_error *err, const char *fmt, ...)
{
    char text[sizeof err->message];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return error_set(err, DS_ECONFLICT, "%s.%s: %s (handler %s, %s:%u)", h->table->name,
                     h->rule->field, text, h->rule->handler, h->rule->file, h->rule->line);
}

int handler_attribute(const struct map_call *c, const struct map_value *id,
                      struct map_attribute *out, bool *found, struct ds_error *err)
{
    *found = false;
    if (!c->facts->attribute || value_is_null(id))
        return 0;
    return c->facts->attribute(c->facts->arg, id->text, out, found, err);
}

int handler_lookup(const struct map_call *c, const char *table, const char *value, const char *key,
                   struct slice id, struct map_value *out, struct ds_error *err)
{
    bool found = false;
    int rc = c->facts->lookup ? c->facts->lookup(c->facts->arg, table, value, key, id, out,
                                                 c->arena, &found, err)
                              : 0;
    if (rc == 0 && !found)
        *out = (struct map_value){0};
    return rc;
}
