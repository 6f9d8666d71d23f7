/* datasync migrate: what the Magento Data Migration Tool does, read from its own files. */
#include "agent/cli/migrate.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cli/logging.h"
#include "agent/cli/progress.h"
#include "schema/crash.h"
#include "schema/log.h"
#include "schema/migration/groups.h"

enum { LONGEST_WAIT = 30 /* seconds */ };

const char *migrate_stage_title(enum migration_stage stage)
{
    static const char *const titles[STAGES] = {"integrity check", "data migration", "volume check",
                                               "delta delivering"};
    return titles[stage];
}

/* --- the files ------------------------------------------------------------------------------- */

static int find_mode(struct migrating *g, struct ds_error *err)
{
    const char *name = g->in->arguments[0];
    for (unsigned i = 0; i < MIGRATION_MODES; i++)
        if (strcmp(migration_mode_name((enum migration_mode)i), name) == 0)
            g->mode = (enum migration_mode)i;
    if (strcmp(migration_mode_name(g->mode), name) != 0)
        return error_set(err, DS_EUSAGE, "migrate: '%s' is none of settings, data and delta", name);
    return 0;
}

static bool is_wanted(const struct migrating *g, enum migration_stage stage)
{
    return g->mode == MIGRATION_DELTA ? stage == STAGE_DELTA || stage == STAGE_VOLUME
                                      : stage != STAGE_DELTA;
}

static void tell_missing(const char *path, const struct migration_step *s, unsigned stage)
{
    const char *class = s->classes[stage] + (*s->classes[stage] == '\\');
    const char *last = strrchr(class, '\\');
    log_error(
        "%s:%u: step \"%s\": there is no %s of class %s here: supply the step in a file of "
        "yours that `handlers:` of datasync.yaml names, as steps[\"%.*s\"] in Lua, or in C "
        "(see README); or take it out of the file, and what it would migrate out of map.xml's "
        "rules or into them",
        path, s->lines[stage], s->title, migration_stage_name((enum migration_stage)stage), class,
        last ? (int)(last - class) : 0, class);
}

/* Unless the user has it. */
static bool is_left_out(const struct migrating *g, const struct migration_step *s,
                        enum migration_stage stage)
{
    const char *class = s->classes[stage];
    return class && !migrate_stage_find(g, class, stage) && migrate_stage_left_out(class);
}

static void tell_left_out(const struct migrating *g)
{
    for (size_t i = 0; i < migration_step_count(g->migration, g->mode); i++) {
        const struct migration_step *s = migration_step_at(g->migration, g->mode, i);
        unsigned k = 0;
        while (k < STAGES && !is_left_out(g, s, (enum migration_stage)k))
            k++;
        if (k < STAGES)
            log_warn("%s:%u: step \"%s\" is left out: %s", migration_path(g->migration),
                     s->lines[k], s->title, migrate_stage_left_out(s->classes[k]));
    }
}

/* All that we do not have is told at once. */
static int check_steps(const struct migrating *g, struct ds_error *err)
{
    size_t count = migration_step_count(g->migration, g->mode), missing = 0;
    const char *path = migration_path(g->migration);
    for (size_t i = 0; i < count; i++) {
        const struct migration_step *s = migration_step_at(g->migration, g->mode, i);
        for (unsigned k = 0; k < STAGES; k++) {
            const char *class = s->classes[k];
            if (!class || !is_wanted(g, (enum migration_stage)k) ||
                is_left_out(g, s, (enum migration_stage)k) ||
                migrate_stage_find(g, class, (enum migration_stage)k))
                continue;
            tell_missing(path, s, k);
            missing++;
        }
    }
    if (missing)
        return error_set(err, DS_EUSAGE, "%s: %zu classes of mode %s are not known", path, missing,
                         migration_mode_name(g->mode));
    return count ? 0
                 : error_set(err, DS_EUSAGE, "%s: there are no steps of mode %s", path,
                             migration_mode_name(g->mode));
}

