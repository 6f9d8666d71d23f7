/* References that hold in some rows only (`when` of the catalogue): by a value of the row, or,
 * where that is a number of either side's own (what a review is about), by what it stands for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applier/import/import_internal.h"
#include "applier/import/when.h"

bool import_is_one_of(const uint8_t *raw, const char *const *values)
{
    char scratch[32];
    bool null;
    struct slice text = import_text(raw, scratch, &null);
    for (; !null && *values; values++)
        if (strlen(*values) == text.len && memcmp(*values, text.p, text.len) == 0)
            return true;
    return false;
}

static const char *code_column(const struct catalogue_entity *e)
{
    bool one = e->natural_key_count == 1 && e->natural_key[0].column && !e->natural_key[0].table;
    return one ? e->natural_key[0].column : NULL;
}

int import_bind_when(struct import_table *t, struct import_reference *r)
{
    const struct catalogue_when *when = &r->rule->when;
    for (size_t i = 0; when->column && i < t->entity->reference_count; i++) {
        const struct catalogue_reference *other = &t->entity->references[i];
        const struct catalogue_entity *e = catalogue_find(t->im->options.catalogue, other->entity);
        if (strcmp(other->table, t->entry->table) != 0 ||
            strcmp(other->column, when->column) != 0 || other->to || other->by || !e ||
            !code_column(e) || !import_type_name(e, &e->tables[0]))
            continue;
        r->when_of = e;
        r->when_type = registry_type(t->im->registry, e->name);
        return r->when_type == UINT32_MAX ? DS_ENOMEM : 0;
    }
    return 0;
}

static bool is_listed(struct slice code, const char *const *values)
{
    while (*values && (strlen(*values) != code.len || memcmp(*values, code.p, code.len) != 0))
        values++;
    return *values != NULL;
}

static bool when_holds(const struct import *im, const struct import_reference *r,
                       const uint8_t *const *values)
{
    const char *const *wanted = r->rule->when.values;
    char scratch[32], text[32];
    bool null;
    if (!r->when_of)
        return import_is_one_of(values[r->when], wanted);
    struct slice id = import_text(values[r->when], scratch, &null);
    const struct import_row *row = null ? NULL : import_row_by_id(im, r->when_type, id);
    if (row && row->after) { /* the source has just said */
        uint32_t column = import_source_column(row->table, code_column(r->when_of));
        return column != NO_COLUMN &&
               is_listed(import_text(row->after[column], text, &null), wanted);
    }
    const struct registered *known = null ? NULL : registry_find(im->registry, r->when_type, id);
    for (const struct import_known_code *c = known && known->found ? im->codes : NULL; c;
         c = c->next)
        if (c->entity == r->when_of && c->id == known->target)
            return is_listed((struct slice){(const uint8_t *)c->code, strlen(c->code)}, wanted);
    return false;
}

static int load(struct import *im, const struct catalogue_entity *e, struct ds_error *err)
{
    const char *prefix = im->options.config->destination.prefix;
    for (const struct import_known_code *c = im->codes; c; c = c->next)
        if (c->entity == e)
            return 0;
    MYSQL_RES *rows = db_select(im->db, err, "SELECT `%s`, `%s` FROM `%s%s`", e->tables[0].link,
                                code_column(e), prefix ? prefix : "", e->tables[0].table);
    if (!rows)
        return err->code;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(rows));) {
        struct import_known_code *c = arena_zalloc(&im->arena, sizeof *c);
        if (!c) {
            rc = import_no_memory(err);
            break;
        }
        *c = (struct import_known_code){
            .entity = e, .id = strtoull(row[0], NULL, 10), .next = im->codes};
        snprintf(c->code, sizeof c->code, "%s", row[1] ? row[1] : "");
        im->codes = c;
    }
    mysql_free_result(rows);
    return rc;
}

int import_load_codes(struct import *im, uint32_t first, uint32_t end, struct ds_error *err)
{
    const struct import_table *last = NULL;
    int rc = 0;
    for (uint32_t i = first; i < end && rc == 0; i++) {
        const struct import_table *t = im->rows[i]->table;
        for (uint32_t k = 0; t != last && k < t->reference_count && rc == 0; k++)
            rc = t->references[k].when_of ? load(im, t->references[k].when_of, err) : 0;
        last = t;
    }
    return rc;
}

const struct import_attribute *import_own_attribute(const struct import_table *t,
                                                    const uint8_t *const *values)
{
    static _Thread_local struct import_attribute own;
    char scratch[32];
    bool null;
    memset(&own, 0, sizeof own);
    struct slice code = import_text(values[t->own_attribute.code], scratch, &null);
    snprintf(own.code, sizeof own.code, "%.*s", (int)code.len, (const char *)code.p);
    struct slice input = import_text(values[t->own_attribute.input], scratch, &null);
    snprintf(own.input, sizeof own.input, "%.*s", (int)input.len, (const char *)input.p);
    struct slice model = import_text(values[t->own_attribute.model], scratch, &null);
    snprintf(own.model, sizeof own.model, "%.*s", (int)model.len, (const char *)model.p);
    own.options = model.len == 0 || (model.len == strlen(IMPORT_OPTIONS_MODEL) &&
                                     memcmp(model.p, IMPORT_OPTIONS_MODEL, model.len) == 0);
    return &own;
}

/* The attribute that the row is a value of, at the destination; or, in the list of attributes, is.
 */
static const struct import_attribute *
attribute_of(const struct import *im, const struct import_row *row, const uint8_t *const *values)
{
    char scratch[32];
    bool null;
    const struct import_table *t = row->table;
    if (t->attribute == NO_COLUMN)
        return NULL;
    if (t->own_attribute.code != NO_COLUMN) /* it is one, by what it says itself */
        return import_own_attribute(t, values);
    struct slice id = import_text(values[t->attribute], scratch, &null);
    uint32_t type = im->attribute_type;
    const struct registered *r = null ? NULL : registry_find(im->registry, type, id);
    return r && r->found ? import_attribute_by_id(im, r->target) : NULL;
}

const struct import_attribute *import_attribute_of(const struct import *im,
                                                   const struct import_row *row)
{
    return attribute_of(im, row, row->after ? row->after : row->before);
}

bool import_reference_counts(const struct import *im, const struct import_row *row,
                             const struct import_reference *r, const uint8_t *const *values)
{
    const struct catalogue_reference *rule = r->rule;
    if (rule && r->when != NO_COLUMN && !when_holds(im, r, values))
        return false;
    if (!rule || !catalogue_asks_attribute(rule))
        return true;
    const struct import_attribute *a = attribute_of(im, row, values);
    if (!a)
        return false;
    return rule->attribute      ? strcmp(rule->attribute, a->code) == 0
           : rule->source_model ? strcmp(rule->source_model, a->model) == 0
                                : strcmp(rule->input, a->input) == 0 && a->options;
}
