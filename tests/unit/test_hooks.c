/* What hooks are told: messages, their parts and their signature. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "applier/hooks.h"
#include "applier/outbox.h"

static char *all[] = {"all", NULL}, *some[] = {"cms_block", "url_rewrite", "table", NULL};
static struct config config = {.name = "shop",
                               .hooks_entities = {.items = all, .count = 1},
                               .hooks_url = "",
                               .destination.prefix = "m_"};
static struct catalogue *catalogue;
static struct outbox *outbox;
static struct checkpoint checkpoint;

static struct buf told; /* the messages, a line each */
static uint32_t told_count;
static size_t longest;

static int keep(void *arg, uint32_t part, const struct buf *payload, struct ds_error *err)
{
    (void)arg, (void)err;
    told_count++;
    assert_int_equal(part, told_count);
    longest = payload->len > longest ? payload->len : longest;
    return buf_append(&told, payload->data, payload->len) | buf_puts(&told, "\n");
}

#define TEXT(text) ((struct slice){(const uint8_t *)(text), strlen(text)})
static const char end[] =
    "\"gtid\": \"0-1-7\", \"file\": \"bin.000002\", \"position\": 42, \"time\": "
    "\"2024-02-29T12:00:00Z\"}\n";

static const char *messages(void)
{
    struct ds_error err;
    const struct outbox_place place = {
        .gtid_set = TEXT("0-1-7"), .file = TEXT("bin.000002"), .pos = 42, .time = 1709208000};
    buf_clear(&told);
    told_count = 0;
    longest = 0;
    assert_int_equal(outbox_messages(outbox_noted(outbox), &place, keep, NULL, &err), 0);
    return buf_cstr(&told);
}

static void begin(char **entities, size_t count)
{
    struct ds_error err;
    config.hooks_entities = (struct config_list){.items = entities, .count = count};
    outbox_free(outbox);
    outbox = NULL;
    assert_int_equal(outbox_new(&outbox, &config, catalogue, NULL, &err), 0);
    outbox_begin(outbox, &checkpoint, "");
}

static struct target_column product_columns[] = {{.name = "sku"}, {.name = "entity_id"}};
static struct target_table targets[] = {
    {.name = "m_catalog_product_entity", .columns = product_columns, .column_count = 2},
    {.name = "m_catalog_product_option"},
    {.name = "m_cms_block"},
    {.name = "m_own \"table\""},
    {.name = "m_core_url_rewrite"},
    {.name = "m_catalog_product_index_price"},
    {.name = "m_sales_flat_order_grid"},
    {.name = "cms_block"}, /* without the prefix it is not the shop's */
};
enum { PRODUCT, OPTION, BLOCK, OWN, REWRITE, PRICE, GRID, OTHER, TABLES };
static struct source_table sources[TABLES];

static void change(unsigned table, enum change_op op, int64_t key)
{
    BUF_AUTO struct buf value = {0};
    const struct change c = {.table = &sources[table], .op = op};
    assert_int_equal(value_write_int(&value, key), 0);
    outbox_note(outbox, &c, (struct slice){value.data, value.len});
}

static void change_text(unsigned table, enum change_op op, const char *key, bool bytes)
{
    BUF_AUTO struct buf value = {0};
    const struct change c = {.table = &sources[table], .op = op};
    assert_int_equal(bytes ? value_write_bytes(&value, key, strlen(key))
                           : value_write_text(&value, key, strlen(key)),
                     0);
    outbox_note(outbox, &c, (struct slice){value.data, value.len});
}

static void prepare(char **entities, size_t count)
{
    memset(sources, 0, sizeof sources);
    for (unsigned i = 0; i < TABLES; i++)
        sources[i].target = &targets[i];
    begin(entities, count);
}

static void expect(const char *text)
{
    BUF_AUTO struct buf whole = {0};
    assert_int_equal(buf_printf(&whole, "%s%s", text, end), 0);
    assert_string_equal(messages(), buf_cstr(&whole));
}

static void test_operations(void **state)
{
    (void)state;
    prepare(all, 1);
    change(PRODUCT, CHANGE_INSERT, 1);
    change(PRODUCT, CHANGE_UPDATE, 1);
    change(OPTION, CHANGE_DELETE, 1);
    change(OPTION, CHANGE_UPDATE, 2);
    change(PRODUCT, CHANGE_UPDATE, 2);
    change(OPTION, CHANGE_INSERT, 3);
    change(PRODUCT, CHANGE_DELETE, 4);
    change(PRODUCT, CHANGE_INSERT, 4);
    change(PRODUCT, CHANGE_INSERT, 5);
    change(PRODUCT, CHANGE_DELETE, 5);
    change(OPTION, CHANGE_DELETE, 6);
    change(PRODUCT, CHANGE_DELETE, 6);
    change(BLOCK, CHANGE_UPDATE, -1);
    expect("{\"stream\": \"shop\", \"kind\": \"changes\", \"part\": 1, \"entities\": "
           "{\"cms_block\": {\"updated\": [-1]}, \"product\": {\"inserted\": [1], \"updated\": "
           "[2, 4], \"deleted\": [5, 6], \"changed\": [3]}}, \"tables\": [], ");
}

