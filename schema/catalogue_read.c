#include "schema/catalogue_read.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

struct reader {
    yaml_document_t *document;
    struct arena *arena;
    const char *file;
    struct ds_error *err;
};

/* What a mapping may hold: these keys, each once. */
struct field {
    const char *key;
    bool required;
    const yaml_node_t *node; /* what was found, NULL: not there */
};

#define FAIL(r, node, fmt, ...)                                                                    \
    error_set((r)->err, DS_EUSAGE, "%s:%zu: " fmt, (r)->file,                                      \
              (node)->start_mark.line + 1 __VA_OPT__(, ) __VA_ARGS__)

static int no_memory(const struct reader *r)
{
    return error_set(r->err, DS_ENOMEM, "out of memory for %s", r->file);
}

static const char *text_of(const yaml_node_t *node)
{
    return (const char *)node->data.scalar.value;
}

/* Entities, tables and columns: what a server takes unquoted. */
static bool is_name(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$-");
    return n > 0 && n <= 64 && text[n] == 0;
}

static int read_name(const struct reader *r, const yaml_node_t *node, const char **out)
{
    if (node->type != YAML_SCALAR_NODE || strlen(text_of(node)) != node->data.scalar.length ||
        !is_name(text_of(node)))
        return FAIL(r, node, "a name is wanted here (letters, digits, '_', '-', at most 64)");
    *out = arena_strdup(r->arena, text_of(node));
    return *out ? 0 : no_memory(r);
}

static int read_bool(const struct reader *r, const yaml_node_t *node, bool *out)
{
    if (node && node->type == YAML_SCALAR_NODE && strcmp(text_of(node), "true") == 0)
        *out = true;
    else if (!node || (node->type == YAML_SCALAR_NODE && strcmp(text_of(node), "false") == 0))
        *out = false;
    else
        return FAIL(r, node, "true or false is wanted here");
    return 0;
}

static int read_fields(const struct reader *r, const yaml_node_t *map, struct field *fields,
                       size_t count)
{
    if (map->type != YAML_MAPPING_NODE)
        return FAIL(r, map, "a mapping with key '%s' is wanted here", fields[0].key);
    for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
         p++) {
        const yaml_node_t *key = yaml_document_get_node(r->document, p->key);
        size_t i = 0;
        if (key->type != YAML_SCALAR_NODE)
            return FAIL(r, key, "a key must be a word");
        while (i < count && strcmp(fields[i].key, text_of(key)) != 0)
            i++;
        if (i == count)
            return FAIL(r, key, "unknown key '%.80s'", text_of(key));
        if (fields[i].node)
            return FAIL(r, key, "key '%s' was given before, in line %zu", fields[i].key,
                        fields[i].node->start_mark.line + 1);
        fields[i].node = yaml_document_get_node(r->document, p->value);
    }
    for (size_t i = 0; i < count; i++)
        if (fields[i].required && !fields[i].node)
            return FAIL(r, map, "key '%s' is missing", fields[i].key);
    return 0;
}

static size_t list_length(const yaml_node_t *node)
{
    return node && node->type == YAML_SEQUENCE_NODE
               ? (size_t)(node->data.sequence.items.top - node->data.sequence.items.start)
               : 0;
}

static const yaml_node_t *list_item(const struct reader *r, const yaml_node_t *node, size_t i)
{
    return yaml_document_get_node(r->document, node->data.sequence.items.start[i]);
}

static int read_names(const struct reader *r, const yaml_node_t *node, const char *const **out)
{
    size_t count = list_length(node);
    const char **names = arena_zalloc(r->arena, (count + 1) * sizeof *names);
    *out = names;
    if (!names)
        return no_memory(r);
    if (node && node->type != YAML_SEQUENCE_NODE)
        return FAIL(r, node, "a list of names is wanted here");
    for (size_t i = 0; i < count; i++) {
        int rc = read_name(r, list_item(r, node, i), &names[i]);
        if (rc)
            return rc;
    }
    return 0;
}

static int read_table(const struct reader *r, const yaml_node_t *node, struct catalogue_table *out)
{
    struct field f[] = {{.key = "table", .required = true},
                        {.key = "role", .required = true},
                        {.key = "link", .required = true},
                        {.key = "through"},
                        {.key = "stock"}};
    int rc = read_fields(r, node, f, sizeof f / sizeof *f);
    rc = rc ? rc : read_name(r, f[0].node, &out->table);
    rc = rc ? rc : read_name(r, f[1].node, &out->role);
    rc = rc ? rc : read_name(r, f[2].node, &out->link);
    if (rc == 0 && f[3].node)
        rc = read_name(r, f[3].node, &out->through);
    return rc ? rc : read_bool(r, f[4].node, &out->stock);
}

static const struct catalogue_table *find_table(const struct catalogue_entity *e, const char *name)
{
    for (size_t i = 0; i < e->table_count; i++)
        if (strcmp(e->tables[i].table, name) == 0)
            return &e->tables[i];
    return NULL;
}

