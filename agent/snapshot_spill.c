#include "agent/snapshot_spill.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "schema/buf.h"

static int io_error(struct ds_error *err, const char *doing)
{
    return error_set(err, DS_EIO,
                     "cannot %s the temporary file for tables that are copied under a lock: %s; "
                     "make room in state_dir",
                     doing, strerror(errno));
}

int spill_open(struct spill *s, const char *folder, struct ds_error *err)
{
    s->file = NULL;
    int fd = folder && *folder ? open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : -1;
    if (fd >= 0) {
        s->file = fdopen(fd, "w+b");
        if (!s->file)
            close(fd);
    } else {
        s->file = tmpfile();
    }
    return s->file ? 0 : io_error(err, "create");
}

int spill_put(struct spill *s, const void *message, size_t len, struct ds_error *err)
{
    uint64_t head = len;
    if (fwrite(&head, sizeof head, 1, s->file) != 1 || fwrite(message, 1, len, s->file) != len)
        return io_error(err, "write");
    return 0;
}

int spill_drain(struct spill *s, void *arg,
                int (*put)(void *arg, const void *message, size_t len, struct ds_error *err),
                struct ds_error *err)
{
    BUF_AUTO struct buf message = {0};
    uint64_t head;
    int rc = 0;
    if (fflush(s->file) || fseek(s->file, 0, SEEK_SET))
        return io_error(err, "read");
    while (rc == 0 && fread(&head, sizeof head, 1, s->file) == 1) {
        buf_clear(&message);
        if (buf_reserve(&message, head))
            return error_set(err, DS_ENOMEM, "out of memory for a message of %lu bytes", head);
        if (fread(message.data, 1, head, s->file) != head)
            return io_error(err, "read");
        rc = put(arg, message.data, head, err);
    }
    if (rc == 0 && ferror(s->file))
        return io_error(err, "read");
    if (rc == 0 && (fseek(s->file, 0, SEEK_SET) || ftruncate(fileno(s->file), 0)))
        return io_error(err, "empty");
    return rc;
}

void spill_close(struct spill *s)
{
    if (s->file)
        (void)fclose(s->file); /* nothing in it is wanted any more: its errors do not matter */
    s->file = NULL;
}
