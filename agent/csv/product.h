/* Inside the CSV adapter: what the parts of a product's record share. Not for others. */
#ifndef AGENT_CSV_PRODUCT_H
#define AGENT_CSV_PRODUCT_H

#include "agent/csv/kinds.h"

struct product_image;
struct product { /* of the record in hand */
    struct slice sku, id, store;
    uint64_t target; /* its id at the destination, 0: not known */
    bool again;      /* the file has had a record of it, at another store */
    bool general;    /* the record has the values for all stores */
    bool is_new;     /* the destination does not have it, nor has it come from this source */
    bool skipped;    /* it is at the destination, and is to stay as it is */
    bool all_images; /* the record tells all that it has … */
    struct product_image *images; /* … and names these */
};

/* product_children.c: within the product's transaction */
void product_put_prices(struct csv_import *in, const struct product *p);
void product_put_options(struct csv_import *in, const struct product *p, struct shop_row *root);
bool product_is_child_column(const char *column);
/* Does the record say all that the product has of the column's list? The first of its records does
 * that says so: others add to it. An empty cell of a store view says nothing. */
bool product_tells_all(struct csv_import *in, const struct product *p, const char *column);

/* … has it done so? */
bool product_has_told_all(struct csv_import *in, const struct product *p, const char *column);

/* product_images.c: within the product's transaction; then which of its images may go, kept until
 * the file has been read */
struct product_galleries;
struct product_galleries *product_galleries_new(void);
void product_galleries_free(struct product_galleries *all);
void product_put_images(struct csv_import *in, struct product *p);
void product_take_images(struct csv_import *in, struct product_galleries *all,
                         const struct product *p);
/* Images of the next product; false: there is no more. */
bool product_put_gallery(struct csv_import *in, struct product_galleries *all);

/* product_links.c: what leads to other products, kept until all of them have come */
struct product_links;
struct product_links *product_links_new(struct csv_import *in);
void product_links_free(struct product_links *l);
void product_take_links(struct csv_import *in, struct product_links *l, const struct product *p);
/* The links of the next product; false: there is no more. */
bool product_put_links(struct csv_import *in, struct product_links *l);
bool product_is_link_column(const char *column);

#endif
