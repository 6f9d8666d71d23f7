/* The values are taken from the packets of the binary protocol themselves (libmariadb hands out the
 * place in the row): its own conversions would cost a copy and, for temporal values, digits. */
#include "agent/snapshot_rows.h"

#include <mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    CHUNK_BYTES = 48 * 1024, /* a spool value holds 64 KiB */
    HEAD_BYTES = 5,          /* array32 */
    TEXT_MAX = 40,
};

struct row_reader {
    const struct table_plan *plan;
    const struct row_output *out;
    const MYSQL_FIELD *fields;
    MYSQL *db;
    struct buf rows;        /* an array head, then images */
    const uint8_t **values; /* of one row */
    struct buf masked;      /* … as they may leave the source */
    struct buf message;
    uint32_t in_chunk;
    bool ended; /* by the server, with an error */
    int failed; /* of the row being read: the callback cannot return anything */
};

static uint64_t little(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    memcpy(&v, p, n); /* the protocol is little-endian, and so is every machine that we build for */
    return v;
}
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "little() copies bytes");

/* A length-encoded string at *p; moves *p behind it. */
static int take_string(const uint8_t **p, const uint8_t *end, struct slice *out)
{
    static const uint8_t widths[] = {[252 - 252] = 2, [253 - 252] = 3, [254 - 252] = 8};
    if (*p >= end)
        return DS_EFORMAT;
    uint64_t len = *(*p)++;
    if (len >= 252) {
        if (len > 254 || (size_t)(end - *p) < widths[len - 252])
            return DS_EFORMAT;
        size_t width = widths[len - 252];
        len = little(*p, width);
        *p += width;
    }
    if (len > (uint64_t)(end - *p))
        return DS_EFORMAT;
    *out = (struct slice){*p, (size_t)len};
    *p += len;
    return 0;
}

static int write_integer(struct buf *out, const uint8_t *p, size_t width, bool is_unsigned)
{
    uint64_t v = little(p, width);
    if (is_unsigned || width == 0)
        return value_write_uint(out, v);
    unsigned shift = (unsigned)(64 - 8 * width);
    return value_write_int(out, (int64_t)(v << shift) >> shift);
}

static int read_number(struct row_reader *r, const MYSQL_FIELD *field, bool is_unsigned,
                       const uint8_t **p, const uint8_t *end)
{
    size_t width = field->type == MYSQL_TYPE_TINY                                           ? 1
                   : field->type == MYSQL_TYPE_SHORT || field->type == MYSQL_TYPE_YEAR      ? 2
                   : field->type == MYSQL_TYPE_LONGLONG || field->type == MYSQL_TYPE_DOUBLE ? 8
                                                                                            : 4;
    if ((size_t)(end - *p) < width)
        return DS_EFORMAT;
    const uint8_t *at = *p;
    float f;
    double d;
    *p += width;
    switch (field->type) {
    case MYSQL_TYPE_FLOAT:
        memcpy(&f, at, sizeof f);
        return value_write_float(&r->rows, f);
    case MYSQL_TYPE_DOUBLE:
        memcpy(&d, at, sizeof d);
        return value_write_double(&r->rows, d);
    case MYSQL_TYPE_INT24: /* sent in four bytes */
    case MYSQL_TYPE_TINY:
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_YEAR:
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_LONGLONG:
        return write_integer(&r->rows, at, width, is_unsigned || (field->flags & UNSIGNED_FLAG));
    default:
        return DS_EFORMAT;
    }
}

/* ZEROFILL shows in the text, but is not part of the value: "0001.50" is "1.50". */
static int write_decimal(struct buf *out, struct slice text)
{
    while (text.len > 1 && text.p[0] == '0' && text.p[1] != '.') {
        text.p++;
        text.len--;
    }
    return value_write_text(out, text.p, text.len);
}

static int write_bits(struct buf *out, struct slice bytes)
{
    uint64_t v = 0;
    if (bytes.len > 8)
        return DS_EFORMAT;
    for (size_t i = 0; i < bytes.len; i++)
        v = v << 8 | bytes.p[i];
    return value_write_uint(out, v);
}

/* `before`, 0: nothing, and the last `digits` digits: a copy reads more times than anything else,
 * and snprintf takes longer than all the rest. */
static char *put_digits(char *out, char before, uint32_t number, unsigned digits)
{
    if (before)
        *out++ = before;
    for (char *p = out + digits; p > out; number /= 10)
        *--p = (char)('0' + number % 10);
    return out + digits;
}

