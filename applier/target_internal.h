/* What target.c (the tables and what links them) and target_read.c (information_schema) share. */
#ifndef APPLIER_TARGET_INTERNAL_H
#define APPLIER_TARGET_INTERNAL_H

#include "applier/target.h"

enum { MAX_TOUCHED = 32 }; /* more: everything is read again */

struct target {
    char *database;
    struct target_table **buckets;
    uint32_t bucket_count; /* power of two */
    struct target_table **by_index;
    uint32_t count, cap;
    char touched[MAX_TOUCHED][260]; /* names, to be read again */
    uint32_t touched_count;
    bool touched_all;
    struct arena derived_arena;
    struct derived_key *derived;
    uint32_t derived_count, derived_cap;
};

/* Also one that does not exist any more. */
struct target_table *target_find_any(const struct target *t, const char *name, size_t len);
/* The struct of `name`, emptied to be read again, or a new one; NULL: out of memory. The name lives
 * in the arena. */
struct target_table *target_slot(struct target *t, const char *name);
/* Give `x` this key, which the server does not tell of. DS_ENOMEM. */
int target_add_derived(struct target_table *x, const struct derived_key *key);
/* Read the tables that `filter` leaves: " AND …" on TABLE_NAME, or "" for all. */
int target_read(struct target *t, MYSQL *db, const char *filter, struct ds_error *err);

#endif
