/* Values of attributes that are columns at the destination (schema/map.h: map_columns): a row of a
 * table of values is there no row, but a column of the row of its entity.
 *
 * Applier's thread. Belongs to one table of values of the source. Of its rows whole images are
 * needed.
 */
#ifndef APPLIER_MAP_MAP_FLAT_H
#define APPLIER_MAP_MAP_FLAT_H

#include "applier/map/map_handler.h"
#include "applier/target.h"
#include "schema/message.h"

struct map_flat;

struct map_flat_options {
    const struct map *map;
    const struct map_columns *columns;
    const struct map_facts *facts; /* live as long as it */
    const struct target *target;   /* the destination's schema … */
    const char *target_prefix;     /* … and its prefix of tables */
    const char *document;          /* one of columns->values: the source's table … */
    const struct msg_table *like;  /* … and as the stream defines it */
    uint32_t id;                   /* of the entity's table in the stream */
};

/* DS_EUSAGE: the destination lacks the entity's table, its key, or a column of an attribute. */
int map_flat_new(struct map_flat **out, const struct map_flat_options *o, struct ds_error *err);
void map_flat_free(struct map_flat *f);
/* Is the destination's table the one that it was made for? */
bool map_flat_is_current(const struct map_flat *f);
/* The entity's table, as a definition of the stream. */
const struct msg_table *map_flat_table(const struct map_flat *f);

enum { MAP_FLAT_NONE = UINT32_MAX };
struct map_flat_row {
    bool stays;      /* the row is one at the destination, too */
    uint32_t column; /* of the entity's table; MAP_FLAT_NONE: none */
    struct map_value entity, value;
};

/* What was looked at before is forgotten. */
void map_flat_clear(struct map_flat *f);
/* What is a row of the source? Lives until map_flat_clear. Errors of the facts; DS_ENOMEM. */
int map_flat_look(struct map_flat *f, const struct map_record *record, struct map_flat_row *out,
                  struct ds_error *err);
/* Append an image of the entity's table: its key, and the column; all else is absent. DS_ECONFLICT:
 * the value does not fit, names table, column and key. */
int map_flat_image(struct map_flat *f, const struct map_flat_row *row, struct buf *out,
                   struct ds_error *err);
/* Append changes of the entity's table: from one row to the other; either may be NULL. */
int map_flat_change(struct map_flat *f, const struct map_flat_row *before,
                    const struct map_flat_row *after, uint32_t flags, struct buf *out,
                    struct ds_error *err);

/* As Magento 2 keeps a password's hash: "hash:salt:version". What is not Magento 1's stays as it
 * is. DS_ENOMEM. */
int map_flat_password(struct arena *arena, struct map_value *v);
/* A hash of SHA-512: the row stays beside the column, which may be too narrow for it. */
bool map_flat_is_sha512(struct slice hash);

#endif
