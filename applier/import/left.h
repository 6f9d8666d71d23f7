/* Inside the import: entities that are left out, and are told of. Not for others. */
#ifndef APPLIER_IMPORT_LEFT_H
#define APPLIER_IMPORT_LEFT_H

#include "applier/import/import_internal.h"

struct import_left { /* an entity that was left out in this run */
    uint32_t place;  /* of its kind */
    bool copied;     /* more of it may come; else only `why` is for something */
    char *why;       /* of the transaction in hand, which comes in parts, nothing of it is written;
                        NULL: of another one */
    bool met, told;  /* it was seen, and told of, in this try */
    size_t len;
    struct import_left *next;
    uint8_t key[];
};

/* --- left.c --- */
/* Where it stands, or is to stand. */
struct import_left **import_find_left(struct import *im, uint32_t place, struct slice key);
void import_forget_left(struct import *im, struct import_left **at);
void import_left_free(struct import *im);
/* Adds the entity of the transaction that does not fit, and what to do, to the error's message. */
void import_name_failed(const struct import *im, const struct batch *batch,
                        const struct transaction *tx, struct ds_error *err);
/* The transaction in hand is rolled back, or committed. */
void import_left_again(struct import *im);
void import_left_committed(struct import *im);

/* --- orphans.c --- */
int import_orphans_new(struct import *im); /* DS_ENOMEM */
void import_orphans_free(struct import *im);
/* The root's row is left out: it cannot be without what the column names. DS_ENOMEM. */
int import_orphan(struct import *im, const struct import_row *row, const char *column,
                  struct slice id);
void import_orphan_came(struct import *im, const struct import_entity *e);
/* How many are there? They are counted. */
uint64_t import_tell_orphans(struct import *im);

#endif
