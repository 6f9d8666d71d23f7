/* The message format: round trips, agreement with msgpack-c, and hostile input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <msgpack.h>

#include "schema/message.h"
#include "tests/unit/msgpack_helper.h"

static struct slice text(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

static void assert_slice(struct slice s, const char *expected)
{
    assert_int_equal(s.len, strlen(expected));
    assert_memory_equal(s.p, expected, s.len);
}

/* --- messages ----------------------------------------------------------- */

/* One of each type, with content at its limits. */
enum { SAMPLES = 20 };
static int sample(struct buf *b, int which)
{
    static struct msg_column columns[3];
    columns[0] = (struct msg_column){.name = text("entity_id"),
                                     .type = 3,
                                     .flags = COLUMN_KEY | COLUMN_UNSIGNED,
                                     .collation = 63};
    columns[1] = (struct msg_column){
        .type = 252, .metadata = 65535, .flags = COLUMN_NULLABLE, .collation = 65535};
    columns[2] =
        (struct msg_column){text("näme"), 255, 1, 255, 0, {(const uint8_t *)"\2\1a\2b,", 6}, true};
    static const struct msg_session full = {.sql_mode = UINT64_MAX,
                                            .flags2 = UINT32_MAX,
                                            .error_code = 1062,
                                            .client_charset = 33,
                                            .connection_collation = 45,
                                            .server_collation = 2304,
                                            .timestamp = 1700000000,
                                            .microseconds = 999999,
                                            .lc_time_names = 7,
                                            .auto_increment_increment = 2,
                                            .auto_increment_offset = 65535,
                                            .database_collation = 224,
                                            .explicit_defaults_for_timestamp = 0,
                                            .check_constraint_checks = 1,
                                            .thread_id = 77};
    static const struct msg_session none = {.explicit_defaults_for_timestamp = -1,
                                            .check_constraint_checks = -1};
    struct msg_session named = full;
    named.database = text("shop");
    named.time_zone = text("Europe/Berlin");
    named.engine = text("Aria");
    static const uint8_t rows[] = {0x92, 0x92, 1, 0xc0, 0x92, 2, 0xa1, 'x'};
    static const uint8_t before[] = {0x92, 1, 0xa1, 'a'}, after[] = {0x92, 0xc3, 0xa1, 'b'};
    static const uint8_t key[] = {0xcd, 0x12, 0x34};
    switch (which) {
    case 0:
        return message_write_table(b, &(struct msg_table){UINT32_MAX, text("shop"),
                                                          text("catalog_product"), text("product"),
                                                          text("root"), 15, 3, columns});
    case 1:
        return message_write_table(
            b, &(struct msg_table){0, text("s"), text("t"), {0}, {0}, 0, 0, NULL});
    case 2:
        return message_write_begin(b, &(struct msg_begin){text("0-1-5"), 1700000000, 1, 63, {0}});
    case 3:
        return message_write_begin(
            b, &(struct msg_begin){{0}, UINT64_MAX, UINT32_MAX, 0, text("products.csv line 7")});
    case 4:
        return message_write_commit(b, &(struct msg_commit){COMMIT_ROLLBACK, 1700000000, 9,
                                                            text("0-1-5,7-1-2"), text("bin.000002"),
                                                            (uint64_t)1 << 40});
    case 5:
        return message_write_change(b, &(struct msg_change){70000,
                                                            CHANGE_UPDATE,
                                                            CHANGE_STOCK,
                                                            {key, sizeof key},
                                                            {before, sizeof before},
                                                            {after, sizeof after}});
    case 6:
        return message_write_change(
            b, &(struct msg_change){1, CHANGE_INSERT, 0, {0}, {0}, {after, sizeof after}});
    case 7:
        return message_write_change_head(b, 2, CHANGE_DELETE, 31, (struct slice){0}) |
               image_write_head(b, 1) | value_write_double(b, 0.5) | image_write_none(b);
    case 8:
        return message_write_truncate(
            b, &(struct msg_truncate){text("shop"), text("t"), text("TRUNCATE t"), named});
    case 9:
        return message_write_ddl(b, &(struct msg_ddl){text("ALTER TABLE t ADD c INT"), named});
    case 10:
        return message_write_ddl(b, &(struct msg_ddl){text("DROP TABLE t"), none});
    case 11:
        return message_write_snapshot(
            b, &(struct msg_snapshot){.kind = SNAPSHOT_BEGIN, .text = text("gtid=0-1-5")});
    case 12:
        return message_write_snapshot(b, &(struct msg_snapshot){.kind = SNAPSHOT_ROWS,
                                                                .table_id = 5,
                                                                .low = text("1"),
                                                                .high = text("2"),
                                                                .rows = {rows, sizeof rows}});
    case 13:
        return message_write_heartbeat(
            b, &(struct msg_heartbeat){1700000001, text("0-1-6"), text("bin.000002"), 4});
    case 14:
        return message_write_savepoint(b,
                                       &(struct msg_savepoint){SAVEPOINT_ROLLBACK_TO, text("sp")});
    case 15:
        return message_write_xa(b, &(struct msg_xa){XA_COMMIT, text("X'61',X'',1")});
    case 16:
        return message_write_table_hint(b, 128);
    case 17:
        return message_write_gap(b, text("skipped 0-1-7"));
    case 18:
        return message_write_savepoint(b, &(struct msg_savepoint){SAVEPOINT_RELEASE, {0}});
    default:
        return message_write_snapshot(b, &(struct msg_snapshot){.kind = SNAPSHOT_STALE_END});
    }
}

