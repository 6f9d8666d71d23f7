/* What the source deletes and the destination's own rows use stays, and what another source has.
 *
 * Own rows are those of which neither they nor what they hang on is registered. Of what is set up
 * at both sides (stores, groups, attributes with their options …) all of them count that name it:
 * by a foreign key of any kind, in a table of values, or by a column of which only the catalogue
 * knows. Of other entities those that would go with it: whole ones, of other kinds (an invoice that
 * was made here for an order). Of all those whose foreign keys would not let it go (restricted.c).
 */
#include <stdio.h>
#include <string.h>

#include "applier/import/drop.h"
#include "applier/import/import_internal.h"
#include "applier/import/lineage.h"
#include "applier/import/restricted.h"
#include "schema/db.h"
#include "schema/log.h"
#include "schema/shop_table.h"

struct asking {
    struct import *im;
    const struct catalogue_entity *entity;
    const struct catalogue_table *entry;
    const struct target_table *table;
    const char *key; /* column of the ids */
    const char *ids;
    struct import_used *used;
};

void import_used_free(struct import_used *used)
{
    buf_free(&used->ids);
    buf_free(&used->others);
    buf_free(&used->holders);
}

bool import_is_used(const struct import_used *used, uint64_t id)
{
    char text[24];
    snprintf(text, sizeof text, ",%lu,", id);
    return used->ids.len && strstr((const char *)used->ids.data, text);
}

/* What the list of lines says of it; ends with the line. NULL: nothing. */
static const char *told_of(const struct buf *list, uint64_t id)
{
    char text[24];
    int n = snprintf(text, sizeof text, "\n%lu ", id);
    const char *at = list->len ? strstr((const char *)list->data, text) : NULL;
    return at ? at + n : NULL;
}

void import_tell_used(const struct import_used *used, const struct catalogue_entity *e,
                      const struct catalogue_table *entry, uint64_t id)
{
    bool root = entry == &e->tables[0];
    const char *table = root ? "" : " table=", *name = root ? "" : entry->table,
               *source = told_of(&used->others, id), *holder = told_of(&used->holders, id);
    if (source)
        log_warn("kept though the source has deleted it: source %.*s has it, too "
                 "entity=%s%s%s id=%lu",
                 (int)strcspn(source, "\n"), source, e->name, table, name, id);
    else if (holder)
        log_warn("kept though the source has deleted it: rows of the destination's own in table "
                 "%.*s hold on to it by a foreign key entity=%s%s%s id=%lu",
                 (int)strcspn(holder, "\n"), holder, e->name, table, name, id);
    else
        log_warn("kept though the source has deleted it: something of the destination's own uses "
                 "it entity=%s%s%s id=%lu",
                 e->name, table, name, id);
}

int import_add_used(struct import_used *used, const char *id)
{
    return buf_printf(&used->ids, "%s%s,", used->ids.len ? "" : ",", id);
}

/* "SELECT the ids that … FROM t0, whose rows are the destination's own": what follows is the match.
 */
static int begin(const struct asking *a, const struct import_lineage *l, const char *child,
                 struct buf *sql)
{
    int rc = buf_puts(sql, "SELECT DISTINCT p.") | sql_identifier(sql, a->key) |
             buf_puts(sql, " FROM ") | sql_identifier(sql, a->table->name) |
             buf_puts(sql, " p JOIN (");
    rc |=
        l ? import_lineage_from(a->im, l, sql) : sql_identifier(sql, child) | buf_puts(sql, " t0");
    rc |= buf_puts(sql, ") WHERE p.") | sql_identifier(sql, a->key) |
          buf_printf(sql, " IN (%s)", a->ids);
    return l ? rc | buf_puts(sql, " AND ") | import_lineage_is_own(a->im, l, sql) : rc;
}

static int ask(const struct asking *a, struct buf *sql, struct ds_error *err)
{
    MYSQL_RES *rows = db_select(a->im->db, err, "%s", buf_cstr(sql));
    int rc = 0;
    if (!rows)
        return err->code;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(rows));)
        rc = import_add_used(a->used, row[0]);
    mysql_free_result(rows);
    return rc ? import_no_memory(err) : 0;
}

static int ask_sources(const struct asking *a, struct ds_error *err)
{
    uint32_t type = registry_type(a->im->registry, import_type_name(a->entity, a->entry));
    MYSQL_RES *rows =
        type == UINT32_MAX ? NULL : registry_of_others(a->im->registry, type, a->ids, err);
    int rc = 0;
    if (!rows)
        return type == UINT32_MAX ? import_no_memory(err) : err->code;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(rows));)
        rc = import_add_used(a->used, row[0]) |
             buf_printf(&a->used->others, "\n%s %s\n", row[0], row[1]);
    mysql_free_result(rows);
    return rc ? import_no_memory(err) : 0;
}

