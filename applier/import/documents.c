/* Ids inside longer values (schema/document.h): they are wanted with the ids of columns, and
 * rewritten when the row is translated. What names a row that is not here goes, or, in the
 * conditions of a price rule, becomes 0, which no row has: a condition about a category that does
 * not exist means the same at both sides.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "applier/import/documents.h"
#include "applier/import/import_internal.h"
#include "applier/import/resolve.h"
#include "applier/import/when.h"
#include "schema/log.h"

int import_add_documents(struct import_table *t)
{
    uint32_t count = 0;
    t->documents = arena_zalloc(&t->arena, document_format_count() * sizeof *t->documents);
    if (!t->documents)
        return DS_ENOMEM;
    for (size_t k = 0; k < document_format_count(); k++) {
        const struct document_format *f = document_format_at(k);
        int at = strcmp(f->table, t->entry->table) == 0
                     ? target_column_ordinal(t->target, f->column)
                     : -1;
        if (at < 0 || t->from[at] == NO_COLUMN)
            continue;
        uint32_t i = (uint32_t)at;
        int beside = f->beside ? target_column_ordinal(t->target, f->beside) : -1;
        t->documents[count++] =
            (struct import_document){.format = f,
                                     .source = t->from[i],
                                     .target = i,
                                     .beside = import_source_column(t, f->beside),
                                     .beside_target = beside < 0 ? NO_COLUMN : (uint32_t)beside};
    }
    t->document_count = count;
    return 0;
}

/* In a table of values attributes may have formats of their own. */
static bool is_document(const struct import *im, const struct import_row *row,
                        const struct import_document *d)
{
    const struct import_table *t = row->table;
    const struct import_attribute *a =
        t->attribute == NO_COLUMN ? NULL : import_attribute_of(im, row);
    if (!import_is_asked_for(row->entity) && row->entity->policy == IMPORT_MATCH)
        return false; /* what is only recognised is not written */
    for (uint32_t i = 0; i < t->document_count; i++) {
        const struct import_document *own = &t->documents[i];
        if (own->source == d->source && own->format->attribute && a &&
            strcmp(a->code, own->format->attribute) == 0)
            return own == d;
    }
    return !d->format->attribute;
}

struct visit {
    struct import *im;
    const struct import_row *row;
    const struct import_document *document;
    struct arena *arena;
    bool collects, pending;
};

/* The registry's type of what an id names; UINT32_MAX: its ids are the same at both sides. */
static int type_of(const struct import *im, const struct document_target *target, uint32_t *type)
{
    const struct catalogue_entity *e = catalogue_find(im->options.catalogue, target->entity);
    const struct catalogue_table *t = e ? import_catalogue_table(e, target->table) : NULL;
    const char *name = t ? import_type_name(e, t) : NULL;
    *type = name ? registry_type(im->registry, name) : UINT32_MAX;
    return name && *type == UINT32_MAX ? DS_ENOMEM : 0;
}

/* Is the value one of the option's? A customer may have typed a number. */
static int belongs(const struct visit *v, uint64_t value, struct slice option, bool *yes)
{
    char table[200];
    uint64_t count = 0;
    bool found;
    struct ds_error ignored;
    uint32_t type = registry_type(v->im->registry, "catalog_product_option");
    const struct registered *r = registry_find(v->im->registry, type, option);
    const char *prefix = v->im->options.config->destination.prefix;
    *yes = false;
    if (!r || !r->found)
        return 0;
    snprintf(table, sizeof table, "%scatalog_product_option_type_value", prefix ? prefix : "");
    int rc = db_scalar_u64(v->im->db, &count, &found, &ignored,
                           "SELECT COUNT(*) FROM `%s` WHERE option_type_id = %lu AND option_id = "
                           "%lu",
                           table, value, r->target);
    *yes = count > 0;
    return rc;
}

static int not_here(const struct visit *v, const struct document_id *id, uint32_t type,
                    struct slice *to)
{
    const char *table = v->document->format->table;
    bool written = document_is_written(v->document->format);
    if (import_incomplete(v->im, v->row, type, id->id, written) ||
        (!id->maybe && import_note_nameless(v->im, v->row->table->entry, id)))
        return DS_ENOMEM;
    if (table && strstr(table, "rule")) {
        *to = (struct slice){(const uint8_t *)"0", 1};
        return DOCUMENT_REPLACE;
    }
    return DOCUMENT_DROP;
}

static int want_id(struct visit *v, const struct document_id *id, uint32_t type)
{
    uint32_t option = registry_type(v->im->registry, "catalog_product_option");
    int rc = registry_want(v->im->registry, type, id->id);
    if (rc == 0 && id->maybe && id->of.len)
        rc = registry_want(v->im->registry, option, id->of);
    return rc ? rc : DOCUMENT_KEEP;
}

static int visit_id(void *arg, const struct document_id *id, struct slice *to)
{
    struct visit *v = arg;
    uint64_t target = 0;
    uint32_t type;
    char number[32];
    bool yes = true;
    if (type_of(v->im, &id->target, &type))
        return DS_ENOMEM;
    if (type == UINT32_MAX || (id->id.len == 1 && *id->id.p == '0'))
        return DOCUMENT_KEEP;
    if (v->collects)
        return want_id(v, id, type);
    switch (import_resolve_id(v->im, type, id->id, &target)) {
    case IS_RESOLVED:
        import_forget_nameless(v->im, v->row->table->entry, id);
        break;
    case IS_PENDING:
        v->pending = true;
        return DOCUMENT_KEEP;
    case IS_NOT_HERE:
        return not_here(v, id, type, to);
    }
    int rc = id->maybe ? belongs(v, target, id->of, &yes) : 0;
    if (rc || !yes)
        return rc ? rc : DOCUMENT_KEEP;
    int n = snprintf(number, sizeof number, "%lu", target);
    to->p = arena_copy(v->arena, number, (size_t)n);
    to->len = (size_t)n;
    return to->p ? DOCUMENT_REPLACE : DS_ENOMEM;
}

