/* The msgpack layer: a pull reader over bytes, and the writers of row values.
 *
 * Rows are the hot path of both sides, so nothing here allocates except the growth of the output
 * buffer, and values are written with the smallest encoding directly (the one that msgpack-c picks;
 * tests compare them). Format: github.com/msgpack/msgpack/blob/master/spec.md.
 */
#include "schema/message.h"

#include <string.h>

enum {
    MP_FIXMAP = 0x80,
    MP_FIXARRAY = 0x90,
    MP_FIXSTR = 0xa0,
    MP_NIL = VALUE_BYTE_NULL,
    MP_FALSE = VALUE_BYTE_ABSENT,
    MP_TRUE = VALUE_BYTE_SAME,
    MP_BIN8 = 0xc4,
    MP_EXT8 = 0xc7,
    MP_FLOAT = 0xca,
    MP_DOUBLE = 0xcb,
    MP_UINT8 = 0xcc,
    MP_UINT16 = 0xcd,
    MP_UINT32 = 0xce,
    MP_UINT64 = 0xcf,
    MP_INT8 = 0xd0,
    MP_INT16 = 0xd1,
    MP_INT32 = 0xd2,
    MP_INT64 = 0xd3,
    MP_FIXEXT1 = 0xd4,
    MP_STR8 = 0xd9,
    MP_STR16 = 0xda,
    MP_STR32 = 0xdb,
    MP_ARRAY16 = 0xdc,
    MP_ARRAY32 = 0xdd,
    MP_MAP16 = 0xde,
    MP_MAP32 = 0xdf,
    MP_NEGATIVE_FIXINT = 0xe0,
};
enum { HEAD_MAX = 9 }; /* longest head of a value: type byte and eight bytes */

static inline uint16_t load16(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap16(v);
}

static inline uint32_t load32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap32(v);
}

static inline uint64_t load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap64(v);
}

static inline void store16(uint8_t *p, uint16_t v)
{
    v = __builtin_bswap16(v);
    memcpy(p, &v, sizeof v);
}

static inline void store32(uint8_t *p, uint32_t v)
{
    v = __builtin_bswap32(v);
    memcpy(p, &v, sizeof v);
}

static inline void store64(uint8_t *p, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(p, &v, sizeof v);
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "load and store swap bytes");

/* What the type byte at p says: length of the head, bytes of payload behind it, and objects that
 * follow as content. The head itself must lie before `end`. */
struct object_head {
    size_t head;
    uint64_t payload;
    uint64_t children;
};

/* Bytes of values whose type byte tells it, head included: nearly all there are. 0: it does not, or
 * it is no value. */
static const uint8_t value_size[256] = {
    [0 ... MP_FIXMAP - 1] = 1,
    /* clang-format off */
    [MP_FIXSTR] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23,
    24, 25, 26, 27, 28, 29, 30, 31, 32,
    /* clang-format on */
    [MP_NIL] = 1,
    [MP_FALSE] = 1,
    [MP_TRUE] = 1,
    [MP_FLOAT] = 5,
    [MP_DOUBLE] = 9,
    [MP_UINT8] = 2,
    [MP_UINT16] = 3,
    [MP_UINT32] = 5,
    [MP_UINT64] = 9,
    [MP_INT8] = 2,
    [MP_INT16] = 3,
    [MP_INT32] = 5,
    [MP_INT64] = 9,
    [MP_NEGATIVE_FIXINT... 255] = 1,
};

static int head_counted(const uint8_t *p, const uint8_t *end, unsigned width, uint64_t *count)
{
    if ((size_t)(end - p) < 1 + (size_t)width)
        return DS_EFORMAT;
    *count = width == 1 ? p[1] : width == 2 ? load16(p + 1) : load32(p + 1);
    return 0;
}

