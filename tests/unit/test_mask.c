/* Masks: rules are read and found, methods make what they say of every type of column. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mysql.h>

#include "schema/mask.h"
#include "schema/mask_value.h"

#define KEY "0123456789abcdef"

static struct mask *mask_of(const char *const *rules, size_t count, enum config_preset preset)
{
    static struct config c;
    struct mask *m = NULL;
    struct ds_error err = {0};
    c = (struct config){.path = (char *)"",
                        .mask_preset = preset,
                        .mask_rules = {(char **)rules, count},
                        .mask_key = (char *)KEY,
                        .mask_key_file = (char *)"",
                        .source = {.prefix = (char *)"mage_"}};
    if (mask_new(&m, &c, &err))
        fail_msg("%s", err.message);
    return m;
}

static const struct mask_rule *rule(const struct mask *m, const char *table, const char *column)
{
    size_t next = SIZE_MAX;
    return mask_column_rule(m, table, (struct slice){(const uint8_t *)column, strlen(column)},
                            &next);
}

static enum mask_method method(const struct mask *m, const char *table, const char *column)
{
    const struct mask_rule *r = rule(m, table, column);
    return r ? r->method : MASK_METHODS;
}

static void later_rules_win(void **state)
{
    (void)state;
    static const char *const rules[] = {"a.* keep",
                                        "a*.x,y email",
                                        "a.Y  fixed  two words ",
                                        "a[k=v.*].x null",
                                        "@customer.* null",
                                        "@customer.b*,c keep",
                                        "t.d date_shift 100",
                                        "t.p partial 12 3",
                                        "t.e date_shift",
                                        "t.m template {hash}",
                                        "*_log.ip ip"};
    struct mask *m = mask_of(rules, sizeof rules / sizeof *rules, MASK_PRESET_NONE);
    assert_int_equal(method(m, "mage_a", "z"), MASK_KEEP);
    assert_int_equal(method(m, "mage_abc", "X"), MASK_EMAIL);
    assert_int_equal(method(m, "mage_abc", "z"), MASK_METHODS);
    assert_int_equal(method(m, "_mage_a_gho", "z"), MASK_KEEP);
    assert_int_equal(method(m, "x_log", "ip"), MASK_IP);
    assert_string_equal(rule(m, "mage_a", "y")->text, "two words");
    size_t next = SIZE_MAX;
    const struct slice x = {(const uint8_t *)"x", 1};
    const struct mask_rule *r = mask_column_rule(m, "mage_a", x, &next);
    assert_string_equal(r->column, "k");
    assert_string_equal(r->pattern, "v.*");
    assert_int_equal(mask_column_rule(m, "mage_a", x, &next)->method, MASK_EMAIL);
    assert_int_equal(mask_column_rule(m, "mage_a", x, &next)->method, MASK_KEEP);
    assert_null(mask_column_rule(m, "mage_a", x, &next));
    assert_int_equal(mask_attribute_rule(m, "customer", "bcd")->method, MASK_KEEP);
    assert_int_equal(mask_attribute_rule(m, "customer", "a")->method, MASK_NULL);
    assert_null(mask_attribute_rule(m, "customer_address", "a"));
    assert_int_equal(rule(m, "t", "d")->first, 100);
    assert_int_equal(rule(m, "t", "e")->first, MASK_SHIFT_DAYS);
    assert_int_equal(rule(m, "t", "p")->last, 3);
    assert_true(mask_knows_table(m, "t"));
    assert_false(mask_knows_table(m, "u"));
    assert_true(mask_changes_table(m, "mage_a"));
    mask_free(m);
}

static void wrong_rules_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "a",
                                        "a.b",
                                        "a.b nul",
                                        ".b keep",
                                        "a. keep",
                                        "a.b keep x",
                                        "a.b partial",
                                        "a.b partial 1",
                                        "a.b partial 1 999",
                                        "a.b date_shift 0",
                                        "a.b date_shift 4000",
                                        "a.b date_shift x",
                                        "a.b template",
                                        "a.b template {x}",
                                        "a.b template {hash:0}",
                                        "a.b template {hash:41}",
                                        "a.b template {hash",
                                        "a.b template \xc3\xa9",
                                        "a.b attribute",
                                        "@c.d attribute e",
                                        "a[b].c keep",
                                        "a[=b].c keep",
                                        "a[b=c]d keep",
                                        "@a[b=c].d keep"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct config c = {.path = (char *)"",
                           .mask_rules = {(char **)&wrong[i], 1},
                           .mask_key = (char *)KEY,
                           .mask_key_file = (char *)"",
                           .source = {.prefix = (char *)""}};
        struct mask *m = NULL;
        struct ds_error err = {0};
        if (mask_new(&m, &c, &err) != DS_EUSAGE)
            fail_msg("'%s' is taken", wrong[i]);
        assert_non_null(strstr(err.message, wrong[i]));
    }
}

static void the_preset_knows_persons(void **state)
{
    (void)state;
    struct mask *m = mask_of(NULL, 0, MASK_PRESET_OPENMAGE);
    assert_int_equal(method(m, "mage_customer_entity", "email"), MASK_EMAIL);
    assert_int_equal(method(m, "mage_customer_entity", "new_column"), MASK_METHODS);
    assert_int_equal(method(m, "mage_sales_flat_order", "customer_email"), MASK_EMAIL);
    assert_int_equal(method(m, "mage_customer_entity_varchar", "value"), MASK_ATTRIBUTE);
    assert_int_equal(mask_attribute_rule(m, "customer", "password_hash")->method, MASK_NULL);
    assert_int_equal(method(m, "mage_admin_user", "password"), MASK_NULL);
    assert_false(mask_knows_table(m, "mage_my_module"));
    mask_free(m);
}

/* --- values ---------------------------------------------------------------------- */

