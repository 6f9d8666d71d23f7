/* Table maps and row events. */
#include <stdlib.h>

#include "agent/capture_state.h"
#include "schema/list.h"

enum { /* flags of a rows event */
       ROWS_STATEMENT_END = 1,
       ROWS_NO_FK_CHECKS = 2,
       ROWS_NO_UNIQUE_CHECKS = 4,
       ROWS_NO_CHECK_CONSTRAINTS = 0x80,
};

static const struct slice none;

static struct slice buf_slice(const struct buf *b)
{
    return (struct slice){b->data, b->len};
}

static int put_definition(struct capture *c, struct captured_table *table, struct ds_error *err)
{
    if (table->sent == c->epoch)
        return 0;
    table->sent = c->epoch;
    return capture_put(c, &table->definition, err);
}

int capture_end_statement(struct capture *c, struct ds_error *err)
{
    for (size_t i = 0; i < c->mapped_count; i++) {
        struct captured_table *table = c->mapped[i].table;
        if (c->mapped[i].used || !table->ours || c->group.skip)
            continue;
        buf_clear(&c->message);
        int rc = capture_begin(c, err);
        if (rc == 0)
            rc = put_definition(c, table, err);
        if (rc == 0 && message_write_table_hint(&c->message, table->id))
            rc = capture_no_memory(err);
        if (rc == 0)
            rc = capture_emit(c, err);
        if (rc)
            return rc;
    }
    c->mapped_count = 0;
    decoder_drop_maps(c->decoder);
    return 0;
}

int capture_table_map(struct capture *c, struct event *ev, struct ds_error *err)
{
    struct captured_table *table;
    int rc = capture_open_group(c, &ev->header, err);
    if (rc || c->stopped)
        return rc;
    rc = tables_resolve(&c->tables, ev->table_map, &c->at, &table, err);
    if (rc)
        return rc;
    if (LIST_ROOM(c->mapped, c->mapped_count, c->mapped_cap))
        return capture_no_memory(err);
    c->mapped[c->mapped_count++] = (struct mapped_table){.table = table};
    return 0;
}

/* The raw value `ordinal` of an image, empty when it is NULL, absent or the image is none. */
static struct slice image_value(const struct buf *image, uint32_t ordinal)
{
    if (image->len == 0)
        return none;
    const uint8_t *p = image->data, *end = image->data + image->len;
    p += *p == 0xdd ? 5 : *p == 0xdc ? 3 : 1; /* array 32, array 16, fixarray */
    for (uint32_t i = 0; i < ordinal; i++)
        if (value_skip(&p, end))
            return none;
    const uint8_t *start = p;
    if (p >= end || *p == VALUE_BYTE_NULL || *p == VALUE_BYTE_ABSENT || *p == VALUE_BYTE_SAME ||
        value_skip(&p, end))
        return none;
    return (struct slice){start, (size_t)(p - start)};
}

static int append_image(struct buf *out, const struct buf *image)
{
    return image->len ? buf_append(out, image->data, image->len) : image_write_none(out);
}

static int split_into(const struct buf *image, uint32_t count, const uint8_t ***columns,
                      uint32_t *cap, struct ds_error *err)
{
    if (count > *cap) {
        const uint8_t **grown = realloc(*columns, count * sizeof *grown);
        if (!grown)
            return capture_no_memory(err);
        *columns = grown;
        *cap = count;
    }
    if (image_split(buf_slice(image), count, *columns))
        return error_set(err, DS_EFORMAT, "a row image has not as many values as columns");
    return 0;
}

static int split_columns(struct capture *c, const struct buf *image, uint32_t count,
                         struct ds_error *err)
{
    return split_into(image, count, &c->columns, &c->columns_cap, err);
}

/* Decode one row into c->before and c->after. */
static int read_row(struct capture *c, const struct rows_event *r, const uint8_t **p,
                    struct ds_error *err)
{
    int rc = 0;
    buf_clear(&c->before);
    buf_clear(&c->after);
    if (r->op != CHANGE_INSERT)
        rc = rows_image(r, false, p, NULL, &c->before, err);
    if (rc == 0 && r->op == CHANGE_UPDATE)
        rc = split_columns(c, &c->before, r->table->column_count, err);
    if (rc == 0 && r->op != CHANGE_DELETE)
        rc = rows_image(r, true, p, r->op == CHANGE_UPDATE ? c->columns : NULL, &c->after, err);
    return rc;
}

/* --- rows that a condition leaves out ------------------------------------------- */

