/* Source positions: GTID sets of both flavours, binlog files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/position.h"

#define A "3e11fa47-71ca-11e1-9e33-c80aa9429562"
#define B "4f22fa47-71ca-11e1-9e33-c80aa9429562"

static struct gtid_set set_of(const char *text)
{
    struct gtid_set s;
    struct ds_error err;
    if (gtid_set_parse(&s, text, &err))
        fail_msg("%s", err.message);
    return s;
}

static struct gtid gtid_of(const char *text)
{
    struct gtid g;
    struct ds_error err;
    if (gtid_parse(&g, text, &err))
        fail_msg("%s", err.message);
    return g;
}

static void assert_set(const struct gtid_set *s, const char *expected)
{
    BUF_AUTO struct buf b = {0};
    assert_int_equal(gtid_set_print(s, &b), 0);
    assert_string_equal(buf_cstr(&b), expected);
}

static void sets_are_read_and_printed_canonically(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"", ""},
        {" \n ", ""},
        {"0-1-5", "0-1-5"},
        {"7-1-2, 0-1-5", "0-1-5,7-1-2"},
        {"10-1-1,9-1-1,1-1-1", "1-1-1,9-1-1,10-1-1"},
        {"4294967295-4294967295-18446744073709551615",
         "4294967295-4294967295-18446744073709551615"},
        {"0-1-0", "0-1-0"},
        {A ":1", A ":1"},
        {A ":1-1", A ":1"},
        {A ":1-5:7", A ":1-5:7"},
        {A ":7:1-5", A ":1-5:7"},
        {A ":1-5:6-9", A ":1-9"},
        {A ":1-5:3-9:20-30:10-12", A ":1-12:20-30"},
        {A ":5:4:3:1:2", A ":1-5"},
        {A ":1:3:5:7:2-6", A ":1-7"},
        {B ":1-2,\n" A ":1-3", A ":1-3," B ":1-2"},
        {A ":1," A ":2", A ":1-2"},
        {A ":1-9223372036854775806", A ":1-9223372036854775806"},
        {A ":tag:1-3", A ":tag:1-3"},
        {A ":1-5:7:Tag:1:3," B ":x:9", A ":1-5:7:tag:1:3," B ":x:9"},
        {A ":b:1:a:2:1", A ":a:1-2:b:1"},
        {A ":x:1," A ":4", A ":4:x:1"},
        {A " : 1 - 5 : 7 ,\r\n\t" B ":1", A ":1-5:7," B ":1"},
        {"3E11FA47-71CA-11E1-9E33-C80AA9429562:1", A ":1"},
        {A ":_abcdefghijklmnopqrstuvwxyz01234:1", A ":_abcdefghijklmnopqrstuvwxyz01234:1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gtid_set s = set_of(cases[i].in), again;
        assert_set(&s, cases[i].out);
        again = set_of(cases[i].out);
        assert_true(gtid_set_equal(&s, &again));
        gtid_set_free(&s);
        gtid_set_free(&again);
    }
}

static void bad_sets_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *in, *says;
    } cases[] = {
        {"0-1", "\"0-1\""},
        {"0-1-x", "\"0-1-x\""},
        {"0-1-5-6", "\"0-1-5-6\""},
        {"0-1-5,", "\"\""},
        {",0-1-5", "\"\""},
        {"0-1-5,,1-1-1", "\"\""},
        {"4294967296-1-1", "4294967296-1-1"},
        {"0-1-18446744073709551616", "18446744073709551616"},
        {"-1-1-1", "-1-1-1"},
        {"0-1-5,0-2-6", "two GTIDs of one domain"},
        {"0-1-5," A ":1", "MariaDB and MySQL in one set"},
        {A ":1,0-1-5", "MariaDB and MySQL in one set"},
        {A, A},
        {A ":", A ":"},
        {A ":0", A ":0"},
        {A ":0-4", A ":0-4"},
        {A ":5-4", A ":5-4"},
        {A ":1-", A ":1-"},
        {A ":1:", A ":1:"},
        {A ":tag", A ":tag"},
        {A ":tag:", A ":tag:"},
        {A ":1:tag", A ":1:tag"},
        {A ":tag:other:1", "tag:other"},
        {A ":1 2", A ":1 2"},
        {A ":9223372036854775807", "9223372036854775807"},
        {A ":_abcdefghijklmnopqrstuvwxyz012345:1", "012345:1"},
        {"3e11fa47-71ca-11e1-9e33-c80aa942956:1", "942956:1"},
        {"3e11fa4g-71ca-11e1-9e33-c80aa9429562:1", "3e11fa4g"},
        {"mysql-bin.000001:4", "mysql-bin.000001:4"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gtid_set s;
        struct ds_error err = {0};
        memset(&s, 0x5a, sizeof s);
        if (gtid_set_parse(&s, cases[i].in, &err) != DS_EUSAGE)
            fail_msg("\"%s\" was accepted", cases[i].in);
        if (!strstr(err.message, cases[i].says))
            fail_msg("\"%s\" does not say \"%s\"", err.message, cases[i].says);
        assert_int_equal(s.count, 0);
        gtid_set_free(&s);
    }
}

static void single_gtids(void **state)
{
    (void)state;
    char text[GTID_TEXT_SIZE], small[5];
    static const char *const good[] = {"0-1-5", "4294967295-4294967295-18446744073709551615",
                                       A ":1",
                                       A ":_abcdefghijklmnopqrstuvwxyz01234:9223372036854775806"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct gtid g = gtid_of(good[i]);
        assert_int_equal(gtid_print(&g, text, sizeof text), 0);
        assert_string_equal(text, good[i]);
        assert_int_equal(gtid_print(&g, text, strlen(good[i])), DS_ELIMIT);
        assert_string_equal(text, "");
    }
    struct gtid g = gtid_of(" " A ":Tag:7\n");
    assert_int_equal(g.flavour, GTID_MYSQL);
    assert_string_equal(g.tag, "tag");
    assert_int_equal(g.seq, 7);
    g = gtid_of("0-1-5");
    assert_int_equal(gtid_print(&g, small, sizeof small), DS_ELIMIT);
    static const char *const bad[] = {"",       "0-1-5,1-1-1", A ":1-5", A ":1:2", A,
                                      A ":tag", A ":0",        "x",      "0-1-5x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(gtid_parse(&g, bad[i], NULL), DS_EUSAGE);
}

static void adding(void **state)
{
    (void)state;
    struct gtid_set s = {0};
    struct gtid g = gtid_of("7-1-100"), foreign = gtid_of(A ":5"), none = {0};
    assert_int_equal(gtid_set_add(&s, &none), DS_EUSAGE);
    assert_int_equal(gtid_set_add(&s, &g), 0);
    g = gtid_of("0-2-9");
    assert_int_equal(gtid_set_add(&s, &g), 0);
    assert_int_equal(gtid_set_add(&s, &foreign), DS_EUSAGE);
    assert_set(&s, "0-2-9,7-1-100");
    g = gtid_of("7-3-4"); /* numbering restarted */
    assert_int_equal(gtid_set_add(&s, &g), 0);
    assert_set(&s, "0-2-9,7-3-4");
    gtid_set_free(&s);

    for (uint64_t n = 1; n <= 9; n += 2) {
        foreign.seq = n;
        assert_int_equal(gtid_set_add(&s, &foreign), 0);
    }
    assert_set(&s, A ":1:3:5:7:9");
    g = gtid_of("0-1-1");
    assert_int_equal(gtid_set_add(&s, &g), DS_EUSAGE);
    for (uint64_t n = 8; n >= 2; n -= 2) {
        foreign.seq = n;
        assert_int_equal(gtid_set_add(&s, &foreign), 0);
    }
    assert_set(&s, A ":1-9");
    foreign.seq = 5; /* there already */
    assert_int_equal(gtid_set_add(&s, &foreign), 0);
    foreign.seq = 0;
    assert_int_equal(gtid_set_add(&s, &foreign), DS_EUSAGE);
    foreign.seq = (uint64_t)INT64_MAX;
    assert_int_equal(gtid_set_add(&s, &foreign), DS_EUSAGE);
    g = gtid_of(A ":t:5");
    assert_int_equal(gtid_set_add(&s, &g), 0);
    assert_set(&s, A ":1-9:t:5");
    gtid_set_free(&s);
}

