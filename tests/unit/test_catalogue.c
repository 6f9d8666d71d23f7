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
static char file[200], second[200], third[200];

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(file, sizeof file, "%s/mine.yaml", folder);
    snprintf(second, sizeof second, "%s/other.yaml", folder);
    snprintf(third, sizeof third, "%s/third.yaml", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(file);
    unlink(second);
    unlink(third);
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
    if (catalogue_load(&c, folder, &err) != DS_EUSAGE)
        fail_msg("loads:\n%s", text);
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
    expect(c, "catalog_product_option_type_price", "product", "option", "option_type_id",
           "catalog_product_option_type_value");
    expect(c, "cataloginventory_stock_item", "stock", "root", "product_id", NULL);
    const struct catalogue_entity *e;
    const struct catalogue_table *t;
    assert_true(catalogue_lookup(c, "cataloginventory_stock_item", &e, &t));
    assert_true(t->stock);
    assert_true(catalogue_lookup(c, "catalog_product_entity", &e, &t));
    assert_false(t->stock);
    assert_true(catalogue_lookup(c, "core_url_rewrite", &e, &t));
    assert_int_equal(e->kind, KIND_DERIVED);
    assert_false(catalogue_lookup(c, "catalog_product_index_price", &e, &t));
    assert_null(e);
    static const char *const wanted[] = {
        "cms_block",  "cms_page", "attribute",   "attribute_set", "customer_group", "category",
        "product",    "customer", "order",       "invoice",       "shipment",       "creditmemo",
        "newsletter", "stock",    "review",      "rating",        "catalogrule",    "salesrule",
        "website",    "store",    "store_group", "tax_class",     "tax_rule",       "quote"};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (!catalogue_find(c, wanted[i]))
            fail_msg("no entity %s", wanted[i]);
    static const char *const same[][2] = {{"productattribute", "attribute"},
                                          {"product_attribute", "attribute"},
                                          {"cart_rule", "salesrule"},
                                          {"catalog_rule", "catalogrule"}};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        assert_non_null(catalogue_find(c, same[i][0]));
        assert_ptr_equal(catalogue_find(c, same[i][0]), catalogue_find(c, same[i][1]));
    }
    assert_null(catalogue_find(c, "nothing"));
    /* a backend model of its own, derived from the encrypted one */
    const struct catalogue_entity *config = catalogue_find(c, "config");
    bool has = false;
    assert_non_null(config);
    for (size_t i = 0; i < config->encrypted_count; i++)
        for (const char *const *path = config->encrypted[i].when.values; *path; path++)
            has |= strcmp(*path, "ai/general/openai_api_key") == 0;
    assert_true(has);
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
            assert_true(e->references[k].deferred || place(c, e->references[k].entity) <= i);
    }
    static const char *const chain[] = {"website",       "store",    "customer_group", "attribute",
                                        "attribute_set", "category", "product",        "customer",
                                        "order",         "invoice",  "shipment",       "creditmemo",
                                        "newsletter",    "stock"};
    for (size_t i = 1; i < sizeof chain / sizeof *chain; i++)
        if (place(c, chain[i - 1]) >= place(c, chain[i]))
            fail_msg("%s does not come after %s", chain[i], chain[i - 1]);
    catalogue_free(c);
}

