#include "schema/sql.h"

#include <string.h>
#include <strings.h>

#include "schema/sql_token.h"

struct parser {
    struct lexer lx;
    struct token t;    /* the current token */
    const uint8_t *at; /* end of the token before it */
    struct arena *arena;
    struct sql_statement *out;
    size_t capacity; /* of out->names */
    bool nomem;
};
enum verb { VERB_CREATE, VERB_ALTER, VERB_DROP };

static void advance(struct parser *ps)
{
    ps->at = ps->t.p + ps->t.len;
    ps->t = lexer_next(&ps->lx);
}

static bool accept(struct parser *ps, const char *keyword)
{
    bool is = token_is(&ps->t, keyword);
    if (is)
        advance(ps);
    return is;
}

static bool accept_any(struct parser *ps, const char *const *keywords)
{
    bool is = token_one_of(&ps->t, keywords);
    if (is)
        advance(ps);
    return is;
}

static bool accept_punct(struct parser *ps, char c)
{
    bool is = token_punct(&ps->t, c);
    if (is)
        advance(ps);
    return is;
}

static bool at_end(const struct parser *ps)
{
    return ps->t.kind == TOKEN_END || token_punct(&ps->t, ';');
}

static bool add_name(struct parser *ps, struct sql_name name)
{
    struct sql_statement *out = ps->out;
    if (out->name_count == ps->capacity) {
        size_t capacity = ps->capacity ? ps->capacity * 2 : 4;
        struct sql_name *names = arena_alloc(ps->arena, capacity * sizeof *names);
        if (!names) {
            ps->nomem = true;
            return false;
        }
        if (out->name_count)
            memcpy(names, out->names, out->name_count * sizeof *names);
        out->names = names;
        ps->capacity = capacity;
    }
    out->names[out->name_count++] = name;
    return true;
}

static bool take_identifier(struct parser *ps, struct slice *out)
{
    if (!token_identifier(&ps->t))
        return false;
    *out = token_name(&ps->t, ps->arena);
    if (!out->p)
        ps->nomem = true;
    advance(ps);
    return !ps->nomem;
}

/* name, database.name or .name */
static bool parse_name(struct parser *ps, struct sql_name *out)
{
    *out = (struct sql_name){.text.p = ps->t.p};
    bool dotted = accept_punct(ps, '.');
    if (!take_identifier(ps, &out->name))
        return false;
    if (!dotted && accept_punct(ps, '.')) {
        out->database = out->name;
        if (!take_identifier(ps, &out->name))
            return false;
    }
    out->text.len = (size_t)(ps->at - out->text.p);
    return !token_punct(&ps->t, '.');
}

static bool take_name(struct parser *ps)
{
    struct sql_name name;
    return parse_name(ps, &name) && add_name(ps, name);
}

static bool take_names(struct parser *ps)
{
    do
        if (!take_name(ps))
            return false;
    while (accept_punct(ps, ','));
    return true;
}

/* MariaDB's WAIT n and NOWAIT; both may be names as well, so only where no name can stand. */
static void skip_wait(struct parser *ps)
{
    if (accept(ps, "NOWAIT"))
        return;
    struct token next = lexer_peek(&ps->lx);
    if (token_is(&ps->t, "WAIT") && next.kind == TOKEN_NUMBER) {
        advance(ps);
        advance(ps);
    }
}

static void take_if_exists(struct parser *ps)
{
    if (!accept(ps, "IF"))
        return;
    bool negated = accept(ps, "NOT");
    if (accept(ps, "EXISTS"))
        *(negated ? &ps->out->if_not_exists : &ps->out->if_exists) = true;
}

/* Move over one token and keep count of parentheses. */
static void advance_nested(struct parser *ps, size_t *depth)
{
    if (token_punct(&ps->t, '('))
        (*depth)++;
    else if (token_punct(&ps->t, ')') && *depth)
        (*depth)--;
    advance(ps);
}

/* At a parenthesis: does it hold a query? */
static bool opens_query(const struct parser *ps)
{
    struct lexer lx = ps->lx;
    struct token t = lexer_next(&lx);
    while (token_punct(&t, '('))
        t = lexer_next(&lx);
    return token_is(&t, "SELECT") || token_is(&t, "WITH") || token_is(&t, "VALUES") ||
           token_is(&t, "TABLE");
}

