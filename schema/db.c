#include "schema/db.h"

#include <errmsg.h>
#include <errno.h>
#include <mysqld_error.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "schema/db_later.h"
#include "schema/db_open.h"
#include "schema/log.h"

/* Declared as in mysql/client_plugin.h, which does not compile as Debian ships it (it includes a
 * header of the library's own source). */
struct st_mysql_client_plugin *mysql_client_find_plugin(MYSQL *db, const char *name, int type);
enum { PLUGIN_AUTHENTICATION = 2, HOST_LOST_SECONDS = 120 };

static pthread_once_t library_once = PTHREAD_ONCE_INIT;
static int library_failed; /* written by library_start only */

/* The library's list of plug-ins has no lock that holds: two threads that make their first
 * connections at once race in it. Load what servers commonly ask for before that can happen. */
static void library_start(void)
{
    library_failed = mysql_library_init(0, NULL, NULL);
    MYSQL *db = library_failed ? NULL : mysql_init(NULL);
    if (!db)
        return;
    static const char *const plugins[] = {"caching_sha2_password", "sha256_password",
                                          "client_ed25519"};
    for (size_t i = 0; i < sizeof plugins / sizeof *plugins; i++)
        if (!mysql_client_find_plugin(db, plugins[i], PLUGIN_AUTHENTICATION))
            log_debug("client plug-in not installed name=%s", plugins[i]);
    mysql_close(db);
}

/* "source 127.0.0.1:3306 (user shop)" */
static const char *endpoint_text(const struct db_endpoint *ep, char *out, size_t size)
{
    if (ep->socket && *ep->socket)
        snprintf(out, size, "%s %s (user %s)", ep->role, ep->socket, ep->user ? ep->user : "");
    else
        snprintf(out, size, "%s %s:%u (user %s)", ep->role, ep->host ? ep->host : "", ep->port,
                 ep->user ? ep->user : "");
    return out;
}

static bool given(const char *text)
{
    return text && *text;
}

static int set_tls(MYSQL *db, const struct db_endpoint *ep)
{
    my_bool on = 1, off = 0;
    if (ep->tls == TLS_DISABLED || (ep->tls == TLS_PREFERRED && given(ep->socket)))
        return 0;
    int bad = mysql_options(db, MYSQL_OPT_SSL_ENFORCE, &on);
    bad |= mysql_options(db, MYSQL_OPT_SSL_VERIFY_SERVER_CERT,
                         ep->tls == TLS_VERIFY_IDENTITY ? &on : &off);
    /* A CA file makes the library verify the chain, whatever else is set. */
    if (given(ep->tls_ca))
        bad |= mysql_options(db, MYSQL_OPT_SSL_CA, ep->tls_ca);
    if (given(ep->tls_cert))
        bad |= mysql_options(db, MYSQL_OPT_SSL_CERT, ep->tls_cert);
    if (given(ep->tls_key))
        bad |= mysql_options(db, MYSQL_OPT_SSL_KEY, ep->tls_key);
    return bad;
}

static int set_options(MYSQL *db, const struct db_endpoint *ep)
{
    unsigned connect = ep->connect_timeout ? ep->connect_timeout : 30;
    unsigned off = 0;
    unsigned protocol = given(ep->socket) ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
    int bad = mysql_options(db, MYSQL_OPT_CONNECT_TIMEOUT, &connect);
    bad |= mysql_options(db, MYSQL_OPT_READ_TIMEOUT, &ep->read_timeout);
    bad |= mysql_options(db, MYSQL_OPT_WRITE_TIMEOUT, &ep->read_timeout);
    /* The library takes host "localhost" for a socket unless told. */
    bad |= mysql_options(db, MYSQL_OPT_PROTOCOL, &protocol);
    bad |= mysql_options(db, MYSQL_SET_CHARSET_NAME, "binary");
    bad |= mysql_options(db, MYSQL_OPT_LOCAL_INFILE, &off); /* a server must not read our files */
    bad |= mysql_optionsv(db, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "datasync");
    bad |= set_tls(db, ep);
    return bad;
}

/* A certificate that is not accepted stays so: not worth a retry. The library has one number for
 * this and for a connection that breaks while TLS is set up; the texts are its own and OpenSSL's.
 */
static bool tls_refused(const char *text)
{
    static const char *const signs[] = {"certificate", "verif",   "Validation", "hostname",
                                        "required",    "No such", "PEM",        "unable to"};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (strcasestr(text, signs[i]))
            return true;
    return false;
}

