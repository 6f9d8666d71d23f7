/* Map rules: what they say, and what is wrong with a file. */
#include "map_helper.h"

#define MAP(source, destination)                                                                   \
    "<?xml version=\"1.0\"?>\n<map xmlns:xs=\"http://www.w3.org/2001/XMLSchema-instance\" "        \
    "xs:noNamespaceSchemaLocation=\"urn:magento:module:x/map.xsd\">\n<source>" source              \
    "</source><destination>" destination "</destination>\n</map>\n"
#define DOCUMENTS(rules)   "<document_rules>" rules "</document_rules>"
#define FIELDS(rules)      "<field_rules>" rules "</field_rules>"
#define IGNORE(name)       "<ignore><document>" name "</document></ignore>"
#define RENAME(name, to)   "<rename><document>" name "</document><to>" to "</to></rename>"
#define IGNORE_FIELD(name) "<ignore><field>" name "</field></ignore>"
#define MOVE(name, to)     "<move><field>" name "</field><to>" to "</to></move>"
#define TRANSFORM(name, class, params)                                                             \
    "<transform><field>" name "</field><handler class=\"" class "\">" params                       \
                                                                "</handler></transform>"

static void fails(const char *text, unsigned line, const char *part)
{
    struct map *m;
    struct ds_error err = {0};
    char where[100];
    if (try_map(&m, text, &err) != DS_EUSAGE)
        fail_msg("reads (%s):\n%s", err.message, text);
    snprintf(where, sizeof where, "%s:%u: ", file, line);
    if ((line && strncmp(err.message, where, strlen(where)) != 0) || !strstr(err.message, part))
        fail_msg("'%s' lacks '%s' or '%s'", err.message, where, part);
    map_free(m);
}

/* --- what rules say -------------------------------------------------------------------------- */

static void test_documents(void **state)
{
    (void)state;
    struct map *m = reads(MAP(DOCUMENTS(IGNORE("log_*") IGNORE("great_*_index") IGNORE("poll")
                                            RENAME("great_publication", "great_post")
                                                RENAME("great_old", "great_post")
                                                    RENAME("log_visitor", "customer_visitor")),
                              DOCUMENTS(IGNORE("great_rating"))));
    assert_string_equal(map_document(m, MAP_SOURCE, "core_store"), "core_store");
    assert_string_equal(map_document(m, MAP_SOURCE, "great_publication"), "great_post");
    assert_string_equal(map_document(m, MAP_SOURCE, "great_old"), "great_post");
    assert_string_equal(map_document(m, MAP_DESTINATION, "great_post"), "great_publication");
    assert_null(map_document(m, MAP_SOURCE, "poll"));
    assert_string_equal(map_document(m, MAP_SOURCE, "poll_answer"), "poll_answer");
    assert_string_equal(map_document(m, MAP_DESTINATION, "poll"), "poll");
    assert_null(map_document(m, MAP_DESTINATION, "great_rating"));
    assert_string_equal(map_document(m, MAP_SOURCE, "great_rating"), "great_rating");
    assert_null(map_document(m, MAP_SOURCE, "log_visitor")); /* a pattern wins over a rename */
    assert_null(map_document(m, MAP_SOURCE, "log_"));
    assert_null(map_document(m, MAP_SOURCE, "great__index"));
    assert_string_equal(map_document(m, MAP_SOURCE, "great_index"), "great_index");
    assert_string_equal(map_document(m, MAP_SOURCE, "great_x_indexed"), "great_x_indexed");
    assert_int_equal(map_ignored(m, MAP_SOURCE, "poll")->line, 3);
    map_free(m);
}

static void test_fields(void **state)
{
    (void)state;
    struct map *m =
        reads(MAP(DOCUMENTS(RENAME("p", "q")) FIELDS(IGNORE_FIELD("p.priority") MOVE(
                      "p.summary", "q.title") "<ignore><datatype>p.body</datatype></ignore>"),
                  FIELDS(IGNORE_FIELD("q.rating") "<ignore><datatype>q.body</datatype></ignore>")));
    assert_null(map_field(m, MAP_SOURCE, "p", "priority"));
    assert_string_equal(map_field(m, MAP_SOURCE, "q", "priority"), "priority");
    assert_string_equal(map_field(m, MAP_SOURCE, "p", "summary"), "title");
    assert_string_equal(map_field(m, MAP_DESTINATION, "q", "title"), "summary");
    assert_string_equal(map_field(m, MAP_SOURCE, "p", "body"), "body");
    assert_null(map_field(m, MAP_DESTINATION, "q", "rating"));
    assert_true(map_ignores_type(m, MAP_SOURCE, "p", "body"));
    assert_true(map_ignores_type(m, MAP_DESTINATION, "q", "body"));
    assert_false(map_ignores_type(m, MAP_DESTINATION, "q", "title"));
    map_free(m);
}

