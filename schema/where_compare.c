#include "schema/where_compare.h"

#include <inttypes.h>
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_MAX = 400 };

enum where_kind where_kind_of(const struct msg_column *c)
{
    switch (c->type) {
    case MYSQL_TYPE_TINY:
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_LONGLONG:
    case MYSQL_TYPE_YEAR:
    case MYSQL_TYPE_BIT:
    case MYSQL_TYPE_ENUM:
    case MYSQL_TYPE_SET:
    case MYSQL_TYPE_DECIMAL:
    case MYSQL_TYPE_NEWDECIMAL:
        return WHERE_EXACT;
    case MYSQL_TYPE_FLOAT:
    case MYSQL_TYPE_DOUBLE:
        return WHERE_REAL;
    case MYSQL_TYPE_DATE:
    case MYSQL_TYPE_NEWDATE:
    case MYSQL_TYPE_DATETIME:
    case MYSQL_TYPE_DATETIME2:
    case MYSQL_TYPE_TIMESTAMP:
    case MYSQL_TYPE_TIMESTAMP2:
        return WHERE_DATE;
    case MYSQL_TYPE_STRING:
    case MYSQL_TYPE_VARCHAR:
    case MYSQL_TYPE_VAR_STRING:
    case MYSQL_TYPE_TINY_BLOB:
    case MYSQL_TYPE_MEDIUM_BLOB:
    case MYSQL_TYPE_LONG_BLOB:
    case MYSQL_TYPE_BLOB:
    case COLUMN_TYPE_VARCHAR_COMPRESSED:
    case COLUMN_TYPE_BLOB_COMPRESSED:
        return c->collation == 63 ? WHERE_BYTES : WHERE_TEXT;
    default:
        return WHERE_NOTHING;
    }
}

bool where_has(enum where_kind kind, const struct value *v)
{
    bool bytes = v->kind == VALUE_TEXT || v->kind == VALUE_BYTES;
    switch (kind) {
    case WHERE_EXACT:
        return bytes || v->kind == VALUE_INT || v->kind == VALUE_UINT;
    case WHERE_REAL:
        return v->kind == VALUE_FLOAT || v->kind == VALUE_DOUBLE;
    case WHERE_DATE:
    case WHERE_TEXT:
    case WHERE_BYTES:
        return bytes;
    case WHERE_NOTHING:
        break;
    }
    return true;
}

/* --- numbers --------------------------------------------------------------------- */

struct decimal {
    bool minus;
    const char *whole, *fraction; /* digits, without zeros at the outer ends */
    size_t whole_len, fraction_len;
};

static size_t digits(const char *p, size_t len)
{
    size_t n = 0;
    while (n < len && p[n] >= '0' && p[n] <= '9')
        n++;
    return n;
}

/* [sign] digits [. digits], to the end. */
static bool read_decimal(const char *p, size_t len, struct decimal *d)
{
    size_t sign = len && (*p == '-' || *p == '+');
    *d = (struct decimal){.minus = sign && *p == '-'};
    p += sign;
    len -= sign;
    d->whole = p;
    d->whole_len = digits(p, len);
    size_t at = d->whole_len;
    if (at < len && p[at] == '.') {
        d->fraction = p + at + 1;
        d->fraction_len = digits(d->fraction, len - at - 1);
        at += 1 + d->fraction_len;
    }
    if (at != len || !(d->whole_len + d->fraction_len))
        return false;
    for (; d->whole_len && *d->whole == '0'; d->whole++)
        d->whole_len--;
    while (d->fraction_len && d->fraction[d->fraction_len - 1] == '0')
        d->fraction_len--;
    if (!d->whole_len && !d->fraction_len)
        d->minus = false;
    return true;
}

static int by_order(int a)
{
    return a < 0 ? -1 : a > 0;
}

static int compare_decimals(const struct decimal *a, const struct decimal *b)
{
    if (a->minus != b->minus)
        return a->minus ? -1 : 1;
    int order = a->whole_len != b->whole_len ? (a->whole_len < b->whole_len ? -1 : 1)
                : a->whole_len               ? memcmp(a->whole, b->whole, a->whole_len)
                                             : 0;
    size_t both = a->fraction_len < b->fraction_len ? a->fraction_len : b->fraction_len;
    if (order == 0 && both)
        order = memcmp(a->fraction, b->fraction, both);
    if (order == 0)
        order = a->fraction_len < b->fraction_len ? -1 : a->fraction_len > b->fraction_len;
    return by_order(a->minus ? -order : order);
}

bool where_is_number(struct slice text)
{
    struct decimal d;
    char copy[NUMBER_MAX], *end;
    if (read_decimal((const char *)text.p, text.len, &d))
        return true;
    if (!text.len || text.len >= sizeof copy)
        return false;
    memcpy(copy, text.p, text.len);
    copy[text.len] = 0;
    (void)strtod(copy, &end);
    return !*end && strspn(copy, "+-.0123456789eE") == text.len;
}

