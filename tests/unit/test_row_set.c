/* What is known of rows by their keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "applier/row_set.h"

static void rows_of_tables_are_kept_apart(void **state)
{
    (void)state;
    struct row_set s = {0};
    assert_null(row_set_find(&s, 0, 1));
    for (uint64_t id = 0; id < 5000; id++)
        for (uint32_t table = 0; table < 3; table++)
            assert_int_equal(row_set_put_here(&s, table, id, id * 3 + table, table), 0);
    for (uint64_t id = 0; id < 5000; id += 7)
        assert_int_equal(row_set_put(&s, 1, id, ROW_ABSENT), 0);
    for (uint64_t id = 0; id < 5000; id++)
        for (uint32_t table = 0; table < 3; table++) {
            bool gone = table == 1 && id % 7 == 0;
            const struct row_slot *slot = row_set_find(&s, table, id);
            assert_non_null(slot);
            assert_int_equal(slot->state, gone ? ROW_ABSENT : ROW_PRESENT);
            assert_int_equal(slot->link, gone ? 0 : id * 3 + table);
        }
    const struct row_slot *slots = s.slots; /* what is known already moves nothing */
    for (size_t i = 0; i < s.cap; i++)
        if (s.slots[i].table)
            assert_int_equal(row_set_put(&s, s.slots[i].table - 1, s.slots[i].id, ROW_ABSENT), 0);
    assert_ptr_equal(s.slots, slots);
    assert_int_equal(row_set_state(&s, 3, 1), ROW_UNKNOWN);
    assert_int_equal(row_set_state(&s, 0, UINT64_MAX), ROW_UNKNOWN);
    row_set_clear(&s);
    assert_int_equal(row_set_state(&s, 0, 1), ROW_UNKNOWN);
    assert_int_equal(s.used, 0);
    row_set_free(&s);
}

/* One that lives as long as the process does not grow with what has been in it. */
static void what_is_gone_is_forgotten(void **state)
{
    (void)state;
    struct row_set s = {.forgets = true};
    for (uint64_t id = 1; id < 100000; id++) {
        assert_int_equal(row_set_put(&s, 0, id, ROW_PRESENT), 0);
        assert_int_equal(row_set_put(&s, 0, id, ROW_ABSENT), 0);
    }
    assert_int_equal(row_set_put(&s, 0, 7, ROW_PRESENT), 0);
    assert_true(s.cap <= 1024);
    assert_int_equal(row_set_state(&s, 0, 7), ROW_PRESENT);
    row_set_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_tables_are_kept_apart),
        cmocka_unit_test(what_is_gone_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
