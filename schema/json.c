#include "schema/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/error.h"

/* Appending. Every value printed takes several of these, so what has room is copied here. */
static inline void put(struct json *j, const void *bytes, size_t len)
{
    struct buf *out = j->out;
    if (out->cap - out->len < len) {
        if (!j->failed)
            j->failed = buf_reserve(out, len);
        if (j->failed)
            return;
    }
    memcpy(out->data + out->len, bytes, len);
    out->len += len;
}

static inline void puts_json(struct json *j, const char *text)
{
    put(j, text, strlen(text));
}

size_t utf8_character(const uint8_t *p, size_t len)
{
    if (len == 0 || p[0] < 0x80)
        return len ? 1 : 0;
    size_t n = p[0] >= 0xc2 && p[0] <= 0xdf   ? 2
               : p[0] >= 0xe0 && p[0] <= 0xef ? 3
               : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
                                              : 0;
    if (n == 0 || n > len)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

bool utf8_valid(const void *p, size_t len)
{
    const uint8_t *at = p;
    for (size_t n; len; at += n, len -= n)
        if ((n = *at < 0x80 ? 1 : utf8_character(at, len)) == 0)
            return false;
    return true;
}

/* ASCII that needs no escape in a string: all but control characters, quote and backslash. */
static const bool plain[256] = {
    [0x20 ... '"' - 1] = true, ['"' + 1 ... '\\' - 1] = true, ['\\' + 1 ... 0x7e] = true};

/* Length of what stands in a string as it is: plain ASCII and valid UTF-8. */
static size_t plain_run(const uint8_t *p, size_t len)
{
    size_t at = 0, n;
    while (at < len) {
        if (plain[p[at]])
            at++;
        else if (p[at] >= 0x80 && (n = utf8_character(p + at, len - at)))
            at += n;
        else
            break;
    }
    return at;
}

/* What stands for a byte at which a run ends. */
static void escape(struct json *j, uint8_t byte)
{
    static const char digits[] = "0123456789abcdef";
    if (byte >= 0x80)
        puts_json(j, "\xef\xbf\xbd");
    else if (byte == '"' || byte == '\\')
        put(j, (const char[]){'\\', (char)byte}, 2);
    else
        put(j, (const char[]){'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]}, 6);
}

/* run: what plain_run says of the value. */
static void quote_from(struct json *j, const uint8_t *p, size_t len, size_t run)
{
    puts_json(j, "\"");
    while (len) {
        put(j, p, run);
        if (run == len)
            break;
        escape(j, p[run]);
        p += run + 1;
        len -= run + 1;
        run = plain_run(p, len);
    }
    puts_json(j, "\"");
}

static void quote(struct json *j, const void *value, size_t len)
{
    quote_from(j, value, len, plain_run(value, len));
}

static void begin(struct json *j, const char *key)
{
    uint32_t bit = 1U << j->depth;
    if (j->has_key) {
        j->has_key = false;
        return;
    }
    if (j->has_any & bit)
        puts_json(j, j->depth ? ", " : "");
    j->has_any |= bit;
    if (key) {
        quote(j, key, strlen(key));
        puts_json(j, ": ");
    }
}

void json_quoted_key(struct json *j, const void *quoted, size_t len)
{
    begin(j, NULL);
    put(j, quoted, len);
    j->has_key = true;
}

int json_quote_key(struct buf *out, const void *name, size_t len)
{
    struct json j = {.out = out};
    quote(&j, name, len);
    puts_json(&j, ": ");
    return j.failed;
}

static void open_level(struct json *j, const char *key, bool array)
{
    begin(j, key);
    puts_json(j, array ? "[" : "{");
    if (j->depth == 31) {
        j->failed = DS_ENOMEM;
        return;
    }
    j->depth++;
    uint32_t bit = 1U << j->depth;
    j->has_any &= ~bit;
    j->is_array = array ? j->is_array | bit : j->is_array & ~bit;
}

void json_object(struct json *j, const char *key)
{
    open_level(j, key, false);
}

void json_array(struct json *j, const char *key)
{
    open_level(j, key, true);
}

void json_end(struct json *j)
{
    puts_json(j, j->is_array & (1U << j->depth) ? "]" : "}");
    if (j->depth)
        j->depth--;
}

void json_text_len(struct json *j, const char *key, const void *value, size_t len)
{
    begin(j, key);
    quote(j, value, len);
}

void json_bytes(struct json *j, const char *key, const void *value, size_t len)
{
    size_t run = plain_run(value, len);
    if (run < len && !utf8_valid((const uint8_t *)value + run, len - run)) {
        json_base64(j, key, value, len);
        return;
    }
    begin(j, key);
    quote_from(j, value, len, run);
}

void json_text(struct json *j, const char *key, const char *value)
{
    if (value)
        json_text_len(j, key, value, strlen(value));
    else
        json_null(j, key);
}

static void put_uint(struct json *j, uint64_t value)
{
    char text[20];
    char *p = text + sizeof text;
    do
        *--p = (char)('0' + value % 10);
    while (value /= 10);
    put(j, p, (size_t)(text + sizeof text - p));
}

void json_uint(struct json *j, const char *key, uint64_t value)
{
    begin(j, key);
    put_uint(j, value);
}

void json_int(struct json *j, const char *key, int64_t value)
{
    begin(j, key);
    if (value < 0)
        puts_json(j, "-");
    put_uint(j, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void json_double(struct json *j, const char *key, double value)
{
    char text[40];
    begin(j, key);
    if (!isfinite(value)) {
        puts_json(j, "null");
        return;
    }
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    puts_json(j, text);
}

void json_bool(struct json *j, const char *key, bool value)
{
    begin(j, key);
    puts_json(j, value ? "true" : "false");
}

void json_null(struct json *j, const char *key)
{
    begin(j, key);
    puts_json(j, "null");
}

void json_base64(struct json *j, const char *key, const void *value, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *p = value;
    begin(j, key);
    puts_json(j, "{\"base64\": \"");
    for (size_t i = 0; i < len; i += 3) {
        uint32_t v = (uint32_t)p[i] << 16;
        v |= i + 1 < len ? (uint32_t)p[i + 1] << 8 : 0;
        v |= i + 2 < len ? p[i + 2] : 0U;
        char four[4] = {digits[v >> 18], digits[v >> 12 & 63],
                        i + 1 < len ? digits[v >> 6 & 63] : '=',
                        i + 2 < len ? digits[v & 63] : '='};
        put(j, four, 4);
    }
    puts_json(j, "\"}");
}