static void groups_hold_patterns_roles_and_entities(void **state)
{
    (void)state;
    static const struct {
        const char *group, *table;
        bool in;
    } cases[] = {{"@derived", "catalog_product_index_price_idx", true},
                 {"derived", "catalog_product_index_eav_tmp", true},
                 {"@derived", "catalog_product_flat_12", true},
                 {"@derived", "sales_bestsellers_aggregated_daily", true},
                 {"@derived", "sales_flat_order_grid", true},
                 {"@derived", "cataloginventory_stock_status", true},
                 {"@derived", "catalog_product_entity", false},
                 {"@derived", "sales_flat_order", false},
                 {"@log", "log_url", true},
                 {"@log", "catalog_product_entity", false},
                 {"@session", "core_session", true},
                 {"@quote", "sales_flat_quote_item_option", true},
                 {"@quote", "sales_flat_order_item", false}};
    struct catalogue *c;
    struct ds_error err = {0};
    put(file, "group: derived\ntables: ['mine_*_made']\nentities: [carts]\n");
    put(second, "name: cart\naliases: [carts]\n"
                "tables: [{table: mine_cart, role: root, link: id}]\n");
    assert_int_equal(catalogue_load(&c, NULL, NULL), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct catalogue_group *g = catalogue_group_find(c, cases[i].group);
        assert_non_null(g);
        if (catalogue_group_has(c, g, cases[i].table) != cases[i].in)
            fail_msg("%s in %s: not %d", cases[i].table, cases[i].group, cases[i].in);
    }
    assert_null(catalogue_group_find(c, "@nothing"));
    catalogue_free(c);
    assert_int_equal(catalogue_load(&c, folder, &err), DS_EUSAGE); /* an alias of quote */
    assert_non_null(strstr(err.message, "'cart' is an alias of entity 'quote'"));
    put(second, "name: basket\naliases: [carts]\n"
                "tables: [{table: mine_cart, role: root, link: id}]\n");
    if (catalogue_load(&c, folder, &err))
        fail_msg("%s", err.message);
    const struct catalogue_group *g = catalogue_group_find(c, "@derived");
    assert_string_equal(g->file, file);
    assert_true(catalogue_group_has(c, g, "mine_new_made"));
    assert_true(catalogue_group_has(c, g, "mine_cart"));
    assert_false(catalogue_group_has(c, g, "log_url"));
    assert_false(catalogue_group_has(c, g, "index_event"));
    catalogue_free(c);
    unlink(second);
}

