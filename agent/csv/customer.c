/* Customers, with addresses in families of columns. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/csv/kinds.h"
#include "schema/log.h"

static const char type[] = "customer", table[] = "customer_entity",
                  address_type[] = "customer_address", address_table[] = "customer_address_entity";

enum { NUMBERED = 10 }; /* address1_ … address10_ */

struct customer { /* of the record in hand */
    struct slice email, website, id;
    bool website_given, registered, is_new;
    uint64_t target;                /* its id at the destination, if registered */
    struct slice billing, shipping; /* ids of the default addresses; empty: none */
};

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static bool is_own(const char *column)
{
    static const char *const own[] = {"entity_id",
                                      "entity_type_id",
                                      "email",
                                      "group_id",
                                      "group",
                                      "website_id",
                                      "website",
                                      "store_id",
                                      "store",
                                      "attribute_set_id",
                                      "default_billing",
                                      "default_shipping",
                                      "same_as_billing",
                                      "use_billing_as_shipping",
                                      "billing_is_shipping",
                                      NULL};
    return column_is_among(own, column);
}

/* What a column says of an address: billing_city → city. Empty: it is not about one. */
static const char *address_code(const char *column, bool *numbered)
{
    char family[16];
    *numbered = false;
    if (starts_with(column, "billing_"))
        return column + strlen("billing_");
    if (starts_with(column, "shipping_"))
        return column + strlen("shipping_");
    *numbered = true;
    for (int n = 1; n <= NUMBERED; n++) {
        snprintf(family, sizeof family, "address%d_", n);
        if (starts_with(column, family))
            return column + strlen(family);
    }
    return "";
}

static bool is_other(const char *column)
{
    bool numbered;
    return is_own(column) || *address_code(column, &numbered);
}

static void tell_unknown_address_columns(struct csv_import *in)
{
    static const char *const flags[] = {"default_billing", "is_default_billing", "default_shipping",
                                        "is_default_shipping", NULL};
    for (uint32_t i = 0; i < records_column_count(in->file); i++) {
        const char *name = records_column(in->file, i);
        bool numbered;
        const char *code = address_code(name, &numbered);
        const struct shop_attribute *a = shop_attribute(in->shop, address_type, slice_of(code));
        bool known = !*code || is_own(name) || (a && !slice_is(a->backend, "static"));
        for (size_t f = 0; numbered && flags[f]; f++)
            known |= strcmp(code, flags[f]) == 0;
        if (!known)
            column_unknown(in, name);
    }
}

static void open_customers(struct csv_import *in)
{
    struct eav *e = calloc(1, sizeof *e);
    in->state = e;
    if (!e) {
        shop_no_memory(in->shop);
        return;
    }
    eav_open(e, in, type, table, is_other);
    tell_unknown_address_columns(in);
}

static void close_customers(struct csv_import *in)
{
    if (in->state)
        eav_close(in->state);
    free(in->state);
}

/* --- the customer ------------------------------------------------------------------------------
 */

static bool is_address(struct slice email)
{
    const uint8_t *at = email.len ? memchr(email.p, '@', email.len) : NULL;
    return at && at > email.p && at + 1 < email.p + email.len && !memchr(email.p, ' ', email.len) &&
           !memchr(at + 1, '@', email.len - (size_t)(at + 1 - email.p));
}

static bool find_website(struct csv_import *in, struct customer *c)
{
    struct slice v, number;
    c->website_given = cell_filled(in, "website_id", &v) || cell_filled(in, "website", &v);
    if (!c->website_given) {
        shop_refer_default(in->shop, NAME_WEBSITE, &c->website);
        return !shop_failed(in->shop);
    }
    for (size_t i = 0; i < shop_name_count(in->shop, NAME_WEBSITE); i++) {
        struct slice code;
        shop_name_at(in->shop, NAME_WEBSITE, i, &number, &code);
        if ((v.len == number.len && !memcmp(v.p, number.p, v.len)) ||
            (v.len == code.len && !strncasecmp((const char *)v.p, (const char *)code.p, v.len)))
            c->website = code;
    }
    if (!c->website.len)
        shop_refer(in->shop, NAME_WEBSITE, v, "website_id"); /* says that there is none */
    return !shop_failed(in->shop);
}

