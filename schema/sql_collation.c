#include "schema/sql_collation.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "schema/error.h"
#include "schema/sql_token.h"

enum {
    GENERAL_CI = 45, /* ids of utf8mb4_general_ci, utf8mb4_0900_ai_ci, utf8mb4_uca1400_ai_ci */
    MYSQL_0900_AI_CI = 255,
    MARIADB_UCA1400_AI_CI = 2304,
    MARIADB_HAS_UCA1400 = 101001,
    MARIADB_MEANS_UCA1400 = 110501, /* by utf8mb4 alone */
    MYSQL_HAS_0900 = 80000,
};

/* Languages, as MySQL and as MariaDB call them; those of MySQL that only order scripts otherwise
 * than the root have no name at MariaDB. */
static const struct {
    const char *mysql, *mariadb;
} languages[] = {
    {"cs", "czech"},     {"da", "danish"},        {"de_pb", "german2"}, {"eo", "esperanto"},
    {"es", "spanish"},   {"es_trad", "spanish2"}, {"et", "estonian"},   {"hr", "croatian"},
    {"hu", "hungarian"}, {"is", "icelandic"},     {"la", "roman"},      {"lt", "lithuanian"},
    {"lv", "latvian"},   {"pl", "polish"},        {"ro", "romanian"},   {"sk", "slovak"},
    {"sl", "slovenian"}, {"sv", "swedish"},       {"tr", "turkish"},    {"vi", "vietnamese"},
};

static bool begins(const char *text, const char *head)
{
    return strncasecmp(text, head, strlen(head)) == 0;
}

static bool known_suffix(const char *suffix)
{
    static const char *const all[] = {"ai_ci", "as_ci", "as_cs"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcasecmp(suffix, all[i]) == 0)
            return true;
    return false;
}

/* utf8mb4_[LANGUAGE_]0900_SUFFIX */
static bool to_mariadb(unsigned version, const char *name, char out[COLLATION_NAME_SIZE])
{
    static const char head[] = "utf8mb4_";
    const char *mark = strcasestr(name, "_0900_");
    if (!begins(name, head) || !mark)
        return false;
    const char *suffix = mark + sizeof "_0900_" - 1;
    const char *language = name + sizeof head - 1;
    if (mark < language) { /* of no language */
        if (strcasecmp(suffix, "bin") == 0)
            snprintf(out, COLLATION_NAME_SIZE, "utf8mb4_nopad_bin");
        else if (version < MARIADB_HAS_UCA1400 && strcasecmp(suffix, "ai_ci") == 0)
            snprintf(out, COLLATION_NAME_SIZE, "utf8mb4_unicode_520_nopad_ci");
        else if (version >= MARIADB_HAS_UCA1400 && known_suffix(suffix))
            snprintf(out, COLLATION_NAME_SIZE, "utf8mb4_uca1400_nopad_%s", suffix);
        else
            return false;
        return true;
    }
    size_t len = (size_t)(mark - language);
    if (version < MARIADB_HAS_UCA1400 || !known_suffix(suffix))
        return false;
    for (size_t i = 0; i < sizeof languages / sizeof *languages; i++)
        if (strlen(languages[i].mysql) == len &&
            strncasecmp(languages[i].mysql, language, len) == 0) {
            snprintf(out, COLLATION_NAME_SIZE, "utf8mb4_uca1400_%s_nopad_%s", languages[i].mariadb,
                     suffix);
            return true;
        }
    return false;
}

/* utf8mb4_uca1400_[LANGUAGE_][nopad_]SUFFIX; MySQL has it without padding only. */
static bool to_mysql(const char *name, char out[COLLATION_NAME_SIZE])
{
    static const char head[] = "utf8mb4_uca1400_", nopad[] = "nopad_";
    if (strcasecmp(name, "utf8mb4_nopad_bin") == 0) {
        snprintf(out, COLLATION_NAME_SIZE, "utf8mb4_0900_bin");
        return true;
    }
    if (begins(name, "utf8mb3_uca1400_") && strcasestr(name, "_ai_ci")) {
        snprintf(out, COLLATION_NAME_SIZE, "utf8mb3_unicode_520_ci");
        return strlen(name) <= sizeof "utf8mb3_uca1400_nopad_ai_ci" - 1;
    }
    if (!begins(name, head))
        return false;
    const char *rest = name + sizeof head - 1;
    const char *language = NULL;
    for (size_t i = 0; i < sizeof languages / sizeof *languages && !language; i++) {
        size_t len = strlen(languages[i].mariadb);
        if (begins(rest, languages[i].mariadb) && rest[len] == '_') {
            language = languages[i].mysql;
            rest += len + 1;
        }
    }
    if (begins(rest, nopad))
        rest += sizeof nopad - 1;
    if (!known_suffix(rest))
        return false;
    snprintf(out, COLLATION_NAME_SIZE, "utf8mb4_%s%s0900_%s", language ? language : "",
             language ? "_" : "", rest);
    /* MySQL has the languages in two strengths */
    return !language || strcasecmp(rest, "as_ci") != 0;
}

void collation_translate(struct collation_target to, struct slice name,
                         char out[COLLATION_NAME_SIZE])
{
    char given[COLLATION_NAME_SIZE];
    snprintf(given, sizeof given, "%.*s", (int)name.len, name.len ? (const char *)name.p : "");
    bool found = to.mariadb ? to_mariadb(to.version, given, out)
                            : to.version >= MYSQL_HAS_0900 && to_mysql(given, out);
    if (!found)
        memcpy(out, given, sizeof given);
}

