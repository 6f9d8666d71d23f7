/* datasync incremental: up to the source's position of now, then end. */
#include "agent/cli/runner.h"
#include "agent/cli/summary.h"
#include "schema/log.h"

/* What the tracker at the source names, instead of what its binlog has. */
static int follow_tracker(struct invocation *in)
{
    struct ds_error err = {0};
    const struct entity_selection all = {0};
    const struct tracker_options tracker = {.mark = in->mark_synced && !in->dry_run,
                                            .limit = in->limit};
    const struct runner_options o = {.command = "incremental",
                                     .agent = true,
                                     .applier = true,
                                     .ends_by_itself = true,
                                     .range = true,
                                     .dry_run = in->dry_run,
                                     .no_lock = in->no_lock,
                                     .copy = &all,
                                     .tracker = &tracker,
                                     .stop_at = {.kind = STOP_NEVER}};
    int rc = in->resnapshot ? error_set(&err, DS_EUSAGE,
                                        "--resnapshot and --tracker do not go together: the "
                                        "tracker has no position that could be dropped")
                            : cli_open(in, &err);
    if (rc == 0 && in->config.mode != MODE_IMPORT)
        rc = error_set(&err, DS_EUSAGE,
                       "--tracker is for mode: import, into a shop that has ids of its own; a "
                       "mirror needs the binlog");
    return rc ? cli_fail(&err) : summary_of_run(in, &o);
}

int command_incremental(struct invocation *in)
{
    struct ds_error err = {0};
    if (in->tracker)
        return follow_tracker(in);
    struct runner_options o = {.command = "incremental",
                               .agent = true,
                               .applier = true,
                               .ends_by_itself = true,
                               .resnapshot = in->resnapshot,
                               .dry_run = in->dry_run,
                               .no_lock = in->no_lock,
                               .stop_at = {.kind = STOP_AT_SOURCE_NOW}};
    int rc = cli_open(in, &err);
    bool import = rc == 0 && in->config.mode == MODE_IMPORT;
    o.limit_rows = in->limit;
    if (rc == 0 && in->json && !import)
        rc = error_set(&err, DS_EUSAGE,
                       "--json is for mode: import: `datasync status --json` tells of a mirror");
    if (rc == 0 && in->resnapshot && in->dry_run)
        rc = error_set(&err, DS_EUSAGE, "--resnapshot and --dry-run do not go together");
    if (rc == 0 && in->resnapshot)
        rc = cli_confirm(in, "Drop the checkpoint and copy everything again?", &err);
    if (rc == 0 && in->mark_synced)
        log_debug("--mark-synced changes nothing: data and position commit together");
    return rc ? cli_fail(&err) : import ? summary_of_run(in, &o) : runner_run(in, &o);
}
