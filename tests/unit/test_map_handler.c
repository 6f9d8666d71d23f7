/* Handlers of map rules: how they are opened, and those of values, attributes and settings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "map_handler_helper.h"

/* --- opening ------------------------------------------------------------------------------------
 */

static void classes_are_found_with_and_without_a_backslash(void **state)
{
    (void)state;
    start();
    here("f", "a");
    becomes("SetValue", "value=x", "x");
    becomes("\\Migration\\Handler\\SetValue", "value=y", "y");
    size_t count = 0;
    while (map_handler_class(count))
        count++;
    assert_in_range(count, 46, 60);
}

static void classes_that_are_not_there_are_named(void **state)
{
    (void)state;
    start();
    here("f", "a");
    cannot_be("GreatBlog\\NewFormat", NULL, "Migration\\Handler\\GreatBlog\\NewFormat (for t.f)");
    cannot_be("GreatBlog\\NewFormat", NULL,
              "in Lua as map_handlers[\"Migration\\Handler\\GreatBlog\\NewFormat\"]");
    cannot_be("\\SetValue", "value=1", "no handler SetValue");
    cannot_be("setvalue", "value=1", "no handler");
}

static void parameters_are_checked(void **state)
{
    (void)state;
    start();
    here("f", "a");
    cannot_be("SetValue", NULL, "needs the parameter value");
    cannot_be("SetValue", "value=1\nvalu=2", "has no parameter valu; there are: value");
    cannot_be("Convert", "map=[a:b]\ndefault=c", "there are: map defaultValue");
    cannot_be("ConvertIp", "x=1", "takes no parameters, and x is one");
    cannot_be("GetDestinationValue", "setNullIfEmpty=yes", "true or false");
    cannot_be("FieldCopy", "fieldCopy=g", "needs the column g, which table t lacks");
    cannot_be("CleanMultiselect", NULL, "needs the column attribute_id");
}

static void a_rule_for_a_column_that_is_not_there_is_refused(void **state)
{
    (void)state;
    start();
    here("g", "a");
    cannot_be("SetValue", "value=1", "is for the column f, which table t lacks");
}

/* --- values -------------------------------------------------------------------------------------
 */

static void set_value(void **state)
{
    (void)state;
    start();
    makes("SetValue", "value=v", "x", "v");
    makes("SetValue", "value=", "x", "");
    makes("SetValue", "value=null", "x", "NULL");
    makes("SetValue", "value=NULL", "x", "NULL");
    makes("SetValue", "value=0.0000", NULL, "0.0000");
    makes("SetValue", "value=+100", "5", "105");
    makes("SetValue", "value=+100", NULL, "100");
    makes("SetValue", "value=-7", "5", "-2");
    makes("SetValue", "value=-5", "5", "0");
    makes("SetValue", "value=+1.5", "2.25", "3.75");
    makes("SetValue", "value=+1.55", "2", "3.55");
    makes("SetValue", "value=-0.5", "0.25", "-0.25");
    makes("SetValue", "value=+1", "9223372036854775807", "9223372036854775808");
    makes("SetValue", "value=-", "5", "-");
    makes("SetValue", "value=+49 30 1234", "5", "+49 30 1234");
    here("f", "many");
    cannot("SetValue", "value=+1", DS_ECONFLICT, "t.f: +1 cannot be added");
}

static void convert(void **state)
{
    static const char layouts[] =
        "map=[one_column:1column;two_columns_left:2columns-left;]\ndefaultValue=1column";
    (void)state;
    start();
    makes("Convert", "map=[a:b;c:d]", "a", "b");
    makes("Convert", "map=[a:b;c:d]", "c", "d");
    makes("Convert", "map=[a:b;c:d]", "b", "b");
    makes("Convert", "map=[a:b;c:d]", NULL, "NULL");
    makes("Convert", "map=[a:b;\n", "a", "b");
    makes("Convert", layouts, "two_columns_left", "2columns-left");
    makes("Convert", layouts, "other", "1column");
    makes("Convert", layouts, NULL, "1column");
    makes("Convert", "map=[a:b]\ndefaultValue=0", "x", "0");
    makes("Convert", "map=[customer/entity:customer_entity; a: b ]", "a", " b");
    makes("Convert", "map=[a:;b:c]", "a", "");
    cannot_be("Convert", "map=[a:b;c]", "\"c\" in \"[a:b;c]\"");
    cannot_be("Convert", "map=[a:b:c]", "not FROM:TO");
}

