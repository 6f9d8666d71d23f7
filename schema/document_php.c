#include <string.h>

#include "schema/document_shape.h"

static const struct slice none = {NULL, 0};

static bool goes(int answer)
{
    return answer == DOCUMENT_DROP || answer == DOCUMENT_NULL;
}

static bool may_hold_ids(const struct php_value *v)
{
    struct slice text;
    bool any = false;
    if (!php_text(v, &text))
        return v->count > 0;
    for (size_t i = 0; i < text.len; i++)
        any = any || (text.p[i] >= '1' && text.p[i] <= '9');
    return any;
}

int walk_reference(struct walk *w, const struct php_value *v)
{
    const struct php_value *to = php_behind(v);
    if (v == to || !may_hold_ids(to))
        return 0;
    w->offset = (size_t)(v->text.p - w->value);
    return error_set(w->err, DS_EUNSUPPORTED,
                     "serialised PHP value: ids are held by a reference to another place at byte "
                     "%zu",
                     w->offset);
}

/* --- forms ------------------------------------------------------------------------------------ */

static int set_ids(struct walk *w, struct php_value *v, struct text_ids ids, struct slice of,
                   bool maybe)
{
    const uint32_t mark = (uint32_t)ids.form << 16 | ((uint32_t)ids.kind + 1);
    struct slice text, to = none;
    if (!php_text(v, &text)) /* an id of the same kind is what the one that it leads to becomes */
        return php_behind(v)->mark == mark ? DOCUMENT_KEEP : walk_reference(w, v);
    int answer = walk_text(w, ids, text, of, maybe, &to);
    if (answer != DOCUMENT_REPLACE && answer != DOCUMENT_KEEP)
        return answer;
    v->mark = mark;
    if (answer == DOCUMENT_REPLACE)
        php_set_text(v, to);
    return DOCUMENT_KEEP;
}

int walk_fields(struct walk *w, struct php_tree *tree, const struct field *fields,
                struct php_value *v)
{
    int rc = walk_reference(w, v);
    for (; rc == 0 && fields->name; fields++) {
        struct php_entry *e = php_find(v, fields->name);
        int answer = e ? walk_shape(w, tree, fields->shape, &e->value, none) : DOCUMENT_KEEP;
        if (answer < 0)
            return answer;
        if (goes(answer))
            php_set_null(&e->value);
    }
    return rc;
}

/* What the answer about one value of an array asks for. */
static void settle(struct php_tree *tree, struct php_value *array, struct php_entry *e, int answer)
{
    if (answer == DOCUMENT_DROP)
        php_remove(tree, array, e);
    else if (answer == DOCUMENT_NULL)
        php_set_null(&e->value);
}

/* Under -ID, which names nothing: what the entry tells beside its id is for people. */
static int set_free_key(struct walk *w, const struct php_value *map, struct php_entry *e)
{
    BUF_AUTO struct buf key = {0};
    int rc = buf_puts(&key, "-") | buf_append(&key, e->key.p, e->key.len);
    while (rc == 0 && php_find(map, buf_cstr(&key)))
        rc = buf_puts(&key, "0");
    struct slice to = {rc ? NULL : arena_copy(w->arena, key.data, key.len), key.len};
    if (to.p)
        php_set_key(e, to);
    return to.p ? 0 : DS_ENOMEM;
}

static int walk_map(struct walk *w, struct php_tree *tree, const struct document_shape *shape,
                    struct php_value *v)
{
    if (v->type != PHP_ARRAY)
        return walk_reference(w, v);
    for (struct php_entry *e = v->first, *next; e; e = next) {
        struct slice to = none;
        next = e->next;
        if (!walk_is_id(e->key))
            continue;
        int answer = walk_ask(w, shape->key, e->key, none, false, &to);
        if (answer < 0)
            return answer;
        int of_value = shape->each ? walk_shape(w, tree, shape->each, &e->value, e->key) : 0;
        if (of_value < 0)
            return of_value;
        if (answer == DOCUMENT_REPLACE)
            php_set_key(e, to);
        if (goes(answer) && set_free_key(w, v, e))
            return walk_no_memory(w);
        settle(tree, v, e, of_value);
    }
    return DOCUMENT_KEEP;
}

