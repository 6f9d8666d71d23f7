/* What the readers of rules share. */
#ifndef SCHEMA_MAP_STATE_H
#define SCHEMA_MAP_STATE_H

#include "schema/arena.h"
#include "schema/map.h"
#include "schema/xml.h"

struct map_rules { /* in the order they are written */
    struct map_rule *items;
    size_t count, capacity;
    struct arena arena;
};

struct map_step { /* a step that has documents of its own */
    const char *name;
    const char *const *documents[2]; /* by enum map_side; NULL ends them */
    struct map *rules;
    bool some; /* only followed documents of it are followed */
    bool takes_all;
    bool gives; /* rows of further documents */
};

struct map_names { /* of documents of the destination */
    const char **items;
    size_t count, capacity;
};

struct map {
    struct map_rules rules;
    struct map_step *steps;
    size_t step_count;
    bool some; /* … of those that no step has */
    const char **followed;
    size_t followed_count, followed_capacity;
    struct map_watched *watched;
    size_t watched_count, watched_capacity;
    struct map_names doubles, claimed;
    struct map_columns *columns;
    size_t columns_count, columns_capacity;
};

/* What a reader is at. It stands first in what the functions of a grammar are given. */
struct rule_reading {
    struct map_rules *rules;
    const char *file; /* lives as long as the rules */
    struct map_rule rule;
    bool has_handler;
};

int rule_begin(struct rule_reading *r, const struct xml_node *n, enum map_side side);
/* Another rule. */
int rule_add(struct rule_reading *r, struct ds_error *err);
/* The same, but for a handler that stands there word for word: maps that are shipped have rules
 * twice, which are meant once. */
int rule_add_handler(struct rule_reading *r, struct ds_error *err);
/* "<rename> needs <to>". */
int rule_lacks(const struct xml_node *n, const char *what, struct ds_error *err);
int rule_no_memory(struct ds_error *err);
/* <handler class="…"> with its <param>s, into the rule that is open. */
extern const struct xml_rule rule_params[1];
int rule_begin_handler(void *arg, const struct xml_node *n, struct ds_error *err);
#define RULE_HANDLER                                                                               \
    {                                                                                              \
        .name = "handler", .required = "class", XML_CHILDREN(rule_params),                         \
        .begin = rule_begin_handler                                                                \
    }

#endif
