/* Inside the import: ids of the source become the destination's. Not for others. */
#ifndef APPLIER_IMPORT_RESOLVE_H
#define APPLIER_IMPORT_RESOLVE_H

#include "applier/import/import_internal.h"

/* A text as SQL with the column's character set and collation. */
int import_sql_text(struct buf *sql, const struct target_column *c, struct slice text,
                    struct ds_error *err);
/* A value as SQL, of text with the column's own collation. */
int import_sql_value(struct buf *sql, const struct target_column *c, const uint8_t *raw,
                     struct ds_error *err);
/* What stands in a column that has no value (yet); NULL: out of memory. */
const uint8_t *import_nothing(struct import *im, const struct import_table *t, uint32_t target);
enum resolved { IS_RESOLVED, IS_PENDING, IS_NOT_HERE };
enum resolved import_resolve_id(const struct import *im, uint32_t type, struct slice id,
                                uint64_t *target);
/* One of the two is NULL. */
int import_defer(struct import *im, struct import_row *row, const struct import_reference *r,
                 const struct import_document *d, struct ds_error *err);
/* Ask the registry for what rows [first, end) of one table hold. */
int import_want(struct import *im, uint32_t first, uint32_t end, struct ds_error *err);
/* Translate one row; its state becomes ROW_OPEN, ROW_WAITS or ROW_LEFT. */
int import_translate(struct import *im, struct import_row *row, struct ds_error *err);
/* The value of one column, translated; NULL: out of memory, or what it names is not here. */
const uint8_t *import_translated(struct import *im, const struct import_row *row, uint32_t source);
/* The row that the registry names is not at the destination any more, and gets another id: what of
 * its entity is written already, and names it, is told then. */
int import_refer_again(struct import *im, const struct import_row *gone, struct ds_error *err);
/* New rows of the table are about to be inserted: numbers that are deferred get a place in them. */
int import_hold_places(struct import *im, struct import_table *t, struct ds_error *err);
/* What was deferred. */
int import_resolve_deferred(struct import *im, struct ds_error *err);

#endif
