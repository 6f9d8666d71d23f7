/* The program's own parts: command line, help, JSON, log lines, status, progress. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/cli/cli.h"
#include "agent/cli/logging.h"
#include "agent/cli/progress.h"
#include "agent/cli/runner.h"
#include "agent/cli/status.h"
#include "schema/json.h"
#include "schema/log.h"

enum { MAX_ARGUMENTS = 12 };

static struct line { /* a command line that may be written to, as argv may */
    char text[MAX_ARGUMENTS][100];
    char *argv[MAX_ARGUMENTS + 1];
    int argc;
} line;

static int parse(struct invocation *in, struct ds_error *err, const char *const *words)
{
    memset(&line, 0, sizeof line);
    snprintf(line.text[line.argc++], sizeof line.text[0], "datasync");
    for (; *words; words++)
        snprintf(line.text[line.argc++], sizeof line.text[0], "%s", *words);
    for (int i = 0; i < line.argc; i++)
        line.argv[i] = line.text[i];
    return args_parse(in, line.argc, line.argv, err);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void options_stand_anywhere(void **state)
{
    (void)state;
    struct invocation in;
    assert_int_equal(parse(&in, NULL,
                           WORDS("-v", "incremental", "-cfile.yaml", "--limit", "10", "-v",
                                 "--dry-run", "--set=name=x", "--set", "batch.max_rows=1")),
                     0);
    assert_string_equal(in.command->name, "incremental");
    assert_string_equal(in.config_path, "file.yaml");
    assert_int_equal(in.verbosity, 2);
    assert_true(in.limit == 10);
    assert_true(in.dry_run);
    assert_int_equal(in.override_count, 2);
    assert_string_equal(in.overrides[0].text, "name=x");
    assert_string_equal(in.overrides[1].text, "batch.max_rows=1");
    args_free(&in);
    assert_int_equal(parse(&in, NULL, WORDS("run", "-vv", "-c", "f", "--stop-at=0-1-5")), 0);
    assert_int_equal(in.verbosity, 2);
    assert_string_equal(in.stop_at, "0-1-5");
    assert_true(in.limit == 0);
    args_free(&in);
    assert_int_equal(parse(&in, NULL, WORDS("replay", "--to", "0-1-9", "a", "--", "--b")), 0);
    assert_int_equal(in.argument_count, 2);
    assert_string_equal(in.arguments[1], "--b");
    args_free(&in);
    assert_int_equal(parse(&in, NULL,
                           WORDS("incremental", "--entity", "order", "--stock=only", "--db-host",
                                 "h", "-e", "invoice,stock")),
                     0);
    assert_int_equal(in.override_count, 3);
    assert_string_equal(in.overrides[0].text, "entities=order,invoice,stock");
    assert_string_equal(in.overrides[0].option, "entity");
    assert_string_equal(in.overrides[1].text, "stock=only");
    assert_string_equal(in.overrides[2].text, "source.host=h");
    args_free(&in);
}

static void wrong_lines_say_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *words[5];
        const char *part;
    } wrong[] = {
        {{NULL}, "a command is missing"},
        {{"migrate", "data"}, "usage: datasync migrate settings|data|delta CONFIG.xml"},
        {{"sync", "product"}, "usage: datasync sync ENTITY|all SOURCE"},
        {{"verify"}, "unknown command 'verify'"},
        {{"run", "--nonsense=1"}, "unknown option '--nonsense'"},
        {{"run", "-x"}, "unknown option '-x'"},
        {{"run", "--limit", "5"}, "unknown option '--limit'"},
        {{"--stop-at", "x", "run"}, "unknown option '--stop-at'"},
        {{"run", "--conf", "f"}, "unknown option '--conf'"},
        {{"run", "--config"}, "--config needs a value"},
        {{"run", "--resnapshot=yes"}, "takes no value"},
        {{"incremental", "--limit", "5x"}, "'5x' is not a whole number"},
        {{"incremental", "--limit=-1"}, "'-1' is not a whole number"},
        {{"run", "now"}, "one argument too many"},
        {{"skip"}, "usage: datasync skip POSITION"},
        {{"run", "--log-format", "xml"}, "not one of: text | json"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct invocation in;
        struct ds_error err = {0};
        assert_int_equal(parse(&in, &err, wrong[i].words), DS_EUSAGE);
        if (!strstr(err.message, wrong[i].part))
            fail_msg("'%s' lacks '%s'", err.message, wrong[i].part);
        args_free(&in);
    }
}

