/* What handlers see of a batch, validation rules, and which statements they may run. */
#include <sys/stat.h>
#include <unistd.h>

#include "handler_helper.h"

static const struct ds_api *const api = &handler_api;

/* --- numbers and statements ------------------------------------------------------- */

static void order(const char *x, const char *y, int wanted)
{
    int got = 99;
    if (!decimal_compare(x, strlen(x), y, strlen(y), &got) || got != wanted)
        fail_msg("%s against %s: %d", x, y, got);
    if (!decimal_compare(y, strlen(y), x, strlen(x), &got) || got != -wanted)
        fail_msg("%s against %s: %d", y, x, got);
}

static void decimals_are_compared_by_their_digits(void **state)
{
    (void)state;
    order("0", "-0.0000", 0);
    order("10", "9", 1);
    order("0.1000", ".1", 0);
    order("-1", "0", -1);
    order("-2", "-10.5", 1);
    order("0.0001", "0", 1);
    order("1.9", "1.10", 1);
    order("007", "7.", 0);
    /* doubles would call these equal */
    order("9007199254740993", "9007199254740992", 1);
    order("12345678901234567890.12345678901", "12345678901234567890.12345678902", -1);
    static const char *const not_numbers[] = {"", "-", ".", "1e5", "1 ", "a", "1.2.3", "--1"};
    for (size_t i = 0; i < sizeof not_numbers / sizeof *not_numbers; i++) {
        int got;
        if (decimal_compare(not_numbers[i], strlen(not_numbers[i]), "1", 1, &got))
            fail_msg("'%s' is a number", not_numbers[i]);
    }
}

