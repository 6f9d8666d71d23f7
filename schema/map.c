#include "schema/map.h"

#include <stdlib.h>
#include <string.h>

#include "schema/list.h"
#include "schema/log.h"
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
    for (size_t i = 0; i < m->step_count; i++)
        map_free(m->steps[i].rules);
    free(m->steps);
    free(m->columns);
    free(m->watched);
    free((void *)m->doubles.items);
    free((void *)m->claimed.items);
    free((void *)m->followed);
    free(m->rules.items);
    arena_free(&m->rules.arena);
    free(m);
}

size_t map_count(const struct map *m)
{
    size_t count = m->rules.count;
    for (size_t i = 0; i < m->step_count; i++)
        count += m->steps[i].rules->rules.count;
    return count;
}

const struct map_rule *map_at(const struct map *m, size_t i)
{
    const struct map_rules *rules = &m->rules;
    for (size_t step = 0; i >= rules->count && step < m->step_count; step++) {
        i -= rules->count;
        rules = &m->steps[step].rules->rules;
    }
    return i < rules->count ? &rules->items[i] : NULL;
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

/* --- documents of steps ---------------------------------------------------------------------- */

static bool in_list(const char *const *list, const char *name)
{
    while (*list && strcmp(*list, name) != 0)
        list++;
    return *list != NULL;
}

static struct map_step *find_step(const struct map *m, enum map_side side, const char *document)
{
    for (size_t i = 0; i < m->step_count; i++)
        if (in_list(m->steps[i].documents[side], document))
            return &m->steps[i];
    return NULL;
}

const char *map_step(const struct map *m, enum map_side side, const char *document)
{
    const struct map_step *step = find_step(m, side, document);
    return step ? step->name : NULL;
}

const char *map_step_gives(const struct map *m, const char *document)
{
    const struct map_step *step = find_step(m, MAP_SOURCE, document);
    return step && step->gives ? step->name : NULL;
}

/* Where what is said of the document stands. */
static const struct map *rules_for(const struct map *m, enum map_side side, const char *document)
{
    const struct map_step *step = find_step(m, side, document);
    return step ? step->rules : m;
}

/* Rules for documents by name; those with a * are kept, and never asked for documents of others. */
static void keep_rules(struct map *m, const char *const *const documents[2], bool own)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->rules.count; i++) {
        const struct map_rule *r = &m->rules.items[i];
        if (strchr(r->document, '*') || in_list(documents[r->side], r->document) == own)
            m->rules.items[kept++] = *r;
    }
    m->rules.count = kept;
}

static int check_taken(const struct map *m, const char *name, const char *const *const documents[2],
                       struct ds_error *err)
{
    for (int side = MAP_SOURCE; side <= MAP_DESTINATION; side++)
        for (const char *const *d = documents[side]; *d; d++) {
            const char *other = map_step(m, (enum map_side)side, *d);
            if (other)
                return error_set(err, DS_EUSAGE,
                                 "step %s and step %s both have the %s's document %s for their "
                                 "own: leave it to one of them",
                                 other, name, side == MAP_SOURCE ? "source" : "destination", *d);
        }
    for (size_t i = 0; i < m->rules.count; i++) {
        const struct map_rule *r = &m->rules.items[i];
        if (r->kind == MAP_RENAME && in_list(documents[MAP_DESTINATION], r->to_document) &&
            !in_list(documents[MAP_SOURCE], r->document))
            return error_set(err, DS_EUSAGE,
                             "%s:%u: %s becomes %s, which is a document of step %s: remove the "
                             "rule, or ignore the document",
                             r->file, r->line, r->document, r->to_document, name);
    }
    return 0;
}

int map_add_documents(struct map *m, const char *name, const char *const *const documents[2],
                      struct map *rules, struct ds_error *err)
{
    struct map_step *more = realloc(m->steps, (m->step_count + 1) * sizeof *more);
    if (more)
        m->steps = more;
    int rc = more ? check_taken(m, name, documents, err) : rule_no_memory(err);
    if (rc) {
        map_free(rules);
        return rc;
    }
    keep_rules(m, documents, false);
    keep_rules(rules, documents, true);
    m->steps[m->step_count++] =
        (struct map_step){.name = name, .documents = {documents[0], documents[1]}, .rules = rules};
    return 0;
}