static void passwords_leave_the_process_title(void **state)
{
    (void)state;
    struct invocation in;
    assert_int_equal(
        parse(&in, NULL,
              WORDS("run", "--db-pass", "geheim1", "--set", "destination.password=geheim2",
                    "--db-pass=geheim3", "--set", "source.crypt_key=geheim4")),
        0);
    assert_int_equal(in.override_count, 4);
    assert_string_equal(in.overrides[0].text, "source.password=geheim1");
    assert_string_equal(in.overrides[1].text, "destination.password=geheim2");
    assert_string_equal(in.overrides[2].text, "source.password=geheim3");
    for (int i = 0; i < line.argc; i++)
        assert_null(memmem(line.text[i], sizeof line.text[i], "geheim", 6));
    assert_string_equal(line.text[5], "destination.password=*");
    args_free(&in);
    assert_int_equal(parse(&in, NULL,
                           WORDS("sync", "order", "x", "-k", "geheim1", "--api-secret=geheim2",
                                 "--api-key", "geheim3")),
                     0);
    assert_string_equal(in.api_key, "geheim3");
    assert_string_equal(in.api_secret, "geheim2");
    assert_string_equal(in.secret_option, "api-key");
    for (int i = 0; i < line.argc; i++)
        assert_null(memmem(line.text[i], sizeof line.text[i], "geheim", 6));
    args_free(&in);
}

static void help_names_every_option(void **state)
{
    (void)state;
    BUF_AUTO struct buf program = {0};
    assert_int_equal(help_print(NULL, &program), 0);
    for (const struct command *c = cli_commands; c->name; c++) {
        BUF_AUTO struct buf text = {0};
        BUF_AUTO struct buf man = {0};
        assert_non_null(strstr(buf_cstr(&program), c->summary));
        assert_int_equal(help_print(c, &text), 0);
        assert_int_equal(help_man(c, &man), 0);
        assert_non_null(strstr(buf_cstr(&man), ".SH DESCRIPTION"));
        for (const struct option *o = c->options; o->name; o++) {
            char name[60];
            snprintf(name, sizeof name, "--%s", o->name);
            assert_non_null(strstr(buf_cstr(&text), name));
        }
    }
    assert_null(strstr(buf_cstr(&program), "\n  verify "));
}

static void exit_codes_are_those_documented(void **state)
{
    (void)state;
    assert_int_equal(cli_exit_code(0), 0);
    assert_int_equal(cli_exit_code(DS_ESTOPPED), 0);
    assert_int_equal(cli_exit_code(DS_EUSAGE), 2);
    assert_int_equal(cli_exit_code(DS_EACCESS), 2);
    assert_int_equal(cli_exit_code(DS_EBUSY), 4);
    assert_int_equal(cli_exit_code(DS_ECONN), 5);
    static const int failed[] = {DS_EFORMAT,   DS_EUNSUPPORTED, DS_EPURGED, DS_EPOSITION,
                                 DS_ECONFLICT, DS_EDDL,         DS_ESERVER, DS_EIO,
                                 DS_ENOMEM,    DS_ESCHEMA,      DS_ELIMIT};
    for (size_t i = 0; i < sizeof failed / sizeof *failed; i++)
        assert_int_equal(cli_exit_code(failed[i]), 1);
}

