/* Keys of rows for messages: "id=5 store=1". Values are shortened; no column is but those of the
 * key, or of a table without one, the first few. DS_ENOMEM. Any thread.
 */
#ifndef APPLIER_KEY_TEXT_H
#define APPLIER_KEY_TEXT_H

#include "applier/plan.h"
#include "schema/buf.h"

/* Of a row's values by the table's columns; NULL: not known. */
int values_key_text(const struct target_table *t, const uint8_t *const *values, struct buf *out);
int net_key_text(const struct net *n, struct buf *out);
/* The same for the images of a change: its key before it (after it, for an insert). */
int change_key_text(const struct change *c, struct buf *out);

#endif