static bool parse_create_table(struct parser *ps)
{
    struct sql_statement *out = ps->out;
    if (!take_name(ps))
        return false;
    struct token next = lexer_peek(&ps->lx);
    if (token_is(&ps->t, "LIKE") || (token_punct(&ps->t, '(') && token_is(&next, "LIKE"))) {
        accept_punct(ps, '(');
        advance(ps);
        out->kind = SQL_CREATE_TABLE_LIKE;
        return take_name(ps);
    }
    size_t depth = 0;
    while (ps->t.kind != TOKEN_END) {
        next = lexer_peek(&ps->lx);
        if (depth == 0) {
            if (token_is(&ps->t, "SELECT") || token_is(&ps->t, "TABLE") ||
                (token_is(&ps->t, "AS") && token_is(&next, "VALUES")) ||
                (token_punct(&ps->t, '(') && opens_query(ps)))
                out->as_select = true;
            if (token_is(&ps->t, "START") && token_is(&next, "TRANSACTION"))
                out->start_transaction =
                    (struct slice){ps->t.p, (size_t)(next.p + next.len - ps->t.p)};
        }
        advance_nested(ps, &depth);
    }
    return true;
}

/* At the first word of one ALTER TABLE clause. */
static bool parse_alter_clause(struct parser *ps)
{
    static const char *const to[] = {"TO", "AS", NULL};
    struct sql_statement *out = ps->out;
    if (token_is(&ps->t, "DISCARD") || token_is(&ps->t, "IMPORT"))
        return false; /* content comes from files that are not in the binlog */
    if (accept(ps, "RENAME")) {
        if (token_is(&ps->t, "COLUMN") || token_is(&ps->t, "INDEX") || token_is(&ps->t, "KEY") ||
            token_is(&ps->t, "CONSTRAINT"))
            return true;
        if (!accept_any(ps, to))
            accept_punct(ps, '=');
        out->alter_renames = true;
        return take_name(ps);
    }
    struct token next = lexer_peek(&ps->lx);
    bool convert =
        token_is(&ps->t, "CONVERT") && (token_is(&next, "PARTITION") || token_is(&next, "TABLE"));
    if (!convert && !(token_is(&ps->t, "EXCHANGE") && token_is(&next, "PARTITION")))
        return true;
    advance(ps);
    out->exchange_partition = true;
    while (!at_end(ps))
        if (accept(ps, "TABLE"))
            return take_name(ps);
        else
            advance(ps);
    return false;
}

static bool parse_alter_table(struct parser *ps)
{
    if (!take_name(ps))
        return false;
    skip_wait(ps);
    size_t depth = 0;
    bool first = true; /* at the beginning of a clause */
    while (!at_end(ps)) {
        if (first && !parse_alter_clause(ps))
            return false;
        first = depth == 0 && token_punct(&ps->t, ',');
        if (!at_end(ps))
            advance_nested(ps, &depth);
    }
    return true;
}

static bool parse_table(struct parser *ps, enum verb verb)
{
    take_if_exists(ps);
    if (verb == VERB_CREATE)
        return parse_create_table(ps);
    return verb == VERB_ALTER ? parse_alter_table(ps) : take_names(ps);
}

/* Names are a list when dropped, else one. */
static bool parse_objects(struct parser *ps, enum verb verb)
{
    take_if_exists(ps);
    return verb == VERB_DROP ? take_names(ps) : take_name(ps);
}

static bool parse_event(struct parser *ps, enum verb verb)
{
    take_if_exists(ps);
    if (!take_name(ps))
        return false;
    while (verb == VERB_ALTER && !at_end(ps) && !token_is(&ps->t, "DO")) {
        if (accept(ps, "RENAME")) {
            ps->out->alter_renames = true;
            return accept(ps, "TO") && take_name(ps);
        }
        advance(ps);
    }
    return true;
}

static bool parse_index(struct parser *ps, enum verb verb)
{
    (void)verb;
    struct slice index;
    take_if_exists(ps);
    if (!take_identifier(ps, &index))
        return false;
    if (accept(ps, "USING") || accept(ps, "TYPE"))
        advance(ps);
    return accept(ps, "ON") && take_name(ps);
}

static bool parse_trigger(struct parser *ps, enum verb verb)
{
    take_if_exists(ps);
    if (!take_name(ps))
        return false;
    if (verb == VERB_DROP)
        return true;
    while (!at_end(ps) && !token_is(&ps->t, "ON"))
        advance(ps);
    return accept(ps, "ON") && take_name(ps);
}

