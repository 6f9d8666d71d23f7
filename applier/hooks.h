/* Delivery of what datasync_outbox holds to the shop's hooks: a command, an address, or both.
 *
 * At least once, in the order in which it was committed, one message at a time for each hook: a row
 * is deleted once its delivery has succeeded, and nothing overtakes one that has failed, which is
 * tried again for ever with growing pauses. A crash in between delivers again, under the same key.
 *
 * Each hook has a thread and a connection to the destination of its own: nothing here makes the
 * applier wait. Functions may be called from any thread, hooks_new and hooks_free from the one that
 * owns it. Errors of deliveries are logged and kept for the status, never returned.
 */
#ifndef APPLIER_HOOKS_H
#define APPLIER_HOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include "schema/config.h"
#include "schema/error.h"

#define HOOK_COMMAND "command"
#define HOOK_URL     "url"

struct hooks;
struct hooks_status {
    uint64_t pending;     /* messages that wait */
    uint64_t oldest;      /* age of the first of them, seconds */
    uint64_t attempts;    /* that it has seen */
    char last_error[500]; /* "" the last attempt went well */
};

/* Was this built with libcurl? */
bool hooks_can_send(void);
/* `ended(arg)` is called by the last of the threads when it ends. Before other threads are started,
 * because of libcurl. */
int hooks_new(struct hooks **out, const struct config *c, void (*ended)(void *arg), void *arg,
              struct ds_error *err);
/* The applier has its lock: deliveries may begin. Starts the threads, once. */
void hooks_open(struct hooks *h);
/* So many rows were committed. */
void hooks_added(struct hooks *h, uint64_t rows);
/* Nothing more comes: deliver what waits, and end when that is done or fails. */
void hooks_finish(struct hooks *h);
/* End now; a delivery that is under way is cancelled, and made again by the next run. */
void hooks_stop(struct hooks *h);
/* Have all threads ended, or were none started? */
bool hooks_ended(struct hooks *h);
void hooks_status_get(struct hooks *h, struct hooks_status *out);
/* The same from the table, for a stream that does not run; no last_error. */
int hooks_status_read(const struct config *c, MYSQL *db, struct hooks_status *out,
                      struct ds_error *err);
/* Stops and joins. NULL allowed. */
void hooks_free(struct hooks *h);

/* --- one attempt: hook_command.c, hook_url.c -------------------------------------------------- */

struct hook_message {
    const char *key;
    const uint8_t *payload;
    size_t len;
    unsigned attempt; /* 1 the first */
};
/* 0; DS_ESTOPPED: `stop` became readable; DS_EIO: it did not succeed, and why. */
int hook_run_command(const struct config *c, const struct hook_message *m, int stop,
                     struct ds_error *err);
int hook_send(const struct config *c, const struct hook_message *m, int stop, struct ds_error *err);
/* "sha256=" and the hex digits of the HMAC of "timestamp.payload". */
enum { HOOK_SIGNATURE_SIZE = 72 };
int hook_sign(const char *secret, const char *timestamp, const uint8_t *payload, size_t len,
              char out[HOOK_SIGNATURE_SIZE], struct ds_error *err);
/* The library's own start and end, for hooks.c. */
int hook_send_init(struct ds_error *err);
void hook_send_end(void);
/* What fits of a text, on one line: for the log. */
void hook_one_line(const void *text, size_t len, char *out, size_t size);

#endif
