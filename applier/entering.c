/* Entities that have come into the filter and wait for their copy: see members.c.
 *
 * One that waits is a row of datasync_objects: kind `entering`, object_table the root's table,
 * statement its key, object a hash of both. It is written, and deleted, in the destination
 * transaction that moves the checkpoint over what made it so.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "applier/members.h"
#include "schema/log.h"

enum { ASK_MOST = 5000, RECORD_MOST = 1000 };

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for rows of entities");
}

/* --- levels ---------------------------------------------------------------- */

static void free_level(struct level *l)
{
    if (l) {
        free(l->table);
        free(l->wanted);
    }
    free(l);
}

static struct level *add_level(struct applier *a, const struct catalogue_entity *e,
                               const struct catalogue_table *entry, struct level *parent)
{
    struct members *m = a->members;
    struct level **grown = realloc(m->levels, (m->level_count + 1) * sizeof *grown);
    struct level *l = calloc(1, sizeof *l);
    BUF_AUTO struct buf name = {0};
    if (grown)
        m->levels = grown;
    if (!grown || !l || buf_printf(&name, "%s%s", a->config->source.prefix, entry->table) ||
        !(l->table = strdup(buf_cstr(&name)))) {
        free_level(l);
        return NULL;
    }
    l->entry = entry;
    l->parent = parent;
    l->has_members = !parent && e->table_count > 1;
    for (size_t i = 0; i < e->table_count; i++)
        l->has_members |= e->tables[i].through && strcmp(e->tables[i].through, entry->table) == 0;
    l->number = (uint32_t)m->level_count;
    return m->levels[m->level_count++] = l;
}

/* NULL: out of memory. */
static struct level *level_of(struct applier *a, const struct filter_level *f)
{
    for (size_t i = 0; i < a->members->level_count; i++)
        if (a->members->levels[i]->entry == f->entry)
            return a->members->levels[i];
    struct level *parent = NULL;
    if (f->entry != &f->entity->tables[0]) {
        struct filter_level up = {.entity = f->entity, .entry = filter_level_parent(f)};
        parent = level_of(a, &up);
        if (!parent)
            return NULL;
    }
    return add_level(a, f->entity, f->entry, parent);
}

int level_of_table(struct applier *a, struct source_table *t, struct level **out,
                   struct ds_error *err)
{
    struct filter_level f;
    if (!t->level_known) {
        bool is = filter_level(a->options.filter, t->target->name, &f);
        t->level = is ? level_of(a, &f) : NULL;
        t->level_shadow = is && f.shadow;
        if (is && !t->level)
            return no_memory(err);
        t->level_known = true;
    }
    *out = t->level;
    return 0;
}

/* --- what is noted ----------------------------------------------------------- */

static int objects(const struct applier *a, struct buf *sql)
{
    return sql_table(sql, a->state_database, "datasync_objects");
}

static int hash_text(const struct level *l, uint64_t id, struct buf *out)
{
    return buf_printf(out, "%016llx/%lu",
                      (unsigned long long)XXH3_64bits(l->table, strlen(l->table)), id);
}

static int load_row(struct applier *a, MYSQL_ROW row, struct ds_error *err)
{
    struct filter_level f;
    if (!filter_level(a->options.filter, row[0], &f))
        return 0;
    struct level *l = level_of(a, &f);
    if (!l ||
        row_set_put(&a->members->entering, l->number, strtoull(row[1], NULL, 10), ROW_PRESENT))
        return no_memory(err);
    a->members->waiting++;
    return 0;
}

static int load(struct applier *a, struct ds_error *err)
{
    struct members *m = a->members;
    BUF_AUTO struct buf table = {0}, name = {0};
    row_set_clear(&m->entering);
    row_set_clear(&m->changed);
    m->waiting = 0;
    m->dirty = m->asked = false;
    if (objects(a, &table) || sql_string(&name, a->name, strlen(a->name)))
        return no_memory(err);
    MYSQL_RES *res = db_select(
        a->db, err, "SELECT object_table, statement FROM %s WHERE name = %s AND kind = 'entering'",
        buf_cstr(&table), buf_cstr(&name));
    if (!res)
        return err->code;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));)
        rc = load_row(a, row, err);
    mysql_free_result(res);
    m->settled = m->waiting;
    return rc;
}

