/* The filter: which tables travel, and when two filters are the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/filter.h"

struct choice {
    const char *entities, *include, *exclude; /* by commas */
    enum config_stock stock;
    enum config_mode mode;
    const char *prefix;
};

static struct catalogue *catalogue;

static struct config_list list_of(char *text, char **items)
{
    struct config_list list = {.items = items};
    char *save;
    for (char *item = strtok_r(text, ",", &save); item; item = strtok_r(NULL, ",", &save))
        items[list.count++] = item;
    return list;
}

struct chosen {
    char entities[200], include[200], exclude[200];
    char *items[3][20];
    struct config config;
    struct filter *filter;
};

static void choose(const struct choice *x, struct chosen *out)
{
    struct ds_error err;
    snprintf(out->entities, sizeof out->entities, "%s", x->entities ? x->entities : "all");
    snprintf(out->include, sizeof out->include, "%s", x->include ? x->include : "*");
    snprintf(out->exclude, sizeof out->exclude, "%s", x->exclude ? x->exclude : "");
    out->config = (struct config){.path = "",
                                  .entities = list_of(out->entities, out->items[0]),
                                  .tables_include = list_of(out->include, out->items[1]),
                                  .tables_exclude = list_of(out->exclude, out->items[2]),
                                  .stock = x->stock,
                                  .mode = x->mode,
                                  .source = {.prefix = (char *)(x->prefix ? x->prefix : "")}};
    if (filter_new(&out->filter, &out->config, catalogue, &err))
        fail_msg("%s", err.message);
}

/* What of `tables` is kept, by blanks. */
static void keeps(const struct choice *x, const char *tables, const char *expected)
{
    char names[500], kept[500] = "";
    struct chosen chosen;
    choose(x, &chosen);
    struct filter *f = chosen.filter;
    char *save;
    snprintf(names, sizeof names, "%s", tables);
    for (char *t = strtok_r(names, " ", &save); t; t = strtok_r(NULL, " ", &save))
        if (filter_keeps(f, t))
            snprintf(kept + strlen(kept), sizeof kept - strlen(kept), "%s%s", *kept ? " " : "", t);
    assert_string_equal(kept, expected);
    filter_free(f);
}

static void tables_are_chosen(void **state)
{
    (void)state;
    const char *some = "sales_flat_order sales_flat_order_item customer_entity log_url mine "
                       "cataloginventory_stock_item";
    keeps(&(struct choice){0}, some, some);
    keeps(&(struct choice){.entities = "order"}, some, "sales_flat_order sales_flat_order_item");
    keeps(&(struct choice){.entities = "orders,table"}, some,
          "sales_flat_order sales_flat_order_item log_url mine");
    keeps(&(struct choice){.exclude = "@log,mine"}, some,
          "sales_flat_order sales_flat_order_item customer_entity cataloginventory_stock_item");
    keeps(&(struct choice){.include = "sales_*,m?ne"}, some,
          "sales_flat_order sales_flat_order_item mine");
    keeps(&(struct choice){.include = "*", .exclude = "*_item"}, some,
          "sales_flat_order customer_entity log_url mine");
    keeps(&(struct choice){.include = "@log"}, some, "log_url");
    keeps(&(struct choice){.stock = STOCK_ONLY}, some, "cataloginventory_stock_item");
    keeps(&(struct choice){.stock = STOCK_EXCLUDE}, some,
          "sales_flat_order sales_flat_order_item customer_entity log_url mine");
    keeps(&(struct choice){.entities = "order", .include = "customer_*"}, some, "");
}

static void imports_take_along_what_entities_bring(void **state)
{
    (void)state;
    const char *some = "gift_message sales_flat_order sales_flat_quote";
    const struct choice orders = {.entities = "orders", .mode = MODE_IMPORT};
    const struct catalogue_entity *message = catalogue_find(catalogue, "gift_message");
    struct chosen chosen;
    struct filter *exactly = NULL;
    keeps(&(struct choice){.entities = "order"}, some, "sales_flat_order");
    keeps(&orders, some, "gift_message sales_flat_order");
    keeps(&(struct choice){.entities = "product", .mode = MODE_IMPORT}, some, "");
    choose(&orders, &chosen);
    assert_true(filter_comes_along(chosen.filter, message));
    assert_false(filter_comes_along(chosen.filter, catalogue_find(catalogue, "order")));
    assert_int_equal(filter_new_exactly(&exactly, &chosen.config, catalogue, NULL), 0);
    assert_false(filter_imports(exactly, message));
    filter_free(exactly);
    filter_free(chosen.filter);
    choose(&(struct choice){.entities = "order,gift_messages,table", .mode = MODE_IMPORT}, &chosen);
    assert_true(filter_imports(chosen.filter, message));
    assert_false(filter_comes_along(chosen.filter, message));
    filter_free(chosen.filter);
}

