/* Errors of the whole project.
 *
 * Every function that can fail returns 0 or a negative DS_E… code and fills a
 * struct ds_error that its caller owns. The callee writes what happened; the
 * caller may add where (table, key, position) if the callee left that empty.
 * Nothing below agent/cli prints or exits. No thread affinity.
 */
#ifndef SCHEMA_ERROR_H
#define SCHEMA_ERROR_H

#include <stdarg.h>

enum ds_code {
    DS_OK = 0,
    DS_EUSAGE = -1, /* wrong usage or configuration: exit 2 */
    DS_EACCESS =
        -2,        /* a server refuses who we are (1044, 1045, 1227, 1698): exit 2, never retried */
    DS_ECONN = -3, /* a server cannot be reached or the connection broke: retried, else exit 5 */
    DS_EBUSY = -4, /* another instance holds the lock: exit 4 */
    DS_EFORMAT = -5, /* malformed binlog, message or file: exit 1 */
    DS_EUNSUPPORTED =
        -6,          /* well-formed, but nothing we can apply without losing something: exit 1 */
    DS_EPURGED = -7, /* the source no longer has what comes after our position: exit 1 */
    DS_EPOSITION =
        -8, /* position unknown to the source (errant, ahead), or not ours to move: exit 1 */
    DS_ECONFLICT = -9, /* a change does not fit the destination (law 5): exit 1 under `stop` */
    DS_EDDL = -10,     /* a DDL statement failed or its outcome is unknown (law 7): exit 1 */
    DS_ESERVER = -11,  /* any other error that a server returned: exit 1 */
    DS_ERETRY = -12,   /* lock wait, deadlock: roll back and try again */
    DS_EIO = -13,      /* file system: exit 1 */
    DS_ENOMEM = -14,   /* out of memory: exit 1 */
    DS_EFULL = -15,    /* a bounded store is full: backpressure, never seen by the user */
    DS_EAGAIN = -16,   /* nothing there at the moment */
    DS_ESTOPPED = -17, /* asked to stop: exit 0 */
    DS_ESCHEMA = -18,  /* a table differs between the sides in count or types of columns: exit 1 */
    DS_ELIMIT = -19,   /* a configured limit (max_event …) is passed: exit 1 */
    DS_EMET = -20, /* the stream has come to what it was to end before: never seen by the user */
};

struct ds_error {
    int code;              /* DS_OK or a DS_E… code */
    unsigned server_errno; /* MySQL error number when a server caused it, else 0 */
    char message[1400];    /* one line, without a final full stop or newline; says what to do */
    char table[200];       /* database.table when known, else "" */
    char key[200];         /* row key, printable, when known, else "" */
    char position[300];    /* source position when known, else "" */
};

/* Fills *err (which may be NULL) and returns code. Overwrites what was there. */
int error_set(struct ds_error *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int error_vset(struct ds_error *err, int code, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));
/* As error_set, keeping the server's error number. */
int error_set_server(struct ds_error *err, int code, unsigned server_errno, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Add where it happened, unless a deeper caller has said so. */
void error_at_table(struct ds_error *err, const char *database, const char *table);
void error_at_position(struct ds_error *err, const char *position);
void error_at_key(struct ds_error *err, const char *key);
void error_clear(struct ds_error *err);
/* One line: message, then table=… key=… position=… where known. Returns buf. */
char *error_format(const struct ds_error *err, char *buf, unsigned long size);
/* "DS_ECONN" … for logs and tests. */
const char *error_name(int code);

#ifdef __clang_analyzer__
/* The analyser looks into one file at a time and would think that error_set may return 0. */
static inline int error_returns(int code, int filled)
{
    (void)filled;
    return code;
}
#define error_set(err, code, ...) error_returns(code, error_set(err, code, __VA_ARGS__))
#define error_set_server(err, code, number, ...)                                                   \
    error_returns(code, error_set_server(err, code, number, __VA_ARGS__))
#endif

#endif
