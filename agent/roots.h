/* Keys of entities, for rows that lead to their root through other rows: the title of an option's
 * value belongs to the product whose option has that value.
 *
 * What rows on the way lead to is learned as they pass, and looked up at the source when they have
 * not, all that one row event needs at once, and its neighbours. A look-up sees the source as it is
 * now, not as it was: good enough to say whose row it is, since rows on the way do not change
 * sides. Where the root cannot be told, because rows on the way are gone, the nearest one that is
 * known stands for it, as text "TABLE=ID". Ids on the way are whole numbers.
 *
 * Memory is bounded: what has not been used for longest is forgotten, and looked up again. One
 * owner (the capture), one thread.
 */
#ifndef AGENT_ROOTS_H
#define AGENT_ROOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/buf.h"
#include "schema/catalogue.h"
#include "schema/db.h"
#include "schema/error.h"

struct roots;
/* A table that others are reached through. */
struct level;

/* `source` may be NULL: then only what passes is known. Catalogue, prefix and what `source` points
 * to must outlive it. DS_ENOMEM. */
int roots_new(struct roots **out, const struct catalogue *c, const char *prefix,
              const struct db_endpoint *source, struct ds_error *err);
void roots_free(struct roots *r);
/* The level that `table` (without the prefix) is, NULL: none. For each definition, not each row. */
const struct level *roots_level(const struct roots *r, const char *table);
/* Row `id` of the level leads on to `link`. */
void roots_learn(struct roots *r, const struct level *l, uint64_t id, uint64_t link);
/* Look up those of these rows that are not known; sorts them. Failures are logged, not returned,
 * and what has failed is left alone for a while. */
void roots_look_up(struct roots *r, const struct level *l, uint64_t *ids, size_t count);
/* The entity's key, as a value of messages, behind `out`. DS_ENOMEM. */
int roots_key(struct roots *r, const struct level *l, uint64_t id, struct buf *out);

#endif
