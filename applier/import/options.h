/* Inside the import: custom options of products. Not for others. */
#ifndef APPLIER_IMPORT_OPTIONS_H
#define APPLIER_IMPORT_OPTIONS_H

#include "applier/import/import_internal.h"

bool import_is_option(const struct import_table *t);
/* … of rows that are told by a title in another table. */
bool import_option_has_title(const struct import_table *t);
/* Never OPTIONS_AUTO. */
enum config_options_mode import_options_mode(const struct import *im,
                                             const struct import_entity *e);
/* The row may be the destination's option of that title though it is of another type. */
bool import_option_may_change_type(const struct import *im, const struct import_row *row);
/* What the table has under the option, found, is to be what the source has, no more. */
bool import_option_is_replaced(const struct import *im, const struct import_row *option,
                               const struct import_table *t);
/* New options in [first, end), of one table, are left out where the destination appends and has
 * the title. */
int import_leave_known_options(struct import *im, uint32_t first, uint32_t end,
                               struct ds_error *err);
/* The row, looked for, is left as it is, or is not added to what is there. */
bool import_option_stays(const struct import *im, const struct import_row *row);
/* The row does not go when it is deleted at the source. */
bool import_option_is_kept(const struct import *im, const struct import_row *row);
/* Titles and prices of options: where another source has the option, too, a stream takes none away,
 * since nobody knows which of the two has told it. */
bool import_option_is_told(const struct import *im, const struct import_table *t);
/* A segment is written: remember what import_finish_options is to do for it. DS_ENOMEM. */
int import_note_options(struct import *im);
int import_finish_options(struct import *im, struct ds_error *err);
void import_options_clear(struct import *im);

#endif
