/* What is empty at the source is empty at the destination: rows under a whole entity's rows that
 * the source has not (any more) go. Before new rows of the table are inserted, so that their keys
 * are free. */
#include <stdio.h>
#include <string.h>

#include "applier/import/drop.h"
#include "applier/import/options.h"
#include "applier/import/places.h"
#include "applier/import/resolve.h"

enum { PARENTS_PER_QUERY = 1000 };

struct dropping {
    struct import *im;
    const struct import_table *t;
    struct places stay;
    bool records;      /* of a file: all entities are, or none */
    struct buf ids;    /* of parents, "1,2,3" … */
    struct buf values; /* … of whose rows those with these are meant: SQL, empty: all */
    uint32_t count;
};

/* --- tables of which nothing has come ------------------------------------------------------------
 */

static bool is_compiled(const struct import *im, const struct target_table *target)
{
    const struct import_table *t = im->tables;
    while (t && !(t->target == target && t->target_version == target->version))
        t = t->next;
    return t;
}

/* Are there the columns by which its rows are found? */
static bool is_linked(const struct catalogue_entity *e, const struct catalogue_table *entry,
                      const struct target_table *target)
{
    return target->row_key && target_column_ordinal(target, entry->link) >= 0 &&
           (!import_type_name(e, entry) || target_column_ordinal(target, entry->key) >= 0);
}

static int look_at(struct import *im, const char *name, const struct target_table *target,
                   struct ds_error *err)
{
    const char *prefix = im->options.config->source.prefix;
    struct import_table *ignored;
    struct source_table as_here = {.def = {.flags = TABLE_NAMES | TABLE_KEYS}};
    struct msg_table *def = &as_here.def;
    BUF_AUTO struct buf text = {0};
    def->column_count = target->column_count;
    def->columns =
        arena_zalloc(&im->arena, ((size_t)target->column_count + 1) * sizeof *def->columns);
    if (!def->columns || buf_printf(&text, "%s%s", prefix ? prefix : "", name))
        return import_no_memory(err);
    def->name = (struct slice){text.data, text.len};
    for (uint32_t i = 0; i < target->column_count; i++) {
        const struct target_column *c = &target->columns[i];
        def->columns[i].name = (struct slice){(const uint8_t *)c->name, strlen(c->name)};
        def->columns[i].flags = c->is_unsigned ? COLUMN_UNSIGNED : 0;
    }
    for (uint32_t i = 0; i < target->row_key->count; i++)
        def->columns[target->row_key->columns[i]].flags |= COLUMN_KEY;
    return import_table_find(im, &as_here, false, &ignored, err);
}

int import_look_below(struct import *im, const struct catalogue_entity *e, struct ds_error *err)
{
    const char *prefix = im->options.config->source.prefix;
    int rc = 0;
    for (size_t i = 1; i < e->table_count && rc == 0; i++) {
        const struct catalogue_table *entry = &e->tables[i];
        const struct target_table *target = import_shop_table(im, entry->table);
        char name[300];
        snprintf(name, sizeof name, "%s%s", prefix ? prefix : "", entry->there);
        if (!filter_keeps(im->options.filter, name)) /* what is here stays */
            continue;
        if (target && !is_compiled(im, target) && is_linked(e, entry, target))
            rc = look_at(im, entry->table, target, err);
    }
    return rc;
}

/* --- whose rows go -------------------------------------------------------------------------------
 */

static bool tells_all(const struct import_entity *e, const struct catalogue_table *entry)
{
    const struct import_whole_table *w = e->whole_tables;
    while (w && w->entry != entry)
        w = w->next;
    return w;
}

static bool has_all(const struct import_entity *e, const struct catalogue_table *entry)
{
    return e->whole || tells_all(e, entry);
}

bool import_has_all(const struct import *im, const struct import_table *t)
{
    for (uint32_t i = 0; i < im->entity_count; i++)
        if (im->entity_list[i]->entity == t->entity && has_all(im->entity_list[i], t->entry))
            return true;
    return false;
}

bool import_is_replaced(const struct import *im, const struct import_row *row,
                        const struct import_table *t)
{
    const struct import_entity *e = row->entity;
    bool merged =
        import_is_option(t) ? !import_option_is_replaced(im, row, t) : import_is_merged(im, e);
    bool found = e->found || (e->root && e->root->old_id);
    return has_all(e, t->entry) && found && !e->left && e->policy == IMPORT_WRITE && !merged;
}

