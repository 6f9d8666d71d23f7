/* Inside the import: files that rows name. Not for others. */
#ifndef APPLIER_IMPORT_FILES_H
#define APPLIER_IMPORT_FILES_H

#include "applier/import/import_internal.h"

int import_files_new(struct import *im, struct ds_error *err);
void import_files_begin(struct import *im);
/* The row is about to be written: the file that its value names is wanted. */
int import_note_file(struct import *im, const struct import_row *row, struct ds_error *err);
/* The change is of a table that is not imported: does it say where a file is? */
int import_files_source(struct import *im, const struct change *c, struct ds_error *err);
/* DS_ERETRY, with `files_due`: they are to be fetched first. */
int import_files_end(struct import *im, bool part, struct ds_error *err);

#endif
