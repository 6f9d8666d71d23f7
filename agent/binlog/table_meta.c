/* Optional metadata of TABLE_MAP events: signedness, character sets, names, keys, visibility.
 *
 * Sent by MySQL from 8.0 and MariaDB from 10.5, how much of it by binlog_row_metadata. Fields are
 * type, length, value; those that are not known describe nothing that decoding needs and are
 * passed over, as the servers do.
 */
#include "decoder.h"

#include <mysql.h>

enum meta_field {
    META_SIGNEDNESS = 1,
    META_DEFAULT_CHARSET = 2,
    META_COLUMN_CHARSET = 3,
    META_COLUMN_NAME = 4,
    META_SET_NAMES = 5,
    META_ENUM_NAMES = 6,
    META_SIMPLE_PRIMARY_KEY = 8,
    META_PRIMARY_KEY_WITH_PREFIX = 9,
    META_ENUM_AND_SET_DEFAULT_CHARSET = 10,
    META_ENUM_AND_SET_COLUMN_CHARSET = 11,
    META_COLUMN_VISIBILITY = 12,
};

static bool is_numeric(const struct msg_column *col)
{
    switch (col->type) {
    case MYSQL_TYPE_TINY:
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_LONGLONG:
    case MYSQL_TYPE_YEAR:
    case MYSQL_TYPE_FLOAT:
    case MYSQL_TYPE_DOUBLE:
    case MYSQL_TYPE_NEWDECIMAL:
        return true;
    default:
        return false;
    }
}

static bool is_character(const struct msg_column *col)
{
    switch (col->type) {
    case MYSQL_TYPE_STRING:
    case MYSQL_TYPE_VAR_STRING:
    case MYSQL_TYPE_VARCHAR:
    case MYSQL_TYPE_TINY_BLOB:
    case MYSQL_TYPE_MEDIUM_BLOB:
    case MYSQL_TYPE_LONG_BLOB:
    case MYSQL_TYPE_BLOB:
    case COLUMN_TYPE_BLOB_COMPRESSED:
    case COLUMN_TYPE_VARCHAR_COMPRESSED:
    case COLUMN_TYPE_VECTOR:
        return true;
    default:
        return false;
    }
}

/* MariaDB counts GEOMETRY among them: a BLOB with the binary collation. */
static bool is_character_mariadb(const struct msg_column *col)
{
    return col->type == MYSQL_TYPE_GEOMETRY || is_character(col);
}

static bool is_enum_or_set(const struct msg_column *col)
{
    return col->type == MYSQL_TYPE_ENUM || col->type == MYSQL_TYPE_SET;
}

/* Bits stand from the highest of each byte down, one per numeric column. */
static bool read_signedness(struct table_map *map, struct cursor c)
{
    uint32_t bit = 0;
    for (uint32_t i = 0; i < map->column_count; i++) {
        struct msg_column *col = &map->columns[i];
        if (!is_numeric(col))
            continue;
        if (cursor_left(&c) <= bit >> 3)
            return false;
        if (c.p[bit >> 3] & 0x80 >> (bit & 7))
            col->flags |= COLUMN_UNSIGNED;
        bit++;
    }
    map->info |= TABLE_SIGNEDNESS;
    return cursor_left(&c) == (bit + 7) / 8;
}

/* A default collation, then (index among the columns of this kind, collation) where it differs. */
static bool read_default_charset(struct table_map *map, struct cursor c,
                                 bool (*of_kind)(const struct msg_column *))
{
    uint64_t collation, index;
    uint32_t seen = 0, i = 0;
    if (!cursor_lenenc(&c, &collation) || collation > UINT16_MAX)
        return false;
    for (uint32_t k = 0; k < map->column_count; k++)
        if (of_kind(&map->columns[k]))
            map->columns[k].collation = (uint16_t)collation;
    while (cursor_left(&c)) {
        if (!cursor_lenenc(&c, &index) || !cursor_lenenc(&c, &collation) || collation > UINT16_MAX)
            return false;
        for (;; i++) { /* the indexes ascend */
            if (i == map->column_count)
                return false;
            if (of_kind(&map->columns[i]) && seen++ == index)
                break;
        }
        map->columns[i++].collation = (uint16_t)collation;
    }
    return true;
}

static bool read_column_charset(struct table_map *map, struct cursor c,
                                bool (*of_kind)(const struct msg_column *))
{
    for (uint32_t i = 0; i < map->column_count; i++) {
        uint64_t collation;
        if (!of_kind(&map->columns[i]))
            continue;
        if (!cursor_lenenc(&c, &collation) || collation > UINT16_MAX)
            return false;
        map->columns[i].collation = (uint16_t)collation;
    }
    return cursor_left(&c) == 0; /* more: other columns are counted than is known here */
}

