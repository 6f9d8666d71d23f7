/* Messages put aside in an unlinked file: what is read under a lock must not wait for the applier.
 *
 * For snapshot.c only. One owner, one thread.
 */
#ifndef AGENT_SNAPSHOT_SPILL_H
#define AGENT_SNAPSHOT_SPILL_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "schema/error.h"

struct spill {
    FILE *file;
};

/* In `folder`; where that is not possible, in the system's folder for temporary files. DS_EIO. */
int spill_open(struct spill *s, const char *folder, struct ds_error *err);
int spill_put(struct spill *s, const void *message, size_t len, struct ds_error *err);
/* Hand out all messages in order, then forget them. Ends at the first non-zero return of `put`. */
int spill_drain(struct spill *s, void *arg,
                int (*put)(void *arg, const void *message, size_t len, struct ds_error *err),
                struct ds_error *err);
void spill_close(struct spill *s);

#endif
