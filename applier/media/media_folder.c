/* Files beneath a folder. What comes from rows is opened part by part, and no part may be a
 * symbolic link: nothing leads out. A file is written under a name of its own, in the folder where
 * it is to be, and renamed when it is whole, checked and on disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "applier/media/media_internal.h"
#include "schema/crash.h"

enum { OPEN_FOLDER = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, CHUNK = 1 << 16 };

/* It would be so of every other file, too. */
static bool is_of_disk(int why)
{
    return why == ENOSPC || why == EDQUOT || why == EFBIG || why == EROFS || why == EIO;
}

int media_failed(struct ds_error *err, const char *what, const char *name)
{
    return error_set(err, is_of_disk(errno) ? DS_EFULL : DS_EIO, "%s %s: %s", what, name,
                     strerror(errno));
}

/* Who may do what is as in the folder above, whatever the umask is. Its set-group-ID bit stays, but
 * where that may not be set, as under systemd's RestrictSUIDSGID: better without than unreadable
 * for the shop. */
static int set_mode(int fd, mode_t like, mode_t made)
{
    mode_t mode = like & 0777;
    if ((made & 0777) == mode || fchmod(fd, mode | (made & S_ISGID)) == 0)
        return 0;
    return errno == EPERM && (fchmod(fd, mode) == 0 || errno == EPERM) ? 0 : -1;
}