static bool read_names(struct table_map *map, struct cursor c)
{
    for (uint32_t i = 0; i < map->column_count; i++) {
        uint64_t length;
        if (!cursor_lenenc(&c, &length) || length == 0 || length > 255 ||
            !cursor_slice(&c, length, &map->columns[i].name))
            return false;
    }
    map->info |= TABLE_NAMES;
    return cursor_left(&c) == 0;
}

/* Of each column of the type: how many, then these; kept as they stand. */
static bool read_members(struct table_map *map, struct cursor c, uint8_t type)
{
    for (uint32_t i = 0; i < map->column_count; i++) {
        const uint8_t *from = c.p;
        uint64_t count, length;
        struct slice name;
        if (map->columns[i].type != type)
            continue;
        if (!cursor_lenenc(&c, &count))
            return false;
        for (; count; count--)
            if (!cursor_lenenc(&c, &length) || !cursor_slice(&c, length, &name))
                return false;
        map->columns[i].members = (struct slice){from, (size_t)(c.p - from)};
    }
    return cursor_left(&c) == 0;
}

static bool read_primary_key(struct table_map *map, struct cursor c, bool with_prefix)
{
    while (cursor_left(&c)) {
        uint64_t index, prefix;
        if (!cursor_lenenc(&c, &index) || index >= map->column_count ||
            (with_prefix && !cursor_lenenc(&c, &prefix)) || map->columns[index].flags & COLUMN_KEY)
            return false;
        map->columns[index].flags |= COLUMN_KEY;
        map->primary_key[map->primary_key_count++] = (uint32_t)index;
    }
    return true;
}

static bool read_visibility(struct table_map *map, struct cursor c)
{
    if (cursor_left(&c) < (map->column_count + 7) / 8)
        return false;
    for (uint32_t i = 0; i < map->column_count; i++)
        if (!(c.p[i >> 3] & 0x80 >> (i & 7)))
            map->columns[i].flags |= COLUMN_INVISIBLE;
    return true;
}

static bool read_field(struct table_map *map, uint8_t type, struct cursor c, bool mariadb)
{
    switch (type) {
    case META_SIGNEDNESS:
        return read_signedness(map, c);
    case META_DEFAULT_CHARSET:
        return read_default_charset(map, c, mariadb ? is_character_mariadb : is_character);
    case META_COLUMN_CHARSET:
        return read_column_charset(map, c, mariadb ? is_character_mariadb : is_character);
    case META_COLUMN_NAME:
        return read_names(map, c);
    case META_SET_NAMES:
        return read_members(map, c, MYSQL_TYPE_SET);
    case META_ENUM_NAMES:
        return read_members(map, c, MYSQL_TYPE_ENUM);
    case META_SIMPLE_PRIMARY_KEY:
        return read_primary_key(map, c, false);
    case META_PRIMARY_KEY_WITH_PREFIX:
        return read_primary_key(map, c, true);
    case META_ENUM_AND_SET_DEFAULT_CHARSET:
        return read_default_charset(map, c, is_enum_or_set);
    case META_ENUM_AND_SET_COLUMN_CHARSET:
        return read_column_charset(map, c, is_enum_or_set);
    case META_COLUMN_VISIBILITY:
        return read_visibility(map, c);
    default:
        return true;
    }
}

static bool any_numeric(const struct table_map *map)
{
    for (uint32_t i = 0; i < map->column_count; i++)
        if (is_numeric(&map->columns[i]))
            return true;
    return false;
}

int table_meta_parse(struct table_slot *slot, struct cursor meta, bool mariadb,
                     struct ds_error *err)
{
    struct table_map *map = &slot->map;
    bool sent = cursor_left(&meta);
    while (cursor_left(&meta)) {
        uint64_t length;
        struct slice value;
        uint8_t type = *meta.p++;
        if (!cursor_lenenc(&meta, &length) || !cursor_slice(&meta, length, &value))
            return event_malformed(err, "Table_map", "optional metadata passes its end");
        struct cursor c = {value.p, value.p + value.len};
        if (!read_field(map, type, c, mariadb))
            return event_malformed(err, "Table_map", "optional metadata does not fit its columns");
    }
    if (sent && !any_numeric(map)) /* nothing of which the sign could be told */
        map->info |= TABLE_SIGNEDNESS;
    /* Names come only with full metadata, and then the key too: none sent means none there. */
    if (map->info & TABLE_NAMES)
        map->info |= TABLE_KEYS;
    return 0;
}