static char *put_fraction(char *out, uint32_t micros, unsigned digits)
{
    static const uint32_t divisors[] = {1000000, 100000, 10000, 1000, 100, 10, 1};
    if (digits == 0 || digits > 6)
        return out;
    return put_digits(out, '.', micros / divisors[digits], digits);
}

static int write_time(struct buf *out, struct slice v, unsigned digits)
{
    char text[TEXT_MAX];
    uint32_t hours = 0, micros = 0;
    uint8_t minute = 0, second = 0;
    if (v.len != 0 && v.len != 8 && v.len != 12)
        return DS_EFORMAT;
    bool negative = v.len && v.p[0];
    if (v.len) {
        hours = (uint32_t)little(v.p + 1, 4) * 24 + v.p[5];
        minute = v.p[6];
        second = v.p[7];
    }
    if (v.len == 12)
        micros = (uint32_t)little(v.p + 8, 4);
    if (hours > 838 || micros > 999999)
        return DS_EFORMAT;
    char *end = put_digits(text, negative ? '-' : 0, hours, hours > 99 ? 3 : 2);
    end = put_digits(end, ':', minute, 2);
    end = put_fraction(put_digits(end, ':', second, 2), micros, digits);
    return value_write_text(out, text, (size_t)(end - text));
}

static int write_datetime(struct buf *out, struct slice v, bool date_only, unsigned digits)
{
    char text[TEXT_MAX];
    uint8_t part[7] = {0}; /* month, day, hour, minute, second */
    uint32_t year = 0, micros = 0;
    if (v.len != 0 && v.len != 4 && v.len != 7 && v.len != 11)
        return DS_EFORMAT;
    if (v.len) {
        year = (uint32_t)little(v.p, 2);
        memcpy(part, v.p + 2, v.len < 7 ? 2 : 5);
    }
    if (v.len == 11)
        micros = (uint32_t)little(v.p + 7, 4);
    if (year > 9999 || micros > 999999)
        return DS_EFORMAT;
    char *end = put_digits(text, 0, year, 4);
    end = put_digits(put_digits(end, '-', part[0], 2), '-', part[1], 2);
    if (!date_only) {
        end = put_digits(put_digits(end, ' ', part[2], 2), ':', part[3], 2);
        end = put_fraction(put_digits(end, ':', part[4], 2), micros, digits);
    }
    return value_write_text(out, text, (size_t)(end - text));
}

static int write_temporal(struct buf *out, const MYSQL_FIELD *field, unsigned digits,
                          struct slice v)
{
    if (field->type == MYSQL_TYPE_TIME)
        return write_time(out, v, digits);
    return write_datetime(out, v, field->type == MYSQL_TYPE_DATE, digits);
}

static int read_value(struct row_reader *r, unsigned i, const uint8_t **p, const uint8_t *end)
{
    const struct snapshot_column *c = &r->plan->columns[i];
    struct slice v = {0};
    if (c->read == READ_NUMBER)
        return read_number(r, &r->fields[i], c->is_unsigned, p, end);
    int rc = take_string(p, end, &v);
    if (rc)
        return rc;
    switch (c->read) {
    case READ_DECIMAL:
        return write_decimal(&r->rows, v);
    case READ_TEMPORAL:
        return write_temporal(&r->rows, &r->fields[i], c->digits, v);
    case READ_BIT:
        return write_bits(&r->rows, v);
    case READ_TEXT:
        return value_write_text(&r->rows, v.p, v.len);
    case READ_BYTES:
    case READ_NUMBER:
        break;
    }
    return value_write_bytes(&r->rows, v.p, v.len);
}

/* Called by libmariadb for each column of a row, in order. */
static void on_column(void *arg, unsigned column, unsigned char **row)
{
    struct row_reader *r = arg;
    if (r->failed)
        return;
    if (column == 0)
        r->failed = image_write_head(&r->rows, r->plan->column_count);
    if (r->failed)
        return;
    if (!row) {
        r->failed = value_write_null(&r->rows);
        return;
    }
    const uint8_t *p = *row;
    r->failed = read_value(r, column, &p, r->db->net.buff_end);
    if (r->failed == 0)
        *row += p - *row;
}

static int rows_open(struct row_reader *r)
{
    static const uint8_t room[HEAD_BYTES] = {0xdd};
    buf_clear(&r->rows);
    r->in_chunk = 0;
    return buf_append(&r->rows, room, sizeof room);
}

