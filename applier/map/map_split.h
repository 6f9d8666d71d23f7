/* Rows of further documents that there are because of a row: what a step gives for one of its own
 * document (ds_handler.h: rows), or what handlers give while a row is mapped (map_handler.h:
 * map_output). A change of the row leads from those for it as it was to those for it as it is, by
 * the keys of the destination's tables.
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
    const char *step;                    /* the name; lives on. NULL: of the handlers … */
    const struct map_row *row;           /* … of this one */
    const struct target *target;         /* the destination's schema … */
    const char *target_prefix;           /* … and its prefix of tables */
    const struct msg_table *like;        /* the source's table */
    const struct target_table *leads_to; /* where the row itself goes; NULL: nowhere */
    uint32_t first_id;                   /* of tables in the stream; the next ones count from it */
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
/* What is added from here on is of the next row. */
void map_split_begin(struct map_split *s, enum map_split_side side);
/* Add what a handler gives: one row for each key. DS_ECONFLICT names table, column and reason. */
int map_split_emit(struct map_split *s, const struct map_output *output, struct ds_error *err);
/* Is it a step's? */
bool map_split_is_step(const struct map_split *s);
/* Add the rows that a step gives because of this one. DS_ECONFLICT: the step fails, names document,
 * step and reason. */
int map_split_add(struct map_split *s, enum map_split_side side, const struct map_record *record,
                  struct ds_error *err);
/* From what was added as before to what was added as after: append the messages that stand before
 * the row itself, which are of what goes; then those behind it, of what comes and changes. Of
 * documents that the row refers to by a foreign key it is the other way round. DS_ENOMEM. */
int map_split_before(struct map_split *s, uint32_t flags, struct buf *out);
int map_split_after(struct map_split *s, uint32_t flags, struct buf *out);
/* Rows of a table that were added as after: how many; and as an array of images. DS_ENOMEM. */
uint64_t map_split_rows(const struct map_split *s, uint32_t i);
int map_split_images(const struct map_split *s, uint32_t i, struct buf *out, uint32_t *count);

#endif