/* --- by what the catalogue says ----------------------------------------------------------------
 */

static int equals(const struct catalogue_reference *r, const char *column, struct buf *sql)
{
    bool list = r->form == REFERENCE_LIST || (r->input && strcmp(r->input, "multiselect") == 0);
    if (!list && r->form != REFERENCE_PATH)
        return buf_puts(sql, " AND t0.") | sql_identifier(sql, r->column) | buf_puts(sql, " = p.") |
               sql_identifier(sql, column);
    return buf_puts(sql, " AND FIND_IN_SET(p.") | sql_identifier(sql, column) |
           buf_puts(sql, list ? ", t0." : ", REPLACE(t0.") | sql_identifier(sql, r->column) |
           buf_puts(sql, list ? ")" : ", '/', ','))");
}

static int when(const struct catalogue_when *w, struct buf *sql)
{
    int rc = buf_puts(sql, " AND t0.") | sql_identifier(sql, w->column) | buf_puts(sql, " IN (");
    for (size_t i = 0; w->values[i]; i++)
        rc |= buf_puts(sql, i ? "," : "") | sql_string(sql, w->values[i], strlen(w->values[i]));
    return rc | buf_puts(sql, ")");
}

static int match(const struct asking *a, const struct catalogue_reference *r, struct buf *sql)
{
    const struct target_table *attributes = import_shop_table(a->im, "eav_attribute");
    int rc = equals(r, r->by ? r->by : a->key, sql);
    if (r->when.column)
        rc |= when(&r->when, sql);
    const char *name = r->attribute ? r->attribute : r->source_model;
    if (name && attributes)
        rc |= buf_puts(sql, " AND t0.attribute_id IN (SELECT a.attribute_id FROM ") |
              sql_identifier(sql, attributes->name) |
              buf_printf(sql, " a WHERE %s = ", r->attribute ? "attribute_code" : "source_model") |
              sql_string(sql, name, strlen(name)) | buf_puts(sql, ")");
    if (r->input) /* a value is an option of the attribute that it is a value of */
        rc |= buf_puts(sql, " AND t0.attribute_id = p.") | sql_identifier(sql, a->entry->link);
    return rc;
}

static bool leads_here(const struct asking *a, const struct catalogue_reference *r)
{
    bool root = a->entry == &a->entity->tables[0];
    return catalogue_find(a->im->options.catalogue, r->entity) == a->entity &&
           (r->to ? strcmp(r->to, a->entry->table) == 0 : root);
}

static bool has_columns(const struct asking *a, const struct catalogue_reference *r,
                        const struct target_table *child)
{
    return child && target_column_ordinal(child, r->column) >= 0 &&
           (!r->by || target_column_ordinal(a->table, r->by) >= 0) &&
           (!r->when.column || target_column_ordinal(child, r->when.column) >= 0) &&
           (!catalogue_asks_attribute(r) || target_column_ordinal(child, "attribute_id") >= 0);
}

static int ask_references(const struct asking *a, const struct catalogue_entity *e,
                          struct ds_error *err)
{
    int rc = 0;
    for (size_t i = 0; i < e->reference_count && rc == 0; i++) {
        const struct catalogue_reference *r = &e->references[i];
        struct import_lineage l;
        BUF_AUTO struct buf sql = {0};
        if (!leads_here(a, r))
            continue;
        const struct target_table *child = import_shop_table(a->im, r->table);
        if (!has_columns(a, r, child) || !import_lineage(a->im, child->name, &l))
            continue;
        rc = begin(a, &l, child->name, &sql) | match(a, r, &sql) ? import_no_memory(err)
                                                                 : ask(a, &sql, err);
    }
    return rc;
}

/* --- by foreign keys ---------------------------------------------------------------------------
 */

/* Of an extension that only the destination has: nothing is imported into it. */
static bool is_unknown(const struct import *im, const char *table)
{
    const struct catalogue *c = im->options.catalogue;
    const struct catalogue_entity *e;
    const struct catalogue_table *entry;
    char scratch[SHOP_TABLE_SIZE];
    bool shops;
    const char *plain = shop_table(im->options.config->destination.prefix, table, scratch, &shops);
    bool known = !shops || catalogue_lookup(c, plain, &e, &entry);
    for (size_t i = 0; i < catalogue_group_count(c) && !known; i++)
        known = catalogue_group_has(c, catalogue_group_at(c, i), plain);
    return !known;
}

/* Was it asked for as a reference of the catalogue? */
static bool is_declared(const struct asking *a, const struct import_lineage *l, const char *column)
{
    for (size_t i = 0; i < l->entity->reference_count; i++) {
        const struct catalogue_reference *r = &l->entity->references[i];
        bool plain =
            r->form == REFERENCE_ONE && !r->when.column && !catalogue_asks_attribute(r) && !r->by;
        if (plain && leads_here(a, r) && strcmp(r->table, l->levels[0]->table) == 0 &&
            strcmp(r->column, column) == 0)
            return true;
    }
    return false;
}

