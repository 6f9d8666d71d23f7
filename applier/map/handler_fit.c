/* Handlers of our own: Fit, which gives a column what it can hold of a value. That tool let the
 * server do so, and nobody was told; here a rule says where it may be. */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "applier/map/handler.h"
#include "applier/map/map_charset.h"
#include "applier/map/map_members.h"
#include "applier/map/map_value.h"
#include "applier/target.h"
#include "schema/json.h"

enum { NUMBER_ROOM = 120, REAL_ROOM = 350, DIGITS_MAX = 65, TIME_ROOM = 40 };
enum { DATE_LENGTH = 10, HOURS_MOST = 838, YEAR_LEAST = 1901, YEAR_MOST = 2155 };

struct fit {
    struct map_charset *charset; /* of the column; NULL: UTF-8 */
    bool narrow;                 /* UTF-8 of three bytes at most */
    bool ascii;
};

static int open_fit(struct map_handler *h, struct ds_error *err)
{
    const struct target_column *to = h->table->fields[h->field].column;
    struct fit *f = handler_state(h, sizeof *f, err);
    if (!f)
        return DS_ENOMEM;
    if (!to)
        return handler_wrong(h, err, "is for fields of the destination: put the rule there");
    f->narrow = strcasecmp(to->charset, "utf8mb3") == 0 || strcasecmp(to->charset, "utf8") == 0;
    f->ascii = strcasecmp(to->charset, "ascii") == 0;
    return to->class == TARGET_TEXT ? map_charset_open(&f->charset, to->charset, err) : 0;
}

static void close_fit(struct map_handler *h)
{
    map_charset_close(((struct fit *)h->state)->charset);
}

/* --- NULL ------------------------------------------------------------------------------------ */

static void set_zero_date(const struct target_column *to, struct map_call *c)
{
    handler_set(c, slice_of(to->type == MYSQL_TYPE_DATE    ? "0000-00-00"
                            : to->type == MYSQL_TYPE_TIME2 ? "00:00:00"
                                                           : "0000-00-00 00:00:00"));
}

static void fit_null(const struct target_column *to, struct map_call *c)
{
    if (to->has_default)
        *handler_value(c) = (struct map_value){0};
    else if (to->class == TARGET_TEXT || to->class == TARGET_BYTES)
        handler_set(c, slice_of(""));
    else if (to->class == TARGET_TEMPORAL)
        set_zero_date(to, c);
    else
        handler_set(c, slice_of(to->class == TARGET_JSON ? "null" : "0"));
}

/* --- texts ----------------------------------------------------------------------------------- */

/* The character at `at`; other bytes than UTF-8's are one each. */
static struct slice character_at(struct slice s, size_t at)
{
    size_t end = at + 1;
    while (s.p[at] >= 0xc0 && end < s.len && (s.p[end] & 0xc0) == 0x80)
        end++;
    return (struct slice){s.p + at, end - at};
}

/* Bytes of the character in the column's set; 0: the set has it not. */
static size_t stored(const struct fit *f, struct slice character, struct arena *arena)
{
    const uint8_t first = *character.p;
    if ((f->narrow && first >= 0xf0) || (f->ascii && first >= 0x80) ||
        utf8_character(character.p, character.len) != character.len)
        return 0;
    if (!f->charset)
        return character.len;
    return map_charset_write(f->charset, &character, arena) ? 0 : character.len;
}

/* What the set has not becomes a question mark; then the first characters that fit. TEXT counts
 * bytes. */
static int fit_text(const struct fit *f, const struct target_column *to, struct map_call *c,
                    struct ds_error *err)
{
    const struct slice s = value_text(handler_value(c));
    const bool counts_bytes = strcasestr(to->type_text, "text") != NULL;
    uint64_t taken = 0;
    size_t n = 0;
    uint8_t *p = arena_alloc(c->arena, s.len + 1);
    if (!p)
        return handler_no_memory(err);
    for (size_t at = 0; at < s.len;) {
        const struct slice character = character_at(s, at);
        const size_t bytes = stored(f, character, c->arena);
        taken += counts_bytes && bytes ? bytes : 1;
        if (taken > to->characters)
            break;
        memcpy(p + n, bytes ? character.p : (const uint8_t *)"?", bytes ? character.len : 1);
        n += bytes ? character.len : 1;
        at += character.len;
    }
    handler_set(c, (struct slice){p, n});
    return 0;
}

static void fit_bytes(const struct target_column *to, struct map_call *c)
{
    struct slice s = value_text(handler_value(c));
    s.len = s.len < to->characters ? s.len : to->characters;
    handler_set(c, s);
}

/* --- numbers --------------------------------------------------------------------------------- */

/* "-12.50 EUR": the sign, digits before and behind the point. */
struct number {
    bool negative;
    struct slice whole, part;
};

