/* Downloads of images where a server misleads: to addresses of private networks by a redirection,
 * to the rest of another version of a file, to less than the file; and where it never answers. What
 * is public is told otherwise here, to have servers of both kinds on this machine: 127.0.0.1 is,
 * 127.0.0.2 is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "applier/media/media_internal.h"
#include "schema/log.h"
#include "tests/unit/folder_helper.h"

#define TEXT(text) ((struct slice){(const uint8_t *)(text), strlen(text)})
#define OLD        "\xff\xd8\xff\xe0 old version"
#define NEW        "\xff\xd8\xff\xe0 the newer version"
#define ENDED      "\xff\xd8\xff\xe0 a version with its end \xff\xd9"

static char home[] = "/tmp/datasync-test-download-XXXXXX";
static struct config config;
static struct media *media;
static char logged[4096];
static unsigned given_up; /* because of others before them */

bool __wrap_media_address_is_public(const struct sockaddr *address);
bool __wrap_media_address_is_public(const struct sockaddr *address)
{
    return address->sa_family == AF_INET &&
           ((const struct sockaddr_in *)address)->sin_addr.s_addr == htonl(0x7f000001);
}

/* --- a server ----------------------------------------------------------------------------------
 */

struct server {
    int fd, port;
    pthread_t thread;
    atomic_int requests;
    int other;       /* where /moved leads */
    char asked[200]; /* the newest request's first line */
};
static struct server public_one, private_one;

/* The answer to the request; it ends with the connection. */
static int put_answer(const struct server *s, const char *request, int nth, char *out, size_t size)
{
    if (strncmp(request, "GET /moved.jpg ", 15) == 0)
        return snprintf(out, size,
                        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.2:%d/image.jpg\r\n"
                        "Content-Length: 0\r\n\r\n",
                        s->other);
    if (strncmp(request, "GET /image", 10) == 0 || strncmp(request, "GET /media", 10) == 0)
        return snprintf(out, size, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(NEW),
                        NEW);
    if (strncmp(request, "GET /choice", 11) == 0)
        return snprintf(out, size, "HTTP/1.1 300 Multiple Choices\r\nContent-Length: %zu\r\n\r\n%s",
                        strlen(NEW), NEW);
    if (strncmp(request, "GET /open", 9) == 0) /* it ends when the connection does, or breaks */
        return snprintf(out, size, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n%.*s",
                        nth ? 100 : 14, ENDED);
    if (strncmp(request, "GET /less", 9) == 0 && strstr(request, "Range: bytes="))
        return snprintf(out, size,
                        "HTTP/1.1 206 Partial Content\r\nETag: \"1\"\r\nContent-Range: bytes "
                        "8-13/%zu\r\nContent-Length: 6\r\n\r\n%.6s",
                        strlen(OLD), OLD + 8);
    /* cut; then the rest of a newer version, whatever If-Range says; then what is asked for */
    if (!strstr(request, "Range: bytes="))
        return snprintf(out, size,
                        "HTTP/1.1 200 OK\r\nETag: \"%d\"\r\nContent-Length: %zu\r\n\r\n%.*s",
                        nth ? 2 : 1, strlen(nth ? NEW : OLD), nth ? 100 : 8, nth ? NEW : OLD);
    return snprintf(out, size,
                    "HTTP/1.1 206 Partial Content\r\nETag: \"2\"\r\nContent-Range: bytes "
                    "8-%zu/%zu\r\nContent-Length: %zu\r\n\r\n%s",
                    strlen(NEW) - 1, strlen(NEW), strlen(NEW) - 8, NEW + 8);
}

static void *serve(void *arg)
{
    struct server *s = arg;
    for (int at; (at = accept(s->fd, NULL, NULL)) >= 0; close(at)) {
        char request[4096] = "", answer[1024];
        size_t len = 0;
        ssize_t n = 1;
        while (!strstr(request, "\r\n\r\n") && len < sizeof request - 1 && n > 0) {
            n = read(at, request + len, sizeof request - 1 - len);
            len += n > 0 ? (size_t)n : 0;
            request[len] = '\0';
        }
        snprintf(s->asked, sizeof s->asked, "%.*s", (int)strcspn(request, "\r"), request);
        int k = put_answer(s, request, atomic_fetch_add(&s->requests, 1), answer, sizeof answer);
        if (k > 0 && send(at, answer, (size_t)k, MSG_NOSIGNAL) != k)
            continue;
    }
    return NULL;
}

