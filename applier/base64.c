#include "applier/base64.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "schema/error.h"

bool base64_is(struct slice s)
{
    if (!s.len || s.len % 4 || s.len > INT32_MAX)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        bool letter = (s.p[i] >= 'A' && s.p[i] <= 'Z') || (s.p[i] >= 'a' && s.p[i] <= 'z') ||
                      (s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '+' || s.p[i] == '/';
        bool filler = s.p[i] == '=' && i + 2 >= s.len && (i + 1 == s.len || s.p[i + 1] == '=');
        if (!letter && !filler)
            return false;
    }
    return true;
}

size_t base64_decode(struct slice s, uint8_t *out)
{
    int n = EVP_DecodeBlock(out, s.p, (int)s.len);
    return n > 0 ? (size_t)n - (s.p[s.len - 1] == '=') - (s.p[s.len - 2] == '=') : 0;
}

int base64_append(struct buf *out, const uint8_t *p, size_t len)
{
    size_t room = (len + 2) / 3 * 4 + 1;
    uint8_t *text = len < INT32_MAX / 2 ? malloc(room) : NULL;
    if (!text)
        return DS_ENOMEM;
    int n = EVP_EncodeBlock(text, p, (int)len);
    int rc = buf_append(out, text, (size_t)n);
    free(text);
    return rc;
}
