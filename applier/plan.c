/* Why the order is right.
 *
 * The changes of a batch lead the destination from S0, a state of the source, to S1, a later one.
 * We may write any sequence that leads there, as long as no statement of it is refused and no
 * cascade takes what it did not take at the source.
 *
 * Epochs. Net changes are numbered by epochs, which are written one after another, in the order in
 * which the changes came. Most batches have one. A new epoch begins where order matters more than
 * the rules below can say:
 *  - at a fence: a delete in a table with CASCADE or SET NULL referrers, or a change of a key that
 * such foreign keys refer to. Everything before it in tables that its cascades can reach is written
 * in earlier epochs; later changes of these tables go to later epochs and do not merge with earlier
 * ones (table_plan.min_epoch). Several fences share an epoch when none reaches what another one
 * names;
 *  - where the flags of a table's changes differ (foreign key checks off …);
 *  - where one row needs two statements in an order that the next rule does not give.
 *
 * Inside an epoch a table's deletes come first, then updates, then inserts. Unique keys: the rows
 * left after the deletes are a subset of a valid state. Only updates that change a unique value can
 * collide with each other; these are never merged and keep the source's order, which was valid
 * there row by row. The inserts bring the rest of a valid state. So no comparison of values under a
 * collation is ever needed.
 *
 * Between tables: a parent's inserts come before what may refer to them, a parent's deletes and
 * changed keys after the deletes of what may have referred to them. Where that and the rule above
 * form a cycle the caller plans fewer transactions, in the end one, change by change (law 5).
 *
 * Merging backwards. An update that touches no unique value, no foreign key column and no
 * referenced column commutes with everything but cascades and the row's own life. It merges into
 * the row's last net change in any epoch since the last fence that reaches its table. All other
 * merges stay inside the epoch.
 *
 * A row without a key is a multiset element: so many such rows come or go.
 */
#include "applier/planner.h"

#include <string.h>
#include <xxhash.h>

struct row { /* a key value's present meaning */
    uint64_t hash;
    const struct target_table *table;
    struct slice key;
    struct net *net; /* the row's last net change; NULL: moved away or folded to nothing */
    struct row *next;
};

struct table_plan *planner_table(struct planner *p, struct target_table *t)
{
    struct table_plan *tp = p->tables[t->index];
    if (!tp) {
        tp = p->tables[t->index] = arena_zalloc(p->arena, sizeof *tp);
        if (tp)
            tp->target = t;
    }
    return tp;
}

static int key_of(struct planner *p, const struct change *c, const uint8_t *const *values,
                  struct slice *out)
{
    return images_key(c->table->target, values, p->arena, out, p->err);
}

/* --- rows of the batch --------------------------------------------------- */

static struct row *row_find(struct planner *p, const struct target_table *t, struct slice key,
                            bool create)
{
    uint64_t hash = XXH3_64bits_withSeed(key.p, key.len, t->index);
    struct row **head = &p->buckets[hash & p->mask];
    for (struct row *r = *head; r; r = r->next)
        if (r->hash == hash && r->table == t && r->key.len == key.len &&
            memcmp(r->key.p, key.p, key.len) == 0)
            return r;
    if (!create)
        return NULL;
    struct row *r = arena_zalloc(p->arena, sizeof *r);
    if (r) {
        *r = (struct row){.hash = hash, .table = t, .key = key, .next = *head};
        *head = r;
    }
    return r;
}

static int push_net(struct planner *p, struct net ***list, uint32_t *count, uint32_t *cap,
                    struct net *n)
{
    if (*count == *cap) {
        uint32_t grown = *cap ? *cap * 2 : 1024;
        struct net **bigger = arena_alloc(p->arena, grown * sizeof(struct net *));
        if (!bigger)
            return planner_out_of_memory(p);
        if (*count)
            memcpy(bigger, *list, *count * sizeof(struct net *));
        *list = bigger;
        *cap = grown;
    }
    (*list)[(*count)++] = n;
    return 0;
}

