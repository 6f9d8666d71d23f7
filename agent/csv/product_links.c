/* Products: which belong to a configurable or to a grouped one.
 *
 * A parent names its children, or children their parent, or children stand behind their parent in
 * the file. Any of them may be elsewhere in the file, or at the destination only: links are kept
 * and put when the file has been read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/csv/product.h"
#include "schema/list.h"
#include "schema/log.h"

enum family { CONFIGURABLE, GROUPED, FAMILIES };
static const struct {
    const char *name, *children, *parent;
} families[FAMILIES] = {{"configurable", "configurable_children_skus", "configurable_parent_sku"},
                        {"grouped", "grouped_product_skus", "grouped_parent_sku"}};

static const char qty_table[] = "catalog_product_link_attribute_decimal";

struct link { /* or an attribute, whose code is in place of the SKU */
    struct slice sku, qty;
    struct link *next;
};
struct parent {
    enum family family;
    struct slice sku;
    uint64_t line; /* where it, or its first child, stands */
    struct link *first, **last;
    struct link *attributes, **last_attribute; /* codes that children differ by; NULL: not told */
    /* at the destination it may have more: what follows is all */
    bool all_children, all_attributes;
    bool all_relations; /* … and its children are all that its kind of product has below it */
};

struct product_links {
    struct arena arena;
    struct parent **parents;
    size_t count, cap, put;
    struct parent *before; /* the configurable product that records follow */
    struct slice before_set;
    uint32_t *choices; /* columns whose attributes are choices */
    uint32_t choice_count;
    bool keep_choices;
};

bool product_is_link_column(const char *column)
{
    static const char *const more[] = {"super_attributes", "configurable_attributes", "grouped_qty",
                                       NULL};
    for (int i = 0; i < FAMILIES; i++)
        if (strcmp(families[i].children, column) == 0 || strcmp(families[i].parent, column) == 0)
            return true;
    for (int i = 0; more[i]; i++)
        if (strcmp(more[i], column) == 0)
            return true;
    return false;
}

struct product_links *product_links_new(struct csv_import *in)
{
    struct product_links *l = calloc(1, sizeof *l);
    uint32_t count = records_column_count(in->file);
    if (!l || !(l->choices = calloc(count + 1, sizeof *l->choices))) {
        product_links_free(l);
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct shop_attribute *a =
            shop_attribute(in->shop, "catalog_product", slice_of(records_column(in->file, i)));
        if (a && a->options && slice_is(a->input, "select"))
            l->choices[l->choice_count++] = i;
    }
    bool links = in->csv->auto_link || has_column(in, families[CONFIGURABLE].children) ||
                 has_column(in, families[CONFIGURABLE].parent);
    l->keep_choices = links && l->choice_count;
    return l;
}

void product_links_free(struct product_links *l)
{
    if (!l)
        return;
    arena_free(&l->arena);
    free(l->parents);
    free(l->choices);
    free(l);
}

/* --- from records --------------------------------------------------------------------------------
 */

static struct slice keep(struct csv_import *in, struct product_links *l, struct slice s)
{
    const uint8_t *copy = arena_copy(&l->arena, s.p, s.len);
    if (!copy && s.len)
        shop_no_memory(in->shop);
    return copy ? (struct slice){copy, s.len} : slice_of("");
}

static struct parent *new_parent(struct csv_import *in, struct product_links *l, enum family family,
                                 struct slice sku)
{
    struct parent *p = arena_zalloc(&l->arena, sizeof *p);
    if (!p || LIST_ROOM(l->parents, l->count, l->cap)) {
        shop_no_memory(in->shop);
        return NULL;
    }
    *p = (struct parent){.family = family, .sku = keep(in, l, sku), .line = in->record->line};
    p->last = &p->first;
    p->last_attribute = &p->attributes;
    l->parents[l->count++] = p;
    return p;
}

static struct parent *parent_of(struct csv_import *in, struct product_links *l, enum family family,
                                struct slice sku)
{
    struct slice number, key = shop_format(in->shop, "parent\n%s\n%.*s", families[family].name,
                                           (int)sku.len, (const char *)sku.p);
    if (shop_recall(in->shop, key, &number))
        return l->parents[strtoull(
            (const char *)shop_format(in->shop, "%.*s", (int)number.len, (const char *)number.p).p,
            NULL, 10)];
    shop_remember(in->shop, key, shop_format(in->shop, "%zu", l->count));
    return new_parent(in, l, family, sku);
}

