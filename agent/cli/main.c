#include <malloc.h>
#include <mysql.h>
#include <signal.h>

#include "agent/cli/cli.h"
#include "agent/cli/logging.h"
#include "agent/cli/signals.h"
#include "schema/log.h"

static int dispatch(struct invocation *in)
{
    if (in->version) {
        BUF_AUTO struct buf text = {0};
        return buf_puts(&text, "datasync " DATASYNC_VERSION "\n") ? EXIT_FAILED : cli_output(&text);
    }
    if (in->help)
        return cli_help(in->command, false);
    return in->command->run(in);
}

/* Memory comes and goes in batches of the same size. Giving it back to the kernel in between costs
 * a page fault for each page of each batch; an arena per thread keeps for one thread what another
 * has freed. A library that is not glibc may ignore this. */
static void keep_freed_memory(void)
{
    enum { MIB = 1 << 20 };
    mallopt(M_TRIM_THRESHOLD, 48 * MIB);
    mallopt(M_MMAP_THRESHOLD, 4 * MIB);
    mallopt(M_ARENA_MAX, 1);
}

int main(int argc, char **argv)
{
    struct invocation in;
    struct ds_error err = {0};
    keep_freed_memory();
    signal(SIGPIPE, SIG_IGN); /* a reader or server that has gone is an error of write */
    signals_end_at_once();
    logging_start("text", 0);
    int rc = args_parse(&in, argc, argv, &err);
    logging_start(in.log_format, in.verbosity);
    if (in.secret_option)
        log_warn("a password on the command line can be read by others while the program starts "
                 "and stays in the shell's history: put it into the environment or .env.local "
                 "option=--%s",
                 in.secret_option);
    int code = rc ? cli_fail(&err) : dispatch(&in);
    args_free(&in);
    mysql_library_end();
    return code;
}
