/* The destination's schema, as the applier needs it: columns by ordinal, keys, foreign keys both
 * ways.
 *
 * Read from information_schema, whole at start, table by table after DDL. Belongs to the applier's
 * thread. Pointers to tables stay valid until target_free: a table that is dropped or read again
 * keeps its struct, its `version` grows.
 */
#ifndef APPLIER_TARGET_H
#define APPLIER_TARGET_H

#include <mysql.h>
#include <stdbool.h>
#include <stdint.h>

#include "schema/arena.h"
#include "schema/db.h"
#include "schema/error.h"
#include "schema/message.h"

enum target_class {
    TARGET_INT, /* also BIT, YEAR, ENUM and SET: whole numbers in messages */
    TARGET_FLOAT,
    TARGET_DOUBLE,
    TARGET_DECIMAL,
    TARGET_TEMPORAL, /* DATE, TIME, DATETIME, TIMESTAMP: text */
    TARGET_TEXT,     /* CHAR, VARCHAR, TEXT in a character set */
    TARGET_BYTES,    /* BINARY, VARBINARY, BLOB, GEOMETRY, UUID, INET, VECTOR */
    TARGET_JSON,     /* MySQL's JSON type */
};

struct target_column {
    const char *name;
    const char *type_text; /* COLUMN_TYPE, for messages: "int(10) unsigned" */
    const char *charset;   /* "" for non-text */
    const char *collation; /* "" for non-text */
    enum target_class class;
    uint8_t type;        /* column type number as TABLE_MAP has it */
    uint8_t width;       /* TARGET_INT: bytes of the stored integer (1, 2, 3, 4, 8), 0 for
                            BIT/ENUM/SET/YEAR */
    uint8_t scale;       /* DECIMAL: digits behind the point */
    uint8_t precision;   /* DECIMAL: all digits; other numbers: as the server says */
    uint64_t characters; /* texts: as many fit; BINARY, BLOB: bytes */
    uint32_t pad_to;     /* BINARY(n), UUID, INET: full length in bytes, 0 for others */
    bool is_unsigned, nullable, generated, auto_increment, on_update, invisible;
    bool has_default;  /* a row that does not say it gets a value: also NULL, or a number */
    bool null_default; /* … and that is known */
    bool is_enum;
    uint32_t members;   /* of an ENUM */
    bool unsent;        /* no row that comes has a value of it: no key with it finds a row */
    bool in_unique;     /* part of the primary or of any unique key */
    bool in_fk;         /* part of a foreign key of this table */
    bool in_self_fk;    /* part of a foreign key to this table itself */
    bool in_referenced; /* part of a key that some foreign key refers to */
};

struct target_key {
    const char *name;
    uint32_t *columns; /* ordinals */
    uint32_t count;
    bool primary, unique, has_nullable, has_prefix;
    bool usable; /* in look-ups: an ordered index, neither ignored nor invisible */
};

enum fk_rule { FK_RESTRICT, FK_CASCADE, FK_SET_NULL };

struct target_table;
struct target_fk {
    const char *name;
    struct target_table *child, *parent; /* parent NULL: in another database, or not there */
    const char *parent_name, **parent_column_names;
    uint32_t *columns, *parent_columns; /* ordinals */
    uint32_t count;
    enum fk_rule on_delete, on_update;
    bool derived; /* not at the destination, see target_derive */
    bool linked; /* … and deletes when a row of the parent goes, or changes its key with on_update
                    FK_CASCADE; the others act when the stream says so */
    bool acts;   /* … or does all that it would, as the destination's own would (cascade.h) */
};

struct target_table {
    const char *name;
    const char *engine;
    bool exists, transactional, memory, sequence, versioned, view;
    bool unsettled; /* rows without a key were written, which a roll-back leaves where they are */
    uint32_t column_count;
    uint32_t hidden_count; /* columns behind them that only row events show: MariaDB keeps a unique
                              key on long values by a hash of them */
    struct target_column *columns;
    struct target_key *keys;
    uint32_t key_count;
    const struct target_key *row_key; /* see target_choose_key */
    struct target_fk *fks;            /* of this table to parents */
    uint32_t fk_count;
    struct target_fk **referrers; /* foreign keys that point here */
    uint32_t referrer_count;
    bool delete_fence; /* some referrer cascades or sets NULL on delete */
    bool update_fence; /* … when a referenced key changes */
    bool self_referencing;
    bool cascades_unknown;  /* its rows are left out, and so are others that go with them and take
                               along rows that are not */
    int32_t auto_increment; /* ordinal or -1 */
    struct target_table **
        reach; /* tables that its cascades can touch, transitively, and those that refer to these */
    uint32_t reach_count;
    bool reaches_itself;
    uint64_t version; /* grows each time it is read */
    uint32_t index;   /* dense number, for per-batch arrays */
    void *user;       /* the batch's state of this table */
    struct arena arena;
    struct target_table *next;
};

/* The key by which rows are found: the primary key, else the first unique key without NULLs and
 * without prefixes; before one with a column that is unsent any other. NULL: there is none. */
void target_choose_key(struct target_table *t);

struct target;
int target_new(struct target **out, MYSQL *db, const char *database, struct ds_error *err);
void target_free(struct target *t);
/* Read all tables again, and recompute fences. */
int target_load(struct target *t, MYSQL *db, struct ds_error *err);
/* A statement has changed, made or dropped this table, or any: what is known of it is wrong until
 * target_refresh, which reads it again. A series of statements costs one refresh. */
void target_touch(struct target *t, const char *name);
void target_touch_all(struct target *t);
int target_refresh(struct target *t, MYSQL *db, struct ds_error *err);
/* A foreign key of the source that the destination cannot have, since rows of the parent are left
 * out by the filter, or one by which rows of an entity belong together without the source having
 * it: it counts as if it were there, from the next target_load or target_refresh on.
 * Names are copied. DS_ENOMEM. */
struct derived_key {
    const char *name, *child, *parent;
    const char *const *columns, *const *parent_columns;
    uint32_t count;
    enum fk_rule on_delete, on_update;
    bool linked, acts; /* as in struct target_fk */
};
int target_derive(struct target *t, const struct derived_key *key);
/* What follows from several tables together is worked out anew. */
int target_relink(struct target *t, struct ds_error *err);
/* Forget all of them; target_relink must follow before anything looks at what refers to what. */
void target_derive_none(struct target *t);
struct target_table *target_find(const struct target *t, const char *name, size_t len);
/* Ordinal of a column by its name, -1: none. */
int target_column_ordinal(const struct target_table *x, const char *name);
/* Is a warning of the server, by its number and text, about the error value (index 0) of this
 * column, an ENUM? It cannot be written without one. */
bool target_warns_of_enum(const struct target_column *c, unsigned number, const char *text);
/* Is the column part of any key? */
bool target_is_indexed(const struct target_table *x, uint32_t column);
/* A unique key that begins with the column and that look-ups may use, NULL: none. */
const struct target_key *target_key_of(const struct target_table *x, uint32_t column);
uint32_t target_count(const struct target *t); /* highest index + 1 */
struct target_table *target_at(const struct target *t, uint32_t index);
/* Does the source's table fit ours in number and types of columns? DS_ESCHEMA with the difference
 * and the remedy. */
int target_match(const struct target_table *table, const struct msg_table *source,
                 struct ds_error *err);
/* "a, b": the triggers of a database's tables; empty: there are none that the account sees. */
int target_triggers(MYSQL *db, const char *database, struct buf *names, struct ds_error *err);

#endif
