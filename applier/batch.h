/* A batch: whole source transactions read from the stream, as changes in commit order.
 *
 * Filled by apply.c from messages, planned by plan.c, written by write.c. All memory is the
 * batch's arena; a batch is emptied as a whole. Applier's thread only.
 */
#ifndef APPLIER_BATCH_H
#define APPLIER_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "applier/target.h"
#include "schema/arena.h"
#include "schema/message.h"

/* A table as the stream has defined it, joined to ours. Lives until the stream defines its id anew.
 */
struct source_table {
    struct msg_table def;        /* slices and columns in `arena` */
    struct slice raw;            /* the message that defined it */
    char *entity;                /* NUL-terminated copy of def.entity */
    uint32_t entity_index;       /* into the applier's counters */
    struct target_table *target; /* NULL: not looked up yet */
    uint64_t target_version;     /* of the target when it was matched */
    struct level *level;         /* of members.c; NULL: none, or not looked up yet: */
    bool level_known, level_shadow;
    bool has_link, is_root;      /* rows name the root of their entity; they are roots */
    uint32_t link;               /* … by this column, as in `target` */
    struct outbox_table *told;   /* what hooks are told of it; NULL: not looked up yet */
    struct import_table *import; /* mode import: how its rows become the destination's; NULL: they
                                    do not, or not looked up yet */
    bool import_known;
    struct arena arena;
    struct source_table *next;
};

struct change {
    struct source_table *table;
    enum change_op op;
    uint32_t flags;             /* enum change_flag */
    uint32_t transaction;       /* index into batch.transactions */
    struct slice before, after; /* raw images in the batch's memory */
    struct slice raw;           /* the whole message, for quarantine */
    struct slice entity_key;    /* as the message has it, in `raw`; empty: it has none */
    bool skip;                  /* held back, or already in a copy: not to be written */
    bool replaced;              /* a handler writes it; `skip` as well */
    bool left_out;              /* its entity is not here (members.c) */
    bool turned;                /* … and it is another change than it came as (members.c) */
    uint32_t failure;           /* of handled.c: on which a handler has failed with it, 0 none */
};

struct transaction {
    uint32_t first, count;       /* its changes */
    uint64_t earlier;            /* changes of it that were written in parts before */
    struct slice gtid_set, file; /* source position after it */
    struct slice gtid;           /* its own, empty when it has none */
    struct slice record;         /* as of msg_begin */
    uint64_t pos, timestamp;
    uint32_t server_id;
    uint32_t begin_flags;
    bool position_only; /* not a transaction of ours: the end of a copy, or what other databases
                           moved */
    bool rolled_back;   /* only rows of non-transactional tables count */
    uint32_t front;     /* for how many entities it is new (positions.h) */
    uint64_t skip;      /* id of the request to pass over it, 0 none */
    uint64_t chunk;     /* spool chunk in which it ends */
    bool ends_chunk;    /* nothing of a later transaction is in that chunk */
};

struct batch {
    struct arena arena;
    struct change *changes;
    uint32_t change_count, change_cap;
    struct transaction *transactions;
    uint32_t transaction_count, transaction_cap;
    size_t bytes; /* estimate of the memory that planning it takes */
};

#endif
