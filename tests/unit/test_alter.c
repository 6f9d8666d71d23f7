/* sql_redefines: which ALTER TABLE statements may run twice, and be joined; expressions;
 * sql_alter_uncertain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/sql.h"

#define ANSI    (UINT64_C(1) << 2)
#define NOSLASH (UINT64_C(1) << 20)

static struct slice text(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

static void assert_slice(struct slice s, const char *expected, const char *sql)
{
    if (s.len != strlen(expected) || memcmp(s.p, expected, s.len) != 0)
        fail_msg("%s: %.*s, expected %s", sql, (int)s.len, (const char *)s.p, expected);
}

static void accepted(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *head, *column;
        uint64_t mode;
        uint32_t columns;
        bool timestamp, dated;
    } all[] = {
        {"ALTER TABLE t MODIFY c INT", "ALTER TABLE t ", "c", 0, 1, false, false},
        {"alter table `t` change `c` `c` int(11) unsigned not null default '0' comment 'c'",
         "alter table `t` ", "c", 0, 1, false, false},
        {"ALTER TABLE shop . `t` MODIFY COLUMN `change` VARCHAR(10) CHARACTER SET utf8 COLLATE "
         "utf8_bin NULL DEFAULT NULL",
         "ALTER TABLE shop . `t` ", "change", 0, 1, false, false},
        {"ALTER TABLE\n\tmodify CHANGE COLUMN modify modify DECIMAL(12,4) DEFAULT -1.5",
         "ALTER TABLE\n\tmodify ", "modify", 0, 1, false, false},
        {"ALTER TABLE t MODIFY a ENUM('a)', 'b,', 'it''s (') DEFAULT 'a)', CHANGE b b SET('x')",
         "ALTER TABLE t ", "b", 0, 2, false, false},
        {"ALTER TABLE t MODIFY a DATETIME(3) DEFAULT NOW(3) ON UPDATE CURRENT_TIMESTAMP(3)",
         "ALTER TABLE t ", "a", 0, 1, false, true},
        {"ALTER TABLE t MODIFY a timestamp, MODIFY b INT", "ALTER TABLE t ", "b", 0, 2, true, true},
        {"ALTER TABLE t MODIFY a year", "ALTER TABLE t ", "a", 0, 1, false, true},
        {"ALTER TABLE t MODIFY a DATE, MODIFY b TIME", "ALTER TABLE t ", "b", 0, 2, false, true},
        {"ALTER TABLE t MODIFY a DOUBLE PRECISION ZEROFILL DEFAULT +5", "ALTER TABLE t ", "a", 0, 1,
         false, false},
        {"ALTER TABLE \"t\" CHANGE \"a\"\"b\" \"a\"\"b\" INT", "ALTER TABLE \"t\" ", "a\"\"b", ANSI,
         1, false, false},
        {"ALTER TABLE t MODIFY a TEXT COMMENT \"it's\"", "ALTER TABLE t ", "a", 0, 1, false, false},
        {"ALTER TABLE t MODIFY a TEXT COMMENT 'c:\\'", "ALTER TABLE t ", "a", NOSLASH, 1, false,
         false},
        {"ALTER TABLE t MODIFY a TEXT COMMENT '-- # /* '", "ALTER TABLE t ", "a", 0, 1, false,
         false},
        {"ALTER TABLE t MODIFY 1a INT ", "ALTER TABLE t ", "1a", 0, 1, false, false},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct sql_redefinition r;
        struct slice sql = text(all[i].sql);
        if (!sql_redefines(sql, all[i].mode, &r))
            fail_msg("not taken: %s", all[i].sql);
        assert_slice(r.head, all[i].head, all[i].sql);
        assert_slice(r.column, all[i].column, all[i].sql);
        assert_int_equal(r.head.len + r.tail.len, sql.len);
        assert_ptr_equal(r.tail.p, sql.p + r.head.len);
        assert_int_equal(r.columns, all[i].columns);
        assert_int_equal(r.timestamp, all[i].timestamp);
        if (r.dated != all[i].dated)
            fail_msg("dated: %s", all[i].sql);
    }
}

static void rejected(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        uint64_t mode;
    } all[] = {
        /* another name, another place, another object */
        {"ALTER TABLE t CHANGE a b INT", 0},
        {"ALTER TABLE t CHANGE a A INT", 0},
        {"ALTER TABLE t CHANGE a `a` INT", 0},
        {"ALTER TABLE t MODIFY a INT FIRST", 0},
        {"ALTER TABLE t MODIFY a INT AFTER b", 0},
        {"ALTER TABLE t RENAME COLUMN a TO b", 0},
        {"ALTER TABLE t MODIFY a INT, RENAME u", 0},
        {"ALTER TABLE t MODIFY a INT, ADD b INT", 0},
        {"ALTER TABLE t MODIFY a INT, DROP b", 0},
        {"ALTER TABLE t MODIFY a INT, ORDER BY a", 0},
        {"ALTER TABLE t MODIFY a INT, ENGINE=MyISAM", 0},
        {"ALTER TABLE t MODIFY a INT, ALGORITHM=COPY", 0},
        {"ALTER TABLE t MODIFY a INT PARTITION BY HASH (a)", 0},
        {"ALTER TABLE t ALTER a SET DEFAULT 5", 0},
        {"ALTER TABLE t", 0},
        {"ALTER TABLE t MODIFY a INT,", 0},
        {"ALTER VIEW v AS SELECT 1", 0},
        {"CREATE TABLE t (a INT)", 0},
        /* keys, constraints, generated columns */
        {"ALTER TABLE t MODIFY a SERIAL", 0},
        {"ALTER TABLE t MODIFY a serial COMMENT 'c'", 0},
        {"ALTER TABLE t MODIFY a INT UNIQUE", 0},
        {"ALTER TABLE t MODIFY a INT KEY", 0},
        {"ALTER TABLE t MODIFY a INT PRIMARY KEY", 0},
        {"ALTER TABLE t MODIFY a INT AUTO_INCREMENT", 0},
        {"ALTER TABLE t MODIFY a BIGINT SERIAL DEFAULT VALUE", 0},
        {"ALTER TABLE t MODIFY a INT CHECK (a > 0)", 0},
        {"ALTER TABLE t MODIFY a INT REFERENCES u (id)", 0},
        {"ALTER TABLE t MODIFY a INT AS (b + 1)", 0},
        {"ALTER TABLE t MODIFY a INT GENERATED ALWAYS AS (b) STORED", 0},
        {"ALTER TABLE t MODIFY a INT WITHOUT SYSTEM VERSIONING", 0},
        {"ALTER TABLE t MODIFY a INT INVISIBLE", 0},
        {"ALTER TABLE t MODIFY a TEXT COMPRESSED", 0},
        /* defaults that are expressions, or that cannot be told */
        {"ALTER TABLE t MODIFY a INT DEFAULT (1)", 0},
        {"ALTER TABLE t MODIFY a INT DEFAULT 1 + 1", 0},
        {"ALTER TABLE t MODIFY a INT DEFAULT NEXTVAL(s)", 0},
        {"ALTER TABLE t MODIFY a DATETIME DEFAULT NOW() + INTERVAL 1 DAY", 0},
        {"ALTER TABLE t MODIFY a CHAR(36) DEFAULT UUID()", 0},
        {"ALTER TABLE t MODIFY a BIT DEFAULT b'1'", 0},
        {"ALTER TABLE t MODIFY a VARCHAR(9) DEFAULT 'a' 'b'", 0},
        {"ALTER TABLE t MODIFY a INT DEFAULT @a", 0},
        {"ALTER TABLE t MODIFY a ENUM((1))", 0},
        /* words that stand where a name could */
        {"ALTER TABLE IF EXISTS t MODIFY a INT", 0},
        {"ALTER TABLE t MODIFY IF EXISTS a INT", 0},
        {"ALTER TABLE t MODIFY IF EXISTS varying BINARY", 0},
        {"ALTER TABLE t CHANGE COLUMN IF EXISTS a a INT", 0},
        {"ALTER IGNORE TABLE t MODIFY a INT", 0},
        {"ALTER ONLINE TABLE t MODIFY a INT", 0},
        {"ALTER TABLE t WAIT 5 MODIFY a INT", 0},
        {"ALTER TABLE t NOWAIT MODIFY a INT", 0},
        {"SET STATEMENT sql_mode = '' FOR ALTER TABLE t MODIFY a INT", 0},
        /* comments, more statements, open quotes: joined they would swallow what follows */
        {"ALTER TABLE t MODIFY a INT -- x", 0},
        {"ALTER TABLE t MODIFY a INT # x", 0},
        {"ALTER TABLE t MODIFY a INT /* x */", 0},
        {"/* x */ ALTER TABLE t MODIFY a INT", 0},
        {"ALTER TABLE t /*!40000 MODIFY a INT */", 0},
        {"ALTER TABLE t MODIFY a INT;", 0},
        {"ALTER TABLE t MODIFY a INT; DROP TABLE t", 0},
        {"ALTER TABLE t MODIFY a INT COMMENT 'x", 0},
        {"ALTER TABLE t MODIFY `a INT", 0},
        {"ALTER TABLE t MODIFY a TEXT COMMENT 'c:\\'", 0},
        {"ALTER TABLE t MODIFY a TEXT COMMENT 'it\\'s'", NOSLASH},
        {"ALTER TABLE t MODIFY a TEXT COMMENT \"x\"", ANSI},
        {"ALTER TABLE t MODIFY \"a\" TEXT", 0},
        {"", 0},
    };
    struct sql_redefinition r;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (sql_redefines(text(all[i].sql), all[i].mode, &r))
            fail_msg("taken: %s", all[i].sql);
    static const char with_nul[] = "ALTER TABLE t MODIFY a INT\0";
    assert_false(
        sql_redefines((struct slice){(const uint8_t *)with_nul, sizeof with_nul - 1}, 0, &r));
}

