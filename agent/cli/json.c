#include "agent/cli/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/error.h"

static void put(struct json *j, const char *text, size_t len)
{
    if (!j->failed)
        j->failed = buf_append(j->out, text, len);
}

static void puts_json(struct json *j, const char *text)
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
        if ((n = utf8_character(at, len)) == 0)
            return false;
    return true;
}

static void quote(struct json *j, const void *value, size_t len)
{
    const uint8_t *p = value, *end = p + len;
    puts_json(j, "\"");
    while (p < end) {
        char escape[8];
        size_t n = utf8_character(p, (size_t)(end - p));
        if (n == 0) {
            puts_json(j, "\xef\xbf\xbd");
            p++;
        } else if (n == 1 && (*p < 0x20 || *p == '"' || *p == '\\' || *p == 0x7f)) {
            if (*p == '"' || *p == '\\')
                snprintf(escape, sizeof escape, "\\%c", *p);
            else
                snprintf(escape, sizeof escape, "\\u%04x", *p);
            puts_json(j, escape);
            p++;
        } else {
            put(j, (const char *)p, n);
            p += n;
        }
    }
    puts_json(j, "\"");
}

static void begin(struct json *j, const char *key)
{
    uint32_t bit = 1U << j->depth;
    if (j->has_any & bit)
        puts_json(j, j->depth ? ", " : "");
    j->has_any |= bit;
    if (key) {
        quote(j, key, strlen(key));
        puts_json(j, ": ");
    }
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

void json_text(struct json *j, const char *key, const char *value)
{
    if (value)
        json_text_len(j, key, value, strlen(value));
    else
        json_null(j, key);
}

void json_uint(struct json *j, const char *key, uint64_t value)
{
    char text[24];
    begin(j, key);
    snprintf(text, sizeof text, "%" PRIu64, value);
    puts_json(j, text);
}

void json_int(struct json *j, const char *key, int64_t value)
{
    char text[24];
    begin(j, key);
    snprintf(text, sizeof text, "%" PRId64, value);
    puts_json(j, text);
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
