/* Handlers, loaded, and the calls to them (ds_handler.h is the contract that they see).
 *
 *   handlers.c      which there are: validation, shared objects, Lua files
 *   handler_api.c   what they may ask of a change
 *   handler_sql.c   their statements
 *   handler_so.c    a shared object; handler_lua.c, handler_lua_map.c, handler_lua_box.c: a Lua
 * file map/map_own.c   what they do to rows under a map validate.c      the rules of the entity
 * catalogue, as a handler; validate_attribute.c: those about attributes; decimal.c: their numbers
 *   handled.c       a range of transactions that handlers take part in
 *   entity_change.c what they see
 *
 * One owner, the applier; its thread after handlers_new. `check` loads them on its own.
 */
#ifndef APPLIER_HANDLERS_H
#define APPLIER_HANDLERS_H

#include <mysql.h>

#include "applier/ds_handler.h"
#include "applier/entity_change.h"
#include "schema/catalogue.h"
#include "schema/config.h"
#include "schema/error.h"

struct applier;

struct handler {
    struct ds_handler h; /* a copy; what an older handler has not got is NULL */
    void *state;
    void *library;       /* of dlopen, NULL none */
    const char *path;    /* "" built in */
    const char *options; /* behind it in the configuration, "" none */
    const char **names;  /* of the catalogue, NULL ends them; NULL: all */
};

enum { HANDLER_STATEMENTS = 16 };
struct handler_statement {
    char *sql;
    MYSQL_STMT *stmt;
    uint64_t used;
};

enum { HANDLERS_KNOWN = 8 };
struct handlers_known { /* what came of asking for an entity */
    const char *name;   /* NULL: nothing yet */
    bool wanted;
    uint32_t rank;
};

struct handlers {
    const struct config *config;
    const struct catalogue *catalogue;
    struct handler *items;
    uint32_t count;
    struct handler_statement statements[HANDLER_STATEMENTS];
    uint64_t tick;
    struct handlers_known known[HANDLERS_KNOWN];
    uint32_t known_next;
    struct arena arena;
};

/* *out NULL: none are configured, and no rule is asked. Runs Lua files and open() of shared
 * objects. DS_EUSAGE names the file and what is wrong with it. */
int handlers_new(struct handlers **out, const struct config *config,
                 const struct catalogue *catalogue, struct ds_error *err);
void handlers_free(struct handlers *h);
/* The connection is another one: forget its statements. */
void handlers_detach(struct handlers *h);
/* Does any handler hook that entity, and does this one? */
bool handlers_want(struct handlers *h, const char *entity);
bool handler_wants(const struct handler *x, const char *entity);
/* Where its entity stands in the order of dependency. */
uint32_t handlers_rank(struct handlers *h, const char *entity);

/* The handler of that class (of a map's rule), or the step of that name; NULL: there is none. */
const struct ds_map_handler *handlers_map(const struct handlers *h, const char *class,
                                          const struct handler **whose);
const struct ds_step *handlers_step(const struct handlers *h, const char *name,
                                    const struct handler **whose);

struct map_split;
/* A hook that runs. */
struct ds_call {
    struct applier *a; /* NULL: there is no database (loading, tests) */
    const struct handler *handler;
    struct arena *arena;     /* until the hook returns */
    char position[700];      /* after the range */
    uint64_t commit_time;    /* … */
    bool partial;            /* of a transaction that is written in parts */
    struct map_split *split; /* of a step that is asked for rows */
    bool has_reason;
    char reason[800];
    struct ds_error statement; /* of the newest statement that has failed */
    struct ds_error broken;    /* the transaction cannot go on, whatever the hook does */
};

/* handler_api.c */
extern const struct ds_api handler_api;
/* No control characters, and UTF-8: a text of a handler as a message can hold it. */
void handler_clean_text(char *text);
/* A number becomes its text, in `room`; its kind stays. */
enum { HANDLER_NUMBER_ROOM = 32 };
void handler_number_text(struct ds_value *v, char room[HANDLER_NUMBER_ROOM]);

/* handler_sql.c: behind query, exec and what they give */
int handler_query(struct ds_call *call, const char *sql, const struct ds_value *params,
                  size_t param_count, struct ds_result **out);
int handler_exec(struct ds_call *call, const char *sql, const struct ds_value *params,
                 size_t param_count, uint64_t *affected);
size_t handler_result_rows(const struct ds_result *result);
size_t handler_result_columns(const struct ds_result *result);
const char *handler_result_column(const struct ds_result *result, size_t column);
struct ds_value handler_result_value(const struct ds_result *result, size_t row, size_t column);
/* May a handler run this? NULL, or what is wrong with it. */
const char *handler_statement_refused(const char *sql);

/* map_own.c, map_split.c: behind record_… and emit */
size_t handler_record_fields(const struct ds_record *record);
const char *handler_record_field(const struct ds_record *record, size_t i);
int handler_record_find(const struct ds_record *record, const char *field);
struct ds_value handler_record_value(const struct ds_record *record, size_t i);
int handler_emit(struct ds_call *call, const char *document, const char *const *fields,
                 const struct ds_value *values, size_t count);

/* Loaders: fill *out, whose names and options are the caller's. */
int handler_so_load(struct handler *out, const char *path, struct ds_error *err);
int handler_lua_load(struct handler *out, const char *path, const char *options,
                     const struct config *config, struct arena *arena, struct ds_error *err);
/* The rules of the catalogue. */
int validate_load(struct handler *out, const struct config *config,
                  const struct catalogue *catalogue, struct arena *arena, struct ds_error *err);

/* decimal.c: numbers as text, "-12.3400", compared exactly. False: not a number. */
bool decimal_compare(const char *x, size_t x_len, const char *y, size_t y_len, int *order);

/* handled.c: a range that handlers take part in */
struct handled;
/* They set this change's entity aside, or drop its changes (*drop), for *why. False: they do not.
 */
bool handled_failed(const struct handled *h, const struct change *c, bool *drop,
                    const struct ds_error **why);
/* The transactional rows of the range are written. */
int handled_after(struct handled *h, struct ds_error *err);

#endif
