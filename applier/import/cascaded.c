/* What the source's foreign keys have deleted below a root that stays here.
 *
 * Their deletions are in no binlog. Where the root goes, the destination's foreign keys do the
 * same; where it stays (the destination had it before, or uses it, or its deletions are not to be
 * followed), what came from the source and hung on it there goes all the same: rows of other
 * entities, as the policy of each says, and rows in which others name the root; and where the
 * source's key has set a column NULL, it is here. Where on_duplicate is update, and the root is set
 * up at both sides (a store), so do rows in which entities that both have name it: these are what
 * the source has. What is the destination's own stays.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applier/cascade.h"
#include "applier/import/delete.h"
#include "applier/import/drop.h"
#include "applier/import/import_internal.h"
#include "applier/import/lineage.h"
#include "applier/outbox.h"
#include "schema/db.h"

struct staying {
    const struct catalogue_entity *entity;
    const struct catalogue_table *entry;
    const char *ids; /* of its rows, "1,2,3" or a SELECT */
};

struct fates { /* of roots below */
    struct buf go, off, stay;
};

static uint32_t place_of(const struct import *im, const struct catalogue_entity *e)
{
    uint32_t place = 0;
    while (catalogue_at(im->options.catalogue, place) != e)
        place++;
    return place;
}

static int append(struct buf *list, const char *id)
{
    return buf_printf(list, "%s%s", list->len ? "," : "", id);
}

static int child_column(const struct target_fk *fk, struct buf *sql)
{
    return buf_puts(sql, "t0.") | sql_identifier(sql, fk->child->columns[fk->columns[0]].name);
}

/* " WHERE the child's rows name one of those that stay": not the roots' own rows. Of rows below a
 * root only other entities' do. */
static int names_one(const struct import_lineage *l, const struct target_fk *fk,
                     const struct staying *s, struct buf *sql)
{
    int rc = buf_puts(sql, " WHERE ") | child_column(fk, sql) | buf_printf(sql, " IN (%s)", s->ids);
    if (l->entity == s->entity)
        rc |= buf_printf(sql, " AND t%u.", l->count - 1) |
              sql_identifier(sql, import_lineage_root_key(l)) |
              buf_printf(sql, " NOT IN (%s)", s->ids);
    return rc;
}

static int below(const struct import *im, const struct import_lineage *l,
                 const struct target_fk *fk, const struct staying *s, struct buf *sql)
{
    return buf_puts(sql, " FROM ") | import_lineage_from(im, l, sql) | names_one(l, fk, s, sql);
}

/* --- entities ------------------------------------------------------------------------------------
 */

static int tell_roots(struct import *im, const struct catalogue_entity *e, const char *ids,
                      enum change_op op)
{
    const char *table = import_shop_table(im, e->tables[0].table)->name;
    struct outbox_table *told = NULL;
    for (const char *at = ids; im->options.outbox && *at; at += *at == ',') {
        char *end;
        const uint8_t *value = import_number(&im->arena, strtoull(at, &end, 10));
        if (!value)
            return DS_ENOMEM;
        outbox_note_row(im->options.outbox, &told, table, op,
                        (struct slice){value, value_length(value)});
        at = end;
    }
    return 0;
}

static int sort_root(struct import *im, const struct catalogue_entity *e, MYSQL_ROW row,
                     struct fates *f)
{
    bool matched = strcmp(row[1], "1") != 0;
    bool mapped = !filter_imports(im->options.filter, e); /* set up at each side */
    uint32_t place = place_of(im, e);
    enum config_delete how = !matched ? im->deletions[place]
                             : mapped ? DELETE_IGNORE
                                      : im->options.config->delete_matched;
    if (how == DELETE_HARD)
        return append(&f->go, row[0]);
    if (how == DELETE_SOFT && e->soft_count && append(&f->off, row[0]))
        return DS_ENOMEM;
    im->pending[place].deleted += how == DELETE_SOFT && e->soft_count;
    return append(&f->stay, row[0]);
}

