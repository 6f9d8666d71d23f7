#include "applier/join_update.h"

#include "applier/bind.h"
#include "schema/db.h"

enum { ROWS = 4000, BYTES = 256 << 10 }; /* of one statement, at most */

static const struct target_column *key_of(const struct target_table *t)
{
    return &t->columns[t->row_key->columns[0]];
}

static bool is_integer(const struct target_column *c)
{
    return c->class == TARGET_INT && c->width;
}

bool join_update_can(const struct step *s, const uint64_t *changed)
{
    const struct target_table *t = s->target;
    bool any = false;
    if (s->op != NET_UPDATE || s->flags || s->keyless || t->versioned || !t->row_key ||
        t->row_key->count != 1 || !is_integer(key_of(t)))
        return false;
    for (uint32_t i = 0; i < t->column_count; i++) {
        const struct target_column *c = &t->columns[i];
        if (!(changed[i / 64] >> (i % 64) & 1))
            continue;
        if (!(is_integer(c) || c->class == TARGET_DECIMAL) || target_is_indexed(t, i))
            return false;
        any = true;
    }
    return any;
}

static bool sets(const struct net *n, const uint64_t *changed, uint32_t i)
{
    const struct target_column *c = &n->table->target->columns[i];
    return !c->generated && n->after[i] && changed[i / 64] >> (i % 64) & 1;
}

/* A row of the list; the first names its columns. */
static int list_row(const struct target_table *t, const uint64_t *changed, const struct net *n,
                    bool first, struct buf *sql, struct ds_error *err)
{
    int rc = buf_puts(sql, first ? "SELECT " : "(");
    rc = rc ? rc : bind_literal(sql, key_of(t), n->key[0], err);
    rc = rc ? rc : first ? buf_puts(sql, " AS k") : 0;
    for (uint32_t i = 0; i < t->column_count && rc == 0; i++) {
        if (!sets(n, changed, i))
            continue;
        rc = buf_puts(sql, ",");
        rc = rc ? rc : bind_literal(sql, &t->columns[i], n->after[i], err);
        rc = rc ? rc : first ? buf_printf(sql, " AS c%u", i) : 0;
    }
    return rc ? rc : first ? 0 : buf_puts(sql, ")");
}

/* The list comes first, so that no other row of the table is looked at. */
static int join(const char *database, const struct target_table *t, struct buf *sql)
{
    return buf_puts(sql, ") v STRAIGHT_JOIN ") | sql_table(sql, database, t->name) |
           buf_puts(sql, " t ON t.") | sql_identifier(sql, key_of(t)->name) |
           buf_puts(sql, " = v.k");
}

/* Law 11: what would change by itself is named. */
static int set_columns(const struct target_table *t, const uint64_t *changed, const struct net *n,
                       struct buf *sql)
{
    const char *comma = " SET t.";
    int rc = 0;
    for (uint32_t i = 0; i < t->column_count && rc == 0; i++) {
        const struct target_column *c = &t->columns[i];
        bool other = sets(n, changed, i);
        if (!other && (!c->on_update || c->generated))
            continue;
        rc = buf_puts(sql, comma) | sql_identifier(sql, c->name) | buf_puts(sql, " = ") |
             (other ? buf_printf(sql, "v.c%u", i)
                    : buf_puts(sql, "t.") | sql_identifier(sql, c->name));
        comma = ", t.";
    }
    return rc;
}

int join_update(struct buf *sql, const char *database, const struct step *s,
                const uint64_t *changed, uint32_t first, uint32_t end, uint32_t *rows,
                struct ds_error *err)
{
    uint32_t n = 0;
    buf_clear(sql);
    int rc = buf_puts(sql, "UPDATE (");
    for (; first + n < end && n < ROWS && sql->len < BYTES && rc == 0; n++) {
        rc = n ? buf_puts(sql, n == 1 ? " UNION ALL VALUES " : ",") : 0;
        rc = rc ? rc : list_row(s->target, changed, s->nets[first + n], n == 0, sql, err);
    }
    rc = rc ? rc : join(database, s->target, sql);
    rc = rc ? rc : set_columns(s->target, changed, s->nets[first], sql);
    *rows = n;
    return rc == DS_ENOMEM ? error_set(err, DS_ENOMEM, "out of memory") : rc;
}
