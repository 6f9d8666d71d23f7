/* Inside crypt.c: Maho's encryption, by libsodium; without that nothing is ever opened. */
#ifndef APPLIER_IMPORT_CRYPT_BOX_H
#define APPLIER_IMPORT_CRYPT_BOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/buf.h"

/* Bytes of a key, and by how many a sealed text is longer: nonce and authenticator. */
enum { BOX_KEY = 32, BOX_MORE = 24 + 16 };

bool box_start(void); /* false: it cannot be used */
/* In place. False: it is not under this key. */
bool box_open(uint8_t *p, size_t *len, const uint8_t *key);
/* `out` has room for plain.len + BOX_MORE. */
bool box_seal(uint8_t *out, struct slice plain, const uint8_t *key);

#endif
