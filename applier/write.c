#include "applier/write.h"

#include <errmsg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "applier/bind.h"
#include "applier/cascade.h"
#include "applier/join_update.h"
#include "applier/key_text.h"
#include "applier/literals.h"
#include "schema/db_later.h"
#include "schema/log.h"

enum {
    STATEMENTS = 256, /* prepared statements kept */
    ROWS_PER_REQUEST = 4096,
    BYTES_PER_REQUEST = 4 << 20,
    BYTES_PER_TURN = 256 << 10, /* where the next request is made while one runs */
    WORTH_A_JOIN = 8,           /* rows */
};

#define ROW_SQL_MODE "NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION"

struct statement {
    uint64_t hash;
    char *sql;
    MYSQL_STMT *stmt;
    const struct target_table *target;
    uint64_t used; /* tick of the last use */
};

/* Rows that go to the server in one request. */
struct request {
    struct writer *w;
    struct step step;       /* its rows are in `binds` */
    const struct net *only; /* NULL: there are several */
    uint32_t rows;
    uint64_t *ids;    /* NULL: not asked for */
    MYSQL_STMT *stmt; /* NULL: `text` */
    struct bind_set binds;
    struct buf text;
};

struct writer {
    char *database;
    MYSQL *db;
    bool mariadb;
    uint64_t max_packet; /* bytes the server accepts in one statement */
    uint32_t checks_off; /* enum change_flag bits of checks that are off in the session now */
    bool strict;         /* a handler's statements have set it */
    struct statement statements[STATEMENTS];
    uint64_t tick;
    bool later;                 /* requests may run while the next one is made */
    struct request requests[2]; /* … so that they take turns */
    uint32_t next;
    /* parameters of the statement in hand */
    struct buf sql;
    const struct target_column **columns;
    uint32_t *ordinals; /* of columns, the first set_count in `after`, the others in the key */
    uint32_t set_count, column_count;
    const uint8_t **values;
    size_t value_cap;
};

int writer_new(struct writer **out, const char *database, struct ds_error *err)
{
    struct writer *w = calloc(1, sizeof *w);
    if (w) {
        w->database = strdup(database);
        w->columns = calloc(2 * MESSAGE_MAX_COLUMNS, sizeof *w->columns);
        w->ordinals = calloc(2 * MESSAGE_MAX_COLUMNS, sizeof *w->ordinals);
    }
    if (!w || !w->database || !w->columns || !w->ordinals) {
        writer_free(w);
        return error_set(err, DS_ENOMEM, "out of memory");
    }
    *out = w;
    return 0;
}

void writer_later(struct writer *w, bool later)
{
    w->later = later;
}

void writer_forget(struct writer *w, const char *table)
{
    for (int i = 0; i < STATEMENTS; i++) {
        struct statement *s = &w->statements[i];
        if (!s->stmt || (table && strcmp(s->target->name, table) != 0))
            continue;
        mysql_stmt_close(s->stmt);
        free(s->sql);
        memset(s, 0, sizeof *s);
    }
}

void writer_free(struct writer *w)
{
    if (!w)
        return;
    writer_forget(w, NULL);
    bind_free(&w->requests[0].binds);
    bind_free(&w->requests[1].binds);
    buf_free(&w->requests[0].text);
    buf_free(&w->requests[1].text);
    buf_free(&w->sql);
    free(w->columns);
    free(w->ordinals);
    free(w->values);
    free(w->database);
    free(w);
}

int writer_restore_session(struct writer *w, struct ds_error *err)
{
    w->checks_off = 0;
    w->strict = false;
    int rc = db_exec(w->db, err, "SET NAMES binary");
    if (rc == 0)
        rc = db_exec(w->db, err,
                     "SET SESSION sql_mode = '" ROW_SQL_MODE "', time_zone = '+00:00', "
                     "foreign_key_checks = 1, unique_checks = 1, timestamp = DEFAULT, "
                     "auto_increment_increment = 1, auto_increment_offset = 1, "
                     "max_error_count = 65535"); /* none may hide behind those of ENUM */
    if (rc == 0 && w->mariadb)
        rc = db_exec(w->db, err, "SET SESSION check_constraint_checks = 1");
    return rc;
}

