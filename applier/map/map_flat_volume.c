/* Values of attributes that are columns at the destination: which rows stay rows, and do the
 * columns hold what the source has? Both sides are read in the order of entities. */
#include <stdlib.h>
#include <string.h>

#include "applier/map/map_flat.h"
#include "applier/map/map_value.h"
#include "applier/map/map_volume.h"
#include "schema/db.h"

static const char password[] = "password_hash";

struct checking { /* one attribute */
    const struct map_volume_options *o;
    const struct map_columns *columns;
    const char *code, *document; /* document: of the destination */
    const struct target_column *column;
    MYSQL_RES *there, *here;
    MYSQL_ROW value, row; /* in hand; NULL: no more */
    struct buf changed;
    uint32_t differ;
    struct arena arena;
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for a volume check");
}

static int put_table(const struct map_volume_side *side, const char *document, struct buf *sql)
{
    BUF_AUTO struct buf name = {0};
    return buf_printf(&name, "%s%s", side->tables.prefix, document) |
           sql_identifier(sql, buf_cstr(&name));
}

/* "SELECT what FROM attributes WHERE …" of the type. */
static int put_attributes(const struct map_volume_options *o, const struct map_columns *c,
                          const char *what, struct buf *sql)
{
    return buf_printf(sql, "SELECT %s FROM ", what) | put_table(&o->source, "eav_attribute", sql) |
           buf_puts(sql, " a JOIN ") | put_table(&o->source, "eav_entity_type", sql) |
           buf_puts(sql, " t ON t.entity_type_id = a.entity_type_id WHERE t.entity_type_code = ") |
           sql_string(sql, c->type, strlen(c->type)) | buf_puts(sql, " AND a.attribute_code ");
}

int map_flat_condition(const struct map_volume_options *o, const char *document, struct buf *out,
                       struct ds_error *err)
{
    const struct map_columns *c = map_columns_of(o->map, document, true);
    bool hashes = false;
    if (!c || !*c->codes)
        return 0;
    int rc = buf_puts(out, "(attribute_id NOT IN (") | put_attributes(o, c, "a.attribute_id", out) |
             buf_puts(out, "IN (");
    for (size_t i = 0; c->codes[i]; i++) {
        rc |= (i ? buf_puts(out, ", ") : 0) | sql_string(out, c->codes[i], strlen(c->codes[i]));
        hashes |= strcmp(c->codes[i], password) == 0;
    }
    rc |= buf_puts(out, "))");
    if (hashes)
        rc |= buf_puts(out, " OR LENGTH(SUBSTRING_INDEX(value, ':', 1)) = 128 AND "
                            "attribute_id IN (") |
              put_attributes(o, c, "a.attribute_id", out) | buf_puts(out, "= ") |
              sql_string(out, password, sizeof password - 1) | buf_puts(out, ")");
    return rc | buf_puts(out, ")") ? no_memory(err) : 0;
}

/* --- one attribute --------------------------------------------------------------------------- */

static MYSQL_RES *stream(MYSQL *db, const struct buf *sql, struct ds_error *err)
{
    MYSQL_RES *res = NULL;
    if (mysql_real_query(db, (const char *)sql->data, sql->len) || !(res = mysql_use_result(db)))
        (void)db_fail(err, db, "reading values of attributes");
    return res;
}

/* Without orphans, which the destination has no row for. */
static int open_source(struct checking *k, const char *document, const char *id,
                       struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    const bool text = k->column->class == TARGET_TEXT;
    if (buf_printf(&sql, "SELECT v.entity_id, %s FROM ",
                   text ? "CONVERT(v.value USING utf8mb4)" : "v.value") |
        put_table(&k->o->source, document, &sql) | buf_puts(&sql, " v JOIN ") |
        put_table(&k->o->source, k->columns->document, &sql) |
        buf_printf(&sql,
                   " e ON e.entity_id = v.entity_id WHERE v.attribute_id = %s ORDER BY "
                   "v.entity_id",
                   id))
        return no_memory(err);
    k->there = stream(k->o->source.db, &sql, err);
    return k->there ? 0 : err->code;
}

static int open_destination(struct checking *k, const struct target_table *t, struct ds_error *err)
{
    const bool text = k->column->class == TARGET_TEXT;
    const char *key = map_field(k->o->map, MAP_SOURCE, k->columns->document, "entity_id");
    BUF_AUTO struct buf sql = {0};
    if (buf_puts(&sql, "SELECT ") | sql_identifier(&sql, key) |
        buf_puts(&sql, text ? ", CONVERT(" : ", ") | sql_identifier(&sql, k->column->name) |
        buf_puts(&sql, text ? " USING utf8mb4) FROM " : " FROM ") | sql_identifier(&sql, t->name) |
        buf_puts(&sql, " ORDER BY ") | sql_identifier(&sql, key))
        return no_memory(err);
    k->here = stream(k->o->destination.db, &sql, err);
    return k->here ? 0 : err->code;
}

static bool same_value(const struct target_column *c, const char *text, struct slice want)
{
    const size_t len = strlen(text);
    char room[120];
    switch (c->class) {
    case TARGET_INT:
    case TARGET_DECIMAL:
    case TARGET_FLOAT:
    case TARGET_DOUBLE:
        if (want.len >= sizeof room)
            return false;
        memcpy(room, want.p, want.len);
        room[want.len] = 0;
        return strtold(room, NULL) == strtold(text, NULL);
    case TARGET_TEMPORAL: /* a date of a date and a time */
        return len <= want.len && memcmp(text, want.p, len) == 0 &&
               (len == want.len || c->type == MYSQL_TYPE_DATE || want.p[len] == '.');
    default:
        return len == want.len && (!len || memcmp(text, want.p, len) == 0);
    }
}

