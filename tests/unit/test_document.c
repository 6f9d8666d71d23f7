/* document: where in stored values ids are, and that nothing else in them changes. Values of a real
 * shop, and what its code writes where the recorded shop had none. */
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

static void check_option(const char *code, const char *value, const char *ids, const char *after)
{
    check_format(document_format("sales_flat_quote_item_option", "value"), code, value, ids, after);
    check_format(document_format("wishlist_item_option", "value"), code, value, ids, after);
}

/* --- lists and paths -------------------------------------------------------------------------- */

static const struct document_format rules = {.form = DOCUMENT_LIST,
                                             .of = {"salesrule", "salesrule"}};
static const struct document_format path = {.form = DOCUMENT_PATH,
                                            .of = {"category", "catalog_category_entity"}};

static void lists_and_paths(void **state)
{
    (void)state;
    check_format(&rules, "", "1,2,15", "salesrule:1 salesrule:2 salesrule:15", "1001,1002,1015");
    check_format(&rules, "", " 1 , 2", "salesrule:1 salesrule:2", " 1001 , 1002");
    check_format(&rules, "", "7", "salesrule:7", "1007");
    check_format(&rules, "", "", "", "");
    check_format(&rules, "", ",", "", ",");
    check_format(&path, "", "1/2/15",
                 "catalog_category_entity:1 catalog_category_entity:2 catalog_category_entity:15",
                 "1001/1002/1015");
    check_unknown(&rules, "", "1,2,3", "2", DOCUMENT_KEEP, "1001,2,1003");
    check_unknown(&rules, "", "1,2,3", "2", DOCUMENT_DROP, "1001,1003");
    check_unknown(&rules, "", "1, 2, 3", "1", DOCUMENT_NULL, " 1002, 1003");
    check_unknown(&rules, "", "1,2,3", "3", DOCUMENT_DROP, "1001,1002");
    check_unknown(&rules, "", "3", "3", DOCUMENT_DROP, "");
    check_unknown(&path, "", "1/2/15", "2", DOCUMENT_KEEP, "1001/2/1015");
    /* ids of a source may be texts */
    check_unknown(&rules, "", "1,A-2,3", "A-2", DOCUMENT_DROP, "1001,1003");
}

/* --- order items ------------------------------------------------------------------------------ */

