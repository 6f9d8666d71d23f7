/* A dry run writes nothing that the server could refuse: does what it would write fit the columns?
 * As the server says it of a write. Decimals are looked at in any run, since the server rounds them
 * without a word. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "applier/import/import_internal.h"
#include "schema/json.h"

static bool begins(const char *text, const char *with)
{
    return strncasecmp(text, with, strlen(with)) == 0;
}

/* What stands in the parentheses of varchar(255) or decimal(12,4); 0: nothing. */
static unsigned long argument(const char *type)
{
    const char *open = strchr(type, '(');
    return open ? strtoul(open + 1, NULL, 10) : 0;
}

/* Of a text or a blob: bytes. */
static unsigned long most_bytes(const char *type)
{
    return begins(type, "tiny")     ? 0xff
           : begins(type, "medium") ? 0xffffff
           : begins(type, "long")   ? 0xffffffff
                                    : 0xffff;
}

static const char *check_text(const struct target_column *c, struct slice text)
{
    bool utf8 = begins(c->charset, "utf8"), short_ones = utf8 && !begins(c->charset, "utf8mb4");
    unsigned long most = argument(c->type_text);
    size_t count = text.len;
    if (utf8) {
        count = 0;
        for (size_t at = 0, n; at < text.len; at += n, count++)
            if (!(n = utf8_character(text.p + at, text.len - at)) || (short_ones && n > 3))
                return "Incorrect string value";
    }
    if (most ? count > most : text.len > most_bytes(c->type_text))
        return "Data too long";
    return NULL;
}

static const char *check_number(const struct target_column *c, const struct value *v)
{
    unsigned bits = c->width * 8u;
    bool below = v->kind == VALUE_INT && v->i < 0;
    uint64_t size = v->kind == VALUE_INT ? (uint64_t)v->i : v->u;
    const char *range = "Out of range value";
    if (!bits || (!below && size >= IMPORT_MADE_UP)) /* the id that a row would get */
        return NULL;
    if (c->is_unsigned)
        return below || (bits < 64 && size >> bits) ? range : NULL;
    if (below)
        return bits < 64 && v->i < -(INT64_C(1) << (bits - 1)) ? range : NULL;
    return size >> (bits - 1) ? range : NULL;
}

/* Would digits behind the point be rounded away? Zeros at the end are none. */
static bool loses_digits(const struct target_column *c, struct slice text)
{
    if (text.len > c->scale && text.p[text.len - 1 - c->scale] == '.') /* mostly */
        return false;
    const uint8_t *point = text.len ? memchr(text.p, '.', text.len) : NULL;
    for (const uint8_t *p = point; p && p < text.p + text.len; p++)
        if (p - point > c->scale && *p != '0')
            return true;
    return false;
}

static const char *check_decimal(const struct target_column *c, struct slice text)
{
    unsigned long digits = 0;
    for (size_t i = 0; i < text.len && text.p[i] != '.'; i++)
        digits += isdigit(text.p[i]) && (digits || text.p[i] != '0');
    return digits + c->scale > argument(c->type_text) ? "Out of range value"
           : loses_digits(c, text)                    ? "Too many decimals"
                                                      : NULL;
}

static const char *check_value(const struct target_column *c, const uint8_t *raw)
{
    struct value v;
    const uint8_t *at = raw;
    if (import_is_null(raw))
        return c->nullable || c->auto_increment || c->class == TARGET_TEMPORAL
                   ? NULL
                   : "NULL is not allowed";
    if (value_read(&at, raw + value_length(raw), &v))
        return NULL;
    bool bytes = v.kind == VALUE_TEXT || v.kind == VALUE_BYTES;
    switch (c->class) {
    case TARGET_INT:
        return v.kind == VALUE_INT || v.kind == VALUE_UINT ? check_number(c, &v) : NULL;
    case TARGET_DECIMAL:
        return bytes ? check_decimal(c, v.bytes) : NULL;
    case TARGET_TEXT:
        return bytes ? check_text(c, v.bytes) : NULL;
    case TARGET_BYTES:
        return bytes && (begins(c->type_text, "varbinary") || begins(c->type_text, "binary")) &&
                       v.bytes.len > argument(c->type_text)
                   ? "Data too long"
                   : NULL;
    default:
        return NULL;
    }
}

/* Only the destination has the column, and the server would not know what to put into a new row. */
static bool lacks_value(const struct import *im, const struct import_row *row, uint32_t i)
{
    const struct target_column *c = &row->table->target->columns[i];
    return im->options.dry_run && row->fresh && row->table->from[i] == NO_COLUMN &&
           !row->values[i] && !c->has_default && !c->generated && !c->is_enum &&
           i != row->table->id_target;
}

int import_check_fit(const struct import *im, const struct import_row *row, struct ds_error *err)
{
    const struct target_table *t = row->table->target;
    if (!im->options.dry_run && !row->table->may_round)
        return 0;
    for (uint32_t i = 0; i < t->column_count; i++) {
        const struct target_column *c = &t->columns[i];
        if (!im->options.dry_run && c->class != TARGET_DECIMAL)
            continue;
        bool sets = row->fresh ? row->values[i] && !c->generated && i != row->table->id_target
                               : import_sets(im, row, i);
        const char *why = sets                      ? check_value(c, row->values[i])
                          : lacks_value(im, row, i) ? "There is none, and no default,"
                                                    : NULL;
        if (!why)
            continue;
        error_set(err, DS_ECONFLICT,
                  "a value does not fit the destination's column: %s for column '%s' of %s %.*s",
                  why, c->name, row->table->entity->name, (int)row->entity->key.len,
                  row->entity->key.len ? (const char *)row->entity->key.p : "");
        error_at_table(err, NULL, t->name);
        return DS_ECONFLICT;
    }
    return 0;
}
