/* Which rows has the destination already?
 *
 * A row whose id the registry knows is the one that it names, if that is still there. Else what the
 * catalogue says tells: of a root its natural key, under the destination's own collation; of other
 * tables the identity among the rows of the same parent. A parent that is new has none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "applier/bind.h"
#include "applier/import/import_internal.h"
#include "schema/log.h"

enum { KEYS_PER_QUERY = 4000, ROOTS_PER_QUERY = 200, BUCKETS = 1 << 14 };

/* A row of the destination. */
struct candidate {
    struct slice key; /* its parts, see append_part */
    const uint8_t **place;
    uint64_t id;
    bool taken, registered;
    uint64_t hash;
    struct candidate *next;
};

struct matching {
    struct import *im;
    struct import_table *t;
    uint32_t first, end;
    struct claims claims; /* empty: rows have no id by which they can be told */
    struct candidate **buckets;
    struct buf sql, key;
    struct key_list keys; /* of the query in hand */
    bool loose;           /* own columns but the link to the parent are not asked for */
};

static int sql_column(struct buf *sql, const char *alias, const char *name)
{
    return buf_puts(sql, alias) | buf_puts(sql, ".") | sql_identifier(sql, name);
}

/* --- values from results ------------------------------------------------------------------ */

static const uint8_t *from_text(struct arena *arena, const struct target_column *c,
                                const char *text, size_t len)
{
    if (!text)
        return import_null;
    BUF_AUTO struct buf b = {0};
    int rc;
    if (c->class == TARGET_INT && *text == '-')
        rc = value_write_int(&b, strtoll(text, NULL, 10));
    else if (c->class == TARGET_INT)
        rc = value_write_uint(&b, strtoull(text, NULL, 10));
    else if (c->class == TARGET_TEXT || c->class == TARGET_BYTES)
        rc = value_write_bytes(&b, text, len);
    else
        rc = value_write_text(&b, text, len);
    return rc ? NULL : arena_copy(arena, b.data, b.len);
}

int import_select_place(struct buf *sql, const struct import_table *t)
{
    const struct target_key *key = t->target->row_key;
    int rc = 0;
    for (uint32_t i = 0; i < key->count; i++)
        rc |= (i ? buf_puts(sql, ", ") : 0) |
              sql_column(sql, "t", t->target->columns[key->columns[i]].name);
    return rc;
}

const uint8_t **import_read_place(struct arena *arena, const struct import_table *t, MYSQL_ROW row,
                                  const unsigned long *lengths)
{
    const struct target_key *key = t->target->row_key;
    const uint8_t **place = arena_alloc(arena, key->count * sizeof *place);
    for (uint32_t i = 0; place && i < key->count; i++) {
        place[i] = from_text(arena, &t->target->columns[key->columns[i]], row[i], lengths[i]);
        if (!place[i])
            return NULL;
    }
    return place;
}

/* --- identity ----------------------------------------------------------------------------------
 */

static int append_part(struct buf *key, const void *p, size_t len, bool null)
{
    uint32_t n = null ? UINT32_MAX : (uint32_t)len;
    return buf_append(key, &n, sizeof n) | (null ? 0 : buf_append(key, p, len));
}

/* A value of the row in another table, from the segment. NULL: there is none. */
static const uint8_t *value_elsewhere(struct import *im, const struct import_row *row,
                                      const struct catalogue_part *part, const char *attribute)
{
    for (const struct import_row *other = row->entity->rows; other; other = other->next_of_entity) {
        const struct import_table *t = other->table;
        uint32_t column;
        if (!other->after || other->op == CHANGE_DELETE)
            continue;
        bool scoped = t->store != NO_COLUMN && !import_is_zero(other->after[t->store]);
        if (part->table) {
            if (strcmp(t->entry->table, part->table) != 0 || other->parent != row)
                continue;
            column = import_source_column(t, part->column);
            if (column != NO_COLUMN && (!scoped || column == t->store))
                return import_translated(im, other, column);
            continue;
        }
        const struct import_attribute *a =
            !scoped && t->attribute != NO_COLUMN ? import_attribute_of(im, other) : NULL;
        if (other->parent != row)
            continue;
        column =
            a && strcmp(a->code, attribute) == 0 ? import_source_column(t, "value") : NO_COLUMN;
        if (column != NO_COLUMN)
            return other->after[column];
    }
    return NULL;
}

