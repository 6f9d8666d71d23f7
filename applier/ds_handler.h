/* Handlers: what a shop adds to the way in which changes reach the destination.
 *
 * This header is all that a handler in C includes. A handler is a shared object that exports one
 * function, `ds_handler_v1`, and is named in datasync.yaml under `handlers:`. The same model stands
 * behind the validation rules of the entity catalogue and behind Lua files (handler_lua.c).
 *
 * When. The applier writes a range of whole source transactions in one destination transaction (a
 * transaction that is larger than a batch comes in parts). For each range, inside that transaction:
 *
 *   batch_before        once, if the range changes an entity that the handler names
 *   validate            for each entity change: is it valid?
 *   before_apply        for each entity change
 *   replace             for each: may take over its write; its rows are then left to the handler
 *   (rows are written)
 *   after_apply         for each entity change
 *   batch_after         once
 *   (rows of tables that cannot roll back, MyISAM and MEMORY, are written; the range commits)
 *
 * All handlers see a change in one hook before the next change is shown. Entity changes come in
 * order of dependency (a customer before an order), within an entity by key. Rows that a mirror
 * copies (snapshot) do not pass handlers, nor does a dry run call them.
 *
 * What. An entity change is what the range comes to for one entity: each of its rows as it was
 * before the range and as it is to be after it. States in between are not seen; what is inserted
 * and deleted again is not there. An entity whose root takes another key is one change, by the key
 * that it had before the range, or if it is new by the one that it has after it. Rows that foreign
 * keys of the destination change by themselves are in no event, and so in no change. A table of no
 * entity is one change per range, its entity is "table"; so are, table by table, rows of an entity
 * whose key is not known. Their key is unknown.
 *
 * Imports. Where the destination has ids of its own (mode: import, and sync), a change is as the
 * source has it: its key, and the ids in its rows; target() tells those of the destination, of new
 * rows from after_apply on. Tables have the destination's names. Copied entities do pass handlers
 * there, with all of their rows as inserted ones, whether the destination has them or not; what is
 * only referred to does not. What replace() takes over is in no registry: other entities do not
 * find it. A hook that fails stops the import, or with sync --skip-invalid leaves the entity out.
 *
 * Promise. Handlers are called at least once for what is committed: a range that does not fit is
 * rolled back and done again in smaller ones, a connection breaks, the process is killed. What they
 * write by exec() is part of the destination transaction: it is rolled back with it, and is there
 * exactly once when the rows are. So a handler must be deterministic, must have no effects outside
 * the database, and must not depend on what it remembers from earlier calls. Nor may it write to
 * tables that cannot roll back (MyISAM, MEMORY, Aria, sequences), by itself or by stored functions:
 * that is not noticed, and what it writes there stays, and is written again.
 *
 * Errors. A hook that fails (DS_HANDLER_ERROR) makes a conflict of that entity: `on_conflict` stops
 * the stream, or sets the entity's changes of the range aside, with all later ones behind them.
 * DS_HANDLER_INVALID from validate goes as `on_invalid` says. Under `skip`, rows of other entities
 * that refer to a new entity that is dropped do not fit: that needs `on_conflict: quarantine`.
 * Deadlocks and lost connections in a handler's statements are none of its errors: the range is
 * tried again whatever the hook returns.
 *
 * Maps. Where tables are called something else at the destination (map:, datasync migrate) hooks do
 * not go; there a handler has other tasks, each of which names what it is for:
 *
 *   map_handlers        what becomes of a field's value, for <handler class="…"> of a map's rules
 *   steps               what becomes of a row of a document (a table) that a step of config.xml has
 *                       for its own: rows of further documents
 *
 * They are called as rows come, before they are planned and written, and cannot ask a database: the
 * same row must always give the same. Documents are without the shop's prefix. Values are as in
 * entity changes, but for FLOAT and DOUBLE, which are text, too.
 *
 * Memory and threads. All calls come from one thread, one after the other. Pointers that the
 * functions of struct ds_api give are valid until the hook returns; strings are NUL-terminated
 * where they have no length beside them. The handler owns `state`, and frees it in close().
 *
 * Versions. Structures begin with their size. Later versions add members at the end and keep what
 * is there; a handler that was built for an older header goes on to work. Look at `size` before
 * you use a member of struct ds_api that your header has and an older program may not.
 */
#ifndef DS_HANDLER_H
#define DS_HANDLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DS_HANDLER_ABI_VERSION 1

/* What a hook returns. */
enum ds_handler_result {
    DS_HANDLER_OK = 0,
    DS_HANDLER_INVALID = 1,  /* validate: not to be written; say why by api->reason */
    DS_HANDLER_REPLACED = 1, /* replace: this handler writes the change */
    DS_HANDLER_ERROR = -1,   /* say why by api->reason */
};

