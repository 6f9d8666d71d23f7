/* The table datasync_change_tracker, in which a module of the source's shop notes which entities
 * have changed: for sources whose binlog cannot be had.
 *
 * A row is pending (sync_completed 0) or done (1). The module writes a change into the entity's
 * pending row if there is one, where the time alone tells it from the change before, to the second:
 * a row that is marked after its entity was read may stand for a change that came later. So rows
 * are taken in hand (2) before anything is read. That waits for changes that are under way, and
 * what changes afterwards gets a pending row of its own. They are marked done when the destination
 * has committed their entities. Rows that a killed run has left in hand are pending for the next.
 *
 * What a row says was done to its entity is not relied on: the source's tables tell whether it is
 * there.
 *
 * Called by agent_copy.c; tracker_check by `datasync check`. Has a connection of its own. One
 * thread.
 */
#ifndef AGENT_TRACKER_H
#define AGENT_TRACKER_H

#include "agent/entity_copy.h"
#include "agent/source.h"

struct tracker_options {
    bool mark;      /* rows whose entities are at the destination; else nothing is written */
    uint64_t limit; /* rows of each type; 0: none */
};

struct tracker;
/* Connect and look at the table. DS_EUSAGE: there is none, or not such a one; DS_EACCESS: the
 * account may not write to it, and is to mark rows. The pointers are kept. */
int tracker_open(struct tracker **out, const struct config *config,
                 const struct catalogue *catalogue, const struct filter *filter,
                 const struct tracker_options *options, struct ds_error *err);
/* The pending rows of entities that the filter asks for, and with `mark` take them in hand. Rows
 * that the shop has locked for long are left for the next run. DS_ESCHEMA names types that are
 * nothing in the catalogue. */
int tracker_read(struct tracker *t, struct ds_error *err);
/* What they are of, in the catalogue's order. Valid until tracker_free. */
const struct entity_ids *tracker_kinds(const struct tracker *t, size_t *count);
/* The destination has all of this kind. */
int tracker_mark(struct tracker *t, const struct catalogue_entity *e, struct ds_error *err);
void tracker_free(struct tracker *t);

/* What would stop it, found beforehand; as source_check. */
int tracker_check(const struct config *config, const struct catalogue *catalogue,
                  const struct filter *filter, finding_callback found, void *arg,
                  struct ds_error *err);

#endif
