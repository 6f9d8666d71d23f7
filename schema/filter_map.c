/* The map that a filter has: read, and told. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "schema/filter_internal.h"

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for a map");
}

/* What does not go with rules that call tables and columns something else. */
static int check_settings(const struct config *c, struct ds_error *err)
{
    static const char structure[] =
        "does not go with ddl: apply, since the destination's structure is its own: set ddl: "
        "ignore, and change it there yourself, or ddl: stop";
    char where[700];
    const char *why = NULL;
    if (c->where.count)
        why = "does not go with where in this version";
    else if (c->mode == MODE_IMPORT) /* its structure is its own in any case */
        why = NULL;
    else if (c->ddl == DDL_APPLY)
        why = structure;
    else if (c->on_invalid != INVALID_IGNORE)
        why =
            "does not go with on_invalid in this version: it knows the source's entities, and its "
            "rows are others at the destination";
    return why ? error_set(err, DS_EUSAGE, "%s: map: %s",
                           config_where(c, "map", where, sizeof where), why)
               : 0;
}

/* Relative to the configuration's folder. */
static int full_path(const struct config *c, const char *name, struct buf *out)
{
    const char *slash = c->path ? strrchr(c->path, '/') : NULL;
    int rc = name[0] != '/' && slash ? buf_append(out, c->path, (size_t)(slash - c->path) + 1) : 0;
    return rc | buf_puts(out, name);
}

int filter_read_file(const char *path, struct buf *bytes, struct ds_error *err)
{
    char piece[8192];
    FILE *file = fopen(path, "rb");
    int rc = 0;
    if (!file)
        return error_set(err, DS_EUSAGE, "%s: %s", path, strerror(errno));
    for (size_t n; rc == 0 && (n = fread(piece, 1, sizeof piece, file)) > 0;)
        rc = buf_append(bytes, piece, n) ? no_memory(err) : 0;
    if (rc == 0 && ferror(file))
        rc = error_set(err, DS_EUSAGE, "%s: %s", path, strerror(errno));
    (void)fclose(file);
    return rc;
}

static int add_bytes(const struct config *c, const char *path, struct buf *bytes,
                     struct ds_error *err)
{
    struct ds_error why;
    char where[700];
    int rc = filter_read_file(path, bytes, &why);
    if (rc != DS_EUSAGE)
        return rc ? no_memory(err) : 0;
    return error_set(err, rc, "%s: map: %s", config_where(c, "map", where, sizeof where),
                     why.message);
}

/* The bytes of one file stay apart from those of the next. */
static int read_one(struct filter *f, const char *name, struct buf *all, struct ds_error *err)
{
    BUF_AUTO struct buf path = {0}, bytes = {0};
    int rc = full_path(f->config, name, &path) ? no_memory(err) : 0;
    rc = rc ? rc : add_bytes(f->config, buf_cstr(&path), &bytes, err);
    rc = rc ? rc : map_read(f->map, buf_cstr(&path), err);
    if (rc == 0 && (buf_printf(all, "%zu\n", bytes.len) || buf_append(all, bytes.data, bytes.len)))
        rc = no_memory(err);
    return rc;
}

int filter_map_read(struct filter *f, struct ds_error *err)
{
    const struct config_list *files = &f->config->map;
    BUF_AUTO struct buf all = {0};
    if (!files->count)
        return 0;
    int rc = check_settings(f->config, err);
    rc = rc ? rc : map_new(&f->map, err);
    for (size_t i = 0; rc == 0 && i < files->count; i++)
        rc = read_one(f, files->items[i], &all, err);
    f->map_hash = XXH3_64bits(all.data, all.len);
    rc = rc ? rc : map_check(f->map, err);
    return rc || f->config->mode != MODE_IMPORT ? rc : filter_map_check_import(f, err);
}

int filter_extend_map(struct filter *f,
                      int (*extend)(void *arg, struct map *m, struct buf *text,
                                    struct ds_error *err),
                      void *arg, struct ds_error *err)
{
    BUF_AUTO struct buf text = {0};
    int rc = extend(arg, f->map, &text, err);
    if (rc == 0 && text.len)
        f->map_hash = XXH3_64bits_withSeed(text.data, text.len, f->map_hash);
    return rc ? rc : map_check(f->map, err);
}

int filter_map_print(const struct filter *f, struct buf *out)
{
    const struct config_list *files = &f->config->map;
    int rc = buf_puts(out, " map=[");
    for (size_t i = 0; rc == 0 && i < files->count; i++) {
        const char *slash = strrchr(files->items[i], '/');
        rc = buf_printf(out, "%s%s", i ? "," : "", slash ? slash + 1 : files->items[i]);
    }
    return rc | buf_printf(out, "] %016llx", (unsigned long long)f->map_hash);
}

const struct map *filter_map(const struct filter *f)
{
    return f ? f->map : NULL;
}
