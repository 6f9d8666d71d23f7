#include <float.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "applier/bind.h"
#include "schema/message.h"

static const struct target_column tiny_unsigned = {
    .name = "tu", .class = TARGET_INT, .width = 1, .is_unsigned = true};
static const struct target_column medium = {.name = "m", .class = TARGET_INT, .width = 3};
static const struct target_column medium_unsigned = {
    .name = "mu", .class = TARGET_INT, .width = 3, .is_unsigned = true};
static const struct target_column big_unsigned = {
    .name = "bu", .class = TARGET_INT, .width = 8, .is_unsigned = true};
static const struct target_column set_column = {.name = "s", .class = TARGET_INT};
static const struct target_column float_column = {.name = "f", .class = TARGET_FLOAT};
static const struct target_column double_column = {.name = "d", .class = TARGET_DOUBLE};
static const struct target_column decimal_column = {.name = "n", .class = TARGET_DECIMAL};
static const struct target_column date_column = {.name = "t", .class = TARGET_TEMPORAL};
static const struct target_column text_column = {.name = "c", .class = TARGET_TEXT};
static const struct target_column binary6 = {.name = "b", .class = TARGET_BYTES, .pad_to = 6};
static const struct target_column json_column = {.name = "j", .class = TARGET_JSON};

/* Raw values one after the other, and where each starts. */
struct rows {
    struct buf bytes;
    size_t at[64];
    uint32_t n;
    const uint8_t *raw[64];
};

static void begin(struct rows *r)
{
    r->at[r->n++] = r->bytes.len;
}

static void put_int(struct rows *r, int64_t v)
{
    begin(r);
    assert_int_equal(value_write_int(&r->bytes, v), 0);
}

static void put_text(struct rows *r, const char *text)
{
    begin(r);
    assert_int_equal(value_write_text(&r->bytes, text, strlen(text)), 0);
}

static void put_bytes(struct rows *r, const void *p, size_t len)
{
    begin(r);
    assert_int_equal(value_write_bytes(&r->bytes, p, len), 0);
}

static void put_null(struct rows *r)
{
    begin(r);
    assert_int_equal(value_write_null(&r->bytes), 0);
}

static void put_same(struct rows *r)
{
    begin(r);
    assert_int_equal(value_write_same(&r->bytes), 0);
}

static void put_float(struct rows *r, float f)
{
    begin(r);
    assert_int_equal(value_write_float(&r->bytes, f), 0);
}

static void put_double(struct rows *r, double d)
{
    begin(r);
    assert_int_equal(value_write_double(&r->bytes, d), 0);
}

static const uint8_t *const *raw(struct rows *r)
{
    for (uint32_t i = 0; i < r->n; i++)
        r->raw[i] = r->bytes.data + r->at[i];
    return r->raw;
}

static void integers_take_the_columns_width_and_sign(void **state)
{
    (void)state;
    const struct target_column *columns[] = {&tiny_unsigned, &medium, &medium_unsigned,
                                             &big_unsigned, &set_column};
    struct rows r = {0};
    for (int i = 0; i < 5; i++)
        put_int(&r, -1);
    for (int i = 0; i < 5; i++)
        put_int(&r, 7);
    struct bind_set b = {0};
    struct ds_error err = {0};
    assert_int_equal(bind_fill(&b, columns, 5, raw(&r), 2, 0, &err), 0);
    const uint64_t want[] = {255, UINT64_MAX, 0xffffff, UINT64_MAX, UINT64_MAX};
    const bool is_unsigned[] = {true, false, true, true, true};
    for (int c = 0; c < 5; c++) {
        const uint64_t *values = b.binds[c].buffer;
        assert_int_equal(b.binds[c].buffer_type, MYSQL_TYPE_LONGLONG);
        assert_int_equal(b.binds[c].is_unsigned, is_unsigned[c]);
        assert_true(values[0] == want[c]);
        assert_true(values[1] == 7);
    }
    bind_free(&b);
    buf_free(&r.bytes);
}

