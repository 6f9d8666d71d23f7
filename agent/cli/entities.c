/* datasync entities: the catalogue, for people and programs. */
#include <string.h>

#include "agent/cli/cli.h"
#include "schema/json.h"

/* --- JSON ---------------------------------------------------------------- */

static void json_words(struct json *j, const char *key, const char *const *words)
{
    json_array(j, key);
    for (; *words; words++)
        json_text(j, NULL, *words);
    json_end(j);
}

static void json_optional(struct json *j, const char *key, const char *value)
{
    if (value)
        json_text(j, key, value);
}

/* A column of the row's own table is a string, anything else an object. */
static void json_parts(struct json *j, const char *key, const struct catalogue_part *parts,
                       size_t count)
{
    json_array(j, key);
    for (size_t i = 0; i < count; i++) {
        if (!parts[i].table && !parts[i].attribute && !parts[i].either) {
            json_text(j, NULL, parts[i].column);
            continue;
        }
        json_object(j, NULL);
        if (parts[i].attribute) {
            json_text(j, "attribute", parts[i].attribute);
            json_optional(j, "or", parts[i].either);
        } else {
            json_optional(j, "table", parts[i].table);
            json_text(j, "column", parts[i].column);
            json_optional(j, "or", parts[i].either);
        }
        json_end(j);
    }
    json_end(j);
}

static void json_when(struct json *j, const char *name, const struct catalogue_when *when)
{
    if (!when->column)
        return;
    json_object(j, name);
    json_words(j, when->column, when->values);
    json_end(j);
}

static void json_table(struct json *j, const struct catalogue_table *t)
{
    json_object(j, NULL);
    json_text(j, "table", t->table);
    json_text(j, "role", t->role);
    json_text(j, "key", t->key);
    json_text(j, "link", t->link);
    json_text(j, "through", t->through);
    if (t->identity == IDENTITY_COLUMNS)
        json_parts(j, "identity", t->parts, t->part_count);
    else
        json_text(j, "identity", catalogue_identity_name(t->identity));
    json_bool(j, "stock", t->stock);
    json_end(j);
}

static void json_reference(struct json *j, const struct catalogue_reference *r)
{
    json_object(j, NULL);
    json_text(j, "table", r->table);
    json_text(j, "column", r->column);
    json_text(j, "entity", r->entity);
    json_optional(j, "to", r->to);
    json_optional(j, "by", r->by);
    json_optional(j, "attribute", r->attribute);
    json_optional(j, "input", r->input);
    json_optional(j, "source_model", r->source_model);
    json_when(j, "when", &r->when);
    json_bool(j, "required", r->required);
    json_bool(j, "deferred", r->deferred);
    json_bool(j, "brings", r->brings);
    json_text(j, "form", catalogue_form_name(r->form));
    json_end(j);
}

static void json_encrypted(struct json *j, const struct catalogue_encrypted *c)
{
    json_object(j, NULL);
    json_text(j, "table", c->table);
    json_text(j, "column", c->column);
    json_when(j, "when", &c->when);
    json_end(j);
}

static void json_single(struct json *j, const struct catalogue_single *s)
{
    json_object(j, NULL);
    json_text(j, "table", s->table);
    json_text(j, "column", s->column);
    json_words(j, "within", s->within);
    json_end(j);
}

static void json_rule(struct json *j, const struct catalogue_rule *rule)
{
    json_object(j, NULL);
    json_text(j, "table", rule->table);
    json_optional(j, "column", rule->column);
    json_optional(j, "attribute", rule->attribute);
    json_optional(j, "or", rule->either);
    json_when(j, "when", &rule->when);
    json_when(j, "unless_root", &rule->unless_root);
    json_bool(j, "required", rule->required);
    json_optional(j, "pattern", rule->pattern);
    json_optional(j, "min", rule->min);
    json_optional(j, "max", rule->max);
    json_optional(j, "more_than", rule->more_than);
    if (*rule->one_of)
        json_words(j, "one_of", rule->one_of);
    json_end(j);
}

static void json_soft(struct json *j, const struct catalogue_soft *soft)
{
    json_object(j, NULL);
    json_optional(j, "column", soft->column);
    json_optional(j, "attribute", soft->attribute);
    if (soft->value)
        json_text(j, "value", soft->value);
    else
        json_null(j, "value");
    json_end(j);
}

