/* Handlers of map rules: those of serialised and other texts, names of classes and tables, keys,
 * lookups and rows of other tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "map_handler_helper.h"
#include "schema/migration/class_map.h"

static struct class_map *classes;

#define CLASS(from, to) "<rename><from>" from "</from><to>" to "</to></rename>"

static int setup(void **state)
{
    static const char text[] = "<classmap>" CLASS(
        "catalog/product_widget_new", "Magento\\Catalog\\Block\\Product\\Widget\\NewWidget")
        CLASS("cms/widget_block", "Magento\\Cms\\Block\\Widget\\Block")
            CLASS("salesrule/rule_condition_combine",
                  "Magento\\SalesRule\\Model\\Rule\\Condition\\Combine")
                CLASS("gone/for_good", "") "</classmap>";
    char file[] = "/tmp/datasync-classes-XXXXXX";
    struct ds_error err = {0};
    int fd = mkstemp(file);
    (void)state;
    if (fd < 0 || write(fd, text, sizeof text - 1) != (ssize_t)sizeof text - 1 || close(fd))
        return -1;
    int rc = class_map_read(&classes, file, &err);
    return unlink(file) || rc;
}

static int teardown(void **state)
{
    (void)state;
    start();
    class_map_free(classes);
    return 0;
}

static void begin(void)
{
    start();
    t.facts.classes = classes;
}

/* --- JSON ---------------------------------------------------------------------------------------
 */

static void serialized_to_json(void **state)
{
    static const char class[] = "SerializeToJson", broken[] = "a:6:{s:13:\"attribute_code\";}";
    (void)state;
    begin();
    makes(class, NULL, "a:1:{s:4:\"some\";s:5:\"array\";}", "{\"some\":\"array\"}");
    makes(class, NULL, "a:2:{i:0;i:5;i:1;s:3:\"a/b\";}", "[5,\"a\\/b\"]");
    makes(class, NULL, "a:0:{}", "[]");
    makes(class, NULL, NULL, "NULL");
    makes(class, NULL, "", "false");
    makes(class, NULL, "b:0;", "false");
    makes(class, NULL, "a:0:{}\n", "[]"); /* as unserialize() reads it */
    warns(0, NULL);
    makes(class, NULL, broken, "NULL");
    warns(1, "Could not unserialize data of t.f: ");
    makes(class, NULL, "s:2:\"a\xe4\";", "NULL");
    warns(2, "UTF-8");
    makes(class, "migrateBrokenData=true\nsuppressWarning=true", broken, "NULL");
    warns(2, "UTF-8");
    here("f", broken);
    cannot(class, "migrateBrokenData=false", DS_ECONFLICT,
           "t.f: Could not unserialize data of t.f: ");
    assert_string_equal(result(), broken);
    cannot_be(class, "suppressWarning=perhaps", "takes true or false as suppressWarning");
}