static void read_one(const struct buf *b, struct arena *arena, struct message *m)
{
    const uint8_t *p = b->data;
    struct ds_error err;
    memset(m, 0xa5, sizeof *m);
    if (message_read(&p, b->data + b->len, arena, m, &err))
        fail_msg("%s", err.message);
    assert_ptr_equal(p, b->data + b->len);
    assert_ptr_equal(m->raw.p, b->data);
    assert_int_equal(m->raw.len, b->len);
}

static void tables_travel(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct message m;
    BUF_AUTO struct buf b = {0};
    assert_int_equal(sample(&b, 0), 0);
    read_one(&b, &arena, &m);
    assert_int_equal(m.type, MSG_TABLE);
    assert_true(m.table.id == UINT32_MAX);
    assert_slice(m.table.database, "shop");
    assert_slice(m.table.name, "catalog_product");
    assert_slice(m.table.entity, "product");
    assert_slice(m.table.role, "root");
    assert_int_equal(m.table.flags, 15);
    assert_int_equal(m.table.column_count, 3);
    assert_slice(m.table.columns[0].name, "entity_id");
    assert_int_equal(m.table.columns[0].type, 3);
    assert_int_equal(m.table.columns[0].flags, COLUMN_KEY | COLUMN_UNSIGNED);
    assert_int_equal(m.table.columns[0].collation, 63);
    assert_null(m.table.columns[1].name.p);
    assert_int_equal(m.table.columns[1].metadata, 65535);
    assert_int_equal(m.table.columns[1].collation, 65535);
    assert_slice(m.table.columns[2].name, "näme");
    assert_int_equal(m.table.columns[2].type, 255);
    assert_int_equal(m.table.columns[1].members.len, 0);
    assert_true(m.table.columns[2].members_utf8);
    assert_slice(m.table.columns[2].members, "\2\1a\2b,");
    buf_clear(&b);
    assert_int_equal(sample(&b, 1), 0);
    read_one(&b, &arena, &m);
    assert_int_equal(m.table.column_count, 0);
    assert_int_equal(m.table.entity.len, 0);
    arena_free(&arena);
}