int writer_attach(struct writer *w, MYSQL *db, const struct db_server *server, struct ds_error *err)
{
    writer_forget(w, NULL);
    w->db = db;
    w->mariadb = server->mariadb;
    bool found;
    int rc = db_scalar_u64(db, &w->max_packet, &found, err, "SELECT @@max_allowed_packet");
    return rc ? rc : writer_restore_session(w, err);
}

/* --- errors -------------------------------------------------------------- */

/* Errors of the server that mean that a change does not fit what is there. */
static bool is_data_error(unsigned code)
{
    static const unsigned codes[] = {1022, 1032, 1048, 1062, 1136, 1169, 1216, 1217, 1242,
                                     1264, 1265, 1292, 1364, 1366, 1367, 1369, 1406, 1411,
                                     1441, 1451, 1452, 1526, 1557, 1586, 1644, 1690, 1748,
                                     1761, 1762, 1834, 3819, 4025, 4078};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (codes[i] == code)
            return true;
    return false;
}

/* Give an error its class for law 5 and its place. */
static int explain(struct writer *w, const struct step *s, const struct net *only, int rc,
                   struct ds_error *err)
{
    if (rc == DS_ESERVER && is_data_error(err->server_errno))
        rc = err->code = DS_ECONFLICT;
    if (err->server_errno == 1146)
        rc = error_set_server(err, DS_ESCHEMA, 1146,
                              "the destination's table %s is gone: create it with the source's "
                              "definition and rows, or copy again with --resnapshot",
                              s->target->name);
    error_at_table(err, w->database, s->target->name);
    BUF_AUTO struct buf key = {0};
    if (only && (only->source_id.p ? buf_printf(&key, "source id %.*s", (int)only->source_id.len,
                                                (const char *)only->source_id.p)
                                   : net_key_text(only, &key)) == 0)
        error_at_key(err, buf_cstr(&key));
    return rc;
}

/* --- session -------------------------------------------------------------- */

static int set_checks(struct writer *w, uint32_t flags, struct ds_error *err)
{
    flags &= CHANGE_NO_FK_CHECKS | CHANGE_NO_CHECK_CONSTRAINTS;
    int rc = 0;
    if ((flags ^ w->checks_off) & CHANGE_NO_FK_CHECKS)
        rc = db_exec(w->db, err, "SET SESSION foreign_key_checks = %d",
                     !(flags & CHANGE_NO_FK_CHECKS));
    if (rc == 0 && w->mariadb && (flags ^ w->checks_off) & CHANGE_NO_CHECK_CONSTRAINTS)
        rc = db_exec(w->db, err, "SET SESSION check_constraint_checks = %d",
                     !(flags & CHANGE_NO_CHECK_CONSTRAINTS));
    if (rc == 0)
        w->checks_off = flags;
    return rc;
}

static int set_strict(struct writer *w, bool strict, struct ds_error *err)
{
    if (w->strict == strict)
        return 0;
    int rc = db_exec(w->db, err, "SET SESSION sql_mode = '" ROW_SQL_MODE "%s'",
                     strict ? ",STRICT_ALL_TABLES" : "");
    w->strict = rc == 0 ? strict : w->strict;
    return rc;
}

int writer_begin_foreign(struct writer *w, struct ds_error *err)
{
    int rc = set_checks(w, 0, err);
    return rc ? rc : set_strict(w, true, err);
}

int writer_end_foreign(struct writer *w, struct ds_error *err)
{
    return set_strict(w, false, err);
}

