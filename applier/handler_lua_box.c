#include "applier/handler_lua_box.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

enum {
    STEP = 1000,          /* instructions between two looks */
    BYTES_PER_COUNT = 64, /* of memory that is asked for, and of text that is gone through */
    RANGE_MAX = 1000000,  /* elements that table.move and alike take */
};
#define STEPS_MAX 1e12 /* that a pattern may take at the worst */

/* --- limits ----------------------------------------------------------------------- */

static struct lua_box *box_of(lua_State *L)
{
    void *box;
    lua_getallocf(L, &box);
    return box;
}

static void *allocate(void *arg, void *p, size_t old, size_t wanted)
{
    struct lua_box *box = arg;
    size_t had = p ? old : 0;
    if (wanted == 0) {
        free(p);
        box->memory -= had;
        return NULL;
    }
    if (wanted > had) {
        if (box->memory - had + wanted > box->memory_max)
            return NULL;
        if (box->timed) {
            box->used += (wanted - had) / BYTES_PER_COUNT;
            box->exceeded |= box->used > box->used_max;
            if (box->exceeded && wanted > 4096) /* the error itself needs some */
                return NULL;
        }
    }
    void *new = realloc(p, wanted);
    if (new)
        box->memory = box->memory - had + wanted;
    return new;
}

static void count(lua_State *L, lua_Debug *debug);

/* Raised again at each instruction from then on: a pcall that catches it cannot go on. */
static void charge(lua_State *L, uint64_t instructions)
{
    struct lua_box *box = box_of(L);
    if (!box->timed)
        return;
    box->used += box->exceeded ? 0 : instructions;
    box->exceeded |= box->used > box->used_max;
    if (!box->exceeded)
        return;
    lua_sethook(L, count, LUA_MASKCOUNT, 1);
    luaL_error(L, "it takes more than lua.instructions allows");
}

static void count(lua_State *L, lua_Debug *debug)
{
    (void)debug;
    charge(L, STEP);
}

void lua_box_start(struct lua_box *box)
{
    box->used = 0;
    box->exceeded = false;
    box->timed = true;
    lua_sethook(box->state, count, LUA_MASKCOUNT, STEP);
}

void lua_box_stop(struct lua_box *box)
{
    box->timed = false;
    lua_sethook(box->state, NULL, 0, 0);
}

lua_State *lua_box_new(struct lua_box *box, uint64_t memory, uint64_t instructions)
{
    memset(box, 0, sizeof *box);
    box->memory_max = memory;
    box->used_max = instructions;
    box->state = lua_newstate(allocate, box);
    return box->state;
}

void lua_box_free(struct lua_box *box)
{
    if (box->state)
        lua_close(box->state);
    box->state = NULL;
}

/* --- functions that are not as they were ------------------------------------------ */

/* A finalizer runs where nothing is counted. */
static int set_metatable(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argexpected(L, lua_isnil(L, 2) || lua_istable(L, 2), 2, "nil or table");
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
        return luaL_error(L, "cannot change a protected metatable");
    if (lua_istable(L, 2)) {
        lua_pushliteral(L, "__gc");
        lua_rawget(L, 2);
        if (!lua_isnil(L, -1))
            return luaL_error(L, "__gc is not to be had in handlers");
        lua_pop(L, 1);
    }
    lua_settop(L, 2);
    lua_setmetatable(L, 1);
    return 1;
}

/* Text only: bytecode can break the machine. */
static int load_text(lua_State *L)
{
    size_t len;
    bool has_env = !lua_isnone(L, 4);
    const char *name = luaL_optstring(L, 2, "=(load)");
    const char *text = luaL_checklstring(L, 1, &len);
    charge(L, len);
    if (luaL_loadbufferx(L, text, len, name, "t") != LUA_OK) {
        lua_pushnil(L);
        lua_insert(L, -2);
        return 2;
    }
    if (has_env) {
        lua_pushvalue(L, 4);
        if (!lua_setupvalue(L, -2, 1))
            lua_pop(L, 1);
    }
    return 1;
}

