#include "applier/map/map_integrity.h"

#include <mysqld_error.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "applier/map/map_charset.h"
#include "applier/map/map_check.h"
#include "applier/map/map_handler.h"
#include "applier/map/map_row.h"
#include "applier/state.h"

enum { MAX_COLUMNS = 16 /* of a foreign key */ };

struct check {
    const struct map_integrity *o;
    const struct map *map;
    struct target *source, *destination;
    bool keys_only; /* before images of the source hold their row's key alone */
    unsigned *fails;
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for the check of a map");
}

static void tell_as(const struct check *c, enum map_told told, const char *line)
{
    *c->fails += told != MAP_TOLD_WARNING;
    if (!c->o->keys_alone)
        c->o->tell(c->o->arg, told, line);
}

static void tell(const struct check *c, bool fails, const char *line)
{
    tell_as(c, fails ? MAP_TOLD_FAILS : MAP_TOLD_WARNING, line);
}

/* --- what belongs to it ---------------------------------------------------------------------- */

/* Without prefix; NULL: none of the shop's. */
static const char *document_of(const char *table, const char *prefix)
{
    size_t len = strlen(prefix);
    return strncmp(table, prefix, len) == 0 && table[len] ? table + len : NULL;
}

/* The table that rows of a source's table go to; NULL: none. */
static struct target_table *goes_to(const struct check *c, const struct target_table *from)
{
    char name[300];
    const char *document = document_of(from->name, c->o->config->source.prefix);
    const char *there = document ? map_document(c->map, MAP_SOURCE, document) : NULL;
    if (!from->exists || !there)
        return NULL;
    int len = snprintf(name, sizeof name, "%s%s", c->o->config->destination.prefix, there);
    return target_find(c->destination, name, (size_t)len);
}

/* Views have no rows, our own tables no source, and of what is left out nothing is asked for, nor
 * of what would come of that alone. */
static void leave_out(struct check *c)
{
    for (uint32_t i = 0; i < target_count(c->source); i++) {
        struct target_table *x = target_at(c->source, i), *there = goes_to(c, x);
        if (there && filter_keeps(c->o->filter, x->name))
            there->user = c;
    }
    for (uint32_t i = 0; i < target_count(c->source); i++) {
        struct target_table *x = target_at(c->source, i), *there = goes_to(c, x);
        bool kept = filter_keeps(c->o->filter, x->name);
        if (there && !kept && !there->user)
            there->exists = false;
        x->exists &= kept && !x->view;
    }
    for (uint32_t i = 0; i < target_count(c->destination); i++) {
        struct target_table *x = target_at(c->destination, i);
        x->exists &= !x->view && !state_is_own_table(x->name, strlen(x->name));
    }
}

/* Is the table one of those that are asked about? */
static bool concerns(const struct check *c, enum map_side side, const char *document)
{
    const char *step = document ? map_step(c->map, side, document) : NULL;
    return c->o->step ? step && strcmp(step, c->o->step) == 0 : !step;
}

static void leave_others_out(struct check *c)
{
    const struct config *config = c->o->config;
    for (uint32_t i = 0; i < target_count(c->source); i++) {
        struct target_table *x = target_at(c->source, i);
        x->exists &= concerns(c, MAP_SOURCE, document_of(x->name, config->source.prefix));
    }
    for (uint32_t i = 0; i < target_count(c->destination); i++) {
        struct target_table *x = target_at(c->destination, i);
        x->exists &= concerns(c, MAP_DESTINATION, document_of(x->name, config->destination.prefix));
    }
}

/* What a step has for its own has to be there. */
static int check_documents(const struct check *c, bool source, const char *const *documents,
                           struct ds_error *err)
{
    const struct config *config = c->o->config;
    BUF_AUTO struct buf line = {0}, name = {0};
    int rc = 0;
    for (; *documents && rc == 0; documents++) {
        buf_clear(&name);
        rc = buf_printf(&name, "%s%s", source ? config->source.prefix : config->destination.prefix,
                        *documents);
        const struct target_table *x =
            rc ? NULL : target_find(source ? c->source : c->destination, buf_cstr(&name), name.len);
        if (rc == 0 && !(x && x->exists))
            rc = buf_printf(&line, "%s%s",
                            line.len ? ","
                            : source ? "Source documents are missing: "
                                     : "Destination documents are missing: ",
                            *documents);
    }
    if (rc)
        return no_memory(err);
    if (line.len)
        tell(c, true, buf_cstr(&line));
    return 0;
}

