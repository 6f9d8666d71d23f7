/* Files from images.base_path. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "applier/media/media_internal.h"

enum { CHUNK = 1 << 16 };

static int too_large(const struct media *m, struct ds_error *err)
{
    return error_set(err, DS_EIO, "it is larger than images.max_size (%lu bytes)",
                     m->config->images_max_size);
}

/* The limit holds for what is read, whatever the size was said to be. */
static int copy_bytes(const struct media *m, int from, const struct media_part *to,
                      struct ds_error *err)
{
    static _Thread_local uint8_t bytes[CHUNK];
    uint64_t at = 0;
    int rc = media_part_cut(to, err);
    for (ssize_t n; rc == 0 && (n = read(from, bytes, sizeof bytes)) != 0; at += (uint64_t)n) {
        if (n < 0)
            return error_set(err, DS_EIO, "cannot read it: %s", strerror(errno));
        if (at + (uint64_t)n > m->config->images_max_size)
            return too_large(m, err);
        rc = media_part_write(to, bytes, (size_t)n, at, err);
    }
    return rc;
}

/* What a dry run can tell. */
static int look(const struct media_file *f, int from, struct ds_error *err)
{
    uint8_t head[MEDIA_HEAD];
    ssize_t n = pread(from, head, sizeof head, 0);
    const char *why = media_type_refused(f->path, head, n > 0 ? (size_t)n : 0);
    return why ? error_set(err, DS_EIO, "%s", why) : 0;
}

static int take(struct media *m, const struct media_file *f, int from, struct ds_error *err)
{
    struct stat st;
    struct media_part part;
    bool same = false;
    if (fstat(from, &st))
        return error_set(err, DS_EIO, "cannot look at it: %s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        return error_set(err, DS_EIO, "it is no file");
    if ((uint64_t)st.st_size > m->config->images_max_size)
        return too_large(m, err);
    if (m->dry_run)
        return look(f, from, err);
    int rc = media_root(m, f->kind, err);
    rc = rc ? rc : media_part_open(&part, m->root[f->kind], f->path, err);
    if (rc)
        return rc;
    rc = copy_bytes(m, from, &part, err);
    if (rc == 0)
        return media_part_finish(&part, &same, err);
    media_part_close(&part, false);
    return rc;
}

/* The base, and folders of a shop in it, may be links, as their owner likes; what rows name beneath
 * them may not. -1 and errno. */
static int open_at(int base, const struct media_place *p)
{
    int root = openat(base, *p->folder ? p->folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return -1;
    int fd = media_open_beneath(root, p->name);
    int why = errno;
    close(root);
    errno = why;
    return fd;
}

/* Of a folder that is a link, O_NOFOLLOW says what it says of a file. */
static bool is_elsewhere(void)
{
    return errno == ENOENT || errno == ENOTDIR;
}

static int copy_from(struct media *m, const struct media_file *f, int base, struct ds_error *err)
{
    struct media_place place;
    for (unsigned i = 0; media_candidate(f, m->found_path[f->kind], i, &place); i++) {
        int fd = open_at(base, &place);
        if (fd < 0 && is_elsewhere())
            continue;
        if (fd < 0)
            return error_set(err, DS_EIO, "cannot open it beneath images.base_path: %s",
                             errno == ELOOP ? "it is a symbolic link" : strerror(errno));
        m->found_path[f->kind] = place.which;
        int rc = take(m, f, fd, err);
        close(fd);
        return rc;
    }
    return DS_EAGAIN;
}

int media_copy(struct media *m, const struct media_file *f, struct ds_error *err)
{
    const char *path = m->config->images_base_path;
    int base = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (base < 0)
        return error_set(err, DS_EIO, "images.base_path: cannot open %s: %s", path,
                         strerror(errno));
    int rc = copy_from(m, f, base, err);
    close(base);
    return rc;
}
