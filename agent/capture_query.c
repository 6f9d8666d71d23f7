/* Statements of the binlog: transaction control, XA, DDL; everything else stops.
 *
 * In row format a QUERY event never changes rows, with two exceptions that are known: TRUNCATE, and
 * the `DELETE FROM t` without WHERE that a server writes when it first opens a MEMORY table
 * after its own restart.
 */
#include <iconv.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/capture_state.h"
#include "schema/sql.h"

enum { STATEMENT_ARENA_KEEP = 64 << 10 };

static bool is_text(struct slice s, const char *text)
{
    size_t len = strlen(text);
    return s.len == len && memcmp(s.p, text, len) == 0;
}

/* --- character sets ------------------------------------------------------- */

/* Client character sets in which the second byte of a character may be a quote or backslash. */
static const char *tricky_charset(uint16_t collation)
{
    switch (collation) {
    case 1:
    case 84:
        return "BIG5";
    case 13:
    case 88:
        return "SHIFT_JIS";
    case 28:
    case 87:
        return "GBK";
    case 95:
    case 96:
        return "CP932";
    case 248:
    case 249:
    case 250:
        return "GB18030";
    default:
        return NULL;
    }
}

/* The statement in UTF-8, for the tokenizer only: what is handed out stays as it came. */
static int tokenizer_text(struct capture *c, const struct query_event *q, struct slice *out,
                          struct ds_error *err)
{
    const char *charset = tricky_charset(q->session.client_charset);
    *out = q->statement;
    if (!charset)
        return 0;
    size_t room = q->statement.len * 3 + 16, in_left = q->statement.len;
    char *text = arena_alloc(&c->arena, room), *in = (char *)q->statement.p, *to = text;
    if (!text)
        return capture_no_memory(err);
    size_t left = room;
    iconv_t cd = iconv_open("UTF-8", charset);
    bool opened = (intptr_t)cd != -1;
    bool failed = !opened || iconv(cd, &in, &in_left, &to, &left) == (size_t)-1;
    if (opened)
        iconv_close(cd);
    if (failed)
        return error_set(err, DS_EUNSUPPORTED,
                         "a statement of the binlog cannot be converted from %s; run it again from "
                         "a client with character set utf8mb4",
                         charset);
    *out = (struct slice){(const uint8_t *)text, room - left};
    return 0;
}

/* --- XA ------------------------------------------------------------------- */

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void skip_blanks(struct slice *s)
{
    while (s->len && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == ',')) {
        s->p++;
        s->len--;
    }
}

/* One part of an xid, X'6162' or 'ab' or 0x6162, as lower-case hexadecimal digits, for which `out`
 * has room. */
static bool xid_part(struct slice *s, struct buf *out)
{
    skip_blanks(s);
    bool hex = s->len > 2 && (s->p[0] | 0x20) == 'x' && s->p[1] == '\'';
    bool number = s->len > 2 && s->p[0] == '0' && (s->p[1] | 0x20) == 'x';
    size_t i = hex || number ? 2 : 1;
    if (!hex && !number && (s->len < 2 || (s->p[0] != '\'' && s->p[0] != '"')))
        return false;
    uint8_t quote = hex ? '\'' : s->p[0];
    for (; i < s->len && (number ? hex_value(s->p[i]) >= 0 : s->p[i] != quote); i++) {
        if (hex && hex_value(s->p[i]) < 0)
            return false;
        int rc = hex || number ? buf_printf(out, "%x", (unsigned)hex_value(s->p[i]))
                               : buf_printf(out, "%02x", s->p[i]);
        if (rc)
            return false;
    }
    if (!number && i++ >= s->len)
        return false;
    s->p += i;
    s->len -= i;
    return true;
}

/* The xid of a statement in the form that messages have: X'…',X'…',1. */
static int xid_normalise(struct slice text, struct buf *out, struct ds_error *err)
{
    BUF_AUTO struct buf gtrid = {0}, bqual = {0};
    uint64_t format = 1;
    struct slice s = text;
    if (buf_reserve(&gtrid, 2 * text.len + 4) | buf_reserve(&bqual, 2 * text.len + 4))
        return capture_no_memory(err);
    bool good = xid_part(&s, &gtrid);
    skip_blanks(&s);
    if (good && s.len && (*s.p < '0' || *s.p > '9' || (s.len > 1 && (s.p[1] | 0x20) == 'x')))
        good = xid_part(&s, &bqual);
    skip_blanks(&s);
    if (good && s.len) {
        format = 0;
        while (s.len && *s.p >= '0' && *s.p <= '9' && format <= UINT32_MAX) {
            format = format * 10 + (uint64_t)(*s.p - '0');
            s.p++;
            s.len--;
        }
        skip_blanks(&s);
        good = s.len == 0 && format <= UINT32_MAX;
    }
    if (!good)
        return error_set(err, DS_EUNSUPPORTED, "the xid of an XA statement cannot be read: %.*s",
                         (int)(text.len < 300 ? text.len : 300), text.p);
    if (buf_printf(out, "X'%s',X'%s',%llu", buf_cstr(&gtrid), buf_cstr(&bqual),
                   (unsigned long long)format))
        return capture_no_memory(err);
    return 0;
}