#ifdef HAVE_PCRE2
static void json_by_the_value_of_another_column(void **state)
{
    static const char class[] = "SerializeToJson\\ConvertWithConditions",
                      params[] =
                          "conditionalField=code\nconditionalFieldValuesPattern=/(parameters)|"
                          "(info_buyRequest)|(attributes)|(bundle_option_ids)/";
    (void)state;
    begin();
    here("code", "info_buyRequest");
    makes(class, params, "a:1:{s:3:\"qty\";i:2;}", "{\"qty\":2}");
    makes(class, params, "x", "NULL");
    warns(1, "t.f");
    here("code", "simple_product");
    makes(class, params, "a:1:{s:3:\"qty\";i:2;}", "a:1:{s:3:\"qty\";i:2;}");
    makes(class, params, "12", "12");
    here("code", NULL);
    makes(class, params, "a:0:{}", "a:0:{}");
    warns(1, "t.f");
    here("code", "OPTION_12");
    makes(class, "conditionalField=code\nconditionalFieldValuesPattern=#^option_\\d+$#i", "i:1;",
          "1");
    makes(class, "conditionalField=code\nconditionalFieldValuesPattern={^OPTION_\\d\\d$}x", "i:1;",
          "1");
    here("f", "x");
    cannot(class,
           "conditionalField=code\nconditionalFieldValuesPattern=/^OPTION/\nignoreBrokenData=0",
           DS_ECONFLICT, "unserialize");
    cannot_be(class, "conditionalField=code\nconditionalFieldValuesPattern=parameters",
              "\"parameters\" is no pattern");
    cannot_be(class, "conditionalField=code\nconditionalFieldValuesPattern=/a", "is no pattern");
    cannot_be(class, "conditionalField=code\nconditionalFieldValuesPattern=/a/e", "modifier");
    cannot_be(class, "conditionalField=code\nconditionalFieldValuesPattern=/a(/",
              "missing closing parenthesis at its character 4");
    cannot_be(class, "conditionalField=g\nconditionalFieldValuesPattern=/a/", "needs the column g");
    here("code", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!");
    cannot(class, "conditionalField=code\nconditionalFieldValuesPattern=/^(a+)+(b+)*$|^(a|aa)+$/",
           DS_ECONFLICT, "too long");
}
#endif

static void options_of_items(void **state)
{
    static const char class[] = "SerializeToJson\\ItemOption";
    (void)state;
    begin();
    here("code", "option_12");
    makes(class, NULL, "a:1:{s:4:\"year\";s:4:\"2015\";}", "{\"year\":\"2015\"}");
    makes(class, NULL, "what a customer wrote", "what a customer wrote");
    makes(class, NULL, "7,8", "7,8");
    makes(class, NULL, "", "");
    makes(class, NULL, NULL, "NULL");
    here("code", "option_ids");
    makes(class, NULL, "a:0:{}", "a:0:{}");
    here("code", "option_");
    makes(class, NULL, "a:0:{}", "a:0:{}");
    warns(0, NULL);
}

static void options_of_ordered_items(void **state)
{
    static const char class[] = "SerializeToJson\\SalesOrderItem";
    (void)state;
    begin();
    makes(class, NULL,
          "a:3:{s:15:\"info_buyRequest\";a:1:{s:3:\"qty\";i:1;}"
          "s:7:\"options\";a:2:{i:0;a:2:{s:11:\"option_type\";s:4:\"file\";"
          "s:12:\"option_value\";s:28:\"a:1:{s:5:\"title\";s:3:\"a/b\";}\";}"
          "i:1;a:2:{s:11:\"option_type\";s:5:\"field\";s:12:\"option_value\";s:4:\"i:5;\";}}"
          "s:27:\"bundle_selection_attributes\";s:27:\"a:1:{s:5:\"price\";d:0.1000;}\";}",
          "{\"info_buyRequest\":{\"qty\":1},\"options\":[{\"option_type\":\"file\","
          "\"option_value\":\"{\\\"title\\\":\\\"a\\\\\\/b\\\"}\"},{\"option_type\":\"field\","
          "\"option_value\":\"i:5;\"}],"
          "\"bundle_selection_attributes\":\"{\\\"price\\\":0.1}\"}");
    makes(class, NULL, NULL, "NULL");
    makes(class, NULL, "a:1:{s:7:\"options\";s:1:\"x\";}", "{\"options\":\"x\"}");
    warns(0, NULL);
    makes(class, NULL, "a:1:{s:27:\"bundle_selection_attributes\";s:1:\"x\";}",
          "{\"bundle_selection_attributes\":\"x\"}");
    warns(1, "within t.f");
    makes(class, NULL, "x", "NULL");
    warns(2, "of t.f");
    here("f", "a:1:{s:27:\"bundle_selection_attributes\";s:1:\"x\";}");
    cannot(class, "ignoreBrokenData=false", DS_ECONFLICT, "unserialize");
}

static void classes_in_rules(void **state)
{
    static const char class[] = "Rule\\SerializedData";
    (void)state;
    begin();
    makes(class, NULL,
          "a:2:{s:4:\"type\";s:32:\"salesrule/rule_condition_combine\";s:10:\"conditions\";"
          "a:2:{i:0;s:13:\"gone/for_good\";i:1;s:3:\"sku\";}}",
          "a:2:{s:4:\"type\";s:46:\"Magento\\SalesRule\\Model\\Rule\\Condition\\Combine\";"
          "s:10:\"conditions\";a:2:{i:0;N;i:1;s:3:\"sku\";}}");
    makes(class, NULL, "s:13:\"gone/for_good\";", "s:13:\"gone/for_good\";");
    makes(class, NULL, NULL, "NULL");
    makes(class, NULL, "", "");
    warns(0, NULL);
    makes(class, NULL, "a:1:{", "a:1:{");
    warns(1, "unserialize");
}

static void smart_attributes(void **state)
{
    static const char class[] = "VisualMerchandiser\\SmartAttribute";
    (void)state;
    begin();
    here("attribute_codes", "price,name,cost,sku,color");
    here("smart_attributes", "a:5:{i:0;a:2:{s:5:\"value\";s:4:\">= 5\";s:4:\"link\";s:2:\"OR\";}"
                             "i:1;a:2:{s:5:\"value\";s:6:\"*Shi/*\";s:4:\"link\";s:3:\"AND\";}"
                             "i:2;a:2:{s:5:\"value\";s:2:\"!3\";s:4:\"link\";s:2:\"OR\";}"
                             "i:3;a:2:{s:5:\"value\";i:7;s:4:\"link\";s:2:\"OR\";}"
                             "i:4;a:1:{s:5:\"value\";s:2:\"<1\";}}");
    makes(class, NULL, "x",
          "[{\"operator\":\"gte\",\"value\":\"5\",\"attribute\":\"price\",\"logic\":\"OR\"},"
          "{\"operator\":\"like\",\"value\":\"Shi\\/\",\"attribute\":\"name\",\"logic\":\"AND\"},"
          "{\"operator\":\"neq\",\"value\":\"3\",\"attribute\":\"cost\",\"logic\":\"OR\"},"
          "{\"operator\":\"eq\",\"value\":\"7\",\"attribute\":\"sku\",\"logic\":\"OR\"},"
          "{\"operator\":\"lt\",\"value\":\"1\",\"attribute\":\"color\",\"logic\":\"\"}]");
    here("smart_attributes", "a:0:{}");
    makes(class, NULL, "x", "[]");
    here("smart_attributes", NULL);
    makes(class, NULL, "x", "x");
    here("smart_attributes", "b:0;");
    makes(class, NULL, "x", "x");
    here("smart_attributes", "broken");
    makes(class, NULL, "x", "NULL");
    warns(1, "unserialize");
}

/* --- classes, tables, formats -------------------------------------------------------------------
 */

static void class_names(void **state)
{
    (void)state;
    begin();
    makes("ClassMap", NULL, "cms/widget_block", "Magento\\Cms\\Block\\Widget\\Block");
    makes("ClassMap", NULL, "gone/for_good", "NULL");
    makes("ClassMap", NULL, NULL, "NULL");
    warns(0, NULL);
    makes("ClassMap", NULL, "not/known", "NULL");
    warns(1, "Class not/known is not mapped");
    there("f", "Magento\\Here");
    makes("EavAttribute\\ConvertModel", NULL, "cms/widget_block",
          "Magento\\Cms\\Block\\Widget\\Block");
    makes("EavAttribute\\ConvertModel", NULL, "", "Magento\\Here");
    makes("EavAttribute\\ConvertModel", NULL, NULL, "Magento\\Here");
    makes("EavAttribute\\ConvertModel", NULL, "not/known", "NULL");
    there("f", NULL);
    makes("EavAttribute\\ConvertModel", NULL, "", "NULL");
}

static void placeholders(void **state)
{
    (void)state;
    begin();
    makes(
        "Placeholder", NULL,
        "<p>hello {{widget type=\"catalog/product_widget_new\" display_type=\"all_products\" "
        "products_count=\"10\" template=\"catalog/product/widget/new/content/grid.phtml\"}}</p>",
        "<p>hello {{widget type=\"Magento\\\\Catalog\\\\Block\\\\Product\\\\Widget\\\\NewWidget\" "
        "display_type=\"all_products\" products_count=\"10\" "
        "template=\"product/widget/new/content/grid.phtml\"}}</p>");
    makes("Placeholder", NULL, "{{widget type='cms/widget_block' template='block.phtml'}}",
          "{{widget type='Magento\\\\Cms\\\\Block\\\\Widget\\\\Block' template='block.phtml'}}");
    makes("Placeholder", NULL, "{{block template=\"Magento_Cms::a/b.phtml\" block_id=\"type\"}}",
          "{{block template=\"Magento_Cms::a/b.phtml\" block_id=\"type\"}}");
    warns(0, NULL);
    makes("Placeholder", NULL,
          "a{{widget type=\"not/known\" x=\"1\"}}b{{widget type=\"gone/for_good\"}}c", "abc");
    warns(2, "Class gone/for_good is not mapped");
    makes("Placeholder", NULL, "a{{block type=\"not/known\" template=\"x/y.phtml\"}}b",
          "a{{block type=\"not/known\" template=\"y.phtml\"}}b");
    makes("Placeholder", NULL, "{{store url=\"a/b\"}} type=\"cms/widget_block\"",
          "{{store url=\"a/b\"}} type=\"cms/widget_block\"");
    makes("Placeholder", NULL, "{{widgets type=\"cms/widget_block\"}}{{widget type=\"cms",
          "{{widgets type=\"cms/widget_block\"}}{{widget type=\"cms");
    makes("Placeholder", NULL, "{{widget\ntype=\"cms/widget_block\"}} {{var x}}",
          "{{widget\ntype=\"Magento\\\\Cms\\\\Block\\\\Widget\\\\Block\"}} {{var x}}");
    makes("Placeholder", NULL, NULL, "NULL");
    makes("Placeholder", NULL, "", "");
}

static void condition_sql(void **state)
{
    (void)state;
    begin();
    makes("Rule\\ConditionSql", NULL,
          "SELECT COUNT(*) FROM `m1_sales_flat_order` AS `order` JOIN `m1_customer_entity` WHERE "
          "(`order`.`customer_id` = 'm1_sales_flat_order')",
          "SELECT COUNT(*) FROM `m2_sales_order` AS `order` JOIN `m2_customer_entity` WHERE "
          "(`order`.`customer_id` = 'm1_sales_flat_order')");
    makes("Rule\\CustomerSegmentConditionSql", NULL, "`m1_sales_flat_order`", "`m2_sales_order`");
    makes("Rule\\ConditionSql", NULL, "`m1_sales_flat_order", "`m1_sales_flat_order");
    makes("Rule\\ConditionSql", NULL, "`sales_flat_order`", "`sales_flat_order`");
    makes("Rule\\ConditionSql", NULL, NULL, "NULL");
}

static void date_formats(void **state)
{
    (void)state;
    begin();
    makes("ConvertDateFormat", NULL,
          "<a><date_format>full</date_format><date_format>short</date_format>"
          "<date_format>other</date_format></a>",
          "<a><date_format>0</date_format><date_format>3</date_format>"
          "<date_format>other</date_format></a>");
    makes("ConvertDateFormat", NULL, "<date_format>long</date_format>",
          "<date_format>1</date_format>");
    makes("ConvertDateFormat", NULL, "<date_format>medium</date_format>",
          "<date_format>2</date_format>");
    makes("ConvertDateFormat", NULL, "<date_format>long", "<date_format>long");
    makes("ConvertDateFormat", NULL, NULL, "NULL");
}

/* --- keys ---------------------------------------------------------------------------------------
 */

static const char blowfish_key[] = "2ec7dda5e24c7a672aabfa26090d903d",
                  new_key[] = "1fe2c0a5d9b84c6e9a7b3d2f10e8c4b6";

/* Wanted values are libsodium's, those of AES the openssl program's. */
static void encrypt(void **state)
{
    (void)state;
    begin();
    t.facts.source_key = blowfish_key;
    t.facts.destination_key = new_key;
    makes("Encrypt", NULL, "Zn0TPoBehxtAlaTVsyiIPg==",
          "0:3:QkUropaGcvuwPgt+xR0JdBLYyOAFNck/CBPpWR1OeVhmUjccYQBvTA==");
    makes("Encrypt", NULL, "SkvJa/BmV9HN++kXnTbRvQ==",
          "0:3:N5QDfX6Oo1UCf3tl346xRYCYWpj9aE5P6fyDCFx5W3MWkdyyGR14PNWMqKA=");
    makes("Settings\\Encrypt", NULL, "idjuN0JcfJ4xXMCNvJ5qJw==",
          "0:3:nEshCrlbMEMFBxsIrG2UhbEUlXI9NRMxpggdQ6CfEl+WgvSWaVPEcmNk");
    makes("Encrypt", NULL, "0:2:pi3m2Vk0aXz9QwLr:9Y2jEX6dBIDYNIvUIIPoIg==",
          "0:3:QkUropaGcvuwPgt+xR0JdBLYyOAFNck/CBPpWR1OeVhmUjccYQBvTA==");
    makes("Encrypt", NULL, "", "");
    makes("Encrypt", NULL, "0", "0");
    makes("Encrypt", NULL, NULL, "NULL");
    warns(0, NULL);
}

static void several_keys(void **state)
{
    (void)state;
    begin();
    t.facts.source_key = "2ec7dda5e24c7a672aabfa26090d903d\n8letters\n";
    t.facts.destination_key =
        "1fe2c0a5d9b84c6e9a7b3d2f10e8c4b6\nbase64AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    makes("Encrypt", NULL, "Zn0TPoBehxtAlaTVsyiIPg==",
          "1:3:wtfq+/l90HYQ79Sg9IIFXPaSKZb3NrbJvtdAf14V0htpZhOIcFcyeA==");
    t.facts.destination_key = new_key;
    makes("Encrypt", NULL, "1:2:pi3m2Vk0aXz9QwLr:V3wDk1386ZT9BRvjQeJ4fBqdFtDotL9mTajevpcQKx8=",
          "0:3:vTotFxz7jp34b/Kz45Ckc23cWdTjOMf/JhncEXudKTmQjqjAYaBK2BT9aAAtiBZa");
}

