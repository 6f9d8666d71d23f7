/* The stream's files: state folder, locks, sockets.
 *
 * A stream has two halves, agent and applier; each has a lock (flock on state_dir/NAME.agent.lock
 * and NAME.apply.lock), which its process holds until it ends. `run` and others that are both take
 * both.
 */
#ifndef CLI_LOCK_H
#define CLI_LOCK_H

#include <stdbool.h>

#include "schema/buf.h"
#include "schema/config.h"
#include "schema/error.h"

struct stream_lock {
    int agent, applier; /* file descriptors, -1 not held */
};
#define STREAM_LOCK_NONE ((struct stream_lock){.agent = -1, .applier = -1})

/* Create state_dir (mode 0700). */
int state_dir_create(const struct config *c, struct ds_error *err);
/* state_dir/NAME<suffix>, NUL-terminated in out. */
int state_path(const struct config *c, const char *suffix, struct buf *out, struct ds_error *err);
/* DS_EBUSY names who holds it. state_dir must exist. */
int stream_lock_take(struct stream_lock *l, const struct config *c, bool agent, bool applier,
                     const char *command, struct ds_error *err);
void stream_lock_release(struct stream_lock *l);

#endif
