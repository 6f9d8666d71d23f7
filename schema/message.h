/* The message format, version 1: the contract between agent and applier.
 *
 * A stream is a sequence of messages. Each is one msgpack array whose first
 * element is its type. Stores that hold them (spool, NATS, quarantine, XA) put
 * MESSAGE_VERSION in front; a reader that meets another version or an unknown
 * type stops. Fields may be added at the end of a message without a new version:
 * readers ignore elements that they do not know.
 *
 *   table        [1, id, database, name, entity, role, flags, [column, …]]
 *                column = [name|nil, mysql type, metadata, flags, collation id, names]
 *                names: of an ENUM's or SET's values (members.h); str: in UTF-8, bin: in the
 *                column's character set; absent where they are not known
 *   begin        [2, gtid, timestamp, server_id, flags, record]    record: not where it is empty
 *   commit       [3, flags, timestamp, server_id, gtid set, file, position]
 *   change       [4, table id, operation, flags, entity key|nil, before|nil, after|nil]
 *   truncate     [5, database, table, statement, session]
 *   ddl          [6, statement, session]
 *   snapshot     [7, kind, table id, low, high, text, rows|nil]
 *   heartbeat    [8, timestamp, gtid set, file, position]
 *   savepoint    [9, kind, name]
 *   xa           [10, kind, xid]
 *   table hint   [11, table id]     a TABLE_MAP without row events: a cascade ran there
 *   gap          [12, reason]       something was passed over on purpose (skip), for the record
 *
 * A transaction is begin, then table / change / truncate / ddl / savepoint / xa /
 * hint, then commit. `table` may stand anywhere; it defines its id until it is
 * defined again, and every reader that starts at the head of a store finds the
 * definitions it needs there (a producer repeats them after a restart, and the
 * first time an id is used in a transaction after every 64 MiB).
 *
 * A row image is an array with one value per column, by ordinal:
 *   nil      NULL
 *   false    not in the image (partial row images, key-only images)
 *   true     after image of an update only: the same value as in the before image
 *   int      every integer type, YEAR (four digits, 0 for 0000), BIT, ENUM (index), SET (bits).
 *            Without signedness metadata integers are sign-extended from their width;
 *            the applier reads them as its own column's type says.
 *   float32  FLOAT        float64  DOUBLE
 *   str      DECIMAL ("-12.3400"), DATE, TIME, DATETIME, TIMESTAMP (UTC, as many
 *            fraction digits as declared), MySQL JSON (as text, utf8mb4)
 *   bin      CHAR, VARCHAR, TEXT, BINARY, VARBINARY, BLOB, GEOMETRY (SRID and WKB), VECTOR,
 *            UUID and INET (network order): bytes in the column's own character set.
 *            The binlog strips trailing pad bytes of BINARY, UUID and INET columns:
 *            restored here when the agent knows the type, else by the applier.
 *
 * Reading is zero-copy: slices point into the caller's bytes and live as long.
 */
#ifndef SCHEMA_MESSAGE_H
#define SCHEMA_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "buf.h"
#include "error.h"
#include "position.h"

#define MESSAGE_VERSION     1
#define MESSAGE_MAX_COLUMNS 4096
#define MESSAGE_MAX_RECORD  250 /* bytes */

