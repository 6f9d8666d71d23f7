/* The binlog decoder: buffer in, struct out.
 *
 * Pure: no I/O, no libmariadb, no allocation per value. Every length is checked against the event;
 * anything malformed is DS_EFORMAT with a reason. Slices point into the event's bytes (or into the
 * decoder's scratch memory for decompressed events) and live until the next call with the same
 * decoder. One decoder per stream or file, used by one thread.
 *
 * Covers MySQL 5.6 to 9.x and MariaDB 10.1 to 11.8. Sources: dev.mysql.com "Binary Log Event"
 * (internals manual; libbinlogevents headers), mariadb.com/kb/en/replication-protocol and its
 * "N-*_EVENT" pages.
 */
#ifndef AGENT_BINLOG_H
#define AGENT_BINLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "schema/buf.h"
#include "schema/error.h"
#include "schema/message.h"
#include "schema/position.h"

enum event_type { /* numbers of the wire */
                  EV_UNKNOWN = 0,
                  EV_START_V3 = 1,
                  EV_QUERY = 2,
                  EV_STOP = 3,
                  EV_ROTATE = 4,
                  EV_INTVAR = 5,
                  EV_LOAD = 6,
                  EV_SLAVE = 7,
                  EV_CREATE_FILE = 8,
                  EV_APPEND_BLOCK = 9,
                  EV_EXEC_LOAD = 10,
                  EV_DELETE_FILE = 11,
                  EV_NEW_LOAD = 12,
                  EV_RAND = 13,
                  EV_USER_VAR = 14,
                  EV_FORMAT_DESCRIPTION = 15,
                  EV_XID = 16,
                  EV_BEGIN_LOAD_QUERY = 17,
                  EV_EXECUTE_LOAD_QUERY = 18,
                  EV_TABLE_MAP = 19,
                  EV_WRITE_ROWS_V1 = 23,
                  EV_UPDATE_ROWS_V1 = 24,
                  EV_DELETE_ROWS_V1 = 25,
                  EV_INCIDENT = 26,
                  EV_HEARTBEAT = 27,
                  EV_IGNORABLE = 28,
                  EV_ROWS_QUERY = 29,
                  EV_WRITE_ROWS = 30,
                  EV_UPDATE_ROWS = 31,
                  EV_DELETE_ROWS = 32,
                  EV_GTID_LOG = 33,
                  EV_ANONYMOUS_GTID = 34,
                  EV_PREVIOUS_GTIDS = 35,
                  EV_TRANSACTION_CONTEXT = 36,
                  EV_VIEW_CHANGE = 37,
                  EV_XA_PREPARE = 38,
                  EV_PARTIAL_UPDATE_ROWS = 39,
                  EV_TRANSACTION_PAYLOAD = 40,
                  EV_HEARTBEAT_V2 = 41,
                  EV_GTID_TAGGED = 42,
                  EV_ANNOTATE_ROWS = 160,
                  EV_BINLOG_CHECKPOINT = 161,
                  EV_GTID = 162,
                  EV_GTID_LIST = 163,
                  EV_START_ENCRYPTION = 164,
                  EV_QUERY_COMPRESSED = 165,
                  EV_WRITE_ROWS_COMPRESSED_V1 = 166,
                  EV_UPDATE_ROWS_COMPRESSED_V1 = 167,
                  EV_DELETE_ROWS_COMPRESSED_V1 = 168,
                  EV_WRITE_ROWS_COMPRESSED = 169,
                  EV_UPDATE_ROWS_COMPRESSED = 170,
                  EV_DELETE_ROWS_COMPRESSED = 171,
};
const char *event_type_name(
    uint8_t type); /* "Write_rows_v1" as mariadb-binlog prints where it does, "unknown(200)" */

struct event_header {
    uint32_t timestamp; /* seconds; 0: artificial */
    uint8_t type;
    uint32_t server_id;
    uint32_t length;   /* whole event with header and checksum */
    uint32_t next_pos; /* low 32 bits; 0 unknown */
    uint16_t flags;    /* 0x20 artificial, 0x80 ignorable */
};

struct rotate_event {
    struct slice file;
    uint64_t pos;
};
struct format_event { /* FORMAT_DESCRIPTION */
    uint16_t binlog_version;
    char server_version[51];
    bool mariadb;
    uint32_t created;
    bool checksum; /* CRC32 on every event of this file */
};
struct gtid_event {
    struct gtid gtid; /* flavour GTID_NONE: anonymous */
    uint8_t flags; /* MariaDB: 1 standalone, 2 group commit, 4 transactional, 8 allow parallel, 16
                      waited, 32 DDL, 64 prepared XA, 128 completed XA */
    uint8_t mysql_flags; /* MySQL: 1 = may contain statement format */
    uint64_t commit_id;
    uint64_t immediate_commit_time, original_commit_time; /* microseconds since 1970, 0 unknown */
    struct slice xid; /* MariaDB prepared/completed XA: formatID(4) gtrid_len bqual_len data */
    /* MariaDB: 1 several engines, 2 START ALTER, 4 COMMIT ALTER, 8 ROLLBACK ALTER, 16 thread id */
    uint8_t extra_flags;
    uint64_t alter_seq; /* COMMIT and ROLLBACK ALTER: sequence number of their START ALTER */
};
struct query_event {
    uint32_t thread_id, exec_time;
    struct slice statement;
    struct msg_session session; /* database, error code and all status variables */
};
struct xa_prepare_event {
    bool one_phase;
    uint32_t format_id;
    struct slice gtrid, bqual;
};

