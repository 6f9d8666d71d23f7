/* Rows whose changes wait in quarantine, and what has to wait behind them (law 5).
 *
 * A change waits when it touches such a row, a row that it refers to, or one that refers to what it
 * takes away: the source could do it only behind theirs. All changes of an entity wait together,
 * and behind them what refers to its root. Who refers to whom is told by the images, as they were
 * at the source. A cascade goes on from row to row, and those between are in no event and may be in
 * no quarantine: the destination is asked how they hang together, in the state that the change
 * finds (climb).
 */
#include <stdlib.h>
#include <string.h>

#include "applier/apply.h"
#include "applier/bind.h"
#include "applier/images.h"

int held_row_key(struct arena *arena, const struct target_table *t, struct slice image,
                 struct slice *out)
{
    const uint8_t *values[MESSAGE_MAX_COLUMNS];
    struct ds_error ignored;
    if (!image.len || images_values(t, image, values))
        return DS_EFORMAT;
    for (uint32_t i = 0; i < t->column_count; i++)
        values[i] = *values[i] == VALUE_BYTE_ABSENT ? NULL : values[i];
    return images_key(t, values, arena, out, &ignored);
}

static bool is_value(const uint8_t *v)
{
    return *v != VALUE_BYTE_NULL && *v != VALUE_BYTE_ABSENT && *v != VALUE_BYTE_SAME;
}

/* The key of the root that the row names; empty: none, or it leads to it through others. */
static struct slice root_named(const struct source_table *t, const uint8_t *const *values)
{
    const uint8_t *v = t->has_link ? values[t->link] : NULL;
    return v && is_value(v) ? (struct slice){v, value_length(v)} : (struct slice){0};
}

struct slice held_entity_key(const struct change *c)
{
    const uint8_t *values[MESSAGE_MAX_COLUMNS];
    struct slice key = c->entity_key;
    if (key.len || !c->table->has_link || c->flags & CHANGE_CASCADE)
        return key;
    if (c->op != CHANGE_INSERT && images_values(c->table->target, c->before, values) == 0)
        key = root_named(c->table, values);
    if (!key.len && c->op != CHANGE_DELETE &&
        images_values(c->table->target, c->after, values) == 0)
        key = root_named(c->table, values);
    return key;
}

static bool same_slice(struct slice x, struct slice y)
{
    return x.len == y.len && (x.len == 0 || memcmp(x.p, y.p, x.len) == 0);
}

static struct held_row *find_held(const struct applier *a, const struct target_table *t,
                                  struct slice key)
{
    for (struct held_row *h = a->held; h; h = h->next)
        if (h->table == t && same_slice(h->key, key))
            return h;
    return NULL;
}

/* With its character set, so that a column's collation compares it. */
static int value_literal(struct buf *sql, const struct target_column *column, const uint8_t *value,
                         struct ds_error *err)
{
    if (column->class == TARGET_TEXT && *column->charset &&
        buf_printf(sql, "_%s ", column->charset))
        return error_set(err, DS_ENOMEM, "out of memory");
    return bind_literal(sql, column, value, err);
}

/* A row, and what the server has said of the weights of its texts. */
struct weighed {
    const uint8_t *const *values;
    struct slice *weights; /* by column; p NULL: not asked yet */
    struct arena *arena;
};

/* By which texts with different bytes are compared: the server alone knows. Without trailing
 * spaces, which count in some collations only. p NULL: not to be had. */
static struct slice weight(const struct applier *a, const struct target_column *column,
                           const struct weighed *row, uint32_t i)
{
    BUF_AUTO struct buf sql = {0}, value = {0};
    struct ds_error ignored;
    bool found;
    struct slice *known = &row->weights[i];
    if (known->p)
        return *known;
    if (buf_puts(&sql, "SELECT WEIGHT_STRING(RTRIM(") ||
        value_literal(&sql, column, row->values[i], &ignored) ||
        buf_printf(&sql, ") COLLATE %s)", column->collation) ||
        db_scalar(a->db, &value, &found, &ignored, "%s", buf_cstr(&sql)) || !found)
        return *known;
    known->p = arena_copy(row->arena, value.data, value.len);
    known->len = known->p ? value.len : 0;
    return *known;
}