static void prefixes_and_online_changes(void **state)
{
    (void)state;
    const struct choice no_logs = {.exclude = "@log", .prefix = "m1_"};
    keeps(&no_logs, "m1_log_url log_url m1_log m1_sales_flat_order",
          "log_url m1_log m1_sales_flat_order");
    keeps(&(struct choice){.entities = "order", .prefix = "m1_"},
          "m1_sales_flat_order sales_flat_order _m1_sales_flat_order_gho _sales_flat_order_gho",
          "m1_sales_flat_order _m1_sales_flat_order_gho");
    keeps(&(struct choice){.exclude = "@log"},
          "_log_url_gho _log_url_ghc _log_url_del _log_url_new _log_url_old _log_url_xyz _old _gho "
          "__gho",
          "_log_url_xyz _old _gho __gho");
}

static int refuses(const char *entities, const char *exclude, struct ds_error *err)
{
    char a[50], b[50], *items[2][5], star[] = "*", *all[] = {star};
    snprintf(a, sizeof a, "%s", entities);
    snprintf(b, sizeof b, "%s", exclude);
    struct config c = {.path = "d.yaml",
                       .entities = list_of(a, items[0]),
                       .tables_include = {all, 1},
                       .tables_exclude = list_of(b, items[1])};
    struct filter *f = NULL;
    int rc = filter_new(&f, &c, catalogue, err);
    filter_free(f);
    return rc;
}

static void unknown_names_are_refused(void **state)
{
    (void)state;
    struct ds_error err;
    assert_int_equal(refuses("order,gadget", "", &err), DS_EUSAGE);
    assert_non_null(strstr(err.message, "d.yaml: entities: there is no entity 'gadget'"));
    assert_int_equal(refuses("", "", &err), DS_EUSAGE);
    assert_int_equal(refuses("all", "log_*,@logs", &err), DS_EUSAGE);
    assert_non_null(strstr(err.message, "tables.exclude: there is no group '@logs'"));
    assert_int_equal(refuses("all", "nothing_like_it", &err), 0);
    assert_true(filter_is_all(NULL));
    assert_true(filter_keeps(NULL, "x"));
}

static void fingerprint(char *const *exclude, size_t count, enum config_stock stock, char out[33])
{
    char star[] = "*", all[] = "all", *stars[] = {star}, *alls[] = {all}, *copy[5];
    memcpy(copy, exclude, count * sizeof *copy);
    struct config c = {.path = "",
                       .entities = {alls, 1},
                       .tables_include = {stars, 1},
                       .tables_exclude = {copy, count},
                       .stock = stock};
    struct filter *f = NULL;
    BUF_AUTO struct buf text = {0};
    assert_int_equal(filter_new(&f, &c, catalogue, NULL), 0);
    assert_int_equal(filter_fingerprint(f, out, &text), 0);
    assert_int_equal(strlen(out), 32);
    assert_non_null(strstr(buf_cstr(&text), "entities=[all]"));
    filter_free(f);
}

static void fingerprints_follow_the_choice(void **state)
{
    (void)state;
    char a[] = "a", b[] = "b", log[] = "@log", derived[] = "@derived";
    char *ab[] = {a, b}, *ba[] = {b, a}, *l[] = {log}, *d[] = {derived};
    char one[33], two[33];
    fingerprint(ab, 0, STOCK_INCLUDE, one);
    fingerprint(ab, 0, STOCK_EXCLUDE, two);
    assert_string_not_equal(one, two);
    fingerprint(ab, 2, STOCK_INCLUDE, two);
    assert_string_not_equal(one, two);
    fingerprint(ba, 2, STOCK_INCLUDE, one);
    assert_string_equal(one, two);
    fingerprint(l, 1, STOCK_INCLUDE, one);
    fingerprint(d, 1, STOCK_INCLUDE, two);
    assert_string_not_equal(one, two);
}

