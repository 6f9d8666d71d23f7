/* document: ids in texts, layouts and widgets, and the tables of what is where against a shop and
 * the catalogue. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "document_helper.h"
#include "php_fixture.h"
#include "schema/catalogue.h"

/* --- pages and widgets ------------------------------------------------------------------------ */

static void directives_in_texts(void **state)
{
    (void)state;
    static const struct {
        const char *before, *ids, *after;
    } all[] = {
        {"<p>{{widget type=\"cms/widget_page_link\" page_id=\"2\" anchor_text=\"page_id=7\"}}</p>",
         "cms_page:2",
         "<p>{{widget type=\"cms/widget_page_link\" page_id=\"1002\" anchor_text=\"page_id=7\"}}"
         "</p>"},
        {"{{widget type='cms/widget_block' block_id='3'}}{{WIDGET\n block_id=4 x=1}}",
         "cms_block:3 cms_block:4",
         "{{widget type='cms/widget_block' block_id='1003'}}{{WIDGET\n block_id=1004 x=1}}"},
        {"{{widget id_path=\"product/12\"}} {{widget id_path=\"product/12/5\"}} "
         "{{widget id_path=\"category/7\"}} {{widget id_path=\"page/7\"}}",
         "catalog_product_entity:12 catalog_product_entity:12 catalog_category_entity:5 "
         "catalog_category_entity:7",
         "{{widget id_path=\"product/1012\"}} {{widget id_path=\"product/1012/1005\"}} "
         "{{widget id_path=\"category/1007\"}} {{widget id_path=\"page/7\"}}"},
        {"{{block type=\"catalog/product_list\" category_id=\"7\" product_id='9' store_id=\"1\"}}",
         "catalog_category_entity:7 catalog_product_entity:9 core_store:1",
         "{{block type=\"catalog/product_list\" category_id=\"1007\" product_id='1009' "
         "store_id=\"1001\"}}"},
        {"{{block id='3'}}{{block id=\"footer\" type=\"x\"}}{{block id='4' type='x'}}",
         "cms_block:3",
         "{{block id='1003'}}{{block id=\"footer\" type=\"x\"}}{{block id='4' type='x'}}"},
        {"{{widget id='3'}}", "", "{{widget id='3'}}"},
        {"{{block type='cms/block' block_id='footer_links'}}", "",
         "{{block type='cms/block' block_id='footer_links'}}"},
        {"{{media url=\"a/12.png\"}}{{config path=\"a\"}}{{blocks block_id=\"3\"}}", "",
         "{{media url=\"a/12.png\"}}{{config path=\"a\"}}{{blocks block_id=\"3\"}}"},
        {"{{store url=\"catalog/product/view\" id=\"12\" block_id=\"3\" category='5'}}",
         "catalog_product_entity:12 catalog_category_entity:5",
         "{{store url=\"catalog/product/view\" id=\"1012\" block_id=\"3\" category='1005'}}"},
        {"{{store direct_url='catalog/category/view/id/46'}}{{Store id=7 url=/cms/page/view "
         "page_id=2}}",
         "catalog_category_entity:46 cms_page:2",
         "{{store direct_url='catalog/category/view/id/1046'}}{{Store id=7 url=/cms/page/view "
         "page_id=1002}}"},
        {"{{store url='catalog/product/view/id/1/s/7/category/5/' id='x'}}",
         "catalog_product_entity:1 catalog_category_entity:5",
         "{{store url='catalog/product/view/id/1001/s/7/category/1005/' id='x'}}"},
        {"{{store url='catalog/product/viewed' id='1'}}{{store url='12.html'}}{{store id='1'}}"
         "{{store url='catalog/product/view/id'}}{{store url='catalog/product/view/id/'}}",
         "",
         "{{store url='catalog/product/viewed' id='1'}}{{store url='12.html'}}{{store id='1'}}"
         "{{store url='catalog/product/view/id'}}{{store url='catalog/product/view/id/'}}"},
        /* as the shop reads it, the name goes on up to the sign, and a space ends the value */
        {"{{block foo block_id=\"3\" block_id= \"4\" block_id=\"5\\\"\" page_id=\"6}}",
         "cms_page:6",
         "{{block foo block_id=\"3\" block_id= \"4\" block_id=\"5\\\"\" page_id=\"1006}}"},
        {"{{block block_id=\"3\"", "", "{{block block_id=\"3\""},
        {"{{{{block block_id=\"3\"}}", "", "{{{{block block_id=\"3\"}}"},
        {"", "", ""},
        {"{{", "", "{{"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        check("cms_page", "content", all[i].before, all[i].ids, all[i].after);
        check("cms_block", "content", all[i].before, all[i].ids, all[i].after);
        check("newsletter_template", "template_text", all[i].before, all[i].ids, all[i].after);
    }
    const struct document_format *f = document_format("cms_page", "content");
    static const char text_with[] = "a{{widget type=\"x\" block_id=\"3\" y=\"1\"}}b";
    check_unknown(f, "", text_with, "3", DOCUMENT_DROP, "a{{widget type=\"x\" y=\"1\"}}b");
    check_unknown(f, "", text_with, "3", DOCUMENT_NULL,
                  "a{{widget type=\"x\" block_id=\"\" y=\"1\"}}b");
    check_unknown(f, "", "{{widget block_id=3}}", "3", DOCUMENT_NULL, "{{widget}}");
    check_unknown(f, "", "{{widget id_path=\"product/12/5\"}}", "5", DOCUMENT_DROP,
                  "{{widget id_path=\"product/1012\"}}");
    check_unknown(f, "", "{{store url='catalog/product/view/id/3/category/4' id=3}}", "3",
                  DOCUMENT_DROP, "{{store url='catalog/product/view/id/0/category/1004'}}");
    check_unknown(f, "", "{{widget id_path=\"product/12/5\"}}", "12", DOCUMENT_NULL,
                  "{{widget id_path=\"\"}}");
}

static void widgets_and_where_they_are(void **state)
{
    (void)state;
    check("widget_instance", "widget_parameters", "a:1:{s:8:\"block_id\";i:4;}", "cms_block:4",
          "a:1:{s:8:\"block_id\";i:1004;}");
    check("widget_instance", "widget_parameters",
          "a:3:{s:7:\"id_path\";s:12:\"product/12/5\";s:11:\"anchor_text\";s:1:\"5\";s:8:"
          "\"template\";s:1:\"x\";}",
          "catalog_product_entity:12 catalog_category_entity:5",
          "a:3:{s:7:\"id_path\";s:17:\"product/1012/1005\";s:11:\"anchor_text\";s:1:\"5\";s:8:"
          "\"template\";s:1:\"x\";}");
    check_unknown(document_format("widget_instance", "widget_parameters"), "",
                  "a:2:{s:8:\"block_id\";i:4;s:8:\"template\";s:1:\"x\";}", "4", DOCUMENT_DROP,
                  "a:1:{s:8:\"template\";s:1:\"x\";}");
    const struct document_format *where = document_format("widget_instance_page", "entities");
    check_format(where, "anchor_categories", "3,4",
                 "catalog_category_entity:3 catalog_category_entity:4",
                 "anchor_categories 1003,1004");
    check_format(where, "simple_products", "3", "catalog_product_entity:3", "simple_products 1003");
    check_format(where, "all_pages", "3", "", "all_pages 3");
    check("core_layout_update", "handle", "PRODUCT_12", "catalog_product_entity:12",
          "PRODUCT_1012");
    check("core_layout_update", "handle", "CATEGORY_7", "catalog_category_entity:7",
          "CATEGORY_1007");
    check("core_layout_update", "handle", "PRODUCT_TYPE_simple", "", "PRODUCT_TYPE_simple");
    check("core_layout_update", "handle", "default", "", "default");
    check("core_layout_update", "xml",
          "<reference name=\"left\"><block type=\"cms/widget_block\" name=\"79\"><action method="
          "\"setData\"><name>block_id</name><value>4</value></action><action method=\"setData\">"
          "<name>title</name><value>4</value></action></block></reference>",
          "cms_block:4",
          "<reference name=\"left\"><block type=\"cms/widget_block\" name=\"79\"><action method="
          "\"setData\"><name>block_id</name><value>1004</value></action><action method=\"setData\">"
          "<name>title</name><value>4</value></action></block></reference>");
    check("core_layout_update", "xml",
          "<action method=\"setData\"><key>page_id</key><value>4</value></action>", "cms_page:4",
          "<action method=\"setData\"><key>page_id</key><value>1004</value></action>");
    check("cms_page", "layout_update_xml",
          "<action method=\"setCategoryId\"><category_id>7</category_id></action>\n<block_id>home"
          "</block_id><block_id>5</store_id><limit>5</limit><",
          "catalog_category_entity:7",
          "<action method=\"setCategoryId\"><category_id>1007</category_id></action>\n<block_id>"
          "home</block_id><block_id>5</store_id><limit>5</limit><");
}

static void layout_changes_of_products(void **state)
{
    (void)state;
    const struct document_format *f = document_format("catalog_product_entity_text", "value");
    assert_string_equal(f->attribute, "custom_layout_update");
    static const char before[] =
        "<block type=\"cms/block\"><action method=\"setBlockId\"><id>4</id>"
        "</action><action method=\"setTitle\"><id>4</id></action></block>",
                      after[] = "<block type=\"cms/block\"><action method=\"setBlockId\"><id>1004"
                                "</id></action><action method=\"setTitle\"><id>4</id></action>"
                                "</block>";
    check_format(f, "", before, "cms_block:4", after);
    check("catalog_category_entity_text", "value",
          "<action method=\"setBlockId\"><block_id>4</block_id></action><action method="
          "'setBlockId'><block_id>footer</block_id></action>",
          "cms_block:4",
          "<action method=\"setBlockId\"><block_id>1004</block_id></action><action method="
          "'setBlockId'><block_id>footer</block_id></action>");
}

static void settings_by_group(void **state)
{
    (void)state;
    static const char path[] = "cataloginventory/item_options/min_sale_qty";
    const struct document_format *f = document_format("core_config_data", "value");
    check_format(f, path, "a:3:{i:0;d:5;i:3;s:1:\"2\";i:32000;i:1;}", "customer_group:3",
                 "cataloginventory/item_options/min_sale_qty a:3:{i:0;d:5;i:1003;s:1:\"2\";i:32000;"
                 "i:1;}");
    check_format(f, path,
                 "a:1:{s:4:\"_123\";a:2:{s:17:\"customer_group_id\";s:1:\"1\";s:12:\"min_sale_"
                 "qty\";s:1:\"5\";}}",
                 "customer_group:1",
                 "cataloginventory/item_options/min_sale_qty a:1:{s:4:\"_123\";a:2:{s:17:"
                 "\"customer_group_id\";s:4:\"1001\";s:12:\"min_sale_qty\";s:1:\"5\";}}");
    check_format(f, path, "5", "", "cataloginventory/item_options/min_sale_qty 5");
    check_format(f, "a/b/c", "a:1:{i:3;i:2;}", "", "a/b/c a:1:{i:3;i:2;}");
    check_unknown(f, path, "a:2:{i:3;i:2;i:4;i:2;}", "3", DOCUMENT_DROP,
                  "cataloginventory/item_options/min_sale_qty a:1:{i:1004;i:2;}");
}

static void taxes_and_recurring_profiles(void **state)
{
    (void)state;
    check("sales_flat_quote_address", "applied_taxes",
          "a:1:{s:2:\"TX\";a:2:{s:5:\"rates\";a:1:{i:0;a:2:{s:4:\"code\";s:2:\"TX\";s:7:\"rule_id\""
          ";s:1:\"2\";}}s:2:\"id\";s:2:\"TX\";}}",
          "tax_calculation_rule:2",
          "a:1:{s:2:\"TX\";a:2:{s:5:\"rates\";a:1:{i:0;a:2:{s:4:\"code\";s:2:\"TX\";s:7:\"rule_id\""
          ";s:4:\"1002\";}}s:2:\"id\";s:2:\"TX\";}}");
    check("sales_recurring_profile", "order_item_info",
          "a:3:{s:7:\"item_id\";i:3;s:16:\"applied_rule_ids\";s:3:\"1,2\";s:15:\"info_buyRequest\";"
          "s:25:\"a:1:{s:7:\"product\";i:14;}\";}",
          "sales_flat_quote_item:3 salesrule:1 salesrule:2 catalog_product_entity:14",
          "a:3:{s:7:\"item_id\";i:1003;s:16:\"applied_rule_ids\";s:9:\"1001,1002\";s:15:\"info_"
          "buyRequest\";s:27:\"a:1:{s:7:\"product\";i:1014;}\";}");
}

/* --- the tables ------------------------------------------------------------------------------- */

/* Is `column` among those of `table` in a recorded shop? */
static bool shop_has(const char *table, const char *column)
{
    char *line = NULL;
    size_t room = 0;
    bool has = false;
    FILE *file = fopen(FIXTURES "/openmage/tables.tsv", "rb");
    assert_non_null(file);
    while (!has && getline(&line, &room, file) > 0) {
        char *rest = line, *name = strsep(&rest, "\t");
        strsep(&rest, "\t");
        strsep(&rest, "\t");
        char *columns = strsep(&rest, "\n");
        while (strcmp(name, table) == 0 && columns && !has)
            has = strcmp(strsep(&columns, ","), column) == 0;
    }
    free(line);
    assert_int_equal(fclose(file), 0);
    return has;
}

static int target_exists(void *arg, const struct document_id *id, struct slice *to)
{
    const struct catalogue_entity *entity;
    const struct catalogue_table *entry;
    (void)to;
    if (!catalogue_lookup(arg, id->target.table, &entity, &entry) ||
        strcmp(entity->name, id->target.entity) != 0)
        fail_msg("the catalogue has no %s in %s", id->target.table, id->target.entity);
    assert_true(entry->key || strcmp(entry->role, "root") == 0);
    return DOCUMENT_KEEP;
}

static int fixture_targets(void *arg, const struct php_fixture *fixture)
{
    const struct document_format *f = document_format(fixture->table, fixture->column);
    struct document_visitor visitor = {target_exists, has_options, arg};
    struct arena arena = {0};
    if (f)
        assert_int_equal(
            document_collect(f, fixture->value, text(fixture->code), &visitor, &arena, NULL), 0);
    arena_free(&arena);
    return 0;
}

static void formats_fit_the_shop_and_the_catalogue(void **state)
{
    (void)state;
    struct catalogue *c;
    struct ds_error err;
    assert_int_equal(catalogue_load(&c, NULL, &err), 0);
    for (size_t i = 0; i < document_format_count(); i++) {
        const struct document_format *f = document_format_at(i);
        const struct catalogue_entity *entity;
        const struct catalogue_table *entry;
        if (!shop_has(f->table, f->column) || (f->beside && !shop_has(f->table, f->beside)))
            fail_msg("a shop has no %s.%s", f->table, f->column);
        assert_true(catalogue_lookup(c, f->table, &entity, &entry));
        /* one, or one for all other attributes behind that of an attribute */
        const struct document_format *first = document_format(f->table, f->column);
        assert_true(first == f || (first->attribute && !f->attribute));
        /* lists and paths are the catalogue's; other attributes, and settings, are, too */
        bool some = first->attribute || f->form == DOCUMENT_SETTING;
        for (size_t r = 0; r < entity->reference_count && !some; r++)
            assert_false(strcmp(entity->references[r].table, f->table) == 0 &&
                         strcmp(entity->references[r].column, f->column) == 0);
    }
    assert_null(document_format("sales_flat_order", "product_options"));
    assert_null(document_format("catalog_category_entity", "path"));

    php_fixtures(fixture_targets, c);
    struct arena arena = {0};
    struct document_visitor visitor = {target_exists, has_options, c};
    static const struct {
        const char *table, *column, *beside, *value;
    } more[] = {
        {"cms_page", "content", "",
         "{{block id_path=\"product/1/2\" block_id=\"3\" page_id=\"4\" store_id=\"5\"}}"},
        {"sales_flat_quote_item_option", "value", "option_3", "7"},
        {"sales_flat_quote_item_option", "value", "downloadable_link_ids", "7"},
        {"sales_flat_quote_item_option", "value", "info_buyRequest",
         "a:2:{s:2:\"id\";s:1:\"8\";s:11:\"reset_count\";b:1;}"},
        {"salesrule", "conditions_serialized", "",
         "a:3:{s:10:\"conditions\";a:3:{i:0;a:3:{" PRODUCT "s:16:\"attribute_set_id\";s:5:"
         "\"value\";i:3;}i:1;a:3:{" PRODUCT
         "s:12:\"tax_class_id\";s:5:\"value\";i:3;}i:2;a:3:{" PRODUCT
         "s:5:\"color\";s:5:\"value\";i:3;}}s:4:\"type\";s:32:\"salesrule/rule_condition_"
         "address\";s:9:\"attribute\";s:9:\"region_id\";}"},
        {"salesrule", "conditions_serialized", "",
         "a:3:{s:4:\"type\";s:32:\"salesrule/rule_condition_address\";s:9:\"attribute\";s:9:"
         "\"region_id\";s:5:\"value\";i:3;}"},
        {"sales_recurring_profile", "order_info", "",
         "a:7:{s:9:\"entity_id\";i:1;s:8:\"store_id\";i:1;s:11:\"customer_id\";i:1;s:17:\"customer_"
         "group_id\";i:1;s:21:\"customer_tax_class_id\";i:1;s:16:\"applied_rule_ids\";i:1;s:15:"
         "\"gift_message_id\";i:1;}"},
        {"sales_recurring_profile", "billing_address_info", "",
         "a:2:{s:10:\"address_id\";i:1;s:19:\"customer_address_id\";i:1;}"},
        {"sales_recurring_profile", "shipping_address_info", "", "a:1:{s:8:\"quote_id\";i:1;}"},
    };
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        assert_int_equal(document_collect(document_format(more[i].table, more[i].column),
                                          text(more[i].value), text(more[i].beside), &visitor,
                                          &arena, NULL),
                         0);
    arena_free(&arena);
    catalogue_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(directives_in_texts),
        cmocka_unit_test(widgets_and_where_they_are),
        cmocka_unit_test(layout_changes_of_products),
        cmocka_unit_test(settings_by_group),
        cmocka_unit_test(taxes_and_recurring_profiles),
        cmocka_unit_test(formats_fit_the_shop_and_the_catalogue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
