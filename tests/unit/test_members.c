#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "schema/members.h"

static void is(const struct slice *name, const char *text, size_t len)
{
    assert_int_equal(name->len, len);
    assert_memory_equal(name->p, text, len);
}

static void of_a_type(void **state)
{
    (void)state;
    BUF_AUTO struct buf list = {0};
    struct arena arena = {0};
    struct slice *names;
    uint32_t count;
    assert_int_equal(members_of_type(&list, "enum('a','it''s','','b,c','\\\\\\n','é')"), 0);
    assert_int_equal(members_read((struct slice){list.data, list.len}, &arena, &names, &count), 0);
    assert_int_equal(count, 6);
    is(&names[0], "a", 1);
    is(&names[1], "it's", 4);
    is(&names[2], "", 0);
    is(&names[3], "b,c", 3);
    is(&names[4], "\\\n", 2);
    is(&names[5], "é", 2);
    arena_free(&arena);
}

static void many_and_long(void **state)
{
    (void)state;
    BUF_AUTO struct buf list = {0}, type = {0};
    struct arena arena = {0};
    struct slice *names;
    uint32_t count;
    assert_int_equal(buf_puts(&type, "enum("), 0);
    for (int i = 0; i < 300; i++)
        assert_int_equal(buf_printf(&type, "%s'%0*d'", i ? "," : "", i == 7 ? 255 : 3, i), 0);
    assert_int_equal(members_of_type(&list, buf_cstr(&type)), 0);
    assert_int_equal(members_read((struct slice){list.data, list.len}, &arena, &names, &count), 0);
    assert_int_equal(count, 300);
    is(&names[6], "006", 3);
    assert_int_equal(names[7].len, 255);
    is(&names[299], "299", 3);
    arena_free(&arena);
}

static void broken(void **state)
{
    (void)state;
    static const struct slice lists[] = {
        {(const uint8_t *)"", 0},       {(const uint8_t *)"\2\1a", 3},
        {(const uint8_t *)"\1\5a", 3},  {(const uint8_t *)"\375\1\0\0", 4},
        {(const uint8_t *)"\374\1", 2}, {(const uint8_t *)"\374\377\377\1a", 5}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct arena arena = {0};
        struct slice *names;
        uint32_t count = 9;
        assert_int_equal(members_read(lists[i], &arena, &names, &count), 0);
        assert_int_equal(count, 0);
        arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(of_a_type), cmocka_unit_test(many_and_long),
                                       cmocka_unit_test(broken)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
