/* Values that a shop encrypts under its key (app/etc/local.xml, global/crypt/key).
 *
 * The key tells the format. 64 hexadecimal digits are Maho's: base64 of a nonce and what
 * libsodium's secretbox makes (XSalsa20-Poly1305). Any other text of up to 56 bytes is Magento 1's
 * and OpenMage's: base64 of Blowfish in ECB mode, with zero bytes behind a text that does not fill
 * its last block, which is all that tells where it ends; blanks around the text do not count.
 *
 * Blowfish is in OpenSSL's legacy provider, which is loaded into a library context of its own.
 * Keys and texts are wiped when they are no longer needed. One owner, one thread.
 */
#ifndef APPLIER_IMPORT_CRYPT_H
#define APPLIER_IMPORT_CRYPT_H

#include <stdbool.h>

#include "schema/buf.h"
#include "schema/error.h"

struct crypt;
/* `setting` names the key in errors: DS_EUSAGE where it is no such key, DS_EUNSUPPORTED where this
 * machine or this program lacks the cipher. */
int crypt_open(struct crypt **out, const char *key, const char *setting, struct ds_error *err);
void crypt_close(struct crypt *c); /* NULL allowed */

/* Append the text of a stored value to `plain`. *readable false, and nothing appended: it is none
 * under this key, which is said of whatever does not become text in UTF-8 without control
 * characters. DS_ENOMEM. */
int crypt_decrypt(const struct crypt *c, struct slice stored, struct buf *plain, bool *readable);
/* Has the value the form of one that such a key makes? */
bool crypt_is_form(const struct crypt *c, struct slice stored);
/* Append what is to be stored for the text, not empty and as decrypt gives it, to `stored`. The
 * same text becomes the same value each time. DS_ENOMEM, or DS_EUNSUPPORTED if the cipher fails. */
int crypt_encrypt(const struct crypt *c, struct slice plain, struct buf *stored);

#endif