/* The statement of w->sql; NULL: it is not prepared. *oldest: the place for another one. */
static MYSQL_STMT *find_statement(struct writer *w, uint64_t hash, struct statement **oldest)
{
    *oldest = &w->statements[0];
    for (int i = 0; i < STATEMENTS; i++) {
        struct statement *s = &w->statements[i];
        if (s->stmt && s->hash == hash && strlen(s->sql) == w->sql.len &&
            memcmp(s->sql, w->sql.data, w->sql.len) == 0) {
            s->used = ++w->tick;
            return s->stmt;
        }
        if (s->used < (*oldest)->used)
            *oldest = s;
    }
    return NULL;
}

static int prepare(struct writer *w, struct statement *at, const struct target_table *target,
                   uint64_t hash, struct ds_error *err)
{
    if (at->stmt)
        mysql_stmt_close(at->stmt);
    free(at->sql);
    memset(at, 0, sizeof *at);
    MYSQL_STMT *stmt = mysql_stmt_init(w->db);
    if (!stmt)
        return error_set(err, DS_ENOMEM, "out of memory");
    if (mysql_stmt_prepare(stmt, (const char *)w->sql.data, w->sql.len)) {
        int rc = db_fail_stmt(err, stmt, "preparing a statement");
        mysql_stmt_close(stmt);
        return rc;
    }
    at->sql = strndup((const char *)w->sql.data, w->sql.len);
    if (!at->sql) {
        mysql_stmt_close(stmt);
        return error_set(err, DS_ENOMEM, "out of memory");
    }
    at->stmt = stmt;
    at->target = target;
    at->hash = hash;
    at->used = ++w->tick;
    return 0;
}

/* --- statements ------------------------------------------------------------ */

/* Which columns a row's statement sets. For updates: what any row of the step changes, so that all
 * rows share one statement; unchanged values are written as they are. */
static bool sets_column(const struct step *s, const uint64_t *changed, const struct net *n,
                        uint32_t i)
{
    const struct target_column *c = &s->target->columns[i];
    if (c->generated || !n->after[i])
        return false;
    return s->op == NET_INSERT ? !changed || changed[i / 64] >> (i % 64) & 1
                               : changed[i / 64] >> (i % 64) & 1 || c->on_update;
}

/* Columns of a new row that are not as they are by default. */
static void note_values(const struct step *s, const struct net *n, uint64_t *set)
{
    const struct target_column *c = s->target->columns;
    for (uint32_t i = 0; i < s->target->column_count; i++)
        if (!c[i].null_default || (n->after[i] && *n->after[i] != VALUE_BYTE_NULL))
            set[i / 64] |= 1ull << (i % 64);
}

static bool same_shape(const struct step *s, const uint64_t *changed, const struct net *a,
                       const struct net *b)
{
    if (s->op == NET_DELETE)
        return true;
    for (uint32_t i = 0; i < s->target->column_count; i++)
        if (!a->after[i] != !b->after[i] &&
            sets_column(s, changed, a, i) != sets_column(s, changed, b, i))
            return false;
    return true;
}

static void add_parameter(struct writer *w, const struct step *s, uint32_t ordinal)
{
    w->columns[w->column_count] = &s->target->columns[ordinal];
    w->ordinals[w->column_count++] = ordinal;
}

/* How a column is compared with a parameter so that exactly the same stored bytes match. */
static int keyless_condition(struct buf *sql, const struct target_column *c)
{
    int rc = 0;
    if (c->class == TARGET_TEXT) { /* bytes, not the collation, tell rows apart */
        rc |= buf_puts(sql, "BINARY ");
        rc |= sql_identifier(sql, c->name);
        return rc | buf_puts(sql, " <=> ?");
    }
    rc |= sql_identifier(sql, c->name);
    return rc |
           buf_puts(sql, c->class == TARGET_JSON ? " <=> CAST(CONVERT(? USING utf8mb4) AS JSON)"
                                                 : " <=> ?");
}

