/* The source's side of a snapshot: its connection, its one position, who must not be under way.
 *
 * For snapshot.c only. One thread. A transaction opened by source_begin is read through the same
 * connection and ended by source_close (or source_rollback).
 */
#ifndef AGENT_SNAPSHOT_SOURCE_H
#define AGENT_SNAPSHOT_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/snapshot.h"
#include "schema/db.h"
#include "schema/position.h"

struct collations;
struct snapshot_source {
    MYSQL *db;
    struct db_server server;
    const char *database;
    struct collations *collations; /* of the server, once they were asked for */
};

/* Connect, with a session under which every value and definition is read as it is stored: UTC, no
 * sql_mode, no conversion of results, no time limits. */
int source_open(struct snapshot_source *s, const struct config *config, struct ds_error *err);
/* The destination, to be read in the same way. */
int source_open_destination(struct snapshot_source *s, const struct config *config,
                            struct ds_error *err);
void source_close(struct snapshot_source *s);
/* Open the consistent snapshot and say at which position it stands. MariaDB: without any lock;
 * MySQL: under a global read lock that is held for the duration of three statements. Waits, for at
 * most a minute, while XA transactions are prepared: their rows would be in neither snapshot nor
 * stream. DS_EUNSUPPORTED names the xids. */
int source_begin(struct snapshot_source *s, const struct snapshot_options *o, struct position *at,
                 struct ds_error *err);
/* The same for a copy that no stream follows: no position, so no privilege but SELECT, and no
 * binlog is needed. */
int source_begin_alone(struct snapshot_source *s, struct ds_error *err);
int source_rollback(struct snapshot_source *s, struct ds_error *err);
/* Where the binlog ends now. */
int source_position(struct snapshot_source *s, struct position *at, struct ds_error *err);
/* The sum of some statement counters of the server: SHOW GLOBAL STATUS LIKE `pattern`. */
int source_counter(struct snapshot_source *s, const char *pattern, uint64_t *sum,
                   struct ds_error *err);
/* Wait a while, in small steps. DS_ESTOPPED when asked to. */
int source_wait(const struct snapshot_options *o, unsigned milliseconds, struct ds_error *err);

#endif
