/* Attributes of products, with options, and the sets that they are in. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/csv/kinds.h"

static const char table[] = "eav_attribute", more_table[] = "catalog_eav_attribute";

struct attribute { /* of the record in hand */
    struct slice code, id, input;
    const struct shop_attribute *there; /* NULL: the destination has none */
};

static bool is_own(const char *column)
{
    static const char *const own[] = {"entity_id",      "attribute_id",    "entity_type_id",
                                      "attribute_code", "options",         "attribute_sets",
                                      "attribute_set",  "attribute_group", "is_global",
                                      "scope",          "source_model",    NULL};
    return column_is_among(own, column);
}

static void open_attributes(struct csv_import *in)
{
    for (uint32_t i = 0; i < records_column_count(in->file); i++) {
        const char *name = records_column(in->file, i);
        if (*name && !is_own(name) && !shop_has_column(in->shop, table, name) &&
            !shop_has_column(in->shop, more_table, name))
            column_unknown(in, name);
    }
}

static void close_attributes(struct csv_import *in)
{
    (void)in;
}

/* --- the attribute -----------------------------------------------------------------------------
 */

static bool is_code(struct slice v)
{
    for (size_t i = 0; i < v.len; i++)
        if (!(islower(v.p[i]) || (i && (isdigit(v.p[i]) || v.p[i] == '_'))))
            return false;
    return v.len > 0 && v.len <= 60;
}

static const char *backend_of(struct slice input)
{
    static const char *const backends[][2] = {
        {"text", "varchar"},   {"textarea", "text"},       {"date", "datetime"},
        {"boolean", "int"},    {"multiselect", "varchar"}, {"select", "int"},
        {"price", "decimal"},  {"media_image", "varchar"}, {"gallery", "varchar"},
        {"weight", "decimal"}, {"weee", "static"},         {NULL, NULL}};
    for (size_t i = 0; backends[i][0]; i++)
        if (slice_is(input, backends[i][0]))
            return backends[i][1];
    return NULL;
}

/* What a new attribute gets by its input. */
static bool is_of_input(const char *column)
{
    static const char *const columns[] = {"backend_type", "backend_model", "source_model",
                                          "is_user_defined", NULL};
    return column_is_among(columns, column);
}

static void set_cells(struct csv_import *in, struct shop_row *r, const char *of)
{
    for (uint32_t i = 0; i < records_column_count(in->file); i++) {
        const char *name = records_column(in->file, i);
        struct slice v = in->record->fields[i];
        if (*name && !is_own(name) && shop_has_column(in->shop, of, name) &&
            (slice_trim(v).len || !is_of_input(name)))
            row_set(r, name, v, name);
    }
}

static bool has_options(const struct attribute *a)
{
    return slice_is(a->input, "select") || slice_is(a->input, "multiselect");
}

static void set_new(struct csv_import *in, const struct attribute *a, struct shop_row *r)
{
    struct slice v;
    if (!cell_filled(in, "frontend_label", &v))
        shop_invalid(in->shop, "frontend_label is empty, which a new attribute needs");
    if (!is_code(a->code))
        shop_invalid(in->shop,
                     "attribute_code: '%.*s' is no code (up to 60 of a-z, 0-9 and _, a letter "
                     "first)",
                     (int)a->code.len, (const char *)a->code.p);
    if (!backend_of(a->input)) {
        shop_invalid(in->shop, "frontend_input: '%.*s' is none that the shop knows",
                     (int)a->input.len, (const char *)a->input.p);
        return;
    }
    row_text(r, "backend_type", backend_of(a->input));
    row_number(r, "is_user_defined", 1);
    if (slice_is(a->input, "boolean"))
        row_text(r, "source_model", "eav/entity_attribute_source_boolean");
    else if (has_options(a))
        row_text(r, "source_model", "eav/entity_attribute_source_table");
    if (slice_is(a->input, "multiselect"))
        row_text(r, "backend_model", "eav/entity_attribute_backend_array");
}

