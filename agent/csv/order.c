/* Orders, with addresses, items, payment and history in columns. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "agent/csv/sales.h"

static const char table[] = "sales_flat_order", address_table[] = "sales_flat_order_address",
                  item_table[] = "sales_flat_order_item",
                  history_table[] = "sales_flat_order_status_history";

struct order { /* of the record in hand */
    struct slice id, number, store, email, created;
    struct slice customer; /* the source's id, empty: a guest */
    struct slice billing, shipping;
    struct nested items;
    bool is_new, is_ours; /* ours: has come from this source */
};

/* --- columns -------------------------------------------------------------------------------------
 */

static const char *const address_fields[] = {
    "firstname", "lastname", "middlename", "prefix",    "suffix",   "company",
    "street",    "city",     "region",     "region_id", "postcode", "country_id",
    "telephone", "fax",      "email",      "vat_id",    NULL};

static bool is_address_column(const char *column, const char *family)
{
    size_t n = strlen(family);
    for (size_t i = 0; strncmp(column, family, n) == 0 && address_fields[i]; i++)
        if (strcmp(column + n, address_fields[i]) == 0)
            return true;
    return false;
}

static bool is_own(const struct csv_import *in, const char *column)
{
    static const char *const own[] = {"entity_id",
                                      "increment_id",
                                      "customer_id",
                                      "store_id",
                                      "items",
                                      "payment_method",
                                      "same_as_billing",
                                      "status_history",
                                      "use_billing_as_shipping",
                                      "billing_address_id",
                                      "shipping_address_id",
                                      "quote_id",
                                      "billing_is_shipping",
                                      "gift_message_id",
                                      "quote_address_id",
                                      "customer_group_id",
                                      "protect_code",
                                      NULL};
    (void)in;
    if (column_is_among(own, column))
        return true;
    return is_address_column(column, "billing_") || is_address_column(column, "shipping_") ||
           strncmp(column, "payment_", 8) == 0;
}

static void tell_unknown_payment_columns(const struct csv_import *in)
{
    for (uint32_t i = 0; i < records_column_count(in->file); i++) {
        const char *name = records_column(in->file, i);
        if (strncmp(name, "payment_", 8) == 0 &&
            !shop_has_column(in->shop, "sales_flat_order_payment", name + 8))
            column_unknown(in, name);
    }
}

static void open_orders(struct csv_import *in)
{
    tell_unknown_payment_columns(in);
    in->state = columns_open(in, table, is_own);
}

/* --- the order -----------------------------------------------------------------------------------
 */

static bool is_number(struct slice v)
{
    for (size_t i = 0; i < v.len; i++)
        if (!((v.p[i] >= '0' && v.p[i] <= '9') || (v.p[i] >= 'A' && v.p[i] <= 'Z') ||
              (v.p[i] >= 'a' && v.p[i] <= 'z') || v.p[i] == '-' || v.p[i] == '_'))
            return false;
    return v.len > 0;
}

static void find_customer(struct csv_import *in, struct order *o)
{
    if (cell_filled(in, "customer_id", &o->customer) || !o->email.len ||
        has_column(in, "customer_id"))
        return; /* an empty customer_id is a guest's */
    if (!customer_by_email(in->shop, o->email, o->store, &o->customer))
        o->customer = slice_of("");
}

/* Has the destination got it, and in which store? */
static void find_order(struct csv_import *in, struct order *o)
{
    struct shop *s = in->shop;
    uint64_t target;
    o->is_ours = shop_registered(s, "order", o->id, &target);
    const char *where =
        o->is_ours
            ? (const char *)shop_format(s, "o.entity_id = %lu", target).p
            : (const char *)shop_format(s, "o.increment_id = %s", shop_quote(s, o->number)).p;
    MYSQL_RES *rows = shop_select(
        s,
        "SELECT COALESCE(x.code, ''), COALESCE(o.created_at, '') FROM %s o LEFT JOIN %s x "
        "ON x.store_id = o.store_id AND x.store_id > 0 WHERE %s LIMIT 1",
        shop_table_name(s, table), shop_table_name(s, "core_store"), where);
    MYSQL_ROW row = rows ? mysql_fetch_row(rows) : NULL;
    o->is_new = !row;
    o->store = shop_format(s, "%s", row ? row[0] : "");
    o->created = shop_format(s, "%s", row ? row[1] : "");
    mysql_free_result(rows);
}

