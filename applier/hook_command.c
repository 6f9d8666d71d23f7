/* A hook that is a program: the message on its standard input, its outcome by exit code.
 *
 * It runs in a process group of its own, so that what it starts ends with it when it takes too
 * long, with no descriptors but its three, and with an environment of its own: passwords that ours
 * may hold do not get there.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "applier/hooks.h"

enum {
    GRACE_MS = 2000, /* between SIGTERM and SIGKILL */
    TAIL = 400,      /* of what it says */
};

struct running {
    pid_t pid;
    int pidfd, in, out; /* its end, our end of its standard input (-1 closed) and error */
    size_t sent;
    char tail[2 * TAIL]; /* the end of what it said */
    size_t tail_len;
};

static int64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* --- start -------------------------------------------------------------------- */

/* What programs may need of ours; none of it is a secret. */
static int make_environment(const struct config *c, const struct hook_message *m, struct arena *a,
                            char **out, size_t max)
{
    static const char *const kept[] = {"PATH",   "HOME",     "USER", "LOGNAME", "LANG",
                                       "LC_ALL", "LC_CTYPE", "TZ",   "TMPDIR"};
    BUF_AUTO struct buf text = {0};
    size_t n = 0;
    for (size_t i = 0; i < sizeof kept / sizeof *kept && n + 4 < max; i++) {
        const char *value = getenv(kept[i]);
        buf_clear(&text);
        if (value && buf_printf(&text, "%s=%s", kept[i], value))
            return DS_ENOMEM;
        if (value && !(out[n++] = arena_strdup(a, buf_cstr(&text))))
            return DS_ENOMEM;
    }
    const struct {
        const char *name, *value;
    } own[] = {{"DATASYNC_STREAM", c->name}, {"DATASYNC_HOOK_KEY", m->key}};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        buf_clear(&text);
        if (buf_printf(&text, "%s=%s", own[i].name, own[i].value) ||
            !(out[n++] = arena_strdup(a, buf_cstr(&text))))
            return DS_ENOMEM;
    }
    buf_clear(&text);
    if (buf_printf(&text, "DATASYNC_HOOK_ATTEMPT=%u", m->attempt) ||
        !(out[n++] = arena_strdup(a, buf_cstr(&text))))
        return DS_ENOMEM;
    out[n] = NULL;
    return 0;
}

/* posix_spawn's functions return error numbers. */
static int spawn(char *const *arguments, char *const *environment, int in, int err_fd, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, standard;
    sigemptyset(&none);
    sigemptyset(&standard);
    sigaddset(&standard, SIGPIPE);
    int rc = posix_spawn_file_actions_init(&actions);
    if (rc)
        return rc;
    rc = posix_spawnattr_init(&attributes);
    if (rc) {
        posix_spawn_file_actions_destroy(&actions);
        return rc;
    }
    rc = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    rc = rc ? rc : posix_spawn_file_actions_adddup2(&actions, err_fd, STDERR_FILENO);
    rc = rc ? rc
            : posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    rc = rc ? rc : posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    rc = rc ? rc : posix_spawnattr_setpgroup(&attributes, 0);
    rc = rc ? rc : posix_spawnattr_setsigmask(&attributes, &none);
    rc = rc ? rc : posix_spawnattr_setsigdefault(&attributes, &standard);
    rc = rc ? rc
            : posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                        POSIX_SPAWN_SETSIGDEF);
    rc = rc ? rc : posix_spawn(pid, arguments[0], &actions, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

static int start(const struct config *c, const struct hook_message *m, struct running *r,
                 struct ds_error *err)
{
    struct arena arena = {0};
    char *environment[32];
    int in[2] = {-1, -1}, out[2] = {-1, -1};
    int rc = make_environment(c, m, &arena, environment, sizeof environment / sizeof *environment)
                 ? ENOMEM
                 : 0;
    if (rc == 0 && (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC)))
        rc = errno;
    rc = rc ? rc : spawn(c->hooks_command.items, environment, in[0], out[1], &r->pid);
    if (rc == 0 && (r->pidfd = pidfd_open(r->pid, 0)) < 0) {
        rc = errno;
        kill(-r->pid, SIGKILL);
        waitpid(r->pid, NULL, 0);
    }
    close_fd(&in[0]);
    close_fd(&out[1]);
    arena_free(&arena);
    if (rc) {
        close_fd(&in[1]);
        close_fd(&out[0]);
        return error_set(err, DS_EIO, "cannot start %s: %s", c->hooks_command.items[0],
                         strerror(rc));
    }
    r->in = in[1];
    r->out = out[0];
    if (fcntl(r->in, F_SETFL, O_NONBLOCK) || fcntl(r->out, F_SETFL, O_NONBLOCK))
        close_fd(&r->in); /* it would make us wait for it: rather let it go without */
    return 0;
}

