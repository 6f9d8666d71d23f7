#include "schema/where.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "schema/arena.h"
#include "schema/where_compare.h"

enum { DEPTH_MAX = 64, COLUMNS_MAX = 1000, VALUES_MAX = 10000 };

enum op { OP_OR, OP_AND, OP_NOT, OP_COMPARE, OP_BETWEEN, OP_IN, OP_LIKE, OP_NULL };
enum relation { REL_EQ, REL_NE, REL_LT, REL_LE, REL_GT, REL_GE };

struct node {
    enum op op;
    enum relation relation;
    bool negated; /* NOT IN … */
    struct node *left, *right;
    const char *column;
    struct where_value *values;
    uint32_t value_count, number; /* number: of nodes with a column, from 0 */
};
struct where {
    struct arena arena;
    const char *text;
    struct node *root;
    uint32_t columns; /* nodes with one */
};
struct where_bound {
    const struct where *where;
    struct bound_column {
        uint32_t ordinal;
        enum where_kind kind;
    } columns[]; /* by number of the node */
};

struct parser {
    struct where *w;
    const char *p, *place;
    unsigned depth;
    struct ds_error *err;
};

/* --- words ---------------------------------------------------------------------- */

static int fail(struct parser *s, const char *what)
{
    long at = s->p - s->w->text;
    return error_set(s->err, DS_EUSAGE, "%s: %s, at \"%.40s\" (character %ld of \"%.300s\")",
                     s->place, what, *s->p ? s->p : "the end", at + 1, s->w->text);
}

static int no_memory(struct parser *s)
{
    return error_set(s->err, DS_ENOMEM, "out of memory for a condition");
}

static void skip_blanks(struct parser *s)
{
    s->p += strspn(s->p, " \t\r\n");
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || (unsigned char)c >= 0x80;
}

static size_t word_length(const char *p)
{
    size_t n = 0;
    while (is_word(p[n]))
        n++;
    return n;
}

static bool take_word(struct parser *s, const char *word)
{
    skip_blanks(s);
    size_t n = strlen(word);
    if (word_length(s->p) != n || strncasecmp(s->p, word, n) != 0)
        return false;
    s->p += n;
    return true;
}

static bool take(struct parser *s, const char *sign)
{
    skip_blanks(s);
    size_t n = strlen(sign);
    if (strncmp(s->p, sign, n) != 0)
        return false;
    s->p += n;
    return true;
}

static bool reserved(const char *p, size_t n)
{
    static const char *const words[] = {"or", "and",  "not",  "in",    "like",
                                        "is", "null", "true", "false", "between"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == n && strncasecmp(words[i], p, n) == 0)
            return true;
    return false;
}

/* Text between quotes, which are doubled inside. The opening one is at s->p. */
static int take_quoted(struct parser *s, struct slice *out)
{
    char quote = *s->p, *text = arena_alloc(&s->w->arena, strlen(s->p) + 1);
    const char *p = s->p + 1;
    size_t n = 0;
    if (!text)
        return no_memory(s);
    for (; *p && (*p != quote || p[1] == quote); p++) {
        p += *p == quote;
        text[n++] = *p;
    }
    if (!*p)
        return fail(s, "the quote is not closed");
    text[n] = 0;
    s->p = p + 1;
    *out = (struct slice){(const uint8_t *)text, n};
    return 0;
}

static int take_column(struct parser *s, const char **out)
{
    struct slice name;
    skip_blanks(s);
    size_t n = word_length(s->p);
    if (*s->p == '`') {
        int rc = take_quoted(s, &name);
        *out = (const char *)name.p;
        return rc;
    }
    if (!n || (*s->p >= '0' && *s->p <= '9') || reserved(s->p, n))
        return fail(s, "the name of a column is wanted");
    char *text = arena_alloc(&s->w->arena, n + 1);
    if (!text)
        return no_memory(s);
    memcpy(text, s->p, n);
    text[n] = 0;
    s->p += n;
    *out = text;
    return 0;
}

