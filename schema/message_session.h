/* Session state inside ddl and truncate messages: a map with short keys, so that fields can be
 * added. Shared by message_write.c and message_read.c; nobody else includes it.
 */
#ifndef SCHEMA_MESSAGE_SESSION_H
#define SCHEMA_MESSAGE_SESSION_H

#include <stddef.h>

#include "schema/message.h"

enum session_kind { SESSION_TEXT, SESSION_U16, SESSION_U32, SESSION_U64, SESSION_FLAG };
struct session_field {
    char key[3];
    enum session_kind kind; /* SESSION_FLAG: -1 unknown, 0, 1 */
    size_t offset;          /* in struct msg_session */
};

static const struct session_field session_fields[] = {
    {"d", SESSION_TEXT, offsetof(struct msg_session, database)},
    {"m", SESSION_U64, offsetof(struct msg_session, sql_mode)},
    {"f", SESSION_U32, offsetof(struct msg_session, flags2)},
    {"e", SESSION_U16, offsetof(struct msg_session, error_code)},
    {"c", SESSION_U16, offsetof(struct msg_session, client_charset)},
    {"cc", SESSION_U16, offsetof(struct msg_session, connection_collation)},
    {"sc", SESSION_U16, offsetof(struct msg_session, server_collation)},
    {"dc", SESSION_U16, offsetof(struct msg_session, database_collation)},
    {"z", SESSION_TEXT, offsetof(struct msg_session, time_zone)},
    {"t", SESSION_U64, offsetof(struct msg_session, timestamp)},
    {"u", SESSION_U32, offsetof(struct msg_session, microseconds)},
    {"l", SESSION_U16, offsetof(struct msg_session, lc_time_names)},
    {"ai", SESSION_U16, offsetof(struct msg_session, auto_increment_increment)},
    {"ao", SESSION_U16, offsetof(struct msg_session, auto_increment_offset)},
    {"xd", SESSION_FLAG, offsetof(struct msg_session, explicit_defaults_for_timestamp)},
    {"ck", SESSION_FLAG, offsetof(struct msg_session, check_constraint_checks)},
    {"um", SESSION_U16, offsetof(struct msg_session, utf8mb4_collation)},
    {"th", SESSION_U32, offsetof(struct msg_session, thread_id)},
    {"en", SESSION_TEXT, offsetof(struct msg_session, engine)},
};
enum { SESSION_FIELDS = sizeof session_fields / sizeof *session_fields };

#endif
