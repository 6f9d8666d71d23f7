/* What of a statement concerns the mirrored database, and how it reads at the destination. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "applier/ddl_internal.h"
#include "applier/state.h"
#include "schema/log.h"
#include "schema/sql_collation.h"

enum side { SIDE_OTHER, SIDE_MIRRORED, SIDE_UNWANTED, SIDE_UNCLEAR };

int ddl_no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for a statement");
}

char *ddl_text(struct arena *arena, struct slice s)
{
    char *text = arena_alloc(arena, s.len + 1);
    if (!text)
        return NULL;
    if (s.len)
        memcpy(text, s.p, s.len);
    text[s.len] = 0;
    return text;
}

const char *ddl_literal(struct arena *arena, const void *p, size_t len)
{
    BUF_AUTO struct buf text = {0};
    if (sql_string(&text, p, len))
        return NULL;
    return ddl_text(arena, (struct slice){text.data, text.len});
}

const char *ddl_shown(const struct ddl_job *job)
{
    enum { LONGEST = 500 };
    struct slice s = job->original;
    bool values = job->st.kind == SQL_DML || job->st.kind == SQL_UNKNOWN;
    size_t n = 0;
    while (n < s.len && n < LONGEST && !(values && (s.p[n] == '\'' || s.p[n] == '"')) &&
           !(values && s.len - n > 7 && strncasecmp((const char *)s.p + n, " VALUES", 7) == 0))
        n++;
    while (n < s.len && n && (s.p[n] & 0xc0) == 0x80) /* not inside a character */
        n--;
    BUF_AUTO struct buf text = {0};
    if (buf_append(&text, s.p, n) || (n < s.len && buf_puts(&text, "…")))
        return "";
    char *copy = ddl_text(job->arena, (struct slice){text.data, text.len});
    return copy ? copy : "";
}

static bool is_ascii(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.p[i] & 0x80)
            return false;
    return true;
}

/* Names are UTF-8 in the destination's schema, and the tokenizer knows no character set whose
 * second bytes look like a quote: let the server convert. */
static int to_utf8(struct ddl_job *job, struct slice statement, struct ds_error *err)
{
    job->original = statement;
    unsigned id = job->session.client_charset;
    if (id == 0 || is_ascii(statement))
        return 0;
    BUF_AUTO struct buf charset = {0};
    BUF_AUTO struct buf sql = {0}, text = {0};
    bool found;
    int rc =
        db_scalar(job->c->db, &charset, &found, err,
                  "SELECT CHARACTER_SET_NAME FROM information_schema.COLLATIONS WHERE ID = %u", id);
    const char *name = buf_cstr(&charset);
    if (rc || !found || strncmp(name, "utf8", 4) == 0 || strcmp(name, "binary") == 0)
        return rc; /* unknown ones are newer forms of utf8mb4 */
    rc = buf_printf(&sql, "SELECT CONVERT(_%s X'", name);
    for (size_t i = 0; i < statement.len && rc == 0; i++)
        rc = buf_printf(&sql, "%02X", statement.p[i]);
    if (rc == 0)
        rc = buf_puts(&sql, "' USING utf8mb4)");
    if (rc)
        return ddl_no_memory(err);
    rc = db_scalar(job->c->db, &text, &found, err, "%s", buf_cstr(&sql));
    if (rc)
        return rc;
    job->original.p = arena_copy(job->arena, text.data, text.len);
    job->original.len = text.len;
    job->session.client_charset = 45; /* utf8mb4_general_ci, of every server */
    return job->original.p ? 0 : ddl_no_memory(err);
}

static bool same(struct slice a, const char *b)
{
    return a.len == strlen(b) && memcmp(a.p, b, a.len) == 0;
}

static bool empty(const char *text)
{
    return !text || !*text;
}

static bool prefixes_differ(const struct ddl_context *c)
{
    const char *a = c->source_prefix ? c->source_prefix : "", *b = c->prefix ? c->prefix : "";
    return strcmp(a, b) != 0;
}

/* Where does a name belong? `table`: it is one, or a view or a sequence. */
static enum side side_of(const struct ddl_job *job, size_t i, bool table)
{
    const struct ddl_context *c = job->c;
    const struct sql_name *n = job->st.names + i;
    struct slice database = n->database.len ? n->database : job->session.database;
    if (!same(database, c->source_database)) {
        bool folds = database.len == strlen(c->source_database) &&
                     strncasecmp((const char *)database.p, c->source_database, database.len) == 0;
        return folds ? SIDE_UNCLEAR : SIDE_OTHER;
    }
    return table && state_is_own_table((const char *)n->name.p, n->name.len) ? SIDE_UNWANTED
                                                                             : SIDE_MIRRORED;
}

