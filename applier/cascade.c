#include "applier/cascade.h"

#include <stdlib.h>
#include <string.h>

#include "applier/bind.h"
#include "schema/list.h"

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
                         const struct buf *rows)
{
    int rc = buf_puts(out, " WHERE (");
    for (uint32_t i = 0; i < fk->count; i++)
        rc |= buf_puts(out, i ? ", " : "") |
              sql_identifier(out, fk->child->columns[fk->columns[i]].name);
    rc |= buf_puts(out, ") IN (SELECT ");
    for (uint32_t i = 0; i < fk->count; i++)
        rc |= buf_puts(out, i ? ", " : "") | sql_identifier(out, fk->parent_column_names[i]);
    return rc | buf_puts(out, " FROM ") | sql_table(out, database, fk->parent->name) |
           buf_append(out, rows->data, rows->len) | buf_puts(out, ")");
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

/* --- … and lead from a table to itself ---- */

struct ids {
    uint64_t *list; /* sorted */
    uint32_t count, cap;
};

static int by_id(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
    return (a > b) - (a < b);
}

static const struct target_column *id_column(const struct target_table *t)
{
    return &t->columns[t->row_key->columns[0]];
}

bool cascade_may_lead_to_itself(const struct target_table *t)
{
    return t->row_key && t->row_key->count == 1 && id_column(t)->class == TARGET_INT;
}

/* " WHERE id IN (…)" */
static int where_ids(const struct target_table *t, const uint64_t *list, uint32_t count,
                     struct buf *out)
{
    const struct target_column *c = id_column(t);
    buf_clear(out);
    int rc = buf_puts(out, " WHERE ") | sql_identifier(out, c->name) | buf_puts(out, " IN (");
    for (uint32_t i = 0; i < count && rc == 0; i++)
        rc = (i ? buf_puts(out, ",") : 0) |
             (c->is_unsigned ? buf_unsigned(out, list[i]) : buf_signed(out, (int64_t)list[i]));
    return rc | buf_puts(out, ")");
}

/* Rows that refer by the key to those of *where, and are not known yet: they are added, and *where
 * is theirs. *found of them. */
static int next_ids(MYSQL *db, const char *database, const struct target_fk *fk, struct buf *where,
                    struct ids *known, uint32_t *found, struct ds_error *err)
{
    const uint32_t before = known->count;
    BUF_AUTO struct buf sql = {0};
    if (buf_puts(&sql, "SELECT ") | sql_identifier(&sql, id_column(fk->child)->name) |
        buf_puts(&sql, " FROM ") | sql_table(&sql, database, fk->child->name) |
        where_of_rows(&sql, database, fk, where))
        return out_of_memory(err);
    MYSQL_RES *rows = db_select(db, err, "%s", buf_cstr(&sql));
    if (!rows)
        return err->code;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(rows));) {
        uint64_t id = strtoull(row[0], NULL, 10);
        bool is_known = before && bsearch(&id, known->list, before, sizeof id, by_id);
        rc = !is_known && LIST_ROOM(known->list, known->count, known->cap) ? DS_ENOMEM : 0;
        if (rc == 0 && !is_known)
            known->list[known->count++] = id;
    }
    mysql_free_result(rows);
    *found = known->count - before;
    if (rc || (*found && where_ids(fk->child, known->list + before, *found, where)))
        return out_of_memory(err);
    if (*found)
        qsort(known->list, known->count, sizeof *known->list, by_id);
    return 0;
}

/* *own: those that refer to rows of `where`, and, `deep`, those that refer to these, and so on.
 * Empty: none do. */
static int find_own(MYSQL *db, const char *database, const struct target_fk *fk, struct buf *where,
                    bool deep, struct buf *own, struct ds_error *err)
{
    struct ids known = {NULL, 0, 0};
    BUF_AUTO struct buf last = {0};
    uint32_t found = 0;
    int rc = buf_append(&last, where->data, where->len) ? out_of_memory(err) : 0;
    do
        rc = rc ? rc : next_ids(db, database, fk, &last, &known, &found, err);
    while (rc == 0 && found && deep);
    if (rc == 0 && known.count && where_ids(fk->child, known.list, known.count, own))
        rc = out_of_memory(err);
    free(known.list);
    return rc;
}

/* *where becomes that of both. */
static int add_rows(struct buf *where, struct buf *more)
{
    BUF_AUTO struct buf both = {0};
    const size_t word = sizeof " WHERE " - 1;
    int rc = buf_puts(&both, buf_cstr(more)) | buf_puts(&both, " OR (") |
             buf_puts(&both, buf_cstr(where) + word) | buf_puts(&both, ")");
    buf_clear(where);
    return rc | buf_append(where, both.data, both.len);
}

/* Rows of `where` go: by a key of their table to itself others go with them (*where has these, too;
 * *gone: those that no key of the destination's own takes), or forget them. */
