/* A handler that is a Lua file.
 *
 * The file is run once, at start, and returns a table: `entities` (a list of names), and functions
 * with the names of the hooks in ds_handler.h. They get the entity change as a table:
 *
 *   change.entity, change.key                          key nil: unknown
 *   change.rows[i].table, .role, .operation            "insert", "update", "delete"
 *   change.rows[i].before.COLUMN, .after.COLUMN        before nil: it was not there …
 *
 * NULL, and what is not in the image, is nil. Integers are integers (an unsigned one beyond 2^63 is
 * its digits as a string), DECIMAL, dates and times are strings, FLOAT and DOUBLE floats, all else
 * is bytes. validate gives nothing or true, else false and a reason, or the reason alone; replace
 * gives true if it has taken over. Beside the library there are `options`, log.error, .warn, .info
 * and .debug, db.query(sql, …), a list of rows by column name, db.exec(sql, …), how many rows it
 * matched, db.target(entity, id, table), the destination's id or nil, table may be left out,
 * db.position(), db.commit_time() and db.partial(). What fails raises an error.
 *
 * `map_handlers` and `steps`: handler_lua_map.c.
 *
 * Each file has a state of its own. Everything that can raise runs in protected mode.
 */
#include <stdio.h>
#include <string.h>

#include "applier/handler_lua.h"
#include "schema/log.h"

static const char *const hook_names[LUA_HOOKS] = {"batch_before", "validate",    "before_apply",
                                                  "replace",      "after_apply", "batch_after"};
enum { BATCH_BEFORE, VALIDATE, BEFORE_APPLY, REPLACE, AFTER_APPLY, BATCH_AFTER };

static const struct ds_api *const api = &handler_api;

/* --- values ------------------------------------------------------------------------ */

void lua_push_value(lua_State *L, const struct ds_value *v)
{
    char digits[24];
    switch (v->kind) {
    case DS_NULL:
        lua_pushnil(L);
        return;
    case DS_INT:
        lua_pushinteger(L, (lua_Integer)v->i);
        return;
    case DS_UINT:
        if (v->u <= (uint64_t)LUA_MAXINTEGER) {
            lua_pushinteger(L, (lua_Integer)v->u);
            return;
        }
        snprintf(digits, sizeof digits, "%lu", v->u);
        lua_pushstring(L, digits);
        return;
    case DS_DOUBLE:
        lua_pushnumber(L, v->d);
        return;
    case DS_TEXT:
    case DS_BYTES:
        lua_pushlstring(L, v->length ? v->text : "", v->length);
        return;
    }
}

struct ds_value lua_argument(lua_State *L, int i)
{
    struct ds_value v = {.kind = DS_NULL};
    switch (lua_type(L, i)) {
    case LUA_TNIL:
        return v;
    case LUA_TBOOLEAN:
        return (struct ds_value){.kind = DS_INT, .i = lua_toboolean(L, i)};
    case LUA_TNUMBER:
        if (lua_isinteger(L, i))
            return (struct ds_value){.kind = DS_INT, .i = lua_tointeger(L, i)};
        return (struct ds_value){.kind = DS_DOUBLE, .d = lua_tonumber(L, i)};
    case LUA_TSTRING:
        v.kind = DS_TEXT;
        v.text = lua_tolstring(L, i, &v.length);
        return v;
    default:
        luaL_argerror(L, i, "nil, boolean, number or string expected");
        return v;
    }
}

/* --- what scripts call ------------------------------------------------------------- */

static struct lua_handler *self(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}

static struct ds_call *running(lua_State *L)
{
    struct ds_call *call = self(L)->call;
    if (!call)
        luaL_error(L, "there is no database here: only in hooks");
    return call;
}

static const char *statement(lua_State *L, struct ds_call *call, struct ds_value **params,
                             size_t *count)
{
    size_t len;
    const char *sql = luaL_checklstring(L, 1, &len);
    luaL_argcheck(L, strlen(sql) == len, 1, "it holds a NUL byte");
    *count = (size_t)lua_gettop(L) - 1;
    *params = api->alloc(call, *count * sizeof **params);
    if (!*params) {
        luaL_error(L, "not enough memory"); /* does not come back */
        return NULL;
    }
    for (size_t i = 0; i < *count; i++)
        (*params)[i] = lua_argument(L, (int)i + 2);
    return sql;
}

