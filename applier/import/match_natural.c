/* By the natural key, under the destination's collation. */
#include <stdlib.h>

#include "applier/import/match.h"
#include "applier/import/options.h"
#include "applier/import/resolve.h"

enum { ROOTS_PER_QUERY = 200 };

static bool is_asked(const struct matching *m, uint32_t i)
{
    uint32_t own = m->t->parts[i].target;
    return !m->loose || own == NO_COLUMN || own == m->t->link_target;
}

/* One row of values: SELECT n AS n, … AS v0, …. *asked false: the row has not got them all. */
static int append_asked(struct matching *m, const struct import_row *row, uint32_t n, bool second,
                        bool *asked, struct ds_error *err)
{
    const uint8_t *values[16] = {NULL};
    *asked = m->t->part_count <= 16 && !match_is_nameless(m, row);
    for (uint32_t i = 0; i < m->t->part_count && *asked; i++) {
        if (!is_asked(m, i))
            continue;
        values[i] = match_part_value(m, row, i, second);
        *asked = values[i] && !import_is_null(values[i]) && match_part_column(m, i, second);
    }
    if (!*asked)
        return 0;
    int rc = buf_printf(&m->sql, "SELECT %u AS n", n);
    for (uint32_t i = 0; i < m->t->part_count && rc == 0; i++) {
        if (!is_asked(m, i))
            continue;
        rc = buf_puts(&m->sql, ", ") ? DS_ENOMEM : 0;
        rc = rc ? rc : import_sql_value(&m->sql, match_part_column(m, i, second), values[i], err);
        rc = rc ? rc : buf_printf(&m->sql, " AS v%u", i);
    }
    return rc == DS_ENOMEM ? import_no_memory(err) : rc;
}

static int ambiguous(const struct matching *m, const struct import_row *row, struct ds_error *err)
{
    error_set(err, DS_ECONFLICT,
              "more than one row of the destination has the natural key of %s %.*s: which one it "
              "is cannot be told; give them different keys there",
              m->t->entity->name, (int)row->entity->key.len, (const char *)row->entity->key.p);
    error_at_table(err, NULL, m->t->target->name);
    return DS_ECONFLICT;
}

static int take_natural(struct matching *m, MYSQL_RES *rows, struct ds_error *err)
{
    int rc = 0;
    for (MYSQL_ROW r; rc == 0 && (r = mysql_fetch_row(rows));) {
        struct import_row *row = m->im->rows[strtoul(r[0], NULL, 10)];
        unsigned long *lengths = mysql_fetch_lengths(rows);
        uint32_t at = 1 + m->t->target->row_key->count;
        struct candidate c = {.place = import_read_place(&m->im->arena, m->t, r + 1, lengths + 1)};
        c.id = m->t->type != UINT32_MAX && r[at] ? strtoull(r[at], NULL, 10) : 0;
        c.registered = match_asks_registry(m) && *r[at + 1] == '1';
        if (match_asks_source_of(m, row) && *r[at + 1] == '1')
            rc = match_ask_source(m, &c, row, err);
        if (rc)
            continue;
        if (!c.place)
            rc = import_no_memory(err);
        else if ((row->state == ROW_FOUND && !m->t->root) || !match_is_free(m, &c, row))
            continue;
        else if (row->state == ROW_FOUND)
            rc = row->target_id == c.id ? 0 : ambiguous(m, row, err);
        else
            rc = match_recognised(m, row, &c, err);
    }
    return rc;
}

static int ask_natural(struct matching *m, uint32_t *at, bool second, struct ds_error *err)
{
    BUF_AUTO struct buf select = {0}, joins = {0}, on = {0};
    const struct import_table *t = m->t;
    uint32_t count = 0;
    int rc = buf_puts(&select, "SELECT STRAIGHT_JOIN i.n, ") | import_select_place(&select, t);
    if (t->type != UINT32_MAX)
        rc |= buf_puts(&select, ", ") |
              match_sql_column(&select, "t", t->target->columns[t->id_target].name);
    rc |= match_asks_registry(m) || match_asks_source(m) ? match_select_registered(m, &select) : 0;
    for (uint32_t i = 0; i < t->part_count && rc == 0; i++) {
        if (!is_asked(m, i))
            continue;
        rc = on.len ? buf_puts(&on, " AND ") : 0;
        int failed = match_part_expression(m, i, second, " JOIN ", &on, &joins, err);
        if (failed)
            return failed == DS_ESCHEMA ? (*at = m->end, 0) : failed;
        rc |= buf_printf(&on, " = i.v%u", i);
    }
    buf_clear(&m->sql);
    rc |= buf_append(&m->sql, select.data, select.len) | buf_puts(&m->sql, " FROM (");
    for (; *at < m->end && count < ROOTS_PER_QUERY && rc == 0; ++*at) {
        const struct import_row *row = m->im->rows[*at];
        size_t before = m->sql.len;
        bool asked = false;
        if (row->state != ROW_OPEN || !match_has_old_parent(row) ||
            (m->loose && !import_option_may_change_type(m->im, row)))
            continue;
        rc = count ? buf_puts(&m->sql, " UNION ALL ") : 0;
        rc = rc ? import_no_memory(err) : append_asked(m, row, *at, second, &asked, err);
        if (!asked)
            m->sql.len = before;
        count += asked;
    }
    if (rc || !count)
        return rc;
    rc = buf_puts(&m->sql, ") i JOIN ") | sql_identifier(&m->sql, t->target->name) |
         buf_puts(&m->sql, " t") | buf_append(&m->sql, joins.data, joins.len) |
         buf_puts(&m->sql, " WHERE ") | buf_append(&m->sql, on.data, on.len);
    if (rc)
        return import_no_memory(err);
    MYSQL_RES *rows = db_select(m->im->db, err, "%s", buf_cstr(&m->sql));
    if (!rows)
        return err->code;
    rc = take_natural(m, rows, err);
    mysql_free_result(rows);
    return rc;
}

int match_natural(struct matching *m, struct ds_error *err)
{
    int rc = import_attributes_load(m->im, err);
    for (int second = 0; second < 2 && rc == 0; second++) {
        bool other = second == 0;
        for (uint32_t i = 0; i < m->t->part_count; i++)
            other |= m->t->parts[i].rule->either != NULL;
        for (uint32_t at = m->first; other && at < m->end && rc == 0;)
            rc = ask_natural(m, &at, second, err);
    }
    return rc;
}