static void what_cannot_be_decrypted_is_told(void **state)
{
    static const char *const unreadable[] = {
        "N2ONaEo1mz+nOZ37/LJ4eg==", /* another key */
        "never encrypted",
        "2:2:pi3m2Vk0aXz9QwLr:9Y2jEX6dBIDYNIvUIIPoIg==",            /* no such key */
        "0:2:pi3m2Vk0aXz9QwLr:9Y2jEX6dBIDYNIvUIIPo",                /* 15 bytes */
        "0:2:pi3m2Vk0aXz9QwLr:",                                    /* none */
        "0:2:short:9Y2jEX6dBIDYNIvUIIPoIg==",                       /* IV */
        "0:2:pi3m2Vk0aXz9QwLs:9Y2jEX6dBIDYNIvUIIPoIg=?",            /* no base64 */
        "0:2:\xff\xff\xff\xffVk0aXz9QwLr:9Y2jEX6dBIDYNIvUIIPoIg==", /* no text */
        "4294967296:2:pi3m2Vk0aXz9QwLr:9Y2jEX6dBIDYNIvUIIPoIg==",
    };
    (void)state;
    begin();
    t.facts.source_key = blowfish_key;
    t.facts.destination_key = new_key;
    for (size_t i = 0; i < sizeof unreadable / sizeof *unreadable; i++) {
        makes("Encrypt", NULL, unreadable[i], "NULL");
        warns((unsigned)i + 1, "Could not decrypt data of t.f");
    }
}