static void order_items_as_a_shop_stored_them(void **state)
{
    (void)state;
    static const char table[] = "sales_flat_order_item", column[] = "product_options";
    check(table, column,
          "a:6:{s:15:\"info_buyRequest\";a:2:{s:3:\"qty\";i:1;s:15:\"super_attribute\";a:2:{i:134;"
          "i:4;i:135;i:10;}}s:15:\"attributes_info\";a:1:{i:0;a:2:{s:5:\"label\";s:6:\"Color2\";s:"
          "5:\"value\";s:10:\"Green (US)\";}}s:11:\"simple_name\";s:25:\"Cotton na\xc3\xafve steel "
          "70220\";s:10:\"simple_sku\";s:9:\"sku-70120\";s:20:\"product_calculations\";i:1;s:13:"
          "\"shipment_type\";i:0;}",
          "eav_attribute:134 eav_attribute_option:4<134 eav_attribute:135 "
          "eav_attribute_option:10<135",
          "a:6:{s:15:\"info_buyRequest\";a:2:{s:3:\"qty\";i:1;s:15:\"super_attribute\";a:2:{i:1134;"
          "i:1004;i:1135;i:1010;}}s:15:\"attributes_info\";a:1:{i:0;a:2:{s:5:\"label\";s:6:"
          "\"Color2\";s:5:\"value\";s:10:\"Green (US)\";}}s:11:\"simple_name\";s:25:\"Cotton "
          "na\xc3\xafve steel 70220\";s:10:\"simple_sku\";s:9:\"sku-70120\";s:20:\"product_"
          "calculations\";i:1;s:13:\"shipment_type\";i:0;}");
    check(table, column,
          "a:4:{s:15:\"info_buyRequest\";a:2:{s:3:\"qty\";i:1;s:13:\"bundle_option\";a:2:{i:1;s:1:"
          "\"1\";i:2;s:1:\"4\";}}s:14:\"bundle_options\";a:2:{i:1;a:3:{s:9:\"option_id\";s:1:\"1\";"
          "s:5:\"label\";s:6:\"Part 0\";s:5:\"value\";a:1:{i:0;a:3:{s:5:\"title\";s:19:\"Na\xc3\xaf"
          "ve pro \xc3\xa6ther 5\";s:3:\"qty\";i:1;s:5:\"price\";d:6;}}}i:2;a:3:{s:9:\"option_id\";"
          "s:1:\"2\";s:5:\"label\";s:6:\"Part 1\";s:5:\"value\";a:1:{i:0;a:3:{s:5:\"title\";s:1:"
          "\"x\";s:3:\"qty\";i:1;s:5:\"price\";d:30;}}}}s:20:\"product_calculations\";i:1;s:13:"
          "\"shipment_type\";s:1:\"0\";}",
          "catalog_product_bundle_option:1 catalog_product_bundle_selection:1<1 "
          "catalog_product_bundle_option:2 catalog_product_bundle_selection:4<2 "
          "catalog_product_bundle_option:1 catalog_product_bundle_option:1 "
          "catalog_product_bundle_option:2 catalog_product_bundle_option:2",
          "a:4:{s:15:\"info_buyRequest\";a:2:{s:3:\"qty\";i:1;s:13:\"bundle_option\";a:2:{i:1001;s:"
          "4:\"1001\";i:1002;s:4:\"1004\";}}s:14:\"bundle_options\";a:2:{i:1001;a:3:{s:9:\"option_"
          "id\";s:4:\"1001\";s:5:\"label\";s:6:\"Part 0\";s:5:\"value\";a:1:{i:0;a:3:{s:5:"
          "\"title\";s:19:\"Na\xc3\xafve pro \xc3\xa6ther 5\";s:3:\"qty\";i:1;s:5:\"price\";d:6;}}}"
          "i:1002;a:3:{s:9:\"option_id\";s:4:\"1002\";s:5:\"label\";s:6:\"Part 1\";s:5:\"value\";a:"
          "1:{i:0;a:3:{s:5:\"title\";s:1:\"x\";s:3:\"qty\";i:1;s:5:\"price\";d:30;}}}}s:20:"
          "\"product_calculations\";i:1;s:13:\"shipment_type\";s:1:\"0\";}");
    /* a string inside that is serialised by itself */
    check(table, column,
          "a:1:{s:27:\"bundle_selection_attributes\";s:94:\"a:4:{s:5:\"price\";d:29;s:3:\"qty\";d:"
          "1;s:12:\"option_label\";s:6:\"Part 1\";s:9:\"option_id\";s:1:\"4\";}\";}",
          "catalog_product_bundle_option:4",
          "a:1:{s:27:\"bundle_selection_attributes\";s:97:\"a:4:{s:5:\"price\";d:29;s:3:\"qty\";d:"
          "1;s:12:\"option_label\";s:6:\"Part 1\";s:9:\"option_id\";s:4:\"1004\";}\";}");
    check(
        table, column,
        "a:4:{s:15:\"info_buyRequest\";a:2:{s:3:\"qty\";i:1;s:5:\"links\";a:2:{i:0;i:1;i:1;i:2;}}"
        "s:5:\"links\";a:2:{i:0;s:1:\"1\";i:1;s:1:\"2\";}s:15:\"is_downloadable\";b:1;s:17:\"real_"
        "product_type\";s:12:\"downloadable\";}",
        "downloadable_link:1 downloadable_link:2 downloadable_link:1 downloadable_link:2",
        "a:4:{s:15:\"info_buyRequest\";a:2:{s:3:\"qty\";i:1;s:5:\"links\";a:2:{i:0;i:1001;i:1;i:"
        "1002;}}s:5:\"links\";a:2:{i:0;s:4:\"1001\";i:1;s:4:\"1002\";}s:15:\"is_downloadable\";b:"
        "1;s:17:\"real_product_type\";s:12:\"downloadable\";}");
    check(table, column,
          "a:2:{s:15:\"info_buyRequest\";a:1:{s:20:\"super_product_config\";a:2:{s:12:\"product_"
          "type\";s:7:\"grouped\";s:10:\"product_id\";s:2:\"41\";}}s:20:\"super_product_config\";a:"
          "3:{s:12:\"product_code\";s:12:\"product_type\";s:12:\"product_type\";s:7:\"grouped\";s:"
          "10:\"product_id\";s:2:\"41\";}}",
          "catalog_product_entity:41 catalog_product_entity:41",
          "a:2:{s:15:\"info_buyRequest\";a:1:{s:20:\"super_product_config\";a:2:{s:12:\"product_"
          "type\";s:7:\"grouped\";s:10:\"product_id\";s:4:\"1041\";}}s:20:\"super_product_config\";"
          "a:3:{s:12:\"product_code\";s:12:\"product_type\";s:12:\"product_type\";s:7:\"grouped\";"
          "s:10:\"product_id\";s:4:\"1041\";}}");
}

/* Custom options of every type: chosen values are ids, what was typed is not, though it looks so.
 */
