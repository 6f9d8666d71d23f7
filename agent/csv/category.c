/* Categories: a tree, whose parents may stand behind their children.
 *
 * All records are kept until the file has been read, and put then, parents first. Which category a
 * parent_id is, is asked of the file, then of the registry; only what neither of them knows can be
 * what every shop has: the tree's root (1), or the root category of the default website (2, and
 * nothing). A record with the parent 0 is the tree's root itself.
 *
 * Which of the records the destination has already is found out before the first one is put, so
 * that no category goes by two names in one run.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/csv/kinds.h"
#include "schema/list.h"
#include "schema/log.h"

static const char type[] = "catalog_category", table[] = "catalog_category_entity";

enum { TREE_ROOT = 1 }; /* every shop's tree begins with this row */

enum visit { NOT_YET, ON_THE_WAY, DONE };

struct category {
    struct record record;          /* fields in the arena of `categories` */
    struct slice id, parent, path; /* path empty: it was left out */
    struct category *above;        /* in the file; NULL: it is not there */
    uint64_t target;               /* the destination's row, 0: it has none */
    bool registered;               /* … by the registry */
    uint32_t below;                /* categories of the file under it, at any depth */
    enum visit visit;
    struct category *waiting; /* while they are arranged */
    bool circle;              /* its parents lead back to it */
    bool left_out;            /* another record is this category */
};

struct categories {
    struct eav eav;
    struct arena arena;
    struct category **all;
    size_t count, cap, next, searched;
    bool arranged;
};

static bool is_other(const char *column)
{
    static const char *const own[] = {"entity_id", "entity_type_id", "attribute_set_id",
                                      "parent_id", "path",           "level",
                                      "store_id",  "children_count", NULL};
    return column_is_among(own, column);
}

static void open_categories(struct csv_import *in)
{
    struct categories *c = calloc(1, sizeof *c);
    in->state = c;
    if (!c)
        shop_no_memory(in->shop);
    else
        eav_open(&c->eav, in, type, table, is_other);
}

static void close_categories(struct csv_import *in)
{
    struct categories *c = in->state;
    if (!c)
        return;
    eav_close(&c->eav);
    arena_free(&c->arena);
    free(c->all);
    free(c);
}

/* --- the file ------------------------------------------------------------------------------------
 */

static struct slice keep(struct csv_import *in, struct slice s)
{
    const uint8_t *copy = arena_copy(&((struct categories *)in->state)->arena, s.p, s.len);
    if (!copy && s.len)
        shop_no_memory(in->shop);
    return copy ? (struct slice){copy, s.len} : slice_of("");
}

static bool keep_record(struct csv_import *in, struct category *c)
{
    struct categories *all = in->state;
    const struct record *r = in->record;
    struct slice *fields = arena_alloc(&all->arena, (r->count + 1) * sizeof *fields);
    for (uint32_t i = 0; fields && i < r->count; i++)
        fields[i] = keep(in, r->fields[i]);
    if (!fields)
        shop_no_memory(in->shop);
    c->record = (struct record){.line = r->line, .count = r->count, .fields = fields};
    return !shop_failed(in->shop);
}

static struct slice id_key(struct csv_import *in, struct slice id)
{
    return shop_format(in->shop, "category of the file\n%.*s", (int)id.len, (const char *)id.p);
}

static bool is_tree_root(const struct category *c)
{
    return slice_is(c->parent, "0");
}

static struct category *find_category(struct csv_import *in, struct slice id)
{
    const struct categories *all = in->state;
    struct slice number;
    if (!id.len || !shop_recall(in->shop, id_key(in, id), &number))
        return NULL;
    number = shop_format(in->shop, "%.*s", (int)number.len, (const char *)number.p);
    return all->all[strtoull((const char *)number.p, NULL, 10)];
}

