/* Any bytes as a value with ids inside: the ids that are asked for are the same each time and lie
 * in the value, a value whose ids stay what they are stays what it is, and one that was rewritten
 * can be rewritten again. The first byte: which format; up to the first newline: what stands beside
 * it. */
#include <stdlib.h>
#include <string.h>

#include "schema/document.h"

static void check(bool ok)
{
    if (!ok)
        abort();
}

struct pass {
    bool same;      /* every id becomes itself */
    size_t count;   /* of ids */
    uint64_t asked; /* a sum over them, in order */
};

static int visit(void *arg, const struct document_id *id, struct slice *to)
{
    static const char *const ids[] = {"1", "20", "300", "4000000000", "A-1"};
    struct pass *p = arg;
    uint64_t sum = id->id.len;
    check(id->target.entity && id->target.table && id->id.len > 0);
    for (size_t i = 0; i < id->id.len; i++)
        sum = sum * 31 + id->id.p[i];
    p->asked = p->asked * 1000003 + sum + id->of.len + id->maybe;
    p->count++;
    *to = id->id;
    if (p->same)
        return DOCUMENT_REPLACE;
    const char *text = ids[sum % 5];
    *to = (struct slice){(const uint8_t *)text, strlen(text)};
    return (int)(sum / 5 % 8 < 4 ? DOCUMENT_REPLACE : sum / 5 % 8 - 4);
}

static bool has_options(void *arg, struct slice code)
{
    (void)arg;
    return code.len % 2;
}

static bool equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static void test(const struct document_format *f, struct slice value, struct slice beside,
                 struct arena *arena)
{
    struct pass collect = {0}, same = {.same = true}, change = {0}, again = {0};
    struct document_visitor visitor = {visit, has_options, &collect};
    struct document_value out;
    struct ds_error err;
    int rc = document_collect(f, value, beside, &visitor, arena, &err);
    visitor.arg = &same;
    int rewritten = document_rewrite(f, value, beside, &visitor, arena, &out, &err);
    check(rc == rewritten && collect.asked == same.asked && collect.count == same.count);
    check(equal(out.value, value) && equal(out.beside, beside) && !out.null && !out.row_gone);
    check(out.offset <= value.len);

    visitor.arg = &change;
    rewritten = document_rewrite(f, value, beside, &visitor, arena, &out, &err);
    /* what holds both references and opaque objects cannot lose anything */
    check(rewritten == rc || rewritten == DS_EUNSUPPORTED);
    check(rewritten == DS_EUNSUPPORTED || collect.asked == change.asked);
    if (rewritten)
        check(equal(out.value, value) && equal(out.beside, beside));
    visitor.arg = &again;
    rc = document_collect(f, out.value, out.beside, &visitor, arena, &err);
    check(rewritten || rc == 0 || rc == DS_ELIMIT); /* longer, or deeper by a reference */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct document_format format = {.of = {"salesrule", "salesrule"}};
    struct arena arena = {0};
    if (size == 0)
        return 0;
    size_t which = data[0] % (document_format_count() + 2);
    if (which < document_format_count())
        format = *document_format_at(which);
    else
        format.form = which == document_format_count() ? DOCUMENT_LIST : DOCUMENT_PATH;
    struct slice value = {data + 1, size - 1}, beside = {data, 0};
    const uint8_t *line = memchr(value.p, '\n', value.len);
    if (format.beside && line) {
        beside = (struct slice){value.p, (size_t)(line - value.p)};
        value = (struct slice){line + 1, value.len - beside.len - 1};
    }
    test(&format, value, beside, &arena);
    arena_free(&arena);
    return 0;
}
