#include "applier/map/map_takes.h"

#include <stdio.h>
#include <string.h>

#include "applier/map/map_handler.h"

/* As the filter knows it. */
struct whole_name {
    char text[300];
};

static struct whole_name at_source(const struct map_takes *o, const char *document)
{
    struct whole_name name;
    snprintf(name.text, sizeof name.text, "%s%s", o->config->source.prefix, document);
    return name;
}

int map_leads_to(const struct map_takes *o, const char *document, const char *there, bool *does,
                 struct ds_error *err)
{
    const char *to = map_document(filter_map(o->filter), MAP_SOURCE, document);
    const struct whole_name name = at_source(o, document);
    *does = to && strcmp(to, there) == 0 && filter_keeps(o->filter, name.text);
    return *does && o->servers ? map_servers_has_table(o->servers, name.text, does, err) : 0;
}

/* By a handler, beside its own document. */
static bool is_written(const struct map_takes *o, const char *document)
{
    const struct map *map = filter_map(o->filter);
    const struct map_rule *r = NULL;
    while ((r = map_handler_writing(map, document, r)))
        if (r->side == MAP_DESTINATION || (map_document(map, MAP_SOURCE, r->document) &&
                                           filter_keeps(o->filter, at_source(o, r->document).text)))
            return true;
    return false;
}

/* By its own name, or by that which a rule gives another one. */
static int comes(const struct map_takes *o, const char *document, bool *does, struct ds_error *err)
{
    const struct map *map = filter_map(o->filter);
    int rc = map_leads_to(o, document, document, does, err);
    for (size_t i = 0; i < map_count(map) && rc == 0 && !*does; i++) {
        const struct map_rule *r = map_at(map, i);
        if (r->kind == MAP_RENAME && strcmp(r->to_document, document) == 0)
            rc = map_leads_to(o, r->document, document, does, err);
    }
    return rc;
}

int map_takes(const struct map_takes *o, const char *table, bool *takes, struct ds_error *err)
{
    const struct map *map = filter_map(o->filter);
    const char *prefix = o->config->destination.prefix, *document = table + strlen(prefix);
    *takes = false;
    if (strncmp(table, prefix, strlen(prefix)) != 0)
        return 0;
    *takes = map_step(map, MAP_DESTINATION, document) || is_written(o, document);
    return *takes || map_ignored(map, MAP_DESTINATION, document) ? 0
                                                                 : comes(o, document, takes, err);
}