/* Tables stand after those that they are reached through, so the chain cannot be a circle. */
static int check_table(const struct reader *r, const yaml_node_t *node,
                       const struct catalogue_entity *e, const struct catalogue_table *t)
{
    bool root = strcmp(t->role, "root") == 0;
    if (find_table(e, t->table))
        return FAIL(r, node, "table '%s' is listed twice", t->table);
    if (root != (e->table_count == 0))
        return FAIL(r, node, "the first table, and no other, must have role root");
    if (root && t->through)
        return FAIL(r, node, "the root is not reached through another table");
    if (t->through && !find_table(e, t->through))
        return FAIL(r, node, "'through' must name a table listed before, '%s' is not", t->through);
    return 0;
}

static int read_tables(const struct reader *r, const yaml_node_t *node, struct catalogue_entity *e)
{
    size_t count = list_length(node);
    if (count == 0)
        return FAIL(r, node, "a list of tables is wanted here");
    struct catalogue_table *tables = arena_zalloc(r->arena, count * sizeof *tables);
    if (!tables)
        return no_memory(r);
    e->tables = tables;
    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *item = list_item(r, node, i);
        int rc = read_table(r, item, &tables[i]);
        rc = rc ? rc : check_table(r, item, e, &tables[i]);
        if (rc)
            return rc;
        e->table_count++;
    }
    return 0;
}

static int read_reference(const struct reader *r, const yaml_node_t *node,
                          const struct catalogue_entity *e, struct catalogue_reference *out)
{
    static const char *const forms[] = {"one", "list", "path"};
    struct field f[] = {{.key = "column", .required = true},
                        {.key = "entity", .required = true},
                        {.key = "table"},
                        {.key = "required"},
                        {.key = "form"}};
    const char *form = forms[REFERENCE_ONE];
    int rc = read_fields(r, node, f, sizeof f / sizeof *f);
    rc = rc ? rc : read_name(r, f[0].node, &out->column);
    rc = rc ? rc : read_name(r, f[1].node, &out->entity);
    out->table = e->tables[0].table;
    if (rc == 0 && f[2].node)
        rc = read_name(r, f[2].node, &out->table);
    if (rc == 0 && !find_table(e, out->table))
        rc = FAIL(r, node, "'%s' is no table of this entity", out->table);
    rc = rc ? rc : read_bool(r, f[3].node, &out->required);
    if (rc == 0 && f[4].node)
        rc = read_name(r, f[4].node, &form);
    if (rc)
        return rc;
    for (unsigned i = 0; i < sizeof forms / sizeof *forms; i++)
        if (strcmp(form, forms[i]) == 0) {
            out->form = i;
            return 0;
        }
    return FAIL(r, f[4].node, "form is one of: one, list, path");
}

static int read_references(const struct reader *r, const yaml_node_t *node,
                           struct catalogue_entity *e)
{
    size_t count = list_length(node);
    if (node && node->type != YAML_SEQUENCE_NODE)
        return FAIL(r, node, "a list of references is wanted here");
    struct catalogue_reference *references =
        arena_zalloc(r->arena, (count + 1) * sizeof *references);
    if (!references)
        return no_memory(r);
    e->references = references;
    e->reference_count = count;
    for (size_t i = 0; i < count; i++) {
        int rc = read_reference(r, list_item(r, node, i), e, &references[i]);
        if (rc)
            return rc;
    }
    return 0;
}

static int read_entity(const struct reader *r, const yaml_node_t *root, struct catalogue_entity *e)
{
    struct field f[] = {{.key = "name", .required = true},
                        {.key = "tables", .required = true},
                        {.key = "aliases"},
                        {.key = "natural_key"},
                        {.key = "references"}};
    int rc = read_fields(r, root, f, sizeof f / sizeof *f);
    rc = rc ? rc : read_name(r, f[0].node, &e->name);
    if (rc == 0 && (strcmp(e->name, "all") == 0 || strcmp(e->name, "table") == 0))
        rc = FAIL(r, f[0].node, "'%s' means something else and cannot be an entity", e->name);
    rc = rc ? rc : read_tables(r, f[1].node, e);
    rc = rc ? rc : read_names(r, f[2].node, &e->aliases);
    rc = rc ? rc : read_names(r, f[3].node, &e->natural_key);
    return rc ? rc : read_references(r, f[4].node, e);
}

int catalogue_read(struct catalogue_entity *out, struct arena *arena, const char *file,
                   const char *text, size_t len, struct ds_error *err)
{
    yaml_parser_t parser;
    yaml_document_t document;
    struct reader r = {.document = &document, .arena = arena, .file = file, .err = err};
    memset(out, 0, sizeof *out);
    out->file = arena_strdup(arena, file);
    if (!out->file || !yaml_parser_initialize(&parser))
        return no_memory(&r);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    int rc;
    if (!yaml_parser_load(&parser, &document)) {
        size_t line =
            parser.error == YAML_READER_ERROR ? parser.mark.line : parser.problem_mark.line;
        rc = error_set(err, DS_EUSAGE, "%s:%zu: not valid YAML: %s", file, line + 1,
                       parser.problem ? parser.problem : "unreadable");
    } else {
        const yaml_node_t *root = yaml_document_get_root_node(&document);
        rc = root ? read_entity(&r, root, out)
                  : error_set(err, DS_EUSAGE, "%s:1: the file is empty", file);
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    return rc;
}