static void other_fields(void **state)
{
    (void)state;
    start();
    makes("AddPrefix", "prefix=m1_", "a", "m1_a");
    makes("AddPrefix", "prefix=m1_", NULL, "m1_");
    here("g", "from");
    makes("FieldCopy", "fieldCopy=g", "x", "from");
    here("g", "0");
    makes("FieldCopy", "fieldCopy=g", "x", "0");
    here("g", "");
    makes("FieldCopy", "fieldCopy=g", "x", "x");
    here("g", NULL);
    makes("FieldCopy", "fieldCopy=g", "x", "x");
    there("f", "y");
    makes("GetDestinationValue", NULL, "x", "y");
    there("f", NULL);
    makes("GetDestinationValue", NULL, "x", "x");
    makes("GetDestinationValue", "setNullIfEmpty=true", "x", "NULL");
    makes("GetDestinationValue", "setNullIfEmpty=false", "x", "x");
}

static void convert_ip(void **state)
{
    (void)state;
    start();
    makes("ConvertIp", NULL, "127.0.0.1", "2130706433");
    makes("ConvertIp", NULL, "255.255.255.255", "4294967295");
    makes("ConvertIp", NULL, "\x7f\x01\x02\x03", "2130772483");
    makes("ConvertIp", NULL, "2130706433", "2130706433");
    makes("ConvertIp", NULL, "::1", "0");
    makes("ConvertIp", NULL, "::12", "0");
    makes("ConvertIp", NULL, "2001:db8::1", "0");
    makes("ConvertIp", NULL, "localhost", "0");
    makes("ConvertIp", NULL, "", "0");
    makes("ConvertIp", NULL, NULL, "NULL");
    put_bytes(0, "f", MAP_FIELD_BYTES, slice("1234"));
    becomes("ConvertIp", NULL, "825373492");
    put_bytes(0, "f", MAP_FIELD_BYTES, (struct slice){(const uint8_t *)"\x0a\0\0\x01", 4});
    becomes("ConvertIp", NULL, "167772161");
    put_bytes(0, "f", MAP_FIELD_BYTES, (struct slice){(const uint8_t *)"127.0.0.1\0", 10});
    becomes("ConvertIp", NULL, "0");
}

static void timestamp_to_date(void **state)
{
    (void)state;
    start();
    here("frontend_input", "date");
    makes("ConvertTimestampToDate", NULL, "1398384000", "2014-04-25 00:00:00");
    makes("ConvertTimestampToDate", NULL, "-1", "1969-12-31 23:59:59");
    makes("ConvertTimestampToDate", NULL, "0", "1970-01-01 00:00:00");
    makes("ConvertTimestampToDate", NULL, "2014-04-25", "2014-04-25");
    makes("ConvertTimestampToDate", NULL, NULL, "NULL");
    here("f", "999999999999999");
    cannot("ConvertTimestampToDate", NULL, DS_ECONFLICT, "9999");
    here("frontend_input", "text");
    makes("ConvertTimestampToDate", NULL, "1398384000", "1398384000");
}

static void shifts(enum map_field_kind kind, const char *offset, const char *from, const char *to)
{
    char param[50];
    snprintf(param, sizeof param, "offset=%s", offset);
    put_bytes(0, "f", kind, slice(from));
    becomes("Timezone", param, to);
}

