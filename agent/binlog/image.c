/* Row images: the hottest path. One pass over the row's bytes, one switch per column on the plan
 * made from the table map, values written where they stay.
 *
 * Room for everything of bounded size (table_slot.slack) is reserved at the start of a row; a value
 * of any length makes room for itself and for that again, so that nothing else checks for room.
 */
#include "decoder.h"
#include "msgpack.h"

#include <stdlib.h>

struct image {
    struct buf *out;
    uint8_t *w, *limit;
    size_t slack;
    uintptr_t origin; /* where the before image's buffer lay, if that is `out`, else 0 */
};

static int image_room(struct image *im, size_t extra)
{
    im->out->len = (size_t)(im->w - im->out->data);
    if (buf_reserve(im->out, extra + im->slack))
        return DS_ENOMEM;
    im->w = im->out->data + im->out->len;
    im->limit = im->out->data + im->out->cap;
    return 0;
}

static inline bool image_is_before(const struct image *im, const uint8_t *before,
                                   const uint8_t *start)
{
    if (im->origin) /* `out` may have moved since */
        before = im->out->data + ((uintptr_t)before - im->origin);
    return pack_equal(before, start, (size_t)(im->w - start));
}

size_t value_wire_length(const struct column_plan *plan, const uint8_t *p, const uint8_t *end)
{
    size_t left = (size_t)(end - p);
    if (left < plan->width)
        return SIZE_MAX;
    if (plan->kind < PLAN_BYTES)
        return plan->width;
    size_t length = le_n(p, plan->width);
    return left - plan->width < length ? SIZE_MAX : plan->width + length;
}

static int image_error(const struct rows_event *ev, uint32_t column, int code, const char *what,
                       struct ds_error *err)
{
    const struct table_map *t = ev->table;
    const struct slice name = t->columns[column].name;
    if (code == DS_ENOMEM)
        error_set(err, code, "out of memory for a row");
    else
        error_set(err, code, "row cannot be decoded at column %u %.*s (type %u): %s", column + 1,
                  (int)name.len, (const char *)name.p, t->columns[column].type, what);
    error_at_table(err, t->database, t->name);
    return code;
}

static const char *image_reason(int code)
{
    return code == DS_ELIMIT         ? "the value is larger than max_event: raise it"
           : code == DS_EUNSUPPORTED ? "a partial JSON update whose before image lacks the column: "
                                       "set binlog_row_value_options='' or binlog_row_image=FULL"
                                     : "no possible value: the table map does not fit the row, or "
                                       "the binlog is damaged";
}

/* Move over the head of an image: partial JSON bits where they are, then the NULL bits. */
static bool image_head(const struct rows_event *ev, bool after, struct cursor *c,
                       struct slice *partial, const uint8_t **nulls)
{
    const struct table_slot *slot = (const struct table_slot *)ev->table;
    uint32_t present = after ? ev->columns_after : ev->columns_before;
    *partial = (struct slice){0};
    if (after && ev->partial_json) {
        uint64_t options;
        if (!cursor_lenenc(c, &options) || options > 1)
            return false;
        if (options && !cursor_slice(c, (slot->json_columns + 7) / 8, partial))
            return false;
    }
    return cursor_take(c, (present + 7) / 8, nulls);
}

/* Move over one image. With `column` less than the count, stop there: *value is it, p NULL for
 * NULL or absent. *at is where it failed. */
static int image_walk(const struct rows_event *ev, bool after, struct cursor *c, uint32_t column,
                      struct slice *value, uint32_t *at)
{
    const struct table_slot *slot = (const struct table_slot *)ev->table;
    const uint8_t *bits = after ? ev->present_after.p : ev->present_before.p, *nulls;
    struct slice partial;
    uint32_t bit = 0;
    *at = 0;
    if (!image_head(ev, after, c, &partial, &nulls))
        return DS_EFORMAT;
    for (uint32_t i = 0; i < slot->map.column_count; i++) {
        struct slice v = {0};
        if (bit_get(bits, i) && !bit_get(nulls, bit++)) {
            size_t n = value_wire_length(&slot->plan[i], c->p, c->end);
            *at = i;
            if (n == SIZE_MAX)
                return DS_EFORMAT;
            v = (struct slice){c->p, n};
            c->p += n;
        }
        if (i == column) {
            *value = v;
            return 0;
        }
    }
    return 0;
}

