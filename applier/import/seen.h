/* Inside the import: what a run has met, and what a transaction deletes. Not for others. */
#ifndef APPLIER_IMPORT_SEEN_H
#define APPLIER_IMPORT_SEEN_H

#include "applier/import/import_internal.h"

/* --- seen.c --- */
int import_seen_new(struct import *im); /* DS_ENOMEM */
void import_seen_free(struct import *im);
/* Has a committed transaction of this run met the row of the type that has the id? */
bool import_seen(const struct import *im, uint32_t type, uint64_t id);
/* A copy begins anew: none has. */
void import_seen_clear(struct import *im);
int import_see(struct import *im, uint32_t type, uint64_t id); /* DS_ENOMEM */
/* The same of roots that on_duplicate: skip has left as they are. */
bool import_passed_over(const struct import *im, uint32_t type, uint64_t id);
int import_pass_over(struct import *im, uint32_t type, uint64_t id); /* DS_ENOMEM */
/* Ids at the source, of whole entities that a copy brings: noted at once, and until they are
 * cleared. Only those that import_seen_keeps. */
bool import_seen_keeps(uint64_t id);
int import_come_number(struct import *im, uint32_t type, uint64_t id); /* DS_ENOMEM */
bool import_number_has_come(const struct import *im, uint32_t type, uint64_t id);
void import_come_clear(struct import *im);
/* *first: the run has not counted this root yet; now it has, unless the transaction is rolled back,
 * or goes back to the mark. DS_ENOMEM. */
int import_count_once(struct import *im, uint32_t type, uint64_t id, bool *first);
void import_count_mark(struct import *im);
void import_count_go_back(struct import *im);
void import_seen_committed(struct import *im);
void import_seen_rolled_back(struct import *im);

/* --- gone.c --- */
/* The transaction begins: which entities does it delete? */
int import_dying_begin(struct import *im, const struct change *changes, uint32_t count,
                       struct ds_error *err);
bool import_is_dying(const struct import *im, const struct import_entity *e);

#endif
