#include "schema/migration/migration.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "schema/arena.h"
#include "schema/xml.h"

struct option {
    const char *name, *value;
    unsigned line;
};

struct steps {
    struct migration_step *items;
    size_t count;
};

struct migration {
    const char *path;
    const char *whole; /* the same from / on: where it is read */
    struct steps modes[MIGRATION_MODES];
    struct migration_database databases[2]; /* destination, source */
    struct option *options;
    size_t option_count;
    struct arena arena;
};

struct reading {
    struct migration *m;
    struct steps *steps; /* of the mode that is open; NULL: one that is not known */
    struct migration_step *step;
};

static const char *const modes[] = {"settings", "data", "delta"};
static const char *const stages[] = {"integrity", "data", "volume", "delta"};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for a migration");
}

static int keep(struct migration *m, const char *text, const char **out, struct ds_error *err)
{
    *out = text ? arena_strdup(&m->arena, text) : NULL;
    return text && !*out ? no_memory(err) : 0;
}

/* --- steps ----------------------------------------------------------------------------------- */

static int begin_steps(void *arg, const struct xml_node *n, struct ds_error *err)
{
    struct reading *r = arg;
    const char *mode = xml_attribute(n, "mode");
    for (size_t i = 0; i < MIGRATION_MODES; i++)
        if (strcmp(modes[i], mode) == 0) {
            r->steps = &r->m->modes[i];
            return 0;
        }
    return xml_error(err, n, "mode=\"%s\" is not known: settings, data or delta", mode);
}

static int begin_step(void *arg, const struct xml_node *n, struct ds_error *err)
{
    struct reading *r = arg;
    struct steps *s = r->steps;
    const char *title = xml_attribute(n, "title");
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->items[i].title, title) == 0) {
            r->step = &s->items[i];
            return 0;
        }
    struct migration_step *bigger = realloc(s->items, (s->count + 1) * sizeof *bigger);
    if (!bigger)
        return no_memory(err);
    s->items = bigger;
    r->step = &s->items[s->count];
    *r->step = (struct migration_step){0};
    s->count++;
    return keep(r->m, title, &r->step->title, err);
}

static int end_stage(void *arg, const struct xml_node *n, struct ds_error *err)
{
    struct reading *r = arg;
    size_t stage = 0;
    if (!*n->text || n->text[strspn(n->text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                             "0123456789_\\")])
        return xml_error(err, n, "<%s> needs the name of a class, found \"%s\"", n->name, n->text);
    while (strcmp(stages[stage], n->name) != 0)
        stage++;
    r->step->lines[stage] = n->line;
    return keep(r->m, n->text, &r->step->classes[stage], err);
}

/* --- databases ------------------------------------------------------------------------------- */

static int end_database(void *arg, const struct xml_node *n, struct ds_error *err)
{
    struct reading *r = arg;
    struct migration_database *d = &r->m->databases[strcmp(n->parent->name, "source") == 0];
    const struct {
        const char *name, **out;
    } parts[] = {{"name", &d->name},         {"host", &d->host},         {"user", &d->user},
                 {"port", &d->port},         {"password", &d->password}, {"ssl_ca", &d->ssl_ca},
                 {"ssl_cert", &d->ssl_cert}, {"ssl_key", &d->ssl_key}};
    if (d->name)
        return xml_error(err, n, "<%s> has a second <database>", n->parent->name);
    char place[600];
    snprintf(place, sizeof place, "%s:%u", r->m->path, n->line);
    if (keep(r->m, place, &d->place, err))
        return DS_ENOMEM;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (keep(r->m, xml_attribute(n, parts[i].name), parts[i].out, err))
            return DS_ENOMEM;
    return *d->name && *d->host ? 0
                                : xml_error(err, n,
                                            "<database> needs a name and a host that are "
                                            "not empty");
}

/* --- options --------------------------------------------------------------------------------- */

static int end_option(void *arg, const struct xml_node *n, struct ds_error *err)
{
    struct migration *m = ((struct reading *)arg)->m;
    for (size_t i = 0; i < m->option_count; i++)
        if (strcmp(m->options[i].name, n->name) == 0)
            return xml_error(err, n, "the option <%s> stands at line %u already", n->name,
                             m->options[i].line);
    struct option *bigger = realloc(m->options, (m->option_count + 1) * sizeof *bigger);
    if (!bigger)
        return no_memory(err);
    m->options = bigger;
    struct option *o = &m->options[m->option_count];
    *o = (struct option){.line = n->line};
    int rc = keep(m, n->name, &o->name, err);
    rc = rc ? rc : keep(m, n->text, &o->value, err);
    m->option_count += rc == 0;
    return rc;
}

/* --- grammar --------------------------------------------------------------------------------- */

static const struct xml_rule step[] = {{.name = "integrity", .end = end_stage},
                                       {.name = "data", .end = end_stage},
                                       {.name = "volume", .end = end_stage},
                                       {.name = "delta", .end = end_stage}};
