/* The capture with events built by hand: groups, positions, and what servers seldom write. */
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

static void put_value(struct buf *out, struct slice image)
{
    const uint8_t *p = image.p + 1, *end = image.p + image.len;
    struct value v;
    assert_int_equal(value_read(&p, end, &v), 0);
    if (v.kind == VALUE_SAME)
        assert_int_equal(buf_puts(out, " same"), 0);
    else
        assert_int_equal(buf_printf(out, " %lld", (long long)v.i), 0);
}

static void put_change(struct buf *out, const struct msg_change *c)
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

static void put_text(struct buf *out, const struct message *m)
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

static int sink_put(void *arg, const void *message, size_t len, struct ds_error *err)
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

static uint64_t sink_place(void *arg, size_t len)
{
    (void)len;
    return ((struct fixture *)arg)->place;
}

static int sink_mark(void *arg, const struct position *p, struct slice gtid_set,
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

static void expect_got(struct fixture *f, const char *want)
{
    assert_string_equal(buf_cstr(&f->got), want);
    buf_clear(&f->got);
}

/* --- what goes in --------------------------------------------------------- */

static int feed(struct fixture *f, uint8_t type, uint16_t flags, const void *body, size_t n)
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

static int rotate(struct fixture *f, const char *file, uint32_t pos, uint16_t flags)
{
    uint8_t body[100] = {(uint8_t)pos, (uint8_t)(pos >> 8), (uint8_t)(pos >> 16),
                         (uint8_t)(pos >> 24)};
    memcpy(body + 8, file, strlen(file));
    int rc = feed(f, EV_ROTATE, flags, body, 8 + strlen(file));
    f->at = pos;
    return rc;
}

static int format(struct fixture *f, const char *version, size_t types)
{
    uint8_t body[400] = {4};
    memcpy(body + 2, version, strlen(version));
    body[56] = 19;
    body[57 + EV_QUERY - 1] = 13;
    body[57 + EV_TABLE_MAP - 1] = 8;
    return feed(f, EV_FORMAT_DESCRIPTION, 0, body, 57 + types + 1);
}

static int gtid_extra(struct fixture *f, uint64_t seq, uint8_t flags, uint8_t extra)
{
    uint8_t body[32] = {(uint8_t)seq, (uint8_t)(seq >> 8), [12] = flags, [13] = extra, [14] = 1};
    return feed(f, EV_GTID, 0, body, 25);
}

static int gtid(struct fixture *f, uint64_t seq, uint8_t flags)
{
    return gtid_extra(f, seq, flags, 0);
}

static int mysql_gtid(struct fixture *f, uint64_t gno, bool anonymous)
{
    uint8_t body[25] = {1, 0xaa, [17] = (uint8_t)gno};
    return feed(f, anonymous ? EV_ANONYMOUS_GTID : EV_GTID_LOG, 0, body, sizeof body);
}

static int query_in(struct fixture *f, const char *database, const char *sql)
{
    uint8_t body[600] = {1, [8] = (uint8_t)strlen(database)};
    size_t at = 13, len = strlen(sql);
    memcpy(body + at, database, strlen(database) + 1);
    at += strlen(database) + 1;
    memcpy(body + at, sql, len);
    return feed(f, EV_QUERY, 0, body, at + len);
}

static int query(struct fixture *f, const char *sql)
{
    return query_in(f, "shop", sql);
}

static int xid(struct fixture *f)
{
    uint8_t body[8] = {1};
    return feed(f, EV_XID, 0, body, sizeof body);
}

/* One INT NOT NULL column; the type of the second one tells versions apart. */
static int map(struct fixture *f, uint8_t id, const char *database, const char *table)
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

static int rows(struct fixture *f, uint8_t type, uint8_t id, uint8_t flags, uint8_t first,
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

static void insert(struct fixture *f, const char *database, uint8_t value)
{
    assert_int_equal(map(f, 9, database, "t"), 0);
    assert_int_equal(rows(f, EV_WRITE_ROWS_V1, 9, STATEMENT_END, value, 0), 0);
}

static void transaction(struct fixture *f, uint64_t seq, const char *database, uint8_t value)
{
    assert_int_equal(gtid(f, seq, 4), 0);
    insert(f, database, value);
    assert_int_equal(xid(f), 0);
}

static void begin_stream(struct fixture *f, const char *set, bool mariadb)
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

static int setup(void **state)
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

static int teardown(void **state)
{
    struct fixture *f = *state;
    capture_free(f->c);
    buf_free(&f->event);
    buf_free(&f->got);
    free(f);
    return 0;
}

/* --- groups --------------------------------------------------------------- */

static void transactions_become_messages(void **state)
{
    struct fixture *f = *state;
    transaction(f, 5, "shop", 1);
    uint32_t first = f->at;
    assert_int_equal(gtid(f, 6, 4), 0);
    assert_int_equal(map(f, 9, "shop", "t"), 0);
    assert_int_equal(rows(f, EV_UPDATE_ROWS_V1, 9, 0, 1, 2), 0);
    assert_int_equal(rows(f, EV_DELETE_ROWS_V1, 9, STATEMENT_END | 2 | 4 | 0x80, 2, 0), 0);
    assert_int_equal(query(f, "COMMIT"), 0);
    char want[400];
    snprintf(want, sizeof want,
             "begin 0-71-5 0\ntable 1 t table\ninsert 1 1\ncommit 0-71-5 bin.000001:%u\n"
             "begin 0-71-6 0\nupdate 1 1 2\ndelete 1 2 flags 7\ncommit 0-71-6 bin.000001:%u\n",
             first, f->at);
    expect_got(f, want);
    assert_int_equal(f->marks, 2);
    assert_int_equal(capture_counts(f->c).transactions, 2);
    assert_int_equal(capture_counts(f->c).rows, 3);
}

static void empty_groups_are_told_once(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 5; i < 105; i++)
        transaction(f, i, "other", 1);
    expect_got(f, "");
    assert_int_equal(capture_flush(f->c, &f->err), 0);
    char want[200];
    snprintf(want, sizeof want, "begin 0-71-104 0\ncommit 0-71-104 bin.000001:%u\n", f->at);
    expect_got(f, want);
    assert_int_equal(capture_flush(f->c, &f->err), 0);
    expect_got(f, "");
    assert_int_equal(f->marks, 1);
    /* nor are they, when a group with content follows */
    transaction(f, 105, "other", 1);
    transaction(f, 106, "shop", 1);
    assert_int_equal(capture_flush(f->c, &f->err), 0);
    snprintf(want, sizeof want,
             "begin 0-71-106 0\ntable 1 t table\ninsert 1 1\ncommit 0-71-106 bin.000001:%u\n",
             f->at);
    expect_got(f, want);
}

static void a_flush_inside_a_group_writes_nothing(void **state)
{
    struct fixture *f = *state;
    transaction(f, 5, "other", 1);
    assert_int_equal(gtid(f, 6, 4), 0);
    insert(f, "shop", 1);
    buf_clear(&f->got);
    assert_int_equal(capture_flush(f->c, &f->err), 0);
    expect_got(f, "");
    assert_true(capture_in_group(f->c));
}

static void rollback_is_marked(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(gtid(f, 5, 0), 0);
    insert(f, "shop", 1);
    assert_int_equal(query(f, "SAVEPOINT `a b`"), 0);
    insert(f, "shop", 2);
    assert_int_equal(query(f, "ROLLBACK TO `a b`"), 0);
    assert_int_equal(query(f, "ROLLBACK"), 0);
    char want[300];
    snprintf(want, sizeof want,
             "begin 0-71-5 4\ntable 1 t table\ninsert 1 1\nsavepoint 1 a b\ninsert 1 2\n"
             "savepoint 2 a b\nrollback 0-71-5 bin.000001:%u\n",
             f->at);
    expect_got(f, want);
}

static void ddl_ends_with_its_statement_or_not(void **state)
{
    struct fixture *f = *state;
    char want[600];
    assert_int_equal(gtid(f, 5, 1 | MARIADB_DDL), 0);
    assert_int_equal(query(f, "ALTER TABLE t ADD c INT"), 0);
    assert_false(capture_in_group(f->c));
    uint32_t first = f->at;
    assert_int_equal(gtid(f, 6, MARIADB_DDL), 0);
    assert_int_equal(query(f, "CREATE TABLE t (id INT)"), 0);
    assert_true(capture_in_group(f->c));
    insert(f, "shop", 3);
    assert_int_equal(xid(f), 0);
    uint32_t second = f->at;
    assert_int_equal(gtid(f, 7, 1 | MARIADB_DDL), 0);
    assert_int_equal(query_in(f, "other", "ALTER TABLE t ADD c INT"), 0);
    assert_int_equal(gtid(f, 8, 1 | MARIADB_DDL), 0);
    assert_int_equal(query_in(f, "other", "TRUNCATE shop.`t`"), 0);
    snprintf(want, sizeof want,
             "begin 0-71-5 7\nddl ALTER TABLE t ADD c INT\ncommit 0-71-5 bin.000001:%u\n"
             "begin 0-71-6 5\nddl CREATE TABLE t (id INT)\ntable 1 t table\ninsert 1 3\n"
             "commit 0-71-6 bin.000001:%u\n"
             "begin 0-71-8 7\ntruncate shop.t\ncommit 0-71-8 bin.000001:%u\n",
             first, second, f->at);
    expect_got(f, want);
}

static void announced_alters_wait_for_their_commit(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(gtid_extra(f, 5, 1 | MARIADB_DDL, 2), 0);
    assert_int_equal(query(f, "ALTER TABLE t ADD c INT"), 0);
    expect_got(f, "");
    assert_int_equal(gtid_extra(f, 6, 1 | MARIADB_DDL, 8), 0); /* rolled back */
    assert_int_equal(query(f, "ALTER TABLE t ADD c INT"), 0);
    expect_got(f, "");
    assert_int_equal(gtid_extra(f, 7, 1 | MARIADB_DDL, 4), 0); /* committed */
    assert_int_equal(query(f, "ALTER TABLE t ADD c INT"), 0);
    assert_non_null(strstr(buf_cstr(&f->got), "ddl ALTER TABLE t ADD c INT"));
}

static void a_crashed_source_rolls_back(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(gtid(f, 5, 4), 0);
    insert(f, "shop", 1);
    assert_int_equal(rotate(f, "bin.000002", 4, ARTIFICIAL), 0);
    assert_int_equal(format(f, "10.11.6-MariaDB", 171), 0);
    assert_non_null(strstr(buf_cstr(&f->got), "rollback 0-71-4 bin.000002"));
    assert_false(capture_in_group(f->c));
}

static void groups_that_do_not_end_are_refused(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(gtid(f, 5, 4), 0);
    insert(f, "shop", 1);
    assert_int_equal(gtid(f, 6, 4), DS_EFORMAT);
    assert_non_null(strstr(f->err.position, "gtid=0-71-5"));
    assert_int_equal(capture_start(f->c, NULL, false, &f->err), 0);
    assert_int_equal(format(f, "10.11.6-MariaDB", 171), 0);
    assert_int_equal(xid(f), DS_EFORMAT);
}

static void maps_without_rows_are_hints(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(gtid(f, 5, 4), 0);
    assert_int_equal(map(f, 9, "shop", "t"), 0);
    assert_int_equal(map(f, 10, "shop", "child"), 0);
    assert_int_equal(map(f, 11, "other", "child"), 0);
    assert_int_equal(rows(f, EV_DELETE_ROWS_V1, 9, STATEMENT_END, 1, 0), 0);
    assert_int_equal(xid(f), 0);
    char want[300];
    snprintf(want, sizeof want,
             "begin 0-71-5 0\ntable 1 t table\ndelete 1 1\ntable 2 child table\nhint 2\n"
             "commit 0-71-5 bin.000001:%u\n",
             f->at);
    expect_got(f, want);
}

static void statements_with_rows_are_refused(void **state)
{
    static const char *const bad[] = {"INSERT INTO t VALUES (1)", "CALL p()",
                                      "DELETE FROM `shop`.`t` WHERE 1", "FROBNICATE t"};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        begin_stream(f, "0-71-4", true);
        assert_int_equal(gtid(f, 5, 4), 0);
        assert_int_equal(query(f, bad[i]), DS_EUNSUPPORTED);
        assert_null(strstr(f->err.message, "VALUES"));
        expect_got(f, "");
    }
    begin_stream(f, "0-71-4", true);
    assert_int_equal(gtid(f, 5, 1), 0);
    assert_int_equal(query_in(f, "", "DELETE FROM `shop`.`mem`"), 0); /* of a restarted server */
    assert_non_null(strstr(buf_cstr(&f->got), "truncate shop.mem"));
    uint8_t body[20] = {0};
    assert_int_equal(gtid(f, 6, 4), 0);
    assert_int_equal(feed(f, EV_BEGIN_LOAD_QUERY, 0, body, sizeof body), DS_EUNSUPPORTED);
}

