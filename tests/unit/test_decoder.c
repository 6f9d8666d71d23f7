/* The binlog decoder with events built by hand: what no server at hand writes, and what is wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "agent/binlog/binlog.h"

#define MAX_EVENT (1u << 20)

struct fixture {
    struct decoder *d;
    struct ds_error err;
    struct event ev;
    struct buf event; /* the last one decoded: events point into it */
};

/* Header, body and, where `checksum`, the CRC32. */
static void event_build(struct buf *out, uint8_t type, uint16_t flags, const void *body, size_t n,
                        bool checksum)
{
    uint32_t length = (uint32_t)(19 + n + (checksum ? 4 : 0));
    uint8_t head[19] = {1, 0, 0, 0, type, 71, 0, 0, 0, [13] = 99};
    for (int i = 0; i < 4; i++)
        head[9 + i] = (uint8_t)(length >> 8 * i);
    head[17] = (uint8_t)flags;
    head[18] = (uint8_t)(flags >> 8);
    buf_clear(out);
    assert_int_equal(buf_append(out, head, sizeof head), 0);
    assert_int_equal(buf_append(out, body, n), 0);
    if (checksum) {
        uint32_t crc = (uint32_t)crc32(0, out->data, (uInt)out->len);
        assert_int_equal(buf_append(out, &crc, 4), 0);
    }
}

static int decode(struct fixture *f, uint8_t type, uint16_t flags, const void *body, size_t n)
{
    event_build(&f->event, type, flags, body, n, true);
    return decoder_event(f->d, (struct slice){f->event.data, f->event.len}, false, &f->ev, &f->err);
}