const char *collation_of_utf8mb4(struct collation_target to, unsigned id)
{
    if (!to.mariadb && to.version < MYSQL_HAS_0900)
        return NULL;
    if (id == 0 || id == GENERAL_CI) /* NULL: that is what it means here, too */
        return to.mariadb && to.version < MARIADB_MEANS_UCA1400 ? NULL : "utf8mb4_general_ci";
    if (id == MYSQL_0900_AI_CI && to.mariadb)
        return "utf8mb4_0900_ai_ci";
    return id == MARIADB_UCA1400_AI_CI ? "utf8mb4_uca1400_ai_ci" : NULL;
}

/* --- statements ------------------------------------------------------------- */

struct translator {
    struct lexer lx;
    struct token t;
    bool casting; /* behind AS CHAR, where COLLATE cannot stand */
    struct collation_target to;
    const char *utf8mb4;
    const uint8_t *copied; /* everything in front of it is in out */
    struct buf *out;
};

static void step(struct translator *r)
{
    r->t = lexer_next(&r->lx);
}

/* A name as these clauses take it: word, quoted, string. */
static struct slice bare(const struct token *t)
{
    bool quoted = t->kind == TOKEN_QUOTED || t->kind == TOKEN_STRING;
    if (t->kind != TOKEN_WORD && !(quoted && t->len >= 2))
        return (struct slice){0};
    return quoted ? (struct slice){t->p + 1, t->len - 2} : (struct slice){t->p, t->len};
}

static int put_until(struct translator *r, const uint8_t *until)
{
    int rc = buf_append(r->out, r->copied, (size_t)(until - r->copied));
    r->copied = until;
    return rc;
}

/* At COLLATE. */
static int translate_collate(struct translator *r)
{
    char name[COLLATION_NAME_SIZE];
    step(r);
    if (token_punct(&r->t, '='))
        step(r);
    struct slice given = bare(&r->t);
    if (!given.len || given.len >= sizeof name)
        return 0;
    collation_translate(r->to, given, name);
    if (strlen(name) == given.len && memcmp(name, given.p, given.len) == 0)
        return 0;
    int rc = put_until(r, r->t.p);
    r->copied = r->t.p + r->t.len;
    return rc ? rc : buf_puts(r->out, name);
}

/* At CHARSET, or at SET of CHARACTER SET. */
static int complete_charset(struct translator *r)
{
    char name[COLLATION_NAME_SIZE];
    struct token next = lexer_peek(&r->lx);
    if (token_punct(&next, '='))
        step(r);
    next = lexer_peek(&r->lx);
    struct slice charset = bare(&next);
    if (charset.len != 7 || strncasecmp((const char *)charset.p, "utf8mb4", 7) != 0)
        return 0;
    step(r);
    next = lexer_peek(&r->lx);
    if (r->casting || token_is(&next, "COLLATE"))
        return 0;
    collation_translate(r->to, (struct slice){(const uint8_t *)r->utf8mb4, strlen(r->utf8mb4)},
                        name);
    int rc = put_until(r, r->t.p + r->t.len);
    return rc ? rc : buf_printf(r->out, " COLLATE %s", name);
}

/* A type behind AS goes on with its length and character set. */
static void note_cast(struct translator *r, const struct token *before)
{
    static const char *const parts[] = {"CHAR", "CHARACTER", "CHARSET", "SET", NULL};
    if (token_is(before, "AS") && (token_is(&r->t, "CHAR") || token_is(&r->t, "CHARACTER")))
        r->casting = true;
    else if (r->casting && !token_punct(&r->t, '(') && !token_punct(&r->t, ')') &&
             r->t.kind != TOKEN_NUMBER && !token_one_of(&r->t, parts))
        r->casting = false;
}

int sql_translate_collations(struct slice statement, uint64_t sql_mode, struct collation_target to,
                             const char *utf8mb4, struct buf *out)
{
    struct translator r = {.to = to, .utf8mb4 = utf8mb4, .copied = statement.p, .out = out};
    struct token before = {.kind = TOKEN_END};
    int rc = 0;
    lexer_init(&r.lx, statement, sql_mode);
    for (step(&r); rc == 0 && r.t.kind != TOKEN_END; step(&r)) {
        note_cast(&r, &before);
        bool charset =
            token_is(&r.t, "CHARSET") || (token_is(&r.t, "SET") && token_is(&before, "CHARACTER"));
        before = r.t;
        if (token_is(&r.t, "COLLATE"))
            rc = translate_collate(&r);
        else if (charset && utf8mb4)
            rc = complete_charset(&r);
    }
    return rc ? rc : put_until(&r, statement.p + statement.len);
}

int sql_drop_implied_charsets(struct slice definition, struct buf *out)
{
    struct translator r = {.copied = definition.p, .out = out};
    int rc = 0;
    lexer_init(&r.lx, definition, 0);
    for (step(&r); rc == 0 && r.t.kind != TOKEN_END; step(&r)) {
        struct token first = r.t, next = lexer_peek(&r.lx);
        if (!token_is(&first, "CHARACTER") || !token_is(&next, "SET"))
            continue;
        step(&r);
        step(&r);
        next = lexer_peek(&r.lx);
        if (r.t.kind != TOKEN_WORD || !token_is(&next, "COLLATE"))
            continue;
        rc = put_until(&r, first.p);
        r.copied = next.p;
    }
    return rc ? rc : put_until(&r, definition.p + definition.len);
}
