/* Columns of a file that are columns of the root's table, and what it has to have in them. */
#include <stdlib.h>
#include <string.h>

#include "agent/csv/kinds.h"

bool *columns_open(struct csv_import *in, const char *table,
                   bool (*other)(const struct csv_import *in, const char *column))
{
    uint32_t count = records_column_count(in->file);
    bool *taken = calloc(count + 1, sizeof *taken);
    if (!taken) {
        shop_no_memory(in->shop);
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        const char *name = records_column(in->file, i);
        if (!*name || other(in, name))
            continue;
        taken[i] = shop_has_column(in->shop, table, name);
        if (!taken[i])
            column_unknown(in, name);
    }
    return taken;
}

/* Rules of the catalogue that ask for a column of the root; from *i on, NULL: no more. */
bool column_is_among(const char *const *names, const char *column)
{
    for (size_t i = 0; names[i]; i++)
        if (strcmp(names[i], column) == 0)
            return true;
    return false;
}

static const char *next_required(const struct csv_import *in, size_t *i)
{
    const struct catalogue_entity *e = catalogue_find(in->o->catalogue, in->kind->entity);
    while (*i < e->rule_count) {
        const struct catalogue_rule *rule = &e->rules[(*i)++];
        if (rule->required && rule->column && strcmp(rule->table, e->tables[0].table) == 0)
            return rule->column;
    }
    return NULL;
}

static bool is_required(const struct csv_import *in, const char *column)
{
    const char *required;
    for (size_t i = 0; (required = next_required(in, &i));)
        if (strcmp(required, column) == 0)
            return true;
    return false;
}

/* What a new entity gets, of whatever kind, where the file does not say. */
static bool is_given(const char *column)
{
    static const char *const columns[] = {"created_at",
                                          "updated_at",
                                          "creation_time",
                                          "update_time",
                                          "change_status_at",
                                          "subscriber_confirm_code",
                                          "root_template",
                                          "status",
                                          "state",
                                          "email_sent",
                                          "is_virtual",
                                          "customer_is_guest",
                                          "store_name",
                                          "total_item_count",
                                          "total_qty_ordered",
                                          "total_qty",
                                          "base_currency_code",
                                          "global_currency_code",
                                          "store_currency_code",
                                          "order_currency_code",
                                          "base_to_global_rate",
                                          "base_to_order_rate",
                                          "store_to_base_rate",
                                          "store_to_order_rate",
                                          NULL};
    return column_is_among(columns, column);
}

void columns_set(struct csv_import *in, const bool *taken, struct shop_row *r)
{
    for (uint32_t i = 0; i < records_column_count(in->file); i++) {
        const char *name = records_column(in->file, i);
        struct slice v = taken[i] ? in->record->fields[i] : slice_of("");
        if (taken[i] && (slice_trim(v).len || !(is_required(in, name) || is_given(name))))
            row_set(r, name, v, name);
    }
}

void columns_check(struct csv_import *in, const struct shop_row *r)
{
    const char *required;
    for (size_t i = 0; (required = next_required(in, &i));)
        if (!row_has(r, required))
            shop_invalid(in->shop, "%s is empty, which a new %s needs", required, in->kind->entity);
}
