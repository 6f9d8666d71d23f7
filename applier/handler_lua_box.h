/* The box that a Lua handler runs in: which functions it has, how much memory, how many
 * instructions.
 *
 * Memory: the allocator refuses. Instructions: a count hook raises an error; once the limit is
 * passed it raises one at each instruction, so that no pcall of the script can go on. What the hook
 * cannot see is not there, or is bounded before it runs: finalizers (__gc), message handlers
 * (xpcall calls them afterwards), coroutines, and functions of the library that loop in C over
 * ranges that a script names. Memory that is asked for counts as instructions, so that long strings
 * cannot be made for ever, and so does the length of a text or table that a function goes through.
 * Matching a pattern does not count; how long it may take is bounded by refusing long texts with
 * many repetitions in the pattern. Comparisons of long texts, and next on a large table that has
 * been emptied, are not bounded. For handler_lua.c only.
 */
#ifndef APPLIER_HANDLER_LUA_BOX_H
#define APPLIER_HANDLER_LUA_BOX_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/config.h"

struct lua_box {
    lua_State *state;
    size_t memory, memory_max;
    uint64_t used, used_max; /* of instructions, in this call */
    bool timed;              /* a call runs */
    bool exceeded;           /* it has had its share */
};

/* NULL: out of memory. */
lua_State *lua_box_new(struct lua_box *box, uint64_t memory, uint64_t instructions);
void lua_box_free(struct lua_box *box);
/* Libraries; to be called in protected mode. `print` is the caller's. */
void lua_box_open(lua_State *L, const struct config_list *allow);
/* Count from here; and not any more. */
void lua_box_start(struct lua_box *box);
void lua_box_stop(struct lua_box *box);

#endif
