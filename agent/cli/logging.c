#include "agent/cli/logging.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "schema/json.h"
#include "schema/log.h"

static struct {
    bool json, terminal;
    bool migration; /* lines look as those of the other tool */
    struct logging_stage at;
    int file;              /* that they go to as well, 0: none */
    char progress[400];    /* shown below the log, "" none */
    pthread_mutex_t mutex; /* protects `progress` and the order of what is written */
} screen = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static const char *const level_names[] = {"error", "warn", "info", "debug", "trace"};

/* Does a "key=" begin at p? */
static bool field_begins(const char *p, size_t *key_len)
{
    size_t n = 0;
    while ((p[n] >= 'a' && p[n] <= 'z') || (n && p[n] >= '0' && p[n] <= '9') ||
           (n && (p[n] == '_' || p[n] == '.')))
        n++;
    *key_len = n;
    return n && p[n] == '=';
}

/* Does the line end at p, or go on with " key="? */
static bool text_ends(const char *p)
{
    size_t n;
    return !*p || (*p == ' ' && field_begins(p + 1, &n));
}

/* End of the text at p: the next " key=", or the end. */
static const char *text_end(const char *p)
{
    while (!text_ends(p))
        p++;
    return p;
}

/* The closing quote of the value that begins with one at p, NULL: there is none. Quotes within are
 * not escaped: what follows tells. */
static const char *quote_end(const char *p)
{
    for (p++; *p; p++)
        if (*p == '"' && text_ends(p + 1))
            return p;
    return NULL;
}

static int format_json(struct buf *out, const char *stamp, int level, const char *line)
{
    struct json j = {.out = out};
    const char *end = line;
    size_t n;
    json_object(&j, NULL);
    json_text(&j, "time", stamp);
    json_text(&j, "level", level_names[level]);
    if (!field_begins(line, &n))
        end = text_end(line);
    json_text_len(&j, "message", line, (size_t)(end - line));
    while (*end) {
        const char *key = *end == ' ' ? end + 1 : end;
        char name[64];
        field_begins(key, &n);
        snprintf(name, sizeof name, "%.*s", (int)(n < 63 ? n : 63), key);
        const char *value = key + n + 1, *quote = *value == '"' ? quote_end(value) : NULL;
        end = quote ? quote : text_end(value);
        value += quote != NULL;
        json_text_len(&j, name, value, (size_t)(end - value));
        end += quote != NULL;
    }
    json_end(&j);
    return j.failed;
}

int logging_format(struct buf *out, bool json, long long now, int level, const char *line)
{
    char stamp[40];
    struct tm tm;
    time_t seconds = (time_t)(now / 1000000);
    if (!gmtime_r(&seconds, &tm) || !strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm))
        snprintf(stamp, sizeof stamp, "?");
    size_t n = strlen(stamp);
    snprintf(stamp + n, sizeof stamp - n, ".%03dZ", (int)(now / 1000 % 1000));
    return json ? format_json(out, stamp, level, line)
                : buf_printf(out, "%s %-5s %s", stamp, level_names[level], line);
}

/* " table=NAME" of a line: where it begins, how long it is with its value, and where that begins;
 * NULL: there is none. */
static const char *find_table(const char *line, size_t *len, const char **name)
{
    static const char key[] = " table=";
    const char *at = strstr(line, key);
    if (!at)
        return NULL;
    *name = at + sizeof key - 1;
    *len = (size_t)(*name - at) + strcspn(*name, " ");
    return at;
}

int logging_format_migration(struct buf *out, const struct logging_stage *at, long long now,
                             int level, const char *line)
{
    static const char *const names[] = {"ERROR", "WARNING", "INFO", "DEBUG", "DEBUG"};
    char stamp[40];
    struct tm tm;
    time_t seconds = (time_t)(now / 1000000);
    const char *name = NULL, *table = NULL;
    size_t len = 0;
    if (!gmtime_r(&seconds, &tm) || !strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm))
        snprintf(stamp, sizeof stamp, "?");
    int rc = buf_printf(out, "[%s.%06d+00:00][%s]", stamp, (int)(now % 1000000), names[level]);
    if (level >= LOG_LEVEL_INFO && at->mode)
        rc |= buf_printf(out, "[mode: %s]", at->mode);
    if (level >= LOG_LEVEL_INFO && at->stage)
        rc |= buf_printf(out, "[stage: %s][step: %s]", at->stage, at->step ? at->step : "");
    if (level >= LOG_LEVEL_DEBUG && (table = find_table(line, &len, &name)))
        rc |= buf_printf(out, "[table: %.*s]: %.*s%s", (int)(table + len - name), name,
                         (int)(table - line), line, table + len);
    else
        rc |= buf_printf(out, ": %s", line);
    return rc;
}