/* Column i of x and column j of y, which are of one type and collation: is neither surely different
 * from the other? NULL equals nothing. */
static bool values_equal(const struct applier *a, const struct target_column *column,
                         const struct weighed *x, uint32_t i, const struct weighed *y, uint32_t j)
{
    const uint8_t *one = x->values[i], *other = y->values[j];
    size_t n = value_length(one);
    if (!is_value(one) || !is_value(other))
        return false;
    if (value_length(other) == n && memcmp(one, other, n) == 0)
        return true;
    if (column->class != TARGET_TEXT || !*column->collation)
        return false;
    struct slice p = weight(a, column, x, i), q = weight(a, column, y, j);
    return !p.p || !q.p || same_slice(p, q);
}

/* Does the row's foreign key name the parent row? */
static bool refers_to(const struct applier *a, const struct target_fk *fk,
                      const struct weighed *child, const struct weighed *parent)
{
    for (uint32_t i = 0; i < fk->count; i++)
        if (!values_equal(a, &fk->child->columns[fk->columns[i]], child, fk->columns[i], parent,
                          fk->parent_columns[i]))
            return false;
    return fk->count > 0;
}

/* The image of a change: values and weights live as long as `arena`. False: it has none. */
static bool weigh(const struct target_table *t, struct slice image, const uint8_t **values,
                  struct arena *arena, struct weighed *out)
{
    if (!image.len || images_values(t, image, values))
        return false;
    *out = (struct weighed){values, arena_zalloc(arena, t->column_count * sizeof *out->weights),
                            arena};
    return out->weights != NULL;
}

static bool weigh_held(struct applier *a, struct held_row *h, const uint8_t **values,
                       struct weighed *out)
{
    if (!h->image.len || images_values(h->table, h->image, values))
        return false;
    if (!h->weights)
        h->weights = arena_zalloc(&a->held_arena, h->table->column_count * sizeof *h->weights);
    *out = (struct weighed){values, h->weights, &a->held_arena};
    return h->weights != NULL;
}

/* The smaller one of two ids, of those that are larger than `above`; 0: none. */
static uint64_t next_id(uint64_t have, uint64_t id, uint64_t above)
{
    return id > above && (!have || id < have) ? id : have;
}

static uint64_t image_refers(struct applier *a, const struct target_table *t,
                             const struct weighed *child, uint64_t above)
{
    const uint8_t *values[MESSAGE_MAX_COLUMNS];
    struct weighed parent;
    uint64_t found = 0;
    for (uint32_t f = 0; f < t->fk_count; f++)
        for (struct held_row *h = a->held; h; h = h->next)
            if (h->table == t->fks[f].parent && next_id(found, h->id, above) != found &&
                weigh_held(a, h, values, &parent) && refers_to(a, &t->fks[f], child, &parent))
                found = h->id;
    return found;
}

/* Does the update change a column that rows of `fk` refer to? */
static bool leaves(const struct change *c, const struct target_fk *fk)
{
    struct row_images im;
    struct ds_error ignored;
    if (c->op != CHANGE_UPDATE)
        return c->op == CHANGE_DELETE;
    if (images_split(c, &im, &ignored))
        return false;
    for (uint32_t i = 0; i < fk->count; i++)
        if (im.changed[fk->parent_columns[i] / 64] >> (fk->parent_columns[i] % 64) & 1)
            return true;
    return false;
}

/* The same for quarantined rows that refer to the row that this change takes away, or gives another
 * key: it was possible, or its cascade did what it did, only behind theirs. */
static uint64_t referrers_held(struct applier *a, const struct change *c,
                               const struct weighed *parent, uint64_t above)
{
    const struct target_table *t = c->table->target;
    const uint8_t *values[MESSAGE_MAX_COLUMNS];
    struct weighed child;
    uint64_t found = 0;
    for (uint32_t f = 0; f < t->referrer_count; f++) {
        const struct target_fk *fk = t->referrers[f];
        if (!leaves(c, fk))
            continue;
        for (struct held_row *h = a->held; h; h = h->next)
            if (h->table == fk->child && next_id(found, h->id, above) != found &&
                weigh_held(a, h, values, &child) && refers_to(a, fk, &child, parent))
                found = h->id;
    }
    return found;
}

