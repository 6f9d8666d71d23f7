/* Binary JSON as the text that the server itself prints: ", " and ": " between parts, the shortest
 * digits that give a DOUBLE back, dates and decimals as such, other opaque values as base64.
 *
 * Entries of a hostile document may all refer to one value, so the size of the output, not of the
 * input, bounds the work: each step writes at least a byte.
 */
#include "json.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>

bool json_is_container(uint8_t type)
{
    return type <= JSON_LARGE_ARRAY;
}

bool json_document(struct slice value, struct json_ref *out)
{
    static const uint8_t null_document[] = {JSON_LITERAL, JSON_NULL};
    if (value.len == 0) /* '' from INSERT IGNORE of NULL: the server reads it as null, too */
        value = (struct slice){null_document, sizeof null_document};
    *out = (struct json_ref){value.p[0], {value.p + 1, value.len - 1}};
    return true;
}

static uint32_t number_at(const struct json_container *c, size_t at)
{
    return (uint32_t)le_n(c->bytes.p + at, c->width);
}

/* count, size, key entries (offset, length(2)), value entries (type(1), offset) */
bool json_open(struct json_ref ref, struct json_container *out)
{
    *out = (struct json_container){
        .width = ref.type == JSON_LARGE_OBJECT || ref.type == JSON_LARGE_ARRAY ? 4 : 2,
        .object = ref.type == JSON_SMALL_OBJECT || ref.type == JSON_LARGE_OBJECT,
        .bytes = ref.bytes};
    if (!json_is_container(ref.type) || ref.bytes.len < 2u * out->width)
        return false;
    out->count = number_at(out, 0);
    uint32_t size = number_at(out, out->width);
    size_t entry = 1u + out->width + (out->object ? out->width + 2u : 0);
    if (size > ref.bytes.len || size < 2u * out->width ||
        out->count > (size - 2u * out->width) / entry)
        return false;
    out->bytes.len = size;
    return true;
}

bool json_key(const struct json_container *c, uint32_t i, struct slice *out)
{
    size_t at = 2u * c->width + i * (c->width + 2ull);
    uint32_t offset = number_at(c, at), length = le16(c->bytes.p + at + c->width);
    if (offset > c->bytes.len || c->bytes.len - offset < length)
        return false;
    *out = (struct slice){c->bytes.p + offset, length};
    return true;
}

static bool is_inline(const struct json_container *c, uint8_t type)
{
    return type == JSON_LITERAL || type == JSON_INT16 || type == JSON_UINT16 ||
           (c->width == 4 && (type == JSON_INT32 || type == JSON_UINT32));
}

bool json_element(const struct json_container *c, uint32_t i, struct json_ref *out)
{
    size_t at =
        2u * c->width + (c->object ? c->count * (c->width + 2ull) : 0) + i * (c->width + 1ull);
    uint8_t type = c->bytes.p[at];
    if (is_inline(c, type)) {
        *out = (struct json_ref){type, {c->bytes.p + at + 1, c->width}};
        return true;
    }
    uint32_t offset = number_at(c, at + 1);
    if (offset >= c->bytes.len)
        return false;
    *out = (struct json_ref){type, {c->bytes.p + offset, c->bytes.len - offset}};
    return true;
}

int json_write_raw(struct json_writer *w, const void *p, size_t n)
{
    if (w->out->len > w->limit || w->limit - w->out->len < n)
        return DS_ELIMIT;
    return buf_append(w->out, p, n);
}

static int write_text(struct json_writer *w, const char *text)
{
    return json_write_raw(w, text, strlen(text));
}

