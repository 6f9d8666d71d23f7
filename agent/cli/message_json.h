/* Messages as JSON lines, for `dump` and `quarantine show`.
 *
 * Keeps the table definitions that it has met, because changes refer to them by id. One thread.
 */
#ifndef CLI_MESSAGE_JSON_H
#define CLI_MESSAGE_JSON_H

#include "schema/buf.h"
#include "schema/error.h"
#include "schema/filter.h"
#include "schema/message.h"

struct message_printer;
/* `filter`: only rows of tables that it keeps are printed, and what cascades; NULL: all. */
int message_printer_new(struct message_printer **out, const struct filter *filter,
                        struct ds_error *err);
void message_printer_free(struct message_printer *p);
/* Append one line of JSON per message in `messages` (whole messages, without version byte).
 * DS_EFORMAT, DS_ENOMEM. */
int message_print(struct message_printer *p, struct slice messages, struct buf *out,
                  struct ds_error *err);

#endif
