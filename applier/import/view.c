/* What rules and handlers see of a range that is imported: rows and keys as the source has them,
 * before anything of it is written.
 *
 * Not all of it is theirs: entities that nobody asked for come only to be found, the mark of a
 * whole entity is no change, and what the import does not write need not be valid. Where a change
 * leads to the destination (which attribute is it? which row has that key there?), the registry
 * tells; attributes that come in the same range are not in it yet.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <xxhash.h>

#include "applier/apply.h"
#include "applier/import/import_internal.h"
#include "applier/import/left.h"
#include "applier/import/when.h"
#include "schema/log.h"
#include "schema/shop_table.h"

enum { BUCKETS = 1 << 12, CODE_BUCKETS = 1 << 8 };

struct seen_entity {
    const struct import_table *table; /* one of its tables */
    struct slice key;                 /* as text */
    bool whole;                       /* all of it comes */
    bool comes;                       /* its root is inserted */
    struct seen_entity *next;
};

struct import_code { /* of an attribute that the range names, or brings */
    struct slice id;
    const char *code; /* NULL: there is no such attribute */
    bool choice;
    struct import_code *next;
};

struct viewing {
    struct import *im;
    struct import_view *view;
    struct arena *arena;
    const struct batch *batch;
    const struct positions *positions;
    struct seen_entity **buckets;
    struct seen_entity **of; /* per change of the view; NULL: it is none of theirs */
    const uint8_t **before, **after;
    uint32_t column_cap;
};

/* --- tables ------------------------------------------------------------------------------------
 */

static struct target_column source_column_of(const struct import_table *t, uint32_t source)
{
    struct target_column c = {.class = TARGET_TEXT, .charset = "", .collation = ""};
    for (uint32_t i = 0; i < t->target->column_count; i++)
        if (t->from[i] == source)
            c = t->target->columns[i];
    c.name = t->names[source];
    c.is_unsigned = t->flags[source] & COLUMN_UNSIGNED;
    return c;
}

/* The table with the source's columns, under the destination's name. */
static int make_seen(struct import_table *t)
{
    struct source_table *seen = arena_zalloc(&t->arena, sizeof *seen);
    struct target_table *target = arena_zalloc(&t->arena, sizeof *target);
    struct target_key *key = arena_zalloc(&t->arena, sizeof *key);
    struct target_column *columns =
        arena_zalloc(&t->arena, (t->source_count + 1) * sizeof *columns);
    char *entity = arena_strdup(&t->arena, t->entity->name);
    const char *role = t->entry->role ? t->entry->role : "";
    if (!seen || !target || !key || !columns || !entity)
        return DS_ENOMEM;
    for (uint32_t i = 0; i < t->source_count; i++)
        columns[i] = source_column_of(t, i);
    *key = (struct target_key){.name = "", .columns = t->key, .count = t->key_count};
    *target = (struct target_table){.name = t->target->name,
                                    .engine = t->target->engine,
                                    .exists = true,
                                    .transactional = t->target->transactional,
                                    .column_count = t->source_count,
                                    .columns = columns,
                                    .row_key = key,
                                    .auto_increment = -1,
                                    .index = t->order};
    *seen = (struct source_table){.def.role = {(const uint8_t *)role, strlen(role)},
                                  .entity = entity,
                                  .target = target,
                                  .has_link = t->root,
                                  .is_root = t->root,
                                  .link = t->root ? t->id_source : 0};
    t->seen = seen;
    return 0;
}

/* --- entities ------------------------------------------------------------------------------------
 */

static struct seen_entity *entity_of(const struct viewing *v, const struct import_table *t,
                                     struct slice key)
{
    uint64_t hash = XXH3_64bits_withSeed(key.p, key.len, (uintptr_t)t->entity);
    struct seen_entity **head = &v->buckets[hash % BUCKETS];
    for (struct seen_entity *e = *head; e; e = e->next)
        if (e->table->entity == t->entity && e->key.len == key.len &&
            (!key.len || memcmp(e->key.p, key.p, key.len) == 0))
            return e;
    struct seen_entity *e = arena_zalloc(v->arena, sizeof *e);
    const uint8_t *copy = arena_copy(v->arena, key.p, key.len);
    if (!e || (key.len && !copy))
        return NULL;
    *e = (struct seen_entity){.table = t, .key = {copy, key.len}, .next = *head};
    *head = e;
    return e;
}

