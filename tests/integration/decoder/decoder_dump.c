/* decoder_dump FILE… prints each event of binlog files as one JSON line, and each row as one more:
 * for tests that compare with what a server says. `-c` counts only (and is what is timed): no
 * output but a line of totals; `-n` with it leaves checksums unverified. `-t` prints event types
 * only.
 *
 * Values: null, false (absent), true (same as before), numbers, text as JSON strings, and bytes as
 * {"x":"hex"}. FLOAT and DOUBLE are printed with the digits that give them back.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/binlog/binlog.h"

struct totals {
    uint64_t events, images, rows[4], bytes, out;
};
struct dump {
    struct decoder *decoder;
    bool count, types;
    struct totals totals;
    struct buf before, after;
    const uint8_t *columns[MESSAGE_MAX_COLUMNS];
};

static void print_text(struct slice s)
{
    putchar('"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] < 0x20 || s.p[i] == '"' || s.p[i] == '\\')
            printf("\\u%04x", s.p[i]);
        else
            putchar(s.p[i]);
    }
    putchar('"');
}

static void print_hex(struct slice s)
{
    fputs("{\"x\":\"", stdout);
    for (size_t i = 0; i < s.len; i++)
        printf("%02x", s.p[i]);
    fputs("\"}", stdout);
}

static void print_number(double v, int digits)
{
    if (isfinite(v))
        printf("%.*g", digits, v);
    else
        fputs("\"not finite\"", stdout);
}

static int print_value(const uint8_t **p, const uint8_t *end)
{
    struct value v;
    int rc = value_read(p, end, &v);
    if (rc)
        return rc;
    switch (v.kind) {
    case VALUE_NULL:
        fputs("null", stdout);
        break;
    case VALUE_ABSENT:
        fputs("false", stdout);
        break;
    case VALUE_SAME:
        fputs("true", stdout);
        break;
    case VALUE_INT:
        printf("%" PRId64, v.i);
        break;
    case VALUE_UINT:
        printf("%" PRIu64, v.u);
        break;
    case VALUE_FLOAT:
        print_number((double)v.f, 9);
        break;
    case VALUE_DOUBLE:
        print_number(v.d, 17);
        break;
    case VALUE_TEXT:
        print_text(v.bytes);
        break;
    case VALUE_BYTES:
        print_hex(v.bytes);
        break;
    }
    return 0;
}

static int print_image(const char *name, const struct buf *image, uint32_t count)
{
    const uint8_t *p = image->data, *end = image->data + image->len;
    uint32_t n;
    int rc = array_read_head(&p, end, &n);
    printf(",\"%s\":[", name);
    for (uint32_t i = 0; rc == 0 && i < n; i++) {
        if (i)
            putchar(',');
        rc = print_value(&p, end);
    }
    putchar(']');
    return rc || n != count || p != end ? DS_EFORMAT : 0;
}

static void print_string(const char *key, struct slice s)
{
    printf(",\"%s\":", key);
    print_text(s);
}

static void print_gtid(const char *key, const struct gtid *g)
{
    char text[128] = "";
    if (g->flavour != GTID_NONE)
        gtid_print(g, text, sizeof text);
    printf(",\"%s\":\"%s\"", key, text);
}

static int dump_rows(struct dump *d, const struct rows_event *r, struct ds_error *err)
{
    static const char *const ops[] = {"", "insert", "update", "delete"};
    const uint8_t *p = r->rows.p, *end = p + r->rows.len;
    while (r->table && p < end) {
        uint32_t count = r->table->column_count;
        buf_clear(&d->before);
        buf_clear(&d->after);
        int rc = 0;
        if (r->op != CHANGE_INSERT)
            rc = rows_image(r, false, &p, NULL, &d->before, err);
        if (rc == 0 && r->op == CHANGE_UPDATE &&
            image_split((struct slice){d->before.data, d->before.len}, count, d->columns))
            rc = error_set(err, DS_EFORMAT, "the image written is none");
        if (rc == 0 && r->op != CHANGE_DELETE)
            rc =
                rows_image(r, true, &p, r->op == CHANGE_UPDATE ? d->columns : NULL, &d->after, err);
        if (rc)
            return rc;
        d->totals.rows[r->op]++;
        d->totals.images += r->op == CHANGE_UPDATE ? 2 : 1;
        d->totals.out += d->before.len + d->after.len;
        if (d->count || d->types)
            continue;
        printf("{\"row\":\"%s\",\"table\":\"%s.%s\"", ops[r->op], r->table->database,
               r->table->name);
        if (r->op != CHANGE_INSERT)
            rc = print_image("before", &d->before, count);
        if (rc == 0 && r->op != CHANGE_DELETE)
            rc = print_image("after", &d->after, count);
        puts("}");
        if (rc)
            return error_set(err, rc, "the image written is none");
    }
    return 0;
}

static void print_table(const struct table_map *t)
{
    printf(",\"id\":%" PRIu64 ",\"table\":\"%s.%s\",\"info\":%u,\"changed\":%s,\"version\":%" PRIu64
           ",\"columns\":[",
           t->id, t->database, t->name, t->info, t->changed ? "true" : "false", t->version);
    for (uint32_t i = 0; i < t->column_count; i++) {
        const struct msg_column *c = &t->columns[i];
        printf("%s[", i ? "," : "");
        print_text(c->name);
        printf(",%u,%u,%u,%u]", c->type, c->metadata, c->flags, c->collation);
    }
    fputs("],\"key\":[", stdout);
    for (uint32_t i = 0; i < t->primary_key_count; i++)
        printf("%s%u", i ? "," : "", t->primary_key[i]);
    putchar(']');
}

static void print_query(const struct query_event *q)
{
    const struct msg_session *s = &q->session;
    print_string("database", s->database);
    print_string("statement", q->statement);
    printf(",\"sql_mode\":%" PRIu64 ",\"flags2\":%u,\"error\":%u,\"charset\":[%u,%u,%u]"
           ",\"microseconds\":%u,\"explicit_defaults\":%d,\"check_constraints\":%d",
           s->sql_mode, s->flags2, s->error_code, s->client_charset, s->connection_collation,
           s->server_collation, s->microseconds, s->explicit_defaults_for_timestamp,
           s->check_constraint_checks);
    print_string("time_zone", s->time_zone);
}

static void print_gtid_event(const struct gtid_event *g)
{
    char xid[XID_TEXT_MAX];
    print_gtid("gtid", &g->gtid);
    printf(",\"gtid_flags\":%u,\"mysql_flags\":%u,\"commit_id\":%" PRIu64 ",\"extra\":%u"
           ",\"immediate\":%" PRIu64 ",\"original\":%" PRIu64,
           g->flags, g->mysql_flags, g->commit_id, g->extra_flags, g->immediate_commit_time,
           g->original_commit_time);
    if (g->xid.len && xid_print(g->xid, xid, sizeof xid) == 0)
        printf(",\"xid\":\"%s\"", xid);
}

static void print_event(const struct event *ev, uint64_t offset)
{
    char xid[XID_TEXT_MAX];
    struct buf set = {0};
    printf("{\"event\":\"%s\",\"type\":%u,\"at\":%" PRIu64 ",\"server\":%u,\"next\":%u",
           event_type_name(ev->header.type), ev->header.type, offset, ev->header.server_id,
           ev->header.next_pos);
    switch (ev->header.type) {
    case EV_FORMAT_DESCRIPTION:
        printf(",\"server_version\":\"%s\",\"mariadb\":%d,\"checksum\":%d",
               ev->format.server_version, ev->format.mariadb, ev->format.checksum);
        break;
    case EV_ROTATE:
        print_string("file", ev->rotate.file);
        printf(",\"pos\":%" PRIu64, ev->rotate.pos);
        break;
    case EV_QUERY:
    case EV_QUERY_COMPRESSED:
        print_query(&ev->query);
        break;
    case EV_GTID:
    case EV_GTID_LOG:
    case EV_ANONYMOUS_GTID:
    case EV_GTID_TAGGED:
        print_gtid_event(&ev->gtid);
        break;
    case EV_GTID_LIST:
    case EV_PREVIOUS_GTIDS:
        if (gtid_set_print(ev->previous_gtids, &set) == 0)
            printf(",\"set\":\"%s\"", buf_cstr(&set));
        break;
    case EV_XA_PREPARE:
        if (xid_print_parts(ev->xa_prepare.format_id, ev->xa_prepare.gtrid, ev->xa_prepare.bqual,
                            xid, sizeof xid) == 0)
            printf(",\"xid\":\"%s\",\"one_phase\":%d", xid, ev->xa_prepare.one_phase);
        break;
    case EV_TABLE_MAP:
        print_table(ev->table_map);
        break;
    case EV_ANNOTATE_ROWS:
    case EV_ROWS_QUERY:
        print_string("text", ev->text);
        break;
    default:
        break;
    }
    buf_free(&set);
    puts("}");
}

static bool is_rows(uint8_t type)
{
    return (type >= EV_WRITE_ROWS_V1 && type <= EV_DELETE_ROWS_V1) ||
           (type >= EV_WRITE_ROWS && type <= EV_DELETE_ROWS) || type == EV_PARTIAL_UPDATE_ROWS ||
           (type >= EV_WRITE_ROWS_COMPRESSED_V1 && type <= EV_DELETE_ROWS_COMPRESSED);
}

static int dump_event(struct dump *d, struct slice bytes, bool inner, uint64_t offset,
                      struct ds_error *err)
{
    struct event ev;
    int rc = decoder_event(d->decoder, bytes, inner, &ev, err);
    if (rc)
        return rc;
    d->totals.events++;
    d->totals.bytes += inner ? 0 : bytes.len;
    if (d->types)
        puts(event_type_name(ev.header.type));
    else if (!d->count)
        print_event(&ev, offset);
    if (is_rows(ev.header.type) && !ev.ignorable) {
        rc = dump_rows(d, &ev.rows, err);
        if (rc == 0 && ev.rows.flags & 1)
            decoder_drop_maps(d->decoder);
    }
    if (ev.header.type != EV_TRANSACTION_PAYLOAD)
        return rc;
    struct slice left = ev.payload.events;
    while (rc == 0 && left.len) {
        struct event_header h;
        rc = decoder_header(left, &h, err);
        if (rc == 0 && h.length > left.len)
            rc = error_set(err, DS_EFORMAT, "an inner event passes the end of its payload");
        if (rc == 0)
            rc = dump_event(d, (struct slice){left.p, h.length}, true, offset, err);
        if (rc == 0)
            left = (struct slice){left.p + h.length, left.len - h.length};
    }
    return rc;
}

static int dump_file(struct dump *d, const char *path, struct ds_error *err)
{
    struct binlog_file *file;
    struct slice bytes;
    uint64_t offset = 4;
    int rc = binlog_file_open(&file, path, UINT32_MAX, err);
    if (rc)
        return rc;
    while (rc == 0) {
        rc = binlog_file_next(file, &bytes, &offset, err);
        if (rc == 0)
            rc = dump_event(d, bytes, false, offset, err);
    }
    binlog_file_close(file);
    if (rc == DS_EAGAIN)
        return 0;
    fprintf(stderr, "%s:%" PRIu64 ": ", path, offset);
    return rc;
}

int main(int argc, char **argv)
{
    static struct dump d;
    struct ds_error err;
    char line[2000];
    if (decoder_new(&d.decoder, UINT32_MAX, &err))
        return 1;
    int rc = 0;
    for (int i = 1; i < argc && rc == 0; i++) {
        if (strcmp(argv[i], "-c") == 0)
            d.count = true;
        else if (strcmp(argv[i], "-t") == 0)
            d.types = true;
        else if (strcmp(argv[i], "-n") == 0)
            decoder_verify_checksum(d.decoder, false);
        else
            rc = dump_file(&d, argv[i], &err);
    }
    if (rc)
        fprintf(stderr, "%s: %s\n", error_name(rc), error_format(&err, line, sizeof line));
    const struct totals *t = &d.totals;
    if (d.count)
        printf("{\"events\":%" PRIu64 ",\"insert\":%" PRIu64 ",\"update\":%" PRIu64
               ",\"delete\":%" PRIu64 ",\"images\":%" PRIu64 ",\"bytes\":%" PRIu64
               ",\"written\":%" PRIu64 "}\n",
               t->events, t->rows[CHANGE_INSERT], t->rows[CHANGE_UPDATE], t->rows[CHANGE_DELETE],
               t->images, t->bytes, t->out);
    decoder_free(d.decoder);
    buf_free(&d.before);
    buf_free(&d.after);
    return rc || fflush(stdout) ? 1 : 0;
}