static bool is_parent(const struct import *im, const struct import_row *row,
                      const struct catalogue_table *parent, const struct import_table *t)
{
    return row->table->entry == parent && row->op != CHANGE_DELETE && row->state == ROW_WRITTEN &&
           (!row->fresh || row->old_id) && row->target_id && import_is_replaced(im, row, t);
}

/* The same of an entity whose root came earlier: what leads to others comes behind all records of a
 * file. */
static bool is_known_parent(const struct import *im, const struct import_entity *e,
                            const struct import_table *t)
{
    return e->entity == t->entity && tells_all(e, t->entry) && !e->root && e->here && !e->left &&
           e->policy == IMPORT_WRITE && !import_is_merged(im, e) && !import_is_option(t);
}

static int forget_below(struct import *im, const struct catalogue_entity *e,
                        const struct catalogue_table *parent, const char *ids, struct ds_error *err)
{
    const char *prefix = im->options.config->destination.prefix;
    int rc = 0;
    for (size_t i = 1; i < e->table_count && rc == 0; i++) {
        const struct catalogue_table *x = &e->tables[i];
        BUF_AUTO struct buf name = {0}, list = {0};
        if (import_parent(e, x) != parent || !x->key || !import_type_name(e, x))
            continue;
        rc = buf_printf(&name, "%s%s", prefix ? prefix : "", x->table) ? import_no_memory(err) : 0;
        if (rc || !target_find(im->target, (const char *)name.data, name.len))
            continue;
        rc = buf_puts(&list, "SELECT ") | sql_identifier(&list, x->key) |
             buf_puts(&list, " FROM ") | sql_identifier(&list, buf_cstr(&name)) |
             buf_puts(&list, " WHERE ") | sql_identifier(&list, x->link) |
             buf_printf(&list, " IN (%s)", ids);
        rc = rc ? import_no_memory(err) : forget_below(im, e, x, buf_cstr(&list), err);
        uint32_t type = registry_type(im->registry, import_type_name(e, x));
        rc = rc ? rc : registry_remove_targets(im->registry, type, buf_cstr(&list), err);
    }
    return rc;
}

int import_forget(struct import *im, const struct catalogue_entity *e,
                  const struct catalogue_table *entry, const char *ids, struct ds_error *err)
{
    const char *type = import_type_name(e, entry);
    int rc = forget_below(im, e, entry, ids, err);
    return rc || !type
               ? rc
               : registry_remove_targets(im->registry, registry_type(im->registry, type), ids, err);
}

/* What it names is something that the source has, too: of its own the destination may have more. */
static int add_known(const struct import *im, const char *column, uint32_t type, struct buf *sql)
{
    int rc = buf_puts(sql, " AND (t.") | sql_identifier(sql, column) |
             buf_puts(sql, " IS NULL OR t.") | sql_identifier(sql, column) |
             buf_puts(sql, " = 0 OR ");
    rc |= registry_condition(im->registry, type, sql) | buf_puts(sql, "t.") |
          sql_identifier(sql, column);
    return rc | buf_puts(sql, "))");
}

/* Does it lead to what a file calls by the destination's names? Categories it knows by ids. */
static bool is_named(const struct import_reference *r)
{
    static const char *const named[] = {"website",   "customer_group",    "product",
                                        "attribute", "product_link_type", NULL};
    for (size_t i = 0; named[i]; i++)
        if (strcmp(r->rule->entity, named[i]) == 0)
            return true;
    return false;
}

/* An image that stays one of the product's own, for which the file has no column, or which a store
 * view has. Values are written before galleries. */
static int add_not_shown(const struct import *im, struct buf *sql)
{
    const struct target_table *values = import_shop_table(im, "catalog_product_entity_varchar"),
                              *attributes = import_shop_table(im, "eav_attribute");
    if (!values || !attributes)
        return 0;
    return buf_puts(sql, " AND NOT EXISTS (SELECT 1 FROM ") | sql_identifier(sql, values->name) |
           buf_puts(sql, " v JOIN ") | sql_identifier(sql, attributes->name) |
           buf_puts(sql, " a USING (attribute_id) WHERE a.frontend_input = 'media_image' AND "
                         "v.entity_id = t.entity_id AND v.value = t.value)");
}

/* Does it lead to a part of the same entity, which is as much the source's as the row is? */
static bool is_inside(const struct import_table *t, const struct import_reference *r)
{
    return r->rule->to && strcmp(r->rule->entity, t->entity->name) == 0 && !filter_maps(t->entity);
}

/* What the source can speak about. Of what is set up at both sides (attributes, sets, groups) it
 * can only of what came from it; records of a file, by name, of all of it. */