/* Each value, or only those under numbers. A list stays one. */
static int walk_each(struct walk *w, struct php_tree *tree, const struct document_shape *each,
                     struct php_value *v, bool numbers, struct slice of)
{
    bool list = php_is_list(v);
    uint32_t count = v->count;
    if (v->type != PHP_ARRAY)
        return walk_reference(w, v);
    for (struct php_entry *e = v->first, *next; e; e = next) {
        next = e->next;
        int answer = !numbers || e->key_is_int ? walk_shape(w, tree, each, &e->value, of) : 0;
        if (answer < 0)
            return answer;
        settle(tree, v, e, answer);
    }
    if (list && v->count != count && php_renumber(tree, v))
        return walk_no_memory(w);
    return DOCUMENT_KEEP;
}

/* The tree of `text`, walked. */
static int walk_tree(struct walk *w, const struct document_shape *shape, struct slice text,
                     struct slice *to)
{
    struct php_tree tree;
    size_t offset;
    int rc = php_parse(&tree, text, w->arena, &offset, w->err);
    if (rc) {
        w->offset = (size_t)(text.p - w->value) + offset;
        return rc;
    }
    int answer = walk_shape(w, &tree, shape, &tree.root, none);
    if (answer != DOCUMENT_KEEP || !w->rewrite)
        return answer;
    BUF_AUTO struct buf out = {0};
    rc = php_write(&tree, &out, w->err);
    return rc ? rc : walk_result(w, &out, text, to);
}

static int walk_nested(struct walk *w, struct php_tree *tree, const struct document_shape *each,
                       struct php_value *v)
{
    struct slice to = none;
    if (v->type != PHP_STRING)
        return walk_shape(w, tree, each, v, none);
    if (v->text.len == 0)
        return DOCUMENT_KEEP;
    int answer = walk_tree(w, each, v->text, &to);
    if (answer != DOCUMENT_REPLACE)
        return answer;
    php_set_text(v, to);
    return DOCUMENT_KEEP;
}

int walk_shape(struct walk *w, struct php_tree *tree, const struct document_shape *shape,
               struct php_value *v, struct slice of)
{
    struct document_shape one = {.form = SHAPE_TEXT, .ids = shape->ids};
    if (one.ids.form == TEXT_LIST)
        one.ids.form = TEXT_ID; /* the array is the list */
    switch (shape->form) {
    case SHAPE_TEXT:
        return set_ids(w, v, shape->ids, of, false);
    case SHAPE_IDS:
        return v->type == PHP_ARRAY ? walk_each(w, tree, &one, v, true, of)
                                    : set_ids(w, v, shape->ids, of, false);
    case SHAPE_RECORD:
        return walk_fields(w, tree, shape->fields, v);
    case SHAPE_MAP:
        return walk_map(w, tree, shape, v);
    case SHAPE_EACH:
        return walk_each(w, tree, shape->each, v, false, of);
    case SHAPE_NESTED:
        return walk_nested(w, tree, shape->each, v);
    case SHAPE_OTHER:
        return shape->walk(w, tree, v, of);
    }
    return DOCUMENT_KEEP;
}

int walk_php(struct walk *w, const struct document_shape *shape, struct slice text,
             struct slice *to)
{
    return text.len > 0 ? walk_tree(w, shape, text, to) : DOCUMENT_KEEP;
}

int walk_php_by(struct walk *w, walk_tree_by by, struct slice text, struct slice *to)
{
    const struct document_shape shape = {.form = SHAPE_OTHER, .walk = by};
    return walk_php(w, &shape, text, to);
}

/* --- what a customer asked for: info_buyRequest ----------------------------------------------- */

#define ID(kind)                                                                                   \
    {                                                                                              \
        .form = SHAPE_TEXT, .ids = { TEXT_ID, kind }                                               \
    }
