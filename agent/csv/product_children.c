/* Products: custom options, and what a record tells all of. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/csv/product.h"

bool product_is_child_column(const char *column)
{
    static const char *const columns[] = {
        "tier_prices", "group_prices", "custom_options", "media_gallery",
        "image",       "small_image",  "thumbnail",      NULL};
    return column_is_among(columns, column);
}

/* --- custom options ------------------------------------------------------------------------------
 */

struct option {
    const struct nested_item *item; /* title, type, is_require and what else it has */
    struct nested values;
    struct slice id, title, type;
    bool required;
    uint32_t place;
};

static struct slice option_type(struct slice v)
{
    static const char *const types[] = {"field",    "area",     "drop_down", "radio",
                                        "checkbox", "multiple", "date",      "date_time",
                                        "time",     "file",     "dropdown",  NULL};
    if (slice_is(v, "dropdown"))
        return slice_of("drop_down");
    if (slice_is(v, "datetime"))
        return slice_of("date_time");
    for (size_t i = 0; types[i]; i++)
        if (slice_is(v, types[i]))
            return slice_of(types[i]);
    return slice_of("");
}

static bool has_values(struct slice v)
{
    return slice_is(v, "drop_down") || slice_is(v, "radio") || slice_is(v, "checkbox") ||
           slice_is(v, "multiple");
}

static void set_from(struct shop_row *r, const char *column, const struct nested_item *item,
                     const char *name, const char *other)
{
    struct slice v;
    if (nested_get(item, &v, name, other, NULL) && v.len)
        row_set(r, column, v, "custom_options");
}

static void put_price(struct csv_import *in, const char *prices, const char *key, struct slice id,
                      const struct nested_item *item)
{
    struct slice price, kind;
    if (!nested_get(item, &price, "price", NULL, NULL) || !price.len)
        return;
    struct shop_row r = shop_row(in->shop, prices);
    row_id(&r, key, id);
    row_id(&r, "store_id", slice_of("0"));
    row_set(&r, "price", price, "custom_options");
    nested_get(item, &kind, "price_type", NULL, NULL);
    row_text(&r, "price_type", slice_is(kind, "percent") ? "percent" : "fixed");
    row_put(&r);
}

static void put_title(struct csv_import *in, const char *titles, const char *key, struct slice id,
                      struct slice title)
{
    struct shop_row r = shop_row(in->shop, titles);
    row_id(&r, key, id);
    row_id(&r, "store_id", shop_refer(in->shop, NAME_STORE, slice_of("0"), "store"));
    row_set(&r, "title", title, "custom_options");
    row_put(&r);
}

static void put_option_value(struct csv_import *in, const struct option *o,
                             const struct nested_item *item, uint32_t place)
{
    struct slice title;
    if (!nested_get(item, &title, "title", NULL, NULL) || !title.len) {
        shop_invalid(in->shop, "custom_options: a value of '%.*s' has no title", (int)o->title.len,
                     (const char *)o->title.p);
        return;
    }
    struct slice id = shop_id(in->shop, "", o->id, title);
    struct shop_row r = shop_row(in->shop, "catalog_product_option_type_value");
    row_id(&r, "option_type_id", id);
    row_id(&r, "option_id", o->id);
    row_number(&r, "sort_order", place);
    set_from(&r, "sort_order", item, "sort_order", "position");
    set_from(&r, "sku", item, "sku", NULL);
    row_put(&r);
    put_title(in, "catalog_product_option_type_title", "option_type_id", id, title);
    put_price(in, "catalog_product_option_type_price", "option_type_id", id, item);
}