int json_write_quoted(struct json_writer *w, struct slice text)
{
    static const char *const escapes[] = {
        ['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n", ['\f'] = "\\f",
        ['\r'] = "\\r", ['"'] = "\\\"", ['\\'] = "\\\\"};
    int rc = json_write_raw(w, "\"", 1);
    size_t done = 0;
    for (size_t i = 0; rc == 0 && i < text.len; i++) {
        uint8_t c = text.p[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        char hex[8];
        const char *escape = escapes[c];
        if (!escape) {
            snprintf(hex, sizeof hex, "\\u%04x", c);
            escape = hex;
        }
        rc = json_write_raw(w, text.p + done, i - done);
        if (rc == 0)
            rc = write_text(w, escape);
        done = i + 1;
    }
    if (rc == 0)
        rc = json_write_raw(w, text.p + done, text.len - done);
    return rc ? rc : json_write_raw(w, "\"", 1);
}

/* The shortest digits that give `v` back, and where the decimal point stands among them. */
static void shortest_digits(double v, char digits[20], int *count, int *point)
{
    char text[40];
    /* 15 digits mostly do; below the normal range fewer may */
    for (int n = v < 2.3e-308 ? 1 : 15; n <= 17; n++) {
        snprintf(text, sizeof text, "%.*e", n - 1, v);
        if (strtod(text, NULL) == v)
            break;
    }
    char *e = strchr(text, 'e');
    int n = 0;
    for (const char *c = text; c < e; c++)
        if (*c != '.')
            digits[n++] = *c;
    while (n > 1 && digits[n - 1] == '0')
        n--;
    assert(n > 0);
    *count = n;
    *point = (int)strtol(e + 1, NULL, 10) + 1;
}

/* As the server prints: with an exponent where the point is more than 14 zeros away. */
static int write_double(struct json_writer *w, double v)
{
    char digits[20], text[64];
    int count, point, n = 0;
    if (!isfinite(v))
        return DS_EFORMAT;
    shortest_digits(fabs(v), digits, &count, &point);
    if (signbit(v))
        text[n++] = '-';
    if (point < -14 || (point > 15 && count <= point)) {
        text[n++] = digits[0];
        if (count > 1)
            text[n++] = '.';
        memcpy(text + n, digits + 1, (size_t)count - 1);
        n += count - 1;
        n += snprintf(text + n, sizeof text - (size_t)n, "e%d", point - 1);
        return json_write_raw(w, text, (size_t)n);
    }
    if (point <= 0)
        text[n++] = '0';
    for (int i = 0; i < point; i++)
        text[n++] = i < count ? digits[i] : '0';
    text[n++] = '.';
    for (int i = point; i < 0; i++)
        text[n++] = '0';
    for (int i = point > 0 ? point : 0; i < count; i++)
        text[n++] = digits[i];
    if (point >= count) /* or it would come back as an integer */
        text[n++] = '0';
    return json_write_raw(w, text, (size_t)n);
}

/* Lengths have seven bits a byte, the highest says that more follow. */
static bool read_length(struct slice *s, uint32_t *out)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < 5 && i < s->len; i++) {
        v |= (uint64_t)(s->p[i] & 0x7f) << 7 * i;
        if (s->p[i] & 0x80)
            continue;
        s->p += i + 1;
        s->len -= i + 1;
        *out = (uint32_t)v;
        return v <= s->len;
    }
    return false;
}

static int write_base64(struct json_writer *w, uint8_t type, struct slice data)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char text[32];
    snprintf(text, sizeof text, "\"base64:type%u:", type);
    int rc = write_text(w, text);
    for (size_t i = 0; rc == 0 && i < data.len; i += 3) {
        size_t n = data.len - i < 3 ? data.len - i : 3;
        uint32_t v = (uint32_t)be_n(data.p + i, n) << 8 * (3 - n);
        char quad[4] = {digits[v >> 18], digits[v >> 12 & 63], n > 1 ? digits[v >> 6 & 63] : '=',
                        n > 2 ? digits[v & 63] : '='};
        rc = json_write_raw(w, quad, 4);
    }
    return rc ? rc : json_write_raw(w, "\"", 1);
}

static int write_decimal(struct json_writer *w, struct slice data)
{
    char text[80];
    if (data.len < 2 || data.p[0] == 0 || data.p[0] > 65 || data.p[1] > data.p[0])
        return DS_EFORMAT;
    uint8_t integer = (uint8_t)(data.p[0] - data.p[1]), scale = data.p[1];
    if (data.len - 2 != decimal_width(integer, scale))
        return DS_EFORMAT;
    size_t n = decimal_print(text, data.p + 2, integer, scale);
    return n ? json_write_raw(w, text, n) : DS_EFORMAT;
}

static int write_temporal(struct json_writer *w, uint8_t type, struct slice data)
{
    char text[40] = "\"";
    if (data.len != 8)
        return DS_EFORMAT;
    int64_t packed = (int64_t)le64(data.p);
    uint64_t u = packed < 0 ? 0 - (uint64_t)packed : (uint64_t)packed;
    uint32_t micros = u & 0xffffff;
    size_t n = 0;
    if (micros > 999999)
        return DS_EFORMAT;
    if (type == MYSQL_TYPE_TIME && u >> 56 == 0)
        n = time_print(text + 1, packed < 0, (uint32_t)(u >> 24), micros, 6);
    else if (type != MYSQL_TYPE_TIME && packed >= 0)
        n = datetime_print(text + 1, u >> 24, micros, 6);
    if (n == 0)
        return DS_EFORMAT;
    if (type == MYSQL_TYPE_DATE)
        n = 10;
    text[1 + n] = '"';
    return json_write_raw(w, text, n + 2);
}

