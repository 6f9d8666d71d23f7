/* Rows of each document that a map leads to the destination, through the map and into a temporary
 * table there: which values would get lost? Main thread. */
#ifndef CLI_MIGRATE_SAMPLE_H
#define CLI_MIGRATE_SAMPLE_H

#include "agent/cli/migrate.h"
#include "applier/map/map_check.h"

/* sides: by enum map_side, of the documents that are asked about. Errors of the servers;
 * DS_ENOMEM. */
int migrate_sample(struct migrating *g, const struct map_side_schema sides[2],
                   struct map_findings *findings, struct ds_error *err);

#endif
