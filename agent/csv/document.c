/* Invoices, shipments and credit memos of orders that have come from the same source. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/csv/sales.h"
#include "schema/log.h"

/* What is particular to a kind. */
struct form {
    const char *entity, *table, *items, *grid;
    const char *done;  /* column of the order's items: how many are in such documents already */
    const char *state; /* column and value of a new one; value NULL: it has none */
    const char *state_value;
    bool amounts; /* it has a grand total */
};
static const struct form forms[] = {
    {"invoice", "sales_flat_invoice", "sales_flat_invoice_item", "sales_flat_invoice_grid",
     "qty_invoiced", "state", "2", true},
    {"shipment", "sales_flat_shipment", "sales_flat_shipment_item", "sales_flat_shipment_grid",
     "qty_shipped", "shipment_status", NULL, false},
    {"creditmemo", "sales_flat_creditmemo", "sales_flat_creditmemo_item",
     "sales_flat_creditmemo_grid", "qty_refunded", "state", "2", true},
};

struct order_item {                             /* of the order, as the destination has it */
    struct slice id, sku, name, price, product; /* id and product: the source's; empty: not known */
    uint64_t target;
    bool inner;    /* belongs to another item */
    double open;   /* how many are in no such document, as the order tells, … */
    double room;   /* … and as the other documents do */
    double put;    /* how many this record puts, … */
    uint32_t rows; /* … and in how many rows */
};

struct document { /* of the record in hand */
    const struct form *form;
    struct slice id, number, order, created;
    uint64_t target; /* the order's id at the destination */
    struct slice order_number, order_created, store, billing, shipping, billing_name, shipping_name;
    struct slice currencies[4];
    bool is_new, is_ours;
    struct order_item *order_items;
    uint32_t order_item_count;
};

static const char *const currencies[] = {"store_currency_code", "order_currency_code",
                                         "base_currency_code", "global_currency_code"};

static const struct form *form_of(const struct csv_import *in)
{
    size_t i = 0;
    while (strcmp(forms[i].entity, in->kind->entity) != 0)
        i++;
    return &forms[i];
}

static bool is_own(const struct csv_import *in, const char *column)
{
    static const char *const own[] = {"entity_id",
                                      "order_id",
                                      "increment_id",
                                      "items",
                                      "tracks",
                                      "invoice_id",
                                      "store_id",
                                      "billing_address_id",
                                      "customer_id",
                                      "shipping_address_id",
                                      "order_increment_id",
                                      NULL};
    (void)in;
    return column_is_among(own, column);
}

static void open_documents(struct csv_import *in)
{
    in->state = columns_open(in, form_of(in)->table, is_own);
}

/* --- the order -----------------------------------------------------------------------------------
 */

static struct slice text_of(struct shop *s, const char *text)
{
    return text ? shop_format(s, "%s", text) : slice_of("");
}

static uint64_t number_of(const char *text)
{
    return text ? strtoull(text, NULL, 10) : 0;
}

/* What the source calls the row; empty: nothing. */
static struct slice source_id(struct shop *s, const char *type, uint64_t target)
{
    struct slice id = slice_of("");
    if (target && !shop_source_id(s, type, target, &id))
        id = slice_of("");
    return id;
}

/* By the source's id, or by its number. */
static void find_order(struct csv_import *in, struct document *d)
{
    struct shop *s = in->shop;
    struct slice given;
    if (!cell_filled(in, "order_id", &given) && !cell_filled(in, "order_increment_id", &given)) {
        shop_invalid(s, "order_id is empty");
        return;
    }
    if (shop_registered(s, "order", given, &d->target)) {
        d->order = given;
        return;
    }
    shop_ask_number(s, &d->target, "SELECT entity_id FROM %s WHERE increment_id = %s LIMIT 1",
                    shop_table_name(s, "sales_flat_order"), shop_quote(s, given));
    d->order = source_id(s, "order", d->target);
    if (!d->order.len)
        shop_invalid(s, "order_id: order %.*s has not been imported from this source, or is gone",
                     (int)given.len, (const char *)given.p);
}

