#include "applier/import/crypt.h"

#include "applier/base64.h"
#include "applier/import/crypt_box.h"
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 8, MAX_BLOWFISH_KEY = 56 };

struct crypt {
    bool box; /* Maho's, else Blowfish */
    uint8_t key[BOX_KEY];
    OSSL_LIB_CTX *library;
    OSSL_PROVIDER *legacy;
    EVP_CIPHER *blowfish;
    EVP_CIPHER_CTX *encrypt, *decrypt;
};

/* --- keys --------------------------------------------------------------------------------------
 */

static int digit(char c)
{
    const char *all = "0123456789abcdef", *at = strchr(all, c >= 'A' && c <= 'F' ? c + 32 : c);
    return c && at ? (int)(at - all) : -1;
}

static bool is_box_key(const char *key)
{
    for (size_t i = 0; i < 2 * BOX_KEY; i++)
        if (digit(key[i]) < 0)
            return false;
    return !key[2 * BOX_KEY];
}

static int open_box(struct crypt *c, const char *key, const char *setting, struct ds_error *err)
{
    c->box = true;
    for (size_t i = 0; i < BOX_KEY; i++)
        c->key[i] = (uint8_t)(digit(key[2 * i]) * 16 + digit(key[2 * i + 1]));
    return box_start() ? 0
                       : error_set(err, DS_EUNSUPPORTED,
                                   "%s: this is a key of Maho's, which needs libsodium (this "
                                   "datasync may have been built without it: -Dsodium)",
                                   setting);
}

static EVP_CIPHER_CTX *open_direction(const struct crypt *c, const char *key, int encrypts)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (ctx && EVP_CipherInit_ex2(ctx, c->blowfish, NULL, NULL, encrypts, NULL) &&
        EVP_CIPHER_CTX_set_key_length(ctx, (int)strlen(key)) &&
        EVP_CipherInit_ex2(ctx, NULL, (const unsigned char *)key, NULL, encrypts, NULL) &&
        EVP_CIPHER_CTX_set_padding(ctx, 0))
        return ctx;
    EVP_CIPHER_CTX_free(ctx);
    return NULL;
}

static int open_blowfish(struct crypt *c, const char *key, const char *setting,
                         struct ds_error *err)
{
    c->library = OSSL_LIB_CTX_new();
    c->legacy = c->library ? OSSL_PROVIDER_load(c->library, "legacy") : NULL;
    c->blowfish = c->legacy ? EVP_CIPHER_fetch(c->library, "BF-ECB", NULL) : NULL;
    c->encrypt = c->blowfish ? open_direction(c, key, 1) : NULL;
    c->decrypt = c->encrypt ? open_direction(c, key, 0) : NULL;
    return c->decrypt ? 0
                      : error_set(err, DS_EUNSUPPORTED,
                                  "%s: OpenSSL has no Blowfish here: install its legacy provider "
                                  "(legacy.so; on Debian 12 a part of libssl3, later "
                                  "openssl-provider-legacy)",
                                  setting);
}

int crypt_open(struct crypt **out, const char *key, const char *setting, struct ds_error *err)
{
    struct crypt *c = calloc(1, sizeof *c);
    if (!c)
        return error_set(err, DS_ENOMEM, "out of memory for %s", setting);
    int rc;
    if (is_box_key(key))
        rc = open_box(c, key, setting, err);
    else if (*key && strlen(key) <= MAX_BLOWFISH_KEY)
        rc = open_blowfish(c, key, setting, err);
    else
        rc = error_set(err, DS_EUSAGE, "%s: is no shop's key", setting);
    if (rc)
        crypt_close(c);
    else
        *out = c;
    return rc;
}

void crypt_close(struct crypt *c)
{
    if (!c)
        return;
    EVP_CIPHER_CTX_free(c->encrypt);
    EVP_CIPHER_CTX_free(c->decrypt);
    EVP_CIPHER_free(c->blowfish);
    if (c->legacy)
        OSSL_PROVIDER_unload(c->legacy);
    OSSL_LIB_CTX_free(c->library);
    explicit_bzero(c, sizeof *c);
    free(c);
}

/* --- texts --------------------------------------------------------------------------------------
 */

