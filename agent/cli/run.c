/* datasync run: agent and applier in one process, for ever. */
#include "agent/cli/runner.h"

int command_run(struct invocation *in)
{
    struct ds_error err = {0};
    struct runner_options o = {.command = "run",
                               .agent = true,
                               .applier = true,
                               .retry_forever = true,
                               .resnapshot = in->resnapshot};
    int rc = cli_open(in, &err);
    if (rc == 0 && in->stop_at) {
        rc = runner_parse_where("stop-at", in->stop_at, &o.stop_at, &err);
        o.ends_by_itself = true;
    }
    if (rc == 0 && in->resnapshot)
        rc = cli_confirm(in, "Drop the checkpoint and copy everything again?", &err);
    int code = rc ? cli_fail(&err) : runner_run(in, &o);
    position_free(&o.stop_at.position);
    return code;
}
