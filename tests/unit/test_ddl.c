/* ddl: what of a statement concerns the mirrored database, and fingerprints as they are stored. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "applier/ddl_internal.h"

static struct slice text(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

static bool not_hidden(void *arg, const char *table)
{
    (void)arg;
    return strcmp(table, "hidden") != 0;
}

static const struct db_server server = {.mariadb = true, .version = 101119};
static const struct ddl_context context = {
    .server = &server,
    .name = "default",
    .source_database = "shop",
    .database = "copy",
    .keeps = not_hidden,
};

static int route(const char *sql, const char *database, const struct ddl_context *c,
                 struct arena *arena, struct ddl_job *job)
{
    static struct message m;
    struct ds_error err;
    m = (struct message){.type = MSG_DDL, .ddl = {text(sql), {.database = text(database)}}};
    *job = (struct ddl_job){.c = c, .message = &m, .position = "0-1-1", .arena = arena};
    return ddl_route(job, &err);
}

static void routes(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *database;
        int rc;
        enum ddl_action action;
        const char *runs; /* NULL: nothing */
    } all[] = {
        {"ALTER TABLE t ADD c INT", "shop", 0, ACTION_RUN, "ALTER TABLE t ADD c INT"},
        {"ALTER TABLE shop.t ADD c INT", "", 0, ACTION_RUN, "ALTER TABLE `copy`.t ADD c INT"},
        {"ALTER TABLE t ADD c INT", "copy", 0, ACTION_PASS, NULL},
        {"ALTER TABLE hidden ADD c INT", "shop", 0, ACTION_RUN, "ALTER TABLE hidden ADD c INT"},
        {"TRUNCATE hidden", "shop", 0, ACTION_PASS, NULL},
        {"ALTER TABLE datasync_ddl ADD c INT", "shop", 0, ACTION_PASS, NULL},
        {"TRUNCATE t", "shop", 0, ACTION_REPEAT, "TRUNCATE t"},
        {"DROP TABLE a, other.b, shop.c, datasync_xa", "shop", 0, ACTION_RUN,
         "DROP TABLE `a`, `copy`.`c`"},
        {"DROP TABLE a, b", "other", 0, ACTION_PASS, NULL},
        {"RENAME TABLE a TO b, other.c TO other.d", "shop", 0, ACTION_RUN,
         "RENAME TABLE `a` TO `b`"},
        {"RENAME TABLE a TO hidden", "shop", DS_EUNSUPPORTED, ACTION_PASS, NULL},
        {"RENAME TABLE hidden TO a", "shop", DS_EUNSUPPORTED, ACTION_PASS, NULL},
        {"RENAME TABLE hidden TO hidden", "shop", 0, ACTION_RUN, "RENAME TABLE hidden TO hidden"},
        {"ALTER TABLE hidden RENAME TO a", "shop", DS_EUNSUPPORTED, ACTION_PASS, NULL},
        {"ALTER TABLE a RENAME TO hidden", "shop", DS_EUNSUPPORTED, ACTION_PASS, NULL},
        {"ALTER TABLE a EXCHANGE PARTITION p WITH TABLE hidden", "shop", DS_EUNSUPPORTED,
         ACTION_PASS, NULL},
        {"ALTER TABLE hidden EXCHANGE PARTITION p WITH TABLE a", "shop", DS_EUNSUPPORTED,
         ACTION_PASS, NULL},
        {"CREATE TABLE a LIKE hidden", "shop", 0, ACTION_RUN, "CREATE TABLE a LIKE hidden"},
        {"RENAME TABLE datasync_xa TO a", "shop", DS_EUNSUPPORTED, ACTION_PASS, NULL},
        {"RENAME TABLE a TO other.a", "shop", DS_EUNSUPPORTED, ACTION_PASS, NULL},
        {"ALTER TABLE a RENAME other.a", "shop", DS_EUNSUPPORTED, ACTION_PASS, NULL},
        {"CREATE TABLE other.a LIKE shop.b", "shop", 0, ACTION_PASS, NULL},
        {"CREATE TABLE a LIKE other.b", "shop", DS_EUNSUPPORTED, ACTION_PASS, NULL},
        {"CREATE TABLE a SELECT 1", "shop", DS_EUNSUPPORTED, ACTION_PASS, NULL},
        {"CREATE TABLE `a` (b INT) START TRANSACTION", "shop", 0, ACTION_RUN,
         "CREATE TABLE `a` (b INT) "},
        {"CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET @a=1", "shop", 0, ACTION_RECORD,
         "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET @a=1"},
        {"CREATE TRIGGER x BEFORE INSERT ON datasync_xa FOR EACH ROW SET @a=1", "shop", 0,
         ACTION_PASS, NULL},
        {"DROP DATABASE shop", "", 0, ACTION_EMPTY, "DROP DATABASE `copy`"},
        {"CREATE DATABASE shop", "", 0, ACTION_DATABASE, "CREATE DATABASE `copy`"},
        {"DROP DATABASE copy", "", 0, ACTION_PASS, NULL},
        {"DROP DATABASE Shop", "", DS_EUNSUPPORTED, ACTION_PASS, NULL},
        {"INSERT INTO t VALUES (1)", "shop", DS_EUNSUPPORTED, ACTION_PASS, NULL},
        {"INSERT INTO t VALUES (1)", "other", 0, ACTION_PASS, NULL},
        {"WHATEVER", "other", DS_EUNSUPPORTED, ACTION_PASS, NULL},
        {"GRANT ALL ON shop.* TO x", "shop", 0, ACTION_PASS, NULL},
        {"COMMIT", "shop", 0, ACTION_PASS, NULL},
    };
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct ddl_job job;
        int rc = route(all[i].sql, all[i].database, &context, &arena, &job);
        if (rc != all[i].rc || job.action != all[i].action)
            fail_msg("%s: %d, action %d", all[i].sql, rc, job.action);
        if (!all[i].runs)
            assert_int_equal(job.sql.len, 0);
        else if (job.sql.len != strlen(all[i].runs) ||
                 memcmp(job.sql.p, all[i].runs, job.sql.len) != 0)
            fail_msg("%s: runs %.*s", all[i].sql, (int)job.sql.len, (const char *)job.sql.p);
    }
    arena_free(&arena);
}

