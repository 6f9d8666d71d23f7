/* Handlers that know only the record: constants, tables of values, dates, addresses, hashes. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#include "applier/map/handler.h"
#include "schema/time_text.h"

/* --- numbers ---------------------------------------------------------------------------------- */

static size_t digits(struct slice s)
{
    size_t n = 0;
    while (n < s.len && isdigit(s.p[n]))
        n++;
    return n;
}

/* A whole number that fits, with a sign or without. */
static bool read_whole(struct slice s, int64_t *out)
{
    char text[DECIMAL_ROOM + 1];
    size_t sign = s.len && (*s.p == '-' || *s.p == '+');
    struct slice rest = {s.p + sign, s.len - sign};
    if (rest.len == 0 || digits(rest) != rest.len || s.len > sizeof text - 1)
        return false;
    memcpy(text, s.p, s.len);
    text[s.len] = '\0';
    errno = 0;
    *out = strtoll(text, NULL, 10);
    return errno == 0;
}

/* A decimal number as the server prints it, times 10^scale. */
struct decimal {
    __int128 digits;
    size_t scale;
};

/* Of so few digits that two of them can be added. */
enum { DIGITS_OF_PARAM = 12, DIGITS_OF_VALUE = 22 };

static bool read_decimal(struct slice s, size_t most, struct decimal *out)
{
    bool negative = s.len && *s.p == '-';
    size_t at = s.len && (*s.p == '-' || *s.p == '+'), first = at;
    *out = (struct decimal){0};
    for (bool point = false; at < s.len; at++) {
        if (s.p[at] == '.' && !point) {
            point = true;
            continue;
        }
        if (!isdigit(s.p[at]) || at - first > most)
            return false;
        out->digits = out->digits * 10 + (s.p[at] - '0');
        out->scale += point;
    }
    out->digits = negative ? -out->digits : out->digits;
    return at > first;
}

/* --- SetValue, SetValueAttributeCondition ----------------------------------------------------- */

struct set_value {
    bool null, add;
    struct decimal by; /* what is added */
    struct slice text;
};

static int open_set_value(struct map_handler *h, struct ds_error *err)
{
    struct set_value *s = handler_state(h, sizeof *s, err);
    if (!s)
        return DS_ENOMEM;
    s->text = slice_of(handler_param(h, "value"));
    s->null = s->text.len == 4 && strncasecmp((const char *)s->text.p, "null", 4) == 0;
    /* a sign means a sum, also where "-5" was meant as a value: maps are written so */
    s->add = s->text.len > 1 && strchr("+-", *s->text.p) && isdigit(s->text.p[1]) &&
             read_decimal(s->text, DIGITS_OF_PARAM, &s->by);
    return 0;
}

static int add(const struct map_handler *h, struct map_call *c, struct decimal by,
               struct ds_error *err)
{
    struct slice text = value_text(handler_value(c));
    struct decimal sum = {0};
    char out[64], *p = out + sizeof out;
    if (text.len && !read_decimal(text, DIGITS_OF_VALUE, &sum))
        return handler_refuse(h, err, "%s cannot be added to what is no number",
                              handler_param(h, "value"));
    for (; by.scale < sum.scale; by.scale++)
        by.digits *= 10;
    for (; sum.scale < by.scale; sum.scale++)
        sum.digits *= 10;
    sum.digits += by.digits;
    bool negative = sum.digits < 0;
    for (size_t i = 0; sum.digits || i <= sum.scale; i++, sum.digits /= 10) {
        int digit = (int)(sum.digits % 10);
        if (i == sum.scale && i)
            *--p = '.';
        *--p = (char)('0' + (digit < 0 ? -digit : digit));
    }
    if (negative)
        *--p = '-';
    return handler_set_copy(c, p, (size_t)(out + sizeof out - p), err);
}

static int call_set_value(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    const struct set_value *s = h->state;
    if (s->add)
        return add(h, c, s->by, err);
    if (s->null)
        handler_set_null(c);
    else
        handler_set(c, s->text);
    return 0;
}

