/* By identity, in memory: among the rows of the same parents, or, where the catalogue does not name
 * the link to these, among all that have the same value in the identity's first column (an
 * attribute is once in a set, in whatever group). */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "applier/bind.h"
#include "applier/import/key_list.h"
#include "applier/import/match.h"

enum { BUCKETS = 1 << 14 };

static int append_part(struct buf *key, const void *p, size_t len, bool null)
{
    uint32_t n = null ? UINT32_MAX : (uint32_t)len;
    return buf_append(key, &n, sizeof n) | (null ? 0 : buf_append(key, p, len));
}

struct slice match_next_part(const uint8_t **at)
{
    uint32_t n;
    memcpy(&n, *at, sizeof n);
    const uint8_t *p = *at + sizeof n;
    *at = p + (n == UINT32_MAX ? 0 : n);
    return n == UINT32_MAX ? (struct slice){NULL, 0} : (struct slice){p, n};
}

static int candidates_begin(struct matching *m, struct ds_error *err)
{
    m->last = &m->candidates;
    m->buckets = arena_zalloc(&m->im->arena, BUCKETS * sizeof(struct candidate *));
    return m->buckets ? 0 : import_no_memory(err);
}

static int add_candidate(struct matching *m, MYSQL_ROW row, const unsigned long *lengths,
                         struct ds_error *err)
{
    const struct import_table *t = m->t;
    uint32_t at = t->target->row_key->count;
    struct candidate *c = arena_zalloc(&m->im->arena, sizeof *c);
    buf_clear(&m->key);
    if (!c || !(c->place = import_read_place(&m->im->arena, t, row, lengths)))
        return import_no_memory(err);
    if (t->type != UINT32_MAX) {
        c->id = row[at] ? strtoull(row[at], NULL, 10) : 0;
        at++;
    }
    for (uint32_t i = 0; i < t->part_count; i++, at++)
        if (append_part(&m->key, row[at], lengths[at], !row[at]))
            return import_no_memory(err);
    c->registered = match_asks_registry(m) && *row[at] == '1';
    c->key = (struct slice){arena_copy(&m->im->arena, m->key.data, m->key.len), m->key.len};
    if (!c->key.p)
        return import_no_memory(err);
    c->hash = XXH3_64bits(c->key.p, c->key.len);
    struct candidate **head = &m->buckets[c->hash % BUCKETS];
    while (*head) /* the first one is found first */
        head = &(*head)->next;
    *head = *m->last = c;
    m->last = &c->after;
    return 0;
}

/* SELECT place, id, parts of the rows that m->keys names. */
static int select_candidates(struct matching *m, struct ds_error *err)
{
    BUF_AUTO struct buf joins = {0};
    const struct import_table *t = m->t;
    buf_clear(&m->sql);
    int rc = buf_puts(&m->sql, "SELECT ") | import_select_place(&m->sql, t);
    if (t->type != UINT32_MAX)
        rc |= buf_puts(&m->sql, ", ") |
              match_sql_column(&m->sql, "t", t->target->columns[t->id_target].name);
    for (uint32_t i = 0; i < t->part_count && rc == 0; i++) {
        rc = buf_puts(&m->sql, ", ");
        int failed = match_part_expression(m, i, false, " LEFT JOIN ", &m->sql, &joins, err);
        if (failed)
            return failed;
    }
    rc |= match_asks_registry(m) ? match_select_registered(m, &m->sql) : 0;
    return rc | key_list_from(&m->keys, &m->sql, &joins) ? import_no_memory(err) : 0;
}

static const uint8_t *const *shown(const struct import_row *row)
{
    return row->was ? row->was : row->values;
}

bool match_may_be_there(const struct matching *m, const struct import_row *row)
{
    const uint8_t *common = row->state == ROW_OPEN ? shown(row)[m->common] : NULL;
    return common && !import_is_null(common) &&
           (m->common != m->t->link_target || match_has_old_parent(row));
}

