#include "agent/source.h"

#include <errmsg.h>
#include <errno.h>
#include <ma_pvio.h>
#include <mariadb_rpl.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "schema/log.h"

enum {
    CONNECT_PATIENCE = 10, /* seconds per attempt; the caller tries again */
    DUMP_WRITE_TIMEOUT = 86400,
    SESSION_WAIT = 30, /* seconds for an answer to a query */
    FLAG_NON_BLOCK = 1,
    FLAG_BY_GTID = 4,
    COMMAND_REGISTER = 0x15,
    COMMAND_DUMP_GTID = 0x1e,
    DUPLICATE_MARIADB = 4052,
    BINLOG_FATAL = 1236,
    ANSWER_EOF = 0xfe,
};
#define PACKET_OVERHEAD (64ull << 10) /* beside the event */

/* --- connecting ----------------------------------------------------------- */

static int random_id(uint32_t *id, struct ds_error *err)
{
    do {
        if (getrandom(id, sizeof *id, 0) != sizeof *id)
            return error_set(err, DS_EIO, "cannot get random numbers: %s", strerror(errno));
        *id |= 0x40000000u; /* away from the small numbers that people choose */
    } while (*id == UINT32_MAX);
    return 0;
}

/* Who else replicates, where we may ask. */
static bool id_taken(MYSQL *db, const struct db_server *server, uint32_t id)
{
    bool taken = id == server->server_id;
    bool modern = !server->mariadb && server->version >= 80022;
    MYSQL_RES *rows = db_select(db, NULL, modern ? "SHOW REPLICAS" : "SHOW SLAVE HOSTS");
    if (!rows)
        return taken;
    for (MYSQL_ROW row; !taken && (row = mysql_fetch_row(rows));)
        taken = row[0] && strtoul(row[0], NULL, 10) == id;
    mysql_free_result(rows);
    return taken;
}

/* server_id: ours is chosen at random and kept for the life of the stream, so that a server throws
 * out what is left of our last connection, and nobody else's. */
static int choose_id(struct dump *d, const struct config *config, uint32_t server_id,
                     struct ds_error *err)
{
    d->server_id = server_id ? server_id : config->source.server_id;
    d->chosen_id = config->source.server_id == 0;
    if (config->source.server_id && config->source.server_id == d->server.server_id)
        return error_set(err, DS_EUSAGE,
                         "source.server_id %u is the source's own server_id; set another one, or 0 "
                         "to have one chosen",
                         config->source.server_id);
    while (d->server_id == 0) {
        int rc = random_id(&d->server_id, err);
        if (rc)
            return rc;
        if (id_taken(d->db, &d->server, d->server_id))
            d->server_id = 0;
    }
    return 0;
}

static int learn(struct dump *d, struct ds_error *err)
{
    uint64_t fold = 0;
    bool found;
    BUF_AUTO struct buf metadata = {0};
    int rc = db_server_info(d->db, &d->server, err);
    if (rc == 0)
        rc = source_gtid_mode(d->db, &d->server, &d->gtid_mode, err);
    if (rc == 0)
        rc = db_scalar_u64(d->db, &fold, &found, err, "SELECT @@lower_case_table_names");
    d->fold_case = fold != 0;
    if (rc == 0 &&
        db_scalar(d->db, &metadata, &found, NULL, "SELECT @@GLOBAL.binlog_row_metadata") == 0)
        d->full_metadata = found && strcasecmp(buf_cstr(&metadata), "FULL") == 0;
    buf_clear(&metadata);
    if (rc == 0 &&
        db_scalar(d->db, &metadata, &found, NULL, "SELECT @@GLOBAL.default_storage_engine") == 0 &&
        found)
        snprintf(d->default_engine, sizeof d->default_engine, "%s", buf_cstr(&metadata));
    return rc;
}

/* As in ma_tls.h, which has declarations that are no prototypes. */
struct library_tls {
    void *data;
    MARIADB_PVIO *pvio;
    void *ssl;
};

/* NULL also where the library was built with other TLS than OpenSSL. */
static void *openssl_of(MYSQL *db)
{
    const char *library = NULL;
    const MARIADB_PVIO *pvio = db->net.pvio;
    if (!pvio || !pvio->ctls || mariadb_get_infov(NULL, MARIADB_TLS_LIBRARY, &library) ||
        !library || strncmp(library, "OpenSSL", sizeof "OpenSSL" - 1) != 0)
        return NULL;
    return ((const struct library_tls *)pvio->ctls)->ssl;
}

