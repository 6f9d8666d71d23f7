/* Statements of handlers, inside the applier's open destination transaction.
 *
 * Nothing that ends or controls the transaction may get through: only statements that begin with
 * certain words are taken, all through the prepared protocol, which takes one at a time. Stored
 * functions and triggers cannot commit; procedures can, so they cannot be called. What comes back
 * is looked at all the same: a server that has left the transaction ends the range.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "applier/apply.h"
#include "applier/handlers.h"
#include "schema/db_later.h"
#include "schema/sql_token.h"

enum {
    PARAMETERS_MAX = 1000,
    RESULT_MAX = 64 << 20, /* bytes of what a query gives */
    FIRST_ROOM = 256,      /* for a text, before its length is known */
};

struct ds_result {
    const char **names;
    uint32_t columns;
    struct ds_value **rows;
    uint32_t row_count, row_cap;
    size_t bytes;
};

/* --- what may be run -------------------------------------------------------------- */

/* A function may be called by its name in backticks, too. */
static bool quoted_one_of(const struct token *t, const char *const *names)
{
    for (; t->kind == TOKEN_QUOTED && t->len > 2 && *names; names++)
        if (strlen(*names) == t->len - 2 &&
            strncasecmp((const char *)t->p + 1, *names, t->len - 2) == 0)
            return true;
    return false;
}

const char *handler_statement_refused(const char *sql)
{
    static const char *const begins[] = {"SELECT", "WITH",   "VALUES",  "SHOW", "INSERT",
                                         "UPDATE", "DELETE", "REPLACE", NULL};
    static const char *const functions[] = {"GET_LOCK", "RELEASE_LOCK", "RELEASE_ALL_LOCKS",
                                            "LOAD_FILE", NULL};
    static const char *const never[] = {"OUTFILE", "DUMPFILE", "DELAYED", NULL};
    struct lexer lx;
    bool first = true;
    lexer_init(&lx, (struct slice){(const uint8_t *)sql, strlen(sql)}, 0);
    for (struct token t = lexer_next(&lx); t.kind != TOKEN_END; t = lexer_next(&lx)) {
        if (first && !token_one_of(&t, begins) && !token_punct(&t, '('))
            return "handlers run SELECT, WITH, VALUES, SHOW, INSERT, UPDATE, DELETE and REPLACE "
                   "only: the transaction is the applier's";
        first &= token_punct(&t, '(');
        if (token_one_of(&t, never) || token_one_of(&t, functions) || quoted_one_of(&t, functions))
            return "it uses a user lock, a file, or INSERT DELAYED";
        bool quoted = t.kind == TOKEN_QUOTED && t.len > 2;
        if (token_identifier(&t) &&
            state_is_own_table((const char *)t.p + quoted, t.len - 2 * (size_t)quoted))
            return "datasync's own tables are not for handlers";
    }
    if (first)
        return "it is empty";
    return strstr(sql, "/*!") || strstr(sql, "/*M!") ? "it has an executable comment" : NULL;
}

/* Of SHOW and … RETURNING the server may tell the columns only when it has run them. */
static bool tells_columns_late(const char *sql)
{
    struct lexer lx;
    lexer_init(&lx, (struct slice){(const uint8_t *)sql, strlen(sql)}, 0);
    struct token t = lexer_next(&lx);
    bool late = token_is(&t, "SHOW");
    for (; t.kind != TOKEN_END && !late; t = lexer_next(&lx))
        late = token_is(&t, "RETURNING");
    return late;
}

/* --- errors ----------------------------------------------------------------------- */

static int failed(struct ds_call *call)
{
    handler_clean_text(call->statement.message);
    return DS_HANDLER_ERROR;
}

/* Those after which the transaction is not there any more, or cannot go on, are kept apart. */
static int server_failed(struct ds_call *call)
{
    int code = call->statement.code;
    if (code == DS_ERETRY || code == DS_ECONN || code == DS_ENOMEM)
        call->broken = call->statement;
    return failed(call);
}

static int refuse(struct ds_call *call, const char *text)
{
    error_set(&call->statement, DS_EUSAGE, "statement refused: %s", text);
    return failed(call);
}

static int out_of_memory(struct ds_call *call)
{
    error_set(&call->statement, DS_ENOMEM, "out of memory for a statement of a handler");
    call->broken = call->statement;
    return failed(call);
}

