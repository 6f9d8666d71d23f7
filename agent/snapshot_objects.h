/* What a source database consists of: every object with the definition that the server prints.
 *
 * Read twice around the opening of a snapshot: equal means that no definition changed in between,
 * so that these are the definitions at the snapshot's position. For snapshot.c only. One thread;
 * everything lives in the list's arena.
 */
#ifndef AGENT_SNAPSHOT_OBJECTS_H
#define AGENT_SNAPSHOT_OBJECTS_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/snapshot_source.h"
#include "schema/arena.h"
#include "schema/buf.h"

enum object_kind { /* in the order in which a destination can create them */
                   OBJECT_DATABASE,
                   OBJECT_SEQUENCE,
                   OBJECT_TABLE,
                   OBJECT_FUNCTION,
                   OBJECT_PROCEDURE,
                   OBJECT_PACKAGE,
                   OBJECT_PACKAGE_BODY,
                   OBJECT_VIEW,
                   OBJECT_TRIGGER,
                   OBJECT_EVENT,
};
enum object_rows {
    ROWS_SNAPSHOT, /* InnoDB: as of the snapshot's position */
    ROWS_LOCKED,   /* no snapshot covers them: copied under a read lock */
    ROWS_NONE,     /* not wanted, or no rows of its own (MERGE, FEDERATED, BLACKHOLE …) */
};
struct object {
    enum object_kind kind;
    enum object_rows rows;
    const char *name;
    struct slice text;      /* SHOW CREATE … */
    const char *session;    /* lines key=value, see snapshot.h */
    uint64_t rows_estimate; /* tables */
    uint64_t engine_id;     /* of InnoDB's dictionary: moves with the rows when tables are renamed;
                               0 not known */
};
struct object_list {
    struct object *items;
    size_t count, cap;
    bool engine_ids; /* the server tells them */
    struct arena arena;
};

const char *object_kind_name(enum object_kind kind);
/* Read all objects; views in the order of their dependencies. DS_EUNSUPPORTED: a table that cannot
 * be copied; DS_ERETRY: something was dropped while it was read. */
int objects_read(struct object_list *list, struct snapshot_source *s,
                 const struct snapshot_options *o, struct ds_error *err);
void objects_free(struct object_list *list);
/* NULL when equal (the counters AUTO_INCREMENT apart), else the name of one that differs. */
const char *objects_difference(const struct object_list *a, const struct object_list *b);
/* The definition of a table as it is now. DS_ERETRY: it is gone. */
int object_table_text(struct snapshot_source *s, enum object_kind kind, const char *name,
                      struct buf *out, struct ds_error *err);
/* Are two definitions equal, the counters AUTO_INCREMENT apart? */
bool object_text_equal(struct slice a, struct slice b);
/* … and is it only that one of them has no counter yet? */
bool object_counter_appeared(struct slice a, struct slice b);
/* InnoDB's id of a table now; *known false when the server does not let us see it. */
int object_engine_id(struct snapshot_source *s, const char *name, uint64_t *id, bool *known,
                     struct ds_error *err);

#endif
