/* From message values to statement parameters.
 *
 * bind_fill takes n rows of m raw message values and lays them out as libmariadb's array binding
 * wants them: one array per column. Text and bytes are not copied (except when they need padding):
 * the pointers go into the caller's messages, which must live until the statement has run. All
 * other storage is the set's own and is used again by the next bind_fill.
 *
 * A value arrives as the destination column has it: an integer whose sign the source did not tell
 * is read in the width and signedness of the column, ENUM, SET, BIT and YEAR as numbers, BINARY,
 * UUID and INET with the pad bytes that the binlog strips. Text goes as binary strings, so that the
 * server converts nothing: the connection's character set must be `binary`.
 *
 * MySQL has no array binding: bind_literal writes the same values for a multi-row INSERT.
 * One owner, any thread.
 */
#ifndef APPLIER_BIND_H
#define APPLIER_BIND_H

#include <mysql.h>
#include <stdbool.h>
#include <stdint.h>

#include "applier/target.h"
#include "schema/arena.h"
#include "schema/buf.h"
#include "schema/error.h"

enum bind_flag {
    BIND_KEEP_ABSENT = 1, /* values that are absent or same (false, true) leave the column as it is
                             (STMT_INDICATOR_IGNORE, for UPDATE); else they are DS_EFORMAT */
    BIND_DEFAULT_ABSENT = 2, /* … take the column's default, for INSERT */
};

struct bind_set {
    MYSQL_BIND *binds; /* column_count of them, in `arena` */
    uint32_t column_count, row_count;
    uint64_t bytes; /* about the size of the request */
    struct arena arena;
};

/* Lay out `rows` rows; values[r * columns + c] is the raw value (one that image_split has accepted)
 * of row r for parameter c, whose column is columns[c]. DS_ESCHEMA: a value of another kind than
 * the column takes, with the column's name; DS_EFORMAT; DS_ENOMEM. */
int bind_fill(struct bind_set *b, const struct target_column *const *columns, uint32_t column_count,
              const uint8_t *const *values, uint32_t rows, unsigned flags, struct ds_error *err);
/* Bind to a prepared statement and run it, once for all rows. MariaDB only. The connection's
 * affected rows are the sum over all rows. Errors: as db_fail_stmt, `doing` is for its text. */
int bind_execute(struct bind_set *b, MYSQL_STMT *stmt, const char *doing, struct ds_error *err);
void bind_free(struct bind_set *b);

/* Append the value as an SQL literal that gives the same bits under any sql_mode. */
int bind_literal(struct buf *out, const struct target_column *column, const uint8_t *value,
                 struct ds_error *err);

#endif