static int decode_format(struct fixture *f, const char *version, size_t types, uint8_t algorithm)
{
    uint8_t body[400] = {4};
    memcpy(body + 2, version, strlen(version));
    body[56] = 19;
    body[57 + EV_QUERY - 1] = 13;
    body[57 + EV_TABLE_MAP - 1] = 8;
    body[57 + types] = algorithm;
    return decode(f, EV_FORMAT_DESCRIPTION, 0, body, 57 + types + 1);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    assert_int_equal(decoder_new(&f->d, MAX_EVENT, &f->err), 0);
    assert_int_equal(decode_format(f, "10.11.6-MariaDB-log", 171, 1), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    decoder_free(f->d);
    buf_free(&f->event);
    free(f);
    return 0;
}

static void map_and_check(struct fixture *f, uint8_t id, const char *name, bool changed,
                          uint64_t version, const void *columns, size_t n)
{
    uint8_t body[600] = {id, 0, 0, 0, 0, 0, 1, 0, 4, 's', 'h', 'o', 'p', 0};
    size_t at = 14, length = strlen(name);
    body[at++] = (uint8_t)length;
    memcpy(body + at, name, length + 1);
    at += length + 1;
    memcpy(body + at, columns, n);
    assert_int_equal(decode(f, EV_TABLE_MAP, 0, body, at + n), 0);
    assert_string_equal(f->ev.table_map->name, name);
    assert_int_equal(f->ev.table_map->changed, changed);
    assert_int_equal(f->ev.table_map->version, version);
}

/* Two columns: INT NOT NULL, VARCHAR(20) */
static const uint8_t two_columns[] = {2, 3, 15, 2, 20, 0, 2};
static const uint8_t other_columns[] = {2, 3, 3, 0, 2};

static void header_lengths_are_checked(void **state)
{
    struct fixture *f = *state;
    struct event_header h;
    uint8_t bytes[19] = {[9] = 18};
    assert_int_equal(decoder_header((struct slice){bytes, 18}, &h, &f->err), DS_EFORMAT);
    assert_int_equal(decoder_header((struct slice){bytes, 19}, &h, &f->err), DS_EFORMAT);
    bytes[9] = 19;
    assert_int_equal(decoder_header((struct slice){bytes, 19}, &h, &f->err), 0);
    bytes[9] = 20;
    assert_int_equal(decoder_event(f->d, (struct slice){bytes, 19}, false, &f->ev, &f->err),
                     DS_EFORMAT);
}

static void damaged_checksum_is_refused(void **state)
{
    struct fixture *f = *state;
    uint8_t xid[8] = {42};
    assert_int_equal(decode(f, EV_XID, 0, xid, 8), 0);
    assert_int_equal(f->ev.xid, 42);
    f->event.data[20] ^= 1;
    struct slice bytes = {f->event.data, f->event.len};
    assert_int_equal(decoder_event(f->d, bytes, false, &f->ev, &f->err), DS_EFORMAT);
    assert_non_null(strstr(f->err.message, "checksum"));
    decoder_verify_checksum(f->d, false);
    assert_int_equal(decoder_event(f->d, bytes, false, &f->ev, &f->err), 0);
    assert_int_equal(f->ev.xid, 42 + 256);
}

static void format_in_use_flag_is_outside_the_checksum(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(decode_format(f, "8.0.36", 41, 1), 0);
    assert_false(f->ev.format.mariadb);
    assert_true(f->ev.format.checksum);
    f->event.data[17] |= 1;
    struct slice bytes = {f->event.data, f->event.len};
    assert_int_equal(decoder_event(f->d, bytes, false, &f->ev, &f->err), 0);
    f->event.data[30] ^= 1;
    assert_int_equal(decoder_event(f->d, bytes, false, &f->ev, &f->err), DS_EFORMAT);
}

static void old_and_strange_servers_are_refused(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(decode_format(f, "5.5.62-log", 27, 1), DS_EUNSUPPORTED);
    assert_int_equal(decode_format(f, "5.6.24-log", 35, 1), 0);
    assert_int_equal(decode_format(f, "10.1.48-MariaDB", 163, 0), 0);
    assert_false(f->ev.format.checksum);
    assert_true(f->ev.format.mariadb);
    assert_int_equal(decode_format(f, "9.7.4", 42, 7), DS_EUNSUPPORTED);
    assert_int_equal(decode_format(f, "9.7.4", 20, 1), DS_EFORMAT);
}

static void rotate_comes_with_and_without_checksum(void **state)
{
    struct fixture *f = *state;
    struct decoder *fresh;
    uint8_t body[] = {4, 0, 0, 0, 1, 0, 0, 0, 'b', 'i', 'n', '.', '7'};
    assert_int_equal(decoder_new(&fresh, MAX_EVENT, &f->err), 0);
    for (int checksum = 0; checksum < 2; checksum++) {
        event_build(&f->event, EV_ROTATE, 0x20, body, sizeof body, checksum);
        struct slice bytes = {f->event.data, f->event.len};
        assert_int_equal(decoder_event(fresh, bytes, false, &f->ev, &f->err), 0);
        assert_int_equal(f->ev.rotate.pos, 4294967300);
        assert_int_equal(f->ev.rotate.file.len, 5);
        assert_memory_equal(f->ev.rotate.file.p, "bin.7", 5);
    }
    uint8_t xid[8] = {1};
    event_build(&f->event, EV_XID, 0, xid, 8, true);
    assert_int_equal(
        decoder_event(fresh, (struct slice){f->event.data, f->event.len}, false, &f->ev, &f->err),
        DS_EFORMAT); /* before any format description */
    decoder_free(fresh);
}

static void unknown_events_stop_unless_ignorable(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(decode(f, 200, 0, "x", 1), DS_EUNSUPPORTED);
    assert_non_null(strstr(f->err.message, "unknown(200)"));
    assert_int_equal(decode(f, 200, 0x80, "x", 1), 0);
    assert_true(f->ev.ignorable);
    assert_int_equal(decode(f, EV_INCIDENT, 0, "\1\0\4lost", 7), DS_EUNSUPPORTED);
    assert_non_null(strstr(f->err.message, "lost"));
    assert_int_equal(decode(f, EV_START_ENCRYPTION, 0, "\1\1", 2), DS_EUNSUPPORTED);
    assert_int_equal(decode(f, EV_BEGIN_LOAD_QUERY, 0, "\1\0\0\0", 4), DS_EUNSUPPORTED);
    assert_non_null(strstr(f->err.message, "binlog_format=ROW"));
    assert_int_equal(decode(f, 20, 0, "x", 1), DS_EUNSUPPORTED);
}

static void larger_events_than_allowed_are_refused(void **state)
{
    struct fixture *f = *state;
    uint8_t *body = calloc(1, MAX_EVENT);
    assert_non_null(body);
    assert_int_equal(decode(f, EV_ANNOTATE_ROWS, 0, body, MAX_EVENT), DS_ELIMIT);
    free(body);
    /* a small one that says it becomes larger when decompressed */
    uint8_t query[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x84, 0x7f, 0, 0, 0, 1, 2, 3};
    assert_int_equal(decode(f, EV_QUERY_COMPRESSED, 0, query, sizeof query), DS_ELIMIT);
    query[15] = 0;
    query[18] = 9;
    assert_int_equal(decode(f, EV_QUERY_COMPRESSED, 0, query, sizeof query), DS_EFORMAT);
}

static void slots_keep_what_did_not_change(void **state)
{
    struct fixture *f = *state;
    int mark;
    map_and_check(f, 5, "t", true, 1, two_columns, sizeof two_columns);
    struct table_map *first = f->ev.table_map;
    first->user = &mark;
    map_and_check(f, 6, "u", true, 1, other_columns, sizeof other_columns);
    map_and_check(f, 5, "t", false, 1, two_columns, sizeof two_columns);
    decoder_drop_maps(f->d);
    map_and_check(f, 9, "t", false, 1, two_columns, sizeof two_columns);
    assert_ptr_equal(f->ev.table_map, first);
    assert_ptr_equal(first->user, &mark);
    assert_int_equal(first->id, 9);
    map_and_check(f, 9, "u", false, 1, other_columns, sizeof other_columns); /* the id again */
    map_and_check(f, 9, "t", true, 2, other_columns, sizeof other_columns);
    assert_ptr_equal(f->ev.table_map, first);
    assert_null(first->user);
}

static void many_tables_are_kept_apart(void **state)
{
    struct fixture *f = *state;
    char name[20];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 500; i++) {
            snprintf(name, sizeof name, "table_%d", i);
            map_and_check(f, (uint8_t)i, name, round == 0, 1, two_columns, sizeof two_columns);
        }
        decoder_drop_maps(f->d);
    }
}

