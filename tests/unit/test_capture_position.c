/* The capture: positions, lost connections, names from the history. */
#include "capture_helper.h"

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