static void users_files_add_and_override(void **state)
{
    (void)state;
    struct catalogue *c;
    struct ds_error err = {0};
    put(file, "name: gift\naliases: [gifts]\nnatural_key: [code, {attribute: colour}]\n"
              "references:\n  - {column: order_id, entity: orders, required: true}\n"
              "  - {table: [gift_line, gift_note], column: ids, entity: product, form: list}\n"
              "  - {column: of, entity: order, to: sales_flat_order_item, by: sku, attribute: x,\n"
              "     when: {kind: [1, b c]}}\n"
              "  - {column: colour, entity: attribute, to: eav_attribute_option, input: select}\n"
              "  - {column: sizes, entity: attribute, to: eav_attribute_option,\n"
              "     input: multiselect}\n"
              "  - {column: page, entity: cms_block, source_model: shop/pages}\n"
              "tables:\n  - {table: gift, role: root, link: id, identity: natural}\n"
              "  - {table: gift_line, role: line, link: gift_id, key: line_id}\n"
              "  - {table: gift_note, role: note, link: line_id, through: gift_line,\n"
              "     identity: [line_id, {table: gift_line, column: at},\n"
              "     {column: word, or: words}]}\n"
              "  - {table: gift_code, role: code, link: gift_id, identity: same}\n"
              "  - {table: gift_raw, role: raw, link: gift_id}\n"
              "single:\n  - {column: is_default}\n"
              "  - {table: gift_note, column: first, within: [gift_id, kind]}\n"
              "encrypted:\n  - {column: secret}\n"
              "  - {table: gift_note, column: text, when: {kind: [card, pin]}}\n"
              "validate:\n  - {column: code, required: true, or: name, pattern: '^[a-z]+$'}\n"
              "  - {attribute: colour, when: {kind: 1}, one_of: [red, blue], min: -1.5, max: 2,\n"
              "     unless_root: {state: [sent, used]}}\nfixed: [0, 17]\n");
    put(second, "name: review\ntables: [{table: review, role: root, link: review_id}]\n");
    if (catalogue_load(&c, folder, &err))
        fail_msg("%s", err.message);
    expect(c, "gift_note", "gift", "note", "line_id", "gift_line");
    const struct catalogue_entity *gift = catalogue_find(c, "gifts");
    assert_int_equal(gift->kind, KIND_DATA);
    assert_int_equal(gift->natural_key_count, 2);
    assert_string_equal(gift->natural_key[0].column, "code");
    assert_string_equal(gift->natural_key[1].attribute, "colour");
    assert_string_equal(gift->fixed[1], "17");
    assert_null(gift->fixed[2]);
    assert_null(*catalogue_find(c, "review")->fixed);
    assert_int_equal(gift->tables[0].identity, IDENTITY_COLUMNS);
    assert_ptr_equal(gift->tables[0].parts, gift->natural_key);
    assert_string_equal(gift->tables[0].key, "id");
    assert_int_equal(gift->tables[1].identity, IDENTITY_REGISTRY);
    assert_int_equal(gift->tables[2].part_count, 3);
    assert_string_equal(gift->tables[2].parts[2].column, "word");
    assert_string_equal(gift->tables[2].parts[2].either, "words");
    assert_string_equal(gift->tables[2].parts[1].table, "gift_line");
    assert_int_equal(gift->tables[3].identity, IDENTITY_SAME);
    assert_int_equal(gift->tables[4].identity, IDENTITY_NONE);
    assert_int_equal(gift->single_count, 2);
    assert_string_equal(gift->singles[0].table, "gift");
    assert_null(gift->singles[0].within[0]);
    assert_string_equal(gift->singles[1].table, "gift_note");
    assert_string_equal(gift->singles[1].within[1], "kind");
    assert_int_equal(gift->encrypted_count, 2);
    assert_string_equal(gift->encrypted[0].table, "gift");
    assert_string_equal(gift->encrypted[0].column, "secret");
    assert_null(gift->encrypted[0].when.column);
    assert_string_equal(gift->encrypted[1].table, "gift_note");
    assert_string_equal(gift->encrypted[1].when.values[1], "pin");
    assert_int_equal(gift->rule_count, 2);
    assert_string_equal(gift->rules[0].either, "name");
    assert_string_equal(gift->rules[1].table, "gift");
    assert_string_equal(gift->rules[1].one_of[1], "blue");
    assert_null(gift->rules[1].one_of[2]);
    assert_string_equal(gift->rules[1].min, "-1.5");
    assert_string_equal(gift->rules[1].unless_root.column, "state");
    assert_string_equal(gift->rules[1].unless_root.values[1], "used");
    assert_int_equal(gift->reference_count, 7);
    assert_string_equal(gift->references[2].table, "gift_note");
    assert_int_equal(gift->references[2].form, REFERENCE_LIST);
    assert_string_equal(gift->references[3].to, "sales_flat_order_item");
    assert_string_equal(gift->references[3].by, "sku");
    assert_string_equal(gift->references[3].attribute, "x");
    assert_string_equal(gift->references[3].when.column, "kind");
    assert_string_equal(gift->references[3].when.values[1], "b c");
    assert_int_equal(gift->references[3].line, 7);
    assert_null(gift->references[3].input);
    assert_string_equal(gift->references[4].input, "select");
    assert_int_equal(gift->references[4].form, REFERENCE_ONE);
    assert_string_equal(gift->references[5].input, "multiselect");
    assert_int_equal(gift->references[5].form, REFERENCE_LIST);
    assert_string_equal(gift->references[6].source_model, "shop/pages");
    assert_true(catalogue_asks_attribute(&gift->references[6]));
    assert_false(catalogue_asks_attribute(&gift->references[0]));
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
    fails("name: a\naliases: {b: c}\n" ROOT, 2, "a list of names");
    fails("name: a\nreferences:\n  - {column: c, entity: order, source_model: x/y,\n"
          "     attribute: z}\n" ROOT,
          3, "only one can be said");
    fails("name: a\nreferences:\n  - {column: c, entity: order, form: tree}\n" ROOT, 3,
          "one of: one, list, path");
    fails("name: a\nreferences: [{column: c, entity: order, table: x}]\n" ROOT, 2,
          "'x' is no table");
    fails("name: a\nreferences: [{column: c, entity: nothing}]\n" ROOT, 2, "which does not exist");
    fails("name: a\nreferences:\n  - {column: c, entity: order, to: tag}\n" ROOT, 3,
          "'tag' is no table of entity 'order' (order.yaml)");
    fails("name: a\nreferences:\n  - {column: c, entity: cms_block, to: cms_block_store}\n" ROOT, 3,
          "which has no 'key'");
    fails("name: a\nreferences:\n  - {column: c, entity: order, required: true, deferred: "
          "true}\n" ROOT,
          3, "cannot be deferred");
    fails("name: a\nreferences: [{column: c, entity: order, when: {a: 1, b: 2}}]\n" ROOT, 2,
          "one COLUMN: VALUE");
    fails("name: a\nreferences:\n  - {column: c, entity: order, brings: true, form: list}\n" ROOT,
          3, "'brings' is for a column that always holds one key");
    fails("name: a\nreferences: [{column: c, entity: order, brings: true, deferred: true}]\n" ROOT,
          2, "without to, by, attribute");
    fails("name: a\nreferences: [{column: c, entity: store, brings: true}]\n" ROOT, 2,
          "column 'c' cannot bring 'store' along");
    fails("name: a\nreferences: [{column: c, entity: stock, brings: true}]\n" ROOT, 2,
          "cannot bring 'stock' along");
    fails("name: a\nreferences: [{column: c, entity: a, brings: true}]\n" ROOT, 2,
          "cannot bring 'a' along");
    fails("name: a\naliases: [orders]\n" ROOT, 2, "already means entity 'order' (order.yaml:2)");
    fails("kind: data\nname: orders\n" ROOT, 2, "is an alias of entity 'order' (order.yaml:3)");
    fails("name: a\n" ROOT "---\nname: b\n" ROOT, 4, "a second document");
    fails("name: a\n" ROOT "--- [\n", 4, "not valid YAML");
    fails("name: a\n" ROOT "validate:\n  - {column: c, min: 10, max: 9.5}\n", 4, "no value is at");
    fails("name: a\n" ROOT "validate: [{column: c, more_than: 2, max: 2}]\n", 3,
          "no value is more");
    fails("group: g\nroles: [grid, grids]\n", 2, "has the role 'grids'");
    fails("name: a\nreferences: [{column: c, entity: order, input: text}]\n" ROOT, 2,
          "one of: select, multiselect");
    fails("name: a\nreferences:\n  - {column: c, entity: order, input: select}\n" ROOT, 3,
          "the values of a select are options");
    fails("name: a\nreferences:\n  - {column: c, entity: attribute, to: eav_attribute_option,\n"
          "     input: multiselect, form: one}\n" ROOT,
          4, "the form of a multiselect is 'list'");
    fails("name: a\nreferences:\n  - {column: c, entity: attribute, to: eav_attribute_option,\n"
          "     input: select, attribute: size}\n" ROOT,
          4, "'attribute' for one");
    fails("name: a\nkind: odd\n" ROOT, 2, "one of: data, reference, derived");
    fails("name: a\nencrypted: [{table: t, column: c}]\n" ROOT, 2, "'t' is no table");
    fails("name: a\nencrypted: [{when: {c: d}}]\n" ROOT, 2, "column");
    fails("name: a\nfixed: [0, none]\n" ROOT, 2, "'none' is not one of ids");
    fails("name: a\nencrypted: column\n" ROOT, 2, "list of columns");
    fails("name: a\nnatural_key: [{column: c}]\n" ROOT, 2, "{attribute: CODE}");
    fails("name: a\nnatural_key: [{column: c, or: d}]\n" ROOT, 2, "not for a root");
    fails(
        "name: a\ntables:\n  - {table: t, role: root, link: id, identity: [{column: c, or: d}]}\n",
        3, "not for a root");
    fails("name: a\ntables:\n  - {table: t, role: root, link: id}\n"
          "  - {table: u, role: x, link: id, identity: [{table: t, column: c, or: d}]}\n",
          4, "'or' is for an attribute, or a column");
    fails("name: a\nnatural_key: [b, {table: c, column: d}]\n" ROOT, 2, "no table");
    fails("name: a\ntables:\n  - {table: t, role: root, link: id, identity: natural}\n", 3,
          "no 'natural_key'");
    fails("name: a\ntables:\n  - {table: t, role: root, link: id, identity: odd}\n", 3,
          "an identity is");
    fails("name: a\ntables:\n  - {table: t, role: root, link: id}\n"
          "  - {table: u, role: x, link: id, identity: registry}\n",
          4, "maps a 'key'");
    fails("name: a\ntables:\n  - {table: t, role: root, link: id}\n"
          "  - {table: u, role: x, link: id, identity: [{table: v, column: c}]}\n",
          4, "'v' is no table");
    fails("name: a\ntables:\n  - {table: t, role: root, link: id}\n"
          "  - {table: u, role: x, link: id}\n  - {table: v, role: x, link: c, through: u}\n",
          5, "needs a 'key'");
    fails("name: a\n" ROOT "validate:\n  - {column: c}\n", 4, "a rule says required");
    fails("name: a\n" ROOT "validate: [{required: true}]\n", 3, "for a 'column' or");
    fails("name: a\n" ROOT "validate: [{column: c, pattern: '(['}]\n", 3, "regular expression");
    fails("name: a\n" ROOT "validate: [{column: c, min: 1x}]\n", 3, "a number");
    fails("name: a\n" ROOT "validate: [{column: c, or: d, min: 1}]\n", 3, "goes with 'required'");
    fails("name: a\n" ROOT "validate: [{column: c, min: 1, unless_root: [d]}]\n", 3,
          "COLUMN: VALUE");
    fails("name: a\n" ROOT "validate: [{table: u, column: c, min: 1}]\n", 3, "no table");
    fails("group: g\n", 1, "a group holds");
    fails("group: g\ntables: ['a.b']\n", 2, "tables or patterns");
    fails("group: g\nname: b\n", 2, "unknown key 'name'");
    fails("group: g\nentities: [nothing]\n", 2, "entity 'nothing' does not exist");
    fails("name: a\ntables:\n  - {table: t, role: root, link: id}\n"
          "  - {table: review, role: x, link: id}\n",
          4, "table 'review' belongs to entity 'a' and to 'review' (review.yaml:5)");
}