/* Which of the catalogue's choices for a part is asked in this pass. */
static const char *attribute_code(const struct catalogue_part *part, bool second)
{
    return second && part->either ? part->either : part->attribute;
}

/* Raw value of part i, NULL: there is none. */
static const uint8_t *part_value(const struct matching *m, const struct import_row *row, uint32_t i,
                                 bool second)
{
    const struct import_part *part = &m->t->parts[i];
    if (part->target != NO_COLUMN)
        return (row->values ? row->values : row->was)[part->target];
    return value_elsewhere(m->im, row, part->rule, attribute_code(part->rule, second));
}

/* `, x`, and the JOIN that x needs. */
static int part_expression(const struct matching *m, uint32_t i, bool second, const char *join,
                           struct buf *select, struct buf *joins, struct ds_error *err)
{
    const struct import_table *t = m->t;
    const struct catalogue_part *rule = t->parts[i].rule;
    char alias[16];
    snprintf(alias, sizeof alias, "p%u", i);
    if (t->parts[i].target != NO_COLUMN)
        return sql_column(select, "t", rule->column) ? import_no_memory(err) : 0;
    const char *id = t->target->columns[t->id_target].name;
    if (rule->table) {
        const struct target_table *other = import_shop_table(m->im, rule->table);
        const struct catalogue_table *entry = import_catalogue_table(t->entity, rule->table);
        if (!other || !entry)
            return error_set(err, DS_ESCHEMA, "the destination has no table %s", rule->table);
        int rc = sql_column(select, alias, rule->column) | buf_puts(joins, join) |
                 sql_identifier(joins, other->name) | buf_printf(joins, " %s ON ", alias) |
                 sql_column(joins, alias, entry->link) | buf_puts(joins, " = ") |
                 sql_column(joins, "t", id);
        if (strcmp(rule->column, "store_id") != 0 && target_column_ordinal(other, "store_id") >= 0)
            rc |= buf_printf(joins, " AND %s.store_id = 0", alias);
        return rc ? import_no_memory(err) : 0;
    }
    const struct import_attribute *a =
        import_attribute_by_code(m->im, t, attribute_code(rule, second));
    if (!a)
        return error_set(err, DS_ESCHEMA, "the destination has no attribute %s of %s",
                         attribute_code(rule, second), t->entity->name);
    char values[200];
    int n = snprintf(values, sizeof values, "%s_%s", t->target->name, a->backend);
    const struct target_table *other = target_find(m->im->target, values, (size_t)n);
    if (!other)
        return error_set(err, DS_ESCHEMA, "the destination has no table %s", values);
    int rc = sql_column(select, alias, "value") | buf_puts(joins, join) |
             buf_printf(joins, "`%s` %s ON %s.entity_id = ", values, alias, alias) |
             sql_column(joins, "t", id) |
             buf_printf(joins, " AND %s.attribute_id = %lu", alias, a->id);
    if (target_column_ordinal(other, "store_id") >= 0)
        rc |= buf_printf(joins, " AND %s.store_id = 0", alias);
    return rc ? import_no_memory(err) : 0;
}

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