#define IDS(kind)                                                                                  \
    {                                                                                              \
        .form = SHAPE_IDS, .ids = { TEXT_ID, kind }                                                \
    }
#define LIST(kind)                                                                                 \
    {                                                                                              \
        .form = SHAPE_TEXT, .ids = { TEXT_LIST, kind }                                             \
    }

static const struct document_shape product = ID(ID_PRODUCT), products = LIST(ID_PRODUCT),
                                   store = ID(ID_STORE), links = IDS(ID_DOWNLOADABLE_LINK),
                                   bundle_option = ID(ID_BUNDLE_OPTION),
                                   bundle_options = IDS(ID_BUNDLE_OPTION),
                                   selections = IDS(ID_BUNDLE_SELECTION),
                                   attribute_option = ID(ID_ATTRIBUTE_OPTION),
                                   quote_item = ID(ID_QUOTE_ITEM),
                                   quote_option = ID(ID_QUOTE_OPTION);
static const struct document_shape super_attribute = {
    .form = SHAPE_MAP, .key = ID_ATTRIBUTE, .each = &attribute_option};
static const struct document_shape bundle_choice = {
    .form = SHAPE_MAP, .key = ID_BUNDLE_OPTION, .each = &selections};
static const struct document_shape bundle_qty = {.form = SHAPE_MAP, .key = ID_BUNDLE_OPTION};
static const struct document_shape group_qty = {.form = SHAPE_MAP, .key = ID_PRODUCT};
static const struct document_shape super_config = {
    .form = SHAPE_RECORD, .fields = (const struct field[]){{"product_id", &product}, {0}}};

/* How a product option is filled in: by choosing of its values (field, area, file, date … are not).
 * Unknown where nothing says of which type it is. */
enum filled_in { BY_CHOICE, BY_TEXT, UNKNOWN };

static enum filled_in filled_in(const struct php_value *item_option)
{
    static const char *const choices[] = {"drop_down", "radio", "checkbox", "multiple"};
    const struct php_entry *type = php_find(item_option, "option_type");
    struct slice text;
    if (!type || !php_text(php_behind(&type->value), &text))
        return UNKNOWN;
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++)
        if (walk_is(text, choices[i]))
            return BY_CHOICE;
    return BY_TEXT;
}

/* The same of an option by its id, from what the order item says of its options. */
static enum filled_in filled_in_by_id(const struct walk *w, struct slice id)
{
    if (w->item_options && w->item_options->type == PHP_ARRAY)
        for (const struct php_entry *e = w->item_options->first; e; e = e->next) {
            const struct php_entry *of = php_find(&e->value, "option_id");
            struct slice text;
            if (of && php_text(php_behind(&of->value), &text) && text.len == id.len &&
                memcmp(text.p, id.p, id.len) == 0)
                return filled_in(&e->value);
        }
    return UNKNOWN;
}

/* Ids and commas only. */
static bool looks_chosen(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.p[i] != ',' && (text.p[i] < '0' || text.p[i] > '9'))
            return false;
    return text.len > 0;
}

/* What one option was filled in with: a value or several; a text; the parts of a date or a file,
 * under names. */
static int walk_option_value(struct walk *w, struct php_tree *tree, struct php_value *v,
                             struct slice of)
{
    static const struct document_shape values = IDS(ID_OPTION_VALUE);
    static const struct text_ids list = {TEXT_LIST, ID_OPTION_VALUE};
    enum filled_in how = filled_in_by_id(w, of);
    struct slice text;
    if (how == BY_TEXT)
        return DOCUMENT_KEEP;
    if (php_behind(v)->type == PHP_ARRAY)
        return walk_shape(w, tree, &values, v, of);
    if (!php_text(php_behind(v), &text) || (how == UNKNOWN && !looks_chosen(text)))
        return DOCUMENT_KEEP;
    return set_ids(w, v, list, of, how == UNKNOWN);
}