static bool has_options(void *arg, struct slice code)
{
    const struct visit *v = arg;
    for (uint32_t i = 0; i < v->im->attribute_count; i++) {
        const struct import_attribute *a = &v->im->attributes[i];
        if (strcmp(a->type, "catalog_product") == 0 && strlen(a->code) == code.len &&
            memcmp(a->code, code.p, code.len) == 0)
            return a->options && strstr(a->input, "select");
    }
    return false;
}

static struct slice text_at(const uint8_t *const *values, uint32_t column, char scratch[32],
                            bool *null)
{
    *null = true;
    return column == NO_COLUMN ? (struct slice){(const uint8_t *)"", 0}
                               : import_text(values[column], scratch, null);
}

/* A row is met several times: its ids are wanted, then replaced, and a copy may bring it again. */
static bool was_told(struct import *im, const struct import_row *row,
                     const struct import_document *d, const struct ds_error *why)
{
    uint64_t hash = XXH3_64bits_withSeed(row->id.p, row->id.len, (uintptr_t)d->format);
    hash = XXH3_64bits_withSeed(why->message, strlen(why->message), hash);
    uint64_t *told = &im->told_documents[hash % IMPORT_TOLD_DOCUMENTS];
    bool was = *told == hash;
    *told = hash;
    return was;
}

/* What cannot be read travels as it is: the shop cannot read it either. */
static int unreadable(struct import *im, const struct import_row *row,
                      const struct import_document *d, const struct ds_error *why)
{
    if (why->code != DS_EFORMAT && why->code != DS_ELIMIT && why->code != DS_EUNSUPPORTED)
        return why->code;
    if (!was_told(im, row, d, why))
        log_warn("ids inside a value are left as they are table=%s column=%s id=%.*s reason=\"%s\"",
                 row->table->entry->table, row->table->target->columns[d->target].name,
                 (int)row->id.len, row->id.p ? (const char *)row->id.p : "", why->message);
    return 0;
}

int import_want_documents(struct import *im, const struct import_row *row)
{
    char room[2][32];
    bool null, no_beside;
    int rc = 0;
    for (uint32_t i = 0; row->after && rc == 0 && i < row->table->document_count; i++) {
        const struct import_document *d = &row->table->documents[i];
        if (!is_document(im, row, d))
            continue;
        struct visit v = {.im = im, .row = row, .document = d, .arena = &im->arena};
        v.collects = true;
        const struct document_visitor visitor = {visit_id, has_options, &v};
        struct slice value = text_at(row->after, d->source, room[0], &null);
        struct slice beside = text_at(row->after, d->beside, room[1], &no_beside);
        struct ds_error why = {0};
        if (!null && value.len &&
            document_collect(d->format, value, beside, &visitor, &im->arena, &why))
            rc = unreadable(im, row, d, &why);
    }
    return rc;
}

static int rewrite(struct import *im, struct import_row *row, const struct import_document *d,
                   bool *pending, struct ds_error *err)
{
    char room[2][32];
    bool null, no_beside;
    struct visit v = {.im = im, .row = row, .document = d, .arena = &im->arena};
    const struct document_visitor visitor = {visit_id, has_options, &v};
    struct slice value = text_at(row->after, d->source, room[0], &null);
    struct slice beside = text_at(row->after, d->beside, room[1], &no_beside);
    struct document_value out;
    struct ds_error why = {0};
    *pending = false;
    if (null || !value.len)
        return 0;
    if (document_rewrite(d->format, value, beside, &visitor, &im->arena, &out, &why)) {
        int rc = unreadable(im, row, d, &why);
        if (rc)
            *err = why;
        return rc;
    }
    *pending = v.pending;
    if (out.row_gone) {
        row->state = ROW_LEFT;
        im->left_rows++;
        return 0;
    }
    if (out.null || out.value.p != value.p) /* else as it is, or what a reference made of it */
        row->values[d->target] =
            out.null ? import_null : import_string(&im->arena, out.value.p, out.value.len, true);
    if (d->beside_target != NO_COLUMN && !no_beside)
        row->values[d->beside_target] =
            import_string(&im->arena, out.beside.p, out.beside.len, true);
    return row->values[d->target] ? 0 : import_no_memory(err);
}

int import_translate_documents(struct import *im, struct import_row *row, struct ds_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; row->state == ROW_OPEN && rc == 0 && i < row->table->document_count; i++) {
        const struct import_document *d = &row->table->documents[i];
        bool pending = false;
        if (is_document(im, row, d))
            rc = rewrite(im, row, d, &pending, err);
        if (rc == 0 && pending)
            rc = import_defer(im, row, NULL, d, err);
    }
    return rc;
}

/* Again, when all that it names is there. */
int import_rewrite_deferred(struct import *im, struct import_row *row,
                            const struct import_document *d, struct ds_error *err)
{
    bool pending;
    row->values[d->target] = row->after[d->source];
    return rewrite(im, row, d, &pending, err);
}