static void put_option(struct csv_import *in, const struct product *p, struct option *o)
{
    o->id = shop_id(in->shop, "option", p->id, o->title);
    struct shop_row r = shop_row(in->shop, "catalog_product_option");
    row_id(&r, "option_id", o->id);
    row_id(&r, "product_id", p->id);
    row_set(&r, "type", o->type, "custom_options");
    row_number(&r, "is_require", o->required);
    row_number(&r, "sort_order", o->place);
    set_from(&r, "sort_order", o->item, "sort_order", "position");
    set_from(&r, "sku", o->item, "sku", NULL);
    set_from(&r, "max_characters", o->item, "max_characters", "max");
    set_from(&r, "file_extension", o->item, "file_extension", "ext");
    set_from(&r, "image_size_x", o->item, "image_size_x", "width");
    set_from(&r, "image_size_y", o->item, "image_size_y", "height");
    row_put(&r);
    put_title(in, "catalog_product_option_title", "option_id", o->id, o->title);
    if (!has_values(o->type))
        put_price(in, "catalog_product_option_price", "option_id", o->id, o->item);
    for (uint32_t i = 0; i < o->values.count; i++)
        put_option_value(in, o, &o->values.items[i], i);
}

static void check_option(struct csv_import *in, struct option *o)
{
    struct slice given = o->type;
    o->type = option_type(given);
    if (!o->title.len)
        shop_invalid(in->shop, "custom_options: an option has no title");
    else if (!o->type.len)
        shop_invalid(in->shop, "custom_options: '%.*s' is no type of an option", (int)given.len,
                     (const char *)given.p);
    else if (has_values(o->type) && !o->values.count)
        shop_invalid(in->shop, "custom_options: '%.*s' has no values to choose from",
                     (int)o->title.len, (const char *)o->title.p);
}

static void check_option_keys(struct csv_import *in, const struct option *o)
{
    static const char *const known[] = {
        "title",   "type",           "is_require", "required",       "is_required", "values",
        "options", "price",          "price_type", "sort_order",     "position",    "sku",
        "max",     "max_characters", "ext",        "file_extension", "width",       "image_size_x",
        "height",  "image_size_y",   NULL};
    static const char *const of_values[] = {"title",    "price", "price_type", "sort_order",
                                            "position", "sku",   NULL};
    const struct nested one = {.items = o->item, .count = 1};
    nested_keys_check(in, &one, "custom_options", known);
    nested_keys_check(in, &o->values, "custom_options", of_values);
}

static void read_json_option(struct csv_import *in, const struct nested_item *item,
                             struct option *o)
{
    static const char *const names[] = {"title", NULL};
    struct slice v;
    o->item = item;
    nested_get(item, &o->title, "title", NULL, NULL);
    nested_get(item, &o->type, "type", NULL, NULL);
    if (nested_get(item, &v, "is_require", "required", "is_required"))
        o->required = !slice_is(v, "0") && !slice_is(v, "false") && v.len;
    if (nested_get(item, &v, "values", "options", NULL))
        o->values = nested_read(in->shop, v, names, "custom_options");
}

/* Small=0|Large=2.50: values of a choice; max=20|price=1: what else the option has. */
static struct nested read_pairs(struct csv_import *in, struct slice text, bool values)
{
    size_t cap = 1;
    struct slice rest = text, part;
    for (size_t i = 0; i < text.len; i++)
        cap += text.p[i] == '|';
    struct nested_item *items = arena_zalloc(shop_arena(in->shop), cap * sizeof *items);
    struct nested_value *pairs = arena_zalloc(shop_arena(in->shop), 2 * cap * sizeof *pairs);
    struct nested list = {.items = items};
    if (!items || !pairs) {
        shop_no_memory(in->shop);
        return list;
    }
    while (nested_next(&rest, '|', &part)) {
        struct slice name = part, value = slice_of("");
        const uint8_t *equals = part.len ? memchr(part.p, '=', part.len) : NULL;
        if (!part.len)
            continue;
        if (equals) {
            name = slice_trim((struct slice){part.p, (size_t)(equals - part.p)});
            value =
                slice_trim((struct slice){equals + 1, part.len - (size_t)(equals + 1 - part.p)});
        }
        struct nested_value *at = pairs + 2 * list.count;
        at[0] = values ? (struct nested_value){slice_of("title"), name}
                       : (struct nested_value){name, value};
        at[1] = (struct nested_value){slice_of(values ? "price" : ""), value};
        items[list.count++] = (struct nested_item){at, values ? 2 : 1};
    }
    return list;
}

