/* Entities that travel in part: `where` on the table of their root (law 13).
 *
 * The agent says of root rows whether they come into the condition or leave it. Rows of the other
 * tables always arrive here, and are written if the row that they lead to is at the destination at
 * that point of the stream: asked for the whole range at once, then followed through it.
 *
 * A root that comes in brings rows along that no event tells of. It is noted, in the destination
 * transaction that moves the checkpoint over it, and the agent is asked for a copy. The copy comes
 * as inserts at the position in the stream as of which it was read (CHANGE_COPIED). Until then
 * nothing of the entity is written. A root that goes, or leaves the condition, takes its rows along
 * by foreign keys, and by what crossing.c derives where there is none.
 */
#include <stdlib.h>
#include <string.h>

#include "applier/images.h"
#include "applier/members.h"
#include "schema/list.h"

enum { LOOK_UP_MOST = 2000 };

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for rows of entities");
}

/* Is the row at the destination, and all that it leads to, and does that not wait to be copied?
 * One that leads to a row that went and came again meanwhile is gone. *root: where it leads to in
 * the end. */
static bool is_here(const struct members *m, const struct row_set *t, const struct level *l,
                    uint64_t id, uint64_t *root)
{
    const struct row_slot *s = row_set_find(t, l->number, id);
    for (; s && s->state == ROW_PRESENT && l->parent; l = l->parent) {
        const struct row_slot *up = row_set_find(t, l->parent->number, s->link);
        id = s->link;
        if (!up || up->since > s->linked)
            return false;
        s = up;
    }
    *root = id;
    return s && s->state == ROW_PRESENT && !entering_has(m, l, id);
}

/* --- rows of a range ---------------------------------------------------------- */

static bool number(const uint8_t *raw, uint64_t *out)
{
    return raw && value_id((struct slice){raw, value_length(raw)}, out);
}

static bool is_negative(const uint8_t *raw)
{
    struct value v;
    return raw && value_read(&raw, raw + 9, &v) == 0 && v.kind == VALUE_INT && v.i < 0;
}

struct ids { /* of one column of a change */
    bool had, has;
    uint64_t before, after;
};

static int read_ids(struct applier *a, const struct change *c, const char *column,
                    const struct row_images *im, struct ids *out, struct ds_error *err)
{
    const struct target_table *t = c->table->target;
    int i = target_column_ordinal(t, column);
    *out = (struct ids){0};
    bool sent = i >= 0 && (c->op == CHANGE_INSERT || im->before[i]) &&
                (c->op == CHANGE_DELETE || im->after[i]);
    if (!sent) {
        error_set(err, DS_ESCHEMA,
                  "where: the binlog does not tell column %s of a row, which says to which entity "
                  "it belongs: SET GLOBAL binlog_row_image = FULL at the source, then copy again "
                  "with --resnapshot",
                  column);
        error_at_table(err, a->database, t->name);
        return DS_ESCHEMA;
    }
    if ((c->op != CHANGE_INSERT && is_negative(im->before[i])) ||
        (c->op != CHANGE_DELETE && is_negative(im->after[i]))) {
        error_set(err, DS_EUNSUPPORTED,
                  "where: column %s, by which rows of an entity belong together, is negative: give "
                  "the row another key at the source, then copy again with --resnapshot",
                  column);
        error_at_table(err, a->database, t->name);
        return DS_EUNSUPPORTED;
    }
    out->had = c->op != CHANGE_INSERT && number(im->before[i], &out->before);
    out->has = c->op != CHANGE_DELETE && number(im->after[i], &out->after);
    return 0;
}

static int want(struct members *m, struct level *l, uint64_t id, struct ds_error *err)
{
    if (row_set_state(&m->rows, l->number, id) != ROW_UNKNOWN)
        return 0;
    if (LIST_ROOM(l->wanted, l->wanted_count, l->wanted_cap))
        return no_memory(err);
    l->wanted[l->wanted_count++] = id;
    return row_set_put(&m->rows, l->number, id, ROW_ABSENT) ? no_memory(err) : 0;
}

/* What waits in quarantine makes of a row of the level. One that it brings is there: what leads to
 * it waits behind it, and is not left out. ROW_UNKNOWN: nothing, or it leaves it where it is. */
