/* TABLE_MAP events: the slots that hold them, and the plan by which rows of the table are decoded.
 *
 * A slot belongs to one database and table name and stays while the decoder lives, so that the
 * usual case, the same table mapped again by the next statement, costs one memcmp and keeps what
 * the capture has hung on it. Ids are bound to slots until the maps are dropped: within one
 * statement several are in force, and a server that restarts uses the numbers again.
 */
#include "decoder.h"
#include "schema/list.h"

#include <inttypes.h>
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME_MAX_CHARACTERS 73u /* 64, and "#mysql50#" in front of names from before 5.1 */

static uint32_t hash_bytes(const uint8_t *p, size_t n)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 16777619u;
    return h;
}

struct table_slot *table_map_find(struct decoder *d, uint64_t id)
{
    for (size_t i = d->bound_count; i-- > 0;)
        if (d->bound[i].id == id)
            return d->bound[i].slot;
    return NULL;
}

static int table_map_bind(struct decoder *d, uint64_t id, struct table_slot *slot)
{
    for (size_t i = 0; i < d->bound_count; i++) {
        if (d->bound[i].id == id) {
            d->bound[i].slot = slot;
            return 0;
        }
    }
    if (LIST_ROOM(d->bound, d->bound_count, d->bound_capacity))
        return DS_ENOMEM;
    d->bound[d->bound_count++] = (struct map_binding){id, slot};
    return 0;
}

void table_maps_drop(struct decoder *d)
{
    d->bound_count = 0;
}

static void slot_clear(struct table_slot *slot)
{
    free(slot->map.columns);
    free(slot->map.primary_key);
    free(slot->plan);
    free(slot->old_proved);
    free(slot->raw);
    slot->map.columns = NULL;
    slot->map.primary_key = NULL;
    slot->plan = NULL;
    slot->old_proved = NULL;
    slot->raw = NULL;
    slot->raw_length = 0;
}

void table_maps_free(struct decoder *d)
{
    for (size_t i = 0; i < d->bucket_count; i++) {
        for (struct table_slot *slot = d->buckets[i], *next; slot; slot = next) {
            next = slot->next;
            slot_clear(slot);
            free(slot);
        }
    }
    free(d->buckets);
    free(d->bound);
    d->buckets = NULL;
    d->bound = NULL;
    d->bucket_count = d->slot_count = d->bound_count = d->bound_capacity = 0;
}

static int buckets_grow(struct decoder *d)
{
    size_t count = d->bucket_count ? d->bucket_count * 2 : 64;
    struct table_slot **buckets = calloc(count, sizeof *buckets);
    if (!buckets)
        return DS_ENOMEM;
    for (size_t i = 0; i < d->bucket_count; i++) {
        for (struct table_slot *slot = d->buckets[i], *next; slot; slot = next) {
            next = slot->next;
            slot->next = buckets[slot->hash & (count - 1)];
            buckets[slot->hash & (count - 1)] = slot;
        }
    }
    free(d->buckets);
    d->buckets = buckets;
    d->bucket_count = count;
    return 0;
}

/* The slot of the names that `raw` begins with (length, bytes, 0, twice), new if there is none. */
static struct table_slot *slot_of(struct decoder *d, const uint8_t *raw, size_t names_length)
{
    uint32_t hash = hash_bytes(raw, names_length);
    if (d->bucket_count)
        for (struct table_slot *s = d->buckets[hash & (d->bucket_count - 1)]; s; s = s->next)
            if (s->hash == hash && s->raw_length >= names_length &&
                memcmp(s->raw, raw, names_length) == 0)
                return s;
    if (d->slot_count >= d->bucket_count && buckets_grow(d))
        return NULL;
    struct table_slot *slot = calloc(1, sizeof *slot);
    if (!slot)
        return NULL;
    slot->hash = hash;
    slot->max_event = d->max_event;
    slot->next = d->buckets[hash & (d->bucket_count - 1)];
    d->buckets[hash & (d->bucket_count - 1)] = slot;
    d->slot_count++;
    return slot;
}