static void bytes_are_padded_and_else_not_copied(void **state)
{
    (void)state;
    const struct target_column *columns[] = {&binary6, &text_column};
    struct rows r = {0};
    put_bytes(&r, "\1\2", 2);
    put_bytes(&r, "abc", 3);
    put_null(&r);
    put_bytes(&r, "", 0);
    const uint8_t *const *values = raw(&r);
    struct bind_set b = {0};
    struct ds_error err = {0};
    assert_int_equal(bind_fill(&b, columns, 2, values, 2, 0, &err), 0);
    const void *const *padded = b.binds[0].buffer, *const *text = b.binds[1].buffer;
    assert_int_equal(b.binds[0].length[0], 6);
    assert_memory_equal(padded[0], "\1\2\0\0\0\0", 6);
    assert_int_equal(b.binds[0].u.indicator[1], STMT_INDICATOR_NULL);
    assert_int_equal(b.binds[1].length[0], 3);
    assert_true(text[0] == (const void *)(values[1] + 2)); /* behind the bin8 head */
    assert_int_equal(b.binds[1].u.indicator[1], STMT_INDICATOR_NONE);
    assert_int_equal(b.binds[1].length[1], 0);
    bind_free(&b);
    buf_free(&r.bytes);
}

static void absent_values_are_an_error_unless_allowed(void **state)
{
    (void)state;
    const struct target_column *columns[] = {&text_column};
    struct rows r = {0};
    put_same(&r);
    struct bind_set b = {0};
    struct ds_error err = {0};
    assert_int_equal(bind_fill(&b, columns, 1, raw(&r), 1, 0, &err), DS_EFORMAT);
    assert_non_null(strstr(err.message, "column c"));
    assert_int_equal(bind_fill(&b, columns, 1, raw(&r), 1, BIND_KEEP_ABSENT, &err), 0);
    assert_int_equal(b.binds[0].u.indicator[0], STMT_INDICATOR_IGNORE);
    bind_free(&b);
    buf_free(&r.bytes);
}

static void a_value_of_another_kind_names_the_column(void **state)
{
    (void)state;
    const struct target_column *const columns[] = {&medium,         &float_column, &double_column,
                                                   &decimal_column, &date_column,  &text_column};
    for (int c = 0; c < 6; c++) {
        const struct target_column *one[] = {columns[c]};
        struct rows r = {0};
        if (columns[c] == &text_column || columns[c] == &decimal_column)
            put_int(&r, 1);
        else
            put_bytes(&r, "1", 1);
        struct bind_set b = {0};
        struct ds_error err = {0};
        BUF_AUTO struct buf text = {0};
        assert_int_equal(bind_fill(&b, one, 1, raw(&r), 1, 0, &err), DS_ESCHEMA);
        assert_non_null(strstr(err.message, columns[c]->name));
        assert_int_equal(bind_literal(&text, columns[c], raw(&r)[0], &err), DS_ESCHEMA);
        bind_free(&b);
        buf_free(&r.bytes);
    }
}

static void check_literal(const struct target_column *column, struct rows *r, const char *want)
{
    BUF_AUTO struct buf text = {0};
    struct ds_error err = {0};
    assert_int_equal(bind_literal(&text, column, raw(r)[0], &err), 0);
    assert_string_equal(buf_cstr(&text), want);
    buf_free(&r->bytes);
    *r = (struct rows){0};
}

static void literals_keep_every_bit(void **state)
{
    (void)state;
    struct rows r = {0};
    put_int(&r, -1);
    check_literal(&tiny_unsigned, &r, "255");
    put_int(&r, -5);
    check_literal(&medium, &r, "-5");
    put_float(&r, 16777215.0F);
    check_literal(&float_column, &r, "16777215");
    put_float(&r, FLT_MAX);
    check_literal(&float_column, &r, "3.4028234663852886e+38");
    put_float(&r, -0.0F);
    check_literal(&float_column, &r, "-0e0");
    put_double(&r, 0.1);
    check_literal(&double_column, &r, "0.10000000000000001");
    put_text(&r, "-12.3400");
    check_literal(&decimal_column, &r, "-12.3400");
    put_text(&r, "0000-00-00");
    check_literal(&date_column, &r, "'0000-00-00'");
    put_bytes(&r, "a'b\\", 4);
    check_literal(&text_column, &r, "X'6127625C'");
    put_bytes(&r, "\1", 1);
    check_literal(&binary6, &r, "X'010000000000'");
    put_text(&r, "{}");
    check_literal(&json_column, &r, "CONVERT('{}' USING utf8mb4)");
    put_null(&r);
    check_literal(&json_column, &r, "NULL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_take_the_columns_width_and_sign),
        cmocka_unit_test(bytes_are_padded_and_else_not_copied),
        cmocka_unit_test(absent_values_are_an_error_unless_allowed),
        cmocka_unit_test(a_value_of_another_kind_names_the_column),
        cmocka_unit_test(literals_keep_every_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
