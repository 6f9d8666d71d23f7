#include "applier/literals.h"

#include <string.h>

#include "applier/bind.h"
#include "schema/db.h"

static int failed(int rc, struct ds_error *err)
{
    return rc == DS_ENOMEM ? error_set(err, DS_ENOMEM, "out of memory") : rc;
}

int literals_insert(MYSQL *db, const struct buf *sql, const struct target_column *const *columns,
                    uint32_t column_count, const uint8_t *const *values, uint32_t rows,
                    struct ds_error *err)
{
    BUF_AUTO struct buf text = {0};
    size_t list = column_count ? strlen("?, ") * column_count : strlen("()"); /* "(?, ?)" */
    int rc = buf_append(&text, sql->data, sql->len - list);
    for (uint32_t r = 0; r < rows && rc == 0; r++) {
        rc = buf_puts(&text, r ? ", (" : "(");
        for (uint32_t k = 0; k < column_count && rc == 0; k++) {
            rc = k ? buf_puts(&text, ", ") : 0;
            rc = rc ? rc
                    : bind_literal(&text, columns[k], values[(size_t)r * column_count + k], err);
        }
        rc = rc ? rc : buf_puts(&text, ")");
    }
    return rc ? failed(rc, err) : db_exec_len(db, (const char *)text.data, text.len, err);
}

/* The statement with the values of one row. A question mark inside a name is not a parameter. */
static int fill_in(const struct buf *sql, const struct target_column *const *columns,
                   const uint8_t *const *row, struct buf *text, struct ds_error *err)
{
    int rc = 0;
    uint32_t k = 0;
    buf_clear(text);
    for (size_t i = 0, start; i < sql->len && rc == 0; i++) {
        start = i;
        if (sql->data[i] == '?') {
            rc = bind_literal(text, columns[k], row[k], err);
            k++;
            continue;
        }
        if (sql->data[i] == '`')
            for (i++; i < sql->len && sql->data[i] != '`';)
                i++;
        rc = buf_append(text, sql->data + start, i - start + 1);
    }
    return rc;
}

int literals_execute(MYSQL *db, const struct buf *sql, const struct target_column *const *columns,
                     uint32_t column_count, const uint8_t *const *values, uint32_t rows,
                     uint64_t *affected, struct ds_error *err)
{
    BUF_AUTO struct buf text = {0};
    int rc = 0;
    *affected = 0;
    for (uint32_t r = 0; r < rows && rc == 0; r++) {
        rc = fill_in(sql, columns, values + (size_t)r * column_count, &text, err);
        rc = rc ? failed(rc, err) : db_exec_len(db, (const char *)text.data, text.len, err);
        *affected += rc ? 0 : mysql_affected_rows(db);
    }
    return rc;
}
