/* One file of the catalogue: an entity with its tables and references, or a group. */
#include "schema/catalogue_read.h"

#include <stdio.h>
#include <string.h>

#define FAIL CATALOGUE_FAIL

static const char *const kinds[] = {"data", "reference", "derived", NULL};
static const char *const forms[] = {"one", "list", "path", "word", NULL};
static const char *const inputs[] = {"select", "multiselect", NULL};
static const char *const identities[] = {"none", "same", "columns", "registry"};

const char *catalogue_kind_name(enum catalogue_kind kind)
{
    return kinds[kind];
}

const char *catalogue_form_name(enum catalogue_form form)
{
    return forms[form];
}

const char *catalogue_identity_name(enum catalogue_identity identity)
{
    return identities[identity];
}

const struct catalogue_table *catalogue_find_table(const struct catalogue_entity *e,
                                                   const char *table)
{
    for (size_t i = 0; i < e->table_count; i++)
        if (strcmp(e->tables[i].table, table) == 0)
            return &e->tables[i];
    return NULL;
}

/* --- what identifies a row ----------------------------------------------- */

/* COLUMN, {column: COLUMN, or: COLUMN}, {attribute: CODE, or: CODE} or {table: TABLE, column:
 * COLUMN}.
 */
static int read_part(const struct catalogue_reader *r, const yaml_node_t *node,
                     struct catalogue_part *out)
{
    if (node->type == YAML_SCALAR_NODE)
        return catalogue_read_name(r, node, &out->column);
    struct catalogue_field f[] = {
        {.key = "attribute"}, {.key = "table"}, {.key = "column"}, {.key = "or"}};
    int rc = catalogue_read_fields(r, node, f, sizeof f / sizeof *f);
    rc = rc ? rc : catalogue_read_name(r, f[0].node, &out->attribute);
    rc = rc ? rc : catalogue_read_name(r, f[1].node, &out->table);
    rc = rc ? rc : catalogue_read_name(r, f[2].node, &out->column);
    rc = rc ? rc : catalogue_read_name(r, f[3].node, &out->either);
    if (rc == 0 && out->either && out->table)
        rc = FAIL(r, node, "'or' is for an attribute, or a column of the table itself");
    if (rc == 0 && (out->attribute ? out->table || out->column
                                   : !out->column || (!out->table && !out->either)))
        rc = FAIL(r, node,
                  "this is a column, {column: COLUMN, or: COLUMN}, {attribute: CODE} or {table: "
                  "TABLE, column: COLUMN}");
    return rc;
}

static int read_parts(const struct catalogue_reader *r, const yaml_node_t *node,
                      const struct catalogue_part **out, size_t *out_count)
{
    size_t count = catalogue_length(node);
    int rc = catalogue_want_list(r, node, "columns");
    if (rc || count == 0)
        return rc;
    struct catalogue_part *parts = arena_zalloc(r->arena, count * sizeof *parts);
    if (!parts)
        return catalogue_no_memory(r);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = read_part(r, catalogue_entry(r, node, i), &parts[i]);
    *out = parts;
    *out_count = count;
    return rc;
}

static int read_root_parts(const struct catalogue_reader *r, const yaml_node_t *node,
                           const struct catalogue_part **out, size_t *out_count)
{
    int rc = read_parts(r, node, out, out_count);
    for (size_t i = 0; i < *out_count && rc == 0; i++)
        if ((*out)[i].column && (*out)[i].either)
            rc = FAIL(r, catalogue_entry(r, node, i), "'or' with a column is not for a root");
    return rc;
}

/* Members named in parts exist only when all tables are read. */
static int check_parts(const struct catalogue_reader *r, const yaml_node_t *node,
                       const struct catalogue_entity *e, const struct catalogue_part *parts,
                       size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (parts[i].table && !catalogue_find_table(e, parts[i].table))
            return FAIL(r, catalogue_entry(r, node, i), "'%s' is no table of this entity",
                        parts[i].table);
    return 0;
}

