/* One position for everything, without gaps.
 *
 * MariaDB opens all engines' snapshots and notes the binlog position in one step (group commit
 * holds still for it); the session's binlog_snapshot_… status tells it. MySQL has no such thing: a
 * global read lock stops commits while the snapshot is opened and the position is read.
 *
 * XA. Rows of a transaction that is prepared before the position and committed after it are in the
 * binlog before the position, and not in the snapshot: lost. So none may be prepared at the
 * position. Looking only afterwards would miss one that was committed in between: hence the look
 * before and after, and the server's statement counters, which must not have moved.
 */
#include "agent/snapshot_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "agent/collations.h"
#include "agent/snapshot_rows.h"
#include "schema/log.h"

enum {
    XA_WAIT_SECONDS = 60,
    LOCK_WAIT_SECONDS = 10, /* of the global read lock: it queues writers behind it */
    WAIT_STEP_MS = 50,
    RACES_MAX = 100, /* XA statements that ran while the snapshot was opened */
};

static int session_set(struct snapshot_source *s, struct ds_error *err)
{
    static const char *const common[] = {
        "SET SESSION sql_mode=''",
        "SET NAMES utf8mb4",
        "SET SESSION character_set_results=NULL",
        "SET SESSION time_zone='+00:00'",
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "SET SESSION sql_quote_show_create=1",
        "SET SESSION net_write_timeout=86400", /* a full spool stops our reading for a while */
        "SET SESSION wait_timeout=86400",
        "SET SESSION lock_wait_timeout=3600",
    };
    int rc = 0;
    for (size_t i = 0; i < sizeof common / sizeof *common && rc == 0; i++)
        rc = db_exec(s->db, err, "%s", common[i]);
    if (rc == 0)
        rc = s->server.mariadb ? db_exec(s->db, err, "SET SESSION max_statement_time=0")
                               : db_exec(s->db, err, "SET SESSION max_execution_time=0");
    return rc;
}

/* MariaDB keeps metadata locks over ROLLBACK TO SAVEPOINT while the session's binlog is on (as of
 * 10.11). Nothing is written here, so turning it off loses nothing; it needs a privilege. */
static int binlog_off(struct snapshot_source *s, struct ds_error *err)
{
    int rc = s->server.mariadb ? db_exec(s->db, err, "SET SESSION sql_log_bin=0") : 0;
    if (rc != DS_EACCESS)
        return rc;
    error_clear(err);
    log_warn(
        "the source user lacks BINLOG ADMIN: during the snapshot, ALTER TABLE of a copied "
        "table waits, and statements on that table behind it; GRANT BINLOG ADMIN ON *.* to it");
    return 0;
}

static int open_side(struct snapshot_source *s, const struct config *config, bool source,
                     struct ds_error *err)
{
    struct db_endpoint ep = config_endpoint(config, source);
    memset(s, 0, sizeof *s);
    s->database = ep.database;
    int rc = db_connect(&s->db, &ep, err);
    if (rc == 0)
        rc = db_server_info(s->db, &s->server, err);
    if (rc == 0)
        rc = session_set(s, err);
    if (rc == 0 && source)
        rc = binlog_off(s, err);
    if (rc)
        db_close(&s->db);
    return rc;
}

int source_open(struct snapshot_source *s, const struct config *config, struct ds_error *err)
{
    return open_side(s, config, true, err);
}

int source_open_destination(struct snapshot_source *s, const struct config *config,
                            struct ds_error *err)
{
    return open_side(s, config, false, err);
}

void source_close(struct snapshot_source *s)
{
    collations_free(s->collations);
    s->collations = NULL;
    db_close(&s->db);
}

int source_rollback(struct snapshot_source *s, struct ds_error *err)
{
    return db_exec(s->db, err, "ROLLBACK");
}

int source_counter(struct snapshot_source *s, const char *pattern, uint64_t *sum,
                   struct ds_error *err)
{
    *sum = 0;
    MYSQL_RES *res = db_select(s->db, err, "SHOW GLOBAL STATUS LIKE '%s'", pattern);
    if (!res)
        return err->code;
    for (MYSQL_ROW row; (row = mysql_fetch_row(res));)
        *sum += row[1] ? strtoull(row[1], NULL, 10) : 0;
    mysql_free_result(res);
    return 0;
}

int source_wait(const struct snapshot_options *o, unsigned milliseconds, struct ds_error *err)
{
    for (unsigned waited = 0; waited < milliseconds; waited += WAIT_STEP_MS) {
        if (o->stop_requested && o->stop_requested(o->arg))
            return error_set(err, DS_ESTOPPED, "asked to stop during the snapshot");
        const struct timespec step = {0, WAIT_STEP_MS * 1000000L};
        nanosleep(&step, NULL);
    }
    return 0;
}

/* --- position ------------------------------------------------------------ */

static int no_binlog(struct ds_error *err)
{
    return error_set(err, DS_EUSAGE,
                     "the source writes no binary log, so changes after a snapshot could not be "
                     "followed: set log_bin, binlog_format=ROW there and restart it");
}

