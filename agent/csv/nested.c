#include "agent/csv/nested.h"

#include <ctype.h>
#include <json-c/json.h>
#include <string.h>

enum { DEPTH = 16 };

bool nested_is_json(struct slice cell)
{
    cell = slice_trim(cell);
    return cell.len && (*cell.p == '[' || *cell.p == '{');
}

bool nested_get(const struct nested_item *item, struct slice *out, const char *name,
                const char *other, const char *third)
{
    const char *const names[] = {name, other, third};
    for (int n = 0; n < 3 && names[n]; n++)
        for (uint32_t i = 0; i < item->count; i++)
            if (slice_is(item->values[i].name, names[n])) {
                *out = item->values[i].value;
                return true;
            }
    *out = slice_of("");
    return false;
}

bool nested_next(struct slice *rest, char separator, struct slice *part)
{
    if (!rest->p)
        return false;
    const uint8_t *end = rest->len ? memchr(rest->p, separator, rest->len) : NULL;
    *part = (struct slice){rest->p, end ? (size_t)(end - rest->p) : rest->len};
    *rest = end ? (struct slice){end + 1, rest->len - part->len - 1} : (struct slice){NULL, 0};
    *part = slice_trim(*part);
    return true;
}

/* --- JSON ---------------------------------------------------------------------------------- */