/* `natural` is the entity's natural key, for roots only. Without a node: what serves. */
static int read_identity(const struct catalogue_reader *r, const yaml_node_t *node,
                         const struct catalogue_entity *e, struct catalogue_table *t)
{
    const char *word = node && node->type == YAML_SCALAR_NODE ? catalogue_text(node) : NULL;
    bool root = e->table_count == 0;
    bool natural = root && (word ? strcmp(word, "natural") == 0
                                 : !node && e->kind == KIND_REFERENCE && e->natural_key_count);
    if (natural) {
        if (e->natural_key_count == 0)
            return FAIL(r, node, "the entity has no 'natural_key'");
        t->identity = IDENTITY_COLUMNS;
        t->parts = e->natural_key;
        t->part_count = e->natural_key_count;
        return 0;
    }
    if (!node) {
        t->identity = e->kind == KIND_DERIVED || !t->key ? IDENTITY_NONE : IDENTITY_REGISTRY;
        return 0;
    }
    if (!word) {
        t->identity = IDENTITY_COLUMNS;
        return (root ? read_root_parts : read_parts)(r, node, &t->parts, &t->part_count);
    }
    bool same = strcmp(word, "same") == 0;
    if (!same && strcmp(word, "registry") != 0)
        return FAIL(r, node,
                    "an identity is same, registry, a list of columns, or for a root "
                    "natural");
    if (!same && !t->key)
        return FAIL(r, node, "the registry maps a 'key', which table '%s' does not have", t->table);
    t->identity = same ? IDENTITY_SAME : IDENTITY_REGISTRY;
    return 0;
}

/* --- tables -------------------------------------------------------------- */

/* Tables stand after those that they are reached through, so the chain cannot be a circle. */
static int check_table(const struct catalogue_reader *r, const yaml_node_t *node,
                       const struct catalogue_entity *e, const struct catalogue_table *t)
{
    bool root = strcmp(t->role, "root") == 0;
    const struct catalogue_table *through = t->through ? catalogue_find_table(e, t->through) : NULL;
    if (catalogue_find_table(e, t->table))
        return FAIL(r, node, "table '%s' is listed twice", t->table);
    if (root != (e->table_count == 0))
        return FAIL(r, node, "the first table, and no other, must have role root");
    if (root && t->through)
        return FAIL(r, node, "the root is not reached through another table");
    if (t->through && !through)
        return FAIL(r, node, "'through' must name a table listed before, '%s' is not", t->through);
    if (through && !through->key)
        return FAIL(r, node, "'%s' is reached through '%s', which needs a 'key' for that", t->table,
                    t->through);
    return 0;
}

static int read_table(const struct catalogue_reader *r, const yaml_node_t *node,
                      const struct catalogue_entity *e, struct catalogue_table *out)
{
    enum { TABLE, ROLE, LINK, KEY, THROUGH, IDENTITY, STOCK, FIELDS };
    struct catalogue_field f[FIELDS] = {[TABLE] = {.key = "table", .required = true},
                                        [ROLE] = {.key = "role", .required = true},
                                        [LINK] = {.key = "link", .required = true},
                                        [KEY] = {.key = "key"},
                                        [THROUGH] = {.key = "through"},
                                        [IDENTITY] = {.key = "identity"},
                                        [STOCK] = {.key = "stock"}};
    int rc = catalogue_read_fields(r, node, f, FIELDS);
    out->line = catalogue_line(node);
    rc = rc ? rc : catalogue_read_name(r, f[TABLE].node, &out->table);
    out->there = out->table;
    rc = rc ? rc : catalogue_read_name(r, f[ROLE].node, &out->role);
    rc = rc ? rc : catalogue_read_name(r, f[LINK].node, &out->link);
    rc = rc ? rc : catalogue_read_name(r, f[KEY].node, &out->key);
    rc = rc ? rc : catalogue_read_name(r, f[THROUGH].node, &out->through);
    rc = rc ? rc : catalogue_read_bool(r, f[STOCK].node, &out->stock);
    rc = rc ? rc : check_table(r, node, e, out);
    if (rc == 0 && e->table_count == 0 && !out->key)
        out->key = out->link;
    return rc ? rc : read_identity(r, f[IDENTITY].node, e, out);
}

