/* Validation rules about attributes, whose values are rows: of the entity's value tables, by the
 * number that the attribute has at the destination; in an import, where that is another one at the
 * source, and the attribute may be there alone so far, by its code. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "applier/import/import.h"
#include "applier/validate.h"

static const struct ds_api *const api = &handler_api;

static struct ds_value text_value(const char *text)
{
    return (struct ds_value){.kind = DS_TEXT, .text = text, .length = strlen(text)};
}

static void copy_text(char *out, size_t size, const char *prefix, struct ds_value v)
{
    snprintf(out, size, "%s%.*s", prefix, (int)v.length, v.length ? v.text : "");
}

/* Its number at the destination. The type of entity is called as its table, without "_entity". What
 * is not there yet is asked again each time. */
static int find_attribute(const struct rule_check *k, struct rule_attribute *a)
{
    char sql[500], type[70], backend[70], suffix[70];
    struct ds_result *found;
    if (a->known || !a->code)
        return 0;
    size_t len = strlen(k->rule->table);
    len -= len > 7 && strcmp(k->rule->table + len - 7, "_entity") == 0 ? 7 : 0;
    snprintf(type, sizeof type, "%.*s", (int)len, k->rule->table);
    snprintf(sql, sizeof sql,
             "SELECT a.attribute_id, a.backend_type, a.backend_table FROM %seav_attribute a JOIN "
             "%seav_entity_type t ON t.entity_type_id = a.entity_type_id WHERE t.entity_type_code "
             "= ? AND a.attribute_code = ?",
             k->prefix, k->prefix);
    const struct ds_value params[] = {text_value(type), text_value(a->code)};
    int rc = rule_ask(k, sql, params, 2, &found);
    if (rc || api->result_rows(found) == 0)
        return rc;
    a->id = api->result_value(found, 0, 0).u;
    copy_text(backend, sizeof backend, "", api->result_value(found, 0, 1));
    copy_text(suffix, sizeof suffix, k->prefix, api->result_value(found, 0, 2));
    a->is_column = strcmp(backend, "static") == 0;
    if (strlen(suffix) > strlen(k->prefix))
        snprintf(a->table, sizeof a->table, "%s", suffix);
    else
        snprintf(a->table, sizeof a->table, "%.35s_%.30s", k->c->table, backend);
    a->known = true;
    return 0;
}

static const struct ds_row *row_by_key(const struct rule_check *k, struct ds_value id)
{
    for (size_t i = 0; i < api->change_rows(k->change); i++) {
        const struct ds_row *row = api->change_row(k->change, i);
        struct ds_value key;
        bool deleted = api->row_operation(row) == DS_DELETE;
        if (strcmp(api->row_table(row), k->c->table) == 0 &&
            rule_value(k, row, k->c->key, !deleted, &key) && rule_same(key, id))
            return row;
    }
    return NULL;
}

/* Is the row that a value belongs to one that the rule is about? Deleted rows are not. */
static int is_about(const struct rule_check *k, struct ds_value id, bool *is)
{
    struct ds_value v;
    bool found;
    const struct ds_row *row = row_by_key(k, id);
    *is = row ? api->row_operation(row) != DS_DELETE && rule_applies(k, row, true) : true;
    if (row || !k->rule->when.column)
        return 0;
    int rc = rule_ask_value(k, k->c->table, k->rule->when.column, k->c->key, id, &found, &v);
    if (rc == 0)
        *is = found && rule_is_one_of(v, k->rule->when.values);
    return rc;
}

/* Of the destination's tables of values all begin with the name of the rule's. */
static bool is_imported_value(const struct rule_check *k, const struct rule_attribute *a,
                              const struct ds_row *row, bool after)
{
    struct ds_value id;
    char room[HANDLER_NUMBER_ROOM];
    size_t len = strlen(k->c->table);
    const char *table = api->row_table(row);
    if (!a->code || strncmp(table, k->c->table, len) != 0 || table[len] != '_' ||
        !rule_value(k, row, "attribute_id", after, &id))
        return false;
    handler_number_text(&id, room);
    const char *code =
        import_attribute_code(k->import, (struct slice){(const uint8_t *)id.text, id.length});
    return code && strcmp(code, a->code) == 0;
}