static int check_step(const struct check *c, struct ds_error *err)
{
    const struct handler *whose;
    const struct ds_step *step = c->o->step ? handlers_step(c->o->own, c->o->step, &whose) : NULL;
    int rc = step ? check_documents(c, true, step->source, err) : 0;
    return rc || !step ? rc : check_documents(c, false, step->destination, err);
}

/* --- both structures ------------------------------------------------------------------------- */

/* Of an import: what comes of a rule. */
static bool is_of_rule(const struct map_finding *f)
{
    return f->problem == MAP_FIELDS_COLLIDE ||
           (f->problem == MAP_UNMAPPED_FIELD && f->side == MAP_SOURCE && f->other_field &&
            strcasecmp(f->field, f->other_field) != 0);
}

static void keep_those_of_rules(struct map_findings *f)
{
    size_t kept = 0;
    for (size_t i = 0; i < f->count; i++)
        if (is_of_rule(&f->items[i]))
            f->items[kept++] = f->items[i];
    f->count = kept;
}

static int compare(struct check *c, struct ds_error *err)
{
    const struct config *config = c->o->config;
    const struct map_side_schema sides[] = {{c->source, config->source.prefix},
                                            {c->destination, config->destination.prefix}};
    struct map_findings findings;
    BUF_AUTO struct buf line = {0};
    bool fails;
    int rc = map_compare(c->map, &sides[MAP_SOURCE], &sides[MAP_DESTINATION], &findings, err);
    if (c->o->imports)
        keep_those_of_rules(&findings);
    if (rc == 0 && c->o->look) {
        rc = c->o->look(c->o->arg, sides, &findings, err);
        map_findings_mark_keys(&findings, &sides[MAP_DESTINATION]);
        map_findings_sort(&findings);
    }
    for (size_t at = 0; rc == 0 && map_findings_line(&findings, &at, &line, &fails);)
        if (line.len)
            tell(c, fails, buf_cstr(&line));
        else
            rc = no_memory(err);
    if (rc == 0 && c->o->suggest && map_findings_suggest(&findings, c->o->suggest))
        rc = no_memory(err);
    map_findings_free(&findings);
    return rc;
}

/* --- rules for what is not there -------------------------------------------------------------- */

/* What a handler writes beside its own document has to be there. */
static int check_written(const struct check *c, const struct map_rule *r, struct ds_error *err)
{
    const char *document = map_handler_writes(r);
    BUF_AUTO struct buf name = {0}, line = {0};
    if (!document || !map_document(c->map, r->side, r->document))
        return 0;
    if (c->o->imports) {
        if (buf_printf(&line,
                       "A handler of %s.%s writes rows of %s, which does not go with mode: import: "
                       "take it out of the map (%s:%u)",
                       r->document, r->field, document, r->file, r->line))
            return no_memory(err);
        tell_as(c, MAP_TOLD_RULE, buf_cstr(&line));
        return 0;
    }
    if (buf_printf(&name, "%s%s", c->o->config->destination.prefix, document))
        return no_memory(err);
    const struct target_table *x = target_find(c->destination, buf_cstr(&name), name.len);
    if (x && x->exists)
        return 0;
    if (buf_printf(&line,
                   "Destination documents are missing: %s (a handler writes its rows, %s:%u)",
                   document, r->file, r->line))
        return no_memory(err);
    tell_as(c, MAP_TOLD_RULE, buf_cstr(&line));
    return 0;
}

/* A step gives all rows of others itself. */
static int check_giving(const struct check *c, const struct map_rule *r, struct ds_error *err)
{
    const char *step = r->side == MAP_SOURCE ? map_step_gives(c->map, r->document) : NULL;
    const char *document = step ? map_handler_writes(r) : NULL;
    BUF_AUTO struct buf line = {0};
    if (!document)
        return 0;
    if (buf_printf(&line,
                   "A handler of %s.%s writes rows of %s, and the document is step %s's own: let "
                   "the step give these rows (%s:%u)",
                   r->document, r->field, document, step, r->file, r->line))
        return no_memory(err);
    tell_as(c, MAP_TOLD_RULE, buf_cstr(&line));
    return 0;
}

/* Parameters are looked at before rows come: the table may be empty today. The user's own take
 * any. */
