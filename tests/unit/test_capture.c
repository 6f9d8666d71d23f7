/* The capture: groups of events, XA, and what servers seldom write. */
#include "capture_helper.h"

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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
