/* Images: what cells are called in rows, and where they are to be had. */
#include <stdio.h>
#include <string.h>

#include "agent/csv/shop_internal.h"

/* A table of no shop: the applier reads its rows, and never writes them. */
static void tell_table(struct shop *s)
{
    struct msg_column columns[IMAGE_COLUMNS] = {
        [IMAGE_COLUMN_KIND] = {.name = slice_of("kind"), .type = MYSQL_TYPE_TINY},
        [IMAGE_COLUMN_PLACE] = {.name = slice_of("place"), .type = MYSQL_TYPE_BLOB, .metadata = 2},
        [IMAGE_COLUMN_URL] = {.name = slice_of("url"), .type = MYSQL_TYPE_BLOB, .metadata = 2},
    };
    const struct msg_table m = {.id = s->next_table_id,
                                .database = slice_of(s->destination.database),
                                .name = slice_of(IMAGE_TABLE),
                                .entity = slice_of(""),
                                .role = slice_of(""),
                                .flags = TABLE_NAMES | TABLE_SIGNEDNESS | TABLE_KEYS,
                                .column_count = IMAGE_COLUMNS,
                                .columns = columns};
    if (s->image_table || s->rc)
        return;
    buf_clear(&s->scratch);
    if (message_write_table(&s->scratch, &m)) {
        shop_no_memory(s);
        return;
    }
    int rc = s->o.put(s->o.arg, s->scratch.data, s->scratch.len, &s->err);
    if (rc)
        shop_fail(s, rc);
    s->image_table = s->next_table_id++;
}

void shop_image(struct shop *s, enum image_kind kind, struct slice place, struct slice url)
{
    BUF_AUTO struct buf image = {0};
    tell_table(s);
    if (s->rc)
        return;
    int rc = image_write_head(&image, IMAGE_COLUMNS);
    rc = rc ? rc : value_write_uint(&image, kind);
    rc = rc ? rc : value_write_bytes(&image, place.p, place.len);
    rc = rc ? rc : value_write_bytes(&image, url.p, url.len);
    const struct msg_change m = {.table_id = s->image_table,
                                 .op = CHANGE_INSERT,
                                 .entity_key = s->key,
                                 .after = {image.data, image.len}};
    buf_clear(&s->scratch);
    if (rc || message_write_change(&s->scratch, &m))
        shop_no_memory(s);
    shop_stage_row(s);
}

struct slice shop_image_place(struct shop *s, enum image_kind kind, struct slice cell,
                              const char *what)
{
    BUF_AUTO struct buf text = {0};
    const char *why;
    cell = slice_trim(cell);
    if (!cell.len || slice_is(cell, "no_selection"))
        return slice_of(kind == IMAGE_PRODUCT ? "no_selection" : "");
    int rc = image_place(kind, cell, &text, &why);
    if (rc == DS_EFORMAT && memmem(cell.p, cell.len, "://", 3)) /* it may hold a password */
        shop_invalid(s, "%s: an address, but %s", what, why);
    else if (rc == DS_EFORMAT)
        shop_invalid(s, "%s: '%.*s': %s", what, (int)cell.len, (const char *)cell.p, why);
    else if (rc)
        shop_no_memory(s);
    if (s->rc)
        return slice_of("");
    struct slice place = shop_format(s, "%.*s", (int)text.len, (const char *)text.data);
    if (image_is_url(cell))
        shop_image(s, kind, place, cell);
    return place;
}
