/* Handlers of map rules: what a value becomes on its way.
 *
 * A rule names a class of the Magento Data Migration Tool; what it did is done here. A handler is
 * opened once for its rule, which checks its parameters, and is then called for each record. It
 * sees values as text, as PHP saw them: numbers and dates as the server prints them, NULL as NULL.
 * On the source's side it changes a record of the source before it is copied; on the destination's
 * side one of the destination, after it.
 *
 * What it needs to know beside the record it asks `facts`, whose functions may ask a server.
 *
 * One owner, the thread that writes. What a call makes lives in its arena.
 */
#ifndef APPLIER_MAP_MAP_HANDLER_H
#define APPLIER_MAP_MAP_HANDLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/arena.h"
#include "schema/buf.h"
#include "schema/error.h"
#include "schema/map.h"

enum map_field_kind {
    MAP_FIELD_NUMBER, /* whole */
    MAP_FIELD_DECIMAL,
    MAP_FIELD_TEXT,
    MAP_FIELD_BYTES,
    MAP_FIELD_DATE,
    MAP_FIELD_DATETIME, /* also TIMESTAMP, in UTC */
    MAP_FIELD_OTHER,
};

struct target_column;
struct map_field {
    const char *name;
    enum map_field_kind kind;
    const struct target_column *column; /* of the destination; NULL: of the source, or not known */
};

struct map_table {
    const char *name; /* without prefix */
    const struct map_field *fields;
    size_t count;
    const uint32_t *keys; /* fields of its primary key, by which warnings name a record … */
    uint32_t key_count;   /* … 0: not known */
};

struct map_value {
    bool set; /* false: nothing was said, the column's default; then NULL for who asks */
    bool null;
    struct slice text;
};

struct map_record {
    const struct map_table *table;
    struct map_value *values; /* by field */
};

/* An attribute, as eav_attribute has it. */
struct map_attribute {
    const char *entity_type, *code, *frontend_input, *backend_type;
};

/* Rows for another table at the destination, which are there because of the record: those that it
 * had before and has no more go. */
struct map_output {
    const char *table; /* without prefix */
    const char *const *fields;
    size_t field_count;
    const struct map_value *values; /* row by row */
    size_t row_count;
};

/* SELECT value FROM table WHERE key = …; names without prefix. */
struct map_lookup {
    const char *table, *value, *key;
};

struct class_map;
struct handlers;
/* What is known beside the records. A function that is NULL: nothing is known. Each returns 0 with
 * *found, or an error. */
struct map_facts {
    void *arg;
    /* By attribute_id, at the source. */
    int (*attribute)(void *arg, struct slice id, struct map_attribute *out, bool *found,
                     struct ds_error *err);
    /* The first value of a setting in core_config_data, at the source. */
    int (*setting)(void *arg, const char *path, struct map_value *out, struct arena *arena,
                   bool *found, struct ds_error *err);
    /* SELECT value FROM table WHERE key = id LIMIT 1, at the source; names without prefix. */
    int (*lookup)(void *arg, const char *table, const char *value, const char *key, struct slice id,
                  struct map_value *out, struct arena *arena, bool *found, struct ds_error *err);
    /* Rows of this document are looked up: saw is to be called with each that comes in a copy or in
     * the stream, before it is mapped; of one that goes, as it was. NULL: nobody does. */
    bool (*watches)(void *arg, const char *document);
    int (*saw)(void *arg, const struct map_record *row, struct ds_error *err);
    /* What a table of the source, by its whole name, is called at the destination, with prefix. Not
     * found: there is none of that name, or it is left out. */
    int (*document)(void *arg, struct slice name, struct slice *out, struct arena *arena,
                    bool *found, struct ds_error *err);
    /* Has a table of the destination, named without prefix, such a column? */
    int (*has_field)(void *arg, const char *table, const char *field, bool *found,
                     struct ds_error *err);
    int64_t now;                     /* seconds since 1970 */
    const struct class_map *classes; /* NULL: none */
    const struct handlers *own;      /* of the user (map_own.h); NULL: none */
    /* The source's keys and the destination's, each as its shop has it; NULL: not given. */
    const char *source_key, *destination_key;
    /* A value could not be read and was left out, or left as it is: told, once for each table and
     * field, and counted. */
    void (*warn)(void *arg, const struct map_rule *rule, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
};

struct map_call {
    struct map_record *record; /* the one that is changed */
    size_t field;              /* of it */
    /* The destination's at the source's side, as far as it is known; the same record at the
     * destination's. NULL: there is none. */
    struct map_record *opposite;
    const struct map_facts *facts;
    struct arena *arena;
    /* Takes rows of other tables; what it is given lives until it returns. NULL: handlers that need
     * it fail. */
    int (*emit)(void *arg, const struct map_output *output, struct ds_error *err);
    void *emit_arg;
};

struct map_handler;

/* DS_EUSAGE names file and line of the rule: the class is not known (and how to supply it), a
 * parameter is missing, not known, or makes no sense, or the table lacks a column that is needed.
 * `table`: of the rule's side. Rule and table must outlive the handler. */
int map_handler_open(struct map_handler **out, const struct map_rule *rule,
                     const struct map_table *table, struct ds_error *err);
void map_handler_close(struct map_handler *h);
/* What a handler of this rule looks up at the source, row by row; false: nothing. Lives as long as
 * the rule. */
bool map_handler_looks_up(const struct map_rule *rule, struct map_lookup *out);
/* The document of the destination that a handler of this rule writes rows to beside its own; NULL:
 * none. Lives as long as the rule. */
const char *map_handler_writes(const struct map_rule *rule);
/* The first rule behind `last` (NULL: of all) whose handler writes rows to that document; NULL: no
 * more. */
const struct map_rule *map_handler_writing(const struct map *m, const char *document,
                                           const struct map_rule *last);
/* Is its class one of ours? map_handler_unknown: the error that it is not. */
bool map_handler_is_known(const struct map_rule *rule);
int map_handler_unknown(const struct map_rule *rule, struct ds_error *err);
/* Of a record of that table. DS_ECONFLICT: the value cannot be handled; names table and field.
 * DS_EUSAGE: a key is missing, or no key. */
int map_handler_call(const struct map_handler *h, struct map_call *call, struct ds_error *err);
/* Classes of that tool that are known, without the Migration\Handler\ before them; NULL: no more.
 */
const char *map_handler_class(size_t i);

#endif