/* All that value_size does not know. */
static int head_read_wide(const uint8_t *p, const uint8_t *end, struct object_head *out)
{
    uint8_t t = *p;
    unsigned width;
    *out = (struct object_head){.head = 1};
    if (t == 0xc1)
        return DS_EFORMAT;
    if (t >= MP_FIXEXT1 && t < MP_STR8) {
        out->payload = 1 + ((uint64_t)1 << (t - MP_FIXEXT1)); /* its type byte, too */
        return 0;
    }
    if (t >= MP_ARRAY16) {
        width = t == MP_ARRAY16 || t == MP_MAP16 ? 2 : 4;
        if (head_counted(p, end, width, &out->children))
            return DS_EFORMAT;
        if (t >= MP_MAP16)
            out->children *= 2;
    } else {
        uint8_t first = t >= MP_STR8 ? MP_STR8 : t >= MP_EXT8 ? MP_EXT8 : MP_BIN8;
        width = 1u << (t - first);
        if (head_counted(p, end, width, &out->payload))
            return DS_EFORMAT;
        if (first == MP_EXT8)
            out->payload++;
    }
    out->head = 1 + (size_t)width;
    return 0;
}

static inline int head_read(const uint8_t *p, const uint8_t *end, struct object_head *out)
{
    uint8_t t = *p;
    if (value_size[t])
        *out = (struct object_head){.head = 1, .payload = value_size[t] - 1u};
    else if (t >= MP_NIL)
        return head_read_wide(p, end, out);
    else
        *out =
            (struct object_head){.head = 1, .children = t < MP_FIXARRAY ? 2 * (t & 15u) : t & 15u};
    return 0;
}

int value_skip(const uint8_t **p, const uint8_t *end)
{
    const uint8_t *at = *p;
    uint64_t left = 1;
    while (left > 0) {
        struct object_head h;
        /* every object takes a byte: a count beyond the input cannot be true, nor overflow */
        if (left > (uint64_t)(end - at) || head_read(at, end, &h))
            return DS_EFORMAT;
        at += h.head;
        if (h.payload > (uint64_t)(end - at))
            return DS_EFORMAT;
        at += h.payload;
        left += h.children - 1;
    }
    *p = at;
    return 0;
}

int array_read_head(const uint8_t **p, const uint8_t *end, uint32_t *count)
{
    struct object_head h;
    if (*p >= end)
        return DS_EFORMAT;
    uint8_t t = **p;
    if (!((t >= MP_FIXARRAY && t < MP_FIXSTR) || t == MP_ARRAY16 || t == MP_ARRAY32))
        return DS_EFORMAT;
    if (head_read(*p, end, &h) || h.children > (uint64_t)(end - *p) - h.head)
        return DS_EFORMAT;
    *p += h.head;
    *count = (uint32_t)h.children;
    return 0;
}

static void set_int(struct value *out, int64_t v)
{
    out->kind = v < 0 ? VALUE_INT : VALUE_UINT;
    out->i = v; /* the same bits as .u */
}

static int value_read_number(uint8_t t, const uint8_t *p, struct value *out)
{
    uint32_t bits32;
    uint64_t bits64;
    out->kind = VALUE_UINT;
    switch (t) {
    case MP_FLOAT:
        out->kind = VALUE_FLOAT;
        bits32 = load32(p);
        memcpy(&out->f, &bits32, sizeof bits32);
        return 0;
    case MP_DOUBLE:
        out->kind = VALUE_DOUBLE;
        bits64 = load64(p);
        memcpy(&out->d, &bits64, sizeof bits64);
        return 0;
    case MP_UINT8:
        out->u = *p;
        return 0;
    case MP_UINT16:
        out->u = load16(p);
        return 0;
    case MP_UINT32:
        out->u = load32(p);
        return 0;
    case MP_UINT64:
        out->u = load64(p);
        return 0;
    case MP_INT8:
        set_int(out, (int8_t)*p);
        return 0;
    case MP_INT16:
        set_int(out, (int16_t)load16(p));
        return 0;
    case MP_INT32:
        set_int(out, (int32_t)load32(p));
        return 0;
    case MP_INT64:
        set_int(out, (int64_t)load64(p));
        return 0;
    default:
        return DS_EFORMAT;
    }
}

