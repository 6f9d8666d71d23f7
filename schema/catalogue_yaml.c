/* Parts of a catalogue file: names, words, lists, conditions. */
#include <string.h>

#include "schema/catalogue_read.h"

#define FAIL            CATALOGUE_FAIL
#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$-"

int catalogue_no_memory(const struct catalogue_reader *r)
{
    return error_set(r->err, DS_ENOMEM, "out of memory for %s", r->file);
}

unsigned catalogue_line(const yaml_node_t *node)
{
    return node ? (unsigned)node->start_mark.line + 1 : 1;
}

const char *catalogue_text(const yaml_node_t *scalar)
{
    return (const char *)scalar->data.scalar.value;
}

int catalogue_read_fields(const struct catalogue_reader *r, const yaml_node_t *map,
                          struct catalogue_field *fields, size_t count)
{
    if (map->type != YAML_MAPPING_NODE)
        return FAIL(r, map, "a mapping with key '%s' is wanted here", fields[0].key);
    for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
         p++) {
        const yaml_node_t *key = yaml_document_get_node(r->document, p->key);
        size_t i = 0;
        if (key->type != YAML_SCALAR_NODE)
            return FAIL(r, key, "a key must be a word");
        while (i < count && strcmp(fields[i].key, catalogue_text(key)) != 0)
            i++;
        if (i == count)
            return FAIL(r, key, "unknown key '%.80s'", catalogue_text(key));
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

static bool is_whole_scalar(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE &&
           strlen(catalogue_text(node)) == node->data.scalar.length;
}

int catalogue_read_text(const struct catalogue_reader *r, const yaml_node_t *node, const char **out)
{
    if (!node)
        return 0;
    if (!is_whole_scalar(node) || node->data.scalar.length == 0)
        return FAIL(r, node, "a word is wanted here");
    *out = arena_strdup(r->arena, catalogue_text(node));
    return *out ? 0 : catalogue_no_memory(r);
}

static bool is_made_of(const char *text, const char *allowed)
{
    size_t n = strspn(text, allowed);
    return n > 0 && n <= 64 && text[n] == 0;
}

/* Entities, tables and columns: what a server takes unquoted. */
int catalogue_read_name(const struct catalogue_reader *r, const yaml_node_t *node, const char **out)
{
    if (node && (!is_whole_scalar(node) || !is_made_of(catalogue_text(node), NAME_CHARACTERS)))
        return FAIL(r, node, "a name is wanted here (letters, digits, '_', '-', at most 64)");
    return catalogue_read_text(r, node, out);
}

int catalogue_read_bool(const struct catalogue_reader *r, const yaml_node_t *node, bool *out)
{
    if (!node)
        return 0;
    bool scalar = node->type == YAML_SCALAR_NODE;
    *out = scalar && strcmp(catalogue_text(node), "true") == 0;
    if (!*out && (!scalar || strcmp(catalogue_text(node), "false") != 0))
        return FAIL(r, node, "true or false is wanted here");
    return 0;
}

int catalogue_read_choice(const struct catalogue_reader *r, const yaml_node_t *node,
                          const char *const *choices, unsigned *out)
{
    char all[200] = "";
    if (!node)
        return 0;
    for (unsigned i = 0; choices[i]; i++) {
        if (node->type == YAML_SCALAR_NODE && strcmp(catalogue_text(node), choices[i]) == 0) {
            *out = i;
            return 0;
        }
        size_t len = strlen(all);
        snprintf(all + len, sizeof all - len, "%s%s", i ? ", " : "", choices[i]);
    }
    return FAIL(r, node, "this is one of: %s", all);
}

size_t catalogue_length(const yaml_node_t *node)
{
    return node && node->type == YAML_SEQUENCE_NODE
               ? (size_t)(node->data.sequence.items.top - node->data.sequence.items.start)
               : 0;
}

const yaml_node_t *catalogue_entry(const struct catalogue_reader *r, const yaml_node_t *list,
                                   size_t i)
{
    return yaml_document_get_node(r->document, list->data.sequence.items.start[i]);
}

int catalogue_want_list(const struct catalogue_reader *r, const yaml_node_t *node, const char *what)
{
    return node && node->type != YAML_SEQUENCE_NODE
               ? FAIL(r, node, "a list of %s is wanted here", what)
               : 0;
}

int catalogue_read_words(const struct catalogue_reader *r, const yaml_node_t *node,
                         const char *allowed, const char *what, const char *const **out)
{
    bool one = node && node->type == YAML_SCALAR_NODE;
    size_t count = one ? 1 : catalogue_length(node);
    const char **words = arena_zalloc(r->arena, (count + 1) * sizeof *words);
    *out = words;
    if (!words)
        return catalogue_no_memory(r);
    int rc = one ? 0 : catalogue_want_list(r, node, what);
    for (size_t i = 0; i < count && rc == 0; i++) {
        const yaml_node_t *item = one ? node : catalogue_entry(r, node, i);
        rc = catalogue_read_text(r, item, &words[i]);
        if (rc == 0 && allowed && !is_made_of(words[i], allowed))
            rc = FAIL(r, item, "'%.80s' is not one of %s", words[i], what);
    }
    return rc;
}

int catalogue_read_names(const struct catalogue_reader *r, const yaml_node_t *node,
                         const char *const **out)
{
    return catalogue_read_words(r, node, NAME_CHARACTERS,
                                "names (letters, digits, '_', '-', at most 64)", out);
}

int catalogue_read_when(const struct catalogue_reader *r, const yaml_node_t *node,
                        struct catalogue_when *out)
{
    if (!node)
        return 0;
    if (node->type != YAML_MAPPING_NODE ||
        node->data.mapping.pairs.top - node->data.mapping.pairs.start != 1)
        return FAIL(r, node, "one COLUMN: VALUE, or COLUMN: [VALUE, …], is wanted here");
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    int rc = catalogue_read_name(r, yaml_document_get_node(r->document, pair->key), &out->column);
    return rc ? rc
              : catalogue_read_words(r, yaml_document_get_node(r->document, pair->value), NULL,
                                     "values", &out->values);
}
