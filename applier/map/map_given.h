/* Rows that there have to be in a table of the destination, compared with those that there are:
 * they go into a temporary table with its columns, so that the server itself says what is equal.
 *
 * One thread. The connection's session is that of a volume check (map_volume.h).
 */
#ifndef APPLIER_MAP_MAP_GIVEN_H
#define APPLIER_MAP_MAP_GIVEN_H

#include <mysql.h>

#include "applier/target.h"
#include "schema/buf.h"

struct map_given;

struct map_given_difference {
    struct buf missing, more, changed; /* keys, up to 20 of each; none where the table has no key */
    bool any;
    bool values; /* of rows that are there */
};

/* *out NULL: the server makes no temporary table, which is told. Errors of the server; DS_ENOMEM.
 */
int map_given_new(struct map_given **out, MYSQL *db, const struct target_table *table,
                  struct ds_error *err);
void map_given_free(struct map_given *g);
/* An array of images, as the table has them; what is absent gets its default. */
int map_given_add(struct map_given *g, const struct buf *images, struct ds_error *err);
/* Columns of which each row has a value are compared. To be freed in any case. */
int map_given_compare(struct map_given *g, struct map_given_difference *out, struct ds_error *err);
void map_given_difference_free(struct map_given_difference *d);

#endif
