/* Which roots of a kind of entity are asked for, and come in which order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/entity_copy_internal.h"
#include "schema/document.h"
#include "schema/key_condition.h"
#include "schema/log.h"

enum { LISTED_PER_QUERY = 5000 };

static int column_exists(struct copy *c, const char *table, const char *column, bool *exists,
                         struct ds_error *err)
{
    BUF_AUTO struct buf name = {0}, literal = {0};
    uint64_t n = 0;
    bool found;
    if (sql_string(&name, table, strlen(table)) || sql_string(&literal, column, strlen(column)))
        return entity_no_memory(err);
    int rc = db_scalar_u64(c->shared->source.db, &n, &found, err,
                           "SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = "
                           "DATABASE() AND TABLE_NAME = %s AND COLUMN_NAME = %s",
                           buf_cstr(&name), buf_cstr(&literal));
    *exists = n > 0;
    return rc;
}

static int add_list(struct buf *sql, const char *column, const char *const *values, size_t count)
{
    int rc = buf_puts(sql, " AND ") | sql_identifier(sql, column) | buf_puts(sql, " IN (");
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = (i ? buf_puts(sql, ",") : 0) | sql_string(sql, values[i], strlen(values[i]));
    return rc | buf_puts(sql, ")");
}

static int not_there(const struct copy *c, const char *option, struct ds_error *err)
{
    return error_set(err, DS_EUSAGE, "--%s: entity %s has no column for it", option,
                     c->entity->name);
}

static int add_bound(const char *column, const char *compared, const char *day, const char *more,
                     struct buf *sql)
{
    return buf_puts(sql, " AND (") | sql_identifier(sql, column) | buf_puts(sql, compared) |
           sql_string(sql, day, strlen(day)) | buf_puts(sql, more) | buf_puts(sql, " OR ") |
           sql_identifier(sql, column) | buf_puts(sql, " IS NULL)");
}

/* AND column within the dates, or of a row of which nothing tells when it was modified. */
static int add_range(const struct entity_selection *s, const char *column, struct buf *sql)
{
    int rc = s->date_from ? add_bound(column, " >= ", s->date_from, "", sql) : 0;
    return rc | (s->date_to ? add_bound(column, " < ", s->date_to, " + INTERVAL 1 DAY", sql) : 0);
}

/* Of a kind that is known by another one's row (stock by its product): as that was modified. Of all
 * kinds, those of which nothing tells when they were modified come whole. */
static int add_dates_of_parent(const struct copy *c, const struct entity_selection *s,
                               struct buf *sql, struct ds_error *err)
{
    const struct catalogue_table *root = &c->entity->tables[0];
    const struct catalogue_entity *e = NULL;
    for (size_t i = 0; i < c->entity->reference_count && !e; i++) {
        const struct catalogue_reference *r = &c->entity->references[i];
        if (strcmp(r->table, root->table) == 0 && strcmp(r->column, root->link) == 0 && !r->to)
            e = catalogue_find(c->o->catalogue, r->entity);
    }
    if (!e && entity_asks_for_all(c)) /* when it was modified, nobody knows */
        return 0;
    if (!e)
        return not_there(c, s->date_from ? "date-from" : "date-to", err);
    int rc = buf_puts(sql, " AND ") | sql_identifier(sql, root->link) |
             buf_puts(sql, " IN (SELECT ") | sql_identifier(sql, e->tables[0].link) |
             buf_printf(sql, " FROM `%s", entity_prefix(c)) |
             buf_printf(sql, "%s` WHERE 1", e->tables[0].there) | add_range(s, "updated_at", sql) |
             buf_puts(sql, ")");
    return rc ? entity_no_memory(err) : 0;
}

static int add_dates(const struct copy *c, const struct entity_selection *s, struct buf *sql,
                     struct ds_error *err)
{
    static const char *const columns[] = {"updated_at", "update_time", "change_status_at",
                                          "created_at"};
    const char *column = NULL;
    for (size_t i = 0; i < sizeof columns / sizeof *columns && !column; i++)
        if (entity_column(&c->tables[0].plan, columns[i]) != UINT32_MAX)
            column = columns[i];
    if (!column)
        return add_dates_of_parent(c, s, sql, err);
    int rc = add_range(s, column, sql);
    return rc ? entity_no_memory(err) : 0;
}

/* A tree's roots come by their depth. */
int entity_add_order(const struct copy *c, struct buf *sql)
{
    const char *link = c->entity->tables[0].link;
    int rc = buf_puts(sql, " ORDER BY ");
    for (size_t i = 0; i < c->entity->reference_count; i++) {
        const struct catalogue_reference *r = &c->entity->references[i];
        if (entity_is_path(c->entity, r))
            rc |= buf_puts(sql, "LENGTH(") | sql_identifier(sql, r->column) |
                  buf_puts(sql, ") - LENGTH(REPLACE(") | sql_identifier(sql, r->column) |
                  buf_puts(sql, ", '/', '')), ");
    }
    return rc | sql_identifier(sql, link);
}