static int emit_xa(struct capture *c, enum xa_kind kind, struct slice xid, struct ds_error *err)
{
    buf_clear(&c->message);
    struct msg_xa m = {.kind = kind, .xid = xid};
    if (message_write_xa(&c->message, &m))
        return capture_no_memory(err);
    return capture_emit(c, err);
}

static int emit_xa_text(struct capture *c, enum xa_kind kind, struct slice text,
                        struct ds_error *err)
{
    BUF_AUTO struct buf xid = {0};
    int rc = xid_normalise(text, &xid, err);
    return rc ? rc : emit_xa(c, kind, (struct slice){xid.data, xid.len}, err);
}

int capture_xa_prepare(struct capture *c, struct event *ev, struct ds_error *err)
{
    const struct xa_prepare_event *xa = &ev->xa_prepare;
    int rc = capture_open_group(c, &ev->header, err);
    if (rc || c->stopped)
        return rc;
    if (!xa->one_phase) {
        char xid[XID_TEXT_MAX];
        rc = xid_print_parts(xa->format_id, xa->gtrid, xa->bqual, xid, sizeof xid);
        if (rc)
            return error_set(err, rc, "the xid of an XA PREPARE cannot be read");
        c->group.flags |= BEGIN_XA_PREPARE;
        rc = emit_xa(c, XA_PREPARE, (struct slice){(const uint8_t *)xid, strlen(xid)}, err);
    }
    return rc ? rc : capture_end_group(c, &ev->header, false, err);
}

/* --- content -------------------------------------------------------------- */

static int emit_savepoint(struct capture *c, enum savepoint_kind kind, struct slice name,
                          struct ds_error *err)
{
    buf_clear(&c->message);
    struct msg_savepoint m = {.kind = kind, .name = name};
    if (message_write_savepoint(&c->message, &m))
        return capture_no_memory(err);
    return capture_emit(c, err);
}

static int emit_truncate(struct capture *c, const struct query_event *q, struct sql_name name,
                         struct ds_error *err)
{
    struct slice database = name.database.len ? name.database : q->session.database;
    if (!tables_is_ours(&c->tables, database))
        return 0;
    buf_clear(&c->message);
    struct msg_truncate m = {
        .database = database, .table = name.name, .statement = q->statement, .session = q->session};
    if (message_write_truncate(&c->message, &m))
        return capture_no_memory(err);
    return capture_emit(c, err);
}

static int emit_ddl(struct capture *c, const struct query_event *q, const struct sql_statement *st,
                    struct ds_error *err)
{
    struct slice database = q->session.database;
    if (c->options.database && !sql_concerns(st, database, c->options.database))
        return 0;
    if (c->options.history && !c->group.skip) {
        int rc = history_ddl(c->options.history, st, database, &c->at, err);
        if (rc)
            return rc;
    }
    if (c->options.parents && !c->group.skip) {
        uint64_t version = parents_version(c->options.parents);
        int rc = parents_ddl(c->options.parents, q->statement, q->session.sql_mode, st, err);
        if (rc == 0 && c->options.sink.keep && parents_version(c->options.parents) != version)
            rc = c->options.sink.keep(c->options.sink.arg, err);
        if (rc)
            return rc;
    }
    c->group.flags |= BEGIN_DDL;
    buf_clear(&c->message);
    struct msg_ddl m = {.statement = q->statement, .session = q->session};
    const char *engine = c->options.default_engine;
    if (engine)
        m.session.engine = (struct slice){(const uint8_t *)engine, strlen(engine)};
    if (message_write_ddl(&c->message, &m))
        return capture_no_memory(err);
    return capture_emit(c, err);
}

/* A server that was restarted empties its MEMORY tables with this, whatever the format is. */
static bool is_memory_reset(const struct sql_statement *st, struct slice text)
{
    static const char head[] = "DELETE FROM ";
    return st->name_count == 1 && text.len > sizeof head - 1 &&
           strncasecmp((const char *)text.p, head, sizeof head - 1) == 0 &&
           text.p + (sizeof head - 1) == st->names[0].text.p &&
           st->names[0].text.len == text.len - (sizeof head - 1);
}

