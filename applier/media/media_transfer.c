#include "applier/media/media_transfer.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

/* An attempt that brought nothing is made again twice; one that brought some, more often. */
enum { CONNECT_SECONDS = 10, REDIRECTS = 5, TRIES = 3, TRIES_WITH_PROGRESS = 12, PAUSE_MS = 250 };

/* --- life --------------------------------------------------------------------------------------
 */

int transfer_begin(struct transfer *t, struct media *m, const struct media_file *f,
                   struct ds_error *err)
{
    t->m = m;
    t->file = f;
    t->place = t->tries = 0;
    if (!t->easy)
        t->easy = curl_easy_init();
    return t->easy ? 0 : error_set(err, DS_ENOMEM, "out of memory for a download");
}

/* Only what is told apart from its next version can be gone on with. */
static bool may_go_on(const struct transfer *t)
{
    return t->offset && t->origin;
}

static void close_part(struct transfer *t, bool keep)
{
    if (t->open)
        media_part_close(&t->part, keep);
    t->open = false;
}

void transfer_end(struct transfer *t)
{
    close_part(t, may_go_on(t));
}

void transfer_free(struct transfer *t)
{
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    buf_free(&t->url);
}

/* --- the address -------------------------------------------------------------------------------
 */

/* Bytes that an address cannot hold as they are; `path`: nor what has a meaning of its own in it.
 */
static int put_encoded(struct buf *out, const char *text, bool path)
{
    int rc = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p && rc == 0; p++) {
        bool plain = path ? isalnum(*p) || strchr("/-._~", *p) : *p > 0x20 && *p < 0x7f;
        rc = plain && *p < 0x80 ? buf_append(out, p, 1) : buf_printf(out, "%%%02X", *p);
    }
    return rc;
}

static int put_url(struct transfer *t, bool *more)
{
    struct media_place place;
    const struct media_file *f = t->file;
    const char *base = t->m->config->images_base_url;
    size_t len = strlen(base);
    buf_clear(&t->url);
    *more = t->place == 0;
    if (f->url)
        return put_encoded(&t->url, f->url, false);
    *more = media_candidate(f, t->m->found_url[f->kind], t->place, &place);
    if (!*more)
        return 0;
    t->which = place.which;
    while (len && base[len - 1] == '/')
        len--;
    return buf_append(&t->url, base, len) || buf_puts(&t->url, "/") ||
                   buf_printf(&t->url, "%s%s", place.folder, *place.folder ? "/" : "")
               ? DS_ENOMEM
               : put_encoded(&t->url, place.name, true);
}

static size_t cut_text(char *out, size_t size, const char *text, size_t len)
{
    len = len < size ? len : size - 1;
    memcpy(out, text, len);
    out[len] = '\0';
    return len;
}

/* Without user, password and query, which may be secret. */
static void show(struct transfer *t)
{
    const char *url = buf_cstr(&t->url), *scheme = strstr(url, "://");
    size_t skip = scheme ? (size_t)(scheme - url) + 3 : 0;
    const char *host = url + skip, *user_end = memrchr(host, '@', strcspn(host, "/?#"));
    if (user_end)
        host = user_end + 1;
    size_t scheme_len = cut_text(t->shown, sizeof t->shown, url, skip);
    cut_text(t->shown + scheme_len, sizeof t->shown - scheme_len, host, strcspn(host, "?#"));
    cut_text(t->host, sizeof t->host, host, strcspn(host, "/?#"));
}

/* --- the answer --------------------------------------------------------------------------------
 */

static bool header_is(const char *line, size_t len, const char *name)
{
    size_t n = strlen(name);
    return len > n && strncasecmp(line, name, n) == 0;
}

static void take_header(const char *line, size_t len, size_t skip, char *out)
{
    while (skip < len && (line[skip] == ' ' || line[skip] == '\t'))
        skip++;
    while (len > skip && isspace((unsigned char)line[len - 1]))
        len--;
    bool fits = len - skip < TRANSFER_VALIDATOR_SIZE;
    for (size_t i = skip; i < len; i++)
        fits = fits && isprint((unsigned char)line[i]);
    snprintf(out, TRANSFER_VALIDATOR_SIZE, "%.*s", fits ? (int)(len - skip) : 0, line + skip);
}

