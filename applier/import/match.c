/* Which rows has the destination already?
 *
 * A row whose id the registry knows is the one that it names, if that is still there. One that
 * every shop has under the same id is that one. Else what the catalogue says tells: of a root its
 * natural key, under the destination's own collation; of other tables the identity, mostly among
 * the rows of the same parent. A parent that is new has none.
 */
#include <stdlib.h>
#include <string.h>

#include "applier/import/claims.h"
#include "applier/import/key_list.h"
#include "applier/import/match.h"
#include "applier/import/options.h"
#include "applier/import/resolve.h"
#include "applier/import/seen.h"
#include "schema/log.h"

/* --- rows that are found ------------------------------------------------------------------------
 */

static void found(const struct matching *m, struct import_row *row, const uint8_t **place,
                  uint64_t id)
{
    row->state = ROW_FOUND;
    row->place = place;
    row->target_id = id;
    if (m->t->root)
        row->entity->found = true;
}

static struct slice no_ref(void)
{
    return (struct slice){NULL, 0};
}

int match_recognised(struct matching *m, struct import_row *row, struct candidate *c,
                     struct ds_error *err)
{
    found(m, row, c->place, c->id);
    c->taken = true;
    row->retyped = m->loose;
    if (import_goes_by_name(row))
        return 0;
    if (m->t->root && row->gone) /* what it was is no longer there: this is another's */
        row->entity->here = false;
    if (m->t->root && !row->entity->here)
        row->entity->matched = true;
    /* an option of the same title need not have come from the source */
    bool matched = row->entity->matched || import_is_option(m->t);
    if (m->t->type != UINT32_MAX &&
        registry_add(m->im->registry, m->t->type, row->id, c->id,
                     matched ? ORIGIN_MATCHED : ORIGIN_CREATED, no_ref()))
        return import_no_memory(err);
    return 0;
}

/* --- by the registry ----------------------------------------------------------------------------
 */

static bool id_is_key(const struct import_table *t)
{
    const struct target_key *key = t->target->row_key;
    return t->type != UINT32_MAX && key->count == 1 && key->columns[0] == t->id_target;
}

/* Do the rows that the registry names exist? rows[at…] of one query. */
static int ask_ids(struct matching *m, uint32_t *at, struct ds_error *err)
{
    struct import *im = m->im;
    uint32_t first = *at;
    int rc = 0;
    key_list_begin(&m->keys, im, m->t->target, m->t->id_target);
    for (; *at < m->end && m->keys.count < KEYS_PER_QUERY && rc == 0; ++*at) {
        struct import_row *row = im->rows[*at];
        if (row->state == ROW_OPEN && row->target_id)
            rc = key_list_next(&m->keys) | buf_unsigned(&m->keys.text, row->target_id);
    }
    buf_clear(&m->sql);
    rc |= buf_puts(&m->sql, "SELECT ") | import_select_place(&m->sql, m->t) |
          key_list_from(&m->keys, &m->sql, NULL) | buf_puts(&m->sql, " ORDER BY 1");
    if (rc)
        return import_no_memory(err);
    if (!m->keys.count)
        return 0;
    MYSQL_RES *rows = db_select(im->db, err, "%s", buf_cstr(&m->sql));
    if (!rows)
        return err->code;
    uint64_t n = mysql_num_rows(rows), k = 0;
    uint64_t *ids = arena_alloc(&im->arena, (n + 1) * sizeof *ids);
    for (MYSQL_ROW r; ids && (r = mysql_fetch_row(rows));)
        ids[k++] = strtoull(r[0], NULL, 10);
    mysql_free_result(rows);
    for (uint32_t i = first; ids && i < *at; i++) {
        struct import_row *row = im->rows[i];
        uint64_t low = 0, high = n;
        if (row->state != ROW_OPEN || !row->target_id)
            continue;
        while (low < high) {
            uint64_t middle = (low + high) / 2;
            if (ids[middle] < row->target_id)
                low = middle + 1;
            else
                high = middle;
        }
        const uint8_t **place = arena_alloc(&im->arena, sizeof *place);
        if (place)
            place[0] = import_number(&im->arena, row->target_id);
        if (!place || !place[0])
            return import_no_memory(err);
        if (low < n && ids[low] == row->target_id) {
            found(m, row, place, row->target_id);
            continue;
        }
        /* somebody has deleted it at the destination: what names it there may do so still */
        row->old_id = m->t->new_ids && !im->options.dry_run ? row->target_id : 0;
        row->target_id = 0;
        row->gone = true;
        if (import_refer_again(im, row, err))
            return err->code;
    }
    return ids ? 0 : import_no_memory(err);
}

