/* One rule as it is read, with its handler. */
#include <string.h>

#include "schema/list.h"
#include "schema/map_state.h"

int rule_no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for a map");
}

int rule_lacks(const struct xml_node *n, const char *what, struct ds_error *err)
{
    return xml_error(err, n, "<%s> needs %s", n->name, what);
}

int rule_begin(struct rule_reading *r, const struct xml_node *n, enum map_side side)
{
    r->rule = (struct map_rule){.side = side, .file = r->file, .line = n->line};
    r->has_handler = false;
    return 0;
}

int rule_add(struct rule_reading *r, struct ds_error *err)
{
    struct map_rules *all = r->rules;
    if (LIST_ROOM(all->items, all->count, all->capacity))
        return rule_no_memory(err);
    all->items[all->count++] = r->rule;
    return 0;
}

static bool same_handler(const struct map_rule *a, const struct map_rule *b)
{
    bool same = a->kind == MAP_TRANSFORM && a->side == b->side &&
                strcmp(a->document, b->document) == 0 && strcmp(a->field, b->field) == 0 &&
                strcmp(a->handler, b->handler) == 0 && a->param_count == b->param_count;
    for (size_t i = 0; same && i < a->param_count; i++)
        same = strcmp(a->params[i].name, b->params[i].name) == 0 &&
               strcmp(a->params[i].value, b->params[i].value) == 0;
    return same;
}

int rule_add_handler(struct rule_reading *r, struct ds_error *err)
{
    r->rule.kind = MAP_TRANSFORM;
    for (size_t i = 0; i < r->rules->count; i++)
        if (same_handler(&r->rules->items[i], &r->rule))
            return 0;
    return rule_add(r, err);
}

int rule_begin_handler(void *arg, const struct xml_node *n, struct ds_error *err)
{
    struct rule_reading *r = arg;
    const char *class = xml_attribute(n, "class");
    if (!*class || class[strspn(class, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                       "0123456789_\\")])
        return xml_error(err, n, "class=\"%s\" is no name of a handler", class);
    if (r->has_handler)
        return xml_error(err, n,
                         "<transform> has a second <handler>: write a <transform> for each");
    r->has_handler = true;
    r->rule.handler = arena_strdup(&r->rules->arena, class);
    return r->rule.handler ? 0 : rule_no_memory(err);
}

static int end_param(void *arg, const struct xml_node *n, struct ds_error *err)
{
    struct rule_reading *r = arg;
    struct map_rule *rule = &r->rule;
    const char *name = xml_attribute(n, "name");
    for (size_t i = 0; i < rule->param_count; i++)
        if (strcmp(rule->params[i].name, name) == 0)
            return xml_error(err, n, "the handler has a second parameter %s", name);
    struct map_param *more = /* there are few */
        arena_alloc(&r->rules->arena, (rule->param_count + 1) * sizeof *more);
    if (!more)
        return rule_no_memory(err);
    if (rule->param_count)
        memcpy(more, rule->params, rule->param_count * sizeof *more);
    rule->params = more;
    more += rule->param_count;
    more->name = arena_strdup(&r->rules->arena, name);
    more->value = arena_strdup(&r->rules->arena, xml_attribute(n, "value"));
    rule->param_count++;
    return more->name && more->value ? 0 : rule_no_memory(err);
}

const struct xml_rule rule_params[] = {
    {.name = "param", .required = "name value", .end = end_param}};
