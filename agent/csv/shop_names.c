/* What the destination has: attributes, options, codes; and the rows that name them. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/csv/nested.h"
#include "agent/csv/shop_internal.h"

/* --- questions ---------------------------------------------------------------------------------
 */

const char *shop_quote(struct shop *s, struct slice text)
{
    BUF_AUTO struct buf b = {0};
    int rc = buf_puts(&b, "_utf8mb4 X'");
    for (size_t i = 0; i < text.len && rc == 0; i++)
        rc = buf_printf(&b, "%02x", text.p[i]);
    if (rc || buf_puts(&b, "'"))
        shop_no_memory(s);
    return (const char *)shop_format(s, "%s", buf_cstr(&b)).p;
}

static MYSQL_RES *select_rows(struct shop *s, struct slice sql)
{
    MYSQL_RES *rows = s->rc ? NULL : db_select(s->destination.db, &s->err, "%s", sql.p);
    if (!rows && !s->rc)
        shop_fail(s, s->err.code ? s->err.code : DS_ESERVER);
    return rows;
}

MYSQL_RES *shop_select(struct shop *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct slice sql = shop_vformat(s, fmt, ap);
    va_end(ap);
    return select_rows(s, sql);
}

static struct slice ask(struct shop *s, bool *found, struct slice sql)
{
    struct slice value = slice_of("");
    MYSQL_RES *rows = select_rows(s, sql);
    MYSQL_ROW row = rows ? mysql_fetch_row(rows) : NULL;
    *found = row && row[0];
    if (*found)
        value = shop_format(s, "%.*s", (int)mysql_fetch_lengths(rows)[0], row[0]);
    mysql_free_result(rows);
    return value;
}

struct slice shop_ask(struct shop *s, bool *found, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct slice sql = shop_vformat(s, fmt, ap);
    va_end(ap);
    return ask(s, found, sql);
}

bool shop_ask_number(struct shop *s, uint64_t *out, const char *fmt, ...)
{
    va_list ap;
    bool found;
    va_start(ap, fmt);
    struct slice sql = shop_vformat(s, fmt, ap), value = ask(s, &found, sql);
    va_end(ap);
    *out = found ? strtoull((const char *)value.p, NULL, 10) : 0;
    return found;
}

static const char *registry(struct shop *s)
{
    BUF_AUTO struct buf name = {0};
    if (sql_table(&name, s->o.config->state_database, "datasync_entity_registry"))
        shop_no_memory(s);
    return (const char *)shop_format(s, "%s", buf_cstr(&name)).p;
}

/* Rows of the destination whose id a row `r` of the registry has. type: an entity, whose root they
 * are, or a member's table. */
static const char *select_registered(struct shop *s, const char *type)
{
    const struct catalogue_entity *e = catalogue_find(s->o.catalogue, type);
    const struct catalogue_table *t = e ? &e->tables[0] : NULL;
    if (!t && !catalogue_lookup(s->o.catalogue, type, &e, &t)) {
        shop_fail(s, error_set(&s->err, DS_EUSAGE, "the catalogue knows no %s", type));
        return "";
    }
    return (const char *)shop_format(s, "SELECT 1 FROM %s x WHERE x.%s = r.target_id",
                                     shop_table_name(s, t->table), t->key ? t->key : t->link)
        .p;
}

/* What has been deleted at the destination counts as never registered. */
static bool ask_registry(struct shop *s, const char *type, struct slice id, const char *condition,
                         uint64_t *target)
{
    *target = 0;
    if (s->rc || !s->has_registry || !id.len)
        return false;
    return shop_ask_number(
        s, target,
        "SELECT r.target_id FROM %s r WHERE r.source_system = %s AND r.entity_type = "
        "'%s' AND r.source_id = %s COLLATE utf8mb4_bin%s AND EXISTS (%s)",
        registry(s), shop_quote(s, slice_of(s->o.config->source_system)), type, shop_quote(s, id),
        condition, select_registered(s, type));
}

