/* Settings of the shop that hold ids inside a serialised value. What is one number is the
 * catalogue's (config.yaml). */
#include "schema/document_shape.h"

/* Quantities by customer group: group → quantity, or, as a form sends them, any key → record. What
 * is for a group that is not there goes. */
static int walk_by_group(struct walk *w, struct php_tree *tree, struct php_value *v,
                         struct slice of)
{
    static const char all_groups[] = "32000";
    static const struct slice none = {NULL, 0};
    (void)of;
    if (v->type != PHP_ARRAY)
        return DOCUMENT_KEEP;
    for (struct php_entry *e = v->first, *next; e; e = next) {
        struct php_entry *group = php_find(&e->value, "customer_group_id");
        struct slice id = e->key, to = none;
        next = e->next;
        if ((group && !php_text(php_behind(&group->value), &id)) || !walk_is_id(id) ||
            walk_is(id, all_groups))
            continue;
        int answer = group ? walk_reference(w, &group->value) : 0;
        if (answer == 0)
            answer = walk_ask(w, ID_CUSTOMER_GROUP, id, none, false, &to);
        if (answer < 0)
            return answer;
        if (answer == DOCUMENT_DROP || answer == DOCUMENT_NULL)
            php_remove(tree, v, e);
        else if (answer == DOCUMENT_REPLACE && group)
            php_set_text(&group->value, to);
        else if (answer == DOCUMENT_REPLACE)
            php_set_key(e, to);
    }
    return DOCUMENT_KEEP;
}

int walk_setting(struct walk *w, struct slice path, struct slice value, struct slice *to)
{
    static const struct {
        const char *path;
        walk_tree_by by;
    } all[] = {{"cataloginventory/item_options/min_sale_qty", walk_by_group}};
    bool serialised = value.len > 1 && value.p[0] == 'a' && value.p[1] == ':'; /* else one number */
    for (size_t i = 0; serialised && i < sizeof all / sizeof *all; i++)
        if (walk_is(path, all[i].path))
            return walk_php_by(w, all[i].by, value, to);
    return DOCUMENT_KEEP;
}