static int check_handler(const struct check *c, const struct map_rule *r,
                         const struct target_table *x, struct ds_error *err)
{
    struct arena arena = {0};
    struct ds_error wrong;
    struct map_handler *h = NULL;
    const struct handler *whose;
    if (!r->handler || handlers_map(c->o->own, r->handler, &whose) || !map_handler_is_known(r) ||
        !map_document(c->map, r->side, r->document))
        return 0;
    struct map_field *fields = map_row_fields(x, &arena);
    for (uint32_t i = 0; fields && r->side == MAP_SOURCE && i < x->column_count; i++)
        fields[i].column = NULL;
    const struct map_table table = {
        .name = r->document, .fields = fields, .count = x->column_count};
    int rc = fields ? map_handler_open(&h, r, &table, &wrong)
                    : error_set(&wrong, DS_ENOMEM, "out of memory for the check of a map");
    if (rc == DS_EUSAGE)
        tell_as(c, MAP_TOLD_RULE, wrong.message);
    else if (rc)
        *err = wrong;
    map_handler_close(h);
    arena_free(&arena);
    return rc == DS_EUSAGE ? 0 : rc;
}

/* A table that is not there at all may be of another version of the shop. */
static int check_rule(const struct check *c, const struct map_rule *r, struct ds_error *err)
{
    BUF_AUTO struct buf name = {0}, line = {0};
    bool source = r->side == MAP_SOURCE;
    const struct config *config = c->o->config;
    const struct handler *whose;
    if ((r->kind != MAP_MOVE && r->kind != MAP_TRANSFORM) || !concerns(c, r->side, r->document))
        return 0;
    if (r->handler && !handlers_map(c->o->own, r->handler, &whose) && !map_handler_is_known(r)) {
        struct ds_error unknown;
        map_handler_unknown(r, &unknown);
        tell_as(c, MAP_TOLD_RULE, unknown.message);
    }
    if (buf_printf(&name, "%s%s", source ? config->source.prefix : config->destination.prefix,
                   r->document))
        return no_memory(err);
    const struct target_table *x =
        target_find(source ? c->source : c->destination, buf_cstr(&name), name.len);
    if (!x)
        return 0;
    struct ds_error ambiguous = {0};
    if (r->kind == MAP_MOVE && map_check_document(c->map, r, &ambiguous))
        tell_as(c, MAP_TOLD_RULE, ambiguous.message);
    if (target_column_ordinal(x, r->field) >= 0) {
        int rc = check_written(c, r, err);
        rc = rc ? rc : check_giving(c, r, err);
        return rc ? rc : check_handler(c, r, x, err);
    }
    if (buf_printf(&line, "Rule for a field that the %s does not have: %s.%s (%s:%u)",
                   source ? "source" : "destination", r->document, r->field, r->file, r->line))
        return no_memory(err);
    const enum map_told told = r->kind == MAP_TRANSFORM ? MAP_TOLD_RULE : MAP_TOLD_FAILS;
    tell_as(c, c->o->imports ? told : MAP_TOLD_WARNING, buf_cstr(&line));
    return 0;
}

/* --- tables that cannot be written as rows come ----------------------------------------------- */

/* Rows of one table of the source alone go there. */
static bool is_own(const struct check *c, const struct target_table *to)
{
    uint32_t sources = 0;
    for (uint32_t i = 0; i < target_count(c->source); i++)
        sources += goes_to(c, target_at(c->source, i)) == to;
    return sources == 1;
}

/* Do rows of the source's table become several, or go where those of others go? */
static bool comes_with_others(const struct check *c, const struct target_table *from)
{
    const char *document = document_of(from->name, c->o->config->source.prefix);
    const struct target_table *to = goes_to(c, from);
    const char *there = map_document(c->map, MAP_SOURCE, document);
    if ((to && !is_own(c, to)) || map_step_gives(c->map, document) ||
        map_columns_of(c->map, document, true))
        return true;
    for (size_t i = 0; there && i < map_count(c->map); i++) {
        const struct map_rule *r = map_at(c->map, i);
        if (strcmp(r->document, r->side == MAP_SOURCE ? document : there) == 0 &&
            map_handler_writes(r))
            return true;
    }
    return false;
}