static int add_conditions(const struct import *im, const struct import_table *t, bool records,
                          bool of_own_kind, struct buf *sql)
{
    int rc = 0;
    for (uint32_t i = 0; i < t->reference_count && rc == 0; i++) {
        const struct import_reference *r = &t->references[i];
        bool plain = r->rule && r->form == REFERENCE_ONE && !r->word && r->when == NO_COLUMN &&
                     !catalogue_asks_attribute(r->rule) && !r->parent;
        if (plain && !is_inside(t, r) && !(records && is_named(r)) &&
            t->target->columns[r->target].class == TARGET_INT &&
            (r->type == t->root_type) == of_own_kind)
            rc = add_known(im, t->target->columns[r->target].name, r->type, sql);
    }
    if (of_own_kind)
        return rc;
    if (rc == 0 && import_option_is_told(im, t))
        rc = buf_puts(sql, " AND NOT ") |
             registry_condition_others(im->registry, t->parent_type, sql) | buf_puts(sql, "t.") |
             sql_identifier(sql, t->target->columns[t->link_target].name) | buf_puts(sql, ")");
    if (rc == 0 && records && strcmp(t->entry->table, IMPORT_GALLERY) == 0)
        rc = add_not_shown(im, sql);
    if (rc == 0 && t->type != UINT32_MAX && filter_maps(t->entity))
        rc = buf_puts(sql, " AND ") | registry_condition(im->registry, t->type, sql) |
             buf_puts(sql, "t.") | sql_identifier(sql, t->target->columns[t->id_target].name) |
             buf_puts(sql, ")");
    return rc;
}

MYSQL_RES *import_rows_under(struct import *im, const struct import_table *t, bool records,
                             const char *list, const char *values, uint32_t most,
                             struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    int rc = buf_puts(&sql, "SELECT ") | import_select_place(&sql, t) | buf_puts(&sql, ", (TRUE") |
             add_conditions(im, t, records, true, &sql) | buf_puts(&sql, ") FROM ") |
             sql_identifier(&sql, t->target->name) | buf_puts(&sql, " t WHERE t.") |
             sql_identifier(&sql, t->target->columns[t->link_target].name) |
             buf_printf(&sql, " IN (%s)%s", list, values);
    if (rc || add_conditions(im, t, records, false, &sql) || buf_printf(&sql, " LIMIT %u", most)) {
        (void)import_no_memory(err);
        return NULL;
    }
    /* which the conditions ask */
    return registry_flush(im->registry, err) ? NULL : db_select(im->db, err, "%s", buf_cstr(&sql));
}

bool import_is_known(const struct import_table *t, MYSQL_ROW row)
{
    return *row[t->target->row_key->count] == '1';
}

MYSQL_RES *import_rows_at(struct import *im, const struct import_table *t, const char *list,
                          struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    int rc = buf_puts(&sql, "SELECT ") | import_select_place(&sql, t) | buf_puts(&sql, " FROM ") |
             sql_identifier(&sql, t->target->name) | buf_puts(&sql, " t WHERE (") |
             import_select_place(&sql, t) | buf_printf(&sql, ") IN (%s)", list) |
             add_conditions(im, t, false, true, &sql);
    if (rc) {
        (void)import_no_memory(err);
        return NULL;
    }
    return db_select(im->db, err, "%s", buf_cstr(&sql));
}

/* Delete what is at the destination under the parents and does not stay; then there are none. */
static int drop_under(struct dropping *d, struct ds_error *err)
{
    struct import *im = d->im;
    const struct import_table *t = d->t;
    uint32_t count = 0;
    int rc = 0;
    if (!d->count)
        return 0;
    MYSQL_RES *rows = import_rows_under(im, t, d->records, buf_cstr(&d->ids), buf_cstr(&d->values),
                                        UINT32_MAX, err);
    if (!rows)
        return err->code;
    const uint8_t ***places = arena_alloc(&im->arena, (mysql_num_rows(rows) + 1) * sizeof *places);
    for (MYSQL_ROW row; places && (row = mysql_fetch_row(rows));) {
        const uint8_t **place = import_read_place(&im->arena, t, row, mysql_fetch_lengths(rows));
        if (!place)
            rc = DS_ENOMEM;
        else if (places_find(&d->stay, t, place))
            continue;
        else if (import_is_known(t, row))
            places[count++] = place;
        else if (!im->options.follows)
            rc |= import_unsure_add(im, t, row, mysql_fetch_lengths(rows));
    }
    mysql_free_result(rows);
    buf_clear(&d->ids);
    d->count = 0;
    if (!places || rc)
        return import_no_memory(err);
    rc = import_keep_used(im, t, places, &count, err);
    return rc ? rc : import_delete_places(im, t, places, count, err);
}

