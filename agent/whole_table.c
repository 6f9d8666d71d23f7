#include "agent/whole_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/list.h"

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for rows of a table");
}

static int take_image(void *arg, struct slice image, struct ds_error *err)
{
    struct whole_table *t = arg;
    const uint8_t *copy = arena_copy(&t->arena, image.p, image.len);
    if (!copy || LIST_ROOM(t->rows, t->count, t->capacity))
        return no_memory(err);
    t->rows[t->count++] = (struct slice){copy, image.len};
    return 0;
}

static int take_rows(void *arg, const void *message, size_t len, struct ds_error *err)
{
    return table_rows_each(message, len, take_image, arg, err);
}

static int no_chunk(void *arg, uint64_t rows, struct ds_error *err)
{
    (void)arg, (void)rows, (void)err;
    return 0;
}

/* " ORDER BY `a`, `b`": its primary key. */
static int order_by_key(const struct whole_table *t, struct buf *out)
{
    bool first = true;
    int rc = 0;
    for (uint32_t i = 0; i < t->plan.column_count; i++) {
        const struct msg_column *c = &t->plan.described[i];
        if (!(c->flags & COLUMN_KEY))
            continue;
        rc |= buf_puts(out, first ? " ORDER BY " : ", ") |
              sql_identifier_len(out, (const char *)c->name.p, c->name.len);
        first = false;
    }
    return rc;
}

static bool has_key(const struct whole_table *t)
{
    uint32_t i = 0;
    while (i < t->plan.column_count && !(t->plan.described[i].flags & COLUMN_KEY))
        i++;
    return i < t->plan.column_count;
}

static int read_rows(struct whole_table *t, struct snapshot_source *side, const char *condition,
                     uint32_t most, struct ds_error *err)
{
    BUF_AUTO struct buf order = {0};
    uint64_t rows;
    if (!has_key(t))
        return error_set(err, DS_ESCHEMA, "table %s.%s has no primary key: give it one",
                         t->database, t->plan.name);
    if ((condition && buf_printf(&order, " WHERE %s", condition)) || order_by_key(t, &order) ||
        (most && buf_printf(&order, " LIMIT %u", most)))
        return no_memory(err);
    const struct row_output out = {.arg = t,
                                   .put = take_rows,
                                   .chunk = no_chunk,
                                   .max_row = t->max_row,
                                   .pick = buf_cstr(&order)};
    return table_rows_copy(&t->plan, side, &out, &rows, err);
}

int whole_table_read_where(struct whole_table *t, struct snapshot_source *side, const char *name,
                           uint32_t id, const char *condition, uint32_t most, uint64_t max_row,
                           struct ds_error *err)
{
    *t = (struct whole_table){.database = side->database, .max_row = max_row};
    int rc = table_plan_read(&t->plan, side, name, id, err);
    if (rc == DS_ERETRY)
        return error_set(err, DS_ESCHEMA, "there is no table %s.%s", side->database, name);
    return rc ? rc : read_rows(t, side, condition, most, err);
}

int whole_table_read(struct whole_table *t, struct snapshot_source *side, const char *name,
                     uint32_t id, uint64_t max_row, struct ds_error *err)
{
    return whole_table_read_where(t, side, name, id, NULL, 0, max_row, err);
}

void whole_table_free(struct whole_table *t)
{
    table_plan_free(&t->plan);
    arena_free(&t->arena);
    free(t->rows);
    *t = (struct whole_table){0};
}

uint32_t whole_table_column(const struct whole_table *t, const char *name)
{
    return message_column(t->plan.described, t->plan.column_count, name);
}

struct msg_table whole_table_definition(const struct whole_table *t)
{
    return (struct msg_table){
        .id = t->plan.id,
        .database = {(const uint8_t *)t->database, strlen(t->database)},
        .name = {(const uint8_t *)t->plan.name, strlen(t->plan.name)},
        .entity = {(const uint8_t *)"", 0},
        .role = {(const uint8_t *)"", 0},
        .flags = TABLE_NAMES | TABLE_SIGNEDNESS | TABLE_KEYS,
        .column_count = t->plan.column_count,
        .columns = t->plan.described,
    };
}

int whole_table_put(const struct whole_table *t, uint32_t column, const struct slice *text,
                    struct buf *out)
{
    char number[24];
    if (!text)
        return value_write_null(out);
    if (t->plan.columns[column].read != READ_NUMBER)
        return value_write_bytes(out, text->p, text->len);
    snprintf(number, sizeof number, "%.*s", (int)text->len, (const char *)text->p);
    return *number == '-' ? value_write_int(out, strtoll(number, NULL, 10))
                          : value_write_uint(out, strtoull(number, NULL, 10));
}
