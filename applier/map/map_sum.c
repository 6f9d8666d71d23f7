#include "applier/map/map_sum.h"

#include <string.h>
#include <strings.h>

#include "schema/table_sum.h"

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for a volume check");
}

/* --- pairs of columns ------------------------------------------------------------------------ */

static bool is_number(const struct target_column *x)
{
    return (x->class == TARGET_INT && (x->width || x->type == MYSQL_TYPE_YEAR)) ||
           x->class == TARGET_DECIMAL;
}

/* Of which at least one is a number, the other one may be a text. */
static bool of_one_number(const struct target_column *x, const struct target_column *y)
{
    return (is_number(x) && (is_number(y) || y->class == TARGET_TEXT)) ||
           (x->class == TARGET_TEXT && is_number(y));
}

static const char as_number[] = "CAST(%s AS DECIMAL(65,30))";

static const char *whole_number(const struct target_column *x, const struct target_column *y)
{
    if (x->width && y->width)
        return "%s";
    if (x->type != y->type && of_one_number(x, y))
        return as_number;
    if (x->type != y->type || strcmp(x->type_text, y->type_text) != 0)
        return NULL;
    return x->type == MYSQL_TYPE_BIT ? "HEX(%s)" : "%s | 0"; /* YEAR, ENUM, SET */
}

static bool shows_name(const struct target_column *x)
{
    return x->class == TARGET_TEXT || x->type == MYSQL_TYPE_ENUM || x->type == MYSQL_TYPE_SET;
}

/* Names of ENUM's and SET's values, where their numbers may differ; those of two SETs may stand in
 * another order. */
static bool by_name(const struct target_column *x, const struct target_column *y)
{
    return shows_name(x) && shows_name(y) && (x->class != TARGET_TEXT || y->class != TARGET_TEXT) &&
           !(x->type == MYSQL_TYPE_SET && y->type == MYSQL_TYPE_SET) &&
           strcmp(x->type_text, y->type_text) != 0;
}

static const char *point_in_time(const struct target_column *x, const struct target_column *y)
{
    static const struct {
        const char *type, *format;
    } forms[] = {{"datetime", "CAST(%s AS DATETIME(6))"},
                 {"timestamp", "CAST(%s AS DATETIME(6))"},
                 {"time", "CAST(%s AS TIME(6))"},
                 {"date", "%s"}};
    const char *format[2] = {NULL, NULL};
    for (size_t i = 0; i < 2; i++) {
        const char *type = (i ? y : x)->type_text;
        size_t len = strcspn(type, "(");
        for (size_t k = 0; k < sizeof forms / sizeof *forms; k++)
            if (strlen(forms[k].type) == len && strncasecmp(forms[k].type, type, len) == 0)
                format[i] = forms[k].format;
    }
    if (!format[0] || !format[1] || strcmp(format[0], format[1]) == 0)
        return format[0] && format[1] ? format[0] : NULL;
    /* a day becomes its first moment */
    const bool moments = x->type == MYSQL_TYPE_DATE && y->type != MYSQL_TYPE_TIME;
    return moments ? format[1] : NULL;
}

/* NULL: their values do not show alike. Each make of server prints numbers with a floating point
 * in its own way. */
static const char *rendering(const struct target_column *x, const struct target_column *y,
                             bool one_make)
{
    if (by_name(x, y))
        return "SHA2(CONVERT(%s USING utf8mb4), 256)";
    if (x->class != y->class)
        return of_one_number(x, y) ? as_number : NULL;
    switch (x->class) {
    case TARGET_INT:
        return whole_number(x, y);
    case TARGET_DECIMAL:
        return as_number;
    case TARGET_TEMPORAL:
        return point_in_time(x, y);
    case TARGET_TEXT:
        return strcmp(x->charset, y->charset) == 0 ? "SHA2(%s, 256)"
                                                   : "SHA2(CONVERT(%s USING utf8mb4), 256)";
    case TARGET_BYTES:
        return x->pad_to == y->pad_to ? "SHA2(%s, 256)" : NULL;
    case TARGET_FLOAT:
    case TARGET_DOUBLE:
        return one_make ? "%s + 0e0" : NULL;
    case TARGET_JSON:
        break;
    }
    return NULL;
}

static bool is_mariadb(MYSQL *db)
{
    return strcasestr(mysql_get_server_info(db), "mariadb") != NULL;
}

/* Which columns of a document become those of the destination as they are, by the ordinals of
 * these; NULL: none does. */
