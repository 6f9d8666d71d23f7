/* Inside the import: tables of the destination by what their rows hang on. Not for others. */
#ifndef APPLIER_IMPORT_LINEAGE_H
#define APPLIER_IMPORT_LINEAGE_H

#include "applier/import/import_internal.h"

enum { IMPORT_LINEAGE_MAX = 8 };
struct import_lineage {
    const struct catalogue_entity *entity;
    const struct catalogue_table *levels[IMPORT_LINEAGE_MAX]; /* the table first, the root last */
    unsigned count;
};
/* Of a table of the destination, by its name there. false: the registry knows none of its rows, nor
 * what they hang on. */
bool import_lineage(const struct import *im, const char *table, struct import_lineage *out);
const char *import_lineage_root_key(const struct import_lineage *l);
/* "table t0 JOIN parent t1 ON …" */
int import_lineage_from(const struct import *im, const struct import_lineage *l, struct buf *sql);
/* Of them: not registered, or below something that is not. */
int import_lineage_is_own(const struct import *im, const struct import_lineage *l, struct buf *sql);
/* Of them: came from the source (itself, or the nearest above it that can be registered), or, with
 * on_duplicate: update, both have it, so that it is as the source's is. */
int import_lineage_is_sources(const struct import *im, const struct import_lineage *l,
                              struct buf *sql);
/* … itself, or the nearest above it that can be registered, as this. */
int import_lineage_has_origin(const struct import *im, const struct import_lineage *l,
                              enum origin origin, struct buf *sql);

#endif
