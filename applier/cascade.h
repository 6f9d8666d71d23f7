/* Cascades of rows that the destination does not have (law 13): the filter leaves out their table,
 * so it has no foreign key that could act, and what that would do is written out.
 *
 * Called by write.c on the applier's thread.
 */
#ifndef APPLIER_CASCADE_H
#define APPLIER_CASCADE_H

#include <mysql.h>

#include "applier/plan.h"

/* For each row of the step, which are deleted or changed: delete, change or set to NULL what refers
 * to it by a derived key. From there on the destination's own foreign keys act. *rows grows by what
 * was written. DS_ESCHEMA: the source's image lacks a column that is referred to. */
int cascade_write(MYSQL *db, const char *database, const struct step *s, uint64_t *rows,
                  struct ds_error *err);
/* Before rows of the step are deleted, or change their keys: those that belong to them, and that no
 * foreign key takes along (struct target_fk, linked), and what keys do that act as the
 * destination's own would: at any depth, also below what its own take along, but not twice by one
 * table. */
int cascade_links(MYSQL *db, const char *database, const struct step *s, uint64_t *rows,
                  struct ds_error *err);
/* The latter, before a statement of the caller's own deletes rows of the table: those of `where`, "
 * WHERE …" of its columns. */
int cascade_below(MYSQL *db, const char *database, const struct target_table *t,
                  const struct buf *where, uint64_t *rows, struct ds_error *err);
/* Can keys of the table to itself act? Its rows are told by one whole number. */
bool cascade_may_lead_to_itself(const struct target_table *t);

#endif
