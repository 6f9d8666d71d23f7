/* Handlers of texts in which names of classes, tables and formats stand. */
#include <ctype.h>
#include <string.h>

#include "applier/map/handler.h"
#include "schema/migration/class_map.h"

static int append(struct buf *out, const void *p, size_t len, struct ds_error *err)
{
    return buf_append(out, p, len) ? handler_no_memory(err) : 0;
}

/* Where `word` begins at or behind `at`; text.len: nowhere. */
static size_t find(struct slice text, size_t at, const char *word)
{
    const uint8_t *p =
        at < text.len ? memmem(text.p + at, text.len - at, word, strlen(word)) : NULL;
    return p ? (size_t)(p - text.p) : text.len;
}

/* --- ClassMap, EavAttribute\ConvertModel -------------------------------------------------------
 */

/* NULL: not known; "": known, and without a successor. */
static const char *find_class(const struct map_call *c, struct slice name)
{
    return c->facts->classes ? class_map_find(c->facts->classes, (const char *)name.p, name.len)
                             : NULL;
}

static int call_class_map(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    struct slice text = value_text(handler_value(c));
    const char *to = text.len ? find_class(c, text) : "";
    (void)err;
    if (!to)
        handler_warn(h, c, "Class %.*s is not mapped", (int)text.len, (const char *)text.p);
    if (to && *to)
        handler_set(c, slice_of(to));
    else
        handler_set_null(c);
    return 0;
}

static int call_convert_model(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    const struct map_value *there = handler_opposite(c);
    if (!value_is_empty(handler_value(c)))
        return call_class_map(h, c, err);
    if (there && !value_is_empty(there))
        *handler_value(c) = *there;
    else
        handler_set_null(c);
    return 0;
}

/* --- Placeholder -------------------------------------------------------------------------------
 */

/* name="value" within a directive. */
struct attribute {
    struct slice name, value;
};