static bool listen_at(struct server *s, const char *address)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t len = sizeof a;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->fd < 0 || inet_pton(AF_INET, address, &a.sin_addr) != 1 ||
        bind(s->fd, (struct sockaddr *)&a, sizeof a) || listen(s->fd, 64) ||
        getsockname(s->fd, (struct sockaddr *)&a, &len))
        return false;
    s->port = ntohs(a.sin_port);
    return true;
}

static bool start(struct server *s, const char *address)
{
    return listen_at(s, address) && pthread_create(&s->thread, NULL, serve, s) == 0;
}

static void stop(struct server *s)
{
    shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->fd);
}

/* --- cases -------------------------------------------------------------------------------------
 */

static void keep_log(void *arg, enum log_level level, const char *line)
{
    (void)arg, (void)level;
    snprintf(logged, sizeof logged, "%s", line);
    given_up += strstr(line, "could not be reached for others before it") != NULL;
}

static int set_up(void **state)
{
    (void)state;
    struct ds_error err;
    if (!mkdtemp(home) || !start(&public_one, "127.0.0.1") || !start(&private_one, "127.0.0.2"))
        return -1;
    public_one.other = private_one.port;
    config = (struct config){.images_media_dir = home,
                             .images_base_path = "",
                             .images_base_url = "",
                             .images_user = "",
                             .images_password = "",
                             .images_ca = "",
                             .images_max_size = 1000,
                             .images_timeout = 30,
                             .images_parallel = 2};
    log_set_sink(keep_log, NULL, LOG_LEVEL_WARN);
    return media_new(&media, &config, false, NULL, &err);
}

static int tear_down(void **state)
{
    (void)state;
    media_free(media);
    stop(&public_one);
    stop(&private_one);
    return folder_remove(home);
}

/* What is in the media folder then, "" nothing. `url`: NULL beneath the base. */
static const char *fetch_to(const char *value, const char *url)
{
    static char bytes[200];
    char path[300];
    struct ds_error err = {0};
    *logged = '\0';
    media_begin(media);
    if (url)
        assert_int_equal(media_source(media, IMAGE_PRODUCT, TEXT(value), TEXT(url)), 0);
    assert_int_equal(media_want(media, IMAGE_PRODUCT, TEXT(value), "product", TEXT("7"), &err), 0);
    assert_int_equal(media_fetch(media, &err), 0);
    media_committed(media);
    snprintf(path, sizeof path, "%s/catalog/product%s", home, value);
    FILE *file = fopen(path, "r");
    size_t n = file ? fread(bytes, 1, sizeof bytes - 1, file) : 0;
    if (file)
        fclose(file);
    bytes[n] = '\0';
    return bytes;
}

static const char *fetch(const char *address, const struct server *s, const char *name)
{
    char url[200], value[100];
    snprintf(url, sizeof url, "http://%s:%d/%s", address, s->port, name);
    snprintf(value, sizeof value, "/x/%s-%s", address, name);
    return fetch_to(value, url);
}

static void a_redirection_leads_to_no_private_address(void **state)
{
    (void)state;
    assert_string_equal(fetch("127.0.0.1", &public_one, "image.jpg"), NEW);
    assert_string_equal(fetch("127.0.0.2", &private_one, "image.jpg"), "");
    assert_string_equal(fetch("127.0.0.1", &public_one, "moved.jpg"), "");
    assert_non_null(strstr(logged, "leads to 127.0.0.2, which is no address of the public"));
    assert_int_equal(atomic_load(&private_one.requests), 0);
    config.images_allow_private = true;
    assert_string_equal(fetch("127.0.0.2", &private_one, "image2.jpg"), NEW);
    config.images_allow_private = false;
}

static void parts_of_two_versions_make_no_file(void **state)
{
    (void)state;
    atomic_store(&public_one.requests, 0);
    assert_string_equal(fetch("127.0.0.1", &public_one, "cut.jpg"), NEW);
    assert_int_equal(atomic_load(&public_one.requests), 3);
}

/* A server may send a part of the rest only; and where it says no length, a connection that broke
 * looks like the end. */
static void less_than_the_file_is_no_file(void **state)
{
    (void)state;
    atomic_store(&public_one.requests, 0);
    assert_string_equal(fetch("127.0.0.1", &public_one, "less.jpg"), NEW);
    assert_int_equal(atomic_load(&public_one.requests), 3);
    atomic_store(&public_one.requests, 0);
    assert_string_equal(fetch("127.0.0.1", &public_one, "open.jpg"), ENDED);
    assert_int_equal(atomic_load(&public_one.requests), 2);
    assert_string_equal(fetch("127.0.0.1", &public_one, "choice.jpg"), "");
    assert_non_null(strstr(logged, "answered 300"));
}