static const uint8_t **copy_values(struct planner *p, const uint8_t *const *values, uint32_t n)
{
    return arena_copy(p->arena, values, n * sizeof *values);
}

/* A new net change from the images in p. `late`: of a table that is written after the transaction's
 * part. */
static struct net *net_new(struct planner *p, const struct change *c, enum net_op op, bool late)
{
    const struct target_table *t = c->table->target;
    struct net *n = arena_zalloc(p->arena, sizeof *n);
    if (!n)
        return NULL;
    n->table = c->table;
    n->origin = c;
    n->op = op;
    n->flags = c->flags;
    n->epoch = p->epoch;
    if (op != NET_INSERT && t->row_key) {
        n->key = arena_alloc(p->arena, t->row_key->count * sizeof *n->key);
        for (uint32_t i = 0; n->key && i < t->row_key->count; i++)
            n->key[i] = p->im.before[t->row_key->columns[i]];
    } else if (op != NET_INSERT) {
        n->key = copy_values(p, p->im.before, t->column_count);
    }
    if (op != NET_DELETE)
        n->after = copy_values(p, p->im.after, t->column_count);
    if (op == NET_UPDATE)
        n->changed = arena_copy(p->arena, p->im.changed, words(t) * sizeof *p->im.changed);
    if ((op != NET_INSERT && !n->key) || (op != NET_DELETE && !n->after) ||
        (op == NET_UPDATE && !n->changed))
        return NULL;
    int rc = late ? push_net(p, &p->late, &p->late_count, &p->late_cap, n)
                  : push_net(p, &p->nets, &p->net_count, &p->net_cap, n);
    return rc ? NULL : n;
}

/* An insert is folded away. Law 2: the highest auto-increment value is carried all the same. */
static void leave_ghost(struct table_plan *tp, struct net *n)
{
    const struct target_table *t = tp->target;
    if (t->auto_increment < 0)
        return;
    uint64_t value = planner_number(n->after[t->auto_increment]);
    if (value > tp->ghost_value) {
        tp->ghost_value = value;
        tp->ghost = n;
    }
}

/* --- epochs -------------------------------------------------------------- */

static bool alive_now(const struct planner *p, const struct net *n)
{
    return n && !n->dead && n->epoch == p->epoch;
}

/* May `op` on a row follow `n` in the same epoch and still be written behind it? Deletes are
 * written before inserts, updates in their own order, updates before inserts. */
static bool same_epoch_keeps_order(const struct net *n, enum net_op op)
{
    return (n->op == NET_DELETE && op == NET_INSERT) || (n->op == NET_UPDATE && op != NET_DELETE);
}

/* Choose the epoch of a new net change of table tp: the present one unless a rule asks for a new
 * one. */
static void place(struct planner *p, struct table_plan *tp, enum net_op op, uint32_t flags,
                  const struct net *previous, bool self_fk)
{
    bool fresh = p->exact || p->epoch < tp->min_epoch ||
                 (tp->last_epoch == p->epoch && tp->flags != flags) ||
                 (alive_now(p, previous) && !same_epoch_keeps_order(previous, op));
    if (tp->target->self_referencing) {
        fresh |= op == NET_UPDATE && self_fk && tp->op_epoch[NET_INSERT] == p->epoch;
        fresh |= op == NET_DELETE && tp->self_fk_epoch == p->epoch;
    }
    if (fresh)
        p->epoch++;
    tp->last_epoch = tp->op_epoch[op] = p->epoch;
    tp->flags = flags;
    if (self_fk)
        tp->self_fk_epoch = p->epoch;
}

static int cannot_be_told(struct planner *p, const struct target_table *t)
{
    error_set(p->err, DS_EUNSUPPORTED,
              "a row has gone, or changed its key, and with it rows of a table that the filter "
              "leaves out, to which rows that travel refer: which ones cannot be told; copy again "
              "with --resnapshot, or with a filter that keeps the tables in between, too");
    error_at_table(p->err, NULL, t->name);
    return DS_EUNSUPPORTED;
}