static bool read_customer(struct csv_import *in, struct customer *c)
{
    struct shop *s = in->shop;
    *c = (struct customer){.billing = slice_of(""), .shipping = slice_of("")};
    if (!cell_filled(in, "email", &c->email))
        shop_invalid(s, "email is empty");
    else if (!is_address(c->email))
        shop_invalid(s, "email: '%.*s' is no e-mail address", (int)c->email.len,
                     (const char *)c->email.p);
    if (shop_failed(s) || !find_website(in, c))
        return false;
    if (!cell_filled(in, "entity_id", &c->id))
        c->id = shop_id(s, "email", c->email, c->website);
    bool found = c->registered = shop_registered(s, "customer", c->id, &c->target);
    if (!found)
        shop_ask(s, &found,
                 "SELECT 1 FROM %s c JOIN %s w USING (website_id) WHERE "
                 "c.email = %s AND w.code = %s LIMIT 1",
                 shop_table_name(s, table), shop_table_name(s, "core_website"),
                 shop_quote(s, c->email), shop_quote(s, c->website));
    const struct natural_key key = {table, "email", "email", c->email, &c->website, 1};
    c->is_new = !entity_again(in, &key, c->id) && !found;
    return !shop_failed(s);
}

static void refer_to(struct csv_import *in, struct shop_row *r, const char *column,
                     enum shop_name name, const char *cell_name, const char *other, bool needed)
{
    struct slice v;
    if (cell_filled(in, cell_name, &v) || cell_filled(in, other, &v))
        row_id(r, column, shop_refer(in->shop, name, v, cell_name));
    else if (needed)
        row_id(r, column, shop_refer_default(in->shop, name, NULL));
}

static void put_root(struct csv_import *in, const struct customer *c)
{
    struct shop *s = in->shop;
    struct slice v;
    struct shop_row root = shop_row(s, table);
    if (c->is_new) {
        if (!cell_filled(in, "firstname", &v) || !cell_filled(in, "lastname", &v))
            shop_invalid(s, "firstname or lastname is empty, which a new customer needs");
        row_set(&root, "created_at", shop_now(s), "created_at");
        row_set(&root, "updated_at", shop_now(s), "updated_at");
        row_number(&root, "is_active", 1);
    }
    row_id(&root, "entity_id", c->id);
    row_id(&root, "entity_type_id", shop_refer_type(s, type));
    row_set(&root, "email", c->email, "email");
    if (c->website_given || !c->registered)
        row_id(&root, "website_id", shop_refer(s, NAME_WEBSITE, c->website, "website_id"));
    refer_to(in, &root, "group_id", NAME_CUSTOMER_GROUP, "group_id", "group", c->is_new);
    refer_to(in, &root, "store_id", NAME_STORE, "store_id", "store", false);
    if (c->is_new && !row_has(&root, "store_id"))
        row_id(&root, "store_id", website_store(s, c->website));
    refer_to(in, &root, "attribute_set_id", NAME_CUSTOMER_SET, "attribute_set_id",
             "attribute_set_id", c->is_new);
    eav_set_root(in->state, in, &root);
    row_put(&root);
}

/* --- addresses -----------------------------------------------------------------------------------
 */

static bool part(const struct csv_import *in, const char *family, const char *field,
                 struct slice *out)
{
    char name[80];
    snprintf(name, sizeof name, "%s%s", family, field);
    return cell_filled(in, name, out);
}

static bool has_part(const struct csv_import *in, const char *family, const char *field)
{
    char name[80];
    snprintf(name, sizeof name, "%s%s", family, field);
    return has_column(in, name);
}

