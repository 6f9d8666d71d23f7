/* Handlers of values that PHP serialised. */
#include <string.h>

#include "applier/map/handler.h"
#include "applier/map/pattern.h"
#include "schema/migration/class_map.h"
#include "schema/php_json.h"

struct conversion {
    bool tolerant; /* what cannot be read becomes NULL */
    bool silent;
    struct pattern *pattern;
};

/* unserialize(): it does not mind bytes behind a value. */
static int parse(struct map_call *c, struct slice text, struct php_tree *tree, struct ds_error *err)
{
    size_t offset = 0;
    int rc = php_parse(tree, text, c->arena, &offset, err);
    if (rc == DS_EFORMAT && offset > 0 && offset < text.len &&
        php_parse(tree, (struct slice){text.p, offset}, c->arena, NULL, NULL) == 0)
        return 0;
    return rc;
}

/* Into the arena. */
static int to_json(struct map_call *c, const struct php_value *v, struct slice *out,
                   struct ds_error *err)
{
    BUF_AUTO struct buf json = {0};
    int rc = php_json_write(v, &json, err);
    if (rc)
        return rc;
    *out = (struct slice){arena_copy(c->arena, json.data, json.len), json.len};
    return out->p ? 0 : handler_no_memory(err);
}

static bool is_unreadable(int rc)
{
    return rc == DS_EFORMAT || rc == DS_ELIMIT;
}

static void warn_broken(const struct map_handler *h, struct map_call *c, const struct ds_error *why)
{
    char id[RECORD_ID_SIZE];
    handler_warn(h, c, "Could not unserialize data of %s.%s%s: %s", h->table->name, h->rule->field,
                 handler_record_id(c, id), why->message);
}

/* What becomes of a value of which `rc` and `why` tell how it was read and written as JSON. */
static int settle(const struct map_handler *h, struct map_call *c, int rc,
                  const struct ds_error *why, struct slice json, struct ds_error *err)
{
    const struct conversion *v = h->state;
    if (rc == 0)
        handler_set(c, json);
    else if (!is_unreadable(rc))
        return error_set(err, rc, "%s", why->message);
    else if (!v->tolerant)
        return handler_refuse(h, err, "Could not unserialize data of %s.%s: %s", h->table->name,
                              h->rule->field, why->message);
    else
        handler_set_null(c);
    if (rc && !v->silent)
        warn_broken(h, c, why);
    return 0;
}

/* --- SerializeToJson -------------------------------------------------------------------------- */

/* Each takes one of the two. */
static int open_json(struct map_handler *h, struct ds_error *err)
{
    struct conversion *v = handler_state(h, sizeof *v, err);
    const char *name =
        handler_param(h, "ignoreBrokenData") ? "ignoreBrokenData" : "migrateBrokenData";
    int rc = v ? handler_flag(h, name, true, &v->tolerant, err) : DS_ENOMEM;
    return rc ? rc : handler_flag(h, "suppressWarning", false, &v->silent, err);
}

static int call_json(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    struct ds_error why = {0};
    struct php_tree tree;
    struct slice json = {NULL, 0};
    if (value_is_null(handler_value(c)))
        return 0;
    if (handler_value(c)->text.len == 0) { /* what PHP makes of it */
        handler_set(c, slice_of("false"));
        return 0;
    }
    int rc = parse(c, handler_value(c)->text, &tree, &why);
    if (rc == 0)
        rc = to_json(c, &tree.root, &json, &why);
    return settle(h, c, rc, &why, json, err);
}

static int open_conditional(struct map_handler *h, struct ds_error *err)
{
    struct ds_error why = {0};
    int rc = open_json(h, err);
    if (rc)
        return rc;
    struct conversion *v = h->state;
    rc = pattern_open(&v->pattern, handler_param(h, "conditionalFieldValuesPattern"), &why);
    if (rc == DS_ENOMEM)
        return handler_no_memory(err);
    return rc ? handler_wrong(h, err, "takes a pattern: %s", why.message) : 0;
}

static void close_conditional(struct map_handler *h)
{
    struct conversion *v = h->state;
    pattern_close(v->pattern);
}

static int call_conditional(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    const struct conversion *v = h->state;
    struct ds_error why = {0};
    bool matches;
    if (value_is_null(handler_value(c)))
        return 0;
    int rc = pattern_match(v->pattern, value_text(handler_column(h, c, 0)), &matches, &why);
    if (rc)
        return handler_refuse(h, err, "%s", why.message);
    return matches ? call_json(h, c, err) : 0;
}

/* Is it the value of a custom option: has the text option_ and a digit in it? */
static bool is_option(struct slice code)
{
    static const char word[] = "option_";
    for (size_t i = 0; i + sizeof word - 1 < code.len; i++) {
        const uint8_t *after = code.p + i + sizeof word - 1;
        if (memcmp(code.p + i, word, sizeof word - 1) == 0 && *after >= '0' && *after <= '9')
            return true;
    }
    return false;
}

