/* Ids inside stored values: finding them, and writing others in their place.
 *
 * A destination with ids of its own needs them where a column is an id (the catalogue's
 * references), and where one is inside a longer value: a list, a path, an order item's options, a
 * price rule's conditions, the directives of a page's text. This module knows where in such a value
 * ids are and of what. What an id becomes, its caller says (the transform stage of an import).
 *
 * document_format says what a column holds. document_collect calls the visitor for every id, so
 * that all of a batch can be looked up together; document_rewrite calls it again, for the same ids
 * in the same order, and does as it answers. All other bytes stay as they are. A value that cannot
 * be read stays as it is altogether, and that is an error that the caller may pass over; so does
 * one in which ids are held by a reference of PHP's (R:2;) to what is none of that kind.
 *
 * Lists and paths of plain columns are in the catalogue (REFERENCE_LIST, REFERENCE_PATH;
 * multiselect values), which knows users' tables too. For them the caller makes a format:
 * {.form = DOCUMENT_LIST, .of = {"salesrule", "salesrule"}}.
 *
 * No state, any thread. Errors: DS_EFORMAT and DS_ELIMIT with the place in the value,
 * DS_EUNSUPPORTED, DS_ENOMEM, and what the visitor returns. No value appears in a message.
 */
#ifndef SCHEMA_DOCUMENT_H
#define SCHEMA_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "buf.h"
#include "error.h"

/* What an id names: an entity of the catalogue, and the table of it whose key it is. */
struct document_target {
    const char *entity, *table;
};

enum document_form {
    DOCUMENT_LIST,     /* "1,2,3", spaces allowed */
    DOCUMENT_PATH,     /* "1/2/15" */
    DOCUMENT_PHP,      /* serialised, always the same shape */
    DOCUMENT_OPTION,   /* option of a cart or wish list item: `beside` is its code */
    DOCUMENT_ENTITIES, /* where a widget is: `beside` says whether on products or categories */
    DOCUMENT_TEXT,     /* with directives: {{widget …}}, {{block …}} */
    DOCUMENT_LAYOUT,   /* XML of a layout change */
    DOCUMENT_HANDLE,   /* of a layout change: PRODUCT_12, CATEGORY_7 */
    DOCUMENT_SETTING,  /* of the shop: `beside` is its path */
};

struct document_shape;
struct document_format {
    const char *table, *column;
    /* Column of the same row that is needed too, and may hold ids; NULL: none. */
    const char *beside;
    /* Only values of this one are such, by its code; NULL: all but those of a format of their own.
     */
    const char *attribute;
    enum document_form form;
    const struct document_shape *shape; /* PHP */
    struct document_target of;          /* LIST and PATH */
    const char *marker;                 /* a value without this text has no ids; NULL: it may */
    uint32_t names;                     /* bits of what its ids may be of, see document_names */
};

/* The first of them. NULL: no ids inside this column. Tables are without the shop's prefix. For
 * each table definition, not for each row. */
const struct document_format *document_format(const char *table, const char *column);
size_t document_format_count(void);
const struct document_format *document_format_at(size_t i);
/* Does somebody write such values, who names what he likes (a page, a widget), at any time? Others
 * the shop makes of what is there. */
bool document_is_written(const struct document_format *format);
/* Of what ids in such a column may be: the i-th; NULL: no more. Not of LIST and PATH. */
const struct document_target *document_names(const struct document_format *format, size_t i);

struct document_id {
    struct document_target target;
    struct slice id;
    /* Id of what it belongs to: of a bundle's selection the bundle option, of a value the product
     * option, of an attribute's option the attribute. Empty: the value does not say. */
    struct slice of;
    /* May as well be what a customer typed: an id only if it does belong to `of`. Answers other
     * than REPLACE leave it. */
    bool maybe;
};

enum document_answer {
    DOCUMENT_KEEP,
    DOCUMENT_REPLACE,
    /* Its element of a list goes, its parameter of a directive. A list that loses its last element
     * is empty. An entry of an array that it is the key of stays, under a key that is the id of
     * nothing. A field of a record becomes NULL, and so does a value that is nothing but this id.
     */
    DOCUMENT_DROP,
    /* It becomes NULL, or empty inside text. In lists, and as the key of an entry, like DROP. */
    DOCUMENT_NULL,
};

struct document_visitor {
    /* A document_answer, or a negative DS_E… code that ends it. `to` is for REPLACE, not empty, and
     * must last until the call to this module returns. While collecting, the answer does not count.
     */
    int (*id)(void *arg, const struct document_id *id, struct slice *to);
    /* Has the product attribute with this code options of its own, in eav_attribute_option? For
     * price rules; NULL: none has. */
    bool (*has_options)(void *arg, struct slice code);
    void *arg;
};

struct document_value {
    struct slice value, beside; /* what to store: as it came, or in the arena */
    bool null;                  /* NULL instead of `value` */
    bool row_gone; /* `beside` named an id that was dropped: the row is about nothing */
    size_t offset; /* of an error in the value */
};

/* `beside` is empty for formats that have none. `arena` holds what is needed on the way. */
int document_collect(const struct document_format *format, struct slice value, struct slice beside,
                     const struct document_visitor *visitor, struct arena *arena,
                     struct ds_error *err);
/* After an error *out holds value and beside as they came. */
int document_rewrite(const struct document_format *format, struct slice value, struct slice beside,
                     const struct document_visitor *visitor, struct arena *arena,
                     struct document_value *out, struct ds_error *err);

#endif