/* Would the two rows collide in the key, or are they not surely different in it? About texts the
 * server is asked, hence last. Of a key on the heads of texts the whole ones are compared. */
static bool collide(const struct applier *a, const struct target_table *t,
                    const struct target_key *k, const struct weighed *x, const struct weighed *y)
{
    bool equal = k->unique || k->primary;
    for (int text = 0; text < 2; text++)
        for (uint32_t i = 0; i < k->count && equal; i++) {
            uint32_t column = k->columns[i];
            if ((t->columns[column].class == TARGET_TEXT) == text)
                equal = values_equal(a, &t->columns[column], x, column, y, column);
        }
    return equal;
}

/* An update takes no value of a key that it leaves as it is. */
static bool takes(const struct change *c, const struct target_key *k)
{
    struct row_images im;
    struct ds_error ignored;
    if (c->op != CHANGE_UPDATE || images_split(c, &im, &ignored))
        return true;
    bool changes = false;
    for (uint32_t i = 0; i < k->count; i++)
        changes |= im.changed[k->columns[i] / 64] >> (k->columns[i] % 64) & 1;
    return changes;
}

/* A value that a waiting change takes or gives away is to be had only behind it. */
static uint64_t unique_held(struct applier *a, const struct change *c, const struct weighed *after,
                            uint64_t above)
{
    const struct target_table *t = c->table->target;
    const uint8_t *values[MESSAGE_MAX_COLUMNS];
    struct weighed held;
    uint64_t found = 0;
    for (uint32_t k = 0; k < t->key_count; k++) {
        if (!(t->keys[k].unique || t->keys[k].primary) || !takes(c, &t->keys[k]))
            continue;
        for (struct held_row *h = a->held; h; h = h->next)
            if (h->table == t && next_id(found, h->id, above) != found &&
                weigh_held(a, h, values, &held) && collide(a, t, &t->keys[k], after, &held))
                found = h->id;
    }
    return found;
}

static uint64_t entity_held(const struct applier *a, const struct change *c, uint64_t above)
{
    struct slice key = held_entity_key(c);
    uint64_t found = 0;
    for (const struct held_row *h = a->held; h && key.len; h = h->next)
        if (strcmp(h->entity, c->table->entity) == 0 && same_slice(h->entity_key, key))
            found = next_id(found, h->id, above);
    return found;
}

/* Is the key's parent the root of an entity of which a row waits? By the name of the entity. */
static bool leads_to_root(const struct applier *a, const struct target_fk *fk, const char *entity)
{
    const struct catalogue_entity *e = catalogue_find(filter_catalogue(a->options.filter), entity);
    const char *prefix = a->config->source.prefix ? a->config->source.prefix : "";
    size_t n = strlen(prefix);
    return e && e->table_count && fk->count == 1 && strncmp(fk->parent_name, prefix, n) == 0 &&
           strcmp(fk->parent_name + n, e->tables[0].table) == 0 &&
           strcasecmp(fk->parent_column_names[0], e->tables[0].link) == 0;
}

/* A row of an entity, as its image says, waits behind what waits of it: the key that came with the
 * change is that of the entity which it leaves. */
static uint64_t own_root_held(const struct applier *a, const struct source_table *t,
                              const struct weighed *row, uint64_t above)
{
    const struct slice key = root_named(t, row->values);
    uint64_t found = 0;
    for (const struct held_row *h = a->held; h && key.len; h = h->next)
        if (same_slice(h->entity_key, key) && strcmp(h->entity, t->entity) == 0)
            found = next_id(found, h->id, above);
    return found;
}