static const struct document_shape option_value = {.form = SHAPE_OTHER, .walk = walk_option_value};
static const struct document_shape options = {
    .form = SHAPE_MAP, .key = ID_PRODUCT_OPTION, .each = &option_value};

/* The id in PREFIX…ID…SUFFIX, as in options_12_file_action. */
static bool id_between(struct slice text, const char *prefix, const char *suffix, struct slice *id)
{
    size_t before = strlen(prefix), after = strlen(suffix);
    if (text.len <= before + after || memcmp(text.p, prefix, before) != 0 ||
        memcmp(text.p + text.len - after, suffix, after) != 0)
        return false;
    *id = (struct slice){text.p + before, text.len - before - after};
    return walk_is_id(*id);
}

/* `text` with another id in the place of the one in it. */
static int put_id(struct walk *w, struct slice text, struct slice id, struct slice by,
                  struct slice *to)
{
    BUF_AUTO struct buf out = {0};
    size_t before = (size_t)(id.p - text.p);
    if (buf_append(&out, text.p, before) || buf_append(&out, by.p, by.len) ||
        buf_append(&out, id.p + id.len, text.len - before - id.len))
        return walk_no_memory(w);
    return walk_result(w, &out, text, to);
}

/* Whether an option's file is a new one or the one from before stands beside the options. */
static int walk_file_actions(struct walk *w, struct php_tree *tree, struct php_value *v)
{
    for (struct php_entry *e = v->first, *next; e; e = next) {
        struct slice id = none, by = none, key = none;
        next = e->next;
        if (!id_between(e->key, "options_", "_file_action", &id))
            continue;
        int answer = walk_ask(w, ID_PRODUCT_OPTION, id, none, false, &by);
        if (answer == DOCUMENT_REPLACE)
            answer = put_id(w, e->key, id, by, &key);
        if (answer < 0)
            return answer;
        if (answer == DOCUMENT_REPLACE)
            php_set_key(e, key);
        else if (goes(answer))
            php_remove(tree, v, e);
    }
    return DOCUMENT_KEEP;
}

static int walk_buy_request(struct walk *w, struct php_tree *tree, struct php_value *v,
                            struct slice of)
{
    static const struct field fields[] = {{"product", &product},
                                          {"related_product", &products},
                                          {"store_id", &store},
                                          {"super_attribute", &super_attribute},
                                          {"options", &options},
                                          {"bundle_option", &bundle_choice},
                                          {"bundle_option_qty", &bundle_qty},
                                          {"super_group", &group_qty},
                                          {"links", &links},
                                          {"super_product_config", &super_config},
                                          {0}};
    /* with reset_count it changed an item that was in the cart before; else `id` may be anything */
    static const struct field of_change[] = {{"id", &quote_item}, {0}};
    (void)of;
    if (v->type != PHP_ARRAY)
        return walk_reference(w, v);
    int answer = walk_fields(w, tree, fields, v);
    if (answer >= 0 && php_find(v, "reset_count"))
        answer = walk_fields(w, tree, of_change, v);
    return answer < 0 ? answer : walk_file_actions(w, tree, v);
}

static const struct document_shape buy_request = {.form = SHAPE_OTHER, .walk = walk_buy_request};

/* --- order items: product_options ------------------------------------------------------------- */

/* A file that was handed in for an option is fetched by the id of the cart item's option. */
static const struct document_shape file_params = {
    .form = SHAPE_RECORD, .fields = (const struct field[]){{"id", &quote_option}, {0}}};
static const struct document_shape file_url = {
    .form = SHAPE_RECORD, .fields = (const struct field[]){{"params", &file_params}, {0}}};
static const struct document_shape file = {
    .form = SHAPE_RECORD, .fields = (const struct field[]){{"url", &file_url}, {0}}};
static const struct document_shape nested_file = {.form = SHAPE_NESTED, .each = &file};

static bool is_file(struct slice value)
{
    static const char route[] = "sales/download/downloadCustomOption";
    return value.len > 2 && memcmp(value.p, "a:", 2) == 0 &&
           memmem(value.p, value.len, route, sizeof route - 1);
}

