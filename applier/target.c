#include "applier/target_internal.h"
#include "schema/list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <xxhash.h>

int target_new(struct target **out, MYSQL *db, const char *database, struct ds_error *err)
{
    struct target *t = calloc(1, sizeof *t);
    if (!t)
        return error_set(err, DS_ENOMEM, "out of memory");
    t->bucket_count = 1024;
    t->buckets = calloc(t->bucket_count, sizeof *t->buckets);
    t->database = strdup(database);
    int rc = t->buckets && t->database ? target_load(t, db, err)
                                       : error_set(err, DS_ENOMEM, "out of memory");
    if (rc) {
        target_free(t);
        return rc;
    }
    *out = t;
    return 0;
}

void target_free(struct target *t)
{
    if (!t)
        return;
    for (uint32_t i = 0; i < t->count; i++) {
        free(t->by_index[i]->referrers);
        free(t->by_index[i]->reach);
        arena_free(&t->by_index[i]->arena);
        free(t->by_index[i]);
    }
    arena_free(&t->derived_arena);
    free(t->derived);
    free(t->by_index);
    free(t->buckets);
    free(t->database);
    free(t);
}

static uint32_t bucket_of(const struct target *t, const char *name, size_t len)
{
    return (uint32_t)XXH3_64bits(name, len) & (t->bucket_count - 1);
}

struct target_table *target_find_any(const struct target *t, const char *name, size_t len)
{
    for (struct target_table *x = t->buckets[bucket_of(t, name, len)]; x; x = x->next)
        if (strlen(x->name) == len && memcmp(x->name, name, len) == 0)
            return x;
    return NULL;
}

struct target_table *target_find(const struct target *t, const char *name, size_t len)
{
    struct target_table *x = target_find_any(t, name, len);
    return x && x->exists ? x : NULL;
}

uint32_t target_count(const struct target *t)
{
    return t->count;
}

struct target_table *target_at(const struct target *t, uint32_t index)
{
    return t->by_index[index];
}

struct target_table *target_slot(struct target *t, const char *name)
{
    struct target_table *x = target_find_any(t, name, strlen(name));
    if (x) {
        struct target_table keep = *x;
        char copy[300];
        snprintf(copy, sizeof copy, "%s", name);
        arena_reset(&keep.arena, 0);
        free(x->referrers);
        free(x->reach);
        memset(x, 0, sizeof *x);
        x->arena = keep.arena;
        x->next = keep.next;
        x->index = keep.index;
        x->version = keep.version + 1;
        x->name = arena_strdup(&x->arena, copy);
        x->auto_increment = -1;
        return x->name ? x : NULL;
    }
    if (LIST_ROOM(t->by_index, t->count, t->cap))
        return NULL;
    x = calloc(1, sizeof *x);
    if (!x)
        return NULL;
    x->name = arena_strdup(&x->arena, name);
    x->auto_increment = -1;
    x->version = 1;
    x->index = t->count;
    t->by_index[t->count++] = x;
    uint32_t b = bucket_of(t, name, strlen(name));
    x->next = t->buckets[b];
    t->buckets[b] = x;
    return x;
}

static bool is_sent(const struct target_table *x, const struct target_key *k)
{
    bool sent = true;
    for (uint32_t i = 0; i < k->count; i++)
        sent &= !x->columns[k->columns[i]].unsent;
    return sent;
}

void target_choose_key(struct target_table *x)
{
    const struct target_key *primary = NULL, *unique = NULL;
    for (uint32_t i = 0; i < x->key_count; i++) {
        const struct target_key *k = &x->keys[i];
        if (k->primary)
            primary = k;
        else if (!unique && !k->has_nullable && !k->has_prefix && is_sent(x, k))
            unique = k;
    }
    x->row_key = primary && (is_sent(x, primary) || !unique) ? primary : unique;
}

static int append_referrer(struct target_table *parent, struct target_fk *fk)
{
    struct target_fk **grown =
        realloc(parent->referrers, (parent->referrer_count + 1) * sizeof *grown);
    if (!grown)
        return DS_ENOMEM;
    grown[parent->referrer_count++] = fk;
    parent->referrers = grown;
    return 0;
}

/* Tables that a cascade from `x` can change, and those whose rows can forbid it. */
static int compute_reach(struct target *t, struct target_table *x, uint8_t *seen)
{
    enum { UNSEEN, FORBIDS, CASCADES };
    memset(seen, UNSEEN, t->count);
    struct target_table **queue = malloc((t->count + 1) * sizeof *queue);
    if (!queue)
        return DS_ENOMEM;
    uint32_t head = 0, tail = 0, reached = 0;
    queue[tail++] = x;
    while (head < tail) {
        struct target_table *p = queue[head++];
        for (uint32_t i = 0; i < p->referrer_count; i++) {
            const struct target_fk *fk = p->referrers[i];
            bool cascades = fk->on_delete != FK_RESTRICT || fk->on_update != FK_RESTRICT;
            uint32_t c = fk->child->index;
            if (seen[c] == UNSEEN)
                reached++;
            if (cascades && seen[c] != CASCADES) {
                seen[c] = CASCADES;
                queue[tail++] = fk->child;
            } else if (seen[c] == UNSEEN) {
                seen[c] = FORBIDS;
            }
        }
    }
    free(queue);
    x->reach = reached ? malloc(reached * sizeof *x->reach) : NULL;
    if (reached && !x->reach)
        return DS_ENOMEM;
    for (uint32_t i = 0; x->reach && i < t->count; i++)
        if (seen[i] != UNSEEN)
            x->reach[x->reach_count++] = t->by_index[i];
    x->reaches_itself = seen[x->index] == CASCADES;
    return 0;
}