static int check_options(const struct invocation *in, enum migration_mode mode,
                         struct ds_error *err)
{
    static const char *const names[] = {"settings", "data", "settings and data", "delta"};
    enum {
        SETTINGS = 1 << MIGRATION_SETTINGS,
        DATA = 1 << MIGRATION_DATA,
        DELTA = 1 << MIGRATION_DELTA
    };
    const struct {
        const char *name;
        bool given;
        unsigned modes; /* that have it */
    } options[] = {{"reset", in->resnapshot, SETTINGS | DATA},
                   {"document", in->documents.count > 0, DATA},
                   {"step", in->steps.count > 0, DATA},
                   {"auto", in->automatic, SETTINGS | DATA},
                   {"dry-run", in->dry_run, SETTINGS | DATA},
                   {"suggest", in->suggest, SETTINGS | DATA},
                   {"once", in->once, DELTA},
                   {"file", in->files.count > 0, DELTA},
                   {"changelog", in->changelog, DELTA}};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (options[i].given && !(options[i].modes & 1U << mode))
            return error_set(err, DS_EUSAGE, "--%s is for migrate %s", options[i].name,
                             names[options[i].modes - 1]);
    if (in->resnapshot && in->dry_run && mode == MIGRATION_DATA)
        return error_set(err, DS_EUSAGE, "--reset and --dry-run do not go together");
    if (!in->resnapshot && (in->documents.count || in->steps.count))
        return error_set(err, DS_EUSAGE,
                         "--document and --step say what --reset is for: give it, too");
    if (in->changelog && in->files.count)
        return error_set(err, DS_EUSAGE, "--changelog and --file do not go together");
    int rc = 0;
    for (size_t i = 0; i < in->files.count && rc == 0; i++)
        rc = cli_check_file(in->files.items[i], err);
    return rc;
}

bool migrate_ends(const struct migrating *g)
{
    return g->in->once || g->in->files.count || g->in->changelog;
}

bool migrate_asks_source(const struct migrating *g)
{
    return !g->in->files.count;
}

/* What the files beside map.xml add to it. */
static int extend_map(void *arg, struct map *map, struct buf *text, struct ds_error *err)
{
    int rc = migrate_add_own(arg, map, text, err);
    rc = rc ? rc : migrate_add_doubles(arg, map, text, err);
    rc = rc ? rc : migrate_watch_eav(arg, map, err);
    rc = rc ? rc : migrate_claim(arg, map, err);
    return rc ? rc : migrate_follow(arg, map, text, err);
}

/* Steps of settings mode have rules of their own. A relative path would be looked for from the
 * folder of datasync.yaml. */
static int preset_map(const struct migrating *g, struct ds_error *err)
{
    BUF_AUTO struct buf map = {0}, whole = {0};
    char here[PATH_MAX];
    if (g->mode == MIGRATION_SETTINGS)
        return cli_preset(g->in, "map", "", "settings", err);
    int rc = migration_file(g->migration, "map_file", &map, err);
    if (rc == 0 && *buf_cstr(&map) != '/' && !getcwd(here, sizeof here))
        rc = error_set(err, DS_EUSAGE, "the working directory cannot be told: %m");
    if (rc == 0 && (*buf_cstr(&map) == '/' ? 0 : buf_printf(&whole, "%s/", here)) |
                       buf_append(&whole, map.data, map.len))
        rc = error_set(err, DS_ENOMEM, "out of memory for a map");
    return rc ? rc : cli_preset(g->in, "map", buf_cstr(&whole), "map_file", err);
}

/* These steps read their tables themselves. */
static int check_rules(const struct migrating *g, struct ds_error *err)
{
    bool masks = filter_mask(g->in->filter), chooses = filter_where_table(g->in->filter, 0);
    if (migrate_resets_some(g) && masks)
        return error_set(err, DS_EUSAGE,
                         "mask does not go with --reset of single documents: leave --document and "
                         "--step out, which copies all of them");
    if ((g->mode != MIGRATION_SETTINGS && !g->in->changelog) || !(masks || chooses))
        return 0;
    if (g->in->changelog)
        return error_set(err, DS_EUSAGE,
                         "%s does not go with --changelog: leave it out of the configuration, or "
                         "follow the binlog",
                         masks ? "mask" : "where");
    return error_set(err, DS_EUSAGE,
                     "%s does not go with migrate settings: leave it out of the configuration, and "
                     "ignore settings in settings.xml",
                     masks ? "mask" : "where");
}

static int confirm(const struct migrating *g, struct ds_error *err)
{
    if (!g->in->resnapshot || g->in->dry_run)
        return 0;
    return cli_confirm(g->in,
                       g->mode == MIGRATION_SETTINGS
                           ? "Delete websites and stores that the source has not, and all that "
                             "hangs on them?"
                       : migrate_resets_some(g)
                           ? "Empty the destination's tables of what is named and copy it again?"
                           : "Empty the destination's tables and migrate everything again?",
                       err);
}