static void keys_are_needed(void **state)
{
    (void)state;
    begin();
    here("f", "Zn0TPoBehxtAlaTVsyiIPg==");
    cannot("Encrypt", NULL, DS_EUSAGE, "\"crypt_key\" option is not defined");
    t.facts.source_key = blowfish_key;
    cannot("Encrypt", NULL, DS_EUSAGE, "destination's key is not given");
    t.facts.destination_key = "short";
    cannot("Encrypt", NULL, DS_EUSAGE, "none of Magento 2");
    t.facts.destination_key = " \n";
    cannot("Encrypt", NULL, DS_EUSAGE, "none of Magento 2");
    t.facts.destination_key = new_key;
    t.facts.source_key = " ";
    cannot("Encrypt", NULL, DS_EUSAGE, "no shop's key");
    assert_string_equal(result(), "Zn0TPoBehxtAlaTVsyiIPg==");
}

/* --- lookups ------------------------------------------------------------------------------------
 */

static void values_of_other_tables(void **state)
{
    static const struct known known[] = {
        {"catalog_product_bundle_option", "parent_id", "option_id", "7", "12"},
        {"core_website", "default_group_id", "website_id", "2", "5"},
        {"core_store_group", "default_store_id", "group_id", "5", "9"},
        {"core_website", "f", "is_default", "1", "3"},
        {"sales_flat_quote_item", "store_id", "item_id", "4", "1"},
        {"catalog_product_entity_media_gallery", "entity_id", "value_id", "6", "44"},
        {0}};
    static const char bundle[] = "parentField=option_id\n"
                                 "documentWithProductId=catalog_product_bundle_option\n"
                                 "fieldWithProductId=parent_id";
    (void)state;
    begin();
    t.known = known;
    here("option_id", "7");
    makes("BundleParentProduct", bundle, NULL, "12");
    here("option_id", "8");
    makes("BundleParentProduct", bundle, NULL, "0");
    here("option_id", NULL);
    makes("BundleParentProduct", bundle, NULL, "0");
    here("website_id", "2");
    makes("ProductAlertStoreId", NULL, NULL, "9");
    here("website_id", "3");
    makes("ProductAlertStoreId", NULL, "x", "nothing");
    makes("SetDefaultWebsiteId", NULL, "x", "3");
    here("quote_item_id", "4");
    makes("QuoteMultiAddressStoreId", NULL, "x", "1");
    here("value_id", "6");
    makes("Gallery\\SetEntityId", NULL, "x", "44");
    t.facts.lookup = NULL;
    makes("Gallery\\SetEntityId", NULL, "x", "nothing");
}