/* A hash of SHA-512 may be cut. */
static bool is_cut(const struct checking *k, const char *text, struct slice want)
{
    const size_t len = strlen(text);
    return strcmp(k->code, password) == 0 && map_flat_is_sha512(want) && len >= 64 &&
           len <= want.len && memcmp(text, want.p, len) == 0;
}

/* Does the destination's row hold the value, or NULL: none? */
static int agrees(struct checking *k, const char *value, bool *same, struct ds_error *err)
{
    struct map_value want = {.set = true, .null = !value};
    if (value)
        want.text = (struct slice){(const uint8_t *)value, strlen(value)};
    else
        want = map_value_empty(k->column);
    if (value && k->columns->upgrade_passwords && strcmp(k->code, password) == 0 &&
        map_flat_password(&k->arena, &want))
        return no_memory(err);
    const char *text = k->row[1];
    *same = want.null
                ? !text
                : text && (same_value(k->column, text, want.text) || is_cut(k, text, want.text));
    arena_reset(&k->arena, 1 << 16);
    return 0;
}

static int compare_rows(struct checking *k, struct ds_error *err)
{
    int rc = 0;
    k->value = mysql_fetch_row(k->there);
    for (; rc == 0 && (k->row = mysql_fetch_row(k->here));) {
        bool same = true;
        while (k->value && strtoull(k->value[0], NULL, 10) < strtoull(k->row[0], NULL, 10))
            k->value = mysql_fetch_row(k->there); /* of a row that is missing, which is told */
        bool has = k->value && strcmp(k->value[0], k->row[0]) == 0;
        rc = agrees(k, has ? k->value[1] : NULL, &same, err);
        if (rc == 0 && !same && map_volume_add_key(&k->changed, &k->differ, k->row[0]))
            rc = no_memory(err);
        if (has)
            k->value = mysql_fetch_row(k->there);
    }
    while (k->value)
        k->value = mysql_fetch_row(k->there);
    if (rc == 0 && mysql_errno(k->o->source.db))
        rc = db_fail(err, k->o->source.db, "reading values of attributes");
    if (rc == 0 && mysql_errno(k->o->destination.db))
        rc = db_fail(err, k->o->destination.db, "reading columns of attributes");
    return rc;
}

static void tell(struct checking *k)
{
    k->o->found(k->o->arg, &(struct map_volume_difference){.document = k->document,
                                                           .missing = "",
                                                           .more = "",
                                                           .changed = buf_cstr(&k->changed),
                                                           .values = true,
                                                           .columns = k->code});
}

static bool has_document(const struct map_columns *c, const char *document)
{
    size_t i = 0;
    while (c->values[i] && strcmp(c->values[i], document) != 0)
        i++;
    return c->values[i] != NULL;
}

static int check_attribute(const struct map_volume_options *o, const struct map_columns *c,
                           const char *code, const char *id, const char *type, struct ds_error *err)
{
    BUF_AUTO struct buf values = {0}, name = {0};
    struct checking k = {.o = o, .columns = c, .code = code};
    k.document = map_document(o->map, MAP_SOURCE, c->document);
    if (buf_printf(&values, "%s_%s", c->document, type) ||
        buf_printf(&name, "%s%s", o->destination.tables.prefix, k.document ? k.document : ""))
        return no_memory(err);
    const struct target_table *t =
        target_find(o->destination.tables.schema, buf_cstr(&name), name.len);
    int at = k.document && t ? target_column_ordinal(t, code) : -1;
    if (at < 0 || !has_document(c, buf_cstr(&values)) ||
        (o->wanted && !(o->wanted(o->arg, c->document) && o->wanted(o->arg, buf_cstr(&values)))))
        return 0;
    k.column = &t->columns[at];
    int rc = open_source(&k, buf_cstr(&values), id, err);
    rc = rc ? rc : open_destination(&k, t, err);
    rc = rc ? rc : compare_rows(&k, err);
    mysql_free_result(k.there);
    mysql_free_result(k.here);
    if (rc == 0 && k.differ)
        tell(&k);
    buf_free(&k.changed);
    arena_free(&k.arena);
    return rc;
}

int map_flat_volume(const struct map_volume_options *o, const struct map_columns *columns,
                    struct ds_error *err)
{
    int rc = 0;
    for (size_t i = 0; columns->codes[i] && rc == 0; i++) {
        const char *code = columns->codes[i];
        const struct mask_rule *masked =
            o->mask ? mask_attribute_rule(o->mask, columns->type, code) : NULL;
        if (o->mask && !(masked && masked->method == MASK_KEEP))
            continue;
        BUF_AUTO struct buf sql = {0};
        if (put_attributes(o, columns, "a.attribute_id, a.backend_type", &sql) |
            buf_puts(&sql, "= ") | sql_string(&sql, code, strlen(code)))
            return no_memory(err);
        MYSQL_RES *res = db_select(o->source.db, err, "%s", buf_cstr(&sql));
        if (!res)
            return err->code;
        MYSQL_ROW row = mysql_fetch_row(res);
        rc = row ? check_attribute(o, columns, code, row[0], row[1] ? row[1] : "", err) : 0;
        mysql_free_result(res);
    }
    return rc;
}
