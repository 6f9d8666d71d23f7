/* What handlers look up in other tables, as the stream has brought it.
 *
 * The source can only be asked what is there now: a row that the record in hand names may be
 * another one by then, or gone. So the rows that have passed, in a copy and in the stream, are
 * remembered, of the tables and columns that the rules' handlers look up; the source is asked for
 * the others.
 *
 * Bounded: when it is full all is forgotten. Applier's thread.
 */
#ifndef APPLIER_MAP_MAP_SEEN_H
#define APPLIER_MAP_MAP_SEEN_H

#include "applier/map/map_handler.h"

struct map_seen;

/* The map must outlive it. DS_ENOMEM. */
int map_seen_new(struct map_seen **out, const struct map *map, struct ds_error *err);
void map_seen_free(struct map_seen *s);
void map_seen_forget(struct map_seen *s);
/* Does a handler look values up in this document? */
bool map_seen_watches(const struct map_seen *s, const char *document);
/* A row of it, as it is from here on; of one that goes, as it was. DS_ENOMEM. */
int map_seen_note(struct map_seen *s, const struct map_record *row, struct ds_error *err);
/* False: no such row has passed. *out lives until the next note. */
bool map_seen_find(const struct map_seen *s, const struct map_lookup *l, struct slice id,
                   struct map_value *out);

#endif