static void name_of(const struct ddl_job *job, size_t i, char text[260])
{
    const struct slice name = job->st.names[i].name;
    snprintf(text, 260, "%.*s", (int)name.len, (const char *)name.p);
}

/* Do rows of the i-th table that the statement names travel? */
static bool rows_travel(const struct ddl_job *job, size_t i)
{
    char text[260];
    name_of(job, i, text);
    return !job->c->keeps || job->c->keeps(job->c->arg, text);
}

/* A table whose rows travel becomes one whose rows do not, or the other way round: its rows are
 * here and must not be, or only at the source. */
static bool crosses_filter(const struct ddl_job *job, size_t from, size_t to)
{
    char a[260], b[260];
    name_of(job, from, a);
    name_of(job, to, b);
    return rows_travel(job, from) != rows_travel(job, to) ||
           (job->c->same && !job->c->same(job->c->arg, a, b));
}

static int unsupported(const struct ddl_job *job, struct ds_error *err, const char *why)
{
    error_set(err, DS_EUNSUPPORTED, "%s: %s", why, ddl_shown(job));
    error_at_position(err, job->position);
    return DS_EUNSUPPORTED;
}

static int moves_table(const struct ddl_job *job, struct ds_error *err)
{
    return unsupported(job, err,
                       "the statement brings a table into the mirror, or takes one out, whose rows "
                       "are only known on the other side; pass over it with `datasync skip` and "
                       "copy again with --resnapshot");
}

static int put_name(struct buf *out, const struct sql_name *n)
{
    int rc = 0;
    if (n->database.len) {
        rc |= sql_identifier_len(out, (const char *)n->database.p, n->database.len);
        rc |= buf_puts(out, ".");
    }
    return rc | sql_identifier_len(out, (const char *)n->name.p, n->name.len);
}

/* DROP of a list: without what is not ours. if_exists: as a repetition that may find it done. */
static int rebuild_drop(struct ddl_job *job, const bool *keep, bool if_exists, struct buf *out)
{
    int rc = buf_printf(out, "DROP %s %s", job->st.object, if_exists ? "IF EXISTS " : "");
    const char *comma = "";
    for (size_t i = 0; i < job->st.name_count && rc == 0; i++) {
        if (!keep[i])
            continue;
        rc = buf_puts(out, comma) | put_name(out, job->st.names + i);
        comma = ", ";
    }
    return rc;
}

static int rebuild_rename(struct ddl_job *job, const bool *keep, struct buf *out)
{
    int rc = buf_printf(out, "RENAME TABLE %s", job->st.if_exists ? "IF EXISTS " : "");
    const char *comma = "";
    for (size_t i = 0; i + 1 < job->st.name_count && rc == 0; i += 2) {
        if (!keep[i])
            continue;
        rc = buf_puts(out, comma) | put_name(out, job->st.names + i) | buf_puts(out, " TO ") |
             put_name(out, job->st.names + i + 1);
        comma = ", ";
    }
    return rc;
}

/* Lists: keep our part. *kept counts it; `rebuilt` stays empty when nothing is left out. */
static int route_list(struct ddl_job *job, struct buf *rebuilt, struct ds_error *err)
{
    size_t n = job->st.name_count, step = job->st.kind == SQL_RENAME_TABLE ? 2 : 1, kept = 0;
    bool *keep = arena_zalloc(job->arena, n + 1);
    if (!keep)
        return ddl_no_memory(err);
    bool tables = job->st.kind != SQL_DROP_ROUTINE;
    for (size_t i = 0; i + step <= n; i += step) {
        enum side side = side_of(job, i, tables);
        keep[i] = side == SIDE_MIRRORED;
        kept += keep[i];
        if (step == 1)
            continue;
        enum side to = side_of(job, i + 1, true);
        if ((side == SIDE_MIRRORED) != (to == SIDE_MIRRORED) ||
            (side == SIDE_MIRRORED && crosses_filter(job, i, i + 1)))
            return moves_table(job, err);
    }
    job->action = kept ? ACTION_RUN : ACTION_PASS;
    if (kept == 0 || kept == n / step)
        return 0;
    /* An error of the source may have been about one that is left out. */
    int rc = step == 2
                 ? rebuild_rename(job, keep, rebuilt)
                 : rebuild_drop(job, keep, job->st.if_exists || job->session.error_code, rebuilt);
    job->session.error_code = 0;
    return rc ? ddl_no_memory(err) : 0;
}