static const uint8_t *row_value(const struct buf *image, uint32_t count, uint32_t i)
{
    static const uint8_t *columns[MESSAGE_MAX_COLUMNS];
    assert_int_equal(image_split((struct slice){image->data, image->len}, count, columns), 0);
    return columns[i];
}

static void update_writes_same_and_absent(void **state)
{
    struct fixture *f = *state;
    BUF_AUTO struct buf before = {0}, after = {0};
    const uint8_t *columns[2];
    map_and_check(f, 5, "t", true, 1, two_columns, sizeof two_columns);
    /* (1, 'ab') → (1, NULL), and an after image without the first column: (-, 'ab') */
    const uint8_t full[] = {5, 0, 0, 0, 0, 0,   1,   0,    2, 0xff, 0xff, 0xfc,
                            1, 0, 0, 0, 2, 'a', 'b', 0xfe, 1, 0,    0,    0};
    assert_int_equal(decode(f, EV_UPDATE_ROWS_V1, 0, full, sizeof full), 0);
    assert_int_equal(f->ev.rows.columns_after, 2);
    const uint8_t *p = f->ev.rows.rows.p;
    assert_int_equal(rows_image(&f->ev.rows, false, &p, NULL, &before, &f->err), 0);
    assert_int_equal(image_split((struct slice){before.data, before.len}, 2, columns), 0);
    assert_int_equal(rows_image(&f->ev.rows, true, &p, columns, &after, &f->err), 0);
    assert_ptr_equal(p, f->ev.rows.rows.p + f->ev.rows.rows.len);
    assert_memory_equal(before.data,
                        "\x92\x01\xc4\x02"
                        "ab",
                        6);
    assert_memory_equal(after.data, "\x92\xc3\xc0", 3);
    const uint8_t partial[] = {5, 0, 0, 0, 0, 0,   1,   0,    2, 0xff, 0xfe, 0xfc,
                               1, 0, 0, 0, 2, 'a', 'b', 0xfe, 2, 'a',  'b'};
    assert_int_equal(decode(f, EV_UPDATE_ROWS_V1, 0, partial, sizeof partial), 0);
    p = f->ev.rows.rows.p;
    /* both images into one buffer, which grows while the first is referred to */
    buf_free(&before);
    assert_int_equal(rows_image(&f->ev.rows, false, &p, NULL, &before, &f->err), 0);
    size_t length = before.len;
    assert_int_equal(image_split((struct slice){before.data, before.len}, 2, columns), 0);
    assert_int_equal(rows_image(&f->ev.rows, true, &p, columns, &before, &f->err), 0);
    assert_memory_equal(before.data + length, "\x92\xc2\xc3", 3);
}