static int check_engine(const struct check *c, const struct target_table *from,
                        struct ds_error *err)
{
    BUF_AUTO struct buf line = {0};
    const struct target_table *to = goes_to(c, from);
    const char *document = document_of(from->name, c->o->config->source.prefix);
    int rc = 0;
    if (!document || !concerns(c, MAP_SOURCE, document))
        return 0;
    if (to && !to->transactional)
        rc = buf_printf(&line,
                        "Destination table cannot roll back: %s (%s): ALTER TABLE … ENGINE = "
                        "InnoDB",
                        to->name, to->engine);
    else if (from->exists && !from->transactional && comes_with_others(c, from))
        rc = buf_printf(&line,
                        "Source table cannot roll back, and its rows come together with those of "
                        "others: %s (%s): ALTER TABLE … ENGINE = InnoDB there, or ignore it",
                        from->name, from->engine);
    if (rc)
        return no_memory(err);
    if (line.len)
        tell(c, true, buf_cstr(&line));
    return 0;
}

/* --- texts that nobody can convert -------------------------------------------------------------
 */

static int check_charsets(const struct check *c, const struct target_table *x, struct ds_error *err)
{
    for (uint32_t i = 0; i < x->column_count; i++) {
        BUF_AUTO struct buf line = {0};
        struct map_charset *set = NULL;
        struct ds_error why;
        if (x->columns[i].class != TARGET_TEXT)
            continue;
        int rc = map_charset_open(&set, x->columns[i].charset, &why);
        map_charset_close(set);
        if (rc == DS_ENOMEM || (rc && buf_printf(&line, "Texts cannot be converted: %s.%s: %s",
                                                 x->name, x->columns[i].name, why.message)))
            return no_memory(err);
        if (rc)
            tell(c, true, buf_cstr(&line));
    }
    return 0;
}

static int check_texts(const struct check *c, const struct target_table *from, struct ds_error *err)
{
    const struct target_table *to = goes_to(c, from);
    if (!to || !concerns(c, MAP_SOURCE, document_of(from->name, c->o->config->source.prefix)))
        return 0;
    int rc = check_charsets(c, from, err);
    return rc ? rc : check_charsets(c, to, err);
}

/* --- rows that nobody would find again ---------------------------------------------------------
 */

static bool has_code(const struct map_columns *columns, const char *name)
{
    const char *const *code = columns ? columns->codes : NULL;
    while (code && *code && strcmp(*code, name) != 0)
        code++;
    return code && *code;
}

/* Does a column of the destination get a value with the row (map_row_gives)? */
static bool is_given(const struct check *c, const struct target_table *from, const char *document,
                     const char *column)
{
    const char *there = map_document(c->map, MAP_SOURCE, document);
    bool given = map_next_handler(c->map, MAP_DESTINATION, there, column, NULL) ||
                 has_code(map_columns_of(c->map, document, false), column);
    for (uint32_t i = 0; !given && i < from->column_count; i++) {
        const char *name = map_field(c->map, MAP_SOURCE, document, from->columns[i].name);
        given = name && strcasecmp(name, column) == 0;
    }
    return given;
}

/* … and is it in the before image of a change? */
static bool is_seen(const struct check *c, const struct target_table *from, const char *document,
                    const char *column)
{
    const struct target_key *key = from->row_key;
    bool seen = !c->keys_only || !key;
    for (uint32_t i = 0; !seen && i < key->count; i++) {
        const char *name =
            map_field(c->map, MAP_SOURCE, document, from->columns[key->columns[i]].name);
        seen = name && strcasecmp(name, column) == 0;
    }
    return seen;
}

/* The key that rows of the document are found by: a column of it that does not come with them,
 * and one that does not come with all changes; NULL: none. */
static void look_at_key(const struct check *c, const struct target_table *from,
                        const char *document, struct target_table *to, const char **lost,
                        const char **unseen)
{
    for (uint32_t i = 0; i < to->column_count; i++)
        to->columns[i].unsent = !is_given(c, from, document, to->columns[i].name);
    target_choose_key(to);
    for (uint32_t i = 0; to->row_key && i < to->row_key->count; i++) {
        const struct target_column *column = &to->columns[to->row_key->columns[i]];
        if (column->unsent && !*lost)
            *lost = column->name;
        if (!is_seen(c, from, document, column->name) && !*unseen)
            *unseen = column->name;
    }
    for (uint32_t i = 0; i < to->column_count; i++)
        to->columns[i].unsent = false;
    target_choose_key(to);
}

