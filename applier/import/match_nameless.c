/* Roots that have no natural key: a product without SKU, an order without number.
 *
 * Only the registry tells which row of the destination such a one became. If that is lost, it would
 * be made a second time. So a row there that is as nameless, was created at the same time, and is
 * not known as another one's, of whatever source, is it; of several it cannot be told which one,
 * and nothing is made.
 */
#include <stdlib.h>

#include "applier/import/match.h"
#include "applier/import/resolve.h"
#include "schema/db.h"

enum { TOLD_MAX = 10 };

static int created_at(const struct matching *m)
{
    return m->t->root && m->claims.rows ? target_column_ordinal(m->t->target, "created_at") : -1;
}

/* The part of the key that it lacks; NULL: none. */
static const struct import_part *lacks(const struct matching *m, const struct import_row *row)
{
    for (uint32_t i = 0; i < m->t->part_count; i++) {
        const struct import_part *part = &m->t->parts[i];
        char scratch[32];
        bool null;
        if (part->target == NO_COLUMN || !row->values || !row->values[part->target])
            continue;
        struct slice text = import_text(row->values[part->target], scratch, &null);
        if (null || (!text.len && m->t->target->columns[part->target].class == TARGET_TEXT))
            return part;
    }
    return NULL;
}

bool match_is_nameless(const struct matching *m, const struct import_row *row)
{
    int created = created_at(m);
    return created >= 0 && row->values && row->values[created] && lacks(m, row);
}

static int put_equal(struct matching *m, const struct import_row *row, uint32_t column,
                     struct ds_error *err)
{
    const struct target_column *c = &m->t->target->columns[column];
    const uint8_t *value = row->values[column];
    if (match_sql_column(&m->sql, " AND t", c->name))
        return import_no_memory(err);
    if (import_is_null(value))
        return buf_puts(&m->sql, " IS NULL") ? import_no_memory(err) : 0;
    return buf_puts(&m->sql, " = ") ? import_no_memory(err)
                                    : import_sql_value(&m->sql, c, value, err);
}

static int put_question(struct matching *m, const struct import_row *row, struct ds_error *err)
{
    const struct import_table *t = m->t;
    const char *id = t->target->columns[t->id_target].name;
    buf_clear(&m->sql);
    int rc = buf_puts(&m->sql, "SELECT ") | import_select_place(&m->sql, t) |
             buf_puts(&m->sql, " FROM ") | sql_identifier(&m->sql, t->target->name) |
             buf_puts(&m->sql, " t WHERE NOT ") |
             registry_condition(m->im->registry, t->type, &m->sql) |
             match_sql_column(&m->sql, "t", id) | buf_puts(&m->sql, ") AND NOT ") |
             registry_condition_others(m->im->registry, t->type, &m->sql) |
             match_sql_column(&m->sql, "t", id) | buf_puts(&m->sql, ")");
    rc = rc ? import_no_memory(err) : put_equal(m, row, (uint32_t)created_at(m), err);
    for (uint32_t i = 0; i < t->part_count && rc == 0; i++)
        if (t->parts[i].target != NO_COLUMN && row->values[t->parts[i].target])
            rc = put_equal(m, row, t->parts[i].target, err);
    if (rc == 0 && buf_printf(&m->sql, " ORDER BY 1 LIMIT %d", TOLD_MAX))
        rc = import_no_memory(err);
    return rc;
}

static int refuse(const struct matching *m, const struct import_row *row, MYSQL_RES *rows,
                  struct ds_error *err)
{
    const char *id = m->t->target->columns[m->t->id_target].name;
    const struct import_entity *e = row->entity;
    const char *column = lacks(m, row)->rule->column;
    BUF_AUTO struct buf ids = {0};
    mysql_data_seek(rows, 0);
    for (MYSQL_ROW r; (r = mysql_fetch_row(rows));)
        if (buf_printf(&ids, ids.len ? ", %s" : "%s", r[0]))
            return import_no_memory(err);
    error_set(err, DS_ECONFLICT,
              "%s %.*s has no %s, by which it could be found, and the registry does not know it: "
              "which of the destination's rows without one it is (%s %s), if any, cannot be told; "
              "give it one at both sides, delete there what an earlier import has left, or put the "
              "registry back",
              e->entity->name, (int)e->key.len, (const char *)e->key.p, column, id, buf_cstr(&ids));
    error_at_table(err, NULL, m->t->target->name);
    return DS_ECONFLICT;
}

static int match_one(struct matching *m, struct import_row *row, struct ds_error *err)
{
    int rc = put_question(m, row, err);
    MYSQL_RES *rows = rc ? NULL : db_select(m->im->db, err, "%s", buf_cstr(&m->sql));
    if (!rows)
        return rc ? rc : err->code;
    uint64_t count = mysql_num_rows(rows);
    MYSQL_ROW r = count ? mysql_fetch_row(rows) : NULL;
    if (count > 1 || (r && import_is_null(row->values[created_at(m)]))) {
        rc = refuse(m, row, rows, err);
    } else if (r) {
        struct candidate c = {
            .place = import_read_place(&m->im->arena, m->t, r, mysql_fetch_lengths(rows)),
            .id = strtoull(r[0], NULL, 10)};
        rc = !c.place                    ? import_no_memory(err)
             : match_is_free(m, &c, row) ? match_recognised(m, row, &c, err)
                                         : 0;
    }
    mysql_free_result(rows);
    return rc;
}

int match_nameless(struct matching *m, struct ds_error *err)
{
    int rc = 0;
    for (uint32_t i = m->first; i < m->end && rc == 0; i++) {
        struct import_row *row = m->im->rows[i];
        if (row->state != ROW_OPEN || row->op != CHANGE_INSERT || !match_is_nameless(m, row))
            continue;
        rc = registry_flush(m->im->registry, err);
        rc = rc ? rc : match_one(m, row, err);
    }
    return rc;
}
