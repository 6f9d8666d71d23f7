/* Values encrypted by libnettle's Blowfish and by PHP's sodium_crypto_secretbox. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "applier/import/crypt.h"

static const char magento[] = "2ec7dda5e24c7a672aabfa26090d903d";

static struct crypt *opened(const char *key)
{
    struct ds_error err = {0};
    struct crypt *c = NULL;
    if (crypt_open(&c, key, "source.crypt_key", &err))
        fail_msg("%s", err.message);
    return c;
}

static struct slice slice(const char *text)
{
    return (struct slice){(const uint8_t *)text, strlen(text)};
}

static void reads(const struct crypt *c, const char *stored, const char *wanted)
{
    BUF_AUTO struct buf plain = {0};
    bool readable;
    assert_int_equal(crypt_decrypt(c, slice(stored), &plain, &readable), 0);
    assert_int_equal(readable, wanted != NULL);
    if (wanted)
        assert_string_equal(buf_cstr(&plain), wanted);
    else
        assert_int_equal(plain.len, 0);
}

static void writes(const struct crypt *c, const char *plain, const char *wanted)
{
    BUF_AUTO struct buf stored = {0};
    assert_int_equal(crypt_encrypt(c, slice(plain), &stored), 0);
    if (wanted)
        assert_string_equal(buf_cstr(&stored), wanted);
    reads(c, buf_cstr(&stored), plain);
}

static void test_blowfish(void **state)
{
    static const struct {
        const char *key, *plain, *stored;
    } values[] = {
        {magento, "secret-key-1", "Zn0TPoBehxtAlaTVsyiIPg=="},
        {magento, "4111111111111111", "SkvJa/BmV9HN++kXnTbRvQ=="},
        {magento, "Schlüssel ☕", "idjuN0JcfJ4xXMCNvJ5qJw=="},
        {magento, "x", "3T2WO6X4Yzw="},
        {"0123456789abcdef", "secret-key-1", "N2ONaEo1mz+nOZ37/LJ4eg=="},
        {"8letters", "4111111111111111", "NUXnQErFDGJIgT6RmyxQQg=="},
        {"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk", "4111111111111111",
         "zHDPis/I/lE/HfUKvZX9ZA=="},
    };
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct crypt *c = opened(values[i].key);
        reads(c, values[i].stored, values[i].plain);
        writes(c, values[i].plain, values[i].stored);
        crypt_close(c);
    }
}

/* The shop takes them off. */
static void test_blanks_around(void **state)
{
    (void)state;
    struct crypt *c = opened(magento);
    BUF_AUTO struct buf stored = {0}, nothing = {0};
    assert_int_equal(crypt_encrypt(c, slice(" \tsecret key\r\n"), &stored), 0);
    reads(c, buf_cstr(&stored), "secret key");
    assert_int_equal(crypt_encrypt(c, slice(" \n"), &nothing), 0);
    reads(c, buf_cstr(&nothing), NULL);
    crypt_close(c);
}

/* Under another key, not encrypted at all, cut, or no text. */
static void test_unreadable(void **state)
{
    (void)state;
    struct crypt *c = opened(magento);
    static const char *const values[] = {
        "N2ONaEo1mz+nOZ37/LJ4eg==",     /* another key */
        "zHDPis/I/lE/HfUKvZX9ZA==",     /* another key */
        "merchant@example.com",         /* never encrypted */
        "Zn0TPoBehxtAlaTVsyiI",         /* 15 bytes */
        "Zn0TPoBehxtAlaTVsyiIPg=",      /* no base64 */
        "Zn0T=oBehxtAlaTVsyiIPg==",     /* no base64 */
        "0:2:Zn0TPoBehxtAlaTVsyiIPg==", /* another version's */
        "",
        " ",
        "====",
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        reads(c, values[i], NULL);
    reads(c, " Zn0TPoBehxtAlaTVsyiIPg==\n", "secret-key-1");
    static const char *const no_texts[] = {"a\x01",        "\x80",     "a\xc3",
                                           "\xed\xa0\x80", "\xc0\xaf", "\x7f"};
    for (size_t i = 0; i < sizeof no_texts / sizeof *no_texts; i++) {
        BUF_AUTO struct buf stored = {0};
        assert_int_equal(crypt_encrypt(c, slice(no_texts[i]), &stored), 0);
        reads(c, buf_cstr(&stored), NULL);
    }
    crypt_close(c);
}

static void test_form(void **state)
{
    static const struct {
        const char *stored;
        bool blowfish, box;
    } values[] = {
        {"Zn0TPoBehxtAlaTVsyiIPg==", true, false},
        {"N2ONaEo1mz+nOZ37/LJ4eg==", true, false}, /* of whatever key */
        {"bm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5uyhGSMsQY/E7ZkDKEl/KpM76zaGC3KUj3e5SOUQ==", false, true},
        {"0f1e2d3c4b5a69788796a5b4c3d2e1f0", false, false}, /* a hash */
        {"merchant@example.com", false, false},
        {"merchant", false, false},
        {"", false, false},
    };
    (void)state;
    struct crypt *c = opened(magento);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        assert_int_equal(crypt_is_form(c, slice(values[i].stored)), values[i].blowfish);
    crypt_close(c);
#ifdef HAVE_SODIUM
    c = opened("000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F");
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        assert_int_equal(crypt_is_form(c, slice(values[i].stored)), values[i].box);
    crypt_close(c);
#endif
}

static void test_no_key(void **state)
{
    static const char *const keys[] = {"",
                                       "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"};
    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct ds_error err = {0};
        struct crypt *c = NULL;
        assert_int_equal(crypt_open(&c, keys[i], "source.crypt_key", &err), DS_EUSAGE);
        assert_non_null(strstr(err.message, "source.crypt_key"));
        assert_null(c);
    }
    crypt_close(NULL);
}

static void test_box(void **state)
{
    static const char key[] = "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F";
    (void)state;
#ifndef HAVE_SODIUM
    struct ds_error err = {0};
    struct crypt *none = NULL;
    assert_int_equal(crypt_open(&none, key, "source.crypt_key", &err), DS_EUNSUPPORTED);
    assert_non_null(strstr(err.message, "libsodium"));
    skip();
#endif
    struct crypt *c = opened(key),
                 *other =
                     opened("ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    static const char first[] =
        "bm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5uyhGSMsQY/E7ZkDKEl/KpM76zaGC3KUj3e5SOUQ==";
    reads(c, first, "secret-key-1");
    reads(c, "bm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5uwfUdWzJFoJO4K9aV12hKV561Y34R4Rbve4GDgqgH",
          "Schlüssel ☕");
    reads(other, first, NULL);
    reads(c, "cm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5uyhGSMsQY/E7ZkDKEl/KpM76zaGC3KUj3e5SOUQ==", NULL);
    reads(c, "bm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5uqXfxFuz0bRNvi2afiQQ9PazWaQ==", NULL); /* a NUL */
    reads(c, "Zn0TPoBehxtAlaTVsyiIPg==", NULL);
    writes(c, "secret-key-1",
           "3u+pFvoPdLEz2tvQOhnvwWpqrGRWd20zUD2WCGkOzaWMCCErgBKcU36g2Rq0u9Unt88MXQ==");
    writes(c, "x", NULL);
    crypt_close(other);
    crypt_close(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blowfish),   cmocka_unit_test(test_blanks_around),
        cmocka_unit_test(test_unreadable), cmocka_unit_test(test_form),
        cmocka_unit_test(test_no_key),     cmocka_unit_test(test_box),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
