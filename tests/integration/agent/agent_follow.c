/* Runs the agent against a spool of its own and takes the applier's part. For `run` beside it.
 *
 *   agent_follow CONFIG SPOOL [option …]
 *     applied=none|POSITION    the checkpoint to post (default none)
 *     stop=now|GTID|FILE:POS|time:SECONDS
 *     range from=POSITION from_time=SECONDS file=PATH …
 *     once                     give up after connect_timeout
 *     hold                     trim nothing, post no new checkpoint
 *     hold_after=N             the same from the Nth transaction on
 *     size=BYTES               of the spool
 *     quiet                    print no messages, only the end
 *     no-snapshot
 *     check                    run the preflight instead
 *
 * Prints one JSON object per line: messages, {"t":"generation"}, findings, answers, and at the end
 * {"t":"end"} with code, error and status. Commands on stdin: "stop", "status", "request TEXT".
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/source.h"
#include "schema/log.h"
#include "schema/message.h"

enum { FILES_MOST = 100, SPOOL_SIZE = 256 << 20, WAIT_MS = 20 };

static struct {
    const char *applied, *stop, *from, *from_time, *size, *hold_after;
    const char *files[FILES_MOST];
    size_t file_count;
    bool range, once, hold, quiet, no_snapshot, check;
} args;
static struct {
    struct agent *agent;
    pthread_t thread;
    struct ds_error error;
    int rc;
    bool done; /* under the mutex */
    pthread_mutex_t mutex;
} runner = {.mutex = PTHREAD_MUTEX_INITIALIZER};
static uint64_t seen_commits, seen_changes;

/* --- printing ------------------------------------------------------------- */

static void print_text(struct slice s)
{
    putchar('"');
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.p[i];
        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < 32 || c > 126)
            printf("\\u00%02x", c); /* bytes as Latin 1 */
        else
            putchar(c);
    }
    putchar('"');
}

static void print_string(const char *key, struct slice s)
{
    printf(",\"%s\":", key);
    print_text(s);
}

