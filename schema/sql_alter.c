/* ALTER TABLE statements: those that only give columns another definition, under their own names,
 * and whether they may be joined; those whose effect on rows no two servers need agree on. */
#include <string.h>

#include "schema/sql.h"
#include "schema/sql_token.h"

/* Tokens with nothing but blanks between them: statements are joined by their text, and a comment
 * might swallow what comes behind it. */
struct reader {
    struct lexer lx;
    struct token t; /* in hand */
    bool comment;
};

static void step(struct reader *r)
{
    const uint8_t *from = r->lx.p;
    r->t = lexer_next(&r->lx);
    for (; from < r->t.p; from++)
        r->comment |= !*from || !strchr(" \t\r\n", *from);
    r->comment |= !r->t.closed;
}

static bool take(struct reader *r, const char *keyword)
{
    if (!token_is(&r->t, keyword))
        return false;
    step(r);
    return true;
}

static bool take_punct(struct reader *r, char c)
{
    if (!token_punct(&r->t, c))
        return false;
    step(r);
    return true;
}

static bool take_kind(struct reader *r, enum token_kind kind)
{
    if (r->t.kind != kind)
        return false;
    step(r);
    return true;
}

static bool take_identifier(struct reader *r)
{
    if (!token_identifier(&r->t))
        return false;
    step(r);
    return true;
}

/* ( … ) without parentheses inside, or nothing */
static bool take_parentheses(struct reader *r)
{
    if (!take_punct(r, '('))
        return true;
    while (r->t.kind != TOKEN_END && !token_punct(&r->t, '(') && !token_punct(&r->t, ')'))
        step(r);
    return take_punct(r, ')');
}

static bool take_time_function(struct reader *r)
{
    return (take(r, "CURRENT_TIMESTAMP") || take(r, "NOW")) && take_parentheses(r);
}

static bool take_default(struct reader *r)
{
    if (take_kind(r, TOKEN_STRING) || take(r, "NULL") || take_time_function(r))
        return true;
    if (!take_punct(r, '-'))
        take_punct(r, '+');
    return take_kind(r, TOKEN_NUMBER) && (!take_punct(r, '.') || take_kind(r, TOKEN_NUMBER));
}

/* One attribute of a column that says what it is; none that makes a key, a constraint, a generated
 * column or a place. */
static bool take_attribute(struct reader *r)
{
    static const char *const words[] = {"UNSIGNED", "SIGNED",  "ZEROFILL",  "NULL",
                                        "BINARY",   "VARYING", "PRECISION", NULL};
    if (token_one_of(&r->t, words)) {
        step(r);
        return true;
    }
    if (take(r, "NOT"))
        return take(r, "NULL");
    if (take(r, "CHARACTER"))
        return take(r, "SET") && (take_kind(r, TOKEN_WORD) || take_kind(r, TOKEN_STRING));
    if (take(r, "CHARSET") || take(r, "COLLATE"))
        return take_kind(r, TOKEN_WORD) || take_kind(r, TOKEN_STRING);
    if (take(r, "DEFAULT"))
        return take_default(r);
    if (take(r, "ON"))
        return take(r, "UPDATE") && take_time_function(r);
    return take(r, "COMMENT") && take_kind(r, TOKEN_STRING);
}

static struct slice text_of(const struct token *t)
{
    bool quoted = t->kind == TOKEN_QUOTED && t->len > 2;
    return quoted ? (struct slice){t->p + 1, t->len - 2} : (struct slice){t->p, t->len};
}

/* {CHANGE | MODIFY} [COLUMN] c [c] definition */
static bool take_item(struct reader *r, struct sql_redefinition *out)
{
    bool change = token_is(&r->t, "CHANGE");
    if (!change && !token_is(&r->t, "MODIFY"))
        return false;
    step(r);
    take(r, "COLUMN");
    struct token column = r->t;
    if (token_is(&r->t, "IF") || !take_identifier(r)) /* IF EXISTS */
        return false;
    if (change) {
        bool same = r->t.kind == column.kind && r->t.len == column.len &&
                    memcmp(r->t.p, column.p, column.len) == 0;
        if (!same || !take_identifier(r))
            return false;
    }
    static const char *const dated[] = {"DATE", "DATETIME", "TIMESTAMP", "YEAR", NULL};
    out->column = text_of(&column);
    out->timestamp |= token_is(&r->t, "TIMESTAMP");
    out->dated |= token_one_of(&r->t, dated);
    if (token_is(&r->t, "SERIAL") || !take_kind(r, TOKEN_WORD) || !take_parentheses(r))
        return false;
    while (r->t.kind != TOKEN_END && !token_punct(&r->t, ','))
        if (!take_attribute(r))
            return false;
    out->columns++;
    return true;
}