static bool read_order(struct csv_import *in, struct order *o)
{
    static const char *const names[] = {"sku", "qty", "price", NULL};
    struct shop *s = in->shop;
    struct slice v;
    *o = (struct order){.customer = slice_of("")};
    if (!cell_filled(in, "increment_id", &o->number) || !is_number(o->number))
        shop_invalid(s, "increment_id: '%.*s' is no number of an order (letters, digits, - and _)",
                     (int)o->number.len, (const char *)o->number.p);
    if (!cell_filled(in, "entity_id", &o->id))
        o->id = shop_id(s, "increment", o->number, slice_of(""));
    const struct natural_key key = {table, "increment_id", "increment_id", o->number, NULL, 0};
    entity_again(in, &key, o->id);
    if (cell_filled(in, "customer_email", &o->email) && !memchr(o->email.p, '@', o->email.len))
        shop_invalid(s, "customer_email: '%.*s' is no e-mail address", (int)o->email.len,
                     (const char *)o->email.p);
    find_order(in, o);
    sales_check_amount(in, "grand_total", o->is_new);
    sales_check_amount(in, "base_grand_total", false);
    if (cell_filled(in, "store_id", &v))
        o->store = shop_refer(s, NAME_STORE, v, "store_id");
    else if (o->store.len)
        o->store = shop_refer(s, NAME_STORE, o->store, "store_id");
    else
        o->store = shop_refer_default(s, NAME_STORE, NULL);
    if (cell_filled(in, "created_at", &v))
        o->created = v;
    else if (!o->created.len)
        o->created = shop_now(s);
    cell_filled(in, "items", &v);
    o->items = nested_read(s, v, names, "items");
    find_customer(in, o);
    return !shop_failed(s);
}

/* The state that goes with the status, if the record does not tell it. */
static struct slice find_state(struct csv_import *in, struct slice status)
{
    static const char *const states[][2] = {
        {"pending", "new"},           {"pending_payment", "pending_payment"},
        {"processing", "processing"}, {"complete", "complete"},
        {"closed", "closed"},         {"canceled", "canceled"},
        {"holded", "holded"},         {"payment_review", "payment_review"}};
    struct shop *s = in->shop;
    bool found;
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (slice_is(status, states[i][0]))
            return slice_of(states[i][1]);
    struct slice state =
        shop_ask(s, &found,
                 "SELECT state FROM %s WHERE status = %s ORDER BY is_default "
                 "DESC, state LIMIT 1",
                 shop_table_name(s, "sales_order_status_state"), shop_quote(s, status));
    if (!found)
        shop_invalid(s,
                     "status: the destination has no order status '%.*s' that belongs to a state: "
                     "make it there, or give the state, too",
                     (int)status.len, (const char *)status.p);
    return state;
}

static void set_status(struct csv_import *in, struct shop_row *r, bool new)
{
    struct slice status, v;
    if (!cell_filled(in, "status", &status) && new) {
        status = slice_of("pending");
        row_set(r, "status", status, "status");
    }
    if (status.len && !cell_filled(in, "state", &v))
        row_set(r, "state", find_state(in, status), "state");
}

static struct slice base_currency(struct csv_import *in)
{
    bool found;
    struct slice v = shop_ask(in->shop, &found,
                              "SELECT value FROM %s WHERE path = 'currency/options/base' AND "
                              "scope_id = 0 LIMIT 1",
                              shop_table_name(in->shop, "core_config_data"));
    return found ? v : slice_of("USD");
}

static void set_currencies(struct csv_import *in, struct shop_row *r)
{
    static const char *const codes[] = {"base_currency_code", "global_currency_code",
                                        "store_currency_code", "order_currency_code"};
    static const char *const rates[] = {"base_to_global_rate", "base_to_order_rate",
                                        "store_to_base_rate", "store_to_order_rate"};
    struct slice order, currency = base_currency(in);
    if (cell_filled(in, "order_currency_code", &order))
        currency = order;
    for (size_t i = 0; i < 4; i++) {
        if (!row_has(r, codes[i]))
            row_set(r, codes[i], currency, codes[i]);
        if (!row_has(r, rates[i]))
            row_text(r, rates[i], "1");
    }
}

static struct slice total_qty(struct csv_import *in, const struct order *o)
{
    double sum = 0;
    struct slice v;
    for (uint32_t i = 0; i < o->items.count; i++)
        if (nested_get(&o->items.items[i], &v, "qty_ordered", "qty", NULL))
            sum += sales_number(in->shop, v);
    return shop_format(in->shop, "%.4f", sum);
}