/* A row that refers to the root of an entity waits behind what waits of that entity. */
static uint64_t root_referred(const struct applier *a, const struct source_table *of,
                              const struct weighed *row, uint64_t above)
{
    const struct target_table *t = of->target;
    uint64_t found = own_root_held(a, of, row, above);
    for (uint32_t f = 0; f < t->fk_count; f++) {
        const uint8_t *value = t->fks[f].count == 1 ? row->values[t->fks[f].columns[0]] : NULL;
        if (!value || !is_value(value))
            continue;
        const struct slice key = {value, value_length(value)};
        for (const struct held_row *h = a->held; h; h = h->next)
            if (same_slice(h->entity_key, key) && next_id(found, h->id, above) != found &&
                leads_to_root(a, &t->fks[f], h->entity))
                found = h->id;
    }
    return found;
}

/* --- through rows in between --------------------------------------------- */

enum {
    PATH_MAX_KEYS = 16,
    PATHS_MAX = 64, /* of one held row; beyond, the change waits without being looked into */
};

/* From a held row up to the row that a change takes away. */
struct climb {
    struct applier *a;
    const struct target_table *top;
    const struct change *change;
    const uint8_t *const *gone; /* its values */
    const uint8_t *const *held; /* the held row's */
    const struct target_fk *path[PATH_MAX_KEYS];
    uint32_t depth, looks;
    bool found;
};

static bool reaches(const struct target_table *from, const struct target_table *to)
{
    bool is = false;
    for (uint32_t i = 0; i < from->reach_count; i++)
        is |= from->reach[i] == to;
    return is;
}

/* Can the change's cascades get to rows of `held` through rows of another table, or of its own? */
static bool reaches_through(const struct change *c, const struct target_table *held)
{
    const struct target_table *t = c->table->target;
    for (uint32_t i = 0; i < t->referrer_count; i++) {
        const struct target_fk *fk = t->referrers[i];
        if ((fk->on_delete != FK_RESTRICT || fk->on_update != FK_RESTRICT) && leaves(c, fk) &&
            reaches(fk->child, held))
            return true;
    }
    return false;
}

/* Once what `up` refers to is gone, or has another key: does that matter to rows that refer to its
 * own row by `below`? */
static bool goes_on(const struct climb *w, const struct target_fk *up)
{
    const struct target_fk *below = w->path[w->depth - 1];
    bool deleted = w->change->op == CHANGE_DELETE, shared = false;
    for (uint32_t i = 0; i < up->count; i++)
        for (uint32_t j = 0; j < below->count; j++)
            shared |= up->columns[i] == below->parent_columns[j];
    if (deleted && up->on_delete == FK_CASCADE)
        return true;
    return shared && (up->on_update != FK_RESTRICT || (deleted && up->on_delete != FK_RESTRICT));
}

/* `column` of alias t<number> = value, by the column's own collation. */
static int equals_value(struct buf *sql, uint32_t number, const struct target_column *column,
                        const struct target_column *of, const uint8_t *value, struct ds_error *err)
{
    int rc = buf_printf(sql, " AND t%u.", number) | sql_identifier(sql, column->name) |
             buf_puts(sql, " = ");
    return rc ? error_set(err, DS_ENOMEM, "out of memory") : value_literal(sql, of, value, err);
}

static bool any_is(const uint8_t *const *values, const uint32_t *columns, uint32_t count,
                   uint8_t byte)
{
    bool is = false;
    for (uint32_t i = 0; i < count; i++)
        is |= *values[columns[i]] == byte;
    return is;
}

/* SELECT … FROM the rows between, joined, WHERE the first is the held row's parent AND the last
 * refers to the row that goes. */