static int make_folder(int above, const char *name)
{
    struct stat like, made;
    if (mkdirat(above, name, 0777) && errno != EEXIST)
        return -1;
    int fd = openat(above, name, OPEN_FOLDER);
    if (fd >= 0 && fstat(above, &like) == 0 && fstat(fd, &made) == 0 &&
        set_mode(fd, like.st_mode, made.st_mode)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Opened without looking for links: it is the shop's own, and no row names it. */
int media_folder(int above, const char *name)
{
    int fd = openat(above, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 && errno == ENOENT ? make_folder(above, name) : fd;
}

/* The folder that `path` is in; *name is its last part. */
static int open_folder(int root, const char *path, bool make, const char **name)
{
    int at = fcntl(root, F_DUPFD_CLOEXEC, 0);
    for (const char *slash; at >= 0 && (slash = strchr(path, '/')); path = slash + 1) {
        char part[256];
        int below = -1;
        if ((size_t)(slash - path) < sizeof part) {
            memcpy(part, path, (size_t)(slash - path));
            part[slash - path] = '\0';
            below = openat(at, part, OPEN_FOLDER);
            if (below < 0 && errno == ENOENT && make)
                below = make_folder(at, part);
        } else {
            errno = ENAMETOOLONG;
        }
        int why = errno;
        close(at);
        errno = why;
        at = below;
    }
    *name = path;
    return at;
}

bool media_is_there(int root, const char *path)
{
    const char *name;
    struct stat st;
    int folder = root < 0 ? -1 : open_folder(root, path, false, &name);
    bool there =
        folder >= 0 && fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
    if (folder >= 0)
        close(folder);
    return there;
}

int media_open_beneath(int root, const char *path)
{
    const char *name;
    int folder = open_folder(root, path, false, &name);
    if (folder < 0)
        return -1;
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int why = errno;
    close(folder);
    errno = why;
    return fd;
}

/* --- files under way -------------------------------------------------------------------------- */

/* Nobody else's: a link to another file, or something that is none, is not written to. */
static int open_own(int folder, const char *name)
{
    for (int i = 0; i < 2; i++) {
        struct stat st;
        int fd = openat(folder, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
        if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1)
            return fd;
        if (fd >= 0)
            close(fd);
        else if (errno != ELOOP && errno != ENXIO)
            return -1;
        if (unlinkat(folder, name, 0))
            return -1;
    }
    errno = EEXIST;
    return -1;
}

/* One process at a time; and it may have been renamed just before. */
static int lock_own(const struct media_part *p)
{
    struct stat ours, there;
    if (flock(p->fd, LOCK_EX | LOCK_NB) || fstat(p->fd, &ours))
        return -1;
    errno = EBUSY;
    return fstatat(p->folder, p->name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
                   there.st_ino == ours.st_ino && there.st_dev == ours.st_dev
               ? 0
               : -1;
}

int media_part_open(struct media_part *p, int root, const char *path, struct ds_error *err)
{
    *p = (struct media_part){.fd = -1};
    p->folder = open_folder(root, path, true, &p->final);
    snprintf(p->name, sizeof p->name, ".datasync-%016llx.part",
             (unsigned long long)XXH3_64bits(path, strlen(path)));
    if (p->folder < 0)
        return errno == ENOTDIR || errno == ELOOP
                   ? error_set(err, DS_EIO, "a symbolic link, or no folder, is in its way")
                   : media_failed(err, "cannot make the folder for", path);
    p->fd = open_own(p->folder, p->name);
    if (p->fd >= 0 && lock_own(p) == 0)
        return 0;
    media_failed(err, "cannot write beside", path);
    if (p->fd >= 0)
        close(p->fd);
    close(p->folder);
    p->fd = p->folder = -1;
    return err->code;
}

int media_part_write(const struct media_part *p, const void *bytes, size_t len, uint64_t at,
                     struct ds_error *err)
{
    for (size_t done = 0; done < len;) {
        ssize_t put = pwrite(p->fd, (const uint8_t *)bytes + done, len - done, (off_t)(at + done));
        if (put < 0)
            return media_failed(err, "cannot write", p->final);
        done += (size_t)put;
    }
    return 0;
}

int media_part_cut(const struct media_part *p, struct ds_error *err)
{
    return ftruncate(p->fd, 0) ? media_failed(err, "cannot write", p->final) : 0;
}

bool media_part_is_whole(const struct media_part *p)
{
    uint8_t head[MEDIA_HEAD], tail[MEDIA_TAIL];
    struct stat st;
    if (fstat(p->fd, &st) || pread(p->fd, head, sizeof head, 0) != MEDIA_HEAD)
        return false;
    ssize_t n =
        pread(p->fd, tail, sizeof tail, st.st_size > MEDIA_TAIL ? st.st_size - MEDIA_TAIL : 0);
    return n > 0 && media_type_is_whole(head, tail, (size_t)n, (uint64_t)st.st_size);
}

static void origin_name(const struct media_part *p, char out[MEDIA_NAME_SIZE + 8])
{
    snprintf(out, MEDIA_NAME_SIZE + 8, "%s.from", p->name);
}

void media_part_origin(const struct media_part *p, char *out, size_t size)
{
    char name[MEDIA_NAME_SIZE + 8];
    origin_name(p, name);
    int fd = openat(p->folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);
    if (fd >= 0)
        close(fd);
    out[n > 0 ? n : 0] = '\0';
}

void media_part_set_origin(const struct media_part *p, const char *text)
{
    char name[MEDIA_NAME_SIZE + 8];
    origin_name(p, name);
    int fd = text ? open_own(p->folder, name) : -1;
    size_t len = text ? strlen(text) : 0;
    bool written = fd >= 0 && ftruncate(fd, 0) == 0 && write(fd, text, len) == (ssize_t)len;
    if (fd >= 0)
        close(fd);
    if (!written)
        unlinkat(p->folder, name, 0);
}

void media_part_close(struct media_part *p, bool keep)
{
    if (p->fd < 0)
        return;
    if (!keep) {
        unlinkat(p->folder, p->name, 0);
        media_part_set_origin(p, NULL);
    }
    close(p->fd);
    close(p->folder);
    p->fd = p->folder = -1;
}

/* --- the end of it -----------------------------------------------------------------------------
 */

static bool same_bytes(int x, int y)
{
    static _Thread_local uint8_t a[CHUNK], b[CHUNK];
    off_t at = 0;
    for (;;) {
        ssize_t n = pread(x, a, sizeof a, at), k = pread(y, b, sizeof b, at);
        if (n < 0 || n != k || memcmp(a, b, (size_t)n) != 0)
            return false;
        if (n == 0)
            return true;
        at += n;
    }
}

static bool has_same(const struct media_part *p, const struct stat *st)
{
    struct stat there;
    int fd = openat(p->folder, p->final, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool same = fd >= 0 && fstat(fd, &there) == 0 && S_ISREG(there.st_mode) &&
                there.st_size == st->st_size && same_bytes(fd, p->fd);
    if (fd >= 0)
        close(fd);
    return same;
}

/* What it is a part of is forgotten first: nothing is left over, wherever it is killed. Some file
 * systems know no fsync of a folder. */
static int put_in_place(const struct media_part *p, struct ds_error *err)
{
    struct stat folder;
    media_part_set_origin(p, NULL);
    if (fstat(p->folder, &folder) || fchmod(p->fd, folder.st_mode & 0666) || fsync(p->fd) ||
        renameat(p->folder, p->name, p->folder, p->final))
        return media_failed(err, "cannot put in place", p->final);
    crash_point("media.renamed");
    if (fsync(p->folder) && errno != EINVAL)
        return media_failed(err, "cannot put in place", p->final);
    return 0;
}

int media_part_finish(struct media_part *p, bool *same, struct ds_error *err)
{
    uint8_t head[MEDIA_HEAD];
    struct stat st;
    ssize_t n = pread(p->fd, head, sizeof head, 0);
    const char *refused = media_type_refused(p->final, head, n > 0 ? (size_t)n : 0);
    int rc = fstat(p->fd, &st) || n < 0 ? media_failed(err, "cannot read again", p->final)
             : st.st_size == 0          ? error_set(err, DS_EIO, "it is empty")
             : refused                  ? error_set(err, DS_EIO, "%s", refused)
                                        : 0;
    *same = rc == 0 && has_same(p, &st);
    if (rc == 0 && !*same)
        rc = put_in_place(p, err);
    media_part_close(p, false); /* what was renamed has the other name no more */
    return rc;
}