static void read_order(struct csv_import *in, struct document *d)
{
    struct shop *s = in->shop;
    MYSQL_RES *rows =
        shop_select(s,
                    "SELECT o.increment_id, o.created_at, x.code, o.billing_address_id, "
                    "o.shipping_address_id, o.store_currency_code, o.order_currency_code, "
                    "o.base_currency_code, o.global_currency_code, g.billing_name, g.shipping_name "
                    "FROM %s o LEFT JOIN %s x USING (store_id) LEFT JOIN %s g ON g.entity_id = "
                    "o.entity_id WHERE o.entity_id = %lu",
                    shop_table_name(s, "sales_flat_order"), shop_table_name(s, "core_store"),
                    shop_table_name(s, "sales_flat_order_grid"), d->target);
    MYSQL_ROW row = rows ? mysql_fetch_row(rows) : NULL;
    if (row) {
        d->order_number = text_of(s, row[0]);
        d->order_created = text_of(s, row[1]);
        d->store = text_of(s, row[2]);
        d->billing = source_id(s, "sales_flat_order_address", number_of(row[3]));
        d->shipping = source_id(s, "sales_flat_order_address", number_of(row[4]));
        for (int i = 0; i < 4; i++)
            d->currencies[i] = text_of(s, row[5 + i]);
        d->billing_name = text_of(s, row[9]);
        d->shipping_name = text_of(s, row[10]);
    } else if (rows) {
        shop_invalid(s, "order_id: the order has been deleted at the destination");
    }
    mysql_free_result(rows);
}

static void read_order_items(struct csv_import *in, struct document *d)
{
    struct shop *s = in->shop;
    MYSQL_RES *rows = shop_select(
        s,
        "SELECT item_id, sku, name, price, product_id, parent_item_id IS NOT NULL, "
        "GREATEST(qty_ordered - COALESCE(%s, 0), 0), qty_ordered FROM %s WHERE order_id = "
        "%lu ORDER BY parent_item_id IS NOT NULL, item_id",
        d->form->done, shop_table_name(s, "sales_flat_order_item"), d->target);
    if (!rows)
        return;
    d->order_items =
        arena_zalloc(shop_arena(s), (mysql_num_rows(rows) + 1) * sizeof *d->order_items);
    if (!d->order_items)
        shop_no_memory(s);
    for (MYSQL_ROW row; d->order_items && (row = mysql_fetch_row(rows));)
        d->order_items[d->order_item_count++] =
            (struct order_item){.target = number_of(row[0]),
                                .id = source_id(s, "sales_flat_order_item", number_of(row[0])),
                                .sku = text_of(s, row[1]),
                                .name = text_of(s, row[2]),
                                .price = text_of(s, row[3]),
                                .product = source_id(s, "product", number_of(row[4])),
                                .inner = row[5] && *row[5] == '1',
                                .open = sales_number(s, text_of(s, row[6])),
                                .room = sales_number(s, text_of(s, row[7]))};
    mysql_free_result(rows);
}

/* Key under which it is known how many of the item are in documents of the file. */
static struct slice put_key(struct shop *s, const struct document *d, const struct order_item *of)
{
    return shop_format(s, "in %s\n%lu", d->form->entity, of->target);
}

static struct slice file_key(struct shop *s, const struct document *d, struct slice number)
{
    return shop_format(s, "%s of the file\n%.*s", d->form->entity, (int)number.len,
                       (const char *)number.p);
}

/* What is in other documents of the order leaves room for less: those of the file, which the
 * destination may not have yet, and others that it has. */