static void take_category(struct csv_import *in)
{
    struct categories *all = in->state;
    struct slice id, parent, name;
    const struct category *same;
    uint64_t target;
    struct category *c = arena_zalloc(&all->arena, sizeof *c);
    entity_count(in, false);
    if (LIST_ROOM(all->all, all->count, all->cap)) {
        shop_no_memory(in->shop);
        return;
    }
    cell_filled(in, "parent_id", &parent);
    bool named = cell_filled(in, "url_key", &name) || cell_filled(in, "name", &name);
    if (!cell_filled(in, "entity_id", &id))
        id = shop_id(in->shop, "in", parent, name);
    if (!named && !shop_registered(in->shop, "category", id, &target))
        shop_invalid(in->shop, "name is empty, which a category needs that has not come from this "
                               "source before");
    if ((same = find_category(in, id)))
        shop_invalid(in->shop, "category %.*s stands in the file twice, in line %lu, too",
                     (int)id.len, (const char *)id.p, same->record.line);
    if (slice_is(id, "0"))
        shop_invalid(in->shop, "entity_id: 0 is no category's id");
    if (slice_is(parent, "0") && !shop_once(in->shop, slice_of("the tree's root")))
        shop_invalid(
            in->shop,
            "parent_id: 0 is that of the tree's root, which an earlier record is: leave it "
            "empty for what stands in the shop's root category");
    if (!c || !keep_record(in, c))
        return;
    c->id = keep(in, id);
    c->parent = keep(in, parent);
    shop_remember(in->shop, id_key(in, id), shop_format(in->shop, "%zu", all->count));
    all->all[all->count++] = c;
}

/* Parents before children. */
static void arrange(struct csv_import *in)
{
    struct categories *all = in->state;
    struct category **order = calloc(all->count + 1, sizeof *order);
    size_t placed = 0;
    all->arranged = true;
    if (!order) {
        shop_no_memory(in->shop);
        return;
    }
    for (size_t i = 0; i < all->count; i++)
        if (!is_tree_root(all->all[i]))
            all->all[i]->above = find_category(in, all->all[i]->parent);
    for (size_t i = 0; i < all->count; i++) {
        struct category *top = NULL, *c = all->all[i];
        for (; c && c->visit == NOT_YET; c = c->above) {
            c->visit = ON_THE_WAY;
            c->waiting = top;
            top = c;
        }
        if (top && c && c->visit == ON_THE_WAY) {
            top->circle = true;
            top->above = NULL;
        }
        for (; top; top = top->waiting) {
            top->visit = DONE;
            order[placed++] = top;
        }
    }
    for (size_t i = 0; i < all->count; i++)
        for (struct category *c = all->all[i]->above; c; c = c->above)
            c->below++;
    free(all->all);
    all->all = order;
}

/* --- what is above the file's own ---------------------------------------------------------------
 */

static void refer_value(struct csv_import *in, uint64_t target, struct slice id, const char *code,
                        struct slice attribute)
{
    struct shop *s = in->shop;
    const struct shop_attribute *a = shop_attribute(s, type, slice_of(code));
    bool found = false;
    struct slice v = slice_of("");
    if (a)
        v = shop_ask(s, &found,
                     "SELECT value FROM %s WHERE entity_id = %lu AND attribute_id = %lu AND "
                     "store_id = 0",
                     shop_table_name(s, "catalog_category_entity_varchar"), target, a->id);
    if (!found)
        return;
    struct shop_row value = shop_refer_row(s, "catalog_category_entity_varchar");
    row_id(&value, "entity_type_id", slice_of(type));
    row_id(&value, "entity_id", id);
    row_id(&value, "attribute_id", attribute);
    row_id(&value, "store_id", slice_of("0"));
    row_set(&value, "value", v, code);
    row_put(&value);
}

/* A category of the destination, by its number: what it is called there. */
static void refer_category(struct csv_import *in, uint64_t target, struct slice id,
                           struct slice parent, struct slice path)
{
    static const char *const codes[] = {"url_key", "name"};
    struct shop *s = in->shop;
    struct slice attributes[2];
    for (int i = 0; i < 2; i++) {
        const struct shop_attribute *a = shop_attribute(s, type, slice_of(codes[i]));
        attributes[i] = a ? shop_refer_attribute(s, a) : slice_of("");
    }
    shop_refer_type(s, type);
    shop_refer(s, NAME_STORE, slice_of("0"), "store");
    if (!shop_refer_begin(s, "category", id))
        return;
    struct shop_row r = shop_refer_row(s, table);
    row_id(&r, "entity_id", id);
    row_id(&r, "parent_id", parent);
    row_set(&r, "path", path, "path");
    row_put(&r);
    for (int i = 0; i < 2; i++)
        refer_value(in, target, id, codes[i], attributes[i]);
    shop_refer_end(s);
}

