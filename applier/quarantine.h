/* What an operator does with changes that were set aside, and with a transaction that shall be
 * passed over.
 *
 * Called by agent/cli, with connections of their own. `list` and `show` take no lock; the others
 * take the stream's lock at the destination (DS_EBUSY while `run` or `apply` works).
 */
#ifndef APPLIER_QUARANTINE_H
#define APPLIER_QUARANTINE_H

#include <stdbool.h>
#include <stdint.h>

#include "applier/applier.h"
#include "schema/buf.h"
#include "schema/config.h"
#include "schema/error.h"
#include "schema/filter.h"

struct quarantine_row {
    uint64_t id, held_by;            /* held_by 0: the change that did not fit itself */
    const char *entity, *entity_key; /* entity_key "": unknown */
    const char *table, *key, *operation, *reason, *position, *created_at;
    unsigned reason_code;
    uint64_t age;            /* seconds since it was set aside */
    const uint8_t *messages; /* quarantine_show only: version byte, table message, change message */
    size_t messages_len;
};
/* Calls `each` for every waiting change, oldest first (id 0), or for one of them (with messages).
 * *count: how many. */
int quarantine_list(const struct config *config, uint64_t id,
                    int (*each)(void *arg, const struct quarantine_row *row), void *arg,
                    uint64_t *count, struct ds_error *err);
/* `options` of these: configuration, filter and map of the stream.
 *
 * Apply again the change `id` and everything that waits behind it, by what they come to, else in
 * order, in one transaction (id 0: all of them, one transaction each). What still does not fit
 * stays; *left counts these, *done the applied ones. */
int quarantine_retry(const struct applier_options *options, uint64_t id, uint64_t *done,
                     uint64_t *left, struct ds_error *err);
/* Forget the change `id` and what waits behind it: they are never applied. */
int quarantine_drop(const struct applier_options *options, uint64_t id, uint64_t *dropped,
                    struct ds_error *err);
/* Pass over the transaction whose GTID is, or which ends at FILE:POSITION, `position`, when the
 * stream comes to it. Recorded with the reason (NULL: none given). DS_EUSAGE: it is applied
 * already.
 */
int skip_add(const struct applier_options *options, const char *position, const char *reason,
             struct ds_error *err);

#endif