/* Lines end in LF in the shop. */
static struct slice street_of(struct shop *s, struct slice v)
{
    uint8_t *copy = arena_alloc(shop_arena(s), v.len + 1);
    size_t n = 0;
    if (!copy) {
        shop_no_memory(s);
        return v;
    }
    for (size_t i = 0; i < v.len; i++)
        if (v.p[i] != '\r')
            copy[n++] = v.p[i];
    return (struct slice){copy, n};
}

static void put_region(struct csv_import *in, const char *family, struct slice id)
{
    static const struct slice none;
    struct slice country, region, region_id, name;
    part(in, family, "country_id", &country);
    if (country.len)
        shop_check_country(in->shop, country, "country_id");
    if (!part(in, family, "region", &region))
        part(in, family, "region_id", &region);
    if (!region.len && !has_part(in, family, "region") && !has_part(in, family, "region_id"))
        return;
    bool known = region.len && shop_refer_region(in->shop, country, region, &region_id, &name);
    eav_put(in, address_type, address_table, "region", id, none, known ? name : region, "region");
    eav_put(in, address_type, address_table, "region_id", id, none, known ? region_id : none,
            "region_id");
}

static void put_address_values(struct csv_import *in, const char *family, struct slice id)
{
    static const struct slice none;
    size_t length = strlen(family);
    for (uint32_t i = 0; i < records_column_count(in->file); i++) {
        const char *column = records_column(in->file, i), *code = column + length;
        struct slice v = in->record->fields[i];
        if (!starts_with(column, family) || strcmp(code, "region") == 0 ||
            strcmp(code, "region_id") == 0)
            continue;
        if (strcmp(code, "street") == 0)
            v = street_of(in->shop, v);
        eav_put(in, address_type, address_table, code, id, none, v, column);
    }
    put_region(in, family, id);
}

static bool is_filled(struct csv_import *in, const char *family)
{
    size_t length = strlen(family);
    for (uint32_t i = 0; i < records_column_count(in->file); i++) {
        const char *column = records_column(in->file, i);
        if (starts_with(column, family) && slice_trim(in->record->fields[i]).len &&
            shop_attribute(in->shop, address_type, slice_of(column + length)))
            return true;
    }
    return false;
}

static struct slice address_id(struct csv_import *in, const struct customer *c, const char *family)
{
    return shop_id(in->shop, "", c->id,
                   shop_format(in->shop, "%.*s", (int)strlen(family) - 1, family));
}

/* The address of a family of columns; its id, empty: the record has none. */
static struct slice put_address(struct csv_import *in, const struct customer *c, const char *family)
{
    struct shop *s = in->shop;
    struct slice street, city, id = slice_of("");
    uint64_t target;
    bool has_street = part(in, family, "street", &street);
    bool any = part(in, family, "city", &city) || has_street;
    if (!any && is_filled(in, family))
        log_warn("address is left out: it has neither street nor city file=%s line=%lu "
                 "columns=%s…",
                 records_path(in->file), in->record->line, family);
    if (!any || shop_failed(s))
        return id;
    id = address_id(in, c, family);
    struct shop_row r = shop_row(s, address_table);
    row_id(&r, "entity_id", id);
    row_id(&r, "entity_type_id", shop_refer_type(s, address_type));
    row_id(&r, "attribute_set_id", shop_refer_default(s, NAME_ADDRESS_SET, NULL));
    row_id(&r, "parent_id", c->id);
    if (!shop_registered(s, address_table, id, &target)) {
        row_set(&r, "created_at", shop_now(s), "created_at");
        row_set(&r, "updated_at", shop_now(s), "updated_at");
        row_number(&r, "is_active", 1);
    }
    row_put(&r);
    put_address_values(in, family, id);
    return id;
}

static void put_numbered(struct csv_import *in, struct customer *c)
{
    char family[16];
    struct slice v;
    for (int n = 1; n <= NUMBERED; n++) {
        snprintf(family, sizeof family, "address%d_", n);
        struct slice id = put_address(in, c, family);
        if (!id.len)
            continue;
        bool alone = n == 1 && c->is_new;
        bool billing =
            part(in, family, "default_billing", &v) || part(in, family, "is_default_billing", &v);
        if (billing ? is_yes(v) : alone && !c->billing.len)
            c->billing = id;
        bool shipping =
            part(in, family, "default_shipping", &v) || part(in, family, "is_default_shipping", &v);
        if (shipping ? is_yes(v) : alone && !c->shipping.len)
            c->shipping = id;
    }
}

