/* Which names of two shops are one to the destination? */
#include <string.h>

#include "agent/cli/migrate_eav.h"

enum { NAMES_AT_ONCE = 500 };

struct named {
    struct eav_row *row;
    struct slice weight; /* in the arena; p NULL: not to be had */
};

/* Of a key "4/name/". */
static struct slice prefix_of_key(enum eav_table table, struct slice key)
{
    const uint8_t *slash = eav_documents[table].key[1] ? memchr(key.p, '/', key.len) : NULL;
    return (struct slice){key.p, slash ? (size_t)(slash - key.p) + 1 : 0};
}

static int ask_weight(enum eav_table table, const struct target_column *column, struct slice key,
                      struct buf *sql)
{
    const size_t from = prefix_of_key(table, key).len;
    int rc = buf_puts(sql, sql->len ? " UNION ALL SELECT " : "SELECT ") |
             buf_puts(sql, "WEIGHT_STRING(RTRIM(CONVERT(CONVERT(X'");
    for (size_t i = from; i + 1 < key.len; i++)
        rc |= buf_printf(sql, "%02x", key.p[i]);
    return rc | buf_printf(sql, "' USING utf8mb4) USING %s)) COLLATE %s)", column->charset,
                           column->collation);
}

static int ask_weights(struct eav_step *s, enum eav_table table, const struct target_column *column,
                       struct named *names, size_t count, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    int rc = 0;
    for (size_t i = 0; i < count; i++)
        rc |= ask_weight(table, column, names[i].row->key, &sql);
    MYSQL_RES *rows = rc ? NULL : db_select(s->sides.destination.db, err, "%s", buf_cstr(&sql));
    if (!rows)
        return rc ? eav_no_memory(err) : err->code;
    MYSQL_ROW row;
    for (size_t i = 0; i < count && rc == 0 && (row = mysql_fetch_row(rows)); i++) {
        const size_t len = mysql_fetch_lengths(rows)[0];
        names[i].weight = (struct slice){row[0] ? arena_copy(&s->arena, row[0], len) : NULL, len};
        rc = row[0] && !names[i].weight.p ? eav_no_memory(err) : 0;
    }
    mysql_free_result(rows);
    return rc;
}

/* Rows of one shop whose key no row of the other has, byte for byte. */
static size_t take_unmatched(struct eav_rows *of, const struct eav_rows *other, struct named *out)
{
    size_t count = 0;
    for (size_t i = 0; i < of->count; i++)
        if (!of->items[i].dropped && !of->items[i].remembered &&
            !eav_find_key(other, of->items[i].key))
            out[count++].row = &of->items[i];
    return count;
}

static bool same_slice(struct slice a, struct slice b)
{
    return a.len == b.len && memcmp(a.p, b.p, a.len) == 0;
}

int eav_fold_names(struct eav_step *s, enum eav_table table, struct ds_error *err)
{
    struct eav_merge *m = &s->tables[table];
    const char *const *key = eav_documents[table].key;
    const int32_t i = target_column_ordinal(m->both.target, key[1] ? key[1] : key[0]);
    const struct target_column *column = i < 0 ? NULL : &m->both.target->columns[i];
    struct named *names =
        arena_zalloc(&s->arena, (m->ours.count + m->theirs.count + 1) * sizeof *names);
    if (!names)
        return eav_no_memory(err);
    if (!column || column->class != TARGET_TEXT)
        return 0;
    const size_t ours = take_unmatched(&m->ours, &m->theirs, names);
    const size_t all = ours + take_unmatched(&m->theirs, &m->ours, names + ours);
    int rc = 0;
    for (size_t k = 0; ours && all > ours && k < all && rc == 0; k += NAMES_AT_ONCE)
        rc = ask_weights(s, table, column, names + k,
                         all - k < NAMES_AT_ONCE ? all - k : NAMES_AT_ONCE, err);
    for (size_t k = ours; k < all && rc == 0; k++)
        for (size_t n = 0; n < ours; n++) {
            struct eav_row *there = names[k].row;
            const struct eav_row *here = names[n].row;
            if (names[k].weight.p && names[n].weight.p &&
                same_slice(names[k].weight, names[n].weight) &&
                same_slice(prefix_of_key(table, there->key), prefix_of_key(table, here->key)))
                there->key = here->key;
        }
    return rc;
}