/* Found by what it is, not by the registry, which learns it. */
static int recognised(struct matching *m, struct import_row *row, struct candidate *c,
                      struct ds_error *err)
{
    found(m, row, c->place, c->id);
    c->taken = true;
    row->retyped = m->loose;
    if (import_goes_by_name(row))
        return 0;
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
        row->target_id = 0; /* somebody has deleted it at the destination */
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

/* A stream has told of all that is gone at the source: what is registered is another row, even if
 * that is not in the segment. A copy has not. */
static bool asks_registry(const struct matching *m)
{
    return m->im->options.follows && m->claims.rows;
}

/* `, is it registered?` */
static int select_registered(const struct matching *m, struct buf *sql)
{
    return buf_puts(sql, ", ") | registry_condition(m->im->registry, m->t->type, sql) |
           sql_column(sql, "t", m->t->target->columns[m->t->id_target].name) | buf_puts(sql, ")");
}

/* Only a stream is told what the source has no more. */
static bool is_copied(const struct matching *m, const struct import_row *row)
{
    return !m->im->options.follows || row->origin->flags & CHANGE_COPIED;
}

static bool is_free(struct matching *m, const struct candidate *c, const struct import_row *row)
{
    if (m->t->root && id_is_key(m->t) && is_copied(m, row) && import_seen(m->im, m->t->type, c->id))
        return false;
    bool all = row->entity->whole && !m->im->part;
    bool others =
        c->registered && !all && row->entity->policy == IMPORT_WRITE && !import_goes_by_name(row);
    return !c->taken && !others && import_claim(&m->claims, c->id, row) == row;
}

/* --- by identity, among the rows of the same parents
 * ----------------------------------------------- */

static int candidates_begin(struct matching *m, struct ds_error *err)
{
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
    c->registered = asks_registry(m) && *row[at] == '1';
    c->key = (struct slice){arena_copy(&m->im->arena, m->key.data, m->key.len), m->key.len};
    if (!c->key.p)
        return import_no_memory(err);
    c->hash = XXH3_64bits(c->key.p, c->key.len);
    struct candidate **head = &m->buckets[c->hash % BUCKETS];
    while (*head) /* the first one is found first */
        head = &(*head)->next;
    *head = c;
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
              sql_column(&m->sql, "t", t->target->columns[t->id_target].name);
    for (uint32_t i = 0; i < t->part_count && rc == 0; i++) {
        rc = buf_puts(&m->sql, ", ");
        int failed = part_expression(m, i, false, " LEFT JOIN ", &m->sql, &joins, err);
        if (failed)
            return failed;
    }
    rc |= asks_registry(m) ? select_registered(m, &m->sql) : 0;
    return rc | key_list_from(&m->keys, &m->sql, &joins) ? import_no_memory(err) : 0;
}

static bool has_old_parent(const struct import_row *row)
{
    return !row->parent || !row->parent->fresh;
}

static const uint8_t *const *shown(const struct import_row *row)
{
    return row->was ? row->was : row->values;
}

/* The candidates of the next rows' parents. */
static int fetch_candidates(struct matching *m, uint32_t column, uint32_t *at, bool *any,
                            struct ds_error *err)
{
    const struct target_column *c = &m->t->target->columns[column];
    const uint8_t *last = NULL;
    int rc = 0;
    key_list_begin(&m->keys, m->im, m->t->target, column);
    for (; *at < m->end && m->keys.count < KEYS_PER_QUERY && rc == 0; ++*at) {
        const struct import_row *row = m->im->rows[*at];
        const uint8_t *parent = row->state == ROW_OPEN ? shown(row)[column] : NULL;
        if (!parent || import_is_null(parent) || import_same(parent, last) || !has_old_parent(row))
            continue;
        rc = key_list_next(&m->keys) ? import_no_memory(err) : 0;
        rc = rc ? rc : bind_literal(&m->keys.text, c, parent, err);
        last = parent;
    }
    if (rc || !m->keys.count)
        return rc;
    rc = select_candidates(m, err);
    if (rc)
        return rc;
    MYSQL_RES *rows = db_select(m->im->db, err, "%s", buf_cstr(&m->sql));
    if (!rows)
        return err->code;
    *any |= mysql_num_rows(rows) > 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(rows));)
        rc = add_candidate(m, row, mysql_fetch_lengths(rows), err);
    mysql_free_result(rows);
    return rc;
}

static struct candidate *find_candidate(struct matching *m, const struct import_row *row)
{
    const uint8_t *const *values = shown(row);
    buf_clear(&m->key);
    for (uint32_t i = 0; i < m->t->part_count; i++) {
        char scratch[32];
        bool null;
        const struct import_part *part = &m->t->parts[i];
        const uint8_t *raw = part->target != NO_COLUMN
                                 ? values[part->target]
                                 : value_elsewhere(m->im, row, part->rule, part->rule->attribute);
        struct slice text = import_text(raw, scratch, &null);
        if (append_part(&m->key, text.p, text.len, null))
            return NULL;
    }
    uint64_t hash = XXH3_64bits(m->key.data, m->key.len);
    struct candidate *c = m->buckets[hash % BUCKETS];
    while (c && (c->hash != hash || c->key.len != m->key.len ||
                 memcmp(c->key.p, m->key.data, m->key.len) != 0 || !is_free(m, c, row)))
        c = c->next;
    return c;
}