/* A table map, resolved. Lives in the decoder until its id is mapped again or the maps are dropped.
 */
struct table_map {
    uint64_t id;
    uint16_t flags;
    char database[256], name[256]; /* NUL-terminated, utf8 (64 characters each at most, checked) */
    uint32_t column_count;
    struct msg_column *columns; /* types resolved; names, flags, collations where sent; name slices
                                   owned by the map */
    uint32_t *primary_key;      /* ordinals, when sent */
    uint32_t primary_key_count;
    uint32_t info;    /* enum table_flag: NAMES, SIGNEDNESS, KEYS as sent */
    bool changed;     /* differs from what this id or table was mapped to before */
    void *user;       /* the capture's; cleared when `changed` */
    uint64_t version; /* grows each time the content of this slot changes */
};

struct rows_event {
    struct table_map
        *table; /* NULL: "dummy" event that only ends a statement (table id 0x00ffffff) */
    enum change_op op;
    bool partial_json; /* PARTIAL_UPDATE_ROWS */
    uint16_t flags; /* 1 statement end, 2 no FK checks, 4 no unique checks, 8 complete rows, 0x80 no
                       check constraints */
    /* Bitmaps: before of update and delete, after of insert and update. Also with full images a
     * column may be absent: MariaDB 11.8 leaves generated ones out of updates and deletes. */
    struct slice present_before, present_after;
    struct slice rows;                      /* row data (decompressed); at least one row */
    uint32_t columns_before, columns_after; /* bits set in the bitmaps: columns in an image */
};
struct payload_event {
    struct slice events; /* decompressed; whole events without checksums */
};
struct heartbeat_event {
    struct slice file;
    uint64_t pos;
};

struct event {
    struct event_header header;
    union {
        struct rotate_event rotate;
        struct format_event format;
        struct gtid_event gtid;
        struct query_event query;
        struct xa_prepare_event xa_prepare;
        struct table_map *table_map;
        struct rows_event rows;
        struct payload_event payload;
        struct heartbeat_event heartbeat;
        struct gtid_set *previous_gtids; /* PREVIOUS_GTIDS and GTID_LIST; owned by the decoder */
        uint64_t xid;
        struct slice text; /* ANNOTATE_ROWS, ROWS_QUERY: statement; INCIDENT: message */
    };
    bool ignorable; /* of a type that we do not know, but flagged ignorable: pass over */
};

struct decoder;
int decoder_new(struct decoder **out, uint64_t max_event,
                struct ds_error *err); /* max_event: bytes, also after decompression */
void decoder_free(struct decoder *d);
/* Verify CRC32 of events (default on). */
void decoder_verify_checksum(struct decoder *d, bool on);
/* Decode one whole event (19-byte header first). `inner`: part of a transaction payload (no
 * checksum). Errors: DS_EFORMAT (malformed, checksum), DS_EUNSUPPORTED (unknown and not ignorable;
 * INCIDENT; encrypted), DS_ELIMIT. */
int decoder_event(struct decoder *d, struct slice bytes, bool inner, struct event *out,
                  struct ds_error *err);
/* An XID as XA statements write it: X'6162',X'',1. `out` holds at least XID_TEXT_MAX bytes. From a
 * GTID event's xid (DS_EFORMAT when malformed), or from the parts of an XA_PREPARE. */
#define XID_TEXT_MAX 300
int xid_print(struct slice xid, char *out, size_t size);
int xid_print_parts(uint32_t format_id, struct slice gtrid, struct slice bqual, char *out,
                    size_t size);
/* Only header and type-independent checks, for filters and positions. */
int decoder_header(struct slice bytes, struct event_header *out, struct ds_error *err);
/* Forget the table maps: after STMT_END_F of a rows event, rotate or a new FDE. Keeps slots for
 * reuse by (database, name, content), so that an unchanged table keeps its `user` and `version`. */
void decoder_drop_maps(struct decoder *d);

/* Row iteration. Each row of `rows` is one image (insert, delete) or two (update). Appends the
 * image to `out` as a message row image; columns not in the bitmap become `absent`. For the after
 * image of an update pass the before image's raw column pointers in `before` (n pointers from
 * image_split, or NULL): equal values are then written as `same`. They may point into `out`, but
 * are no longer valid when it has grown. For deciding quickly, rows_skip moves over an image. *p
 * moves; at ev->rows end the event is finished. CRITICAL PATH: one pass, no allocation except
 * growing `out`. */
int rows_image(const struct rows_event *ev, bool after, const uint8_t **p,
               const uint8_t *const *before, struct buf *out, struct ds_error *err);
int rows_skip(const struct rows_event *ev, bool after, const uint8_t **p, struct ds_error *err);

/* Binlog files. Checks the magic bytes, reads event by event; an event of a file is never larger
 * than max_event. */
struct binlog_file;
int binlog_file_open(struct binlog_file **out, const char *path, uint64_t max_event,
                     struct ds_error *err);
/* Next event's bytes and its offset (64 bit); DS_EAGAIN at the end of the file (also for a last
 * event cut short in a file in use). */
int binlog_file_next(struct binlog_file *f, struct slice *bytes, uint64_t *offset,
                     struct ds_error *err);
int binlog_file_seek(struct binlog_file *f, uint64_t offset, struct ds_error *err);
void binlog_file_close(struct binlog_file *f);

#endif