/* The row after an update, whole: it comes into the filter, and nothing of it is there yet. `part`:
 * what there is of it will do. */
static int complete_row(struct capture *c, uint32_t count, bool part, struct ds_error *err)
{
    buf_clear(&c->masked);
    int rc = image_write_head(&c->masked, count);
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        const uint8_t *value = c->columns_after[i];
        if (*value == VALUE_BYTE_SAME || *value == VALUE_BYTE_ABSENT)
            value = c->columns[i];
        if (*value == VALUE_BYTE_ABSENT && !part)
            return error_set(err, DS_ESCHEMA,
                             "where: a row comes into the filter, and the binlog does not hold all "
                             "of it: SET GLOBAL binlog_row_image = FULL at the source, then copy "
                             "again with --resnapshot");
        rc = buf_append(&c->masked, value, value_length(value));
    }
    if (rc)
        return capture_no_memory(err);
    struct buf partial = c->after;
    c->after = c->masked;
    c->masked = partial;
    return 0;
}

/* What the change of the row in c->before and c->after is to somebody who sees only rows for which
 * the condition is true. *op 0: nothing. */
static int see_through(struct capture *c, const struct captured_table *table, enum change_op *op,
                       uint32_t *flags, struct ds_error *err)
{
    uint32_t count = table->column_count;
    bool was = false, is = false;
    int rc = 0;
    if (!table->where)
        return 0;
    if (c->before.len) {
        rc = split_columns(c, &c->before, count, err);
        rc = rc ? rc : where_test(table->where, c->columns, NULL, &was, err);
    }
    if (rc == 0 && c->after.len) {
        rc = split_into(&c->after, count, &c->columns_after, &c->columns_after_cap, err);
        rc = rc ? rc
                : where_test(table->where, c->columns_after, c->before.len ? c->columns : NULL, &is,
                             err);
    }
    if (rc)
        return rc;
    *op = was ? (is ? CHANGE_UPDATE : CHANGE_DELETE) : is ? CHANGE_INSERT : 0;
    if (*op == CHANGE_INSERT && c->before.len) {
        rc = complete_row(c, count, table->root, err);
        buf_clear(&c->before);
        *flags |= table->root ? CHANGE_ENTERS : 0;
    } else if (*op == CHANGE_DELETE) {
        buf_clear(&c->after);
    }
    return rc;
}

/* --- masks --------------------------------------------------------------------- */

/* What has to be asked for the row in c->before and c->after. */
static int look_at_row(struct capture *c, const struct mask_plan *mask, bool *full,
                       struct ds_error *err)
{
    bool more = false;
    int rc = masker_look(c->options.masker, mask, buf_slice(&c->before), none, full, err);
    if (rc == 0)
        rc = masker_look(c->options.masker, mask, buf_slice(&c->after), buf_slice(&c->before),
                         &more, err);
    *full |= more;
    return rc;
}

static int mask_image(struct capture *c, const struct mask_plan *mask, struct buf *image,
                      struct slice before, struct ds_error *err)
{
    buf_clear(&c->masked);
    int rc = masker_mask(c->options.masker, mask, buf_slice(image), before, &c->masked, err);
    struct buf unmasked = *image;
    *image = c->masked;
    c->masked = unmasked;
    return rc;
}

/* Put masked images in place of c->before and c->after. */
static int mask_row(struct capture *c, const struct mask_plan *mask, struct ds_error *err)
{
    int rc = mask ? mask_image(c, mask, &c->after, buf_slice(&c->before), err) : 0;
    return rc || !mask ? rc : mask_image(c, mask, &c->before, none, err);
}

/* Ask what masking the rows from `p` on takes, of as many as there is room for. *until: behind
 * them. */
static int look_at_rows(struct capture *c, const struct rows_event *r,
                        const struct captured_table *table, const uint8_t *p, const uint8_t *end,
                        const uint8_t **until, struct ds_error *err)
{
    bool full = false;
    int rc = 0;
    *until = end;
    if (!table->mask)
        return 0;
    masker_begin(c->options.masker);
    while (rc == 0 && p < end && !full) {
        rc = read_row(c, r, &p, err);
        if (rc == 0)
            rc = look_at_row(c, table->mask, &full, err);
    }
    *until = p;
    return rc ? rc : masker_ask(c->options.masker, err);
}

/* --- whose row it is ------------------------------------------------------- */