static int compare_exact(const struct value *v, struct slice text)
{
    struct decimal a, b;
    char number[24];
    struct slice mine = v->bytes;
    if (v->kind == VALUE_INT || v->kind == VALUE_UINT) {
        int n = v->kind == VALUE_INT ? snprintf(number, sizeof number, "%" PRId64, v->i)
                                     : snprintf(number, sizeof number, "%" PRIu64, v->u);
        mine = (struct slice){(const uint8_t *)number, (size_t)n};
    }
    if (!read_decimal((const char *)mine.p, mine.len, &a) ||
        !read_decimal((const char *)text.p, text.len, &b))
        return -1;
    return compare_decimals(&a, &b);
}

static int compare_real(const struct value *v, struct slice text)
{
    char copy[NUMBER_MAX];
    size_t len = text.len < sizeof copy ? text.len : sizeof copy - 1;
    memcpy(copy, text.p, len);
    copy[len] = 0;
    double mine = v->kind == VALUE_FLOAT ? (double)v->f : v->d, theirs = strtod(copy, NULL);
    if (v->kind == VALUE_FLOAT) /* 0.1 in a FLOAT is meant to equal 0.1 */
        theirs = (double)(float)theirs;
    return mine < theirs ? -1 : mine > theirs;
}

/* --- dates ---------------------------------------------------------------------------- */

enum { DATE_CHARS = 26 };
static const char date_form[] = "0000-00-00 00:00:00.000000";

/* "YYYY-MM-DD[ hh:mm:ss[.f]]" as characters of that form, what is missing as zeros. */
static bool read_date(struct slice text, char out[DATE_CHARS])
{
    if ((text.len != 10 && text.len < 19) || text.len > DATE_CHARS || text.len == 20)
        return false;
    for (size_t i = 0; i < DATE_CHARS; i++) {
        char c = i < text.len ? (char)text.p[i] : date_form[i];
        if (i == 10 && c == 'T')
            c = ' ';
        if (date_form[i] == '0' ? c < '0' || c > '9' : c != date_form[i])
            return false;
        out[i] = c;
    }
    return true;
}

static int compare_dates(struct slice a, struct slice b)
{
    char x[DATE_CHARS], y[DATE_CHARS];
    if (!read_date(a, x) || !read_date(b, y))
        return -1;
    return by_order(memcmp(x, y, sizeof x));
}

/* --- texts ------------------------------------------------------------------------------ */

static int compare_texts(struct slice a, struct slice b)
{
    size_t both = a.len < b.len ? a.len : b.len;
    int order = both ? memcmp(a.p, b.p, both) : 0;
    return order ? by_order(order) : a.len < b.len ? -1 : a.len > b.len;
}

static size_t character(struct slice t, size_t at, bool bytes)
{
    size_t n = 1;
    while (!bytes && at + n < t.len && (t.p[at + n] & 0xc0) == 0x80)
        n++;
    return n;
}

/* With going back to the last %, which is enough: an earlier one need not take more. */
bool where_like(enum where_kind kind, struct slice text, struct slice pattern)
{
    bool bytes = kind == WHERE_BYTES;
    size_t t = 0, p = 0, star = SIZE_MAX, resume = 0;
    while (t < text.len) {
        bool escaped = p + 1 < pattern.len && pattern.p[p] == '\\';
        if (p < pattern.len && pattern.p[p] == '%') {
            star = ++p;
            resume = t;
        } else if (p < pattern.len && pattern.p[p] == '_') {
            t += character(text, t, bytes);
            p++;
        } else if (p < pattern.len && pattern.p[p + escaped] == text.p[t]) {
            t++;
            p += 1 + escaped;
        } else if (star != SIZE_MAX) {
            resume += character(text, resume, bytes);
            t = resume;
            p = star;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.p[p] == '%')
        p++;
    return p == pattern.len;
}

/* --- all ------------------------------------------------------------------------------------ */

const char *where_refusal(enum where_kind kind, const struct where_value *w)
{
    struct decimal d;
    char date[DATE_CHARS];
    switch (kind) {
    case WHERE_EXACT:
        return read_decimal((const char *)w->text.p, w->text.len, &d)
                   ? NULL
                   : "it is compared with a number, such as 5 or -1.25";
    case WHERE_REAL:
        return where_is_number(w->text) && w->text.len < NUMBER_MAX
                   ? NULL
                   : "it is compared with a number, such as 5 or 1e-3";
    case WHERE_DATE:
        return read_date(w->text, date)
                   ? NULL
                   : "it is compared with a date, '2024-01-31' or '2024-01-31 12:00:00'";
    case WHERE_TEXT:
    case WHERE_BYTES:
        return w->quoted ? NULL : "it is compared with a 'text'";
    case WHERE_NOTHING:
        break;
    }
    return "columns of this type can only be asked for NULL";
}

int where_compare(enum where_kind kind, const struct value *v, const struct where_value *w)
{
    switch (kind) {
    case WHERE_EXACT:
        return compare_exact(v, w->text);
    case WHERE_REAL:
        return compare_real(v, w->text);
    case WHERE_DATE:
        return compare_dates(v->bytes, w->text);
    default:
        return compare_texts(v->bytes, w->text);
    }
}
