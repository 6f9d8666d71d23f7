/* Products: images.
 *
 * A record tells all of a gallery, but others of the product may add to it, far behind it in the
 * file. So images that are in none of them go when the file has been read: those that stay keep
 * their ids, and what store views say of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/csv/product.h"

static const char type[] = "catalog_product", table[] = "catalog_product_entity",
                  galleries[] = "catalog_product_entity_media_gallery";

struct product_image {
    struct slice place;
    struct product_image *next;
};
struct gallery {     /* of which images may go */
    struct slice id; /* the product's */
    uint64_t line;
    struct product_image *images; /* that stay */
    struct gallery *next;
};
struct product_galleries {
    struct arena arena;
    struct gallery *first, **last;
};

struct product_galleries *product_galleries_new(void)
{
    struct product_galleries *all = calloc(1, sizeof *all);
    if (all)
        all->last = &all->first;
    return all;
}

void product_galleries_free(struct product_galleries *all)
{
    if (all)
        arena_free(&all->arena);
    free(all);
}

static const struct shop_attribute *gallery_attribute(struct csv_import *in)
{
    return shop_attribute(in->shop, type, slice_of("media_gallery"));
}

/* --- of a record ---------------------------------------------------------------------------------
 */

static void note_image(struct csv_import *in, struct product *p, struct slice place)
{
    struct product_image *image = arena_zalloc(shop_arena(in->shop), sizeof *image);
    if (!image) {
        shop_no_memory(in->shop);
        return;
    }
    *image = (struct product_image){place, p->images};
    p->images = image;
}

static struct slice put_gallery_row(struct csv_import *in, struct slice product, struct slice place)
{
    struct slice id = shop_id(in->shop, "image", product, place);
    struct shop_row r = shop_row(in->shop, galleries);
    row_id(&r, "value_id", id);
    row_id(&r, "attribute_id", shop_refer_attribute(in->shop, gallery_attribute(in)));
    row_id(&r, "entity_id", product);
    row_set(&r, "value", place, "media_gallery");
    row_put(&r);
    return id;
}

static void set_from(struct shop_row *r, const char *column, const struct nested_item *item,
                     const char *other)
{
    struct slice v;
    if (nested_get(item, &v, column, other, NULL) && v.len)
        row_set(r, column, v, "media_gallery");
}

/* Once per file, but once more by the record that tells all, which may be behind a store view's. */
static void put_image(struct csv_import *in, struct product *p, struct slice place,
                      const struct nested_item *item, uint32_t position)
{
    struct slice key =
        shop_format(in->shop, "image\n%d\n%.*s\n%.*s", product_has_told_all(in, p, "media_gallery"),
                    (int)p->id.len, p->id.p, (int)place.len, place.p);
    if (!gallery_attribute(in))
        return;
    note_image(in, p, place);
    if (!shop_once(in->shop, key))
        return;
    struct shop_row v = shop_row(in->shop, "catalog_product_entity_media_gallery_value");
    row_id(&v, "value_id", put_gallery_row(in, p->id, place));
    row_id(&v, "store_id", shop_refer(in->shop, NAME_STORE, slice_of("0"), "store"));
    row_number(&v, "position", position);
    row_number(&v, "disabled", 0);
    if (item) {
        set_from(&v, "label", item, NULL);
        set_from(&v, "position", item, NULL);
        set_from(&v, "disabled", item, "exclude");
    }
    row_put(&v);
}

/* Which of its images it is shown by. No cell, or with merge an empty one, says nothing; an empty
 * one of a store view that it has the general image. */
static void put_role(struct csv_import *in, struct product *p, const char *role, uint32_t *position)
{
    struct slice v;
    if (!cell(in, role, &v))
        return;
    bool empty = !slice_trim(v).len;
    if (empty && !p->is_new && in->o->config->on_duplicate == DUPLICATE_MERGE)
        return;
    struct slice place = shop_image_place(in->shop, IMAGE_PRODUCT, v, role);
    eav_put(in, type, table, role, p->id, p->store, empty && !p->general ? v : place, role);
    if (!slice_is(place, "no_selection"))
        put_image(in, p, place, NULL, ++*position);
}