/* The record that is this category of the destination; NULL: none is. */
static struct category *record_of(struct csv_import *in, uint64_t target)
{
    const struct categories *all = in->state;
    struct slice number;
    if (!shop_recall(in->shop, shop_format(in->shop, "category at\n%lu", target), &number))
        return NULL;
    number = shop_format(in->shop, "%.*s", (int)number.len, (const char *)number.p);
    return all->all[strtoull((const char *)number.p, NULL, 10)];
}

/* What the source calls it; it is referred to, if it is not known yet. */
static struct slice id_of(struct csv_import *in, uint64_t target, struct slice parent,
                          struct slice above)
{
    struct shop *s = in->shop;
    struct slice id;
    if (shop_source_id(s, "category", target, &id))
        return id;
    const struct category *c = record_of(in, target);
    id = c ? c->id : shop_id(s, "destination", shop_format(s, "%lu", target), slice_of(""));
    if (!c || !c->path.len)
        refer_category(in, target, id, parent,
                       shop_format(s, "%.*s%s%.*s", (int)above.len, (const char *)above.p,
                                   above.len ? "/" : "", (int)id.len, (const char *)id.p));
    return id;
}

/* The path, in the source's ids, of a category of the destination, and the last of these; empty:
 * there is no such category. */
static struct slice path_of(struct csv_import *in, const struct category *c, uint64_t target,
                            struct slice *last)
{
    struct shop *s = in->shop;
    bool found;
    struct slice part, path = slice_of("");
    struct slice there = shop_ask(s, &found, "SELECT path FROM %s WHERE entity_id = %lu",
                                  shop_table_name(s, table), target);
    *last = slice_of("0");
    while (found && nested_next(&there, '/', &part) && !shop_failed(s)) {
        uint64_t number = strtoull(
            (const char *)shop_format(s, "%.*s", (int)part.len, (const char *)part.p).p, NULL, 10);
        if (number == c->target && target != c->target)
            shop_invalid(s, "parent_id: category %.*s stands within this one", (int)c->parent.len,
                         (const char *)c->parent.p);
        *last = id_of(in, number, *last, path);
        path = shop_format(s, "%.*s%s%.*s", (int)path.len, (const char *)path.p,
                           path.len ? "/" : "", (int)last->len, (const char *)last->p);
    }
    return path;
}

static uint64_t default_root(struct csv_import *in)
{
    uint64_t number;
    shop_ask_number(in->shop, &number,
                    "SELECT g.root_category_id FROM %s g JOIN %s w ON g.group_id = "
                    "w.default_group_id WHERE w.website_id > 0 AND "
                    "g.root_category_id > 0 ORDER BY w.is_default DESC LIMIT 1",
                    shop_table_name(in->shop, "core_store_group"),
                    shop_table_name(in->shop, "core_website"));
    return number;
}

/* A category that is not in the file, by its id there; 0: there is none. */
static uint64_t known_category(struct csv_import *in, struct slice id)
{
    uint64_t target;
    if (shop_registered(in->shop, "category", id, &target))
        return target;
    return slice_is(id, "1") ? TREE_ROOT : !id.len || slice_is(id, "2") ? default_root(in) : 0;
}

/* Without a parent, what has come before stays where it is. */
static bool stays(const struct category *c)
{
    return !c->parent.len && c->registered;
}

/* The parent's path; *parent becomes its id. */
static struct slice path_above(struct csv_import *in, const struct category *c,
                               struct slice *parent)
{
    *parent = c->parent;
    if (c->above) {
        if (!c->above->path.len)
            shop_invalid(in->shop,
                         "parent_id: category %.*s, in which this one stands, was left out",
                         (int)c->parent.len, (const char *)c->parent.p);
        return c->above->path;
    }
    uint64_t target = known_category(in, c->parent);
    struct slice path = target ? path_of(in, c, target, parent) : slice_of("");
    if (!path.len && (!c->parent.len || slice_is(c->parent, "2")))
        shop_invalid(in->shop, "the destination has no default website with a root category");
    else if (!path.len)
        shop_invalid(
            in->shop,
            "parent_id: category %.*s is neither in the file nor imported from this source "
            "before",
            (int)c->parent.len, (const char *)c->parent.p);
    return path;
}

