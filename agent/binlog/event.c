/* Event headers, checksums, the format description, and the dispatch to one function per type.
 *
 * Whether an event ends in a CRC32 is said by the format description in force. Two kinds of events
 * do not follow it: an artificial ROTATE and a heartbeat are made for one connection, and come with
 * or without a checksum as that session asked, also before any format description. There the bytes
 * themselves tell: a trailing CRC32 of everything before it is not met by chance.
 */
#include "decoder.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

#ifdef HAVE_LIBDEFLATE
#include <libdeflate.h>
#else
#include <zlib.h>
#endif

enum { CHECKSUM_OFF = 0, CHECKSUM_CRC32 = 1, CHECKSUM_UNDEFINED = 255 };
#define CHECKSUM_LENGTH 4u

const char *event_type_name(uint8_t type)
{
    static const char *const names[] = {
        [EV_START_V3] = "Start_v3",
        [EV_QUERY] = "Query",
        [EV_STOP] = "Stop",
        [EV_ROTATE] = "Rotate",
        [EV_INTVAR] = "Intvar",
        [EV_LOAD] = "Load",
        [EV_SLAVE] = "Slave",
        [EV_CREATE_FILE] = "Create_file",
        [EV_APPEND_BLOCK] = "Append_block",
        [EV_EXEC_LOAD] = "Exec_load",
        [EV_DELETE_FILE] = "Delete_file",
        [EV_NEW_LOAD] = "New_load",
        [EV_RAND] = "RAND",
        [EV_USER_VAR] = "User var",
        [EV_FORMAT_DESCRIPTION] = "Format_desc",
        [EV_XID] = "Xid",
        [EV_BEGIN_LOAD_QUERY] = "Begin_load_query",
        [EV_EXECUTE_LOAD_QUERY] = "Execute_load_query",
        [EV_TABLE_MAP] = "Table_map",
        [EV_WRITE_ROWS_V1] = "Write_rows_v1",
        [EV_UPDATE_ROWS_V1] = "Update_rows_v1",
        [EV_DELETE_ROWS_V1] = "Delete_rows_v1",
        [EV_INCIDENT] = "Incident",
        [EV_HEARTBEAT] = "Heartbeat",
        [EV_IGNORABLE] = "Ignorable",
        [EV_ROWS_QUERY] = "Rows_query",
        [EV_WRITE_ROWS] = "Write_rows",
        [EV_UPDATE_ROWS] = "Update_rows",
        [EV_DELETE_ROWS] = "Delete_rows",
        [EV_GTID_LOG] = "Gtid",
        [EV_ANONYMOUS_GTID] = "Anonymous_Gtid",
        [EV_PREVIOUS_GTIDS] = "Previous_gtids",
        [EV_TRANSACTION_CONTEXT] = "Transaction_context",
        [EV_VIEW_CHANGE] = "View_change",
        [EV_XA_PREPARE] = "XA_prepare",
        [EV_PARTIAL_UPDATE_ROWS] = "Update_rows_partial",
        [EV_TRANSACTION_PAYLOAD] = "Transaction_payload",
        [EV_HEARTBEAT_V2] = "Heartbeat",
        [EV_GTID_TAGGED] = "Gtid_tagged",
        [EV_ANNOTATE_ROWS] = "Annotate_rows",
        [EV_BINLOG_CHECKPOINT] = "Binlog_checkpoint",
        [EV_GTID] = "Gtid",
        [EV_GTID_LIST] = "Gtid_list",
        [EV_START_ENCRYPTION] = "Start_encryption",
        [EV_QUERY_COMPRESSED] = "Query_compressed",
        [EV_WRITE_ROWS_COMPRESSED_V1] = "Write_rows_compressed_v1",
        [EV_UPDATE_ROWS_COMPRESSED_V1] = "Update_rows_compressed_v1",
        [EV_DELETE_ROWS_COMPRESSED_V1] = "Delete_rows_compressed_v1",
        [EV_WRITE_ROWS_COMPRESSED] = "Write_rows_compressed",
        [EV_UPDATE_ROWS_COMPRESSED] = "Update_rows_compressed",
        [EV_DELETE_ROWS_COMPRESSED] = "Delete_rows_compressed",
    };
    static _Thread_local char unknown[16];
    if (type < sizeof names / sizeof *names && names[type])
        return names[type];
    snprintf(unknown, sizeof unknown, "unknown(%u)", type);
    return unknown;
}

