/* Numbers as MySQL prints them, compared without becoming floats. */
#include <string.h>

#include "applier/handlers.h"

struct decimal {
    bool negative;
    const char *whole, *fraction;   /* digits, without leading zeros … */
    size_t whole_len, fraction_len; /* … and without trailing ones */
};

static size_t digits(const char *p, const char *end)
{
    size_t n = 0;
    while (p + n < end && p[n] >= '0' && p[n] <= '9')
        n++;
    return n;
}

static bool parse(const char *p, size_t len, struct decimal *out)
{
    const char *end = p + len;
    *out = (struct decimal){.negative = len && *p == '-'};
    if (len && (*p == '-' || *p == '+'))
        p++;
    out->whole = p;
    out->whole_len = digits(p, end);
    p += out->whole_len;
    size_t seen = out->whole_len;
    if (p < end && *p == '.') {
        out->fraction = ++p;
        out->fraction_len = digits(p, end);
        p += out->fraction_len;
        seen += out->fraction_len;
    }
    if (p != end || !seen)
        return false;
    while (out->whole_len && *out->whole == '0') {
        out->whole++;
        out->whole_len--;
    }
    while (out->fraction_len && out->fraction[out->fraction_len - 1] == '0')
        out->fraction_len--;
    if (!out->whole_len && !out->fraction_len)
        out->negative = false; /* -0 is 0 */
    return true;
}

static int magnitude(const struct decimal *x, const struct decimal *y)
{
    if (x->whole_len != y->whole_len)
        return x->whole_len < y->whole_len ? -1 : 1;
    int order = x->whole_len ? memcmp(x->whole, y->whole, x->whole_len) : 0;
    size_t n = x->fraction_len < y->fraction_len ? x->fraction_len : y->fraction_len;
    if (order == 0 && n)
        order = memcmp(x->fraction, y->fraction, n);
    if (order == 0)
        order = (x->fraction_len > y->fraction_len) - (x->fraction_len < y->fraction_len);
    return (order > 0) - (order < 0);
}

bool decimal_compare(const char *x, size_t x_len, const char *y, size_t y_len, int *order)
{
    struct decimal a, b;
    if (!parse(x, x_len, &a) || !parse(y, y_len, &b))
        return false;
    if (a.negative != b.negative)
        *order = a.negative ? -1 : 1;
    else
        *order = a.negative ? -magnitude(&a, &b) : magnitude(&a, &b);
    return true;
}
