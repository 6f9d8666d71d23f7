/* What is known of rows by their keys: whole numbers, of several tables.
 *
 * For entering.c and members.c, on the applier's thread.
 */
#ifndef APPLIER_ROW_SET_H
#define APPLIER_ROW_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum row_state { ROW_UNKNOWN, ROW_ABSENT, ROW_PRESENT };
struct row_slot {
    uint64_t id;
    uint64_t link;   /* of what is present: where it leads to, in the parent's table */
    uint64_t since;  /* … and when it came, 0: before what is looked at */
    uint64_t linked; /* … and when it began to lead there */
    uint32_t table;  /* number + 1, 0: free */
    uint8_t state;
    bool mark; /* the owner's */
};
struct row_set { /* open addressing; zero: empty */
    struct row_slot *slots;
    size_t cap, used; /* cap: a power of two */
    bool forgets;     /* what is ROW_ABSENT goes when it grows */
};

/* NULL: nothing was said. Valid until the next put. */
struct row_slot *row_set_find(const struct row_set *t, uint32_t table, uint64_t id);
enum row_state row_set_state(const struct row_set *t, uint32_t table, uint64_t id);
/* Replaces all that was known of the row; slots stay where they are if something was. DS_ENOMEM. */
int row_set_put(struct row_set *t, uint32_t table, uint64_t id, enum row_state state);
int row_set_put_here(struct row_set *t, uint32_t table, uint64_t id, uint64_t link, uint64_t since);
void row_set_clear(struct row_set *t);
void row_set_free(struct row_set *t);

#endif
