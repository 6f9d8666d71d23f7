/* Every allocation fails once: what runs out of memory says so, loses nothing, leaks nothing.
 *
 * The n-th call of malloc, calloc, realloc, strdup or strndup from our code fails, for n = 1, 2, …
 * until a run needs fewer; linked with --wrap. Sanitizers find the leaks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/binlog/binlog.h"
#include "agent/capture.h"
#include "applier/map/map_handler.h"
#include "schema/catalogue.h"
#include "schema/document.h"
#include "schema/position.h"
#include "schema/sql.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);

static long until_failure = -1; /* calls that succeed before one fails; negative: all do */
static bool has_failed;

static bool fails(void)
{
    bool now = until_failure == 0;
    has_failed |= now;
    until_failure -= until_failure >= 0;
    return now;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    return fails() ? NULL : __real_realloc(p, size);
}

char *__wrap_strdup(const char *s)
{
    return fails() ? NULL : __real_strdup(s);
}

char *__wrap_strndup(const char *s, size_t n)
{
    return fails() ? NULL : __real_strndup(s, n);
}

/* Run it with each allocation failing once. */
static void starve(const char *what, int (*run)(struct ds_error *err))
{
    long n = 0;
    do {
        struct ds_error err = {0};
        has_failed = false;
        until_failure = n++;
        int rc = run(&err);
        until_failure = -1;
        if (has_failed && rc != DS_ENOMEM)
            fail_msg("%s: allocation %ld fails, and it returns %d: %s", what, n, rc, err.message);
        if (!has_failed && rc)
            fail_msg("%s: returns %d: %s", what, rc, err.message);
    } while (has_failed);
    print_message("%s: %ld allocations\n", what, n - 1);
    assert_true(n > 1);
}

/* --- what runs ------------------------------------------------------------ */

static const char *binlog;

static int take(void *arg, const void *message, size_t len, struct ds_error *err)
{
    (void)message, (void)err;
    *(size_t *)arg += len;
    return 0;
}

static int capture_binlog(struct ds_error *err)
{

    struct binlog_file *file = NULL;
    struct capture *capture = NULL;
    struct slice bytes;
    uint64_t offset = 0;
    size_t taken = 0;
    struct capture_options o = {
        .catalogue = NULL, .max_event = 1 << 20, .sink = {.arg = &taken, .put = take}};
    int rc = binlog_file_open(&file, binlog, 1 << 20, err);
    if (rc == 0)
        rc = capture_new(&capture, &o, err);
    if (rc == 0)
        rc = capture_start(capture, NULL, false, err);
    while (rc == 0 && (rc = binlog_file_next(file, &bytes, &offset, err)) == 0) {
        if (taken == 0)
            rc = capture_file(capture, "bin.000001", offset, err);
        if (rc == 0)
            rc = capture_bytes(capture, bytes, err);
    }
    if (rc == DS_EAGAIN)
        rc = capture_flush(capture, err);
    if (capture)
        capture_free(capture);
    if (file)
        binlog_file_close(file);
    return rc;
}

static void binlogs(void **state)
{
    (void)state;
    static const char *const all[] = {"mariadb-11.8/000001.bin", "mysql-5.6/000001.bin",
                                      "mysql-9.7/000001.bin"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char path[300];
        snprintf(path, sizeof path, "%s/%s", FIXTURES, all[i]);
        binlog = path;
        starve(all[i], capture_binlog);
    }
}

static int load_catalogue(struct ds_error *err)
{
    struct catalogue *c = NULL;
    int rc = catalogue_load(&c, NULL, err);
    if (rc == 0)
        catalogue_free(c);
    return rc;
}

static void catalogue(void **state)
{
    (void)state;
    starve("catalogue", load_catalogue);
}

static int parse_positions(struct ds_error *err)
{
    static const char *const texts[] = {
        "0-1-5,1-2-7,3-4-9",
        "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:7-9,3e11fa47-71ca-11e1-9e33-c80aa9429563:1",
        "bin.000001:4711"};
    int rc = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts && rc == 0; i++) {
        struct position p = {0}, copy = {0};
        rc = position_parse(&p, texts[i], err);
        if (rc == 0)
            rc = position_copy(&copy, &p);
        position_free(&copy);
        position_free(&p);
    }
    return rc;
}

static void positions(void **state)
{
    (void)state;
    starve("positions", parse_positions);
}

static int rewrite_statement(struct ds_error *err)
{
    static const char text[] =
        "ALTER TABLE `shop`.`a``b` ADD CONSTRAINT c FOREIGN KEY (x) REFERENCES shop.t (y)";
    struct slice statement = {(const uint8_t *)text, sizeof text - 1};
    struct arena arena = {0};
    struct sql_statement st;
    BUF_AUTO struct buf moved = {0}, prefixed = {0};
    (void)err;
    int rc = sql_classify(statement, 0, &arena, &st);
    if (rc == 0)
        rc = sql_rename_database(statement, 0, "shop", "copy", &moved);
    if (rc == 0)
        rc = sql_replace_prefix(statement, 0, &st, "", "p_", &prefixed);
    arena_free(&arena);
    return rc;
}