/* A copy does without the key, changes do not. */
static int check_found_again(const struct check *c, const struct target_table *from,
                             struct ds_error *err)
{
    BUF_AUTO struct buf line = {0};
    struct target_table *to = goes_to(c, from);
    const char *document = document_of(from->name, c->o->config->source.prefix);
    const char *lost = NULL, *unseen = NULL;
    if (!to || !concerns(c, MAP_SOURCE, document) || !map_follows(c->map, document) ||
        map_watches(c->map, document))
        return 0;
    look_at_key(c, from, document, to, &lost, &unseen);
    if (lost ? buf_printf(&line,
                          "Rows cannot be found again: nothing of document %s goes to %s.%s of "
                          "the primary key, and no other unique key finds them: add one on "
                          "columns that come, all of them NOT NULL",
                          document, to->name, lost)
        : unseen
            ? buf_printf(&line,
                         "Rows cannot be found again: changes of document %s do not tell %s.%s, "
                         "part of the key that finds them: SET GLOBAL binlog_row_image = FULL at "
                         "the source, let sessions reconnect",
                         document, to->name, unseen)
            : 0)
        return no_memory(err);
    if (line.len)
        tell(c, true, buf_cstr(&line));
    return 0;
}

/* --- what the source's foreign keys do -------------------------------------------------------- */

static bool same_key(const struct check *c, const struct target_fk *here,
                     const struct target_fk *there, const char *child, const char *parent)
{
    bool same = here->count == there->count && here->on_delete == there->on_delete &&
                here->on_update == there->on_update;
    for (uint32_t i = 0; same && i < here->count; i++) {
        const char *column =
            map_field(c->map, MAP_SOURCE, child, here->child->columns[here->columns[i]].name);
        const char *up = map_field(c->map, MAP_SOURCE, parent, here->parent_column_names[i]);
        same = column && up &&
               strcasecmp(column, there->child->columns[there->columns[i]].name) == 0 &&
               strcasecmp(up, there->parent_column_names[i]) == 0;
    }
    return same;
}

/* What it deletes or changes is in no binlog: the destination's own key has to do it. */
static bool acts_there(const struct check *c, const struct target_fk *fk,
                       const struct target_table *to)
{
    const char *prefix = c->o->config->source.prefix;
    const struct target_table *up = fk->parent ? goes_to(c, fk->parent) : NULL;
    const char *child = document_of(fk->child->name, prefix);
    const char *parent = document_of(fk->parent_name, prefix);
    for (uint32_t i = 0; up && child && parent && i < to->fk_count; i++)
        if (to->fks[i].parent == up && same_key(c, fk, &to->fks[i], child, parent))
            return true;
    return false;
}

/* The key as the destination's table would have it. False: it could not. */
static bool translate(const struct check *c, const struct target_fk *fk,
                      const struct target_table *to, struct derived_key *key,
                      const char *columns[MAX_COLUMNS], const char *parents[MAX_COLUMNS])
{
    const char *prefix = c->o->config->source.prefix;
    const struct target_table *up = fk->parent ? goes_to(c, fk->parent) : NULL;
    if (!up || up == to || !up->row_key || fk->count > MAX_COLUMNS || !is_own(c, to) ||
        !is_own(c, up))
        return false;
    for (uint32_t i = 0; i < fk->count; i++) {
        columns[i] = map_field(c->map, MAP_SOURCE, document_of(fk->child->name, prefix),
                               fk->child->columns[fk->columns[i]].name);
        parents[i] = map_field(c->map, MAP_SOURCE, document_of(fk->parent_name, prefix),
                               fk->parent_column_names[i]);
        if (!columns[i] || !parents[i] || target_column_ordinal(to, columns[i]) < 0 ||
            target_column_ordinal(up, parents[i]) < 0)
            return false;
    }
    *key = (struct derived_key){.name = fk->name,
                                .child = to->name,
                                .parent = up->name,
                                .columns = columns,
                                .parent_columns = parents,
                                .count = fk->count,
                                .on_delete = fk->on_delete,
                                .on_update = fk->on_update,
                                .acts = true};
    return true;
}

