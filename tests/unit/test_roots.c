/* Keys of entities without a source to ask: what passes is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/roots.h"
#include "schema/message.h"

static struct catalogue *catalogue;
static struct roots *roots;

static int setup(void **state)
{
    struct ds_error err;
    (void)state;
    return catalogue_load(&catalogue, NULL, &err) ||
           roots_new(&roots, catalogue, "mg_", NULL, &err);
}

static int teardown(void **state)
{
    (void)state;
    roots_free(roots);
    catalogue_free(catalogue);
    return 0;
}

static const struct level *level(const char *table)
{
    const struct level *l = roots_level(roots, table);
    assert_non_null(l);
    return l;
}

/* The key as text. */
static const char *key(const char *table, uint64_t id)
{
    static char text[80];
    BUF_AUTO struct buf out = {0};
    struct value v;
    assert_int_equal(roots_key(roots, level(table), id, &out), 0);
    const uint8_t *p = out.data;
    assert_int_equal(value_read(&p, out.data + out.len, &v), 0);
    if (v.kind == VALUE_UINT)
        snprintf(text, sizeof text, "%llu", (unsigned long long)v.u);
    else
        snprintf(text, sizeof text, "%.*s", (int)v.bytes.len, (const char *)v.bytes.p);
    return text;
}

static void the_way_is_followed_as_far_as_it_is_known(void **state)
{
    (void)state;
    const char *option = "catalog_product_option", *value = "catalog_product_option_type_value";
    assert_null(roots_level(roots, "catalog_product_entity"));
    assert_null(roots_level(roots, "mg_catalog_product_option"));
    assert_string_equal(key(value, 700), "catalog_product_option_type_value=700");
    roots_learn(roots, level(value), 700, 70);
    assert_string_equal(key(value, 700), "catalog_product_option=70");
    roots_learn(roots, level(option), 70, 7);
    assert_string_equal(key(value, 700), "7");
    assert_string_equal(key(option, 70), "7");
    roots_learn(roots, level(option), 70, 8); /* it changed sides */
    assert_string_equal(key(value, 700), "8");
    assert_string_equal(key("catalog_product_link", 700), "catalog_product_link=700");
    roots_learn(roots, level(option), UINT64_MAX, UINT64_MAX);
    assert_string_equal(key(option, UINT64_MAX), "18446744073709551615");
}

static void more_than_there_is_room_for(void **state)
{
    (void)state;
    enum { ROWS = 500000, NEWEST = 1000 };
    const char *option = "catalog_product_option";
    unsigned known = 0;
    for (uint64_t id = 1; id <= ROWS; id++)
        roots_learn(roots, level(option), id, id + 3);
    for (uint64_t id = ROWS - NEWEST + 1; id <= ROWS; id++)
        known += strtoull(key(option, id), NULL, 10) == id + 3;
    assert_int_equal(known, NEWEST); /* the oldest have gone */
    uint64_t ids[] = {1, 1, 2};
    roots_look_up(roots, level(option), ids, 3); /* nobody to ask */
    assert_string_equal(key(option, 1), "catalog_product_option=1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_way_is_followed_as_far_as_it_is_known, setup, teardown),
        cmocka_unit_test_setup_teardown(more_than_there_is_room_for, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
