/* Connections to MySQL and MariaDB, for both sides.
 *
 * Thin: connecting (TLS, plug-ins, timeouts), error classes, small queries with results as text.
 * A connection belongs to one thread. Text SQL of more than one identifier is built by the callers
 * with the quoting functions here.
 */
#ifndef SCHEMA_DB_H
#define SCHEMA_DB_H

#include <mysql.h>
#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"

enum tls_mode { TLS_PREFERRED, TLS_DISABLED, TLS_REQUIRED, TLS_VERIFY_CA, TLS_VERIFY_IDENTITY };

struct db_endpoint {
    const char *role;  /* "source" or "destination", for messages */
    const char *place; /* "config.xml:12", where another file than the configuration names the
                          server; else NULL */
    const char *host, *socket, *user, *password, *database; /* database may be NULL */
    unsigned port;
    enum tls_mode tls;
    const char *tls_ca, *tls_cert, *tls_key;
    unsigned connect_timeout; /* seconds */
    unsigned read_timeout;    /* seconds, 0: none */
};

struct db_server {
    bool mariadb;
    unsigned version; /* 101119 for 10.11.19, 80046 for 8.0.46 */
    char text[80];    /* VERSION() */
    uint32_t server_id;
    char identity[80]; /* server_uuid of MySQL, "server_id@hostname:port" of MariaDB */
};

/* Connect with CLIENT_FOUND_ROWS and character set binary. `preferred`: enforced, plain only if the
 * server offers no TLS; a local socket needs none. Errors: DS_EACCESS (refused, or its TLS
 * is), DS_ECONN, DS_EUSAGE (no such database); text names role, host, port and user, never the
 * password. A host that answers no packet for two minutes is lost, however long a statement may
 * take. */
int db_connect(MYSQL **out, const struct db_endpoint *ep, struct ds_error *err);
int db_server_info(MYSQL *db, struct db_server *out, struct ds_error *err);
void db_close(MYSQL **db); /* for cleanup attributes; NULL allowed */
#define DB_AUTO __attribute__((cleanup(db_close)))

/* The class of an error number: DS_EACCESS, DS_ECONN, DS_ERETRY or DS_ESERVER. */
int db_error_class(unsigned server_errno);
/* Fill err from the connection, with what was being done. Returns the class; of a server that is
 * read only for now DS_ECONN. */
int db_fail(struct ds_error *err, MYSQL *db, const char *doing);
int db_fail_stmt(struct ds_error *err, MYSQL_STMT *stmt, const char *doing);

/* Run a statement without result (results are read and dropped). */
int db_exec(MYSQL *db, struct ds_error *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int db_exec_len(MYSQL *db, const char *sql, size_t len, struct ds_error *err);
/* Stored result; NULL on error. Caller: mysql_free_result. */
MYSQL_RES *db_select(MYSQL *db, struct ds_error *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* First column of the first row into out; *found false when there is no row or it is NULL. */
int db_scalar(MYSQL *db, struct buf *out, bool *found, struct ds_error *err, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
int db_scalar_u64(MYSQL *db, uint64_t *out, bool *found, struct ds_error *err, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

int sql_identifier(struct buf *out, const char *name); /* `na``me` */
int sql_identifier_len(struct buf *out, const char *name, size_t len);
int sql_table(struct buf *out, const char *database, const char *table); /* `db`.`table` */
int sql_string(struct buf *out, const void *p,
               size_t len); /* '…' safe under every sql_mode: hex literal unless plain ASCII */

/* An expression for the name that InnoDB's dictionary (the view information_schema.…) has for a
 * table, in bytes. NULL where it cannot be told: MySQL from 8.0 on hides the character set of file
 * names, and ours knows ASCII only. Partitions have #P# or #p# and more behind the name. */
int sql_innodb_name(struct buf *out, const struct db_server *server, const char *database,
                    const char *table);
const char *sql_innodb_view(const struct db_server *server);

#endif