static void containment(void **state)
{
    (void)state;
    static const struct {
        const char *sub, *super;
        bool is;
    } cases[] = {
        {"", "", true},
        {"", "0-1-5", true},
        {"0-1-5", "", false},
        {"0-1-5", "0-1-5", true},
        {"0-2-5", "0-1-5", true},
        {"0-1-4", "0-1-5", true},
        {"0-1-6", "0-1-5", false},
        {"0-1-4,7-1-1", "0-1-5", false},
        {"0-1-4", "0-1-5,7-1-1", true},
        {"0-1-5", A ":1-100", false},
        {A ":1", "0-1-5", false},
        {A ":1-5", A ":1-5", true},
        {A ":2-4", A ":1-5", true},
        {A ":1-6", A ":1-5", false},
        {A ":1-3:5", A ":1-5", true},
        {A ":1-5", A ":1-3:5", false},
        {A ":4", A ":1-3:5", false},
        {A ":5-6", A ":1-3:5-6:9", true},
        {A ":6-7", A ":1-3:5-6:9", false},
        {A ":1," B ":1", A ":1", false},
        {A ":t:1", A ":1", false},
        {A ":1", A ":t:1", false},
        {A ":t:2", A ":1:t:1-3", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gtid_set sub = set_of(cases[i].sub), super = set_of(cases[i].super), rest;
        if (gtid_set_subset(&sub, &super) != cases[i].is)
            fail_msg("\"%s\" in \"%s\"", cases[i].sub, cases[i].super);
        assert_int_equal(gtid_set_subtract(&rest, &sub, &super), 0);
        assert_int_equal(rest.count == 0, cases[i].is);
        assert_true(gtid_set_subset(&rest, &sub));
        gtid_set_free(&sub);
        gtid_set_free(&super);
        gtid_set_free(&rest);
    }
    struct gtid_set s = set_of(A ":1-3:5:t:2");
    struct gtid in = gtid_of(A ":5"), out = gtid_of(A ":4"), tagged = gtid_of(A ":t:2"),
                other = gtid_of("0-1-1");
    assert_true(gtid_set_contains(&s, &in));
    assert_false(gtid_set_contains(&s, &out));
    assert_true(gtid_set_contains(&s, &tagged));
    assert_false(gtid_set_contains(&s, &other));
    gtid_set_free(&s);
    s = set_of("0-1-5");
    assert_true(gtid_set_contains(&s, &other));
    other.seq = 6;
    assert_false(gtid_set_contains(&s, &other));
    other.domain = 1;
    assert_false(gtid_set_contains(&s, &other));
    gtid_set_free(&s);
}

static void subtraction(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b, *rest;
    } cases[] = {
        {"0-1-5,7-1-2", "0-1-5", "7-1-2"},
        {"0-1-6,7-1-2", "0-1-5,7-1-9", "0-1-6"},
        {"0-1-5", "", "0-1-5"},
        {"0-1-5", A ":1", "0-1-5"},
        {A ":1-10", A ":3-4", A ":1-2:5-10"},
        {A ":1-10", A ":1-4", A ":5-10"},
        {A ":1-10", A ":6-20", A ":1-5"},
        {A ":1-10:20-30:40", A ":2:4:9-25:40", A ":1:3:5-8:26-30"},
        {A ":1-10", A ":1-10", ""},
        {A ":1-10:t:1-2", A ":1-10:t:2", A ":t:1"},
        {A ":5," B ":5", A ":1-9", B ":5"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gtid_set a = set_of(cases[i].a), b = set_of(cases[i].b), rest;
        assert_int_equal(gtid_set_subtract(&rest, &a, &b), 0);
        assert_set(&rest, cases[i].rest);
        if (!*cases[i].rest)
            assert_int_equal(rest.flavour, GTID_NONE);
        gtid_set_free(&a);
        gtid_set_free(&b);
        gtid_set_free(&rest);
    }
}

/* Against a table of booleans: what sets are. */
static void random_sets_agree_with_bitmaps(void **state)
{
    (void)state;
    enum { SPAN = 64, ROUNDS = 400 };
    unsigned seed = 20240601;
    for (int round = 0; round < ROUNDS; round++) {
        bool in[2][SPAN + 1] = {{false}};
        struct gtid_set s[2] = {{0}}, rest, copy;
        struct gtid g = gtid_of(A ":1");
        for (int n = 0; n < 2; n++)
            for (int i = 0; i < 40; i++) {
                seed = seed * 1103515245u + 12345u;
                g.seq = 1 + (seed >> 16) % SPAN;
                assert_int_equal(gtid_set_add(&s[n], &g), 0);
                in[n][g.seq] = true;
            }
        assert_int_equal(gtid_set_subtract(&rest, &s[0], &s[1]), 0);
        bool subset = true;
        for (uint64_t i = 1; i <= SPAN; i++) {
            g.seq = i;
            assert_int_equal(gtid_set_contains(&s[0], &g), in[0][i]);
            assert_int_equal(gtid_set_contains(&rest, &g), in[0][i] && !in[1][i]);
            subset = subset && (!in[0][i] || in[1][i]);
        }
        assert_int_equal(gtid_set_subset(&s[0], &s[1]), subset);
        assert_int_equal(gtid_set_copy(&copy, &s[0]), 0);
        assert_true(gtid_set_equal(&copy, &s[0]));
        for (size_t v = 1; v < copy.members[0].count; v++)
            assert_true(copy.members[0].intervals[v].first >
                        copy.members[0].intervals[v - 1].last + 1);
        BUF_AUTO struct buf b = {0};
        assert_int_equal(gtid_set_print(&copy, &b), 0);
        gtid_set_free(&copy);
        copy = set_of(buf_cstr(&b));
        assert_true(gtid_set_equal(&copy, &s[0]));
        gtid_set_free(&copy);
        gtid_set_free(&rest);
        gtid_set_free(&s[0]);
        gtid_set_free(&s[1]);
    }
}

static void file_positions(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        int order;
        bool other; /* another series */
    } cases[] = {
        {"bin.999999:4", "bin.1000000:4", -1, false},
        {"bin.000002:4", "bin.000010:4", -1, false},
        {"bin.000002:100", "bin.000002:20", 1, false},
        {"bin.000002:4", "bin.000002:4", 0, false},
        {"bin.000009:4", "bin.10:4", -1, false},
        {"bin.0000000002:4", "bin.2:4", 0, false},
        {"a.000009:4", "b.000001:4", -1, true},
        {"a.b.000009:4", "a.b.000010:1", -1, false},
        {"bin.18446744073709551616:4", "bin.18446744073709551617:4", -1, false},
        {"bin:9", "bin:10", -1, true}, /* no number */
        {"bin.000000:4", "bin.000001:4", -1, false},
        {"bin.000001:4294967296", "bin.000001:4294967295", 1, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct file_position a, b;
        struct ds_error err;
        assert_int_equal(file_position_parse(&a, cases[i].a, &err), 0);
        assert_int_equal(file_position_parse(&b, cases[i].b, &err), 0);
        assert_int_equal(file_position_compare(&a, &b), cases[i].order);
        assert_int_equal(file_position_compare(&b, &a), -cases[i].order);
        assert_int_equal(file_position_same_series(&a, &b), !cases[i].other);
    }
    static const char *const bad[] = {
        "",       "bin.000001",     ":4",           "bin.000001:", "bin.000001:4x",
        "bin:-4", "bin.000001: 4 ", " bin.0001:44", "b\n:4",       "bin:18446744073709551616"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct file_position fp;
        struct ds_error err = {0};
        assert_int_equal(file_position_parse(&fp, bad[i], &err), DS_EUSAGE);
        assert_non_null(strstr(err.message, "FILE:POSITION"));
        assert_string_equal(fp.file, "");
    }
    char longest[600];
    struct file_position fp;
    memset(longest, 'x', sizeof longest);
    memcpy(longest + 512, ":4", 3);
    assert_int_equal(file_position_parse(&fp, longest, NULL), DS_EUSAGE);
    memcpy(longest + 511, ":4", 3);
    assert_int_equal(file_position_parse(&fp, longest, NULL), 0);
}

static void positions_are_reached_by_gtid_first(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool reached;
    } cases[] = {
        {"none", "none", true},
        {"none", "0-1-5", true},
        {"0-1-5", "none", false},
        {"0-1-5", "0-1-5", true},
        {"0-1-6", "0-1-5", false},
        {"bin.000001:4", "bin.000001:4", true},
        {"bin.000001:5", "bin.000001:4", false},
        {"bin.999999:5", "bin.1000000:4", true},
        {"0-1-5", "bin.000001:4", false},
        {"gtid=0-1-5 file=bin.000009:9", "gtid=0-1-5 file=bin.000001:4", true},
        {"gtid=0-1-6 file=bin.000001:4", "gtid=0-1-5 file=bin.000009:9", false},
        {"gtid=0-1-5 file=bin.000001:4", "bin.000001:4", true},
        {"bin.000001:5", "gtid=0-1-5 file=bin.000001:4", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct position a, b;
        assert_int_equal(position_parse(&a, cases[i].a, NULL), 0);
        assert_int_equal(position_parse(&b, cases[i].b, NULL), 0);
        if (position_reached(&a, &b) != cases[i].reached)
            fail_msg("%s reached at %s", cases[i].a, cases[i].b);
        position_free(&a);
        position_free(&b);
    }
}

static void positions_are_printed_and_read(void **state)
{
    (void)state;
    static const char *const texts[] = {"none", "gtid=0-1-5,7-1-2",
                                        "gtid=" A ":1-5:7:t:1 file=bin.000002:1234",
                                        "file=bin.000001:4", "gtid=0-1-5 file=my bin.000001:4"};
    struct ds_error err;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct position p, copy;
        BUF_AUTO struct buf b = {0};
        char line[200];
        assert_int_equal(position_parse(&p, texts[i], &err), 0);
        assert_int_equal(position_copy(&copy, &p), 0);
        position_free(&p);
        assert_true(position_empty(&p));
        assert_int_equal(position_print(&copy, &b), 0);
        assert_string_equal(buf_cstr(&b), texts[i]);
        assert_string_equal(position_format(&copy, line, sizeof line), texts[i]);
        assert_int_equal(position_empty(&copy), i == 0);
        position_free(&copy);
    }
    assert_true(position_empty(NULL));
    struct position p;
    static const char *const bad[] = {"gtid=x", "file=x", "gtid=0-1-5 file=", "later", "0-1-5 x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(position_parse(&p, bad[i], &err), DS_EUSAGE);
        assert_int_equal(p.gtid.count, 0);
    }
    error_clear(&err);
    assert_int_equal(position_parse(&p, "bin.000001:4", &err), 0);
    assert_string_equal(err.message, ""); /* of the attempt as a GTID set */
}

