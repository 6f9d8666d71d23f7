/* The entity catalogue: the built-in files, a user's own, and their errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "schema/catalogue.h"

static char folder[] = "/tmp/datasync-catalogue-XXXXXX";
static char file[200], second[200];

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(file, sizeof file, "%s/mine.yaml", folder);
    snprintf(second, sizeof second, "%s/other.yaml", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(file);
    unlink(second);
    return rmdir(folder);
}

static void put(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

static void fails(const char *text, unsigned line, const char *part)
{
    struct catalogue *c;
    struct ds_error err = {0};
    char where[300];
    put(file, text);
    assert_int_equal(catalogue_load(&c, folder, &err), DS_EUSAGE);
    assert_null(c);
    snprintf(where, sizeof where, line ? "%s:%u: " : "%s", file, line);
    if (!strstr(err.message, where) || !strstr(err.message, part))
        fail_msg("'%s' lacks '%s' or '%s'", err.message, where, part);
}

static void expect(const struct catalogue *c, const char *table, const char *entity,
                   const char *role, const char *link, const char *through)
{
    const struct catalogue_entity *e;
    const struct catalogue_table *t;
    if (!catalogue_lookup(c, table, &e, &t))
        fail_msg("%s is unclaimed", table);
    assert_string_equal(e->name, entity);
    assert_string_equal(t->role, role);
    assert_string_equal(t->link, link);
    if (through)
        assert_string_equal(t->through, through);
    else
        assert_null(t->through);
}

static void builtin_entities_claim_their_tables(void **state)
{
    (void)state;
    struct catalogue *c;
    struct ds_error err = {0};
    if (catalogue_load(&c, NULL, &err))
        fail_msg("%s", err.message);
    expect(c, "sales_flat_order", "order", "root", "entity_id", NULL);
    expect(c, "sales_flat_order_item", "order", "item", "order_id", NULL);
    expect(c, "sales_order_tax_item", "order", "item", "tax_id", "sales_order_tax");
    expect(c, "sales_flat_quote_item_option", "quote", "item", "item_id", "sales_flat_quote_item");
    expect(c, "catalog_product_option_type_price", "product", "member", "option_type_id",
           "catalog_product_option_type_value");
    expect(c, "cataloginventory_stock_item", "stock", "root", "product_id", NULL);
    const struct catalogue_entity *e;
    const struct catalogue_table *t;
    assert_true(catalogue_lookup(c, "cataloginventory_stock_item", &e, &t));
    assert_true(t->stock);
    assert_true(catalogue_lookup(c, "catalog_product_entity", &e, &t));
    assert_false(t->stock);
    assert_false(catalogue_lookup(c, "core_url_rewrite", &e, &t));
    assert_false(catalogue_lookup(c, "catalog_product_index_price", &e, &t));
    assert_null(e);
    static const char *const wanted[] = {
        "cms_block",  "cms_page", "attribute",   "attribute_set", "customer_group", "category",
        "product",    "customer", "order",       "invoice",       "shipment",       "creditmemo",
        "newsletter", "stock",    "review",      "rating",        "catalog_rule",   "cart_rule",
        "website",    "store",    "store_group", "tax_class",     "tax_rule",       "quote"};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (!catalogue_find(c, wanted[i]))
            fail_msg("no entity %s", wanted[i]);
    assert_ptr_equal(catalogue_find(c, "productattribute"), catalogue_find(c, "attribute"));
    assert_null(catalogue_find(c, "nothing"));
    catalogue_free(c);
}

static size_t place(const struct catalogue *c, const char *name)
{
    for (size_t i = 0; i < catalogue_count(c); i++)
        if (catalogue_at(c, i) == catalogue_find(c, name))
            return i;
    fail_msg("no entity %s", name);
    return 0;
}

static void what_is_referred_to_comes_first(void **state)
{
    (void)state;
    struct catalogue *c;
    assert_int_equal(catalogue_load(&c, "", NULL), 0);
    for (size_t i = 0; i < catalogue_count(c); i++) {
        const struct catalogue_entity *e = catalogue_at(c, i);
        for (size_t k = 0; k < e->reference_count; k++)
            assert_true(place(c, e->references[k].entity) <= i);
    }
    assert_true(place(c, "order") < place(c, "invoice"));
    assert_true(place(c, "website") < place(c, "store"));
    catalogue_free(c);
}

static void users_files_add_and_override(void **state)
{
    (void)state;
    struct catalogue *c;
    struct ds_error err = {0};
    put(file, "name: gift\naliases: [gifts]\nnatural_key: [code]\n"
              "references:\n  - {column: order_id, entity: orders, required: true}\n"
              "  - {table: gift_line, column: ids, entity: product, form: list}\n"
              "tables:\n  - {table: gift, role: root, link: id}\n"
              "  - {table: gift_line, role: line, link: gift_id}\n"
              "  - {table: gift_note, role: note, link: line_id, through: gift_line}\n");
    put(second, "name: review\ntables: [{table: review, role: root, link: review_id}]\n");
    if (catalogue_load(&c, folder, &err))
        fail_msg("%s", err.message);
    expect(c, "gift_note", "gift", "note", "line_id", "gift_line");
    const struct catalogue_entity *gift = catalogue_find(c, "gifts");
    assert_string_equal(gift->natural_key[0], "code");
    assert_null(gift->natural_key[1]);
    assert_int_equal(gift->reference_count, 2);
    assert_string_equal(gift->references[0].table, "gift");
    assert_true(gift->references[0].required);
    assert_int_equal(gift->references[1].form, REFERENCE_LIST);
    assert_string_equal(gift->file, file);
    const struct catalogue_entity *e;
    const struct catalogue_table *t;
    assert_true(catalogue_lookup(c, "review", &e, &t));
    assert_false(catalogue_lookup(c, "review_detail", &e, &t));
    catalogue_free(c);
    unlink(second);
    assert_int_equal(catalogue_load(&c, "/no/such/folder", &err), DS_EUSAGE);
    assert_non_null(strstr(err.message, "/no/such/folder: No such file"));
}

#define ROOT "tables: [{table: t1, role: root, link: id}]\n"

static void errors_name_file_and_line(void **state)
{
    (void)state;
    fails("", 1, "empty");
    fails("name: [a\n", 0, "not valid YAML");
    fails("name: a\n", 1, "key 'tables' is missing");
    fails(ROOT, 1, "key 'name' is missing");
    fails("name: a\ncolour: red\n" ROOT, 2, "unknown key 'colour'");
    fails("name: a\n" ROOT "name: b\n", 3, "given before, in line 1");
    fails("name: all\n" ROOT, 1, "cannot be an entity");
    fails("name: 'a b'\n" ROOT, 1, "a name is wanted");
    fails("name: a\ntables: []\n", 2, "a list of tables");
    fails("name: a\ntables:\n  - {table: t, role: member, link: id}\n", 3, "role root");
    fails("name: a\ntables:\n  - {table: t, role: root, link: id}\n"
          "  - {table: u, role: root, link: id}\n",
          4, "role root");
    fails("name: a\ntables:\n  - {table: t, role: root, link: id}\n"
          "  - {table: t, role: x, link: id}\n",
          4, "listed twice");
    fails("name: a\ntables:\n  - {table: t, role: root, link: id}\n"
          "  - {table: u, role: x, link: id, through: v}\n",
          4, "'v' is not");
    fails("name: a\ntables:\n  - {table: t, role: root, link: id, stock: maybe}\n", 3,
          "true or false");
    fails("name: a\naliases: b\n" ROOT, 2, "a list of names");
    fails("name: a\nreferences:\n  - {column: c, entity: order, form: tree}\n" ROOT, 3,
          "form is one of");
    fails("name: a\nreferences: [{column: c, entity: order, table: x}]\n" ROOT, 2,
          "'x' is no table");
    fails("name: a\nreferences: [{column: c, entity: nothing}]\n" ROOT, 0, "which does not exist");
    fails("name: a\naliases: [orders]\n" ROOT, 0, "already means entity 'order'");
    fails("name: a\ntables: [{table: review, role: root, link: id}]\n", 0, "belongs to entity");
}

static void circles_are_found(void **state)
{
    (void)state;
    struct catalogue *c;
    struct ds_error err = {0};
    put(file, "name: a\nreferences: [{column: x, entity: b}]\n" ROOT);
    put(second, "name: b\nreferences: [{column: x, entity: a}]\n"
                "tables: [{table: t2, role: root, link: id}]\n");
    assert_int_equal(catalogue_load(&c, folder, &err), DS_EUSAGE);
    assert_non_null(strstr(err.message, "in a circle"));
    unlink(second);
    put(file, "name: a\nreferences: [{column: x, entity: a}]\n" ROOT);
    assert_int_equal(catalogue_load(&c, folder, &err), 0);
    catalogue_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builtin_entities_claim_their_tables),
        cmocka_unit_test(what_is_referred_to_comes_first),
        cmocka_unit_test(users_files_add_and_override),
        cmocka_unit_test(errors_name_file_and_line),
        cmocka_unit_test(circles_are_found),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
