#include "schema/document.h"

#include <string.h>

#include "schema/document_walk.h"

_Static_assert(ID_KINDS <= 32, "document_format.names has a bit for each");

/* What each kind of id names. A test holds this against the catalogue. */
static const struct document_target targets[ID_KINDS] = {
    [ID_PRODUCT] = {"product", "catalog_product_entity"},
    [ID_PRODUCT_OPTION] = {"product", "catalog_product_option"},
    [ID_OPTION_VALUE] = {"product", "catalog_product_option_type_value"},
    [ID_BUNDLE_OPTION] = {"product", "catalog_product_bundle_option"},
    [ID_BUNDLE_SELECTION] = {"product", "catalog_product_bundle_selection"},
    [ID_DOWNLOADABLE_LINK] = {"product", "downloadable_link"},
    [ID_CATEGORY] = {"category", "catalog_category_entity"},
    [ID_ATTRIBUTE] = {"attribute", "eav_attribute"},
    [ID_ATTRIBUTE_OPTION] = {"attribute", "eav_attribute_option"},
    [ID_ATTRIBUTE_SET] = {"attribute_set", "eav_attribute_set"},
    [ID_TAX_CLASS] = {"tax_class", "tax_class"},
    [ID_TAX_RULE] = {"tax_rule", "tax_calculation_rule"},
    [ID_REGION] = {"country", "directory_country_region"},
    [ID_STORE] = {"store", "core_store"},
    [ID_CUSTOMER_GROUP] = {"customer_group", "customer_group"},
    [ID_CUSTOMER] = {"customer", "customer_entity"},
    [ID_CUSTOMER_ADDRESS] = {"customer", "customer_address_entity"},
    [ID_CMS_BLOCK] = {"cms_block", "cms_block"},
    [ID_CMS_PAGE] = {"cms_page", "cms_page"},
    [ID_SALES_RULE] = {"salesrule", "salesrule"},
    [ID_QUOTE] = {"quote", "sales_flat_quote"},
    [ID_QUOTE_ADDRESS] = {"quote", "sales_flat_quote_address"},
    [ID_QUOTE_ITEM] = {"quote", "sales_flat_quote_item"},
    [ID_GIFT_MESSAGE] = {"gift_message", "gift_message"},
    [ID_BILLING_AGREEMENT] = {"billing_agreement", "sales_billing_agreement"},
    [ID_QUOTE_OPTION] = {"quote", "sales_flat_quote_item_option"},
};

/* The columns of a shop that hold ids inside longer values, beside the lists and paths of the
 * catalogue. Of the text attributes of products and categories only layout changes are here: the
 * filter that the shop runs the others through knows no widgets and no blocks. */
#define BIT(kind) (UINT32_C(1) << (kind))
enum {
    CHOSEN = BIT(ID_PRODUCT) | BIT(ID_PRODUCT_OPTION) | BIT(ID_OPTION_VALUE) |
             BIT(ID_BUNDLE_OPTION) | BIT(ID_BUNDLE_SELECTION) | BIT(ID_DOWNLOADABLE_LINK) |
             BIT(ID_ATTRIBUTE) | BIT(ID_ATTRIBUTE_OPTION) | BIT(ID_STORE) | BIT(ID_QUOTE_ITEM) |
             BIT(ID_QUOTE_OPTION),
    CONDITIONS = BIT(ID_CATEGORY) | BIT(ID_ATTRIBUTE_SET) | BIT(ID_TAX_CLASS) |
                 BIT(ID_ATTRIBUTE_OPTION) | BIT(ID_REGION),
    ON_PAGES =
        BIT(ID_CMS_BLOCK) | BIT(ID_CATEGORY) | BIT(ID_CMS_PAGE) | BIT(ID_PRODUCT) | BIT(ID_STORE),
    OF_ADDRESS = BIT(ID_QUOTE_ADDRESS) | BIT(ID_QUOTE) | BIT(ID_CUSTOMER) |
                 BIT(ID_CUSTOMER_ADDRESS) | BIT(ID_REGION) | BIT(ID_GIFT_MESSAGE) |
                 BIT(ID_TAX_RULE),
    OF_QUOTE = BIT(ID_QUOTE) | BIT(ID_STORE) | BIT(ID_CUSTOMER) | BIT(ID_CUSTOMER_GROUP) |
               BIT(ID_TAX_CLASS) | BIT(ID_ATTRIBUTE_OPTION) | BIT(ID_SALES_RULE) |
               BIT(ID_GIFT_MESSAGE),
    OF_ITEM =
        CHOSEN | BIT(ID_QUOTE) | BIT(ID_TAX_CLASS) | BIT(ID_SALES_RULE) | BIT(ID_GIFT_MESSAGE),
};
#define PHP(table_, column_, shape_, names_)                                                       \
    {                                                                                              \
        .table = (table_), .column = (column_), .form = DOCUMENT_PHP, .shape = &(shape_),          \
        .names = (names_)                                                                          \
    }