static void timezone_of_dates_and_numbers(void **state)
{
    (void)state;
    start();
    shifts(MAP_FIELD_NUMBER, "+3", "1420070400", "1420081200");
    shifts(MAP_FIELD_NUMBER, "-7", "1420070400", "1420045200");
    shifts(MAP_FIELD_NUMBER, "-7", "0", "0");
    shifts(MAP_FIELD_DATETIME, "3", "2015-01-01 00:00:00", "2015-01-01 03:00:00");
    shifts(MAP_FIELD_DATETIME, "+3", "2015-12-31 22:30:00", "2016-01-01 01:30:00");
    shifts(MAP_FIELD_DATETIME, "-7", "2016-03-01 00:00:00", "2016-02-29 17:00:00");
    shifts(MAP_FIELD_DATETIME, "+5.5", "2015-01-01 00:00:00", "2015-01-01 05:30:00");
    shifts(MAP_FIELD_DATETIME, "-3:30", "2015-01-01 00:00:00", "2014-12-31 20:30:00");
    shifts(MAP_FIELD_DATETIME, "5.75", "2015-01-01 00:00:00", "2015-01-01 05:45:00");
    shifts(MAP_FIELD_DATETIME, "+14", "2015-01-01 00:00:00.123456", "2015-01-01 14:00:00.123456");
    shifts(MAP_FIELD_DATETIME, "-14", "2015-03-29 02:30:00", "2015-03-28 12:30:00");
    shifts(MAP_FIELD_DATETIME, "-12", "2015-01-01 00:00:00", "2014-12-31 12:00:00");
    shifts(MAP_FIELD_DATETIME, "0", "2015-01-01 00:00:00", "2015-01-01 00:00:00");
    shifts(MAP_FIELD_DATETIME, "", "2015-01-01 00:00:00", "2015-01-01 00:00:00");
    shifts(MAP_FIELD_NUMBER, "", "1420070400", "1420070400");
    shifts(MAP_FIELD_DATETIME, "+3", "0000-00-00 00:00:00", "0000-00-00 00:00:00");
    shifts(MAP_FIELD_DATETIME, "+3", NULL, "NULL");
    shifts(MAP_FIELD_DATETIME, "+3", "", "");
    put_bytes(0, "f", MAP_FIELD_DATETIME, slice("9999-12-31 23:00:00"));
    cannot("Timezone", "offset=+3", DS_ECONFLICT, "years");
    static const char *const wrong[] = {
        "offset=15",   "offset=-15",   "offset=+14.5",
        "offset=+",    "offset=three", "offset=+-3",
        "offset=3:60", "offset=3.3",   "offset=99999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cannot_be("Timezone", wrong[i], "-14 to +14");
    put_bytes(0, "f", MAP_FIELD_DATE, slice("2015-01-01"));
    cannot_be("Timezone", "offset=3", "t.f is none of them");
    put_bytes(0, "f", MAP_FIELD_TEXT, slice("2015-01-01 00:00:00"));
    cannot_be("Timezone", "offset=3", "t.f is none of them");
}

static void hash(void **state)
{
    (void)state;
    start();
    here("f", NULL);
    there("string", "some_string");
    becomes("SetHash", "hash=crc32\nbaseField=string", "3815610523");
    there("string", NULL);
    becomes("SetHash", "hash=crc32\nbaseField=string", "0");
    cannot("SetHash", "hash=crc32\nbaseField=g", DS_ECONFLICT, "no column g");
    cannot_be("SetHash", "hash=md5\nbaseField=string", "crc32");
}

/* --- attributes ---------------------------------------------------------------------------------
 */

static void values_of_one_attribute(void **state)
{
    static const char middlename[] = "attributeCode=middlename\nvalue=NULL",
                      path[] = "attributeCode=url_path\nmap=[a:b]";
    (void)state;
    start();
    here("attribute_id", "4");
    makes("SetValueAttributeCondition", middlename, "x", "NULL");
    makes("SetValueAttributeCondition", "attributeCode=middlename\nvalue=0", "x", "0");
    makes("SetValueAttributeCondition", "attributeCode=middlename\nvalue=-1", "5", "-1");
    here("attribute_id", "3");
    makes("SetValueAttributeCondition", middlename, "x", "x");
    makes("ConvertEavValue", path, "a", "b");
    here("attribute_id", "99");
    makes("ConvertEavValue", path, "a", "a");
    here("attribute_id", NULL);
    makes("ConvertEavValue", path, "a", "a");
    t.facts.attribute = NULL;
    here("attribute_id", "3");
    makes("ConvertEavValue", path, "a", "a");
}

static void suffixes(void **state)
{
    static const char params[] =
        "suffixPath=catalog/seo/product_url_suffix\n"
        "attributeCodes=[url_key,url_path]\nentityTypeCode=catalog_product";
    (void)state;
    start();
    here("attribute_id", "1");
    makes("TruncateSuffix", params, "shirt.html", "shirt");
    makes("TruncateSuffix", params, "shirt.htm", "shirt.htm");
    makes("TruncateSuffix", params, "a.html.html", "a.html");
    makes("TruncateSuffix", params, NULL, "NULL");
    t.setting = "-x";
    makes("TruncateSuffix", params, "shirt-x", "shirt");
    makes("TruncateSuffix", params, "shirt.html", "shirt.html");
    t.setting = "html";
    makes("TruncateSuffix", params, "shirt.html", "shirt");
    t.setting = "";
    makes("TruncateSuffix", params, "shirt.html", "shirt.html");
    t.setting = NULL;
    here("attribute_id", "2"); /* another attribute */
    makes("TruncateSuffix", params, "shirt.html", "shirt.html");
    here("attribute_id", "3"); /* another type */
    makes("TruncateSuffix", params, "shirt.html", "shirt.html");
}

static void multiselect(void **state)
{
    (void)state;
    start();
    here("attribute_id", "2");
    makes("CleanMultiselect", NULL, ",1,,2,", "1,2");
    makes("CleanMultiselect", NULL, "1", "1");
    makes("CleanMultiselect", NULL, ",,", "");
    makes("CleanMultiselect", NULL, NULL, "NULL");
    makes("EavAttribute\\BackendTypeForMultiselect", NULL, "text", "varchar");
    here("attribute_id", "5");
    makes("CleanMultiselect", NULL, ",1,", ",1,");
    makes("EavAttribute\\BackendTypeForMultiselect", NULL, "text", "text");
    here("attribute_id", "6");
    makes("CleanMultiselect", NULL, ",1,", ",1,");
    makes("EavAttribute\\BackendTypeForMultiselect", NULL, "text", "text");
}

static void apply_to(void **state)
{
    (void)state;
    start();
    here("f", "simple,virtual");
    there("f", "simple");
    becomes("EavAttribute\\ApplyTo", NULL, "simple");
    there("f", NULL);
    becomes("EavAttribute\\ApplyTo", NULL, "NULL");
}

/* --- settings and what is decided by other columns ----------------------------------------------
 */

static void settings(void **state)
{
    (void)state;
    start();
    makes("Settings\\CategoryRootId", NULL, "2", "NULL");
    makes("Settings\\CategoryRootId", NULL, "3", "3");
    makes("Settings\\UrlSuffix", NULL, "html", ".html");
    makes("Settings\\UrlSuffix", NULL, ".html", ".html");
    makes("Settings\\UrlSuffix", NULL, "", "");
    makes("Settings\\UrlSuffix", NULL, NULL, "NULL");
    there("f", "sales_email_order_template");
    makes("Settings\\Template", NULL, "sales_email_template", "sales_email_order_template");
    makes("Settings\\Template", NULL, "12", "12");
    there("f", NULL);
    makes("Settings\\Template", NULL, "sales_email_template", "sales_email_template");
}

/* Their rules name a path in the place of a column. */
static void rules_for_settings(void **state)
{
    struct map_handler *h;
    struct ds_error err = {0};
    struct map_rule rule = {.kind = MAP_TRANSFORM,
                            .document = "core_config_data",
                            .field = "catalog/seo/product_url_suffix",
                            .handler = "\\Migration\\Handler\\Settings\\UrlSuffix",
                            .file = "settings.xml",
                            .line = 3};
    (void)state;
    start();
    t.tables[0].name = "core_config_data";
    here("path", "catalog/seo/product_url_suffix");
    here("value", "html");
    assert_int_equal(map_handler_open(&h, &rule, &t.tables[0], &err), 0);
    struct map_call c = {.record = &t.records[0], .field = 1, .facts = &t.facts, .arena = &t.arena};
    assert_int_equal(map_handler_call(h, &c, &err), 0);
    assert_true(same(t.values[0][1].text, ".html"));
    map_handler_close(h);
}

static void merchandiser(void **state)
{
    (void)state;
    start();
    makes("VisualMerchandiser\\Attribute", NULL, "price,color", "price,color,SKU");
    makes("VisualMerchandiser\\Attribute", NULL, "sku,color", "sku,color");
    makes("VisualMerchandiser\\Attribute", NULL, "color,Sku", "color,Sku");
    makes("VisualMerchandiser\\Attribute", NULL, "skull", "skull,SKU");
    makes("VisualMerchandiser\\Attribute", NULL, NULL, "SKU");
    makes("VisualMerchandiser\\InsertMode", NULL, "1", "0");
    makes("VisualMerchandiser\\InsertMode", NULL, "2", "1");
    makes("VisualMerchandiser\\InsertMode", NULL, "3", "3");
}

static void visible(const char *status, const char *order_state, const char *wanted)
{
    here("status", status);
    here("state", order_state);
    makes("SalesOrderStatusState\\SetVisibleOnFront", NULL, "x", wanted);
}

static void visible_on_front(void **state)
{
    (void)state;
    start();
    visible("pending", "new", "1");
    visible("pending_payment", "pending_payment", "0");
    visible("pending_ogone", "pending_payment", "0");
    visible("processed_ogone", "processing", "0");
    visible("processing", "processing", "1");
}

static void event(const char *from, const char *to, const char *wanted)
{
    here("date_start", from);
    here("date_end", to);
    makes("GetEventStatus", NULL, "x", wanted);
}

static void event_status(void **state)
{
    (void)state;
    start();
    t.facts.now = 1420070400; /* 2015-01-01 00:00:00 */
    event("2014-12-31 00:00:00", "2015-01-02 00:00:00", "0");
    event("2015-01-01 00:00:00", "2015-01-01 00:00:01", "0");
    event("2015-01-01 00:00:01", "2015-01-02 00:00:00", "1");
    event("2014-12-30 00:00:00", "2014-12-31 00:00:00", "2");
    event("2014-12-30 00:00:00", "2015-01-01 00:00:00", "2");
    event(NULL, NULL, "0");
    event("2016-01-01 00:00:00", NULL, "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_are_found_with_and_without_a_backslash),
        cmocka_unit_test(classes_that_are_not_there_are_named),
        cmocka_unit_test(parameters_are_checked),
        cmocka_unit_test(a_rule_for_a_column_that_is_not_there_is_refused),
        cmocka_unit_test(set_value),
        cmocka_unit_test(convert),
        cmocka_unit_test(other_fields),
        cmocka_unit_test(convert_ip),
        cmocka_unit_test(timestamp_to_date),
        cmocka_unit_test(timezone_of_dates_and_numbers),
        cmocka_unit_test(hash),
        cmocka_unit_test(values_of_one_attribute),
        cmocka_unit_test(suffixes),
        cmocka_unit_test(multiselect),
        cmocka_unit_test(apply_to),
        cmocka_unit_test(settings),
        cmocka_unit_test(rules_for_settings),
        cmocka_unit_test(merchandiser),
        cmocka_unit_test(visible_on_front),
        cmocka_unit_test(event_status),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    start();
    return failed;
}
