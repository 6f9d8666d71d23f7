#include "schema/error.h"

#include <stdio.h>
#include <string.h>

static int error_fill(struct ds_error *err, int code, unsigned server_errno, const char *fmt,
                      va_list ap)
{
    if (err) {
        memset(err, 0, sizeof *err);
        err->code = code;
        err->server_errno = server_errno;
        vsnprintf(err->message, sizeof err->message, fmt, ap);
        for (char *p = err->message; *p; p++) /* one line, whatever a server sent */
            if (*p == '\n' || *p == '\r')
                *p = ' ';
    }
    return code;
}

int error_vset(struct ds_error *err, int code, const char *fmt, va_list ap)
{
    return error_fill(err, code, 0, fmt, ap);
}

int(error_set)(struct ds_error *err, int code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    error_fill(err, code, 0, fmt, ap);
    va_end(ap);
    return code;
}

int(error_set_server)(struct ds_error *err, int code, unsigned server_errno, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    error_fill(err, code, server_errno, fmt, ap);
    va_end(ap);
    return code;
}

void error_at_table(struct ds_error *err, const char *database, const char *table)
{
    if (err && !err->table[0])
        snprintf(err->table, sizeof err->table, "%s%s%s", database ? database : "",
                 database && *database ? "." : "", table);
}

void error_at_position(struct ds_error *err, const char *position)
{
    if (err && !err->position[0])
        snprintf(err->position, sizeof err->position, "%s", position);
}

void error_at_key(struct ds_error *err, const char *key)
{
    if (err && !err->key[0])
        snprintf(err->key, sizeof err->key, "%s", key);
}

void error_clear(struct ds_error *err)
{
    if (err)
        memset(err, 0, sizeof *err);
}

char *error_format(const struct ds_error *err, char *buf, unsigned long size)
{
    snprintf(buf, size, "%s%s%s%s%s%s%s", err->message, err->table[0] ? " table=" : "", err->table,
             err->key[0] ? " key=" : "", err->key, err->position[0] ? " position=" : "",
             err->position);
    return buf;
}

const char *error_name(int code)
{
    static const char *const names[] = {
        "DS_OK",           "DS_EUSAGE",  "DS_EACCESS",   "DS_ECONN",     "DS_EBUSY",  "DS_EFORMAT",
        "DS_EUNSUPPORTED", "DS_EPURGED", "DS_EPOSITION", "DS_ECONFLICT", "DS_EDDL",   "DS_ESERVER",
        "DS_ERETRY",       "DS_EIO",     "DS_ENOMEM",    "DS_EFULL",     "DS_EAGAIN", "DS_ESTOPPED",
        "DS_ESCHEMA",      "DS_ELIMIT",  "DS_EMET"};
    int i = -code;
    return i >= 0 && i < (int)(sizeof names / sizeof *names) ? names[i] : "DS_E?";
}
