/* Something that makes messages of its own for the applier, in place of a source's entities: a step
 * of a migration.
 *
 * What it hands out is as entity_copy.h says: transactions, whose positions count in file
 * "copy.000001". Called once, on the agent's thread. *end: the position after the last one (caller:
 * position_free).
 */
#ifndef AGENT_PRODUCER_H
#define AGENT_PRODUCER_H

#include "agent/entity_copy.h"

struct producer {
    void *arg;
    int (*produce)(void *arg, const struct entity_copy_options *o, struct position *end,
                   struct ds_error *err);
};

#endif