static int take_value(struct parser *s, struct where_value *out)
{
    skip_blanks(s);
    if (*s->p == '\'') {
        out->quoted = true;
        return take_quoted(s, &out->text);
    }
    size_t n = strspn(s->p, "+-.0123456789eE");
    out->quoted = false;
    out->text = (struct slice){(const uint8_t *)s->p, n};
    if (!n || !where_is_number(out->text) || is_word(s->p[n]))
        return fail(s, word_length(s->p)
                           ? "a column is compared with a number or a 'text', not with "
                             "a word"
                           : "a number or a 'text' is wanted");
    s->p += n;
    return 0;
}

/* --- conditions -------------------------------------------------------------------- */

static int parse_or(struct parser *s, struct node **out);

static int new_node(struct parser *s, enum op op, struct node **out)
{
    *out = arena_zalloc(&s->w->arena, sizeof **out);
    if (!*out)
        return no_memory(s);
    (*out)->op = op;
    return 0;
}

static int room_for_values(struct parser *s, struct node *n, uint32_t count)
{
    struct where_value *grown = arena_zalloc(&s->w->arena, count * sizeof *grown);
    if (!grown)
        return no_memory(s);
    if (n->value_count)
        memcpy(grown, n->values, n->value_count * sizeof *grown);
    n->values = grown;
    return 0;
}

static int parse_in(struct parser *s, struct node *n)
{
    uint32_t room = 0;
    n->op = OP_IN;
    if (!take(s, "("))
        return fail(s, "IN wants a list in parentheses");
    do {
        if (n->value_count == VALUES_MAX)
            return fail(s, "the list is too long");
        int rc = 0;
        if (n->value_count == room)
            rc = room_for_values(s, n, room = room ? room * 2 : 8);
        if (rc == 0)
            rc = take_value(s, &n->values[n->value_count++]);
        if (rc)
            return rc;
    } while (take(s, ","));
    return take(s, ")") ? 0 : fail(s, "a comma or a closing parenthesis is wanted");
}

static int parse_values(struct parser *s, struct node *n, enum op op, uint32_t count)
{
    n->op = op;
    int rc = room_for_values(s, n, count);
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        if (i && !take_word(s, "and"))
            return fail(s, "BETWEEN wants two values with AND between them");
        rc = take_value(s, &n->values[n->value_count++]);
    }
    return rc;
}

/* What stands behind a column. */
static int parse_predicate(struct parser *s, struct node *n)
{
    static const struct {
        const char *sign;
        enum relation relation;
    } signs[] = {{"<>", REL_NE}, {"!=", REL_NE}, {"<=", REL_LE}, {">=", REL_GE},
                 {"=", REL_EQ},  {"<", REL_LT},  {">", REL_GT}};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (take(s, signs[i].sign)) {
            n->relation = signs[i].relation;
            return parse_values(s, n, OP_COMPARE, 1);
        }
    if (take_word(s, "is")) {
        n->op = OP_NULL;
        n->negated = take_word(s, "not");
        return take_word(s, "null") ? 0 : fail(s, "IS wants NULL or NOT NULL");
    }
    n->negated = take_word(s, "not");
    if (take_word(s, "in"))
        return parse_in(s, n);
    if (take_word(s, "like")) {
        int rc = parse_values(s, n, OP_LIKE, 1);
        return rc || n->values[0].quoted ? rc : fail(s, "LIKE wants a 'text'");
    }
    if (take_word(s, "between"))
        return parse_values(s, n, OP_BETWEEN, 2);
    return fail(s, "a comparison is wanted, such as = or IN or IS NULL");
}

static int parse_one(struct parser *s, struct node **out)
{
    int rc;
    if (++s->depth > DEPTH_MAX)
        return fail(s, "the condition is too deep");
    if (take_word(s, "not")) {
        rc = new_node(s, OP_NOT, out);
        rc = rc ? rc : parse_one(s, &(*out)->left);
    } else if (take(s, "(")) {
        rc = parse_or(s, out);
        if (rc == 0 && !take(s, ")"))
            rc = fail(s, "a closing parenthesis is wanted");
    } else {
        if (s->w->columns == COLUMNS_MAX)
            return fail(s, "the condition is too long");
        rc = new_node(s, OP_COMPARE, out);
        rc = rc ? rc : take_column(s, &(*out)->column);
        if (rc == 0) {
            (*out)->number = s->w->columns++;
            rc = parse_predicate(s, *out);
        }
    }
    s->depth--;
    return rc;
}