static void rows_are_checked_against_their_map(void **state)
{
    struct fixture *f = *state;
    BUF_AUTO struct buf image = {0};
    map_and_check(f, 5, "t", true, 1, two_columns, sizeof two_columns);
    const uint8_t unknown[] = {7, 0, 0, 0, 0, 0, 1, 0, 2, 0xff, 0xfc, 1, 0, 0, 0, 0};
    assert_int_equal(decode(f, EV_WRITE_ROWS_V1, 0, unknown, sizeof unknown), DS_EFORMAT);
    const uint8_t dummy[] = {0xff, 0xff, 0xff, 0, 0, 0, 1, 0};
    assert_int_equal(decode(f, EV_WRITE_ROWS_V1, 0, dummy, sizeof dummy), 0);
    assert_null(f->ev.rows.table);
    const uint8_t width[] = {5, 0, 0, 0, 0, 0, 1, 0, 3, 0xff, 0xfc, 1, 0, 0, 0, 0};
    assert_int_equal(decode(f, EV_WRITE_ROWS_V1, 0, width, sizeof width), DS_EFORMAT);
    assert_string_equal(f->err.table, "shop.t");
    const uint8_t nothing[] = {5, 0, 0, 0, 0, 0, 1, 0, 2, 0xfc};
    assert_int_equal(decode(f, EV_WRITE_ROWS_V1, 0, nothing, sizeof nothing), DS_EUNSUPPORTED);
    const uint8_t cut[] = {5, 0, 0, 0, 0, 0, 1, 0, 2, 0xff, 0xfc, 1, 0, 0, 0, 3, 'a', 'b'};
    assert_int_equal(decode(f, EV_WRITE_ROWS_V1, 0, cut, sizeof cut), 0);
    const uint8_t *p = f->ev.rows.rows.p;
    assert_int_equal(rows_image(&f->ev.rows, true, &p, NULL, &image, &f->err), DS_EFORMAT);
    assert_string_equal(f->err.table, "shop.t");
    assert_int_equal(image.len, 0);
    assert_int_equal(rows_skip(&f->ev.rows, true, &p, &f->err), DS_EFORMAT);
    assert_ptr_equal(p, f->ev.rows.rows.p);
}

/* One column of a type and one row: what its value becomes. */
static int one_value(struct fixture *f, const uint8_t *type, size_t type_length, const void *value,
                     size_t n, struct buf *image)
{
    uint8_t row[300] = {5, 0, 0, 0, 0, 0, 1, 0, 1, 0xff, 0xfe};
    uint8_t map[40] = {1, type[0], (uint8_t)(type_length - 1)};
    static int number;
    char name[20];
    snprintf(name, sizeof name, "one_%d", number++);
    memcpy(map + 3, type + 1, type_length - 1);
    map[2 + type_length] = 1;
    map_and_check(f, 5, name, true, 1, map, 3 + type_length);
    memcpy(row + 11, value, n);
    assert_int_equal(decode(f, EV_WRITE_ROWS_V1, 0, row, 11 + n), 0);
    const uint8_t *p = f->ev.rows.rows.p;
    buf_clear(image);
    return rows_image(&f->ev.rows, true, &p, NULL, image, &f->err);
}

