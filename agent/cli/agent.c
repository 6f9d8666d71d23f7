/* datasync agent: the source's half alone. */
#include "agent/cli/runner.h"

int command_agent(struct invocation *in)
{
    struct ds_error err = {0};
    struct runner_options o = {.command = "agent", .agent = true, .retry_forever = true};
    int rc = cli_open(in, &err);
    if (rc == 0 && in->stop_at)
        rc = runner_parse_where("stop-at", in->stop_at, &o.stop_at, &err);
    int code = rc ? cli_fail(&err) : runner_run(in, &o);
    position_free(&o.stop_at.position);
    return code;
}