static void put_root(struct csv_import *in, const struct attribute *a)
{
    struct slice v;
    struct shop_row r = shop_row(in->shop, table);
    if (!a->there)
        set_new(in, a, &r);
    set_cells(in, &r, table);
    if (a->there) /* what values are stored by does not change */
        row_set(&r, "frontend_input", a->there->input, "frontend_input");
    else
        row_set(&r, "frontend_input", slice_is(a->input, "boolean") ? slice_of("select") : a->input,
                "frontend_input");
    if (a->there)
        row_set(&r, "backend_type", a->there->backend, "backend_type");
    if (!a->there && cell_filled(in, "source_model", &v))
        row_set(&r, "source_model", v, "source_model");
    row_id(&r, "attribute_id", a->id);
    row_id(&r, "entity_type_id", shop_refer_type(in->shop, "catalog_product"));
    row_set(&r, "attribute_code", a->code, "attribute_code");
    row_put(&r);
}

/* 0 store, 1 global, 2 website, by number or word. */
static void set_scope(struct csv_import *in, struct shop_row *r, bool new)
{
    static const char *const words[] = {"store", "global", "website"};
    struct slice v;
    int64_t n;
    if (!cell_filled(in, "is_global", &v) && !cell_filled(in, "scope", &v)) {
        if (new)
            row_number(r, "is_global", 0);
        return;
    }
    if (!shop_whole_number(v, &n))
        n = -1;
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
        if (n == i || slice_is(v, words[i])) {
            row_number(r, "is_global", i);
            return;
        }
    shop_invalid(in->shop, "is_global: '%.*s' is none of store (0), global (1), website (2)",
                 (int)v.len, (const char *)v.p);
}

static void put_more(struct csv_import *in, const struct attribute *a)
{
    struct shop_row r = shop_row(in->shop, more_table);
    row_id(&r, "attribute_id", a->id);
    set_cells(in, &r, more_table);
    set_scope(in, &r, !a->there);
    row_put(&r);
}

/* --- options -------------------------------------------------------------------------------------
 */

static bool has_label(struct csv_import *in, const struct attribute *a, struct slice label)
{
    struct slice other;
    for (unsigned n = 1; a->there && shop_option_label(in->shop, a->there, n, &other); n++)
        if (other.len == label.len &&
            !strncasecmp((const char *)other.p, (const char *)label.p, label.len))
            return true;
    return false;
}

static void put_option(struct csv_import *in, const struct attribute *a, struct slice label,
                       struct slice position, uint32_t place)
{
    struct slice own = shop_id(in->shop, "", slice_of("catalog_product"), a->code);
    struct slice id = shop_id(in->shop, "", own, label);
    struct shop_row o = shop_row(in->shop, "eav_attribute_option");
    row_id(&o, "option_id", id);
    row_id(&o, "attribute_id", a->id);
    row_number(&o, "sort_order", place);
    if (position.len)
        row_set(&o, "sort_order", position, "options");
    row_put(&o);
    struct shop_row v = shop_row(in->shop, "eav_attribute_option_value");
    row_id(&v, "option_id", id);
    row_id(&v, "store_id", shop_refer(in->shop, NAME_STORE, slice_of("0"), "store"));
    row_set(&v, "value", label, "options");
    row_put(&v);
}

/* "Red|Blue", "red:Red", or JSON with label and position. Those that are there stay as they are. */
static void put_options(struct csv_import *in, const struct attribute *a)
{
    static const char *const names[] = {"label", NULL};
    struct slice v, label, position;
    if (!cell_filled(in, "options", &v))
        return;
    if (!has_options(a))
        shop_invalid(in->shop, "options: an attribute with input '%.*s' has none",
                     (int)a->input.len, (const char *)a->input.p);
    static const char *const known[] = {"label", "admin", "value", "position", "sort_order", NULL};
    const struct nested list = nested_read(in->shop, v, names, "options");
    nested_keys_check(in, &list, "options", known);
    for (uint32_t i = 0; i < list.count; i++) {
        if (!nested_get(&list.items[i], &label, "label", "admin", "value") || !label.len)
            continue;
        nested_get(&list.items[i], &position, "position", "sort_order", NULL);
        const uint8_t *colon = nested_is_json(v) ? NULL : memchr(label.p, ':', label.len);
        if (colon)
            label =
                slice_trim((struct slice){colon + 1, label.len - (size_t)(colon + 1 - label.p)});
        if (label.len && !has_label(in, a, label))
            put_option(in, a, label, position, i);
    }
}