static bool transaction_is_open(struct ds_call *call)
{
    if (call->a->db->server_status & SERVER_STATUS_IN_TRANS || call->a->options.dry_run)
        return true;
    error_set(&call->broken, DS_ECONFLICT,
              "the statement has ended the destination transaction, which is the applier's");
    call->statement = call->broken;
    return false;
}

/* --- preparing and running --------------------------------------------------------- */

static int prepare(struct ds_call *call, const char *sql, MYSQL_STMT **out)
{
    struct handlers *h = call->a->handlers;
    struct handler_statement *oldest = &h->statements[0];
    for (int i = 0; i < HANDLER_STATEMENTS; i++) {
        struct handler_statement *s = &h->statements[i];
        if (s->stmt && strcmp(s->sql, sql) == 0) {
            s->used = ++h->tick;
            *out = s->stmt;
            return 0;
        }
        if (s->used < oldest->used)
            oldest = s;
    }
    if (oldest->stmt)
        mysql_stmt_close(oldest->stmt);
    free(oldest->sql);
    *oldest = (struct handler_statement){0};
    const char *why = handler_statement_refused(sql);
    if (why)
        return refuse(call, why);
    MYSQL_STMT *stmt = mysql_stmt_init(call->a->db);
    oldest->sql = strdup(sql);
    if (!stmt || !oldest->sql) {
        if (stmt)
            mysql_stmt_close(stmt);
        return out_of_memory(call);
    }
    if (mysql_stmt_prepare(stmt, sql, strlen(sql))) {
        db_fail_stmt(&call->statement, stmt, "preparing it");
        mysql_stmt_close(stmt);
        return server_failed(call);
    }
    oldest->stmt = stmt;
    oldest->used = ++h->tick;
    *out = stmt;
    return 0;
}

static void bind_value(MYSQL_BIND *b, struct ds_value *v, unsigned long *length)
{
    const void *bytes = v->text ? v->text : "";
    switch (v->kind) {
    case DS_NULL:
        b->buffer_type = MYSQL_TYPE_NULL;
        return;
    case DS_INT:
    case DS_UINT:
        b->buffer_type = MYSQL_TYPE_LONGLONG;
        b->is_unsigned = v->kind == DS_UINT;
        b->buffer = &v->u;
        return;
    case DS_DOUBLE:
        b->buffer_type = MYSQL_TYPE_DOUBLE;
        b->buffer = &v->d;
        return;
    case DS_TEXT:
    case DS_BYTES:
        *length = v->length;
        b->buffer_type = v->kind == DS_TEXT ? MYSQL_TYPE_STRING : MYSQL_TYPE_BLOB;
        memcpy(&b->buffer, &bytes, sizeof bytes); /* the library only reads it */
        b->buffer_length = v->length;
        b->length = length;
        return;
    }
}

/* `rows`: it is to give some. */
static int execute(struct ds_call *call, const char *sql, const struct ds_value *params,
                   size_t count, bool rows, MYSQL_STMT **out)
{
    error_clear(&call->statement);
    if (!call->a || !call->a->db)
        return refuse(call, "there is no database here: not while handlers are loaded");
    if (call->broken.code) { /* whatever it would do is not part of the transaction any more */
        call->statement = call->broken;
        return DS_HANDLER_ERROR;
    }
    if (db_settle(call->a->db, &call->statement))
        return server_failed(call);
    int rc = prepare(call, sql, out);
    if (rc)
        return rc;
    if (rows && mysql_stmt_field_count(*out) == 0 && !tells_columns_late(sql))
        return refuse(call, "it gives no rows: use exec");
    char text[120];
    unsigned long wanted = mysql_stmt_param_count(*out);
    if (count != wanted || count > PARAMETERS_MAX) {
        snprintf(text, sizeof text, "it takes %lu parameters, %zu were given", wanted, count);
        return refuse(call, text);
    }
    MYSQL_BIND *binds = arena_zalloc(call->arena, (count + 1) * sizeof *binds);
    struct ds_value *copies = arena_alloc(call->arena, (count + 1) * sizeof *copies);
    unsigned long *lengths = arena_zalloc(call->arena, (count + 1) * sizeof *lengths);
    if (!binds || !copies || !lengths)
        return out_of_memory(call);
    for (size_t i = 0; i < count; i++) {
        copies[i] = params[i];
        bind_value(&binds[i], &copies[i], &lengths[i]);
    }
    if (writer_begin_foreign(call->a->writer, &call->statement))
        return server_failed(call);
    if ((count && mysql_stmt_bind_param(*out, binds)) || mysql_stmt_execute(*out)) {
        db_fail_stmt(&call->statement, *out, "running it");
        return server_failed(call);
    }
    return 0;
}