static void add_link(struct csv_import *in, struct product_links *l, struct link ***last,
                     struct slice sku, struct slice qty)
{
    struct link *link = arena_zalloc(&l->arena, sizeof *link);
    if (!link) {
        shop_no_memory(in->shop);
        return;
    }
    *link = (struct link){.sku = keep(in, l, sku), .qty = keep(in, l, qty)};
    **last = link;
    *last = &link->next;
}

static void set_qty(struct shop_row *r, struct slice qty, const char *what)
{
    row_set(r, "value", qty.len ? qty : slice_of("0"), what);
}

/* Is it a number that the member's row can hold? */
static void check_qty(struct csv_import *in, struct slice qty, const char *what)
{
    struct shop_row r = shop_row(in->shop, qty_table);
    set_qty(&r, qty, what);
}

static void check_other(struct csv_import *in, struct slice sku, const char *what)
{
    struct slice own;
    cell_filled(in, "sku", &own);
    if (sku.len && sku.len == own.len && memcmp(sku.p, own.p, sku.len) == 0)
        shop_invalid(in->shop, "%s: '%.*s' is the product itself", what, (int)sku.len,
                     (const char *)sku.p);
}

static struct nested read_children(struct csv_import *in, enum family family)
{
    static const char *const lone[] = {"sku", NULL}, *const with_qty[] = {"sku", "qty", NULL};
    const char *column = families[family].children;
    struct slice v;
    cell(in, column, &v);
    const struct nested list =
        nested_read(in->shop, v, family == GROUPED ? with_qty : lone, column);
    for (uint32_t i = 0; i < list.count; i++) {
        nested_get(&list.items[i], &v, "sku", NULL, NULL);
        check_other(in, v, column);
        nested_get(&list.items[i], &v, "qty", NULL, NULL);
        if (family == GROUPED)
            check_qty(in, v, column);
    }
    cell_filled(in, families[family].parent, &v);
    check_other(in, v, families[family].parent);
    return list;
}

/* Is the product of the family's type? Others (bundles) have something else below them. */
static bool is_of_family(struct csv_import *in, enum family family, const struct product *product)
{
    struct shop *s = in->shop;
    struct slice v;
    bool found;
    if (cell_filled(in, "type_id", &v))
        return slice_is(v, families[family].name);
    v = shop_ask(s, &found, "SELECT type_id FROM %s WHERE entity_id = %lu",
                 shop_table_name(s, "catalog_product_entity"), product->target);
    return found && slice_is(v, families[family].name);
}

static struct parent *take_children(struct csv_import *in, struct product_links *l,
                                    enum family family, const struct product *product,
                                    const struct nested *list)
{
    struct slice sku, qty;
    bool all = product_tells_all(in, product, families[family].children) && !product->is_new;
    struct parent *p = all || list->count ? parent_of(in, l, family, product->sku) : NULL;
    if (p && all) {
        p->all_children = true;
        p->all_relations = is_of_family(in, family, product);
    }
    for (uint32_t i = 0; p && i < list->count; i++) {
        nested_get(&list->items[i], &qty, "qty", NULL, NULL);
        if (nested_get(&list->items[i], &sku, "sku", NULL, NULL) && sku.len)
            add_link(in, l, &p->last, sku, qty);
    }
    return p;
}

static void take_parent(struct csv_import *in, struct product_links *l, enum family family,
                        const struct product *product)
{
    struct slice sku, qty = slice_of("");
    if (!cell_filled(in, families[family].parent, &sku))
        return;
    if (family == GROUPED)
        cell_filled(in, "grouped_qty", &qty);
    struct parent *p = parent_of(in, l, family, sku);
    if (p)
        add_link(in, l, &p->last, product->sku, qty);
}

static bool may_differ(struct csv_import *in, const struct shop_attribute *a)
{
    struct slice known, key = shop_format(in->shop, "differ by\n%lu", a->id);
    bool found = false;
    if (!a->options || !slice_is(a->input, "select"))
        return false;
    if (shop_recall(in->shop, key, &known))
        return known.len;
    shop_ask(in->shop, &found,
             "SELECT 1 FROM %s WHERE attribute_id = %lu AND "
             "is_configurable = 1",
             shop_table_name(in->shop, "catalog_eav_attribute"), a->id);
    shop_remember(in->shop, key, slice_of(found ? "yes" : ""));
    return found;
}

