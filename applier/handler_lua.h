/* A Lua handler, shared by handler_lua.c (hooks) and handler_lua_map.c (what is for maps). */
#ifndef APPLIER_HANDLER_LUA_H
#define APPLIER_HANDLER_LUA_H

#include <lauxlib.h>
#include <lua.h>

#include "applier/handler_lua_box.h"
#include "applier/handlers.h"

enum { LUA_HOOKS = 6 };

struct lua_handler {
    struct lua_box box;
    const char *path, *options;
    const struct config_list *allow;
    struct arena *arena;  /* of what is read at start */
    int hooks[LUA_HOOKS]; /* references; LUA_NOREF: none */
    const char **entities;
    struct ds_map_handler *map_handlers; /* NULL: none */
    struct ds_step *steps;               /* … */
    int *map_functions, *step_functions; /* references, in the same order */
    struct ds_call *call;                /* that runs, NULL: none */
    char traceback[1500];                /* of the error in hand */
};

void lua_push_value(lua_State *L, const struct ds_value *v);
/* nil, a boolean, a number or a string; anything else raises. Text is Lua's. */
struct ds_value lua_argument(lua_State *L, int i);
/* `body` with `arg`, within the limits. 0, or why not in `why`. */
int lua_protect(struct lua_handler *h, lua_CFunction body, void *arg, char *why, size_t size);

/* Of the table on top, that the file returns: `map_handlers` and `steps`. Raises. */
void lua_read_map(lua_State *L, struct lua_handler *h);

#endif
