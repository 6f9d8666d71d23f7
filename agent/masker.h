/* Masking rows, before anything is stored or sent.
 *
 * A plan says, for each column of a table as it is at some position, what becomes of its values. It
 * is made with each definition of a table; a column that no rule names stops here, unless
 * mask.unknown is null. Rows are masked in rounds, as the source has to be asked how values compare
 * (weights.h), and which attribute a value of an EAV table is of:
 *
 *     masker_begin; masker_look for row after row, until it says that the round is full;
 *     masker_ask; masker_mask for the same rows.
 *
 * The connection to the source is its own. Errors: DS_ESCHEMA names table and column, or attribute,
 * and what to write into mask.rules; DS_ECONN and others of the source. One owner, one thread.
 */
#ifndef AGENT_MASKER_H
#define AGENT_MASKER_H

#include <stdbool.h>
#include <stdint.h>

#include "schema/buf.h"
#include "schema/config.h"
#include "schema/error.h"
#include "schema/filter.h"
#include "schema/mask.h"
#include "schema/message.h"

struct masker;
struct mask_plan;

/* *out NULL when the filter has no masks. All arguments must outlive it. */
int masker_new(struct masker **out, const struct filter *filter, const struct config *config,
               struct ds_error *err);
void masker_free(struct masker *m);

/* The plan for a table; NULL: all of it is kept. `flags` are the definition's (enum table_flag).
 * `only`: bits of the columns of which values travel at all, NULL: all. */
int masker_plan(struct masker *m, const char *table, const struct msg_column *columns,
                uint32_t count, uint32_t flags, const uint64_t *only, struct mask_plan **out,
                struct ds_error *err);
void mask_plan_free(struct mask_plan *p);
/* Is what this column holds masked in any row? Also for p NULL. */
bool mask_plan_masks(const struct mask_plan *p, uint32_t column);

void masker_begin(struct masker *m);
/* An image of a row (empty: none); `before`: the one that an after image refers to, else empty. */
int masker_look(struct masker *m, const struct mask_plan *p, struct slice image,
                struct slice before, bool *full, struct ds_error *err);
int masker_ask(struct masker *m, struct ds_error *err);
/* The masked image, appended. */
int masker_mask(struct masker *m, const struct mask_plan *p, struct slice image,
                struct slice before, struct buf *out, struct ds_error *err);
/* An array of images, each by itself, as rows of a copy come: all rounds of it. */
int masker_rows(struct masker *m, const struct mask_plan *p, struct slice rows, struct buf *out,
                struct ds_error *err);
/* The source's attributes may have changed. */
void masker_forget_attributes(struct masker *m);

/* Do the rules fit the source as it is? DS_EUSAGE with all that is wrong, as far as it fits.
 * `copies`: what has no rule is wrong, too; else the stream may stop there, later. */
int masker_check(struct masker *m, bool copies, struct ds_error *err);

/* A column by which rows belong to their entity is masked. DS_EUSAGE. */
int masker_refuse_link(struct slice column, struct ds_error *err);

#endif
