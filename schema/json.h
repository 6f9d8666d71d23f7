/* Writing JSON into a buffer: always valid UTF-8, one line.
 *
 * Keys are NULL inside arrays. A failure (memory) sticks in `failed`, to be checked once at the
 * end.
 */
#ifndef SCHEMA_JSON_H
#define SCHEMA_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "schema/buf.h"

struct json {
    struct buf *out;
    int failed;        /* 0 or DS_ENOMEM */
    unsigned depth;    /* open objects and arrays, at most 32 */
    uint32_t is_array; /* bit per depth */
    uint32_t has_any;  /* bit per depth: a comma is due */
    bool has_key;      /* json_quoted_key has written the next value's key */
};

void json_object(struct json *j, const char *key);
void json_array(struct json *j, const char *key);
void json_end(struct json *j); /* of the innermost object or array */
void json_text(struct json *j, const char *key, const char *value); /* NULL value: null */
/* Bytes that are no UTF-8 become U+FFFD. */
void json_text_len(struct json *j, const char *key, const void *value, size_t len);
/* The same where they are UTF-8, else base64. */
void json_bytes(struct json *j, const char *key, const void *value, size_t len);
void json_uint(struct json *j, const char *key, uint64_t value);
void json_int(struct json *j, const char *key, int64_t value);
void json_double(struct json *j, const char *key, double value); /* shortest text that reads back */
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);
/* {"base64": "…"} */
void json_base64(struct json *j, const char *key, const void *value, size_t len);
/* For keys that come again and again: json_quote_key appends to `out` what json_quoted_key writes
 * later as the key of the next value, whose own key is then NULL. 0 or DS_ENOMEM. */
int json_quote_key(struct buf *out, const void *name, size_t len);
void json_quoted_key(struct json *j, const void *quoted, size_t len);
/* Length of the valid UTF-8 character at p, 0 when there is none. */
size_t utf8_character(const uint8_t *p, size_t len);
bool utf8_valid(const void *p, size_t len);

#endif
