/* Conditions on rows: `where:` of the configuration.
 *
 *     condition:  condition OR condition | condition AND condition | NOT condition | (condition)
 *                 COLUMN = VALUE   (also <> != < <= > >=)
 *                 COLUMN [NOT] BETWEEN VALUE AND VALUE
 *                 COLUMN [NOT] IN (VALUE, …)
 *                 COLUMN [NOT] LIKE 'PATTERN'      % any text, _ one character, \ before either:
 * itself COLUMN IS [NOT] NULL VALUE:      a number, or a text in single quotes ('' is a quote in
 * it) COLUMN:     a name, in backticks if it is no plain word
 *
 * As in SQL, NULL compared with anything is unknown, and only rows count whose condition is true.
 * No collation is asked: texts compare byte by byte, so 'A' is not 'a', and letters beyond ASCII in
 * the condition are UTF-8. Numbers compare exactly, whole numbers and DECIMAL to their last digit;
 * ENUM and SET by their number. Dates are 'YYYY-MM-DD' or 'YYYY-MM-DD hh:mm:ss', TIMESTAMP in UTC.
 * There are no functions, and no clock: a row's own values decide, whenever it is looked at.
 *
 * Read-only after where_parse; a bound condition is for rows of one definition of a table. Errors:
 * DS_EUSAGE with the condition and the place in it; DS_ESCHEMA: it does not fit the table, or a row
 * lacks a column.
 */
#ifndef SCHEMA_WHERE_H
#define SCHEMA_WHERE_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"
#include "message.h"

struct where;
struct where_bound;

/* `place` begins errors: "datasync.yaml:12: where.TABLE". */
int where_parse(struct where **out, const char *text, const char *place, struct ds_error *err);
void where_free(struct where *w);
/* As it was written. */
const char *where_text(const struct where *w);
/* Can values of such columns be compared byte by byte with what a condition says? `charset` "" for
 * what is no text, `type` as COLUMN_TYPE has it. */
bool where_compares(const char *charset, const char *type);
/* Does it ask for this column? */
bool where_names(const struct where *w, const char *column);
/* For a table with these columns. `w` must outlive it. */
int where_bind(struct where_bound **out, const struct where *w, const struct msg_column *columns,
               uint32_t count, uint32_t table_flags, struct ds_error *err);
void where_bound_free(struct where_bound *b);
/* Is the row in? Values by ordinal, as image_split gives them; `before`: where those of an after
 * image that says "as before" are, or NULL. */
int where_test(const struct where_bound *b, const uint8_t *const *row, const uint8_t *const *before,
               bool *in, struct ds_error *err);

#endif