int map_add_step(struct map *m, const char *name, const char *const *const documents[2],
                 struct map *rules, struct ds_error *err)
{
    int rc = map_add_documents(m, name, documents, rules, err);
    if (rc == 0)
        m->steps[m->step_count - 1].gives = true;
    return rc;
}

void map_take_all(struct map *m, const char *step)
{
    for (size_t i = 0; i < m->step_count; i++)
        m->steps[i].takes_all |= strcmp(m->steps[i].name, step) == 0;
}

bool map_takes_all(const struct map *m, const char *document)
{
    const struct map_step *step = find_step(m, MAP_SOURCE, document);
    return step && step->takes_all;
}

int map_leave_rest(struct map *m, const char *file, struct ds_error *err)
{
    const char *copy = arena_strdup(&m->rules.arena, file);
    m->rules.count = 0;
    if (!copy || LIST_ROOM(m->rules.items, m->rules.count, m->rules.capacity))
        return rule_no_memory(err);
    m->rules.items[m->rules.count++] = (struct map_rule){
        .kind = MAP_IGNORE_DOCUMENT, .side = MAP_SOURCE, .document = "*", .file = copy};
    return 0;
}

void map_follow_some(struct map *m, const char *step)
{
    m->some |= !step;
    for (size_t i = 0; step && i < m->step_count; i++)
        m->steps[i].some |= strcmp(m->steps[i].name, step) == 0;
}

int map_follow(struct map *m, const char *document, struct ds_error *err)
{
    const char *copy = arena_strdup(&m->rules.arena, document);
    if (!copy || LIST_ROOM(m->followed, m->followed_count, m->followed_capacity))
        return rule_no_memory(err);
    m->followed[m->followed_count++] = copy;
    return 0;
}

bool map_follows(const struct map *m, const char *document)
{
    const struct map_step *step = find_step(m, MAP_SOURCE, document);
    bool follows = step ? !step->some : !m->some;
    for (size_t i = 0; !follows && i < m->followed_count; i++)
        follows = strcmp(m->followed[i], document) == 0;
    return follows;
}

/* --- attributes that are columns ------------------------------------------------------------- */

int map_add_columns(struct map *m, const struct map_columns *c, struct ds_error *err)
{
    if (LIST_ROOM(m->columns, m->columns_count, m->columns_capacity))
        return rule_no_memory(err);
    m->columns[m->columns_count++] = *c;
    return 0;
}

const struct map_columns *map_columns_of(const struct map *m, const char *document, bool values)
{
    for (size_t i = 0; i < m->columns_count; i++) {
        const struct map_columns *c = &m->columns[i];
        if (values ? in_list(c->values, document) : strcmp(c->document, document) == 0)
            return c;
    }
    return NULL;
}

/* --- watched documents ----------------------------------------------------------------------- */

int map_watch(struct map *m, const struct map_watched *w, struct ds_error *err)
{
    if (LIST_ROOM(m->watched, m->watched_count, m->watched_capacity))
        return rule_no_memory(err);
    m->watched[m->watched_count++] = *w;
    return 0;
}

const struct map_watched *map_watches(const struct map *m, const char *document)
{
    for (size_t i = 0; i < m->watched_count; i++)
        if (strcmp(m->watched[i].document, document) == 0)
            return &m->watched[i];
    return NULL;
}

/* --- documents of the destination that have something special -------------------------------- */

static int add_name(struct map *m, struct map_names *to, const char *document, struct ds_error *err)
{
    const char *copy = arena_strdup(&m->rules.arena, document);
    if (!copy || LIST_ROOM(to->items, to->count, to->capacity))
        return rule_no_memory(err);
    to->items[to->count++] = copy;
    return 0;
}

static bool has_name(const struct map_names *names, const char *document)
{
    size_t i = 0;
    while (i < names->count && strcmp(names->items[i], document) != 0)
        i++;
    return i < names->count;
}

int map_add_double(struct map *m, const char *document, struct ds_error *err)
{
    return add_name(m, &m->doubles, document, err);
}

