/* What validate.c and validate_attribute.c share: the rules of the entity catalogue, compiled, and
 * one rule that is asked of one change. The applier's thread. */
#ifndef APPLIER_VALIDATE_H
#define APPLIER_VALIDATE_H

#include <regex.h>

#include "applier/handlers.h"

struct rule_attribute { /* as the destination has it */
    const char *code;   /* NULL: the rule has none */
    bool known, is_column;
    uint64_t id;
    char table[70]; /* of its values, with prefix */
};

struct compiled_rule {
    const struct catalogue_rule *rule;
    const char *entity, *key; /* of the rule's table: what its value rows refer to */
    const char *root_key;     /* column of the root that holds the entity's key */
    char table[70], root[70]; /* with prefix */
    bool natural;             /* about a column of the natural key */
    bool reference;           /* … of one that holds an id of another entity */
    regex_t pattern;
    struct rule_attribute attribute[2]; /* the rule's, and the one that does as well */
    struct compiled_rule *next;
};

/* One change, one rule. */
struct rule_check {
    const char *prefix;    /* of the shop's tables */
    struct import *import; /* NULL: a mirror */
    struct ds_call *call;
    const struct ds_change *change;
    struct compiled_rule *c;
    const struct catalogue_rule *rule;
};

/* All that return int return DS_HANDLER_OK, or DS_HANDLER_INVALID or DS_HANDLER_ERROR with the
 * reason given. */

bool rule_is_empty(const struct ds_value *v); /* NULL or without length */
bool rule_same(struct ds_value x, struct ds_value y);
bool rule_is_one_of(struct ds_value v, const char *const *values);
/* The value of a column after the range, or before it; false: there is none, or not in the image.
 */
bool rule_value(const struct rule_check *k, const struct ds_row *row, const char *column,
                bool after, struct ds_value *out);
/* Does `when` hold for a row of the rule's table, as it will be, or as it was? */
bool rule_applies(const struct rule_check *k, const struct ds_row *row, bool after);
/* The destination. ask_value: one column of one row; *found: there is such a row. */
int rule_ask(const struct rule_check *k, const char *sql, const struct ds_value *params,
             size_t count, struct ds_result **out);
int rule_ask_value(const struct rule_check *k, const char *table, const char *column,
                   const char *key, struct ds_value id, bool *found, struct ds_value *out);
/* Everything but `required`. */
int rule_check_value(const struct rule_check *k, struct ds_value v);
/* What is required "is missing"; gives DS_HANDLER_INVALID. */
int rule_missing(const struct rule_check *k, const char *what);
int rule_check_column(const struct rule_check *k, const char *column);
int rule_check_attribute(const struct rule_check *k);

#endif
