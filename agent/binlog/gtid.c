/* GTID events of both families, the sets at the head of a binlog file, and XA PREPARE.
 *
 * MySQL's tagged event (42) is written by its serialization library: numbers of variable length,
 * signed ones in zigzag form, fields preceded by their id in ascending order, absent ones left
 * out. Every field up to the last id that "may not be ignored" must be known to the reader.
 */
#include "decoder.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

enum { MARIADB_GROUP_COMMIT = 2, MARIADB_PREPARED_XA = 64, MARIADB_COMPLETED_XA = 128 };
enum {
    EXTRA_MULTI_ENGINE = 1,
    EXTRA_START_ALTER = 2,
    EXTRA_COMMIT_ALTER = 4,
    EXTRA_ROLLBACK_ALTER = 8,
};
#define XA_PART_MAX 64u

/* seq(8) domain(4) flags(1) [commit id(8)] [xid] [extra flags(1) …], padded to 19 bytes */
int gtid_decode_mariadb(struct cursor body, const struct event_header *h, struct gtid_event *out,
                        struct ds_error *err)
{
    uint64_t seq, domain, flags;
    if (!cursor_uint(&body, 8, &seq) || !cursor_uint(&body, 4, &domain) ||
        !cursor_uint(&body, 1, &flags))
        return event_malformed(err, "Gtid", "too short");
    out->gtid = (struct gtid){
        .flavour = GTID_MARIADB, .domain = (uint32_t)domain, .server = h->server_id, .seq = seq};
    out->flags = (uint8_t)flags;
    if (flags & MARIADB_GROUP_COMMIT && !cursor_uint(&body, 8, &out->commit_id))
        return event_malformed(err, "Gtid", "no commit id");
    if (flags & (MARIADB_PREPARED_XA | MARIADB_COMPLETED_XA)) {
        if (cursor_left(&body) < 6 || body.p[4] > XA_PART_MAX || body.p[5] > XA_PART_MAX ||
            !cursor_slice(&body, 6u + body.p[4] + body.p[5], &out->xid))
            return event_malformed(err, "Gtid", "its XID passes its end");
    }
    uint64_t extra = 0;
    const uint8_t *engines;
    if (!cursor_uint(&body, 1, &extra)) /* none: versions before 10.8 */
        return 0;
    out->extra_flags = (uint8_t)extra;
    if (extra & EXTRA_MULTI_ENGINE && !cursor_take(&body, 1, &engines))
        return event_malformed(err, "Gtid", "no number of engines");
    if (extra & (EXTRA_COMMIT_ALTER | EXTRA_ROLLBACK_ALTER) &&
        !cursor_uint(&body, 8, &out->alter_seq))
        return event_malformed(err, "Gtid", "no number of its START ALTER");
    return 0;
}

static int gno_check(uint64_t gno, struct ds_error *err)
{
    return gno > 0 && gno < INT64_MAX ? 0 : event_malformed(err, "Gtid", "no possible number");
}

/* Commit times have 7 bytes; the top bit says that the original one follows. */
static bool commit_times(struct cursor *c, struct gtid_event *out)
{
    const uint64_t more = 1ULL << 55;
    uint64_t immediate, original;
    if (!cursor_uint(c, 7, &immediate))
        return false;
    original = immediate;
    if (immediate & more && !cursor_uint(c, 7, &original))
        return false;
    out->immediate_commit_time = immediate & ~more;
    out->original_commit_time = original & ~more;
    return true;
}

/* flags(1) uuid(16) gno(8) [2 last_committed(8) sequence_number(8) [commit times [lengths …]]] */
int gtid_decode_mysql(struct cursor body, bool anonymous, struct gtid_event *out,
                      struct ds_error *err)
{
    enum { LOGICAL_CLOCK = 2 };
    const uint8_t *p;
    if (!cursor_take(&body, 25, &p))
        return event_malformed(err, "Gtid", "too short");
    out->mysql_flags = p[0];
    if (!anonymous) {
        out->gtid.flavour = GTID_MYSQL;
        memcpy(out->gtid.uuid, p + 1, 16);
        out->gtid.seq = le64(p + 17);
        int rc = gno_check(out->gtid.seq, err);
        if (rc)
            return rc;
    }
    if (cursor_left(&body) < 17 || *body.p != LOGICAL_CLOCK) /* 5.6 */
        return 0;
    body.p += 17;
    if (cursor_left(&body) && !commit_times(&body, out)) /* 8.0 on */
        return event_malformed(err, "Gtid", "its commit time passes its end");
    return 0;
}

static bool varlen_signed(struct cursor *c, uint64_t *out)
{
    uint64_t v;
    if (!cursor_varlen(c, &v))
        return false;
    *out = v >> 1 ^ -(v & 1);
    return true;
}

static bool tagged_uuid(struct cursor *c, uint8_t uuid[16])
{
    for (int i = 0; i < 16; i++) {
        uint64_t byte;
        if (!cursor_varlen(c, &byte) || byte > 255)
            return false;
        uuid[i] = (uint8_t)byte;
    }
    return true;
}

