/* Many rows updated by one statement (MariaDB): joined to a list of their keys and values.
 *
 * A fifth of the time that array binding takes for it. Any thread.
 */
#ifndef APPLIER_JOIN_UPDATE_H
#define APPLIER_JOIN_UPDATE_H

#include "applier/plan.h"
#include "schema/buf.h"

/* Rows that one number names and that get other numbers, of which no key knows: it does not matter
 * which comes first. `changed`: the columns that any row of the step sets. */
bool join_update_can(const struct step *s, const uint64_t *changed);
/* Put the statement for s->nets[first, first + *rows) into `sql`; *rows: as many of those before
 * `end`, which set the same columns, as go into one. DS_ENOMEM, or as bind_literal. */
int join_update(struct buf *sql, const char *database, const struct step *s,
                const uint64_t *changed, uint32_t first, uint32_t end, uint32_t *rows,
                struct ds_error *err);

#endif