enum message_type {
    MSG_TABLE = 1,
    MSG_BEGIN,
    MSG_COMMIT,
    MSG_CHANGE,
    MSG_TRUNCATE,
    MSG_DDL,
    MSG_SNAPSHOT,
    MSG_HEARTBEAT,
    MSG_SAVEPOINT,
    MSG_XA,
    MSG_TABLE_HINT,
    MSG_GAP,
};
enum change_op { CHANGE_INSERT = 1, CHANGE_UPDATE = 2, CHANGE_DELETE = 3 };
enum change_flag {
    CHANGE_NO_FK_CHECKS = 1,     /* logged with foreign_key_checks=0 */
    CHANGE_NO_UNIQUE_CHECKS = 2, /* logged with unique_checks=0 */
    CHANGE_NO_CHECK_CONSTRAINTS = 4,
    CHANGE_STOCK = 8, /* a stock item row */
    CHANGE_CASCADE =
        16, /* of a filtered table: only its cascades are to happen; images hold keys only */
    CHANGE_ENTERS = 32, /* insert: of a root whose entity comes into the filter, and is to be copied
                           from the source; the image need not be whole */
    CHANGE_COPIED = 64, /* of that copy: deletes of roots, whether they are there or not, of which
                           images hold the key only; then inserts. To an import also of a file's
                           entities: a delete in a table that is no root says that all rows that the
                           entity has there follow; if its image holds more than what links them,
                           all that have these values */
    CHANGE_NAMED = 128, /* insert: of a row that others only name, with what it is known by: to be
                           found, not written, also where its entity is asked for. delete: of a root
                           that an import may know under another id, by its natural key, which
                           nothing at the source has any more */
};
enum begin_flag {
    BEGIN_DDL = 1,              /* the group holds DDL */
    BEGIN_STANDALONE = 2,       /* one statement, no terminator of its own */
    BEGIN_NONTRANSACTIONAL = 4, /* the source says that the group cannot be rolled back */
    BEGIN_XA_PREPARE = 8,       /* may end in XA PREPARE (or, from MySQL, in a one-phase commit) */
    BEGIN_XA_COMPLETE = 16,
    BEGIN_SNAPSHOT = 32,
    BEGIN_COPIED = 64, /* entities that have come into the filter, as of where the stream is */
};
enum commit_flag {
    COMMIT_ROLLBACK = 1, /* the group ended in ROLLBACK: only non-transactional rows count */
};
enum savepoint_kind { SAVEPOINT_SET = 1, SAVEPOINT_ROLLBACK_TO = 2, SAVEPOINT_RELEASE = 3 };
enum xa_kind { XA_PREPARE = 1, XA_COMMIT = 2, XA_ROLLBACK = 3 };
/* A snapshot: BEGIN, DDLs (text), per table TABLE_BEGIN, ROWS…, TABLE_END, then objects, END.
 * BEGIN and END carry the position in `text` as position_print prints it ("gtid=… file=…:…"),
 * END also follows with a commit message whose position is the snapshot's. */
enum snapshot_kind {
    SNAPSHOT_BEGIN = 1, /* text: position */
    SNAPSHOT_DDL = 2, /* text: CREATE DATABASE / TABLE / VIEW / PROCEDURE … as SHOW CREATE prints;
                         low: object kind and name "table:name" */
    SNAPSHOT_TABLE_BEGIN = 3,
    SNAPSHOT_ROWS =
        4, /* rows: array of row images; low, high: first and last key, nil while unordered */
    SNAPSHOT_TABLE_END = 5, /* text: row count and checksum as table_sum_print prints them */
    SNAPSHOT_END = 6,
    SNAPSHOT_ABORT = 7, /* start again: everything since BEGIN is void; text: reason */
    SNAPSHOT_STALE_BEGIN =
        8, /* one non-transactional table copied again; text: position of the copy */
    SNAPSHOT_STALE_END = 9, /* text: as TABLE_END */
    SNAPSHOT_VALUES = 10,   /* rows: as ROWS, of which the table has the key: columns that they say
                               get these values. Made by a map, on its way; no producer sends it */
};
enum table_flag {
    TABLE_NAMES = 1,      /* column names are known */
    TABLE_SIGNEDNESS = 2, /* column signedness is known */
    TABLE_KEYS = 4,       /* key parts are known */
    TABLE_SEQUENCE = 8,   /* a MariaDB sequence */
};
enum column_flag {
    COLUMN_UNSIGNED = 1,
    COLUMN_NULLABLE = 2,
    COLUMN_KEY = 4, /* part of the primary key */
    COLUMN_INVISIBLE = 8,
};

/* MySQL column type numbers as the TABLE_MAP event has them (MYSQL_TYPE_… of mysql.h, plus these).
 */
enum {
    COLUMN_TYPE_BLOB_COMPRESSED = 140,
    COLUMN_TYPE_VARCHAR_COMPRESSED = 141,
    COLUMN_TYPE_VECTOR = 242,
    COLUMN_TYPE_JSON = 245
};

