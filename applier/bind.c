#include "applier/bind.h"

#include <inttypes.h>
#include <math.h>
#include <mysqld_error.h>
#include <string.h>

#include "schema/db.h"
#include "schema/message.h"

enum { ARENA_KEEP = 4 * 1024 * 1024 }; /* bytes kept between calls */

static int wrong_kind(const struct target_column *column, struct ds_error *err)
{
    return error_set(err, DS_ESCHEMA,
                     "the source sent a value that column %s %s cannot take: the tables differ; "
                     "give both the same definition, or copy the table again",
                     column->name, column->type_text ? column->type_text : "");
}

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory while rows are bound");
}

/* Is the parameter sent as unsigned? */
static bool goes_unsigned(const struct target_column *column)
{
    return column->is_unsigned || column->width == 0;
}

/* The bits of an integer as the column stores them. A source without signedness metadata sends
 * 255 of a TINYINT UNSIGNED as -1. */
static inline uint64_t integer_bits(const struct target_column *column, const struct value *v)
{
    if (v->kind == VALUE_INT && goes_unsigned(column) && column->width && column->width < 8)
        return (uint64_t)v->i & ((1ULL << (column->width * 8)) - 1);
    return v->u; /* the union's other half: the same bits */
}

/* The server would write the error value, as if the source had it, too. */
static int check_member(const struct target_column *column, uint64_t number, struct ds_error *err)
{
    return !column->is_enum || number <= column->members
               ? 0
               : error_set_server(err, DS_ECONFLICT, WARN_DATA_TRUNCATED,
                                  "a value does not fit the destination's column: it is number "
                                  "%" PRIu64 " of ENUM column '%s', which has %u",
                                  number, column->name, column->members);
}

static inline int read_raw(const uint8_t *raw, struct value *v)
{
    const uint8_t *p = raw;
    return value_read(&p, raw + value_length(raw), v);
}

static bool is_bytes(const struct value *v)
{
    return v->kind == VALUE_BYTES || v->kind == VALUE_TEXT;
}

/* With the pad bytes that the binlog strips from BINARY, UUID and INET. */
static int padded(const struct target_column *column, struct arena *arena, struct slice *s)
{
    if (s->len >= column->pad_to)
        return 0;
    uint8_t *full = arena_zalloc(arena, column->pad_to);
    if (!full)
        return DS_ENOMEM;
    if (s->len)
        memcpy(full, s->p, s->len);
    *s = (struct slice){full, column->pad_to};
    return 0;
}

static enum enum_field_types parameter_type(const struct target_column *column)
{
    switch (column->class) {
    case TARGET_INT:
        return MYSQL_TYPE_LONGLONG;
    case TARGET_FLOAT:
        return MYSQL_TYPE_FLOAT;
    case TARGET_DOUBLE:
        return MYSQL_TYPE_DOUBLE;
    case TARGET_DECIMAL:
        return MYSQL_TYPE_NEWDECIMAL;
    case TARGET_TEMPORAL:
    case TARGET_TEXT:
    case TARGET_BYTES:
    case TARGET_JSON:
        break;
    }
    return MYSQL_TYPE_STRING;
}

/* The arrays of one parameter. */
struct lane {
    const struct target_column *column;
    struct arena *arena;
    char *indicator;
    unsigned long *length;
    union {
        void *any;
        uint64_t *u;
        float *f;
        double *d;
        const void **p;
    } at;
};

static int lane_put(struct lane *lane, uint32_t row, const struct value *v, struct ds_error *err)
{
    switch (lane->column->class) {
    case TARGET_INT:
        if (v->kind != VALUE_INT && v->kind != VALUE_UINT)
            return wrong_kind(lane->column, err);
        lane->at.u[row] = integer_bits(lane->column, v);
        return check_member(lane->column, lane->at.u[row], err);
    case TARGET_FLOAT:
        if (v->kind != VALUE_FLOAT)
            return wrong_kind(lane->column, err);
        lane->at.f[row] = v->f;
        return 0;
    case TARGET_DOUBLE:
        if (v->kind != VALUE_DOUBLE)
            return wrong_kind(lane->column, err);
        lane->at.d[row] = v->d;
        return 0;
    case TARGET_DECIMAL:
    case TARGET_TEMPORAL:
        if (v->kind != VALUE_TEXT)
            return wrong_kind(lane->column, err);
        break;
    case TARGET_TEXT:
    case TARGET_BYTES:
    case TARGET_JSON:
        if (!is_bytes(v))
            return wrong_kind(lane->column, err);
        break;
    }
    struct slice s = v->bytes;
    if (padded(lane->column, lane->arena, &s))
        return no_memory(err);
    lane->at.p[row] = s.p;
    lane->length[row] = s.len;
    return 0;
}