static void impossible_values_are_refused(void **state)
{
    struct fixture *f = *state;
    BUF_AUTO struct buf image = {0};
    const uint8_t date[] = {10}, time2[] = {19, 0}, datetime2[] = {18, 0}, decimal[] = {246, 4, 0};
    assert_int_equal(one_value(f, date, 1, "\x21\x00\x00", 3, &image), 0); /* 0000-01-01 */
    assert_memory_equal(row_value(&image, 1, 0),
                        "\xaa"
                        "0000-01-01",
                        11);
    assert_int_equal(one_value(f, date, 1, "\xa1\x01\x00", 3, &image), DS_EFORMAT);  /* month 13 */
    assert_int_equal(one_value(f, time2, 2, "\x80\x00\x3c", 3, &image), DS_EFORMAT); /* second 60 */
    assert_int_equal(one_value(f, datetime2, 2, "\x00\x00\x00\x00\x01", 5, &image), DS_EFORMAT);
    assert_int_equal(one_value(f, decimal, 3, "\x80\x07", 2, &image), 0);
    assert_memory_equal(row_value(&image, 1, 0),
                        "\xa1"
                        "7",
                        2);
    assert_int_equal(one_value(f, decimal, 3, "\xff\xff", 2, &image), DS_EFORMAT);
    assert_non_null(strstr(f->err.message, "column 1"));
}

static void unknown_types_are_refused_by_name(void **state)
{
    struct fixture *f = *state;
    const uint8_t body[] = {5, 0, 0, 0, 0, 0, 1, 0, 1, 'd', 0, 1, 't', 0, 1, 99, 0, 0};
    assert_int_equal(decode(f, EV_TABLE_MAP, 0, body, sizeof body), DS_EUNSUPPORTED);
    assert_string_equal(f->err.table, "d.t");
    assert_int_equal(decode(f, EV_TABLE_MAP, 0, body, sizeof body), DS_EUNSUPPORTED);
}

static void metadata_that_does_not_fit_is_refused(void **state)
{
    struct fixture *f = *state;
    uint8_t body[] = {5,   0, 0, 0, 0,  0, 1,  0, 1, 'd', 0, 1,
                      't', 0, 2, 3, 15, 2, 20, 0, 2, 3,   1, 45};
    assert_int_equal(decode(f, EV_TABLE_MAP, 0, body, sizeof body), 0);
    assert_int_equal(f->ev.table_map->columns[1].collation, 45);
    body[21] = 4; /* one name for two columns */
    assert_int_equal(decode(f, EV_TABLE_MAP, 0, body, sizeof body), DS_EFORMAT);
    body[21] = 8; /* key column 45 */
    assert_int_equal(decode(f, EV_TABLE_MAP, 0, body, sizeof body), DS_EFORMAT);
    body[21] = 200; /* of a later version */
    assert_int_equal(decode(f, EV_TABLE_MAP, 0, body, sizeof body), 0);
}

static void mysql_gtids_of_56_have_no_times(void **state)
{
    struct fixture *f = *state;
    char text[100];
    uint8_t body[42] = {1, 0x3e, 0x11, [17] = 23, [25] = 2};
    assert_int_equal(decode(f, EV_GTID_LOG, 0, body, 25), 0);
    assert_int_equal(gtid_print(&f->ev.gtid.gtid, text, sizeof text), 0);
    assert_string_equal(text, "3e110000-0000-0000-0000-000000000000:23");
    assert_int_equal(decode(f, EV_GTID_LOG, 0, body, 42), 0);
    assert_int_equal(f->ev.gtid.immediate_commit_time, 0);
    assert_int_equal(decode(f, EV_GTID_LOG, 0, body, 24), DS_EFORMAT);
    assert_int_equal(decode(f, EV_ANONYMOUS_GTID, 0, body, 42), 0);
    assert_int_equal(f->ev.gtid.gtid.flavour, GTID_NONE);
    body[17] = 0;
    assert_int_equal(decode(f, EV_GTID_LOG, 0, body, 25), DS_EFORMAT);
}

