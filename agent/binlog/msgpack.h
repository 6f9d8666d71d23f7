/* The msgpack objects of a row image, written in place: always the smallest form, as schema/message
 * and msgpack-c write them, so that equal values have equal bytes. The caller has made room: 9
 * bytes and the data. Private to the decoder: rows are its hottest path.
 */
#ifndef AGENT_BINLOG_MSGPACK_H
#define AGENT_BINLOG_MSGPACK_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

enum { PACK_NIL = 0xc0, PACK_FALSE = 0xc2, PACK_TRUE = 0xc3 };

static inline uint8_t *pack_be16(uint8_t *w, uint8_t type, uint16_t v)
{
    v = htobe16(v);
    *w = type;
    memcpy(w + 1, &v, sizeof v);
    return w + 3;
}

static inline uint8_t *pack_be32(uint8_t *w, uint8_t type, uint32_t v)
{
    v = htobe32(v);
    *w = type;
    memcpy(w + 1, &v, sizeof v);
    return w + 5;
}

static inline uint8_t *pack_be64(uint8_t *w, uint8_t type, uint64_t v)
{
    v = htobe64(v);
    *w = type;
    memcpy(w + 1, &v, sizeof v);
    return w + 9;
}

static inline uint8_t *pack_u8(uint8_t *w, uint8_t type, uint8_t v)
{
    w[0] = type;
    w[1] = v;
    return w + 2;
}

static inline uint8_t *pack_uint(uint8_t *w, uint64_t v)
{
    if (v < 0x80) {
        *w = (uint8_t)v;
        return w + 1;
    }
    if (v <= UINT8_MAX)
        return pack_u8(w, 0xcc, (uint8_t)v);
    if (v <= UINT16_MAX)
        return pack_be16(w, 0xcd, (uint16_t)v);
    if (v <= UINT32_MAX)
        return pack_be32(w, 0xce, (uint32_t)v);
    return pack_be64(w, 0xcf, v);
}

static inline uint8_t *pack_int(uint8_t *w, int64_t v)
{
    if (v >= 0)
        return pack_uint(w, (uint64_t)v);
    if (v >= -32) {
        *w = (uint8_t)v;
        return w + 1;
    }
    if (v >= INT8_MIN)
        return pack_u8(w, 0xd0, (uint8_t)v);
    if (v >= INT16_MIN)
        return pack_be16(w, 0xd1, (uint16_t)v);
    if (v >= INT32_MIN)
        return pack_be32(w, 0xd2, (uint32_t)v);
    return pack_be64(w, 0xd3, (uint64_t)v);
}

static inline uint8_t *pack_text_head(uint8_t *w, uint32_t length)
{
    if (length < 32) {
        *w = (uint8_t)(0xa0 | length);
        return w + 1;
    }
    if (length <= UINT8_MAX)
        return pack_u8(w, 0xd9, (uint8_t)length);
    if (length <= UINT16_MAX)
        return pack_be16(w, 0xda, (uint16_t)length);
    return pack_be32(w, 0xdb, length);
}

static inline uint8_t *pack_bytes_head(uint8_t *w, uint32_t length)
{
    if (length <= UINT8_MAX)
        return pack_u8(w, 0xc4, (uint8_t)length);
    if (length <= UINT16_MAX)
        return pack_be16(w, 0xc5, (uint16_t)length);
    return pack_be32(w, 0xc6, length);
}

static inline uint8_t *pack_array_head(uint8_t *w, uint32_t count)
{
    if (count < 16) {
        *w = (uint8_t)(0x90 | count);
        return w + 1;
    }
    if (count <= UINT16_MAX)
        return pack_be16(w, 0xdc, (uint16_t)count);
    return pack_be32(w, 0xdd, count);
}

/* Length of the head of an object that the functions above wrote. */
static inline size_t pack_head_length(uint8_t first)
{
    switch (first) {
    case 0xc4:
    case 0xd9:
        return 2;
    case 0xc5:
    case 0xda:
        return 3;
    case 0xc6:
    case 0xdb:
        return 5;
    default:
        return 1;
    }
}

/* Is the object at `other`, of unknown length, the `length` bytes at p? Heads are compared first:
 * equal ones make the rest equally long, so nothing behind `other` is read. */
static inline bool pack_equal(const uint8_t *other, const uint8_t *p, size_t length)
{
    if (*other != *p)
        return false;
    if (length == 1)
        return true;
    size_t head = pack_head_length(*p);
    for (size_t i = 1; i < head; i++)
        if (other[i] != p[i])
            return false;
    return memcmp(other + head, p + head, length - head) == 0;
}

#endif
