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
#include "applier/target.h"

enum { NUMBER_ROOM = 120, REAL_ROOM = 350, DIGITS_MAX = 65 };

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

static void fit_null(const struct target_column *to, struct map_call *c)
{
    if (to->has_default)
        *handler_value(c) = (struct map_value){0};
    else if (to->class == TARGET_TEXT || to->class == TARGET_BYTES)
        handler_set(c, slice_of(""));
    else if (to->class == TARGET_TEMPORAL)
        handler_set(c, slice_of(to->type == MYSQL_TYPE_DATE   ? "0000-00-00"
                                : to->type == MYSQL_TYPE_TIME ? "00:00:00"
                                                              : "0000-00-00 00:00:00"));
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
    if ((f->narrow && first >= 0xf0) || (f->ascii && first >= 0x80))
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

/* What is not whole is cut. */
static int fit_int(const struct target_column *to, struct map_call *c, struct ds_error *err)
{
    const struct number n = read_number(value_text(handler_value(c)));
    const unsigned bits = to->width ? to->width * 8U : 64;
    const uint64_t most = UINT64_MAX >> (64 - bits + !to->is_unsigned);
    const uint64_t least = to->is_unsigned ? 0 : most + 1; /* below zero */
    char text[NUMBER_ROOM];
    snprintf(text, sizeof text, "%.*s", (int)(n.whole.len < 30 ? n.whole.len : 30), n.whole.p);
    errno = 0;
    uint64_t v = strtoull(text, NULL, 10);
    const uint64_t limit = n.negative ? least : most;
    v = errno == ERANGE || v > limit ? limit : v;
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

/* A number at its beginning, else zero; what is too large becomes the largest there is. */
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
    if (end > text && !*end && d == given)
        return 0;
    const int len =
        snprintf(text, sizeof text, "%.*g", single ? FLT_DECIMAL_DIG : DBL_DECIMAL_DIG, d);
    return handler_set_copy(c, text, (size_t)len, err);
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
    default:
        return 0;
    }
}

const struct map_class handlers_of_ours[] = {
    {.name = "Fit", .open = open_fit, .call = call_fit, .close = close_fit},
    {0},
};
