/* A hook that is a web address: the message by POST, its outcome by the status of the answer. */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#ifdef HAVE_CURL
#include <curl/curl.h>
#endif

#include "applier/hooks.h"

int hook_sign(const char *secret, const char *timestamp, const uint8_t *payload, size_t len,
              char out[HOOK_SIGNATURE_SIZE], struct ds_error *err)
{
    BUF_AUTO struct buf text = {0};
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned mac_len = 0;
    if (buf_printf(&text, "%s.", timestamp) || buf_append(&text, payload, len) ||
        !HMAC(EVP_sha256(), secret, (int)strlen(secret), text.data, text.len, mac, &mac_len))
        return error_set(err, DS_ENOMEM, "out of memory for a signature");
    int n = snprintf(out, HOOK_SIGNATURE_SIZE, "sha256=");
    for (unsigned i = 0; i < mac_len && n + 2 < HOOK_SIGNATURE_SIZE; i++, n += 2)
        snprintf(out + n, 3, "%02x", mac[i]);
    return 0;
}

#ifdef HAVE_CURL

enum { CONNECT_SECONDS = 10, KEPT = 300 /* bytes of an answer, for the log */ };

struct answer {
    char text[KEPT];
    size_t len;
};

bool hooks_can_send(void)
{
    return true;
}

int hook_send_init(struct ds_error *err)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT)
               ? error_set(err, DS_EIO, "libcurl cannot be started")
               : 0;
}

void hook_send_end(void)
{
    curl_global_cleanup();
}

static size_t keep(char *p, size_t size, size_t n, void *arg)
{
    struct answer *a = arg;
    size_t room = KEPT - a->len, len = size * n;
    memcpy(a->text + a->len, p, len < room ? len : room);
    a->len += len < room ? len : room;
    return len;
}

static bool add_header(struct curl_slist **list, const char *name, const char *value)
{
    BUF_AUTO struct buf text = {0};
    if (buf_printf(&text, "%s: %s", name, value))
        return false;
    struct curl_slist *longer = curl_slist_append(*list, buf_cstr(&text));
    if (longer)
        *list = longer;
    return longer != NULL;
}

static int make_headers(const struct config *c, const struct hook_message *m,
                        struct curl_slist **list, struct ds_error *err)
{
    char timestamp[24], signature[HOOK_SIGNATURE_SIZE] = "", attempt[16];
    snprintf(timestamp, sizeof timestamp, "%ld", (long)time(NULL));
    snprintf(attempt, sizeof attempt, "%u", m->attempt);
    int rc = *c->hooks_secret
                 ? hook_sign(c->hooks_secret, timestamp, m->payload, m->len, signature, err)
                 : 0;
    if (rc)
        return rc;
    bool made = add_header(list, "Content-Type", "application/json") &&
                add_header(list, "Idempotency-Key", m->key) &&
                add_header(list, "X-Datasync-Stream", c->name) &&
                add_header(list, "X-Datasync-Attempt", attempt) &&
                add_header(list, "X-Datasync-Timestamp", timestamp) &&
                (!*signature || add_header(list, "X-Datasync-Signature", signature)) &&
                curl_slist_append(*list, "Expect:"); /* no round trip for a question */
    return made ? 0 : error_set(err, DS_ENOMEM, "out of memory for a request");
}

static CURLcode set_options(CURL *easy, const struct config *c, const struct hook_message *m,
                            struct curl_slist *headers, struct answer *answer, char *why)
{
    unsigned connect = c->hooks_timeout < CONNECT_SECONDS ? c->hooks_timeout : CONNECT_SECONDS;
    CURLcode rc = curl_easy_setopt(easy, CURLOPT_URL, c->hooks_url);
#if LIBCURL_VERSION_NUM >= 0x075500
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)connect);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_TIMEOUT, (long)c->hooks_timeout);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_USERAGENT, "datasync/" DATASYNC_VERSION);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)m->len);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_POSTFIELDS, (const char *)m->payload);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, keep);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_WRITEDATA, answer);
    return rc ? rc : curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, why);
}

/* Until it is done or `stop` is readable. */
static int transfer(CURLM *multi, CURL *easy, int stop, CURLcode *result, struct ds_error *err)
{
    struct curl_waitfd wait = {.fd = stop, .events = CURL_WAIT_POLLIN};
    int running = 1, left;
    *result = CURLE_OUT_OF_MEMORY;
    CURLMcode rc = curl_multi_add_handle(multi, easy);
    while (rc == CURLM_OK && running) {
        wait.revents = 0;
        rc = curl_multi_perform(multi, &running);
        if (rc == CURLM_OK && running)
            rc = curl_multi_poll(multi, &wait, 1, 1000, NULL);
        if (running && wait.revents) {
            curl_multi_remove_handle(multi, easy);
            return error_set(err, DS_ESTOPPED, "asked to stop");
        }
    }
    for (CURLMsg *m; (m = curl_multi_info_read(multi, &left));)
        if (m->msg == CURLMSG_DONE)
            *result = m->data.result;
    curl_multi_remove_handle(multi, easy);
    return rc ? error_set(err, DS_EIO, "%s", curl_multi_strerror(rc)) : 0;
}

static int judge(CURL *easy, CURLcode result, const char *why, const struct answer *answer,
                 struct ds_error *err)
{
    char said[KEPT + 1];
    long status = 0;
    hook_one_line(answer->text, answer->len, said, sizeof said);
    if (result)
        return error_set(err, DS_EIO, "%s", *why ? why : curl_easy_strerror(result));
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 300 && status < 400)
        return error_set(err, DS_EIO,
                         "answered %ld: redirections are not followed, set hooks.url "
                         "to where it leads",
                         status);
    if (status < 200 || status >= 300)
        return error_set(err, DS_EIO, "answered %ld%s%s", status, *said ? ": " : "", said);
    return 0;
}

int hook_send(const struct config *c, const struct hook_message *m, int stop, struct ds_error *err)
{
    struct answer answer = {.len = 0};
    char why[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = NULL;
    CURL *easy = curl_easy_init();
    CURLM *multi = curl_multi_init();
    CURLcode result = CURLE_OUT_OF_MEMORY;
    int rc = easy && multi ? make_headers(c, m, &headers, err)
                           : error_set(err, DS_ENOMEM, "out of memory for a request");
    if (rc == 0)
        result = set_options(easy, c, m, headers, &answer, why);
    if (rc == 0 && result)
        rc = error_set(err, DS_EIO, "hooks.url: %s", curl_easy_strerror(result));
    if (rc == 0)
        rc = transfer(multi, easy, stop, &result, err);
    if (rc == 0)
        rc = judge(easy, result, why, &answer, err);
    curl_easy_cleanup(easy);
    curl_multi_cleanup(multi);
    curl_slist_free_all(headers);
    return rc;
}

#else

bool hooks_can_send(void)
{
    return false;
}

int hook_send_init(struct ds_error *err)
{
    (void)err;
    return 0;
}

void hook_send_end(void)
{
}

int hook_send(const struct config *c, const struct hook_message *m, int stop, struct ds_error *err)
{
    (void)c, (void)m, (void)stop;
    return error_set(err, DS_EIO, "built without libcurl");
}

#endif