static void group(const char *id, const char *name, const char *code)
{
    here("group_id", id);
    here("name", name);
    makes("StoreGroupCode", NULL, NULL, code);
}

static void codes_of_store_groups(void **state)
{
    static const struct known known[] = {
        {"core_store_group", "group_id", "name", "Main Website Store", "1"}, {0}};
    (void)state;
    begin();
    t.known = known;
    group("1", "Main Website Store", "main_website_store");
    group("2", "2nd \t Store-3!", "nd_store-3");
    group("3", "Sch\xc3\xb6n", "schn");
    group("4", "123", "store_group");
    group("5", "", "store_group");
    warns(0, NULL);
    group("6", "Main Website Store", "main_website_store-6");
    warns(1, "Duplicated code in t.f Record id 6");
}

/* Within one run also names that differ have one code. */
static void codes_of_store_groups_differ(void **state)
{
    struct map_handler *h;
    struct ds_error err = {0};
    (void)state;
    begin();
    here("f", NULL);
    here("group_id", "1");
    here("name", "Shop");
    assert_int_equal(try_open("StoreGroupCode", NULL, &h, &err), 0);
    assert_int_equal(call(h, &err), 0);
    assert_string_equal(result(), "shop");
    assert_int_equal(call(h, &err), 0); /* the same group once more */
    assert_string_equal(result(), "shop");
    here("group_id", "2");
    here("name", "Shop!");
    assert_int_equal(call(h, &err), 0);
    assert_string_equal(result(), "shop-2");
    map_handler_close(h);
}