static bool tag_read(struct cursor *c, char tag[33])
{
    uint64_t length;
    const uint8_t *p;
    if (!cursor_varlen(c, &length) || length > 32 || !cursor_take(c, length, &p))
        return false;
    for (size_t i = 0; i < length; i++) {
        if (p[i] != '_' && !(p[i] < 0x80 && isalnum(p[i])))
            return false;
        tag[i] = (char)p[i];
    }
    tag[length] = 0;
    return true;
}

enum tagged_field {
    TAGGED_FLAGS,
    TAGGED_UUID,
    TAGGED_GNO,
    TAGGED_TAG,
    TAGGED_LAST_COMMITTED,
    TAGGED_SEQUENCE,
    TAGGED_IMMEDIATE_TIME,
    TAGGED_ORIGINAL_TIME,
    TAGGED_LENGTH,
    TAGGED_IMMEDIATE_VERSION,
    TAGGED_ORIGINAL_VERSION,
    TAGGED_TICKET,
    TAGGED_FIELDS
};

static bool tagged_field(struct cursor *c, enum tagged_field id, struct gtid_event *out)
{
    uint64_t v;
    switch (id) {
    case TAGGED_FLAGS:
        if (!cursor_varlen(c, &v) || v > 255)
            return false;
        out->mysql_flags = (uint8_t)v;
        return true;
    case TAGGED_UUID:
        return tagged_uuid(c, out->gtid.uuid);
    case TAGGED_GNO:
        return varlen_signed(c, &out->gtid.seq);
    case TAGGED_TAG:
        return tag_read(c, out->gtid.tag);
    case TAGGED_IMMEDIATE_TIME:
        if (!cursor_varlen(c, &out->immediate_commit_time))
            return false;
        out->original_commit_time = out->immediate_commit_time;
        return true;
    case TAGGED_ORIGINAL_TIME:
        return cursor_varlen(c, &out->original_commit_time);
    case TAGGED_LAST_COMMITTED:
    case TAGGED_SEQUENCE:
    case TAGGED_LENGTH:
    case TAGGED_IMMEDIATE_VERSION:
    case TAGGED_ORIGINAL_VERSION:
    case TAGGED_TICKET:
    case TAGGED_FIELDS:
        return cursor_varlen(c, &v);
    }
    return false;
}

int gtid_decode_tagged(struct cursor body, struct gtid_event *out, struct ds_error *err)
{
    uint64_t version, size, last_required;
    const uint8_t *start = body.p;
    if (!cursor_varlen(&body, &version) || !cursor_varlen(&body, &size) ||
        !cursor_varlen(&body, &last_required))
        return event_malformed(err, "Gtid_tagged", "too short");
    if (version > 1 || last_required > TAGGED_FIELDS)
        return error_set(err, DS_EUNSUPPORTED,
                         "tagged GTID event of a newer form (version %" PRIu64 ", field %" PRIu64
                         "): the source needs a newer datasync",
                         version, last_required);
    if (size > (uint64_t)(body.end - start) || size < (uint64_t)(body.p - start))
        return event_malformed(err, "Gtid_tagged", "its size is not that of the event");
    body.end = start + size;
    out->gtid.flavour = GTID_MYSQL;
    uint32_t seen = 0;
    uint64_t id;
    while (cursor_left(&body)) {
        if (!cursor_varlen(&body, &id))
            return event_malformed(err, "Gtid_tagged", "a field passes its end");
        if (id >= TAGGED_FIELDS) /* may be ignored, and everything behind it too */
            break;
        if (seen >> id || !tagged_field(&body, (enum tagged_field)id, out))
            return event_malformed(err, "Gtid_tagged", "a field is cut short or out of order");
        seen |= 1u << id;
    }
    const uint32_t needed = 1u << TAGGED_UUID | 1u << TAGGED_GNO;
    if ((seen & needed) != needed)
        return event_malformed(err, "Gtid_tagged", "no UUID or number");
    return gno_check(out->gtid.seq, err);
}

/* count(4, the top 4 bits are flags), then domain(4) server(4) seq(8). Of a domain with several
 * servers the current one stands last. */
int gtid_decode_list(struct decoder *d, struct cursor body, struct ds_error *err)
{
    uint64_t count;
    gtid_set_free(&d->gtids);
    d->gtids = (struct gtid_set){0};
    if (!cursor_uint(&body, 4, &count))
        return event_malformed(err, "Gtid_list", "too short");
    count &= 0x0fffffff;
    if (count > cursor_left(&body) / 16)
        return event_malformed(err, "Gtid_list", "it holds fewer GTIDs than it says");
    for (uint64_t i = 0; i < count; i++, body.p += 16) {
        struct gtid gtid = {.flavour = GTID_MARIADB,
                            .domain = le32(body.p),
                            .server = le32(body.p + 4),
                            .seq = le64(body.p + 8)};
        int rc = gtid_set_add(&d->gtids, &gtid);
        if (rc)
            return error_set(err, rc, "cannot keep the GTID list of a binlog file");
    }
    return 0;
}