int(event_malformed)(struct ds_error *err, const char *event, const char *what)
{
    return error_set(err, DS_EFORMAT,
                     "malformed %s event: %s; the binlog is damaged here, or comes from a server "
                     "that is not known yet",
                     event, what);
}

static uint32_t crc32_update(uint32_t crc, const uint8_t *p, size_t n)
{
#ifdef HAVE_LIBDEFLATE
    return libdeflate_crc32(crc, p, n);
#else
    return (uint32_t)crc32_z(crc, p, n);
#endif
}

bool cursor_lenenc(struct cursor *c, uint64_t *out)
{
    if (cursor_left(c) < 1)
        return false;
    uint8_t first = *c->p;
    size_t extra = first == 252 ? 2 : first == 253 ? 3 : first == 254 ? 8 : 0;
    if (first == 251 || first == 255 || cursor_left(c) < 1 + extra)
        return false;
    *out = extra ? le_n(c->p + 1, extra) : first;
    c->p += 1 + extra;
    return true;
}

/* As many bytes follow the first as it has trailing one bits; the value stands above them. */
bool cursor_varlen(struct cursor *c, uint64_t *out)
{
    if (cursor_left(c) < 1)
        return false;
    unsigned extra = *c->p == 0xff ? 8 : (unsigned)__builtin_ctz(~(unsigned)*c->p);
    if (cursor_left(c) < 1 + extra)
        return false;
    *out = extra == 8 ? le64(c->p + 1) : le_n(c->p, 1 + extra) >> (extra + 1);
    c->p += 1 + extra;
    return true;
}

int decoder_new(struct decoder **out, uint64_t max_event, struct ds_error *err)
{
    struct decoder *d = calloc(1, sizeof *d);
    if (d)
        d->zstd = ZSTD_createDCtx();
    if (!d || !d->zstd) {
        free(d);
        return error_set(err, DS_ENOMEM, "out of memory for the binlog decoder");
    }
    d->max_event = max_event;
    d->verify = true;
    *out = d;
    return 0;
}

void decoder_free(struct decoder *d)
{
    if (!d)
        return;
    table_maps_free(d);
    gtid_set_free(&d->gtids);
    buf_free(&d->payload);
    buf_free(&d->inflated);
    buf_free(&d->text);
    ZSTD_freeDCtx(d->zstd);
    free(d);
}

void decoder_verify_checksum(struct decoder *d, bool on)
{
    d->verify = on;
}

void decoder_drop_maps(struct decoder *d)
{
    table_maps_drop(d);
}

int decoder_header(struct slice bytes, struct event_header *out, struct ds_error *err)
{
    if (bytes.len < EVENT_HEADER_LENGTH)
        return error_set(err, DS_EFORMAT, "event of %zu bytes is shorter than its header",
                         bytes.len);
    *out = (struct event_header){
        .timestamp = le32(bytes.p),
        .type = bytes.p[4],
        .server_id = le32(bytes.p + 5),
        .length = le32(bytes.p + 9),
        .next_pos = le32(bytes.p + 13),
        .flags = le16(bytes.p + 17),
    };
    if (out->length < EVENT_HEADER_LENGTH)
        return error_set(err, DS_EFORMAT,
                         "event says that it is %u bytes long, less than its header", out->length);
    return 0;
}

/* Does the event end in the CRC32 of what stands before it? */
static bool checksum_matches(struct slice bytes, uint16_t flags)
{
    size_t length = bytes.len - CHECKSUM_LENGTH;
    uint32_t want = le32(bytes.p + length);
    if (!(flags & EVENT_FLAG_IN_USE))
        return crc32_update(0, bytes.p, length) == want;
    /* The flag is set in place when a file is opened, after its checksum was computed. */
    uint8_t header[EVENT_HEADER_LENGTH];
    memcpy(header, bytes.p, sizeof header);
    header[17] = (uint8_t)(header[17] & ~EVENT_FLAG_IN_USE);
    uint32_t crc = crc32_update(0, header, sizeof header);
    return crc32_update(crc, bytes.p + sizeof header, length - sizeof header) == want;
}

static int checksum_check(const struct decoder *d, struct slice bytes, const struct event_header *h,
                          struct ds_error *err)
{
    if (d->verify && !checksum_matches(bytes, h->flags))
        return error_set(err, DS_EFORMAT,
                         "checksum of a %s event of %u bytes is wrong: the binlog was damaged on "
                         "disk or on the way; read it again, or copy the tables anew",
                         event_type_name(h->type), h->length);
    return 0;
}

