/* Inside the import: kinds of which a copy has begun, and not come to its end. Not for others. */
#ifndef APPLIER_IMPORT_UNFINISHED_H
#define APPLIER_IMPORT_UNFINISHED_H

#include "applier/import/import_internal.h"

int import_unfinished_new(struct import *im); /* DS_ENOMEM */
void import_unfinished_free(struct import *im);
/* In each transaction, before it writes: notes that the kinds which are asked for have begun. */
int import_unfinished_begin(struct import *im, struct ds_error *err);
void import_unfinished_rolled_back(struct import *im);
/* All has come, and no transaction is open. */
int import_unfinished_end(struct import *im, struct ds_error *err);
/* Has no earlier copy left entities of this kind without what it would have written at its end? A
 * stream never says so. */
bool import_was_finished(const struct import *im, const struct import_entity *e);

#endif
