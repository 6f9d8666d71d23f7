/* Conditions of price rules, as they are serialised. */
#include <string.h>

#include "schema/document_shape.h"

static bool type_ends(const struct php_value *v, const char *end)
{
    const struct php_entry *type = php_find(v, "type");
    struct slice text;
    size_t len = strlen(end);
    return type && php_text(&type->value, &text) && text.len >= len &&
           memcmp(text.p + text.len - len, end, len) == 0;
}

/* What a condition's value names, by its type and attribute. */
static enum document_kind condition_kind(struct walk *w, const struct php_value *v)
{
    static const struct {
        const char *attribute;
        enum document_kind kind;
    } of_product[] = {{"category_ids", ID_CATEGORY},
                      {"attribute_set_id", ID_ATTRIBUTE_SET},
                      {"tax_class_id", ID_TAX_CLASS}};
    const struct php_entry *attribute = php_find(v, "attribute");
    struct slice code;
    if (!attribute || !php_text(&attribute->value, &code))
        return ID_NONE;
    if (type_ends(v, "rule_condition_address"))
        return walk_is(code, "region_id") ? ID_REGION : ID_NONE;
    if (!type_ends(v, "rule_condition_product"))
        return ID_NONE;
    for (size_t i = 0; i < sizeof of_product / sizeof *of_product; i++)
        if (walk_is(code, of_product[i].attribute))
            return of_product[i].kind;
    return w->visitor->has_options && w->visitor->has_options(w->visitor->arg, code)
               ? ID_ATTRIBUTE_OPTION
               : ID_NONE;
}

/* A condition, or a combination of them. */
static int walk_condition(struct walk *w, struct php_tree *tree, struct php_value *v,
                          struct slice of)
{
    static const struct document_shape condition = {.form = SHAPE_OTHER, .walk = walk_condition};
    static const struct document_shape conditions = {.form = SHAPE_EACH, .each = &condition};
    static const struct field fields[] = {
        {"conditions", &conditions}, {"actions", &conditions}, {0}};
    struct php_entry *value = php_find(v, "value");
    enum document_kind kind = value ? condition_kind(w, v) : ID_NONE;
    int answer = DOCUMENT_KEEP;
    (void)of;
    if (kind != ID_NONE) {
        struct document_shape ids = {.form = SHAPE_IDS, .ids = {TEXT_LIST, kind}};
        answer = walk_shape(w, tree, &ids, &value->value, (struct slice){NULL, 0});
    }
    return answer < 0 ? answer : walk_fields(w, tree, fields, v);
}

const struct document_shape document_condition = {.form = SHAPE_OTHER, .walk = walk_condition};
