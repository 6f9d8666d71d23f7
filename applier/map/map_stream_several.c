#include <stdio.h>
#include <string.h>

#include "applier/map/map_stream_state.h"
#include "schema/table_sum.h"

/* The messages that were made come one by one. */
int map_stream_queue(struct map_stream *s, struct arena *arena, struct ds_error *err)
{
    s->next = arena_copy(arena, s->made.data, s->made.len);
    s->end = s->next ? s->next + s->made.len : NULL;
    return s->made.len && !s->next ? map_stream_no_memory(err) : 0;
}

/* --- with rows of other documents ------------------------------------------------------------ */

/* Definitions of all that rows go to, where they are not known. */
static int split_tables(struct map_stream *s, struct mapped *t, struct ds_error *err)
{
    int rc = t->told || !t->target ? 0 : message_write_table(&s->made, map_row_table(t->row));
    for (uint32_t i = 0; rc == 0 && !t->told && t->split && i < map_split_count(t->split); i++)
        rc = message_write_table(&s->made, map_split_table(t->split, i));
    if (rc == 0 && !t->told && t->flat)
        rc = message_write_table(&s->made, map_flat_table(t->flat));
    t->told = true;
    return rc ? map_stream_no_memory(err) : 0;
}

static int split_row(struct mapped *t, enum map_split_side side, struct slice image,
                     struct slice before, struct ds_error *err)
{
    struct map_record record;
    bool given = image.len && map_split_is_step(t->split);
    int rc = given ? map_row_record(t->row, image, before, &record, err) : 0;
    if (rc || !given)
        return rc;
    rc = map_split_add(t->split, side, &record, err);
    if (rc)
        map_row_at_key(t->row, err);
    return rc;
}

/* Handlers may give rows of other documents with each image. */
static int own_image(struct mapped *t, enum map_split_side side, struct slice image,
                     struct slice before, bool is_new, struct buf *out, struct ds_error *err)
{
    if (!image.len)
        return image_write_none(out) ? map_stream_no_memory(err) : 0;
    if (t->split)
        map_split_begin(t->split, side);
    return is_new ? map_row_new_image(t->row, image, before, out, err)
                  : map_row_image(t->row, image, before, out, err);
}

int map_stream_own_change(struct mapped *t, const struct msg_change *c, struct buf *out,
                          struct ds_error *err)
{
    if (message_write_change_head(out, c->table_id, c->op, c->flags, (struct slice){0}))
        return map_stream_no_memory(err);
    int rc = own_image(t, SPLIT_BEFORE, c->before, (struct slice){0}, false, out, err);
    return rc ? rc
              : own_image(t, SPLIT_AFTER, c->after, c->before, c->op == CHANGE_INSERT, out, err);
}

static int split_change(struct map_stream *s, struct mapped *t, const struct msg_change *c,
                        struct ds_error *err)
{
    const uint32_t flags = c->flags & ROW_FLAGS;
    BUF_AUTO struct buf own = {0};
    map_split_clear(t->split);
    int rc = split_row(t, SPLIT_BEFORE, c->before, (struct slice){0}, err);
    rc = rc ? rc : split_row(t, SPLIT_AFTER, c->after, c->before, err);
    if (rc == 0 && t->target)
        rc = map_stream_own_change(t, c, &own, err);
    if (rc == 0 &&
        (map_split_before(t->split, flags, &s->made) || buf_append(&s->made, own.data, own.len) ||
         map_split_after(t->split, flags, &s->made)))
        rc = map_stream_no_memory(err);
    return rc;
}

/* A piece of a copy: a table begins and ends around its rows. */
static int write_piece(struct map_stream *s, uint32_t id, const struct buf *rows, uint32_t count,
                       struct ds_error *err)
{
    char text[TABLE_SUM_TEXT_SIZE];
    table_sum_print(&(struct table_sum){.rows = count}, false, true, text);
    struct msg_snapshot begin = {.kind = SNAPSHOT_TABLE_BEGIN, .table_id = id},
                        piece = {.kind = SNAPSHOT_ROWS,
                                 .table_id = id,
                                 .rows = {rows->data, rows->len}},
                        end = {.kind = SNAPSHOT_TABLE_END,
                               .table_id = id,
                               .text = {(const uint8_t *)text, strlen(text)}};
    int rc = message_write_snapshot(&s->made, &begin);
    rc |= count ? message_write_snapshot(&s->made, &piece) : 0;
    return rc | message_write_snapshot(&s->made, &end) ? map_stream_no_memory(err) : 0;
}

