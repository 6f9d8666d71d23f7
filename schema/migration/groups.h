/* Groups of tables and of attributes: deltalog.xml, eav-document-groups.xml and their like, as
 * users of the Magento Data Migration Tool have them (grammar: its etc/groups.xsd). A file of
 * several groups; a group names documents (tables of the source, without prefix), each with the
 * columns that tell its rows, or attributes, each of an entity type.
 *
 * Once read they do not change; any thread may ask them. What they return lives as long as they.
 */
#ifndef SCHEMA_GROUPS_H
#define SCHEMA_GROUPS_H

#include <stdbool.h>
#include <stddef.h>

#include "schema/error.h"

struct group_item {
    const char *name;
    const char *key;  /* "post_id" or "product_id,website_id"; NULL: not said */
    const char *type; /* of an attribute; NULL: not said */
    bool attribute;
    unsigned line;
};

struct group {
    const char *name;
    struct group_item *items; /* in the order they are written */
    size_t count;
    unsigned line;
};

struct groups;

/* DS_EUSAGE names file and line: it cannot be read, or is not such a file. */
int groups_read(struct groups **out, const char *path, struct ds_error *err);
void groups_free(struct groups *g);
size_t groups_count(const struct groups *g);
const struct group *groups_at(const struct groups *g, size_t i);
/* NULL: there is none of that name. */
const struct group *groups_find(const struct groups *g, const char *name);

#endif
