/* The spool between processes: kills, locks, a full disk. */
#include "tests/unit/spool_helper.h"

#include <lmdb.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define MiB ((uint64_t)1 << 20)

/* In a child, where the test framework cannot be used. */
#define check(holds)                                                                               \
    do {                                                                                           \
        if (!(holds)) {                                                                            \
            fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #holds, last_error.message);   \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static struct spool *open_spool(const char *path, uint64_t max_size, bool durable)
{
    struct spool *s = NULL;
    assert_ok(spool_open(&s, &(struct spool_options){path, max_size, durable, false}, err));
    return s;
}

static pid_t start(void (*child)(const char *path, void *arg), const char *path, void *arg)
{
    pid_t pid = fork();
    if (pid == 0) {
        child(path, arg);
        _exit(0);
    }
    assert_true(pid > 0);
    return pid;
}

static int finish(pid_t pid)
{
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static unsigned random_state;
static unsigned random_below(unsigned n)
{
    random_state = random_state * 1103515245u + 12345u;
    return (random_state >> 16) % n;
}

/* --- a writer that is killed --------------------------------------------- */

struct writer_job {
    bool first, durable;
    unsigned seed;
    uint64_t max_size;
    uint64_t until; /* 0: for ever */
};

/* Write transactions from where the store ends until killed. */
static void write_on(const char *path, void *arg)
{
    const struct writer_job *job = arg;
    struct spool *s;
    struct spool_state st;
    struct buf b = {0};
    uint64_t n = 0;
    random_state = job->seed;
    check(spool_open(&s, &(struct spool_options){path, job->max_size, job->durable, false}, err) ==
          0);
    check(spool_writer_open(s, err) == 0);
    if (job->first) {
        struct position base = gtid_at(0);
        check(spool_writer_reset(s, &base, "source", NULL, err) == 0);
        position_free(&base);
    } else {
        check(spool_state_get(s, &st, err) == 0);
        check(st.tail_known && st.tail.gtid.count == 1);
        n = st.tail.gtid.members[0].seq;
        spool_state_free(&st);
    }
    while (!job->until || n < job->until) {
        unsigned messages = 1 + random_below(5);
        for (unsigned i = 1; i <= messages; i++) {
            size_t len = i < messages && random_below(50) == 0 ? 60000 + random_below(200000)
                                                               : 16 + random_below(3000);
            note_fill(&b, ++n, len, i == messages);
            check(spool_put(s, b.data, b.len, err) == 0);
            char text[40];
            if (i == messages)
                check(spool_mark_raw(s, gtid_text(n, text), (struct slice){0}, 0) == 0);
            if (random_below(20) == 0)
                check(spool_flush(s, err) == 0); /* also inside transactions */
        }
    }
    check(spool_flush(s, err) == 0);
    buf_free(&b);
    spool_close(s);
}

struct reader {
    uint64_t applied;   /* last whole transaction */
    uint64_t trimmed;   /* … that the spool was told of */
    uint64_t number;    /* last message */
    uint64_t seq, read; /* chunk, bytes */
};

/* Read one chunk; messages must be undamaged and follow each other. */
static int read_chunk(struct spool *s, struct reader *r)
{
    BUF_AUTO struct buf out = {0};
    bool at_end;
    struct note n = {0};
    uint64_t seq;
    bool ended = false;
    int rc = spool_read(s, &out, &seq, &at_end, err);
    if (rc == DS_EPOSITION) {
        r->number = 0; /* anything up to what is applied may come first */
        return rc;
    }
    if (rc)
        return rc;
    for (const uint8_t *p = out.data, *end = p + out.len; p < end;) {
        assert_true(note_take(&p, end, &n));
        if (r->number == 0)
            assert_true(n.number <= r->applied + 1);
        else
            assert_int_equal(n.number, r->number + 1);
        r->number = n.number;
        if (n.last && n.number > r->applied)
            r->applied = n.number;
        ended = ended || n.last;
    }
    r->read += out.len;
    if (n.last)
        r->seq = seq;
    else if (ended)
        r->seq = seq - 1; /* the next transaction has begun in this chunk */
    return 0;
}

static void trim_applied(struct spool *s, struct reader *r)
{
    if (r->applied == r->trimmed)
        return; /* chunks that go while the checkpoint stays count as not applied */
    r->trimmed = r->applied;
    struct position p = gtid_at(r->applied);
    assert_ok(spool_trim(s, r->seq, &p, err));
    position_free(&p);
}

/* One round: a writer is killed at a random moment while we read; then the store must hold whole
 * transactions only, and everything from what is applied to its tail. */
static void kill_round(const char *path, struct writer_job *job, struct reader *r)
{
    pid_t pid = start(write_on, path, job);
    struct spool *s = open_spool(path, job->max_size, job->durable);
    struct position applied = gtid_at(r->applied);
    struct timespec end, now;
    assert_ok(spool_consumer_open(s, &applied, err));
    position_free(&applied);
    r->trimmed = r->applied;
    r->number = 0;
    clock_gettime(CLOCK_MONOTONIC, &end);
    uint64_t ns = (uint64_t)end.tv_nsec + (uint64_t)(1 + random_below(60)) * 1000000;
    end.tv_sec += (time_t)(ns / 1000000000);
    end.tv_nsec = (long)(ns % 1000000000);
    /* the first writer is given the time to make its reset */
    uint64_t wanted = job->first ? r->read + 1 : 0;
    do {
        int rc = read_chunk(s, r);
        if (rc == DS_EAGAIN)
            spool_wait(s, 1);
        else if (rc == 0 && random_below(3) == 0)
            trim_applied(s, r);
        else
            assert_true(rc == 0 || rc == DS_EPOSITION);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (r->read < wanted || now.tv_sec < end.tv_sec ||
             (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_true(WIFSIGNALED(finish(pid)));

    int rc;
    while ((rc = read_chunk(s, r)) == 0 || rc == DS_EPOSITION)
        continue;
    assert_int_equal(rc, DS_EAGAIN);
    assert_ok(spool_writer_open(s, err));
    struct spool_state st;
    assert_ok(spool_state_get(s, &st, err));
    assert_true(st.tail_known);
    assert_int_equal(st.tail.gtid.members[0].seq,
                     r->applied); /* no whole one lost, none invented */
    spool_state_free(&st);
    assert_ok(spool_rewind(s, err));
    r->number = 0;
    while ((rc = read_chunk(s, r)) == 0 || rc == DS_EPOSITION)
        continue;
    assert_int_equal(rc, DS_EAGAIN);
    if (r->number) /* the last message that is left ends the last transaction */
        assert_int_equal(r->number, r->applied);
    if (r->number && random_below(2))
        trim_applied(s, r);
    spool_close(s);
}

static void killed_writers_leave_whole_transactions(void **state)
{
    (void)state;
    for (int durable = 0; durable < 2; durable++) {
        char path[256];
        struct reader r = {0};
        folder_make(path, sizeof path);
        for (unsigned round = 0; round < (durable ? 5 : 25); round++) {
            struct writer_job job = {
                .first = round == 0, .durable = durable, .seed = 1000 + round, .max_size = 4 * MiB};
            random_state = round * 7919;
            kill_round(path, &job, &r);
        }
        assert_true(r.applied > 0);
        folder_remove(path);
    }
}

/* --- between LMDB's meta page and what it tells readers ------------------- */

/* What happens when a commit's meta page has been written, which is before readers are told. */
static void (*meta_written)(void);

/* LMDB calls these, under the one name or the other: the executable comes before the C library. */
ssize_t any_pwrite(int fd, const void *data, size_t size, off_t offset) __asm__("pwrite");
ssize_t any_pwrite64(int fd, const void *data, size_t size, off_t offset) __asm__("pwrite64");

ssize_t any_pwrite(int fd, const void *data, size_t size, off_t offset)
{
    return any_pwrite64(fd, data, size, offset);
}

ssize_t any_pwrite64(int fd, const void *data, size_t size, off_t offset)
{
    enum { META_PAGES = 2 * 4096 };
    ssize_t n = syscall(SYS_pwrite64, fd, data, size, offset);
    if (meta_written && offset > 0 && offset < META_PAGES)
        meta_written();
    return n;
}

static void die(void)
{
    kill(getpid(), SIGKILL);
}

static int is_halfway[2], is_met[2]; /* pipes: a byte each */
static bool meets;

/* Until the reader has come by. */
static void hold(void)
{
    char c;
    meta_written = NULL;
    close(is_met[1]); /* if the reader ends, so does this */
    check(write(is_halfway[1], "h", 1) == 1);
    check(read(is_met[0], &c, 1) == 1);
}

/* A reader that finds a commit halfway waits for the lock of whoever writes. */
int __wrap_mdb_txn_begin(MDB_env *env, MDB_txn *parent, unsigned flags, MDB_txn **txn);
int __real_mdb_txn_begin(MDB_env *env, MDB_txn *parent, unsigned flags, MDB_txn **txn);

int __wrap_mdb_txn_begin(MDB_env *env, MDB_txn *parent, unsigned flags, MDB_txn **txn)
{
    if (meets && !(flags & MDB_RDONLY)) {
        meets = false;
        assert_int_equal(write(is_met[1], "m", 1), 1);
    }
    return __real_mdb_txn_begin(env, parent, flags, txn);
}

struct two_commits {
    int go[2];             /* a byte for each transaction */
    void (*halfway)(void); /* called in the middle of the second one's commit */
};

static void commit_twice(const char *path, void *arg)
{
    const struct two_commits *job = arg;
    struct spool *s;
    struct buf b = {0};
    char c;
    check(read(job->go[0], &c, 1) == 1); /* LMDB must not cross a fork: the parent opens first */
    check(spool_open(&s, &(struct spool_options){path, MiB, false, false}, err) == 0);
    check(spool_writer_open(s, err) == 0);
    struct position base = gtid_at(0);
    check(spool_writer_reset(s, &base, "source", NULL, err) == 0);
    for (uint64_t n = 1; n <= 2; n++) {
        char text[40];
        note_fill(&b, n, 1000, true);
        check(spool_put(s, b.data, b.len, err) == 0);
        check(spool_mark_raw(s, gtid_text(n, text), (struct slice){0}, 0) == 0);
        if (n == 2) {
            check(read(job->go[0], &c, 1) == 1);
            meta_written = job->halfway;
        }
        check(spool_flush(s, err) == 0);
    }
    check(meta_written == NULL); /* it was called */
    position_free(&base);
    buf_free(&b);
    spool_close(s);
}

/* A writer that has been told to go on, and a reader that has got the first transaction. */
static pid_t start_two_commits(const char *path, struct two_commits *job, struct spool **s,
                               struct reader *r)
{
    assert_int_equal(pipe(job->go), 0);
    pid_t pid = start(commit_twice, path, job);
    *s = open_spool(path, MiB, false);
    struct position none = gtid_at(0);
    assert_ok(spool_consumer_open(*s, &none, err));
    position_free(&none);
    assert_int_equal(write(job->go[1], "1", 1), 1);
    while (r->applied < 1) {
        int rc = read_chunk(*s, r);
        if (rc == DS_EAGAIN)
            assert_int_equal(spool_wait(*s, 20000), 0);
        else
            assert_true(rc == 0 || rc == DS_EPOSITION);
    }
    assert_int_equal(read_chunk(*s, r), DS_EAGAIN);
    assert_int_equal(write(job->go[1], "2", 1), 1);
    return pid;
}

static void end_two_commits(const char *path, struct two_commits *job, struct spool *s)
{
    spool_close(s);
    close(job->go[0]);
    close(job->go[1]);
    folder_remove(path);
}

static uint64_t tail_of(struct spool *s)
{
    struct spool_state st;
    assert_ok(spool_state_get(s, &st, err));
    assert_true(st.tail_known);
    uint64_t tail = st.tail.gtid.members[0].seq;
    spool_state_free(&st);
    return tail;
}

/* What is stored is seen by whatever asks first, before another writer has come. */
static void a_killed_writers_last_commit_is_seen(void **state)
{
    enum { BY_READ, BY_STATE, BY_WAIT, WAYS };
    (void)state;
    for (int way = 0; way < WAYS; way++) {
        char path[256];
        struct two_commits job = {.halfway = die};
        struct reader r = {0};
        struct spool *s;
        folder_make(path, sizeof path);
        pid_t pid = start_two_commits(path, &job, &s, &r);
        int status = finish(pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        if (way == BY_STATE)
            assert_int_equal(tail_of(s), 2);
        if (way == BY_WAIT)
            assert_int_equal(spool_wait(s, 0), 0);
        assert_int_equal(read_chunk(s, &r), 0);
        assert_int_equal(r.applied, 2);
        assert_int_equal(read_chunk(s, &r), DS_EAGAIN);
        assert_int_equal(tail_of(s), 2);
        assert_ok(spool_writer_open(s, err));
        assert_int_equal(read_chunk(s, &r), DS_EAGAIN); /* nothing was cut, nothing comes twice */
        assert_int_equal(tail_of(s), 2);
        end_two_commits(path, &job, s);
    }
}

static void a_wait_is_ended_by_a_commit_that_it_meets_halfway(void **state)
{
    (void)state;
    char path[256], c;
    struct two_commits job = {.halfway = hold};
    struct reader r = {0};
    struct spool *s;
    folder_make(path, sizeof path);
    assert_int_equal(pipe(is_halfway), 0);
    assert_int_equal(pipe(is_met), 0);
    pid_t pid = start_two_commits(path, &job, &s, &r);
    assert_int_equal(read(is_halfway[0], &c, 1), 1);
    meets = true;
    assert_int_equal(spool_wait(s, 20000), 0);
    assert_false(meets);
    assert_int_equal(read_chunk(s, &r), 0);
    assert_int_equal(r.applied, 2);
    assert_int_equal(finish(pid), 0);
    for (int i = 0; i < 2; i++) {
        close(is_halfway[i]);
        close(is_met[i]);
    }
    end_two_commits(path, &job, s);
}

static void two_processes_share_a_small_store(void **state)
{
    (void)state;
    char path[256];
    struct reader r = {0};
    struct writer_job job = {.first = true, .seed = 5, .max_size = 2 * MiB, .until = 20000};
    folder_make(path, sizeof path);
    pid_t pid = start(write_on, path, &job);
    struct spool *s = open_spool(path, job.max_size, false);
    struct position none = gtid_at(0);
    assert_ok(spool_consumer_open(s, &none, err));
    while (r.applied < job.until) {
        int rc = read_chunk(s, &r);
        if (rc == 0)
            trim_applied(s, &r);
        else if (rc == DS_EAGAIN)
            assert_int_equal(spool_wait(s, 20000), 0);
        else
            assert_int_equal(rc, DS_EPOSITION);
    }
    assert_int_equal(finish(pid), 0);
    assert_true(file_size(path, "data.mdb") < 4 * job.max_size);
    position_free(&none);
    spool_close(s);
    folder_remove(path);
}

/* --- locks ---------------------------------------------------------------- */

static void refused(const char *path, void *arg)
{
    struct spool *s;
    char pid[32];
    (void)arg;
    snprintf(pid, sizeof pid, "process %ld", (long)getppid());
    check(spool_open(&s, &(struct spool_options){path, MiB, false, false}, err) == 0);
    check(spool_writer_open(s, err) == DS_EBUSY);
    check(strstr(err->message, pid) && strstr(err->message, "writer.lock"));
    check(spool_consumer_open(s, NULL, err) == DS_EBUSY);
    check(strstr(err->message, pid) && strstr(err->message, "consumer.lock"));
    spool_close(s);
    check(spool_open(&s, &(struct spool_options){path, 0, false, true}, err) == 0);
    spool_close(s);
}

static void locks_hold_between_processes(void **state)
{
    (void)state;
    char path[256];
    int go[2];
    folder_make(path, sizeof path);
    assert_int_equal(pipe(go), 0);
    pid_t pid = fork(); /* before the store is opened: LMDB must not cross a fork */
    if (pid == 0) {
        char c;
        check(read(go[0], &c, 1) == 1);
        refused(path, NULL);
        _exit(0);
    }
    struct spool *s = open_spool(path, MiB, false);
    assert_ok(spool_writer_open(s, err));
    assert_ok(spool_consumer_open(s, NULL, err));
    assert_int_equal(write(go[1], "x", 1), 1);
    assert_int_equal(finish(pid), 0);
    spool_close(s);
    s = open_spool(path, MiB, false); /* and are free again */
    assert_ok(spool_writer_open(s, err));
    spool_close(s);
    close(go[0]);
    close(go[1]);
    folder_remove(path);
}

/* --- a reader that is killed while it reads ------------------------------- */

static void hold_a_read_transaction(const char *path, void *arg)
{
    MDB_env *env;
    MDB_txn *txn;
    const int *ready = arg;
    check(mdb_env_create(&env) == 0);
    check(mdb_env_set_maxdbs(env, 2) == 0);
    check(mdb_env_open(env, path, MDB_RDONLY | MDB_NOTLS, 0600) == 0);
    check(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) == 0);
    check(write(ready[1], "x", 1) == 1);
    for (;;)
        pause();
}

static void a_killed_reader_does_not_pin_pages(void **state)
{
    (void)state;
    const uint64_t max_size = 2 * MiB;
    char path[256], c;
    int ready[2];
    BUF_AUTO struct buf b = {0};
    folder_make(path, sizeof path);
    assert_int_equal(pipe(ready), 0);
    spool_close(open_spool(path, max_size, false));
    pid_t pid = start(hold_a_read_transaction, path, ready);
    assert_int_equal(read(ready[0], &c, 1), 1);
    struct spool *s = open_spool(path, max_size, false);
    assert_ok(spool_writer_open(s, err));
    assert_ok(spool_consumer_open(s, NULL, err));
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_true(WIFSIGNALED(finish(pid)));
    struct reader r = {0};
    for (uint64_t n = 1; n <= 30000; n++) {
        char text[40];
        note_fill(&b, n, 2000, true);
        assert_ok(spool_put(s, b.data, b.len, err));
        assert_int_equal(spool_mark_raw(s, gtid_text(n, text), (struct slice){0}, 0), 0);
        if (n % 300 == 0) {
            assert_ok(spool_flush(s, err));
            while (read_chunk(s, &r) == 0)
                continue;
            trim_applied(s, &r);
        }
    }
    assert_int_equal(r.applied, 30000);
    uint64_t size = file_size(path, "data.mdb");
    if (size > 3 * max_size)
        fail_msg("the file has grown to %" PRIu64, size);
    spool_close(s);
    close(ready[0]);
    close(ready[1]);
    folder_remove(path);
}

/* --- a full disk ----------------------------------------------------------- */

static int stop_waiting(void *arg)
{
    return ++*(int *)arg >= 2;
}

/* With room for about 12 MiB, and a spool that may hold 64: full, then 60 MB pass. */
static void pass_through_a_small_disk(const char *path)
{
    enum { MESSAGES = 30000, LENGTH = 2000 };
    struct spool *s;
    struct buf b = {0};
    struct consumer_job job = {.until = MESSAGES};
    pthread_t thread;
    int rc = 0, calls = 0;
    check(spool_open(&s, &(struct spool_options){path, 64 * MiB, false, false}, err) == 0);
    check(spool_writer_open(s, err) == 0);
    check(spool_consumer_open(s, NULL, err) == 0);
    spool_on_wait(s, stop_waiting, &calls);
    uint64_t n = 0;
    while (rc == 0 && n < MESSAGES) {
        note_fill(&b, n + 1, LENGTH, true);
        rc = spool_put(s, b.data, b.len, err);
        n += rc == 0;
    }
    check(rc == DS_ESTOPPED);
    check(n > 1000 && n < 12 * MiB / LENGTH);
    spool_on_wait(s, NULL, NULL);
    job.s = s;
    check(pthread_create(&thread, NULL, consume, &job) == 0);
    while (n < MESSAGES) {
        char text[40];
        note_fill(&b, ++n, LENGTH, true);
        check(spool_put(s, b.data, b.len, err) == 0);
        check(spool_mark_raw(s, gtid_text(n, text), (struct slice){0}, 0) == 0);
    }
    check(spool_flush(s, err) == 0);
    check(pthread_join(thread, NULL) == 0);
    check(job.failed == 0 && job.seen == MESSAGES);
    check(file_size(path, "data.mdb") <= 12 * MiB);
    buf_free(&b);
    spool_close(s);
}

enum { NO_MOUNT = 77 };

static void on_a_small_disk(const char *path, void *arg)
{
    (void)arg;
    if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("none", path, "tmpfs", 0, "size=12m"))
        _exit(NO_MOUNT);
    pass_through_a_small_disk(path);
}

static void a_full_disk_is_backpressure(void **state)
{
    (void)state;
    char path[256];
    folder_make(path, sizeof path);
    int status = finish(start(on_a_small_disk, path, NULL));
    folder_remove(path);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_MOUNT)
        skip(); /* not root: the next test shows the same with a limit */
    assert_int_equal(status, 0);
}

static void with_a_limit(const char *path, void *arg)
{
    (void)arg;
    signal(SIGXFSZ, SIG_IGN);
    check(setrlimit(RLIMIT_FSIZE, &(struct rlimit){12 * MiB, 12 * MiB}) == 0);
    pass_through_a_small_disk(path);
}

static void a_file_size_limit_is_backpressure(void **state)
{
    (void)state;
    char path[256];
    folder_make(path, sizeof path);
    assert_int_equal(finish(start(with_a_limit, path, NULL)), 0);
    folder_remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_writers_leave_whole_transactions),
        cmocka_unit_test(a_killed_writers_last_commit_is_seen),
        cmocka_unit_test(a_wait_is_ended_by_a_commit_that_it_meets_halfway),
        cmocka_unit_test(two_processes_share_a_small_store),
        cmocka_unit_test(locks_hold_between_processes),
        cmocka_unit_test(a_killed_reader_does_not_pin_pages),
        cmocka_unit_test(a_full_disk_is_backpressure),
        cmocka_unit_test(a_file_size_limit_is_backpressure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