static struct slice text(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

static int print_value(const uint8_t **p, const uint8_t *end)
{
    struct value v;
    if (value_read(p, end, &v))
        return -1;
    switch (v.kind) {
    case VALUE_NULL:
        printf("null");
        break;
    case VALUE_ABSENT:
        printf("false");
        break;
    case VALUE_SAME:
        printf("true");
        break;
    case VALUE_INT:
        printf("%lld", (long long)v.i);
        break;
    case VALUE_UINT:
        printf("%llu", (unsigned long long)v.u);
        break;
    case VALUE_FLOAT:
        printf("%.9g", (double)v.f);
        break;
    case VALUE_DOUBLE:
        printf("%.17g", v.d);
        break;
    case VALUE_TEXT:
    case VALUE_BYTES:
        print_text(v.bytes);
        break;
    }
    return 0;
}

static void print_image(const char *key, struct slice image)
{
    const uint8_t *p = image.p, *end = image.p + image.len;
    printf(",\"%s\":", key);
    if (image.len == 0) {
        printf("null");
        return;
    }
    p += *p == 0xdd ? 5 : *p == 0xdc ? 3 : 1;
    putchar('[');
    while (p < end && print_value(&p, end) == 0)
        if (p < end)
            putchar(',');
    putchar(']');
}

static void print_table(const struct msg_table *t)
{
    printf("{\"t\":\"table\",\"id\":%u", t->id);
    print_string("db", t->database);
    print_string("name", t->name);
    print_string("entity", t->entity);
    print_string("role", t->role);
    printf(",\"flags\":%u,\"columns\":[", t->flags);
    for (uint32_t i = 0; i < t->column_count; i++) {
        printf("%s[", i ? "," : "");
        print_text(t->columns[i].name);
        printf(",%u,%u]", t->columns[i].type, t->columns[i].flags);
    }
    printf("]}\n");
}

static void print_change(const struct msg_change *c)
{
    printf("{\"t\":\"change\",\"table\":%u,\"op\":%d,\"flags\":%u,\"key\":", c->table_id,
           (int)c->op, c->flags);
    const uint8_t *p = c->entity_key.p;
    if (c->entity_key.len == 0 || print_value(&p, p + c->entity_key.len))
        printf("null");
    print_image("before", c->before);
    print_image("after", c->after);
    printf("}\n");
}

static void print_message(const struct message *m)
{
    switch (m->type) {
    case MSG_TABLE:
        print_table(&m->table);
        return;
    case MSG_CHANGE:
        print_change(&m->change);
        return;
    case MSG_BEGIN:
        printf("{\"t\":\"begin\",\"flags\":%u,\"time\":%llu", m->begin.flags,
               (unsigned long long)m->begin.timestamp);
        print_string("gtid", m->begin.gtid);
        break;
    case MSG_COMMIT:
        printf("{\"t\":\"commit\",\"flags\":%u,\"pos\":%llu", m->commit.flags,
               (unsigned long long)m->commit.pos);
        print_string("gtid_set", m->commit.gtid_set);
        print_string("file", m->commit.file);
        break;
    case MSG_TRUNCATE:
        printf("{\"t\":\"truncate\"");
        print_string("db", m->truncate.database);
        print_string("name", m->truncate.table);
        break;
    case MSG_DDL:
        printf("{\"t\":\"ddl\"");
        print_string("statement", m->ddl.statement);
        print_string("db", m->ddl.session.database);
        break;
    case MSG_SAVEPOINT:
        printf("{\"t\":\"savepoint\",\"kind\":%d", (int)m->savepoint.kind);
        print_string("name", m->savepoint.name);
        break;
    case MSG_XA:
        printf("{\"t\":\"xa\",\"kind\":%d", (int)m->xa.kind);
        print_string("xid", m->xa.xid);
        break;
    case MSG_TABLE_HINT:
        printf("{\"t\":\"hint\",\"table\":%u", m->hint_table_id);
        break;
    case MSG_SNAPSHOT:
        printf("{\"t\":\"snapshot\",\"kind\":%d", (int)m->snapshot.kind);
        print_string("text", m->snapshot.text);
        break;
    default:
        printf("{\"t\":\"type %d\"", (int)m->type);
        break;
    }
    printf("}\n");
}

static void print_status(const char *what)
{
    struct agent_status st;
    char position[700], source[700];
    agent_status_get(runner.agent, &st);
    printf("{\"t\":\"%s\",\"state\":%d,\"at_end\":%s,\"transactions\":%llu,\"rows\":%llu", what,
           (int)st.state, st.at_end ? "true" : "false", (unsigned long long)st.transactions,
           (unsigned long long)st.rows);
    print_string("read", text(position_format(&st.read, position, sizeof position)));
    print_string("source", text(position_format(&st.source, source, sizeof source)));
    print_string("error", text(st.error.message));
    if (strcmp(what, "end") == 0) {
        print_string("code", text(error_name(runner.rc)));
        print_string("message", text(runner.error.message));
        print_string("position", text(runner.error.position));
    }
    printf("}\n");
    fflush(stdout);
    agent_status_free(&st);
}

static void on_log(void *arg, enum log_level level, const char *line)
{
    (void)arg;
    fprintf(stderr, "log %d %s\n", (int)level, line);
}

static int fail(const char *what, const struct ds_error *err)
{
    char line[2200];
    fprintf(stderr, "%s: %s %s\n", what, error_name(err->code),
            error_format(err, line, sizeof line));
    return 1;
}

/* --- the applier's part --------------------------------------------------- */

static int take_chunk(struct spool *s, const struct buf *chunk, uint64_t seq, bool *last_commit,
                      struct position *applied, struct ds_error *err)
{
    const uint8_t *p = chunk->data, *end = p + chunk->len;
    struct arena arena = {0};
    struct message m;
    int rc = 0;
    bool committed = false;
    *last_commit = false;
    while (p < end && (rc = message_read(&p, end, &arena, &m, err)) == 0) {
        if (!args.quiet)
            print_message(&m);
        seen_changes += m.type == MSG_CHANGE;
        *last_commit = m.type == MSG_COMMIT;
        if (m.type != MSG_COMMIT)
            continue;
        seen_commits++;
        args.hold |= args.hold_after && seen_commits >= strtoull(args.hold_after, NULL, 10);
        committed = true;
        char set[4096];
        snprintf(set, sizeof set, "%.*s", (int)m.commit.gtid_set.len, m.commit.gtid_set.p);
        position_free(applied);
        rc = gtid_set_parse(&applied->gtid, set, err);
        memset(&applied->file, 0, sizeof applied->file);
        memcpy(applied->file.file, m.commit.file.p, m.commit.file.len);
        applied->file.pos = m.commit.pos;
        if (rc)
            break;
    }
    arena_free(&arena);
    if (rc == 0 && committed && !args.hold &&
        (*last_commit || seq > 1)) /* else: its rest is needed */
        rc = spool_trim(s, *last_commit ? seq : seq - 1, applied, err);
    return rc;
}

/* Everything that is there now. *again: something was. */
static int drain(struct spool *s, struct position *applied, bool *again, struct ds_error *err)
{
    static struct buf chunk;
    uint64_t seq;
    bool at_end, committed;
    int rc;
    *again = false;
    while ((rc = spool_read(s, &chunk, &seq, &at_end, err)) != DS_EAGAIN) {
        *again = true;
        if (rc == DS_EPOSITION) {
            printf("{\"t\":\"generation\"}\n");
            continue;
        }
        if (rc == 0)
            rc = take_chunk(s, &chunk, seq, &committed, applied, err);
        if (rc)
            return rc;
    }
    if (*again)
        fflush(stdout);
    return 0;
}

static int command(struct spool *s, char *line, struct ds_error *err)
{
    line[strcspn(line, "\n")] = 0;
    if (strcmp(line, "stop") == 0)
        agent_stop(runner.agent);
    else if (strcmp(line, "status") == 0)
        print_status("status");
    else if (strncmp(line, "request ", 8) == 0)
        return spool_request(s, line + 8, err);
    return 0;
}

static int commands(struct spool *s, struct ds_error *err)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    char line[400];
    int rc = 0;
    while (rc == 0 && poll(&in, 1, 0) > 0 && in.revents & POLLIN && fgets(line, sizeof line, stdin))
        rc = command(s, line, err);
    return rc;
}