/* Checkpoints hold these digits: they may not change for what means the same as ever. */
static void fingerprints_are_of_what_is_meant(void **state)
{
    (void)state;
    static const struct {
        const char *digits, *text;
        struct choice choices[4];
    } cases[] = {
        {"8b7a1f764bc67d829b811897ae984f2e",
         "mode=mirror stock=include entities=[newsletter_template,tax_class] tables.include=[*] "
         "tables.exclude=[]",
         {{.entities = "newsletter_template,tax_class"},
          {.entities = "tax_class,newsletter_template"},
          {.entities = "tax_classes,newsletter_templates"},
          {.entities = "tax_class,newsletter_template,tax_classes,tax_class"}}},
        {"b27ebe4bfab6f2485aad4b5bc9cd35f3",
         "mode=mirror stock=include entities=[all] tables.include=[*] tables.exclude=[]",
         {{.stock = STOCK_INCLUDE},
          {.entities = "tax_class,all"},
          {.include = "a*,*"},
          {.entities = "all,all", .include = "*,*"}}},
        {"e1f09f7fcf193e9c4d3a82c1d363d8c5",
         "mode=mirror stock=only entities=[all] tables.include=[a,b*] "
         "tables.exclude=[@session,x]",
         {{.stock = STOCK_ONLY, .include = "a,b*", .exclude = "@session,x"},
          {.stock = STOCK_ONLY, .include = "b*,a", .exclude = "x,@session"},
          {.stock = STOCK_ONLY, .include = "a,b*,a", .exclude = "x,@session,x"},
          {.stock = STOCK_ONLY, .include = "b*,b*,a", .exclude = "@session,@session,x"}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t k = 0; k < 4; k++) {
            BUF_AUTO struct buf text = {0};
            struct chosen chosen;
            char digits[33];
            choose(&cases[i].choices[k], &chosen);
            assert_int_equal(filter_fingerprint(chosen.filter, digits, &text), 0);
            assert_string_equal(buf_cstr(&text), cases[i].text);
            assert_string_equal(digits, cases[i].digits);
            filter_free(chosen.filter);
        }
}

static int setup(void **state)
{
    (void)state;
    return catalogue_load(&catalogue, NULL, NULL);
}

static int teardown(void **state)
{
    (void)state;
    catalogue_free(catalogue);
    return 0;
}

/* A configuration with conditions: table, condition, table, … */
static void with_conditions(char **items, size_t count, const char *prefix, char **excluded,
                            struct config *c)
{
    static char all[] = "all", every[] = "*";
    static char *entities[] = {all}, *include[] = {every};
    *c = (struct config){.path = "",
                         .entities = {.items = entities, .count = 1},
                         .tables_include = {.items = include, .count = 1},
                         .tables_exclude = {.items = excluded, .count = excluded ? 1 : 0},
                         .where = {.items = items, .count = count},
                         .source = {.prefix = (char *)prefix}};
}

static void entities_in_part(void **state)
{
    (void)state;
    struct ds_error err;
    struct config c;
    struct filter *f = NULL;
    struct filter_level l;
    char *items[] = {"sales_flat_order", "entity_id > 5", "log_url", "url_id > 1"};
    with_conditions(items, 4, "mg_", NULL, &c);
    if (filter_new(&f, &c, catalogue, &err))
        fail_msg("%s", err.message);
    assert_true(filter_has_levels(f));
    assert_false(filter_is_all(f));
    assert_true(filter_level(f, "mg_sales_flat_order", &l));
    assert_ptr_equal(l.entry, &l.entity->tables[0]);
    assert_false(l.shadow);
    assert_true(filter_level(f, "mg_sales_order_tax_item", &l));
    assert_string_equal(filter_level_parent(&l)->table, "sales_order_tax");
    assert_string_equal(filter_level_key(filter_level_parent(&l)), "tax_id");
    assert_true(filter_level(f, "mg_sales_order_tax", &l));
    assert_string_equal(filter_level_key(filter_level_parent(&l)), "entity_id");
    assert_true(filter_level(f, "_mg_sales_flat_order_gho", &l));
    assert_true(l.shadow);
    assert_false(filter_level(f, "sales_flat_order", &l)); /* not the shop's */
    assert_false(filter_level(f, "mg_log_url", &l));
    assert_false(filter_level(f, "mg_sales_flat_invoice", &l));
    /* foreign keys that cannot hold */
    assert_true(filter_crosses(f, "mg_sales_flat_invoice", "order_id", "mg_sales_flat_order"));
    assert_false(filter_crosses(f, "mg_sales_flat_order_item", "order_id", "mg_sales_flat_order"));
    assert_true(filter_crosses(f, "mg_sales_flat_order_item", "other_id", "mg_sales_flat_order"));
    assert_true(filter_crosses(f, "mg_sales_flat_order_item", NULL, "mg_sales_flat_order"));
    assert_true(filter_crosses(f, "mg_sales_flat_order", "entity_id", "mg_sales_flat_order"));
    assert_false(
        filter_crosses(f, "mg_sales_order_tax_item", "item_id", "mg_sales_flat_order_item"));
    assert_false(filter_crosses(f, "mg_sales_flat_order", "customer_id", "mg_customer_entity"));
    /* renames */
    assert_true(filter_same(f, "_mg_sales_flat_order_gho", "mg_sales_flat_order"));
    assert_false(filter_same(f, "mg_sales_flat_order_item", "mg_sales_order_tax"));
    assert_false(filter_same(f, "mg_sales_flat_order_item", "mg_mine"));
    filter_free(f);
    /* in between, and of a root that is left out */
    char *between[] = {"sales_order_tax", "tax_id > 5"}, *out[] = {"sales_flat_order"};
    with_conditions(between, 2, "", NULL, &c);
    assert_int_equal(filter_new(&f, &c, catalogue, &err), DS_EUSAGE);
    assert_non_null(strstr(err.message, "sales_flat_order"));
    with_conditions(items, 2, "", out, &c);
    assert_int_equal(filter_new(&f, &c, catalogue, &err), DS_EUSAGE);
    assert_non_null(strstr(err.message, "left out"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_chosen),
        cmocka_unit_test(imports_take_along_what_entities_bring),
        cmocka_unit_test(prefixes_and_online_changes),
        cmocka_unit_test(unknown_names_are_refused),
        cmocka_unit_test(fingerprints_follow_the_choice),
        cmocka_unit_test(entities_in_part),
        cmocka_unit_test(fingerprints_are_of_what_is_meant),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