static int set_file(struct position *at, const char *file, const char *pos, struct ds_error *err)
{
    size_t len = strlen(file);
    if (len == 0)
        return no_binlog(err);
    if (len >= sizeof at->file.file)
        return error_set(err, DS_EFORMAT, "the source's binlog has a name of %zu bytes", len);
    memcpy(at->file.file, file, len + 1);
    at->file.pos = strtoull(pos, NULL, 10);
    return 0;
}

/* MariaDB knows the GTIDs of any place in a binlog file. */
static int mariadb_gtid(struct snapshot_source *s, struct position *at, struct ds_error *err)
{
    BUF_AUTO struct buf text = {0}, file = {0};
    bool found;
    if (sql_string(&file, at->file.file, strlen(at->file.file)))
        return error_set(err, DS_ENOMEM, "out of memory");
    int rc = db_scalar(s->db, &text, &found, err, "SELECT BINLOG_GTID_POS(%s, %lu)",
                       buf_cstr(&file), at->file.pos);
    if (rc)
        return rc;
    if (!found)
        return error_set(err, DS_EPOSITION,
                         "the source cannot tell the GTID of its own position %s:%lu: was the "
                         "binlog purged during the snapshot? Start it again",
                         at->file.file, at->file.pos);
    return gtid_set_parse(&at->gtid, buf_cstr(&text), err);
}

static int mariadb_snapshot_position(struct snapshot_source *s, struct position *at,
                                     struct ds_error *err)
{
    MYSQL_RES *res = db_select(s->db, err, "SHOW STATUS LIKE 'binlog\\_snapshot\\_%%'");
    if (!res)
        return err->code;
    char file[sizeof at->file.file] = "", pos[32] = "0";
    for (MYSQL_ROW row; (row = mysql_fetch_row(res));) {
        if (strcasecmp(row[0], "binlog_snapshot_file") == 0)
            (void)snprintf(file, sizeof file, "%s", row[1]);
        else if (strcasecmp(row[0], "binlog_snapshot_position") == 0)
            (void)snprintf(pos, sizeof pos, "%s", row[1]);
    }
    mysql_free_result(res);
    int rc = set_file(at, file, pos, err);
    return rc ? rc : mariadb_gtid(s, at, err);
}

int source_position(struct snapshot_source *s, struct position *at, struct ds_error *err)
{
    memset(at, 0, sizeof *at);
    bool renamed = !s->server.mariadb && s->server.version >= 80200;
    MYSQL_RES *res =
        db_select(s->db, err, "%s", renamed ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS");
    if (!res)
        return err->code;
    MYSQL_ROW row = mysql_fetch_row(res);
    int rc = row ? set_file(at, row[0], row[1], err) : no_binlog(err);
    if (rc == 0 && row && !s->server.mariadb && mysql_num_fields(res) > 4)
        rc = gtid_set_parse(&at->gtid, row[4] ? row[4] : "", err);
    mysql_free_result(res);
    if (rc == 0 && s->server.mariadb)
        rc = mariadb_gtid(s, at, err);
    if (rc)
        position_free(at);
    return rc;
}

/* --- XA ------------------------------------------------------------------ */

/* X'…',X'…',n as XA statements take it; `data` holds both parts one after the other. */
static int xid_print(struct buf *out, MYSQL_ROW row, const unsigned long *lengths)
{
    size_t gtrid = strtoul(row[1], NULL, 10), bqual = strtoul(row[2], NULL, 10);
    size_t total = row[3] ? lengths[3] : 0;
    int rc = out->len ? buf_puts(out, " ") : 0;
    for (int part = 0; part < 2; part++) {
        size_t from = part ? gtrid : 0, to = part ? gtrid + bqual : gtrid;
        rc |= buf_puts(out, "X'");
        for (size_t i = from; i < to && i < total; i++)
            rc |= buf_printf(out, "%02x", row[3] ? (unsigned char)row[3][i] : 0U);
        rc |= buf_puts(out, "',");
    }
    return rc | buf_puts(out, row[0]);
}

/* The prepared transactions, "" when there is none. */
static int xa_prepared(struct snapshot_source *s, struct buf *xids, struct ds_error *err)
{
    buf_clear(xids);
    MYSQL_RES *res = db_select(s->db, err, "XA RECOVER");
    if (!res) {
        if (err->server_errno == 1401) /* MySQL 8 without XA_RECOVER_ADMIN */
            return error_set_server(err, DS_EACCESS, 1401,
                                    "the source does not let us see prepared XA transactions, "
                                    "whose rows a snapshot would miss: GRANT XA_RECOVER_ADMIN ON "
                                    "*.* to the source user");
        return err->code;
    }
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));)
        rc = xid_print(xids, row, mysql_fetch_lengths(res));
    mysql_free_result(res);
    return rc ? error_set(err, DS_ENOMEM, "out of memory") : 0;
}

