/* May rows of these tables come and go by themselves? Asked of the source at the start. */
#ifndef AGENT_WHERE_CHECK_H
#define AGENT_WHERE_CHECK_H

#include <mysql.h>

#include "schema/config.h"
#include "schema/error.h"
#include "schema/filter.h"

/* For each table with a condition on its rows: it is there (`copies`; else a warning), its columns
 * can be compared, and no foreign key sets a column that the condition names to NULL without an
 * event. If it is the root of an entity, each table of that leads there by whole numbers, can roll
 * back, goes with what it leads through, and is referred to by tables of the entity only, but for
 * the root; else no other table refers to it. DS_EUSAGE says what is wrong. */
int where_check(const struct filter *filter, const struct config *config, MYSQL *source,
                bool copies, struct ds_error *err);

#endif