/* The same for a fence: nothing that its cascades can reach may be in its epoch, before or after
 * it. Deletes of one table follow each other in the source's order, so they may share an epoch even
 * if they reach each other. */
static int place_fence(struct planner *p, struct table_plan *tp, enum net_op op, uint32_t flags,
                       const struct net *previous)
{
    struct target_table *t = tp->target;
    if (t->cascades_unknown)
        return cannot_be_told(p, t);
    bool only_deletes = op == NET_DELETE && tp->op_epoch[NET_INSERT] != p->epoch &&
                        tp->op_epoch[NET_UPDATE] != p->epoch;
    bool fresh = p->exact || (tp->last_epoch == p->epoch && tp->flags != flags) ||
                 alive_now(p, previous) ||
                 (p->epoch < tp->min_epoch && !(only_deletes && tp->fence_epoch == p->epoch));
    for (uint32_t i = 0; i < t->reach_count && !fresh; i++) {
        struct table_plan *x = planner_table(p, t->reach[i]);
        if (!x)
            return planner_out_of_memory(p);
        fresh = x->last_epoch == p->epoch && !(x == tp && only_deletes);
    }
    if (fresh)
        p->epoch++;
    tp->last_epoch = tp->op_epoch[op] = p->epoch;
    tp->flags = flags;
    if (op == NET_DELETE)
        tp->fence_epoch = p->epoch;
    for (uint32_t i = 0; i < t->reach_count; i++) {
        struct table_plan *x = planner_table(p, t->reach[i]);
        if (!x)
            return planner_out_of_memory(p);
        if (x->min_epoch < p->epoch + 1)
            x->min_epoch = p->epoch + 1;
    }
    return 0;
}

/* --- what an update touches ---------------------------------------------- */

struct touched {
    bool unique, fk, self_fk, referenced, counted;
};

/* Does the update give another auto-increment value, which the table's counter may have to follow?
 */
static bool counted(const struct target_table *t, const uint64_t *changed)
{
    return t->auto_increment >= 0 && bit(changed, (uint32_t)t->auto_increment);
}

static struct touched touches(const struct planner *p, const struct target_table *t)
{
    struct touched what = {0};
    for (uint32_t w = 0; w < words(t); w++)
        for (uint64_t left = p->im.changed[w]; left; left &= left - 1) {
            const struct target_column *c = &t->columns[w * 64 + (uint32_t)__builtin_ctzll(left)];
            what.unique |= c->in_unique;
            what.fk |= c->in_fk;
            what.self_fk |= c->in_self_fk;
            what.referenced |= c->in_referenced;
        }
    what.counted = counted(t, p->im.changed);
    return what;
}

static bool plain(const struct touched *what)
{
    return !what->unique && !what->fk && !what->referenced;
}

static void fold_update(const struct planner *p, const struct change *c, struct net *n)
{
    const struct target_table *t = c->table->target;
    n->origin = c;
    n->table = c->table;
    for (uint32_t i = 0; i < t->column_count; i++)
        if (bit(p->im.changed, i) || !n->after[i])
            n->after[i] = p->im.after[i];
    if (n->op == NET_UPDATE)
        for (uint32_t w = 0; w < words(t); w++)
            n->changed[w] |= p->im.changed[w];
}

/* --- one change of a table with a key ------------------------------------ */

/* Did this epoch move no unique value of the table, and neither delete nor move what its rows refer
 * to? */
static bool surroundings_stand(const struct planner *p, const struct table_plan *tp)
{
    const struct target_table *t = tp->target;
    if (tp->moved_epoch == p->epoch)
        return false;
    for (uint32_t i = 0; i < t->fk_count; i++) {
        const struct target_table *parent = t->fks[i].parent;
        const struct table_plan *x = parent ? p->tables[parent->index] : NULL;
        if (x && (x->moved_epoch == p->epoch || x->op_epoch[NET_DELETE] == p->epoch))
            return false;
    }
    return true;
}