static void find_columns(const struct map_volume_options *o, const struct map_from *from,
                         const struct target_table *to, const struct target_column **columns)
{
    const char *there = map_document(o->map, MAP_SOURCE, from->document);
    for (uint32_t i = 0; i < from->table->column_count; i++) {
        const struct target_column *c = &from->table->columns[i];
        const char *field = map_field(o->map, MAP_SOURCE, from->document, c->name);
        int32_t at = field ? target_column_ordinal(to, field) : -1;
        const struct slice own = {(const uint8_t *)c->name, strlen(c->name)};
        if (at >= 0 && !mask_changes_column(o->mask, from->table->name, own) &&
            !map_next_handler(o->map, MAP_SOURCE, from->document, c->name, NULL) &&
            !map_next_handler(o->map, MAP_DESTINATION, there, field, NULL))
            columns[at] = c;
    }
}

/* NULL: not from all of them in one way. */
static const char *one_rendering(const struct map_pairs *p, const struct map_pair *pair,
                                 bool one_make)
{
    const char *format = NULL;
    for (uint32_t i = 0; i < p->from_count; i++) {
        const struct target_column *there = pair->there[i];
        const char *other = there ? rendering(there, pair->here, one_make) : NULL;
        if (!other || (format && strcmp(format, other) != 0))
            return NULL;
        format = other;
    }
    return format;
}

static const struct map_pair *pair_at(const struct map_pairs *p, const struct target_column *here)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (p->items[i].here == here)
            return &p->items[i];
    return NULL;
}

/* Do the columns of this key of the destination's all travel as they are? */
static bool take_key(struct map_pairs *p, const struct target_key *k)
{
    uint32_t n = 0;
    if (!k->unique || k->has_nullable || k->has_prefix)
        return false;
    for (; n < k->count; n++)
        if (!(p->key[n] = pair_at(p, &p->to->columns[k->columns[n]])))
            return false;
    const struct target_column *c = p->key[0]->here;
    p->key_count = n;
    p->number = n == 1 && c->class == TARGET_INT && c->width && p->key[0]->format != as_number;
    return true;
}

/* The primary one, or another. */
static int find_key(struct map_pairs *p, struct arena *arena)
{
    p->key = arena_alloc(arena, (p->to->column_count + 1) * sizeof *p->key);
    if (!p->key)
        return DS_ENOMEM;
    bool found = false;
    for (int primary = 1; primary >= 0 && !found; primary--)
        for (uint32_t i = 0; i < p->to->key_count && !found; i++)
            found = p->to->keys[i].primary == primary && take_key(p, &p->to->keys[i]);
    return 0;
}

static void find_pairs(const struct map_volume_options *o, struct map_pairs *p,
                       const struct target_column **columns, const struct target_column **there)
{
    const bool one_make = is_mariadb(o->source.db) == is_mariadb(o->destination.db);
    for (uint32_t i = 0; i < p->from_count; i++)
        find_columns(o, &p->from[i], p->to, columns + (size_t)i * p->to->column_count);
    for (uint32_t i = 0; i < p->to->column_count; i++, there += p->from_count) {
        struct map_pair *pair = &p->items[p->count];
        *pair = (struct map_pair){.here = &p->to->columns[i], .there = there};
        for (uint32_t k = 0; k < p->from_count; k++)
            there[k] = columns[(size_t)k * p->to->column_count + i];
        pair->format = pair->here->generated ? NULL : one_rendering(p, pair, one_make);
        p->count += pair->format != NULL;
    }
}

int map_pairs_find(const struct map_volume_options *o, const struct map_from *from,
                   uint32_t from_count, const struct target_table *to, struct arena *arena,
                   struct map_pairs *out, struct ds_error *err)
{
    *out = (struct map_pairs){.to = to, .from = from, .from_count = from_count};
    const size_t all = (size_t)to->column_count * from_count;
    const struct target_column **columns = arena_zalloc(arena, (2 * all + 1) * sizeof *columns);
    out->items = arena_alloc(arena, (to->column_count + 1) * sizeof *out->items);
    if (!columns || !out->items)
        return no_memory(err);
    find_pairs(o, out, columns, columns + all);
    return find_key(out, arena) ? no_memory(err) : 0;
}

/* --- sums ------------------------------------------------------------------------------------ */

enum { HERE = -1 }; /* the destination; else the number of a document of the source */

static const char *name_at(const struct map_pair *p, int side)
{
    return side == HERE ? p->here->name : p->there[side]->name;
}

static bool in_key(const struct map_pairs *p, const struct map_pair *pair)
{
    uint32_t i = 0;
    while (i < p->key_count && p->key[i] != pair)
        i++;
    return i < p->key_count;
}

enum { ALL = INT32_MAX };