static bool is_attribute(const struct rule_check *k, const struct rule_attribute *a,
                         const struct ds_row *row, bool after)
{
    struct ds_value id;
    if (k->import)
        return is_imported_value(k, a, row, after);
    return a->known && strcmp(api->row_table(row), a->table) == 0 &&
           rule_value(k, row, "attribute_id", after, &id) && id.u == a->id;
}

/* The scope of all stores? The ids of a file are text. */
static bool is_everywhere(struct ds_value store)
{
    char room[HANDLER_NUMBER_ROOM];
    handler_number_text(&store, room);
    return store.kind == DS_NULL || (store.length == 1 && *store.text == '0');
}

/* Is it a row of the attribute's values? Then at the scope of all stores, or one's own? */
static bool is_value_row(const struct rule_check *k, const struct rule_attribute *a,
                         const struct ds_row *row, bool after, bool *everywhere)
{
    struct ds_value store;
    if (!is_attribute(k, a, row, after))
        return false;
    *everywhere = !rule_value(k, row, "store_id", after, &store) || is_everywhere(store);
    return true;
}

/* Is it the value of this row at the scope of all stores, as it will be, or as it was? */
static bool is_value_of(const struct rule_check *k, const struct rule_attribute *a,
                        const struct ds_row *row, bool after, struct ds_value id)
{
    struct ds_value of;
    bool everywhere;
    return is_value_row(k, a, row, after, &everywhere) && everywhere &&
           rule_value(k, row, "entity_id", after, &of) && rule_same(of, id);
}

/* What the range makes of the value of a row, at the scope of all stores. */
enum written { NOT_WRITTEN, TAKEN_AWAY, WRITTEN };

static enum written written(const struct rule_check *k, const struct rule_attribute *a,
                            struct ds_value id)
{
    enum written is = NOT_WRITTEN, one;
    struct ds_value v;
    for (size_t i = 0; i < api->change_rows(k->change); i++) {
        const struct ds_row *row = api->change_row(k->change, i);
        bool will = is_value_of(k, a, row, true, id);
        one = !will && is_value_of(k, a, row, false, id) ? TAKEN_AWAY : NOT_WRITTEN;
        if (will && rule_value(k, row, "value", true, &v))
            one = rule_is_empty(&v) ? TAKEN_AWAY : WRITTEN;
        is = one > is ? one : is;
    }
    return is;
}

/* A stored value row: one that is not empty, at the scope of all stores? Tables without stores have
 * that scope only. */
static bool is_stored_value(const struct ds_result *found, size_t row)
{
    bool has = false, everywhere = true;
    for (size_t i = 0; i < api->result_columns(found); i++) {
        struct ds_value v = api->result_value(found, row, i);
        if (strcasecmp(api->result_column(found, i), "value") == 0)
            has = !rule_is_empty(&v);
        else if (strcasecmp(api->result_column(found, i), "store_id") == 0)
            everywhere = is_everywhere(v);
    }
    return has && everywhere;
}

/* Does the destination hold a value? */
static int has_stored(const struct rule_check *k, const struct rule_attribute *a,
                      struct ds_value id, bool *has)
{
    char sql[300];
    struct ds_result *found;
    struct ds_value here;
    *has = false;
    if (!api->target(k->call, k->c->entity, k->c->table, id, &here) || !a->known)
        return 0;
    const struct ds_value params[] = {here, {.kind = DS_UINT, .u = a->id}};
    snprintf(sql, sizeof sql, "SELECT * FROM `%s` WHERE entity_id = ? AND attribute_id = ?",
             a->table);
    int rc = rule_ask(k, sql, params, 2, &found);
    for (size_t i = 0; !*has && rc == 0 && i < api->result_rows(found); i++)
        *has = is_stored_value(found, i);
    return rc;
}

/* Will the row have a value of one of the rule's attributes? `is_new`: it is not stored yet. */
static int has_value(const struct rule_check *k, struct ds_value id, bool is_new, bool *has)
{
    int rc = 0;
    *has = false;
    for (size_t n = 0; n < 2 && !*has && rc == 0; n++) {
        const struct rule_attribute *a = &k->c->attribute[n];
        if (!a->known && !(k->import && a->code))
            continue;
        enum written what = written(k, a, id);
        *has = what == WRITTEN;
        if (what == NOT_WRITTEN && !is_new)
            rc = has_stored(k, a, id, has);
    }
    return rc;
}

