/* Inside the import: what it does beside writing the source's rows. Part of import_internal.h. */
#ifndef APPLIER_IMPORT_AFTERMATH_H
#define APPLIER_IMPORT_AFTERMATH_H

#include "applier/import/import_internal.h"

/* --- aftermath.c --- */
int import_aftermath_new(struct import *im); /* DS_ENOMEM */
void import_aftermath_free(struct import *im);
void import_aftermath_clear(struct import *im);
/* Something of such an entity is about to be written, or deleted. */
void import_note_entity(struct import *im, const struct catalogue_entity *e);
/* The row is. DS_ENOMEM. */
int import_note(struct import *im, const struct import_row *row);
/* Rows of one table that are there are about to be written: categories among them may move, and
 * what stands below them with them. */
int import_note_moves(struct import *im, struct import_row *const *rows, uint32_t count,
                      struct ds_error *err);
int import_note_placed(struct import *im, const struct import_row *row); /* a new one; DS_ENOMEM */
/* Of one that is about to be deleted, and of which no more than the key was told: what else it was
 * here. */
int import_note_gone(struct import *im, const struct import_row *row, struct ds_error *err);
/* All of the range is written. */
int import_aftermath(struct import *im, struct ds_error *err);

/* --- sequences.c --- */
int import_sequences_new(struct import *im); /* DS_ENOMEM */
void import_sequences_free(struct import *im);
void import_sequences_clear(struct import *im);
/* The row is at the destination. DS_ENOMEM. */
int import_note_number(struct import *im, const struct import_row *row);
/* Rows of the table are looked at, and not written. */
bool import_is_sequence(const struct import_table *t);
int import_note_sequences(struct import *im, uint32_t first, uint32_t end); /* DS_ENOMEM */
/* All of the range is written. */
int import_sequences(struct import *im, struct ds_error *err);

/* --- reviews.c --- */
int import_reviews_new(struct import *im); /* DS_ENOMEM */
void import_reviews_free(struct import *im);
void import_reviews_clear(struct import *im);
/* The row is about to be written, or deleted. DS_ENOMEM. */
int import_note_review(struct import *im, const struct import_row *row);
int import_note_review_gone(struct import *im, const struct import_row *row, struct ds_error *err);
/* Something of the entity's roots ("1,2,3", or a SELECT) is about to be deleted. */
int import_note_reviews(struct import *im, const struct catalogue_entity *e, const char *ids,
                        struct ds_error *err);
/* Rows at these places are, and with ratings or their options the votes for them. */
int import_note_votes_gone(struct import *im, const struct import_table *t, const uint8_t ***places,
                           uint32_t count, struct ds_error *err);
/* All of the range is written. */
int import_reviews(struct import *im, struct ds_error *err);

/* --- single.c --- */
/* Rows of one table are about to be written: marks that the destination has are not taken over. */
int import_keep_singles(struct import *im, struct import_row *const *old, uint32_t old_count,
                        struct import_row *const *new, uint32_t new_count, struct ds_error *err);

#endif