/* The length of the UTF-8 character at p, 0: it is none. */
static size_t character(const uint8_t *p, size_t left)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = *p < 0x80 ? 1 : *p < 0xc2 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : *p < 0xf5 ? 4 : 0;
    if (n < 2 || n > left)
        return n == 1 ? 1 : 0;
    uint32_t code = *p & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (p[i] & 0x3f);
    }
    bool possible = code >= least[n] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) &&
                    (code < 0x80 || code > 0x9f); /* control characters */
    return possible ? n : 0;
}

static bool is_text(const uint8_t *p, size_t len)
{
    for (size_t i = 0, n; i < len; i += n) {
        bool control = p[i] < ' ' && p[i] != '\t' && p[i] != '\n' && p[i] != '\r';
        n = control || p[i] == 0x7f ? 0 : character(p + i, len - i);
        if (!n)
            return false;
    }
    return len > 0;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct slice trim(struct slice s)
{
    while (s.len && is_blank(*s.p))
        s = (struct slice){s.p + 1, s.len - 1};
    while (s.len && is_blank(s.p[s.len - 1]))
        s.len--;
    return s;
}

/* --- Blowfish ------------------------------------------------------------------------------------
 */

/* Whole blocks, in place. */
static bool run_blowfish(EVP_CIPHER_CTX *ctx, uint8_t *p, size_t len)
{
    int n = 0;
    return EVP_CipherUpdate(ctx, p, &n, p, (int)len) && (size_t)n == len;
}

static bool open_blocks(const struct crypt *c, uint8_t *p, size_t *len)
{
    if (!*len || *len % BLOCK || !run_blowfish(c->decrypt, p, *len))
        return false;
    while (*len && !p[*len - 1])
        --*len;
    return true;
}

static int seal_blocks(const struct crypt *c, struct slice plain, struct buf *stored)
{
    size_t len = (plain.len + BLOCK - 1) / BLOCK * BLOCK;
    uint8_t *p = calloc(1, len + 1);
    if (!p)
        return DS_ENOMEM;
    memcpy(p, plain.p, plain.len);
    int rc = run_blowfish(c->encrypt, p, len) ? base64_append(stored, p, len) : DS_EUNSUPPORTED;
    explicit_bzero(p, len);
    free(p);
    return rc;
}

/* --- boxes --------------------------------------------------------------------------------------
 */

static int seal_box(const struct crypt *c, struct slice plain, struct buf *stored)
{
    size_t len = plain.len + BOX_MORE;
    uint8_t *p = malloc(len);
    if (!p)
        return DS_ENOMEM;
    int rc = box_seal(p, plain, c->key) ? base64_append(stored, p, len) : DS_EUNSUPPORTED;
    free(p);
    return rc;
}

/* Hashes and keys in hexadecimal digits are not meant. */
static bool is_hexadecimal(struct slice s)
{
    size_t n = 0;
    while (n < s.len && digit((char)s.p[n]) >= 0)
        n++;
    return n == s.len;
}

bool crypt_is_form(const struct crypt *c, struct slice stored)
{
    struct slice s = trim(stored);
    if (!base64_is(s) || is_hexadecimal(s))
        return false;
    size_t len = s.len / 4 * 3 - (s.p[s.len - 1] == '=') - (s.p[s.len - 2] == '=');
    return c->box ? len > BOX_MORE : len % BLOCK == 0;
}

int crypt_decrypt(const struct crypt *c, struct slice stored, struct buf *plain, bool *readable)
{
    struct slice s = trim(stored);
    size_t len = 0;
    *readable = false;
    if (!base64_is(s))
        return 0;
    uint8_t *p = malloc(s.len + 1);
    if (!p)
        return DS_ENOMEM;
    len = base64_decode(s, p);
    bool opened = c->box ? box_open(p, &len, c->key) : open_blocks(c, p, &len);
    struct slice text = {p, len};
    text = c->box ? text : trim(text); /* as Magento reads it */
    *readable = opened && is_text(text.p, text.len);
    int rc = *readable ? buf_append(plain, text.p, text.len) : 0;
    explicit_bzero(p, s.len);
    free(p);
    return rc;
}

int crypt_encrypt(const struct crypt *c, struct slice plain, struct buf *stored)
{
    return c->box ? seal_box(c, plain, stored) : seal_blocks(c, plain, stored);
}