static int name_read(struct cursor *c, char out[256], struct ds_error *err)
{
    uint64_t length;
    const uint8_t *p;
    if (!cursor_uint(c, 1, &length) || !cursor_take(c, length + 1, &p) || p[length] != 0)
        return event_malformed(err, "Table_map", "a name passes its end");
    size_t characters = 0;
    for (size_t i = 0; i < length; i++) {
        characters += (p[i] & 0xc0) != 0x80;
        if (p[i] == 0)
            return event_malformed(err, "Table_map", "a zero byte in a name");
    }
    if (length == 0 || characters > NAME_MAX_CHARACTERS)
        return event_malformed(err, "Table_map", "no possible length of a name");
    memcpy(out, p, length + 1);
    return 0;
}

static size_t metadata_width(uint8_t type)
{
    switch (type) {
    case MYSQL_TYPE_FLOAT:
    case MYSQL_TYPE_DOUBLE:
    case MYSQL_TYPE_TINY_BLOB:
    case MYSQL_TYPE_MEDIUM_BLOB:
    case MYSQL_TYPE_LONG_BLOB:
    case MYSQL_TYPE_BLOB:
    case MYSQL_TYPE_GEOMETRY:
    case COLUMN_TYPE_JSON:
    case COLUMN_TYPE_VECTOR:
    case COLUMN_TYPE_BLOB_COMPRESSED:
    case MYSQL_TYPE_TIME2:
    case MYSQL_TYPE_DATETIME2:
    case MYSQL_TYPE_TIMESTAMP2:
        return 1;
    case MYSQL_TYPE_VARCHAR:
    case MYSQL_TYPE_VAR_STRING:
    case COLUMN_TYPE_VARCHAR_COMPRESSED:
    case MYSQL_TYPE_STRING:
    case MYSQL_TYPE_ENUM:
    case MYSQL_TYPE_SET:
    case MYSQL_TYPE_BIT:
    case MYSQL_TYPE_NEWDECIMAL:
        return 2;
    default:
        return 0;
    }
}

/* CHAR, BINARY, ENUM and SET all travel as type 254: the first metadata byte is the real type, with
 * bits 8 and 9 of a CHAR's length in it, inverted; the second is the rest of the length. */
static void resolve_string(struct msg_column *col, const uint8_t *meta)
{
    if ((meta[0] & 0x30) != 0x30) {
        col->type = meta[0] | 0x30;
        col->metadata = (uint16_t)(meta[1] | ((meta[0] & 0x30) ^ 0x30) << 4);
    } else {
        col->type = meta[0];
        col->metadata = meta[1];
    }
}

static int columns_read(struct table_slot *slot, struct slice types, struct cursor meta,
                        const uint8_t *nullable, struct ds_error *err)
{
    for (uint32_t i = 0; i < slot->map.column_count; i++) {
        struct msg_column *col = &slot->map.columns[i];
        const uint8_t *p;
        size_t width = metadata_width(types.p[i]);
        if (!cursor_take(&meta, width, &p))
            return event_malformed(err, "Table_map", "column metadata is cut short");
        col->type = types.p[i];
        if (col->type == MYSQL_TYPE_STRING)
            resolve_string(col, p);
        else if (col->type == MYSQL_TYPE_ENUM || col->type == MYSQL_TYPE_SET)
            col->metadata = p[1];
        else if (col->type == MYSQL_TYPE_NEWDECIMAL)
            col->metadata = (uint16_t)(p[0] << 8 | p[1]);
        else if (width)
            col->metadata = (uint16_t)le_n(p, width);
        if (bit_get(nullable, i))
            col->flags |= COLUMN_NULLABLE;
    }
    return cursor_left(&meta) ? event_malformed(err, "Table_map", "too much column metadata") : 0;
}

