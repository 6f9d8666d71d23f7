/* For the tests of the capture: events built by hand go in, messages come out as text. */
#ifndef TESTS_UNIT_CAPTURE_HELPER_H
#define TESTS_UNIT_CAPTURE_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/capture.h"
#include "schema/arena.h"

enum { ARTIFICIAL = 0x20, STATEMENT_END = 1, MARIADB_DDL = 32 };

struct fixture {
    struct capture *c;
    struct ds_error err;
    struct buf event;
    struct buf got;     /* messages as text, one per line */
    uint64_t seconds;   /* in headers */
    uint32_t next_pos;  /* in headers; 0: grows by itself */
    uint32_t at;        /* offset of the last event's end */
    bool zero_next_pos; /* as MariaDB 11.8 does */
    int marks;
    uint64_t place; /* the piece of the store */
};

/* --- what came out -------------------------------------------------------- */

static const char *slice_text(struct slice s)
{
    static char text[4][600];
    static int n;
    char *out = text[n++ % 4];
    snprintf(out, sizeof text[0], "%.*s", (int)s.len, s.len ? (const char *)s.p : "");
    return out;
}

static inline void put_value(struct buf *out, struct slice image)
{
    const uint8_t *p = image.p + 1, *end = image.p + image.len;
    struct value v;
    assert_int_equal(value_read(&p, end, &v), 0);
    if (v.kind == VALUE_SAME)
        assert_int_equal(buf_puts(out, " same"), 0);
    else
        assert_int_equal(buf_printf(out, " %lld", (long long)v.i), 0);
}

static inline void put_change(struct buf *out, const struct msg_change *c)
{
    static const char *const ops[] = {"?", "insert", "update", "delete"};
    buf_printf(out, "%s %u", ops[c->op], c->table_id);
    if (c->before.len)
        put_value(out, c->before);
    if (c->after.len)
        put_value(out, c->after);
    if (c->flags)
        buf_printf(out, " flags %u", c->flags);
    if (c->entity_key.len)
        buf_printf(out, " key %u", c->entity_key.p[0]);
    buf_puts(out, "\n");
}

static inline void put_text(struct buf *out, const struct message *m)
{
    switch (m->type) {
    case MSG_TABLE:
        buf_printf(out, "table %u %s %s\n", m->table.id, slice_text(m->table.name),
                   slice_text(m->table.entity));
        break;
    case MSG_BEGIN:
        buf_printf(out, "begin %s %u\n", slice_text(m->begin.gtid), m->begin.flags);
        break;
    case MSG_COMMIT:
        buf_printf(out, "%s %s %s:%llu\n",
                   m->commit.flags & COMMIT_ROLLBACK ? "rollback" : "commit",
                   slice_text(m->commit.gtid_set), slice_text(m->commit.file),
                   (unsigned long long)m->commit.pos);
        break;
    case MSG_CHANGE:
        put_change(out, &m->change);
        break;
    case MSG_DDL:
        buf_printf(out, "ddl %s\n", slice_text(m->ddl.statement));
        break;
    case MSG_TRUNCATE:
        buf_printf(out, "truncate %s.%s\n", slice_text(m->truncate.database),
                   slice_text(m->truncate.table));
        break;
    case MSG_SAVEPOINT:
        buf_printf(out, "savepoint %d %s\n", (int)m->savepoint.kind, slice_text(m->savepoint.name));
        break;
    case MSG_XA:
        buf_printf(out, "xa %d %s\n", (int)m->xa.kind, slice_text(m->xa.xid));
        break;
    case MSG_TABLE_HINT:
        buf_printf(out, "hint %u\n", m->hint_table_id);
        break;
    default:
        fail_msg("message of type %d", (int)m->type);
    }
}

static inline int sink_put(void *arg, const void *message, size_t len, struct ds_error *err)
{
    struct fixture *f = arg;
    struct arena arena = {0};
    struct message m;
    const uint8_t *p = message;
    assert_int_equal(message_read(&p, p + len, &arena, &m, err), 0);
    assert_ptr_equal(p, (const uint8_t *)message + len); /* exactly one */
    put_text(&f->got, &m);
    arena_free(&arena);
    return 0;
}

static inline uint64_t sink_place(void *arg, size_t len)
{
    (void)len;
    return ((struct fixture *)arg)->place;
}

static inline int sink_mark(void *arg, const struct position *p, struct slice gtid_set,
                            struct ds_error *err)
{
    struct fixture *f = arg;
    struct buf text = {0};
    (void)err;
    assert_int_equal(gtid_set_print(&p->gtid, &text), 0);
    if (gtid_set.len) /* the fast text is the canonical one */
        assert_string_equal(buf_cstr(&text), slice_text(gtid_set));
    buf_free(&text);
    f->marks++;
    return 0;
}

static inline void expect_got(struct fixture *f, const char *want)
{
    assert_string_equal(buf_cstr(&f->got), want);
    buf_clear(&f->got);
}

/* --- what goes in --------------------------------------------------------- */

static inline int feed(struct fixture *f, uint8_t type, uint16_t flags, const void *body, size_t n)
{
    uint32_t length = (uint32_t)(19 + n);
    uint8_t head[19] = {[4] = type, [5] = 71};
    if (!(flags & ARTIFICIAL))
        f->at = f->next_pos ? f->next_pos : f->at + length;
    f->next_pos = 0;
    uint32_t next = flags & ARTIFICIAL || f->zero_next_pos ? 0 : f->at;
    for (int i = 0; i < 4; i++) {
        head[i] = (uint8_t)(f->seconds >> 8 * i);
        head[9 + i] = (uint8_t)(length >> 8 * i);
        head[13 + i] = (uint8_t)(next >> 8 * i);
    }
    head[17] = (uint8_t)flags;
    buf_clear(&f->event);
    assert_int_equal(buf_append(&f->event, head, sizeof head), 0);
    assert_int_equal(buf_append(&f->event, body, n), 0);
    return capture_bytes(f->c, (struct slice){f->event.data, f->event.len}, &f->err);
}

