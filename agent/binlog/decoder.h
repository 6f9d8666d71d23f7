/* What the decoder's files share; nobody else includes it.
 *
 * Cursors walk over untrusted bytes: every take is checked, and a failed take leaves the cursor
 * where it was. A table_slot is a public table_map with what decoding rows needs beside it.
 */
#ifndef AGENT_BINLOG_DECODER_H
#define AGENT_BINLOG_DECODER_H

#include <endian.h>
#include <string.h>

#include "agent/binlog/binlog.h"

#define EVENT_HEADER_LENGTH   19u
#define EVENT_FLAG_IN_USE     0x0001u
#define EVENT_FLAG_ARTIFICIAL 0x0020u
#define EVENT_FLAG_IGNORABLE  0x0080u
#define ROWS_DUMMY_TABLE_ID   0x00ffffffu
#define JSON_MAX_DEPTH        100

struct cursor {
    const uint8_t *p, *end;
};

static inline uint16_t le16(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return le16toh(v);
}

static inline uint32_t le32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return le32toh(v);
}

static inline uint64_t le64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return le64toh(v);
}

/* Little endian integer of 1 to 8 bytes. */
static inline uint64_t le_n(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = n; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

static inline uint64_t be_n(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | p[i];
    return v;
}

static inline size_t cursor_left(const struct cursor *c)
{
    return (size_t)(c->end - c->p);
}

static inline bool cursor_take(struct cursor *c, uint64_t n, const uint8_t **out)
{
    if (cursor_left(c) < n)
        return false;
    *out = c->p;
    c->p += n;
    return true;
}

static inline bool cursor_slice(struct cursor *c, uint64_t n, struct slice *out)
{
    const uint8_t *p;
    if (!cursor_take(c, n, &p))
        return false;
    *out = (struct slice){p, (size_t)n};
    return true;
}

/* Little endian integer of n bytes. */
static inline bool cursor_uint(struct cursor *c, size_t n, uint64_t *out)
{
    const uint8_t *p;
    if (!cursor_take(c, n, &p))
        return false;
    *out = le_n(p, n);
    return true;
}

/* Length-encoded integer of the client protocol; 251 (NULL) and 255 are no lengths. */
bool cursor_lenenc(struct cursor *c, uint64_t *out);
/* Variable-length unsigned integer of MySQL's serialization library. */
bool cursor_varlen(struct cursor *c, uint64_t *out);

static inline bool bit_get(const uint8_t *bits, uint32_t i)
{
    return bits[i >> 3] >> (i & 7) & 1;
}

/* How a column's bytes become a value; chosen once per table map. */
enum plan_kind {
    PLAN_INT8,
    PLAN_UINT8,
    PLAN_INT16,
    PLAN_UINT16,
    PLAN_INT24,
    PLAN_UINT24,
    PLAN_INT32,
    PLAN_UINT32,
    PLAN_INT64,
    PLAN_UINT64,
    PLAN_FLOAT,
    PLAN_DOUBLE,
    PLAN_YEAR,
    PLAN_BIT,     /* big endian, `width` bytes */
    PLAN_UINT_LE, /* ENUM and SET: little endian, `width` bytes */
    PLAN_DECIMAL,
    PLAN_DATE,
    PLAN_TIME,
    PLAN_DATETIME,
    PLAN_TIMESTAMP,
    PLAN_OLD_TIME,
    PLAN_OLD_DATETIME,
    PLAN_OLD_TIMESTAMP,
    PLAN_BYTES,             /* `width` bytes of length, then the bytes */
    PLAN_BINARY,            /* the same, 0x00 restored up to `length` */
    PLAN_JSON,              /* MySQL binary JSON */
    PLAN_COMPRESSED_COLUMN, /* MariaDB COMPRESSED */
};
struct column_plan {
    uint8_t kind;    /* enum plan_kind */
    uint8_t width;   /* bytes on the wire; of the length prefix where the length varies */
    uint8_t digits;  /* fraction digits of temporals; scale of DECIMAL */
    uint8_t integer; /* DECIMAL: digits before the point */
    uint32_t length; /* PLAN_BINARY: declared length; PLAN_COMPRESSED_COLUMN: longest value */
};

struct table_slot {
    struct table_map map; /* first: a table_map pointer of ours is a table_slot pointer */
    struct column_plan *plan;
    size_t slack;           /* most bytes that all values need without variable-length data */
    uint32_t json_columns;  /* bits of the partial JSON bitmap */
    uint32_t old_temporals; /* columns whose precision MariaDB does not tell */
    uint8_t *old_proved;    /* bitmap: precision 0 is certain */
    uint8_t *raw;           /* the event's body behind id and flags: to compare, and for names */
    size_t raw_length;
    uint32_t hash;           /* of database and name */
    struct table_slot *next; /* in its hash bucket */
    uint64_t max_event;      /* the decoder's, bounds decompressed and printed values */
    /* Start and end of the before image walked over last: partial JSON applies to it. */
    const uint8_t *before_start, *before_end;
};

struct map_binding {
    uint64_t id;
    struct table_slot *slot;
};

struct decoder {
    uint64_t max_event;
    bool verify;
    bool have_format, checksum, mariadb;
    bool has_explicit_defaults; /* QUERY events tell explicit_defaults_for_timestamp: from 10.10 */
    uint8_t post_header[256];   /* by type, as the format description says; 0 unknown */
    uint32_t post_header_count;
    struct gtid_set gtids;
    struct buf payload;  /* survives the inner events' decoding */
    struct buf inflated; /* rows and statements of compressed events */
    struct buf text;     /* GTID sets in text form */
    void *zstd;
    struct table_slot **buckets;
    size_t bucket_count, slot_count;
    struct map_binding *bound;
    size_t bound_count, bound_capacity;
};

/* event.c */
int event_malformed(struct ds_error *err, const char *event, const char *what);
#ifdef __clang_analyzer__ /* see schema/error.h */
#define event_malformed(err, event, what)                                                          \
    error_returns(DS_EFORMAT, event_malformed(err, event, what))
#endif
/* One event type each; `body` is the event behind the 19-byte header, without checksum. */
int gtid_decode_mariadb(struct cursor body, const struct event_header *h, struct gtid_event *out,
                        struct ds_error *err);
int gtid_decode_mysql(struct cursor body, bool anonymous, struct gtid_event *out,
                      struct ds_error *err);
int gtid_decode_tagged(struct cursor body, struct gtid_event *out, struct ds_error *err);
int gtid_decode_list(struct decoder *d, struct cursor body, struct ds_error *err);
int gtid_decode_previous(struct decoder *d, struct cursor body, struct ds_error *err);
int xa_prepare_decode(struct cursor body, struct xa_prepare_event *out, struct ds_error *err);
int query_decode(struct decoder *d, struct cursor body, const struct event_header *h,
                 struct query_event *out, struct ds_error *err);
int table_map_decode(struct decoder *d, struct cursor body, struct table_map **out,
                     struct ds_error *err);
int rows_decode(struct decoder *d, struct cursor body, uint8_t type, struct rows_event *out,
                struct ds_error *err);
int payload_decode(struct decoder *d, struct cursor body, struct payload_event *out,
                   struct ds_error *err);

/* table_map.c */
struct table_slot *table_map_find(struct decoder *d, uint64_t id);
void table_maps_drop(struct decoder *d);
void table_maps_free(struct decoder *d);

/* table_meta.c: MySQL's and MariaDB's optional metadata */
int table_meta_parse(struct table_slot *slot, struct cursor meta, bool mariadb,
                     struct ds_error *err);

/* payload.c */
/* Inflate a MariaDB compressed block (header byte, length, zlib data) into `out`. */
int block_inflate(struct cursor block, uint64_t max, const char *event, struct buf *out,
                  struct ds_error *err);
/* Append a COMPRESSED column's plain bytes to `out`. 0, DS_EFORMAT, DS_ELIMIT or DS_ENOMEM. */
int column_inflate(struct slice value, uint64_t max, struct buf *out);

/* value.c: one fixed-size value as a msgpack object at w; NULL when it is no possible value. The
 * caller has made room (value_room) and checked that plan->width bytes are there. */
uint8_t *value_put(uint8_t *w, const struct column_plan *plan, const uint8_t *p);
size_t value_room(const struct column_plan *plan);
/* Text of a packed date and time as JSON and DATETIME have it; bytes written. */
size_t datetime_print(char *out, uint64_t ymd_hms, uint32_t micros, int digits);
size_t time_print(char *out, bool negative, uint32_t hms, uint32_t micros, int digits);
/* Binary DECIMAL; 0 when malformed. Room: 2 + precision + 1. */
size_t decimal_print(char *out, const uint8_t *p, uint8_t integer, uint8_t scale);
size_t decimal_width(uint8_t integer, uint8_t scale);

/* image.c */
/* Bytes of a value on the wire, SIZE_MAX when it does not end before `end`. */
size_t value_wire_length(const struct column_plan *plan, const uint8_t *p, const uint8_t *end);

/* old_temporal.c */
int old_temporals_prove(struct table_slot *slot, const struct rows_event *ev, struct ds_error *err);

/* json.c: append a binary JSON value as text. DS_EFORMAT, DS_ELIMIT (text longer than max) or
 * DS_ENOMEM. */
int json_print(struct slice value, uint64_t max, struct buf *out);
/* json_diff.c: the text after applying a partial update's diffs to the binary value before. */
int json_print_patched(struct slice before, struct slice diffs, uint64_t max, struct buf *out);

#endif