static void plan_set(struct column_plan *plan, enum plan_kind kind, unsigned width)
{
    *plan = (struct column_plan){.kind = (uint8_t)kind, .width = (uint8_t)width};
}

static bool plan_fraction(struct column_plan *plan, enum plan_kind kind, unsigned whole,
                          unsigned digits)
{
    plan_set(plan, kind, whole + (digits + 1) / 2);
    plan->digits = (uint8_t)digits;
    return digits <= 6;
}

static bool plan_decimal(struct column_plan *plan, uint16_t metadata)
{
    unsigned precision = metadata >> 8, scale = metadata & 255;
    if (precision == 0 || precision > 65 || scale > precision || scale > 38)
        return false;
    unsigned integer = precision - scale;
    plan_set(plan, PLAN_DECIMAL, (unsigned)decimal_width((uint8_t)integer, (uint8_t)scale));
    plan->integer = (uint8_t)integer;
    plan->digits = (uint8_t)scale;
    return true;
}

static bool plan_blob(struct column_plan *plan, enum plan_kind kind, unsigned width)
{
    plan_set(plan, kind, width);
    plan->length = UINT32_MAX;
    return width >= 1 && width <= 4;
}

static bool plan_string(struct column_plan *plan, const struct msg_column *col)
{
    bool pads = col->type == MYSQL_TYPE_STRING && col->collation == 63;
    plan_set(plan, pads ? PLAN_BINARY : PLAN_BYTES, col->metadata < 256 ? 1 : 2);
    if (col->type == COLUMN_TYPE_VARCHAR_COMPRESSED)
        plan->kind = PLAN_COMPRESSED_COLUMN;
    plan->length = col->metadata;
    return true;
}

static bool plan_old_temporal(struct table_slot *slot, struct column_plan *plan,
                              enum plan_kind kind, unsigned width)
{
    plan_set(plan, kind, width);
    slot->old_temporals++;
    return true;
}

/* false: the type or its metadata is not possible, or not known. */
static bool plan_column(struct table_slot *slot, struct column_plan *plan,
                        const struct msg_column *col)
{
    unsigned u = col->flags & COLUMN_UNSIGNED ? 1 : 0;
    unsigned meta = col->metadata;
    switch (col->type) {
    case MYSQL_TYPE_TINY:
        return plan_set(plan, PLAN_INT8 + u, 1), true;
    case MYSQL_TYPE_SHORT:
        return plan_set(plan, PLAN_INT16 + u, 2), true;
    case MYSQL_TYPE_INT24:
        return plan_set(plan, PLAN_INT24 + u, 3), true;
    case MYSQL_TYPE_LONG:
        return plan_set(plan, PLAN_INT32 + u, 4), true;
    case MYSQL_TYPE_LONGLONG:
        return plan_set(plan, PLAN_INT64 + u, 8), true;
    case MYSQL_TYPE_FLOAT:
        return plan_set(plan, PLAN_FLOAT, 4), meta == 4;
    case MYSQL_TYPE_DOUBLE:
        return plan_set(plan, PLAN_DOUBLE, 8), meta == 8;
    case MYSQL_TYPE_YEAR:
        return plan_set(plan, PLAN_YEAR, 1), true;
    case MYSQL_TYPE_BIT:
        plan_set(plan, PLAN_BIT, (meta >> 8) + (meta & 255 ? 1 : 0));
        return plan->width >= 1 && plan->width <= 8 && (meta & 255) < 8;
    case MYSQL_TYPE_ENUM:
        return plan_set(plan, PLAN_UINT_LE, meta), meta == 1 || meta == 2;
    case MYSQL_TYPE_SET:
        return plan_set(plan, PLAN_UINT_LE, meta), meta >= 1 && meta <= 8;
    case MYSQL_TYPE_NEWDECIMAL:
        return plan_decimal(plan, col->metadata);
    case MYSQL_TYPE_DATE:
    case MYSQL_TYPE_NEWDATE:
        return plan_set(plan, PLAN_DATE, 3), true;
    case MYSQL_TYPE_TIME2:
        return plan_fraction(plan, PLAN_TIME, 3, meta);
    case MYSQL_TYPE_DATETIME2:
        return plan_fraction(plan, PLAN_DATETIME, 5, meta);
    case MYSQL_TYPE_TIMESTAMP2:
        return plan_fraction(plan, PLAN_TIMESTAMP, 4, meta);
    case MYSQL_TYPE_TIME:
        return plan_old_temporal(slot, plan, PLAN_OLD_TIME, 3);
    case MYSQL_TYPE_DATETIME:
        return plan_old_temporal(slot, plan, PLAN_OLD_DATETIME, 8);
    case MYSQL_TYPE_TIMESTAMP:
        return plan_old_temporal(slot, plan, PLAN_OLD_TIMESTAMP, 4);
    case MYSQL_TYPE_VARCHAR:
    case MYSQL_TYPE_VAR_STRING:
    case MYSQL_TYPE_STRING:
    case COLUMN_TYPE_VARCHAR_COMPRESSED:
        return plan_string(plan, col);
    case MYSQL_TYPE_TINY_BLOB:
    case MYSQL_TYPE_MEDIUM_BLOB:
    case MYSQL_TYPE_LONG_BLOB:
    case MYSQL_TYPE_BLOB:
    case MYSQL_TYPE_GEOMETRY:
    case COLUMN_TYPE_VECTOR:
        return plan_blob(plan, PLAN_BYTES, meta);
    case COLUMN_TYPE_JSON:
        slot->json_columns++;
        return plan_blob(plan, PLAN_JSON, meta);
    case COLUMN_TYPE_BLOB_COMPRESSED:
        return plan_blob(plan, PLAN_COMPRESSED_COLUMN, meta);
    default:
        return false;
    }
}