static int rows_flush(struct row_reader *r, struct ds_error *err)
{
    if (r->in_chunk == 0)
        return 0;
    for (int i = 0; i < 4; i++)
        r->rows.data[1 + i] = (uint8_t)(r->in_chunk >> (24 - 8 * i));
    struct msg_snapshot m = {.kind = SNAPSHOT_ROWS,
                             .table_id = r->plan->id,
                             .rows = {r->rows.data, r->rows.len},
                             .row_count = r->in_chunk};
    if (r->out->mask) {
        buf_clear(&r->masked);
        int failed = masker_rows(r->out->masker, r->out->mask, m.rows, &r->masked, err);
        if (failed)
            return failed;
        m.rows = (struct slice){r->masked.data, r->masked.len};
    }
    buf_clear(&r->message);
    if (message_write_snapshot(&r->message, &m))
        return error_set(err, DS_ENOMEM, "out of memory for a chunk of rows");
    int rc = r->out->put(r->out->arg, r->message.data, r->message.len, err);
    if (rc == 0)
        rc = r->out->chunk(r->out->arg, r->in_chunk, err);
    if (rc == 0 && rows_open(r))
        rc = error_set(err, DS_ENOMEM, "out of memory for a chunk of rows");
    return rc;
}

/* A row is in r->rows from `start` on. A chunk ends before the row that would make it too long. */
static int row_end(struct row_reader *r, size_t start, struct ds_error *err)
{
    size_t len = r->rows.len - start;
    if (len > r->out->max_row)
        return error_set(err, DS_ELIMIT,
                         "a row has %zu bytes, more than max_event allows: raise max_event (now "
                         "%lu bytes), on the applying side too",
                         len, r->out->max_row);
    if (r->rows.len <= CHUNK_BYTES || r->in_chunk == 0) {
        r->in_chunk++;
        return 0;
    }
    BUF_AUTO struct buf last = {0};
    if (buf_append(&last, r->rows.data + start, len))
        return error_set(err, DS_ENOMEM, "out of memory for a row");
    r->rows.len = start;
    int rc = rows_flush(r, err);
    if (rc == 0 && buf_append(&r->rows, last.data, last.len))
        rc = error_set(err, DS_ENOMEM, "out of memory for a row");
    r->in_chunk++;
    return rc;
}

static int tell_key(const struct row_reader *r, struct ds_error *err)
{
    const uint8_t *raw = r->values[r->out->key_column];
    struct value v;
    if (value_read(&raw, raw + value_length(raw), &v) == 0 && v.kind == VALUE_INT && v.i < 0)
        return error_set(err, DS_EUNSUPPORTED,
                         "where: a row has a negative key, by which others belong to its entity: "
                         "give it another one");
    if (v.kind != VALUE_UINT)
        return 0; /* nothing can lead to it */
    return r->out->key(r->out->key_arg, v.u, err);
}

/* A row that the filter leaves out is taken back. */
static int row_wanted(struct row_reader *r, size_t start, bool *in, struct ds_error *err)
{
    const struct slice image = {r->rows.data + start, r->rows.len - start};
    if (!r->values)
        r->values = calloc(r->plan->column_count, sizeof *r->values);
    if (!r->values)
        return error_set(err, DS_ENOMEM, "out of memory for a row");
    if (image_split(image, r->plan->column_count, r->values))
        return error_set(err, DS_EFORMAT, "the source sent a malformed row");
    int rc = r->out->where ? where_test(r->out->where, r->values, NULL, in, err) : 0;
    if (!*in)
        r->rows.len = start;
    return rc || !*in || !r->out->key ? rc : tell_key(r, err);
}

/* The snapshot cannot be read through a definition that is younger, or that is gone. */
static bool is_altered(unsigned server_errno)
{
    return server_errno == ER_TABLE_DEF_CHANGED || server_errno == ER_NO_SUCH_TABLE ||
           server_errno == ER_BAD_FIELD_ERROR || server_errno == ER_NO_SUCH_TABLE_IN_ENGINE ||
           server_errno == ER_NEED_REPREPARE || server_errno == ER_WRONG_OBJECT;
}

/* The library notes an error between rows with the connection, any other with the statement. */
static int read_failed(struct row_reader *r, MYSQL_STMT *stmt, struct ds_error *err)
{
    char doing[400];
    bool of_statement = mysql_stmt_errno(stmt) != 0;
    unsigned number = of_statement ? mysql_stmt_errno(stmt) : mysql_errno(r->db);
    r->ended = true;
    if (is_altered(number))
        return error_set_server(
            err, DS_ERETRY, number, "table %s was altered while the snapshot was taken: %s",
            r->plan->name, of_statement ? mysql_stmt_error(stmt) : mysql_error(r->db));
    snprintf(doing, sizeof doing, "reading rows of table %s", r->plan->name);
    return of_statement ? db_fail_stmt(err, stmt, doing) : db_fail(err, r->db, doing);
}

