/* Unique values that a copied row takes over from one whose turn comes later.
 *
 * Since the last run two rows of the source have exchanged what may be there but once (e-mails,
 * numbers, codes). A copy brings one of them first, in a batch of its own maybe: the destination
 * has its value in the other one's row still. It is refused; when its transaction is tried again,
 * by itself, whoever holds such a value is looked up. If that is another row of this source, the
 * row comes without the value, an old one with the one that it had, a new one with one that is
 * nobody's; and when all has come, all of these get their values at once (exchange.c).
 *
 * What the destination has made itself, or keeps (skip), does not let go: the error stands, as it
 * does where the other row does not come.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applier/import/import_internal.h"
#include "applier/import/resolve.h"
#include "schema/crash.h"
#include "schema/db.h"
#include "schema/db_later.h"
#include "schema/list.h"

enum { TOLD_MAX = 10 };

struct postponed_row {
    const struct catalogue_table *entry;
    const struct import_row *row; /* new, and not yet inserted; NULL: its id is known */
    uint64_t target_id;
    const char *source_id;
    uint32_t count;
    char **columns; /* of the destination's table … */
    const uint8_t **values;
};

struct postponed {
    struct arena arena;
    struct postponed_row *list;
    uint32_t count, cap, committed, at_mark;
};

int import_postponed_new(struct import *im)
{
    im->postponed = calloc(1, sizeof *im->postponed);
    return im->postponed ? 0 : DS_ENOMEM;
}

static void clear(struct postponed *p)
{
    free(p->list);
    arena_free(&p->arena);
    *p = (struct postponed){0};
}

void import_postponed_free(struct import *im)
{
    if (im->postponed)
        clear(im->postponed);
    free(im->postponed);
}

void import_postponed_mark(struct import *im)
{
    im->postponed->at_mark = im->postponed->count;
}

void import_postponed_go_back(struct import *im)
{
    im->postponed->count = im->postponed->at_mark;
}

void import_postponed_committed(struct import *im)
{
    im->postponed->committed = im->postponed->at_mark = im->postponed->count;
}

void import_postponed_rolled_back(struct import *im)
{
    im->postponed->count = im->postponed->at_mark = im->postponed->committed;
}

/* --- who has it? -------------------------------------------------------------------------------
 */

static bool is_changed(const struct import_row *row, uint32_t column)
{
    return !row->changed || row->changed[column / 64] >> (column % 64) & 1;
}

/* Does the row get another value there, none of them NULL, and all of them known? */
static bool takes(const struct import_row *row, const struct target_key *key)
{
    bool any = false;
    for (uint32_t i = 0; i < key->count; i++) {
        const uint8_t *value = row->values[key->columns[i]];
        if (!value || import_is_null(value))
            return false;
        any |= is_changed(row, key->columns[i]);
    }
    return any;
}

static int find_holder(struct import *im, const struct import_row *row,
                       const struct target_key *key, uint64_t *holder, struct ds_error *err)
{
    const struct target_table *t = row->table->target;
    BUF_AUTO struct buf sql = {0};
    const char *id = t->columns[row->table->id_target].name;
    bool found = false;
    int rc = buf_puts(&sql, "SELECT ") | sql_identifier(&sql, id) | buf_puts(&sql, " FROM ") |
             sql_identifier(&sql, t->name) | buf_puts(&sql, " WHERE ") | sql_identifier(&sql, id) |
             buf_printf(&sql, " <> %lu", row->target_id);
    for (uint32_t i = 0; i < key->count && rc == 0; i++) {
        const struct target_column *c = &t->columns[key->columns[i]];
        rc = buf_puts(&sql, " AND ") | sql_identifier(&sql, c->name) | buf_puts(&sql, " = ");
        if (rc == 0 && import_sql_value(&sql, c, row->values[key->columns[i]], err))
            return err->code;
    }
    if (rc || buf_puts(&sql, " LIMIT 1"))
        return import_no_memory(err);
    rc = db_settle(im->db, err);
    rc = rc ? rc : db_scalar_u64(im->db, holder, &found, err, "%s", buf_cstr(&sql));
    *holder = found ? *holder : 0;
    return rc;
}

/* Is it a row of this source that is going to let go of it? */
static int lets_go(struct import *im, const struct import_table *t, uint64_t holder, bool *yes,
                   struct ds_error *err)
{
    char ids[24];
    bool skips = im->options.config->on_duplicate == DUPLICATE_SKIP;
    *yes = false;
    snprintf(ids, sizeof ids, "%lu", holder);
    MYSQL_RES *rows = registry_of_targets(im->registry, t->type, ids, err);
    int rc = rows ? 0 : err->code;
    for (MYSQL_ROW r; rc == 0 && !*yes && (r = mysql_fetch_row(rows));) {
        struct slice id = {(const uint8_t *)r[0], mysql_fetch_lengths(rows)[0]};
        if (skips && strcmp(r[1], "created") != 0)
            continue;
        /* what the source has no more goes from a stream, and with what it is part of */
        *yes = im->options.follows || !t->root;
        rc = *yes ? 0 : match_source_has(im, t, id, yes, err);
    }
    mysql_free_result(rows);
    return rc;
}