static struct number read_number(struct slice s)
{
    struct number n = {0};
    size_t at = 0, start;
    while (at < s.len && s.p[at] == ' ')
        at++;
    n.negative = at < s.len && s.p[at] == '-';
    at += at < s.len && (s.p[at] == '-' || s.p[at] == '+');
    while (at < s.len && s.p[at] == '0')
        at++;
    for (start = at; at < s.len && s.p[at] >= '0' && s.p[at] <= '9';)
        at++;
    n.whole = (struct slice){s.p + start, at - start};
    if (at < s.len && s.p[at] == '.') {
        for (start = ++at; at < s.len && s.p[at] >= '0' && s.p[at] <= '9';)
            at++;
        n.part = (struct slice){s.p + start, at - start};
    }
    return n;
}

/* The largest number of a column of whole ones. */
static uint64_t most_of(const struct target_column *to)
{
    const char *room = strchr(to->type_text, '('); /* bit(4) */
    const unsigned bits = to->width ? to->width * 8U
                          : to->type == MYSQL_TYPE_BIT && room
                              ? (unsigned)strtoul(room + 1, NULL, 10)
                              : 64;
    return to->type == MYSQL_TYPE_YEAR
               ? YEAR_MOST
               : UINT64_MAX >> (64 - bits + !(to->is_unsigned || !to->width));
}

/* What is not whole is cut. */
static int fit_int(const struct target_column *to, struct map_call *c, struct ds_error *err)
{
    const struct number n = read_number(value_text(handler_value(c)));
    const uint64_t most = most_of(to);
    const uint64_t least = to->is_unsigned || !to->width ? 0 : most + 1; /* below zero */
    char text[NUMBER_ROOM];
    snprintf(text, sizeof text, "%.*s", (int)(n.whole.len < 30 ? n.whole.len : 30), n.whole.p);
    errno = 0;
    uint64_t v = strtoull(text, NULL, 10);
    const uint64_t limit = n.negative ? least : most;
    v = errno == ERANGE || v > limit ? limit : v;
    if (to->type == MYSQL_TYPE_YEAR && v && v < YEAR_LEAST)
        v = YEAR_LEAST;
    int len = snprintf(text, sizeof text, "%s%lu", n.negative && v ? "-" : "", v);
    return handler_set_copy(c, text, (size_t)len, err);
}

/* Of a SET those that it has; what an ENUM has not is none of its values. */
static int fit_named(const struct target_column *to, struct map_call *c, struct ds_error *err)
{
    const struct slice text = value_text(handler_value(c));
    struct map_members *m;
    BUF_AUTO struct buf kept = {0};
    uint64_t n;
    if (map_members_of_target(to, c->arena, &m))
        return error_set(err, DS_ENOMEM, "out of memory for a value that fits");
    if (!m || map_members_number(m, text, &n))
        return 0;
    if (to->is_enum && to->nullable) {
        handler_set_null(c);
        return 0;
    }
    for (size_t at = 0; !to->is_enum && at < text.len;) {
        const uint8_t *comma = memchr(text.p + at, ',', text.len - at);
        const struct slice one = {text.p + at,
                                  comma ? (size_t)(comma - text.p) - at : text.len - at};
        if (map_members_number(m, one, &n) &&
            ((kept.len && buf_puts(&kept, ",")) || buf_append(&kept, one.p, one.len)))
            return error_set(err, DS_ENOMEM, "out of memory for a value that fits");
        at += one.len + 1;
    }
    return handler_set_copy(c, buf_cstr(&kept), kept.len, err);
}

/* Digits behind the last are cut; what is too large becomes the largest there is. */
static int fit_decimal(const struct target_column *to, struct map_call *c, struct ds_error *err)
{
    const struct number n = read_number(value_text(handler_value(c)));
    const size_t digits = to->precision - to->scale;
    const bool large = n.whole.len > digits, below = n.negative && to->is_unsigned;
    char text[NUMBER_ROOM + 2 * DIGITS_MAX];
    size_t at = 0;
    if (n.negative && !below)
        text[at++] = '-';
    for (size_t i = 0; i < (large ? digits : n.whole.len); i++)
        text[at++] = below ? '0' : large ? '9' : (char)n.whole.p[i];
    if (!n.whole.len || !digits)
        text[at++] = '0';
    for (size_t i = 0; i < to->scale; i++) {
        if (!i)
            text[at++] = '.';
        text[at++] = below ? '0' : large ? '9' : i < n.part.len ? (char)n.part.p[i] : '0';
    }
    return handler_set_copy(c, text, at, err);
}

/* A number at its beginning, else zero; what is too large becomes the largest there is, and one of
 * more digits the nearest. */
static int fit_real(const struct target_column *to, struct map_call *c, struct ds_error *err)
{
    const struct slice v = value_text(handler_value(c));
    const bool single = to->class == TARGET_FLOAT;
    const double most = single ? (double)FLT_MAX : DBL_MAX;
    char text[REAL_ROOM], *end;
    snprintf(text, sizeof text, "%.*s", (int)(v.len < REAL_ROOM ? v.len : REAL_ROOM - 1), v.p);
    const double given = strtod(text, &end);
    double d = isnan(given) || (to->is_unsigned && given < 0) ? 0 : given;
    d = d > most ? most : d < -most ? -most : d;
    if (end > text && !*end && d == given && !map_value_loses(handler_value(c), to))
        return 0;
    const int len = single ? snprintf(text, sizeof text, "%.*g", FLT_DECIMAL_DIG, (double)(float)d)
                           : snprintf(text, sizeof text, "%.*g", DBL_DECIMAL_DIG, d);
    return handler_set_copy(c, text, (size_t)len, err);
}

