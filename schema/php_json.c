#include "schema/php_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/json.h"

struct writer {
    struct buf *out;
    size_t start;
    unsigned depth;
    struct ds_error *err;
};

static int write_text(struct writer *w, struct slice text);

static int no_memory(struct writer *w)
{
    return error_set(w->err, DS_ENOMEM, "out of memory for JSON");
}

static int put(struct writer *w, const void *bytes, size_t len)
{
    return buf_append(w->out, bytes, len) ? no_memory(w) : 0;
}

static int puts_json(struct writer *w, const char *text)
{
    return put(w, text, strlen(text));
}

/* --- strings ---------------------------------------------------------------------------------- */

static int put_unit(struct writer *w, unsigned unit)
{
    static const char digits[] = "0123456789abcdef";
    return put(w,
               (const char[]){'\\', 'u', digits[unit >> 12 & 15], digits[unit >> 8 & 15],
                              digits[unit >> 4 & 15], digits[unit & 15]},
               6);
}

/* In UTF-16. */
static int put_character(struct writer *w, const uint8_t *p, size_t len)
{
    uint32_t code = len == 2 ? *p & 0x1f : len == 3 ? *p & 0x0f : *p & 0x07;
    for (size_t i = 1; i < len; i++)
        code = code << 6 | (p[i] & 0x3f);
    if (code < 0x10000)
        return put_unit(w, code);
    int rc = put_unit(w, 0xd800 | (code - 0x10000) >> 10);
    return rc ? rc : put_unit(w, 0xdc00 | (code & 0x3ff));
}

static int put_escaped(struct writer *w, uint8_t byte)
{
    static const char escaped[] = "\"\\/\b\f\n\r\t", letters[] = "\"\\/bfnrt";
    const char *at = byte ? strchr(escaped, byte) : NULL;
    return at ? put(w, (const char[]){'\\', letters[at - escaped]}, 2) : put_unit(w, byte);
}

/* How many bytes stand for themselves. */
static size_t plain(const uint8_t *p, size_t len)
{
    size_t n = 0;
    while (n < len && p[n] >= ' ' && p[n] < 0x80 && p[n] != '"' && p[n] != '\\' && p[n] != '/')
        n++;
    return n;
}

static int write_text(struct writer *w, struct slice text)
{
    int rc = puts_json(w, "\"");
    for (size_t at = 0; at < text.len && rc == 0;) {
        const uint8_t *p = text.p + at;
        size_t left = text.len - at, n = plain(p, left);
        if (n) {
            rc = put(w, p, n);
        } else if (*p < 0x80) {
            rc = put_escaped(w, *p);
            n = 1;
        } else {
            if ((n = utf8_character(p, left)) == 0)
                return error_set(w->err, DS_EFORMAT, "a text in it is not UTF-8");
            rc = put_character(w, p, n);
        }
        at += n;
    }
    return rc ? rc : puts_json(w, "\"");
}

/* --- numbers ---------------------------------------------------------------------------------- */

/* Of a float with mantissa "D.DDDD" times 10 to that power: digits alone, and how many stand before
 * the point. */
static int lay_out(struct writer *w, const char *digits, size_t count, int point)
{
    int rc = 0;
    if (point > 17 || point < -3) {
        char exponent[16];
        snprintf(exponent, sizeof exponent, "e%+d", point - 1);
        if ((rc = put(w, digits, 1)) || (rc = puts_json(w, ".")) ||
            (rc = count > 1 ? put(w, digits + 1, count - 1) : puts_json(w, "0")))
            return rc;
        return puts_json(w, exponent);
    }
    if (point <= 0)
        rc = put(w, "0.000", (size_t)(2 - point));
    for (int i = 0; i < point && rc == 0; i++)
        rc = i < (int)count ? put(w, digits + i, 1) : puts_json(w, "0");
    if (rc == 0 && point > 0 && point < (int)count)
        rc = puts_json(w, ".");
    size_t done = point > 0 ? (size_t)point : 0;
    return rc || done >= count ? rc : put(w, digits + done, count - done);
}