static int path_sql(const struct climb *w, const struct target_fk *last, struct buf *sql,
                    struct ds_error *err)
{
    const struct target_fk *first = w->path[0];
    int rc = buf_puts(sql, "SELECT 1 FROM ");
    for (uint32_t i = 0; i < w->depth; i++) {
        rc |= (i ? buf_puts(sql, " JOIN ") : 0) |
              sql_table(sql, w->a->database, w->path[i]->parent->name) | buf_printf(sql, " t%u", i);
        for (uint32_t k = 0; i && k < w->path[i]->count; k++) {
            const struct target_fk *fk = w->path[i];
            rc |= buf_printf(sql, " %s t%u.", k ? "AND" : "ON", i - 1) |
                  sql_identifier(sql, fk->child->columns[fk->columns[k]].name) |
                  buf_printf(sql, " = t%u.", i) |
                  sql_identifier(sql, fk->parent->columns[fk->parent_columns[k]].name);
        }
    }
    rc |= buf_puts(sql, " WHERE TRUE");
    rc = rc ? error_set(err, DS_ENOMEM, "out of memory") : 0;
    for (uint32_t k = 0; k < first->count && rc == 0; k++)
        rc = equals_value(sql, 0, &first->parent->columns[first->parent_columns[k]],
                          &first->child->columns[first->columns[k]], w->held[first->columns[k]],
                          err);
    for (uint32_t k = 0; k < last->count && rc == 0; k++)
        rc = equals_value(sql, w->depth - 1, &last->child->columns[last->columns[k]],
                          &last->parent->columns[last->parent_columns[k]],
                          w->gone[last->parent_columns[k]], err);
    return rc || !buf_puts(sql, " LIMIT 1") ? rc : error_set(err, DS_ENOMEM, "out of memory");
}

static int look(struct climb *w, const struct target_fk *last, struct ds_error *err)
{
    const struct target_fk *first = w->path[0];
    BUF_AUTO struct buf sql = {0};
    uint64_t one;
    if (any_is(w->held, first->columns, first->count, VALUE_BYTE_NULL) ||
        any_is(w->gone, last->parent_columns, last->count, VALUE_BYTE_NULL))
        return 0; /* refers to nothing, or nothing does */
    if (++w->looks > PATHS_MAX ||
        any_is(w->held, first->columns, first->count, VALUE_BYTE_ABSENT) ||
        any_is(w->gone, last->parent_columns, last->count, VALUE_BYTE_ABSENT)) {
        w->found = true;
        return 0;
    }
    int rc = path_sql(w, last, &sql, err);
    return rc ? rc : db_scalar_u64(w->a->db, &one, &w->found, err, "%s", buf_cstr(&sql));
}

bool held_reaches(const struct applier *a, const struct target_table *t)
{
    bool is = false;
    for (const struct held_row *h = a->held; h; h = h->next)
        is |= h->fence && reaches(h->table, t);
    return is;
}

/* May the cascade that waits change rows of this table, not only take them away? */
static bool changes_rows(const struct held_row *h, const struct target_table *t)
{
    if (!h->fence || !reaches(h->table, t))
        return false;
    bool sets_null = false;
    for (uint32_t i = 0; i < h->table->reach_count; i++) {
        const struct target_table *x = h->table->reach[i];
        for (uint32_t f = 0; f < x->fk_count && (x == t || reaches(x, t)); f++) {
            const struct target_table *parent = x->fks[f].parent;
            sets_null |= parent && x->fks[f].on_delete == FK_SET_NULL &&
                         (parent == h->table || reaches(h->table, parent));
        }
    }
    return sets_null || h->moves;
}

/* May rows of this table refer to others than they do once what waits is done? Rows that go then
 * only make the way shorter. */
static bool unsettled(const struct applier *a, const struct target_table *t)
{
    bool is = false;
    for (const struct held_row *h = a->held; h; h = h->next)
        is |= h->table == t || changes_rows(h, t);
    return is;
}

static bool on_path(const struct climb *w, const struct target_table *t)
{
    bool is = false;
    for (uint32_t i = 0; i < w->depth; i++)
        is |= w->path[i]->parent == t;
    return is;
}

/* All ways from rows of `t`, where the path has come to, up to the row that goes. The change waits
 * without a look where a way goes in a circle, and so has no length that is known, and where rows
 * on it are not as the change finds them, since others wait that alter them. */
