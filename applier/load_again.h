/* Documents that are to be copied again by themselves: noted at the destination before the first of
 * them is emptied, until all of them have come, so that nothing goes on between.
 *
 * `name`: the stream's. Rows of datasync_snapshot under "NAME.reset". Main thread, or whose `db`
 * is. Errors: those of the server; DS_ENOMEM.
 */
#ifndef APPLIER_LOAD_AGAIN_H
#define APPLIER_LOAD_AGAIN_H

#include <mysql.h>

#include "schema/error.h"

/* state_ensure was called. */
int load_again_note(MYSQL *db, const char *state_database, const char *name, const char *document,
                    struct ds_error *err);
/* All that are noted; take may be called before an error. No state at all: none. */
int load_again_read(MYSQL *db, const char *state_database, const char *name, void *arg,
                    int (*take)(void *arg, const char *document, struct ds_error *err),
                    struct ds_error *err);
/* They have come, by a copy whose checkpoint is kept as `copy`, which is forgotten, too. */
int load_again_done(MYSQL *db, const char *state_database, const char *name, const char *copy,
                    struct ds_error *err);

#endif
