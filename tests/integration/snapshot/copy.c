/* Copies a database between two servers: snapshot on one thread, loader on another, a bounded queue
 * between them in place of the spool. For test.py beside it.
 *
 *   copy SOURCE_SOCKET SOURCE_DB DESTINATION_SOCKET DESTINATION_DB STATE_DIR [option …]
 *     resnapshot       replace rows of others
 *     stale=TABLE      copy this table again instead of the whole
 *     exclude=TABLE    its definition only
 *     pause=TABLE      at its first chunk, print "paused" and wait for a line on stdin
 *     no-destination   read only; DESTINATION_SOCKET is ignored
 *     user=NAME        of the source, without password, instead of root
 *     check            copy nothing, compare both sides: lines "TABLE: verdict"
 *
 * Prints "position …" and "rows N" to stdout; errors as "CODE text" to stderr, exit 1.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/snapshot.h"
#include "applier/counts.h"
#include "applier/load.h"
#include "applier/state.h"
#include "schema/log.h"

enum { QUEUE_BYTES = 8 << 20, TABLES_MAX = 4096 };

struct node {
    struct node *next;
    size_t len;
    unsigned char data[];
};
static struct {
    pthread_mutex_t mutex; /* protects everything here */
    pthread_cond_t changed;
    struct node *head, **end;
    size_t bytes;
    bool done, broken;
} queue = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static struct {
    const char *destination_socket, *destination_database, *stale, *exclude, *pause, *user;
    bool resnapshot, no_destination, paused, check;
} args;
static uint64_t loaded_rows;

static void on_log(void *arg, enum log_level level, const char *line)
{
    (void)arg;
    fprintf(stderr, "log %d %s\n", (int)level, line);
}

static void print_error(const struct ds_error *err)
{
    char line[2200];
    fprintf(stderr, "%s %s\n", error_name(err->code), error_format(err, line, sizeof line));
}

static int put(void *arg, const void *message, size_t len, struct ds_error *err)
{
    (void)arg;
    if (args.no_destination)
        return 0;
    struct node *n = malloc(sizeof *n + len);
    if (!n)
        return error_set(err, DS_ENOMEM, "out of memory");
    n->next = NULL;
    n->len = len;
    memcpy(n->data, message, len);
    pthread_mutex_lock(&queue.mutex);
    while (queue.bytes > QUEUE_BYTES && !queue.broken)
        pthread_cond_wait(&queue.changed, &queue.mutex);
    bool broken = queue.broken;
    *queue.end = n;
    queue.end = &n->next;
    queue.bytes += len;
    pthread_cond_broadcast(&queue.changed);
    pthread_mutex_unlock(&queue.mutex);
    return broken ? error_set(err, DS_ESTOPPED, "the loader has stopped") : 0;
}

static struct node *take(void)
{
    pthread_mutex_lock(&queue.mutex);
    while (!queue.head && !queue.done)
        pthread_cond_wait(&queue.changed, &queue.mutex);
    struct node *n = queue.head;
    if (n) {
        queue.head = n->next;
        if (!queue.head)
            queue.end = &queue.head;
        queue.bytes -= n->len;
        pthread_cond_broadcast(&queue.changed);
    }
    pthread_mutex_unlock(&queue.mutex);
    return n;
}

static void queue_end(bool broken)
{
    pthread_mutex_lock(&queue.mutex);
    queue.broken |= broken;
    queue.done |= !broken;
    pthread_cond_broadcast(&queue.changed);
    pthread_mutex_unlock(&queue.mutex);
}

struct definition_of {
    struct arena arena;
    struct msg_table table;
};

static int apply(struct loader *l, const struct node *n, struct definition_of *tables,
                 struct ds_error *err)
{
    struct arena scratch = {0};
    struct message m;
    const uint8_t *p = n->data;
    int rc = message_read(&p, p + n->len, &scratch, &m, err);
    if (rc == 0 && m.type == MSG_TABLE) {
        struct definition_of *d = &tables[m.table.id % TABLES_MAX];
        const uint8_t *kept = arena_copy(&d->arena, n->data, n->len); /* slices point into it */
        struct message again;
        rc = message_read(&kept, kept + n->len, &d->arena, &again, err);
        d->table = again.table;
    } else if (rc == 0 && m.type == MSG_SNAPSHOT) {
        struct definition_of *d = &tables[m.snapshot.table_id % TABLES_MAX];
        rc = loader_message(l, &m.snapshot, m.snapshot.table_id ? &d->table : NULL, err);
    }
    arena_free(&scratch);
    return rc;
}

static int run_loader(MYSQL *db, struct ds_error *err)
{
    struct db_server server;
    struct target *target = NULL;
    struct loader *l = NULL;
    const struct load_options options = {.name = "test",
                                         .database = args.destination_database,
                                         .state_database = "datasync",
                                         .resnapshot = args.resnapshot};
    static struct definition_of tables[TABLES_MAX];
    int rc = db_server_info(db, &server, err);
    if (rc == 0)
        rc = state_ensure(db, "datasync", err);
    if (rc == 0 && args.stale && mysql_select_db(db, args.destination_database))
        rc = db_fail(err, db, "choosing the database");
    if (rc == 0)
        rc = target_new(&target, db, args.destination_database, err);
    if (rc == 0)
        rc = loader_new(&l, db, &server, target, &options, err);
    for (struct node *n; rc == 0 && (n = take());) {
        rc = apply(l, n, tables, err);
        free(n);
    }
    if (rc == 0 && args.stale && !loader_stale_applied(l))
        rc = error_set(err, DS_ESCHEMA, "the copy was passed over");
    else if (rc == 0 && !args.stale && !loader_finished(l))
        rc = error_set(err, DS_EAGAIN, "the snapshot did not come to its end");
    loaded_rows = l ? loader_rows(l) : 0;
    loader_free(l);
    target_free(target);
    for (int i = 0; i < TABLES_MAX; i++)
        arena_free(&tables[i].arena);
    return rc;
}