int rows_skip(const struct rows_event *ev, bool after, const uint8_t **p, struct ds_error *err)
{
    struct cursor c = {*p, ev->rows.p + ev->rows.len};
    uint32_t at;
    int rc = image_walk(ev, after, &c, UINT32_MAX, NULL, &at);
    if (rc)
        return image_error(ev, at, rc, image_reason(rc), err);
    if (!after) {
        struct table_slot *slot = (struct table_slot *)ev->table;
        slot->before_start = *p;
        slot->before_end = c.p;
    }
    *p = c.p;
    return 0;
}

/* The binary value before an update, in the image that ends at `row`. It is the one walked over
 * last, or else found from the start of the event. */
static int before_value(const struct rows_event *ev, const uint8_t *row, uint32_t column,
                        struct slice *out)
{
    struct table_slot *slot = (struct table_slot *)ev->table;
    struct cursor c = {ev->rows.p, ev->rows.p + ev->rows.len};
    uint32_t at;
    if (slot->before_end != row || slot->before_start < ev->rows.p) {
        const uint8_t *start = c.p;
        for (bool after = false; c.p != row; after = !after) {
            start = c.p;
            if (c.p > row || image_walk(ev, after, &c, UINT32_MAX, NULL, &at))
                return DS_EFORMAT;
        }
        slot->before_start = start;
        slot->before_end = row;
    }
    c.p = slot->before_start;
    int rc = image_walk(ev, false, &c, column, out, &at);
    if (rc == 0 && !out->p)
        rc = DS_EUNSUPPORTED;
    if (rc == 0) {
        out->p += slot->plan[column].width;
        out->len -= slot->plan[column].width;
    }
    return rc;
}

/* A text or byte value of unknown length, written behind 5 bytes of room for its head, moves to
 * its head's end. */
static void image_close_value(struct image *im, size_t start, bool text)
{
    struct buf *out = im->out;
    uint32_t length = (uint32_t)(out->len - start - 5);
    uint8_t *w = out->data + start;
    w = text ? pack_text_head(w, length) : pack_bytes_head(w, length);
    memmove(w, out->data + start + 5, length);
    out->len = (size_t)(w - out->data) + length;
    im->w = w + length;
    im->limit = out->data + out->cap;
}

/* JSON and compressed columns: through the buffer's own functions. `diffs_of` is the row's start
 * when the value is a list of changes to the value before. */
static int image_long_value(const struct rows_event *ev, uint32_t column, struct slice value,
                            const uint8_t *diffs_of, struct image *im)
{
    const struct table_slot *slot = (const struct table_slot *)ev->table;
    const struct column_plan *plan = &slot->plan[column];
    struct slice before;
    bool json = plan->kind == PLAN_JSON;
    size_t start = (size_t)(im->w - im->out->data);
    uint64_t max = plan->length < slot->max_event ? plan->length : slot->max_event;
    im->out->len = start + 5; /* within the slack */
    int rc = 0;
    if (json && diffs_of) {
        rc = before_value(ev, diffs_of, column, &before);
        if (rc == 0)
            rc = json_print_patched(before, value, max, im->out);
    } else {
        rc = json ? json_print(value, max, im->out) : column_inflate(value, max, im->out);
    }
    if (rc)
        return rc;
    image_close_value(im, start, json);
    return image_room(im, 0);
}

/* Bytes with a length in front; BINARY gets its zeros back. NULL: out of memory or too long. */
static inline int image_bytes(struct image *im, const struct column_plan *plan, const uint8_t *p,
                              size_t length)
{
    size_t zeros = 0;
    if (plan->kind == PLAN_BINARY) {
        if (length > plan->length)
            return DS_EFORMAT;
        zeros = plan->length - length;
    }
    if ((size_t)(im->limit - im->w) < im->slack + length && image_room(im, length))
        return DS_ENOMEM;
    im->w = pack_bytes_head(im->w, (uint32_t)(length + zeros));
    memcpy(im->w, p, length);
    im->w += length;
    if (zeros) {
        memset(im->w, 0, zeros);
        im->w += zeros;
    }
    return 0;
}

