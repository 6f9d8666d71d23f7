/* map.xml: its rules as they stand in the file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/map_state.h"
#include "schema/xml.h"

struct reading {
    struct rule_reading at;
    enum map_side side;
};

static int begin_side(void *arg, const struct xml_node *n, struct ds_error *err)
{
    (void)err;
    ((struct reading *)arg)->side = strcmp(n->name, "source") == 0 ? MAP_SOURCE : MAP_DESTINATION;
    return 0;
}

static int begin_rule(void *arg, const struct xml_node *n, struct ds_error *err)
{
    struct reading *r = arg;
    (void)err;
    return rule_begin(&r->at, n, r->side);
}

/* --- names ----------------------------------------------------------------------------------- */

static int take_name(struct rule_reading *r, const struct xml_node *n, const char **out,
                     struct ds_error *err)
{
    if (*out)
        return xml_error(err, n, "<%s> has a second <%s>", n->parent->name, n->name);
    if (!*n->text || strpbrk(n->text, " \t\r\n"))
        return xml_error(err, n, "<%s> needs the name of one table, without white space", n->name);
    *out = arena_strdup(&r->rules->arena, n->text);
    return *out ? 0 : rule_no_memory(err);
}

/* table.column */
static int take_field(struct rule_reading *r, const struct xml_node *n, const char **document,
                      const char **field, struct ds_error *err)
{
    const char *dot = strchr(n->text, '.');
    if (*field)
        return xml_error(err, n, "<%s> has a second <%s>", n->parent->name, n->name);
    if (!dot || dot == n->text || !dot[1] || strchr(dot + 1, '.') || strpbrk(n->text, " \t\r\n"))
        return xml_error(err, n, "<%s> needs table.column, found \"%s\"", n->name, n->text);
    if (strchr(n->text, '*'))
        return xml_error(err, n, "<%s> takes no *: write a rule for each field", n->name);
    char *table = arena_strdup(&r->rules->arena, n->text);
    if (!table)
        return rule_no_memory(err);
    table[dot - n->text] = 0;
    *document = table;
    *field = table + (dot - n->text) + 1;
    return 0;
}

static int end_document(void *arg, const struct xml_node *n, struct ds_error *err)
{
    struct rule_reading *r = arg;
    return take_name(r, n, &r->rule.document, err);
}

static int end_to_document(void *arg, const struct xml_node *n, struct ds_error *err)
{
    struct rule_reading *r = arg;
    return take_name(r, n, &r->rule.to_document, err);
}

static int end_field(void *arg, const struct xml_node *n, struct ds_error *err)
{
    struct rule_reading *r = arg;
    return take_field(r, n, &r->rule.document, &r->rule.field, err);
}

static int end_datatype(void *arg, const struct xml_node *n, struct ds_error *err)
{
    struct rule_reading *r = arg;
    r->rule.kind = MAP_IGNORE_DATATYPE;
    return take_field(r, n, &r->rule.document, &r->rule.field, err);
}

static int end_to_field(void *arg, const struct xml_node *n, struct ds_error *err)
{
    struct rule_reading *r = arg;
    return take_field(r, n, &r->rule.to_document, &r->rule.to_field, err);
}

/* --- rules ----------------------------------------------------------------------------------- */

static int end_ignore_document(void *arg, const struct xml_node *n, struct ds_error *err)
{
    struct rule_reading *r = arg;
    r->rule.kind = MAP_IGNORE_DOCUMENT;
    return r->rule.document ? rule_add(r, err) : rule_lacks(n, "<document>", err);
}

static int end_rename(void *arg, const struct xml_node *n, struct ds_error *err)
{
    struct rule_reading *r = arg;
    r->rule.kind = MAP_RENAME;
    if (!r->rule.document || !r->rule.to_document)
        return rule_lacks(n, r->rule.document ? "<to>" : "<document>", err);
    if (strchr(r->rule.document, '*') || strchr(r->rule.to_document, '*'))
        return xml_error(err, n, "<rename> takes no *: write a rule for each document");
    return rule_add(r, err);
}