static int collect_stay(struct dropping *d, uint32_t first, uint32_t end)
{
    int rc = 0;
    for (uint32_t i = first; i < end && rc == 0; i++)
        if (d->im->rows[i]->place)
            rc = places_add(&d->stay, d->t, d->im->rows[i]->place);
    places_sort(&d->stay);
    return rc;
}

/* " AND t.column = …" of the source's value, which may be an id. *known false: nothing here has it.
 */
static int add_value(const struct dropping *d, uint32_t column, const uint8_t *raw, struct buf *sql,
                     bool *known, struct ds_error *err)
{
    const struct import_table *t = d->t;
    struct registry *registry = d->im->registry;
    char scratch[32];
    bool null;
    struct slice text = import_text(raw, scratch, &null);
    uint32_t target = 0;
    while (target < t->target->column_count && t->from[target] != column)
        target++;
    if (target == t->target->column_count || null)
        return 0;
    const struct target_column *c = &t->target->columns[target];
    if (buf_puts(sql, " AND t.") | sql_identifier(sql, c->name) | buf_puts(sql, " = "))
        return import_no_memory(err);
    for (uint32_t i = 0; i < t->reference_count; i++) {
        const struct import_reference *r = &t->references[i];
        if (r->source != column || r->form != REFERENCE_ONE)
            continue;
        if (registry_want(registry, r->type, text))
            return import_no_memory(err);
        int rc = registry_load(registry, err);
        const struct registered *is = rc ? NULL : registry_find(registry, r->type, text);
        *known &= is && is->found;
        return rc || !*known || !buf_unsigned(sql, is->target) ? rc : import_no_memory(err);
    }
    return import_sql_value(sql, c, raw, err);
}

/* The values are those of the rows that are told. NULL: all are. */
static int add_parent(struct dropping *d, const struct import_whole_table *w, uint64_t id,
                      struct ds_error *err)
{
    BUF_AUTO struct buf values = {0};
    bool known = true;
    int rc = 0;
    for (uint32_t i = 0; w && i < d->t->source_count && rc == 0; i++)
        if (w->values[i] && i != d->t->link_source)
            rc = add_value(d, i, w->values[i], &values, &known, err);
    if (rc || !known)
        return rc;
    bool same = values.len == d->values.len &&
                (!values.len || memcmp(values.data, d->values.data, values.len) == 0);
    if (!same || d->count == PARENTS_PER_QUERY)
        rc = drop_under(d, err);
    if (rc)
        return rc;
    buf_clear(&d->values);
    return buf_append(&d->values, values.data, values.len) |
                   buf_printf(&d->ids, "%s%lu", d->count++ ? "," : "", id)
               ? import_no_memory(err)
               : 0;
}

static int add_entity(struct dropping *d, const struct import_entity *e, uint64_t id,
                      struct ds_error *err)
{
    int rc = 0;
    d->records = !e->whole;
    if (e->whole)
        return add_parent(d, NULL, id, err);
    for (const struct import_whole_table *w = e->whole_tables; w && rc == 0; w = w->next)
        if (w->entry == d->t->entry)
            rc = add_parent(d, w, id, err);
    return rc;
}

int import_drop_rest(struct import *im, const struct import_table *t, uint32_t first, uint32_t end,
                     struct ds_error *err)
{
    const struct catalogue_table *root = &t->entity->tables[0],
                                 *parent = import_parent(t->entity, t->entry);
    struct dropping d = {.im = im, .t = t};
    import_unsure_stays(im, first, end);
    if (im->part)
        import_large_stays(im, first, end);
    if (t->root || im->part || import_is_sequence(t))
        return 0;
    int rc = collect_stay(&d, first, end) ? import_no_memory(err) : 0;
    for (uint32_t i = 0; i < im->row_count && rc == 0; i++)
        if (is_parent(im, im->rows[i], parent, t))
            rc = add_entity(&d, im->rows[i]->entity, im->rows[i]->target_id, err);
    for (uint32_t i = 0; i < im->entity_count && parent == root && rc == 0; i++)
        if (is_known_parent(im, im->entity_list[i], t))
            rc = add_entity(&d, im->entity_list[i], im->entity_list[i]->target, err);
    rc = rc ? rc : drop_under(&d, err);
    places_free(&d.stay);
    buf_free(&d.ids);
    buf_free(&d.values);
    return rc;
}