int value_read(const uint8_t **p, const uint8_t *end, struct value *out)
{
    const uint8_t *at = *p;
    struct object_head h;
    if (at >= end || head_read(at, end, &h) || h.payload > (uint64_t)(end - at) - h.head)
        return DS_EFORMAT;
    uint8_t t = *at;
    at += h.head;
    out->bytes = (struct slice){0};
    if (t < MP_FIXMAP || t >= MP_NEGATIVE_FIXINT) {
        set_int(out, (int8_t)t);
    } else if ((t >= MP_FIXSTR && t < MP_NIL) || (t >= MP_STR8 && t <= MP_STR32)) {
        out->kind = VALUE_TEXT;
        out->bytes = (struct slice){at, h.payload};
    } else if (t >= MP_BIN8 && t < MP_EXT8) {
        out->kind = VALUE_BYTES;
        out->bytes = (struct slice){at, h.payload};
    } else if (t == MP_NIL) {
        out->kind = VALUE_NULL;
    } else if (t == MP_FALSE) {
        out->kind = VALUE_ABSENT;
    } else if (t == MP_TRUE) {
        out->kind = VALUE_SAME;
    } else if (value_read_number(t, at, out)) {
        return DS_EFORMAT;
    }
    *p = at + h.payload;
    return 0;
}

static inline bool is_value(uint8_t t)
{
    return t < MP_FIXMAP || t >= MP_NEGATIVE_FIXINT || (t >= MP_FIXSTR && t < MP_EXT8) ||
           (t >= MP_FLOAT && t < MP_FIXEXT1) || (t >= MP_STR8 && t <= MP_STR32);
}

int image_split(struct slice image, uint32_t n, const uint8_t **columns)
{
    const uint8_t *p = image.p, *end = image.p + image.len;
    uint32_t count;
    if (image.len == 0 || array_read_head(&p, end, &count) || count != n)
        return DS_EFORMAT;
    for (uint32_t i = 0; i < n; i++) {
        struct object_head h;
        const size_t size = p < end ? value_size[*p] : 0;
        if (size && size <= (size_t)(end - p)) {
            columns[i] = p;
            p += size;
            continue;
        }
        if (p >= end || !is_value(*p) || head_read(p, end, &h) ||
            h.payload > (uint64_t)(end - p) - h.head)
            return DS_EFORMAT;
        columns[i] = p;
        p += h.head + h.payload;
    }
    return p == end ? 0 : DS_EFORMAT;
}

bool value_id(struct slice raw, uint64_t *out)
{
    struct value v;
    const uint8_t *p = raw.p;
    if (!p || !raw.len || value_read(&p, raw.p + raw.len, &v) || v.kind != VALUE_UINT)
        return false;
    *out = v.u;
    return true;
}

size_t value_length(const uint8_t *p)
{
    struct object_head h;
    /* validated before: the head is whole, and its longest form needs no more than this */
    if (head_read(p, p + HEAD_MAX, &h))
        return 1;
    return h.head + h.payload;
}

/* --- writers ------------------------------------------------------------ */

static inline int write_byte(struct buf *out, uint8_t b)
{
    if (out->len == out->cap && buf_reserve(out, 1))
        return DS_ENOMEM;
    out->data[out->len++] = b;
    return 0;
}

static inline uint8_t *write_room(struct buf *out, size_t n)
{
    if (out->cap - out->len < n && buf_reserve(out, n))
        return NULL;
    return out->data + out->len;
}

int image_write_none(struct buf *out)
{
    return write_byte(out, MP_NIL);
}

int image_write_head(struct buf *out, uint32_t columns)
{
    uint8_t *p = write_room(out, 5);
    if (!p)
        return DS_ENOMEM;
    if (columns < 16) {
        p[0] = (uint8_t)(MP_FIXARRAY | columns);
        out->len += 1;
    } else if (columns <= UINT16_MAX) {
        p[0] = MP_ARRAY16;
        store16(p + 1, (uint16_t)columns);
        out->len += 3;
    } else {
        p[0] = MP_ARRAY32;
        store32(p + 1, columns);
        out->len += 5;
    }
    return 0;
}

