#include "agent/cli/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/cli/lock.h"
#include "schema/log.h"

struct status_server {
    uv_pipe_t pipe;
    int (*answer)(void *arg, struct buf *out);
    void *arg;
};
struct client {
    uv_pipe_t pipe;
    uv_write_t write;
    struct buf text;
};

/* An address holds 107 characters; a longer path is reached through its folder's descriptor, which
 * the caller closes after use. */
static int short_path(const struct config *c, const char *suffix, char *out, size_t size,
                      int *folder)
{
    *folder = -1;
    int n = snprintf(out, size, "%s/%s%s", c->state_dir, c->name, suffix);
    if (n >= 0 && (size_t)n < size)
        return 0;
    *folder = open(c->state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*folder < 0)
        return -1;
    n = snprintf(out, size, "/proc/self/fd/%d/%s%s", *folder, c->name, suffix);
    return n >= 0 && (size_t)n < size ? 0 : -1;
}

/* --- server --------------------------------------------------------------- */

static void client_closed(uv_handle_t *handle)
{
    struct client *client = handle->data;
    buf_free(&client->text);
    free(client);
}

static void client_written(uv_write_t *write, int status)
{
    struct client *client = write->data;
    if (status < 0 && status != UV_ECANCELED)
        log_debug("status client has gone error=%s", uv_strerror(status));
    if (!uv_is_closing((uv_handle_t *)&client->pipe))
        uv_close((uv_handle_t *)&client->pipe, client_closed);
}

static void connected(uv_stream_t *stream, int status)
{
    struct status_server *s = stream->data;
    struct client *client = status < 0 ? NULL : calloc(1, sizeof *client);
    if (!client)
        return;
    if (uv_pipe_init(stream->loop, &client->pipe, 0)) {
        free(client);
        return;
    }
    client->pipe.data = client;
    client->write.data = client;
    uv_buf_t text = {0};
    if (uv_accept(stream, (uv_stream_t *)&client->pipe) == 0 &&
        s->answer(s->arg, &client->text) == 0) {
        text = uv_buf_init((char *)client->text.data, (unsigned)client->text.len);
        if (uv_write(&client->write, (uv_stream_t *)&client->pipe, &text, 1, client_written) == 0)
            return;
    }
    uv_close((uv_handle_t *)&client->pipe, client_closed);
}

static void server_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static int listen_at(struct status_server *s, const struct config *c, const char *suffix)
{
    char path[sizeof((struct sockaddr_un *)NULL)->sun_path];
    int folder;
    if (short_path(c, suffix, path, sizeof path, &folder))
        return UV_ENAMETOOLONG;
    unlink(path);
    mode_t before = umask(0177); /* the socket is born with mode 0600 */
    int rc = uv_pipe_bind(&s->pipe, path);
    umask(before);
    if (rc == 0)
        rc = uv_listen((uv_stream_t *)&s->pipe, 16, connected);
    if (folder >= 0)
        close(folder);
    return rc;
}

int status_server_start(struct status_server **out, uv_loop_t *loop, const struct config *c,
                        const char *suffix, int (*answer)(void *arg, struct buf *out), void *arg,
                        struct ds_error *err)
{
    *out = NULL;
    struct status_server *s = calloc(1, sizeof *s);
    int rc = s ? uv_pipe_init(loop, &s->pipe, 0) : UV_ENOMEM;
    if (rc) {
        free(s);
        return error_set(err, DS_ENOMEM, "cannot create the status socket: %s", uv_strerror(rc));
    }
    s->pipe.data = s;
    s->answer = answer;
    s->arg = arg;
    rc = listen_at(s, c, suffix);
    if (rc) {
        error_set(err, DS_EIO, "cannot listen at %s/%s%s: %s", c->state_dir, c->name, suffix,
                  uv_strerror(rc));
        status_server_stop(s);
        return DS_EIO;
    }
    *out = s;
    return 0;
}

void status_server_stop(struct status_server *s)
{
    if (s)
        uv_close((uv_handle_t *)&s->pipe, server_closed); /* libuv unlinks the socket */
}

/* --- client --------------------------------------------------------------- */

static int read_answer(int fd, struct buf *out)
{
    struct timeval wait = {.tv_sec = 2};
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait))
        return -1;
    for (;;) {
        if (buf_reserve(out, 4096))
            return -1;
        ssize_t n = read(fd, out->data + out->len, 4096);
        if (n == 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return -1;
        out->len += n > 0 ? (size_t)n : 0;
    }
}

int status_ask(const struct config *c, const char *suffix, struct buf *out, struct ds_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int folder;
    buf_clear(out);
    if (short_path(c, suffix, address.sun_path, sizeof address.sun_path, &folder))
        return DS_EAGAIN; /* no such folder: nothing has ever run */
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = 0;
    if (fd < 0)
        rc = error_set(err, DS_EIO, "cannot create a socket: %s", strerror(errno));
    else if (connect(fd, (struct sockaddr *)&address, sizeof address)) {
        rc = errno == EACCES
                 ? error_set(err, DS_EUSAGE, "%s/%s%s: %s; ask as the user that runs it",
                             c->state_dir, c->name, suffix, strerror(errno))
                 : DS_EAGAIN;
    } else if (read_answer(fd, out)) {
        rc = error_set(err, DS_EIO, "the running process did not answer: %s", strerror(errno));
    } else if (out->len == 0) {
        rc = DS_EAGAIN; /* it was just ending */
    }
    if (fd >= 0)
        close(fd);
    if (folder >= 0)
        close(folder);
    return rc;
}