struct made {
    uint8_t bytes[600];
    size_t len;
    struct value v;
};

static struct mask_column column(unsigned type, unsigned metadata, unsigned flags,
                                 unsigned collation)
{
    const struct msg_column m = {.type = (uint8_t)type,
                                 .metadata = (uint16_t)metadata,
                                 .flags = (uint8_t)flags,
                                 .collation = (uint16_t)collation};
    struct mask_column c;
    mask_column_of(&m,
                   collation == 8    ? 1
                   : collation == 63 ? 1
                                     : 3,
                   collation == 8 ? "latin1" : "utf8",
                   collation == 8 ? "latin1_swedish_ci" : "utf8_general_ci", &c);
    return c;
}

static struct value text(const char *t)
{
    return (struct value){.kind = VALUE_BYTES, .bytes = {(const uint8_t *)t, strlen(t)}};
}

/* What `rule_text` makes of the value; the digest is that of the text's first byte. */
static struct made make(const char *rule_text, const struct mask_column *c, struct value v)
{
    char line[200];
    const char *const rules[] = {line};
    uint8_t digest[MASK_DIGEST] = {v.kind == VALUE_BYTES || v.kind == VALUE_TEXT ? v.bytes.p[0]
                                                                                 : 7};
    BUF_AUTO struct buf out = {0};
    struct made made = {.len = 0};
    snprintf(line, sizeof line, "t.c %s", rule_text);
    struct mask *m = mask_of(rules, 1, MASK_PRESET_NONE);
    const struct mask_rule *r = rule(m, "t", "c");
    const char *why = mask_refusal(r, c);
    if (why)
        fail_msg("%s: %s", rule_text, why);
    assert_int_equal(mask_write(r, c, digest, &v, &out), 0);
    assert_true(out.len <= sizeof made.bytes);
    memcpy(made.bytes, out.data, out.len);
    mask_free(m);
    const uint8_t *p = made.bytes;
    assert_int_equal(value_read(&p, made.bytes + out.len, &made.v), 0);
    assert_ptr_equal(p, made.bytes + out.len);
    made.len = made.v.bytes.len;
    return made;
}