/* … in a link, among text for people; of what is not here, 0. */
static int walk_file_link(struct walk *w, struct php_value *v)
{
    static const char before[] = "/downloadCustomOption/id/";
    static const struct slice zero = {(const uint8_t *)"0", 1};
    struct slice text, to = none, all = none;
    const uint8_t *at =
        php_text(php_behind(v), &text) ? memmem(text.p, text.len, before, sizeof before - 1) : NULL;
    if (!at || walk_reference(w, v))
        return at ? DS_EUNSUPPORTED : DOCUMENT_KEEP;
    struct slice id = {at + sizeof before - 1, 0};
    while (id.p + id.len < text.p + text.len && id.p[id.len] >= '0' && id.p[id.len] <= '9')
        id.len++;
    int answer =
        walk_is_id(id) ? walk_ask(w, ID_QUOTE_OPTION, id, none, false, &to) : DOCUMENT_KEEP;
    if (answer > 0)
        answer = put_id(w, text, id, goes(answer) ? zero : to, &all);
    if (answer > 0)
        php_set_text(v, all);
    return answer < 0 ? answer : DOCUMENT_KEEP;
}

/* One of the product's options as it was ordered. Label, value and print_value are for people. */
static int walk_item_option(struct walk *w, struct php_tree *tree, struct php_value *v,
                            struct slice of)
{
    static const struct document_shape option = ID(ID_PRODUCT_OPTION);
    static const struct field fields[] = {{"option_id", &option}, {0}};
    static const struct text_ids values = {TEXT_LIST, ID_OPTION_VALUE};
    struct php_entry *value = php_find(v, "option_value"), *id = php_find(v, "option_id");
    int answer = DOCUMENT_KEEP;
    if (id && !php_text(&id->value, &of))
        of = none;
    if (value && filled_in(v) == BY_CHOICE)
        answer = set_ids(w, &value->value, values, of, false);
    const struct php_value *chosen = value ? php_behind(&value->value) : NULL;
    if (answer >= 0 && chosen && chosen->type == PHP_STRING && is_file(chosen->text))
        answer = walk_shape(w, tree, &nested_file, &value->value, none);
    if (answer >= 0 && php_find(v, "value"))
        answer = walk_file_link(w, &php_find(v, "value")->value);
    return answer < 0 ? answer : walk_fields(w, tree, fields, v);
}

static const struct document_shape bundle_record = {
    .form = SHAPE_RECORD, .fields = (const struct field[]){{"option_id", &bundle_option}, {0}}};
static const struct document_shape bundle_records = {
    .form = SHAPE_MAP, .key = ID_BUNDLE_OPTION, .each = &bundle_record};
static const struct document_shape selection_attributes = {.form = SHAPE_NESTED,
                                                           .each = &bundle_record};
static const struct document_shape item_option = {.form = SHAPE_OTHER, .walk = walk_item_option};
static const struct document_shape item_options = {.form = SHAPE_EACH, .each = &item_option};

static int walk_product_options(struct walk *w, struct php_tree *tree, struct php_value *v,
                                struct slice of)
{
    /* info_buyRequest first: it is read by the options as they came */
    static const struct field fields[] = {{"info_buyRequest", &buy_request},
                                          {"options", &item_options},
                                          {"bundle_options", &bundle_records},
                                          {"bundle_selection_attributes", &selection_attributes},
                                          {"super_product_config", &super_config},
                                          {"links", &links},
                                          {0}};
    const struct php_entry *e = php_find(v, "options");
    (void)of;
    w->item_options = e ? &e->value : NULL;
    int answer = walk_fields(w, tree, fields, v);
    w->item_options = NULL;
    return answer;
}

const struct document_shape document_product_options = {.form = SHAPE_OTHER,
                                                        .walk = walk_product_options};

/* --- options of cart and wish list items ------------------------------------------------------ */