static void options_by_their_type(void **state)
{
    (void)state;
    static const char before[] =
        "a:2:{s:15:\"info_buyRequest\";a:4:{s:7:\"product\";s:2:\"14\";s:15:\"related_product\";s:"
        "4:\"3, 4\";s:7:\"options\";a:5:{i:1;s:1:\"5\";i:2;a:2:{i:0;s:1:\"6\";i:1;s:1:\"7\";}i:3;s:"
        "2:\"12\";i:4;a:2:{s:5:\"month\";s:1:\"5\";s:13:\"date_internal\";s:10:\"2026-05-01\";}i:5;"
        "a:2:{s:5:\"title\";s:5:\"a.png\";s:4:\"size\";i:6;}}s:21:\"options_5_file_action\";s:8:"
        "\"save_new\";}s:7:\"options\";a:3:{i:0;a:5:{s:5:\"label\";s:1:\"5\";s:5:\"value\";s:1:"
        "\"5\";s:9:\"option_id\";s:1:\"1\";s:11:\"option_type\";s:9:\"drop_down\";s:12:\"option_"
        "value\";s:1:\"5\";}i:1;a:3:{s:9:\"option_id\";s:1:\"2\";s:11:\"option_type\";s:8:"
        "\"checkbox\";s:12:\"option_value\";s:3:\"6,7\";}i:2;a:3:{s:9:\"option_id\";s:1:\"3\";s:11:"
        "\"option_type\";s:5:\"field\";s:12:\"option_value\";s:2:\"12\";}}}";
    static const char after[] =
        "a:2:{s:15:\"info_buyRequest\";a:4:{s:7:\"product\";s:4:\"1014\";s:15:\"related_product\";"
        "s:10:\"1003, 1004\";s:7:\"options\";a:5:{i:1001;s:4:\"1005\";i:1002;a:2:{i:0;s:4:\"1006\";"
        "i:1;s:4:\"1007\";}i:1003;s:2:\"12\";i:1004;a:2:{s:5:\"month\";s:1:\"5\";s:13:\"date_"
        "internal\";s:10:\"2026-05-01\";}i:1005;a:2:{s:5:\"title\";s:5:\"a.png\";s:4:\"size\";i:6;}"
        "}s:24:\"options_1005_file_action\";s:8:\"save_new\";}s:7:\"options\";a:3:{i:0;a:5:{s:5:"
        "\"label\";s:1:\"5\";s:5:\"value\";s:1:\"5\";s:9:\"option_id\";s:4:\"1001\";s:11:\"option_"
        "type\";s:9:\"drop_down\";s:12:\"option_value\";s:4:\"1005\";}i:1;a:3:{s:9:\"option_id\";s:"
        "4:\"1002\";s:11:\"option_type\";s:8:\"checkbox\";s:12:\"option_value\";s:9:\"1006,1007\";}"
        "i:2;a:3:{s:9:\"option_id\";s:4:\"1003\";s:11:\"option_type\";s:5:\"field\";s:12:\"option_"
        "value\";s:2:\"12\";}}}";
    check("sales_flat_order_item", "product_options", before,
          "catalog_product_entity:14 catalog_product_entity:3 catalog_product_entity:4 "
          "catalog_product_option:1 catalog_product_option_type_value:5<1 "
          "catalog_product_option:2 catalog_product_option_type_value:6<2 "
          "catalog_product_option_type_value:7<2 catalog_product_option:3 "
          "catalog_product_option:4 catalog_product_option:5 catalog_product_option:5 "
          "catalog_product_option_type_value:5<1 catalog_product_option:1 "
          "catalog_product_option_type_value:6<2 catalog_product_option_type_value:7<2 "
          "catalog_product_option:2 catalog_product_option:3",
          after);
}

static void unknown_ids_in_order_items(void **state)
{
    (void)state;
    const struct document_format *f = document_format("sales_flat_order_item", "product_options");
    static const char links[] = "a:1:{s:5:\"links\";a:3:{i:0;i:7;i:1;i:8;i:2;i:9;}}";
    check_unknown(f, "", links, "8", DOCUMENT_KEEP,
                  "a:1:{s:5:\"links\";a:3:{i:0;i:1007;i:1;i:8;i:2;i:1009;}}");
    check_unknown(f, "", links, "8", DOCUMENT_DROP,
                  "a:1:{s:5:\"links\";a:2:{i:0;i:1007;i:1;i:1009;}}");
    check_unknown(f, "", links, "8", DOCUMENT_NULL,
                  "a:1:{s:5:\"links\";a:3:{i:0;i:1007;i:1;N;i:2;i:1009;}}");
    static const char super[] = "a:1:{s:15:\"info_buyRequest\";a:2:{s:7:\"product\";i:9;s:15:"
                                "\"super_attribute\";a:2:{i:134;i:4;i:135;i:10;}}}";
    check_unknown(f, "", super, "134", DOCUMENT_DROP,
                  "a:1:{s:15:\"info_buyRequest\";a:2:{s:7:\"product\";i:1009;s:15:\"super_"
                  "attribute\";a:2:{i:-134;i:1004;i:1135;i:1010;}}}");
    check_unknown(f, "", super, "10", DOCUMENT_DROP,
                  "a:1:{s:15:\"info_buyRequest\";a:2:{s:7:\"product\";i:1009;s:15:\"super_"
                  "attribute\";a:1:{i:1134;i:1004;}}}");
    check_unknown(f, "", super, "9", DOCUMENT_DROP,
                  "a:1:{s:15:\"info_buyRequest\";a:2:{s:7:\"product\";N;s:15:\"super_attribute\";a:"
                  "2:{i:1134;i:1004;i:1135;i:1010;}}}");
}