/* One table, perhaps with a second one. */
static int route_table(struct ddl_job *job, struct ds_error *err)
{
    const struct sql_statement *st = &job->st;
    enum side first = side_of(job, 0, true);
    if (st->as_select && first == SIDE_MIRRORED)
        return unsupported(job, err,
                           "the source logs in statement format (set binlog_format=ROW there, also "
                           "in sessions that set it themselves)");
    if (st->name_count > 1) {
        enum side second = side_of(job, 1, true);
        bool unknown = (st->alter_renames || st->exchange_partition) && crosses_filter(job, 0, 1);
        if (((first == SIDE_MIRRORED) != (second == SIDE_MIRRORED) &&
             !(st->kind == SQL_CREATE_TABLE_LIKE && first != SIDE_MIRRORED)) ||
            (first == SIDE_MIRRORED && unknown))
            return moves_table(job, err);
    }
    struct sql_redefinition ignored;
    bool harmless =
        st->kind == SQL_TRUNCATE || (job->session.error_code == 0 &&
                                     sql_redefines(job->original, job->session.sql_mode, &ignored));
    if (first != SIDE_MIRRORED || (st->kind == SQL_TRUNCATE && !rows_travel(job, 0)))
        job->action = ACTION_PASS;
    else
        job->action = harmless ? ACTION_REPEAT : ACTION_RUN;
    return 0;
}

static int route_kind(struct ddl_job *job, struct buf *rebuilt, struct ds_error *err)
{
    switch (job->st.kind) {
    case SQL_DROP_TABLE:
    case SQL_DROP_VIEW:
    case SQL_DROP_SEQUENCE:
    case SQL_RENAME_TABLE:
        return route_list(job, rebuilt, err);
    case SQL_CREATE_TABLE:
    case SQL_CREATE_TABLE_LIKE:
    case SQL_ALTER_TABLE:
    case SQL_TRUNCATE:
    case SQL_CREATE_INDEX:
    case SQL_DROP_INDEX:
    case SQL_CREATE_VIEW:
    case SQL_ALTER_VIEW:
    case SQL_CREATE_SEQUENCE:
    case SQL_ALTER_SEQUENCE:
        return route_table(job, err);
    case SQL_CREATE_ROUTINE:
    case SQL_ALTER_ROUTINE:
    case SQL_DROP_ROUTINE:
        job->action = side_of(job, 0, false) == SIDE_MIRRORED ? ACTION_RUN : ACTION_PASS;
        return 0;
    case SQL_CREATE_TRIGGER:
        job->action = side_of(job, 1, true) == SIDE_MIRRORED ? ACTION_RECORD : ACTION_PASS;
        return 0;
    case SQL_DROP_TRIGGER:
    case SQL_CREATE_EVENT:
    case SQL_ALTER_EVENT:
    case SQL_DROP_EVENT:
        job->action = side_of(job, 0, false) == SIDE_MIRRORED ? ACTION_RECORD : ACTION_PASS;
        return 0;
    case SQL_CREATE_DATABASE:
        job->action = ACTION_DATABASE;
        return 0;
    case SQL_ALTER_DATABASE:
        job->action = ACTION_REPEAT;
        return 0;
    case SQL_DROP_DATABASE:
        job->action = ACTION_EMPTY;
        return 0;
    default:
        return unsupported(job, err, "a statement that ends or begins a transaction came as DDL");
    }
}

/* What is none of ours, whatever it names; *passed. */
static int route_other(struct ddl_job *job, bool *passed, struct ds_error *err)
{
    bool concerns = sql_concerns(&job->st, job->session.database, job->c->source_database);
    *passed = true;
    switch (job->st.kind) {
    case SQL_UNKNOWN:
        return unsupported(job, err,
                           "cannot tell what this statement changes; apply it by hand if it must "
                           "be, then pass over it with `datasync skip`");
    case SQL_DML:
        return !concerns ? 0
                         : unsupported(job, err,
                                       "the source logs changes in statement format (set "
                                       "binlog_format=ROW there, also in sessions that set it "
                                       "themselves)");
    case SQL_TEMPORARY:
    case SQL_DUMMY:
        return 0;
    case SQL_ACCOUNT:
    case SQL_ADMIN:
    case SQL_SET:
        log_info("not mirrored: %s position=%s", sql_kind_name(job->st.kind), job->position);
        return 0;
    default:
        *passed = !concerns;
        return 0;
    }
}

