/* Foreign keys and new column names in CREATE and ALTER TABLE. */
#include "schema/sql.h"
#include "schema/sql_token.h"

/* REFERENCES [db.]t (c, …): the tokens behind REFERENCES. */
static int take_reference(struct lexer *lx, struct arena *arena,
                          void (*found)(void *arg, struct slice table, struct slice column),
                          void *arg)
{
    struct token t = lexer_next(lx), next = lexer_peek(lx);
    if (token_punct(&next, '.')) {
        lexer_next(lx);
        t = lexer_next(lx);
        next = lexer_peek(lx);
    }
    if (!token_identifier(&t) || !token_punct(&next, '('))
        return 0;
    struct slice table = token_name(&t, arena);
    lexer_next(lx);
    for (t = lexer_next(lx); t.kind != TOKEN_END && !token_punct(&t, ')'); t = lexer_next(lx)) {
        if (token_punct(&t, ','))
            continue;
        struct slice column = token_name(&t, arena);
        if (!table.p || !column.p)
            return DS_ENOMEM;
        found(arg, table, column);
    }
    return 0;
}

int sql_references(struct slice statement, uint64_t sql_mode,
                   void (*found)(void *arg, struct slice table, struct slice column), void *arg)
{
    struct arena arena = {0};
    struct lexer lx;
    int rc = 0;
    lexer_init(&lx, statement, sql_mode);
    for (struct token t = lexer_next(&lx); t.kind != TOKEN_END && rc == 0; t = lexer_next(&lx))
        if (token_is(&t, "REFERENCES"))
            rc = take_reference(&lx, &arena, found, arg);
    arena_free(&arena);
    return rc;
}

/* RENAME COLUMN a TO b, CHANGE [COLUMN] [IF EXISTS] a b: the tokens behind the first word. */
static int take_renamed(struct lexer *lx, bool change, struct arena *arena,
                        void (*found)(void *arg, struct slice old, struct slice new), void *arg)
{
    struct token t = lexer_next(lx);
    bool column = token_is(&t, "COLUMN");
    if (!column && !change)
        return 0; /* RENAME TO, INDEX, KEY */
    if (column)
        t = lexer_next(lx);
    struct token next = lexer_peek(lx);
    if (token_is(&t, "IF") && token_is(&next, "EXISTS")) {
        lexer_next(lx);
        t = lexer_next(lx);
    }
    struct token new = lexer_next(lx);
    if (!change)
        new = lexer_next(lx);
    if (!token_identifier(&t) || !token_identifier(&new))
        return 0;
    struct slice from = token_name(&t, arena), to = token_name(&new, arena);
    if (!from.p || !to.p)
        return DS_ENOMEM;
    found(arg, from, to);
    return 0;
}

int sql_renamed_columns(struct slice statement, uint64_t sql_mode,
                        void (*found)(void *arg, struct slice old, struct slice new), void *arg)
{
    struct arena arena = {0};
    struct lexer lx;
    int rc = 0;
    lexer_init(&lx, statement, sql_mode);
    for (struct token t = lexer_next(&lx); t.kind != TOKEN_END && rc == 0; t = lexer_next(&lx)) {
        bool change = token_is(&t, "CHANGE");
        if (change || token_is(&t, "RENAME"))
            rc = take_renamed(&lx, change, &arena, found, arg);
    }
    arena_free(&arena);
    return rc;
}
