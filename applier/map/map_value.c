#include "applier/map/map_value.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applier/map/map_members.h"

enum { NUMBER_ROOM = 40, DATE_LENGTH = 10 };

/* --- to text --------------------------------------------------------------------------------- */

static int keep_text(struct arena *arena, const char *text, struct map_value *out)
{
    size_t len = strlen(text);
    const uint8_t *copy = arena_copy(arena, text, len);
    out->text = (struct slice){copy, len};
    return copy ? 0 : DS_ENOMEM;
}

static int real_text(double d, bool single, struct arena *arena, struct map_value *out)
{
    char text[NUMBER_ROOM];
    for (int digits = single ? 6 : 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, d);
        if (single ? strtof(text, NULL) == (float)d : strtod(text, NULL) == d)
            break;
    }
    return keep_text(arena, text, out);
}

int map_value_read(const struct value *v, struct arena *arena, struct map_value *out)
{
    char text[NUMBER_ROOM];
    *out = (struct map_value){.set = v->kind != VALUE_ABSENT, .null = v->kind == VALUE_NULL};
    switch (v->kind) {
    case VALUE_INT:
        snprintf(text, sizeof text, "%ld", v->i);
        return keep_text(arena, text, out);
    case VALUE_UINT:
        snprintf(text, sizeof text, "%lu", v->u);
        return keep_text(arena, text, out);
    case VALUE_FLOAT:
        return real_text((double)v->f, true, arena, out);
    case VALUE_DOUBLE:
        return real_text(v->d, false, arena, out);
    case VALUE_TEXT:
    case VALUE_BYTES:
        out->text = v->bytes;
        return 0;
    default:
        return 0;
    }
}

/* --- from text ------------------------------------------------------------------------------- */

/* A whole number, also one that is written with decimals that are zero: "5.0000". */
static bool whole_number(const char *text, struct value *out)
{
    char *end;
    const char *p = text + strspn(text, " ");
    errno = 0;
    if (*p == '-')
        out->i = strtoll(p, &end, 10);
    else
        out->u = strtoull(p, &end, 10);
    out->kind = *p == '-' && out->i < 0 ? VALUE_INT : VALUE_UINT;
    if (errno || end == p)
        return false;
    if (*end == '.')
        end += 1 + strspn(end + 1, "0");
    return !end[strspn(end, " ")];
}

static bool in_range(const struct value *v, const struct target_column *to)
{
    unsigned bits = to->width ? to->width * 8U : 64;
    if (v->kind == VALUE_INT)
        return !to->is_unsigned && (bits == 64 || v->i >= -(1LL << (bits - 1)));
    unsigned free = to->is_unsigned || !to->width ? bits : bits - 1;
    return free == 64 || v->u < 1ULL << free;
}

static bool write_int(const char *text, const struct target_column *to, struct buf *out,
                      const char **why)
{
    struct value v = {0};
    *why = "a whole number";
    if (!whole_number(text, &v))
        return false;
    *why = "a number that the column can hold";
    if (!in_range(&v, to))
        return false;
    *why = NULL;
    return (v.kind == VALUE_INT ? value_write_int(out, v.i) : value_write_uint(out, v.u)) == 0;
}

static bool write_real(const char *text, bool single, struct buf *out, const char **why)
{
    char *end;
    double d = strtod(text, &end);
    *why = "a number";
    if (end == text || *end || !isfinite(d))
        return false;
    *why = "a number that the column can hold";
    if (single && !isfinite((float)d))
        return false;
    *why = NULL;
    return (single ? value_write_float(out, (float)d) : value_write_double(out, d)) == 0;
}

static bool is_decimal(const char *text)
{
    text += *text == '-' || *text == '+';
    size_t whole = strspn(text, "0123456789"), part = 0;
    text += whole;
    if (*text == '.')
        text += 1 + (part = strspn(text + 1, "0123456789"));
    return whole + part > 0 && !*text;
}

/* NUL-terminated, if it is as short as numbers are. */
static bool short_text(struct slice s, char room[NUMBER_ROOM * 3])
{
    if (s.len >= NUMBER_ROOM * 3 || (s.len && memchr(s.p, 0, s.len)))
        return false;
    if (s.len)
        memcpy(room, s.p, s.len);
    room[s.len] = 0;
    return true;
}