static void put_addresses(struct csv_import *in, struct customer *c)
{
    static const char *const same[] = {"same_as_billing", "use_billing_as_shipping",
                                       "billing_is_shipping"};
    static const struct slice none;
    struct slice v;
    c->billing = put_address(in, c, "billing_");
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (cell_filled(in, same[i], &v) && is_yes(v))
            c->shipping = c->billing;
    if (!c->shipping.len)
        c->shipping = put_address(in, c, "shipping_");
    put_numbered(in, c);
    if (c->billing.len)
        eav_put(in, type, table, "default_billing", c->id, none, c->billing, "default_billing");
    if (c->shipping.len)
        eav_put(in, type, table, "default_shipping", c->id, none, c->shipping, "default_shipping");
}

/* --- addresses that the record has no more -------------------------------------------------------
 */

/* The file has columns for such an address, and the record nothing in any of them. */
static bool is_emptied(struct csv_import *in, const char *family)
{
    char street[80], city[80];
    snprintf(street, sizeof street, "%sstreet", family);
    snprintf(city, sizeof city, "%scity", family);
    return (has_column(in, street) || has_column(in, city)) && !is_filled(in, family);
}

/* The default address goes, and the record names no other. */
static void empty_default(struct csv_import *in, const struct customer *c, const char *code,
                          struct slice other, uint64_t address)
{
    static const struct slice none;
    const struct shop_attribute *a = shop_attribute(in->shop, type, slice_of(code));
    bool found = false;
    if (!a || other.len)
        return;
    shop_ask(in->shop, &found,
             "SELECT 1 FROM %s WHERE entity_id = %lu AND attribute_id = "
             "%lu AND value = %lu LIMIT 1",
             shop_table_name(in->shop, "customer_entity_int"), c->target, a->id, address);
    if (found)
        eav_put(in, type, table, code, c->id, none, slice_of(""), code);
}

/* What the customer has entered at the destination stays, even where the record's address turned
 * out to be the same. */
static void drop_address(struct csv_import *in, const struct customer *c, const char *family)
{
    uint64_t target;
    struct slice id = address_id(in, c, family);
    if (!is_emptied(in, family) || !shop_made(in->shop, address_table, id, &target))
        return;
    empty_default(in, c, "default_billing", c->billing, target);
    empty_default(in, c, "default_shipping", c->shipping, target);
    struct shop_row r = shop_row(in->shop, address_table);
    row_id(&r, "entity_id", id);
    row_id(&r, "parent_id", c->id);
    row_delete(&r);
}

/* By the first of the customer's records: others add to it. */
static void drop_addresses(struct csv_import *in, const struct customer *c)
{
    char family[16];
    bool first = shop_once(in->shop, shop_format(in->shop, "addresses of\n%.*s", (int)c->id.len,
                                                 (const char *)c->id.p));
    if (!first || !c->registered || in->o->config->on_duplicate != DUPLICATE_UPDATE)
        return;
    drop_address(in, c, "billing_");
    drop_address(in, c, "shipping_");
    for (int n = 1; n <= NUMBERED; n++) {
        snprintf(family, sizeof family, "address%d_", n);
        drop_address(in, c, family);
    }
}

static void take_customer(struct csv_import *in)
{
    static const struct slice none;
    struct customer c;
    if (!read_customer(in, &c))
        return;
    shop_begin(in->shop, c.id);
    put_root(in, &c);
    eav_put_values(in->state, in, c.id, none);
    put_addresses(in, &c);
    drop_addresses(in, &c);
    shop_commit(in->shop);
}

const struct csv_kind csv_customers = {.entity = "customer",
                                       .id = "entity_id",
                                       .needed = {"email"},
                                       .open = open_customers,
                                       .record = take_customer,
                                       .close = close_customers};
