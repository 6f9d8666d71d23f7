/* Entity changes: what a range of transactions comes to, entity by entity, for handlers.
 *
 * A row is followed by the bytes of its key through the changes of one entity, from its image
 * before the range to the one after it; an entity by its own, which an update of its root may
 * change. Built from the batch, whose memory the values stay in; all
 * else is the caller's arena. Applier's thread.
 */
#ifndef APPLIER_ENTITY_CHANGE_H
#define APPLIER_ENTITY_CHANGE_H

#include "applier/batch.h"
#include "applier/ds_handler.h"

struct ds_row {
    const struct source_table *table;
    const char *role;
    const uint8_t **before, **after; /* by column, NULL: not in the image; NULL: no row */
    struct slice key;                /* as it is now */
    uint32_t last;                   /* its last change: place in the batch */
    struct ds_row *next;             /* in its bucket */
};

struct ds_change {
    const char *entity;
    struct slice key;  /* as it was before, of a new one as it is; empty: unknown, and then … */
    const char *table; /* … the only table that it is of */
    struct slice now;  /* the key by which messages name it from here on */
    uint32_t rank;     /* of its entity */
    struct ds_row **rows;
    uint32_t row_count, row_cap;
    struct change **changes; /* of the batch, that it is made of */
    uint32_t change_count, change_cap;
    struct ds_change *next; /* in its bucket */
};

struct entity_changes {
    struct ds_change **items;
    uint32_t count, cap;
};

/* Which entities are wanted, and where one stands in the order. */
struct entity_choice {
    bool (*wanted)(void *arg, const char *entity);
    uint32_t (*rank)(void *arg, const char *entity);
    void *arg;
};

/* The entity changes of transactions [first, first + count), in order. Left out are changes that
 * are not to be written (`skip`, unless a handler writes them), cascades of filtered tables, and
 * entities of which nothing is left; rows that a deletion has taken along by foreign
 * key are gone. DS_ENOMEM, DS_EFORMAT, DS_ESCHEMA. */
int entity_changes_build(struct entity_changes *out, const struct batch *batch, uint32_t first,
                         uint32_t count, const struct entity_choice *choice, struct arena *arena,
                         struct ds_error *err);
/* entity_gone.c, of that: rows that a deletion of the range has taken along by foreign key, from
 * row to row as far as these are in the set, have no image after it. */
int entity_rows_gone(struct entity_changes *set, const struct batch *batch, uint32_t first,
                     uint32_t count, struct arena *arena, struct ds_error *err);
/* Is the change of that entity, by the key that the entity had before? */
bool entity_change_has(const struct ds_change *e, const struct change *c);
/* "product 7", "table core_flag". */
int entity_change_text(const struct ds_change *e, struct buf *out);
/* A value of an image as handlers see it; `arena` for bytes that the binlog has stripped. */
int entity_value(const struct target_column *column, const uint8_t *raw, struct arena *arena,
                 struct ds_value *out);
/* The key as handlers see it. False: unknown. */
bool entity_key_value(struct slice key, struct ds_value *out);

#endif
