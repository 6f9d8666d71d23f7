/* Subscribers, blocks and pages: a row, and the stores that it is for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "agent/csv/kinds.h"

/* What is particular to a kind. */
struct form {
    const char *table, *id, *key, *kind; /* key: the column that people know it by */
    const char *stores;                  /* table of its stores, NULL: a column of its own */
};
static const struct form forms[] = {
    {"newsletter_subscriber", "subscriber_id", "subscriber_email", "subscriber", NULL},
    {"cms_block", "block_id", "identifier", "block", "cms_block_store"},
    {"cms_page", "page_id", "identifier", "page", "cms_page_store"},
};

static const struct form *form_of(const struct csv_import *in)
{
    return &forms[in->kind == &csv_newsletter ? 0 : in->kind == &csv_blocks ? 1 : 2];
}

static bool is_own(const struct csv_import *in, const char *column)
{
    static const char *const own[] = {"entity_id", "store_id",    "store_ids",
                                      "stores",    "customer_id", NULL};
    static const char *const unused[] = {"subscriber_firstname", "subscriber_lastname", NULL};
    const struct form *f = form_of(in);
    if (column_is_among(own, column))
        return true;
    for (size_t i = 0; !f->stores && unused[i]; i++) /* the shop keeps no names of subscribers */
        if (strcmp(unused[i], column) == 0)
            return true;
    return strcmp(f->id, column) == 0;
}

static void open_flat(struct csv_import *in)
{
    in->state = columns_open(in, form_of(in)->table, is_own);
}

static void close_flat(struct csv_import *in)
{
    free(in->state);
}

static bool given_id(const struct csv_import *in, struct slice *id)
{
    return cell_filled(in, form_of(in)->id, id) || cell_filled(in, "entity_id", id);
}

/* The source's id and the value of the key; false: there is an error. */
static bool read_key(struct csv_import *in, struct slice *key)
{
    const struct form *f = form_of(in);
    if (!cell_filled(in, f->key, key))
        shop_invalid(in->shop, "%s is empty", f->key);
    return !shop_failed(in->shop);
}

/* --- subscribers -------------------------------------------------------------------------------
 */

static void set_code(struct csv_import *in, struct shop_row *r)
{
    uint64_t random[2];
    struct slice v;
    if (cell_filled(in, "subscriber_confirm_code", &v))
        return;
    if (getrandom(random, sizeof random, 0) == sizeof random)
        row_set(r, "subscriber_confirm_code",
                shop_format(in->shop, "%016lx%016lx", random[0], random[1]), "code");
}

static void set_customer(struct csv_import *in, struct shop_row *r, struct slice email,
                         struct slice store)
{
    struct slice v;
    if (cell_filled(in, "customer_id", &v) || customer_by_email(in->shop, email, store, &v))
        row_id(r, "customer_id", v);
}

static bool ask_store(struct shop *s, const char *where, struct slice *store)
{
    bool found;
    *store = shop_ask(s, &found,
                      "SELECT COALESCE(x.code, '') FROM %s n LEFT JOIN %s x ON "
                      "x.store_id = n.store_id AND x.store_id > 0 WHERE %s LIMIT 1",
                      shop_table_name(s, "newsletter_subscriber"), shop_table_name(s, "core_store"),
                      where);
    return found;
}

/* Has the destination got it, and in which store? */
static bool find_subscriber(struct csv_import *in, struct slice id, struct slice email,
                            struct slice *store)
{
    struct shop *s = in->shop;
    uint64_t target;
    return (shop_registered(s, "newsletter", id, &target) &&
            ask_store(s, (const char *)shop_format(s, "n.subscriber_id = %lu", target).p, store)) ||
           ask_store(
               s, (const char *)shop_format(s, "n.subscriber_email = %s", shop_quote(s, email)).p,
               store);
}

static void take_subscriber(struct csv_import *in)
{
    struct shop *s = in->shop;
    struct slice email, id, v, store;
    if (!read_key(in, &email))
        return;
    if (!memchr(email.p, '@', email.len))
        shop_invalid(s, "subscriber_email: '%.*s' is no e-mail address", (int)email.len,
                     (const char *)email.p);
    if (!given_id(in, &id))
        id = shop_id(s, "email", email, slice_of(""));
    const struct natural_key key = {
        "newsletter_subscriber", "subscriber_email", "subscriber_email", email, NULL, 0};
    entity_again(in, &key, id);
    bool given = cell_filled(in, "store_id", &v);
    bool new = !find_subscriber(in, id, email, &store);
    if (given)
        store = shop_refer(s, NAME_STORE, v, "store_id");
    else if (new)
        store = shop_refer_default(s, NAME_STORE, NULL);
    struct shop_row r = shop_row(s, "newsletter_subscriber");
    if (new) {
        row_number(&r, "subscriber_status", 1);
        row_set(&r, "change_status_at", shop_now(s), "change_status_at");
        set_code(in, &r);
    }
    columns_set(in, in->state, &r);
    row_id(&r, "subscriber_id", id);
    if (given || new)
        row_id(&r, "store_id", store);
    set_customer(in, &r, email, store);
    shop_begin(s, id);
    row_put(&r);
    shop_commit(s);
}

