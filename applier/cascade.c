#include "applier/cascade.h"

#include <string.h>

#include "applier/bind.h"

static int out_of_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory while rows are written");
}

static int put_value(struct buf *sql, const struct target_fk *fk, uint32_t i, const uint8_t *value,
                     struct ds_error *err)
{
    const struct target_table *parent = fk->parent;
    if (value)
        return bind_literal(sql, &fk->child->columns[fk->columns[i]], value, err);
    error_set(err, DS_ESCHEMA,
              "the source's row image lacks column %s, which foreign key %s of table %s refers to: "
              "set binlog_row_image=FULL there",
              parent->columns[fk->parent_columns[i]].name, fk->name, fk->child->name);
    error_at_table(err, NULL, parent->name);
    return DS_ESCHEMA;
}

/* … WHERE child = the row's old values */
static int where_refers(struct buf *sql, const struct target_fk *fk, const struct net *n,
                        struct ds_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; i < fk->count && rc == 0; i++) {
        rc = buf_puts(sql, i ? " AND " : " WHERE ") |
             sql_identifier(sql, fk->child->columns[fk->columns[i]].name) | buf_puts(sql, " = ");
        rc = rc ? out_of_memory(err) : put_value(sql, fk, i, n->key[fk->parent_columns[i]], err);
    }
    return rc;
}

static bool refers_by(const struct target_fk *fk, uint32_t column)
{
    bool is = false;
    for (uint32_t i = 0; i < fk->count; i++)
        is |= fk->columns[i] == column;
    return is;
}

/* SET the referring columns to NULL, or to the row's new values; columns that would change by
 * themselves stay (law 11). */
static int set_columns(struct buf *sql, const struct target_fk *fk, const struct net *n, bool null,
                       struct ds_error *err)
{
    const struct target_table *child = fk->child;
    int rc = 0;
    for (uint32_t i = 0; i < fk->count && rc == 0; i++) {
        rc = buf_puts(sql, i ? ", " : " SET ") |
             sql_identifier(sql, child->columns[fk->columns[i]].name) |
             buf_puts(sql, null ? " = NULL" : " = ");
        rc = rc      ? out_of_memory(err)
             : !null ? put_value(sql, fk, i, n->after[fk->parent_columns[i]], err)
                     : 0;
    }
    for (uint32_t i = 0; i < child->column_count && rc == 0; i++) {
        const struct target_column *c = &child->columns[i];
        if (!c->on_update || c->generated || refers_by(fk, i))
            continue;
        rc = buf_puts(sql, ", ") | sql_identifier(sql, c->name) | buf_puts(sql, " = ") |
             sql_identifier(sql, c->name);
        rc = rc ? out_of_memory(err) : 0;
    }
    return rc;
}

static bool changes_key(const struct target_fk *fk, const struct net *n)
{
    bool changes = false;
    for (uint32_t i = 0; i < fk->count; i++) {
        uint32_t column = fk->parent_columns[i];
        changes |= n->changed[column / 64] >> (column % 64) & 1;
    }
    return changes;
}

/* A key with NULL in it is referred to by nobody. */
static bool has_null(const struct target_fk *fk, const struct net *n)
{
    bool null = false;
    for (uint32_t i = 0; i < fk->count; i++) {
        const uint8_t *value = n->key[fk->parent_columns[i]];
        null |= value && *value == VALUE_BYTE_NULL;
    }
    return null;
}

static int run(MYSQL *db, const char *database, const struct target_fk *fk, const struct buf *sql,
               uint64_t *rows, struct ds_error *err)
{
    int rc = db_exec_len(db, (const char *)sql->data, sql->len, err);
    if (rc == 0)
        *rows += mysql_affected_rows(db);
    else
        error_at_table(err, database, fk->child->name);
    return rc;
}

