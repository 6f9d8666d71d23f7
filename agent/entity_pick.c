/* Which rows of a table belong to the chunk in hand. */
#include <stdlib.h>
#include <string.h>

#include "agent/entity_copy_internal.h"
#include "schema/key_condition.h"

static int add_value(struct buf *sql, struct slice raw)
{
    const uint8_t *p = raw.p;
    struct value v;
    if (value_read(&p, raw.p + raw.len, &v))
        return DS_EFORMAT;
    switch (v.kind) {
    case VALUE_UINT:
        return buf_unsigned(sql, v.u);
    case VALUE_INT:
        return buf_signed(sql, v.i);
    case VALUE_TEXT:
    case VALUE_BYTES:
        return sql_string(sql, v.bytes.p, v.bytes.len);
    default:
        return buf_puts(sql, "NULL");
    }
}

/* Keys of the chunk's roots. */
static int add_keys(struct buf *sql, const struct copy *c)
{
    int rc = 0;
    for (size_t i = c->first; i < c->end && rc == 0; i++)
        rc = (i > c->first ? buf_puts(sql, ",") : 0) |
             sql_string(sql, c->keys[i], strlen(c->keys[i]));
    return rc;
}

static int add_ids(struct buf *sql, const struct copied_id *id)
{
    int rc = 0;
    for (size_t n = 0; n < ROOTS_PER_CHUNK && id && rc == 0; n++, id = id->earlier)
        rc = (n ? buf_puts(sql, ",") : 0) | add_value(sql, id->value);
    return rc;
}

/* The same as numbers. 0: one of them is none. */
static size_t numbers_of_keys(const struct copy *c, uint64_t *numbers)
{
    for (size_t i = c->first; i < c->end; i++) {
        char *end;
        numbers[i - c->first] = strtoull(c->keys[i], &end, 10);
        if (*end || c->keys[i][0] < '0' || c->keys[i][0] > '9')
            return 0;
    }
    return c->end - c->first;
}

static size_t numbers_of_ids(const struct copied_id *id, uint64_t *numbers)
{
    size_t n = 0;
    for (; n < ROOTS_PER_CHUNK && id; n++, id = id->earlier) {
        const uint8_t *p = id->value.p;
        struct value v;
        if (value_read(&p, p + id->value.len, &v) || v.kind != VALUE_UINT)
            return 0;
        numbers[n] = v.u;
    }
    return n;
}

int entity_pick(const struct copy *c, const struct copied_table *t, const char *column,
                const struct copied_id **id, struct buf *sql)
{
    BUF_AUTO struct buf name = {0};
    uint64_t numbers[ROOTS_PER_CHUNK];
    const struct copied_id *first = id ? *id : NULL;
    uint32_t at = entity_column(&t->plan, column);
    size_t n = 0;
    if (at != UINT32_MAX && key_type_is_integer((uint8_t)t->plan.described[at].type))
        n = id ? numbers_of_ids(first, numbers) : numbers_of_keys(c, numbers);
    for (size_t i = 0; id && i < ROOTS_PER_CHUNK && *id; i++)
        *id = (*id)->earlier;
    int rc = sql_identifier(&name, column);
    if (n) {
        qsort(numbers, n, sizeof *numbers, key_compare);
        return rc | key_condition(sql, buf_cstr(&name), true, numbers, n);
    }
    rc |= buf_append(sql, name.data, name.len) | buf_puts(sql, " IN (");
    return rc | (id ? add_ids(sql, first) : add_keys(sql, c)) | buf_puts(sql, ")");
}
