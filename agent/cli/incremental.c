/* datasync incremental: up to the source's position of now, then end. */
#include "agent/cli/runner.h"
#include "schema/log.h"

int command_incremental(struct invocation *in)
{
    struct ds_error err = {0};
    struct runner_options o = {.command = "incremental",
                               .agent = true,
                               .applier = true,
                               .ends_by_itself = true,
                               .resnapshot = in->resnapshot,
                               .dry_run = in->dry_run,
                               .no_lock = in->no_lock,
                               .stop_at = {.kind = STOP_AT_SOURCE_NOW}};
    int rc = cli_open(in, &err);
    o.limit_rows = in->limit;
    if (rc == 0 && in->resnapshot && in->dry_run)
        rc = error_set(&err, DS_EUSAGE, "--resnapshot and --dry-run do not go together");
    if (rc == 0 && in->resnapshot)
        rc = cli_confirm(in, "Drop the checkpoint and copy everything again?", &err);
    if (rc == 0 && in->mark_synced)
        log_debug("--mark-synced changes nothing: data and position commit together");
    return rc ? cli_fail(&err) : runner_run(in, &o);
}
