/* Rules of a map in mode import, which finds rows by what the catalogue says of their tables and
 * columns: these keep their names, and ids stay the source's until they are translated. */
#include <string.h>

#include "schema/filter_internal.h"

/* What the catalogue knows a column as; NULL: as nothing. *id: its values are ids, or tell rows
 * apart by such. */
static const char *known_as(const struct filter *f, const char *document, const char *column,
                            bool *id)
{
    const struct catalogue_entity *e;
    const struct catalogue_table *t;
    *id = true;
    if (!catalogue_lookup(f->catalogue, document, &e, &t))
        return NULL;
    if ((t->key && strcmp(t->key, column) == 0) || (t->link && strcmp(t->link, column) == 0))
        return "the key of its rows, or of their entity";
    for (size_t i = 0; i < e->reference_count; i++) {
        const struct catalogue_reference *r = &e->references[i];
        if (strcmp(r->table, document) == 0 && strcmp(r->column, column) == 0 &&
            !catalogue_asks_attribute(r) && !r->when.column)
            return "an id of another entity";
    }
    for (size_t i = 0; i < e->encrypted_count; i++)
        if (strcmp(e->encrypted[i].table, document) == 0 &&
            strcmp(e->encrypted[i].column, column) == 0)
            return "encrypted";
    *id = false;
    for (size_t i = 0; i < t->part_count; i++)
        if (!t->parts[i].table && t->parts[i].column && strcmp(t->parts[i].column, column) == 0)
            return "what rows are found by";
    for (size_t i = 0; t == &e->tables[0] && i < e->natural_key_count; i++)
        if (!e->natural_key[i].table && e->natural_key[i].column &&
            strcmp(e->natural_key[i].column, column) == 0)
            return "its natural key";
    return NULL;
}

static int refuse(const struct map_rule *r, const char *column, const char *what,
                  struct ds_error *err)
{
    return error_set(err, DS_EUSAGE,
                     "%s:%u: the rule is for %s.%s, which an import knows as %s: take it out, or "
                     "leave the entity out",
                     r->file, r->line, r->document, column, what);
}

static bool is_shops(const struct filter *f, const char *document)
{
    const struct catalogue_entity *e;
    const struct catalogue_table *t;
    return catalogue_lookup(f->catalogue, document, &e, &t);
}

static int check_rule(const struct filter *f, const struct map_rule *r, struct ds_error *err)
{
    bool id = false, to_id;
    const char *there =
        r->side == MAP_SOURCE ? map_document(f->map, MAP_SOURCE, r->document) : r->document;
    const char *what = r->field && there ? known_as(f, there, r->field, &id) : NULL;
    switch (r->kind) {
    case MAP_RENAME:
        if (is_shops(f, r->document))
            return error_set(err, DS_EUSAGE,
                             "%s:%u: %s is not to become %s in mode import: the catalogue has the "
                             "destination's names of tables, and knows that one",
                             r->file, r->line, r->document, r->to_document);
        return 0;
    case MAP_MOVE:
        if (!what && known_as(f, r->to_document, r->to_field, &to_id))
            return refuse(r, r->field, "what a column that the catalogue names becomes", err);
        return what ? refuse(r, r->field, what, err) : 0;
    case MAP_IGNORE_FIELD:
        return what ? refuse(r, r->field, what, err) : 0;
    case MAP_TRANSFORM:
        return what && id ? refuse(r, r->field, what, err) : 0;
    case MAP_IGNORE_DOCUMENT:
    case MAP_IGNORE_DATATYPE:
        break;
    }
    return 0;
}

int filter_map_check_import(const struct filter *f, struct ds_error *err)
{
    int rc = 0;
    for (size_t i = 0; i < map_count(f->map) && rc == 0; i++)
        rc = check_rule(f, map_at(f->map, i), err);
    return rc;
}