/* From where on "bytes FIRST-LAST/ALL" is the rest of it; else no number that is asked for. */
static uint64_t rest_from(const char *range)
{
    char *at;
    if (strncasecmp(range, "bytes ", 6) != 0)
        return UINT64_MAX;
    uint64_t first = strtoull(range + 6, &at, 10);
    uint64_t last = *at == '-' ? strtoull(at + 1, &at, 10) : 0;
    return *at == '/' && strtoull(at + 1, NULL, 10) == last + 1 ? first : UINT64_MAX;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    size_t len = size * n;
    char text[TRANSFER_VALIDATOR_SIZE];
    t->answered = true;
    if (header_is(p, len, "HTTP/")) { /* another answer, after a redirection */
        *t->etag = *t->modified = '\0';
        t->range = 0;
        t->measured = false;
    } else if (header_is(p, len, "etag:")) {
        take_header(p, len, 5, t->etag);
        if (*t->etag != '"') /* a weak one is not for parts */
            *t->etag = '\0';
    } else if (header_is(p, len, "last-modified:")) {
        take_header(p, len, 14, t->modified);
    } else if (header_is(p, len, "content-range:")) {
        take_header(p, len, 14, text);
        t->range = rest_from(text);
    } else if (header_is(p, len, "content-length:") || header_is(p, len, "transfer-encoding:")) {
        t->measured = true;
    }
    return len;
}

static void tell_origin(struct transfer *t)
{
    char text[TRANSFER_VALIDATOR_SIZE + 32];
    snprintf(text, sizeof text, "%016llx %s",
             (unsigned long long)XXH3_64bits(t->url.data, t->url.len),
             *t->etag ? t->etag : t->modified);
    t->origin = *t->etag || *t->modified;
    media_part_set_origin(&t->part, t->origin ? text : NULL);
}

/* The whole file, or the rest that was asked for. */
static int begin_body(struct transfer *t)
{
    long status = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    t->begun = true;
    if (status == 206) {
        const char *version = *t->etag ? t->etag : t->modified;
        if (t->had && t->range == t->had && strcmp(version, t->version) == 0)
            return 0;
        return error_set(&t->broken, DS_EIO,
                         "%s answers with another part, or one of another version, than was "
                         "asked for",
                         t->shown);
    }
    if (status != 200 && status != 203)
        return error_set(&t->broken, DS_EIO, "%s answered %ld", t->shown, status);
    t->had = t->offset = 0;
    int rc = media_part_cut(&t->part, &t->broken);
    if (rc == 0)
        tell_origin(t);
    return rc;
}

static size_t on_data(char *p, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    size_t len = size * n;
    if (!t->begun && begin_body(t))
        return 0;
    if (t->offset + len > t->m->config->images_max_size) {
        t->too_large = true;
        return 0;
    }
    if (media_part_write(&t->part, p, len, t->offset, &t->broken))
        return 0;
    t->offset += len;
    return len;
}

/* Asked for the address of each connection, redirections included: what a name means now is what
 * counts, whatever it meant before. */
static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct transfer *t = arg;
    (void)purpose;
    if (!t->m->config->images_allow_private && !media_address_is_public(&a->addr)) {
        const void *at = a->family == AF_INET
                             ? (const void *)&((struct sockaddr_in *)&a->addr)->sin_addr
                             : (const void *)&((struct sockaddr_in6 *)&a->addr)->sin6_addr;
        t->private_address = true;
        if (!inet_ntop(a->family, at, t->address, sizeof t->address))
            *t->address = '\0';
        return CURL_SOCKET_BAD;
    }
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* --- the request -------------------------------------------------------------------------------
 */

static CURLcode set_protocols(CURL *easy, bool tls)
{
    /* a redirection does not lead out of TLS */
#if LIBCURL_VERSION_NUM >= 0x075500
    CURLcode rc = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    return rc ? rc
              : curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, tls ? "https" : "http,https");
#else
    CURLcode rc = curl_easy_setopt(easy, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
    return rc ? rc
              : curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS,
                                 tls ? CURLPROTO_HTTPS : CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
}

