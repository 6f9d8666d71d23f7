/* datasync's own tables at the destination, in state_database: format 1.
 *
 * Created on first use, each with the comment "datasync format 1"; another format stops. Nothing
 * else in the project names their columns, apart from ddl.c (datasync_ddl, datasync_objects),
 * load.c and load_again.c (datasync_snapshot), xa.c and quarantine.c, which own the rows of theirs.
 */
#ifndef APPLIER_STATE_H
#define APPLIER_STATE_H

#include <mysql.h>
#include <stdbool.h>
#include <stdint.h>

#include "schema/buf.h"
#include "schema/error.h"
#include "schema/position.h"

/* Create what is missing; check the format of what is there. */
int state_ensure(MYSQL *db, const char *state_database, struct ds_error *err);
/* Is there a checkpoint table at all (for status and check, which create nothing)? */
int state_exists(MYSQL *db, const char *state_database, bool *exists, struct ds_error *err);
/* Is `name` one of our tables? They are never mirrored nor dropped. */
bool state_is_own_table(const char *name, size_t len);

/* Has the server been restarted since state_mark_alive (or was that never called for the stream)?
 * By a row in a MEMORY table, which no clock can confuse. */
int state_restarted(MYSQL *db, const char *state_database, const char *name, bool *restarted,
                    struct ds_error *err);
int state_mark_alive(MYSQL *db, const char *state_database, const char *name, struct ds_error *err);

struct counters { /* since the stream began, kept with the checkpoint */
    uint64_t transactions, rows, rows_written, batches, conflicts;
};

/* What has been applied of an entity since the stream began. */
struct entity_counts {
    char name[64];
    uint64_t inserted, updated, deleted; /* net changes of rows */
    uint64_t folded;                     /* changes that needed no write of their own */
    uint64_t time; /* commit time at the source of the newest of them, seconds */
};

struct checkpoint {
    bool found; /* there is a position */
    bool row;   /* the stream has its row, whether or not with a position */
    char *rows; /* import: whose position it is, names of entities in lines, "" that of all which
                   have none of their own; NULL: of all that there are */
    char *gtid_set; /* as text; "" none */
    char *file;
    uint64_t pos;
    char *source_identity; /* of the source whose file and pos these are */
    char filter[33];       /* fingerprint of the effective filter */
    char *filter_text;     /* readable form */
    uint64_t source_time;  /* commit time at the source of the last applied transaction, seconds */
    uint64_t server_started; /* destination's start, seconds since 1970 (now - uptime), to notice
                                its restarts */
    bool dirty;     /* a run that writes tables which cannot roll back has not ended cleanly */
    char *stale;    /* tables to be copied again: lines "TABLE" or "TABLE<TAB>POSITION", see
                       nontransactional.h */
    char *entities; /* lines, see entity_counts_read */
    struct counters counters;
};
void checkpoint_free(struct checkpoint *cp);
/* entity: at the position of this one, or of the stream ("") where it has none of its own. NULL: a
 * mirror. for_update: inside a transaction, locks the row. Leaves out->rows NULL. */
int checkpoint_read(MYSQL *db, const char *state_database, const char *name, const char *entity,
                    bool for_update, struct checkpoint *out, struct ds_error *err);
int checkpoint_insert(MYSQL *db, const char *state_database, const char *name,
                      const struct checkpoint *cp, struct ds_error *err);
/* Writes everything; DS_EPOSITION unless the stream's row is there. */
int checkpoint_update(MYSQL *db, const char *state_database, const char *name,
                      const struct checkpoint *cp, struct ds_error *err);
/* Forget the positions of single entities: the stream's is that of all. */
int checkpoint_settle(MYSQL *db, const char *state_database, const char *name,
                      struct ds_error *err);
int checkpoint_delete(MYSQL *db, const char *state_database, const char *name,
                      struct ds_error *err);
int checkpoint_position(const struct checkpoint *cp, struct position *out, struct ds_error *err);
bool entity_counts_any(const struct entity_counts *c);
/* A line of checkpoint.entities: "name inserted updated deleted folded time". Returns the next one,
 * NULL: there is none to read. What a line has not got is 0. */
const char *entity_counts_read(const char *line, struct entity_counts *out);
int entity_counts_print(const struct entity_counts *c, struct buf *out);

#endif
