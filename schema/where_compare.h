/* Values of rows against values of a condition. For where.c only. */
#ifndef SCHEMA_WHERE_COMPARE_H
#define SCHEMA_WHERE_COMPARE_H

#include "schema/message.h"

enum where_kind {
    WHERE_EXACT, /* whole numbers and DECIMAL */
    WHERE_REAL,  /* FLOAT and DOUBLE */
    WHERE_DATE,  /* … and DATETIME, TIMESTAMP */
    WHERE_TEXT,  /* characters are UTF-8 */
    WHERE_BYTES,
    WHERE_NOTHING, /* only IS NULL */
};
struct where_value { /* as it was written */
    struct slice text;
    bool quoted;
};

enum where_kind where_kind_of(const struct msg_column *c);
/* Is it a value that such a column can have? */
bool where_has(enum where_kind kind, const struct value *v);
bool where_is_number(struct slice text);
/* Why the value cannot be compared with such a column; NULL: it can. */
const char *where_refusal(enum where_kind kind, const struct where_value *w);
/* <0, 0, >0: the row's value is less, equal, more. */
int where_compare(enum where_kind kind, const struct value *v, const struct where_value *w);
bool where_like(enum where_kind kind, struct slice text, struct slice pattern);

#endif