/* What is used here stays, too. */
static int sort_used(struct import *im, const struct catalogue_entity *e, struct fates *f,
                     struct ds_error *err)
{
    BUF_AUTO struct buf go = {0};
    struct import_used used = {0};
    int rc = import_find_used(im, e, &e->tables[0], buf_cstr(&f->go), &used, err);
    for (const char *at = buf_cstr(&f->go); rc == 0 && *at; at += *at == ',') {
        char text[24], *end;
        uint64_t id = strtoull(at, &end, 10);
        bool stays = import_is_used(&used, id);
        snprintf(text, sizeof text, "%lu", id);
        if (stays)
            import_tell_used(&used, e, &e->tables[0], id);
        im->pending[place_of(im, e)].deleted += !stays;
        rc = append(stays ? &f->stay : &go, text) ? import_no_memory(err) : 0;
        at = end;
    }
    import_used_free(&used);
    buf_clear(&f->go);
    return rc || buf_append(&f->go, go.data, go.len) == 0 ? rc : import_no_memory(err);
}

/* And what hangs on them by keys that the destination does not have. */
static int delete_where(struct import *im, const struct target_table *t, const struct buf *where,
                        struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    uint64_t rows = 0;
    int rc = cascade_below(im->db, im->options.config->destination.database, t, where, &rows, err);
    if (rc)
        return rc;
    if (buf_puts(&sql, "DELETE FROM ") | sql_identifier(&sql, t->name) |
        buf_append(&sql, where->data, where->len))
        return import_no_memory(err);
    return db_exec_len(im->db, (const char *)sql.data, sql.len, err);
}

static int delete_rows(struct import *im, const struct target_table *t, const char *key,
                       const char *ids, struct ds_error *err)
{
    BUF_AUTO struct buf where = {0};
    if (buf_puts(&where, " WHERE ") | sql_identifier(&where, key) |
        buf_printf(&where, " IN (%s)", ids))
        return import_no_memory(err);
    return delete_where(im, t, &where, err);
}

static int delete_roots(struct import *im, const struct catalogue_entity *e, const char *ids,
                        struct ds_error *err)
{
    int rc = import_forget(im, e, &e->tables[0], ids, err);
    rc = rc ? rc
            : delete_rows(im, import_shop_table(im, e->tables[0].table), e->tables[0].link, ids,
                          err);
    return rc || tell_roots(im, e, ids, CHANGE_DELETE) == 0 ? rc : import_no_memory(err);
}

static int switch_off(struct import *im, const struct catalogue_entity *e, const char *ids,
                      struct ds_error *err)
{
    struct import_table roots = {.im = im, .entity = e, .entry = &e->tables[0], .root = true};
    roots.target = (struct target_table *)import_shop_table(im, e->tables[0].table);
    roots.id_target = (uint32_t)target_column_ordinal(roots.target, e->tables[0].link);
    return import_switch_off(im, &roots, ids, err);
}

static int end_roots(struct import *im, const struct catalogue_entity *e, struct fates *f,
                     struct ds_error *err)
{
    int rc = f->go.len ? sort_used(im, e, f, err) : 0;
    import_note_entity(im, e);
    if (rc == 0 && f->off.len) {
        rc = switch_off(im, e, buf_cstr(&f->off), err);
        if (rc == 0 && tell_roots(im, e, buf_cstr(&f->off), CHANGE_UPDATE))
            rc = import_no_memory(err);
    }
    if (rc == 0 && f->stay.len)
        rc = import_cascade(im, e, &e->tables[0], buf_cstr(&f->stay), err);
    return rc || !f->go.len ? rc : delete_roots(im, e, buf_cstr(&f->go), err);
}

static int cascade_roots(struct import *im, const struct import_lineage *l,
                         const struct target_fk *fk, const struct staying *s, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    struct fates f = {{0}, {0}, {0}};
    int rc = buf_puts(&sql, "SELECT t0.") | sql_identifier(&sql, import_lineage_root_key(l)) |
             buf_puts(&sql, ", ") | import_lineage_has_origin(im, l, ORIGIN_CREATED, &sql) |
             below(im, l, fk, s, &sql) | buf_puts(&sql, " AND NOT ") |
             import_lineage_is_own(im, l, &sql);
    MYSQL_RES *rows = rc ? NULL : db_select(im->db, err, "%s", buf_cstr(&sql));
    if (!rows)
        return rc ? import_no_memory(err) : err->code;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(rows));)
        rc = sort_root(im, l->entity, row, &f) ? import_no_memory(err) : 0;
    mysql_free_result(rows);
    rc = rc || !(f.go.len || f.stay.len) ? rc : end_roots(im, l->entity, &f, err);
    buf_free(&f.go);
    buf_free(&f.off);
    buf_free(&f.stay);
    return rc;
}

/* Of them: came from the source. Where what stays is set up at both sides (a store, an attribute),
 * so is, with on_duplicate: update, what both have: it is as the source's. */