static bool parse_routine(struct parser *ps, enum verb verb)
{
    take_if_exists(ps);
    if (!take_name(ps))
        return false;
    if (verb == VERB_CREATE && token_is(&ps->t, "RETURNS")) {
        ps->out->kind = SQL_ADMIN; /* a loadable function has no parameter list */
        ps->out->name_count = 0;
    }
    return true;
}

static bool parse_package(struct parser *ps, enum verb verb)
{
    struct token next = lexer_peek(&ps->lx);
    if (token_is(&ps->t, "BODY") && !token_punct(&next, '.') && next.kind != TOKEN_END &&
        !token_is(&next, "AS") && !token_is(&next, "IS")) {
        advance(ps);
        ps->out->object = "PACKAGE BODY";
    }
    return parse_objects(ps, verb);
}

/* ALTER DATABASE without a name is about the default one. Some options may be names as well: then
 * another option follows. */
static bool is_database_option(const struct parser *ps)
{
    static const char *const reserved[] = {"CHARACTER", "DEFAULT", "COLLATE", NULL};
    static const char *const options[] = {"CHARSET", "COMMENT", "ENCRYPTION", "READ", NULL};
    static const char *const follow[] = {"CHARACTER", "DEFAULT",    "COLLATE", "CHARSET",
                                         "COMMENT",   "ENCRYPTION", "UPGRADE", NULL};
    struct token next = lexer_peek(&ps->lx);
    return token_one_of(&ps->t, reserved) ||
           (token_one_of(&ps->t, options) && !token_one_of(&next, follow));
}

static bool parse_database(struct parser *ps, enum verb verb)
{
    struct sql_name name = {.text.p = ps->t.p};
    take_if_exists(ps);
    if (verb == VERB_ALTER && is_database_option(ps)) {
        name.text.len = 0;
        return add_name(ps, name);
    }
    name.text.p = ps->t.p;
    if (!take_identifier(ps, &name.database))
        return false;
    name.text.len = (size_t)(ps->at - name.text.p);
    return add_name(ps, name);
}

/* What follows CREATE, ALTER and DROP; SQL_UNKNOWN: no such statement. */
static const struct object {
    const char *word;
    enum sql_kind kind[3];
    bool (*parse)(struct parser *ps, enum verb verb); /* NULL: nothing more to know */
} objects[] = {
    {"TABLE", {SQL_CREATE_TABLE, SQL_ALTER_TABLE, SQL_DROP_TABLE}, parse_table},
    {"TABLES", {SQL_UNKNOWN, SQL_UNKNOWN, SQL_DROP_TABLE}, parse_table},
    {"INDEX", {SQL_CREATE_INDEX, SQL_UNKNOWN, SQL_DROP_INDEX}, parse_index},
    {"VIEW", {SQL_CREATE_VIEW, SQL_ALTER_VIEW, SQL_DROP_VIEW}, parse_objects},
    {"TRIGGER", {SQL_CREATE_TRIGGER, SQL_UNKNOWN, SQL_DROP_TRIGGER}, parse_trigger},
    {"EVENT", {SQL_CREATE_EVENT, SQL_ALTER_EVENT, SQL_DROP_EVENT}, parse_event},
    {"PROCEDURE", {SQL_CREATE_ROUTINE, SQL_ALTER_ROUTINE, SQL_DROP_ROUTINE}, parse_routine},
    {"FUNCTION", {SQL_CREATE_ROUTINE, SQL_ALTER_ROUTINE, SQL_DROP_ROUTINE}, parse_routine},
    {"LIBRARY", {SQL_CREATE_ROUTINE, SQL_ALTER_ROUTINE, SQL_DROP_ROUTINE}, parse_objects},
    {"PACKAGE", {SQL_CREATE_ROUTINE, SQL_ALTER_ROUTINE, SQL_DROP_ROUTINE}, parse_package},
    {"SEQUENCE", {SQL_CREATE_SEQUENCE, SQL_ALTER_SEQUENCE, SQL_DROP_SEQUENCE}, parse_objects},
    {"DATABASE", {SQL_CREATE_DATABASE, SQL_ALTER_DATABASE, SQL_DROP_DATABASE}, parse_database},
    {"SCHEMA", {SQL_CREATE_DATABASE, SQL_ALTER_DATABASE, SQL_DROP_DATABASE}, parse_database},
    {"USER", {SQL_ACCOUNT, SQL_ACCOUNT, SQL_ACCOUNT}, NULL},
    {"ROLE", {SQL_ACCOUNT, SQL_ACCOUNT, SQL_ACCOUNT}, NULL},
    {"SERVER", {SQL_ADMIN, SQL_ADMIN, SQL_ADMIN}, NULL},
    {"TABLESPACE", {SQL_ADMIN, SQL_ADMIN, SQL_ADMIN}, NULL},
    {"LOGFILE", {SQL_ADMIN, SQL_ADMIN, SQL_ADMIN}, NULL},
    {"RESOURCE", {SQL_ADMIN, SQL_ADMIN, SQL_ADMIN}, NULL},
    {"REFERENCE", {SQL_ADMIN, SQL_UNKNOWN, SQL_ADMIN}, NULL},
    {"INSTANCE", {SQL_UNKNOWN, SQL_ADMIN, SQL_UNKNOWN}, NULL},
    {"PREPARE", {SQL_UNKNOWN, SQL_UNKNOWN, SQL_ADMIN}, NULL},
};

