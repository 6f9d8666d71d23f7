#include "agent/cli/sync.h"

#include <stdlib.h>
#include <string.h>

#include "schema/time_text.h"

static bool is_one_of(const char *word, const char *const *list)
{
    while (*list && strcmp(*list, word) != 0)
        list++;
    return *list != NULL;
}

/* --- the command line alone ------------------------------------------------------------------ */

static int check_adapter(const struct invocation *in, struct ds_error *err)
{
    static const char *const later[] = {"woocommerce", "shopify", "magento2", NULL};
    static const char *const known[] = {"csv", "openmage", NULL};
    const char *adapter = in->adapter;
    if (adapter && is_one_of(adapter, later))
        return error_set(err, DS_EUSAGE,
                         "--adapter: %s does not work in this version: woocommerce, shopify and "
                         "magento2 follow in a later one",
                         adapter);
    if (adapter && !is_one_of(adapter, known))
        return error_set(err, DS_EUSAGE, "--adapter: '%.100s' is not one of: csv, openmage",
                         adapter);
    const char *api = in->url          ? "url"
                      : in->api_key    ? "api-key"
                      : in->api_secret ? "api-secret"
                                       : NULL;
    return api ? error_set(err, DS_EUSAGE,
                           "--%s is for the adapters woocommerce, shopify and magento2, which "
                           "follow in a later version; csv reads a --file, openmage a database "
                           "(--db-host and its kin)",
                           api)
               : 0;
}

static int check_dates(const struct invocation *in, struct ds_error *err)
{
    const char *from = in->date_from, *to = in->date_to;
    const char *bad = from && !time_text_is_date(from) ? from
                      : to && !time_text_is_date(to)   ? to
                                                       : NULL;
    if (bad)
        return error_set(err, DS_EUSAGE,
                         "--%s: '%.100s' is no date YYYY-MM-DD, or none of the calendar",
                         bad == from ? "date-from" : "date-to", bad);
    if (from && to && strcmp(from, to) > 0)
        return error_set(err, DS_EUSAGE, "--date-from %s is later than --date-to %s", from, to);
    return 0;
}

/* An empty variable of a script is not to mean everything. */
static int read_list(const char *option, char *text, const char ***out, size_t *count,
                     struct ds_error *err)
{
    int rc = text ? cli_split_list(text, out, count, err) : 0;
    if (rc == 0 && text && !*count)
        return error_set(err, DS_EUSAGE,
                         "--%s: the list is empty; without the option all are copied", option);
    return rc;
}

/* What the command's arguments say. */
static int check_settings(const struct invocation *in, struct ds_error *err)
{
    static const struct {
        const char *key, *instead;
    } taken[] = {{"entities", "ENTITY, the first argument, says what is copied"},
                 {"source_system", "SOURCE, the second argument, is its name"},
                 {"mode", "sync always imports"}};
    for (size_t i = 0; i < in->override_count; i++) {
        const struct config_override *o = &in->overrides[i];
        size_t len = strcspn(o->text, "=");
        for (size_t k = 0; k < sizeof taken / sizeof *taken; k++)
            if (strlen(taken[k].key) == len && strncmp(o->text, taken[k].key, len) == 0)
                return error_set(err, DS_EUSAGE, "--%s%s%s does not go with sync: %s", o->option,
                                 strcmp(o->option, "set") == 0 ? " " : "",
                                 strcmp(o->option, "set") == 0 ? taken[k].key : "",
                                 taken[k].instead);
    }
    return 0;
}

/* The first option that names a source database. */
static const char *database_option(const struct invocation *in)
{
    for (size_t i = 0; i < in->override_count; i++)
        if (strncmp(in->overrides[i].option, "db-", 3) == 0)
            return in->overrides[i].option;
    return NULL;
}