/* A dry run has made its id up: it is as good as there. */
static int found_unasked(struct matching *m, struct import_row *row, struct ds_error *err)
{
    const uint8_t **place = arena_alloc(&m->im->arena, sizeof *place);
    if (place)
        place[0] = import_number(&m->im->arena, row->target_id);
    if (!place || !place[0])
        return import_no_memory(err);
    found(m, row, place, row->target_id);
    return 0;
}

static int match_registered(struct matching *m, struct ds_error *err)
{
    struct import *im = m->im;
    bool any = false;
    int rc = 0;
    for (uint32_t i = m->first; i < m->end && rc == 0; i++) {
        struct import_row *row = im->rows[i];
        const struct registered *r = row->state == ROW_OPEN && row->id.p
                                         ? registry_find(im->registry, m->t->type, row->id)
                                         : NULL;
        row->gone = r && r->gone;
        if (!r || !r->found || import_claim(&m->claims, r->target, row) != row)
            continue;
        row->target_id = r->target;
        /* 0 is what every shop has: the admin's website, those who are not logged in */
        bool there = !r->target || (im->options.dry_run && r->target > IMPORT_MADE_UP);
        rc = there ? found_unasked(m, row, err) : 0;
        any |= !there;
    }
    for (uint32_t at = m->first; any && at < m->end && rc == 0;)
        rc = ask_ids(m, &at, err);
    return rc;
}

/* What was deleted at the destination stays so for what changes of it, and goes at the source:
 * another row that is called the same there is not meant. */
static void leave_gone(const struct matching *m)
{
    for (uint32_t i = m->first; m->t->root && i < m->end; i++) {
        struct import_row *row = m->im->rows[i];
        bool part = row->op == CHANGE_UPDATE && import_has_members(row->entity->entity);
        if (row->state == ROW_OPEN && row->gone && (part || row->op == CHANGE_DELETE)) {
            row->state = ROW_NEW;
            row->fresh = true;
        }
    }
}

/* --- what is the same row in every shop ----------------------------------------------------------
 */

static bool is_fixed(const struct import_table *t, struct slice id)
{
    for (const char *const *f = t->root ? t->entity->fixed : NULL; f && *f; f++)
        if (strlen(*f) == id.len && memcmp(*f, id.p, id.len) == 0)
            return true;
    return false;
}

/* Ids of a file are its own. */
static bool is_of_shop(const struct matching *m, const struct import_row *row)
{
    return m->im->options.follows || row->origin->flags & CHANGE_COPIED;
}

/* The id is that of a fixed row, and the row is another one of a shop, whose ids are numbers. */
static bool is_anothers(const struct matching *m, uint64_t id, const struct import_row *row)
{
    char text[24];
    struct slice is = {(uint8_t *)text, decimal_unsigned(text, id)};
    if (!is_fixed(m->t, is) || !row->id.len)
        return false;
    for (size_t i = 0; i < row->id.len; i++)
        if (row->id.p[i] < '0' || row->id.p[i] > '9')
            return false;
    return row->id.len != is.len || memcmp(row->id.p, is.p, is.len) != 0;
}

static int take_fixed(struct matching *m, MYSQL_RES *rows, struct ds_error *err)
{
    int rc = 0;
    for (MYSQL_ROW r; rc == 0 && (r = mysql_fetch_row(rows));) {
        unsigned long *lengths = mysql_fetch_lengths(rows);
        struct candidate c = {.place = import_read_place(&m->im->arena, m->t, r, lengths),
                              .id = strtoull(r[0], NULL, 10)};
        if (!c.place)
            return import_no_memory(err);
        for (uint32_t i = m->first; i < m->end && rc == 0; i++) {
            struct import_row *row = m->im->rows[i];
            if (row->state == ROW_OPEN && is_of_shop(m, row) && row->id.len == lengths[0] &&
                memcmp(row->id.p, r[0], lengths[0]) == 0 && match_is_free(m, &c, row))
                rc = match_recognised(m, row, &c, err);
        }
    }
    return rc;
}

