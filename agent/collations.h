/* The numbers of a server's collations, by their names as information_schema.COLUMNS has them.
 *
 * Joined to the columns of tables there, they would cost several times what they cost alone.
 * One owner, any thread.
 */
#ifndef AGENT_COLLATIONS_H
#define AGENT_COLLATIONS_H

#include <mysql.h>
#include <stdint.h>

#include "schema/error.h"

struct collations;

/* On success *out is the caller's. Errors: the server's, DS_ENOMEM. */
int collations_read(struct collations **out, MYSQL *db, struct ds_error *err);
void collations_free(struct collations *all); /* NULL: nothing */

/* 0: no such collation, or `all` is NULL. */
uint16_t collation_id(const struct collations *all, const char *name);

#endif
