/* Images: what bytes are images, which addresses are of the public Internet, and what becomes of
 * files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "applier/media/media_internal.h"
#include "tests/unit/folder_helper.h"

#define TEXT(text) ((struct slice){(const uint8_t *)(text), strlen(text)})
#define JPEG       "\xff\xd8\xff\xe0 1234567890"
#define PNG        "\x89PNG\r\n\x1a\n 1234567890"

static char home[] = "/tmp/datasync-test-media-XXXXXX";
static struct config config;
static struct media *media;

/* --- bytes and addresses -----------------------------------------------------------------------
 */

static bool accepts(const char *name, const char *bytes, size_t len)
{
    return !media_type_refused(name, (const uint8_t *)bytes, len);
}

static void only_images_are_images(void **state)
{
    (void)state;
    assert_true(accepts("a.jpg", JPEG, 12));
    assert_true(accepts("a.JPEG", JPEG, 12));
    assert_true(accepts("a.png", PNG, 12));
    assert_true(accepts("a.gif", "GIF89a123456", 12));
    assert_true(accepts("a.webp", "RIFF1234WEBP", 12));
    assert_false(accepts("a.png", JPEG, 12));
    assert_false(accepts("a.webp", "RIFF1234WAVE", 12));
    assert_false(accepts("a.jpg", "<html></html>", 12));
    assert_false(accepts("a.jpg", "\xff\xd8", 2));
    assert_false(accepts("a.php", JPEG, 12));
    assert_false(accepts("a.jpg.php", JPEG, 12));
    assert_false(accepts("a.svg", "<svg xmlns=…>", 12));
    assert_false(accepts(".jpg", JPEG, 12));
    assert_false(accepts("jpg", JPEG, 12));
    /* some servers run what is called so */
    assert_false(accepts("shell.php.jpg", JPEG, 12));
    assert_false(accepts("shell.PHP7.x.jpg", JPEG, 12));
    assert_true(accepts("php.jpg", JPEG, 12));
    assert_true(accepts("a.phpx.1.jpg", JPEG, 12));
}

static bool is_whole(const char *bytes, size_t len)
{
    return media_type_is_whole((const uint8_t *)bytes, (const uint8_t *)bytes, len, len);
}

static void images_have_an_end(void **state)
{
    (void)state;
    assert_true(is_whole(JPEG "\xff\xd9", 17));
    assert_true(is_whole(JPEG "\xff\xd9 more", 22));
    assert_false(is_whole(JPEG, 15));
    assert_true(is_whole(PNG "IEND\xae\x42\x60\x82", 27));
    assert_false(is_whole(PNG "IEND\xae\x42\x60", 26));
    assert_true(is_whole("GIF89a123456;", 13));
    assert_true(is_whole("GIF89a123456;\0\0", 15));
    assert_false(is_whole("GIF89a123456", 12));
    assert_true(is_whole("RIFF\x06\0\0\0WEBP12", 14));
    assert_false(is_whole("RIFF\x06\0\0\0WEBP1", 13));
}

static bool is_public(const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return media_address_is_public((const struct sockaddr *)&v4);
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return media_address_is_public((const struct sockaddr *)&v6);
}

static void private_addresses_are_known(void **state)
{
    (void)state;
    static const char *const other[] = {"0.0.0.0",
                                        "10.1.2.3",
                                        "100.64.0.1",
                                        "127.0.0.1",
                                        "127.255.1.1",
                                        "168.63.129.16",
                                        "169.254.169.254",
                                        "172.16.0.1",
                                        "172.31.255.255",
                                        "192.168.1.1",
                                        "198.18.0.1",
                                        "224.0.0.1",
                                        "255.255.255.255",
                                        "::",
                                        "::1",
                                        "fe80::1",
                                        "fc00::1",
                                        "fd12::1",
                                        "ff02::1",
                                        "::ffff:10.0.0.1",
                                        "::ffff:127.0.0.1",
                                        "64:ff9b::a00:1",
                                        "2002:a00:1::",
                                        "2001::1",
                                        "2001:db8::1",
                                        "::127.0.0.1"};
    static const char *const ours[] = {
        "8.8.8.8",         "172.32.0.1",     "172.15.255.255", "100.128.0.1", "192.167.1.1",
        "2606:4700::1111", "::ffff:8.8.8.8", "2a01:4f8::1",    "11.0.0.1",    "64:ff9b::808:808"};
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (is_public(other[i]))
            fail_msg("%s is public", other[i]);
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (!is_public(ours[i]))
            fail_msg("%s is not public", ours[i]);
    const struct sockaddr local = {.sa_family = AF_UNIX};
    assert_false(media_address_is_public(&local));
}

/* --- files -------------------------------------------------------------------------------------
 */

static const char *at(const char *path)
{
    static char text[4][600];
    static unsigned n;
    snprintf(text[n % 4], sizeof text[0], "%s/%s", home, path);
    return text[n++ % 4];
}

