/* What a Lua file has for maps: in the table that it returns,
 *
 *   map_handlers = {["Vendor\\Handler\\Class"] = function(value, at) … return VALUE end}
 *     at.document, at.field, at.row.FIELD, at.opposite.FIELD, at.params.NAME
 *   steps = {["Vendor\\Step\\Name"] = {map =, group =, source = {…}, destination = {…},
 *     rows = function(row, document) … return {DOCUMENT = {{FIELD = VALUE, …}, …}, …} end}}
 *
 * Values are as in entity changes; NULL is nil, and a field of a row that is not there gets its
 * default.
 */
#include <string.h>

#include "applier/handler_lua.h"

static const struct ds_api *const api = &handler_api;

/* --- calls ----------------------------------------------------------------------------------- */

struct map_lua_call {
    struct lua_handler *h;
    struct ds_call *call;
    int function;
    const struct ds_field *field;   /* of a handler … */
    struct ds_value *value;         /* … */
    const char *document;           /* of a step … */
    const struct ds_record *record; /* … */
};

static void push_record(lua_State *L, const struct ds_record *record)
{
    size_t count = record ? api->record_fields(record) : 0;
    lua_createtable(L, 0, (int)count);
    for (size_t i = 0; i < count; i++) {
        struct ds_value v = api->record_value(record, i);
        lua_push_value(L, &v);
        lua_setfield(L, -2, api->record_field(record, i));
    }
}

static void push_field(lua_State *L, const struct ds_field *field)
{
    lua_createtable(L, 0, 5);
    lua_pushstring(L, field->document);
    lua_setfield(L, -2, "document");
    lua_pushstring(L, field->name);
    lua_setfield(L, -2, "field");
    push_record(L, field->record);
    lua_setfield(L, -2, "row");
    push_record(L, field->opposite);
    lua_setfield(L, -2, "opposite");
    lua_newtable(L);
    for (const char *const *p = field->params; *p; p += 2) {
        lua_pushstring(L, p[1]);
        lua_setfield(L, -2, p[0]);
    }
    lua_setfield(L, -2, "params");
}

/* What a function gives is Lua's, and may go. */
static struct ds_value keep(lua_State *L, struct ds_call *call, int i)
{
    struct ds_value v = lua_argument(L, i);
    char *copy = v.kind == DS_TEXT ? api->alloc(call, v.length + 1) : NULL;
    if (v.kind == DS_TEXT && !copy)
        luaL_error(L, "not enough memory");
    if (copy)
        v.text = memcpy(copy, v.text, v.length);
    return v;
}

static int call_handler(lua_State *L)
{
    struct map_lua_call *c = lua_touserdata(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->function);
    lua_push_value(L, c->value);
    push_field(L, c->field);
    lua_call(L, 2, 1);
    if (lua_istable(L, -1) || lua_isfunction(L, -1))
        return luaL_error(L, "the handler gives a %s, not a value", luaL_typename(L, -1));
    *c->value = keep(L, c->call, lua_gettop(L));
    return 0;
}

/* The row on top. */
static void emit_row(lua_State *L, struct ds_call *call, const char *document)
{
    size_t count = 0;
    if (!lua_istable(L, -1))
        luaL_error(L, "rows: of %s it gives a %s in place of a row", document,
                   luaL_typename(L, -1));
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
        count++;
    const char **fields = api->alloc(call, count * sizeof *fields);
    struct ds_value *values = api->alloc(call, count * sizeof *values);
    if (!fields || !values) {
        luaL_error(L, "not enough memory"); /* does not come back */
        return;
    }
    count = 0;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "rows: of %s it gives a row without names of fields", document);
        if (lua_istable(L, -1) || lua_isfunction(L, -1))
            luaL_error(L, "rows: for %s.%s it gives a %s, not a value", document,
                       lua_tostring(L, -2), luaL_typename(L, -1));
        fields[count] = lua_tostring(L, -2); /* stays in its table */
        values[count++] = lua_argument(L, lua_gettop(L));
    }
    if (api->emit(call, document, fields, values, count))
        luaL_error(L, "%s", call->reason);
}

/* Each row of the list on top. A row in place of a list, or what stands behind a gap, would be
 * passed over. */
static void emit_rows(lua_State *L, struct ds_call *call, const char *document)
{
    lua_Integer count = 0;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
        count++;
    for (lua_Integer i = 1; i <= count; i++) {
        if (lua_rawgeti(L, -1, i) == LUA_TNIL)
            luaL_error(L,
                       "rows: of %s it gives something else than a list of rows without gaps, "
                       "{{FIELD = VALUE, …}, …}",
                       document);
        emit_row(L, call, document);
        lua_pop(L, 1);
    }
}

static int call_step(lua_State *L)
{
    struct map_lua_call *c = lua_touserdata(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->function);
    push_record(L, c->record);
    lua_pushstring(L, c->document);
    lua_call(L, 2, 1);
    if (lua_isnil(L, -1))
        return 0;
    if (!lua_istable(L, -1))
        return luaL_error(L, "rows gives a %s, not rows by document", luaL_typename(L, -1));
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || !lua_istable(L, -1))
            return luaL_error(L, "rows gives something else than lists of rows by document");
        emit_rows(L, c->call, lua_tostring(L, -2));
    }
    return 0;
}

static int run(struct map_lua_call *c, lua_CFunction body)
{
    char why[800];
    c->h->call = c->call;
    int rc = lua_protect(c->h, body, c, why, sizeof why);
    c->h->call = NULL;
    return rc ? api->reason(c->call, "%s", why) : DS_HANDLER_OK;
}

