/* Row images of a change, column by column, against the destination's table.
 *
 * Values are pointers to encoded values (schema/message.h) inside the change's own images: nothing
 * is copied, and they live as long as the batch. Any thread.
 */
#ifndef APPLIER_IMAGES_H
#define APPLIER_IMAGES_H

#include "applier/batch.h"

struct row_images {
    const uint8_t *before[MESSAGE_MAX_COLUMNS], *after[MESSAGE_MAX_COLUMNS]; /* NULL: not sent */
    uint64_t changed[MESSAGE_MAX_COLUMNS / 64]; /* of an update: columns with another value */
};

/* Point values[i] at the raw value of column i: absent ones, too. What the image holds of hidden
 * columns is left out. DS_EFORMAT: not the table's columns. */
int images_values(const struct target_table *t, struct slice image, const uint8_t **values);
/* Fill *out for the images that the change's operation has. What an update leaves as it was, or
 * does not send, is in `after` as it is in `before`. DS_EFORMAT: not the table's columns. */
int images_split(const struct change *c, struct row_images *out, struct ds_error *err);
/* Do two rows, whose values are split, say different things of a column that both have? */
bool images_contradict(const struct target_table *t, const uint8_t *const *a,
                       const uint8_t *const *b);
/* The bytes that identify a row, in `arena`: the values of its key or, without one, of all columns
 * that are not generated. DS_ESCHEMA: one of them is not in the image. */
int images_key(const struct target_table *t, const uint8_t *const *values, struct arena *arena,
               struct slice *out, struct ds_error *err);
/* The after image with what an update leaves as it was filled in, so that it can be read without
 * its before image: an insert's own, or in `arena`. DS_EFORMAT, DS_ENOMEM. */
int images_full_after(struct arena *arena, const struct change *c, struct slice *out);

#endif
