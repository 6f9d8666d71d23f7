/* The table definitions of a stream of messages, by id, for readers that only look: `dump`, and
 * `quarantine show`.
 *
 * Owns copies of the definitions. A table is valid until its id is defined again or any other
 * is added. One thread.
 */
#ifndef CLI_KNOWN_TABLES_H
#define CLI_KNOWN_TABLES_H

#include "schema/arena.h"
#include "schema/error.h"
#include "schema/filter.h"
#include "schema/message.h"

struct known_table {
    struct msg_table table;
    struct arena arena; /* what `table` points into; also for `own` */
    void *own;          /* what the reader keeps with it; NULL at first */
    bool left_out;      /* by `filter` */
};
struct known_tables {
    struct known_table *list; /* sorted by id */
    size_t count, capacity;
    const struct filter *filter; /* whose tables the reader wants to see; NULL: all */
};

/* Take a table message. DS_EFORMAT, DS_ENOMEM. */
int known_tables_add(struct known_tables *k, const struct message *m, struct known_table **out,
                     struct ds_error *err);
/* NULL: not defined so far. */
struct known_table *known_tables_find(const struct known_tables *k, uint32_t id);
/* The table of a change: DS_EFORMAT when it is not defined. */
int known_tables_need(const struct known_tables *k, uint32_t id, const struct known_table **out,
                      struct ds_error *err);
void known_tables_free(struct known_tables *k);
/* The error `rc` for a row of this table. Returns rc. */
int known_table_bad_row(const struct known_table *t, int rc, struct ds_error *err);

#endif