/* --- while it runs ------------------------------------------------------------ */

static void feed(struct running *r, const struct hook_message *m)
{
    ssize_t n = write(r->in, m->payload + r->sent, m->len - r->sent);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    r->sent += n > 0 ? (size_t)n : 0;
    if (n < 0 || r->sent == m->len) /* one that does not read it all may still succeed */
        close_fd(&r->in);
}

/* Keep the last TAIL bytes or more. */
static void listen_to(struct running *r)
{
    char text[TAIL];
    ssize_t n;
    while ((n = read(r->out, text, sizeof text)) > 0) {
        if (r->tail_len > TAIL) {
            memmove(r->tail, r->tail + r->tail_len - TAIL, TAIL);
            r->tail_len = TAIL;
        }
        memcpy(r->tail + r->tail_len, text, (size_t)n);
        r->tail_len += (size_t)n;
    }
    if (n == 0)
        close_fd(&r->out);
}

/* Until it ends, `stop` is readable, or the time is over. 0: it has ended; else DS_ESTOPPED or
 * DS_EAGAIN. */
static int attend(struct running *r, const struct hook_message *m, int stop, int64_t until)
{
    for (;;) {
        int64_t left = until - now_ms();
        struct pollfd fds[] = {{.fd = r->pidfd, .events = POLLIN},
                               {.fd = stop, .events = POLLIN},
                               {.fd = r->in, .events = POLLOUT},
                               {.fd = r->out, .events = POLLIN}};
        if (left <= 0)
            return DS_EAGAIN;
        if (poll(fds, 4, (int)left) < 0 && errno != EINTR)
            return DS_EAGAIN;
        if (fds[2].revents)
            feed(r, m);
        if (fds[3].revents)
            listen_to(r);
        if (fds[0].revents)
            return 0;
        if (fds[1].revents)
            return DS_ESTOPPED;
    }
}

static void end_group(struct running *r, const struct hook_message *m)
{
    kill(-r->pid, SIGTERM);
    attend(r, m, -1, now_ms() + GRACE_MS);
    kill(-r->pid, SIGKILL); /* also what outlives the first of them */
}

void hook_one_line(const void *text, size_t len, char *out, size_t size)
{
    const unsigned char *p = text;
    size_t n = 0;
    for (size_t i = 0; i < len && n + 1 < size; i++)
        out[n++] = p[i] < 0x20 || p[i] == 0x7f ? ' ' : p[i] == '"' ? '\'' : (char)p[i];
    while (n && out[n - 1] == ' ')
        n--;
    out[n] = 0;
}

/* Its last line. */
static void last_line(const struct running *r, char *out, size_t size)
{
    size_t end = r->tail_len, start;
    while (end && (r->tail[end - 1] == '\n' || r->tail[end - 1] == '\r'))
        end--;
    for (start = end; start && r->tail[start - 1] != '\n';)
        start--;
    if (end - start >= size)
        start = end - size + 1;
    hook_one_line(r->tail + start, end - start, out, size);
}

int hook_run_command(const struct config *c, const struct hook_message *m, int stop,
                     struct ds_error *err)
{
    struct running r = {.pidfd = -1, .in = -1, .out = -1};
    char said[TAIL];
    int status = 0, rc = start(c, m, &r, err);
    if (rc)
        return rc;
    rc = attend(&r, m, stop, now_ms() + (int64_t)c->hooks_timeout * 1000);
    if (rc)
        end_group(&r, m);
    while (waitpid(r.pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (r.out >= 0)
        listen_to(&r);
    close_fd(&r.in);
    close_fd(&r.out);
    close_fd(&r.pidfd);
    last_line(&r, said, sizeof said);
    if (rc == DS_ESTOPPED)
        return error_set(err, rc, "asked to stop");
    if (rc)
        return error_set(err, DS_EIO, "not done in %us%s%s", c->hooks_timeout, *said ? ": " : "",
                         said);
    if (WIFSIGNALED(status))
        return error_set(err, DS_EIO, "ended by signal %d%s%s", WTERMSIG(status), *said ? ": " : "",
                         said);
    if (WEXITSTATUS(status))
        return error_set(err, DS_EIO, "exit code %d%s%s", WEXITSTATUS(status), *said ? ": " : "",
                         said);
    return 0;
}