/* Is it written, so that rules are to be asked? What comes of an entity that is not here, without
 * its root, leads nowhere. */
static bool counts(const struct import *im, const struct seen_entity *e)
{
    uint32_t type = e->table->root_type;
    const struct registered *r = registry_find(im->registry, type, e->key);
    bool skips = im->options.config->on_duplicate == DUPLICATE_SKIP;
    if (e->whole || e->comes || type == UINT32_MAX)
        return true;
    if (r && r->found)
        return !(r->origin == ORIGIN_MATCHED && skips);
    return !import_has_members(e->table->entity);
}

/* --- images ------------------------------------------------------------------------------------
 */

static int split(const struct import_table *t, struct slice image, const uint8_t **values)
{
    return image.len ? image_split(image, t->source_count, values) : 0;
}

static int split_change(struct viewing *v, const struct change *c, struct ds_error *err)
{
    const struct import_table *t = c->table->import;
    if (!v->before || !v->after || t->source_count > v->column_cap) {
        v->column_cap = t->source_count + 64;
        v->before = arena_alloc(v->arena, v->column_cap * sizeof *v->before);
        v->after = arena_alloc(v->arena, v->column_cap * sizeof *v->after);
        if (!v->before || !v->after)
            return import_no_memory(err);
    }
    return split(t, c->before, v->before) || split(t, c->after, v->after)
               ? error_set(err, DS_EFORMAT, "a row image of table %s has not its %u columns",
                           t->entry->table, t->source_count)
               : 0;
}

static bool is_sent(const uint8_t *raw)
{
    return *raw != VALUE_BYTE_ABSENT && *raw != VALUE_BYTE_SAME;
}

/* The import itself says what is wrong with a row that cannot be told from others. */
static bool has_key(const struct viewing *v, const struct change *c)
{
    const struct import_table *t = c->table->import;
    const uint8_t *const *values = c->before.len ? v->before : v->after;
    for (uint32_t i = 0; i < t->key_count; i++)
        if (!is_sent(values[t->key[i]]))
            return false;
    return c->before.len || c->after.len;
}

/* --- attributes ----------------------------------------------------------------------------------
 */

static struct import_code **code_bucket(const struct import_view *view, struct slice id)
{
    return &view->codes[XXH3_64bits(id.p, id.len) % CODE_BUCKETS];
}

/* Values of other kinds of input have no options, whoever may have made some for them. */
static bool is_choice(const struct import_attribute *a)
{
    return a->options && strstr(a->input, "select");
}

static int add_code(struct viewing *v, struct slice id, const struct import_attribute *a)
{
    struct import_code *c = arena_zalloc(v->arena, sizeof *c);
    uint8_t *copy = arena_copy(v->arena, id.p, id.len);
    char *text = a ? arena_strdup(v->arena, a->code) : NULL;
    if (!c || !copy || (a && !text))
        return DS_ENOMEM;
    struct import_code **head = code_bucket(v->view, id);
    *c = (struct import_code){
        .id = {copy, id.len}, .code = text, .choice = a && is_choice(a), .next = *head};
    *head = c;
    return 0;
}

static const struct import_code *find_code(const struct import_view *view, struct slice id)
{
    const struct import_code *c = *code_bucket(view, id);
    while (c && (c->id.len != id.len || memcmp(c->id.p, id.p, id.len) != 0))
        c = c->next;
    return c;
}

static int want_attribute(struct viewing *v, const uint8_t *raw)
{
    char scratch[32];
    bool null;
    struct slice id = import_text(is_sent(raw) ? raw : import_null, scratch, &null);
    if (null || find_code(v->view, id))
        return 0;
    int rc = add_code(v, id, NULL);
    return rc ? rc : registry_want(v->im->registry, v->im->attribute_type, id);
}

