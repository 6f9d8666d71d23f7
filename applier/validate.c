/* The validation rules of the entity catalogue, asked by a handler like any other.
 *
 * A rule is asked of rows that the range inserts or updates, as they will be. A rule about an
 * attribute is asked of the value rows that the range writes; that a required one is there, where a
 * row is new or loses the value. That is not asked in parts of a large transaction, where the value
 * may come in another part. What the change does not hold is asked of the destination: which
 * number an attribute has there, and the row that `when` is about.
 */
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "applier/handlers.h"

struct attribute { /* as the destination has it */
    bool known, is_column;
    uint64_t id;
    char table[70]; /* of its values, with prefix */
};

struct compiled {
    const struct catalogue_rule *rule;
    const char *entity, *key; /* of the rule's table: what its value rows refer to */
    char table[70];           /* with prefix */
    regex_t pattern;
    struct attribute attribute;
    struct compiled *next;
};

struct validation {
    struct compiled *rules;
    const char *prefix;
    const char **names;
};

/* One change, one rule. */
struct check {
    const struct validation *v;
    struct ds_call *call;
    const struct ds_change *change;
    struct compiled *c;
    const struct catalogue_rule *rule;
};

static const struct ds_api *const api = &handler_api;

/* --- values ------------------------------------------------------------------------ */

static bool is_empty(const struct ds_value *v)
{
    return v->kind == DS_NULL || ((v->kind == DS_TEXT || v->kind == DS_BYTES) && v->length == 0);
}

