/* Marks of which a shop has one, or one of each kind: the default website, the default status of a
 * state. Where the destination has one, its own stays: new rows come without, rows that are there
 * stay as they are. Of marks among the rows of one parent (the primary coupon of a rule) those move
 * that the source moves: what stays is the mark of a row that it has not, or that keeps it. */
#include <string.h>

#include "applier/bind.h"
#include "applier/import/import_internal.h"
#include "schema/db.h"

enum { WITHIN_MAX = 4 };

struct marks {
    struct import *im;
    const struct target_table *table;
    struct import_row *const *old, *const *new; /* that are about to be written */
    uint32_t old_count, new_count;
    uint32_t column, within[WITHIN_MAX], within_count;
    bool of_parent;     /* among the rows of one parent */
    struct buf taken;   /* values of `within` that have one: each a line */
    struct buf brought; /* … of which a row that is about to be written has one */
};

static bool find_columns(struct marks *m, const struct catalogue_single *s)
{
    int column = target_column_ordinal(m->table, s->column);
    m->column = (uint32_t)column;
    for (m->within_count = 0; s->within && s->within[m->within_count]; m->within_count++) {
        int within = target_column_ordinal(m->table, s->within[m->within_count]);
        if (within < 0 || m->within_count == WITHIN_MAX)
            return false;
        m->within[m->within_count] = (uint32_t)within;
    }
    return column >= 0;
}

static int add_value(struct buf *line, const void *p, size_t len)
{
    return buf_append(line, p, len) | buf_puts(line, "\t");
}

static int add_item(struct buf *list, const struct target_column *c, const uint8_t *value,
                    struct ds_error *err)
{
    if (list->len && buf_puts(list, ","))
        return import_no_memory(err);
    return bind_literal(list, c, value, err);
}

static int print_line(const struct marks *m, const struct import_row *row, struct buf *line)
{
    char scratch[32];
    bool null;
    int rc = buf_puts(line, "\n");
    for (uint32_t i = 0; i < m->within_count; i++) {
        struct slice value = import_text(row->values[m->within[i]], scratch, &null);
        rc |= add_value(line, null ? "" : (const char *)value.p, null ? 0 : value.len);
    }
    return rc | buf_puts(line, "\n");
}

/* " AND parent IN (…) AND id NOT IN (…)": parents of rows that bring a mark, and rows that give
 * theirs up. *none: no row brings one. */
static int add_parents(struct marks *m, uint32_t id, struct buf *sql, bool *none,
                       struct ds_error *err)
{
    const struct target_column *c = m->table->columns;
    BUF_AUTO struct buf parents = {0}, given_up = {0};
    int rc = 0;
    for (uint32_t i = 0; i < m->old_count + m->new_count && rc == 0; i++) {
        const struct import_row *row = i < m->old_count ? m->old[i] : m->new[i - m->old_count];
        const uint8_t *mark = row->values[m->column], *parent = row->values[m->within[0]];
        if (mark && !import_is_zero(mark) && parent)
            rc = print_line(m, row, &m->brought)
                     ? import_no_memory(err)
                     : add_item(&parents, &c[m->within[0]], parent, err);
        else if (i < m->old_count && import_sets(m->im, row, m->column))
            rc = add_item(&given_up, &c[id], import_number(&m->im->arena, row->target_id), err);
    }
    *none = !parents.len;
    if (rc || *none)
        return rc;
    rc = buf_puts(sql, " AND ") | sql_identifier(sql, c[m->within[0]].name) |
         buf_printf(sql, " IN (%s)", buf_cstr(&parents));
    if (given_up.len)
        rc |= buf_puts(sql, " AND ") | sql_identifier(sql, c[id].name) |
              buf_printf(sql, " NOT IN (%s)", buf_cstr(&given_up));
    return rc ? import_no_memory(err) : 0;
}

static int load(struct marks *m, const struct import_table *t, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    bool none = false;
    int rc = buf_puts(&sql, "SELECT DISTINCT 1");
    for (uint32_t i = 0; i < m->within_count; i++)
        rc |= buf_puts(&sql, ", ") | sql_identifier(&sql, m->table->columns[m->within[i]].name);
    rc |= buf_puts(&sql, " FROM ") | sql_identifier(&sql, m->table->name) |
          buf_puts(&sql, " WHERE ") | sql_identifier(&sql, m->table->columns[m->column].name) |
          buf_puts(&sql, " <> 0");
    if (rc)
        return import_no_memory(err);
    if (m->of_parent && t->id_target != NO_COLUMN)
        rc = add_parents(m, t->id_target, &sql, &none, err);
    if (rc || none)
        return rc ? rc : buf_puts(&m->taken, "\n") ? import_no_memory(err) : 0;
    MYSQL_RES *rows = db_select(m->im->db, err, "%s", buf_cstr(&sql));
    if (!rows)
        return err->code;
    rc = buf_puts(&m->taken, "\n");
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(rows)); rc |= buf_puts(&m->taken, "\n"))
        for (uint32_t i = 0; i < m->within_count; i++)
            rc |= add_value(&m->taken, row[i + 1] ? row[i + 1] : "",
                            mysql_fetch_lengths(rows)[i + 1]);
    mysql_free_result(rows);
    return rc ? import_no_memory(err) : 0;
}

static int keep_mark(struct marks *m, struct import_row *row, bool new)
{
    const uint8_t **mark = &row->values[m->column];
    BUF_AUTO struct buf line = {0};
    if (!*mark || (new &&import_is_zero(*mark)))
        return 0;
    if (print_line(m, row, &line))
        return DS_ENOMEM;
    if (m->of_parent && import_is_zero(*mark)) {
        bool moves = !row->entity->matched || strstr(buf_cstr(&m->brought), buf_cstr(&line));
        *mark = moves ? *mark : NULL;
        return 0;
    }
    if (!strstr(buf_cstr(&m->taken), buf_cstr(&line)))
        return import_is_zero(*mark) ? 0 : buf_append(&m->taken, line.data + 1, line.len - 1);
    const uint8_t *without =
        m->table->columns[m->column].nullable ? import_null : import_number(&m->im->arena, 0);
    *mark = new ? without : NULL;
    return without ? 0 : DS_ENOMEM;
}

int import_keep_singles(struct import *im, struct import_row *const *old, uint32_t old_count,
                        struct import_row *const *new, uint32_t new_count, struct ds_error *err)
{
    const struct import_table *t = old_count ? old[0]->table : new_count ? new[0]->table : NULL;
    int rc = 0;
    for (size_t i = 0; t && i < t->entity->single_count && rc == 0; i++) {
        const struct catalogue_single *s = &t->entity->singles[i];
        struct marks m = {.im = im,
                          .table = t->target,
                          .old = old,
                          .new = new,
                          .old_count = old_count,
                          .new_count = new_count};
        if (strcmp(s->table, t->entry->table) != 0 || !find_columns(&m, s))
            continue;
        m.of_parent = !t->root && m.within_count && m.within[0] == t->link_target;
        rc = load(&m, t, err);
        for (uint32_t n = 0; n < old_count + new_count && rc == 0; n++)
            if (keep_mark(&m, n < old_count ? old[n] : new[n - old_count], n >= old_count))
                rc = import_no_memory(err);
        buf_free(&m.taken);
        buf_free(&m.brought);
    }
    return rc;
}
