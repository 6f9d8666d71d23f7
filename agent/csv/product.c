/* Products: their row, values, categories, websites and stock. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/csv/product.h"
#include "schema/log.h"

static const char type[] = "catalog_product", table[] = "catalog_product_entity",
                  stock_table[] = "cataloginventory_stock_item";

struct products {
    struct eav eav;
    bool *stock; /* per column of the header: is it the stock item's? */
    struct late_lists *galleries, *options, *prices[PRICE_KINDS];
    struct product_links *links;
};

/* --- columns -----------------------------------------------------------------------------------
 */

static bool is_other(const char *column)
{
    static const char *const own[] = {"entity_id",    "entity_type_id",   "sku",
                                      "type_id",      "attribute_set_id", "attribute_set",
                                      "category_ids", "website_ids",      "attribute_set_code",
                                      "websites",     "store_id",         NULL};
    static const char *const stock[] = {"qty",
                                        "is_in_stock",
                                        "manage_stock",
                                        "min_qty",
                                        "max_qty",
                                        "min_sale_qty",
                                        "max_sale_qty",
                                        "backorders",
                                        "notify_stock_qty",
                                        "is_qty_decimal",
                                        "qty_increments",
                                        "enable_qty_increments",
                                        "is_decimal_divided",
                                        NULL};
    if (column_is_among(own, column))
        return true;
    if (column_is_among(stock, column))
        return true;
    return strncmp(column, "use_config_", 11) == 0 || product_is_child_column(column) ||
           product_is_link_column(column);
}

static bool is_stock_column(struct shop *s, const char *column)
{
    static const char *const not_stock[] = {"item_id", "product_id", "stock_id", NULL};
    for (size_t i = 0; not_stock[i]; i++)
        if (strcmp(not_stock[i], column) == 0)
            return false;
    return shop_has_column(s, stock_table, column) && !shop_attribute(s, type, slice_of(column)) &&
           is_other(column);
}

static void open_products(struct csv_import *in)
{
    uint32_t count = records_column_count(in->file);
    struct products *p = calloc(1, sizeof *p);
    in->state = p;
    if (p) {
        p->stock = calloc(count + 1, sizeof *p->stock);
        p->galleries = late_lists_new("images");
        p->options = late_lists_new("options");
        p->prices[PRICES_BY_QTY] = late_lists_new("prices by quantity");
        p->prices[PRICES_BY_GROUP] = late_lists_new("prices by group");
        p->links = product_links_new(in);
    }
    if (!p || !p->stock || !p->galleries || !p->options || !p->prices[PRICES_BY_QTY] ||
        !p->prices[PRICES_BY_GROUP] || !p->links) {
        shop_no_memory(in->shop);
        return;
    }
    eav_open(&p->eav, in, type, table, is_other);
    for (uint32_t i = 0; i < count; i++)
        p->stock[i] = is_stock_column(in->shop, records_column(in->file, i));
}

static void close_products(struct csv_import *in)
{
    struct products *p = in->state;
    if (!p)
        return;
    eav_close(&p->eav);
    late_lists_free(p->galleries);
    late_lists_free(p->options);
    late_lists_free(p->prices[PRICES_BY_QTY]);
    late_lists_free(p->prices[PRICES_BY_GROUP]);
    product_links_free(p->links);
    free(p->stock);
    free(p);
}

/* --- the product itself ------------------------------------------------------------------------
 */

/* By this file? */
static bool is_made(struct shop *s, const struct product *p)
{
    struct slice none, key = shop_format(s, "new\n%.*s", (int)p->id.len, (const char *)p->id.p);
    if (p->is_new)
        shop_remember(s, key, slice_of(""));
    return shop_recall(s, key, &none);
}

