/* Values: from the text of a cell to what the column takes. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/csv/shop_internal.h"
#include "schema/time_text.h"

static struct slice keep_raw(struct shop *s, int rc, const struct buf *b)
{
    const uint8_t *copy = rc ? NULL : arena_copy(&s->arena, b->data, b->len);
    if (copy)
        return (struct slice){copy, b->len};
    shop_no_memory(s);
    return (struct slice){NULL, 0};
}

/* A whole number as it would be printed. */
static bool is_plain_number(struct slice s, uint64_t *out)
{
    *out = 0;
    if (!s.len || s.len > 19 || (*s.p == '0' && s.len > 1))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        *out = *out * 10 + (uint64_t)(s.p[i] - '0');
    }
    return true;
}

struct slice shop_raw_id(struct shop *s, struct slice id)
{
    BUF_AUTO struct buf b = {0};
    uint64_t n;
    int rc =
        is_plain_number(id, &n) ? value_write_uint(&b, n) : value_write_bytes(&b, id.p, id.len);
    return keep_raw(s, rc, &b);
}

static uint32_t ordinal(const struct shop_row *r, const char *column)
{
    return r->table ? shop_column(r->table, column) : UINT32_MAX;
}

bool row_has(const struct shop_row *r, const char *column)
{
    uint32_t i = ordinal(r, column);
    return i != UINT32_MAX && r->values[i].len;
}

void row_copy(struct shop_row *r, const char *column, const char *from)
{
    uint32_t to = ordinal(r, column), i = ordinal(r, from);
    if (to != UINT32_MAX && i != UINT32_MAX && !r->values[to].len)
        r->values[to] = r->values[i];
}

bool row_may_be_null(const struct shop_row *r, const char *column)
{
    uint32_t i = ordinal(r, column);
    return i != UINT32_MAX && r->table->plan.described[i].flags & COLUMN_NULLABLE;
}

/* --- numbers and dates ----------------------------------------------------------------------- */

static bool word_number(struct slice v, int64_t *out)
{
    static const struct {
        const char *word;
        int64_t value;
    } words[] = {{"yes", 1}, {"no", 0}, {"true", 1}, {"false", 0}, {"enabled", 1}, {"disabled", 0}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (slice_is(v, words[i].word)) {
            *out = words[i].value;
            return true;
        }
    return false;
}

/* [+-]digits[.digits]; *fraction: where the point is, or the end. */
static bool is_decimal(struct slice v, size_t *fraction)
{
    size_t i = v.len && (*v.p == '-' || *v.p == '+'), digits = 0;
    for (; i < v.len && isdigit(v.p[i]); i++)
        digits++;
    *fraction = i;
    if (i < v.len && v.p[i] == '.')
        for (i++; i < v.len && isdigit(v.p[i]); i++)
            digits++;
    return digits && i == v.len;
}

bool shop_whole_number(struct slice v, int64_t *out)
{
    char text[24];
    size_t fraction;
    if (word_number(v, out))
        return true;
    if (!is_decimal(v, &fraction))
        return false;
    for (size_t i = fraction + 1; i < v.len; i++)
        if (v.p[i] != '0')
            return false;
    if (fraction >= sizeof text)
        return false;
    memcpy(text, v.p, fraction);
    text[fraction] = '\0';
    errno = 0;
    *out = strtoll(text, NULL, 10);
    return errno == 0;
}

static bool fits(const struct msg_column *c, int64_t v)
{
    int bits = c->type == MYSQL_TYPE_TINY    ? 8
               : c->type == MYSQL_TYPE_SHORT ? 16
               : c->type == MYSQL_TYPE_INT24 ? 24
               : c->type == MYSQL_TYPE_LONG  ? 32
                                             : 64;
    if (c->flags & COLUMN_UNSIGNED)
        return v >= 0 && (bits == 64 || v < (int64_t)1 << bits);
    return bits == 64 || (v >= -((int64_t)1 << (bits - 1)) && v < (int64_t)1 << (bits - 1));
}

static int write_number(struct shop *s, struct buf *b, const struct msg_column *c, struct slice v,
                        const char *what)
{
    size_t fraction;
    int64_t n;
    if (c->type == MYSQL_TYPE_FLOAT || c->type == MYSQL_TYPE_DOUBLE) {
        if (!is_decimal(v, &fraction))
            shop_invalid(s, "%s: '%.*s' is no number", what, (int)v.len, (const char *)v.p);
        double d =
            strtod((const char *)shop_format(s, "%.*s", (int)v.len, (const char *)v.p).p, NULL);
        return c->type == MYSQL_TYPE_FLOAT ? value_write_float(b, (float)d)
                                           : value_write_double(b, d);
    }
    if (!shop_whole_number(v, &n))
        shop_invalid(s, "%s: '%.*s' is no whole number", what, (int)v.len, (const char *)v.p);
    else if (!fits(c, n))
        shop_invalid(s, "%s: %" PRId64 " does not fit into column %.*s", what, n, (int)c->name.len,
                     (const char *)c->name.p);
    else
        return n < 0 ? value_write_int(b, n) : value_write_uint(b, (uint64_t)n);
    return 0;
}

static size_t scale_of(const struct msg_column *c)
{
    return c->metadata & 0xff;
}

/* With as many digits behind the point as the column has: rows are told apart by such values. */
static int write_decimal(struct shop *s, struct buf *b, const struct msg_column *c, struct slice v,
                         const char *what)
{
    size_t fraction;
    if (!is_decimal(v, &fraction)) {
        shop_invalid(s, "%s: '%.*s' is no number (such as 1234.5)", what, (int)v.len,
                     (const char *)v.p);
        return 0;
    }
    if (*v.p == '+') {
        v.p++;
        v.len--;
    }
    size_t sign = *v.p == '-', start = sign, scale = scale_of(c);
    is_decimal(v, &fraction);
    while (start + 1 < fraction && v.p[start] == '0')
        start++;
    if (fraction - start > (size_t)(c->metadata >> 8) - scale + (v.p[start] == '0'))
        shop_invalid(s, "%s: %.*s does not fit into column %.*s", what, (int)v.len,
                     (const char *)v.p, (int)c->name.len, (const char *)c->name.p);
    size_t digits = v.len > fraction ? v.len - fraction - 1 : 0;
    while (digits > scale && v.p[fraction + digits] == '0')
        digits--;
    if (digits > scale)
        shop_invalid(
            s, "%s: %.*s does not fit into column %.*s: it takes %zu digits behind the point", what,
            (int)v.len, (const char *)v.p, (int)c->name.len, (const char *)c->name.p, scale);
    struct slice text =
        shop_format(s, "%s%s%.*s%s%.*s%.*s", sign ? "-" : "", start == fraction ? "0" : "",
                    (int)(fraction - start), (const char *)v.p + start, digits || scale ? "." : "",
                    (int)digits, digits ? (const char *)v.p + fraction + 1 : "",
                    digits < scale ? (int)(scale - digits) : 0, "000000000000000000000000000000");
    return value_write_text(b, text.p, text.len);
}

static int write_time(struct shop *s, struct buf *b, const struct msg_column *c, struct slice v,
                      const char *what)
{
    char text[32] = "";
    if (!time_text_read(v, text)) {
        shop_invalid(s, "%s: '%.*s' is no date YYYY-MM-DD, or time YYYY-MM-DD HH:MM:SS", what,
                     (int)v.len, (const char *)v.p);
        return 0;
    }
    if (c->type == MYSQL_TYPE_DATE)
        text[10] = '\0';
    else
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s",
                 strlen(text) == 10   ? " 00:00:00"
                 : strlen(text) == 16 ? ":00"
                                      : "");
    return value_write_text(b, text, strlen(text));
}