static void expressions(void **state)
{
    (void)state;
    static const struct {
        const char *definition;
        bool has;
    } all[] = {
        {"CREATE TABLE `t` (\n `a` int(11) NOT NULL DEFAULT 5,\n `check` timestamp NOT NULL "
         "DEFAULT "
         "current_timestamp(3) ON UPDATE current_timestamp(3),\n `b` varchar(9) DEFAULT 'CHECK "
         "(1)' "
         "COMMENT 'GENERATED',\n KEY `default` (`a`)\n) COMMENT='DEFAULT (1)'",
         false},
        {"CREATE TABLE `t` (\n `a` bit(1) DEFAULT b'0', `d` decimal(5,1) DEFAULT -1.5\n) DEFAULT "
         "CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
         false},
        {"CREATE TABLE `t` (`g` int(11) GENERATED ALWAYS AS (`a` + 1) VIRTUAL)", true},
        {"CREATE TABLE `t` (`a` int(11) CHECK (`a` > 0))", true},
        {"CREATE TABLE `t` (`a` int(11), CONSTRAINT `c` CHECK (`a` > 0))", true},
        {"CREATE TABLE `t` (`a` varchar(9) DEFAULT concat(`b`,'x'))", true},
        {"CREATE TABLE `t` (`a` int(11) DEFAULT (1 + 1))", true},
        {"CREATE TABLE `t` (`a` int, KEY `k` ((lower(`a`))))", true},
        {"CREATE TABLE `t` (`a` int DEFAULT", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (sql_has_expressions(text(all[i].definition)) != all[i].has)
            fail_msg("%s", all[i].definition);
}

static void uncertain(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        bool by_order, by_chance;
    } all[] = {
        {"ALTER TABLE t ADD COLUMN id INT NOT NULL AUTO_INCREMENT PRIMARY KEY FIRST", true, false},
        {"alter table t add (id int auto_increment, key (id)), auto_increment = 7", true, false},
        {"ALTER TABLE t MODIFY id INT AUTO_INCREMENT", true, false},
        {"ALTER TABLE t CHANGE a id INT(10) AUTO_INCREMENT", true, false},
        {"ALTER TABLE t ADD id SERIAL", true, false},
        {"ALTER TABLE t MODIFY id BIGINT SERIAL DEFAULT VALUE", true, false},
        {"ALTER ONLINE IGNORE TABLE t ADD UNIQUE (a)", true, false},
        {"ALTER TABLE t AUTO_INCREMENT = 5", false, false},
        {"ALTER TABLE t AUTO_INCREMENT 5", false, false},
        {"ALTER TABLE t ADD serial INT, ADD auto_increment INT, DROP serial", false, false},
        {"ALTER TABLE t ADD a INT COMMENT 'AUTO_INCREMENT', ADD `AUTO_INCREMENT` INT", false,
         false},
        {"ALTER TABLE t ADD u CHAR(36) DEFAULT UUID()", false, true},
        {"ALTER TABLE t ADD u CHAR(36) DEFAULT (CONCAT('a', (uuid())))", false, true},
        {"ALTER TABLE t ADD u DOUBLE DEFAULT /*!50000 random_bytes(4) */", false, true},
        {"ALTER TABLE t ADD u INT DEFAULT (NEXT VALUE FOR s)", false, true},
        {"ALTER TABLE t ADD u INT DEFAULT (@@server_id)", false, true},
        {"ALTER TABLE t ADD u VARCHAR(99) DEFAULT CURRENT_USER", false, true},
        {"ALTER TABLE t ADD u DATETIME DEFAULT (SYSDATE())", false, true},
        {"ALTER TABLE t ADD u DATETIME(6) DEFAULT NOW(6) ON UPDATE NOW(6)", false, false},
        {"ALTER TABLE t ADD u DATE DEFAULT (CURRENT_DATE() + INTERVAL 1 DAY)", false, false},
        {"ALTER TABLE t ADD u CHAR(9) DEFAULT 'uuid()', ADD INDEX uuid (uuid)", false, false},
        {"ALTER TABLE t ADD u INT DEFAULT 5, ADD rand INT, ADD user INT", false, false},
        {"ALTER TABLE t ALTER u SET DEFAULT (UUID())", false, false},
        {"ALTER TABLE t ADD INDEX (a), DEFAULT CHARACTER SET utf8mb4", false, false},
        {"ALTER TABLE t ADD a INT DEFAULT (", false, false},
        {"ALTER", false, false},
        {"", false, false},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct sql_uncertain u = sql_alter_uncertain(text(all[i].sql), 0);
        if (u.by_order != all[i].by_order || u.by_chance != all[i].by_chance)
            fail_msg("%s: order %d chance %d", all[i].sql, u.by_order, u.by_chance);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted),
        cmocka_unit_test(rejected),
        cmocka_unit_test(expressions),
        cmocka_unit_test(uncertain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