static bool is_made_for_connection(const struct event_header *h)
{
    return (h->type == EV_ROTATE && (h->flags & EVENT_FLAG_ARTIFICIAL || h->timestamp == 0)) ||
           h->type == EV_HEARTBEAT || h->type == EV_HEARTBEAT_V2;
}

/* Cut the checksum off `body`, which reaches to the end of the event, verifying it. */
static int checksum_strip(const struct decoder *d, struct slice bytes, const struct event_header *h,
                          struct cursor *body, struct ds_error *err)
{
    bool has = d->checksum;
    if (is_made_for_connection(h))
        has = cursor_left(body) >= CHECKSUM_LENGTH && checksum_matches(bytes, h->flags);
    else if (!d->have_format)
        return error_set(err, DS_EFORMAT,
                         "%s event before a format description: start reading at the beginning of "
                         "the binlog file",
                         event_type_name(h->type));
    if (!has)
        return 0;
    if (cursor_left(body) < CHECKSUM_LENGTH)
        return event_malformed(err, event_type_name(h->type), "no room for its checksum");
    body->end -= CHECKSUM_LENGTH;
    return is_made_for_connection(h) ? 0 : checksum_check(d, bytes, h, err);
}

static bool version_before(const char *version, const unsigned want[3])
{
    for (int i = 0; i < 3; i++) {
        char *end;
        unsigned long part = strtoul(version, &end, 10);
        if (part != want[i])
            return part < want[i];
        version = *end == '.' ? end + 1 : end;
    }
    return false;
}

static int format_versions(const struct format_event *f, unsigned header_length,
                           struct ds_error *err)
{
    static const unsigned oldest[3] = {5, 6, 1};
    if (f->binlog_version != 4)
        return error_set(err, DS_EUNSUPPORTED, "binlog format version %u of server %s: 4 is known",
                         f->binlog_version, f->server_version);
    if (header_length != EVENT_HEADER_LENGTH)
        return error_set(err, DS_EUNSUPPORTED, "event headers of %u bytes in a binlog of server %s",
                         header_length, f->server_version);
    if (!f->mariadb && version_before(f->server_version, oldest))
        return error_set(err, DS_EUNSUPPORTED,
                         "binlog of MySQL %s: versions from 5.6 on can be read", f->server_version);
    return 0;
}

/* version(2) server(50) created(4) header length(1) post-header lengths(n) algorithm(1) crc(4) */
static int format_decode(struct decoder *d, struct slice bytes, const struct event_header *h,
                         struct cursor body, struct format_event *out, struct ds_error *err)
{
    static const unsigned explicit_defaults_since[3] = {10, 10, 0};
    const uint8_t *p;
    const uint8_t *lengths = body.p + 57;
    if (cursor_left(&body) < 57 + 27 + 1 + CHECKSUM_LENGTH || !cursor_take(&body, 57, &p))
        return event_malformed(err, "Format_desc", "too short");
    *out = (struct format_event){.binlog_version = le16(p), .created = le32(p + 52)};
    memcpy(out->server_version, p + 2, 50);
    size_t count = cursor_left(&body) - 1 - CHECKSUM_LENGTH;
    if (count > 255)
        return event_malformed(err, "Format_desc", "more than 255 event types");
    out->mariadb = strstr(out->server_version, "MariaDB") || count >= EV_ANNOTATE_ROWS;
    int rc = format_versions(out, p[56], err);
    if (rc)
        return rc;
    uint8_t algorithm = lengths[count];
    if (algorithm != CHECKSUM_OFF && algorithm != CHECKSUM_CRC32 && algorithm != CHECKSUM_UNDEFINED)
        return error_set(err, DS_EUNSUPPORTED,
                         "binlog checksum algorithm %u: set binlog_checksum to CRC32 or NONE",
                         algorithm);
    out->checksum = algorithm == CHECKSUM_CRC32;
    if (out->checksum && (rc = checksum_check(d, bytes, h, err)))
        return rc;
    memset(d->post_header, 0, sizeof d->post_header);
    memcpy(d->post_header + 1, lengths, count);
    d->post_header_count = (uint32_t)count;
    d->have_format = true;
    d->checksum = out->checksum;
    d->mariadb = out->mariadb;
    d->has_explicit_defaults = !version_before(out->server_version, explicit_defaults_since);
    table_maps_drop(d);
    return 0;
}

