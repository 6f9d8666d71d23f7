#include "applier/import/crypt_box.h"

#include <sodium.h>
#include <string.h>

enum { NONCE = crypto_secretbox_NONCEBYTES };
_Static_assert(BOX_KEY == crypto_secretbox_KEYBYTES, "length of a key");
_Static_assert(BOX_MORE == crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES,
               "length of what is added");

bool box_start(void)
{
    return sodium_init() >= 0;
}

bool box_open(uint8_t *p, size_t *len, const uint8_t *key)
{
    uint8_t nonce[NONCE];
    if (*len <= BOX_MORE)
        return false;
    memcpy(nonce, p, NONCE);
    if (crypto_secretbox_open_easy(p, p + NONCE, *len - NONCE, nonce, key))
        return false;
    *len -= BOX_MORE;
    return true;
}

/* The nonce is a keyed hash of the text: two texts do not share one, and what is imported again
 * does not become another value. */
bool box_seal(uint8_t *out, struct slice plain, const uint8_t *key)
{
    return crypto_generichash(out, NONCE, plain.p, plain.len, key, BOX_KEY) == 0 &&
           crypto_secretbox_easy(out + NONCE, plain.p, plain.len, out, key) == 0;
}