/* --- blocks and pages ----------------------------------------------------------------------------
 */

struct content { /* of the record in hand */
    struct slice id, identifier;
    bool id_given;        /* by the file; else it is made of the identifier and the stores */
    struct slice *stores; /* that the record names */
    uint32_t store_count;
    bool registered, is_new;
    uint64_t target;    /* its id at the destination, if registered */
    struct slice store; /* found by identifier: one of its stores, by which it is found again */
};

static void read_stores(struct csv_import *in, struct content *c)
{
    static const char *const names[] = {"store", NULL};
    struct shop *s = in->shop;
    struct slice v;
    if (!cell_filled(in, "store_ids", &v) && !cell_filled(in, "stores", &v))
        cell_filled(in, "store_id", &v);
    const struct nested list = nested_read(s, v, names, "store_ids");
    c->stores = arena_alloc(shop_arena(s), (list.count + 1) * sizeof *c->stores);
    if (!c->stores)
        shop_no_memory(s);
    for (uint32_t i = 0; c->stores && i < list.count; i++)
        if (nested_get(&list.items[i], &v, "store", "store_id", NULL) && v.len)
            c->stores[c->store_count++] = shop_refer(s, NAME_STORE, v, "store_ids");
}

static void read_id(struct csv_import *in, struct content *c)
{
    struct slice stores = slice_of("");
    c->id_given = given_id(in, &c->id);
    for (uint32_t i = 0; i < c->store_count; i++)
        stores = shop_format(in->shop, "%.*s%s%.*s", (int)stores.len, (const char *)stores.p,
                             i ? "," : "", (int)c->stores[i].len, (const char *)c->stores[i].p);
    if (!c->id_given)
        c->id = shop_id(in->shop, "identifier", c->identifier, stores);
}

static bool is_named(const struct content *c, const char *store)
{
    for (uint32_t i = 0; i < c->store_count; i++)
        if (slice_is(c->stores[i], store))
            return true;
    return c->store_count == 0;
}

/* The destination's with this identifier in one of the record's stores, or in any if it names none.
 */
static bool find_by_identifier(struct csv_import *in, struct content *c)
{
    const struct form *f = form_of(in);
    struct shop *s = in->shop;
    char first[24] = "";
    MYSQL_RES *rows = shop_select(
        s,
        "SELECT c.%s, IF(x.store_id = 0, '0', t.code) FROM %s c JOIN %s x USING (%s) JOIN "
        "%s t USING (store_id) WHERE c.identifier = %s ORDER BY 1, x.store_id",
        f->id, shop_table_name(s, f->table), shop_table_name(s, f->stores), f->id,
        shop_table_name(s, "core_store"), shop_quote(s, c->identifier));
    for (MYSQL_ROW row; rows && (row = mysql_fetch_row(rows));) {
        if (!is_named(c, row[1]))
            continue;
        if (*first && strcmp(first, row[0]) != 0)
            shop_invalid(s,
                         "identifier: the destination has more than one %s '%.*s'%s: say by stores "
                         "which one is meant",
                         f->kind, (int)c->identifier.len, (const char *)c->identifier.p,
                         c->store_count ? " in these stores" : "");
        snprintf(first, sizeof first, "%s", row[0]);
        c->store = shop_format(s, "%s", row[1]);
    }
    mysql_free_result(rows);
    return *first != '\0';
}

static void find_content(struct csv_import *in, struct content *c)
{
    c->registered = shop_registered(in->shop, in->kind->entity, c->id, &c->target);
    c->is_new = !c->registered && !find_by_identifier(in, c);
}

/* Those that a record without any leaves as they are. */
static void read_own_stores(struct csv_import *in, const struct content *c, struct natural_key *key)
{
    const struct form *f = form_of(in);
    struct shop *s = in->shop;
    MYSQL_RES *rows = shop_select(s,
                                  "SELECT IF(x.store_id = 0, '0', t.code) FROM %s x JOIN %s t "
                                  "USING (store_id) WHERE x.%s = %lu",
                                  shop_table_name(s, f->stores), shop_table_name(s, "core_store"),
                                  f->id, c->target);
    struct slice *stores =
        rows ? arena_alloc(shop_arena(s), (mysql_num_rows(rows) + 1) * sizeof *stores) : NULL;
    if (rows && !stores)
        shop_no_memory(s);
    for (MYSQL_ROW row; stores && (row = mysql_fetch_row(rows));)
        stores[key->scope_count++] = shop_format(s, "%s", row[0]);
    key->scopes = stores;
    mysql_free_result(rows);
}

