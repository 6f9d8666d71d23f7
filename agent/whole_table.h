/* All rows of one table of either side, held in memory: for steps of a migration, which compare
 * what is there with what is to be.
 *
 * For small tables. Values are as in messages (snapshot_rows.h). One thread.
 */
#ifndef AGENT_WHOLE_TABLE_H
#define AGENT_WHOLE_TABLE_H

#include "agent/snapshot_rows.h"

struct whole_table {
    struct table_plan plan;
    struct slice *rows; /* images, in the order of the primary key */
    size_t count, capacity;
    struct arena arena;
    const char *database;
    uint64_t max_row; /* bytes */
};

/* As of the transaction that `side` is in. `id`: in messages. DS_ESCHEMA: there is no such table,
 * or none with a primary key. To be freed in any case. */
int whole_table_read(struct whole_table *t, struct snapshot_source *side, const char *name,
                     uint32_t id, uint64_t max_row, struct ds_error *err);
/* The first `most` (0: all) of those rows for which a condition holds (NULL: of all). */
int whole_table_read_where(struct whole_table *t, struct snapshot_source *side, const char *name,
                           uint32_t id, const char *condition, uint32_t most, uint64_t max_row,
                           struct ds_error *err);
void whole_table_free(struct whole_table *t);
/* Ordinal of a column; UINT32_MAX: there is none. */
uint32_t whole_table_column(const struct whole_table *t, const char *name);
/* Its definition, as messages have it. Lives as long as t. */
struct msg_table whole_table_definition(const struct whole_table *t);
/* Append a value of a column: `text` as the server prints it, NULL: NULL. DS_ENOMEM. */
int whole_table_put(const struct whole_table *t, uint32_t column, const struct slice *text,
                    struct buf *out);

#endif