/* The file that was handed in for an option is told by the option of the cart's item. */
static void files_of_options(void **state)
{
    (void)state;
#define LINK(id) "/sales/download/downloadCustomOption/id/" id "/key/a"
#define URL(id)                                                                                    \
    "a:1:{s:3:\"url\";a:2:{s:5:\"route\";s:35:\"sales/download/downloadCustomOption\";"            \
    "s:6:\"params\";a:1:{s:2:\"id\";" id "}}}"
    const struct document_format *f = document_format("sales_flat_order_item", "product_options");
    static const char before[] = "a:1:{s:7:\"options\";a:1:{i:0;a:3:{s:5:\"value\";s:47:\"" LINK(
        "7") "\";s:11:\"option_"
             "type\";s:4:\"file\";"
             "s:12:\"option_"
             "value\";s:113:\"" URL("s:1:\"7\";") "\";"
                                                  "}}"
                                                  "}";
    check("sales_flat_order_item", "product_options", before,
          "sales_flat_quote_item_option:7 sales_flat_quote_item_option:7",
          "a:1:{s:7:\"options\";a:1:{i:0;a:3:{s:5:\"value\";s:50:\"" LINK(
              "1007") "\";s:11:"
                      "\"option_type\";"
                      "s:4:\"file\";s:"
                      "12:\"option_"
                      "value\";s:116:"
                      "\"" URL("s:4:"
                               "\"1007"
                               "\";") "\";}}}");
    check_unknown(f, "", before, "7", DOCUMENT_DROP,
                  "a:1:{s:7:\"options\";a:1:{i:0;a:3:{s:5:\"value\";s:47:\"" LINK(
                      "0") "\";s:11:\"option_type\";s:4:\"file\";s:12:\"option_value\";s:107:"
                           "\"" URL("N;") "\";}}}");
    check_format(document_format("sales_flat_quote_item_option", "value"), "option_12", URL("i:7;"),
                 "catalog_product_option:12 sales_flat_quote_item_option:7",
                 "option_1012 " URL("i:1007;"));
#undef URL
#undef LINK
}

static void agreements_of_payments(void **state)
{
    (void)state;
    static const char *const tables[] = {"sales_flat_order_payment", "sales_flat_quote_payment"};
    for (size_t i = 0; i < 2; i++) {
        check(tables[i], "additional_information", "a:1:{s:15:\"ba_agreement_id\";s:1:\"7\";}",
              "sales_billing_agreement:7", "a:1:{s:15:\"ba_agreement_id\";s:4:\"1007\";}");
        check(tables[i], "additional_information", "a:1:{s:1:\"x\";s:1:\"7\";}", "",
              "a:1:{s:1:\"x\";s:1:\"7\";}");
        check(tables[i], "additional_information", "none", "", "none");
    }
}

/* A product that is gone leaves what was bought of it. */
static void what_was_bought_stays(void **state)
{
    (void)state;
    const struct document_format *f = document_format("sales_flat_order_item", "product_options");
#define PART(id) "a:2:{s:9:\"option_id\";" id "s:5:\"label\";s:4:\"Part\";}"
    static const char bundle[] =
        "a:1:{s:14:\"bundle_options\";a:2:{i:3;" PART("i:3;") "i:4;" PART("i:4;") "}}";
    check_unknown(
        f, "", bundle, "3", DOCUMENT_DROP,
        "a:1:{s:14:\"bundle_options\";a:2:{i:-3;" PART("N;") "i:1004;" PART("i:1004;") "}}");
    check_unknown(
        f, "", bundle, "4", DOCUMENT_NULL,
        "a:1:{s:14:\"bundle_options\";a:2:{i:1003;" PART("i:1003;") "i:-4;" PART("N;") "}}");
#undef PART
    /* a key that is there already, from another shop that was imported */
    check_unknown(f, "",
                  "a:1:{s:15:\"info_buyRequest\";a:1:{s:17:\"bundle_option_qty\";a:3:{i:-3;i:1;i:"
                  "3;i:2;s:1:\"4\";i:5;}}}",
                  "3", DOCUMENT_DROP,
                  "a:1:{s:15:\"info_buyRequest\";a:1:{s:17:\"bundle_option_qty\";a:3:{i:-3;i:1;i:"
                  "-30;i:2;s:4:\"1004\";i:5;}}}");
    check_unknown(f, "",
                  "a:1:{s:15:\"info_buyRequest\";a:1:{s:7:\"options\";a:1:{i:12;s:1:\"Z\";}}}",
                  "12", DOCUMENT_DROP,
                  "a:1:{s:15:\"info_buyRequest\";a:1:{s:7:\"options\";a:1:{i:-12;s:1:\"Z\";}}}");
}

/* --- options of cart and wish list items ------------------------------------------------------ */

