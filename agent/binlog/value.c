/* Column values of fixed size: numbers, decimals, dates and times.
 *
 * Text is built where it belongs, two digits at a time. Everything a server cannot have stored
 * (month 13, second 60, a digit group over its maximum) is refused: it means that the row was read
 * at the wrong place.
 */
#include "decoder.h"
#include "msgpack.h"

#define DATETIME_BIAS 0x8000000000ULL
#define TIME_BIAS     0x800000ULL

static const char two_digits[201] = "00010203040506070809101112131415161718192021222324"
                                    "25262728293031323334353637383940414243444546474849"
                                    "50515253545556575859606162636465666768697071727374"
                                    "75767778798081828384858687888990919293949596979899";
static const uint32_t power10[10] = {1,      10,      100,      1000,      10000,
                                     100000, 1000000, 10000000, 100000000, 1000000000};
/* Bytes that a group of 0 to 9 decimal digits takes. */
static const uint8_t group_bytes[10] = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};

static inline char *put2(char *out, uint32_t v)
{
    memcpy(out, two_digits + v * 2, 2);
    return out + 2;
}

static char *put_digits(char *out, uint32_t v, unsigned digits)
{
    unsigned i = digits;
    for (; i >= 2; v /= 100)
        put2(out + (i -= 2), v % 100);
    if (i)
        *out = (char)('0' + v % 10);
    return out + digits;
}

static char *put_date(char *out, uint32_t year, uint32_t month, uint32_t day)
{
    out = put2(out, year / 100);
    out = put2(out, year % 100);
    *out++ = '-';
    out = put2(out, month);
    *out++ = '-';
    return put2(out, day);
}

static char *put_clock(char *out, uint32_t hour, uint32_t minute, uint32_t second)
{
    out = put2(out, hour);
    *out++ = ':';
    out = put2(out, minute);
    *out++ = ':';
    return put2(out, second);
}

static char *put_fraction(char *out, uint32_t micros, int digits)
{
    if (digits == 0)
        return out;
    *out++ = '.';
    return put_digits(out, micros / power10[6 - digits], (unsigned)digits);
}

/* Fractions take 1, 2 or 3 bytes of hundredths, ten-thousandths or millionths. */
static bool micros_of(uint64_t fraction, unsigned bytes, uint32_t *out)
{
    if (fraction >= power10[bytes * 2])
        return false;
    *out = (uint32_t)fraction * power10[6 - bytes * 2];
    return true;
}

size_t datetime_print(char *out, uint64_t ymd_hms, uint32_t micros, int digits)
{
    uint32_t ymd = (uint32_t)(ymd_hms >> 17), hms = (uint32_t)ymd_hms & 0x1ffff;
    uint32_t year = (ymd >> 5) / 13, month = (ymd >> 5) % 13;
    if (ymd_hms >> 40 || year > 9999 || hms >> 12 > 23 || (hms >> 6 & 63) > 59 || (hms & 63) > 59)
        return 0;
    char *end = put_date(out, year, month, ymd & 31);
    *end++ = ' ';
    end = put_clock(end, hms >> 12, hms >> 6 & 63, hms & 63);
    return (size_t)(put_fraction(end, micros, digits) - out);
}

size_t time_print(char *out, bool negative, uint32_t hms, uint32_t micros, int digits)
{
    uint32_t hour = hms >> 12;
    char *end = out;
    if (hour > 838 || (hms >> 6 & 63) > 59 || (hms & 63) > 59)
        return 0;
    if (negative)
        *end++ = '-';
    if (hour > 99)
        *end++ = (char)('0' + hour / 100);
    end = put_clock(end, hour % 100, hms >> 6 & 63, hms & 63);
    return (size_t)(put_fraction(end, micros, digits) - out);
}

size_t decimal_width(uint8_t integer, uint8_t scale)
{
    return (size_t)(integer / 9) * 4 + group_bytes[integer % 9] + (size_t)(scale / 9) * 4 +
           group_bytes[scale % 9];
}

/* One group of digits, most significant byte first. Negative numbers have all bits flipped; the
 * very first bit is the sign, flipped once more. */