static void transactions_travel(void **state)
{
    (void)state;
    struct message m;
    BUF_AUTO struct buf b = {0};
    assert_int_equal(sample(&b, 2), 0);
    read_one(&b, NULL, &m);
    assert_slice(m.begin.gtid, "0-1-5");
    assert_int_equal(m.begin.timestamp, 1700000000);
    assert_int_equal(m.begin.server_id, 1);
    assert_int_equal(m.begin.flags, 63);
    buf_clear(&b);
    assert_int_equal(sample(&b, 3), 0);
    read_one(&b, NULL, &m);
    assert_int_equal(m.begin.gtid.len, 0);
    assert_true(m.begin.timestamp == UINT64_MAX);
    assert_true(m.begin.server_id == UINT32_MAX);
    buf_clear(&b);
    assert_int_equal(sample(&b, 4), 0);
    read_one(&b, NULL, &m);
    assert_int_equal(m.commit.flags, COMMIT_ROLLBACK);
    assert_slice(m.commit.gtid_set, "0-1-5,7-1-2");
    assert_slice(m.commit.file, "bin.000002");
    assert_true(m.commit.pos == (uint64_t)1 << 40);
    buf_clear(&b);
    assert_int_equal(sample(&b, 13), 0);
    read_one(&b, NULL, &m);
    assert_int_equal(m.heartbeat.timestamp, 1700000001);
    assert_slice(m.heartbeat.gtid_set, "0-1-6");
    assert_int_equal(m.heartbeat.pos, 4);
    buf_clear(&b);
    assert_int_equal(sample(&b, 14), 0);
    read_one(&b, NULL, &m);
    assert_int_equal(m.savepoint.kind, SAVEPOINT_ROLLBACK_TO);
    assert_slice(m.savepoint.name, "sp");
    buf_clear(&b);
    assert_int_equal(sample(&b, 15), 0);
    read_one(&b, NULL, &m);
    assert_int_equal(m.xa.kind, XA_COMMIT);
    assert_slice(m.xa.xid, "X'61',X'',1");
    buf_clear(&b);
    assert_int_equal(sample(&b, 16), 0);
    read_one(&b, NULL, &m);
    assert_int_equal(m.hint_table_id, 128);
    buf_clear(&b);
    assert_int_equal(sample(&b, 17), 0);
    read_one(&b, NULL, &m);
    assert_slice(m.gap_reason, "skipped 0-1-7");
}

static void changes_travel(void **state)
{
    (void)state;
    struct message m;
    BUF_AUTO struct buf b = {0};
    const uint8_t *columns[2];
    assert_int_equal(sample(&b, 5), 0);
    read_one(&b, NULL, &m);
    assert_int_equal(m.change.table_id, 70000);
    assert_int_equal(m.change.op, CHANGE_UPDATE);
    assert_int_equal(m.change.flags, CHANGE_STOCK);
    struct value v;
    const uint8_t *p = m.change.entity_key.p;
    assert_int_equal(value_read(&p, p + m.change.entity_key.len, &v), 0);
    assert_int_equal(v.u, 0x1234);
    assert_int_equal(image_split(m.change.before, 2, columns), 0);
    assert_int_equal(*columns[0], 1);
    assert_int_equal(image_split(m.change.after, 2, columns), 0);
    p = columns[0];
    assert_int_equal(value_read(&p, b.data + b.len, &v), 0);
    assert_int_equal(v.kind, VALUE_SAME);
    buf_clear(&b);
    assert_int_equal(sample(&b, 6), 0);
    read_one(&b, NULL, &m);
    assert_int_equal(m.change.entity_key.len, 0);
    assert_int_equal(m.change.before.len, 0);
    assert_int_equal(m.change.after.len, 4);
    buf_clear(&b);
    assert_int_equal(sample(&b, 7), 0);
    read_one(&b, NULL, &m);
    assert_int_equal(m.change.op, CHANGE_DELETE);
    assert_int_equal(image_split(m.change.before, 1, columns), 0);
    assert_int_equal(m.change.after.len, 0);
}

static void statements_travel_with_their_session(void **state)
{
    (void)state;
    struct message m;
    BUF_AUTO struct buf b = {0};
    assert_int_equal(sample(&b, 8), 0);
    read_one(&b, NULL, &m);
    assert_slice(m.truncate.table, "t");
    assert_slice(m.truncate.statement, "TRUNCATE t");
    const struct msg_session *s = &m.truncate.session;
    assert_slice(s->database, "shop");
    assert_slice(s->time_zone, "Europe/Berlin");
    assert_true(s->sql_mode == UINT64_MAX);
    assert_true(s->flags2 == UINT32_MAX);
    assert_int_equal(s->error_code, 1062);
    assert_int_equal(s->client_charset, 33);
    assert_int_equal(s->connection_collation, 45);
    assert_int_equal(s->server_collation, 2304);
    assert_int_equal(s->timestamp, 1700000000);
    assert_int_equal(s->microseconds, 999999);
    assert_int_equal(s->lc_time_names, 7);
    assert_int_equal(s->auto_increment_increment, 2);
    assert_int_equal(s->auto_increment_offset, 65535);
    assert_int_equal(s->database_collation, 224);
    assert_int_equal(s->explicit_defaults_for_timestamp, 0);
    assert_int_equal(s->check_constraint_checks, 1);
    assert_int_equal(s->thread_id, 77);
    buf_clear(&b);
    assert_int_equal(sample(&b, 10), 0);
    read_one(&b, NULL, &m);
    assert_slice(m.ddl.statement, "DROP TABLE t");
    assert_int_equal(m.ddl.session.explicit_defaults_for_timestamp, -1);
    assert_int_equal(m.ddl.session.check_constraint_checks, -1);
    assert_int_equal(m.ddl.session.sql_mode, 0);
    assert_int_equal(m.ddl.session.database.len, 0);
    /* nothing known: nothing written. array, type, bin8 head, 12 bytes, empty map */
    assert_int_equal(b.len, 1 + 1 + 2 + 12 + 1);
}

