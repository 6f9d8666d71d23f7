/* php_value: what a shop has stored comes back byte for byte, and what PHP would not write is
 * refused with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "php_fixture.h"
#include "schema/php_value.h"

static struct slice text(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

/* What is written after `change` (may be NULL). */
static void check(const char *before, const char *after, void (*change)(struct php_tree *tree))
{
    struct arena arena = {0};
    struct php_tree tree;
    struct ds_error err;
    BUF_AUTO struct buf out = {0};
    if (php_parse(&tree, text(before), &arena, NULL, &err))
        fail_msg("%s: %s", before, err.message);
    if (change)
        change(&tree);
    assert_int_equal(php_write(&tree, &out, &err), 0);
    assert_string_equal(buf_cstr(&out), after);
    arena_free(&arena);
}

static void every_type_comes_back(void **state)
{
    (void)state;
    static const char *const values[] = {
        "N;",
        "b:0;",
        "b:1;",
        "i:0;",
        "i:-9223372036854775808;",
        "d:0.10000000000000001;",
        "d:1.0E+25;",
        "d:-.5;",
        "d:5.;",
        "d:-0;",
        "d:NAN;",
        "d:INF;",
        "d:-INF;",
        "s:0:\"\";",
        "s:4:\"a\";}\";",
        "s:6:\"Gr\xc3\xb6\xc3\x9f\";",
        "a:0:{}",
        "a:3:{i:5;s:1:\"a\";i:-1;b:1;s:1:\"k\";a:1:{i:0;N;}}",
        "O:8:\"stdClass\":2:{s:1:\"a\";i:1;s:1:\"b\";r:1;}",
        "a:2:{i:0;s:1:\"x\";i:1;R:2;}",
        "C:11:\"ArrayObject\":4:{i;}x}",
        "E:11:\"Suit:Hearts\";",
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        check(values[i], values[i], NULL);
}

static int same(void *arg, const struct php_fixture *f)
{
    size_t *count = arg;
    struct arena arena = {0};
    struct php_tree tree;
    struct ds_error err;
    BUF_AUTO struct buf out = {0};
    if (php_parse(&tree, f->value, &arena, NULL, &err))
        fail_msg("%s.%s: %s", f->table, f->column, err.message);
    assert_int_equal(php_write(&tree, &out, &err), 0);
    assert_int_equal(out.len, f->value.len);
    assert_memory_equal(out.data, f->value.p, out.len);
    arena_free(&arena);
    ++*count;
    return 0;
}

static void what_a_shop_stored_comes_back(void **state)
{
    (void)state;
    size_t count = 0;
    php_fixtures(same, &count);
    assert_true(count > 150);
}

static void what_is_broken_is_refused_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        size_t offset;
    } broken[] = {
        {"", 0},
        {"x", 0},
        {"hello", 0},
        {"i:5", 2},
        {"i:;", 2},
        {"i:+5;", 2},
        {"i:05;", 2},
        {"i:9223372036854775808;", 2},
        {"i:5;i:6;", 4},
        {"b:2;", 2},
        {"b:1", 2},
        {"d:;", 2},
        {"d:1e;", 2},
        {"d:1,5;", 2},
        {"s:3:\"ab\";", 8},
        {"s:1:\"ab\";", 6},
        {"s:02:\"ab\";", 2},
        {"s:+2:\"ab\";", 2},
        {"s:99999999999999999999:\"ab\";", 2},
        {"s:2:ab;", 4},
        {"s:3:\"ab", 2},
        {"s:3:\"", 2},
        {"s:2:\"ab\"", 8},
        {"s:4:\"Gr\xc3\xb6\xc3\x9f\";", 9},
        {"a:1:{i:0;N;", 11},
        {"a:2:{i:0;N;}", 11},
        {"a:1:{i:0;N;i:1;N;}", 11},
        {"a:1:{N;N;}", 5},
        {"a:4000000:{}", 11},
        {"a:-1:{}", 2},
        {"O:3:\"Foo\";", 9},
        {"C:1:\"A\":9:{x}", 8},
        {"r:1;", 2},
        {"R:0;", 2},
        {"a:1:{i:0;R:3;}", 11},
        {"a:2:{i:0;R:3;i:1;N;}", 11},
        {"a:1:{i:0;i:1;}\n", 14},
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct arena arena = {0};
        struct php_tree tree;
        struct ds_error err;
        size_t offset = 0;
        /* a copy of exactly its size, so that a sanitizer sees any byte read beyond it */
        size_t len = strlen(broken[i].value);
        uint8_t *copy = malloc(len ? len : 1);
        assert_non_null(copy);
        memcpy(copy, broken[i].value, len);
        int rc = php_parse(&tree, (struct slice){copy, len}, &arena, &offset, &err);
        if (rc != DS_EFORMAT || offset != broken[i].offset)
            fail_msg("%s: %d, %zu instead of %zu", broken[i].value, rc, offset, broken[i].offset);
        free(copy);
        arena_free(&arena);
    }
}

