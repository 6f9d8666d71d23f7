/* Rows of a source's table as rows of the destination's table that a map leads it to.
 *
 * Compiled once for both sides' columns; then image by image: a column goes where it is called so,
 * or where a rule moves it; what is ignored stays behind; handlers change what they are for, those
 * of the source's side before, those of the destination's side after. A value takes the form that
 * the column at the destination needs (a number for an integer, a text for a date); one that cannot
 * take it is an error.
 *
 * Handlers see whole records: they need binlog_row_image=FULL. One thread. Images that are made
 * live in the caller's buffer.
 */
#ifndef APPLIER_MAP_MAP_ROW_H
#define APPLIER_MAP_MAP_ROW_H

#include "applier/map/map_handler.h"
#include "applier/target.h"
#include "schema/message.h"

struct map_row;

struct map_row_options {
    const struct map *map;
    const struct map_facts *facts; /* of handlers; lives as long as the row */
    /* Of handlers, which give rows of other documents while an image is made; NULL: not taken. */
    int (*emit)(void *arg, const struct map_output *output, struct ds_error *err);
    void *emit_arg;
    const char *prefix, *target_prefix; /* of tables at the source and the destination; "": none */
    const struct msg_table *source;     /* with names of columns */
    const struct target_table *target;  /* what the map leads the table to; lives on. NULL: nothing,
                                           rows are only read */
    /* Had the destination's table the column when rows were copied into it? Then it may not be
     * gone. NULL: not known. */
    bool (*had)(void *arg, const char *table, const char *column);
    void *had_arg;
    bool leftovers; /* rules for a field that its table has not, and had not, are passed over */
    /* What the table is called in messages, where rows are an import's: a column that travels as it
     * is stays described as the source has it, and so does the source's key. NULL: as the
     * destination has it all. */
    const char *import_name;
};

/* DS_EUSAGE: a rule for the table cannot be followed, with file and line; DS_ESCHEMA: a column that
 * it had is gone. */
int map_row_new(struct map_row **out, const struct map_row_options *o, struct ds_error *err);
void map_row_free(struct map_row *r);
/* What handlers know of the table's columns; NULL: no memory. */
struct map_field *map_row_fields(const struct target_table *t, struct arena *arena);
/* Are images at the destination what they are at the source? */
bool map_row_is_same(const struct map_row *r);
/* The table as the destination has it, for what reads images that were made. Lives as long as r. */
const struct msg_table *map_row_table(const struct map_row *r);
/* Does the column of the destination get its value from the source's row or from a handler? */
bool map_row_gives(const struct map_row *r, uint32_t column);
/* The i-th document that handlers of the row write to beside its own; NULL: no more. */
const char *map_row_writes(const struct map_row *r, size_t i);
/* Append the destination's image. `before`: of an update, for an after image (values that are the
 * same stand there alone); else empty. DS_ECONFLICT: a value cannot be handled or converted, names
 * table, column and what to do; DS_EUNSUPPORTED: the image is not whole; DS_EFORMAT, DS_ENOMEM. */
int map_row_image(struct map_row *r, struct slice image, struct slice before, struct buf *out,
                  struct ds_error *err);
/* The same of a row that is new: columns of its attributes (map_columns) are empty. */
int map_row_new_image(struct map_row *r, struct slice image, struct slice before, struct buf *out,
                      struct ds_error *err);
/* Images may hold some columns only: handlers of those that they lack are not called. */
void map_row_in_part(struct map_row *r, bool in_part);
/* For a look at rows: what a column cannot have, or a handler refuses (-1: the first of its
 * handlers, -2: the next …), is noted, and the row is made without it, so that all that is wrong
 * with it is seen. An error of `note` ends the row. */
typedef int map_row_note(void *arg, int32_t column, const char *why, struct ds_error *err);
void map_row_note_misfits(struct map_row *r, map_row_note *note, void *arg);
/* The same of a row that the destination has already: handlers see its image as the opposite
 * record, and what no column of the source goes to keeps its value. */
int map_row_image_onto(struct map_row *r, struct slice image, struct slice there, struct buf *out,
                       struct ds_error *err);

/* The source's row as handlers see it, until the next call. DS_EUNSUPPORTED: the image is not
 * whole; DS_EFORMAT, DS_ENOMEM. */
int map_row_record(struct map_row *r, struct slice image, struct slice before,
                   struct map_record *out, struct ds_error *err);
/* Add the key of the source's row that was read last. */
void map_row_at_key(const struct map_row *r, struct ds_error *err);
/* A table of the destination as messages would have it, if its shop were their source; what it does
 * not know is as of `like`. Lives in the arena. DS_ENOMEM. */
int map_row_describe(const struct target_table *t, const struct msg_table *like,
                     struct arena *arena, struct msg_table *out);

#endif