static void json_is_always_valid(void **state)
{
    (void)state;
    BUF_AUTO struct buf out = {0};
    BUF_AUTO struct buf key = {0};
    struct json j = {.out = &out};
    json_object(&j, NULL);
    json_text_len(&j, "a\"b", "\x01\n\"\\\xc3\xbc\xff\xed\xa0\x80", 10);
    json_array(&j, "list");
    json_int(&j, NULL, -5);
    json_uint(&j, NULL, UINT64_MAX);
    json_object(&j, NULL);
    json_end(&j);
    json_double(&j, NULL, 0.1);
    json_double(&j, NULL, 1e300 * 1e300);
    json_end(&j);
    json_base64(&j, "b", "\x00\xff\x10", 3);
    json_base64(&j, "c", "ab", 2);
    json_base64(&j, "d", "", 0);
    json_bool(&j, "e", true);
    json_null(&j, "f");
    json_array(&j, "g");
    json_int(&j, NULL, INT64_MIN);
    json_int(&j, NULL, INT64_MAX);
    json_uint(&j, NULL, 0);
    json_end(&j);
    assert_int_equal(json_quote_key(&key, "\"k\x7f", 3), 0);
    json_quoted_key(&j, key.data, key.len);
    json_bytes(&j, NULL, "\xf0\x9f\x98\x80\t.", 6);
    json_quoted_key(&j, key.data, key.len);
    json_bytes(&j, NULL, "\t\xf0\x9f\x98", 4);
    json_bytes(&j, "h", "", 0);
    json_end(&j);
    assert_int_equal(j.failed, 0);
    assert_string_equal(buf_cstr(&out),
                        "{\"a\\\"b\": \"\\u0001\\u000a\\\"\\\\ü\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                        "\xef\xbf\xbd\", \"list\": [-5, 18446744073709551615, {}, 0.1, null], "
                        "\"b\": {\"base64\": \"AP8Q\"}, \"c\": {\"base64\": \"YWI=\"}, "
                        "\"d\": {\"base64\": \"\"}, \"e\": true, \"f\": null, "
                        "\"g\": [-9223372036854775808, 9223372036854775807, 0], "
                        "\"\\\"k\\u007f\": \"\xf0\x9f\x98\x80\\u0009.\", "
                        "\"\\\"k\\u007f\": {\"base64\": \"CfCfmA==\"}, \"h\": \"\"}");
}

static void log_lines_have_both_forms(void **state)
{
    (void)state;
    BUF_AUTO struct buf out = {0};
    const char *text = "source connected host=db.example reason=it was down, twice port=3306";
    assert_int_equal(logging_format_migration(&out, &(struct logging_stage){"data", NULL, NULL},
                                              1700000000000456LL, LOG_LEVEL_INFO, text),
                     0);
    assert_string_equal(buf_cstr(&out),
                        "[2023-11-14T22:13:20.000456+00:00][INFO][mode: data]: source connected "
                        "host=db.example reason=it was down, twice port=3306");
    buf_clear(&out);
    const struct logging_stage at = {"delta", "volume check", "Map Step"};
    assert_int_equal(logging_format_migration(&out, &at, 0, LOG_LEVEL_TRACE, "x"), 0);
    assert_int_equal(logging_format_migration(&out, &at, 0, LOG_LEVEL_WARN, "y"), 0);
    assert_int_equal(logging_format_migration(&out, &at, 0, LOG_LEVEL_ERROR, "z"), 0);
    assert_string_equal(buf_cstr(&out),
                        "[1970-01-01T00:00:00.000000+00:00][DEBUG][mode: delta][stage: volume "
                        "check][step: Map Step]: x"
                        "[1970-01-01T00:00:00.000000+00:00][WARNING]: y"
                        "[1970-01-01T00:00:00.000000+00:00][ERROR]: z");
    buf_clear(&out);
    assert_int_equal(logging_format(&out, false, 1700000000123456LL, LOG_LEVEL_INFO, text), 0);
    assert_string_equal(buf_cstr(&out),
                        "2023-11-14T22:13:20.123Z info  source connected host=db.example "
                        "reason=it was down, twice port=3306");
    buf_clear(&out);
    assert_int_equal(logging_format(&out, true, 1700000000123456LL, LOG_LEVEL_WARN, text), 0);
    assert_string_equal(buf_cstr(&out),
                        "{\"time\": \"2023-11-14T22:13:20.123Z\", \"level\": \"warn\", "
                        "\"message\": \"source connected\", \"host\": \"db.example\", "
                        "\"reason\": \"it was down, twice\", \"port\": \"3306\"}");
    buf_clear(&out);
    assert_int_equal(logging_format(&out, true, 0, LOG_LEVEL_ERROR, "a=\"b"), 0);
    assert_non_null(strstr(buf_cstr(&out), "\"message\": \"\", \"a\": \"\\\"b\"}"));
    buf_clear(&out);
    text = "begins at=\"gtid=0-1-5 file=b.1:4\" why=\"no 'x' in \"y\" = z\" store=kept";
    assert_int_equal(logging_format(&out, true, 0, LOG_LEVEL_INFO, text), 0);
    assert_non_null(strstr(buf_cstr(&out), "\"message\": \"begins\", "
                                           "\"at\": \"gtid=0-1-5 file=b.1:4\", "
                                           "\"why\": \"no 'x' in \\\"y\\\" = z\", "
                                           "\"store\": \"kept\"}"));
}

