/* Inside the import: rows of the destination by a list of values. Not for others. */
#ifndef APPLIER_IMPORT_KEY_LIST_H
#define APPLIER_IMPORT_KEY_LIST_H

#include "applier/import/import_internal.h"

struct key_list {
    const struct target_table *table;
    const struct target_column *column;
    const struct target_key *key; /* unique, begins with the column; NULL: there is none */
    bool joined;
    uint32_t count;
    struct buf text;
    size_t last;        /* where the last value begins in the text */
    struct buf numbers; /* the values, uint64_t each, as long as they are such */
};
void key_list_free(struct key_list *l);
void key_list_begin(struct key_list *l, const struct import *im, const struct target_table *t,
                    uint32_t column);
/* Before each value, which the caller appends to l->text. A value may come twice. DS_ENOMEM. */
int key_list_next(struct key_list *l);
/* " FROM table t …": its rows that have one of the values, and what is joined to them (NULL:
 * nothing). DS_ENOMEM. */
int key_list_from(struct key_list *l, struct buf *sql, const struct buf *joins);

#endif
