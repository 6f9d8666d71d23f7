/* Quoting, error classes, and connections that cannot be made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "schema/db.h"

static void names_are_quoted(void **state)
{
    (void)state;
    BUF_AUTO struct buf out = {0};
    assert_int_equal(sql_identifier(&out, "na`me"), 0);
    assert_int_equal(sql_table(&out, "d", "t``"), 0);
    assert_int_equal(sql_identifier_len(&out, "xyz", 2), 0);
    assert_string_equal(buf_cstr(&out), "`na``me``d`.`t`````"
                                        "`xy`");
}

/* Backslashes mean something or nothing by sql_mode, so a string that has any is written in hex. */
static void strings_are_safe_under_every_sql_mode(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
        const char *sql;
    } cases[] = {{"", 0, "''"},         {"ab c~", 5, "'ab c~'"}, {"a'b", 3, "X'612762'"},
                 {"a\\", 2, "X'615C'"}, {"a\"%_", 4, "'a\"%_'"}, {"\0", 1, "X'00'"},
                 {"\n", 1, "X'0A'"},    {"\x7f", 1, "X'7F'"},    {"\xc3\xbc", 2, "X'C3BC'"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        BUF_AUTO struct buf out = {0};
        assert_int_equal(sql_string(&out, cases[i].text, cases[i].len), 0);
        assert_string_equal(buf_cstr(&out), cases[i].sql);
    }
}

static void errors_have_classes(void **state)
{
    (void)state;
    static const struct {
        int code;
        unsigned numbers[12];
    } classes[] = {
        {DS_EACCESS, {1044, 1045, 1130, 1142, 1143, 1227, 1251, 1698, 2059, 3118, 4151}},
        {DS_ECONN, {1040, 1053, 1129, 1152, 1158, 1184, 1203, 1927, 2002, 2003, 2006, 2013}},
        {DS_ERETRY, {1020, 1205, 1213, 1317, 1613, 1614, 1637, 1969, 3024, 3572}},
        {DS_ESERVER, {1, 1046, 1054, 1062, 1064, 1146, 1216, 1217, 1406, 1451, 1452, 2014}},
    };
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        for (size_t k = 0; k < 12 && classes[i].numbers[k]; k++)
            if (db_error_class(classes[i].numbers[k]) != classes[i].code)
                fail_msg("%u is not %s", classes[i].numbers[k], error_name(classes[i].code));
}

static void connecting_fails_with_a_reason(void **state)
{
    (void)state;
    MYSQL *db;
    struct ds_error err = {0};
    struct db_endpoint ep = {.role = "source",
                             .host = "127.0.0.1",
                             .port = 1,
                             .user = "somebody",
                             .password = "geheim",
                             .connect_timeout = 2};
    assert_int_equal(db_connect(&db, &ep, &err), DS_ECONN);
    assert_null(db);
    assert_non_null(strstr(err.message, "source 127.0.0.1:1 (user somebody)"));
    assert_null(strstr(err.message, "geheim"));
    ep.socket = "/no/such/socket";
    assert_int_equal(db_connect(&db, &ep, &err), DS_ECONN);
    assert_non_null(strstr(err.message, "/no/such/socket"));
    ep.tls = TLS_VERIFY_CA;
    assert_int_equal(db_connect(&db, &ep, &err), DS_EUSAGE);
    assert_non_null(strstr(err.message, "source.tls.ca"));
    db_close(&db);
    mysql_library_end();
}

static void innodb_names(void **state)
{
    (void)state;
    static const struct db_server mysql = {.version = 90704},
                                  mariadb = {.mariadb = true, .version = 101119};
    BUF_AUTO struct buf out = {0};
    assert_int_equal(sql_innodb_name(&out, &mysql, "shop", "a-b'$1"), 0);
    assert_string_equal(buf_cstr(&out), "CAST('shop/a@002db@0027@00241' AS BINARY)");
    buf_clear(&out);
    assert_int_equal(sql_innodb_name(&out, &mysql, "shop", "ü"), 0);
    assert_string_equal(buf_cstr(&out), "NULL");
    buf_clear(&out);
    assert_int_equal(sql_innodb_name(&out, &mariadb, "shop", "ü"), 0);
    assert_non_null(strstr(buf_cstr(&out), "USING filename"));
    assert_string_equal(sql_innodb_view(&mysql), "INNODB_TABLES");
    assert_string_equal(sql_innodb_view(&mariadb), "INNODB_SYS_TABLES");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_quoted),
        cmocka_unit_test(innodb_names),
        cmocka_unit_test(strings_are_safe_under_every_sql_mode),
        cmocka_unit_test(errors_have_classes),
        cmocka_unit_test(connecting_fails_with_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