static bool write_number(const struct map_value *v, const struct target_column *to, struct buf *out,
                         const char **why)
{
    char text[NUMBER_ROOM * 3];
    *why = "a number";
    if (!short_text(v->text, text))
        return false;
    if (to->class == TARGET_INT)
        return write_int(text, to, out, why);
    if (to->class != TARGET_DECIMAL)
        return write_real(text, to->class == TARGET_FLOAT, out, why);
    if (!is_decimal(text))
        return false;
    *why = NULL;
    return value_write_text(out, v->text.p, v->text.len) == 0;
}

static bool write_named(const struct map_value *v, const struct target_column *to, struct buf *out,
                        const char **why)
{
    struct arena arena = {0};
    struct map_members *m;
    uint64_t n = 0;
    int rc = map_members_of_target(to, &arena, &m);
    *why = rc ? NULL : "one of its values";
    bool is = rc == 0 && m && map_members_number(m, v->text, &n);
    arena_free(&arena);
    if (is)
        *why = NULL;
    return is && value_write_uint(out, n) == 0;
}

bool map_value_write(const struct map_value *v, const struct target_column *to, struct buf *out,
                     const char **why)
{
    *why = NULL;
    if (!v->set)
        return value_write_absent(out) == 0;
    if (v->null)
        return value_write_null(out) == 0;
    if (map_members_has(to->type))
        return write_named(v, to, out, why);
    switch (to->class) {
    case TARGET_INT:
    case TARGET_DECIMAL:
    case TARGET_FLOAT:
    case TARGET_DOUBLE:
        return write_number(v, to, out, why);
    case TARGET_BYTES:
        return value_write_bytes(out, v->text.p, v->text.len) == 0;
    case TARGET_TEMPORAL: /* a date of a date and a time */
        if (to->type == MYSQL_TYPE_DATE && v->text.len > DATE_LENGTH)
            return value_write_text(out, v->text.p, DATE_LENGTH) == 0;
        return value_write_text(out, v->text.p, v->text.len) == 0;
    default:
        return value_write_text(out, v->text.p, v->text.len) == 0;
    }
}

/* --- what is lost ---------------------------------------------------------------------------- */

/* Behind the point, without zeros at the end. */
static size_t decimals(struct slice s)
{
    const uint8_t *point = s.len ? memchr(s.p, '.', s.len) : NULL;
    while (point && s.p[s.len - 1] == '0')
        s.len--;
    return point ? (size_t)(s.p + s.len - point) - 1 : 0;
}

static const char *time_loses(struct slice s, const struct target_column *to)
{
    const char *room = strchr(to->type_text, '('); /* datetime(3) */
    for (size_t i = DATE_LENGTH; to->type == MYSQL_TYPE_DATE && i < s.len; i++)
        if (s.p[i] >= '1' && s.p[i] <= '9')
            return "a date without a time of day";
    return to->type != MYSQL_TYPE_DATE && decimals(s) > (room ? strtoul(room + 1, NULL, 10) : 0)
               ? "a time with fewer digits behind the second"
               : NULL;
}

/* Of a number those that count, without the zeros around them. */
static size_t digits_of(const char *text, char out[NUMBER_ROOM * 3])
{
    size_t n = 0;
    for (; *text && *text != 'e' && *text != 'E'; text++)
        if (*text >= '0' && *text <= '9' && (n || *text != '0'))
            out[n++] = *text;
    while (n && out[n - 1] == '0')
        n--;
    return n;
}

static const char *real_loses(struct slice s, bool single)
{
    char text[NUMBER_ROOM * 3], held[NUMBER_ROOM * 4], given[NUMBER_ROOM * 3],
        kept[NUMBER_ROOM * 3];
    if (!short_text(s, text))
        return NULL;
    const size_t n = digits_of(text, given);
    const double d = single ? (double)strtof(text, NULL) : strtod(text, NULL);
    if (n <= (single ? FLT_DIG : DBL_DIG))
        return NULL;
    snprintf(held, sizeof held, "%.*e", (int)n - 1, d);
    return digits_of(held, kept) == n && memcmp(given, kept, n) == 0 ? NULL
                                                                     : "a number of fewer digits";
}

const char *map_value_loses(const struct map_value *v, const struct target_column *to)
{
    if (!v->set || v->null)
        return NULL;
    switch (to->class) {
    case TARGET_TEMPORAL:
        return time_loses(v->text, to);
    case TARGET_FLOAT:
    case TARGET_DOUBLE:
        return real_loses(v->text, to->class == TARGET_FLOAT);
    default:
        return NULL;
    }
}