static int connect_failed(struct ds_error *err, MYSQL *db, const struct db_endpoint *ep)
{
    char where[700], at[610];
    unsigned number = mysql_errno(db);
    const char *text = mysql_error(db);
    endpoint_text(ep, where, sizeof where);
    snprintf(at, sizeof at, "%s%s", ep->place ? ", at " : "", ep->place ? ep->place : "");
    if (number == ER_BAD_DB_ERROR)
        return error_set_server(err, DS_EUSAGE, number,
                                "%s: database '%s' does not exist; create it or correct "
                                "%s.database%s",
                                where, ep->database, ep->role, at);
    int code = db_error_class(number);
    if (number == CR_SSL_CONNECTION_ERROR && tls_refused(text))
        return error_set_server(err, DS_EACCESS, number,
                                "cannot connect to the %s: TLS: %s; check %s.tls", where, text,
                                ep->role);
    if (code == DS_EACCESS)
        return error_set_server(err, code, number,
                                "the %s refuses the connection: %s (%u); check %s.user and "
                                "%s.password%s",
                                where, text, number, ep->role, ep->role, at);
    if (code == DS_ESERVER) /* nothing that was running has failed: the server is not usable now */
        code = DS_ECONN;
    return error_set_server(err, code, number, "cannot connect to the %s: %s (%u)", where, text,
                            number);
}

/* A statement may take hours, but a host that is gone without a word answers no packet: without
 * this the kernel notices after two hours, or a quarter of one if something was sent. */
static void notice_lost_host(MYSQL *db)
{
    static const struct {
        int level, name, value;
    } options[] = {{SOL_SOCKET, SO_KEEPALIVE, 1},
                   {IPPROTO_TCP, TCP_KEEPIDLE, HOST_LOST_SECONDS / 2},
                   {IPPROTO_TCP, TCP_KEEPINTVL, HOST_LOST_SECONDS / 12},
                   {IPPROTO_TCP, TCP_KEEPCNT, 6},
                   {IPPROTO_TCP, TCP_USER_TIMEOUT, HOST_LOST_SECONDS * 1000}};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (setsockopt(mysql_get_socket(db), options[i].level, options[i].name, &options[i].value,
                       sizeof options[i].value))
            log_debug("a connection's option cannot be set option=%d reason=\"%s\"",
                      options[i].name, strerror(errno));
}

/* The handshake is over: what is still to be checked and set on a new connection. */
static int connect_finish(MYSQL *db, const struct db_endpoint *ep, struct ds_error *err)
{
    char where[700];
    if (!given(ep->socket))
        notice_lost_host(db);
    bool encrypted = mysql_get_ssl_cipher(db) != NULL;
    endpoint_text(ep, where, sizeof where);
    /* The library goes on in plain text when the server offers no TLS, enforced or not. */
    if (!encrypted && ep->tls >= TLS_REQUIRED)
        return error_set(err, DS_EACCESS,
                         "the %s offers no TLS, but %s.tls.mode asks for it; set up TLS there, or "
                         "use mode preferred",
                         where, ep->role);
    if (!encrypted && ep->tls == TLS_PREFERRED && !given(ep->socket))
        log_debug("connection is not encrypted, the server offers no TLS role=%s", ep->role);
    int rc = db_open_add(db, where);
    if (rc == DS_ESTOPPED)
        return error_set(err, rc, "asked to stop while connecting to the %s", ep->role);
    return rc ? error_set(err, rc, "out of memory for a connection to the %s", ep->role) : 0;
}

int db_connect(MYSQL **out, const struct db_endpoint *ep, struct ds_error *err)
{
    *out = NULL;
    pthread_once(&library_once, library_start);
    MYSQL *db = library_failed ? NULL : mysql_init(NULL);
    if (!db)
        return error_set(err, DS_ENOMEM, "out of memory for a connection to the %s", ep->role);
    int rc = 0;
    bool by_socket = given(ep->socket);
    if (ep->tls == TLS_VERIFY_CA && !given(ep->tls_ca)) /* the library would not verify anything */
        rc = error_set(err, DS_EUSAGE, "%s.tls.mode is verify_ca: set %s.tls.ca to a file of CAs",
                       ep->role, ep->role);
    else if (set_options(db, ep))
        rc = error_set(err, DS_ENOMEM, "cannot set the options of the connection to the %s: %s",
                       ep->role, mysql_error(db));
    else if (!mysql_real_connect(db, by_socket ? NULL : ep->host, ep->user, ep->password,
                                 given(ep->database) ? ep->database : NULL,
                                 by_socket ? 0 : ep->port, by_socket ? ep->socket : NULL,
                                 CLIENT_FOUND_ROWS))
        rc = connect_failed(err, db, ep);
    else
        rc = connect_finish(db, ep, err);
    if (rc) {
        mysql_close(db);
        return rc;
    }
    *out = db;
    return 0;
}