/* Numbers as text, in `room`. */
static void as_text(struct ds_value *v, char *room, size_t size)
{
    int n = 0;
    if (v->kind == DS_INT)
        n = snprintf(room, size, "%ld", v->i);
    else if (v->kind == DS_UINT)
        n = snprintf(room, size, "%lu", v->u);
    else if (v->kind == DS_DOUBLE)
        n = snprintf(room, size, "%.17g", v->d);
    else
        return;
    v->text = room;
    v->length = (size_t)n;
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
static int invalid(const struct check *k, const char *what, const char *operand)
{
    const struct catalogue_rule *r = k->rule;
    api->reason(k->call, "%s %s of %s %s%s", r->column ? "column" : "attribute",
                r->column ? r->column : r->attribute, r->table, what, operand);
    return DS_HANDLER_INVALID;
}

/* Floats are compared as such; everything else digit by digit. */
static int compare_limit(const struct check *k, enum ds_kind kind, const struct ds_value *v,
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

static int check_limits(const struct check *k, enum ds_kind kind, const struct ds_value *v)
{
    const struct catalogue_rule *r = k->rule;
    int order = 0, rc = 0;
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

static int check_pattern(const struct check *k, const struct ds_value *v)
{
    char *text = api->alloc(k->call, v->length + 1);
    if (!text)
        return api->reason(k->call, "out of memory");
    memcpy(text, v->text, v->length);
    bool matches = strlen(text) == v->length && /* a NUL byte matches nothing */
                   regexec(&k->c->pattern, text, 0, NULL, 0) == 0;
    return matches ? 0 : invalid(k, "does not match ", k->rule->pattern);
}

/* Everything but `required`. */
static int check_value(const struct check *k, struct ds_value v)
{
    char room[64];
    enum ds_kind kind = v.kind;
    if (is_empty(&v))
        return 0;
    as_text(&v, room, sizeof room);
    int rc = k->rule->pattern ? check_pattern(k, &v) : 0;
    rc = rc ? rc : check_limits(k, kind, &v);
    if (rc == 0 && *k->rule->one_of && !one_of(&v, k->rule->one_of))
        rc = invalid(k, "is none of the values that are allowed", "");
    return rc;
}

/* --- rows -------------------------------------------------------------------------- */

static bool value_of(const struct check *k, const struct ds_row *row, const char *column,
                     bool after, struct ds_value *out)
{
    int i = api->row_find(row, column);
    *out = (struct ds_value){.kind = DS_NULL};
    if (i < 0)
        return false;
    return after ? api->row_after(k->call, row, (size_t)i, out)
                 : api->row_before(k->call, row, (size_t)i, out);
}

static bool same_value(struct ds_value x, struct ds_value y)
{
    char one[64], other[64];
    as_text(&x, one, sizeof one);
    as_text(&y, other, sizeof other);
    return x.kind != DS_NULL && y.kind != DS_NULL && x.length == y.length &&
           (x.length == 0 || memcmp(x.text, y.text, x.length) == 0);
}

/* Does `when` hold for a row of the rule's table, as it will be, or as it was? */
static bool applies(const struct check *k, const struct ds_row *row, bool after)
{
    char room[64];
    struct ds_value v;
    if (!k->rule->when.column)
        return true;
    if (!value_of(k, row, k->rule->when.column, after, &v) || v.kind == DS_NULL)
        return false;
    as_text(&v, room, sizeof room);
    return one_of(&v, k->rule->when.values);
}

static int check_row(const struct check *k, const struct ds_row *row, const char *column)
{
    struct ds_value v, other = {.kind = DS_NULL};
    if (!applies(k, row, true))
        return 0;
    if (!value_of(k, row, column, true, &v)) /* not in the image: as it was */
        return 0;
    if (k->rule->required && is_empty(&v)) {
        if (k->rule->either)
            value_of(k, row, k->rule->either, true, &other);
        if (is_empty(&other))
            return invalid(k, k->rule->either ? "is empty, and so is " : "is empty",
                           k->rule->either ? k->rule->either : "");
    }
    return check_value(k, v);
}

static int check_column(const struct check *k, const char *column)
{
    int rc = 0;
    for (size_t i = 0; i < api->change_rows(k->change) && rc == 0; i++) {
        const struct ds_row *row = api->change_row(k->change, i);
        if (strcmp(api->row_table(row), k->c->table) == 0 && api->row_operation(row) != DS_DELETE)
            rc = check_row(k, row, column);
    }
    return rc;
}

/* --- attributes -------------------------------------------------------------------- */

static struct ds_value text_value(const char *text)
{
    return (struct ds_value){.kind = DS_TEXT, .text = text, .length = strlen(text)};
}

static int ask(const struct check *k, const char *sql, const struct ds_value *params, size_t count,
               struct ds_result **out)
{
    int rc = api->query(k->call, sql, params, count, out);
    return rc ? api->reason(k->call, "the rule about attribute %s of %s cannot be asked: %s",
                            k->rule->attribute, k->rule->table, api->why(k->call))
              : 0;
}

static void copy_text(char *out, size_t size, const char *prefix, struct ds_value v)
{
    snprintf(out, size, "%s%.*s", prefix, (int)v.length, v.length ? v.text : "");
}

/* Its number at the destination. The type of entity is called as its table, without "_entity". What
 * is not there yet is asked again each time. */
static int find_attribute(const struct check *k)
{
    struct attribute *a = &k->c->attribute;
    char sql[500], type[70], backend[70], suffix[70];
    struct ds_result *found;
    if (a->known)
        return 0;
    size_t len = strlen(k->rule->table);
    len -= len > 7 && strcmp(k->rule->table + len - 7, "_entity") == 0 ? 7 : 0;
    snprintf(type, sizeof type, "%.*s", (int)len, k->rule->table);
    snprintf(sql, sizeof sql,
             "SELECT a.attribute_id, a.backend_type, a.backend_table FROM %seav_attribute a JOIN "
             "%seav_entity_type t ON t.entity_type_id = a.entity_type_id WHERE t.entity_type_code "
             "= ? AND a.attribute_code = ?",
             k->v->prefix, k->v->prefix);
    const struct ds_value params[] = {text_value(type), text_value(k->rule->attribute)};
    int rc = ask(k, sql, params, 2, &found);
    if (rc || api->result_rows(found) == 0)
        return rc;
    a->id = api->result_value(found, 0, 0).u;
    copy_text(backend, sizeof backend, "", api->result_value(found, 0, 1));
    copy_text(suffix, sizeof suffix, k->v->prefix, api->result_value(found, 0, 2));
    a->is_column = strcmp(backend, "static") == 0;
    if (strlen(suffix) > strlen(k->v->prefix))
        snprintf(a->table, sizeof a->table, "%s", suffix);
    else
        snprintf(a->table, sizeof a->table, "%.35s_%.30s", k->c->table, backend);
    a->known = true;
    return 0;
}

static const struct ds_row *row_by_key(const struct check *k, struct ds_value id)
{
    for (size_t i = 0; i < api->change_rows(k->change); i++) {
        const struct ds_row *row = api->change_row(k->change, i);
        struct ds_value key;
        bool deleted = api->row_operation(row) == DS_DELETE;
        if (strcmp(api->row_table(row), k->c->table) == 0 &&
            value_of(k, row, k->c->key, !deleted, &key) && same_value(key, id))
            return row;
    }
    return NULL;
}

/* Is the row that a value belongs to one that the rule is about? Deleted rows are not. */
static int is_about(const struct check *k, struct ds_value id, bool *is)
{
    char sql[300], room[64];
    struct ds_result *found;
    const struct ds_row *row = row_by_key(k, id);
    *is = row ? api->row_operation(row) != DS_DELETE && applies(k, row, true) : true;
    if (row || !k->rule->when.column)
        return 0;
    snprintf(sql, sizeof sql, "SELECT `%.64s` FROM `%s` WHERE `%.64s` = ?", k->rule->when.column,
             k->c->table, k->c->key);
    int rc = ask(k, sql, &id, 1, &found);
    if (rc)
        return rc;
    struct ds_value v = api->result_value(found, 0, 0);
    as_text(&v, room, sizeof room);
    *is = v.kind != DS_NULL && one_of(&v, k->rule->when.values);
    return 0;
}

/* Is it a row of the attribute's values? Then at the scope of all stores, or one's own? */
static bool is_value_row(const struct check *k, const struct ds_row *row, bool after,
                         bool *everywhere)
{
    struct ds_value id, store;
    if (strcmp(api->row_table(row), k->c->attribute.table) != 0 ||
        !value_of(k, row, "attribute_id", after, &id) || id.u != k->c->attribute.id)
        return false;
    *everywhere = !value_of(k, row, "store_id", after, &store) || store.u == 0;
    return true;
}

/* Does the range write a value for this row, at the scope of all stores? */
static bool has_value(const struct check *k, struct ds_value id)
{
    for (size_t i = 0; i < api->change_rows(k->change); i++) {
        const struct ds_row *row = api->change_row(k->change, i);
        struct ds_value of, v;
        bool everywhere;
        if (api->row_operation(row) != DS_DELETE && is_value_row(k, row, true, &everywhere) &&
            everywhere && value_of(k, row, "entity_id", true, &of) && same_value(of, id) &&
            value_of(k, row, "value", true, &v) && !is_empty(&v))
            return true;
    }
    return false;
}

/* A stored value row: one that is not empty, at the scope of all stores? Tables without stores have
 * that scope only. */
static bool is_stored_value(const struct ds_result *found, size_t row)
{
    bool has = false, everywhere = true;
    for (size_t i = 0; i < api->result_columns(found); i++) {
        struct ds_value v = api->result_value(found, row, i);
        if (strcasecmp(api->result_column(found, i), "value") == 0)
            has = !is_empty(&v);
        else if (strcasecmp(api->result_column(found, i), "store_id") == 0)
            everywhere = v.u == 0;
    }
    return has && everywhere;
}

/* … or does the destination hold one? */
static int has_stored(const struct check *k, struct ds_value id, bool *has)
{
    char sql[300];
    struct ds_result *found;
    const struct ds_value params[] = {id, {.kind = DS_UINT, .u = k->c->attribute.id}};
    snprintf(sql, sizeof sql, "SELECT * FROM `%s` WHERE entity_id = ? AND attribute_id = ?",
             k->c->attribute.table);
    *has = has_value(k, id);
    int rc = *has ? 0 : ask(k, sql, params, 2, &found);
    for (size_t i = 0; !*has && rc == 0 && i < api->result_rows(found); i++)
        *has = is_stored_value(found, i);
    return rc;
}

/* A row that is new needs its value with it; one that the rule is about from now on may have it. */
static int check_presence(const struct check *k, const struct ds_row *row)
{
    struct ds_value id;
    bool has = true;
    int rc = 0;
    if (!k->rule->required || api->partial(k->call) ||
        strcmp(api->row_table(row), k->c->table) != 0 || api->row_operation(row) == DS_DELETE ||
        !applies(k, row, true) || !value_of(k, row, k->c->key, true, &id))
        return 0;
    if (api->row_operation(row) == DS_INSERT)
        has = has_value(k, id);
    else if (!applies(k, row, false))
        rc = has_stored(k, id, &has);
    return rc || has ? rc : invalid(k, "is missing", "");
}

/* Does the row stop to be the value that a rule requires: by its end, or by a move to a store or an
 * attribute? One that moves to another entity is that entity's change. */
static bool takes_away(const struct check *k, const struct ds_row *row, struct ds_value *id)
{
    bool everywhere;
    struct ds_value now;
    if (!k->rule->required || api->partial(k->call) || api->row_operation(row) == DS_INSERT ||
        !is_value_row(k, row, false, &everywhere) || !everywhere ||
        !value_of(k, row, "entity_id", false, id))
        return false;
    if (api->row_operation(row) == DS_DELETE)
        return true;
    return value_of(k, row, "entity_id", true, &now) && same_value(now, *id) &&
           !(is_value_row(k, row, true, &everywhere) && everywhere);
}

static int check_taken(const struct check *k, const struct ds_row *row)
{
    struct ds_value id;
    bool about;
    if (!takes_away(k, row, &id))
        return 0;
    int rc = is_about(k, id, &about);
    return rc || !about || has_value(k, id) ? rc : invalid(k, "is taken away", "");
}

static int check_value_row(const struct check *k, const struct ds_row *row)
{
    struct ds_value id, v = {.kind = DS_NULL};
    bool everywhere, about;
    if (api->row_operation(row) == DS_DELETE || !is_value_row(k, row, true, &everywhere) ||
        !value_of(k, row, "entity_id", true, &id))
        return 0;
    value_of(k, row, "value", true, &v);
    int rc = is_about(k, id, &about);
    if (rc || !about)
        return rc;
    if (k->rule->required && everywhere && is_empty(&v) && !has_value(k, id))
        return invalid(k, "is empty", "");
    return check_value(k, v);
}

static int check_attribute(const struct check *k)
{
    int rc = find_attribute(k);
    if (rc || !k->c->attribute.known)
        return rc;
    if (k->c->attribute.is_column)
        return check_column(k, k->rule->attribute);
    for (size_t i = 0; i < api->change_rows(k->change) && rc == 0; i++) {
        const struct ds_row *row = api->change_row(k->change, i);
        rc = check_value_row(k, row);
        rc = rc ? rc : check_taken(k, row);
        rc = rc ? rc : check_presence(k, row);
    }
    return rc;
}

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

static int validate(void *state, struct ds_call *call, const struct ds_change *change)
{
    const struct validation *v = state;
    int rc = 0;
    if (is_gone(change))
        return DS_HANDLER_OK;
    for (struct compiled *c = v->rules; c && rc == 0; c = c->next) {
        const struct check k = {v, call, change, c, c->rule};
        if (strcmp(c->entity, api->change_entity(change)) == 0)
            rc = c->rule->column ? check_column(&k, c->rule->column) : check_attribute(&k);
    }
    return rc;
}

/* --- life -------------------------------------------------------------------------- */

static void close_validation(void *state)
{
    const struct validation *v = state;
    for (struct compiled *c = v->rules; c; c = c->next)
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

static int compile(struct validation *v, const struct catalogue_entity *e,
                   const struct catalogue_rule *rule, struct compiled ***at, struct arena *arena)
{
    struct compiled *c = arena_zalloc(arena, sizeof *c);
    if (!c || (rule->pattern && regcomp(&c->pattern, rule->pattern, REG_EXTENDED | REG_NOSUB)))
        return DS_ENOMEM; /* the catalogue has compiled it once */
    c->rule = rule;
    c->entity = e->name;
    c->key = key_of(e, rule->table);
    snprintf(c->table, sizeof c->table, "%s%s", v->prefix, rule->table);
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
    if (!v || !v->names) {
        out->h.close = NULL;
        return error_set(err, DS_ENOMEM, "out of memory for the rules of validation");
    }
    out->state = v;
    out->h.entities = v->names;
    v->prefix = config->destination.prefix ? config->destination.prefix : "";
    struct compiled **at = &v->rules;
    for (size_t i = 0; i < count && rc == 0; i++) {
        const struct catalogue_entity *e = catalogue_at(catalogue, i);
        for (size_t k = 0; k < e->rule_count && rc == 0; k++)
            rc = compile(v, e, &e->rules[k], &at, arena);
        if (e->rule_count)
            v->names[named++] = e->name;
    }
    if (!named)
        v->names[named] = "table"; /* a catalogue without rules */
    return rc ? error_set(err, rc, "out of memory for the rules of validation") : 0;
}
