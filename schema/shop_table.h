/* What the shop calls a table that the server knows under another name. Pure. */
#ifndef SCHEMA_SHOP_TABLE_H
#define SCHEMA_SHOP_TABLE_H

#include <stdbool.h>

enum { SHOP_TABLE_SIZE = 300 };

/* The name without the shop's prefix (which may be NULL); *shops false: it has not got it, so the
 * table is none of the shop's, and the name stays whole. Tables that gh-ost and
 * pt-online-schema-change make beside x (_x_gho, _x_ghc, _x_new, _x_del, _x_old) are x: they are to
 * become x, or were. `scratch` may hold what is returned. */
const char *shop_table(const char *prefix, const char *table, char scratch[SHOP_TABLE_SIZE],
                       bool *shops);

#endif