static int match_fixed(struct matching *m, struct ds_error *err)
{
    int rc = 0;
    key_list_begin(&m->keys, m->im, m->t->target, m->t->id_target);
    for (uint32_t i = m->first; i < m->end && rc == 0; i++) {
        const struct import_row *row = m->im->rows[i];
        if (row->state == ROW_OPEN && is_of_shop(m, row) && is_fixed(m->t, row->id))
            rc = key_list_next(&m->keys) | buf_append(&m->keys.text, row->id.p, row->id.len);
    }
    if (rc == 0 && !m->keys.count)
        return 0;
    buf_clear(&m->sql);
    rc |= buf_puts(&m->sql, "SELECT ") | import_select_place(&m->sql, m->t) |
          key_list_from(&m->keys, &m->sql, NULL);
    if (rc)
        return import_no_memory(err);
    MYSQL_RES *rows = db_select(m->im->db, err, "%s", buf_cstr(&m->sql));
    if (!rows)
        return err->code;
    rc = take_fixed(m, rows, err);
    mysql_free_result(rows);
    return rc;
}

/* --- whose is it?
 * ----------------------------------------------------------------------------------- */

bool match_asks_registry(const struct matching *m)
{
    return m->im->options.follows && m->claims.rows;
}

int match_select_registered(const struct matching *m, struct buf *sql)
{
    return buf_puts(sql, ", ") | registry_condition(m->im->registry, m->t->type, sql) |
           match_sql_column(sql, "t", m->t->target->columns[m->t->id_target].name) |
           buf_puts(sql, ")");
}

/* Only a stream is told what the source has no more. */
static bool is_copied(const struct matching *m, const struct import_row *row)
{
    return !m->im->options.follows || row->origin->flags & CHANGE_COPIED;
}

bool match_is_free(struct matching *m, const struct candidate *c, const struct import_row *row)
{
    if (m->t->root && id_is_key(m->t) && is_copied(m, row) && import_seen(m->im, m->t->type, c->id))
        return false;
    if (is_anothers(m, c->id, row) || (c->kept && row->entity->policy != IMPORT_MATCH))
        return false;
    bool all = row->entity->whole && !m->im->part;
    bool others =
        c->registered && !all && row->entity->policy == IMPORT_WRITE && !import_goes_by_name(row);
    return !c->taken && !others && import_claim(&m->claims, c->id, row) == row;
}

bool match_has_old_parent(const struct import_row *row)
{
    return !row->parent || !row->parent->fresh || row->parent->old_id;
}

/* --- all of it
 * ------------------------------------------------------------------------------------- */

static bool all_numbers(const struct import_table *t)
{
    for (uint32_t i = 0; i < t->part_count; i++)
        if (t->parts[i].target == NO_COLUMN ||
            t->target->columns[t->parts[i].target].class != TARGET_INT)
            return false;
    return t->part_count > 0;
}

int import_match(struct import *im, uint32_t first, uint32_t end, struct ds_error *err)
{
    struct matching m = {.im = im, .t = im->rows[first]->table, .first = first, .end = end};
    int rc = id_is_key(m.t) ? import_claim_registered(im, first, end, &m.claims, err) : 0;
    rc = rc || !m.claims.rows ? rc : match_registered(&m, err);
    leave_gone(&m);
    if (rc == 0 && (match_asks_registry(&m) || match_asks_source(&m)))
        rc = registry_flush(im->registry, err);
    if (rc == 0 && m.t->root && id_is_key(m.t))
        rc = match_fixed(&m, err);
    if (rc == 0 && m.t->root && all_numbers(m.t))
        rc = match_identity(&m, err);
    else if (rc == 0 && m.t->root && m.t->part_count)
        rc = (rc = match_natural(&m, err)) ? rc : match_nameless(&m, err);
    else if (rc == 0 && !m.t->root && m.t->part_count)
        rc = match_identity(&m, err);
    for (int pass = 0; pass < 2 && rc == 0 && import_option_has_title(m.t); pass++) {
        m.loose = pass; /* as the shop compares titles; then whatever their types are */
        rc = match_natural(&m, err);
    }
    for (uint32_t i = first; i < end && rc == 0; i++)
        if (im->rows[i]->state == ROW_OPEN) {
            im->rows[i]->state = ROW_NEW;
            im->rows[i]->fresh = true;
        } else if (m.t->root && id_is_key(m.t) && im->rows[i]->state == ROW_FOUND &&
                   is_copied(&m, im->rows[i])) {
            rc = import_see(im, m.t->type, im->rows[i]->target_id) ? import_no_memory(err) : 0;
        }
    buf_free(&m.sql);
    buf_free(&m.key);
    key_list_free(&m.keys);
    return rc;
}