/* Records are one block or page if the file says so by an id. */
static void check_lone(struct csv_import *in, const struct content *c)
{
    struct shop *s = in->shop;
    struct slice line,
        key = shop_format(s, "lone record of\n%.*s", (int)c->id.len, (const char *)c->id.p);
    if (!c->id_given && shop_recall(s, key, &line))
        shop_invalid(s,
                     "identifier: '%.*s' stands in line %.*s, too: tell the %ss apart by stores, "
                     "or by %s",
                     (int)c->identifier.len, (const char *)c->identifier.p, (int)line.len,
                     (const char *)line.p, form_of(in)->kind, form_of(in)->id);
    shop_remember(s, key, shop_format(s, "%lu", in->record->line));
}

/* No other record has the identifier in any of its stores. */
static void check_identity(struct csv_import *in, const struct content *c)
{
    const struct slice one = c->is_new ? slice_of("0") : c->store;
    struct natural_key key = {form_of(in)->table, "identifier", "identifier",
                              c->identifier,      c->stores,    c->store_count};
    if (!c->store_count && c->registered) {
        read_own_stores(in, c, &key);
    } else if (!c->store_count) {
        key.scopes = &one;
        key.scope_count = 1;
    }
    entity_again(in, &key, c->id);
}

static void put_store(struct csv_import *in, const struct content *c, struct slice store)
{
    const struct form *f = form_of(in);
    struct shop_row r = shop_row(in->shop, f->stores);
    row_id(&r, f->id, c->id);
    row_id(&r, "store_id", store);
    row_put(&r);
}

/* Without any, what is there keeps its own, and what is new is for all. By the last one the import
 * finds what it does not know yet. */
static void put_stores(struct csv_import *in, const struct content *c)
{
    for (uint32_t i = 0; i < c->store_count; i++)
        if (!c->store.len || !slice_is(c->stores[i], (const char *)c->store.p))
            put_store(in, c, c->stores[i]);
    if (c->store.len)
        put_store(in, c, shop_refer(in->shop, NAME_STORE, c->store, "store_ids"));
    else if (c->is_new && !c->store_count)
        put_store(in, c, shop_refer(in->shop, NAME_STORE, slice_of("0"), "store_ids"));
}

static bool is_identifier(struct slice v, bool page)
{
    for (size_t i = 0; i < v.len; i++) {
        uint8_t c = v.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '-';
        if (!letter && !(page && (c == '/' || c == '.')))
            return false;
    }
    return v.len > 0;
}

static void take_content(struct csv_import *in)
{
    const struct form *f = form_of(in);
    struct shop *s = in->shop;
    struct content c = {.store = slice_of("")};
    if (!read_key(in, &c.identifier))
        return;
    if (!is_identifier(c.identifier, in->kind == &csv_pages))
        shop_invalid(s, "identifier: '%.*s' has characters that none may have",
                     (int)c.identifier.len, (const char *)c.identifier.p);
    read_stores(in, &c);
    read_id(in, &c);
    find_content(in, &c);
    check_identity(in, &c);
    check_lone(in, &c);
    struct shop_row r = shop_row(s, f->table);
    if (c.is_new) {
        row_set(&r, "creation_time", shop_now(s), "creation_time");
        row_set(&r, "update_time", shop_now(s), "update_time");
        row_number(&r, "is_active", 1);
        row_text(&r, "root_template", "one_column");
    }
    columns_set(in, in->state, &r);
    row_id(&r, f->id, c.id);
    if (c.is_new)
        columns_check(in, &r);
    shop_begin(s, c.id);
    row_put(&r);
    put_stores(in, &c);
    shop_commit(s);
}

const struct csv_kind csv_newsletter = {.entity = "newsletter",
                                        .id = "subscriber_id",
                                        .needed = {"subscriber_email"},
                                        .open = open_flat,
                                        .record = take_subscriber,
                                        .close = close_flat};
const struct csv_kind csv_blocks = {.entity = "cms_block",
                                    .id = "block_id",
                                    .needed = {"identifier"},
                                    .open = open_flat,
                                    .record = take_content,
                                    .close = close_flat};
const struct csv_kind csv_pages = {.entity = "cms_page",
                                   .id = "page_id",
                                   .needed = {"identifier"},
                                   .open = open_flat,
                                   .record = take_content,
                                   .close = close_flat};
