/* Handlers that write rows of other tables at the destination, with the record. For the same record
 * they give the same rows: what it gave before and gives no more goes. */
#include <string.h>

#include "applier/map/handler.h"

static int emit(const struct map_handler *h, const struct map_call *c,
                const struct map_output *output, struct ds_error *err)
{
    if (!c->emit)
        return handler_refuse(h, err, "rows of %s cannot be written from here", output->table);
    return c->emit(c->emit_arg, output, err);
}

/* The column by which a table of the destination names what it belongs to: where versions of it are
 * staged, the one of a version. */
static int owner_field(const struct map_call *c, const char *table, const char *usual,
                       const char **out, struct ds_error *err)
{
    bool staged = false;
    int rc =
        c->facts->has_field ? c->facts->has_field(c->facts->arg, table, "row_id", &staged, err) : 0;
    *out = staged ? "row_id" : usual;
    return rc;
}

/* --- Gallery\InsertValueToEntity ---------------------------------------------------------------
 */

static int call_gallery_value(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    static const char table[] = "catalog_product_entity_media_gallery_value_to_entity";
    const char *fields[] = {"value_id", NULL};
    struct map_value values[] = {*handler_value(c), *handler_column(h, c, 0)};
    struct map_output output = {
        .table = table, .fields = fields, .field_count = 2, .values = values, .row_count = 1};
    int rc = owner_field(c, table, "entity_id", &fields[1], err);
    return rc ? rc : emit(h, c, &output, err);
}

/* --- Sequence ----------------------------------------------------------------------------------
 */

static int call_sequence(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    static const char *const fields[] = {"sequence_value"};
    struct map_output output = {.table = handler_param(h, "table"),
                                .fields = fields,
                                .field_count = 1,
                                .values = handler_value(c),
                                .row_count = 1};
    struct map_value *from = handler_find(c->opposite, "created_in"),
                     *to = handler_find(c->opposite, "updated_in");
    if (from && to) { /* one version, valid for ever */
        *from = (struct map_value){.set = true, .text = slice_of("1")};
        *to = (struct map_value){.set = true, .text = slice_of("2147483647")};
    }
    return value_is_empty(handler_value(c)) ? 0 : emit(h, c, &output, err);
}

/* --- Synonym -----------------------------------------------------------------------------------
 */

/* A group of synonyms has the number of its query, so that it is the same group each time, and a
 * list between commas, as the destination's shop reads it. */
static int call_synonym(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    static const char *const fields[] = {"group_id", "synonyms", "store_id", "website_id"};
    struct slice synonyms = value_text(handler_value(c)),
                 query = value_text(handler_column(h, c, 1));
    const struct map_value *store = handler_column(h, c, 2);
    struct map_value values[4] = {*handler_column(h, c, 0), {0}, *store, {0}};
    struct map_output output = {.table = "search_synonyms",
                                .fields = fields,
                                .field_count = 4,
                                .values = values,
                                .row_count = synonyms.len > 0};
    int rc = value_is_null(store) ? 0
                                  : handler_lookup(c, "core_store", "website_id", "store_id",
                                                   store->text, &values[3], err);
    values[1].set = true;
    if (rc == 0)
        rc = handler_join(c, (const struct slice[]){synonyms, slice_of(","), query}, 3,
                          &values[1].text, err);
    if (rc)
        return rc;
    if (value_is_null(&values[3])) /* of a store that is gone: of all */
        values[3] = (struct map_value){.set = true, .text = slice_of("0")};
    return emit(h, c, &output, err);
}

/* --- Rule\NormalizationIds ---------------------------------------------------------------------
 */

/* A list of ids becomes a row for each. */
static int call_normalization(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    const char *table = handler_param(h, "normalizationDocument"),
               *fields[] = {NULL, handler_param(h, "normalizationField")};
    struct slice list = value_text(handler_value(c));
    size_t most = 1;
    for (size_t i = 0; i < list.len; i++)
        most += list.p[i] == ',';
    struct map_value *values = arena_alloc(c->arena, 2 * most * sizeof *values);
    struct map_output output = {
        .table = table, .fields = fields, .field_count = 2, .values = values};
    int rc = owner_field(c, table, "rule_id", &fields[0], err);
    if (rc || !values)
        return rc ? rc : handler_no_memory(err);
    for (size_t i = 0, start = 0; i <= list.len; i++)
        if (i == list.len || list.p[i] == ',') {
            struct slice id = text_trim((struct slice){list.p + start, i - start});
            start = i + 1;
            if (!id.len)
                continue;
            values[2 * output.row_count] = *handler_column(h, c, 0);
            values[2 * output.row_count++ + 1] = (struct map_value){.set = true, .text = id};
        }
    return emit(h, c, &output, err);
}

const struct map_class handlers_of_outputs[] = {
    {.name = "Gallery\\InsertValueToEntity",
     .columns = "entity_id",
     .writes = "catalog_product_entity_media_gallery_value_to_entity",
     .call = call_gallery_value},
    {.name = "Sequence", .required = "table", .writes = "$table", .call = call_sequence},
    {.name = "Synonym",
     .columns = "query_id query_text store_id",
     .writes = "search_synonyms",
     .call = call_synonym},
    {.name = "Rule\\NormalizationIds",
     .required = "normalizationDocument normalizationField",
     .columns = "rule_id",
     .writes = "$normalizationDocument",
     .call = call_normalization},
    {0},
};