/* --- which the destination has ----------------------------------------------------------------
 */

static uint64_t find_child(struct csv_import *in, uint64_t parent, const char *code)
{
    struct shop *s = in->shop;
    struct slice value;
    uint64_t number;
    const struct shop_attribute *a = shop_attribute(s, type, slice_of(code));
    if (!a || !cell_filled(in, code, &value))
        return 0;
    shop_ask_number(
        s, &number,
        "SELECT entity_id FROM %s e JOIN %s v USING (entity_id) WHERE e.parent_id = %lu AND "
        "v.attribute_id = %lu AND v.store_id = 0 AND v.value = %s ORDER BY 1 LIMIT 1",
        shop_table_name(s, table), shop_table_name(s, "catalog_category_entity_varchar"), parent,
        a->id, shop_quote(s, value));
    return number;
}

/* By the registry, or as the import finds it: by URL key, then name, in the same parent. Two
 * records are not one category. */
static void find_target(struct csv_import *in, struct category *c, size_t n)
{
    struct shop *s = in->shop;
    uint64_t parent;
    c->registered = shop_registered(s, "category", c->id, &c->target);
    if (is_tree_root(c) && !c->registered) {
        c->target = TREE_ROOT;
    } else if (!c->registered) {
        parent = c->above ? c->above->target : known_category(in, c->parent);
        c->target = parent ? find_child(in, parent, "url_key") : 0;
        c->target = parent && !c->target ? find_child(in, parent, "name") : c->target;
        c->target = record_of(in, c->target) ? 0 : c->target;
    }
    if (c->target)
        shop_remember(s, shop_format(s, "category at\n%lu", c->target), shop_format(s, "%zu", n));
}

/* --- rows ----------------------------------------------------------------------------------------
 */

static void put_defaults(struct csv_import *in, const struct category *c, struct slice store)
{
    static const struct {
        const char *code, *value;
    } defaults[] = {{"is_active", "1"},
                    {"include_in_menu", "1"},
                    {"is_anchor", "1"},
                    {"display_mode", "PRODUCTS"}};
    struct slice v, name;
    if (!cell_filled(in, "name", &name))
        shop_invalid(in->shop, "name is empty, which a new category needs");
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
        if (!cell_filled(in, defaults[i].code, &v))
            eav_put(in, type, table, defaults[i].code, c->id, store, slice_of(defaults[i].value),
                    defaults[i].code);
    if (!cell_filled(in, "url_key", &v))
        eav_put(in, type, table, "url_key", c->id, store, url_key_of(in->shop, name), "url_key");
}

static uint32_t depth_of(struct slice path)
{
    uint32_t n = 0;
    for (size_t i = 0; i < path.len; i++)
        n += path.p[i] == '/';
    return n;
}

static void put_root(struct csv_import *in, const struct category *c, struct slice parent)
{
    struct categories *all = in->state;
    struct shop *s = in->shop;
    struct slice v;
    bool new = !c->target;
    struct shop_row r = shop_row(s, table);
    if (new) {
        row_number(&r, "position", 0);
        row_number(&r, "children_count", c->below);
        row_set(&r, "created_at", shop_now(s), "created_at");
        row_set(&r, "updated_at", shop_now(s), "updated_at");
    }
    eav_set_root(&all->eav, in, &r);
    row_id(&r, "entity_id", c->id);
    row_id(&r, "entity_type_id", shop_refer_type(s, type));
    if (!stays(c)) {
        row_id(&r, "parent_id", parent);
        row_set(&r, "path", c->path, "path");
        row_number(&r, "level", depth_of(c->path));
    }
    if (cell_filled(in, "attribute_set_id", &v))
        row_id(&r, "attribute_set_id", shop_refer(s, NAME_CATEGORY_SET, v, "attribute_set_id"));
    else if (new)
        row_id(&r, "attribute_set_id", shop_refer_default(s, NAME_CATEGORY_SET, NULL));
    row_put(&r);
}