/* Title:type:required|optional:params */
static void read_short_option(struct csv_import *in, struct slice text, struct option *o)
{
    struct slice rest = text, required = slice_of(""), params;
    nested_next(&rest, ':', &o->title);
    if (nested_next(&rest, ':', &o->type))
        nested_next(&rest, ':', &required);
    required = slice_trim(required);
    o->required = slice_is(required, "required") || slice_is(required, "1");
    if (required.len && !o->required && !slice_is(required, "optional") && !slice_is(required, "0"))
        shop_invalid(in->shop, "custom_options: '%.*s' is neither required nor optional",
                     (int)required.len, (const char *)required.p);
    params = rest.p ? slice_trim(rest) : slice_of("");
    bool values = has_values(option_type(o->type));
    struct nested pairs = read_pairs(in, params, values);
    struct nested_item *one = arena_zalloc(shop_arena(in->shop), sizeof *one);
    struct nested_value *all = arena_zalloc(shop_arena(in->shop), (pairs.count + 1) * sizeof *all);
    if (!one || !all) {
        shop_no_memory(in->shop);
        return;
    }
    for (uint32_t i = 0; !values && i < pairs.count; i++)
        all[one->count++] = pairs.items[i].values[0];
    one->values = all;
    o->item = one;
    if (values)
        o->values = pairs;
}

static void take_option(struct csv_import *in, const struct product *p, struct option *o, bool *any,
                        bool *required)
{
    check_option(in, o);
    check_option_keys(in, o);
    if (shop_failed(in->shop))
        return;
    put_option(in, p, o);
    *any = true;
    *required |= o->required;
}

struct options {
    struct option *items;
    uint32_t count;
};

static struct options new_options(struct csv_import *in, size_t cap)
{
    struct options o = {.items = arena_zalloc(shop_arena(in->shop), (cap + 1) * sizeof *o.items)};
    if (!o.items)
        shop_no_memory(in->shop);
    return o;
}

static struct options read_options(struct csv_import *in, struct slice text)
{
    static const char *const names[] = {"title", NULL};
    struct slice part;
    size_t cap = 1;
    if (nested_is_json(text)) {
        const struct nested list = nested_read(in->shop, text, names, "custom_options");
        struct options o = new_options(in, list.count);
        for (; o.items && o.count < list.count; o.count++) {
            o.items[o.count].place = o.count;
            read_json_option(in, &list.items[o.count], &o.items[o.count]);
        }
        return o;
    }
    for (size_t i = 0; i < text.len; i++)
        cap += text.p[i] == ';';
    struct options o = new_options(in, cap);
    while (o.items && nested_next(&text, ';', &part))
        if (part.len) {
            o.items[o.count].place = o.count;
            read_short_option(in, part, &o.items[o.count++]);
        }
    return o;
}

static void put_options(struct csv_import *in, const struct product *p, const struct options *o,
                        struct shop_row *root)
{
    bool any = false, required = false;
    for (uint32_t i = 0; i < o->count; i++)
        take_option(in, p, &o->items[i], &any, &required);
    if (any)
        row_number(root, "has_options", 1);
    if (required)
        row_number(root, "required_options", 1);
}

/* --- what a record tells all of ------------------------------------------------------------------
 */

static struct slice all_key(struct csv_import *in, const struct product *p, const char *column)
{
    return shop_format(in->shop, "all %s of\n%.*s", column, (int)p->id.len, (const char *)p->id.p);
}