static int where_clause(struct writer *w, const struct step *s)
{
    const struct target_table *t = s->target;
    int rc = buf_puts(&w->sql, " WHERE ");
    uint32_t n = s->keyless ? t->column_count : t->row_key->count;
    bool first = true;
    for (uint32_t i = 0; i < n && rc == 0; i++) {
        uint32_t column = s->keyless ? i : t->row_key->columns[i];
        const struct target_column *c = &t->columns[column];
        if (s->keyless && c->generated)
            continue;
        rc |= first ? 0 : buf_puts(&w->sql, " AND ");
        first = false;
        if (s->keyless) {
            rc |= keyless_condition(&w->sql, c);
        } else {
            rc |= sql_identifier(&w->sql, c->name);
            rc |= buf_puts(&w->sql, " = ?");
        }
        add_parameter(w, s, column);
    }
    return rc | (s->keyless ? buf_puts(&w->sql, " LIMIT 1") : 0);
}

static int insert_sql(struct writer *w, const struct step *s, const uint64_t *named,
                      const struct net *n)
{
    int rc = buf_puts(&w->sql, s->replace ? "REPLACE INTO " : "INSERT INTO ");
    rc |= sql_table(&w->sql, w->database, s->target->name);
    rc |= buf_puts(&w->sql, " (");
    for (uint32_t i = 0; i < s->target->column_count; i++) {
        if (!sets_column(s, named, n, i))
            continue;
        rc |= w->column_count ? buf_puts(&w->sql, ", ") : 0;
        rc |= sql_identifier(&w->sql, s->target->columns[i].name);
        add_parameter(w, s, i);
    }
    w->set_count = w->column_count;
    rc |= buf_puts(&w->sql, ") VALUES (");
    for (uint32_t i = 0; i < w->set_count; i++)
        rc |= buf_puts(&w->sql, i ? ", ?" : "?");
    rc |= buf_puts(&w->sql, ")");
    if (s->ids)
        rc |= buf_puts(&w->sql, " RETURNING ") |
              sql_identifier(&w->sql, s->target->columns[s->target->auto_increment].name);
    return rc;
}

static int update_sql(struct writer *w, const struct step *s, const uint64_t *changed,
                      const struct net *n)
{
    const struct target_table *t = s->target;
    int rc = buf_puts(&w->sql, "UPDATE ");
    rc |= sql_table(&w->sql, w->database, t->name);
    const char *comma = " SET ";
    for (uint32_t i = 0; i < t->column_count; i++) {
        bool sets = sets_column(s, changed, n, i);
        if (!sets && !(t->columns[i].on_update && !t->columns[i].generated))
            continue;
        rc |= buf_puts(&w->sql, comma);
        rc |= sql_identifier(&w->sql, t->columns[i].name);
        rc |= buf_puts(&w->sql, " = ");
        if (sets) {
            rc |= buf_puts(&w->sql, "?");
            add_parameter(w, s, i);
        } else { /* law 11: keep it, whatever its default says */
            rc |= sql_identifier(&w->sql, t->columns[i].name);
        }
        comma = ", ";
    }
    if (strcmp(comma, " SET ") == 0) { /* nothing to set: the row must be there all the same */
        uint32_t i = 0;
        while (i + 1 < t->column_count && t->columns[i].generated)
            i++;
        rc |= buf_puts(&w->sql, comma);
        rc |= sql_identifier(&w->sql, t->columns[i].name);
        rc |= buf_puts(&w->sql, " = ");
        rc |= sql_identifier(&w->sql, t->columns[i].name);
    }
    w->set_count = w->column_count;
    return rc | where_clause(w, s);
}

static int build_sql(struct writer *w, const struct step *s, const uint64_t *changed,
                     const struct net *n)
{
    buf_clear(&w->sql);
    w->set_count = w->column_count = 0;
    if (s->op == NET_INSERT)
        return insert_sql(w, s, changed, n);
    if (s->op == NET_UPDATE)
        return update_sql(w, s, changed, n);
    int rc = buf_puts(&w->sql, "DELETE FROM ");
    rc |= sql_table(&w->sql, w->database, s->target->name);
    return rc | where_clause(w, s);
}

