/* datasync sync: whole entities of a source into a destination that has ids of its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/runner.h"
#include "applier/import/import.h"
#include "applier/media/media.h"

/* Setting KEY=VALUE, as if it had been given as an option before all others, which so come to
 * count. */
static int preset(struct invocation *in, const char *key, const char *value, const char *option,
                  struct ds_error *err)
{
    struct config_override *more = realloc(in->overrides, (in->override_count + 1) * sizeof *more);
    char *text = NULL;
    if (more)
        in->overrides = more;
    if (!more || asprintf(&text, "%s=%s", key, value) < 0)
        return error_set(err, DS_ENOMEM, "out of memory for the command line");
    memmove(more + 1, more, in->override_count * sizeof *more);
    more[0] = (struct config_override){text, option};
    in->override_count++;
    return 0;
}

static bool is_date(const char *text)
{
    static const char form[] = "dddd-dd-dd";
    if (strlen(text) != sizeof form - 1)
        return false;
    for (size_t i = 0; form[i]; i++)
        if (form[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
            return false;
    return true;
}

static int check_date(const char *option, const char *text, struct ds_error *err)
{
    return !text || is_date(text)
               ? 0
               : error_set(err, DS_EUSAGE, "--%s: '%.100s' is no date YYYY-MM-DD", option, text);
}

static int check_adapter(const char *adapter, struct ds_error *err)
{
    static const char *const later[] = {"woocommerce", "shopify", "magento2"};
    if (!adapter || strcmp(adapter, "openmage") == 0 || strcmp(adapter, "csv") == 0)
        return 0;
    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        if (strcmp(adapter, later[i]) == 0)
            return error_set(err, DS_EUSAGE, "--adapter: %s does not work in this version",
                             adapter);
    return error_set(err, DS_EUSAGE, "--adapter: '%.100s' is not one of: csv, openmage", adapter);
}

/* The file's options, if the entities come from a file; else *is_file is false. */
static int read_file_options(const struct invocation *in, struct csv_options *csv, bool *is_file,
                             struct ds_error *err)
{
    const char *delimiter = in->delimiter ? in->delimiter : ",";
    *is_file = in->adapter ? strcmp(in->adapter, "csv") == 0 : in->file != NULL;
    if (!*is_file && (in->file || in->delimiter || in->encoding || in->auto_link))
        return error_set(err, DS_EUSAGE,
                         "--file, --delimiter, --encoding and --auto-link-configurables are for "
                         "the adapter csv");
    if (!*is_file)
        return 0;
    if (!in->file)
        return error_set(err, DS_EUSAGE, "--file: the adapter csv needs a file");
    if (strcmp(delimiter, "tab") == 0 || strcmp(delimiter, "\\t") == 0)
        delimiter = "\t";
    if (strlen(delimiter) != 1 || strchr("\"\r\n", *delimiter))
        return error_set(err, DS_EUSAGE,
                         "--delimiter: '%.20s' is not one character, or cannot be one", delimiter);
    *csv = (struct csv_options){.file = in->file,
                                .delimiter = *delimiter,
                                .encoding = in->encoding,
                                .skip_invalid = in->skip_invalid,
                                .auto_link = in->auto_link};
    return cli_check_file(in->file, err);
}

/* A product has its stock, too; --stock says whether it is wanted, or nothing else. */
static const char *entities_of(const char *entity)
{
    static const char *const products[] = {"product", "products"};
    for (size_t i = 0; i < sizeof products / sizeof *products; i++)
        if (strcmp(entity, products[i]) == 0)
            return "[product, stock]";
    return entity;
}

static int check_options_mode(const struct invocation *in, struct ds_error *err)
{
    static const char *const entities[] = {"all", "product", "products"};
    for (size_t i = 0; i < sizeof entities / sizeof *entities; i++)
        if (!in->options_mode || strcmp(in->arguments[0], entities[i]) == 0)
            return 0;
    return error_set(err, DS_EUSAGE, "--options-mode is for products");
}

/* What stands in the configuration is for a stream; here the command line says which entities. */
static int open_config(struct invocation *in, struct ds_error *err)
{
    const char *entity = entities_of(in->arguments[0]);
    int rc = preset(in, "mode", "import", "sync", err);
    rc = rc ? rc : preset(in, "source_system", in->arguments[1], "SOURCE", err);
    rc = rc ? rc : preset(in, "entities", entity, "ENTITY", err);
    if (rc == 0 && !in->on_duplicate)
        in->on_duplicate = "error";
    rc = rc ? rc : preset(in, "on_duplicate", in->on_duplicate, "on-duplicate", err);
    rc = rc ? rc
            : preset(in, "on_invalid", in->skip_invalid ? "skip" : "error", "skip-invalid", err);
    const char *options = in->options_mode ? in->options_mode : "auto";
    rc = rc ? rc : preset(in, "options_mode", options, "options-mode", err);
    if (rc == 0 && in->force_images)
        rc = preset(in, "images.replace", "true", "force-image-import", err);
    rc = rc ? rc : cli_open(in, err);
    const struct catalogue_entity *e = rc ? NULL : catalogue_find(in->catalogue, in->arguments[0]);
    if (e && e->kind == KIND_DERIVED)
        rc = error_set(err, DS_EUSAGE,
                       "%s is never imported: the shop makes it from its other rows", e->name);
    return rc;
}

/* --- the summary --------------------------------------------------------------------------- */

static bool is_told(const struct import_counts *c)
{
    return c->created + c->updated + c->merged + c->skipped + c->invalid + c->deleted > 0;
}

static double rate_of(const struct import_counts *c)
{
    uint64_t ms = c->last_ms > c->first_ms ? c->last_ms - c->first_ms : 1;
    return (double)(c->created + c->updated + c->merged + c->skipped) * 1000.0 / (double)ms;
}

static int print_counts(const struct import_counts *c, bool json, struct buf *out)
{
    if (json)
        return buf_printf(out,
                          "{\"entity\":\"%s\",\"created\":%lu,\"updated\":%lu,\"merged\":%lu,"
                          "\"skipped\":%lu,\"deleted\":%lu,\"invalid\":%lu,\"per_second\":%.1f}\n",
                          c->entity, c->created, c->updated, c->merged, c->skipped, c->deleted,
                          c->invalid, rate_of(c));
    return buf_printf(out, "%-20s %9lu %9lu %9lu %9lu %9lu %9lu %9.0f\n", c->entity, c->created,
                      c->updated, c->merged, c->skipped, c->deleted, c->invalid, rate_of(c));
}

static int print_images(const struct media_counts *c, bool json, struct buf *out)
{
    return buf_printf(out,
                      json ? "{\"images\":{\"copied\":%lu,\"downloaded\":%lu,\"kept\":%lu,"
                             "\"missing\":%lu}}\n"
                           : "images: %lu copied, %lu downloaded, %lu there already, %lu missing\n",
                      c->copied, c->downloaded, c->kept, c->missing);
}

int sync_summary(const struct invocation *in, const struct applier *applier)
{
    BUF_AUTO struct buf out = {0};
    size_t count;
    const struct import_counts *counts = applier_import_counts(applier, &count);
    int rc = in->json ? 0
                      : buf_printf(&out, "%-20s %9s %9s %9s %9s %9s %9s %9s%s\n", "entity",
                                   "created", "updated", "merged", "skipped", "deleted", "invalid",
                                   "/s", in->dry_run ? "   (dry run: nothing was written)" : "");
    for (size_t i = 0; i < count && rc == 0; i++)
        if (is_told(&counts[i]))
            rc = print_counts(&counts[i], in->json, &out);
    const struct media_counts *images = applier_import_files(applier);
    if (rc == 0 && images && images->copied + images->downloaded + images->kept + images->missing)
        rc = print_images(images, in->json, &out);
    return rc ? EXIT_FAILED : cli_output(&out);
}

static int check_entity(const struct invocation *in, struct ds_error *err)
{
#ifdef HAVE_CSV
    return csv_check_entity(in->catalogue, in->arguments[0], err);
#else
    (void)in;
    return error_set(err, DS_EUSAGE, "this datasync was built without CSV files (-Dcsv)");
#endif
}

/* A file has no server that could be asked how values compare. */
static int check_file_options(const struct invocation *in, struct ds_error *err)
{
    bool masks = filter_mask(in->filter), chooses = filter_where_table(in->filter, 0);
    if (masks || chooses)
        return error_set(err, DS_EUSAGE,
                         "%s does not go with the adapter csv: take it out of the configuration, "
                         "or of the file what it is about",
                         masks ? "mask" : "where");
    return check_entity(in, err);
}

int command_sync(struct invocation *in)
{
    struct ds_error err = {0};
    struct csv_options csv = {0};
    bool is_file = false;
    struct entity_selection selection = {
        .date_from = in->date_from, .date_to = in->date_to, .limit = in->limit};
    struct runner_options o = {.command = "sync",
                               .agent = true,
                               .applier = true,
                               .ends_by_itself = true,
                               .range = true,
                               .dry_run = in->dry_run,
                               .skip_invalid = in->skip_invalid,
                               .copy = &selection,
                               .stop_at = {.kind = STOP_NEVER}};
    const char **ids = NULL, **increment_ids = NULL;
    int rc = check_adapter(in->adapter, &err);
    rc = rc ? rc : check_date("date-from", in->date_from, &err);
    rc = rc ? rc : check_date("date-to", in->date_to, &err);
    rc = rc ? rc : check_options_mode(in, &err);
    if (rc == 0 && in->entity_ids)
        rc = cli_split_list(in->entity_ids, &ids, &selection.id_count, &err);
    if (rc == 0 && in->increment_ids)
        rc = cli_split_list(in->increment_ids, &increment_ids, &selection.increment_id_count, &err);
    selection.ids = ids;
    selection.increment_ids = increment_ids;
    rc = rc ? rc : read_file_options(in, &csv, &is_file, &err);
    o.csv = is_file ? &csv : NULL;
    rc = rc ? rc : open_config(in, &err);
    rc = rc || !is_file ? rc : check_file_options(in, &err);
    int code = rc ? cli_fail(&err) : runner_run(in, &o);
    free(ids);
    free(increment_ids);
    return code;
}