static void users_files_do_not_override_each_other(void **state)
{
    (void)state;
    static const char *const texts[][3] = {
        {"name: a\n" ROOT, "kind: data\nname: a\ntables: [{table: t2, role: root, link: id}]\n",
         "/other.yaml:2: entity 'a' is in "},
        {"group: log\ntables: [mine]\n", "group: log\ntables: [other]\n",
         "/other.yaml:1: group '@log' is in "},
        {"name: a\n" ROOT, "name: b\n\n" ROOT, ":3): leave it to one of them"},
        {"name: review\n" ROOT, "name: review\n\n" ROOT, "/mine.yaml:1 already"}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct catalogue *c;
        struct ds_error err = {0};
        put(file, texts[i][0]);
        put(second, texts[i][1]);
        assert_int_equal(catalogue_load(&c, folder, &err), DS_EUSAGE);
        if (!strstr(err.message, texts[i][2]))
            fail_msg("'%s' lacks '%s'", err.message, texts[i][2]);
    }
    unlink(second);
}

static void circles_are_found(void **state)
{
    (void)state;
    struct catalogue *c;
    struct ds_error err = {0};
    put(file, "name: a\nreferences: [{column: x, entity: order}, {column: y, entity: b}]\n" ROOT);
    put(second, "name: b\nreferences:\n  - {column: z, entity: c}\n"
                "tables: [{table: t2, role: root, link: id}]\n");
    put(third, "name: c\nreferences: [{column: n, entity: b}]\n"
               "tables: [{table: t3, role: root, link: id}]\n");
    assert_int_equal(catalogue_load(&c, folder, &err), DS_EUSAGE);
    if (!strstr(err.message, "in a circle: b -> c -> b;") || !strstr(err.message, ":3 t2.z") ||
        !strstr(err.message, ":2 t3.n") || strstr(err.message, "t1.y"))
        fail_msg("%s", err.message);
    put(third, "name: c\nreferences: [{column: n, entity: b, deferred: true}]\n"
               "tables: [{table: t3, role: root, link: id}]\n");
    if (catalogue_load(&c, folder, &err))
        fail_msg("%s", err.message);
    assert_true(place(c, "c") < place(c, "b"));
    assert_true(place(c, "b") < place(c, "a"));
    catalogue_free(c);
    unlink(third);
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
        cmocka_unit_test(groups_hold_patterns_roles_and_entities),
        cmocka_unit_test(users_files_add_and_override),
        cmocka_unit_test(errors_name_file_and_line),
        cmocka_unit_test(users_files_do_not_override_each_other),
        cmocka_unit_test(circles_are_found),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