/* The statement as the destination is to run it, and what it names there. */
static int rewrite(struct ddl_job *job, const struct buf *rebuilt, struct ds_error *err)
{
    const struct ddl_context *c = job->c;
    struct slice sql = rebuilt->len ? (struct slice){rebuilt->data, rebuilt->len} : job->original;
    BUF_AUTO struct buf whole = {0}, moved = {0}, translated = {0}, prefixed = {0};
    struct slice cut = job->st.start_transaction;
    int rc = 0;
    if (cut.len && !rebuilt->len) {
        size_t head = (size_t)(cut.p - sql.p);
        rc = buf_append(&whole, sql.p, head) |
             buf_append(&whole, cut.p + cut.len, sql.len - head - cut.len);
        sql = (struct slice){whole.data, whole.len};
    }
    if (rc == 0 && strcmp(c->source_database, c->database) != 0) {
        rc = sql_rename_database(sql, job->session.sql_mode, c->source_database, c->database,
                                 &moved);
        sql = (struct slice){moved.data, moved.len};
    }
    if (rc == 0) {
        const struct collation_target to = {c->server->mariadb, c->server->version};
        bool table = job->st.kind == SQL_CREATE_TABLE || job->st.kind == SQL_ALTER_TABLE ||
                     job->st.kind == SQL_CREATE_DATABASE || job->st.kind == SQL_ALTER_DATABASE;
        rc = sql_translate_collations(
            sql, job->session.sql_mode, to,
            table ? collation_of_utf8mb4(to, job->session.utf8mb4_collation) : NULL, &translated);
        sql = (struct slice){translated.data, translated.len};
    }
    if (rc == 0 && prefixes_differ(c)) {
        rc = sql_classify(sql, job->session.sql_mode, job->arena, &job->st);
        if (rc == 0)
            rc = sql_replace_prefix(sql, job->session.sql_mode, &job->st,
                                    empty(c->source_prefix) ? "" : c->source_prefix,
                                    empty(c->prefix) ? "" : c->prefix, &prefixed);
        sql = (struct slice){prefixed.data, prefixed.len};
    }
    job->sql = (struct slice){arena_copy(job->arena, sql.p, sql.len), sql.len};
    if (rc || !job->sql.p || sql_classify(job->sql, job->session.sql_mode, job->arena, &job->st))
        return ddl_no_memory(err);
    job->names = arena_zalloc(job->arena, (job->st.name_count + 1) * sizeof *job->names);
    for (size_t i = 0; job->names && i < job->st.name_count; i++)
        if (!(job->names[job->name_count++] = ddl_text(job->arena, job->st.names[i].name)))
            return ddl_no_memory(err);
    return job->names ? 0 : ddl_no_memory(err);
}

static int check_policy(struct ddl_job *job, struct ds_error *err)
{
    bool changes = job->action == ACTION_RUN || job->action == ACTION_EMPTY ||
                   job->action == ACTION_DATABASE ||
                   (job->action == ACTION_REPEAT && job->st.kind != SQL_TRUNCATE);
    if (!changes || job->c->policy == DDL_APPLY)
        return 0;
    if (job->c->policy == DDL_STOP) {
        error_set(err, DS_EDDL,
                  "stopped at a DDL statement as `ddl: stop` asks; apply it at the destination and "
                  "pass over it with `datasync skip`, or set `ddl: apply`: %s",
                  ddl_shown(job));
        error_at_position(err, job->position);
        return DS_EDDL;
    }
    job->action = ACTION_PASS;
    log_warn("DDL not applied, as `ddl: ignore` asks kind=\"%s\" name=%.*s position=%s",
             sql_kind_name(job->st.kind), job->st.name_count ? (int)job->st.names[0].name.len : 0,
             job->st.name_count ? (const char *)job->st.names[0].name.p : "", job->position);
    return 0;
}

int ddl_route(struct ddl_job *job, struct ds_error *err)
{
    const struct message *m = job->message;
    BUF_AUTO struct buf rebuilt = {0};
    job->session = m->type == MSG_DDL ? m->ddl.session : m->truncate.session;
    struct slice statement = m->type == MSG_DDL ? m->ddl.statement : m->truncate.statement;
    job->action = ACTION_PASS;
    int rc = to_utf8(job, statement, err);
    if (rc)
        return rc;
    if (sql_classify(job->original, job->session.sql_mode, job->arena, &job->st))
        return ddl_no_memory(err);
    bool passed;
    rc = route_other(job, &passed, err);
    if (rc || passed)
        return rc;
    for (size_t i = 0; i < job->st.name_count; i++)
        if (side_of(job, i, false) == SIDE_UNCLEAR)
            return unsupported(job, err,
                               "the statement names a database that differs from the mirrored one "
                               "by case only; apply it by hand if it means this one, then pass "
                               "over it with `datasync skip`");
    rc = route_kind(job, &rebuilt, err);
    if (rc || job->action == ACTION_PASS)
        return rc;
    bool body = job->st.kind == SQL_CREATE_VIEW || job->st.kind == SQL_ALTER_VIEW ||
                job->st.kind == SQL_CREATE_ROUTINE;
    if (body && prefixes_differ(job->c) && job->c->policy == DDL_APPLY)
        return unsupported(job, err,
                           "views and routines cannot be moved to another table prefix; create it "
                           "by hand, then pass over it with `datasync skip`");
    rc = check_policy(job, err);
    return rc || job->action == ACTION_PASS ? rc : rewrite(job, &rebuilt, err);
}