static inline bool decimal_group(const uint8_t **p, unsigned digits, bool first, bool negative,
                                 uint32_t *out)
{
    unsigned bytes = group_bytes[digits]; /* at least one: digits > 0 */
    uint32_t v = first ? (*p)[0] ^ 0x80u : (*p)[0];
    for (unsigned i = 1; i < bytes; i++)
        v = v << 8 | (*p)[i];
    if (negative)
        v ^= UINT32_MAX >> (32 - 8 * bytes);
    *p += bytes;
    *out = v;
    return v < power10[digits];
}

size_t decimal_print(char *out, const uint8_t *p, uint8_t integer, uint8_t scale)
{
    const uint8_t *start = p;
    bool negative = !(*p & 0x80);
    char *w = out + 1, *first = w; /* room for the sign */
    uint32_t group, any = 0;
    for (unsigned left = integer, n = integer % 9; left > 0; left -= n, n = 9) {
        if (n == 0)
            n = 9;
        if (!decimal_group(&p, n, p == start, negative, &group))
            return 0;
        if (any == 0 && group == 0) /* a leading zero */
            continue;
        w = put_digits(w, group, n);
        any |= group;
    }
    while (w - first > 1 && *first == '0')
        first++;
    if (w == first)
        *w++ = '0';
    if (scale)
        *w++ = '.';
    for (unsigned left = scale, n; left > 0; left -= n) {
        n = left < 9 ? left : 9;
        if (!decimal_group(&p, n, p == start, negative, &group))
            return 0;
        any |= group;
        w = put_digits(w, group, n);
    }
    if (negative && any)
        *--first = '-';
    size_t length = (size_t)(w - first);
    memmove(out, first, length);
    return length;
}

static uint8_t *put_decimal(uint8_t *w, const struct column_plan *plan, const uint8_t *p)
{
    char text[80];
    size_t length = decimal_print(text, p, plan->integer, plan->digits);
    if (length == 0)
        return NULL;
    w = pack_text_head(w, (uint32_t)length);
    memcpy(w, text, length);
    return w + length;
}

static uint8_t *put_day(uint8_t *w, const uint8_t *p)
{
    uint32_t v = (uint32_t)le_n(p, 3);
    if (v >> 9 > 9999 || (v >> 5 & 15) > 12)
        return NULL;
    *w = 0xa0 | 10;
    return (uint8_t *)put_date((char *)w + 1, v >> 9, v >> 5 & 15, v & 31);
}

/* For texts of at most 31 bytes, whose head is one byte. */
static uint8_t *short_text(uint8_t *w, size_t length)
{
    *w = (uint8_t)(0xa0 | length);
    return length ? w + 1 + length : NULL;
}

static uint8_t *put_time(uint8_t *w, const struct column_plan *plan, const uint8_t *p)
{
    unsigned bytes = plan->width - 3u;
    if (bytes > 3)
        __builtin_unreachable(); /* plan_fraction gives no such width */
    int64_t v = (int64_t)be_n(p, plan->width) - (int64_t)(TIME_BIAS << 8 * bytes);
    bool negative = v < 0;
    uint64_t u = (uint64_t)(negative ? -v : v);
    uint32_t micros;
    if (!micros_of(u & ((1ULL << 8 * bytes) - 1), bytes, &micros))
        return NULL;
    return short_text(
        w, time_print((char *)w + 1, negative, (uint32_t)(u >> 8 * bytes), micros, plan->digits));
}

static uint8_t *put_datetime(uint8_t *w, const struct column_plan *plan, const uint8_t *p)
{
    uint64_t v = be_n(p, 5);
    uint32_t micros;
    if (v < DATETIME_BIAS || !micros_of(be_n(p + 5, plan->width - 5u), plan->width - 5u, &micros))
        return NULL;
    return short_text(w, datetime_print((char *)w + 1, v - DATETIME_BIAS, micros, plan->digits));
}

/* Days since 1970-01-01 as a date, by the 400-year cycle of the calendar counted from a March. */
static char *put_epoch_date(char *out, uint32_t days)
{
    days += 719468; /* since 0000-03-01 */
    uint32_t era = days / 146097, day = days % 146097;
    uint32_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= 365 * year + year / 4 - year / 100;
    uint32_t month = (5 * day + 2) / 153; /* from March = 0 */
    day -= (153 * month + 2) / 5;
    year += era * 400 + (month >= 10);
    return put_date(out, year, month < 10 ? month + 3 : month - 9, day + 1);
}

