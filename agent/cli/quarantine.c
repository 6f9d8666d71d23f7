/* datasync quarantine: changes that were set aside. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/cli.h"
#include "agent/cli/message_json.h"
#include "agent/cli/progress.h"
#include "applier/quarantine.h"
#include "schema/json.h"
#include "schema/log.h"

struct listing {
    struct buf text;
    bool json, whole;
    struct ds_error *err;
};

static int print_json(struct listing *l, const struct quarantine_row *r)
{
    struct json j = {.out = &l->text};
    json_object(&j, NULL);
    json_uint(&j, "id", r->id);
    if (r->held_by)
        json_uint(&j, "held_by", r->held_by);
    json_text(&j, "entity", r->entity);
    json_text(&j, "entity_key", *r->entity_key ? r->entity_key : NULL);
    json_text(&j, "table", r->table);
    json_text(&j, "key", r->key);
    json_text(&j, "operation", r->operation);
    json_uint(&j, "reason_code", r->reason_code);
    json_text(&j, "reason", r->reason);
    json_text(&j, "position", r->position);
    json_text(&j, "created_at", r->created_at);
    json_uint(&j, "age_seconds", r->age);
    json_end(&j);
    return j.failed ? j.failed : buf_puts(&l->text, "\n");
}

static int print_text(struct listing *l, const struct quarantine_row *r)
{
    char age[40];
    progress_duration(age, sizeof age, r->age);
    int rc = buf_printf(&l->text, "%" PRIu64 "  %s %s %s (%s%s%s)  %s, %s ago\n", r->id,
                        r->operation, r->table, r->key, r->entity, *r->entity_key ? " " : "",
                        r->entity_key, r->created_at, age);
    if (rc == 0 && r->held_by)
        rc = buf_printf(&l->text, "    waits behind %" PRIu64 "\n", r->held_by);
    if (rc == 0)
        rc = buf_printf(&l->text, "    %s\n", r->reason);
    if (rc == 0)
        rc = buf_printf(&l->text, "    at %s\n", r->position);
    return rc;
}

/* The stored messages, as `dump` prints them. */
static int print_messages(struct listing *l, const struct quarantine_row *r)
{
    struct message_printer *printer;
    if (r->messages_len < 1 || r->messages[0] != MESSAGE_VERSION)
        return error_set(l->err, DS_EFORMAT, "the stored change has an unknown format");
    int rc = message_printer_new(&printer, NULL, l->err);
    if (rc)
        return rc;
    rc = message_print(printer, (struct slice){r->messages + 1, r->messages_len - 1}, &l->text,
                       l->err);
    message_printer_free(printer);
    return rc;
}

static int each(void *arg, const struct quarantine_row *r)
{
    struct listing *l = arg;
    int rc = l->json ? print_json(l, r) : print_text(l, r);
    if (rc)
        return error_set(l->err, DS_ENOMEM, "out of memory");
    return l->whole ? print_messages(l, r) : 0;
}

static int list(struct invocation *in, uint64_t id, bool whole)
{
    struct ds_error err = {0}, inner = {0};
    struct listing l = {.json = in->json, .whole = whole, .err = &inner};
    uint64_t count = 0;
    int rc = quarantine_list(&in->config, id, each, &l, &count, &err);
    if (rc && inner.code)
        err = inner;
    if (rc == 0 && id && count == 0)
        rc = error_set(&err, DS_EUSAGE, "nothing with number %" PRIu64 " waits in quarantine", id);
    int code = rc ? cli_fail(&err) : cli_output(&l.text);
    if (rc == 0 && !in->json && !whole)
        log_info("waiting in quarantine changes=%" PRIu64, count);
    buf_free(&l.text);
    return code;
}

static int drop(struct invocation *in, uint64_t id)
{
    struct ds_error err = {0};
    uint64_t dropped = 0;
    const struct applier_options o = cli_applier(in);
    int rc = cli_confirm(
        in, "Forget this change and all that wait behind it? They are never applied.", &err);
    rc = rc ? rc : quarantine_drop(&o, id, &dropped, &err);
    if (rc)
        return cli_fail(&err);
    log_info("dropped changes=%" PRIu64, dropped);
    return EXIT_DONE;
}

static int retry(struct invocation *in, uint64_t id)
{
    struct ds_error err = {0};
    uint64_t done = 0, left = 0;
    const struct applier_options o = cli_applier(in);
    int rc = quarantine_retry(&o, id, &done, &left, &err);
    if (rc)
        return cli_fail(&err);
    log_info("retried applied=%" PRIu64 " still_waiting=%" PRIu64, done, left);
    return left ? EXIT_INCOMPLETE : EXIT_DONE;
}

static bool parse_id(const char *text, uint64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && !errno && *out;
}

int command_quarantine(struct invocation *in)
{
    struct ds_error err = {0};
    const char *what = in->arguments[0];
    const char *which = in->argument_count > 1 ? in->arguments[1] : NULL;
    uint64_t id = 0;
    bool listing = strcmp(what, "list") == 0, all = which && strcmp(which, "all") == 0;
    bool retrying = strcmp(what, "retry") == 0;
    int rc = 0;
    if (!listing && !retrying && strcmp(what, "show") != 0 && strcmp(what, "drop") != 0)
        rc = error_set(&err, DS_EUSAGE, "quarantine: '%.60s' is none of list, show, retry, drop",
                       what);
    else if (listing ? which != NULL : !which)
        rc = error_set(&err, DS_EUSAGE,
                       listing ? "quarantine list takes no number"
                               : "quarantine %.10s needs the change's number, as "
                                 "quarantine list shows it",
                       what);
    else if (which && !(retrying && all) && !parse_id(which, &id))
        rc = error_set(&err, DS_EUSAGE, "quarantine: '%.60s' is not the number of a change", which);
    rc = rc ? rc : cli_open_stream(in, &err);
    if (rc)
        return cli_fail(&err);
    if (listing)
        return list(in, 0, false);
    if (retrying)
        return retry(in, id);
    return strcmp(what, "show") == 0 ? list(in, id, true) : drop(in, id);
}