/* The row that this epoch deletes comes back, every byte as it was: an index table that is made
 * anew. Nothing is written, where nobody can tell: nothing refers to the table, the table does not
 * count its rows, and nothing else in the epoch may have been possible only while the row was away
 * (another row that took over its unique value for a while, a parent that was deleted and came
 * back). A fence that reaches the table has ended the epoch before. Changes with other flags are
 * left alone as everywhere (law 2). */
static bool comes_back(const struct planner *p, const struct table_plan *tp, const struct change *c,
                       const struct net *n)
{
    if (p->exact || !alive_now(p, n) || n->op != NET_DELETE || !n->untouched ||
        n->flags != c->flags || tp->target->referrer_count || tp->target->auto_increment >= 0)
        return false;
    struct slice was = n->origin->before;
    if (was.len != c->after.len || memcmp(was.p, c->after.p, was.len) != 0 ||
        !surroundings_stand(p, tp))
        return false;
    for (uint32_t i = 0; i < tp->target->column_count; i++)
        if (!p->im.after[i] && !tp->target->columns[i].generated)
            return false;
    return true;
}

static int plan_insert(struct planner *p, const struct change *c)
{
    struct slice key;
    int rc = key_of(p, c, p->im.after, &key);
    if (rc)
        return rc;
    struct table_plan *tp = planner_table(p, c->table->target);
    struct row *r = row_find(p, c->table->target, key, true);
    if (!tp || !r)
        return planner_out_of_memory(p);
    if (comes_back(p, tp, c, r->net)) {
        r->net->dead = true;
        r->net = r->net->earlier;
        return 0;
    }
    place(p, tp, NET_INSERT, c->flags, r->net, false);
    struct net *n = net_new(p, c, NET_INSERT, false);
    if (!n)
        return planner_out_of_memory(p);
    n->earlier = r->net;
    r->net = n;
    return 0;
}

/* Can the update in p be written as part of `n`? */
static bool update_folds(const struct planner *p, const struct change *c, const struct net *n,
                         const struct touched *what)
{
    const struct table_plan *tp = p->tables[c->table->target->index];
    if (p->exact || !n || n->dead || n->flags != c->flags || n->op == NET_DELETE ||
        n->epoch < tp->min_epoch)
        return false;
    if (plain(what))
        return true;
    if (n->epoch != p->epoch || what->self_fk || what->referenced)
        return false;
    return n->op == NET_INSERT ? !what->counted : !what->unique;
}

static int plan_update(struct planner *p, const struct change *c)
{
    struct target_table *t = c->table->target;
    struct slice old_key, new_key;
    int rc = key_of(p, c, p->im.before, &old_key);
    if (rc == 0)
        rc = key_of(p, c, p->im.after, &new_key);
    if (rc)
        return rc;
    struct table_plan *tp = planner_table(p, t);
    struct row *r = row_find(p, t, old_key, true);
    if (!tp || !r)
        return planner_out_of_memory(p);
    struct touched what = touches(p, t);
    struct net *n = r->net;
    bool fence = what.referenced && t->update_fence && !(c->flags & CHANGE_NO_FK_CHECKS);
    if (!fence && update_folds(p, c, n, &what)) {
        fold_update(p, c, n);
    } else {
        if (fence) {
            rc = place_fence(p, tp, NET_UPDATE, c->flags, n);
            if (rc)
                return rc;
        } else {
            place(p, tp, NET_UPDATE, c->flags, n, what.self_fk);
        }
        struct net *fresh = net_new(p, c, NET_UPDATE, false);
        if (!fresh)
            return planner_out_of_memory(p);
        fresh->earlier = n;
        n = fresh;
    }
    if (what.unique || what.referenced)
        tp->moved_epoch = p->epoch;
    if (old_key.len == new_key.len && memcmp(old_key.p, new_key.p, old_key.len) == 0) {
        r->net = n;
        return 0;
    }
    r->net = NULL; /* the old key's history ends here, the new one's begins */
    struct row *moved = row_find(p, t, new_key, true);
    if (!moved)
        return planner_out_of_memory(p);
    moved->net = n;
    return 0;
}