static int db_query(lua_State *L)
{
    struct ds_call *call = running(L);
    struct ds_value *params;
    struct ds_result *result;
    size_t count;
    const char *sql = statement(L, call, &params, &count);
    if (api->query(call, sql, params, count, &result))
        return luaL_error(L, "%s", api->why(call));
    size_t rows = api->result_rows(result), columns = api->result_columns(result);
    lua_createtable(L, (int)rows, 0);
    for (size_t r = 0; r < rows; r++) {
        lua_createtable(L, 0, (int)columns);
        for (size_t c = 0; c < columns; c++) {
            struct ds_value v = api->result_value(result, r, c);
            lua_push_value(L, &v);
            lua_setfield(L, -2, api->result_column(result, c));
        }
        lua_rawseti(L, -2, (lua_Integer)r + 1);
    }
    return 1;
}

static int db_run(lua_State *L)
{
    struct ds_call *call = running(L);
    struct ds_value *params;
    uint64_t affected = 0;
    size_t count;
    const char *sql = statement(L, call, &params, &count);
    if (api->exec(call, sql, params, count, &affected))
        return luaL_error(L, "%s", api->why(call));
    lua_pushinteger(L, (lua_Integer)affected);
    return 1;
}

static int db_target(lua_State *L)
{
    struct ds_call *call = running(L);
    struct ds_value id = lua_argument(L, 2), target;
    const char *table = luaL_optstring(L, 3, NULL);
    if (api->target(call, luaL_checkstring(L, 1), table, id, &target))
        lua_push_value(L, &target);
    else if (call->broken.code)
        return luaL_error(L, "%s", call->broken.message);
    else
        lua_pushnil(L);
    return 1;
}

static int db_position(lua_State *L)
{
    lua_pushstring(L, api->position(running(L)));
    return 1;
}

static int db_commit_time(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)api->commit_time(running(L)));
    return 1;
}

static int db_partial(lua_State *L)
{
    lua_pushboolean(L, api->partial(running(L)));
    return 1;
}

/* All arguments, as print has them. */
static int log_arguments(lua_State *L, enum ds_log_level level)
{
    struct ds_call none = {.handler = NULL};
    struct ds_call *call = self(L)->call ? self(L)->call : &none;
    luaL_Buffer text;
    int count = lua_gettop(L);
    luaL_buffinit(L, &text);
    for (int i = 1; i <= count; i++) {
        if (i > 1)
            luaL_addchar(&text, ' ');
        luaL_tolstring(L, i, NULL);
        luaL_addvalue(&text);
    }
    luaL_pushresult(&text);
    api->log(call, level, lua_tostring(L, -1));
    return 0;
}

static int log_error_level(lua_State *L)
{
    return log_arguments(L, DS_LOG_ERROR);
}

static int log_warn_level(lua_State *L)
{
    return log_arguments(L, DS_LOG_WARN);
}

static int log_info_level(lua_State *L)
{
    return log_arguments(L, DS_LOG_INFO);
}

static int log_debug_level(lua_State *L)
{
    return log_arguments(L, DS_LOG_DEBUG);
}

static void set_functions(lua_State *L, struct lua_handler *h)
{
    static const luaL_Reg db[] = {{"query", db_query},
                                  {"exec", db_run},
                                  {"position", db_position},
                                  {"commit_time", db_commit_time},
                                  {"partial", db_partial},
                                  {"target", db_target},
                                  {NULL, NULL}};
    static const luaL_Reg log[] = {{"error", log_error_level},
                                   {"warn", log_warn_level},
                                   {"info", log_info_level},
                                   {"debug", log_debug_level},
                                   {NULL, NULL}};
    lua_newtable(L);
    lua_pushlightuserdata(L, h);
    luaL_setfuncs(L, db, 1);
    lua_setglobal(L, "db");
    lua_newtable(L);
    lua_pushlightuserdata(L, h);
    luaL_setfuncs(L, log, 1);
    lua_setglobal(L, "log");
    lua_pushlightuserdata(L, h);
    lua_pushcclosure(L, log_info_level, 1);
    lua_setglobal(L, "print");
    lua_pushstring(L, h->options);
    lua_setglobal(L, "options");
}