static CURLcode set_trust(CURL *easy, const struct config *c, bool own_base)
{
    CURLcode rc = curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    if (rc == CURLE_OK && *c->images_ca)
        rc = curl_easy_setopt(easy, CURLOPT_CAINFO, c->images_ca);
    if (rc == CURLE_OK && !c->images_allow_private) /* it would connect in our place */
        rc = curl_easy_setopt(easy, CURLOPT_PROXY, "");
    if (rc == CURLE_OK && own_base && *c->images_user) {
        rc = curl_easy_setopt(easy, CURLOPT_USERNAME, c->images_user);
        rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_PASSWORD, c->images_password);
    }
    return rc;
}

static CURLcode set_options(struct transfer *t)
{
    CURL *easy = t->easy;
    const struct config *c = t->m->config;
    bool tls = strncasecmp(buf_cstr(&t->url), "https", 5) == 0;
    long timeout = (long)c->images_timeout;
    CURLcode rc = curl_easy_setopt(easy, CURLOPT_URL, buf_cstr(&t->url));
    rc = rc ? rc : set_protocols(easy, tls);
    rc = rc ? rc : set_trust(easy, c, !t->file->url);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)REDIRECTS);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    rc = rc ? rc
            : curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT,
                               timeout < CONNECT_SECONDS ? timeout : CONNECT_SECONDS);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_TIMEOUT, timeout);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_USERAGENT, "datasync/" DATASYNC_VERSION);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, t);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_HTTPHEADER, t->headers);
    return rc ? rc : curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error);
}

/* Bytes that an earlier attempt has left of this very address: `if_range` tells the server which
 * version of the file they are of. */
static uint64_t bytes_left(struct transfer *t, struct buf *if_range)
{
    char origin[TRANSFER_VALIDATOR_SIZE + 32], wanted[20];
    struct stat st;
    media_part_origin(&t->part, origin, sizeof origin);
    snprintf(wanted, sizeof wanted, "%016llx ",
             (unsigned long long)XXH3_64bits(t->url.data, t->url.len));
    if (strncmp(origin, wanted, strlen(wanted)) != 0 || fstat(t->part.fd, &st) || !st.st_size)
        return 0;
    snprintf(t->version, sizeof t->version, "%s", origin + strlen(wanted));
    return buf_printf(if_range, "If-Range: %s", t->version) ? 0 : (uint64_t)st.st_size;
}

static int ask_for_rest(struct transfer *t)
{
    BUF_AUTO struct buf if_range = {0};
    char range[32];
    t->had = t->offset = bytes_left(t, &if_range);
    t->origin = t->had > 0;
    curl_slist_free_all(t->headers);
    t->headers = NULL;
    if (!t->had)
        return 0;
    snprintf(range, sizeof range, "%lu-", t->had);
    t->headers = curl_slist_append(NULL, buf_cstr(&if_range));
    return !t->headers || curl_easy_setopt(t->easy, CURLOPT_RANGE, range) ? DS_ENOMEM : 0;
}

static void begin_attempt(struct transfer *t)
{
    curl_easy_reset(t->easy);
    t->answered = t->begun = t->measured = t->private_address = t->too_large = false;
    *t->error = *t->etag = *t->modified = '\0';
    t->range = 0;
    error_clear(&t->broken);
}

int transfer_prepare(struct transfer *t, struct ds_error *err)
{
    bool more;
    int rc = put_url(t, &more);
    if (rc)
        return error_set(err, rc, "out of memory for a download");
    if (!more)
        return error_set(err, DS_EIO, "%s has no such file",
                         t->file->url ? t->shown : "images.base_url");
    show(t);
    begin_attempt(t);
    if (!t->open) {
        rc = media_root(t->m, t->file->kind, err);
        rc = rc ? rc : media_part_open(&t->part, t->m->root[t->file->kind], t->file->path, err);
        if (rc)
            return rc;
        t->open = true;
    }
    if (ask_for_rest(t))
        return error_set(err, DS_ENOMEM, "out of memory for a download");
    t->tries++;
    CURLcode code = set_options(t);
    return code == CURLE_OK ? 0
           : code == CURLE_OUT_OF_MEMORY
               ? error_set(err, DS_ENOMEM, "out of memory for a download")
               : error_set(err, DS_EIO, "%s: %s", t->shown, curl_easy_strerror(code));
}