void db_close(MYSQL **db)
{
    if (*db) {
        db_later_end(*db);
        db_open_remove(*db);
        mysql_close(*db);
    }
    *db = NULL;
}

/* --- error classes ------------------------------------------------------ */

/* Numbers that only one of the two servers has. */
enum {
    MY_ACCOUNT_LOCKED = 3118,
    MY_MUST_CHANGE_PASSWORD = 1820,
    MY_MUST_CHANGE_PASSWORD_LOGIN = 1862,
    MARIA_ACCOUNT_LOCKED = 4151,
    MY_SESSION_KILLED = 3169,
    MY_LOCK_NOWAIT = 3572,
    MY_QUERY_TIMEOUT = 3024,
    MY_INTERACTION_TIMEOUT = 4031,
    MARIA_CONNECTION_KILLED = 1927,
    MARIA_STATEMENT_TIMEOUT = 1969,
};

int db_error_class(unsigned server_errno)
{
    switch (server_errno) {
    case ER_DBACCESS_DENIED_ERROR:           /* 1044 */
    case ER_ACCESS_DENIED_ERROR:             /* 1045 */
    case ER_HOST_NOT_PRIVILEGED:             /* 1130 */
    case ER_TABLEACCESS_DENIED_ERROR:        /* 1142 */
    case ER_COLUMNACCESS_DENIED_ERROR:       /* 1143 */
    case ER_SPECIFIC_ACCESS_DENIED_ERROR:    /* 1227 */
    case ER_NOT_SUPPORTED_AUTH_MODE:         /* 1251 */
    case ER_PROCACCESS_DENIED_ERROR:         /* 1370 */
    case ER_ACCESS_DENIED_NO_PASSWORD_ERROR: /* 1698 */
    case MY_MUST_CHANGE_PASSWORD:
    case MY_MUST_CHANGE_PASSWORD_LOGIN:
    case MY_ACCOUNT_LOCKED:
    case MARIA_ACCOUNT_LOCKED:
    case CR_SECURE_AUTH:
    case CR_AUTH_PLUGIN_CANNOT_LOAD:
    case CR_AUTH_PLUGIN_ERR:
    case CR_PLUGIN_NOT_ALLOWED:
        return DS_EACCESS;
    case ER_CON_COUNT_ERROR:     /* 1040 */
    case ER_BAD_HOST_ERROR:      /* 1042 */
    case ER_HANDSHAKE_ERROR:     /* 1043 */
    case ER_SERVER_SHUTDOWN:     /* 1053 */
    case ER_NORMAL_SHUTDOWN:     /* 1077 */
    case ER_SHUTDOWN_COMPLETE:   /* 1079 */
    case ER_FORCING_CLOSE:       /* 1080 */
    case ER_HOST_IS_BLOCKED:     /* 1129 */
    case ER_CANT_CREATE_THREAD:  /* 1135 */
    case ER_ABORTING_CONNECTION: /* 1152 */
    case ER_NET_READ_ERROR_FROM_PIPE:
    case ER_NET_FCNTL_ERROR:
    case ER_NET_PACKETS_OUT_OF_ORDER:
    case ER_NET_UNCOMPRESS_ERROR:
    case ER_NET_READ_ERROR:
    case ER_NET_READ_INTERRUPTED:
    case ER_NET_ERROR_ON_WRITE:
    case ER_NET_WRITE_INTERRUPTED:     /* 1161 */
    case ER_NEW_ABORTING_CONNECTION:   /* 1184 */
    case ER_TOO_MANY_USER_CONNECTIONS: /* 1203 */
    case ER_USER_LIMIT_REACHED:        /* 1226 */
    case MARIA_CONNECTION_KILLED:
    case MY_SESSION_KILLED:
    case MY_INTERACTION_TIMEOUT:
    case CR_SOCKET_CREATE_ERROR:
    case CR_CONNECTION_ERROR:
    case CR_CONN_HOST_ERROR:
    case CR_IPSOCK_ERROR:
    case CR_UNKNOWN_HOST:
    case CR_SERVER_GONE_ERROR:
    case CR_VERSION_ERROR:
    case CR_WRONG_HOST_INFO:
    case CR_SERVER_HANDSHAKE_ERR:
    case CR_SERVER_LOST:
    case CR_SSL_CONNECTION_ERROR:
    case CR_MALFORMED_PACKET:
    case CR_SERVER_LOST_EXTENDED:
    case CR_ERR_NET_READ:
    case CR_ERR_NET_WRITE:
        return DS_ECONN;
    case ER_CHECKREAD:                /* 1020: the row changed since the snapshot of the read */
    case ER_LOCK_WAIT_TIMEOUT:        /* 1205 */
    case ER_LOCK_DEADLOCK:            /* 1213 */
    case ER_QUERY_INTERRUPTED:        /* 1317: KILL QUERY */
    case ER_XA_RBTIMEOUT:             /* 1613 */
    case ER_XA_RBDEADLOCK:            /* 1614 */
    case ER_TOO_MANY_CONCURRENT_TRXS: /* 1637 */
    case MARIA_STATEMENT_TIMEOUT:
    case MY_QUERY_TIMEOUT:
    case MY_LOCK_NOWAIT:
        return DS_ERETRY;
    default:
        return DS_ESERVER;
    }
}