static bool read_product(struct csv_import *in, struct product *p)
{
    struct shop *s = in->shop;
    if (!cell_filled(in, "sku", &p->sku)) {
        shop_invalid(s, "sku is empty");
        return false;
    }
    if (!cell_filled(in, "entity_id", &p->id))
        p->id = shop_id(s, "sku", p->sku, slice_of(""));
    bool found = shop_registered(s, "product", p->id, &p->target) ||
                 shop_ask_number(s, &p->target, "SELECT entity_id FROM %s WHERE sku = %s LIMIT 1",
                                 shop_table_name(s, table), shop_quote(s, p->sku));
    const struct natural_key key = {table, "sku", "sku", p->sku, NULL, 0};
    p->again = entity_again(in, &key, p->id);
    p->is_new = !found && !p->again;
    p->skipped = in->o->config->on_duplicate == DUPLICATE_SKIP && !is_made(s, p);
    return !shop_failed(s);
}

static bool is_listed(struct slice list, struct slice v)
{
    struct slice item;
    while (nested_next(&list, ',', &item))
        if (item.len == v.len && (!v.len || memcmp(item.p, v.p, v.len) == 0))
            return true;
    return false;
}

/* The shop's own, and what modules have added: those that attributes apply to, or products have. */
static struct slice known_types(struct shop *s)
{
    struct slice all, type_id, key = slice_of("types of products");
    if (shop_recall(s, key, &all))
        return all;
    all = slice_of("simple, virtual, configurable, grouped, bundle, downloadable");
    MYSQL_RES *rows =
        shop_select(s,
                    "SELECT DISTINCT apply_to FROM %s WHERE apply_to > '' UNION "
                    "SELECT DISTINCT type_id FROM %s",
                    shop_table_name(s, "catalog_eav_attribute"), shop_table_name(s, table));
    for (MYSQL_ROW row; rows && (row = mysql_fetch_row(rows));)
        for (struct slice rest = slice_of(row[0]); nested_next(&rest, ',', &type_id);)
            if (!is_listed(all, type_id))
                all = shop_format(s, "%.*s, %.*s", (int)all.len, (const char *)all.p,
                                  (int)type_id.len, (const char *)type_id.p);
    mysql_free_result(rows);
    shop_remember(s, key, all);
    return all;
}

static void check_type(struct csv_import *in, struct slice type_id)
{
    struct slice all = known_types(in->shop);
    if (!is_listed(all, type_id))
        shop_invalid(in->shop, "type_id: '%.*s' is none of %.*s", (int)type_id.len,
                     (const char *)type_id.p, (int)all.len, (const char *)all.p);
}

static bool needs_price(struct slice type_id)
{
    return !type_id.len || slice_is(type_id, "simple") || slice_is(type_id, "virtual") ||
           slice_is(type_id, "configurable") || slice_is(type_id, "downloadable");
}

static void check_required(struct csv_import *in, struct slice type_id)
{
    struct slice v;
    if (!cell_filled(in, "name", &v))
        shop_invalid(in->shop, "name is empty, which a new product needs");
    if (needs_price(type_id) && !cell_filled(in, "price", &v))
        shop_invalid(in->shop, "price is empty, which a new product of this type needs");
}

static void set_attribute_set(struct csv_import *in, const struct product *p, struct shop_row *root)
{
    static const char *const columns[] = {"attribute_set_id", "attribute_set_code",
                                          "attribute_set"};
    struct slice v;
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        if (cell_filled(in, columns[i], &v)) {
            row_id(root, "attribute_set_id", shop_refer(in->shop, NAME_PRODUCT_SET, v, columns[i]));
            return;
        }
    if (p->is_new)
        row_id(root, "attribute_set_id", shop_refer_default(in->shop, NAME_PRODUCT_SET, NULL));
}

static void put_root(struct csv_import *in, struct product *p)
{
    struct products *all = in->state;
    struct shop *s = in->shop;
    struct shop_row root = shop_row(s, table);
    struct slice type_id;
    cell_filled(in, "type_id", &type_id);
    if (type_id.len)
        check_type(in, type_id);
    if (p->is_new) {
        check_required(in, type_id);
        row_set(&root, "type_id", type_id.len ? type_id : slice_of("simple"), "type_id");
        row_set(&root, "created_at", shop_now(s), "created_at");
        row_set(&root, "updated_at", shop_now(s), "updated_at");
        if (slice_is(type_id, "configurable") || slice_is(type_id, "bundle")) {
            row_number(&root, "has_options", 1);
            row_number(&root, "required_options", 1);
        }
    } else if (type_id.len) {
        row_set(&root, "type_id", type_id, "type_id");
    }
    row_id(&root, "entity_id", p->id);
    row_id(&root, "entity_type_id", shop_refer_type(s, type));
    row_set(&root, "sku", p->sku, "sku");
    set_attribute_set(in, p, &root);
    eav_set_root(&all->eav, in, &root);
    product_put_options(in, p, all->options, &root); /* the root tells whether there are any */
}