static const yaml_node_t *identity_of(const struct catalogue_reader *r, const yaml_node_t *table)
{
    for (yaml_node_pair_t *p = table->data.mapping.pairs.start; p < table->data.mapping.pairs.top;
         p++)
        if (strcmp(catalogue_text(yaml_document_get_node(r->document, p->key)), "identity") == 0)
            return yaml_document_get_node(r->document, p->value);
    return NULL;
}

static int read_tables(const struct catalogue_reader *r, const yaml_node_t *node,
                       struct catalogue_entity *e)
{
    size_t count = catalogue_length(node);
    if (count == 0)
        return FAIL(r, node, "a list of tables is wanted here");
    struct catalogue_table *tables = arena_zalloc(r->arena, count * sizeof *tables);
    if (!tables)
        return catalogue_no_memory(r);
    e->tables = tables;
    for (size_t i = 0; i < count; i++) {
        int rc = read_table(r, catalogue_entry(r, node, i), e, &tables[i]);
        if (rc)
            return rc;
        e->table_count++;
    }
    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *parts = identity_of(r, catalogue_entry(r, node, i));
        int rc = catalogue_length(parts)
                     ? check_parts(r, parts, e, tables[i].parts, tables[i].part_count)
                     : 0;
        if (rc)
            return rc;
    }
    return 0;
}

/* --- references ---------------------------------------------------------- */

enum reference_field {
    R_COLUMN,
    R_ENTITY,
    R_TABLE,
    R_TO,
    R_BY,
    R_ATTRIBUTE,
    R_INPUT,
    R_SOURCE_MODEL,
    R_WHEN,
    R_REQUIRED,
    R_DEFERRED,
    R_BRINGS,
    R_FORM,
    R_FIELDS
};

/* Values of a multiselect are a list, those of a select are not. */
static int read_input(const struct catalogue_reader *r, const yaml_node_t *node,
                      const yaml_node_t *form_given, struct catalogue_reference *out,
                      unsigned *form)
{
    unsigned input = 0;
    int rc = catalogue_read_choice(r, node, inputs, &input);
    if (rc || !node)
        return rc;
    unsigned wanted = input ? REFERENCE_LIST : REFERENCE_ONE;
    out->input = inputs[input];
    if (out->attribute)
        return FAIL(r, node, "'input' is for all attributes of a kind, 'attribute' for one");
    if (form_given && *form != wanted)
        return FAIL(r, form_given, "the form of a %s is '%s'", inputs[input], forms[wanted]);
    *form = wanted;
    return 0;
}

static bool is_plain(const struct catalogue_reference *ref)
{
    return !ref->to && !ref->by && !catalogue_asks_attribute(ref) && !ref->when.column &&
           !ref->deferred && ref->form == REFERENCE_ONE;
}