static int xa_activity(struct snapshot_source *s, uint64_t *sum, struct ds_error *err)
{
    uint64_t prepare, commit, rollback;
    int rc = source_counter(s, "Com\\_xa\\_prepare", &prepare, err);
    if (rc == 0)
        rc = source_counter(s, "Com\\_xa\\_commit", &commit, err);
    if (rc == 0)
        rc = source_counter(s, "Com\\_xa\\_rollback", &rollback, err);
    if (rc == 0)
        *sum = prepare + commit + rollback;
    return rc;
}

/* An XA PREPARE is in the binlog a moment before XA RECOVER shows it. (Without PROCESS only
 * statements of our own account are seen.) */
static int xa_running(struct snapshot_source *s, uint64_t *running, struct ds_error *err)
{
    bool found;
    return db_scalar_u64(s->db, running, &found, err,
                         "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE COMMAND = "
                         "'Query' AND ID <> CONNECTION_ID() AND UPPER(LTRIM(INFO)) LIKE 'XA %%'");
}

/* --- beginning ----------------------------------------------------------- */

static int begin_mysql(struct snapshot_source *s, struct position *at, struct buf *xids,
                       struct ds_error *err)
{
    int rc = db_exec(s->db, err, "SET SESSION lock_wait_timeout=%d", LOCK_WAIT_SECONDS);
    if (rc == 0)
        rc = db_exec(s->db, err, "FLUSH TABLES WITH READ LOCK");
    if (rc == DS_EACCESS)
        return error_set_server(err, rc, err->server_errno,
                                "a snapshot of MySQL needs a global read lock for a moment: GRANT "
                                "RELOAD ON *.* to the source user");
    if (rc)
        return rc;
    rc = db_exec(s->db, err, "START TRANSACTION WITH CONSISTENT SNAPSHOT");
    if (rc == 0)
        rc = source_position(s, at, err);
    if (rc == 0)
        rc = xa_prepared(s, xids, err);
    struct ds_error unlock = {0};
    int released = db_exec(s->db, &unlock, "UNLOCK TABLES");
    if (rc == 0 && released) {
        *err = unlock;
        rc = released;
    }
    return rc ? rc : db_exec(s->db, err, "SET SESSION lock_wait_timeout=3600");
}

/* *raced: some XA statement ran meanwhile, it cannot be told on which side of the position. */
static int begin_mariadb(struct snapshot_source *s, struct position *at, struct buf *xids,
                         bool *raced, struct ds_error *err)
{
    uint64_t before = 0, running = 0, after = 0;
    *raced = false;
    int rc = xa_activity(s, &before, err);
    if (rc == 0)
        rc = xa_prepared(s, xids, err);
    if (rc || xids->len)
        return rc;
    rc = db_exec(s->db, err, "START TRANSACTION WITH CONSISTENT SNAPSHOT");
    if (rc == 0)
        rc = mariadb_snapshot_position(s, at, err);
    if (rc == 0)
        rc = xa_running(s, &running, err);
    if (rc == 0)
        rc = xa_prepared(s, xids, err);
    if (rc == 0)
        rc = xa_activity(s, &after, err);
    *raced = before != after || running;
    return rc;
}

int source_begin_alone(struct snapshot_source *s, struct ds_error *err)
{
    return db_exec(s->db, err, "START TRANSACTION WITH CONSISTENT SNAPSHOT");
}

int source_begin(struct snapshot_source *s, const struct snapshot_options *o, struct position *at,
                 struct ds_error *err)
{
    BUF_AUTO struct buf xids = {0};
    unsigned races = 0;
    for (time_t start = time(NULL), told = 0;;) {
        bool raced = false;
        memset(at, 0, sizeof *at);
        int rc = s->server.mariadb ? begin_mariadb(s, at, &xids, &raced, err)
                                   : begin_mysql(s, at, &xids, err);
        bool locked_out = rc == DS_ERETRY; /* long statements keep the global lock from us */
        if (rc == 0 && xids.len == 0 && !raced)
            return 0;
        position_free(at);
        if (rc && !locked_out)
            return rc;
        rc = source_rollback(s, err);
        if (rc)
            return rc;
        time_t now = time(NULL);
        if (xids.len && now - start >= XA_WAIT_SECONDS)
            return error_set(err, DS_EUNSUPPORTED,
                             "XA transactions are prepared at the source, a snapshot would lose "
                             "their rows: XA COMMIT or XA ROLLBACK them, then start again: %s",
                             buf_cstr(&xids));
        if ((raced && ++races > RACES_MAX) || (locked_out && now - start >= XA_WAIT_SECONDS))
            return error_set(err, locked_out ? DS_ESERVER : DS_EUNSUPPORTED,
                             locked_out ? "no global read lock on the source within a minute: long "
                                          "statements are running there; start again later"
                                        : "XA transactions run at the source all the time, no "
                                          "moment for a snapshot was found: start again later");
        if (now - told >= 5 && !raced) {
            log_warn("snapshot waits for %s xids=%s",
                     locked_out ? "the global read lock" : "prepared XA transactions",
                     buf_cstr(&xids));
            told = now;
        }
        rc = source_wait(o, raced ? WAIT_STEP_MS : 1000, err);
        if (rc)
            return rc;
    }
}