static inline int rotate(struct fixture *f, const char *file, uint32_t pos, uint16_t flags)
{
    uint8_t body[100] = {(uint8_t)pos, (uint8_t)(pos >> 8), (uint8_t)(pos >> 16),
                         (uint8_t)(pos >> 24)};
    memcpy(body + 8, file, strlen(file));
    int rc = feed(f, EV_ROTATE, flags, body, 8 + strlen(file));
    f->at = pos;
    return rc;
}

static inline int format(struct fixture *f, const char *version, size_t types)
{
    uint8_t body[400] = {4};
    memcpy(body + 2, version, strlen(version));
    body[56] = 19;
    body[57 + EV_QUERY - 1] = 13;
    body[57 + EV_TABLE_MAP - 1] = 8;
    return feed(f, EV_FORMAT_DESCRIPTION, 0, body, 57 + types + 1);
}

static inline int gtid_extra(struct fixture *f, uint64_t seq, uint8_t flags, uint8_t extra)
{
    uint8_t body[32] = {(uint8_t)seq, (uint8_t)(seq >> 8), [12] = flags, [13] = extra, [14] = 1};
    return feed(f, EV_GTID, 0, body, 25);
}

static inline int gtid(struct fixture *f, uint64_t seq, uint8_t flags)
{
    return gtid_extra(f, seq, flags, 0);
}

static inline int mysql_gtid(struct fixture *f, uint64_t gno, bool anonymous)
{
    uint8_t body[25] = {1, 0xaa, [17] = (uint8_t)gno};
    return feed(f, anonymous ? EV_ANONYMOUS_GTID : EV_GTID_LOG, 0, body, sizeof body);
}

static inline int query_in(struct fixture *f, const char *database, const char *sql)
{
    uint8_t body[600] = {1, [8] = (uint8_t)strlen(database)};
    size_t at = 13, len = strlen(sql);
    memcpy(body + at, database, strlen(database) + 1);
    at += strlen(database) + 1;
    memcpy(body + at, sql, len);
    return feed(f, EV_QUERY, 0, body, at + len);
}

static inline int query(struct fixture *f, const char *sql)
{
    return query_in(f, "shop", sql);
}

static inline int xid(struct fixture *f)
{
    uint8_t body[8] = {1};
    return feed(f, EV_XID, 0, body, sizeof body);
}

/* One INT NOT NULL column; the type of the second one tells versions apart. */
static inline int map(struct fixture *f, uint8_t id, const char *database, const char *table)
{
    uint8_t body[200] = {id, [6] = 1};
    size_t at = 8;
    body[at++] = (uint8_t)strlen(database);
    memcpy(body + at, database, strlen(database) + 1);
    at += strlen(database) + 1;
    body[at++] = (uint8_t)strlen(table);
    memcpy(body + at, table, strlen(table) + 1);
    at += strlen(table) + 1;
    body[at++] = 1; /* columns */
    body[at++] = 3; /* INT */
    body[at++] = 0; /* length of metadata */
    body[at++] = 0; /* NULL bitmap */
    return feed(f, EV_TABLE_MAP, 0, body, at);
}

static inline int rows(struct fixture *f, uint8_t type, uint8_t id, uint8_t flags, uint8_t first,
                       uint8_t second)
{
    uint8_t body[40] = {id, [6] = flags};
    size_t at = 8;
    body[at++] = 1; /* columns */
    body[at++] = 1; /* present */
    if (type == EV_UPDATE_ROWS_V1)
        body[at++] = 1;
    for (int i = 0; i < (type == EV_UPDATE_ROWS_V1 ? 2 : 1); i++) {
        body[at++] = 0; /* NULL bitmap */
        body[at] = i ? second : first;
        at += 4;
    }
    return feed(f, type, 0, body, at);
}

static inline void insert(struct fixture *f, const char *database, uint8_t value)
{
    assert_int_equal(map(f, 9, database, "t"), 0);
    assert_int_equal(rows(f, EV_WRITE_ROWS_V1, 9, STATEMENT_END, value, 0), 0);
}

static inline void transaction(struct fixture *f, uint64_t seq, const char *database, uint8_t value)
{
    assert_int_equal(gtid(f, seq, 4), 0);
    insert(f, database, value);
    assert_int_equal(xid(f), 0);
}

static inline void begin_stream(struct fixture *f, const char *set, bool mariadb)
{
    struct position p = {0};
    assert_int_equal(gtid_set_parse(&p.gtid, set, &f->err), 0);
    assert_int_equal(capture_start(f->c, &p, true, &f->err), 0);
    position_free(&p);
    assert_int_equal(rotate(f, "bin.000001", 4, ARTIFICIAL), 0);
    assert_int_equal(format(f, mariadb ? "10.11.6-MariaDB" : "8.0.36", mariadb ? 171 : 41), 0);
    assert_int_equal(capture_flush(f->c, &f->err), 0); /* the file that it has learned */
    buf_clear(&f->got);
    f->marks = 0;
}

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    struct capture_options o = {
        .database = "shop",
        .prefix = "",
        .max_event = 1 << 20,
        .sink = {.arg = f, .put = sink_put, .place = sink_place, .mark = sink_mark}};
    assert_int_equal(capture_new(&f->c, &o, &f->err), 0);
    f->seconds = 1000;
    begin_stream(f, "0-71-4", true);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    capture_free(f->c);
    buf_free(&f->event);
    buf_free(&f->got);
    free(f);
    return 0;
}

#endif