static void test_nothing(void **state)
{
    (void)state;
    prepare(all, 1);
    assert_string_equal(messages(), "");
    change(REWRITE, CHANGE_INSERT, 1); /* the shop derives them */
    change(PRICE, CHANGE_INSERT, 1);
    change(GRID, CHANGE_UPDATE, 1);
    assert_string_equal(messages(), "");
    change(PRODUCT, CHANGE_INSERT, 1);
    outbox_drop(outbox);
    assert_string_equal(messages(), "");
    const char *tables[] = {"m_catalog_product_index_price"};
    outbox_note_tables(outbox, OUTBOX_DDL, tables, 1, false);
    assert_string_equal(messages(), "");
}

static void test_chosen_entities(void **state)
{
    (void)state;
    prepare(some, 3);
    change(PRODUCT, CHANGE_INSERT, 1);
    change(REWRITE, CHANGE_INSERT, 2);
    change(BLOCK, CHANGE_INSERT, 3);
    change(OTHER, CHANGE_INSERT, 4);
    expect("{\"stream\": \"shop\", \"kind\": \"changes\", \"part\": 1, \"entities\": "
           "{\"cms_block\": {\"inserted\": [3]}, \"url_rewrite\": {\"inserted\": [2]}}, "
           "\"tables\": [{\"table\": \"cms_block\", \"entity\": null, \"changes\": 1}], ");
}

static void test_keys(void **state)
{
    (void)state;
    prepare(all, 1);
    change_text(BLOCK, CHANGE_INSERT, "a \"b\"\n", true);
    change_text(BLOCK, CHANGE_INSERT, "\xff", true);
    change_text(BLOCK, CHANGE_INSERT, "12.50", false);
    change_text(OPTION, CHANGE_INSERT, "catalog_product_option=5", false); /* root unknown */
    const struct change c = {.table = &sources[OPTION], .op = CHANGE_INSERT};
    outbox_note(outbox, &c, (struct slice){0});
    change(OWN, CHANGE_INSERT, 1);
    expect("{\"stream\": \"shop\", \"kind\": \"changes\", \"part\": 1, \"entities\": "
           "{\"cms_block\": {\"inserted\": [\"a \\\"b\\\"\\u000a\", {\"base64\": \"/w==\"}, "
           "\"12.50\"]}}, \"tables\": [{\"table\": \"m_own \\\"table\\\"\", \"entity\": null, "
           "\"changes\": 1}, {\"table\": \"m_catalog_product_option\", \"entity\": \"product\", "
           "\"changes\": 2}], ");
}

/* A key that moves is told by both. */
static void test_moved_key(void **state)
{
    (void)state;
    prepare(all, 1);
    for (int moves = 0; moves < 2; moves++) {
        BUF_AUTO struct buf key = {0}, after = {0};
        int rc = value_write_int(&key, 8 + moves) | image_write_head(&after, 2) |
                 value_write_text(&after, "sku", 3) |
                 (moves ? value_write_int(&after, 20) : value_write_same(&after));
        assert_int_equal(rc, 0);
        const struct change c = {
            .table = &sources[PRODUCT], .op = CHANGE_UPDATE, .after = {after.data, after.len}};
        outbox_note(outbox, &c, (struct slice){key.data, key.len});
    }
    expect("{\"stream\": \"shop\", \"kind\": \"changes\", \"part\": 1, \"entities\": {\"product\": "
           "{\"inserted\": [20], \"updated\": [8], \"deleted\": [9]}}, \"tables\": [], ");
}

static size_t occurrences(const char *text, const char *part)
{
    size_t n = 0;
    while ((text = strstr(text, part)) && ++n)
        text += strlen(part);
    return n;
}

static void test_parts_by_keys(void **state)
{
    (void)state;
    prepare(all, 1);
    for (int i = 0; i < 2 * OUTBOX_PART_KEYS + 1; i++)
        change(i % 2 ? PRODUCT : BLOCK, CHANGE_UPDATE, i);
    change(OWN, CHANGE_INSERT, 1);
    const char *text = messages();
    assert_int_equal(told_count, 3);
    assert_int_equal(occurrences(text, end), 3);
    assert_int_equal(occurrences(text, "\"changes\": 1"), 1); /* only in the last one */
    assert_int_equal(occurrences(text, "\"cms_block\": {\"updated\": ["), 2); /* 1000 and 1 */
    assert_int_equal(occurrences(text, "\"product\": {\"updated\": ["), 2);   /* 999 and 1 */
    assert_non_null(strstr(text, "\"part\": 3, "));
}