/* The file's options, if the entities come from a file. */
static int read_file_options(const struct invocation *in, struct sync_options *out,
                             struct ds_error *err)
{
    const char *delimiter = in->delimiter ? in->delimiter : ",";
    out->is_file = in->adapter ? strcmp(in->adapter, "csv") == 0 : in->file != NULL;
    if (!out->is_file && (in->file || in->delimiter || in->encoding || in->auto_link))
        return error_set(err, DS_EUSAGE,
                         "--file, --delimiter, --encoding and --auto-link-configurables are for "
                         "the adapter csv");
    if (!out->is_file)
        return 0;
    if (!in->file)
        return error_set(err, DS_EUSAGE, "--file: the adapter csv needs a file");
    if (database_option(in))
        return error_set(err, DS_EUSAGE,
                         "--%s names a source database, for the adapter openmage: with --file the "
                         "entities come from the file, and go into the configuration's destination",
                         database_option(in));
    if (strcmp(delimiter, "tab") == 0 || strcmp(delimiter, "\\t") == 0)
        delimiter = "\t";
    if (strlen(delimiter) != 1 || strchr("\"\r\n", *delimiter))
        return error_set(err, DS_EUSAGE,
                         "--delimiter: '%.20s' is not one character, or cannot be one", delimiter);
    out->csv = (struct csv_options){.file = in->file,
                                    .delimiter = *delimiter,
                                    .encoding = in->encoding,
                                    .skip_invalid = in->skip_invalid,
                                    .auto_link = in->auto_link};
    return cli_check_file(in->file, err);
}

int sync_options_read(struct invocation *in, struct sync_options *out, struct ds_error *err)
{
    struct entity_selection *s = &out->selection;
    *out = (struct sync_options){
        .selection = {.date_from = in->date_from, .date_to = in->date_to, .limit = in->limit}};
    int rc = check_adapter(in, err);
    if (rc == 0 && !*in->arguments[1])
        rc = error_set(err, DS_EUSAGE, "SOURCE is empty: give the source a name");
    rc = rc ? rc : check_settings(in, err);
    rc = rc ? rc : check_dates(in, err);
    rc = rc ? rc : read_list("entity-ids", in->entity_ids, &out->ids, &s->id_count, err);
    rc = rc ? rc
            : read_list("increment-ids", in->increment_ids, &out->increment_ids,
                        &s->increment_id_count, err);
    s->ids = out->ids;
    s->increment_ids = out->increment_ids;
    return rc ? rc : read_file_options(in, out, err);
}

void sync_options_free(struct sync_options *o)
{
    free(o->ids);
    free(o->increment_ids);
}

/* --- with the catalogue ---------------------------------------------------------------------- */

static bool is_given(const struct invocation *in, const char *option)
{
    for (size_t i = 0; i < in->override_count; i++)
        if (strcmp(in->overrides[i].option, option) == 0)
            return true;
    return false;
}

/* Is one of these asked for? */
static bool asks_for(const struct invocation *in, const char *const *entities)
{
    const struct config_list *asked = &in->config.entities;
    for (size_t i = 0; i < asked->count; i++) {
        const struct catalogue_entity *e = catalogue_find(in->catalogue, asked->items[i]);
        if (strcmp(asked->items[i], CONFIG_ALL) == 0 || (e && is_one_of(e->name, entities)))
            return true;
    }
    return false;
}

/* Options that mean nothing to other entities. */
static int check_whose(const struct invocation *in, struct ds_error *err)
{
    static const char *const products[] = {"product", NULL};
    static const char *const stock[] = {"product", "stock", NULL};
    static const char *const images[] = {"product", "category", NULL};
    const struct {
        const char *option;
        bool given;
        const char *const *entities;
        const char *whose;
    } options[] = {
        {"options-mode", in->options_mode, products, "products"},
        {"auto-link-configurables", in->auto_link, products, "products"},
        {"stock", is_given(in, "stock"), stock, "products and stock"},
        {"force-image-import", in->force_images, images, "products and categories"},
        {"image-base-path", is_given(in, "image-base-path"), images, "products and categories"},
        {"image-base-url", is_given(in, "image-base-url"), images, "products and categories"},
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (options[i].given && !asks_for(in, options[i].entities))
            return error_set(err, DS_EUSAGE, "--%s is for %s: it means nothing to '%.60s'",
                             options[i].option, options[i].whose, in->arguments[0]);
    return 0;
}

int sync_options_check(const struct invocation *in, const struct sync_options *o,
                       struct ds_error *err)
{
    const struct catalogue_entity *e = catalogue_find(in->catalogue, in->arguments[0]);
    static const char *const every[] = {NULL};
    if (e && strcmp(e->name, "stock") == 0 && in->config.stock == STOCK_EXCLUDE)
        return error_set(err, DS_EUSAGE, "--stock exclude leaves nothing of '%s'", e->name);
    if (o->selection.id_count && asks_for(in, every))
        return error_set(err, DS_EUSAGE,
                         "--entity-ids are ids of one kind of entity: name that instead of all");
    return check_whose(in, err);
}
