/* A foreign key without CASCADE and SET NULL forbids the deletion of what its rows name, and of all
 * that would take this along. Where these rows came from the source, it has deleted them before.
 * The destination's own are of tables that are not imported, or not registered.
 */
#include "applier/import/restricted.h"

#include "applier/import/lineage.h"
#include "schema/db.h"

enum { LONGEST = 8 };

/* From the row that forbids it to the one that would go: by a key that restricts, then by keys that
 * cascade. */
struct path {
    struct import *im;
    const struct target_table *table; /* of the rows that would go */
    const char *key, *ids;
    struct import_used *used;
    const struct target_fk *steps[LONGEST];
    unsigned count;
};

/* "p" is what would go, x1 … hang on it, t0 holds on to the last of them. */
static int put_name(const struct path *p, unsigned step, struct buf *sql)
{
    return step == p->count ? buf_puts(sql, "p") : buf_printf(sql, step ? "x%u" : "t%u", step);
}

static int put_join(const struct path *p, unsigned step, struct buf *sql)
{
    const struct target_fk *fk = p->steps[step];
    int rc = 0;
    for (uint32_t i = 0; i < fk->count; i++)
        rc |= buf_puts(sql, " AND ") | put_name(p, step, sql) | buf_puts(sql, ".") |
              sql_identifier(sql, fk->child->columns[fk->columns[i]].name) | buf_puts(sql, " = ") |
              put_name(p, step + 1, sql) | buf_puts(sql, ".") |
              sql_identifier(sql, fk->parent->columns[fk->parent_columns[i]].name);
    return rc;
}

static int put_query(const struct path *p, struct buf *sql)
{
    const struct target_table *holder = p->steps[0]->child;
    struct import_lineage l;
    bool imported = import_lineage(p->im, holder->name, &l);
    int rc = buf_puts(sql, "SELECT DISTINCT p.") | sql_identifier(sql, p->key) |
             buf_puts(sql, " FROM ") | sql_identifier(sql, p->table->name) | buf_puts(sql, " p");
    for (unsigned i = p->count - 1; i > 0; i--)
        rc |= buf_puts(sql, " JOIN ") | sql_identifier(sql, p->steps[i]->child->name) |
              buf_printf(sql, " x%u", i);
    rc |= buf_puts(sql, " JOIN (");
    rc |= imported ? import_lineage_from(p->im, &l, sql)
                   : sql_identifier(sql, holder->name) | buf_puts(sql, " t0");
    rc |= buf_puts(sql, ") WHERE p.") | sql_identifier(sql, p->key) |
          buf_printf(sql, " IN (%s)", p->ids);
    for (unsigned i = 0; i < p->count; i++)
        rc |= put_join(p, i, sql);
    return imported ? rc | buf_puts(sql, " AND ") | import_lineage_is_own(p->im, &l, sql) : rc;
}

static int ask(const struct path *p, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    int rc = registry_flush(p->im->registry, err); /* which the query may ask */
    if (rc == 0 && put_query(p, &sql))
        rc = import_no_memory(err);
    MYSQL_RES *rows = rc ? NULL : db_select(p->im->db, err, "%s", buf_cstr(&sql));
    if (!rows)
        return rc ? rc : err->code;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(rows));)
        rc = import_add_used(p->used, row[0]) |
             buf_printf(&p->used->holders, "\n%s %s\n", row[0], p->steps[0]->child->name);
    mysql_free_result(rows);
    return rc ? import_no_memory(err) : 0;
}

static bool was_there(const struct path *p, const struct target_table *t)
{
    for (unsigned i = 0; i < p->count; i++)
        if (p->steps[i]->parent == t)
            return true;
    return false;
}

static int follow(struct path *p, const struct target_fk *fk, struct ds_error *err)
{
    const struct target_table *t = fk->parent;
    int rc = 0;
    if (p->count == LONGEST || !t || (fk->derived && !fk->acts) || was_there(p, t))
        return 0;
    p->steps[p->count++] = fk;
    if (t == p->table)
        rc = ask(p, err);
    for (uint32_t i = 0; t != p->table && i < t->fk_count && rc == 0; i++)
        if (t->fks[i].on_delete == FK_CASCADE)
            rc = follow(p, &t->fks[i], err);
    p->count--;
    return rc;
}

int import_find_restricted(struct import *im, const struct target_table *table, const char *key,
                           const char *ids, struct import_used *used, struct ds_error *err)
{
    struct path p = {.im = im, .table = table, .key = key, .ids = ids, .used = used};
    int rc = 0;
    for (uint32_t i = 0; i < target_count(im->target) && rc == 0; i++) {
        const struct target_table *t = target_at(im->target, i);
        for (uint32_t k = 0; t->exists && k < t->fk_count && rc == 0; k++)
            if (t->fks[k].on_delete == FK_RESTRICT)
                rc = follow(&p, &t->fks[k], err);
    }
    return rc;
}