static struct nested read_attributes(struct csv_import *in)
{
    static const char *const names[] = {"code", NULL};
    struct slice v;
    if (!cell_filled(in, "super_attributes", &v))
        cell_filled(in, "configurable_attributes", &v);
    const struct nested list = nested_read(in->shop, v, names, "super_attributes");
    for (uint32_t i = 0; i < list.count; i++) {
        if (!nested_get(&list.items[i], &v, "code", "attribute_code", NULL) || !v.len)
            continue;
        const struct shop_attribute *a = shop_attribute(in->shop, "catalog_product", v);
        if (!a || !may_differ(in, a))
            shop_invalid(in->shop,
                         "super_attributes: '%.*s' is no attribute of the destination by which "
                         "configurable products choose",
                         (int)v.len, (const char *)v.p);
    }
    return list;
}

/* What its choices are by. An empty cell leaves that to its products; `p`: where these are. */
static void take_attributes(struct csv_import *in, struct product_links *l, struct parent *p,
                            const struct product *product, const struct nested *list)
{
    struct slice code;
    bool all = product_tells_all(in, product, "super_attributes");
    all |= product_tells_all(in, product, "configurable_attributes");
    p = list->count ? parent_of(in, l, CONFIGURABLE, product->sku) : p;
    if (p)
        p->all_attributes |= all && !product->is_new;
    for (uint32_t i = 0; p && i < list->count; i++)
        if (nested_get(&list->items[i], &code, "code", "attribute_code", NULL) && code.len)
            add_link(in, l, &p->last_attribute, code, slice_of(""));
}

static struct slice set_of(const struct csv_import *in)
{
    struct slice v;
    if (!cell_filled(in, "attribute_set_id", &v) && !cell_filled(in, "attribute_set_code", &v))
        cell_filled(in, "attribute_set", &v);
    return v;
}

static void take_place(struct csv_import *in, struct product_links *l,
                       const struct product *product)
{
    struct slice v, set = set_of(in);
    cell_filled(in, "type_id", &v);
    if (slice_is(v, "configurable")) {
        l->before = parent_of(in, l, CONFIGURABLE, product->sku);
        l->before_set = keep(in, l, set);
    } else if (l->before && (!v.len || slice_is(v, "simple"))) {
        bool same = set.len == l->before_set.len && !memcmp(set.p, l->before_set.p, set.len);
        if (same && !cell_filled(in, families[CONFIGURABLE].parent, &v))
            add_link(in, l, &l->before->last, product->sku, slice_of(""));
        if (!same)
            l->before = NULL;
    } else {
        l->before = NULL;
    }
}

static void keep_choices(struct csv_import *in, const struct product_links *l,
                         const struct product *p)
{
    struct slice all = slice_of("");
    for (uint32_t i = 0; i < l->choice_count; i++) {
        struct slice v = slice_trim(in->record->fields[l->choices[i]]);
        all = shop_format(in->shop, "%.*s%s%.*s", (int)all.len, (const char *)all.p, i ? "\n" : "",
                          (int)v.len, (const char *)v.p);
    }
    shop_remember(in->shop,
                  shop_format(in->shop, "choices\n%.*s", (int)p->sku.len, (const char *)p->sku.p),
                  all);
}

/* All cells are read before anything is kept: a record with an error leaves no trace. */
static void take_told(struct csv_import *in, struct product_links *l, const struct product *p)
{
    const struct nested children[FAMILIES] = {read_children(in, CONFIGURABLE),
                                              read_children(in, GROUPED)},
                        attributes = read_attributes(in);
    struct slice qty;
    if (cell_filled(in, "grouped_qty", &qty))
        check_qty(in, qty, "grouped_qty");
    if (shop_failed(in->shop) || p->skipped)
        return;
    struct parent *configurable = take_children(in, l, CONFIGURABLE, p, &children[CONFIGURABLE]);
    take_attributes(in, l, configurable, p, &attributes);
    take_children(in, l, GROUPED, p, &children[GROUPED]);
}

void product_take_links(struct csv_import *in, struct product_links *l, const struct product *p)
{
    if (shop_failed(in->shop))
        return;
    shop_remember(in->shop,
                  shop_format(in->shop, "id of\n%.*s", (int)p->sku.len, (const char *)p->sku.p),
                  p->id);
    if (l->keep_choices)
        keep_choices(in, l, p);
    take_told(in, l, p);
    if (shop_failed(in->shop))
        return;
    if (in->csv->auto_link)
        take_place(in, l, p);
    for (int i = 0; i < FAMILIES; i++)
        take_parent(in, l, (enum family)i, p);
}

