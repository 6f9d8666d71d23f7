/* What travels: `entities`, `stock` and `tables` of the configuration, resolved by the catalogue,
 * say which tables do, `where` which of their rows, `mask` what becomes of their values,
 * `map` what tables and columns are called at the destination.
 *
 * A table is kept if its entity is listed (that of a table which no entity claims is `table`), if
 * tables.include matches it and tables.exclude does not, and if its stock mark is what `stock`
 * wants; and if mask.unknown does not leave out what no rule names. In mode import an entity that
 * is listed lists those that it brings along (catalogue.h), too. Patterns are names without the
 * shop's prefix, with `*` for any text, or `@group`. Tables that tools for online changes make
 * beside x are taken for x (shop_table.h).
 *
 * Of a table that is left out no rows travel; its structure does. Read-only after filter_new,
 * shared by all threads. Asked for each table definition, not for each row.
 */
#ifndef SCHEMA_FILTER_H
#define SCHEMA_FILTER_H

#include "buf.h"
#include "catalogue.h"
#include "config.h"
#include "error.h"
#include "map.h"
#include "mask.h"
#include "where.h"

struct filter;
/* Configuration and catalogue must outlive it. DS_EUSAGE names the key: an entity or group that is
 * not in the catalogue; or the file of a map, and its line. */
int filter_new(struct filter **out, const struct config *c, const struct catalogue *catalogue,
               struct ds_error *err);
/* The same for these entities alone, without what they bring along. */
int filter_new_exactly(struct filter **out, const struct config *c,
                       const struct catalogue *catalogue, struct ds_error *err);
void filter_free(struct filter *f);
/* NULL: values travel as they are. Also for f NULL. */
const struct mask *filter_mask(const struct filter *f);
/* What tables and columns become at the destination. NULL: they are called the same. Also for f
 * NULL. */
const struct map *filter_map(const struct filter *f);
/* Add to the map of a filter that has one, before any thread asks it: `extend` changes the map, and
 * appends to `text` what makes it another one. */
int filter_extend_map(struct filter *f,
                      int (*extend)(void *arg, struct map *m, struct buf *text,
                                    struct ds_error *err),
                      void *arg, struct ds_error *err);
/* Append a file's bytes. DS_EUSAGE: it cannot be read. */
int filter_read_file(const char *path, struct buf *bytes, struct ds_error *err);
/* Do all tables travel, and no entity in part? Also for NULL. */
bool filter_is_all(const struct filter *f);
/* Do rows of the table lead anywhere by the map, if there is one? */
bool filter_leads(const struct filter *f, const char *table);
/* `table` with the shop's prefix, as the server knows it. */
bool filter_keeps(const struct filter *f, const char *table);
/* Mode import: is the entity asked for? One that is set up at each side only by its name. */
bool filter_imports(const struct filter *f, const struct catalogue_entity *e);
/* Is it asked for only because one that is brings it along? */
bool filter_comes_along(const struct filter *f, const struct catalogue_entity *e);
/* Mode import: are all entities asked for that may be? */
bool filter_imports_all(const struct filter *f);
/* Does an import find it by code or name, and make it where it is missing? */
bool filter_maps(const struct catalogue_entity *e);
/* Does a change of this table travel? To an import also what its entities refer to. */
bool filter_travels(const struct filter *f, const char *table);
/* Sets set[i] for catalogue_at(i): what is asked for, and what that refers to, step by step, as far
 * as it is mapped. */
void filter_import_scope(const struct filter *f, bool *set);
/* The same of one entity. */
void filter_add_scope(const struct filter *f, const struct catalogue_entity *e, bool *set);
/* May ids inside values of `e` (document.h) be of `to`? */
bool filter_names(const struct catalogue_entity *e, const struct catalogue_entity *to);
/* Behind filter_add_scope of all: the mapped kinds that are named inside values of `e` alone. They
 * are recognised, and not made. */
void filter_add_recognised(const struct filter *f, const struct catalogue_entity *e, bool *set);
/* Which of its rows travel; NULL: all that filter_keeps says. Also for f NULL. */
const struct where *filter_where(const struct filter *f, const char *table);
/* A table of an entity whose root has a condition: rows of the others travel while the row of the
 * root does that they lead to. */
struct filter_level {
    const struct catalogue_entity *entity;
    const struct catalogue_table *entry; /* entity->tables[0]: the root itself */
    bool shadow; /* made beside it by a tool for online changes: becomes it later */
};
bool filter_level(const struct filter *f, const char *table, struct filter_level *out);
/* The entry that its link leads to, the root's for the root; and its column that is led to. */
const struct catalogue_table *filter_level_parent(const struct filter_level *l);
const char *filter_level_key(const struct catalogue_table *parent);
/* Rows of `child` travel, and not all of `parent` that they may refer to by this column (NULL: by
 * any). Within an entity those of its other tables do: only its root may be another one, unless the
 * column is what leads to the own. */
bool filter_crosses(const struct filter *f, const char *child, const char *column,
                    const char *parent);
/* Is there such an entity? Also for f NULL. */
bool filter_has_levels(const struct filter *f);
/* Do rows of both tables travel by the same rule, so that one may become the other? */
bool filter_same(const struct filter *f, const char *a, const char *b);
/* The i-th table with a condition, without prefix; NULL behind the last. */
const char *filter_where_table(const struct filter *f, size_t i);
/* The one that it was made with; NULL for NULL. */
const struct catalogue *filter_catalogue(const struct filter *f);
/* 32 hex digits, and a readable form, of what the filter does: order, repetitions and other names
 * of the same entities make no difference. Two filters with the same digits choose the same tables,
 * as long as the catalogue means the same by the names that they use: what these stand for counts.
 * Which entities an import asks for does not: each has a position of its own. */
int filter_fingerprint(const struct filter *f, char out[33], struct buf *readable);
/* The same with another mask than its own (NULL: none). */
int filter_fingerprint_with(const struct filter *f, const struct mask *mask, char out[33],
                            struct buf *readable);
/* That of filter_fingerprint, but also of an import the entities count: what has been read of a
 * source for one choice is not what another one needs. */
int filter_fingerprint_chosen(const struct filter *f, char out[33], struct buf *readable);

#endif
