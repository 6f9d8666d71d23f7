/* sql: kinds and names of statements, other database, other names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/key_condition.h"
#include "schema/sql.h"
#include "schema/sql_collation.h"

#define ANSI    (UINT64_C(1) << 2)
#define NOSLASH (UINT64_C(1) << 20)

static struct slice text(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

static void put(struct buf *b, struct slice s)
{
    assert_int_equal(buf_append(b, s.p, s.len), 0);
}

/* What was found in one line: kind, then database|name of each name, then flags. */
static const char *describe(const struct sql_statement *st, struct buf *b)
{
    buf_clear(b);
    buf_puts(b, sql_kind_name(st->kind));
    for (size_t i = 0; i < st->name_count; i++) {
        buf_puts(b, i ? ", " : ": ");
        put(b, st->names[i].database);
        if (st->names[i].database.len)
            buf_puts(b, "|");
        put(b, st->names[i].name);
    }
    if (st->savepoint.len) {
        buf_puts(b, " @");
        put(b, st->savepoint);
    }
    if (st->xid.len) {
        buf_puts(b, " xid ");
        put(b, st->xid);
    }
    const struct {
        bool on;
        const char *name;
    } flags[] = {{st->if_exists, " if_exists"},
                 {st->if_not_exists, " if_not_exists"},
                 {st->or_replace, " or_replace"},
                 {st->as_select, " as_select"},
                 {st->exchange_partition, " exchange"},
                 {st->alter_renames, " renames"},
                 {st->one_phase, " one_phase"},
                 {st->start_transaction.len > 0, " start_transaction"}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (flags[i].on)
            buf_puts(b, flags[i].name);
    return buf_cstr(b);
}

struct expectation {
    const char *sql, *found;
    uint64_t mode;
};

static void check_all(const struct expectation *e, size_t n)
{
    BUF_AUTO struct buf b = {0};
    struct arena arena = {0};
    for (size_t i = 0; i < n; i++, arena_reset(&arena, 1 << 16)) {
        struct sql_statement st;
        assert_int_equal(sql_classify(text(e[i].sql), e[i].mode, &arena, &st), 0);
        if (strcmp(describe(&st, &b), e[i].found) != 0)
            fail_msg("%s\n  is       %s\n  expected %s", e[i].sql, buf_cstr(&b), e[i].found);
    }
    arena_free(&arena);
}
#define CHECK_ALL(table) check_all(table, sizeof table / sizeof *table)

static void transactions(void **state)
{
    (void)state;
    static const struct expectation all[] = {
        {"BEGIN", "BEGIN", 0},
        {" begin work ;", "BEGIN", 0},
        {"BEGIN NOT ATOMIC INSERT INTO t VALUES (1); END", "data change in statement format", 0},
        {"START TRANSACTION WITH CONSISTENT SNAPSHOT", "BEGIN", 0},
        {"START SLAVE", "administrative statement", 0},
        {"START ALTER", "unknown statement", 0},
        {"COMMIT", "COMMIT", 0},
        {"COMMIT AND CHAIN", "COMMIT", 0},
        {"ROLLBACK", "ROLLBACK", 0},
        {"ROLLBACK WORK", "ROLLBACK", 0},
        {"SAVEPOINT a", "SAVEPOINT @a", 0},
        {"SAVEPOINT `a``b c`", "SAVEPOINT @a`b c", 0},
        {"SAVEPOINT \"x\"", "SAVEPOINT @x", ANSI},
        {"SAVEPOINT savepoint", "SAVEPOINT @savepoint", 0},
        {"ROLLBACK TO a", "ROLLBACK TO SAVEPOINT @a", 0},
        {"ROLLBACK TO SAVEPOINT `a`", "ROLLBACK TO SAVEPOINT @a", 0},
        {"ROLLBACK WORK TO SAVEPOINT 7up", "ROLLBACK TO SAVEPOINT @7up", 0},
        {"ROLLBACK TO SAVEPOINT", "ROLLBACK TO SAVEPOINT @SAVEPOINT", 0},
        {"RELEASE SAVEPOINT a", "RELEASE SAVEPOINT @a", 0},
        {"XA START 'a','b',7", "XA START xid 'a','b',7", 0},
        {"XA BEGIN 'a' JOIN", "XA START xid 'a'", 0},
        {"XA END X'6162',X'',1", "XA END xid X'6162',X'',1", 0},
        {"XA END 'a' SUSPEND FOR MIGRATE", "XA END xid 'a'", 0},
        {"XA PREPARE X'61',X'62',1", "XA PREPARE xid X'61',X'62',1", 0},
        {"XA COMMIT X'61',X'62',1", "XA COMMIT xid X'61',X'62',1", 0},
        {"XA COMMIT 'one','phase',1 ONE PHASE", "XA COMMIT xid 'one','phase',1 one_phase", 0},
        {"XA ROLLBACK X'61',X'62',1 ;", "XA ROLLBACK xid X'61',X'62',1", 0},
        {"XA RECOVER", "administrative statement", 0},
        {"XA COMMIT", "unknown statement", 0},
        {"XA", "unknown statement", 0},
    };
    CHECK_ALL(all);
}

static void tables(void **state)
{
    (void)state;
    static const struct expectation all[] = {
        {"CREATE TABLE t (a INT)", "CREATE TABLE: t", 0},
        {"create table `t` (a int)", "CREATE TABLE: t", 0},
        {"CREATE TABLE IF NOT EXISTS shop . t (a INT)", "CREATE TABLE: shop|t if_not_exists", 0},
        {"CREATE OR REPLACE TABLE `shop`.`t` (a INT)", "CREATE TABLE: shop|t or_replace", 0},
        {"CREATE TABLE .t (a INT)", "CREATE TABLE: t", 0},
        {"CREATE TABLE `a``b`.`c.d` (a INT)", "CREATE TABLE: a`b|c.d", 0},
        {"CREATE TABLE \"a\"\"b\".\"table\" (a INT)", "CREATE TABLE: a\"b|table", ANSI},
        {"CREATE TABLE \"t\" (a INT)", "unknown statement", 0},
        {"CREATE TABLE größe.見る (a INT)", "CREATE TABLE: größe|見る", 0},
        {"CREATE TABLE 1a.2 (a INT)", "CREATE TABLE: 1a|2", 0},
        {"CREATE TABLE shop.select (a INT)", "CREATE TABLE: shop|select", 0},
        {"CREATE TABLE `create` LIKE `table`.`like`", "CREATE TABLE LIKE: create, table|like", 0},
        {"CREATE TABLE t (LIKE u)", "CREATE TABLE LIKE: t, u", 0},
        {"CREATE TABLE t(a INT, b INT) SELECT 1 a", "CREATE TABLE: t as_select", 0},
        {"CREATE TABLE t SELECT * FROM u", "CREATE TABLE: t as_select", 0},
        {"CREATE TABLE t AS SELECT * FROM u", "CREATE TABLE: t as_select", 0},
        {"CREATE TABLE t ENGINE=InnoDB AS (SELECT * FROM u)", "CREATE TABLE: t as_select", 0},
        {"CREATE TABLE t ((SELECT 1))", "CREATE TABLE: t as_select", 0},
        {"CREATE TABLE t (a INT) IGNORE WITH x AS (SELECT 1) (SELECT * FROM x)",
         "CREATE TABLE: t as_select", 0},
        {"CREATE TABLE t AS VALUES (1),(2)", "CREATE TABLE: t as_select", 0},
        {"CREATE TABLE t TABLE u", "CREATE TABLE: t as_select", 0},
        {"CREATE TABLE t (a INT DEFAULT (1+(2)), `select` INT) COMMENT='SELECT'", "CREATE TABLE: t",
         0},
        {"CREATE TABLE t (a INT) PARTITION BY RANGE (a) (PARTITION p VALUES LESS THAN (3))",
         "CREATE TABLE: t", 0},
        {"CREATE TABLE t (a INT) WITH SYSTEM VERSIONING", "CREATE TABLE: t", 0},
        {"CREATE TABLE `t` (\n  `a` int\n) START TRANSACTION", "CREATE TABLE: t start_transaction",
         0},
        {"CREATE TEMPORARY TABLE t (a INT)", "temporary object: t", 0},
        {"DROP /*!40005 TEMPORARY */ TABLE IF EXISTS `t`", "temporary object: t if_exists", 0},
        {"DROP TEMPORARY TABLE IF EXISTS `shop`.`t` /* generated by server */",
         "temporary object: shop|t if_exists", 0},
        {"DROP TABLE a", "DROP TABLE: a", 0},
        {"DROP TABLE `a`,`shop`.`b` , c /* generated by server */", "DROP TABLE: a, shop|b, c", 0},
        {"DROP TABLES IF EXISTS a, b RESTRICT", "DROP TABLE: a, b if_exists", 0},
        {"DROP TABLE IF EXISTS a, b NOWAIT", "DROP TABLE: a, b if_exists", 0},
        {"DROP TABLE wait WAIT 5", "DROP TABLE: wait", 0},
        {"RENAME TABLE a TO b", "RENAME TABLE: a, b", 0},
        {"RENAME TABLES a TO x, shop.b TO a, `x` TO `c`.`d`",
         "RENAME TABLE: a, x, shop|b, a, x, c|d", 0},
        {"RENAME TABLE IF EXISTS a WAIT 10 TO b, c NOWAIT TO d",
         "RENAME TABLE: a, b, c, d if_exists", 0},
        {"RENAME TABLE wait TO nowait", "RENAME TABLE: wait, nowait", 0},
        {"RENAME TABLE a", "unknown statement", 0},
        {"RENAME USER a TO b", "account statement", 0},
        {"TRUNCATE t", "TRUNCATE: t", 0},
        {"TRUNCATE TABLE `shop`.`t`", "TRUNCATE: shop|t", 0},
        {"TRUNCATE TABLE t WAIT 5", "TRUNCATE: t", 0},
        {"TRUNCATE TABLE `shop`.`t` /* generated by server, implicitly emptying table */",
         "TRUNCATE: shop|t", 0},
        {"DELETE FROM `shop`.`t` /* generated by server, implicitly emptying table */",
         "TRUNCATE: shop|t", 0},
        {"CREATE INDEX i ON t (a)", "CREATE INDEX: t", 0},
        {"CREATE UNIQUE INDEX IF NOT EXISTS `i` USING HASH ON shop.t (a)",
         "CREATE INDEX: shop|t if_not_exists", 0},
        {"CREATE OR REPLACE INDEX `on` ON `on`.`on` (a)", "CREATE INDEX: on|on or_replace", 0},
        {"CREATE ONLINE FULLTEXT INDEX i ON t (a) WAIT 3", "CREATE INDEX: t", 0},
        {"CREATE SPATIAL INDEX i ON t (a)", "CREATE INDEX: t", 0},
        {"DROP INDEX IF EXISTS i ON t", "DROP INDEX: t if_exists", 0},
        {"DROP INDEX offline ON t", "DROP INDEX: t", 0},
        {"DROP OFFLINE INDEX i ON t", "DROP INDEX: t", 0},
    };
    CHECK_ALL(all);
}

static void alter_table(void **state)
{
    (void)state;
    static const struct expectation all[] = {
        {"ALTER TABLE t ADD c INT", "ALTER TABLE: t", 0},
        {"ALTER ONLINE IGNORE TABLE IF EXISTS shop.t WAIT 5 ADD c INT",
         "ALTER TABLE: shop|t if_exists", 0},
        {"ALTER OFFLINE TABLE t ADD c INT", "ALTER TABLE: t", 0},
        {"ALTER TABLE t NOWAIT RENAME u", "ALTER TABLE: t, u renames", 0},
        {"ALTER TABLE t RENAME TO shop.u", "ALTER TABLE: t, shop|u renames", 0},
        {"ALTER TABLE t RENAME AS u", "ALTER TABLE: t, u renames", 0},
        {"ALTER TABLE t RENAME = u", "ALTER TABLE: t, u renames", 0},
        {"ALTER TABLE t RENAME `to`", "ALTER TABLE: t, to renames", 0},
        {"ALTER TABLE t ADD c DECIMAL(3,1), RENAME TO u, ADD d INT", "ALTER TABLE: t, u renames",
         0},
        {"ALTER TABLE t RENAME COLUMN a TO b, RENAME INDEX c TO d", "ALTER TABLE: t", 0},
        {"ALTER TABLE t RENAME KEY c TO d", "ALTER TABLE: t", 0},
        {"ALTER TABLE t RENAME `index`", "ALTER TABLE: t, index renames", 0},
        {"ALTER TABLE t ADD c INT COMMENT 'x, RENAME TO u'", "ALTER TABLE: t", 0},
        {"ALTER TABLE t ADD (c INT, `rename` INT)", "ALTER TABLE: t", 0},
        {"ALTER TABLE t /*!50100 RENAME TO */ u", "ALTER TABLE: t, u renames", 0},
        {"ALTER TABLE t /* RENAME TO u */ ADD c INT", "ALTER TABLE: t", 0},
        {"ALTER TABLE t EXCHANGE PARTITION p WITH TABLE u", "ALTER TABLE: t, u exchange", 0},
        {"ALTER TABLE t EXCHANGE PARTITION p WITH TABLE `s`.`u` WITHOUT VALIDATION",
         "ALTER TABLE: t, s|u exchange", 0},
        {"ALTER TABLE t CONVERT PARTITION p TO TABLE u", "ALTER TABLE: t, u exchange", 0},
        {"ALTER TABLE t CONVERT TABLE u TO PARTITION p VALUES LESS THAN (3)",
         "ALTER TABLE: t, u exchange", 0},
        {"ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4", "ALTER TABLE: t", 0},
        {"ALTER TABLE t ADD PARTITION PARTITIONS 2", "ALTER TABLE: t", 0},
        {"ALTER TABLE t DISCARD TABLESPACE", "unknown statement", 0},
        {"ALTER TABLE t IMPORT PARTITION p TABLESPACE", "unknown statement", 0},
        {"ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u (id) ON DELETE SET NULL", "ALTER TABLE: t",
         0},
        {"ALTER TABLE t", "ALTER TABLE: t", 0},
        {"ALTER TABLE", "unknown statement", 0},
    };
    CHECK_ALL(all);
}

static void other_objects(void **state)
{
    (void)state;
    static const struct expectation all[] = {
        {"CREATE VIEW v AS SELECT 1", "CREATE VIEW: v", 0},
        {"CREATE OR REPLACE ALGORITHM=MERGE DEFINER=`a`@`b` SQL SECURITY INVOKER VIEW `s`.`v` AS "
         "SELECT 1",
         "CREATE VIEW: s|v or_replace", 0},
        {"CREATE ALGORITHM=UNDEFINED DEFINER='a b'@'%' VIEW IF NOT EXISTS v AS SELECT 1",
         "CREATE VIEW: v if_not_exists", 0},
        {"CREATE DEFINER=CURRENT_USER() VIEW v AS SELECT 1", "CREATE VIEW: v", 0},
        {"CREATE DEFINER=shop@shop.example VIEW v AS SELECT 1", "CREATE VIEW: v", 0},
        {"CREATE DEFINER = a@ 'b' VIEW v AS SELECT 1", "CREATE VIEW: v", 0},
        {"CREATE DEFINER=admin_role VIEW v AS SELECT 1", "CREATE VIEW: v", 0},
        {"ALTER ALGORITHM=TEMPTABLE SQL SECURITY DEFINER VIEW v AS SELECT 2", "ALTER VIEW: v", 0},
        {"DROP VIEW IF EXISTS a, s.b CASCADE", "DROP VIEW: a, s|b if_exists", 0},
        {"CREATE DEFINER=`a`@`b` TRIGGER `x` BEFORE INSERT ON `s`.`t` FOR EACH ROW BEGIN END",
         "CREATE TRIGGER: x, s|t", 0},
        {"CREATE OR REPLACE TRIGGER IF NOT EXISTS s.x AFTER DELETE ON t FOR EACH ROW SET @a=1",
         "CREATE TRIGGER: s|x, t if_not_exists or_replace", 0},
        {"DROP TRIGGER IF EXISTS s.x", "DROP TRIGGER: s|x if_exists", 0},
        {"CREATE EVENT IF NOT EXISTS e ON SCHEDULE EVERY 1 DAY DO DELETE FROM t",
         "CREATE EVENT: e if_not_exists", 0},
        {"ALTER DEFINER=a@b EVENT e RENAME TO f", "ALTER EVENT: e, f renames", 0},
        {"ALTER EVENT e ENABLE", "ALTER EVENT: e", 0},
        {"DROP EVENT e", "DROP EVENT: e", 0},
        {"CREATE DEFINER=`r`@`l` PROCEDURE `p`(IN a INT) BEGIN SELECT 1; END", "CREATE ROUTINE: p",
         0},
        {"CREATE AGGREGATE FUNCTION f(x INT) RETURNS INT BEGIN END", "CREATE ROUTINE: f", 0},
        {"CREATE FUNCTION s.f() RETURNS INT RETURN 1", "CREATE ROUTINE: s|f", 0},
        {"CREATE FUNCTION f RETURN INT AS BEGIN RETURN 1; END", "CREATE ROUTINE: f", 512},
        {"CREATE FUNCTION metaphon RETURNS STRING SONAME 'x.so'", "administrative statement", 0},
        {"CREATE OR REPLACE PACKAGE s.p AS END", "CREATE ROUTINE: s|p or_replace", 512},
        {"CREATE PACKAGE BODY p AS END", "CREATE ROUTINE: p", 512},
        {"DROP PACKAGE BODY IF EXISTS p", "DROP ROUTINE: p if_exists", 512},
        {"ALTER PROCEDURE p COMMENT 'x'", "ALTER ROUTINE: p", 0},
        {"DROP FUNCTION IF EXISTS f", "DROP ROUTINE: f if_exists", 0},
        {"CREATE SEQUENCE s.q START WITH 1", "CREATE SEQUENCE: s|q", 0},
        {"CREATE TEMPORARY SEQUENCE q", "temporary object: q", 0},
        {"ALTER SEQUENCE IF EXISTS q RESTART 5", "ALTER SEQUENCE: q if_exists", 0},
        {"DROP SEQUENCE q, r", "DROP SEQUENCE: q, r", 0},
        {"CREATE DATABASE IF NOT EXISTS s CHARACTER SET utf8mb4",
         "CREATE DATABASE: s| if_not_exists", 0},
        {"CREATE SCHEMA `a``b`", "CREATE DATABASE: a`b|", 0},
        {"CREATE OR REPLACE DATABASE s", "CREATE DATABASE: s| or_replace", 0},
        {"DROP DATABASE IF EXISTS `s`", "DROP DATABASE: s| if_exists", 0},
        {"ALTER DATABASE s COLLATE utf8_bin", "ALTER DATABASE: s|", 0},
        {"ALTER DATABASE CHARACTER SET utf8", "ALTER DATABASE: ", 0},
        {"ALTER DATABASE CHARSET utf8", "ALTER DATABASE: ", 0},
        {"ALTER DATABASE charset CHARACTER SET utf8", "ALTER DATABASE: charset|", 0},
        {"ALTER DATABASE DEFAULT COLLATE = utf8_bin", "ALTER DATABASE: ", 0},
        {"GRANT ALL ON *.* TO a", "account statement", 0},
        {"REVOKE ALL ON s.* FROM a", "account statement", 0},
        {"CREATE OR REPLACE USER a@b", "account statement or_replace", 0},
        {"ALTER USER a IDENTIFIED BY 'x'", "account statement", 0},
        {"DROP ROLE a", "account statement", 0},
        {"SET PASSWORD FOR a = 'x'", "account statement", 0},
        {"SET DEFAULT ROLE a FOR b", "SET", 0},
        {"SET GLOBAL x=1", "SET", 0},
        {"SET STATEMENT max_statement_time=10, sql_mode='FOR' FOR ALTER TABLE t ADD c INT",
         "ALTER TABLE: t", 0},
        {"SET STATEMENT a=(1) FOR DROP TABLE t", "DROP TABLE: t", 0},
        {"SET STATEMENT a=1", "empty statement", 0},
        {"ANALYZE LOCAL TABLE t", "administrative statement", 0},
        {"ANALYZE UPDATE t SET a=1", "data change in statement format", 0},
        {"OPTIMIZE TABLE t", "administrative statement", 0},
        {"FLUSH TABLES", "administrative statement", 0},
        {"CREATE SERVER x FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'x')",
         "administrative statement", 0},
        {"CREATE UNDO TABLESPACE x ADD DATAFILE 'x'", "administrative statement", 0},
        {"CREATE SPATIAL REFERENCE SYSTEM 4120 NAME 'x'", "administrative statement", 0},
        {"INSTALL PLUGIN x SONAME 'y'", "administrative statement", 0},
    };
    CHECK_ALL(all);
}

static void statement_format_and_odd(void **state)
{
    (void)state;
    static const struct expectation all[] = {
        {"INSERT INTO t VALUES (1)", "data change in statement format: t", 0},
        {"INSERT IGNORE shop.t SET a=1", "data change in statement format: shop|t", 0},
        {"REPLACE t VALUES (1)", "data change in statement format: t", 0},
        {"UPDATE LOW_PRIORITY shop.t SET a=1", "data change in statement format: shop|t", 0},
        {"UPDATE t AS x SET a=1", "data change in statement format: t", 0},
        {"UPDATE a, b SET a.x=b.x", "data change in statement format", 0},
        {"UPDATE a JOIN b SET a.x=b.x", "data change in statement format", 0},
        {"DELETE FROM t WHERE a=1", "data change in statement format: t", 0},
        {"DELETE FROM t", "data change in statement format: t", 0},
        {"DELETE a FROM a JOIN b", "data change in statement format", 0},
        {"LOAD DATA LOCAL INFILE 'x' INTO TABLE shop.t", "data change in statement format: shop|t",
         0},
        {"LOAD INDEX INTO CACHE t", "administrative statement", 0},
        {"CALL p()", "data change in statement format", 0},
        {"SELECT `f`(1)", "data change in statement format", 0},
        {"WITH x AS (SELECT 1) SELECT 1", "data change in statement format", 0},
        {"(SELECT 1)", "data change in statement format", 0},
        {"", "empty statement", 0},
        {" \t\n ;", "empty statement", 0},
        {"# Dummy event replacing event type 162 that slave cannot handle.", "empty statement", 0},
        {"# Dum", "empty statement", 0},
        {"-- x", "empty statement", 0},
        {"--", "empty statement", 0},
        {"/* x", "empty statement", 0},
        {"/*", "empty statement", 0},
        {"/*!", "empty statement", 0},
        {"/*!50100 DROP */ TABLE t", "DROP TABLE: t", 0},
        {"/*!100100 DROP TABLE t */", "DROP TABLE: t", 0},
        {"/*M!100100 DROP TABLE t */", "DROP TABLE: t", 0},
        {"/*!DROP TABLE/* x */t*/", "DROP TABLE: t", 0},
        {"/*M DROP TABLE t */", "empty statement", 0},
        {"DROP/**/TABLE#x\nt--\n", "DROP TABLE: t", 0},
        {"DROP TABLE `a", "unknown statement", 0},
        {"DROP TABLE a.", "unknown statement", 0},
        {"DROP TABLE 'a'", "unknown statement", 0},
        {"SELECT 'a\\", "data change in statement format", 0},
        {"FOO BAR", "unknown statement", 0},
        {"`DROP` TABLE t", "unknown statement", 0},
        {"IMPORT TABLE FROM 'x.sdi'", "unknown statement", 0},
        /* the same bytes end differently with and without backslash escapes */
        {"ALTER TABLE t COMMENT 'a\\', RENAME TO u, COMMENT ''", "ALTER TABLE: t, u renames",
         NOSLASH},
        {"ALTER TABLE t COMMENT 'a\\', RENAME TO u, COMMENT ''", "ALTER TABLE: t", 0},
        {"ALTER TABLE t COMMENT \"', RENAME TO u, COMMENT '\"", "ALTER TABLE: t", 0},
    };
    CHECK_ALL(all);
}

static void concerns(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *database;
        bool expected;
    } all[] = {
        {"DROP TABLE t", "shop", true},
        {"DROP TABLE t", "other", false},
        {"DROP TABLE other.t", "shop", false},
        {"DROP TABLE other.t, shop.t", "other", true},
        {"DROP TABLE SHOP.t", "other", true},
        {"DROP DATABASE shop", "", true},
        {"DROP DATABASE other", "shop", false},
        {"ALTER DATABASE CHARSET utf8", "shop", true},
        {"ALTER DATABASE CHARSET utf8", "", false},
        {"CREATE TRIGGER other.x BEFORE INSERT ON shop.t FOR EACH ROW SET @a=1", "", true},
        {"CALL p()", "other", true},
        {"UPDATE other.t SET a=1", "shop", false},
        {"FOO", "other", true},
        {"GRANT ALL ON shop.* TO a", "shop", false},
        {"BEGIN", "shop", false},
        {"CREATE TEMPORARY TABLE t (a INT)", "shop", false},
    };
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct sql_statement st;
        assert_int_equal(sql_classify(text(all[i].sql), 0, &arena, &st), 0);
        if (sql_concerns(&st, text(all[i].database), "shop") != all[i].expected)
            fail_msg("%s in %s", all[i].sql, all[i].database);
    }
    arena_free(&arena);
}