static void only_harmless_statements_are_run(void **state)
{
    (void)state;
    static const char *const good[] = {"SELECT 1",
                                       " select * from t where a = ?",
                                       "INSERT INTO t VALUES (?)",
                                       "(SELECT 1) UNION (SELECT 2)",
                                       "WITH x AS (SELECT 1) SELECT * FROM x",
                                       "update t set a = 'COMMIT'",
                                       "DELETE FROM t",
                                       "REPLACE INTO t VALUES (1)",
                                       "/* why */ SELECT 1",
                                       "SELECT datasync FROM t"};
    static const char *const bad[] = {"",
                                      "  ",
                                      "COMMIT",
                                      "/* x */ commit",
                                      "ROLLBACK",
                                      "START TRANSACTION",
                                      "BEGIN",
                                      "SAVEPOINT a",
                                      "RELEASE SAVEPOINT a",
                                      "SET autocommit = 0",
                                      "SET STATEMENT a=1 FOR SELECT 1",
                                      "LOCK TABLES t READ",
                                      "UNLOCK TABLES",
                                      "XA START 'a'",
                                      "CREATE TABLE t (a INT)",
                                      "DROP TABLE t",
                                      "ALTER TABLE t ADD a INT",
                                      "TRUNCATE t",
                                      "CALL p()",
                                      "DO 1",
                                      "USE x",
                                      "PREPARE s FROM 'COMMIT'",
                                      "EXECUTE IMMEDIATE 'COMMIT'",
                                      "BEGIN NOT ATOMIC COMMIT; END",
                                      "SELECT RELEASE_LOCK('a')",
                                      "SELECT get_lock('a', 1)",
                                      "SELECT RELEASE_ALL_LOCKS()",
                                      "SELECT `RELEASE_ALL_LOCKS`()",
                                      "SELECT `get_lock` ('a', 1)",
                                      "SELECT `LOAD_FILE`/**/('/etc/passwd')",
                                      "SELECT 1 INTO OUTFILE '/tmp/x'",
                                      "SELECT LOAD_FILE('/etc/passwd')",
                                      "/*!50000 COMMIT */",
                                      "/*M! COMMIT */",
                                      "SELECT 1 /*! INTO OUTFILE 'x' */",
                                      "LOAD DATA INFILE 'a'",
                                      "UPDATE datasync.datasync_checkpoint SET pos = 0",
                                      "DELETE FROM `datasync_quarantine`",
                                      "HANDLER t OPEN",
                                      "FLUSH TABLES",
                                      "GRANT ALL ON *.* TO a",
                                      "KILL 5",
                                      "( ( COMMIT ) )"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (handler_statement_refused(good[i]))
            fail_msg("'%s': %s", good[i], handler_statement_refused(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (!handler_statement_refused(bad[i]))
            fail_msg("'%s' may be run", bad[i]);
}

/* --- grouping --------------------------------------------------------------------- */

/* "product 7: update 7>7 x>y, insert 8" */
static void describe(struct model *m, const struct ds_change *e, struct buf *out)
{
    struct ds_call call = {.arena = &m->arena};
    static const char *const names[] = {"", "insert", "update", "delete"};
    assert_int_equal(entity_change_text(e, out), 0);
    for (size_t i = 0; i < api->change_rows(e); i++) {
        const struct ds_row *row = api->change_row(e, i);
        struct ds_value id, text;
        assert_int_equal(buf_printf(out, "%s %s", i ? "," : ":", names[api->row_operation(row)]),
                         0);
        if (api->row_before(&call, row, 0, &id) && api->row_before(&call, row, 3, &text))
            assert_int_equal(buf_printf(out, " %lu%.*s", id.u, (int)text.length, text.text), 0);
        if (api->row_after(&call, row, 0, &id) && api->row_after(&call, row, 3, &text))
            assert_int_equal(buf_printf(out, ">%lu%.*s", id.u, (int)text.length, text.text), 0);
    }
    assert_int_equal(buf_puts(out, "; "), 0);
}

static void expect_groups(struct model *m, const char *wanted)
{
    BUF_AUTO struct buf got = {0};
    struct entity_changes set = model_group(m);
    for (uint32_t i = 0; i < set.count; i++)
        describe(m, set.items[i], &got);
    assert_string_equal(buf_cstr(&got), wanted);
    model_free(m);
}

static void entities_come_in_order(void **state)
{
    (void)state;
    struct model *m = model_new();
    model_change(m, 2, 0, NULL, "1 1 1 a");
    model_change(m, 1, 30, NULL, "30 1 1 a");
    model_change(m, 0, 200, NULL, "200 1 1 a");
    model_change(m, 0, 30, NULL, "30 1 1 a");
    model_change(m, 1, 4, NULL, "4 1 1 a");
    model_change(m, 0, 0, NULL, "5 1 1 a"); /* whose is it? */
    expect_groups(m, "product 30: insert>30a; product 200: insert>200a; product "
                     "catalog_product_entity: insert>5a; order 4: insert>4a; order 30: insert>30a; "
                     "table plain: insert>1a; ");
}

static void rows_are_what_they_come_to(void **state)
{
    (void)state;
    struct model *m = model_new();
    model_change(m, 0, 1, NULL, "1 1 1 a");
    model_change(m, 0, 1, "1 1 1 a", "1 1 1 b"); /* insert + update */
    model_change(m, 0, 1, "2 1 1 a", "2 1 1 b");
    model_change(m, 0, 1, "2 1 1 b", "2 1 1 c"); /* update + update */
    model_change(m, 0, 1, "3 1 1 a", "3 1 1 b");
    model_change(m, 0, 1, "3 1 1 b", NULL); /* update + delete */
    model_change(m, 0, 1, "4 1 1 a", NULL);
    model_change(m, 0, 1, NULL, "4 1 1 b"); /* delete + insert */
    model_change(m, 0, 1, NULL, "5 1 1 a");
    model_change(m, 0, 1, "5 1 1 a", NULL); /* nothing */
    model_change(m, 0, 2, NULL, "6 1 1 a");
    model_change(m, 0, 2, "6 1 1 a", NULL); /* nothing of the whole entity */
    model_change(m, 0, 1, "7 1 1 a", "8 1 1 a");
    model_change(m, 0, 1, "8 1 1 a", "9 1 1 b"); /* a key that moves */
    model_change(m, 0, 1, NULL, "7 1 1 z");      /* … and is used again */
    expect_groups(m, "product 1: insert>1b, update 2a>2c, delete 3a, update 4a>4b, update 7a>9b, "
                     "insert>7z; ");
}

static void entities_keep_together_when_their_key_moves(void **state)
{
    (void)state;
    struct model *m = model_new();
    m->tables[0].source.has_link = m->tables[0].source.is_root = true; /* by its first column */
    model_change(m, 0, 4, "4 1 1 a", NULL);
    model_change(m, 0, 3, NULL, "3 1 1 a");
    model_change(m, 0, 3, "3 1 1 a", "4 1 1 a"); /* a new one, where another was */
    model_change(m, 0, 2, "2 1 1 a", "3 1 1 a"); /* an older one, where it was */
    model_change(m, 0, 4, "4 1 1 a", "4 1 1 b");
    model_change(m, 0, 3, "3 1 1 a", "3 1 1 c");
    model_change(m, 0, 2, NULL, "2 1 1 d");
    model_change(m, 0, 4, "4 1 1 b", "5 1 1 b");
    model_change(m, 0, 4, NULL, "4 1 1 e");
    expect_groups(m, "product 2: update 2a>3c; product 2: insert>2d; product 4: update 4a>4e; "
                     "product 5: insert>5b; ");
}

static void rows_without_a_key_stand_for_themselves(void **state)
{
    (void)state;
    struct model *m = model_new();
    model_change(m, 2, 0, NULL, "1 1 1 a");
    model_change(m, 2, 0, NULL, "1 1 1 a");
    model_change(m, 2, 0, "1 1 1 a", "1 1 1 b");
    expect_groups(m, "table plain: insert>1a, insert>1a, update 1a>1b; ");
}

static void what_is_not_written_is_not_seen(void **state)
{
    (void)state;
    struct model *m = model_new();
    model_change(m, 0, 1, NULL, "1 1 1 a")->skip = true;
    model_change(m, 0, 1, "2 1 1 a", "2 1 1 b");
    model_change(m, 0, 3, "3 1 1 a", NULL)->flags = CHANGE_CASCADE;
    struct change *c = model_change(m, 0, 4, "4 1 1 a", NULL);
    c->skip = c->replaced = true;
    expect_groups(m, "product 1: update 2a>2b; product 4: delete 4a; ");
}

static void values_have_their_types(void **state)
{
    (void)state;
    struct model *m = model_new();
    struct ds_call call = {.arena = &m->arena};
    struct ds_value v;
    model_change(m, 0, 1, NULL, "1 18446744073709551615 -12.3400 -");
    const struct ds_change *e = model_group(m).items[0];
    const struct ds_row *row = api->change_row(e, 0);
    assert_string_equal(api->change_entity(e), "product");
    assert_true(api->change_key(e, &v) && v.kind == DS_UINT && v.u == 1);
    assert_true(api->row_after(&call, row, 1, &v) && v.kind == DS_UINT && v.u == UINT64_MAX);
    assert_true(api->row_after(&call, row, 2, &v) && v.kind == DS_TEXT && v.length == 8);
    assert_memory_equal(v.text, "-12.3400", 8);
    assert_true(api->row_after(&call, row, 3, &v) && v.kind == DS_NULL);
    assert_false(api->row_before(&call, row, 3, &v)); /* it was not there */
    assert_false(api->row_after(&call, row, 99, &v));
    assert_int_equal(api->row_find(row, "D"), 2);
    assert_int_equal(api->row_find(row, "x"), -1);
    assert_string_equal(api->row_role(row), "root");
    model_free(m);
}

/* --- rules ------------------------------------------------------------------------ */

static char folder[] = "/tmp/datasync-handlers-XXXXXX", path[200];

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/mine.yaml", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

/* What validation says of a row under one rule; "" it is valid. */
static void ask(const char *rule, const char *before, const char *after, const char *wanted)
{
    struct catalogue *catalogue;
    struct ds_error err = {0};
    struct handlers *h;
    char text[600];
    char prefix[] = "";
    struct config config = {.on_invalid = INVALID_ERROR};
    config.destination.prefix = prefix;
    snprintf(text, sizeof text,
             "name: gift\ntables: [{table: gift, role: root, link: id}]\n"
             "validate: [%s]\n",
             rule);
    put_file(path, text);
    if (catalogue_load(&catalogue, folder, &err) || handlers_new(&h, &config, catalogue, &err))
        fail_msg("%s", err.message);
    struct model *m = model_new();
    struct ds_call call = {.arena = &m->arena, .handler = &h->items[0]};
    m->tables[0].target.name = "gift";
    snprintf(m->tables[0].source.entity, 5, "gift"); /* shorter than "product" */
    model_change(m, 0, 1, before, after);
    assert_true(handlers_want(h, "gift") && handler_wants(&h->items[0], "gift"));
    assert_false(handlers_want(h, "no such entity"));
    int rc = h->items[0].h.validate(h->items[0].state, &call, model_group(m).items[0]);
    if (rc != (*wanted ? DS_HANDLER_INVALID : DS_HANDLER_OK) ||
        (*wanted && !strstr(call.reason, wanted)))
        fail_msg("%s of %s: %d '%s' instead of '%s'", rule, after, rc, call.reason, wanted);
    model_free(m);
    handlers_free(h);
    catalogue_free(catalogue);
}

static void rules_are_asked(void **state)
{
    (void)state;
    ask("{column: t, required: true}", NULL, "1 1 1 -", "column t of gift is empty");
    ask("{column: t, required: true}", NULL, "1 1 1 a", "");
    ask("{column: t, required: true}", "1 1 1 a", "1 1 1 -", "is empty");
    ask("{column: t, required: true}", "1 1 1 -", NULL, ""); /* it goes */
    ask("{column: t, required: true, or: d}", NULL, "1 1 5 -", "");
    ask("{column: t, required: true, or: d}", NULL, "1 1 - -", "and so is d");
    ask("{column: t, pattern: '^[a-z]+$'}", NULL, "1 1 1 abc", "");
    ask("{column: t, pattern: '^[a-z]+$'}", NULL, "1 1 1 ab9", "does not match");
    ask("{column: t, pattern: '^[a-z]+$'}", NULL, "1 1 1 -", "");
    ask("{column: d, min: 0}", NULL, "1 1 0.0000 a", "");
    ask("{column: d, min: 0}", NULL, "1 1 -0.0001 a", "is less than 0");
    ask("{column: d, max: 100.5}", NULL, "1 1 100.5000 a", "");
    ask("{column: d, max: 100.5}", NULL, "1 1 100.5001 a", "is more than 100.5");
    ask("{column: d, more_than: 0}", NULL, "1 1 0.0000 a", "is not more than 0");
    ask("{column: d, more_than: 0}", NULL, "1 1 0.0001 a", "");
    ask("{column: n, max: 18446744073709551614}", NULL, "1 18446744073709551615 1 a",
        "is more than");
    ask("{column: t, min: 0}", NULL, "1 1 1 abc", "is not a number");
    ask("{column: n, one_of: [0, 1]}", NULL, "1 1 1 a", "");
    ask("{column: n, one_of: [0, 1]}", NULL, "1 2 1 a", "none of the values");
    ask("{column: d, one_of: [1]}", NULL, "1 2 1.0000 a", "");
    ask("{column: t, required: true, when: {n: 5}}", NULL, "1 4 1 -", "");
    ask("{column: t, required: true, when: {n: 5}}", NULL, "1 5 1 -", "is empty");
    ask("{column: t, required: true, when: {n: 5}}", NULL, "1 - 1 -", "");
}

/* --- loading ---------------------------------------------------------------------- */

static void refused(const char *item, enum config_invalid on_invalid, const char *part)
{
    struct catalogue *catalogue;
    struct ds_error err = {0};
    struct handlers *h;
    char copy[300], prefix[] = "", where[] = "/etc/datasync/x.yaml";
    char *items[] = {copy};
    struct config config = {.on_invalid = on_invalid, .path = where, .handlers = {items, 1}};
    config.lua_memory = 1 << 20;
    config.lua_instructions = 1000;
    config.destination.prefix = prefix;
    snprintf(copy, sizeof copy, "%s", item);
    assert_int_equal(catalogue_load(&catalogue, NULL, &err), 0);
    if (handlers_new(&h, &config, catalogue, &err) != DS_EUSAGE || !strstr(err.message, part))
        fail_msg("%s: '%s' lacks '%s'", item, err.message, part);
    assert_null(h);
    catalogue_free(catalogue);
}

static void wrong_files_are_refused(void **state)
{
    (void)state;
    char library[300];
    refused("/no/such.so", INVALID_IGNORE, "/no/such.so: No such file");
    refused("none.so", INVALID_IGNORE,
            "/etc/datasync/none.so: No such file"); /* beside the configuration */
    refused("/tmp", INVALID_IGNORE, "not a file");
    put_file(path, "name: product\n");
    refused(path, INVALID_IGNORE, ".so or a .lua");
    snprintf(library, sizeof library, "%s/x.so", folder);
    put_file(library, "no library\n");
    refused(library, INVALID_IGNORE, "cannot be loaded");
    assert_int_equal(chmod(library, 0666), 0);
    refused(library, INVALID_IGNORE, "everybody may write it");
    unlink(library);
}

static void texts_of_handlers_are_cleaned(void **state)
{
    (void)state;
    char text[] = "a\nb\x7f \xc3\xa4\xff \xe2\x82";
    handler_clean_text(text);
    assert_string_equal(text, "a b  \xc3\xa4? ??");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimals_are_compared_by_their_digits),
        cmocka_unit_test(only_harmless_statements_are_run),
        cmocka_unit_test(entities_come_in_order),
        cmocka_unit_test(rows_are_what_they_come_to),
        cmocka_unit_test(entities_keep_together_when_their_key_moves),
        cmocka_unit_test(rows_without_a_key_stand_for_themselves),
        cmocka_unit_test(what_is_not_written_is_not_seen),
        cmocka_unit_test(values_have_their_types),
        cmocka_unit_test(rules_are_asked),
        cmocka_unit_test(wrong_files_are_refused),
        cmocka_unit_test(texts_of_handlers_are_cleaned),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