static void read_room(struct csv_import *in, struct document *d)
{
    struct shop *s = in->shop;
    struct slice v;
    for (uint32_t i = 0; i < d->order_item_count; i++)
        if (shop_recall(s, put_key(s, d, &d->order_items[i]), &v))
            d->order_items[i].room -= sales_number(s, v);
    MYSQL_RES *rows = shop_select(
        s,
        "SELECT x.order_item_id, x.qty, m.increment_id FROM %s m JOIN %s x ON x.parent_id = "
        "m.entity_id WHERE m.order_id = %lu AND m.increment_id <> %s",
        shop_table_name(s, d->form->table), shop_table_name(s, d->form->items), d->target,
        shop_quote(s, d->number));
    for (MYSQL_ROW row; rows && (row = mysql_fetch_row(rows));)
        for (uint32_t i = 0; i < d->order_item_count; i++)
            if (d->order_items[i].target == number_of(row[0]) &&
                !shop_recall(s, file_key(s, d, slice_of(row[2])), &v))
                d->order_items[i].room -= sales_number(s, text_of(s, row[1]));
    mysql_free_result(rows);
}

static void remember_put(struct csv_import *in, const struct document *d)
{
    struct shop *s = in->shop;
    struct slice v;
    shop_remember(s, file_key(s, d, d->number), slice_of(""));
    for (uint32_t i = 0; i < d->order_item_count; i++) {
        const struct order_item *of = &d->order_items[i];
        struct slice key = put_key(s, d, of);
        double before = shop_recall(s, key, &v) ? sales_number(s, v) : 0;
        if (of->put > 0)
            shop_remember(s, key, shop_format(s, "%.4f", before + of->put));
    }
}

static bool read_document(struct csv_import *in, struct document *d)
{
    struct shop *s = in->shop;
    struct slice v;
    uint64_t target;
    *d = (struct document){.form = form_of(in)};
    if (!cell_filled(in, "increment_id", &d->number))
        shop_invalid(s, "increment_id is empty");
    if (!cell_filled(in, "entity_id", &d->id))
        d->id = shop_id(s, "increment", d->number, slice_of(""));
    const struct natural_key key = {d->form->table, "increment_id", "increment_id",
                                    d->number,      NULL,           0};
    entity_again(in, &key, d->id);
    d->is_ours = shop_registered(s, d->form->entity, d->id, &target);
    bool found;
    const char *where =
        d->is_ours ? (const char *)shop_format(s, "entity_id = %lu", target).p
                   : (const char *)shop_format(s, "increment_id = %s", shop_quote(s, d->number)).p;
    d->created = shop_ask(s, &found, "SELECT COALESCE(created_at, '') FROM %s WHERE %s LIMIT 1",
                          shop_table_name(s, d->form->table), where);
    d->is_new = !found;
    if (d->form->amounts)
        sales_check_amount(in, "grand_total", d->is_new);
    if (cell_filled(in, "created_at", &v))
        d->created = v;
    else if (!d->created.len)
        d->created = shop_now(s);
    if (!shop_failed(s))
        find_order(in, d);
    if (!shop_failed(s))
        read_order(in, d);
    if (!shop_failed(s))
        read_order_items(in, d);
    if (!shop_failed(s))
        read_room(in, d);
    return !shop_failed(s);
}

/* --- items ---------------------------------------------------------------------------------------
 */

static bool is_same_text(struct slice a, struct slice b)
{
    return a.len == b.len && a.len && memcmp(a.p, b.p, a.len) == 0;
}

/* Does a line with this id, or else this SKU, mean the item? Items within others have these's SKU
 * and are meant only where no other has it. */
static bool is_meant(const struct document *d, const struct order_item *of, struct slice id,
                     struct slice sku)
{
    if (id.len)
        return is_same_text(of->id, id);
    if (!of->id.len || !is_same_text(of->sku, sku))
        return false;
    for (uint32_t i = 0; of->inner && i < d->order_item_count; i++)
        if (!d->order_items[i].inner && d->order_items[i].id.len &&
            is_same_text(d->order_items[i].sku, sku))
            return false;
    return true;
}

