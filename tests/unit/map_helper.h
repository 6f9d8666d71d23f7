/* For the tests of maps: a map of the text of its file. */
#ifndef TESTS_UNIT_MAP_HELPER_H
#define TESTS_UNIT_MAP_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "schema/map.h"

static char file[] = "/tmp/datasync-map-XXXXXX";

static int setup(void **state)
{
    (void)state;
    int fd = mkstemp(file);
    return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
    (void)state;
    return unlink(file);
}

/* *m is to be freed in any case. */
static int try_map(struct map **m, const char *text, struct ds_error *err)
{
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(map_new(m, err), 0);
    int rc = map_read(*m, file, err);
    return rc ? rc : map_check(*m, err);
}

static struct map *reads(const char *text)
{
    struct map *m;
    struct ds_error err = {0};
    if (try_map(&m, text, &err))
        fail_msg("%s", err.message);
    return m;
}

#endif
