/* What PHP's json_encode() makes of a value that was read from serialize(), byte for byte: slashes
 * and what is not ASCII escaped, arrays whose keys are 0, 1, 2 … as lists, floats with the fewest
 * digits that read back (serialize_precision -1). https://www.php.net/manual/en/json.constants.php,
 * without any of these flags.
 *
 * A Magento 2 shop reads such texts where one of Magento 1 read serialised values. Appends; nothing
 * where it fails. DS_EFORMAT: text that is not UTF-8, INF, NAN, an object of its own format;
 * DS_ELIMIT: deeper than 512, or too large; DS_ENOMEM. No value appears in a message.
 */
#ifndef SCHEMA_PHP_JSON_H
#define SCHEMA_PHP_JSON_H

#include "buf.h"
#include "error.h"
#include "php_value.h"

enum { PHP_JSON_MAX_DEPTH = 512, PHP_JSON_MAX_BYTES = 16 << 20 };

int php_json_write(const struct php_value *v, struct buf *out, struct ds_error *err);
/* A string. */
int php_json_write_text(struct slice text, struct buf *out, struct ds_error *err);
/* A float. */
int php_json_write_double(double number, struct buf *out, struct ds_error *err);

#endif