int target_derive(struct target *t, const struct derived_key *key)
{
    if (LIST_ROOM(t->derived, t->derived_count, t->derived_cap))
        return DS_ENOMEM;
    struct arena *a = &t->derived_arena;
    struct derived_key *d = &t->derived[t->derived_count];
    const char **columns = arena_alloc(a, (key->count + 1) * sizeof *columns);
    const char **parents = arena_alloc(a, (key->count + 1) * sizeof *parents);
    *d = *key;
    d->name = arena_strdup(a, key->name);
    d->child = arena_strdup(a, key->child);
    d->parent = arena_strdup(a, key->parent);
    d->columns = columns;
    d->parent_columns = parents;
    if (!columns || !parents || !d->name || !d->child || !d->parent)
        return DS_ENOMEM;
    for (uint32_t i = 0; i < key->count; i++)
        if (!(columns[i] = arena_strdup(a, key->columns[i])) ||
            !(parents[i] = arena_strdup(a, key->parent_columns[i])))
            return DS_ENOMEM;
    t->derived_count++;
    return 0;
}

void target_derive_none(struct target *t)
{
    for (uint32_t i = 0; i < t->count; i++) {
        struct target_table *x = t->by_index[i];
        uint32_t kept = 0;
        for (uint32_t f = 0; f < x->fk_count; f++)
            if (!x->fks[f].derived)
                x->fks[kept++] = x->fks[f];
        x->fk_count = kept;
    }
    t->derived_count = 0;
    arena_reset(&t->derived_arena, 0);
}

/* Tables that were read have lost their derived keys. */
static int add_derived(struct target *t)
{
    for (uint32_t i = 0; i < t->derived_count; i++) {
        const struct derived_key *d = &t->derived[i];
        struct target_table *x = target_find(t, d->child, strlen(d->child));
        bool there = !x;
        for (uint32_t f = 0; x && f < x->fk_count; f++)
            there |= x->fks[f].derived && strcmp(x->fks[f].name, d->name) == 0;
        if (!there && target_add_derived(x, d))
            return DS_ENOMEM;
    }
    return 0;
}

/* The parent may have been read again or created since the child was: find it, and its columns, by
 * name. */
static void resolve_fk(struct target *t, struct target_fk *fk)
{
    fk->parent = *fk->parent_name ? target_find(t, fk->parent_name, strlen(fk->parent_name)) : NULL;
    for (uint32_t i = 0; i < fk->count; i++) {
        fk->child->columns[fk->columns[i]].in_fk = true;
        if (!fk->parent)
            continue;
        if (fk->parent == fk->child)
            fk->child->columns[fk->columns[i]].in_self_fk = true;
        int p = target_column_ordinal(fk->parent, fk->parent_column_names[i]);
        if (p < 0) {
            fk->parent = NULL;
            continue;
        }
        fk->parent_columns[i] = (uint32_t)p;
        fk->parent->columns[p].in_referenced = true;
    }
}

/* Everything that follows from several tables together: referrers, fences, reach. */
int target_relink(struct target *t, struct ds_error *err)
{
    int rc = add_derived(t);
    for (uint32_t i = 0; i < t->count; i++) {
        struct target_table *x = t->by_index[i];
        free(x->referrers);
        free(x->reach);
        x->referrers = NULL;
        x->reach = NULL;
        x->referrer_count = x->reach_count = 0;
        x->delete_fence = x->update_fence = x->self_referencing = x->reaches_itself = false;
        target_choose_key(x);
        for (uint32_t c = 0; c < x->column_count && x->columns; c++)
            x->columns[c].in_fk = x->columns[c].in_self_fk = x->columns[c].in_referenced = false;
    }
    for (uint32_t i = 0; i < t->count && rc == 0; i++) {
        struct target_table *x = t->by_index[i];
        if (!x->exists)
            continue;
        for (uint32_t f = 0; f < x->fk_count && rc == 0; f++) {
            struct target_fk *fk = &x->fks[f];
            resolve_fk(t, fk);
            if (!fk->parent)
                continue;
            rc = append_referrer(fk->parent, fk);
            fk->parent->delete_fence |= fk->on_delete != FK_RESTRICT;
            fk->parent->update_fence |= fk->on_update != FK_RESTRICT;
            x->self_referencing |= fk->parent == x;
        }
    }
    uint8_t *seen = malloc(t->count + 1);
    rc = rc ? rc : seen ? 0 : DS_ENOMEM;
    for (uint32_t i = 0; i < t->count && rc == 0; i++)
        if (t->by_index[i]->delete_fence || t->by_index[i]->update_fence)
            rc = compute_reach(t, t->by_index[i], seen);
    free(seen);
    return rc ? error_set(err, rc, "out of memory") : 0;
}

