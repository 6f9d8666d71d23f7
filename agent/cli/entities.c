/* datasync entities: the catalogue, for people and programs. */
#include <string.h>

#include "agent/cli/cli.h"
#include "agent/cli/json.h"

static const char *const forms[] = {"one", "list", "path"};

static int print_json(const struct catalogue_entity *e, struct buf *out)
{
    struct json j = {.out = out};
    json_object(&j, NULL);
    json_text(&j, "name", e->name);
    json_array(&j, "aliases");
    for (const char *const *a = e->aliases; *a; a++)
        json_text(&j, NULL, *a);
    json_end(&j);
    json_array(&j, "natural_key");
    for (const char *const *a = e->natural_key; *a; a++)
        json_text(&j, NULL, *a);
    json_end(&j);
    json_array(&j, "tables");
    for (size_t i = 0; i < e->table_count; i++) {
        const struct catalogue_table *t = &e->tables[i];
        json_object(&j, NULL);
        json_text(&j, "table", t->table);
        json_text(&j, "role", t->role);
        json_text(&j, "link", t->link);
        json_text(&j, "through", t->through);
        json_bool(&j, "stock", t->stock);
        json_end(&j);
    }
    json_end(&j);
    json_array(&j, "references");
    for (size_t i = 0; i < e->reference_count; i++) {
        const struct catalogue_reference *r = &e->references[i];
        json_object(&j, NULL);
        json_text(&j, "table", r->table);
        json_text(&j, "column", r->column);
        json_text(&j, "entity", r->entity);
        json_bool(&j, "required", r->required);
        json_text(&j, "form", forms[r->form]);
        json_end(&j);
    }
    json_end(&j);
    json_text(&j, "file", e->file);
    json_end(&j);
    return j.failed ? j.failed : buf_puts(out, "\n");
}

static int print_line(const struct catalogue_entity *e, struct buf *out)
{
    int rc =
        buf_printf(out, "%-18s %-28s %3zu tables", e->name, e->tables[0].table, e->table_count);
    for (const char *const *a = e->aliases; *a && rc == 0; a++)
        rc = buf_printf(out, "%s%s", a == e->aliases ? "  also: " : ", ", *a);
    return rc ? rc : buf_puts(out, "\n");
}

static int print_whole(const struct catalogue_entity *e, struct buf *out)
{
    int rc = buf_printf(out, "name: %s\nfile: %s\n", e->name, e->file);
    for (const char *const *a = e->natural_key; *a && rc == 0; a++)
        rc = buf_printf(out, "%s%s%s", a == e->natural_key ? "natural key: " : ", ", *a,
                        a[1] ? "" : "\n");
    rc = rc ? rc : buf_puts(out, "tables:\n");
    for (size_t i = 0; i < e->table_count && rc == 0; i++) {
        const struct catalogue_table *t = &e->tables[i];
        rc = buf_printf(out, "  %-48s %-8s %s%s%s%s\n", t->table, t->role, t->link,
                        t->through ? " through " : "", t->through ? t->through : "",
                        t->stock ? " (stock)" : "");
    }
    rc = rc || !e->reference_count ? rc : buf_puts(out, "refers to:\n");
    for (size_t i = 0; i < e->reference_count && rc == 0; i++) {
        const struct catalogue_reference *r = &e->references[i];
        rc = buf_printf(out, "  %-18s by %s.%s%s%s\n", r->entity, r->table, r->column,
                        r->form == REFERENCE_ONE    ? ""
                        : r->form == REFERENCE_LIST ? ", a list"
                                                    : ", a path",
                        r->required ? ", required" : "");
    }
    return rc;
}

static int print_entity(const struct invocation *in, const struct catalogue_entity *e,
                        struct buf *out)
{
    if (in->json)
        return print_json(e, out);
    if (in->plain)
        return buf_printf(out, "%s\n", e->name);
    return in->argument_count ? print_whole(e, out) : print_line(e, out);
}

/* The catalogue needs no server, so neither does this: a configuration only when there is one. */
static int open_catalogue(struct invocation *in, struct catalogue **own, struct ds_error *err)
{
    struct ds_error ignored;
    *own = NULL;
    if (in->config_path || in->override_count)
        return cli_open(in, err);
    if (cli_open(in, &ignored) == 0)
        return 0;
    return catalogue_load(own, NULL, err);
}

int command_entities(struct invocation *in)
{
    struct ds_error err = {0};
    struct catalogue *own;
    BUF_AUTO struct buf text = {0};
    int rc = open_catalogue(in, &own, &err);
    const struct catalogue *c = own ? own : in->catalogue;
    if (rc == 0 && in->argument_count) {
        const struct catalogue_entity *e = catalogue_find(c, in->arguments[0]);
        rc = e ? print_entity(in, e, &text)
               : error_set(&err, DS_EUSAGE, "no entity '%s'; datasync entities lists them",
                           in->arguments[0]);
    } else {
        for (size_t i = 0; rc == 0 && i < catalogue_count(c); i++)
            rc = print_entity(in, catalogue_at(c, i), &text);
    }
    catalogue_free(own);
    if (rc && !err.code)
        error_set(&err, DS_ENOMEM, "out of memory");
    return rc ? cli_fail(&err) : cli_output(&text);
}