/* What a new product has that the file does not tell. */
static void put_defaults(struct csv_import *in, const struct product *p)
{
    struct slice admin = shop_refer(in->shop, NAME_STORE, slice_of("0"), "store");
    struct slice name, v, class, code;
    static const struct {
        const char *code, *value;
    } defaults[] = {{"status", "1"}, {"visibility", "4"}, {"options_container", "container2"}};
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
        if (!cell_filled(in, defaults[i].code, &v))
            eav_put(in, type, table, defaults[i].code, p->id, admin, slice_of(defaults[i].value),
                    defaults[i].code);
    if (!cell_filled(in, "tax_class_id", &v) && shop_name_count(in->shop, NAME_PRODUCT_TAX_CLASS)) {
        shop_name_at(in->shop, NAME_PRODUCT_TAX_CLASS, 0, &class, &code);
        eav_put(in, type, table, "tax_class_id", p->id, admin, class, "tax_class_id");
    }
    if (!cell_filled(in, "url_key", &v) && cell_filled(in, "name", &name))
        eav_put(in, type, table, "url_key", p->id, admin, url_key_of(in->shop, name), "url_key");
}

static void put_categories(struct csv_import *in, const struct product *p)
{
    static const char *const names[] = {"id", NULL};
    struct slice v, id;
    uint64_t target;
    if (!cell(in, "category_ids", &v))
        return;
    const struct nested list = nested_read(in->shop, v, names, "category_ids");
    for (uint32_t i = 0; i < list.count; i++) {
        if (!nested_get(&list.items[i], &id, "id", "category_id", NULL) || !id.len)
            continue;
        if (!shop_registered(in->shop, "category", id, &target)) {
            log_warn("product is not put into a category that has not been imported from this "
                     "source file=%s line=%lu category=%.*s",
                     records_path(in->file), in->record->line, (int)id.len, (const char *)id.p);
            continue;
        }
        struct shop_row r = shop_row(in->shop, "catalog_category_product");
        row_id(&r, "category_id", id);
        row_id(&r, "product_id", p->id);
        row_put(&r);
    }
}

static void put_website(struct csv_import *in, const struct product *p, struct slice website)
{
    struct shop_row r = shop_row(in->shop, "catalog_product_website");
    row_id(&r, "product_id", p->id);
    row_id(&r, "website_id", website);
    row_put(&r);
}

static void put_websites(struct csv_import *in, const struct product *p)
{
    static const char *const names[] = {"code", NULL};
    struct slice v, code, number;
    bool given = has_column(in, "website_ids") || has_column(in, "websites");
    if (!cell_filled(in, "website_ids", &v))
        cell_filled(in, "websites", &v);
    const struct nested list = nested_read(in->shop, v, names, "website_ids");
    for (uint32_t i = 0; i < list.count; i++)
        if (nested_get(&list.items[i], &code, "code", "website_id", NULL) && code.len)
            put_website(in, p, shop_refer(in->shop, NAME_WEBSITE, code, "website_ids"));
    for (size_t i = 0; p->is_new && !given && i < shop_name_count(in->shop, NAME_WEBSITE); i++) {
        shop_name_at(in->shop, NAME_WEBSITE, i, &number, &code);
        if (!slice_is(number, "0"))
            put_website(in, p, shop_refer(in->shop, NAME_WEBSITE, code, "website_ids"));
    }
}

/* --- stock ---------------------------------------------------------------------------------------
 */