#define TEXT(table_, column_, form_, names_)                                                       \
    {                                                                                              \
        .table = (table_), .column = (column_), .form = (form_), .names = (names_)                 \
    }
#define MARKED(table_, column_, shape_, marker_, names_)                                           \
    {                                                                                              \
        .table = (table_), .column = (column_), .form = DOCUMENT_PHP, .shape = &(shape_),          \
        .marker = (marker_), .names = (names_)                                                     \
    }
#define BESIDE(table_, column_, beside_, form_, names_)                                            \
    {                                                                                              \
        .table = (table_), .column = (column_), .beside = (beside_), .form = (form_),              \
        .names = (names_)                                                                          \
    }
#define LAYOUT_OF(table_)                                                                          \
    {                                                                                              \
        .table = (table_), .column = "value", .attribute = "custom_layout_update",                 \
        .form = DOCUMENT_LAYOUT, .names = ON_PAGES                                                 \
    }
#define TEXTS_OF(table_)                                                                           \
    {                                                                                              \
        .table = (table_), .column = "value", .form = DOCUMENT_TEXT, .marker = "{{",               \
        .names = ON_PAGES                                                                          \
    }
static const struct document_format formats[] = {
    LAYOUT_OF("catalog_category_entity_text"),
    LAYOUT_OF("catalog_product_entity_text"),
    TEXTS_OF("catalog_category_entity_text"),
    TEXTS_OF("catalog_product_entity_text"),
    PHP("catalogrule", "actions_serialized", document_condition, CONDITIONS),
    PHP("catalogrule", "conditions_serialized", document_condition, CONDITIONS),
    TEXT("cms_block", "content", DOCUMENT_TEXT, ON_PAGES),
    TEXT("cms_page", "content", DOCUMENT_TEXT, ON_PAGES),
    TEXT("cms_page", "custom_layout_update_xml", DOCUMENT_LAYOUT, ON_PAGES),
    TEXT("cms_page", "layout_update_xml", DOCUMENT_LAYOUT, ON_PAGES),
    BESIDE("core_config_data", "value", "path", DOCUMENT_SETTING, BIT(ID_CUSTOMER_GROUP)),
    TEXT("core_email_template", "template_text", DOCUMENT_TEXT, ON_PAGES),
    TEXT("core_layout_update", "handle", DOCUMENT_HANDLE, BIT(ID_PRODUCT) | BIT(ID_CATEGORY)),
    TEXT("core_layout_update", "xml", DOCUMENT_LAYOUT, ON_PAGES),
    TEXT("newsletter_queue", "newsletter_text", DOCUMENT_TEXT, ON_PAGES),
    TEXT("newsletter_template", "template_text", DOCUMENT_TEXT, ON_PAGES),
    PHP("sales_flat_order_item", "product_options", document_product_options, CHOSEN),
    MARKED("sales_flat_order_payment", "additional_information", document_payment,
           "ba_agreement_id", BIT(ID_BILLING_AGREEMENT)),
    PHP("sales_flat_quote_address", "applied_taxes", document_applied_taxes, BIT(ID_TAX_RULE)),
    BESIDE("sales_flat_quote_item_option", "value", "code", DOCUMENT_OPTION, CHOSEN),
    MARKED("sales_flat_quote_payment", "additional_information", document_payment,
           "ba_agreement_id", BIT(ID_BILLING_AGREEMENT)),
    PHP("sales_recurring_profile", "billing_address_info", document_address_info, OF_ADDRESS),
    PHP("sales_recurring_profile", "order_info", document_quote_info, OF_QUOTE),
    PHP("sales_recurring_profile", "order_item_info", document_item_info, OF_ITEM),
    PHP("sales_recurring_profile", "shipping_address_info", document_address_info, OF_ADDRESS),
    PHP("salesrule", "actions_serialized", document_condition, CONDITIONS),
    PHP("salesrule", "conditions_serialized", document_condition, CONDITIONS),
    PHP("widget_instance", "widget_parameters", document_parameters, ON_PAGES),
    BESIDE("widget_instance_page", "entities", "page_group", DOCUMENT_ENTITIES,
           BIT(ID_PRODUCT) | BIT(ID_CATEGORY)),
    BESIDE("wishlist_item_option", "value", "code", DOCUMENT_OPTION, CHOSEN),
};