/* Is the record one of the attribute that the parameter attributeCode names? */
static int is_attribute(const struct map_handler *h, const struct map_call *c, bool *is,
                        struct ds_error *err)
{
    struct map_attribute attribute;
    bool found;
    int rc = handler_attribute(c, handler_column(h, c, 0), &attribute, &found, err);
    *is = rc == 0 && found && strcmp(attribute.code, handler_param(h, "attributeCode")) == 0;
    return rc;
}

/* A sign means no sum here: "-1" is set as it is. */
static int open_set_value_of(struct map_handler *h, struct ds_error *err)
{
    int rc = open_set_value(h, err);
    if (rc == 0)
        ((struct set_value *)h->state)->add = false;
    return rc;
}

static int call_set_value_of(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    bool is;
    int rc = is_attribute(h, c, &is, err);
    return rc == 0 && is ? call_set_value(h, c, err) : rc;
}

/* --- Convert, ConvertEavValue ----------------------------------------------------------------- */

struct conversion {
    struct slice *from, *to;
    size_t count;
    struct slice otherwise;
};

static int open_convert(struct map_handler *h, struct ds_error *err)
{
    struct conversion *v = handler_state(h, sizeof *v, err);
    const char *map = handler_param(h, "map"), *otherwise = handler_param(h, "defaultValue");
    if (!v)
        return DS_ENOMEM;
    /* a semicolon may stand behind the last as well, and "0" may be the default */
    int rc = handler_list(h, map, ';', &v->from, &v->count, err);
    if (rc)
        return rc;
    v->to = arena_alloc(&h->arena, (v->count + 1) * sizeof *v->to);
    if (!v->to)
        return handler_no_memory(err);
    v->otherwise = slice_of(otherwise ? otherwise : "");
    for (size_t i = 0; i < v->count; i++) {
        struct slice item = v->from[i];
        const uint8_t *colon = memchr(item.p, ':', item.len);
        size_t before = colon ? (size_t)(colon - item.p) : 0;
        if (!colon || memchr(colon + 1, ':', item.len - before - 1))
            return handler_wrong(h, err,
                                 "has an item in its map that is not FROM:TO: \"%.*s\" in \"%s\"",
                                 (int)item.len, (const char *)item.p, map);
        v->from[i].len = before;
        v->to[i] = (struct slice){colon + 1, item.len - before - 1};
    }
    return 0;
}

static int call_convert(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    const struct conversion *v = h->state;
    struct slice text = value_text(handler_value(c));
    (void)err;
    for (size_t i = 0; i < v->count; i++)
        if (slice_same(v->from[i], text)) {
            handler_set(c, v->to[i]);
            return 0;
        }
    if (v->otherwise.len)
        handler_set(c, v->otherwise);
    return 0;
}

static int call_convert_of(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    bool is;
    int rc = is_attribute(h, c, &is, err);
    return rc == 0 && is ? call_convert(h, c, err) : rc;
}

/* --- texts and other fields ------------------------------------------------------------------- */

static int call_add_prefix(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    struct slice parts[] = {slice_of(handler_param(h, "prefix")), value_text(handler_value(c))};
    return handler_set_joined(c, parts, 2, err);
}

/* "0" is copied, too. */
static int call_field_copy(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    const struct map_value *from = handler_column(h, c, 0);
    (void)err;
    if (value_text(from).len)
        *handler_value(c) = *from;
    return 0;
}

static int open_destination_value(struct map_handler *h, struct ds_error *err)
{
    bool *always = handler_state(h, sizeof *always, err);
    return always ? handler_flag(h, "setNullIfEmpty", false, always, err) : DS_ENOMEM;
}

static int call_destination_value(const struct map_handler *h, struct map_call *c,
                                  struct ds_error *err)
{
    const struct map_value *there = handler_opposite(c);
    const bool *always = h->state;
    (void)err;
    if (there && !value_is_null(there))
        *handler_value(c) = *there;
    else if (*always)
        handler_set_null(c);
    return 0;
}

/* --- ConvertIp -------------------------------------------------------------------------------- */