static void attribute_group(const char *name, const char *code)
{
    here("attribute_group_name", name);
    makes("EavAttributeGroup\\SetGroupCode", NULL, NULL, code);
}

static void codes_of_attribute_groups(void **state)
{
    (void)state;
    begin();
    attribute_group("Product Details", "product-details");
    attribute_group(" General & Co. ", "general-co");
    attribute_group("Gr\xc3\xb6\xc3\x9f"
                    "e",
                    "grosse");
    attribute_group("\xc4\xb2sje \xc5\xbf\xc3\x86", "ijsje-sae");
    attribute_group("\xd0\xa6\xd0\xb5\xd0\xbd\xd1\x8b \xd1\x8f", "ceny-ya");
    attribute_group("\xe5\x83\xb9\xe6\xa0\xbc", "57698ee0cd5ceb638eaa5b6ab16c2ac0");
    attribute_group("", "d41d8cd98f00b204e9800998ecf8427e");
    attribute_group("a\xc3", "a");
}

/* --- rows of other tables -----------------------------------------------------------------------
 */

static void writes(const char *wanted)
{
    assert_string_equal(buf_cstr(&t.output), wanted);
    buf_clear(&t.output);
}

static void rows_of_the_gallery(void **state)
{
    (void)state;
    begin();
    here("entity_id", "12");
    makes("Gallery\\InsertValueToEntity", NULL, "5", "5");
    writes("catalog_product_entity_media_gallery_value_to_entity: value_id='5' "
           "entity_id='12'");
    t.staged = "catalog_product_entity_media_gallery_value_to_entity";
    makes("Gallery\\InsertValueToEntity", NULL, "5", "5");
    writes("catalog_product_entity_media_gallery_value_to_entity: value_id='5' "
           "row_id='12'");
    t.emit = NULL;
    cannot("Gallery\\InsertValueToEntity", NULL, DS_ECONFLICT, "cannot be written from here");
}

