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
    for (size_t i = 0; own[i]; i++)
        if (strcmp(own[i], column) == 0)
            return true;
    for (size_t i = 0; !f->stores && unused[i]; i++) /* the shop keeps no names of subscribers */
        if (strcmp(unused[i], column) == 0)
            return true;
    return strcmp(f->id, column) == 0;
}

static void open_flat(struct csv_import *in)
{
    const struct form *f = form_of(in);
    bool *taken = calloc(records_column_count(in->file) + 1, sizeof *taken);
    in->state = taken;
    if (!taken) {
        shop_no_memory(in->shop);
        return;
    }
    if (!has_column(in, f->key))
        shop_invalid(in->shop, "%s has no column %s, which every record needs",
                     records_path(in->file), f->key);
    for (uint32_t i = 0; i < records_column_count(in->file); i++) {
        const char *name = records_column(in->file, i);
        taken[i] = *name && !is_own(in, name) && shop_has_column(in->shop, f->table, name);
        if (*name && !taken[i] && !is_own(in, name))
            column_unknown(in, name);
    }
}

static void close_flat(struct csv_import *in)
{
    free(in->state);
}

static bool given_id(const struct csv_import *in, struct slice *id)
{
    return cell_filled(in, form_of(in)->id, id) || cell_filled(in, "entity_id", id);
}

static void set_cells(struct csv_import *in, struct shop_row *r)
{
    const bool *taken = in->state;
    for (uint32_t i = 0; i < records_column_count(in->file); i++)
        if (taken[i])
            row_set(r, records_column(in->file, i), in->record->fields[i],
                    records_column(in->file, i));
}

static bool asked(struct csv_import *in, const char *sql)
{
    bool found;
    shop_ask(in->shop, &found, sql);
    return found;
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

static void set_customer(struct csv_import *in, struct shop_row *r, struct slice email)
{
    struct slice v, website;
    if (cell_filled(in, "customer_id", &v)) {
        row_id(r, "customer_id", v);
        return;
    }
    shop_refer_default(in->shop, NAME_WEBSITE, &website);
    if (shop_refer_customer(in->shop, email, website, &v))
        row_id(r, "customer_id", v);
}

static void take_subscriber(struct csv_import *in)
{
    struct shop *s = in->shop;
    struct slice email, id, v, store;
    uint64_t target;
    if (!read_key(in, &email))
        return;
    if (!memchr(email.p, '@', email.len))
        shop_invalid(s, "subscriber_email: '%.*s' is no e-mail address", (int)email.len,
                     (const char *)email.p);
    if (!given_id(in, &id))
        id = shop_id(s, "email", email, slice_of(""));
    bool given = cell_filled(in, "store_id", &v);
    bool known = shop_registered(s, "newsletter", id, &target);
    bool new =
        !known && !asked(in, (const char *)shop_format(
                                 s, "SELECT 1 FROM %s WHERE subscriber_email = %s LIMIT 1",
                                 shop_table_name(s, "newsletter_subscriber"), shop_quote(s, email))
                                 .p);
    store =
        given ? shop_refer(s, NAME_STORE, v, "store_id") : shop_refer_default(s, NAME_STORE, NULL);
    struct shop_row r = shop_row(s, "newsletter_subscriber");
    if (new) {
        row_number(&r, "subscriber_status", 1);
        row_set(&r, "change_status_at", shop_now(s), "change_status_at");
        set_code(in, &r);
    }
    set_cells(in, &r);
    row_id(&r, "subscriber_id", id);
    if (given || !known)
        row_id(&r, "store_id", store);
    set_customer(in, &r, email);
    shop_begin(s, id);
    row_put(&r);
    shop_commit(s);
}

/* --- blocks and pages ----------------------------------------------------------------------------
 */

static void put_store(struct csv_import *in, struct slice id, struct slice store)
{
    const struct form *f = form_of(in);
    struct shop_row r = shop_row(in->shop, f->stores);
    row_id(&r, f->id, id);
    row_id(&r, "store_id", store);
    row_put(&r);
}

/* One of the stores that the destination has it in; false: it has it in none. */
static bool store_there(struct csv_import *in, struct slice identifier, struct slice *store)
{
    const struct form *f = form_of(in);
    struct shop *s = in->shop;
    bool found;
    *store = shop_ask(s, &found,
                      (const char *)shop_format(
                          s,
                          "SELECT x.store_id FROM %s c JOIN %s x USING (%s) WHERE c.identifier = "
                          "%s ORDER BY x.store_id LIMIT 1",
                          shop_table_name(s, f->table), shop_table_name(s, f->stores), f->id,
                          shop_quote(s, identifier))
                          .p);
    return found;
}

static void put_stores(struct csv_import *in, struct slice id, struct slice identifier)
{
    static const char *const names[] = {"store", NULL};
    struct slice v, store = slice_of("0");
    bool any = false;
    if (!cell_filled(in, "store_ids", &v) && !cell_filled(in, "stores", &v))
        cell_filled(in, "store_id", &v);
    const struct nested list = nested_read(in->shop, v, names, "store_ids");
    for (uint32_t i = 0; i < list.count; i++)
        if (nested_get(&list.items[i], &v, "store", "store_id", NULL) && v.len) {
            put_store(in, id, shop_refer(in->shop, NAME_STORE, v, "store_ids"));
            any = true;
        }
    if (any)
        return;
    store_there(in, identifier, &store);
    put_store(in, id, shop_refer(in->shop, NAME_STORE, store.len ? store : slice_of("0"), "store"));
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
    struct slice identifier, id, v, there;
    uint64_t target;
    bool page = in->kind == &csv_pages;
    if (!read_key(in, &identifier))
        return;
    if (!is_identifier(identifier, page))
        shop_invalid(s, "identifier: '%.*s' has characters that none may have", (int)identifier.len,
                     (const char *)identifier.p);
    if (!given_id(in, &id))
        id = shop_id(s, "identifier", identifier, slice_of(""));
    bool new =
        !shop_registered(s, in->kind->entity, id, &target) && !store_there(in, identifier, &there);
    if (new && !cell_filled(in, "title", &v))
        shop_invalid(s, "title is empty, which a new %s needs", f->kind);
    struct shop_row r = shop_row(s, f->table);
    if (new) {
        row_set(&r, "creation_time", shop_now(s), "creation_time");
        row_set(&r, "update_time", shop_now(s), "update_time");
        row_number(&r, "is_active", 1);
        row_text(&r, "root_template", "one_column");
    }
    set_cells(in, &r);
    row_id(&r, f->id, id);
    shop_begin(s, id);
    row_put(&r);
    put_stores(in, id, identifier);
    shop_commit(s);
}

const struct csv_kind csv_newsletter = {.entity = "newsletter",
                                        .id = "subscriber_id",
                                        .open = open_flat,
                                        .record = take_subscriber,
                                        .close = close_flat};
const struct csv_kind csv_blocks = {.entity = "cms_block",
                                    .id = "block_id",
                                    .open = open_flat,
                                    .record = take_content,
                                    .close = close_flat};
const struct csv_kind csv_pages = {.entity = "cms_page",
                                   .id = "page_id",
                                   .open = open_flat,
                                   .record = take_content,
                                   .close = close_flat};
