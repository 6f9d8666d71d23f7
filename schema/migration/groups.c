#include "schema/migration/groups.h"

#include <stdlib.h>
#include <string.h>

#include "schema/arena.h"
#include "schema/xml.h"

struct groups {
    struct group *items;
    size_t count;
    struct arena arena;
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for groups of tables");
}

static int keep(struct groups *g, const char *text, const char **out, struct ds_error *err)
{
    *out = text ? arena_strdup(&g->arena, text) : NULL;
    return text && !*out ? no_memory(err) : 0;
}

static int begin_group(void *arg, const struct xml_node *n, struct ds_error *err)
{
    struct groups *g = arg;
    const struct group *first = groups_find(g, xml_attribute(n, "name"));
    if (first)
        return xml_error(err, n, "the group %s stands at line %u already", first->name,
                         first->line);
    struct group *bigger = realloc(g->items, (g->count + 1) * sizeof *bigger);
    if (!bigger)
        return no_memory(err);
    g->items = bigger;
    g->items[g->count] = (struct group){.line = n->line};
    return keep(g, xml_attribute(n, "name"), &g->items[g->count++].name, err);
}

static int end_item(void *arg, const struct xml_node *n, struct ds_error *err)
{
    struct groups *g = arg;
    struct group *group = &g->items[g->count - 1];
    struct group_item *bigger = realloc(group->items, (group->count + 1) * sizeof *bigger);
    if (!bigger)
        return no_memory(err);
    group->items = bigger;
    struct group_item *i = &group->items[group->count++];
    *i = (struct group_item){.attribute = strcmp(n->name, "attribute") == 0, .line = n->line};
    if (!*n->text || strpbrk(n->text, " \t\r\n"))
        return xml_error(err, n, "<%s> needs one name, without white space", n->name);
    int rc = keep(g, n->text, &i->name, err);
    rc = rc ? rc : keep(g, xml_attribute(n, "key"), &i->key, err);
    return rc ? rc : keep(g, xml_attribute(n, "type"), &i->type, err);
}

static const struct xml_rule items[] = {
    {.name = "document", .optional = "key", .end = end_item},
    {.name = "attribute", .optional = "key type", .end = end_item}};
static const struct xml_rule group[] = {
    {.name = "group", .required = "name", XML_CHILDREN(items), .begin = begin_group}};
static const struct xml_rule root = {.name = "groups", XML_CHILDREN(group)};

int groups_read(struct groups **out, const char *path, struct ds_error *err)
{
    struct groups *g = calloc(1, sizeof *g);
    *out = NULL;
    if (!g)
        return no_memory(err);
    int rc = xml_read(path, &root, g, err);
    if (rc)
        groups_free(g);
    else
        *out = g;
    return rc;
}

void groups_free(struct groups *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->count; i++)
        free(g->items[i].items);
    free(g->items);
    arena_free(&g->arena);
    free(g);
}

size_t groups_count(const struct groups *g)
{
    return g->count;
}

const struct group *groups_at(const struct groups *g, size_t i)
{
    return i < g->count ? &g->items[i] : NULL;
}

const struct group *groups_find(const struct groups *g, const char *name)
{
    for (size_t i = 0; i < g->count; i++)
        if (strcmp(g->items[i].name, name) == 0)
            return &g->items[i];
    return NULL;
}
