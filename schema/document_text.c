#include <string.h>
#include <strings.h>

#include "schema/document_walk.h"

/* Where directives and layout changes name an id: by the name of a parameter, whatever block or
 * widget it is for. A block may be named by its identifier instead of its id; that stays. */
static const struct {
    const char *name;
    struct text_ids ids;
} parameters[] = {
    {"block_id", {TEXT_ID, ID_CMS_BLOCK}},      {"category_id", {TEXT_ID, ID_CATEGORY}},
    {"category_ids", {TEXT_LIST, ID_CATEGORY}}, {"id_path", {TEXT_ID_PATH, ID_NONE}},
    {"page_id", {TEXT_ID, ID_CMS_PAGE}},        {"product_id", {TEXT_ID, ID_PRODUCT}},
    {"product_ids", {TEXT_LIST, ID_PRODUCT}},   {"store_id", {TEXT_ID, ID_STORE}},
};

const struct text_ids *walk_parameter(struct slice name)
{
    for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++)
        if (walk_is(name, parameters[i].name))
            return &parameters[i].ids;
    return NULL;
}

/* A text and what becomes of it: what is not edited is copied as it is. */
struct edits {
    struct walk *w;
    struct slice text;
    size_t copied; /* bytes of it that are in `out`, or replaced */
    struct buf out;
};

/* Bytes [from, to) become `by`. In order of place. */
static int edit(struct edits *e, size_t from, size_t to, struct slice by)
{
    int rc = buf_append(&e->out, e->text.p + e->copied, from - e->copied);
    if (rc == 0)
        rc = buf_append(&e->out, by.p, by.len);
    e->copied = to;
    return rc ? walk_no_memory(e->w) : 0;
}

static int finish(struct edits *e, int rc, struct slice *to)
{
    static const struct slice none = {NULL, 0};
    if (rc == 0 && e->copied > 0)
        rc = edit(e, e->text.len, e->text.len, none);
    if (rc == 0 && e->copied > 0)
        rc = walk_result(e->w, &e->out, e->text, to);
    buf_free(&e->out);
    return rc;
}

/* NULL-terminated `needle` at or after `at`; the length of the text: it is not there. */
static size_t find(struct slice text, size_t at, const char *needle)
{
    size_t len = strlen(needle);
    const uint8_t *found = at < text.len ? memmem(text.p + at, text.len - at, needle, len) : NULL;
    return found ? (size_t)(found - text.p) : text.len;
}

static bool is_space(uint8_t c)
{
    return c == 0 || strchr(" \t\n\v\r", c);
}

/* --- directives ------------------------------------------------------------------------------- */

struct parameter {
    struct slice name;
    size_t from, to;      /* the value */
    size_t before, after; /* all of it, with the space before and its quotes */
    bool quoted;
};

/* The next NAME="VALUE", NAME='VALUE' or NAME=VALUE between *at and `end`, read as the shop does
 * (Varien_Filter_Template_Tokenizer_Parameter). */
static bool next_parameter(struct slice text, size_t *at, size_t end, struct parameter *p)
{
    size_t i = *at;
    p->before = i;
    while (i < end && is_space(text.p[i]))
        i++;
    size_t name = i;
    while (i < end && text.p[i] != '=')
        i++;
    if (i == end)
        return false;
    p->name = (struct slice){text.p + name, i - name};
    while (p->name.len > 0 && is_space(p->name.p[p->name.len - 1]))
        p->name.len--;
    i++;
    uint8_t quote = i < end && (text.p[i] == '"' || text.p[i] == '\'') ? text.p[i] : 0;
    p->quoted = quote != 0;
    i += p->quoted;
    p->from = i;
    while (i < end && (quote ? text.p[i] != quote : !is_space(text.p[i])))
        i += text.p[i] == '\\' && i + 1 < end ? 2 : 1;
    p->to = i;
    p->after = i + (p->quoted && i < end);
    *at = p->after;
    return true;
}

/* Pages of the shop whose address has an id. */
static const struct page {
    const char *path;
    struct {
        const char *name;
        struct text_ids ids;
    } parameters[2];
} pages[] = {
    {"catalog/product/view", {{"id", {TEXT_ID, ID_PRODUCT}}, {"category", {TEXT_ID, ID_CATEGORY}}}},
    {"catalog/category/view", {{"id", {TEXT_ID, ID_CATEGORY}}}},
    {"cms/page/view", {{"page_id", {TEXT_ID, ID_CMS_PAGE}}}},
};

static const struct text_ids *page_parameter(const struct page *page, struct slice name)
{
    for (size_t i = 0; page && i < 2 && page->parameters[i].name; i++)
        if (walk_is(name, page->parameters[i].name))
            return &page->parameters[i].ids;
    return NULL;
}