/* Account name behind DEFINER: user@host, CURRENT_USER(), or a role. */
static void skip_account(struct parser *ps)
{
    advance(ps);
    if (ps->t.kind == TOKEN_AT) {
        bool bare = ps->t.len == 1; /* white space behind the @ */
        advance(ps);
        if (bare)
            advance(ps);
    } else if (accept_punct(ps, '(')) {
        accept_punct(ps, ')');
    }
}

/* One word or clause between CREATE and the kind of object. */
static bool take_modifier(struct parser *ps, bool *temporary)
{
    static const char *const words[] = {"ONLINE",  "OFFLINE",    "IGNORE", "UNIQUE", "FULLTEXT",
                                        "SPATIAL", "VECTOR",     "UNDO",   "JSON",   "AGGREGATE",
                                        "DUALITY", "RELATIONAL", NULL};
    if (accept(ps, "TEMPORARY"))
        return *temporary = true;
    if (accept(ps, "OR"))
        return ps->out->or_replace = accept(ps, "REPLACE");
    if (accept(ps, "DEFINER")) {
        accept_punct(ps, '=');
        skip_account(ps);
        return true;
    }
    if (accept(ps, "ALGORITHM")) {
        accept_punct(ps, '=');
        advance(ps);
        return true;
    }
    if (accept(ps, "SQL")) {
        if (!accept(ps, "SECURITY"))
            return false;
        advance(ps);
        return true;
    }
    return accept_any(ps, words);
}

static bool parse_object(struct parser *ps, enum verb verb)
{
    bool temporary = false;
    while (take_modifier(ps, &temporary))
        ;
    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++) {
        if (!accept(ps, objects[i].word))
            continue;
        ps->out->kind = objects[i].kind[verb];
        ps->out->object = objects[i].word;
        if (ps->out->kind == SQL_UNKNOWN)
            return false;
        if (objects[i].parse && !objects[i].parse(ps, verb))
            return false;
        if (temporary)
            ps->out->kind = SQL_TEMPORARY;
        return true;
    }
    return false;
}

static bool parse_create(struct parser *ps)
{
    return parse_object(ps, VERB_CREATE);
}

static bool parse_alter(struct parser *ps)
{
    return parse_object(ps, VERB_ALTER);
}

static bool parse_drop(struct parser *ps)
{
    return parse_object(ps, VERB_DROP);
}

static bool parse_rename(struct parser *ps)
{
    if (token_is(&ps->t, "USER")) {
        ps->out->kind = SQL_ACCOUNT;
        return true;
    }
    if (!accept(ps, "TABLE") && !accept(ps, "TABLES"))
        return false;
    ps->out->kind = SQL_RENAME_TABLE;
    take_if_exists(ps);
    do {
        if (!take_name(ps))
            return false;
        skip_wait(ps);
        if (!accept(ps, "TO") || !take_name(ps))
            return false;
    } while (accept_punct(ps, ','));
    return true;
}

static bool parse_truncate(struct parser *ps)
{
    accept(ps, "TABLE");
    return take_name(ps);
}

static bool parse_begin(struct parser *ps)
{
    if (token_is(&ps->t, "NOT"))
        ps->out->kind = SQL_DML; /* a compound statement: anything may be in it */
    return true;
}

