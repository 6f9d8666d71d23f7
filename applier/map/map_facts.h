/* What handlers of map rules ask for beside the record, read from the servers when it is asked.
 *
 * The source is asked as it is now, which may be later than the record; values of rows that have
 * passed before are known as of the record (map_seen.h). A connection of its own is
 * made for that, at the first question. Belongs to the applier's thread.
 */
#ifndef APPLIER_MAP_MAP_FACTS_H
#define APPLIER_MAP_MAP_FACTS_H

#include "applier/map/map_handler.h"
#include "applier/target.h"
#include "schema/config.h"

struct map_servers;

/* Configuration, map and the user's handlers (NULL: none) must outlive it. */
int map_servers_new(struct map_servers **out, const struct config *c, const struct map *map,
                    const struct handlers *own, struct ds_error *err);
void map_servers_free(struct map_servers *s);
/* The destination's schema; lives on. What is known of the source is forgotten. */
void map_servers_attach(struct map_servers *s, const struct target *target);
/* Has the source such a table? By its whole name. */
int map_servers_has_table(struct map_servers *s, const char *name, bool *has, struct ds_error *err);
/* The facts; `now` is that of the call. Lives as long as s. */
const struct map_facts *map_servers_facts(struct map_servers *s);

#endif
