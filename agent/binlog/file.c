/* Binlog files on disk, read in order through one buffer. An event cut short at the end is not an
 * error: the server may be writing it, and the next call tries again.
 */
#include "decoder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define READ_AHEAD ((size_t)1 << 20)

struct binlog_file {
    int fd;
    char *path;
    uint64_t max_event;
    struct buf buf;  /* bytes of the file from `start` on */
    uint64_t start;  /* offset of buf.data[0] */
    uint64_t offset; /* of the next event */
};

static int file_error(const struct binlog_file *f, const char *what, struct ds_error *err)
{
    return error_set(err, DS_EIO, "cannot %s binlog file %s: %s", what, f->path, strerror(errno));
}

/* Have `want` bytes from f->offset on in the buffer, or as many as there are: *have. */
static int file_fill(struct binlog_file *f, size_t want, size_t *have, struct ds_error *err)
{
    size_t skip = (size_t)(f->offset - f->start);
    *have = f->offset >= f->start && skip <= f->buf.len ? f->buf.len - skip : 0;
    if (*have >= want)
        return 0;
    if (*have)
        memmove(f->buf.data, f->buf.data + skip, *have);
    f->buf.len = *have;
    f->start = f->offset;
    size_t target = want > READ_AHEAD ? want : READ_AHEAD;
    if (buf_reserve(&f->buf, target - f->buf.len))
        return error_set(err, DS_ENOMEM, "out of memory for a binlog event of %zu bytes", want);
    while (f->buf.len < want) {
        ssize_t n = pread(f->fd, f->buf.data + f->buf.len, target - f->buf.len,
                          (off_t)(f->start + f->buf.len));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return file_error(f, "read", err);
        if (n == 0)
            break;
        f->buf.len += (size_t)n;
    }
    *have = f->buf.len;
    return 0;
}

static int file_check_magic(struct binlog_file *f, struct ds_error *err)
{
    static const uint8_t plain[4] = {0xfe, 'b', 'i', 'n'}, encrypted[4] = {0xfd, 'b', 'i', 'n'};
    size_t have;
    int rc = file_fill(f, sizeof plain, &have, err);
    if (rc)
        return rc;
    if (have >= 4 && memcmp(f->buf.data, encrypted, 4) == 0)
        return error_set(err, DS_EUNSUPPORTED,
                         "binlog file %s is encrypted: read it through its server, which decrypts",
                         f->path);
    if (have < 4 || memcmp(f->buf.data, plain, 4) != 0)
        return error_set(err, DS_EFORMAT,
                         "%s is no binlog file: it does not begin with the bytes fe 62 69 6e",
                         f->path);
    f->offset = 4;
    return 0;
}

int binlog_file_open(struct binlog_file **out, const char *path, uint64_t max_event,
                     struct ds_error *err)
{
    struct binlog_file *f = calloc(1, sizeof *f);
    if (!f || !(f->path = strdup(path))) {
        free(f);
        return error_set(err, DS_ENOMEM, "out of memory for binlog file %s", path);
    }
    f->max_event = max_event;
    f->fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc = f->fd < 0 ? file_error(f, "open", err) : file_check_magic(f, err);
    if (rc) {
        binlog_file_close(f);
        return rc;
    }
    *out = f;
    return 0;
}

int binlog_file_next(struct binlog_file *f, struct slice *bytes, uint64_t *offset,
                     struct ds_error *err)
{
    size_t have;
    int rc = file_fill(f, EVENT_HEADER_LENGTH, &have, err);
    if (rc)
        return rc;
    if (have < EVENT_HEADER_LENGTH)
        return DS_EAGAIN;
    struct event_header h;
    const uint8_t *p = f->buf.data + (f->offset - f->start);
    rc = decoder_header((struct slice){p, have}, &h, err);
    if (rc) {
        if (err)
            snprintf(err->position, sizeof err->position, "file=%.120s:%" PRIu64, f->path,
                     f->offset);
        return rc;
    }
    if (h.length > f->max_event)
        return error_set(err, DS_ELIMIT,
                         "event at %s:%" PRIu64 " has %u bytes, more than max_event (%" PRIu64
                         "): raise it, or the file is damaged",
                         f->path, f->offset, h.length, f->max_event);
    rc = file_fill(f, h.length, &have, err);
    if (rc)
        return rc;
    if (have < h.length)
        return DS_EAGAIN;
    *bytes = (struct slice){f->buf.data + (f->offset - f->start), h.length};
    *offset = f->offset;
    f->offset += h.length;
    return 0;
}

int binlog_file_seek(struct binlog_file *f, uint64_t offset, struct ds_error *err)
{
    if (offset < 4 || offset > INT64_MAX)
        return error_set(err, DS_EUSAGE, "no event can stand at offset %" PRIu64 " of %s", offset,
                         f->path);
    f->offset = offset;
    return 0;
}

void binlog_file_close(struct binlog_file *f)
{
    if (!f)
        return;
    if (f->fd >= 0)
        close(f->fd);
    free(f->path);
    buf_free(&f->buf);
    free(f);
}