/* The candidates of the next rows' parents. */
static int fetch_candidates(struct matching *m, uint32_t *at, struct ds_error *err)
{
    const struct target_column *c = &m->t->target->columns[m->common];
    const uint8_t *last = NULL;
    int rc = 0;
    key_list_begin(&m->keys, m->im, m->t->target, m->common);
    for (; *at < m->end && m->keys.count < KEYS_PER_QUERY && rc == 0; ++*at) {
        const struct import_row *row = m->im->rows[*at];
        const uint8_t *common = match_may_be_there(m, row) ? shown(row)[m->common] : NULL;
        if (!common || import_same(common, last))
            continue;
        rc = key_list_next(&m->keys) ? import_no_memory(err) : 0;
        rc = rc ? rc : bind_literal(&m->keys.text, c, common, err);
        last = common;
    }
    if (rc || !m->keys.count)
        return rc;
    rc = select_candidates(m, err);
    if (rc)
        return rc;
    MYSQL_RES *rows = db_select(m->im->db, err, "%s", buf_cstr(&m->sql));
    if (!rows)
        return err->code;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(rows));)
        rc = add_candidate(m, row, mysql_fetch_lengths(rows), err);
    mysql_free_result(rows);
    return rc;
}

const uint8_t *match_identity_value(const struct matching *m, const struct import_row *row,
                                    uint32_t i)
{
    const struct import_part *part = &m->t->parts[i];
    return part->target != NO_COLUMN
               ? shown(row)[part->target]
               : import_value_elsewhere(m->im, row, part->rule, part->rule->attribute);
}

static struct candidate *find_candidate(struct matching *m, const struct import_row *row)
{
    buf_clear(&m->key);
    for (uint32_t i = 0; i < m->t->part_count; i++) {
        char scratch[32];
        bool null;
        struct slice text = import_text(match_identity_value(m, row, i), scratch, &null);
        if (append_part(&m->key, text.p, text.len, null))
            return NULL;
    }
    uint64_t hash = XXH3_64bits(m->key.data, m->key.len);
    struct candidate *c = m->buckets[hash % BUCKETS];
    while (c && (c->hash != hash || c->key.len != m->key.len ||
                 memcmp(c->key.p, m->key.data, m->key.len) != 0 || !match_is_free(m, c, row)))
        c = c->next;
    return c;
}

/* What tells which rows of the destination come into question. */
static uint32_t common_column(const struct import_table *t)
{
    uint32_t first = NO_COLUMN;
    for (uint32_t i = 0; i < t->part_count; i++) {
        if (t->parts[i].target == t->link_target && !t->root)
            return t->link_target;
        if (first == NO_COLUMN)
            first = t->parts[i].target;
    }
    return first == NO_COLUMN ? t->link_target : first;
}

/* May rows be the same that do not agree byte by byte? */
static bool may_be_alike(const struct matching *m)
{
    for (uint32_t i = 0; i < m->t->part_count; i++) {
        const struct target_column *c = match_part_column(m, i, false);
        if ((c && c->class == TARGET_TEXT) || m->t->parts[i].place == PART_SECOND)
            return true;
    }
    return false;
}

int match_identity(struct matching *m, struct ds_error *err)
{
    m->common = common_column(m->t);
    int rc = import_attributes_load(m->im, err);
    rc = rc ? rc : candidates_begin(m, err);
    for (uint32_t at = m->first; at < m->end && rc == 0;)
        rc = fetch_candidates(m, &at, err);
    for (uint32_t i = m->first; m->candidates && i < m->end && rc == 0; i++) {
        struct import_row *row = m->im->rows[i];
        struct candidate *c =
            row->state == ROW_OPEN && shown(row)[m->common] ? find_candidate(m, row) : NULL;
        rc = c ? match_recognised(m, row, c, err) : 0;
    }
    return rc || !m->candidates || !may_be_alike(m) ? rc : match_alike(m, err);
}