/* Numbers of 1, 2, 3, 4 and 8 bytes; the caller has checked that they are there. */
static inline uint8_t *put_number(uint8_t *w, enum plan_kind kind, const uint8_t *p)
{
    switch (kind) {
    case PLAN_INT8:
        return pack_int(w, (int8_t)*p);
    case PLAN_UINT8:
        return pack_uint(w, *p);
    case PLAN_INT16:
        return pack_int(w, (int16_t)le16(p));
    case PLAN_UINT16:
        return pack_uint(w, le16(p));
    case PLAN_INT24:
        return pack_int(w, (int32_t)((uint32_t)le_n(p, 3) << 8) >> 8);
    case PLAN_UINT24:
        return pack_uint(w, le_n(p, 3));
    case PLAN_INT32:
        return pack_int(w, (int32_t)le32(p));
    case PLAN_UINT32:
        return pack_uint(w, le32(p));
    case PLAN_INT64:
        return pack_int(w, (int64_t)le64(p));
    case PLAN_UINT64:
        return pack_uint(w, le64(p));
    case PLAN_FLOAT:
        return pack_be32(w, 0xca, le32(p));
    default: /* PLAN_DOUBLE */
        return pack_be64(w, 0xcb, le64(p));
    }
}

/* One value that is there and not NULL. *q moves behind it. */
static inline int image_value(const struct rows_event *ev, uint32_t i, const uint8_t **q,
                              const uint8_t *end, const uint8_t *diffs_of, struct image *im)
{
    const struct column_plan *plan = &((const struct table_slot *)ev->table)->plan[i];
    const uint8_t *p = *q;
    if ((size_t)(end - p) < plan->width)
        return DS_EFORMAT;
    if (plan->kind <= PLAN_DOUBLE) {
        im->w = put_number(im->w, (enum plan_kind)plan->kind, p);
        *q = p + plan->width;
        return 0;
    }
    if (plan->kind < PLAN_BYTES) {
        uint8_t *w = value_put(im->w, plan, p);
        if (!w)
            return DS_EFORMAT;
        im->w = w;
        *q = p + plan->width;
        return 0;
    }
    size_t length = plan->width == 1 ? *p : plan->width == 2 ? le16(p) : le_n(p, plan->width);
    p += plan->width;
    if ((size_t)(end - p) < length)
        return DS_EFORMAT;
    *q = p + length;
    if (plan->kind <= PLAN_BINARY)
        return image_bytes(im, plan, p, length);
    return image_long_value(ev, i, (struct slice){p, length}, diffs_of, im);
}

static void image_open(struct image *im, const struct table_slot *slot,
                       const uint8_t *const *before, struct buf *out)
{
    uintptr_t data = (uintptr_t)out->data, first = before ? (uintptr_t)before[0] : 0;
    *im = (struct image){.out = out, .w = out->data + out->len, .slack = slot->slack};
    if (first >= data && first < data + out->len)
        im->origin = data;
}

int rows_image(const struct rows_event *ev, bool after, const uint8_t **p,
               const uint8_t *const *before, struct buf *out, struct ds_error *err)
{
    struct table_slot *slot = (struct table_slot *)ev->table;
    struct cursor c = {*p, ev->rows.p + ev->rows.len};
    const uint8_t *bits = after ? ev->present_after.p : ev->present_before.p, *nulls;
    const uint32_t count = slot->map.column_count;
    const bool full = (after ? ev->columns_after : ev->columns_before) == count;
    const size_t length_before = out->len;
    struct slice partial;
    struct image im;
    image_open(&im, slot, before, out);
    int rc = DS_EFORMAT;
    uint32_t i = 0, bit = 0, json = 0;
    if (!image_head(ev, after, &c, &partial, &nulls) || (rc = image_room(&im, 0)))
        goto failed;
    im.w = pack_array_head(im.w, count);
    for (; i < count; i++) {
        bool is_partial =
            partial.p && slot->plan[i].kind == PLAN_JSON && bit_get(partial.p, json++);
        if (!full && !bit_get(bits, i)) {
            *im.w++ = PACK_FALSE;
            continue;
        }
        size_t start = (size_t)(im.w - out->data);
        if (bit_get(nulls, bit++))
            *im.w++ = PACK_NIL;
        else if ((rc = image_value(ev, i, &c.p, c.end, is_partial ? *p : NULL, &im)))
            goto failed;
        if (before && image_is_before(&im, before[i], out->data + start)) {
            im.w = out->data + start;
            *im.w++ = PACK_TRUE;
        }
    }
    out->len = (size_t)(im.w - out->data);
    if (!after) {
        slot->before_start = *p;
        slot->before_end = c.p;
    }
    *p = c.p;
    return 0;
failed:
    out->len = length_before;
    return image_error(ev, i, rc, image_reason(rc), err);
}
