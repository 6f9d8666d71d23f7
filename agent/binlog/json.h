/* MySQL's binary JSON, read in place. Private to the decoder.
 *
 * A document is a type byte and a value. Containers hold tables of key and value entries, whose
 * offsets count from the container's own start; small values stand in their entry. Format: head of
 * sql-common/json_binary.h in MySQL's documentation.
 */
#ifndef AGENT_BINLOG_JSON_H
#define AGENT_BINLOG_JSON_H

#include "decoder.h"

enum json_type {
    JSON_SMALL_OBJECT = 0x00,
    JSON_LARGE_OBJECT = 0x01,
    JSON_SMALL_ARRAY = 0x02,
    JSON_LARGE_ARRAY = 0x03,
    JSON_LITERAL = 0x04,
    JSON_INT16 = 0x05,
    JSON_UINT16 = 0x06,
    JSON_INT32 = 0x07,
    JSON_UINT32 = 0x08,
    JSON_INT64 = 0x09,
    JSON_UINT64 = 0x0a,
    JSON_DOUBLE = 0x0b,
    JSON_STRING = 0x0c,
    JSON_OPAQUE = 0x0f,
};
enum json_literal { JSON_NULL = 0, JSON_TRUE = 1, JSON_FALSE = 2 };

/* A value: its type, and the bytes from its start to the end of what it may reach. */
struct json_ref {
    uint8_t type;
    struct slice bytes;
};
struct json_container {
    struct slice bytes;
    uint32_t count;
    uint8_t width; /* of numbers and offsets: 2 or 4 */
    bool object;
};
struct json_writer {
    struct buf *out;
    uint64_t limit; /* longest `out` may become */
};

bool json_is_container(uint8_t type);
/* All return false on malformed input. */
bool json_document(struct slice value, struct json_ref *out);
bool json_open(struct json_ref ref, struct json_container *out);
bool json_key(const struct json_container *c, uint32_t i, struct slice *out);
bool json_element(const struct json_container *c, uint32_t i, struct json_ref *out);
/* 0, DS_EFORMAT, DS_ELIMIT or DS_ENOMEM. */
int json_write(struct json_writer *w, struct json_ref ref, int depth);
int json_write_raw(struct json_writer *w, const void *p, size_t n);
int json_write_quoted(struct json_writer *w, struct slice text);

#endif