/* `made` moves: its slice must be looked at where it is. */
static void expect_text(const char *rule_text, struct mask_column c, struct value v,
                        const char *expected)
{
    struct made x = make(rule_text, &c, v);
    const uint8_t *p = x.bytes;
    assert_int_equal(value_read(&p, x.bytes + sizeof x.bytes, &x.v), 0);
    char got[500];
    snprintf(got, sizeof got, "%.*s", (int)x.v.bytes.len, (const char *)x.v.bytes.p);
    assert_string_equal(got, expected);
}

static size_t length(const char *rule_text, struct mask_column c, const char *value)
{
    return make(rule_text, &c, text(value)).len;
}

static void texts_fit_their_columns(void **state)
{
    (void)state;
    for (unsigned size = 1; size < 60; size++) {
        struct mask_column c = column(MYSQL_TYPE_VARCHAR, size * 3, 0, 33);
        static const char *const made[] = {"first_name",
                                           "last_name",
                                           "name",
                                           "phone",
                                           "street",
                                           "city",
                                           "postcode",
                                           "company",
                                           "ip",
                                           "hash",
                                           "template {first_name} {last_name} {digits:20}"};
        for (size_t i = 0; i < sizeof made / sizeof *made; i++)
            assert_in_range(length(made[i], c, "+49 (89) 1234567-89 Herr M\xc3\xbcller"), 1, size);
    }
    for (unsigned size = 17; size < 60; size++)
        assert_in_range(length("email", column(MYSQL_TYPE_VARCHAR, size * 3, 0, 33), "a@b"), 17,
                        size);
}

static void forms_are_kept(void **state)
{
    (void)state;
    struct mask_column c = column(MYSQL_TYPE_VARCHAR, 90, 0, 33);
    struct made x = make("phone", &c, text("+49 89/12-a\xc3\xa4Z "));
    const char *p = (const char *)x.bytes + 2;
    assert_int_equal(x.len, 13);
    assert_true(p[0] == '+' && p[3] == ' ' && p[6] == '/' && p[9] == '-');
    assert_true(p[10] >= 'a' && p[10] <= 'z' && p[11] >= 'a' && p[11] <= 'z');
    expect_text("partial 2 1", c, text("M\xc3\xbcller\xc3\x9f"), "M\xc3\xbc****\xc3\x9f");
    expect_text("partial 2 1", c, text("abc"), "***");
    expect_text("partial 0 2", c, text("abc"), "*bc");
    expect_text("fixed \xc3\xa9", c, text("x"), "\xc3\xa9");
}

static void dates_move(void **state)
{
    (void)state;
    struct mask_column date = column(MYSQL_TYPE_DATE, 0, 0, 0);
    struct mask_column stamp = column(MYSQL_TYPE_TIMESTAMP2, 3, 0, 0);
    static const char *const dates[] = {"0001-01-01", "1999-12-31", "2000-02-29", "9999-12-31",
                                        "2023-06-15"};
    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
        struct made x = make("date_shift 1", &date, text(dates[i]));
        assert_int_equal(x.len, 10);
        assert_memory_not_equal(x.bytes + 1, dates[i], 10);
        struct value v = text(dates[i]);
        v.kind = VALUE_TEXT;
        struct made y = make("date_shift 3650", &date, v);
        assert_int_equal(y.len, 10);
    }
    expect_text("date_shift", date, text("0000-00-00"), "0000-00-00");
    struct made x = make("date_shift 9", &stamp, text("1970-01-01 00:00:01.250"));
    assert_memory_equal(x.bytes + 1, "1970-", 5);
    assert_memory_equal(x.bytes + 11, " 00:00:01.250", 13);
    struct mask_column moment = column(MYSQL_TYPE_DATETIME2, 0, 0, 0);
    static const char *const far[] = {"1955-03-07 00:00:00", "1969-12-24 00:00:00",
                                      "2050-01-02 00:00:00", "1923-06-15 00:00:00"};
    for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
        struct made z = make("date_shift 180", &moment, text(far[i]));
        assert_int_equal(z.len, 19);
        assert_memory_not_equal(z.bytes + 1, far[i], 10);
        assert_memory_equal(z.bytes + 1, far[i], 2);
    }
    expect_text("date_shift", moment, text("1985-00-00 00:00:00"), "1970-01-01 00:00:01");
    expect_text("date_shift", stamp, text("2039-01-01 00:00:00.000"), "1970-01-01 00:00:01.000");
    struct mask_column varchar = column(MYSQL_TYPE_VARCHAR, 90, 0, 33);
    expect_text("date_shift", varchar, text("no date"), "");
    struct made y = make("date_shift", &varchar, text("1985-05-05 10:00:00"));
    assert_int_equal(y.len, 19);
}

