/* Conditions on rows: what the language takes, and which rows are in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mysql.h>

#include "schema/where.h"

#define NAME(text)                                                                                 \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }
static const struct msg_column columns[] = {
    {.name = NAME("i"), .type = MYSQL_TYPE_LONGLONG},
    {.name = NAME("u"), .type = MYSQL_TYPE_LONGLONG, .flags = COLUMN_UNSIGNED},
    {.name = NAME("d"), .type = MYSQL_TYPE_NEWDECIMAL},
    {.name = NAME("f"), .type = MYSQL_TYPE_FLOAT},
    {.name = NAME("t"), .type = MYSQL_TYPE_VARCHAR},
    {.name = NAME("at"), .type = MYSQL_TYPE_DATETIME2},
    {.name = NAME("odd name"), .type = MYSQL_TYPE_VARCHAR},
    {.name = NAME("n"), .type = MYSQL_TYPE_LONG},
    {.name = NAME("j"), .type = COLUMN_TYPE_JSON},
};
enum { COLUMNS = sizeof columns / sizeof *columns };

/* i -5, u 2^64-1, d -12.3400, f 0.1, t "Grün%", at 2024-03-05 10:00:00.5, odd name "", n NULL */
static void build(struct buf *row)
{
    int rc = image_write_head(row, COLUMNS) | value_write_int(row, -5) |
             value_write_uint(row, UINT64_MAX) | value_write_text(row, "-12.3400", 8) |
             value_write_float(row, 0.1f) | value_write_bytes(row, "Gr\xc3\xbcn%", 6) |
             value_write_text(row, "2024-03-05 10:00:00.5", 21) | value_write_bytes(row, "", 0) |
             value_write_null(row) | value_write_text(row, "{}", 2);
    assert_int_equal(rc, 0);
}

static bool in(const char *condition)
{
    struct where *w = NULL;
    struct where_bound *b = NULL;
    struct ds_error err = {0};
    const uint8_t *values[COLUMNS];
    bool result = false;
    BUF_AUTO struct buf row = {0};
    build(&row);
    assert_int_equal(image_split((struct slice){row.data, row.len}, COLUMNS, values), 0);
    if (where_parse(&w, condition, "here", &err) ||
        where_bind(&b, w, columns, COLUMNS, TABLE_NAMES, &err) ||
        where_test(b, values, NULL, &result, &err))
        fail_msg("%s", err.message);
    assert_string_equal(where_text(w), condition);
    where_bound_free(b);
    where_free(w);
    return result;
}