static int print_entity_json(const struct catalogue_entity *e, struct buf *out)
{
    struct json j = {.out = out};
    json_object(&j, NULL);
    json_text(&j, "name", e->name);
    json_text(&j, "kind", catalogue_kind_name(e->kind));
    json_words(&j, "aliases", e->aliases);
    json_parts(&j, "natural_key", e->natural_key, e->natural_key_count);
    json_words(&j, "fixed", e->fixed);
    json_array(&j, "tables");
    for (size_t i = 0; i < e->table_count; i++)
        json_table(&j, &e->tables[i]);
    json_end(&j);
    json_array(&j, "references");
    for (size_t i = 0; i < e->reference_count; i++)
        json_reference(&j, &e->references[i]);
    json_end(&j);
    json_array(&j, "encrypted");
    for (size_t i = 0; i < e->encrypted_count; i++)
        json_encrypted(&j, &e->encrypted[i]);
    json_end(&j);
    json_array(&j, "single");
    for (size_t i = 0; i < e->single_count; i++)
        json_single(&j, &e->singles[i]);
    json_end(&j);
    json_array(&j, "validate");
    for (size_t i = 0; i < e->rule_count; i++)
        json_rule(&j, &e->rules[i]);
    json_end(&j);
    json_array(&j, "soft_delete");
    for (size_t i = 0; i < e->soft_count; i++)
        json_soft(&j, &e->softs[i]);
    json_end(&j);
    json_text(&j, "file", e->file);
    json_end(&j);
    return j.failed ? j.failed : buf_puts(out, "\n");
}

static int print_group_json(const struct catalogue_group *g, struct buf *out)
{
    struct json j = {.out = out};
    json_object(&j, NULL);
    json_text(&j, "name", g->name);
    json_text(&j, "kind", "group");
    json_words(&j, "tables", g->tables);
    json_words(&j, "entities", g->entities);
    json_words(&j, "roles", g->roles);
    json_text(&j, "file", g->file);
    json_end(&j);
    return j.failed ? j.failed : buf_puts(out, "\n");
}

/* --- text ---------------------------------------------------------------- */

/* "HEAD a, b\n"; nothing for an empty list. */
static int print_words(struct buf *out, const char *head, const char *const *words)
{
    int rc = 0;
    for (const char *const *w = words; *w && rc == 0; w++)
        rc = buf_printf(out, "%s%s%s", w == words ? head : ", ", *w, w[1] ? "" : "\n");
    return rc;
}

static int print_part(struct buf *out, const struct catalogue_part *p)
{
    return p->attribute
               ? buf_printf(out, "attribute %s", p->attribute)
               : buf_printf(out, "%s%s%s%s%s", p->table ? p->table : "", p->table ? "." : "",
                            p->column, p->either ? " or " : "", p->either ? p->either : "");
}

static int print_parts(struct buf *out, const char *head, const struct catalogue_part *parts,
                       size_t count, const char *tail)
{
    int rc = count ? buf_puts(out, head) : 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = i ? buf_puts(out, ", ") : 0;
        rc = rc ? rc : print_part(out, &parts[i]);
    }
    return rc || !count ? rc : buf_puts(out, tail);
}

static int print_when(struct buf *out, const char *how, const struct catalogue_when *when)
{
    int rc = when->column ? buf_printf(out, ", %s %s is", how, when->column) : 0;
    for (const char *const *v = when->column ? when->values : NULL; v && *v && rc == 0; v++)
        rc = buf_printf(out, "%s%s", v == when->values ? " " : " or ", *v);
    return rc;
}

static int print_table(struct buf *out, const struct catalogue_table *t)
{
    int rc = buf_printf(out, "  %-48s %-12s %s%s%s", t->table, t->role, t->link,
                        t->through ? " through " : "", t->through ? t->through : "");
    if (rc == 0 && t->identity == IDENTITY_COLUMNS)
        rc = print_parts(out, "; by ", t->parts, t->part_count, "");
    else if (rc == 0 && t->identity != IDENTITY_NONE)
        rc = buf_printf(out, "; %s", t->identity == IDENTITY_SAME ? "same key" : "by the registry");
    return rc ? rc : buf_puts(out, t->stock ? " (stock)\n" : "\n");
}

static int print_reference(struct buf *out, const struct catalogue_reference *r)
{
    int rc = buf_printf(out, "  %-18s by %s.%s%s%s%s%s%s%s%s", r->entity, r->table, r->column,
                        r->form == REFERENCE_ONE    ? ""
                        : r->form == REFERENCE_LIST ? ", a list"
                        : r->form == REFERENCE_PATH ? ", a path"
                                                    : ", or a word",
                        r->to ? ", in " : "", r->to ? r->to : "", r->by ? ", as " : "",
                        r->by ? r->by : "", r->attribute ? ", of attribute " : "",
                        r->attribute ? r->attribute : "");
    if (rc == 0 && r->input)
        rc = buf_printf(out, ", of %s attributes with options", r->input);
    if (rc == 0 && r->source_model)
        rc = buf_printf(out, ", of attributes of %s", r->source_model);
    rc = rc ? rc : print_when(out, "where", &r->when);
    return rc ? rc
              : buf_printf(out, "%s%s\n",
                           r->required   ? ", required"
                           : r->deferred ? ", deferred"
                                         : "",
                           r->brings ? ", which comes along" : "");
}