static int split_pieces(struct map_stream *s, struct mapped *t, const struct buf *rows,
                        uint32_t count, bool empty, struct ds_error *err)
{
    int rc = t->target && (count || empty) ? write_piece(s, t->id, rows, count, err) : 0;
    for (uint32_t i = 0; rc == 0 && i < map_split_count(t->split); i++) {
        BUF_AUTO struct buf images = {0};
        uint32_t n;
        if (map_split_images(t->split, i, &images, &n))
            return map_stream_no_memory(err);
        if (n || empty)
            rc = write_piece(s, map_split_table(t->split, i)->id, &images, n, err);
    }
    return rc;
}

static int split_rows(struct map_stream *s, struct mapped *t, const struct msg_snapshot *m,
                      struct ds_error *err)
{
    BUF_AUTO struct buf rows = {0};
    struct piece piece;
    int rc = piece_open(&piece, m, err);
    if (rc == 0 && image_write_head(&rows, piece.count))
        return map_stream_no_memory(err);
    for (uint32_t i = 0; rc == 0 && i < piece.count; i++) {
        struct slice row;
        rc = piece_row(&piece, &row, err);
        rc = rc ? rc : map_stream_saw(s, t, row, (struct slice){0}, err);
        rc = rc ? rc : split_row(t, SPLIT_AFTER, row, (struct slice){0}, err);
        if (rc == 0 && t->target)
            rc = own_image(t, SPLIT_AFTER, row, (struct slice){0}, true, &rows, err);
    }
    t->copied += piece.count;
    return rc ? rc : split_pieces(s, t, &rows, piece.count, false, err);
}

/* All that was sent must have been seen: what it has become is counted piece by piece. */
static int split_end(const struct mapped *t, const struct msg_snapshot *m, struct ds_error *err)
{
    char text[TABLE_SUM_TEXT_SIZE];
    struct table_sum sent;
    bool checksum;
    (void)snprintf(text, sizeof text, "%.*s", (int)m->text.len, (const char *)m->text.p);
    int rc = table_sum_parse(text, true, &sent, &checksum, err);
    if (rc || sent.rows == t->copied)
        return rc;
    return error_set(err, DS_ECONFLICT,
                     "the source sent %lu rows of the table, %lu have come: copy it again",
                     sent.rows, t->copied);
}

static int split_snapshot(struct map_stream *s, struct mapped *t, const struct msg_snapshot *m,
                          struct ds_error *err)
{
    const struct buf none = {0};
    map_split_clear(t->split);
    int rc = 0;
    if (m->kind == SNAPSHOT_TABLE_BEGIN) {
        t->copied = 0;
        rc = split_pieces(s, t, &none, 0, true, err);
    } else if (m->kind == SNAPSHOT_ROWS) {
        rc = split_rows(s, t, m, err);
    } else {
        rc = split_end(t, m, err);
    }
    return rc;
}

/* --- values of attributes that are columns ---------------------------------------------------- */

/* The row alone, where it is one before or after it. */
static int flat_own(struct map_stream *s, struct mapped *t, const struct msg_change *c, bool was,
                    bool is, struct ds_error *err)
{
    struct msg_change own = *c;
    if (!was && !is)
        return 0;
    if (was && is)
        return map_stream_own_change(t, c, &s->made, err);
    own.op = is ? CHANGE_INSERT : CHANGE_DELETE;
    if (is &&
        message_write_change_head(&s->made, own.table_id, own.op, own.flags, (struct slice){0}) |
            image_write_none(&s->made))
        return map_stream_no_memory(err);
    if (is) /* of an update, what is the same stands in the image before */
        return map_row_new_image(t->row, c->after, c->before, &s->made, err);
    own.after = (struct slice){0};
    return map_stream_own_change(t, &own, &s->made, err);
}

static int flat_look(struct mapped *t, struct slice image, struct slice before,
                     struct map_flat_row *out, struct ds_error *err)
{
    struct map_record record;
    int rc = map_row_record(t->row, image, before, &record, err);
    rc = rc ? rc : map_flat_look(t->flat, &record, out, err);
    if (rc)
        map_row_at_key(t->row, err);
    return rc;
}