static void test_parts_by_bytes(void **state)
{
    (void)state;
    char key[600];
    prepare(all, 1);
    for (int i = 0; i < 400; i++) {
        memset(key, 'k', sizeof key - 1);
        snprintf(key + 500, 100, "%d", i);
        change_text(BLOCK, CHANGE_INSERT, key, true);
    }
    messages();
    assert_int_equal(told_count, 4);
    assert_true(longest < 64 << 10);
}

static void test_end_comes_later(void **state)
{
    (void)state;
    struct ds_error err;
    const struct outbox_place place = {.pos = 4};
    prepare(all, 1);
    change(BLOCK, CHANGE_INSERT, 1);
    buf_clear(&told);
    told_count = 0;
    assert_int_equal(outbox_messages(outbox_noted(outbox), NULL, keep, NULL, &err), 0);
    told.len--; /* keep's newline */
    assert_int_equal(outbox_message_end(&place, &told), 0);
    assert_string_equal(buf_cstr(&told),
                        "{\"stream\": \"shop\", \"kind\": \"changes\", \"part\": 1, \"entities\": "
                        "{\"cms_block\": {\"inserted\": [1]}}, \"tables\": [],\"gtid\": null, "
                        "\"file\": null, \"position\": null, \"time\": null}");
}

static void test_statements(void **state)
{
    (void)state;
    prepare(all, 1);
    const char *tables[] = {"m_cms_block", "m_catalog_product_index_price", "m_own"};
    outbox_note_tables(outbox, OUTBOX_TRUNCATE, tables, 3, false);
    expect("{\"stream\": \"shop\", \"kind\": \"truncate\", \"part\": 1, \"tables\": [{\"table\": "
           "\"m_cms_block\", \"entity\": \"cms_block\"}, {\"table\": \"m_own\", \"entity\": "
           "null}], ");
    outbox_begin(outbox, &checkpoint, "");
    outbox_note_tables(outbox, OUTBOX_SNAPSHOT, NULL, 0, true);
    expect("{\"stream\": \"shop\", \"kind\": \"snapshot\", \"part\": 1, \"everything\": true, ");
}

static const char *digest(const struct checkpoint *from, const char *what, char out[33])
{
    struct ds_error err;
    const char *text;
    outbox_begin(outbox, from, what);
    assert_int_equal(outbox_digest(outbox, &text, &err), 0);
    assert_int_equal(strlen(text), 32);
    return memcpy(out, text, 33);
}

static void test_idempotency_key(void **state)
{
    (void)state;
    char first[33], again[33], others[5][33];
    const struct checkpoint from = {
        .found = true, .gtid_set = "0-1-7", .file = "bin.000002", .pos = 42, .counters.batches = 5};
    struct checkpoint other[4] = {from, from, from, {0}};
    prepare(all, 1);
    digest(&from, "", first);
    assert_string_equal(digest(&from, "", again), first);
    other[0].gtid_set = "0-1-8";
    other[1].pos = 43;
    other[2].counters.batches = 6;
    for (int i = 0; i < 4; i++)
        digest(&other[i], "", others[i]);
    digest(&from, "0-1-8#1", others[4]);
    for (int i = 0; i < 5; i++) {
        assert_string_not_equal(others[i], first);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(others[i], others[k]);
    }
}

/* RFC 4231, test case 7; its text has a full stop. */
static void test_signature(void **state)
{
    (void)state;
    char secret[132] = "", out[HOOK_SIGNATURE_SIZE];
    const char *payload = " The key needs to be hashed before being used by the HMAC algorithm.";
    struct ds_error err;
    memset(secret, 0xaa, 131);
    assert_int_equal(hook_sign(secret,
                               "This is a test using a larger than block-size key and a larger "
                               "than block-size data",
                               (const uint8_t *)payload, strlen(payload), out, &err),
                     0);
    assert_string_equal(out,
                        "sha256=9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

static void test_one_line(void **state)
{
    (void)state;
    char out[12];
    hook_one_line("say \"it\"\n\x7f now", 14, out, sizeof out);
    assert_string_equal(out, "say 'it'");
    hook_one_line("\n", 1, out, sizeof out);
    assert_string_equal(out, "");
}

static int load(void **state)
{
    (void)state;
    struct ds_error err;
    return catalogue_load(&catalogue, NULL, &err);
}

static int unload(void **state)
{
    (void)state;
    outbox_free(outbox);
    catalogue_free(catalogue);
    buf_free(&told);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operations),      cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_chosen_entities), cmocka_unit_test(test_keys),
        cmocka_unit_test(test_moved_key),       cmocka_unit_test(test_parts_by_keys),
        cmocka_unit_test(test_parts_by_bytes),  cmocka_unit_test(test_end_comes_later),
        cmocka_unit_test(test_statements),      cmocka_unit_test(test_signature),
        cmocka_unit_test(test_one_line),        cmocka_unit_test(test_idempotency_key),
    };
    return cmocka_run_group_tests_name("hooks", tests, load, unload);
}
