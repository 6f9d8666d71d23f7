/* XML files, read as they stream by and checked against what may stand where.
 *
 * A grammar is a tree of rules, one for each element; what an element means is said by functions
 * that are called at its beginning and its end. Errors name file and line, and what may stand
 * there. No DOCTYPE, so no entities but the five of XML and no other file is read.
 *
 * Blocks on the file; no thread affinity. Nodes live while the functions are called.
 */
#ifndef SCHEMA_XML_H
#define SCHEMA_XML_H

#include <stddef.h>

#include "schema/error.h"

struct xml_attribute {
    const char *name, *value;
};

struct xml_node {
    const struct xml_rule *rule;
    const char *name;
    const char *text; /* at its end: what stands in it, without white space around; else "" */
    const struct xml_attribute *attributes; /* but those of namespaces */
    size_t attribute_count;
    const char *file;
    unsigned line; /* of its beginning, from 1 */
    const struct xml_node *parent;
};

struct xml_rule {
    const char *name;                /* "*": of any name */
    const char *required, *optional; /* names of attributes, between spaces; NULL: none */
    const struct xml_rule *children; /* NULL: text alone */
    size_t child_count;
    int (*begin)(void *arg, const struct xml_node *n, struct ds_error *err); /* may be NULL */
    int (*end)(void *arg, const struct xml_node *n, struct ds_error *err);   /* may be NULL */
};

#define XML_CHILDREN(list) .children = (list), .child_count = sizeof(list) / sizeof *(list)

/* Read a whole file. DS_EUSAGE: it cannot be read, is not XML, or does not fit the grammar;
 * whatever a function returns that is not 0 ends the reading. */
int xml_read(const char *path, const struct xml_rule *root, void *arg, struct ds_error *err);
/* NULL: it is not there. */
const char *xml_attribute(const struct xml_node *n, const char *name);
/* DS_EUSAGE with file and line in front. */
int xml_error(struct ds_error *err, const struct xml_node *n, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