static bool is_number(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return digits && !text[digits];
}

bool entity_key_is_number(const struct copied_table *t)
{
    return key_type_is_integer((uint8_t)t->plan.described[t->link].type);
}

/* The server takes the beginning of a text for a number, and other text for 0. */
static int check_ids(const struct copy *c, const struct entity_selection *s, struct ds_error *err)
{
    const struct entity_ids *listed = entity_listed(c, c->entity);
    size_t count = listed ? listed->count : s->id_count;
    for (size_t i = 0; i < count && entity_key_is_number(&c->tables[0]); i++) {
        const char *id = listed ? listed->items[i].id : s->ids[i];
        if (!is_number(id))
            return error_set(err, DS_EUSAGE, "%s: '%.100s' is no number, as ids of entity %s are",
                             listed ? "the tracker's table" : "--entity-ids", id, c->entity->name);
    }
    return 0;
}

/* Many are picked out of all, so that no statement gets too long. */
static int add_listed(const struct entity_ids *listed, const char *column, struct buf *sql)
{
    if (!listed->count)
        return buf_puts(sql, " AND 0");
    if (listed->count > LISTED_PER_QUERY)
        return 0;
    int rc = buf_puts(sql, " AND ") | sql_identifier(sql, column) | buf_puts(sql, " IN (");
    for (size_t i = 0; i < listed->count && rc == 0; i++)
        rc = (i ? buf_puts(sql, ",") : 0) |
             sql_string(sql, listed->items[i].id, strlen(listed->items[i].id));
    return rc | buf_puts(sql, ")");
}

/* The table that a reference leads to, and its key. */
static void find_target(const struct catalogue_entity *e, const struct catalogue_reference *r,
                        const char **table, const char **key)
{
    const struct catalogue_table *t = &e->tables[0];
    for (size_t i = 0; r->to && i < e->table_count; i++)
        if (strcmp(e->tables[i].table, r->to) == 0)
            t = &e->tables[i];
    *table = t->there;
    *key = r->by ? r->by : t == &e->tables[0] ? t->link : t->key;
}

/* " OR the root has a row in the reference's table of which what it names is there". Of texts,
 * which may have another collation than what they name, and of what is not simple: of which it
 * names any.
 */
static int add_reference(struct copy *c, const struct catalogue_reference *r,
                         const struct catalogue_entity *to, struct buf *sql, struct ds_error *err)
{
    BUF_AUTO struct buf name = {0};
    const struct copied_table *from = NULL;
    const char *table, *key;
    bool exists = false;
    for (uint32_t i = 0; i < c->table_count; i++)
        if (strcmp(c->tables[i].entry->table, r->table) == 0)
            from = &c->tables[i];
    uint32_t column = from ? entity_column(&from->plan, r->column) : UINT32_MAX;
    if (column == UINT32_MAX) /* not at the source, or not copied */
        return 0;
    if (from->through)
        return buf_puts(sql, " OR 1") ? entity_no_memory(err) : 0;
    find_target(to, r, &table, &key);
    if (buf_printf(&name, "%s%s", entity_prefix(c), table))
        return entity_no_memory(err);
    bool joined = r->form == REFERENCE_ONE && key && !r->by &&
                  key_type_is_integer((uint8_t)from->plan.described[column].type);
    int rc = joined ? column_exists(c, buf_cstr(&name), key, &exists, err) : 0;
    if (rc || (joined && !exists))
        return rc;
    rc = buf_puts(sql, " OR ") | sql_identifier(sql, c->entity->tables[0].link) |
         buf_puts(sql, " IN (SELECT f.") | sql_identifier(sql, from->entry->link) |
         buf_puts(sql, " FROM ") | sql_identifier(sql, from->name) | buf_puts(sql, " f");
    if (joined)
        rc |= buf_puts(sql, " JOIN ") | sql_identifier(sql, buf_cstr(&name)) |
              buf_puts(sql, " t ON t.") | sql_identifier(sql, key) | buf_puts(sql, " = f.") |
              sql_identifier(sql, r->column) | buf_puts(sql, ")");
    else
        rc |= buf_puts(sql, " WHERE f.") | sql_identifier(sql, r->column) |
              buf_puts(sql, " > '')"); /* nor NULL */
    return rc ? entity_no_memory(err) : 0;
}

static int add_document(const struct copied_table *t, const char *root,
                        const struct document_format *f, struct buf *sql)
{
    if (t->through)
        return buf_puts(sql, " OR 1");
    return buf_puts(sql, " OR ") | sql_identifier(sql, root) | buf_puts(sql, " IN (SELECT ") |
           sql_identifier(sql, t->entry->link) | buf_puts(sql, " FROM ") |
           sql_identifier(sql, t->name) | buf_puts(sql, " WHERE ") |
           sql_identifier(sql, f->column) | buf_printf(sql, " LIKE '%%%s%%')", f->marker);
}

