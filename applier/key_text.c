#include "applier/key_text.h"

#include "applier/images.h"

static int value_text(const struct target_column *column, const uint8_t *raw, struct buf *out)
{
    struct value v;
    const uint8_t *at = raw;
    if (!raw)
        return buf_printf(out, "%s=?", column->name);
    if (value_read(&at, raw + value_length(raw), &v))
        return buf_printf(out, "%s=?", column->name);
    int rc = buf_printf(out, "%s=", column->name);
    switch (v.kind) {
    case VALUE_INT:
        return rc | buf_signed(out, v.i);
    case VALUE_UINT:
        return rc | buf_unsigned(out, v.u);
    case VALUE_FLOAT:
        return rc | buf_printf(out, "%.9g", (double)v.f);
    case VALUE_DOUBLE:
        return rc | buf_printf(out, "%.17g", v.d);
    case VALUE_TEXT:
    case VALUE_BYTES:
        break;
    default:
        return rc | buf_puts(out, "NULL");
    }
    bool printable = true;
    size_t n = v.bytes.len > 40 ? 40 : v.bytes.len;
    for (size_t i = 0; i < n; i++)
        printable &= v.bytes.p[i] >= 0x20 && v.bytes.p[i] != 0x7f;
    if (printable)
        return rc | buf_printf(out, "'%.*s'%s", (int)n, v.bytes.p, n < v.bytes.len ? "…" : "");
    rc |= buf_puts(out, "0x");
    for (size_t i = 0; i < n; i++)
        rc |= buf_printf(out, "%02x", v.bytes.p[i]);
    return rc | (n < v.bytes.len ? buf_puts(out, "…") : 0);
}

int net_key_text(const struct net *n, struct buf *out)
{
    const struct target_table *t = n->table->target;
    uint32_t count = t->row_key ? t->row_key->count : t->column_count > 4 ? 4 : t->column_count;
    int rc = 0;
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        uint32_t column = t->row_key ? t->row_key->columns[i] : i;
        const uint8_t *raw = n->key     ? n->key[t->row_key ? i : column]
                             : n->after ? n->after[column]
                                        : NULL;
        rc = i ? buf_puts(out, " ") : 0;
        rc |= value_text(&t->columns[column], raw, out);
    }
    return rc;
}

int values_key_text(const struct target_table *t, const uint8_t *const *values, struct buf *out)
{
    uint32_t count = t->row_key ? t->row_key->count : t->column_count > 4 ? 4 : t->column_count;
    int rc = 0;
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        uint32_t column = t->row_key ? t->row_key->columns[i] : i;
        rc = i ? buf_puts(out, " ") : 0;
        rc |= value_text(&t->columns[column], values[column], out);
    }
    return rc;
}

int change_key_text(const struct change *c, struct buf *out)
{
    const struct target_table *t = c->table->target;
    const uint8_t *values[MESSAGE_MAX_COLUMNS];
    struct slice image = c->op == CHANGE_INSERT ? c->after : c->before;
    return !t || images_values(t, image, values) ? buf_puts(out, "?")
                                                 : values_key_text(t, values, out);
}