static void gtid_sets_are_put_in_order(void **state)
{
    struct fixture *f = *state;
    BUF_AUTO struct buf text = {0};
    uint8_t list[4 + 48] = {
        3,       0,       0,        0x10, /* flag bits above the count */
        [4] = 1, [8] = 7, [12] = 5, [20] = 1, [24] = 8, [28] = 9, [40] = 2, [44] = 4};
    assert_int_equal(decode(f, EV_GTID_LIST, 0, list, sizeof list), 0);
    assert_int_equal(gtid_set_print(f->ev.previous_gtids, &text), 0);
    assert_string_equal(buf_cstr(&text), "0-2-4,1-8-9");
    list[0] = 4;
    assert_int_equal(decode(f, EV_GTID_LIST, 0, list, sizeof list), DS_EFORMAT);
    uint8_t previous[8 + 16 + 8 + 32] = {
        1, [8] = 0xab, [24] = 2, [32] = 1, [40] = 4, [48] = 9, [56] = 10};
    buf_clear(&text);
    assert_int_equal(decode(f, EV_PREVIOUS_GTIDS, 0, previous, sizeof previous), 0);
    assert_int_equal(gtid_set_print(f->ev.previous_gtids, &text), 0);
    assert_string_equal(buf_cstr(&text), "ab000000-0000-0000-0000-000000000000:1-3:9");
    previous[56] = 9; /* an empty interval */
    assert_int_equal(decode(f, EV_PREVIOUS_GTIDS, 0, previous, sizeof previous), DS_EFORMAT);
    previous[7] = 2;
    assert_int_equal(decode(f, EV_PREVIOUS_GTIDS, 0, previous, sizeof previous), DS_EUNSUPPORTED);
}

static void heartbeats_tell_positions_over_4_gib(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(decode(f, EV_HEARTBEAT, 0, "bin.000009", 10), 0);
    assert_int_equal(f->ev.heartbeat.pos, 99);
    const uint8_t v2[] = {1, 5, 'b', 'i', 'n', '.', '1', 2, 9, 254, 0, 0, 0, 0, 2, 0, 0, 0, 0};
    assert_int_equal(decode(f, EV_HEARTBEAT_V2, 0, v2, sizeof v2), 0);
    assert_int_equal(f->ev.heartbeat.pos, 8589934592);
    assert_int_equal(f->ev.heartbeat.file.len, 5);
    assert_int_equal(decode(f, EV_HEARTBEAT_V2, 0, v2, 5), DS_EFORMAT);
}

static void xids_are_printed_as_statements_write_them(void **state)
{
    (void)state;
    char text[XID_TEXT_MAX];
    const uint8_t xid[] = {1, 0, 0, 0, 2, 1, 'a', 'b', 0xff};
    assert_int_equal(xid_print((struct slice){xid, sizeof xid}, text, sizeof text), 0);
    assert_string_equal(text, "X'6162',X'ff',1");
    assert_int_equal(xid_print((struct slice){xid, sizeof xid - 1}, text, sizeof text), DS_EFORMAT);
    uint8_t longest[6 + 128] = {0xff, 0xff, 0xff, 0xff, 64, 64};
    assert_int_equal(xid_print((struct slice){longest, sizeof longest}, text, sizeof text), 0);
    assert_int_equal(strlen(text), 2 * (3 + 128) + 2 + 10);
}

static void status_variables_are_bounded(void **state)
{
    struct fixture *f = *state;
    uint8_t body[64] = {9, 0, 0, 0, 2, 0, 0, 0, 1, 5, 0, 0, 0};
    const uint8_t status[] = {0, 0, 0, 0, 4,   1,   2,   0,  0,   0, 0,   0,
                              0, 0, 5, 3, 'U', 'T', 'C', 18, 255, 0, 250, 1};
    body[11] = sizeof status;
    memcpy(body + 13, status, sizeof status);
    memcpy(body + 13 + sizeof status, "d\0SELECT", 8);
    assert_int_equal(decode(f, EV_QUERY, 0, body, 13 + sizeof status + 8), 0);
    const struct msg_session *s = &f->ev.query.session;
    assert_int_equal(s->flags2 >> 26 & 1, 1);
    assert_int_equal(s->sql_mode, 2);
    assert_int_equal(s->error_code, 5);
    assert_memory_equal(s->time_zone.p, "UTC", 3);
    assert_int_equal(s->utf8mb4_collation, 255);
    assert_memory_equal(s->database.p, "d", 1);
    assert_memory_equal(f->ev.query.statement.p, "SELECT", 6);
    assert_int_equal(f->ev.query.statement.len, 6);
    body[13 + 15] = 200; /* the time zone's length */
    assert_int_equal(decode(f, EV_QUERY, 0, body, 13 + sizeof status + 8), DS_EFORMAT);
    body[12] = 1;
    assert_int_equal(decode(f, EV_QUERY, 0, body, 13 + sizeof status + 8), DS_EFORMAT);
}