/* --- sets
 * ------------------------------------------------------------------------------------------ */

/* In this group of the set, unless it is in the set already. */
static void put_in_set(struct csv_import *in, const struct attribute *a, struct slice name,
                       struct slice group)
{
    struct shop *s = in->shop;
    struct slice set = shop_refer(s, NAME_PRODUCT_SET, name, "attribute_sets");
    struct slice type = shop_refer_type(s, "catalog_product");
    struct slice group_id = shop_id(s, "", set, group);
    bool found = false;
    if (a->there)
        shop_ask(s, &found,
                 "SELECT 1 FROM %s x JOIN %s s USING (attribute_set_id) WHERE x.attribute_id = "
                 "%lu AND s.attribute_set_name = %s LIMIT 1",
                 shop_table_name(s, "eav_entity_attribute"),
                 shop_table_name(s, "eav_attribute_set"), a->there->id, shop_quote(s, name));
    if (found || !shop_once(s, shop_format(s, "in set\n%.*s\n%.*s", (int)set.len, set.p,
                                           (int)a->code.len, a->code.p)))
        return;
    shop_begin(s, set);
    struct shop_row g = shop_row(s, "eav_attribute_set");
    row_id(&g, "attribute_set_id", set);
    row_id(&g, "entity_type_id", type);
    row_set(&g, "attribute_set_name", name, "attribute_sets");
    row_put(&g);
    g = shop_row(s, "eav_attribute_group");
    row_id(&g, "attribute_group_id", group_id);
    row_id(&g, "attribute_set_id", set);
    row_set(&g, "attribute_group_name", group, "attribute_group");
    row_put(&g);
    g = shop_row(s, "eav_entity_attribute");
    row_id(&g, "entity_type_id", type);
    row_id(&g, "attribute_set_id", set);
    row_id(&g, "attribute_group_id", group_id);
    row_id(&g, "attribute_id", a->id);
    row_put(&g);
    shop_commit(s);
}

static void put_sets(struct csv_import *in, const struct attribute *a)
{
    static const char *const names[] = {"name", NULL};
    struct slice v, name, group;
    bool given = cell_filled(in, "attribute_sets", &v) || cell_filled(in, "attribute_set", &v);
    if (!cell_filled(in, "attribute_group", &group))
        group = slice_of("General");
    if (!given && a->there)
        return;
    const struct nested list =
        nested_read(in->shop, given ? v : slice_of("Default"), names, "attribute_sets");
    for (uint32_t i = 0; i < list.count; i++)
        if (nested_get(&list.items[i], &name, "name", "attribute_set_name", NULL) && name.len)
            put_in_set(in, a, name, group);
}

static void take_attribute(struct csv_import *in)
{
    struct attribute a = {0};
    if (!cell_filled(in, "attribute_code", &a.code)) {
        shop_invalid(in->shop, "attribute_code is empty");
        return;
    }
    a.there = shop_attribute(in->shop, "catalog_product", a.code);
    if (!cell_filled(in, "frontend_input", &a.input))
        a.input = slice_of("text");
    if (a.there)
        a.input = a.there->input;
    if (!cell_filled(in, "attribute_id", &a.id) && !cell_filled(in, "entity_id", &a.id))
        a.id = shop_id(in->shop, "", slice_of("catalog_product"), a.code);
    const struct natural_key key = {table, "attribute_code", "attribute_code", a.code, NULL, 0};
    entity_again(in, &key, a.id);
    shop_begin(in->shop, a.id);
    put_root(in, &a);
    put_more(in, &a);
    put_options(in, &a);
    shop_commit(in->shop);
    put_sets(in, &a);
}

const struct csv_kind csv_attributes = {.entity = "attribute",
                                        .id = "attribute_id",
                                        .needed = {"attribute_code"},
                                        .open = open_attributes,
                                        .record = take_attribute,
                                        .close = close_attributes};
