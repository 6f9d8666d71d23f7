/* Import: one position per entity (law 13).
 *
 * A run for some entities moves only theirs; the stream is read from the oldest of those that are
 * asked for, and changes that an entity has already are passed over. In datasync_checkpoint the row
 * without an entity is the stream's: its position is that of every entity that has no row of its
 * own. A run for all entities that has brought them to one place leaves only that row.
 *
 * Asked by the applier's thread, and by commands before there is one.
 */
#ifndef APPLIER_POSITIONS_H
#define APPLIER_POSITIONS_H

#include <mysql.h>
#include <stdbool.h>
#include <stdint.h>

#include "applier/batch.h"
#include "applier/state.h"
#include "schema/config.h"
#include "schema/filter.h"

struct positions;
/* Of the stream `name`, and into *cp the checkpoint at the oldest place; nothing is found where an
 * entity has none yet, but for a copy that was interrupted. */
int positions_read(struct positions **out, MYSQL *db, const char *state_database, const char *name,
                   const struct filter *filter, struct checkpoint *cp, struct ds_error *err);
void positions_free(struct positions *p);
/* Some entities have a position, these have none: they are to be copied first. NULL: all or none
 * have. By commas. */
const char *positions_to_copy(struct positions *p);
/* Do some stand further on than the stream? */
bool positions_apart(const struct positions *p);
/* For how many of them is a transaction with this place behind it new? Without a place (it is not
 * known yet): by its GTID. DS_EUNSUPPORTED: it has neither. */
int positions_front(const struct positions *p, const struct position *after, struct slice gtid,
                    uint32_t *front, struct ds_error *err);
/* Is a transaction that is new for `front` of them (0: for those that the stream stands at) new for
 * the entity at this place of the catalogue? */
bool positions_new_for(const struct positions *p, uint32_t place, uint32_t front);
/* Says in *cp whose position its one is, when a transaction that is new for `front` is applied. */
int positions_assign(const struct positions *p, uint32_t front, struct checkpoint *cp);
/* If all stand at one place, *cp, only the stream's row is left. */
int positions_settle(const struct positions *p, MYSQL *db, const char *state_database,
                     const char *name, const struct checkpoint *cp, struct ds_error *err);
/* It is committed. */
void positions_committed(struct positions *p, const struct checkpoint *cp);
/* The checkpoint as it stands now; lock: in a transaction, so that it stays so. */
int positions_checkpoint(const struct positions *p, MYSQL *db, const char *state_database,
                         const char *name, bool lock, struct checkpoint *out, struct ds_error *err);

/* For commands: the checkpoint of the configured stream, of a mirror or an import. to_copy: gets
 * what positions_to_copy says; may be NULL. */
int positions_look(MYSQL *db, const struct config *c, const struct filter *filter,
                   struct checkpoint *cp, struct buf *to_copy, struct ds_error *err);

#endif
