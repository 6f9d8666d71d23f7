/* Applies one statement as the main loop would: for tests/integration/ddl/run.
 *
 *   ddl_apply --socket=PATH --pos=N [--KEY=VALUE …] < STATEMENT
 *
 * The stream's checkpoint stands at N-1 before and at N after it. Prints one line: DONE, PASSED or
 * OPEN with the affected tables, BEHIND when the checkpoint stands at N already, or ERROR with code
 * and text. --rows=SQL: the group goes on with this. --truncate: as a truncate message.
 * DATASYNC_CRASH kills it at a crash point.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "applier/ddl.h"
#include "applier/state.h"
#include "schema/log.h"

enum { KEYS = 24 };
static const char *const keys[KEYS] = {"socket",   "pos",
                                       "source",   "database",
                                       "state",    "name",
                                       "default",  "mode",
                                       "flags2",   "error",
                                       "client",   "connection",
                                       "server",   "zone",
                                       "time",     "rows",
                                       "policy",   "rowless",
                                       "prefix",   "source_prefix",
                                       "defaults", "database_collation",
                                       "truncate", "user"};
static const char *values[KEYS];

static const char *option(const char *key, const char *otherwise)
{
    for (int i = 0; i < KEYS; i++)
        if (strcmp(keys[i], key) == 0)
            return values[i] ? values[i] : otherwise;
    fprintf(stderr, "no option %s\n", key);
    exit(2);
}

static unsigned long number(const char *key)
{
    return strtoul(option(key, "0"), NULL, 0);
}

static struct slice text(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

struct stream {
    MYSQL *db;
    const char *state, *name;
    uint64_t pos;
    struct ddl_connection connection;
};

static int begin_locked(void *arg, struct ds_error *err)
{
    struct stream *s = arg;
    struct checkpoint cp;
    int rc = db_exec(s->db, err, "START TRANSACTION");
    if (rc)
        return rc;
    rc = checkpoint_read(s->db, s->state, s->name, NULL, true, &cp, err);
    if (rc == 0 && (!cp.found || cp.pos != s->pos - 1))
        rc = error_set(err, DS_EPOSITION, "the checkpoint is at %lu", cp.pos);
    checkpoint_free(&cp);
    return rc;
}

static int commit_position(void *arg, struct ds_error *err)
{
    struct stream *s = arg;
    struct checkpoint cp = {.pos = s->pos};
    int rc = checkpoint_update(s->db, s->state, s->name, &cp, err);
    return rc ? rc : db_exec(s->db, err, "COMMIT");
}

static bool keeps(void *arg, const char *table)
{
    (void)arg;
    return strcmp(option("rowless", ""), table) != 0;
}

static void log_line(void *arg, enum log_level level, const char *line)
{
    (void)arg;
    fprintf(stderr, "%d %s\n", level, line);
}

static int fail(const struct ds_error *err)
{
    char line[3000];
    printf("ERROR %s %s\n", error_name(err->code), error_format(err, line, sizeof line));
    return 1;
}

static int read_statement(struct buf *out)
{
    char chunk[4096];
    size_t n;
    while ((n = fread(chunk, 1, sizeof chunk, stdin)) > 0)
        if (buf_append(out, chunk, n))
            return DS_ENOMEM;
    return 0;
}

static int build_message(struct buf *bytes, struct arena *arena, struct message *m,
                         struct ds_error *err)
{
    BUF_AUTO struct buf statement = {0};
    if (read_statement(&statement))
        return error_set(err, DS_ENOMEM, "out of memory");
    struct msg_session session = {
        .database = text(option("default", option("source", "shop"))),
        .sql_mode = number("mode"),
        .flags2 = (uint32_t)number("flags2"),
        .error_code = (uint16_t)number("error"),
        .client_charset = (uint16_t)number("client"),
        .connection_collation = (uint16_t)number("connection"),
        .server_collation = (uint16_t)number("server"),
        .database_collation = (uint16_t)number("database_collation"),
        .time_zone = text(option("zone", "")),
        .timestamp = number("time"),
        .explicit_defaults_for_timestamp = (int8_t)strtol(option("defaults", "-1"), NULL, 10),
        .check_constraint_checks = -1,
    };
    struct slice sql = {statement.data, statement.len};
    int rc = number("truncate")
                 ? message_write_truncate(
                       bytes, &(struct msg_truncate){.statement = sql, .session = session})
                 : message_write_ddl(bytes, &(struct msg_ddl){sql, session});
    if (rc)
        return error_set(err, rc, "out of memory");
    const uint8_t *p = bytes->data;
    return message_read(&p, p + bytes->len, arena, m, err);
}

static int write_rows(struct stream *s, const struct ddl_context *c, struct ds_error *err)
{
    int rc = begin_locked(s, err);
    if (rc == 0)
        rc = db_exec(s->db, err, "%s", option("rows", ""));
    if (rc == 0)
        rc = ddl_finish(c, err);
    return rc ? rc : commit_position(s, err);
}

static int apply(struct stream *s, const struct db_server *server, struct ds_error *err)
{
    BUF_AUTO struct buf bytes = {0};
    struct arena arena = {0};
    struct message m;
    struct ddl_outcome out = {0};
    char position[40];
    static const char *const results[] = {"PASSED", "DONE", "OPEN"};
    const struct ddl_context c = {
        .db = s->db,
        .server = server,
        .name = s->name,
        .state_database = s->state,
        .source_database = option("source", "shop"),
        .database = option("database", "shop"),
        .source_prefix = option("source_prefix", ""),
        .prefix = option("prefix", ""),
        .policy = (enum config_ddl)number("policy"),
        .keeps = keeps,
        .connection = &s->connection,
        .begin_locked = begin_locked,
        .commit_position = commit_position,
        .arg = s,
    };
    snprintf(position, sizeof position, "bin.000001:%lu", s->pos);
    int rc = build_message(&bytes, &arena, &m, err);
    if (rc == 0)
        rc = ddl_apply(&c, &m, position, values[15] != NULL, &out, err);
    if (rc == 0 && out.result == DDL_OPEN)
        rc = write_rows(s, &c, err);
    else if (rc == 0 && out.result == DDL_PASSED) {
        rc = begin_locked(s, err);
        rc = rc ? rc : commit_position(s, err);
    }
    if (rc == 0) {
        printf("%s%s", results[out.result], out.everything ? " everything" : "");
        for (size_t i = 0; i < out.table_count; i++)
            printf(" %s", out.tables[i]);
        printf("\n");
    }
    ddl_outcome_free(&out);
    arena_free(&arena);
    return rc;
}

static int run(struct ds_error *err)
{
    struct stream s = {.state = option("state", "datasync"),
                       .name = option("name", "default"),
                       .pos = number("pos")};
    struct db_endpoint ep = {.role = "destination",
                             .socket = option("socket", ""),
                             .user = option("user", "root"),
                             .password = "",
                             .database = option("database", "shop"),
                             .connect_timeout = 10};
    DB_AUTO MYSQL *db = NULL;
    struct db_server server;
    struct checkpoint cp = {0};
    int rc = db_connect(&db, &ep, err);
    s.db = db;
    if (rc == 0)
        rc = db_server_info(db, &server, err);
    if (rc == 0)
        rc = state_ensure(db, s.state, err);
    if (rc == 0)
        rc = checkpoint_read(db, s.state, s.name, NULL, false, &cp, err);
    if (rc == 0 && !cp.found)
        rc = checkpoint_insert(db, s.state, s.name, &(struct checkpoint){.pos = s.pos - 1}, err);
    bool behind = cp.found && cp.pos == s.pos;
    checkpoint_free(&cp);
    if (rc == 0 && behind)
        printf("BEHIND\n");
    return rc || behind ? rc : apply(&s, &server, err);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *equals = strchr(argv[i], '=');
        for (int k = 0; k < KEYS && equals; k++)
            if (strlen(keys[k]) == (size_t)(equals - argv[i] - 2) &&
                memcmp(keys[k], argv[i] + 2, strlen(keys[k])) == 0)
                values[k] = equals + 1;
    }
    log_set_sink(log_line, NULL, LOG_LEVEL_INFO);
    struct ds_error err;
    error_clear(&err);
    return run(&err) ? fail(&err) : 0;
}