bool shop_registered(struct shop *s, const char *type, struct slice id, uint64_t *target)
{
    return ask_registry(s, type, id, "", target);
}

bool shop_made(struct shop *s, const char *type, struct slice id, uint64_t *target)
{
    return ask_registry(s, type, id, " AND r.origin = 'created'", target);
}

bool shop_source_id(struct shop *s, const char *type, uint64_t target, struct slice *id)
{
    bool found = false;
    *id = slice_of("");
    if (s->rc || !s->has_registry)
        return false;
    *id = shop_ask(s, &found,
                   "SELECT source_id FROM %s WHERE source_system = %s AND entity_type = "
                   "'%s' AND target_id = %lu ORDER BY LENGTH(source_id), source_id LIMIT 1",
                   registry(s), shop_quote(s, slice_of(s->o.config->source_system)), type, target);
    return found;
}

/* --- attributes --------------------------------------------------------------------------------
 */

static struct slice keep_text(struct shop *s, const char *text)
{
    return text ? shop_keep(s, text, strlen(text)) : slice_of("");
}

int shop_load_attributes(struct shop *s)
{
    MYSQL_RES *rows =
        shop_select(s,
                    "SELECT t.entity_type_code, a.attribute_code, a.backend_type, "
                    "a.frontend_input, a.source_model, a.attribute_id, a.is_required, "
                    "EXISTS (SELECT 1 FROM %s o WHERE o.attribute_id = a.attribute_id) "
                    "FROM %s a JOIN %s t USING (entity_type_id)",
                    shop_table_name(s, "eav_attribute_option"), shop_table_name(s, "eav_attribute"),
                    shop_table_name(s, "eav_entity_type"));
    if (!rows)
        return s->rc;
    s->attributes = calloc(mysql_num_rows(rows) + 1, sizeof *s->attributes);
    if (!s->attributes)
        shop_no_memory(s);
    for (MYSQL_ROW row; s->attributes && (row = mysql_fetch_row(rows));) {
        struct shop_attribute *a = &s->attributes[s->attribute_count++];
        *a = (struct shop_attribute){.type = keep_text(s, row[0]),
                                     .code = keep_text(s, row[1]),
                                     .backend = keep_text(s, row[2]),
                                     .input = keep_text(s, row[3]),
                                     .source = keep_text(s, row[4]),
                                     .id = strtoull(row[5], NULL, 10),
                                     .required = *row[6] == '1'};
        bool list = slice_is(a->input, "select") || slice_is(a->input, "multiselect");
        a->options = list && (*row[7] == '1' || !a->source.len ||
                              slice_is(a->source, "eav/entity_attribute_source_table"));
    }
    mysql_free_result(rows);
    arena_reset(&s->arena, 0);
    return s->rc;
}

const struct shop_attribute *shop_attribute(struct shop *s, const char *type, struct slice code)
{
    for (size_t i = 0; i < s->attribute_count; i++) {
        const struct shop_attribute *a = &s->attributes[i];
        if (a->code.len == code.len && memcmp(a->code.p, code.p, code.len) == 0 &&
            slice_is(a->type, type))
            return a;
    }
    return NULL;
}

/* --- tables of names ---------------------------------------------------------------------------
 */