static int climb(struct climb *w, const struct target_table *t, struct ds_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; i < t->fk_count && rc == 0 && !w->found; i++) {
        const struct target_fk *fk = &t->fks[i];
        if (!fk->parent || (w->depth && !goes_on(w, fk)))
            continue;
        if (w->depth && fk->parent == w->top && leaves(w->change, fk))
            rc = look(w, fk, err);
        if (rc || w->found || !fk->parent->exists || !reaches(w->top, fk->parent))
            continue;
        if (on_path(w, fk->parent) || w->depth == PATH_MAX_KEYS || unsettled(w->a, fk->parent)) {
            w->found = true;
            continue;
        }
        w->path[w->depth++] = fk;
        rc = climb(w, fk->parent, err);
        w->depth--;
    }
    return rc;
}

/* Held rows that the change's cascade comes to through others. *found as in held_touched. A change
 * that waits anyway waits behind all that it may come to: where it will be done, the rows between
 * are others. */
static int cascades_to_held(struct applier *a, const struct change *c, uint64_t above,
                            bool before_it, uint64_t *found, struct ds_error *err)
{
    const uint8_t *gone[MESSAGE_MAX_COLUMNS], *held[MESSAGE_MAX_COLUMNS];
    const struct target_table *t = c->table->target;
    bool waits = above || *found;
    int rc = 0;
    if (c->op == CHANGE_INSERT || c->flags & CHANGE_NO_FK_CHECKS || !t->referrer_count ||
        images_values(t, c->before, gone))
        return 0;
    for (const struct held_row *h = a->held; h && rc == 0; h = h->next) {
        if (next_id(*found, h->id, above) == *found || !reaches_through(c, h->table) ||
            images_values(h->table, h->image, held))
            continue;
        if (!waits && !before_it)
            return error_set(err, DS_ECONFLICT,
                             "it depends on the destination what waits behind quarantined rows");
        struct climb w = {
            .a = a, .top = t, .change = c, .gone = gone, .held = held, .found = waits};
        rc = waits ? 0 : climb(&w, h->table, err);
        if (w.found)
            *found = h->id;
    }
    return rc;
}

static uint64_t row_held(const struct applier *a, const struct target_table *t, struct slice image,
                         uint64_t above)
{
    struct arena scratch = {0};
    struct slice key;
    const struct held_row *h = NULL;
    if (held_row_key(&scratch, t, image, &key) == 0)
        h = find_held(a, t, key);
    arena_free(&scratch);
    return h ? next_id(0, h->id, above) : 0;
}

int held_touched(struct applier *a, const struct change *c, uint64_t above, bool before_it,
                 uint64_t *id, struct ds_error *err)
{
    const struct target_table *t = c->table->target;
    const uint8_t *old[MESSAGE_MAX_COLUMNS], *new[MESSAGE_MAX_COLUMNS];
    struct arena scratch = {0};
    struct slice after = {0};
    struct weighed row;
    uint64_t found = entity_held(a, c, above);
    if (c->op != CHANGE_INSERT)
        found = next_id(found, row_held(a, t, c->before, above), above);
    if (c->op != CHANGE_DELETE && images_full_after(&scratch, c, &after) == 0 &&
        weigh(t, after, new, &scratch, &row)) {
        found = next_id(found, row_held(a, t, after, above), above);
        found = next_id(found, unique_held(a, c, &row, above), above);
        found = next_id(found, image_refers(a, t, &row, above), above);
        found = next_id(found, root_referred(a, c->table, &row, above), above);
    }
    if (c->op != CHANGE_INSERT && weigh(t, c->before, old, &scratch, &row)) {
        if (c->op == CHANGE_DELETE)
            found = next_id(found, image_refers(a, t, &row, above), above);
        found = next_id(found, root_referred(a, c->table, &row, above), above);
        found = next_id(found, referrers_held(a, c, &row, above), above);
    }
    arena_free(&scratch);
    int rc = cascades_to_held(a, c, above, before_it, &found, err);
    *id = found;
    return rc;
}

/* --- the list --------------------------------------------------------------- */

uint64_t held_first(const struct applier *a, const char *table)
{
    const struct target_table *t = table ? target_find(a->target, table, strlen(table)) : NULL;
    uint64_t found = 0;
    for (const struct held_row *h = a->held; h; h = h->next)
        if (!table || strcasecmp(h->table->name, table) == 0 ||
            (t && h->fence && reaches(h->table, t)))
            found = next_id(found, h->id, 0);
    return found;
}