/* --- XA ------------------------------------------------------------------- */

static void xids_have_one_form(void **state)
{
    static const char *const forms[][2] = {
        {"XA COMMIT X'6162',X'63',7", "xa 2 X'6162',X'63',7"},
        {"XA COMMIT 'ab','c',7", "xa 2 X'6162',X'63',7"},
        {"XA COMMIT X'6A'", "xa 2 X'6a',X'',1"},
        {"XA ROLLBACK X'61',X'',1", "xa 3 X'61',X'',1"},
        {"XA COMMIT 0x6162,'',4294967295", "xa 2 X'6162',X'',4294967295"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        assert_int_equal(gtid(f, 5 + i, 0), 0);
        assert_int_equal(query(f, forms[i][0]), 0);
        assert_non_null(strstr(buf_cstr(&f->got), forms[i][1]));
        assert_false(capture_in_group(f->c));
        buf_clear(&f->got);
    }
    assert_int_equal(gtid(f, 20, 0), 0);
    assert_int_equal(query(f, "XA COMMIT frob"), DS_EUNSUPPORTED);
}

static void prepared_rows_come_before_their_xid(void **state)
{
    struct fixture *f = *state;
    const uint8_t body[] = {0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 'a', 'b'};
    begin_stream(f, "", false);
    assert_int_equal(mysql_gtid(f, 1, false), 0);
    assert_int_equal(query(f, "XA START X'6162',X'',1"), 0);
    insert(f, "shop", 1);
    assert_int_equal(query(f, "XA END X'6162',X'',1"), 0);
    assert_int_equal(feed(f, EV_XA_PREPARE, 0, body, sizeof body), 0);
    assert_non_null(strstr(buf_cstr(&f->got), "insert 1 1\nxa 1 X'6162',X'',1\ncommit aa"));
    buf_clear(&f->got);
    assert_int_equal(mysql_gtid(f, 2, false), 0);
    assert_int_equal(query(f, "XA COMMIT X'6162',X'',1"), 0);
    assert_non_null(strstr(buf_cstr(&f->got), "xa 2 X'6162',X'',1\ncommit aa"));
}

/* --- MySQL ---------------------------------------------------------------- */

static void mysql_groups_end_by_their_own_rules(void **state)
{
    static const char set[] = "aa000000-0000-0000-0000-000000000000:1-3";
    struct fixture *f = *state;
    begin_stream(f, "", false);
    assert_int_equal(mysql_gtid(f, 1, false), 0);
    assert_int_equal(query(f, "BEGIN"), 0);
    insert(f, "shop", 1);
    assert_int_equal(xid(f), 0);
    assert_int_equal(mysql_gtid(f, 2, false), 0);
    assert_int_equal(query(f, "DROP TABLE t"), 0);
    assert_false(capture_in_group(f->c));
    /* CREATE TABLE … SELECT from 8.0.21 on */
    assert_int_equal(mysql_gtid(f, 3, false), 0);
    assert_int_equal(query(f, "BEGIN"), 0);
    assert_int_equal(query(f, "CREATE TABLE n (id INT) START TRANSACTION"), 0);
    assert_true(capture_in_group(f->c));
    insert(f, "shop", 1);
    assert_int_equal(xid(f), 0);
    assert_non_null(strstr(buf_cstr(&f->got), set));
    assert_int_equal(f->marks, 3);
}

static void anonymous_transactions_have_no_set(void **state)
{
    struct fixture *f = *state;
    begin_stream(f, "", false);
    assert_true(capture_gtid_complete(f->c));
    assert_int_equal(mysql_gtid(f, 1, true), 0);
    assert_int_equal(query(f, "BEGIN"), 0);
    insert(f, "shop", 1);
    assert_int_equal(xid(f), 0);
    assert_false(capture_gtid_complete(f->c));
    char want[200];
    snprintf(want, sizeof want, "begin  0\ntable 1 t table\ninsert 1 1\ncommit  bin.000001:%u\n",
             f->at);
    expect_got(f, want);
}

/* --- positions ------------------------------------------------------------ */

static void offsets_are_counted_where_events_do_not_tell(void **state)
{
    struct fixture *f = *state;
    f->zero_next_pos = true;
    transaction(f, 5, "shop", 1);
    assert_int_equal(capture_position(f->c)->file.pos, f->at);
    /* 32 bits wrap: two groups later the file is longer than 4 GiB */
    f->zero_next_pos = false;
    f->next_pos = 0xfffffff0u;
    transaction(f, 6, "shop", 1);
    assert_true(capture_position(f->c)->file.pos > UINT32_MAX);
    assert_int_equal(capture_position(f->c)->file.pos, (1ull << 32) + f->at);
}

static void a_rotation_moves_the_file(void **state)
{
    struct fixture *f = *state;
    transaction(f, 5, "shop", 1);
    buf_clear(&f->got);
    assert_int_equal(rotate(f, "bin.000002", 4, 0), 0);
    assert_int_equal(capture_flush(f->c, &f->err), 0);
    expect_got(f, "begin  0\ncommit 0-71-5 bin.000002:4\n");
    /* what a new connection says of the file's head is not where we are */
    assert_int_equal(format(f, "10.11.6-MariaDB", 171), 0);
    transaction(f, 6, "shop", 2);
    capture_resume(f->c);
    buf_clear(&f->got);
    assert_int_equal(rotate(f, "bin.000002", 4, ARTIFICIAL), 0);
    assert_int_equal(format(f, "10.11.6-MariaDB", 171), 0);
    assert_int_equal(capture_flush(f->c, &f->err), 0);
    expect_got(f, "");
}

static void groups_before_the_start_only_move_the_position(void **state)
{
    struct fixture *f = *state;
    struct position p = {0};
    assert_int_equal(gtid_set_parse(&p.gtid, "0-71-6", &f->err), 0);
    assert_int_equal(capture_skip(f->c, &p, 0, &f->err), 0);
    transaction(f, 5, "shop", 1);
    transaction(f, 6, "shop", 2);
    assert_int_equal(capture_flush(f->c, &f->err), 0);
    expect_got(f, "");
    transaction(f, 7, "shop", 3);
    assert_non_null(strstr(buf_cstr(&f->got), "insert 1 3\ncommit 0-71-7"));
    position_free(&p);
    buf_clear(&f->got);
    /* by time */
    assert_int_equal(capture_skip(f->c, NULL, 2000, &f->err), 0);
    transaction(f, 8, "shop", 4);
    expect_got(f, "");
    f->seconds = 2000;
    transaction(f, 9, "shop", 5);
    f->seconds = 1000; /* clocks go back, too */
    transaction(f, 10, "shop", 6);
    assert_non_null(strstr(buf_cstr(&f->got), "insert 1 5\ncommit 0-71-9"));
    assert_non_null(strstr(buf_cstr(&f->got), "insert 1 6\ncommit 0-71-10"));
}

static void a_skip_that_is_cut_begins_again(void **state)
{
    struct fixture *f = *state;
    struct position p = {.file = {.file = "bin.000001", .pos = 10000}};
    assert_int_equal(capture_start(f->c, &p, false, &f->err), 0);
    assert_int_equal(capture_skip(f->c, &p, 0, &f->err), 0);
    assert_int_equal(rotate(f, "bin.000001", 4, ARTIFICIAL), 0);
    assert_int_equal(format(f, "10.11.6-MariaDB", 171), 0);
    const uint8_t list[] = {1, 0, 0, 0, 0, 0, 0, 0, 71, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0};
    assert_int_equal(feed(f, EV_GTID_LIST, 0, list, sizeof list), 0);
    assert_true(capture_gtid_complete(f->c));
    transaction(f, 5, "shop", 1);
    assert_int_equal(capture_position(f->c)->file.pos, 10000);
    capture_resume(f->c);
    assert_false(capture_gtid_complete(f->c));
    assert_int_equal(capture_position(f->c)->file.pos, 10000);
    expect_got(f, "");
}

static void stops_are_exact(void **state)
{
    struct fixture *f = *state;
    struct position p = {0};
    assert_int_equal(gtid_set_parse(&p.gtid, "0-71-6", &f->err), 0);
    assert_int_equal(capture_stop_at(f->c, &p, 0, &f->err), 0);
    transaction(f, 5, "shop", 1);
    assert_false(capture_stopped(f->c));
    transaction(f, 6, "other", 1);
    assert_true(capture_stopped(f->c));
    transaction(f, 7, "shop", 1);
    assert_int_equal(capture_position(f->c)->gtid.members[0].seq, 6);
    assert_int_equal(capture_stop_at(f->c, NULL, 1500, &f->err), 0);
    transaction(f, 8, "shop", 1);
    assert_false(capture_stopped(f->c));
    f->seconds = 1501;
    transaction(f, 9, "shop", 1);
    assert_true(capture_stopped(f->c));
    assert_int_equal(capture_position(f->c)->gtid.members[0].seq, 8);
    position_free(&p);
}

/* --- lost connections ----------------------------------------------------- */

static void half(struct fixture *f, uint8_t first, uint8_t count)
{
    assert_int_equal(rotate(f, "bin.000001", 4, ARTIFICIAL), 0);
    assert_int_equal(format(f, "10.11.6-MariaDB", 171), 0);
    assert_int_equal(gtid(f, 5, 4), 0);
    for (uint8_t i = 0; i < count; i++)
        insert(f, "shop", (uint8_t)(first + i));
}

static void a_half_read_group_is_taken_up(void **state)
{
    struct fixture *f = *state;
    half(f, 1, 3);
    capture_resume(f->c);
    half(f, 1, 1); /* and lost again before the old place */
    capture_resume(f->c);
    half(f, 1, 5);
    assert_int_equal(xid(f), 0);
    char want[300];
    snprintf(want, sizeof want,
             "begin 0-71-5 0\ntable 1 t table\ninsert 1 1\ninsert 1 2\ninsert 1 3\ninsert 1 4\n"
             "insert 1 5\ncommit 0-71-5 bin.000001:%u\n",
             f->at);
    expect_got(f, want);
    assert_false(capture_diverged(f->c));
}

static void a_changed_group_is_noticed(void **state)
{
    struct fixture *f = *state;
    half(f, 1, 3);
    capture_resume(f->c);
    assert_int_equal(gtid(f, 5, 4), 0);
    insert(f, "shop", 1);
    insert(f, "shop", 2);
    assert_int_equal(map(f, 9, "shop", "t"), 0);
    assert_int_equal(rows(f, EV_WRITE_ROWS_V1, 9, STATEMENT_END, 4, 0), DS_EPOSITION);
    assert_true(capture_diverged(f->c));
    begin_stream(f, "0-71-4", true);
    assert_false(capture_diverged(f->c));
    half(f, 1, 3);
    capture_resume(f->c);
    half(f, 1, 2);
    assert_int_equal(xid(f), DS_EPOSITION); /* shorter */
    begin_stream(f, "0-71-4", true);
    half(f, 1, 3);
    capture_resume(f->c);
    assert_int_equal(gtid(f, 6, 4), DS_EPOSITION); /* gone */
    assert_true(capture_diverged(f->c));
}

static void definitions_come_again_when_asked(void **state)
{
    struct fixture *f = *state;
    transaction(f, 5, "shop", 1);
    capture_resend_tables(f->c);
    buf_clear(&f->got);
    transaction(f, 6, "shop", 1);
    assert_int_equal(strncmp(buf_cstr(&f->got), "begin 0-71-6 0\ntable 1", 22), 0);
    buf_clear(&f->got);
    transaction(f, 7, "shop", 1);
    assert_null(strstr(buf_cstr(&f->got), "table"));
}

static void every_piece_of_the_store_has_its_definitions(void **state)
{
    struct fixture *f = *state;
    transaction(f, 5, "shop", 1);
    f->place++;
    buf_clear(&f->got);
    assert_int_equal(gtid(f, 6, 4), 0);
    insert(f, "shop", 1);
    f->place++;
    insert(f, "shop", 2);
    assert_int_equal(xid(f), 0);
    transaction(f, 7, "shop", 3);
    transaction(f, 8, "shop", 4);
    const char *got = buf_cstr(&f->got);
    assert_ptr_equal(strstr(got, "begin 0-71-6 0\ntable 1 t table\ninsert 1 1\ninsert 1 2\n"), got);
    assert_non_null(strstr(got, "begin 0-71-7 0\ntable 1 t table\ninsert 1 3\n"));
    assert_non_null(strstr(got, "begin 0-71-8 0\ninsert 1 4\n"));
}

/* --- history -------------------------------------------------------------- */

static void a_damaged_history_is_as_good_as_none(void **state)
{
    struct fixture *f = *state;
    char path[] = "/tmp/datasync-history-XXXXXX";
    static const char text[] = "datasync history 1\n\x93\x03garbage";
    struct position at = {.file = {.file = "bin.000001", .pos = 4}};
    struct history *h;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(history_open(&h, path, "shop", &at, &f->err), 0);
        assert_null(history_get(h, (struct slice){(const uint8_t *)"t", 1}, &at));
        assert_true(history_wants_load(h));
        assert_int_equal(history_advance(h, &at, true, &f->err), 0);
        history_close(h);
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(history_open(&h, "/nowhere/at/all", "shop", &at, &f->err), DS_EIO);
    assert_non_null(strstr(f->err.message, "/nowhere/at/all"));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(transactions_become_messages),
        CASE(empty_groups_are_told_once),
        CASE(a_flush_inside_a_group_writes_nothing),
        CASE(rollback_is_marked),
        CASE(ddl_ends_with_its_statement_or_not),
        CASE(announced_alters_wait_for_their_commit),
        CASE(a_crashed_source_rolls_back),
        CASE(groups_that_do_not_end_are_refused),
        CASE(maps_without_rows_are_hints),
        CASE(statements_with_rows_are_refused),
        CASE(xids_have_one_form),
        CASE(prepared_rows_come_before_their_xid),
        CASE(mysql_groups_end_by_their_own_rules),
        CASE(anonymous_transactions_have_no_set),
        CASE(offsets_are_counted_where_events_do_not_tell),
        CASE(a_rotation_moves_the_file),
        CASE(groups_before_the_start_only_move_the_position),
        CASE(a_skip_that_is_cut_begins_again),
        CASE(stops_are_exact),
        CASE(a_half_read_group_is_taken_up),
        CASE(a_changed_group_is_noticed),
        CASE(definitions_come_again_when_asked),
        CASE(every_piece_of_the_store_has_its_definitions),
        CASE(a_damaged_history_is_as_good_as_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
