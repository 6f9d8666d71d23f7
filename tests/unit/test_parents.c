/* Foreign keys to tables that a filter leaves out: what statements of the stream add. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/parents.h"

static struct slice text(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

static void add_pair(void *arg, struct slice a, struct slice b)
{
    struct buf *out = arg;
    assert_int_equal(
        buf_printf(out, "%s%.*s.%.*s", out->len ? " " : "", (int)a.len, a.p, (int)b.len, b.p), 0);
}

static void references_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *found;
    } all[] = {
        {"CREATE TABLE c (a INT, FOREIGN KEY (a) REFERENCES p (id) ON DELETE CASCADE)", "p.id"},
        {"create table c (a int references `p``q` (`i d`), b int, foreign key (a, b) references "
         "shop . p2(x , y))",
         "p`q.i d p2.x p2.y"},
        {"ALTER TABLE c ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES `shop`.`p` (id), ADD d INT",
         "p.id"},
        {"CREATE TABLE c (a INT COMMENT 'REFERENCES p (id)', `REFERENCES` INT)", ""},
        {"CREATE TABLE c (a INT REFERENCES p)", ""},
        {"CREATE TABLE c (a INT REFERENCES", ""},
        {"CREATE TABLE c (a INT REFERENCES p (", ""},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        BUF_AUTO struct buf out = {0};
        assert_int_equal(sql_references(text(all[i].sql), 0, add_pair, &out), 0);
        assert_string_equal(buf_cstr(&out), all[i].found);
    }
}

static void new_names_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *found;
    } all[] = {
        {"ALTER TABLE p RENAME COLUMN id TO number, RENAME COLUMN `a b` TO c", "id.number a b.c"},
        {"ALTER TABLE p CHANGE id number INT, CHANGE COLUMN IF EXISTS x y INT", "id.number x.y"},
        {"ALTER TABLE p RENAME TO q, RENAME INDEX i TO j, MODIFY id BIGINT", ""},
        {"ALTER TABLE p RENAME COLUMN id", ""},
        {"ALTER TABLE p CHANGE", ""},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        BUF_AUTO struct buf out = {0};
        assert_int_equal(sql_renamed_columns(text(all[i].sql), 0, add_pair, &out), 0);
        assert_string_equal(buf_cstr(&out), all[i].found);
    }
}

static void run(struct parents *p, const char *sql)
{
    struct arena arena = {0};
    struct sql_statement st;
    assert_int_equal(sql_classify(text(sql), 0, &arena, &st), 0);
    assert_int_equal(parents_ddl(p, text(sql), 0, &st, NULL), 0);
    arena_free(&arena);
}

/* "id number" or "-" */
static void columns_are(const struct parents *p, const char *table, const char *expected)
{
    BUF_AUTO struct buf out = {0};
    const struct parent *x = parents_find(p, table);
    for (size_t i = 0; x && i < x->column_count; i++)
        assert_int_equal(buf_printf(&out, "%s%s", i ? " " : "", x->columns[i]), 0);
    assert_string_equal(x ? buf_cstr(&out) : "-", expected);
}

static void statements_add(void **state)
{
    (void)state;
    char star[] = "*", all[] = "all", left[] = "p*", *stars[] = {star}, *alls[] = {all},
         *lefts[] = {left};
    struct config c = {.path = "",
                       .entities = {alls, 1},
                       .tables_include = {stars, 1},
                       .tables_exclude = {lefts, 1}};
    struct catalogue *catalogue;
    struct filter *f;
    struct parents *p;
    assert_int_equal(catalogue_load(&catalogue, NULL, NULL), 0);
    assert_int_equal(filter_new(&f, &c, catalogue, NULL), 0);
    assert_int_equal(parents_new(&p, f, NULL), 0);
    columns_are(p, "p", "-");
    assert_int_equal(parents_parse(p, "p\tid\np\tcode\nkept\tid\nnonsense\n", NULL), 0);
    columns_are(p, "p", "id code");
    columns_are(p, "kept", "-");
    uint64_t version = parents_version(p);
    run(p, "CREATE TABLE c (a INT, FOREIGN KEY (a) REFERENCES p (ID))");
    assert_int_equal(parents_version(p), version); /* it is known */
    run(p, "CREATE TABLE c (a INT, FOREIGN KEY (a) REFERENCES p2 (x), FOREIGN KEY (a) REFERENCES "
           "kept (y))");
    assert_true(parents_version(p) > version);
    columns_are(p, "p2", "x");
    columns_are(p, "kept", "-");
    run(p, "ALTER TABLE p2 CHANGE x z INT");
    columns_are(p, "p2", "x z");
    columns_are(p, "p", "id code");
    run(p, "RENAME TABLE p2 TO p3, other TO p2");
    columns_are(p, "p3", "x z");
    run(p, "ALTER TABLE p3 RENAME TO p4");
    columns_are(p, "p4", "x z");
    run(p, "DROP TABLE p4");
    columns_are(p, "p4", "x z"); /* more than is needed, never less */
    run(p, "CREATE TABLE p5 (a INT, FOREIGN KEY (a) REFERENCES p6 (id))");
    run(p, "ALTER TABLE p6 CHANGE id no INT");
    run(p, "RENAME TABLE p5 TO p7");
    columns_are(p, "p6", "-"); /* nothing that travels refers to p5 or p7 */
    BUF_AUTO struct buf known = {0};
    struct parents *again;
    assert_int_equal(parents_print(p, &known), 0);
    assert_int_equal(parents_new(&again, f, NULL), 0);
    assert_int_equal(parents_parse(again, buf_cstr(&known), NULL), 0);
    columns_are(again, "p4", "x z");
    columns_are(again, "p6", "-");
    run(again, "ALTER TABLE c ADD FOREIGN KEY (b) REFERENCES p7 (id)");
    columns_are(again, "p7", "id");
    columns_are(again, "p6", "id no");
    parents_free(again);
    assert_string_equal(parents_at(p, 0)->table, "p");
    assert_null(parents_at(p, 4));
    assert_null(parents_find(NULL, "p"));
    parents_free(p);
    filter_free(f);
    catalogue_free(catalogue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(references_are_found),
        cmocka_unit_test(new_names_are_found),
        cmocka_unit_test(statements_add),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
