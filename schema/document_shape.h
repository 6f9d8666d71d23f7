/* What is to be found in a serialised value. For the files that walk documents alone. */
#ifndef SCHEMA_DOCUMENT_SHAPE_H
#define SCHEMA_DOCUMENT_SHAPE_H

#include "schema/document_walk.h"

/* Where ids are in the serialised values of a shop, as tables: a shape is what is to be found at
 * one place. What does not fit its shape is left alone: a shop's extensions put there what they
 * like. */

enum shape_form {
    SHAPE_TEXT,   /* number or string: `ids` */
    SHAPE_IDS,    /* the same, or an array of such under numbers */
    SHAPE_RECORD, /* array with `fields` */
    SHAPE_MAP,    /* array: each key is a `key`, each value an `each` */
    SHAPE_EACH,   /* array: each value is an `each` */
    SHAPE_NESTED, /* string, serialised by itself: an `each` */
    SHAPE_OTHER,  /* `walk` knows */
};

struct field {
    const char *name;
    const struct document_shape *shape;
};

struct document_shape {
    enum shape_form form;
    struct text_ids ids;
    enum document_kind key;
    const struct field *fields; /* in the order of their walk, to one without a name */
    const struct document_shape *each;
    walk_tree_by walk;
};

/* The answers of these are for whoever holds `v`: KEEP (also when it was changed), DROP, NULL; or
 * an error. `of`: the id under which `v` is held. */
int walk_shape(struct walk *w, struct php_tree *tree, const struct document_shape *shape,
               struct php_value *v, struct slice of);
/* Ids are looked for in `v`. DS_EUNSUPPORTED: it is a reference to a place that may hold some. To
 * change that one would change both, and it may not be an id there. */
int walk_reference(struct walk *w, const struct php_value *v);
/* The fields that `v` has, in their order. */
int walk_fields(struct walk *w, struct php_tree *tree, const struct field *fields,
                struct php_value *v);

#endif