/* --- protected mode ----------------------------------------------------------------- */

/* Only C from here on: it runs where instructions are not counted. */
static int on_error(lua_State *L)
{
    void *box;
    lua_getallocf(L, &box);
    struct lua_handler *h = box; /* the box is its first member */
    const char *message = lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : NULL;
    *h->traceback = 0;
    if (!message)
        message = lua_pushfstring(L, "an error that is no text, but a %s", luaL_typename(L, 1));
    if (log_enabled(LOG_LEVEL_DEBUG) && !h->box.exceeded) {
        luaL_traceback(L, L, NULL, 1);
        snprintf(h->traceback, sizeof h->traceback, "%s", lua_tostring(L, -1));
        handler_clean_text(h->traceback);
        lua_pop(L, 1);
    }
    lua_pushstring(L, message);
    return 1;
}

/* Of a long path Lua shows the end alone, behind three points. */
static void tell(const struct lua_handler *h, const char *message, char *why, size_t size)
{
    static const char points[] = "...";
    const size_t shown = LUA_IDSIZE - sizeof points, dots = sizeof points - 1,
                 len = strlen(h->path);
    bool cut = len > shown && strncmp(message, points, dots) == 0 &&
               strncmp(message + dots, h->path + len - shown, shown) == 0;
    snprintf(why, size, "%s%s", cut ? h->path : "", message + (cut ? dots + shown : 0));
}

int lua_protect(struct lua_handler *h, lua_CFunction body, void *arg, char *why, size_t size)
{
    lua_State *L = h->box.state;
    lua_settop(L, 0);
    lua_pushcfunction(L, on_error);
    lua_pushcfunction(L, body);
    lua_pushlightuserdata(L, arg);
    *h->traceback = 0;
    lua_box_start(&h->box);
    int status = lua_pcall(L, 1, 0, 1);
    lua_box_stop(&h->box);
    const char *message = status && lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    if (status && h->box.exceeded)
        snprintf(why, size, "%s: it takes more than lua.instructions allows", h->path);
    else if (status == LUA_ERRMEM)
        snprintf(why, size, "%s: it takes more than lua.memory allows", h->path);
    else if (status)
        tell(h, message ? message : "an error without a message", why, size);
    if (status)
        handler_clean_text(why);
    if (*h->traceback)
        log_debug("handler=%s %s", h->path, h->traceback);
    lua_settop(L, 0);
    return status ? DS_HANDLER_ERROR : 0;
}

/* --- hooks ------------------------------------------------------------------------- */

struct hook_call {
    struct lua_handler *h;
    struct ds_call *call;
    const struct ds_change *change; /* NULL: of a batch */
    int hook, result;
};

typedef bool value_getter(struct ds_call *call, const struct ds_row *row, size_t i,
                          struct ds_value *out);

static void push_image(lua_State *L, struct ds_call *call, const struct ds_row *row,
                       value_getter *get)
{
    struct ds_value v;
    size_t columns = api->row_columns(row);
    lua_createtable(L, 0, (int)columns);
    for (size_t i = 0; i < columns; i++) {
        if (!get(call, row, i, &v))
            continue;
        lua_push_value(L, &v);
        lua_setfield(L, -2, api->row_column(row, i));
    }
}

static void push_row(lua_State *L, struct ds_call *call, const struct ds_row *row)
{
    static const char *const names[] = {
        [DS_INSERT] = "insert", [DS_UPDATE] = "update", [DS_DELETE] = "delete"};
    enum ds_operation operation = api->row_operation(row);
    lua_createtable(L, 0, 5);
    lua_pushstring(L, api->row_table(row));
    lua_setfield(L, -2, "table");
    lua_pushstring(L, api->row_role(row));
    lua_setfield(L, -2, "role");
    lua_pushstring(L, names[operation]);
    lua_setfield(L, -2, "operation");
    if (operation != DS_INSERT) {
        push_image(L, call, row, api->row_before);
        lua_setfield(L, -2, "before");
    }
    if (operation != DS_DELETE) {
        push_image(L, call, row, api->row_after);
        lua_setfield(L, -2, "after");
    }
}