/* What is not serialised is what the customer wrote. */
static int call_item_option(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    struct php_tree tree;
    struct slice json;
    if (value_text(handler_value(c)).len == 0 || !is_option(value_text(handler_column(h, c, 0))))
        return 0;
    int rc = parse(c, handler_value(c)->text, &tree, NULL);
    if (rc == 0)
        rc = to_json(c, &tree.root, &json, NULL);
    if (rc == 0)
        handler_set(c, json);
    return rc && !is_unreadable(rc) ? handler_no_memory(err) : 0;
}

/* --- SerializeToJson\SalesOrderItem ------------------------------------------------------------
 */

/* A value that is serialised by itself becomes a text of JSON. One that cannot be read is told and
 * stays, as it does not spoil the others. */
static int convert_nested(const struct map_handler *h, struct map_call *c, struct php_entry *e,
                          struct ds_error *why)
{
    const struct conversion *v = h->state;
    struct php_tree tree;
    struct php_value *value = &e->value, *to = value;
    struct slice json;
    int rc = 0;
    if (value->type == PHP_NULL)
        return 0;
    if (value->type == PHP_STRING && value->text.len && !text_is(value->text, "0")) {
        rc = parse(c, value->text, &tree, why);
        to = &tree.root;
    }
    if (rc == 0)
        rc = to_json(c, to, &json, why);
    if (is_unreadable(rc) && v->tolerant) {
        char id[RECORD_ID_SIZE];
        handler_warn(h, c, "Could not unserialize data within %s.%s%s: %s", h->table->name,
                     h->rule->field, handler_record_id(c, id), why->message);
        return 0;
    }
    if (rc == 0) {
        value->type = PHP_STRING;
        value->text = json;
    }
    return rc;
}

static int convert_parts(const struct map_handler *h, struct map_call *c, struct php_value *root,
                         struct ds_error *why)
{
    struct php_entry *options = php_find(root, "options"),
                     *bundle = php_find(root, "bundle_selection_attributes");
    int rc = bundle ? convert_nested(h, c, bundle, why) : 0;
    if (!options || options->value.type != PHP_ARRAY)
        return rc;
    for (struct php_entry *e = options->value.first; e && rc == 0; e = e->next) {
        struct php_entry *type = php_find(&e->value, "option_type"),
                         *value = php_find(&e->value, "option_value");
        if (type && value && type->value.type == PHP_STRING && text_is(type->value.text, "file"))
            rc = convert_nested(h, c, value, why);
    }
    return rc;
}

static int call_order_item(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    struct ds_error why = {0};
    struct php_tree tree;
    struct slice json = {NULL, 0};
    if (value_text(handler_value(c)).len == 0)
        return call_json(h, c, err);
    int rc = parse(c, handler_value(c)->text, &tree, &why);
    if (rc == 0 && tree.root.type == PHP_ARRAY)
        rc = convert_parts(h, c, &tree.root, &why);
    if (rc == 0)
        rc = to_json(c, &tree.root, &json, &why);
    return settle(h, c, rc, &why, json, err);
}

/* --- Rule\SerializedData ------------------------------------------------------------------------
 */

/* Names of classes, wherever they stand in arrays. */
static void rename_classes(const struct map_call *c, struct php_value *v)
{
    if (v->type == PHP_ARRAY)
        for (struct php_entry *e = v->first; e; e = e->next)
            rename_classes(c, &e->value);
    if (v->type != PHP_STRING)
        return;
    const char *to = class_map_find(c->facts->classes, (const char *)v->text.p, v->text.len);
    if (to && *to)
        v->text = slice_of(to);
    else if (to)
        php_set_null(v); /* without a successor */
}

/* What cannot be read stays as it is, and SerializeToJson, which comes next, decides on it. */
static int call_serialized(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    struct ds_error why = {0};
    struct php_tree tree;
    BUF_AUTO struct buf out = {0};
    if (value_text(handler_value(c)).len == 0 || !c->facts->classes)
        return 0;
    int rc = parse(c, handler_value(c)->text, &tree, &why);
    if (is_unreadable(rc)) {
        warn_broken(h, c, &why);
        return 0;
    }
    if (rc)
        return handler_no_memory(err);
    if (tree.root.type != PHP_ARRAY)
        return 0;
    rename_classes(c, &tree.root);
    rc = php_write(&tree, &out, err);
    return rc ? rc : handler_set_copy(c, out.data, out.len, err);
}

/* --- VisualMerchandiser\SmartAttribute ----------------------------------------------------------
 */

