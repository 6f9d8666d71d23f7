#include "schema/sql_token.h"

#include <string.h>
#include <strings.h>

void lexer_init(struct lexer *lx, struct slice statement, uint64_t sql_mode)
{
    *lx = (struct lexer){
        .p = statement.p,
        .end = statement.len ? statement.p + statement.len : statement.p,
        .ansi_quotes = sql_mode & SQL_MODE_ANSI_QUOTES,
        .no_backslash = sql_mode & SQL_MODE_NO_BACKSLASH_ESCAPES,
    };
}

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(uint8_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '$' || c >= 0x80;
}

static size_t left(const struct lexer *lx)
{
    return (size_t)(lx->end - lx->p);
}

static void skip_line(struct lexer *lx)
{
    const uint8_t *newline = memchr(lx->p, '\n', left(lx));
    lx->p = newline ? newline + 1 : lx->end;
}

/* At a slash and star. Executable: step over the opening only. */
static void skip_comment_open(struct lexer *lx)
{
    const uint8_t *p = lx->p + 2;
    bool m = p + 1 < lx->end && p[0] == 'M' && p[1] == '!';
    if (m || (p < lx->end && *p == '!')) {
        p += m ? 2 : 1;
        size_t digits = 0; /* a version has five or six; fewer are content */
        while (digits < 6 && p + digits < lx->end && is_digit(p[digits]))
            digits++;
        lx->p = digits >= 5 ? p + digits : p;
        lx->in_executable = true;
        return;
    }
    const uint8_t *close = p < lx->end ? memmem(p, (size_t)(lx->end - p), "*/", 2) : NULL;
    lx->p = close ? close + 2 : lx->end;
}

static void skip_blank(struct lexer *lx)
{
    while (lx->p < lx->end) {
        uint8_t c = *lx->p, next = left(lx) > 1 ? lx->p[1] : 0;
        if (is_space(c) || c == 0) {
            lx->p++;
        } else if (c == '#') {
            skip_line(lx);
        } else if (c == '-' && next == '-' &&
                   (left(lx) == 2 || is_space(lx->p[2]) || lx->p[2] < ' ')) {
            skip_line(lx);
        } else if (c == '/' && next == '*') {
            skip_comment_open(lx);
        } else if (c == '*' && next == '/' && lx->in_executable) {
            lx->p += 2;
            lx->in_executable = false;
        } else {
            return;
        }
    }
}

/* At an opening quote: move behind the closing one. Doubled quotes are one character; a backslash
 * escapes in strings only. False: not closed. */
static bool skip_quoted(struct lexer *lx, bool backslash)
{
    uint8_t quote = *lx->p++;
    while (lx->p < lx->end) {
        uint8_t c = *lx->p++;
        if (c == '\\' && backslash) {
            if (lx->p < lx->end)
                lx->p++;
        } else if (c == quote) {
            if (lx->p == lx->end || *lx->p != quote)
                return true;
            lx->p++;
        }
    }
    return false;
}

/* At an @: a user variable, a system variable, or the host part of an account. */
static bool skip_at(struct lexer *lx)
{
    lx->p++;
    if (lx->p == lx->end)
        return true;
    if (*lx->p == '@')
        lx->p++;
    if (lx->p < lx->end && (*lx->p == '\'' || *lx->p == '"' || *lx->p == '`'))
        return skip_quoted(lx, *lx->p != '`' && !lx->no_backslash);
    while (lx->p < lx->end && (is_word(*lx->p) || *lx->p == '.'))
        lx->p++;
    return true;
}

static enum token_kind skip_word(struct lexer *lx)
{
    bool number = true;
    for (; lx->p < lx->end && is_word(*lx->p); lx->p++)
        number = number && is_digit(*lx->p);
    return number ? TOKEN_NUMBER : TOKEN_WORD;
}

struct token lexer_next(struct lexer *lx)
{
    skip_blank(lx);
    struct token t = {.kind = TOKEN_END, .p = lx->p, .closed = true};
    if (lx->p == lx->end)
        return t;
    uint8_t c = *lx->p;
    if (c == '`' || (c == '"' && lx->ansi_quotes)) {
        t.kind = TOKEN_QUOTED;
        t.closed = skip_quoted(lx, false);
    } else if (c == '\'' || c == '"') {
        t.kind = TOKEN_STRING;
        t.closed = skip_quoted(lx, !lx->no_backslash);
    } else if (c == '@') {
        t.kind = TOKEN_AT;
        t.closed = skip_at(lx);
    } else if (is_word(c)) {
        t.kind = skip_word(lx);
    } else {
        t.kind = TOKEN_PUNCT;
        lx->p++;
    }
    t.len = (size_t)(lx->p - t.p);
    return t;
}

struct token lexer_peek(const struct lexer *lx)
{
    struct lexer copy = *lx;
    return lexer_next(&copy);
}

bool token_is(const struct token *t, const char *keyword)
{
    return t->kind == TOKEN_WORD && strlen(keyword) == t->len &&
           strncasecmp((const char *)t->p, keyword, t->len) == 0;
}

bool token_one_of(const struct token *t, const char *const *keywords)
{
    while (*keywords && !token_is(t, *keywords))
        keywords++;
    return *keywords;
}

bool token_punct(const struct token *t, char c)
{
    return t->kind == TOKEN_PUNCT && *t->p == (uint8_t)c;
}

bool token_identifier(const struct token *t)
{
    return (t->kind == TOKEN_WORD || t->kind == TOKEN_NUMBER || t->kind == TOKEN_QUOTED) &&
           t->closed;
}

static bool has_quotes(const struct token *t)
{
    return t->kind == TOKEN_QUOTED || t->kind == TOKEN_STRING;
}

struct slice token_name(const struct token *t, struct arena *arena)
{
    if (!has_quotes(t) || t->len < 2)
        return (struct slice){t->p, t->len};
    uint8_t quote = *t->p;
    const uint8_t *from = t->p + 1, *end = t->p + t->len - 1;
    if (!memchr(from, quote, (size_t)(end - from)))
        return (struct slice){from, (size_t)(end - from)};
    uint8_t *out = arena_alloc(arena, (size_t)(end - from)), *to = out;
    if (!out)
        return (struct slice){NULL, 0};
    while (from < end) {
        *to++ = *from;
        from += *from == quote ? 2 : 1;
    }
    return (struct slice){out, (size_t)(to - out)};
}

bool token_spells(const struct token *t, const char *name, size_t len)
{
    if (!token_identifier(t))
        return false;
    if (!has_quotes(t))
        return t->len == len && memcmp(t->p, name, len) == 0;
    uint8_t quote = *t->p;
    size_t at = 1, n = 0;
    for (; at + 1 < t->len && n < len; n++) {
        if (t->p[at] != (uint8_t)name[n])
            return false;
        at += t->p[at] == quote ? 2 : 1;
    }
    return n == len && at + 1 == t->len;
}