/* --- rows --------------------------------------------------------------------------------------
 */

static bool is_text(enum column_read read)
{
    return read == READ_TEXT || read == READ_BYTES;
}

int row_scale(const struct shop_row *r, const char *column)
{
    uint32_t i = ordinal(r, column);
    bool decimal = i != UINT32_MAX && r->table->plan.columns[i].read == READ_DECIMAL;
    return decimal ? (int)scale_of(&r->table->plan.described[i]) : 4;
}

void row_set(struct shop_row *r, const char *column, struct slice value, const char *what)
{
    struct shop *s = r->shop;
    BUF_AUTO struct buf b = {0};
    uint32_t i = ordinal(r, column);
    int rc = 0;
    if (i == UINT32_MAX || s->rc)
        return;
    const struct msg_column *c = &r->table->plan.described[i];
    enum column_read read = r->table->plan.columns[i].read;
    struct slice v = is_text(read) ? value : slice_trim(value);
    if (read == READ_TEMPORAL && v.len >= 10 && memcmp(v.p, "0000-00-00", 10) == 0)
        v.len = 0;
    if (!v.len) {
        if (c->flags & COLUMN_NULLABLE)
            rc = value_write_null(&b);
        else if (is_text(read))
            rc = value_write_bytes(&b, "", 0);
        else
            return;
    } else if (is_text(read)) {
        shop_check_text(s, r->table, i, v, what);
        rc = value_write_bytes(&b, v.p, v.len);
    } else if (read == READ_NUMBER) {
        rc = write_number(s, &b, c, v, what);
    } else if (read == READ_DECIMAL) {
        rc = write_decimal(s, &b, c, v, what);
    } else if (read == READ_TEMPORAL) {
        rc = write_time(s, &b, c, v, what);
    } else {
        shop_invalid(s, "%s: a column of this type cannot be set from a file", what);
    }
    if (!s->rc)
        r->values[i] = keep_raw(s, rc, &b);
}

void row_text(struct shop_row *r, const char *column, const char *value)
{
    row_set(r, column, slice_of(value), column);
}

void row_number(struct shop_row *r, const char *column, uint64_t value)
{
    row_set(r, column, shop_format(r->shop, "%lu", value), column);
}

void row_id(struct shop_row *r, const char *column, struct slice id)
{
    uint32_t i = ordinal(r, column);
    if (i != UINT32_MAX && !r->shop->rc)
        r->values[i] = shop_raw_id(r->shop, id);
}
