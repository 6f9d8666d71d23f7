/* For the tests of the spool: numbered messages that can be checked byte by byte, and folders. */
#ifndef TESTS_UNIT_SPOOL_HELPER_H
#define TESTS_UNIT_SPOOL_HELPER_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "schema/spool.h"
#include "tests/unit/folder_helper.h"

/* A message: its length, its number, whether it ends a transaction, and a pattern made from the
 * number. */
struct note {
    uint32_t len;
    uint32_t last;
    uint64_t number;
};

static inline uint8_t note_byte(uint64_t number, size_t i)
{
    return (uint8_t)(number * 31 + i * 7);
}

static inline void note_fill(struct buf *b, uint64_t number, size_t len, bool last)
{
    struct note n = {(uint32_t)len, last, number};
    buf_clear(b);
    if (len < sizeof n || buf_reserve(b, len))
        abort();
    memcpy(b->data, &n, sizeof n);
    for (size_t i = sizeof n; i < len; i++)
        b->data[i] = note_byte(number, i);
    b->len = len;
}

/* Take one message off *p; false: not a whole, undamaged one. */
static inline bool note_take(const uint8_t **p, const uint8_t *end, struct note *n)
{
    if ((size_t)(end - *p) < sizeof *n)
        return false;
    memcpy(n, *p, sizeof *n);
    if (n->len < sizeof *n || n->len > (size_t)(end - *p))
        return false;
    for (size_t i = sizeof *n; i < n->len; i++)
        if ((*p)[i] != note_byte(n->number, i))
            return false;
    *p += n->len;
    return true;
}

static inline void folder_make(char *out, size_t size)
{
    const char *base = getenv("TMPDIR");
    snprintf(out, size, "%s/datasync-spool-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(out))
        abort();
}

static inline uint64_t file_size(const char *path, const char *name)
{
    char file[600];
    struct stat st;
    snprintf(file, sizeof file, "%s/%s", path, name);
    return stat(file, &st) ? 0 : (uint64_t)st.st_size;
}

static inline struct position at(const char *text)
{
    struct position p;
    if (position_parse(&p, text, NULL))
        abort();
    return p;
}

/* The position after transaction n. */
static inline struct slice gtid_text(uint64_t n, char out[40])
{
    int len = snprintf(out, 40, "0-1-%" PRIu64, n);
    return (struct slice){(const uint8_t *)out, (size_t)len};
}

static inline struct position gtid_at(uint64_t n)
{
    char text[40];
    gtid_text(n, text);
    return at(text);
}

/* For the thread that runs the test. */
static struct ds_error last_error;
static struct ds_error *const err = &last_error;

#define assert_ok(call)                                                                            \
    do {                                                                                           \
        int ok_rc = (call);                                                                        \
        if (ok_rc)                                                                                 \
            fail_msg("%s: %s %s", #call, error_name(ok_rc), last_error.message);                   \
    } while (0)

/* A consumer on a thread of its own. */
struct consumer_job {
    struct spool *s;
    uint64_t until;
    atomic_int failed;
    uint64_t seen, waits;
};

static inline void *consume(void *arg)
{
    struct consumer_job *job = arg;
    BUF_AUTO struct buf out = {0};
    struct ds_error why;
    uint64_t seq = 0, trimmed = 0;
    bool at_end;
    while (job->seen < job->until && !job->failed) {
        int rc = spool_read(job->s, &out, &seq, &at_end, &why);
        if (rc == DS_EAGAIN) {
            job->waits++;
            if (spool_wait(job->s, 20000))
                job->failed = 1;
            continue;
        }
        if (rc)
            job->failed = 2;
        for (const uint8_t *p = out.data, *end = p + out.len; p < end && !job->failed;) {
            struct note n;
            if (!note_take(&p, end, &n) || n.number != ++job->seen)
                job->failed = 3;
        }
        if (seq > trimmed + 8 || at_end) {
            struct position applied = gtid_at(job->seen);
            if (spool_trim(job->s, seq, &applied, &why))
                job->failed = 4;
            position_free(&applied);
            trimmed = seq;
        }
    }
    return NULL;
}

#endif