static void *loader_thread(void *arg)
{
    struct ds_error *err = arg;
    struct db_endpoint ep = {.role = "destination",
                             .socket = args.destination_socket,
                             .user = "root",
                             .password = "",
                             .connect_timeout = 10};
    MYSQL *db = NULL;
    int rc = db_connect(&db, &ep, err);
    if (rc == 0)
        rc = run_loader(db, err);
    if (rc)
        queue_end(true);
    db_close(&db);
    mysql_thread_end();
    return NULL;
}

static bool wanted(void *arg, const char *table)
{
    (void)arg;
    return !args.exclude || strcmp(table, args.exclude) != 0;
}

static void on_progress(void *arg, const struct snapshot_progress *p)
{
    (void)arg;
    if (!args.pause || args.paused || !p->table || strcmp(p->table, args.pause) != 0)
        return;
    char line[16];
    args.paused = true;
    printf("paused\n");
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin))
        fprintf(stderr, "stdin ended\n");
}

static void read_option(const char *text)
{
    static const struct {
        const char *key, **value;
    } texts[] = {
        {"stale=", &args.stale},
        {"exclude=", &args.exclude},
        {"pause=", &args.pause},
        {"user=", &args.user},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strncmp(text, texts[i].key, strlen(texts[i].key)) == 0)
            *texts[i].value = text + strlen(texts[i].key);
    args.resnapshot |= strcmp(text, "resnapshot") == 0;
    args.check |= strcmp(text, "check") == 0;
    args.no_destination |= strcmp(text, "no-destination") == 0;
}

static int print_verdict(void *arg, const struct counts_result *r, struct ds_error *err)
{
    (void)arg;
    (void)err;
    printf("%s: %s\n", r->table, counts_verdict_text(r->verdict));
    return 0;
}

static int check(const char *source_socket, const char *source_database, struct ds_error *err)
{
    struct db_endpoint source = {.role = "source", .socket = source_socket, .user = "root"};
    struct db_endpoint destination = {
        .role = "destination", .socket = args.destination_socket, .user = "root"};
    DB_AUTO MYSQL *left = NULL, *right = NULL;
    uint64_t different;
    int rc = db_connect(&left, &source, err);
    if (rc == 0)
        rc = db_connect(&right, &destination, err);
    const struct counts_options o = {.source = left,
                                     .destination = right,
                                     .source_database = source_database,
                                     .destination_database = args.destination_database,
                                     .checksums = true,
                                     .result = print_verdict};
    if (rc == 0)
        rc = counts_compare(&o, &different, err);
    if (rc == 0)
        printf("different %lu\n", different);
    else
        print_error(err);
    return rc ? 1 : 0;
}

int main(int argc, char **argv)
{
    if (argc < 6) {
        fprintf(stderr, "usage: see the head of %s\n", __FILE__);
        return 2;
    }
    args.destination_socket = argv[3];
    args.destination_database = argv[4];
    for (int i = 6; i < argc; i++)
        read_option(argv[i]);
    queue.end = &queue.head;
    log_set_sink(on_log, NULL, LOG_LEVEL_INFO);
    static char root[] = "root", empty[] = "";
    char *user = args.user ? strdup(args.user) : root;
    struct config config = {.max_event = 256 << 20, .connect_timeout = 10, .state_dir = argv[5]};
    config.source = (struct config_server){.socket = argv[1],
                                           .user = user,
                                           .password = empty,
                                           .database = argv[2],
                                           .host = empty,
                                           .prefix = empty,
                                           .tls_ca = empty,
                                           .tls_cert = empty,
                                           .tls_key = empty,
                                           .tls_mode = TLS_DISABLED};
    const struct snapshot_options options = {.config = &config,
                                             .first_table_id = 1,
                                             .put = put,
                                             .wanted = wanted,
                                             .progress = on_progress};
    struct ds_error err = {0}, load_err = {0};
    struct position at = {0};
    pthread_t loader;
    if (args.check)
        return check(argv[1], argv[2], &err);
    if (!args.no_destination && pthread_create(&loader, NULL, loader_thread, &load_err))
        return 2;
    int rc = args.stale ? snapshot_copy_stale(&options, &args.stale, 1, &err)
                        : snapshot_run(&options, &at, &err);
    queue_end(false);
    if (!args.no_destination)
        pthread_join(loader, NULL);
    for (struct node *n; (n = take());)
        free(n);
    if (load_err.code)
        print_error(&load_err);
    if (rc)
        print_error(&err);
    BUF_AUTO struct buf text = {0};
    if (rc == 0 && load_err.code == 0 && position_print(&at, &text) == 0)
        printf("position %s\nrows %lu\n", buf_cstr(&text), loaded_rows);
    position_free(&at);
    if (user != root)
        free(user);
    mysql_library_end();
    return rc || load_err.code ? 1 : 0;
}