static int read_reference(const struct catalogue_reader *r, const yaml_node_t *node,
                          struct catalogue_reference *out, const char *const **tables)
{
    struct catalogue_field f[R_FIELDS] = {
        [R_COLUMN] = {.key = "column", .required = true},
        [R_ENTITY] = {.key = "entity", .required = true},
        [R_TABLE] = {.key = "table"},
        [R_TO] = {.key = "to"},
        [R_BY] = {.key = "by"},
        [R_ATTRIBUTE] = {.key = "attribute"},
        [R_INPUT] = {.key = "input"},
        [R_SOURCE_MODEL] = {.key = "source_model"},
        [R_WHEN] = {.key = "when"},
        [R_REQUIRED] = {.key = "required"},
        [R_DEFERRED] = {.key = "deferred"},
        [R_BRINGS] = {.key = "brings"},
        [R_FORM] = {.key = "form"},
    };
    unsigned form = REFERENCE_ONE;
    int rc = catalogue_read_fields(r, node, f, R_FIELDS);
    out->line = catalogue_line(node);
    rc = rc ? rc : catalogue_read_name(r, f[R_COLUMN].node, &out->column);
    rc = rc ? rc : catalogue_read_name(r, f[R_ENTITY].node, &out->entity);
    rc = rc ? rc : catalogue_read_names(r, f[R_TABLE].node, tables);
    rc = rc ? rc : catalogue_read_name(r, f[R_TO].node, &out->to);
    rc = rc ? rc : catalogue_read_name(r, f[R_BY].node, &out->by);
    rc = rc ? rc : catalogue_read_name(r, f[R_ATTRIBUTE].node, &out->attribute);
    rc = rc ? rc : catalogue_read_text(r, f[R_SOURCE_MODEL].node, &out->source_model);
    rc = rc ? rc : catalogue_read_when(r, f[R_WHEN].node, &out->when);
    rc = rc ? rc : catalogue_read_bool(r, f[R_REQUIRED].node, &out->required);
    rc = rc ? rc : catalogue_read_bool(r, f[R_DEFERRED].node, &out->deferred);
    rc = rc ? rc : catalogue_read_bool(r, f[R_BRINGS].node, &out->brings);
    rc = rc ? rc : catalogue_read_choice(r, f[R_FORM].node, forms, &form);
    rc = rc ? rc : read_input(r, f[R_INPUT].node, f[R_FORM].node, out, &form);
    out->form = form;
    if (rc == 0 && out->source_model && (out->attribute || out->input))
        rc = FAIL(r, f[R_SOURCE_MODEL].node,
                  "of 'source_model', 'attribute' and 'input' only one can be said");
    if (rc == 0 && out->required && out->deferred)
        rc = FAIL(r, node, "what is required cannot be deferred");
    if (rc == 0 && out->brings && !is_plain(out))
        rc = FAIL(r, node,
                  "'brings' is for a column that always holds one key of another entity's root: "
                  "without to, by, attribute, input, source_model, when, deferred and form");
    return rc;
}

/* One entry may stand for the same column of several tables. */
static int add_reference(const struct catalogue_reader *r, const yaml_node_t *node,
                         struct catalogue_entity *e, struct catalogue_reference *out)
{
    struct catalogue_reference one = {0};
    const char *const *tables;
    const char *const root[] = {e->tables[0].table, NULL};
    int rc = read_reference(r, node, &one, &tables);
    if (rc)
        return rc;
    for (const char *const *t = *tables ? tables : root; *t; t++) {
        const struct catalogue_table *found = catalogue_find_table(e, *t);
        if (!found)
            return FAIL(r, node, "'%s' is no table of this entity", *t);
        out[e->reference_count] = one;
        out[e->reference_count++].table = found->table;
    }
    return 0;
}

/* How many references the list holds at most. */
static size_t count_references(const struct catalogue_reader *r, const yaml_node_t *node)
{
    size_t count = catalogue_length(node), total = count;
    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *item = catalogue_entry(r, node, i);
        if (item->type != YAML_MAPPING_NODE)
            continue;
        for (yaml_node_pair_t *p = item->data.mapping.pairs.start; p < item->data.mapping.pairs.top;
             p++)
            total += catalogue_length(yaml_document_get_node(r->document, p->value));
    }
    return total;
}

static int read_references(const struct catalogue_reader *r, const yaml_node_t *node,
                           struct catalogue_entity *e)
{
    size_t count = catalogue_length(node);
    int rc = catalogue_want_list(r, node, "references");
    if (rc || count == 0)
        return rc;
    struct catalogue_reference *references =
        arena_zalloc(r->arena, count_references(r, node) * sizeof *references);
    if (!references)
        return catalogue_no_memory(r);
    e->references = references;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = add_reference(r, catalogue_entry(r, node, i), e, references);
    return rc;
}

/* --- encrypted columns --------------------------------------------------- */

static int read_encrypted_column(const struct catalogue_reader *r, const yaml_node_t *node,
                                 const struct catalogue_entity *e, struct catalogue_encrypted *out)
{
    struct catalogue_field f[] = {
        {.key = "column", .required = true}, {.key = "table"}, {.key = "when"}};
    int rc = catalogue_read_fields(r, node, f, sizeof f / sizeof *f);
    out->table = e->tables[0].table;
    rc = rc ? rc : catalogue_read_name(r, f[0].node, &out->column);
    rc = rc ? rc : catalogue_read_name(r, f[1].node, &out->table);
    rc = rc ? rc : catalogue_read_when(r, f[2].node, &out->when);
    if (rc == 0 && !catalogue_find_table(e, out->table))
        rc = FAIL(r, node, "'%s' is no table of this entity", out->table);
    return rc;
}