int handler_exec(struct ds_call *call, const char *sql, const struct ds_value *params,
                 size_t param_count, uint64_t *affected)
{
    MYSQL_STMT *stmt;
    int rc = execute(call, sql, params, param_count, false, &stmt);
    if (rc)
        return rc;
    uint64_t rows = mysql_stmt_affected_rows(stmt);
    bool has_result = mysql_stmt_field_count(stmt) > 0;
    if (mysql_stmt_free_result(stmt)) { /* reads what is left */
        db_fail_stmt(&call->statement, stmt, "reading what it gives");
        return server_failed(call);
    }
    if (affected)
        *affected = has_result ? 0 : rows;
    if (!transaction_is_open(call))
        return failed(call);
    return 0;
}

/* --- results ---------------------------------------------------------------------- */

struct column_room {
    enum ds_kind kind;
    uint64_t number;
    double real;
    char *text;
    unsigned long room, length;
    my_bool is_null, error;
};

static enum ds_kind kind_of(const MYSQL_FIELD *f)
{
    switch (f->type) {
    case MYSQL_TYPE_TINY:
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_LONGLONG:
    case MYSQL_TYPE_YEAR:
        return f->flags & UNSIGNED_FLAG ? DS_UINT : DS_INT;
    case MYSQL_TYPE_FLOAT:
    case MYSQL_TYPE_DOUBLE:
        return DS_DOUBLE;
    case MYSQL_TYPE_TINY_BLOB:
    case MYSQL_TYPE_MEDIUM_BLOB:
    case MYSQL_TYPE_LONG_BLOB:
    case MYSQL_TYPE_BLOB:
    case MYSQL_TYPE_STRING:
    case MYSQL_TYPE_VAR_STRING:
    case MYSQL_TYPE_BIT:
    case MYSQL_TYPE_GEOMETRY:
        return f->charsetnr == 63 ? DS_BYTES : DS_TEXT;
    default:
        return DS_TEXT; /* decimals, dates and times, as the server prints them */
    }
}

static int bind_results(struct ds_call *call, MYSQL_STMT *stmt, struct ds_result *r,
                        struct column_room **rooms, MYSQL_BIND **binds)
{
    MYSQL_RES *meta = mysql_stmt_result_metadata(stmt);
    if (!meta)
        return refuse(call, "it gives no rows: use exec");
    r->columns = mysql_num_fields(meta);
    r->names = arena_zalloc(call->arena, r->columns * sizeof *r->names);
    *rooms = arena_zalloc(call->arena, r->columns * sizeof **rooms);
    *binds = arena_zalloc(call->arena, r->columns * sizeof **binds);
    bool ok = r->names && *rooms && *binds;
    for (uint32_t i = 0; i < r->columns && ok; i++) {
        const MYSQL_FIELD *f = &mysql_fetch_fields(meta)[i];
        struct column_room *c = &(*rooms)[i];
        MYSQL_BIND *b = &(*binds)[i];
        c->kind = kind_of(f);
        r->names[i] = arena_strdup(call->arena, f->name);
        b->is_null = &c->is_null;
        b->length = &c->length;
        b->error = &c->error;
        b->is_unsigned = c->kind == DS_UINT;
        bool text = c->kind == DS_TEXT || c->kind == DS_BYTES;
        b->buffer_type = text                   ? MYSQL_TYPE_STRING
                         : c->kind == DS_DOUBLE ? MYSQL_TYPE_DOUBLE
                                                : MYSQL_TYPE_LONGLONG;
        c->room = text ? FIRST_ROOM : 0;
        c->text = text ? arena_alloc(call->arena, FIRST_ROOM) : NULL;
        b->buffer = text                   ? (void *)c->text
                    : c->kind == DS_DOUBLE ? (void *)&c->real
                                           : (void *)&c->number;
        b->buffer_length = c->room;
        ok = r->names[i] && (!text || c->text);
    }
    mysql_free_result(meta);
    return ok ? 0 : out_of_memory(call);
}

