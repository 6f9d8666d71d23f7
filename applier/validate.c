/* The validation rules of the entity catalogue, asked by a handler like any other.
 *
 * A rule is asked of rows that the range inserts or updates, as they will be. A rule about an
 * attribute (validate_attribute.c) is asked of the value rows that the range writes; that a
 * required one is there (or the one that does as well), where a row is new or loses a value. That
 * is not asked in parts of a large transaction, where the value may come in another part. What the
 * change does not hold is asked of the destination: which number an attribute has there, the other
 * attribute's value, and the rows that `when` and `unless_root` are about. In an import the rows
 * are the source's, and so are their ids: the registry tells those of the destination.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applier/apply.h"
#include "applier/validate.h"

struct validation {
    struct compiled_rule *rules, **first; /* … of each of `names` */
    const char *prefix;
    const char **names;
};

static const struct ds_api *const api = &handler_api;

/* --- values ------------------------------------------------------------------------ */

bool rule_is_empty(const struct ds_value *v)
{
    return v->kind == DS_NULL || ((v->kind == DS_TEXT || v->kind == DS_BYTES) && v->length == 0);
}

static bool equals(const struct ds_value *v, const char *text)
{
    int order;
    if (strlen(text) == v->length && (v->length == 0 || memcmp(text, v->text, v->length) == 0))
        return true;
    return decimal_compare(v->text, v->length, text, strlen(text), &order) && order == 0;
}

static bool one_of(const struct ds_value *v, const char *const *values)
{
    for (; *values; values++)
        if (equals(v, *values))
            return true;
    return false;
}

/* DS_HANDLER_INVALID, and why. The value itself is not told: it may be anybody's address. */
static int invalid(const struct rule_check *k, const char *what, const char *operand)
{
    const struct catalogue_rule *r = k->rule;
    api->reason(k->call, "%s %s of %s %s%s", r->column ? "column" : "attribute",
                r->column ? r->column : r->attribute, r->table, what, operand);
    return DS_HANDLER_INVALID;
}

int rule_missing(const struct rule_check *k, const char *what)
{
    const char *other = k->rule->either;
    char text[60];
    snprintf(text, sizeof text, "%s%s", what, other ? ", and so is " : "");
    return invalid(k, text, other ? other : "");
}

int rule_ask(const struct rule_check *k, const char *sql, const struct ds_value *params,
             size_t count, struct ds_result **out)
{
    const struct catalogue_rule *r = k->rule;
    int rc = api->query(k->call, sql, params, count, out);
    return rc ? api->reason(k->call, "the rule about %s %s of %s cannot be asked: %s",
                            r->column ? "column" : "attribute",
                            r->column ? r->column : r->attribute, r->table, api->why(k->call))
              : 0;
}

int rule_ask_value(const struct rule_check *k, const char *table, const char *column,
                   const char *key, struct ds_value id, bool *found, struct ds_value *out)
{
    char sql[300];
    struct ds_result *rows;
    *out = (struct ds_value){.kind = DS_NULL};
    *found = api->target(k->call, k->c->entity, table, id, &id);
    if (!*found)
        return 0;
    snprintf(sql, sizeof sql, "SELECT `%.64s` FROM `%s` WHERE `%.64s` = ?", column, table, key);
    int rc = rule_ask(k, sql, &id, 1, &rows);
    if (rc)
        return rc;
    *found = api->result_rows(rows) > 0;
    *out = api->result_value(rows, 0, 0);
    return 0;
}

/* Floats are compared as such; everything else digit by digit. */
static int compare_limit(const struct rule_check *k, enum ds_kind kind, const struct ds_value *v,
                         const char *limit, int *order)
{
    char text[64];
    if (kind == DS_DOUBLE) {
        snprintf(text, sizeof text, "%.*s", (int)v->length, v->text);
        double x = strtod(text, NULL), y = strtod(limit, NULL);
        *order = (x > y) - (x < y);
        return 0;
    }
    if (decimal_compare(v->text, v->length, limit, strlen(limit), order))
        return 0;
    return invalid(k, "is not a number", "");
}