static void snapshots_travel(void **state)
{
    (void)state;
    struct message m;
    BUF_AUTO struct buf b = {0};
    assert_int_equal(sample(&b, 12), 0);
    read_one(&b, NULL, &m);
    assert_int_equal(m.snapshot.kind, SNAPSHOT_ROWS);
    assert_int_equal(m.snapshot.table_id, 5);
    assert_slice(m.snapshot.low, "1");
    assert_slice(m.snapshot.high, "2");
    assert_int_equal(m.snapshot.text.len, 0);
    assert_int_equal(m.snapshot.row_count, 2);
    const uint8_t *p = m.snapshot.rows.p, *end = p + m.snapshot.rows.len;
    uint32_t n;
    assert_int_equal(array_read_head(&p, end, &n), 0);
    assert_int_equal(n, 2);
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *from = p, *columns[2];
        assert_int_equal(value_skip(&p, end), 0);
        assert_int_equal(image_split((struct slice){from, (size_t)(p - from)}, 2, columns), 0);
        assert_int_equal(*columns[0], i + 1);
    }
    assert_ptr_equal(p, end);
    buf_clear(&b);
    assert_int_equal(sample(&b, 11), 0);
    read_one(&b, NULL, &m);
    assert_slice(m.snapshot.text, "gtid=0-1-5");
    assert_int_equal(m.snapshot.low.len, 0);
    assert_int_equal(m.snapshot.row_count, 0);
    assert_int_equal(m.snapshot.rows.len, 0);
}

static void every_message_is_one_msgpack_array(void **state)
{
    (void)state;
    BUF_AUTO struct buf all = {0};
    for (int i = 0; i < SAMPLES; i++)
        assert_int_equal(sample(&all, i), 0);
    size_t off = 0;
    struct arena arena = {0};
    const uint8_t *p = all.data, *end = all.data + all.len;
    int seen = 0;
    while (p < end) {
        struct message m;
        msgpack_unpacked their = {0};
        assert_int_equal(message_read(&p, end, &arena, &m, NULL), 0);
        assert_int_equal(msgpack_unpack_next(&their, (const char *)all.data, all.len, &off),
                         MSGPACK_UNPACK_SUCCESS);
        assert_int_equal(off, p - all.data);
        assert_int_equal(their.data.type, MSGPACK_OBJECT_ARRAY);
        assert_int_equal(their.data.via.array.ptr[0].via.u64, m.type);
        msgpack_unpacked_destroy(&their);
        seen++;
    }
    assert_int_equal(seen, SAMPLES);
    arena_free(&arena);
}

/* --- hostile input ------------------------------------------------------ */

/* On a copy of exactly this size, so that the sanitizer sees a read beyond it. */
static int read_exact(const uint8_t *data, size_t len, struct arena *arena)
{
    uint8_t *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, data, len);
    const uint8_t *p = copy + (len ? 0 : 1), *start = p;
    struct message m;
    struct ds_error err = {0};
    int rc = message_read(&p, start + len, arena, &m, &err);
    if (rc) {
        assert_int_equal(err.code, rc);
        assert_true(err.message[0] != 0);
        assert_ptr_equal(p, start);
    } else {
        assert_int_equal(m.raw.len, p - start);
        assert_true(m.raw.len <= len);
    }
    free(copy);
    return rc;
}

static void truncated_messages_are_refused(void **state)
{
    (void)state;
    struct arena arena = {0};
    for (int i = 0; i < SAMPLES; i++) {
        BUF_AUTO struct buf b = {0};
        assert_int_equal(sample(&b, i), 0);
        for (size_t cut = 0; cut < b.len; cut++)
            assert_int_equal(read_exact(b.data, cut, &arena), DS_EFORMAT);
        assert_int_equal(read_exact(b.data, b.len, &arena), 0);
        arena_reset(&arena, 1 << 20);
    }
    arena_free(&arena);
}