static int call_convert_ip(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    const struct map_value *v = handler_value(c);
    struct slice text = value_text(v);
    char address[INET6_ADDRSTRLEN];
    struct in_addr four = {0};
    struct in6_addr six;
    int64_t number;
    if (value_is_null(v))
        return 0;
    bool fits = text.len < sizeof address;
    snprintf(address, sizeof address, "%.*s", fits ? (int)text.len : 0, (const char *)text.p);
    if (strlen(address) == text.len && inet_pton(AF_INET, address, &four) == 1)
        return handler_set_number(c, ntohl(four.s_addr), err);
    bool bytes = h->table->fields[h->field].kind == MAP_FIELD_BYTES && text.len == 4;
    if (!bytes && read_whole(text, &number) && number >= 0 && number <= UINT32_MAX)
        return 0; /* it was converted already */
    if (text.len == 4 && (bytes || inet_pton(AF_INET6, address, &six) != 1))
        memcpy(&four.s_addr, text.p, 4);
    return handler_set_number(c, ntohl(four.s_addr), err);
}

/* --- dates ------------------------------------------------------------------------------------ */

bool handler_print_time(int64_t seconds, char out[TIME_TEXT_SIZE])
{
    struct tm tm;
    time_t t = (time_t)seconds;
    return gmtime_r(&t, &tm) && tm.tm_year >= -1900 && tm.tm_year <= 9999 - 1900 &&
           strftime(out, TIME_TEXT_SIZE, "%Y-%m-%d %H:%M:%S", &tm) == TIME_TEXT_SIZE - 1;
}

static int call_timestamp_to_date(const struct map_handler *h, struct map_call *c,
                                  struct ds_error *err)
{
    char text[TIME_TEXT_SIZE];
    struct decimal seconds;
    if (!text_is(value_text(handler_column(h, c, 0)), "date") ||
        !read_decimal(value_text(handler_value(c)), DIGITS_OF_VALUE, &seconds))
        return 0;
    for (; seconds.scale; seconds.scale--)
        seconds.digits /= 10;
    if (seconds.digits > INT64_MAX || seconds.digits < INT64_MIN ||
        !handler_print_time((int64_t)seconds.digits, text))
        return handler_refuse(h, err, "its number of seconds is no date up to the year 9999");
    return handler_set_copy(c, text, TIME_TEXT_SIZE - 1, err);
}

enum { HOUR = 3600, MOST_HOURS = 14 };

/* Hours, with a sign or without: 3, +5.5, -3:30. */
static bool read_offset(const char *text, long *seconds)
{
    bool negative = *text == '-';
    text += *text == '-' || *text == '+';
    char *end;
    if (!isdigit((unsigned char)*text))
        return false;
    errno = 0;
    long hours = strtol(text, &end, 10), minutes = 0;
    if (errno || hours > MOST_HOURS)
        return false;
    if (*end == ':' && strlen(end) == 3 && isdigit((unsigned char)end[1]) &&
        isdigit((unsigned char)end[2]))
        minutes = (end[1] - '0') * 10 + end[2] - '0', end += 3;
    else if (*end == '.' && (strcmp(end, ".0") == 0 || strcmp(end, ".00") == 0))
        end += strlen(end);
    else if (*end == '.' && (strcmp(end, ".5") == 0 || strcmp(end, ".50") == 0))
        minutes = 30, end += strlen(end);
    else if (strcmp(end, ".25") == 0 || strcmp(end, ".75") == 0)
        minutes = end[1] == '2' ? 15 : 45, end += 3;
    *seconds = (hours * 60 + minutes) * 60;
    if (*end || minutes > 59 || *seconds > (long)MOST_HOURS * HOUR)
        return false;
    *seconds = negative ? -*seconds : *seconds;
    return true;
}