static int print_encrypted(struct buf *out, const struct catalogue_encrypted *c)
{
    int rc = buf_printf(out, "  %s.%s", c->table, c->column);
    rc = rc ? rc : print_when(out, "where", &c->when);
    return rc ? rc : buf_puts(out, "\n");
}

static int print_single(struct buf *out, const struct catalogue_single *s)
{
    int rc = buf_printf(out, "  %s.%s", s->table, s->column);
    for (size_t i = 0; s->within[i] && rc == 0; i++)
        rc = buf_printf(out, "%s%s", i ? ", " : " within ", s->within[i]);
    return rc ? rc : buf_puts(out, "\n");
}

static int print_rule(struct buf *out, const struct catalogue_rule *rule)
{
    int rc =
        buf_printf(out, "  %s.%s%s%s%s%s", rule->table, rule->attribute ? "attribute " : "",
                   rule->attribute ? rule->attribute : rule->column, rule->either ? " or " : "",
                   rule->either ? rule->either : "", rule->required ? " is required" : "");
    const struct {
        const char *text, *value;
    } limits[] = {{"matches", rule->pattern},
                  {"at least", rule->min},
                  {"at most", rule->max},
                  {"more than", rule->more_than}};
    for (size_t i = 0; i < sizeof limits / sizeof *limits && rc == 0; i++)
        if (limits[i].value)
            rc = buf_printf(out, ", %s %s", limits[i].text, limits[i].value);
    for (const char *const *v = rule->one_of; *v && rc == 0; v++)
        rc = buf_printf(out, "%s %s", v == rule->one_of ? ", one of" : ",", *v);
    rc = rc ? rc : print_when(out, "where", &rule->when);
    rc = rc ? rc : print_when(out, "unless the root's", &rule->unless_root);
    return rc ? rc : buf_puts(out, "\n");
}

static int print_line(const struct catalogue_entity *e, struct buf *out)
{
    int rc = buf_printf(out, "%-22s %-28s %3zu table%s", e->name, e->tables[0].table,
                        e->table_count, e->table_count == 1 ? " " : "s");
    if (rc == 0 && e->kind != KIND_DATA)
        rc = buf_printf(out, "  %s", catalogue_kind_name(e->kind));
    for (const char *const *a = e->aliases; *a && rc == 0; a++)
        rc = buf_printf(out, "%s%s", a == e->aliases ? "  also: " : ", ", *a);
    return rc ? rc : buf_puts(out, "\n");
}

static int print_whole(const struct catalogue_entity *e, struct buf *out)
{
    int rc = buf_printf(out, "name: %s\nkind: %s\nfile: %s\n", e->name,
                        catalogue_kind_name(e->kind), e->file);
    rc = rc ? rc : print_words(out, "also: ", e->aliases);
    rc = rc ? rc : print_parts(out, "natural key: ", e->natural_key, e->natural_key_count, "\n");
    rc = rc ? rc : print_words(out, "the same in every shop: ", e->fixed);
    rc = rc ? rc : buf_puts(out, "tables:\n");
    for (size_t i = 0; i < e->table_count && rc == 0; i++)
        rc = print_table(out, &e->tables[i]);
    rc = rc || !e->reference_count ? rc : buf_puts(out, "refers to:\n");
    for (size_t i = 0; i < e->reference_count && rc == 0; i++)
        rc = print_reference(out, &e->references[i]);
    rc = rc || !e->encrypted_count ? rc : buf_puts(out, "encrypted:\n");
    for (size_t i = 0; i < e->encrypted_count && rc == 0; i++)
        rc = print_encrypted(out, &e->encrypted[i]);
    rc = rc || !e->single_count ? rc : buf_puts(out, "only one:\n");
    for (size_t i = 0; i < e->single_count && rc == 0; i++)
        rc = print_single(out, &e->singles[i]);
    rc = rc || !e->rule_count ? rc : buf_puts(out, "rules:\n");
    for (size_t i = 0; i < e->rule_count && rc == 0; i++)
        rc = print_rule(out, &e->rules[i]);
    rc = rc || !e->soft_count ? rc : buf_puts(out, "soft delete:\n");
    for (size_t i = 0; i < e->soft_count && rc == 0; i++)
        rc = buf_printf(out, "  %s%s = %s\n", e->softs[i].column ? "" : "attribute ",
                        e->softs[i].column ? e->softs[i].column : e->softs[i].attribute,
                        e->softs[i].value ? e->softs[i].value : "NULL");
    return rc;
}

static int print_group_whole(const struct catalogue_group *g, struct buf *out)
{
    int rc = buf_printf(out, "name: %s\nfile: %s\n", g->name, g->file);
    rc = rc ? rc : print_words(out, "tables: ", g->tables);
    rc = rc ? rc : print_words(out, "entities: ", g->entities);
    return rc ? rc : print_words(out, "roles: ", g->roles);
}

