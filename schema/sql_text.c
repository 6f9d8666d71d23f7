#include "schema/sql.h"

#include <string.h>
#include <strings.h>

#include "schema/sql_token.h"

static bool folds_to(struct slice a, const char *b)
{
    return a.len == strlen(b) && strncasecmp((const char *)a.p, b, a.len) == 0;
}

bool sql_concerns(const struct sql_statement *st, struct slice default_database,
                  const char *database)
{
    if (st->kind == SQL_UNKNOWN || (st->kind == SQL_DML && st->name_count == 0))
        return true;
    if (st->kind == SQL_TEMPORARY)
        return false;
    for (size_t i = 0; i < st->name_count; i++)
        if (folds_to(st->names[i].database.len ? st->names[i].database : default_database,
                     database))
            return true;
    return false;
}

const char *sql_kind_name(enum sql_kind kind)
{
    static const char *const names[] = {"unknown statement",
                                        "BEGIN",
                                        "COMMIT",
                                        "ROLLBACK",
                                        "SAVEPOINT",
                                        "ROLLBACK TO SAVEPOINT",
                                        "RELEASE SAVEPOINT",
                                        "XA START",
                                        "XA END",
                                        "XA PREPARE",
                                        "XA COMMIT",
                                        "XA ROLLBACK",
                                        "CREATE TABLE",
                                        "CREATE TABLE LIKE",
                                        "ALTER TABLE",
                                        "DROP TABLE",
                                        "RENAME TABLE",
                                        "TRUNCATE",
                                        "CREATE INDEX",
                                        "DROP INDEX",
                                        "CREATE VIEW",
                                        "ALTER VIEW",
                                        "DROP VIEW",
                                        "CREATE TRIGGER",
                                        "DROP TRIGGER",
                                        "CREATE EVENT",
                                        "ALTER EVENT",
                                        "DROP EVENT",
                                        "CREATE ROUTINE",
                                        "ALTER ROUTINE",
                                        "DROP ROUTINE",
                                        "CREATE SEQUENCE",
                                        "ALTER SEQUENCE",
                                        "DROP SEQUENCE",
                                        "CREATE DATABASE",
                                        "ALTER DATABASE",
                                        "DROP DATABASE",
                                        "temporary object",
                                        "account statement",
                                        "administrative statement",
                                        "SET",
                                        "data change in statement format",
                                        "empty statement"};
    _Static_assert(sizeof names / sizeof *names == SQL_DUMMY + 1, "one name for each kind");
    return (unsigned)kind <= SQL_DUMMY ? names[kind] : "unknown statement";
}

/* ---- other database ----
 *
 * In `x.y` a database, a table or an alias may stand in front of the dot. Where a table is expected
 * (behind FROM, JOIN, UPDATE …, and behind their commas) it is a database; in x.y.z, too, and in
 * front of a function call. In an expression it is a table or an alias, if the server accepted the
 * statement; but our notion of where a table is expected may miss a place, so there the statement
 * must show an identifier that `from` can refer to. */

enum { LIST = 1, QUERY = 2 }; /* flags of one level of parentheses */
struct renamer {
    struct lexer lx;
    struct token t, before;
    const char *from;
    size_t from_len;
    bool alias;    /* the statement has a table or an alias that is called `from` */
    bool expected; /* a table name comes next */
    struct buf levels;
    const uint8_t *copied; /* everything in front of it is in out */
    struct buf *out;
    const char *to;
};

static uint8_t *level(struct renamer *r)
{
    return r->levels.data + r->levels.len - 1;
}

/* `name` in place of what ends at `next`, kept apart from quotes on both sides: two in a row would
 * be one character. */
static int append_quoted(struct buf *out, const uint8_t *name, size_t len, const uint8_t *next,
                         const uint8_t *end)
{
    int rc = out->len && out->data[out->len - 1] == '`' ? buf_append(out, " ", 1) : 0;
    if (rc == 0)
        rc = buf_append(out, "`", 1);
    for (size_t i = 0; i < len && rc == 0; i++) {
        rc = buf_append(out, name + i, 1);
        if (rc == 0 && name[i] == '`')
            rc = buf_append(out, "`", 1);
    }
    return rc ? rc : buf_append(out, "` ", next < end && *next == '`' ? 2 : 1);
}

static int put_database(struct renamer *r)
{
    int rc = buf_append(r->out, r->copied, (size_t)(r->t.p - r->copied));
    r->copied = r->t.p + r->t.len;
    return rc ? rc
              : append_quoted(r->out, (const uint8_t *)r->to, strlen(r->to), r->copied, r->lx.end);
}

/* Has the statement an identifier `from` that is no database? */
static bool find_alias(struct slice statement, uint64_t sql_mode, const char *from, size_t len)
{
    struct lexer lx;
    lexer_init(&lx, statement, sql_mode);
    struct token before = {.kind = TOKEN_END}, t = lexer_next(&lx);
    for (; t.kind != TOKEN_END; before = t, t = lexer_next(&lx)) {
        if (!token_spells(&t, from, len))
            continue;
        struct token next = lexer_peek(&lx);
        if (token_punct(&before, '.') || (!token_punct(&next, '.') && next.kind != TOKEN_AT))
            return true;
    }
    return false;
}

