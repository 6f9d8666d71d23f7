/* libFuzzer target: any bytes as the events of a binlog file, behind the four magic bytes.
 * Checksums are not verified, or nothing else would be reached. Beyond memory safety: an image that
 * was written is a well-formed one, skipping a row ends where decoding it does, and the values
 * written as "the same" are the same. Seeds: tests/fuzz/seed_decoder. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/binlog/binlog.h"

#define MAX_EVENT (256u << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct images {
    struct buf before, after, whole;
    const uint8_t *columns[MESSAGE_MAX_COLUMNS], *delta[MESSAGE_MAX_COLUMNS],
        *full[MESSAGE_MAX_COLUMNS];
};

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_image(const struct buf *image, uint32_t count, const uint8_t **columns)
{
    struct slice bytes = {image->data, image->len};
    check(image_split(bytes, count, columns) == 0);
    for (uint32_t i = 0; i < count; i++) {
        struct value v;
        const uint8_t *p = columns[i];
        check(value_read(&p, image->data + image->len, &v) == 0);
    }
}

/* The after image twice, as differences to the image before and in full. */
static bool check_after(struct images *im, const struct rows_event *r, const uint8_t **p)
{
    uint32_t count = r->table->column_count;
    bool update = r->op == CHANGE_UPDATE;
    const uint8_t *again = *p;
    if (rows_image(r, true, p, update ? im->columns : NULL, &im->after, NULL))
        return false;
    check(rows_image(r, true, &again, NULL, &im->whole, NULL) == 0 && again == *p);
    check_image(&im->after, count, im->delta);
    check_image(&im->whole, count, im->full);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *value = im->delta[i];
        if (*value == 0xc3) {
            check(update);
            value = im->columns[i];
        }
        size_t length = value_length(value);
        check(length == value_length(im->full[i]) && memcmp(value, im->full[i], length) == 0);
    }
    return true;
}

static void walk_rows(const struct rows_event *r)
{
    static struct images im;
    const uint8_t *p = r->rows.p, *end = p + r->rows.len, *skipped;
    while (r->table && p < end) {
        const uint8_t *start = p;
        buf_clear(&im.before);
        buf_clear(&im.after);
        buf_clear(&im.whole);
        if (r->op != CHANGE_INSERT) {
            if (rows_image(r, false, &p, NULL, &im.before, NULL))
                return;
            check_image(&im.before, r->table->column_count, im.columns);
        }
        if (r->op != CHANGE_DELETE && !check_after(&im, r, &p))
            return;
        check(p > start && p <= end);
        skipped = start;
        if (r->op != CHANGE_INSERT)
            check(rows_skip(r, false, &skipped, NULL) == 0);
        if (r->op != CHANGE_DELETE)
            check(rows_skip(r, true, &skipped, NULL) == 0);
        check(skipped == p);
    }
}

static bool is_rows(uint8_t type)
{
    return (type >= EV_WRITE_ROWS_V1 && type <= EV_DELETE_ROWS_V1) ||
           (type >= EV_WRITE_ROWS && type <= EV_DELETE_ROWS) || type == EV_PARTIAL_UPDATE_ROWS ||
           (type >= EV_WRITE_ROWS_COMPRESSED_V1 && type <= EV_DELETE_ROWS_COMPRESSED);
}

static void walk_events(struct decoder *d, struct slice left, bool inner)
{
    struct event_header h;
    struct event ev;
    struct ds_error err;
    char xid[XID_TEXT_MAX];
    while (left.len && decoder_header(left, &h, &err) == 0 && h.length <= left.len) {
        struct slice bytes = {left.p, h.length};
        left = (struct slice){left.p + h.length, left.len - h.length};
        if (decoder_event(d, bytes, inner, &ev, &err)) {
            check(err.code < 0 && err.message[0]);
            continue;
        }
        if (is_rows(h.type)) {
            walk_rows(&ev.rows);
            if (ev.rows.flags & 1)
                decoder_drop_maps(d);
        } else if (h.type == EV_TRANSACTION_PAYLOAD) {
            walk_events(d, ev.payload.events, true);
        } else if (h.type == EV_GTID && ev.gtid.xid.len) {
            check(xid_print(ev.gtid.xid, xid, sizeof xid) == 0);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct decoder *d;
    if (decoder_new(&d, MAX_EVENT, NULL))
        return 0;
    decoder_verify_checksum(d, false);
    /* a copy without slack behind it, so that reading past the end is seen */
    uint8_t *copy = malloc(size ? size : 1);
    if (copy) {
        memcpy(copy, data, size);
        walk_events(d, (struct slice){copy, size}, false);
    }
    free(copy);
    decoder_free(d);
    return 0;
}
