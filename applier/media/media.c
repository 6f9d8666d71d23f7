#include "applier/media/media.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "applier/media/media_internal.h"
#include "schema/list.h"
#include "schema/log.h"

/* Settled files are forgotten beyond so many, and then looked at again. */
enum { MAX_SETTLED = 1 << 20, ARENA_KEEP = 1 << 16 };

struct media_source {
    uint64_t hash;
    const char *url;
    struct media_source *next;
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for images");
}

/* --- sets of hashes ----------------------------------------------------------------------------
 */

static uint64_t hash_of(enum image_kind kind, const char *path)
{
    uint64_t hash = XXH3_64bits_withSeed(path, strlen(path), kind);
    return hash ? hash : 1;
}

static uint64_t *slot_of(const struct media_set *s, uint64_t hash)
{
    size_t i = hash & (s->cap - 1);
    while (s->slots[i] && s->slots[i] != hash)
        i = (i + 1) & (s->cap - 1);
    return &s->slots[i];
}

static bool set_has(const struct media_set *s, uint64_t hash)
{
    return s->cap && *slot_of(s, hash);
}

static void set_clear(struct media_set *s)
{
    if (s->count)
        memset(s->slots, 0, s->cap * sizeof *s->slots);
    s->count = 0;
}

static int set_grow(struct media_set *s)
{
    struct media_set more = {.count = s->count, .cap = s->cap ? s->cap * 2 : 1024};
    more.slots = calloc(more.cap, sizeof *more.slots);
    if (!more.slots)
        return DS_ENOMEM;
    for (size_t i = 0; i < s->cap; i++)
        if (s->slots[i])
            *slot_of(&more, s->slots[i]) = s->slots[i];
    free(s->slots);
    *s = more;
    return 0;
}

/* *is_new: it was not in it. */
static int set_add(struct media_set *s, uint64_t hash, bool *is_new)
{
    if (s->count * 2 >= s->cap && set_grow(s))
        return DS_ENOMEM;
    uint64_t *slot = slot_of(s, hash);
    *is_new = !*slot;
    s->count += *is_new;
    *slot = hash;
    return 0;
}

/* --- life --------------------------------------------------------------------------------------
 */

static int check_folder(struct media *m, struct ds_error *err)
{
    const char *dir = m->config->images_media_dir;
    m->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (m->dir < 0)
        return error_set(err, DS_EUSAGE, "images.media_dir: cannot open %s: %s", dir,
                         strerror(errno));
    if (!m->dry_run && faccessat(m->dir, ".", W_OK | X_OK, AT_EACCESS))
        return error_set(err, DS_EUSAGE, "images.media_dir: cannot write to %s: %s", dir,
                         strerror(errno));
    if (*m->config->images_base_url && !media_can_download())
        return error_set(err, DS_EUSAGE,
                         "images.base_url: this datasync was built without libcurl (-Dcurl)");
    return 0;
}

int media_new(struct media **out, const struct config *c, bool dry_run, const _Atomic bool *stop,
              struct ds_error *err)
{
    struct media *m = calloc(1, sizeof *m);
    if (!m)
        return no_memory(err);
    int rc = media_download_init(err);
    if (rc) {
        free(m);
        return rc;
    }
    *m = (struct media){.config = c, .dry_run = dry_run, .stop = stop, .dir = -1};
    for (int i = 0; i < IMAGE_KINDS; i++)
        m->root[i] = -1;
    rc = check_folder(m, err);
    if (rc)
        media_free(m);
    else
        *out = m;
    return rc;
}

void media_free(struct media *m)
{
    if (!m)
        return;
    media_download_end();
    for (int i = 0; i < IMAGE_KINDS; i++)
        if (m->root[i] >= 0)
            close(m->root[i]);
    if (m->dir >= 0)
        close(m->dir);
    arena_free(&m->arena);
    arena_free(&m->sources);
    free(m->wanted);
    free(m->settled.slots);
    free(m->asked.slots);
    free(m);
}

const struct media_counts *media_counts_get(const struct media *m)
{
    return &m->counts;
}

bool media_stopped(const struct media *m)
{
    return m->stop && *m->stop;
}

