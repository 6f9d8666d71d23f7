/* Imports into one destination database take turns.
 *
 * What has no unique key there (a CMS page, an option) is looked for, and made where it is missing:
 * two at once would both make it. A transaction of an import begins with a named lock and keeps it
 * until it has ended; what it looks for then, it sees as the last one has committed it (READ
 * COMMITTED). The server frees it with the connection.
 */
#include "applier/apply.h"
#include "schema/log.h"

#include <mysqld_error.h>

/* A server takes names of up to 64 characters: long ones of databases may share one. */
#define LOCK_NAME "LEFT(CONCAT('datasync.import.', DATABASE()), 64)"

enum { WAIT_SECONDS = 50 /* as for the lock of a row */, MYSQL_MANY_LOCKS = 50705 };

/* Before, a session that takes a second lock loses the first: the stream's own. */
static bool has_turns(const struct applier *a)
{
    return a->import && !a->options.dry_run &&
           (a->server.mariadb || a->server.version >= MYSQL_MANY_LOCKS);
}

int import_turn_take(struct applier *a, struct ds_error *err)
{
    if (!has_turns(a) || a->has_turn)
        return 0;
    for (int waited = 0; waited < WAIT_SECONDS; waited++) {
        uint64_t got = 0;
        bool found;
        if (atomic_load(&a->stop))
            return error_set(err, DS_ESTOPPED, "asked to stop");
        int rc = db_scalar_u64(a->db, &got, &found, err, "SELECT GET_LOCK(" LOCK_NAME ", 1)");
        a->has_turn = rc == 0 && found && got == 1;
        if (rc || a->has_turn)
            return rc;
        if (waited == 0)
            log_info("another import writes to this destination, waiting for its transaction to "
                     "end database=%s",
                     a->database);
    }
    return error_set_server(err, DS_ERETRY, ER_LOCK_WAIT_TIMEOUT,
                            "another import into %s has not ended its transaction for %d seconds",
                            a->database, WAIT_SECONDS);
}

void import_turn_end(struct applier *a)
{
    struct ds_error ignored; /* a broken connection has freed it */
    if (a->has_turn)
        db_exec(a->db, &ignored, "DO RELEASE_LOCK(" LOCK_NAME ")");
    a->has_turn = false;
}
