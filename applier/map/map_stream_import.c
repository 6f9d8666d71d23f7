/* Rows of an import: they keep the key of their entity. */
#include <string.h>

#include "applier/map/map_stream_state.h"

bool import_has_rules(const struct map *map, const char *document, const char *there)
{
    for (size_t i = 0; i < map_count(map); i++) {
        const struct map_rule *r = map_at(map, i);
        const char *own = r->side == MAP_SOURCE ? document : there;
        if (r->field && strcmp(r->document, own) == 0)
            return true;
    }
    return strcmp(document, there) != 0;
}

/* An image that says of an update what has not changed does no harm: an import compares. */
static int put_image(struct mapped *t, struct slice image, struct slice before, struct buf *out,
                     struct ds_error *err)
{
    return image.len               ? map_row_image(t->row, image, before, out, err)
           : image_write_none(out) ? map_stream_no_memory(err)
                                   : 0;
}

int import_change(struct mapped *t, const struct msg_change *c, struct buf *out,
                  struct ds_error *err)
{
    if (message_write_change_head(out, c->table_id, c->op, c->flags, c->entity_key))
        return map_stream_no_memory(err);
    /* what is copied may be told by some of its columns */
    map_row_in_part(t->row, c->flags & (CHANGE_COPIED | CHANGE_NAMED));
    int rc = put_image(t, c->before, (struct slice){0}, out, err);
    rc = rc ? rc : put_image(t, c->after, c->before, out, err);
    map_row_in_part(t->row, false);
    return rc;
}