/* Do two images of a row agree in what ties it to other rows? */
static bool same_ties(const struct target_table *t, struct slice x, struct slice y)
{
    const uint8_t *one[MESSAGE_MAX_COLUMNS], *other[MESSAGE_MAX_COLUMNS];
    if (images_values(t, x, one) || images_values(t, y, other))
        return false;
    for (uint32_t i = 0; i < t->column_count; i++) {
        size_t n = value_length(one[i]);
        if ((t->columns[i].in_fk || t->columns[i].in_referenced || t->columns[i].in_unique) &&
            (value_length(other[i]) != n || memcmp(one[i], other[i], n) != 0))
            return false;
    }
    return true;
}

/* Is it a change whose cascades may do something? */
static bool is_fence(const struct change *c)
{
    const struct target_table *t = c->table->target;
    bool is = false;
    for (uint32_t i = 0; i < t->referrer_count && c->op != CHANGE_INSERT; i++)
        is |= leaves(c, t->referrers[i]);
    return is && !(c->flags & CHANGE_NO_FK_CHECKS);
}

/* The entity that the image's row is of: the key in the message is that of the one it leaves. */
static struct slice entity_of(const struct change *c, struct slice image, bool after)
{
    const uint8_t *values[MESSAGE_MAX_COLUMNS];
    struct slice named = {0};
    if (after && images_values(c->table->target, image, values) == 0)
        named = root_named(c->table, values);
    return named.len ? named : held_entity_key(c);
}

struct slice held_new_key(const struct change *c, const struct row_images *im)
{
    uint32_t link = c->table->link;
    bool moves =
        c->table->is_root && c->op == CHANGE_UPDATE && im->changed[link / 64] >> (link % 64) & 1;
    return moves ? root_named(c->table, im->after) : (struct slice){0};
}

/* A row that turns to other rows while it waits is held with each of its images. */
static int hold_row(struct applier *a, const struct change *c, struct slice image, bool after,
                    uint64_t id)
{
    struct target_table *t = c->table->target;
    struct slice key, entity = entity_of(c, image, after);
    bool fence = is_fence(c), moves = fence && c->op == CHANGE_UPDATE, known = false;
    bool ghost = c->flags & CHANGE_CASCADE, gone = c->op == CHANGE_DELETE;
    if (!image.len)
        return 0;
    int rc = held_row_key(&a->held_arena, t, image, &key);
    if (rc)
        return rc == DS_EFORMAT ? 0 : rc;
    for (struct held_row *h = a->held; h; h = h->next) {
        if (h->table != t || !same_slice(h->key, key))
            continue;
        h->gone = ghost ? h->gone : gone;
        known |= h->fence == fence && h->moves == moves && h->ghost == ghost &&
                 same_slice(h->entity_key, entity) && same_ties(t, h->image, image);
    }
    if (known)
        return 0;
    struct held_row *h = arena_zalloc(&a->held_arena, sizeof *h);
    uint8_t *copy = arena_copy(&a->held_arena, image.p, image.len);
    const char *name = arena_strdup(&a->held_arena, c->table->entity);
    const uint8_t *entity_key = arena_copy(&a->held_arena, entity.p, entity.len);
    if (!h || !copy || !name || !entity_key)
        return DS_ENOMEM;
    *h = (struct held_row){.table = t,
                           .key = key,
                           .image = {copy, image.len},
                           .fence = fence,
                           .moves = moves,
                           .gone = gone,
                           .ghost = ghost,
                           .entity = name,
                           .entity_key = {entity_key, entity.len},
                           .id = id,
                           .next = a->held};
    a->held = h;
    return 0;
}

int held_add(struct applier *a, const struct change *c, uint64_t id)
{
    struct slice after = {0};
    int rc = 0;
    if (c->op != CHANGE_DELETE)
        rc = images_full_after(&a->held_arena, c, &after);
    if (rc == 0 && c->op != CHANGE_INSERT)
        rc = hold_row(a, c, c->before, false, id);
    return rc ? rc : hold_row(a, c, after, true, id);
}