static void policies(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct ddl_job job;
    struct ddl_context c = context;
    c.policy = DDL_STOP;
    assert_int_equal(route("DROP TABLE t", "shop", &c, &arena, &job), DS_EDDL);
    assert_int_equal(route("DROP TABLE t", "other", &c, &arena, &job), 0);
    assert_int_equal(route("TRUNCATE t", "shop", &c, &arena, &job), 0);
    assert_int_equal(job.action, ACTION_REPEAT);
    c.policy = DDL_IGNORE;
    assert_int_equal(route("DROP DATABASE shop", "", &c, &arena, &job), 0);
    assert_int_equal(job.action, ACTION_PASS);
    assert_int_equal(route("TRUNCATE t", "shop", &c, &arena, &job), 0);
    assert_int_equal(job.action, ACTION_REPEAT);
    c.policy = DDL_APPLY;
    c.source_prefix = "a_";
    assert_int_equal(route("CREATE VIEW a_v AS SELECT 1", "shop", &c, &arena, &job),
                     DS_EUNSUPPORTED);
    assert_int_equal(route("DROP TABLE a_t, x", "shop", &c, &arena, &job), 0);
    assert_int_equal(job.name_count, 2);
    assert_string_equal(job.names[0], "t");
    assert_string_equal(job.names[1], "x");
    arena_free(&arena);
}

static void fingerprints_come_back(void **state)
{
    (void)state;
    struct arena arena = {0};
    BUF_AUTO struct buf b = {0};
    struct ds_error err;
    const struct ddl_print prints[] = {{"t", text("CREATE TABLE `t`"), text("=5")},
                                       {"ü", {NULL, 0}, {NULL, 0}}};
    struct ddl_print *back;
    size_t count;
    assert_int_equal(ddl_prints_write(prints, 2, &b), 0);
    assert_int_equal(ddl_prints_parse((struct slice){b.data, b.len}, &arena, &back, &count, &err),
                     0);
    assert_int_equal(count, 2);
    assert_string_equal(back[0].name, "t");
    assert_int_equal(back[0].definition.len, 16);
    assert_memory_equal(back[0].ids.p, "=5", 2);
    assert_string_equal(back[1].name, "ü");
    assert_int_equal(back[1].definition.len + back[1].ids.len, 0);
    for (size_t cut = 1; cut < b.len; cut++) {
        int rc = ddl_prints_parse((struct slice){b.data, cut}, &arena, &back, &count, &err);
        assert_true(rc == DS_EFORMAT || (rc == 0 && count < 2));
    }
    assert_int_equal(ddl_prints_parse(text("\x01\xff"), &arena, &back, &count, &err), DS_EFORMAT);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes),
        cmocka_unit_test(policies),
        cmocka_unit_test(fingerprints_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
