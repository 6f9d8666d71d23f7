/* The files of a migration beside its maps: steps, groups, classes, settings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include <cmocka.h>

#include "schema/migration/class_map.h"
#include "schema/migration/groups.h"
#include "schema/migration/migration.h"
#include "schema/migration/settings_map.h"

static char folder[] = "/tmp/datasync-migration-XXXXXX";
static char below[100], file[200], other[200];

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(below, sizeof below, "%s/etc", folder);
    snprintf(file, sizeof file, "%s/etc/config.xml", folder);
    snprintf(other, sizeof other, "%s/etc/map.xml", folder);
    return mkdir(below, 0700);
}

static int teardown(void **state)
{
    (void)state;
    unlink(file);
    unlink(other);
    return rmdir(below) || rmdir(folder);
}

static void put(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

enum kind { MIGRATION, GROUPS, CLASSES, SETTINGS };

static int try_file(enum kind kind, void **out, struct ds_error *err)
{
    switch (kind) {
    case MIGRATION:
        return migration_read((struct migration **)out, file, err);
    case GROUPS:
        return groups_read((struct groups **)out, file, err);
    case CLASSES:
        return class_map_read((struct class_map **)out, file, err);
    default:
        return settings_map_read((struct settings_map **)out, file, err);
    }
}

static void *reads(enum kind kind, const char *text)
{
    void *out;
    struct ds_error err = {0};
    put(file, text);
    if (try_file(kind, &out, &err))
        fail_msg("%s", err.message);
    return out;
}

static void fails(enum kind kind, const char *text, unsigned line, const char *part)
{
    void *out;
    char where[300];
    struct ds_error err = {0};
    put(file, text);
    if (try_file(kind, &out, &err) != DS_EUSAGE)
        fail_msg("reads (%s):\n%s", err.message, text);
    assert_null(out);
    snprintf(where, sizeof where, "%s:%u: ", file, line);
    if ((line && strncmp(err.message, where, strlen(where)) != 0) || !strstr(err.message, part))
        fail_msg("'%s' lacks '%s' or '%s'", err.message, where, part);
}

/* --- config.xml ------------------------------------------------------------------------------ */

#define SIDES                                                                                      \
    "<source><database host=\"m1\" name=\"shop\" user=\"u\" ssl_ca=\"/ca\"/></source>"             \
    "<destination version=\"2.4\"><database host=\"m2\" name=\"new\" user=\"v\" "                  \
    "password=\"p&amp;q\" "                                                                        \
    "port=\"3307\"/></destination>"
#define CONFIG(steps, options) "<config>" steps SIDES "<options>" options "</options></config>"

static void test_config(void **state)
{
    (void)state;
    struct migration *m = reads(
        MIGRATION,
        CONFIG("<steps mode=\"settings\"><step title=\"Settings Step\"><integrity>A\\I</integrity>"
               "<data>A\\D</data></step></steps><steps mode=\"data\">"
               "<step title=\"Map\"><integrity>\\M\\I</integrity></step><step title=\"EAV\"/>\n"
               "<step title=\"Map\"><data>M\\D</data><integrity>M\\J</integrity></step></steps>",
               "<map_file> map.xml\n</map_file><bulk_size>100</bulk_size><crypt_key/>"
               "<mine_file>nowhere.xml</mine_file><x>16MB</x>"));
    struct ds_error err = {0};
    assert_int_equal(migration_step_count(m, MIGRATION_SETTINGS), 1);
    assert_int_equal(migration_step_count(m, MIGRATION_DATA), 2);
    assert_int_equal(migration_step_count(m, MIGRATION_DELTA), 0);
    const struct migration_step *s = migration_step_at(m, MIGRATION_DATA, 0);
    assert_string_equal(s->title, "Map"); /* its two parts are one step */
    assert_string_equal(s->classes[STAGE_INTEGRITY], "M\\J");
    assert_string_equal(s->classes[STAGE_DATA], "M\\D");
    assert_null(s->classes[STAGE_VOLUME]);
    assert_int_equal(s->lines[STAGE_DATA], 2);
    assert_null(migration_step_at(m, MIGRATION_DATA, 2));
    const struct migration_database *source = migration_database(m, true);
    const struct migration_database *destination = migration_database(m, false);
    assert_string_equal(source->host, "m1");
    assert_string_equal(source->ssl_ca, "/ca");
    assert_null(source->password);
    assert_string_equal(destination->name, "new");
    assert_string_equal(destination->password, "p&q");
    assert_string_equal(destination->port, "3307");
    long n;
    assert_int_equal(migration_number(m, "bulk_size", 7, &n, &err), 0);
    assert_int_equal(n, 100);
    assert_int_equal(migration_number(m, "crypt_key", 7, &n, &err), 0);
    assert_int_equal(n, 7);
    assert_int_equal(migration_number(m, "x", 7, &n, &err), DS_EUSAGE); /* theirs reads 16 */
    assert_string_equal(migration_option(m, "crypt_key"), "");
    assert_null(migration_option(m, "none"));
    migration_free(m);
}