/* The message handler runs behind the error, where instructions are counted. */
static int protected_call(lua_State *L)
{
    int arguments = lua_gettop(L);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_pushvalue(L, 1);
    for (int i = 3; i <= arguments; i++)
        lua_pushvalue(L, i);
    if (lua_pcall(L, arguments - 2, LUA_MULTRET, 0) == LUA_OK) {
        lua_pushboolean(L, 1);
        lua_replace(L, 2);
        return lua_gettop(L) - 1;
    }
    lua_pushvalue(L, 2);
    lua_insert(L, -2);
    lua_call(L, 1, 1);
    lua_pushboolean(L, 0);
    lua_insert(L, -2);
    return 2;
}

/* The function that was there before, on all arguments. */
static int call_original(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

static int checked_move(lua_State *L)
{
    lua_Integer from = luaL_checkinteger(L, 2), to = luaL_checkinteger(L, 3);
    luaL_checkinteger(L, 4);
    if (to >= from && (lua_Unsigned)to - (lua_Unsigned)from >= RANGE_MAX)
        return luaL_error(L, "more elements than handlers may move at once");
    charge(L, to >= from ? (lua_Unsigned)to - (lua_Unsigned)from : 0);
    return call_original(L);
}

/* Tables whose length a script makes up would be gone through to their end. */
static int checked_length(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    if (luaL_getmetafield(L, 1, "__len") != LUA_TNIL)
        return luaL_error(L, "a table with __len is not taken here");
    if (lua_rawlen(L, 1) > RANGE_MAX)
        return luaL_error(L, "more elements than handlers may have in a table");
    return call_original(L);
}

/* Those that go through the whole table. */
static int charged_length(lua_State *L)
{
    if (lua_istable(L, 1))
        charge(L, lua_rawlen(L, 1));
    return checked_length(L);
}

/* insert and remove move the elements behind a place in the middle. */
static int charged_place(lua_State *L)
{
    bool in_middle = lua_gettop(L) > (lua_toboolean(L, lua_upvalueindex(2)) ? 2 : 1);
    return in_middle ? charged_length(L) : checked_length(L);
}

static int charged_unpack(lua_State *L)
{
    lua_Integer from = luaL_optinteger(L, 2, 1), to = luaL_optinteger(L, 3, from);
    if (to >= from && (lua_Unsigned)to - (lua_Unsigned)from < RANGE_MAX)
        charge(L, (lua_Unsigned)to - (lua_Unsigned)from);
    return charged_length(L);
}

/* Goes through its text once. */
static int charged_text(lua_State *L)
{
    if (lua_type(L, 1) == LUA_TSTRING)
        charge(L, lua_rawlen(L, 1) / BYTES_PER_COUNT);
    return call_original(L);
}

/* Nothing, however often, would be put together for ever. */
static int checked_rep(lua_State *L)
{
    size_t len, separator;
    luaL_checklstring(L, 1, &len);
    luaL_checkinteger(L, 2);
    luaL_optlstring(L, 3, "", &separator);
    if (len + separator > 0)
        return call_original(L);
    lua_pushliteral(L, "");
    return 1;
}

static int repetitions(const char *pattern, size_t len)
{
    int count = 0;
    for (size_t i = 0; i < len; i++) {
        if (pattern[i] == '%')
            i++; /* what stands behind it is itself */
        else
            count += pattern[i] != '\0' && strchr("*+-?", pattern[i]) != NULL;
    }
    return count;
}

/* Repetitions make a match take as many steps as the text is long, to the power of their number. */
static int checked_pattern(lua_State *L)
{
    size_t len, pattern_len;
    const char *pattern = luaL_checklstring(L, 2, &pattern_len);
    luaL_checklstring(L, 1, &len);
    int count = repetitions(pattern, pattern_len);
    double steps = 1;
    for (int i = 0; i < count && steps <= STEPS_MAX; i++)
        steps *= (double)len;
    bool plain = lua_toboolean(L, lua_upvalueindex(2)) && lua_toboolean(L, 4);
    charge(L, len / BYTES_PER_COUNT);
    if (!plain && steps > STEPS_MAX)
        return luaL_error(L,
                          "a pattern with %d repetitions on a text of %I bytes may take too long",
                          count, (LUAI_UACINT)len);
    return call_original(L);
}

static void wrap(lua_State *L, const char *library, const char *name, lua_CFunction with)
{
    lua_getglobal(L, library);
    lua_getfield(L, -1, name);
    lua_pushboolean(L, strcmp(name, "find") == 0 || strcmp(name, "insert") == 0);
    lua_pushcclosure(L, with, 2);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
}

static void without(lua_State *L, const char *library, const char *name)
{
    lua_getglobal(L, library);
    lua_pushnil(L);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
}

static void set_global(lua_State *L, const char *name, lua_CFunction function)
{
    if (function)
        lua_pushcfunction(L, function);
    else
        lua_pushnil(L);
    lua_setglobal(L, name);
}

static bool allows(const struct config_list *allow, const char *name)
{
    for (size_t i = 0; i < allow->count; i++)
        if (strcmp(allow->items[i], name) == 0)
            return true;
    return false;
}

void lua_box_open(lua_State *L, const struct config_list *allow)
{
    static const luaL_Reg libraries[] = {{LUA_GNAME, luaopen_base},
                                         {LUA_TABLIBNAME, luaopen_table},
                                         {LUA_STRLIBNAME, luaopen_string},
                                         {LUA_MATHLIBNAME, luaopen_math},
                                         {LUA_UTF8LIBNAME, luaopen_utf8}};
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        luaL_requiref(L, libraries[i].name, libraries[i].func, 1);
        lua_pop(L, 1);
    }
    if (allows(allow, "io")) {
        luaL_requiref(L, LUA_IOLIBNAME, luaopen_io, 1);
        lua_pop(L, 1);
    }
    if (allows(allow, "os")) {
        luaL_requiref(L, LUA_OSLIBNAME, luaopen_os, 1);
        lua_pop(L, 1);
        without(L, LUA_OSLIBNAME, "exit");
        without(L, LUA_OSLIBNAME, "setlocale");
    }
    static const char *const gone[] = {"dofile", "loadfile", "collectgarbage", "warn"};
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
        set_global(L, gone[i], NULL);
    set_global(L, "setmetatable", set_metatable);
    set_global(L, "load", load_text);
    set_global(L, "xpcall", protected_call);
    without(L, LUA_STRLIBNAME, "dump");
    without(L, LUA_MATHLIBNAME, "random"); /* called again, it would say something else */
    without(L, LUA_MATHLIBNAME, "randomseed");
    wrap(L, LUA_TABLIBNAME, "move", checked_move);
    wrap(L, LUA_TABLIBNAME, "insert", charged_place);
    wrap(L, LUA_TABLIBNAME, "remove", charged_place);
    wrap(L, LUA_TABLIBNAME, "concat", charged_length);
    wrap(L, LUA_TABLIBNAME, "sort", charged_length);
    wrap(L, LUA_TABLIBNAME, "unpack", charged_unpack);
    wrap(L, LUA_UTF8LIBNAME, "len", charged_text);
    wrap(L, LUA_UTF8LIBNAME, "offset", charged_text);
    wrap(L, LUA_GNAME, "tonumber", charged_text);
    wrap(L, LUA_STRLIBNAME, "rep", checked_rep);
    static const char *const patterns[] = {"find", "match", "gmatch", "gsub"};
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        wrap(L, LUA_STRLIBNAME, patterns[i], checked_pattern);
    lua_pushnil(L); /* what the registry keeps of loaded libraries is not for scripts */
    lua_setfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
}