static int handle(void *state, struct ds_call *call, const struct ds_map_handler *self,
                  const struct ds_field *field, struct ds_value *value)
{
    struct lua_handler *h = state;
    struct map_lua_call c = {.h = h,
                             .call = call,
                             .function = h->map_functions[self - h->map_handlers],
                             .field = field,
                             .value = value};
    return run(&c, call_handler);
}

static int rows(void *state, struct ds_call *call, const struct ds_step *self, const char *document,
                const struct ds_record *record)
{
    struct lua_handler *h = state;
    struct map_lua_call c = {.h = h,
                             .call = call,
                             .function = h->step_functions[self - h->steps],
                             .document = document,
                             .record = record};
    return run(&c, call_step);
}

/* --- what the file has ----------------------------------------------------------------------- */

static void *room(lua_State *L, struct lua_handler *h, size_t size)
{
    void *p = arena_zalloc(h->arena, size);
    if (!p)
        luaL_error(L, "not enough memory");
    return p;
}

static const char *keep_text(lua_State *L, struct lua_handler *h, int i)
{
    size_t len;
    const char *text = lua_tolstring(L, i, &len);
    return memcpy(room(L, h, len + 1), text, len);
}

/* The table `name` of that on top, whose keys are names; its length. */
static size_t open_table(lua_State *L, const char *name)
{
    size_t count = 0;
    int type = lua_getfield(L, -1, name);
    if (type == LUA_TNIL)
        return 0;
    if (type != LUA_TTABLE)
        luaL_error(L, "`%s` is a %s, not a table by names", name, luaL_typename(L, -1));
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || *lua_tostring(L, -2) == '\\')
            luaL_error(L, "`%s` has a key that is no name, or begins with a backslash", name);
        count++;
    }
    return count;
}

static void read_handlers(lua_State *L, struct lua_handler *h)
{
    size_t count = open_table(L, "map_handlers"), i = 0;
    if (count) {
        h->map_handlers = room(L, h, (count + 1) * sizeof *h->map_handlers);
        h->map_functions = room(L, h, count * sizeof *h->map_functions);
        for (lua_pushnil(L); lua_next(L, -2); i++) {
            const char *name = keep_text(L, h, -2);
            if (!lua_isfunction(L, -1))
                luaL_error(L, "map_handlers: %s is no function", name);
            h->map_handlers[i] = (struct ds_map_handler){.name = name, .handle = handle};
            h->map_functions[i] = luaL_ref(L, LUA_REGISTRYINDEX);
        }
    }
    lua_pop(L, 1);
}

static const char *text_of(lua_State *L, struct lua_handler *h, const char *step, const char *key)
{
    int type = lua_getfield(L, -1, key);
    if (type != LUA_TNIL && type != LUA_TSTRING)
        luaL_error(L, "step %s: `%s` is a %s, not a text", step, key, luaL_typename(L, -1));
    const char *text = type == LUA_TSTRING ? keep_text(L, h, -1) : NULL;
    lua_pop(L, 1);
    return text;
}

static const char *const *list_of(lua_State *L, struct lua_handler *h, const char *step,
                                  const char *key)
{
    if (lua_getfield(L, -1, key) != LUA_TTABLE || lua_rawlen(L, -1) == 0)
        luaL_error(L, "step %s: `%s` is no list of documents", step, key);
    size_t count = lua_rawlen(L, -1);
    const char **list = room(L, h, (count + 1) * sizeof *list);
    for (size_t i = 0; i < count; i++) {
        if (lua_rawgeti(L, -1, (lua_Integer)i + 1) != LUA_TSTRING)
            luaL_error(L, "step %s: `%s` is no list of documents", step, key);
        list[i] = keep_text(L, h, -1);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return list;
}

static void check_step(lua_State *L, const char *name)
{
    static const char known[] = " map group source destination rows ";
    if (!lua_istable(L, -1))
        luaL_error(L, "steps: %s is a %s, not a table", name, luaL_typename(L, -1));
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        const char *key =
            lua_type(L, -2) == LUA_TSTRING ? lua_pushfstring(L, " %s ", lua_tostring(L, -2)) : "?";
        if (!strstr(known, key))
            luaL_error(L, "step %s has '%s'; there are:%s", name, key, known);
        lua_pop(L, *key == ' ');
    }
}

static void read_steps(lua_State *L, struct lua_handler *h)
{
    size_t count = open_table(L, "steps"), i = 0;
    if (count) {
        h->steps = room(L, h, (count + 1) * sizeof *h->steps);
        h->step_functions = room(L, h, count * sizeof *h->step_functions);
        for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1), i++) {
            const char *name = keep_text(L, h, -2);
            check_step(L, name);
            h->steps[i] = (struct ds_step){.name = name,
                                           .map = text_of(L, h, name, "map"),
                                           .group = text_of(L, h, name, "group"),
                                           .source = list_of(L, h, name, "source"),
                                           .destination = list_of(L, h, name, "destination"),
                                           .rows = rows};
            if (lua_getfield(L, -1, "rows") != LUA_TFUNCTION)
                luaL_error(L, "step %s: `rows` is no function", name);
            h->step_functions[i] = luaL_ref(L, LUA_REGISTRYINDEX);
        }
    }
    lua_pop(L, 1);
}

void lua_read_map(lua_State *L, struct lua_handler *h)
{
    read_handlers(L, h);
    read_steps(L, h);
}