static void nothing_is_left_where_null_cannot_be(void **state)
{
    (void)state;
    const struct {
        unsigned type, metadata, collation;
        const char *expected;
    } texts[] = {
        {MYSQL_TYPE_VARCHAR, 30, 33, ""},
        {MYSQL_TYPE_BLOB, 2, 63, ""},
        {MYSQL_TYPE_DATE, 0, 0, "1970-01-01"},
        {MYSQL_TYPE_DATETIME2, 2, 0, "1970-01-01 00:00:01.00"},
        {MYSQL_TYPE_TIME2, 0, 0, "00:00:00"},
        {MYSQL_TYPE_TIME2, 3, 0, "00:00:00.000"},
        {MYSQL_TYPE_NEWDECIMAL, 12 << 8 | 4, 0, "0.0000"},
        {MYSQL_TYPE_NEWDECIMAL, 12 << 8, 0, "0"},
        {COLUMN_TYPE_JSON, 4, 0, "null"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        expect_text("null", column(texts[i].type, texts[i].metadata, 0, texts[i].collation),
                    text("x"), texts[i].expected);
        struct mask_column c =
            column(texts[i].type, texts[i].metadata, COLUMN_NULLABLE, texts[i].collation);
        assert_int_equal(make("null", &c, text("x")).v.kind, VALUE_NULL);
    }
    struct mask_column bytes = column(MYSQL_TYPE_STRING, 16, 0, 63);
    assert_int_equal(make("null", &bytes, text("x")).len, 16);
    const struct {
        unsigned type, expected;
    } numbers[] = {{MYSQL_TYPE_LONG, 0},
                   {MYSQL_TYPE_YEAR, 1970},
                   {MYSQL_TYPE_ENUM, 1},
                   {MYSQL_TYPE_SET, 0},
                   {MYSQL_TYPE_BIT, 0}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct mask_column c = column(numbers[i].type, 0, 0, 0);
        assert_int_equal(make("null", &c, text("x")).v.u, numbers[i].expected);
    }
}

static bool refused(const char *rule_text, struct mask_column c)
{
    char line[200];
    const char *const rules[] = {line};
    snprintf(line, sizeof line, "t.c %s", rule_text);
    struct mask *m = mask_of(rules, 1, MASK_PRESET_NONE);
    bool no = mask_refusal(rule(m, "t", "c"), &c) != NULL;
    mask_free(m);
    return no;
}

static void fixed_values_are_of_the_type(void **state)
{
    (void)state;
    struct mask_column tiny = column(MYSQL_TYPE_TINY, 0, 0, 0);
    struct mask_column big = column(MYSQL_TYPE_LONGLONG, 0, COLUMN_UNSIGNED, 0);
    struct mask_column price = column(MYSQL_TYPE_NEWDECIMAL, 6 << 8 | 2, 0, 0);
    struct mask_column day = column(MYSQL_TYPE_DATE, 0, 0, 0);
    assert_int_equal(make("fixed -128", &tiny, text("x")).v.i, -128);
    assert_int_equal(make("fixed 127", &tiny, text("x")).v.u, 127);
    assert_true(make("fixed 18446744073709551615", &big, text("x")).v.u == UINT64_MAX);
    assert_true(refused("fixed 128", tiny));
    assert_true(refused("fixed -129", tiny));
    assert_true(refused("fixed -1", big));
    assert_true(refused("fixed 18446744073709551616", big));
    assert_true(refused("fixed x", tiny));
    assert_true(refused("fixed", tiny));
    expect_text("fixed 12.5", price, text("x"), "12.50");
    expect_text("fixed -1234", price, text("x"), "-1234.00");
    assert_true(refused("fixed 12345", price));
    assert_true(refused("fixed 1.234", price));
    expect_text("fixed 2001-02-03", day, text("x"), "2001-02-03");
    assert_true(refused("fixed 2001-2-3", day));
    assert_true(refused("fixed abc", column(MYSQL_TYPE_VARCHAR, 6, 0, 33)));
    assert_true(refused("fixed \xc3\xa9", column(MYSQL_TYPE_VARCHAR, 6, 0, 8)));
    assert_true(refused("name", tiny));
    assert_true(refused("email", column(MYSQL_TYPE_VARCHAR, 30, 0, 33)));
    assert_true(refused("hash", day));
    assert_true(refused("ip", tiny));
    assert_true(refused("null", column(MYSQL_TYPE_GEOMETRY, 4, 0, 63)));
    assert_false(refused("null", column(MYSQL_TYPE_GEOMETRY, 4, COLUMN_NULLABLE, 63)));
}

static bool unique(const char *rule_text, struct mask_column c, uint32_t prefix)
{
    char line[200];
    const char *const rules[] = {line};
    snprintf(line, sizeof line, "t.c %s", rule_text);
    struct mask *m = mask_of(rules, 1, MASK_PRESET_NONE);
    bool is = mask_is_unique(rule(m, "t", "c"), &c, prefix);
    mask_free(m);
    return is;
}

static void uniqueness_is_known(void **state)
{
    (void)state;
    struct mask_column c = column(MYSQL_TYPE_VARCHAR, 96, 0, 33),
                       s = column(MYSQL_TYPE_VARCHAR, 45, 0, 33);
    assert_true(unique("hash", c, 0) && unique("hash", c, 16) && !unique("hash", c, 15));
    assert_true(unique("email", c, 0) && !unique("email", c, 10) && !unique("email", s, 0));
    assert_true(unique("keep", s, 1));
    assert_true(unique("template x{hash:16}", c, 0) && !unique("template x{hash:15}", c, 0));
    assert_true(!unique("template {hash:30}xyz", c, 0) && !unique("hash", s, 0));
    assert_true(unique("hash", column(MYSQL_TYPE_VARCHAR, 16, 0, 63), 0));
    assert_false(unique("hash", column(MYSQL_TYPE_LONGLONG, 0, 0, 0), 0));
    assert_false(unique("name", c, 0));
    assert_false(unique("null", c, 0));
    assert_true(unique("null", column(MYSQL_TYPE_VARCHAR, 96, COLUMN_NULLABLE, 33), 0));
}

static void addresses_keep_their_width(void **state)
{
    (void)state;
    struct mask_column c = column(MYSQL_TYPE_VARCHAR, 16, 0, 63),
                       n = column(MYSQL_TYPE_LONG, 0, 0, 0);
    struct value v4 = {.kind = VALUE_BYTES, .bytes = {(const uint8_t *)"\xcb\0\x71\x05", 4}};
    struct value v6 = {.kind = VALUE_BYTES, .bytes = {(const uint8_t *)"0123456789abcdef", 16}};
    assert_int_equal(make("ip", &c, v4).len, 4);
    assert_int_equal(make("ip", &c, v6).len, 16);
    assert_int_equal(make("ip", &n, (struct value){.kind = VALUE_UINT, .u = 5}).v.u >> 24, 10);
    struct mask_column t = column(MYSQL_TYPE_VARCHAR, 45 * 3, 0, 33);
    struct made x = make("ip", &t, text("2001:db8::1"));
    assert_memory_equal(x.bytes + 2, "fd00::", 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(later_rules_win),
        cmocka_unit_test(wrong_rules_are_refused),
        cmocka_unit_test(the_preset_knows_persons),
        cmocka_unit_test(texts_fit_their_columns),
        cmocka_unit_test(forms_are_kept),
        cmocka_unit_test(dates_move),
        cmocka_unit_test(nothing_is_left_where_null_cannot_be),
        cmocka_unit_test(fixed_values_are_of_the_type),
        cmocka_unit_test(uniqueness_is_known),
        cmocka_unit_test(addresses_keep_their_width),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