static int check_keys(const struct check *c, const struct target_table *from, struct ds_error *err)
{
    static const char *const rules[] = {
        [FK_RESTRICT] = "", [FK_CASCADE] = "CASCADE", [FK_SET_NULL] = "SET NULL"};
    const struct target_table *to = goes_to(c, from);
    const char *document = document_of(from->name, c->o->config->source.prefix);
    const bool asked = to && (c->o->keys_alone || concerns(c, MAP_SOURCE, document));
    for (uint32_t i = 0; asked && i < from->fk_count; i++) {
        const struct target_fk *fk = &from->fks[i];
        BUF_AUTO struct buf line = {0};
        if ((fk->on_delete == FK_RESTRICT && fk->on_update == FK_RESTRICT) || acts_there(c, fk, to))
            continue;
        const char *columns[MAX_COLUMNS], *parents[MAX_COLUMNS];
        struct derived_key key;
        if (translate(c, fk, to, &key, columns, parents)) {
            int rc = c->o->missing ? c->o->missing(c->o->arg, &key, err) : 0;
            if (rc)
                return rc;
            continue;
        }
        const bool leads = fk->parent && goes_to(c, fk->parent);
        if (buf_printf(
                &line,
                "Foreign key at the source alone: %s.%s to %s%s%s%s%s: what it does there is "
                "not done to %s%s%s",
                from->name, from->columns[fk->columns[0]].name, fk->parent_name,
                fk->on_delete ? ", on delete " : "", rules[fk->on_delete],
                fk->on_update ? ", on update " : "", rules[fk->on_update], to->name,
                leads ? ": add such a key to it" : ", since the map leads nowhere with ",
                leads ? "" : fk->parent_name))
            return no_memory(err);
        tell(c, false, buf_cstr(&line));
    }
    return 0;
}

static int use_database(const struct map_integrity *o, struct ds_error *err)
{
    BUF_AUTO struct buf name = {0};
    if (sql_identifier(&name, o->config->destination.database))
        return no_memory(err);
    int rc = db_exec(o->destination, err, "USE %s", buf_cstr(&name));
    if (rc != DS_ESERVER || err->server_errno != ER_BAD_DB_ERROR)
        return rc;
    return error_set(err, DS_EUSAGE,
                     "the destination has no database %s: under a map its tables are its own, make "
                     "them first",
                     o->config->destination.database);
}

static int ask_row_image(struct check *c, struct ds_error *err)
{
    BUF_AUTO struct buf image = {0};
    bool found = false;
    int rc = db_scalar(c->o->source, &image, &found, err, "SELECT @@GLOBAL.binlog_row_image");
    c->keys_only = rc == 0 && found && strcmp(buf_cstr(&image), "MINIMAL") == 0;
    return rc;
}

static int check_tables(const struct check *c, struct ds_error *err)
{
    static int (*const checks[])(const struct check *c, const struct target_table *from,
                                 struct ds_error *err) = {check_engine, check_texts,
                                                          check_found_again};
    int rc = 0;
    for (size_t k = 0; k < sizeof checks / sizeof *checks; k++)
        for (uint32_t i = 0; rc == 0 && i < target_count(c->source); i++)
            rc = checks[k](c, target_at(c->source, i), err);
    return rc;
}

int map_integrity_check(const struct map_integrity *o, unsigned *fails, struct ds_error *err)
{
    struct check c = {.o = o, .map = filter_map(o->filter), .fails = fails};
    *fails = 0;
    int rc = use_database(o, err);
    rc = rc ? rc : target_new(&c.source, o->source, o->config->source.database, err);
    rc = rc ? rc : target_new(&c.destination, o->destination, o->config->destination.database, err);
    if (rc == 0)
        leave_out(&c);
    if (rc == 0 && !o->keys_alone)
        rc = check_step(&c, err);
    for (size_t i = 0; rc == 0 && !o->keys_alone && i < map_count(c.map); i++)
        rc = check_rule(&c, map_at(c.map, i), err);
    const bool rules_alone = o->keys_alone || o->imports;
    rc = rc || rules_alone ? rc : ask_row_image(&c, err);
    rc = rc || rules_alone ? rc : check_tables(&c, err);
    for (uint32_t i = 0; rc == 0 && !o->imports && i < target_count(c.source); i++)
        rc = check_keys(&c, target_at(c.source, i), err);
    if (rc == 0 && !o->keys_alone) { /* the last: what others have is looked at before, since
                                        foreign keys lead there */
        leave_others_out(&c);
        rc = compare(&c, err);
    }
    target_free(c.source);
    target_free(c.destination);
    return rc;
}