static void damaged_messages_never_read_outside(void **state)
{
    (void)state;
    struct arena arena = {0};
    size_t refused = 0, total = 0;
    for (int i = 0; i < SAMPLES; i++) {
        BUF_AUTO struct buf b = {0};
        assert_int_equal(sample(&b, i), 0);
        for (size_t at = 0; at < b.len; at++) {
            uint8_t was = b.data[at];
            for (int v = 0; v < 256; v++) {
                b.data[at] = (uint8_t)v;
                int rc = read_exact(b.data, b.len, &arena);
                assert_true(rc == 0 || rc == DS_EFORMAT);
                refused += rc != 0;
                total++;
            }
            b.data[at] = was;
            arena_reset(&arena, 1 << 20);
        }
    }
    assert_true(refused > total / 4);
    arena_free(&arena);
}

static void unknown_types_and_kinds_stop(void **state)
{
    (void)state;
    struct ds_error err;
    struct message m;
    static const struct {
        uint8_t bytes[8], len;
        const char *says;
    } cases[] = {
        {{0x91, 13}, 2, "unknown type 13"},
        {{0x91, 0}, 2, "unknown type 0"},
        {{0x92, 0xcd, 1, 1, 0}, 5, "unknown type 257"},
        {{0x91, 0xff}, 2, "type is missing"},
        {{0x90}, 1, "type is missing"},
        {{0x80}, 1, "no array"},
        {{0x93, MSG_XA, 4, 0xa0}, 4, "XA kind"},
        {{0x93, MSG_XA, 0, 0xa0}, 4, "XA kind"},
        {{0x93, MSG_SAVEPOINT, 1, 7}, 4, "savepoint name"},
        {{0x92, MSG_GAP, 0xc0}, 3, "reason"},
        {{0x91, MSG_TABLE_HINT}, 2, "table id"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const uint8_t *p = cases[i].bytes;
        assert_int_equal(message_read(&p, p + cases[i].len, NULL, &m, &err), DS_EFORMAT);
        if (!strstr(err.message, cases[i].says))
            fail_msg("\"%s\" does not say \"%s\"", err.message, cases[i].says);
    }
}

static void later_fields_are_passed_over(void **state)
{
    (void)state;
    struct message m;
    BUF_AUTO struct buf b = {0};
    msgpack_packer pk;
    msgpack_packer_init(&pk, &b, pack_to_buf);
    msgpack_pack_array(&pk, 5);
    msgpack_pack_int(&pk, MSG_DDL);
    msgpack_pack_str(&pk, 2);
    msgpack_pack_str_body(&pk, "DO", 2);
    msgpack_pack_map(&pk, 2);
    msgpack_pack_str(&pk, 3);
    msgpack_pack_str_body(&pk, "new", 3);
    msgpack_pack_array(&pk, 1);
    msgpack_pack_nil(&pk);
    msgpack_pack_str(&pk, 2);
    msgpack_pack_str_body(&pk, "th", 2);
    msgpack_pack_int(&pk, 8);
    msgpack_pack_map(&pk, 1);
    msgpack_pack_int(&pk, 1);
    msgpack_pack_int(&pk, 2);
    msgpack_pack_nil(&pk);
    read_one(&b, NULL, &m);
    assert_slice(m.ddl.statement, "DO");
    assert_int_equal(m.ddl.session.thread_id, 8);
    BUF_AUTO struct buf t = {0};
    static const uint8_t wide_column[] = {0x98, MSG_TABLE, 9, 0xa0, 0xa0, 0xc0, 0xc0, 0,    0x91,
                                          0x97, 0xc0,      3, 0,    0,    0,    0xc0, 0x91, 1};
    assert_int_equal(buf_append(&t, wide_column, sizeof wide_column), 0);
    struct arena arena = {0};
    read_one(&t, &arena, &m);
    assert_int_equal(m.table.column_count, 1);
    assert_int_equal(m.table.columns[0].type, 3);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_travel),
        cmocka_unit_test(transactions_travel),
        cmocka_unit_test(changes_travel),
        cmocka_unit_test(statements_travel_with_their_session),
        cmocka_unit_test(snapshots_travel),
        cmocka_unit_test(every_message_is_one_msgpack_array),
        cmocka_unit_test(truncated_messages_are_refused),
        cmocka_unit_test(damaged_messages_never_read_outside),
        cmocka_unit_test(unknown_types_and_kinds_stop),
        cmocka_unit_test(later_fields_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
