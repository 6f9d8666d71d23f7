#include "schema/migration/class_map.h"

#include <stdlib.h>
#include <string.h>

#include "schema/arena.h"
#include "schema/xml.h"

struct renamed {
    const char *from, *to;
    unsigned line;
};

struct class_map {
    struct renamed *items;
    size_t count;
    struct arena arena;
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for a class map");
}

static const struct renamed *find(const struct class_map *m, const char *from, size_t len)
{
    for (size_t i = 0; i < m->count; i++)
        if (strlen(m->items[i].from) == len && memcmp(m->items[i].from, from, len) == 0)
            return &m->items[i];
    return NULL;
}

static int begin_rename(void *arg, const struct xml_node *n, struct ds_error *err)
{
    struct class_map *m = arg;
    struct renamed *bigger = realloc(m->items, (m->count + 1) * sizeof *bigger);
    if (!bigger)
        return no_memory(err);
    m->items = bigger;
    m->items[m->count] = (struct renamed){.line = n->line};
    return 0;
}

/* <from> or <to> of the rename that is open, which is not counted yet. */
static int end_class(void *arg, const struct xml_node *n, struct ds_error *err)
{
    struct class_map *m = arg;
    struct renamed *r = &m->items[m->count];
    const char **out = strcmp(n->name, "from") == 0 ? &r->from : &r->to;
    if (*out)
        return xml_error(err, n, "<rename> has a second <%s>", n->name);
    *out = arena_strdup(&m->arena, n->text);
    return *out ? 0 : no_memory(err);
}

static int end_rename(void *arg, const struct xml_node *n, struct ds_error *err)
{
    struct class_map *m = arg;
    const struct renamed *r = &m->items[m->count];
    if (!r->from || !*r->from || !r->to)
        return xml_error(err, n, "<rename> needs <from> and <to>");
    const struct renamed *first = find(m, r->from, strlen(r->from));
    if (first && strcmp(first->to, r->to) != 0)
        return xml_error(err, n, "%s becomes %s here, and %s at line %u", r->from, r->to, first->to,
                         first->line);
    m->count += !first;
    return 0;
}

static const struct xml_rule classes[] = {{.name = "from", .end = end_class},
                                          {.name = "to", .end = end_class}};
static const struct xml_rule renames[] = {
    {.name = "rename", XML_CHILDREN(classes), .begin = begin_rename, .end = end_rename}};
static const struct xml_rule root = {.name = "classmap", XML_CHILDREN(renames)};

int class_map_read(struct class_map **out, const char *path, struct ds_error *err)
{
    struct class_map *m = calloc(1, sizeof *m);
    *out = NULL;
    if (!m)
        return no_memory(err);
    int rc = xml_read(path, &root, m, err);
    if (rc)
        class_map_free(m);
    else
        *out = m;
    return rc;
}

void class_map_free(struct class_map *m)
{
    if (!m)
        return;
    free(m->items);
    arena_free(&m->arena);
    free(m);
}

size_t class_map_count(const struct class_map *m)
{
    return m->count;
}

const char *class_map_find(const struct class_map *m, const char *from, size_t len)
{
    const struct renamed *r = find(m, from, len);
    return r ? r->to : NULL;
}
