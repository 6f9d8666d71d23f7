/* When two filters are the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "schema/filter_internal.h"

static int append_names(struct buf *out, const char *key, const struct names *names)
{
    int rc = buf_printf(out, " %s=[", key);
    for (size_t i = 0; i < names->count && rc == 0; i++)
        rc = buf_printf(out, "%s%s", i ? "," : "", names->items[i]);
    return rc ? rc : buf_puts(out, "]");
}

static int append_words(struct buf *out, const char *const *words)
{
    int rc = 0;
    for (; *words && rc == 0; words++)
        rc = buf_printf(out, " %s", *words);
    return rc;
}

static int append_tables(struct buf *out, const struct catalogue_entity *e)
{
    int rc = 0;
    for (size_t i = 0; e && i < e->table_count && rc == 0; i++)
        rc = buf_printf(out, " %s", e->tables[i].table);
    return rc;
}

/* All tables that have one of these roles, NULL: all stock tables. */
static int append_roles(const struct filter *f, const char *const *roles, struct buf *out)
{
    int rc = 0;
    for (size_t i = 0; i < catalogue_count(f->catalogue); i++) {
        const struct catalogue_entity *e = catalogue_at(f->catalogue, i);
        for (size_t t = 0; t < e->table_count && rc == 0; t++) {
            bool counts = !roles && e->tables[t].stock;
            for (const char *const *role = roles; role && *role; role++)
                counts |= strcmp(*role, e->tables[t].role) == 0;
            rc = counts ? buf_printf(out, " %s", e->tables[t].table) : 0;
        }
    }
    return rc;
}

static int append_groups(const struct filter *f, const struct names *patterns, struct buf *out)
{
    int rc = 0;
    for (size_t i = 0; i < patterns->count && rc == 0; i++) {
        if (patterns->items[i][0] != '@')
            continue;
        const struct catalogue_group *g = catalogue_group_find(f->catalogue, patterns->items[i]);
        rc = buf_printf(out, "\n%s", g->name) | append_words(out, g->tables) |
             append_roles(f, g->roles, out);
        for (const char *const *name = g->entities; *name && rc == 0; name++)
            rc = append_tables(out, catalogue_find(f->catalogue, *name));
    }
    return rc;
}

/* What the names that the filter uses stand for. */
static int append_meaning(const struct filter *f, bool choice, struct buf *out)
{
    int rc = 0;
    for (size_t i = 0; i < f->entities.count && choice && rc == 0; i++) {
        const char *name = f->entities.items[i];
        rc = buf_printf(out, "\n%s", name);
        if (strcmp(name, "table") != 0)
            rc = rc ? rc : append_tables(out, catalogue_find(f->catalogue, name));
        for (size_t e = 0; strcmp(name, "table") == 0 && e < catalogue_count(f->catalogue); e++)
            rc |= append_tables(out, catalogue_at(f->catalogue, e));
    }
    if (rc == 0 && choice && f->config->stock != STOCK_INCLUDE)
        rc = append_roles(f, NULL, out);
    if (rc == 0)
        rc = append_groups(f, &f->include, out);
    return rc ? rc : append_groups(f, &f->exclude, out);
}

/* Sorted by table: each has one. */
static int append_conditions(const struct filter *f, struct buf *out)
{
    const struct config_list *list = &f->config->where;
    char **texts = calloc(list->count + 1, sizeof *texts);
    size_t count = 0;
    int rc = texts ? 0 : DS_ENOMEM;
    for (size_t i = 0; i < list->count && rc == 0; i += 2) {
        BUF_AUTO struct buf text = {0};
        rc = buf_printf(&text, "%s: %s", list->items[i], list->items[i + 1]);
        char *copy = rc ? NULL : strdup(buf_cstr(&text));
        if (copy)
            texts[count++] = copy;
        else
            rc = DS_ENOMEM;
    }
    if (rc == 0) {
        qsort(texts, count, sizeof *texts, filter_by_text);
        rc = append_names(out, "where", &(struct names){(const char **)texts, count});
    }
    for (size_t i = 0; i < count; i++)
        free(texts[i]);
    free(texts);
    return rc;
}

/* How rows of the entities lead to the root that has a condition. */
static int append_levels(const struct filter *f, struct buf *out)
{
    int rc = 0;
    for (size_t i = 0; f->levels && i < catalogue_count(f->catalogue); i++) {
        const struct catalogue_entity *e = catalogue_at(f->catalogue, i);
        bool counts = e->table_count && filter_condition(f, e->tables[0].table);
        for (size_t t = 0; counts && t < e->table_count && rc == 0; t++) {
            const struct catalogue_table *x = &e->tables[t];
            rc = buf_printf(out, "\n%s %s %s", x->table, x->link ? x->link : "",
                            x->through ? x->through : "");
        }
    }
    return rc;
}

static int append_choice(const struct filter *f, struct buf *out)
{
    static const char *const stock[] = {"include", "exclude", "only"};
    int rc = buf_printf(out, " stock=%s", stock[f->config->stock]);
    return rc ? rc : append_names(out, "entities", &f->entities);
}

/* choice: do the entities that are asked for make a difference? */
static int fingerprint(const struct filter *f, const struct mask *mask, bool choice, char out[33],
                       struct buf *readable)
{
    const struct config *c = f->config;
    bool all = choice ? f->all : filter_all_tables(f);
    BUF_AUTO struct buf whole = {0};
    buf_clear(readable);
    int rc = buf_printf(readable, "mode=%s", c->mode == MODE_MIRROR ? "mirror" : "import");
    if (rc == 0 && choice)
        rc = append_choice(f, readable);
    if (rc == 0)
        rc = append_names(readable, "tables.include", &f->include);
    if (rc == 0)
        rc = append_names(readable, "tables.exclude", &f->exclude);
    if (rc == 0 && !all && c->source.prefix && *c->source.prefix) /* names are without it */
        rc = buf_printf(readable, " prefix=%s", c->source.prefix);
    if (rc == 0 && c->where.count)
        rc = append_conditions(f, readable);
    if (rc == 0 && f->map)
        rc = filter_map_print(f, readable);
    if (rc == 0)
        rc = buf_append(&whole, readable->data, readable->len);
    if (rc == 0 && !all)
        rc = append_meaning(f, choice, &whole);
    if (rc == 0)
        rc = append_levels(f, &whole);
    if (rc == 0 && mask)
        rc = mask_fingerprint(mask, &whole, readable);
    if (rc)
        return rc;
    XXH128_hash_t h = XXH3_128bits(whole.data, whole.len);
    snprintf(out, 33, "%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
    return 0;
}

int filter_fingerprint_with(const struct filter *f, const struct mask *mask, char out[33],
                            struct buf *readable)
{
    return fingerprint(f, mask, f->config->mode == MODE_MIRROR, out, readable);
}

int filter_fingerprint(const struct filter *f, char out[33], struct buf *readable)
{
    return filter_fingerprint_with(f, f->mask, out, readable);
}

int filter_fingerprint_chosen(const struct filter *f, char out[33], struct buf *readable)
{
    return fingerprint(f, f->mask, true, out, readable);
}