bool product_tells_all(struct csv_import *in, const struct product *p, const char *column)
{
    struct slice text;
    return has_column(in, column) && (p->general || cell_filled(in, column, &text)) &&
           shop_once(in->shop, all_key(in, p, column));
}

bool product_has_told_all(struct csv_import *in, const struct product *p, const char *column)
{
    struct slice none;
    return shop_recall(in->shop, all_key(in, p, column), &none);
}

static void no_others(struct csv_import *in, const char *table, const char *link, struct slice id)
{
    struct shop_row r = shop_row(in->shop, table);
    row_id(&r, link, id);
    row_no_others(&r);
}

/* Titles at store views are not a record's to tell. */
static void no_other_options(struct csv_import *in, struct slice id)
{
    static const char *const tables[] = {"catalog_product_option", "catalog_product_option_price",
                                         "catalog_product_option_type_value",
                                         "catalog_product_option_type_price"};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        no_others(in, tables[i], "product_id", id);
}

static bool tell_all(struct csv_import *in, const struct product *p)
{
    static const struct {
        const char *column, *table, *link;
    } lists[] = {
        {"category_ids", "catalog_category_product", "product_id"},
        {"website_ids", "catalog_product_website", "product_id"},
        {"websites", "catalog_product_website", "product_id"},
    };
    bool any = false;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (product_tells_all(in, p, lists[i].column)) {
            no_others(in, lists[i].table, lists[i].link, p->id);
            any = true;
        }
    return any;
}

/* Has the destination's product options that the record does not name? */
static bool has_other_options(struct csv_import *in, const struct product *p,
                              const struct options *o)
{
    bool others = false;
    MYSQL_RES *rows = shop_select(
        in->shop,
        "SELECT t.title FROM %s o JOIN %s t ON t.option_id = o.option_id AND t.store_id = 0 WHERE "
        "o.product_id = %lu",
        shop_table_name(in->shop, "catalog_product_option"),
        shop_table_name(in->shop, "catalog_product_option_title"), p->target);
    for (MYSQL_ROW row; rows && !others && (row = mysql_fetch_row(rows));) {
        others = true;
        for (uint32_t i = 0; i < o->count; i++)
            others &= !slice_is(o->items[i].title, row[0]);
    }
    mysql_free_result(rows);
    return others;
}

void product_put_options(struct csv_import *in, struct product *p, const struct late_lists *late,
                         struct shop_row *root)
{
    bool tells = tell_all(in, p), all = product_tells_all(in, p, "custom_options");
    cell_filled(in, "custom_options", &p->options);
    const struct options options = read_options(in, p->options);
    if (all && !late_list_find(in, late, p) && !p->is_new)
        p->options_wait = p->again || has_other_options(in, p, &options);
    if (all && !p->options_wait)
        no_other_options(in, p->id);
    put_options(in, p, &options, root);
    if (!p->again || options.count || tells || all)
        row_put(root);
}

void product_take_options(struct csv_import *in, struct late_lists *all, const struct product *p)
{
    if (shop_failed(in->shop) || p->skipped)
        return;
    struct late_list *l =
        p->options_wait ? late_list_begin(in, all, p) : late_list_find(in, all, p);
    if (l && p->options.len)
        late_list_add(in, all, l, p->options);
}

bool product_put_late_options(struct csv_import *in, struct late_lists *all)
{
    const struct late_list *l = late_list_take(in, all);
    if (!l)
        return false;
    const struct product p = {.id = l->id};
    struct shop_row root = shop_row(in->shop, "catalog_product_entity");
    shop_begin(in->shop, l->id);
    row_id(&root, "entity_id", l->id);
    row_id(&root, "entity_type_id", shop_refer_type(in->shop, "catalog_product"));
    no_other_options(in, l->id);
    for (const struct late_item *i = l->items; i; i = i->next) {
        const struct options options = read_options(in, i->text);
        put_options(in, &p, &options, &root);
    }
    row_put(&root);
    shop_commit(in->shop);
    return true;
}