/* Of the items that are meant, the first with room for so many, else the first with any, else the
 * first. *whole: no other can take a part of them. */
static struct order_item *next_item(const struct document *d, struct slice id, struct slice sku,
                                    double qty, bool *whole)
{
    struct order_item *first = NULL, *some = NULL;
    unsigned with_room = 0;
    *whole = true;
    for (uint32_t i = 0; i < d->order_item_count; i++) {
        struct order_item *of = &d->order_items[i];
        if (!is_meant(d, of, id, sku))
            continue;
        if (of->room >= qty && of->room > 0)
            return of;
        first = first ? first : of;
        some = some || of->room <= 0 ? some : of;
        with_room += of->room > 0;
    }
    *whole = with_room < 2;
    return some ? some : first;
}

/* `line`: what the file says of it, NULL: nothing. Of a line for several items of the order only
 * the price is each one's. */
static void put_item(struct csv_import *in, const struct document *d,
                     const struct nested_item *line, bool whole, struct order_item *of,
                     struct slice qty)
{
    struct shop *s = in->shop;
    struct slice price;
    struct shop_row r = shop_row(s, d->form->items);
    if (!line || !nested_get(line, &price, "price", NULL, NULL) || !price.len)
        price = of->price;
    row_set(&r, "sku", of->sku, "items");
    row_set(&r, "name", of->name, "items");
    row_set(&r, "price", price, "items");
    if (line && whole)
        sales_set_item(in, &r, d->form->items, line, "items");
    row_set(&r, "qty", qty, "items");
    if (!row_has(&r, "row_total"))
        sales_set_product(&r, "row_total", price, qty, "items");
    sales_set_base(&r);
    row_id(&r, "entity_id",
           shop_id(s, d->form->entity, d->id,
                   shop_format(s, "item:%u:%.*s", ++of->rows, (int)of->id.len,
                               (const char *)of->id.p)));
    row_id(&r, "parent_id", d->id);
    row_id(&r, "order_item_id", of->id);
    if (of->product.len)
        row_id(&r, "product_id", of->product);
    row_put(&r);
    of->put += sales_number(s, qty);
    of->room -= sales_number(s, qty);
}

/* A line of more than one item of the order has room for goes on with the next one of its SKU. */
static void put_parts(struct csv_import *in, const struct document *d,
                      const struct nested_item *line, struct order_item *of, struct slice sku,
                      double qty)
{
    struct shop *s = in->shop;
    for (bool whole = false; !whole;) {
        double part = of->room;
        put_item(in, d, line, false, of, shop_format(s, "%.4f", part));
        qty -= part;
        of = next_item(d, slice_of(""), sku, qty, &whole);
    }
    put_item(in, d, line, false, of, shop_format(s, "%.4f", qty));
}

static void take_line(struct csv_import *in, const struct document *d,
                      const struct nested_item *line, uint32_t n)
{
    struct slice id, sku, qty;
    bool whole;
    nested_get(line, &id, "order_item_id", "item_id", NULL);
    nested_get(line, &sku, "sku", NULL, NULL);
    nested_get(line, &qty, "qty", "qty_invoiced", "qty_shipped");
    struct order_item *of = next_item(d, id, sku, sales_number(in->shop, qty), &whole);
    if (!of)
        shop_invalid(in->shop, "items: order %.*s has no item '%.*s' that came from this source",
                     (int)d->order_number.len, (const char *)d->order_number.p,
                     (int)(id.len ? id : sku).len, (const char *)(id.len ? id : sku).p);
    else if (qty.len && *qty.p == '-')
        shop_invalid(in->shop, "items: item %u has a qty of less than 0", n);
    else if (!qty.len)
        put_item(in, d, line, true, of, shop_format(in->shop, "%.4f", of->room > 0 ? of->room : 0));
    else if (whole)
        put_item(in, d, line, true, of, qty);
    else
        put_parts(in, d, line, of, sku, sales_number(in->shop, qty));
}