static int select_roots(struct copy *c, bool selected, struct buf *sql, struct ds_error *err)
{
    const struct entity_selection *s = &c->o->selection;
    const char *link = c->entity->tables[0].link;
    int rc = selected ? check_ids(c, s, err) : 0;
    if (rc)
        return rc;
    const char *key = c->entity->tables[0].key;
    bool several = key && strcmp(key, link) != 0;
    rc = buf_puts(sql, several ? "SELECT DISTINCT " : "SELECT ") | sql_identifier(sql, link) |
         buf_puts(sql, " FROM ") | sql_identifier(sql, c->tables[0].name) |
         buf_puts(sql, " WHERE 1");
    const struct entity_ids *listed = selected ? entity_listed(c, c->entity) : NULL;
    if (listed)
        return rc | add_listed(listed, link, sql) | entity_add_order(c, sql) ? entity_no_memory(err)
                                                                             : 0;
    if (rc == 0 && selected && s->id_count)
        rc = add_list(sql, link, s->ids, s->id_count);
    if (rc == 0 && selected && s->increment_id_count) {
        if (entity_column(&c->tables[0].plan, "increment_id") == UINT32_MAX)
            return not_there(c, "increment-ids", err);
        rc = add_list(sql, "increment_id", s->increment_ids, s->increment_id_count);
    }
    if (rc == 0 && selected && (s->date_from || s->date_to)) {
        int failed = add_dates(c, s, sql, err);
        if (failed)
            return failed;
    }
    rc |= entity_add_order(c, sql);
    if (selected && s->limit && !c->tables[0].where) /* else those are counted that it lets in */
        rc |= buf_printf(sql, " LIMIT %lu", s->limit);
    return rc ? entity_no_memory(err) : 0;
}

/* Those of `roots` that refer to what came later: mostly it is gone (quotes of orders). */
static int select_deferred(struct copy *c, const struct buf *roots, struct buf *sql,
                           struct ds_error *err)
{
    const char *link = c->entity->tables[0].link;
    int rc = buf_puts(sql, "SELECT DISTINCT ") | sql_identifier(sql, link) |
             buf_puts(sql, " FROM ") | sql_identifier(sql, c->tables[0].name) |
             buf_puts(sql, " WHERE ") | sql_identifier(sql, link) |
             buf_puts(sql, " IN (SELECT * FROM (") | buf_append(sql, roots->data, roots->len) |
             buf_puts(sql, ") roots) AND (0");
    rc = rc ? entity_no_memory(err) : 0;
    for (size_t i = 0; i < c->entity->reference_count && rc == 0; i++) {
        const struct catalogue_reference *r = &c->entity->references[i];
        const struct catalogue_entity *to = entity_later_kind(c, c->entity, r);
        rc = to ? add_reference(c, r, to, sql, err) : 0;
    }
    for (uint32_t i = 0; i < c->table_count && rc == 0; i++) {
        const struct document_format *f =
            entity_later_format(c, c->entity, c->tables[i].entry->table);
        rc = f ? add_document(&c->tables[i], c->entity->tables[0].link, f, sql) : 0;
        rc = rc ? entity_no_memory(err) : 0;
    }
    if (rc)
        return rc;
    return buf_puts(sql, ")") | entity_add_order(c, sql) ? entity_no_memory(err) : 0;
}

int entity_read_roots(struct copy *c, bool selected, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0}, roots = {0};
    bool deferred = c->pass == DEFERRED;
    if (deferred && c->o->selection.limit && c->tables[0].where) /* which they are is not known */
        return 0;
    int rc = select_roots(c, selected, deferred ? &roots : &sql, err);
    rc = rc || !deferred ? rc : select_deferred(c, &roots, &sql, err);
    if (rc)
        return rc;
    MYSQL_RES *rows = db_select(c->shared->source.db, err, "%s", buf_cstr(&sql));
    if (!rows)
        return err->code;
    const struct entity_ids *listed = selected ? entity_listed(c, c->entity) : NULL;
    c->keys = calloc(mysql_num_rows(rows) + 1, sizeof *c->keys);
    for (MYSQL_ROW row; c->keys && rc == 0 && (row = mysql_fetch_row(rows));) {
        unsigned long *lengths = mysql_fetch_lengths(rows);
        if (listed && !entity_is_listed(listed, row[0] ? row[0] : ""))
            continue;
        c->keys[c->key_count] = row[0] ? strndup(row[0], lengths[0]) : strdup("");
        rc = c->keys[c->key_count] ? 0 : DS_ENOMEM;
        c->key_count += rc == 0;
    }
    mysql_free_result(rows);
    if (!c->keys || rc)
        return entity_no_memory(err);
    return selected ? entity_tell_absent(c, err) : 0;
}