/* Opened without looking for links: these folders are the shop's own, and no row names them. */
static int open_root(struct media *m, enum image_kind kind)
{
    if (m->root[kind] < 0)
        m->root[kind] = openat(m->dir, image_folder(kind), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return m->root[kind];
}

int media_root(struct media *m, enum image_kind kind, struct ds_error *err)
{
    if (open_root(m, kind) >= 0)
        return 0;
    int catalog = errno == ENOENT ? media_folder(m->dir, "catalog") : -1;
    if (catalog >= 0) {
        m->root[kind] = media_folder(catalog, strchr(image_folder(kind), '/') + 1);
        int why = errno;
        close(catalog);
        errno = why;
    }
    return m->root[kind] >= 0
               ? 0
               : media_failed(err, "cannot open or make in images.media_dir", image_folder(kind));
}

/* --- where from --------------------------------------------------------------------------------
 */

bool media_candidate(const struct media_file *f, unsigned first, unsigned i,
                     struct media_place *out)
{
    const char *bare = image_dispersed_name(f->path);
    const struct media_place places[] = {
        {0, image_folder(f->kind), f->path}, {1, "", f->path}, {2, "", bare}};
    unsigned count = bare ? 3 : 2;
    if (i >= count)
        return false;
    if (first >= count)
        first = 0;
    *out = places[i == 0 ? first : i <= first ? i - 1 : i];
    return true;
}

static struct media_source **find_source(struct media *m, uint64_t hash)
{
    struct media_source **at = &m->source[hash % MEDIA_SOURCE_BUCKETS];
    while (*at && (*at)->hash != hash)
        at = &(*at)->next;
    return at;
}

static char *keep_text(struct arena *arena, struct slice text)
{
    char *copy = arena_alloc(arena, text.len + 1);
    if (copy) {
        memcpy(copy, text.p ? text.p : (const uint8_t *)"", text.len);
        copy[text.len] = '\0';
    }
    return copy;
}

int media_source(struct media *m, enum image_kind kind, struct slice value, struct slice url)
{
    char path[IMAGE_PATH_SIZE];
    if (image_value_path(value, path) != IMAGE_FILE)
        return 0;
    uint64_t hash = hash_of(kind, path);
    struct media_source **at = find_source(m, hash);
    if (*at)
        return 0;
    struct media_source *s = arena_zalloc(&m->sources, sizeof *s);
    char *copy = keep_text(&m->sources, url);
    if (!s || !copy)
        return DS_ENOMEM;
    *s = (struct media_source){.hash = hash, .url = copy};
    *at = s;
    return 0;
}

void media_committed(struct media *m)
{
    memset(m->source, 0, sizeof m->source);
    arena_reset(&m->sources, ARENA_KEEP);
}

/* --- what is wanted ----------------------------------------------------------------------------
 */

void media_begin(struct media *m)
{
    set_clear(&m->asked);
    m->wanted_count = 0;
    arena_reset(&m->arena, ARENA_KEEP);
    if (m->settled.count > MAX_SETTLED)
        set_clear(&m->settled);
}

bool media_waits(const struct media *m)
{
    return m->wanted_count > 0;
}

void media_missing(struct media *m, const struct media_file *f, const char *why)
{
    m->counts.missing++;
    log_warn("image is missing entity=%s key=%s file=%s/%s reason=\"%s\"", f->entity, f->key,
             image_folder(f->kind), f->path, why);
}

static int push(struct media *m, const struct media_file *f)
{
    if (LIST_ROOM(m->wanted, m->wanted_count, m->wanted_cap))
        return DS_ENOMEM;
    m->wanted[m->wanted_count++] = *f;
    return 0;
}

static int want_file(struct media *m, const struct media_file *named, struct slice key)
{
    uint64_t hash = hash_of(named->kind, named->path);
    bool is_new = false;
    if (set_has(&m->settled, hash))
        return 0;
    if (!m->config->images_replace && media_is_there(open_root(m, named->kind), named->path)) {
        m->counts.kept++;
        return set_add(&m->settled, hash, &is_new);
    }
    if (set_add(&m->asked, hash, &is_new))
        return DS_ENOMEM;
    if (!is_new)
        return 0;
    struct media_source *source = *find_source(m, hash);
    struct media_file f = *named;
    f.path = arena_strdup(&m->arena, named->path);
    f.entity = arena_strdup(&m->arena, named->entity);
    f.key = keep_text(&m->arena, key);
    f.url = source ? arena_strdup(&m->arena, source->url) : NULL;
    return f.path && f.entity && f.key && (f.url || !source) ? push(m, &f) : DS_ENOMEM;
}

int media_want(struct media *m, enum image_kind kind, struct slice value, const char *entity,
               struct slice key, struct ds_error *err)
{
    char path[IMAGE_PATH_SIZE], text[MEDIA_REASON_SIZE];
    bool is_new = false;
    struct media_file f = {.kind = kind, .path = path, .entity = entity};
    switch (image_value_path(value, path)) {
    case IMAGE_NONE:
        return 0;
    case IMAGE_FILE:
        return want_file(m, &f, key) ? no_memory(err) : 0;
    case IMAGE_ASTRAY:
        break;
    }
    snprintf(text, sizeof text, "%.*s", (int)key.len, key.len ? (const char *)key.p : "");
    snprintf(path, sizeof path, "(%lu bytes)", (unsigned long)value.len);
    uint64_t hash = XXH3_64bits_withSeed(value.p, value.len, IMAGE_KINDS + (unsigned)kind);
    if (set_add(&m->settled, hash ? hash : 1, &is_new))
        return no_memory(err);
    f.key = text;
    if (is_new)
        media_missing(m, &f, "its name leads out of the folder of images, or is none");
    return 0;
}

/* --- fetching ----------------------------------------------------------------------------------
 */

/* From a folder at once; *later: it is to be downloaded. */
static int fetch_here(struct media *m, const struct media_file *f, bool *later,
                      struct ds_error *err)
{
    const struct config *c = m->config;
    int rc = DS_EAGAIN;
    *later = f->url != NULL;
    if (f->url)
        return 0;
    if (*c->images_base_path)
        rc = media_copy(m, f, err);
    m->counts.copied += rc == 0;
    *later = rc == DS_EAGAIN && *c->images_base_url;
    if (rc == 0 || *later || rc == DS_ENOMEM || rc == DS_EFULL)
        return rc == DS_EAGAIN ? 0 : rc;
    media_missing(m, f,
                  rc != DS_EAGAIN        ? err->message
                  : *c->images_base_path ? "images.base_path has no such file, and symbolic links "
                                           "in it are not followed"
                                         : "neither images.base_path nor images.base_url says "
                                           "where it is to be had");
    return 0;
}

static int settle_all(struct media *m)
{
    bool is_new;
    for (size_t i = 0; i < m->wanted_count; i++)
        if (set_add(&m->settled, hash_of(m->wanted[i].kind, m->wanted[i].path), &is_new))
            return DS_ENOMEM;
    m->wanted_count = 0;
    return 0;
}

int media_fetch(struct media *m, struct ds_error *err)
{
    const struct media_file **later = calloc(m->wanted_count + 1, sizeof *later);
    size_t count = 0;
    int rc = later ? 0 : no_memory(err);
    log_info("fetching images files=%zu", m->wanted_count);
    for (size_t i = 0; i < m->wanted_count && rc == 0; i++) {
        bool is_later = false;
        if (media_stopped(m))
            rc = error_set(err, DS_ESTOPPED, "asked to stop");
        else
            rc = fetch_here(m, &m->wanted[i], &is_later, err);
        if (is_later)
            later[count++] = &m->wanted[i];
    }
    if (rc == 0 && m->dry_run && media_can_download())
        m->counts.downloaded += count; /* would be */
    else if (rc == 0 && count)
        rc = media_download(m, later, count, err);
    free((void *)later);
    if (rc == 0 && settle_all(m))
        rc = no_memory(err);
    if (rc == DS_EFULL) {
        const struct ds_error why = *err;
        rc = error_set(err, DS_EIO, "images.media_dir cannot be written to: %s", why.message);
    }
    if (rc == 0)
        error_clear(err);
    return rc;
}