/* Which attributes rows of values are of. */
static int look_at_attributes(struct viewing *v, const struct change *c)
{
    const struct import_table *t = c->table->import;
    char scratch[32];
    bool null;
    if (t->attribute == NO_COLUMN)
        return 0;
    if (t->own_attribute.code != NO_COLUMN && c->op == CHANGE_INSERT &&
        is_sent(v->after[t->attribute])) {
        struct slice id = import_text(v->after[t->attribute], scratch, &null);
        return add_code(v, id, import_own_attribute(t, v->after));
    }
    if (t->own_attribute.code != NO_COLUMN)
        return 0;
    int rc = c->before.len ? want_attribute(v, v->before[t->attribute]) : 0;
    return rc == 0 && c->after.len ? want_attribute(v, v->after[t->attribute]) : rc;
}

/* Those that are here are looked up once: a range that is done again has forgotten the registry. */
static int read_codes(struct viewing *v)
{
    for (uint32_t i = 0; i < CODE_BUCKETS; i++)
        for (struct import_code *c = v->view->codes[i]; c; c = c->next) {
            const struct registered *r =
                registry_find(v->im->registry, v->im->attribute_type, c->id);
            const struct import_attribute *a =
                !c->code && r && r->found ? import_attribute_by_id(v->im, r->target) : NULL;
            if (!a)
                continue;
            c->code = arena_strdup(v->arena, a->code);
            c->choice = is_choice(a);
            if (!c->code)
                return DS_ENOMEM;
        }
    return 0;
}

const char *import_attribute_code(const struct import *im, struct slice id)
{
    const struct import_code *c = im->view ? find_code(im->view, id) : NULL;
    return c ? c->code : NULL;
}

bool import_attribute_is_choice(const struct import *im, struct slice id)
{
    const struct import_code *c = im->view ? find_code(im->view, id) : NULL;
    return c && c->choice;
}

/* --- the destination's ids -----------------------------------------------------------------------
 */

int import_target_id(struct import *im, const char *entity, const char *table, struct slice id,
                     bool *found, uint64_t *target, struct ds_error *err)
{
    const struct config *config = im->options.config;
    const struct catalogue_entity *e = catalogue_find(im->options.catalogue, entity);
    char scratch[SHOP_TABLE_SIZE], number[32];
    bool shops = false;
    const char *plain = table ? shop_table(config->destination.prefix, table, scratch, &shops) : "";
    const struct catalogue_table *t = e && !table  ? &e->tables[0]
                                      : e && shops ? import_catalogue_table(e, plain)
                                                   : NULL;
    const char *type = t ? import_type_name(e, t) : NULL;
    *found = t != NULL;
    if (!type) {
        snprintf(number, sizeof number, "%.*s", (int)id.len, (const char *)id.p);
        *target = strtoull(number, NULL, 10);
        return 0;
    }
    uint32_t at = registry_type(im->registry, type);
    if (registry_want(im->registry, at, id))
        return import_no_memory(err);
    int rc = registry_load(im->registry, err);
    const struct registered *r = rc ? NULL : registry_find(im->registry, at, id);
    *found = r && r->found;
    *target = *found ? r->target : 0;
    return rc;
}

/* --- what was left out ---------------------------------------------------------------------------
 */

static bool is_mark(const struct change *c)
{
    return c->op == CHANGE_DELETE && c->flags & CHANGE_COPIED;
}

/* Of one table, of an entity that need not come whole. */
static bool is_table_mark(const struct change *c)
{
    return is_mark(c) && !c->table->import->root;
}

static bool is_record(const struct viewing *v, const struct change *c)
{
    return v->batch->transactions[c->transaction].begin_flags & BEGIN_SNAPSHOT &&
           (!(c->flags & CHANGE_COPIED) || is_table_mark(c));
}

/* A copy brings some rows once more, a file may have several records of an entity, and what belongs
 * to one behind all of them, and a large transaction comes in parts: what was left out stays so,
 * unless it is here from before and comes in a record of its own. */
static bool stays_left(const struct viewing *v, const struct change *c, const struct seen_entity *e)
{
    struct import_left *l = *import_find_left(v->im, e->table->place, e->key);
    if (l && l->why)
        return l->met = true;
    if (!l || e->whole)
        return false;
    const struct registered *r = registry_find(v->im->registry, e->table->root_type, e->key);
    return is_record(v, c) ? !(r && r->found && e->comes) : c->flags & CHANGE_COPIED;
}

/* --- the view ------------------------------------------------------------------------------------
 */

