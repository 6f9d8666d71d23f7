/* The entity catalogue: which table belongs to which entity, and how.
 *
 * One YAML file per entity, built in (schema/entities/, compiled into the library) or from a user's
 * folder, which adds or overrides by entity name. Errors: DS_EUSAGE with file and line. Read-only
 * after loading, shared by all threads.
 *
 * Entities stand in dependency order: what others refer to comes first. References between
 * different entities must not form a circle. A table belongs to one entity at most.
 */
#ifndef SCHEMA_CATALOGUE_H
#define SCHEMA_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "error.h"

struct catalogue_table {
    const char *table; /* without prefix */
    const char
        *role; /* "root", "member", "grid", "stock" … free text for people; "root" has a meaning */
    const char *link; /* column that holds the root's key; for the root its primary key */
    const char
        *through; /* table through which the root is reached, NULL: link is the root's key itself */
    bool stock;   /* rows take the stock fast path */
};
enum catalogue_form { REFERENCE_ONE, REFERENCE_LIST, REFERENCE_PATH };
struct catalogue_reference {
    const char *table, *column;
    const char *entity;       /* whose key it holds */
    bool required;            /* a row without it makes no sense */
    enum catalogue_form form; /* one key, keys separated by commas, or by slashes */
};
struct catalogue_entity {
    const char *name;
    const char *const *aliases; /* NULL-terminated */
    const struct catalogue_table *tables;
    size_t table_count;
    const char *const *natural_key; /* columns of the root that people know it by; NULL-terminated,
                                       empty: none */
    const struct catalogue_reference *references;
    size_t reference_count;
    const char *file; /* it came from: "product.yaml" when built in, else a path */
};
struct catalogue;
/* `user_dir` may be NULL or "". */
int catalogue_load(struct catalogue **out, const char *user_dir, struct ds_error *err);
void catalogue_free(struct catalogue *c);
size_t catalogue_count(const struct catalogue *c);
const struct catalogue_entity *catalogue_at(const struct catalogue *c, size_t i);
const struct catalogue_entity *catalogue_find(const struct catalogue *c,
                                              const char *name); /* also by alias */
/* Entity and table entry of `table` (prefix already stripped); false: unclaimed (entity "table").
 */
bool catalogue_lookup(const struct catalogue *c, const char *table,
                      const struct catalogue_entity **entity, const struct catalogue_table **entry);

#endif