static int match_identity(struct matching *m, uint32_t column, struct ds_error *err)
{
    bool any = false;
    int rc = import_attributes_load(m->im, err);
    rc = rc ? rc : candidates_begin(m, err);
    for (uint32_t at = m->first; at < m->end && rc == 0;)
        rc = fetch_candidates(m, column, &at, &any, err);
    for (uint32_t i = m->first; any && i < m->end && rc == 0; i++) {
        struct import_row *row = m->im->rows[i];
        struct candidate *c =
            row->state == ROW_OPEN && shown(row)[column] ? find_candidate(m, row) : NULL;
        if (c)
            rc = recognised(m, row, c, err);
    }
    return rc;
}

/* --- by the natural key, under the destination's collation ---------------------------------------
 */

/* The column that a part is compared with; NULL: none there. */
static const struct target_column *part_column(const struct matching *m, uint32_t i, bool second)
{
    const struct import_part *part = &m->t->parts[i];
    char name[200];
    const struct target_table *other;
    const char *column = "value";
    if (part->target != NO_COLUMN)
        return &m->t->target->columns[part->target];
    if (part->rule->table) {
        other = import_shop_table(m->im, part->rule->table);
        column = part->rule->column;
    } else {
        const struct import_attribute *a =
            import_attribute_by_code(m->im, m->t, attribute_code(part->rule, second));
        int n = snprintf(name, sizeof name, "%s_%s", m->t->target->name, a ? a->backend : "");
        other = target_find(m->im->target, name, (size_t)n);
    }
    int ordinal = other ? target_column_ordinal(other, column) : -1;
    return ordinal < 0 ? NULL : &other->columns[ordinal];
}

static bool is_asked(const struct matching *m, uint32_t i)
{
    uint32_t own = m->t->parts[i].target;
    return !m->loose || own == NO_COLUMN || own == m->t->link_target;
}

/* One row of values: SELECT n AS n, … AS v0, …. *asked false: the row has not got them all. */
static int append_asked(struct matching *m, const struct import_row *row, uint32_t n, bool second,
                        bool *asked, struct ds_error *err)
{
    const uint8_t *values[16] = {NULL};
    *asked = m->t->part_count <= 16;
    for (uint32_t i = 0; i < m->t->part_count && *asked; i++) {
        if (!is_asked(m, i))
            continue;
        values[i] = part_value(m, row, i, second);
        *asked = values[i] && !import_is_null(values[i]) && part_column(m, i, second);
    }
    if (!*asked)
        return 0;
    int rc = buf_printf(&m->sql, "SELECT %u AS n", n);
    for (uint32_t i = 0; i < m->t->part_count && rc == 0; i++) {
        if (!is_asked(m, i))
            continue;
        rc = buf_puts(&m->sql, ", ") ? DS_ENOMEM : 0;
        rc = rc ? rc : import_sql_value(&m->sql, part_column(m, i, second), values[i], err);
        rc = rc ? rc : buf_printf(&m->sql, " AS v%u", i);
    }
    return rc == DS_ENOMEM ? import_no_memory(err) : rc;
}

static int ambiguous(const struct matching *m, const struct import_row *row, struct ds_error *err)
{
    error_set(err, DS_ECONFLICT,
              "more than one row of the destination has the natural key of %s %.*s: which one it "
              "is cannot be told; give them different keys there",
              m->t->entity->name, (int)row->entity->key.len, (const char *)row->entity->key.p);
    error_at_table(err, NULL, m->t->target->name);
    return DS_ECONFLICT;
}

