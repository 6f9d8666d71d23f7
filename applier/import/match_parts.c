/* What rows are told by: columns of their own, values that belong to them in other tables; as raw
 * values of a row in hand, and as SQL of the destination's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applier/import/match.h"
#include "applier/import/resolve.h"
#include "applier/import/when.h"

int match_sql_column(struct buf *sql, const char *alias, const char *name)
{
    return buf_puts(sql, alias) | buf_puts(sql, ".") | sql_identifier(sql, name);
}

/* --- values from results ------------------------------------------------------------------ */

static const uint8_t *from_text(struct arena *arena, const struct target_column *c,
                                const char *text, size_t len)
{
    if (!text)
        return import_null;
    BUF_AUTO struct buf b = {0};
    int rc;
    if (c->class == TARGET_INT && *text == '-')
        rc = value_write_int(&b, strtoll(text, NULL, 10));
    else if (c->class == TARGET_INT)
        rc = value_write_uint(&b, strtoull(text, NULL, 10));
    else if (c->class == TARGET_TEXT || c->class == TARGET_BYTES)
        rc = value_write_bytes(&b, text, len);
    else
        rc = value_write_text(&b, text, len);
    return rc ? NULL : arena_copy(arena, b.data, b.len);
}

int import_select_place(struct buf *sql, const struct import_table *t)
{
    const struct target_key *key = t->target->row_key;
    int rc = 0;
    for (uint32_t i = 0; i < key->count; i++)
        rc |= (i ? buf_puts(sql, ", ") : 0) |
              match_sql_column(sql, "t", t->target->columns[key->columns[i]].name);
    return rc;
}

const uint8_t **import_read_place(struct arena *arena, const struct import_table *t, MYSQL_ROW row,
                                  const unsigned long *lengths)
{
    const struct target_key *key = t->target->row_key;
    const uint8_t **place = arena_alloc(arena, key->count * sizeof *place);
    for (uint32_t i = 0; place && i < key->count; i++) {
        place[i] = from_text(arena, &t->target->columns[key->columns[i]], row[i], lengths[i]);
        if (!place[i])
            return NULL;
    }
    return place;
}

/* --- parts of an identity --- */

const uint8_t *import_value_elsewhere(struct import *im, const struct import_row *row,
                                      const struct catalogue_part *part, const char *attribute)
{
    for (const struct import_row *other = row->entity->rows; other; other = other->next_of_entity) {
        const struct import_table *t = other->table;
        uint32_t column;
        if (!other->after || other->op == CHANGE_DELETE)
            continue;
        bool scoped = t->store != NO_COLUMN && !import_is_zero(other->after[t->store]);
        if (part->table) {
            if (strcmp(t->entry->table, part->table) != 0 || other->parent != row)
                continue;
            column = import_source_column(t, part->column);
            if (column != NO_COLUMN && (!scoped || column == t->store))
                return import_translated(im, other, column);
            continue;
        }
        const struct import_attribute *a =
            !scoped && t->attribute != NO_COLUMN ? import_attribute_of(im, other) : NULL;
        if (other->parent != row)
            continue;
        column =
            a && strcmp(a->code, attribute) == 0 ? import_source_column(t, "value") : NO_COLUMN;
        if (column != NO_COLUMN)
            return other->after[column];
    }
    return NULL;
}

/* Which of the catalogue's choices for a part is asked in this pass. */
static const char *attribute_code(const struct catalogue_part *part, bool second)
{
    return second && part->either ? part->either : part->attribute;
}

const uint8_t *match_part_value(const struct matching *m, const struct import_row *row, uint32_t i,
                                bool second)
{
    const struct import_part *part = &m->t->parts[i];
    if (part->target != NO_COLUMN)
        return (row->values ? row->values : row->was)[part->target];
    return import_value_elsewhere(m->im, row, part->rule, attribute_code(part->rule, second));
}

int match_part_expression(const struct matching *m, uint32_t i, bool second, const char *join,
                          struct buf *select, struct buf *joins, struct ds_error *err)
{
    const struct import_table *t = m->t;
    const struct catalogue_part *rule = t->parts[i].rule;
    char alias[16];
    snprintf(alias, sizeof alias, "p%u", i);
    if (t->parts[i].target != NO_COLUMN)
        return match_sql_column(select, "t", rule->column) ? import_no_memory(err) : 0;
    const char *id = t->target->columns[t->id_target].name;
    if (rule->table) {
        const struct target_table *other = import_shop_table(m->im, rule->table);
        const struct catalogue_table *entry = import_catalogue_table(t->entity, rule->table);
        if (!other || !entry)
            return error_set(err, DS_ESCHEMA, "the destination has no table %s", rule->table);
        int rc = match_sql_column(select, alias, rule->column) | buf_puts(joins, join) |
                 sql_identifier(joins, other->name) | buf_printf(joins, " %s ON ", alias) |
                 match_sql_column(joins, alias, entry->link) | buf_puts(joins, " = ") |
                 match_sql_column(joins, "t", id);
        if (strcmp(rule->column, "store_id") != 0 && target_column_ordinal(other, "store_id") >= 0)
            rc |= buf_printf(joins, " AND %s.store_id = 0", alias);
        return rc ? import_no_memory(err) : 0;
    }
    const struct import_attribute *a =
        import_attribute_by_code(m->im, t, attribute_code(rule, second));
    if (!a)
        return error_set(err, DS_ESCHEMA, "the destination has no attribute %s of %s",
                         attribute_code(rule, second), t->entity->name);
    char values[200];
    int n = snprintf(values, sizeof values, "%s_%s", t->target->name, a->backend);
    const struct target_table *other = target_find(m->im->target, values, (size_t)n);
    if (!other)
        return error_set(err, DS_ESCHEMA, "the destination has no table %s", values);
    int rc = match_sql_column(select, alias, "value") | buf_puts(joins, join) |
             buf_printf(joins, "`%s` %s ON %s.entity_id = ", values, alias, alias) |
             match_sql_column(joins, "t", id) |
             buf_printf(joins, " AND %s.attribute_id = %lu", alias, a->id);
    if (target_column_ordinal(other, "store_id") >= 0)
        rc |= buf_printf(joins, " AND %s.store_id = 0", alias);
    return rc ? import_no_memory(err) : 0;
}

const struct target_column *match_part_column(const struct matching *m, uint32_t i, bool second)
{
    const struct import_part *part = &m->t->parts[i];
    char name[200];
    const struct target_table *other;
    const char *column = "value";
    if (part->target != NO_COLUMN)
        return &m->t->target->columns[part->target];
    if (part->rule->table) {
        other = import_shop_table(m->im, part->rule->table);
        column = part->rule->column;
    } else {
        const struct import_attribute *a =
            import_attribute_by_code(m->im, m->t, attribute_code(part->rule, second));
        int n = snprintf(name, sizeof name, "%s_%s", m->t->target->name, a ? a->backend : "");
        other = target_find(m->im->target, name, (size_t)n);
    }
    int ordinal = other ? target_column_ordinal(other, column) : -1;
    return ordinal < 0 ? NULL : &other->columns[ordinal];
}
