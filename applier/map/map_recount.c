/* Which rows a step gives for all rows that its documents have at the source now. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applier/map/map_given.h"
#include "applier/map/map_own.h"
#include "applier/map/map_row.h"
#include "applier/map/map_split.h"
#include "applier/map/map_value.h"
#include "applier/map/map_volume.h"
#include "schema/db.h"
#include "schema/log.h"

struct recount {
    const struct map_volume_options *o;
    struct map_split *split;
    const char *const *documents; /* of the destination */
    uint64_t *rows;               /* by document, that were given … */
    struct map_given **given;     /* … NULL: they are only counted */
    struct arena kept, arena;
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for a volume check");
}

/* Values as a step's code sees them: the number of a BIT, names of an ENUM or SET, texts in UTF-8,
 * bytes of an address, all digits of a FLOAT. */
static int select_column(const struct target_column *c, struct buf *sql)
{
    const bool text = c->class == TARGET_TEXT && strncmp(c->charset, "utf8", 4) != 0;
    const bool bytes = c->pad_to && strncasecmp(c->type_text, "binary", 6) != 0;
    int rc = text ? buf_puts(sql, "CONVERT(") : bytes ? buf_puts(sql, "CAST(") : 0;
    rc |= sql_identifier(sql, c->name);
    return rc | (text                        ? buf_puts(sql, " USING utf8mb4)")
                 : bytes                     ? buf_printf(sql, " AS BINARY(%u))", c->pad_to)
                 : c->type == MYSQL_TYPE_BIT ? buf_puts(sql, " + 0")
                 : c->class == TARGET_FLOAT  ? buf_puts(sql, " + 0e0")
                                             : 0);
}

static int select_all(const struct target_table *t, struct buf *sql)
{
    int rc = buf_puts(sql, "SELECT ");
    for (uint32_t i = 0; rc == 0 && i < t->column_count; i++)
        rc = (i ? buf_puts(sql, ", ") : 0) | select_column(&t->columns[i], sql);
    return rc | buf_puts(sql, " FROM ") | sql_identifier(sql, t->name);
}

static int read_column(const struct target_column *c, const char *text, unsigned long len,
                       struct arena *arena, struct map_value *out)
{
    *out = (struct map_value){.set = true, .null = !text, .text = {(const uint8_t *)text, len}};
    if (!text || (c->class != TARGET_FLOAT && c->class != TARGET_DOUBLE))
        return 0;
    struct value v = {.kind = c->class == TARGET_FLOAT ? VALUE_FLOAT : VALUE_DOUBLE};
    if (c->class == TARGET_FLOAT)
        v.f = strtof(text, NULL);
    else
        v.d = strtod(text, NULL);
    return map_value_read(&v, arena, out);
}

/* "5" or "5,7" */
static void at_key(const struct target_table *t, MYSQL_ROW row, struct ds_error *err)
{
    BUF_AUTO struct buf key = {0};
    for (uint32_t i = 0; t->row_key && i < t->row_key->count; i++)
        (void)buf_printf(&key, "%s%s", i ? "," : "", row[t->row_key->columns[i]]);
    if (key.len)
        error_at_key(err, buf_cstr(&key));
}

static int describe(struct recount *r, const struct target_table *t, const char *document,
                    struct map_table *out, struct ds_error *err)
{
    struct map_field *fields = map_row_fields(t, &r->kept);
    if (!fields)
        return no_memory(err);
    *out = (struct map_table){.name = document, .fields = fields, .count = t->column_count};
    return 0;
}

static int add_row(struct recount *r, const struct target_table *t, const struct map_table *table,
                   MYSQL_RES *res, MYSQL_ROW row, struct ds_error *err)
{
    const unsigned long *lengths = mysql_fetch_lengths(res);
    arena_reset(&r->arena, 1 << 16);
    struct map_value *values = arena_zalloc(&r->arena, (table->count + 1) * sizeof *values);
    if (!values)
        return no_memory(err);
    for (size_t i = 0; i < table->count; i++)
        if (read_column(&t->columns[i], row[i], lengths[i], &r->arena, &values[i]))
            return no_memory(err);
    const struct map_record record = {table, values};
    map_split_clear(r->split);
    int rc = map_split_add(r->split, SPLIT_AFTER, &record, err);
    if (rc == DS_ECONFLICT)
        at_key(t, row, err);
    for (uint32_t i = 0; rc == 0 && i < map_split_count(r->split); i++) {
        BUF_AUTO struct buf images = {0};
        uint32_t count = 0;
        r->rows[i] += map_split_rows(r->split, i);
        if (!r->given[i])
            continue;
        rc = map_split_images(r->split, i, &images, &count)
                 ? no_memory(err)
                 : map_given_add(r->given[i], &images, err);
    }
    return rc;
}

/* Do the map's rules lead rows of the source to it? */
static bool is_led_to(const struct recount *r, const char *document)
{
    const struct map_volume_side *side = &r->o->source;
    const char *from = map_document(r->o->map, MAP_DESTINATION, document);
    char name[300];
    snprintf(name, sizeof name, "%s%s", side->tables.prefix, from ? from : "");
    const struct target_table *t =
        from ? target_find(side->tables.schema, name, strlen(name)) : NULL;
    return t && t->exists;
}