static int read_encrypted(const struct catalogue_reader *r, const yaml_node_t *node,
                          struct catalogue_entity *e)
{
    size_t count = catalogue_length(node);
    int rc = catalogue_want_list(r, node, "columns");
    if (rc || count == 0)
        return rc;
    struct catalogue_encrypted *columns = arena_zalloc(r->arena, count * sizeof *columns);
    if (!columns)
        return catalogue_no_memory(r);
    e->encrypted = columns;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = read_encrypted_column(r, catalogue_entry(r, node, i), e,
                                   &columns[e->encrypted_count++]);
    return rc;
}

/* --- the whole ----------------------------------------------------------- */

static int read_entity(const struct catalogue_reader *r, const yaml_node_t *root,
                       struct catalogue_entity *e)
{
    enum {
        NAME,
        TABLES,
        KIND,
        ALIASES,
        NATURAL_KEY,
        FIXED,
        REFERENCES,
        ENCRYPTED,
        SINGLE,
        VALIDATE,
        SOFT_DELETE,
        FIELDS
    };
    struct catalogue_field f[FIELDS] = {[NAME] = {.key = "name", .required = true},
                                        [TABLES] = {.key = "tables", .required = true},
                                        [KIND] = {.key = "kind"},
                                        [ALIASES] = {.key = "aliases"},
                                        [NATURAL_KEY] = {.key = "natural_key"},
                                        [FIXED] = {.key = "fixed"},
                                        [REFERENCES] = {.key = "references"},
                                        [ENCRYPTED] = {.key = "encrypted"},
                                        [SINGLE] = {.key = "single"},
                                        [VALIDATE] = {.key = "validate"},
                                        [SOFT_DELETE] = {.key = "soft_delete"}};
    unsigned kind = KIND_DATA;
    int rc = catalogue_read_fields(r, root, f, FIELDS);
    e->line = catalogue_line(f[NAME].node);
    e->aliases_line = catalogue_line(f[ALIASES].node);
    rc = rc ? rc : catalogue_read_name(r, f[NAME].node, &e->name);
    if (rc == 0 && (strcmp(e->name, "all") == 0 || strcmp(e->name, "table") == 0))
        rc = FAIL(r, f[NAME].node, "'%s' means something else and cannot be an entity", e->name);
    rc = rc ? rc : catalogue_read_choice(r, f[KIND].node, kinds, &kind);
    e->kind = kind;
    rc = rc ? rc : catalogue_read_names(r, f[ALIASES].node, &e->aliases);
    rc = rc ? rc : read_root_parts(r, f[NATURAL_KEY].node, &e->natural_key, &e->natural_key_count);
    rc = rc ? rc : catalogue_read_words(r, f[FIXED].node, "0123456789", "ids (digits)", &e->fixed);
    rc = rc ? rc : read_tables(r, f[TABLES].node, e);
    rc = rc ? rc : check_parts(r, f[NATURAL_KEY].node, e, e->natural_key, e->natural_key_count);
    rc = rc ? rc : read_references(r, f[REFERENCES].node, e);
    rc = rc ? rc : read_encrypted(r, f[ENCRYPTED].node, e);
    rc = rc ? rc : catalogue_read_singles(r, f[SINGLE].node, e);
    rc = rc ? rc : catalogue_read_rules(r, f[VALIDATE].node, e);
    return rc ? rc : catalogue_read_softs(r, f[SOFT_DELETE].node, e);
}