int members_open(struct applier *a, struct ds_error *err)
{
    if (!filter_has_levels(a->options.filter))
        return 0;
    if (!a->members && !(a->members = calloc(1, sizeof *a->members)))
        return no_memory(err);
    a->members->entering.forgets = true;
    return load(a, err);
}

void members_free(struct applier *a)
{
    struct members *m = a->members;
    for (size_t i = 0; m && i < m->level_count; i++)
        free_level(m->levels[i]);
    if (m) {
        free(m->levels);
        row_set_free(&m->entering);
        row_set_free(&m->rows);
        row_set_free(&m->admitted);
        row_set_free(&m->changed);
    }
    free(m);
    a->members = NULL;
}

void members_rolled_back(struct applier *a)
{
    struct ds_error err;
    if (a->members && a->members->dirty && load(a, &err))
        log_debug("what comes into the filter cannot be read message=\"%s\"", err.message);
}

void members_committed(struct applier *a)
{
    if (!a->members || !a->members->dirty)
        return;
    a->members->dirty = false;
    a->members->settled = a->members->waiting;
    row_set_clear(&a->members->changed);
}

size_t members_waiting(const struct applier *a)
{
    const struct members *m = a->members; /* a copy is there when it is committed */
    return !m ? 0 : m->waiting > m->settled ? m->waiting : m->settled;
}

bool entering_has(const struct members *m, const struct level *l, uint64_t id)
{
    return row_set_state(&m->entering, l->number, id) == ROW_PRESENT;
}

int entering_note(struct members *m, const struct level *l, uint64_t id, bool add,
                  struct ds_error *err)
{
    if (entering_has(m, l, id) == add)
        return 0;
    m->waiting = add ? m->waiting + 1 : m->waiting - 1;
    m->dirty = true;
    m->asked &= !add;
    return row_set_put(&m->entering, l->number, id, add ? ROW_PRESENT : ROW_ABSENT) ||
                   row_set_put(&m->changed, l->number, id, add ? ROW_PRESENT : ROW_ABSENT)
               ? no_memory(err)
               : 0;
}

/* One statement for many. */
static int record_some(struct applier *a, enum row_state what, size_t *from, struct ds_error *err)
{
    struct members *m = a->members;
    BUF_AUTO struct buf sql = {0};
    size_t count = 0;
    int rc =
        buf_puts(&sql, what == ROW_PRESENT ? "REPLACE INTO " : "DELETE FROM ") | objects(a, &sql);
    rc |= what == ROW_PRESENT
              ? buf_puts(&sql, " (name, kind, object, object_table, statement, session,"
                               " position) VALUES ")
              : buf_puts(&sql, " WHERE kind = 'entering' AND name = ") |
                    sql_string(&sql, a->name, strlen(a->name)) | buf_puts(&sql, " AND object IN (");
    for (; *from < m->changed.cap && count < RECORD_MOST && rc == 0; ++*from) {
        const struct row_slot *s = &m->changed.slots[*from];
        if (!s->table || s->state != what)
            continue;
        const struct level *l = m->levels[s->table - 1];
        rc = buf_puts(&sql, count++ ? ", " : "");
        if (what == ROW_PRESENT)
            rc |= buf_puts(&sql, "(") | sql_string(&sql, a->name, strlen(a->name)) |
                  buf_puts(&sql, ", 'entering', '") | hash_text(l, s->id, &sql) |
                  buf_puts(&sql, "', ") | sql_string(&sql, l->table, strlen(l->table)) |
                  buf_printf(&sql, ", '%lu', '', '')", s->id);
        else
            rc |= buf_puts(&sql, "'") | hash_text(l, s->id, &sql) | buf_puts(&sql, "'");
    }
    if (rc == 0 && what == ROW_ABSENT)
        rc = buf_puts(&sql, ")");
    if (rc)
        return no_memory(err);
    return count ? db_exec_len(a->db, (const char *)sql.data, sql.len, err) : 0;
}

/* In the open destination transaction. Both kinds are of rows that another part of it may have
 * recorded, so each range writes all that the transaction has come to. */
int entering_record(struct applier *a, struct ds_error *err)
{
    int rc = 0;
    if (a->options.dry_run)
        return 0;
    for (size_t from = 0; from < a->members->changed.cap && rc == 0;)
        rc = record_some(a, ROW_ABSENT, &from, err);
    for (size_t from = 0; from < a->members->changed.cap && rc == 0;)
        rc = record_some(a, ROW_PRESENT, &from, err);
    return rc;
}

