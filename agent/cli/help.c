#include <stdio.h>
#include <string.h>

#include "agent/cli/cli.h"

#define WIDTH 98

static const char *const exit_codes[] = {
    "0  done, also after SIGTERM or SIGINT",
    "1  failed",
    "2  wrong usage or configuration, or refused by a server for who we are",
    "3  finished, but records were skipped or quarantined, or differ",
    "4  another instance holds the lock",
    "5  a server cannot be reached",
};

/* Words of `text`, wrapped, each line indented. */
static int wrapped(struct buf *out, unsigned indent, const char *text)
{
    size_t at = 0;
    int rc = 0;
    while (*text && rc == 0) {
        size_t n = strcspn(text, " ");
        if (at && at + 1 + n > WIDTH) {
            rc = buf_puts(out, "\n");
            at = 0;
        }
        if (rc == 0)
            rc = at ? buf_puts(out, " ") : buf_printf(out, "%*s", (int)indent, "");
        at += at ? 1 : indent;
        rc = rc ? rc : buf_append(out, text, n);
        const char *line = memrchr(text, '\n', n); /* a word may hold the end of a paragraph */
        at = line ? n - (size_t)(line + 1 - text) : at + n;
        text += n + strspn(text + n, " ");
    }
    return rc ? rc : buf_puts(out, "\n");
}

static int option_head(struct buf *out, const struct option *o)
{
    int rc = o->letter ? buf_printf(out, "-%c, --%s", o->letter, o->name)
                       : buf_printf(out, "--%s", o->name);
    return rc || !o->value ? rc : buf_printf(out, " %s", o->value);
}

static int print_options(struct buf *out, const struct option *o)
{
    int rc = 0;
    for (; o->name && rc == 0; o++) {
        rc = buf_puts(out, o->letter ? "  " : "      ");
        rc = rc ? rc : option_head(out, o);
        rc = rc ? rc : buf_puts(out, "\n");
        rc = rc ? rc : wrapped(out, 10, o->doc);
    }
    return rc;
}

static int print_program(struct buf *out)
{
    int rc = buf_puts(out, "datasync keeps a MySQL or MariaDB database in step with a shop's, from "
                           "its binlog.\n\nusage: datasync COMMAND [option…]\n\ncommands:\n");
    for (const struct command *c = cli_commands; c->name && rc == 0; c++)
        rc = buf_printf(out, "  %-12s %s\n", c->name, c->summary);
    rc = rc ? rc : buf_puts(out, "\noptions of every command:\n");
    rc = rc ? rc : print_options(out, cli_common_options);
    rc = rc ? rc : buf_puts(out, "\nexit codes:\n");
    for (size_t i = 0; i < sizeof exit_codes / sizeof *exit_codes && rc == 0; i++)
        rc = buf_printf(out, "  %s\n", exit_codes[i]);
    return rc ? rc
              : buf_puts(out, "\nBegin with: datasync config --example > datasync.yaml; datasync "
                              "check; datasync run\n");
}

int help_print(const struct command *c, struct buf *out)
{
    if (!c)
        return print_program(out);
    int rc = buf_printf(out, "usage: datasync %s%s%s [option…]\n\n", c->name,
                        *c->arguments ? " " : "", c->arguments);
    rc = rc ? rc : wrapped(out, 0, c->summary);
    rc = rc ? rc : buf_puts(out, "\n");
    rc = rc ? rc : wrapped(out, 0, c->text);
    if (rc == 0 && c->options->name) {
        rc = buf_puts(out, "\noptions:\n");
        rc = rc ? rc : print_options(out, c->options);
    }
    rc = rc ? rc : buf_puts(out, "\noptions of every command:\n");
    rc = rc ? rc : print_options(out, cli_common_options);
    if (rc == 0 && c->run == command_config) {
        rc = buf_puts(out, "\nkeys:\n");
        rc = rc ? rc : config_reference(false, out);
    }
    return rc;
}

/* --- man pages ----------------------------------------------------------- */

static int troff(struct buf *out, const char *text)
{
    int rc = 0;
    for (const char *p = text; *p && rc == 0; p++) {
        if (*p == '\\')
            rc = buf_puts(out, "\\e");
        else if (*p == '-')
            rc = buf_puts(out, "\\-");
        else if (*p == '\'' || (*p == '.' && (p == text || p[-1] == '\n')))
            rc = buf_printf(out, "\\&%c", *p);
        else
            rc = buf_append(out, p, 1);
    }
    return rc;
}

