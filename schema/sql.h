/* Statements of the binlog: what kind, which tables, other database name.
 *
 * A tokenizer of MySQL and MariaDB SQL, not a parser: it knows comments (also executable ones,
 * whose content counts), quoted identifiers and strings (with the statement's sql_mode:
 * ANSI_QUOTES, NO_BACKSLASH_ESCAPES), and the heads of statements as far as replication needs them.
 * Pure: text in, struct out. Works on any ASCII-compatible character set.
 */
#ifndef SCHEMA_SQL_H
#define SCHEMA_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "buf.h"
#include "error.h"

enum sql_kind {
    SQL_UNKNOWN, /* cannot be told: stop */
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_SAVEPOINT,
    SQL_ROLLBACK_TO,
    SQL_RELEASE_SAVEPOINT,
    SQL_XA_START,
    SQL_XA_END,
    SQL_XA_PREPARE,
    SQL_XA_COMMIT,
    SQL_XA_ROLLBACK,
    SQL_CREATE_TABLE,
    SQL_CREATE_TABLE_LIKE,
    SQL_ALTER_TABLE,
    SQL_DROP_TABLE,
    SQL_RENAME_TABLE,
    SQL_TRUNCATE,
    SQL_CREATE_INDEX,
    SQL_DROP_INDEX,
    SQL_CREATE_VIEW,
    SQL_ALTER_VIEW,
    SQL_DROP_VIEW,
    SQL_CREATE_TRIGGER,
    SQL_DROP_TRIGGER,
    SQL_CREATE_EVENT,
    SQL_ALTER_EVENT,
    SQL_DROP_EVENT,
    SQL_CREATE_ROUTINE,
    SQL_ALTER_ROUTINE,
    SQL_DROP_ROUTINE, /* procedure, function, package */
    SQL_CREATE_SEQUENCE,
    SQL_ALTER_SEQUENCE,
    SQL_DROP_SEQUENCE,
    SQL_CREATE_DATABASE,
    SQL_ALTER_DATABASE,
    SQL_DROP_DATABASE,
    SQL_TEMPORARY, /* CREATE/DROP/ALTER TEMPORARY …: nothing of ours */
    SQL_ACCOUNT,   /* GRANT, REVOKE, users, roles, SET PASSWORD: not mirrored */
    SQL_ADMIN, /* ANALYZE, OPTIMIZE, REPAIR, CHECK, FLUSH, INSTALL, tablespaces, servers … no table
                  content */
    SQL_SET,   /* SET … (SET DEFAULT ROLE …) nothing to do */
    SQL_DML, /* INSERT, UPDATE, DELETE, REPLACE, LOAD DATA, CALL, DO, SELECT: statement format: stop
              */
    SQL_DUMMY, /* "# Dum…" and empty statements that servers send in place of an event */
};

struct sql_name {
    struct slice database; /* unquoted; len 0: the default one */
    struct slice name;     /* unquoted; len 0: the database itself (CREATE/ALTER/DROP DATABASE) */
    struct slice text;     /* as written in the statement, with quotes and database */
};
struct sql_statement {
    enum sql_kind kind;
    const char *object; /* CREATE, ALTER, DROP: "TABLE", "PROCEDURE", "PACKAGE BODY" …, else NULL */
    bool if_exists, if_not_exists, or_replace;
    bool as_select;          /* CREATE TABLE … SELECT */
    bool exchange_partition; /* ALTER … EXCHANGE or CONVERT PARTITION: the other table is in names
                                too */
    bool alter_renames; /* ALTER TABLE … RENAME [TO], ALTER EVENT … RENAME TO: new name is last in
                           names */
    struct sql_name *names; /* objects that the statement itself names as targets: tables of DROP,
                               pairs old,new of RENAME,  table of CREATE/ALTER/INDEX/TRIGGER(the
                               trigger first, then its table), LIKE source second; target table of
                               simple INSERT, UPDATE, DELETE, REPLACE, LOAD DATA */
    size_t name_count;
    struct slice savepoint; /* SAVEPOINT, ROLLBACK TO, RELEASE SAVEPOINT: unquoted */
    struct slice xid;       /* XA …: text behind the verb, up to the options */
    bool one_phase;
    struct slice start_transaction; /* CREATE TABLE … START TRANSACTION, as MySQL 8.0.21+ logs
                                       CREATE … SELECT: these two words; not to be executed, rows
                                       and commit follow in the same group */
};
/* Slices point into `statement` or into `arena`. Never fails on content: what it cannot tell is
 * SQL_UNKNOWN. 0 or DS_ENOMEM. A statement in a character set whose second bytes may be a quote or
 * backslash (big5, cp932, gbk, gb18030, sjis) must be converted by the caller before. */