static uint8_t *put_epoch(uint8_t *w, uint32_t seconds, uint32_t micros, int digits)
{
    char *out = (char *)w + 1;
    if (seconds == 0 && micros == 0) /* stands for no time at all */
        out = put_date(out, 0, 0, 0);
    else
        out = put_epoch_date(out, seconds / 86400);
    *out++ = ' ';
    uint32_t s = seconds % 86400;
    out = put_clock(out, s / 3600, s / 60 % 60, s % 60);
    out = put_fraction(out, micros, digits);
    return short_text(w, (size_t)(out - (char *)w - 1));
}

static uint8_t *put_timestamp(uint8_t *w, const struct column_plan *plan, const uint8_t *p)
{
    uint32_t micros;
    if (!micros_of(be_n(p + 4, plan->width - 4u), plan->width - 4u, &micros))
        return NULL;
    return put_epoch(w, (uint32_t)be_n(p, 4), micros, plan->digits);
}

/* Before 5.6: TIME is the signed number HHMMSS, DATETIME the number YYYYMMDDHHMMSS. */
static uint8_t *put_old_time(uint8_t *w, const uint8_t *p)
{
    int32_t v = (int32_t)((uint32_t)le_n(p, 3) << 8) >> 8;
    uint32_t u = (uint32_t)(v < 0 ? -v : v);
    if (u % 100 > 59 || u / 100 % 100 > 59)
        return NULL;
    uint32_t hms = u / 10000 << 12 | u / 100 % 100 << 6 | u % 100;
    return short_text(w, time_print((char *)w + 1, v < 0, hms, 0, 0));
}

static uint8_t *put_old_datetime(uint8_t *w, const uint8_t *p)
{
    uint64_t v = le64(p);
    if (v > 99991231235959ULL)
        return NULL;
    uint32_t date = (uint32_t)(v / 1000000), clock = (uint32_t)(v % 1000000);
    uint32_t month = date / 100 % 100, day = date % 100;
    if (month > 12 || day > 31 || clock / 10000 > 23 || clock / 100 % 100 > 59 || clock % 100 > 59)
        return NULL;
    char *out = put_date((char *)w + 1, date / 10000, month, day);
    *out++ = ' ';
    put_clock(out, clock / 10000, clock / 100 % 100, clock % 100);
    return short_text(w, 19);
}

uint8_t *value_put(uint8_t *w, const struct column_plan *plan, const uint8_t *p)
{
    switch ((enum plan_kind)plan->kind) {
    case PLAN_YEAR:
        return pack_uint(w, *p ? 1900u + *p : 0);
    case PLAN_BIT:
        return pack_uint(w, be_n(p, plan->width));
    case PLAN_UINT_LE:
        return pack_uint(w, le_n(p, plan->width));
    case PLAN_DECIMAL:
        return put_decimal(w, plan, p);
    case PLAN_DATE:
        return put_day(w, p);
    case PLAN_TIME:
        return put_time(w, plan, p);
    case PLAN_DATETIME:
        return put_datetime(w, plan, p);
    case PLAN_TIMESTAMP:
        return put_timestamp(w, plan, p);
    case PLAN_OLD_TIME:
        return put_old_time(w, p);
    case PLAN_OLD_DATETIME:
        return put_old_datetime(w, p);
    case PLAN_OLD_TIMESTAMP:
        return put_epoch(w, le32(p), 0, 0);
    default:
        return NULL;
    }
}

size_t value_room(const struct column_plan *plan)
{
    switch ((enum plan_kind)plan->kind) {
    case PLAN_DECIMAL:
        return 80; /* what decimal_print uses while it works */
    case PLAN_BINARY:
        return 5 + (size_t)plan->length;
    case PLAN_DATE:
    case PLAN_TIME:
    case PLAN_DATETIME:
    case PLAN_TIMESTAMP:
    case PLAN_OLD_TIME:
    case PLAN_OLD_DATETIME:
    case PLAN_OLD_TIMESTAMP:
        return 32;
    default:
        return 9;
    }
}