static bool parse_start(struct parser *ps)
{
    if (token_is(&ps->t, "ALTER"))
        return false;
    ps->out->kind = token_is(&ps->t, "TRANSACTION") ? SQL_BEGIN : SQL_ADMIN;
    return true;
}

static bool take_savepoint(struct parser *ps)
{
    struct token next = lexer_peek(&ps->lx);
    if (token_is(&ps->t, "SAVEPOINT") && next.kind != TOKEN_END && !token_punct(&next, ';'))
        advance(ps);
    return take_identifier(ps, &ps->out->savepoint);
}

static bool parse_rollback(struct parser *ps)
{
    if (token_is(&ps->t, "ALTER"))
        return false;
    accept(ps, "WORK");
    if (!accept(ps, "TO"))
        return true;
    ps->out->kind = SQL_ROLLBACK_TO;
    return take_savepoint(ps);
}

static bool parse_xa(struct parser *ps)
{
    static const struct {
        const char *word;
        enum sql_kind kind;
    } verbs[] = {{"START", SQL_XA_START},   {"BEGIN", SQL_XA_START},
                 {"END", SQL_XA_END},       {"PREPARE", SQL_XA_PREPARE},
                 {"COMMIT", SQL_XA_COMMIT}, {"ROLLBACK", SQL_XA_ROLLBACK},
                 {"RECOVER", SQL_ADMIN}};
    size_t i = 0, n = sizeof verbs / sizeof *verbs;
    while (i < n && !accept(ps, verbs[i].word))
        i++;
    if (i == n)
        return false;
    struct sql_statement *out = ps->out;
    out->kind = verbs[i].kind;
    if (out->kind == SQL_ADMIN)
        return true;
    const uint8_t *from = ps->t.p;
    while (!at_end(ps)) {
        if (token_is(&ps->t, "ONE"))
            out->one_phase = true;
        if (out->one_phase || token_is(&ps->t, "SUSPEND") || token_is(&ps->t, "JOIN") ||
            token_is(&ps->t, "RESUME"))
            break;
        advance(ps);
    }
    out->xid = (struct slice){from, (size_t)(ps->at - from)};
    return from < ps->at;
}

static bool parse_set(struct parser *ps)
{
    if (token_is(&ps->t, "PASSWORD"))
        ps->out->kind = SQL_ACCOUNT;
    return true;
}

/* ANALYZE TABLE, or MariaDB's ANALYZE of a statement, which runs it. */
static bool parse_analyze(struct parser *ps)
{
    if (!accept(ps, "NO_WRITE_TO_BINLOG"))
        accept(ps, "LOCAL");
    if (!token_is(&ps->t, "TABLE") && !token_is(&ps->t, "TABLES"))
        ps->out->kind = SQL_DML;
    return true;
}

static void skip_write_options(struct parser *ps)
{
    static const char *const words[] = {"LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED",
                                        "IGNORE",       "QUICK",         NULL};
    while (accept_any(ps, words))
        ;
}

static bool parse_insert(struct parser *ps)
{
    skip_write_options(ps);
    accept(ps, "INTO");
    struct sql_name name;
    return parse_name(ps, &name) ? add_name(ps, name) : !ps->nomem;
}

/* UPDATE and DELETE of one table; more than one: no name. A DELETE of everything, as servers write
 * it for a MEMORY table that a restart has emptied, is a TRUNCATE. */
static bool parse_update(struct parser *ps)
{
    static const char *const words[] = {"SET", "WHERE", "ORDER", "LIMIT", "RETURNING", NULL};
    skip_write_options(ps);
    bool from = accept(ps, "FROM");
    struct sql_name name;
    if (!parse_name(ps, &name))
        return !ps->nomem;
    if (from && at_end(ps) && name.database.len && name.text.p[0] == '`') {
        ps->out->kind = SQL_TRUNCATE;
        return add_name(ps, name);
    }
    bool plain = at_end(ps) || accept_any(ps, words);
    if (!plain) { /* perhaps an alias */
        accept(ps, "AS");
        advance(ps);
        plain = at_end(ps) || accept_any(ps, words);
    }
    return !plain || add_name(ps, name);
}

static bool parse_load(struct parser *ps)
{
    if (token_is(&ps->t, "INDEX")) {
        ps->out->kind = SQL_ADMIN;
        return true;
    }
    while (!at_end(ps) && !accept(ps, "TABLE"))
        advance(ps);
    return parse_insert(ps);
}

