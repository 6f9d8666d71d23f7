/* Encrypt: values under the source shop's key come under the destination's.
 *
 * At the source: what applier/import/crypt.h reads, and Magento 1 Enterprise's
 * KEY:CIPHER:IV:base64, AES in CBC mode (the other tool's reading of it), zero bytes behind. At the
 * destination: Magento 2's KEY:3:base64 of a nonce and what ChaCha20-Poly1305 (RFC 8439) makes with
 * the nonce as associated data. A shop may have several keys, each in a line; KEY is the number of
 * one, and new values are under the last.
 *
 * The nonce is a keyed hash of the text: two texts do not share one, and what is migrated again
 * does not become another value. Texts are wiped. */
#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applier/base64.h"
#include "applier/import/crypt.h"
#include "applier/map/handler.h"
#include "schema/json.h"

enum { KEY = 32, NONCE = 12, TAG = 16, BLOCK = 16 };

struct keys {
    const char *source, *destination; /* those that are open */
    struct crypt *crypt;              /* the source's first, or NULL: it is none for crypt.h */
    unsigned version;                 /* of the destination's */
    uint8_t key[KEY];
};

/* --- keys --------------------------------------------------------------------------------------
 */

/* The number of a key; false: it is none. */
static bool read_number(struct slice text, unsigned *out)
{
    *out = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (!isdigit(text.p[i]) || i == 4)
            return false;
        *out = *out * 10 + (unsigned)(text.p[i] - '0');
    }
    return text.len > 0;
}

/* The number-th key of those in `all`; false: there are not so many. */
static bool nth_key(const char *all, unsigned number, struct slice *out)
{
    for (unsigned i = 0;; i++) {
        while (isspace((unsigned char)*all))
            all++;
        size_t len = strcspn(all, " \t\r\n");
        if (!len)
            return false;
        if (i == number) {
            *out = (struct slice){(const uint8_t *)all, len};
            return true;
        }
        all += len;
    }
}

static int open_source(struct keys *k, const char *all, struct ds_error *err)
{
    struct slice first;
    char key[100];
    if (!nth_key(all, 0, &first) || first.len >= sizeof key)
        return error_set(err, DS_EUSAGE, "crypt_key: is no shop's key");
    memcpy(key, first.p, first.len);
    key[first.len] = '\0';
    int rc = crypt_open(&k->crypt, key, "crypt_key", err);
    explicit_bzero(key, sizeof key);
    return rc;
}

/* 32 characters, or base64 and 32 bytes in base64. */
static int open_destination(struct keys *k, const char *all, struct ds_error *err)
{
    static const char prefix[] = "base64";
    struct slice key = {NULL, 0};
    uint8_t room[2 * KEY];
    k->version = 0;
    for (unsigned i = 0; nth_key(all, i, &key); i++)
        k->version = i;
    if (key.len > 6 && key.len <= sizeof room && memcmp(key.p, prefix, 6) == 0 &&
        base64_is((struct slice){key.p + 6, key.len - 6}))
        key = (struct slice){room, base64_decode((struct slice){key.p + 6, key.len - 6}, room)};
    if (key.len != KEY)
        return error_set(err, DS_EUSAGE,
                         "the destination's key is none of Magento 2: it has 32 characters, or "
                         "begins with base64 (app/etc/env.php, crypt, key)");
    memcpy(k->key, key.p, KEY);
    explicit_bzero(room, sizeof room);
    return 0;
}

/* Loading a cipher is slow, so it is done once; keys do not change while a handler is open. */
static int use_keys(struct keys *k, const struct map_facts *facts, struct ds_error *err)
{
    int rc = 0;
    if (!facts->source_key || !*facts->source_key)
        return error_set(err, DS_EUSAGE,
                         "\"crypt_key\" option is not defined in the configuration, and there are "
                         "values that are encrypted under the source's key");
    if (!facts->destination_key || !*facts->destination_key)
        return error_set(err, DS_EUSAGE,
                         "the destination's key is not given, and there are values to encrypt "
                         "under it");
    if (k->source != facts->source_key) {
        crypt_close(k->crypt);
        k->crypt = NULL;
        rc = open_source(k, facts->source_key, err);
        k->source = rc ? NULL : facts->source_key;
    }
    if (rc == 0 && k->destination != facts->destination_key) {
        rc = open_destination(k, facts->destination_key, err);
        k->destination = rc ? NULL : facts->destination_key;
    }
    return rc;
}

static int open_keys(struct map_handler *h, struct ds_error *err)
{
    return handler_state(h, sizeof(struct keys), err) ? 0 : DS_ENOMEM;
}

static void close_keys(struct map_handler *h)
{
    struct keys *k = h->state;
    crypt_close(k->crypt);
    explicit_bzero(k, sizeof *k);
}

/* --- at the source -----------------------------------------------------------------------------
 */

/* KEY:CIPHER:IV:base64 */
static bool split(struct slice stored, struct slice parts[4])
{
    for (size_t i = 0; i < 4; i++) {
        const uint8_t *colon = i < 3 ? memchr(stored.p, ':', stored.len) : NULL;
        if (i < 3 && !colon)
            return false;
        size_t len = colon ? (size_t)(colon - stored.p) : stored.len;
        parts[i] = (struct slice){stored.p, len};
        if (colon)
            stored = (struct slice){colon + 1, stored.len - len - 1};
    }
    return true;
}

