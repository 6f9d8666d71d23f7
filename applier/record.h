/* What a stream's rows at the destination came under, where its checkpoint has no column for it:
 * rows of datasync_objects (object `rules`), one of each kind.
 */
#ifndef APPLIER_RECORD_H
#define APPLIER_RECORD_H

#include <mysql.h>
#include <stdbool.h>

#include "schema/buf.h"
#include "schema/config.h"
#include "schema/error.h"

int record_store(MYSQL *db, const char *state_database, const char *name, const char *kind,
                 struct slice text, struct ds_error *err);
int record_read(MYSQL *db, const char *state_database, const char *name, const char *kind,
                struct buf *text, bool *found, struct ds_error *err);

/* The source system of the configured import, under which the registry knows what came. */
int record_system_store(MYSQL *db, const struct config *c, struct ds_error *err);
/* DS_EUSAGE: it is another one. *found: there is a record; versions before it made none. */
int record_system_compare(MYSQL *db, const struct config *c, bool *found, struct ds_error *err);
/* Which database the stream brings into which. */
int record_databases_store(MYSQL *db, const struct config *c, struct ds_error *err);
/* DS_EUSAGE: others. *found as above. */
int record_databases_compare(MYSQL *db, const struct config *c, bool *found, struct ds_error *err);
/* DS_EUSAGE: a mirror is configured, and the stream `name`, or `sync` under its name, has imported.
 */
int record_mode_check(MYSQL *db, const struct config *c, const char *name, struct ds_error *err);
/* A mirror takes the place of what `sync` has imported under the stream's name. */
int record_mode_forget(MYSQL *db, const struct config *c, const char *name, struct ds_error *err);
/* Of a stream whose first copy is made. DS_EUSAGE: the registry knows nothing of what has come. */
int record_registry_check(MYSQL *db, const struct config *c, struct ds_error *err);

#endif