int dump_connect(struct dump *d, const struct config *config, uint32_t server_id,
                 struct ds_error *err)
{
    memset(d, 0, sizeof *d);
    struct db_endpoint ep = config_endpoint(config, true);
    ep.database = NULL; /* replication privileges do not need it */
    if (ep.connect_timeout == 0 || ep.connect_timeout > CONNECT_PATIENCE)
        ep.connect_timeout = CONNECT_PATIENCE;
    ep.read_timeout = SESSION_WAIT;
    int rc = db_connect(&d->db, &ep, err);
    if (rc == 0)
        rc = learn(d, err);
    if (rc == 0)
        rc = choose_id(d, config, server_id, err);
    if (rc) {
        dump_close(d);
        return rc;
    }
    /* The library would make room for whatever length a packet says. */
    uint64_t most = config->max_event + PACKET_OVERHEAD;
    if (most < d->db->net.max_packet_size)
        d->db->net.max_packet_size = (unsigned long)most;
    d->ssl = openssl_of(d->db);
    return 0;
}

void dump_close(struct dump *d)
{
    if (d->rpl)
        mariadb_rpl_close(d->rpl);
    d->rpl = d->ssl = NULL;
    db_close(&d->db);
}

void dump_interrupt(int socket)
{
    shutdown(socket, SHUT_RDWR); /* the reader sees the end; nothing else to be done on failure */
}

/* --- the session ---------------------------------------------------------- */

static int set_mariadb(struct dump *d, const struct dump_start *start, bool by_gtid,
                       struct ds_error *err)
{
    int rc = db_exec(d->db, err, "SET @mariadb_slave_capability=4");
    if (rc || !by_gtid)
        return rc;
    BUF_AUTO struct buf set = {0};
    if (gtid_set_print(&start->from->gtid, &set))
        return error_set(err, DS_ENOMEM, "out of memory");
    rc = db_exec(d->db, err, "SET @slave_connect_state='%s'", buf_cstr(&set));
    /* Strict mode refuses a position in a binlog with holes that is still sound. */
    if (rc == 0)
        rc = db_exec(d->db, err, "SET @slave_gtid_strict_mode=0, @slave_gtid_ignore_duplicates=0");
    return rc;
}

static int set_session(struct dump *d, const struct dump_start *start, bool by_gtid,
                       const char *uuid, struct ds_error *err)
{
    unsigned long long heartbeat = DUMP_HEARTBEAT_SECONDS * 1000000000ull;
    /* A dump that waits for a full spool must not be thrown out. */
    int rc = db_exec(d->db, err, "SET SESSION net_write_timeout=%d, SESSION net_read_timeout=%d",
                     DUMP_WRITE_TIMEOUT, DUMP_WRITE_TIMEOUT);
    if (rc == 0)
        rc = db_exec(d->db, err, "SET @master_binlog_checksum=@@GLOBAL.binlog_checksum");
    if (rc == 0)
        rc = db_exec(d->db, err, "SET @master_heartbeat_period=%llu", heartbeat);
    if (rc == 0 && d->server.mariadb)
        return set_mariadb(d, start, by_gtid, err);
    if (rc == 0)
        rc = db_exec(d->db, err,
                     "SET @source_binlog_checksum=@@GLOBAL.binlog_checksum, "
                     "@source_heartbeat_period=%llu",
                     heartbeat);
    if (rc == 0)
        rc = db_exec(d->db, err, "SET @slave_uuid='%s', @replica_uuid='%s'", uuid, uuid);
    return rc;
}

/* --- asking for the dump -------------------------------------------------- */

/* COM_REGISTER_SLAVE and COM_BINLOG_DUMP. */
static int open_by_library(struct dump *d, const struct dump_start *start, bool by_gtid,
                           const char *host, struct ds_error *err)
{
    const char *file = by_gtid ? "" : start->from->file.file;
    unsigned long pos = 4;
    if (!by_gtid && !start->from_file_head && start->from->file.pos > 4)
        pos = (unsigned long)start->from->file.pos;
    MARIADB_RPL *rpl = mariadb_rpl_init(d->db);
    if (!rpl)
        return db_fail(err, d->db, "preparing the binlog dump");
    d->rpl = rpl;
    unsigned flags = start->non_block ? FLAG_NON_BLOCK : 0;
    if (mariadb_rpl_optionsv(rpl, MARIADB_RPL_FILENAME, file, strlen(file)) ||
        mariadb_rpl_optionsv(rpl, MARIADB_RPL_START, pos) ||
        mariadb_rpl_optionsv(rpl, MARIADB_RPL_SERVER_ID, d->server_id) ||
        mariadb_rpl_optionsv(rpl, MARIADB_RPL_FLAGS, flags) ||
        mariadb_rpl_optionsv(rpl, MARIADB_RPL_HOST, host))
        return error_set(err, DS_ESERVER, "the client library refuses the binlog dump's options");
    if (mariadb_rpl_open(rpl))
        return db_fail(err, d->db, "opening the binlog dump");
    return 0;
}