struct msg_column {
    struct slice name;    /* p NULL: unknown */
    uint8_t type;         /* type number; ENUM 247, SET 248, CHAR/BINARY 254 already resolved */
    uint16_t metadata;    /* as in TABLE_MAP, with the type bits of CHAR/ENUM/SET removed: length or
                             pack length */
    uint8_t flags;        /* enum column_flag */
    uint16_t collation;   /* collation id, 0 unknown, 63 binary */
    struct slice members; /* names of the values of an ENUM or SET; len 0: unknown */
    bool members_utf8;    /* … in UTF-8, else in the column's character set */
};
/* Number of the column of this name, in whatever case; UINT32_MAX: none. name NULL: none. */
uint32_t message_column(const struct msg_column *columns, uint32_t count, const char *name);
struct msg_table {
    uint32_t id;
    struct slice database, name, entity, role;
    uint32_t flags; /* enum table_flag */
    uint32_t column_count;
    struct msg_column *columns; /* in the reader's arena */
};
struct msg_begin {
    struct slice gtid;
    uint64_t timestamp;
    uint32_t server_id, flags;
    struct slice record; /* where people find what it is made of: "products.csv line 7" */
};
struct msg_commit {
    uint32_t flags;
    uint64_t timestamp;
    uint32_t server_id;
    struct slice gtid_set, file;
    uint64_t pos;
};
struct msg_change {
    uint32_t table_id;
    enum change_op op;
    uint32_t flags;             /* enum change_flag */
    struct slice entity_key;    /* raw msgpack value, len 0 when unknown */
    struct slice before, after; /* raw msgpack array, len 0 when there is none */
};
/* Session state that changes what a statement means. All slices may be empty: unknown. */
struct msg_session {
    struct slice database; /* default database */
    uint64_t sql_mode;
    uint32_t flags2;     /* Q_FLAGS2_CODE: 1<<26 no FK checks, 1<<27 no unique checks … */
    uint16_t error_code; /* with which the statement ended at the source */
    uint16_t client_charset, connection_collation, server_collation; /* ids, 0 unknown */
    struct slice time_zone;
    uint64_t timestamp; /* seconds; for SET TIMESTAMP */
    uint32_t microseconds;
    uint16_t lc_time_names;
    uint16_t auto_increment_increment, auto_increment_offset;
    uint16_t database_collation;            /* of the default database, 0 unknown */
    uint16_t utf8mb4_collation;             /* what utf8mb4 alone means, 0 not told */
    int8_t explicit_defaults_for_timestamp; /* -1 unknown */
    int8_t check_constraint_checks;         /* -1 unknown */
    uint32_t thread_id;
    struct slice engine; /* the source's default storage engine when it was read, len 0 unknown */
};
struct msg_truncate {
    struct slice database, table, statement;
    struct msg_session session;
};
struct msg_ddl {
    struct slice statement;
    struct msg_session session;
};
struct msg_snapshot {
    enum snapshot_kind kind;
    uint32_t table_id;
    struct slice low, high, text; /* bytes; low and high: len 0 is nil */
    struct slice rows;            /* raw msgpack array of images, len 0: none */
    uint32_t row_count;           /* elements of rows; set by the reader, the writer ignores it */
};
struct msg_heartbeat {
    uint64_t timestamp;
    struct slice gtid_set, file;
    uint64_t pos;
};
struct msg_savepoint {
    enum savepoint_kind kind;
    struct slice name;
};
struct msg_xa {
    enum xa_kind kind;
    struct slice xid; /* as in XA statements: X'…',X'…',1 */
};

struct message {
    enum message_type type;
    struct slice raw; /* the whole message */
    union {
        struct msg_table table;
        struct msg_begin begin;
        struct msg_commit commit;
        struct msg_change change;
        struct msg_truncate truncate;
        struct msg_ddl ddl;
        struct msg_snapshot snapshot;
        struct msg_heartbeat heartbeat;
        struct msg_savepoint savepoint;
        struct msg_xa xa;
        uint32_t hint_table_id;
        struct slice gap_reason;
    };
};