static void options_of_items_by_their_code(void **state)
{
    (void)state;
    check_option("info_buyRequest", "a:1:{s:7:\"product\";s:2:\"14\";}",
                 "catalog_product_entity:14",
                 "info_buyRequest a:1:{s:7:\"product\";s:4:\"1014\";}");
    check_option("info_buyRequest", "a:2:{s:2:\"id\";s:1:\"8\";s:11:\"reset_count\";b:1;}",
                 "sales_flat_quote_item:8",
                 "info_buyRequest a:2:{s:2:\"id\";s:4:\"1008\";s:11:\"reset_count\";b:1;}");
    check_option("info_buyRequest", "a:1:{s:2:\"id\";s:1:\"8\";}", "",
                 "info_buyRequest a:1:{s:2:\"id\";s:1:\"8\";}");
    check_option(
        "info_buyRequest",
        "a:2:{s:11:\"super_group\";a:2:{i:34;s:1:\"0\";i:36;s:1:\"2\";}s:17:\"bundle_"
        "option_qty\";a:1:{i:3;s:1:\"1\";}}",
        "catalog_product_bundle_option:3 catalog_product_entity:34 "
        "catalog_product_entity:36",
        "info_buyRequest a:2:{s:11:\"super_group\";a:2:{i:1034;s:1:\"0\";i:1036;s:1:\"2\";}"
        "s:17:\"bundle_option_qty\";a:1:{i:1003;s:1:\"1\";}}");
    check_option("attributes", "a:2:{i:134;i:4;i:135;i:10;}",
                 "eav_attribute:134 eav_attribute_option:4<134 eav_attribute:135 "
                 "eav_attribute_option:10<135",
                 "attributes a:2:{i:1134;i:1004;i:1135;i:1010;}");
    check_option("product_type", "grouped", "", "product_type grouped");
    check_option("simple_product", "38", "catalog_product_entity:38", "simple_product 1038");
    check_option("parent_product_id", "40", "catalog_product_entity:40", "parent_product_id 1040");
    check_option("product_qty_38", "1", "catalog_product_entity:38", "product_qty_1038 1");
    check_option("associated_product_7", "2", "catalog_product_entity:7",
                 "associated_product_1007 2");
    check_option("selection_qty_10", "1.5", "catalog_product_bundle_selection:10",
                 "selection_qty_1010 1.5");
    check_option("selection_id", "10", "catalog_product_bundle_selection:10", "selection_id 1010");
    check_option("bundle_option_ids", "a:2:{i:0;i:3;i:1;i:4;}",
                 "catalog_product_bundle_option:3 catalog_product_bundle_option:4",
                 "bundle_option_ids a:2:{i:0;i:1003;i:1;i:1004;}");
    check_option("bundle_selection_ids", "a:2:{i:0;s:1:\"7\";i:1;s:2:\"10\";}",
                 "catalog_product_bundle_selection:7 catalog_product_bundle_selection:10",
                 "bundle_selection_ids a:2:{i:0;s:4:\"1007\";i:1;s:4:\"1010\";}");
    check_option("bundle_selection_attributes", "a:1:{s:9:\"option_id\";s:1:\"4\";}",
                 "catalog_product_bundle_option:4",
                 "bundle_selection_attributes a:1:{s:9:\"option_id\";s:4:\"1004\";}");
    check_option("bundle_identity", "44_7_1_10_2.5",
                 "catalog_product_entity:44 catalog_product_bundle_selection:7 "
                 "catalog_product_bundle_selection:10",
                 "bundle_identity 1044_1007_1_1010_2.5");
    check_option("option_ids", "12,13", "catalog_product_option:12 catalog_product_option:13",
                 "option_ids 1012,1013");
    check_option("downloadable_link_ids", "1,2", "downloadable_link:1 downloadable_link:2",
                 "downloadable_link_ids 1001,1002");
    check_option("additional_options", "a:1:{i:0;a:1:{s:5:\"value\";s:1:\"7\";}}", "",
                 "additional_options a:1:{i:0;a:1:{s:5:\"value\";s:1:\"7\";}}");
    check_option("my_extension_7", "7", "", "my_extension_7 7");
}

static void what_a_customer_typed_stays(void **state)
{
    (void)state;
    const struct document_format *f = document_format("sales_flat_quote_item_option", "value");
    check_option("option_12", "5,6",
                 "catalog_product_option:12 catalog_product_option_type_value:5<12? "
                 "catalog_product_option_type_value:6<12?",
                 "option_1012 1005,1006");
    check_option("option_12", "2026-05-01 00:00:00", "catalog_product_option:12",
                 "option_1012 2026-05-01 00:00:00");
    check_option("option_12", "a:1:{s:4:\"size\";i:6;}", "catalog_product_option:12",
                 "option_1012 a:1:{s:4:\"size\";i:6;}");
    check_option("option_12", "", "catalog_product_option:12", "option_1012 ");
    /* "5,6" is a text if only one of them is a value of the option */
    check_unknown(f, "option_12", "5,6", "6", DOCUMENT_DROP, "option_1012 5,6");
    check_unknown(f, "option_12", "5", "5", DOCUMENT_NULL, "option_1012 5");
    check_unknown(f, "info_buyRequest", "a:1:{s:7:\"options\";a:1:{i:12;s:3:\"5,6\";}}", "6",
                  DOCUMENT_DROP, "info_buyRequest a:1:{s:7:\"options\";a:1:{i:1012;s:3:\"5,6\";}}");
    check_option("info_buyRequest", "a:1:{s:7:\"options\";a:1:{i:12;s:2:\"5a\";}}",
                 "catalog_product_option:12",
                 "info_buyRequest a:1:{s:7:\"options\";a:1:{i:1012;s:2:\"5a\";}}");
}

