#include "schema/mask_value.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "schema/mask_column.h"

/* --- columns ---------------------------------------------------------------------- */

static uint32_t blob_bytes(uint16_t pack)
{
    return pack >= 4 ? UINT32_MAX : (1u << (8 * pack)) - 1;
}

static void text_column(const struct msg_column *c, uint32_t bytes, unsigned char_max,
                        const char *charset, const char *collation, struct mask_column *out)
{
    static const char *const wide[] = {"ucs2", "utf16", "utf16le", "utf32"};
    out->kind = c->collation == 63 ? MASK_OF_BYTES : MASK_OF_TEXT;
    out->size = bytes;
    if (out->kind == MASK_OF_BYTES)
        return;
    out->size = char_max ? bytes / char_max : 0;
    size_t len = strlen(collation);
    out->no_case = len > 3 && strcasecmp(collation + len - 3, "_ci") == 0;
    out->one_byte = char_max == 1;
    out->utf8 = strncasecmp(charset, "utf8", 4) == 0;
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        out->wide |= strcasecmp(charset, wide[i]) == 0;
}

void mask_column_of(const struct msg_column *c, unsigned char_max, const char *charset,
                    const char *collation, struct mask_column *out)
{
    *out = (struct mask_column){.kind = MASK_OF_OTHER,
                                .nullable = c->flags & COLUMN_NULLABLE,
                                .is_unsigned = c->flags & COLUMN_UNSIGNED};
    switch (c->type) {
    case MYSQL_TYPE_STRING:
    case MYSQL_TYPE_VARCHAR:
    case MYSQL_TYPE_VAR_STRING:
    case COLUMN_TYPE_VARCHAR_COMPRESSED:
        text_column(c, c->metadata, char_max, charset, collation, out);
        out->padded = c->type == MYSQL_TYPE_STRING;
        break;
    case MYSQL_TYPE_TINY_BLOB:
    case MYSQL_TYPE_MEDIUM_BLOB:
    case MYSQL_TYPE_LONG_BLOB:
    case MYSQL_TYPE_BLOB:
    case COLUMN_TYPE_BLOB_COMPRESSED:
        text_column(c, blob_bytes(c->metadata), char_max, charset, collation, out);
        break;
    case MYSQL_TYPE_TINY:
        out->kind = MASK_OF_INTEGER;
        out->size = 1;
        break;
    case MYSQL_TYPE_SHORT:
        out->kind = MASK_OF_INTEGER;
        out->size = 2;
        break;
    case MYSQL_TYPE_INT24:
        out->kind = MASK_OF_INTEGER;
        out->size = 3;
        break;
    case MYSQL_TYPE_LONG:
        out->kind = MASK_OF_INTEGER;
        out->size = 4;
        break;
    case MYSQL_TYPE_LONGLONG:
        out->kind = MASK_OF_INTEGER;
        out->size = 8;
        break;
    case MYSQL_TYPE_FLOAT:
        out->kind = MASK_OF_REAL;
        out->size = 4;
        break;
    case MYSQL_TYPE_DOUBLE:
        out->kind = MASK_OF_REAL;
        out->size = 8;
        break;
    case MYSQL_TYPE_DECIMAL:
    case MYSQL_TYPE_NEWDECIMAL:
        out->kind = MASK_OF_DECIMAL;
        out->precision = (uint8_t)(c->metadata >> 8);
        out->scale = (uint8_t)c->metadata;
        break;
    case MYSQL_TYPE_DATE:
    case MYSQL_TYPE_NEWDATE:
        out->kind = MASK_OF_DATE;
        break;
    case MYSQL_TYPE_DATETIME:
    case MYSQL_TYPE_DATETIME2:
        out->kind = MASK_OF_DATETIME;
        out->size = c->metadata;
        break;
    case MYSQL_TYPE_TIMESTAMP:
    case MYSQL_TYPE_TIMESTAMP2:
        out->kind = MASK_OF_TIMESTAMP;
        out->size = c->metadata;
        break;
    case MYSQL_TYPE_TIME:
    case MYSQL_TYPE_TIME2:
        out->kind = MASK_OF_TIME;
        out->size = c->metadata;
        break;
    case MYSQL_TYPE_YEAR:
        out->kind = MASK_OF_YEAR;
        break;
    case MYSQL_TYPE_ENUM:
        out->kind = MASK_OF_ENUM;
        break;
    case MYSQL_TYPE_SET:
    case MYSQL_TYPE_BIT:
        out->kind = MASK_OF_BITS;
        break;
    case COLUMN_TYPE_JSON:
        out->kind = MASK_OF_JSON;
        break;
    default:
        break;
    }
}