static int is_sources(const struct import *im, const struct import_lineage *l,
                      const struct staying *s, struct buf *sql)
{
    return filter_maps(s->entity) ? import_lineage_is_sources(im, l, sql)
                                  : import_lineage_has_origin(im, l, ORIGIN_CREATED, sql);
}

/* --- rows of entities ----------------------------------------------------------------------------
 */

static int select_keys(struct import *im, const struct import_lineage *l,
                       const struct target_fk *fk, const struct staying *s, struct buf *out,
                       struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    int rc = buf_puts(&sql, "SELECT t0.") | sql_identifier(&sql, l->levels[0]->key) |
             below(im, l, fk, s, &sql) | buf_puts(&sql, " AND ") | is_sources(im, l, s, &sql);
    MYSQL_RES *rows = rc ? NULL : db_select(im->db, err, "%s", buf_cstr(&sql));
    if (!rows)
        return rc ? import_no_memory(err) : err->code;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(rows));)
        rc = append(out, row[0]) ? import_no_memory(err) : 0;
    mysql_free_result(rows);
    return rc;
}

/* What another source has, too, stays. */
static int leave_shared(struct import *im, const struct import_lineage *l, struct buf *ids,
                        struct ds_error *err)
{
    const struct catalogue_table *entry = l->levels[0];
    BUF_AUTO struct buf all = *ids;
    struct import_used used = {0};
    *ids = (struct buf){0};
    int rc = import_find_used(im, l->entity, entry, buf_cstr(&all), &used, err);
    for (const char *at = buf_cstr(&all); rc == 0 && *at; at += *at == ',') {
        char text[24], *end;
        uint64_t id = strtoull(at, &end, 10);
        snprintf(text, sizeof text, "%lu", id);
        if (import_is_used(&used, id))
            import_tell_used(&used, l->entity, entry, id);
        else
            rc = append(ids, text) ? import_no_memory(err) : 0;
        at = end;
    }
    import_used_free(&used);
    return rc;
}

static int delete_registered(struct import *im, const struct import_lineage *l,
                             const struct target_fk *fk, const struct staying *s,
                             struct ds_error *err)
{
    const struct catalogue_table *entry = l->levels[0];
    BUF_AUTO struct buf ids = {0};
    int rc = select_keys(im, l, fk, s, &ids, err);
    rc = rc || !ids.len ? rc : leave_shared(im, l, &ids, err);
    if (rc || !ids.len)
        return rc;
    rc = import_forget(im, l->entity, entry, buf_cstr(&ids), err);
    return rc ? rc : delete_rows(im, fk->child, entry->key, buf_cstr(&ids), err);
}

static int put_place(const struct target_table *t, const char *prefix, struct buf *sql)
{
    int rc = 0;
    for (uint32_t i = 0; i < t->row_key->count; i++)
        rc |= buf_puts(sql, i ? ", " : "") | buf_puts(sql, prefix) |
              sql_identifier(sql, t->columns[t->row_key->columns[i]].name);
    return rc;
}

static int delete_others(struct import *im, const struct import_lineage *l,
                         const struct target_fk *fk, const struct staying *s, struct ds_error *err)
{
    BUF_AUTO struct buf from = {0}, sql = {0};
    uint64_t rows = 0;
    int rc = below(im, l, fk, s, &from) | buf_puts(&from, " AND ") | is_sources(im, l, s, &from);
    if (rc == 0 && fk->child->row_key) { /* else no key leads to it */
        rc = buf_puts(&sql, " WHERE (") | put_place(fk->child, "", &sql) |
             buf_puts(&sql, ") IN (SELECT ") | put_place(fk->child, "t0.", &sql) |
             buf_append(&sql, from.data, from.len) | buf_puts(&sql, ")");
        rc = rc ? import_no_memory(err)
                : cascade_below(im->db, im->options.config->destination.database, fk->child, &sql,
                                &rows, err);
        if (rc)
            return rc;
    }
    buf_clear(&sql);
    if (rc || buf_puts(&sql, "DELETE t0") | buf_append(&sql, from.data, from.len))
        return import_no_memory(err);
    return db_exec_len(im->db, (const char *)sql.data, sql.len, err);
}