/* From the working directory, the file's own folder, or one above it. */
static void test_files(void **state)
{
    (void)state;
    BUF_AUTO struct buf path = {0};
    struct ds_error err = {0};
    put(other, "");
    struct migration *m =
        reads(MIGRATION, CONFIG("", "<a>map.xml</a><b>etc/map.xml</b><c>no.xml</c><d/>"
                                    "<e>/no.xml</e><f>/dev/null</f>"));
    assert_int_equal(migration_file(m, "a", &path, &err), 0);
    assert_string_equal(buf_cstr(&path), other);
    assert_int_equal(migration_file(m, "b", &path, &err), 0);
    assert_string_equal(buf_cstr(&path), other);
    assert_int_equal(migration_file(m, "f", &path, &err), 0);
    assert_string_equal(buf_cstr(&path), "/dev/null");
    assert_int_equal(migration_file(m, "c", &path, &err), DS_EUSAGE);
    assert_non_null(strstr(err.message, "<c> names the file no.xml, which cannot be read"));
    assert_int_equal(migration_file(m, "d", &path, &err), DS_EUSAGE);
    assert_non_null(strstr(err.message, "the option <d> is missing"));
    assert_int_equal(migration_file(m, "e", &path, &err), DS_EUSAGE);
    assert_non_null(strstr(err.message, "/no.xml"));
    migration_free(m);
    /* also where config.xml is named from there */
    char was[1000];
    assert_non_null(getcwd(was, sizeof was));
    assert_int_equal(chdir(below), 0);
    assert_int_equal(migration_read(&m, "config.xml", &err), 0);
    assert_int_equal(migration_file(m, "b", &path, &err), 0);
    assert_string_equal(buf_cstr(&path), other);
    migration_free(m);
    assert_int_equal(chdir(was), 0);
}

static void test_wrong_config(void **state)
{
    (void)state;
    fails(MIGRATION, "<config/>", 0, "<source> with a <database> is missing");
    fails(MIGRATION, CONFIG("<steps mode=\"other\"/>", ""), 1, "mode=\"other\" is not known");
    fails(MIGRATION, CONFIG("<steps/>", ""), 1, "<steps> needs the attribute mode");
    fails(MIGRATION, CONFIG("<steps mode=\"data\">\n<step/></steps>", ""), 2, "attribute title");
    fails(MIGRATION,
          CONFIG("<steps mode=\"data\">\n<step title=\"a\"><rollback/></step></steps>", ""), 2,
          "there may be <integrity>, <data>, <volume>, <delta>");
    fails(MIGRATION, CONFIG("<steps mode=\"data\"><step title=\"a\"><data/></step></steps>", ""), 1,
          "needs the name of a class");
    fails(MIGRATION, "<config><source><database name=\"a\" host=\"b\"/></source></config>", 1,
          "attribute user");
    fails(MIGRATION, CONFIG("", "<a/>\n<a/>"), 2, "the option <a> stands at line 1 already");
    fails(MIGRATION,
          "<config>" SIDES "<source><database name=\"a\" host=\"b\" user=\"\"/></source></config>",
          1, "second <database>");
}

/* --- groups ---------------------------------------------------------------------------------- */

static void test_groups(void **state)
{
    (void)state;
    struct groups *g =
        reads(GROUPS, "<groups><group name=\"delta_map\"><document key=\"a,b\">t</document>"
                      "<document>u</document></group><group name=\"ignore\">"
                      "<attribute type=\"catalog_product\">price</attribute></group></groups>");
    assert_int_equal(groups_count(g), 2);
    assert_null(groups_find(g, "none"));
    const struct group *map = groups_find(g, "delta_map");
    assert_int_equal(map->count, 2);
    assert_string_equal(map->items[0].name, "t");
    assert_string_equal(map->items[0].key, "a,b");
    assert_null(map->items[1].key);
    const struct group *ignore = groups_at(g, 1);
    assert_true(ignore->items[0].attribute);
    assert_string_equal(ignore->items[0].type, "catalog_product");
    groups_free(g);
    fails(GROUPS, "<groups><group name=\"a\"/>\n<group name=\"a\"/></groups>", 2,
          "at line 1 already");
    fails(GROUPS, "<groups><group/></groups>", 1, "attribute name");
    fails(GROUPS, "<groups><group name=\"a\"><document/></group></groups>", 1, "needs one name");
    fails(GROUPS, "<groups><group name=\"a\"><table>x</table></group></groups>", 1,
          "<document>, <attribute>");
}

