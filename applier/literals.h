/* Statements with parameters, run without array binding, which MySQL does not have.
 *
 * `sql` has a question mark for each of `column_count` columns; values[r * column_count + c] is the
 * raw value of row r. The connection's thread. Errors: as bind_literal and db_exec.
 */
#ifndef APPLIER_LITERALS_H
#define APPLIER_LITERALS_H

#include <mysql.h>

#include "applier/target.h"
#include "schema/buf.h"

/* "INSERT … VALUES (?, ?)", which ends so, as one statement of all rows. */
int literals_insert(MYSQL *db, const struct buf *sql, const struct target_column *const *columns,
                    uint32_t column_count, const uint8_t *const *values, uint32_t rows,
                    struct ds_error *err);
/* A statement for each row. *affected: the sum. */
int literals_execute(MYSQL *db, const struct buf *sql, const struct target_column *const *columns,
                     uint32_t column_count, const uint8_t *const *values, uint32_t rows,
                     uint64_t *affected, struct ds_error *err);

#endif