enum ds_kind {
    DS_NULL,
    DS_INT,    /* a signed integer */
    DS_UINT,   /* an unsigned one; also YEAR, BIT, the number of an ENUM, the bits of a SET */
    DS_DOUBLE, /* FLOAT, DOUBLE */
    DS_TEXT,   /* CHAR, TEXT: bytes in the column's character set. Also DECIMAL ("-12.3400"), dates
                  and times ("2026-05-31 22:00:00", TIMESTAMP in UTC), JSON */
    DS_BYTES,  /* BINARY, BLOB, GEOMETRY, UUID, INET */
};
struct ds_value {
    enum ds_kind kind;
    union {
        int64_t i;
        uint64_t u;
        double d;
    };
    const char *text; /* DS_TEXT, DS_BYTES: not NUL-terminated */
    size_t length;    /* … bytes of it */
};

enum ds_operation { DS_INSERT = 1, DS_UPDATE = 2, DS_DELETE = 3 };
enum ds_log_level { DS_LOG_ERROR, DS_LOG_WARN, DS_LOG_INFO, DS_LOG_DEBUG };

struct ds_call;   /* one call of a hook */
struct ds_change; /* an entity change */
struct ds_row;    /* a row of it */
struct ds_result; /* rows that a query gave */
struct ds_record; /* a row of a document */

/* What the applier does for handlers. One table for the life of the process. */
struct ds_api {
    size_t size;  /* of the structure, as the program has it */
    uint32_t abi; /* DS_HANDLER_ABI_VERSION of the program */

    /* --- the change: name of its entity, key (false: unknown), rows --- */
    const char *(*change_entity)(const struct ds_change *change);
    bool (*change_key)(const struct ds_change *change, struct ds_value *out);
    size_t (*change_rows)(const struct ds_change *change);
    const struct ds_row *(*change_row)(const struct ds_change *change, size_t i);

    /* --- a row: table (with the shop's prefix), its role in the entity's file ("root", "member"
     * …, "" none), what becomes of it from before the range to after it --- */
    const char *(*row_table)(const struct ds_row *row);
    const char *(*row_role)(const struct ds_row *row);
    enum ds_operation (*row_operation)(const struct ds_row *row);
    size_t (*row_columns)(const struct ds_row *row);
    const char *(*row_column)(const struct ds_row *row, size_t i); /* its name */
    int (*row_find)(const struct ds_row *row, const char *column); /* its number; -1: none */
    /* The value before and after. False: there is none (an inserted row has nothing before it, a
     * deleted one nothing after), or the source's binlog leaves the column out of the image. */
    bool (*row_before)(struct ds_call *call, const struct ds_row *row, size_t i,
                       struct ds_value *out);
    bool (*row_after)(struct ds_call *call, const struct ds_row *row, size_t i,
                      struct ds_value *out);

    /* --- the destination, inside the open transaction: one statement each, parameters as `?`.
     * SELECT, WITH, VALUES and SHOW; INSERT, UPDATE, DELETE and REPLACE. Statements that begin
     * otherwise, user locks and datasync's own tables are refused. query() takes those that give
     * rows, which INSERT … RETURNING and its kin do; others it refuses before they run. The
     * sql_mode is strict: a value that a column cannot take is an error. 0 or DS_HANDLER_ERROR;
     * `why` then says what happened. A failed statement has changed nothing, and the hook may go
     * on. --- */
    int (*query)(struct ds_call *call, const char *sql, const struct ds_value *params,
                 size_t param_count, struct ds_result **out);
    size_t (*result_rows)(const struct ds_result *result);
    size_t (*result_columns)(const struct ds_result *result);
    const char *(*result_column)(const struct ds_result *result, size_t column);
    struct ds_value (*result_value)(const struct ds_result *result, size_t row, size_t column);
    int (*exec)(struct ds_call *call, const char *sql, const struct ds_value *params,
                size_t param_count, uint64_t *affected); /* rows that it matched; may be NULL */
    const char *(*why)(const struct ds_call *call);

    /* --- this call --- */
    const char *(*position)(const struct ds_call *call); /* source position after the range, ""
                                     for changes that leave quarantine */
    uint64_t (*commit_time)(const struct ds_call *call); /* at the source, seconds, 0 unknown */
    /* The range is a part of a transaction that is larger than a batch: what the change has not got
     * may have come in an earlier part, or may come in a later one. */
    bool (*partial)(const struct ds_call *call);
    void *(*alloc)(struct ds_call *call, size_t size); /* zeroed; NULL: out of memory */
    /* Why the hook returns INVALID or ERROR. Gives DS_HANDLER_ERROR, so that it can be returned. */
    int (*reason)(struct ds_call *call, const char *format, ...)
        __attribute__((format(printf, 2, 3)));
    void (*log)(struct ds_call *call, enum ds_log_level level, const char *text);