static bool is_name(uint8_t c)
{
    return isalnum(c) || c == '_' || c == '-';
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The next one at or behind *at, which moves behind it; false: no more. */
static bool next_attribute(struct slice text, size_t *at, struct attribute *out)
{
    while (*at < text.len) {
        size_t start = *at;
        while (*at < text.len && is_name(text.p[*at]))
            ++*at;
        out->name = (struct slice){text.p + start, *at - start};
        if (!out->name.len) {
            ++*at;
            continue;
        }
        uint8_t quote = *at + 1 < text.len && text.p[*at] == '=' ? text.p[*at + 1] : 0;
        if (quote != '"' && quote != '\'')
            continue;
        size_t first = *at + 2;
        const uint8_t *end = memchr(text.p + first, quote, text.len - first);
        if (!end)
            return false;
        out->value = (struct slice){text.p + first, (size_t)(end - text.p) - first};
        *at = (size_t)(end - text.p) + 1;
        return true;
    }
    return false;
}

/* Two names with a slash, as in cms/widget_block. */
static bool is_alias(struct slice s)
{
    size_t slashes = 0;
    for (size_t i = 0; i < s.len; i++) {
        slashes += s.p[i] == '/';
        if (!is_name(s.p[i]) && s.p[i] != '/')
            return false;
    }
    return slashes == 1 && s.p[0] != '/' && s.p[s.len - 1] != '/';
}

static int append_class(struct buf *out, const char *class, struct ds_error *err)
{
    int rc = 0;
    for (; *class && rc == 0; class ++)
        rc = append(out, *class == '\\' ? "\\\\" : class, *class == '\\' ? 2 : 1, err);
    return rc;
}

/* Without its first folder, that of the module. */
static struct slice template_file(struct slice path)
{
    const uint8_t *slash = memchr(path.p, '/', path.len);
    if (!slash || memmem(path.p, path.len, "::", 2))
        return path; /* it has none, or is one of the new shop */
    size_t first = (size_t)(slash - path.p) + 1;
    return (struct slice){path.p + first, path.len - first};
}

/* What is between {{ and }}. A widget that the destination does not have is left out. */
static int append_directive(const struct map_handler *h, struct map_call *c, struct slice inside,
                            bool widget, struct buf *out, struct ds_error *err)
{
    struct attribute a;
    size_t at = 0, done = 0, start = out->len;
    int rc = append(out, "{{", 2, err);
    while (rc == 0 && next_attribute(inside, &at, &a)) {
        bool type = text_is(a.name, "type");
        struct slice value = a.value;
        const char *class = type ? find_class(c, value) : NULL;
        if (type && (!class || !*class) && is_alias(value)) {
            handler_warn(h, c, "Class %.*s is not mapped", (int)value.len, (const char *)value.p);
            if (widget) {
                out->len = start;
                return 0;
            }
        }
        if (text_is(a.name, "template"))
            value = template_file(value);
        else if (!class || !*class)
            continue;
        size_t before = (size_t)(a.value.p - inside.p);
        rc = append(out, inside.p + done, before - done, err);
        done = before + a.value.len;
        if (rc == 0)
            rc = class && *class ? append_class(out, class, err)
                                 : append(out, value.p, value.len, err);
    }
    if (rc == 0)
        rc = append(out, inside.p + done, inside.len - done, err);
    return rc ? rc : append(out, "}}", 2, err);
}

static bool is_directive(struct slice inside, const char *name)
{
    size_t len = strlen(name);
    return inside.len > len && strncasecmp((const char *)inside.p, name, len) == 0 &&
           is_blank(inside.p[len]);
}

static int call_placeholder(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    struct slice text = value_text(handler_value(c));
    BUF_AUTO struct buf out = {0};
    size_t done = 0;
    int rc = 0;
    for (size_t at = find(text, 0, "{{"); at < text.len && rc == 0; at = find(text, at, "{{")) {
        size_t end = find(text, at, "}}");
        struct slice inside = {text.p + at + 2, end > at + 2 ? end - at - 2 : 0};
        bool widget = is_directive(inside, "widget");
        if (end == text.len)
            break;
        if (widget || is_directive(inside, "block")) {
            rc = append(&out, text.p + done, at - done, err);
            if (rc == 0)
                rc = append_directive(h, c, inside, widget, &out, err);
            done = end + 2;
        }
        at = end + 2;
    }
    if (rc || done == 0)
        return rc;
    rc = append(&out, text.p + done, text.len - done, err);
    return rc ? rc : handler_set_copy(c, out.data, out.len, err);
}

/* --- Rule\ConditionSql -------------------------------------------------------------------------
 */

/* Names between backticks that are names of tables; the other ones are columns'. */
static int call_condition_sql(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    struct slice text = value_text(handler_value(c)), to;
    BUF_AUTO struct buf out = {0};
    size_t done = 0;
    bool found;
    (void)h;
    for (size_t at = find(text, 0, "`"), end; at < text.len; at = find(text, end + 1, "`")) {
        end = find(text, at + 1, "`");
        if (end == text.len || !c->facts->document)
            break;
        struct slice name = {text.p + at + 1, end - at - 1};
        int rc = c->facts->document(c->facts->arg, name, &to, c->arena, &found, err);
        if (rc == 0 && found) {
            rc = append(&out, text.p + done, at + 1 - done, err);
            if (rc == 0)
                rc = append(&out, to.p, to.len, err);
            done = end;
        }
        if (rc)
            return rc;
    }
    if (done == 0)
        return 0;
    int rc = append(&out, text.p + done, text.len - done, err);
    return rc ? rc : handler_set_copy(c, out.data, out.len, err);
}

/* --- ConvertDateFormat -------------------------------------------------------------------------
 */

static int call_date_format(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    static const char open[] = "<date_format>", close[] = "</date_format>";
    static const char *const names[] = {"full", "long", "medium", "short"};
    struct slice text = value_text(handler_value(c));
    BUF_AUTO struct buf out = {0};
    size_t done = 0;
    int rc = 0;
    (void)h;
    for (size_t at = 0; (at = find(text, at, open)) < text.len && rc == 0;) {
        at += sizeof open - 1;
        struct slice name = {text.p + at, find(text, at, close) - at};
        for (size_t i = 0; i < sizeof names / sizeof *names && at + name.len < text.len; i++)
            if (text_is(name, names[i])) {
                if ((rc = append(&out, text.p + done, at - done, err)) == 0)
                    rc = append(&out, (const char[]){(char)('0' + i)}, 1, err);
                done = at + name.len;
            }
    }
    if (rc || done == 0)
        return rc;
    rc = append(&out, text.p + done, text.len - done, err);
    return rc ? rc : handler_set_copy(c, out.data, out.len, err);
}

const struct map_class handlers_of_texts[] = {
    {.name = "ClassMap", .call = call_class_map},
    {.name = "EavAttribute\\ConvertModel", .call = call_convert_model},
    {.name = "Placeholder", .call = call_placeholder},
    {.name = "Rule\\ConditionSql", .call = call_condition_sql},
    {.name = "Rule\\CustomerSegmentConditionSql", .call = call_condition_sql},
    {.name = "ConvertDateFormat", .call = call_date_format},
    {0},
};
