/* Rows that give each other what may be there but once: two coupons that exchange their codes, an
 * order whose number another one has taken.
 *
 * What is written is how rows are in the end, so that one may come to have a value before the row
 * that had it gives it away. If the server refuses that, all of these rows get a value for a moment
 * that is no other row's, and then their own.
 */
#include <stdio.h>

#include "applier/import/import_internal.h"
#include "schema/db_later.h"

static bool is_set(const uint64_t *bits, uint32_t column)
{
    return bits[column / 64] >> (column % 64) & 1;
}

static bool gives_away(const struct import_row *row)
{
    const struct target_table *t = row->table->target;
    for (uint32_t i = 0; i < t->column_count; i++)
        if (t->columns[i].in_unique && is_set(row->changed, i))
            return true;
    return false;
}

/* That column of the key which may have another value for a moment; NO_COLUMN: none. */
static uint32_t free_column(const struct import_row *row, const struct target_key *key)
{
    uint32_t text = NO_COLUMN;
    for (uint32_t i = 0; i < key->count; i++) {
        const struct target_column *c = &row->table->target->columns[key->columns[i]];
        if (!is_set(row->changed, key->columns[i]) || c->in_referenced)
            continue;
        if (c->nullable)
            return key->columns[i];
        if (c->class == TARGET_TEXT && !c->in_fk && !c->is_enum)
            text = key->columns[i];
    }
    return text;
}

/* The row as it is for that moment. */
static struct import_row *freed(struct import *im, const struct import_row *row, uint32_t number)
{
    const struct target_table *t = row->table->target;
    struct import_row *out = arena_alloc(&im->arena, sizeof *out);
    const uint8_t **values = arena_zalloc(&im->arena, t->column_count * sizeof *values);
    uint64_t *changed = arena_zalloc(&im->arena, (t->column_count + 63) / 64 * sizeof *changed);
    char text[16];
    int len = snprintf(text, sizeof text, "~%u", number);
    if (!out || !values || !changed)
        return NULL;
    for (uint32_t i = 0; i < t->key_count; i++) {
        uint32_t column = t->keys[i].unique ? free_column(row, &t->keys[i]) : NO_COLUMN;
        if (&t->keys[i] == t->row_key || column == NO_COLUMN)
            continue;
        values[column] = t->columns[column].nullable
                             ? import_null
                             : import_string(&im->arena, text, (size_t)len, false);
        if (!values[column])
            return NULL;
        changed[column / 64] |= 1ull << (column % 64);
    }
    *out = *row;
    out->values = values;
    out->changed = changed;
    return out;
}

static int update(struct import *im, struct import_row *const *rows, uint32_t count,
                  struct ds_error *err)
{
    int rc = import_update_columns(im, rows, count, err);
    return rc ? rc : db_settle(im->db, err);
}

int import_update_exchanging(struct import *im, struct import_row *const *rows, uint32_t count,
                             struct ds_error *err)
{
    struct import_row **giving = arena_alloc(&im->arena, (count + 1) * sizeof(void *));
    uint64_t written = im->counters->rows_written;
    uint32_t n = 0;
    if (!giving)
        return import_no_memory(err);
    for (uint32_t i = 0; i < count; i++)
        if (gives_away(rows[i]))
            giving[n++] = rows[i];
    if (n < 2)
        return import_update_columns(im, rows, count, err);
    int rc = db_settle(im->db, err); /* what failed before is none of this */
    if (rc)
        return rc;
    rc = update(im, rows, count, err);
    if (rc == 0 || err->server_errno != IMPORT_DUPLICATE)
        return rc;
    struct ds_error other = {0};
    for (uint32_t i = 0; i < n; i++)
        if (!(giving[i] = freed(im, giving[i], i)))
            return import_no_memory(err);
    db_recover(im->db);
    if (update(im, giving, n, &other) == 0) {
        im->counters->rows_written = written;
        rc = update(im, rows, count, err);
    }
    return rc;
}
