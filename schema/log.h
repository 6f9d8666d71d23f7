/* Log lines. Library code calls log_write; the program installs a sink.
 *
 * Without a sink nothing is printed. A line is one event: a short message and
 * key=value pairs in printf form ("source connected host=%s port=%u"). Never a
 * password, never a row value above debug level. Any thread may log; the sink
 * is called under one mutex and must be set before threads start.
 */
#ifndef SCHEMA_LOG_H
#define SCHEMA_LOG_H

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARN,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_TRACE
};

typedef void (*log_sink)(void *arg, enum log_level level, const char *line);

void log_set_sink(log_sink sink, void *arg, enum log_level max_level);
int log_enabled(enum log_level level);
void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
