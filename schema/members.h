/* The names of the values that an ENUM or SET column has, in their order.
 *
 * As TABLE_MAP events have them (ENUM_STR_VALUE, SET_STR_VALUE): how many, then each behind its
 * length, numbers length-encoded; in the column's character set. No thread affinity.
 */
#ifndef SCHEMA_MEMBERS_H
#define SCHEMA_MEMBERS_H

#include "schema/arena.h"
#include "schema/buf.h"
#include "schema/error.h"

/* How many a COLUMN_TYPE has: "enum('a','b''c')". */
uint32_t members_count(const char *column_type);
/* Append them. DS_ENOMEM. */
int members_of_type(struct buf *out, const char *column_type);
/* In the arena, pointing into `list`; *count: 0 where the list is none, or broken. DS_ENOMEM. */
int members_read(struct slice list, struct arena *arena, struct slice **names, uint32_t *count);

#endif
