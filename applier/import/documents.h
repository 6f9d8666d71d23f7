/* Inside the import: values that hold ids, or are encrypted. Not for others. */
#ifndef APPLIER_IMPORT_DOCUMENTS_H
#define APPLIER_IMPORT_DOCUMENTS_H

#include "applier/import/import_internal.h"

/* --- nameless.c --- */
int import_nameless_new(struct import *im);   /* DS_ENOMEM */
void import_nameless_free(struct import *im); /* tells what stayed so */
/* An id inside a value of the table is of nothing that is here, or it is after all. DS_ENOMEM. */
int import_note_nameless(struct import *im, const struct catalogue_table *entry,
                         const struct document_id *id);
void import_forget_nameless(struct import *im, const struct catalogue_table *entry,
                            const struct document_id *id);

/* --- documents.c --- */
int import_add_documents(struct import_table *t); /* DS_ENOMEM */
int import_want_documents(struct import *im, const struct import_row *row);
int import_translate_documents(struct import *im, struct import_row *row, struct ds_error *err);
int import_rewrite_deferred(struct import *im, struct import_row *row,
                            const struct import_document *d, struct ds_error *err);

/* --- encrypted.c --- */
int import_encryption_new(struct import *im, struct ds_error *err);
void import_encryption_free(struct import *im); /* tells what was left empty */
void import_encryption_committed(struct import *im);
void import_encryption_rolled_back(struct import *im);
int import_add_encrypted(struct import_table *t); /* DS_ENOMEM */
/* The row is about to be written. DS_ENOMEM. */
int import_count_emptied(struct import *im, const struct import_row *row);
int import_translate_encrypted(struct import *im, struct import_row *row, struct ds_error *err);

#endif
