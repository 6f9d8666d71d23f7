/* Serialised values of PHP become the JSON that PHP's json_encode() writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "php_fixture.h"
#include "schema/json.h"
#include "schema/php_json.h"

static struct slice text(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

static int convert(struct slice from, struct buf *out, struct ds_error *err)
{
    struct arena arena = {0};
    struct php_tree tree;
    int rc = php_parse(&tree, from, &arena, NULL, err);
    if (rc)
        fail_msg("%s", err->message);
    rc = php_json_write(&tree.root, out, err);
    arena_free(&arena);
    return rc;
}

static void becomes(const char *from, const char *json)
{
    BUF_AUTO struct buf out = {0};
    struct ds_error err = {0};
    if (convert(text(from), &out, &err))
        fail_msg("%s: %s", from, err.message);
    assert_string_equal(buf_cstr(&out), json);
}

static void scalars_keep_their_kind(void **state)
{
    (void)state;
    becomes("N;", "null");
    becomes("b:0;", "false");
    becomes("b:1;", "true");
    becomes("i:-5;", "-5");
    becomes("i:9223372036854775807;", "9223372036854775807");
    becomes("s:1:\"5\";", "\"5\"");
    becomes("s:0:\"\";", "\"\"");
}

static void texts_are_escaped(void **state)
{
    (void)state;
    becomes("s:5:\"a/b\"\\\";", "\"a\\/b\\\"\\\\\"");
    becomes("s:6:\"\b\f\n\r\t\x1f\";", "\"\\b\\f\\n\\r\\t\\u001f\"");
    becomes("s:6:\"Gr\xc3\xb6\xc3\x9f\";", "\"Gr\\u00f6\\u00df\"");
    becomes("s:3:\"\xe2\x82\xac\";", "\"\\u20ac\"");
    becomes("s:4:\"\xf0\x9f\x98\x80\";", "\"\\ud83d\\ude00\"");
    becomes("s:4:\"\xf4\x8f\xbf\xbf\";", "\"\\udbff\\udfff\"");
    becomes("s:4:\"<'&\x7f\";", "\"<'&\x7f\"");
    BUF_AUTO struct buf out = {0};
    struct ds_error err = {0};
    assert_int_equal(php_json_write_text((struct slice){(const uint8_t *)"a\0b", 3}, &out, &err),
                     0);
    assert_string_equal(buf_cstr(&out), "\"a\\u0000b\"");
}

static void floats_have_the_fewest_digits(void **state)
{
    static const struct {
        double number;
        const char *json;
    } all[] = {
        {0.1, "0.1"},
        {0.10000000000000001, "0.1"},
        {0.30000000000000004, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {10, "10"},
        {-0.0, "-0"},
        {100, "100"},
        {19.99, "19.99"},
        {-12.3450, "-12.345"},
        {0.001, "0.001"},
        {0.0001, "0.0001"},
        {0.00012345, "0.00012345"},
        {0.00001, "1.0e-5"},
        {0.000012, "1.2e-5"},
        {123456789012345680, "1.2345678901234568e+17"},
        {12345678901234568, "12345678901234568"},
        {1e16, "10000000000000000"},
        {1e17, "1.0e+17"},
        {1e25, "1.0e+25"},
        {1.5e300, "1.5e+300"},
        {5e-324, "5.0e-324"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        BUF_AUTO struct buf out = {0};
        struct ds_error err = {0};
        assert_int_equal(php_json_write_double(all[i].number, &out, &err), 0);
        assert_string_equal(buf_cstr(&out), all[i].json);
    }
    becomes("d:0.10000000000000001;", "0.1");
    becomes("d:1.0E+25;", "1.0e+25");
    becomes("d:-.5;", "-0.5");
    becomes("d:5.;", "5");
}

static void arrays_are_lists_or_objects(void **state)
{
    (void)state;
    becomes("a:0:{}", "[]");
    becomes("a:2:{i:0;i:1;i:1;s:1:\"b\";}", "[1,\"b\"]");
    becomes("a:2:{i:1;i:1;i:0;s:1:\"b\";}", "{\"1\":1,\"0\":\"b\"}");
    becomes("a:1:{i:1;N;}", "{\"1\":null}");
    becomes("a:2:{i:0;i:5;s:1:\"k\";a:1:{s:0:\"\";d:0.5;}}", "{\"0\":5,\"k\":{\"\":0.5}}");
    becomes("a:1:{s:4:\"\xc3\xa4/b\";b:1;}", "{\"\\u00e4\\/b\":true}");
    becomes("a:1:{s:1:\"0\";i:5;}", "[5]"); /* as PHP reads it */
}