static int put_le(struct buf *out, uint64_t v, size_t bytes)
{
    uint8_t raw[8];
    for (size_t i = 0; i < bytes; i++)
        raw[i] = (uint8_t)(v >> (8 * i));
    return buf_append(out, raw, bytes);
}

static int put_short_text(struct buf *out, const char *text)
{
    size_t len = strlen(text);
    if (len > 60)
        len = 60;
    return put_le(out, len, 1) ? DS_ENOMEM : buf_append(out, text, len);
}

static int send_command(struct dump *d, int command, const struct buf *arg, bool answer)
{
    return d->db->methods->db_command(d->db, (enum enum_server_command)command,
                                      (const char *)arg->data, arg->len, !answer, NULL);
}

/* A set as COM_BINLOG_DUMP_GTID has it. With tags, the first eight bytes say so and each source is
 * followed by its tag (MySQL 8.3 on). */
static int put_set(struct buf *out, const struct gtid_set *set)
{
    bool tags = false;
    for (size_t i = 0; i < set->count; i++)
        tags |= set->members[i].tag[0] != 0;
    uint64_t head = tags ? 1ull << 56 | (uint64_t)set->count << 8 | 1 : set->count;
    int rc = put_le(out, head, 8);
    for (size_t i = 0; i < set->count && rc == 0; i++) {
        const struct gtid_member *m = &set->members[i];
        size_t len = strlen(m->tag);
        rc = buf_append(out, m->uuid, sizeof m->uuid);
        if (rc == 0 && tags) /* a length below 64 takes one byte, shifted by one */
            rc = put_le(out, len << 1, 1) ? DS_ENOMEM : buf_append(out, m->tag, len);
        if (rc == 0)
            rc = put_le(out, m->count, 8);
        for (size_t k = 0; k < m->count && rc == 0; k++)
            rc = put_le(out, m->intervals[k].first, 8) ? DS_ENOMEM
                                                       : put_le(out, m->intervals[k].last + 1, 8);
    }
    return rc;
}

static int open_by_gtid(struct dump *d, const struct dump_start *start, const char *host,
                        struct ds_error *err)
{
    BUF_AUTO struct buf hello = {0}, set = {0}, dump = {0};
    int rc = put_le(&hello, d->server_id, 4);
    rc = rc ? rc : put_short_text(&hello, host);
    rc = rc ? rc : put_le(&hello, 0, 1 + 1 + 2); /* no user, no password, no port */
    rc = rc ? rc : put_le(&hello, 0, 8);         /* rank, source's id: not used */
    rc = rc ? rc : put_set(&set, &start->from->gtid);
    rc = rc ? rc : put_le(&dump, FLAG_BY_GTID | (start->non_block ? FLAG_NON_BLOCK : 0u), 2);
    rc = rc ? rc : put_le(&dump, d->server_id, 4);
    rc = rc ? rc : put_le(&dump, 0, 4); /* no file name */
    rc = rc ? rc : put_le(&dump, 4, 8);
    rc = rc ? rc : put_le(&dump, set.len, 4);
    rc = rc ? rc : buf_append(&dump, set.data, set.len);
    if (rc)
        return error_set(err, rc, "out of memory");
    if (send_command(d, COMMAND_REGISTER, &hello, true))
        return db_fail(err, d->db, "registering as a replica");
    if (send_command(d, COMMAND_DUMP_GTID, &dump, false))
        return db_fail(err, d->db, "opening the binlog dump");
    return 0;
}

/* A source that numbers only some transactions (gtid_mode not ON) does not dump by GTID, though a
 * position may hold a set: one that it had executed, or that stood at the head of a file. */
static bool starts_by_gtid(const struct dump *d, const struct dump_start *start)
{
    if (!start->from->file.file[0])
        return true;
    return d->gtid_mode && (start->by_gtid || start->from->gtid.count > 0);
}

bool dump_needs_head(const struct dump *d, const struct dump_start *start)
{
    return !starts_by_gtid(d, start) && (d->gtid_mode || start->from->file.pos > UINT32_MAX);
}

int dump_open(struct dump *d, const struct dump_start *start, const char *uuid,
              struct ds_error *err)
{
    bool by_gtid = starts_by_gtid(d, start);
    if (by_gtid && !d->gtid_mode)
        return error_set(err, DS_EPOSITION,
                         "the position is a GTID set, but gtid_mode of the source is not ON; "
                         "turn it on, or start anew with --resnapshot");
    if (start->from->gtid.count && (start->from->gtid.flavour == GTID_MARIADB) != d->server.mariadb)
        return error_set(err, DS_EPOSITION,
                         "the position is one of %s, but the source is %s; start anew with "
                         "--resnapshot",
                         d->server.mariadb ? "MySQL" : "MariaDB",
                         d->server.mariadb ? "MariaDB" : "MySQL");
    int rc = set_session(d, start, by_gtid, uuid, err);
    if (rc)
        return rc;
    static const char host[] = "datasync";
    rc = by_gtid && !d->server.mariadb ? open_by_gtid(d, start, host, err)
                                       : open_by_library(d, start, by_gtid, host, err);
    if (rc)
        return rc;
    /* heartbeats come more often than this */
    d->db->net.pvio->methods->set_timeout(d->db->net.pvio, PVIO_READ_TIMEOUT,
                                          DUMP_SILENCE_SECONDS * 1000);
    return 0;
}