static bool runner_done(void)
{
    pthread_mutex_lock(&runner.mutex);
    bool done = runner.done;
    pthread_mutex_unlock(&runner.mutex);
    return done;
}

static void *run_agent(void *arg)
{
    (void)arg;
    int rc = agent_run(runner.agent, &runner.error);
    pthread_mutex_lock(&runner.mutex);
    runner.rc = rc;
    runner.done = true;
    pthread_mutex_unlock(&runner.mutex);
    return NULL;
}

static int follow(struct spool *s, struct ds_error *err)
{
    struct position applied = {0};
    struct timespec begin, end;
    bool again;
    int rc = 0;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    if (pthread_create(&runner.thread, NULL, run_agent, NULL))
        return error_set(err, DS_ENOMEM, "no thread");
    while (rc == 0) {
        bool done = runner_done();
        rc = drain(s, &applied, &again, err);
        if (rc == 0)
            rc = commands(s, err);
        if (rc == 0 && done && !again)
            break;
        if (!again)
            spool_wait(s, WAIT_MS);
    }
    if (rc)
        agent_stop(runner.agent);
    pthread_join(runner.thread, NULL);
    clock_gettime(CLOCK_MONOTONIC, &end);
    position_free(&applied);
    double seconds =
        (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
    fprintf(stderr, "seconds=%.3f commits=%llu changes=%llu\n", seconds,
            (unsigned long long)seen_commits, (unsigned long long)seen_changes);
    print_status("end");
    return rc;
}

/* --- arguments ------------------------------------------------------------ */

static bool option(char *arg)
{
    char *value = strchr(arg, '=');
    size_t len = value ? (size_t)(value - arg) : strlen(arg);
    static const struct {
        const char *name;
        bool *flag;
        const char **text;
    } table[] = {{"applied", NULL, &args.applied},
                 {"stop", NULL, &args.stop},
                 {"from", NULL, &args.from},
                 {"from_time", NULL, &args.from_time},
                 {"size", NULL, &args.size},
                 {"hold_after", NULL, &args.hold_after},
                 {"range", &args.range, NULL},
                 {"once", &args.once, NULL},
                 {"hold", &args.hold, NULL},
                 {"quiet", &args.quiet, NULL},
                 {"no-snapshot", &args.no_snapshot, NULL},
                 {"check", &args.check, NULL}};
    if (len == 4 && memcmp(arg, "file", 4) == 0 && value && args.file_count < FILES_MOST) {
        args.files[args.file_count++] = value + 1;
        return true;
    }
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (strlen(table[i].name) != len || memcmp(table[i].name, arg, len) != 0)
            continue;
        if (table[i].flag)
            *table[i].flag = true;
        else if (value)
            *table[i].text = value + 1;
        return true;
    }
    return false;
}

