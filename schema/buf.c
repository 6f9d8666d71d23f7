#include "schema/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/error.h"

int buf_reserve(struct buf *b, size_t extra)
{
    size_t need;
    if (__builtin_add_overflow(b->len, extra, &need))
        return DS_ENOMEM;
    if (need <= b->cap)
        return 0;
    size_t cap = b->cap ? b->cap : 256;
    while (cap < need)
        if (__builtin_mul_overflow(cap, (size_t)2, &cap))
            return DS_ENOMEM;
    uint8_t *data = realloc(b->data, cap);
    if (!data)
        return DS_ENOMEM;
    b->data = data;
    b->cap = cap;
    return 0;
}

int buf_append(struct buf *b, const void *data, size_t len)
{
    if (len == 0)
        return 0;
    if (buf_reserve(b, len))
        return DS_ENOMEM;
    memcpy(b->data + b->len, data, len);
    b->len += len;
    return 0;
}

int buf_puts(struct buf *b, const char *text)
{
    return buf_append(b, text, strlen(text));
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    int rc = n < 0 ? DS_ENOMEM : buf_reserve(b, (size_t)n + 1);
    if (rc == 0) {
        vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
    return rc;
}

size_t decimal_unsigned(char *room, uint64_t v)
{
    char digits[DECIMAL_ROOM], *at = digits + DECIMAL_ROOM;
    do {
        *--at = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    size_t n = (size_t)(digits + DECIMAL_ROOM - at);
    memcpy(room, at, n);
    return n;
}

size_t decimal_signed(char *room, int64_t v)
{
    if (v >= 0)
        return decimal_unsigned(room, (uint64_t)v);
    *room = '-';
    return 1 + decimal_unsigned(room + 1, 0 - (uint64_t)v);
}

int buf_unsigned(struct buf *b, uint64_t v)
{
    char room[DECIMAL_ROOM];
    return buf_append(b, room, decimal_unsigned(room, v));
}

int buf_signed(struct buf *b, int64_t v)
{
    char room[DECIMAL_ROOM];
    return buf_append(b, room, decimal_signed(room, v));
}

const char *buf_cstr(struct buf *b)
{
    if (buf_reserve(b, 1))
        return "";
    b->data[b->len] = 0;
    return (const char *)b->data;
}

void buf_clear(struct buf *b)
{
    b->len = 0;
}

void buf_free(struct buf *b)
{
    free(b->data);
    memset(b, 0, sizeof *b);
}