static void files_are_read_to_a_cut_end(void **state)
{
    struct fixture *f = *state;
    char path[] = "/tmp/datasync-binlog-XXXXXX";
    struct binlog_file *file;
    struct slice bytes;
    uint64_t offset;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(binlog_file_open(&file, path, MAX_EVENT, &f->err), DS_EFORMAT);
    event_build(&f->event, EV_XID, 0, "12345678", 8, true);
    assert_int_equal(write(fd,
                           "\xfe"
                           "bin",
                           4),
                     4);
    assert_int_equal(write(fd, f->event.data, f->event.len), f->event.len);
    assert_int_equal(write(fd, f->event.data, 10), 10);
    assert_int_equal(binlog_file_open(&file, path, MAX_EVENT, &f->err), 0);
    assert_int_equal(binlog_file_next(file, &bytes, &offset, &f->err), 0);
    assert_int_equal(offset, 4);
    assert_int_equal(bytes.len, f->event.len);
    assert_int_equal(binlog_file_next(file, &bytes, &offset, &f->err), DS_EAGAIN);
    assert_int_equal(write(fd, f->event.data + 10, f->event.len - 10), f->event.len - 10);
    assert_int_equal(binlog_file_next(file, &bytes, &offset, &f->err), 0);
    assert_int_equal(offset, 4 + f->event.len);
    assert_memory_equal(bytes.p, f->event.data, bytes.len);
    assert_int_equal(binlog_file_next(file, &bytes, &offset, &f->err), DS_EAGAIN);
    assert_int_equal(binlog_file_seek(file, 3, &f->err), DS_EUSAGE);
    assert_int_equal(binlog_file_seek(file, 4, &f->err), 0);
    assert_int_equal(binlog_file_next(file, &bytes, &offset, &f->err), 0);
    binlog_file_close(file);
    assert_int_equal(binlog_file_open(&file, path, 20, &f->err), 0);
    assert_int_equal(binlog_file_next(file, &bytes, &offset, &f->err), DS_ELIMIT);
    binlog_file_close(file);
    assert_int_equal(pwrite(fd, "\xfd", 1, 0), 1);
    assert_int_equal(binlog_file_open(&file, path, MAX_EVENT, &f->err), DS_EUNSUPPORTED);
    close(fd);
    unlink(path);
    assert_int_equal(binlog_file_open(&file, path, MAX_EVENT, &f->err), DS_EIO);
}

static void json_print_as(struct fixture *f, const void *value, size_t n, const char *text)
{
    BUF_AUTO struct buf image = {0};
    uint8_t field[300] = {(uint8_t)n, (uint8_t)(n >> 8)};
    const uint8_t json[] = {245, 4};
    struct value v;
    memcpy(field + 4, value, n);
    int rc = one_value(f, json, 2, field, 4 + n, &image);
    assert_int_equal(rc, text ? 0 : DS_EFORMAT);
    if (!text)
        return;
    const uint8_t *p = row_value(&image, 1, 0);
    assert_int_equal(value_read(&p, image.data + image.len, &v), 0);
    assert_int_equal(v.kind, VALUE_TEXT);
    assert_int_equal(v.bytes.len, strlen(text));
    assert_memory_equal(v.bytes.p, text, v.bytes.len);
}

