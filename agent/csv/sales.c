#include "agent/csv/sales.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sales_set_base(struct shop_row *r)
{
    static const char *const columns[] = {
        "grand_total",         "subtotal",          "tax_amount",
        "shipping_amount",     "discount_amount",   "price",
        "row_total",           "original_price",    "total_paid",
        "total_refunded",      "total_invoiced",    "total_due",
        "adjustment_positive", "subtotal_incl_tax", "adjustment_negative",
        "shipping_tax_amount", "price_incl_tax",    "row_total_incl_tax",
        "total_qty_ordered",   "shipping_incl_tax"};
    char base[64];
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        snprintf(base, sizeof base, "base_%s", columns[i]);
        row_copy(r, base, columns[i]);
    }
}

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

/* The column that a key means: as others are, without regard to case. */
static const char *column_of(struct shop *s, const char *table, struct slice key)
{
    struct slice name = shop_format(s, "%.*s", (int)key.len, (const char *)key.p);
    for (size_t i = 0; !shop_has_column(s, table, (const char *)name.p) && i < name.len; i++)
        ((uint8_t *)name.p)[i] = (uint8_t)tolower(name.p[i]);
    return (const char *)name.p;
}

void sales_set_item(struct csv_import *in, struct shop_row *r, const char *table,
                    const struct nested_item *item, const char *what)
{
    static const char *const ids[] = {"item_id",       "product_id", "parent_item_id",
                                      "order_item_id", "order_id",   "entity_id",
                                      "parent_id",     "store_id",   NULL};
    static const char *const others[] = {"qty",     "qty_invoiced", "qty_shipped",
                                         "carrier", "number",       NULL};
    for (uint32_t i = 0; i < item->count; i++) {
        const struct nested_value *v = &item->values[i];
        const char *name = column_of(r->shop, table, v->name);
        if (is_one_of(name, ids))
            continue;
        if (v->value.len)
            row_set(r, name, v->value, what);
        if (!is_one_of(name, others) && !shop_has_column(r->shop, table, name))
            key_unknown(in, what, name);
    }
}

double sales_number(struct shop *s, struct slice v)
{
    return strtod((const char *)shop_format(s, "%.*s", (int)v.len, (const char *)v.p).p, NULL);
}

void sales_set_product(struct shop_row *r, const char *column, struct slice a, struct slice b,
                       const char *what)
{
    struct shop *s = r->shop;
    double product = sales_number(s, a) * sales_number(s, b);
    row_set(r, column, shop_format(s, "%.*f", row_scale(r, column), product), what);
}

void sales_check_amount(struct csv_import *in, const char *column, bool needed)
{
    struct slice v;
    if (!cell_filled(in, column, &v)) {
        if (needed)
            shop_invalid(in->shop, "%s is empty", column);
    } else if (*v.p == '-') {
        shop_invalid(in->shop, "%s: %.*s is less than 0", column, (int)v.len, (const char *)v.p);
    }
}
