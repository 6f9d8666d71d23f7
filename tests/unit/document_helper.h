/* A destination whose ids are others, for tests of schema/document.h. Included after cmocka.h. */
#ifndef TESTS_UNIT_DOCUMENT_HELPER_H
#define TESTS_UNIT_DOCUMENT_HELPER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/document.h"

static struct slice text(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

static bool is(struct slice s, const char *t)
{
    return s.len == strlen(t) && memcmp(s.p, t, s.len) == 0;
}

/* A destination where every id is 1000 more, but for those that are unknown there. */
struct shop {
    const char *unknown;         /* id, wherever it comes; NULL: none */
    enum document_answer answer; /* for it */
    int fail;                    /* error instead of any answer */
    bool back;                   /* 1000 less */
    const struct document_format *format;
    struct arena arena;
    struct buf seen; /* "TABLE:ID<OF?" of each, one space between; "?" where it may be a text */
};

/* Does the format say that its ids may be of that? */
static bool is_named(const struct document_format *f, const struct document_target *target)
{
    const struct document_target *t;
    for (size_t i = 0; (t = document_names(f, i)); i++)
        if (strcmp(t->table, target->table) == 0)
            return true;
    return f->form == DOCUMENT_LIST || f->form == DOCUMENT_PATH || !f->table;
}

static int visit(void *arg, const struct document_id *id, struct slice *to)
{
    struct shop *shop = arg;
    char number[32];
    if (shop->format && !is_named(shop->format, &id->target))
        fail_msg("%s.%s names %s", shop->format->table, shop->format->column, id->target.table);
    buf_printf(&shop->seen, "%s%s:%.*s", shop->seen.len ? " " : "", id->target.table,
               (int)id->id.len, (const char *)id->id.p);
    if (id->of.len)
        buf_printf(&shop->seen, "<%.*s", (int)id->of.len, (const char *)id->of.p);
    if (id->maybe)
        buf_puts(&shop->seen, "?");
    if (shop->fail)
        return shop->fail;
    if (shop->unknown && is(id->id, shop->unknown))
        return (int)shop->answer;
    snprintf(number, sizeof number, "%.*s", (int)id->id.len, (const char *)id->id.p);
    snprintf(number, sizeof number, "%ld", strtol(number, NULL, 10) + (shop->back ? -1000 : 1000));
    to->p = (uint8_t *)arena_strdup(&shop->arena, number);
    to->len = strlen(number);
    return DOCUMENT_REPLACE;
}

static bool has_options(void *arg, struct slice code)
{
    (void)arg;
    return is(code, "color") || is(code, "material");
}

/* Rewritten: value, or "(null)", "(gone)"; and in *seen the ids. With `beside`: "CODE VALUE". */
static const char *rewrite(struct shop *shop, const struct document_format *f, const char *beside,
                           const char *value, struct buf *result)
{
    struct document_visitor visitor = {visit, has_options, shop};
    struct document_value out;
    struct ds_error err = {0};
    buf_clear(&shop->seen);
    shop->format = f;
    int rc = document_collect(f, text(value), text(beside), &visitor, &shop->arena, &err);
    if (rc)
        fail_msg("%s: %s", value, err.message);
    BUF_AUTO struct buf collected = shop->seen;
    shop->seen = (struct buf){0};
    rc = document_rewrite(f, text(value), text(beside), &visitor, &shop->arena, &out, &err);
    if (rc)
        fail_msg("%s: %s", value, err.message);
    assert_string_equal(buf_cstr(&collected), buf_cstr(&shop->seen));
    buf_clear(result);
    if (*beside)
        buf_printf(result, "%.*s ", (int)out.beside.len, (const char *)out.beside.p);
    if (out.null || out.row_gone)
        buf_puts(result, out.row_gone ? "(gone)" : "(null)");
    else
        buf_append(result, out.value.p, out.value.len);
    return buf_cstr(result);
}

static void leave(struct shop *shop)
{
    buf_free(&shop->seen);
    arena_free(&shop->arena);
}

static void check_format(const struct document_format *f, const char *beside, const char *value,
                         const char *ids, const char *after)
{
    struct shop shop = {0};
    BUF_AUTO struct buf result = {0};
    assert_non_null(f);
    assert_string_equal(rewrite(&shop, f, beside, value, &result), after);
    assert_string_equal(buf_cstr(&shop.seen), ids);
    leave(&shop);
}

static void check(const char *table, const char *column, const char *value, const char *ids,
                  const char *after)
{
    check_format(document_format(table, column), "", value, ids, after);
}

/* The same with one unknown id. */
static void check_unknown(const struct document_format *f, const char *beside, const char *value,
                          const char *unknown, enum document_answer answer, const char *after)
{
    struct shop shop = {.unknown = unknown, .answer = answer};
    BUF_AUTO struct buf result = {0};
    assert_string_equal(rewrite(&shop, f, beside, value, &result), after);
    leave(&shop);
}

/* Head of a condition on products. */
#define PRODUCT "s:4:\"type\";s:32:\"salesrule/rule_condition_product\";s:9:\"attribute\";"

#endif