static int flat_change(struct map_stream *s, struct mapped *t, const struct msg_change *c,
                       struct ds_error *err)
{
    struct map_flat_row before = {0}, after = {0};
    map_flat_clear(t->flat);
    int rc = 0;
    if (c->before.len)
        rc = flat_look(t, c->before, (struct slice){0}, &before, err);
    if (rc == 0 && c->after.len)
        rc = flat_look(t, c->after, c->before, &after, err);
    if (rc == 0 && t->target)
        rc = flat_own(s, t, c, c->before.len && before.stays, c->after.len && after.stays, err);
    if (rc == 0)
        rc = map_flat_change(t->flat, c->before.len ? &before : NULL, c->after.len ? &after : NULL,
                             c->flags & ROW_FLAGS, &s->made, err);
    return rc;
}

struct flat_rows { /* images */
    struct buf rows, values;
    uint32_t count, value_count;
};

static int flat_row(struct mapped *t, struct slice row, struct flat_rows *to, struct ds_error *err)
{
    struct map_flat_row x;
    map_flat_clear(t->flat);
    int rc = flat_look(t, row, (struct slice){0}, &x, err);
    if (rc == 0 && x.stays && t->target) {
        rc = map_row_new_image(t->row, row, (struct slice){0}, &to->rows, err);
        to->count++;
    }
    if (rc == 0 && x.column != MAP_FLAT_NONE) {
        rc = map_flat_image(t->flat, &x, &to->values, err);
        to->value_count++;
    }
    return rc;
}

static int with_head(const struct buf *images, uint32_t count, struct buf *out)
{
    return image_write_head(out, count) | buf_append(out, images->data, images->len);
}

static int flat_pieces(struct map_stream *s, struct mapped *t, const struct flat_rows *x,
                       struct ds_error *err)
{
    BUF_AUTO struct buf rows = {0}, values = {0};
    if (with_head(&x->rows, x->count, &rows) | with_head(&x->values, x->value_count, &values))
        return map_stream_no_memory(err);
    int rc = x->count ? write_piece(s, t->id, &rows, x->count, err) : 0;
    const struct msg_snapshot made = {.kind = SNAPSHOT_VALUES,
                                      .table_id = map_flat_table(t->flat)->id,
                                      .rows = {values.data, values.len}};
    if (rc == 0 && x->value_count && message_write_snapshot(&s->made, &made))
        rc = map_stream_no_memory(err);
    return rc;
}

static int flat_rows(struct map_stream *s, struct mapped *t, const struct msg_snapshot *m,
                     struct ds_error *err)
{
    struct flat_rows x = {0};
    struct piece piece;
    int rc = piece_open(&piece, m, err);
    for (uint32_t i = 0; rc == 0 && i < piece.count; i++) {
        struct slice row;
        rc = piece_row(&piece, &row, err);
        rc = rc ? rc : map_stream_saw(s, t, row, (struct slice){0}, err);
        rc = rc ? rc : flat_row(t, row, &x, err);
    }
    t->copied += piece.count;
    rc = rc ? rc : flat_pieces(s, t, &x, err);
    buf_free(&x.rows);
    buf_free(&x.values);
    return rc;
}

static int flat_snapshot(struct map_stream *s, struct mapped *t, const struct msg_snapshot *m,
                         struct ds_error *err)
{
    const struct buf none = {0};
    int rc = 0;
    if (m->kind == SNAPSHOT_TABLE_BEGIN) {
        t->copied = 0;
        rc = t->target ? write_piece(s, t->id, &none, 0, err) : 0;
    } else if (m->kind == SNAPSHOT_ROWS) {
        rc = flat_rows(s, t, m, err);
    } else {
        rc = split_end(t, m, err);
    }
    return rc;
}

/* --------------------------------------------------------------------------------------------- */

int several_define(struct map_stream *s, struct mapped *t, struct arena *arena,
                   struct ds_error *err)
{
    buf_clear(&s->made);
    int rc = split_tables(s, t, err);
    return rc ? rc : map_stream_queue(s, arena, err);
}

int several_change(struct map_stream *s, struct mapped *t, const struct msg_change *c,
                   struct arena *arena, struct ds_error *err)
{
    buf_clear(&s->made);
    int rc = split_tables(s, t, err);
    rc = rc ? rc : t->split ? split_change(s, t, c, err) : flat_change(s, t, c, err);
    return rc ? rc : map_stream_queue(s, arena, err);
}

int several_snapshot(struct map_stream *s, struct mapped *t, const struct msg_snapshot *m,
                     struct arena *arena, struct ds_error *err)
{
    buf_clear(&s->made);
    int rc = split_tables(s, t, err);
    rc = rc ? rc : t->split ? split_snapshot(s, t, m, err) : flat_snapshot(s, t, m, err);
    return rc ? rc : map_stream_queue(s, arena, err);
}
