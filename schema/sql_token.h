/* Tokens of MySQL and MariaDB statements: for schema/sql*.c only.
 *
 * White space and comments are passed over; the content of executable comments (those that
 * begin with an exclamation mark, with or without a version, or with M!) counts, whatever version
 * they name: a server that did not execute one writes it to its binlog with the exclamation mark
 * blanked out, so those that arrive were executed. Tokens point into the statement; nothing is
 * allocated. Lexical rules: dev.mysql.com "Language Structure", mariadb.com/kb "Comment Syntax",
 * "Identifier Names".
 */
#ifndef SCHEMA_SQL_TOKEN_H
#define SCHEMA_SQL_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "buf.h"

#define SQL_MODE_ANSI_QUOTES          (UINT64_C(1) << 2)
#define SQL_MODE_NO_BACKSLASH_ESCAPES (UINT64_C(1) << 20)

enum token_kind {
    TOKEN_END,
    TOKEN_WORD,   /* keyword or unquoted identifier */
    TOKEN_NUMBER, /* decimal digits only */
    TOKEN_QUOTED, /* `…`, and "…" under ANSI_QUOTES */
    TOKEN_STRING, /* '…', and "…" otherwise */
    TOKEN_AT,     /* @variable, @@system.variable, and the host part of an account, with the @ */
    TOKEN_PUNCT,  /* one character */
};
struct token {
    enum token_kind kind;
    const uint8_t *p; /* raw text, quotes included */
    size_t len;
    bool closed; /* false: a quote or string that the end of the statement cut off */
};
struct lexer {
    const uint8_t *p, *end;
    bool ansi_quotes, no_backslash, in_executable;
};

void lexer_init(struct lexer *lx, struct slice statement, uint64_t sql_mode);
struct token lexer_next(struct lexer *lx);
/* The token after this one, without moving. */
struct token lexer_peek(const struct lexer *lx);

bool token_is(const struct token *t, const char *keyword); /* an unquoted word, ASCII case folded */
bool token_one_of(const struct token *t, const char *const *keywords); /* NULL ends them */
bool token_punct(const struct token *t, char c);
bool token_identifier(const struct token *t); /* can be a name: word, number, quoted */
/* The name without quotes: a slice of the statement, or a copy in `arena` when quotes were doubled.
 * p NULL: out of memory. Strings are allowed where the grammar takes them as names. */
struct slice token_name(const struct token *t, struct arena *arena);
/* Does the identifier spell exactly this name? No allocation. */
bool token_spells(const struct token *t, const char *name, size_t len);

#endif
