#include "agent/table.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "schema/shop_table.h"

static struct slice text_slice(const char *text)
{
    return (struct slice){(const uint8_t *)text, strlen(text)};
}

bool tables_is_ours(const struct tables *t, struct slice database)
{
    if (!t->database)
        return true;
    if (strlen(t->database) != database.len)
        return false;
    return t->fold_case ? strncasecmp(t->database, (const char *)database.p, database.len) == 0
                        : memcmp(t->database, database.p, database.len) == 0;
}

/* Entity and role by the name without the shop's prefix; a table without the prefix is not the
 * shop's. */
static void find_entity(const struct tables *t, const char *name,
                        const struct catalogue_entity **entity,
                        const struct catalogue_table **entry)
{
    *entity = NULL;
    *entry = NULL;
    size_t prefix = t->prefix ? strlen(t->prefix) : 0;
    if (!t->catalogue || (prefix && strncmp(name, t->prefix, prefix) != 0))
        return;
    if (!catalogue_lookup(t->catalogue, name + prefix, entity, entry)) {
        *entity = NULL;
        *entry = NULL;
    }
}

/* The history's names fit only a table of the same shape. Behind the columns that it knows may be
 * hidden ones: MariaDB's hashes of unique keys on long values, which only row events show. */
static bool same_shape(const struct table_map *map, const struct msg_table *known)
{
    if (known->column_count > map->column_count)
        return false;
    for (uint32_t i = 0; i < known->column_count; i++)
        if (known->columns[i].type && known->columns[i].type != map->columns[i].type)
            return false;
    for (uint32_t i = known->column_count; i < map->column_count; i++)
        if (map->columns[i].type != MYSQL_TYPE_LONGLONG)
            return false;
    return true;
}

/* What the map lacks, from the history. Slices stay owned by map and history. */
static uint32_t merge_columns(const struct table_map *map, const struct msg_table *known,
                              struct msg_column *out)
{
    uint32_t info = map->info;
    memcpy(out, map->columns, map->column_count * sizeof *out);
    if (!known)
        return info;
    for (uint32_t i = 0; i < known->column_count; i++) {
        const struct msg_column *from = &known->columns[i];
        if (!(map->info & TABLE_NAMES))
            out[i].name = from->name;
        if (!(map->info & TABLE_SIGNEDNESS))
            out[i].flags |= from->flags & COLUMN_UNSIGNED;
        if (!(map->info & TABLE_KEYS))
            out[i].flags |= from->flags & COLUMN_KEY;
        out[i].flags |= from->flags & COLUMN_INVISIBLE;
        if (!out[i].collation)
            out[i].collation = from->collation;
    }
    return info | known->flags;
}

static uint32_t find_column(const char *name, const struct msg_column *cols, uint32_t count)
{
    size_t len = name ? strlen(name) : 0;
    for (uint32_t i = 0; len && i < count; i++)
        if (cols[i].name.p && cols[i].name.len == len &&
            strncasecmp((const char *)cols[i].name.p, name, len) == 0)
            return i;
    return TABLE_NO_COLUMN;
}

/* Where rows of the table say whose they are, and whose those of others. */
static void find_keys_of_entity(const struct tables *t, const struct catalogue_table *entry,
                                const struct msg_column *cols, uint32_t count,
                                struct captured_table *table)
{
    uint32_t link = find_column(entry ? entry->link : NULL, cols, count);
    table->link_column = link;
    table->key_column = entry && entry->through ? TABLE_NO_COLUMN : link;
    table->id_column = find_column(entry ? entry->key : NULL, cols, count);
    table->through = table->level = NULL;
    if (!t->roots || !entry || link == TABLE_NO_COLUMN)
        return;
    if (entry->through)
        table->through = roots_level(t->roots, entry->through);
    if (table->id_column != TABLE_NO_COLUMN)
        table->level = roots_level(t->roots, entry->table);
}

/* Which columns foreign keys refer to. */
static int find_keys(const struct parent *parent, const struct msg_column *cols, uint32_t count,
                     struct captured_table *table)
{
    free(table->keys);
    table->keys = calloc((count + 63) / 64 + 1, sizeof *table->keys);
    for (uint32_t i = 0; table->keys && i < count; i++)
        for (size_t c = 0; cols[i].name.p && c < parent->column_count; c++)
            if (strlen(parent->columns[c]) == cols[i].name.len &&
                strncasecmp(parent->columns[c], (const char *)cols[i].name.p, cols[i].name.len) ==
                    0)
                table->keys[i / 64] |= UINT64_C(1) << (i % 64);
    return table->keys ? 0 : DS_ENOMEM;
}

/* Which of its rows travel. */
static int bind_condition(const struct tables *t, const char *name, const struct msg_table *m,
                          struct captured_table *table, struct ds_error *err)
{
    const struct where *where = table->ours ? filter_where(t->filter, name) : NULL;
    where_bound_free(table->where);
    table->where = NULL;
    return where ? where_bind(&table->where, where, m->columns, m->column_count, m->flags, err) : 0;
}