static void places_are_times_gtids_or_files(void **state)
{
    (void)state;
    struct agent_stop_at at;
    struct ds_error err = {0};
    assert_int_equal(runner_parse_where("to", "2023-11-14T22:13:20Z", &at, &err), 0);
    assert_int_equal(at.kind, STOP_AT_TIME);
    assert_true(at.time == 1700000000);
    assert_int_equal(runner_parse_where("to", "2023-11-14 22:13", &at, &err), 0);
    assert_int_equal(at.kind, STOP_AT_TIME);
    assert_int_equal(runner_parse_where("to", "0-1-5,3-2-9", &at, &err), 0);
    assert_int_equal(at.kind, STOP_AT_POSITION);
    assert_int_equal(at.position.gtid.count, 2);
    position_free(&at.position);
    static const char *const like_days[] = {"0-1-6", "2023-1-6", "101-1-6"};
    for (size_t i = 0; i < sizeof like_days / sizeof *like_days; i++) {
        assert_int_equal(runner_parse_where("from", like_days[i], &at, &err), 0);
        assert_int_equal(at.kind, STOP_AT_POSITION);
        assert_int_equal(at.position.gtid.count, 1);
        assert_true(at.time == 0); /* replay would leave out all that is older */
        position_free(&at.position);
    }
    assert_int_equal(runner_parse_where("to", "bin.000002:4321", &at, &err), 0);
    assert_int_equal(at.kind, STOP_AT_POSITION);
    assert_string_equal(at.position.file.file, "bin.000002");
    assert_true(at.position.file.pos == 4321);
    position_free(&at.position);
    assert_int_equal(runner_parse_where("stop-at", "tomorrow", &at, &err), DS_EUSAGE);
    assert_non_null(strstr(err.message, "--stop-at: 'tomorrow' is neither"));
    assert_int_equal(runner_parse_where("stop-at", "", &at, &err), DS_EUSAGE);
    assert_int_equal(runner_parse_where("stop-at", "2026-13-01", &at, &err), DS_EUSAGE);
    assert_non_null(strstr(err.message, "there is no time '2026-13-01'"));
    assert_int_equal(runner_parse_where("stop-at", "2026-05-31 25:00", &at, &err), DS_EUSAGE);
}

static struct config stream = {.name = "s\"1", .mode = MODE_MIRROR};

