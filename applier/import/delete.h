/* Inside the import: what the source deletes. Not for others. */
#ifndef APPLIER_IMPORT_DELETE_H
#define APPLIER_IMPORT_DELETE_H

#include "applier/import/import_internal.h"

/* --- delete.c --- */
/* What the configuration says, for each entity. */
int import_policies_new(struct import *im, struct ds_error *err);
/* Roots with these ids at the destination, "1,2,3", are switched off. Of the table entity, entry,
 * target and id_target are looked at. */
int import_switch_off(struct import *im, const struct import_table *t, const char *ids,
                      struct ds_error *err);
/* Deletes of the source that are found, of one table. */
int import_delete_rows(struct import *im, uint32_t first, uint32_t end, struct ds_error *err);

/* --- heirs.c --- */
/* The row came from the source, which has deleted it, and it is switched off. DS_ENOMEM. */
int import_note_off(struct import *im, const struct import_row *row);
/* [first, end): rows of one table that were looked for. Roots that came from the source under
 * another id, which it has no more, are its own under theirs. */
int import_inherit(struct import *im, uint32_t first, uint32_t end, struct ds_error *err);

/* --- cascaded.c --- */
/* Rows of the table with these ids, "1,2,3", stay though the source has deleted them: they are not
 * its any more, and what its foreign keys have deleted with them goes. */
int import_cascade(struct import *im, const struct catalogue_entity *e,
                   const struct catalogue_table *entry, const char *ids, struct ds_error *err);
/* The same of roots, as far as it is for this run; what becomes of the roots is for another one. */
int import_cascade_passed(struct import *im, const struct catalogue_entity *e, const char *ids,
                          struct ds_error *err);

#endif
