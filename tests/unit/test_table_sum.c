/* Checksums of tables as a copy tells them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema/table_sum.h"

/* How a copied table ends: a row count, with or without a checksum. */
static void copied_table(void **unused)
{
    (void)unused;
    const struct table_sum sum = {7, UINT64_MAX, 5};
    static const char *const bad[] = {"", "x", "7 ", "7 8", "7 8 9", "7 8 9mariadb", "7 8 mariadb"};
    char text[TABLE_SUM_TEXT_SIZE];
    struct table_sum found;
    struct ds_error err = {0};
    bool checksum;
    table_sum_print(&sum, true, true, text);
    assert_string_equal(text, "7 18446744073709551615 5 mariadb");
    assert_int_equal(table_sum_parse(text, true, &found, &checksum, &err), 0);
    assert_true(checksum && found.rows == 7 && found.hash == UINT64_MAX && found.sum == 5);
    assert_int_equal(table_sum_parse(text, false, &found, &checksum, &err), 0);
    assert_true(!checksum && found.rows == 7);
    table_sum_print(&sum, false, true, text);
    assert_string_equal(text, "7");
    assert_int_equal(table_sum_parse(text, true, &found, &checksum, &err), 0);
    assert_true(!checksum && found.rows == 7);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(table_sum_parse(bad[i], true, &found, &checksum, &err), DS_EFORMAT);
        error_clear(&err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(copied_table)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