static const struct name_form {
    const char *entity, *table, *id, *code;
    const char *extra; /* a column that goes with it, NULL: none */
    const char *where; /* which of them */
    const char *kind;  /* for people */
    const char *first; /* the one that stands for none given: ORDER BY this */
} forms[NAME_COUNT] = {
    [NAME_STORE] = {"store", "core_store", "store_id", "code", NULL, "1", "store",
                    "store_id = 0, store_id"},
    [NAME_WEBSITE] = {"website", "core_website", "website_id", "code", NULL, "1", "website",
                      "is_default DESC, website_id = 0, website_id"},
    [NAME_CUSTOMER_GROUP] = {"customer_group", "customer_group", "customer_group_id",
                             "customer_group_code", NULL, "1", "customer group",
                             "customer_group_id = 0, customer_group_id"},
    [NAME_PRODUCT_TAX_CLASS] = {"tax_class", "tax_class", "class_id", "class_name", "class_type",
                                "class_type = 'PRODUCT'", "tax class", "class_id"},
    [NAME_CUSTOMER_TAX_CLASS] = {"tax_class", "tax_class", "class_id", "class_name", "class_type",
                                 "class_type = 'CUSTOMER'", "tax class", "class_id"},
    [NAME_PRODUCT_SET] = {"attribute_set", "eav_attribute_set", "attribute_set_id",
                          "attribute_set_name", "entity_type_id", "catalog_product",
                          "attribute set", NULL},
    [NAME_CATEGORY_SET] = {"attribute_set", "eav_attribute_set", "attribute_set_id",
                           "attribute_set_name", "entity_type_id", "catalog_category",
                           "attribute set", NULL},
    [NAME_CUSTOMER_SET] = {"attribute_set", "eav_attribute_set", "attribute_set_id",
                           "attribute_set_name", "entity_type_id", "customer", "attribute set",
                           NULL},
    [NAME_ADDRESS_SET] = {"attribute_set", "eav_attribute_set", "attribute_set_id",
                          "attribute_set_name", "entity_type_id", "customer_address",
                          "attribute set", NULL},
    [NAME_STOCK] = {"cataloginventory_stock", "cataloginventory_stock", "stock_id", "stock_name",
                    NULL, "1", "stock", "stock_id"},
};

/* Attribute sets are those of a type, whose default one stands first. */
static const char *select_names(struct shop *s, const struct name_form *f)
{
    if (f->first)
        return (const char *)shop_format(s, "SELECT %s, %s, %s FROM %s WHERE %s ORDER BY %s", f->id,
                                         f->code, f->extra ? f->extra : "''",
                                         shop_table_name(s, f->table), f->where, f->first)
            .p;
    return (const char *)shop_format(
               s,
               "SELECT a.attribute_set_id, a.attribute_set_name, t.entity_type_code FROM %s a "
               "JOIN %s t USING (entity_type_id) WHERE t.entity_type_code = '%s' ORDER BY "
               "a.attribute_set_id <> t.default_attribute_set_id, a.attribute_set_id",
               shop_table_name(s, f->table), shop_table_name(s, "eav_entity_type"), f->where)
        .p;
}

static void load_names(struct shop *s, enum shop_name name)
{
    if (s->rc || s->names_loaded[name])
        return;
    MYSQL_RES *rows = shop_select(s, "%s", select_names(s, &forms[name]));
    if (!rows)
        return;
    s->names[name] = calloc(mysql_num_rows(rows) + 1, sizeof **s->names);
    if (!s->names[name])
        shop_no_memory(s);
    for (MYSQL_ROW row; s->names[name] && (row = mysql_fetch_row(rows));)
        s->names[name][s->name_count[name]++] =
            (struct named){keep_text(s, row[0]), keep_text(s, row[1]), keep_text(s, row[2])};
    s->names_loaded[name] = true;
    mysql_free_result(rows);
}

static struct slice refer_named(struct shop *s, enum shop_name name, const struct named *n)
{
    const struct name_form *f = &forms[name];
    bool zero = slice_is(n->number, "0");
    struct slice id = zero ? n->number : shop_id(s, "", n->code, n->extra);
    struct slice type = f->first ? n->extra : shop_refer_type(s, (const char *)f->where);
    if (!shop_refer_begin(s, f->entity, id))
        return id;
    struct shop_row r = shop_refer_row(s, f->table);
    row_id(&r, f->id, id);
    row_set(&r, f->code, n->code, f->kind);
    if (f->extra && f->first)
        row_set(&r, f->extra, n->extra, f->kind);
    else if (f->extra)
        row_id(&r, f->extra, type);
    row_put(&r);
    shop_refer_end(s);
    return id;
}