static void conditions_hold_or_not(void **state)
{
    (void)state;
    static const char *const yes[] = {
        "i = -5",
        "i = -5.000",
        "i < 0",
        "I<>5",
        "i != 4",
        "i between -5 and -5",
        "i in (1, -5)",
        "u = 18446744073709551615",
        "u > 9223372036854775808",
        "u >= 18446744073709551614.9",
        "d = -12.34",
        "d < -12.33",
        "d > -12.340001",
        "d between -13 and -12",
        "d = '-12.3400'",
        "f = 0.1",
        "f = 1e-1",
        "f < 0.11",
        "t = 'Gr\xc3\xbcn%'",
        "t like 'Gr_n_'",
        "t like '%\\%'",
        "t like 'G%n\\%'",
        "t LIKE '%'",
        "t not like 'gr%'",
        "t > 'Gr'",
        "t in ('x', 'Gr\xc3\xbcn%')",
        "t not in ('x')",
        "t <> 'gr\xc3\xbcn%'",
        "at >= '2024-03-05'",
        "at < '2024-03-06'",
        "at = '2024-03-05 10:00:00.500000'",
        "at > '2024-03-05 10:00:00'",
        "at between '2024-01-01' and '2024-12-31'",
        "`odd name` = ''",
        "n is null",
        "N IS NULL",
        "i is not null",
        "j is not null",
        "not i = 4",
        "not (i = 4 or i = 3)",
        "i = 4 or i = -5",
        "i = 4 or n = 1 or i = -5",
        "i = -5 and (t = 'x' or u > 1) and not n is not null",
        "not i > 0 and i < 0",
        "i = 1 and n = 1 or i = -5",
        "not (n = 1 and i = 1)",
    };
    static const char *const no[] = {
        "i = 5",
        "i > -5",
        "i not between -6 and -4",
        "u < 0",
        "u = -1",
        "d = -12.3401",
        "d > -12.34",
        "t = 'gr\xc3\xbcn%'",
        "t like 'Gr'",
        "t like 'Gr_n'",
        "t like '_'",
        "t like ''",
        "t = ''",
        "at = '2024-03-05'",
        "at < '2024-03-05 10:00:00'",
        "n = 1",
        "n <> 1",
        "not n = 1",
        "n in (1, 2)",
        "n not in (1, 2)",
        "n not between 1 and 2",
        "not (n = 1 or i = 4)",
        "n = 1 and i = -5",
        "n = 1 or i = 4",
        "i is null",
        "n is not null",
    };
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (!in(yes[i]))
            fail_msg("out: %s", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (in(no[i]))
            fail_msg("in: %s", no[i]);
}

static void mistakes_are_shown(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        " ",
                                        "i",
                                        "i =",
                                        "i = x",
                                        "= 1",
                                        "i = 1 i = 2",
                                        "i = 1 and",
                                        "i = 1 or or i = 2",
                                        "(i = 1",
                                        "i = 1)",
                                        "i in 1",
                                        "i in ()",
                                        "i in (1,)",
                                        "i in (1",
                                        "i like 5",
                                        "i is 1",
                                        "i is not 1",
                                        "i between 1",
                                        "i between 1 or 2",
                                        "t = 'x",
                                        "`i = 1",
                                        "not",
                                        "not not",
                                        "i == 1",
                                        "5 = i",
                                        "i = 1; drop",
                                        "i = 1 -- x",
                                        "i = now()",
                                        "null = 1",
                                        "and = 1",
                                        "i = 1e",
                                        "i = --1",
                                        "i = 1.2.3"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct where *w = NULL;
        struct ds_error err = {0};
        if (where_parse(&w, wrong[i], "here", &err) != DS_EUSAGE)
            fail_msg("taken: %s", wrong[i]);
        assert_memory_equal(err.message, "here: ", 6);
    }
    BUF_AUTO struct buf deep = {0}, chain = {0};
    for (int i = 0; i < 100; i++)
        assert_int_equal(buf_puts(&deep, "("), 0);
    for (int i = 0; i < 1001; i++)
        assert_int_equal(buf_puts(&chain, i ? " or i = 1" : "i = 1"), 0);
    struct where *w = NULL;
    struct ds_error err = {0};
    assert_int_equal(where_parse(&w, buf_cstr(&deep), "here", &err), DS_EUSAGE);
    assert_int_equal(where_parse(&w, buf_cstr(&chain), "here", &err), DS_EUSAGE);
    assert_non_null(strstr(err.message, "too long"));
}

static void a_condition_fits_its_table(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "x = 1",      "i = 'a'",  "d = 1e3",         "f = 'x'",
        "t = 5",      "at = 5",   "at = '2024-1-1'", "at > '2024-03-05 10'",
        "i like '%'", "j = '{}'", "i in (1, 'x')",   "f in (1, 'nan')"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct where *w = NULL;
        struct where_bound *b = NULL;
        struct ds_error err = {0};
        assert_int_equal(where_parse(&w, wrong[i], "here", &err), 0);
        if (where_bind(&b, w, columns, COLUMNS, TABLE_NAMES, &err) != DS_ESCHEMA)
            fail_msg("fits: %s", wrong[i]);
        assert_non_null(strstr(err.message, wrong[i]));
        assert_int_equal(where_bind(&b, w, columns, COLUMNS, 0, &err), DS_ESCHEMA);
        where_free(w);
    }
}

static void what_is_absent_is_taken_from_before_or_an_error(void **state)
{
    (void)state;
    struct where *w;
    struct where_bound *b;
    struct ds_error err = {0};
    const uint8_t *before[COLUMNS], *after[COLUMNS];
    bool is = false;
    BUF_AUTO struct buf was = {0}, row = {0};
    build(&was);
    int rc = image_write_head(&row, COLUMNS) | value_write_same(&row);
    for (int i = 1; i < COLUMNS; i++)
        rc |= value_write_absent(&row);
    assert_int_equal(rc, 0);
    assert_int_equal(image_split((struct slice){was.data, was.len}, COLUMNS, before), 0);
    assert_int_equal(image_split((struct slice){row.data, row.len}, COLUMNS, after), 0);
    assert_int_equal(where_parse(&w, "i = -5 and u > 5", "here", &err), 0);
    assert_true(where_names(w, "U") && !where_names(w, "d"));
    assert_int_equal(where_bind(&b, w, columns, COLUMNS, TABLE_NAMES, &err), 0);
    assert_int_equal(where_test(b, after, before, &is, &err), 0);
    assert_true(is);
    assert_int_equal(where_test(b, after, NULL, &is, &err), DS_ESCHEMA);
    where_bound_free(b);
    where_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_hold_or_not),
        cmocka_unit_test(mistakes_are_shown),
        cmocka_unit_test(a_condition_fits_its_table),
        cmocka_unit_test(what_is_absent_is_taken_from_before_or_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