size_t document_format_count(void)
{
    return sizeof formats / sizeof *formats;
}

const struct document_format *document_format_at(size_t i)
{
    return &formats[i];
}

bool document_is_written(const struct document_format *format)
{
    return format->form == DOCUMENT_TEXT || format->form == DOCUMENT_LAYOUT ||
           format->form == DOCUMENT_HANDLE || format->form == DOCUMENT_ENTITIES ||
           format->shape == &document_parameters;
}

const struct document_target *document_names(const struct document_format *format, size_t i)
{
    for (int kind = 0; kind < ID_KINDS; kind++)
        if (format->names & BIT(kind) && i-- == 0)
            return &targets[kind];
    return NULL;
}

const struct document_format *document_format(const char *table, const char *column)
{
    for (size_t i = 0; i < document_format_count(); i++)
        if (strcmp(formats[i].table, table) == 0 && strcmp(formats[i].column, column) == 0)
            return &formats[i];
    return NULL;
}

bool walk_is_id(struct slice text)
{
    bool zero = true;
    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
        zero = zero && text.p[i] == '0';
    }
    return !zero;
}

bool walk_is(struct slice text, const char *word)
{
    return text.len == strlen(word) && memcmp(text.p, word, text.len) == 0;
}

int walk_no_memory(struct walk *w)
{
    return error_set(w->err, DS_ENOMEM, "out of memory");
}

int walk_ask(struct walk *w, enum document_kind kind, struct slice id, struct slice of, bool maybe,
             struct slice *to)
{
    struct document_id found = {
        .target = kind == ID_NONE ? w->own : targets[kind], .id = id, .of = of, .maybe = maybe};
    int answer = w->visitor->id(w->visitor->arg, &found, to);
    return answer < 0 || w->rewrite ? answer : DOCUMENT_KEEP;
}