static int refuse(struct ds_error *err, const struct sql_statement *st)
{
    if (st->kind == SQL_DML)
        return error_set(err, DS_EUNSUPPORTED,
                         "the binlog holds a change in statement format (%s), which cannot be "
                         "followed; set binlog_format=ROW on the source, globally and in "
                         "every session, then copy again with --resnapshot",
                         sql_kind_name(st->kind));
    return error_set(err, DS_EUNSUPPORTED,
                     "the binlog holds a statement whose effect cannot be told; look at it with "
                     "mariadb-binlog or mysqlbinlog, bring the destination to the same state by "
                     "hand and pass over it with `datasync skip`");
}

static int content(struct capture *c, const struct query_event *q, struct slice text,
                   const struct sql_statement *st, struct ds_error *err)
{
    if (c->group.skip || c->group.alter_announced)
        return 0;
    switch (st->kind) {
    case SQL_TRUNCATE:
        return st->name_count ? emit_truncate(c, q, st->names[0], err) : refuse(err, st);
    case SQL_DML:
        return is_memory_reset(st, text) ? emit_truncate(c, q, st->names[0], err) : refuse(err, st);
    case SQL_UNKNOWN:
        return refuse(err, st);
    case SQL_TEMPORARY:
    case SQL_ACCOUNT:
    case SQL_ADMIN:
    case SQL_SET:
    case SQL_DUMMY:
        return 0;
    default:
        return emit_ddl(c, q, st, err);
    }
}

/* --- the statement -------------------------------------------------------- */

/* A group that is one statement ends with it. */
static int end_lone(struct capture *c, const struct event *ev, struct ds_error *err)
{
    const struct group *g = &c->group;
    if (g->mariadb ? !g->standalone : g->explicit_begin)
        return 0;
    return capture_end_group(c, &ev->header, false, err);
}

static int begin(struct capture *c, const struct event *ev, struct ds_error *err)
{
    int rc = capture_open_group(c, &ev->header, err);
    c->group.explicit_begin = true;
    return rc;
}

static int classified(struct capture *c, struct event *ev, struct slice text,
                      const struct sql_statement *st, struct ds_error *err)
{
    const struct query_event *q = &ev->query;
    int rc;
    switch (st->kind) {
    case SQL_XA_START: /* told at the beginning: a reader must not write such rows yet */
        c->group.flags |= BEGIN_XA_PREPARE;
        return begin(c, ev, err);
    case SQL_BEGIN:
        return begin(c, ev, err);
    case SQL_COMMIT:
        return capture_end_group(c, &ev->header, false, err);
    case SQL_ROLLBACK:
        return capture_end_group(c, &ev->header, true, err);
    case SQL_SAVEPOINT:
        return emit_savepoint(c, SAVEPOINT_SET, st->savepoint, err);
    case SQL_ROLLBACK_TO:
        return emit_savepoint(c, SAVEPOINT_ROLLBACK_TO, st->savepoint, err);
    case SQL_RELEASE_SAVEPOINT:
        return emit_savepoint(c, SAVEPOINT_RELEASE, st->savepoint, err);
    case SQL_XA_END:
    case SQL_XA_PREPARE: /* the XA_PREPARE event says it */
        return 0;
    case SQL_XA_COMMIT:
    case SQL_XA_ROLLBACK:
        if (st->kind == SQL_XA_COMMIT && st->one_phase)
            return capture_end_group(c, &ev->header, false, err);
        c->group.flags |= BEGIN_XA_COMPLETE;
        rc = emit_xa_text(c, st->kind == SQL_XA_COMMIT ? XA_COMMIT : XA_ROLLBACK, st->xid, err);
        return rc ? rc : capture_end_group(c, &ev->header, false, err);
    default:
        rc = content(c, q, text, st, err);
        return rc ? rc : end_lone(c, ev, err);
    }
}

int capture_query(struct capture *c, struct event *ev, struct ds_error *err)
{
    const struct query_event *q = &ev->query;
    struct sql_statement st;
    struct slice text;
    if (is_text(q->statement, "BEGIN"))
        return begin(c, ev, err);
    int rc = capture_open_group(c, &ev->header, err);
    if (rc || c->stopped)
        return rc;
    if (is_text(q->statement, "COMMIT"))
        return capture_end_group(c, &ev->header, false, err);
    arena_reset(&c->arena, STATEMENT_ARENA_KEEP);
    rc = tokenizer_text(c, q, &text, err);
    if (rc)
        return rc;
    if (sql_classify(text, q->session.sql_mode, &c->arena, &st))
        return capture_no_memory(err);
    return classified(c, ev, text, &st, err);
}
