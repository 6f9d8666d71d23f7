/* What a step of a migration makes of tables of the destination: the rows that are to be there,
 * compared with those that are, as one transaction for the applier. Main thread.
 */
#ifndef CLI_MIGRATE_CHANGES_H
#define CLI_MIGRATE_CHANGES_H

#include "agent/cli/migrate.h"
#include "agent/whole_table.h"
#include "applier/target.h"
#include "schema/message.h"

struct row_changes {
    struct buf statements; /* of DDL, each with a NUL behind it: run one by one before the rows */
    struct buf messages, deletes; /* one behind the other; deletes of later tables first */
    uint64_t inserted, updated, deleted;
};

/* Images of rows, of their own. */
struct row_list {
    struct slice *items;
    size_t count, capacity;
    struct arena arena;
};
int row_list_add(struct row_list *l, struct slice image, struct ds_error *err); /* DS_ENOMEM */
void row_list_free(struct row_list *l);

struct wanted_rows {
    const struct whole_table *here;
    const struct slice *rows; /* images, each of another key; what is absent of one stays as it is,
                                 or gets its default */
    size_t count;
    bool only;                         /* rows of other keys go */
    bool without_keys;                 /* foreign keys do nothing: what they lead to is here, too */
    bool deletes_cascade;              /* … but when rows go */
    const struct target_table *target; /* NULL: no value that is unique moves to another row */
    void *arg;
    /* For each row that is not as it is to be, with its image as it will be, or has been; NULL:
     * nobody asks. */
    void (*tell)(void *arg, enum change_op op, struct slice image);
    struct row_list *all; /* gets every row that the table will have; NULL: nobody asks */
};

/* CREATE TABLE and the like; names are the destination's, without a database. */
int row_changes_add_statement(struct row_changes *c, const char *sql, struct ds_error *err);
int row_changes_add(struct row_changes *c, const struct wanted_rows *w, struct ds_error *err);
/* Have the applier write them, whatever else the configuration says of filters and maps, which is
 * about the source's rows; nothing if there is nothing to write. g->code, g->stopped and *good say
 * how it went. */
int row_changes_write(struct migrating *g, const struct row_changes *c, bool *good,
                      struct ds_error *err);
void row_changes_free(struct row_changes *c);

#endif
