#include "applier/load_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applier/key_text.h"
#include "schema/crash.h"

enum {
    STATEMENT_BYTES = 1024 * 1024, /* of images, per INSERT */
    STATEMENT_ROWS = 5000,
    COMMIT_BYTES = 16 * 1024 * 1024,
    COMMIT_ROWS = 50000,
    PACKET_SLACK = 1024, /* of a statement around its values */
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory while rows are loaded");
}

int row_loader_init(struct row_loader *r, MYSQL *db, const struct db_server *server,
                    struct ds_error *err)
{
    bool found;
    memset(r, 0, sizeof *r);
    r->db = db;
    r->bulk = server->mariadb;
    return db_scalar_u64(db, &r->max_packet, &found, err, "SELECT @@max_allowed_packet");
}

static void statement_close(struct row_loader *r)
{
    if (r->stmt)
        mysql_stmt_close(r->stmt);
    r->stmt = NULL;
}

/* What is there already is not changed. */
static int first_stays(const struct row_loader *r, struct buf *sql)
{
    const struct target_key *key = r->table->row_key;
    if (!r->doubles || !key)
        return 0;
    const char *column = r->table->columns[key->columns[0]].name;
    return buf_puts(sql, " ON DUPLICATE KEY UPDATE ") | sql_identifier(sql, column) |
           buf_puts(sql, " = ") | sql_identifier(sql, column);
}

/* INSERT INTO t (a, b) VALUES, with (?, ?) behind it for array binding. */
static int insert_text(struct row_loader *r, const char *database)
{
    buf_clear(&r->insert);
    int rc = buf_puts(&r->insert, "INSERT INTO ");
    rc |= sql_table(&r->insert, database, r->table->name);
    for (uint32_t i = 0; i < r->written_columns; i++) {
        rc |= buf_puts(&r->insert, i ? ", " : " (");
        rc |= sql_identifier(&r->insert, r->columns[i]->name);
    }
    rc |= buf_puts(&r->insert, ") VALUES ");
    r->head_len = r->insert.len;
    for (uint32_t i = 0; r->bulk && i < r->written_columns; i++)
        rc |= buf_puts(&r->insert, i ? ", ?" : "(?");
    return rc | (r->bulk ? buf_puts(&r->insert, ")") | first_stays(r, &r->insert) : 0);
}

int row_loader_begin(struct row_loader *r, const char *database, const struct target_table *table,
                     struct ds_error *err)
{
    statement_close(r);
    free(r->columns);
    free(r->ordinals);
    r->table = table;
    r->written_columns = r->waiting = 0;
    r->rows = 0;
    buf_clear(&r->bytes);
    r->columns = calloc(table->column_count + 1, sizeof(void *));
    r->ordinals = calloc(table->column_count + 1, sizeof *r->ordinals);
    if (!r->columns || !r->ordinals)
        return no_memory(err);
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].generated)
            continue;
        r->columns[r->written_columns] = &table->columns[i];
        r->ordinals[r->written_columns++] = i;
    }
    if (insert_text(r, database))
        return no_memory(err);
    if (!r->bulk)
        return 0;
    r->stmt = mysql_stmt_init(r->db);
    if (!r->stmt)
        return no_memory(err);
    if (mysql_stmt_prepare(r->stmt, (const char *)r->insert.data, r->insert.len))
        return db_fail_stmt(err, r->stmt, "preparing the INSERT of a copied table");
    return 0;
}

/* --- what the server thinks of the values -------------------------------- */

static bool is_enum_warning(const struct target_column *const *columns, uint32_t count,
                            unsigned number, const char *text)
{
    uint32_t i = 0;
    while (i < count && !target_warns_of_enum(columns[i], number, text))
        i++;
    return i < count;
}

int row_loader_warnings(MYSQL *db, const struct target_column *const *columns, uint32_t count,
                        struct ds_error *err)
{
    if (mysql_warning_count(db) == 0)
        return 0;
    MYSQL_RES *res = db_select(db, err, "SHOW WARNINGS");
    if (!res)
        return err->code;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));) {
        unsigned number = (unsigned)strtoul(row[1], NULL, 10);
        if (strcmp(row[0], "Note") != 0 && !is_enum_warning(columns, count, number, row[2]))
            rc = error_set_server(err, DS_ECONFLICT, number,
                                  "the destination changed a value while it was copied: %s (%u); "
                                  "correct it at the source, or give both servers the same "
                                  "version and character sets",
                                  row[2], number);
    }
    mysql_free_result(res);
    return rc;
}