bool map_is_double(const struct map *m, const char *document)
{
    return has_name(&m->doubles, document);
}

int map_add_claimed(struct map *m, const char *document, struct ds_error *err)
{
    return add_name(m, &m->claimed, document, err);
}

bool map_is_claimed(const struct map *m, const char *document)
{
    return has_name(&m->claimed, document);
}

bool map_any_claimed(const struct map *m)
{
    return m->claimed.count > 0;
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
    m = rules_for(m, side, document);
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
    m = rules_for(m, side, document);
    if (map_ignored(m, side, document))
        return NULL;
    const struct map_rule *r = renamed(m, side, document);
    return !r ? document : side == MAP_SOURCE ? r->to_document : r->document;
}

/* --- fields ---------------------------------------------------------------------------------- */

const struct map_rule *map_ignored_field(const struct map *m, enum map_side side,
                                         const char *document, const char *field)
{
    return find_field(rules_for(m, side, document), MAP_IGNORE_FIELD, side, document, field);
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
    m = rules_for(m, side, document);
    if (map_ignored_field(m, side, document, field))
        return NULL;
    const struct map_rule *r = moved(m, side, document, field);
    return !r ? field : side == MAP_SOURCE ? r->to_field : r->field;
}

bool map_ignores_type(const struct map *m, enum map_side side, const char *document,
                      const char *field)
{
    return find_field(rules_for(m, side, document), MAP_IGNORE_DATATYPE, side, document, field) !=
           NULL;
}

const struct map_rule *map_next_handler(const struct map *m, enum map_side side,
                                        const char *document, const char *field,
                                        const struct map_rule *last)
{
    m = rules_for(m, side, document);
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

/* A column is moved within the tables that belong to each other. That tool looks at the column
 * alone, and maps that it ships name the table as the source does. */
static int check_tables(const struct map *m, struct map_rule *r, struct ds_error *err)
{
    const char *to = map_document(m, MAP_SOURCE, r->document);
    if (strcmp(to, r->to_document) == 0)
        return 0;
    if (strcmp(r->document, r->to_document) == 0) {
        log_warn("%s:%u: %s.%s is moved to %s.%s, but the document %s becomes %s: taken as %s.%s",
                 r->file, r->line, r->document, r->field, r->to_document, r->to_field, r->document,
                 to, to, r->to_field);
        r->to_document = to;
        r->by_source = true;
        return 0;
    }
    return error_set(err, DS_EUSAGE,
                     "%s:%u: %s.%s is moved to %s.%s, but the document %s becomes %s: a field can "
                     "be moved within its document alone; add a rename, or correct <to>",
                     r->file, r->line, r->document, r->field, r->to_document, r->to_field,
                     r->document, to);
}

int map_check_document(const struct map *m, const struct map_rule *r, struct ds_error *err)
{
    const struct map_rule *there = map_ignored(m, MAP_DESTINATION, r->to_document);
    return there && !map_ignored(m, MAP_SOURCE, r->document) ? ambiguous("Document", r, there, err)
                                                             : 0;
}

/* Neither end of a move may be ignored, as it is written: a table that <to> names as the source
 * does has at the destination another name, and a rule that ignores the field by that is left over
 * in maps that are shipped. */
static int check_move(const struct map *m, struct map_rule *r, struct ds_error *err)
{
    const struct map_rule *there =
        r->by_source ? NULL : map_ignored_field(m, MAP_DESTINATION, r->to_document, r->to_field);
    const struct map_rule *here = map_ignored_field(m, MAP_SOURCE, r->document, r->field);
    if (here || there)
        return ambiguous("Field", r, here ? here : there, err);
    return check_tables(m, r, err);
}

/* What becomes of a document that is ignored is never asked. */
int map_check(struct map *m, struct ds_error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < m->rules.count; i++) {
        struct map_rule *r = &m->rules.items[i];
        if ((r->kind != MAP_RENAME && r->kind != MAP_MOVE) ||
            map_ignored(m, MAP_SOURCE, r->document))
            continue;
        if (r->kind == MAP_MOVE)
            rc = check_move(m, r, err);
        rc = rc ? rc : check_again(m, r, err);
    }
    return rc;
}
