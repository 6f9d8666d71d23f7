/* The connection to the source: opening the binlog dump, reading packets, positions, checks.
 *
 * The client library transports only: it connects, registers and opens the dump through its
 * replication API, or, for MySQL's GTID dump, by a raw command, which that API has not; packets are
 * read with mysql_net_read_packet and decoded by our own decoder. A dump belongs to one thread;
 * dump_interrupt may be called from any. Sources: mariadb.com/kb/en/replication-protocol,
 * dev.mysql.com "Replication Protocol".
 */
#ifndef AGENT_SOURCE_H
#define AGENT_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "schema/config.h"
#include "schema/db.h"
#include "schema/error.h"
#include "schema/position.h"

/* --- the dump ----------------------------------------------------------- */

struct dump {
    MYSQL *db;
    struct db_server server;
    bool gtid_mode;          /* its transactions have GTIDs (MariaDB: always) */
    bool fold_case;          /* names of databases and tables are compared in lower case */
    bool full_metadata;      /* table maps name columns */
    char default_engine[64]; /* of its new tables; "" unknown */
    uint32_t server_id;      /* ours */
    bool chosen_id;          /* not from the configuration */
    void *rpl;               /* handle of the library's replication API */
    void *ssl;               /* OpenSSL's part of the connection, NULL without TLS */
};

struct dump_start {
    const struct position *from; /* GTID set, else file position, else everything there is */
    bool by_gtid;                /* from->gtid is complete, though it may be empty */
    bool non_block;              /* end at the end of the binlog instead of waiting */
    bool from_file_head;         /* by file: from its first event on, `from` being reached by the
                                    reader */
};

enum { DUMP_EOF = 1 };
#define DUMP_HEARTBEAT_SECONDS 10 /* between two packets of an idle source */
#define DUMP_SILENCE_SECONDS   60 /* no packet for so long: the connection is lost */

/* Connect and learn about the server. `server_id` 0: of the configuration, else chosen. `uuid`:
 * of this replica, for MySQL. */
int dump_connect(struct dump *d, const struct config *config, uint32_t server_id,
                 struct ds_error *err);
/* Does this start need the file's head? (GTIDs to be learned there, or 32 bits do not reach.) */
bool dump_needs_head(const struct dump *d, const struct dump_start *start);
/* Register as a replica, set up the session, ask for events. DS_EPURGED, DS_EPOSITION … arrive
 * with the first packet. */
int dump_open(struct dump *d, const struct dump_start *start, const char *uuid,
              struct ds_error *err);
/* Next event: its bytes are valid until the next call. 0, DUMP_EOF (non_block), or an error:
 * DS_ECONN, DS_EACCESS, DS_EPURGED, DS_EPOSITION, DS_ELIMIT, DS_EUSAGE (duplicate server_id),
 * DS_ESERVER. */
int dump_read(struct dump *d, struct slice *event, struct ds_error *err);
/* Is this error of dump_read "another replica uses our server_id"? */
bool dump_is_duplicate(int rc, const struct ds_error *err);
/* Is there (part of) a packet that can be read without waiting for the network? */
bool dump_buffered(const struct dump *d);
/* Wait for data, at most timeout_ms. True: there is some (or the connection has ended). */
bool dump_wait(const struct dump *d, int timeout_ms);
void dump_close(struct dump *d);
/* Make a reader that blocks in dump_read on this socket return. Any thread. */
void dump_interrupt(int socket);

/* --- positions ---------------------------------------------------------- */

/* Is every transaction of a server numbered? */
int source_gtid_mode(MYSQL *db, const struct db_server *server, bool *on, struct ds_error *err);
/* Where the binlog ends now. The GTID set is complete if the server has GTIDs; the file is left
 * empty where the privilege for SHOW MASTER STATUS is missing. DS_EUSAGE: no binary log. Caller:
 * position_free. */
int source_now(MYSQL *db, const struct db_server *server, struct position *out,
               struct ds_error *err);
/* Can the source go on from `p`? DS_EPURGED: no longer; DS_EPOSITION: it does not have (all of)
 * these transactions, which are listed. What cannot be told for lack of privileges is left to
 * the dump. */
int source_validate(MYSQL *db, const struct db_server *server, const struct position *p,
                    struct ds_error *err);
/* Is the binlog of this server the one in which `p` is a place with both, GTIDs and file? After
 * RESET MASTER, or on a server restored from a backup, the same names may come again and mean
 * something else. DS_EPOSITION: it is not. 0 also where nothing tells. */
int source_same_log(MYSQL *db, const struct db_server *server, const struct position *p,
                    struct ds_error *err);
/* The same error, for what the stream itself shows. there: "it ends before that", behind "we are at
 * …, and there". */
int source_another_log(const struct position *p, const char *there, struct ds_error *err);
/* Does the server's binlog go as far as `p`, from which it was read? Cheap enough to ask now and
 * then; GTIDs are not asked for, MySQL shows one only after its commit. DS_EPOSITION. */
int source_reaches(MYSQL *db, const struct position *p, struct ds_error *err);
/* No transaction may be prepared where a stream starts: its rows would be lost. Waits up to
 * `patience` seconds. DS_EUNSUPPORTED with the xids. */
int source_check_xa(MYSQL *db, unsigned patience, struct ds_error *err);
/* FILE:POSITION to a GTID set, where the source can tell (MariaDB). *found. */
int source_resolve_file(MYSQL *db, const struct db_server *server, struct position *p, bool *found,
                        struct ds_error *err);

/* --- preflight ---------------------------------------------------------- */

enum finding_level { FINDING_OK, FINDING_WARNING, FINDING_STOP };
struct finding {
    enum finding_level level;
    const char *what;   /* short name: "binlog_format" */
    const char *detail; /* what was found, and what to do */
};
typedef void (*finding_callback)(void *arg, const struct finding *f);
/* Everything about the source that would stop a stream, or may. `position` (may be NULL): where it
 * would go on. Findings do not fail; an error does: the source cannot be asked. */
int source_check(const struct config *config, const struct position *position,
                 finding_callback found, void *arg, struct ds_error *err);
/* The same of its binlog alone: is it written, does it say what is needed, may it be read? */
int source_check_binlog(const struct config *config, finding_callback found, void *arg,
                        struct ds_error *err);

#endif
