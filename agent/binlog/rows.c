/* Row events of both versions, plain and compressed: the head, up to where the rows begin. */
#include "decoder.h"

#include <inttypes.h>

struct rows_kind {
    enum change_op op;
    bool v2, compressed, partial;
};

static struct rows_kind rows_kind(uint8_t type)
{
    switch (type) {
    case EV_WRITE_ROWS_V1:
        return (struct rows_kind){.op = CHANGE_INSERT};
    case EV_UPDATE_ROWS_V1:
        return (struct rows_kind){.op = CHANGE_UPDATE};
    case EV_DELETE_ROWS_V1:
        return (struct rows_kind){.op = CHANGE_DELETE};
    case EV_WRITE_ROWS:
        return (struct rows_kind){.op = CHANGE_INSERT, .v2 = true};
    case EV_UPDATE_ROWS:
        return (struct rows_kind){.op = CHANGE_UPDATE, .v2 = true};
    case EV_DELETE_ROWS:
        return (struct rows_kind){.op = CHANGE_DELETE, .v2 = true};
    case EV_PARTIAL_UPDATE_ROWS:
        return (struct rows_kind){.op = CHANGE_UPDATE, .v2 = true, .partial = true};
    case EV_WRITE_ROWS_COMPRESSED_V1:
        return (struct rows_kind){.op = CHANGE_INSERT, .compressed = true};
    case EV_UPDATE_ROWS_COMPRESSED_V1:
        return (struct rows_kind){.op = CHANGE_UPDATE, .compressed = true};
    case EV_DELETE_ROWS_COMPRESSED_V1:
        return (struct rows_kind){.op = CHANGE_DELETE, .compressed = true};
    case EV_WRITE_ROWS_COMPRESSED:
        return (struct rows_kind){.op = CHANGE_INSERT, .v2 = true, .compressed = true};
    case EV_UPDATE_ROWS_COMPRESSED:
        return (struct rows_kind){.op = CHANGE_UPDATE, .v2 = true, .compressed = true};
    default: /* EV_DELETE_ROWS_COMPRESSED */
        return (struct rows_kind){.op = CHANGE_DELETE, .v2 = true, .compressed = true};
    }
}

static bool bitmap_read(struct cursor *c, uint32_t columns, struct slice *bits, uint32_t *set)
{
    if (!cursor_slice(c, (columns + 7) / 8, bits))
        return false;
    uint32_t n = 0;
    for (uint32_t i = 0; i < columns; i++) /* the bits above the last column mean nothing */
        n += bit_get(bits->p, i);
    *set = n;
    return true;
}

/* An image without any column takes no bytes, so how many rows there were is lost. */
static int images_check(const struct rows_event *ev, struct ds_error *err)
{
    bool before = ev->op != CHANGE_INSERT, after = ev->op != CHANGE_DELETE;
    if ((before && ev->columns_before == 0) || (after && ev->columns_after == 0))
        return error_set(err, DS_EUNSUPPORTED,
                         "row event without any column: set binlog_row_image=FULL at the source");
    if (ev->rows.len == 0)
        return event_malformed(err, "row", "no rows");
    return 0;
}

static int rows_head(const struct decoder *d, struct cursor *c, uint8_t type, bool v2, uint64_t *id,
                     struct rows_event *out)
{
    uint64_t flags, extra;
    const uint8_t *p;
    size_t id_width = d->post_header[type] == 6 ? 4 : 6;
    if (!cursor_uint(c, id_width, id) || !cursor_uint(c, 2, &flags))
        return DS_EFORMAT;
    out->flags = (uint16_t)flags;
    if (v2 && (!cursor_uint(c, 2, &extra) || extra < 2 || !cursor_take(c, extra - 2, &p)))
        return DS_EFORMAT;
    return 0;
}

static int rows_body(struct decoder *d, struct cursor c, const struct rows_kind *kind,
                     struct rows_event *out, struct ds_error *err)
{
    struct table_slot *slot = (struct table_slot *)out->table;
    uint64_t width;
    if (!cursor_lenenc(&c, &width))
        return event_malformed(err, "row", "no column count");
    if (width != slot->map.column_count || width == 0)
        return error_set(err, DS_EFORMAT,
                         "row event of %" PRIu64 " columns for a table map of %u columns", width,
                         slot->map.column_count);
    uint32_t columns = slot->map.column_count;
    if (kind->op != CHANGE_INSERT &&
        !bitmap_read(&c, columns, &out->present_before, &out->columns_before))
        return event_malformed(err, "row", "no bitmap of its columns");
    if (kind->op != CHANGE_DELETE &&
        !bitmap_read(&c, columns, &out->present_after, &out->columns_after))
        return event_malformed(err, "row", "no bitmap of its columns");
    out->rows = (struct slice){c.p, cursor_left(&c)};
    if (kind->compressed) {
        int rc = block_inflate(c, d->max_event, "compressed row", &d->inflated, err);
        if (rc)
            return rc;
        out->rows = (struct slice){d->inflated.data, d->inflated.len};
    }
    slot->before_start = slot->before_end = NULL;
    int rc = images_check(out, err);
    return rc == 0 && slot->old_temporals ? old_temporals_prove(slot, out, err) : rc;
}

int rows_decode(struct decoder *d, struct cursor body, uint8_t type, struct rows_event *out,
                struct ds_error *err)
{
    struct rows_kind kind = rows_kind(type);
    uint64_t id;
    *out = (struct rows_event){.op = kind.op, .partial_json = kind.partial};
    if (rows_head(d, &body, type, kind.v2, &id, out))
        return event_malformed(err, "row", "its head passes its end");
    struct table_slot *slot = table_map_find(d, id);
    if (!slot) {
        if (id == ROWS_DUMMY_TABLE_ID)
            return 0;
        return error_set(err, DS_EFORMAT,
                         "row event for table id %" PRIu64 ", which no table map announced: start "
                         "reading at the beginning of a transaction",
                         id);
    }
    out->table = &slot->map;
    int rc = rows_body(d, body, &kind, out, err);
    if (rc)
        error_at_table(err, slot->map.database, slot->map.name);
    return rc;
}