static int take_natural(struct matching *m, MYSQL_RES *rows, struct ds_error *err)
{
    int rc = 0;
    for (MYSQL_ROW r; rc == 0 && (r = mysql_fetch_row(rows));) {
        struct import_row *row = m->im->rows[strtoul(r[0], NULL, 10)];
        unsigned long *lengths = mysql_fetch_lengths(rows);
        uint32_t at = 1 + m->t->target->row_key->count;
        struct candidate c = {.place = import_read_place(&m->im->arena, m->t, r + 1, lengths + 1)};
        c.id = m->t->type != UINT32_MAX && r[at] ? strtoull(r[at], NULL, 10) : 0;
        c.registered = asks_registry(m) && *r[at + 1] == '1';
        if (!c.place)
            rc = import_no_memory(err);
        else if ((row->state == ROW_FOUND && !m->t->root) || !is_free(m, &c, row))
            continue;
        else if (row->state == ROW_FOUND)
            rc = row->target_id == c.id ? 0 : ambiguous(m, row, err);
        else
            rc = recognised(m, row, &c, err);
    }
    return rc;
}

static int ask_natural(struct matching *m, uint32_t *at, bool second, struct ds_error *err)
{
    BUF_AUTO struct buf select = {0}, joins = {0}, on = {0};
    const struct import_table *t = m->t;
    uint32_t count = 0;
    int rc = buf_puts(&select, "SELECT STRAIGHT_JOIN i.n, ") | import_select_place(&select, t);
    if (t->type != UINT32_MAX)
        rc |= buf_puts(&select, ", ") |
              sql_column(&select, "t", t->target->columns[t->id_target].name);
    rc |= asks_registry(m) ? select_registered(m, &select) : 0;
    for (uint32_t i = 0; i < t->part_count && rc == 0; i++) {
        if (!is_asked(m, i))
            continue;
        rc = on.len ? buf_puts(&on, " AND ") : 0;
        int failed = part_expression(m, i, second, " JOIN ", &on, &joins, err);
        if (failed)
            return failed == DS_ESCHEMA ? (*at = m->end, 0) : failed;
        rc |= buf_printf(&on, " = i.v%u", i);
    }
    buf_clear(&m->sql);
    rc |= buf_append(&m->sql, select.data, select.len) | buf_puts(&m->sql, " FROM (");
    for (; *at < m->end && count < ROOTS_PER_QUERY && rc == 0; ++*at) {
        const struct import_row *row = m->im->rows[*at];
        size_t before = m->sql.len;
        bool asked = false;
        if (row->state != ROW_OPEN || !has_old_parent(row) ||
            (m->loose && !import_option_may_change_type(m->im, row)))
            continue;
        rc = count ? buf_puts(&m->sql, " UNION ALL ") : 0;
        rc = rc ? import_no_memory(err) : append_asked(m, row, *at, second, &asked, err);
        if (!asked)
            m->sql.len = before;
        count += asked;
    }
    if (rc || !count)
        return rc;
    rc = buf_puts(&m->sql, ") i JOIN ") | sql_identifier(&m->sql, t->target->name) |
         buf_puts(&m->sql, " t") | buf_append(&m->sql, joins.data, joins.len) |
         buf_puts(&m->sql, " WHERE ") | buf_append(&m->sql, on.data, on.len);
    if (rc)
        return import_no_memory(err);
    MYSQL_RES *rows = db_select(m->im->db, err, "%s", buf_cstr(&m->sql));
    if (!rows)
        return err->code;
    rc = take_natural(m, rows, err);
    mysql_free_result(rows);
    return rc;
}

static int match_natural(struct matching *m, struct ds_error *err)
{
    int rc = import_attributes_load(m->im, err);
    for (int second = 0; second < 2 && rc == 0; second++) {
        bool other = second == 0;
        for (uint32_t i = 0; i < m->t->part_count; i++)
            other |= m->t->parts[i].rule->either != NULL;
        for (uint32_t at = m->first; other && at < m->end && rc == 0;)
            rc = ask_natural(m, &at, second, err);
    }
    return rc;
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
    rc = rc || !asks_registry(&m) ? rc : registry_flush(im->registry, err);
    if (rc == 0 && m.t->root && all_numbers(m.t))
        rc = match_identity(&m, m.t->parts[0].target, err);
    else if (rc == 0 && m.t->root && m.t->part_count)
        rc = match_natural(&m, err);
    else if (rc == 0 && !m.t->root && m.t->part_count)
        rc = match_identity(&m, m.t->link_target, err);
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
    buf_free(&m.keys.text);
    return rc;
}
