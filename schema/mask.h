/* Masks: which values may leave the source as they are, and what becomes of the others.
 *
 * Rules come from a built-in preset (schema/masks/) and from the configuration; later ones win, so
 * the user's override the preset's. One rule is one line:
 *
 *     TABLES[CONDITION].COLUMNS   METHOD [ARGUMENTS]
 *     @TYPE.CODES                 METHOD [ARGUMENTS]   (values of EAV attributes)
 *
 * TABLES: a name without the shop's prefix, `*` is any text. COLUMNS and CODES: names separated by
 * commas, each may have `*`. CONDITION: `[column=pattern]`, only rows in which that column has such
 * a value, compared without case. In a masked configuration every column of every table that
 * travels needs a rule (a condition alone is none): what no rule names stops the stream, or is left
 * out (`mask.unknown`).
 *
 * Read-only after mask_new, shared by all threads. Asked for each table definition and each
 * attribute, not for each row. Errors: DS_EUSAGE with the place of the rule.
 */
#ifndef SCHEMA_MASK_H
#define SCHEMA_MASK_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "config.h"
#include "error.h"

enum mask_method {
    MASK_KEEP,
    MASK_NULL,  /* NULL; empty or zero where a column cannot be NULL */
    MASK_FIXED, /* text */
    MASK_HASH,
    MASK_EMAIL,
    MASK_FIRST_NAME,
    MASK_LAST_NAME,
    MASK_NAME,
    MASK_PHONE,
    MASK_STREET,
    MASK_CITY,
    MASK_POSTCODE,
    MASK_COMPANY,
    MASK_IP,
    MASK_DATE_SHIFT, /* first: days */
    MASK_PARTIAL,    /* first, last: characters that stay */
    MASK_TEMPLATE,   /* text, with {…} */
    MASK_ATTRIBUTE,  /* text: entity type; the attribute's rule decides */
    MASK_METHODS,
};
enum { MASK_SHIFT_DAYS = 30 };

struct mask_rule {
    const char *tables;           /* pattern; of an attribute: its entity type */
    const char *column, *pattern; /* condition; NULL: none */
    const char *columns;          /* or codes: patterns separated by commas */
    bool attribute;
    enum mask_method method;
    const char *text;
    unsigned first, last;
    const char *where; /* "openmage.mask:12", "datasync.yaml:40" */
};

struct mask;
/* NULL when the configuration has no masks. It must outlive the mask. */
int mask_new(struct mask **out, const struct config *c, struct ds_error *err);
void mask_free(struct mask *m);
/* The newest rule for the column before *next, which begins at SIZE_MAX; NULL: there is none. The
 * ones up to the first without a condition count. `table` as the server knows it. */
const struct mask_rule *mask_column_rule(const struct mask *m, const char *table,
                                         struct slice column, size_t *next);
/* Does one rule, without a condition, decide on all values of both columns in the same way? */
bool mask_alike(const struct mask *m, const char *table, struct slice column, const char *other,
                struct slice other_column);
/* NULL: there is none. */
const struct mask_rule *mask_attribute_rule(const struct mask *m, const char *type,
                                            const char *code);
/* Has the table any rule? Also true for m NULL. */
bool mask_knows_table(const struct mask *m, const char *table);
/* May values of the table be masked? False for m NULL. */
bool mask_changes_table(const struct mask *m, const char *table);
/* … of the column? */
bool mask_changes_column(const struct mask *m, const char *table, struct slice column);
/* mask.unknown: what no rule names is left out; else it stops the stream. */
bool mask_unknown_null(const struct mask *m);
struct slice mask_key(const struct mask *m);
/* What makes two masks the same, key included but not told, and a readable form; appended.
 * DS_ENOMEM. */
int mask_fingerprint(const struct mask *m, struct buf *whole, struct buf *readable);
/* The rules as text, and back; `like` gives key and prefix. For comparing what was with what is.
 * DS_ENOMEM; DS_EUSAGE: not such a text. */
int mask_print(const struct mask *m, struct buf *out);
int mask_parse(struct mask **out, const struct mask *like, const char *text, struct ds_error *err);
/* Are values of the column, of the attribute, that came under the one mask what they would be under
 * the other? Also when none can have come, since there was no rule. */
bool mask_agrees(const struct mask *was, const struct mask *is, const char *table,
                 struct slice column);
/* Are the rules of all attributes the same? */
bool mask_attributes_agree(const struct mask *was, const struct mask *is);
bool mask_agrees_on_attribute(const struct mask *was, const struct mask *is, const char *type,
                              const char *code);
const char *mask_method_name(enum mask_method method);

#endif