/* The k-th parameter of a row. */
static const uint8_t *parameter(const struct writer *w, const struct step *s, const struct net *n,
                                uint32_t k)
{
    if (k < w->set_count)
        return n->after[w->ordinals[k]];
    return s->keyless ? n->key[w->ordinals[k]] : n->key[k - w->set_count];
}

static bool is_enum_warning(const struct target_table *t, unsigned number, const char *text)
{
    uint32_t i = 0;
    while (i < t->column_count && !target_warns_of_enum(&t->columns[i], number, text))
        i++;
    return i < t->column_count;
}

/* Law 11: a warning is a value that did not arrive as it was, except the empty error value of ENUM.
 */
int writer_check(struct writer *w, const struct target_table *t, struct ds_error *err)
{
    if (mysql_warning_count(w->db) == 0)
        return 0;
    MYSQL_RES *res = db_select(w->db, err, "SHOW WARNINGS");
    if (!res)
        return err->code;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));) {
        unsigned code = (unsigned)strtoul(row[1], NULL, 10);
        if (strcmp(row[0], "Note") == 0 || !is_data_error(code) || is_enum_warning(t, code, row[2]))
            continue;
        rc = error_set_server(err, DS_ECONFLICT, code,
                              "a value does not fit the destination's column: %s", row[2]);
    }
    mysql_free_result(res);
    return rc;
}

static int check_count(const struct step *s, uint64_t affected, uint32_t rows, struct ds_error *err)
{
    if (s->op == NET_INSERT || s->uncounted || affected == rows)
        return 0;
    return error_set_server(
        err, DS_ECONFLICT, 1032,
        "%s of %u row%s found %lu: the destination does not hold what the source "
        "had",
        s->op == NET_UPDATE ? "an update" : "a delete", rows, rows == 1 ? "" : "s", affected);
}

static int ended(struct writer *w, const struct request *r, uint64_t affected, int rc,
                 struct ds_error *err)
{
    rc = rc ? rc : check_count(&r->step, affected, r->rows, err);
    rc = rc ? rc : writer_check(w, r->step.target, err);
    return rc ? explain(w, &r->step, r->only, rc, err) : 0;
}

/* MariaDB tells the new numbers in the order of the rows. */
static int read_ids(struct request *r, struct ds_error *err)
{
    uint64_t id;
    MYSQL_BIND bind = {.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &id, .is_unsigned = true};
    uint32_t n = 0;
    int rc = 0;
    if (mysql_stmt_bind_result(r->stmt, &bind) || mysql_stmt_store_result(r->stmt))
        return db_fail_stmt(err, r->stmt, "writing rows");
    if (mysql_stmt_num_rows(r->stmt) != r->rows)
        rc = error_set(err, DS_ESERVER, "%u rows were inserted and %lu ids returned", r->rows,
                       (unsigned long)mysql_stmt_num_rows(r->stmt));
    for (; n < r->rows && rc == 0; n++)
        if (mysql_stmt_fetch(r->stmt))
            rc = db_fail_stmt(err, r->stmt, "writing rows");
        else
            r->ids[n] = id;
    mysql_stmt_free_result(r->stmt);
    return rc;
}

static int run_request(void *arg, struct ds_error *err)
{
    struct request *r = arg;
    if (!r->stmt) {
        int failed = db_exec_len(r->w->db, (const char *)r->text.data, r->text.len, err);
        return ended(r->w, r, failed ? 0 : mysql_affected_rows(r->w->db), failed, err);
    }
    int rc = bind_execute(&r->binds, r->stmt, "writing rows", err);
    uint64_t affected = rc || r->ids ? 0 : mysql_stmt_affected_rows(r->stmt);
    if (rc == 0 && r->ids)
        rc = read_ids(r, err);
    return ended(r->w, r, affected, rc, err);
}