/* The value of the row as it was, else as it is. */
static struct slice row_value(const struct capture *c, uint32_t ordinal)
{
    struct slice value = image_value(&c->before, ordinal);
    return value.len ? value : image_value(&c->after, ordinal);
}

/* What the row, as it is now, says to those that lead through it. */
static void learn(struct capture *c, const struct captured_table *table)
{
    const struct buf *image = c->after.len ? &c->after : &c->before;
    struct slice id = image_value(image, table->id_column);
    struct slice link = image_value(image, table->link_column);
    uint64_t from, to;
    if (value_id(id.len ? id : image_value(&c->before, table->id_column), &from) &&
        value_id(link.len ? link : image_value(&c->before, table->link_column), &to))
        roots_learn(c->options.roots, table->level, from, to);
}

static int entity_key(struct capture *c, const struct captured_table *table, struct slice *out,
                      struct ds_error *err)
{
    const struct level *level = table->through;
    uint64_t id;
    *out = none;
    if (table->key_column != TABLE_NO_COLUMN)
        *out = row_value(c, table->key_column);
    if (!level)
        return 0;
    if (!value_id(row_value(c, table->link_column),
                  &id)) { /* it leads nowhere: stands for itself */
        level = table->level;
        if (!level || !value_id(row_value(c, table->id_column), &id))
            return 0;
    }
    buf_clear(&c->key);
    if (roots_key(c->options.roots, level, id, &c->key))
        return capture_no_memory(err);
    *out = buf_slice(&c->key);
    return 0;
}

/* All that the event's rows lead to is looked up at once. */
static int look_ahead(struct capture *c, const struct rows_event *r,
                      const struct captured_table *table, struct ds_error *err)
{
    const uint8_t *p = r->rows.p, *end = p + r->rows.len;
    size_t count = 0;
    int rc = 0;
    while (rc == 0 && p < end) {
        if (LIST_ROOM(c->links, count, c->links_cap))
            return capture_no_memory(err);
        rc = read_row(c, r, &p, err);
        count += rc == 0 && value_id(row_value(c, table->link_column), &c->links[count]);
    }
    if (rc == 0)
        roots_look_up(c->options.roots, table->through, c->links, count);
    return rc;
}

static int put_row(struct capture *c, const struct rows_event *r,
                   const struct captured_table *table, uint32_t flags, const uint8_t **p,
                   struct ds_error *err)
{
    struct slice key;
    enum change_op op = r->op;
    int rc = read_row(c, r, p, err);
    if (rc == 0)
        rc = see_through(c, table, &op, &flags, err);
    if (rc || !op)
        return rc;
    rc = mask_row(c, table->mask, err);
    if (rc == 0)
        rc = entity_key(c, table, &key, err);
    if (rc)
        return rc;
    if (table->level)
        learn(c, table);
    buf_clear(&c->message);
    bool failed = message_write_change_head(&c->message, table->id, op, flags, key);
    c->looked_up_at = table->through && key.len ? c->message.len - key.len : 0;
    if (failed || append_image(&c->message, &c->before) || append_image(&c->message, &c->after))
        return capture_no_memory(err);
    c->counts.rows++;
    return capture_emit(c, err);
}

static uint32_t change_flags(const struct rows_event *r, const struct captured_table *table)
{
    return (r->flags & ROWS_NO_FK_CHECKS ? CHANGE_NO_FK_CHECKS : 0u) |
           (r->flags & ROWS_NO_UNIQUE_CHECKS ? CHANGE_NO_UNIQUE_CHECKS : 0u) |
           (r->flags & ROWS_NO_CHECK_CONSTRAINTS ? CHANGE_NO_CHECK_CONSTRAINTS : 0u) |
           (table->stock ? CHANGE_STOCK : 0u);
}

/* --- rows that the filter leaves out --------------------------------------- */

static bool is_key(const struct captured_table *table, uint32_t column)
{
    return table->keys[column / 64] >> (column % 64) & 1;
}

/* Replace the image by one that holds nothing but keys. *changes: a key has another value than
 * before. */
static int cut_image(struct capture *c, const struct captured_table *table, struct buf *image,
                     bool *changes, struct ds_error *err)
{
    BUF_AUTO struct buf cut = {0};
    uint32_t count = table->column_count;
    int rc = split_columns(c, image, count, err);
    if (rc)
        return rc;
    rc = image_write_head(&cut, count);
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        const uint8_t *value = c->columns[i];
        bool key = is_key(table, i);
        *changes |= key && *value != VALUE_BYTE_SAME && *value != VALUE_BYTE_ABSENT;
        rc = key ? buf_append(&cut, value, value_length(value)) : value_write_absent(&cut);
    }
    buf_clear(image);
    if (rc || buf_append(image, cut.data, cut.len))
        return capture_no_memory(err);
    return 0;
}

