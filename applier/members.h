/* What entering.c (entities that have come in, and wait for their copy) and members.c (rows of the
 * range in hand) share; nobody else includes it. */
#ifndef APPLIER_MEMBERS_H
#define APPLIER_MEMBERS_H

#include "applier/apply.h"
#include "applier/row_set.h"

struct level { /* a table of such an entity */
    const struct catalogue_table *entry;
    struct level *parent; /* NULL: the root */
    bool has_members;     /* others lead through it, or to it */
    char *table;          /* as the server knows it */
    uint32_t number;
    uint64_t *wanted; /* keys to look up */
    size_t wanted_count, wanted_cap;
};

struct members {
    struct level **levels;
    size_t level_count;
    struct row_set entering; /* ROW_PRESENT: noted; mark: asked for */
    struct row_set rows;     /* of the range in hand; mark: a root that went in it */
    struct row_set admitted; /* ROW_PRESENT: the copy that is arriving is wanted of this row */
    struct row_set changed;  /* since the open destination transaction began: ROW_PRESENT: noted in
                              it,  ROW_ABSENT: no longer */
    uint64_t clock;          /* counts rows of the range that come */
    size_t settled;          /* how many were noted by the last commit */
    size_t waiting;          /* how many are noted */
    bool dirty;              /* the open destination transaction has changed what is noted */
    bool asked;              /* for all that are noted */
};

/* What the table is, found once for each definition in the stream. *out NULL: not of these. */
int level_of_table(struct applier *a, struct source_table *t, struct level **out,
                   struct ds_error *err);
/* Does the root wait for its copy? */
bool entering_has(const struct members *m, const struct level *l, uint64_t id);
/* From now on it does, or does not; entering_record makes it last. */
int entering_note(struct members *m, const struct level *l, uint64_t id, bool add,
                  struct ds_error *err);
/* In the open destination transaction. */
int entering_record(struct applier *a, struct ds_error *err);

#endif