static void write_all(int to, const char *text, size_t len)
{
    while (len) {
        ssize_t n = write(to, text, len);
        if (n <= 0)
            return; /* nobody to tell */
        text += n;
        len -= (size_t)n;
    }
}

static void clear_line(struct buf *out)
{
    if (screen.terminal && screen.progress[0])
        (void)buf_puts(out, "\r\033[K");
}

/* The progress line is on a terminal, where stdout is one mostly, too. */
static void write_migration(struct buf *text)
{
    if (screen.terminal && screen.progress[0])
        write_all(STDERR_FILENO, "\r\033[K", 4);
    write_all(STDOUT_FILENO, (const char *)text->data, text->len);
    if (screen.file)
        write_all(screen.file, (const char *)text->data, text->len);
    if (screen.terminal)
        write_all(STDERR_FILENO, screen.progress, strlen(screen.progress));
}

static void sink(void *arg, enum log_level level, const char *line)
{
    (void)arg;
    BUF_AUTO struct buf out = {0};
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    pthread_mutex_lock(&screen.mutex);
    if (screen.migration) {
        if (logging_format_migration(&out, &screen.at, now.tv_sec * 1000000LL + now.tv_nsec / 1000,
                                     (int)level, line) == 0 &&
            buf_puts(&out, "\n") == 0)
            write_migration(&out);
        pthread_mutex_unlock(&screen.mutex);
        return;
    }
    clear_line(&out);
    if (logging_format(&out, screen.json, now.tv_sec * 1000000LL + now.tv_nsec / 1000, (int)level,
                       line) == 0 &&
        buf_puts(&out, "\n") == 0 && buf_puts(&out, screen.progress) == 0)
        write_all(STDERR_FILENO, (const char *)out.data, out.len);
    pthread_mutex_unlock(&screen.mutex);
}

void logging_start(const char *format, unsigned verbosity)
{
    screen.json = strcmp(format, "json") == 0;
    screen.terminal = !screen.json && isatty(STDERR_FILENO);
    log_set_sink(sink, NULL,
                 verbosity == 0   ? LOG_LEVEL_INFO
                 : verbosity == 1 ? LOG_LEVEL_DEBUG
                                  : LOG_LEVEL_TRACE);
}

int logging_migration(const char *file, struct ds_error *err)
{
    int fd = file ? open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640) : 0;
    if (fd < 0)
        return error_set(err, DS_EIO, "log_file: %s: %s", file, strerror(errno));
    pthread_mutex_lock(&screen.mutex);
    screen.migration = !screen.json;
    screen.file = fd;
    pthread_mutex_unlock(&screen.mutex);
    return 0;
}

void logging_at_stage(const struct logging_stage *at)
{
    pthread_mutex_lock(&screen.mutex);
    screen.at = *at;
    pthread_mutex_unlock(&screen.mutex);
}

bool logging_stage_now(struct logging_stage *out)
{
    pthread_mutex_lock(&screen.mutex);
    *out = screen.at;
    bool is = screen.migration && out->step;
    pthread_mutex_unlock(&screen.mutex);
    return is;
}

void logging_notice(const char *line)
{
    BUF_AUTO struct buf out = {0};
    if (!screen.migration) {
        log_info("%s", line);
        return;
    }
    pthread_mutex_lock(&screen.mutex);
    if (buf_printf(&out, "[NOTICE]: %s\n", line) == 0)
        write_migration(&out);
    pthread_mutex_unlock(&screen.mutex);
}

bool logging_terminal(void)
{
    return screen.terminal;
}

void logging_progress(const char *line)
{
    if (!screen.terminal)
        return;
    BUF_AUTO struct buf out = {0};
    struct winsize size = {0};
    size_t width = sizeof screen.progress - 1;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 && size.ws_col - 1U < width)
        width = size.ws_col - 1U;
    pthread_mutex_lock(&screen.mutex);
    clear_line(&out);
    snprintf(screen.progress, width + 1, "%s", line);
    if (buf_puts(&out, screen.progress) == 0)
        write_all(STDERR_FILENO, (const char *)out.data, out.len);
    pthread_mutex_unlock(&screen.mutex);
}

void logging_progress_keep(void)
{
    pthread_mutex_lock(&screen.mutex);
    if (screen.terminal && screen.progress[0])
        write_all(STDERR_FILENO, "\n", 1);
    screen.progress[0] = 0;
    pthread_mutex_unlock(&screen.mutex);
}
