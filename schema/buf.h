/* A growable byte buffer, and a slice of somebody else's bytes.
 *
 * One owner, who frees it with buf_free. Allocation failure is reported, never
 * ignored: functions return 0 or DS_ENOMEM and leave the content as it was.
 */
#ifndef SCHEMA_BUF_H
#define SCHEMA_BUF_H

#include <stddef.h>
#include <stdint.h>

struct slice {
    const uint8_t *p; /* not owned */
    size_t len;       /* bytes */
};

struct buf {
    uint8_t *data;
    size_t len; /* bytes in use */
    size_t cap; /* bytes allocated */
};

int buf_reserve(struct buf *b, size_t extra); /* room for `extra` more bytes */
int buf_append(struct buf *b, const void *data, size_t len);
int buf_puts(struct buf *b, const char *text); /* without the NUL */
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_unsigned(struct buf *b,
                 uint64_t v); /* in decimal, as buf_printf would, many times faster */
int buf_signed(struct buf *b, int64_t v);
const char *buf_cstr(struct buf *b); /* NUL-terminated view, "" on failure */
void buf_clear(struct buf *b);       /* keeps the memory */
void buf_free(struct buf *b);
#define BUF_AUTO __attribute__((cleanup(buf_free)))

enum { DECIMAL_ROOM = 21 };
/* A whole number in decimal, without a NUL, into DECIMAL_ROOM bytes; returns its length. */
size_t decimal_unsigned(char *room, uint64_t v);
size_t decimal_signed(char *room, int64_t v);

#endif