/* An import takes ids that are no numbers, as some files have them. */
static bool is_other_id(const struct rule_check *k, const struct ds_value *v)
{
    int order;
    return k->import && k->c->reference && !decimal_compare(v->text, v->length, "0", 1, &order);
}

static int check_limits(const struct rule_check *k, enum ds_kind kind, const struct ds_value *v)
{
    const struct catalogue_rule *r = k->rule;
    int order = 0, rc = 0;
    if (is_other_id(k, v))
        return 0;
    if (r->min) {
        rc = compare_limit(k, kind, v, r->min, &order);
        if (rc == 0 && order < 0)
            rc = invalid(k, "is less than ", r->min);
    }
    if (rc == 0 && r->max) {
        rc = compare_limit(k, kind, v, r->max, &order);
        if (rc == 0 && order > 0)
            rc = invalid(k, "is more than ", r->max);
    }
    if (rc == 0 && r->more_than) {
        rc = compare_limit(k, kind, v, r->more_than, &order);
        if (rc == 0 && order <= 0)
            rc = invalid(k, "is not more than ", r->more_than);
    }
    return rc;
}

static int check_pattern(const struct rule_check *k, const struct ds_value *v)
{
    char *text = api->alloc(k->call, v->length + 1);
    if (!text)
        return api->reason(k->call, "out of memory");
    memcpy(text, v->text, v->length);
    bool matches = strlen(text) == v->length && /* a NUL byte matches nothing */
                   regexec(&k->c->pattern, text, 0, NULL, 0) == 0;
    return matches ? 0 : invalid(k, "does not match ", k->rule->pattern);
}

int rule_check_value(const struct rule_check *k, struct ds_value v)
{
    char room[HANDLER_NUMBER_ROOM];
    enum ds_kind kind = v.kind;
    if (rule_is_empty(&v))
        return 0;
    handler_number_text(&v, room);
    int rc = k->rule->pattern ? check_pattern(k, &v) : 0;
    rc = rc ? rc : check_limits(k, kind, &v);
    if (rc == 0 && *k->rule->one_of && !one_of(&v, k->rule->one_of))
        rc = invalid(k, "is none of the values that are allowed", "");
    return rc;
}

/* --- rows -------------------------------------------------------------------------- */

bool rule_value(const struct rule_check *k, const struct ds_row *row, const char *column,
                bool after, struct ds_value *out)
{
    int i = api->row_find(row, column);
    *out = (struct ds_value){.kind = DS_NULL};
    if (i < 0)
        return false;
    return after ? api->row_after(k->call, row, (size_t)i, out)
                 : api->row_before(k->call, row, (size_t)i, out);
}

bool rule_same(struct ds_value x, struct ds_value y)
{
    char one[HANDLER_NUMBER_ROOM], other[HANDLER_NUMBER_ROOM];
    handler_number_text(&x, one);
    handler_number_text(&y, other);
    return x.kind != DS_NULL && y.kind != DS_NULL && x.length == y.length &&
           (x.length == 0 || memcmp(x.text, y.text, x.length) == 0);
}

bool rule_is_one_of(struct ds_value v, const char *const *values)
{
    char room[HANDLER_NUMBER_ROOM];
    handler_number_text(&v, room);
    return v.kind != DS_NULL && one_of(&v, values);
}

bool rule_applies(const struct rule_check *k, const struct ds_row *row, bool after)
{
    struct ds_value v;
    return !k->rule->when.column || (rule_value(k, row, k->rule->when.column, after, &v) &&
                                     rule_is_one_of(v, k->rule->when.values));
}

/* The column that does as well; what the image leaves out is as the destination has it. */
static int find_other(const struct rule_check *k, const struct ds_row *row, struct ds_value *out)
{
    const char *column = k->rule->either;
    struct ds_value id;
    bool found;
    *out = (struct ds_value){.kind = DS_NULL};
    if (!column || rule_value(k, row, column, true, out) || api->row_find(row, column) < 0 ||
        !rule_value(k, row, k->c->key, true, &id))
        return 0;
    return rule_ask_value(k, k->c->table, column, k->c->key, id, &found, out);
}

