#include "schema/map.h"

#include <stdlib.h>
#include <string.h>

#include "schema/map_state.h"

int map_new(struct map **out, struct ds_error *err)
{
    *out = calloc(1, sizeof **out);
    return *out ? 0 : error_set(err, DS_ENOMEM, "out of memory for a map");
}

void map_free(struct map *m)
{
    if (!m)
        return;
    free(m->rules.items);
    arena_free(&m->rules.arena);
    free(m);
}

size_t map_count(const struct map *m)
{
    return m->rules.count;
}

const struct map_rule *map_at(const struct map *m, size_t i)
{
    return i < m->rules.count ? &m->rules.items[i] : NULL;
}

bool map_matches(const char *pattern, const char *name, size_t least)
{
    const char *star = NULL, *from = NULL; /* where the last * may take one more */
    while (*name) {
        if (*pattern == '*') {
            star = ++pattern;
            for (size_t i = 0; i < least; i++)
                if (!*name++)
                    return false;
            from = name;
        } else if (*pattern == *name) {
            pattern++;
            name++;
        } else if (star) {
            pattern = star;
            name = ++from;
        } else {
            return false;
        }
    }
    while (*pattern == '*' && least == 0)
        pattern++;
    return !*pattern;
}

/* --- one rule -------------------------------------------------------------------------------- */

static bool is_of(const struct map_rule *r, enum map_kind kind, enum map_side side)
{
    return r->kind == kind && r->side == side;
}

static bool of_field(const struct map_rule *r, const char *document, const char *field)
{
    return strcmp(r->document, document) == 0 && strcmp(r->field, field) == 0;
}

static const struct map_rule *find_field(const struct map *m, enum map_kind kind,
                                         enum map_side side, const char *document,
                                         const char *field)
{
    for (size_t i = 0; i < m->rules.count; i++)
        if (is_of(&m->rules.items[i], kind, side) && of_field(&m->rules.items[i], document, field))
            return &m->rules.items[i];
    return NULL;
}

/* --- documents ------------------------------------------------------------------------------- */

const struct map_rule *map_ignored(const struct map *m, enum map_side side, const char *document)
{
    for (size_t i = 0; i < m->rules.count; i++)
        if (is_of(&m->rules.items[i], MAP_IGNORE_DOCUMENT, side) &&
            map_matches(m->rules.items[i].document, document, 0))
            return &m->rules.items[i];
    return NULL;
}

/* Renames stand at the source's side. */
static const struct map_rule *renamed(const struct map *m, enum map_side side, const char *document)
{
    for (size_t i = 0; i < m->rules.count; i++) {
        const struct map_rule *r = &m->rules.items[i];
        if (r->kind == MAP_RENAME &&
            strcmp(side == MAP_SOURCE ? r->document : r->to_document, document) == 0)
            return r;
    }
    return NULL;
}

const char *map_document(const struct map *m, enum map_side side, const char *document)
{
    if (map_ignored(m, side, document))
        return NULL;
    const struct map_rule *r = renamed(m, side, document);
    return !r ? document : side == MAP_SOURCE ? r->to_document : r->document;
}

/* --- fields ---------------------------------------------------------------------------------- */

const struct map_rule *map_ignored_field(const struct map *m, enum map_side side,
                                         const char *document, const char *field)
{
    return find_field(m, MAP_IGNORE_FIELD, side, document, field);
}

static const struct map_rule *moved(const struct map *m, enum map_side side, const char *document,
                                    const char *field)
{
    for (size_t i = 0; i < m->rules.count; i++) {
        const struct map_rule *r = &m->rules.items[i];
        if (r->kind != MAP_MOVE)
            continue;
        if (strcmp(side == MAP_SOURCE ? r->document : r->to_document, document) == 0 &&
            strcmp(side == MAP_SOURCE ? r->field : r->to_field, field) == 0)
            return r;
    }
    return NULL;
}

const char *map_field(const struct map *m, enum map_side side, const char *document,
                      const char *field)
{
    if (map_ignored_field(m, side, document, field))
        return NULL;
    const struct map_rule *r = moved(m, side, document, field);
    return !r ? field : side == MAP_SOURCE ? r->to_field : r->field;
}

bool map_ignores_type(const struct map *m, enum map_side side, const char *document,
                      const char *field)
{
    return find_field(m, MAP_IGNORE_DATATYPE, side, document, field) != NULL;
}

const struct map_rule *map_next_handler(const struct map *m, enum map_side side,
                                        const char *document, const char *field,
                                        const struct map_rule *last)
{
    for (size_t i = last ? (size_t)(last - m->rules.items) + 1 : 0; i < m->rules.count; i++)
        if (is_of(&m->rules.items[i], MAP_TRANSFORM, side) &&
            of_field(&m->rules.items[i], document, field))
            return &m->rules.items[i];
    return NULL;
}

/* --- do they agree? -------------------------------------------------------------------------- */

static int ambiguous(const char *what, const struct map_rule *a, const struct map_rule *b,
                     struct ds_error *err)
{
    bool field = strcmp(what, "Field") == 0;
    return error_set(err, DS_EUSAGE,
                     "%s has ambiguous configuration: %s%s%s: what %s:%u says of it, the rule at "
                     "%s:%u contradicts: remove one of them",
                     what, a->document, field ? "." : "", field ? a->field : "", a->file, a->line,
                     b->file, b->line);
}

/* A rename or a move to another place than an earlier one. */
static int check_again(const struct map *m, const struct map_rule *r, struct ds_error *err)
{
    const struct map_rule *first = r->kind == MAP_RENAME
                                       ? renamed(m, MAP_SOURCE, r->document)
                                       : moved(m, MAP_SOURCE, r->document, r->field);
    bool same = strcmp(first->to_document, r->to_document) == 0 &&
                (r->kind == MAP_RENAME || strcmp(first->to_field, r->to_field) == 0);
    return same ? 0 : ambiguous(r->field ? "Field" : "Document", r, first, err);
}

/* A column is moved within the tables that belong to each other. */
static int check_tables(const struct map *m, const struct map_rule *r, struct ds_error *err)
{
    const char *to = map_document(m, MAP_SOURCE, r->document);
    if (!to || strcmp(to, r->to_document) == 0)
        return 0;
    return error_set(err, DS_EUSAGE,
                     "%s:%u: %s.%s is moved to %s.%s, but the document %s becomes %s: a field can "
                     "be moved within its document alone; add a rename, or correct <to>",
                     r->file, r->line, r->document, r->field, r->to_document, r->to_field,
                     r->document, to);
}

/* Neither end of a move may be ignored. */
static int check_move(const struct map *m, const struct map_rule *r, struct ds_error *err)
{
    const struct map_rule *there = map_ignored(m, MAP_DESTINATION, r->to_document);
    const struct map_rule *here = map_ignored(m, MAP_SOURCE, r->document);
    if (here || there)
        return ambiguous("Document", r, here ? here : there, err);
    there = map_ignored_field(m, MAP_DESTINATION, r->to_document, r->to_field);
    here = map_ignored_field(m, MAP_SOURCE, r->document, r->field);
    if (here || there)
        return ambiguous("Field", r, here ? here : there, err);
    return check_tables(m, r, err);
}

int map_check(const struct map *m, struct ds_error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < m->rules.count; i++) {
        const struct map_rule *r = &m->rules.items[i];
        if (r->kind != MAP_RENAME && r->kind != MAP_MOVE)
            continue;
        rc = check_again(m, r, err);
        if (rc == 0 && r->kind == MAP_MOVE)
            rc = check_move(m, r, err);
    }
    return rc;
}