static int write_opaque(struct json_writer *w, struct slice bytes)
{
    if (bytes.len < 1)
        return DS_EFORMAT;
    uint8_t type = bytes.p[0];
    struct slice data = {bytes.p + 1, bytes.len - 1};
    uint32_t length;
    if (!read_length(&data, &length))
        return DS_EFORMAT;
    data.len = length;
    switch (type) {
    case MYSQL_TYPE_NEWDECIMAL:
        return write_decimal(w, data);
    case MYSQL_TYPE_TIME:
    case MYSQL_TYPE_DATE:
    case MYSQL_TYPE_DATETIME:
    case MYSQL_TYPE_TIMESTAMP:
        return write_temporal(w, type, data);
    default:
        return write_base64(w, type, data);
    }
}

static int write_literal(struct json_writer *w, uint8_t literal)
{
    switch (literal) {
    case JSON_NULL:
        return write_text(w, "null");
    case JSON_TRUE:
        return write_text(w, "true");
    case JSON_FALSE:
        return write_text(w, "false");
    default:
        return DS_EFORMAT;
    }
}

static size_t number_width(uint8_t type)
{
    switch (type) {
    case JSON_LITERAL:
        return 1;
    case JSON_INT16:
    case JSON_UINT16:
        return 2;
    case JSON_INT32:
    case JSON_UINT32:
        return 4;
    case JSON_INT64:
    case JSON_UINT64:
    case JSON_DOUBLE:
        return 8;
    default:
        return 0;
    }
}

static int write_scalar(struct json_writer *w, struct json_ref ref)
{
    char text[24];
    size_t width = number_width(ref.type);
    if (ref.bytes.len < width)
        return DS_EFORMAT;
    uint64_t v = le_n(ref.bytes.p, width);
    switch (ref.type) {
    case JSON_LITERAL:
        return write_literal(w, (uint8_t)v);
    case JSON_INT16:
        snprintf(text, sizeof text, "%d", (int16_t)v);
        return write_text(w, text);
    case JSON_INT32:
        snprintf(text, sizeof text, "%" PRId32, (int32_t)v);
        return write_text(w, text);
    case JSON_INT64:
        snprintf(text, sizeof text, "%" PRId64, (int64_t)v);
        return write_text(w, text);
    case JSON_UINT16:
    case JSON_UINT32:
    case JSON_UINT64:
        snprintf(text, sizeof text, "%" PRIu64, v);
        return write_text(w, text);
    case JSON_DOUBLE: {
        double d;
        memcpy(&d, &v, sizeof d);
        return write_double(w, d);
    }
    case JSON_STRING: {
        uint32_t length;
        if (!read_length(&ref.bytes, &length))
            return DS_EFORMAT;
        return json_write_quoted(w, (struct slice){ref.bytes.p, length});
    }
    case JSON_OPAQUE:
        return write_opaque(w, ref.bytes);
    default:
        return DS_EFORMAT;
    }
}

int json_write(struct json_writer *w, struct json_ref ref, int depth)
{
    if (!json_is_container(ref.type))
        return write_scalar(w, ref);
    struct json_container c;
    if (depth >= JSON_MAX_DEPTH || !json_open(ref, &c))
        return DS_EFORMAT;
    int rc = json_write_raw(w, c.object ? "{" : "[", 1);
    for (uint32_t i = 0; rc == 0 && i < c.count; i++) {
        struct json_ref element;
        struct slice key;
        if (!json_element(&c, i, &element) || (c.object && !json_key(&c, i, &key)))
            return DS_EFORMAT;
        if (i)
            rc = json_write_raw(w, ", ", 2);
        if (rc == 0 && c.object)
            rc = json_write_quoted(w, key);
        if (rc == 0 && c.object)
            rc = json_write_raw(w, ": ", 2);
        if (rc == 0)
            rc = json_write(w, element, depth + 1);
    }
    return rc ? rc : json_write_raw(w, c.object ? "}" : "]", 1);
}

int json_print(struct slice value, uint64_t max, struct buf *out)
{
    struct json_ref ref;
    struct json_writer w = {.out = out};
    if (__builtin_add_overflow(out->len, max, &w.limit))
        w.limit = UINT64_MAX;
    return json_document(value, &ref) ? json_write(&w, ref, 0) : DS_EFORMAT;
}