static const struct xml_rule steps[] = {
    {.name = "step", .required = "title", XML_CHILDREN(step), .begin = begin_step}};
static const struct xml_rule database[] = {{.name = "database",
                                            .required = "name host user",
                                            .optional = "port password ssl_ca ssl_cert ssl_key",
                                            .end = end_database}};
static const struct xml_rule options[] = {{.name = "*", .end = end_option}};
static const struct xml_rule parts[] = {
    {.name = "steps", .required = "mode", XML_CHILDREN(steps), .begin = begin_steps},
    /* older files say a version, which no schema of theirs allows */
    {.name = "source", .optional = "version", XML_CHILDREN(database)},
    {.name = "destination", .optional = "version", XML_CHILDREN(database)},
    {.name = "options", XML_CHILDREN(options)}};
static const struct xml_rule config = {.name = "config", XML_CHILDREN(parts)};

static int check(const struct migration *m, struct ds_error *err)
{
    for (int source = 1; source >= 0; source--)
        if (!m->databases[source].name)
            return error_set(err, DS_EUSAGE, "%s: <%s> with a <database> is missing", m->path,
                             source ? "source" : "destination");
    return 0;
}

static int keep_whole(struct migration *m, struct ds_error *err)
{
    char *whole = realpath(m->path, NULL);
    int rc = keep(m, whole ? whole : m->path, &m->whole, err);
    free(whole);
    return rc;
}

int migration_read(struct migration **out, const char *path, struct ds_error *err)
{
    struct migration *m = calloc(1, sizeof *m);
    struct reading r = {.m = m};
    *out = NULL;
    if (!m)
        return no_memory(err);
    int rc = keep(m, path, &m->path, err);
    rc = rc ? rc : keep_whole(m, err);
    rc = rc ? rc : xml_read(path, &config, &r, err);
    rc = rc ? rc : check(m, err);
    if (rc)
        migration_free(m);
    else
        *out = m;
    return rc;
}

void migration_free(struct migration *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < MIGRATION_MODES; i++)
        free(m->modes[i].items);
    free(m->options);
    arena_free(&m->arena);
    free(m);
}

/* --- what it says ---------------------------------------------------------------------------- */

const char *migration_path(const struct migration *m)
{
    return m->path;
}

const struct migration_database *migration_database(const struct migration *m, bool source)
{
    return &m->databases[source];
}

size_t migration_step_count(const struct migration *m, enum migration_mode mode)
{
    return m->modes[mode].count;
}

const struct migration_step *migration_step_at(const struct migration *m, enum migration_mode mode,
                                               size_t i)
{
    return i < m->modes[mode].count ? &m->modes[mode].items[i] : NULL;
}

const char *migration_mode_name(enum migration_mode mode)
{
    return modes[mode];
}

const char *migration_stage_name(enum migration_stage stage)
{
    return stages[stage];
}

static const struct option *find_option(const struct migration *m, const char *name)
{
    for (size_t i = 0; i < m->option_count; i++)
        if (strcmp(m->options[i].name, name) == 0)
            return &m->options[i];
    return NULL;
}

const char *migration_option(const struct migration *m, const char *name)
{
    const struct option *o = find_option(m, name);
    return o ? o->value : NULL;
}

int migration_number(const struct migration *m, const char *name, long otherwise, long *out,
                     struct ds_error *err)
{
    const struct option *o = find_option(m, name);
    char *end;
    *out = otherwise;
    if (!o || !*o->value)
        return 0;
    errno = 0;
    *out = strtol(o->value, &end, 10);
    if (errno || *end)
        return error_set(err, DS_EUSAGE, "%s:%u: <%s> needs a whole number, found \"%s\"", m->path,
                         o->line, name, o->value);
    return 0;
}

static bool is_readable(const char *path)
{
    struct stat is;
    return access(path, R_OK) == 0 && stat(path, &is) == 0 && !S_ISDIR(is.st_mode);
}

int migration_file(const struct migration *m, const char *option, struct buf *path,
                   struct ds_error *err)
{
    const struct option *o = find_option(m, option);
    if (!o || !*o->value)
        return error_set(err, DS_EUSAGE, "%s: the option <%s> is missing, which names a file",
                         m->path, option);
    buf_clear(path);
    if (buf_puts(path, o->value))
        return no_memory(err);
    size_t folder = strlen(m->whole);
    while (!is_readable(buf_cstr(path))) {
        if (*o->value == '/' || folder == 0)
            return error_set(err, DS_EUSAGE,
                             "%s:%u: <%s> names the file %s, which cannot be read from here, from "
                             "the folder of this file, or from one above it",
                             m->path, o->line, option, o->value);
        while (folder && m->whole[--folder] != '/')
            ;
        buf_clear(path);
        if (buf_append(path, m->whole, folder) || (folder && buf_puts(path, "/")) ||
            buf_puts(path, o->value))
            return no_memory(err);
    }
    return 0;
}
