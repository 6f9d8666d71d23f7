/* The second half of planning: what plan.c has netted becomes steps, in an order that foreign keys
 * allow. The reasoning stands at the head of plan.c.
 */
#include <string.h>

#include "applier/planner.h"

int planner_out_of_memory(struct planner *p)
{
    return error_set(p->err, DS_ENOMEM, "out of memory while planning a batch");
}

uint64_t planner_number(const uint8_t *raw)
{
    struct value v;
    const uint8_t *at = raw;
    if (!raw || value_read(&at, raw + 9, &v) || v.kind != VALUE_UINT)
        return 0; /* negative or not a number: never the highest */
    return v.u;
}

static bool any_changed(const struct node *n, const uint32_t *columns, uint32_t count)
{
    for (uint32_t i = 0; n->changed && i < count; i++)
        if (bit(n->changed, columns[i]))
            return true;
    return false;
}

struct orderer {
    struct planner *p;
    struct plan *plan;
    uint32_t epoch;
};

static int push_step(struct planner *p, struct step **list, uint32_t *count, uint32_t *cap,
                     const struct step *s)
{
    if (*count == *cap) {
        uint32_t grown = *cap ? *cap * 2 : 64;
        struct step *bigger = arena_alloc(p->arena, grown * sizeof *bigger);
        if (!bigger)
            return planner_out_of_memory(p);
        if (*count)
            memcpy(bigger, *list, *count * sizeof *bigger);
        *list = bigger;
        *cap = grown;
    }
    (*list)[(*count)++] = *s;
    return 0;
}

static struct node *node_at(struct orderer *o, const struct target_table *t, enum net_op op)
{
    struct table_plan *tp = t ? o->p->tables[t->index] : NULL;
    if (!tp || tp->node_epoch != o->epoch || !tp->nodes[op].present)
        return NULL;
    return &tp->nodes[op];
}

static int visit(struct orderer *o, struct target_table *t, enum net_op op);

/* What must be written before inserts or updates of `t`: new parents, and parents' new keys. */
static int visit_parents(struct orderer *o, struct target_table *t, enum net_op op,
                         const struct node *n)
{
    int rc = 0;
    for (uint32_t i = 0; i < t->fk_count && rc == 0; i++) {
        const struct target_fk *fk = &t->fks[i];
        if (!fk->parent || fk->parent == t ||
            (op == NET_UPDATE && !any_changed(n, fk->columns, fk->count)))
            continue;
        if (node_at(o, fk->parent, NET_INSERT))
            rc = visit(o, fk->parent, NET_INSERT);
        const struct node *u = node_at(o, fk->parent, NET_UPDATE);
        if (rc == 0 && u && any_changed(u, fk->parent_columns, fk->count))
            rc = visit(o, fk->parent, NET_UPDATE);
    }
    return rc;
}

/* What must be written before deletes of `t`: children that go, or turn elsewhere. */
static int visit_children(struct orderer *o, struct target_table *t)
{
    int rc = 0;
    for (uint32_t i = 0; i < t->referrer_count && rc == 0; i++) {
        const struct target_fk *fk = t->referrers[i];
        if (fk->child == t)
            continue;
        if (node_at(o, fk->child, NET_DELETE))
            rc = visit(o, fk->child, NET_DELETE);
        const struct node *u = node_at(o, fk->child, NET_UPDATE);
        if (rc == 0 && u && any_changed(u, fk->columns, fk->count))
            rc = visit(o, fk->child, NET_UPDATE);
    }
    return rc;
}

/* What must be written before updates of `t` that change a key: children that go with the old one.
 */
static int visit_leaving(struct orderer *o, struct target_table *t, const struct node *n)
{
    int rc = 0;
    for (uint32_t i = 0; i < t->referrer_count && rc == 0; i++) {
        const struct target_fk *fk = t->referrers[i];
        if (fk->child != t && any_changed(n, fk->parent_columns, fk->count))
            rc = visit(o, fk->child, NET_DELETE);
    }
    return rc;
}