bool sql_redefines(struct slice statement, uint64_t sql_mode, struct sql_redefinition *out)
{
    struct reader r = {.comment = false};
    memset(out, 0, sizeof *out);
    lexer_init(&r.lx, statement, sql_mode);
    step(&r);
    if (!take(&r, "ALTER") || !take(&r, "TABLE") || !take_identifier(&r))
        return false;
    if (take_punct(&r, '.') && !take_identifier(&r))
        return false;
    if (r.t.kind == TOKEN_END)
        return false;
    const uint8_t *tail = r.t.p;
    do {
        if (!take_item(&r, out))
            return false;
    } while (take_punct(&r, ','));
    out->head = (struct slice){statement.p, (size_t)(tail - statement.p)};
    out->tail = (struct slice){tail, statement.len - out->head.len};
    return r.t.kind == TOKEN_END && !r.comment;
}

/* Behind DEFAULT: anything but a literal, NULL or the time. */
static bool default_expression(struct lexer *lx)
{
    struct token t = lexer_next(lx);
    static const char *const plain[] = {"NULL", "CURRENT_TIMESTAMP", "NOW", NULL};
    if (token_punct(&t, '('))
        return true;
    return t.kind == TOKEN_WORD && !token_one_of(&t, plain) && lx->p < lx->end && *lx->p == '(';
}

bool sql_has_expressions(struct slice definition)
{
    static const char *const words[] = {"GENERATED", "CHECK", NULL};
    struct lexer lx;
    lexer_init(&lx, definition, 0);
    bool opened = false; /* the last token was a parenthesis */
    for (struct token t = lexer_next(&lx); t.kind != TOKEN_END; t = lexer_next(&lx)) {
        bool opens = token_punct(&t, '(');
        if (token_one_of(&t, words) || (opens && opened) ||
            (token_is(&t, "DEFAULT") && default_expression(&lx)))
            return true;
        opened = opens;
    }
    return false;
}

/* Behind DEFAULT: one value, or an expression in parentheses. */
static bool default_by_chance(struct lexer *lx)
{
    static const char *const chance[] = {"BENCHMARK",    "CONNECTION_ID",  "CURRENT_ROLE",
                                         "CURRENT_USER", "DATABASE",       "FOUND_ROWS",
                                         "GET_LOCK",     "IS_FREE_LOCK",   "IS_USED_LOCK",
                                         "LASTVAL",      "LAST_INSERT_ID", "LOAD_FILE",
                                         "NEXT",         "NEXTVAL",        "PREVIOUS",
                                         "RAND",         "RANDOM_BYTES",   "RELEASE_LOCK",
                                         "ROW_COUNT",    "SCHEMA",         "SESSION_USER",
                                         "SETVAL",       "SLEEP",          "SYSDATE",
                                         "SYSTEM_USER",  "SYS_GUID",       "USER",
                                         "UUID",         "UUID_SHORT",     "UUID_V4",
                                         "UUID_V7",      "VERSION",        NULL};
    int depth = 0;
    do {
        struct token t = lexer_next(lx);
        depth += token_punct(&t, '(') - token_punct(&t, ')');
        if (token_one_of(&t, chance) || t.kind == TOKEN_AT)
            return true;
        if (t.kind == TOKEN_END)
            return false;
    } while (depth > 0);
    return false;
}

struct sql_uncertain sql_alter_uncertain(struct slice statement, uint64_t sql_mode)
{
    static const char *const before_name[] = {"ADD",   "COLUMN", "CHANGE", "MODIFY", "DROP",
                                              "FIRST", "AFTER",  "EXISTS", NULL};
    struct sql_uncertain out = {false, false};
    struct lexer lx;
    lexer_init(&lx, statement, sql_mode);
    struct token before = lexer_next(&lx);
    bool adds = false, chance = false;
    for (struct token t = lexer_next(&lx); t.kind != TOKEN_END; t = lexer_next(&lx)) {
        struct token next = lexer_peek(&lx);
        bool name = token_one_of(&before, before_name) || token_punct(&before, ',') ||
                    token_punct(&before, '(');
        adds |= token_is(&t, "ADD");
        if (token_is(&t, "AUTO_INCREMENT") && !name)
            out.by_order |= !token_punct(&next, '=') && next.kind != TOKEN_NUMBER;
        if ((token_is(&t, "SERIAL") && !name) ||
            (token_is(&t, "IGNORE") && token_is(&next, "TABLE")))
            out.by_order = true;
        if (token_is(&t, "DEFAULT"))
            chance |= default_by_chance(&lx);
        before = t;
    }
    out.by_chance = adds && chance;
    return out;
}