/* Delete of a row that has net changes in this epoch: true when they and the delete fold into
 * `*key` being deleted (or into nothing: *gone). */
static bool delete_folds(const struct planner *p, const struct change *c, struct table_plan *tp,
                         struct row *r, const uint8_t ***key, bool *gone)
{
    struct net *n = r->net;
    *gone = false;
    if (p->exact || !n || n->dead || n->flags != c->flags || n->op == NET_DELETE ||
        n->epoch < tp->min_epoch)
        return false;
    bool now = n->epoch == p->epoch;
    if (n->op == NET_INSERT) {
        if (!now && tp->target->referrer_count)
            return false;
        n->dead = true;
        leave_ghost(tp, n);
        r->net = n->earlier;
        *gone = true;
        return true;
    }
    if (!now || tp->self_fk_epoch == p->epoch)
        return false;
    for (const struct net *u = n; u && u->op == NET_UPDATE && alive_now(p, u); u = u->earlier)
        if (counted(tp->target, u->changed))
            return false;
    while (n && n->op == NET_UPDATE &&
           alive_now(p, n)) { /* back to the row as the epoch found it */
        n->dead = true;
        *key = n->key;
        n = n->earlier;
    }
    return true;
}

/* A row of this key came in the epoch, and one with other values goes: rows that a step makes of
 * several may have one key for a while. Deletes are written first, so both are right as they are.
 */
static bool is_of_another(const struct planner *p, const struct change *c, const struct net *n)
{
    return !p->exact && alive_now(p, n) && n->op == NET_INSERT &&
           images_contradict(c->table->target, p->im.before, n->after);
}

static int plan_delete(struct planner *p, const struct change *c)
{
    struct target_table *t = c->table->target;
    struct slice key;
    int rc = key_of(p, c, p->im.before, &key);
    if (rc)
        return rc;
    struct table_plan *tp = planner_table(p, t);
    struct row *r = row_find(p, t, key, true);
    if (!tp || !r)
        return planner_out_of_memory(p);
    const uint8_t **first_key = NULL;
    const bool another = is_of_another(p, c, r->net);
    struct net *previous = another ? NULL : r->net;
    if (t->delete_fence && !(c->flags & CHANGE_NO_FK_CHECKS)) {
        rc = place_fence(p, tp, NET_DELETE, c->flags, previous);
        if (rc)
            return rc;
    } else {
        bool gone;
        if (!another && delete_folds(p, c, tp, r, &first_key, &gone)) {
            if (gone)
                return 0;
            previous = NULL;
        }
        place(p, tp, NET_DELETE, c->flags, previous, false);
    }
    struct net *n = net_new(p, c, NET_DELETE, false);
    if (!n)
        return planner_out_of_memory(p);
    if (first_key)
        n->key = first_key;
    n->untouched = !first_key;
    n->earlier = previous;
    r->net = another ? r->net : n;
    return 0;
}

/* --- rows without a key: law 8 ------------------------------------------- */

/* `by` more rows equal to the image `values` (less, when negative). */
static int count_rows(struct planner *p, const struct change *c, bool late, int32_t by)
{
    struct target_table *t = c->table->target;
    struct slice key;
    int rc = key_of(p, c, by > 0 ? p->im.after : p->im.before, &key);
    if (rc)
        return rc;
    struct table_plan *tp = planner_table(p, t);
    struct row *r = row_find(p, t, key, true);
    if (!tp || !r)
        return planner_out_of_memory(p);
    struct net *n = r->net;
    uint32_t oldest = t->fk_count ? p->epoch : tp->min_epoch;
    bool folds = late || (!p->exact && n && n->flags == c->flags && n->epoch >= oldest);
    if (n && folds) { /* late rows always: their steps know no order of time */
        n->count += by;
        if (by < 0 && n->count == 0)
            leave_ghost(tp, n);
        return 0;
    }
    if (!late)
        place(p, tp, by > 0 ? NET_INSERT : NET_DELETE, c->flags, n, false);
    n = net_new(p, c, by > 0 ? NET_INSERT : NET_DELETE, late);
    if (!n)
        return planner_out_of_memory(p);
    const uint8_t **image =
        by > 0 ? n->after : n->key; /* either may be needed: the sign can change */
    n->after = n->key = image;
    n->count = by;
    r->net = n;
    return 0;
}

