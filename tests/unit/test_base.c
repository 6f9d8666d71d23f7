/* error, buf, arena, keys of the registry: the small pieces under everything. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/arena.h"
#include "schema/buf.h"
#include "schema/error.h"
#include "schema/list.h"
#include "schema/registry_key.h"

static void errors_keep_one_line_and_first_place(void **state)
{
    (void)state;
    struct ds_error err;
    assert_int_equal(error_set(&err, DS_EFORMAT, "bad\nbyte %d", 7), DS_EFORMAT);
    assert_string_equal(err.message, "bad byte 7");
    error_at_table(&err, "shop", "t");
    error_at_table(&err, "shop", "other");
    char line[256];
    assert_string_equal(error_format(&err, line, sizeof line), "bad byte 7 table=shop.t");
    assert_string_equal(error_name(DS_ELIMIT), "DS_ELIMIT");
    assert_string_equal(error_name(DS_OK), "DS_OK");
}

static void numbers_are_printed_as_printf_does(void **state)
{
    (void)state;
    static const uint64_t edges[] = {0,
                                     1,
                                     9,
                                     10,
                                     99,
                                     100,
                                     12345678901234567890u,
                                     UINT64_MAX,
                                     (uint64_t)INT64_MAX,
                                     (uint64_t)INT64_MIN};
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        BUF_AUTO struct buf ours = {0}, theirs = {0};
        assert_int_equal(buf_unsigned(&ours, edges[i]) | buf_puts(&ours, " ") |
                             buf_signed(&ours, (int64_t)edges[i]),
                         0);
        assert_int_equal(buf_printf(&theirs, "%" PRIu64 " %" PRId64, edges[i], (int64_t)edges[i]),
                         0);
        assert_string_equal(buf_cstr(&ours), buf_cstr(&theirs));
    }
}

static void buf_grows_and_terminates(void **state)
{
    (void)state;
    BUF_AUTO struct buf b = {0};
    for (int i = 0; i < 1000; i++)
        assert_int_equal(buf_printf(&b, "%d,", i), 0);
    assert_int_equal(b.len, 3890);
    assert_int_equal(strlen(buf_cstr(&b)), 3890);
    assert_int_equal(buf_reserve(&b, SIZE_MAX), DS_ENOMEM);
    assert_int_equal(b.len, 3890);
}

static void arena_reuses_blocks(void **state)
{
    (void)state;
    struct arena a = {0};
    for (int round = 0; round < 3; round++) {
        for (int i = 1; i < 3000; i++) {
            unsigned char *p = arena_alloc(&a, (size_t)i);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % 8, 0);
            memset(p, i & 255, (size_t)i);
        }
        arena_reset(&a, 1 << 20);
        assert_int_equal(a.used, 0);
        assert_true(a.held <= 1 << 20);
    }
    assert_null(arena_alloc(&a, SIZE_MAX));
    arena_free(&a);
    assert_int_equal(a.held, 0);
}

static struct slice text(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

static void lists_grow_as_far_as_they_can_be_counted(void **state)
{
    (void)state;
    uint32_t *list = NULL, count = 0, cap = 0;
    for (; count < 10000; count++) {
        assert_int_equal(LIST_ROOM(list, count, cap), 0);
        assert_true(cap > count);
        list[count] = count;
    }
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(list[i], i);
    free(list);

    uint8_t *bytes = NULL, few = 0, room = 0;
    while (LIST_ROOM(bytes, few, room) == 0)
        bytes[few++] = 1;
    assert_int_equal(few, room); /* what it holds is as it was */
    assert_true(few >= 128);
    free(bytes);

    size_t huge = SIZE_MAX / sizeof *list / 2 + 1;
    assert_null(list_grow(NULL, sizeof *list, &huge, SIZE_MAX));
    huge = SIZE_MAX / 2 + 1;
    assert_null(list_grow(NULL, 1, &huge, SIZE_MAX));
}

static void registry_keys_are_kept_or_told_apart(void **state)
{
    (void)state;
    char scratch[REGISTRY_KEY_MAX + 1], again[REGISTRY_KEY_MAX + 1], once[REGISTRY_KEY_MAX + 1];
    char longest[REGISTRY_KEY_MAX + 2] = "", euros[3 * 100 + 1] = "";
    memset(longest, 'x', REGISTRY_KEY_MAX);
    for (size_t i = 0; i < sizeof euros - 1; i += 3)
        memcpy(euros + i, "\xe2\x82\xac", 3);
    const char *kept[] = {"", "7", " a b", "S\xc3\xa9t", longest};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        assert_ptr_equal(registry_key(text(kept[i]), scratch).p, kept[i]);
    longest[REGISTRY_KEY_MAX] = 'x';
    const char *others[] = {"a ", "a  ", "\xe9", "\xe9t", longest, euros, euros + 3};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct slice key = registry_key(text(others[i]), scratch);
        assert_in_range(key.len, 17, REGISTRY_KEY_MAX);
        assert_int_equal(key.p[key.len - 17], '#');
        assert_ptr_equal(registry_key(key, again).p, key.p);
        for (size_t k = 0; k < i; k++) {
            struct slice other = registry_key(text(others[k]), once);
            assert_false(other.len == key.len && memcmp(other.p, key.p, key.len) == 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_keep_one_line_and_first_place),
        cmocka_unit_test(numbers_are_printed_as_printf_does),
        cmocka_unit_test(buf_grows_and_terminates),
        cmocka_unit_test(arena_reuses_blocks),
        cmocka_unit_test(lists_grow_as_far_as_they_can_be_counted),
        cmocka_unit_test(registry_keys_are_kept_or_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
