/* Inside the planner: plan.c nets the changes, plan_order.c puts them in order. Nobody else
 * includes it. */
#ifndef APPLIER_PLANNER_H
#define APPLIER_PLANNER_H

#include "applier/images.h"
#include "applier/plan.h"

struct row;

enum visit { UNVISITED, VISITING, VISITED };

struct node { /* the changes of one kind to one table in the epoch that is being ordered */
    struct net **nets;
    uint32_t count;
    uint32_t flags;
    uint64_t *changed; /* columns that its updates change */
    enum visit visit;
    bool present;
};

struct table_plan {
    struct target_table *target;
    uint32_t min_epoch;   /* new changes go to this epoch or later; older ones are behind a fence */
    uint32_t last_epoch;  /* of the newest net change */
    uint32_t op_epoch[3]; /* … of each kind */
    uint32_t fence_epoch; /* of the newest fence delete */
    uint32_t self_fk_epoch; /* of the newest update of a self reference */
    uint32_t moved_epoch;   /* of the newest update of a unique or referenced value */
    uint32_t flags;         /* of the changes in last_epoch */
    struct net *ghost;      /* folded insert with the highest auto-increment value */
    uint64_t ghost_value;
    struct node nodes[3];
    uint32_t node_epoch; /* for which epoch `nodes` is filled */
};

struct planner {
    struct arena *arena;
    const struct batch *batch;
    bool exact;
    uint32_t epoch;
    struct table_plan **tables; /* by target index */
    struct row **buckets;
    uint64_t mask;
    struct net **nets; /* transactional, in order of creation, so ordered by epoch */
    uint32_t net_count, net_cap;
    struct net **late;
    uint32_t late_count, late_cap;
    struct ds_error *err;
    struct row_images im; /* of the change in hand */
};

int planner_out_of_memory(struct planner *p);
/* The planner's state of a table, made when it is new; NULL: out of memory. */
struct table_plan *planner_table(struct planner *p, struct target_table *t);
/* An auto-increment value; 0 for what cannot be the highest. */
uint64_t planner_number(const uint8_t *raw);

static inline uint32_t words(const struct target_table *t)
{
    return (t->column_count + 63) / 64;
}

static inline bool bit(const uint64_t *bits, uint32_t i)
{
    return bits[i / 64] >> (i % 64) & 1;
}

/* plan_order.c: steps of the epochs, of the late part, and the ghosts. DS_ERETRY: a circle. */
int plan_order(struct planner *p, struct plan *plan, uint32_t tables);

#endif