/* A row that has no natural key at the source is known by its id: an import takes it as it is. */
static bool is_nameless(const struct rule_check *k, const struct ds_value *v)
{
    return k->import && k->c->natural && v->kind == DS_NULL;
}

static int check_row(const struct rule_check *k, const struct ds_row *row, const char *column)
{
    struct ds_value v, other;
    int rc = 0;
    if (!rule_applies(k, row, true))
        return 0;
    if (!rule_value(k, row, column, true, &v)) /* not in the image: as it was */
        return 0;
    if (k->rule->required && rule_is_empty(&v) && !is_nameless(k, &v)) {
        rc = find_other(k, row, &other);
        if (rc == 0 && rule_is_empty(&other))
            rc = rule_missing(k, "is empty");
    }
    return rc ? rc : rule_check_value(k, v);
}

int rule_check_column(const struct rule_check *k, const char *column)
{
    int rc = 0;
    for (size_t i = 0; i < api->change_rows(k->change) && rc == 0; i++) {
        const struct ds_row *row = api->change_row(k->change, i);
        if (strcmp(api->row_table(row), k->c->table) == 0 && api->row_operation(row) != DS_DELETE)
            rc = check_row(k, row, column);
    }
    return rc;
}

/* --- the root ---------------------------------------------------------------------- */

/* Of an entity whose root goes nothing is asked: what is left of it is to go, too. */
static bool is_gone(const struct ds_change *change)
{
    bool gone = false;
    for (size_t i = 0; i < api->change_rows(change); i++) {
        const struct ds_row *row = api->change_row(change, i);
        gone |= strcmp(api->row_role(row), "root") == 0 && api->row_operation(row) == DS_DELETE;
    }
    return gone;
}

/* Is the entity's root one that the rule is not for? So is one that is nowhere to be seen. */
static int is_exempt(const struct rule_check *k, bool *is)
{
    const struct catalogue_when *unless = &k->rule->unless_root;
    struct ds_value v, key;
    bool found = false;
    int rc = 0;
    for (size_t i = 0; i < api->change_rows(k->change) && !found; i++) {
        const struct ds_row *row = api->change_row(k->change, i);
        found =
            strcmp(api->row_role(row), "root") == 0 && rule_value(k, row, unless->column, true, &v);
    }
    if (!found && api->change_key(k->change, &key))
        rc = rule_ask_value(k, k->c->root, unless->column, k->c->root_key, key, &found, &v);
    *is = rc == 0 && (!found || rule_is_one_of(v, unless->values));
    return rc;
}

static int check_rule(const struct rule_check *k)
{
    bool exempt = false;
    int rc = k->rule->column ? rule_check_column(k, k->rule->column) : rule_check_attribute(k);
    if (rc != DS_HANDLER_INVALID || !k->rule->unless_root.column)
        return rc;
    int asked = is_exempt(k, &exempt);
    return asked ? asked : exempt ? DS_HANDLER_OK : rc;
}

static int validate(void *state, struct ds_call *call, const struct ds_change *change)
{
    const struct validation *v = state;
    struct import *im = call->a ? call->a->import : NULL;
    int rc = 0;
    if (is_gone(change))
        return DS_HANDLER_OK;
    const char *entity = api->change_entity(change);
    size_t of = 0;
    while (v->names[of] && strcmp(v->names[of], entity) != 0)
        of++;
    const char *name = v->names[of];
    for (struct compiled_rule *c = v->first[of]; c && c->entity == name && rc == 0; c = c->next) {
        const struct rule_check k = {v->prefix, im, call, change, c, c->rule};
        rc = check_rule(&k);
    }
    return rc;
}

/* --- life -------------------------------------------------------------------------- */