static void write_file(const char *path, const char *bytes, size_t len)
{
    int fd = open(at(path), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    close(fd);
}

static size_t file_size(const char *path)
{
    struct stat st;
    return stat(at(path), &st) ? 0 : (size_t)st.st_size;
}

static void begin_in(const char *folder, bool replace)
{
    struct ds_error err;
    static char dir[600], base[600];
    snprintf(dir, sizeof dir, "%s/%s", home, folder);
    snprintf(base, sizeof base, "%s/base", home);
    config = (struct config){.images_media_dir = dir,
                             .images_base_path = base,
                             .images_base_url = "",
                             .images_user = "",
                             .images_password = "",
                             .images_ca = "",
                             .images_max_size = 100,
                             .images_timeout = 5,
                             .images_parallel = 2,
                             .images_replace = replace};
    media_free(media);
    media = NULL;
    assert_int_equal(media_new(&media, &config, false, NULL, &err), 0);
}

static void begin(bool replace)
{
    begin_in("media", replace);
}

static const struct media_counts *want(enum image_kind kind, const char *value)
{
    struct ds_error err = {0};
    media_begin(media);
    assert_int_equal(media_want(media, kind, TEXT(value), "product", TEXT("7"), &err), 0);
    assert_int_equal(media_fetch(media, &err), 0);
    return media_counts_get(media);
}

static int set_up(void **state)
{
    (void)state;
    static const char *const folders[] = {
        "", "media", "base", "base/s", "base/catalog", "base/catalog/category", "out"};
    if (!mkdtemp(home))
        return -1;
    for (size_t i = 1; i < sizeof folders / sizeof *folders; i++)
        if (mkdir(at(folders[i]), 0755))
            return -1;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    media_free(media);
    return folder_remove(home);
}

static void files_are_copied(void **state)
{
    (void)state;
    begin(false);
    write_file("base/shirt.jpg", JPEG, 15);
    write_file("base/catalog/category/shoes.png", PNG, 19);
    assert_int_equal(want(IMAGE_PRODUCT, "/s/h/shirt.jpg")->copied, 1);
    assert_int_equal(file_size("media/catalog/product/s/h/shirt.jpg"), 15);
    assert_int_equal(want(IMAGE_CATEGORY, "shoes.png")->copied, 2);
    assert_int_equal(file_size("media/catalog/category/shoes.png"), 19);
    /* once */
    assert_int_equal(want(IMAGE_PRODUCT, "/s/h/shirt.jpg")->copied, 2);
    assert_int_equal(media_counts_get(media)->kept, 0);
    /* not in the next run either, whatever the base has by now */
    begin(false);
    write_file("base/shirt.jpg", JPEG, 14);
    assert_int_equal(want(IMAGE_PRODUCT, "/s/h/shirt.jpg")->kept, 1);
    assert_int_equal(file_size("media/catalog/product/s/h/shirt.jpg"), 15);
    /* but when told to */
    begin(true);
    assert_int_equal(want(IMAGE_PRODUCT, "/s/h/shirt.jpg")->copied, 1);
    assert_int_equal(file_size("media/catalog/product/s/h/shirt.jpg"), 14);
}

static void files_that_cannot_be_had_are_counted(void **state)
{
    (void)state;
    char large[101] = JPEG;
    begin(false);
    write_file("base/page.jpg", "<html> </html>", 14);
    write_file("base/large.jpg", large, sizeof large);
    write_file("base/empty.jpg", "", 0);
    assert_int_equal(mkdir(at("base/folder.jpg"), 0755), 0);
    static const char *const values[] = {"/p/a/page.jpg",   "/l/a/large.jpg", "/e/m/empty.jpg",
                                         "/f/o/folder.jpg", "/n/o/no.jpg",    "/../out/x.jpg",
                                         "/s/h/shell.php"};
    uint64_t n = 0;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        assert_int_equal(want(IMAGE_PRODUCT, values[i])->missing, ++n);
    assert_int_equal(media_counts_get(media)->copied, 0);
    assert_int_equal(want(IMAGE_PRODUCT, "/n/o/no.jpg")->missing, n); /* told once */
    assert_int_equal(file_size("media/catalog/product/p/a/page.jpg"), 0);
    assert_int_equal(access(at("media/catalog/product/p/a/page.jpg"), F_OK), -1);
}

static void links_lead_nowhere(void **state)
{
    (void)state;
    begin(false);
    write_file("base/linked.jpg", JPEG, 15);
    write_file("base/target.jpg", JPEG, 15);
    write_file("out/target.jpg", "kept", 4);
    assert_int_equal(mkdir(at("media/catalog/product/t"), 0755), 0);
    assert_int_equal(mkdir(at("media/catalog/product/t/a"), 0755), 0);
    assert_int_equal(symlink(at("out"), at("media/catalog/product/l")), 0);
    assert_int_equal(symlink(at("out/target.jpg"), at("media/catalog/product/t/a/target.jpg")), 0);
    assert_int_equal(want(IMAGE_PRODUCT, "/l/i/linked.jpg")->missing, 1);
    assert_int_equal(access(at("out/i"), F_OK), -1);
    /* a link in the file's place is replaced, not followed */
    assert_int_equal(want(IMAGE_PRODUCT, "/t/a/target.jpg")->copied, 1);
    assert_int_equal(file_size("out/target.jpg"), 4);
    assert_int_equal(file_size("media/catalog/product/t/a/target.jpg"), 15);
    /* nor do links beneath the folder that files come from, but for those of who set it up */
    uint64_t missing = media_counts_get(media)->missing;
    write_file("out/secret.jpg", JPEG, 15);
    assert_int_equal(symlink(at("out/secret.jpg"), at("base/s/secret.jpg")), 0);
    assert_int_equal(symlink(at("out"), at("base/o")), 0);
    assert_int_equal(want(IMAGE_PRODUCT, "/s/secret.jpg")->missing, missing + 1);
    assert_int_equal(want(IMAGE_PRODUCT, "/o/secret.jpg")->missing, missing + 2);
    assert_int_equal(symlink(at("out"), at("base/catalog/product")), 0);
    assert_int_equal(want(IMAGE_PRODUCT, "/secret.jpg")->copied, 2);
}

static void modes_are_those_of_the_folder_above(void **state)
{
    (void)state;
    struct stat st;
    mode_t old = umask(077);
    begin(false);
    write_file("base/mode.jpg", JPEG, 15);
    assert_int_equal(chmod(at("media/catalog/product"), 0775), 0);
    assert_int_equal(want(IMAGE_PRODUCT, "/m/o/mode.jpg")->copied, 1);
    umask(old);
    assert_int_equal(stat(at("media/catalog/product/m/o"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0775);
    assert_int_equal(stat(at("media/catalog/product/m/o/mode.jpg"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0664);
}

static void folders_of_a_new_shop_are_as_its_media_folder(void **state)
{
    (void)state;
    static const char *const made[] = {"new/catalog", "new/catalog/product",
                                       "new/catalog/product/n"};
    struct stat st;
    mode_t old = umask(077);
    assert_int_equal(mkdir(at("new"), 0755), 0);
    assert_int_equal(chmod(at("new"), 0775), 0);
    begin_in("new", false);
    write_file("base/new.jpg", JPEG, 15);
    assert_int_equal(want(IMAGE_PRODUCT, "/n/e/new.jpg")->copied, 1);
    umask(old);
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        assert_int_equal(stat(at(made[i]), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0775);
    }
}

/* Of a full disk, nothing is told as missing that is not: it stops, and goes on when there is
 * room. A limit on the size of files fails as it does. */
static void a_disk_that_is_full_is_no_missing_image(void **state)
{
    (void)state;
    struct ds_error err = {0};
    struct rlimit limit, none;
    begin(false);
    write_file("base/full.jpg", JPEG, 15);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &none), 0);
    limit = none;
    limit.rlim_cur = 10;
    media_begin(media);
    assert_int_equal(
        media_want(media, IMAGE_PRODUCT, TEXT("/f/u/full.jpg"), "product", TEXT("7"), &err), 0);
    void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    int rc = media_fetch(media, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    signal(SIGXFSZ, before);
    assert_int_equal(rc, DS_EIO);
    assert_non_null(strstr(err.message, "images.media_dir cannot be written to"));
    assert_int_equal(media_counts_get(media)->missing, 0);
    assert_int_equal(rmdir(at("media/catalog/product/f/u")), 0); /* nothing is left in it */
    assert_int_equal(want(IMAGE_PRODUCT, "/f/u/full.jpg")->copied, 1);
}

/* What cannot be downloaded is not said to be, by a dry run either. */
static void without_libcurl_nothing_is_downloaded(void **state)
{
    (void)state;
    struct ds_error err = {0};
    for (int dry = 0; dry < 2; dry++) {
        begin(false);
        media_free(media);
        assert_int_equal(media_new(&media, &config, dry, NULL, &err), 0);
        media_begin(media);
        assert_int_equal(media_source(media, IMAGE_PRODUCT, TEXT("/a/b/ab.jpg"),
                                      TEXT("http://127.0.0.1:1/ab.jpg")),
                         0);
        assert_int_equal(
            media_want(media, IMAGE_PRODUCT, TEXT("/a/b/ab.jpg"), "product", TEXT("7"), &err), 0);
        assert_int_equal(media_fetch(media, &err), 0);
        bool told = dry && media_can_download();
        assert_int_equal(media_counts_get(media)->downloaded, told);
        assert_int_equal(media_counts_get(media)->missing, !told);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_images_are_images),
        cmocka_unit_test(images_have_an_end),
        cmocka_unit_test(private_addresses_are_known),
        cmocka_unit_test(files_are_copied),
        cmocka_unit_test(files_that_cannot_be_had_are_counted),
        cmocka_unit_test(links_lead_nowhere),
        cmocka_unit_test(modes_are_those_of_the_folder_above),
        cmocka_unit_test(folders_of_a_new_shop_are_as_its_media_folder),
        cmocka_unit_test(a_disk_that_is_full_is_no_missing_image),
        cmocka_unit_test(without_libcurl_nothing_is_downloaded),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