static enum row_state held_state(const struct applier *a, const struct level *l, const char *column,
                                 uint64_t id, bool there, uint64_t *link)
{
    const struct target_table *t =
        a->held ? target_find(a->target, l->table, strlen(l->table)) : NULL;
    int i = t ? target_column_ordinal(t, column) : -1;
    int to = t ? target_column_ordinal(t, l->entry->link) : -1;
    const uint8_t *values[MESSAGE_MAX_COLUMNS];
    uint64_t key;
    for (const struct held_row *h = i >= 0 && to >= 0 ? a->held : NULL; h; h = h->next)
        if (h->table == t && h->image.len && !h->ghost && (h->gone || !there) &&
            images_values(t, h->image, values) == 0 && number(values[i], &key) && key == id &&
            (h->gone || number(values[to], link)))
            return h->gone ? ROW_ABSENT : ROW_PRESENT;
    return ROW_UNKNOWN;
}

static int look_up_some(struct applier *a, struct level *l, const char *column, size_t from,
                        size_t count, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    const char *link = l->parent ? l->entry->link : column;
    int rc = buf_puts(&sql, "SELECT ") | sql_identifier(&sql, column) | buf_puts(&sql, ", ") |
             sql_identifier(&sql, link) | buf_puts(&sql, " FROM ") |
             sql_table(&sql, a->database, l->table) | buf_puts(&sql, " WHERE ") |
             sql_identifier(&sql, column) | buf_puts(&sql, " IN (");
    for (size_t i = 0; i < count; i++)
        rc |= buf_printf(&sql, "%s%lu", i ? "," : "", l->wanted[from + i]);
    if (rc | buf_puts(&sql, ")"))
        return no_memory(err);
    MYSQL_RES *res = db_select(a->db, err, "%s", buf_cstr(&sql));
    if (!res)
        return err->code;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));)
        rc = row[0] && row[1]
                 ? row_set_put_here(&a->members->rows, l->number, strtoull(row[0], NULL, 10),
                                    strtoull(row[1], NULL, 10), 0)
                 : 0;
    mysql_free_result(res);
    return rc ? no_memory(err) : 0;
}

static int look_up(struct applier *a, struct level *l, struct ds_error *err)
{
    const char *column = filter_level_key(l->entry);
    int rc = 0;
    for (size_t i = 0; i < l->wanted_count && rc == 0; i += LOOK_UP_MOST) {
        size_t left = l->wanted_count - i;
        rc = look_up_some(a, l, column, i, left < LOOK_UP_MOST ? left : LOOK_UP_MOST, err);
    }
    for (size_t i = 0; i < l->wanted_count && rc == 0; i++) {
        const struct row_slot *s = row_set_find(&a->members->rows, l->number, l->wanted[i]);
        uint64_t link = s->link;
        bool there = s->state == ROW_PRESENT;
        enum row_state waits = held_state(a, l, column, l->wanted[i], there, &link);
        if (waits == ROW_ABSENT)
            rc = row_set_put(&a->members->rows, l->number, l->wanted[i], ROW_ABSENT);
        else if (waits == ROW_PRESENT)
            rc = row_set_put_here(&a->members->rows, l->number, l->wanted[i], link, 0);
        if (rc)
            return no_memory(err);
        there = waits ? waits == ROW_PRESENT : there;
        if (there && l->parent)
            rc = want(a->members, l->parent, link, err);
    }
    l->wanted_count = 0;
    return rc;
}

/* --- one change --------------------------------------------------------------- */