static void close_validation(void *state)
{
    const struct validation *v = state;
    for (struct compiled_rule *c = v->rules; c; c = c->next)
        if (c->rule->pattern)
            regfree(&c->pattern);
}

/* What others refer to a row of the table by. */
static const char *key_of(const struct catalogue_entity *e, const char *table)
{
    for (size_t i = 0; i < e->table_count; i++)
        if (strcmp(e->tables[i].table, table) == 0)
            return e->tables[i].key ? e->tables[i].key : i == 0 ? e->tables[i].link : "entity_id";
    return "entity_id";
}

static bool is_reference(const struct catalogue_entity *e, const struct catalogue_rule *rule)
{
    bool is = false;
    for (size_t i = 0; i < e->reference_count && rule->column; i++)
        is |= strcmp(e->references[i].table, rule->table) == 0 &&
              strcmp(e->references[i].column, rule->column) == 0;
    return is;
}

static bool is_natural(const struct catalogue_entity *e, const struct catalogue_rule *rule)
{
    bool is = false;
    for (size_t i = 0; i < e->natural_key_count && rule->column; i++)
        is |= e->natural_key[i].column && strcmp(e->natural_key[i].column, rule->column) == 0;
    return is && strcmp(rule->table, e->tables[0].table) == 0;
}

static int compile(struct validation *v, const struct catalogue_entity *e,
                   const struct catalogue_rule *rule, struct compiled_rule ***at,
                   struct arena *arena)
{
    struct compiled_rule *c = arena_zalloc(arena, sizeof *c);
    if (!c || (rule->pattern && regcomp(&c->pattern, rule->pattern, REG_EXTENDED | REG_NOSUB)))
        return DS_ENOMEM; /* the catalogue has compiled it once */
    c->rule = rule;
    c->entity = e->name;
    c->key = key_of(e, rule->table);
    c->root_key = e->tables[0].link;
    c->natural = is_natural(e, rule);
    c->reference = is_reference(e, rule);
    c->attribute[0].code = rule->attribute;
    c->attribute[1].code = rule->attribute ? rule->either : NULL;
    snprintf(c->table, sizeof c->table, "%s%s", v->prefix, rule->table);
    snprintf(c->root, sizeof c->root, "%s%s", v->prefix, e->tables[0].table);
    **at = c;
    *at = &c->next;
    return 0;
}

int validate_load(struct handler *out, const struct config *config,
                  const struct catalogue *catalogue, struct arena *arena, struct ds_error *err)
{
    struct validation *v = arena_zalloc(arena, sizeof *v);
    size_t count = catalogue_count(catalogue), named = 0;
    int rc = 0;
    out->h = (struct ds_handler){.size = sizeof out->h,
                                 .abi = DS_HANDLER_ABI_VERSION,
                                 .name = "validation",
                                 .close = close_validation,
                                 .validate = validate};
    if (v)
        v->names = arena_zalloc(arena, (count + 2) * sizeof *v->names);
    if (v)
        v->first = arena_zalloc(arena, (count + 2) * sizeof(struct compiled_rule *));
    if (!v || !v->names || !v->first) {
        out->h.close = NULL;
        return error_set(err, DS_ENOMEM, "out of memory for the rules of validation");
    }
    out->state = v;
    out->h.entities = v->names;
    v->prefix = config->destination.prefix ? config->destination.prefix : "";
    struct compiled_rule **at = &v->rules;
    for (size_t i = 0; i < count && rc == 0; i++) {
        const struct catalogue_entity *e = catalogue_at(catalogue, i);
        struct compiled_rule **first = at;
        for (size_t k = 0; k < e->rule_count && rc == 0; k++)
            rc = compile(v, e, &e->rules[k], &at, arena);
        if (!e->rule_count)
            continue;
        v->names[named] = e->name;
        v->first[named++] = *first;
    }
    if (!named)
        v->names[named] = "table"; /* a catalogue without rules */
    return rc ? error_set(err, rc, "out of memory for the rules of validation") : 0;
}