static bool parse_import(struct parser *ps)
{
    (void)ps;
    return false; /* content comes from files that are not in the binlog */
}

static const struct {
    const char *word;
    enum sql_kind kind;
    bool (*parse)(struct parser *ps); /* NULL: the verb says it all */
} verbs[] = {
    {"INSERT", SQL_DML, parse_insert},
    {"UPDATE", SQL_DML, parse_update},
    {"DELETE", SQL_DML, parse_update},
    {"REPLACE", SQL_DML, parse_insert},
    {"LOAD", SQL_DML, parse_load},
    {"SELECT", SQL_DML, NULL},
    {"WITH", SQL_DML, NULL},
    {"VALUES", SQL_DML, NULL},
    {"TABLE", SQL_DML, NULL},
    {"CALL", SQL_DML, NULL},
    {"DO", SQL_DML, NULL},
    {"EXECUTE", SQL_DML, NULL},
    {"BEGIN", SQL_BEGIN, parse_begin},
    {"COMMIT", SQL_COMMIT, NULL},
    {"ROLLBACK", SQL_ROLLBACK, parse_rollback},
    {"SAVEPOINT", SQL_SAVEPOINT, take_savepoint},
    {"RELEASE", SQL_RELEASE_SAVEPOINT, take_savepoint},
    {"START", SQL_ADMIN, parse_start},
    {"XA", SQL_UNKNOWN, parse_xa},
    {"CREATE", SQL_UNKNOWN, parse_create},
    {"ALTER", SQL_UNKNOWN, parse_alter},
    {"DROP", SQL_UNKNOWN, parse_drop},
    {"RENAME", SQL_UNKNOWN, parse_rename},
    {"TRUNCATE", SQL_TRUNCATE, parse_truncate},
    {"SET", SQL_SET, parse_set},
    {"GRANT", SQL_ACCOUNT, NULL},
    {"REVOKE", SQL_ACCOUNT, NULL},
    {"ANALYZE", SQL_ADMIN, parse_analyze},
    {"IMPORT", SQL_UNKNOWN, parse_import},
};

static const char *const admin_verbs[] = {
    "OPTIMIZE",  "REPAIR", "CHECK", "CHECKSUM", "FLUSH",   "RESET",   "INSTALL",
    "UNINSTALL", "CACHE",  "KILL",  "PURGE",    "CHANGE",  "STOP",    "SHUTDOWN",
    "RESTART",   "CLONE",  "LOCK",  "UNLOCK",   "BACKUP",  "HANDLER", "USE",
    "SHOW",      "HELP",   "DESC",  "DESCRIBE", "EXPLAIN", NULL};

/* MariaDB: SET STATEMENT variable=value, … FOR statement */
static void skip_set_statement(struct parser *ps)
{
    struct token next = lexer_peek(&ps->lx);
    while (token_is(&ps->t, "SET") && token_is(&next, "STATEMENT")) {
        size_t depth = 0;
        while (ps->t.kind != TOKEN_END && !(depth == 0 && token_is(&ps->t, "FOR")))
            advance_nested(ps, &depth);
        accept(ps, "FOR");
        next = lexer_peek(&ps->lx);
    }
}

static bool parse_statement(struct parser *ps)
{
    skip_set_statement(ps);
    if (at_end(ps)) {
        ps->out->kind = SQL_DUMMY;
        return true;
    }
    if (token_punct(&ps->t, '(')) {
        ps->out->kind = SQL_DML;
        return true;
    }
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (accept(ps, verbs[i].word)) {
            ps->out->kind = verbs[i].kind;
            return !verbs[i].parse || verbs[i].parse(ps);
        }
    ps->out->kind = SQL_ADMIN;
    return accept_any(ps, admin_verbs);
}

int sql_classify(struct slice statement, uint64_t sql_mode, struct arena *arena,
                 struct sql_statement *out)
{
    *out = (struct sql_statement){0};
    struct parser ps = {.arena = arena, .out = out};
    lexer_init(&ps.lx, statement, sql_mode);
    ps.at = ps.lx.p;
    ps.t = lexer_next(&ps.lx);
    if (!parse_statement(&ps))
        *out = (struct sql_statement){.kind = SQL_UNKNOWN};
    return ps.nomem ? DS_ENOMEM : 0;
}