int walk_result(struct walk *w, const struct buf *b, struct slice text, struct slice *to)
{
    if (b->len == text.len && (b->len == 0 || memcmp(b->data, text.p, b->len) == 0))
        return DOCUMENT_KEEP;
    *to = (struct slice){arena_copy(w->arena, b->data, b->len), b->len};
    return to->p ? DOCUMENT_REPLACE : walk_no_memory(w);
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* `part` with `core` inside it as `to`. */
static int put_part(struct buf *b, struct slice part, struct slice core, struct slice to)
{
    size_t before = (size_t)(core.p - part.p);
    int rc = buf_append(b, part.p, before);
    if (rc == 0)
        rc = buf_append(b, to.p, to.len);
    return rc ? rc : buf_append(b, core.p + core.len, part.len - before - core.len);
}

static size_t part_end(struct slice text, size_t at, const char *separators)
{
    while (at < text.len && (text.p[at] == 0 || !strchr(separators, text.p[at])))
        at++;
    return at;
}

int walk_list(struct walk *w, enum document_kind kind, const char *separators, bool only_ids,
              struct slice text, struct slice of, bool maybe, struct slice *to)
{
    BUF_AUTO struct buf out = {0};
    bool any = false, all = true; /* something is written; every part was replaced */
    if (text.len == 0)
        return DOCUMENT_KEEP;
    for (size_t at = 0, end; at <= text.len; at = end + 1) {
        end = part_end(text, at, separators);
        struct slice part = {text.p + at, end - at}, core = part, now = {NULL, 0};
        while (core.len > 0 && is_space(core.p[0]))
            core = (struct slice){core.p + 1, core.len - 1};
        while (core.len > 0 && is_space(core.p[core.len - 1]))
            core.len--;
        int answer = DOCUMENT_KEEP, rc = 0;
        if (core.len > 0 && (!only_ids || walk_is_id(core)))
            answer = walk_ask(w, kind, core, of, maybe, &now);
        if (answer < 0)
            return answer;
        all = all && answer == DOCUMENT_REPLACE;
        if (answer == DOCUMENT_DROP || answer == DOCUMENT_NULL)
            continue;
        if (any)
            rc = buf_append(&out, text.p + at - 1, 1);
        if (rc == 0)
            rc = put_part(&out, part, core, answer == DOCUMENT_REPLACE ? now : core);
        if (rc)
            return walk_no_memory(w);
        any = true;
    }
    return maybe && !all ? DOCUMENT_KEEP : walk_result(w, &out, text, to);
}

/* product/12, product/12/5, category/7 */
static int id_path(struct walk *w, struct slice text, struct slice *to)
{
    static const struct slice none = {NULL, 0};
    struct slice parts[3] = {{NULL, 0}}, now[2] = {{NULL, 0}};
    int answer[2] = {DOCUMENT_KEEP, DOCUMENT_KEEP};
    size_t count = 0;
    for (size_t at = 0, end; at <= text.len; at = end + 1) {
        end = part_end(text, at, "/");
        if (count == 3)
            return DOCUMENT_KEEP;
        parts[count++] = (struct slice){text.p + at, end - at};
    }
    bool product = walk_is(parts[0], "product");
    if ((!product && !walk_is(parts[0], "category")) || !walk_is_id(parts[1]))
        return DOCUMENT_KEEP;
    answer[0] = walk_ask(w, product ? ID_PRODUCT : ID_CATEGORY, parts[1], none, false, &now[0]);
    if (answer[0] >= 0 && product && walk_is_id(parts[2]))
        answer[1] = walk_ask(w, ID_CATEGORY, parts[2], none, false, &now[1]);
    if (answer[0] < 0 || answer[1] < 0)
        return answer[0] < 0 ? answer[0] : answer[1];
    if (answer[0] == DOCUMENT_DROP || answer[0] == DOCUMENT_NULL)
        return answer[0];

    BUF_AUTO struct buf out = {0};
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        int a = i > 0 ? answer[i - 1] : DOCUMENT_KEEP;
        if (a == DOCUMENT_DROP || a == DOCUMENT_NULL)
            continue;
        struct slice part = a == DOCUMENT_REPLACE ? now[i - 1] : parts[i];
        rc = i > 0 ? buf_puts(&out, "/") : 0;
        if (rc == 0)
            rc = buf_append(&out, part.p, part.len);
    }
    return rc ? walk_no_memory(w) : walk_result(w, &out, text, to);
}

int walk_text(struct walk *w, struct text_ids ids, struct slice text, struct slice of, bool maybe,
              struct slice *to)
{
    if (text.len == 0)
        return DOCUMENT_KEEP;
    switch (ids.form) {
    case TEXT_ID:
        return walk_is_id(text) ? walk_ask(w, ids.kind, text, of, maybe, to) : DOCUMENT_KEEP;
    case TEXT_LIST:
        return walk_list(w, ids.kind, ",;", true, text, of, maybe, to);
    case TEXT_ID_PATH:
        return id_path(w, text, to);
    }
    return DOCUMENT_KEEP;
}

static bool ends_with(struct slice text, const char *end)
{
    size_t len = strlen(end);
    return text.len >= len && memcmp(text.p + text.len - len, end, len) == 0;
}