static int read_all(struct migrating *g, const char *path, struct ds_error *err)
{
    int rc = migration_read(&g->migration, path, err);
    rc = rc ? rc : migrate_leftovers_open(g, err);
    rc = rc ? rc : migrate_configure(g, err);
    rc = rc ? rc : preset_map(g, err);
    rc = rc ? rc : cli_open(g->in, err);
    rc = rc ? rc : check_rules(g, err);
    rc = rc ? rc : migrate_open_own(g, err);
    rc = rc ? rc : migrate_customer_open(g, err);
    rc = rc ? rc : migrate_custom_open(g, err);
    rc = rc ? rc : check_steps(g, err);
    if (rc == 0 && filter_map(g->in->filter))
        rc = filter_extend_map(g->in->filter, extend_map, g, err);
    return rc;
}

static void free_all(struct migrating *g)
{
    groups_free(g->deltalog);
    handlers_free(g->own);
    buf_free(&g->deltalog_path);
    buf_free(&g->counted);
    groups_free(g->leftovers);
    migrate_customer_free(g->customer);
    migrate_custom_free(g->custom);
    migration_free(g->migration);
}

static int open_all(struct migrating *g, struct ds_error *err)
{
    int rc = find_mode(g, err);
    rc = rc ? rc : check_options(g->in, g->mode, err);
    rc = rc ? rc : read_all(g, g->in->arguments[1], err);
    const char *file = rc ? NULL : migration_option(g->migration, "log_file");
    if (rc == 0)
        progress_migration(migration_option(g->migration, "progress_bar_format"));
    if (rc == 0)
        rc = logging_migration(file && *file ? file : NULL, err);
    rc = rc ? rc : confirm(g, err);
    if (rc == 0)
        tell_left_out(g);
    return rc;
}

int migrate_open_stream(struct invocation *in, struct ds_error *err)
{
    in->migrating = calloc(1, sizeof *in->migrating);
    if (!in->migrating)
        return error_set(err, DS_ENOMEM, "out of memory for a migration");
    *in->migrating = (struct migrating){.in = in, .mode = MIGRATION_DATA, .code = EXIT_DONE};
    return read_all(in->migrating, in->migration, err);
}

void migrate_close_stream(struct invocation *in)
{
    if (in->migrating)
        free_all(in->migrating);
    free(in->migrating);
    in->migrating = NULL;
}

/* --- stages ---------------------------------------------------------------------------------- */

/* *good: it is there, and went well, or is not there. */
static int perform(struct migrating *g, const struct migration_step *s, enum migration_stage stage,
                   bool *good, struct ds_error *err)
{
    *good = true;
    if (!s->classes[stage] || is_left_out(g, s, stage))
        return 0;
    g->step = s;
    logging_at_stage(&(struct logging_stage){migration_mode_name(g->mode),
                                             migrate_stage_title(stage), s->title});
    log_info("started");
    return migrate_stage_find(g, s->classes[stage], stage)(g, good, err);
}

static int failed(enum migration_stage stage, struct ds_error *err)
{
    static const char *const said[STAGES] = {"Integrity Check failed", "Data Migration failed",
                                             "Volume Check failed", "Delta delivering failed"};
    return error_set(err, DS_ESCHEMA, "%s", said[stage]);
}

/* All steps are asked, so that all that is wrong is seen at once. */
static int check_integrity(struct migrating *g, struct ds_error *err)
{
    size_t count = migration_step_count(g->migration, g->mode);
    bool all = true, runs = true, empty = true;
    int rc = migrate_servers_check(g, &runs, err);
    for (size_t i = 0; i < count && rc == 0; i++) {
        bool good;
        rc = perform(g, migration_step_at(g->migration, g->mode, i), STAGE_INTEGRITY, &good, err);
        all &= good;
    }
    if (rc == 0 && g->mode == MIGRATION_DATA)
        rc = migrate_check_empty(g, &empty, err);
    if (rc)
        return rc;
    runs &= !g->stuck;
    if (runs && (all || g->in->automatic))
        return empty ? 0
                     : error_set(err, DS_EUSAGE,
                                 "the destination has rows where the migration's go, see above: "
                                 "nothing was written");
    if (!all && !g->in->automatic)
        logging_notice(
            "You can use --auto or -a option to ignore not mapped differences between source and "
            "destination to continue migration, and --suggest FILE to get rules that settle them");
    return failed(STAGE_INTEGRITY, err);
}

/* Is no data stage behind it? */
static bool is_last(const struct migrating *g, const struct migration_step *s)
{
    const struct migration_step *last = NULL;
    for (size_t i = 0; i < migration_step_count(g->migration, g->mode); i++)
        if (migration_step_at(g->migration, g->mode, i)->classes[STAGE_DATA])
            last = migration_step_at(g->migration, g->mode, i);
    return s == last;
}

