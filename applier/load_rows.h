/* Rows of one table into the destination, in bulk. For load.c only. */
#ifndef APPLIER_LOAD_ROWS_H
#define APPLIER_LOAD_ROWS_H

#include <mysql.h>
#include <stdbool.h>
#include <stdint.h>

#include "applier/bind.h"
#include "applier/target.h"
#include "schema/buf.h"
#include "schema/db.h"
#include "schema/message.h"

struct row_loader {
    MYSQL *db;
    bool bulk;           /* array binding */
    bool doubles;        /* of rows with one unique key the first stays; else an error */
    bool defaults;       /* a column that a row does not say takes its default, else an error */
    uint64_t max_packet; /* of the destination, bytes */
    const struct target_table *table;
    const struct target_column **columns; /* that are written: all but the generated ones */
    uint32_t *ordinals;
    uint32_t written_columns;
    struct buf insert; /* the statement, up to VALUES for the text form */
    size_t head_len;   /* … as far as that */
    MYSQL_STMT *stmt;
    struct buf bytes; /* images of rows that wait */
    uint32_t waiting;
    const uint8_t **values;
    size_t value_cap;
    struct bind_set binds;
    struct buf text;
    uint64_t open_rows, open_bytes; /* in the open transaction */
    uint64_t rows;                  /* written to this table */
};

/* The first of several tables: sizes and features of the connection. */
int row_loader_init(struct row_loader *r, MYSQL *db, const struct db_server *server,
                    struct ds_error *err);
int row_loader_begin(struct row_loader *r, const char *database, const struct target_table *table,
                     struct ds_error *err);
/* `rows`: a msgpack array of images. Writes and commits when enough has come. */
int row_loader_add(struct row_loader *r, struct slice rows, struct ds_error *err);
/* Write what waits and commit. */
int row_loader_end(struct row_loader *r, struct ds_error *err);
/* Forget rows that wait; the caller rolls back. */
void row_loader_drop(struct row_loader *r);
void row_loader_free(struct row_loader *r);
/* Did the server like what a statement has written to these columns? Without strict mode, in which
 * zero dates would be refused, it changes a value that it does not like, and warns: DS_ECONFLICT.
 */
int row_loader_warnings(MYSQL *db, const struct target_column *const *columns, uint32_t count,
                        struct ds_error *err);

#endif
