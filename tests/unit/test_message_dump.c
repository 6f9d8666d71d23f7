/* What `dump` prints of messages: JSON lines, and how many there are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/cli/message_json.h"
#include "agent/cli/message_summary.h"

static struct slice slice_of(const char *text)
{
    return (struct slice){(const uint8_t *)text, strlen(text)};
}

static void messages_become_json_lines(void **state)
{
    (void)state;
    struct msg_column columns[] = {{.name = slice_of("id"), .type = 3, .flags = COLUMN_KEY},
                                   {.name = slice_of("t"), .type = 15, .collation = 45},
                                   {.name = slice_of("b"), .type = 15, .collation = 63},
                                   {.type = 4}};
    struct msg_table table = {.id = 7,
                              .database = slice_of("shop"),
                              .name = slice_of("sales_flat_order"),
                              .entity = slice_of("order"),
                              .role = slice_of("root"),
                              .flags = TABLE_NAMES,
                              .column_count = 4,
                              .columns = columns};
    BUF_AUTO struct buf messages = {0};
    BUF_AUTO struct buf key = {0};
    BUF_AUTO struct buf before = {0};
    BUF_AUTO struct buf after = {0};
    BUF_AUTO struct buf out = {0};
    struct ds_error err = {0};
    struct message_printer *printer;
    value_write_uint(&key, 5);
    image_write_head(&before, 4);
    value_write_uint(&before, 5);
    value_write_bytes(&before, "ü", 2);
    value_write_bytes(&before, "ab", 2);
    value_write_float(&before, 0.1F);
    image_write_head(&after, 4);
    value_write_same(&after);
    value_write_bytes(&after, "\xff", 1);
    value_write_null(&after);
    value_write_absent(&after);
    assert_int_equal(message_write_table(&messages, &table), 0);
    struct msg_change change = {.table_id = 7,
                                .op = CHANGE_UPDATE,
                                .flags = CHANGE_NO_FK_CHECKS | CHANGE_STOCK,
                                .entity_key = {key.data, key.len},
                                .before = {before.data, before.len},
                                .after = {after.data, after.len}};
    assert_int_equal(message_write_change(&messages, &change), 0);
    struct msg_commit commit = {.timestamp = 3, .gtid_set = slice_of("0-1-2")};
    assert_int_equal(message_write_commit(&messages, &commit), 0);
    assert_int_equal(message_printer_new(&printer, NULL, &err), 0);
    if (message_print(printer, (struct slice){messages.data, messages.len}, &out, &err))
        fail_msg("%s", err.message);
    const char *text = buf_cstr(&out);
    assert_non_null(strstr(text, "{\"type\": \"table\", \"id\": 7, \"database\": \"shop\""));
    assert_non_null(strstr(
        text, "{\"type\": \"change\", \"database\": \"shop\", \"table\": \"sales_flat_order\", "
              "\"entity\": \"order\", \"key\": 5, \"operation\": \"update\", \"flags\": "
              "[\"no_foreign_key_checks\", \"stock\"], \"before\": {\"id\": 5, \"t\": \"ü\", "
              "\"b\": {\"base64\": \"YWI=\"}, \"@4\": 0.1}, \"after\": {\"id\": 5, \"t\": "
              "{\"base64\": \"/w==\"}, \"b\": null}}\n"));
    assert_non_null(strstr(text, "{\"type\": \"commit\", \"gtid_set\": \"0-1-2\", "));
    /* a change of a table that nobody described, and bytes that are no message */
    change.table_id = 8;
    buf_clear(&messages);
    buf_clear(&out);
    assert_int_equal(message_write_change(&messages, &change), 0);
    assert_int_equal(
        message_print(printer, (struct slice){messages.data, messages.len}, &out, &err),
        DS_EFORMAT);
    assert_int_equal(message_print(printer, slice_of("\x93"), &out, &err), DS_EFORMAT);
    /* a row that ends in the middle of a value, or before its last one */
    for (size_t cut = 1; cut < before.len; cut++) {
        change.table_id = 7;
        change.after.len = 0;
        change.before.len = cut;
        buf_clear(&messages);
        message_write_change(&messages, &change);
        assert_int_equal(
            message_print(printer, (struct slice){messages.data, messages.len}, &out, &err),
            DS_EFORMAT);
    }
    assert_int_equal(out.len, 0); /* no half lines */
    message_printer_free(printer);
}

static void summary_is(struct buf *messages, const char *wanted)
{
    BUF_AUTO struct buf out = {0};
    struct ds_error err = {0};
    struct message_summary *summary;
    assert_int_equal(message_summary_new(&summary, NULL, &err), 0);
    if (message_summary_add(summary, (struct slice){messages->data, messages->len}, &err))
        fail_msg("%s", err.message);
    assert_int_equal(message_summary_print(summary, &out, &err), 0);
    assert_string_equal(buf_cstr(&out), wanted);
    message_summary_free(summary);
}