/* A delete of what is there, if it is, then an insert: for those that are noted. */
static int root_copied(struct applier *a, struct change *c, const struct level *l,
                       const struct ids *key, struct ds_error *err)
{
    struct members *m = a->members;
    uint64_t id = key->has ? key->after : key->before, now = ++m->clock;
    int rc = 0;
    if (c->op == CHANGE_DELETE) {
        bool wanted = entering_has(m, l, id);
        c->left_out = !wanted || row_set_state(&m->rows, l->number, id) != ROW_PRESENT;
        rc = wanted ? entering_note(m, l, id, false, err) : 0;
        if (rc == 0 &&
            (row_set_put(&m->admitted, l->number, id, wanted ? ROW_UNKNOWN : ROW_ABSENT) ||
             (wanted && row_set_put(&m->rows, l->number, id, ROW_ABSENT))))
            rc = no_memory(err);
        return rc;
    }
    const struct row_slot *s = row_set_find(&m->admitted, l->number, id);
    c->left_out = !s || s->state == ROW_ABSENT;
    c->flags |= CHANGE_NO_FK_CHECKS; /* it is as it was at the source */
    if (!c->left_out && (row_set_put_here(&m->rows, l->number, id, id, now) ||
                         row_set_put_here(&m->admitted, l->number, id, id, now)))
        rc = no_memory(err);
    return rc;
}

static int root_inserted(struct applier *a, struct change *c, const struct level *l, uint64_t id,
                         struct ds_error *err)
{
    /* Without foreign key checks its members may have come before it, and were left out. One that
     * went just now (REPLACE) has left those at the source that no foreign key holds. */
    const struct row_slot *before = row_set_find(&a->members->rows, l->number, id);
    bool enters = c->flags & CHANGE_ENTERS ||
                  (l->has_members && (c->flags & CHANGE_NO_FK_CHECKS || (before && before->mark)));
    c->left_out = enters;
    if (enters ? row_set_put(&a->members->rows, l->number, id, ROW_ABSENT)
               : row_set_put_here(&a->members->rows, l->number, id, id, ++a->members->clock))
        return no_memory(err);
    return enters ? entering_note(a->members, l, id, true, err) : 0;
}

/* Do rows of the level follow when the key changes that they lead to? */
static bool follows(const struct applier *a, const struct level *l)
{
    const struct target_table *t = target_find(a->target, l->table, strlen(l->table));
    bool follows = false;
    if (t)
        crossing_takes_along(t, l->entry->link, l->parent->table, &follows);
    return follows;
}

/* The row is the same under another key; what leads to it follows, or has gone. */
static int move_key(struct applier *a, const struct level *l, uint64_t from, uint64_t to,
                    uint64_t link, struct ds_error *err)
{
    struct row_set *rows = &a->members->rows;
    const struct row_slot *old = row_set_find(rows, l->number, from);
    uint64_t since = old ? old->since : 0;
    for (size_t i = 0; i < rows->cap; i++) {
        struct row_slot *s = &rows->slots[i];
        const struct level *of = s->table ? a->members->levels[s->table - 1] : NULL;
        if (!of || of->parent != l || s->link != from || s->state != ROW_PRESENT)
            continue;
        s->link = to;
        s->state = follows(a, of) ? ROW_PRESENT : ROW_ABSENT;
    }
    return row_set_put(rows, l->number, from, ROW_ABSENT) ||
                   row_set_put_here(rows, l->number, to, link, since)
               ? no_memory(err)
               : 0;
}

static int root_changed(struct applier *a, struct change *c, const struct level *l,
                        const struct row_images *im, struct ds_error *err)
{
    struct members *m = a->members;
    struct ids key;
    int rc = read_ids(a, c, filter_level_key(l->entry), im, &key, err);
    if (rc || c->table->level_shadow)
        return rc;
    if (c->flags & CHANGE_COPIED)
        return root_copied(a, c, l, &key, err);
    if (c->op == CHANGE_INSERT)
        return key.has ? root_inserted(a, c, l, key.after, err) : 0;
    if (c->op == CHANGE_DELETE) /* at the source its members may stay; here they do not */
        c->flags &= ~(uint32_t)CHANGE_NO_FK_CHECKS;
    /* one that waits may be there all the same, and is then copied anew */
    bool moves = c->op == CHANGE_UPDATE && key.has && key.after != key.before;
    bool goes = c->op == CHANGE_DELETE || moves, waits = key.had && entering_has(m, l, key.before);
    bool there = waits && row_set_state(&m->rows, l->number, key.before) == ROW_PRESENT;
    c->left_out = waits && !(goes && there);
    if (moves && c->flags & CHANGE_NO_FK_CHECKS) { /* what leads to it did not follow */
        moves = false;
        c->turned = true;
        c->op = CHANGE_DELETE;
        c->after = (struct slice){0};
        c->flags &= ~(uint32_t)CHANGE_NO_FK_CHECKS;
        rc = entering_note(m, l, key.after, true, err);
    }
    if (rc == 0 && goes && waits)
        rc = entering_note(m, l, key.before, false, err);
    if (rc == 0 && moves && waits)
        rc = entering_note(m, l, key.after, true, err);
    if (rc == 0 && moves && (there || !waits))
        rc = move_key(a, l, key.before, key.after, key.after, err);
    else if (rc == 0 && goes && row_set_put(&m->rows, l->number, key.before, ROW_ABSENT))
        rc = no_memory(err);
    if (rc == 0 && goes)
        row_set_find(&m->rows, l->number, key.before)->mark = true;
    return rc;
}