/* PRODUCT_SELECTION_QTY_SELECTION_QTY…: tells whether two bundles are filled alike. */
static int walk_bundle_identity(struct walk *w, struct slice text, struct slice *to)
{
    BUF_AUTO struct buf out = {0};
    size_t part = 0;
    for (size_t at = 0, end; at <= text.len; at = end + 1, part++) {
        const uint8_t *bar = at < text.len ? memchr(text.p + at, '_', text.len - at) : NULL;
        end = bar ? (size_t)(bar - text.p) : text.len;
        struct slice id = {text.p + at, end - at}, now = none;
        bool qty = part > 0 && part % 2 == 0;
        int answer = DOCUMENT_KEEP;
        if (!qty && walk_is_id(id))
            answer =
                walk_ask(w, part == 0 ? ID_PRODUCT : ID_BUNDLE_SELECTION, id, none, false, &now);
        if (answer < 0)
            return answer;
        if (answer == DOCUMENT_REPLACE)
            id = now;
        if ((part > 0 && buf_puts(&out, "_")) || buf_append(&out, id.p, id.len))
            return walk_no_memory(w);
    }
    return walk_result(w, &out, text, to);
}

static const struct document_shape *option_shape(struct slice code)
{
    static const struct {
        const char *code;
        const struct document_shape *shape;
    } all[] = {
        {"info_buyRequest", &buy_request},
        {"attributes", &super_attribute},
        {"bundle_option_ids", &bundle_options},
        {"bundle_selection_ids", &selections},
        {"bundle_selection_attributes", &bundle_record},
        {"super_product_config", &super_config},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (walk_is(code, all[i].code))
            return all[i].shape;
    return NULL;
}

static const struct text_ids *option_text(struct slice code)
{
    static const struct {
        const char *code;
        struct text_ids ids;
    } all[] = {
        {"option_ids", {TEXT_LIST, ID_PRODUCT_OPTION}},
        {"downloadable_link_ids", {TEXT_LIST, ID_DOWNLOADABLE_LINK}},
        {"selection_id", {TEXT_ID, ID_BUNDLE_SELECTION}},
        {"simple_product", {TEXT_ID, ID_PRODUCT}},
        {"parent_product_id", {TEXT_ID, ID_PRODUCT}},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (walk_is(code, all[i].code))
            return &all[i].ids;
    return NULL;
}

/* Codes that end with an id. */
static enum document_kind option_code(struct slice code, struct slice *id)
{
    static const struct {
        const char *prefix;
        enum document_kind kind;
    } all[] = {
        {"option_", ID_PRODUCT_OPTION},
        {"selection_qty_", ID_BUNDLE_SELECTION},
        {"product_qty_", ID_PRODUCT},
        {"associated_product_", ID_PRODUCT},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (id_between(code, all[i].prefix, "", id))
            return all[i].kind;
    return ID_NONE;
}

int walk_option(struct walk *w, struct slice code, struct slice value, int *code_answer,
                struct slice *code_to, struct slice *to)
{
    static const struct text_ids chosen = {TEXT_LIST, ID_OPTION_VALUE};
    const struct document_shape *shape = option_shape(code);
    const struct text_ids *ids = option_text(code);
    struct slice id = none, by = none;
    if (shape || ids)
        return shape ? walk_php(w, shape, value, to) : walk_text(w, *ids, value, none, false, to);
    if (walk_is(code, "bundle_identity"))
        return value.len > 0 ? walk_bundle_identity(w, value, to) : DOCUMENT_KEEP;
    enum document_kind kind = option_code(code, &id);
    if (kind == ID_NONE)
        return DOCUMENT_KEEP;
    *code_answer = walk_ask(w, kind, id, none, false, &by);
    if (*code_answer == DOCUMENT_REPLACE)
        *code_answer = put_id(w, code, id, by, code_to);
    if (*code_answer < 0)
        return *code_answer;
    if (kind == ID_PRODUCT_OPTION && looks_chosen(value))
        return walk_text(w, chosen, value, id, true, to);
    return kind == ID_PRODUCT_OPTION && is_file(value) ? walk_php(w, &file, value, to)
                                                       : DOCUMENT_KEEP;
}

/* --- widgets, taxes, recurring profiles ------------------------------------------------------- */

static int walk_parameters(struct walk *w, struct php_tree *tree, struct php_value *v,
                           struct slice of)
{
    (void)of;
    if (v->type != PHP_ARRAY)
        return DOCUMENT_KEEP;
    for (struct php_entry *e = v->first, *next; e; e = next) {
        const struct text_ids *ids = walk_parameter(e->key);
        next = e->next;
        if (!ids)
            continue;
        struct document_shape shape = {.form = SHAPE_IDS, .ids = *ids};
        int answer = walk_shape(w, tree, &shape, &e->value, none);
        if (answer < 0)
            return answer;
        settle(tree, v, e, answer);
    }
    return DOCUMENT_KEEP;
}

const struct document_shape document_parameters = {.form = SHAPE_OTHER, .walk = walk_parameters};

/* By rate: what was charged for it, and by which rules. */
static const struct document_shape tax_rule = ID(ID_TAX_RULE), agreement = ID(ID_BILLING_AGREEMENT);
static const struct document_shape rate = {
    .form = SHAPE_RECORD, .fields = (const struct field[]){{"rule_id", &tax_rule}, {0}}};
static const struct document_shape rates = {.form = SHAPE_EACH, .each = &rate};
static const struct document_shape tax = {.form = SHAPE_RECORD,
                                          .fields = (const struct field[]){{"rates", &rates}, {0}}};
const struct document_shape document_applied_taxes = {.form = SHAPE_EACH, .each = &tax};

const struct document_shape document_payment = {
    .form = SHAPE_RECORD, .fields = (const struct field[]){{"ba_agreement_id", &agreement}, {0}}};

/* A recurring profile keeps the rows of the cart that it began with. */
static const struct document_shape quote = ID(ID_QUOTE), address = ID(ID_QUOTE_ADDRESS),
                                   customer = ID(ID_CUSTOMER),
                                   customer_address = ID(ID_CUSTOMER_ADDRESS),
                                   customer_group = ID(ID_CUSTOMER_GROUP),
                                   tax_class = ID(ID_TAX_CLASS), region = ID(ID_REGION),
                                   gift_message = ID(ID_GIFT_MESSAGE), rules = LIST(ID_SALES_RULE);
static const struct document_shape nested_request = {.form = SHAPE_NESTED, .each = &buy_request};
static const struct document_shape nested_taxes = {.form = SHAPE_NESTED,
                                                   .each = &document_applied_taxes};
static const struct field quote_fields[] = {{"entity_id", &quote},
                                            {"store_id", &store},
                                            {"customer_id", &customer},
                                            {"customer_group_id", &customer_group},
                                            {"customer_tax_class_id", &tax_class},
                                            {"customer_gender", &attribute_option},
                                            {"applied_rule_ids", &rules},
                                            {"gift_message_id", &gift_message},
                                            {0}};
static const struct field address_fields[] = {
    {"address_id", &address},         {"quote_id", &quote},
    {"customer_id", &customer},       {"customer_address_id", &customer_address},
    {"region_id", &region},           {"gift_message_id", &gift_message},
    {"applied_taxes", &nested_taxes}, {0}};
static const struct field item_fields[] = {{"item_id", &quote_item},
                                           {"quote_id", &quote},
                                           {"parent_item_id", &quote_item},
                                           {"product_id", &product},
                                           {"store_id", &store},
                                           {"tax_class_id", &tax_class},
                                           {"applied_rule_ids", &rules},
                                           {"gift_message_id", &gift_message},
                                           {"info_buyRequest", &nested_request},
                                           {0}};
const struct document_shape document_quote_info = {.form = SHAPE_RECORD, .fields = quote_fields};
const struct document_shape document_address_info = {.form = SHAPE_RECORD,
                                                     .fields = address_fields};
const struct document_shape document_item_info = {.form = SHAPE_RECORD, .fields = item_fields};