static void long_positions_are_cut_in_the_set(void **state)
{
    (void)state;
    BUF_AUTO struct buf text = {0};
    assert_int_equal(buf_puts(&text, "gtid=" A ":1"), 0);
    for (int i = 3; i < 400; i += 2)
        assert_int_equal(buf_printf(&text, ":%d", i), 0);
    assert_int_equal(buf_puts(&text, " file=bin.000002:1234"), 0);
    struct position p;
    char line[100];
    assert_int_equal(position_parse(&p, buf_cstr(&text), NULL), 0);
    position_format(&p, line, sizeof line);
    assert_int_equal(strlen(line), sizeof line - 1);
    assert_memory_equal(line, "gtid=" A, 41);
    assert_non_null(strstr(line, "… file=bin.000002:1234"));
    for (size_t size = 1; size < sizeof line; size++)
        assert_true(strlen(position_format(&p, line, size)) < size);
    position_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_are_read_and_printed_canonically),
        cmocka_unit_test(bad_sets_are_named),
        cmocka_unit_test(single_gtids),
        cmocka_unit_test(adding),
        cmocka_unit_test(containment),
        cmocka_unit_test(subtraction),
        cmocka_unit_test(random_sets_agree_with_bitmaps),
        cmocka_unit_test(file_positions),
        cmocka_unit_test(positions_are_reached_by_gtid_first),
        cmocka_unit_test(positions_are_printed_and_read),
        cmocka_unit_test(long_positions_are_cut_in_the_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
