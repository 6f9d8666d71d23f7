/* The checksum of a table, to tell whether two servers hold the same.
 *
 * It is computed by the servers with one and the same statement: per row the SHA-256 of all
 * columns (generated and invisible ones too), over the rows BIT_XOR of its first half and the sum
 * of a part of the second, so that the order of rows does not matter and equal rows do not cancel
 * out. Each value is rendered so that different bits give different text: FLOAT and DOUBLE as
 * double (which both servers print with as many digits as tell it apart), text as the HEX of its
 * stored bytes, long values as their SHA-256, ENUM and SET as numbers, times in UTC. CHECKSUM TABLE
 * is not used: it depends on row format and server version. Connections belong to the caller, who
 * has set sql_mode = '', time_zone = '+00:00' and NAMES binary. One thread.
 */
#ifndef SCHEMA_TABLE_SUM_H
#define SCHEMA_TABLE_SUM_H

#include <mysql.h>
#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"

struct table_sum {
    uint64_t rows;
    uint64_t hash, sum; /* 0: rows were only counted */
};
/* The head of a statement is made of table_sum_begin, columns in their order, and table_sum_end.
 * `format`: how the column's value becomes a text that is the same for the same value and no other,
 * with neither | nor a lone N in it; %s in it stands for the column. */
int table_sum_begin(struct buf *head);
int table_sum_column(struct buf *head, const char *column, const char *format);
int table_sum_end(struct buf *head);
/* The whole head for the columns that the table has at `db`, with or without generated
 * ones. */
int table_sum_statement(MYSQL *db, const char *database, const char *table, bool generated,
                        struct buf *head, struct ds_error *err);
/* Run it on a table, which may be another server's. NULL: only count the rows. Errors of the server
 * name the table. */
int table_sum_read(MYSQL *db, const struct buf *head, const char *database, const char *table,
                   struct table_sum *out, struct ds_error *err);
/* … of the rows for which a condition holds; NULL: all. */
int table_sum_read_where(MYSQL *db, const struct buf *head, const char *database, const char *table,
                         const char *condition, struct table_sum *out, struct ds_error *err);

/* As a copy tells it: the number of rows, then the checksum if there is one and whose it is
 * ("mariadb" or "mysql": servers of different make render some values in different ways). */
enum { TABLE_SUM_TEXT_SIZE = 80 };
void table_sum_print(const struct table_sum *sum, bool checksum, bool mariadb,
                     char text[TABLE_SUM_TEXT_SIZE]);
/* *checksum: is there one of a server of this make? DS_EFORMAT: not such a text. */
int table_sum_parse(const char *text, bool mariadb, struct table_sum *out, bool *checksum,
                    struct ds_error *err);

#endif