/* *held: the key that the row cannot have yet; NULL: none. */
static int find_held(struct import *im, const struct import_row *row,
                     struct import_row *const *others, uint32_t count,
                     const struct target_key **held, struct ds_error *err)
{
    const struct target_table *t = row->table->target;
    int rc = 0;
    *held = NULL;
    for (uint32_t i = 0; i < t->key_count && rc == 0 && !*held; i++) {
        const struct target_key *key = &t->keys[i];
        uint64_t holder = 0;
        bool goes = false;
        if (!key->unique || key == t->row_key || key->has_prefix || !takes(row, key))
            continue;
        rc = find_holder(im, row, key, &holder, err);
        for (uint32_t n = 0; n < count && holder; n++) /* which gives it now */
            if (others[n]->target_id == holder)
                holder = 0;
        rc = rc || !holder ? rc : lets_go(im, row->table, holder, &goes, err);
        *held = goes ? key : NULL;
    }
    return rc;
}

/* --- without it for now ------------------------------------------------------------------------
 */

static int keep_value(struct postponed *p, struct postponed_row *out, const struct target_column *c,
                      const uint8_t *value)
{
    out->columns[out->count] = arena_strdup(&p->arena, c->name);
    out->values[out->count] = arena_copy(&p->arena, value, value_length(value));
    return out->columns[out->count] && out->values[out->count] && ++out->count ? 0 : DS_ENOMEM;
}

static int note(struct import *im, const struct import_row *row, const struct target_key *key,
                uint32_t only)
{
    struct postponed *p = im->postponed;
    struct postponed_row out = {.entry = row->table->entry,
                                .row = row->target_id ? NULL : row,
                                .target_id = row->target_id};
    out.columns = arena_zalloc(&p->arena, key->count * sizeof *out.columns);
    out.values = arena_zalloc(&p->arena, key->count * sizeof *out.values);
    BUF_AUTO struct buf id = {0};
    if (!out.columns || !out.values || buf_append(&id, row->id.p, row->id.len) ||
        LIST_ROOM(p->list, p->count, p->cap))
        return DS_ENOMEM;
    out.source_id = arena_strdup(&p->arena, buf_cstr(&id));
    for (uint32_t i = 0; i < key->count && out.source_id; i++) {
        uint32_t column = key->columns[i];
        if ((only == NO_COLUMN ? is_changed(row, column) : column == only) &&
            keep_value(p, &out, &row->table->target->columns[column], row->values[column]))
            return DS_ENOMEM;
    }
    p->list[p->count++] = out;
    return out.source_id ? 0 : DS_ENOMEM;
}

static bool may_wait(const struct import *im, const struct import_row *row)
{
    return im->collides && row->table->type != UINT32_MAX && !im->options.no_source && row->id.p &&
           row->origin->flags & CHANGE_COPIED;
}

static bool changes_any(const struct import_row *row)
{
    for (uint32_t i = 0; i < (row->table->target->column_count + 63) / 64; i++)
        if (row->changed[i])
            return true;
    return false;
}

int import_postpone_updates(struct import *im, struct import_row **rows, uint32_t *count,
                            struct ds_error *err)
{
    int rc = 0;
    /* one that keeps its own does not give it to another one */
    for (bool again = true; again && rc == 0;) {
        again = false;
        for (uint32_t i = 0; i < *count && rc == 0 && !again; i++) {
            struct import_row *row = rows[i];
            const struct target_key *held;
            if (!may_wait(im, row))
                continue;
            rc = find_held(im, row, rows, *count, &held, err);
            if (rc || !held)
                continue;
            if (note(im, row, held, NO_COLUMN))
                return import_no_memory(err);
            for (uint32_t k = 0; k < held->count; k++)
                row->changed[held->columns[k] / 64] &= ~(1ull << (held->columns[k] % 64));
            again = true;
            if (!changes_any(row))
                rows[i] = rows[--*count];
        }
    }
    return rc;
}

/* That column of the key which can have a value that is nobody's; NO_COLUMN: none. */
static uint32_t free_column(const struct import_row *row, const struct target_key *key)
{
    for (uint32_t i = 0; i < key->count; i++) {
        const struct target_column *c = &row->table->target->columns[key->columns[i]];
        if (c->class == TARGET_TEXT && !c->in_fk && !c->is_enum && !c->in_referenced)
            return key->columns[i];
    }
    return NO_COLUMN;
}

int import_postpone_inserts(struct import *im, struct import_row *const *rows, uint32_t count,
                            struct ds_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        struct import_row *row = rows[i];
        const struct target_key *held;
        if (!may_wait(im, row) || im->options.some || row->target_id)
            continue;
        rc = find_held(im, row, NULL, 0, &held, err);
        uint32_t column = rc || !held ? NO_COLUMN : free_column(row, held);
        if (column == NO_COLUMN)
            continue;
        char text[48];
        int len = snprintf(text, sizeof text, "~%.40s", (const char *)row->id.p);
        if (note(im, row, held, column) ||
            !(row->values[column] = import_string(&im->arena, text, (size_t)len, false)))
            rc = import_no_memory(err);
    }
    return rc;
}

