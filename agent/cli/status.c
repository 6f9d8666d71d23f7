/* datasync status: ask the running process, or read the checkpoint. */
#include "agent/cli/status.h"

#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/cli/cli.h"
#include "agent/cli/socket.h"

/* DS_EAGAIN: nobody listens there. */
static int ask(const struct config *c, const char *suffix, struct stream_status *out,
               struct ds_error *err)
{
    BUF_AUTO struct buf text = {0};
    int rc = status_ask(c, suffix, &text, err);
    return rc ? rc : stream_status_parse(out, (const char *)text.data, text.len, err);
}

/* Two processes: what the applier says counts, with the agent's part put in. */
static int ask_halves(const struct invocation *in, struct stream_status *out, struct ds_error *err)
{
    const struct config *c = &in->config;
    struct stream_status agent, applier;
    int applier_rc = ask(c, ".apply.sock", &applier, err);
    if (applier_rc && applier_rc != DS_EAGAIN)
        return applier_rc;
    int agent_rc = ask(c, ".agent.sock", &agent, err);
    if (agent_rc && agent_rc != DS_EAGAIN) {
        if (applier_rc == 0)
            stream_status_free(&applier);
        return agent_rc;
    }
    if (applier_rc == DS_EAGAIN) { /* an agent alone applies nothing: the checkpoint has the rest */
        if (agent_rc)
            return DS_EAGAIN;
        int rc = stream_status_stopped(out, c, in->filter, err);
        if (rc == 0) {
            out->state = agent.state;
            if (stream_status_merge(out, &agent, (uint64_t)time(NULL)))
                rc = error_set(err, DS_ENOMEM, "out of memory");
        }
        stream_status_free(&agent);
        return rc;
    }
    int rc = 0;
    if (agent_rc == DS_EAGAIN) { /* an applier alone does not know what the source has */
        stream_status_unfinished(&applier, (uint64_t)time(NULL));
    } else {
        rc = stream_status_merge(&applier, &agent, (uint64_t)time(NULL));
        stream_status_free(&agent);
    }
    if (rc)
        stream_status_free(&applier);
    else
        *out = applier;
    return rc ? error_set(err, DS_ENOMEM, "out of memory") : 0;
}

static int get(const struct invocation *in, struct stream_status *out, struct ds_error *err)
{
    int rc = ask(&in->config, ".sock", out, err);
    if (rc == DS_EAGAIN)
        rc = ask_halves(in, out, err);
    if (rc == DS_EAGAIN)
        rc = stream_status_stopped(out, &in->config, in->filter, err);
    return rc;
}

static int show(const struct invocation *in)
{
    struct ds_error err = {0};
    struct stream_status s;
    BUF_AUTO struct buf text = {0};
    int rc = get(in, &s, &err);
    if (rc)
        return cli_fail(&err);
    if (in->watch && !in->json && isatty(STDOUT_FILENO))
        rc = buf_puts(&text, "\033[H\033[J");
    rc = rc ? rc : in->json ? stream_status_json(&s, &text) : stream_status_text(&s, &text);
    stream_status_free(&s);
    if (rc) {
        error_set(&err, rc, "out of memory");
        return cli_fail(&err);
    }
    return cli_output(&text);
}

int command_status(struct invocation *in)
{
    struct ds_error err = {0};
    sigset_t signals;
    if (cli_open_stream(in, &err))
        return cli_fail(&err);
    if (!in->watch)
        return show(in);
    signal(SIGPIPE, SIG_DFL); /* ends when nobody reads any more */
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    struct timespec second = {.tv_sec = 1};
    for (;;) {
        int code = show(in);
        if (code || sigtimedwait(&signals, NULL, &second) > 0)
            return code;
    }
}