struct slice shop_refer(struct shop *s, enum shop_name name, struct slice value, const char *what)
{
    load_names(s, name);
    value = slice_trim(value);
    for (int by_number = 0; by_number < 2; by_number++)
        for (size_t i = 0; i < s->name_count[name]; i++) {
            const struct named *n = &s->names[name][i];
            struct slice is = by_number ? n->number : n->code;
            if (is.len && is.len == value.len &&
                strncasecmp((const char *)is.p, (const char *)value.p, is.len) == 0)
                return refer_named(s, name, n);
        }
    shop_invalid(s, "%s: the destination has no %s '%.*s'", what, forms[name].kind, (int)value.len,
                 (const char *)value.p);
    return slice_of("");
}

struct slice shop_refer_default(struct shop *s, enum shop_name name, struct slice *code)
{
    load_names(s, name);
    if (s->name_count[name]) {
        if (code)
            *code = s->names[name][0].code;
        return refer_named(s, name, &s->names[name][0]);
    }
    shop_invalid(s, "the destination has no %s at all", forms[name].kind);
    return slice_of("");
}

size_t shop_name_count(struct shop *s, enum shop_name name)
{
    load_names(s, name);
    return s->name_count[name];
}

void shop_name_at(struct shop *s, enum shop_name name, size_t i, struct slice *number,
                  struct slice *code)
{
    *number = s->names[name][i].number;
    *code = s->names[name][i].code;
}

struct slice shop_refer_type(struct shop *s, const char *code)
{
    struct slice id = slice_of(code);
    if (shop_refer_begin(s, "entity_type", id)) {
        struct shop_row r = shop_refer_row(s, "eav_entity_type");
        row_id(&r, "entity_type_id", id);
        row_set(&r, "entity_type_code", id, "type");
        row_put(&r);
        shop_refer_end(s);
    }
    return id;
}

/* --- attributes and options ------------------------------------------------------------------ */

static void put_attribute_row(struct shop *s, const struct shop_attribute *a, struct slice id)
{
    struct shop_row r = shop_refer_row(s, "eav_attribute");
    row_id(&r, "attribute_id", id);
    row_id(&r, "entity_type_id", a->type);
    row_set(&r, "attribute_code", a->code, "attribute");
    row_put(&r);
}

struct slice shop_refer_attribute(struct shop *s, const struct shop_attribute *a)
{
    struct slice id = shop_id(s, "", a->type, a->code);
    shop_refer_type(s, (const char *)shop_format(s, "%.*s", (int)a->type.len, a->type.p).p);
    if (shop_refer_begin(s, "attribute", id)) {
        put_attribute_row(s, a, id);
        shop_refer_end(s);
    }
    return id;
}

/* Key under which a label of the destination is known. */
static struct slice label_key(struct shop *s, const struct shop_attribute *a, struct slice label)
{
    struct slice key =
        shop_format(s, "label\n%lu\n%.*s", a->id, (int)label.len, (const char *)label.p);
    uint8_t *p = (uint8_t *)key.p;
    for (size_t i = 0; i < key.len; i++)
        p[i] = (uint8_t)tolower(p[i]);
    return key;
}

static void load_labels(struct shop *s, const struct shop_attribute *a)
{
    char key[40];
    unsigned n = 0;
    snprintf(key, sizeof key, "labels\n%lu", a->id);
    if (s->rc || shop_find(s, slice_of(key)))
        return;
    MYSQL_RES *rows = shop_select(s,
                                  "SELECT v.value FROM %s o JOIN %s v USING (option_id) WHERE "
                                  "o.attribute_id = %lu AND v.store_id = 0 ORDER BY "
                                  "o.sort_order, o.option_id",
                                  shop_table_name(s, "eav_attribute_option"),
                                  shop_table_name(s, "eav_attribute_option_value"), a->id);
    shop_learn(s, slice_of(key), slice_of(""));
    for (MYSQL_ROW row; rows && (row = mysql_fetch_row(rows));) {
        struct slice label = slice_of(row[0] ? row[0] : "");
        shop_learn(s, shop_format(s, "label\n%lu\nno. %u", a->id, ++n), label);
        if (!shop_find(s, label_key(s, a, label)))
            shop_learn(s, label_key(s, a, label), label);
    }
    mysql_free_result(rows);
}