/* --- into rows -----------------------------------------------------------------------------------
 */

/* Of the parent, or of what it is linked to. */
static struct slice product_id(struct csv_import *in, const struct parent *p, const struct link *k)
{
    struct slice id, sku = k ? k->sku : p->sku;
    if (shop_recall(in->shop,
                    shop_format(in->shop, "id of\n%.*s", (int)sku.len, (const char *)sku.p), &id) ||
        shop_refer_product(in->shop, sku, &id))
        return id;
    shop_invalid(in->shop,
                 "%s line %lu: %s: product %.*s is neither in the file nor at the destination: %s "
                 "%.*s are left out as a whole, and nothing else of the record",
                 records_path(in->file), p->line,
                 k ? families[p->family].children : families[p->family].parent, (int)sku.len,
                 (const char *)sku.p, k ? "such links of" : "links to", (int)p->sku.len,
                 (const char *)p->sku.p);
    return id;
}

static void put_super_attribute(struct csv_import *in, struct slice id,
                                const struct shop_attribute *a, uint32_t position)
{
    struct slice own = shop_id(in->shop, "super", id, a->code);
    struct shop_row r = shop_row(in->shop, "catalog_product_super_attribute");
    row_id(&r, "product_super_attribute_id", own);
    row_id(&r, "product_id", id);
    row_id(&r, "attribute_id", shop_refer_attribute(in->shop, a));
    row_number(&r, "position", position);
    row_put(&r);
    struct shop_row label = shop_row(in->shop, "catalog_product_super_attribute_label");
    row_id(&label, "product_super_attribute_id", own);
    row_id(&label, "store_id", shop_refer(in->shop, NAME_STORE, slice_of("0"), "store"));
    row_number(&label, "use_default", 1);
    row_put(&label);
}

static void put_told_attributes(struct csv_import *in, const struct parent *p, struct slice id)
{
    uint32_t position = 0;
    for (const struct link *k = p->attributes; k; k = k->next) {
        const struct shop_attribute *a = shop_attribute(in->shop, "catalog_product", k->sku);
        if (a)
            put_super_attribute(in, id, a, position++);
    }
}

/* The n-th of the child's choices. */
static struct slice choice_of(struct csv_import *in, struct slice sku, uint32_t n)
{
    struct slice all, part = slice_of("");
    if (!shop_recall(in->shop,
                     shop_format(in->shop, "choices\n%.*s", (int)sku.len, (const char *)sku.p),
                     &all))
        return part;
    for (uint32_t i = 0; i <= n; i++)
        if (!nested_next(&all, '\n', &part))
            return slice_of("");
    return part;
}

/* All children have a value, and not all the same. */
static bool differ(struct csv_import *in, const struct parent *p, uint32_t n)
{
    bool other = false;
    struct slice first = p->first ? choice_of(in, p->first->sku, n) : slice_of("");
    for (const struct link *k = p->first; k; k = k->next) {
        struct slice v = choice_of(in, k->sku, n);
        if (!v.len)
            return false;
        other |= v.len != first.len || memcmp(v.p, first.p, v.len) != 0;
    }
    return other;
}

static bool has_super_attributes(struct csv_import *in, const struct parent *p)
{
    bool found;
    shop_ask(in->shop, &found,
             "SELECT 1 FROM %s a JOIN %s e ON e.entity_id = a.product_id WHERE e.sku = %s "
             "LIMIT 1",
             shop_table_name(in->shop, "catalog_product_super_attribute"),
             shop_table_name(in->shop, "catalog_product_entity"), shop_quote(in->shop, p->sku));
    return found;
}

static void no_others(struct csv_import *in, const char *table, const char *link, struct slice id)
{
    struct shop_row r = shop_row(in->shop, table);
    row_id(&r, link, id);
    row_no_others(&r);
}

static void put_attributes(struct csv_import *in, const struct product_links *l,
                           const struct parent *p, struct slice id)
{
    uint32_t position = 0;
    bool chooses = p->attributes || p->first || !p->all_children;
    if (p->all_attributes && (p->attributes || !chooses))
        no_others(in, "catalog_product_super_attribute", "product_id", id);
    if (p->attributes)
        put_told_attributes(in, p, id);
    if (p->attributes || !chooses || has_super_attributes(in, p))
        return;
    for (uint32_t i = 0; i < l->choice_count; i++) {
        const struct shop_attribute *a = shop_attribute(
            in->shop, "catalog_product", slice_of(records_column(in->file, l->choices[i])));
        if (a && differ(in, p, i) && may_differ(in, a))
            put_super_attribute(in, id, a, position++);
    }
    if (p->first && !position && !shop_failed(in->shop))
        log_warn("a configurable product gets no attribute to choose by: the file has no column "
                 "super_attributes, and its products differ in none file=%s line=%lu sku=%.*s",
                 records_path(in->file), p->line, (int)p->sku.len, (const char *)p->sku.p);
}