static int act_on_own(MYSQL *db, const char *database, const struct target_table *t,
                      struct buf *where, struct buf *gone, uint64_t *rows, struct ds_error *err)
{
    int rc = 0;
    for (uint32_t r = 0; r < t->referrer_count && rc == 0; r++) {
        const struct target_fk *fk = t->referrers[r];
        BUF_AUTO struct buf own = {0};
        bool cascades = fk->on_delete == FK_CASCADE;
        if (fk->child != t || fk->on_delete == FK_RESTRICT || (fk->derived && !fk->acts) ||
            (!cascades && !fk->acts) || !cascade_may_lead_to_itself(t))
            continue;
        rc = find_own(db, database, fk, where, cascades, &own, err);
        if (rc || !own.len)
            continue;
        if (!cascades)
            rc = act(db, database, fk, FK_SET_NULL, NULL, &own, rows, err);
        else if (add_rows(where, &own))
            rc = out_of_memory(err);
        else if (fk->acts &&
                 (gone->len ? add_rows(gone, &own) : buf_append(gone, own.data, own.len)))
            rc = out_of_memory(err);
    }
    return rc;
}

/* --- what hangs on rows that go ---- */

static int delete_own(MYSQL *db, const char *database, const struct target_table *t,
                      struct buf *where, uint64_t *rows, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    if (buf_puts(&sql, "DELETE FROM ") | sql_table(&sql, database, t->name) |
        buf_puts(&sql, buf_cstr(where)))
        return out_of_memory(err);
    int rc = db_exec_len(db, (const char *)sql.data, sql.len, err);
    if (rc == 0)
        *rows += mysql_affected_rows(db);
    else
        error_at_table(err, database, t->name);
    return rc;
}

/* Rows of the path's table are about to go: what refers to them goes before, or forgets them. */
static int act_below(MYSQL *db, const char *database, const struct path *p, const struct buf *of,
                     uint64_t *rows, struct ds_error *err)
{
    BUF_AUTO struct buf where = {0}, gone = {0};
    int rc = buf_append(&where, of->data, of->len) ? out_of_memory(err) : 0;
    rc = rc ? rc : act_on_own(db, database, p->table, &where, &gone, rows, err);
    for (uint32_t r = 0; r < p->table->referrer_count && rc == 0; r++) {
        const struct target_fk *fk = p->table->referrers[r];
        const struct path next = {fk->child, p};
        BUF_AUTO struct buf below = {0};
        if (fk->on_delete == FK_RESTRICT || (fk->derived && !fk->acts) || is_on(p, fk->child) ||
            !(fk->acts || any_acts(fk->child)))
            continue;
        if (where_of_rows(&below, database, fk, &where))
            return out_of_memory(err);
        if (fk->on_delete == FK_CASCADE)
            rc = act_below(db, database, &next, &below, rows, err);
        if (rc == 0 && fk->acts)
            rc = act(db, database, fk, fk->on_delete, NULL, &below, rows, err);
    }
    return rc || !gone.len ? rc : delete_own(db, database, p->table, &gone, rows, err);
}

int cascade_below(MYSQL *db, const char *database, const struct target_table *t,
                  const struct buf *where, uint64_t *rows, struct ds_error *err)
{
    const struct path root = {t, NULL};
    return any_acts(t) ? act_below(db, database, &root, where, rows, err) : 0;
}

/* … WHERE the keys of these rows */
static int where_rows(struct buf *where, const struct step *s, uint32_t first, uint32_t end,
                      struct ds_error *err)
{
    const struct target_key *key = s->target->row_key;
    buf_clear(where);
    int rc = buf_puts(where, " WHERE (");
    for (uint32_t k = 0; k < key->count; k++)
        rc |= buf_puts(where, k ? ", " : "") |
              sql_identifier(where, s->target->columns[key->columns[k]].name);
    rc = rc | buf_puts(where, ") IN (") ? out_of_memory(err) : 0;
    for (uint32_t i = first; i < end && rc == 0; i++)
        for (uint32_t k = 0; k < key->count && rc == 0; k++) {
            const struct target_column *c = &s->target->columns[key->columns[k]];
            rc = buf_puts(where, k ? ", " : i > first ? "), (" : "(") ? out_of_memory(err) : 0;
            rc = rc ? rc : bind_literal(where, c, s->nets[i]->key[k], err);
        }
    return rc || buf_puts(where, "))") == 0 ? rc : out_of_memory(err);
}

static int act_on_deletes(MYSQL *db, const char *database, const struct step *s, uint64_t *rows,
                          struct ds_error *err)
{
    enum { ROWS_PER_STATEMENT = 200 };
    int rc = 0;
    for (uint32_t i = 0, end; i < s->count && rc == 0; i = end) {
        BUF_AUTO struct buf where = {0};
        end = s->count - i > ROWS_PER_STATEMENT ? i + ROWS_PER_STATEMENT : s->count;
        rc = where_rows(&where, s, i, end, err);
        rc = rc ? rc : cascade_below(db, database, s->target, &where, rows, err);
    }
    return rc;
}

static int act_on_update(MYSQL *db, const char *database, const struct step *s, uint32_t at,
                         uint64_t *rows, struct ds_error *err)
{
    const struct net *n = s->nets[at];
    BUF_AUTO struct buf where = {0};
    int rc = where_rows(&where, s, at, at + 1, err);
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
    if (rc || !acts)
        return rc;
    if (s->op == NET_DELETE)
        return act_on_deletes(db, database, s, rows, err);
    for (uint32_t i = 0; i < s->count && rc == 0; i++)
        rc = act_on_update(db, database, s, i, rows, err);
    return rc;
}