static int man_options(struct buf *out, const struct option *o)
{
    int rc = 0;
    for (; o->name && rc == 0; o++) {
        BUF_AUTO struct buf head = {0};
        rc = option_head(&head, o);
        rc = rc ? rc : buf_puts(out, ".TP\n.B ");
        rc = rc ? rc : troff(out, buf_cstr(&head));
        rc = rc ? rc : buf_puts(out, "\n");
        rc = rc ? rc : troff(out, o->doc);
        rc = rc ? rc : buf_puts(out, "\n");
    }
    return rc;
}

static int man_head(struct buf *out, const char *name, const char *summary)
{
    BUF_AUTO struct buf upper = {0};
    int rc = 0;
    for (const char *p = name; *p && rc == 0; p++) {
        char ch = *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
        rc = buf_append(&upper, &ch, 1);
    }
    rc = rc ? rc
            : buf_printf(out, ".TH %s 1 \"\" \"datasync " DATASYNC_VERSION "\"\n.SH NAME\n",
                         buf_cstr(&upper));
    rc = rc ? rc : troff(out, name);
    rc = rc ? rc : buf_puts(out, " \\- ");
    rc = rc ? rc : troff(out, summary);
    return rc ? rc : buf_puts(out, "\n.SH SYNOPSIS\n.B datasync\n");
}

static int man_program(struct buf *out)
{
    int rc = man_head(out, "datasync", "keep a database in step with a shop's, from its binlog");
    rc = rc ? rc : buf_puts(out, ".I COMMAND\n.RI [ option ...]\n.SH COMMANDS\n");
    for (const struct command *c = cli_commands; c->name && rc == 0; c++) {
        rc = buf_printf(out, ".TP\n.BR datasync\\-%s (1)\n", c->name);
        rc = rc ? rc : troff(out, c->summary);
        rc = rc ? rc : buf_puts(out, "\n");
    }
    rc = rc ? rc : buf_puts(out, ".SH OPTIONS\n");
    rc = rc ? rc : man_options(out, cli_common_options);
    rc = rc ? rc : buf_puts(out, ".SH EXIT STATUS\n");
    for (size_t i = 0; i < sizeof exit_codes / sizeof *exit_codes && rc == 0; i++) {
        rc = buf_printf(out, ".TP\n.B %c\n", exit_codes[i][0]);
        rc = rc ? rc : troff(out, exit_codes[i] + 3);
        rc = rc ? rc : buf_puts(out, "\n");
    }
    rc = rc ? rc
            : buf_puts(out, ".SH FILES\n\\&./datasync.yaml, /etc/datasync/datasync.yaml: see\n"
                            ".BR datasync.yaml (5).\n.br\n\\&.env.local beside it: variables for "
                            "${NAME}, readable by its owner only.\n.SH ENVIRONMENT\n"
                            "DATASYNC_LIVE_HOST, DATASYNC_LIVE_USER, DATASYNC_LIVE_PASS and "
                            "DATASYNC_LIVE_DB are the defaults of the source.\n");
    return rc;
}

int help_man(const struct command *c, struct buf *out)
{
    if (!c)
        return man_program(out);
    char name[60];
    snprintf(name, sizeof name, "datasync-%s", c->name);
    int rc = man_head(out, name, c->summary);
    rc = rc ? rc : buf_printf(out, ".B %s\n", c->name);
    if (rc == 0 && *c->arguments) {
        rc = buf_puts(out, ".I ");
        rc = rc ? rc : troff(out, c->arguments);
        rc = rc ? rc : buf_puts(out, "\n");
    }
    rc = rc ? rc : buf_puts(out, ".RI [ option ...]\n.SH DESCRIPTION\n");
    rc = rc ? rc : troff(out, c->text);
    rc = rc ? rc : buf_puts(out, "\n.SH OPTIONS\n");
    rc = rc ? rc : man_options(out, c->options);
    rc = rc ? rc : man_options(out, cli_common_options);
    return rc ? rc : buf_puts(out, ".SH SEE ALSO\n.BR datasync (1),\n.BR datasync.yaml (5)\n");
}