static int end_ignore_field(void *arg, const struct xml_node *n, struct ds_error *err)
{
    struct rule_reading *r = arg;
    if (!r->rule.field)
        return rule_lacks(n, "<field> or <datatype>", err);
    if (r->rule.kind != MAP_IGNORE_DATATYPE)
        r->rule.kind = MAP_IGNORE_FIELD;
    return rule_add(r, err);
}

static int end_move(void *arg, const struct xml_node *n, struct ds_error *err)
{
    struct rule_reading *r = arg;
    r->rule.kind = MAP_MOVE;
    return r->rule.field && r->rule.to_field
               ? rule_add(r, err)
               : rule_lacks(n, r->rule.field ? "<to>" : "<field>", err);
}

static int end_transform(void *arg, const struct xml_node *n, struct ds_error *err)
{
    struct rule_reading *r = arg;
    return r->rule.field && r->rule.handler
               ? rule_add_handler(r, err)
               : rule_lacks(n, r->rule.field ? "<handler>" : "<field>", err);
}

/* --- grammar --------------------------------------------------------------------------------- */

static const struct xml_rule documents[] = {{.name = "document", .end = end_document}};
static const struct xml_rule renames[] = {{.name = "document", .end = end_document},
                                          {.name = "to", .end = end_to_document}};
static const struct xml_rule fields[] = {{.name = "field", .end = end_field},
                                         {.name = "datatype", .end = end_datatype}};
static const struct xml_rule moves[] = {{.name = "field", .end = end_field},
                                        {.name = "to", .end = end_to_field}};
static const struct xml_rule transforms[] = {{.name = "field", .end = end_field}, RULE_HANDLER};

#define IGNORE_DOCUMENT                                                                            \
    {                                                                                              \
        .name = "ignore", XML_CHILDREN(documents), .begin = begin_rule, .end = end_ignore_document \
    }
#define IGNORE_FIELD                                                                               \
    {                                                                                              \
        .name = "ignore", XML_CHILDREN(fields), .begin = begin_rule, .end = end_ignore_field       \
    }
#define TRANSFORM                                                                                  \
    {                                                                                              \
        .name = "transform", XML_CHILDREN(transforms), .begin = begin_rule, .end = end_transform   \
    }

static const struct xml_rule source_documents[] = {
    IGNORE_DOCUMENT,
    {.name = "rename", XML_CHILDREN(renames), .begin = begin_rule, .end = end_rename}};
static const struct xml_rule source_fields[] = {
    IGNORE_FIELD,
    {.name = "move", XML_CHILDREN(moves), .begin = begin_rule, .end = end_move},
    TRANSFORM};
static const struct xml_rule destination_documents[] = {IGNORE_DOCUMENT};
static const struct xml_rule destination_fields[] = {IGNORE_FIELD, TRANSFORM};
static const struct xml_rule source[] = {{.name = "document_rules", XML_CHILDREN(source_documents)},
                                         {.name = "field_rules", XML_CHILDREN(source_fields)}};
static const struct xml_rule destination[] = {
    {.name = "document_rules", XML_CHILDREN(destination_documents)},
    {.name = "field_rules", XML_CHILDREN(destination_fields)}};
static const struct xml_rule sides[] = {
    {.name = "source", XML_CHILDREN(source), .begin = begin_side},
    {.name = "destination", XML_CHILDREN(destination), .begin = begin_side}};
static const struct xml_rule map = {.name = "map", XML_CHILDREN(sides)};

int map_read(struct map *m, const char *path, struct ds_error *err)
{
    struct reading r = {.at = {.rules = &m->rules, .file = arena_strdup(&m->rules.arena, path)}};
    return r.at.file ? xml_read(path, &map, &r, err) : rule_no_memory(err);
}