void product_put_images(struct csv_import *in, struct product *p)
{
    static const char *const roles[] = {"image", "small_image", "thumbnail"};
    static const char *const names[] = {"file", NULL};
    struct slice v, file;
    uint32_t position = 0;
    p->all_images = gallery_attribute(in) && product_tells_all(in, p, "media_gallery");
    cell(in, "media_gallery", &v);
    static const char *const known[] = {"file",     "url",      "value",   "label",
                                        "position", "disabled", "exclude", NULL};
    const struct nested list = nested_read(in->shop, v, names, "media_gallery");
    nested_keys_check(in, &list, "media_gallery", known);
    for (uint32_t i = 0; i < list.count; i++)
        if (nested_get(&list.items[i], &file, "file", "url", "value") && file.len)
            put_image(in, p, shop_image_place(in->shop, IMAGE_PRODUCT, file, "media_gallery"),
                      &list.items[i], ++position);
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        put_role(in, p, roles[i], &position);
}

/* --- of the file ---------------------------------------------------------------------------------
 */

static bool is_among(const struct product_image *images, struct slice place)
{
    while (images && !(images->place.len == place.len &&
                       (!place.len || memcmp(images->place.p, place.p, place.len) == 0)))
        images = images->next;
    return images;
}

/* Has the destination's product images that the record does not name? */
static bool has_others(struct csv_import *in, const struct product *p)
{
    bool others = false;
    MYSQL_RES *rows = shop_select(
        in->shop, "SELECT value FROM %s WHERE entity_id = %lu AND attribute_id = %lu",
        shop_table_name(in->shop, galleries), p->target, gallery_attribute(in)->id);
    for (MYSQL_ROW row; rows && !others && (row = mysql_fetch_row(rows));)
        others = !is_among(p->images, slice_of(row[0] ? row[0] : ""));
    mysql_free_result(rows);
    return others;
}

static void *keep(struct csv_import *in, struct product_galleries *all, const void *p, size_t len)
{
    void *copy = arena_copy(&all->arena, p, len);
    if (!copy)
        shop_no_memory(in->shop);
    return copy;
}

static struct gallery *new_gallery(struct csv_import *in, struct product_galleries *all,
                                   const struct product *p, struct slice key)
{
    const struct gallery new = {.id = {keep(in, all, p->id.p, p->id.len), p->id.len},
                                .line = in->record->line};
    struct gallery *g = new.id.p ? keep(in, all, &new, sizeof new) : NULL;
    if (!g)
        return NULL;
    shop_remember(in->shop, key, (struct slice){(const uint8_t *)&g, sizeof g});
    *all->last = g;
    all->last = &g->next;
    return g;
}

/* That of the product, if images of it may go. */
static struct gallery *gallery_of(struct csv_import *in, struct product_galleries *all,
                                  const struct product *p)
{
    struct gallery *g = NULL;
    struct slice known, key = shop_format(in->shop, "gallery of\n%.*s", (int)p->id.len, p->id.p);
    if (shop_recall(in->shop, key, &known))
        memcpy(&g, known.p, sizeof g);
    else if (p->all_images && !p->is_new && (p->again || has_others(in, p)))
        g = new_gallery(in, all, p, key);
    return g;
}

void product_take_images(struct csv_import *in, struct product_galleries *all,
                         const struct product *p)
{
    struct gallery *g = shop_failed(in->shop) || p->skipped ? NULL : gallery_of(in, all, p);
    for (const struct product_image *i = g ? p->images : NULL; i; i = i->next) {
        const struct product_image one = {{keep(in, all, i->place.p, i->place.len), i->place.len},
                                          g->images};
        struct product_image *kept =
            is_among(g->images, i->place) || !one.place.p ? NULL : keep(in, all, &one, sizeof one);
        g->images = kept ? kept : g->images;
    }
}

bool product_put_gallery(struct csv_import *in, struct product_galleries *all)
{
    struct gallery *g = all->first;
    if (!g)
        return false;
    all->first = g->next;
    shop_at_line(in->shop, g->line);
    shop_begin(in->shop, g->id);
    struct shop_row r = shop_row(in->shop, galleries);
    row_id(&r, "entity_id", g->id);
    row_id(&r, "attribute_id", shop_refer_attribute(in->shop, gallery_attribute(in)));
    row_no_others(&r);
    for (const struct product_image *i = g->images; i; i = i->next)
        put_gallery_row(in, g->id, i->place);
    shop_commit(in->shop);
    return true;
}
