/* Keys of shops, in the process that has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>

#include <cmocka.h>

#include "agent/cli/cli.h"

static void keys_are_in_no_core_file(void **state)
{
    static const char *const settings[] = {"name=x", "source.crypt_key=geheim",
                                           "destination.crypt_key=geheim"};
    (void)state;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        char text[3][40] = {"source.database=a", "destination.database=b"};
        struct config_override overrides[] = {{.option = "set", .text = text[0]},
                                              {.option = "set", .text = text[1]},
                                              {.option = "set", .text = text[2]}};
        struct invocation in = {.overrides = overrides, .override_count = 3};
        struct ds_error err = {0};
        snprintf(text[2], sizeof text[2], "%s", settings[i]);
        assert_int_equal(prctl(PR_SET_DUMPABLE, 1), 0);
        if (cli_open(&in, &err))
            fail_msg("%s", err.message);
        assert_int_equal(prctl(PR_GET_DUMPABLE), i == 0);
        in.overrides = NULL;
        in.override_count = 0;
        args_free(&in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(keys_are_in_no_core_file)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
