/* Columns as masks see them, and values that do not depend on what they stand for. For mask_value.c
 * only. */
#ifndef SCHEMA_MASK_COLUMN_H
#define SCHEMA_MASK_COLUMN_H

#include "schema/mask_value.h"

const char *mask_fixed_refusal(const struct mask_rule *r, const struct mask_column *c);
int mask_write_fixed(const struct mask_rule *r, const struct mask_column *c, struct buf *out);
/* NULL, or what is nothing where a column cannot be NULL. */
int mask_write_nothing(const struct mask_column *c, struct buf *out);
/* "YYYY-MM-DD", with anything behind it; "YYYY-MM-DD hh:mm:ss" likewise. By form alone. */
bool mask_is_date(const char *t, size_t len);
bool mask_is_datetime(const char *t, size_t len);
bool mask_is_ascii(const char *text);

#endif
