/* Products: prices by quantity and group.
 *
 * A record tells all of a column's prices, but others of the product may add to them, far behind it
 * in the file. So prices that are in none of them go when the file has been read: those that stay
 * keep their ids. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/csv/product.h"

static const struct price_kind {
    const char *column, *table;
    const char *names[5];
    const char *known[10];
    bool by_qty;
} kinds[] = {
    [PRICES_BY_QTY] = {"tier_prices",
                       "catalog_product_entity_tier_price",
                       {"group", "qty", "price", "website"},
                       {"group", "cust_group", "customer_group_id", "website", "website_id", "qty",
                        "price_qty", "price", "value"},
                       true},
    [PRICES_BY_GROUP] = {"group_prices",
                         "catalog_product_entity_group_price",
                         {"group", "price", "website"},
                         {"group", "cust_group", "customer_group_id", "website", "website_id",
                          "price", "value"},
                         false},
};

struct price {
    bool all; /* groups */
    struct slice group, website, qty, value;
};

/* --- of a record ---------------------------------------------------------------------------------
 */

/* "10%": so much less than the price of the record. */
static struct slice price_of(struct csv_import *in, const struct price_kind *k, struct slice price)
{
    struct slice base;
    if (!price.len || price.p[price.len - 1] != '%')
        return price;
    if (!cell_filled(in, "price", &base))
        shop_invalid(in->shop, "group_prices: a percentage needs the product's price beside it");
    double of = strtod((const char *)shop_format(in->shop, "%.*s", (int)base.len, base.p).p, NULL);
    char *text = (char *)shop_format(in->shop, "%.*s", (int)price.len, price.p).p, *end;
    double percent = strtod(text, &end);
    if (end == text || strcmp(end, "%") != 0 || !(percent >= 0 && percent <= 100))
        shop_invalid(in->shop, "group_prices: '%s' is no percentage from 0%% to 100%%", text);
    struct shop_row r = shop_row(in->shop, k->table);
    return shop_format(in->shop, "%.*f", row_scale(&r, "value"), of * (1 - percent / 100));
}

static struct price read_price(struct csv_import *in, const struct price_kind *k,
                               const struct nested_item *item)
{
    struct price price = {0};
    struct slice group, website;
    nested_get(item, &group, "cust_group", "customer_group_id", "group");
    nested_get(item, &website, "website_id", "website", NULL);
    nested_get(item, &price.value, "price", "value", NULL);
    if (k->by_qty)
        nested_get(item, &price.qty, "qty", "price_qty", NULL);
    if (k->by_qty && (!price.qty.len || !price.value.len))
        shop_invalid(in->shop, "tier_prices: a price needs group:qty:price, or JSON with qty and "
                               "price");
    else if (!price.value.len)
        shop_invalid(in->shop, "group_prices: a price needs group:price, or JSON with price");
    if (!k->by_qty)
        price.value = price_of(in, k, price.value);
    price.all = !group.len || slice_is(group, "32000") || slice_is(group, "all");
    price.group = price.all ? slice_of("0") : group;
    price.website = !website.len || slice_is(website, "all") ? slice_of("0") : website;
    return price;
}

static void put_price(struct csv_import *in, const struct price_kind *k, struct slice product,
                      const struct price *price)
{
    struct shop_row r = shop_row(in->shop, k->table);
    row_id(&r, "entity_id", product);
    row_number(&r, "all_groups", price->all);
    row_id(&r, "customer_group_id",
           shop_refer(in->shop, NAME_CUSTOMER_GROUP, price->group, k->column));
    row_id(&r, "website_id", shop_refer(in->shop, NAME_WEBSITE, price->website, k->column));
    if (k->by_qty)
        row_set(&r, "qty", price->qty, k->column);
    row_set(&r, "value", price->value, k->column);
    row_put(&r);
}

/* With its line, since a later record's price is the one that counts. */
static void note_price(struct csv_import *in, struct late_item ***last, const struct price *p)
{
    struct late_item *item = arena_zalloc(shop_arena(in->shop), sizeof *item);
    if (!item) {
        shop_no_memory(in->shop);
        return;
    }
    item->text = shop_format(in->shop, "%lu\n%d\n%.*s\n%.*s\n%.*s\n%.*s", in->record->line, p->all,
                             (int)p->group.len, p->group.p, (int)p->website.len, p->website.p,
                             (int)p->qty.len, p->qty.len ? p->qty.p : (const uint8_t *)"",
                             (int)p->value.len, p->value.p);
    **last = item;
    *last = &item->next;
}