/* --- fixed values ------------------------------------------------------------------- */

static bool digits(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    return true;
}

/* "YYYY-MM-DD", as the form of a day of the calendar. */
bool mask_is_date(const char *t, size_t len)
{
    return len >= 10 && digits(t, 4) && t[4] == '-' && digits(t + 5, 2) && t[7] == '-' &&
           digits(t + 8, 2);
}

bool mask_is_datetime(const char *t, size_t len)
{
    return len >= 19 && mask_is_date(t, len) && t[10] == ' ' && digits(t + 11, 2) && t[13] == ':' &&
           digits(t + 14, 2) && t[16] == ':' && digits(t + 17, 2);
}

/* In numbers that the server takes; the 31st of February it would not, and says so. */
static bool is_day(const char *t, size_t len)
{
    return mask_is_date(t, len) && strncmp(t + 5, "01", 2) >= 0 && strncmp(t + 5, "12", 2) <= 0 &&
           strncmp(t + 8, "01", 2) >= 0 && strncmp(t + 8, "31", 2) <= 0;
}

static bool is_moment(const char *t, size_t len)
{
    return is_day(t, len) && mask_is_datetime(t, len) && strncmp(t + 11, "23", 2) <= 0 &&
           strncmp(t + 14, "59", 2) <= 0 && strncmp(t + 17, "59", 2) <= 0;
}

/* ".000" as many digits as a second has. */
static size_t put_fraction(char *out, uint32_t count)
{
    if (count == 0 || count > 6)
        return 0;
    memset(out, '0', count + 1);
    *out = '.';
    return count + 1;
}

static bool integer_fits(const char *text, const struct mask_column *c, int64_t *i, uint64_t *u)
{
    char *end;
    unsigned bits = 8 * c->size;
    if (!*text || strspn(text, "-0123456789") != strlen(text))
        return false;
    errno = 0;
    *i = strtoll(text, &end, 10);
    *u = *text == '-' ? 0 : strtoull(text, &end, 10);
    if (errno == ERANGE && (*text == '-' || !c->is_unsigned))
        return false;
    errno = 0;
    if (*text != '-')
        *u = strtoull(text, &end, 10);
    if (errno || *end)
        return false;
    uint64_t top = c->is_unsigned ? bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1
                                  : (UINT64_C(1) << (bits - 1)) - 1;
    return *text == '-' ? !c->is_unsigned && *i >= -(int64_t)top - 1 : *u <= top;
}

/* The number with exactly as many digits behind the point as the column has. */
static bool decimal_text(const char *text, const struct mask_column *c, char *out, size_t size)
{
    bool minus = *text == '-';
    text += minus;
    size_t whole = strspn(text, "0123456789");
    const char *fraction = text[whole] == '.' ? text + whole + 1 : "";
    size_t after = strspn(fraction, "0123456789");
    if (!whole || (text[whole] && text[whole] != '.') || fraction[after] || after > c->scale)
        return false;
    for (; whole > 1 && *text == '0'; text++)
        whole--;
    if (whole > (size_t)(c->precision - c->scale) && !(whole == 1 && *text == '0'))
        return false;
    int n = snprintf(out, size, "%s%.*s%s%s%.*s", minus ? "-" : "", (int)whole, text,
                     c->scale ? "." : "", fraction, (int)(c->scale - after),
                     "00000000000000000000000000000000000000000000000000000000000000000000");
    return n > 0 && (size_t)n < size;
}

bool mask_is_ascii(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text >= 0x80)
            return false;
    return true;
}

