/* datasync dump: messages as JSON lines, or counted. */
#include <mysql.h>
#include <string.h>

#include "agent/binlog/binlog.h"
#include "agent/capture.h"
#include "agent/cli/cli.h"
#include "agent/cli/lock.h"
#include "agent/cli/message_json.h"
#include "agent/cli/message_summary.h"
#include "schema/log.h"
#include "schema/spool.h"

enum { WRITE_AT = 1 << 16, DEFAULT_MAX_EVENT = 256 << 20 };

struct dump_output {
    struct message_printer *printer;
    struct message_summary *summary; /* instead of the printer */
    struct buf text;
    int code; /* of writing */
};

static int emit(struct dump_output *d, struct slice messages, struct ds_error *err)
{
    if (d->summary)
        return message_summary_add(d->summary, messages, err);
    int rc = message_print(d->printer, messages, &d->text, err);
    if (rc == 0 && d->text.len >= WRITE_AT) {
        d->code = cli_output(&d->text);
        buf_clear(&d->text);
    }
    return rc ? rc : d->code ? error_set(err, DS_EIO, "stdout cannot be written") : 0;
}

static int dump_spool(struct invocation *in, struct dump_output *d, struct ds_error *err)
{
    BUF_AUTO struct buf path = {0};
    BUF_AUTO struct buf chunk = {0};
    struct spool *spool;
    uint64_t seq = 0;
    int rc = state_path(&in->config, ".spool", &path, err);
    if (rc)
        return rc;
    struct spool_options options = {.path = buf_cstr(&path), .read_only = true};
    rc = spool_open(&spool, &options, err);
    if (rc == DS_EAGAIN) {
        log_info("the spool is empty path=%s", buf_cstr(&path));
        return 0;
    }
    if (rc)
        return rc;
    while ((rc = spool_peek(spool, &seq, &chunk, err)) == 0) {
        rc = emit(d, (struct slice){chunk.data, chunk.len}, err);
        if (rc)
            break;
        seq++;
    }
    spool_close(spool);
    return rc == DS_EAGAIN ? 0 : rc;
}

static int put(void *arg, const void *message, size_t len, struct ds_error *err)
{
    return emit(arg, (struct slice){message, len}, err);
}

/* The last part of the path: that is what positions call the file. */
static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int dump_events(struct binlog_file *file, struct capture *capture, const char *name,
                       struct ds_error *err)
{
    struct slice bytes;
    uint64_t offset = 0;
    int rc = 0;
    bool first = true;
    while (rc == 0 && (rc = binlog_file_next(file, &bytes, &offset, err)) == 0) {
        if (first)
            rc = capture_file(capture, name, offset, err);
        first = false;
        rc = rc ? rc : capture_bytes(capture, bytes, err);
    }
    return rc == DS_EAGAIN ? capture_flush(capture, err) : rc;
}

static int dump_file(struct invocation *in, struct dump_output *d, struct ds_error *err)
{
    struct binlog_file *file = NULL;
    struct capture *capture = NULL;
    struct roots *roots = NULL;
    struct masker *masker = NULL;
    uint64_t max_event = in->opened ? in->config.max_event : DEFAULT_MAX_EVENT;
    struct capture_options options = {
        .catalogue = in->catalogue,
        .filter = in->filter,
        .database = in->opened ? in->config.source.database : NULL,
        .prefix = in->opened ? in->config.source.prefix : NULL,
        .max_event = max_event,
        .sink = {.arg = d, .put = put},
    };
    int rc = binlog_file_open(&file, in->file, max_event, err);
    rc = rc ? rc : roots_new(&roots, in->catalogue, options.prefix, NULL, err);
    options.roots = roots;
    if (rc == 0 && in->opened)
        rc = masker_new(&masker, in->filter, &in->config, err);
    options.masker = masker;
    rc = rc ? rc : capture_new(&capture, &options, err);
    rc = rc ? rc : capture_start(capture, NULL, false, err);
    rc = rc ? rc : dump_events(file, capture, base_name(in->file), err);
    if (capture)
        capture_free(capture);
    if (file)
        binlog_file_close(file);
    roots_free(roots);
    masker_free(masker);
    return rc;
}

int command_dump(struct invocation *in)
{
    struct ds_error err = {0};
    struct dump_output d = {0};
    int rc = in->file ? cli_check_file(in->file, &err) : 0;
    /* a file can be looked at without any configuration: then all databases are shown */
    rc = rc ? rc : in->file ? cli_open_if_configured(in, &err) : cli_open(in, &err);
    /* the rows of a file are chosen as they are read, those of the spool were by the agent */
    const struct filter *filter = in->file ? NULL : in->filter;
    if (rc == 0)
        rc = in->summary ? message_summary_new(&d.summary, filter, &err)
                         : message_printer_new(&d.printer, filter, &err);
    rc = rc ? rc : in->file ? dump_file(in, &d, &err) : dump_spool(in, &d, &err);
    if (rc == 0 && d.summary)
        rc = message_summary_print(d.summary, &d.text, &err);
    if (d.code == EXIT_DONE && d.text.len)
        d.code = cli_output(&d.text);
    int code = rc && !d.code ? cli_fail(&err) : d.code;
    message_printer_free(d.printer);
    message_summary_free(d.summary);
    buf_free(&d.text);
    return code;
}
