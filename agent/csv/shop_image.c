/* Images: what cells are called in rows. */

#include "agent/csv/shop_internal.h"

struct slice shop_image_place(struct shop *s, enum image_kind kind, struct slice cell,
                              const char *what)
{
    BUF_AUTO struct buf text = {0};
    const char *why;
    cell = slice_trim(cell);
    if (!cell.len || slice_is(cell, "no_selection"))
        return slice_of(kind == IMAGE_PRODUCT ? "no_selection" : "");
    int rc = image_place(kind, cell, &text, &why);
    if (rc == DS_EFORMAT)
        shop_invalid(s, "%s: '%.*s': %s", what, (int)cell.len, (const char *)cell.p, why);
    else if (rc)
        shop_no_memory(s);
    if (s->rc)
        return slice_of("");
    return shop_format(s, "%.*s", (int)text.len, (const char *)text.data);
}