/* The stages of one step; those of a run that has ended otherwise end all. What a volume check
 * finds is told, and the other steps go on: their work is wanted all the same. */
static int run_step(struct migrating *g, const struct migration_step *s,
                    const enum migration_stage *stages, size_t count, struct ds_error *err)
{
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0 && !g->stopped; i++) {
        bool good;
        rc = perform(g, s, stages[i], &good, err);
        if (rc == 0 && !good && stages[i] == STAGE_VOLUME && g->code == EXIT_DONE)
            g->different = true;
        else if (rc == 0 && !good)
            rc = failed(stages[i], err);
        crash_point("migrate.stage");
        if (rc == 0 && g->mode == MIGRATION_DATA && stages[i] == STAGE_DATA && !g->stopped &&
            is_last(g, s))
            rc = migrate_data_ends(g, err);
    }
    return rc;
}

/* What the delta has brought of what the PostProcessing step had deleted. */
static int clean_again(struct migrating *g, struct ds_error *err)
{
    bool good = true;
    int rc = migrate_leftovers_data(g, &good, err);
    return rc == 0 && !good ? failed(STAGE_DELTA, err) : rc;
}

typedef int migrate_check(struct migrating *g, struct ds_error *err);

bool migrate_waits(const struct migrating *g, unsigned *seconds, struct ds_error *err)
{
    const unsigned wait = *seconds ? *seconds : 1;
    if ((err->code != DS_ECONN && err->code != DS_ERETRY) || g->mode != MIGRATION_DELTA ||
        migrate_ends(g))
        return false;
    log_warn("a server cannot be asked now, trying again in_s=%u reason=\"%s\"", wait,
             err->message);
    error_clear(err);
    sleep(wait);
    *seconds = wait < LONGEST_WAIT / 2 ? wait * 2 : LONGEST_WAIT;
    return true;
}

static int check_first(struct migrating *g, migrate_check *check, struct ds_error *err)
{
    unsigned seconds = 0;
    int rc;
    while ((rc = check(g, err)) && migrate_waits(g, &seconds, err))
        continue;
    return rc;
}

/* A dry run of settings tells what the data stages would do. */
static int run_mode(struct migrating *g, struct ds_error *err)
{
    static const enum migration_stage data[] = {STAGE_DATA, STAGE_VOLUME},
                                      delta[] = {STAGE_DELTA, STAGE_VOLUME};
    const enum migration_stage *stages = g->mode == MIGRATION_DELTA ? delta : data;
    const bool dry = g->in->dry_run;
    int rc = g->mode == MIGRATION_SETTINGS || !migrate_asks_source(g)
                 ? 0
                 : check_first(g, migrate_check_followed, err);
    rc = rc || g->mode == MIGRATION_SETTINGS ? rc : check_first(g, migrate_check_doubles, err);
    rc = rc || g->mode != MIGRATION_DELTA ? rc : check_first(g, migrate_reset_check, err);
    rc = rc || g->mode == MIGRATION_DELTA ? rc : check_integrity(g, err);
    if (rc || (dry && g->mode == MIGRATION_DATA))
        return rc;
    for (size_t i = 0; i < migration_step_count(g->migration, g->mode) && rc == 0; i++) {
        const struct migration_step *s = migration_step_at(g->migration, g->mode, i);
        if (!g->stopped && s->classes[*stages])
            rc = run_step(g, s, stages, dry ? 1 : 2, err);
    }
    if (rc == 0 && !g->stopped && g->leftovers && migrate_ends(g))
        rc = clean_again(g, err);
    if (rc == 0 && g->different)
        rc = failed(STAGE_VOLUME, err);
    if (rc == 0 && !g->stopped && !dry)
        log_info(g->mode == MIGRATION_DELTA ? "Migration completed successfully"
                                            : "Migration completed");
    return rc;
}

int command_migrate(struct invocation *in)
{
    struct ds_error err = {0};
    struct migrating g = {.in = in, .code = EXIT_DONE};
    int rc = open_all(&g, &err);
    rc = rc ? rc : run_mode(&g, &err);
    int code = cli_exit_code(rc);
    if (rc)
        (void)cli_fail(&err);
    if (g.code != EXIT_DONE)
        code = g.code;
    else if (code == EXIT_DONE && g.incomplete)
        code = EXIT_INCOMPLETE;
    free_all(&g);
    return code;
}