/* What becomes of its values. Rows lead to their entity by columns that stay what they are. */
static int plan_mask(const struct tables *t, const char *name, const struct msg_table *m,
                     bool keys_only, struct captured_table *table, struct ds_error *err)
{
    mask_plan_free(table->mask);
    table->mask = NULL;
    if (!t->masker || (keys_only && !table->keys_known))
        return 0;
    int rc = masker_plan(t->masker, name, m->columns, m->column_count, m->flags,
                         keys_only ? table->keys : NULL, &table->mask, err);
    const uint32_t kept[] = {table->key_column, table->link_column, table->id_column};
    for (size_t i = 0; i < sizeof kept / sizeof *kept && rc == 0; i++)
        if (mask_plan_masks(table->mask, kept[i]))
            rc = masker_refuse_link(m->columns[kept[i]].name, err);
    return rc;
}

/* Fill `table` from the map: a new definition, hence a new id. */
static int define(struct tables *t, const struct table_map *map, const struct position *at,
                  struct captured_table *table, struct ds_error *err)
{
    const struct catalogue_entity *entity;
    const struct catalogue_table *entry;
    const struct msg_table *known = NULL;
    table->map_version = map->version;
    table->column_count = map->column_count;
    bool mirrored = tables_is_ours(t, text_slice(map->database)), shops;
    char scratch[SHOP_TABLE_SIZE];
    table->attributes =
        mirrored && strcmp(shop_table(t->prefix, map->name, scratch, &shops), "eav_attribute") == 0;
    table->ours = mirrored && filter_travels(t->filter, map->name);
    const struct parent *parent = mirrored ? parents_find(t->parents, map->name) : NULL;
    struct filter_level level;
    table->parent = parent != NULL;
    table->root = table->ours && filter_level(t->filter, map->name, &level) && !level.shadow &&
                  level.entry == &level.entity->tables[0] && level.entity->table_count > 1;
    table->parents_version = parents_version(t->parents);
    if (!table->ours && !parent)
        return 0;
    find_entity(t, map->name, &entity, &entry);
    table->names_wanted = !(map->info & TABLE_NAMES) && t->history;
    if (table->names_wanted) {
        known = history_get(t->history, text_slice(map->name), at);
        table->history_version = history_version(t->history);
        if (known && !same_shape(map, known))
            known = NULL;
    }
    t->missing_names += !(map->info & TABLE_NAMES) && !known;
    struct msg_column *columns = calloc(map->column_count ? map->column_count : 1, sizeof *columns);
    if (!columns)
        return error_set(err, DS_ENOMEM, "out of memory for a table map");
    struct msg_table message = {
        .id = t->next_id++,
        .database = text_slice(map->database),
        .name = text_slice(map->name),
        .entity = text_slice(entity ? entity->name : "table"),
        .role = text_slice(entry && entry->role ? entry->role : ""),
        .flags = merge_columns(map, known, columns),
        .column_count = map->column_count,
        .columns = columns,
    };
    table->id = message.id;
    table->stock = entry && entry->stock;
    find_keys_of_entity(t, entry, columns, map->column_count, table);
    table->sent = 0;
    buf_clear(&table->definition);
    table->keys_known = message.flags & TABLE_NAMES;
    int rc = parent ? find_keys(parent, columns, map->column_count, table) : 0;
    if (rc == 0)
        rc = message_write_table(&table->definition, &message);
    rc = rc ? error_set(err, rc, "out of memory for a table map")
            : bind_condition(t, map->name, &message, table, err);
    if (rc == 0)
        rc = plan_mask(t, map->name, &message, !table->ours, table, err);
    free(columns);
    return rc;
}

int tables_resolve(struct tables *t, struct table_map *map, const struct position *at,
                   struct captured_table **out, struct ds_error *err)
{
    struct captured_table *table = map->user;
    if (table && table->map_version == map->version &&
        !(table->names_wanted && table->history_version != history_version(t->history)) &&
        (table->parents_version == parents_version(t->parents) || (table->ours && !table->where))) {
        *out = table;
        return 0;
    }
    if (!table) {
        table = calloc(1, sizeof *table);
        if (!table)
            return error_set(err, DS_ENOMEM, "out of memory for a table map");
        table->key_column = TABLE_NO_COLUMN;
        table->next = t->head;
        t->head = table;
    }
    int rc = define(t, map, at, table, err);
    if (rc) {
        map->user = NULL;
        table->map_version = 0; /* is made again */
        error_at_table(err, map->database, map->name);
        return rc;
    }
    map->user = table;
    *out = table;
    return 0;
}

void tables_free(struct tables *t)
{
    while (t->head) {
        struct captured_table *next = t->head->next;
        buf_free(&t->head->definition);
        free(t->head->keys);
        mask_plan_free(t->head->mask);
        where_bound_free(t->head->where);
        free(t->head);
        t->head = next;
    }
}
