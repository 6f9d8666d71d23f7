/* Reading one file of the catalogue: what catalogue*.c share.
 *
 * Everything is allocated in the arena given. Errors are DS_EUSAGE, "FILE:LINE: …".
 */
#ifndef SCHEMA_CATALOGUE_READ_H
#define SCHEMA_CATALOGUE_READ_H

#include <yaml.h>

#include "schema/arena.h"
#include "schema/catalogue.h"

/* The built-in files, made from schema/entities/ at build time, in the order of meson.build. */
struct catalogue_file {
    const char *name, *text;
};
extern const struct catalogue_file catalogue_builtin[];
extern const size_t catalogue_builtin_count;

/* A file holds an entity or a group. */
struct catalogue_item {
    bool is_group;
    struct catalogue_entity entity;
    struct catalogue_group group;
};
/* `file`: how errors call it. */
int catalogue_read(struct catalogue_item *out, struct arena *arena, const char *file,
                   const char *text, size_t len, struct ds_error *err);

/* What one entity can only know of the others: names, tables and keys that references lead to.
 * `entities` and `groups` are all there are. */
struct catalogue_view {
    const struct catalogue_entity *entities;
    size_t entity_count;
    const struct catalogue_group *groups;
    size_t group_count;
};
const struct catalogue_entity *catalogue_view_find(const struct catalogue_view *v,
                                                   const char *name);
const struct catalogue_table *catalogue_find_table(const struct catalogue_entity *e,
                                                   const char *table);
/* Is it one of the built-in files? A user's is called by its path. */
bool catalogue_is_builtin(const char *file);
int catalogue_check(const struct catalogue_view *v, struct ds_error *err);
/* Fill `order` with the entities' indices, dependencies first, else as they stand. */
int catalogue_order(const struct catalogue_view *v, size_t *order, struct ds_error *err);

/* --- parts of a YAML document ------------------------------------------- */

struct catalogue_reader {
    yaml_document_t *document;
    struct arena *arena;
    const char *file;
    struct ds_error *err;
};
/* What a mapping may hold: these keys, each once. */
struct catalogue_field {
    const char *key;
    bool required;
    const yaml_node_t *node; /* what was found, NULL: not there */
};
#define CATALOGUE_FAIL(r, at, fmt, ...)                                                            \
    error_set((r)->err, DS_EUSAGE, "%s:%zu: " fmt, (r)->file,                                      \
              (at)->start_mark.line + 1 __VA_OPT__(, ) __VA_ARGS__)

int catalogue_no_memory(const struct catalogue_reader *r);
/* In which it begins; 1 for NULL. */
unsigned catalogue_line(const yaml_node_t *node);
const char *catalogue_text(const yaml_node_t *scalar);
int catalogue_read_fields(const struct catalogue_reader *r, const yaml_node_t *map,
                          struct catalogue_field *fields, size_t count);
/* For each of these a `node` of NULL leaves *out as it is. */
int catalogue_read_name(const struct catalogue_reader *r, const yaml_node_t *node,
                        const char **out);
int catalogue_read_text(const struct catalogue_reader *r, const yaml_node_t *node,
                        const char **out);
int catalogue_read_bool(const struct catalogue_reader *r, const yaml_node_t *node, bool *out);
/* The index of a word in a NULL-terminated list. */
int catalogue_read_choice(const struct catalogue_reader *r, const yaml_node_t *node,
                          const char *const *choices, unsigned *out);
/* Words, NULL-terminated; one word stands for a list of it. `what` names them in errors; `allowed`
 * are the characters that they are made of, NULL: any. Without a node: an empty list. */
int catalogue_read_words(const struct catalogue_reader *r, const yaml_node_t *node,
                         const char *allowed, const char *what, const char *const **out);
int catalogue_read_names(const struct catalogue_reader *r, const yaml_node_t *node,
                         const char *const **out);
int catalogue_read_when(const struct catalogue_reader *r, const yaml_node_t *node,
                        struct catalogue_when *out);
size_t catalogue_length(const yaml_node_t *node); /* of a list; 0 for anything else */
const yaml_node_t *catalogue_entry(const struct catalogue_reader *r, const yaml_node_t *list,
                                   size_t i);
/* `node` must be a list, or NULL. */
int catalogue_want_list(const struct catalogue_reader *r, const yaml_node_t *node,
                        const char *what);
int catalogue_read_rules(const struct catalogue_reader *r, const yaml_node_t *node,
                         struct catalogue_entity *e);
int catalogue_read_singles(const struct catalogue_reader *r, const yaml_node_t *node,
                           struct catalogue_entity *e);
int catalogue_read_softs(const struct catalogue_reader *r, const yaml_node_t *node,
                         struct catalogue_entity *e);

#endif