static int open_timezone(struct map_handler *h, struct ds_error *err)
{
    long *seconds = handler_state(h, sizeof *seconds, err);
    const char *offset = handler_param(h, "offset");
    enum map_field_kind kind = h->table->fields[h->field].kind;
    if (!seconds)
        return DS_ENOMEM;
    /* both ways as far as there are time zones; the other tool stopped at +12 */
    if (*offset && !read_offset(offset, seconds)) /* empty: none */
        return handler_wrong(h, err,
                             "takes hours from -14 to +14 as offset (+3, -7, +5.5), not "
                             "\"%s\"",
                             offset);
    if (kind != MAP_FIELD_NUMBER && kind != MAP_FIELD_DATETIME)
        return handler_wrong(h, err,
                             "can shift only whole numbers (seconds since 1970), DATETIME and "
                             "TIMESTAMP, and %s.%s is none of them",
                             h->table->name, h->table->fields[h->field].name);
    return 0;
}

static int shift_text(const struct map_handler *h, struct map_call *c, struct slice text,
                      long seconds, struct ds_error *err)
{
    char out[TIME_TEXT_SIZE + 8];
    struct tm tm = {0};
    const uint8_t *fraction = memchr(text.p, '.', text.len);
    size_t more = fraction ? text.len - (size_t)(fraction - text.p) : 0;
    /* 0000-00-00 is no date and stays */
    if (!time_text_read(text, out) || more > 7 || !strptime(out, "%Y-%m-%d %H:%M:%S", &tm))
        return 0;
    if (!handler_print_time(timegm(&tm) + seconds, out))
        return handler_refuse(h, err, "its date leaves the years that a server knows");
    if (more)
        memcpy(out + TIME_TEXT_SIZE - 1, fraction, more);
    return handler_set_copy(c, out, TIME_TEXT_SIZE - 1 + more, err);
}

static int call_timezone(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    const long *seconds = h->state;
    struct slice text = value_text(handler_value(c));
    int64_t number;
    if (*seconds == 0 || value_is_empty(handler_value(c)))
        return 0;
    if (h->table->fields[h->field].kind == MAP_FIELD_DATETIME)
        return shift_text(h, c, text, *seconds, err);
    if (!read_whole(text, &number) || __builtin_add_overflow(number, *seconds, &number))
        return handler_refuse(h, err, "it is no whole number of seconds");
    return handler_set_number(c, number, err);
}

/* --- SetHash ---------------------------------------------------------------------------------- */

static int open_hash(struct map_handler *h, struct ds_error *err)
{
    const char *hash = handler_param(h, "hash");
    return strcmp(hash, "crc32") == 0
               ? 0
               : handler_wrong(h, err, "knows hash=\"crc32\" alone, not \"%s\"", hash);
}

static int call_hash(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    const char *name = handler_param(h, "baseField");
    const struct map_value *base = handler_find(c->opposite, name);
    if (!base)
        return handler_refuse(h, err, "there is no column %s to make a hash of", name);
    struct slice text = value_text(base);
    return handler_set_number(c, (int64_t)crc32_z(0, text.p, text.len), err);
}

const struct map_class handlers_of_values[] = {
    {.name = "SetValue", .required = "value", .open = open_set_value, .call = call_set_value},
    {.name = "SetValueAttributeCondition",
     .required = "attributeCode value",
     .columns = "attribute_id",
     .open = open_set_value_of,
     .call = call_set_value_of},
    {.name = "Convert",
     .required = "map",
     .optional = "defaultValue",
     .open = open_convert,
     .call = call_convert},
    {.name = "ConvertEavValue",
     .required = "map attributeCode",
     .optional = "defaultValue",
     .columns = "attribute_id",
     .open = open_convert,
     .call = call_convert_of},
    {.name = "AddPrefix", .required = "prefix", .call = call_add_prefix},
    {.name = "FieldCopy",
     .required = "fieldCopy",
     .columns = "$fieldCopy",
     .call = call_field_copy},
    {.name = "GetDestinationValue",
     .optional = "setNullIfEmpty",
     .open = open_destination_value,
     .call = call_destination_value},
    {.name = "ConvertIp", .call = call_convert_ip},
    {.name = "ConvertTimestampToDate", .columns = "frontend_input", .call = call_timestamp_to_date},
    {.name = "Timezone", .required = "offset", .open = open_timezone, .call = call_timezone},
    {.name = "SetHash", .required = "hash baseField", .open = open_hash, .call = call_hash},
    {0},
};