static int execute_bound(struct writer *w, struct request *r, struct ds_error *err)
{
    int rc = bind_fill(&r->binds, w->columns, w->column_count, w->values, r->rows, 0, err);
    if (rc == 0 && r->binds.bytes + 65536 > w->max_packet)
        rc = error_set(
            err, DS_ELIMIT,
            "a row of %lu bytes does not fit the destination's max_allowed_packet of %lu: "
            "SET GLOBAL max_allowed_packet there to at least the source's value",
            r->binds.bytes, w->max_packet);
    if (rc)
        return explain(w, &r->step, r->only, rc, err);
    uint64_t hash = XXH3_64bits(w->sql.data, w->sql.len);
    struct statement *oldest;
    r->stmt = find_statement(w, hash, &oldest);
    if (!r->stmt) {
        rc = db_settle(w->db, err);
        if (rc)
            return rc;
        rc = prepare(w, oldest, r->step.target, hash, err);
        if (rc)
            return explain(w, &r->step, r->only, rc, err);
        r->stmt = oldest->stmt;
    }
    return w->later ? db_later(w->db, run_request, r, err) : run_request(r, err);
}

static struct request *next_request(struct writer *w, const struct step *s, uint32_t rows)
{
    struct request *r = &w->requests[w->next];
    w->next ^= w->mariadb;
    r->w = w;
    r->step = *s;
    r->rows = rows;
    r->only = NULL;
    r->ids = NULL;
    r->stmt = NULL;
    return r;
}

/* The first `rows` rows of w->values. An error that a request before has met names its own place.
 */
static int execute(struct writer *w, const struct step *s, uint32_t rows, uint64_t *ids,
                   const struct net *only, struct ds_error *err)
{
    struct request *r = next_request(w, s, rows);
    r->only = only;
    r->ids = ids;
    if (w->mariadb)
        return execute_bound(w, r, err);
    uint64_t affected = 0;
    int rc = s->op == NET_INSERT ? literals_insert(w->db, &w->sql, w->columns, w->column_count,
                                                   w->values, rows, err)
                                 : literals_execute(w->db, &w->sql, w->columns, w->column_count,
                                                    w->values, rows, &affected, err);
    return ended(w, r, affected, rc, err);
}

static int grow_values(struct writer *w, size_t rows)
{
    size_t need = rows * w->column_count;
    if (need <= w->value_cap)
        return 0;
    const uint8_t **bigger = realloc(w->values, need * 2 * sizeof *bigger);
    if (!bigger)
        return DS_ENOMEM;
    w->values = bigger;
    w->value_cap = need * 2;
    return 0;
}

/* Send the rows s->nets[begin, begin + count), which share one statement. */
static int write_shape(struct writer *w, const struct step *s, uint32_t begin, uint32_t count,
                       uint64_t *written, struct ds_error *err)
{
    struct net *const *nets = s->nets + begin;
    uint64_t most = w->later ? BYTES_PER_TURN : BYTES_PER_REQUEST;
    uint64_t limit = w->max_packet / 2 < most ? w->max_packet / 2 : most;
    uint32_t i = 0, copy = 0; /* copy: how often the keyless row i has been sent */
    while (i < count) {
        uint32_t rows = 0, first = i;
        uint64_t bytes = 0;
        while (i < count && rows < ROWS_PER_REQUEST && bytes < limit) {
            if (grow_values(w, rows + 1))
                return error_set(err, DS_ENOMEM, "out of memory");
            uint64_t size = 0;
            for (uint32_t k = 0; k < w->column_count; k++) {
                const uint8_t *v = parameter(w, s, nets[i], k);
                w->values[(size_t)rows * w->column_count + k] = v;
                size += value_length(v);
            }
            if (rows && bytes + size > limit)
                break;
            bytes += size;
            rows++;
            uint32_t copies = s->keyless && nets[i]->count ? (uint32_t)abs(nets[i]->count) : 1;
            if (++copy == copies) {
                copy = 0;
                i++;
            }
        }
        int rc = execute(w, s, rows, s->ids ? s->ids + begin + first : NULL,
                         rows == 1 ? nets[first] : NULL, err);
        if (rc)
            return rc;
        *written += rows;
    }
    return 0;
}

