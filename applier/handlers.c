#include "applier/handlers.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "schema/log.h"

static int out_of_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for the handlers");
}

/* --- finding files ---------------------------------------------------------------- */

/* Relative paths are meant from the configuration's folder. */
static int full_path(const struct handlers *h, const char *name, size_t len, struct buf *out)
{
    const char *file = h->config->path ? h->config->path : "";
    const char *slash = strrchr(file, '/');
    int rc = 0;
    if (name[0] != '/' && slash)
        rc = buf_append(out, file, (size_t)(slash - file) + 1);
    else if (name[0] != '/') /* dlopen would search for a name without a slash */
        rc = buf_puts(out, "./");
    return rc | buf_append(out, name, len);
}

static int refuse(const struct handlers *h, const char *path, const char *text,
                  struct ds_error *err)
{
    char where[700];
    return error_set(err, DS_EUSAGE, "%s: handlers: %s: %s",
                     config_where(h->config, "handlers", where, sizeof where), path, text);
}

static int check_file(const struct handlers *h, const char *path, struct ds_error *err)
{
    struct stat st;
    if (stat(path, &st))
        return refuse(h, path, strerror(errno), err);
    if (!S_ISREG(st.st_mode))
        return refuse(h, path, "not a file", err);
    if (st.st_mode & S_IWOTH)
        return refuse(h, path, "everybody may write it, and so run code here: chmod o-w", err);
    return 0;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n > m && strcmp(text + n - m, end) == 0;
}

/* --- loading ---------------------------------------------------------------------- */

/* Names as the catalogue has them: a handler may use aliases. */
static int resolve_names(struct handlers *h, struct handler *x, struct ds_error *err)
{
    char text[300];
    size_t count = 0;
    const char *const *names = x->h.entities;
    while (names && names[count])
        count++;
    bool hooks = x->h.batch_before || x->h.validate || x->h.before_apply || x->h.replace ||
                 x->h.after_apply || x->h.batch_after;
    if (!count && (hooks || !(x->h.map_handlers || x->h.steps)))
        return refuse(h, x->path, "names no entities; \"*\" stands for all", err);
    if (count && h->config->map.count && h->config->mode != MODE_IMPORT)
        return refuse(h, x->path,
                      "hooks do not go with map in this version: they know the source's entities, "
                      "and its rows are others at the destination; map_handlers and steps do",
                      err);
    x->names = arena_zalloc(&h->arena, (count + 1) * sizeof *x->names);
    if (!x->names)
        return out_of_memory(err);
    for (size_t i = 0; i < count; i++) {
        const struct catalogue_entity *e = catalogue_find(h->catalogue, names[i]);
        if (strcmp(names[i], "*") == 0) {
            x->names = NULL;
            return 0;
        }
        if (!e && strcmp(names[i], "table") != 0) {
            snprintf(text, sizeof text,
                     "there is no entity '%.100s'; datasync entities --plain lists them, and "
                     "`table` stands for all tables of none",
                     names[i]);
            return refuse(h, x->path, text, err);
        }
        x->names[i] = e ? e->name : "table";
    }
    return 0;
}

static int open_handler(struct handlers *h, struct handler *x, const char *options,
                        struct ds_error *err)
{
    char why[600] = "";
    if (!x->h.open)
        return 0;
    if (x->h.open(&handler_api, options, &x->state, why, sizeof why) == DS_HANDLER_OK)
        return 0;
    x->h.close = NULL;          /* it is not open */
    why[sizeof why - 1] = '\0'; /* whatever it has filled in */
    handler_clean_text(why);
    return refuse(h, x->path, *why ? why : "its open() has failed without a reason", err);
}

/* "PATH" or "PATH OPTIONS" */
static int load(struct handlers *h, const char *item, struct ds_error *err)
{
    BUF_AUTO struct buf path = {0};
    size_t len = strcspn(item, " ");
    const char *options = item + len + (item[len] ? strspn(item + len, " ") : 0);
    struct handler *x = &h->items[h->count];
    if (full_path(h, item, len, &path) || !(x->path = arena_strdup(&h->arena, buf_cstr(&path))))
        return out_of_memory(err);
    int rc = check_file(h, x->path, err);
    if (rc)
        return rc;
    h->count++; /* handlers_free looks at it from here on */
    if (ends_with(x->path, ".so"))
        rc = handler_so_load(x, x->path, err);
    else if (ends_with(x->path, ".lua"))
        rc = handler_lua_load(x, x->path, options, h->config, &h->arena, err);
    else
        rc = refuse(h, x->path, "a handler is a .so or a .lua file", err);
    x->options = options;
    rc = rc ? rc : resolve_names(h, x, err);
    rc = rc ? rc : open_handler(h, x, options, err);
    if (rc == 0 && x->h.validate && h->config->on_invalid == INVALID_IGNORE)
        rc = refuse(h, x->path,
                    "it validates: say what is to become of an entity that is not valid by "
                    "on_invalid: error, skip or quarantine",
                    err);
    if (rc == 0)
        log_debug("handler loaded path=%s name=%s", x->path, x->h.name);
    return rc;
}

