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

static const struct shop_attribute *gallery_attribute(struct csv_import *in)
{
    return shop_attribute(in->shop, type, slice_of("media_gallery"));
}

/* --- of a record ---------------------------------------------------------------------------------
 */

static void note_image(struct csv_import *in, struct product *p, struct slice place)
{
    struct late_item *image = arena_zalloc(shop_arena(in->shop), sizeof *image);
    if (!image) {
        shop_no_memory(in->shop);
        return;
    }
    *image = (struct late_item){place, p->images};
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

/* Has the destination's product images that the record does not name? */
static bool has_others(struct csv_import *in, const struct product *p)
{
    bool others = false;
    MYSQL_RES *rows =
        shop_select(in->shop, "SELECT value FROM %s WHERE entity_id = %lu AND attribute_id = %lu",
                    shop_table_name(in->shop, galleries), p->target, gallery_attribute(in)->id);
    for (MYSQL_ROW row; rows && !others && (row = mysql_fetch_row(rows));)
        others = !late_items_have(p->images, slice_of(row[0] ? row[0] : ""));
    mysql_free_result(rows);
    return others;
}

void product_take_images(struct csv_import *in, struct late_lists *all, const struct product *p)
{
    if (shop_failed(in->shop) || p->skipped)
        return;
    struct late_list *l = late_list_find(in, all, p);
    if (!l && p->all_images && !p->is_new && (p->again || has_others(in, p)))
        l = late_list_begin(in, all, p);
    for (const struct late_item *i = l ? p->images : NULL; i; i = i->next)
        late_list_add(in, all, l, i->text);
}

bool product_put_gallery(struct csv_import *in, struct late_lists *all)
{
    const struct late_list *l = late_list_take(in, all);
    if (!l)
        return false;
    shop_begin(in->shop, l->id);
    struct shop_row r = shop_row(in->shop, galleries);
    row_id(&r, "entity_id", l->id);
    row_id(&r, "attribute_id", shop_refer_attribute(in->shop, gallery_attribute(in)));
    row_no_others(&r);
    for (const struct late_item *i = l->items; i; i = i->next)
        put_gallery_row(in, l->id, i->text);
    shop_commit(in->shop);
    return true;
}
