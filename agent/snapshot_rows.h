/* Rows of one table, read by the binary protocol, written as messages.
 *
 * For snapshot.c only. A value is written as schema/message.h says and as the binlog would have it:
 * FLOAT as its 32 bits, TIMESTAMP in UTC, ENUM and SET as numbers, UUID and INET as bytes. Rows are
 * streamed: no more than one row and one chunk are held. One thread.
 */
#ifndef AGENT_SNAPSHOT_ROWS_H
#define AGENT_SNAPSHOT_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/masker.h"
#include "agent/snapshot_source.h"
#include "schema/arena.h"
#include "schema/buf.h"
#include "schema/message.h"

/* Where the messages of rows go. */
struct row_output {
    void *arg;
    int (*put)(void *arg, const void *message, size_t len, struct ds_error *err);
    /* After every chunk, with the rows in it; non-zero ends the copy with that error. */
    int (*chunk)(void *arg, uint64_t rows, struct ds_error *err);
    uint64_t max_row;                /* bytes; a longer row is DS_ELIMIT */
    const struct where_bound *where; /* which rows are copied, NULL: all */
    const char *pick;                /* " WHERE …" at the source, NULL: all */
    /* Called with the value of column `key_column` of each row that is copied, a whole number; may
     * be NULL. */
    int (*key)(void *arg, uint64_t value, struct ds_error *err);
    void *key_arg;
    uint32_t key_column;
    struct masker *masker;
    const struct mask_plan *mask; /* NULL: values travel as they are */
};

enum column_read { /* how a value is written */
                   READ_NUMBER,
                   READ_DECIMAL,
                   READ_TEMPORAL,
                   READ_BIT,
                   READ_TEXT,
                   READ_BYTES,
};
struct snapshot_column {
    enum column_read read;
    uint8_t digits; /* of a fraction of a second */
    bool is_unsigned;
    const char *selection; /* SQL expression */
};
/* An index in which rows can be looked up by the whole value of one column. */
struct table_lookup {
    const char *index, *column;
};
struct table_plan {
    uint32_t id; /* in messages */
    const char *name;
    uint32_t column_count;
    struct snapshot_column *columns;
    struct msg_column *described; /* as the `table` message tells them */
    bool has_key;
    struct table_lookup *lookups;
    uint32_t lookup_count;
    struct arena arena;
};

/* The columns of a table as they are now. DS_EUNSUPPORTED: a type that we do not know; DS_ERETRY
 * without the number of a server's error: there is no such table. The server's collations are
 * remembered in `s`. */
int table_plan_read(struct table_plan *plan, struct snapshot_source *s, const char *name,
                    uint32_t id, struct ds_error *err);
void table_plan_free(struct table_plan *plan);
/* SELECT everything and write ROWS messages. *rows: how many. DS_ERETRY: the table was altered. */
int table_rows_copy(const struct table_plan *plan, struct snapshot_source *s,
                    const struct row_output *out, uint64_t *rows, struct ds_error *err);
/* The rows of such a message, one by one; of another message: none. */
int table_rows_each(const void *message, size_t len,
                    int (*take)(void *arg, struct slice image, struct ds_error *err), void *arg,
                    struct ds_error *err);

#endif