static int read_group(const struct catalogue_reader *r, const yaml_node_t *root,
                      struct catalogue_group *g)
{
    enum { GROUP, TABLES, ENTITIES, ROLES, FIELDS };
    struct catalogue_field f[FIELDS] = {[GROUP] = {.key = "group", .required = true},
                                        [TABLES] = {.key = "tables"},
                                        [ENTITIES] = {.key = "entities"},
                                        [ROLES] = {.key = "roles"}};
    static const char characters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$-*";
    const char *name = NULL;
    int rc = catalogue_read_fields(r, root, f, FIELDS);
    rc = rc ? rc : catalogue_read_name(r, f[GROUP].node, &name);
    g->line = catalogue_line(f[GROUP].node);
    g->entities_line = catalogue_line(f[ENTITIES].node);
    g->roles_line = catalogue_line(f[ROLES].node);
    if (rc == 0) {
        char *marked = arena_alloc(r->arena, strlen(name) + 2);
        if (!marked)
            return catalogue_no_memory(r);
        memcpy(marked + 1, name, strlen(name) + 1);
        *marked = '@';
        g->name = marked;
    }
    rc = rc ? rc
            : catalogue_read_words(r, f[TABLES].node, characters,
                                   "tables or patterns (letters, digits, '_', '-', '*')",
                                   &g->tables);
    rc = rc ? rc : catalogue_read_names(r, f[ENTITIES].node, &g->entities);
    rc = rc ? rc : catalogue_read_names(r, f[ROLES].node, &g->roles);
    if (rc == 0 && !*g->tables && !*g->entities && !*g->roles)
        rc = FAIL(r, root, "a group holds 'tables', 'entities' or 'roles'");
    return rc;
}

/* A group says so by its first key. */
static bool is_group(const struct catalogue_reader *r, const yaml_node_t *root)
{
    if (root->type != YAML_MAPPING_NODE ||
        root->data.mapping.pairs.start == root->data.mapping.pairs.top)
        return false;
    const yaml_node_t *key =
        yaml_document_get_node(r->document, root->data.mapping.pairs.start->key);
    return key->type == YAML_SCALAR_NODE && strcmp(catalogue_text(key), "group") == 0;
}

static int read_document(const struct catalogue_reader *r, const char *file,
                         struct catalogue_item *out)
{
    const yaml_node_t *root = yaml_document_get_root_node(r->document);
    if (!root)
        return error_set(r->err, DS_EUSAGE, "%s:1: the file is empty", file);
    out->is_group = is_group(r, root);
    out->entity.file = out->group.file = file;
    return out->is_group ? read_group(r, root, &out->group) : read_entity(r, root, &out->entity);
}

static int not_yaml(const struct catalogue_reader *r, const yaml_parser_t *parser)
{
    size_t line =
        parser->error == YAML_READER_ERROR ? parser->mark.line : parser->problem_mark.line;
    return error_set(r->err, DS_EUSAGE, "%s:%zu: not valid YAML: %s", r->file, line + 1,
                     parser->problem ? parser->problem : "unreadable");
}

static int want_end(const struct catalogue_reader *r, yaml_parser_t *parser)
{
    yaml_document_t more;
    if (!yaml_parser_load(parser, &more))
        return not_yaml(r, parser);
    const yaml_node_t *root = yaml_document_get_root_node(&more);
    int rc =
        root ? FAIL(r, root, "a second document is not allowed: one entity or group each file") : 0;
    yaml_document_delete(&more);
    return rc;
}

int catalogue_read(struct catalogue_item *out, struct arena *arena, const char *file,
                   const char *text, size_t len, struct ds_error *err)
{
    yaml_parser_t parser;
    yaml_document_t document;
    struct catalogue_reader r = {.document = &document, .arena = arena, .file = file, .err = err};
    memset(out, 0, sizeof *out);
    const char *kept = arena_strdup(arena, file);
    if (!kept || !yaml_parser_initialize(&parser))
        return catalogue_no_memory(&r);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    int rc;
    if (!yaml_parser_load(&parser, &document)) {
        rc = not_yaml(&r, &parser);
    } else {
        rc = read_document(&r, kept, out);
        yaml_document_delete(&document);
        rc = rc ? rc : want_end(&r, &parser);
    }
    yaml_parser_delete(&parser);
    return rc;
}