static int lane_open(struct lane *lane, MYSQL_BIND *bind, uint32_t rows)
{
    enum enum_field_types type = parameter_type(lane->column);
    bool counted = type == MYSQL_TYPE_STRING || type == MYSQL_TYPE_NEWDECIMAL;
    size_t size = type == MYSQL_TYPE_FLOAT ? sizeof(float) : sizeof(uint64_t);
    lane->indicator = arena_alloc(lane->arena, rows);
    lane->at.any = arena_alloc(lane->arena, rows * size);
    lane->length = counted ? arena_alloc(lane->arena, rows * sizeof *lane->length) : NULL;
    if (!lane->indicator || !lane->at.any || (counted && !lane->length))
        return DS_ENOMEM;
    bind->buffer_type = type;
    bind->is_unsigned = type == MYSQL_TYPE_LONGLONG && goes_unsigned(lane->column);
    bind->buffer = lane->at.any;
    bind->length = lane->length;
    bind->u.indicator = lane->indicator;
    return 0;
}

/* The default of AUTO_INCREMENT is 0; the next number comes for NULL. */
static char absent_indicator(const struct target_column *column, unsigned flags)
{
    if (!(flags & BIND_DEFAULT_ABSENT))
        return STMT_INDICATOR_IGNORE;
    return column->auto_increment ? STMT_INDICATOR_NULL : STMT_INDICATOR_DEFAULT;
}

static int lane_fill(struct bind_set *b, struct lane *lane, const uint8_t *const *values,
                     unsigned flags, struct ds_error *err)
{
    for (uint32_t r = 0; r < b->row_count; r++) {
        const uint8_t *raw = values[(size_t)r * b->column_count];
        struct value v;
        if (read_raw(raw, &v))
            return error_set(err, DS_EFORMAT, "column %s: not a value", lane->column->name);
        lane->indicator[r] = STMT_INDICATOR_NONE;
        if (v.kind == VALUE_NULL || v.kind == VALUE_ABSENT || v.kind == VALUE_SAME) {
            if (v.kind != VALUE_NULL && !(flags & (BIND_KEEP_ABSENT | BIND_DEFAULT_ABSENT)))
                return error_set(err, DS_EFORMAT,
                                 "the value of column %s is not in the row image: set "
                                 "binlog_row_image=FULL at the source",
                                 lane->column->name);
            lane->indicator[r] =
                v.kind == VALUE_NULL ? STMT_INDICATOR_NULL : absent_indicator(lane->column, flags);
            if (lane->length)
                lane->length[r] = 0;
            continue;
        }
        int rc = lane_put(lane, r, &v, err);
        if (rc)
            return rc;
        b->bytes += v.bytes.len + 9;
    }
    return 0;
}

int bind_fill(struct bind_set *b, const struct target_column *const *columns, uint32_t column_count,
              const uint8_t *const *values, uint32_t rows, unsigned flags, struct ds_error *err)
{
    arena_reset(&b->arena, ARENA_KEEP);
    b->column_count = column_count;
    b->row_count = rows;
    b->bytes = 0;
    b->binds = arena_zalloc(&b->arena, (column_count ? column_count : 1) * sizeof *b->binds);
    if (!b->binds)
        return no_memory(err);
    for (uint32_t c = 0; c < column_count; c++) {
        struct lane lane = {.column = columns[c], .arena = &b->arena};
        if (lane_open(&lane, &b->binds[c], rows))
            return no_memory(err);
        int rc = lane_fill(b, &lane, values + c, flags, err);
        if (rc)
            return rc;
    }
    return 0;
}