int target_load(struct target *t, MYSQL *db, struct ds_error *err)
{
    for (uint32_t i = 0; i < t->count; i++)
        t->by_index[i]->exists = false;
    t->touched_all = true; /* until it has succeeded */
    int rc = target_read(t, db, "", err);
    if (rc == 0)
        rc = target_relink(t, err);
    if (rc)
        return rc;
    t->touched_all = false;
    t->touched_count = 0;
    return 0;
}

void target_touch(struct target *t, const char *name)
{
    for (uint32_t i = 0; i < t->touched_count; i++)
        if (strcmp(t->touched[i], name) == 0)
            return;
    size_t len = strlen(name);
    if (t->touched_count == MAX_TOUCHED || len >= sizeof t->touched[0])
        t->touched_all = true;
    else
        memcpy(t->touched[t->touched_count++], name, len + 1);
}

void target_touch_all(struct target *t)
{
    t->touched_all = true;
}

static int reload_table(struct target *t, MYSQL *db, const char *name, struct ds_error *err)
{
    BUF_AUTO struct buf filter = {0};
    if (buf_puts(&filter, " AND TABLE_NAME = ") | sql_string(&filter, name, strlen(name)))
        return error_set(err, DS_ENOMEM, "out of memory");
    struct target_table *x = target_find_any(t, name, strlen(name));
    if (x)
        x->exists = false;
    return target_read(t, db, buf_cstr(&filter), err);
}

static bool refers_to(const struct target_table *x, const char *name)
{
    for (uint32_t i = 0; i < x->fk_count; i++)
        if (strcmp(x->fks[i].parent_name, name) == 0)
            return true;
    return false;
}

/* A parent that is renamed, or whose column is, takes the foreign keys of its children along. */
static void touch_children(struct target *t)
{
    uint32_t parents = t->touched_count;
    for (uint32_t i = 0; i < t->count && !t->touched_all; i++) {
        const struct target_table *x = t->by_index[i];
        for (uint32_t p = 0; x->exists && p < parents; p++)
            if (refers_to(x, t->touched[p]))
                target_touch(t, x->name);
    }
}

int target_refresh(struct target *t, MYSQL *db, struct ds_error *err)
{
    if (!t->touched_count && !t->touched_all) /* asked before each change */
        return 0;
    touch_children(t);
    if (t->touched_all)
        return target_load(t, db, err);
    for (uint32_t i = 0; i < t->touched_count; i++) {
        int rc = reload_table(t, db, t->touched[i], err);
        if (rc)
            return rc;
    }
    int rc = target_relink(t, err);
    if (rc == 0)
        t->touched_count = 0;
    return rc;
}

/* The binlog's type number of a column may differ from ours only in ways that carry the same
 * values. */
static bool type_fits(uint8_t source, const struct target_column *c)
{
    if (source == c->type)
        return true;
    switch (source) {
    case COLUMN_TYPE_BLOB_COMPRESSED:
        return c->type == 252;
    case COLUMN_TYPE_VARCHAR_COMPRESSED:
    case 253: /* VAR_STRING */
        return c->type == 15;
    case 7:
        return c->type == 17;
    case 12:
        return c->type == 18;
    case 11:
        return c->type == 19;
    case 14:
        return c->type == 10;
    case 249: /* TINY, MEDIUM, LONG BLOB */
    case 250:
    case 251:
        return c->type == 252;
    case COLUMN_TYPE_JSON: /* MySQL's JSON into MariaDB's: text */
        return c->type == 252 && c->class == TARGET_TEXT;
    case COLUMN_TYPE_VECTOR:
        return c->type == 15 && c->class == TARGET_BYTES;
    default:
        return false;
    }
}

int target_match(const struct target_table *table, const struct msg_table *source,
                 struct ds_error *err)
{
    uint32_t visible = source->column_count;
    if (visible == table->column_count + table->hidden_count)
        visible = table->column_count; /* what is behind them is computed here anyway */
    if (visible != table->column_count) {
        error_set(
            err, DS_ESCHEMA,
            "the source sends %u columns for this table, the destination's table has %u: make the "
            "definitions equal (compare SHOW CREATE TABLE on both servers), or copy it again with "
            "--resnapshot",
            source->column_count, table->column_count);
        error_at_table(err, NULL, table->name);
        return DS_ESCHEMA;
    }
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (type_fits(source->columns[i].type, &table->columns[i]))
            continue;
        error_set(
            err, DS_ESCHEMA,
            "column %u (%s) has type number %u at the source and is %s at the destination: make "
            "the definitions equal (compare SHOW CREATE TABLE on both servers), or copy it again "
            "with --resnapshot",
            i + 1, table->columns[i].name, source->columns[i].type, table->columns[i].type_text);
        error_at_table(err, NULL, table->name);
        return DS_ESCHEMA;
    }
    return 0;
}