/* From here on nothing of the entity is written, until it is copied. */
static int copy_anew(struct applier *a, struct change *c, const struct level *l, uint64_t root,
                     struct ds_error *err)
{
    struct members *m = a->members;
    while (l->parent)
        l = l->parent;
    c->left_out = true;
    if (!row_set_find(&m->rows, l->number, root) &&
        row_set_put_here(&m->rows, l->number, root, root, 0))
        return no_memory(err);
    return entering_note(m, l, root, true, err);
}

/* The row leaves one entity for another that is here, or the other way round. `root`: of the one
 * that is here. */
static int crosses(struct applier *a, struct change *c, const struct level *l, bool in,
                   uint64_t root, struct ds_error *err)
{
    c->turned = true;
    if (!in) {
        c->op = CHANGE_DELETE;
        c->after = (struct slice){0};
        if (!l->has_members) /* at the source it is still there, for those that refer to it */
            c->flags |= CHANGE_NO_FK_CHECKS;
        return 0;
    }
    if (l->has_members) /* what hangs on it is not here */
        return copy_anew(a, c, l, root, err);
    if (images_full_after(&a->batch.arena, c, &c->after))
        return no_memory(err);
    c->op = CHANGE_INSERT;
    c->before = (struct slice){0};
    return 0;
}

/* The change for rows that lead through this one. */
static int follow(struct applier *a, const struct change *c, const struct level *l,
                  const struct row_images *im, uint64_t link, struct ds_error *err)
{
    struct members *m = a->members;
    struct ids key;
    if (!l->has_members || c->table->level_shadow)
        return 0;
    int rc = read_ids(a, c, filter_level_key(l->entry), im, &key, err);
    if (rc)
        return rc;
    if (key.had && key.has && key.before != key.after)
        return move_key(a, l, key.before, key.after, link, err);
    if (key.had && key.has) { /* it may lead elsewhere now */
        struct row_slot *s = row_set_find(&m->rows, l->number, key.after);
        if (s && s->link != link) {
            s->link = link;
            s->linked = ++m->clock;
        }
        return 0;
    }
    uint64_t now = ++m->clock;
    if ((key.had && row_set_put(&m->rows, l->number, key.before, ROW_ABSENT)) ||
        (key.has && row_set_put_here(&m->rows, l->number, key.after, link, now)) ||
        (c->flags & CHANGE_COPIED && key.has &&
         row_set_put_here(&m->admitted, l->number, key.after, link, now)))
        return no_memory(err);
    return 0;
}

static int member_changed(struct applier *a, struct change *c, const struct level *l,
                          const struct row_images *im, struct ds_error *err)
{
    struct members *m = a->members;
    bool copied = c->flags & CHANGE_COPIED;
    const struct row_set *known = copied ? &m->admitted : &m->rows;
    uint64_t from, to = 0;
    struct ids link;
    int rc = read_ids(a, c, l->entry->link, im, &link, err);
    if (rc)
        return rc;
    c->flags |= copied ? CHANGE_NO_FK_CHECKS : 0u; /* it is as it was at the source */
    bool was = link.had && is_here(m, known, l->parent, link.before, &from);
    bool is = link.has && is_here(m, known, l->parent, link.after, &to);
    c->left_out = !was && !is;
    /* without foreign key checks what leads to it may have come before it, and was left out */
    if (c->op == CHANGE_INSERT && is && !copied && l->has_members && !c->table->level_shadow &&
        c->flags & CHANGE_NO_FK_CHECKS)
        return copy_anew(a, c, l, to, err);
    if (c->op == CHANGE_UPDATE && was != is)
        rc = crosses(a, c, l, is, to, err);
    if (c->op == CHANGE_DELETE && l->has_members) /* what leads to it goes, whatever stays there */
        c->flags &= ~(uint32_t)CHANGE_NO_FK_CHECKS;
    return rc || c->left_out ? rc : follow(a, c, l, im, link.has ? link.after : 0, err);
}

