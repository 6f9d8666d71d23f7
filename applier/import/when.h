/* Inside the import: references that count where something else has a certain value. Not for
 * others. */
#ifndef APPLIER_IMPORT_WHEN_H
#define APPLIER_IMPORT_WHEN_H

#include "applier/import/import_internal.h"

/* Is the value one of these texts? */
bool import_is_one_of(const uint8_t *raw, const char *const *values);
/* The attribute that a row of the list of attributes is, as it says itself. Until the next call. */
const struct import_attribute *import_own_attribute(const struct import_table *t,
                                                    const uint8_t *const *values);
/* The attribute that the row is a value of, at the destination; NULL: none, or not known yet. */
const struct import_attribute *import_attribute_of(const struct import *im,
                                                   const struct import_row *row);
/* What `when` of the reference asks for, of the column that it names. DS_ENOMEM. */
int import_bind_when(struct import_table *t, struct import_reference *r);
/* Does the reference count for a row, with these values of it? */
bool import_reference_counts(const struct import *im, const struct import_row *row,
                             const struct import_reference *r, const uint8_t *const *values);
/* Read what references of rows [first, end) ask for. */
int import_load_codes(struct import *im, uint32_t first, uint32_t end, struct ds_error *err);

#endif