static void sequences(void **state)
{
    (void)state;
    begin();
    there("created_in", NULL);
    there("updated_in", NULL);
    makes("Sequence", "table=sequence_product", "5", "5");
    writes("sequence_product: sequence_value='5'");
    assert_true(same(t.values[1][0].text, "1"));
    assert_true(same(t.values[1][1].text, "2147483647"));
    makes("Sequence", "table=sequence_product", "0", "0");
    makes("Sequence", "table=sequence_product", NULL, "NULL");
    writes("");
    begin();
    there("created_in", NULL); /* of something else */
    makes("Sequence", "table=sequence_product", "5", "5");
    assert_true(t.values[1][0].null);
}

static void synonyms(void **state)
{
    static const struct known known[] = {{"core_store", "website_id", "store_id", "2", "1"}, {0}};
    (void)state;
    begin();
    t.known = known;
    here("query_id", "9");
    here("query_text", "jumper");
    here("store_id", "2");
    makes("Synonym", NULL, "sweater", "sweater");
    writes("search_synonyms: group_id='9' synonyms='sweater,jumper' store_id='2' "
           "website_id='1'");
    makes("Synonym", NULL, NULL, "NULL");
    writes("search_synonyms");
    here("store_id", "3");
    makes("Synonym", NULL, "sweater", "sweater");
    writes("search_synonyms: group_id='9' synonyms='sweater,jumper' store_id='3' "
           "website_id='0'");
}

static void lists_of_ids(void **state)
{
    static const char params[] = "normalizationDocument=salesrule_website\n"
                                 "normalizationField=website_id";
    (void)state;
    begin();
    here("rule_id", "4");
    makes("Rule\\NormalizationIds", params, "1, 2,,3", "1, 2,,3");
    writes("salesrule_website: rule_id='4' website_id='1'; rule_id='4' "
           "website_id='2'; rule_id='4' website_id='3'");
    makes("Rule\\NormalizationIds", params, "", "");
    writes("salesrule_website");
    makes("Rule\\NormalizationIds", params, NULL, "NULL");
    writes("salesrule_website");
    t.staged = "salesrule_website";
    makes("Rule\\NormalizationIds", params, "1", "1");
    writes("salesrule_website: row_id='4' website_id='1'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serialized_to_json),
#ifdef HAVE_PCRE2
        cmocka_unit_test(json_by_the_value_of_another_column),
#endif
        cmocka_unit_test(options_of_items),
        cmocka_unit_test(options_of_ordered_items),
        cmocka_unit_test(classes_in_rules),
        cmocka_unit_test(smart_attributes),
        cmocka_unit_test(class_names),
        cmocka_unit_test(placeholders),
        cmocka_unit_test(condition_sql),
        cmocka_unit_test(date_formats),
        cmocka_unit_test(encrypt),
        cmocka_unit_test(several_keys),
        cmocka_unit_test(what_cannot_be_decrypted_is_told),
        cmocka_unit_test(keys_are_needed),
        cmocka_unit_test(values_of_other_tables),
        cmocka_unit_test(codes_of_store_groups),
        cmocka_unit_test(codes_of_store_groups_differ),
        cmocka_unit_test(codes_of_attribute_groups),
        cmocka_unit_test(rows_of_the_gallery),
        cmocka_unit_test(sequences),
        cmocka_unit_test(synonyms),
        cmocka_unit_test(lists_of_ids),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