/* Who switches a server over makes it read only for a while: it is waited for, like one that is
 * away. The number is that of other options, too. */
static bool is_read_only(unsigned number, const char *text)
{
    return number == ER_READ_ONLY_MODE ||
           (number == ER_OPTION_PREVENTS_STATEMENT &&
            (strstr(text, "read-only") || strstr(text, "read_only")));
}

static int fail_with(struct ds_error *err, MYSQL *db, unsigned number, const char *text,
                     const char *doing)
{
    char name[700];
    int code = number == CR_OUT_OF_MEMORY ? DS_ENOMEM : db_error_class(number);
    if (!*text)
        text = "unknown error";
    if (is_read_only(number, text))
        code = DS_ECONN;
    if (code == DS_ECONN && db && db_open_name(db, name, sizeof name))
        return error_set_server(err, code, number, "%s: %s: %s (%u)", doing, name, text, number);
    return error_set_server(err, code, number, "%s: %s (%u)", doing, text, number);
}

int db_fail(struct ds_error *err, MYSQL *db, const char *doing)
{
    return fail_with(err, db, mysql_errno(db), mysql_error(db), doing);
}

int db_fail_stmt(struct ds_error *err, MYSQL_STMT *stmt, const char *doing)
{
    if (mysql_stmt_errno(stmt) == 0) /* libmariadb: the connection broke while rows were fetched */
        return fail_with(err, stmt->mysql, CR_SERVER_LOST, "lost connection to server", doing);
    return fail_with(err, stmt->mysql, mysql_stmt_errno(stmt), mysql_stmt_error(stmt), doing);
}

/* --- statements --------------------------------------------------------- */

/* The head of a statement for an error: up to its first literal, which may be a row's value. */
static int fail_at(struct ds_error *err, MYSQL *db, const char *sql, size_t len)
{
    char head[160];
    size_t n = 0;
    while (n < len && n < sizeof head - 4 && sql[n] != '\'' && sql[n] != '"' &&
           !(len - n > 7 && strncasecmp(sql + n, " VALUES", 7) == 0)) {
        head[n] = sql[n] == '\n' ? ' ' : sql[n];
        n++;
    }
    memcpy(head + n, n < len ? "…" : "", n < len ? sizeof "…" : 1);
    return db_fail(err, db, head);
}

static int drop_results(MYSQL *db)
{
    for (;;) {
        MYSQL_RES *result = mysql_use_result(db);
        if (result)
            mysql_free_result(result); /* reads what is left */
        else if (mysql_field_count(db))
            return -1;
        if (!mysql_more_results(db)) /* asking for the next one would forget the affected rows */
            return 0;
        if (mysql_next_result(db) > 0)
            return -1;
    }
}

int db_exec_len(MYSQL *db, const char *sql, size_t len, struct ds_error *err)
{
    int rc = db_settle(db, err);
    if (rc)
        return rc;
    if (mysql_real_query(db, sql, (unsigned long)len) || drop_results(db))
        return fail_at(err, db, sql, len);
    return 0;
}

