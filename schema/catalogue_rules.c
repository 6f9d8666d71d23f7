/* Validation rules of an entity file, and how the entity is switched off. */
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "schema/catalogue_read.h"

#define FAIL CATALOGUE_FAIL

static int read_number(const struct catalogue_reader *r, const yaml_node_t *node, const char **out)
{
    int rc = catalogue_read_text(r, node, out);
    if (rc || !node)
        return rc;
    const char *p = *out + (**out == '-');
    size_t whole = strspn(p, "0123456789");
    const char *point = p + whole;
    size_t fraction = *point == '.' ? strspn(point + 1, "0123456789") : 0;
    if (!whole || (*point == '.' && !fraction) || p[whole + (fraction ? fraction + 1 : 0)])
        return FAIL(r, node, "a number is wanted here");
    return 0;
}

static int read_pattern(const struct catalogue_reader *r, const yaml_node_t *node, const char **out)
{
    regex_t compiled;
    char why[120];
    int rc = catalogue_read_text(r, node, out);
    if (rc || !node)
        return rc;
    int wrong = regcomp(&compiled, *out, REG_EXTENDED | REG_NOSUB);
    if (wrong) {
        (void)regerror(wrong, &compiled, why, sizeof why);
        return FAIL(r, node, "not a regular expression: %s", why);
    }
    regfree(&compiled);
    return 0;
}

static int read_rule(const struct catalogue_reader *r, const yaml_node_t *node,
                     const struct catalogue_entity *e, struct catalogue_rule *out)
{
    enum {
        TABLE,
        COLUMN,
        ATTRIBUTE,
        OR,
        WHEN,
        UNLESS_ROOT,
        REQUIRED,
        PATTERN,
        MIN,
        MAX,
        MORE,
        ONE_OF,
        FIELDS
    };
    struct catalogue_field f[FIELDS] = {[TABLE] = {.key = "table"},
                                        [COLUMN] = {.key = "column"},
                                        [ATTRIBUTE] = {.key = "attribute"},
                                        [OR] = {.key = "or"},
                                        [WHEN] = {.key = "when"},
                                        [UNLESS_ROOT] = {.key = "unless_root"},
                                        [REQUIRED] = {.key = "required"},
                                        [PATTERN] = {.key = "pattern"},
                                        [MIN] = {.key = "min"},
                                        [MAX] = {.key = "max"},
                                        [MORE] = {.key = "more_than"},
                                        [ONE_OF] = {.key = "one_of"}};
    int rc = catalogue_read_fields(r, node, f, FIELDS);
    out->table = e->tables[0].table;
    rc = rc ? rc : catalogue_read_name(r, f[TABLE].node, &out->table);
    rc = rc ? rc : catalogue_read_name(r, f[COLUMN].node, &out->column);
    rc = rc ? rc : catalogue_read_name(r, f[ATTRIBUTE].node, &out->attribute);
    rc = rc ? rc : catalogue_read_name(r, f[OR].node, &out->either);
    rc = rc ? rc : catalogue_read_when(r, f[WHEN].node, &out->when);
    rc = rc ? rc : catalogue_read_when(r, f[UNLESS_ROOT].node, &out->unless_root);
    rc = rc ? rc : catalogue_read_bool(r, f[REQUIRED].node, &out->required);
    rc = rc ? rc : read_pattern(r, f[PATTERN].node, &out->pattern);
    rc = rc ? rc : read_number(r, f[MIN].node, &out->min);
    rc = rc ? rc : read_number(r, f[MAX].node, &out->max);
    rc = rc ? rc : read_number(r, f[MORE].node, &out->more_than);
    rc = rc ? rc : catalogue_read_words(r, f[ONE_OF].node, NULL, "values", &out->one_of);
    if (rc)
        return rc;
    if (!catalogue_find_table(e, out->table))
        return FAIL(r, node, "'%s' is no table of this entity", out->table);
    if (!out->column == !out->attribute)
        return FAIL(r, node, "a rule is for a 'column' or for an 'attribute'");
    double max = out->max ? strtod(out->max, NULL) : 0;
    if (out->max && out->min && strtod(out->min, NULL) > max)
        return FAIL(r, node, "no value is at least %s and at most %s", out->min, out->max);
    if (out->max && out->more_than && strtod(out->more_than, NULL) >= max)
        return FAIL(r, node, "no value is more than %s and at most %s", out->more_than, out->max);
    if (out->either && !out->required)
        return FAIL(r, node, "'or' goes with 'required'");
    if (!out->required && !out->pattern && !out->min && !out->max && !out->more_than &&
        !*out->one_of)
        return FAIL(r, node, "a rule says required, pattern, min, max, more_than or one_of");
    return 0;
}

