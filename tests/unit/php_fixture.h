/* Serialised values that a shop stored: tests/fixtures/openmage/php_values.tsv. For one test
 * program each; included after cmocka.h. */
#ifndef TESTS_UNIT_PHP_FIXTURE_H
#define TESTS_UNIT_PHP_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/buf.h"

struct php_fixture {
    const char *table, *column;
    const char *code; /* of an option of an item; "" elsewhere */
    struct slice value;
};

/* Calls `each` for every line. */
static void php_fixtures(int (*each)(void *arg, const struct php_fixture *f), void *arg)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t len;
    FILE *file = fopen(FIXTURES "/openmage/php_values.tsv", "rb");
    assert_non_null(file);
    while ((len = getline(&line, &room, file)) > 0) {
        char *field[4] = {line};
        for (size_t i = 1; i < 4; i++) {
            field[i] = strchr(field[i - 1], '\t');
            assert_non_null(field[i]);
            *field[i]++ = 0;
        }
        size_t value_len = (size_t)(line + len - field[3]) - 1; /* without the newline */
        uint8_t *value = malloc(value_len ? value_len : 1);
        assert_non_null(value);
        memcpy(value, field[3], value_len);
        struct php_fixture f = {field[0], field[1], field[2], {value, value_len}};
        assert_int_equal(each(arg, &f), 0);
        free(value);
    }
    free(line);
    assert_int_equal(fclose(file), 0);
}

#endif