/* s->nets[begin, begin + count), which set the same columns. */
static int write_joined(struct writer *w, const struct step *s, const uint64_t *changed,
                        uint32_t begin, uint32_t count, uint64_t *written, struct ds_error *err)
{
    for (uint32_t at = begin, end = begin + count; at < end;) {
        struct request *r = next_request(w, s, 0);
        int rc = join_update(&r->text, w->database, s, changed, at, end, &r->rows, err);
        if (rc)
            return explain(w, s, NULL, rc, err);
        r->only = r->rows == 1 ? s->nets[at] : NULL;
        at += r->rows;
        *written += r->rows;
        rc = w->later ? db_later(w->db, run_request, r, err) : run_request(r, err);
        if (rc)
            return rc;
    }
    return 0;
}

/* The engine cascades under any checks of the rows it changes but those of foreign keys, which act
 * only while they are on. */
static int write_cascades(struct writer *w, const struct step *s, uint64_t *rows,
                          struct ds_error *err)
{
    int rc = set_checks(w, s->flags, err);
    if (rc == 0)
        rc = cascade_write(w->db, w->database, s, rows, err);
    if (rc == DS_ESERVER && is_data_error(err->server_errno))
        rc = err->code = DS_ECONFLICT;
    return rc;
}

int writer_step(struct writer *w, const struct step *s, uint64_t *rows, struct ds_error *err)
{
    if (s->flags & CHANGE_CASCADE)
        return write_cascades(w, s, rows, err);
    uint64_t set[MESSAGE_MAX_COLUMNS / 64] = {0}, *changed = set;
    if (s->op == NET_INSERT && !s->bulk)
        changed = NULL;
    for (uint32_t i = 0; i < s->count && s->op == NET_UPDATE; i++)
        for (uint32_t word = 0; word < (s->target->column_count + 63) / 64; word++)
            changed[word] |= s->nets[i]->changed[word];
    for (uint32_t i = 0; i < s->count && s->op == NET_INSERT && changed; i++)
        note_values(s, s->nets[i], changed);
    bool joined = s->bulk && join_update_can(s, changed);
    int rc = set_checks(w, s->flags, err);
    if (rc == 0 && s->op != NET_INSERT && (s->target->delete_fence || s->target->update_fence))
        rc = cascade_links(w->db, w->database, s, rows, err);
    for (uint32_t i = 0, end; i < s->count && rc == 0; i = end) {
        for (end = i + 1; end < s->count && same_shape(s, changed, s->nets[i], s->nets[end]);)
            end++;
        if (joined && end - i >= WORTH_A_JOIN) {
            rc = write_joined(w, s, changed, i, end - i, rows, err);
            continue;
        }
        if (build_sql(w, s, changed, s->nets[i]))
            return error_set(err, DS_ENOMEM, "out of memory");
        rc = write_shape(w, s, i, end - i, rows, err);
    }
    return rc;
}

int writer_ghosts(struct writer *w, struct net *const *ghosts, uint32_t count, struct ds_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        struct net ghost = *ghosts[i], *list = &ghost;
        const struct target_table *t = ghost.table->target;
        const uint8_t *key[64] = {NULL};
        for (uint32_t k = 0; t->row_key && k < t->row_key->count; k++)
            key[k] = ghost.after[t->row_key->columns[k]];
        ghost.key = t->row_key ? key : ghost.after;
        struct step s = {.target = ghost.table->target,
                         .op = NET_INSERT,
                         .flags = CHANGE_NO_FK_CHECKS | CHANGE_NO_CHECK_CONSTRAINTS,
                         .keyless = !t->row_key,
                         .nets = &list,
                         .count = 1};
        uint64_t ignored = 0;
        rc = writer_step(w, &s, &ignored, err);
        s.op = NET_DELETE;
        if (rc == 0)
            rc = writer_step(w, &s, &ignored, err);
    }
    return rc;
}