/* --- graph --------------------------------------------------------------- */

enum edge { EDGE_NONE, EDGE_DEFERRED, EDGE_OPTIONAL, EDGE_REQUIRED };

/* The strongest reference from one entity to another. */
static enum edge find_edge(const struct catalogue *c, const struct catalogue_entity *from,
                           const struct catalogue_entity *to)
{
    enum edge edge = EDGE_NONE;
    for (size_t i = 0; i < from->reference_count; i++) {
        const struct catalogue_reference *r = &from->references[i];
        enum edge this = r->required ? EDGE_REQUIRED : r->deferred ? EDGE_DEFERRED : EDGE_OPTIONAL;
        if (this > edge && catalogue_find(c, r->entity) == to)
            edge = this;
    }
    return edge;
}

static int print_graph(const struct catalogue *c, struct buf *out)
{
    static const char *const styles[] = {NULL, "dotted\", constraint=\"false", "dashed", "solid"};
    static const char *const shapes[] = {"box", "ellipse", "note"};
    int rc = buf_puts(out, "// datasync entities --graph | dot -Tsvg >entities.svg\n"
                           "// solid: required; dashed: optional; dotted: deferred\n"
                           "digraph entities {\n  rankdir=\"RL\"\n  node [fontname=\"sans\"]\n");
    for (size_t i = 0; i < catalogue_count(c) && rc == 0; i++) {
        const struct catalogue_entity *e = catalogue_at(c, i);
        rc = buf_printf(out, "  \"%s\" [shape=\"%s\"]\n", e->name, shapes[e->kind]);
    }
    for (size_t i = 0; i < catalogue_count(c) && rc == 0; i++)
        for (size_t k = 0; k < catalogue_count(c) && rc == 0; k++) {
            const struct catalogue_entity *from = catalogue_at(c, i), *to = catalogue_at(c, k);
            enum edge edge = i == k ? EDGE_NONE : find_edge(c, from, to);
            if (edge)
                rc = buf_printf(out, "  \"%s\" -> \"%s\" [style=\"%s\"]\n", from->name, to->name,
                                styles[edge]);
        }
    return rc ? rc : buf_puts(out, "}\n");
}

/* --- the command --------------------------------------------------------- */

static int print_entity(const struct invocation *in, const struct catalogue_entity *e,
                        struct buf *out)
{
    if (in->json)
        return print_entity_json(e, out);
    if (in->plain)
        return buf_printf(out, "%s\n", e->name);
    return in->argument_count ? print_whole(e, out) : print_line(e, out);
}

static int print_group(const struct invocation *in, const struct catalogue_group *g,
                       struct buf *out)
{
    if (in->json)
        return print_group_json(g, out);
    if (in->argument_count && !in->plain)
        return print_group_whole(g, out);
    return buf_printf(out, in->plain ? "%s\n" : "%-22s group of tables\n", g->name);
}

static int print_one(const struct invocation *in, const struct catalogue *c, struct buf *out,
                     struct ds_error *err)
{
    const char *name = in->arguments[0];
    const struct catalogue_entity *e = catalogue_find(c, name);
    const struct catalogue_group *g = *name == '@' ? catalogue_group_find(c, name) : NULL;
    if (in->graph)
        return error_set(err, DS_EUSAGE, "--graph prints all entities and takes no NAME");
    if (e)
        return print_entity(in, e, out);
    return g ? print_group(in, g, out)
             : error_set(err, DS_EUSAGE, "no entity '%s'; datasync entities lists them", name);
}

static int print_all(const struct invocation *in, const struct catalogue *c, struct buf *out)
{
    int rc = 0;
    if (in->graph)
        return print_graph(c, out);
    for (size_t i = 0; rc == 0 && i < catalogue_count(c); i++)
        rc = print_entity(in, catalogue_at(c, i), out);
    for (size_t i = 0; rc == 0 && i < catalogue_group_count(c); i++)
        rc = print_group(in, catalogue_group_at(c, i), out);
    return rc;
}

int command_entities(struct invocation *in)
{
    struct ds_error err = {0};
    BUF_AUTO struct buf text = {0};
    int rc = in->json + in->graph + in->plain > 1
                 ? error_set(&err, DS_EUSAGE, "--json, --graph and --plain exclude each other")
                 : cli_open_if_configured(in, &err);
    if (rc == 0)
        rc = in->argument_count ? print_one(in, in->catalogue, &text, &err)
                                : print_all(in, in->catalogue, &text);
    if (rc && !err.code)
        error_set(&err, DS_ENOMEM, "out of memory");
    return rc ? cli_fail(&err) : cli_output(&text);
}
