/* datasync config: the effective configuration, an example, the reference. */
#include "agent/cli/cli.h"

static int man_page(struct buf *out)
{
    int rc = buf_puts(
        out, ".TH DATASYNC.YAML 5 \"\" \"datasync " DATASYNC_VERSION "\"\n.SH NAME\n"
             "datasync.yaml \\- configuration of datasync\n.SH DESCRIPTION\n"
             "One YAML file. Unknown keys, keys given twice and values that cannot be read to "
             "their end are errors. ${NAME} inside a value is replaced from the environment, or "
             "from\n.I .env.local\nbeside the file, which only its owner may read; $${ stands for "
             "the characters themselves. A key a.b is written as b below a, or set by\n"
             ".BR \\-\\-set\na.b=value. Sizes have the units B, KiB, MiB and GiB (none: bytes), "
             "durations ms, s, m and h (none: seconds).\n.SH KEYS\n");
    rc = rc ? rc : config_reference(true, out);
    return rc ? rc : buf_puts(out, ".SH SEE ALSO\n.BR datasync (1)\n");
}

int command_config(struct invocation *in)
{
    struct ds_error err = {0};
    BUF_AUTO struct buf text = {0};
    int rc;
    if (in->example) {
        rc = config_print(NULL, true, &text);
    } else if (in->man) {
        rc = man_page(&text);
    } else if (in->reference) {
        rc = config_reference(false, &text);
    } else {
        rc = cli_open(in, &err);
        if (rc)
            return cli_fail(&err);
        rc = config_print(&in->config, false, &text);
    }
    if (rc) {
        error_set(&err, DS_ENOMEM, "out of memory");
        return cli_fail(&err);
    }
    return cli_output(&text);
}