static void other_database(void **state)
{
    (void)state;
    static const struct expectation all[] = {
        {"DROP TABLE shop.a, `shop`.`b`, shops.c, `c``shop`.d", /* → */
         "DROP TABLE `copy`.a, `copy`.`b`, shops.c, `c``shop`.d", 0},
        {"DROP TABLE \"shop\".a", "DROP TABLE `copy`.a", ANSI},
        {"DROP TABLE shop . /* x */ a", "DROP TABLE `copy` . /* x */ a", 0},
        {"DROP TABLE shop", "DROP TABLE shop", 0},
        {"DROP TABLE other.shop, .shop", "DROP TABLE other.shop, .shop", 0},
        {"DROP TABLE shop.shop", "DROP TABLE `copy`.shop", 0},
        {"CREATE DATABASE shop", "CREATE DATABASE `copy`", 0},
        {"ALTER SCHEMA `shop` CHARSET utf8", "ALTER SCHEMA `copy` CHARSET utf8", 0},
        {"DROP DATABASE IF EXISTS shop", "DROP DATABASE IF EXISTS `copy`", 0},
        {"DROP DATABASE shops", "DROP DATABASE shops", 0},
        {"RENAME TABLE shop.a TO shop.b, c TO shop.d",
         "RENAME TABLE `copy`.a TO `copy`.b, c TO `copy`.d", 0},
        {"ALTER TABLE shop.t ADD FOREIGN KEY (a) REFERENCES shop.u (id), RENAME TO shop.v",
         "ALTER TABLE `copy`.t ADD FOREIGN KEY (a) REFERENCES `copy`.u (id), RENAME TO `copy`.v",
         0},
        {"ALTER TABLE shop.t COMMENT 'shop.t', ADD shop INT /* shop.t */ -- shop.t",
         "ALTER TABLE `copy`.t COMMENT 'shop.t', ADD shop INT /* shop.t */ -- shop.t", 0},
        {"ALTER TABLE t /*!50100 RENAME TO shop.u */",
         "ALTER TABLE t /*!50100 RENAME TO `copy`.u */", 0},
        {"CREATE INDEX shop ON shop.t (shop)", "CREATE INDEX shop ON `copy`.t (shop)", 0},
        {"CREATE TABLE shop.t LIKE shop.u", "CREATE TABLE `copy`.t LIKE `copy`.u", 0},
        {"CREATE TABLE t (id INT) ENGINE=MERGE UNION=(shop.a,shop.b)",
         "CREATE TABLE t (id INT) ENGINE=MERGE UNION=(`copy`.a,`copy`.b)", 0},
        {"CREATE DEFINER=shop@shop.example VIEW shop.v AS SELECT shop.t.a, t.shop FROM shop.t",
         "CREATE DEFINER=shop@shop.example VIEW `copy`.v AS SELECT `copy`.t.a, t.shop FROM "
         "`copy`.t",
         0},
        {"CREATE DEFINER=`shop`@`shop` VIEW v AS SELECT @shop.x, @@shop.x, shop.f(1) FROM t",
         "CREATE DEFINER=`shop`@`shop` VIEW v AS SELECT @shop.x, @@shop.x, `copy`.f(1) FROM t", 0},
        {"CREATE VIEW v AS SELECT shop.id, shop.orders.id FROM orders shop JOIN shop.orders ON "
         "shop.id = shop.orders.id",
         "CREATE VIEW v AS SELECT shop.id, `copy`.orders.id FROM orders shop JOIN `copy`.orders ON "
         "shop.id = `copy`.orders.id",
         0},
        {"CREATE VIEW v AS SELECT shop.id FROM shop, shop.u x, (shop.w JOIN shop.z) WHERE shop.a=1",
         "CREATE VIEW v AS SELECT shop.id FROM shop, `copy`.u x, (`copy`.w JOIN `copy`.z) WHERE "
         "shop.a=1",
         0},
        {"CREATE VIEW v AS SELECT TRIM(BOTH 'x' FROM shop.c) FROM shop.shop",
         "CREATE VIEW v AS SELECT TRIM(BOTH 'x' FROM shop.c) FROM `copy`.shop", 0},
        {"CREATE VIEW v AS SELECT a FROM t WHERE EXISTS (SELECT shop.a FROM shop.b AS shop)",
         "CREATE VIEW v AS SELECT a FROM t WHERE EXISTS (SELECT shop.a FROM `copy`.b AS shop)", 0},
        {"CREATE TABLE t (id INT DEFAULT (NEXT VALUE FOR shop.q), b INT DEFAULT NEXTVAL(shop.q))",
         "CREATE TABLE t (id INT DEFAULT (NEXT VALUE FOR `copy`.q), b INT DEFAULT "
         "NEXTVAL(`copy`.q))",
         0},
        {"CREATE PROCEDURE shop.p() BEGIN DELETE shop.a, b FROM shop.a, shop.b; UPDATE shop.a SET "
         "x=1; INSERT INTO shop.a (x) VALUES (1) ON DUPLICATE KEY UPDATE x=2; CALL shop.q(); END",
         "CREATE PROCEDURE `copy`.p() BEGIN DELETE `copy`.a, b FROM `copy`.a, `copy`.b; UPDATE "
         "`copy`.a SET x=1; INSERT INTO `copy`.a (x) VALUES (1) ON DUPLICATE KEY UPDATE x=2; CALL "
         "`copy`.q(); END",
         0},
        {"CREATE TRIGGER shop.x BEFORE UPDATE ON shop.t FOR EACH ROW SET NEW.a = OLD.b",
         "CREATE TRIGGER `copy`.x BEFORE UPDATE ON `copy`.t FOR EACH ROW SET NEW.a = OLD.b", 0},
        {"CREATE VIEW v AS SELECT REPLACE(shop.c, 'a', 'b') FROM t shop",
         "CREATE VIEW v AS SELECT REPLACE(shop.c, 'a', 'b') FROM t shop", 0},
        {"SELECT 'a\\' shop.t', `shop.t`", "SELECT 'a\\' shop.t', `shop.t`", 0},
        {"", "", 0},
        {"shop.", "`copy`.", 0},
        {"# shop.t", "# shop.t", 0},
    };
    BUF_AUTO struct buf b = {0};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        buf_clear(&b);
        assert_int_equal(sql_rename_database(text(all[i].sql), all[i].mode, "shop", "copy", &b), 0);
        if (strcmp(buf_cstr(&b), all[i].found) != 0)
            fail_msg("%s\n  is       %s\n  expected %s", all[i].sql, buf_cstr(&b), all[i].found);
    }
    buf_clear(&b);
    assert_int_equal(sql_rename_database(text("DROP TABLE `a``b`.c"), 0, "a`b", "x`y", &b), 0);
    assert_string_equal(buf_cstr(&b), "DROP TABLE `x``y`.c");
}

