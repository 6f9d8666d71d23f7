/* Inside the CSV adapter: what the parts of a product's record share. Not for others. */
#ifndef AGENT_CSV_PRODUCT_H
#define AGENT_CSV_PRODUCT_H

#include "agent/csv/kinds.h"

struct product { /* of the record in hand */
    struct slice sku, id, store;
    bool again;   /* the file has had a record of it, at another store */
    bool general; /* the record has the values for all stores */
    bool is_new;  /* the destination does not have it, nor has it come from this source */
    bool skipped; /* it is at the destination, and is to stay as it is */
};

/* product_children.c: within the product's transaction */
void product_put_prices(struct csv_import *in, const struct product *p);
void product_put_options(struct csv_import *in, const struct product *p, struct shop_row *root);
void product_put_images(struct csv_import *in, const struct product *p);
bool product_is_child_column(const char *column);
/* Does the record say all that the product has of the column's list? The first of its records does
 * that says so: others add to it. An empty cell of a store view says nothing. */
bool product_tells_all(struct csv_import *in, const struct product *p, const char *column);

/* product_links.c: what leads to other products, kept until all of them have come */
struct product_links;
struct product_links *product_links_new(struct csv_import *in);
void product_links_free(struct product_links *l);
void product_take_links(struct csv_import *in, struct product_links *l, const struct product *p);
/* The links of the next product; false: there is no more. */
bool product_put_links(struct csv_import *in, struct product_links *l);
bool product_is_link_column(const char *column);

#endif
