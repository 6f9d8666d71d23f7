#include "agent/cli/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Parents get the usual mode, the folder itself is ours alone. */
static int make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        int rc = mkdir(path, 0755);
        *slash = '/';
        if (rc && errno != EEXIST)
            return -1;
    }
    return mkdir(path, 0700) && errno != EEXIST ? -1 : 0;
}

int state_dir_create(const struct config *c, struct ds_error *err)
{
    char *path = strdup(c->state_dir);
    struct stat st;
    if (!path)
        return error_set(err, DS_ENOMEM, "out of memory");
    int rc = 0;
    if (make_folders(path) || stat(path, &st))
        rc = error_set(err, DS_EUSAGE,
                       "cannot create state_dir %s: %s; set state_dir to a folder "
                       "that this user can write",
                       c->state_dir, strerror(errno));
    else if (!S_ISDIR(st.st_mode))
        rc = error_set(err, DS_EUSAGE, "state_dir %s is no folder", c->state_dir);
    else if (access(path, W_OK | X_OK))
        rc = error_set(err, DS_EUSAGE, "state_dir %s: %s", c->state_dir, strerror(errno));
    free(path);
    return rc;
}

int state_path(const struct config *c, const char *suffix, struct buf *out, struct ds_error *err)
{
    buf_clear(out);
    if (buf_printf(out, "%s/%s%s", c->state_dir, c->name, suffix) || buf_reserve(out, 1))
        return error_set(err, DS_ENOMEM, "out of memory");
    buf_cstr(out);
    return 0;
}

static int busy(int fd, const char *path, struct ds_error *err)
{
    char who[100] = "";
    ssize_t n = pread(fd, who, sizeof who - 1, 0);
    if (n > 0 && who[n - 1] == '\n')
        n--;
    who[n > 0 ? n : 0] = 0;
    return error_set(err, DS_EBUSY, "another instance is at work on this stream (%s holds %s)",
                     *who ? who : "it", path);
}

static int take(int *out, const struct config *c, const char *suffix, const char *command,
                struct ds_error *err)
{
    BUF_AUTO struct buf path = {0};
    int rc = state_path(c, suffix, &path, err);
    if (rc)
        return rc;
    int fd = open(buf_cstr(&path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set(err, DS_EIO, "%s: %s", buf_cstr(&path), strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        rc = errno == EWOULDBLOCK
                 ? busy(fd, buf_cstr(&path), err)
                 : error_set(err, DS_EIO, "%s: %s", buf_cstr(&path), strerror(errno));
        close(fd);
        return rc;
    }
    char who[100];
    int n = snprintf(who, sizeof who, "datasync %s, pid %ld\n", command, (long)getpid());
    /* Only for the message of whoever finds it locked: not worth failing for. */
    if (ftruncate(fd, 0) == 0 && pwrite(fd, who, (size_t)n, 0) != n)
        (void)ftruncate(fd, 0);
    *out = fd;
    return 0;
}

int stream_lock_take(struct stream_lock *l, const struct config *c, bool agent, bool applier,
                     const char *command, struct ds_error *err)
{
    *l = STREAM_LOCK_NONE;
    int rc = agent ? take(&l->agent, c, ".agent.lock", command, err) : 0;
    if (rc == 0 && applier)
        rc = take(&l->applier, c, ".apply.lock", command, err);
    if (rc)
        stream_lock_release(l);
    return rc;
}

void stream_lock_release(struct stream_lock *l)
{
    if (l->agent >= 0)
        close(l->agent);
    if (l->applier >= 0)
        close(l->applier);
    *l = STREAM_LOCK_NONE;
}
