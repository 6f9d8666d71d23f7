/* Marks of which a shop has one, or one of each kind: the default website, the default status of a
 * state. Where the destination has one, its own stays: new rows come without, rows that are there
 * stay as they are. */
#include <string.h>

#include "applier/import/import_internal.h"
#include "schema/db.h"

enum { WITHIN_MAX = 4 };

struct marks {
    struct import *im;
    const struct target_table *table;
    uint32_t column, within[WITHIN_MAX], within_count;
    struct buf taken; /* values of `within` that have one: each a line */
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

static int load(struct marks *m, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    int rc = buf_puts(&sql, "SELECT DISTINCT 1");
    for (uint32_t i = 0; i < m->within_count; i++)
        rc |= buf_puts(&sql, ", ") | sql_identifier(&sql, m->table->columns[m->within[i]].name);
    rc |= buf_puts(&sql, " FROM ") | sql_identifier(&sql, m->table->name) |
          buf_puts(&sql, " WHERE ") | sql_identifier(&sql, m->table->columns[m->column].name) |
          buf_puts(&sql, " <> 0");
    if (rc)
        return import_no_memory(err);
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

static int keep_mark(struct marks *m, struct import_row *row, bool new)
{
    const uint8_t **mark = &row->values[m->column];
    BUF_AUTO struct buf line = {0};
    if (!*mark || (new &&import_is_zero(*mark)))
        return 0;
    if (print_line(m, row, &line))
        return DS_ENOMEM;
    if (!strstr(buf_cstr(&m->taken), buf_cstr(&line)))
        return import_is_zero(*mark) ? 0 : buf_append(&m->taken, line.data + 1, line.len - 1);
    *mark = new ? import_number(&m->im->arena, 0) : NULL;
    return new && !*mark ? DS_ENOMEM : 0;
}

int import_keep_singles(struct import *im, struct import_row *const *old, uint32_t old_count,
                        struct import_row *const *new, uint32_t new_count, struct ds_error *err)
{
    const struct import_table *t = old_count ? old[0]->table : new_count ? new[0]->table : NULL;
    int rc = 0;
    for (size_t i = 0; t && i < t->entity->single_count && rc == 0; i++) {
        const struct catalogue_single *s = &t->entity->singles[i];
        struct marks m = {.im = im, .table = t->target};
        if (strcmp(s->table, t->entry->table) != 0 || !find_columns(&m, s))
            continue;
        rc = load(&m, err);
        for (uint32_t n = 0; n < old_count + new_count && rc == 0; n++)
            if (keep_mark(&m, n < old_count ? old[n] : new[n - old_count], n >= old_count))
                rc = import_no_memory(err);
        buf_free(&m.taken);
    }
    return rc;
}