static int file_name_check(struct slice name, const char *event, struct ds_error *err)
{
    if (name.len == 0 || name.len > 511)
        return event_malformed(err, event, "no possible length of a file name");
    for (size_t i = 0; i < name.len; i++)
        if (name.p[i] < 0x20 || name.p[i] == 0x7f)
            return event_malformed(err, event, "control characters in the file name");
    return 0;
}

static int rotate_decode(struct cursor body, struct rotate_event *out, struct ds_error *err)
{
    if (!cursor_uint(&body, 8, &out->pos))
        return event_malformed(err, "Rotate", "no position");
    out->file = (struct slice){body.p, cursor_left(&body)};
    return file_name_check(out->file, "Rotate", err);
}

/* The file name; its position is the header's, or stands in front where 32 bits do not hold it. */
static int heartbeat_decode(const struct decoder *d, struct cursor body,
                            const struct event_header *h, struct heartbeat_event *out,
                            struct ds_error *err)
{
    out->pos = h->next_pos;
    if (d->mariadb && h->next_pos == 0 && cursor_left(&body) > 8)
        cursor_uint(&body, 8, &out->pos);
    out->file = (struct slice){body.p, cursor_left(&body)};
    return file_name_check(out->file, "Heartbeat", err);
}

static int heartbeat_v2_decode(struct cursor body, struct heartbeat_event *out,
                               struct ds_error *err)
{
    enum { FIELD_END = 0, FIELD_FILE = 1, FIELD_POSITION = 2 };
    *out = (struct heartbeat_event){0};
    for (;;) {
        uint64_t type, length;
        struct slice value;
        if (!cursor_lenenc(&body, &type) || type == FIELD_END)
            break;
        if (!cursor_lenenc(&body, &length) || !cursor_slice(&body, length, &value))
            return event_malformed(err, "Heartbeat", "a field passes its end");
        struct cursor number = {value.p, value.p + value.len};
        if (type == FIELD_FILE)
            out->file = value;
        else if (type == FIELD_POSITION && !cursor_lenenc(&number, &out->pos))
            return event_malformed(err, "Heartbeat", "no number as its position");
    }
    return file_name_check(out->file, "Heartbeat", err);
}

static int incident_decode(struct cursor body, struct ds_error *err)
{
    uint64_t number, length;
    struct slice text = {0};
    if (!cursor_uint(&body, 2, &number))
        return event_malformed(err, "Incident", "no number");
    if (cursor_uint(&body, 1, &length) && !cursor_slice(&body, length, &text))
        return event_malformed(err, "Incident", "its message passes its end");
    return error_set(err, DS_EUNSUPPORTED,
                     "the source reports incident %" PRIu64 " (%.*s): changes may be missing from "
                     "its binlog; copy the tables again (--resnapshot)",
                     number, (int)text.len, (const char *)text.p);
}

static int encryption_start(const struct event_header *h, struct event *out, struct ds_error *err)
{
    if (h->flags & (EVENT_FLAG_IGNORABLE | EVENT_FLAG_ARTIFICIAL)) { /* sent by a server: plain */
        out->ignorable = true;
        return 0;
    }
    return error_set(err, DS_EUNSUPPORTED,
                     "the binlog file is encrypted: read it through its server, which decrypts");
}

static int rows_query_decode(struct cursor body, struct slice *out, struct ds_error *err)
{
    const uint8_t *length; /* cut off at 255 and of no use: the text reaches to the end */
    if (!cursor_take(&body, 1, &length))
        return event_malformed(err, "Rows_query", "no length");
    *out = (struct slice){body.p, cursor_left(&body)};
    return 0;
}

static int unknown_type(const struct event_header *h, struct event *out, struct ds_error *err)
{
    out->ignorable = h->flags & EVENT_FLAG_IGNORABLE;
    if (out->ignorable)
        return 0;
    return error_set(
        err, DS_EUNSUPPORTED,
        "binlog event of type %s is not known, and it is not marked as one that may be "
        "passed over: the source needs a newer datasync",
        event_type_name(h->type));
}

static int statement_format(const struct event_header *h, struct ds_error *err)
{
    return error_set(err, DS_EUNSUPPORTED,
                     "the source wrote a %s event, LOAD DATA in statement format: set "
                     "binlog_format=ROW there, for running sessions too",
                     event_type_name(h->type));
}