/* At `from` with a dot behind it. */
static bool qualifies(const struct renamer *r)
{
    if (r->expected || !r->alias)
        return true;
    struct lexer lx = r->lx;
    lexer_next(&lx);
    lexer_next(&lx);
    struct token behind = lexer_next(&lx);
    return token_punct(&behind, '.') || token_punct(&behind, '(');
}

/* A keyword changes what is expected next. */
static void note_keyword(struct renamer *r, const struct token *next)
{
    static const char *const tables[] = {
        "INTO",     "TABLE",   "TABLES", "VIEW",     "TRIGGER",  "EVENT",   "PROCEDURE",
        "FUNCTION", "PACKAGE", "BODY",   "SEQUENCE", "CALL",     "TO",      "REFERENCES",
        "EXISTS",   "JOIN",    "INSERT", "REPLACE",  "TRUNCATE", "HANDLER", NULL};
    static const char *const ends[] = {"WHERE", "SET",    "GROUP", "ORDER",  "HAVING",
                                       "LIMIT", "VALUES", "VALUE", "WINDOW", NULL};
    static const char *const noise[] = {"LOW_PRIORITY",  "IGNORE", "QUICK", "DELAYED",
                                        "HIGH_PRIORITY", "IF",     "NOT",   "LATERAL",
                                        "TEMPORARY",     NULL};
    static const char *const not_update[] = {"KEY", "ON", "FOR", "BEFORE", "AFTER", "OR", NULL};
    const struct token *t = &r->t;
    uint8_t *flags = level(r);
    bool call = token_punct(next, '(');
    if (token_is(t, "SELECT")) {
        *flags = QUERY;
        r->expected = false;
    } else if (token_is(t, "DELETE")) {
        *flags = QUERY | LIST;
        r->expected = true;
    } else if (token_is(t, "FROM")) {
        r->expected = r->levels.len == 1 || *flags & QUERY;
        *flags |= r->expected ? LIST : 0;
    } else if (token_is(t, "UPDATE")) {
        r->expected = !token_one_of(&r->before, not_update);
        *flags |= r->expected ? LIST : 0;
    } else if (token_is(t, "STRAIGHT_JOIN")) {
        r->expected = *flags & LIST;
    } else if (token_is(t, "USING")) {
        r->expected = !call && *flags & QUERY;
    } else if (token_is(t, "OF")) {
        r->expected = token_is(&r->before, "TYPE");
    } else if (token_is(t, "FOR")) {
        r->expected = token_is(&r->before, "VALUE");
    } else if (token_one_of(t, tables)) {
        r->expected = !call || token_is(t, "JOIN");
        if (!call)
            *flags |= LIST;
    } else if (token_one_of(t, ends)) {
        *flags &= (uint8_t)~LIST;
        r->expected = false;
    } else if (!token_one_of(t, noise)) {
        r->expected = false;
    }
}

static int note_punct(struct renamer *r)
{
    static const char *const sequence[] = {"NEXTVAL", "LASTVAL", "SETVAL", NULL};
    if (token_punct(&r->t, '(')) {
        bool tables = r->expected || token_one_of(&r->before, sequence);
        r->expected = tables;
        return buf_append(&r->levels, &(uint8_t){tables ? LIST : 0}, 1);
    }
    if (token_punct(&r->t, ')') && r->levels.len > 1) {
        r->levels.len--;
        r->expected = false;
    } else if (token_punct(&r->t, ',')) {
        r->expected = *level(r) & LIST;
    } else if (token_punct(&r->t, ';')) {
        *level(r) = 0;
        r->expected = false;
    } else if (token_punct(&r->t, '=')) { /* UNION = (a, b) of the MERGE engine */
        r->expected = token_is(&r->before, "UNION");
    }
    return 0;
}

static void step(struct renamer *r)
{
    r->before = r->t;
    r->t = lexer_next(&r->lx);
}

/* One token, or one qualified name. `target`: the text of a name that the classifier has found. */
static int rename_token(struct renamer *r, bool target, bool database)
{
    struct token next = lexer_peek(&r->lx);
    int rc = 0;
    if (r->t.kind == TOKEN_PUNCT && !token_punct(&r->t, '.')) {
        rc = note_punct(r);
    } else if (token_identifier(&r->t) && token_punct(&next, '.')) {
        r->expected = r->expected || target;
        if (token_spells(&r->t, r->from, r->from_len) && !token_punct(&r->before, '.') &&
            qualifies(r))
            rc = put_database(r);
        do { /* the rest of the name says nothing about what comes next */
            step(r);
            step(r);
            next = lexer_peek(&r->lx);
        } while (token_identifier(&r->t) && token_punct(&next, '.'));
        r->expected = false;
        if (!token_identifier(&r->t) && !token_punct(&r->t, '*'))
            return rc; /* no name behind the dot: look at it again */
    } else if (database && token_spells(&r->t, r->from, r->from_len)) {
        rc = put_database(r);
    } else if (r->t.kind == TOKEN_WORD) {
        note_keyword(r, &next);
    } else {
        r->expected = false;
    }
    step(r);
    return rc;
}