/* `depth` arrays, each in the one before. */
static int parse_nested(size_t depth)
{
    struct arena arena = {0};
    struct php_tree tree;
    struct ds_error err;
    BUF_AUTO struct buf in = {0};
    for (size_t i = 0; i < depth; i++)
        buf_puts(&in, "a:1:{i:0;");
    buf_puts(&in, "N;");
    for (size_t i = 0; i < depth; i++)
        buf_puts(&in, "}");
    int rc = php_parse(&tree, (struct slice){in.data, in.len}, &arena, NULL, &err);
    arena_free(&arena);
    return rc;
}

static void depth_size_and_claims_are_bounded(void **state)
{
    (void)state;
    assert_int_equal(parse_nested(PHP_MAX_DEPTH), 0);
    assert_int_equal(parse_nested(PHP_MAX_DEPTH + 1), DS_ELIMIT);
    assert_int_equal(parse_nested(100 * 1000), DS_ELIMIT);

    struct arena arena = {0};
    struct php_tree tree;
    struct ds_error err;
    uint8_t *large = calloc(1, PHP_MAX_BYTES + 1);
    assert_non_null(large);
    assert_int_equal(php_parse(&tree, (struct slice){large, PHP_MAX_BYTES + 1}, &arena, NULL, &err),
                     DS_ELIMIT);
    free(large);
    /* millions of entries are claimed, and no memory is taken for them */
    assert_int_equal(php_parse(&tree, text("a:4000000:{i:0;"), &arena, NULL, &err), DS_EFORMAT);
    assert_true(arena.held < 64 * 1024);
    arena_free(&arena);
}

static void set_ids(struct php_tree *tree)
{
    php_set_text(&php_find(&tree->root, "a")->value, text("1234"));
    php_set_text(&php_find(&tree->root, "b")->value, text("1234"));
    php_set_text(&php_find(&tree->root, "c")->value, text("A-1"));
    php_set_text(&php_find(&tree->root, "d")->value, text("007"));
    php_set_key(php_find(&tree->root, "7"), text("18"));
    php_set_key(php_find(&tree->root, "8"), text("P8"));
    php_set_null(&php_find(&tree->root, "e")->value);
}

static void changed_numbers_and_strings_stay_what_they_were(void **state)
{
    (void)state;
    check(
        "a:7:{s:1:\"a\";i:5;s:1:\"b\";s:1:\"5\";s:1:\"c\";i:5;s:1:\"d\";i:5;i:7;d:1.50;i:8;b:1;"
        "s:1:\"e\";i:3;}",
        "a:7:{s:1:\"a\";i:1234;s:1:\"b\";s:4:\"1234\";s:1:\"c\";s:3:\"A-1\";s:1:\"d\";s:3:\"007\";"
        "i:18;d:1.50;s:2:\"P8\";b:1;s:1:\"e\";N;}",
        set_ids);
}

static void numbers_as_php_writes_them(void **state)
{
    (void)state;
    static const struct {
        const char *number;
        bool is;
    } all[] = {{"0", true},
               {"-0", false},
               {"01", false},
               {"-1", true},
               {"", false},
               {"-", false},
               {"1x", false},
               {"9223372036854775807", true},
               {"9223372036854775808", false},
               {"-9223372036854775808", true},
               {"-9223372036854775809", false},
               {"10000000000000000000", false}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct php_value v = {.type = PHP_INT};
        php_set_text(&v, text(all[i].number));
        assert_int_equal(v.type, all[i].is ? PHP_INT : PHP_STRING);
    }
}