/* Whole blocks, in place. */
static bool decrypt_blocks(struct slice key, const uint8_t *iv, uint8_t *p, size_t len)
{
    uint8_t padded[KEY] = {0};
    int n = 0;
    const EVP_CIPHER *cipher = key.len <= 16   ? EVP_aes_128_cbc()
                               : key.len <= 24 ? EVP_aes_192_cbc()
                                               : EVP_aes_256_cbc();
    EVP_CIPHER_CTX *ctx = key.len <= KEY ? EVP_CIPHER_CTX_new() : NULL;
    if (!ctx)
        return false;
    memcpy(padded, key.p, key.len);
    bool good = EVP_DecryptInit_ex(ctx, cipher, NULL, padded, iv) &&
                EVP_CIPHER_CTX_set_padding(ctx, 0) && EVP_DecryptUpdate(ctx, p, &n, p, (int)len);
    EVP_CIPHER_CTX_free(ctx);
    explicit_bzero(padded, sizeof padded);
    return good && (size_t)n == len;
}

static int read_blocks(const struct keys *k, const struct slice parts[4], struct buf *plain,
                       bool *readable)
{
    struct slice stored = text_trim(parts[3]), key, text;
    unsigned number;
    *readable = false;
    if (parts[2].len != BLOCK || !base64_is(stored) || !read_number(parts[0], &number) ||
        !nth_key(k->source, number, &key))
        return 0;
    uint8_t *p = malloc(stored.len);
    if (!p)
        return DS_ENOMEM;
    size_t len = base64_decode(stored, p), all = len;
    bool good = len && len % BLOCK == 0 && decrypt_blocks(key, parts[2].p, p, len);
    while (len && !p[len - 1])
        len--;
    text = text_trim((struct slice){p, len});
    *readable = good && text.len && utf8_valid(text.p, text.len) && !memchr(text.p, 0, text.len);
    int rc = *readable ? buf_append(plain, text.p, text.len) : 0;
    explicit_bzero(p, all);
    free(p);
    return rc;
}

/* --- at the destination ------------------------------------------------------------------------
 */

static bool make_nonce(const struct keys *k, struct slice plain, uint8_t nonce[NONCE])
{
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    bool good = HMAC(EVP_sha256(), k->key, KEY, plain.p, plain.len, hash, &len) && len >= NONCE;
    if (good)
        memcpy(nonce, hash, NONCE);
    return good;
}

/* Nonce, ciphertext, tag, into plain.len + NONCE + TAG bytes. */
static bool seal(const struct keys *k, struct slice plain, uint8_t *out)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0, last = 0;
    bool good = ctx && make_nonce(k, plain, out) &&
                EVP_EncryptInit_ex(ctx, EVP_chacha20_poly1305(), NULL, k->key, out) &&
                EVP_EncryptUpdate(ctx, NULL, &n, out, NONCE) &&
                EVP_EncryptUpdate(ctx, out + NONCE, &n, plain.p, (int)plain.len) &&
                EVP_EncryptFinal_ex(ctx, out + NONCE + n, &last) && (size_t)n == plain.len &&
                last == 0 &&
                EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG, out + NONCE + plain.len);
    EVP_CIPHER_CTX_free(ctx);
    return good;
}

static int encrypt(const struct keys *k, struct slice plain, struct buf *out, struct ds_error *err)
{
    size_t len = plain.len + NONCE + TAG;
    uint8_t *p = malloc(len);
    if (!p || buf_printf(out, "%u:3:", k->version)) {
        free(p);
        return handler_no_memory(err);
    }
    int rc = seal(k, plain, p)
                 ? base64_append(out, p, len)
                 : error_set(err, DS_EUNSUPPORTED, "OpenSSL has no ChaCha20-Poly1305 here");
    free(p);
    return rc == DS_ENOMEM ? handler_no_memory(err) : rc;
}

/* What cannot be read under the source's key becomes NULL, as it does in an import. */
static int call_encrypt(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    struct keys *k = h->state;
    struct slice stored = value_text(handler_value(c)), parts[4];
    BUF_AUTO struct buf plain = {0}, sealed = {0};
    bool readable;
    if (value_is_empty(handler_value(c)))
        return 0;
    int rc = use_keys(k, c->facts, err);
    if (rc)
        return rc;
    rc = split(stored, parts) ? read_blocks(k, parts, &plain, &readable)
                              : crypt_decrypt(k->crypt, stored, &plain, &readable);
    if (rc)
        return handler_no_memory(err);
    if (!readable) {
        handler_warn(h, c, "Could not decrypt data of %s.%s with the source's key", h->table->name,
                     h->rule->field);
        handler_set_null(c);
        return 0;
    }
    rc = encrypt(k, (struct slice){plain.data, plain.len}, &sealed, err);
    explicit_bzero(plain.data, plain.cap);
    return rc ? rc : handler_set_copy(c, sealed.data, sealed.len, err);
}

const struct map_class handlers_of_keys[] = {
    {.name = "Encrypt", .open = open_keys, .call = call_encrypt, .close = close_keys},
    /* as older files name it */
    {.name = "Settings\\Encrypt", .open = open_keys, .call = call_encrypt, .close = close_keys},
    {0},
};