int catalogue_read_rules(const struct catalogue_reader *r, const yaml_node_t *node,
                         struct catalogue_entity *e)
{
    size_t count = catalogue_length(node);
    int rc = catalogue_want_list(r, node, "rules");
    if (rc || count == 0)
        return rc;
    struct catalogue_rule *rules = arena_zalloc(r->arena, count * sizeof *rules);
    if (!rules)
        return catalogue_no_memory(r);
    e->rules = rules;
    e->rule_count = count;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = read_rule(r, catalogue_entry(r, node, i), e, &rules[i]);
    return rc;
}

static int read_soft(const struct catalogue_reader *r, const yaml_node_t *node,
                     struct catalogue_soft *out)
{
    enum { COLUMN, ATTRIBUTE, VALUE, FIELDS };
    struct catalogue_field f[FIELDS] = {[COLUMN] = {.key = "column"},
                                        [ATTRIBUTE] = {.key = "attribute"},
                                        [VALUE] = {.key = "value", .required = true}};
    int rc = catalogue_read_fields(r, node, f, FIELDS);
    rc = rc ? rc : catalogue_read_name(r, f[COLUMN].node, &out->column);
    rc = rc ? rc : catalogue_read_name(r, f[ATTRIBUTE].node, &out->attribute);
    rc = rc ? rc : catalogue_read_text(r, f[VALUE].node, &out->value);
    if (rc)
        return rc;
    if (!out->column == !out->attribute)
        return FAIL(r, node, "it is a 'column' or an 'attribute' that is set");
    if (strcmp(out->value, "null") == 0)
        out->value = NULL;
    return 0;
}

int catalogue_read_softs(const struct catalogue_reader *r, const yaml_node_t *node,
                         struct catalogue_entity *e)
{
    size_t count = catalogue_length(node);
    int rc = catalogue_want_list(r, node, "columns and attributes");
    if (rc || count == 0)
        return rc;
    struct catalogue_soft *softs = arena_zalloc(r->arena, count * sizeof *softs);
    if (!softs)
        return catalogue_no_memory(r);
    e->softs = softs;
    e->soft_count = count;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = read_soft(r, catalogue_entry(r, node, i), &softs[i]);
    return rc;
}

static int read_single(const struct catalogue_reader *r, const yaml_node_t *node,
                       const struct catalogue_entity *e, struct catalogue_single *out)
{
    enum { COLUMN, TABLE, WITHIN, FIELDS };
    struct catalogue_field f[FIELDS] = {[COLUMN] = {.key = "column", .required = true},
                                        [TABLE] = {.key = "table"},
                                        [WITHIN] = {.key = "within"}};
    int rc = catalogue_read_fields(r, node, f, FIELDS);
    out->table = e->tables[0].table;
    rc = rc ? rc : catalogue_read_name(r, f[COLUMN].node, &out->column);
    rc = rc ? rc : catalogue_read_name(r, f[TABLE].node, &out->table);
    rc = rc ? rc : catalogue_read_names(r, f[WITHIN].node, &out->within);
    if (rc == 0 && !catalogue_find_table(e, out->table))
        rc = FAIL(r, node, "'%s' is no table of this entity", out->table);
    return rc;
}

int catalogue_read_singles(const struct catalogue_reader *r, const yaml_node_t *node,
                           struct catalogue_entity *e)
{
    size_t count = catalogue_length(node);
    int rc = catalogue_want_list(r, node, "columns");
    if (rc || count == 0)
        return rc;
    struct catalogue_single *singles = arena_zalloc(r->arena, count * sizeof *singles);
    if (!singles)
        return catalogue_no_memory(r);
    e->singles = singles;
    e->single_count = count;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = read_single(r, catalogue_entry(r, node, i), e, &singles[i]);
    return rc;
}