int sql_classify(struct slice statement, uint64_t sql_mode, struct arena *arena,
                 struct sql_statement *out);
/* The statement with database `from` replaced by `to` wherever it qualifies a name (from.x,
 * `from`.`x`, from.x.y), or is the subject of CREATE/ALTER/DROP DATABASE. Strings, comments, user
 * names and hosts stay. In an expression `from.x` may also be a column of a table or alias that
 * is called `from`: it is taken for that when the statement has a bare or qualified identifier
 * `from` (`SELECT shop.id FROM orders shop`, `… FROM shop.shop`), and for the database otherwise.
 * Ambiguous, and taken for the alias: a column list in an expression of a statement that names a
 * column `from` and the database `from` in two-part form. Case counts. 0 or DS_ENOMEM. */
int sql_rename_database(struct slice statement, uint64_t sql_mode, const char *from, const char *to,
                        struct buf *out);
/* The same statement with the text of st->names[i] replaced by replacements[i], quoted (name.len 0:
 * kept as it is; database.len 0: unqualified). `st` must be what sql_classify said of exactly these
 * bytes. 0 or DS_ENOMEM. */
int sql_replace_names(struct slice statement, const struct sql_statement *st,
                      const struct sql_name *replacements, struct buf *out);
/* The same statement with `from` replaced by `to` at the beginning of its target tables' names and
 * of those behind REFERENCES; other names stay. `st` as for sql_replace_names. 0 or DS_ENOMEM. */
int sql_replace_prefix(struct slice statement, uint64_t sql_mode, const struct sql_statement *st,
                       const char *from, const char *to, struct buf *out);
/* ALTER TABLE … {CHANGE | MODIFY} [COLUMN] c [c] definition [, …], and nothing else: no other name,
 * no other place, no key (SERIAL is one), no constraint, no generated column, no comment in the
 * text. Such a statement run twice leaves what it leaves run once, and several of one table, each
 * about another column, leave what one statement with all their items leaves, unless the table has
 * expressions (sql_has_expressions), or one of them is `timestamp`, or some are `dated` and were
 * not of the same second. */
struct sql_redefinition {
    struct slice head, tail; /* up to CHANGE or MODIFY; from there to the end */
    uint32_t columns;        /* items */
    struct slice column;     /* of the last one, without quotes */
    bool timestamp; /* some item is of type TIMESTAMP: what it does with NULL depends on the time,
                       and what its default is on its place among others */
    bool dated;     /* some item is of a type that completes a TIME with the statement's day */
};
bool sql_redefines(struct slice statement, uint64_t sql_mode, struct sql_redefinition *out);
/* Does a table's definition (SHOW CREATE TABLE, without ANSI_QUOTES) hold expressions: generated
 * columns, CHECK, DEFAULT (…), keys on expressions? A server writes their text anew at each ALTER
 * TABLE, with conversions that the columns' types ask for at that moment. */
bool sql_has_expressions(struct slice definition);
/* Each column behind REFERENCES, with its table's name without database. 0 or DS_ENOMEM. */
int sql_references(struct slice statement, uint64_t sql_mode,
                   void (*found)(void *arg, struct slice table, struct slice column), void *arg);
/* Each pair of RENAME COLUMN and CHANGE [COLUMN]. 0 or DS_ENOMEM. */
int sql_renamed_columns(struct slice statement, uint64_t sql_mode,
                        void (*found)(void *arg, struct slice old, struct slice new), void *arg);
/* What an ALTER TABLE does to rows that are there, and other servers may do otherwise. */
struct sql_uncertain {
    bool by_order; /* it numbers rows, or picks some of equal ones, in the order of their storage */
    bool by_chance; /* a new column's default comes from chance, the server, the session, the clock
                       (the statement's own time does not count), or a sequence */
};
struct sql_uncertain sql_alter_uncertain(struct slice statement, uint64_t sql_mode);
/* Does the statement name any object of `database`, given its default database? True, too, when
 * that cannot be told (SQL_UNKNOWN, CALL, SELECT …), and when the names differ by case only (a
 * source with lower_case_table_names may write any). False for statements about transactions,
 * accounts and the server. */
bool sql_concerns(const struct sql_statement *st, struct slice default_database,
                  const char *database);
/* "ALTER TABLE" … for messages. */
const char *sql_kind_name(enum sql_kind kind);

#endif
