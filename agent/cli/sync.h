/* What `datasync sync` is asked for: its command line, checked.
 *
 * sync_options.c reads it; sync.c runs what it says. Main thread.
 */
#ifndef CLI_SYNC_H
#define CLI_SYNC_H

#include "agent/agent.h"
#include "agent/cli/cli.h"

struct sync_options {
    struct entity_selection selection;
    bool is_file; /* of the adapter csv */
    struct csv_options csv;
    const char **ids, **increment_ids; /* owned; what they point to is argv's */
};

/* What can be told from the command line alone. DS_EUSAGE, DS_ENOMEM. sync_options_free in any
 * case. */
int sync_options_read(struct invocation *in, struct sync_options *out, struct ds_error *err);
/* What needs the catalogue: does it all go with the entities that are asked for? */
int sync_options_check(const struct invocation *in, const struct sync_options *o,
                       struct ds_error *err);
void sync_options_free(struct sync_options *o);

#endif
