/* The status socket: state_dir/NAME.sock, or NAME.agent.sock and NAME.apply.sock for halves.
 *
 * The server lives on the main thread's libuv loop: it answers every connection with one JSON line
 * and closes it. The client blocks, two seconds at most.
 */
#ifndef CLI_SOCKET_H
#define CLI_SOCKET_H

#include <uv.h>

#include "schema/buf.h"
#include "schema/config.h"
#include "schema/error.h"

struct status_server;
/* `answer` appends the JSON. Replaces a socket that a killed process left: the caller holds the
 * stream's lock. */
int status_server_start(struct status_server **out, uv_loop_t *loop, const struct config *c,
                        const char *suffix, int (*answer)(void *arg, struct buf *out), void *arg,
                        struct ds_error *err);
/* Closes its handles; freed when the loop has run once more. */
void status_server_stop(struct status_server *s);

/* What the process answers. DS_EAGAIN: nobody there. */
int status_ask(const struct config *c, const char *suffix, struct buf *out, struct ds_error *err);

#endif