/* What rows are led to by the map's rules is compared with these. */
static const struct target_table *own_table(const struct recount *r, uint32_t i)
{
    const struct map_volume_side *side = &r->o->destination;
    char name[300];
    if (is_led_to(r, r->documents[i]))
        return NULL;
    snprintf(name, sizeof name, "%s%s", side->tables.prefix, r->documents[i]);
    return target_find(side->tables.schema, name, strlen(name));
}

static int open_given(struct recount *r, struct ds_error *err)
{
    const uint32_t count = map_split_count(r->split);
    int rc = 0;
    r->rows = calloc(count + 1, sizeof *r->rows);
    r->given = calloc(count + 1, sizeof(struct map_given *));
    if (!r->rows || !r->given)
        return no_memory(err);
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        const struct target_table *t = own_table(r, i);
        rc = t ? map_given_new(&r->given[i], r->o->destination.db, t, err) : 0;
    }
    return rc;
}

static int add_document(struct recount *r, const char *document, struct ds_error *err)
{
    const struct map_volume_side *side = &r->o->source;
    BUF_AUTO struct buf name = {0}, sql = {0};
    struct map_table table;
    if (buf_printf(&name, "%s%s", side->tables.prefix, document))
        return no_memory(err);
    const struct target_table *t = target_find(side->tables.schema, buf_cstr(&name), name.len);
    if (!t || !t->exists || (r->o->wanted && !r->o->wanted(r->o->arg, document)))
        return 0;
    int rc = describe(r, t, document, &table, err);
    if (rc == 0 && select_all(t, &sql))
        rc = no_memory(err);
    if (rc)
        return rc;
    MYSQL_RES *res = NULL;
    if (mysql_real_query(side->db, buf_cstr(&sql), sql.len) || !(res = mysql_use_result(side->db)))
        return db_fail(err, side->db, "reading rows of a step");
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));)
        rc = add_row(r, t, &table, res, row, err);
    if (rc == 0 && mysql_errno(side->db))
        rc = db_fail(err, side->db, "reading rows of a step");
    mysql_free_result(res);
    return rc;
}

static int compare(const struct recount *r, uint32_t i, size_t *documents, struct ds_error *err)
{
    const struct map_volume_options *o = r->o;
    const struct target_table *t = own_table(r, i);
    struct map_given_difference d = {0};
    BUF_AUTO struct buf quoted = {0};
    uint64_t rows = 0;
    bool found;
    if (!t)
        return 0;
    if (sql_identifier(&quoted, t->name))
        return no_memory(err);
    int rc = db_scalar_u64(o->destination.db, &rows, &found, err, "SELECT COUNT(*) FROM %s",
                           buf_cstr(&quoted));
    ++*documents;
    if (rc == 0 && r->given[i])
        rc = map_given_compare(r->given[i], &d, err);
    if (rc == 0 && (rows != r->rows[i] || d.any))
        o->found(o->arg, &(struct map_volume_difference){
                             .document = r->documents[i],
                             .source = r->rows[i],
                             .destination = rows,
                             .missing = buf_cstr(&d.missing),
                             .more = buf_cstr(&d.more),
                             .changed = buf_cstr(&d.changed),
                             .values = d.values || (rows == r->rows[i] && !d.missing.len),
                             .columns = ""});
    map_given_difference_free(&d);
    return rc;
}

/* Rows are given for what a row became under a mask, which is not at the source. */
static bool is_masked(const struct map_volume_options *o, const struct ds_step *step)
{
    char name[300];
    bool masked = false;
    for (size_t i = 0; step->source[i] && !masked; i++) {
        snprintf(name, sizeof name, "%s%s", o->source.tables.prefix, step->source[i]);
        masked = mask_changes_table(o->mask, name);
    }
    return masked;
}

/* A document of the step that is left as it was copied. NULL: none. */
static const char *left_behind(const struct map_volume_options *o, const struct ds_step *step)
{
    size_t i = 0;
    while (step->source[i] && !map_volume_leaves(o, step->source[i]))
        i++;
    return step->source[i];
}

int map_recount(const struct map_volume_options *o, size_t *documents, struct ds_error *err)
{
    static const struct msg_table none = {0};
    struct recount r = {.o = o};
    const struct handler *whose;
    const struct ds_step *step = handlers_step(o->own, o->step, &whose);
    const struct map_split_options split = {.own = o->own,
                                            .step = o->step,
                                            .target = o->destination.tables.schema,
                                            .target_prefix = o->destination.tables.prefix,
                                            .like = &none};
    if (is_masked(o, step))
        return 0;
    if (left_behind(o, step)) {
        log_info("rows that step %s gives are not compared: its document %s is not followed",
                 o->step, left_behind(o, step));
        return 0;
    }
    int rc = map_split_new(&r.split, &split, err);
    r.documents = step->destination;
    rc = rc ? rc : open_given(&r, err);
    for (size_t i = 0; rc == 0 && step->source[i]; i++)
        rc = add_document(&r, step->source[i], err);
    for (uint32_t i = 0; rc == 0 && i < map_split_count(r.split); i++)
        rc = compare(&r, i, documents, err);
    for (uint32_t i = 0; r.given && i < map_split_count(r.split); i++)
        map_given_free(r.given[i]);
    map_split_free(r.split);
    free(r.given);
    free(r.rows);
    arena_free(&r.kept);
    arena_free(&r.arena);
    return rc;
}