static size_t characters(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

const char *mask_fixed_refusal(const struct mask_rule *r, const struct mask_column *c)
{
    static const char does_not_fit[] = "the text is no value of the column's type";
    char text[120];
    int64_t i;
    uint64_t u;
    char *end;
    double number;
    size_t len = strlen(r->text);
    switch (c->kind) {
    case MASK_OF_TEXT:
        if (!c->utf8 && !mask_is_ascii(r->text))
            return "the text has characters beyond ASCII, the column is not UTF-8";
        return characters(r->text) > c->size ? "the text is longer than the column" : NULL;
    case MASK_OF_BYTES:
        return len > c->size ? "the text is longer than the column" : NULL;
    case MASK_OF_INTEGER:
        return integer_fits(r->text, c, &i, &u) ? NULL : does_not_fit;
    case MASK_OF_DECIMAL:
        return decimal_text(r->text, c, text, sizeof text) ? NULL : does_not_fit;
    case MASK_OF_REAL:
        number = strtod(r->text, &end);
        return len && !*end && strspn(r->text, "+-.0123456789eE") == len &&
                       fabs(number) <= (c->size == 4 ? (double)FLT_MAX : DBL_MAX)
                   ? NULL
                   : does_not_fit;
    case MASK_OF_DATE:
        return len == 10 && is_day(r->text, len) ? NULL : does_not_fit;
    case MASK_OF_DATETIME:
        return len == 19 && is_moment(r->text, len) ? NULL : does_not_fit;
    case MASK_OF_TIMESTAMP:
        return len == 19 && is_moment(r->text, len) && strcmp(r->text, "1970-01-02") > 0 &&
                       strcmp(r->text, "2038-01-19") < 0
                   ? NULL
                   : does_not_fit;
    default:
        return "columns of this type take no fixed value";
    }
}

int mask_write_fixed(const struct mask_rule *r, const struct mask_column *c, struct buf *out)
{
    char text[120];
    int64_t i = 0;
    uint64_t u = 0;
    size_t len = strlen(r->text);
    switch (c->kind) {
    case MASK_OF_INTEGER:
        integer_fits(r->text, c, &i, &u);
        return *r->text == '-' ? value_write_int(out, i) : value_write_uint(out, u);
    case MASK_OF_DECIMAL:
        decimal_text(r->text, c, text, sizeof text);
        return value_write_text(out, text, strlen(text));
    case MASK_OF_REAL:
        return c->size == 4 ? value_write_float(out, (float)strtod(r->text, NULL))
                            : value_write_double(out, strtod(r->text, NULL));
    case MASK_OF_DATE:
    case MASK_OF_DATETIME:
    case MASK_OF_TIMESTAMP:
        memcpy(text, r->text, len);
        if (c->kind != MASK_OF_DATE)
            len += put_fraction(text + len, c->size);
        return value_write_text(out, text, len);
    default:
        return value_write_bytes(out, r->text, len);
    }
}

/* --- nothing ------------------------------------------------------------------------- */

int mask_write_nothing(const struct mask_column *c, struct buf *out)
{
    char text[120] = "1970-01-01 00:00:01";
    size_t len;
    if (c->nullable)
        return value_write_null(out);
    switch (c->kind) {
    case MASK_OF_BYTES:
        if (c->padded && c->size <= 255) {
            static const uint8_t zeros[255];
            return value_write_bytes(out, zeros, c->size);
        }
        return value_write_bytes(out, "", 0);
    case MASK_OF_INTEGER:
    case MASK_OF_BITS:
        return value_write_uint(out, 0);
    case MASK_OF_REAL:
        return c->size == 4 ? value_write_float(out, 0) : value_write_double(out, 0);
    case MASK_OF_DECIMAL:
        decimal_text("0", c, text, sizeof text);
        return value_write_text(out, text, strlen(text));
    case MASK_OF_DATE:
        return value_write_text(out, text, 10);
    case MASK_OF_DATETIME:
    case MASK_OF_TIMESTAMP:
        len = strlen(text);
        return value_write_text(out, text, len + put_fraction(text + len, c->size));
    case MASK_OF_TIME:
        return value_write_text(out, "00:00:00.000000", 8 + (c->size ? c->size + 1 : 0));
    case MASK_OF_YEAR:
        return value_write_uint(out, 1970);
    case MASK_OF_ENUM:
        return value_write_uint(out, 1);
    case MASK_OF_JSON:
        return value_write_text(out, "null", 4);
    case MASK_OF_TEXT:
    case MASK_OF_OTHER: /* refused */
        break;
    }
    return value_write_bytes(out, "", 0);
}