bool shop_option_label(struct shop *s, const struct shop_attribute *a, unsigned n,
                       struct slice *label)
{
    load_labels(s, a);
    const struct known *k =
        s->rc ? NULL : shop_find(s, shop_format(s, "label\n%lu\nno. %u", a->id, n));
    *label = k ? k->value : slice_of("");
    return k != NULL;
}

struct slice shop_refer_option(struct shop *s, const struct shop_attribute *a, struct slice label)
{
    label = slice_trim(label);
    load_labels(s, a);
    const struct known *k = s->rc ? NULL : shop_find(s, label_key(s, a, label));
    if (!k && !s->rc)
        k = shop_learn(s, label_key(s, a, label), label); /* a new one, and its spelling */
    if (!k)
        return slice_of("");
    struct slice attribute = shop_refer_attribute(s, a);
    struct slice id = shop_id(s, "", attribute, k->value);
    struct slice admin = shop_refer(s, NAME_STORE, slice_of("0"), "store");
    struct slice key = shop_format(s, "option\n%.*s", (int)id.len, (const char *)id.p);
    if (s->rc || shop_find(s, key))
        return id;
    shop_learn(s, key, slice_of(""));
    /* the attribute once more, with this option */
    shop_refer_begin(s, "attribute",
                     shop_format(s, "%.*s\n%.*s", (int)attribute.len, (const char *)attribute.p,
                                 (int)id.len, (const char *)id.p));
    s->reference_key = shop_raw_id(s, attribute);
    put_attribute_row(s, a, attribute);
    struct shop_row o = shop_refer_row(s, "eav_attribute_option");
    row_id(&o, "option_id", id);
    row_id(&o, "attribute_id", attribute);
    row_put(&o);
    struct shop_row v = shop_refer_row(s, "eav_attribute_option_value");
    row_id(&v, "option_id", id);
    row_id(&v, "store_id", admin);
    row_set(&v, "value", k->value, "label");
    row_put(&v);
    shop_refer_end(s);
    return id;
}

/* --- rows of other entities --------------------------------------------------------------------
 */

/* A row of the destination, found by `sql`, which gives its id, a blank, and what it is known by.
 * *id: what SOURCE calls it; if it has not come from there, it stays, and *named is to be put.
 * False: there is none. */
static bool find_row(struct shop *s, const char *entity, struct slice key, const char *sql,
                     struct slice *id, struct slice *named)
{
    const struct known *k = s->rc ? NULL : shop_find(s, key);
    bool found;
    struct slice number, own;
    if (!k && !s->rc) {
        struct slice value = shop_ask(s, &found, "%s", sql);
        k = s->rc ? NULL : shop_learn(s, key, found ? value : slice_of(""));
    }
    if (!k || !k->value.len)
        return false;
    *named = k->value;
    nested_next(named, ' ', &number);
    if (shop_source_id(s, entity, strtoull((const char *)number.p, NULL, 10), &own)) {
        *id = own;
        named->len = 0;
    }
    return !s->rc;
}