/* Hooks are not told, as they are not where the destination's own keys do it. */
static int cascade_members(struct import *im, const struct import_lineage *l,
                           const struct target_fk *fk, const struct staying *s,
                           struct ds_error *err)
{
    const struct catalogue_table *entry = l->levels[0];
    bool registered = entry->key && import_type_name(l->entity, entry);
    BUF_AUTO struct buf roots = {0};
    if (buf_printf(&roots, "SELECT t%u.", l->count - 1) |
        sql_identifier(&roots, import_lineage_root_key(l)) | below(im, l, fk, s, &roots))
        return import_no_memory(err);
    int rc = import_note_reviews(im, l->entity, buf_cstr(&roots), err);
    rc = rc ? rc : (registered ? delete_registered : delete_others)(im, l, fk, s, err);
    if (rc == 0 && mysql_affected_rows(im->db))
        import_note_entity(im, l->entity);
    return rc;
}

/* Of rows of the source's. Hooks are not told, as above. */
static int set_null(struct import *im, const struct import_lineage *l, const struct target_fk *fk,
                    const struct staying *s, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    int rc = buf_puts(&sql, "UPDATE ") | import_lineage_from(im, l, &sql) |
             buf_puts(&sql, " SET ") | child_column(fk, &sql) | buf_puts(&sql, " = NULL") |
             names_one(l, fk, s, &sql) | buf_puts(&sql, " AND ") | is_sources(im, l, s, &sql);
    rc = rc ? import_no_memory(err) : db_exec_len(im->db, (const char *)sql.data, sql.len, err);
    if (rc == 0 && mysql_affected_rows(im->db))
        import_note_entity(im, l->entity);
    return rc;
}

static const char *key_of(const struct staying *s)
{
    return s->entry == &s->entity->tables[0] ? s->entry->link : s->entry->key;
}

static int cascade_referrers(struct import *im, const struct staying *s, bool passed,
                             struct ds_error *err)
{
    const struct target_table *t = import_shop_table(im, s->entry->table);
    bool root = s->entry == &s->entity->tables[0];
    int rc = 0;
    for (uint32_t i = 0; t && i < t->referrer_count && rc == 0; i++) {
        const struct target_fk *fk = t->referrers[i];
        struct import_lineage l;
        if (fk->on_delete == FK_RESTRICT || fk->count != 1 ||
            strcmp(t->columns[fk->parent_columns[0]].name, key_of(s)) != 0 ||
            !import_lineage(im, fk->child->name, &l) || (!root && l.entity == s->entity) ||
            (passed && !filter_imports(im->options.filter, l.entity)))
            continue;
        rc = fk->on_delete == FK_SET_NULL ? set_null(im, &l, fk, s, err)
             : l.count == 1               ? cascade_roots(im, &l, fk, s, err)
                                          : cascade_members(im, &l, fk, s, err);
        rc = rc ? rc : registry_flush(im->registry, err);
    }
    return rc;
}

/* What other entities have that hangs on the root's rows in other tables, too: votes for a
 * rating's options. */
static int cascade(struct import *im, const struct staying *s, bool passed, struct ds_error *err)
{
    const struct catalogue_entity *e = s->entity;
    int rc = im->options.dry_run ? 0 : registry_flush(im->registry, err);
    if (rc || im->options.dry_run)
        return rc;
    rc = cascade_referrers(im, s, passed, err);
    for (size_t i = 1; i < e->table_count && rc == 0; i++) {
        const struct catalogue_table *x = &e->tables[i];
        const struct target_table *t =
            x->key && import_parent(e, x) == s->entry ? import_shop_table(im, x->table) : NULL;
        BUF_AUTO struct buf ids = {0};
        struct staying below = {e, x, NULL};
        if (!t || !t->referrer_count)
            continue;
        if (buf_puts(&ids, "SELECT ") | sql_identifier(&ids, x->key) | buf_puts(&ids, " FROM ") |
            sql_identifier(&ids, t->name) | buf_puts(&ids, " WHERE ") |
            sql_identifier(&ids, x->link) | buf_printf(&ids, " IN (%s)", s->ids))
            return import_no_memory(err);
        below.ids = buf_cstr(&ids);
        rc = cascade(im, &below, passed, err);
    }
    return rc;
}

int import_cascade(struct import *im, const struct catalogue_entity *e,
                   const struct catalogue_table *entry, const char *ids, struct ds_error *err)
{
    struct staying s = {e, entry, ids};
    int rc = import_forget(im, e, entry, ids, err);
    return rc ? rc : cascade(im, &s, false, err);
}

int import_cascade_passed(struct import *im, const struct catalogue_entity *e, const char *ids,
                          struct ds_error *err)
{
    struct staying s = {e, &e->tables[0], ids};
    return cascade(im, &s, true, err);
}