static void an_option_of_what_is_gone_is_gone(void **state)
{
    (void)state;
    const struct document_format *f = document_format("sales_flat_quote_item_option", "value");
    check_unknown(f, "product_qty_38", "1", "38", DOCUMENT_DROP, "product_qty_38 (gone)");
    check_unknown(f, "option_12", "5", "12", DOCUMENT_NULL, "option_12 (gone)");
    check_unknown(f, "option_12", "5", "12", DOCUMENT_KEEP, "option_12 1005");
    check_unknown(f, "simple_product", "38", "38", DOCUMENT_DROP, "simple_product (null)");
}

/* --- price rules ------------------------------------------------------------------------------ */

static void conditions_of_price_rules(void **state)
{
    (void)state;
#define COMBINE                                                                                    \
    "s:4:\"type\";s:32:\"salesrule/rule_condition_combine\";s:9:\"attribute\";N;s:8:"              \
    "\"operator\";N;s:5:\"value\";i:1;s:10:\"conditions\";"
    static const char *const tables[] = {"salesrule", "catalogrule"};
    for (size_t i = 0; i < 2; i++) {
        const char *t = tables[i];
        check(t, "conditions_serialized",
              "a:5:{" COMBINE "a:3:{i:0;a:4:{" PRODUCT "s:12:\"category_ids\";s:8:\"operator\";s:2:"
              "\"==\";s:5:\"value\";s:5:\"3, 15\";}i:1;a:3:{" PRODUCT "s:5:\"color\";s:5:\"value\";"
              "s:2:\"12\";}i:2;a:3:{" PRODUCT
              "s:8:\"material\";s:5:\"value\";a:2:{i:0;s:2:\"13\";i:"
              "1;s:2:\"14\";}}}}",
              "catalog_category_entity:3 catalog_category_entity:15 eav_attribute_option:12 "
              "eav_attribute_option:13 eav_attribute_option:14",
              "a:5:{" COMBINE "a:3:{i:0;a:4:{" PRODUCT "s:12:\"category_ids\";s:8:\"operator\";s:2:"
              "\"==\";s:5:\"value\";s:10:\"1003, 1015\";}i:1;a:3:{" PRODUCT "s:5:\"color\";s:5:"
              "\"value\";s:4:\"1012\";}i:2;a:3:{" PRODUCT "s:8:\"material\";s:5:\"value\";a:2:{i:0;"
              "s:4:\"1013\";i:1;s:4:\"1014\";}}}}");
        check(t, "actions_serialized",
              "a:3:{" PRODUCT "s:16:\"attribute_set_id\";s:5:\"value\";s:1:\"4\";}",
              "eav_attribute_set:4",
              "a:3:{" PRODUCT "s:16:\"attribute_set_id\";s:5:\"value\";s:4:\"1004\";}");
        check(t, "actions_serialized",
              "a:3:{" PRODUCT "s:12:\"tax_class_id\";s:5:\"value\";s:1:\"2\";}", "tax_class:2",
              "a:3:{" PRODUCT "s:12:\"tax_class_id\";s:5:\"value\";s:4:\"1002\";}");
        /* no ids: of an attribute without options, of a number of items */
        check(t, "conditions_serialized",
              "a:3:{" PRODUCT "s:3:\"sku\";s:5:\"value\";s:5:\"12,13\";}", "",
              "a:3:{" PRODUCT "s:3:\"sku\";s:5:\"value\";s:5:\"12,13\";}");
        check(t, "conditions_serialized",
              "a:3:{s:4:\"type\";s:42:\"salesrule/rule_condition_product_subselect\";s:9:"
              "\"attribute\";s:5:\"color\";s:5:\"value\";s:1:\"5\";}",
              "",
              "a:3:{s:4:\"type\";s:42:\"salesrule/rule_condition_product_subselect\";s:9:"
              "\"attribute\";s:5:\"color\";s:5:\"value\";s:1:\"5\";}");
        check(t, "conditions_serialized",
              "a:3:{s:4:\"type\";s:32:\"salesrule/rule_condition_address\";s:9:\"attribute\";s:9:"
              "\"region_id\";s:5:\"value\";s:2:\"57\";}",
              "directory_country_region:57",
              "a:3:{s:4:\"type\";s:32:\"salesrule/rule_condition_address\";s:9:\"attribute\";s:9:"
              "\"region_id\";s:5:\"value\";s:4:\"1057\";}");
        check_unknown(document_format(t, "conditions_serialized"), "",
                      "a:3:{" PRODUCT "s:12:\"category_ids\";s:5:\"value\";s:4:\"3,15\";}", "3",
                      DOCUMENT_DROP,
                      "a:3:{" PRODUCT "s:12:\"category_ids\";s:5:\"value\";s:4:\"1015\";}");
        check_unknown(document_format(t, "conditions_serialized"), "",
                      "a:3:{" PRODUCT "s:8:\"material\";s:5:\"value\";a:2:{i:0;s:1:\"3\";i:1;s:1:"
                      "\"4\";}}",
                      "3", DOCUMENT_DROP,
                      "a:3:{" PRODUCT "s:8:\"material\";s:5:\"value\";a:1:{i:0;s:4:\"1004\";}}");
    }
}