static void set_new(struct csv_import *in, const struct order *o, struct shop_row *r)
{
    uint32_t random[3] = {0};
    if (getrandom(random, sizeof random, 0) == sizeof random)
        row_set(r, "protect_code", shop_format(in->shop, "%06x", random[0] & 0xffffff),
                "protect_code");
    row_set(r, "created_at", o->created, "created_at");
    row_set(r, "updated_at", o->created, "updated_at");
    row_number(r, "email_sent", 1);
    row_number(r, "is_virtual", 0);
    row_number(r, "total_item_count", o->items.count);
    row_number(r, "customer_is_guest", !o->customer.len);
    row_set(r, "store_name", store_full_name(in->shop, o->store), "store_id");
    if (o->items.count)
        row_set(r, "total_qty_ordered", total_qty(in, o), "items");
}

/* That of the customer, or of guests. */
static bool find_group(struct csv_import *in, const struct order *o, struct slice *group)
{
    struct shop *s = in->shop;
    uint64_t target;
    bool found = true;
    *group = slice_of("0");
    if (!o->customer.len)
        return true;
    const char *where = shop_registered(s, "customer", o->customer, &target)
                            ? (const char *)shop_format(s, "entity_id = %lu", target).p
                            : (const char *)shop_format(s, "email = %s", shop_quote(s, o->email)).p;
    *group = shop_ask(s, &found, "SELECT group_id FROM %s WHERE %s LIMIT 1",
                      shop_table_name(s, "customer_entity"), where);
    return found;
}

static void put_root(struct csv_import *in, const struct order *o)
{
    struct shop *s = in->shop;
    struct slice v;
    struct shop_row r = shop_row(s, table);
    if (o->is_new)
        set_new(in, o, &r);
    columns_set(in, in->state, &r);
    set_status(in, &r, o->is_new);
    sales_set_base(&r);
    if (o->is_new)
        set_currencies(in, &r);
    row_id(&r, "entity_id", o->id);
    row_set(&r, "increment_id", o->number, "increment_id");
    if (o->is_new || cell_filled(in, "store_id", &v))
        row_id(&r, "store_id", o->store);
    if (o->customer.len)
        row_id(&r, "customer_id", o->customer);
    if (cell_filled(in, "customer_group_id", &v))
        row_id(&r, "customer_group_id", shop_refer(s, NAME_CUSTOMER_GROUP, v, "customer_group_id"));
    else if (o->is_new && find_group(in, o, &v))
        row_id(&r, "customer_group_id", shop_refer(s, NAME_CUSTOMER_GROUP, v, "customer_group_id"));
    if (o->billing.len)
        row_id(&r, "billing_address_id", o->billing);
    if (o->shipping.len)
        row_id(&r, "shipping_address_id", o->shipping);
    if (o->is_new)
        columns_check(in, &r);
    row_put(&r);
}

/* --- addresses -----------------------------------------------------------------------------------
 */

static bool has_address(const struct csv_import *in, const char *family)
{
    static const char *const telling[] = {"street", "city", "country_id", "lastname"};
    char name[64];
    struct slice v;
    for (size_t i = 0; i < sizeof telling / sizeof *telling; i++) {
        snprintf(name, sizeof name, "%s%s", family, telling[i]);
        if (cell_filled(in, name, &v))
            return true;
    }
    return false;
}

static bool is_needed(const char *field)
{
    return strcmp(field, "street") == 0 || strcmp(field, "city") == 0 ||
           strcmp(field, "email") == 0;
}

/* Of the columns of `family`, as an address of this type. */
static void put_address(struct csv_import *in, const struct order *o, struct slice id,
                        const char *family, const char *kind)
{
    struct shop *s = in->shop;
    struct slice v, country, name;
    char column[64];
    struct shop_row r = shop_row(s, address_table);
    if (o->email.len)
        row_set(&r, "email", o->email, "customer_email");
    for (size_t i = 0; address_fields[i]; i++) {
        snprintf(column, sizeof column, "%s%s", family, address_fields[i]);
        bool filled = cell_filled(in, column, &v);
        if (strcmp(address_fields[i], "region_id") != 0 &&
            (filled || (has_column(in, column) && !is_needed(address_fields[i]))))
            row_set(&r, address_fields[i], v, column);
    }
    snprintf(column, sizeof column, "%scountry_id", family);
    if (!cell_filled(in, column, &country))
        shop_invalid(s, "%s is empty", column);
    shop_check_country(s, country, column);
    snprintf(column, sizeof column, "%sregion", family);
    if (!cell_filled(in, column, &v)) {
        snprintf(column, sizeof column, "%sregion_id", family);
        cell_filled(in, column, &v);
    }
    if (v.len && shop_refer_region(s, country, v, &v, &name)) {
        row_set(&r, "region", name, "region");
        row_id(&r, "region_id", v);
    } else if (row_has(&r, "region")) {
        row_text(&r, "region_id", "");
    }
    row_id(&r, "entity_id", id);
    row_id(&r, "parent_id", o->id);
    row_text(&r, "address_type", kind);
    if (o->customer.len)
        row_id(&r, "customer_id", o->customer);
    row_put(&r);
}

