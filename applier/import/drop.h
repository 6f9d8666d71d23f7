/* Inside the import: rows that go since the source has not got them. Not for others. */
#ifndef APPLIER_IMPORT_DROP_H
#define APPLIER_IMPORT_DROP_H

#include "applier/import/import_internal.h"

/* --- drop.c --- */
/* Rows of the table with these ids at the destination ("1,2,3") are about to go, and with them what
 * is reached through them, or are not the source's any more: the registry forgets them. */
int import_forget(struct import *im, const struct catalogue_entity *e,
                  const struct catalogue_table *entry, const char *ids, struct ds_error *err);
/* Is an entity of the segment here with all that it has in this table? */
bool import_has_all(const struct import *im, const struct import_table *t);
/* Know the entity's tables of which nothing has come yet, too: as if the source's were the same. */
int import_look_below(struct import *im, const struct catalogue_entity *e, struct ds_error *err);
/* Rows of the table at the destination that whole entities do not have go. [first, end): those that
 * they have, looked for and not yet written. */
int import_drop_rest(struct import *im, const struct import_table *t, uint32_t first, uint32_t end,
                     struct ds_error *err);

/* Is what the table has under the row to become what the source has, no more? */
bool import_is_replaced(const struct import *im, const struct import_row *row,
                        const struct import_table *t);
/* Places of rows under these ("1,2,3", or a SELECT), `most` of them, of which the source can speak,
 * or (not import_is_known) could if it has what they name of their own kind. `records`: the source
 * is a file. `values`: SQL that such rows fulfil, too (" AND t.x = 1"), or "". NULL: an error. */
MYSQL_RES *import_rows_under(struct import *im, const struct import_table *t, bool records,
                             const char *list, const char *values, uint32_t most,
                             struct ds_error *err);

bool import_is_known(const struct import_table *t, MYSQL_ROW row);
/* Places of those of these ("(1,2),(3,4)") of which the source can speak by now. */
MYSQL_RES *import_rows_at(struct import *im, const struct import_table *t, const char *list,
                          struct ds_error *err);

/* --- used.c --- */
struct import_used {
    struct buf ids;     /* ",1,2," */
    struct buf others;  /* "\n1 NAME\n": those that the source of this name has, too */
    struct buf holders; /* "\n1 TABLE\n": those which a foreign key of it does not let go */
};
int import_add_used(struct import_used *used, const char *id); /* DS_ENOMEM */
void import_used_free(struct import_used *used);
/* Which of these rows ("1,2,3") does something of the destination's own use, or another source
 * have? They are added to `used`, for import_is_used. */
int import_find_used(struct import *im, const struct catalogue_entity *e,
                     const struct catalogue_table *entry, const char *ids, struct import_used *used,
                     struct ds_error *err);
/* … does another source have? */
int import_find_shared(struct import *im, const struct catalogue_entity *e,
                       const struct catalogue_table *entry, const char *ids,
                       struct import_used *used, struct ds_error *err);
bool import_is_used(const struct import_used *used, uint64_t id);
void import_tell_used(const struct import_used *used, const struct catalogue_entity *e,
                      const struct catalogue_table *entry, uint64_t id);
/* Of rows at these places, about to go, those that are used are taken out of the list: they are not
 * the source's any more. */
int import_keep_used(struct import *im, const struct import_table *t, const uint8_t ***places,
                     uint32_t *count, struct ds_error *err);

/* --- unsure.c --- */
int import_unsure_new(struct import *im); /* DS_ENOMEM */
void import_unsure_free(struct import *im);
/* A row of import_rows_under that is not known, and that the source has not got. DS_ENOMEM. */
int import_unsure_add(struct import *im, const struct import_table *t, MYSQL_ROW row,
                      const unsigned long *lengths);
/* [first, end): rows that were looked for. */
void import_unsure_stays(struct import *im, uint32_t first, uint32_t end);
void import_unsure_committed(struct import *im);
void import_unsure_rolled_back(struct import *im);
int import_settle_unsure(struct import *im, struct ds_error *err);

/* --- large.c --- */
int import_large_new(struct import *im); /* DS_ENOMEM */
void import_large_free(struct import *im);
void import_large_forget(struct import *im);
/* [first, end): rows of a table, of roots decided, and not yet written. */
int import_large_begin(struct import *im, uint32_t first, uint32_t end, struct ds_error *err);
/* The entity's root came in an earlier part: what was decided holds for the rest. */
void import_large_decided(const struct import *im, struct import_entity *e);
/* … that were looked for. */
void import_large_stays(struct import *im, uint32_t first, uint32_t end);
/* All parts are written: the rest goes. */
int import_large_drop(struct import *im, struct ds_error *err);

#endif