static int dispatch(struct decoder *d, struct cursor body, struct event *out, bool inner,
                    struct ds_error *err)
{
    const struct event_header *h = &out->header;
    switch (h->type) {
    case EV_QUERY:
    case EV_QUERY_COMPRESSED:
        return query_decode(d, body, h, &out->query, err);
    case EV_ROTATE:
        return rotate_decode(body, &out->rotate, err);
    case EV_XID:
        return cursor_uint(&body, 8, &out->xid) ? 0 : event_malformed(err, "Xid", "too short");
    case EV_TABLE_MAP:
        return table_map_decode(d, body, &out->table_map, err);
    case EV_WRITE_ROWS_V1 ... EV_DELETE_ROWS_V1:
    case EV_WRITE_ROWS ... EV_DELETE_ROWS:
    case EV_PARTIAL_UPDATE_ROWS:
    case EV_WRITE_ROWS_COMPRESSED_V1 ... EV_DELETE_ROWS_COMPRESSED:
        return rows_decode(d, body, h->type, &out->rows, err);
    case EV_GTID:
        return gtid_decode_mariadb(body, h, &out->gtid, err);
    case EV_GTID_LOG:
    case EV_ANONYMOUS_GTID:
        return gtid_decode_mysql(body, h->type == EV_ANONYMOUS_GTID, &out->gtid, err);
    case EV_GTID_TAGGED:
        return gtid_decode_tagged(body, &out->gtid, err);
    case EV_GTID_LIST:
        out->previous_gtids = &d->gtids;
        return gtid_decode_list(d, body, err);
    case EV_PREVIOUS_GTIDS:
        out->previous_gtids = &d->gtids;
        return gtid_decode_previous(d, body, err);
    case EV_XA_PREPARE:
        return xa_prepare_decode(body, &out->xa_prepare, err);
    case EV_TRANSACTION_PAYLOAD:
        if (inner)
            return event_malformed(err, "Transaction_payload", "it stands inside another");
        return payload_decode(d, body, &out->payload, err);
    case EV_HEARTBEAT:
        return heartbeat_decode(d, body, h, &out->heartbeat, err);
    case EV_HEARTBEAT_V2:
        return heartbeat_v2_decode(body, &out->heartbeat, err);
    case EV_ANNOTATE_ROWS:
        out->text = (struct slice){body.p, cursor_left(&body)};
        return 0;
    case EV_ROWS_QUERY:
        return rows_query_decode(body, &out->text, err);
    case EV_INCIDENT:
        return incident_decode(body, err);
    case EV_START_ENCRYPTION:
        return encryption_start(h, out, err);
    case EV_STOP:
    case EV_INTVAR: /* these three only stand before a statement, and that one is judged */
    case EV_RAND:
    case EV_USER_VAR:
    case EV_BINLOG_CHECKPOINT:
    case EV_IGNORABLE:
    case EV_TRANSACTION_CONTEXT: /* group replication's own bookkeeping, no data */
    case EV_VIEW_CHANGE:
        return 0;
    case EV_LOAD:
    case EV_CREATE_FILE:
    case EV_APPEND_BLOCK:
    case EV_EXEC_LOAD:
    case EV_DELETE_FILE:
    case EV_NEW_LOAD:
    case EV_BEGIN_LOAD_QUERY:
    case EV_EXECUTE_LOAD_QUERY:
        return statement_format(h, err);
    default:
        return unknown_type(h, out, err);
    }
}

int decoder_event(struct decoder *d, struct slice bytes, bool inner, struct event *out,
                  struct ds_error *err)
{
    memset(out, 0, sizeof *out);
    struct event_header *h = &out->header;
    int rc = decoder_header(bytes, h, err);
    if (rc)
        return rc;
    if (h->length != bytes.len)
        return error_set(err, DS_EFORMAT, "%s event says that it is %u bytes long, %zu are here",
                         event_type_name(h->type), h->length, bytes.len);
    if (h->length > d->max_event)
        return error_set(err, DS_ELIMIT,
                         "%s event of %u bytes is larger than max_event (%" PRIu64 "): raise it",
                         event_type_name(h->type), h->length, d->max_event);
    struct cursor body = {bytes.p + EVENT_HEADER_LENGTH, bytes.p + bytes.len};
    if (h->type == EV_FORMAT_DESCRIPTION && !inner)
        return format_decode(d, bytes, h, body, &out->format, err);
    if (inner && !d->have_format)
        return error_set(err, DS_EFORMAT, "inner event before a format description");
    if (!inner && (rc = checksum_strip(d, bytes, h, &body, err)))
        return rc;
    return dispatch(d, body, out, inner, err);
}
