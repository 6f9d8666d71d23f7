/* datasync sync: whole entities of a source into a destination that has ids of its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/runner.h"
#include "agent/cli/summary.h"
#include "agent/cli/sync.h"

/* A product has its stock, too; --stock says whether it is wanted, or nothing else. */
static const char *entities_of(const char *entity)
{
    static const char *const products[] = {"product", "products"};
    for (size_t i = 0; i < sizeof products / sizeof *products; i++)
        if (strcmp(entity, products[i]) == 0)
            return "[product, stock]";
    return entity;
}

/* What stands in the configuration is for a stream; here the command line says which entities. */
static int open_config(struct invocation *in, bool is_file, struct ds_error *err)
{
    const char *entity = entities_of(in->arguments[0]);
    int rc = cli_preset(in, "mode", "import", is_file ? CONFIG_SYNC_FILE : CONFIG_SYNC, err);
    rc = rc ? rc : cli_preset(in, "source_system", in->arguments[1], "SOURCE", err);
    rc = rc ? rc : cli_preset(in, "entities", entity, "ENTITY", err);
    rc = rc ? rc : cli_preset(in, "stock", "include", "stock-of-sync", err);
    if (rc == 0 && !in->on_duplicate)
        in->on_duplicate = "error";
    rc = rc ? rc : cli_preset(in, "on_duplicate", in->on_duplicate, "on-duplicate", err);
    rc =
        rc ? rc
           : cli_preset(in, "on_invalid", in->skip_invalid ? "skip" : "error", "skip-invalid", err);
    const char *options = in->options_mode ? in->options_mode : "auto";
    rc = rc ? rc : cli_preset(in, "options_mode", options, "options-mode", err);
    if (rc == 0 && in->force_images)
        rc = cli_preset(in, "images.replace", "true", "force-image-import", err);
    return rc ? rc : cli_open(in, err);
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
    if (masks || chooses || filter_map(in->filter))
        return error_set(err, DS_EUSAGE,
                         "%s does not go with the adapter csv: take it out of the configuration, "
                         "or of the file what it is about",
                         masks     ? "mask"
                         : chooses ? "where"
                                   : "map");
    return check_entity(in, err);
}

int command_sync(struct invocation *in)
{
    struct ds_error err = {0};
    struct sync_options options;
    int rc = sync_options_read(in, &options, &err);
    const struct runner_options o = {.command = "sync",
                                     .agent = true,
                                     .applier = true,
                                     .ends_by_itself = true,
                                     .range = true,
                                     .dry_run = in->dry_run,
                                     .skip_invalid = in->skip_invalid,
                                     .copy = &options.selection,
                                     .csv = options.is_file ? &options.csv : NULL,
                                     .stop_at = {.kind = STOP_NEVER}};
    rc = rc ? rc : open_config(in, options.is_file, &err);
    rc = rc ? rc : sync_options_check(in, &options, &err);
    rc = rc || !options.is_file ? rc : check_file_options(in, &err);
    int code = rc ? cli_fail(&err) : summary_of_run(in, &o);
    sync_options_free(&options);
    return code;
}