/* `a` OP `b` OP … to the left, so that a long chain is not deep to the right. */
static int parse_chain(struct parser *s, enum op op, const char *word,
                       int (*part)(struct parser *, struct node **), struct node **out)
{
    int rc = part(s, out);
    while (rc == 0 && take_word(s, word)) {
        struct node *n;
        rc = new_node(s, op, &n);
        if (rc)
            break;
        n->left = *out;
        *out = n;
        rc = part(s, &n->right);
    }
    return rc;
}

static int parse_and(struct parser *s, struct node **out)
{
    return parse_chain(s, OP_AND, "and", parse_one, out);
}

static int parse_or(struct parser *s, struct node **out)
{
    return parse_chain(s, OP_OR, "or", parse_and, out);
}

int where_parse(struct where **out, const char *text, const char *place, struct ds_error *err)
{
    struct where *w = calloc(1, sizeof *w);
    struct parser s = {.w = w, .place = place, .err = err};
    if (w)
        w->text = s.p = arena_strdup(&w->arena, text);
    if (!w || !w->text) {
        where_free(w);
        return no_memory(&s);
    }
    int rc = parse_or(&s, &w->root);
    skip_blanks(&s);
    if (rc == 0 && *s.p)
        rc = fail(&s, "AND, OR or the end is wanted");
    if (rc)
        where_free(w);
    else
        *out = w;
    return rc;
}

void where_free(struct where *w)
{
    if (!w)
        return;
    arena_free(&w->arena);
    free(w);
}

const char *where_text(const struct where *w)
{
    return w->text;
}

bool where_compares(const char *charset, const char *type)
{
    static const char *const charsets[] = {"", "utf8", "utf8mb3", "utf8mb4", "ascii", "binary"};
    static const char *const types[] = {"uuid", "inet4", "inet6"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strncasecmp(type, types[i], strlen(types[i])) == 0)
            return false;
    for (size_t i = 0; i < sizeof charsets / sizeof *charsets; i++)
        if (strcasecmp(charset, charsets[i]) == 0)
            return true;
    return false;
}

static bool node_names(const struct node *n, const char *column)
{
    for (; n; n = n->left) {
        if (n->column)
            return strcasecmp(n->column, column) == 0;
        if (n->right && node_names(n->right, column))
            return true;
    }
    return false;
}

bool where_names(const struct where *w, const char *column)
{
    return node_names(w->root, column);
}

/* --- for a table ----------------------------------------------------------------------- */

static int bind_column(struct where_bound *b, const struct node *n,
                       const struct msg_column *columns, uint32_t count, struct ds_error *err)
{
    struct bound_column *c = &b->columns[n->number];
    const uint32_t i = message_column(columns, count, n->column);
    if (i == UINT32_MAX)
        return error_set(err, DS_ESCHEMA, "where: there is no column %s, in \"%.300s\"", n->column,
                         b->where->text);
    *c = (struct bound_column){i, where_kind_of(&columns[i])};
    const char *why = n->op == OP_NULL ? NULL
                      : n->op == OP_LIKE && c->kind != WHERE_TEXT && c->kind != WHERE_BYTES
                          ? "LIKE is for texts"
                          : NULL;
    for (uint32_t v = 0; v < n->value_count && !why; v++)
        why = where_refusal(c->kind, &n->values[v]);
    return why ? error_set(err, DS_ESCHEMA, "where: column %s: %s, in \"%.300s\"", n->column, why,
                           b->where->text)
               : 0;
}

static int bind_node(struct where_bound *b, const struct node *n, const struct msg_column *columns,
                     uint32_t count, struct ds_error *err)
{
    int rc = 0;
    for (; n && rc == 0; n = n->left) { /* chains are long to the left */
        if (n->column)
            return bind_column(b, n, columns, count, err);
        if (n->right)
            rc = bind_node(b, n->right, columns, count, err);
    }
    return rc;
}