static int empty(struct applier *a, const char *table, struct ds_error *err)
{
    BUF_AUTO struct buf name = {0};
    struct target_table *t = target_find(a->target, table, strlen(table));
    if (!t)
        return 0;
    if (sql_table(&name, a->database, table))
        return no_memory(err);
    return db_exec(a->db, err, "DELETE FROM %s", buf_cstr(&name));
}

/* Before, so that it happens again if the statement does: a crash in between loses nothing that
 * would stay. What leads on to these rows goes by foreign key. */
int members_before_truncate(struct applier *a, const struct msg_truncate *m, struct ds_error *err)
{
    struct filter_level of;
    char table[260];
    snprintf(table, sizeof table, "%.*s", (int)m->table.len, (const char *)m->table.p);
    bool ours = strlen(a->config->source.database) == m->database.len &&
                memcmp(a->config->source.database, m->database.p, m->database.len) == 0;
    if (!a->members || !ours || !filter_level(a->options.filter, table, &of) || of.shadow)
        return 0;
    int rc = target_refresh(a->target, a->db, err);
    for (size_t i = 1; i < of.entity->table_count && rc == 0; i++) {
        struct filter_level child = {.entity = of.entity, .entry = &of.entity->tables[i]};
        BUF_AUTO struct buf name = {0};
        if (filter_level_parent(&child) != of.entry)
            continue;
        rc = buf_printf(&name, "%s%s", a->config->source.prefix, child.entry->table)
                 ? no_memory(err)
                 : empty(a, buf_cstr(&name), err);
    }
    return rc;
}

int members_after_ddl(struct applier *a, struct ds_error *err)
{
    struct members *m = a->members;
    if (!m || !m->waiting)
        return 0;
    int rc = target_refresh(a->target, a->db, err);
    for (size_t i = 0; i < m->entering.cap && rc == 0; i++) {
        const struct row_slot s = m->entering.slots[i];
        const struct level *l = s.table ? m->levels[s.table - 1] : NULL;
        if (l && s.state == ROW_PRESENT && !target_find(a->target, l->table, strlen(l->table)))
            rc = entering_note(m, l, s.id, false, err);
    }
    if (rc || !m->dirty)
        return rc;
    rc = db_exec(a->db, err, "START TRANSACTION");
    rc = rc ? rc : entering_record(a, err);
    rc = rc ? rc : db_exec(a->db, err, "COMMIT");
    if (rc == 0)
        members_committed(a);
    return rc;
}

/* --- asking for copies ----------------------------------------------------------- */

/* Those of one root's table, as many as one copy is to have. */
static int ask(struct applier *a, const struct level *l, struct ds_error *err)
{
    struct members *m = a->members;
    BUF_AUTO struct buf text = {0};
    size_t count = 0;
    for (size_t i = 0; i < m->entering.cap && count < ASK_MOST; i++) {
        struct row_slot *s = &m->entering.slots[i];
        if (s->table != l->number + 1 || s->state != ROW_PRESENT || s->mark)
            continue;
        if (count ? buf_printf(&text, ",%lu", s->id)
                  : buf_printf(&text, "enter %s %lu", l->table, s->id))
            return no_memory(err);
        s->mark = true;
        count++;
    }
    return count ? spool_request(a->options.spool, buf_cstr(&text), err) : DS_EAGAIN;
}

int members_request(struct applier *a, struct ds_error *err)
{
    struct members *m = a->members;
    BUF_AUTO struct buf text = {0};
    uint64_t under_way = 0;
    if (!m || m->asked || m->dirty || !m->waiting || a->options.dry_run || !a->cp.found ||
        a->open_written)
        return 0;
    int rc = spool_request_get(a->options.spool, &text, &under_way, err);
    if (rc || under_way) /* meanwhile more may come together */
        return rc;
    for (size_t i = 0; i < m->level_count && rc == 0; i++) {
        while (!m->levels[i]->parent && rc == 0)
            rc = ask(a, m->levels[i], err);
        rc = rc == DS_EAGAIN ? 0 : rc;
    }
    m->asked = rc == 0;
    return rc;
}

void members_ask_again(struct applier *a)
{
    for (size_t i = 0; a->members && i < a->members->entering.cap; i++)
        a->members->entering.slots[i].mark = false;
    if (a->members)
        a->members->asked = false;
}