/* all_products, simple_products … anchor_categories, notanchor_categories; else it is on pages */
static int entities(struct walk *w, struct slice group, struct slice text, struct slice *to)
{
    static const struct slice none = {NULL, 0};
    enum document_kind kind = ends_with(group, "products")     ? ID_PRODUCT
                              : ends_with(group, "categories") ? ID_CATEGORY
                                                               : ID_NONE;
    return kind == ID_NONE ? DOCUMENT_KEEP : walk_list(w, kind, ",", true, text, none, false, to);
}

static int handle(struct walk *w, struct slice text, struct slice *to)
{
    static const struct {
        const char *prefix;
        enum document_kind kind;
    } all[] = {{"PRODUCT_", ID_PRODUCT}, {"CATEGORY_", ID_CATEGORY}};
    static const struct slice none = {NULL, 0};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        size_t len = strlen(all[i].prefix);
        if (text.len <= len || memcmp(text.p, all[i].prefix, len) != 0)
            continue;
        struct slice id = {text.p + len, text.len - len}, now = none;
        int answer = walk_is_id(id) ? walk_ask(w, all[i].kind, id, none, false, &now) : 0;
        if (answer != DOCUMENT_REPLACE)
            return answer;
        BUF_AUTO struct buf out = {0};
        if (buf_puts(&out, all[i].prefix) || buf_append(&out, now.p, now.len))
            return walk_no_memory(w);
        return walk_result(w, &out, text, to);
    }
    return DOCUMENT_KEEP;
}

static int walk(struct walk *w, const struct document_format *format, struct document_value *v)
{
    static const struct slice none = {NULL, 0};
    struct slice value = v->value, beside = v->beside, to = value, beside_to = beside;
    int beside_answer = DOCUMENT_KEEP, answer = DOCUMENT_KEEP;
    if (format->marker && !memmem(value.p, value.len, format->marker, strlen(format->marker)))
        return 0;
    switch (format->form) {
    case DOCUMENT_LIST:
        answer = walk_list(w, ID_NONE, ",", false, value, none, false, &to);
        break;
    case DOCUMENT_PATH:
        answer = walk_list(w, ID_NONE, "/", false, value, none, false, &to);
        break;
    case DOCUMENT_PHP:
        answer = walk_php(w, format->shape, value, &to);
        break;
    case DOCUMENT_OPTION:
        answer = walk_option(w, beside, value, &beside_answer, &beside_to, &to);
        break;
    case DOCUMENT_ENTITIES:
        answer = entities(w, beside, value, &to);
        break;
    case DOCUMENT_TEXT:
        answer = walk_directives(w, value, &to);
        break;
    case DOCUMENT_LAYOUT:
        answer = walk_layout(w, value, &to);
        break;
    case DOCUMENT_HANDLE:
        answer = handle(w, value, &to);
        break;
    case DOCUMENT_SETTING:
        answer = walk_setting(w, beside, value, &to);
        break;
    }
    if (answer < 0)
        return answer;
    if (answer == DOCUMENT_REPLACE)
        v->value = to;
    v->null = answer == DOCUMENT_DROP || answer == DOCUMENT_NULL;
    if (beside_answer == DOCUMENT_REPLACE)
        v->beside = beside_to;
    v->row_gone = beside_answer == DOCUMENT_DROP || beside_answer == DOCUMENT_NULL;
    return 0;
}

int document_collect(const struct document_format *format, struct slice value, struct slice beside,
                     const struct document_visitor *visitor, struct arena *arena,
                     struct ds_error *err)
{
    struct walk w = {
        .visitor = visitor, .arena = arena, .err = err, .own = format->of, .value = value.p};
    struct document_value v = {.value = value, .beside = beside};
    return walk(&w, format, &v);
}

int document_rewrite(const struct document_format *format, struct slice value, struct slice beside,
                     const struct document_visitor *visitor, struct arena *arena,
                     struct document_value *out, struct ds_error *err)
{
    struct walk w = {.visitor = visitor,
                     .arena = arena,
                     .err = err,
                     .rewrite = true,
                     .own = format->of,
                     .value = value.p};
    *out = (struct document_value){.value = value, .beside = beside};
    int rc = walk(&w, format, out);
    if (rc < 0)
        out->offset = w.offset;
    return rc;
}
