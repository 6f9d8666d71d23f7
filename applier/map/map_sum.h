/* Which columns of a document hold the same values at both sides of a map, and do they?
 *
 * Those are compared that travel as they are: no handler changes them, and their types show a value
 * alike. The servers compute the sums (schema/table_sum.h). One thread.
 */
#ifndef APPLIER_MAP_MAP_SUM_H
#define APPLIER_MAP_MAP_SUM_H

#include "applier/map/map_volume.h"
#include "schema/arena.h"
#include "schema/buf.h"

struct map_pair {
    const struct target_column *there, *here; /* of the source, of the destination */
    const char *format;                       /* as table_sum_column's */
};

struct map_pairs {
    const struct target_table *from, *to;
    struct map_pair *items; /* in the caller's arena */
    uint32_t count;
    const struct map_pair *key; /* the key of both, a whole number; NULL: they have none */
    const char *where;          /* of the source's rows; NULL: all */
    const char *where_here;     /* of the destination's */
};

/* `document`: what the source's table is called without prefix. */
int map_pairs_find(const struct map_volume_options *o, const struct target_table *from,
                   const char *document, const struct target_table *to, struct arena *arena,
                   struct map_pairs *out, struct ds_error *err);
/* Do all of the columns agree? */
int map_sums_agree(const struct map_volume_options *o, const struct map_pairs *p, bool *agree,
                   struct ds_error *err);
/* Names of the destination's columns that differ, between commas. */
int map_sums_differ(const struct map_volume_options *o, const struct map_pairs *p,
                    struct buf *columns, struct ds_error *err);
/* "SELECT key, what the row's columns are FROM table ORDER BY key", of one side. */
int map_sums_rows(const struct map_pairs *p, bool source, struct buf *sql);

#endif