static int format_sql(struct buf *out, struct ds_error *err, const char *fmt, va_list ap)
{
    char *text = NULL;
    int n = vasprintf(&text, fmt, ap);
    int rc = n < 0 || buf_append(out, text, (size_t)n)
                 ? error_set(err, DS_ENOMEM, "out of memory for a statement")
                 : 0;
    if (n >= 0)
        free(text);
    return rc;
}

int db_exec(MYSQL *db, struct ds_error *err, const char *fmt, ...)
{
    BUF_AUTO struct buf sql = {0};
    va_list ap;
    va_start(ap, fmt);
    int rc = format_sql(&sql, err, fmt, ap);
    va_end(ap);
    return rc ? rc : db_exec_len(db, buf_cstr(&sql), sql.len, err);
}

static MYSQL_RES *select_len(MYSQL *db, struct ds_error *err, const char *sql, size_t len)
{
    MYSQL_RES *result = NULL;
    if (db_settle(db, err))
        return NULL;
    if (mysql_real_query(db, sql, (unsigned long)len) || !(result = mysql_store_result(db))) {
        if (mysql_errno(db))
            fail_at(err, db, sql, len);
        else
            error_set(err, DS_ESERVER, "%.160s: returned no result", sql);
        return NULL;
    }
    while (mysql_more_results(db)) { /* a CALL's status; a second result set is not wanted */
        if (mysql_next_result(db) > 0) {
            fail_at(err, db, sql, len);
            mysql_free_result(result);
            return NULL;
        }
        MYSQL_RES *more = mysql_store_result(db);
        if (more)
            mysql_free_result(more);
    }
    return result;
}

MYSQL_RES *db_select(MYSQL *db, struct ds_error *err, const char *fmt, ...)
{
    BUF_AUTO struct buf sql = {0};
    va_list ap;
    va_start(ap, fmt);
    int rc = format_sql(&sql, err, fmt, ap);
    va_end(ap);
    return rc ? NULL : select_len(db, err, buf_cstr(&sql), sql.len);
}

static int scalar(MYSQL *db, struct buf *out, bool *found, struct ds_error *err,
                  const struct buf *sql)
{
    *found = false;
    MYSQL_RES *result = select_len(db, err, (const char *)sql->data, sql->len);
    if (!result)
        return err ? err->code : DS_ESERVER;
    int rc = 0;
    MYSQL_ROW row = mysql_fetch_row(result);
    if (row && row[0]) {
        *found = true;
        if (buf_append(out, row[0], mysql_fetch_lengths(result)[0]))
            rc = error_set(err, DS_ENOMEM, "out of memory for a result");
    }
    mysql_free_result(result);
    return rc;
}

int db_scalar(MYSQL *db, struct buf *out, bool *found, struct ds_error *err, const char *fmt, ...)
{
    BUF_AUTO struct buf sql = {0};
    va_list ap;
    va_start(ap, fmt);
    int rc = format_sql(&sql, err, fmt, ap);
    va_end(ap);
    buf_clear(out);
    *found = false;
    if (rc == 0 && *buf_cstr(&sql))
        rc = scalar(db, out, found, err, &sql);
    return rc;
}

int db_scalar_u64(MYSQL *db, uint64_t *out, bool *found, struct ds_error *err, const char *fmt, ...)
{
    BUF_AUTO struct buf sql = {0};
    BUF_AUTO struct buf text = {0};
    va_list ap;
    va_start(ap, fmt);
    int rc = format_sql(&sql, err, fmt, ap);
    va_end(ap);
    *found = false;
    *out = 0;
    if (rc == 0 && *buf_cstr(&sql))
        rc = scalar(db, &text, found, err, &sql);
    if (rc || !*found)
        return rc;
    char *end;
    const char *digits = buf_cstr(&text);
    errno = 0;
    *out = strtoull(digits, &end, 10);
    if (errno || end == digits || *end || *digits == '-')
        return error_set(err, DS_ESERVER, "%.160s: '%.60s' is not an unsigned number",
                         buf_cstr(&sql), digits);
    return 0;
}

static unsigned parse_version(const char *text)
{
    unsigned part[3] = {0, 0, 0};
    for (int i = 0; i < 3; i++) {
        for (; *text >= '0' && *text <= '9' && part[i] < 1000; text++)
            part[i] = part[i] * 10 + (unsigned)(*text - '0');
        if (*text++ != '.')
            break;
    }
    return part[0] * 10000 + part[1] * 100 + part[2];
}