/* Those of the file, or all of the order's that are open; their sum. */
static struct slice put_items(struct csv_import *in, const struct document *d)
{
    static const char *const names[] = {"sku", "qty", "price", NULL};
    struct shop *s = in->shop;
    struct slice v;
    double sum = 0;
    uint32_t rows = 0;
    bool told = cell_filled(in, "items", &v);
    const struct nested list = nested_read(s, v, names, "items");
    for (uint32_t i = 0; i < list.count && !shop_failed(s); i++)
        take_line(in, d, &list.items[i], i + 1);
    for (uint32_t i = 0; !told && d->is_new && i < d->order_item_count; i++) {
        struct order_item *of = &d->order_items[i];
        double open = of->open < of->room ? of->open : of->room;
        if (!of->inner && of->id.len && open > 0)
            put_item(in, d, NULL, true, of, shop_format(s, "%.4f", open));
    }
    for (uint32_t i = 0; i < d->order_item_count; i++) {
        sum += d->order_items[i].put;
        rows += d->order_items[i].rows;
    }
    remember_put(in, d);
    return rows ? shop_format(s, "%.4f", sum) : slice_of("");
}

/* --- rows ----------------------------------------------------------------------------------------
 */

static void set_order(const struct document *d, struct csv_import *in, struct shop_row *r)
{
    row_id(r, "order_id", d->order);
    if (!d->is_new)
        return;
    for (int i = 0; i < 4; i++)
        if (d->currencies[i].len && !row_has(r, currencies[i]))
            row_set(r, currencies[i], d->currencies[i], currencies[i]);
    if (d->store.len)
        row_id(r, "store_id", shop_refer(in->shop, NAME_STORE, d->store, "store_id"));
}

static void put_root(struct csv_import *in, const struct document *d, struct slice qty)
{
    struct slice v;
    struct shop_row r = shop_row(in->shop, d->form->table);
    if (d->is_new) {
        row_set(&r, "created_at", d->created, "created_at");
        row_set(&r, "updated_at", d->created, "updated_at");
        row_number(&r, "email_sent", 1);
        if (d->form->state_value)
            row_text(&r, d->form->state, d->form->state_value);
        if (qty.len)
            row_set(&r, "total_qty", qty, "items");
    }
    columns_set(in, in->state, &r);
    sales_set_base(&r);
    set_order(d, in, &r);
    row_id(&r, "entity_id", d->id);
    row_set(&r, "increment_id", d->number, "increment_id");
    if (d->billing.len)
        row_id(&r, "billing_address_id", d->billing);
    if (d->shipping.len)
        row_id(&r, "shipping_address_id", d->shipping);
    if (cell_filled(in, "invoice_id", &v))
        row_id(&r, "invoice_id", v);
    if (cell_filled(in, "customer_id", &v))
        row_id(&r, "customer_id", v);
    if (d->is_new)
        columns_check(in, &r);
    row_put(&r);
}

static void put_grid(struct csv_import *in, const struct document *d, struct slice qty)
{
    struct slice v;
    struct shop_row r = shop_row(in->shop, d->form->grid);
    if (d->is_new) {
        row_set(&r, "created_at", d->created, "created_at");
        if (d->form->state_value)
            row_text(&r, d->form->state, d->form->state_value);
        if (qty.len)
            row_set(&r, "total_qty", qty, "items");
    }
    columns_set(in, in->state, &r);
    sales_set_base(&r);
    row_copy(&r, "creditmemo_status", "state");
    set_order(d, in, &r);
    row_id(&r, "entity_id", d->id);
    row_set(&r, "increment_id", d->number, "increment_id");
    row_set(&r, "order_increment_id", d->order_number, "order_id");
    if (d->order_created.len)
        row_set(&r, "order_created_at", d->order_created, "order_id");
    row_set(&r, "billing_name", d->billing_name, "order_id");
    row_set(&r, "shipping_name", d->shipping_name, "order_id");
    if (cell_filled(in, "invoice_id", &v))
        row_id(&r, "invoice_id", v);
    row_put(&r);
}