/* Depth first: everything that must come before, then the node itself. */
static int visit(struct orderer *o, struct target_table *t, enum net_op op)
{
    struct node *n = node_at(o, t, op);
    if (!n || n->visit == VISITED)
        return 0;
    if (n->visit == VISITING) {
        error_set(o->p->err, DS_ERETRY,
                  "the changes of this batch depend on each other in a circle");
        return DS_ERETRY;
    }
    n->visit = VISITING;
    int rc = 0;
    if (op > NET_DELETE)
        rc = visit(o, t, NET_DELETE);
    if (rc == 0 && op > NET_UPDATE)
        rc = visit(o, t, NET_UPDATE);
    if (rc == 0 && !(n->flags & CHANGE_NO_FK_CHECKS))
        rc = op == NET_DELETE ? visit_children(o, t) : visit_parents(o, t, op, n);
    if (rc == 0 && op == NET_UPDATE && !(n->flags & CHANGE_NO_FK_CHECKS))
        rc = visit_leaving(o, t, n);
    if (rc)
        return rc;
    n->visit = VISITED;
    struct step s = {.target = t,
                     .op = op,
                     .flags = n->flags,
                     .keyless = !t->row_key,
                     .nets = n->nets,
                     .count = n->count};
    return push_step(o->p, &o->plan->steps, &o->plan->step_count, &o->plan->step_cap, &s);
}

/* A keyless net change has taken its final sign. */
static enum net_op final_op(const struct net *n)
{
    if (n->table->target->row_key || n->op == NET_UPDATE || n->count == 0)
        return n->op;
    return n->count > 0 ? NET_INSERT : NET_DELETE;
}

static bool folded_away(const struct net *n)
{
    const struct target_table *t = n->table->target;
    return n->dead || (!t->row_key && !t->sequence && n->count == 0);
}

/* Fill the nodes of one epoch from nets[from, to). */
static int fill_nodes(struct orderer *o, uint32_t from, uint32_t to)
{
    struct planner *p = o->p;
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t i = from; i < to; i++) {
            struct net *n = p->nets[i];
            if (folded_away(n))
                continue;
            n->op = final_op(n);
            struct table_plan *tp = p->tables[n->table->target->index];
            struct node *node = &tp->nodes[n->op];
            if (tp->node_epoch != o->epoch) {
                memset(tp->nodes, 0, sizeof tp->nodes);
                tp->node_epoch = o->epoch;
            }
            if (pass == 0) {
                node->present = true;
                node->count++;
                continue;
            }
            if (!node->nets) {
                node->nets = arena_alloc(p->arena, node->count * sizeof *node->nets);
                node->changed = arena_zalloc(p->arena, words(tp->target) * sizeof *node->changed);
                if (!node->nets || !node->changed)
                    return planner_out_of_memory(p);
                node->count = 0;
                node->flags = n->flags;
            }
            node->nets[node->count++] = n;
            for (uint32_t w = 0; n->changed && w < words(tp->target); w++)
                node->changed[w] |= n->changed[w];
        }
    return 0;
}

static int order_epochs(struct planner *p, struct plan *plan)
{
    struct orderer o = {.p = p, .plan = plan};
    for (uint32_t from = 0, to; from < p->net_count; from = to) {
        o.epoch = p->nets[from]->epoch;
        for (to = from; to < p->net_count && p->nets[to]->epoch == o.epoch;)
            to++;
        int rc = fill_nodes(&o, from, to);
        for (uint32_t i = from; i < to && rc == 0; i++)
            if (!folded_away(p->nets[i]))
                rc = visit(&o, p->nets[i]->table->target, p->nets[i]->op);
        if (rc)
            return rc;
    }
    return 0;
}

/* --- the late part and ghosts --------------------------------------------- */

/* Does a kept row do what the ghost of its table is for, or take its place? */
static bool replaces_ghost(const struct net *n, const struct table_plan *tp)
{
    if (!tp->ghost || folded_away(n) || !n->after || n->op == NET_DELETE)
        return false;
    uint32_t column = (uint32_t)tp->target->auto_increment;
    uint64_t value = planner_number(n->after[column]);
    return n->op == NET_INSERT ? value >= tp->ghost_value
                               : bit(n->changed, column) && value == tp->ghost_value;
}

