/* Built without libsodium. */
#include "applier/import/crypt_box.h"

bool box_start(void)
{
    return false;
}

bool box_open(uint8_t *p, size_t *len, const uint8_t *key)
{
    (void)p;
    (void)len;
    (void)key;
    return false;
}

bool box_seal(uint8_t *out, struct slice plain, const uint8_t *key)
{
    (void)out;
    (void)plain;
    (void)key;
    return false;
}