static bool is_same(const struct csv_import *in)
{
    static const char *const same[] = {"same_as_billing", "use_billing_as_shipping",
                                       "billing_is_shipping"};
    struct slice v;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (cell_filled(in, same[i], &v) && is_yes(v))
            return true;
    return false;
}

/* Which addresses the record has: the order's row names them. */
static void find_addresses(struct csv_import *in, struct order *o)
{
    o->billing = o->shipping = slice_of("");
    if (has_address(in, "billing_"))
        o->billing = shop_id(in->shop, "", o->id, slice_of("billing"));
    if (has_address(in, "shipping_") || (o->billing.len && is_same(in)))
        o->shipping = shop_id(in->shop, "", o->id, slice_of("shipping"));
}

static void put_addresses(struct csv_import *in, const struct order *o)
{
    if (o->billing.len)
        put_address(in, o, o->billing, "billing_", "billing");
    if (o->shipping.len)
        put_address(in, o, o->shipping,
                    has_address(in, "shipping_") && !is_same(in) ? "shipping_" : "billing_",
                    "shipping");
}

/* --- items, payment, history --------------------------------------------------------------------
 */

/* What people know the item by, and the how manieth of these it is. */
static struct slice item_id(struct csv_import *in, const struct order *o, uint32_t index)
{
    struct slice sku, name, key, other;
    uint32_t n = 1;
    nested_get(&o->items.items[index], &sku, "sku", NULL, NULL);
    nested_get(&o->items.items[index], &name, "name", NULL, NULL);
    key = sku.len ? sku : name;
    for (uint32_t i = 0; i < index; i++) {
        nested_get(&o->items.items[i], &other, "sku", NULL, NULL);
        if (!other.len)
            nested_get(&o->items.items[i], &other, "name", NULL, NULL);
        n += other.len == key.len && memcmp(other.p, key.p, key.len) == 0;
    }
    return shop_id(in->shop, "", o->id,
                   shop_format(in->shop, "item:%u:%.*s", n, (int)key.len, (const char *)key.p));
}

static void put_item(struct csv_import *in, const struct order *o, uint32_t index)
{
    struct shop *s = in->shop;
    const struct nested_item *item = &o->items.items[index];
    struct slice id, sku, name, qty, price, v;
    struct shop_row r = shop_row(s, item_table);
    nested_get(item, &sku, "sku", NULL, NULL);
    nested_get(item, &name, "name", NULL, NULL);
    nested_get(item, &price, "price", NULL, NULL);
    if (!sku.len && !name.len)
        shop_invalid(s, "items: item %u has neither sku nor name", index + 1);
    if (!nested_get(item, &qty, "qty_ordered", "qty", NULL) || sales_number(s, qty) <= 0)
        shop_invalid(s, "items: item %u has no qty, or one that is not more than 0", index + 1);
    if (!nested_get(item, &id, "item_id", "order_item_id", NULL) || !id.len)
        id = item_id(in, o, index);
    row_set(&r, "created_at", o->created, "created_at");
    row_set(&r, "updated_at", o->created, "updated_at");
    row_text(&r, "product_type", "simple");
    row_set(&r, "name", name.len ? name : sku, "items");
    sales_set_item(in, &r, item_table, item, "items");
    row_set(&r, "qty_ordered", qty, "items");
    if (price.len && !row_has(&r, "original_price"))
        row_set(&r, "original_price", price, "items");
    if (price.len && !row_has(&r, "row_total"))
        sales_set_product(&r, "row_total", price, qty, "items");
    sales_set_base(&r);
    row_id(&r, "item_id", id);
    row_id(&r, "order_id", o->id);
    row_id(&r, "store_id", o->store);
    if (nested_get(item, &v, "parent_item_id", NULL, NULL) && v.len)
        row_id(&r, "parent_item_id", v);
    if ((nested_get(item, &v, "product_id", NULL, NULL) && v.len) ||
        (sku.len && shop_refer_product(s, sku, &v)))
        row_id(&r, "product_id", v);
    row_put(&r);
}

