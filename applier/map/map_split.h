/* Rows of further documents that there are because of a row of a step's own document (ds_handler.h:
 * rows). They are what the step gives for the row as it is: a change of it leads from those for the
 * row before to those for the row after, by the keys of the destination's tables.
 *
 * Applier's thread. Belongs to one table of the source.
 */
#ifndef APPLIER_MAP_MAP_SPLIT_H
#define APPLIER_MAP_MAP_SPLIT_H

#include "applier/handlers.h"
#include "applier/map/map_handler.h"
#include "applier/target.h"
#include "schema/message.h"

struct map_split;

struct map_split_options {
    const struct handlers *own;
    const char *step;             /* the name; lives on */
    const struct target *target;  /* the destination's schema … */
    const char *target_prefix;    /* … and its prefix of tables */
    const struct msg_table *like; /* the source's table */
    uint32_t first_id;            /* of tables in the stream; the next ones count from it */
};

/* DS_EUSAGE: no file has the step any more, or the destination lacks a document of it. */
int map_split_new(struct map_split **out, const struct map_split_options *o, struct ds_error *err);
void map_split_free(struct map_split *s);
/* Are the destination's tables those that it was made for? */
bool map_split_is_current(const struct map_split *s);
/* Tables of the destination, as definitions of the stream; of how many. */
uint32_t map_split_count(const struct map_split *s);
const struct msg_table *map_split_table(const struct map_split *s, uint32_t i);

enum map_split_side { SPLIT_BEFORE, SPLIT_AFTER };
void map_split_clear(struct map_split *s);
/* Add the rows that there are because of this one. DS_ECONFLICT: the step fails, names document,
 * step and reason. */
int map_split_add(struct map_split *s, enum map_split_side side, const struct map_record *record,
                  struct ds_error *err);
/* From what was added as before to what was added as after: append the messages of what goes; then,
 * behind the source's row, of what comes and changes. DS_ENOMEM. */
int map_split_deletes(struct map_split *s, uint32_t flags, struct buf *out);
int map_split_writes(struct map_split *s, uint32_t flags, struct buf *out);
/* Rows of a table that were added as after: how many; and as an array of images. DS_ENOMEM. */
uint64_t map_split_rows(const struct map_split *s, uint32_t i);
int map_split_images(const struct map_split *s, uint32_t i, struct buf *out, uint32_t *count);

#endif