static void other_names(void **state)
{
    (void)state;
    struct arena arena = {0};
    BUF_AUTO struct buf b = {0};
    struct sql_statement st;
    struct slice sql = text("RENAME TABLE /* a */ a TO `shop` . `b`, c TO d");
    assert_int_equal(sql_classify(sql, 0, &arena, &st), 0);
    assert_int_equal(st.name_count, 4);
    const struct sql_name new[] = {{.name = text("x`y")},
                                   {.database = text("s"), .name = text("z")},
                                   {.name = {NULL, 0}},
                                   {.name = text("w")}};
    assert_int_equal(sql_replace_names(sql, &st, new, &b), 0);
    assert_string_equal(buf_cstr(&b), "RENAME TABLE /* a */ `x``y` TO `s`.`z`, c TO `w`");

    sql = text("ALTER TABLE s.m_a ADD FOREIGN KEY m_k (m_x) REFERENCES `m_b` (m_id), RENAME m_c");
    assert_int_equal(sql_classify(sql, 0, &arena, &st), 0);
    assert_string_equal(st.object, "TABLE");
    buf_clear(&b);
    assert_int_equal(sql_replace_prefix(sql, 0, &st, "m_", "n_", &b), 0);
    assert_string_equal(
        buf_cstr(&b),
        "ALTER TABLE s.`n_a` ADD FOREIGN KEY m_k (m_x) REFERENCES `n_b` (m_id), RENAME `n_c`");
    arena_free(&arena);
}