static void statements(void **state)
{
    (void)state;
    starve("statement", rewrite_statement);
}

static int one_more(void *arg, const struct document_id *id, struct slice *to)
{
    (void)arg, (void)id;
    *to = (struct slice){(const uint8_t *)"1001", 4};
    return DOCUMENT_REPLACE;
}

static int rewrite_documents(struct ds_error *err)
{
    static const struct {
        const char *table, *column, *beside, *value;
    } all[] = {
        {"sales_flat_order_item", "product_options", "",
         "a:2:{s:5:\"links\";a:2:{i:0;i:1;i:1;R:3;}s:27:\"bundle_selection_attributes\";s:30:\"a:1:"
         "{s:9:\"option_id\";s:1:\"4\";}\";}"},
        {"sales_flat_quote_item_option", "value", "option_12", "5,6"},
        {"cms_page", "content", "", "{{widget id_path=\"product/12/5\" block_id=\"3\"}}"},
        {"core_layout_update", "xml", "", "<block_id>3</block_id>"},
    };
    struct document_visitor visitor = {one_more, NULL, NULL};
    int rc = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all && rc == 0; i++) {
        struct arena arena = {0};
        struct document_value out;
        struct slice value = {(const uint8_t *)all[i].value, strlen(all[i].value)};
        struct slice beside = {(const uint8_t *)all[i].beside, strlen(all[i].beside)};
        rc = document_rewrite(document_format(all[i].table, all[i].column), value, beside, &visitor,
                              &arena, &out, err);
        if (rc)
            assert_ptr_equal(out.value.p, value.p);
        else
            assert_ptr_not_equal(out.value.p, value.p);
        arena_free(&arena);
    }
    return rc;
}

static void documents(void **state)
{
    (void)state;
    starve("document", rewrite_documents);
}

/* --- handlers of map rules ------------------------------------------------- */

static int forget_output(void *arg, const struct map_output *output, struct ds_error *err)
{
    (void)arg, (void)output, (void)err;
    return 0;
}

static int handle_one(const char *class, const struct map_param *params, const char *text,
                      struct ds_error *err)
{
    static const struct map_field fields[] = {{"f", MAP_FIELD_TEXT, NULL},
                                              {"rule_id", MAP_FIELD_NUMBER, NULL}};
    const struct map_table table = {.name = "t", .fields = fields, .count = 2};
    const struct map_rule rule = {.kind = MAP_TRANSFORM,
                                  .document = "t",
                                  .field = "f",
                                  .handler = class,
                                  .params = (struct map_param *)params,
                                  .param_count =
                                      (params[0].name != NULL) + (params[1].name != NULL),
                                  .file = "map.xml"};
    const struct map_facts facts = {.source_key = "2ec7dda5e24c7a672aabfa26090d903d",
                                    .destination_key = "1fe2c0a5d9b84c6e9a7b3d2f10e8c4b6"};
    const struct slice value = {(const uint8_t *)text, strlen(text)};
    struct map_value values[] = {{.set = true, .text = value}, {.set = true, .text = value}};
    struct map_record record = {.table = &table, .values = values};
    struct arena arena = {0};
    struct map_call call = {.record = &record,
                            .opposite = &record,
                            .facts = &facts,
                            .arena = &arena,
                            .emit = forget_output};
    struct map_handler *h = NULL;
    int rc = map_handler_open(&h, &rule, &table, err);
    if (rc == 0)
        rc = map_handler_call(h, &call, err);
    map_handler_close(h);
    arena_free(&arena);
    return rc;
}

static int handle_all(struct ds_error *err)
{
    static const struct {
        const char *class;
        struct map_param params[2];
        const char *text;
    } all[] = {
        {"Migration\\Handler\\SetValue", {{"value", "+5"}}, "7"},
        {"Migration\\Handler\\Convert", {{"map", "[a:b;c:d]"}}, "a"},
        {"Migration\\Handler\\SerializeToJson", {{0}}, "a:1:{i:0;s:1:\"x\";}"},
        {"Migration\\Handler\\SerializeToJson\\SalesOrderItem",
         {{0}},
         "a:1:{s:27:\"bundle_selection_attributes\";s:6:\"a:0:{}\";}"},
        {"Migration\\Handler\\Placeholder", {{0}}, "a{{block template=\"a/b.phtml\"}}b"},
        {"Migration\\Handler\\Encrypt", {{0}}, "Zn0TPoBehxtAlaTVsyiIPg=="},
        {"Migration\\Handler\\Rule\\NormalizationIds",
         {{"normalizationDocument", "t"}, {"normalizationField", "f"}},
         "1,2"},
    };
    int rc = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all && rc == 0; i++)
        rc = handle_one(all[i].class, all[i].params, all[i].text, err);
    return rc;
}

static void handlers(void **state)
{
    (void)state;
    starve("handlers of map rules", handle_all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(binlogs),    cmocka_unit_test(catalogue), cmocka_unit_test(positions),
        cmocka_unit_test(statements), cmocka_unit_test(documents), cmocka_unit_test(handlers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