static void both_halves(struct agent_status *agent, struct applier_status *applier)
{
    static struct entity_counts counts[] = {{"order", 1, 2, 3, 40, 1700000000},
                                            {"table", 4, 5, 6, 0, 0}};
    static char *stale[] = {"log_url"};
    memset(agent, 0, sizeof *agent);
    memset(applier, 0, sizeof *applier);
    agent->state = AGENT_STREAMING;
    applier->state = APPLIER_STREAMING;
    assert_int_equal(gtid_set_parse(&agent->source.gtid, "0-1-9", NULL), 0);
    assert_int_equal(gtid_set_parse(&agent->read.gtid, "0-1-9", NULL), 0);
    assert_int_equal(gtid_set_parse(&applier->applied.gtid, "0-1-7", NULL), 0);
    agent->at_end = true;
    snprintf(agent->source.file.file, sizeof agent->source.file.file, "bin.000001");
    agent->source.file.pos = 99;
    applier->applied_time = 1700000000;
    applier->oldest_unapplied = 1700000010;
    applier->transactions = 11;
    applier->rows = 12;
    applier->rows_written = 13;
    applier->batches = 14;
    applier->conflicts = 15;
    applier->quarantined = 16;
    applier->entities = counts;
    applier->entity_count = 2;
    applier->stale_tables = stale;
    applier->stale_count = 1;
}

static void free_halves(struct agent_status *agent, struct applier_status *applier)
{
    position_free(&agent->source);
    position_free(&agent->read);
    position_free(&applier->applied);
}

static void status_reads_back_what_it_prints(void **state)
{
    (void)state;
    struct agent_status agent;
    struct applier_status applier;
    struct stream_status s, back;
    struct ds_error err = {0};
    BUF_AUTO struct buf one = {0};
    BUF_AUTO struct buf two = {0};
    both_halves(&agent, &applier);
    assert_int_equal(stream_status_make(&s, &stream, &agent, &applier, 1700000025), 0);
    assert_int_equal(s.lag_seconds, 15);
    assert_false(s.caught_up);
    s.entering = 20;
    s.hooks = (struct hooks_status){
        .pending = 17, .oldest = 18, .attempts = 19, .last_error = "url: \"no\""};
    assert_int_equal(stream_status_json(&s, &one), 0);
    assert_string_equal(
        buf_cstr(&one),
        "{\"name\": \"s\\\"1\", \"mode\": \"mirror\", \"state\": \"streaming\", \"source\": "
        "{\"gtid\": \"0-1-9\", \"file\": \"bin.000001\", \"position\": 99}, \"applied\": "
        "{\"gtid\": \"0-1-7\", \"file\": null, \"position\": null, \"time\": "
        "\"2023-11-14T22:13:20Z\"}, \"lag_seconds\": 15, \"caught_up\": false, \"transactions\": "
        "11, \"rows\": 12, \"rows_written\": 13, \"batches\": 14, \"conflicts\": 15, "
        "\"quarantined\": 16, \"entering\": 20, \"stale_tables\": [\"log_url\"], \"hooks\": "
        "{\"pending\": 17, "
        "\"oldest\": 18, \"attempts\": 19, \"last_error\": \"url: \\\"no\\\"\"}, \"entities\": "
        "{\"order\": {\"inserted\": 1, \"updated\": 2, \"deleted\": 3, \"folded\": 40, \"time\": "
        "\"2023-11-14T22:13:20Z\", \"lag_seconds\": 15}, \"table\": {\"inserted\": 4, "
        "\"updated\": 5, \"deleted\": 6, \"folded\": 0, \"time\": null, \"lag_seconds\": "
        "15}}}\n");
    if (stream_status_parse(&back, buf_cstr(&one), one.len, &err))
        fail_msg("%s", err.message);
    assert_int_equal(stream_status_json(&back, &two), 0);
    assert_string_equal(buf_cstr(&one), buf_cstr(&two));
    buf_clear(&two);
    assert_int_equal(stream_status_text(&back, &two), 0);
    assert_non_null(strstr(buf_cstr(&two), "lag          15 s"));
    assert_non_null(strstr(buf_cstr(&two), "hooks        17 messages wait, the oldest for 18 s"));
    assert_non_null(strstr(buf_cstr(&two), "3 deleted           40 folded  as of 2023-11-14"));
    stream_status_free(&s);
    stream_status_free(&back);
    free_halves(&agent, &applier);
    assert_int_equal(stream_status_parse(&back, "{}", 2, &err), DS_EFORMAT);
    assert_int_equal(stream_status_parse(&back, "[", 1, &err), DS_EFORMAT);
    assert_int_equal(stream_status_parse(&back, "{\"state\": \"asleep\"}", 19, &err), DS_EFORMAT);
}

