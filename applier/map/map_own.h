/* Handlers of map rules that a user supplies (ds_handler.h), as if they were ours, and records as
 * such handlers see them. Applier's thread.
 */
#ifndef APPLIER_MAP_MAP_OWN_H
#define APPLIER_MAP_MAP_OWN_H

#include "applier/handlers.h"
#include "applier/map/map_handler.h"

struct ds_record {
    struct map_record is;
};

/* *out NULL: none of that class is there. `own` NULL: there are none at all. */
int map_own_open(struct map_handler **out, const struct handlers *own, const struct map_rule *rule,
                 const struct map_table *table, struct ds_error *err);
/* As handlers give a value; texts live as long as the arena. DS_ENOMEM. */
int map_own_value(const struct ds_value *v, struct arena *arena, struct map_value *out);

#endif