static void push_change(lua_State *L, struct ds_call *call, const struct ds_change *change)
{
    struct ds_value key;
    size_t rows = api->change_rows(change);
    lua_createtable(L, 0, 3);
    lua_pushstring(L, api->change_entity(change));
    lua_setfield(L, -2, "entity");
    if (api->change_key(change, &key)) {
        lua_push_value(L, &key);
        lua_setfield(L, -2, "key");
    }
    lua_createtable(L, (int)rows, 0);
    for (size_t i = 0; i < rows; i++) {
        push_row(L, call, api->change_row(change, i));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "rows");
}

/* What validate gives stands in the two topmost places. */
static int verdict(lua_State *L, struct ds_call *call)
{
    int type = lua_type(L, -2);
    if (type == LUA_TNIL || (type == LUA_TBOOLEAN && lua_toboolean(L, -2)))
        return DS_HANDLER_OK;
    if (type != LUA_TSTRING && type != LUA_TBOOLEAN)
        return luaL_error(L, "validate gives a %s: true, or false and a reason",
                          luaL_typename(L, -2));
    int at = type == LUA_TSTRING ? -2 : -1;
    if (lua_type(L, at) == LUA_TSTRING)
        api->reason(call, "%s", lua_tostring(L, at));
    return DS_HANDLER_INVALID;
}

static int run_hook(lua_State *L)
{
    struct hook_call *c = lua_touserdata(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->h->hooks[c->hook]);
    if (c->change)
        push_change(L, c->call, c->change);
    lua_call(L, c->change ? 1 : 0, 2);
    if (c->hook == VALIDATE)
        c->result = verdict(L, c->call);
    else if (c->hook == REPLACE && lua_toboolean(L, -2))
        c->result = DS_HANDLER_REPLACED;
    return 0;
}

static int call_hook(void *state, struct ds_call *call, const struct ds_change *change, int hook)
{
    struct lua_handler *h = state;
    struct hook_call c = {.h = h, .call = call, .change = change, .hook = hook};
    char why[800];
    h->call = call;
    int rc = lua_protect(h, run_hook, &c, why, sizeof why);
    h->call = NULL;
    return rc ? api->reason(call, "%s", why) : c.result;
}

static int batch_before(void *state, struct ds_call *call)
{
    return call_hook(state, call, NULL, BATCH_BEFORE);
}

static int validate(void *state, struct ds_call *call, const struct ds_change *change)
{
    return call_hook(state, call, change, VALIDATE);
}

static int before_apply(void *state, struct ds_call *call, const struct ds_change *change)
{
    return call_hook(state, call, change, BEFORE_APPLY);
}

static int replace(void *state, struct ds_call *call, const struct ds_change *change)
{
    return call_hook(state, call, change, REPLACE);
}

static int after_apply(void *state, struct ds_call *call, const struct ds_change *change)
{
    return call_hook(state, call, change, AFTER_APPLY);
}

static int batch_after(void *state, struct ds_call *call)
{
    return call_hook(state, call, NULL, BATCH_AFTER);
}

/* --- loading ----------------------------------------------------------------------- */

/* Misspelt names would be hooks that are never called. */
static void check_names(lua_State *L)
{
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        bool known = false;
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "(no name)";
        for (int i = 0; i < LUA_HOOKS; i++)
            known |= strcmp(name, hook_names[i]) == 0;
        if (known && !lua_isfunction(L, -1))
            luaL_error(L, "%s is no function", name);
        if (!known && strcmp(name, "entities") != 0 && strcmp(name, "map_handlers") != 0 &&
            strcmp(name, "steps") != 0)
            luaL_error(L,
                       "the table that it returns has '%s', which is neither `entities`, "
                       "`map_handlers` or `steps` nor a hook",
                       name);
    }
}