int db_server_info(MYSQL *db, struct db_server *out, struct ds_error *err)
{
    BUF_AUTO struct buf text = {0};
    bool found;
    uint64_t id;
    memset(out, 0, sizeof *out);
    int rc = db_scalar(db, &text, &found, err, "SELECT VERSION()");
    if (rc)
        return rc;
    snprintf(out->text, sizeof out->text, "%s", buf_cstr(&text));
    out->mariadb = mariadb_connection(db) || strcasestr(out->text, "mariadb");
    out->version = parse_version(out->text);
    rc = db_scalar_u64(db, &id, &found, err, "SELECT @@GLOBAL.server_id");
    if (rc)
        return rc;
    out->server_id = (uint32_t)id;
    rc = db_scalar(db, &text, &found, err,
                   out->mariadb ? "SELECT CONCAT(@@server_id, '@', @@hostname, ':', @@port)"
                                : "SELECT @@GLOBAL.server_uuid");
    if (rc == 0)
        snprintf(out->identity, sizeof out->identity, "%s", buf_cstr(&text));
    return rc;
}

/* --- quoting ------------------------------------------------------------ */

int sql_identifier_len(struct buf *out, const char *name, size_t len)
{
    if (buf_reserve(out, 2 * len + 2))
        return DS_ENOMEM;
    uint8_t *p = out->data + out->len;
    *p++ = '`';
    for (size_t i = 0; i < len; i++) {
        if (name[i] == '`')
            *p++ = '`';
        *p++ = (uint8_t)name[i];
    }
    *p++ = '`';
    out->len = (size_t)(p - out->data);
    return 0;
}

int sql_identifier(struct buf *out, const char *name)
{
    return sql_identifier_len(out, name, strlen(name));
}

int sql_table(struct buf *out, const char *database, const char *table)
{
    int rc = sql_identifier(out, database);
    if (rc == 0)
        rc = buf_puts(out, ".");
    return rc ? rc : sql_identifier(out, table);
}

int sql_string(struct buf *out, const void *p, size_t len)
{
    const uint8_t *in = p;
    size_t plain = 0;
    while (plain < len && in[plain] >= 0x20 && in[plain] < 0x7f && in[plain] != '\'' &&
           in[plain] != '\\')
        plain++;
    if (buf_reserve(out, 2 * len + 3))
        return DS_ENOMEM;
    uint8_t *to = out->data + out->len;
    if (plain == len) {
        *to++ = '\'';
        if (len)
            memcpy(to, in, len);
        to += len;
    } else {
        static const char digits[] = "0123456789ABCDEF";
        *to++ = 'X';
        *to++ = '\'';
        for (size_t i = 0; i < len; i++) {
            *to++ = (uint8_t)digits[in[i] >> 4];
            *to++ = (uint8_t)digits[in[i] & 15];
        }
    }
    *to++ = '\'';
    out->len = (size_t)(to - out->data);
    return 0;
}

/* A name as a file name; false where letters beyond ASCII need the server's tables. */
static bool put_file_name(struct buf *out, const char *name, int *rc)
{
    for (const char *p = name; *p && *rc == 0; p++) {
        unsigned char c = (unsigned char)*p;
        if (c >= 0x80)
            return false;
        bool plain =
            (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
        *rc = plain ? buf_append(out, &c, 1) : buf_printf(out, "@%04x", (unsigned)c);
    }
    return true;
}

int sql_innodb_name(struct buf *out, const struct db_server *server, const char *database,
                    const char *table)
{
    BUF_AUTO struct buf name = {0};
    int rc = 0;
    if (server->mariadb || server->version < 80000) {
        rc = buf_puts(out, "CONCAT(CAST(CONVERT(CONVERT(");
        rc = rc ? rc : sql_string(out, database, strlen(database));
        rc = rc ? rc
                : buf_puts(out, " USING utf8) USING filename) AS BINARY), '/', "
                                "CAST(CONVERT(CONVERT(");
        rc = rc ? rc : sql_string(out, table, strlen(table));
        return rc ? rc : buf_puts(out, " USING utf8) USING filename) AS BINARY))");
    }
    bool told = put_file_name(&name, database, &rc);
    rc = rc ? rc : buf_puts(&name, "/");
    told = told && put_file_name(&name, table, &rc);
    if (rc)
        return rc;
    if (!told)
        return buf_puts(out, "NULL");
    return buf_printf(out, "CAST('%s' AS BINARY)", buf_cstr(&name));
}

const char *sql_innodb_view(const struct db_server *server)
{
    return server->mariadb || server->version < 80000 ? "INNODB_SYS_TABLES" : "INNODB_TABLES";
}