static void put_relation(struct csv_import *in, struct slice parent, struct slice child)
{
    struct shop_row r = shop_row(in->shop, "catalog_product_relation");
    row_id(&r, "parent_id", parent);
    row_id(&r, "child_id", child);
    row_put(&r);
}

static void put_choice(struct csv_import *in, struct slice parent, struct slice child)
{
    struct shop_row r = shop_row(in->shop, "catalog_product_super_link");
    row_id(&r, "parent_id", parent);
    row_id(&r, "product_id", child);
    row_put(&r);
    put_relation(in, parent, child);
}

/* Grouped products are links of type "super", with quantity and position. */
static void refer_group_type(struct csv_import *in)
{
    static const char *const attributes[] = {"qty", "position"};
    struct slice id = slice_of("super");
    if (!shop_refer_begin(in->shop, "product_link_type", id))
        return;
    struct shop_row r = shop_refer_row(in->shop, "catalog_product_link_type");
    row_id(&r, "link_type_id", id);
    row_text(&r, "code", "super");
    row_put(&r);
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++) {
        struct shop_row a = shop_refer_row(in->shop, "catalog_product_link_attribute");
        row_id(&a, "product_link_attribute_id",
               shop_id(in->shop, "super", slice_of(attributes[i]), slice_of("")));
        row_id(&a, "link_type_id", id);
        row_text(&a, "product_link_attribute_code", attributes[i]);
        row_put(&a);
    }
    shop_refer_end(in->shop);
}

static void put_member(struct csv_import *in, struct slice parent, struct slice child,
                       const struct link *k, uint32_t position)
{
    struct slice id = shop_id(in->shop, "grouped", parent, child);
    refer_group_type(in);
    struct shop_row r = shop_row(in->shop, "catalog_product_link");
    row_id(&r, "link_id", id);
    row_id(&r, "product_id", parent);
    row_id(&r, "linked_product_id", child);
    row_id(&r, "link_type_id", slice_of("super"));
    row_put(&r);
    struct shop_row p = shop_row(in->shop, "catalog_product_link_attribute_int");
    row_id(&p, "link_id", id);
    row_id(&p, "product_link_attribute_id", slice_of("super:position"));
    row_number(&p, "value", position);
    row_put(&p);
    struct shop_row q = shop_row(in->shop, qty_table);
    row_id(&q, "link_id", id);
    row_id(&q, "product_link_attribute_id", slice_of("super:qty"));
    set_qty(&q, k->qty, families[GROUPED].children);
    row_put(&q);
    put_relation(in, parent, child);
}

/* Other links of the destination's product (related ones) are none of this. */
static void tell_all(struct csv_import *in, const struct parent *p, struct slice id)
{
    if (p->all_children && p->family == CONFIGURABLE)
        no_others(in, "catalog_product_super_link", "parent_id", id);
    if (p->all_children && p->family == GROUPED) {
        refer_group_type(in);
        struct shop_row r = shop_row(in->shop, "catalog_product_link");
        row_id(&r, "product_id", id);
        row_id(&r, "link_type_id", slice_of("super"));
        row_no_others(&r);
    }
    if (p->all_relations)
        no_others(in, "catalog_product_relation", "parent_id", id);
}

bool product_put_links(struct csv_import *in, struct product_links *l)
{
    if (l->put == l->count)
        return false;
    const struct parent *p = l->parents[l->put++];
    struct slice id = product_id(in, p, NULL);
    uint32_t position = 0;
    shop_at_line(in->shop, p->line);
    shop_begin(in->shop, id);
    tell_all(in, p, id);
    if (p->family == CONFIGURABLE)
        put_attributes(in, l, p, id);
    for (const struct link *k = p->first; k && !shop_failed(in->shop); k = k->next) {
        struct slice child = product_id(in, p, k);
        if (p->family == CONFIGURABLE)
            put_choice(in, id, child);
        else
            put_member(in, id, child, k, position++);
    }
    shop_commit(in->shop);
    return true;
}