/* Nobody waits for each of many files of servers that take connections and say nothing. */
static void servers_that_never_answer_are_given_up(void **state)
{
    (void)state;
    struct server silent[2] = {{.fd = -1}, {.fd = -1}};
    struct ds_error err = {0};
    for (int i = 0; i < 2; i++)
        assert_true(listen_at(&silent[i], "127.0.0.1"));
    config.images_timeout = 1;
    config.images_parallel = 8;
    media_begin(media);
    for (int i = 0; i < 24; i++) {
        char url[100], value[100];
        snprintf(url, sizeof url, "http://127.0.0.1:%d/%d.jpg", silent[i % 2].port, i);
        snprintf(value, sizeof value, "/silent/%d.jpg", i);
        assert_int_equal(media_source(media, IMAGE_PRODUCT, TEXT(value), TEXT(url)), 0);
        assert_int_equal(media_want(media, IMAGE_PRODUCT, TEXT(value), "product", TEXT("7"), &err),
                         0);
    }
    uint64_t before = media_counts_get(media)->missing;
    assert_int_equal(media_fetch(media, &err), 0);
    media_committed(media);
    config.images_timeout = 30;
    config.images_parallel = 2;
    for (int i = 0; i < 2; i++)
        close(silent[i].fd);
    assert_int_equal(media_counts_get(media)->missing, before + 24);
    assert_true(given_up > 0);
}

static void a_disk_that_is_full_ends_it(void **state)
{
    (void)state;
    struct ds_error err = {0};
    struct rlimit limit, none;
    char url[100];
    uint64_t before = media_counts_get(media)->missing;
    snprintf(url, sizeof url, "http://127.0.0.1:%d/image.jpg", public_one.port);
    media_begin(media);
    assert_int_equal(media_source(media, IMAGE_PRODUCT, TEXT("/full.jpg"), TEXT(url)), 0);
    assert_int_equal(
        media_want(media, IMAGE_PRODUCT, TEXT("/full.jpg"), "product", TEXT("7"), &err), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &none), 0);
    limit = none;
    limit.rlim_cur = 10;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    int rc = media_fetch(media, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(rc, DS_EIO);
    assert_non_null(strstr(err.message, "images.media_dir cannot be written to"));
    assert_int_equal(media_counts_get(media)->missing, before);
    assert_string_equal(fetch("127.0.0.1", &public_one, "image4.jpg"), NEW);
}

/* A proxy that the environment names would connect in our place. */
static void no_proxy_leads_to_a_private_address(void **state)
{
    (void)state;
    char proxy[100];
    int before = atomic_load(&public_one.requests);
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", public_one.port);
    assert_int_equal(setenv("http_proxy", proxy, 1), 0);
    assert_string_equal(fetch("127.0.0.2", &private_one, "image3.jpg"), "");
    assert_int_equal(unsetenv("http_proxy"), 0);
    assert_int_equal(atomic_load(&public_one.requests), before);
}

/* What rows say is a name, byte by byte: no server is to take it for a way out of its folder. */
static void names_are_encoded(void **state)
{
    (void)state;
    char base[100];
    static const char *const names[][2] = {
        {"/%2e%2e/image.jpg", "GET /media/catalog/product/%252e%252e/image.jpg HTTP/1.1"},
        {"/a?b#c.jpg", "GET /media/catalog/product/a%3Fb%23c.jpg HTTP/1.1"},
        {"/\xc3\xa4 b.jpg", "GET /media/catalog/product/%C3%A4%20b.jpg HTTP/1.1"}};
    snprintf(base, sizeof base, "http://127.0.0.1:%d/media/", public_one.port);
    config.images_base_url = base;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_string_equal(fetch_to(names[i][0], NULL), NEW);
        assert_string_equal(public_one.asked, names[i][1]);
    }
    config.images_base_url = "";
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_redirection_leads_to_no_private_address),
        cmocka_unit_test(no_proxy_leads_to_a_private_address),
        cmocka_unit_test(names_are_encoded),
        cmocka_unit_test(parts_of_two_versions_make_no_file),
        cmocka_unit_test(less_than_the_file_is_no_file),
        cmocka_unit_test(servers_that_never_answer_are_given_up),
        cmocka_unit_test(a_disk_that_is_full_ends_it),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