int bind_execute(struct bind_set *b, MYSQL_STMT *stmt, const char *doing, struct ds_error *err)
{
    unsigned rows = b->row_count;
    if (mysql_stmt_attr_set(stmt, STMT_ATTR_ARRAY_SIZE, &rows) ||
        mysql_stmt_bind_param(stmt, b->binds) || mysql_stmt_execute(stmt))
        return db_fail_stmt(err, stmt, doing);
    return 0;
}

void bind_free(struct bind_set *b)
{
    arena_free(&b->arena);
    memset(b, 0, sizeof *b);
}

/* --- literals ------------------------------------------------------------ */

/* Seventeen digits tell every double apart; a float's nine could round beyond the largest one, and
 * be another number than the float where they are compared. Without exponent 0 has no sign. */
static int literal_double(struct buf *out, double d)
{
    return d == 0 ? buf_puts(out, signbit(d) ? "-0e0" : "0") : buf_printf(out, "%.17g", d);
}

static int literal_number(struct buf *out, const struct target_column *column,
                          const struct value *v)
{
    uint64_t bits;
    switch (v->kind) {
    case VALUE_FLOAT:
        return literal_double(out, (double)v->f);
    case VALUE_DOUBLE:
        return literal_double(out, v->d);
    default:
        bits = integer_bits(column, v);
        return v->kind == VALUE_INT && !goes_unsigned(column) ? buf_signed(out, (int64_t)bits)
                                                              : buf_unsigned(out, bits);
    }
}

/* A decimal in quotes would be compared as a double. */
static bool plain_decimal(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((s.p[i] < '0' || s.p[i] > '9') && s.p[i] != '.' && s.p[i] != '-')
            return false;
    return s.len > 0;
}

static int literal_bytes(struct buf *out, const struct target_column *column, struct slice s)
{
    struct arena scratch = {0};
    bool json = column->class == TARGET_JSON; /* which refuses binary strings */
    if (column->class == TARGET_DECIMAL && plain_decimal(s))
        return buf_append(out, s.p, s.len);
    int rc = padded(column, &scratch, &s);
    if (rc == 0 && json)
        rc = buf_puts(out, "CONVERT(");
    if (rc == 0)
        rc = sql_string(out, s.len ? (const void *)s.p : "", s.len);
    if (rc == 0 && json)
        rc = buf_puts(out, " USING utf8mb4)");
    arena_free(&scratch);
    return rc;
}

static bool kind_fits(enum target_class class, const struct value *v)
{
    switch (class) {
    case TARGET_INT:
        return v->kind == VALUE_INT || v->kind == VALUE_UINT;
    case TARGET_FLOAT:
        return v->kind == VALUE_FLOAT;
    case TARGET_DOUBLE:
        return v->kind == VALUE_DOUBLE;
    case TARGET_DECIMAL:
    case TARGET_TEMPORAL:
        return v->kind == VALUE_TEXT;
    case TARGET_TEXT:
    case TARGET_BYTES:
    case TARGET_JSON:
        return is_bytes(v);
    }
    return false;
}

int bind_literal(struct buf *out, const struct target_column *column, const uint8_t *value,
                 struct ds_error *err)
{
    struct value v;
    int rc;
    if (read_raw(value, &v))
        return error_set(err, DS_EFORMAT, "column %s: not a value", column->name);
    if (v.kind == VALUE_NULL)
        rc = buf_puts(out, "NULL");
    else if (v.kind == VALUE_ABSENT || v.kind == VALUE_SAME)
        return error_set(err, DS_EFORMAT,
                         "the value of column %s is not in the row image: set "
                         "binlog_row_image=FULL at the source",
                         column->name);
    else if (!kind_fits(column->class, &v))
        return wrong_kind(column, err);
    else if (column->is_enum && check_member(column, v.u, err))
        return err->code;
    else if (column->class <= TARGET_DOUBLE)
        rc = literal_number(out, column, &v);
    else
        rc = literal_bytes(out, column, v.bytes);
    return rc ? no_memory(err) : 0;
}
