/* datasync apply: the destination's half alone. */
#include "agent/cli/runner.h"

int command_apply(struct invocation *in)
{
    struct ds_error err = {0};
    struct runner_options o = {.command = "apply", .applier = true, .retry_forever = true};
    int rc = cli_open(in, &err);
    return rc ? cli_fail(&err) : runner_run(in, &o);
}
