/* A handler that is a shared object. */
#include <dlfcn.h>
#include <string.h>

#include "applier/handlers.h"

static int refuse(const char *path, const char *text, struct ds_error *err)
{
    return error_set(err, DS_EUSAGE, "handler %s: %s", path, text);
}

int handler_so_load(struct handler *out, const char *path, struct ds_error *err)
{
    const struct ds_handler *(*entry)(void);
    out->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!out->library) {
        const char *why = dlerror();
        return error_set(err, DS_EUSAGE, "handler %s cannot be loaded: %.900s", path,
                         why ? why : "no reason given");
    }
    void *symbol = dlsym(out->library, DS_HANDLER_SYMBOL);
    if (!symbol)
        return refuse(path, "it does not export " DS_HANDLER_SYMBOL "; see ds_handler.h", err);
    memcpy(&entry, &symbol, sizeof entry); /* ISO C has no cast from an object to a function */
    const struct ds_handler *h = entry();
    if (!h)
        return refuse(path, DS_HANDLER_SYMBOL "() gives NULL", err);
    if (h->abi != DS_HANDLER_ABI_VERSION)
        return error_set(err, DS_EUSAGE,
                         "handler %s was built for version %u of ds_handler.h, this program has "
                         "version %d: build it again with the installed header",
                         path, h->abi, DS_HANDLER_ABI_VERSION);
    if (h->size < offsetof(struct ds_handler, open))
        return refuse(path, "its struct ds_handler is too short: `size` must be its sizeof", err);
    memcpy(&out->h, h, h->size < sizeof out->h ? h->size : sizeof out->h);
    if (!out->h.name || !*out->h.name)
        return refuse(path, "it has no name", err);
    return 0;
}
