/* Built without Lua. */
#include "applier/handlers.h"

int handler_lua_load(struct handler *out, const char *path, const char *options,
                     const struct config *config, struct arena *arena, struct ds_error *err)
{
    (void)out;
    (void)options;
    (void)config;
    (void)arena;
    return error_set(err, DS_EUSAGE,
                     "handler %s: this datasync was built without Lua (meson option lua)", path);
}
