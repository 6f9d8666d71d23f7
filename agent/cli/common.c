/* What the commands share: exit codes, errors, output, questions, and help itself. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cli/cli.h"
#include "agent/cli/logging.h"
#include "agent/cli/migrate.h"
#include "applier/outbox.h"
#include "applier/target.h"
#include "schema/log.h"

int cli_exit_code(int rc)
{
    switch (rc) {
    case DS_OK:
    case DS_ESTOPPED:
        return EXIT_DONE;
    case DS_EUSAGE:
    case DS_EACCESS:
        return EXIT_USAGE;
    case DS_EBUSY:
        return EXIT_LOCKED;
    case DS_ECONN:
        return EXIT_UNREACHABLE;
    default:
        return EXIT_FAILED;
    }
}

/* What other commands call --resnapshot, as migrate has it. */
static void log_of_stage(const char *line, const struct logging_stage *at)
{
    static const char option[] = "--resnapshot";
    const char *p = strstr(line, option);
    if (p)
        log_error("%.*smigrate data --reset%s step=\"%s\" stage=\"%s\"", (int)(p - line), line,
                  p + sizeof option - 1, at->step, at->stage);
    else
        log_error("%s step=\"%s\" stage=\"%s\"", line, at->step, at->stage);
}

int cli_fail(const struct ds_error *err)
{
    char line[sizeof(struct ds_error)];
    struct logging_stage at;
    error_format(err, line, sizeof line);
    if (logging_stage_now(&at))
        log_of_stage(line, &at);
    else
        log_error("%s", line);
    return cli_exit_code(err->code);
}

int cli_output(const struct buf *text)
{
    size_t at = 0;
    while (at < text->len) {
        ssize_t n = write(STDOUT_FILENO, text->data + at, text->len - at);
        if (n < 0 && errno == EPIPE)
            return EXIT_DONE;
        if (n < 0 && errno != EINTR) {
            log_error("cannot write to stdout: %s", strerror(errno));
            return EXIT_FAILED;
        }
        at += n > 0 ? (size_t)n : 0;
    }
    return EXIT_DONE;
}

int cli_confirm(const struct invocation *in, const char *question, struct ds_error *err)
{
    char answer[16];
    if (in->yes)
        return 0;
    if (!isatty(STDIN_FILENO))
        return error_set(err, DS_EUSAGE, "%s There is no terminal to ask on: add --yes", question);
    fprintf(stderr, "%s [y/N] ", question);
    if (!fgets(answer, sizeof answer, stdin) || (answer[0] != 'y' && answer[0] != 'Y'))
        return error_set(err, DS_EUSAGE, "nothing was done");
    return 0;
}

int cli_check_file(const char *path, struct ds_error *err)
{
    struct stat st;
    if (access(path, R_OK) || stat(path, &st))
        return error_set(err, DS_EUSAGE, "%s: %s", path, strerror(errno));
    if (S_ISDIR(st.st_mode))
        return error_set(err, DS_EUSAGE, "%s is a folder: name the file in it", path);
    return 0;
}

static int load_catalogue(struct invocation *in, struct ds_error *err)
{
    char where[700];
    const char *folder = in->config.entities_dir;
    DIR *open = *folder ? opendir(folder) : NULL;
    if (*folder && !open)
        return error_set(err, DS_EUSAGE, "%s: entities_dir: %s: %s",
                         config_where(&in->config, "entities_dir", where, sizeof where), folder,
                         strerror(errno));
    if (open)
        (void)closedir(open); /* only looked at */
    return catalogue_load(&in->catalogue, folder, err);
}

/* A shop's key opens what others have trusted the shop with. */
static void keep_keys_from_core_files(const struct config *c)
{
    bool any = *c->source.crypt_key || *c->destination.crypt_key;
    if (any && prctl(PR_SET_DUMPABLE, 0))
        log_warn("core files cannot be switched off, they would hold crypt_key: %s",
                 strerror(errno));
}

/* What an import's source calls tables of the catalogue. */
static int call_tables(struct invocation *in, struct ds_error *err)
{
    const struct map *map = filter_map(in->filter);
    int rc = 0;
    for (size_t i = 0; map && in->config.mode == MODE_IMPORT && i < map_count(map) && rc == 0;
         i++) {
        const struct map_rule *r = map_at(map, i);
        struct ds_error why;
        if (r->kind == MAP_RENAME)
            rc = catalogue_call(in->catalogue, r->to_document, r->document, &why);
        if (rc == DS_EUSAGE)
            rc = error_set(err, rc, "%s:%u: %s", r->file, r->line, why.message);
        else if (rc)
            *err = why;
    }
    return rc;
}

int cli_open(struct invocation *in, struct ds_error *err)
{
    int rc = config_load(&in->config, in->config_path, in->overrides, in->override_count, err);
    if (rc)
        return rc;
    keep_keys_from_core_files(&in->config);
    rc = load_catalogue(in, err);
    if (rc == 0)
        rc = outbox_check_entities(&in->config, in->catalogue, err);
    if (rc == 0)
        rc = filter_new(&in->filter, &in->config, in->catalogue, err);
    if (rc == 0 && (rc = call_tables(in, err)))
        filter_free(in->filter);
    if (rc) {
        catalogue_free(in->catalogue);
        in->catalogue = NULL;
        config_free(&in->config);
        return rc;
    }
    in->opened = true;
    return 0;
}

int cli_open_stream(struct invocation *in, struct ds_error *err)
{
    return in->migration ? migrate_open_stream(in, err) : cli_open(in, err);
}

struct applier_options cli_applier(const struct invocation *in)
{
    return (struct applier_options){
        .config = &in->config, .filter = in->filter, .map_in_part = in->migrating != NULL};
}

void cli_close(struct invocation *in)
{
    migrate_close_stream(in);
    target_free(in->looked_at);
    in->looked_at = NULL;
    if (in->opened) {
        filter_free(in->filter);
        config_free(&in->config);
    }
    catalogue_free(in->catalogue);
    in->filter = NULL;
    in->catalogue = NULL;
    in->opened = false;
}

int cli_preset(struct invocation *in, const char *key, const char *value, const char *option,
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

int cli_split_list(char *text, const char ***out, size_t *count, struct ds_error *err)
{
    size_t n = 1;
    for (const char *p = text; *p; p++)
        n += *p == ',' || *p == ' ';
    *out = calloc(n, sizeof **out);
    if (!*out)
        return error_set(err, DS_ENOMEM, "out of memory for the command line");
    for (char *save, *part = strtok_r(text, ", ", &save); part; part = strtok_r(NULL, ", ", &save))
        (*out)[(*count)++] = part;
    return 0;
}

int cli_open_if_configured(struct invocation *in, struct ds_error *err)
{
    if (*config_file(in->config_path) || in->override_count)
        return cli_open(in, err);
    return catalogue_load(&in->catalogue, NULL, err);
}

int cli_help(const struct command *c, bool man)
{
    BUF_AUTO struct buf text = {0};
    if (man ? help_man(c, &text) : help_print(c, &text))
        return EXIT_FAILED;
    return cli_output(&text);
}

int command_help(struct invocation *in)
{
    const struct command *c = NULL;
    struct ds_error err;
    if (in->argument_count) {
        for (c = cli_commands; c->name && strcmp(c->name, in->arguments[0]) != 0;)
            c++;
        if (!c->name) {
            error_set(&err, DS_EUSAGE, "unknown command '%s'; see datasync help", in->arguments[0]);
            return cli_fail(&err);
        }
    }
    return cli_help(c, in->man);
}