typedef int for_change(struct applier *a, struct change *c, struct level *l,
                       const struct row_images *im, struct ds_error *err);

static int change_wanted(struct applier *a, struct change *c, struct level *l,
                         const struct row_images *im, struct ds_error *err)
{
    struct members *m = a->members;
    struct ids ids;
    c->left_out = false;
    if (l->parent && c->flags & CHANGE_COPIED)
        return 0;
    int rc = read_ids(a, c, l->parent ? l->entry->link : filter_level_key(l->entry), im, &ids, err);
    if (rc)
        return rc;
    if (!l->parent) /* one that waits may be there all the same */
        return ids.had && entering_has(m, l, ids.before) ? want(m, l, ids.before, err) : 0;
    if (ids.had)
        rc = want(m, l->parent, ids.before, err);
    return rc == 0 && ids.has ? want(m, l->parent, ids.after, err) : rc;
}

static int change_decided(struct applier *a, struct change *c, struct level *l,
                          const struct row_images *im, struct ds_error *err)
{
    return l->parent ? member_changed(a, c, l, im, err) : root_changed(a, c, l, im, err);
}

static int each(struct applier *a, uint32_t first, uint32_t count, for_change *does,
                struct ds_error *err)
{
    struct row_images im;
    int rc = 0;
    for (uint32_t t = first; t < first + count && rc == 0; t++) {
        const struct transaction *tx = &a->batch.transactions[t];
        for (uint32_t i = tx->first; i < tx->first + tx->count && rc == 0; i++) {
            struct change *c = &a->batch.changes[i];
            struct level *l = NULL;
            if (!c->table->target || tx->rolled_back || c->flags & CHANGE_CASCADE)
                continue;
            rc = level_of_table(a, c->table, &l, err);
            if (rc == 0 && l)
                rc = images_split(c, &im, err);
            if (rc == 0 && l)
                rc = does(a, c, l, &im, err);
        }
    }
    return rc;
}

/* What did not fit is tried again: each change is what it came as. */
static int turn_back(struct applier *a, uint32_t first, uint32_t count, struct ds_error *err)
{
    int rc = 0;
    for (uint32_t t = first; t < first + count && rc == 0; t++) {
        const struct transaction *tx = &a->batch.transactions[t];
        for (uint32_t i = tx->first; i < tx->first + tx->count && rc == 0; i++) {
            struct change *c = &a->batch.changes[i];
            const uint8_t *p = c->raw.p;
            struct arena scratch = {0};
            struct message m;
            if (!c->turned)
                continue;
            rc = message_read(&p, p + c->raw.len, &scratch, &m, err);
            arena_free(&scratch);
            if (rc)
                continue;
            c->op = m.change.op;
            c->flags = m.change.flags;
            c->before = m.change.before;
            c->after = m.change.after;
            c->turned = false;
        }
    }
    return rc;
}

int members_sort_out(struct applier *a, uint32_t first, uint32_t count, struct ds_error *err)
{
    struct members *m = a->members;
    if (!m)
        return 0;
    int rc = turn_back(a, first, count, err);
    if (rc)
        return rc;
    row_set_clear(&m->rows);
    if (!a->batch.transactions[first].earlier) /* else a copy may go on */
        row_set_clear(&m->admitted);
    rc = each(a, first, count, change_wanted, err);
    for (size_t i = m->level_count; i > 0 && rc == 0; i--) /* what leads on before its parents */
        rc = look_up(a, m->levels[i - 1], err);
    if (rc == 0)
        rc = each(a, first, count, change_decided, err);
    return rc || !m->dirty ? rc : entering_record(a, err);
}