struct map_value map_value_empty(const struct target_column *to)
{
    static const char zero[] = "0", date[] = "0000-00-00 00:00:00", time[] = "00:00:00";
    struct map_value v = {.set = true, .null = to->nullable};
    if (v.null)
        return v;
    if (to->class == TARGET_TEMPORAL)
        v.text = map_value_kind(to->type, 0) == MAP_FIELD_OTHER
                     ? (struct slice){(const uint8_t *)time, sizeof time - 1}
                     : (struct slice){(const uint8_t *)date, sizeof date - 1};
    else if (to->class != TARGET_TEXT && to->class != TARGET_BYTES && to->class != TARGET_JSON &&
             !map_members_has(to->type))
        v.text = (struct slice){(const uint8_t *)zero, 1};
    return v;
}

/* --- columns --------------------------------------------------------------------------------- */

/* The form that values of such a column have in a message. */
static enum target_class class_of(uint8_t type, uint16_t collation)
{
    switch (type) {
    case MYSQL_TYPE_TINY:
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_LONGLONG:
    case MYSQL_TYPE_YEAR:
    case MYSQL_TYPE_BIT:
    case MYSQL_TYPE_ENUM:
    case MYSQL_TYPE_SET:
        return TARGET_INT;
    case MYSQL_TYPE_FLOAT:
        return TARGET_FLOAT;
    case MYSQL_TYPE_DOUBLE:
        return TARGET_DOUBLE;
    case MYSQL_TYPE_NEWDECIMAL:
        return TARGET_DECIMAL;
    case MYSQL_TYPE_DATE:
    case MYSQL_TYPE_TIME:
    case MYSQL_TYPE_TIME2:
    case MYSQL_TYPE_DATETIME:
    case MYSQL_TYPE_DATETIME2:
    case MYSQL_TYPE_TIMESTAMP:
    case MYSQL_TYPE_TIMESTAMP2:
        return TARGET_TEMPORAL;
    case COLUMN_TYPE_JSON:
        return TARGET_JSON;
    default:
        return collation == MAP_BINARY ? TARGET_BYTES : TARGET_TEXT;
    }
}

static bool same_members(const struct msg_column *from, const struct target_column *to)
{
    struct arena arena = {0};
    struct map_members *here, *there;
    struct ds_error unknown = {0};
    bool same = !from->members.len;
    if (!same && map_members_of_source(from, &arena, &here, &unknown) == 0 && here &&
        map_members_of_target(to, &arena, &there) == 0 && there && there->count >= here->count) {
        same = true;
        for (uint32_t i = 0; i < here->count; i++)
            same &= here->names[i].len == there->names[i].len &&
                    (here->names[i].len == 0 ||
                     memcmp(here->names[i].p, there->names[i].p, here->names[i].len) == 0);
    }
    arena_free(&arena);
    return same;
}

/* The number of an ENUM's value passes where the other column has the same values, or more behind
 * them. Where their names are not known, nobody can tell. Whether a number is within the other
 * column's range the server tells, but not of one below zero that goes where none are: messages
 * without signs have such (bind.h). */
bool map_value_passes(const struct msg_column *from, const struct target_column *to)
{
    enum target_class class = class_of(from->type, from->collation);
    if (map_members_has(from->type) || map_members_has(to->type))
        return from->type == to->type && same_members(from, to);
    if (class == TARGET_INT && to->width && !(from->flags & COLUMN_UNSIGNED) != !to->is_unsigned)
        return false;
    return class == to->class && (to->type != MYSQL_TYPE_DATE || from->type == MYSQL_TYPE_DATE);
}

enum map_field_kind map_value_kind(uint8_t type, uint16_t collation)
{
    switch (class_of(type, collation)) {
    case TARGET_INT:
        return map_members_has(type) ? MAP_FIELD_OTHER : MAP_FIELD_NUMBER;
    case TARGET_DECIMAL:
        return MAP_FIELD_DECIMAL;
    case TARGET_TEMPORAL:
        return type == MYSQL_TYPE_DATE                               ? MAP_FIELD_DATE
               : type == MYSQL_TYPE_TIME || type == MYSQL_TYPE_TIME2 ? MAP_FIELD_OTHER
                                                                     : MAP_FIELD_DATETIME;
    case TARGET_TEXT:
        return MAP_FIELD_TEXT;
    case TARGET_BYTES:
        return MAP_FIELD_BYTES;
    default:
        return MAP_FIELD_OTHER;
    }
}
