#include "applier/map/map_sum.h"

#include <string.h>
#include <strings.h>

#include "schema/table_sum.h"

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for a volume check");
}

/* --- pairs of columns ------------------------------------------------------------------------ */

static const char *whole_number(const struct target_column *x, const struct target_column *y)
{
    if (x->width && y->width)
        return "%s";
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
    return format[0] && format[1] && strcmp(format[0], format[1]) == 0 ? format[0] : NULL;
}

/* NULL: their values do not show alike. Numbers with a floating point are printed by each make of
 * server in its own way. */
static const char *rendering(const struct target_column *x, const struct target_column *y)
{
    if (by_name(x, y))
        return "SHA2(CONVERT(%s USING utf8mb4), 256)";
    if (x->class != y->class)
        return NULL;
    switch (x->class) {
    case TARGET_INT:
        return whole_number(x, y);
    case TARGET_DECIMAL:
        return "CAST(%s AS DECIMAL(65,30))";
    case TARGET_TEMPORAL:
        return point_in_time(x, y);
    case TARGET_TEXT:
        return strcmp(x->charset, y->charset) == 0 ? "SHA2(%s, 256)"
                                                   : "SHA2(CONVERT(%s USING utf8mb4), 256)";
    case TARGET_BYTES:
        return x->pad_to == y->pad_to ? "SHA2(%s, 256)" : NULL;
    case TARGET_FLOAT:
    case TARGET_DOUBLE:
    case TARGET_JSON:
        break;
    }
    return NULL;
}

static const struct target_column *column_called(const struct target_table *t, const char *name)
{
    int32_t at = target_column_ordinal(t, name);
    return at < 0 ? NULL : &t->columns[at];
}

/* The key of one column that is a whole number. */
static const struct target_column *number_key(const struct target_table *t)
{
    const struct target_key *k = t->row_key;
    const struct target_column *c = k && k->count == 1 ? &t->columns[k->columns[0]] : NULL;
    return c && c->class == TARGET_INT && c->width ? c : NULL;
}

/* *pair without a format: the column does not travel as it is. */
static void pair_of(const struct map_volume_options *o, const struct target_column *c,
                    const char *document, const struct map_pairs *p, struct map_pair *pair)
{
    const char *there = map_document(o->map, MAP_SOURCE, document);
    const char *field = map_field(o->map, MAP_SOURCE, document, c->name);
    const struct target_column *here = field ? column_called(p->to, field) : NULL;
    *pair = (struct map_pair){.there = c, .here = here};
    if (here && !here->generated &&
        !map_next_handler(o->map, MAP_SOURCE, document, c->name, NULL) &&
        !map_next_handler(o->map, MAP_DESTINATION, there, field, NULL))
        pair->format = rendering(c, here);
}

int map_pairs_find(const struct map_volume_options *o, const struct target_table *from,
                   const char *document, const struct target_table *to, struct arena *arena,
                   struct map_pairs *out, struct ds_error *err)
{
    const struct target_column *there = number_key(from), *here = number_key(to);
    *out = (struct map_pairs){.from = from, .to = to};
    out->items = arena_alloc(arena, (from->column_count + 1) * sizeof *out->items);
    if (!out->items)
        return no_memory(err);
    for (uint32_t i = 0; i < from->column_count; i++) {
        struct map_pair *pair = &out->items[out->count];
        pair_of(o, &from->columns[i], document, out, pair);
        if (!pair->format)
            continue;
        if (pair->there == there && pair->here == here)
            out->key = pair;
        out->count++;
    }
    return 0;
}

/* --- sums ------------------------------------------------------------------------------------ */

static const char *name_at(const struct map_pair *p, bool source)
{
    return source ? p->there->name : p->here->name;
}

enum { ALL = INT32_MAX };

/* Of one column, with the key that says whose it is, or of all. */
static int head(const struct map_pairs *p, uint32_t only, bool source, struct buf *sql)
{
    int rc = table_sum_begin(sql);
    for (uint32_t i = 0; i < p->count; i++) {
        const struct map_pair *pair = &p->items[i];
        if (only == ALL || i == only || pair == p->key)
            rc |= table_sum_column(sql, name_at(pair, source), pair->format);
    }
    return rc | table_sum_end(sql);
}

static int sum_of(const struct map_volume_options *o, const struct map_pairs *p, uint32_t only,
                  bool source, struct table_sum *out, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    const struct map_volume_side *side = source ? &o->source : &o->destination;
    return head(p, only, source, &sql)
               ? no_memory(err)
               : table_sum_read_where(side->db, &sql, side->database,
                                      (source ? p->from : p->to)->name,
                                      source ? p->where : p->where_here, out, err);
}

static int agree_in(const struct map_volume_options *o, const struct map_pairs *p, uint32_t only,
                    bool *agree, struct ds_error *err)
{
    struct table_sum there = {0}, here = {0};
    int rc = sum_of(o, p, only, true, &there, err);
    rc = rc ? rc : sum_of(o, p, only, false, &here, err);
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

int map_sums_rows(const struct map_pairs *p, bool source, struct buf *sql)
{
    BUF_AUTO struct buf key = {0};
    int rc = sql_identifier(&key, name_at(p->key, source)) | buf_puts(sql, "SELECT ") |
             buf_append(sql, key.data, key.len) | buf_puts(sql, ", SHA2(CONCAT_WS('|'");
    for (uint32_t i = 0; i < p->count; i++)
        rc |= table_sum_column(sql, name_at(&p->items[i], source), p->items[i].format);
    rc |= buf_puts(sql, "), 256) FROM ") | sql_identifier(sql, (source ? p->from : p->to)->name);
    const char *where = source ? p->where : p->where_here;
    if (where)
        rc |= buf_puts(sql, " WHERE ") | buf_puts(sql, where);
    rc |= buf_puts(sql, " ORDER BY ");
    return rc | buf_append(sql, key.data, key.len);
}
