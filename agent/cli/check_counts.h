/* datasync check --counts: rows and checksum of each table at both sides, on stdout as they are
 * known, the tables that differ once more at the end. Main thread.
 */
#ifndef CLI_CHECK_COUNTS_H
#define CLI_CHECK_COUNTS_H

#include <stdint.h>

#include "schema/config.h"
#include "schema/error.h"
#include "schema/filter.h"

/* *different: tables that do not hold the same. Errors: of the servers, DS_EIO: of stdout. */
int check_counts(const struct config *c, const struct filter *filter, uint64_t *different,
                 struct ds_error *err);

/* The same under a map, document by document: those that differ are told, with keys. */
int check_volume(const struct config *c, const struct filter *filter, uint64_t *different,
                 struct ds_error *err);

#endif
