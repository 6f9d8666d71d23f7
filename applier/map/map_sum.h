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

struct map_from { /* a document of the source */
    const struct target_table *table;
    const char *document;
    const char *where; /* which of its rows; NULL: all */
};

struct map_pair {
    const struct target_column *here;   /* of the destination */
    const struct target_column **there; /* of each document of the source */
    const char *format;                 /* as table_sum_column's */
};

struct map_pairs {
    const struct target_table *to;
    const char *where; /* which of its rows; NULL: all */
    const struct map_from *from;
    uint32_t from_count;
    struct map_pair *items; /* in the caller's arena */
    uint32_t count;
    const struct map_pair **key; /* by which a row is told from others at the destination */
    uint32_t key_count;          /* 0: columns that travel do not tell */
    bool number;                 /* one column, a whole number */
};

/* The rows of all of `from` go to one table. */
int map_pairs_find(const struct map_volume_options *o, const struct map_from *from,
                   uint32_t from_count, const struct target_table *to, struct arena *arena,
                   struct map_pairs *out, struct ds_error *err);
/* Do all of the columns agree? */
int map_sums_agree(const struct map_volume_options *o, const struct map_pairs *p, bool *agree,
                   struct ds_error *err);
/* Names of the destination's columns that differ, between commas. */
int map_sums_differ(const struct map_volume_options *o, const struct map_pairs *p,
                    struct buf *columns, struct ds_error *err);
/* One side's rows in the order of their keys: the key (if it is no number, in the order of its
 * bytes), the key to be shown, a digest of the row's columns. */
int map_sums_rows(const struct map_pairs *p, bool source, struct buf *sql);

#endif