static void test_handlers(void **state)
{
    (void)state;
    struct map *m =
        reads(MAP(FIELDS(TRANSFORM("p.body", "\\Migration\\Handler\\AddPrefix",
                                   "<param name=\"prefix\" value=\"a&amp;&#246;\" />")
                             TRANSFORM("p.other", "X", "")
                                 TRANSFORM("p.body", "\\Migration\\Handler\\AddPrefix",
                                           "<param name=\"prefix\" value=\"b\"/>")
                                     TRANSFORM("p.body", "\\Migration\\Handler\\AddPrefix",
                                               "<param name=\"prefix\" value=\"b\"/>")),
                  FIELDS(TRANSFORM("p.body", "Migration\\Handler\\SetValue",
                                   "<param name=\"value\" value=\"\"/>"))));
    const struct map_rule *r = map_next_handler(m, MAP_SOURCE, "p", "body", NULL);
    assert_non_null(r);
    assert_string_equal(r->handler, "\\Migration\\Handler\\AddPrefix");
    assert_int_equal(r->param_count, 1);
    assert_string_equal(r->params[0].name, "prefix");
    assert_string_equal(r->params[0].value, "a&\xc3\xb6");
    r = map_next_handler(m, MAP_SOURCE, "p", "body", r); /* the other tool drops the first one */
    assert_non_null(r);
    assert_string_equal(r->params[0].value, "b");
    assert_null(map_next_handler(m, MAP_SOURCE, "p", "body", r)); /* word for word: meant once */
    r = map_next_handler(m, MAP_DESTINATION, "p", "body", NULL);
    assert_non_null(r);
    assert_string_equal(r->params[0].value, "");
    assert_null(map_next_handler(m, MAP_DESTINATION, "p", "other", NULL));
    map_free(m);
}

static void test_matches(void **state)
{
    (void)state;
    assert_true(map_matches("web/cookie/*", "web/cookie/path", 1));
    assert_false(map_matches("web/cookie/*", "web/cookie/", 1));
    assert_true(map_matches("web/cookie/*", "web/cookie/", 0));
    assert_true(map_matches("*a*b", "xaayab", 0));
    assert_false(map_matches("*a*b", "xaayabc", 0));
    assert_true(map_matches("a*b*c", "a1b2b3c", 1));
    assert_false(map_matches("a*b*c", "abc", 1));
    assert_true(map_matches("a.b", "a.b", 0));
    assert_false(map_matches("a.b", "axb", 0));
    assert_true(map_matches("", "", 0));
}

/* --- what is wrong --------------------------------------------------------------------------- */

static void test_ambiguous(void **state)
{
    (void)state;
    fails(MAP(DOCUMENTS(RENAME("a", "b") RENAME("a", "c")), ""), 0,
          "Document has ambiguous configuration: a:");
    struct map *m = reads(MAP(FIELDS(MOVE("a.x", "a.y")), DOCUMENTS(IGNORE("a"))));
    struct ds_error err = {0};
    assert_int_equal(map_check_document(m, map_at(m, 0), &err), DS_EUSAGE);
    assert_non_null(strstr(err.message, "Document has ambiguous configuration: a:"));
    map_free(m);
    fails(MAP(FIELDS(MOVE("a.x", "a.y")), FIELDS(IGNORE_FIELD("a.y"))), 0,
          "Field has ambiguous configuration: a.x:");
    fails(MAP(FIELDS(MOVE("a.x", "a.y") IGNORE_FIELD("a.x")), ""), 0,
          "Field has ambiguous configuration: a.x:");
    fails(MAP(FIELDS(MOVE("a.x", "a.y") MOVE("a.x", "a.z")), ""), 0,
          "Field has ambiguous configuration: a.x:");
    fails(MAP(FIELDS("\n" MOVE("a.x", "b.y")), ""), 4, "within its document alone");
    map_free(reads(MAP(DOCUMENTS(RENAME("a", "b") RENAME("a", "b")), "")));
    map_free(reads(MAP(DOCUMENTS(IGNORE("a")) FIELDS(MOVE("a.x", "c.y")), "")));
    m = reads(MAP(DOCUMENTS(RENAME("a", "b")) FIELDS(MOVE("a.x", "a.y")), ""));
    assert_string_equal(map_field(m, MAP_DESTINATION, "b", "y"), "x");
    map_free(m);
    map_free(reads(MAP(DOCUMENTS(IGNORE("a") RENAME("a", "b")), DOCUMENTS(IGNORE("b")))));
}