/* --- writing ------------------------------------------------------------- */

static int grow_values(struct row_loader *r)
{
    size_t need = (size_t)r->waiting * r->written_columns;
    if (need <= r->value_cap)
        return 0;
    const uint8_t **grown = realloc(r->values, need * sizeof *grown);
    if (!grown)
        return DS_ENOMEM;
    r->values = grown;
    r->value_cap = need;
    return 0;
}

static int malformed(struct ds_error *err)
{
    return error_set(err, DS_EFORMAT, "a row of the snapshot does not have the table's columns");
}

/* The head of an array; *p moves behind it. */
static int take_array(const uint8_t **p, const uint8_t *end, uint32_t *count)
{
    const uint8_t *at = *p;
    size_t width = at < end && *at == 0xdc ? 2 : at < end && *at == 0xdd ? 4 : 0;
    if (at >= end || (size_t)(end - at) < 1 + width || (width == 0 && (*at & 0xf0) != 0x90))
        return DS_EFORMAT;
    *count = width ? 0 : *at & 0x0f;
    for (size_t i = 1; i <= width; i++)
        *count = *count << 8 | at[i];
    *p = at + 1 + width;
    return 0;
}

/* Point at the values that are written, row by row. */
static int split(struct row_loader *r, struct ds_error *err)
{
    const uint8_t *p = r->bytes.data, *end = p + r->bytes.len;
    const uint8_t **to = r->values;
    for (uint32_t row = 0; row < r->waiting; row++) {
        uint32_t count, next = 0;
        if (take_array(&p, end, &count) || count != r->table->column_count)
            return malformed(err);
        for (uint32_t i = 0; i < count; i++) {
            if (next < r->written_columns && r->ordinals[next] == i) {
                *to++ = p;
                next++;
            }
            if (value_skip(&p, end))
                return malformed(err);
        }
    }
    return 0;
}

static int too_long(const struct row_loader *r, size_t bytes, struct ds_error *err)
{
    return error_set(err, DS_ESERVER,
                     "a row needs a packet of %zu bytes, the destination takes %lu: raise "
                     "max_allowed_packet there",
                     bytes, r->max_packet);
}

static int write_bulk(struct row_loader *r, struct ds_error *err)
{
    int rc = bind_fill(&r->binds, r->columns, r->written_columns, r->values, r->waiting,
                       r->defaults ? BIND_DEFAULT_ABSENT : 0, err);
    if (rc)
        return rc;
    if (r->binds.bytes + PACKET_SLACK > r->max_packet)
        return too_long(r, r->binds.bytes, err);
    return bind_execute(&r->binds, r->stmt, "loading rows", err);
}

/* Append "(1,'a')". */
static int row_literals(struct row_loader *r, uint32_t row, struct ds_error *err)
{
    int rc = buf_puts(&r->text, "(") ? no_memory(err) : 0;
    for (uint32_t i = 0; i < r->written_columns && rc == 0; i++) {
        if (i && buf_puts(&r->text, ","))
            return no_memory(err);
        const uint8_t *value = r->values[row * r->written_columns + i];
        if (r->defaults && *value == VALUE_BYTE_ABSENT)
            rc = buf_puts(&r->text, r->columns[i]->auto_increment ? "NULL" : "DEFAULT")
                     ? no_memory(err)
                     : 0;
        else
            rc = bind_literal(&r->text, r->columns[i], value, err);
    }
    return rc == 0 && buf_puts(&r->text, ")") ? no_memory(err) : rc;
}

/* Of the rows that wait, those from `first` to before `end`. */
static int write_text(struct row_loader *r, uint32_t first, uint32_t end, struct ds_error *err)
{
    buf_clear(&r->text);
    if (buf_append(&r->text, r->insert.data, r->head_len))
        return no_memory(err);
    for (uint32_t row = first; row < end; row++) {
        if (row > first && buf_puts(&r->text, ","))
            return no_memory(err);
        int rc = row_literals(r, row, err);
        if (rc)
            return rc;
    }
    if (first_stays(r, &r->text))
        return no_memory(err);
    if (r->text.len + PACKET_SLACK > r->max_packet)
        return too_long(r, r->text.len, err);
    return db_exec_len(r->db, (const char *)r->text.data, r->text.len, err);
}