static bool is_address(struct slice name)
{
    return walk_is(name, "url") || walk_is(name, "direct_url");
}

static size_t page_start(struct slice address)
{
    return address.len && address.p[0] == '/';
}

static const struct page *page_at(struct slice address)
{
    size_t start = page_start(address);
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        size_t len = strlen(pages[i].path), end = start + len;
        if (address.len >= end && memcmp(address.p + start, pages[i].path, len) == 0 &&
            (address.len == end || address.p[end] == '/'))
            return &pages[i];
    }
    return NULL;
}

/* PATH/NAME/ID/NAME/ID. What is not here becomes 0. */
static int address(struct walk *w, const struct page *page, struct slice text, struct slice *to)
{
    static const struct slice none = {NULL, 0}, zero = {(const uint8_t *)"0", 1};
    struct edits e = {.w = w, .text = text};
    size_t at = page_start(text) + strlen(page->path) + 1;
    int rc = 0;
    while (at < text.len && rc == 0) {
        size_t middle = find(text, at, "/"), from = middle + 1, end = find(text, from, "/");
        const struct text_ids *ids = page_parameter(page, (struct slice){text.p + at, middle - at});
        struct slice now = none;
        at = end + 1;
        if (!ids || from >= text.len)
            continue;
        int answer =
            walk_text(w, *ids, (struct slice){text.p + from, end - from}, none, false, &now);
        if (answer < 0)
            rc = answer;
        else if (answer != DOCUMENT_KEEP)
            rc = edit(&e, from, end, answer == DOCUMENT_REPLACE ? now : zero);
    }
    return finish(&e, rc, to);
}

static const struct page *page_of(struct slice text, size_t at, size_t end)
{
    const struct page *page = NULL;
    struct parameter p;
    while (!page && next_parameter(text, &at, end, &p))
        page = is_address(p.name) ? page_at((struct slice){text.p + p.from, p.to - p.from}) : NULL;
    return page;
}

/* The address of a page of the shop: {{store url="catalog/product/view" id="12"}}, {{store
 * direct_url="catalog/product/view/id/12"}}. */
static int store_directive(struct edits *e, size_t at, size_t end)
{
    static const struct slice none = {NULL, 0};
    const struct page *page = page_of(e->text, at, end);
    struct parameter p;
    int rc = 0;
    while (page && rc == 0 && next_parameter(e->text, &at, end, &p)) {
        struct slice value = {e->text.p + p.from, p.to - p.from}, to = none;
        const struct text_ids *ids = page_parameter(page, p.name);
        int answer = is_address(p.name) && page_at(value) == page ? address(e->w, page, value, &to)
                     : ids ? walk_text(e->w, *ids, value, none, false, &to)
                           : DOCUMENT_KEEP;
        if (answer < 0)
            rc = answer;
        else if (answer == DOCUMENT_REPLACE)
            rc = edit(e, p.from, p.to, to);
        else if (answer != DOCUMENT_KEEP)
            rc = edit(e, p.before, p.after, none);
    }
    return rc;
}

/* Parameters of one directive, between `at` and `end`. `id`: what the one of that name says; NULL:
 * nothing. */
static int parameters_of(struct edits *e, size_t at, size_t end, const struct text_ids *id)
{
    static const struct slice none = {NULL, 0};
    struct parameter p;
    int rc = 0;
    while (rc == 0 && next_parameter(e->text, &at, end, &p)) {
        const struct text_ids *ids = walk_is(p.name, "id") ? id : walk_parameter(p.name);
        struct slice to = none;
        if (!ids)
            continue;
        int answer = walk_text(e->w, *ids, (struct slice){e->text.p + p.from, p.to - p.from}, none,
                               false, &to);
        if (answer < 0)
            return answer;
        if (answer == DOCUMENT_REPLACE)
            rc = edit(e, p.from, p.to, to);
        else if (answer == DOCUMENT_DROP || (answer == DOCUMENT_NULL && !p.quoted))
            rc = edit(e, p.before, p.after, none);
        else if (answer == DOCUMENT_NULL)
            rc = edit(e, p.from, p.to, none);
    }
    return rc;
}

static int widget_directive(struct edits *e, size_t at, size_t end)
{
    return parameters_of(e, at, end, NULL);
}

/* {{block id="4"}} without a type is a static block. */
static int block_directive(struct edits *e, size_t at, size_t end)
{
    static const struct text_ids block = {TEXT_ID, ID_CMS_BLOCK};
    struct parameter p;
    bool typed = false;
    for (size_t i = at; !typed && next_parameter(e->text, &i, end, &p);)
        typed = walk_is(p.name, "type");
    return parameters_of(e, at, end, typed ? NULL : &block);
}