static void json_is_read_within_its_bounds(void **state)
{
    struct fixture *f = *state;
    json_print_as(f, "", 0, "null");
    json_print_as(f, "\x04\x01", 2, "true");
    json_print_as(f, "\x05\xff\xff", 3, "-1");
    json_print_as(f,
                  "\x0c\x03"
                  "a\"\x01",
                  5, "\"a\\\"\\u0001\"");
    json_print_as(f, "\x0f\xfc\x02\xff\x00", 5, "\"base64:type252:/wA=\"");
    json_print_as(f, "\x02\x01\x00\x07\x00\x05\x07\x00", 8, "[7]");
    json_print_as(f, "\x04\x03", 2, NULL);
    json_print_as(f, "\x05\xff", 2, NULL);
    json_print_as(f,
                  "\x0c\x04"
                  "abc",
                  5, NULL);
    json_print_as(f, "\x0c\xff\xff\xff\xff\xff\x01", 7, NULL);
    json_print_as(f, "\x02\x02\x00\x07\x00\x05\x07\x00", 8, NULL);
    json_print_as(f, "\x02\x01\x00\xff\x00\x05\x07\x00", 8, NULL);
    json_print_as(f, "\x02\x01\x00\x07\x00\x0c\xff\x00", 8, NULL);
    json_print_as(f, "\x02\x01\x00\x07\x00\x02\x00\x00", 8, NULL); /* inside itself, for ever */
    json_print_as(f, "\x0d", 1, NULL);
}

static void payloads_are_bounded(void **state)
{
    struct fixture *f = *state;
    const uint8_t plain[] = {2, 1, 255, 1, 1, 3, 0, 'a', 'b', 'c'};
    assert_int_equal(decode(f, EV_TRANSACTION_PAYLOAD, 0, plain, sizeof plain), 0);
    assert_int_equal(f->ev.payload.events.len, 3);
    const uint8_t wrong[] = {2, 1, 255, 1, 1, 4, 0, 'a', 'b', 'c'};
    assert_int_equal(decode(f, EV_TRANSACTION_PAYLOAD, 0, wrong, sizeof wrong), DS_EFORMAT);
    const uint8_t huge[] = {2, 1, 0, 3, 5, 254, 0, 0, 0, 1, 0, 0, 0, 0, 0, 'a'};
    const uint8_t bomb[] = {2, 1, 0, 3, 9, 254, 0, 0, 0, 1, 0, 0, 0, 0, 0, 'a'};
    assert_int_equal(decode(f, EV_TRANSACTION_PAYLOAD, 0, huge, sizeof huge), DS_EFORMAT);
    assert_int_equal(decode(f, EV_TRANSACTION_PAYLOAD, 0, bomb, sizeof bomb), DS_ELIMIT);
    const uint8_t damaged[] = {2, 1, 0, 3, 1, 9, 0, 'a', 'b', 'c'};
    assert_int_equal(decode(f, EV_TRANSACTION_PAYLOAD, 0, damaged, sizeof damaged), DS_EFORMAT);
    const uint8_t method[] = {2, 1, 7, 3, 1, 9, 0, 'a'};
    assert_int_equal(decode(f, EV_TRANSACTION_PAYLOAD, 0, method, sizeof method), DS_EUNSUPPORTED);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(header_lengths_are_checked),
        CASE(damaged_checksum_is_refused),
        CASE(format_in_use_flag_is_outside_the_checksum),
        CASE(old_and_strange_servers_are_refused),
        CASE(rotate_comes_with_and_without_checksum),
        CASE(unknown_events_stop_unless_ignorable),
        CASE(larger_events_than_allowed_are_refused),
        CASE(slots_keep_what_did_not_change),
        CASE(many_tables_are_kept_apart),
        CASE(update_writes_same_and_absent),
        CASE(rows_are_checked_against_their_map),
        CASE(impossible_values_are_refused),
        CASE(unknown_types_are_refused_by_name),
        CASE(metadata_that_does_not_fit_is_refused),
        CASE(mysql_gtids_of_56_have_no_times),
        CASE(gtid_sets_are_put_in_order),
        CASE(heartbeats_tell_positions_over_4_gib),
        CASE(xids_are_printed_as_statements_write_them),
        CASE(status_variables_are_bounded),
        CASE(files_are_read_to_a_cut_end),
        CASE(json_is_read_within_its_bounds),
        CASE(payloads_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
