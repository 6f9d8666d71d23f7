/* Where the source is, and whether it can go on from a position. */
#include <mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/source.h"
#include "schema/log.h"

enum { LISTED_GTIDS = 900 }; /* bytes of them in an error message */

int source_gtid_mode(MYSQL *db, const struct db_server *server, bool *on, struct ds_error *err)
{
    *on = server->mariadb;
    if (server->mariadb)
        return 0;
    BUF_AUTO struct buf mode = {0};
    bool found;
    int rc = db_scalar(db, &mode, &found, err, "SELECT @@GLOBAL.gtid_mode");
    *on = rc == 0 && found && strcasecmp(buf_cstr(&mode), "ON") == 0;
    return rc;
}

/* SHOW MASTER STATUS, as it is called there. *out is left alone where we may not ask. */
static int master_status(MYSQL *db, const struct db_server *server, struct position *out,
                         struct buf *executed, struct ds_error *err)
{
    struct ds_error why;
    bool modern = !server->mariadb && server->version >= 80200;
    MYSQL_RES *rows = db_select(db, &why, modern ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS");
    if (!rows) {
        if (why.code == DS_EACCESS)
            return 0;
        *err = why;
        return why.code;
    }
    int rc = 0;
    MYSQL_ROW row = mysql_fetch_row(rows);
    if (!row || !row[0] || !row[1]) {
        rc = error_set(err, DS_EUSAGE,
                       "the source writes no binary log; set log_bin there and restart it");
    } else {
        snprintf(out->file.file, sizeof out->file.file, "%s", row[0]);
        out->file.pos = strtoull(row[1], NULL, 10);
        if (executed && mysql_num_fields(rows) > 4 && row[4] && buf_puts(executed, row[4]))
            rc = error_set(err, DS_ENOMEM, "out of memory");
    }
    mysql_free_result(rows);
    return rc;
}

static int variable_set(MYSQL *db, struct gtid_set *out, const char *variable, struct ds_error *err)
{
    BUF_AUTO struct buf text = {0};
    bool found;
    int rc = db_scalar(db, &text, &found, err, "SELECT @@GLOBAL.%s", variable);
    return rc ? rc : gtid_set_parse(out, buf_cstr(&text), err);
}

static int log_bin_on(MYSQL *db, struct ds_error *err)
{
    uint64_t on = 0;
    bool found;
    int rc = db_scalar_u64(db, &on, &found, err, "SELECT @@GLOBAL.log_bin");
    if (rc == 0 && !on)
        rc = error_set(err, DS_EUSAGE,
                       "the source writes no binary log; set log_bin there and restart it");
    return rc;
}

int source_now(MYSQL *db, const struct db_server *server, struct position *out,
               struct ds_error *err)
{
    BUF_AUTO struct buf executed = {0};
    bool gtids;
    memset(out, 0, sizeof *out);
    int rc = log_bin_on(db, err);
    if (rc == 0)
        rc = source_gtid_mode(db, server, &gtids, err);
    if (rc == 0)
        rc = master_status(db, server, out, &executed, err);
    if (rc || !gtids) {
        if (rc == 0 && !out->file.file[0])
            rc = error_set(err, DS_EACCESS,
                           "the source has no GTIDs, and user may not ask for its binlog "
                           "position; grant REPLICATION CLIENT on *.*");
        return rc;
    }
    /* The file was asked for first: it is never ahead of the set. */
    if (server->mariadb)
        rc = variable_set(db, &out->gtid, "gtid_binlog_pos", err);
    else if (executed.len)
        rc = gtid_set_parse(&out->gtid, buf_cstr(&executed), err);
    else
        rc = variable_set(db, &out->gtid, "gtid_executed", err);
    if (rc)
        position_free(out);
    return rc;
}

/* --- can it go on? -------------------------------------------------------- */

static int oldest_file(MYSQL *db, char *out, size_t size)
{
    out[0] = 0;
    MYSQL_RES *rows = db_select(db, NULL, "SHOW BINARY LOGS");
    if (!rows)
        return DS_EACCESS;
    MYSQL_ROW row = mysql_fetch_row(rows);
    if (row && row[0])
        snprintf(out, size, "%s", row[0]);
    mysql_free_result(rows);
    return out[0] ? 0 : DS_EAGAIN;
}

/* kind: what `gone` is, as in "all up to". */
static int purged(struct ds_error *err, const char *have, const char *kind, const char *gone)
{
    return error_set(
        err, DS_EPURGED,
        "the source has purged binlogs that we have not read: we are at %.*s, gone are "
        "%s %.*s; copy again with --resnapshot, and let the source keep its binlogs "
        "for longer (expire_logs_days, binlog_expire_logs_seconds)",
        LISTED_GTIDS / 3, have, kind, LISTED_GTIDS / 3, gone);
}

static int errant(struct ds_error *err, const char *list, const char *source)
{
    return error_set(err, DS_EPOSITION,
                     "the source lacks transactions that are applied here: %.*s; it is at %.*s; if "
                     "it is the right server, copy again with --resnapshot",
                     LISTED_GTIDS / 2, list, LISTED_GTIDS / 3, source);
}

/* Does a list of GTIDs ("0-1-5,0-2-3", several per domain) show that `m` was executed? */
static bool state_has(const char *state, const struct gtid_member *m)
{
    for (const char *p = state; *p;) {
        char *end;
        uint64_t domain = strtoull(p, &end, 10), server = 0, seq = 0;
        if (*end == '-')
            server = strtoull(end + 1, &end, 10);
        bool whole = *end == '-';
        if (whole)
            seq = strtoull(end + 1, &end, 10);
        if (whole && domain == m->domain && server == m->server && seq >= m->seq)
            return true;
        const char *comma = strchr(p, ',');
        p = comma ? comma + 1 : p + strlen(p);
    }
    return false;
}

/* Is `m` where a replica stands that keeps no binlog of what it replicates? All that follows is in
 * its binlog, if it was made a source since. */
static bool stands_at(const struct gtid_set *replicated, const struct gtid_member *m)
{
    for (size_t i = 0; i < replicated->count; i++) {
        const struct gtid_member *r = &replicated->members[i];
        if (r->domain == m->domain)
            return r->server == m->server && r->seq == m->seq;
    }
    return false;
}

static int mariadb_errant(MYSQL *db, const struct gtid_set *have, struct ds_error *err)
{
    BUF_AUTO struct buf state = {0}, list = {0}, now = {0};
    struct gtid_set replicated = {0};
    bool found;
    int rc = db_scalar(db, &state, &found, err, "SELECT @@GLOBAL.gtid_binlog_state");
    if (rc == 0)
        rc = db_scalar(db, &now, &found, err, "SELECT @@GLOBAL.gtid_binlog_pos");
    if (rc == 0)
        rc = variable_set(db, &replicated, "gtid_slave_pos", err);
    for (size_t i = 0; i < have->count && rc == 0; i++) {
        const struct gtid_member *m = &have->members[i];
        if (!state_has(buf_cstr(&state), m) && !stands_at(&replicated, m) &&
            buf_printf(&list, "%s%u-%u-%llu", list.len ? "," : "", m->domain, m->server,
                       (unsigned long long)m->seq))
            rc = error_set(err, DS_ENOMEM, "out of memory");
    }
    if (rc == 0 && list.len)
        rc = errant(err, buf_cstr(&list), now.len ? buf_cstr(&now) : "the empty position");
    gtid_set_free(&replicated);
    return rc;
}

/* The state at the head of the oldest binlog, where we may ask for it. */
static int mariadb_purged(MYSQL *db, const struct gtid_set *have, struct ds_error *err)
{
    char file[512];
    BUF_AUTO struct buf text = {0}, name = {0}, mine = {0};
    bool found = false;
    if (oldest_file(db, file, sizeof file))
        return 0; /* the dump will tell */
    if (sql_string(&name, file, strlen(file)))
        return error_set(err, DS_ENOMEM, "out of memory");
    int rc = db_scalar(db, &text, &found, err, "SELECT BINLOG_GTID_POS(%s, 4)", buf_cstr(&name));
    if (rc || !found)
        return rc == DS_EACCESS ? 0 : rc;
    struct gtid_set oldest = {0};
    rc = gtid_set_parse(&oldest, buf_cstr(&text), err);
    if (rc == 0 && !gtid_set_subset(&oldest, have)) {
        rc = gtid_set_print(have, &mine)
                 ? error_set(err, DS_ENOMEM, "out of memory")
                 : purged(err, buf_cstr(&mine), "all up to", buf_cstr(&text));
    }
    gtid_set_free(&oldest);
    return rc;
}

static int mysql_validate(MYSQL *db, const struct gtid_set *have, struct ds_error *err)
{
    struct gtid_set executed = {0}, gone = {0}, ahead = {0}, missing = {0};
    BUF_AUTO struct buf first = {0}, second = {0};
    int rc = variable_set(db, &executed, "gtid_executed", err);
    if (rc == 0)
        rc = variable_set(db, &gone, "gtid_purged", err);
    if (rc == 0 &&
        (gtid_set_subtract(&ahead, have, &executed) || gtid_set_subtract(&missing, &gone, have)))
        rc = error_set(err, DS_ENOMEM, "out of memory");
    if (rc == 0 && ahead.count)
        rc = gtid_set_print(&ahead, &first) || gtid_set_print(&executed, &second)
                 ? error_set(err, DS_ENOMEM, "out of memory")
                 : errant(err, buf_cstr(&first), buf_cstr(&second));
    else if (rc == 0 && missing.count)
        rc = gtid_set_print(have, &first) || gtid_set_print(&missing, &second)
                 ? error_set(err, DS_ENOMEM, "out of memory")
                 : purged(err, buf_cstr(&first), "the transactions", buf_cstr(&second));
    gtid_set_free(&executed);
    gtid_set_free(&gone);
    gtid_set_free(&ahead);
    gtid_set_free(&missing);
    return rc;
}

struct log_list {
    char first[512], last[512];
    bool present; /* the file asked about */
    uint64_t size;
};

/* False: not allowed to ask. */
static bool list_logs(MYSQL *db, const char *file, struct log_list *out)
{
    memset(out, 0, sizeof *out);
    MYSQL_RES *rows = db_select(db, NULL, "SHOW BINARY LOGS");
    if (!rows)
        return false;
    for (MYSQL_ROW row; (row = mysql_fetch_row(rows));) {
        if (!out->first[0])
            snprintf(out->first, sizeof out->first, "%s", row[0]);
        snprintf(out->last, sizeof out->last, "%s", row[0]);
        if (strcmp(row[0], file) != 0)
            continue;
        out->present = true;
        out->size = row[1] ? strtoull(row[1], NULL, 10) : 0;
    }
    mysql_free_result(rows);
    return out->first[0];
}

static int file_validate(MYSQL *db, const struct file_position *p, struct ds_error *err)
{
    struct log_list logs;
    if (!list_logs(db, p->file, &logs))
        return 0; /* the dump will tell */
    struct file_position oldest = {.pos = 4};
    snprintf(oldest.file, sizeof oldest.file, "%s", logs.first);
    char have[600];
    snprintf(have, sizeof have, "%s:%llu", p->file, (unsigned long long)p->pos);
    if (!logs.present && file_position_compare(p, &oldest) < 0)
        return purged(err, have, "all files before", logs.first);
    if (!logs.present || p->pos > logs.size)
        return error_set(err, DS_EPOSITION,
                         "the source has no binlog position %s; give one that SHOW BINARY LOGS "
                         "names, or copy again with --resnapshot",
                         have);
    return 0;
}

int source_another_log(const struct position *p, const char *there, struct ds_error *err)
{
    char have[600];
    return error_set(
        err, DS_EPOSITION,
        "the source's binlog is not the one that was followed: we are at %s, and there "
        "%s; it was reset (RESET MASTER), or restored from a backup, and may hold "
        "other transactions under the same GTIDs; copy again with --resnapshot",
        position_format(p, have, sizeof have), there);
}

/* Do two sets name other transactions as the last one of some domain? */
static bool differ(const struct gtid_set *x, const struct gtid_set *y)
{
    for (size_t i = 0; i < x->count; i++)
        for (size_t j = 0; j < y->count; j++)
            if (x->members[i].domain == y->members[j].domain &&
                (x->members[i].server != y->members[j].server ||
                 x->members[i].seq != y->members[j].seq))
                return true;
    return false;
}

/* What the server's binlog has at that place. */
static int compare_place(MYSQL *db, const struct position *p, struct ds_error *err)
{
    BUF_AUTO struct buf name = {0}, text = {0}, what = {0};
    struct gtid_set there = {0};
    bool found;
    if (p->file.pos > UINT32_MAX) /* more than the function takes */
        return 0;
    if (sql_string(&name, p->file.file, strlen(p->file.file)))
        return error_set(err, DS_ENOMEM, "out of memory");
    int rc = db_scalar(db, &text, &found, err, "SELECT BINLOG_GTID_POS(%s, %llu)", buf_cstr(&name),
                       (unsigned long long)p->file.pos);
    if (rc)
        return rc == DS_ECONN ? rc : 0; /* not for us to ask */
    if (!found)
        return source_another_log(p, "it has no transaction that ends so", err);
    rc = gtid_set_parse(&there, buf_cstr(&text), err);
    if (rc == 0 && differ(&p->gtid, &there))
        rc = buf_printf(&what, "it has %s", buf_cstr(&text))
                 ? error_set(err, DS_ENOMEM, "out of memory")
                 : source_another_log(p, buf_cstr(&what), err);
    gtid_set_free(&there);
    return rc;
}

/* Does the server's binlog go so far? *present: it has the file. What it may not be asked for, is.
 */
static int reaches_file(MYSQL *db, const struct position *p, bool *present, struct ds_error *err)
{
    struct log_list logs;
    *present = false;
    if (!p->file.file[0] || !list_logs(db, p->file.file, &logs))
        return 0;
    struct file_position newest = {.pos = 4};
    snprintf(newest.file, sizeof newest.file, "%s", logs.last);
    *present = logs.present;
    if (!logs.present && file_position_same_series(&p->file, &newest) &&
        file_position_compare(&p->file, &newest) > 0)
        return source_another_log(p, "it has no such file", err);
    return logs.present && p->file.pos > logs.size
               ? source_another_log(p, "it ends before that", err)
               : 0;
}

int source_same_log(MYSQL *db, const struct db_server *server, const struct position *p,
                    struct ds_error *err)
{
    bool present = false;
    int rc = p->gtid.count ? reaches_file(db, p, &present, err) : 0;
    return rc == 0 && present && server->mariadb ? compare_place(db, p, err) : rc;
}

int source_reaches(MYSQL *db, const struct position *p, struct ds_error *err)
{
    bool present;
    return reaches_file(db, p, &present, err);
}

int source_validate(MYSQL *db, const struct db_server *server, const struct position *p,
                    struct ds_error *err)
{
    if (p->gtid.count == 0)
        return p->file.file[0] ? file_validate(db, &p->file, err) : 0;
    if ((p->gtid.flavour == GTID_MARIADB) != server->mariadb)
        return 0; /* dump_open says it */
    if (!server->mariadb)
        return mysql_validate(db, &p->gtid, err);
    int rc = mariadb_errant(db, &p->gtid, err);
    return rc ? rc : mariadb_purged(db, &p->gtid, err);
}

int source_resolve_file(MYSQL *db, const struct db_server *server, struct position *p, bool *found,
                        struct ds_error *err)
{
    BUF_AUTO struct buf name = {0}, text = {0};
    *found = false;
    if (!server->mariadb || p->file.pos > UINT32_MAX)
        return 0;
    if (sql_string(&name, p->file.file, strlen(p->file.file)))
        return error_set(err, DS_ENOMEM, "out of memory");
    int rc = db_scalar(db, &text, found, err, "SELECT BINLOG_GTID_POS(%s, %llu)", buf_cstr(&name),
                       (unsigned long long)p->file.pos);
    if (rc || !*found) /* not known, or not to us: the file itself is read */
        return rc == DS_ECONN ? rc : 0;
    gtid_set_free(&p->gtid);
    return gtid_set_parse(&p->gtid, buf_cstr(&text), err);
}

/* --- prepared transactions ------------------------------------------------ */

static int list_prepared(MYSQL *db, struct buf *list, struct ds_error *err)
{
    struct ds_error why;
    MYSQL_RES *rows = db_select(db, &why, "XA RECOVER");
    if (!rows) {
        if (why.code != DS_EACCESS) {
            *err = why;
            return why.code;
        }
        log_warn("may not ask for prepared XA transactions; those that are prepared now will "
                 "stop the stream when they commit (grant XA_RECOVER_ADMIN)");
        return 0;
    }
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(rows));) {
        const unsigned long *lengths = mysql_fetch_lengths(rows);
        rc = list->len ? buf_puts(list, ", ") : 0;
        for (unsigned long i = 0; rc == 0 && row[3] && i < lengths[3]; i++)
            rc = buf_printf(list, row[3][i] >= ' ' && row[3][i] < 127 ? "%c" : "\\x%02x",
                            (unsigned char)row[3][i]);
    }
    mysql_free_result(rows);
    return rc ? error_set(err, DS_ENOMEM, "out of memory") : 0;
}

int source_check_xa(MYSQL *db, unsigned patience, struct ds_error *err)
{
    for (unsigned tenths = 0;; tenths++) {
        BUF_AUTO struct buf list = {0};
        int rc = list_prepared(db, &list, err);
        if (rc || list.len == 0)
            return rc;
        if (tenths >= patience * 10)
            return error_set(err, DS_EUNSUPPORTED,
                             "XA transactions are prepared at the source, whose rows would be "
                             "lost by starting now: %.600s; commit them or roll them back "
                             "(XA RECOVER shows them)",
                             buf_cstr(&list));
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
}
