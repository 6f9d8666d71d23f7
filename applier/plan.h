/* From changes in commit order to statements in an order that the destination accepts.
 *
 * plan_build nets the changes of each row (law 2), keeps what an invisible cascade could touch on
 * its own side of it (law 3), orders tables by foreign keys and rows by unique keys (law 4), and
 * gives steps: each is one kind of statement on one table for many rows. plan.c starts with the
 * reasoning.
 */
#ifndef APPLIER_PLAN_H
#define APPLIER_PLAN_H

#include "applier/batch.h"

enum net_op {
    NET_DELETE,
    NET_UPDATE,
    NET_INSERT
}; /* in the order in which a table's are written */

/* One net row change. */
struct net {
    struct source_table *table;
    const struct change *origin; /* the last change that went into it, for errors */
    const uint8_t **key;   /* raw values of the key columns (all columns without a key) before it */
    const uint8_t **after; /* raw value per column; NULL: not in the image */
    uint64_t *changed;     /* update: bit per column that it sets to something else */
    struct net *earlier;   /* what the same row had before in this batch */
    enum net_op op;
    uint32_t flags; /* enum change_flag */
    uint32_t epoch;
    int32_t count;  /* rows without a key: how many such rows come (+) or go (-) */
    bool dead;      /* folded away */
    bool untouched; /* delete: of the row as the epoch found it, so that origin->before is it */
    struct slice source_id; /* import: of a row whose key the server is to give, for errors */
};

struct step {
    struct target_table *target;
    enum net_op op;
    uint32_t flags;
    bool keyless;   /* rows are found by all their columns */
    bool replace;   /* non-transactional: whatever is there gives way */
    bool uncounted; /* rows need not be there (at least once) */
    bool ghost;     /* no change: for the table's counter only */
    bool bulk;      /* statements are made for these rows: columns that are NULL in all of them left
                       out where that is their default, many rows updated by one (MariaDB only) */
    struct net **nets;
    uint32_t count;
    uint64_t *ids; /* inserts: where the numbers go that the server gives the rows (MariaDB only),
                      known when the statements have run; NULL: not asked for */
};

struct plan {
    struct step *steps; /* transactional part, in order */
    uint32_t step_count, step_cap;
    struct step *late; /* MEMORY, MyISAM, sequences: after the transactional part */
    uint32_t late_count, late_cap;
    struct net *
        *ghosts; /* rows that netted to nothing, but hold a table's highest auto-increment value */
    uint32_t ghost_count;
    bool unrepeatable; /* late steps that must not run twice (tables without a key) */
    uint64_t rows;     /* row changes planned */
};

/* Plan transactions [first, first + count) of the batch. exact: no netting, one step per change,
 * source order. DS_ERETRY: the order has a cycle; plan fewer transactions, or exact.
 * DS_ECONFLICT/DS_ESCHEMA: a key column is not in the image. All memory is `arena`'s. */
int plan_build(struct plan *out, const struct batch *batch, uint32_t first, uint32_t count,
               bool exact, const struct target *target, struct arena *arena, struct ds_error *err);

#endif