static void collations(void **state)
{
    (void)state;
    static const struct collation_target mariadb = {true, 101119}, mariadb118 = {true, 110809},
                                         old = {true, 100600}, mysql = {false, 90704},
                                         mysql57 = {false, 50744};
    static const struct {
        const char *sql, *utf8mb4;
        const struct collation_target *to;
        const char *found;
    } all[] = {
        {"CREATE TABLE t (a TEXT COLLATE utf8mb4_0900_ai_ci) COLLATE=`utf8mb4_0900_as_cs`", NULL,
         &mariadb,
         "CREATE TABLE t (a TEXT COLLATE utf8mb4_uca1400_nopad_ai_ci) "
         "COLLATE=utf8mb4_uca1400_nopad_as_cs"},
        {"ALTER TABLE t COLLATE 'utf8mb4_es_trad_0900_ai_ci', COMMENT 'COLLATE utf8mb4_0900_bin'",
         NULL, &mariadb,
         "ALTER TABLE t COLLATE utf8mb4_uca1400_spanish2_nopad_ai_ci, COMMENT 'COLLATE "
         "utf8mb4_0900_bin'"},
        {"a COLLATE utf8mb4_0900_bin b COLLATE utf8mb4_ja_0900_as_cs_ks c COLLATE "
         "utf8mb4_unicode_ci",
         NULL, &mariadb,
         "a COLLATE utf8mb4_nopad_bin b COLLATE utf8mb4_ja_0900_as_cs_ks c COLLATE "
         "utf8mb4_unicode_ci"},
        {"COLLATE utf8mb4_0900_ai_ci COLLATE utf8mb4_0900_as_cs", NULL, &old,
         "COLLATE utf8mb4_unicode_520_nopad_ci COLLATE utf8mb4_0900_as_cs"},
        {"COLLATE utf8mb4_uca1400_ai_ci COLLATE utf8mb4_uca1400_german2_nopad_as_cs COLLATE "
         "utf8mb3_uca1400_ai_ci COLLATE utf8mb4_0900_ai_ci",
         NULL, &mysql,
         "COLLATE utf8mb4_0900_ai_ci COLLATE utf8mb4_de_pb_0900_as_cs COLLATE "
         "utf8mb3_unicode_520_ci COLLATE utf8mb4_0900_ai_ci"},
        {"COLLATE utf8mb4_uca1400_ai_ci", NULL, &mysql57, "COLLATE utf8mb4_uca1400_ai_ci"},
        {"CREATE TABLE t (a CHAR(3) CHARACTER SET utf8mb4 NOT NULL, b TEXT CHARSET utf8mb4 COLLATE "
         "utf8mb4_bin, c TEXT CHARACTER SET latin1, d INT AS (CAST(a AS CHAR(5) CHARSET utf8mb4))) "
         "DEFAULT CHARSET=utf8mb4",
         "utf8mb4_0900_ai_ci", &mariadb,
         "CREATE TABLE t (a CHAR(3) CHARACTER SET utf8mb4 COLLATE utf8mb4_uca1400_nopad_ai_ci NOT "
         "NULL, b TEXT CHARSET utf8mb4 COLLATE utf8mb4_bin, c TEXT CHARACTER SET latin1, d INT AS "
         "(CAST(a AS CHAR(5) CHARSET utf8mb4))) DEFAULT CHARSET=utf8mb4 COLLATE "
         "utf8mb4_uca1400_nopad_ai_ci"},
        {"", NULL, &mariadb, ""},
        {"COLLATE", NULL, &mariadb, "COLLATE"},
        {"CHARSET", "utf8mb4_general_ci", &mysql, "CHARSET"},
    };
    BUF_AUTO struct buf b = {0};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        buf_clear(&b);
        assert_int_equal(
            sql_translate_collations(text(all[i].sql), 0, *all[i].to, all[i].utf8mb4, &b), 0);
        if (strcmp(buf_cstr(&b), all[i].found) != 0)
            fail_msg("%s\n  is       %s\n  expected %s", all[i].sql, buf_cstr(&b), all[i].found);
    }
    assert_string_equal(collation_of_utf8mb4(mariadb, 255), "utf8mb4_0900_ai_ci");
    assert_null(collation_of_utf8mb4(mariadb, 0));
    assert_string_equal(collation_of_utf8mb4(mariadb, 2304), "utf8mb4_uca1400_ai_ci");
    assert_string_equal(collation_of_utf8mb4(mariadb118, 2304), "utf8mb4_uca1400_ai_ci");
    assert_string_equal(collation_of_utf8mb4(mariadb118, 0), "utf8mb4_general_ci");
    assert_string_equal(collation_of_utf8mb4(mariadb118, 45), "utf8mb4_general_ci");
    assert_string_equal(collation_of_utf8mb4(mysql, 0), "utf8mb4_general_ci");
    assert_null(collation_of_utf8mb4(mysql, 255));
    assert_null(collation_of_utf8mb4(mysql57, 0));
    buf_clear(&b);
    assert_int_equal(
        sql_drop_implied_charsets(text("CREATE TABLE t (a TEXT CHARACTER SET utf8mb4 COLLATE "
                                       "utf8mb4_bin COMMENT 'CHARACTER SET a COLLATE b', c TEXT "
                                       "CHARACTER SET latin1) DEFAULT CHARSET=utf8mb4"),
                                  &b),
        0);
    assert_string_equal(buf_cstr(&b),
                        "CREATE TABLE t (a TEXT COLLATE utf8mb4_bin COMMENT 'CHARACTER SET a "
                        "COLLATE b', c TEXT CHARACTER SET latin1) DEFAULT CHARSET=utf8mb4");
}