static void objects_show_what_is_public(void **state)
{
    (void)state;
    becomes("O:8:\"stdClass\":0:{}", "{}");
    becomes("O:8:\"stdClass\":2:{s:1:\"0\";i:1;s:1:\"b\";s:1:\"x\";}", "{\"0\":1,\"b\":\"x\"}");
    becomes("O:3:\"Foo\":1:{s:1:\"a\";i:1;}", "{\"__PHP_Incomplete_Class_Name\":\"Foo\",\"a\":1}");
    BUF_AUTO struct buf out = {0};
    struct ds_error err = {0};
    static const char hidden[] = "O:8:\"stdClass\":2:{s:4:\"\0*\0a\";i:1;s:1:\"b\";i:2;}";
    assert_int_equal(
        convert((struct slice){(const uint8_t *)hidden, sizeof hidden - 1}, &out, &err), 0);
    assert_string_equal(buf_cstr(&out), "{\"b\":2}");
}

static void references_are_written_as_what_they_name(void **state)
{
    (void)state;
    becomes("a:2:{i:0;a:1:{i:0;s:1:\"x\";}i:1;R:2;}", "[[\"x\"],[\"x\"]]");
    becomes("a:2:{i:0;O:8:\"stdClass\":0:{}i:1;r:2;}", "[{},{}]");
}

static void fails(struct slice from, int code, const char *part)
{
    BUF_AUTO struct buf out = {0};
    struct ds_error err = {0};
    buf_puts(&out, "before");
    if (convert(from, &out, &err) != code || !strstr(err.message, part))
        fail_msg("'%s' lacks '%s'", err.message, part);
    assert_string_equal(buf_cstr(&out), "before");
}

static void what_json_cannot_say_is_refused(void **state)
{
    (void)state;
    fails(text("a:1:{i:0;s:2:\"a\xe4\";}"), DS_EFORMAT, "UTF-8");
    fails(text("s:3:\"\xed\xa0\x80\";"), DS_EFORMAT, "UTF-8");
    fails(text("a:1:{s:1:\"\xff\";i:1;}"), DS_EFORMAT, "UTF-8");
    fails(text("d:INF;"), DS_EFORMAT, "infinite");
    fails(text("d:-INF;"), DS_EFORMAT, "infinite");
    fails(text("d:NAN;"), DS_EFORMAT, "infinite");
    fails(text("d:1.0E+400;"), DS_EFORMAT, "infinite");
    fails(text("C:11:\"ArrayObject\":0:{}"), DS_EFORMAT, "format of its own");
    fails(text("E:11:\"Suit:Hearts\";"), DS_EFORMAT, "format of its own");
}

/* An array in which each holds the one before. */
static void nest(struct buf *in, unsigned depth)
{
    buf_printf(in, "a:%u:{i:0;a:1:{i:0;i:1;}", depth);
    for (unsigned i = 1; i < depth; i++)
        buf_printf(in, "i:%u;a:1:{i:0;R:%u;}", i, i == 1 ? 2 : i + 2);
    buf_puts(in, "}");
}

static void depth_is_bounded(void **state)
{
    BUF_AUTO struct buf in = {0}, out = {0};
    struct ds_error err = {0};
    (void)state;
    nest(&in, PHP_JSON_MAX_DEPTH - 1);
    assert_int_equal(convert((struct slice){in.data, in.len}, &out, &err), 0);
    buf_clear(&in);
    nest(&in, PHP_JSON_MAX_DEPTH);
    fails((struct slice){in.data, in.len}, DS_ELIMIT, "deeper than 512");
}

/* It contains itself; and 30 arrays, each twice the one before. */
static void what_has_no_end_has_one(void **state)
{
    (void)state;
    fails(text("a:1:{i:0;R:1;}"), DS_ELIMIT, "512");
    BUF_AUTO struct buf in = {0};
    unsigned slot = 2;
    buf_puts(&in, "a:31:{i:0;a:1:{i:0;i:1;}");
    for (unsigned i = 1; i <= 30; i++) {
        buf_printf(&in, "i:%u;a:2:{i:0;R:%u;i:1;R:%u;}", i, slot, slot);
        slot = i == 1 ? 4 : slot + 1;
    }
    buf_puts(&in, "}");
    fails((struct slice){in.data, in.len}, DS_ELIMIT, "bytes");
}

static int is_json(void *arg, const struct php_fixture *f)
{
    size_t *count = arg;
    BUF_AUTO struct buf out = {0};
    struct ds_error err = {0};
    if (convert(f->value, &out, &err))
        fail_msg("%s.%s: %s", f->table, f->column, err.message);
    for (size_t i = 0; i < out.len; i++)
        assert_in_range(out.data[i], ' ', '~');
    ++*count;
    return 0;
}

static void what_a_shop_stored_can_be_converted(void **state)
{
    (void)state;
    size_t count = 0;
    php_fixtures(is_json, &count);
    assert_true(count > 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_keep_their_kind),
        cmocka_unit_test(texts_are_escaped),
        cmocka_unit_test(floats_have_the_fewest_digits),
        cmocka_unit_test(arrays_are_lists_or_objects),
        cmocka_unit_test(objects_show_what_is_public),
        cmocka_unit_test(references_are_written_as_what_they_name),
        cmocka_unit_test(what_json_cannot_say_is_refused),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(what_has_no_end_has_one),
        cmocka_unit_test(what_a_shop_stored_can_be_converted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
