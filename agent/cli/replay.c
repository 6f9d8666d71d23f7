/* datasync replay: a range of the binlog, from the server or from files. */
#include "agent/cli/runner.h"

#include <stdlib.h>

/* Those of --file, and the ones named without it. */
static int take_files(struct invocation *in, struct ds_error *err)
{
    struct texts *f = &in->files;
    const char **more = realloc(f->items, (f->count + in->argument_count + 1) * sizeof *more);
    if (!more)
        return error_set(err, DS_ENOMEM, "out of memory for the command line");
    f->items = more;
    for (size_t i = 0; i < in->argument_count; i++)
        f->items[f->count++] = in->arguments[i];
    int rc = 0;
    for (size_t i = 0; i < f->count && rc == 0; i++)
        rc = cli_check_file(f->items[i], err);
    return rc;
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
                               .stop_at = {.kind = STOP_NEVER}};
    int rc = take_files(in, &err);
    o.files = in->files.items;
    o.file_count = in->files.count;
    if (rc == 0)
        rc = cli_open(in, &err);
    if (rc == 0 && in->from)
        rc = runner_parse_where("from", in->from, &from, &err);
    if (rc == 0 && in->to)
        rc = runner_parse_where("to", in->to, &o.stop_at, &err);
    if (rc == 0 && !in->to && !o.file_count)
        o.stop_at.kind = STOP_AT_SOURCE_NOW; /* a range has an end */
    o.from = from.position;
    o.from_time = from.time;
    int code = rc ? cli_fail(&err) : runner_run(in, &o);
    position_free(&from.position);
    position_free(&o.stop_at.position);
    return code;
}