static int load_all(struct handlers *h, struct ds_error *err)
{
    const struct config_list *list = &h->config->handlers;
    int rc = 0;
    h->items = calloc(list->count + 1, sizeof *h->items);
    if (!h->items)
        return out_of_memory(err);
    if (h->config->on_invalid != INVALID_IGNORE) {
        struct handler *x = &h->items[h->count++];
        x->path = "";
        rc = validate_load(x, h->config, h->catalogue, &h->arena, err);
        rc = rc ? rc : resolve_names(h, x, err);
    }
    for (size_t i = 0; i < list->count && rc == 0; i++)
        rc = load(h, list->items[i], err);
    return rc;
}

int handlers_new(struct handlers **out, const struct config *config,
                 const struct catalogue *catalogue, struct ds_error *err)
{
    *out = NULL;
    if (!config->handlers.count && config->on_invalid == INVALID_IGNORE)
        return 0;
    struct handlers *h = calloc(1, sizeof *h);
    if (!h)
        return out_of_memory(err);
    h->config = config;
    h->catalogue = catalogue;
    int rc = load_all(h, err);
    if (rc)
        handlers_free(h);
    else
        *out = h;
    return rc;
}

void handlers_free(struct handlers *h)
{
    if (!h)
        return;
    handlers_detach(h);
    for (uint32_t i = 0; i < h->count; i++) {
        struct handler *x = &h->items[i];
        if (x->h.close)
            x->h.close(x->state);
        if (x->library)
            dlclose(x->library);
    }
    free(h->items);
    arena_free(&h->arena);
    free(h);
}

void handlers_detach(struct handlers *h)
{
    for (int i = 0; h && i < HANDLER_STATEMENTS; i++) {
        struct handler_statement *s = &h->statements[i];
        if (s->stmt)
            mysql_stmt_close(s->stmt);
        free(s->sql);
        *s = (struct handler_statement){0};
    }
}

const struct ds_map_handler *handlers_map(const struct handlers *h, const char *class,
                                          const struct handler **whose)
{
    class += *class == '\\';
    for (uint32_t i = 0; h && i < h->count; i++)
        for (const struct ds_map_handler *m = h->items[i].h.map_handlers; m && m->name; m++)
            if (strcmp(m->name, class) == 0) {
                *whose = &h->items[i];
                return m;
            }
    return NULL;
}

const struct ds_step *handlers_step(const struct handlers *h, const char *name,
                                    const struct handler **whose)
{
    for (uint32_t i = 0; h && i < h->count; i++)
        for (const struct ds_step *s = h->items[i].h.steps; s && s->name; s++)
            if (strcmp(s->name, name) == 0) {
                *whose = &h->items[i];
                return s;
            }
    return NULL;
}

/* --- questions ---------------------------------------------------------------------- */

bool handler_wants(const struct handler *x, const char *entity)
{
    for (size_t i = 0; x->names && x->names[i]; i++)
        if (strcmp(x->names[i], entity) == 0)
            return true;
    return !x->names;
}

static struct handlers_known learn(const struct handlers *h, const char *entity)
{
    const struct catalogue_entity *e = catalogue_find(h->catalogue, entity);
    struct handlers_known k = {.name = e ? e->name : NULL}; /* as long as the catalogue lives */
    for (uint32_t i = 0; i < h->count && !k.wanted; i++)
        k.wanted = handler_wants(&h->items[i], entity);
    while (k.rank < catalogue_count(h->catalogue) && catalogue_at(h->catalogue, k.rank) != e)
        k.rank++; /* tables of none come last */
    return k;
}

/* A batch has many changes of few entities. */
static struct handlers_known known(struct handlers *h, const char *entity)
{
    for (uint32_t i = 0; i < HANDLERS_KNOWN && h->known[i].name; i++)
        if (strcmp(h->known[i].name, entity) == 0)
            return h->known[i];
    struct handlers_known k = learn(h, entity);
    if (k.name)
        h->known[h->known_next++ % HANDLERS_KNOWN] = k;
    return k;
}

bool handlers_want(struct handlers *h, const char *entity)
{
    return known(h, entity).wanted;
}

uint32_t handlers_rank(struct handlers *h, const char *entity)
{
    return known(h, entity).rank;
}