static int print_uuid(struct buf *out, const uint8_t *u)
{
    return buf_printf(out, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                      u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11],
                      u[12], u[13], u[14], u[15]);
}

/* One source of the set as text, which gtid_set_parse puts in order. */
static int previous_source(struct cursor *c, bool tagged, struct buf *out, struct ds_error *err)
{
    const uint8_t *uuid;
    char tag[33] = "";
    uint64_t count;
    if (!cursor_take(c, 16, &uuid) || (tagged && !tag_read(c, tag)) || !cursor_uint(c, 8, &count) ||
        count > cursor_left(c) / 16)
        return event_malformed(err, "Previous_gtids", "a source passes its end");
    int rc = 0;
    if (count)
        rc = print_uuid(out, uuid);
    if (rc == 0 && tag[0] && count)
        rc = buf_printf(out, ":%s", tag);
    uint64_t before = 0;
    for (uint64_t i = 0; rc == 0 && i < count; i++, c->p += 16) {
        uint64_t first = le64(c->p), next = le64(c->p + 8);
        if (first <= before || next <= first || next > INT64_MAX)
            return event_malformed(err, "Previous_gtids", "no possible interval");
        before = next;
        rc = buf_printf(out, ":%" PRIu64 "-%" PRIu64, first, next - 1);
    }
    if (rc == 0 && count)
        rc = buf_puts(out, ",");
    return rc ? error_set(err, rc, "out of memory for the GTID set of a binlog file") : 0;
}

/* Number of sources(8), then uuid(16) [tag] intervals(8) {first(8) behind last(8)}. With tags the
 * top and bottom byte of the number are 1. */
int gtid_decode_previous(struct decoder *d, struct cursor body, struct ds_error *err)
{
    uint64_t head;
    if (!cursor_uint(&body, 8, &head))
        return event_malformed(err, "Previous_gtids", "too short");
    bool tagged = head >> 56 == 1;
    if (head >> 56 > 1)
        return error_set(err, DS_EUNSUPPORTED,
                         "GTID set of a newer form (%u): the source needs a newer datasync",
                         (unsigned)(head >> 56));
    uint64_t count = tagged ? (head & 0x00ffffffffffffffULL) >> 8 : head;
    gtid_set_free(&d->gtids);
    d->gtids = (struct gtid_set){0};
    buf_clear(&d->text);
    if (count > cursor_left(&body) / 24)
        return event_malformed(err, "Previous_gtids", "it holds fewer sources than it says");
    for (uint64_t i = 0; i < count; i++) {
        int rc = previous_source(&body, tagged, &d->text, err);
        if (rc)
            return rc;
    }
    if (d->text.len == 0)
        return 0;
    d->text.data[d->text.len - 1] = 0; /* the last comma */
    struct ds_error cause;
    int rc = gtid_set_parse(&d->gtids, (const char *)d->text.data, &cause);
    return rc ? error_set(err, rc == DS_ENOMEM ? rc : DS_EFORMAT,
                          "malformed Previous_gtids event: %s", cause.message)
              : 0;
}

/* one phase(1) format(4) gtrid length(4) bqual length(4) data */
int xa_prepare_decode(struct cursor body, struct xa_prepare_event *out, struct ds_error *err)
{
    const uint8_t *p;
    if (!cursor_take(&body, 13, &p))
        return event_malformed(err, "XA_prepare", "too short");
    uint32_t gtrid = le32(p + 5), bqual = le32(p + 9);
    *out = (struct xa_prepare_event){.one_phase = p[0] != 0, .format_id = le32(p + 1)};
    if (gtrid > XA_PART_MAX || bqual > XA_PART_MAX || !cursor_slice(&body, gtrid, &out->gtrid) ||
        !cursor_slice(&body, bqual, &out->bqual))
        return event_malformed(err, "XA_prepare", "its XID passes its end");
    return 0;
}

static char *print_hex(char *out, struct slice bytes)
{
    static const char digits[] = "0123456789abcdef";
    *out++ = 'X';
    *out++ = '\'';
    for (size_t i = 0; i < bytes.len; i++) {
        *out++ = digits[bytes.p[i] >> 4];
        *out++ = digits[bytes.p[i] & 15];
    }
    *out++ = '\'';
    return out;
}

int xid_print_parts(uint32_t format_id, struct slice gtrid, struct slice bqual, char *out,
                    size_t size)
{
    if (gtrid.len > XA_PART_MAX || bqual.len > XA_PART_MAX || size < XID_TEXT_MAX)
        return DS_EFORMAT;
    char *end = out + size;
    out = print_hex(out, gtrid);
    *out++ = ',';
    out = print_hex(out, bqual);
    snprintf(out, (size_t)(end - out), ",%" PRIu32, format_id);
    return 0;
}

int xid_print(struct slice xid, char *out, size_t size)
{
    if (xid.len < 6 || xid.len != 6u + xid.p[4] + xid.p[5])
        return DS_EFORMAT;
    struct slice gtrid = {xid.p + 6, xid.p[4]}, bqual = {xid.p + 6 + xid.p[4], xid.p[5]};
    return xid_print_parts(le32(xid.p), gtrid, bqual, out, size);
}