static int plan_columns(struct table_slot *slot, bool mariadb, struct ds_error *err)
{
    slot->json_columns = slot->old_temporals = 0;
    slot->slack = 16;
    for (uint32_t i = 0; i < slot->map.column_count; i++) {
        const struct msg_column *col = &slot->map.columns[i];
        if (!plan_column(slot, &slot->plan[i], col))
            return error_set(err, DS_EUNSUPPORTED,
                             "column %u %.*s has type %u with metadata %u, which is not known: the "
                             "source needs a newer datasync",
                             i + 1, (int)col->name.len, (const char *)col->name.p, col->type,
                             col->metadata);
        slot->slack += value_room(&slot->plan[i]);
    }
    if (!mariadb) /* MySQL has no old temporal types with a fraction */
        slot->old_temporals = 0;
    return 0;
}

static int slot_allocate(struct table_slot *slot, const uint8_t *raw, size_t length, uint32_t count)
{
    slot_clear(slot);
    slot->map.columns = calloc(count, sizeof *slot->map.columns);
    slot->map.primary_key = calloc(count, sizeof *slot->map.primary_key);
    slot->plan = calloc(count, sizeof *slot->plan);
    slot->old_proved = calloc((count + 7) / 8, 1);
    slot->raw = malloc(length);
    if (!slot->map.columns || !slot->map.primary_key || !slot->plan || !slot->old_proved ||
        !slot->raw)
        return DS_ENOMEM;
    memcpy(slot->raw, raw, length);
    slot->raw_length = length;
    slot->map.column_count = count;
    slot->map.primary_key_count = 0;
    slot->map.info = 0;
    slot->before_start = slot->before_end = NULL;
    return 0;
}