/* Rows of an entity of another kind that go with what they refer to. Stock is the product's. */
static bool takes_entity(const struct asking *a, const struct target_fk *fk,
                         const struct import_lineage *l)
{
    return fk->on_delete == FK_CASCADE && l->count == 1 && l->entity != a->entity &&
           !l->levels[0]->stock;
}

static int ask_key(const struct asking *a, const struct target_fk *fk, struct ds_error *err)
{
    bool maps = filter_maps(a->entity);
    struct import_lineage l;
    BUF_AUTO struct buf sql = {0};
    bool of_entity = import_lineage(a->im, fk->child->name, &l);
    if (of_entity
            ? (maps ? fk->count == 1 && is_declared(a, &l, fk->child->columns[fk->columns[0]].name)
                    : !takes_entity(a, fk, &l))
            : !maps || !is_unknown(a->im, fk->child->name))
        return 0;
    int rc = begin(a, of_entity ? &l : NULL, fk->child->name, &sql);
    for (uint32_t i = 0; i < fk->count; i++)
        rc |= buf_puts(&sql, " AND t0.") |
              sql_identifier(&sql, fk->child->columns[fk->columns[i]].name) |
              buf_puts(&sql, " = p.") |
              sql_identifier(&sql, a->table->columns[fk->parent_columns[i]].name);
    return rc ? import_no_memory(err) : ask(a, &sql, err);
}

int import_find_used(struct import *im, const struct catalogue_entity *e,
                     const struct catalogue_table *entry, const char *ids, struct import_used *used,
                     struct ds_error *err)
{
    const struct catalogue *c = im->options.catalogue;
    bool root = entry == &e->tables[0];
    struct asking a = {.im = im,
                       .entity = e,
                       .entry = entry,
                       .table = import_shop_table(im, entry->table),
                       .key = root ? entry->link : entry->key,
                       .ids = ids,
                       .used = used};
    bool part = !root && !filter_maps(e);
    if (!a.table || !a.key || !import_type_name(e, entry))
        return 0;
    int rc = import_find_restricted(im, a.table, a.key, ids, used, err);
    /* a record that comes whole says all that there is of a part */
    if (rc || (part && !im->options.follows))
        return rc;
    rc = ask_sources(&a, err);
    if (rc || part) /* the destination's own do not keep it */
        return rc;
    rc = rc ? rc : registry_flush(im->registry, err); /* which the queries ask */
    for (size_t i = 0; i < catalogue_count(c) && filter_maps(e) && rc == 0; i++)
        rc = ask_references(&a, catalogue_at(c, i), err);
    for (uint32_t i = 0; i < a.table->referrer_count && rc == 0; i++)
        rc = ask_key(&a, a.table->referrers[i], err);
    return rc;
}

int import_find_shared(struct import *im, const struct catalogue_entity *e,
                       const struct catalogue_table *entry, const char *ids,
                       struct import_used *used, struct ds_error *err)
{
    struct asking a = {.im = im, .entity = e, .entry = entry, .ids = ids, .used = used};
    return import_type_name(e, entry) ? ask_sources(&a, err) : 0;
}

static bool id_of(const struct import_table *t, const uint8_t *const *place, uint64_t *id)
{
    const struct target_key *key = t->target->row_key;
    return key->count == 1 && key->columns[0] == t->id_target &&
           value_id((struct slice){place[0], value_length(place[0])}, id);
}

int import_keep_used(struct import *im, const struct import_table *t, const uint8_t ***places,
                     uint32_t *count, struct ds_error *err)
{
    BUF_AUTO struct buf ids = {0}, kept = {0};
    struct import_used used = {0};
    uint64_t id;
    uint32_t left = 0;
    int rc = 0;
    for (uint32_t i = 0; i < *count && t->type != UINT32_MAX; i++)
        if (id_of(t, places[i], &id))
            rc |= buf_printf(&ids, "%s%lu", ids.len ? "," : "", id);
    if (rc || !ids.len)
        return rc ? import_no_memory(err) : 0;
    rc = import_find_used(im, t->entity, t->entry, buf_cstr(&ids), &used, err);
    for (uint32_t i = 0; i < *count && rc == 0; i++) {
        if (!id_of(t, places[i], &id) || !import_is_used(&used, id)) {
            places[left++] = places[i];
            continue;
        }
        import_tell_used(&used, t->entity, t->entry, id);
        rc = buf_printf(&kept, "%s%lu", kept.len ? "," : "", id) ? import_no_memory(err) : 0;
    }
    import_used_free(&used);
    *count = rc ? *count : left;
    return rc || !kept.len ? rc : import_forget(im, t->entity, t->entry, buf_cstr(&kept), err);
}
