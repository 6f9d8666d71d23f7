/* What a mask makes of one value.
 *
 * Every method but `null`, `fixed` and `partial` is a function of a digest: a keyed hash of what
 * the value compares as, which the caller makes. Equal values give equal masks whatever table they
 * are in; nothing leads back. Results are ASCII, and fit the column. NULL stays NULL, and a text
 * without a character stays empty: the caller does not ask for these. Pure.
 */
#ifndef SCHEMA_MASK_VALUE_H
#define SCHEMA_MASK_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "mask.h"
#include "message.h"

enum { MASK_DIGEST = 32 }; /* bytes */

enum mask_kind {
    MASK_OF_TEXT,
    MASK_OF_BYTES, /* collation binary */
    MASK_OF_INTEGER,
    MASK_OF_DECIMAL,
    MASK_OF_REAL,
    MASK_OF_DATE,
    MASK_OF_DATETIME,
    MASK_OF_TIMESTAMP,
    MASK_OF_TIME,
    MASK_OF_YEAR,
    MASK_OF_ENUM,
    MASK_OF_BITS, /* SET and BIT */
    MASK_OF_JSON, /* MySQL's */
    MASK_OF_OTHER,
};
struct mask_column {
    enum mask_kind kind;
    bool nullable, is_unsigned;
    bool padded;   /* CHAR, BINARY and alike: of fixed length */
    bool one_byte; /* every character is one byte … */
    bool utf8;     /* … or the characters are UTF-8 */
    bool no_case;  /* a collation that does not tell case apart */
    bool wide;     /* ASCII is not what it is elsewhere: UTF-16 … */
    uint32_t size; /* texts: characters; bytes; bytes of an integer or real; digits of a second */
    uint8_t precision, scale;
};

/* From a column as messages describe it. `char_max`: bytes that a character takes at most, 0: the
 * collation is not known. `charset`, `collation`: their names, may be "". */
void mask_column_of(const struct msg_column *c, unsigned char_max, const char *charset,
                    const char *collation, struct mask_column *out);
/* Why the rule cannot be used for such a column; NULL: it can. */
const char *mask_refusal(const struct mask_rule *r, const struct mask_column *c);
/* Can it be in a unique key: different values stay different, in their first `prefix` characters
 * (0: all), or become NULL? */
bool mask_is_unique(const struct mask_rule *r, const struct mask_column *c, uint32_t prefix);
bool mask_needs_digest(const struct mask_rule *r);
/* Append the masked value. DS_ENOMEM. */
int mask_write(const struct mask_rule *r, const struct mask_column *c,
               const uint8_t digest[MASK_DIGEST], const struct value *v, struct buf *out);
/* What is wrong with a template; NULL: nothing. */
const char *mask_template_error(const char *text);

#endif