static const char *carrier_title(struct slice code)
{
    static const char *const titles[][2] = {{"auspost", "Australia Post"},
                                            {"auspost_eparcel", "Australia Post eParcel"},
                                            {"dhl", "DHL"},
                                            {"fedex", "Federal Express"},
                                            {"ups", "United Parcel Service"},
                                            {"usps", "United States Postal Service"},
                                            {"tnt", "TNT"},
                                            {"startrack", "StarTrack"},
                                            {"aramex", "Aramex"},
                                            {"sendle", "Sendle"}};
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        if (slice_is(code, titles[i][0]))
            return titles[i][1];
    return NULL;
}

static void put_tracks(struct csv_import *in, const struct document *d)
{
    static const char *const names[] = {"carrier", "number", "title", NULL};
    struct shop *s = in->shop;
    struct slice v, carrier, number, title;
    cell_filled(in, "tracks", &v);
    const struct nested list = nested_read(s, v, names, "tracks");
    for (uint32_t i = 0; i < list.count; i++) {
        struct shop_row r = shop_row(s, "sales_flat_shipment_track");
        nested_get(&list.items[i], &carrier, "carrier", "carrier_code", NULL);
        carrier = carrier.len ? carrier : slice_of("custom");
        if (!nested_get(&list.items[i], &number, "number", "track_number", NULL) || !number.len)
            shop_invalid(s, "tracks: a track needs carrier:number, or JSON with track_number");
        row_set(&r, "created_at", d->created, "created_at");
        row_set(&r, "updated_at", d->created, "updated_at");
        const char *known = carrier_title(carrier);
        row_set(&r, "title", known ? slice_of(known) : carrier, "tracks");
        sales_set_item(in, &r, "sales_flat_shipment_track", &list.items[i], "tracks");
        if (nested_get(&list.items[i], &title, "title", NULL, NULL) && title.len)
            row_set(&r, "title", title, "tracks");
        row_set(&r, "track_number", number, "tracks");
        row_set(&r, "carrier_code", carrier, "tracks");
        row_id(&r, "entity_id",
               shop_id(s, "track", d->id,
                       shop_format(s, "%.*s:%.*s", (int)carrier.len, (const char *)carrier.p,
                                   (int)number.len, (const char *)number.p)));
        row_id(&r, "parent_id", d->id);
        row_id(&r, "order_id", d->order);
        row_put(&r);
    }
}

/* One that the destination has on its own keeps its items, as an order does. */
static void take_document(struct csv_import *in)
{
    struct document d;
    struct slice qty = slice_of("");
    if (!read_document(in, &d))
        return;
    shop_begin(in->shop, d.id);
    if (d.is_new || d.is_ours) {
        qty = put_items(in, &d);
        if (strcmp(d.form->entity, "shipment") == 0)
            put_tracks(in, &d);
        put_grid(in, &d, qty);
    }
    put_root(in, &d, qty);
    shop_commit(in->shop);
}

static void close_documents(struct csv_import *in)
{
    free(in->state);
}

const struct csv_kind csv_invoices = {.entity = "invoice",
                                      .id = "entity_id",
                                      .needed = {"order_id", "order_increment_id"},
                                      .open = open_documents,
                                      .record = take_document,
                                      .close = close_documents};
const struct csv_kind csv_shipments = {.entity = "shipment",
                                       .id = "entity_id",
                                       .needed = {"order_id", "order_increment_id"},
                                       .open = open_documents,
                                       .record = take_document,
                                       .close = close_documents};
const struct csv_kind csv_creditmemos = {.entity = "creditmemo",
                                         .id = "entity_id",
                                         .needed = {"order_id", "order_increment_id"},
                                         .open = open_documents,
                                         .record = take_document,
                                         .close = close_documents};
