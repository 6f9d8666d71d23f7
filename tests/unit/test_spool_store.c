/* The spool's files: of another boot, damaged, foreign, looked at from outside. */
#include "tests/unit/spool_fixture.h"

static void write_file(const char *path, const char *name, const char *text)
{
    char file[600];
    snprintf(file, sizeof file, "%s/%s", path, name);
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void unsynced_stores_of_another_boot_are_thrown_away(void **state)
{
    struct fixture *f = *state;
    struct spool *observer;
    const struct spool_options look = {f->path, 0, false, true};
    assert_ok(spool_writer_open(f->s, err));
    put(f->s, 1, 100, true);
    assert_ok(spool_flush(f->s, err));
    spool_close(f->s);
    write_file(f->path, "boot", "00000000-0000-0000-0000-000000000000\n");
    write_file(f->path, "data.mdb", "what a crash has left"); /* LMDB must not see this */
    assert_int_equal(spool_open(&observer, &look, err), DS_EAGAIN);
    f->s = open_spool(f->path, 64 * MiB, false);
    assert_state(f->s, NULL, NULL, NULL);
    assert_ok(spool_writer_open(f->s, err));
    put(f->s, 1, 100, true);
    assert_ok(spool_flush(f->s, err));
    spool_close(f->s);

    f->s = open_spool(f->path, 64 * MiB, true); /* durable from now on: kept */
    assert_ok(spool_writer_open(f->s, err));
    put(f->s, 2, 100, true);
    assert_ok(spool_flush(f->s, err));
    spool_close(f->s);
    char text[20] = "";
    char file[300];
    snprintf(file, sizeof file, "%s/boot", f->path);
    FILE *boot = fopen(file, "r");
    assert_non_null(boot);
    assert_non_null(fgets(text, sizeof text, boot));
    assert_int_equal(fclose(boot), 0);
    assert_string_equal(text, "durable\n");
    f->s = open_spool(f->path, 64 * MiB, true);
    assert_state(f->s, NULL, "gtid=0-1-2", NULL);
}

static void observers_see_and_change_nothing(void **state)
{
    struct fixture *f = *state;
    struct spool *none;
    char nowhere[300];
    snprintf(nowhere, sizeof nowhere, "%s/none", f->path);
    assert_int_equal(spool_open(&none, &(struct spool_options){nowhere, 0, false, true}, err),
                     DS_EAGAIN);
    assert_null(none);
    assert_int_equal(access(nowhere, F_OK), -1);
    assert_ok(spool_writer_open(f->s, err));
    put(f->s, 1, 100, true);
    put(f->s, 2, 70000, true);
    assert_ok(spool_flush(f->s, err));
    spool_close(f->s);
    assert_ok(spool_open(&f->s, &(struct spool_options){f->path, 0, false, true}, err));
    assert_state(f->s, NULL, "gtid=0-1-2", NULL);
    BUF_AUTO struct buf out = {0};
    uint64_t seq = 0;
    assert_ok(spool_peek(f->s, &seq, &out, err));
    assert_int_equal(out.len, 100);
    seq++;
    assert_ok(spool_peek(f->s, &seq, &out, err));
    assert_int_equal(out.len, 70000);
    uint64_t end = seq + 1, inside = seq;
    assert_int_equal(spool_peek(f->s, &end, &out, err), DS_EAGAIN);
    assert_int_equal(spool_peek(f->s, &inside, &out, err), DS_EAGAIN); /* its second half */
}

static void damaged_and_foreign_stores_are_refused(void **state)
{
    struct fixture *f = *state;
    spool_close(f->s);
    f->s = NULL;
    BUF_AUTO struct buf junk = {0};
    for (int i = 0; i < 20000; i++)
        assert_int_equal(buf_puts(&junk, "junk"), 0);
    write_file(f->path, "data.mdb", buf_cstr(&junk));
    assert_int_equal(spool_open(&f->s, &(struct spool_options){f->path, MiB, false, false}, err),
                     DS_EIO);
    assert_non_null(strstr(err->message, "delete the folder"));
    struct spool *s;
    assert_int_equal(spool_open(&s, &(struct spool_options){"/proc/x", MiB, false, false}, err),
                     DS_EIO);
}

/* Its missing pages must not kill who reads them. */
static void a_store_that_was_cut_short_is_damaged(void **state)
{
    struct fixture *f = *state;
    BUF_AUTO struct buf out = {0};
    char path[sizeof f->path + 16];
    struct stat st;
    assert_ok(spool_writer_open(f->s, err));
    for (uint64_t n = 1; n <= 100; n++)
        put(f->s, n, 60000, true);
    assert_ok(spool_flush(f->s, err));
    spool_close(f->s);
    f->s = NULL;
    snprintf(path, sizeof path, "%s/data.mdb", f->path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size / 4), 0);
    for (int read_only = 0; read_only < 2; read_only++) {
        uint64_t seq = 0;
        int rc =
            spool_open(&f->s, &(struct spool_options){f->path, 64 * MiB, false, read_only}, err);
        for (; rc == 0; seq++)
            rc = spool_peek(f->s, &seq, &out, err);
        assert_true(rc == DS_EIO || rc == DS_EAGAIN);
        assert_true(seq < 100 || out.len == 0);
        spool_close(f->s);
        f->s = NULL;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(unsynced_stores_of_another_boot_are_thrown_away),
        TEST(observers_see_and_change_nothing),
        TEST(damaged_and_foreign_stores_are_refused),
        TEST(a_store_that_was_cut_short_is_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