static void read_entities(lua_State *L, struct lua_handler *h)
{
    int type = lua_getfield(L, -1, "entities");
    if (type == LUA_TNIL && (h->map_handlers || h->steps)) {
        lua_pop(L, 1);
        return;
    }
    if (type != LUA_TTABLE)
        luaL_error(L, "the table that it returns has no list `entities`");
    size_t count = lua_rawlen(L, -1);
    h->entities = arena_zalloc(h->arena, (count + 1) * sizeof *h->entities);
    for (size_t i = 0; i < count; i++) {
        if (lua_rawgeti(L, -1, (lua_Integer)i + 1) != LUA_TSTRING)
            luaL_error(L, "`entities` is a list of names");
        if (!h->entities || !(h->entities[i] = arena_strdup(h->arena, lua_tostring(L, -1))))
            luaL_error(L, "not enough memory");
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static int run_file(lua_State *L)
{
    struct lua_handler *h = lua_touserdata(L, 1);
    lua_box_open(L, h->allow);
    set_functions(L, h);
    if (luaL_loadfilex(L, h->path, "t") != LUA_OK)
        return lua_error(L);
    lua_call(L, 0, 1);
    if (!lua_istable(L, -1))
        return luaL_error(L, "it returns a %s, not the table of a handler", luaL_typename(L, -1));
    check_names(L);
    lua_read_map(L, h);
    read_entities(L, h);
    for (int i = 0; i < LUA_HOOKS; i++) {
        if (lua_getfield(L, -1, hook_names[i]) == LUA_TFUNCTION)
            h->hooks[i] = luaL_ref(L, LUA_REGISTRYINDEX);
        else
            lua_pop(L, 1);
    }
    return 0;
}

static void close_handler(void *state)
{
    struct lua_handler *h = state;
    lua_box_free(&h->box);
}

static int check_allow(const struct config *config, struct ds_error *err)
{
    char where[700];
    for (size_t i = 0; i < config->lua_allow.count; i++) {
        const char *name = config->lua_allow.items[i];
        if (strcmp(name, "io") != 0 && strcmp(name, "os") != 0)
            return error_set(err, DS_EUSAGE, "%s: lua.allow: there is no '%s' to allow: io, os",
                             config_where(config, "lua.allow", where, sizeof where), name);
    }
    return 0;
}

int handler_lua_load(struct handler *out, const char *path, const char *options,
                     const struct config *config, struct arena *arena, struct ds_error *err)
{
    struct lua_handler *h = arena_zalloc(arena, sizeof *h);
    char why[800];
    int rc = check_allow(config, err);
    if (rc)
        return rc;
    if (!h || !lua_box_new(&h->box, config->lua_memory, config->lua_instructions))
        return error_set(err, DS_ENOMEM, "out of memory for handler %s", path);
    h->path = path;
    h->options = options;
    h->allow = &config->lua_allow;
    h->arena = arena;
    for (int i = 0; i < LUA_HOOKS; i++)
        h->hooks[i] = LUA_NOREF;
    out->state = h;
    out->h.close = close_handler;
    if (lua_protect(h, run_file, h, why, sizeof why))
        return error_set(err, DS_EUSAGE, "handler %s: %s", path, why);
    const char *slash = strrchr(path, '/');
    out->h = (struct ds_handler){
        .size = sizeof out->h,
        .abi = DS_HANDLER_ABI_VERSION,
        .name = slash ? slash + 1 : path,
        .entities = h->entities,
        .close = close_handler,
        .map_handlers = h->map_handlers,
        .steps = h->steps,
        .batch_before = h->hooks[BATCH_BEFORE] != LUA_NOREF ? batch_before : NULL,
        .validate = h->hooks[VALIDATE] != LUA_NOREF ? validate : NULL,
        .before_apply = h->hooks[BEFORE_APPLY] != LUA_NOREF ? before_apply : NULL,
        .replace = h->hooks[REPLACE] != LUA_NOREF ? replace : NULL,
        .after_apply = h->hooks[AFTER_APPLY] != LUA_NOREF ? after_apply : NULL,
        .batch_after = h->hooks[BATCH_AFTER] != LUA_NOREF ? batch_after : NULL,
    };
    return 0;
}