static void test_not_a_map(void **state)
{
    (void)state;
    struct ds_error err = {0};
    struct map *m;
    assert_int_equal(map_new(&m, &err), 0);
    assert_int_equal(map_read(m, "/does/not/exist.xml", &err), DS_EUSAGE);
    assert_string_equal(err.message, "cannot read /does/not/exist.xml: No such file or directory");
    map_free(m);
    fails("", 1, "not well-formed");
    fails("<map>\n<source>\n</sourc>\n</map>\n", 3, "not well-formed");
    fails("<maps/>", 1, "expected <map>");
    fails("<!DOCTYPE map [<!ENTITY x SYSTEM \"/etc/passwd\">]>\n<map/>", 1, "DOCTYPE");
    fails("<map>\n<source><rules/></source></map>", 2, "<document_rules>, <field_rules>");
    fails(MAP("", DOCUMENTS("\n" RENAME("a", "b"))), 4, "<rename> cannot stand");
    fails(MAP("", FIELDS("\n" MOVE("a.b", "a.c"))), 4, "<move> cannot stand");
    fails(MAP(DOCUMENTS("\n\n<ignore/>"), ""), 5, "<ignore> needs <document>");
    fails(MAP(DOCUMENTS(IGNORE("")), ""), 3, "needs the name of one table");
    fails(MAP(DOCUMENTS(IGNORE("a b")), ""), 3, "without white space");
    fails(MAP(DOCUMENTS("<rename><document>a</document></rename>"), ""), 3, "needs <to>");
    fails(MAP(DOCUMENTS(RENAME("a*", "b")), ""), 3, "takes no *");
    fails(MAP(FIELDS(IGNORE_FIELD("a")), ""), 3, "needs table.column, found \"a\"");
    fails(MAP(FIELDS(IGNORE_FIELD("a.b.c")), ""), 3, "needs table.column");
    fails(MAP(FIELDS(IGNORE_FIELD("a.b*")), ""), 3, "takes no *: write a rule for each field");
    fails(MAP(FIELDS(IGNORE_FIELD("a*.b")), ""), 3, "takes no *: write a rule for each field");
    fails(MAP(FIELDS(MOVE("a.b", "a")), ""), 3, "needs table.column");
    fails(MAP(FIELDS("<transform><field>a.b</field></transform>"), ""), 3, "needs <handler>");
    fails(MAP(FIELDS("<transform><field>a.b</field><handler/></transform>"), ""), 3,
          "needs the attribute class");
    fails(MAP(FIELDS(TRANSFORM("a.b", "x y", "")), ""), 3, "no name of a handler");
    fails(MAP(FIELDS(TRANSFORM("a.b", "X", "<param name=\"n\"/>")), ""), 3,
          "needs the attribute value");
    fails(MAP(FIELDS(TRANSFORM("a.b", "X", "<param name=\"n\" value=\"1\" x=\"2\"/>")), ""), 3,
          "attribute x that is not known");
    fails(MAP("text", ""), 3, "holds the text \"text\"");
    fails(MAP(DOCUMENTS("<ignore><document><b/></document></ignore>"), ""), 3, "holds text alone");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents), cmocka_unit_test(test_fields),
        cmocka_unit_test(test_handlers),  cmocka_unit_test(test_matches),
        cmocka_unit_test(test_ambiguous), cmocka_unit_test(test_not_a_map),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