/* What an operator at the beginning means, and what is behind it; * anywhere: like. */
static const char *split_operator(struct map_call *c, struct slice *value)
{
    static const struct {
        const char *sign, *name;
    } all[] = {{">=", "gte"}, {"<=", "lte"}, {"!=", "neq"}, {"!", "neq"},
               {"=", "eq"},   {">", "gt"},   {"<", "lt"}};
    struct slice text = text_trim(*value);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        size_t len = strlen(all[i].sign);
        if (text.len >= len && memcmp(text.p, all[i].sign, len) == 0) {
            *value = text_trim((struct slice){text.p + len, text.len - len});
            return all[i].name;
        }
    }
    if (!memchr(text.p, '*', text.len))
        return "eq";
    uint8_t *rest = arena_alloc(c->arena, text.len);
    size_t len = 0;
    for (size_t i = 0; rest && i < text.len; i++)
        if (text.p[i] != '*')
            rest[len++] = text.p[i];
    *value = text_trim((struct slice){rest, len});
    return rest ? "like" : NULL;
}

/* "name": "text", of a name that needs no escape. */
static int put_member(struct buf *out, const char *before, struct slice text, struct ds_error *err)
{
    return buf_puts(out, before) ? handler_no_memory(err) : php_json_write_text(text, out, err);
}

static int put_condition(struct map_call *c, struct buf *out, const struct php_value *of,
                         struct slice attribute, struct ds_error *err)
{
    const struct php_entry *value = php_find(of, "value"), *link = php_find(of, "link");
    struct slice text = slice_of(""), logic = slice_of("");
    if (value)
        php_text(&value->value, &text);
    if (link)
        php_text(&link->value, &logic);
    const char *sign = split_operator(c, &text);
    if (!sign)
        return handler_no_memory(err);
    int rc =
        put_member(out, out->len > 1 ? ",{\"operator\":" : "{\"operator\":", slice_of(sign), err);
    if (rc == 0)
        rc = put_member(out, ",\"value\":", text, err);
    if (rc == 0)
        rc = put_member(out, ",\"attribute\":", attribute, err);
    if (rc == 0)
        rc = put_member(out, ",\"logic\":", logic, err);
    return rc ? rc : buf_puts(out, "}") ? handler_no_memory(err) : 0;
}

/* The next item of a list between commas. */
static struct slice next_item(struct slice *list)
{
    const uint8_t *comma = list->len ? memchr(list->p, ',', list->len) : NULL;
    size_t len = comma ? (size_t)(comma - list->p) : list->len;
    struct slice item = {list->p, len};
    *list = (struct slice){list->p + len + (comma != NULL), list->len - len - (comma != NULL)};
    return item;
}

static int call_smart_attribute(const struct map_handler *h, struct map_call *c,
                                struct ds_error *err)
{
    struct ds_error why = {0};
    struct php_tree tree;
    BUF_AUTO struct buf out = {0};
    struct slice codes = value_text(handler_column(h, c, 0)),
                 from = value_text(handler_column(h, c, 1));
    if (from.len == 0)
        return 0;
    int rc = parse(c, from, &tree, &why);
    if (is_unreadable(rc)) {
        warn_broken(h, c, &why);
        handler_set_null(c);
        return 0;
    }
    if (rc)
        return handler_no_memory(err);
    if (tree.root.type != PHP_ARRAY)
        return 0;
    rc = buf_puts(&out, "[") ? handler_no_memory(err) : 0;
    for (const struct php_entry *e = tree.root.first; e && rc == 0; e = e->next)
        rc = put_condition(c, &out, &e->value, next_item(&codes), err);
    if (is_unreadable(rc))
        return handler_refuse(h, err, "a text in it is not UTF-8");
    if (rc == 0)
        rc = buf_puts(&out, "]") ? handler_no_memory(err) : 0;
    return rc ? rc : handler_set_copy(c, out.data, out.len, err);
}

const struct map_class handlers_of_json[] = {
    {.name = "SerializeToJson",
     .optional = "migrateBrokenData suppressWarning",
     .open = open_json,
     .call = call_json},
    {.name = "SerializeToJson\\ConvertWithConditions",
     .required = "conditionalField conditionalFieldValuesPattern",
     .optional = "ignoreBrokenData",
     .columns = "$conditionalField",
     .open = open_conditional,
     .call = call_conditional,
     .close = close_conditional},
    {.name = "SerializeToJson\\ItemOption", .columns = "code", .call = call_item_option},
    {.name = "SerializeToJson\\SalesOrderItem",
     .optional = "ignoreBrokenData",
     .open = open_json,
     .call = call_order_item},
    {.name = "Rule\\SerializedData", .call = call_serialized},
    {.name = "VisualMerchandiser\\SmartAttribute",
     .columns = "attribute_codes smart_attributes",
     .call = call_smart_attribute},
    {0},
};