/* column count, types, metadata length, metadata, NULL bits, optional metadata */
static int slot_fill(struct decoder *d, struct table_slot *slot, struct ds_error *err)
{
    struct cursor c = {slot->raw, slot->raw + slot->raw_length};
    int rc = name_read(&c, slot->map.database, err);
    if (rc == 0)
        rc = name_read(&c, slot->map.name, err);
    if (rc)
        return rc;
    uint64_t count, length;
    struct slice types, meta, nullable;
    if (!cursor_lenenc(&c, &count) || !cursor_slice(&c, count, &types) ||
        !cursor_lenenc(&c, &length) || !cursor_slice(&c, length, &meta) ||
        !cursor_slice(&c, (count + 7) / 8, &nullable))
        return event_malformed(err, "Table_map", "column types pass its end");
    struct cursor metadata = {meta.p, meta.p + meta.len};
    rc = columns_read(slot, types, metadata, nullable.p, err);
    if (rc == 0)
        rc = table_meta_parse(slot, c, d->mariadb, err);
    if (rc == 0)
        rc = plan_columns(slot, d->mariadb, err);
    return rc;
}

/* Length of both names with their lengths and zeros, and the column count behind them. */
static int names_measure(struct cursor c, size_t *names_length, uint64_t *count,
                         struct ds_error *err)
{
    const uint8_t *start = c.p, *p;
    for (int i = 0; i < 2; i++)
        if (!cursor_left(&c) || !cursor_take(&c, *c.p + 2u, &p))
            return event_malformed(err, "Table_map", "a name passes its end");
    *names_length = (size_t)(c.p - start);
    if (!cursor_lenenc(&c, count) || *count == 0)
        return event_malformed(err, "Table_map", "no columns");
    if (*count > MESSAGE_MAX_COLUMNS)
        return error_set(err, DS_EFORMAT, "table map of %" PRIu64 " columns: %d are possible",
                         *count, MESSAGE_MAX_COLUMNS);
    return 0;
}

static int table_map_place(struct decoder *d, struct cursor c, struct table_slot **out,
                           struct ds_error *err)
{
    size_t names_length = 0, length = cursor_left(&c);
    uint64_t count;
    int rc = names_measure(c, &names_length, &count, err);
    if (rc)
        return rc;
    struct table_slot *slot = slot_of(d, c.p, names_length);
    if (!slot)
        return error_set(err, DS_ENOMEM, "out of memory for a table map");
    *out = slot;
    slot->map.changed = false;
    if (slot->raw && slot->raw_length == length && memcmp(slot->raw, c.p, length) == 0)
        return 0;
    slot->map.changed = true;
    slot->map.user = NULL;
    slot->map.version++;
    if (slot_allocate(slot, c.p, length, (uint32_t)count))
        rc = error_set(err, DS_ENOMEM, "out of memory for a table map");
    else
        rc = slot_fill(d, slot, err);
    if (rc) { /* no row may meet it half filled, and the same event must fail again */
        error_at_table(err, slot->map.database, slot->map.name);
        slot_clear(slot);
        slot->map.column_count = 0;
    }
    return rc;
}

int table_map_decode(struct decoder *d, struct cursor body, struct table_map **out,
                     struct ds_error *err)
{
    uint64_t id, flags;
    struct table_slot *slot = NULL;
    size_t id_width = d->post_header[EV_TABLE_MAP] == 6 ? 4 : 6;
    if (!cursor_uint(&body, id_width, &id) || !cursor_uint(&body, 2, &flags))
        return event_malformed(err, "Table_map", "too short");
    /* Of a statement before this one: its rows came, or never will. */
    struct table_slot *same = table_map_find(d, id);
    if (same && same->raw_length == cursor_left(&body) &&
        memcmp(same->raw, body.p, same->raw_length) == 0) {
        same->map.changed = false;
        same->map.flags = (uint16_t)flags;
        *out = &same->map;
        return 0;
    }
    int rc = table_map_place(d, body, &slot, err);
    if (rc)
        return rc;
    slot->map.id = id;
    slot->map.flags = (uint16_t)flags;
    if (table_map_bind(d, id, slot))
        return error_set(err, DS_ENOMEM, "out of memory for a table map");
    *out = &slot->map;
    return 0;
}