/* The highest auto-increment value of rows that netted to nothing: such a row comes first, and goes
 * with the others that go. */
static int late_ghost(struct planner *p, struct plan *plan, struct table_plan *tp, uint32_t first)
{
    const struct target_table *t = tp->target;
    for (uint32_t k = first; k < p->late_count; k++)
        if (p->late[k]->table->target == t && replaces_ghost(p->late[k], tp))
            tp->ghost = NULL;
    if (!tp->ghost)
        return 0;
    struct step s = {.target = tp->target,
                     .op = NET_INSERT,
                     .flags = CHANGE_NO_CHECK_CONSTRAINTS,
                     .keyless = !t->row_key,
                     .replace = t->row_key != NULL,
                     .uncounted = true,
                     .ghost = true,
                     .nets = &tp->ghost,
                     .count = 1};
    plan->unrepeatable |= s.keyless;
    int rc = push_step(p, &plan->late, &plan->late_count, &plan->late_cap, &s);
    s.op = NET_DELETE;
    return rc || !s.keyless ? rc
                            : push_step(p, &plan->late, &plan->late_count, &plan->late_cap, &s);
}

/* Per table: what goes, then what comes. Tables in the order in which they first changed. */
static int order_late(struct planner *p, struct plan *plan)
{
    for (uint32_t i = 0; i < p->late_count; i++) {
        struct target_table *t = p->late[i]->table->target;
        struct table_plan *tp = planner_table(p, t);
        if (!tp)
            return planner_out_of_memory(p);
        if (tp->last_epoch == UINT32_MAX)
            continue; /* done with an earlier row of it */
        tp->last_epoch = UINT32_MAX;
        for (uint32_t k = i; k < p->late_count; k++)
            if (p->late[k]->table->target == t && !t->sequence && !folded_away(p->late[k]))
                p->late[k]->op = final_op(p->late[k]);
        int rc = tp->ghost ? late_ghost(p, plan, tp, i) : 0;
        if (rc)
            return rc;
        for (enum net_op op = NET_DELETE; op <= NET_INSERT; op++) {
            struct step s = {.target = t,
                             .op = op,
                             .flags = CHANGE_NO_CHECK_CONSTRAINTS, /* as they are at the source */
                             .keyless = !t->row_key && !t->sequence,
                             .replace = op == NET_INSERT && t->row_key,
                             .uncounted = true};
            s.nets = arena_alloc(p->arena, (p->late_count - i) * sizeof *s.nets);
            if (!s.nets)
                return planner_out_of_memory(p);
            for (uint32_t k = i; k < p->late_count; k++) {
                struct net *n = p->late[k];
                if (n->table->target == t && !folded_away(n) && n->op == op)
                    s.nets[s.count++] = n;
            }
            if (s.count == 0)
                continue;
            plan->unrepeatable |= s.keyless;
            rc = push_step(p, &plan->late, &plan->late_count, &plan->late_cap, &s);
            if (rc)
                return rc;
        }
    }
    return 0;
}

static int collect_ghosts(struct planner *p, struct plan *plan, uint32_t tables)
{
    for (uint32_t i = 0; i < p->net_count; i++) {
        struct table_plan *tp = p->tables[p->nets[i]->table->target->index];
        if (replaces_ghost(p->nets[i], tp))
            tp->ghost = NULL;
    }
    plan->ghosts = arena_alloc(p->arena, (tables + 1) * sizeof *plan->ghosts);
    if (!plan->ghosts)
        return planner_out_of_memory(p);
    for (uint32_t i = 0; i < tables; i++)
        if (p->tables[i] && p->tables[i]->ghost && p->tables[i]->target->transactional)
            plan->ghosts[plan->ghost_count++] = p->tables[i]->ghost;
    return 0;
}

int plan_order(struct planner *p, struct plan *plan, uint32_t tables)
{
    int rc = order_epochs(p, plan);
    if (rc == 0)
        rc = order_late(p, plan);
    return rc ? rc : collect_ghosts(p, plan, tables);
}