static int look_at(struct viewing *v, const struct change *c, uint32_t at, struct ds_error *err)
{
    const struct import_table *t = c->table->import;
    char scratch[32];
    bool null;
    uint32_t front = v->batch->transactions[c->transaction].front;
    if (!t || (v->positions && !positions_new_for(v->positions, t->place, front)))
        return 0;
    int rc = split_change(v, c, err);
    if (rc)
        return rc;
    if (look_at_attributes(v, c))
        return import_no_memory(err);
    if (!t->selected || c->flags & CHANGE_NAMED)
        return 0;
    struct slice raw = held_entity_key(c);
    struct slice key = import_text(raw.len ? raw.p : NULL, scratch, &null);
    struct seen_entity *e = entity_of(v, t, key);
    uint32_t type = t->root_type;
    if (!e || (type != UINT32_MAX && key.len && registry_want(v->im->registry, type, key)))
        return import_no_memory(err);
    if (is_mark(c) && t->root) {
        struct import_left **left = import_find_left(v->im, t->place, key);
        e->whole = true;
        if (*left && !(*left)->why)
            import_forget_left(v->im, left);
        return 0;
    }
    e->comes |= t->root && c->op == CHANGE_INSERT;
    v->of[at] = is_mark(c) || has_key(v, c) ? e : NULL;
    return 0;
}

static int show(const struct viewing *v, struct change *seen, struct change *c, uint32_t at,
                struct ds_error *err)
{
    struct import_table *t = c->table->import;
    const struct seen_entity *e = v->of[at];
    c->left_out = e && stays_left(v, c, e);
    *seen = *c;
    seen->left_out = !e || c->left_out || is_mark(c) || !counts(v->im, e);
    seen->skip = seen->replaced = false;
    if (seen->left_out)
        return 0;
    if (!t->seen && make_seen(t))
        return import_no_memory(err);
    seen->table = t->seen;
    v->view->records |= is_record(v, c);
    return 0;
}

static int show_transactions(const struct viewing *v, uint32_t first, uint32_t count)
{
    struct batch *out = &v->view->batch;
    out->transactions =
        arena_copy(v->arena, &v->batch->transactions[first], count * sizeof *out->transactions);
    out->transaction_count = count;
    for (uint32_t i = 0; out->transactions && i < count; i++)
        out->transactions[i].first -= v->view->base;
    return out->transactions ? 0 : DS_ENOMEM;
}

int import_view_begin(struct import *im, const struct batch *batch,
                      const struct positions *positions, uint32_t first, uint32_t count,
                      struct arena *arena, struct import_view *out, struct ds_error *err)
{
    const struct transaction *last = &batch->transactions[first + count - 1];
    uint32_t base = batch->transactions[first].first, changes = last->first + last->count - base;
    struct viewing v = {
        .im = im, .view = out, .arena = arena, .batch = batch, .positions = positions};
    *out = (struct import_view){.base = base, .batch.change_count = changes};
    out->batch.changes = arena_alloc(arena, (changes + 1) * sizeof *out->batch.changes);
    out->codes = arena_zalloc(arena, CODE_BUCKETS * sizeof(struct import_code *));
    v.buckets = arena_zalloc(arena, BUCKETS * sizeof(struct seen_entity *));
    v.of = arena_zalloc(arena, (changes + 1) * sizeof(struct seen_entity *));
    if (!out->batch.changes || !out->codes || !v.buckets || !v.of ||
        show_transactions(&v, first, count))
        return import_no_memory(err);
    int rc = 0;
    for (uint32_t i = 0; i < changes && rc == 0; i++)
        rc = look_at(&v, &batch->changes[base + i], i, err);
    rc = rc ? rc : registry_load(im->registry, err);
    rc = rc ? rc : import_attributes_load(im, err);
    rc = rc || read_codes(&v) == 0 ? rc : import_no_memory(err);
    for (uint32_t i = 0; i < changes && rc == 0; i++)
        rc = show(&v, &out->batch.changes[i], &batch->changes[base + i], i, err);
    for (uint32_t i = 0; i < changes && rc == 0; i++)
        out->batch.changes[i].transaction -= first;
    im->view = out;
    return rc;
}

void import_view_end(struct import *im)
{
    im->view = NULL;
}
