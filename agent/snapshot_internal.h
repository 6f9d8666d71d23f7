/* What snapshot.c, snapshot_members.c and snapshot_some.c share; nobody else includes it. */
#ifndef AGENT_SNAPSHOT_INTERNAL_H
#define AGENT_SNAPSHOT_INTERNAL_H

#include "agent/snapshot.h"
#include "agent/snapshot_objects.h"
#include "agent/snapshot_rows.h"
#include "agent/snapshot_source.h"
#include "agent/snapshot_spill.h"
#include "schema/message.h"

struct picked;   /* rows that were copied, to which others lead */
struct entities; /* single ones that are copied */

struct snapshot {
    const struct snapshot_options *o;
    struct snapshot_source source; /* the consistent snapshot */
    struct snapshot_source locker; /* tables under a read lock */
    struct object_list objects;
    struct snapshot_progress progress;
    struct position at;
    struct spill spill;
    struct buf message;
    struct picked *picked;
    struct entities *entities; /* NULL: whole tables, and else … */
    uint64_t *only;            /* … the keys of their roots */
    size_t only_count;
    uint64_t renames; /* counter of RENAME TABLE, where InnoDB's ids cannot be seen */
    uint32_t next_id;
    bool begun; /* SNAPSHOT_BEGIN was written */
};

typedef int (*put_function)(void *arg, const void *message, size_t len, struct ds_error *err);

/* The `table` message. */
int snapshot_put_table(struct snapshot *s, put_function put, const struct table_plan *plan,
                       bool sequence, struct ds_error *err);
/* ROWS messages of those rows that travel. *whole: all of them do, as they are. */
int snapshot_put_rows(struct snapshot *s, struct snapshot_source *source, put_function put,
                      const struct table_plan *plan, bool table, uint64_t *rows, bool *whole,
                      struct ds_error *err);
/* Is the table still what it was at the snapshot's position? DS_ERETRY: no. */
int snapshot_check_unaltered(struct snapshot *s, struct snapshot_source *source,
                             const struct object *x, struct ds_error *err);
void snapshot_clean(struct snapshot *s);

/* Open the snapshot, and read the definitions as of it. */
int snapshot_open(struct snapshot *s, struct ds_error *err);
bool snapshot_has_rows(const struct object *x);
int snapshot_copy_table(struct snapshot *s, const struct object *x, struct ds_error *err);
/* To the sink. */
int snapshot_put(void *arg, const void *message, size_t len, struct ds_error *err);
int snapshot_put_position(struct snapshot *s, put_function put, enum snapshot_kind kind,
                          uint32_t id, const struct position *at, struct ds_error *err);

/* snapshot_members.c: tables of entities that travel in part. Roots are copied first, then what
 * leads to them, step by step: this one's step, 0 for the roots and all other tables. */
unsigned snapshot_step(const struct filter *filter, const char *table);
/* Rows of a table at such a step, or of a root: through `out`, which picks by the condition. */
int snapshot_members_rows(struct snapshot *s, struct snapshot_source *source,
                          const struct table_plan *plan, const struct filter_level *level,
                          struct row_output *out, uint64_t *rows, struct ds_error *err);
void snapshot_picked_free(struct snapshot *s);

#endif