static void keys_are_found_and_texts_read(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct php_tree tree;
    struct slice found;
    assert_int_equal(php_parse(&tree,
                               text("a:4:{i:5;s:1:\"a\";s:1:\"6\";i:7;s:0:\"\";d:1.5;i:7;d:1;}"),
                               &arena, NULL, NULL),
                     0);
    assert_true(php_text(&php_find(&tree.root, "5")->value, &found));
    assert_int_equal(found.p[0], 'a');
    assert_true(php_text(&php_find(&tree.root, "6")->value, &found));
    assert_int_equal(found.p[0], '7');
    assert_false(php_text(&php_find(&tree.root, "")->value, &found));
    assert_true(php_text(&php_find(&tree.root, "7")->value, &found));
    assert_int_equal(found.p[0], '1');
    assert_null(php_find(&tree.root, "55"));
    assert_null(php_find(&php_find(&tree.root, "5")->value, "5"));
    arena_free(&arena);
}

static void remove_first(struct php_tree *tree)
{
    php_remove(tree, &tree->root, tree->root.first);
}

static void remove_second(struct php_tree *tree)
{
    bool list = php_is_list(&tree->root);
    php_remove(tree, &tree->root, tree->root.first->next);
    if (list)
        assert_int_equal(php_renumber(tree, &tree->root), 0);
}

static void what_is_removed_is_gone_and_a_list_stays_one(void **state)
{
    (void)state;
    check("a:3:{i:0;s:1:\"a\";i:1;s:1:\"b\";i:2;s:1:\"c\";}", "a:2:{i:0;s:1:\"a\";i:1;s:1:\"c\";}",
          remove_second);
    check("a:3:{i:4;s:1:\"a\";i:5;s:1:\"b\";i:6;s:1:\"c\";}", "a:2:{i:4;s:1:\"a\";i:6;s:1:\"c\";}",
          remove_second);
    check("a:1:{i:0;N;}", "a:0:{}", remove_first);
}

/* As unserialize(), unset() and serialize() of PHP 8.2 do it. */
static void references_follow_what_was_removed(void **state)
{
    (void)state;
    check("a:3:{i:0;s:1:\"x\";i:1;s:1:\"y\";i:2;R:3;}", "a:2:{i:1;s:1:\"y\";i:2;R:2;}",
          remove_first);
    check("a:3:{i:0;s:1:\"x\";i:1;R:2;i:2;R:2;}", "a:2:{i:1;s:1:\"x\";i:2;R:2;}", remove_first);
    /* the object is gone from its first place, and the place in it that names it from within */
    check("a:3:{i:0;O:1:\"A\":1:{s:1:\"n\";O:1:\"B\":1:{s:1:\"u\";r:2;}}i:1;r:3;i:2;r:2;}",
          "a:2:{i:1;O:1:\"B\":1:{s:1:\"u\";O:1:\"A\":1:{s:1:\"n\";r:2;}}i:2;r:3;}", remove_first);
    /* later references find what moved, though its old place is written again */
    check("a:4:{i:0;O:1:\"A\":1:{s:1:\"n\";E:3:\"S:C\";}i:1;r:3;i:2;r:3;i:3;R:2;}",
          "a:3:{i:1;E:3:\"S:C\";i:2;r:2;i:3;O:1:\"A\":1:{s:1:\"n\";r:2;}}", remove_first);
}

static void nothing_is_removed_where_numbers_cannot_be_told(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct php_tree tree;
    struct ds_error err;
    BUF_AUTO struct buf out = {0};
    assert_int_equal(
        php_parse(&tree, text("a:3:{i:0;C:1:\"A\":3:{i;}}i:1;N;i:2;R:3;}"), &arena, NULL, &err), 0);
    remove_second(&tree);
    assert_int_equal(php_write(&tree, &out, &err), DS_EUNSUPPORTED);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_comes_back),
        cmocka_unit_test(what_a_shop_stored_comes_back),
        cmocka_unit_test(what_is_broken_is_refused_with_its_place),
        cmocka_unit_test(depth_size_and_claims_are_bounded),
        cmocka_unit_test(changed_numbers_and_strings_stay_what_they_were),
        cmocka_unit_test(numbers_as_php_writes_them),
        cmocka_unit_test(keys_are_found_and_texts_read),
        cmocka_unit_test(what_is_removed_is_gone_and_a_list_stays_one),
        cmocka_unit_test(references_follow_what_was_removed),
        cmocka_unit_test(nothing_is_removed_where_numbers_cannot_be_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