static void messages_are_counted(void **state)
{
    (void)state;
    struct msg_column columns[2] = {{.type = 3}, {.type = 252}};
    struct msg_table table = {.database = slice_of("shop"),
                              .entity = slice_of("table"),
                              .role = slice_of("root"),
                              .column_count = 2,
                              .columns = columns};
    BUF_AUTO struct buf messages = {0};
    BUF_AUTO struct buf long_row = {0};
    BUF_AUTO struct buf same_row = {0};
    BUF_AUTO struct buf rows = {0};
    image_write_head(&long_row, 2); /* 1 + 1 + 22 bytes */
    value_write_uint(&long_row, 5);
    value_write_bytes(&long_row, "twenty bytes of text", 20);
    image_write_head(&same_row, 2); /* 1 + 1 + 1, and 21 more of the before image */
    value_write_uint(&same_row, 6);
    value_write_same(&same_row);
    const struct slice long_image = {long_row.data, long_row.len};
    const struct slice same_image = {same_row.data, same_row.len};
    summary_is(&messages,
               "{\"type\": \"total\", \"tables\": 0, \"transactions\": 0, \"changes\": 0, "
               "\"copied\": 0, \"ddl\": 0, \"truncates\": 0, \"bytes\": 0}\n");
    /* table b by two ids, defined again; a is only copied; unused has no rows */
    static const char *const names[] = {"b", "unused", "b", "b", "a"};
    static const uint32_t ids[] = {1, 2, 3, 1, 4};
    for (size_t i = 0; i < 5; i++) {
        table.id = ids[i];
        table.name = slice_of(names[i]);
        assert_int_equal(message_write_table(&messages, &table), 0);
    }
    struct msg_change change = {.table_id = 1, .op = CHANGE_INSERT, .after = long_image};
    assert_int_equal(message_write_change(&messages, &change), 0);
    change = (struct msg_change){
        .table_id = 3, .op = CHANGE_UPDATE, .before = long_image, .after = same_image};
    assert_int_equal(message_write_change(&messages, &change), 0);
    struct msg_commit commit = {.timestamp = 3, .file = slice_of("bin.1"), .pos = 4};
    assert_int_equal(message_write_commit(&messages, &commit), 0);
    image_write_head(&rows, 2);
    buf_append(&rows, long_row.data, long_row.len);
    buf_append(&rows, long_row.data, long_row.len);
    struct msg_snapshot copied = {
        .kind = SNAPSHOT_ROWS, .table_id = 4, .rows = {rows.data, rows.len}};
    assert_int_equal(message_write_snapshot(&messages, &copied), 0);
    struct msg_ddl ddl = {.statement = slice_of("CREATE TABLE d (a INT)")};
    assert_int_equal(message_write_ddl(&messages, &ddl), 0);
    commit = (struct msg_commit){.timestamp = 7, .gtid_set = slice_of("0-1-2")};
    assert_int_equal(message_write_commit(&messages, &commit), 0);
    assert_int_equal(message_write_commit(&messages, &commit), 0); /* holds nothing */
    summary_is(
        &messages,
        "{\"type\": \"table\", \"database\": \"shop\", \"table\": \"b\", \"entity\": "
        "\"table\", \"inserts\": 1, \"updates\": 1, \"deletes\": 0, \"copied\": 0, \"bytes\": 72}\n"
        "{\"type\": \"table\", \"database\": \"shop\", \"table\": \"a\", \"entity\": "
        "\"table\", \"inserts\": 0, \"updates\": 0, \"deletes\": 0, \"copied\": 2, \"bytes\": 48}\n"
        "{\"type\": \"total\", \"tables\": 2, \"transactions\": 2, \"changes\": 2, \"copied\": 2, "
        "\"ddl\": 1, \"truncates\": 0, \"bytes\": 120, \"first\": {\"file\": \"bin.1\", "
        "\"position\": 4, \"timestamp\": 3}, \"last\": {\"gtid_set\": \"0-1-2\", \"timestamp\": "
        "7}}\n");
}

static void what_cannot_be_read_is_not_counted(void **state)
{
    (void)state;
    struct msg_column columns[2] = {{.type = 3}, {.type = 3}};
    struct msg_table table = {.id = 1, .column_count = 2, .columns = columns};
    struct msg_change changes[] = {
        {.table_id = 2, .op = CHANGE_INSERT, .after = slice_of("\x92\x01\x02")}, /* no such table */
        {.table_id = 1, .op = CHANGE_INSERT, .after = slice_of("\x91\x01")},
        {.table_id = 1, .op = CHANGE_INSERT, .after = slice_of("\x93\x01\x02\x03")},
        {.table_id = 1, .op = CHANGE_DELETE, .before = slice_of("\x92\x01\x80")}, /* a map */
        {.table_id = 1,
         .op = CHANGE_UPDATE,
         .before = slice_of("\x92\x01\x02"),
         .after = slice_of("\x92\xc3\x91\x01")}, /* an array in an array */
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        BUF_AUTO struct buf messages = {0};
        struct ds_error err = {0};
        struct message_summary *summary;
        assert_int_equal(message_write_table(&messages, &table), 0);
        assert_int_equal(message_write_change(&messages, &changes[i]), 0);
        assert_int_equal(message_summary_new(&summary, NULL, &err), 0);
        assert_int_equal(
            message_summary_add(summary, (struct slice){messages.data, messages.len}, &err),
            DS_EFORMAT);
        message_summary_free(summary);
    }
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_become_json_lines),
        cmocka_unit_test(messages_are_counted),
        cmocka_unit_test(what_cannot_be_read_is_not_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