/* --- classes --------------------------------------------------------------------------------- */

#define RENAME(from, to) "<rename><from>" from "</from><to>" to "</to></rename>"

static void test_classes(void **state)
{
    (void)state;
    struct class_map *m =
        reads(CLASSES, "<classmap>" RENAME("catalog/x", "Magento\\X") RENAME("gone/y", "")
                           RENAME("catalog/x", "Magento\\X") "</classmap>");
    assert_int_equal(class_map_count(m), 2);
    assert_string_equal(class_map_find(m, "catalog/x", 9), "Magento\\X");
    assert_string_equal(class_map_find(m, "gone/yes", 6), "");
    assert_null(class_map_find(m, "catalog/", 8));
    class_map_free(m);
    fails(CLASSES, "<classmap>" RENAME("a", "b") "\n" RENAME("a", "c") "</classmap>", 2,
          "a becomes c here, and b at line 1");
    fails(CLASSES, "<classmap><rename><from>a</from></rename></classmap>", 1,
          "needs <from> and <to>");
    fails(CLASSES, "<classmap><rename><from>a</from><from>a</from></rename></classmap>", 1,
          "second <from>");
}

/* --- settings -------------------------------------------------------------------------------- */

#define SETTINGS_FILE(keys, values)                                                                \
    "<settings><key>" keys "</key><value>" values "</value></settings>"
#define IGNORE(path)   "<ignore><path>" path "</path></ignore>"
#define MOVE(path, to) "<rename><path>" path "</path><to>" to "</to></rename>"
#define TRANSFORM(path, class)                                                                     \
    "<transform><path>" path "</path><handler class=\"" class "\"/></transform>"

static void test_settings(void **state)
{
    (void)state;
    struct settings_map *m =
        reads(SETTINGS, SETTINGS_FILE(IGNORE("web/cookie/*") IGNORE("dev/debug")
                                          MOVE("a/b/c", "a/b/d") MOVE("web/cookie/x", "web/x"),
                                      TRANSFORM("a/b/c", "One") TRANSFORM("a/b/c", "Two")
                                          TRANSFORM("a/b/c", "One")));
    assert_null(settings_map_path(m, "web/cookie/path"));
    assert_null(settings_map_path(m, "web/cookie/x")); /* ignored wins */
    assert_string_equal(settings_map_path(m, "web/cookie/"), "web/cookie/");
    assert_string_equal(settings_map_path(m, "dev/debugging"), "dev/debugging");
    assert_string_equal(settings_map_path(m, "a/b/c"), "a/b/d");
    assert_string_equal(settings_map_path(m, "a/b"), "a/b");
    const struct map_rule *r = settings_map_next_handler(m, "a/b/c", NULL);
    assert_string_equal(r->handler, "One");
    r = settings_map_next_handler(m, "a/b/c", r);
    assert_string_equal(r->handler, "Two");
    assert_null(settings_map_next_handler(m, "a/b/c", r));
    assert_null(settings_map_next_handler(m, "a/b/d", NULL));
    assert_int_equal(settings_map_count(m), 6);
    assert_string_equal(settings_map_at(m, 0)->field, "web/cookie/*");
    settings_map_free(m);
    fails(SETTINGS, SETTINGS_FILE("<ignore/>", ""), 1, "<ignore> needs <path>");
    fails(SETTINGS, SETTINGS_FILE(MOVE("a", "b") "\n" MOVE("a", "c"), ""), 2, "and b at line 1");
    fails(SETTINGS, SETTINGS_FILE(MOVE("a/*", "b"), ""), 1, "takes no *");
    fails(SETTINGS, SETTINGS_FILE(IGNORE("a b"), ""), 1, "needs the path of a setting");
    fails(SETTINGS, SETTINGS_FILE("", "<transform><path>a</path></transform>"), 1,
          "needs <handler>");
    fails(SETTINGS, SETTINGS_FILE("", IGNORE("a")), 1, "there may be <transform>");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config),       cmocka_unit_test(test_files),
        cmocka_unit_test(test_wrong_config), cmocka_unit_test(test_groups),
        cmocka_unit_test(test_classes),      cmocka_unit_test(test_settings),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