bool shop_refer_product(struct shop *s, struct slice sku, struct slice *id)
{
    struct slice named;
    *id = shop_id(s, "sku", sku, slice_of(""));
    if (!find_row(s, "product",
                  shop_format(s, "product of\n%.*s", (int)sku.len, (const char *)sku.p),
                  (const char *)shop_format(
                      s, "SELECT CONCAT(entity_id, ' ', sku) FROM %s WHERE sku = %s LIMIT 1",
                      shop_table_name(s, "catalog_product_entity"), shop_quote(s, sku))
                      .p,
                  id, &named))
        return false;
    if (named.len && shop_refer_begin(s, "product", *id)) {
        struct shop_row r = shop_refer_row(s, "catalog_product_entity");
        row_id(&r, "entity_id", *id);
        row_set(&r, "sku", named, "sku");
        row_put(&r);
        shop_refer_end(s);
    }
    return true;
}

bool shop_refer_customer(struct shop *s, struct slice email, struct slice website, struct slice *id)
{
    struct slice named, website_id = shop_refer(s, NAME_WEBSITE, website, "website");
    *id = shop_id(s, "email", email, website);
    if (!find_row(s, "customer",
                  shop_format(s, "customer of\n%.*s\n%.*s", (int)email.len, (const char *)email.p,
                              (int)website.len, (const char *)website.p),
                  (const char *)shop_format(
                      s,
                      "SELECT CONCAT(c.entity_id, ' ', c.email) FROM %s c JOIN %s w USING "
                      "(website_id) WHERE c.email = %s AND w.code = %s LIMIT 1",
                      shop_table_name(s, "customer_entity"), shop_table_name(s, "core_website"),
                      shop_quote(s, email), shop_quote(s, website))
                      .p,
                  id, &named))
        return false;
    if (named.len && shop_refer_begin(s, "customer", *id)) {
        struct shop_row r = shop_refer_row(s, "customer_entity");
        row_id(&r, "entity_id", *id);
        row_set(&r, "email", named, "email");
        row_id(&r, "website_id", website_id);
        row_put(&r);
        shop_refer_end(s);
    }
    return true;
}

void shop_check_country(struct shop *s, struct slice country, const char *what)
{
    struct slice known,
        key = shop_format(s, "country\n%.*s", (int)country.len, (const char *)country.p);
    bool found;
    if (shop_recall(s, key, &known))
        return;
    shop_ask(s, &found, "SELECT country_id FROM %s WHERE country_id = %s",
             shop_table_name(s, "directory_country"), shop_quote(s, country));
    if (!found)
        shop_invalid(s, "%s: '%.*s' is no country that the destination has (codes such as GB)",
                     what, (int)country.len, (const char *)country.p);
    shop_remember(s, key, slice_of(""));
}

bool shop_refer_region(struct shop *s, struct slice country, struct slice region, struct slice *id,
                       struct slice *name)
{
    *id = *name = slice_of("");
    MYSQL_RES *rows = shop_select(
        s,
        "SELECT code, default_name FROM %s WHERE country_id = %s AND (code = %s OR "
        "default_name = %s OR region_id = %s) ORDER BY code = %s DESC LIMIT 1",
        shop_table_name(s, "directory_country_region"), shop_quote(s, country),
        shop_quote(s, region), shop_quote(s, region), shop_quote(s, region), shop_quote(s, region));
    MYSQL_ROW row = rows ? mysql_fetch_row(rows) : NULL;
    if (row && row[0]) {
        struct slice code = shop_format(s, "%s", row[0]);
        *name = shop_format(s, "%s", row[1] ? row[1] : row[0]);
        *id = shop_id(s, "", country, code.len ? code : *name);
        if (shop_refer_begin(s, "country", *id)) {
            s->reference_key = shop_raw_id(s, country);
            struct shop_row c = shop_refer_row(s, "directory_country");
            row_set(&c, "country_id", country, "country");
            row_put(&c);
            struct shop_row r = shop_refer_row(s, "directory_country_region");
            row_id(&r, "region_id", *id);
            row_set(&r, "country_id", country, "country");
            row_set(&r, "code", code, "region");
            if (row[1])
                row_set(&r, "default_name", *name, "region");
            row_put(&r);
            shop_refer_end(s);
        }
    }
    mysql_free_result(rows);
    return id->len > 0;
}