/* A row that is new needs its value with it; one that the rule is about from now on may have it. */
static int check_presence(const struct rule_check *k, const struct ds_row *row)
{
    struct ds_value id;
    bool has, is_new = api->row_operation(row) == DS_INSERT;
    if (!k->rule->required || api->partial(k->call) ||
        strcmp(api->row_table(row), k->c->table) != 0 || api->row_operation(row) == DS_DELETE ||
        !rule_applies(k, row, true) || !rule_value(k, row, k->c->key, true, &id) ||
        (!is_new && rule_applies(k, row, false)))
        return 0;
    int rc = has_value(k, id, is_new, &has);
    return rc || has ? rc : rule_missing(k, "is missing");
}

/* Does the row stop to be a value that a rule requires: by its end, or by a move to a store or an
 * attribute? One that moves to another entity is that entity's change. */
static bool takes_away(const struct rule_check *k, const struct rule_attribute *a,
                       const struct ds_row *row, struct ds_value *id)
{
    bool everywhere;
    struct ds_value now;
    if (api->row_operation(row) == DS_INSERT || !is_value_row(k, a, row, false, &everywhere) ||
        !everywhere || !rule_value(k, row, "entity_id", false, id))
        return false;
    if (api->row_operation(row) == DS_DELETE)
        return true;
    return rule_value(k, row, "entity_id", true, &now) && rule_same(now, *id) &&
           !is_value_of(k, a, row, true, *id);
}

static int check_taken(const struct rule_check *k, const struct rule_attribute *a,
                       const struct ds_row *row)
{
    struct ds_value id;
    bool about, has;
    if (!k->rule->required || api->partial(k->call) || !takes_away(k, a, row, &id))
        return 0;
    int rc = is_about(k, id, &about);
    if (rc || !about)
        return rc;
    rc = has_value(k, id, false, &has);
    return rc || has ? rc : rule_missing(k, "is taken away");
}

/* Ids of options are each shop's own: nothing can be said of them as numbers. */
static bool is_choice(const struct rule_check *k, const struct ds_row *row)
{
    struct ds_value id;
    char room[HANDLER_NUMBER_ROOM];
    if (!k->import || !rule_value(k, row, "attribute_id", true, &id))
        return false;
    handler_number_text(&id, room);
    return import_attribute_is_choice(k->import,
                                      (struct slice){(const uint8_t *)id.text, id.length});
}

/* An empty value, where the other attribute may do and may come in another part, is not judged. */
static int check_value_row(const struct rule_check *k, const struct rule_attribute *a,
                           const struct ds_row *row)
{
    struct ds_value id, v = {.kind = DS_NULL};
    bool everywhere, about, has = true;
    if (api->row_operation(row) == DS_DELETE || !is_value_row(k, a, row, true, &everywhere) ||
        !rule_value(k, row, "entity_id", true, &id))
        return 0;
    rule_value(k, row, "value", true, &v);
    int rc = is_about(k, id, &about);
    if (rc || !about)
        return rc;
    if (k->rule->required && everywhere && rule_is_empty(&v) &&
        !(k->rule->either && api->partial(k->call)))
        rc = has_value(k, id, false, &has);
    if (rc || !has)
        return rc ? rc : rule_missing(k, "is empty");
    return a == k->c->attribute && !is_choice(k, row) ? rule_check_value(k, v) : 0;
}

int rule_check_attribute(const struct rule_check *k)
{
    struct compiled_rule *c = k->c;
    int rc = find_attribute(k, &c->attribute[0]);
    rc = rc ? rc : find_attribute(k, &c->attribute[1]);
    if (rc || (!c->attribute[0].known && !k->import))
        return rc;
    if (c->attribute[1].known && c->attribute[0].is_column != c->attribute[1].is_column)
        return api->reason(k->call,
                           "the rule about attribute %s of %s or %s cannot be asked: one is a "
                           "column and the other is not",
                           k->rule->attribute, k->rule->table, k->rule->either);
    if (c->attribute[0].is_column)
        return rule_check_column(k, k->rule->attribute);
    for (size_t i = 0; i < api->change_rows(k->change) && rc == 0; i++) {
        const struct ds_row *row = api->change_row(k->change, i);
        for (size_t n = 0; n < 2 && rc == 0; n++) {
            rc = check_value_row(k, &c->attribute[n], row);
            rc = rc ? rc : check_taken(k, &c->attribute[n], row);
        }
        rc = rc ? rc : check_presence(k, row);
    }
    return rc;
}