static void put_payment(struct csv_import *in, const struct order *o)
{
    struct slice method, v;
    struct shop_row r = shop_row(in->shop, "sales_flat_order_payment");
    if (!cell_filled(in, "payment_method", &method) && !o->is_new)
        return;
    for (uint32_t i = 0; i < records_column_count(in->file); i++) {
        const char *name = records_column(in->file, i);
        if (strncmp(name, "payment_", 8) == 0)
            row_set(&r, name + 8, in->record->fields[i], name);
    }
    row_set(&r, "method", method.len ? method : slice_of("checkmo"), "payment_method");
    if (cell_filled(in, "grand_total", &v))
        row_set(&r, "amount_ordered", v, "grand_total");
    if (cell_filled(in, "base_grand_total", &v) || cell_filled(in, "grand_total", &v))
        row_set(&r, "base_amount_ordered", v, "base_grand_total");
    if (cell_filled(in, "shipping_amount", &v))
        row_set(&r, "shipping_amount", v, "shipping_amount");
    if (cell_filled(in, "base_shipping_amount", &v) || cell_filled(in, "shipping_amount", &v))
        row_set(&r, "base_shipping_amount", v, "shipping_amount");
    row_id(&r, "entity_id", shop_id(in->shop, "", o->id, slice_of("payment")));
    row_id(&r, "parent_id", o->id);
    row_put(&r);
}

static void put_history(struct csv_import *in, const struct order *o)
{
    static const char *const names[] = {"status", "comment", NULL};
    struct slice v;
    cell_filled(in, "status_history", &v);
    const struct nested list = nested_read(in->shop, v, names, "status_history");
    for (uint32_t i = 0; i < list.count; i++) {
        struct shop_row r = shop_row(in->shop, history_table);
        row_set(&r, "created_at", o->created, "created_at");
        row_number(&r, "is_visible_on_front", 0);
        row_number(&r, "is_customer_notified", 0);
        row_text(&r, "entity_name", "order");
        sales_set_item(in, &r, history_table, &list.items[i], "status_history");
        row_id(&r, "entity_id",
               shop_id(in->shop, "", o->id, shop_format(in->shop, "history:%u", i + 1)));
        row_id(&r, "parent_id", o->id);
        row_put(&r);
    }
}

static struct slice full_name(struct csv_import *in, const char *family)
{
    char column[64];
    struct slice first, last;
    snprintf(column, sizeof column, "%sfirstname", family);
    cell_filled(in, column, &first);
    snprintf(column, sizeof column, "%slastname", family);
    cell_filled(in, column, &last);
    return shop_format(in->shop, "%.*s%s%.*s", (int)first.len, (const char *)first.p,
                       first.len && last.len ? " " : "", (int)last.len, (const char *)last.p);
}

static void put_grid(struct csv_import *in, const struct order *o)
{
    struct shop_row r = shop_row(in->shop, "sales_flat_order_grid");
    if (o->is_new) {
        row_set(&r, "created_at", o->created, "created_at");
        row_set(&r, "updated_at", o->created, "updated_at");
        row_id(&r, "store_id", o->store);
    }
    columns_set(in, in->state, &r);
    set_status(in, &r, o->is_new);
    sales_set_base(&r);
    if (o->is_new)
        set_currencies(in, &r);
    row_set(&r, "increment_id", o->number, "increment_id");
    if (o->billing.len)
        row_set(&r, "billing_name", full_name(in, "billing_"), "billing_firstname");
    if (o->shipping.len)
        row_set(
            &r, "shipping_name",
            full_name(in, has_address(in, "shipping_") && !is_same(in) ? "shipping_" : "billing_"),
            "shipping_firstname");
    if (o->customer.len)
        row_id(&r, "customer_id", o->customer);
    row_id(&r, "entity_id", o->id);
    row_put(&r);
}

/* An order of the destination's own keeps its addresses and items: what in the file would be which
 * of them cannot be told. */
static void take_order(struct csv_import *in)
{
    struct order o;
    if (!read_order(in, &o))
        return;
    bool whole = o.is_new || o.is_ours;
    if (whole)
        find_addresses(in, &o);
    shop_begin(in->shop, o.id);
    put_root(in, &o);
    if (whole) {
        put_addresses(in, &o);
        for (uint32_t i = 0; i < o.items.count; i++)
            put_item(in, &o, i);
        put_payment(in, &o);
        put_history(in, &o);
        put_grid(in, &o);
    }
    shop_commit(in->shop);
}

static void close_orders(struct csv_import *in)
{
    free(in->state);
}

const struct csv_kind csv_orders = {.entity = "order",
                                    .id = "entity_id",
                                    .needed = {"increment_id"},
                                    .open = open_orders,
                                    .record = take_order,
                                    .close = close_orders};
