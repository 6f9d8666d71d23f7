/* Inside the import: which row of the segment a row of the destination is. Not for others. */
#ifndef APPLIER_IMPORT_CLAIMS_H
#define APPLIER_IMPORT_CLAIMS_H

#include "applier/import/import_internal.h"

/* A deletion of what may be registered under another id: import_delete_rows looks whose it is. */
bool import_goes_by_name(const struct import_row *row);
/* Rows of the destination by their id → the segment's rows that they are. In the segment's arena.
 */
struct claims {
    struct claim *rows; /* NULL: everything is free */
    uint64_t mask;
};
/* The row that the id belongs to: `row`, if it was free. No more rows than were given to
 * import_claim_registered claim one each. */
const struct import_row *import_claim(struct claims *claims, uint64_t id,
                                      const struct import_row *row);
/* What the registry says of rows [first, end), of one table. */
int import_claim_registered(struct import *im, uint32_t first, uint32_t end, struct claims *out,
                            struct ds_error *err);

#endif
