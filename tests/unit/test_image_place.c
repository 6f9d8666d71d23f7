/* Images: what cells are called in rows, and which names lead where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "schema/error.h"
#include "schema/image_place.h"

#define TEXT(text) ((struct slice){(const uint8_t *)(text), strlen(text)})

static const char *placed(enum image_kind kind, const char *cell)
{
    static struct buf place;
    const char *why = NULL;
    buf_clear(&place);
    int rc = image_place(kind, TEXT(cell), &place, &why);
    assert_true(rc == 0 || (rc == DS_EFORMAT && why));
    static char text[600];
    snprintf(text, sizeof text, "%s", rc ? "-" : buf_cstr(&place));
    buf_free(&place);
    return text;
}

static void cells_become_names(void **state)
{
    (void)state;
    static const struct {
        const char *cell, *product, *category;
    } cases[] = {
        {"shirt.jpg", "/s/h/shirt.jpg", "shirt.jpg"},
        {"Shirt 1.JPG", "/s/h/Shirt 1.JPG", "Shirt 1.JPG"},
        {"-x.png", "/_/x/-x.png", "-x.png"},
        {"/s/h/shirt.jpg", "/s/h/shirt.jpg", "s/h/shirt.jpg"},
        {"old/shirt.jpg", "/old/shirt.jpg", "old/shirt.jpg"},
        {"../shirt.jpg", "-", "-"},
        {"/a/../../shirt.jpg", "-", "-"},
        {"a//b.jpg", "-", "-"},
        {"a/./b.jpg", "-", "-"},
        {".htaccess", "-", "-"},
        {"a/.ht.jpg", "-", "-"},
        {"a\\b.jpg", "-", "-"},
        {"a\nb.jpg", "-", "-"},
        {"folder/", "-", "-"},
        {"/", "-", "-"},
        {"ftp://a.example/x.jpg", "-", "-"},
        {"file:///etc/passwd", "-", "-"},
        {"https://a.example", "-", "-"},
        {"https://a.example/", "-", "-"},
        {"https://a.example/b/", "-", "-"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(placed(IMAGE_PRODUCT, cases[i].cell), cases[i].product);
        assert_string_equal(placed(IMAGE_CATEGORY, cases[i].cell), cases[i].category);
    }
}

static void addresses_become_names_of_their_own(void **state)
{
    (void)state;
    char first[600], second[600];
    snprintf(first, sizeof first, "%s", placed(IMAGE_PRODUCT, "https://a.example/x/front.jpg"));
    assert_int_equal(strncmp(first, "/f/r/front_", 11), 0);
    assert_string_equal(first + strlen(first) - 4, ".jpg");
    /* two places, two files */
    snprintf(second, sizeof second, "%s", placed(IMAGE_PRODUCT, "https://a.example/y/front.jpg"));
    assert_string_not_equal(first, second);
    /* a signature or a version does not make another one … */
    assert_string_equal(placed(IMAGE_PRODUCT, "https://a.example/x/front.jpg?v=2#top"), first);
    /* … a number that says which image does */
    snprintf(first, sizeof first, "%s", placed(IMAGE_PRODUCT, "https://a.example/get?id=1"));
    assert_string_not_equal(placed(IMAGE_PRODUCT, "https://a.example/get?id=2"), first);
    snprintf(first, sizeof first, "%s",
             placed(IMAGE_PRODUCT, "https://a.example/%2e%2e%2Fetc%2fp%20w%FFd.jpg"));
    assert_null(strstr(first, ".."));
    assert_null(strchr(first + 5, '/'));
    assert_null(strchr(placed(IMAGE_CATEGORY, "https://a.example/b/c.png"), '/'));
}

static void values_stay_in_the_folder(void **state)
{
    (void)state;
    char path[IMAGE_PATH_SIZE];
    char longer[IMAGE_PATH_SIZE + 10];
    assert_int_equal(image_value_path(TEXT("/s/h/shirt.jpg"), path), IMAGE_FILE);
    assert_string_equal(path, "s/h/shirt.jpg");
    assert_int_equal(image_value_path(TEXT("shoes.jpg"), path), IMAGE_FILE);
    /* not an address: nobody decodes it */
    assert_int_equal(image_value_path(TEXT("/%2e%2e/x.jpg"), path), IMAGE_FILE);
    assert_string_equal(path, "%2e%2e/x.jpg");
    static const char *const none[] = {"", "no_selection", "https://a.example/x.jpg"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_int_equal(image_value_path(TEXT(none[i]), path), IMAGE_NONE);
    static const char *const astray[] = {"../x.jpg", "/../x.jpg", "//x.jpg", "/a/../../x.jpg",
                                         "/",        "/a/",       "/a/..",   "\\x.jpg",
                                         "/.x.jpg",  "/a\x01.jpg"};
    for (size_t i = 0; i < sizeof astray / sizeof *astray; i++)
        assert_int_equal(image_value_path(TEXT(astray[i]), path), IMAGE_ASTRAY);
    assert_int_equal(image_value_path((struct slice){(const uint8_t *)"a\0.jpg", 6}, path),
                     IMAGE_ASTRAY);
    memset(longer, 'a', sizeof longer);
    for (size_t i = 100; i < sizeof longer; i += 100)
        longer[i] = '/';
    assert_int_equal(image_value_path((struct slice){(const uint8_t *)longer, sizeof longer}, path),
                     IMAGE_ASTRAY);
    assert_string_equal(image_dispersed_name("s/h/shirt.jpg"), "shirt.jpg");
    assert_null(image_dispersed_name("s/x/shirt.jpg"));
    assert_null(image_dispersed_name("shirt.jpg"));
    assert_null(image_dispersed_name("s/h/a/shirt.jpg"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_become_names),
        cmocka_unit_test(addresses_become_names_of_their_own),
        cmocka_unit_test(values_stay_in_the_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