void import_postponed_inserted(struct import *im)
{
    struct postponed *p = im->postponed;
    for (uint32_t i = p->count; i-- > p->committed && p->list[i].row;) {
        p->list[i].target_id = p->list[i].row->target_id;
        p->list[i].row = NULL;
    }
}

/* --- when all has come -------------------------------------------------------------------------
 */

static struct import_table *table_of(const struct import *im, const struct postponed_row *p)
{
    struct import_table *t = im->tables;
    while (t && !(t->entry == p->entry && t->target_version == t->target->version))
        t = t->next;
    return t;
}

static struct import_row *row_of(struct import *im, const struct postponed_row *p,
                                 struct import_table *t, const struct change *origin)
{
    uint32_t columns = t->target->column_count;
    struct import_row *row = arena_zalloc(&im->arena, sizeof *row);
    const uint8_t **values = arena_zalloc(&im->arena, columns * sizeof *values);
    uint64_t *changed = arena_zalloc(&im->arena, (columns + 63) / 64 * sizeof *changed);
    const uint8_t **place = arena_alloc(&im->arena, sizeof *place);
    if (!row || !values || !changed || !place ||
        !(place[0] = import_number(&im->arena, p->target_id)))
        return NULL;
    for (uint32_t i = 0; i < p->count; i++) {
        int column = target_column_ordinal(t->target, p->columns[i]);
        if (column < 0)
            continue;
        values[column] = p->values[i];
        changed[column / 64] |= 1ull << (column % 64);
    }
    *row = (struct import_row){.table = t,
                               .origin = origin,
                               .op = CHANGE_UPDATE,
                               .values = values,
                               .changed = changed,
                               .place = place,
                               .target_id = p->target_id};
    return row;
}

/* Which of them it was the server does not say. */
static void explain(const struct postponed_row *list, uint32_t count, struct ds_error *err)
{
    BUF_AUTO struct buf ids = {0};
    size_t len = strlen(err->message);
    int rc = 0;
    for (uint32_t i = 0, n = 0; i < count && n < TOLD_MAX && rc == 0; i++)
        if (list[i].entry == list->entry)
            rc = buf_printf(&ids, n++ ? ", %s" : "%s", list[i].source_id);
    if (rc || err->server_errno != IMPORT_DUPLICATE)
        return;
    err->code = DS_ECONFLICT;
    snprintf(err->message + len, sizeof err->message - len,
             " (source id %s); another row of this source had it, and has not let go of it though "
             "all has come: copy both together, or give one of them another value",
             buf_cstr(&ids));
}

/* Those of the table of the first one. */
static int write_table(struct import *im, const struct postponed_row *list, uint32_t count,
                       struct ds_error *err)
{
    struct import_table *t = table_of(im, list);
    struct source_table *table = arena_zalloc(&im->arena, sizeof *table); /* for messages */
    struct change *origin = arena_zalloc(&im->arena, sizeof *origin);
    struct import_row **rows = arena_alloc(&im->arena, count * sizeof *rows);
    uint32_t n = 0;
    if (!table || !origin || !rows)
        return import_no_memory(err);
    if (!t)
        return 0;
    table->target = t->target;
    origin->table = table;
    for (uint32_t i = 0; i < count; i++)
        if (list[i].entry == list->entry && !(rows[n++] = row_of(im, &list[i], t, origin)))
            return import_no_memory(err);
    int rc = import_update_exchanging(im, rows, n, err);
    if (rc)
        explain(list, count, err);
    return rc;
}

static bool is_first(const struct postponed *p, uint32_t i)
{
    for (uint32_t k = 0; k < i; k++)
        if (p->list[k].entry == p->list[i].entry)
            return false;
    return true;
}

int import_settle_postponed(struct import *im, struct ds_error *err)
{
    struct postponed *p = im->postponed;
    struct counters counted = {0};
    if (!p->count || im->options.dry_run)
        return 0;
    im->counters = &counted;
    int rc = import_rows_begin(im, err);
    rc = rc ? rc : db_exec(im->db, err, "START TRANSACTION");
    for (uint32_t i = 0; i < p->count && rc == 0; i++)
        if (is_first(p, i))
            rc = write_table(im, &p->list[i], p->count - i, err);
    rc = rc ? rc : db_settle(im->db, err);
    if (rc == 0)
        crash_point("postponed.before_commit");
    rc = rc ? rc : db_exec(im->db, err, "COMMIT");
    if (rc) { /* it may be tried again */
        struct ds_error ignored;
        (void)db_exec(im->db, &ignored, "ROLLBACK");
        return rc;
    }
    clear(p);
    return 0;
}