static int plan_keyless(struct planner *p, const struct change *c, bool late)
{
    const struct target_table *t = c->table->target;
    if (t->referrer_count && !late) { /* deleting it would cascade: as it came, one by one */
        struct table_plan *tp = planner_table(p, c->table->target);
        if (!tp)
            return planner_out_of_memory(p);
        p->epoch++;
        enum net_op op = c->op == CHANGE_INSERT   ? NET_INSERT
                         : c->op == CHANGE_UPDATE ? NET_UPDATE
                                                  : NET_DELETE;
        int rc = place_fence(p, tp, op, c->flags, NULL);
        struct net *n = rc ? NULL : net_new(p, c, op, false);
        if (!n)
            return rc ? rc : planner_out_of_memory(p);
        n->count = op == NET_DELETE ? -1 : 1;
        p->epoch++;
        return 0;
    }
    int rc = 0;
    if (c->op != CHANGE_INSERT)
        rc = count_rows(p, c, late, -1);
    if (rc == 0 && c->op != CHANGE_DELETE)
        rc = count_rows(p, c, late, 1);
    return rc;
}

/* --- MEMORY, MyISAM, sequences: law 9 ------------------------------------ */

static int late_net(struct planner *p, const struct change *c, struct slice key, enum net_op op,
                    struct net **out)
{
    struct table_plan *tp = planner_table(p, c->table->target);
    struct row *r = row_find(p, c->table->target, key, true);
    if (!tp || !r)
        return planner_out_of_memory(p);
    if (r->net) {
        r->net->dead = true; /* the last state of a key wins */
        if (op == NET_DELETE && r->net->op == NET_INSERT)
            leave_ghost(tp, r->net);
    }
    struct net *n = net_new(p, c, op, true);
    if (!n)
        return planner_out_of_memory(p);
    r->net = *out = n;
    return 0;
}

/* The last state per key, as a full image: written whatever is there. */
static int plan_late(struct planner *p, const struct change *c)
{
    const struct target_table *t = c->table->target;
    struct slice old_key = {0}, new_key = {0};
    struct net *n;
    int rc = 0;
    if (t->sequence) { /* one row: the last state */
        if (c->op == CHANGE_DELETE)
            return 0;
        new_key = (struct slice){(const uint8_t *)"", 0};
        return late_net(p, c, new_key, NET_INSERT, &n);
    }
    if (!t->row_key)
        return plan_keyless(p, c, true);
    if (c->op != CHANGE_INSERT)
        rc = key_of(p, c, p->im.before, &old_key);
    if (rc == 0 && c->op != CHANGE_DELETE)
        rc = key_of(p, c, p->im.after, &new_key);
    bool same = old_key.p && new_key.p && old_key.len == new_key.len &&
                memcmp(old_key.p, new_key.p, old_key.len) == 0;
    if (rc == 0 && old_key.p && !same)
        rc = late_net(p, c, old_key, NET_DELETE, &n);
    if (rc || !new_key.p)
        return rc;
    bool full = true;
    for (uint32_t i = 0; i < t->column_count; i++)
        full &= p->im.after[i] != NULL || t->columns[i].generated;
    if (!full &&
        c->op ==
            CHANGE_UPDATE) { /* a partial image completes what the batch has, or updates in place */
        struct row *r = row_find(p, t, new_key, true);
        if (!r)
            return planner_out_of_memory(p);
        if (r->net && !r->net->dead && r->net->op != NET_DELETE) {
            fold_update(p, c, r->net);
            return 0;
        }
        return late_net(p, c, new_key, NET_UPDATE, &n);
    }
    return late_net(p, c, new_key, NET_INSERT, &n);
}