static void keys_by_ranges(void **state)
{
    (void)state;
    static const struct {
        const char *column;
        bool ranges;
        uint64_t ids[10];
        size_t count, runs;
        const char *sql;
    } cases[] = {
        {"a", true, {0}, 0, 0, "(FALSE)"},
        {"a", true, {7}, 1, 1, "(a IN (7))"},
        {"a", true, {7, 8}, 2, 1, "(a IN (7,8))"},
        {"t.`a`", true, {7, 8, 9}, 3, 1, "(t.`a` BETWEEN 7 AND 9)"},
        {"a", true, {1, 1, 2, 2, 2, 3, 3}, 7, 1, "(a BETWEEN 1 AND 3)"},
        {"a", true, {4, 4, 5, 5}, 4, 1, "(a IN (4,5))"},
        {"a",
         true,
         {0, 1, 2, 9, 20, 21, 22, 23, 30, 31},
         10,
         4,
         "(a BETWEEN 0 AND 2 OR a BETWEEN 20 AND 23 OR a IN (9,30,31))"},
        {"a",
         true,
         {UINT64_MAX - 2, UINT64_MAX - 1, UINT64_MAX},
         3,
         1,
         "(a BETWEEN 18446744073709551613 AND 18446744073709551615)"},
        {"a", true, {0, UINT64_MAX}, 2, 2, "(a IN (0,18446744073709551615))"},
        {"a", false, {1, 2, 3, 5}, 4, 2, "(a IN (1,2,3,5))"},
    };
    BUF_AUTO struct buf b = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buf_clear(&b);
        assert_int_equal(
            key_condition(&b, cases[i].column, cases[i].ranges, cases[i].ids, cases[i].count), 0);
        assert_string_equal(buf_cstr(&b), cases[i].sql);
        assert_int_equal(key_runs(cases[i].ids, cases[i].count), cases[i].runs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transactions),   cmocka_unit_test(tables),
        cmocka_unit_test(alter_table),    cmocka_unit_test(other_objects),
        cmocka_unit_test(concerns),       cmocka_unit_test(statement_format_and_odd),
        cmocka_unit_test(other_database), cmocka_unit_test(other_names),
        cmocka_unit_test(collations),     cmocka_unit_test(keys_by_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