int where_bind(struct where_bound **out, const struct where *w, const struct msg_column *columns,
               uint32_t count, uint32_t table_flags, struct ds_error *err)
{
    if (!(table_flags & TABLE_NAMES))
        return error_set(
            err, DS_ESCHEMA,
            "where: \"%.300s\" needs names of columns, which the binlog does not tell: "
            "SET GLOBAL binlog_row_metadata = FULL at the source, then copy again with "
            "--resnapshot",
            w->text);
    struct where_bound *b = calloc(1, sizeof *b + w->columns * sizeof *b->columns);
    if (!b)
        return error_set(err, DS_ENOMEM, "out of memory for a condition");
    b->where = w;
    int rc = bind_node(b, w->root, columns, count, err);
    if (rc)
        where_bound_free(b);
    else
        *out = b;
    return rc;
}

void where_bound_free(struct where_bound *b)
{
    free(b);
}

/* --- a row ------------------------------------------------------------------------------- */

enum truth { IS_FALSE, IS_TRUE, UNKNOWN };

struct row {
    const struct where_bound *b;
    const uint8_t *const *values, *const *before;
    struct ds_error *err;
};

static enum truth truth(bool is)
{
    return is ? IS_TRUE : IS_FALSE;
}

static enum truth opposite(enum truth t)
{
    return t == UNKNOWN ? UNKNOWN : truth(t == IS_FALSE);
}

static bool relation_holds(enum relation r, int order)
{
    switch (r) {
    case REL_EQ:
        return order == 0;
    case REL_NE:
        return order != 0;
    case REL_LT:
        return order < 0;
    case REL_LE:
        return order <= 0;
    case REL_GT:
        return order > 0;
    case REL_GE:
        return order >= 0;
    }
    return false;
}

static enum truth test_value(const struct node *n, enum where_kind kind, const struct value *v)
{
    bool in = false;
    switch (n->op) {
    case OP_COMPARE:
        return truth(relation_holds(n->relation, where_compare(kind, v, &n->values[0])));
    case OP_BETWEEN:
        in = where_compare(kind, v, &n->values[0]) >= 0 &&
             where_compare(kind, v, &n->values[1]) <= 0;
        break;
    case OP_LIKE:
        in = where_like(kind, v->bytes, n->values[0].text);
        break;
    default:
        for (uint32_t i = 0; i < n->value_count && !in; i++)
            in = where_compare(kind, v, &n->values[i]) == 0;
        break;
    }
    return truth(in != n->negated);
}

static int test_column(const struct row *r, const struct node *n, enum truth *out)
{
    const struct bound_column *c = &r->b->columns[n->number];
    const uint8_t *raw = r->values[c->ordinal], *at;
    struct value v;
    if (r->before && (*raw == VALUE_BYTE_SAME || *raw == VALUE_BYTE_ABSENT))
        raw = r->before[c->ordinal];
    if (*raw == VALUE_BYTE_SAME || *raw == VALUE_BYTE_ABSENT)
        return error_set(r->err, DS_ESCHEMA,
                         "where: the binlog leaves column %s out of this row: SET GLOBAL "
                         "binlog_row_image = FULL at the source, then copy again with --resnapshot",
                         n->column);
    at = raw;
    if (value_read(&at, raw + value_length(raw), &v) ||
        (v.kind != VALUE_NULL && !where_has(c->kind, &v)))
        return error_set(r->err, DS_EFORMAT, "where: column %s cannot be read", n->column);
    bool null = v.kind == VALUE_NULL;
    *out = n->op == OP_NULL ? truth(null != n->negated)
           : null           ? UNKNOWN
                            : test_value(n, c->kind, &v);
    return 0;
}

static int test_node(const struct row *r, const struct node *n, enum truth *out)
{
    enum truth left = UNKNOWN, right = UNKNOWN;
    if (n->column)
        return test_column(r, n, out);
    int rc = test_node(r, n->left, &left);
    if (rc || n->op == OP_NOT) {
        *out = rc ? UNKNOWN : opposite(left);
        return rc;
    }
    enum truth decides = truth(n->op == OP_OR);
    *out = left;
    if (left == decides)
        return 0;
    rc = test_node(r, n->right, &right);
    *out = right == decides || left != UNKNOWN ? right : UNKNOWN;
    return rc;
}

int where_test(const struct where_bound *b, const uint8_t *const *row, const uint8_t *const *before,
               bool *in, struct ds_error *err)
{
    const struct row r = {b, row, before, err};
    enum truth result = UNKNOWN;
    int rc = test_node(&r, b->where->root, &result);
    *in = result == IS_TRUE;
    return rc;
}