/* --- all of a shop ---------------------------------------------------------------------------- */

static int there_and_back(void *arg, const struct php_fixture *fixture)
{
    size_t *ids = arg;
    const struct document_format *f = document_format(fixture->table, fixture->column);
    struct shop shop = {0};
    BUF_AUTO struct buf value = {0}, there = {0}, back = {0}, original = {0};
    if (!f)
        return 0;
    assert_int_equal(buf_append(&value, fixture->value.p, fixture->value.len), 0);
    buf_printf(&original, "%s%s%s", fixture->code, *fixture->code ? " " : "", buf_cstr(&value));
    rewrite(&shop, f, fixture->code, buf_cstr(&value), &there);
    assert_int_equal(shop.seen.len > 0, strcmp(buf_cstr(&there), buf_cstr(&original)) != 0);
    *ids += shop.seen.len > 0;
    shop.back = true;
    char *code = strdup(buf_cstr(&there)), *rest = code;
    assert_non_null(code);
    if (*fixture->code) {
        rest = strchr(code, ' ') + 1;
        rest[-1] = 0;
    }
    rewrite(&shop, f, *fixture->code ? code : "", rest, &back);
    free(code);
    assert_string_equal(buf_cstr(&back), buf_cstr(&original));
    leave(&shop);
    return 0;
}

static void all_values_of_a_shop_there_and_back(void **state)
{
    (void)state;
    size_t ids = 0;
    php_fixtures(there_and_back, &ids);
    assert_true(ids > 50);
}

static void what_cannot_be_read_stays(void **state)
{
    (void)state;
    static const struct {
        const char *column, *value;
        size_t offset;
    } all[] = {
        {"product_options", "a:1:{s:5:\"links\";a:1:{i:0;i:7", 28},
        {"product_options", "hello", 0},
        {"product_options", "a:0:{} ", 6},
        {"product_options",
         "a:2:{s:5:\"links\";a:1:{i:0;i:7;}s:27:\"bundle_selection_attributes\";s:6:\"a:1:{}\";}",
         76},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct shop shop = {0};
        struct document_visitor visitor = {visit, NULL, &shop};
        const struct document_format *f = document_format("sales_flat_order_item", all[i].column);
        struct document_value out;
        struct ds_error err = {0};
        struct slice value = text(all[i].value);
        int rc = document_rewrite(f, value, text(""), &visitor, &shop.arena, &out, &err);
        assert_int_equal(rc, DS_EFORMAT);
        assert_int_equal(out.offset, all[i].offset);
        assert_ptr_equal(out.value.p, value.p);
        assert_int_equal(out.value.len, value.len);
        assert_false(out.null);
        assert_null(strstr(err.message, "links"));
        assert_int_equal(document_collect(f, value, text(""), &visitor, &shop.arena, &err),
                         DS_EFORMAT);
        leave(&shop);
    }
}

/* PHP code that counts makes floats of whole numbers. */
static void floats_that_are_whole_numbers(void **state)
{
    (void)state;
    check("sales_flat_order_item", "product_options",
          "a:2:{s:15:\"info_buyRequest\";a:3:{s:7:\"product\";d:14;s:3:\"qty\";d:2;s:15:\"super_"
          "attribute\";a:1:{i:134;d:4;}}s:5:\"links\";a:3:{i:0;d:7;i:1;d:7.5;i:2;d:-7;}}",
          "catalog_product_entity:14 eav_attribute:134 eav_attribute_option:4<134 "
          "downloadable_link:7",
          "a:2:{s:15:\"info_buyRequest\";a:3:{s:7:\"product\";d:1014;s:3:\"qty\";d:2;s:15:"
          "\"super_attribute\";a:1:{i:1134;d:1004;}}s:5:\"links\";a:3:{i:0;d:1007;i:1;d:7.5;i:2;"
          "d:-7;}}");
    check_option("info_buyRequest", "a:1:{s:7:\"options\";a:1:{i:1;d:5;}}",
                 "catalog_product_option:1 catalog_product_option_type_value:5<1?",
                 "info_buyRequest a:1:{s:7:\"options\";a:1:{i:1001;d:1005;}}");
}

static void references_to_ids_of_the_same_kind(void **state)
{
    (void)state;
    check("sales_flat_order_item", "product_options", "a:1:{s:5:\"links\";a:2:{i:0;i:7;i:1;R:3;}}",
          "downloadable_link:7", "a:1:{s:5:\"links\";a:2:{i:0;i:1007;i:1;R:3;}}");
}