static int write_one(MYSQL *db, const char *database, const struct target_fk *fk,
                     const struct net *n, uint64_t *rows, struct ds_error *err)
{
    enum fk_rule rule = n->op == NET_DELETE ? fk->on_delete : fk->on_update;
    BUF_AUTO struct buf sql = {0};
    if (rule == FK_RESTRICT || has_null(fk, n) || (n->op == NET_UPDATE && !changes_key(fk, n)))
        return 0;
    bool deletes = n->op == NET_DELETE && rule == FK_CASCADE;
    if (buf_puts(&sql, deletes ? "DELETE FROM " : "UPDATE ") |
        sql_table(&sql, database, fk->child->name))
        return out_of_memory(err);
    int rc = deletes ? 0 : set_columns(&sql, fk, n, rule == FK_SET_NULL, err);
    if (rc == 0)
        rc = where_refers(&sql, fk, n, err);
    return rc ? rc : run(db, database, fk, &sql, rows, err);
}

int cascade_write(MYSQL *db, const char *database, const struct step *s, uint64_t *rows,
                  struct ds_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; i < s->count; i++)
        for (uint32_t r = 0; r < s->target->referrer_count && rc == 0; r++)
            if (s->target->referrers[r]->derived && !s->target->referrers[r]->linked &&
                !s->target->referrers[r]->acts)
                rc = write_one(db, database, s->target->referrers[r], s->nets[i], rows, err);
    return rc;
}

/* The value of the column that is led to, by which rows of the parent are found, too. */
static const uint8_t *linked_value(const struct target_fk *fk, const struct net *n)
{
    const struct target_key *key = fk->parent->row_key;
    for (uint32_t k = 0; key && k < key->count; k++)
        if (key->columns[k] == fk->parent_columns[0])
            return n->key[k];
    return NULL;
}

static int delete_linked(MYSQL *db, const char *database, const struct target_fk *fk,
                         const struct step *s, uint64_t *rows, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    int rc = 0;
    if (buf_puts(&sql, "DELETE FROM ") | sql_table(&sql, database, fk->child->name) |
        buf_puts(&sql, " WHERE ") | sql_identifier(&sql, fk->child->columns[fk->columns[0]].name) |
        buf_puts(&sql, " IN ("))
        return out_of_memory(err);
    const char *comma = "";
    for (uint32_t i = 0; i < s->count && rc == 0; i++) {
        if (s->op == NET_UPDATE && !changes_key(fk, s->nets[i]))
            continue;
        rc = buf_puts(&sql, comma);
        rc = rc ? out_of_memory(err) : put_value(&sql, fk, 0, linked_value(fk, s->nets[i]), err);
        comma = ", ";
    }
    if (rc || !*comma) /* all rows keep their keys */
        return rc;
    return buf_puts(&sql, ")") ? out_of_memory(err) : run(db, database, fk, &sql, rows, err);
}

/* --- keys that the destination does not have, and that act as if it had --------- */

struct path { /* of tables, from the one whose rows are deleted */
    const struct target_table *table;
    const struct path *above;
};

static bool is_on(const struct path *p, const struct target_table *t)
{
    while (p && p->table != t)
        p = p->above;
    return p != NULL;
}

/* Can one of them be reached by what happens to rows of `t`? */
static bool any_acts(const struct target_table *t)
{
    for (uint32_t i = 0; i < t->reach_count; i++)
        for (uint32_t f = 0; f < t->reach[i]->fk_count; f++)
            if (t->reach[i]->fks[f].acts)
                return true;
    return false;
}

/* … WHERE (child's columns) IN (SELECT what they refer to FROM parent WHERE …) */
static int where_of_rows(struct buf *out, const char *database, const struct target_fk *fk,
                         struct buf *rows)
{
    int rc = buf_puts(out, " WHERE (");
    for (uint32_t i = 0; i < fk->count; i++)
        rc |= buf_puts(out, i ? ", " : "") |
              sql_identifier(out, fk->child->columns[fk->columns[i]].name);
    rc |= buf_puts(out, ") IN (SELECT ");
    for (uint32_t i = 0; i < fk->count; i++)
        rc |= buf_puts(out, i ? ", " : "") | sql_identifier(out, fk->parent_column_names[i]);
    return rc | buf_puts(out, " FROM ") | sql_table(out, database, fk->parent->name) |
           buf_puts(out, buf_cstr(rows)) | buf_puts(out, ")");
}