static struct price noted_price(const struct late_item *item)
{
    struct slice rest = item->text, line, all;
    struct price p = {0};
    nested_next(&rest, '\n', &line);
    nested_next(&rest, '\n', &all);
    nested_next(&rest, '\n', &p.group);
    nested_next(&rest, '\n', &p.website);
    nested_next(&rest, '\n', &p.qty);
    nested_next(&rest, '\n', &p.value);
    p.all = slice_is(all, "1");
    return p;
}

void product_put_prices(struct csv_import *in, struct product *p)
{
    for (int i = 0; i < PRICE_KINDS; i++) {
        const struct price_kind *k = &kinds[i];
        struct late_item **last = &p->prices[i].named;
        struct slice text = slice_of("");
        p->prices[i].all = product_tells_all(in, p, k->column);
        cell_filled(in, k->column, &text);
        const struct nested list = nested_read(in->shop, text, k->names, k->column);
        nested_keys_check(in, &list, k->column, k->known);
        for (uint32_t n = 0; n < list.count; n++) {
            const struct price price = read_price(in, k, &list.items[n]);
            put_price(in, k, p->id, &price);
            note_price(in, &last, &price);
        }
    }
}

/* --- of the file ---------------------------------------------------------------------------------
 */

static bool is_number(struct csv_import *in, enum shop_name name, struct slice value,
                      const char *number)
{
    struct slice is, code;
    for (size_t i = 0; i < shop_name_count(in->shop, name); i++) {
        shop_name_at(in->shop, name, i, &is, &code);
        if (slice_is(is, number))
            return (value.len == code.len &&
                    strncasecmp((const char *)value.p, (const char *)code.p, code.len) == 0) ||
                   slice_is(value, number);
    }
    return false;
}

static double amount(struct csv_import *in, struct slice v)
{
    return strtod((const char *)shop_format(in->shop, "%.*s", (int)v.len, v.p).p, NULL);
}

static bool names_price(struct csv_import *in, const struct price_kind *k,
                        const struct late_item *named, MYSQL_ROW row)
{
    for (; named; named = named->next) {
        const struct price p = noted_price(named);
        if (slice_is(slice_of(p.all ? "1" : "0"), row[0]) &&
            is_number(in, NAME_CUSTOMER_GROUP, p.group, row[1]) &&
            is_number(in, NAME_WEBSITE, p.website, row[2]) &&
            (!k->by_qty || amount(in, p.qty) == strtod(row[3], NULL)))
            return true;
    }
    return false;
}

/* Has the destination's product prices that the record does not name? */
static bool has_others(struct csv_import *in, const struct product *p, const struct price_kind *k,
                       const struct late_item *named)
{
    bool others = false;
    MYSQL_RES *rows = shop_select(
        in->shop,
        "SELECT all_groups, customer_group_id, website_id, %s FROM %s WHERE entity_id = %lu",
        k->by_qty ? "qty" : "0", shop_table_name(in->shop, k->table), p->target);
    for (MYSQL_ROW row; rows && !others && (row = mysql_fetch_row(rows));)
        others = !names_price(in, k, named, row);
    mysql_free_result(rows);
    return others;
}

void product_take_prices(struct csv_import *in, struct late_lists *const *all,
                         const struct product *p)
{
    if (shop_failed(in->shop) || p->skipped)
        return;
    for (int i = 0; i < PRICE_KINDS; i++) {
        const struct late_item *named = p->prices[i].named;
        struct late_list *l = late_list_find(in, all[i], p);
        if (!l && p->prices[i].all && !p->is_new &&
            (p->again || has_others(in, p, &kinds[i], named)))
            l = late_list_begin(in, all[i], p);
        for (; l && named; named = named->next)
            late_list_add(in, all[i], l, named->text);
    }
}

/* The first of a list has come last. */
static void put_first_last(struct csv_import *in, const struct price_kind *k, struct slice product,
                           const struct late_item *items)
{
    size_t count = 0;
    for (const struct late_item *i = items; i; i = i->next)
        count++;
    const struct late_item **list = arena_alloc(shop_arena(in->shop), (count + 1) * sizeof *list);
    if (!list) {
        shop_no_memory(in->shop);
        return;
    }
    for (size_t n = count; n > 0; items = items->next)
        list[--n] = items;
    for (size_t n = 0; n < count; n++) {
        const struct price price = noted_price(list[n]);
        put_price(in, k, product, &price);
    }
}

bool product_put_late_prices(struct csv_import *in, struct late_lists *const *all)
{
    for (int i = 0; i < PRICE_KINDS; i++) {
        const struct late_list *l = late_list_take(in, all[i]);
        if (!l)
            continue;
        shop_begin(in->shop, l->id);
        struct shop_row r = shop_row(in->shop, kinds[i].table);
        row_id(&r, "entity_id", l->id);
        row_no_others(&r);
        put_first_last(in, &kinds[i], l->id, l->items);
        shop_commit(in->shop);
        return true;
    }
    return false;
}