/* Read the next message of [*p, end) and move *p behind it. Columns of a table
 * message go to `arena`. DS_EFORMAT (unknown type, truncated, wrong shape); DS_ENOMEM. */
int message_read(const uint8_t **p, const uint8_t *end, struct arena *arena, struct message *out,
                 struct ds_error *err);

/* Append one message to `out`. 0 or DS_ENOMEM (DS_ELIMIT: a text of 4 GiB); `out` is then as it
 * was. */
int message_write_table(struct buf *out, const struct msg_table *m);
int message_write_begin(struct buf *out, const struct msg_begin *m);
int message_write_commit(struct buf *out, const struct msg_commit *m);
int message_write_truncate(struct buf *out, const struct msg_truncate *m);
int message_write_ddl(struct buf *out, const struct msg_ddl *m);
/* rows: raw msgpack array of images, or len 0 */
int message_write_snapshot(struct buf *out, const struct msg_snapshot *m);
int message_write_heartbeat(struct buf *out, const struct msg_heartbeat *m);
int message_write_savepoint(struct buf *out, const struct msg_savepoint *m);
int message_write_xa(struct buf *out, const struct msg_xa *m);
int message_write_table_hint(struct buf *out, uint32_t table_id);
int message_write_gap(struct buf *out, struct slice reason);
/* A change with ready-made images (raw msgpack arrays, len 0 for none) … */
int message_write_change(struct buf *out, const struct msg_change *m);
/* … or its head up to the entity key; the caller then appends before and after himself
 * (image_write_* below, or image_write_none). */
int message_write_change_head(struct buf *out, uint32_t table_id, enum change_op op, uint32_t flags,
                              struct slice entity_key);

/* Values of a row image. */
enum value_kind {
    VALUE_NULL,
    VALUE_ABSENT,
    VALUE_SAME,
    VALUE_INT,
    VALUE_UINT,
    VALUE_FLOAT,
    VALUE_DOUBLE,
    VALUE_TEXT,
    VALUE_BYTES
};
/* The one byte that these kinds are in an image (msgpack nil, false, true). */
enum { VALUE_BYTE_NULL = 0xc0, VALUE_BYTE_ABSENT = 0xc2, VALUE_BYTE_SAME = 0xc3 };
struct value {
    enum value_kind kind;
    union {
        int64_t i;
        uint64_t u;
        float f;
        double d;
    };                  /* VALUE_INT is negative; ≥ 0 is VALUE_UINT */
    struct slice bytes; /* VALUE_TEXT, VALUE_BYTES */
};
/* Read one value and move *p. DS_EFORMAT on anything else. */
int value_read(const uint8_t **p, const uint8_t *end, struct value *out);
/* A raw value that is a whole number, not negative: an id. False: it is none, or p is NULL. */
bool value_id(struct slice raw, uint64_t *out);
/* Move *p over one msgpack object of any kind. DS_EFORMAT if truncated. */
int value_skip(const uint8_t **p, const uint8_t *end);
/* Point columns[i] at the raw value i of the image; DS_EFORMAT unless it has exactly n. The end of
 * value i is found by value_skip. */
int image_split(struct slice image, uint32_t n, const uint8_t **columns);
/* Read the head of an array (an image, the rows of a snapshot message) and move *p to its first
 * element. DS_EFORMAT unless an array whose elements can fit before `end` stands there. */
int array_read_head(const uint8_t **p, const uint8_t *end, uint32_t *count);
/* Length in bytes of the raw value at p (already validated by image_split). */
size_t value_length(const uint8_t *p);

int image_write_none(struct buf *out);                   /* nil: no image */
int image_write_head(struct buf *out, uint32_t columns); /* also for an array of images */
int value_write_null(struct buf *out);
int value_write_absent(struct buf *out);
int value_write_same(struct buf *out);
int value_write_int(struct buf *out, int64_t v);
int value_write_uint(struct buf *out, uint64_t v);
int value_write_float(struct buf *out, float v);
int value_write_double(struct buf *out, double v);
int value_write_text(struct buf *out, const void *p, size_t len);
int value_write_bytes(struct buf *out, const void *p, size_t len);

#endif
