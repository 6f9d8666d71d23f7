#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/cli.h"

struct parser {
    struct invocation *in;
    char **argv;
    int argc, at;
    struct ds_error *err;
};

static const struct command *find_command(const char *name)
{
    for (const struct command *c = cli_commands; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

static const struct option *find_in(const struct option *o, const char *name, size_t len,
                                    char letter)
{
    for (; o && o->name; o++)
        if (name ? strlen(o->name) == len && memcmp(o->name, name, len) == 0 : o->letter == letter)
            return o;
    return NULL;
}

static const struct option *find_option(const struct parser *p, const char *name, size_t len,
                                        char letter)
{
    const struct option *o = find_in(cli_common_options, name, len, letter);
    return o || !p->in->command ? o : find_in(p->in->command->options, name, len, letter);
}

static const char *see_help(const struct parser *p)
{
    return p->in->command ? p->in->command->name : "help";
}

static int unknown(const struct parser *p, const char *what, const char *text)
{
    return error_set(p->err, DS_EUSAGE, "unknown %s '%s'; see datasync %s%s", what, text,
                     see_help(p), p->in->command ? " --help" : "");
}

/* The original stays in the process title: blank it. */
static void wipe(char *text)
{
    size_t len = strlen(text);
    explicit_bzero(text, len);
    if (len)
        text[0] = '*';
}

static int no_memory(const struct parser *p)
{
    return error_set(p->err, DS_ENOMEM, "out of memory for the command line");
}

static int add_override(struct parser *p, const struct option *o, const char *value)
{
    struct invocation *in = p->in;
    struct config_override *more = realloc(in->overrides, (in->override_count + 1) * sizeof *more);
    if (more)
        in->overrides = more;
    char *text = NULL;
    const char *key = o->setting ? o->setting : "";
    if (!more || asprintf(&text, "%s%s%s", key, *key ? "=" : "", value) < 0)
        return no_memory(p);
    in->overrides[in->override_count++] = (struct config_override){text, o->name};
    return 0;
}

/* Each of them counts. */
static int add_item(struct parser *p, const struct option *o, const char *value)
{
    struct invocation *in = p->in;
    for (size_t i = 0; i < in->override_count; i++) {
        struct config_override *before = &in->overrides[i];
        char *text = NULL;
        if (before->option != o->name)
            continue;
        /* never NULL here, which optimising compilers doubt */
        if (asprintf(&text, "%s,%s", before->text, value ? value : "") < 0)
            return no_memory(p);
        free(before->text);
        before->text = text;
        return 0;
    }
    return add_override(p, o, value);
}

static bool set_is_secret(const char *text)
{
    return config_key_is_secret(text, strcspn(text, "="));
}

static int take_secret(struct parser *p, const struct option *o, char *value, int rc)
{
    p->in->secret_option = o->name;
    wipe(value);
    return rc;
}

static int store_number(struct parser *p, const struct option *o, const char *value, uint64_t *out)
{
    const char *text = value ? value : ""; /* never NULL here, which optimising compilers doubt */
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    if (errno || end == text || *end || *text < '0' || *text > '9')
        return error_set(p->err, DS_EUSAGE, "--%s: '%.100s' is not a whole number", o->name, text);
    return 0;
}

static int add_text(struct parser *p, struct texts *list, const char *value)
{
    const char **more = realloc(list->items, (list->count + 1) * sizeof *more);
    if (!more)
        return no_memory(p);
    list->items = more;
    list->items[list->count++] = value;
    return 0;
}

static int store(struct parser *p, const struct option *o, char *value)
{
    char *field = (char *)p->in + o->offset;
    assert(value || o->kind == OPTION_FLAG || o->kind == OPTION_COUNT);
    switch (o->kind) {
    case OPTION_FLAG:
        *(bool *)field = true;
        return 0;
    case OPTION_COUNT:
        (*(unsigned *)field)++;
        return 0;
    case OPTION_TEXT:
        *(const char **)field = value;
        return 0;
    case OPTION_SECRET:
        free(*(char **)field);
        *(char **)field = strdup(value ? value : "");
        return take_secret(p, o, value, *(char **)field ? 0 : no_memory(p));
    case OPTION_LIST:
        return add_text(p, (struct texts *)field, value);
    case OPTION_NUMBER:
        return store_number(p, o, value, (uint64_t *)field);
    case OPTION_SET: {
        int rc = add_override(p, o, value);
        return set_is_secret(value) ? take_secret(p, o, value + strcspn(value, "=") + 1, rc) : rc;
    }
    case OPTION_SETTING: {
        int rc = add_override(p, o, value);
        return o->secret ? take_secret(p, o, value, rc) : rc;
    }
    case OPTION_ITEM:
        return add_item(p, o, value);
    }
    return 0;
}

/* `value`: what stands behind "=" or the letter, NULL nothing. */
static int take_option(struct parser *p, const struct option *o, char *value)
{
    if (!o->value && value)
        return error_set(p->err, DS_EUSAGE, "--%s takes no value", o->name);
    if (o->value && !value) {
        if (p->at + 1 >= p->argc)
            return error_set(p->err, DS_EUSAGE, "--%s needs a value: %s", o->name, o->value);
        value = p->argv[++p->at];
    }
    return store(p, o, value);
}

static int long_option(struct parser *p, char *text)
{
    size_t len = strcspn(text, "=");
    const struct option *o = find_option(p, text, len, 0);
    if (!o) {
        char name[100];
        snprintf(name, sizeof name, "--%.*s", (int)(len < 90 ? len : 90), text);
        return unknown(p, "option", name);
    }
    return take_option(p, o, text[len] ? text + len + 1 : NULL);
}

/* -v, -vv, -cFILE, -vc FILE */
static int short_options(struct parser *p, char *text)
{
    for (; *text; text++) {
        const struct option *o = find_option(p, NULL, 0, *text);
        if (!o) {
            char name[3] = {'-', *text, 0};
            return unknown(p, "option", name);
        }
        if (o->value)
            return take_option(p, o, text[1] ? text + 1 : NULL);
        int rc = take_option(p, o, NULL);
        if (rc)
            return rc;
    }
    return 0;
}

static int word(struct parser *p, char *text)
{
    struct invocation *in = p->in;
    if (!in->command) {
        in->command = find_command(text);
        return in->command ? 0 : unknown(p, "command", text);
    }
    in->arguments[in->argument_count++] = text;
    return 0;
}

static int check_whole(const struct parser *p)
{
    const struct invocation *in = p->in;
    if (in->help || in->version)
        return 0;
    if (!in->command)
        return error_set(p->err, DS_EUSAGE, "a command is missing; see datasync help");
    if (in->argument_count < in->command->min_arguments)
        return error_set(p->err, DS_EUSAGE, "usage: datasync %s %s", in->command->name,
                         in->command->arguments);
    if (in->argument_count > in->command->max_arguments)
        return error_set(p->err, DS_EUSAGE, "'%s' is one argument too many; see datasync %s --help",
                         in->arguments[in->command->max_arguments], in->command->name);
    if (strcmp(in->log_format, "text") != 0 && strcmp(in->log_format, "json") != 0)
        return error_set(p->err, DS_EUSAGE, "--log-format: '%.100s' is not one of: text | json",
                         in->log_format);
    return 0;
}

int args_parse(struct invocation *in, int argc, char **argv, struct ds_error *err)
{
    memset(in, 0, sizeof *in);
    in->log_format = "text";
    struct parser p = {.in = in, .argv = argv, .argc = argc, .at = 1, .err = err};
    in->arguments = calloc((size_t)argc + 1, sizeof *in->arguments);
    if (!in->arguments)
        return error_set(err, DS_ENOMEM, "out of memory for the command line");
    bool options = true;
    int rc = 0;
    for (; p.at < argc && rc == 0; p.at++) {
        char *text = argv[p.at];
        if (!options || text[0] != '-' || !text[1])
            rc = word(&p, text);
        else if (strcmp(text, "--") == 0)
            options = false;
        else
            rc = text[1] == '-' ? long_option(&p, text + 2) : short_options(&p, text + 1);
    }
    return rc ? rc : check_whole(&p);
}

void args_free(struct invocation *in)
{
    for (size_t i = 0; i < in->override_count; i++)
        free(in->overrides[i].text);
    free(in->overrides);
    free(in->arguments);
    free(in->files.items);
    free(in->documents.items);
    free(in->steps.items);
    free(in->api_key);
    free(in->api_secret);
    cli_close(in);
    memset(in, 0, sizeof *in);
}
