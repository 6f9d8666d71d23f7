/* Which tables of the destination rows of the source go to, by a map and a filter.
 *
 * Names of documents are without prefix. Belongs to the thread of `servers`. Errors: of the source;
 * DS_ENOMEM.
 */
#ifndef APPLIER_MAP_MAP_TAKES_H
#define APPLIER_MAP_MAP_TAKES_H

#include "applier/map/map_facts.h"
#include "schema/filter.h"

struct map_takes {
    const struct config *config;
    const struct filter *filter; /* with a map */
    struct map_servers *servers; /* NULL: the source has whatever the rules name */
};

/* Do rows of this document of the source go to that one of the destination? */
int map_leads_to(const struct map_takes *o, const char *document, const char *there, bool *does,
                 struct ds_error *err);
/* Do any go to this table of the destination, as its whole name is? Those of a step's own, and what
 * handlers write, too. */
int map_takes(const struct map_takes *o, const char *table, bool *takes, struct ds_error *err);

#endif
