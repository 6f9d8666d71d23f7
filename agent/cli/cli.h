/* The program: command line, commands, exit codes. Nothing outside agent/cli uses this.
 *
 * args.c parses argv into one struct invocation by the tables in commands.c, which also give --help
 * and the man pages; each command is a function that gets the invocation and returns an exit code.
 * Main thread only.
 */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "applier/applier.h"
#include "schema/buf.h"
#include "schema/catalogue.h"
#include "schema/config.h"
#include "schema/error.h"
#include "schema/filter.h"

enum exit_code {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_INCOMPLETE = 3, /* finished, but records were skipped, quarantined or differ */
    EXIT_LOCKED = 4,
    EXIT_UNREACHABLE = 5,
};

struct invocation;

/* Values of an option that may be repeated; they are argv's. */
struct texts {
    const char **items;
    size_t count;
};

enum option_kind {
    OPTION_FLAG,    /* bool */
    OPTION_COUNT,   /* unsigned, one more each time */
    OPTION_TEXT,    /* const char * */
    OPTION_SECRET,  /* char *, a copy: warned about, and wiped from argv */
    OPTION_LIST,    /* one more in struct texts */
    OPTION_NUMBER,  /* uint64_t */
    OPTION_SET,     /* KEY=VALUE for the configuration */
    OPTION_SETTING, /* a value for the configuration key `setting` */
    OPTION_ITEM,    /* one more value for the list `setting` of the configuration */
};
struct option {
    const char *name; /* without "--" */
    char letter;      /* 0 none */
    enum option_kind kind;
    const char *value;   /* how help calls the value; NULL for flags */
    size_t offset;       /* in struct invocation */
    const char *setting; /* OPTION_SETTING, OPTION_ITEM */
    bool secret;         /* warned about, and wiped from argv */
    const char *doc;
};
struct command {
    const char *name;
    const char *arguments; /* after the name, for help: "list | show ID", "" none */
    unsigned min_arguments, max_arguments;
    const char *summary;          /* one line */
    const char *text;             /* paragraphs, separated by blank lines */
    const struct option *options; /* beside the common ones; ends with name NULL */
    int (*run)(struct invocation *in);
};
extern const struct command cli_commands[]; /* ends with name NULL */
extern const struct option cli_common_options[];

struct summary;
struct invocation {
    const struct command *command; /* NULL: none given */
    const char **arguments;
    size_t argument_count;
    struct texts files;                /* replay --file, and what is named without it */
    struct texts documents, steps;     /* migrate --document, --step */
    struct config_override *overrides; /* secrets are copies, wiped in argv */
    size_t override_count;
    const char *config_path;
    const char *log_format;
    const char *secret_option; /* the last one that held a password, NULL none */
    unsigned verbosity;
    bool help, version;
    /* of single commands */
    bool json, watch, yes, resnapshot, dry_run, mark_synced, no_lock, example, man, reference;
    bool plain, counts, summary, graph, auto_link, tracker, automatic, once, changelog;
    const char *delimiter, *encoding, *suggest, *migration;
    const char *adapter, *on_duplicate, *options_mode, *date_from, *date_to;
    char *entity_ids, *increment_ids; /* split in place */
    const char *url;
    char *api_key, *api_secret;
    bool skip_invalid, force_images;
    const char *stop_at, *from, *to, *file, *reason, *command_name;
    uint64_t limit; /* 0 none */
    /* filled by cli_open, which sets `opened`; the catalogue alone by cli_open_if_configured */
    struct config config;
    struct catalogue *catalogue;
    struct filter *filter;
    bool opened;
    struct summary *imported;    /* what runs add to; NULL: nobody asks */
    struct migrating *migrating; /* the stream of --migration; NULL: the configuration's */
    struct target *looked_at;    /* the destination's schema, from one run to the next one */
};

/* args.c. 0 or DS_EUSAGE, DS_ENOMEM. Changes argv only to wipe secrets. */
int args_parse(struct invocation *in, int argc, char **argv, struct ds_error *err);
void args_free(struct invocation *in);

/* help.c: text for people, and man pages from the same tables. c NULL: the program. */
int help_print(const struct command *c, struct buf *out);
int help_man(const struct command *c, struct buf *out);

/* common.c */
/* Load configuration and catalogue as the command line says. */
int cli_open(struct invocation *in, struct ds_error *err);
/* The stream of the configuration, or that of the migration that --migration names. */
int cli_open_stream(struct invocation *in, struct ds_error *err);
/* What an applier of it, without agent and spool, needs to know. */
struct applier_options cli_applier(const struct invocation *in);
/* Forget it: it may be opened again. */
void cli_close(struct invocation *in);
/* KEY=VALUE, as if it had been given as `option` before all others, which so come to count. The
 * option is named in messages, and must outlive the invocation. */
int cli_preset(struct invocation *in, const char *key, const char *value, const char *option,
               struct ds_error *err);
/* For commands that need no server: where there is no configuration at all, the built-in catalogue
 * will do, and nothing else is filled. One that is there must be right. */
int cli_open_if_configured(struct invocation *in, struct ds_error *err);
/* "1, 2,3": the parts, which stay in `text`; free *out. */
int cli_split_list(char *text, const char ***out, size_t *count, struct ds_error *err);
/* Log the error and give the exit code for it. */
int cli_fail(const struct ds_error *err);
int cli_exit_code(int rc);
/* Write to stdout; a reader that has gone is no error. Exit code. */
int cli_output(const struct buf *text);
int cli_help(const struct command *c, bool man); /* print it; exit code */
/* DS_EUSAGE unless it is a file that can be read. */
int cli_check_file(const char *path, struct ds_error *err);
/* Ask on the terminal. DS_EUSAGE when there is none: --yes is to be given. */
int cli_confirm(const struct invocation *in, const char *question, struct ds_error *err);

/* One per file of the same name. */
int command_run(struct invocation *in);
int command_agent(struct invocation *in);
int command_apply(struct invocation *in);
int command_incremental(struct invocation *in);
int command_replay(struct invocation *in);
int command_sync(struct invocation *in);
int command_migrate(struct invocation *in);
int command_skip(struct invocation *in);
int command_check(struct invocation *in);
int command_status(struct invocation *in);
int command_quarantine(struct invocation *in);
int command_dump(struct invocation *in);
int command_entities(struct invocation *in);
int command_config(struct invocation *in);
int command_help(struct invocation *in);

#endif