static int rename_all(struct renamer *r, const struct sql_statement *st, struct slice statement)
{
    bool about_database = st->kind == SQL_CREATE_DATABASE || st->kind == SQL_ALTER_DATABASE ||
                          st->kind == SQL_DROP_DATABASE;
    size_t name = 0;
    int rc = buf_append(&r->levels, &(uint8_t){0}, 1);
    r->t = lexer_next(&r->lx);
    while (rc == 0 && r->t.kind != TOKEN_END) {
        while (name < st->name_count && st->names[name].text.p < r->t.p)
            name++;
        bool target = name < st->name_count && st->names[name].text.p == r->t.p;
        rc = rename_token(r, target, target && about_database);
    }
    return rc ? rc
              : buf_append(r->out, r->copied, (size_t)(statement.p + statement.len - r->copied));
}

int sql_rename_database(struct slice statement, uint64_t sql_mode, const char *from, const char *to,
                        struct buf *out)
{
    if (statement.len == 0)
        return 0;
    struct arena arena = {0};
    struct sql_statement st;
    struct renamer r = {.from = from,
                        .from_len = strlen(from),
                        .copied = statement.p,
                        .out = out,
                        .to = to,
                        .before = {.kind = TOKEN_END}};
    lexer_init(&r.lx, statement, sql_mode);
    int rc = sql_classify(statement, sql_mode, &arena, &st);
    if (rc == 0) {
        r.alias = find_alias(statement, sql_mode, from, r.from_len);
        rc = rename_all(&r, &st, statement);
    }
    buf_free(&r.levels);
    arena_free(&arena);
    return rc;
}

int sql_replace_names(struct slice statement, const struct sql_statement *st,
                      const struct sql_name *replacements, struct buf *out)
{
    const uint8_t *copied = statement.p, *end = copied + statement.len;
    int rc = 0;
    for (size_t i = 0; i < st->name_count && rc == 0; i++) {
        const struct sql_name *old = st->names + i, *new = replacements + i;
        if (new->name.len == 0)
            continue;
        rc = buf_append(out, copied, (size_t)(old->text.p - copied));
        copied = old->text.p + old->text.len;
        if (rc == 0 && new->database.len) {
            rc = append_quoted(out, new->database.p, new->database.len, end, end);
            if (rc == 0)
                rc = buf_append(out, ".", 1);
        }
        if (rc == 0)
            rc = append_quoted(out, new->name.p, new->name.len, copied, end);
    }
    return rc ? rc : buf_append(out, copied, (size_t)(end - copied));
}

/* At the last part of a name: other beginning, when it has the one looked for. */
static int put_prefixed(const struct token *t, const char *from, const char *to,
                        const struct lexer *lx, const uint8_t **copied, struct buf *out)
{
    struct arena arena = {0};
    BUF_AUTO struct buf name = {0};
    struct slice old = token_name(t, &arena);
    size_t n = strlen(from);
    int rc = old.p ? 0 : DS_ENOMEM;
    if (rc == 0 && old.len > n && memcmp(old.p, from, n) == 0) {
        rc = buf_append(out, *copied, (size_t)(t->p - *copied));
        *copied = t->p + t->len;
        if (rc == 0)
            rc = buf_puts(&name, to);
        if (rc == 0)
            rc = buf_append(&name, old.p + n, old.len - n);
        if (rc == 0)
            rc = append_quoted(out, name.data, name.len, *copied, lx->end);
    }
    arena_free(&arena);
    return rc;
}

int sql_replace_prefix(struct slice statement, uint64_t sql_mode, const struct sql_statement *st,
                       const char *from, const char *to, struct buf *out)
{
    struct lexer lx;
    lexer_init(&lx, statement, sql_mode);
    const uint8_t *copied = statement.p;
    struct token before = {.kind = TOKEN_END}, t = lexer_next(&lx);
    size_t name = 0;
    int rc = 0;
    while (rc == 0 && t.kind != TOKEN_END) {
        while (name < st->name_count && st->names[name].text.p < t.p)
            name++;
        bool target = token_is(&before, "REFERENCES") ||
                      (name < st->name_count && st->names[name].text.p == t.p);
        struct token next = lexer_peek(&lx);
        while (target && (token_punct(&t, '.') || token_punct(&next, '.'))) {
            t = lexer_next(&lx); /* the last part counts */
            next = lexer_peek(&lx);
        }
        if (target && token_identifier(&t))
            rc = put_prefixed(&t, from, to, &lx, &copied, out);
        before = t;
        t = lexer_next(&lx);
    }
    return rc ? rc : buf_append(out, copied, (size_t)(statement.p + statement.len - copied));
}
