/* Notes at the destination of what has begun, and must come to its end before anything goes on:
 * documents that are copied again by themselves, from before the first of them is emptied until all
 * have come; a migration's data mode, from before its copy until its last step.
 *
 * `name`: the stream's, and what they are of: "NAME.reset", "NAME.data", under which they are rows
 * of datasync_snapshot. Main thread, or whose `db` is. Errors: those of the server; DS_ENOMEM.
 */
#ifndef APPLIER_LOAD_AGAIN_H
#define APPLIER_LOAD_AGAIN_H

#include <mysql.h>

#include "schema/error.h"

/* state_ensure was called. */
int load_again_note(MYSQL *db, const char *state_database, const char *name, const char *what,
                    struct ds_error *err);
/* All that are noted; take may be called before an error. No state at all: none. */
int load_again_read(MYSQL *db, const char *state_database, const char *name, void *arg,
                    int (*take)(void *arg, const char *what, struct ds_error *err),
                    struct ds_error *err);
/* It has come to its end; the checkpoint that is kept as `copy` (NULL: none) is forgotten, too. */
int load_again_done(MYSQL *db, const char *state_database, const char *name, const char *copy,
                    struct ds_error *err);

#endif