static int fetch_all(struct row_reader *r, MYSQL_STMT *stmt, uint64_t *rows, struct ds_error *err)
{
    for (;;) {
        size_t start = r->rows.len;
        int rc = mysql_stmt_fetch(stmt);
        if (rc == MYSQL_NO_DATA)
            return rows_flush(r, err);
        if (rc == 1)
            return read_failed(r, stmt, err);
        if (r->failed)
            return error_set(err, r->failed,
                             r->failed == DS_EFORMAT ? "the source sent a malformed row"
                                                     : "out of memory for a row");
        bool in = true;
        rc = r->out->where || r->out->key ? row_wanted(r, start, &in, err) : 0;
        if (rc == 0 && in)
            rc = row_end(r, start, err);
        if (rc)
            return rc;
        *rows += in;
    }
}

static int select_text(const struct table_plan *plan, const struct snapshot_source *s,
                       const char *pick, struct buf *sql)
{
    int rc = buf_puts(sql, "SELECT ");
    for (uint32_t i = 0; i < plan->column_count; i++) {
        rc |= i ? buf_puts(sql, ", ") : 0;
        rc |= buf_puts(sql, plan->columns[i].selection);
    }
    rc |= buf_puts(sql, " FROM ");
    return rc | sql_table(sql, s->database, plan->name) | (pick ? buf_puts(sql, pick) : 0);
}

static int copy_with(struct row_reader *r, MYSQL_STMT *stmt, const struct buf *sql, uint64_t *rows,
                     struct ds_error *err)
{
    if (mysql_stmt_prepare(stmt, (const char *)sql->data, sql->len))
        return read_failed(r, stmt, err);
    MYSQL_RES *meta = mysql_stmt_result_metadata(stmt);
    if (!meta || mysql_num_fields(meta) != r->plan->column_count) {
        mysql_free_result(meta);
        return error_set(err, DS_EFORMAT, "the source described a result in an unexpected way");
    }
    r->fields = mysql_fetch_fields(meta);
    int rc;
    if (mysql_stmt_attr_set(stmt, STMT_ATTR_CB_USER_DATA, r) ||
        mysql_stmt_attr_set(stmt, STMT_ATTR_CB_RESULT, (const void *)on_column) ||
        mysql_stmt_execute(stmt))
        rc = read_failed(r, stmt, err);
    else
        rc = fetch_all(r, stmt, rows, err);
    mysql_free_result(meta);
    return rc;
}

int table_rows_copy(const struct table_plan *plan, struct snapshot_source *s,
                    const struct row_output *out, uint64_t *rows, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    struct row_reader r = {.plan = plan, .out = out, .db = s->db};
    *rows = 0;
    MYSQL_STMT *stmt = mysql_stmt_init(s->db);
    int rc = stmt && !select_text(plan, s, out->pick, &sql) && !rows_open(&r)
                 ? copy_with(&r, stmt, &sql, rows, err)
                 : error_set(err, DS_ENOMEM, "out of memory for reading rows");
    /* Closing the statement reads its result to the end, which may be hours away: give up the
     * connection instead, the snapshot is over. */
    if (rc && stmt && !r.ended)
        shutdown(mysql_get_socket(s->db), SHUT_RDWR);
    if (stmt)
        mysql_stmt_close(stmt);
    buf_free(&r.rows);
    buf_free(&r.masked);
    free(r.values);
    buf_free(&r.message);
    return rc;
}

int table_rows_each(const void *message, size_t len,
                    int (*take)(void *arg, struct slice image, struct ds_error *err), void *arg,
                    struct ds_error *err)
{
    const uint8_t *p = message, *end = p + len;
    struct arena arena = {0};
    struct message m;
    uint32_t count = 0;
    int rc = message_read(&p, end, &arena, &m, err);
    if (rc == 0 && m.type == MSG_SNAPSHOT) {
        p = m.snapshot.rows.p;
        end = p + m.snapshot.rows.len;
        rc = array_read_head(&p, end, &count)
                 ? error_set(err, DS_EFORMAT, "rows of a copy cannot be read")
                 : 0;
    }
    while (count-- && rc == 0) {
        const uint8_t *start = p;
        rc = value_skip(&p, end) ? error_set(err, DS_EFORMAT, "rows of a copy cannot be read") : 0;
        if (rc == 0)
            rc = take(arg, (struct slice){start, (size_t)(p - start)}, err);
    }
    arena_free(&arena);
    return rc;
}