/* --- dates and times ------------------------------------------------------------------------- */

/* `form`: 0 stands for a digit. */
static bool begins(const char *text, const char *form)
{
    for (; *form; text++, form++)
        if (*form == '0' ? *text < '0' || *text > '9' : *text != *form)
            return false;
    return true;
}

static unsigned two_digits(const char *p)
{
    return (unsigned)(p[0] - '0') * 10 + (unsigned)(p[1] - '0');
}

/* Also one that the server takes with zeros in it. */
static bool is_date(const char *text)
{
    static const uint8_t days[] = {31, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (!begins(text, "0000-00-00"))
        return false;
    const unsigned century = two_digits(text), year = two_digits(text + 2),
                   month = two_digits(text + 5), day = two_digits(text + 8);
    const bool leap = year ? year % 4 == 0 : century % 4 == 0;
    return month < sizeof days && day <= days[month] && (month != 2 || day < 29 || leap);
}

/* ":59:59.25" behind the hours. */
static bool is_rest_of_time(const char *p)
{
    if (!begins(p, ":00:00") || two_digits(p + 1) > 59 || two_digits(p + 4) > 59)
        return false;
    p += 6;
    return !*p || (*p == '.' && !p[1 + strspn(p + 1, "0123456789")]);
}

static bool is_date_and_time(const char *text)
{
    const char *time = text + DATE_LENGTH;
    return is_date(text) && (!*time || (begins(time, " 00") && two_digits(time + 1) < 24 &&
                                        is_rest_of_time(time + 3)));
}

static bool is_time(const char *text)
{
    char *end;
    text += *text == '-';
    return *text >= '0' && *text <= '9' && strtoul(text, &end, 10) <= HOURS_MOST &&
           is_rest_of_time(end);
}

/* Digits behind the second that the column has not. */
static void cut_fraction(const struct target_column *to, char *text)
{
    const char *room = strchr(to->type_text, '('); /* datetime(3) */
    const size_t digits = room ? strtoul(room + 1, NULL, 10) : 0;
    char *point = strchr(text, '.');
    if (point && strlen(point + 1) > digits)
        point[digits ? digits + 1 : 0] = 0;
}

/* Of a date and a time what the column has; a time out of range the nearest; else as of none. */
static int fit_time(const struct target_column *to, struct map_call *c, struct ds_error *err)
{
    static const char first[] = "1970-01-01 00:00:01", last[] = "2038-01-19 03:14:07";
    const struct slice s = value_text(handler_value(c));
    char room[TIME_ROOM], *text = room;
    snprintf(room, sizeof room, "%.*s", (int)(s.len < sizeof room ? s.len : sizeof room - 1), s.p);
    const bool dated = s.len == strlen(room) && is_date_and_time(room);
    if (to->type == MYSQL_TYPE_TIME2 && dated && text[DATE_LENGTH])
        text += DATE_LENGTH + 1;
    if (to->type == MYSQL_TYPE_TIME2 ? s.len != strlen(room) || !is_time(text) : !dated) {
        if (to->nullable)
            handler_set_null(c);
        else
            fit_null(to, c);
        return 0;
    }
    if (to->type == MYSQL_TYPE_DATE)
        text[DATE_LENGTH] = 0;
    cut_fraction(to, text);
    const char *kept = text;
    if (to->type == MYSQL_TYPE_TIMESTAMP2 && strncmp(text, "0000-00-00", DATE_LENGTH) != 0)
        kept = strcmp(text, first) < 0                 ? first
               : strncmp(text, last, strlen(last)) > 0 ? last
                                                       : text;
    return handler_set_copy(c, kept, strlen(kept), err);
}

/* --- all ------------------------------------------------------------------------------------- */

static int call_fit(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    const struct target_column *to = c->record->table->fields[h->field].column;
    const struct map_value *v = handler_value(c);
    if (v->set ? v->null && to->nullable : to->nullable || to->has_default)
        return 0;
    if (!v->set || v->null) {
        fit_null(to, c);
        return 0;
    }
    switch (to->class) {
    case TARGET_TEXT:
        return fit_text(h->state, to, c, err);
    case TARGET_BYTES:
        fit_bytes(to, c);
        return 0;
    case TARGET_INT:
        return to->is_enum || strncmp(to->type_text, "set(", 4) == 0 ? fit_named(to, c, err)
                                                                     : fit_int(to, c, err);
    case TARGET_DECIMAL:
        return fit_decimal(to, c, err);
    case TARGET_FLOAT:
    case TARGET_DOUBLE:
        return fit_real(to, c, err);
    case TARGET_TEMPORAL:
        return fit_time(to, c, err);
    default:
        return 0;
    }
}

const struct map_class handlers_of_ours[] = {
    {.name = "Fit", .open = open_fit, .call = call_fit, .close = close_fit},
    {0},
};
