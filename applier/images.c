#include "applier/images.h"

#include <string.h>

int images_values(const struct target_table *t, struct slice image, const uint8_t **values)
{
    const uint8_t *p = image.p, *all[MESSAGE_MAX_COLUMNS];
    uint32_t count;
    if (!t->hidden_count)
        return image_split(image, t->column_count, values);
    if (array_read_head(&p, image.p + image.len, &count) || count < t->column_count ||
        count > t->column_count + t->hidden_count || count > MESSAGE_MAX_COLUMNS ||
        image_split(image, count, all))
        return DS_EFORMAT;
    memcpy(values, all, t->column_count * sizeof *values);
    return 0;
}

static int split(const struct change *c, struct slice image, const uint8_t **values,
                 struct ds_error *err)
{
    if (images_values(c->table->target, image, values) == 0)
        return 0;
    error_set(err, DS_EFORMAT, "a row image of the stream does not have the table's columns");
    error_at_table(err, NULL, c->table->target->name);
    return DS_EFORMAT;
}

int images_split(const struct change *c, struct row_images *out, struct ds_error *err)
{
    uint32_t n = c->table->target->column_count;
    int rc = c->op != CHANGE_INSERT ? split(c, c->before, out->before, err) : 0;
    if (rc == 0 && c->op != CHANGE_DELETE)
        rc = split(c, c->after, out->after, err);
    if (rc)
        return rc;
    if (c->op == CHANGE_UPDATE)
        memset(out->changed, 0, (n + 63) / 64 * 8);
    for (uint32_t i = 0; i < n; i++) {
        if (c->op != CHANGE_INSERT && *out->before[i] == VALUE_BYTE_ABSENT)
            out->before[i] = NULL;
        if (c->op == CHANGE_INSERT && *out->after[i] == VALUE_BYTE_ABSENT)
            out->after[i] = NULL;
        if (c->op != CHANGE_UPDATE)
            continue;
        if (*out->after[i] == VALUE_BYTE_SAME || *out->after[i] == VALUE_BYTE_ABSENT)
            out->after[i] = out->before[i];
        else
            out->changed[i / 64] |= UINT64_C(1) << (i % 64);
    }
    return 0;
}

bool images_contradict(const struct target_table *t, const uint8_t *const *a,
                       const uint8_t *const *b)
{
    bool differ = false;
    for (uint32_t i = 0; i < t->column_count && !differ; i++) {
        const size_t len = a[i] && b[i] ? value_length(a[i]) : 0;
        differ = len && (len != value_length(b[i]) || memcmp(a[i], b[i], len) != 0);
    }
    return differ;
}

int images_key(const struct target_table *t, const uint8_t *const *values, struct arena *arena,
               struct slice *out, struct ds_error *err)
{
    uint32_t n = t->row_key ? t->row_key->count : t->column_count;
    size_t len = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t column = t->row_key ? t->row_key->columns[i] : i;
        if (values[column]) {
            len += value_length(values[column]);
        } else if (t->row_key || !t->columns[column].generated) {
            error_set(err, DS_ESCHEMA,
                      t->columns[column].unsent
                          ? "nothing of the source goes to %s of the table's primary key, and no "
                            "other unique key finds its rows: add one on columns that come, all of "
                            "them NOT NULL"
                          : "the source's row image lacks key column %s of the destination's "
                            "table: set binlog_row_image=FULL at the source, or give both tables "
                            "the same primary key",
                      t->columns[column].name);
            error_at_table(err, NULL, t->name);
            return DS_ESCHEMA;
        }
    }
    uint8_t *bytes = arena_alloc(arena, len + 1), *at = bytes;
    if (!bytes)
        return error_set(err, DS_ENOMEM, "out of memory");
    for (uint32_t i = 0; i < n; i++) {
        uint32_t column = t->row_key ? t->row_key->columns[i] : i;
        if (!values[column] || (!t->row_key && t->columns[column].generated))
            continue;
        size_t l = value_length(values[column]);
        memcpy(at, values[column], l);
        at += l;
    }
    *out = (struct slice){bytes, (size_t)(at - bytes)};
    return 0;
}

int images_full_after(struct arena *arena, const struct change *c, struct slice *out)
{
    uint32_t n = c->table->target->column_count;
    const uint8_t *before[MESSAGE_MAX_COLUMNS], *after[MESSAGE_MAX_COLUMNS];
    if (c->op == CHANGE_INSERT) {
        *out = c->after;
        return 0;
    }
    if (images_values(c->table->target, c->before, before) ||
        images_values(c->table->target, c->after, after))
        return DS_EFORMAT;
    BUF_AUTO struct buf image = {0};
    int rc = image_write_head(&image, n);
    for (uint32_t i = 0; i < n; i++) {
        bool sent = *after[i] != VALUE_BYTE_SAME && *after[i] != VALUE_BYTE_ABSENT;
        const uint8_t *v = sent ? after[i] : before[i];
        rc |= buf_append(&image, v, value_length(v));
    }
    out->p = rc ? NULL : arena_copy(arena, image.data, image.len);
    out->len = image.len;
    return out->p ? 0 : DS_ENOMEM;
}
