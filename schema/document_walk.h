/* Inside of document*.c: one pass over a value. */
#ifndef SCHEMA_DOCUMENT_WALK_H
#define SCHEMA_DOCUMENT_WALK_H

#include "document.h"
#include "php_value.h"

enum document_kind {
    ID_NONE,
    ID_PRODUCT,
    ID_PRODUCT_OPTION,
    ID_OPTION_VALUE, /* of a product option */
    ID_BUNDLE_OPTION,
    ID_BUNDLE_SELECTION,
    ID_DOWNLOADABLE_LINK,
    ID_CATEGORY,
    ID_ATTRIBUTE,
    ID_ATTRIBUTE_OPTION,
    ID_ATTRIBUTE_SET,
    ID_TAX_CLASS,
    ID_TAX_RULE,
    ID_REGION,
    ID_STORE,
    ID_CUSTOMER_GROUP,
    ID_CUSTOMER,
    ID_CUSTOMER_ADDRESS,
    ID_CMS_BLOCK,
    ID_CMS_PAGE,
    ID_SALES_RULE,
    ID_QUOTE,
    ID_QUOTE_ADDRESS,
    ID_QUOTE_ITEM,
    ID_GIFT_MESSAGE,
    ID_BILLING_AGREEMENT,
    ID_QUOTE_OPTION, /* of an item */
    ID_KINDS,
};

struct walk {
    const struct document_visitor *visitor;
    struct arena *arena;
    struct ds_error *err;
    bool rewrite;               /* else answers do not count */
    struct document_target own; /* of ID_NONE: what the format says */
    const uint8_t *value;       /* the whole of it, for offsets */
    size_t offset;              /* of an error */
    /* What an order item says of its product options, or NULL */
    const struct php_value *item_options;
};

/* How ids stand in a short text. */
enum text_form {
    TEXT_ID,      /* the text is one */
    TEXT_LIST,    /* separated by commas or semicolons */
    TEXT_ID_PATH, /* product/12, product/12/5, category/7 */
};

struct text_ids {
    enum text_form form;
    enum document_kind kind;
};

/* Digits, and not 0. */
bool walk_is_id(struct slice text);
bool walk_is(struct slice text, const char *word);
/* Asks the visitor. KEEP also where nothing would change. */
int walk_ask(struct walk *w, enum document_kind kind, struct slice id, struct slice of, bool maybe,
             struct slice *to);
/* KEEP, REPLACE by *to (in the arena), DROP, NULL, or an error. A list gets empty before it goes.
 */
int walk_text(struct walk *w, struct text_ids ids, struct slice text, struct slice of, bool maybe,
              struct slice *to);
/* Every part between `separators` that is not empty (any text), or only ids. */
int walk_list(struct walk *w, enum document_kind kind, const char *separators, bool only_ids,
              struct slice text, struct slice of, bool maybe, struct slice *to);
/* In which parameter of a widget or block there are ids; NULL: none. */
const struct text_ids *walk_parameter(struct slice name);
/* REPLACE with *to, or KEEP. */
int walk_directives(struct walk *w, struct slice text, struct slice *to);
int walk_layout(struct walk *w, struct slice text, struct slice *to);
int walk_php(struct walk *w, const struct document_shape *shape, struct slice text,
             struct slice *to);
/* … of which the whole is walked by this. */
typedef int (*walk_tree_by)(struct walk *w, struct php_tree *tree, struct php_value *v,
                            struct slice of);
int walk_php_by(struct walk *w, walk_tree_by by, struct slice text, struct slice *to);
/* The setting of the shop with this path. */
int walk_setting(struct walk *w, struct slice path, struct slice value, struct slice *to);
/* `code` becomes *code_to where that is REPLACE; DROP: the row is about nothing. */
int walk_option(struct walk *w, struct slice code, struct slice value, int *code_answer,
                struct slice *code_to, struct slice *to);

int walk_no_memory(struct walk *w);
/* What was put into `b`: REPLACE with *to in the arena, KEEP if it is `text` again, or an error. */
int walk_result(struct walk *w, const struct buf *b, struct slice text, struct slice *to);

extern const struct document_shape document_product_options, document_condition,
    document_applied_taxes, document_parameters, document_quote_info, document_address_info,
    document_item_info, document_payment;

#endif
