/* Everything compressed: MySQL's transaction payloads (zstd), MariaDB's compressed events and
 * COMPRESSED columns (zlib). Sizes are stated by the sender and checked against max_event before
 * memory is taken, and against what really comes out.
 */
#include "decoder.h"

#include <inttypes.h>
#include <limits.h>
#include <zlib.h>

#include <zstd.h>

#define SCRATCH_KEEP ((size_t)16 << 20)

/* Empty scratch memory with room for `size` bytes; one huge event does not hold its memory. */
static int scratch_prepare(struct buf *b, size_t size)
{
    buf_clear(b);
    if (b->cap > SCRATCH_KEEP && size < b->cap / 4)
        buf_free(b);
    return buf_reserve(b, size ? size : 1);
}

/* Inflate exactly `want` bytes to the end of `out`, which has room for them. */
static bool inflate_exact(struct slice in, int window_bits, size_t want, struct buf *out)
{
    z_stream z = {0};
    if (in.len > UINT_MAX || want > UINT_MAX || inflateInit2(&z, window_bits) != Z_OK)
        return false;
    z.next_in = (Bytef *)in.p;
    z.avail_in = (uInt)in.len;
    z.next_out = out->data + out->len;
    z.avail_out = (uInt)want;
    int rc = inflate(&z, Z_FINISH);
    bool ok = rc == Z_STREAM_END && z.total_out == want;
    inflateEnd(&z);
    if (ok)
        out->len += want;
    return ok;
}

/* 0x80 | bytes of length, length (big endian), zlib stream */
int block_inflate(struct cursor block, uint64_t max, const char *event, struct buf *out,
                  struct ds_error *err)
{
    uint64_t head;
    const uint8_t *p;
    if (!cursor_uint(&block, 1, &head) || (head & 0xf0) != 0x80 || (head & 7) == 0 ||
        (head & 7) > 4 || !cursor_take(&block, head & 7, &p))
        return event_malformed(err, event, "not compressed with zlib");
    uint64_t size = be_n(p, head & 7);
    if (size > max)
        return error_set(err, DS_ELIMIT,
                         "%s event of %" PRIu64 " bytes when decompressed is larger than max_event "
                         "(%" PRIu64 "): raise it",
                         event, size, max);
    if (scratch_prepare(out, size))
        return error_set(err, DS_ENOMEM, "out of memory to decompress a %s event", event);
    struct slice in = {block.p, cursor_left(&block)};
    if (!inflate_exact(in, MAX_WBITS, size, out))
        return event_malformed(err, event, "its compressed data is damaged");
    return 0;
}

/* method << 4 | raw deflate 8 | bytes of length, length (big endian), data; method 0: plain */
int column_inflate(struct slice value, uint64_t max, struct buf *out)
{
    enum { METHOD_NONE = 0, METHOD_ZLIB = 8 };
    if (value.len == 0)
        return 0;
    unsigned head = value.p[0], method = head >> 4, bytes = head & 7;
    if (method == METHOD_NONE)
        return buf_append(out, value.p + 1, value.len - 1);
    if (method != METHOD_ZLIB || bytes == 0 || bytes > 4 || value.len < 1 + bytes)
        return DS_EFORMAT;
    uint64_t size = be_n(value.p + 1, bytes);
    if (size > max)
        return DS_ELIMIT;
    if (buf_reserve(out, size))
        return DS_ENOMEM;
    struct slice in = {value.p + 1 + bytes, value.len - 1 - bytes};
    return inflate_exact(in, head & 8 ? -MAX_WBITS : MAX_WBITS, size, out) ? 0 : DS_EFORMAT;
}

enum payload_field { PAYLOAD_END, PAYLOAD_SIZE, PAYLOAD_COMPRESSION, PAYLOAD_UNCOMPRESSED };
enum payload_compression { COMPRESSION_ZSTD = 0, COMPRESSION_NONE = 255 };
struct payload_head {
    uint64_t size, compression, uncompressed;
    uint32_t seen;
};

/* Fields are type, length and a length-encoded number, up to the end mark. */
static int payload_head(struct cursor *c, struct payload_head *out, struct ds_error *err)
{
    *out = (struct payload_head){.compression = COMPRESSION_NONE};
    for (;;) {
        uint64_t type, length, number;
        struct slice value;
        if (!cursor_lenenc(c, &type))
            return event_malformed(err, "Transaction_payload", "no end of its head");
        if (type == PAYLOAD_END)
            return 0;
        if (!cursor_lenenc(c, &length) || !cursor_slice(c, length, &value))
            return event_malformed(err, "Transaction_payload", "a field passes its end");
        struct cursor v = {value.p, value.p + value.len};
        if (type > PAYLOAD_UNCOMPRESSED) /* not needed to read what follows */
            continue;
        /* 255 stands as a plain byte: length-encoded integers have no such first byte */
        if (!(value.len == 1 ? cursor_uint(&v, 1, &number) : cursor_lenenc(&v, &number)))
            return event_malformed(err, "Transaction_payload", "a field is no number");
        out->seen |= 1u << type;
        if (type == PAYLOAD_SIZE)
            out->size = number;
        else if (type == PAYLOAD_COMPRESSION)
            out->compression = number;
        else
            out->uncompressed = number;
    }
}

int payload_decode(struct decoder *d, struct cursor body, struct payload_event *out,
                   struct ds_error *err)
{
    struct payload_head head;
    int rc = payload_head(&body, &head, err);
    if (rc)
        return rc;
    size_t left = cursor_left(&body);
    if (head.seen & 1u << PAYLOAD_SIZE && head.size != left)
        return event_malformed(err, "Transaction_payload", "its size is not that of the event");
    if (head.compression == COMPRESSION_NONE) {
        out->events = (struct slice){body.p, left};
        return 0;
    }
    if (head.compression != COMPRESSION_ZSTD)
        return error_set(err, DS_EUNSUPPORTED,
                         "transaction payload compressed by method %" PRIu64
                         ": set binlog_transaction_compression=OFF at the source",
                         head.compression);
    if (!(head.seen & 1u << PAYLOAD_UNCOMPRESSED))
        return event_malformed(err, "Transaction_payload", "no uncompressed size");
    if (head.uncompressed > d->max_event)
        return error_set(err, DS_ELIMIT,
                         "transaction of %" PRIu64 " bytes when decompressed is larger than "
                         "max_event (%" PRIu64 "): raise it",
                         head.uncompressed, d->max_event);
    if (scratch_prepare(&d->payload, head.uncompressed))
        return error_set(err, DS_ENOMEM, "out of memory to decompress a transaction");
    size_t n =
        ZSTD_decompressDCtx(d->zstd, d->payload.data, (size_t)head.uncompressed, body.p, left);
    if (ZSTD_isError(n) || n != head.uncompressed)
        return event_malformed(err, "Transaction_payload", "its compressed data is damaged");
    d->payload.len = n;
    out->events = (struct slice){d->payload.data, n};
    return 0;
}