    /* --- behind the first version: look at `size` --- */
    /* The id that a row has at the destination which the source knows by `id`: of the entity's
     * table, with the shop's prefix, NULL its root's. False: it is not there (yet), or its id is in
     * no registry. A mirror's ids are the same at both sides. */
    bool (*target)(struct ds_call *call, const char *entity, const char *table, struct ds_value id,
                   struct ds_value *out);

    /* --- maps --- */
    size_t (*record_fields)(const struct ds_record *record);
    const char *(*record_field)(const struct ds_record *record, size_t i); /* its name */
    int (*record_find)(const struct ds_record *record, const char *field); /* number; -1: none */
    struct ds_value (*record_value)(const struct ds_record *record, size_t i);
    /* From rows() of a step: a row of one of its documents at the destination. Fields that are not
     * given get their defaults; those of its key must be. 0, or DS_HANDLER_ERROR with a reason:
     * then rows() has failed, whatever it returns. */
    int (*emit)(struct ds_call *call, const char *document, const char *const *fields,
                const struct ds_value *values, size_t count);
};

/* What a handler of a map is called for. */
struct ds_field {
    const char *document, *name;
    /* Its row. opposite: the destination's at the source's side, as far as it is known, which is
     * little; the row itself at the destination's. */
    const struct ds_record *record, *opposite;
    const char *const *params; /* name and value, name and value …; NULL ends them */
};

/* <handler class="NAME">. One that datasync has, too, takes its place. */
struct ds_map_handler {
    const char *name; /* as in the map, without a backslash in front; NULL ends a list */
    /* *value: what it is, then what it becomes. Text must live until the next call. */
    int (*handle)(void *state, struct ds_call *call, const struct ds_map_handler *self,
                  const struct ds_field *field, struct ds_value *value);
};

/* A step of config.xml: its classes are those that stand in the PHP namespace NAME. */
struct ds_step {
    const char *name;  /* without a backslash in front; NULL ends a list */
    const char *map;   /* option of config.xml that names the file with the rules for its documents;
                          NULL: no rules */
    const char *group; /* of deltalog.xml; NULL: all its documents are followed */
    /* Documents that it has for its own, whatever map.xml says of them; NULL ends them. Rows of the
     * source's go where the rules lead them; those of the destination are only written by it. */
    const char *const *source, *const *destination;
    /* Which rows of other documents there are because of this one: by emit(). It is asked for a row
     * as it was and as it is now; what was there and is no more is deleted. */
    int (*rows)(void *state, struct ds_call *call, const struct ds_step *self, const char *document,
                const struct ds_record *record);
};

/* A handler. Hooks that are NULL are not called. */
struct ds_handler {
    size_t size;      /* sizeof(struct ds_handler) */
    uint32_t abi;     /* DS_HANDLER_ABI_VERSION */
    const char *name; /* for messages */
    const char *const
        *entities; /* names of the catalogue, "table", or "*" for all; NULL ends them */

    /* At start; `options`: what stands behind the path in datasync.yaml, "" nothing. 0, or
     * DS_HANDLER_ERROR with the reason in `why`. The database cannot be asked yet. */
    int (*open)(const struct ds_api *api, const char *options, void **state, char *why,
                size_t why_size);
    void (*close)(void *state); /* once, if open() has succeeded */

    int (*batch_before)(void *state, struct ds_call *call);
    int (*validate)(void *state, struct ds_call *call, const struct ds_change *change);
    int (*before_apply)(void *state, struct ds_call *call, const struct ds_change *change);
    /* DS_HANDLER_REPLACED: none of the change's rows is written; the handlers behind this one are
     * not asked. It runs before any row of the range is written: what has to come behind them is
     * written in after_apply. */
    int (*replace)(void *state, struct ds_call *call, const struct ds_change *change);
    int (*after_apply)(void *state, struct ds_call *call, const struct ds_change *change);
    int (*batch_after)(void *state, struct ds_call *call);

    /* --- behind the first version --- */
    const struct ds_map_handler *map_handlers; /* NULL: none */
    const struct ds_step *steps;               /* NULL: none */
};

/* The one symbol that a handler exports. */
#define DS_HANDLER_SYMBOL "ds_handler_v1"
const struct ds_handler *ds_handler_v1(void);

#ifdef __cplusplus
}
#endif

#endif
