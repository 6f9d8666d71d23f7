/* Inside the CSV adapter: kinds of entities, and what they share. Not for others.
 *
 * A kind turns each record into rows of the made-up shop. Its functions return nothing: errors
 * stick in the shop, whose record ends behind each call.
 */
#ifndef AGENT_CSV_KINDS_H
#define AGENT_CSV_KINDS_H

#include "agent/csv/csv_copy.h"
#include "agent/csv/nested.h"
#include "agent/csv/records.h"
#include "agent/csv/shop.h"

struct csv_import {
    const struct csv_options *csv;
    const struct entity_copy_options *o;
    struct shop *shop;
    struct records *file;
    const struct record *record; /* in hand */
    const struct csv_kind *kind;
    uint64_t entities; /* that records have been of */
    bool again;        /* … and this one is of one of them */
    bool *met;         /* of the ids that are asked for, then of the numbers: a record has it */
    void *state;       /* the kind's own */
};

struct csv_kind {
    const char *entity;    /* in the catalogue */
    const char *id;        /* column with the source's id */
    const char *needed[2]; /* columns of which a file has to have one; NULL: none */
    void (*open)(struct csv_import *in);
    void (*record)(struct csv_import *in);
    /* Behind the last record, as often as it says that there is more; may be NULL. */
    bool (*end)(struct csv_import *in);
    void (*close)(struct csv_import *in);
};
extern const struct csv_kind csv_products, csv_customers, csv_categories, csv_attributes,
    csv_newsletter, csv_blocks, csv_pages, csv_orders, csv_invoices, csv_shipments, csv_creditmemos;

/* The cell under a column of the header. False, and "": there is no such column. */
bool cell(const struct csv_import *in, const char *column, struct slice *out);
bool cell_filled(const struct csv_import *in, const char *column, struct slice *out);
bool has_column(const struct csv_import *in, const char *column);
bool is_yes(struct slice v); /* filled, and not "no" in one of its forms */
/* Columns of the header that nobody has claimed are told once. */
void column_unknown(const struct csv_import *in, const char *column);
/* … and so are keys of JSON in a cell of `column`. */
void key_unknown(struct csv_import *in, const char *column, const char *key);
/* Those of the list that are none of `known`, which ends with NULL. */
void nested_keys_check(struct csv_import *in, const struct nested *list, const char *column,
                       const char *const *known);

/* --- columns.c: columns of the header that are columns of the root's table --- */
/* names: NULL ends them. */
bool column_is_among(const char *const *names, const char *column);
/* Which ones; all but those that `other` says are something else. To be freed; NULL: an error. */
bool *columns_open(struct csv_import *in, const char *table,
                   bool (*other)(const struct csv_import *in, const char *column));
/* Their cells. An empty one leaves as it is what the entity has to have, or has got when it was
 * new. */
void columns_set(struct csv_import *in, const bool *taken, struct shop_row *r);
/* Has the row of a new entity what it has to have? */
void columns_check(struct csv_import *in, const struct shop_row *r);

/* --- identity.c --- */
struct natural_key {
    const char *table, *column; /* whose collation tells what is the same */
    const char *name;           /* the file's column */
    struct slice value;
    const struct slice *scopes; /* in each of which nothing else has the same */
    uint32_t scope_count;       /* 0: nowhere has anything else */
};
/* Has the file had a record of this entity before? An error if it had one with the same key under
 * another id, or the other way round. */
bool entity_known(struct csv_import *in, const struct natural_key *k, struct slice id);
/* The record in hand is of an entity: count it. An error, of which nobody hears, if it is one more
 * than are asked for. */
void entity_count(struct csv_import *in, bool again);
/* Both, for the record in hand. */
bool entity_again(struct csv_import *in, const struct natural_key *k, struct slice id);

/* --- websites.c --- */
/* The customer with this address in the store's website, or in any if the shop's accounts are for
 * all of them; *id: what others refer to him with. `store`: as shop_refer gives it. */
bool customer_by_email(struct shop *s, struct slice email, struct slice store, struct slice *id);
/* Names of the website, the group and the store, as orders keep them. */
struct slice store_full_name(struct shop *s, struct slice store);
/* The website's default store, by what others refer to it with. */
struct slice website_store(struct shop *s, struct slice website);

/* --- eav.c: columns that are attributes, or columns of the root's table --- */
struct eav_column {
    uint32_t index;
    const char *name;
    const struct shop_attribute *attribute; /* NULL: a column of the root */
};
struct eav {
    const char *type, *table; /* catalog_product, catalog_product_entity */
    struct eav_column *columns;
    uint32_t count;
};
/* All columns of the header but those that `other` says are something else. */
void eav_open(struct eav *e, struct csv_import *in, const char *type, const char *table,
              bool (*other)(const char *column));
void eav_close(struct eav *e);
bool eav_is_static(const struct eav *e, const char *column);
/* Columns of the root that the file has. */
void eav_set_root(const struct eav *e, struct csv_import *in, struct shop_row *root);
/* Values of the record, at one store. */
void eav_put_values(const struct eav *e, struct csv_import *in, struct slice id,
                    struct slice store);
/* One value; does nothing if the destination has no such attribute. `what` is for people. */
void eav_put(struct csv_import *in, const char *type, const char *table, const char *code,
             struct slice id, struct slice store, struct slice value, const char *what);
/* "Blue T-Shirt, large" → "blue-t-shirt-large" */
struct slice url_key_of(struct shop *s, struct slice name);

#endif