/* What they lead to is another place, where it may be no id. */
static void references_in_the_place_of_ids(void **state)
{
    (void)state;
    static const struct {
        const char *table, *column, *code, *value;
        size_t offset; /* 0: there are no ids */
    } all[] = {
        {"sales_flat_order_item", "product_options", "",
         "a:2:{s:3:\"any\";i:7;s:5:\"links\";a:1:{i:0;R:2;}}", 42},
        {"sales_flat_order_item", "product_options", "",
         "a:2:{s:3:\"any\";O:1:\"a\":1:{i:0;i:7;}s:5:\"links\";r:2;}", 49},
        {"sales_flat_order_item", "product_options", "",
         "a:2:{s:3:\"any\";a:1:{s:7:\"product\";i:7;}s:15:\"info_buyRequest\";R:2;}", 64},
        {"sales_flat_order_item", "product_options", "",
         "a:2:{s:3:\"any\";a:1:{i:7;i:1;}s:15:\"info_buyRequest\";a:1:{s:11:\"super_group\";R:2;}"
         "}",
         78},
        {"sales_flat_order_item", "product_options", "",
         "a:1:{s:7:\"options\";a:1:{i:0;a:3:{s:1:\"a\";s:1:\"5\";s:11:\"option_type\";s:5:"
         "\"radio\";s:12:\"option_value\";R:4;}}}",
         102},
        {"sales_flat_order_item", "product_options", "",
         "a:2:{s:3:\"any\";s:0:\"\";s:5:\"links\";R:2;}", 0},
        {"sales_flat_order_item", "product_options", "",
         "a:3:{s:3:\"any\";s:1:\"5\";s:4:\"name\";R:2;s:7:\"options\";a:1:{i:0;a:2:{s:11:\"option_"
         "type\";s:5:\"field\";s:12:\"option_value\";R:2;}}}",
         0},
        {"wishlist_item_option", "value", "info_buyRequest",
         "a:2:{s:3:\"any\";i:7;s:7:\"product\";R:2;}", 35},
        {"core_config_data", "value", "cataloginventory/item_options/min_sale_qty",
         "a:1:{i:5;a:2:{s:3:\"any\";i:7;s:17:\"customer_group_id\";R:3;}}", 55},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct shop shop = {0};
        struct document_visitor visitor = {visit, NULL, &shop};
        const struct document_format *f = document_format(all[i].table, all[i].column);
        struct document_value out;
        struct ds_error err = {0};
        struct slice value = text(all[i].value), code = text(all[i].code);
        int expected = all[i].offset ? DS_EUNSUPPORTED : 0;
        int rc = document_rewrite(f, value, code, &visitor, &shop.arena, &out, &err);
        if (rc != expected || out.offset != all[i].offset)
            fail_msg("%s: %d at %zu", all[i].value, rc, out.offset);
        assert_true(is(out.value, all[i].value));
        assert_int_equal(document_collect(f, value, code, &visitor, &shop.arena, &err), expected);
        leave(&shop);
    }
}

static void an_error_of_the_visitor_ends_it(void **state)
{
    (void)state;
    static const struct {
        const char *table, *column, *code, *value;
    } all[] = {
        {"sales_flat_order_item", "product_options", "", "a:1:{s:5:\"links\";a:1:{i:0;i:7;}}"},
        {"sales_flat_order_item", "product_options", "",
         "a:1:{s:15:\"info_buyRequest\";a:1:{s:11:\"super_group\";a:1:{i:7;i:1;}}}"},
        {"sales_flat_quote_item_option", "value", "option_12", "x"},
        {"sales_flat_quote_item_option", "value", "option_ids", "5"},
        {"sales_flat_quote_item_option", "value", "bundle_identity", "5_6_1"},
        {"cms_page", "content", "", "{{widget block_id=\"3\"}}{{widget block_id=\"4\"}}"},
        {"cms_page", "content", "", "{{widget id_path=\"product/12/5\"}}"},
        {"core_layout_update", "xml", "", "<block_id>3</block_id><block_id>3</block_id>"},
        {"core_layout_update", "handle", "", "PRODUCT_3"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct shop shop = {.fail = DS_ENOMEM};
        struct document_visitor visitor = {visit, NULL, &shop};
        const struct document_format *f = document_format(all[i].table, all[i].column);
        struct document_value out;
        assert_int_equal(document_rewrite(f, text(all[i].value), text(all[i].code), &visitor,
                                          &shop.arena, &out, NULL),
                         DS_ENOMEM);
        assert_null(strchr(buf_cstr(&shop.seen), ' ')); /* asked once */
        assert_true(is(out.value, all[i].value) && is(out.beside, all[i].code));
        leave(&shop);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_and_paths),
        cmocka_unit_test(order_items_as_a_shop_stored_them),
        cmocka_unit_test(options_by_their_type),
        cmocka_unit_test(unknown_ids_in_order_items),
        cmocka_unit_test(what_was_bought_stays),
        cmocka_unit_test(files_of_options),
        cmocka_unit_test(agreements_of_payments),
        cmocka_unit_test(options_of_items_by_their_code),
        cmocka_unit_test(what_a_customer_typed_stays),
        cmocka_unit_test(an_option_of_what_is_gone_is_gone),
        cmocka_unit_test(conditions_of_price_rules),
        cmocka_unit_test(all_values_of_a_shop_there_and_back),
        cmocka_unit_test(what_cannot_be_read_stays),
        cmocka_unit_test(floats_that_are_whole_numbers),
        cmocka_unit_test(references_in_the_place_of_ids),
        cmocka_unit_test(references_to_ids_of_the_same_kind),
        cmocka_unit_test(an_error_of_the_visitor_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