/* The destination's stays as it is: it has no page, and its name is shown to nobody. */
static void put_tree_root(struct csv_import *in, struct category *c)
{
    if (c->target != TREE_ROOT) {
        shop_invalid(in->shop,
                     "parent_id: 0 is that of the tree's root, and category %.*s came from this "
                     "source as another one",
                     (int)c->id.len, (const char *)c->id.p);
        return;
    }
    log_info("record is the root of the whole tree file=%s line=%lu category=%.*s",
             records_path(in->file), c->record.line, (int)c->id.len, (const char *)c->id.p);
    if (!c->registered)
        refer_category(in, TREE_ROOT, c->id, slice_of("0"), c->id);
    c->path = c->id;
}

static void put_category(struct csv_import *in, struct category *c)
{
    struct categories *all = in->state;
    struct shop *s = in->shop;
    struct slice v, parent, path;
    if (c->circle)
        shop_invalid(s, "parent_id: the parents of category %.*s lead back to itself",
                     (int)c->id.len, (const char *)c->id.p);
    if (stays(c)) {
        path = path_of(in, c, c->target, &parent);
    } else {
        path = path_above(in, c, &parent);
        path = shop_format(s, "%.*s/%.*s", (int)path.len, (const char *)path.p, (int)c->id.len,
                           (const char *)c->id.p);
    }
    if (shop_failed(s))
        return;
    struct slice store =
        shop_refer(s, NAME_STORE, cell_filled(in, "store_id", &v) ? v : slice_of("0"), "store_id");
    c->path = keep(in, path);
    shop_begin(s, c->id);
    put_root(in, c, parent);
    eav_put_values(&all->eav, in, c->id, store);
    if (!c->target)
        put_defaults(in, c, store);
    shop_commit(s);
    if (shop_failed(s))
        c->path = slice_of("");
}

/* What it stands in: the file's by its id there, others by their number. */
static struct slice place_of(struct csv_import *in, const struct category *c)
{
    struct shop *s = in->shop;
    bool found;
    if (stays(c))
        return shop_ask(s, &found, "SELECT CONCAT('\n', parent_id) FROM %s WHERE entity_id = %lu",
                        shop_table_name(s, table), c->target);
    if (c->above && !c->above->target)
        return c->parent;
    return shop_format(s, "\n%lu", c->above ? c->above->target : known_category(in, c->parent));
}

/* No other record has the URL key, or without one the name, in its parent. */
static void check_identity(struct csv_import *in, struct category *c)
{
    struct shop *s = in->shop;
    bool by_key = cell_filled(in, "url_key", &(struct slice){0});
    struct natural_key key = {"catalog_category_entity_varchar",
                              "value",
                              by_key ? "url_key" : "name",
                              slice_of(""),
                              NULL,
                              1};
    if (is_tree_root(c))
        return;
    const struct slice place = place_of(in, c);
    key.scopes = &place;
    if (cell_filled(in, key.name, &key.value))
        entity_known(in, &key, c->id);
    c->left_out = shop_failed(s);
}

/* First all are looked for, one at a time, then all are put. */
static bool end_categories(struct csv_import *in)
{
    struct categories *all = in->state;
    if (!all->arranged)
        arrange(in);
    if (shop_failed(in->shop) || all->next == all->count)
        return false;
    bool searching = all->searched < all->count;
    struct category *c = all->all[searching ? all->searched++ : all->next++];
    assert(c); /* each has its place in the order */
    in->record = &c->record;
    shop_at_line(in->shop, c->record.line);
    if (searching) {
        find_target(in, c, all->searched - 1);
        check_identity(in, c);
    } else if (c->left_out) {
        return true;
    } else if (is_tree_root(c)) {
        put_tree_root(in, c);
    } else {
        put_category(in, c);
    }
    return true;
}

const struct csv_kind csv_categories = {.entity = "category",
                                        .id = "entity_id",
                                        .open = open_categories,
                                        .record = take_category,
                                        .end = end_categories,
                                        .close = close_categories};