/* n: whose new values the child's rows get; NULL: they get NULL, or go. */
static int act(MYSQL *db, const char *database, const struct target_fk *fk, enum fk_rule rule,
               const struct net *n, struct buf *where, uint64_t *rows, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    bool deletes = !n && rule == FK_CASCADE, null = !n || rule == FK_SET_NULL;
    if (buf_puts(&sql, deletes ? "DELETE FROM " : "UPDATE ") |
        sql_table(&sql, database, fk->child->name))
        return out_of_memory(err);
    int rc = deletes ? 0 : set_columns(&sql, fk, n, null, err);
    if (rc == 0 && buf_puts(&sql, buf_cstr(where)))
        rc = out_of_memory(err);
    return rc ? rc : run(db, database, fk, &sql, rows, err);
}

/* Rows of the path's table are about to go: what refers to them goes before, or forgets them. */
static int act_below(MYSQL *db, const char *database, const struct path *p, struct buf *where,
                     uint64_t *rows, struct ds_error *err)
{
    int rc = 0;
    for (uint32_t r = 0; r < p->table->referrer_count && rc == 0; r++) {
        const struct target_fk *fk = p->table->referrers[r];
        const struct path next = {fk->child, p};
        BUF_AUTO struct buf below = {0};
        if (fk->on_delete == FK_RESTRICT || (fk->derived && !fk->acts) || is_on(p, fk->child) ||
            !(fk->acts || any_acts(fk->child)))
            continue;
        if (where_of_rows(&below, database, fk, where))
            return out_of_memory(err);
        if (fk->on_delete == FK_CASCADE)
            rc = act_below(db, database, &next, &below, rows, err);
        if (rc == 0 && fk->acts)
            rc = act(db, database, fk, fk->on_delete, NULL, &below, rows, err);
    }
    return rc;
}

/* … WHERE the row's key */
static int where_row(struct buf *where, const struct step *s, const struct net *n,
                     struct ds_error *err)
{
    const struct target_key *key = s->target->row_key;
    int rc = 0;
    buf_clear(where);
    for (uint32_t k = 0; k < key->count && rc == 0; k++) {
        const struct target_column *c = &s->target->columns[key->columns[k]];
        rc = buf_puts(where, k ? " AND " : " WHERE ") | sql_identifier(where, c->name) |
             buf_puts(where, " = ");
        rc = rc ? out_of_memory(err) : bind_literal(where, c, n->key[k], err);
    }
    return rc;
}

static int act_on(MYSQL *db, const char *database, const struct step *s, const struct net *n,
                  uint64_t *rows, struct ds_error *err)
{
    const struct path root = {s->target, NULL};
    BUF_AUTO struct buf where = {0};
    int rc = where_row(&where, s, n, err);
    if (rc == 0 && s->op == NET_DELETE)
        return act_below(db, database, &root, &where, rows, err);
    for (uint32_t r = 0; r < s->target->referrer_count && rc == 0; r++) {
        const struct target_fk *fk = s->target->referrers[r];
        BUF_AUTO struct buf below = {0};
        if (!fk->acts || fk->on_update == FK_RESTRICT || !changes_key(fk, n))
            continue;
        rc = where_of_rows(&below, database, fk, &where) ? out_of_memory(err) : 0;
        rc = rc ? rc : act(db, database, fk, fk->on_update, n, &below, rows, err);
    }
    return rc;
}

int cascade_links(MYSQL *db, const char *database, const struct step *s, uint64_t *rows,
                  struct ds_error *err)
{
    int rc = 0;
    for (uint32_t r = 0; r < s->target->referrer_count && rc == 0; r++) {
        const struct target_fk *fk = s->target->referrers[r];
        if (fk->linked && (s->op == NET_DELETE || fk->on_update == FK_CASCADE))
            rc = delete_linked(db, database, fk, s, rows, err);
    }
    bool acts = !(s->flags & CHANGE_NO_FK_CHECKS) && s->target->row_key && any_acts(s->target);
    for (uint32_t i = 0; i < s->count && acts && rc == 0; i++)
        rc = act_on(db, database, s, s->nets[i], rows, err);
    return rc;
}