/* --- packets -------------------------------------------------------------- */

static bool has(const char *text, const char *part)
{
    return strcasestr(text, part) != NULL;
}

/* Error 1236 is one number for everything that can be wrong with a dump; its text tells. */
static int dump_refused(const struct dump *d, struct ds_error *err)
{
    const char *text = mysql_error(d->db);
    unsigned number = mysql_errno(d->db);
    if (number == DUPLICATE_MARIADB || has(text, "same server_uuid/server_id") ||
        has(text, "same server_id"))
        return error_set_server(err, DS_EUSAGE, number,
                                "another replica of the source uses server_id %u, too; set "
                                "source.server_id to a number of its own, or to 0",
                                d->server_id);
    if (has(text, "purged") || has(text, "Could not find first log") ||
        has(text, "could not find GTID state"))
        return error_set_server(
            err, DS_EPURGED, number,
            "the source no longer has the binlog that follows our position: %s; "
            "copy again with --resnapshot, and let the source keep its binlogs "
            "for longer",
            text);
    if (has(text, "not in the master's binlog") || has(text, "more GTIDs than") ||
        has(text, "impossible position") || has(text, "> file size") || has(text, "diverged"))
        return error_set_server(err, DS_EPOSITION, number,
                                "the source does not know our position: %s; if it is the right "
                                "server, copy again with --resnapshot",
                                text);
    if (has(text, "could not find next log"))
        return error_set_server(err, DS_EPOSITION, number,
                                "the source's binlog ended under our eyes, it was reset (RESET "
                                "MASTER) or its files were taken away: %s; copy again with "
                                "--resnapshot",
                                text);
    if (has(text, "max_allowed_packet"))
        return error_set_server(err, DS_ELIMIT, number,
                                "the source cannot send an event: %s; raise its max_allowed_packet",
                                text);
    int code = db_error_class(number);
    return error_set_server(
        err, code, number, "reading the source's binlog: %s (%u)%s", text, number,
        number == BINLOG_FATAL ? "; if it was reset or damaged, copy again with --resnapshot" : "");
}

bool dump_is_duplicate(int rc, const struct ds_error *err)
{
    return rc == DS_EUSAGE &&
           (err->server_errno == DUPLICATE_MARIADB || err->server_errno == BINLOG_FATAL);
}

static int read_failed(const struct dump *d, struct ds_error *err)
{
    /* The library says "connection lost" also when a packet is longer than allowed; it then has not
     * failed to read (2), but to make room (1). */
    if (mysql_errno(d->db) == CR_NET_PACKET_TOO_LARGE ||
        (mysql_errno(d->db) == CR_SERVER_LOST && d->db->net.error == 1))
        return error_set_server(err, DS_ELIMIT, CR_NET_PACKET_TOO_LARGE,
                                "an event of the source's binlog is longer than max_event; raise "
                                "max_event");
    return dump_refused(d, err);
}

int dump_read(struct dump *d, struct slice *event, struct ds_error *err)
{
    /* the library's error value has 32 bits, its lengths have 64 */
    unsigned long n = mysql_net_read_packet(d->db);
    if ((unsigned)n == packet_error)
        return read_failed(d, err);
    const uint8_t *p = d->db->net.read_pos;
    if (n == 0)
        return error_set(err, DS_EFORMAT, "the source sent an empty packet");
    if (p[0] == ANSWER_EOF && n < 9)
        return DUMP_EOF;
    if (p[0] != 0)
        return error_set(err, DS_EFORMAT, "the source sent a packet of unknown kind %u", p[0]);
    *event = (struct slice){p + 1, n - 1};
    return 0;
}

/* The library reads ahead into a cache of its own, but takes the rest of a long packet from TLS
 * directly: what follows it in the same record is then held back there, where poll() does not see
 * it. */
bool dump_buffered(const struct dump *d)
{
    const MARIADB_PVIO *pvio = d->db->net.pvio;
    if (pvio && pvio->cache && pvio->cache_pos < pvio->cache + pvio->cache_size)
        return true;
    return d->ssl && SSL_pending(d->ssl) > 0;
}

bool dump_wait(const struct dump *d, int timeout_ms)
{
    struct pollfd p = {.fd = mysql_get_socket(d->db), .events = POLLIN};
    int n = poll(&p, 1, timeout_ms);
    return n > 0 || (n < 0 && errno != EINTR);
}