static void entity_counts_read_back(void **state)
{
    (void)state;
    static const struct entity_counts counts[] = {{"order", 1, 2, 3, 4, 5},
                                                  {"tax_rule", UINT64_MAX, 0, 0, 0, 0}};
    struct entity_counts c;
    BUF_AUTO struct buf text = {0};
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(entity_counts_print(&counts[i], &text), 0);
    const char *at = buf_cstr(&text);
    for (size_t i = 0; i < 2; i++) {
        at = entity_counts_read(at, &c);
        assert_non_null(at);
        assert_memory_equal(&c, &counts[i], sizeof c);
        assert_true(entity_counts_any(&c));
    }
    assert_null(entity_counts_read(at, &c));
    assert_null(entity_counts_read(NULL, &c));
    assert_false(entity_counts_any(&c));
    /* written by an earlier version */
    at = entity_counts_read("order 7 8 9\ncms_page 1 1 1\n", &c);
    assert_true(c.deleted == 9 && c.folded == 0 && strcmp(at, "cms_page 1 1 1\n") == 0);
}

static void status_joins_the_halves(void **state)
{
    (void)state;
    struct agent_status agent;
    struct applier_status applier;
    struct stream_status s;
    both_halves(&agent, &applier);
    static const struct {
        enum agent_state agent;
        enum applier_state applier;
        enum stream_state both;
    } cases[] = {
        {AGENT_STREAMING, APPLIER_STREAMING, STREAM_STREAMING},
        {AGENT_STREAMING, APPLIER_CATCHING_UP, STREAM_CATCHING_UP},
        {AGENT_SNAPSHOT, APPLIER_SNAPSHOT, STREAM_SNAPSHOT},
        {AGENT_STREAMING, APPLIER_SNAPSHOT, STREAM_SNAPSHOT},
        {AGENT_WAITING_APPLIER, APPLIER_STARTING, STREAM_STARTING},
        {AGENT_WAITING_SOURCE, APPLIER_STREAMING, STREAM_WAITING_SOURCE},
        {AGENT_STREAMING, APPLIER_WAITING_DESTINATION, STREAM_WAITING_DESTINATION},
        {AGENT_FAILED, APPLIER_STREAMING, STREAM_FAILED},
        {AGENT_STOPPED, APPLIER_CATCHING_UP, STREAM_CATCHING_UP},
        {AGENT_STREAMING, APPLIER_FAILED, STREAM_FAILED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        agent.state = cases[i].agent;
        applier.state = cases[i].applier;
        assert_int_equal(stream_status_make(&s, &stream, &agent, &applier, 1700000025), 0);
        assert_int_equal(s.state, cases[i].both);
        if (s.state == STREAM_WAITING_SOURCE)
            assert_int_equal(s.lag_seconds, 15);
        stream_status_free(&s);
    }
    /* caught up: all that was read is applied, and there is no more */
    agent.state = AGENT_STREAMING;
    applier.state = APPLIER_STREAMING;
    applier.idle = true;
    applier.oldest_unapplied = 0;
    assert_int_equal(stream_status_make(&s, &stream, &agent, &applier, 1700000025), 0);
    assert_false(s.caught_up);
    assert_int_equal(s.lag_seconds, 25);
    stream_status_free(&s);
    gtid_set_free(&applier.applied.gtid);
    assert_int_equal(gtid_set_parse(&applier.applied.gtid, "0-1-9", NULL), 0);
    assert_int_equal(stream_status_make(&s, &stream, &agent, &applier, 1700000025), 0);
    assert_true(s.caught_up);
    assert_int_equal(s.lag_seconds, 0);
    stream_status_free(&s);
    free_halves(&agent, &applier);
}

static void two_processes_are_one_stream(void **state)
{
    (void)state;
    struct agent_status agent;
    struct applier_status applier;
    struct stream_status a, b;
    both_halves(&agent, &applier);
    applier.idle = true;
    applier.oldest_unapplied = 0;
    assert_int_equal(stream_status_make(&a, &stream, NULL, &applier, 1700000025), 0);
    assert_int_equal(stream_status_make(&b, &stream, &agent, NULL, 1700000025), 0);
    assert_true(a.caught_up);
    assert_int_equal(stream_status_merge(&a, &b, 1700000025), 0);
    assert_string_equal(a.source_gtid, "0-1-9");
    assert_string_equal(a.applied_gtid, "0-1-7");
    assert_false(a.caught_up); /* the source is at 9, the applier at 7 */
    assert_int_equal(a.lag_seconds, 25);
    stream_status_free(&a);
    stream_status_free(&b);
    free_halves(&agent, &applier);
}

static void progress_is_readable(void **state)
{
    (void)state;
    char bar[40], text[40];
    progress_bar(bar, 10, 0, 0);
    assert_string_equal(bar, "[>         ]");
    progress_bar(bar, 10, 5, 10);
    assert_string_equal(bar, "[=====>    ]");
    progress_bar(bar, 10, 12, 10);
    assert_string_equal(bar, "[==========]");
    progress_duration(text, sizeof text, 59);
    assert_string_equal(text, "59 s");
    progress_duration(text, sizeof text, 600);
    assert_string_equal(text, "10 min");
    progress_duration(text, sizeof text, 7260);
    assert_string_equal(text, "2 h 1 min");
}

static void bars_of_a_migration_are_those_of_symfony(void **state)
{
    (void)state;
    static const char usual[] = "%percent%% [%bar%] Remaining Time: %remaining%";
    char text[200];
    progress_print(usual, &(struct progress_numbers){50, 100, 10, 12.4}, text, sizeof text);
    assert_string_equal(text, "50% [==============>-------------] Remaining Time: 12 secs");
    progress_print(usual, &(struct progress_numbers){7, 0, 0, 0}, text, sizeof text);
    assert_string_equal(text, "0% [>---------------------------] Remaining Time: < 1 sec");
    progress_print(usual, &(struct progress_numbers){120, 100, 3, 0}, text, sizeof text);
    assert_string_equal(text, "100% [============================] Remaining Time: < 1 sec");
    progress_print("%current%/%max% %percent:4s%%|%nothing% 5% %elapsed% %estimated%",
                   &(struct progress_numbers){1, 4, 60, 7300}, text, sizeof text);
    assert_string_equal(text, "1/4   25%|%nothing% 5% 1 min 2 hrs");
    char small[10];
    progress_print(usual, &(struct progress_numbers){1, 2, 0, 0}, small, sizeof small);
    assert_string_equal(small, "50% [====");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_stand_anywhere),
        cmocka_unit_test(wrong_lines_say_what_is_wrong),
        cmocka_unit_test(passwords_leave_the_process_title),
        cmocka_unit_test(help_names_every_option),
        cmocka_unit_test(exit_codes_are_those_documented),
        cmocka_unit_test(json_is_always_valid),
        cmocka_unit_test(log_lines_have_both_forms),
        cmocka_unit_test(places_are_times_gtids_or_files),
        cmocka_unit_test(status_reads_back_what_it_prints),
        cmocka_unit_test(entity_counts_read_back),
        cmocka_unit_test(status_joins_the_halves),
        cmocka_unit_test(two_processes_are_one_stream),
        cmocka_unit_test(progress_is_readable),
        cmocka_unit_test(bars_of_a_migration_are_those_of_symfony),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
