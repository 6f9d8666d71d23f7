/* datasync skip: pass over one transaction, for the record. */
#include <stdio.h>

#include "agent/cli/cli.h"
#include "applier/quarantine.h"
#include "schema/log.h"

int command_skip(struct invocation *in)
{
    struct ds_error err = {0};
    char question[400];
    const char *position = in->arguments[0];
    int rc = cli_open_stream(in, &err);
    snprintf(question, sizeof question,
             "Pass over transaction %.200s? Its changes are lost at the destination.", position);
    rc = rc ? rc : cli_confirm(in, question, &err);
    const struct applier_options o = cli_applier(in);
    rc = rc ? rc : skip_add(&o, position, in->reason, &err);
    if (rc)
        return cli_fail(&err);
    log_info("will be passed over when the stream comes to it position=%s", position);
    return EXIT_DONE;
}