static int take_value(struct ds_call *call, MYSQL_STMT *stmt, struct column_room *c,
                      MYSQL_BIND *bind, uint32_t i, struct ds_value *out)
{
    *out = (struct ds_value){.kind = c->is_null ? DS_NULL : c->kind};
    if (c->is_null)
        return 0;
    if (c->kind == DS_INT || c->kind == DS_UINT) {
        out->u = c->number;
        return 0;
    }
    if (c->kind == DS_DOUBLE) {
        out->d = c->real;
        return 0;
    }
    char *copy = arena_alloc(call->arena, c->length + 1);
    if (!copy)
        return out_of_memory(call);
    if (c->length > c->room) {
        MYSQL_BIND whole = *bind;
        whole.buffer = copy;
        whole.buffer_length = c->length;
        if (mysql_stmt_fetch_column(stmt, &whole, i, 0)) {
            db_fail_stmt(&call->statement, stmt, "reading what it gives");
            return server_failed(call);
        }
    } else if (c->length) {
        memcpy(copy, c->text, c->length);
    }
    out->text = copy;
    out->length = c->length;
    return 0;
}

static int take_row(struct ds_call *call, MYSQL_STMT *stmt, struct ds_result *r,
                    struct column_room *rooms, MYSQL_BIND *binds)
{
    if (r->row_count == r->row_cap) {
        uint32_t cap = r->row_cap ? r->row_cap * 2 : 16;
        struct ds_value **bigger = arena_alloc(call->arena, cap * sizeof *bigger);
        if (!bigger)
            return out_of_memory(call);
        if (r->row_count)
            memcpy(bigger, r->rows, r->row_count * sizeof *bigger);
        r->rows = bigger;
        r->row_cap = cap;
    }
    struct ds_value *row = arena_alloc(call->arena, r->columns * sizeof *row);
    if (!row)
        return out_of_memory(call);
    int rc = 0;
    r->bytes += r->columns * sizeof *row;
    for (uint32_t i = 0; i < r->columns && rc == 0; i++) {
        r->bytes += rooms[i].is_null ? 0 : rooms[i].length;
        if (r->bytes > RESULT_MAX)
            return refuse(call, "it gives more than 64 MiB: ask for less");
        rc = take_value(call, stmt, &rooms[i], &binds[i], i, &row[i]);
    }
    r->rows[r->row_count++] = row;
    return rc;
}

int handler_query(struct ds_call *call, const char *sql, const struct ds_value *params,
                  size_t param_count, struct ds_result **out)
{
    MYSQL_STMT *stmt;
    struct column_room *rooms;
    MYSQL_BIND *binds;
    *out = NULL;
    int rc = execute(call, sql, params, param_count, true, &stmt);
    if (rc)
        return rc;
    struct ds_result *r = arena_zalloc(call->arena, sizeof *r);
    rc = r ? bind_results(call, stmt, r, &rooms, &binds) : out_of_memory(call);
    if (rc == 0 && mysql_stmt_bind_result(stmt, binds)) {
        db_fail_stmt(&call->statement, stmt, "reading what it gives");
        rc = server_failed(call);
    }
    while (rc == 0) {
        int got = mysql_stmt_fetch(stmt);
        if (got == MYSQL_NO_DATA)
            break;
        if (got == 1) {
            db_fail_stmt(&call->statement, stmt, "reading what it gives");
            rc = server_failed(call);
        } else { /* 0, or MYSQL_DATA_TRUNCATED: read whole by take_value */
            rc = take_row(call, stmt, r, rooms, binds);
        }
    }
    if (mysql_stmt_free_result(stmt) && rc == 0) {
        db_fail_stmt(&call->statement, stmt, "reading what it gives");
        rc = server_failed(call);
    }
    if (rc == 0 && !transaction_is_open(call))
        rc = failed(call);
    *out = rc == 0 ? r : NULL;
    return rc;
}

size_t handler_result_rows(const struct ds_result *result)
{
    return result->row_count;
}

size_t handler_result_columns(const struct ds_result *result)
{
    return result->columns;
}

const char *handler_result_column(const struct ds_result *result, size_t column)
{
    return column < result->columns ? result->names[column] : NULL;
}

struct ds_value handler_result_value(const struct ds_result *result, size_t row, size_t column)
{
    if (row < result->row_count && column < result->columns)
        return result->rows[row][column];
    return (struct ds_value){.kind = DS_NULL};
}