int value_write_null(struct buf *out)
{
    return write_byte(out, MP_NIL);
}

int value_write_absent(struct buf *out)
{
    return write_byte(out, MP_FALSE);
}

int value_write_same(struct buf *out)
{
    return write_byte(out, MP_TRUE);
}

int value_write_uint(struct buf *out, uint64_t v)
{
    uint8_t *p = write_room(out, HEAD_MAX);
    if (!p)
        return DS_ENOMEM;
    if (v < 0x80) {
        p[0] = (uint8_t)v;
        out->len += 1;
    } else if (v <= UINT8_MAX) {
        p[0] = MP_UINT8;
        p[1] = (uint8_t)v;
        out->len += 2;
    } else if (v <= UINT16_MAX) {
        p[0] = MP_UINT16;
        store16(p + 1, (uint16_t)v);
        out->len += 3;
    } else if (v <= UINT32_MAX) {
        p[0] = MP_UINT32;
        store32(p + 1, (uint32_t)v);
        out->len += 5;
    } else {
        p[0] = MP_UINT64;
        store64(p + 1, v);
        out->len += 9;
    }
    return 0;
}

int value_write_int(struct buf *out, int64_t v)
{
    if (v >= 0)
        return value_write_uint(out, (uint64_t)v);
    uint8_t *p = write_room(out, HEAD_MAX);
    if (!p)
        return DS_ENOMEM;
    if (v >= -32) {
        p[0] = (uint8_t)v;
        out->len += 1;
    } else if (v >= INT8_MIN) {
        p[0] = MP_INT8;
        p[1] = (uint8_t)v;
        out->len += 2;
    } else if (v >= INT16_MIN) {
        p[0] = MP_INT16;
        store16(p + 1, (uint16_t)v);
        out->len += 3;
    } else if (v >= INT32_MIN) {
        p[0] = MP_INT32;
        store32(p + 1, (uint32_t)v);
        out->len += 5;
    } else {
        p[0] = MP_INT64;
        store64(p + 1, (uint64_t)v);
        out->len += 9;
    }
    return 0;
}

int value_write_float(struct buf *out, float v)
{
    uint32_t bits;
    uint8_t *p = write_room(out, 5);
    if (!p)
        return DS_ENOMEM;
    memcpy(&bits, &v, sizeof bits);
    p[0] = MP_FLOAT;
    store32(p + 1, bits);
    out->len += 5;
    return 0;
}

int value_write_double(struct buf *out, double v)
{
    uint64_t bits;
    uint8_t *p = write_room(out, 9);
    if (!p)
        return DS_ENOMEM;
    memcpy(&bits, &v, sizeof bits);
    p[0] = MP_DOUBLE;
    store64(p + 1, bits);
    out->len += 9;
    return 0;
}

/* Head of a str or bin whose 8-bit form has type byte `form8`, then its content. */
static int write_counted(struct buf *out, uint8_t form8, const void *data, size_t len)
{
    if (len > UINT32_MAX)
        return DS_ELIMIT;
    uint8_t *p = write_room(out, len + 5);
    if (!p)
        return DS_ENOMEM;
    if (len < 32 && form8 == MP_STR8) {
        *p++ = (uint8_t)(MP_FIXSTR | len);
    } else if (len <= UINT8_MAX) {
        *p++ = form8;
        *p++ = (uint8_t)len;
    } else if (len <= UINT16_MAX) {
        *p++ = (uint8_t)(form8 + 1);
        store16(p, (uint16_t)len);
        p += 2;
    } else {
        *p++ = (uint8_t)(form8 + 2);
        store32(p, (uint32_t)len);
        p += 4;
    }
    if (len)
        memcpy(p, data, len);
    out->len = (size_t)(p - out->data) + len;
    return 0;
}

int value_write_text(struct buf *out, const void *p, size_t len)
{
    return write_counted(out, MP_STR8, p, len);
}

int value_write_bytes(struct buf *out, const void *p, size_t len)
{
    return write_counted(out, MP_BIN8, p, len);
}