/* Of one column, with the key that says whose it is, or of all. */
static int head(const struct map_pairs *p, uint32_t only, int side, struct buf *sql)
{
    int rc = table_sum_begin(sql);
    for (uint32_t i = 0; i < p->count; i++) {
        const struct map_pair *pair = &p->items[i];
        if (only == ALL || i == only || in_key(p, pair))
            rc |= table_sum_column(sql, name_at(pair, side), pair->format);
    }
    return rc | table_sum_end(sql);
}

/* Added to what is there: rows come in any order, and from any document. */
static int add_sum(const struct map_volume_options *o, const struct map_pairs *p, uint32_t only,
                   int side, struct table_sum *out, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    struct table_sum sum = {0};
    const struct map_volume_side *at = side == HERE ? &o->destination : &o->source;
    int rc = head(p, only, side, &sql)
                 ? no_memory(err)
                 : table_sum_read_where(at->db, &sql, at->database,
                                        (side == HERE ? p->to : p->from[side].table)->name,
                                        side == HERE ? p->where : p->from[side].where, &sum, err);
    out->hash ^= sum.hash;
    out->sum += sum.sum;
    return rc;
}

static int agree_in(const struct map_volume_options *o, const struct map_pairs *p, uint32_t only,
                    bool *agree, struct ds_error *err)
{
    struct table_sum there = {0}, here = {0};
    int rc = add_sum(o, p, only, HERE, &here, err);
    for (uint32_t i = 0; i < p->from_count && rc == 0; i++)
        rc = add_sum(o, p, only, (int)i, &there, err);
    *agree = rc == 0 && there.hash == here.hash && there.sum == here.sum;
    return rc;
}

int map_sums_agree(const struct map_volume_options *o, const struct map_pairs *p, bool *agree,
                   struct ds_error *err)
{
    *agree = true;
    return p->count ? agree_in(o, p, ALL, agree, err) : 0;
}

int map_sums_differ(const struct map_volume_options *o, const struct map_pairs *p,
                    struct buf *columns, struct ds_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; i < p->count && rc == 0; i++) {
        bool agree = true;
        rc = agree_in(o, p, i, &agree, err);
        if (rc == 0 && !agree &&
            buf_printf(columns, "%s%s", columns->len ? "," : "", p->items[i].here->name))
            rc = no_memory(err);
    }
    return rc;
}

/* To be read by people. */
static const char *shown(const struct target_column *c)
{
    if (c->type == MYSQL_TYPE_BIT || c->class == TARGET_BYTES)
        return "LOWER(HEX(%s))";
    return c->class == TARGET_TEXT ? "CONVERT(%s USING utf8mb4)" : "%s";
}

static int put_key(const struct map_pairs *p, int side, struct buf *sql)
{
    int rc = 0;
    if (p->number)
        return sql_identifier(sql, name_at(p->key[0], side)) | buf_puts(sql, ", ") |
               sql_identifier(sql, name_at(p->key[0], side));
    rc |= buf_puts(sql, "CAST(CONCAT_WS('|'");
    for (uint32_t i = 0; i < p->key_count; i++)
        rc |= table_sum_column(sql, name_at(p->key[i], side), p->key[i]->format);
    rc |= buf_puts(sql, ") AS BINARY), CONCAT_WS('/'");
    for (uint32_t i = 0; i < p->key_count; i++)
        rc |= table_sum_column(sql, name_at(p->key[i], side), shown(p->key[i]->here));
    return rc | buf_puts(sql, ")");
}

static int put_rows(const struct map_pairs *p, int side, struct buf *sql)
{
    const char *where = side == HERE ? p->where : p->from[side].where;
    int rc =
        buf_puts(sql, "SELECT ") | put_key(p, side, sql) | buf_puts(sql, ", SHA2(CONCAT_WS('|'");
    for (uint32_t i = 0; i < p->count; i++)
        rc |= table_sum_column(sql, name_at(&p->items[i], side), p->items[i].format);
    rc |= buf_puts(sql, "), 256) FROM ") |
          sql_identifier(sql, (side == HERE ? p->to : p->from[side].table)->name);
    return rc | (where ? buf_puts(sql, " WHERE ") | buf_puts(sql, where) : 0);
}

int map_sums_rows(const struct map_pairs *p, bool source, struct buf *sql)
{
    int rc = source ? 0 : put_rows(p, HERE, sql);
    for (uint32_t i = 0; source && i < p->from_count; i++)
        rc |= (i ? buf_puts(sql, " UNION ALL ") : 0) | put_rows(p, (int)i, sql);
    return rc | buf_puts(sql, " ORDER BY 1");
}
