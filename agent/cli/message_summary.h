/* Messages counted, per table, for `dump --summary`.
 *
 * Every value of every row is read, as printing it would, so what cannot be printed cannot be
 * counted either. Memory is by the number of tables. One thread.
 */
#ifndef CLI_MESSAGE_SUMMARY_H
#define CLI_MESSAGE_SUMMARY_H

#include "schema/buf.h"
#include "schema/error.h"
#include "schema/filter.h"

struct message_summary;
/* `filter`: only rows of tables that it keeps count, and what cascades; NULL: all. */
int message_summary_new(struct message_summary **out, const struct filter *filter,
                        struct ds_error *err);
void message_summary_free(struct message_summary *s);
/* Count `messages` (whole messages, without version byte). DS_EFORMAT, DS_ENOMEM. */
int message_summary_add(struct message_summary *s, struct slice messages, struct ds_error *err);
/* Append one line of JSON per table, by bytes of its row images, and one of totals. To be called
 * once. DS_ENOMEM. */
int message_summary_print(struct message_summary *s, struct buf *out, struct ds_error *err);

#endif