/* A value of its own switches off the shop's general one. */
static void set_own_values(struct shop_row *r)
{
    static const char *const columns[] = {"min_qty",       "min_sale_qty",     "max_sale_qty",
                                          "backorders",    "notify_stock_qty", "manage_stock",
                                          "qty_increments"};
    char name[64];
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        snprintf(name, sizeof name, "use_config_%s", columns[i]);
        if (row_has(r, columns[i]) && !row_has(r, name))
            row_number(r, name, 0);
    }
}

static bool is_positive(struct slice v)
{
    bool any = false;
    for (size_t i = 0; i < v.len; i++)
        any |= v.p[i] >= '1' && v.p[i] <= '9';
    return any && *v.p != '-';
}

static void put_stock(struct csv_import *in, const struct product *p)
{
    struct products *all = in->state;
    struct shop *s = in->shop;
    struct slice qty, v;
    bool any = false;
    struct shop_row r = shop_row(s, stock_table);
    for (uint32_t i = 0; i < records_column_count(in->file); i++)
        if (all->stock[i] && slice_trim(in->record->fields[i]).len) {
            const char *name = records_column(in->file, i);
            row_set(&r, name, in->record->fields[i], name);
            any = true;
        }
    if (cell_filled(in, "max_qty", &v) && !row_has(&r, "max_sale_qty"))
        row_set(&r, "max_sale_qty", v, "max_qty");
    if (!any && !p->is_new)
        return;
    if (cell_filled(in, "qty", &qty)) {
        if (!row_has(&r, "is_in_stock"))
            row_number(&r, "is_in_stock", is_positive(qty));
        if (!row_has(&r, "manage_stock"))
            row_number(&r, "manage_stock", 1);
    }
    set_own_values(&r);
    row_id(&r, "product_id", p->id);
    row_id(&r, "stock_id", shop_refer_default(s, NAME_STOCK, NULL));
    shop_begin(s, p->id);
    row_put(&r);
    shop_commit(s);
}

/* --- records -------------------------------------------------------------------------------------
 */

static void take_product(struct csv_import *in)
{
    struct products *all = in->state;
    struct shop *s = in->shop;
    enum config_stock stock = in->o->config->stock;
    struct slice other;
    struct product p = {0};
    if (!read_product(in, &p))
        return;
    if (stock == STOCK_ONLY && p.is_new)
        shop_invalid(s, "sku: the destination has no product %.*s, whose stock is to be set",
                     (int)p.sku.len, (const char *)p.sku.p);
    if (stock == STOCK_ONLY && shop_refer_product(s, p.sku, &p.id)) {
        put_stock(in, &p);
        return;
    }
    p.store = shop_refer(s, NAME_STORE, cell_filled(in, "store_id", &other) ? other : slice_of("0"),
                         "store_id");
    p.general = !p.store.len || slice_is(p.store, "0");
    if (p.is_new && !p.general)
        shop_invalid(s,
                     "store_id: product %.*s is new: before the values of store views it needs a "
                     "record with those for all (store_id 0, or empty)",
                     (int)p.sku.len, (const char *)p.sku.p);
    shop_begin(s, p.id);
    put_root(in, &p);
    eav_put_values(&all->eav, in, p.id, p.store);
    if (p.is_new)
        put_defaults(in, &p);
    put_categories(in, &p);
    put_websites(in, &p);
    product_put_prices(in, &p);
    product_put_images(in, &p);
    shop_commit(s);
    if (stock == STOCK_INCLUDE)
        put_stock(in, &p);
    product_take_images(in, all->galleries, &p);
    product_take_options(in, all->options, &p);
    product_take_prices(in, all->prices, &p);
    product_take_links(in, all->links, &p);
}

static bool end_products(struct csv_import *in)
{
    struct products *all = in->state;
    return product_put_gallery(in, all->galleries) || product_put_late_options(in, all->options) ||
           product_put_late_prices(in, all->prices) || product_put_links(in, all->links);
}

const struct csv_kind csv_products = {.entity = "product",
                                      .id = "entity_id",
                                      .needed = {"sku"},
                                      .open = open_products,
                                      .record = take_product,
                                      .end = end_products,
                                      .close = close_products};
