/* Inside the CSV adapter: what the parts of a product's record share. Not for others. */
#ifndef AGENT_CSV_PRODUCT_H
#define AGENT_CSV_PRODUCT_H

#include "agent/csv/kinds.h"

struct late_item { /* of a list */
    struct slice text;
    struct late_item *next;
};
enum { PRICES_BY_QTY, PRICES_BY_GROUP, PRICE_KINDS };
struct product { /* of the record in hand */
    struct slice sku, id, store;
    uint64_t target; /* its id at the destination, 0: not known */
    bool again;      /* the file has had a record of it, at another store */
    bool general;    /* the record has the values for all stores */
    bool is_new;     /* the destination does not have it, nor has it come from this source */
    bool skipped;    /* it is at the destination, and is to stay as it is */
    bool all_images; /* the record tells all that it has … */
    struct late_item *images; /* … and names these */
    struct slice options;     /* custom ones, as the cell has them … */
    bool options_wait;        /* … of which those that go do so when the file has been read */
    struct {
        bool all;                /* the record tells all of these … */
        struct late_item *named; /* … and names these */
    } prices[PRICE_KINDS];
};

/* --- product_late.c --- */
/* A record tells all that a product has of something, but others of the product may add to it, far
 * behind it in the file. So what is in none of them goes when the file has been read, and what
 * stays keeps its ids. What has to be known for that is kept: of products that have more at the
 * destination than the record tells, and of those that the file had before. */
struct late_list {
    struct slice id; /* the product's */
    uint64_t line;
    struct late_item *items; /* that stay */
    struct late_list *next;
};
struct late_lists;
struct late_lists *late_lists_new(const char *what); /* … they are of; NULL: out of memory */
void late_lists_free(struct late_lists *all);
struct late_list *late_list_find(struct csv_import *in, const struct late_lists *all,
                                 const struct product *p); /* NULL: there is none */
struct late_list *late_list_begin(struct csv_import *in, struct late_lists *all,
                                  const struct product *p);
bool late_items_have(const struct late_item *items, struct slice text);
void late_list_add(struct csv_import *in, struct late_lists *all, struct late_list *l,
                   struct slice text);
/* The next one, when the file has been read; NULL: there is no more. */
const struct late_list *late_list_take(struct csv_import *in, struct late_lists *all);

/* product_prices.c: within the product's transaction; behind it; and of the next product. `all`: a
 * list for each kind of prices. */
void product_put_prices(struct csv_import *in, struct product *p);
void product_take_prices(struct csv_import *in, struct late_lists *const *all,
                         const struct product *p);
bool product_put_late_prices(struct csv_import *in, struct late_lists *const *all);

/* product_children.c: within the product's transaction */
void product_put_options(struct csv_import *in, struct product *p, const struct late_lists *late,
                         struct shop_row *root);
/* … behind it; and of the next product. */
void product_take_options(struct csv_import *in, struct late_lists *all, const struct product *p);
bool product_put_late_options(struct csv_import *in, struct late_lists *all);
bool product_is_child_column(const char *column);
/* Does the record say all that the product has of the column's list? The first of its records does
 * that says so: others add to it. An empty cell of a store view says nothing. */
bool product_tells_all(struct csv_import *in, const struct product *p, const char *column);

/* … has it done so? */
bool product_has_told_all(struct csv_import *in, const struct product *p, const char *column);

/* product_images.c: within the product's transaction; behind it; and of the next product */
void product_put_images(struct csv_import *in, struct product *p);
void product_take_images(struct csv_import *in, struct late_lists *all, const struct product *p);
bool product_put_gallery(struct csv_import *in, struct late_lists *all);

/* product_links.c: what leads to other products, kept until all of them have come */
struct product_links;
struct product_links *product_links_new(struct csv_import *in);
void product_links_free(struct product_links *l);
void product_take_links(struct csv_import *in, struct product_links *l, const struct product *p);
/* The links of the next product; false: there is no more. */
bool product_put_links(struct csv_import *in, struct product_links *l);
bool product_is_link_column(const char *column);

#endif
