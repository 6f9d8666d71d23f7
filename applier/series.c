/* A series of ALTER TABLE statements that are one.
 *
 * A shop's flat-table indexer gives dozens of columns their definition again, one statement each,
 * at every run. Where several such statements of one table follow each other in what was read, each
 * the only thing in its transaction, they are run as one, and the checkpoint moves over all of
 * them. No intent is needed (sql_redefines): joined or alone, run again after a crash they leave
 * the same. If they are refused joined, by the server or because the table's definition holds
 * expressions, which it would write otherwise, they are run one by one.
 */
#include <string.h>
#include <strings.h>

#include "applier/apply.h"
#include "schema/sql.h"

enum { SERIES_BYTES = 1 << 18 }; /* of the joined text: far below any max_allowed_packet */

/* sql_mode NO_ZERO_IN_DATE and NO_ZERO_DATE: where it is not strict a statement that copies rows
 * also makes such dates zero in columns that it does not name, before a later one turns them to
 * text. */
#define CHANGES_DATES (UINT64_C(3) << 23)

/* What must be equal for two statements to be joined, as bytes: the session apart from when and
 * where it was. */
static int session_bytes(const struct message *m, struct buf *out)
{
    struct msg_ddl only = {.session = m->ddl.session};
    only.session.timestamp = only.session.microseconds = only.session.thread_id = 0;
    return message_write_ddl(out, &only);
}

static bool joinable(const struct message *m, struct sql_redefinition *r)
{
    if (m->type != MSG_DDL || m->ddl.session.error_code || m->ddl.session.sql_mode & CHANGES_DATES)
        return false;
    for (size_t i = 0; i < m->ddl.statement.len; i++)
        if (m->ddl.statement.p[i] & 0x80) /* perhaps of a character set that hides quotes */
            return false;
    return sql_redefines(m->ddl.statement, m->ddl.session.sql_mode, r) && r->columns == 1 &&
           !r->timestamp;
}

static void add(struct series *s, const struct message *m, const struct sql_redefinition *r,
                struct slice gtid)
{
    s->items[s->count++] = (struct series_item){m->raw, r->tail, r->column, gtid};
}

static bool same_column(struct slice x, struct slice y)
{
    return x.len == y.len && strncasecmp((const char *)x.p, (const char *)y.p, x.len) == 0;
}

static bool read_at(struct applier *a, const uint8_t **p, const uint8_t *end, struct message *m)
{
    struct ds_error ignored;
    return *p < end && message_read(p, end, &a->batch.arena, m, &ignored) == 0;
}

/* Joined, all are run at the time of the first one. */
static bool same_second(struct applier *a, const struct message *m)
{
    struct message first;
    const uint8_t *p = a->series.items[0].raw.p;
    return read_at(a, &p, p + a->series.items[0].raw.len, &first) &&
           first.ddl.session.timestamp == m->ddl.session.timestamp;
}

void series_start(struct applier *a)
{
    struct series *s = &a->series;
    struct message m;
    struct sql_redefinition r;
    memset(s, 0, sizeof *s);
    if (a->open_messages.count != 2 || a->skips || a->skipping || a->options.dry_run ||
        a->config->ddl != DDL_APPLY)
        return;
    struct slice raw = a->open_messages.items[1];
    const uint8_t *p = raw.p;
    BUF_AUTO struct buf session = {0};
    if (!read_at(a, &p, raw.p + raw.len, &m) || !joinable(&m, &r) || session_bytes(&m, &session))
        return;
    s->statement = m.ddl.statement;
    s->head = r.head;
    s->session =
        (struct slice){arena_copy(&a->batch.arena, session.data, session.len), session.len};
    if (s->session.p)
        add(s, &m, &r, a->open_begin.gtid);
}

bool series_goes_on(struct applier *a)
{
    struct series *s = &a->series;
    struct message begin, m, commit;
    struct sql_redefinition r;
    if (s->count == 0 || s->count == SERIES_MAX || a->chunk_at >= a->chunk.len)
        return false;
    const uint8_t *p = a->chunk.data + a->chunk_at, *end = a->chunk.data + a->chunk.len;
    if (!read_at(a, &p, end, &begin) || begin.type != MSG_BEGIN || !read_at(a, &p, end, &m) ||
        !joinable(&m, &r) || !read_at(a, &p, end, &commit) || commit.type != MSG_COMMIT)
        return false;
    BUF_AUTO struct buf session = {0};
    if (session_bytes(&m, &session) || session.len != s->session.len ||
        memcmp(session.data, s->session.p, session.len) != 0 || r.head.len != s->head.len ||
        memcmp(r.head.p, s->head.p, r.head.len) != 0)
        return false;
    if (r.dated && !same_second(a, &m))
        return false;
    size_t bytes = s->statement.len + r.tail.len;
    for (uint32_t i = 0; i < s->count; i++) {
        bytes += s->items[i].tail.len;
        if (same_column(s->items[i].column, r.column))
            return false;
    }
    if (bytes > SERIES_BYTES)
        return false;
    add(s, &m, &r, begin.begin.gtid);
    return true;
}

int series_join(struct applier *a, struct slice *raw, struct ds_error *err)
{
    const struct series *s = &a->series;
    BUF_AUTO struct buf sql = {0}, out = {0};
    struct message m;
    const uint8_t *p = s->items[0].raw.p;
    int rc = message_read(&p, p + s->items[0].raw.len, &a->batch.arena, &m, err);
    if (rc)
        return rc;
    rc = buf_append(&sql, s->statement.p, s->statement.len);
    for (uint32_t i = 1; i < s->count; i++)
        rc |= buf_puts(&sql, ", ") | buf_append(&sql, s->items[i].tail.p, s->items[i].tail.len);
    m.ddl.statement = (struct slice){sql.data, sql.len};
    rc |= message_write_ddl(&out, &m.ddl);
    *raw = (struct slice){arena_copy(&a->batch.arena, out.data, out.len), out.len};
    return rc || !raw->p ? error_set(err, DS_ENOMEM, "out of memory") : 0;
}