/* {{NAME PARAMETERS}}: NAME is up to ten letters in either case (Varien_Filter_Template). */
int walk_directives(struct walk *w, struct slice text, struct slice *to)
{
    static const struct {
        const char *name;
        int (*walk)(struct edits *e, size_t at, size_t end);
    } with_ids[] = {
        {"widget", widget_directive}, {"block", block_directive}, {"store", store_directive}};
    struct edits e = {.w = w, .text = text};
    int rc = 0;
    for (size_t at = find(text, 0, "{{"); at < text.len && rc == 0; at = find(text, at, "{{")) {
        size_t end = find(text, at + 2, "}}"), name = at + 2, len = 0;
        if (end == text.len)
            break;
        while (len < 10 && name + len < end && (text.p[name + len] | 0x20) >= 'a' &&
               (text.p[name + len] | 0x20) <= 'z')
            len++;
        for (size_t i = 0; i < sizeof with_ids / sizeof *with_ids && rc == 0; i++)
            if (len == strlen(with_ids[i].name) &&
                strncasecmp((const char *)text.p + name, with_ids[i].name, len) == 0)
                rc = with_ids[i].walk(&e, name + len, end);
        at = end + 2;
    }
    return finish(&e, rc, to);
}

/* --- layout changes --------------------------------------------------------------------------- */

static bool is_name(uint8_t c)
{
    return c == '_' || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* <NAME>CONTENT</NAME> at `at`; *after is behind it. */
static bool element(struct slice text, size_t at, struct slice *name, struct slice *content,
                    size_t *after)
{
    if (at >= text.len || text.p[at] != '<')
        return false;
    size_t name_end = at + 1;
    while (name_end < text.len && is_name(text.p[name_end]))
        name_end++;
    size_t start = name_end + 1, end = find(text, start, "<");
    if (end == text.len || text.p[name_end] != '>')
        return false;
    *name = (struct slice){text.p + at + 1, name_end - at - 1};
    *content = (struct slice){text.p + start, end - start};
    if (text.len - end < name->len + 3 || text.p[end + 1] != '/' ||
        memcmp(text.p + end + 2, name->p, name->len) != 0 || text.p[end + 2 + name->len] != '>')
        return false;
    *after = end + name->len + 3;
    return true;
}

/* What the elements behind a tag are, whatever they are called: <action method="setBlockId"><id>4
 * </id></action>. NULL: it does not say. */
static const struct text_ids *method_parameter(struct slice text, size_t at)
{
    static const struct {
        const char *method;
        struct text_ids ids;
    } all[] = {{"setBlockId", {TEXT_ID, ID_CMS_BLOCK}},
               {"setCategoryId", {TEXT_ID, ID_CATEGORY}},
               {"setPageId", {TEXT_ID, ID_CMS_PAGE}},
               {"setProductId", {TEXT_ID, ID_PRODUCT}}};
    enum { LONGEST = 200 };
    struct slice tag = {text.p + at, text.len - at < LONGEST ? text.len - at : LONGEST};
    tag.len = find(tag, 0, ">");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (find(tag, 0, all[i].method) < tag.len)
            return &all[i].ids;
    return NULL;
}

/* <block_id>4</block_id>, as people write it, and <name>block_id</name><value>4</value>, as the
 * shop writes it for widgets, and people, too, with <name> or <key>. */
int walk_layout(struct walk *w, struct slice text, struct slice *to)
{
    static const struct slice none = {NULL, 0};
    const struct text_ids *of_method = NULL;
    struct edits e = {.w = w, .text = text};
    int rc = 0;
    for (size_t at = find(text, 0, "<"); at < text.len && rc == 0; at = find(text, at, "<")) {
        struct slice name, content, value_name, now = none;
        size_t after;
        if (!element(text, at, &name, &content, &after)) {
            of_method = method_parameter(text, at);
            at++;
            continue;
        }
        at = after;
        if (walk_is(name, "name") || walk_is(name, "key")) {
            name = content;
            while (after < text.len && is_space(text.p[after]))
                after++;
            if (!element(text, after, &value_name, &content, &after) ||
                !walk_is(value_name, "value"))
                continue;
            at = after;
        }
        const struct text_ids *ids = of_method ? of_method : walk_parameter(name);
        int answer = ids ? walk_text(w, *ids, content, none, false, &now) : DOCUMENT_KEEP;
        size_t from = (size_t)(content.p - text.p);
        if (answer < 0)
            rc = answer;
        else if (answer != DOCUMENT_KEEP)
            rc = edit(&e, from, from + content.len, answer == DOCUMENT_REPLACE ? now : none);
    }
    return finish(&e, rc, to);
}