static int commit(struct row_loader *r, struct ds_error *err)
{
    if (r->open_rows == 0)
        return 0;
    r->open_rows = r->open_bytes = 0;
    return db_exec(r->db, err, "COMMIT");
}

/* --- which row it is that an error is about --------------------------------------------------- */

static void name_row(const struct row_loader *r, uint32_t row, struct ds_error *err)
{
    const uint8_t *values[MESSAGE_MAX_COLUMNS] = {0};
    BUF_AUTO struct buf key = {0};
    for (uint32_t i = 0; row < r->waiting && i < r->written_columns; i++)
        values[r->ordinals[i]] = r->values[(size_t)row * r->written_columns + i];
    if (row < r->waiting && values_key_text(r->table, values, &key) == 0)
        error_at_key(err, buf_cstr(&key));
}

/* A warning counts them; of an error they are tried one by one: what they leave is rolled back. */
static void find_row(struct row_loader *r, struct ds_error *err)
{
    const char *at = strstr(err->message, " at row ");
    if (err->code == DS_ECONFLICT && at) {
        name_row(r, (uint32_t)strtoul(at + strlen(" at row "), NULL, 10) - 1, err);
        return;
    }
    for (uint32_t row = 0; err->code == DS_ESERVER && row < r->waiting; row++) {
        struct ds_error own = {0};
        if (write_text(r, row, row + 1, &own) == 0)
            continue;
        if (own.server_errno == err->server_errno)
            name_row(r, row, err);
        return;
    }
}

static int write_waiting(struct row_loader *r, struct ds_error *err)
{
    if (r->waiting == 0)
        return 0;
    if (grow_values(r))
        return no_memory(err);
    int rc = split(r, err);
    if (rc == 0 && r->open_rows == 0)
        rc = db_exec(r->db, err, "START TRANSACTION");
    if (rc == 0)
        rc = r->bulk ? write_bulk(r, err) : write_text(r, 0, r->waiting, err);
    if (rc == 0)
        rc = row_loader_warnings(r->db, r->columns, r->written_columns, err);
    if (rc)
        find_row(r, err);
    if (rc)
        return rc;
    r->rows += r->waiting;
    r->open_rows += r->waiting;
    r->open_bytes += r->bytes.len;
    r->waiting = 0;
    buf_clear(&r->bytes);
    crash_point("load.rows");
    return r->open_rows >= COMMIT_ROWS || r->open_bytes >= COMMIT_BYTES ? commit(r, err) : 0;
}

int row_loader_add(struct row_loader *r, struct slice rows, struct ds_error *err)
{
    uint32_t count;
    const uint8_t *p = rows.p, *end = rows.p + rows.len;
    if (take_array(&p, end, &count))
        return malformed(err);
    /* What waits and what comes must fit one packet; a single row always goes alone. The text form
     * doubles bytes. */
    uint64_t limit = r->max_packet / (r->bulk ? 2 : 4);
    if (limit > STATEMENT_BYTES)
        limit = STATEMENT_BYTES;
    int rc = 0;
    if (r->waiting && r->bytes.len + (size_t)(end - p) > limit)
        rc = write_waiting(r, err);
    if (rc == 0 && buf_append(&r->bytes, p, (size_t)(end - p)))
        rc = no_memory(err);
    r->waiting += count;
    return rc == 0 && r->waiting >= STATEMENT_ROWS ? write_waiting(r, err) : rc;
}

int row_loader_end(struct row_loader *r, struct ds_error *err)
{
    int rc = write_waiting(r, err);
    return rc ? rc : commit(r, err);
}

void row_loader_drop(struct row_loader *r)
{
    buf_clear(&r->bytes);
    r->waiting = 0;
    r->open_rows = r->open_bytes = 0;
}

void row_loader_free(struct row_loader *r)
{
    statement_close(r);
    free(r->columns);
    free(r->ordinals);
    free(r->values);
    bind_free(&r->binds);
    buf_free(&r->insert);
    buf_free(&r->bytes);
    buf_free(&r->text);
    memset(r, 0, sizeof *r);
}