/* --- rows that are left out by the filter: law 13 ------------------------ */

/* Only what a foreign key of the source does when such a row goes, or changes: a fence like any
 * other. All of the image's values are kept: the keys that it refers to by are among them. */
static int plan_cascade(struct planner *p, const struct change *c)
{
    struct target_table *t = c->table->target;
    enum net_op op = c->op == CHANGE_UPDATE ? NET_UPDATE : NET_DELETE;
    if (c->op == CHANGE_INSERT || c->flags & CHANGE_NO_FK_CHECKS ||
        !(op == NET_DELETE ? t->delete_fence : t->update_fence))
        return 0;
    struct table_plan *tp = planner_table(p, t);
    if (!tp)
        return planner_out_of_memory(p);
    if (tp->last_epoch == p->epoch && (op == NET_UPDATE || tp->op_epoch[NET_UPDATE] == p->epoch))
        p->epoch++; /* the row's history is not known: what came before it may be its own */
    int rc = place_fence(p, tp, op, c->flags, NULL);
    struct net *n = rc ? NULL : net_new(p, c, op, false);
    if (rc == 0 && !n)
        return planner_out_of_memory(p);
    if (n && !(n->key = copy_values(p, p->im.before, t->column_count)))
        return planner_out_of_memory(p);
    return rc;
}

static int plan_change(struct planner *p, const struct change *c)
{
    int rc = images_split(c, &p->im, p->err);
    if (rc)
        return rc;
    const struct target_table *t = c->table->target;
    if (c->flags & CHANGE_CASCADE)
        return plan_cascade(p, c);
    if (!t->transactional)
        return plan_late(p, c);
    if (!t->row_key)
        return plan_keyless(p, c, false);
    switch (c->op) {
    case CHANGE_INSERT:
        return plan_insert(p, c);
    case CHANGE_UPDATE:
        return plan_update(p, c);
    case CHANGE_DELETE:
        return plan_delete(p, c);
    }
    return error_set(p->err, DS_EFORMAT, "unknown row operation %d", (int)c->op);
}

int plan_build(struct plan *out, const struct batch *batch, uint32_t first, uint32_t count,
               bool exact, const struct target *target, struct arena *arena, struct ds_error *err)
{
    memset(out, 0, sizeof *out);
    struct planner *p = arena_alloc(arena, sizeof *p);
    if (!p)
        return error_set(err, DS_ENOMEM, "out of memory while planning a batch");
    memset(p, 0, offsetof(struct planner, im));
    p->arena = arena;
    p->batch = batch;
    p->exact = exact;
    p->epoch = 1;
    p->err = err;
    uint64_t changes = 0, buckets = 64;
    for (uint32_t i = first; i < first + count; i++)
        changes += batch->transactions[i].count;
    while (buckets < changes * 2)
        buckets *= 2;
    p->mask = buckets - 1;
    p->buckets = arena_zalloc(arena, buckets * sizeof *p->buckets);
    p->tables = arena_zalloc(arena, (target_count(target) + 1) * sizeof *p->tables);
    if (!p->buckets || !p->tables)
        return planner_out_of_memory(p);
    for (uint32_t i = first; i < first + count; i++) {
        const struct transaction *tx = &batch->transactions[i];
        for (uint32_t k = tx->first; k < tx->first + tx->count; k++) {
            const struct change *c = &batch->changes[k];
            if (c->skip || (tx->rolled_back && c->table->target->transactional))
                continue;
            int rc = plan_change(p, c);
            if (rc)
                return rc;
        }
    }
    out->rows = changes;
    return plan_order(p, out, target_count(target));
}