/* --- the outcome -------------------------------------------------------------------------------
 */

/* Where no length is told, a connection that breaks looks like the end. */
static bool is_cut(const struct transfer *t)
{
    long version = 0;
    curl_easy_getinfo(t->easy, CURLINFO_HTTP_VERSION, &version);
    return t->begun && !t->measured && version < CURL_HTTP_VERSION_2_0 &&
           !media_part_is_whole(&t->part);
}

static enum transfer_result refuse(const struct transfer *t, const struct ds_error *reason,
                                   struct ds_error *why)
{
    error_set(why, reason->code, "%s: %s", t->shown, reason->message);
    return reason->code == DS_EFULL ? TRANSFER_BROKEN : TRANSFER_REFUSED;
}

static enum transfer_result done(struct transfer *t, struct ds_error *why)
{
    bool same;
    struct ds_error reason = {0};
    if (!t->begun && media_part_cut(&t->part, &reason))
        return refuse(t, &reason, why);
    if (is_cut(t)) {
        error_set(why, DS_EIO, "%s: its end is missing", t->shown);
        return TRANSFER_AGAIN;
    }
    t->open = false;
    if (media_part_finish(&t->part, &same, &reason))
        return refuse(t, &reason, why);
    if (!t->file->url)
        t->m->found_url[t->file->kind] = t->which;
    return TRANSFER_DONE;
}

/* What has come is of no use: the next attempt begins anew. */
static void drop(struct transfer *t)
{
    t->offset = 0;
    t->origin = false;
    close_part(t, false);
}

static enum transfer_result judge_status(struct transfer *t, long status, struct ds_error *why)
{
    error_set(why, DS_EIO, "%s answered %ld", t->shown, status);
    if (status == 416 && t->had) {
        drop(t);
        return TRANSFER_AGAIN;
    }
    if (status == 408 || status == 425 || status == 429 || status >= 500)
        return TRANSFER_AGAIN;
    if (t->file->url)
        return TRANSFER_REFUSED;
    t->place++;
    t->tries = 0;
    return TRANSFER_ELSEWHERE;
}

/* What wrote nothing at all may be a machine that is down, behind something that drops packets. */
static enum transfer_result judge_failure(const struct transfer *t, CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return TRANSFER_UNREACHABLE;
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
        return t->answered ? TRANSFER_AGAIN : TRANSFER_UNREACHABLE;
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return TRANSFER_AGAIN;
    default: /* certificates, protocols, redirections … */
        return TRANSFER_REFUSED;
    }
}

enum transfer_result transfer_judge(struct transfer *t, CURLcode code, struct ds_error *why)
{
    long status = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    if (t->private_address && code != CURLE_OK && code != CURLE_HTTP_RETURNED_ERROR) {
        error_set(why, DS_EIO,
                  "%s leads to %s, which is no address of the public Internet: see "
                  "images.allow_private",
                  t->shown, t->address);
        return TRANSFER_REFUSED;
    }
    if (t->too_large) {
        drop(t);
        error_set(why, DS_EIO, "%s is larger than images.max_size (%lu bytes)", t->shown,
                  t->m->config->images_max_size);
        return TRANSFER_REFUSED;
    }
    if (t->broken.code) {
        bool went_on = t->had > 0;
        drop(t);
        *why = t->broken;
        if (why->code == DS_EFULL)
            return TRANSFER_BROKEN;
        return went_on ? TRANSFER_AGAIN : TRANSFER_REFUSED; /* from its beginning */
    }
    if (code == CURLE_HTTP_RETURNED_ERROR)
        return judge_status(t, status, why);
    if (code == CURLE_OK)
        return done(t, why);
    error_set(why, DS_EIO, "%s: %s", t->shown, *t->error ? t->error : curl_easy_strerror(code));
    return judge_failure(t, code);
}

bool transfer_may_try(struct transfer *t)
{
    bool progress = t->offset > t->had && may_go_on(t);
    t->pause_ms = progress ? 0 : PAUSE_MS * t->tries;
    if (t->open && !may_go_on(t))
        drop(t);
    return t->tries < (progress ? TRIES_WITH_PROGRESS : TRIES);
}
