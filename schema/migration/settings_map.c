#include "schema/migration/settings_map.h"

#include <stdlib.h>
#include <string.h>

#include "schema/map_state.h"

struct settings_map {
    struct map_rules rules;
};

enum { ONE_OR_MORE = 1 }; /* characters that a * stands for */

static const char document[] = "core_config_data";

static int begin_rule(void *arg, const struct xml_node *n, struct ds_error *err)
{
    struct rule_reading *r = arg;
    (void)err;
    rule_begin(r, n, MAP_SOURCE);
    r->rule.document = document;
    return 0;
}

static int take_path(struct rule_reading *r, const struct xml_node *n, const char **out,
                     struct ds_error *err)
{
    if (*out)
        return xml_error(err, n, "<%s> has a second <%s>", n->parent->name, n->name);
    if (!*n->text || strpbrk(n->text, " \t\r\n"))
        return xml_error(err, n, "<%s> needs the path of a setting, found \"%s\"", n->name,
                         n->text);
    *out = arena_strdup(&r->rules->arena, n->text);
    return *out ? 0 : rule_no_memory(err);
}

static int end_path(void *arg, const struct xml_node *n, struct ds_error *err)
{
    struct rule_reading *r = arg;
    return take_path(r, n, &r->rule.field, err);
}

static int end_to(void *arg, const struct xml_node *n, struct ds_error *err)
{
    struct rule_reading *r = arg;
    r->rule.to_document = document;
    return take_path(r, n, &r->rule.to_field, err);
}

static int end_ignore(void *arg, const struct xml_node *n, struct ds_error *err)
{
    struct rule_reading *r = arg;
    r->rule.kind = MAP_IGNORE_FIELD;
    return r->rule.field ? rule_add(r, err) : rule_lacks(n, "<path>", err);
}

static int end_rename(void *arg, const struct xml_node *n, struct ds_error *err)
{
    struct rule_reading *r = arg;
    r->rule.kind = MAP_MOVE;
    if (!r->rule.field || !r->rule.to_field)
        return rule_lacks(n, r->rule.field ? "<to>" : "<path>", err);
    if (strchr(r->rule.field, '*') || strchr(r->rule.to_field, '*'))
        return xml_error(err, n, "<rename> takes no *: write a rule for each path");
    for (size_t i = 0; i < r->rules->count; i++) {
        const struct map_rule *other = &r->rules->items[i];
        if (other->kind == MAP_MOVE && strcmp(other->field, r->rule.field) == 0 &&
            strcmp(other->to_field, r->rule.to_field) != 0)
            return xml_error(err, n, "%s becomes %s here, and %s at line %u", r->rule.field,
                             r->rule.to_field, other->to_field, other->line);
    }
    return rule_add(r, err);
}

static int end_transform(void *arg, const struct xml_node *n, struct ds_error *err)
{
    struct rule_reading *r = arg;
    return r->rule.field && r->rule.handler
               ? rule_add_handler(r, err)
               : rule_lacks(n, r->rule.field ? "<handler>" : "<path>", err);
}

static const struct xml_rule ignores[] = {{.name = "path", .end = end_path}};
static const struct xml_rule renames[] = {{.name = "path", .end = end_path},
                                          {.name = "to", .end = end_to}};
static const struct xml_rule transforms[] = {{.name = "path", .end = end_path}, RULE_HANDLER};
static const struct xml_rule keys[] = {
    {.name = "ignore", XML_CHILDREN(ignores), .begin = begin_rule, .end = end_ignore},
    {.name = "rename", XML_CHILDREN(renames), .begin = begin_rule, .end = end_rename}};
static const struct xml_rule values[] = {
    {.name = "transform", XML_CHILDREN(transforms), .begin = begin_rule, .end = end_transform}};
static const struct xml_rule parts[] = {{.name = "key", XML_CHILDREN(keys)},
                                        {.name = "value", XML_CHILDREN(values)}};
static const struct xml_rule root = {.name = "settings", XML_CHILDREN(parts)};

int settings_map_read(struct settings_map **out, const char *path, struct ds_error *err)
{
    struct settings_map *m = calloc(1, sizeof *m);
    *out = NULL;
    if (!m)
        return rule_no_memory(err);
    struct rule_reading r = {.rules = &m->rules, .file = arena_strdup(&m->rules.arena, path)};
    int rc = r.file ? xml_read(path, &root, &r, err) : rule_no_memory(err);
    if (rc)
        settings_map_free(m);
    else
        *out = m;
    return rc;
}

void settings_map_free(struct settings_map *m)
{
    if (!m)
        return;
    free(m->rules.items);
    arena_free(&m->rules.arena);
    free(m);
}

const char *settings_map_path(const struct settings_map *m, const char *path)
{
    const char *to = path;
    for (size_t i = 0; i < m->rules.count; i++) {
        const struct map_rule *r = &m->rules.items[i];
        if (r->kind == MAP_IGNORE_FIELD && map_matches(r->field, path, ONE_OR_MORE))
            return NULL;
        if (r->kind == MAP_MOVE && strcmp(r->field, path) == 0)
            to = r->to_field;
    }
    return to;
}

const struct map_rule *settings_map_next_handler(const struct settings_map *m, const char *path,
                                                 const struct map_rule *last)
{
    for (size_t i = last ? (size_t)(last - m->rules.items) + 1 : 0; i < m->rules.count; i++)
        if (m->rules.items[i].kind == MAP_TRANSFORM && strcmp(m->rules.items[i].field, path) == 0)
            return &m->rules.items[i];
    return NULL;
}

size_t settings_map_count(const struct settings_map *m)
{
    return m->rules.count;
}

const struct map_rule *settings_map_at(const struct settings_map *m, size_t i)
{
    return i < m->rules.count ? &m->rules.items[i] : NULL;
}
