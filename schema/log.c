#include "schema/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

static struct {
    log_sink sink;
    void *arg;
    enum log_level max_level;
} target; /* written once, before threads start */
static pthread_mutex_t sink_mutex = PTHREAD_MUTEX_INITIALIZER; /* one line at a time */

void log_set_sink(log_sink sink, void *arg, enum log_level max_level)
{
    target.sink = sink;
    target.arg = arg;
    target.max_level = max_level;
}

int log_enabled(enum log_level level)
{
    return target.sink && level <= target.max_level;
}

void log_write(enum log_level level, const char *fmt, ...)
{
    if (!log_enabled(level))
        return;
    char line[2048];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    pthread_mutex_lock(&sink_mutex);
    target.sink(target.arg, level, line);
    pthread_mutex_unlock(&sink_mutex);
}