static int put_cascade(struct capture *c, const struct rows_event *r,
                       const struct captured_table *table, uint32_t flags, const uint8_t **p,
                       struct ds_error *err)
{
    bool changes = false, ignored = false;
    int rc = read_row(c, r, p, err);
    if (rc == 0)
        rc = mask_row(c, table->mask, err);
    if (rc == 0)
        rc = cut_image(c, table, &c->before, &ignored, err);
    if (rc == 0 && r->op == CHANGE_UPDATE)
        rc = cut_image(c, table, &c->after, &changes, err);
    if (rc || (r->op == CHANGE_UPDATE && !changes))
        return rc;
    buf_clear(&c->message);
    if (message_write_change_head(&c->message, table->id, r->op, flags | CHANGE_CASCADE, none) ||
        append_image(&c->message, &c->before) || append_image(&c->message, &c->after))
        return capture_no_memory(err);
    return capture_emit(c, err);
}

static int check_keys_known(const struct captured_table *table, struct ds_error *err)
{
    if (!table->keys_known)
        return error_set(
            err, DS_ESCHEMA,
            "the filter leaves out rows of this table, and what foreign keys do when they go must "
            "be told; for that the binlog has to name its columns: SET GLOBAL binlog_row_metadata "
            "= "
            "FULL at the source, then copy again with --resnapshot");
    return 0;
}

/* What goes from a table that others refer to, or gets another key. */
static int put_cascades(struct capture *c, const struct rows_event *r, struct captured_table *table,
                        struct ds_error *err)
{
    const uint8_t *p = r->rows.p, *end = p + r->rows.len, *until;
    if (r->op == CHANGE_INSERT)
        return 0;
    int rc = check_keys_known(table, err);
    if (rc == 0)
        rc = capture_begin(c, err);
    if (rc == 0)
        rc = put_definition(c, table, err);
    while (rc == 0 && p < end) {
        rc = look_at_rows(c, r, table, p, end, &until, err);
        while (rc == 0 && p < until)
            rc = put_cascade(c, r, table, change_flags(r, table), &p, err);
    }
    return rc;
}

/* --- rows that travel ------------------------------------------------------- */

static int put_rows(struct capture *c, const struct rows_event *r, struct captured_table *table,
                    struct ds_error *err)
{
    const uint8_t *p = r->rows.p, *end = p + r->rows.len, *until;
    uint32_t flags = change_flags(r, table);
    bool cascades = table->parent && r->op != CHANGE_INSERT; /* also those that do not travel */
    int rc = cascades ? check_keys_known(table, err) : 0;
    if (rc == 0)
        rc = capture_begin(c, err);
    if (rc == 0)
        rc = put_definition(c, table, err);
    if (rc == 0 && table->through)
        rc = look_ahead(c, r, table, err);
    while (rc == 0 && p < end) {
        rc = look_at_rows(c, r, table, p, end, &until, err);
        while (rc == 0 && p < until) {
            const uint8_t *same = p;
            rc = cascades ? put_cascade(c, r, table, flags, &same, err) : 0;
            rc = rc ? rc : put_row(c, r, table, flags, &p, err);
        }
    }
    return rc;
}

int capture_rows(struct capture *c, struct event *ev, struct ds_error *err)
{
    const struct rows_event *r = &ev->rows;
    int rc = capture_open_group(c, &ev->header, err);
    if (rc || c->stopped)
        return rc;
    if (r->table) {
        struct captured_table *table = r->table->user;
        if (!table) {
            rc = tables_resolve(&c->tables, r->table, &c->at, &table, err);
            if (rc)
                return rc;
        }
        for (size_t i = 0; i < c->mapped_count; i++)
            if (c->mapped[i].table == table)
                c->mapped[i].used = true;
        if (table->attributes && c->options.masker)
            masker_forget_attributes(c->options.masker);
        if (table->ours && !c->group.skip)
            rc = put_rows(c, r, table, err);
        else if (table->parent && !c->group.skip)
            rc = put_cascades(c, r, table, err);
        if (rc)
            error_at_table(err, r->table->database, r->table->name);
    }
    return rc || !(r->flags & ROWS_STATEMENT_END) ? rc : capture_end_statement(c, err);
}