static int parse_position(const char *s, struct position *out, struct ds_error *err)
{
    struct ds_error why;
    memset(out, 0, sizeof *out);
    if (gtid_set_parse(&out->gtid, s, &why) == 0)
        return 0;
    return file_position_parse(&out->file, s, err);
}

static int parse_stop(struct agent_stop_at *out, struct ds_error *err)
{
    if (!args.stop)
        return 0;
    if (strcmp(args.stop, "now") == 0) {
        out->kind = STOP_AT_SOURCE_NOW;
        return 0;
    }
    if (strncmp(args.stop, "time:", 5) == 0) {
        out->kind = STOP_AT_TIME;
        out->time = strtoull(args.stop + 5, NULL, 10);
        return 0;
    }
    out->kind = STOP_AT_POSITION;
    return parse_position(args.stop, &out->position, err);
}

static void on_finding(void *arg, const struct finding *f)
{
    (void)arg;
    printf("{\"t\":\"finding\",\"level\":%d", (int)f->level);
    print_string("what", text(f->what));
    print_string("detail", text(f->detail));
    printf("}\n");
}

static int run(const struct config *config, const struct catalogue *catalogue, struct spool *s,
               struct ds_error *err)
{
    struct position applied = {0};
    struct agent_options o = {.config = config,
                              .catalogue = catalogue,
                              .spool = s,
                              .retry_forever = !args.once,
                              .snapshot_allowed = !args.no_snapshot,
                              .files = args.files,
                              .file_count = args.file_count,
                              .range = args.range,
                              .from_time = args.from_time ? strtoull(args.from_time, NULL, 10) : 0};
    bool none = !args.applied || strcmp(args.applied, "none") == 0;
    int rc = none ? 0 : parse_position(args.applied, &applied, err);
    if (rc == 0)
        rc = parse_stop(&o.stop_at, err);
    if (rc == 0 && args.from)
        rc = parse_position(args.from, &o.from, err);
    if (rc == 0)
        rc = spool_consumer_open(s, none ? NULL : &applied, err);
    if (rc == 0)
        rc = agent_new(&runner.agent, &o, err);
    if (rc == 0)
        rc = follow(s, err);
    agent_free(runner.agent);
    position_free(&applied);
    position_free(&o.from);
    position_free(&o.stop_at.position);
    return rc;
}

int main(int argc, char **argv)
{
    struct ds_error err = {0};
    struct config config;
    struct catalogue *catalogue = NULL;
    struct spool *s = NULL;
    for (int i = 3; i < argc; i++)
        if (!option(argv[i])) {
            fprintf(stderr, "unknown option %s\n", argv[i]);
            return 2;
        }
    if (argc < 3)
        return 2;
    setvbuf(stdin, NULL, _IONBF, 0);
    log_set_sink(on_log, NULL, LOG_LEVEL_INFO);
    if (config_load(&config, argv[1], NULL, 0, &err))
        return fail("configuration", &err);
    int rc = catalogue_load(&catalogue, config.entities_dir, &err);
    if (rc == 0 && args.check) {
        rc = source_check(&config, NULL, on_finding, NULL, &err);
    } else if (rc == 0) {
        struct spool_options o = {
            .path = argv[2], .max_size = args.size ? strtoull(args.size, NULL, 10) : SPOOL_SIZE};
        rc = spool_open(&s, &o, &err);
        if (rc == 0)
            rc = run(&config, catalogue, s, &err);
    }
    if (rc)
        fail("agent_follow", &err);
    spool_close(s);
    catalogue_free(catalogue);
    config_free(&config);
    return rc || (runner.rc && runner.rc != DS_ESTOPPED) ? 1 : 0;
}