static int write_double(struct writer *w, double number)
{
    char text[40], digits[20];
    size_t count = 0;
    if (!isfinite(number))
        return error_set(w->err, DS_EFORMAT, "a number in it is infinite or none");
    if (signbit(number)) {
        int rc = puts_json(w, "-");
        if (rc)
            return rc;
        number = -number;
    }
    if (number == 0)
        return puts_json(w, "0");
    for (int more = 0; more <= 16; more++) {
        snprintf(text, sizeof text, "%.*e", more, number);
        if (strtod(text, NULL) == number)
            break;
    }
    const char *exponent = strchr(text, 'e');
    for (const char *p = text; p < exponent; p++)
        if (*p != '.')
            digits[count++] = *p;
    return lay_out(w, digits, count, (int)strtol(exponent + 1, NULL, 10) + 1);
}

/* --- values ----------------------------------------------------------------------------------- */

/* PHP makes a number of a key of digits, so that it counts as one here. */
static bool is_list(const struct php_value *v)
{
    size_t i = 0;
    char number[DECIMAL_ROOM];
    for (const struct php_entry *e = v->first; e; e = e->next, i++) {
        size_t len = decimal_unsigned(number, i);
        if (e->key.len != len || memcmp(e->key.p, number, len) != 0)
            return false;
    }
    return true;
}

static int write_value(struct writer *w, const struct php_value *v);

/* A class that the shop which writes JSON does not know. */
static bool is_foreign(const struct php_value *v)
{
    static const char known[] = "stdClass";
    return v->text.len != sizeof known - 1 ||
           strncasecmp((const char *)v->text.p, known, v->text.len) != 0;
}

static int write_entries(struct writer *w, const struct php_value *v)
{
    bool object = v->type == PHP_OBJECT, list = !object && is_list(v), any = false;
    int rc = puts_json(w, list ? "[" : "{");
    if (rc == 0 && object && is_foreign(v)) {
        any = true;
        if ((rc = puts_json(w, "\"__PHP_Incomplete_Class_Name\":")) == 0)
            rc = write_text(w, v->text);
    }
    for (const struct php_entry *e = v->first; e && rc == 0; e = e->next) {
        if (object && e->key.len && *e->key.p == '\0')
            continue; /* private or protected */
        rc = any ? puts_json(w, ",") : 0;
        any = true;
        if (rc == 0 && !list && (rc = write_text(w, e->key)) == 0)
            rc = puts_json(w, ":");
        if (rc == 0)
            rc = write_value(w, &e->value);
    }
    return rc ? rc : puts_json(w, list ? "]" : "}");
}

static int write_value(struct writer *w, const struct php_value *v)
{
    int rc;
    while (v->type == PHP_SAME || v->type == PHP_REFERENCE)
        v = v->target;
    /* references within references can make much of little */
    if (w->out->len - w->start > PHP_JSON_MAX_BYTES)
        return error_set(w->err, DS_ELIMIT, "as JSON it has more than %d bytes",
                         PHP_JSON_MAX_BYTES);
    switch (v->type) {
    case PHP_NULL:
        return puts_json(w, "null");
    case PHP_BOOL:
        return puts_json(w, *v->text.p == '1' ? "true" : "false");
    case PHP_INT:
        return put(w, v->text.p, v->text.len);
    case PHP_DOUBLE: /* in its text the semicolon follows */
        return write_double(w, strtod((const char *)v->text.p, NULL));
    case PHP_STRING:
        return write_text(w, v->text);
    case PHP_ARRAY:
    case PHP_OBJECT: /* also where one contains itself */
        if (w->depth == PHP_JSON_MAX_DEPTH)
            return error_set(w->err, DS_ELIMIT, "it is deeper than %d", PHP_JSON_MAX_DEPTH);
        w->depth++;
        rc = write_entries(w, v);
        w->depth--;
        return rc;
    default:
        return error_set(w->err, DS_EFORMAT, "an object in it has a format of its own");
    }
}

static int finish(struct writer *w, int rc)
{
    if (rc)
        w->out->len = w->start;
    return rc;
}

int php_json_write(const struct php_value *v, struct buf *out, struct ds_error *err)
{
    struct writer w = {.out = out, .start = out->len, .err = err};
    return finish(&w, write_value(&w, v));
}

int php_json_write_text(struct slice text, struct buf *out, struct ds_error *err)
{
    struct writer w = {.out = out, .start = out->len, .err = err};
    return finish(&w, write_text(&w, text));
}

int php_json_write_double(double number, struct buf *out, struct ds_error *err)
{
    struct writer w = {.out = out, .start = out->len, .err = err};
    return finish(&w, write_double(&w, number));
}