static struct slice json_text(struct shop *s, struct json_object *o)
{
    switch (json_object_get_type(o)) {
    case json_type_null:
        return slice_of("");
    case json_type_boolean:
        return slice_of(json_object_get_boolean(o) ? "true" : "false");
    case json_type_string: {
        size_t len = (size_t)json_object_get_string_len(o);
        const uint8_t *copy = arena_copy(shop_arena(s), json_object_get_string(o), len + 1);
        if (!copy)
            shop_no_memory(s);
        return copy ? (struct slice){copy, len} : slice_of("");
    }
    default: /* numbers as they were written */
        return shop_format(s, "%s", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
    }
}

static struct nested_item json_item(struct shop *s, struct json_object *o, const char *name)
{
    bool object = json_object_is_type(o, json_type_object);
    size_t count = object ? (size_t)json_object_object_length(o) : 1;
    struct nested_value *values = arena_alloc(shop_arena(s), (count + 1) * sizeof *values);
    struct nested_item item = {.values = values};
    if (!values) {
        shop_no_memory(s);
        return item;
    }
    if (!object) {
        values[item.count++] = (struct nested_value){slice_of(name), json_text(s, o)};
        return item;
    }
    json_object_object_foreach(o, key, value)
    {
        values[item.count++] =
            (struct nested_value){shop_format(s, "%s", key), json_text(s, value)};
    }
    return item;
}

static bool is_in_number(uint8_t c)
{
    return isdigit(c) || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* json-c keeps the digits of a text, but of a whole number only what fits into 64 bits: longer ones
 * become texts. */
static struct slice quote_long_numbers(struct shop *s, struct slice json)
{
    enum { FITS = 18, SHORTEST = FITS + 1 };
    uint8_t *out = arena_alloc(shop_arena(s), json.len + 2 * (json.len / SHORTEST) + 1);
    size_t n = 0;
    bool text = false;
    if (!out)
        shop_no_memory(s);
    for (size_t i = 0, end; out && i < json.len; i = end) {
        bool whole = true;
        for (end = i; !text && end < json.len && is_in_number(json.p[end]); end++)
            whole &= isdigit(json.p[end]) || (end == i && json.p[end] == '-');
        bool quotes = whole && end - i > FITS && isdigit(json.p[end - 1]) && json.p[i] != '0';
        if (end == i) {
            text ^= json.p[i] == '"';
            end += text && json.p[i] == '\\' && i + 1 < json.len ? 2 : 1;
        }
        if (quotes)
            out[n++] = '"';
        memcpy(out + n, json.p + i, end - i);
        n += end - i;
        if (quotes)
            out[n++] = '"';
    }
    return out ? (struct slice){out, n} : json;
}

static size_t members_of(struct json_object *o)
{
    size_t count = 0;
    if (json_object_is_type(o, json_type_array))
        for (size_t i = 0; i < json_object_array_length(o); i++)
            count += members_of(json_object_array_get_idx(o, i));
    if (json_object_is_type(o, json_type_object)) {
        json_object_object_foreach(o, key, value)
        {
            (void)key;
            count += 1 + members_of(value);
        }
    }
    return count;
}

/* Of members of one name json-c keeps the last. Each has a colon, in JSON that is valid. */
static bool has_twins(struct slice json, struct json_object *read)
{
    size_t colons = 0;
    bool text = false;
    for (size_t i = 0; i < json.len; i++) {
        text ^= json.p[i] == '"';
        colons += !text && json.p[i] == ':';
        i += text && json.p[i] == '\\';
    }
    return colons != members_of(read);
}

static struct nested read_json(struct shop *s, struct slice cell, const char *name,
                               const char *what)
{
    struct nested list = {0};
    struct json_tokener *reader = json_tokener_new_ex(DEPTH);
    struct json_object *all = NULL;
    if (!reader) {
        shop_no_memory(s);
        return list;
    }
    cell = quote_long_numbers(s, cell);
    json_tokener_set_flags(reader, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    if (cell.len < INT32_MAX)
        all = json_tokener_parse_ex(reader, (const char *)cell.p, (int)cell.len);
    enum json_tokener_error error = json_tokener_get_error(reader);
    if (!all || error != json_tokener_success || json_tokener_get_parse_end(reader) != cell.len) {
        const char *why = error == json_tokener_continue  ? "it ends too early"
                          : error == json_tokener_success ? "something stands behind its end"
                                                          : json_tokener_error_desc(error);
        shop_invalid(s, "%s: the cell is no JSON: %s", what, why);
    } else if (has_twins(cell, all)) {
        shop_invalid(s, "%s: an object of the cell's JSON has the same member twice", what);
    } else {
        bool array = json_object_is_type(all, json_type_array);
        size_t count = array ? json_object_array_length(all) : 1;
        struct nested_item *items = arena_alloc(shop_arena(s), (count + 1) * sizeof *items);
        if (!items)
            shop_no_memory(s);
        for (size_t i = 0; items && i < count; i++)
            items[list.count++] =
                json_item(s, array ? json_object_array_get_idx(all, i) : all, name);
        list.items = items;
    }
    json_object_put(all);
    json_tokener_free(reader);
    return list;
}

/* --- delimited ----------------------------------------------------------------------------- */

static uint32_t count_of(struct slice s, char c)
{
    uint32_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += s.p[i] == (uint8_t)c;
    return n;
}

static struct nested_item delimited_item(struct shop *s, struct slice text,
                                         const char *const *names, const char *what)
{
    uint32_t cap = 0;
    struct nested_item item = {0};
    struct slice rest = text, part;
    while (names[cap])
        cap++;
    struct nested_value *values = arena_alloc(shop_arena(s), (cap + 1) * sizeof *values);
    if (!values)
        shop_no_memory(s);
    while (values && nested_next(&rest, ':', &part)) {
        if (item.count == cap) {
            shop_invalid(s, "%s: '%.*s' has more than %u parts", what, (int)text.len,
                         (const char *)text.p, cap);
            break;
        }
        values[item.count] = (struct nested_value){slice_of(names[item.count]), part};
        item.count++;
    }
    item.values = values;
    return item;
}

/* A list of values: these may have a ':' in them. */
static struct nested_item single_item(struct shop *s, struct slice text, const char *name)
{
    struct nested_value *value = arena_alloc(shop_arena(s), sizeof *value);
    if (!value) {
        shop_no_memory(s);
        return (struct nested_item){0};
    }
    *value = (struct nested_value){slice_of(name), text};
    return (struct nested_item){value, 1};
}

struct nested nested_read(struct shop *s, struct slice cell, const char *const *names,
                          const char *what)
{
    cell = slice_trim(cell);
    if (shop_failed(s) || !cell.len)
        return (struct nested){0};
    if (nested_is_json(cell))
        return read_json(s, cell, names[0], what);
    char separator = count_of(cell, '|') || names[1] ? '|' : ',';
    struct nested_item *items =
        arena_alloc(shop_arena(s), (count_of(cell, separator) + 1) * sizeof *items);
    struct nested list = {.items = items};
    struct slice part;
    if (!items)
        shop_no_memory(s);
    while (items && nested_next(&cell, separator, &part))
        if (part.len)
            items[list.count++] =
                names[1] ? delimited_item(s, part, names, what) : single_item(s, part, names[0]);
    return list;
}
