/* datasync replay: a range of the binlog, from the server or from files. */
#include "agent/cli/runner.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static int check_files(const struct invocation *in, struct ds_error *err)
{
    for (size_t i = 0; i < in->argument_count; i++)
        if (access(in->arguments[i], R_OK))
            return error_set(err, DS_EUSAGE, "%s: %s", in->arguments[i], strerror(errno));
    return 0;
}

int command_replay(struct invocation *in)
{
    struct ds_error err = {0};
    struct agent_stop_at from = {0};
    struct runner_options o = {.command = "replay",
                               .agent = true,
                               .applier = true,
                               .ends_by_itself = true,
                               .range = true,
                               .dry_run = in->dry_run,
                               .files = in->arguments,
                               .file_count = in->argument_count,
                               .stop_at = {.kind = STOP_NEVER}};
    int rc = check_files(in, &err);
    if (rc == 0)
        rc = cli_open(in, &err);
    if (rc == 0 && in->from)
        rc = runner_parse_where("from", in->from, &from, &err);
    if (rc == 0 && in->to)
        rc = runner_parse_where("to", in->to, &o.stop_at, &err);
    if (rc == 0 && !in->to && !in->argument_count)
        o.stop_at.kind = STOP_AT_SOURCE_NOW; /* a range has an end */
    o.from = from.position;
    o.from_time = from.time;
    int code = rc ? cli_fail(&err) : runner_run(in, &o);
    position_free(&from.position);
    position_free(&o.stop_at.position);
    return code;
}
